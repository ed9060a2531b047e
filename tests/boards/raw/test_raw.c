/* SPDX-License-Identifier: MIT
 *
 * port/lwip/raw.c on a host: one lwIP that talks to itself over a link that loses, doubles and reorders packets, or
 * runs out of memory, as the test says. The peer is written on the raw API too.
 */
#include "test.h"

#include <stdlib.h>

#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/sys.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include <lwip/udp.h>

#include <stsmail/lwip_raw.h>

/* ---- memory that runs out, numbers that repeat ------------------------------------------------- */

static long fail_at = -1;         /* allocations until the one that fails; -1: none */
static size_t largest = SIZE_MAX; /* bytes of the largest allocation that is granted */
static long in_use, in_use_idle;

void *link_malloc(size_t size)
{
    /* lwIP counts its timers itself, and rightly takes them for granted. */
    bool timer = size == LWIP_MEM_ALIGN_SIZE(sizeof(struct sys_timeo));

    if (!timer && (fail_at == 0 || size > largest)) {
        fail_at = -1;
        return NULL;
    }
    fail_at -= fail_at > 0;
    in_use++;
    return malloc(size);
}

void *link_calloc(size_t n, size_t size)
{
    void *p = link_malloc(n * size);

    return p != NULL ? memset(p, 0, n * size) : NULL;
}

void link_free(void *p)
{
    in_use -= p != NULL;
    free(p);
}

void link_assert(const char *what)
{
    fprintf(stderr, "lwIP: %s\n", what);
    abort();
}

static uint32_t random_state = 1;
static bool random_fails;

uint32_t link_rand(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

static int fill(void *ctx, void *buf, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)buf)[i] = (uint8_t)link_rand();
    }
    return random_fails ? STS_ERR_RANDOM : STS_OK;
}

static const struct sts_random random_numbers = {NULL, fill};

/* ---- the link: packets wait in a queue for the next turn --------------------------------------- */

#define QUEUE 256

static struct netif link_netif;
static struct pbuf *queue[QUEUE];
static size_t queued;
static unsigned lose, twice, swap; /* every n-th packet; 0: none */
static unsigned sent;
static bool cut;
static u32_t clock_now;
static uint32_t asked_ms; /* of the last turn */

u32_t sys_now(void)
{
    return clock_now;
}

static void enqueue(struct pbuf *p)
{
    struct pbuf *copy = queued < QUEUE ? pbuf_clone(PBUF_RAW, PBUF_POOL, p) : NULL;

    if (copy != NULL) {
        queue[queued++] = copy;
    }
}

static err_t link_output(struct netif *n, struct pbuf *p, const ip4_addr_t *to)
{
    (void)n;
    (void)to;
    sent++;
    if (cut || (lose != 0 && sent % lose == 0)) {
        return ERR_OK;
    }
    enqueue(p);
    if (twice != 0 && sent % twice == 0) {
        enqueue(p);
    }
    if (swap != 0 && sent % swap == 0 && queued > 1) {
        struct pbuf *last = queue[queued - 1];

        queue[queued - 1] = queue[queued - 2];
        queue[queued - 2] = last;
    }
    return ERR_OK;
}

static err_t link_init(struct netif *n)
{
    n->output = link_output;
    n->mtu = 576;
    n->flags = NETIF_FLAG_LINK_UP;
    return ERR_OK;
}

/* One packet, and some time. */
static void turn(void *ctx, uint32_t max_ms)
{
    struct pbuf *p = queue[0];

    (void)ctx;
    asked_ms = max_ms;
    clock_now += 10;
    if (queued == 0) {
        return;
    }
    memmove(queue, queue + 1, --queued * sizeof queue[0]);
    if (link_netif.input(p, &link_netif) != ERR_OK) {
        pbuf_free(p);
    }
}

/* ---- the port, and a peer ---------------------------------------------------------------------- */

static struct sts_lwip_raw raw;
static struct sts_net net;
static const struct sts_endpoint here = {{4, {10, 0, 0, 1}}, 7};

static struct tcp_pcb *listener, *peer_pcb;
static size_t peer_got;
static bool peer_ended, peer_failed, peer_wrong;

static uint8_t letter(size_t n)
{
    return (uint8_t)(n * 7 + n / 251);
}

static err_t peer_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)err;
    if (p == NULL) {
        peer_ended = true;
        return ERR_OK;
    }
    for (u16_t i = 0; i < p->tot_len; i++) {
        peer_wrong |= pbuf_get_at(p, i) != letter(peer_got++);
    }
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static void peer_err(void *arg, err_t err)
{
    (void)arg;
    (void)err;
    peer_failed = true;
    peer_pcb = NULL;
}

static err_t peer_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    if (err != ERR_OK || pcb == NULL) {
        return ERR_VAL;
    }
    peer_pcb = pcb;
    tcp_recv(pcb, peer_recv);
    tcp_err(pcb, peer_err);
    return ERR_OK;
}

static void turns(int n)
{
    while (n-- > 0) {
        net.wait(net.ctx, NULL, 0, 10);
    }
}

static void start(void)
{
    static bool once;
    ip4_addr_t ip, mask;

    if (!once) {
        once = true;
        IP4_ADDR(&ip, 10, 0, 0, 1);
        IP4_ADDR(&mask, 255, 255, 255, 0);
        lwip_init();
        netif_add(&link_netif, &ip, &mask, &ip, NULL, link_init, ip_input);
        netif_set_default(&link_netif);
        netif_set_up(&link_netif);
        in_use_idle = in_use;
    }
    sts_lwip_raw_init(&raw, &random_numbers, turn, NULL, &net);
    lose = twice = swap = sent = 0;
    cut = random_fails = false;
    fail_at = -1;
    peer_got = 0;
    peer_ended = peer_failed = peer_wrong = false;
    peer_pcb = NULL;
    listener = tcp_new();
    CHECK(tcp_bind(listener, IP_ADDR_ANY, here.port) == ERR_OK);
    listener = tcp_listen(listener);
    tcp_accept(listener, peer_accept);
}

static void queued_drop(void)
{
    while (queued > 0) {
        pbuf_free(queue[--queued]);
    }
}

/* What the network still holds is thrown away; then nothing may be left of a test. */
static void finish(void)
{
    CHECK(tcp_close(listener) == ERR_OK);
    lose = twice = swap = 0;
    queued_drop();
    peer_pcb = NULL;
    while (tcp_active_pcbs != NULL) {
        tcp_recv(tcp_active_pcbs, NULL);
        tcp_err(tcp_active_pcbs, NULL);
        tcp_abort(tcp_active_pcbs);
    }
    while (tcp_tw_pcbs != NULL) {
        tcp_abort(tcp_tw_pcbs);
    }
    queued_drop();
    for (size_t i = 0; i < STS_LWIP_RAW_HANDLES; i++) {
        CHECK(raw.slot[i].kind == 0);
    }
    CHECK(udp_pcbs == NULL);
    CHECK(in_use <= in_use_idle + 1); /* TCP's timer may still run */
}

/* A connection that stands on both sides. */
static int connected(void)
{
    int h = net.tcp_open(net.ctx, &here);

    CHECK(h >= 0);
    CHECK(net.connected(net.ctx, h) == STS_BUSY);
    turns(6);
    CHECK(net.connected(net.ctx, h) == STS_OK);
    CHECK(peer_pcb != NULL);
    return h;
}

/* ---- TCP ---------------------------------------------------------------------------------------- */

TEST(bytes_go_both_ways_and_an_end_is_told_after_them)
{
    uint8_t buf[64];
    int h;

    start();
    h = connected();
    CHECK(net.recv(net.ctx, h, buf, sizeof buf) == 0);
    CHECK(tcp_write(peer_pcb, "hello", 5, TCP_WRITE_FLAG_COPY) == ERR_OK);
    CHECK(tcp_shutdown(peer_pcb, 0, 1) == ERR_OK);
    turns(6);
    CHECK(net.recv(net.ctx, h, buf, 2) == 2);
    CHECK(net.recv(net.ctx, h, buf + 2, sizeof buf - 2) == 3);
    CHECK(memcmp(buf, "hello", 5) == 0);
    CHECK(net.recv(net.ctx, h, buf, sizeof buf) == STS_ERR_CLOSED);
    buf[0] = letter(0);
    CHECK(net.send(net.ctx, h, buf, 1) == 1); /* our way is still open */
    net.close(net.ctx, h);
    turns(8);
    CHECK(peer_got == 1 && peer_ended && !peer_failed);
    finish();
}

TEST(the_own_address_of_a_connection_is_told_while_lwip_has_it)
{
    struct sts_ip ip;
    int h, question;

    start();
    h = connected();
    memset(&ip, 0x5A, sizeof ip); /* what was there is gone */
    CHECK(net.local(net.ctx, h, &ip) == STS_OK);
    CHECK(memcmp(&ip, &here.ip, sizeof ip) == 0);
    ip.family = 0;
    question = net.udp_open(net.ctx, &here);
    CHECK(net.local(net.ctx, question, &ip) == STS_ERR_CONNECT && ip.family == 0);
    net.close(net.ctx, question);
    tcp_err(peer_pcb, NULL);
    tcp_abort(peer_pcb);
    peer_pcb = NULL;
    turns(6);
    CHECK(net.local(net.ctx, h, &ip) == STS_ERR_CONNECT && ip.family == 0);
    net.close(net.ctx, h);
    finish();
}

TEST(nothing_is_sent_before_the_connection_stands)
{
    int h;

    start();
    cut = true;
    h = net.tcp_open(net.ctx, &here);
    CHECK(h >= 0);
    CHECK(net.send(net.ctx, h, "x", 1) == 0);
    turns(10);
    CHECK(net.connected(net.ctx, h) == STS_BUSY);
    net.close(net.ctx, h); /* while it connects */
    CHECK(tcp_active_pcbs == NULL);
    finish();
}

TEST(a_refused_connection_is_no_connection)
{
    struct sts_endpoint nobody = {{4, {10, 0, 0, 1}}, 9};
    char c;
    int h;

    start();
    h = net.tcp_open(net.ctx, &nobody);
    CHECK(h >= 0);
    turns(6);
    CHECK(net.connected(net.ctx, h) == STS_ERR_CONNECT);
    CHECK(net.send(net.ctx, h, "x", 1) == STS_ERR_CLOSED);
    CHECK(net.recv(net.ctx, h, &c, 1) == STS_ERR_CLOSED);
    net.close(net.ctx, h);
    finish();
}

TEST(what_came_before_a_reset_is_read_first)
{
    char buf[8];
    int h;

    start();
    h = connected();
    CHECK(tcp_write(peer_pcb, "554", 3, TCP_WRITE_FLAG_COPY) == ERR_OK);
    CHECK(tcp_output(peer_pcb) == ERR_OK);
    turns(6);
    tcp_err(peer_pcb, NULL);
    tcp_abort(peer_pcb);
    turns(6);
    CHECK(net.connected(net.ctx, h) == STS_OK);
    CHECK(net.send(net.ctx, h, "x", 1) == STS_ERR_CLOSED);
    CHECK(net.recv(net.ctx, h, buf, sizeof buf) == 3);
    CHECK(net.recv(net.ctx, h, buf, sizeof buf) == STS_ERR_CLOSED);
    net.close(net.ctx, h); /* the pcb is gone since long */
    finish();
}

TEST(unread_bytes_do_not_turn_a_close_into_a_reset)
{
    int h;

    start();
    h = connected();
    CHECK(tcp_write(peer_pcb, "221 bye", 7, TCP_WRITE_FLAG_COPY) == ERR_OK);
    CHECK(tcp_output(peer_pcb) == ERR_OK);
    turns(6);
    net.close(net.ctx, h);
    turns(8);
    CHECK(peer_ended && !peer_failed);
    finish();
}

TEST(a_reset_after_the_close_reaches_nobody)
{
    int h, again;

    start();
    h = connected();
    net.close(net.ctx, h);
    tcp_err(peer_pcb, NULL);
    tcp_abort(peer_pcb); /* before our FIN has arrived */
    peer_pcb = NULL;
    again = net.tcp_open(net.ctx, &here);
    CHECK(again == h); /* the same slot */
    turns(10);
    CHECK(net.connected(net.ctx, again) == STS_OK);
    CHECK(net.send(net.ctx, again, "x", 1) == 1);
    net.close(net.ctx, again);
    finish();
}

TEST(a_closed_connection_that_lingers_is_the_first_to_go)
{
    unsigned n = 0;

    start();
    net.close(net.ctx, connected());
    for (const struct tcp_pcb *p = tcp_active_pcbs; p != NULL; p = p->next) {
        n += p->prio == TCP_PRIO_MIN && p->state == FIN_WAIT_1;
    }
    CHECK(n == 1);
    turns(8);
    finish();
}

/* L06: lwIP alone would go on for as long as the peer is silent, or its window too small. */
TEST(l06_a_closed_connection_that_gets_nowhere_is_given_up_after_a_minute)
{
    int h;

    start();
    h = connected();
    tcp_abort(peer_pcb); /* nobody is there any more */
    queued_drop();
    cut = true;
    CHECK(net.send(net.ctx, h, "x", 1) == 1);
    net.close(net.ctx, h);
    turns(5500);
    CHECK(tcp_active_pcbs != NULL);
    turns(1000);
    CHECK(tcp_active_pcbs == NULL);
    finish();
}

TEST(each_write_leaves_at_once)
{
    unsigned before;
    int h;

    start();
    h = connected();
    before = sent;
    CHECK(net.send(net.ctx, h, "a", 1) == 1);
    CHECK(sent == before + 1);
    CHECK(net.send(net.ctx, h, "b", 1) == 1); /* although the first was not acknowledged yet */
    CHECK(sent == before + 2);
    net.close(net.ctx, h);
    finish();
}

TEST(where_memory_is_short_a_smaller_piece_is_sent)
{
    uint8_t buf[500] = {0};
    int h;

    start();
    h = connected();
    largest = 400;
    CHECK(net.send(net.ctx, h, buf, sizeof buf) == 250);
    largest = 1;
    CHECK(net.send(net.ctx, h, buf, sizeof buf) == 0);
    largest = SIZE_MAX;
    net.close(net.ctx, h);
    finish();
}

TEST(a_full_send_buffer_is_waited_for)
{
    uint8_t buf[500] = {0};
    struct sts_wait w = {0, false, true};

    start();
    w.handle = connected();
    cut = true;
    for (int i = 0; i < 10 && net.send(net.ctx, w.handle, buf, sizeof buf) > 0; i++) {
    }
    CHECK(net.send(net.ctx, w.handle, buf, sizeof buf) == 0);
    net.wait(net.ctx, &w, 1, 500);
    CHECK(asked_ms == 500);
    net.close(net.ctx, w.handle);
    finish();
}

/* Sends `total` bytes through whatever the link does. Returns whether all arrived as they were. */
static bool transfer(size_t total, int max_turns)
{
    uint8_t buf[700];
    size_t done = 0;
    int h = net.tcp_open(net.ctx, &here);

    while (h >= 0 && max_turns-- > 0 && peer_got < total) {
        struct sts_wait w = {h, true, done < total};
        size_t n = 0;
        int32_t r;

        while (n < sizeof buf && done + n < total) {
            buf[n] = letter(done + n);
            n++;
        }
        r = n > 0 && net.connected(net.ctx, h) == STS_OK ? net.send(net.ctx, h, buf, n) : 0;
        if (r < 0) {
            break;
        }
        done += (size_t)r;
        net.wait(net.ctx, &w, 1, 10);
    }
    if (h >= 0) {
        net.close(net.ctx, h);
    }
    return peer_got == total && !peer_wrong;
}

TEST(all_arrives_over_a_link_that_loses_doubles_and_reorders)
{
    for (unsigned n = 0; n < 9; n++) {
        start();
        lose = n % 3 == 0 ? 0 : 5 + n;
        twice = n / 3 == 0 ? 0 : 4;
        swap = n / 3 == 2 ? 3 : 0;
        CHECK(transfer(20000, 200000));
        finish();
    }
}

/* What the peer sends, taken in pieces of another size, while lwIP's window is small. */
TEST(all_is_read_that_the_peer_sends)
{
    uint8_t out[500], in[333];
    size_t written = 0, got = 0;
    int h;

    start();
    h = connected();
    lose = 11;
    for (int i = 0; i < 100000 && got < 15000; i++) {
        size_t n = 0;
        int32_t r;

        while (n < sizeof out) {
            out[n] = letter(written + n);
            n++;
        }
        if (tcp_sndbuf(peer_pcb) >= n &&
            tcp_write(peer_pcb, out, (u16_t)n, TCP_WRITE_FLAG_COPY) == ERR_OK) {
            written += n;
            (void)tcp_output(peer_pcb);
        }
        r = i % 7 == 0 ? net.recv(net.ctx, h, in, sizeof in) : 0;
        CHECK(r >= 0);
        for (int32_t k = 0; k < r; k++) {
            CHECK(in[k] == letter(got + (size_t)k));
        }
        got += (size_t)r;
        turns(1);
    }
    CHECK(got >= 15000);
    net.close(net.ctx, h);
    finish();
}

TEST(memory_that_runs_out_at_any_allocation_is_survived)
{
    unsigned good = 0;

    for (long n = 0; n < 60; n++) {
        start();
        fail_at = n;
        good += transfer(3000, 20000);
        finish();
    }
    CHECK(good >= 50); /* lwIP tries again; only the first few mean that nothing was begun */
}

/* ---- UDP ---------------------------------------------------------------------------------------- */

static struct udp_pcb *server_open(u16_t port)
{
    struct udp_pcb *pcb = udp_new();

    CHECK(udp_bind(pcb, IP_ADDR_ANY, port) == ERR_OK);
    return pcb;
}

static void say(struct udp_pcb *from, u16_t port, const char *text, u16_t len)
{
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, len, PBUF_RAM);

    CHECK(pbuf_take(p, text, len) == ERR_OK);
    CHECK(udp_sendto(from, p, &link_netif.ip_addr, port) == ERR_OK);
    pbuf_free(p);
}

TEST(only_the_peer_is_heard_and_only_so_much_of_it)
{
    struct udp_pcb *server, *stranger;
    static char text[400] = "an answer that is longer";
    char buf[16];
    u16_t port;
    int h;

    start();
    server = server_open(here.port);
    stranger = server_open(5353);
    h = net.udp_open(net.ctx, &here);
    CHECK(h >= 0);
    port = raw.slot[h].pcb.udp->local_port;
    CHECK(port >= 1024);
    CHECK(net.recv(net.ctx, h, buf, sizeof buf) == 0);
    say(stranger, port, "forged", 6);
    turns(3);
    CHECK(net.recv(net.ctx, h, buf, sizeof buf) == 0);
    say(server, port, "", 0); /* takes no place */
    say(server, port, text, sizeof text);
    say(server, port, "two", 3);
    say(server, port, "three", 5);
    turns(5);
    CHECK(net.recv(net.ctx, h, buf, sizeof buf) == sizeof text); /* its whole length */
    CHECK(memcmp(buf, text, sizeof buf) == 0);
    CHECK(net.recv(net.ctx, h, buf, sizeof buf) == 3);
    CHECK(net.recv(net.ctx, h, buf, sizeof buf) == 0); /* the third was dropped */
    CHECK(net.send(net.ctx, h, "question", 8) == 8);
    say(server, port, "late", 4);
    turns(3);
    net.close(net.ctx, h); /* with one unread */
    udp_remove(server);
    udp_remove(stranger);
    finish();
}

TEST(each_question_has_a_port_of_its_own)
{
    int h[STS_LWIP_RAW_HANDLES];

    start();
    for (int i = 0; i < STS_LWIP_RAW_HANDLES; i++) {
        h[i] = net.udp_open(net.ctx, &here);
        CHECK(h[i] == i);
        for (int j = 0; j < i; j++) {
            CHECK(raw.slot[i].pcb.udp->local_port != raw.slot[j].pcb.udp->local_port);
        }
    }
    CHECK(net.udp_open(net.ctx, &here) == STS_ERR_CONNECT); /* the table is full */
    CHECK(net.tcp_open(net.ctx, &here) == STS_ERR_CONNECT);
    net.close(net.ctx, h[1]);
    CHECK(net.udp_open(net.ctx, &here) == h[1]);
    for (int i = 0; i < STS_LWIP_RAW_HANDLES; i++) {
        net.close(net.ctx, h[i]);
    }
    finish();
}

TEST(without_random_numbers_or_an_address_that_is_known_nothing_is_opened)
{
    struct sts_endpoint six = {{6, {0x20, 1}}, 53}, none = {{0, {0}}, 53};

    start();
    random_fails = true;
    CHECK(net.udp_open(net.ctx, &here) == STS_ERR_CONNECT);
    CHECK(net.tcp_open(net.ctx, &here) == STS_ERR_CONNECT);
    random_fails = false;
    CHECK(net.udp_open(net.ctx, &six) == STS_ERR_CONNECT);
    CHECK(net.tcp_open(net.ctx, &none) == STS_ERR_CONNECT);
    finish();
}

/* ---- wait --------------------------------------------------------------------------------------- */

TEST(wait_sleeps_only_where_nothing_can_go_on)
{
    struct sts_wait w = {0, true, false};

    start();
    w.handle = connected();
    net.wait(net.ctx, &w, 1, 500);
    CHECK(asked_ms == 500);
    w.write = true;
    net.wait(net.ctx, &w, 1, 500);
    CHECK(asked_ms == 0);
    w.write = false;
    CHECK(tcp_write(peer_pcb, "x", 1, TCP_WRITE_FLAG_COPY) == ERR_OK);
    CHECK(tcp_output(peer_pcb) == ERR_OK);
    turns(3);
    net.wait(net.ctx, &w, 1, 500);
    CHECK(asked_ms == 0);
    net.close(net.ctx, w.handle);
    finish();
}

/* ---- lwIP's calls in every order (L07) ---------------------------------------------------------- */

static struct {
    int h;
    bool stood, over, closed;
    size_t said, read, sent;
} seq;

/* The peer's pcb while lwIP has it; it gives up an ended one without a word. */
static struct tcp_pcb *peer_now(void)
{
    for (struct tcp_pcb *p = tcp_active_pcbs; p != NULL; p = p->next) {
        if (p == peer_pcb) {
            return p;
        }
    }
    return NULL;
}

static void peer_event(unsigned event)
{
    struct tcp_pcb *p = peer_now();
    uint8_t c = letter(seq.said);

    if (p == NULL) {
        return;
    }
    if (event == 0 && tcp_write(p, &c, 1, TCP_WRITE_FLAG_COPY) == ERR_OK) {
        seq.said++;
        (void)tcp_output(p);
    } else if (event == 1) {
        (void)tcp_shutdown(p, 0, 1);
    } else if (event == 2) {
        tcp_err(p, NULL);
        tcp_abort(p);
        peer_pcb = NULL;
    }
}

/* What was said is read in order, and nothing after an end; a connection that stood is never one that does not yet. */
static void our_event(unsigned event)
{
    uint8_t c = letter(seq.sent);
    int32_t n;

    if (event == 3) {
        n = net.send(net.ctx, seq.h, &c, 1);
        CHECK(n <= 1 && (n <= 0 || seq.stood || net.connected(net.ctx, seq.h) == STS_OK));
        seq.sent += n > 0;
    } else if (event == 4) {
        n = net.recv(net.ctx, seq.h, &c, 1);
        CHECK(n < 1 || (!seq.over && c == letter(seq.read)));
        CHECK(!seq.over || n == STS_ERR_CLOSED);
        seq.read += n > 0;
        seq.over = n < 0;
    } else {
        net.close(net.ctx, seq.h);
        seq.closed = true;
    }
}

static void one_order(unsigned order, int length)
{
    start();
    memset(&seq, 0, sizeof seq);
    seq.h = net.tcp_open(net.ctx, &here);
    CHECK(seq.h >= 0);
    turns((int)(order % 5)); /* from a SYN that has not left to a connection that stands */
    order /= 5;
    for (; length-- > 0; order /= 7) {
        if (order % 7 == 6) {
            turns(2);
        } else if (order % 7 < 3) {
            peer_event(order % 7);
        } else if (!seq.closed) {
            our_event(order % 7);
        }
        if (!seq.closed) {
            int e = net.connected(net.ctx, seq.h);

            CHECK(!seq.stood || e == STS_OK);
            seq.stood = e == STS_OK;
        }
    }
    if (!seq.closed) {
        net.close(net.ctx, seq.h);
    }
    turns(3); /* lwIP may still call back */
    CHECK(seq.read <= seq.said && !peer_wrong);
    finish();
}

TEST(l07_events_of_both_sides_in_every_order)
{
    enum {
        LENGTH = 6,
        ORDERS = 5 * 7 * 7 * 7 * 7 * 7 * 7
    };

    for (unsigned order = 0; order < ORDERS; order++) {
        one_order(order, LENGTH);
    }
}

TEST_MAIN("lwip-raw")
