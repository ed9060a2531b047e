/* SPDX-License-Identifier: MIT
 *
 * The pump between the SMTP engine and a connection, where whole deliveries (test_mailer.c) do not reach.
 */
#include <stsmail/engine/session.h>

#include "test.h"

/* A peer that says its lines one at a time, whatever it is told, and may be deaf. */
static struct peer {
    const char *lines[8];
    size_t next;
    bool deaf;
    size_t heard;
    char in[1024];
    int opened, closed, handshakes;
    int connected;
} peer;

static int tcp_open(void *ctx, const struct sts_endpoint *to)
{
    (void)ctx;
    (void)to;
    peer.opened++;
    return 3;
}

static int connected(void *ctx, int h)
{
    (void)ctx;
    CHECK(h == 3);
    return peer.connected;
}

static int32_t peer_send(void *ctx, int h, const void *buf, size_t len)
{
    (void)ctx;
    (void)h;
    if (peer.deaf) {
        return 0;
    }
    CHECK(peer.heard + len < sizeof peer.in);
    memcpy(peer.in + peer.heard, buf, len);
    peer.heard += len;
    return (int32_t)len;
}

static bool silent; /* after each line, until the next poll */

static int32_t peer_recv(void *ctx, int h, void *buf, size_t len)
{
    const char *line = peer.lines[peer.next];
    size_t n;

    (void)ctx;
    (void)h;
    if (line == NULL || silent) {
        return 0;
    }
    n = strlen(line);
    CHECK(n <= len);
    memcpy(buf, line, n);
    peer.next++;
    silent = true;
    return (int32_t)n;
}

static void peer_close(void *ctx, int h)
{
    (void)ctx;
    (void)h;
    peer.closed++;
}

static int tls_open(void *ctx, const struct sts_tls_peer *p, const struct sts_time *now, void **c)
{
    (void)ctx;
    (void)now;
    CHECK(strcmp(p->name, "mx.example.org") == 0);
    *c = &peer;
    return STS_OK;
}

static int handshake(void *ctx, void *conn, const struct sts_time *now, struct sts_tls_state *s)
{
    (void)ctx;
    (void)conn;
    (void)now;
    (void)s;
    peer.handshakes++;
    return STS_BUSY;
}

static bool wants_write(void *ctx, void *conn)
{
    (void)ctx;
    (void)conn;
    return false;
}

static void tls_close(void *ctx, void *conn)
{
    (void)ctx;
    (void)conn;
}

static const struct sts_net net = {.tcp_open = tcp_open,
                                   .connected = connected,
                                   .send = peer_send,
                                   .recv = peer_recv,
                                   .close = peer_close};
static const struct sts_tls tls = {
    .open = tls_open, .handshake = handshake, .wants_write = wants_write, .close = tls_close};

static struct sts_stream stream;
static struct sts_session s;
static struct sts_time now;
static struct sts_reader reader;
static struct sts_message_facts facts;
static struct sts_recipient to;
static struct sts_message message;

static void start(void)
{
    struct sts_session_config c = {.mx = "mx.example.org",
                                   .connect_ms = 60000,
                                   .handshake_ms = 60000,
                                   .smtp = {.hostname = "a.example.com",
                                            .sender = "",
                                            .recipients = &to,
                                            .count = 1,
                                            .message = &message,
                                            .reader = &reader,
                                            .facts = &facts,
                                            .need = STS_NEED_TLS}};

    memset(&peer, 0, sizeof peer);
    to = (struct sts_recipient){.address = "b@example.org", .error = STS_BUSY};
    now = (struct sts_time){.ms = 0xffffff00u, .utc_s = 1790000000, .trust = STS_CLOCK_OWNER};
    sts_stream_init(&stream, &net, &tls);
    sts_session_start(&s, &stream, &c, &now);
}

static int poll_once(void)
{
    silent = false;
    return sts_session_poll(&s, &now);
}

/* T06, RFC 3207 4: a 220 that comes before our STARTTLS has left: TLS begins behind it, not in the middle of it. */
TEST(tls_begins_once_starttls_has_left_however_early_the_220_is)
{
    start();
    peer.lines[0] = "220 mx\r\n";
    peer.lines[1] = "250-mx\r\n250 STARTTLS\r\n";
    CHECK(poll_once() == STS_BUSY); /* connected; greeting */
    peer.deaf = true;
    for (int i = 0; i < 4; i++) {
        peer.deaf = strstr(peer.in, "EHLO") != NULL;
        CHECK(poll_once() == STS_BUSY);
    }
    peer.lines[2] = "220 go\r\n";
    for (int i = 0; i < 4; i++) {
        CHECK(poll_once() == STS_BUSY);
    }
    CHECK(peer.next == 3 && strstr(peer.in, "STARTTLS") == NULL && peer.handshakes == 0);
    peer.deaf = false;
    CHECK(poll_once() == STS_BUSY);
    CHECK(poll_once() == STS_BUSY);
    CHECK(strstr(peer.in, "STARTTLS\r\n") != NULL && peer.handshakes > 0);
    sts_session_stop(&s);
    CHECK(peer.closed == 1);
}

TEST(a_session_that_is_over_stays_so)
{
    struct sts_wait w;
    uint32_t ms = 1000;

    start();
    CHECK(sts_session_wait(&s, &now, &w, 1, &ms) == 1 && ms == 1000);
    ms = 100000;
    CHECK(sts_session_wait(&s, &now, &w, 1, &ms) == 1 && ms == 60000 && w.write && !w.read);
    sts_session_stop(&s);
    sts_session_stop(&s);
    CHECK(peer.opened == 1 && peer.closed == 1);
    CHECK(poll_once() == STS_ERR_CLOSED && poll_once() == STS_ERR_CLOSED);
    CHECK(sts_session_wait(&s, &now, &w, 1, &ms) == 0 && ms == 0);
}

/* The wait for a greeting is the engine's, that for a handshake is the session's. */
TEST(each_wait_has_its_own_deadline)
{
    struct sts_wait w;
    uint32_t ms = 10000000;

    start();
    CHECK(poll_once() == STS_BUSY);
    CHECK(sts_session_wait(&s, &now, &w, 1, &ms) == 1 && ms == 300000 && w.read);
    peer.lines[0] = "220 mx\r\n";
    peer.lines[1] = "250-mx\r\n250 STARTTLS\r\n";
    peer.lines[2] = "220 go\r\n";
    for (int i = 0; i < 8 && peer.handshakes == 0; i++) {
        CHECK(poll_once() == STS_BUSY);
    }
    ms = 10000000;
    CHECK(sts_session_wait(&s, &now, &w, 1, &ms) == 1 && ms == 60000);
    now.ms += 59999;
    CHECK(poll_once() == STS_BUSY && s.handshake_failed == false);
    now.ms += 1;
    CHECK(poll_once() == STS_ERR_TIMEOUT && s.handshake_failed && peer.closed == 1);
}

TEST_MAIN("session")
