/* SPDX-License-Identifier: MIT
 *
 * A small internet for campaigns of faults: DNS, policy hosts and MX hosts behind the port's structs, in one process and in
 * virtual time, made to be started a million times. Each fallible call of the port asks `fails` first. TLS only claims to
 * be: what a handshake proves follows from the certificate that the host has.
 *
 * It judges nothing. It tells the campaign of every octet of a mail that reaches a host (on_secret), and of every mail
 * that a host takes (on_taken).
 */
#ifndef STS_FAULTS_INTERNET_H
#define STS_FAULTS_INTERNET_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stsmail/engine/dns.h>
#include <stsmail/engine/text.h>
#include <stsmail/mailer.h>

#include "../unit/dns_wire.h"

enum {
    NET_CONNS = 12,
    NET_RECORDS = 64,
    NET_HOSTS = 32,
    NET_RCPTS = 6,
};

/* The fallible calls of a port. The flash's and the store's are in it, whoever has them fail. */
enum call {
    CALL_UDP_OPEN,
    CALL_TCP_OPEN,
    CALL_CONNECTED,
    CALL_SEND,
    CALL_RECV,
    CALL_RANDOM,
    CALL_TLS_OPEN,
    CALL_HANDSHAKE,
    CALL_TLS_SEND,
    CALL_TLS_RECV,
    CALL_PUT,
    CALL_WRITE,
    CALL_COMMIT,
    CALL_GET,
    CALL_READ,
    CALL_REMOVE,
    CALL_ITERATE,
    CALL_FLASH_READ,
    CALL_FLASH_PROGRAM,
    CALL_FLASH_ERASE,
    CALL_FLASH_SYNC,
    CALL_CLOCK,
    CALL_REWIND,
    CALL_SOURCE,
    CALLS
};

static const char *const call_names[CALLS] = {
    "udp_open",      "tcp_open",    "connected",  "send",     "recv",    "random",
    "tls open",      "handshake",   "tls send",   "tls recv", "put",     "write",
    "commit",        "get",         "read",       "remove",   "iterate", "flash read",
    "flash program", "flash erase", "flash sync", "clock",    "rewind",  "source read"};

/* No fault: the call does its work. Any other value is what it returns instead. */
#define WORKS 1000
/* Of a handshake: it ends well by its word, and proves nothing. */
#define LIES 1001

/* What each call can return instead; 0 ends a row (as a value it is NOTHING). */
#define NOTHING 2000

static const int variants[CALLS][8] = {
    [CALL_UDP_OPEN] = {STS_ERR_CONNECT},
    [CALL_TCP_OPEN] = {STS_ERR_CONNECT},
    [CALL_CONNECTED] = {STS_ERR_CONNECT, STS_BUSY},
    [CALL_SEND] = {-1, NOTHING},
    [CALL_RECV] = {-1, NOTHING},
    [CALL_RANDOM] = {STS_ERR_RANDOM},
    [CALL_TLS_OPEN] = {STS_ERR_MEMORY, STS_ERR_RANDOM, STS_ERR_CONFIG, STS_ERR_CLOCK},
    [CALL_HANDSHAKE] = {STS_ERR_MEMORY, STS_ERR_TLS, STS_ERR_CLOSED, STS_ERR_CERT_TRUST,
                        STS_ERR_CERT_HOST, STS_ERR_CERT_EXPIRED, STS_BUSY, LIES},
    [CALL_TLS_SEND] = {STS_ERR_CLOSED, STS_ERR_TLS, STS_ERR_MEMORY, NOTHING},
    [CALL_TLS_RECV] = {STS_ERR_CLOSED, STS_ERR_TLS, STS_ERR_MEMORY, STS_ERR_END, NOTHING},
    [CALL_PUT] = {STS_ERR_SPACE, STS_ERR_IO},
    [CALL_WRITE] = {STS_ERR_IO, STS_ERR_SPACE},
    [CALL_COMMIT] = {STS_ERR_IO, STS_ERR_SPACE},
    [CALL_GET] = {STS_ERR_IO},
    [CALL_READ] = {STS_ERR_IO},
    [CALL_REMOVE] = {STS_ERR_IO},
    [CALL_ITERATE] = {STS_ERR_IO},
    [CALL_FLASH_READ] = {STS_ERR_IO},
    [CALL_FLASH_PROGRAM] = {STS_ERR_IO},
    [CALL_FLASH_ERASE] = {STS_ERR_IO},
    [CALL_FLASH_SYNC] = {STS_ERR_IO},
    [CALL_CLOCK] = {STS_CLOCK_UNSET - 1},
    [CALL_REWIND] = {STS_ERR_IO},
    [CALL_SOURCE] = {STS_ERR_IO},
};

static inline uint32_t variants_of(unsigned call)
{
    uint32_t n = 0;

    while (n < 8 && variants[call][n] != 0) {
        n++;
    }
    return n;
}

/* Trouble of this device, which no peer can make: no reason to trust anybody less strictly (H26, F07). */
static inline bool is_own(enum call call, int value)
{
    return call == CALL_RANDOM || call == CALL_TLS_OPEN || call >= CALL_PUT ||
           value == STS_ERR_MEMORY;
}

/* Where in a session a host is irregular. */
enum moment {
    AT_NONE,
    AT_GREETING,
    AT_EHLO,
    AT_STARTTLS,
    AT_EHLO_TLS,
    AT_MAIL,
    AT_RCPT,
    AT_DATA,
    AT_CONTENT, /* after the first line of it */
    AT_DOT,
    AT_QUIT,
    MOMENTS
};

enum act {
    ACT_SAY,  /* `reply` in the place of the usual one */
    ACT_DROP, /* the connection ends */
    ACT_HANG, /* no octet any more */
    ACT_TAKE, /* at the dot: the mail is taken, and the connection ends before that is said */
};

/* What a host can show of itself. */
struct net_cert {
    const char *name; /* NULL: its own */
    int error;        /* STS_OK, or STS_ERR_CERT_TRUST, STS_ERR_CERT_EXPIRED */
};

struct net_host {
    const char *name;
    uint32_t ip; /* host order; 0: an empty place */
    uint16_t port;
    struct net_cert cert;
    int handshake; /* STS_OK, STS_BUSY (for ever) or how it fails */
    bool refuse, black_hole, silent;
    bool no_starttls, pipelining, hostile;
    uint8_t at, act; /* enum moment, enum act */
    const char *reply;
    const char *behind_220; /* octets in clear behind the 220 of STARTTLS */
    const char *http;       /* the answer of a policy host */
    uint32_t latency;       /* ms until an answer can be read */
    uint16_t chunk;         /* octets that can be read or sent at once; 0: any */
    int seen;               /* connections */
};

struct net_record {
    const char *name;
    uint16_t type;
    uint16_t pref;
    uint32_t ip;
    const char *text; /* of a TXT or MX record; NULL with ip 0: only rcode */
    int8_t rcode;     /* -1: no answer at all */
};

struct net_conn {
    uint8_t used;                     /* 0: free, 1: UDP, 2: TCP */
    bool dns, tls, verified, claimed; /* claimed: TLS was opened and not closed yet */
    bool over;                        /* the host has ended it */
    bool torn;                        /* without a proper end */
    bool mute;                        /* the host says nothing any more */
    bool mail, data;
    struct net_host *host;
    const char *sni;
    bool require;
    uint64_t ready; /* from when on `out` can be read, or the connection stands */
    uint8_t rcpts;
    char rcpt[NET_RCPTS][64];
    uint32_t begun, ended; /* the number of the alert that was read */
    size_t in_len, out_at, out_len;
    char in[2304];
    uint8_t out[2600];
};

struct internet {
    struct net_record records[NET_RECORDS];
    size_t records_count;
    struct net_host hosts[NET_HOSTS];
    size_t hosts_count;
    struct net_conn conns[NET_CONNS];
    uint64_t ms;         /* since the world began */
    int64_t utc0;        /* true time of its beginning */
    uint32_t tick0;      /* the device's counter then */
    int64_t clock_error; /* what the device's calendar is off, s */
    uint8_t trust;
    struct sts_time now; /* as the device has it */
    uint64_t random;
    uint32_t calls; /* of the port, since the campaign set it to 0 */
    uint32_t dns_latency;
    uint64_t stuck;  /* until then nothing is ready: a call that failed by doing nothing set it */
    char *stack_low; /* the deepest that a call of the port was made from */

    /* The campaign's. fails: WORKS, or what the call returns. */
    int (*fails)(enum call call);
    void (*on_secret)(const struct net_conn *c, const char *line);
    void (*on_taken)(const struct net_conn *c, bool told);
    void (*on_answer)(const char *name, uint16_t type, int rcode, size_t count);
    void (*on_odd)(const struct net_conn *c, const char *reply); /* an irregular reply is said */
    void (*on_served)(const struct net_conn *c);                 /* before a policy host answers */
    void (*clock)(void); /* reads the device's own clock into `now`; NULL: as below */

    struct sts_net net;
    struct sts_tls tls;
    struct sts_random rng;
    struct sts_endpoint dns;
};

static struct internet in;

/* ---- time --------------------------------------------------------------------------------------------- */

static inline int64_t net_utc(void)
{
    return in.utc0 + (int64_t)(in.ms / 1000);
}

/* Reads the device's clocks. */
static inline void net_clock(void)
{
    int f = in.fails(CALL_CLOCK);

    if (in.clock != NULL) {
        in.clock();
        return;
    }
    in.now.ms = (uint32_t)(in.ms + in.tick0);
    in.now.utc_s = net_utc() + in.clock_error;
    in.now.trust = f == WORKS ? in.trust : (uint8_t)STS_CLOCK_UNSET;
    if (in.now.trust == STS_CLOCK_UNSET) {
        in.now.utc_s = (int64_t)(in.ms / 1000); /* 1970, as after any reset */
    }
}

/* Counts a call, and asks whether it works. */
static inline int net_call(enum call call)
{
    char here;

    in.calls++;
    if (in.stack_low == NULL || &here < in.stack_low) {
        in.stack_low = &here;
    }
    return in.fails(call);
}

/* ---- DNS ---------------------------------------------------------------------------------------------- */

static inline size_t net_put_record(uint8_t *out, const struct net_record *r)
{
    size_t len = 4;

    wire_put16(out, 0xc00c);
    wire_put16(out + 2, r->type);
    memcpy(out + 4, "\0\1\0\0\1\0", 6);
    if (r->type == STS_DNS_A) {
        for (int i = 0; i < 4; i++) {
            out[12 + i] = (uint8_t)(r->ip >> (24 - 8 * i));
        }
    } else if (r->type == STS_DNS_MX) {
        wire_put16(out + 12, r->pref);
        len = 2 + wire_put_name(out + 14, r->text);
    } else {
        len = strlen(r->text) + 1;
        out[12] = (uint8_t)(len - 1);
        memcpy(out + 13, r->text, len - 1);
    }
    wire_put16(out + 10, (unsigned)len);
    return 12 + len;
}

/* The name asked for, in lower case, and where the question ends. */
static inline size_t net_question(const uint8_t *q, char name[256], uint16_t *type)
{
    size_t n = 12, at = 0;

    while (q[n] != 0) {
        for (size_t i = 0; i < q[n]; i++) {
            name[at++] = (char)sts_lower(q[n + 1 + i]);
        }
        name[at++] = '.';
        n += q[n] + 1u;
    }
    name[at > 0 ? at - 1 : 0] = '\0';
    *type = (uint16_t)(q[n + 1] << 8 | q[n + 2]);
    return n + 5;
}

/* Answers a question; 0 bytes: not at all. */
static inline size_t net_answer(const uint8_t *q, uint8_t *out)
{
    char name[256];
    uint16_t type;
    size_t n = net_question(q, name, &type), count = 0;
    int rcode = 3;

    memcpy(out, q, n);
    for (size_t i = 0; i < in.records_count; i++) {
        const struct net_record *r = &in.records[i];

        if (r->name == NULL || strcmp(r->name, name) != 0) {
            continue;
        }
        if (r->type != type) {
            rcode = rcode == 3 ? 0 : rcode;
        } else if (r->ip == 0 && r->text == NULL) {
            rcode = r->rcode;
            break;
        } else {
            rcode = 0;
            n += net_put_record(out + n, r);
            count++;
        }
    }
    if (in.on_answer != NULL) {
        in.on_answer(name, type, rcode, count);
    }
    if (rcode < 0) {
        return 0;
    }
    out[2] = 0x81;
    out[3] = (uint8_t)(0x80 | rcode);
    memset(out + 4, 0, 8);
    out[5] = 1;
    out[7] = (uint8_t)count;
    return n;
}

static inline void net_ask(struct net_conn *c, const uint8_t *q)
{
    size_t skip = c->used == 2 ? 2 : 0;
    size_t n = net_answer(q + skip, c->out + skip);

    c->out_at = 0;
    c->out_len = n > 0 ? n + skip : 0;
    if (skip > 0) {
        wire_put16(c->out, (unsigned)n);
    }
    c->ready = in.ms + in.dns_latency;
}

/* ---- SMTP and HTTPS ------------------------------------------------------------------------------------ */

static inline void net_say(struct net_conn *c, const char *text)
{
    size_t len = strlen(text);

    if (c->mute) {
        return;
    }
    if (c->out_at == c->out_len) {
        c->out_at = c->out_len = 0;
        c->ready = in.ms + c->host->latency;
    }
    if (c->out_len + len > sizeof c->out) {
        abort(); /* the campaign says too much at once */
    }
    memcpy(c->out + c->out_len, text, len);
    c->out_len += len;
}

/* Whether the host does something else now than it should; then it has done it. */
static inline bool net_irregular(struct net_conn *c, enum moment moment)
{
    const struct net_host *h = c->host;

    if (h->at != moment || c->mute || c->over) {
        return c->mute || c->over;
    }
    switch (h->act) {
    case ACT_SAY:
        if (in.on_odd != NULL) {
            in.on_odd(c, h->reply);
        }
        net_say(c, h->reply);
        break;
    case ACT_HANG: c->mute = true; break;
    default: c->over = c->torn = true; break;
    }
    return true;
}

static inline void net_secret(const struct net_conn *c, const char *line)
{
    if (in.on_secret != NULL) {
        in.on_secret(c, line);
    }
}

static inline void net_ehlo(struct net_conn *c)
{
    if (net_irregular(c, c->tls ? AT_EHLO_TLS : AT_EHLO)) {
        return;
    }
    net_say(c, "250-mx\r\n");
    if (c->host->pipelining) {
        net_say(c, "250-PIPELINING\r\n250-SIZE 100000\r\n");
    }
    net_say(c, c->tls || c->host->no_starttls ? "250 8BITMIME\r\n"
                                              : "250-STARTTLS\r\n250 8BITMIME\r\n");
}

static inline void net_rcpt(struct net_conn *c, const char *line)
{
    bool room = c->rcpts < NET_RCPTS;

    if (net_irregular(c, AT_RCPT)) {
        return;
    }
    if (!c->mail) {
        net_say(c, "503 5.5.1 from whom?\r\n");
        return;
    }
    if (room) {
        size_t len = strcspn(line + 9, ">");

        len = len < sizeof c->rcpt[0] ? len : sizeof c->rcpt[0] - 1;
        memcpy(c->rcpt[c->rcpts], line + 9, len);
        c->rcpt[c->rcpts++][len] = '\0';
    }
    net_say(c, room ? "250 2.1.5 yes\r\n" : "452 4.5.3 too many\r\n");
}

static inline void net_data(struct net_conn *c)
{
    if (net_irregular(c, AT_DATA)) {
        return;
    }
    if (c->rcpts == 0) {
        net_say(c, "554 5.5.1 for whom?\r\n");
        return;
    }
    c->data = true;
    c->begun = c->ended = 0;
    net_say(c, "354 go on\r\n");
}

static inline void net_command(struct net_conn *c, const char *line)
{
    if (strncmp(line, "EHLO ", 5) == 0 || strncmp(line, "HELO ", 5) == 0) {
        net_ehlo(c);
    } else if (strcmp(line, "STARTTLS") == 0) {
        if (!net_irregular(c, AT_STARTTLS)) {
            net_say(c, "220 go\r\n");
            net_say(c, c->host->behind_220 != NULL ? c->host->behind_220 : "");
        }
    } else if (strcmp(line, "QUIT") == 0) {
        if (!net_irregular(c, AT_QUIT)) {
            net_say(c, "221 bye\r\n");
            c->over = true;
        }
    } else {
        net_secret(c, line);
        if (strncmp(line, "MAIL FROM:<", 11) == 0) {
            c->rcpts = 0;
            c->mail = !net_irregular(c, AT_MAIL);
            if (c->mail) {
                net_say(c, "250 2.1.0 yes\r\n");
            }
        } else if (strncmp(line, "RCPT TO:<", 9) == 0) {
            net_rcpt(c, line);
        } else if (strcmp(line, "DATA") == 0) {
            net_data(c);
        } else {
            net_say(c, "500 what?\r\n");
        }
    }
}

static inline void net_dot(struct net_conn *c)
{
    const struct net_host *h = c->host;
    bool take = h->at != AT_DOT || h->act == ACT_TAKE || (h->act == ACT_SAY && h->reply[0] == '2');

    c->data = false;
    net_secret(c, ".");
    if (c->mute || c->over) {
        return;
    }
    if (take && in.on_taken != NULL) {
        in.on_taken(c, h->at != AT_DOT || h->act == ACT_SAY);
    }
    if (!net_irregular(c, AT_DOT)) {
        net_say(c, "250 2.0.0 taken\r\n");
    }
}

static inline void net_content(struct net_conn *c, const char *line)
{
    if (strcmp(line, ".") == 0) {
        net_dot(c);
        return;
    }
    net_secret(c, line);
    if (strncmp(line, "alert-", 6) == 0) {
        c->begun = (uint32_t)strtoul(line + 6, NULL, 10);
    } else if (strncmp(line, "end-", 4) == 0) {
        c->ended = (uint32_t)strtoul(line + 4, NULL, 10);
    }
    if (c->host->at == AT_CONTENT) {
        (void)net_irregular(c, AT_CONTENT);
    }
}

static inline void net_serve_http(struct net_conn *c)
{
    if (!c->mute && c->tls && memmem(c->in, c->in_len, "\r\n\r\n", 4) != NULL) {
        c->in_len = 0;
        if (in.on_served != NULL) {
            in.on_served(c);
        }
        net_say(c, c->host->http);
        c->over = true;
    }
}

/* Lines are looked at even where the host answers no more: what was sent was sent. */
static inline void net_serve(struct net_conn *c)
{
    char *at = c->in, *end;

    if (c->host->http != NULL) {
        net_serve_http(c);
        return;
    }
    while ((end = memmem(at, c->in_len - (size_t)(at - c->in), "\r\n", 2)) != NULL) {
        *end = '\0';
        if (c->data) {
            net_content(c, at);
        } else {
            net_command(c, at);
        }
        at = end + 2;
    }
    c->in_len -= (size_t)(at - c->in);
    memmove(c->in, at, c->in_len);
}

/* ---- the port: sockets ----------------------------------------------------------------------------------- */

static inline int net_open(int kind)
{
    for (int i = 0; i < NET_CONNS; i++) {
        struct net_conn *c = &in.conns[i];

        if (c->used == 0) {
            memset(c, 0, offsetof(struct net_conn, in));
            c->used = (uint8_t)kind;
            c->ready = in.ms;
            return i;
        }
    }
    abort(); /* far more than a mailer may open */
}

static inline int net_udp_open(void *ctx, const struct sts_endpoint *peer)
{
    int f = net_call(CALL_UDP_OPEN);

    (void)ctx;
    (void)peer;
    return f != WORKS ? f : net_open(1);
}

static inline struct net_host *net_find(const struct sts_endpoint *peer)
{
    const uint8_t *b = peer->ip.bytes;
    uint32_t ip = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];

    for (size_t i = 0; i < in.hosts_count; i++) {
        if (in.hosts[i].ip == ip && in.hosts[i].port == peer->port) {
            return &in.hosts[i];
        }
    }
    return NULL;
}

static inline int net_tcp_open(void *ctx, const struct sts_endpoint *peer)
{
    int f = net_call(CALL_TCP_OPEN), h;
    struct net_host *host = peer->port == 53 ? NULL : net_find(peer);

    (void)ctx;
    if (f != WORKS) {
        return f;
    }
    if (peer->port != 53 && (host == NULL || host->refuse)) {
        return STS_ERR_CONNECT;
    }
    h = net_open(2);
    in.conns[h].dns = host == NULL;
    in.conns[h].host = host;
    if (host != NULL) {
        host->seen++;
        in.conns[h].mute = host->silent;
        if (host->http == NULL && !net_irregular(&in.conns[h], AT_GREETING)) {
            net_say(&in.conns[h], "220 mx ESMTP\r\n");
        }
        in.conns[h].ready = in.ms + host->latency;
    }
    return h;
}

static inline int net_connected(void *ctx, int h)
{
    int f = net_call(CALL_CONNECTED);
    const struct net_conn *c = &in.conns[h];

    (void)ctx;
    if (f != WORKS) {
        return f;
    }
    return c->host != NULL && (c->host->black_hole || in.ms < c->ready) ? STS_BUSY : STS_OK;
}

static inline size_t net_pace(const struct net_conn *c, size_t len)
{
    return c->host != NULL && c->host->chunk != 0 && len > c->host->chunk ? c->host->chunk : len;
}

static inline int32_t net_push(struct net_conn *c, const void *buf, size_t len)
{
    if (c->used == 1 || c->dns) {
        net_ask(c, buf);
        return (int32_t)len;
    }
    if (c->over) {
        return STS_ERR_CLOSED;
    }
    len = net_pace(c, len);
    if (len > sizeof c->in - c->in_len) {
        abort(); /* a line longer than SMTP's longest */
    }
    memcpy(c->in + c->in_len, buf, len);
    c->in_len += len;
    net_serve(c);
    return (int32_t)len;
}

static inline int32_t net_pull(struct net_conn *c, void *buf, size_t len)
{
    size_t n = c->out_len - c->out_at;

    if (in.ms < c->ready) {
        return 0;
    }
    if (n == 0) {
        return !c->over ? 0 : c->tls && !c->torn ? STS_ERR_END : STS_ERR_CLOSED;
    }
    n = net_pace(c, n < len ? n : len);
    memcpy(buf, c->out + c->out_at, n);
    c->out_at += n;
    return (int32_t)n;
}

static inline int32_t net_send(void *ctx, int h, const void *buf, size_t len)
{
    int f = net_call(CALL_SEND);

    (void)ctx;
    return f != WORKS ? f : net_push(&in.conns[h], buf, len);
}

static inline int32_t net_recv(void *ctx, int h, void *buf, size_t len)
{
    int f = net_call(CALL_RECV);

    (void)ctx;
    return f != WORKS ? f : net_pull(&in.conns[h], buf, len);
}

static inline void net_close(void *ctx, int h)
{
    (void)ctx;
    if (in.conns[h].used == 0 || in.conns[h].claimed) {
        abort(); /* twice, or with TLS still on it */
    }
    in.conns[h].used = 0;
}

/* When this handle is ready; UINT64_MAX: not by itself. */
static inline uint64_t net_ready(const struct sts_wait *w)
{
    const struct net_conn *c = &in.conns[w->handle];
    bool hole = c->host != NULL && c->host->black_hole;
    bool some = c->out_at < c->out_len || c->over;

    if (w->write && !hole) {
        return c->ready > in.ms ? c->ready : in.ms;
    }
    return w->read && some && !hole ? c->ready : UINT64_MAX;
}

/* Nothing happens by itself here: waiting is letting the time pass until something is ready. */
static inline void net_wait(void *ctx, const struct sts_wait *handles, size_t n, uint32_t ms)
{
    uint64_t until = in.ms + (ms == 0 ? 1 : ms);
    bool stuck = in.stuck > in.ms;

    (void)ctx;
    for (size_t i = 0; i < n; i++) {
        uint64_t ready = stuck ? in.stuck : net_ready(&handles[i]);

        until = ready < until ? ready : until;
    }
    in.ms = until > in.ms ? until : in.ms + 1;
    net_clock();
}

static inline uint64_t net_random(void)
{
    in.random ^= in.random << 13;
    in.random ^= in.random >> 7;
    in.random ^= in.random << 17;
    return in.random;
}

static inline int net_fill(void *ctx, void *buf, size_t len)
{
    int f = net_call(CALL_RANDOM);
    uint8_t *p = buf;

    (void)ctx;
    while (len-- > 0) {
        *p++ = (uint8_t)(net_random() >> 24);
    }
    return f == WORKS ? STS_OK : f;
}

/* ---- the port: TLS ---------------------------------------------------------------------------------------- */

static inline int net_tls_open(void *ctx, const struct sts_tls_peer *peer,
                               const struct sts_time *now, void **conn)
{
    int f = net_call(CALL_TLS_OPEN);
    struct net_conn *c = &in.conns[peer->handle];

    (void)ctx;
    if (f != WORKS) {
        return f;
    }
    if (now->trust == STS_CLOCK_UNSET) {
        return STS_ERR_CLOCK;
    }
    c->claimed = true;
    c->sni = peer->name;
    c->require = peer->require;
    c->ready = in.ms + c->host->latency;
    *conn = c;
    return STS_OK;
}

static inline int net_prove(const struct net_conn *c)
{
    const struct net_cert *cert = &c->host->cert;
    const char *name = cert->name != NULL ? cert->name : c->host->name;

    if (cert->error != STS_OK) {
        return cert->error;
    }
    return strcmp(name, c->sni) == 0 ? STS_OK : STS_ERR_CERT_HOST;
}

static inline int net_handshake(void *ctx, void *conn, const struct sts_time *now,
                                struct sts_tls_state *state)
{
    struct net_conn *c = conn;
    int f = net_call(CALL_HANDSHAKE);

    (void)ctx;
    (void)now;
    f = f == WORKS && c->host->handshake != STS_OK ? c->host->handshake : f;
    if (f == STS_BUSY || c->mute || in.ms < c->ready) {
        return STS_BUSY;
    }
    if (f == WORKS && c->over) {
        f = STS_ERR_CLOSED;
    }
    state->version = 0;
    state->verified = false;
    state->error = f;
    if (f != WORKS && f != LIES) {
        return f;
    }
    state->version = 0x0304;
    state->error = f == LIES ? STS_ERR_CERT_TRUST : net_prove(c);
    state->verified = c->verified = state->error == STS_OK;
    if (c->require && !c->verified && f != LIES) {
        return state->error;
    }
    c->tls = true;
    c->in_len = 0;
    c->out_at = c->out_len = 0;
    return STS_OK;
}

static inline int32_t net_tls_send(void *ctx, void *conn, const void *buf, size_t len)
{
    int f = net_call(CALL_TLS_SEND);

    (void)ctx;
    return f != WORKS ? f : net_push(conn, buf, len);
}

static inline int32_t net_tls_recv(void *ctx, void *conn, void *buf, size_t len)
{
    int f = net_call(CALL_TLS_RECV);

    (void)ctx;
    return f != WORKS ? f : net_pull(conn, buf, len);
}

static inline bool net_wants_write(void *ctx, void *conn)
{
    (void)ctx;
    (void)conn;
    return false;
}

static inline void net_tls_close(void *ctx, void *conn)
{
    struct net_conn *c = conn;

    (void)ctx;
    if (c->used == 0 || !c->claimed) {
        abort(); /* twice, or after its socket */
    }
    c->claimed = false;
}

/* ---- for campaigns ------------------------------------------------------------------------------------------ */

static inline void net_start(uint64_t seed)
{
    for (size_t i = 0; i < NET_CONNS; i++) {
        in.conns[i].used = 0;
    }
    in.records_count = in.hosts_count = 0;
    in.ms = 0;
    in.utc0 = 1790000000;
    in.tick0 = 0xfffff000u; /* C07: the tick wraps */
    in.clock_error = 0;
    in.trust = STS_CLOCK_OWNER;
    in.random = seed * 0x9e3779b97f4a7c15u | 1;
    in.calls = in.dns_latency = 0;
    in.stuck = 0;
    in.clock = NULL;
    in.net = (struct sts_net){&in,      net_udp_open, net_tcp_open, net_connected,
                              net_send, net_recv,     net_close,    net_wait,     NULL};
    in.tls = (struct sts_tls){&in,          net_tls_open,    net_handshake, net_tls_send,
                              net_tls_recv, net_wants_write, net_tls_close};
    in.rng = (struct sts_random){&in, net_fill};
    in.dns = (struct sts_endpoint){{4, {192, 0, 2, 53}}, 53};
}

static inline struct net_record *net_add(const char *name, uint16_t type)
{
    struct net_record *r = &in.records[in.records_count++];

    if (in.records_count > NET_RECORDS) {
        abort();
    }
    *r = (struct net_record){.name = name, .type = type};
    return r;
}

static inline void net_mx(const char *name, uint16_t pref, const char *host)
{
    struct net_record *r = net_add(name, STS_DNS_MX);

    r->pref = pref;
    r->text = host;
}

/* A host with its address. */
static inline struct net_host *net_listen(const char *name, uint32_t ip, uint16_t port)
{
    struct net_host *h = &in.hosts[in.hosts_count++];

    if (in.hosts_count > NET_HOSTS) {
        abort();
    }
    net_add(name, STS_DNS_A)->ip = ip;
    *h = (struct net_host){.name = name, .ip = ip, .port = port};
    return h;
}

/* No handle and no TLS is left open (L06). */
static inline bool net_is_quiet(void)
{
    for (int i = 0; i < NET_CONNS; i++) {
        if (in.conns[i].used != 0) {
            return false;
        }
    }
    return true;
}

#endif
