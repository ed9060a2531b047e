/* SPDX-License-Identifier: MIT
 *
 * struct sts_net over non-blocking sockets.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stsmail/posix.h>

#define PORT_TRIES 32 /* random ports asked for until one is free */
#define WAIT_MAX   32 /* handles that one wait looks at: over STS_DNS_QUERIES and a stream */

/* Writes ip and port as a socket address; its length, 0 for no family that we know. */
static socklen_t address(const struct sts_ip *ip, uint16_t port, struct sockaddr_storage *out)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    memset(out, 0, sizeof *out);
    if (ip->family == 4) {
        memcpy(&v4.sin_addr, ip->bytes, sizeof v4.sin_addr);
        memcpy(out, &v4, sizeof v4);
        return sizeof v4;
    }
    if (ip->family == 6) {
        memcpy(&v6.sin6_addr, ip->bytes, sizeof v6.sin6_addr);
        memcpy(out, &v6, sizeof v6);
        return sizeof v6;
    }
    return 0;
}

static int open_socket(const struct sts_ip *ip, int type)
{
    return socket(ip->family == 4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* Begins to connect fd. Takes fd: it is closed on failure. */
static int connect_to(int fd, const struct sockaddr_storage *to, socklen_t len)
{
    if (connect(fd, (const struct sockaddr *)to, len) != 0 && errno != EINPROGRESS) {
        close(fd);
        return STS_ERR_CONNECT;
    }
    return fd;
}

/* Binds to a port of 1024..65535 that nobody can guess (RFC 5452 9.2). The kernel's own choice
 * would come from its smaller ephemeral range. */
static bool bind_random(int fd, uint8_t family)
{
    struct sts_ip any = {.family = family};
    struct sockaddr_storage from;

    for (int i = 0; i < PORT_TRIES; i++) {
        uint16_t port;
        socklen_t len;

        if (sts_posix_random.fill(NULL, &port, sizeof port) != STS_OK) {
            return false;
        }
        if (port < 1024) {
            continue; /* drawn again, so that all ports are as likely */
        }
        len = address(&any, port, &from);
        if (bind(fd, (const struct sockaddr *)&from, len) == 0) {
            return true;
        }
        if (errno != EADDRINUSE && errno != EACCES) {
            return false;
        }
    }
    return false;
}

static int udp_open(void *ctx, const struct sts_endpoint *peer)
{
    struct sockaddr_storage to;
    socklen_t len = address(&peer->ip, peer->port, &to);
    int fd, on = 1;

    (void)ctx;
    if (len == 0 || (fd = open_socket(&peer->ip, SOCK_DGRAM)) < 0) {
        return STS_ERR_CONNECT;
    }
    if (peer->ip.family == 6) {
        /* Else "::" would collide with the IPv4 sockets of others. */
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    if (!bind_random(fd, peer->ip.family)) {
        close(fd);
        return STS_ERR_CONNECT;
    }
    return connect_to(fd, &to, len); /* from now on the kernel drops what others send */
}

static int tcp_open(void *ctx, const struct sts_endpoint *peer)
{
    struct sockaddr_storage to;
    socklen_t len = address(&peer->ip, peer->port, &to);
    int fd, on = 1;

    (void)ctx;
    if (len == 0 || (fd = open_socket(&peer->ip, SOCK_STREAM)) < 0) {
        return STS_ERR_CONNECT;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return connect_to(fd, &to, len);
}

static int connected(void *ctx, int handle)
{
    struct pollfd p = {.fd = handle, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof error;

    (void)ctx;
    if (poll(&p, 1, 0) <= 0) {
        return STS_BUSY;
    }
    if (getsockopt(handle, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
        return STS_ERR_CONNECT;
    }
    return STS_OK;
}

/* What a send or recv that moved nothing means. */
static int32_t failed(void)
{
    bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOBUFS;

    return later ? 0 : STS_ERR_CLOSED;
}

static size_t bounded(size_t len)
{
    return len > INT32_MAX ? INT32_MAX : len;
}

static int32_t net_send(void *ctx, int handle, const void *buf, size_t len)
{
    ssize_t n = send(handle, buf, bounded(len), MSG_NOSIGNAL);

    (void)ctx;
    return n < 0 ? failed() : (int32_t)n;
}

static bool is_stream(int handle)
{
    int type = SOCK_STREAM;
    socklen_t len = sizeof type;

    (void)getsockopt(handle, SOL_SOCKET, SO_TYPE, &type, &len);
    return type == SOCK_STREAM;
}

static int32_t net_recv(void *ctx, int handle, void *buf, size_t len)
{
    /* MSG_TRUNC gives a datagram's true length; on a stream it would throw the bytes away. */
    bool stream = is_stream(handle);
    ssize_t n = recv(handle, buf, bounded(len), stream ? 0 : MSG_TRUNC);

    (void)ctx;
    if (n == 0 && stream && len > 0) {
        return STS_ERR_CLOSED;
    }
    return n < 0 ? failed() : (int32_t)n;
}

static void net_close(void *ctx, int handle)
{
    char rest[512];

    (void)ctx;
    /* Bytes left unread would turn the close into a reset, which can overtake what we sent last
     * (QUIT). Bounded: the peer may never stop. */
    (void)shutdown(handle, SHUT_WR);
    for (int i = 0; i < 16 && recv(handle, rest, sizeof rest, MSG_DONTWAIT) > 0; i++) {
    }
    close(handle);
}

static void net_wait(void *ctx, const struct sts_wait *handles, size_t n, uint32_t timeout_ms)
{
    struct pollfd p[WAIT_MAX];

    (void)ctx;
    if (n > WAIT_MAX) { /* those beyond are not looked at: come back soon */
        n = WAIT_MAX;
        timeout_ms = timeout_ms > 10 ? 10 : timeout_ms;
    }
    for (size_t i = 0; i < n; i++) {
        int events = (handles[i].read ? POLLIN : 0) | (handles[i].write ? POLLOUT : 0);

        p[i] = (struct pollfd){.fd = handles[i].handle, .events = (short)events};
    }
    (void)poll(p, (nfds_t)n, timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms);
}

static int net_local(void *ctx, int handle, struct sts_ip *ip)
{
    struct sockaddr_storage own;
    socklen_t len = sizeof own;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&own;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&own;
    struct sts_ip out = {.family = 4};

    (void)ctx;
    if (getsockname(handle, (struct sockaddr *)&own, &len) != 0) {
        return STS_ERR_CONNECT;
    }
    if (own.ss_family == AF_INET6) {
        out.family = 6;
        memcpy(out.bytes, &v6->sin6_addr, 16);
    } else {
        memcpy(out.bytes, &v4->sin_addr, 4);
    }
    *ip = out;
    return STS_OK;
}

const struct sts_net sts_posix_net = {
    .udp_open = udp_open,
    .tcp_open = tcp_open,
    .connected = connected,
    .send = net_send,
    .recv = net_recv,
    .close = net_close,
    .wait = net_wait,
    .local = net_local,
};
