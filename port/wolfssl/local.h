/* SPDX-License-Identifier: MIT
 *
 * What the files of this port share.
 *
 *   tls.c       struct sts_tls on a WOLFSSL, and the verdict on the peer
 *   trust.c     the signers that a chain asks for; which CAs of a chain are taken
 *   trust_table.c, trust_pem.c  the two places where trust anchors may be
 *   table.c, build.c  the table of trust anchors: read, and made
 *   root.c      what of a certificate makes a trust anchor
 *   identity.c  whether a certificate stands for a host name, and may be used by a server
 *   leaf.c      what of a certificate is for people
 *   pem.c       certificates in a CA file, read by places
 *   der.c       the few things of DER that these need
 *   gate.c      what a record may be before wolfSSL sees it
 *   pool.c      memory, clock and entropy for wolfSSL
 */
#ifndef STS_WOLFSSL_LOCAL_H
#define STS_WOLFSSL_LOCAL_H

#include "cert.h"

#include <stsmail/wolfssl.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn.h>

/* ---- trust ---------------------------------------------------------------------------------- */

/* The certificate whose signer is wanted. */
struct sts_wolfssl_ask {
    bool on;                          /* there is one */
    bool by_id;                       /* its issuer's key identifier was looked up */
    struct sts_der issuer;            /* Name */
    struct sts_der key_id;            /* of the issuer's key; empty: it does not say */
    uint8_t hash[SIGNER_DIGEST_SIZE]; /* of the issuer */
};

/* ---- connection ----------------------------------------------------------------------------- */

struct sts_wolfssl_conn {
    struct sts_wolfssl *w;
    struct sts_tls_peer peer;
    WOLFSSL_CTX *ctx;
    WOLFSSL *ssl;
    struct sts_gate gate;
    uint32_t pool_failed; /* pool.failed when it was opened */
    int error;            /* sticky */
    int leaf_error;       /* what is wrong with the leaf */
    uint16_t budget;      /* bytes that this call may still read */
    uint8_t depth;        /* of look-ups within look-ups */
    bool leaf_seen;       /* wolfSSL gave its verdict on a leaf */
    bool leaf_good;       /* and it was good, and so was ours */
    bool expired;         /* a CA under an anchor, or an anchor, that was asked for had expired */
    bool closed, wants_write, done;
    const uint8_t *passed_over; /* a CA of the chain that failed, and must not be added */
    size_t passed_over_len;
    const WOLFSSL_BUFFER_INFO *chain; /* what the peer sent, known once a CA of it failed */
    int chain_count;
    uint32_t again;        /* by place in it: lacked its issuer, which may have come later */
    struct Signer *issuer; /* the signer that was found last */
    struct sts_wolfssl_ask ask;
    struct Signer root; /* the anchor that was found last: its key lies where the anchors are */
    uint8_t *root_der;  /* or in here, where those are PEM */
    uint8_t skip;       /* signers to pass over: their keys were tried */
};

/* Whose turn it is: wolfSSL's hooks carry no argument of ours. Set by every function of struct sts_tls. */
struct sts_wolfssl_turn {
    struct sts_wolfssl *w;
    struct sts_wolfssl_conn *conn; /* NULL outside a handshake */
    int64_t utc_s;
};
extern struct sts_wolfssl_turn sts_wolfssl_turn;

/* Tells the owner's watchdog that we are still there. */
void sts_wolfssl_alive(void);

/* Whether wolfSSL was built with hook.h: true, or it does not link. */
bool sts_wolfssl_hooked(void);

void sts_pool_init(struct sts_wolfssl_pool *p, void *pool, size_t size);
void *sts_pool_take(struct sts_wolfssl_pool *p, size_t size);
void sts_pool_give(struct sts_wolfssl_pool *p, void *ptr);

#endif
