/* SPDX-License-Identifier: MIT
 *
 * The client's side of one SMTP session (RFC 5321), with STARTTLS (RFC 3207), SIZE (RFC 1870), 8BITMIME (RFC 6152),
 * SMTPUTF8 (RFC 6531), PIPELINING (RFC 2920) and enhanced codes (RFC 2034). No I/O: it says what it wants.
 */
#ifndef STSMAIL_ENGINE_SMTP_H
#define STSMAIL_ENGINE_SMTP_H

#include <stsmail/engine/message.h>
#include <stsmail/engine/reply.h>
#include <stsmail/mailer_types.h>

/* What the session has to prove before a single octet of the mail may go out. */
enum sts_need {
    STS_NEED_NOTHING = 0, /* TLS where offered; in clear where not */
    STS_NEED_TLS,         /* TLS, with whatever certificate */
    STS_NEED_VERIFIED,    /* TLS, verified for the host's name */
};

#define STS_WANT_SEND 0x01u /* sts_smtp_tx() has bytes for the peer */
#define STS_WANT_RECV 0x02u /* sts_smtp_rx() takes bytes from the peer */
#define STS_WANT_TLS  0x04u /* send everything, start TLS, call sts_smtp_tls_done() */
#define STS_DONE      0x80u /* set alone: read sts_smtp_result() and close */

struct sts_smtp_config {
    const char           *hostname;   /* EHLO argument */
    const char           *sender;     /* "" for <> */
    struct sts_recipient *recipients; /* those with error == STS_BUSY are asked for */
    size_t                count;
    const struct sts_message       *message;
    struct sts_reader              *reader; /* the session's own while it lasts */
    const struct sts_message_facts *facts;  /* of the message: size, what it needs */
#if STS_DKIM
    const char           *lead;      /* header fields that go before the message; counted in facts; or NULL */
#endif
    const struct sts_log *log;       /* or NULL */
    uint32_t              timeout_s; /* one reply, or 64 KiB of message; 0: RFC 5321 4.5.3.2 */
    uint8_t               need;      /* enum sts_need */
    bool                  no_tls;    /* do not even ask for STARTTLS (only with NEED_NOTHING) */
    bool                  lenient;   /* a 5yz counts even outside verified TLS (C-11) */
    bool                  implicit_tls; /* TLS is up before the greeting (a relay's port 465): WANT_TLS
                                           comes first */
};

/* Commands go out in one place of the conversation and their replies come in at another, which under
 * PIPELINING is further back: hence two steps (smtp.c has their names). */
struct sts_smtp {
    struct sts_smtp_config c;
    uint8_t  rx_step;      /* whose reply is due, if pending > 0; or that TLS, or the end, has come */
    uint8_t  tx_step;      /* what is written next */
    uint8_t  offers;       /* extensions of the last EHLO */
    bool     tls, verified;
    bool     dying;        /* QUIT is all that is left: the result stands */
    bool     in_doubt;     /* a final dot went out and was not answered */
    bool     held;         /* `ahead` is content read and not yet given; only within content */
    uint8_t  ahead;
    int      result;
    uint32_t due_ms;       /* of the step under way */
    uint32_t sent;         /* octets of content since due_ms was set */
    uint64_t size_max;     /* SIZE of the last EHLO; 0: none stated */
    size_t   tx_next;      /* recipient whose RCPT is next to be written */
    size_t   rx_next;      /* recipient whose reply is due */
    size_t   accepted;     /* recipients accepted in this transaction */
    size_t   pending;      /* replies due */
    struct sts_reply in;   /* the reply being read */
    char     reply[STS_REPLY_SIZE]; /* "250 2.1.5 Ok": the last one's first line, printable, cut */
};

/* Begins at the greeting. The config is copied; what it points to stays in place. Host name and addresses have been
 * checked by the caller (RFC 5321 4.1.2): they are written as they are. */
void sts_smtp_start(struct sts_smtp *m, const struct sts_smtp_config *config,
                    const struct sts_time *now);

unsigned sts_smtp_want(const struct sts_smtp *m);

/* Writes what goes out next into buf; bytes (0: nothing now). A pipelined group is written as one as far as it fits.
 * size >= 512. A source that fails ends the session (STS_ERR_IO) without the final dot. */
size_t sts_smtp_tx(struct sts_smtp *m, uint8_t *buf, size_t size, const struct sts_time *now);

/* Takes what came in; all of it. */
void sts_smtp_rx(struct sts_smtp *m, const uint8_t *bytes, size_t len, const struct sts_time *now);

/* TLS is up with this state, or `err` != STS_OK: the handshake failed and the session is over. */
void sts_smtp_tls_done(struct sts_smtp *m, int err, const struct sts_tls_state *state,
                       const struct sts_time *now);

/* The transport ended or failed with err (STS_ERR_CLOSED, STS_ERR_END, STS_ERR_TLS, ...). */
void sts_smtp_closed(struct sts_smtp *m, int err);

/* Ends the session with STS_ERR_TIMEOUT if a step took too long. */
void sts_smtp_tick(struct sts_smtp *m, const struct sts_time *now);

/* Once DONE. STS_OK: the session went to its end and every recipient asked for has its verdict. Else how it ended:
 * STS_ERR_STARTTLS, STS_ERR_TLS, STS_ERR_CERT_*, STS_ERR_TIMEOUT, STS_ERR_CLOSED, STS_ERR_PROTO, STS_ERR_IO (and
 * STS_ERR_MESSAGE) of the message's reader, STS_ERR_TEMPFAIL, STS_ERR_REJECTED (before MAIL; as lenient allows),
 * STS_ERR_SIZE, STS_ERR_SMTPUTF8 (whether these two can be believed is the caller's to say: T20). Recipients without
 * a verdict still have error == STS_BUSY. m->reply is the reply that ended it, "" if none. */
int sts_smtp_result(const struct sts_smtp *m);

/* Whether a final dot went out and its reply did not come: the mail may or may not have been taken, so
 * trying elsewhere at once would deliver it twice (S14). */
bool sts_smtp_in_doubt(const struct sts_smtp *m);

#endif
