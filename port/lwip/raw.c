/* SPDX-License-Identifier: MIT
 *
 * struct sts_net on lwIP's raw API. lwIP calls back in whatever order the network decides; each callback only
 * notes what it learnt in its slot, and everything is decided when the library asks. A packet is copied once:
 * from lwIP's pbuf to whoever reads, or from whoever writes into lwIP's pbuf.
 */
#include <stsmail/lwip_raw.h>

#include <string.h>

#include <lwip/pbuf.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include <lwip/udp.h>

#include "address.h"

#define PORT_TRIES 32  /* random ports asked for until one is free */
#define LINGER     120 /* half seconds that a closed connection has for what it still holds */

enum kind {
    FREE = 0,
    UDP,
    TCP,
};

typedef struct sts_lwip_raw_slot slot_t;

/* ---- slots ---------------------------------------------------------------------------------- */

static slot_t *slot_of(void *ctx, int handle)
{
    struct sts_lwip_raw *r = ctx;

    return &r->slot[handle];
}

static slot_t *slot_new(struct sts_lwip_raw *r, uint8_t kind)
{
    for (size_t i = 0; i < STS_LWIP_RAW_HANDLES; i++) {
        if (r->slot[i].kind == FREE) {
            memset(&r->slot[i], 0, sizeof r->slot[i]);
            r->slot[i].kind = kind;
            return &r->slot[i];
        }
    }
    return NULL;
}

static int handle_of(const struct sts_lwip_raw *r, const slot_t *s)
{
    return (int)(s - r->slot);
}

static void slot_free(slot_t *s)
{
    for (size_t i = 0; i < STS_LWIP_RAW_DATAGRAMS; i++) {
        if (s->in[i] != NULL) {
            pbuf_free(s->in[i]);
        }
    }
    memset(s, 0, sizeof *s);
}

/* A port of 1024..65535 that nobody can guess (RFC 5452 9.2, RFC 6056); 0: there are no random numbers. */
static u16_t random_port(const struct sts_lwip_raw *r)
{
    uint16_t port = 0;

    while (port < 1024) { /* drawn again, so that all ports are as likely */
        if (r->random->fill(r->random->ctx, &port, sizeof port) != STS_OK) {
            return 0;
        }
    }
    return port;
}

/* ---- UDP ------------------------------------------------------------------------------------ */

static void on_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                        u16_t port)
{
    slot_t *s = arg;

    (void)pcb;
    (void)from;
    (void)port;
    for (size_t i = 0; i < STS_LWIP_RAW_DATAGRAMS && p->tot_len > 0; i++) {
        if (s->in[i] == NULL) {
            s->in[i] = p;
            return;
        }
    }
    pbuf_free(p);
}

static bool udp_ready(struct sts_lwip_raw *r, struct udp_pcb *pcb, const ip_addr_t *to, u16_t port)
{
    for (int i = 0; i < PORT_TRIES; i++) {
        u16_t own = random_port(r);

        if (own == 0) {
            return false;
        }
        if (udp_bind(pcb, IP_ANY_TYPE, own) == ERR_OK) {
            return udp_connect(pcb, to, port) == ERR_OK; /* lwIP drops what others send */
        }
    }
    return false;
}

static int net_udp_open(void *ctx, const struct sts_endpoint *peer)
{
    struct sts_lwip_raw *r = ctx;
    ip_addr_t to;
    slot_t *s;

    if (!lwip_address(&peer->ip, &to) || (s = slot_new(r, UDP)) == NULL) {
        return STS_ERR_CONNECT;
    }
    s->pcb.udp = udp_new_ip_type(IP_GET_TYPE(&to));
    if (s->pcb.udp == NULL || !udp_ready(r, s->pcb.udp, &to, peer->port)) {
        if (s->pcb.udp != NULL) {
            udp_remove(s->pcb.udp);
        }
        slot_free(s);
        return STS_ERR_CONNECT;
    }
    udp_recv(s->pcb.udp, on_datagram, s);
    return handle_of(r, s);
}

static int32_t datagram_send(slot_t *s, const void *buf, size_t len)
{
    struct pbuf *p = len <= UINT16_MAX ? pbuf_alloc(PBUF_TRANSPORT, (u16_t)len, PBUF_RAM) : NULL;
    err_t e = ERR_MEM;

    if (p != NULL) {
        (void)pbuf_take(p, buf, (u16_t)len);
        e = udp_send(s->pcb.udp, p);
        pbuf_free(p);
    }
    /* No memory, no route yet: as if it were lost. The resolver asks again in its own time. */
    return e == ERR_OK || e == ERR_MEM || e == ERR_BUF || e == ERR_RTE ? (int32_t)len
                                                                       : STS_ERR_CLOSED;
}

static int32_t datagram_recv(slot_t *s, void *buf, size_t len)
{
    struct pbuf *p = s->in[0];
    u16_t whole;

    if (p == NULL) {
        return 0;
    }
    whole = p->tot_len;
    (void)pbuf_copy_partial(p, buf, len < whole ? (u16_t)len : whole, 0);
    pbuf_free(p);
    memmove(s->in, s->in + 1, sizeof s->in - sizeof s->in[0]);
    s->in[STS_LWIP_RAW_DATAGRAMS - 1] = NULL;
    return whole;
}

/* ---- TCP: what lwIP tells ------------------------------------------------------------------- */

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    slot_t *s = arg;

    (void)pcb;
    s->open = err == ERR_OK;
    return ERR_OK;
}

/* p NULL: the peer sends no more; what we send still goes out. */
static err_t on_bytes(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    slot_t *s = arg;

    (void)pcb;
    (void)err;
    if (p == NULL) {
        s->ended = true;
    } else if (s->in[0] == NULL) {
        s->in[0] = p;
    } else {
        pbuf_cat(s->in[0], p);
    }
    return ERR_OK;
}

/* lwIP has freed the pcb already: it must not be touched again. What came before can still be read. */
static void on_error(void *arg, err_t err)
{
    slot_t *s = arg;

    (void)err;
    s->pcb.tcp = NULL;
    s->ended = true;
}

static void listen_to(struct tcp_pcb *pcb, slot_t *s)
{
    tcp_arg(pcb, s);
    tcp_err(pcb, s != NULL ? on_error : NULL);
    tcp_recv(pcb, s != NULL ? on_bytes : NULL);
}

/* ---- TCP: what the library asks ------------------------------------------------------------- */

/* The port is ours to choose: lwIP counts up, and what can be guessed can be reset (RFC 6056). */
static bool tcp_ready(struct sts_lwip_raw *r, struct tcp_pcb *pcb)
{
    for (int i = 0; i < PORT_TRIES; i++) {
        u16_t own = random_port(r);

        if (own == 0) {
            return false;
        }
        if (tcp_bind(pcb, IP_ANY_TYPE, own) == ERR_OK) {
            return true;
        }
    }
    return false;
}

static int net_tcp_open(void *ctx, const struct sts_endpoint *peer)
{
    struct sts_lwip_raw *r = ctx;
    struct tcp_pcb *pcb;
    ip_addr_t to;
    slot_t *s;

    if (!lwip_address(&peer->ip, &to) || (s = slot_new(r, TCP)) == NULL) {
        return STS_ERR_CONNECT;
    }
    pcb = tcp_new_ip_type(IP_GET_TYPE(&to));
    s->pcb.tcp = pcb;
    if (pcb == NULL || !tcp_ready(r, pcb)) {
        if (pcb != NULL) {
            tcp_abort(pcb);
        }
        slot_free(s);
        return STS_ERR_CONNECT;
    }
    listen_to(pcb, s);
    tcp_nagle_disable(pcb);
    if (tcp_connect(pcb, &to, peer->port, on_connected) != ERR_OK) {
        listen_to(pcb, NULL);
        tcp_abort(pcb);
        slot_free(s);
        return STS_ERR_CONNECT;
    }
    return handle_of(r, s);
}

static int net_connected(void *ctx, int handle)
{
    const slot_t *s = slot_of(ctx, handle);

    if (s->open) {
        return STS_OK;
    }
    return s->pcb.tcp == NULL ? STS_ERR_CONNECT : STS_BUSY;
}

/* As much as there is room for. Where lwIP's pools are short of it, less is tried: a small piece now is
 * better than a wait for memory that only our own progress frees. */
static int32_t stream_send(slot_t *s, const void *buf, size_t len)
{
    struct tcp_pcb *pcb = s->pcb.tcp;
    err_t e = ERR_MEM;
    u16_t n;

    if (pcb == NULL) {
        return STS_ERR_CLOSED;
    }
    if (!s->open) {
        return 0;
    }
    n = len < tcp_sndbuf(pcb) ? (u16_t)len : tcp_sndbuf(pcb);
    while (n > 0 && (e = tcp_write(pcb, buf, n, TCP_WRITE_FLAG_COPY)) == ERR_MEM) {
        n /= 2;
    }
    if (e != ERR_OK && e != ERR_MEM) {
        return STS_ERR_CLOSED;
    }
    (void)tcp_output(pcb); /* what it cannot send now its timer sends */
    return n;
}

static int32_t stream_recv(slot_t *s, void *buf, size_t len)
{
    u16_t n;

    if (s->in[0] == NULL) {
        return s->ended ? STS_ERR_CLOSED : 0;
    }
    n = pbuf_copy_partial(s->in[0], buf, len < UINT16_MAX ? (u16_t)len : UINT16_MAX, 0);
    s->in[0] = pbuf_free_header(s->in[0], n);
    if (s->pcb.tcp != NULL) {
        tcp_recved(s->pcb.tcp, n);
    }
    return n;
}

/* lwIP itself never gives up a connection whose next segment is larger than the peer's window, where no memory is left to split it. */
static err_t on_linger(void *arg, struct tcp_pcb *pcb)
{
    (void)arg;
    tcp_abort(pcb);
    return ERR_ABRT;
}

/* Bytes left unread would turn the close into a reset, which can overtake what we sent last (QUIT). A
 * connection that lingers gives its pcb up as soon as a new one needs it. */
static void stream_close(slot_t *s)
{
    struct tcp_pcb *pcb = s->pcb.tcp;

    if (pcb == NULL) {
        return;
    }
    if (s->in[0] != NULL) {
        tcp_recved(pcb, s->in[0]->tot_len);
    }
    listen_to(pcb, NULL);
    tcp_setprio(pcb, TCP_PRIO_MIN);
    tcp_poll(pcb, on_linger, LINGER);
    if (tcp_close(pcb) != ERR_OK) {
        tcp_abort(pcb);
    }
}

/* ---- both ----------------------------------------------------------------------------------- */

static int32_t net_send(void *ctx, int handle, const void *buf, size_t len)
{
    slot_t *s = slot_of(ctx, handle);

    return s->kind == UDP ? datagram_send(s, buf, len) : stream_send(s, buf, len);
}

static int32_t net_recv(void *ctx, int handle, void *buf, size_t len)
{
    slot_t *s = slot_of(ctx, handle);

    return s->kind == UDP ? datagram_recv(s, buf, len) : stream_recv(s, buf, len);
}

static void net_close(void *ctx, int handle)
{
    slot_t *s = slot_of(ctx, handle);

    if (s->kind == UDP) {
        udp_remove(s->pcb.udp);
    } else {
        stream_close(s);
    }
    slot_free(s);
}

/* Whether the library can go on with this handle now. */
static bool ready(const slot_t *s, const struct sts_wait *w)
{
    if (w->read && (s->in[0] != NULL || s->ended)) {
        return true;
    }
    if (!w->write || s->kind == UDP) {
        return w->write;
    }
    return s->pcb.tcp == NULL || (s->open && tcp_sndbuf(s->pcb.tcp) > 0);
}

static void net_wait(void *ctx, const struct sts_wait *handles, size_t n, uint32_t timeout_ms)
{
    struct sts_lwip_raw *r = ctx;

    for (size_t i = 0; i < n && timeout_ms > 0; i++) {
        if (ready(slot_of(ctx, handles[i].handle), &handles[i])) {
            timeout_ms = 0;
        }
    }
    if (r->turn != NULL) {
        r->turn(r->ctx, timeout_ms);
    }
    sys_check_timeouts();
}

static int net_local(void *ctx, int handle, struct sts_ip *ip)
{
    const slot_t *s = slot_of(ctx, handle);

    if (s->kind != TCP || s->pcb.tcp == NULL) {
        return STS_ERR_CONNECT;
    }
    our_address(&s->pcb.tcp->local_ip, ip);
    return STS_OK;
}

void sts_lwip_raw_init(struct sts_lwip_raw *r, const struct sts_random *random,
                       void (*turn)(void *ctx, uint32_t max_ms), void *ctx, struct sts_net *out)
{
    memset(r, 0, sizeof *r);
    r->random = random;
    r->turn = turn;
    r->ctx = ctx;
    *out = (struct sts_net){
        .ctx = r,
        .udp_open = net_udp_open,
        .tcp_open = net_tcp_open,
        .connected = net_connected,
        .send = net_send,
        .recv = net_recv,
        .close = net_close,
        .wait = net_wait,
        .local = net_local,
    };
}
