/* SPDX-License-Identifier: MIT
 *
 * One connection: a socket, TLS on it or not, and its two buffers.
 *
 * Two promises carry the security of everything above: nothing that was received in clear is ever
 * read once TLS was asked for, and nothing leaves or arrives past TLS once it is up.
 */
#include <stsmail/engine/stream.h>
#include <stsmail/engine/text.h>

#include <string.h>

static int fail(struct sts_stream *s, int error)
{
    s->phase = STS_STREAM_FAILED;
    s->error = error;
    return error;
}

/* What a port gave for an error. In clear there is one only: nobody vouches for an end there (H12).
 * Under TLS the port tells them apart; a mere "gone" (-1) is no caller's mistake. */
static int port_error(const struct sts_stream *s, int32_t n)
{
    return s->secure && n <= STS_ERR_TIMEOUT ? (int)n : STS_ERR_CLOSED;
}

static void wipe(struct sts_stream *s)
{
    s->tx_at = s->tx_len = s->rx_at = s->rx_len = 0;
    sts_wipe(s->tx, sizeof s->tx);
    sts_wipe(s->rx, sizeof s->rx);
}

void sts_stream_init(struct sts_stream *s, const struct sts_net *net, const struct sts_tls *tls)
{
    memset(s, 0, sizeof *s);
    s->net = net;
    s->tls = tls;
    s->handle = -1;
}

int sts_stream_open(struct sts_stream *s, const struct sts_endpoint *to)
{
    if (s->phase != STS_STREAM_CLOSED) {
        return STS_ERR_STATE;
    }
    s->handle = s->net->tcp_open(s->net->ctx, to);
    if (s->handle < 0) {
        s->handle = -1;
        return STS_ERR_CONNECT;
    }
    s->phase = STS_STREAM_CONNECTING;
    return STS_OK;
}

/* RFC 3207 4.2: what came before the handshake must not be taken for a reply under TLS.
 * Discarding it would hide an attack, so any octet ends the connection (T06, T08). One look at the
 * socket finds what did not come with the 220 but is already here (T07). */
static int nothing_waits(struct sts_stream *s)
{
    int32_t n;

    if (s->rx_at != s->rx_len) {
        return STS_ERR_TLS;
    }
    n = s->net->recv(s->net->ctx, s->handle, s->rx, sizeof s->rx);
    return n == 0 ? STS_OK : n < 0 ? STS_ERR_CLOSED : STS_ERR_TLS;
}

int sts_stream_secure(struct sts_stream *s, const char *name, bool require, const char *alpn,
                      const struct sts_time *now)
{
    int r;

    if (s->phase != STS_STREAM_OPEN || s->secure || !sts_stream_drained(s)) {
        return STS_ERR_STATE;
    }
    r = nothing_waits(s);
    wipe(s);
    if (r != STS_OK) {
        return fail(s, r);
    }
    s->peer.net = s->net;
    s->peer.handle = s->handle;
    s->peer.name = name;
    s->peer.require = require;
    s->peer.alpn = alpn;
    r = s->tls->open(s->tls->ctx, &s->peer, now, &s->conn);
    if (r != STS_OK) {
        s->conn = NULL;
        return fail(s, r);
    }
    s->phase = STS_STREAM_HANDSHAKE;
    return STS_OK;
}

static void connect_on(struct sts_stream *s)
{
    int r = s->net->connected(s->net->ctx, s->handle);

    if (r == STS_OK) {
        s->phase = STS_STREAM_OPEN;
    } else if (r != STS_BUSY) {
        fail(s, STS_ERR_CONNECT);
    }
}

/* A port's word that the handshake is over is not evidence that the peer was verified (the TLS boundary
 * owes that in the state): where verification is required, it is looked at here too. */
static void handshake_on(struct sts_stream *s, const struct sts_time *now)
{
    int r = s->tls->handshake(s->tls->ctx, s->conn, now, &s->state);

    if (r == STS_BUSY) {
        return;
    }
    if (r != STS_OK) {
        fail(s, r <= STS_ERR_TIMEOUT ? r : STS_ERR_TLS);
    } else if (s->peer.require && !s->state.verified) {
        fail(s, s->state.error != STS_OK ? s->state.error : STS_ERR_TLS);
    } else {
        s->secure = true;
        s->phase = STS_STREAM_OPEN;
    }
}

/* Sends until all is gone or the other side takes no more: 0, or the port's error. */
static int32_t push(struct sts_stream *s)
{
    while (s->tx_at != s->tx_len) {
        const uint8_t *p = s->tx + s->tx_at;
        size_t len = (size_t)(s->tx_len - s->tx_at);
        int32_t n = s->secure ? s->tls->send(s->tls->ctx, s->conn, p, len)
                              : s->net->send(s->net->ctx, s->handle, p, len);

        if (n <= 0) {
            return n;
        }
        s->tx_at = (uint16_t)((size_t)n < len ? s->tx_at + n : s->tx_len);
    }
    return 0;
}

/* Reads until rx is full or nothing more is there. TLS may hold decrypted octets while the socket is
 * silent, so one read that left room is not the end of it: only 0 is. Returns 0, an error, or 1: there was no
 * room to see the end. */
static int32_t pull(struct sts_stream *s)
{
    s->rx_len = (uint16_t)(s->rx_len - s->rx_at);
    memmove(s->rx, s->rx + s->rx_at, s->rx_len);
    s->rx_at = 0;
    while (s->rx_len < sizeof s->rx) {
        uint8_t *p = s->rx + s->rx_len;
        size_t room = sizeof s->rx - s->rx_len;
        int32_t n = s->secure ? s->tls->recv(s->tls->ctx, s->conn, p, room)
                              : s->net->recv(s->net->ctx, s->handle, p, room);

        if (n <= 0) {
            return n;
        }
        s->rx_len = (uint16_t)((size_t)n < room ? s->rx_len + n : (int32_t)sizeof s->rx);
    }
    return 1;
}

/* What the peer said before it went is read first, even where sending to it fails already: a "554"
 * before a reset decides about a message. */
static void move(struct sts_stream *s)
{
    int32_t out, in;

    if (!s->ended) {
        out = push(s);
        in = pull(s);
        s->more = in > 0;
        if (in < 0 || (out < 0 && in == 0)) {
            s->ended = true;
            s->error = port_error(s, in < 0 ? in : out);
        }
    }
    if (s->ended && s->rx_at == s->rx_len) {
        s->phase = STS_STREAM_FAILED;
    }
}

int sts_stream_poll(struct sts_stream *s, const struct sts_time *now)
{
    switch (s->phase) {
    case STS_STREAM_CONNECTING: connect_on(s); break;
    case STS_STREAM_HANDSHAKE: handshake_on(s, now); break;
    case STS_STREAM_OPEN: move(s); break;
    default: break;
    }
    return s->phase;
}

uint8_t *sts_stream_room(struct sts_stream *s, size_t *size)
{
    *size = 0;
    if (s->phase == STS_STREAM_OPEN && !s->ended) {
        s->tx_len = (uint16_t)(s->tx_len - s->tx_at);
        memmove(s->tx, s->tx + s->tx_at, s->tx_len);
        s->tx_at = 0;
        *size = sizeof s->tx - s->tx_len;
    }
    return s->tx + s->tx_len;
}

void sts_stream_commit(struct sts_stream *s, size_t len)
{
    s->tx_len = (uint16_t)(s->tx_len + len);
}

bool sts_stream_drained(const struct sts_stream *s)
{
    return s->tx_at == s->tx_len;
}

const uint8_t *sts_stream_data(const struct sts_stream *s, size_t *len)
{
    *len = (size_t)(s->rx_len - s->rx_at);
    return s->rx + s->rx_at;
}

void sts_stream_consume(struct sts_stream *s, size_t len)
{
    s->rx_at = (uint16_t)(s->rx_at + len);
}

static bool tls_wants_write(const struct sts_stream *s)
{
    return s->conn != NULL && s->tls->wants_write(s->tls->ctx, s->conn);
}

size_t sts_stream_wait(const struct sts_stream *s, struct sts_wait *w, size_t max)
{
    bool read = false, write = false;

    switch (s->phase) {
    case STS_STREAM_CONNECTING: write = true; break;
    case STS_STREAM_HANDSHAKE:
        write = tls_wants_write(s);
        read = !write;
        break;
    case STS_STREAM_OPEN:
        if (!s->ended) {
            /* After a read that filled rx TLS may hold octets that no socket will announce: a socket
             * that can be written to ends the wait at once. */
            read = (size_t)(s->rx_len - s->rx_at) < sizeof s->rx;
            write = !sts_stream_drained(s) || tls_wants_write(s) || (read && s->more);
        }
        break;
    default: break;
    }
    if (max == 0 || !(read || write)) {
        return 0;
    }
    w->handle = s->handle;
    w->read = read;
    w->write = write;
    return 1;
}

void sts_stream_close(struct sts_stream *s)
{
    if (s->conn != NULL) {
        s->tls->close(s->tls->ctx, s->conn);
    }
    if (s->handle >= 0) {
        s->net->close(s->net->ctx, s->handle);
    }
    wipe(s);
    sts_stream_init(s, s->net, s->tls);
}
