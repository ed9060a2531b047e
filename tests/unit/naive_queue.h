/* SPDX-License-Identifier: MIT
 *
 * A second reader of queue entries, written from the description in core/queue_entry.c alone: the whole image at once, every
 * rule a line. And a store that is one record.
 */
#ifndef STS_TEST_NAIVE_QUEUE_H
#define STS_TEST_NAIVE_QUEUE_H

#include <stdlib.h>

#include <stsmail/engine/queue.h>

/* ---- one record as a store ------------------------------------------------------------------ */

struct one_record {
    const uint8_t *bytes;
    size_t len, at, step; /* step: bytes at once, 0: all */
    uint8_t *out;
    size_t out_len, out_size;
    long calls, fails_at;
    bool open, absent;
    int with;
};

static inline int one_call(struct one_record *r)
{
    return ++r->calls == r->fails_at ? r->with : STS_OK;
}

static inline int one_get(void *ctx, uint8_t kind, const char *key)
{
    struct one_record *r = ctx;
    int e = one_call(r);

    (void)kind;
    (void)key;
    r->at = 0;
    if (e == STS_OK && r->absent) {
        return STS_ERR_ABSENT;
    }
    r->open = e == STS_OK;
    return e;
}

static inline int32_t one_read(void *ctx, void *buf, size_t len)
{
    struct one_record *r = ctx;
    size_t n = r->len - r->at;
    int e = one_call(r);

    if (e != STS_OK) {
        return e;
    }
    n = n < len ? n : len;
    n = r->step > 0 && n > r->step ? r->step : n;
    if (n > 0) {
        memcpy(buf, r->bytes + r->at, n);
    }
    r->at += n;
    return (int32_t)n;
}

static inline void one_done(void *ctx)
{
    struct one_record *r = ctx;

    if (!r->open) {
        abort();
    }
    r->open = false;
}

static inline int one_put(void *ctx, uint8_t kind, const char *key)
{
    struct one_record *r = ctx;

    (void)kind;
    (void)key;
    r->out_len = 0;
    return one_call(r);
}

static inline int one_write(void *ctx, const void *buf, size_t len)
{
    struct one_record *r = ctx;
    int e = one_call(r);

    if (e != STS_OK || len > r->out_size - r->out_len) {
        return e != STS_OK ? e : STS_ERR_SPACE;
    }
    memcpy(r->out + r->out_len, buf, len);
    r->out_len += len;
    return STS_OK;
}

static inline int one_commit(void *ctx)
{
    return one_call(ctx);
}
static inline void one_abort(void *ctx)
{
    ((struct one_record *)ctx)->out_len = 0;
}

static inline struct sts_store one_store(struct one_record *r)
{
    return (struct sts_store){.ctx = r,
                              .put = one_put,
                              .write = one_write,
                              .commit = one_commit,
                              .abort = one_abort,
                              .get = one_get,
                              .read = one_read,
                              .done = one_done};
}

/* ---- the naive reader ------------------------------------------------------------------------ */

static inline uint64_t naive_number(const uint8_t *b, size_t at, size_t size)
{
    uint64_t n = 0;

    for (size_t i = 0; i < size; i++) {
        n += (uint64_t)b[at + i] << 8 * (size - 1 - i);
    }
    return n;
}

enum {
    NAIVE_HEAD = 50,
    NAIVE_VERDICT = 10
};

/* What reading such an image must come to. */
static inline int naive_result(const uint8_t *b, size_t len)
{
    size_t count, text, at, nuls = 0, places[STS_QUEUE_RECIPIENTS + 2];
    uint64_t sum = 0;

    if (len == 0) {
        return STS_ERR_ABSENT;
    }
    if (b[0] != 1) {
        return STS_ERR_CONFIG;
    }
    if (len < NAIVE_HEAD) {
        return STS_ERR_ABSENT;
    }
    count = (size_t)naive_number(b, 8, 2);
    text = (size_t)naive_number(b, 22, 4);
    if (b[1] < 1 || b[1] > 2 || b[2] > 15 || b[3] > 3 || count == 0 || b[26] > 0x7f ||
        b[34] > 0x7f || naive_number(b, 42, 8) > 253402300799u) {
        return STS_ERR_ABSENT;
    }
    if (count > STS_QUEUE_RECIPIENTS || text > STS_QUEUE_TEXT) {
        return STS_ERR_CONFIG;
    }
    if (len - NAIVE_HEAD < text || text == 0 || b[NAIVE_HEAD + text - 1] != 0) {
        return STS_ERR_ABSENT;
    }
    for (size_t i = 0; i < text; i++) {
        if (b[NAIVE_HEAD + i] == 0) {
            if (nuls == count + 2) {
                return STS_ERR_ABSENT;
            }
            places[nuls++] = i + 1; /* where the next string begins */
        }
    }
    if (nuls != count + 2) {
        return STS_ERR_ABSENT;
    }
    at = NAIVE_HEAD + text;
    for (size_t i = 0; i < count; i++) {
        size_t place;
        bool found = false;

        if (len - at < NAIVE_VERDICT) {
            return STS_ERR_ABSENT;
        }
        place = (size_t)naive_number(b, at, 4);
        for (size_t j = 0; j < count + 1; j++) {
            found = found || places[j] == place;
        }
        if (!found || b[at + 5] > 1) {
            return STS_ERR_ABSENT;
        }
        sum += place - places[1 + i];
        at += NAIVE_VERDICT;
        if (len - at < naive_number(b, at - 2, 2)) {
            return STS_ERR_ABSENT;
        }
        at += (size_t)naive_number(b, at - 2, 2);
    }
    return at == len && sum == 0 ? STS_OK : STS_ERR_ABSENT;
}

/* Whether what was read is what stands there. */
static inline bool naive_agrees(const uint8_t *b, const struct sts_queue_record *r,
                                const struct sts_recipient *to)
{
    const struct sts_queue_entry *e = &r->entry;
    const uint8_t *text = b + NAIVE_HEAD;
    size_t at = NAIVE_HEAD + (size_t)naive_number(b, 22, 4);
    bool ok = e->state == b[1] && e->critical == (b[2] & 1) && r->sending == (b[2] >> 1 & 1) &&
              r->undated == (b[2] >> 2 & 1) && r->coalesces == (b[2] >> 3 & 1) &&
              e->floor == b[3] && e->flags == b[4] &&
              e->error == (b[5] < 128 ? b[5] : b[5] - 256) && e->tries == naive_number(b, 6, 2) &&
              e->count == naive_number(b, 8, 2) && e->coalesced == naive_number(b, 10, 4) &&
              e->size == naive_number(b, 14, 4) && r->extra_len == naive_number(b, 18, 4) &&
              (uint64_t)e->queued_at == naive_number(b, 26, 8) &&
              (uint64_t)e->next_try_at == naive_number(b, 34, 8) &&
              (uint64_t)r->date_s == naive_number(b, 42, 8) &&
              strcmp(e->sender, (const char *)text) == 0;

    for (size_t i = 0; i < e->count && ok; i++) {
        size_t len = (size_t)naive_number(b, at + 8, 2);
        size_t kept = len < STS_REPLY_SIZE ? len : STS_REPLY_SIZE - 1;

        ok = strcmp(to[i].address, (const char *)text + naive_number(b, at, 4)) == 0 &&
             to[i].error == (b[at + 4] < 128 ? b[at + 4] : b[at + 4] - 256) &&
             to[i].final == b[at + 5] && to[i].code == naive_number(b, at + 6, 2) &&
             memcmp(to[i].reply, b + at + 10, kept) == 0 && to[i].reply[kept] == '\0';
        at += NAIVE_VERDICT + len;
    }
    return ok;
}

/* Reads an image both ways: whether they agree. What can be read is also written again to the same octets, if its replies have
 * no NUL and were not cut. */
static inline bool naive_compare(const uint8_t *b, size_t len, size_t step, char *text,
                                 struct sts_recipient *to)
{
    struct one_record one = {.bytes = b, .len = len, .step = step};
    struct sts_store s = one_store(&one);
    struct sts_queue_record r;
    int e = sts_queue_read(&s, 5, &r, text, to);

    return e == naive_result(b, len) && !one.open && (e != STS_OK || naive_agrees(b, &r, to));
}

#endif
