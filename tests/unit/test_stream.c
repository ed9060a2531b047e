/* SPDX-License-Identifier: MIT
 *
 * One connection over a scripted socket and a scripted TLS that passes octets through.
 */
#include <stsmail/engine/stream.h>

#include "test.h"

/* One side of the world: what comes in and what went out, in clear or under TLS. */
struct side {
    const char *in;
    size_t in_len, in_step; /* octets a call gives at most; 0: all */
    int32_t end;            /* what recv says once `in` is used up */
    uint8_t out[64 * 1024];
    size_t out_len;
    int32_t take; /* octets a call takes at most; <= 0: returned instead */
    bool over;    /* claims one octet more than it was given */
};

static struct {
    int handle, connected, open_err, opened, closed, tls_opened, tls_closed, handshakes;
    const int *shakes; /* results of the handshake's steps */
    bool verified, wants;
    int state_error;
    struct side clear, tls;
    struct sts_tls_peer peer;
    char order[32];
} w;

static struct sts_stream s;
static const struct sts_time now = {1000, 1700000000, STS_CLOCK_OWNER};

static void note(char c)
{
    w.order[strlen(w.order)] = c;
}

static int32_t side_recv(struct side *x, void *buf, size_t len)
{
    size_t n = x->in_len < len ? x->in_len : len;

    CHECK(len > 0);
    if (n == 0) {
        return x->end;
    }
    n = x->in_step != 0 && n > x->in_step ? x->in_step : n;
    memcpy(buf, x->in, n);
    x->in += n;
    x->in_len -= n;
    return (int32_t)n + x->over;
}

static int32_t side_send(struct side *x, const void *buf, size_t len)
{
    CHECK(len > 0);
    if (x->take <= 0) {
        return x->take;
    }
    len = len < (size_t)x->take ? len : (size_t)x->take;
    memcpy(x->out + x->out_len, buf, len);
    x->out_len += len;
    return (int32_t)len + x->over;
}

static int net_open(void *ctx, const struct sts_endpoint *to)
{
    CHECK(ctx == &w && to->port == 25);
    w.opened++;
    return w.handle;
}
static int net_connected(void *ctx, int handle)
{
    CHECK(ctx == &w && handle == 7);
    return w.connected;
}
static int32_t net_send(void *ctx, int handle, const void *buf, size_t len)
{
    CHECK(ctx == &w && handle == 7);
    CHECK(s.conn == NULL); /* nothing bypasses TLS from its beginning on */
    return side_send(&w.clear, buf, len);
}
static int32_t net_recv(void *ctx, int handle, void *buf, size_t len)
{
    CHECK(ctx == &w && handle == 7);
    CHECK(s.conn == NULL);
    return side_recv(&w.clear, buf, len);
}
static void net_close(void *ctx, int handle)
{
    CHECK(ctx == &w && handle == 7);
    w.closed++;
    note('N');
}

static int tls_open(void *ctx, const struct sts_tls_peer *peer, const struct sts_time *t,
                    void **conn)
{
    CHECK(ctx == &w && t == &now);
    w.tls_opened++;
    w.peer = *peer;
    *conn = &w; /* left behind even by an error */
    return w.open_err;
}
static int tls_handshake(void *ctx, void *conn, const struct sts_time *t,
                         struct sts_tls_state *state)
{
    CHECK(ctx == &w && conn == &w && t == &now);
    w.handshakes++;
    state->version = 0x0304;
    state->verified = w.verified;
    state->error = w.state_error;
    return *w.shakes++;
}
static int32_t tls_send(void *ctx, void *conn, const void *buf, size_t len)
{
    CHECK(ctx == &w && conn == &w && s.secure);
    return side_send(&w.tls, buf, len);
}
static int32_t tls_recv(void *ctx, void *conn, void *buf, size_t len)
{
    CHECK(ctx == &w && conn == &w && s.secure);
    return side_recv(&w.tls, buf, len);
}
static bool tls_wants(void *ctx, void *conn)
{
    CHECK(ctx == &w && conn == &w);
    return w.wants;
}
static void tls_close(void *ctx, void *conn)
{
    CHECK(ctx == &w && conn == &w);
    w.tls_closed++;
    note('T');
}

static const struct sts_net net = {.ctx = &w,
                                   .tcp_open = net_open,
                                   .connected = net_connected,
                                   .send = net_send,
                                   .recv = net_recv,
                                   .close = net_close};
static const struct sts_tls tls = {.ctx = &w,
                                   .open = tls_open,
                                   .handshake = tls_handshake,
                                   .send = tls_send,
                                   .recv = tls_recv,
                                   .wants_write = tls_wants,
                                   .close = tls_close};
static const struct sts_endpoint to = {{4, {192, 0, 2, 1}}, 25};
static const int shake_ok[] = {STS_BUSY, STS_BUSY, STS_OK};

static void begin(void)
{
    memset(&w, 0, sizeof w);
    w.handle = 7;
    w.clear.take = w.tls.take = 1 << 20;
    w.shakes = shake_ok;
    w.verified = true;
    sts_stream_init(&s, &net, &tls);
}

static void begin_open(void)
{
    begin();
    CHECK(sts_stream_open(&s, &to) == STS_OK);
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
}

static void begin_secure(void)
{
    begin_open();
    CHECK(sts_stream_secure(&s, "mx.example", true, NULL, &now) == STS_OK);
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_HANDSHAKE);
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_HANDSHAKE);
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
    CHECK(s.secure && s.state.version == 0x0304 && s.state.verified);
}

static void arrives(struct side *x, const char *text)
{
    x->in = text;
    x->in_len = strlen(text);
}

static void say(const char *text)
{
    size_t size;
    uint8_t *room = sts_stream_room(&s, &size);

    CHECK(size >= strlen(text));
    memcpy(room, text, strlen(text));
    sts_stream_commit(&s, strlen(text));
}

static bool heard(const char *text)
{
    size_t len;
    const uint8_t *data = sts_stream_data(&s, &len);

    if (len != strlen(text) || memcmp(data, text, len) != 0) {
        return false;
    }
    sts_stream_consume(&s, len);
    return true;
}

static bool went(const struct side *x, const char *text)
{
    return x->out_len == strlen(text) && memcmp(x->out, text, x->out_len) == 0;
}

static bool all_zero(const void *p, size_t len)
{
    const uint8_t *b = p;

    for (size_t i = 0; i < len; i++) {
        if (b[i] != 0) {
            return false;
        }
    }
    return true;
}

/* ---- connecting --------------------------------------------------------------------------- */

TEST(connecting_ends_open_or_failed)
{
    struct sts_wait wait;

    begin();
    CHECK(s.phase == STS_STREAM_CLOSED && sts_stream_poll(&s, &now) == STS_STREAM_CLOSED);
    CHECK(sts_stream_wait(&s, &wait, 1) == 0);
    w.connected = STS_BUSY;
    CHECK(sts_stream_open(&s, &to) == STS_OK);
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_CONNECTING);
    CHECK(sts_stream_wait(&s, &wait, 1) == 1 && wait.handle == 7 && wait.write && !wait.read);
    CHECK(sts_stream_wait(&s, &wait, 0) == 0);
    CHECK(sts_stream_open(&s, &to) == STS_ERR_STATE);
    w.connected = STS_OK;
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
    CHECK(!s.secure);

    begin();
    w.connected = -99;
    CHECK(sts_stream_open(&s, &to) == STS_OK);
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_FAILED && s.error == STS_ERR_CONNECT);
    w.connected = STS_OK;
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_FAILED && s.error == STS_ERR_CONNECT);
    CHECK(sts_stream_wait(&s, &wait, 1) == 0);
    CHECK(sts_stream_open(&s, &to) == STS_ERR_STATE);
    sts_stream_close(&s);
    CHECK(w.closed == 1 && s.phase == STS_STREAM_CLOSED && s.error == STS_OK);
}

TEST(socket_that_cannot_be_had_leaves_the_stream_closed)
{
    begin();
    w.handle = STS_ERR_CONNECT;
    CHECK(sts_stream_open(&s, &to) == STS_ERR_CONNECT);
    CHECK(s.phase == STS_STREAM_CLOSED && s.handle == -1);
    w.handle = 7;
    CHECK(sts_stream_open(&s, &to) == STS_OK);
    sts_stream_close(&s);
    sts_stream_close(&s);
    CHECK(w.closed == 1);
}

TEST(nothing_can_be_written_unless_open)
{
    size_t size;

    begin();
    sts_stream_room(&s, &size);
    CHECK(size == 0);
    w.connected = STS_BUSY;
    CHECK(sts_stream_open(&s, &to) == STS_OK);
    sts_stream_room(&s, &size);
    CHECK(size == 0);
    CHECK(sts_stream_secure(&s, "mx.example", true, NULL, &now) == STS_ERR_STATE);
}

/* ---- octets ------------------------------------------------------------------------------- */

TEST(octets_flow_in_clear)
{
    begin_open();
    arrives(&w.clear, "220 hello\r\n");
    say("EHLO a\r\n");
    CHECK(!sts_stream_drained(&s));
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
    CHECK(sts_stream_drained(&s) && went(&w.clear, "EHLO a\r\n") && w.tls.out_len == 0);
    CHECK(heard("220 hello\r\n"));
}

TEST(octets_flow_under_tls_alone)
{
    begin_secure();
    arrives(&w.tls, "250 ok\r\n");
    say("MAIL\r\n");
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
    CHECK(went(&w.tls, "MAIL\r\n") && w.clear.out_len == 0);
    CHECK(heard("250 ok\r\n"));
}

TEST(partial_sends_lose_nothing)
{
    char want[256] = "";

    begin_open();
    for (int i = 0; i < 30; i++) {
        w.clear.take = i % 3 == 0 ? 0 : i % 4;
        say("abcde");
        strcat(want, "abcde");
        CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
        CHECK(memcmp(w.clear.out, want, w.clear.out_len) == 0);
    }
    w.clear.take = 1;
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
    CHECK(sts_stream_drained(&s) && went(&w.clear, want));
}

TEST(room_is_the_whole_buffer_once_all_is_sent)
{
    struct sts_wait wait;
    size_t size;
    uint8_t *room;

    begin_open();
    room = sts_stream_room(&s, &size);
    CHECK(size == STS_TX_SIZE);
    memset(room, 'x', size);
    sts_stream_commit(&s, size);
    w.clear.take = 0;
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
    sts_stream_room(&s, &size);
    CHECK(size == 0);
    CHECK(sts_stream_wait(&s, &wait, 1) == 1 && wait.read && wait.write);
    w.clear.take = 1 << 20;
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
    sts_stream_room(&s, &size);
    CHECK(size == STS_TX_SIZE && w.clear.out_len == STS_TX_SIZE);
    CHECK(sts_stream_wait(&s, &wait, 1) == 1 && wait.read && !wait.write);
}

TEST(reading_goes_on_while_there_is_room_and_keeps_order)
{
    static char in[STS_RX_SIZE * 3 + 1];
    struct sts_wait wait;
    size_t len, got = 0;

    for (size_t i = 0; i < sizeof in - 1; i++) {
        in[i] = (char)('a' + i % 23);
    }
    begin_secure();
    arrives(&w.tls, in);
    w.tls.in_step = 100; /* TLS gives one record a call; the socket is silent */
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
    sts_stream_data(&s, &len);
    CHECK(len == STS_RX_SIZE);
    CHECK(sts_stream_wait(&s, &wait, 1) == 0); /* no room to read, nothing to write */
    sts_stream_consume(&s, 1);
    CHECK(sts_stream_wait(&s, &wait, 1) == 1 && wait.read && wait.write); /* ends at once */
    got = 1;
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
    for (size_t used = 1; got < sizeof in - 1; used = used * 3 % 401 + 1) {
        const uint8_t *data = sts_stream_data(&s, &len);

        used = used < len ? used : len;
        CHECK(len > 0 && memcmp(data, in + got, len) == 0);
        sts_stream_consume(&s, used);
        got += used;
        CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
    }
    CHECK(sts_stream_wait(&s, &wait, 1) == 1 && wait.read && !wait.write);
}

/* ---- ends --------------------------------------------------------------------------------- */

TEST(what_came_before_the_end_is_read_first)
{
    struct sts_wait wait;
    size_t size;

    begin_open();
    arrives(&w.clear, "421 bye\r\n");
    w.clear.end = -1;
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
    CHECK(s.ended && sts_stream_wait(&s, &wait, 1) == 0);
    sts_stream_room(&s, &size);
    CHECK(size == 0); /* nobody would read it */
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
    CHECK(heard("421 bye\r\n"));
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_FAILED && s.error == STS_ERR_CLOSED);
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_FAILED);
}

/* A server that refuses and resets while we are still sending: its reply counts. */
TEST(reply_is_read_even_where_sending_fails)
{
    begin_open();
    arrives(&w.clear, "554 no\r\n");
    w.clear.take = -1;
    say("data");
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
    CHECK(heard("554 no\r\n"));
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_FAILED && s.error == STS_ERR_CLOSED);
}

TEST(failing_send_with_rx_full_waits_for_the_reader)
{
    static char in[STS_RX_SIZE + 4];
    size_t len;

    memset(in, 'x', sizeof in - 1);
    begin_open();
    arrives(&w.clear, in);
    w.clear.take = -1;
    say("data");
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN && !s.ended);
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN && !s.ended);
    sts_stream_data(&s, &len);
    CHECK(len == STS_RX_SIZE);
    sts_stream_consume(&s, len);
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN && s.ended);
    CHECK(heard("xxx"));
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_FAILED);
}

/* H12: only TLS can vouch for an end. */
TEST(h12_end_in_clear_is_never_an_authenticated_one)
{
    begin_open();
    w.clear.end = STS_ERR_END;
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_FAILED && s.error == STS_ERR_CLOSED);
}

TEST(ends_under_tls_are_told_apart)
{
    static const int rows[][2] = {{STS_ERR_END, STS_ERR_END},
                                  {STS_ERR_CLOSED, STS_ERR_CLOSED},
                                  {STS_ERR_TLS, STS_ERR_TLS},
                                  {STS_ERR_MEMORY, STS_ERR_MEMORY},
                                  {-1, STS_ERR_CLOSED},
                                  {STS_ERR_ABSENT, STS_ERR_CLOSED},
                                  {STS_ERR_TIMEOUT, STS_ERR_TIMEOUT}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin_secure();
        w.tls.end = rows[i][0];
        CHECK(sts_stream_poll(&s, &now) == STS_STREAM_FAILED && s.error == rows[i][1]);
        begin_secure();
        w.tls.take = rows[i][0];
        say("x");
        CHECK(sts_stream_poll(&s, &now) == STS_STREAM_FAILED && s.error == rows[i][1]);
    }
    begin_secure(); /* what recv knows is nearer to the truth */
    w.tls.take = -1;
    w.tls.end = STS_ERR_END;
    say("x");
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_FAILED && s.error == STS_ERR_END);
}

/* A broken port may claim more than it was given: no octet is read or written out of place. */
TEST(port_that_claims_too_much_stays_within_the_buffers)
{
    static char in[STS_RX_SIZE + 1];
    size_t len;

    memset(in, 'x', sizeof in - 1);
    begin_open();
    arrives(&w.clear, in);
    w.clear.over = true;
    say("abc");
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
    CHECK(sts_stream_drained(&s));
    sts_stream_data(&s, &len);
    CHECK(len == STS_RX_SIZE);
}

/* ---- TLS ---------------------------------------------------------------------------------- */

TEST(r035_peer_is_named_to_tls)
{
    begin_open();
    CHECK(sts_stream_secure(&s, "mta-sts.example", true, "http/1.1", &now) == STS_OK);
    CHECK(strcmp(w.peer.name, "mta-sts.example") == 0 && strcmp(w.peer.alpn, "http/1.1") == 0);
    CHECK(w.peer.require && w.peer.handle == 7 && w.peer.net == &net);
    CHECK(sts_stream_secure(&s, "x.example", false, NULL, &now) == STS_ERR_STATE);
    begin_open();
    CHECK(sts_stream_secure(&s, "mx.example", false, NULL, &now) == STS_OK);
    CHECK(!w.peer.require && w.peer.alpn == NULL);
    begin_secure();
    CHECK(sts_stream_secure(&s, "x.example", false, NULL, &now) == STS_ERR_STATE);
}

TEST(tls_waits_for_what_was_written)
{
    begin_open();
    w.clear.take = 0;
    say("STARTTLS\r\n");
    CHECK(sts_stream_secure(&s, "mx.example", true, NULL, &now) == STS_ERR_STATE);
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN); /* a caller's mistake, not the end */
    w.clear.take = 100;
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
    CHECK(sts_stream_secure(&s, "mx.example", true, NULL, &now) == STS_OK);
}

/* T06, T08: any octet, whatever it is, that waits behind the 220. */
TEST(t06_octet_behind_starttls_is_an_injection)
{
    for (int c = 0; c < 256; c++) {
        char in[2] = {'\n', (char)c};

        begin_open();
        w.clear.in = in;
        w.clear.in_len = 2;
        CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
        sts_stream_consume(&s, 1);
        CHECK(sts_stream_secure(&s, "mx.example", true, NULL, &now) == STS_ERR_TLS);
        CHECK(s.phase == STS_STREAM_FAILED && s.error == STS_ERR_TLS && w.tls_opened == 0);
        CHECK(all_zero(s.rx, sizeof s.rx));
        CHECK(sts_stream_poll(&s, &now) == STS_STREAM_FAILED);
    }
}

/* T07: it came in a segment of its own, before our first octet of TLS. */
TEST(t07_octet_that_arrives_later_is_an_injection_too)
{
    begin_open();
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
    arrives(&w.clear, "\x16\x03\x03");
    CHECK(sts_stream_secure(&s, "mx.example", true, NULL, &now) == STS_ERR_TLS);
    CHECK(s.error == STS_ERR_TLS && w.tls_opened == 0 && all_zero(s.rx, sizeof s.rx));
    begin_open();
    w.clear.end = -1;
    CHECK(sts_stream_secure(&s, "mx.example", true, NULL, &now) == STS_ERR_CLOSED);
    CHECK(s.error == STS_ERR_CLOSED && w.tls_opened == 0);
    begin_open();
    arrives(&w.clear, "220\r\n");
    w.clear.end = -1;
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN && heard("220\r\n"));
    CHECK(sts_stream_secure(&s, "mx.example", true, NULL, &now) == STS_ERR_CLOSED);
}

TEST(clear_text_is_wiped_before_the_handshake)
{
    begin_open();
    arrives(&w.clear, "220 secret of the clear\r\n");
    say("EHLO clear\r\n");
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN && heard("220 secret of the clear\r\n"));
    CHECK(sts_stream_secure(&s, "mx.example", true, NULL, &now) == STS_OK);
    CHECK(all_zero(s.rx, sizeof s.rx) && all_zero(s.tx, sizeof s.tx));
}

TEST(nothing_but_the_handshake_flows_during_it)
{
    struct sts_wait wait;
    size_t size;

    begin_open();
    CHECK(sts_stream_secure(&s, "mx.example", true, NULL, &now) == STS_OK);
    sts_stream_room(&s, &size);
    CHECK(size == 0 && !s.secure);
    CHECK(sts_stream_wait(&s, &wait, 1) == 1 && wait.read && !wait.write);
    w.wants = true;
    CHECK(sts_stream_wait(&s, &wait, 1) == 1 && !wait.read && wait.write && wait.handle == 7);
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_HANDSHAKE && w.handshakes == 1);
}

TEST(pending_tls_output_is_waited_for)
{
    struct sts_wait wait;

    begin_secure();
    CHECK(sts_stream_wait(&s, &wait, 1) == 1 && wait.read && !wait.write);
    w.wants = true;
    CHECK(sts_stream_wait(&s, &wait, 1) == 1 && wait.read && wait.write);
    w.tls.end = STS_ERR_END;
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_FAILED);
    CHECK(sts_stream_wait(&s, &wait, 1) == 0);
}

TEST(h26_errors_of_tls_open_stay)
{
    static const int errors[] = {STS_ERR_CLOCK, STS_ERR_CONFIG, STS_ERR_MEMORY, STS_ERR_RANDOM};

    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        begin_open();
        w.open_err = errors[i];
        CHECK(sts_stream_secure(&s, "mx.example", true, NULL, &now) == errors[i]);
        CHECK(s.phase == STS_STREAM_FAILED && s.error == errors[i]);
        sts_stream_close(&s);
        CHECK(w.tls_closed == 0 && w.closed == 1); /* what was not opened is not closed */
    }
}

TEST(h26_errors_of_the_handshake_stay)
{
    static const int rows[][2] = {{STS_ERR_CERT_HOST, STS_ERR_CERT_HOST},
                                  {STS_ERR_CERT_EXPIRED, STS_ERR_CERT_EXPIRED},
                                  {STS_ERR_CERT_TRUST, STS_ERR_CERT_TRUST},
                                  {STS_ERR_TLS, STS_ERR_TLS},
                                  {STS_ERR_CLOSED, STS_ERR_CLOSED},
                                  {STS_ERR_MEMORY, STS_ERR_MEMORY},
                                  {-1, STS_ERR_TLS},
                                  {7, STS_ERR_TLS}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin_open();
        w.shakes = &rows[i][0];
        CHECK(sts_stream_secure(&s, "mx.example", false, NULL, &now) == STS_OK);
        CHECK(sts_stream_poll(&s, &now) == STS_STREAM_FAILED && s.error == rows[i][1]);
        CHECK(!s.secure);
        CHECK(sts_stream_poll(&s, &now) == STS_STREAM_FAILED && w.handshakes == 1);
        sts_stream_close(&s);
        CHECK(strcmp(w.order, "TN") == 0); /* TLS first, then its socket */
    }
}

/* "Connect returned success" is not evidence that the peer was verified. */
TEST(r031_success_without_verification_is_none_where_it_is_required)
{
    static const int at_once[] = {STS_OK};

    for (int error = 0; error < 2; error++) {
        begin_open();
        w.shakes = at_once;
        w.verified = false;
        w.state_error = error ? STS_ERR_CERT_HOST : STS_OK;
        CHECK(sts_stream_secure(&s, "mx.example", true, NULL, &now) == STS_OK);
        CHECK(sts_stream_poll(&s, &now) == STS_STREAM_FAILED && !s.secure);
        CHECK(s.error == (error ? STS_ERR_CERT_HOST : STS_ERR_TLS));
    }
    begin_open();
    w.shakes = at_once;
    w.verified = false;
    w.state_error = STS_ERR_CERT_HOST;
    CHECK(sts_stream_secure(&s, "mx.example", false, NULL, &now) == STS_OK);
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN && s.secure);
    CHECK(!s.state.verified && s.state.error == STS_ERR_CERT_HOST);
}

TEST(closing_wipes_and_starts_over)
{
    begin_secure();
    arrives(&w.tls, "secret");
    say("secret");
    CHECK(sts_stream_poll(&s, &now) == STS_STREAM_OPEN);
    sts_stream_close(&s);
    CHECK(strcmp(w.order, "TN") == 0 && w.tls_closed == 1 && w.closed == 1);
    CHECK(all_zero(s.rx, sizeof s.rx) && all_zero(s.tx, sizeof s.tx));
    CHECK(s.phase == STS_STREAM_CLOSED && !s.secure && s.conn == NULL && s.handle == -1);
    CHECK(!s.state.verified && sts_stream_drained(&s) && heard(""));
    sts_stream_close(&s);
    CHECK(w.tls_closed == 1 && w.closed == 1);
    CHECK(sts_stream_open(&s, &to) == STS_OK && !s.secure);
}

TEST_MAIN("stream")
