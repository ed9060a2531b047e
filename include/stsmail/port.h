/* SPDX-License-Identifier: MIT
 *
 * What the core needs of the outside world, as structs of functions. A port fills them; ctx is
 * the port's own and comes back as the first argument. No function here may block, except wait().
 *
 * The library never calls two functions of one struct at the same time, and none from an
 * interrupt.
 */
#ifndef STSMAIL_PORT_H
#define STSMAIL_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stsmail/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- time ------------------------------------------------------------------------------- */

/* How far the calendar can be trusted; in this order. */
enum sts_clock_trust {
    STS_CLOCK_UNSET = 0, /* not known: no certificate can be checked, so nothing is sent */
    STS_CLOCK_DOUBTED,   /* from the network, and far ahead of all that is known (clock.h): certificates are checked
                            by it, but nothing that is kept runs out by it (C04) */
    STS_CLOCK_NETWORK,   /* from the network, unauthenticated (SNTP) */
    STS_CLOCK_OWNER,     /* from a battery-backed clock, or set by the owner */
};

/* The time, as an argument: the core reads no clock. */
struct sts_time {
    uint32_t ms;    /* milliseconds that never jump; wraps after 49.7 days, which is harmless */
    int64_t  utc_s; /* seconds since 1970-01-01 00:00:00 UTC; meaningless while UNSET */
    uint8_t  trust; /* enum sts_clock_trust */
};

/* ---- network ---------------------------------------------------------------------------- */

/* An IP address. */
struct sts_ip {
    uint8_t family;    /* 4, 6, or 0 for none */
    uint8_t bytes[16]; /* network order; IPv4 in the first four */
};

struct sts_endpoint {
    struct sts_ip ip;
    uint16_t      port; /* host order */
};

/* A handle that wait() shall look at. */
struct sts_wait {
    int  handle;
    bool read, write;
};

/* UDP and TCP. A handle is an int >= 0 of the port's choosing, valid until close(). */
struct sts_net {
    void *ctx;

    /* A UDP socket that takes datagrams from `peer` alone (address and port), and whose own port is
     * new and not to be guessed (RFC 5452 9.2). Returns a handle or STS_ERR_CONNECT. */
    int (*udp_open)(void *ctx, const struct sts_endpoint *peer);

    /* Begins to connect. Returns a handle or STS_ERR_CONNECT. */
    int (*tcp_open)(void *ctx, const struct sts_endpoint *peer);

    /* STS_OK once a TCP handle is connected, STS_BUSY before, STS_ERR_CONNECT when it failed. */
    int (*connected)(void *ctx, int handle);

    /* Returns bytes taken (> 0; a datagram is taken whole), 0 if it would block, < 0 once the
     * peer is gone. */
    int32_t (*send)(void *ctx, int handle, const void *buf, size_t len);

    /* Returns bytes put into buf (> 0), 0 if there are none yet, < 0 once the peer is gone (an
     * orderly end of a TCP stream too). For a datagram: its whole length, even where that is more than
     * len; the rest of it is lost. */
    int32_t (*recv)(void *ctx, int handle, void *buf, size_t len);

    /* Releases the handle; for TCP, what was sent is still delivered as the stack can. */
    void (*close)(void *ctx, int handle);

    /* Waits until one of the handles is ready, or about timeout_ms passed. May return early. On bare
     * metal: one turn of the network loop. `n` may be 0. */
    void (*wait)(void *ctx, const struct sts_wait *handles, size_t n, uint32_t timeout_ms);

    /* This side's address of a connected TCP handle, for reports (tlsrpt.h). STS_OK, or an error: *ip is not touched. May be
     * NULL. */
    int (*local)(void *ctx, int handle, struct sts_ip *ip);
};

/* ---- random numbers --------------------------------------------------------------------- */

/* A cryptographic generator: DNS ids, 0x20 case and jitter come from it. */
struct sts_random {
    void *ctx;
    /* Fills buf. STS_OK or STS_ERR_RANDOM; then nothing is asked of the network. */
    int (*fill)(void *ctx, void *buf, size_t len);
};

/* ---- TLS -------------------------------------------------------------------------------- */

struct sts_tls_peer {
    const struct sts_net *net; /* the connection's bytes; stays until close() */
    int                   handle;
    const char           *name;    /* SNI and reference identifier: lower case A-labels, no root dot;
                                      stays until close() */
    bool                  require; /* true: the handshake fails unless the peer is verified;
                                      false: it goes on, and the state says what was found */
    const char           *alpn;    /* one protocol to offer ("http/1.1"), or NULL */
};

/* What a handshake proved. */
struct sts_tls_state {
    uint16_t version;  /* 0x0303 TLS 1.2, 0x0304 TLS 1.3, 0 none */
    bool     verified; /* positive evidence: chain to an anchor, dates, and DNS-ID in the SAN */
    int      error;    /* STS_OK if verified, else why not: STS_ERR_CERT_*, STS_ERR_TLS */
};

/* TLS 1.2 and 1.3 as a client, certificates checked as RFC 8461 3.3 and 4.2 demand. */
struct sts_tls {
    void *ctx;

    /* Prepares a connection. *conn is the port's own. STS_OK, STS_ERR_CLOCK (the time is unset),
     * STS_ERR_CONFIG (no trust anchors), STS_ERR_MEMORY, STS_ERR_RANDOM. */
    int (*open)(void *ctx, const struct sts_tls_peer *peer, const struct sts_time *now,
                void **conn);

    /* One step of the handshake. STS_BUSY, or STS_OK and *state is filled; else the error (also in
     * state->error): STS_ERR_CERT_*, STS_ERR_TLS, STS_ERR_CLOSED, STS_ERR_MEMORY. */
    int (*handshake)(void *ctx, void *conn, const struct sts_time *now,
                     struct sts_tls_state *state);

    /* As in struct sts_net; recv tells an authenticated end (STS_ERR_END) from any other
     * (STS_ERR_CLOSED), broken records (STS_ERR_TLS) and an exhausted pool (STS_ERR_MEMORY). */
    int32_t (*send)(void *ctx, void *conn, const void *buf, size_t len);
    int32_t (*recv)(void *ctx, void *conn, void *buf, size_t len);

    /* Whether the connection waits to write rather than to read. */
    bool (*wants_write)(void *ctx, void *conn);

    /* Sends close_notify as far as that goes without waiting, and releases. */
    void (*close)(void *ctx, void *conn);
};

/* ---- store ------------------------------------------------------------------------------ */

/* Kinds of record; each kind has its own name space of keys. */
enum sts_store_kind {
    STS_STORE_POLICY = 'p',  /* a cached policy; key: policy domain */
    STS_STORE_WAIT = 'w',    /* failed fetches; key: policy domain */
    STS_STORE_ENTRY = 'q',   /* envelope and schedule of a queued message; key: its id */
    STS_STORE_MESSAGE = 'm', /* the message itself; key: the same id */
    STS_STORE_CLOCK = 'c',   /* a time that is surely over; key: "clock" */
    STS_STORE_MARK = 'e',    /* that an enforced policy is held, kept beside it (F06); key: policy domain */
    STS_STORE_REPORT = 't',  /* what is counted for a report (tlsrpt.h); key: days since 1970, ".", policy domain */
    STS_STORE_TEXT = 'u',    /* a policy's file as it was fetched, for reports; key: policy domain */
    STS_STORE_PLAN = 's',    /* when a report is tried again; key: as the report's */
    STS_STORE_REFUSED = 'r', /* an address that takes no reports; key: a hash of it */
};

/* Records that survive a power cut: each operation leaves a record as it was or as it shall be,
 * never between. Keys are 1..253 bytes of text. One reader and one writer may be open at a time;
 * both at once is allowed, and the reader goes on seeing what it opened. Who needs a second reader (a message that is being
 * sent, while a policy is read) takes a second struct sts_store over the same medium, from the same port.
 *
 * Every function returns STS_OK, or STS_ERR_IO where the medium failed (never to be read as
 * "absent"), or what its line says. */
struct sts_store {
    void *ctx;

    /* Writing: put, write as often as needed, then commit or abort. Until commit returns STS_OK the
     * old record stands. STS_ERR_SPACE: no room, nothing changed. */
    int (*put)(void *ctx, uint8_t kind, const char *key);
    int (*write)(void *ctx, const void *buf, size_t len);
    int (*commit)(void *ctx);
    void (*abort)(void *ctx);

    /* Reading: get (STS_ERR_ABSENT: none, or one that was damaged and was set aside; STS_ERR_CONFIG: one of the
     * queue's that only a newer version can read, which is no reason to sweep it away), read in order (bytes, 0 at the end, < 0 on error), then done. */
    int (*get)(void *ctx, uint8_t kind, const char *key);
    int32_t (*read)(void *ctx, void *buf, size_t len);
    void (*done)(void *ctx);

    /* STS_ERR_ABSENT: there was none. */
    int (*remove)(void *ctx, uint8_t kind, const char *key);

    /* Calls `each` with every key of a kind, in no order, until it returns false. Within `each` records
     * may be read (get, read, done), nothing else; a record that other processes add or remove
     * meanwhile may be seen or not. */
    int (*iterate)(void *ctx, uint8_t kind, bool (*each)(void *arg, const char *key), void *arg);

    /* Where several processes share the store; else both are NULL. claim() makes a key this process's own until
     * release() or the end of the process, whatever end that is: STS_OK; STS_BUSY: another process has it. It neither needs
     * nor makes a record. At most one claim is held at a time. */
    int (*claim)(void *ctx, uint8_t kind, const char *key);
    void (*release)(void *ctx);
};

/* ---- flash ------------------------------------------------------------------------------ */

/* Raw flash: NOR, or a microcontroller's own. Erased bytes read 0xFF. Addresses are bytes from the start of the area that
 * is given to the library. Each function returns STS_OK, or STS_ERR_IO where the device says that it failed (or stays
 * busy longer than its data sheet allows: a driver never waits for ever); what stands there is then undefined. */
struct sts_flash {
    void    *ctx;
    uint32_t sector_size;  /* bytes erased at once: 256..1 MiB, a multiple of program_size */
    uint32_t sectors;      /* 2..65535 */
    uint32_t program_size; /* bytes programmed at once, a power of two: 1..256 */

    int (*read)(void *ctx, uint32_t at, void *buf, size_t len);

    /* `at` and `len` are multiples of program_size, within one sector; each unit is programmed once between
     * two erases. */
    int (*program)(void *ctx, uint32_t at, const void *buf, size_t len);

    int (*erase)(void *ctx, uint32_t sector);

    /* Returns when everything before it stands, where a driver or a controller may reorder; else NULL. */
    int (*sync)(void *ctx);
};

/* ---- log -------------------------------------------------------------------------------- */

enum sts_log_kind {
    STS_LOG_SENT = '>',     /* a line that we sent (content of messages is left out) */
    STS_LOG_RECEIVED = '<', /* a line that the peer sent: hostile text, already escaped */
    STS_LOG_STEP = '*',     /* what the mailer does, one line a step */
    STS_LOG_WARNING = '!',  /* what the owner should know: state lost or not kept */
};

/* For people. May be all zero. Never shown a secret. */
struct sts_log {
    void *ctx;
    void (*line)(void *ctx, int kind, const char *text, size_t len);
};

#ifdef __cplusplus
}
#endif
#endif
