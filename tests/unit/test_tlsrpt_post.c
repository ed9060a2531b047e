/* SPDX-License-Identifier: MIT
 *
 * A report by https, R03. The report, the resolver, the HTTP reader and the stream are as they are; scripted are a name
 * server, three hosts, and a TLS that passes octets through.
 */
#include <stsmail/engine/cache.h>
#include <stsmail/ram_store.h>
#include <stsmail/tlsrpt_send.h>

#include "test.h"

#define URI     "https://rpt.example.net:8443/v1/tlsrpt?d=example.org#top"
#define FOREVER 1000
#define TCP     100

static struct {
    uint8_t last[3]; /* last octets of the addresses */
    uint8_t first;   /* and their first */
    uint8_t rcode, count;
    bool dns_silent;
    int tcp[4], connected[4]; /* by last octet: result of opening, and of connecting */
    int tls_open, handshake;
    size_t step;  /* octets taken at once, 0: any */
    size_t block; /* nothing is taken behind so many, 0: all is */
    const char *answer;
    size_t answer_after; /* so many octets of the request; 0: all of it */
    int32_t end;         /* after the answer */
    /* what happened */
    char asked[300], request[STS_TLSRPT_SIZE * 8 + 600];
    uint8_t question[2][512], type[2];
    size_t question_len[2], request_len, sent;
    bool used[2];
    int open, tls, tries, port, calls, fail_at;
} w;

static struct sts_time now;
static struct sts_store store;
static struct sts_tlsrpt_config config = {&store, "Sender", "tls@sender.example", "dev-1", false};
static struct sts_tlsrpt_report report;
static struct sts_tlsrpt_file file;
static struct sts_resolver resolver;
static struct sts_stream stream;
static struct sts_tlsrpt_post p;
static char body[STS_TLSRPT_SIZE * 8];

static bool broken(void)
{
    return ++w.calls == w.fail_at;
}

/* ---- the world ---------------------------------------------------------------------------------- */

static int udp_open(void *ctx, const struct sts_endpoint *peer)
{
    int i = w.used[0];

    (void)ctx;
    (void)peer;
    CHECK(!w.used[i]);
    if (broken()) {
        return STS_ERR_CONNECT;
    }
    w.used[i] = true;
    w.question_len[i] = 0;
    w.open++;
    return i;
}

static int tcp_open(void *ctx, const struct sts_endpoint *peer)
{
    int n = peer->ip.bytes[3];

    (void)ctx;
    CHECK(peer->ip.family == 4 && n >= 1 && n <= 3);
    w.port = peer->port;
    w.tries++;
    if (broken() || w.tcp[n] != STS_OK) {
        return STS_ERR_CONNECT;
    }
    w.open++;
    return TCP + n;
}

static int connected(void *ctx, int handle)
{
    (void)ctx;
    return broken() ? STS_ERR_CONNECT : w.connected[handle - TCP];
}

static int32_t net_send(void *ctx, int handle, const void *buf, size_t len)
{
    size_t at = 12, name = 0;

    (void)ctx;
    CHECK(handle < 2 && len < 300); /* nothing but TLS goes to the hosts */
    if (broken()) {
        return -1;
    }
    memcpy(w.question[handle], buf, len);
    for (uint8_t n; (n = w.question[handle][at]) != 0; at += n + 1u) {
        for (int i = 1; i <= n; i++) {
            w.asked[name++] = (char)(w.question[handle][at + (size_t)i] | 0x20);
        }
        w.asked[name++] = '.';
    }
    w.asked[name - 1] = '\0';
    w.type[handle] = w.question[handle][at + 2];
    w.question_len[handle] = at + 5;
    return (int32_t)len;
}

static int32_t net_recv(void *ctx, int handle, void *buf, size_t size)
{
    uint8_t *q;
    size_t len;

    (void)ctx;
    if (handle >= TCP) {
        return broken() ? -1 : 0;
    }
    q = w.question[handle];
    len = w.question_len[handle];
    if (broken()) {
        return -1;
    }
    if (w.dns_silent || len == 0) {
        return 0;
    }
    q[2] = 0x81;
    q[3] = (uint8_t)(0x80 | w.rcode);
    memset(q + 6, 0, 6);
    for (uint8_t i = 0; i < w.count && w.type[handle] == STS_DNS_A; i++) {
        const uint8_t rr[16] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, w.first, 0, 2, w.last[i]};

        memcpy(q + len, rr, sizeof rr);
        len += sizeof rr;
        q[7]++;
    }
    CHECK(len <= size);
    memcpy(buf, q, len);
    w.question_len[handle] = 0;
    return (int32_t)len;
}

static void net_close(void *ctx, int handle)
{
    (void)ctx;
    CHECK(w.open-- > 0);
    if (handle < 2) {
        w.used[handle] = false;
    }
}

static int tls_open(void *ctx, const struct sts_tls_peer *peer, const struct sts_time *t,
                    void **conn)
{
    (void)ctx;
    (void)t;
    CHECK(peer->require && strcmp(peer->alpn, "http/1.1") == 0); /* */
    CHECK(strcmp(peer->name, "rpt.example.net") == 0);
    if (broken() || w.tls_open != STS_OK) {
        return w.tls_open != STS_OK ? w.tls_open : STS_ERR_MEMORY;
    }
    *conn = &w;
    w.tls++;
    return STS_OK;
}

static int tls_handshake(void *ctx, void *conn, const struct sts_time *t, struct sts_tls_state *s)
{
    (void)ctx;
    (void)conn;
    (void)t;
    if (broken()) {
        return STS_ERR_TLS;
    }
    s->version = 0x0304;
    s->verified = w.handshake == STS_OK;
    s->error = w.handshake;
    return w.handshake;
}

static int32_t tls_send(void *ctx, void *conn, const void *buf, size_t len)
{
    (void)ctx;
    (void)conn;
    if (broken()) {
        return -1;
    }
    len = w.step != 0 && w.step < len ? w.step : len;
    if (w.block != 0 && w.request_len + len > w.block) {
        return 0;
    }
    CHECK(w.request_len + len < sizeof w.request);
    memcpy(w.request + w.request_len, buf, len);
    w.request_len += len;
    w.request[w.request_len] = '\0';
    return (int32_t)len;
}

static bool request_over(void)
{
    const char *head = strstr(w.request, "\r\n\r\n");

    return head != NULL &&
           w.request_len == (size_t)(head + 4 - w.request) + sts_tlsrpt_file_size(&file);
}

static int32_t tls_recv(void *ctx, void *conn, void *buf, size_t len)
{
    size_t n = strlen(w.answer + w.sent);

    (void)ctx;
    (void)conn;
    if (broken()) {
        return STS_ERR_CLOSED;
    }
    if (w.answer_after != 0 ? w.request_len < w.answer_after : !request_over()) {
        return 0;
    }
    if (n == 0) {
        return w.end;
    }
    n = w.step != 0 && w.step < n ? w.step : n;
    n = n < len ? n : len;
    memcpy(buf, w.answer + w.sent, n);
    w.sent += n;
    return (int32_t)n;
}

static bool tls_wants(void *ctx, void *conn)
{
    (void)ctx;
    (void)conn;
    return false;
}

static void tls_close(void *ctx, void *conn)
{
    (void)ctx;
    (void)conn;
    CHECK(w.tls-- == 1);
}

static int fill(void *ctx, void *buf, size_t len)
{
    static uint8_t next;

    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)buf)[i] = next += 37;
    }
    return STS_OK;
}

static const struct sts_net net = {.udp_open = udp_open,
                                   .tcp_open = tcp_open,
                                   .connected = connected,
                                   .send = net_send,
                                   .recv = net_recv,
                                   .close = net_close};
static const struct sts_tls tls = {.open = tls_open,
                                   .handshake = tls_handshake,
                                   .send = tls_send,
                                   .recv = tls_recv,
                                   .wants_write = tls_wants,
                                   .close = tls_close};
static const struct sts_random rnd = {.fill = fill};
static const struct sts_endpoint dns = {{4, {192, 0, 2, 53}}, 53};

/* A world with one good host, and a report of `lines` lines of a policy. */
static void begin(bool gzip, size_t lines)
{
    static uint8_t memory[3 * STS_TLSRPT_SIZE], raw[STS_TLSRPT_SIZE];
    static struct sts_ram_store ram;
    uint8_t format = 1;
    size_t len = 16;

    memset(&w, 0, sizeof w);
    w.first = 192;
    w.count = w.last[0] = 1;
    w.answer = "HTTP/1.1 201 Created\r\n\r\n";
    w.end = STS_ERR_END;
    now = (struct sts_time){.ms = 0xfffff000u, .utc_s = 1795482123, .trust = STS_CLOCK_OWNER};
    sts_ram_store_init(&ram, memory, sizeof memory, &store);
    memset(raw, 0, sizeof raw);
    for (size_t i = 0; i < lines; i++) {
        len += (size_t)sprintf((char *)raw + len, "mx: a%u.example.org\n", (unsigned)i);
    }
    raw[0] = (uint8_t)(len >> 8);
    raw[1] = (uint8_t)len;
    raw[2] = 'P';
    raw[3] = 1;
    CHECK(sts_cache_begin(&store, STS_STORE_REPORT, "20780.example.org", &format, 1) == STS_OK);
    CHECK(store.write(store.ctx, raw, len) == STS_OK && store.commit(store.ctx) == STS_OK);
    CHECK(sts_tlsrpt_report_start(&report, &config, 20780, "example.org") == STS_OK);
    sts_tlsrpt_file_start(&file, &report, gzip);
    memset(&p, 0xa5, sizeof p); /* nothing is read that start() did not set */
    CHECK(sts_resolver_init(&resolver, &net, &rnd, NULL, &dns, 1) == STS_OK);
    sts_stream_init(&stream, &net, &tls);
}

static int start_for(uint32_t timeout_s)
{
    return sts_tlsrpt_post_start(&p, &resolver, &stream, &file, URI, timeout_s, &now);
}

static int start(void)
{
    return start_for(60);
}

/* The whole of it; while nothing can be done, time goes on as the waits say. Whatever happened, nothing stays open. */
static int post_for(uint32_t timeout_s)
{
    int r = start_for(timeout_s);

    for (int i = 0; i < 5000 && (r == STS_OK || r == STS_BUSY); i++) {
        struct sts_wait wait[STS_DNS_QUERIES + 1];
        uint32_t ms = 1000;

        sts_resolver_poll(&resolver, &now);
        r = sts_tlsrpt_post_poll(&p, &now);
        if (r != STS_BUSY) {
            break;
        }
        CHECK(sts_resolver_wait(&resolver, &now, wait, STS_DNS_QUERIES, &ms) <= STS_DNS_QUERIES);
        CHECK(sts_tlsrpt_post_wait(&p, &now, wait, 1, &ms) <= 1);
        now.ms += ms != 0 ? ms : 1;
    }
    CHECK(w.open == 0 && w.tls == 0 && stream.phase == STS_STREAM_CLOSED);
    CHECK(sts_tlsrpt_post_poll(&p, &now) == r); /* it stays so */
    CHECK(sts_tlsrpt_post_wait(&p, &now, NULL, 0, NULL) == 0);
    return r == STS_BUSY ? FOREVER : r;
}

static int post(void)
{
    return post_for(60);
}

static int post_answer(const char *answer)
{
    begin(false, 2);
    w.answer = answer;
    return post();
}

/* ---- tests -------------------------------------------------------------------------------------- */

/* */
TEST(r191_the_report_is_posted_with_its_type_and_length)
{
    for (int gzip = 0; gzip < 2; gzip++) {
        char head[300];
        size_t n, size;

        for (w.step = 0; w.step < 200; w.step = 3 * w.step + 1) {
            size_t step = w.step;

            begin(gzip, 20);
            w.step = step;
            CHECK(post() == STS_OK);
            size = sts_tlsrpt_file_size(&file);
            n = (size_t)snprintf(head, sizeof head,
                                 "POST /v1/tlsrpt?d=example.org HTTP/1.1\r\n"
                                 "Host: rpt.example.net:8443\r\nUser-Agent: stsmail\r\n"
                                 "Content-Type: application/tlsrpt+%s\r\nContent-Length: %u\r\n"
                                 "Connection: close\r\n\r\n",
                                 gzip ? "gzip" : "json", (unsigned)size); /* no %zu on a board */
            CHECK(w.request_len == n + size && memcmp(w.request, head, n) == 0);
            CHECK(sts_tlsrpt_file_read(&file, 0, body, sizeof body) == size);
            CHECK(memcmp(w.request + n, body, size) == 0);
            CHECK(strcmp(w.asked, "rpt.example.net") == 0 && w.port == 8443 && w.tries == 1);
        }
    }
}

/* what is accepted, refused for good, put off. */
TEST(r191_r195_the_status_decides)
{
    static const struct {
        const char *answer;
        int result;
    } t[] = {
        {"HTTP/1.1 200 OK\r\n", STS_OK},
        {"HTTP/1.1 201 \r\n", STS_OK},
        {"HTTP/1.1 100 \r\n\r\nHTTP/1.1 200 \r\n", STS_OK},
        {"HTTP/1.1 202 \r\n", STS_ERR_TEMPFAIL},
        {"HTTP/1.1 204 \r\n", STS_ERR_TEMPFAIL},
        {"HTTP/1.1 400 \r\n", STS_ERR_REJECTED},
        {"HTTP/1.1 404 \r\n", STS_ERR_REJECTED},
        {"HTTP/1.1 410 \r\n", STS_ERR_REJECTED},
        {"HTTP/1.1 408 \r\n", STS_ERR_TEMPFAIL},
        {"HTTP/1.1 425 \r\n", STS_ERR_TEMPFAIL},
        {"HTTP/1.1 429 \r\n", STS_ERR_TEMPFAIL},
        {"HTTP/1.1 500 \r\n", STS_ERR_TEMPFAIL},
        {"HTTP/1.1 503 \r\n", STS_ERR_TEMPFAIL},
        {"220 mx.example.org ESMTP\r\n", STS_ERR_PROTO},
        {"HTTP/1.1 20", STS_ERR_END},
        {"", STS_ERR_END},
    };

    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        CHECK(post_answer(t[i].answer) == t[i].result || (puts(t[i].answer), 0));
    }
}

/* R03: nobody is sent elsewhere. */
TEST(r03_no_redirect_is_followed)
{
    CHECK(post_answer("HTTP/1.1 307 \r\nLocation: https://127.0.0.1/\r\n\r\n") == STS_ERR_REJECTED);
    CHECK(w.tries == 1);
}

/* R03, D28: addresses are held to the rules of a policy host's. */
TEST(r03_no_report_goes_to_this_machine)
{
    begin(false, 1);
    w.first = 127;
    w.connected[1] = STS_ERR_CONNECT;
    CHECK(post() == (STS_ALLOW_LOOPBACK ? STS_ERR_CONNECT : STS_ERR_ABSENT));
    CHECK(w.tries == STS_ALLOW_LOOPBACK);
    begin(false, 1);
    w.first = 0;
    CHECK(post() == STS_ERR_ABSENT && w.tries == 0);
}

/* the certificate has to hold, and there is no second address that may have a better one. */
TEST(r192_a_certificate_that_does_not_hold_gets_no_report)
{
    static const int errors[] = {STS_ERR_CERT_HOST, STS_ERR_CERT_EXPIRED, STS_ERR_CERT_TRUST};

    for (size_t i = 0; i < 3; i++) {
        begin(false, 1);
        w.count = 2;
        w.last[1] = 2;
        w.handshake = errors[i];
        CHECK(post() == errors[i] && w.request_len == 0 && w.tries == 1);
    }
    begin(false, 1);
    w.tls_open = STS_ERR_CLOCK;
    CHECK(post() == STS_ERR_CLOCK);
}

TEST(addresses_are_tried_in_turn)
{
    begin(false, 1);
    w.count = 3;
    w.last[1] = 2;
    w.last[2] = 3;
    w.tcp[1] = STS_ERR_CONNECT;
    w.connected[2] = STS_BUSY; /* never: D37 */
    CHECK(post() == STS_OK && w.tries == 3);
    begin(false, 1);
    w.count = 2;
    w.last[1] = 2;
    w.connected[1] = w.connected[2] = STS_ERR_CONNECT;
    CHECK(post() == STS_ERR_CONNECT && w.tries == 2);
    begin(false, 1);
    w.connected[1] = STS_BUSY;
    CHECK(post() == STS_ERR_TIMEOUT);
}

TEST(what_takes_too_long_is_given_up)
{
    begin(false, 1);
    w.block = 40;
    CHECK(post() == STS_ERR_TIMEOUT && (uint32_t)(now.ms - 0xfffff000u) <= 61000);
    begin(false, 1);
    w.end = 0;
    w.answer = "HTTP/1.1 2";
    CHECK(post() == STS_ERR_TIMEOUT);
    begin(false, 1);
    w.count = 2;
    w.last[1] = 2;
    w.connected[1] = STS_BUSY;
    CHECK(post_for(5) == STS_ERR_TIMEOUT && w.tries == 1);
    begin(false, 1);
    w.dns_silent = true;
    CHECK(post() == STS_ERR_DNS);
    begin(false, 1);
    w.rcode = 3;
    w.count = 0;
    CHECK(post() == STS_ERR_NXDOMAIN);
}

/* A refusal counts at any time; what was not sent yet cannot have been accepted (H18). */
TEST(r195_an_answer_before_the_report_was_sent)
{
    begin(false, 20);
    w.answer = "HTTP/1.1 413 Too Large\r\n";
    w.answer_after = w.block = 100;
    w.step = 10;
    CHECK(post() == STS_ERR_REJECTED);
    begin(false, 20);
    w.answer_after = w.block = 100;
    w.step = 10;
    CHECK(post() == STS_ERR_PROTO);
    begin(false, 1); /* head out, file in the buffer, and not all of that out */
    w.answer_after = 300;
    w.block = 400;
    w.step = 10;
    CHECK(post() == STS_ERR_PROTO && p.sent == sts_tlsrpt_file_size(&file));
    begin(false, 20);
    w.answer = "";
    w.answer_after = w.block = 100;
    w.step = 10;
    CHECK(post() == STS_ERR_END);
}

/* R-143, R03. */
TEST(r143_uris_are_read_strictly)
{
    static const struct {
        const char *uri, *path;
        int error, port;
    } t[] = {
        {"https://rpt.example.net", "/", STS_OK, 443},
        {"HTTPS://RPT.Example.net?a", "/?a", STS_OK, 443},
        {"https://rpt.example.net:/a#b?c", "/a", STS_OK, 443},
        {"https://rpt.example.net:1/@:", "/@:", STS_OK, 1},
        {"https://rpt.example.net:65535#a", "/", STS_OK, 65535},
        {"mailto:a@b.c", NULL, STS_ERR_ABSENT, 0},
        {"https:/rpt.example.net", NULL, STS_ERR_ABSENT, 0},
        {"http", NULL, STS_ERR_ABSENT, 0},
        {"https://", NULL, STS_ERR_NAME, 0},
        {"https:///a", NULL, STS_ERR_NAME, 0},
        {"https://127.0.0.1/", NULL, STS_ERR_NAME, 0},
        {"https://[::1]/", NULL, STS_ERR_SYNTAX, 0},
        {"https://[fd00--1]/", NULL, STS_ERR_NAME, 0},
        {"https://a..b/", NULL, STS_ERR_NAME, 0},
        {"https://a@rpt.example.net/", NULL, STS_ERR_SYNTAX, 0},
        {"https://a:b@rpt.example.net/", NULL, STS_ERR_SYNTAX, 0},
        {"https://rpt.example.net:0/", NULL, STS_ERR_SYNTAX, 0},
        {"https://rpt.example.net:65536/", NULL, STS_ERR_SYNTAX, 0},
        {"https://rpt.example.net:1x/", NULL, STS_ERR_SYNTAX, 0},
        {"https://rpt.example.net/\r\nA: b", NULL, STS_ERR_SYNTAX, 0},
        {"https://rpt.example.net/ ", NULL, STS_ERR_SYNTAX, 0},
        {"https://rpt.example.net/\x7f", NULL, STS_ERR_SYNTAX, 0},
    };
    char longer[2 * STS_TLSRPT_URI_SIZE] = "https://rpt.example.net/";

    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        begin(false, 1);
        CHECK(sts_tlsrpt_post_start(&p, &resolver, &stream, &file, t[i].uri, 60, &now) ==
                  t[i].error ||
              (puts(t[i].uri), 0));
        CHECK(sts_tlsrpt_post_poll(&p, &now) == (t[i].error == STS_OK ? STS_BUSY : t[i].error));
        if (t[i].error == STS_OK) {
            CHECK(strcmp(p.path, t[i].path) == 0 && p.port == t[i].port);
            CHECK(strcmp(p.name, "rpt.example.net") == 0);
        }
        sts_tlsrpt_post_stop(&p);
        CHECK(w.open == 0);
    }
    begin(false, 1);
    memset(longer + 24, 'b', sizeof longer - 25);
    CHECK(sts_tlsrpt_post_start(&p, &resolver, &stream, &file, longer, 60, &now) == STS_ERR_SYNTAX);
}

/* The longest name and path, with the smallest buffer: such a report is not sent, and nothing is cut. */
TEST(a_request_that_does_not_fit_is_not_sent)
{
    begin(false, 1);
    CHECK(start() == STS_OK);
    for (int i = 0; i < 20 && stream.phase != STS_STREAM_HANDSHAKE; i++) {
        w.handshake = STS_BUSY;
        sts_resolver_poll(&resolver, &now);
        CHECK(sts_tlsrpt_post_poll(&p, &now) == STS_BUSY);
    }
    w.handshake = STS_OK;
    stream.tx_at = 0;
    stream.tx_len = STS_TX_SIZE - 100; /* as if there were less room */
    w.block = 1;
    CHECK(sts_tlsrpt_post_poll(&p, &now) == STS_ERR_SPACE);
    CHECK(w.open == 0 && w.request_len == 0);
}

TEST(what_is_given_up_is_closed)
{
    begin(false, 1);
    CHECK(start() == STS_OK);
    sts_tlsrpt_post_stop(&p);
    sts_tlsrpt_post_stop(&p);
    CHECK(w.open == 0 && sts_tlsrpt_post_poll(&p, &now) == STS_ERR_CLOSED);
}

/* Each call of the port's fails once: it ends, nothing stays open, and only what was taken is accepted. */
TEST(every_failure_of_the_port_is_an_error)
{
    int r = FOREVER;

    for (int at = 1; at < 300; at++) {
        begin(true, 10);
        w.step = 50;
        w.fail_at = at;
        r = post();
        CHECK(r != FOREVER && (r != STS_OK || request_over()));
    }
    CHECK(r == STS_OK); /* there were less than 300 */
}

TEST_MAIN("tlsrpt_post")
