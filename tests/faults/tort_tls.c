/* SPDX-License-Identifier: MIT
 *
 * Torture of TLS's memory: a real handshake with a real server over loopback, again for each allocation of wolfSSL and of
 * its port, which fails, alone or with all behind it (X35, H26). After each: what fails has proved nothing, it says that it was memory, the pool
 * is empty, and the next connection is verified.
 *
 *     tort_tls CA.pem NAME PORT...     at each PORT of 127.0.0.1 a server that has a certificate for NAME
 */
#include <errno.h>
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

#include "../tls/faulty_pool.h"

enum mode {
    ONCE,
    FROM_THERE,
};

static struct sts_wolfssl wolf;
static _Alignas(16) uint8_t pool[STS_WOLFSSL_POOL];
static uint32_t taken, fails_at; /* 0: none */
static enum mode mode;
static bool struck;
static unsigned long points, failures;

/* ---- every allocation --------------------------------------------------------------------------------------- */

static bool fails(void)
{
    bool now;

    taken++;
    now = fails_at != 0 && (mode == ONCE ? taken == fails_at : taken >= fails_at);
    struck = struck || now;
    if (now) {
        wolf.pool.failed++; /* as if there had been no room */
    }
    return now;
}

/* ---- one connection ------------------------------------------------------------------------------------------- */

static int connect_to(uint16_t port)
{
    struct sts_endpoint to = {.ip = {.family = 4, .bytes = {127, 0, 0, 1}}, .port = port};
    int handle = sts_posix_net.tcp_open(sts_posix_net.ctx, &to);
    struct sts_wait w = {handle, false, true};

    while (handle >= 0 && sts_posix_net.connected(sts_posix_net.ctx, handle) == STS_BUSY) {
        sts_posix_net.wait(sts_posix_net.ctx, &w, 1, 1000);
    }
    return handle;
}

/* Result of the handshake; *state says what was proved. */
static int shake(const struct sts_tls_peer *peer, const struct sts_time *now,
                 struct sts_tls_state *state)
{
    const struct sts_tls *t = &wolf.tls;
    void *conn;
    int result = t->open(t->ctx, peer, now, &conn), turns = 0;

    if (result != STS_OK) {
        return result;
    }
    while ((result = t->handshake(t->ctx, conn, now, state)) == STS_BUSY && turns++ < 1000) {
        struct sts_wait w = {peer->handle, true, t->wants_write(t->ctx, conn)};

        sts_posix_net.wait(sts_posix_net.ctx, &w, 1, 5000);
    }
    if (result == STS_OK && t->send(t->ctx, conn, "ping\n", 5) < 0) {
        result = STS_ERR_MEMORY; /* the only reason here */
    }
    t->close(t->ctx, conn);
    return result;
}

static int converse(uint16_t port, const char *name, struct sts_tls_state *state)
{
    struct sts_time now = {.utc_s = (int64_t)time(NULL), .trust = STS_CLOCK_OWNER};
    struct sts_tls_peer peer = {.net = &sts_posix_net, .name = name, .require = true};
    int result;

    memset(state, 0, sizeof *state);
    taken = 0;
    struck = false;
    peer.handle = connect_to(port);
    if (peer.handle < 0) {
        return STS_ERR_CONNECT;
    }
    result = shake(&peer, &now, state);
    sts_posix_net.close(sts_posix_net.ctx, peer.handle);
    wolf.pool.failed = 0;
    return result;
}

/* ---- the campaign ----------------------------------------------------------------------------------------------- */

static void must(bool kept, const char *what, uint16_t port, uint32_t n)
{
    if (!kept && ++failures <= 20) {
        printf("FAILED tort_tls: port %u, allocation %lu, mode %d: %s\n", port, (unsigned long)n,
               mode, what);
    }
}

/* true: that allocation was reached. */
static bool point(uint16_t port, const char *name, uint32_t n)
{
    struct sts_tls_state state;
    int result;
    bool reached;

    fails_at = n;
    result = converse(port, name, &state);
    reached = struck;
    fails_at = 0;
    points += reached;
    must(result == STS_OK || !state.verified || result == STS_ERR_MEMORY,
         "a failure proves nothing", port, n);
    must(!reached || result == STS_OK || result == STS_ERR_MEMORY, "it says that it was memory",
         port, n);
    must(wolf.pool.used == 0, "the pool is empty", port, n);
    if (reached) {
        result = converse(port, name, &state);
        must(result == STS_OK && state.verified, "the next connection is verified", port, n);
        must(wolf.pool.used == 0, "and leaves nothing", port, n);
        fails_at = n;
        result = converse(port, "mx.other.example", &state);
        fails_at = 0;
        must(result != STS_OK && !state.verified, "another name is never verified", port, n);
        points++;
    }
    return reached;
}

static bool trust(const char *file)
{
    struct stat st;
    int fd = open(file, O_RDONLY);
    const char *text;

    if (fd < 0 || fstat(fd, &st) != 0) {
        return false;
    }
    text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    return text != MAP_FAILED && sts_wolfssl_trust_pem(&wolf, text, (size_t)st.st_size) > 0;
}

int main(int argc, char **argv)
{
    struct sts_tls_state state;

    if (argc < 4 || sts_wolfssl_init(&wolf, pool, sizeof pool, &sts_posix_random) != STS_OK ||
        !trust(argv[1])) {
        return 2;
    }
    for (int i = 3; i < argc; i++) {
        uint16_t port = (uint16_t)atoi(argv[i]);
        uint32_t n = 0;

        int first = converse(port, argv[2], &state);

        must(first == STS_OK && state.verified, "without a fault it is verified", port,
             (uint32_t)-first);
        for (mode = ONCE; mode <= FROM_THERE; mode++) {
            for (n = 1; failures < 20 && point(port, argv[2], n); n++) {
            }
        }
        printf("TLS %x: %lu allocations\n", state.version, (unsigned long)n - 1);
    }
    printf("tort_tls: %d passed, %d failed\n", failures == 0, failures != 0);
    printf("TLS fault points: %lu, %lu failed\n", points, failures);
    return failures != 0 || points == 0;
}
