/* SPDX-License-Identifier: MIT
 *
 * The device's end of the toy TLS: one connection at a time, all memory fixed, and every octet of the handshake is
 * looked at, since TCP owes it.
 */
#include <string.h>

#include "net.h"
#include "toy.h"
#include "toy_tls.h"

static struct {
    bool open, ended;
    const struct sts_net *net;
    int handle;
    size_t seen; /* octets of the flight */
    size_t in_len, out_len, plain_len;
    uint8_t in[TOY_RECORD], out[TOY_RECORD], plain[TOY_PAYLOAD];
    bool hello, finish; /* were put into out */
} c;

bool toy_is_sending;

static int toy_open_connection(void *ctx, const struct sts_tls_peer *peer,
                               const struct sts_time *now, void **conn)
{
    (void)ctx;
    (void)now;
    if (c.open) {
        broken("one connection is open at a time");
    }
    memset(&c, 0, sizeof c);
    c.open = true;
    c.net = peer->net;
    c.handle = peer->handle;
    *conn = &c;
    return STS_OK;
}

/* STS_OK once all is out. */
static int push(void)
{
    int32_t n = 0;

    if (c.out_len > 0) {
        toy_is_sending = true;
        n = c.net->send(c.net->ctx, c.handle, c.out, c.out_len);
        toy_is_sending = false;
    }
    if (n < 0) {
        return STS_ERR_CLOSED;
    }
    c.out_len -= (size_t)n;
    memmove(c.out, c.out + n, c.out_len);
    return c.out_len > 0 ? STS_BUSY : STS_OK;
}

static void message(size_t size)
{
    for (size_t i = 0; i < size; i++) {
        c.out[i] = toy_octet(size, i);
    }
    c.out_len = size;
}

static int read_flight(void)
{
    while (c.seen < TOY_FLIGHT) {
        uint8_t some[300];
        size_t want = TOY_FLIGHT - c.seen < sizeof some ? TOY_FLIGHT - c.seen : sizeof some;
        int32_t n = c.net->recv(c.net->ctx, c.handle, some, want);

        if (n <= 0) {
            return n == 0 ? STS_BUSY : STS_ERR_CLOSED;
        }
        for (int32_t i = 0; i < n; i++) {
            if (some[i] != toy_octet(TOY_FLIGHT, c.seen++)) {
                broken("TCP gives the device what the servers sent");
            }
        }
    }
    return STS_OK;
}

static int toy_handshake(void *ctx, void *conn, const struct sts_time *now,
                         struct sts_tls_state *state)
{
    int e;

    (void)ctx;
    (void)conn;
    (void)now;
    if (!c.hello) {
        message(TOY_HELLO);
        c.hello = true;
    }
    e = push();
    e = e == STS_OK ? read_flight() : e;
    if (e == STS_OK && !c.finish) {
        message(TOY_FINISH);
        c.finish = true;
    }
    e = e == STS_OK ? push() : e;
    *state = (struct sts_tls_state){0x0304, e == STS_OK, e};
    return e;
}

static int32_t toy_send(void *ctx, void *conn, const void *buf, size_t len)
{
    int e = push();

    (void)ctx;
    (void)conn;
    if (e != STS_OK) {
        return e == STS_BUSY ? 0 : e;
    }
    len = len < TOY_PAYLOAD ? len : TOY_PAYLOAD;
    c.out_len = toy_make(c.out, TOY_DATA, buf, len);
    e = push();
    return e == STS_OK || e == STS_BUSY ? (int32_t)len : e;
}

static int next_record(void)
{
    size_t n = 0;
    int size = toy_open(c.in, c.in_len, c.plain, &n);

    if (size <= 0) {
        return size;
    }
    c.ended = c.in[0] == TOY_END;
    c.plain_len = n;
    c.in_len -= (size_t)size;
    memmove(c.in, c.in + size, c.in_len);
    return size;
}

static int32_t toy_recv(void *ctx, void *conn, void *buf, size_t len)
{
    int32_t got = 1;

    (void)ctx;
    (void)conn;
    (void)push();
    while (c.plain_len == 0 && !c.ended) {
        int size = next_record();

        if (size < 0) {
            broken("TCP gives the device the servers' records");
        }
        if (size == 0) {
            got = c.net->recv(c.net->ctx, c.handle, c.in + c.in_len, sizeof c.in - c.in_len);
            if (got <= 0) {
                return got;
            }
            c.in_len += (size_t)got;
        }
    }
    if (c.plain_len == 0) {
        return STS_ERR_END;
    }
    len = len < c.plain_len ? len : c.plain_len;
    memcpy(buf, c.plain, len);
    c.plain_len -= len;
    memmove(c.plain, c.plain + len, c.plain_len);
    return (int32_t)len;
}

static bool toy_wants_write(void *ctx, void *conn)
{
    (void)ctx;
    (void)conn;
    return c.out_len > 0;
}

static void toy_close(void *ctx, void *conn)
{
    (void)ctx;
    (void)conn;
    if (c.finish && push() == STS_OK) {
        c.out_len = toy_make(c.out, TOY_END, "", 0);
        (void)push();
    }
    c.open = false;
}

const struct sts_tls toy_tls = {NULL,     toy_open_connection, toy_handshake, toy_send,
                                toy_recv, toy_wants_write,     toy_close};
