/* SPDX-License-Identifier: MIT
 *
 * One policy over HTTPS, with the resolver, the policy parser, the HTTP reader and the stream as they are;
 * scripted are the network (a DNS server and four hosts) and TLS, which passes octets through.
 */
#include <stsmail/engine/fetch.h>

#include "test.h"

#define OK       "HTTP/1.1 200 OK\r\n"
#define TYPE     "Content-Type: text/plain\r\n"
#define POLICY   "version: STSv1\r\nmode: enforce\r\nmx: mx.example.com\r\nmax_age: 86400\r\n"
#define GOOD     OK TYPE "Content-Length: 67\r\n\r\n" POLICY
#define FOREVER  1000
#define HOSTS    4
#define TCP_BASE 100

/* How the host at 192.0.2.N, or 2001:db8::N, behaves. */
struct server {
    bool no_socket;
    int connected; /* STS_OK, STS_BUSY: never, or an error */
    int tls_open, handshake, state_error;
    bool unverified, speaks_first;
    const char *answer;
    size_t len, step; /* octets of the answer; at most so many a call, 0: any */
    uint32_t drip_ms; /* one octet in so many ms */
    int32_t end;      /* after the answer: 0 silence, or an error */
    /* what happened */
    char request[512];
    size_t request_len, sent, tries;
    uint32_t next_ms;
};

static struct {
    struct server host[HOSTS + 1]; /* 1..HOSTS */
    uint8_t v4, v6;                /* addresses of each family */
    uint16_t rcode;
    bool dns_silent, no_random;
    char asked[300];
    uint8_t question[2][512];
    size_t question_len[2];
    int udp_type[2];
    int open, tls, calls, fail_at; /* what is open; calls that can fail, and which one shall */
    struct sts_tls_peer peer;
    char log[1024];
} w;

static struct sts_time now;
static struct sts_resolver resolver;
static struct sts_stream stream;
static struct sts_policy policy;
static struct sts_fetch f;

static bool broken(void)
{
    return ++w.calls == w.fail_at;
}

/* ---- network ------------------------------------------------------------------------------ */

static int udp_open(void *ctx, const struct sts_endpoint *peer)
{
    (void)ctx;
    CHECK(peer->port == 53);
    if (broken()) {
        return STS_ERR_CONNECT;
    }
    for (int i = 0; i < 2; i++) {
        if (w.udp_type[i] == 0) {
            w.udp_type[i] = -1;
            w.question_len[i] = 0;
            w.open++;
            return i;
        }
    }
    CHECK(!"too many questions");
    return STS_ERR_CONNECT;
}

static int tcp_open(void *ctx, const struct sts_endpoint *peer)
{
    int n = peer->ip.bytes[peer->ip.family == 4 ? 3 : 15];

    (void)ctx;
    CHECK(peer->port == 443);
    CHECK(n >= 1 && n <= HOSTS);
    w.host[n].tries++;
    w.host[n].sent = w.host[n].request_len = 0;
    if (broken() || w.host[n].no_socket) {
        return STS_ERR_CONNECT;
    }
    w.open++;
    return TCP_BASE + n;
}

static int connected(void *ctx, int handle)
{
    (void)ctx;
    return broken() ? STS_ERR_CONNECT : w.host[handle - TCP_BASE].connected;
}

/* A question is kept, with its answer behind it. */
static int32_t net_send(void *ctx, int handle, const void *buf, size_t len)
{
    size_t at = 12, name = 0;

    (void)ctx;
    CHECK(handle < 2); /* nothing but TLS goes to the hosts */
    if (broken()) {
        return -1;
    }
    CHECK(len < 300);
    memcpy(w.question[handle], buf, len);
    for (uint8_t n; (n = w.question[handle][at]) != 0; at += n + 1u) {
        for (int i = 1; i <= n; i++) {
            w.asked[name++] = (char)(w.question[handle][at + (size_t)i] | 0x20);
        }
        w.asked[name++] = '.';
    }
    w.asked[name - 1] = '\0';
    w.udp_type[handle] = w.question[handle][at + 2];
    w.question_len[handle] = at + 5;
    return (int32_t)len;
}

static int32_t answer_question(uint8_t *q, size_t len, int type)
{
    size_t count = type == STS_DNS_A ? w.v4 : w.v6, size = type == STS_DNS_A ? 4 : 16;

    count = w.rcode != 0 ? 0 : count;
    q[2] = 0x81;
    q[3] = (uint8_t)(0x80 | w.rcode);
    memset(q + 6, 0, 6);
    q[7] = (uint8_t)count;
    for (size_t i = 0; i < count; i++) {
        uint8_t *rr = q + len;

        memset(rr, 0, 28);
        memcpy(rr, "\xc0\x0c\0", 3);
        rr[3] = (uint8_t)type;
        rr[5] = 1;
        rr[9] = 60;
        rr[11] = (uint8_t)size;
        memcpy(rr + 12, size == 4 ? "\xc0\x00\x02\0" : "\x20\x01\x0d\xb8", 4);
        rr[12 + size - 1] = (uint8_t)(size == 4 ? 1 + i : HOSTS - i);
        len += 12 + size;
    }
    return (int32_t)len;
}

static int32_t net_recv(void *ctx, int handle, void *buf, size_t len)
{
    int32_t n;

    (void)ctx;
    if (handle >= TCP_BASE) {
        return broken() ? -1 : 0; /* before TLS: silence */
    }
    if (broken()) {
        return -1;
    }
    if (w.dns_silent || w.question_len[handle] == 0) {
        return 0;
    }
    n = answer_question(w.question[handle], w.question_len[handle], w.udp_type[handle]);
    CHECK((size_t)n <= len);
    memcpy(buf, w.question[handle], (size_t)n);
    w.question_len[handle] = 0;
    return n;
}

static void net_close(void *ctx, int handle)
{
    (void)ctx;
    CHECK(w.open > 0);
    w.open--;
    if (handle < 2) {
        CHECK(w.udp_type[handle] != 0);
        w.udp_type[handle] = 0;
    }
}

/* ---- TLS ---------------------------------------------------------------------------------- */

static int tls_open(void *ctx, const struct sts_tls_peer *peer, const struct sts_time *t,
                    void **conn)
{
    struct server *h = &w.host[peer->handle - TCP_BASE];

    (void)ctx;
    (void)t;
    w.peer = *peer;
    CHECK(peer->require && strcmp(peer->alpn, "http/1.1") == 0);
    CHECK(strcmp(peer->name, "mta-sts.example.com") == 0); /* R-035, H17 */
    if (broken() || h->tls_open != STS_OK) {
        return h->tls_open != STS_OK ? h->tls_open : STS_ERR_MEMORY;
    }
    *conn = h;
    w.tls++;
    return STS_OK;
}

static int tls_handshake(void *ctx, void *conn, const struct sts_time *t,
                         struct sts_tls_state *state)
{
    struct server *h = conn;

    (void)ctx;
    (void)t;
    if (broken()) {
        return STS_ERR_TLS;
    }
    state->version = 0x0304;
    state->verified = h->handshake == STS_OK && !h->unverified;
    state->error = h->handshake != STS_OK ? h->handshake : h->state_error;
    return h->handshake;
}

static int32_t tls_send(void *ctx, void *conn, const void *buf, size_t len)
{
    struct server *h = conn;

    (void)ctx;
    if (broken()) {
        return -1;
    }
    len = h->step != 0 && h->step < len ? h->step : len;
    CHECK(h->request_len + len < sizeof h->request);
    memcpy(h->request + h->request_len, buf, len);
    h->request_len += len;
    h->request[h->request_len] = '\0';
    return (int32_t)len;
}

static int32_t tls_recv(void *ctx, void *conn, void *buf, size_t len)
{
    struct server *h = conn;
    size_t n = h->len - h->sent;

    (void)ctx;
    if (broken()) {
        return STS_ERR_CLOSED;
    }
    if (!h->speaks_first && (h->request_len < 4 || strstr(h->request, "\r\n\r\n") == NULL)) {
        return 0;
    }
    if (n == 0) {
        return h->end;
    }
    if (h->drip_ms != 0) {
        if ((int32_t)(now.ms - h->next_ms) < 0) {
            return 0;
        }
        h->next_ms = now.ms + h->drip_ms;
        n = 1;
    }
    n = h->step != 0 && h->step < n ? h->step : n;
    n = n < len ? n : len;
    memcpy(buf, h->answer + h->sent, n);
    h->sent += n;
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
    CHECK(w.tls == 1);
    w.tls--;
}

static int fill(void *ctx, void *buf, size_t len)
{
    static uint8_t next;

    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)buf)[i] = (uint8_t)(next += 37);
    }
    return w.no_random ? STS_ERR_RANDOM : STS_OK;
}

static void log_line(void *ctx, int kind, const char *text, size_t len)
{
    (void)ctx;
    if (kind == STS_LOG_STEP && strlen(w.log) + len + 2 < sizeof w.log) {
        strncat(w.log, text, len);
        strcat(w.log, "\n");
    }
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
static const struct sts_log lines = {.line = log_line};
static const struct sts_endpoint dns = {{4, {192, 0, 2, 53}}, 53};

/* ---- the run ------------------------------------------------------------------------------ */

static void reply(int host, const char *answer)
{
    w.host[host].answer = answer;
    w.host[host].len = strlen(answer);
    w.host[host].end = STS_ERR_END;
}

/* A world with one good host. */
static void begin(void)
{
    memset(&w, 0, sizeof w);
    memset(&policy, 0, sizeof policy);
    w.v4 = 1;
    for (int i = 1; i <= HOSTS; i++) {
        reply(i, GOOD);
    }
    now.ms = 0xfffff000u; /* the wrap is near */
    now.utc_s = 1700000000;
    now.trust = STS_CLOCK_OWNER;
    memset(&f, 0xa5, sizeof f); /* nothing is read that look() did not set */
    CHECK(sts_resolver_init(&resolver, &net, &rnd, NULL, &dns, 1) == STS_OK);
    sts_stream_init(&stream, &net, &tls);
}

static int look(void)
{
    return sts_fetch_look(&f, &resolver, &stream, &lines, "example.com", 0, 30, &now);
}

/* Polls until it is over; while nothing can be done, time goes on as the waits say. */
static int finish(void)
{
    for (int i = 0; i < 20000; i++) {
        struct sts_wait wait[STS_DNS_QUERIES + 1];
        uint32_t ms = 1000;
        int r;

        sts_resolver_poll(&resolver, &now);
        r = sts_fetch_poll(&f, &now);
        if (r != STS_BUSY) {
            return r;
        }
        CHECK(sts_resolver_wait(&resolver, &now, wait, STS_DNS_QUERIES, &ms) <= STS_DNS_QUERIES);
        CHECK(sts_fetch_wait(&f, &now, wait, 1, &ms) <= 1);
        now.ms += ms != 0 ? ms : 1;
    }
    return FOREVER;
}

/* The whole of it. Whatever happened, nothing stays open. */
static int fetch(void)
{
    int r;

    CHECK(look() == STS_OK);
    sts_fetch_go(&f, &policy, 60, &now);
    r = finish();
    CHECK(w.open == 0 && w.tls == 0 && stream.phase == STS_STREAM_CLOSED);
    CHECK(sts_fetch_poll(&f, &now) == r && f.result == r); /* it stays so */
    CHECK((r == STS_OK) == (f.cause == STS_OK));
    CHECK((r == STS_OK) == (*sts_fetch_reason(&f) == '\0'));
    return r;
}

static bool because(const char *reason)
{
    return strcmp(sts_fetch_reason(&f), reason) == 0;
}

static int fetch_answer(const char *answer)
{
    begin();
    reply(1, answer);
    return fetch();
}

static bool policy_is_good(void)
{
    return policy.mode == STS_MODE_ENFORCE && policy.max_age_s == 86400 && policy.mx_count == 1 &&
           strcmp(sts_policy_mx(&policy, 0), "mx.example.com") == 0;
}

/* ---- what goes well ----------------------------------------------------------------------- */

/* H17, H20, H23: what is asked of whom, and how. */
TEST(r030_policy_is_fetched_from_the_policy_host)
{
    begin();
    CHECK(fetch() == STS_OK && policy_is_good());
    CHECK(strcmp(w.asked, "mta-sts.example.com") == 0);
    CHECK(strcmp(w.host[1].request, "GET /.well-known/mta-sts.txt HTTP/1.1\r\n"
                                    "Host: mta-sts.example.com\r\n"
                                    "User-Agent: stsmail\r\nAccept: text/plain\r\n"
                                    "Connection: close\r\n\r\n") == 0);
    CHECK(strcmp(w.log,
                 "GET https://mta-sts.example.com/.well-known/mta-sts.txt from 192.0.2.1\n") == 0);
    CHECK(w.peer.net == &net && w.peer.handle == TCP_BASE + 1);
}

TEST(answer_comes_in_any_pieces_and_any_framing)
{
    static const char *const good[] = {
        GOOD,
        "HTTP/1.1 100 \r\n\r\n" GOOD,
        OK TYPE "\r\n" POLICY,
        OK TYPE "Transfer-Encoding: chunked\r\n\r\n10\r\nversion: STSv1\r\n\r\n"
                "33\r\nmode: enforce\r\nmx: mx.example.com\r\nmax_age: 86400\r\n\r\n0\r\n\r\n",
        GOOD "HTTP/1.1 404 \r\n\r\nwhat follows is not looked at", /* H18 */
    };

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        for (size_t step = 0; step < 40; step++) {
            begin();
            reply(1, good[i]);
            w.host[1].step = step;
            CHECK(fetch() == STS_OK && policy_is_good());
        }
    }
}

static struct {
    char text[200];
    size_t len, begun;
} heard;

static void hear(void *ctx, const void *bytes, size_t len)
{
    CHECK(ctx == &heard && len <= sizeof heard.text - heard.len);
    if (len == 0) {
        heard.begun++;
        heard.len = 0;
        return;
    }
    memcpy(heard.text + heard.len, bytes, len);
    heard.len += len;
}

/* mailer.h: empty where one begins, then the file as it comes, without its head. */
TEST(r165_the_text_of_the_policy_is_told_as_it_came)
{
    for (uint32_t ms = 0; ms < 2; ms++) {
        begin();
        reply(1, GOOD);
        w.host[1].drip_ms = ms;
        memset(&heard, 0, sizeof heard);
        CHECK(look() == STS_OK);
        f.ctx = &heard;
        f.on_text = hear;
        sts_fetch_go(&f, &policy, 3600, &now); /* an octet a second */
        CHECK(finish() == STS_OK && heard.begun == 1);
        CHECK(heard.len == strlen(POLICY) && memcmp(heard.text, POLICY, heard.len) == 0);
    }
}

/* Once the body is whole, nobody waits for the peer to close. */
TEST(connection_is_closed_as_soon_as_the_body_is_whole)
{
    begin();
    w.host[1].end = 0;
    CHECK(fetch() == STS_OK);
    CHECK(now.ms - 0xfffff000u < 3000);
}

TEST(look_up_runs_before_the_policy_is_wanted)
{
    begin();
    w.dns_silent = true;
    CHECK(look() == STS_OK);
    CHECK(sts_fetch_poll(&f, &now) == STS_BUSY);
    CHECK(*sts_fetch_reason(&f) == '\0'); /* no news yet */
    w.dns_silent = false;
    sts_resolver_poll(&resolver, &now);
    CHECK(finish() == STS_OK);
    CHECK(w.host[1].tries == 0 && w.open == 0);
    CHECK(sts_fetch_poll(&f, &now) == STS_OK);
    sts_fetch_go(&f, &policy, 60, &now);
    CHECK(finish() == STS_OK && policy_is_good());
}

TEST(failed_look_up_is_no_error_until_the_policy_is_wanted)
{
    begin();
    w.rcode = 3;
    CHECK(look() == STS_OK && finish() == STS_OK);
    sts_fetch_go(&f, &policy, 60, &now);
    CHECK(finish() == STS_ERR_POLICY_FETCH && f.cause == STS_ERR_NXDOMAIN);
}

TEST(another_port_is_used_and_named)
{
    begin();
    CHECK(sts_fetch_look(&f, &resolver, &stream, NULL, "example.com", 443, 30, &now) == STS_OK);
    CHECK(f.port == 443);
    sts_fetch_stop(&f);
    CHECK(sts_fetch_look(&f, &resolver, &stream, NULL, "example.com", 8443, 30, &now) == STS_OK);
    CHECK(f.port == 8443);
    sts_fetch_stop(&f);
}

/* D34 */
TEST(d34_name_that_would_be_too_long_is_refused_never_cut)
{
    char domain[300];

    memset(domain, 'a', sizeof domain);
    for (size_t i = 50; i < sizeof domain; i += 51) {
        domain[i] = '.';
    }
    for (size_t len = 244; len < 248; len++) {
        char kept = domain[len];

        begin();
        domain[len] = '\0';
        CHECK(sts_fetch_look(&f, &resolver, &stream, NULL, domain, 0, 30, &now) ==
              (len <= 245 ? STS_OK : STS_ERR_NAME));
        sts_fetch_stop(&f);
        CHECK(w.open == 0);
        domain[len] = kept;
    }
    begin();
    CHECK(sts_fetch_look(&f, &resolver, &stream, NULL, "not a name", 0, 30, &now) == STS_ERR_NAME);
    sts_fetch_stop(&f);
}

/* ---- what the host may answer -------------------------------------------------------------- */

/* H01, H02, R-037, R-038 */
TEST(r038_redirect_is_a_fetch_error)
{
    CHECK(fetch_answer("HTTP/1.1 301 Moved\r\nLocation: https://x.example/\r\n\r\n") ==
          STS_ERR_POLICY_FETCH);
    CHECK(f.cause == STS_ERR_PROTO);
    CHECK(because("the policy host answered 301: redirects are not followed"));
    CHECK(w.host[1].tries == 1);
    CHECK(fetch_answer("HTTP/1.1 404 Not Found\r\n" TYPE "\r\n" POLICY) == STS_ERR_POLICY_FETCH);
    CHECK(because("the policy host answered 404: a policy comes with 200 alone"));
    CHECK(fetch_answer("HTTP/1.1 206 \r\n" TYPE "\r\n" POLICY) == STS_ERR_POLICY_FETCH);
}

/* H15, H14 */
TEST(h15_captive_portal_is_no_policy)
{
    CHECK(fetch_answer(OK "Content-Type: text/html\r\n\r\n<html>" POLICY) == STS_ERR_POLICY_FETCH);
    CHECK(because("the policy host did not answer with text/plain"));
    CHECK(fetch_answer(OK TYPE "\r\n<html>\r\n" POLICY) == STS_ERR_POLICY_INVALID);
    CHECK(strncmp(sts_fetch_reason(&f), "line 1 of the policy: ", 22) == 0);
    CHECK(strlen(sts_fetch_reason(&f)) > 22);
}

/* H21 */
TEST(h21_empty_and_odd_bodies_are_invalid_policies)
{
    CHECK(fetch_answer(OK TYPE "Content-Length: 0\r\n\r\n") == STS_ERR_POLICY_INVALID);
    CHECK(fetch_answer(OK TYPE "\r\n") == STS_ERR_POLICY_INVALID);
    CHECK(fetch_answer(OK TYPE "\r\n\xef\xbb\xbf") == STS_ERR_POLICY_INVALID);
    CHECK(fetch_answer(OK TYPE "\r\n\r\n\r\n") == STS_ERR_POLICY_INVALID);
    CHECK(fetch_answer(OK TYPE "\r\nversion: STSv1\r\nmode: enforce\r\nmax_age: 1\r\n") ==
          STS_ERR_POLICY_INVALID);
    CHECK(f.cause == STS_ERR_SYNTAX);
    begin();
    reply(1, OK TYPE "Content-Length: 3\r\n\r\n\0\0");
    w.host[1].len += 3;
    CHECK(fetch() == STS_ERR_POLICY_INVALID);
}

/* H07, H11: an answer that is cut anywhere, however it ends, is no policy. */
TEST(r042_answer_that_is_cut_anywhere_is_no_policy)
{
    static const int ends[] = {STS_ERR_END, STS_ERR_CLOSED, STS_ERR_TLS};

    for (size_t e = 0; e < 3; e++) {
        for (size_t len = 0; len < strlen(GOOD); len++) {
            begin();
            w.host[1].len = len;
            w.host[1].end = ends[e];
            CHECK(fetch() == STS_ERR_POLICY_FETCH);
            CHECK(f.cause == (ends[e] == STS_ERR_TLS ? STS_ERR_TLS : STS_ERR_CLOSED));
            CHECK(w.host[1].tries == 1);
        }
    }
    CHECK(because("TLS could not be set up safely") || *sts_fetch_reason(&f) != '\0');
}

/* H12 */
TEST(h12_body_that_ends_with_the_connection_needs_close_notify)
{
    begin();
    reply(1, OK TYPE "\r\n" POLICY);
    w.host[1].end = STS_ERR_CLOSED;
    CHECK(fetch() == STS_ERR_POLICY_FETCH && f.cause == STS_ERR_CLOSED);
    CHECK(because("the policy host left open whether its answer is whole"));
}

TEST(h07_endless_body_is_a_fetch_error)
{
    static char big[70000];
    size_t at = (size_t)snprintf(big, sizeof big, OK TYPE "\r\n" POLICY);

    memset(big + at, '\n', 66000);
    CHECK(fetch_answer(big) == STS_ERR_POLICY_FETCH);
    CHECK(because("the policy host sent more than a policy may have"));
    big[at - strlen(POLICY) + 65536] = '\0';
    CHECK(fetch_answer(big) == STS_OK && policy_is_good()); /* C-1: blank lines */
}

/* H18: even a perfect answer, when nothing was asked. */
TEST(h18_host_that_speaks_first_is_not_listened_to)
{
    begin();
    w.host[1].speaks_first = true;
    CHECK(fetch() == STS_ERR_POLICY_FETCH && f.cause == STS_ERR_PROTO);
    CHECK(because("the policy host spoke before it was asked"));
    begin();
    w.host[1].speaks_first = true;
    w.host[1].len = 0;
    w.host[1].end = STS_ERR_CLOSED;
    CHECK(fetch() == STS_ERR_POLICY_FETCH && f.cause == STS_ERR_CLOSED);
    CHECK(because("the policy host closed the connection"));
}

/* H19 */
TEST(h19_other_protocols_are_fetch_errors)
{
    CHECK(fetch_answer("220 mx.example.com ESMTP\r\n") == STS_ERR_POLICY_FETCH);
    CHECK(because("the policy host did not answer in HTTP/1"));
    CHECK(fetch_answer("") == STS_ERR_POLICY_FETCH);
}

/* ---- certificates -------------------------------------------------------------------------- */

/* R-031..R-033, R-036, H16; RFC 8460 4.3.2.2. Final: another address is not asked. */
TEST(r031_certificate_that_does_not_hold_is_final)
{
    static const struct {
        int err;
        const char *reason;
    } rows[] = {{STS_ERR_CERT_HOST, "the certificate is for another name"},
                {STS_ERR_CERT_EXPIRED, "the certificate has expired, or is not valid yet"},
                {STS_ERR_CERT_TRUST, "no trust anchor vouches for the certificate"}};

    for (size_t i = 0; i < 3; i++) {
        begin();
        w.v4 = 2;
        w.host[1].handshake = rows[i].err;
        CHECK(fetch() == STS_ERR_POLICY_WEBPKI && f.cause == rows[i].err);
        CHECK(because(rows[i].reason));
        CHECK(w.host[1].tries == 1 && w.host[2].tries == 0 && w.host[1].request_len == 0);
        begin();
        w.v4 = 2;
        w.host[1].unverified = true; /* a handshake that claims success */
        w.host[1].state_error = rows[i].err;
        CHECK(fetch() == STS_ERR_POLICY_WEBPKI && w.host[2].tries == 0);
        CHECK(w.host[1].request_len == 0);
    }
}

TEST(other_tls_failure_is_a_fetch_error_and_the_next_address_is_tried)
{
    begin();
    w.host[1].handshake = STS_ERR_TLS;
    CHECK(fetch() == STS_ERR_POLICY_FETCH && f.cause == STS_ERR_TLS);
    begin();
    w.v4 = 2;
    w.host[1].handshake = STS_ERR_CLOSED;
    CHECK(fetch() == STS_OK && policy_is_good());
    begin();
    w.v4 = 2;
    w.host[1].unverified = true;
    CHECK(fetch() == STS_OK && w.host[1].request_len == 0);
    begin();
    w.v4 = 2;
    w.host[1].tls_open = STS_ERR_TLS;
    CHECK(fetch() == STS_OK && w.host[2].tries == 1);
}

/* What this device lacks is not held against the domain. */
TEST(h26_own_trouble_passes_through)
{
    static const int own[] = {STS_ERR_MEMORY, STS_ERR_CLOCK, STS_ERR_CONFIG, STS_ERR_RANDOM};

    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        begin();
        w.v4 = 2;
        w.host[1].tls_open = own[i];
        CHECK(fetch() == own[i] && f.cause == own[i]);
        CHECK(w.host[2].tries == 0);
    }
    begin();
    w.v4 = 2;
    w.host[1].handshake = STS_ERR_MEMORY;
    CHECK(fetch() == STS_ERR_MEMORY && w.host[2].tries == 0);
    begin();
    w.host[1].len = 100;
    w.host[1].end = STS_ERR_MEMORY;
    CHECK(fetch() == STS_ERR_MEMORY);
    begin();
    w.no_random = true;
    CHECK(fetch() == STS_ERR_RANDOM);
}

/* ---- addresses and time -------------------------------------------------------------------- */

TEST(host_without_an_address_is_a_fetch_error)
{
    begin();
    w.v4 = 0;
    CHECK(fetch() == STS_ERR_POLICY_FETCH && f.cause == STS_ERR_ABSENT);
    CHECK(because("the policy host has no address"));
    begin();
    w.rcode = 3;
    CHECK(fetch() == STS_ERR_POLICY_FETCH && f.cause == STS_ERR_NXDOMAIN);
    CHECK(because("the policy host has no address"));
    begin();
    w.rcode = 2;
    CHECK(fetch() == STS_ERR_POLICY_FETCH && f.cause == STS_ERR_DNS);
    CHECK(because("the address of the policy host could not be looked up"));
    begin();
    w.dns_silent = true;
    CHECK(fetch() == STS_ERR_POLICY_FETCH && f.cause == STS_ERR_DNS);
}

TEST(next_address_is_tried_when_one_cannot_be_reached)
{
    begin();
    w.v4 = 4;
    w.host[1].connected = STS_ERR_CONNECT;
    w.host[2].no_socket = true;
    w.host[3].connected = STS_ERR_CONNECT;
    CHECK(fetch() == STS_OK && policy_is_good());
    CHECK(w.host[1].tries == 1 && w.host[2].tries == 1 && w.host[3].tries == 1);
    w.host[4].no_socket = true;
    CHECK(fetch() == STS_ERR_POLICY_FETCH && f.cause == STS_ERR_CONNECT);
    CHECK(because("the policy host could not be reached"));
    w.host[4].no_socket = false;
    w.host[4].connected = STS_ERR_CONNECT;
    CHECK(fetch() == STS_ERR_POLICY_FETCH && f.cause == STS_ERR_CONNECT);
}

/* D37 */
TEST(d37_ipv6_black_hole_costs_less_than_10_s)
{
    uint32_t start;

    begin();
    w.v6 = 1; /* 2001:db8::4, tried first */
    w.host[4].connected = STS_BUSY;
    start = now.ms;
    CHECK(fetch() == STS_OK && policy_is_good());
    CHECK(w.host[4].tries == 1 && w.host[1].tries == 1);
    CHECK(now.ms - start >= 8000 && now.ms - start < 10000);
}

/* The last address has the rest of the time, not 8 s. */
TEST(d37_last_address_may_take_as_long_as_there_is)
{
    uint32_t start;

    begin();
    w.host[1].connected = STS_BUSY;
    start = now.ms;
    CHECK(fetch() == STS_ERR_POLICY_FETCH && f.cause == STS_ERR_TIMEOUT);
    CHECK(because("the policy host was too slow"));
    CHECK(now.ms - start >= 60000 && now.ms - start < 61000);
}

/* H25: one budget for all. */
TEST(h25_many_stalling_addresses_share_one_deadline)
{
    uint32_t start;

    begin();
    w.v4 = 2;
    w.v6 = 2;
    for (int i = 1; i <= HOSTS; i++) {
        w.host[i].connected = STS_BUSY;
    }
    CHECK(look() == STS_OK);
    start = now.ms;
    sts_fetch_go(&f, &policy, 20, &now);
    CHECK(finish() == STS_ERR_POLICY_FETCH && f.cause == STS_ERR_TIMEOUT);
    CHECK(now.ms - start >= 20000 && now.ms - start < 21000);
    CHECK(w.open == 0);
}

/* H06: progress buys no time. */
TEST(h06_dripping_does_not_extend_the_deadline)
{
    static const char *const at[] = {"", "HTTP/1.1 2", OK "Cont", OK TYPE "\r\nvers"};

    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        uint32_t start;

        begin();
        start = now.ms;
        w.host[1].next_ms = now.ms;
        w.host[1].drip_ms = 700; /* the answer would take longer than a minute */
        w.host[1].end = 0;
        CHECK(fetch() == STS_ERR_POLICY_FETCH && f.cause == STS_ERR_TIMEOUT);
        CHECK(now.ms - start >= 60000 && now.ms - start < 61000);
        begin();
        start = now.ms;
        reply(1, at[i]);
        w.host[1].end = 0;
        CHECK(fetch() == STS_ERR_POLICY_FETCH && f.cause == STS_ERR_TIMEOUT);
        CHECK(now.ms - start >= 60000 && now.ms - start < 61000);
    }
    begin();
    w.host[1].handshake = STS_BUSY;
    CHECK(fetch() == STS_ERR_POLICY_FETCH && f.cause == STS_ERR_TIMEOUT);
}

TEST(deadline_holds_while_the_look_up_runs_and_is_a_day_at_most)
{
    begin();
    w.dns_silent = true;
    CHECK(look() == STS_OK);
    sts_fetch_go(&f, &policy, 2, &now);
    CHECK(finish() == STS_ERR_POLICY_FETCH && f.cause == STS_ERR_TIMEOUT);
    CHECK(w.open == 0);
    begin();
    CHECK(look() == STS_OK);
    sts_fetch_go(&f, &policy, 0xffffffffu, &now);
    CHECK(f.end_ms - now.ms == 86400u * 1000);
    CHECK(finish() == STS_OK);
}

TEST(waiting_is_told_with_its_time_and_its_socket)
{
    struct sts_wait wait;
    uint32_t ms = 5000000;

    begin();
    w.v4 = 2;
    w.host[1].connected = STS_BUSY;
    CHECK(look() == STS_OK);
    CHECK(sts_fetch_wait(&f, &now, &wait, 1, &ms) == 0 && ms == 5000000); /* not wanted yet */
    sts_fetch_go(&f, &policy, 60, &now);
    CHECK(sts_fetch_wait(&f, &now, &wait, 1, &ms) == 0 && ms == 60000);
    for (int i = 0; i < 5; i++) {
        sts_resolver_poll(&resolver, &now);
        CHECK(sts_fetch_poll(&f, &now) == STS_BUSY);
    }
    CHECK(sts_fetch_wait(&f, &now, &wait, 1, &ms) == 1 && ms == 8000);
    CHECK(wait.handle == TCP_BASE + 1 && wait.write && !wait.read);
    ms = 10;
    CHECK(sts_fetch_wait(&f, &now, &wait, 0, &ms) == 0 && ms == 10);
    f.end_ms = now.ms + 3000;
    ms = 5000000;
    CHECK(sts_fetch_wait(&f, &now, &wait, 1, &ms) == 1 && ms == 3000);
    f.end_ms = now.ms + 60000;
    now.ms += 8000;
    w.host[2].connected = STS_BUSY;
    CHECK(sts_fetch_poll(&f, &now) == STS_BUSY && w.host[2].tries == 1);
    ms = 5000000;
    CHECK(sts_fetch_wait(&f, &now, &wait, 1, &ms) == 1 && ms == 52000);
    w.host[2].connected = STS_OK;
    w.host[2].handshake = STS_BUSY;
    CHECK(sts_fetch_poll(&f, &now) == STS_BUSY);
    CHECK(sts_fetch_wait(&f, &now, &wait, 1, &ms) == 1 && wait.read && !wait.write);
    sts_fetch_stop(&f);
    ms = 77;
    CHECK(sts_fetch_wait(&f, &now, &wait, 1, &ms) == 0 && ms == 77);
}

/* ---- breaking off -------------------------------------------------------------------------- */

TEST(stop_at_any_step_leaves_nothing_open)
{
    for (int step = 0; step < 400; step++) {
        begin();
        w.host[1].step = 1;
        CHECK(look() == STS_OK);
        if (step % 2 == 1) {
            sts_fetch_go(&f, &policy, 60, &now);
        }
        for (int i = 0; i < step / 2; i++) {
            sts_resolver_poll(&resolver, &now);
            (void)sts_fetch_poll(&f, &now);
        }
        sts_fetch_stop(&f);
        CHECK(w.open == 0 && w.tls == 0 && stream.phase == STS_STREAM_CLOSED);
        CHECK(sts_fetch_poll(&f, &now) != STS_BUSY);
        sts_fetch_stop(&f);
        CHECK(fetch() == STS_OK); /* and all can be used again */
    }
    memset(&f, 0, sizeof f); /* all zero: not in use */
    sts_fetch_stop(&f);
}

TEST(stop_gives_the_questions_back)
{
    begin();
    w.dns_silent = true;
    for (int i = 0; i < 3 * STS_DNS_QUERIES; i++) {
        CHECK(look() == STS_OK);
        sts_resolver_poll(&resolver, &now);
        CHECK(sts_fetch_poll(&f, &now) == STS_BUSY && w.open > 0);
        if (i % 2 == 1) {
            sts_fetch_go(&f, &policy, 1, &now);
        }
        if (i % 4 == 3) {
            CHECK(finish() == STS_ERR_POLICY_FETCH && w.open == 0);
        }
        sts_fetch_stop(&f);
        CHECK(w.open == 0);
    }
}

/* Until it is wanted, and once it is over, the stream is somebody else's. */
TEST(stop_leaves_the_stream_alone_unless_it_is_in_use)
{
    struct sts_endpoint to = {{4, {192, 0, 2, 2}}, 443};

    begin();
    CHECK(look() == STS_OK);
    CHECK(sts_stream_open(&stream, &to) == STS_OK);
    sts_fetch_stop(&f);
    CHECK(stream.phase == STS_STREAM_CONNECTING && w.open == 1);
    sts_stream_close(&stream);
    CHECK(fetch() == STS_OK);
    CHECK(sts_stream_open(&stream, &to) == STS_OK);
    sts_fetch_stop(&f);
    CHECK(f.result == STS_OK);
    CHECK(stream.phase == STS_STREAM_CONNECTING && w.open == 1);
    sts_stream_close(&stream);
}

/* H26: each call that can fail fails once: an error of its kind or a way around it, nothing left open, no policy
 * out of nothing, and the next fetch works. */
TEST(h26_every_call_may_fail)
{
    int calls, failures = 0;

    begin();
    w.v4 = 2;
    w.host[1].step = w.host[2].step = 9;
    CHECK(fetch() == STS_OK);
    calls = w.calls;
    CHECK(calls > 20);
    for (int i = 1; i <= calls; i++) {
        int r;

        begin();
        w.v4 = 2;
        w.host[1].step = w.host[2].step = 9;
        w.fail_at = i;
        r = fetch();
        CHECK(r == STS_OK ? policy_is_good() : r == STS_ERR_POLICY_FETCH || r == STS_ERR_MEMORY);
        failures += r != STS_OK;
        w.fail_at = 0;
        CHECK(fetch() == STS_OK);
    }
    CHECK(failures > 0);
}

TEST_MAIN("fetch")
