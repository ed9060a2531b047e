/* SPDX-License-Identifier: MIT
 *
 * struct sts_net on lwIP's socket API and nothing else: it runs wherever lwIP has tasks. By their lwip_ names,
 * so that it does not matter whether lwIP also provides the short ones.
 *
 * Of lwipopts.h it needs:
 *   LWIP_SOCKET, LWIP_SOCKET_SELECT, LWIP_UDP, LWIP_TCP   1
 *   DEFAULT_UDP_RECVMBOX_SIZE    2 or more: answers that wait to be read
 *   DEFAULT_TCP_RECVMBOX_SIZE    the segments of TCP_WND: else they are refused, and sent again
 *   MEMP_NUM_NETBUF              that times STS_DNS_QUERIES, at least one each: lwIP's default of 2 loses answers
 *   PBUF_POOL_SIZE               a frame for each of those, and TCP_WND
 *   MEMP_NUM_UDP_PCB             STS_DNS_QUERIES, and what others use (DHCP, SNTP)
 *   MEMP_NUM_TCP_PCB             3 and what others use; more where connections in TIME-WAIT shall not be reused
 *   MEMP_NUM_NETCONN             STS_DNS_QUERIES + 2, and what others use
 *   ARP_QUEUEING                 1, with ARP_QUEUE_LEN 4 or more: the first questions go out side by side, while the
 *                                server's address is not resolved yet; what finds no room in
 *                                the queue is lost, and asked again only after 2 s
 */
#include <string.h>

#include "lwip/sockets.h"

#include <stsmail/config.h>
#include <stsmail/lwip.h>

#if !LWIP_SOCKET || !LWIP_SOCKET_SELECT || !LWIP_UDP || !LWIP_TCP
#error "lwipopts.h: LWIP_SOCKET, LWIP_SOCKET_SELECT, LWIP_UDP and LWIP_TCP must be 1"
#endif
#if DEFAULT_UDP_RECVMBOX_SIZE < 2 || DEFAULT_TCP_RECVMBOX_SIZE < 2
#error "lwipopts.h: DEFAULT_UDP_RECVMBOX_SIZE and DEFAULT_TCP_RECVMBOX_SIZE must be 2 or more"
#endif
#if MEMP_NUM_NETCONN < STS_DNS_QUERIES + 2
#error "lwipopts.h: MEMP_NUM_NETCONN must be STS_DNS_QUERIES + 2 or more"
#endif
#if MEMP_NUM_UDP_PCB < STS_DNS_QUERIES || MEMP_NUM_NETBUF < STS_DNS_QUERIES
#error "lwipopts.h: MEMP_NUM_UDP_PCB and MEMP_NUM_NETBUF must be STS_DNS_QUERIES or more"
#endif

#define PORT_TRIES  32    /* random ports asked for until one is free */
#define STALE_MAX   64    /* datagrams thrown away before the first question */
#define WAIT_MAX_MS 60000 /* lwip_select() counts milliseconds in a long */

/* Writes ip and port as a socket address; its length, 0 for a family that this lwIP does not have. */
static socklen_t address(const struct sts_ip *ip, uint16_t port, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
#if LWIP_IPV4
    if (ip->family == 4) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = lwip_htons(port)};

        memcpy(&v4.sin_addr, ip->bytes, sizeof v4.sin_addr);
        memcpy(out, &v4, sizeof v4);
        return sizeof v4;
    }
#endif
#if LWIP_IPV6
    if (ip->family == 6) {
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = lwip_htons(port)};

        memcpy(&v6.sin6_addr, ip->bytes, sizeof v6.sin6_addr);
        memcpy(out, &v6, sizeof v6);
        return sizeof v6;
    }
#endif
    return 0;
}

/* A socket that never makes its caller wait, or -1. */
static int open_socket(const struct sts_ip *ip, int type)
{
    int s = lwip_socket(ip->family == 4 ? AF_INET : AF_INET6, type, 0);

    if (s >= 0 && lwip_fcntl(s, F_SETFL, O_NONBLOCK) != 0) {
        lwip_close(s);
        return -1;
    }
    return s;
}

/* Begins to connect s. Takes s: it is closed on failure. */
static int connect_to(int s, const struct sockaddr_storage *to, socklen_t len)
{
    if (lwip_connect(s, (const struct sockaddr *)to, len) != 0 && errno != EINPROGRESS) {
        lwip_close(s);
        return STS_ERR_CONNECT;
    }
    return s;
}

/* Binds to a port of 1024..65535 that nobody can guess (RFC 5452 9.2, D03). lwIP's own choice would be the
 * one after that of the last question. */
static bool bind_random(const struct sts_random *random, int s, uint8_t family)
{
    struct sts_ip any = {.family = family};
    struct sockaddr_storage from;

    for (int i = 0; i < PORT_TRIES; i++) {
        uint16_t port;
        socklen_t len;

        if (random->fill(random->ctx, &port, sizeof port) != STS_OK) {
            return false;
        }
        if (port < 1024) {
            continue; /* drawn again, so that all ports are as likely */
        }
        len = address(&any, port, &from);
        if (lwip_bind(s, (const struct sockaddr *)&from, len) == 0) {
            return true;
        }
        if (errno != EADDRINUSE) {
            return false;
        }
    }
    return false;
}

/* Throws away what others sent between bind and connect. lwIP looks at the sender only from connect on. */
static void drop_stale(int s)
{
    uint8_t octet;

    for (int i = 0; i < STALE_MAX && lwip_recv(s, &octet, sizeof octet, MSG_DONTWAIT) >= 0; i++) {
    }
}

static int udp_open(void *ctx, const struct sts_endpoint *peer)
{
    const struct sts_lwip_sockets *self = ctx;
    struct sockaddr_storage to;
    socklen_t len = address(&peer->ip, peer->port, &to);
    int s;

    if (len == 0 || (s = open_socket(&peer->ip, SOCK_DGRAM)) < 0) {
        return STS_ERR_CONNECT;
    }
    if (!bind_random(self->random, s, peer->ip.family)) {
        lwip_close(s);
        return STS_ERR_CONNECT;
    }
    s = connect_to(s, &to, len);
    if (s >= 0) {
        drop_stale(s);
    }
    return s;
}

static int tcp_open(void *ctx, const struct sts_endpoint *peer)
{
    struct sockaddr_storage to;
    socklen_t len = address(&peer->ip, peer->port, &to);
    int s, on = 1;

    (void)ctx;
    if (len == 0 || (s = open_socket(&peer->ip, SOCK_STREAM)) < 0) {
        return STS_ERR_CONNECT;
    }
    (void)lwip_setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return connect_to(s, &to, len);
}

static int connected(void *ctx, int handle)
{
    struct timeval at_once = {0, 0};
    fd_set done, failed;
    int ready, error = 0;
    socklen_t len = sizeof error;

    (void)ctx;
    FD_ZERO(&done);
    FD_SET(handle, &done);
    failed = done;
    ready = lwip_select(handle + 1, NULL, &done, &failed, &at_once);
    if (ready == 0) {
        return STS_BUSY;
    }
    if (ready < 0 || lwip_getsockopt(handle, SOL_SOCKET, SO_ERROR, &error, &len) != 0 ||
        error != 0) {
        return STS_ERR_CONNECT;
    }
    return STS_OK;
}

static bool is_stream(int handle)
{
    int type = SOCK_STREAM;
    socklen_t len = sizeof type;

    (void)lwip_getsockopt(handle, SOL_SOCKET, SO_TYPE, &type, &len);
    return type == SOCK_STREAM;
}

static size_t bounded(size_t len)
{
    return len > INT32_MAX ? INT32_MAX : len;
}

static int32_t net_send(void *ctx, int handle, const void *buf, size_t len)
{
    ssize_t n = lwip_send(handle, buf, bounded(len), 0);

    (void)ctx;
    if (n >= 0) {
        return (int32_t)n;
    }
    if (errno == EWOULDBLOCK) {
        return 0;
    }
    if (errno == ENOMEM || errno == ENOBUFS) {
        /* lwIP's pools are empty (L05). A UDP socket always counts as writable, so to wait for room would be
         * to spin: the datagram is lost, as any may be on its way. */
        return is_stream(handle) ? 0 : (int32_t)bounded(len);
    }
    return STS_ERR_CLOSED;
}

static int32_t net_recv(void *ctx, int handle, void *buf, size_t len)
{
    struct iovec part = {.iov_base = buf, .iov_len = bounded(len)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t n;

    (void)ctx;
    if (len == 0) {
        return 0;
    }
    n = lwip_recvmsg(handle, &message,
                     0); /* gives a datagram's true length, which lwip_recv() hides */
    if (n > 0) {
        return (int32_t)n;
    }
    if (n == 0) {
        return is_stream(handle) ? STS_ERR_CLOSED : 0; /* an empty datagram says nothing */
    }
    return errno == EWOULDBLOCK || errno == ENOMEM ? 0 : STS_ERR_CLOSED;
}

static void net_close(void *ctx, int handle)
{
    (void)ctx;
    /* FIN first: lwIP makes a reset of a close that finds unread bytes, and that would drop what we sent last
     * (QUIT). UDP refuses, which is as well. */
    (void)lwip_shutdown(handle, SHUT_WR);
    lwip_close(handle);
}

static void net_wait(void *ctx, const struct sts_wait *handles, size_t n, uint32_t timeout_ms)
{
    int32_t ms = timeout_ms > WAIT_MAX_MS ? WAIT_MAX_MS : (int32_t)timeout_ms;
    struct timeval most = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    fd_set reads, writes;
    int end = 0;

    (void)ctx;
    FD_ZERO(&reads);
    FD_ZERO(&writes);
    for (size_t i = 0; i < n; i++) {
        if (handles[i].read) {
            FD_SET(handles[i].handle, &reads);
        }
        if (handles[i].write) { /* a connect that failed is writable too */
            FD_SET(handles[i].handle, &writes);
        }
        end = handles[i].handle >= end ? handles[i].handle + 1 : end;
    }
    (void)lwip_select(end, &reads, &writes, NULL, &most);
}

static int net_local(void *ctx, int handle, struct sts_ip *ip)
{
    struct sockaddr_storage own;
    socklen_t len = sizeof own;

    (void)ctx;
    if (lwip_getsockname(handle, (struct sockaddr *)&own, &len) != 0) {
        return STS_ERR_CONNECT;
    }
#if LWIP_IPV6
    if (own.ss_family == AF_INET6) {
        ip->family = 6;
        memcpy(ip->bytes, &((const struct sockaddr_in6 *)&own)->sin6_addr, 16);
        return STS_OK;
    }
#endif
    *ip = (struct sts_ip){.family = 4};
    memcpy(ip->bytes, &((const struct sockaddr_in *)&own)->sin_addr, 4);
    return STS_OK;
}

void sts_lwip_sockets_init(struct sts_lwip_sockets *s, const struct sts_random *random)
{
    s->random = random;
    s->net = (struct sts_net){
        .ctx = s,
        .udp_open = udp_open,
        .tcp_open = tcp_open,
        .connected = connected,
        .send = net_send,
        .recv = net_recv,
        .close = net_close,
        .wait = net_wait,
        .local = net_local,
    };
}
