/* SPDX-License-Identifier: MIT
 *
 * ed25519-sha256 (RFC 8463). Only the objects that sign know of Ed25519: TLS, which no public CA gives certificates of
 * that kind for, stays as it is without.
 */
#ifndef HAVE_ED25519
#define HAVE_ED25519
#endif
#include "sign.h"

#include <wolfssl/wolfcrypt/ed25519.h>

/* The public key is made from the private one, never read: a signature with one that does not belong to it would give
 * the private key away. */
static int load(struct sts_wolfssl_signer *s, ed25519_key *key)
{
    int err = wc_ed25519_init(key);

    return err == 0 ? wc_ed25519_import_private_key(s->key, 32, s->public_key, 32, key) : err;
}

static int32_t ed25519_sign(void *ctx, const uint8_t digest[32], uint8_t *out, size_t size)
{
    struct sts_wolfssl_signer *s = ctx;
    word32 len = ED25519_SIG_SIZE;
    ed25519_key key;
    int err;

    if (size < ED25519_SIG_SIZE) {
        return STS_ERR_SPACE;
    }
    sts_wolfssl_sign_turn(s);
    err = load(s, &key);
    if (err == 0) {
        err = wc_ed25519_sign_msg(digest, 32, out, &len, &key);
    }
    wc_ed25519_free(&key); /* wipes it */
    return err == 0 ? (int32_t)len : sts_wolfssl_sign_error(err);
}

int sts_wolfssl_sign_ed25519(struct sts_wolfssl_signer *s, struct sts_wolfssl *w,
                             const uint8_t seed[32])
{
    ed25519_key key;
    int err;

    if (s == NULL || w == NULL || seed == NULL) {
        return STS_ERR_ARG;
    }
    sts_wolfssl_sign_start(s, w, seed, 32);
    s->signer.algorithm = STS_DKIM_ED25519;
    s->signer.sign = ed25519_sign;
    err = wc_ed25519_init(&key);
    if (err == 0) {
        err = wc_ed25519_import_private_only(seed, 32, &key);
    }
    if (err == 0) {
        err = wc_ed25519_make_public(&key, s->public_key, sizeof s->public_key);
    }
    wc_ed25519_free(&key);
    return sts_wolfssl_sign_error(err);
}
