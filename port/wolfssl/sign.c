/* SPDX-License-Identifier: MIT
 *
 * Two SHA-256 side by side, for the signatures of mail.
 */
#include "sign.h"

#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/sha256.h>

_Static_assert(sizeof(wc_Sha256) <= sizeof((struct sts_wolfssl_signer *)0)->hash[0],
               "room for a wc_Sha256");

static wc_Sha256 *hash_of(struct sts_wolfssl_signer *s, unsigned which)
{
    return (wc_Sha256 *)(void *)s->hash[which];
}

void sts_wolfssl_sign_turn(const struct sts_wolfssl_signer *s)
{
    sts_wolfssl_turn.w = s->w;
    sts_wolfssl_turn.conn = NULL;
}

int sts_wolfssl_sign_error(int code)
{
    switch (code) {
    case 0: return STS_OK;
    case MEMORY_E: return STS_ERR_MEMORY;
    case RNG_FAILURE_E:
    case DRBG_CONT_FIPS_E: return STS_ERR_RANDOM;
    default: return STS_ERR_CONFIG;
    }
}

static int signer_begin(void *ctx)
{
    struct sts_wolfssl_signer *s = ctx;
    int err = 0;

    sts_wolfssl_sign_turn(s);
    for (unsigned which = 0; which < 2 && err == 0; which++) {
        err = wc_InitSha256(hash_of(s, which));
    }
    return sts_wolfssl_sign_error(err);
}

static int signer_hash(void *ctx, unsigned which, const void *bytes, size_t len)
{
    struct sts_wolfssl_signer *s = ctx;

    sts_wolfssl_sign_turn(s);
    return sts_wolfssl_sign_error(wc_Sha256Update(hash_of(s, which), bytes, (word32)len));
}

static int signer_digest(void *ctx, unsigned which, uint8_t out[32])
{
    struct sts_wolfssl_signer *s = ctx;

    sts_wolfssl_sign_turn(s);
    return sts_wolfssl_sign_error(wc_Sha256Final(hash_of(s, which), out));
}

void sts_wolfssl_sign_start(struct sts_wolfssl_signer *s, struct sts_wolfssl *w, const uint8_t *key,
                            size_t len)
{
    *s = (struct sts_wolfssl_signer){.w = w, .key = key, .key_len = len};
    s->signer.ctx = s;
    s->signer.begin = signer_begin;
    s->signer.hash = signer_hash;
    s->signer.digest = signer_digest;
    sts_wolfssl_sign_turn(s);
}
