/* SPDX-License-Identifier: MIT
 *
 * DKIM keys on wolfCrypt: fills struct sts_signer of dkim.h. Its memory is the pool of the struct sts_wolfssl that is
 * named: hashing takes 300 bytes of it for a moment; Ed25519 nothing but about 2 KB of stack; an RSA key about 10 KB
 * while it signs, when no TLS is up.
 *
 * Ed25519 needs ed25519.c, ge_operations.c and fe_operations.c of wolfSSL with HAVE_ED25519, these objects alone (with
 * ED25519_SMALL: ge_low_mem.c and fe_low_mem.c); RSA needs settings without WOLFSSL_RSA_PUBLIC_ONLY.
 */
#ifndef STSMAIL_WOLFSSL_SIGN_H
#define STSMAIL_WOLFSSL_SIGN_H

#include <stsmail/dkim.h>
#include <stsmail/wolfssl.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A private key in use. Members are the port's own, but for `signer`. */
struct sts_wolfssl_signer {
    struct sts_signer signer; /* for sts_dkim_init() */
    struct sts_wolfssl *w;
    const uint8_t *key;
    size_t key_len;
    uint8_t public_key[32];                /* Ed25519's */
#ifdef __cplusplus
    alignas(16)
#else
    _Alignas(16)
#endif
    uint8_t hash[2][128]; /* two wc_Sha256 */
};

/* Prepares to sign with an Ed25519 key, the 32 octets that RFC 8032 5.1.5 calls the private key; they stay where they are.
 * sts_wolfssl_init(w) came before. STS_OK, STS_ERR_ARG, STS_ERR_CONFIG. */
int sts_wolfssl_sign_ed25519(struct sts_wolfssl_signer *s, struct sts_wolfssl *w, const uint8_t seed[32]);

/* The same with an RSA key of 2048 to 4096 bits, an RSAPrivateKey in DER (RFC 8017 A.1.2). A test signature shows that its
 * parts belong together. STS_OK, STS_ERR_ARG, STS_ERR_CONFIG (no such key), STS_ERR_MEMORY, STS_ERR_RANDOM. */
int sts_wolfssl_sign_rsa(struct sts_wolfssl_signer *s, struct sts_wolfssl *w, const uint8_t *der, size_t len);

/* Makes an RSA key: its RSAPrivateKey in DER. Where wolfSSL has WOLFSSL_KEY_GEN. Octets put into out, or an error as
 * above, STS_ERR_SPACE. */
int32_t sts_wolfssl_make_rsa(struct sts_wolfssl *w, unsigned bits, uint8_t *out, size_t size);

/* ---- key files -------------------------------------------------------------------------------- */

/* A private key as it was found in a file. */
struct sts_sign_key {
    uint8_t algorithm;  /* enum sts_dkim_algorithm */
    const uint8_t *key; /* within the file: the 32 octets, or the RSAPrivateKey */
    size_t len;
    const uint8_t *numbers; /* of RSA: modulus and exponent, two INTEGERs */
    size_t numbers_len;
    unsigned bits; /* of RSA: its modulus */
    const char *why; /* what is wrong, for a person: "it is ..."; NULL: nothing */
};

/* Finds the private key in a file: PKCS#8 (RFC 5208, RFC 8410), or RSA's own form, as PEM or DER. PEM is decoded in
 * place. STS_OK, or STS_ERR_CONFIG and k->why. */
int sts_sign_key_read(struct sts_sign_key *k, uint8_t *file, size_t len);

/* Octets of the DER of an RSA key's SubjectPublicKeyInfo at the most, and that, as p= of a DKIM record wants it (RFC
 * 6376 3.6.1). Octets put into out; 0: no RSA key, or it does not fit. */
#define STS_SIGN_PUBLIC_MAX 600
size_t sts_sign_key_public(const struct sts_sign_key *k, uint8_t *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
