/* SPDX-License-Identifier: MIT
 *
 * TLS as `check` wants to see it: the library's own, with a look at the certificate, at what the handshake proved and
 * at the first that was received, which the engines keep to themselves.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY       86400
#define SOON_DAYS 14 /* less is a warning: renewal should have happened */

static struct check *of(void *ctx)
{
    return ctx;
}

static const struct sts_tls *inner(void *ctx)
{
    return of(ctx)->config.tls;
}

static int tls_open(void *ctx, const struct sts_tls_peer *peer, const struct sts_time *now,
                    void **conn)
{
    return inner(ctx)->open(inner(ctx)->ctx, peer, now, conn);
}

static int tls_handshake(void *ctx, void *conn, const struct sts_time *now,
                         struct sts_tls_state *state)
{
    int result = inner(ctx)->handshake(inner(ctx)->ctx, conn, now, state);

    if (result != STS_BUSY) {
        of(ctx)->state = *state;
    }
    return result;
}

static int32_t tls_send(void *ctx, void *conn, const void *buf, size_t len)
{
    return inner(ctx)->send(inner(ctx)->ctx, conn, buf, len);
}

static int32_t tls_recv(void *ctx, void *conn, void *buf, size_t len)
{
    struct check *c = ctx;
    int32_t n = inner(ctx)->recv(inner(ctx)->ctx, conn, buf, len);
    size_t room = sizeof c->head - 1 - c->head_len;

    if (n > 0) {
        room = (size_t)n < room ? (size_t)n : room;
        memcpy(c->head + c->head_len, buf, room);
        c->head_len += room;
    }
    return n;
}

static bool tls_wants_write(void *ctx, void *conn)
{
    return inner(ctx)->wants_write(inner(ctx)->ctx, conn);
}

static void tls_close(void *ctx, void *conn)
{
    inner(ctx)->close(inner(ctx)->ctx, conn);
}

static void on_leaf(void *ctx, const uint8_t *der, size_t len)
{
    struct check *c = ctx;

    c->leaf_seen = sts_wolfssl_leaf_read(&c->leaf, der, len) == STS_OK;
}

void tls_watch(struct check *c)
{
    struct sts_wolfssl *wolf = c->config.tls->ctx;

    wolf->on_leaf = on_leaf;
    wolf->leaf_ctx = c;
    c->tls = (struct sts_tls){.ctx = c,
                              .open = tls_open,
                              .handshake = tls_handshake,
                              .send = tls_send,
                              .recv = tls_recv,
                              .wants_write = tls_wants_write,
                              .close = tls_close};
    sts_stream_init(&c->stream, c->config.net, &c->tls);
}

void tls_forget(struct check *c)
{
    c->leaf_seen = false;
    memset(&c->leaf, 0, sizeof c->leaf);
    memset(&c->state, 0, sizeof c->state);
    memset(c->head, 0, sizeof c->head);
    c->head_len = 0;
}

/* ---- words ------------------------------------------------------------------------------------- */

static const char *day(int64_t utc_s)
{
    static char text[2][16];
    static unsigned turn;
    time_t t = (time_t)utc_s;
    struct tm tm;

    turn ^= 1;
    if (gmtime_r(&t, &tm) == NULL || strftime(text[turn], sizeof text[0], "%Y-%m-%d", &tm) == 0) {
        strcpy(text[turn], "?");
    }
    return text[turn];
}

static void trust_reason(const struct check *c, char *out, size_t size)
{
    if (c->leaf_seen && c->leaf.self_issued) {
        snprintf(out, size,
                 "the certificate is self-signed, so no sender trusts it; take one of a public CA");
        return;
    }
    snprintf(out, size,
             "the certificate leads to no trusted root: either its CA is not a public one, or the "
             "intermediate certificate is not sent (configure the full chain, fullchain.pem)");
}

const char *tls_reason(struct check *c, const char *name, int error)
{
    static char text[700];
    struct sts_time now;

    time_now(&now);
    switch (error) {
    case STS_ERR_CERT_HOST:
        snprintf(text, sizeof text,
                 "the certificate is not for %s: %s%s (a common name does not count, a star stands "
                 "for one label); take one with this name",
                 name, c->leaf.names > 0 ? "it names " : "it has no DNS name at all",
                 c->leaf.shown);
        break;
    case STS_ERR_CERT_EXPIRED:
        if (c->leaf_seen && now.utc_s > c->leaf.until_s) {
            snprintf(text, sizeof text, "the certificate expired on %s; renew it",
                     day(c->leaf.until_s));
        } else if (c->leaf_seen && now.utc_s < c->leaf.from_s) {
            snprintf(text, sizeof text,
                     "the certificate is valid from %s on only; is the clock of the server that "
                     "made it right?",
                     day(c->leaf.from_s));
        } else {
            snprintf(text, sizeof text,
                     "a certificate of the chain has expired; send the CA's current intermediate");
        }
        break;
    case STS_ERR_CERT_TRUST: trust_reason(c, text, sizeof text); break;
    case STS_ERR_TIMEOUT: snprintf(text, sizeof text, "the TLS handshake took too long"); break;
    case STS_ERR_CLOSED:
        snprintf(text, sizeof text, "the connection ended within the TLS handshake");
        break;
    default:
        snprintf(text, sizeof text,
                 "TLS does not come about: the server needs TLS 1.2 or later, with a modern suite "
                 "(ECDHE with AES-GCM or ChaCha20) and a certificate for servers (key of 2048 bits "
                 "RSA or 256 EC at least)");
        break;
    }
    return text;
}

void tls_lasting(struct check *c, const char *what, const char *host)
{
    struct sts_time now;
    int64_t days;

    if (!c->leaf_seen) {
        return;
    }
    time_now(&now);
    days = (c->leaf.until_s - now.utc_s) / DAY;
    if (days < SOON_DAYS) {
        found(c, what, host, LEVEL_WARNING,
              "the certificate expires on %s, in %lld days: see why it was not renewed yet",
              day(c->leaf.until_s), (long long)days);
    } else {
        found(c, what, host, LEVEL_OK,
              "the certificate is valid for this name until %s (%lld days)", day(c->leaf.until_s),
              (long long)days);
    }
}
