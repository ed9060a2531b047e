/* SPDX-License-Identifier: MIT
 *
 * A network with DNS servers in an array: what was asked is kept, what is answered is up to the test's
 * `server`, and the clock is a variable.
 */
#ifndef STS_TEST_DNS_NET_H
#define STS_TEST_DNS_NET_H

#include <stsmail/engine/resolver.h>

#include "dns_build.h"

enum {
    SOCKS = 32
};

struct sock {
    int handle;
    bool open, tcp;
    struct sts_endpoint peer;
    uint8_t out[400]; /* the question; with its length if over TCP */
    size_t out_len;
    size_t in_len, in_at; /* UDP: one datagram */
    uint8_t in[66100];
};

/* A question as it came to a server. */
struct asked {
    int server; /* last octet of its address */
    bool tcp, edns;
    uint16_t id, type;
    char name[256]; /* in the case in which it came */
    uint32_t ms;
};

static struct {
    struct asked asked[64];
    unsigned asked_count, opened, closed, recvs, lines;
    size_t piece;      /* TCP: bytes that recv gives at once; 0: nothing more for now */
    size_t send_piece; /* TCP: bytes that send takes at once; 0: none for now */
    bool eof;          /* TCP: ends after what was answered */
    int udp_error, tcp_error, connected;
    int32_t send_error, recv_error; /* -1: the peer is gone */
    unsigned random_fails;          /* the n-th draw from now fails, 0: none */
    uint32_t random;
    unsigned draws;
    struct sts_time now;
} net;

static struct sock socks[SOCKS]; /* by handle */
static struct packet p;          /* the answer being built */

/* What servers do once a whole question is there: nothing, or echo(), put_...(), reply(). */
static void (*server)(struct sock *s, const struct asked *a);

/* Copies the question of s, as an answer without records. */
static void echo(const struct sock *s)
{
    const uint8_t *q = s->out + (s->tcp ? 2 : 0);
    size_t end = 12;

    while (q[end] != 0) {
        end += q[end] + 1u;
    }
    p.len = 0;
    put_bytes(&p, q, end + 5);
    p.b[2] = 0x81;
    p.b[3] = 0x80;
    memset(p.b + 6, 0, 6);
}

/* Sends the answer. */
static void reply(struct sock *s)
{
    s->in_len = s->in_at = 0;
    if (s->tcp) {
        s->in[0] = (uint8_t)(p.len >> 8);
        s->in[1] = (uint8_t)p.len;
        s->in_len = 2;
    }
    memcpy(s->in + s->in_len, p.b, p.len);
    s->in_len += p.len;
}

static struct sock *sock_of(int handle)
{
    struct sock *s = &socks[handle % SOCKS];

    CHECK(handle >= 0 && s->open && s->handle == handle);
    return s;
}

static int net_open(const struct sts_endpoint *peer, bool tcp)
{
    struct sock *s = &socks[net.opened % SOCKS];

    CHECK(!s->open);
    s->handle = (int)net.opened++;
    s->open = true;
    s->tcp = tcp;
    s->peer = *peer;
    s->out_len = s->in_len = s->in_at = 0;
    return s->handle;
}

static int net_udp_open(void *ctx, const struct sts_endpoint *peer)
{
    CHECK(ctx == &net);
    return net.udp_error != 0 ? net.udp_error : net_open(peer, false);
}

static int net_tcp_open(void *ctx, const struct sts_endpoint *peer)
{
    CHECK(ctx == &net);
    return net.tcp_error != 0 ? net.tcp_error : net_open(peer, true);
}

static int net_connected(void *ctx, int handle)
{
    CHECK(ctx == &net && sock_of(handle)->tcp);
    return net.connected;
}

/* Notes the question if it is whole, and lets the server answer. */
static void net_heard(struct sock *s)
{
    size_t skip = s->tcp ? 2 : 0, at = 12, n = 0;
    const uint8_t *q = s->out + skip;
    struct asked *a;

    if (s->out_len < skip || (s->tcp && s->out_len < 2u + (unsigned)(s->out[0] << 8 | s->out[1]))) {
        return;
    }
    CHECK(!s->tcp || s->out_len == 2u + (unsigned)(s->out[0] << 8 | s->out[1]));
    CHECK(net.asked_count < sizeof net.asked / sizeof *net.asked);
    a = &net.asked[net.asked_count++];
    memset(a, 0, sizeof *a);
    a->server = s->peer.ip.bytes[3];
    a->tcp = s->tcp;
    a->ms = net.now.ms;
    a->id = (uint16_t)(q[0] << 8 | q[1]);
    a->edns = q[11] == 1;
    while (q[at] != 0) {
        if (n > 0) {
            a->name[n++] = '.';
        }
        memcpy(a->name + n, q + at + 1, q[at]);
        n += q[at];
        at += q[at] + 1u;
    }
    a->type = (uint16_t)(q[at + 1] << 8 | q[at + 2]);
    CHECK(s->out_len == skip + at + 5 + (a->edns ? 11 : 0));
    if (server != NULL) {
        server(s, a);
    }
}

static int32_t net_send(void *ctx, int handle, const void *buf, size_t len)
{
    struct sock *s = sock_of(handle);

    CHECK(ctx == &net && len > 0);
    if (net.send_error != 0) {
        return net.send_error;
    }
    if (len > net.send_piece && (s->tcp || net.send_piece == 0)) {
        len = net.send_piece;
    }
    if (len > 0) {
        CHECK(s->out_len + len <= sizeof s->out);
        memcpy(s->out + s->out_len, buf, len);
        s->out_len += len;
        net_heard(s);
    }
    return (int32_t)len;
}

static int32_t net_recv(void *ctx, int handle, void *buf, size_t len)
{
    struct sock *s = sock_of(handle);
    size_t n = s->in_len - s->in_at;

    CHECK(ctx == &net && len > 0);
    net.recvs++;
    if (net.recv_error != 0) {
        return net.recv_error;
    }
    if (!s->tcp) { /* a datagram: what does not fit is lost */
        memcpy(buf, s->in, n < len ? n : len);
        s->in_len = 0;
        return (int32_t)n;
    }
    if (n == 0 && net.eof) {
        return -1;
    }
    n = n < len ? n : len;
    n = n < net.piece ? n : net.piece;
    memcpy(buf, s->in + s->in_at, n);
    s->in_at += n;
    return (int32_t)n;
}

static void net_close(void *ctx, int handle)
{
    CHECK(ctx == &net);
    sock_of(handle)->open = false;
    net.closed++;
}

static int net_fill(void *ctx, void *buf, size_t len)
{
    uint8_t *b = buf;

    CHECK(ctx == &net);
    net.draws++;
    if (net.random_fails > 0 && --net.random_fails == 0) {
        return STS_ERR_RANDOM;
    }
    for (size_t i = 0; i < len; i++) {
        net.random = net.random * 1664525u + 1013904223u;
        b[i] = (uint8_t)(net.random >> 24);
    }
    return STS_OK;
}

static void net_line(void *ctx, int kind, const char *text, size_t len)
{
    CHECK(ctx == &net && (kind == STS_LOG_STEP || kind == STS_LOG_WARNING));
    CHECK(text != NULL && len > 0);
    net.lines++;
}

/* What the port's wait does: returns at once if something is ready, else the time has passed. */
static void net_wait(const struct sts_resolver *r)
{
    struct sts_wait w[STS_DNS_QUERIES];
    uint32_t ms = 1000;
    size_t n = sts_resolver_wait(r, &net.now, w, STS_DNS_QUERIES, &ms);

    for (size_t i = 0; i < n; i++) {
        const struct sock *s = sock_of(w[i].handle);
        bool in = s->tcp ? net.piece > 0 && (s->in_at < s->in_len || net.eof) : s->in_len > 0;
        bool out = net.send_piece > 0 && (!s->tcp || net.connected != STS_BUSY);

        CHECK(w[i].read != w[i].write);
        if ((w[i].read && in) || (w[i].write && out)) {
            return;
        }
    }
    net.now.ms += ms;
}

static const struct sts_net net_port = {.ctx = &net,
                                        .udp_open = net_udp_open,
                                        .tcp_open = net_tcp_open,
                                        .connected = net_connected,
                                        .send = net_send,
                                        .recv = net_recv,
                                        .close = net_close};
static const struct sts_random net_random = {&net, net_fill};
static const struct sts_log net_log = {&net, net_line};

/* A new network and a resolver with servers 192.0.2.1, .2, ... */
static void net_start(struct sts_resolver *r, size_t servers)
{
    struct sts_endpoint list[STS_DNS_SERVERS];

    memset(&net, 0, sizeof net);
    for (int i = 0; i < SOCKS; i++) {
        socks[i].open = false;
    }
    memset(list, 0, sizeof list);
    net.piece = net.send_piece = SIZE_MAX;
    net.now.ms = 0xfffff000; /* the clock wraps four seconds from now */
    server = NULL;
    for (size_t i = 0; i < servers; i++) {
        static const uint8_t base[4] = {192, 0, 2, 1};

        list[i].ip.family = 4;
        memcpy(list[i].ip.bytes, base, 4);
        list[i].ip.bytes[3] = (uint8_t)(1 + i);
    }
    CHECK(sts_resolver_init(r, &net_port, &net_random, &net_log, list, servers) == STS_OK);
}

#endif
