/* SPDX-License-Identifier: MIT
 *
 * One try at one address of one MX: connect, converse, STARTTLS, and what came of it. Joins the
 * SMTP engine to a stream.
 */
#ifndef STSMAIL_ENGINE_SESSION_H
#define STSMAIL_ENGINE_SESSION_H

#include <stsmail/engine/route.h>
#include <stsmail/engine/smtp.h>
#include <stsmail/engine/stream.h>

struct sts_session_config {
    const char            *mx;   /* for SNI and the certificate; stays in place */
    struct sts_endpoint    to;
    struct sts_smtp_config smtp; /* need and no_tls among it */
    uint32_t               connect_ms;   /* to be connected */
    uint32_t               handshake_ms; /* for TLS */
};

struct sts_session {
    struct sts_stream        *stream;
    const struct sts_log     *log;
    struct sts_smtp           smtp;
    const char               *mx;
    struct sts_tls_state      tls; /* what the handshake proved */
    struct sts_ip             local; /* this side's address; family 0: not known */
    uint32_t                  handshake_ms;
    uint32_t                  due_ms; /* of connecting, or of the handshake */
    int                       result;
    uint8_t                   state;
    bool                      reached;          /* a connection was made */
    bool                      handshake_failed; /* TLS was begun and did not come up */
};

/* Begins. `stream` is closed, and this one's own until the end. */
void sts_session_start(struct sts_session *s, struct sts_stream *stream,
                       const struct sts_session_config *config, const struct sts_time *now);

/* STS_BUSY, or the result of sts_smtp_result(), or STS_ERR_CONNECT. The stream is closed when it ends. */
int sts_session_poll(struct sts_session *s, const struct sts_time *now);

/* Closes at once. Harmless at any time after start. */
void sts_session_stop(struct sts_session *s);

size_t sts_session_wait(const struct sts_session *s, const struct sts_time *now,
                        struct sts_wait *w, size_t max, uint32_t *ms);

#endif
