/* SPDX-License-Identifier: MIT
 *
 * rsa-sha256: RSASSA-PKCS1-v1_5 (RFC 6376 3.3.1), with keys of 2048 bits and more (RFC 8301 3.2). The key is decoded for each
 * signature, in the pool, and wiped after it.
 */
#include "sign.h"

#ifndef WOLFSSL_RSA_PUBLIC_ONLY

#include <string.h>

#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/random.h>
#include <wolfssl/wolfcrypt/rsa.h>

/* DigestInfo of a SHA-256 (RFC 8017 9.2, note 1): this, and the digest. */
static const uint8_t info_head[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                    0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
#define INFO_LEN (sizeof info_head + 32)

/* A key and what blinds it, in the pool. */
struct rsa {
    RsaKey key;
    WC_RNG rng;
};

static int rsa_open(struct rsa *r)
{
    int err = wc_InitRsaKey(&r->key, NULL);

    if (err == 0 && (err = wc_InitRng(&r->rng)) != 0) {
        wc_FreeRsaKey(&r->key);
    }
    return err != 0 ? err : wc_RsaSetRNG(&r->key, &r->rng);
}

static void rsa_close(struct rsa *r)
{
    wc_FreeRng(&r->rng);
    wc_FreeRsaKey(&r->key);
}

static int rsa_load(struct rsa *r, const struct sts_wolfssl_signer *s)
{
    word32 at = 0;
    int err = wc_RsaPrivateKeyDecode(s->key, &at, &r->key, (word32)s->key_len);
    int octets = err == 0 ? wc_RsaEncryptSize(&r->key) : 0;

    return err == 0 && (octets < 256 || octets > 512) ? BAD_FUNC_ARG : err;
}

/* The signature is verified before it leaves: one that a glitch spoilt would give the key away. */
static int rsa_sign_with(struct rsa *r, const uint8_t *info, uint8_t *out, size_t size)
{
    uint8_t again[INFO_LEN + 16];
    int len = wc_RsaSSL_Sign(info, INFO_LEN, out, (word32)size, &r->key, &r->rng);
    int back = len > 0 ? wc_RsaSSL_Verify(out, (word32)len, again, sizeof again, &r->key) : len;

    if (len > 0 && (back != (int)INFO_LEN || memcmp(again, info, INFO_LEN) != 0)) {
        memset(out, 0, size);
        return back == MEMORY_E ? back : RSA_KEY_PAIR_E;
    }
    return len;
}

static int32_t rsa_sign(void *ctx, const uint8_t digest[32], uint8_t *out, size_t size)
{
    struct sts_wolfssl_signer *s = ctx;
    uint8_t info[INFO_LEN];
    struct rsa *r;
    int len;

    sts_wolfssl_sign_turn(s);
    r = sts_pool_take(&s->w->pool, sizeof *r);
    if (r == NULL) {
        return STS_ERR_MEMORY;
    }
    memcpy(info, info_head, sizeof info_head);
    memcpy(info + sizeof info_head, digest, 32);
    len = rsa_open(r);
    if (len == 0) {
        len = rsa_load(r, s);
        if (len == 0) {
            len = rsa_sign_with(r, info, out, size);
        }
        rsa_close(r);
    }
    sts_pool_give(&s->w->pool, r);
    return len > 0 ? len : len == RSA_BUFFER_E ? STS_ERR_SPACE : sts_wolfssl_sign_error(len);
}

int sts_wolfssl_sign_rsa(struct sts_wolfssl_signer *s, struct sts_wolfssl *w, const uint8_t *der,
                         size_t len)
{
    static const uint8_t digest[32];
    uint8_t out[512];
    int32_t n;

    if (s == NULL || w == NULL || der == NULL) {
        return STS_ERR_ARG;
    }
    sts_wolfssl_sign_start(s, w, der, len);
    s->signer.algorithm = STS_DKIM_RSA;
    s->signer.sign = rsa_sign;
    n = rsa_sign(s, digest, out, sizeof out);
    return n > 0 ? STS_OK : (int)n;
}

#ifdef WOLFSSL_KEY_GEN

int32_t sts_wolfssl_make_rsa(struct sts_wolfssl *w, unsigned bits, uint8_t *out, size_t size)
{
    struct sts_wolfssl_signer s;
    struct rsa *r;
    int len;

    sts_wolfssl_sign_start(&s, w, NULL, 0);
    r = sts_pool_take(&w->pool, sizeof *r);
    if (r == NULL) {
        return STS_ERR_MEMORY;
    }
    len = rsa_open(r);
    if (len == 0) {
        len = wc_MakeRsaKey(&r->key, (int)bits, WC_RSA_EXPONENT, &r->rng);
        len = len == 0 ? wc_RsaKeyToDer(&r->key, out, (word32)size) : len;
        rsa_close(r);
    }
    sts_pool_give(&w->pool, r);
    return len > 0 ? len : len == BAD_FUNC_ARG ? STS_ERR_SPACE : sts_wolfssl_sign_error(len);
}

#endif
#endif
