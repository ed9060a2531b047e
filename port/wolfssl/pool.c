/* SPDX-License-Identifier: MIT
 *
 * What wolfSSL takes from its surroundings: memory out of a fixed pool, the time that the caller named, and
 * the seed of its random generator.
 */
#include "local.h"

#include <string.h>

#include <wolfssl/wolfcrypt/error-crypt.h>

struct sts_wolfssl_turn sts_wolfssl_turn;

/* ---- memory: first fit; each block has a header ------------------------------------------------ */

/* As much as anything in wolfSSL wants: 16 bytes for a PC's vectors, 8 for a 64-bit number on a microcontroller. */
#define ALIGN (2 * sizeof(size_t))

struct block {
    size_t size; /* with header, a multiple of ALIGN */
    size_t used; /* 0 or 1 */
};

_Static_assert(sizeof(struct block) <= ALIGN, "a header takes one unit");
_Static_assert(ALIGN % _Alignof(uint64_t) == 0, "a block is good for numbers of 64 bits");

void sts_pool_init(struct sts_wolfssl_pool *p, void *pool, size_t size)
{
    uint8_t *base = pool;
    size_t skip = (ALIGN - (size_t)((uintptr_t)base % ALIGN)) % ALIGN;

    *p = (struct sts_wolfssl_pool){.base = base + skip, .size = (size - skip) / ALIGN * ALIGN};
    *(struct block *)(void *)p->base = (struct block){.size = p->size, .used = 0};
}

static struct block *block_at(const struct sts_wolfssl_pool *p, size_t at)
{
    return at < p->size ? (struct block *)(void *)(p->base + at) : NULL;
}

/* Adds the free blocks that follow to a free one: freeing itself need not look around. */
static void merge(const struct sts_wolfssl_pool *p, size_t at)
{
    struct block *b = block_at(p, at), *next;

    while ((next = block_at(p, at + b->size)) != NULL && !next->used) {
        b->size += next->size;
    }
}

/* The first block that is large enough; none: the pool's size, and *end is what is free at its end. */
static size_t find(const struct sts_wolfssl_pool *p, size_t need, size_t *end)
{
    size_t at = p->low;
    struct block *b;

    *end = 0;
    while ((b = block_at(p, at)) != NULL) {
        if (!b->used) {
            merge(p, at);
        }
        if (!b->used && b->size >= need) {
            break;
        }
        *end = b->used ? 0 : b->size;
        at += b->size;
    }
    return at;
}

static void split(const struct sts_wolfssl_pool *p, size_t at, size_t need)
{
    struct block *b = block_at(p, at);

    if (b->size > need) {
        *block_at(p, at + need) = (struct block){.size = b->size - need, .used = 0};
        b->size = need;
    }
}

void *sts_pool_take(struct sts_wolfssl_pool *p, size_t size)
{
    size_t need, at, end;
    struct block *b;

    if (size == 0) {
        return NULL;
    }
    need = (size > p->size ? p->size : size) + 2 * ALIGN - 1;
    need -= need % ALIGN;
    at = find(p, need, &end);
    b = block_at(p, at);
    if (b == NULL) {
        p->failed++;
        p->missing = need - end > p->missing ? need - end : p->missing;
        return NULL;
    }
    split(p, at, need);
    b->used = 1;
    if (at == p->low) {
        p->low = at + b->size;
    }
    p->used += b->size;
    p->peak = p->used > p->peak ? p->used : p->peak;
    p->top = at + b->size > p->top ? at + b->size : p->top;
    return (uint8_t *)b + ALIGN;
}

/* Wipes: what wolfSSL gave back may have been a key. */
void sts_pool_give(struct sts_wolfssl_pool *p, void *ptr)
{
    struct block *b;
    size_t at;

    if (ptr == NULL) {
        return;
    }
    at = (size_t)((uint8_t *)ptr - p->base) - ALIGN;
    b = block_at(p, at);
    b->used = 0;
    p->used -= b->size;
    p->low = at < p->low ? at : p->low;
    memset(ptr, 0, b->size - ALIGN);
}

void sts_wolfssl_alive(void)
{
    const struct sts_wolfssl *w = sts_wolfssl_turn.w;

    if (w->alive != NULL) {
        w->alive(w->alive_ctx);
    }
}

/* Most of wolfSSL's long functions begin and end with this. */
void *sts_wolfssl_malloc(size_t size, void *heap, int type)
{
    struct sts_wolfssl_pool *p = &sts_wolfssl_turn.w->pool;

    (void)heap;
    sts_wolfssl_alive();
    if ((type == DYNAMIC_TYPE_IN_BUFFER || type == DYNAMIC_TYPE_OUT_BUFFER) && size > p->record) {
        p->record = size;
    }
    return sts_pool_take(p, size);
}

void sts_wolfssl_free(void *ptr, void *heap, int type)
{
    (void)heap;
    (void)type;
    sts_wolfssl_alive();
    sts_pool_give(&sts_wolfssl_turn.w->pool, ptr);
}

void *sts_wolfssl_realloc(void *ptr, size_t size, void *heap, int type)
{
    void *fresh = sts_wolfssl_malloc(size, heap, type);
    size_t old;

    if (ptr != NULL && fresh != NULL) {
        old = ((struct block *)(void *)((uint8_t *)ptr - ALIGN))->size - ALIGN;
        memcpy(fresh, ptr, old < size ? old : size);
        sts_wolfssl_free(ptr, heap, type);
    }
    return fresh;
}

/* ---- time ------------------------------------------------------------------------------------ */

time_t sts_wolfssl_time(time_t *t)
{
    time_t now = (time_t)sts_wolfssl_turn.utc_s;

    if (t != NULL) {
        *t = now;
    }
    return now;
}

/* Days since 1970 to a date of the Gregorian calendar, in years that begin in March. */
struct tm *sts_wolfssl_gmtime(const time_t *t, struct tm *tm)
{
    int64_t days = *t / 86400;
    int64_t second = *t % 86400;
    int64_t era, year;
    unsigned day, month;

    if (second < 0) {
        second += 86400;
        days--;
    }
    days += 719468; /* since 0000-03-01 */
    era = (days >= 0 ? days : days - 146096) / 146097;
    day = (unsigned)(days - era * 146097);
    year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= (unsigned)(365 * year + year / 4 - year / 100);
    month = (5 * day + 2) / 153;
    memset(tm, 0, sizeof *tm);
    tm->tm_mday = (int)(day - (153 * month + 2) / 5 + 1);
    tm->tm_mon = (int)(month < 10 ? month + 2 : month - 10);
    tm->tm_year = (int)(year + era * 400 + (month >= 10) - 1900);
    tm->tm_hour = (int)(second / 3600);
    tm->tm_min = (int)(second / 60 % 60);
    tm->tm_sec = (int)(second % 60);
    return tm;
}

/* ---- entropy --------------------------------------------------------------------------------- */

int sts_wolfssl_seed(byte *out, word32 len)
{
    const struct sts_random *r = sts_wolfssl_turn.w->seed;

    return r->fill(r->ctx, out, len) == STS_OK ? 0 : RNG_FAILURE_E;
}
