/* SPDX-License-Identifier: MIT
 *
 * What the parts of `stsmail check` share: the findings, and what one part knows that another needs.
 */
#ifndef BOARDS_LINUX_CHECK_H
#define BOARDS_LINUX_CHECK_H

#include "look.h"

#include <stsmail/engine/stream.h>
#include <stsmail/wolfssl.h>

enum level {
    LEVEL_OK, /* as it should be; or advice */
    LEVEL_WARNING,
    LEVEL_ERROR,
};

struct finding {
    struct finding *next;
    const char *what;
    const char *host; /* the MX that it is about, or NULL */
    enum level level;
    char *text;
};

struct check {
    struct options *o;
    const char *domain;
    struct sts_mailer_config config;
    struct finding *findings, **last;
    unsigned count[3]; /* of each level */

    char id[STS_ID_SIZE];      /* of the record; "" where it is not valid */
    struct sts_policy *policy; /* NULL: there is none to compare with */
    struct look_mx mx;
    int status; /* EX_TEMPFAIL or EX_UNAVAILABLE where nothing more can be said; else 0 */

    struct sts_stream stream;
    struct sts_tls tls; /* that of config, looked through */
    bool leaf_seen;     /* of the connection made last: its certificate, */
    struct sts_wolfssl_leaf leaf;
    struct sts_tls_state state; /* what its handshake proved, */
    char head[2048];            /* and what was received first under TLS */
    size_t head_len;
};

/* Adds a finding: what was seen, and after it what to change. The same about the same host is told once. */
void found(struct check *c, const char *what, const char *host, enum level level,
           const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The parts, in this order. */
void check_mx_records(struct check *c);
void check_record(struct check *c);
void check_policy(struct check *c);
void check_hosts(struct check *c);
void check_reports(struct check *c);
void check_advice(struct check *c);

#define PROBES 4 /* addresses of one host that are tried */

/* One address of a host, of which others are well, took no connection (check_mx.c). */
void unreached(struct check *c, const char *what, const char *host, const struct sts_ip *ip);

/* ---- certificates (check_tls.c) ---------------------------------------------------------------- */

/* Makes c->tls and c->stream. */
void tls_watch(struct check *c);
/* Before a connection: forgets the last one. */
void tls_forget(struct check *c);
/* What the error of a handshake means for `name`, in words, and what to change. */
const char *tls_reason(struct check *c, const char *name, int error);
/* What is to be said of a certificate that holds: how long it does. */
void tls_lasting(struct check *c, const char *what, const char *host);

#endif
