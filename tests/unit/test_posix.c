/* SPDX-License-Identifier: MIT
 *
 * The POSIX port on loopback: sockets, clock, random numbers, sources. Host only.
 */
#define _GNU_SOURCE 1
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <stsmail/posix.h>

static const struct sts_net *const net = &sts_posix_net;

/* ---- peers -------------------------------------------------------------------------------- */

static struct sts_endpoint loopback(uint8_t family, uint16_t port)
{
    struct sts_endpoint e = {{family, {127, 0, 0, 1}}, port};

    if (family == 6) {
        memset(e.ip.bytes, 0, 16);
        e.ip.bytes[15] = 1;
    }
    return e;
}

/* A socket of the other side, bound to loopback, and its port; -1 where the family is missing. */
static int peer_socket(uint8_t family, int type, uint16_t *port)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr *a = family == 6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
    socklen_t len = family == 6 ? sizeof v6 : sizeof v4;
    int fd = socket(a->sa_family, type, 0);

    if (fd < 0 || bind(fd, a, len) != 0 || (type == SOCK_STREAM && listen(fd, 4) != 0)) {
        close(fd);
        return -1;
    }
    CHECK(getsockname(fd, a, &len) == 0);
    *port = ntohs(family == 6 ? v6.sin6_port : v4.sin_port);
    return fd;
}

static void wait_for(int handle, bool read, bool write)
{
    struct sts_wait w = {handle, read, write};

    net->wait(NULL, &w, 1, 2000);
}

/* A connection; *theirs is the other end. */
static int connection(uint8_t family, int *theirs)
{
    uint16_t port;
    int listener = peer_socket(family, SOCK_STREAM, &port), h;
    struct sts_endpoint to = loopback(family, port);

    if (listener < 0) {
        return -1;
    }
    h = net->tcp_open(NULL, &to);
    CHECK(h >= 0);
    *theirs = accept(listener, NULL, NULL);
    CHECK(*theirs >= 0);
    wait_for(h, false, true);
    CHECK(net->connected(NULL, h) == STS_OK);
    close(listener);
    return h;
}

/* ---- TCP ---------------------------------------------------------------------------------- */

TEST(tcp_carries_bytes_both_ways_over_either_family)
{
    char buf[10];
    struct sts_ip own = {0};
    int theirs, h, tested = 0;

    CHECK(net->local(NULL, -1, &own) == STS_ERR_CONNECT && own.family == 0);

    for (uint8_t family = 4; family <= 6; family += 2) {
        h = connection(family, &theirs);
        if (h < 0) {
            continue; /* a machine without IPv6 */
        }
        tested++;
        CHECK(net->local(NULL, h, &own) == STS_OK && own.family == family);
        CHECK(own.bytes[family == 4 ? 0 : 15] == (family == 4 ? 127 : 1)); /* both ends are here */
        CHECK(net->recv(NULL, h, buf, sizeof buf) == 0);                   /* none yet */
        CHECK(net->send(NULL, h, "hello", 5) == 5);
        CHECK(read(theirs, buf, sizeof buf) == 5 && memcmp(buf, "hello", 5) == 0);
        CHECK(write(theirs, "abcdef", 6) == 6);
        wait_for(h, true, false);
        CHECK(net->recv(NULL, h, buf, 4) == 4 && memcmp(buf, "abcd", 4) == 0);
        CHECK(net->recv(NULL, h, buf, 4) == 2 &&
              memcmp(buf, "ef", 2) == 0); /* nothing was cut off */
        close(theirs);
        wait_for(h, true, false);
        CHECK(net->recv(NULL, h, buf, 4) == STS_ERR_CLOSED);
        net->close(NULL, h);
    }
    CHECK(tested > 0);
}

TEST(tcp_sockets_do_not_block_or_delay_or_leak_into_children)
{
    int theirs, h = connection(4, &theirs), on = 0;
    socklen_t len = sizeof on;
    static char much[1 << 20];
    int32_t n;

    CHECK((fcntl(h, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(h, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(getsockopt(h, IPPROTO_TCP, TCP_NODELAY, &on, &len) == 0 && on != 0);
    while ((n = net->send(NULL, h, much, sizeof much)) > 0) {
    }
    CHECK(n == 0); /* would block, and did not */
    net->close(NULL, h);
    close(theirs);
}

TEST(a_refused_connection_is_an_error)
{
    uint16_t port;
    int fd = peer_socket(4, SOCK_STREAM, &port);
    struct sts_endpoint to = loopback(4, port);
    int h, e = STS_ERR_CONNECT;

    close(fd); /* nobody listens there now */
    h = net->tcp_open(NULL, &to);
    if (h >= 0) {
        wait_for(h, false, true);
        e = net->connected(NULL, h);
        net->close(NULL, h);
    }
    CHECK(e == STS_ERR_CONNECT);
}

TEST(a_connection_under_way_is_busy)
{
    uint16_t port;
    int listener = peer_socket(4, SOCK_STREAM, &port), h[40], n = 0, busy = 0;
    struct sts_endpoint to = loopback(4, port);

    /* Nobody accepts: once the queue is full, the next ones hang. */
    CHECK(listen(listener, 1) == 0);
    for (; n < 8; n++) {
        h[n] = net->tcp_open(NULL, &to);
        CHECK(h[n] >= 0);
        busy += net->connected(NULL, h[n]) == STS_BUSY;
    }
    CHECK(busy > 0);
    while (n-- > 0) {
        net->close(NULL, h[n]);
    }
    close(listener);
}

TEST(a_peer_that_is_gone_is_an_error_and_no_signal)
{
    int theirs, h = connection(4, &theirs), e = 0;

    signal(SIGPIPE, SIG_DFL);
    close(theirs);
    for (int i = 0; i < 100 && e >= 0; i++) {
        e = net->send(NULL, h, "x", 1);
        usleep(1000);
    }
    CHECK(e == STS_ERR_CLOSED);
    net->close(NULL, h);
}

/* What was sent last arrives although the peer's bytes were not read: no reset overtakes it. */
TEST(close_delivers_what_was_sent)
{
    char buf[10];
    int theirs, h = connection(4, &theirs);

    CHECK(write(theirs, "221 never read", 14) == 14);
    wait_for(h, true, false);
    CHECK(net->send(NULL, h, "QUIT\r\n", 6) == 6);
    net->close(NULL, h);
    CHECK(read(theirs, buf, sizeof buf) == 6 && memcmp(buf, "QUIT\r\n", 6) == 0);
    CHECK(read(theirs, buf, sizeof buf) == 0);
    close(theirs);
}

/* The same where the peer has not made room for it yet. */
TEST(close_delivers_what_still_waits_to_be_sent)
{
    static char much[1 << 16];
    int theirs, h = connection(4, &theirs);
    int64_t sent = 0, got = 0;
    ssize_t n;

    CHECK(write(theirs, "never read", 10) == 10);
    wait_for(h, true, false);
    while ((n = net->send(NULL, h, much, sizeof much)) > 0) {
        sent += n;
    }
    net->close(NULL, h);
    while ((n = read(theirs, much, sizeof much)) > 0) {
        got += n;
    }
    CHECK(n == 0 && got == sent);
    close(theirs);
}

TEST(addresses_that_are_none_are_refused)
{
    struct sts_endpoint none = {{0, {0}}, 25}, odd = {{5, {127, 0, 0, 1}}, 25};

    CHECK(net->tcp_open(NULL, &none) == STS_ERR_CONNECT);
    CHECK(net->udp_open(NULL, &none) == STS_ERR_CONNECT);
    CHECK(net->tcp_open(NULL, &odd) == STS_ERR_CONNECT);
    CHECK(net->udp_open(NULL, &odd) == STS_ERR_CONNECT);
}

TEST(no_descriptor_left_is_an_error_and_leaks_none)
{
    struct sts_endpoint to = loopback(4, 9);
    struct rlimit old, few;
    int before, after;

    CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
    few = old;
    before = dup(0);
    few.rlim_cur = (rlim_t)before + 1;
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    CHECK(net->tcp_open(NULL, &to) == STS_ERR_CONNECT);
    CHECK(net->udp_open(NULL, &to) == STS_ERR_CONNECT);
    CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
    for (int i = 0; i < 50; i++) {
        int h = net->udp_open(NULL, &to);

        CHECK(h >= 0);
        net->close(NULL, h);
    }
    for (int i = 0; i < 50; i++) { /* nobody can connect to it: refused at once */
        struct sts_endpoint everyone = {{4, {255, 255, 255, 255}}, 25};

        CHECK(net->tcp_open(NULL, &everyone) == STS_ERR_CONNECT);
    }
    after = dup(0);
    CHECK(after == before + 1);
    close(before);
    close(after);
}

/* ---- UDP ---------------------------------------------------------------------------------- */

static uint16_t port_of(int fd)
{
    struct sockaddr_in6 a;
    socklen_t len = sizeof a;

    CHECK(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
    return ntohs(a.sin6_port); /* the same place in both families */
}

static void send_to(int from, uint8_t family, uint16_t port, const void *bytes, size_t len)
{
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT, .sin6_port = htons(port)};
    struct sockaddr_in v4 = {
        .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(port)};

    CHECK(family == 6 ? sendto(from, bytes, len, 0, (struct sockaddr *)&v6, sizeof v6) >= 0
                      : sendto(from, bytes, len, 0, (struct sockaddr *)&v4, sizeof v4) >= 0);
}

TEST(udp_takes_whole_datagrams_and_tells_their_true_length)
{
    char buf[2000], big[1500];
    int tested = 0;

    memset(big, 'b', sizeof big);
    for (uint8_t family = 4; family <= 6; family += 2) {
        uint16_t port;
        int theirs = peer_socket(family, SOCK_DGRAM, &port), h;
        struct sts_endpoint to = loopback(family, port);

        if (theirs < 0) {
            continue;
        }
        tested++;
        h = net->udp_open(NULL, &to);
        CHECK(h >= 0 && net->recv(NULL, h, buf, sizeof buf) == 0);
        CHECK(net->send(NULL, h, "question", 8) == 8);
        CHECK(recv(theirs, buf, sizeof buf, 0) == 8);
        send_to(theirs, family, port_of(h), big, sizeof big);
        send_to(theirs, family, port_of(h), "next", 4);
        wait_for(h, true, false);
        memset(buf, 0, sizeof buf);
        CHECK(net->recv(NULL, h, buf, 10) == 1500); /* more than len: the rest is lost */
        CHECK(memcmp(buf, "bbbbbbbbbb", 11) == 0);
        CHECK(net->recv(NULL, h, buf, 10) == 4 && memcmp(buf, "next", 4) == 0);
        CHECK(net->recv(NULL, h, buf, 10) == 0);
        net->close(NULL, h);
        close(theirs);
    }
    CHECK(tested > 0);
}

/* D01: what another address or port sends does not come in. */
TEST(udp_takes_datagrams_of_its_peer_alone)
{
    uint16_t port, other_port;
    int theirs = peer_socket(4, SOCK_DGRAM, &port);
    int other = peer_socket(4, SOCK_DGRAM, &other_port);
    struct sts_endpoint to = loopback(4, port);
    int h = net->udp_open(NULL, &to);
    char buf[10];

    CHECK(theirs >= 0 && other >= 0 && h >= 0);
    send_to(other, 4, port_of(h), "forged", 6);
    send_to(theirs, 4, port_of(h), "answer", 6);
    wait_for(h, true, false);
    CHECK(net->recv(NULL, h, buf, sizeof buf) == 6 && memcmp(buf, "answer", 6) == 0);
    CHECK(net->recv(NULL, h, buf, sizeof buf) == 0);
    net->close(NULL, h);
    close(theirs);
    close(other);
}

/* RFC 5452 9.2: a new port for each, out of all that there are. */
TEST(udp_ports_are_new_and_spread_over_all_there_are)
{
    struct sts_endpoint to = loopback(4, 9);
    unsigned quarter[4] = {0}, same = 0;
    uint16_t last = 0;

    for (int i = 0; i < 400; i++) {
        int h = net->udp_open(NULL, &to);
        uint16_t port;

        CHECK(h >= 0);
        port = port_of(h);
        net->close(NULL, h);
        CHECK(port >= 1024);
        same += port == last;
        last = port;
        quarter[(port - 1024) / 16129]++; /* (65536 - 1024) / 4, rounded up */
    }
    CHECK(same <= 2);
    for (int i = 0; i < 4; i++) {
        CHECK(quarter[i] > 50 && quarter[i] < 160);
    }
}

TEST(udp_to_a_closed_port_tells_so_or_stays_silent)
{
    uint16_t port;
    int fd = peer_socket(4, SOCK_DGRAM, &port), h;
    struct sts_endpoint to = loopback(4, port);
    char buf[4];

    close(fd);
    h = net->udp_open(NULL, &to);
    CHECK(net->send(NULL, h, "x", 1) == 1);
    wait_for(h, true, false);
    CHECK(net->recv(NULL, h, buf, 4) == STS_ERR_CLOSED);
    net->close(NULL, h);
}

/* ---- wait --------------------------------------------------------------------------------- */

static int64_t elapsed_ms(const struct timespec *from)
{
    struct timespec to;

    clock_gettime(CLOCK_MONOTONIC, &to);
    return (to.tv_sec - from->tv_sec) * 1000 + (to.tv_nsec - from->tv_nsec) / 1000000;
}

TEST(wait_waits_as_long_as_it_was_told_and_no_longer_than_needed)
{
    int theirs, h = connection(4, &theirs);
    struct sts_wait w[2] = {{-1, true, false}, {h, true, false}}, many[100];
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    net->wait(NULL, NULL, 0, 30);
    net->wait(NULL, w, 2, 30);
    CHECK(elapsed_ms(&t) >= 58 && elapsed_ms(&t) < 1000);
    CHECK(write(theirs, "x", 1) == 1);
    clock_gettime(CLOCK_MONOTONIC, &t);
    net->wait(NULL, w, 2, UINT32_MAX); /* something is there */
    w[1] = (struct sts_wait){h, false, true};
    net->wait(NULL, w, 2, 5000);
    CHECK(elapsed_ms(&t) < 1000);
    /* More than can be looked at: no long sleep while one of the others may be ready. */
    for (size_t i = 0; i < 100; i++) {
        many[i] = (struct sts_wait){i == 99 ? h : -1, true, false};
    }
    clock_gettime(CLOCK_MONOTONIC, &t);
    net->wait(NULL, many, 100, 5000);
    CHECK(elapsed_ms(&t) < 1000);
    net->close(NULL, h);
    close(theirs);
}

/* ---- clock, random numbers ------------------------------------------------------------------ */

TEST(c01_c02_a_calendar_before_the_release_is_unset)
{
    struct sts_time now;
    time_t t = time(NULL);

    sts_posix_now(&now, 0);
    CHECK(now.trust == STS_CLOCK_OWNER && now.utc_s >= t && now.utc_s <= t + 2);
    sts_posix_now(&now, t + 1000);
    CHECK(now.trust == STS_CLOCK_UNSET);
    sts_posix_now(&now, t - 1000);
    CHECK(now.trust == STS_CLOCK_OWNER);
    sts_posix_now(&now, INT64_MAX);
    CHECK(now.trust == STS_CLOCK_UNSET);
}

TEST(the_milliseconds_go_on)
{
    struct sts_time a, b;

    sts_posix_now(&a, 0);
    usleep(20000);
    sts_posix_now(&b, 0);
    CHECK(b.ms - a.ms >= 19 && b.ms - a.ms < 2000);
}

TEST(random_numbers_fill_all_of_the_buffer_and_differ)
{
    static uint8_t a[100000], b[100000];
    unsigned zero = 0, same = 0;

    CHECK(sts_posix_random.fill(NULL, a, sizeof a) == STS_OK);
    CHECK(sts_posix_random.fill(NULL, b, sizeof b) == STS_OK);
    for (size_t i = 0; i < sizeof a; i++) {
        zero += a[i] == 0;
        same += a[i] == b[i];
    }
    CHECK(zero > 200 && zero < 700 && same < 700);
    CHECK(sts_posix_random.fill(NULL, a, 0) == STS_OK);
}

/* ---- sources ------------------------------------------------------------------------------- */

static bool source_is(const struct sts_source *s, const char *text, size_t piece)
{
    char buf[100];
    size_t at = 0;
    int32_t n;

    while ((n = s->read(s->ctx, buf, piece)) > 0) {
        if (at + (size_t)n > strlen(text) || memcmp(buf, text + at, (size_t)n) != 0) {
            return false;
        }
        at += (size_t)n;
    }
    return n == 0 && at == strlen(text) && s->read(s->ctx, buf, piece) == 0;
}

TEST(sources_give_the_same_again_after_rewind)
{
    struct sts_posix_memory m;
    struct sts_posix_file f;
    struct sts_source s;
    char buf[3];
    FILE *file = tmpfile();

    CHECK(file != NULL && fputs("skipped0123456789", file) >= 0 && fflush(file) == 0);
    CHECK(lseek(fileno(file), 7, SEEK_SET) == 7);
    for (size_t piece = 1; piece <= 11; piece++) {
        sts_posix_source_memory(&s, &m, "0123456789", 10);
        CHECK(source_is(&s, "0123456789", piece));
        CHECK(s.rewind(s.ctx) == STS_OK && s.read(s.ctx, buf, 3) == 3);
        CHECK(s.rewind(s.ctx) == STS_OK && source_is(&s, "0123456789", piece));
        CHECK(sts_posix_source_file(&s, &f, fileno(file)) == STS_OK);
        CHECK(source_is(&s, "0123456789", piece));
        CHECK(s.rewind(s.ctx) == STS_OK && s.read(s.ctx, buf, 3) == 3);
        CHECK(s.rewind(s.ctx) == STS_OK && source_is(&s, "0123456789", piece));
    }
    CHECK(lseek(fileno(file), 0, SEEK_CUR) == 7); /* left alone */
    sts_posix_source_memory(&s, &m, NULL, 0);
    CHECK(source_is(&s, "", 5));
    fclose(file);
}

TEST(a_file_that_grows_gives_what_it_had_and_one_that_shrinks_is_an_error)
{
    struct sts_posix_file f;
    struct sts_source s;
    char buf[20];
    FILE *file = tmpfile();

    CHECK(file != NULL && fputs("0123456789", file) >= 0 && fflush(file) == 0);
    CHECK(lseek(fileno(file), 0, SEEK_SET) == 0);
    CHECK(sts_posix_source_file(&s, &f, fileno(file)) == STS_OK);
    CHECK(pwrite(fileno(file), "more", 4, 10) == 4);
    CHECK(source_is(&s, "0123456789", 20));
    CHECK(ftruncate(fileno(file), 5) == 0 && s.rewind(s.ctx) == STS_OK);
    CHECK(s.read(s.ctx, buf, 20) == 5);
    CHECK(s.read(s.ctx, buf, 20) == STS_ERR_IO); /* never a shorter message */
    fclose(file);
}

TEST(what_cannot_be_rewound_is_no_source)
{
    struct sts_posix_file f;
    struct sts_source s;
    int p[2], dir = open("/", O_RDONLY);

    CHECK(pipe(p) == 0);
    CHECK(sts_posix_source_file(&s, &f, p[0]) == STS_ERR_ARG);
    CHECK(sts_posix_source_file(&s, &f, dir) == STS_ERR_ARG);
    CHECK(sts_posix_source_file(&s, &f, -1) == STS_ERR_IO);
    close(p[0]);
    close(p[1]);
    close(dir);
}

TEST_MAIN("posix")
