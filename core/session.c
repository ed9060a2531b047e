/* SPDX-License-Identifier: MIT
 *
 * The pump between the SMTP engine and a connection.
 */
#include <stsmail/engine/session.h>

#include <string.h>

#include <stsmail/engine/text.h>

enum state {
    CONNECTING,
    TALKING,
    SHAKING, /* the TLS handshake */
    OVER,
};

/* Turns of the pump in one poll: bounded work for a super-loop (L04). */
#define TURNS 8

static int over(struct sts_session *s, int result)
{
    sts_stream_close(s->stream);
    s->state = OVER;
    s->result = result;
    return result;
}

void sts_session_start(struct sts_session *s, struct sts_stream *stream,
                       const struct sts_session_config *config, const struct sts_time *now)
{
    s->stream = stream;
    s->log = config->smtp.log;
    s->mx = config->mx;
    s->handshake_ms = config->handshake_ms;
    s->due_ms = now->ms + config->connect_ms;
    s->reached = s->handshake_failed = false;
    s->result = STS_BUSY;
    memset(&s->tls, 0, sizeof s->tls);
    s->local.family = 0;
    /* The engine starts its clock again once connected; until then it only keeps the config. */
    sts_smtp_start(&s->smtp, &config->smtp, now);
    s->state = CONNECTING;
    if (sts_stream_open(stream, &config->to) != STS_OK) {
        (void)over(s, STS_ERR_CONNECT);
    }
}

static int connecting(struct sts_session *s, const struct sts_time *now)
{
    struct sts_smtp_config config = s->smtp.c;
    const struct sts_net *net = s->stream->net;
    int phase = sts_stream_poll(s->stream, now);

    if (phase == STS_STREAM_OPEN) {
        if (net->local != NULL) {
            (void)net->local(net->ctx, s->stream->handle, &s->local);
        }
        s->reached = true;
        s->state = TALKING;
        sts_smtp_start(&s->smtp, &config, now);
        return STS_BUSY;
    }
    if (phase != STS_STREAM_CONNECTING || sts_reached(now->ms, s->due_ms)) {
        return over(s, STS_ERR_CONNECT); /* a host that does not answer is one that is not there */
    }
    return STS_BUSY;
}

static void tls_failed(struct sts_session *s, int err, const struct sts_time *now)
{
    s->handshake_failed = true;
    sts_smtp_tls_done(&s->smtp, err, &s->stream->state, now);
    s->state = TALKING;
}

/* Everything is sent, 220 has come: TLS begins, or an octet that should not be there ends it (T06). */
static void begin_tls(struct sts_session *s, const struct sts_time *now)
{
    int err = sts_stream_secure(s->stream, s->mx, s->smtp.c.need == STS_NEED_VERIFIED, NULL, now);

    if (err != STS_OK) {
        s->handshake_failed = err == STS_ERR_CLOSED; /* it went away before ours could begin */
        sts_smtp_tls_done(&s->smtp, err, &s->stream->state, now);
        return;
    }
    s->due_ms = now->ms + s->handshake_ms;
    s->state = SHAKING;
}

static void shaking(struct sts_session *s, const struct sts_time *now)
{
    int phase = sts_stream_poll(s->stream, now);

    if (phase == STS_STREAM_OPEN) {
        s->tls = s->stream->state;
        s->state = TALKING;
        sts_log_line(s->log, STS_LOG_STEP, "TLS with ", s->mx,
                     s->tls.verified ? ": verified" : ": not verified: ",
                     s->tls.verified ? "" : sts_err_name(s->tls.error), NULL);
        sts_smtp_tls_done(&s->smtp, STS_OK, &s->tls, now);
    } else if (phase == STS_STREAM_FAILED) {
        tls_failed(s, s->stream->error, now);
    } else if (sts_reached(now->ms, s->due_ms)) {
        tls_failed(s, STS_ERR_TIMEOUT, now); /* T22 */
    }
}

/* From the wire to the engine. Whether anything moved. */
static bool receive(struct sts_session *s, const struct sts_time *now)
{
    size_t len;
    const uint8_t *data = sts_stream_data(s->stream, &len);

    if (len > 0) {
        sts_smtp_rx(&s->smtp, data, len, now);
        sts_stream_consume(s->stream, len);
        return true;
    }
    if (s->stream->phase == STS_STREAM_FAILED) {
        sts_smtp_closed(&s->smtp, s->stream->error);
        return true;
    }
    return false;
}

/* From the engine to the wire. */
static bool transmit(struct sts_session *s, const struct sts_time *now)
{
    size_t size, len;
    uint8_t *room;

    if ((sts_smtp_want(&s->smtp) & STS_WANT_SEND) == 0) {
        return false;
    }
    room = sts_stream_room(s->stream, &size);
    if (size < 512) {
        return false; /* the engine writes whole commands: RFC 5321 4.5.3.1.4 */
    }
    len = sts_smtp_tx(&s->smtp, room, size, now);
    sts_stream_commit(s->stream, len);
    return len > 0;
}

static bool talking(struct sts_session *s, const struct sts_time *now)
{
    bool moved;

    (void)sts_stream_poll(s->stream, now);
    moved = receive(s, now);
    sts_smtp_tick(&s->smtp, now);
    if (sts_smtp_want(&s->smtp) == STS_DONE) {
        return false;
    }
    if ((sts_smtp_want(&s->smtp) & STS_WANT_TLS) != 0) {
        if (sts_stream_drained(s->stream)) {
            begin_tls(s, now);
        }
        return true;
    }
    return transmit(s, now) || moved;
}

int sts_session_poll(struct sts_session *s, const struct sts_time *now)
{
    bool more = true;

    for (unsigned turn = 0; turn < TURNS && more; turn++) {
        switch (s->state) {
        case CONNECTING:
            if (connecting(s, now) != STS_BUSY) {
                return s->result;
            }
            more = s->state != CONNECTING;
            break;
        case SHAKING:
            shaking(s, now);
            more = s->state != SHAKING;
            break;
        case TALKING:
            more = talking(s, now);
            if (sts_smtp_want(&s->smtp) == STS_DONE) {
                return over(s, sts_smtp_result(&s->smtp));
            }
            break;
        default: return s->result;
        }
    }
    return STS_BUSY;
}

void sts_session_stop(struct sts_session *s)
{
    if (s->state != OVER) {
        (void)over(s, STS_ERR_CLOSED);
    }
}

static void lower(uint32_t *ms, uint32_t to)
{
    if (to < *ms) {
        *ms = to;
    }
}

size_t sts_session_wait(const struct sts_session *s, const struct sts_time *now, struct sts_wait *w,
                        size_t max, uint32_t *ms)
{
    if (s->state == OVER) {
        *ms = 0;
        return 0;
    }
    lower(ms, sts_until(now->ms, s->state == TALKING ? s->smtp.due_ms : s->due_ms));
    return sts_stream_wait(s->stream, w, max);
}
