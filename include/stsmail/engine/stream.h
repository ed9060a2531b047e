/* SPDX-License-Identifier: MIT
 *
 * One connection: a socket, TLS on it or not, and its two buffers. The engines above see bytes.
 */
#ifndef STSMAIL_ENGINE_STREAM_H
#define STSMAIL_ENGINE_STREAM_H

#include <stsmail/config.h>
#include <stsmail/port.h>

enum sts_stream_phase {
    STS_STREAM_CLOSED = 0,
    STS_STREAM_CONNECTING,
    STS_STREAM_OPEN,      /* bytes flow, in clear or under TLS */
    STS_STREAM_HANDSHAKE, /* nothing but the handshake flows */
    STS_STREAM_FAILED,    /* error says why; sticky until close */
};

struct sts_stream {
    const struct sts_net *net;
    const struct sts_tls *tls;
    void                 *conn; /* TLS, NULL: none */
    int                   handle; /* -1: none */
    int                   error;
    uint8_t               phase;
    bool                  secure; /* TLS is up: every octet goes through it */
    bool                  ended;  /* the peer has ended, error says how: FAILED once rx is empty */
    bool                  more;   /* the last read filled rx: more may be there */
    struct sts_tls_peer   peer;
    struct sts_tls_state  state;  /* what the handshake proved */
    uint16_t              tx_at, tx_len; /* tx[tx_at..tx_len) is yet to be sent */
    uint16_t              rx_at, rx_len; /* rx[rx_at..rx_len) is yet to be read */
    uint8_t               tx[STS_TX_SIZE];
    uint8_t               rx[STS_RX_SIZE];
};

void sts_stream_init(struct sts_stream *s, const struct sts_net *net, const struct sts_tls *tls);

/* Begins to connect; the stream was closed. STS_OK or STS_ERR_CONNECT (then it stays closed). */
int sts_stream_open(struct sts_stream *s, const struct sts_endpoint *to);

/* Begins the handshake: the stream is OPEN, not secure, tx is empty, and no byte waits in rx (any that
 * does is an injection: STS_ERR_TLS). `name` stays in place until close. STS_OK or the error of tls->open,
 * sticky. */
int sts_stream_secure(struct sts_stream *s, const char *name, bool require, const char *alpn,
                      const struct sts_time *now);

/* Moves bytes: connects, shakes hands, sends what is in tx, fills rx. At most one buffer each way a call: poll again
 * once rx was consumed, before waiting (a wait in between ends at once). What came before the peer's
 * end is there to be read before the phase is FAILED. Returns the phase. */
int sts_stream_poll(struct sts_stream *s, const struct sts_time *now);

/* Room to write into: *size bytes at the returned place; then commit what was written. Empty (size 0)
 * unless OPEN. The unsent bytes are moved to the front, so room can be all of STS_TX_SIZE once sent. */
uint8_t *sts_stream_room(struct sts_stream *s, size_t *size);
void     sts_stream_commit(struct sts_stream *s, size_t len);
/* Whether everything committed was handed to the socket or to TLS. */
bool sts_stream_drained(const struct sts_stream *s);

/* Bytes received: *len at the returned place; consume says how many were used. */
const uint8_t *sts_stream_data(const struct sts_stream *s, size_t *len);
void           sts_stream_consume(struct sts_stream *s, size_t len);

/* Adds what to wait for, as in sts_resolver_wait(); 0 or 1 handles. */
size_t sts_stream_wait(const struct sts_stream *s, struct sts_wait *w, size_t max);

/* Closes: TLS first (close_notify, as far as it goes), then the socket. Harmless when closed. Buffers are
 * wiped. */
void sts_stream_close(struct sts_stream *s);

#endif
