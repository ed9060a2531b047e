/* SPDX-License-Identifier: MIT
 *
 * struct sts_tls on wolfSSL. A peer is verified when we hold positive evidence of it, and for no other
 * reason: wolfSSL gave its verdict on a leaf of this very handshake, the leaf's chain ends at an anchor
 * of ours, the peer signed with the leaf's key, version and suite are on our list, and our own matcher
 * finds the host among the leaf's DNS-IDs. "The handshake succeeded" is no evidence.
 */
#include "local.h"

#include <string.h>

#include <wolfssl/error-ssl.h>
#include <wolfssl/internal.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#define TLS12 0x0303
#define TLS13 0x0304

/* Most bytes read from the network in one call, so that no peer makes one call long. */
#define READ_MAX 20000u

static const char suites[] = "TLS13-CHACHA20-POLY1305-SHA256:TLS13-AES128-GCM-SHA256:"
#ifdef WOLFSSL_AES_256
                             "TLS13-AES256-GCM-SHA384:"
                             "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
#endif
                             "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
                             "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                             "RENEGOTIATION-INFO"; /* a signal, no suite: RFC 5746 3.3 */

/* The same by number: what the server chose is looked up here again. */
static const uint16_t suite_numbers[] = {0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c,
                                         0xc02f, 0xc030, 0xcca8, 0xcca9};

static const word16 groups[] = {STS_WOLFSSL_GROUPS};

/* ---- the verdict ------------------------------------------------------------------------------- */

/* What wolfSSL says of a certificate, as RFC 8460 4.3 tells errors apart. */
static int category(int wolf)
{
    switch (wolf) {
    case ASN_BEFORE_DATE_E:
    case ASN_AFTER_DATE_E: return STS_ERR_CERT_EXPIRED;
    case ASN_NO_SIGNER_E:
    case ASN_SELF_SIGNED_E:
    case ASN_SIG_CONFIRM_E:
    case ASN_SIG_HASH_E:
    case ASN_SIG_KEY_E:
    case ASN_SIG_OID_E:
    case ASN_PATHLEN_SIZE_E:
    case ASN_PATHLEN_INV_E:
    case ASN_NAME_INVALID_E:
    case HASH_TYPE_E:
    case NOT_CA_ERROR: return STS_ERR_CERT_TRUST;
    default: return STS_ERR_TLS;
    }
}

/* A CA that fails is passed over: not added (trust.c sees to it), not fatal. Servers send expired
 * cross-signed ones for years after nobody needs them; if the leaf does need it, the leaf fails. */
static int judge_ca(struct sts_wolfssl_conn *c, const WOLFSSL_X509_STORE_CTX *store)
{
    const WOLFSSL_BUFFER_INFO *der = &store->certs[store->error_depth];

    c->passed_over = der->buffer;
    c->passed_over_len = der->length;
    c->chain = store->certs;
    c->chain_count = store->totalCerts;
    c->expired |= category(store->error) == STS_ERR_CERT_EXPIRED;
    if (store->error == ASN_NO_SIGNER_E && store->error_depth < 32) {
        c->again |= UINT32_C(1) << store->error_depth;
    }
    return 1;
}

static int judge_leaf(struct sts_wolfssl_conn *c, int ok, const WOLFSSL_X509_STORE_CTX *store)
{
    const WOLFSSL_BUFFER_INFO *der = &store->certs[0];
    int err;

    if (!ok || store->error != 0) {
        err = category(store->error);
        if (err == STS_ERR_CERT_TRUST && c->expired) {
            err = STS_ERR_CERT_EXPIRED; /* what is missing is what had expired */
        }
        return err;
    }
    err = sts_identity_usage(der->buffer, der->length);
    return err != STS_OK ? err : sts_identity_check(der->buffer, der->length, c->peer.name);
}

static int on_certificate(int ok, WOLFSSL_X509_STORE_CTX *store)
{
    struct sts_wolfssl_conn *c = store->userCtx;

    if (store->totalCerts < 1 || store->certs == NULL || c->done) {
        c->leaf_error = STS_ERR_TLS;
        return 0;
    }
    if (store->error_depth > 0) {
        return judge_ca(c, store);
    }
    if (c->w->on_leaf != NULL) {
        c->w->on_leaf(c->w->leaf_ctx, store->certs[0].buffer, store->certs[0].length);
    }
    c->leaf_error = judge_leaf(c, ok, store);
    c->chain = NULL; /* wolfSSL's buffer ends here */
    c->leaf_seen = true;
    c->leaf_good = c->leaf_error == STS_OK;
    return c->leaf_good || !c->peer.require;
}

static bool suite_allowed(int suite)
{
    for (size_t i = 0; i < sizeof suite_numbers / sizeof suite_numbers[0]; i++) {
        if (suite_numbers[i] == suite) {
            return true;
        }
    }
    return false;
}

/* That the peer holds the leaf's key: its signature was checked, in CertificateVerify (TLS 1.3) or
 * ServerKeyExchange (1.2). */
static bool peer_signed(const WOLFSSL *ssl, int version)
{
    return ssl->options.havePeerCert && ssl->options.peerAuthGood &&
           (version != TLS13 || ssl->options.havePeerVerify);
}

/* ALPN: the one protocol that we offered, or none at all (RFC 7301 3.2). */
static bool alpn_agreed(const struct sts_wolfssl_conn *c)
{
#ifdef HAVE_ALPN
    char *name = NULL;
    word16 len = 0;

    if (c->peer.alpn != NULL && wolfSSL_ALPN_GetProtocol(c->ssl, &name, &len) == WOLFSSL_SUCCESS) {
        return len == strlen(c->peer.alpn) && memcmp(name, c->peer.alpn, len) == 0;
    }
#endif
    (void)c;
    return true;
}

/* The handshake is over: what does it prove? STS_OK, or why it can't be used at all. */
static int verdict(struct sts_wolfssl_conn *c, struct sts_tls_state *state)
{
    int version = wolfSSL_version(c->ssl);

    if ((version != TLS12 && version != TLS13) || !alpn_agreed(c) ||
        !suite_allowed(wolfSSL_get_current_cipher_suite(c->ssl))) {
        return STS_ERR_TLS;
    }
    state->version = (uint16_t)version;
    state->verified = c->leaf_seen && c->leaf_good && peer_signed(c->ssl, version);
    if (!state->verified && c->w->pool.failed != c->pool_failed) {
        return STS_ERR_MEMORY; /* a root that did not fit is not the peer's fault */
    }
    if (!state->verified) {
        state->error = c->leaf_error != STS_OK ? c->leaf_error : STS_ERR_TLS;
    }
    return state->verified || !c->peer.require ? STS_OK : state->error;
}

/* ---- bytes ------------------------------------------------------------------------------------- */

static int on_recv(WOLFSSL *ssl, char *buf, int size, void *ctx)
{
    struct sts_wolfssl_conn *c = ctx;
    size_t want = size < (int)c->budget ? (size_t)size : c->budget;
    int32_t n;

    sts_wolfssl_alive();
    if (c->gate.refused) {
        return WOLFSSL_CBIO_ERR_GENERAL;
    }
    if (want == 0) {
        return WOLFSSL_CBIO_ERR_WANT_READ;
    }
    n = c->peer.net->recv(c->peer.net->ctx, c->peer.handle, buf, want);
    if (n == 0) {
        return WOLFSSL_CBIO_ERR_WANT_READ;
    }
    if (n < 0) {
        c->closed = true;
        return WOLFSSL_CBIO_ERR_CONN_CLOSE;
    }
    c->budget = (uint16_t)(c->budget - (uint16_t)n);
    if (!sts_gate_in(&c->gate, (const uint8_t *)buf, (size_t)n, wolfSSL_version(ssl) == TLS13,
                     c->done)) {
        return WOLFSSL_CBIO_ERR_GENERAL;
    }
    return n;
}

static int on_send(WOLFSSL *ssl, char *buf, int size, void *ctx)
{
    struct sts_wolfssl_conn *c = ctx;
    int32_t n = c->peer.net->send(c->peer.net->ctx, c->peer.handle, buf, (size_t)size);

    (void)ssl;
    sts_wolfssl_alive();
    if (n == 0) {
        return WOLFSSL_CBIO_ERR_WANT_WRITE;
    }
    if (n < 0) {
        c->closed = true;
        return WOLFSSL_CBIO_ERR_CONN_CLOSE;
    }
    sts_gate_out(&c->gate, (const uint8_t *)buf, (size_t)n);
    return n;
}

static void turn(struct sts_wolfssl *w, struct sts_wolfssl_conn *conn)
{
    sts_wolfssl_turn.w = w;
    sts_wolfssl_turn.conn = conn;
}

/* Why a call failed. A pool that ran out shows in odd ways (a signature that does not verify), and
 * a peer that is gone explains the rest. */
static int failure(const struct sts_wolfssl_conn *c)
{
    if (c->w->pool.failed != c->pool_failed) {
        return STS_ERR_MEMORY;
    }
    if (c->gate.refused) {
        return STS_ERR_TLS;
    }
    return c->closed ? STS_ERR_CLOSED : STS_ERR_TLS;
}

/* ---- open and close ---------------------------------------------------------------------------- */

static void conn_free(struct sts_wolfssl_conn *c)
{
    wolfSSL_free(c->ssl);
    wolfSSL_CTX_free(c->ctx);
    sts_pool_give(&c->w->pool, c->root_der);
    sts_pool_give(&c->w->pool, c);
}

static bool context_ready(struct sts_wolfssl_conn *c)
{
    c->ctx = wolfSSL_CTX_new(wolfTLS_client_method());
    if (c->ctx == NULL) {
        return false;
    }
    wolfSSL_SetIORecv(c->ctx, on_recv);
    wolfSSL_SetIOSend(c->ctx, on_send);
    return wolfSSL_CTX_SetMinVersion(c->ctx, WOLFSSL_TLSV1_2) == WOLFSSL_SUCCESS &&
           wolfSSL_CTX_set_cipher_list(c->ctx, suites) == WOLFSSL_SUCCESS &&
           wolfSSL_CTX_SetMinRsaKey_Sz(c->ctx, 2048) == WOLFSSL_SUCCESS &&
           wolfSSL_CTX_SetMinEccKey_Sz(c->ctx, 256) == WOLFSSL_SUCCESS;
}

static bool groups_set(WOLFSSL *ssl)
{
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (wolfSSL_UseSupportedCurve(ssl, groups[i]) != WOLFSSL_SUCCESS) {
            return false;
        }
    }
    return wolfSSL_UseKeyShare(ssl, groups[0]) == WOLFSSL_SUCCESS;
}

static bool names_set(const struct sts_wolfssl_conn *c)
{
    size_t len = strlen(c->peer.name);

    if (sts_identity_is_name(c->peer.name) && /* RFC 6066 3: no addresses */
        wolfSSL_UseSNI(c->ssl, WOLFSSL_SNI_HOST_NAME, c->peer.name, (word16)len) !=
            WOLFSSL_SUCCESS) {
        return false;
    }
#ifdef HAVE_ALPN
    if (c->peer.alpn != NULL) {
        char list[32]; /* wolfSSL wants to write into it */

        len = strlen(c->peer.alpn);
        if (len >= sizeof list) {
            return false;
        }
        memcpy(list, c->peer.alpn, len + 1);
        return wolfSSL_UseALPN(c->ssl, list, (unsigned)len, WOLFSSL_ALPN_FAILED_ON_MISMATCH) ==
               WOLFSSL_SUCCESS;
    }
#endif
    return true;
}

static bool session_ready(struct sts_wolfssl_conn *c)
{
    c->ssl = wolfSSL_new(c->ctx);
    if (c->ssl == NULL) {
        return false;
    }
    wolfSSL_set_verify(c->ssl, WOLFSSL_VERIFY_PEER, on_certificate);
    wolfSSL_SetCertCbCtx(c->ssl, c);
    wolfSSL_SetIOReadCtx(c->ssl, c);
    wolfSSL_SetIOWriteCtx(c->ssl, c);
    return groups_set(c->ssl) && names_set(c);
}

static int tls_open(void *ctx, const struct sts_tls_peer *peer, const struct sts_time *now,
                    void **conn)
{
    struct sts_wolfssl *w = ctx;
    uint32_t failed = w->pool.failed;
    struct sts_wolfssl_conn *c;

    *conn = NULL;
    if (now->trust == STS_CLOCK_UNSET) {
        return STS_ERR_CLOCK;
    }
    if (w->anchors == NULL) {
        return STS_ERR_CONFIG;
    }
    turn(w, NULL);
    sts_wolfssl_turn.utc_s = now->utc_s;
    c = sts_pool_take(&w->pool, sizeof *c);
    if (c == NULL) {
        return STS_ERR_MEMORY;
    }
    *c = (struct sts_wolfssl_conn){.w = w, .peer = *peer, .pool_failed = failed};
    if (!context_ready(c) || !session_ready(c)) {
        conn_free(c);
        return w->pool.failed != failed ? STS_ERR_MEMORY : STS_ERR_RANDOM;
    }
    *conn = c;
    return STS_OK;
}

static void tls_close(void *ctx, void *conn)
{
    struct sts_wolfssl_conn *c = conn;

    if (c == NULL) {
        return;
    }
    turn(ctx, NULL);
    if (c->done && !c->closed && c->error == STS_OK) {
        (void)wolfSSL_shutdown(c->ssl);
    }
    conn_free(c);
}

/* ---- handshake, send, recv --------------------------------------------------------------------- */

/* Remembers why a call of wolfSSL did not succeed: STS_BUSY, or a sticky error. */
static int stopped(struct sts_wolfssl_conn *c, int ret)
{
    int why = wolfSSL_get_error(c->ssl, ret);

    c->wants_write = why == WOLFSSL_ERROR_WANT_WRITE;
    if (why == WOLFSSL_ERROR_WANT_READ || c->wants_write) {
        return STS_BUSY;
    }
    c->error = why == WOLFSSL_ERROR_ZERO_RETURN ? STS_ERR_END : failure(c);
    return c->error;
}

static int tls_handshake(void *ctx, void *conn, const struct sts_time *now,
                         struct sts_tls_state *state)
{
    struct sts_wolfssl_conn *c = conn;
    int ret;

    *state = (struct sts_tls_state){0};
    if (c->error != STS_OK) {
        state->error = c->error;
        return c->error;
    }
    turn(ctx, c);
    sts_wolfssl_turn.utc_s = now->utc_s;
    c->budget = READ_MAX;
    ret = wolfSSL_connect(c->ssl);
    sts_wolfssl_turn.conn = NULL;
    if (ret == WOLFSSL_SUCCESS) {
        c->wants_write = false;
        c->done = true;
        c->error = verdict(c, state);
    } else if (stopped(c, ret) == STS_BUSY) {
        return STS_BUSY;
    } else if (c->error == STS_ERR_END) {
        c->error = STS_ERR_CLOSED;
    } else if (c->leaf_error != STS_OK && c->peer.require && c->error != STS_ERR_MEMORY) {
        c->error = c->leaf_error; /* which is why we hung up */
    }
    if (c->error != STS_OK) {
        *state = (struct sts_tls_state){.error = c->error};
    }
    return c->error;
}

static int32_t tls_send(void *ctx, void *conn, const void *buf, size_t len)
{
    struct sts_wolfssl_conn *c = conn;
    int n;

    if (c->error != STS_OK || !c->done) {
        return c->error != STS_OK ? c->error : STS_ERR_STATE;
    }
    turn(ctx, NULL);
    c->budget = READ_MAX;
    n = wolfSSL_write(c->ssl, buf, len > PTRDIFF_MAX / 2 || len > 16384 ? 16384 : (int)len);
    if (n > 0) {
        c->wants_write = false;
        return n;
    }
    return stopped(c, n) == STS_BUSY ? 0 : c->error;
}

static int32_t tls_recv(void *ctx, void *conn, void *buf, size_t len)
{
    struct sts_wolfssl_conn *c = conn;
    int n;

    if (c->error != STS_OK || !c->done) {
        return c->error != STS_OK ? c->error : STS_ERR_STATE;
    }
    turn(ctx, NULL);
    c->budget = READ_MAX;
    n = wolfSSL_read(c->ssl, buf, len > 16384 ? 16384 : (int)len);
    if (n > 0) {
        return n;
    }
    return stopped(c, n) == STS_BUSY ? 0 : c->error;
}

static bool tls_wants_write(void *ctx, void *conn)
{
    (void)ctx;
    return ((const struct sts_wolfssl_conn *)conn)->wants_write;
}

int sts_wolfssl_init(struct sts_wolfssl *w, void *pool, size_t size, const struct sts_random *seed)
{
    if (w == NULL || pool == NULL || seed == NULL || seed->fill == NULL ||
        size < STS_WOLFSSL_POOL_LEAST) {
        return STS_ERR_ARG;
    }
    *w = (struct sts_wolfssl){.seed = seed};
    sts_pool_init(&w->pool, pool, size);
    turn(w, NULL);
    if (!sts_wolfssl_hooked() || wolfSSL_Init() != WOLFSSL_SUCCESS) {
        return STS_ERR_MEMORY;
    }
    w->tls = (struct sts_tls){.ctx = w,
                              .open = tls_open,
                              .handshake = tls_handshake,
                              .send = tls_send,
                              .recv = tls_recv,
                              .wants_write = tls_wants_write,
                              .close = tls_close};
    return STS_OK;
}
