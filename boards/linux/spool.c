/* SPDX-License-Identifier: MIT
 *
 * The message on standard input, kept so that it can be read again for the next MX: in a file
 * without a name, and in memory where no disk takes it. The full disk may be what the alert is about.
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct spool {
    int fd;
    bool in_memory;
    off_t size; /* octets kept */
    off_t next; /* to be read into buf */
    size_t at, len;
    uint8_t buf[16384];
} spool = {.fd = -1};

/* A file in TMPDIR that has no name, or had one for a moment. */
static int nameless_file(void)
{
    const char *dir = getenv("TMPDIR");
    char path[4096];
    int fd;

    dir = dir != NULL && dir[0] != '\0' ? dir : "/tmp";
    fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || snprintf(path, sizeof path, "%s/stsmail.XXXXXX", dir) >= (int)sizeof path) {
        return fd;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) {
        unlink(path);
    }
    return fd;
}

static bool write_all(int fd, const uint8_t *at, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno != EINTR) {
            return false;
        }
        at += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Moves what is kept into memory; false if that is where it is already. */
static bool move_to_memory(void)
{
    int old = spool.fd;
    uint8_t buf[4096];
    off_t done = 0;

    if (spool.in_memory || (spool.fd = memfd_create("stsmail", MFD_CLOEXEC)) < 0) {
        return false;
    }
    spool.in_memory = true;
    while (done < spool.size) {
        size_t want = spool.size - done < 4096 ? (size_t)(spool.size - done) : sizeof buf;
        ssize_t n = pread(old, buf, want, done);

        if (n <= 0 || !write_all(spool.fd, buf, (size_t)n)) {
            return false;
        }
        done += n;
    }
    if (old >= 0) {
        close(old);
    }
    return true;
}

static bool keep_bytes(const uint8_t *bytes, size_t len)
{
    bool ok = spool.fd >= 0 && write_all(spool.fd, bytes, len);

    ok = ok || (move_to_memory() && write_all(spool.fd, bytes, len));
    spool.size += ok ? (off_t)len : 0;
    return ok;
}

/* Looks for the line of one dot. `line`: octets of the line so far that could still become it (0: none yet, 1: a dot, 2: a
 * dot and a CR, 3: it cannot). Gives how many octets come before that line's end; *found says whether it is there. */
static size_t until_dot(const uint8_t *bytes, size_t len, unsigned *line, bool *found)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n' && (*line == 1 || *line == 2)) {
            *found = true;
            return i + 1;
        }
        *line = bytes[i] == '\n'                 ? 0
                : *line == 0 && bytes[i] == '.'  ? 1
                : *line == 1 && bytes[i] == '\r' ? 2
                                                 : 3;
    }
    return len;
}

/* Takes the dot and its line end off what is kept. */
static int drop_dot(void)
{
    uint8_t end[3] = "";
    off_t at = spool.size >= 3 ? spool.size - 3 : 0;

    (void)!pread(spool.fd, end, sizeof end, at);
    spool.size -= spool.size >= 3 && end[0] == '.' && end[1] == '\r' ? 3 : 2;
    return ftruncate(spool.fd, spool.size) == 0 ? STS_OK : STS_ERR_IO;
}

int spool_read(int fd, bool dots)
{
    unsigned line = 0;
    bool found = false;

    spool.fd = nameless_file();
    while (!found) {
        ssize_t n = read(fd, spool.buf, sizeof spool.buf);

        if (n == 0) {
            return STS_OK;
        }
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n > 0 && dots) {
            n = (ssize_t)until_dot(spool.buf, (size_t)n, &line, &found);
        }
        if (n < 0 || !keep_bytes(spool.buf, (size_t)n)) {
            return STS_ERR_IO;
        }
    }
    return drop_dot();
}

/* ---- as a source of the library -------------------------------------------------------------- */

static int source_rewind(void *ctx)
{
    struct spool *s = ctx;

    s->next = 0;
    s->at = s->len = 0;
    return STS_OK;
}

/* The library reads in small pieces; the kernel is asked for large ones. */
static int32_t source_read(void *ctx, void *buf, size_t size)
{
    struct spool *s = ctx;

    if (s->at == s->len && s->next < s->size) {
        ssize_t n = pread(s->fd, s->buf, sizeof s->buf, s->next);

        if (n <= 0 || n > s->size - s->next) {
            return STS_ERR_IO; /* it is shorter, or longer, than what was kept */
        }
        s->next += n;
        s->at = 0;
        s->len = (size_t)n;
    }
    size = size < s->len - s->at ? size : s->len - s->at;
    memcpy(buf, s->buf + s->at, size);
    s->at += size;
    return (int32_t)size;
}

void spool_source(struct sts_source *out)
{
    *out = (struct sts_source){.ctx = &spool, .rewind = source_rewind, .read = source_read};
}
