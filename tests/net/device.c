/* SPDX-License-Identifier: MIT
 *
 * The device: the mailer on port/lwip/raw.c, and what is owed whatever the link does.
 */
#include <stdio.h>
#include <string.h>

#include <lwip/ethip6.h>
#include <lwip/etharp.h>
#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include <lwip/udp.h>
#include <netif/ethernet.h>

#include <stsmail/lwip_raw.h>
#include <stsmail/mailer.h>

#include "net.h"
#include "toy_tls.h"

enum {
    LONGEST_MS = 3600000,
    DRAIN_MS = 1200000,
    FALL_BACK_MS = 10000
};

uint16_t client_window;

static struct netif netif;
static struct sts_lwip_raw raw;
static struct sts_net raw_net, net;
static struct sts_mailer mailer;
static struct sts_recipient to[1];
static struct sts_decision decision;
static uint32_t opened_ms, reached_ms; /* the first connection: begun, made; 0: not yet */
static char clear[32768];
static size_t clear_len;

/* ---- a network that is watched (WIRE) --------------------------------------------------------- */

static int32_t watched_send(void *ctx, int handle, const void *buf, size_t len)
{
    int32_t n = raw_net.send(ctx, handle, buf, len);

    if (!toy_is_sending && n > 0) {
        if ((size_t)n >= sizeof clear - clear_len) {
            broken("no delivery says that much in clear");
        }
        memcpy(clear + clear_len, buf, (size_t)n);
        clear_len += (size_t)n;
    }
    return n;
}

static void judge_wire(void)
{
    static const char *const never[] = {"MAIL FROM", "RCPT TO", "DATA\r\n", "GET /", "Subject:"};
    bool secure = decision.source != STS_SOURCE_NONE && decision.mode == STS_MODE_ENFORCE;

    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        if ((secure || i == 3) && memmem(clear, clear_len, never[i], strlen(never[i])) != NULL) {
            broken("WIRE: nothing of a mail goes out in clear under an enforced policy");
        }
    }
}

/* ---- the port --------------------------------------------------------------------------------- */

static int fill(void *ctx, void *buf, size_t len)
{
    uint32_t net_random(void);

    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)buf)[i] = (uint8_t)net_random();
    }
    return STS_OK;
}
static const struct sts_random random_numbers = {NULL, fill};

static void turn(void *ctx, uint32_t max_ms)
{
    (void)ctx;
    link_turn(max_ms);
}

static err_t frame_out(struct netif *n, struct pbuf *p)
{
    uint8_t frame[1600];

    (void)n;
    link_send(DEVICE, frame, pbuf_copy_partial(p, frame, sizeof frame, 0));
    return ERR_OK;
}

static err_t start(struct netif *n)
{
    n->output = etharp_output;
    n->output_ip6 = ethip6_output;
    n->linkoutput = frame_out;
    n->mtu = 576;
    n->hwaddr_len = ETH_HWADDR_LEN;
    memcpy(n->hwaddr, "\x02\0\0\0\0\x02", 6);
    n->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    return ERR_OK;
}

void device_frame(const void *frame, size_t len)
{
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_POOL);

    if (p == NULL) {
        return; /* as a driver that has no room */
    }
    (void)pbuf_take(p, frame, (u16_t)len);
    if (netif.input(p, &netif) != ERR_OK) {
        pbuf_free(p);
    }
}

static void log_line(void *ctx, int kind, const char *text, size_t len)
{
    (void)ctx;
    printf("%9u %c %.*s\n", (unsigned)net_now, kind, (int)len, text);
}
static const struct sts_log log_all = {NULL, log_line};

static void on_attempt(void *ctx, const struct sts_attempt *a)
{
    (void)ctx;
    printf("%9u attempt %s family %d: reached %d, error %d\n", (unsigned)net_now, a->mx,
           a->address.family, a->reached, a->error);
}

static void on_decision(void *ctx, const struct sts_decision *d)
{
    (void)ctx;
    decision = *d;
}

/* Which of our addresses a connection leaves from lwIP decides as it begins to connect. */
static int watched_open(void *ctx, const struct sts_endpoint *peer)
{
    static const struct sts_ip v4 = {4, {192, 0, 2, 2}};
    static const struct sts_ip v6 = {6, {0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};
    int handle = raw_net.tcp_open(ctx, peer);
    struct sts_ip ip;

    opened_ms = opened_ms == 0 ? net_now : opened_ms;
    if (handle >= 0 && (net.local(ctx, handle, &ip) != STS_OK ||
                        memcmp(&ip, peer->ip.family == 6 ? &v6 : &v4, sizeof ip) != 0)) {
        broken("a connection's own address is told");
    }
    return handle;
}

static int watched_connected(void *ctx, int handle)
{
    int e = raw_net.connected(ctx, handle);

    if (e == STS_OK && reached_ms == 0) {
        reached_ms = net_now;
    }
    return e;
}

static void idle(uint32_t ms)
{
    for (uint32_t begin = net_now; net_now - begin < ms;) {
        net.wait(net.ctx, NULL, 0, 100);
    }
}

void device_start(void)
{
    ip4_addr_t ip, mask;
    ip6_addr_t ip6;
    s8_t at;

    IP4_ADDR(&ip, 192, 0, 2, 2);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    lwip_init();
    netif_add(&netif, &ip, &mask, &ip, NULL, start, ethernet_input);
    netif_set_default(&netif);
    netif_set_up(&netif);
    (void)ip6addr_aton("2001:db8::2", &ip6);
    (void)netif_add_ip6_address(&netif, &ip6, &at);
    netif_ip6_addr_set_state(&netif, at, IP6_ADDR_PREFERRED);
    sts_lwip_raw_init(&raw, &random_numbers, turn, NULL, &raw_net);
    net = raw_net;
    net.send = watched_send;
    net.tcp_open = watched_open;
    net.connected = watched_connected;
    idle(3000);
    memory_baseline();
}

/* ---- a delivery ------------------------------------------------------------------------------- */

static struct sts_time now(void)
{
    return (struct sts_time){net_now, 1790000000 + net_now / 1000, STS_CLOCK_OWNER};
}

static int run(void)
{
    uint32_t begin = net_now;
    struct sts_time t = now();
    int result, polls = 0;

    while ((result = sts_mailer_poll(&mailer, &t)) == STS_BUSY) {
        t = now();
        sts_mailer_wait(&mailer, &t, 1000);
        t = now();
        if (t.ms - begin > LONGEST_MS || ++polls > 2000000) {
            broken("a delivery ends");
        }
    }
    return result;
}

static void judge(int result, unsigned before)
{
    if (to[0].error == STS_OK && server_delivered == before) {
        broken("DELIV: delivered is what a server said 250 to");
    }
    if (to[0].error != STS_OK && to[0].final) {
        broken("nothing that a network does is final");
    }
    if ((result == STS_OK) != (to[0].error == STS_OK)) {
        broken("the result is that of the recipient");
    }
    for (size_t i = 0; i < STS_LWIP_RAW_HANDLES; i++) {
        if (raw.slot[i].kind != 0) {
            broken("L06: no handle stays open");
        }
    }
    judge_wire();
}

int device_deliver(void)
{
    static const struct sts_endpoint dns = {{4, {192, 0, 2, 10}}, 53};
    static const struct sts_mailer_config config = {.net = &net,
                                                    .tls = &toy_tls,
                                                    .random = &random_numbers,
                                                    .log = &log_all,
                                                    .hostname = "device.example.net",
                                                    .dns = &dns,
                                                    .dns_count = 1,
                                                    .on_attempt = on_attempt,
                                                    .on_decision = on_decision};
    const struct sts_message message = {.from = "a@example.net",
                                        .subject = "alert",
                                        .body = plan.body,
                                        .date_s = 1790000000,
                                        .message_id = "1@device.example.net"};
    const struct sts_mail mail = {
        .sender = "a@example.net", .recipients = to, .count = 1, .message = &message};
    unsigned before = server_delivered;
    struct sts_time t = now();
    int result;

    to[0] = (struct sts_recipient){.address = "ops@example.org"};
    memset(&decision, 0, sizeof decision);
    clear_len = opened_ms = reached_ms = 0;
    if (sts_mailer_init(&mailer, &config) != STS_OK ||
        sts_mailer_send(&mailer, &mail, &t) != STS_OK) {
        broken("a delivery begins");
    }
    result = run();
    judge(result, before);
    if (plan.good && plan.dead_ipv6 && !plan.dead_mx && reached_ms - opened_ms > FALL_BACK_MS) {
        broken("D37: an IPv6 that leads nowhere is left in ten seconds");
    }
    return result;
}

void device_drain(void)
{
    uint32_t begin = net_now;

    link_quiet();
    while (!memory_is_baseline()) {
        idle(1000);
        if (net_now - begin > DRAIN_MS) {
            memory_say();
            broken("no pbuf, no pcb, nothing of lwIP's memory is left in use");
        }
    }
}
