/* SPDX-License-Identifier: MIT
 *
 * A file as flash: see flash_file.h.
 */
#define _GNU_SOURCE       1
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stsmail/flash_file.h>

/* All of len bytes, or STS_ERR_IO. */
static int move(int fd, uint32_t at, void *buf, size_t len, bool out)
{
    uint8_t *p = buf;

    while (len > 0) {
        ssize_t n = out ? pwrite(fd, p, len, (off_t)at) : pread(fd, p, len, (off_t)at);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return STS_ERR_IO;
        }
        p += n;
        at += (uint32_t)n;
        len -= (size_t)n;
    }
    return STS_OK;
}

static int file_read(void *ctx, uint32_t at, void *buf, size_t len)
{
    const struct sts_flash_file *f = ctx;

    return move(f->fd, at, buf, len, false);
}

static int file_program(void *ctx, uint32_t at, const void *buf, size_t len)
{
    const struct sts_flash_file *f = ctx;
    const uint8_t *from = buf;
    uint8_t piece[256];
    size_t n;

    for (; len > 0; len -= n, from += n, at += (uint32_t)n) {
        n = len < sizeof piece ? len : sizeof piece;
        if (move(f->fd, at, piece, n, false) != STS_OK) {
            return STS_ERR_IO;
        }
        for (size_t i = 0; i < n; i++) {
            piece[i] &= from[i];
        }
        if (move(f->fd, at, piece, n, true) != STS_OK) {
            return STS_ERR_IO;
        }
    }
    return STS_OK;
}

/* Writes erased bytes from..to. */
static int fill(int fd, uint64_t from, uint64_t to)
{
    uint8_t piece[512];
    int e = STS_OK;

    memset(piece, 0xff, sizeof piece);
    for (uint64_t at = from; at < to && e == STS_OK; at += sizeof piece) {
        e = move(fd, (uint32_t)at, piece, to - at < sizeof piece ? (size_t)(to - at) : sizeof piece,
                 true);
    }
    return e;
}

static int file_erase(void *ctx, uint32_t sector)
{
    const struct sts_flash_file *f = ctx;
    uint64_t at = (uint64_t)sector * f->sector_size;

    return fill(f->fd, at, at + f->sector_size);
}

static int file_sync(void *ctx)
{
    const struct sts_flash_file *f = ctx;

    return fdatasync(f->fd) == 0 ? STS_OK : STS_ERR_IO;
}

int sts_flash_file_open(struct sts_flash_file *f, const char *path, uint32_t sector_size,
                        uint32_t sectors, uint32_t program_size, struct sts_flash *flash)
{
    uint64_t size = (uint64_t)sector_size * sectors;
    struct stat st;

    f->fd = -1;
    f->sector_size = sector_size;
    if (size == 0 || size > UINT32_MAX) {
        return STS_ERR_ARG;
    }
    f->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (f->fd < 0 || fstat(f->fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        ((uint64_t)st.st_size < size && fill(f->fd, (uint64_t)st.st_size, size) != STS_OK)) {
        sts_flash_file_close(f);
        return STS_ERR_IO;
    }
    *flash = (struct sts_flash){f,         sector_size,  sectors,    program_size,
                                file_read, file_program, file_erase, file_sync};
    return STS_OK;
}

void sts_flash_file_close(struct sts_flash_file *f)
{
    if (f->fd >= 0) {
        close(f->fd);
    }
    f->fd = -1;
}
