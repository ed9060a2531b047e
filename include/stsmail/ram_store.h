/* SPDX-License-Identifier: MIT
 *
 * A store in memory, for devices without flash and for tests: what it keeps is gone with the
 * power. No heap: it lives in an array of the caller's.
 *
 * It has one handle, which is enough for policies. A queue reads a message while it writes entries, and wants two handles on one
 * medium; two RAM stores would be two media. A device without flash gives its queue a flash store (flash_store.h) over an array:
 *
 *     static uint8_t area[16 * 2048];
 *     static int area_read(void *ctx, uint32_t at, void *buf, size_t len) { memcpy(buf, area + at, len); return STS_OK; }
 *     static int area_program(void *ctx, uint32_t at, const void *buf, size_t len) { memcpy(area + at, buf, len); return STS_OK; }
 *     static int area_erase(void *ctx, uint32_t sector) { memset(area + sector * 2048, 0xff, 2048); return STS_OK; }
 *     static const struct sts_flash ram = {NULL, 2048, 16, 1, area_read, area_program, area_erase, NULL};
 *
 *     memset(area, 0xff, sizeof area);
 *     sts_flash_store_mount(&log, &ram);
 *     sts_flash_store_handle(&log, &one, &store);
 *     sts_flash_store_handle(&log, &two, &message_store);
 */
#ifndef STSMAIL_RAM_STORE_H
#define STSMAIL_RAM_STORE_H

#include <stddef.h>
#include <stdint.h>

#include <stsmail/port.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that a record takes, with a key of key_len and a body of len bytes. While a record is
 * replaced, or read and replaced, its old bytes count too. */
#define STS_RAM_STORE_RECORD(key_len, len) (8u + (key_len) + 1u + (len))

struct sts_ram_store {
    uint8_t *bytes;
    size_t size;
    /* the rest is the store's own */
    size_t used;
    size_t in, in_at; /* the record being read, SIZE_MAX: none; the next byte of its body */
    size_t out;       /* the record being written, always the last; SIZE_MAX: none */
    int out_error;
};

/* An empty store. `memory` stays the caller's, in place; size in bytes, any. */
void sts_ram_store_init(struct sts_ram_store *r, void *memory, size_t size, struct sts_store *out);

#ifdef __cplusplus
}
#endif
#endif
