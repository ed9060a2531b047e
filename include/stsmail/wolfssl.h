/* SPDX-License-Identifier: MIT
 *
 * TLS on wolfSSL: fills struct sts_tls of port.h. Memory comes from one fixed pool that the caller gives,
 * trust anchors from a table (or a PEM text) that stays where it is, and random numbers from the caller's
 * generator.
 *
 *     static struct sts_wolfssl wolf;
 *     static _Alignas(16) uint8_t pool[STS_WOLFSSL_POOL];
 *
 *     sts_wolfssl_init(&wolf, pool, sizeof pool, &random);
 *     sts_wolfssl_trust_table(&wolf, roots, roots_len);     made by `make trust CA=FILE`
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

/* Less is refused at once. */
#define STS_WOLFSSL_POOL_LEAST 4096u

/* How the pool was used; for tuning its size. */
struct sts_wolfssl_pool {
    uint8_t *base; /* the pool, aligned */
    size_t size;   /* bytes of it that can be used */
    size_t used;   /* bytes in use now, headers included */
    size_t peak;   /* the most that was in use at once */
    size_t top;    /* the highest byte that was ever in use */
    size_t low;    /* no block below is free */
    size_t
        missing; /* bytes by which the pool was too short for the worst of the requests that found no room */
    size_t record;   /* the largest buffer that was asked for to hold a record of TLS */
    uint32_t failed; /* requests that found no room */
};

struct sts_wolfssl_ask;
struct sts_root;

struct sts_wolfssl {
    struct sts_tls tls; /* what the mailer wants; filled by sts_wolfssl_init() */
    struct sts_wolfssl_pool pool;
    const struct sts_random *seed;
    const void *anchors; /* a table, or PEM; NULL: none */
    size_t anchors_len;
    /* The owner's watchdog, or NULL: called whenever wolfSSL takes or gives back memory, reads or writes, which is
     * as often as a long step of cryptography can be left. One operation on a key is not left: on a Cortex-M3
     * with the assembly there is silence for at most 13 million instructions (P-384), 5 (RSA-4096), 2 (P-256,
     * RSA-2048). Set after init. */
    void (*alive)(void *ctx);
    void *alive_ctx;
    /* Or NULL: sees the certificate of every peer, good or bad, before the handshake goes on. Set after init. */
    void (*on_leaf)(void *ctx, const uint8_t *der, size_t len);
    void *leaf_ctx;
    /* The n-th CA of them that has the name, and may have the key, that is asked for. */
    bool (*find)(struct sts_wolfssl *w, const struct sts_wolfssl_ask *ask, size_t n,
                 struct sts_root *root);
};

/* Prepares *w. pool (any alignment, size bytes) and *seed stay with the port as long as *w is used.
 * STS_OK; STS_ERR_ARG (a NULL, or a pool under STS_WOLFSSL_POOL_LEAST); STS_ERR_MEMORY where wolfSSL does not start. */
int sts_wolfssl_init(struct sts_wolfssl *w, void *pool, size_t size, const struct sts_random *seed);

/* Sets the trust anchors: a table of them that stays where it is, in flash or mapped from a file. Its checksum is
 * looked at here, and nothing else before a chain asks for its root; then that root is used where it lies, so 144
 * roots cost what one costs. A root whose time is over, or has not begun, counts as absent. Replaces earlier
 * anchors; no connection is open.
 * Returns how many CAs there are (> 0), or STS_ERR_CONFIG where there is none, or the table is damaged. */
int sts_wolfssl_trust_table(struct sts_wolfssl *w, const void *table, size_t len);

/* How a table begins: tells it from a PEM text. */
#define STS_WOLFSSL_TABLE_MAGIC "STSR"

/* What became of the certificates of a CA file. */
struct sts_wolfssl_made {
    size_t size;         /* octets of the table */
    unsigned roots;      /* entries of it */
    unsigned duplicates; /* left out: the same root stands there twice */
    unsigned
        unfit; /* left out: no CA's, or not one that may issue servers' certificates (RFC 5280 4.2.1) */
    unsigned unreadable; /* left out: no certificate between BEGIN and END */
    const char *bad;     /* where the first of the unreadable ones begins, or NULL */
};

/* Makes the table of a PEM text: the certificates in it that name themselves as issuer and are CAs are anchors; other
 * CAs help to complete a chain. It never takes more than len + 16 octets (STS_ERR_SPACE where size is less than it
 * takes). The same text makes the same table. Call sts_wolfssl_init() before. Returns how many CAs there are (> 0), or STS_ERR_CONFIG where there
 * is none. *made is filled in any case. */
int sts_wolfssl_table_make(const char *pem, size_t len, void *out, size_t size,
                           struct sts_wolfssl_made *made);

/* The same from a PEM text of len bytes (a NUL at its end is not needed), without a table: it is searched from its
 * start whenever a chain asks for its root, of which a copy is made in the pool.
 * Returns how many certificates there are (> 0), or STS_ERR_CONFIG where there is none. */
int sts_wolfssl_trust_pem(struct sts_wolfssl *w, const char *pem, size_t len);

/* What a person wants to know of a certificate; nothing here is a verdict. */
struct sts_wolfssl_leaf {
    int64_t from_s, until_s; /* seconds since 1970, both inclusive */
    bool self_issued;        /* it names itself as its issuer */
    unsigned names;          /* DNS-IDs in all */
    char shown[256];         /* as many of them as fit, "a, b, ..."; printable, "" if none */
};

/* Reads one, for on_leaf. STS_OK, or STS_ERR_SYNTAX: it is none. */
int sts_wolfssl_leaf_read(struct sts_wolfssl_leaf *leaf, const uint8_t *der, size_t len);

#ifdef __cplusplus
}
#endif
#endif
