/* SPDX-License-Identifier: MIT
 *
 * Whole deliveries at random: DNS, policy hosts, MX hosts, floors, caches and faults in every function of the port drawn from a
 * seed, and after each delivery the promises that hold whatever happened. A seed that breaks one is printed, and given
 * as SEED in the environment it runs alone.
 */
#define _GNU_SOURCE
#include "world.h"

#include <stsmail/ram_store.h>

#define D    "example.org"
#define MARK "never in clear"
#define RUNS 100000

static struct world w;
static struct sts_mailer m;
static struct sts_recipient to[3];
static uint64_t seed, state;
static uint32_t fault; /* one call in so many fails; 0: none does */
static int hurry;      /* waits of no time in a row */

static uint32_t draw(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 11) % n;
}

static bool one_in(uint32_t n)
{
    return draw(n) == 0;
}

static bool fails(void)
{
    return fault != 0 && one_in(fault);
}

static void broken(const char *promise)
{
    printf("exh_mailer %llu: %s\n%s\n", (unsigned long long)seed, promise, w.log);
    for (int i = 0; i < 3; i++) {
        printf("%s: error %d, final %d, code %d\n", to[i].address, to[i].error, to[i].final,
               to[i].code);
    }
    CHECK(!"a promise is broken");
}

/* ---- a port with faults ---------------------------------------------------------------------- */

static const int tls_errors[] = {STS_ERR_MEMORY,      STS_ERR_TLS,    STS_ERR_CERT_HOST,
                                 STS_ERR_CERT_TRUST,  STS_ERR_CLOSED, STS_ERR_RANDOM,
                                 STS_ERR_CERT_EXPIRED};

static int tls_error(void)
{
    return tls_errors[draw(sizeof tls_errors / sizeof tls_errors[0])];
}

static int udp_open(void *ctx, const struct sts_endpoint *peer)
{
    return fails() ? STS_ERR_CONNECT : world_udp_open(ctx, peer);
}

static int tcp_open(void *ctx, const struct sts_endpoint *peer)
{
    return fails() ? STS_ERR_CONNECT : world_tcp_open(ctx, peer);
}

static int connected(void *ctx, int handle)
{
    return fails() ? STS_ERR_CONNECT : world_connected(ctx, handle);
}

/* A part of what could be moved, over TCP. */
static size_t part(int handle, size_t len)
{
    return w.conns[handle].used == 2 && len > 1 && one_in(4) ? 1 + draw((uint32_t)len - 1) : len;
}

static int32_t net_send(void *ctx, int handle, const void *buf, size_t len)
{
    return fails() ? -(int32_t)draw(2) : world_send(ctx, handle, buf, part(handle, len));
}

static int32_t net_recv(void *ctx, int handle, void *buf, size_t len)
{
    return fails() ? -(int32_t)draw(2) : world_recv(ctx, handle, buf, part(handle, len));
}

static void net_wait(void *ctx, const struct sts_wait *handles, size_t n, uint32_t ms)
{
    for (size_t i = 0; i < n; i++) {
        if (w.conns[handles[i].handle].used == 0 || !(handles[i].read || handles[i].write)) {
            broken("only what is open and wanted is waited for");
        }
    }
    hurry = ms == 0 ? hurry + 1 : 0;
    world_wait(ctx, handles, n, ms);
}

static int fill(void *ctx, void *buf, size_t len)
{
    return fails() ? STS_ERR_RANDOM : world_fill(ctx, buf, len);
}

static int tls_open(void *ctx, const struct sts_tls_peer *peer, const struct sts_time *now,
                    void **conn)
{
    return fails() ? STS_ERR_MEMORY : world_tls_open(ctx, peer, now, conn);
}

static int handshake(void *ctx, void *conn, const struct sts_time *now, struct sts_tls_state *s)
{
    return fails() ? (s->error = tls_error()) : world_handshake(ctx, conn, now, s);
}

static int32_t tls_send(void *ctx, void *conn, const void *buf, size_t len)
{
    return fails() ? (one_in(2) ? 0 : tls_error()) : world_tls_send(ctx, conn, buf, len);
}

static int32_t tls_recv(void *ctx, void *conn, void *buf, size_t len)
{
    return fails() ? (one_in(2) ? 0 : tls_error()) : world_tls_recv(ctx, conn, buf, len);
}

static struct sts_ram_store ram;
static struct sts_store good_store, store;

static int put(void *ctx, uint8_t kind, const char *key)
{
    return fails() ? STS_ERR_SPACE : good_store.put(ctx, kind, key);
}

static int get(void *ctx, uint8_t kind, const char *key)
{
    return fails() ? STS_ERR_IO : good_store.get(ctx, kind, key);
}

static int32_t get_bytes(void *ctx, void *buf, size_t len)
{
    return fails() ? STS_ERR_IO : good_store.read(ctx, buf, len);
}

static int put_bytes(void *ctx, const void *buf, size_t len)
{
    return fails() ? STS_ERR_IO : good_store.write(ctx, buf, len);
}

static void faulty_port(void)
{
    static uint8_t memory[16384];

    w.net.udp_open = udp_open;
    w.net.tcp_open = tcp_open;
    w.net.connected = connected;
    w.net.send = net_send;
    w.net.recv = net_recv;
    w.net.wait = net_wait;
    w.rng.fill = fill;
    w.tls.open = tls_open;
    w.tls.handshake = handshake;
    w.tls.send = tls_send;
    w.tls.recv = tls_recv;
    sts_ram_store_init(&ram, memory, sizeof memory, &good_store);
    store = good_store;
    store.put = put;
    store.get = get;
    store.read = get_bytes;
    store.write = put_bytes;
}

/* ---- a world at random ----------------------------------------------------------------------- */

static struct world_server *mx[4]; /* mx1, mx2, mx3, and mx1's second address */
static struct world_server *web;
static bool implicit;
static struct sts_policy held, provisioned;
static bool is_held, unknown; /* a policy; whether there is one */
static char http[512];

static void random_conversation(struct world_server *s)
{
    static const char *const commands[] = {"EHLO", "STARTTLS",   "MAIL",       "RCPT", "DATA",
                                           ".",    "RCPT TO:<a", "RCPT TO:<b", "QUIT", "HELO"};
    static const char *const replies[] = {"550 5.1.1 no\r\n",
                                          "450 later\r\n",
                                          "421 bye\r\n",
                                          "452 many\r\n",
                                          "552 big\r\n",
                                          "25\r\n",
                                          "500 what\r\n",
                                          "530 TLS first\r\n",
                                          NULL,
                                          "250 ok\r\n",
                                          "250 a\r\n250 b\r\n",
                                          "354 go\r\n",
                                          "220 x\r\n",
                                          "250-a\r\n250 STARTTLS\r\n"};
    uint32_t at = draw(10), at2 = draw(10);

    /* Of a message that was not read nobody says 250: that would be no fault of ours. */
    if (one_in(2)) {
        s->at = commands[at];
        s->reply = replies[draw(at == 4 || at == 5 ? 9 : 14)];
        s->hang_at = one_in(6);
    }
    if (one_in(3) && at2 != 4 && at2 != 5) {
        s->at2 = commands[at2];
        s->reply2 = replies[draw(8)];
    }
    if (one_in(8)) {
        s->greeting = replies[draw(8)];
    }
    if (one_in(3)) {
        s->offers = one_in(3) ? "250-SIZE 10\r\n" : "250-PIPELINING\r\n250-SIZE 99999\r\n";
    }
}

static struct world_server *random_mx(const char *ip)
{
    struct world_server *s = world_listen(&w, ip, 25);

    random_conversation(s);
    s->refuse = one_in(8);
    s->silent = one_in(12);
    s->slow = one_in(8);
    s->no_starttls = one_in(6);
    s->connect = one_in(12) ? STS_BUSY : STS_OK;
    s->tls_open = one_in(15) ? STS_ERR_MEMORY : STS_OK;
    s->handshake = one_in(8) ? (one_in(6) ? STS_BUSY : tls_error()) : STS_OK;
    s->behind_220 = one_in(10) ? "250 x\r\n" : NULL;
    s->late = one_in(10) ? "250 x\r\n" : NULL;
    s->ended = one_in(10) ? STS_ERR_END : STS_OK;
    if (one_in(4)) {
        s->tls = (struct sts_tls_state){0x0304, false, STS_ERR_CERT_HOST};
    }
    return s;
}

static void random_hosts(void)
{
    static const int rcodes[] = {2, 3, 5, -1};
    uint32_t kind = draw(16);

    implicit = kind == 2;
    switch (kind) {
    case 0: world_rcode(&w, D, STS_DNS_MX, rcodes[draw(4)]); break;
    case 1: world_dns(&w, D, STS_DNS_MX, "0 ."); break;
    case 2: world_dns(&w, D, STS_DNS_A, "192.0.2.10"); break;
    case 3: break;
    default:
        world_dns(&w, D, STS_DNS_MX, "10 mx1.example.org");
        world_dns(&w, one_in(2) ? D : "x", STS_DNS_MX, "20 mx2.example.org");
        world_dns(&w, one_in(3) ? D : "x", STS_DNS_MX, "15 mx3.example.org");
        world_dns(&w, one_in(12) ? D : "x", STS_DNS_MX, "16 device.example.com");
        break;
    }
    world_dns(&w, "mx1.example.org", STS_DNS_A, "192.0.2.10");
    world_dns(&w, one_in(3) ? "mx1.example.org" : "x", STS_DNS_A, "192.0.2.13");
    world_dns(&w, one_in(6) ? "x" : "mx2.example.org", STS_DNS_A, "192.0.2.11");
    world_dns(&w, "mx3.example.org", STS_DNS_A, "192.0.2.12");
    mx[0] = random_mx("192.0.2.10");
    mx[1] = random_mx("192.0.2.11");
    mx[2] = random_mx("192.0.2.12");
    mx[3] = random_mx("192.0.2.13");
}

static void write_policy(char *out, size_t size, uint32_t age)
{
    snprintf(out, size, "version: STSv1\nmode: %s\nmx: mx1.example.org\n%smax_age: %lu\n",
             sts_mode_name((int)draw(3)), one_in(2) ? "mx: mx2.example.org\n" : "",
             (unsigned long)age);
}

static void read_policy(struct sts_policy *policy)
{
    struct sts_policy_parser parser;
    char text[256];

    write_policy(text, sizeof text, 604800);
    sts_policy_start(&parser, policy);
    CHECK(sts_policy_feed(&parser, text, strlen(text)) == STS_OK);
    CHECK(sts_policy_end(&parser) == STS_OK);
}

static void random_policy_host(void)
{
    char body[256];

    if (one_in(3)) {
        return;
    }
    world_dns(&w, "_mta-sts." D, STS_DNS_TXT, one_in(8) ? "v=STSv1; id=2" : "v=STSv1; id=1");
    unknown = one_in(8);
    if (unknown) {
        w.records[w.records_count - 1].data = NULL;
        w.records[w.records_count - 1].rcode = one_in(2) ? 2 : -1;
    }
    world_dns(&w, "mta-sts." D, STS_DNS_A, "192.0.2.20");
    web = world_listen(&w, "192.0.2.20", 443);
    write_policy(body, sizeof body, one_in(2) ? 0 : 604800);
    snprintf(http, sizeof http,
             "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %u\r\n\r\n%s",
             one_in(10) ? "302 x" : "200 OK", (unsigned)strlen(body), body);
    web->http = http;
    web->refuse = one_in(6);
    web->silent = one_in(10);
    web->slow = one_in(8);
    web->handshake = one_in(10) ? tls_error() : STS_OK;
    if (one_in(6)) {
        web->tls = (struct sts_tls_state){0x0304, false, STS_ERR_CERT_HOST};
    }
}

static void random_state(void)
{
    static struct sts_domain_floor floor;
    static struct sts_provisioned list;

    w.config.floor = (uint8_t)(one_in(2) ? 0 : draw(4));
    floor = (struct sts_domain_floor){D, (uint8_t)draw(4)};
    w.config.floors = &floor;
    w.config.floors_count = one_in(3);
    w.config.timeout_s = one_in(4) ? 1 + draw(100) : 0;
    w.config.store = one_in(4) ? NULL : &store;
    is_held = w.config.store != NULL && one_in(2);
    if (is_held) {
        struct sts_time then = w.now;

        then.utc_s -= draw(3) * 90000;
        read_policy(&held);
        CHECK(sts_cache_put(&good_store, D, one_in(2) ? "1" : "9", &held, &then, NULL) == STS_OK);
    }
    read_policy(&provisioned);
    list = (struct sts_provisioned){D, &provisioned};
    w.config.provisioned = &list;
    w.config.provisioned_count = one_in(10);
}

/* ---- the promises ---------------------------------------------------------------------------- */

static uint8_t floor_of(void)
{
    uint8_t own = w.config.floors_count > 0 ? w.config.floors[0].floor : 0;

    return own > w.config.floor ? own : w.config.floor;
}

static uint8_t mode_of(void)
{
    return w.decision.source != STS_SOURCE_NONE ? w.decision.mode : (uint8_t)STS_MODE_NONE;
}

/* WIRE, R-080, R-084, C-7 */
static void judge_hosts(void)
{
    static const char *const names[] = {"mx1.example.org", "mx2.example.org", "mx3.example.org",
                                        "mx1.example.org"};
    bool enforced = mode_of() == STS_MODE_ENFORCE;

    if ((enforced || floor_of() > STS_FLOOR_OPPORTUNISTIC) &&
        (strstr(w.clear, "MAIL") != NULL || strstr(w.clear, "RCPT") != NULL ||
         strstr(w.clear, "DATA") != NULL || strstr(w.clear, MARK) != NULL)) {
        broken("WIRE: nothing of the mail in clear");
    }
    for (int i = 0; i < 4; i++) {
        const struct sts_tls_state *tls = &mx[i]->tls;

        if (mx[i]->delivered == 0) {
            continue;
        }
        if ((enforced || floor_of() >= STS_FLOOR_VERIFIED) && tls->version != 0 && !tls->verified) {
            broken("mail goes to hosts alone that were verified");
        }
        if ((enforced || floor_of() == STS_FLOOR_POLICY) &&
            (mode_of() == STS_MODE_NONE ||
             !sts_policy_match(&w.decided, implicit ? D : names[i]))) {
            broken("mail goes to hosts alone that the policy names");
        }
    }
}

/* C-4 */
static void judge_policy(bool first)
{
    if (w.decisions > 1) {
        broken("one decision");
    }
    if (w.decision.source == STS_SOURCE_FETCHED && !(web->tls.version == 0 || web->tls.verified)) {
        broken("a policy comes from a verified host");
    }
    if (first && is_held && held.mode == STS_MODE_ENFORCE && world_delivered(&w) > 0 &&
        w.decision.source == STS_SOURCE_NONE) {
        broken("an enforced policy that is held is never passed over");
    }
    if (unknown && !is_held && w.config.provisioned_count == 0 && world_delivered(&w) > 0) {
        broken("unknown is not none");
    }
}

/* DELIV, C-11, S12 */
static void judge_verdicts(int result, size_t count, bool broken_off)
{
    bool strict = mode_of() == STS_MODE_ENFORCE || floor_of() > STS_FLOOR_OPPORTUNISTIC;
    bool all = true, any = false, verified = broken_off; /* then the last attempt is not told */

    for (int i = 0; i < w.attempts_count; i++) {
        verified = verified || w.attempts[i].verified;
    }
    for (size_t i = 0; i < count; i++) {
        const struct sts_recipient *r = &to[i];

        all = all && r->error == STS_OK;
        any = any || r->error == STS_OK;
        if (r->error == STS_BUSY) {
            broken("every recipient has a verdict");
        }
        if (r->final && (!sts_err_final(r->error) || r->code / 100 == 4)) {
            broken("never is said of what was refused for good");
        }
        if (r->final && strict && (!verified || r->error < STS_ERR_SMTPUTF8)) {
            broken("never is not said on what may be forged");
        }
    }
    if (any && world_delivered(&w) == 0) {
        broken("DELIV: delivered is what a server said 250 to");
    }
    if ((result == STS_OK) != all) {
        broken("the result is that of the recipients");
    }
}

/* ---- the run --------------------------------------------------------------------------------- */

static int run(int break_at)
{
    uint32_t start = w.now.ms;
    int result = STS_BUSY;

    hurry = 0;
    for (int polls = 0; result == STS_BUSY; polls++) {
        if (polls == break_at) {
            sts_mailer_abort(&m);
        }
        result = sts_mailer_poll(&m, &w.now);
        if (result == STS_BUSY) {
            sts_mailer_wait(&m, &w.now, 1000);
        }
        if (polls > 200000 || hurry > 500 || w.now.ms - start > 86400000) {
            broken("it ends, and waiting is waiting");
        }
    }
    return result;
}

static void deliver(size_t count, bool first)
{
    static const struct sts_message message = {.from = "a@example.com",
                                               .body = MARK "\nmore\n",
                                               .date_s = 1790000000,
                                               .message_id = "1@x"};
    struct sts_mail mail = {"a@example.com", to, count, &message};
    int break_at = one_in(10) ? (int)draw(60) : -1, result;

    for (int i = 0; i < 4; i++) {
        mx[i]->delivered = 0;
    }
    w.attempts_count = w.decisions = 0;
    w.clear_len = 0;
    w.clear[0] = w.log[0] = '\0';
    memset(&w.decision, 0, sizeof w.decision);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    result = run(break_at);
    if (!world_is_quiet(&w)) {
        broken("L06: nothing stays open");
    }
    judge_hosts();
    judge_policy(first);
    judge_verdicts(result, count, break_at >= 0);
}

static void one_world(uint64_t number)
{
    size_t count;

    seed = number;
    state = number * 0x9e3779b97f4a7c15u + 1;
    for (int i = 0; i < 4; i++) {
        (void)draw(2);
    }
    fault = 0;
    web = NULL;
    unknown = false;
    world_start(&w);
    faulty_port();
    random_state();
    random_hosts();
    random_policy_host();
    to[0].address = "a@example.org";
    to[1].address = "b@example.org";
    to[2].address = "c@EXAMPLE.org";
    count = 1 + draw(3);
    fault = one_in(3) ? 0 : 10 + draw(300);
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    deliver(count, true);
    if (one_in(2)) {
        w.now.utc_s += draw(2) * 100000;
        deliver(count, false);
    }
}

TEST(the_promises_hold_in_a_hundred_thousand_worlds)
{
    const char *alone = getenv("SEED");

    if (alone != NULL) {
        one_world(strtoull(alone, NULL, 10));
        return;
    }
    for (uint64_t i = 0; i < RUNS; i++) {
        one_world(i);
    }
}

TEST_MAIN("exh_mailer")
