/* SPDX-License-Identifier: MIT
 *
 * A message from a file or from memory, readable again from its start for each try.
 */
#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stsmail/posix.h>

static int file_rewind(void *ctx)
{
    struct sts_posix_file *f = ctx;

    f->at = f->start;
    return STS_OK;
}

static int32_t file_read(void *ctx, void *buf, size_t size)
{
    struct sts_posix_file *f = ctx;
    int64_t left = f->end - f->at;
    ssize_t n;

    if (left <= 0) {
        return 0;
    }
    if (size > INT32_MAX) {
        size = INT32_MAX;
    }
    if (left < (int64_t)size) {
        size = (size_t)left;
    }
    do { /* pread: the position belongs to whoever gave us the file */
        n = pread(f->fd, buf, size, (off_t)f->at);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        return STS_ERR_IO; /* 0: the file was cut; half a message must not look whole */
    }
    f->at += n;
    return (int32_t)n;
}

int sts_posix_source_file(struct sts_source *out, struct sts_posix_file *f, int fd)
{
    struct stat st;
    off_t at;

    if (fstat(fd, &st) != 0) {
        return STS_ERR_IO;
    }
    if (!S_ISREG(st.st_mode)) {
        return STS_ERR_ARG;
    }
    at = lseek(fd, 0, SEEK_CUR);
    if (at < 0) {
        return STS_ERR_IO;
    }
    *f = (struct sts_posix_file){.fd = fd, .start = at, .at = at, .end = st.st_size};
    *out = (struct sts_source){.ctx = f, .rewind = file_rewind, .read = file_read};
    return STS_OK;
}

static int memory_rewind(void *ctx)
{
    struct sts_posix_memory *m = ctx;

    m->at = 0;
    return STS_OK;
}

static int32_t memory_read(void *ctx, void *buf, size_t size)
{
    struct sts_posix_memory *m = ctx;
    size_t n = m->len - m->at;

    n = n < size ? n : size;
    n = n < INT32_MAX ? n : INT32_MAX;
    if (n > 0) {
        memcpy(buf, m->bytes + m->at, n);
        m->at += n;
    }
    return (int32_t)n;
}

void sts_posix_source_memory(struct sts_source *out, struct sts_posix_memory *m, const void *bytes,
                             size_t len)
{
    *m = (struct sts_posix_memory){.bytes = bytes, .len = len};
    *out = (struct sts_source){.ctx = m, .rewind = memory_rewind, .read = memory_read};
}
