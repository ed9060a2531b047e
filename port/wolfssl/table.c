/* SPDX-License-Identifier: MIT
 *
 * The table of trust anchors, read where it lies; cert.h describes it.
 */
#include "cert.h"

#include <string.h>

#include <stsmail/engine/crc.h>

static uint32_t number(const uint8_t *p, unsigned octets)
{
    uint32_t n = 0;

    while (octets > 0) {
        n = n << 8 | p[--octets];
    }
    return n;
}

static void put(uint8_t *p, uint32_t n)
{
    for (int i = 0; i < 4; i++, n >>= 8) {
        p[i] = (uint8_t)n;
    }
}

static uint32_t checksum(const uint8_t *table, size_t len)
{
    uint32_t crc = sts_crc32(0, table, STS_TABLE_HEAD - 4);

    return sts_crc32(crc, table + STS_TABLE_HEAD, len - STS_TABLE_HEAD);
}

/* The head and the checksum, once all else stands. */
void sts_table_seal(uint8_t *table, size_t count, size_t len)
{
    memcpy(table, "STSR\1", 5);
    table[5] = STS_TABLE_ENTRY;
    table[6] = (uint8_t)count;
    table[7] = (uint8_t)(count >> 8);
    put(table + 8, (uint32_t)len);
    put(table + 12, checksum(table, len));
}

static const uint8_t *entry(const struct sts_table *t, size_t i)
{
    return t->at + STS_TABLE_HEAD + i * STS_TABLE_ENTRY;
}

/* Whether each entry's data are in the table, and each hash is no less than the one before. */
static bool sound(const struct sts_table *t, size_t room)
{
    for (size_t i = 0; i < t->count; i++) {
        const uint8_t *e = entry(t, i);

        if ((i > 0 && memcmp(e - STS_TABLE_ENTRY, e, STS_TABLE_HASH) > 0) || e[34] < STS_ROOT_RSA ||
            e[34] > STS_ROOT_CERT || e[35] > STS_PATH_ANY || number(e + 31, 2) == 0 ||
            number(e + 28, 3) + e[33] + number(e + 31, 2) > room) {
            return false;
        }
    }
    return true;
}

int sts_table_open(struct sts_table *t, const void *bytes, size_t len)
{
    const uint8_t *table = bytes;
    size_t whole, index;

    if (len < STS_TABLE_HEAD || memcmp(table, "STSR\1", 5) != 0 || table[5] != STS_TABLE_ENTRY) {
        return STS_ERR_SYNTAX;
    }
    *t = (struct sts_table){table, number(table + 6, 2)};
    whole = number(table + 8, 4);
    index = STS_TABLE_HEAD + t->count * STS_TABLE_ENTRY;
    if (whole > len || whole < index || checksum(table, whole) != number(table + 12, 4) ||
        !sound(t, whole - index)) {
        return STS_ERR_SYNTAX;
    }
    return STS_OK;
}

bool sts_table_entry(const struct sts_table *t, size_t i, struct sts_root *r, const uint8_t **hash)
{
    const uint8_t *e, *data;
    uint32_t until;

    if (i >= t->count) {
        return false;
    }
    e = entry(t, i);
    data = entry(t, t->count) + number(e + 28, 3);
    until = number(e + 24, 4);
    *r = (struct sts_root){.kind = e[34],
                           .path = e[35],
                           .from_s = number(e + 20, 4),
                           .until_s = until == UINT32_MAX ? INT64_MAX : until,
                           .key_id = {data, data + e[33]}};
    r->key.at = r->key_id.end;
    r->key.end = r->key.at + number(e + 31, 2);
    if (hash != NULL) {
        *hash = e;
    }
    return true;
}

bool sts_table_find(const struct sts_table *t, const uint8_t *hash, size_t n, struct sts_root *r)
{
    size_t low = 0, high = t->count, middle;

    while (low < high) { /* to the first that is not less */
        middle = low + (high - low) / 2;
        if (memcmp(entry(t, middle), hash, STS_TABLE_HASH) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return n < t->count - low && memcmp(entry(t, low + n), hash, STS_TABLE_HASH) == 0 &&
           sts_table_entry(t, low + n, r, NULL);
}
