/* SPDX-License-Identifier: MIT
 *
 * A report as a file: JSON, or gzip around it. Nothing is compressed: blocks are stored, which any inflater takes, and
 * which needs no memory.
 */
#include <string.h>

#include <stsmail/tlsrpt_send.h>

#define HEAD       10 /* RFC 1952 2.3 */
#define TAIL       8
#define BLOCK_HEAD 5 /* RFC 1951 3.2.4 */
#define BLOCK_MAX  65535u

/* RFC 1952 8, a bit at a time: a report is short, and a table is not. */
static uint32_t crc32(uint32_t crc, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
        }
    }
    return crc;
}

void sts_tlsrpt_file_start(struct sts_tlsrpt_file *f, const struct sts_tlsrpt_report *report,
                           bool gzip)
{
    uint8_t buf[256];
    size_t n;

    f->report = report;
    f->gzip = gzip;
    f->crc = 0xffffffffu;
    f->plain = 0;
    while ((n = sts_tlsrpt_report_read(report, f->plain, buf, sizeof buf)) > 0) {
        f->crc = crc32(f->crc, buf, n);
        f->plain += n;
    }
    f->crc = ~f->crc;
}

static size_t blocks(const struct sts_tlsrpt_file *f)
{
    return (f->plain + BLOCK_MAX - 1) / BLOCK_MAX;
}

size_t sts_tlsrpt_file_size(const struct sts_tlsrpt_file *f)
{
    return f->gzip ? HEAD + f->plain + BLOCK_HEAD * blocks(f) + TAIL : f->plain;
}

/* What of `len` octets stands from `at` on. */
static size_t part(const uint8_t *from, size_t len, size_t at, uint8_t *buf, size_t size)
{
    size = at >= len ? 0 : size < len - at ? size : len - at;
    memcpy(buf, from + (size > 0 ? at : 0), size);
    return size;
}

/* Little-endian, as all of gzip. */
static void put(uint8_t *p, uint32_t n, int octets)
{
    for (int i = 0; i < octets; i++) {
        p[i] = (uint8_t)(n >> 8 * i);
    }
}

/* From within block number n: its head, or as much of its content as there is room for. */
static size_t block(const struct sts_tlsrpt_file *f, size_t n, size_t at, uint8_t *buf, size_t size)
{
    size_t left = f->plain - n * BLOCK_MAX, len = left < BLOCK_MAX ? left : BLOCK_MAX;
    uint8_t head[BLOCK_HEAD];

    if (at < BLOCK_HEAD) {
        head[0] = left == len; /* the last one */
        put(head + 1, (uint32_t)len, 2);
        put(head + 3, ~(uint32_t)len, 2);
        return part(head, sizeof head, at, buf, size);
    }
    at -= BLOCK_HEAD;
    return sts_tlsrpt_report_read(f->report, n * BLOCK_MAX + at, buf,
                                  size < len - at ? size : len - at);
}

/* One run of octets that stand together. */
static size_t run(const struct sts_tlsrpt_file *f, size_t at, uint8_t *buf, size_t size)
{
    static const uint8_t head[HEAD] = {0x1f, 0x8b, 8, [9] = 255}; /* no time, no name, no system */
    size_t end = HEAD + f->plain + BLOCK_HEAD * blocks(f);
    uint8_t tail[TAIL];

    if (at < HEAD) {
        return part(head, HEAD, at, buf, size);
    }
    if (at < end) {
        at -= HEAD;
        return block(f, at / (BLOCK_HEAD + BLOCK_MAX), at % (BLOCK_HEAD + BLOCK_MAX), buf, size);
    }
    put(tail, f->crc, 4);
    put(tail + 4, (uint32_t)f->plain, 4);
    return part(tail, TAIL, at - end, buf, size);
}

size_t sts_tlsrpt_file_read(const struct sts_tlsrpt_file *f, size_t at, void *buf, size_t size)
{
    size_t len = 0, n;

    if (!f->gzip) {
        return sts_tlsrpt_report_read(f->report, at, buf, size);
    }
    do {
        n = run(f, at + len, (uint8_t *)buf + len, size - len);
        len += n;
    } while (n > 0 && len < size);
    return len;
}

const char *sts_tlsrpt_file_type(const struct sts_tlsrpt_file *f)
{
    return f->gzip ? "application/tlsrpt+gzip" : "application/tlsrpt+json";
}

const char *sts_tlsrpt_file_extension(const struct sts_tlsrpt_file *f)
{
    return f->gzip ? "json.gz" : "json";
}
