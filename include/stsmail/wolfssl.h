/* SPDX-License-Identifier: MIT
 *
 * TLS on wolfSSL: fills struct sts_tls of port.h. Memory comes from one fixed pool that the caller gives,
 * trust anchors from a PEM text that stays where it is, and random numbers from the caller's generator.
 *
 *     static struct sts_wolfssl wolf;
 *     static _Alignas(16) uint8_t pool[STS_WOLFSSL_POOL];
 *
 *     sts_wolfssl_init(&wolf, pool, sizeof pool, &random);
 *     sts_wolfssl_trust_pem(&wolf, pem, pem_len);
 *     ... hand &wolf.tls to the mailer ...
 *
 * wolfSSL keeps settings of its own per program, so this is the one part of stsmail with file-scope
 * variables: call it from one thread, or under one lock. Several objects may take turns.
 */
#ifndef STSMAIL_WOLFSSL_H
#define STSMAIL_WOLFSSL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stsmail/error.h>
#include <stsmail/port.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of pool for Linux, where keys go up to RSA-4096 and a certificate may carry a thousand names.
 * A device needs 20 to 32 KB; too little shows as STS_ERR_MEMORY, never as a bad certificate. */
#define STS_WOLFSSL_POOL (512u * 1024u)

/* How the pool was used; for tuning its size. */
struct sts_wolfssl_pool {
    uint8_t *base;   /* the pool, aligned to 16 */
    size_t size;     /* bytes of it that can be used */
    size_t used;     /* bytes in use now, headers included */
    size_t peak;     /* the most that was in use at once */
    size_t top;      /* the highest byte that was ever in use */
    size_t low;      /* no block below is free */
    uint32_t failed; /* requests that found no room */
};

struct sts_wolfssl {
    struct sts_tls tls; /* what the mailer wants; filled by sts_wolfssl_init() */
    struct sts_wolfssl_pool pool;
    const struct sts_random *seed;
    const char *pem; /* the trust anchors */
    size_t pem_len;
};

/* Prepares *w. pool (any alignment, size bytes) and *seed stay with the port as long as *w is used.
 * STS_OK; STS_ERR_ARG (a NULL, or a pool under 4 KiB); STS_ERR_MEMORY where wolfSSL does not start. */
int sts_wolfssl_init(struct sts_wolfssl *w, void *pool, size_t size, const struct sts_random *seed);

/* Sets the trust anchors: a PEM text of len bytes (a NUL at its end is not needed) that stays where it is, in
 * flash or mapped from a file. Anchors are the certificates in it that name themselves as issuer and are
 * CAs; other CA certificates help to complete a chain. Nothing is parsed before a chain asks for its root,
 * so 144 roots cost what one costs. Replaces an earlier text; no connection is open.
 * A root without a subject key identifier (RFC 5280 4.2.1.2 wants one; of Debian's, TWCA Global Root CA has
 * none) does not serve for a certificate with an authority key identifier: wolfSSL takes them for two keys.
 * Returns how many certificates there are (> 0), or STS_ERR_CONFIG where there is none. */
int sts_wolfssl_trust_pem(struct sts_wolfssl *w, const char *pem, size_t len);

#ifdef __cplusplus
}
#endif
#endif
