/* SPDX-License-Identifier: MIT
 *
 * A small internet in an array, for tests of what stands above the engines: a DNS server, policy hosts and MX hosts
 * behind the port's structs, a virtual clock, and TLS that only claims to be. It keeps two oracles: every octet that
 * went out in clear (WIRE), and every message that a server said 250 to (DELIV).
 */
#ifndef STS_TEST_WORLD_H
#define STS_TEST_WORLD_H

#include <ctype.h>
#include <stdlib.h>

#include <stsmail/engine/text.h>
#include <stsmail/mailer.h>

#include "dns_wire.h"
#include "test.h"

enum {
    WORLD_CONNS = 16,
    WORLD_RECORDS = 48,
    WORLD_SERVERS = 8,
    WORLD_ATTEMPTS = 32,
    WORLD_EVENTS = 64
};

/* What the DNS says of a name and type. */
struct world_record {
    const char *name;
    uint16_t type;
    const char *data; /* address, "pref host", text; NULL: only rcode */
    int rcode;        /* 0, 2, 3, 5, or -1: no answer at all */
};

struct world_conn;

/* A host that listens. */
struct world_server {
    const char *ip;
    uint16_t port;
    bool refuse, silent;      /* no connection; a connection on which nothing is said */
    const char *http;         /* the answer of a policy host */
    struct sts_tls_state tls; /* what the handshake proves */
    int handshake;            /* STS_OK, or how it fails */
    bool no_starttls;
    const char *behind_220;   /* octets that follow the 220 of STARTTLS in clear */
    const char *greeting;     /* instead of "220 mx ESMTP" */
    const char *at;           /* a command and ... */
    const char *reply;        /* ... what is answered to it; NULL: the connection ends */
    const char *at2, *reply2; /* one more of these */
    const char *offers;       /* more EHLO lines: "250-SIZE 10\r\n" */
    bool hang_at;             /* no answer at `at` */
    int connect;              /* how connecting goes: STS_OK, STS_BUSY for ever, an error */
    int tls_open;             /* STS_OK, or how TLS fails before it begins */
    int ended;                /* what recv says at the end under TLS; 0: STS_ERR_CLOSED */
    const char *late;         /* octets that come a moment behind the 220 of STARTTLS */
    /* Sees each line but content, and the final dot as "."; true: it has answered. May be NULL. */
    bool (*script)(struct world_conn *c, const char *line);
    bool slow;          /* each second call moves nothing, the others little */
    char tls_name[256]; /* what TLS was told to expect */
    int seen;           /* connections taken */
    int delivered;      /* 250s to a final dot */
    size_t mail_len;
    char mail[4096]; /* the last message */
};

struct world_conn {
    int used; /* 1 udp, 2 tcp */
    struct world_server *server;
    bool tls, data, closed, dns_tcp, turn;
    const char *late;
    uint16_t peer_port;
    size_t in_len, out_len; /* towards the server, towards the client */
    char in[8192], out[70000];
};

struct world {
    struct world_record records[WORLD_RECORDS];
    size_t records_count;
    struct world_server servers[WORLD_SERVERS];
    size_t servers_count;
    struct world_conn conns[WORLD_CONNS];
    struct sts_time now;
    uint32_t random;
    bool random_fails;
    int questions;         /* that reached the DNS server */
    int questions_at_once; /* of them, before the first wait: one flight */
    int questions_txt;     /* of them, for TXT */
    bool waited;
    size_t clear_len; /* WIRE */
    char clear[16384];
    struct sts_attempt attempts[WORLD_ATTEMPTS];
    char attempt_mx[WORLD_ATTEMPTS][STS_NAME_SIZE];
    int attempts_count;
    struct sts_decision decision;
    struct sts_policy decided;
    int decisions;
    int events[WORLD_EVENTS];
    char event_domain[STS_NAME_SIZE]; /* of the last */
    int events_count;
    int64_t date; /* the last one told */
    int dates;
    int warnings;
    char log[8192];

    struct sts_net net;
    struct sts_tls tls;
    struct sts_random rng;
    struct sts_log logger;
    struct sts_endpoint dns;
    struct sts_mailer_config config;
};

/* ---- DNS ---------------------------------------------------------------------------------- */

static inline size_t world_put_rdata(uint8_t *out, const struct world_record *r)
{
    struct sts_ip ip;
    size_t len;

    if (r->type == STS_DNS_A || r->type == STS_DNS_AAAA) {
        CHECK(sts_ip_parse(r->data, strlen(r->data), &ip) == STS_OK);
        len = ip.family == 4 ? 4 : 16;
        memcpy(out, ip.bytes, len);
        return len;
    }
    if (r->type == STS_DNS_MX) {
        unsigned pref = (unsigned)strtoul(r->data, NULL, 10);

        out[0] = (uint8_t)(pref >> 8);
        out[1] = (uint8_t)pref;
        return 2 + wire_put_name(out + 2, strchr(r->data, ' ') + 1);
    }
    if (r->type == STS_DNS_CNAME) {
        return wire_put_name(out, r->data);
    }
    len = strlen(r->data);
    out[0] = (uint8_t)len;
    memcpy(out + 1, r->data, len);
    return 1 + len;
}

static inline bool world_same(const char *a, const char *b)
{
    return sts_same(a, strlen(a), b, strlen(b));
}

static inline size_t world_put_record(uint8_t *out, size_t n, size_t owner,
                                      const struct world_record *r)
{
    size_t len = world_put_rdata(out + n + 12, r);

    out[n] = (uint8_t)(0xc0 | owner >> 8);
    out[n + 1] = (uint8_t)owner;
    out[n + 2] = (uint8_t)(r->type >> 8);
    out[n + 3] = (uint8_t)r->type;
    memcpy(out + n + 4, "\0\1\0\0\1\0", 6);
    out[n + 10] = (uint8_t)(len >> 8);
    out[n + 11] = (uint8_t)len;
    return n + 12 + len;
}

/* Answers one question; 0 bytes for none. */
static inline size_t world_answer(struct world *w, const uint8_t *q, size_t len, uint8_t *out)
{
    char name[256];
    size_t n = 12, at = 0, count = 0, owner = 12;
    const char *target = "";
    uint16_t type;
    bool exists = false;
    int rcode = 0;

    (void)len;
    while (q[n] != 0) {
        memcpy(name + at, q + n + 1, q[n]);
        at += q[n];
        name[at++] = '.';
        n += q[n] + 1u;
    }
    name[at > 0 ? at - 1 : 0] = '\0';
    type = (uint16_t)(q[n + 1] << 8 | q[n + 2]);
    n += 5;
    memcpy(out, q, n);
    w->questions++;
    if (!w->waited) {
        w->questions_at_once++;
    }
    w->questions_txt += type == STS_DNS_TXT;
    for (int links = 0; links < 8 && owner != 0; links++) {
        size_t alias = 0;

        for (size_t i = 0; i < w->records_count; i++) {
            const struct world_record *r = &w->records[i];

            if (!world_same(r->name, name)) {
                continue;
            }
            exists = true;
            if (r->type != type && r->type != STS_DNS_CNAME) {
                continue;
            }
            if (r->rcode == -1) {
                return 0;
            }
            if (r->data == NULL) {
                rcode = r->rcode;
                continue;
            }
            alias = r->type == STS_DNS_CNAME ? n + 12 : alias;
            target = r->type == STS_DNS_CNAME ? r->data : target;
            n = world_put_record(out, n, owner, r);
            count++;
        }
        owner = alias; /* the target's records come with it, as a resolver gives them */
        memcpy(name, target, strlen(target) + 1);
    }
    if (!exists) {
        rcode = 3;
    }
    out[2] = 0x81;
    out[3] = (uint8_t)(0x80 | rcode);
    memset(out + 4, 0, 8);
    out[5] = 1;
    out[7] = (uint8_t)count;
    return n;
}

/* ---- SMTP and HTTPS ------------------------------------------------------------------------ */

static inline void world_say(struct world_conn *c, const char *text)
{
    size_t len = strlen(text);

    CHECK(c->out_len + len <= sizeof c->out);
    memcpy(c->out + c->out_len, text, len);
    c->out_len += len;
}

static inline void world_line(struct world_conn *c, const char *line)
{
    struct world_server *s = c->server;

    if (s->script != NULL && s->script(c, line)) {
        return;
    }
    if (s->at != NULL && strncmp(line, s->at, strlen(s->at)) == 0) {
        if (s->hang_at) {
            return;
        }
        if (s->reply == NULL) {
            c->closed = true;
            return;
        }
        world_say(c, s->reply);
        return;
    }
    if (s->at2 != NULL && strncmp(line, s->at2, strlen(s->at2)) == 0) {
        world_say(c, s->reply2);
        return;
    }
    if (strncmp(line, "EHLO ", 5) == 0) {
        world_say(c, "250-mx\r\n");
        world_say(c, s->offers != NULL ? s->offers : "");
        world_say(c, s->no_starttls || c->tls ? "250 8BITMIME\r\n"
                                              : "250-8BITMIME\r\n250 STARTTLS\r\n");
    } else if (strncmp(line, "STARTTLS", 8) == 0) {
        world_say(c, "220 go\r\n");
        world_say(c, s->behind_220 != NULL ? s->behind_220 : "");
        c->late = s->late;
    } else if (strncmp(line, "DATA", 4) == 0) {
        world_say(c, "354 go\r\n");
        c->data = true;
        s->mail_len = 0;
    } else if (strncmp(line, "QUIT", 4) == 0) {
        world_say(c, "221 bye\r\n");
    } else {
        world_say(c, "250 ok\r\n");
    }
}

static inline void world_content(struct world_conn *c, const char *line)
{
    struct world_server *s = c->server;
    size_t len = strlen(line);

    if (strcmp(line, ".\r\n") == 0) {
        c->data = false;
        if (s->at != NULL && strcmp(s->at, ".") == 0) {
            world_line(c, ".");
            return;
        }
        if (s->script != NULL && s->script(c, ".")) {
            return;
        }
        s->delivered++;
        world_say(c, "250 2.0.0 taken\r\n");
        return;
    }
    if (s->mail_len + len < sizeof s->mail) {
        memcpy(s->mail + s->mail_len, line, len);
        s->mail_len += len;
        s->mail[s->mail_len] = '\0';
    }
}

static inline void world_serve(struct world_conn *c)
{
    char *end;

    if (c->server->http != NULL) {
        if (c->tls && memmem(c->in, c->in_len, "\r\n\r\n", 4) != NULL) {
            c->in_len = 0;
            world_say(c, c->server->http);
        }
        return;
    }
    while (!c->closed && (end = memmem(c->in, c->in_len, "\r\n", 2)) != NULL) {
        char line[2048];
        size_t len = (size_t)(end - c->in) + 2;

        memcpy(line, c->in, len);
        line[len] = '\0';
        memmove(c->in, c->in + len, c->in_len - len);
        c->in_len -= len;
        if (c->data) {
            world_content(c, line);
        } else {
            world_line(c, line);
        }
    }
}

/* ---- the port ------------------------------------------------------------------------------ */

static inline int world_open(struct world *w, int kind, const struct sts_endpoint *peer)
{
    for (int i = 0; i < WORLD_CONNS; i++) {
        struct world_conn *c = &w->conns[i];

        if (c->used != 0) {
            continue;
        }
        memset(c, 0, offsetof(struct world_conn, in));
        c->used = kind;
        c->peer_port = peer->port;
        return i;
    }
    return STS_ERR_CONNECT;
}

static inline int world_udp_open(void *ctx, const struct sts_endpoint *peer)
{
    return world_open(ctx, 1, peer);
}

static inline int world_tcp_open(void *ctx, const struct sts_endpoint *peer)
{
    struct world *w = ctx;
    int h;

    if (peer->port == 53) {
        h = world_open(w, 2, peer);
        w->conns[h].dns_tcp = true;
        return h;
    }
    for (size_t i = 0; i < w->servers_count; i++) {
        struct world_server *s = &w->servers[i];
        struct sts_ip ip;

        CHECK(sts_ip_parse(s->ip, strlen(s->ip), &ip) == STS_OK);
        if (s->refuse || s->port != peer->port || ip.family != peer->ip.family ||
            memcmp(ip.bytes, peer->ip.bytes, ip.family == 4 ? 4 : 16) != 0) {
            continue;
        }
        h = world_open(w, 2, peer);
        CHECK(h >= 0);
        w->conns[h].server = s;
        s->seen++;
        if (s->http == NULL && !s->silent) {
            world_say(&w->conns[h], s->greeting != NULL ? s->greeting : "220 mx ESMTP\r\n");
        }
        return h;
    }
    return STS_ERR_CONNECT;
}

static inline int world_connected(void *ctx, int h)
{
    struct world *w = ctx;

    return w->conns[h].server != NULL ? w->conns[h].server->connect : STS_OK;
}

/* How much a slow host moves of `len` now. */
static inline size_t world_pace(struct world_conn *c, size_t len)
{
    if (len == 0 || c->server == NULL || !c->server->slow) {
        return len;
    }
    c->turn = !c->turn;
    return !c->turn ? 0 : len < 300 ? len : 300;
}

static inline int32_t world_push(struct world *w, struct world_conn *c, const void *buf, size_t len)
{
    if (c->used == 1 || c->dns_tcp) {
        uint8_t out[4096];
        size_t skip = c->dns_tcp ? 2 : 0;
        size_t n = world_answer(w, (const uint8_t *)buf + skip, len - skip, out);

        memcpy(c->out, out, n);
        c->out_len = n;
        return (int32_t)len;
    }
    if (c->closed) {
        return STS_ERR_CLOSED;
    }
    len = world_pace(c, len);
    if (!c->server->silent) {
        if (len > sizeof c->in - c->in_len) {
            len = sizeof c->in - c->in_len;
        }
        memcpy(c->in + c->in_len, buf, len);
        c->in_len += len;
        world_serve(c);
    }
    return (int32_t)len;
}

static inline int32_t world_send(void *ctx, int h, const void *buf, size_t len)
{
    struct world *w = ctx;
    struct world_conn *c = &w->conns[h];

    if (c->used == 2 && !c->dns_tcp && w->clear_len + len < sizeof w->clear) {
        memcpy(w->clear + w->clear_len, buf, len);
        w->clear_len += len;
        w->clear[w->clear_len] = '\0';
    }
    return world_push(w, c, buf, len);
}

static inline int32_t world_recv(void *ctx, int h, void *buf, size_t len)
{
    struct world *w = ctx;
    struct world_conn *c = &w->conns[h];
    size_t n = world_pace(c, c->out_len < len ? c->out_len : len);

    if (n == 0 && c->late != NULL) {
        world_say(c, c->late);
        c->late = NULL;
        return 0;
    }
    if (c->closed && c->out_len == 0) {
        return c->tls && c->server->ended != 0 ? c->server->ended : STS_ERR_CLOSED;
    }
    if (n == 0) {
        return 0;
    }
    memcpy(buf, c->out, n);
    c->out_len -= n;
    memmove(c->out, c->out + n, c->out_len);
    return (int32_t)n;
}

static inline void world_close(void *ctx, int h)
{
    struct world *w = ctx;

    CHECK(w->conns[h].used != 0);
    w->conns[h].used = 0;
}

/* Nothing happens by itself here: waiting is letting the time pass. */
static inline void world_wait(void *ctx, const struct sts_wait *handles, size_t n, uint32_t ms)
{
    struct world *w = ctx;

    (void)handles;
    (void)n;
    w->waited = true;
    ms = ms == 0 ? 1 : ms;
    w->now.ms += ms;
    w->now.utc_s += ms / 1000;
}

/* This side, as it stands in a report. */
static inline int world_local(void *ctx, int handle, struct sts_ip *ip)
{
    (void)ctx;
    (void)handle;
    *ip = (struct sts_ip){4, {198, 51, 100, 7}};
    return STS_OK;
}

static inline int world_fill(void *ctx, void *buf, size_t len)
{
    struct world *w = ctx;
    uint8_t *p = buf;

    while (len-- > 0) {
        w->random = w->random * 1664525u + 1013904223u;
        *p++ = (uint8_t)(w->random >> 24);
    }
    return w->random_fails ? STS_ERR_RANDOM : STS_OK;
}

struct world_tls {
    struct world *w;
    struct world_conn *c;
    bool require;
};

static inline int world_tls_open(void *ctx, const struct sts_tls_peer *peer,
                                 const struct sts_time *now, void **conn)
{
    struct world *w = ctx;
    struct world_server *s = w->conns[peer->handle].server;
    struct world_tls *t;

    CHECK(peer->name != NULL);
    memcpy(s->tls_name, peer->name, strlen(peer->name) + 1);
    if (s->tls_open != STS_OK) {
        return s->tls_open;
    }
    t = malloc(sizeof *t);
    CHECK(t != NULL);
    CHECK(now->trust != STS_CLOCK_UNSET);
    t->w = w;
    t->c = &w->conns[peer->handle];
    t->require = peer->require;
    *conn = t;
    return STS_OK;
}

static inline int world_handshake(void *ctx, void *conn, const struct sts_time *now,
                                  struct sts_tls_state *state)
{
    struct world_tls *t = conn;

    (void)ctx;
    (void)now;
    if (t->c->server->handshake == STS_BUSY) {
        return STS_BUSY;
    }
    *state = t->c->server->tls;
    if (t->c->server->handshake != STS_OK) {
        state->error = t->c->server->handshake;
        return state->error;
    }
    if (state->version == 0) {
        state->version = 0x0304;
        state->verified = true;
    }
    if (t->require && !state->verified) {
        return state->error;
    }
    t->c->tls = true;
    return STS_OK;
}

static inline int32_t world_tls_send(void *ctx, void *conn, const void *buf, size_t len)
{
    struct world_tls *t = conn;

    (void)ctx;
    return world_push(t->w, t->c, buf, len);
}

static inline int32_t world_tls_recv(void *ctx, void *conn, void *buf, size_t len)
{
    struct world_tls *t = conn;

    (void)ctx;
    return world_recv(t->w, (int)(t->c - t->w->conns), buf, len);
}

static inline bool world_wants_write(void *ctx, void *conn)
{
    (void)ctx;
    (void)conn;
    return false;
}

static inline void world_tls_close(void *ctx, void *conn)
{
    (void)ctx;
    free(conn);
}

static inline void world_log(void *ctx, int kind, const char *text, size_t len)
{
    struct world *w = ctx;
    size_t at = strlen(w->log);

    w->warnings += kind == STS_LOG_WARNING;
    if (at + len + 2 < sizeof w->log) {
        memcpy(w->log + at, text, len);
        w->log[at + len] = '\n';
        w->log[at + len + 1] = '\0';
    }
}

static inline void world_attempt(void *ctx, const struct sts_attempt *a)
{
    struct world *w = ctx;

    CHECK(w->attempts_count < WORLD_ATTEMPTS);
    w->attempts[w->attempts_count] = *a;
    memcpy(w->attempt_mx[w->attempts_count], a->mx, strlen(a->mx) + 1);
    w->attempts_count++;
}

static inline void world_decision(void *ctx, const struct sts_decision *d)
{
    struct world *w = ctx;

    w->decision = *d;
    w->decisions++;
    if (d->policy != NULL) {
        w->decided = *d->policy;
    }
}

static inline void world_event(void *ctx, int event, const char *domain)
{
    struct world *w = ctx;

    CHECK(w->events_count < WORLD_EVENTS);
    w->events[w->events_count++] = event;
    memcpy(w->event_domain, domain, strlen(domain) + 1);
}

static inline void world_date(void *ctx, int64_t utc_s)
{
    struct world *w = ctx;

    w->date = utc_s;
    w->dates++;
}

/* ---- for tests ----------------------------------------------------------------------------- */

static inline void world_start(struct world *w)
{
    memset(w, 0, sizeof *w);
    w->now.utc_s = 1790000000;
    w->now.ms = 0xfffff000u; /* C07: the tick wraps in every test */
    w->now.trust = STS_CLOCK_OWNER;
    w->random = 7;
    w->net = (struct sts_net){w,          world_udp_open, world_tcp_open, world_connected,
                              world_send, world_recv,     world_close,    world_wait,     world_local};
    w->tls = (struct sts_tls){w,
                              world_tls_open,
                              world_handshake,
                              world_tls_send,
                              world_tls_recv,
                              world_wants_write,
                              world_tls_close};
    w->rng = (struct sts_random){w, world_fill};
    w->logger = (struct sts_log){w, world_log};
    w->dns.ip.family = 4;
    w->dns.ip.bytes[0] = 127;
    w->dns.ip.bytes[3] = 1;
    w->dns.port = 53;
    w->config = (struct sts_mailer_config){
        .net = &w->net,
        .tls = &w->tls,
        .random = &w->rng,
        .log = &w->logger,
        .hostname = "device.example.com",
        .dns = &w->dns,
        .dns_count = 1,
        .ctx = w,
        .on_attempt = world_attempt,
        .on_decision = world_decision,
        .on_event = world_event,
        .on_date = world_date,
    };
}

static inline void world_dns(struct world *w, const char *name, uint16_t type, const char *data)
{
    CHECK(w->records_count < WORLD_RECORDS);
    w->records[w->records_count++] = (struct world_record){name, type, data, 0};
}

static inline void world_rcode(struct world *w, const char *name, uint16_t type, int rcode)
{
    world_dns(w, name, type, NULL);
    w->records[w->records_count - 1].rcode = rcode;
}

static inline struct world_server *world_listen(struct world *w, const char *ip, uint16_t port)
{
    struct world_server *s = &w->servers[w->servers_count++];

    CHECK(w->servers_count <= WORLD_SERVERS);
    s->ip = ip;
    s->port = port;
    return s;
}

/* Messages that some server said 250 to. */
static inline int world_delivered(const struct world *w)
{
    int n = 0;

    for (size_t i = 0; i < w->servers_count; i++) {
        n += w->servers[i].delivered;
    }
    return n;
}

/* No handle, no TLS object is left open (L06). */
static inline bool world_is_quiet(const struct world *w)
{
    for (int i = 0; i < WORLD_CONNS; i++) {
        if (w->conns[i].used != 0) {
            return false;
        }
    }
    return true;
}

/* Until a delivery has ended. */
static inline int world_run(struct world *w, struct sts_mailer *m)
{
    int result = STS_BUSY;

    for (int i = 0; i < 20000 && result == STS_BUSY; i++) {
        result = sts_mailer_poll(m, &w->now);
        if (result == STS_BUSY) {
            sts_mailer_wait(m, &w->now, 1000);
        }
    }
    CHECK(result != STS_BUSY);
    return result;
}

#endif
