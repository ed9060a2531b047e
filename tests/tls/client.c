/* SPDX-License-Identifier: MIT
 *
 * A TLS client for the zoo (test_zoo.py): the port as the mailer uses it, one connection a line.
 *
 * Standard input, a line a connection:   CAFILE HOST PORT REQUIRE ALPN TIME
 *   CAFILE   "-": no anchors at all; else the anchors are loaded anew when the name changes
 *   REQUIRE  1 or 0; ALPN "-" for none; TIME seconds since 1970, 0: now, -1: unset
 * With TRUST=table in the environment a table is made of the file, and that is what is trusted.
 * Standard output, a line a connection:
 *   open handshake version verified error received end used peak failed
 *   open, handshake, error, end: as in error.h; 99: nothing happened for 5 s
 *
 * Arguments: [POOL [FAULT [norandom]]]: bytes of pool, 0 for all of it; the FAULT-th allocation of each
 * connection fails, 0 for none, negative: and all after it; a generator that always fails.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <stsmail/posix.h>
#include <stsmail/wolfssl.h>

#include "faulty_pool.h"

#define STALLED 99

static struct sts_wolfssl wolf;
static _Alignas(16) uint8_t pool[STS_WOLFSSL_POOL];
static char ca_name[512];

struct outcome {
    int open, handshake, end;
    struct sts_tls_state state;
    long received;
};

/* A block of just its size, so that ASan sees a read behind it. */
static int trust_table_of(const char *text, size_t len)
{
    static void *table;
    struct sts_wolfssl_made made;
    void *big = malloc(len + 16);

    free(table);
    table = NULL;
    if (big == NULL || sts_wolfssl_table_make(text, len, big, len + 16, &made) < 1) {
        free(big);
        return sts_wolfssl_trust_table(&wolf, NULL, 0);
    }
    table = malloc(made.size);
    memcpy(table, big, made.size);
    free(big);
    return sts_wolfssl_trust_table(&wolf, table, made.size);
}

static int load(const char *name)
{
    static char *text;
    static size_t len;
    struct stat st;
    int fd;

    if (strcmp(name, ca_name) == 0) {
        return 1;
    }
    if (text != NULL) {
        munmap(text, len);
        text = NULL;
    }
    snprintf(ca_name, sizeof ca_name, "%s", name);
    fd = open(name, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0) {
        return sts_wolfssl_trust_pem(&wolf, NULL, 0);
    }
    len = (size_t)st.st_size;
    text = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    return getenv("TRUST") != NULL ? trust_table_of(text, len)
                                   : sts_wolfssl_trust_pem(&wolf, text, len);
}

static bool wait_for(int handle, void *conn)
{
    struct sts_wait w = {handle, true, wolf.tls.wants_write(wolf.tls.ctx, conn)};
    struct timespec a, b;

    clock_gettime(CLOCK_MONOTONIC, &a);
    sts_posix_net.wait(sts_posix_net.ctx, &w, 1, 5000);
    clock_gettime(CLOCK_MONOTONIC, &b);
    return b.tv_sec - a.tv_sec < 4;
}

static int talk(void *conn, int handle, struct outcome *o)
{
    const struct sts_tls *t = &wolf.tls;
    size_t at = 0;
    char buf[4096];
    int32_t n;

    while (at < 5) {
        n = t->send(t->ctx, conn, "ping\n" + at, 5 - at);
        if (n < 0) {
            return (int)n;
        }
        at += (size_t)n;
        if (n == 0 && !wait_for(handle, conn)) {
            return STALLED;
        }
    }
    while ((n = t->recv(t->ctx, conn, buf, sizeof buf)) >= 0) {
        o->received += n;
        if (n == 0 && !wait_for(handle, conn)) {
            return STALLED;
        }
    }
    return (int)n;
}

static void shake(void *conn, int handle, const struct sts_time *now, struct outcome *o)
{
    const struct sts_tls *t = &wolf.tls;

    while ((o->handshake = t->handshake(t->ctx, conn, now, &o->state)) == STS_BUSY) {
        if (!wait_for(handle, conn)) {
            o->handshake = STALLED;
            return;
        }
    }
    if (o->handshake == STS_OK) {
        o->end = talk(conn, handle, o);
    }
}

static struct outcome run(const struct sts_tls_peer *peer, const struct sts_time *now)
{
    struct outcome o = {0};
    void *conn;

    o.open = wolf.tls.open(wolf.tls.ctx, peer, now, &conn);
    if (o.open == STS_OK) {
        shake(conn, peer->handle, now, &o);
        wolf.tls.close(wolf.tls.ctx, conn);
    }
    return o;
}

static int connect_to(unsigned port)
{
    struct sts_endpoint to = {.ip = {.family = 4, .bytes = {127, 0, 0, 1}}, .port = (uint16_t)port};
    int handle = sts_posix_net.tcp_open(sts_posix_net.ctx, &to);
    struct sts_wait w = {handle, false, true};

    while (handle >= 0 && sts_posix_net.connected(sts_posix_net.ctx, handle) == STS_BUSY) {
        sts_posix_net.wait(sts_posix_net.ctx, &w, 1, 1000);
    }
    return handle;
}

static long fault, taken;

static bool fails(void)
{
    taken++;
    if (fault == 0 || (taken != labs(fault) && (fault > 0 || taken < -fault))) {
        return false;
    }
    wolf.pool.failed++;
    return true;
}

static int no_random(void *ctx, void *buf, size_t len)
{
    (void)ctx;
    memset(buf, 0, len);
    return STS_ERR_RANDOM;
}

int main(int argc, char **argv)
{
    char ca[512], host[512], alpn[32];
    unsigned port;
    int require;
    long seconds;
    size_t size = argc > 1 ? (size_t)atol(argv[1]) : 0;
    static const struct sts_random dumb = {NULL, no_random};

    if (size > sizeof pool || sts_wolfssl_init(&wolf, pool, size > 0 ? size : sizeof pool,
                                               argc > 3 ? &dumb : &sts_posix_random) != STS_OK) {
        return 2;
    }
    while (scanf("%511s %511s %u %d %31s %ld", ca, host, &port, &require, alpn, &seconds) == 6) {
        struct sts_time now = {.utc_s = seconds > 0 ? seconds : (int64_t)time(NULL),
                               .trust = seconds < 0 ? STS_CLOCK_UNSET : STS_CLOCK_OWNER};
        struct sts_tls_peer peer = {.net = &sts_posix_net,
                                    .name = host,
                                    .require = require != 0,
                                    .alpn = strcmp(alpn, "-") == 0 ? NULL : alpn};
        struct outcome o;

        fault = 0;
        (void)load(ca);
        fault = argc > 2 ? atol(argv[2]) : 0;
        taken = 0;
        peer.handle = connect_to(port);
        o = run(&peer, &now);
        sts_posix_net.close(sts_posix_net.ctx, peer.handle);
        printf("%d %d %04x %d %d %ld %d %zu %zu %u\n", o.open, o.handshake, o.state.version,
               o.state.verified, o.state.error, o.received, o.end, wolf.pool.used, wolf.pool.peak,
               (unsigned)wolf.pool.failed);
        fflush(stdout);
        wolf.pool.peak = wolf.pool.used;
        wolf.pool.failed = 0;
        wolf.pool.failed = 0;
    }
    return 0;
}
