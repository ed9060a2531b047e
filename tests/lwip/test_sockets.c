/* SPDX-License-Identifier: MIT
 *
 * port/lwip/sockets.c above a lwIP that fails as it is told: each call once, and what the port makes of it. That it
 * works above the real one is test_lwip.py's.
 */
#include "test.h"

#include "lwip/sockets.h"

#include <stsmail/lwip.h>

enum call {
    NONE,
    SOCKET,
    FCNTL,
    BIND,
    CONNECT,
    SELECT,
    GETSOCKOPT,
    GETSOCKNAME,
    SEND,
    RECV,
};

/* The lwIP of the test. */
static struct {
    enum call fails; /* with `error`; from the nth call on, for `times` calls */
    int error, times;
    int open, closed, binds, nodelay, shut; /* how often */
    int type, flags;
    int waiting; /* datagrams before the first question */
    uint16_t port;
    int family;
    ssize_t gives; /* recvmsg: the bytes of what comes */
    int ready, end;
    fd_set reads, writes;
    long ms;
    int so_error;
} fake;

static bool fails(enum call call)
{
    if (fake.fails != call || fake.times == 0) {
        return false;
    }
    fake.times--;
    errno = fake.error;
    return true;
}

int lwip_socket(int domain, int type, int protocol)
{
    (void)protocol;
    fake.type = type;
    fake.family = domain;
    if (fails(SOCKET)) {
        return -1;
    }
    fake.open++;
    return 3;
}

int lwip_fcntl(int s, int cmd, int val)
{
    (void)s;
    fake.flags = cmd == F_SETFL ? val : 0;
    return fails(FCNTL) ? -1 : 0;
}

int lwip_close(int s)
{
    fake.closed += s == 3;
    return 0;
}

int lwip_bind(int s, const struct sockaddr *name, socklen_t len)
{
    struct sockaddr_in v4;

    (void)s, (void)len;
    memcpy(&v4, name, sizeof v4); /* the port is at the same place in both families */
    fake.port = lwip_htons(v4.sin_port);
    fake.binds++;
    return fails(BIND) ? -1 : 0;
}

int lwip_connect(int s, const struct sockaddr *name, socklen_t len)
{
    (void)s, (void)name, (void)len;
    return fails(CONNECT) ? -1 : 0;
}

int lwip_setsockopt(int s, int level, int option, const void *value, socklen_t len)
{
    (void)s, (void)len;
    fake.nodelay += level == IPPROTO_TCP && option == TCP_NODELAY && *(const int *)value == 1;
    return 0;
}

int lwip_getsockopt(int s, int level, int option, void *value, socklen_t *len)
{
    (void)s, (void)level, (void)len;
    *(int *)value = option == SO_TYPE ? fake.type : fake.so_error;
    return fails(GETSOCKOPT) ? -1 : 0;
}

/* As lwIP: what does not fit is left out, and of which family it is the socket knows. */
int lwip_getsockname(int s, struct sockaddr *name, socklen_t *len)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr = {lwip_htonl(0xC0000207)}};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    bool six = fake.family == AF_INET6;
    socklen_t own = six ? sizeof v6 : sizeof v4;

    CHECK(s == 3);
    memset(&v6.sin6_addr, 0xA5, sizeof v6.sin6_addr);
    memcpy(name, six ? (const void *)&v6 : (const void *)&v4, own < *len ? own : *len);
    *len = own;
    return fails(GETSOCKNAME) ? -1 : 0;
}

int lwip_shutdown(int s, int how)
{
    (void)s;
    fake.shut += how == SHUT_WR;
    return 0;
}

ssize_t lwip_send(int s, const void *data, size_t len, int flags)
{
    (void)s, (void)data, (void)flags;
    return fails(SEND) ? -1 : (ssize_t)len;
}

ssize_t lwip_recv(int s, void *mem, size_t len, int flags)
{
    (void)s, (void)mem;
    CHECK(flags == MSG_DONTWAIT);
    if (fake.waiting == 0) {
        errno = EWOULDBLOCK;
        return -1;
    }
    fake.waiting--;
    return (ssize_t)len;
}

ssize_t lwip_recvmsg(int s, struct msghdr *message, int flags)
{
    (void)s, (void)flags;
    CHECK(message->msg_iovlen == 1 && message->msg_iov[0].iov_len > 0);
    return fails(RECV) ? -1 : fake.gives;
}

int lwip_select(int end, fd_set *reads, fd_set *writes, fd_set *failed, struct timeval *most)
{
    (void)failed;
    CHECK(end >= 0 && end <= LWIP_SELECT_MAXNFDS);
    fake.end = end;
    if (reads != NULL) {
        fake.reads = *reads;
    }
    fake.writes = *writes;
    fake.ms = most->tv_sec * 1000 + most->tv_usec / 1000;
    return fails(SELECT) ? -1 : fake.ready;
}

u16_t lwip_htons(u16_t x)
{
    return (u16_t)(x << 8 | x >> 8);
}

u32_t lwip_htonl(u32_t x)
{
    return (u32_t)lwip_htons((u16_t)x) << 16 | lwip_htons((u16_t)(x >> 16));
}

/* ---- the port above it --------------------------------------------------------------------- */

static int random_error;
static unsigned random_asked;
static uint16_t random_first;

static int fill(void *ctx, void *buf, size_t len)
{
    uint16_t port = random_asked++ == 0 ? random_first : (uint16_t)(40000 + random_asked);

    (void)ctx;
    CHECK(len == sizeof port);
    memcpy(buf, &port, sizeof port);
    return random_error;
}

static const struct sts_random random_numbers = {.fill = fill};
static const struct sts_endpoint v4 = {{4, {192, 0, 2, 1}}, 53}, v6 = {{6, {0x20, 1}}, 53},
                                 none = {{0, {0}}, 53};

static const struct sts_net *fresh(enum call call, int error, int times)
{
    static struct sts_lwip_sockets sockets;

    memset(&fake, 0, sizeof fake);
    fake.fails = call;
    fake.error = error;
    fake.times = times;
    random_error = STS_OK;
    random_asked = 0;
    random_first = 50000;
    sts_lwip_sockets_init(&sockets, &random_numbers);
    return &sockets.net;
}

TEST(d03_a_question_leaves_from_a_random_port)
{
    const struct sts_net *net = fresh(NONE, 0, 0);

    CHECK(net->udp_open(net->ctx, &v4) == 3);
    CHECK(fake.type == SOCK_DGRAM && fake.family == AF_INET && fake.flags == O_NONBLOCK);
    CHECK(fake.binds == 1 && fake.port == 50000 && fake.closed == 0);
    CHECK(net->udp_open(net->ctx, &v6) == 3 && fake.family == AF_INET6 && fake.port == 40002);
}

TEST(d03_a_port_that_is_taken_or_reserved_is_drawn_again)
{
    const struct sts_net *net = fresh(BIND, EADDRINUSE, 2);

    CHECK(net->udp_open(net->ctx, &v4) == 3 && fake.binds == 3 && fake.port == 40003);
    net = fresh(NONE, 0, 0);
    random_first = 1023;
    CHECK(net->udp_open(net->ctx, &v4) == 3 && fake.binds == 1 && fake.port == 40002);
}

TEST(d03_without_a_random_port_nothing_is_asked)
{
    const struct sts_net *net = fresh(NONE, 0, 0);

    random_error = STS_ERR_RANDOM; /* L19 */
    CHECK(net->udp_open(net->ctx, &v4) == STS_ERR_CONNECT);
    CHECK(fake.binds == 0 && fake.open == 1 && fake.closed == 1);
    net = fresh(BIND, EADDRINUSE, 1000);
    CHECK(net->udp_open(net->ctx, &v4) == STS_ERR_CONNECT && fake.binds == 32 && fake.closed == 1);
    net = fresh(BIND, ENOMEM, 1);
    CHECK(net->udp_open(net->ctx, &v4) == STS_ERR_CONNECT && fake.binds == 1 && fake.closed == 1);
}

TEST(d04_what_came_before_the_question_is_thrown_away)
{
    const struct sts_net *net = fresh(NONE, 0, 0);

    fake.waiting = 5;
    CHECK(net->udp_open(net->ctx, &v4) == 3 && fake.waiting == 0);
    fake.waiting = 1000; /* a flood does not hold it up for ever */
    CHECK(net->udp_open(net->ctx, &v4) == 3 && fake.waiting == 1000 - 64);
}

TEST(l05_a_socket_that_cannot_be_had_leaves_nothing_open)
{
    static const enum call calls[] = {SOCKET, FCNTL, CONNECT};

    for (size_t i = 0; i < 3; i++) {
        const struct sts_net *net = fresh(calls[i], ENOBUFS, 1);

        CHECK(net->udp_open(net->ctx, &v4) == STS_ERR_CONNECT && fake.open == fake.closed);
        net = fresh(calls[i], ENOBUFS, 1);
        CHECK(net->tcp_open(net->ctx, &v4) == STS_ERR_CONNECT && fake.open == fake.closed);
    }
}

TEST(tcp_begins_to_connect_without_delay)
{
    const struct sts_net *net = fresh(CONNECT, EINPROGRESS, 1);

    CHECK(net->tcp_open(net->ctx, &v6) == 3 && fake.closed == 0 && fake.nodelay == 1);
    CHECK(fake.type == SOCK_STREAM && fake.flags == O_NONBLOCK && fake.binds == 0);
}

TEST(an_address_of_no_family_is_refused)
{
    const struct sts_net *net = fresh(NONE, 0, 0);

    CHECK(net->udp_open(net->ctx, &none) == STS_ERR_CONNECT);
    CHECK(net->tcp_open(net->ctx, &none) == STS_ERR_CONNECT);
    CHECK(fake.open == 0);
}

TEST(connected_tells_under_way_from_done_from_failed)
{
    const struct sts_net *net = fresh(NONE, 0, 0);

    CHECK(net->connected(net->ctx, 3) == STS_BUSY && fake.ms == 0);
    CHECK(FD_ISSET(3, &fake.writes));
    fake.ready = 1;
    CHECK(net->connected(net->ctx, 3) == STS_OK);
    fake.so_error = ECONNREFUSED;
    CHECK(net->connected(net->ctx, 3) == STS_ERR_CONNECT);
    net = fresh(SELECT, EBADF, 1);
    CHECK(net->connected(net->ctx, 3) == STS_ERR_CONNECT);
    net = fresh(GETSOCKOPT, EBADF, 1);
    fake.ready = 1;
    CHECK(net->connected(net->ctx, 3) == STS_ERR_CONNECT);
}

/* One send of 4 bytes that fails with this error, on a socket of this type. */
static int32_t send_failing(int type, int error)
{
    const struct sts_net *net = fresh(SEND, error, 1);

    fake.type = type;
    return net->send(net->ctx, 3, "four", 4);
}

TEST(l05_a_full_stack_delays_a_stream_and_loses_a_datagram)
{
    CHECK(send_failing(SOCK_STREAM, EWOULDBLOCK) == 0);
    CHECK(send_failing(SOCK_STREAM, ENOMEM) == 0);
    CHECK(send_failing(SOCK_STREAM, ENOBUFS) == 0);
    CHECK(send_failing(SOCK_DGRAM, EWOULDBLOCK) == 0);
    CHECK(send_failing(SOCK_DGRAM, ENOMEM) == 4);
    CHECK(send_failing(SOCK_DGRAM, ENOBUFS) == 4);
    CHECK(send_failing(SOCK_STREAM, ECONNRESET) == STS_ERR_CLOSED);
    CHECK(send_failing(SOCK_DGRAM, EHOSTUNREACH) == STS_ERR_CLOSED);
    CHECK(send_failing(SOCK_STREAM, 0) == STS_ERR_CLOSED);
    CHECK(send_failing(SOCK_STREAM, -1) == STS_ERR_CLOSED); /* ERR_IF */
}

TEST(send_says_what_was_taken)
{
    const struct sts_net *net = fresh(NONE, 0, 0);

    CHECK(net->send(net->ctx, 3, "four", 4) == 4);
}

/* One recv into 8 bytes of a socket of this type: gives bytes come, or this error. */
static int32_t recv_giving(int type, ssize_t gives, int error)
{
    const struct sts_net *net = fresh(error != 0 ? RECV : NONE, error, 1);
    uint8_t buf[8];

    fake.type = type;
    fake.gives = gives;
    return net->recv(net->ctx, 3, buf, sizeof buf);
}

TEST(d20_recv_gives_the_whole_length_of_a_datagram)
{
    CHECK(recv_giving(SOCK_DGRAM, 8, 0) == 8);
    CHECK(recv_giving(SOCK_DGRAM, 1500, 0) == 1500);
}

TEST(nothing_to_read_is_told_from_the_end)
{
    CHECK(recv_giving(SOCK_STREAM, 5, 0) == 5);
    CHECK(recv_giving(SOCK_STREAM, 0, 0) == STS_ERR_CLOSED); /* FIN */
    CHECK(recv_giving(SOCK_DGRAM, 0, 0) == 0);               /* an empty datagram */
    CHECK(recv_giving(SOCK_STREAM, 0, EWOULDBLOCK) == 0);
    CHECK(recv_giving(SOCK_STREAM, 0, ENOMEM) == 0);
    CHECK(recv_giving(SOCK_STREAM, 0, ECONNRESET) == STS_ERR_CLOSED);
    CHECK(recv_giving(SOCK_STREAM, 0, ENOTCONN) == STS_ERR_CLOSED);
    CHECK(recv_giving(SOCK_STREAM, 0, ECONNABORTED) == STS_ERR_CLOSED);
}

TEST(recv_of_nothing_asks_nothing)
{
    const struct sts_net *net = fresh(RECV, ECONNRESET, 1);
    uint8_t buf[1];

    CHECK(net->recv(net->ctx, 3, buf, 0) == 0 && fake.times == 1);
}

TEST(close_sends_fin_first)
{
    const struct sts_net *net = fresh(NONE, 0, 0);

    net->close(net->ctx, 3);
    CHECK(fake.shut == 1 && fake.closed == 1);
}

TEST(the_own_address_of_a_connection_is_told)
{
    static const struct sts_ip own = {4, {192, 0, 2, 7}};
    const struct sts_net *net = fresh(NONE, 0, 0);
    struct sts_ip ip;

    memset(&ip, 0x5A, sizeof ip); /* what was there is gone */
    CHECK(net->tcp_open(net->ctx, &v4) == 3 && net->local(net->ctx, 3, &ip) == STS_OK);
    CHECK(memcmp(&ip, &own, sizeof ip) == 0);
    CHECK(net->tcp_open(net->ctx, &v6) == 3 && net->local(net->ctx, 3, &ip) == STS_OK);
    CHECK(ip.family == 6);
    for (int i = 0; i < 16; i++) {
        CHECK(ip.bytes[i] == 0xA5);
    }
}

TEST(an_own_address_that_cannot_be_had_leaves_what_there_was)
{
    const struct sts_net *net = fresh(GETSOCKNAME, ENOTCONN, 1);
    struct sts_ip ip = {0};

    CHECK(net->local(net->ctx, 3, &ip) == STS_ERR_CONNECT && ip.family == 0 && ip.bytes[0] == 0);
}

TEST(wait_looks_at_what_it_is_told_to)
{
    const struct sts_net *net = fresh(NONE, 0, 0);
    const struct sts_wait handles[] = {
        {0, true, false}, {5, false, true}, {2, true, true}, {1, false, false}};

    net->wait(net->ctx, handles, 4, 1234);
    CHECK(FD_ISSET(0, &fake.reads) && FD_ISSET(2, &fake.reads) && !FD_ISSET(5, &fake.reads));
    CHECK(FD_ISSET(5, &fake.writes) && FD_ISSET(2, &fake.writes) && !FD_ISSET(0, &fake.writes));
    CHECK(!FD_ISSET(1, &fake.reads) && !FD_ISSET(1, &fake.writes));
    CHECK(fake.ms == 1234 && fake.end == 6);
    net->wait(net->ctx, NULL, 0, 7);
    CHECK(fake.ms == 7 && fake.end == 0);
    net->wait(net->ctx, NULL, 0, UINT32_MAX);
    CHECK(fake.ms == 60000);
    net->wait(net->ctx, NULL, 0, 0);
    CHECK(fake.ms == 0);
}

TEST_MAIN("sockets")
