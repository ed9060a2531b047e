/* SPDX-License-Identifier: MIT
 *
 * What the flash campaign does to a store, and what must be there after it: the oracle is a table of what was put.
 */
#ifndef STS_FLASH_WORK_H
#define STS_FLASH_WORK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stsmail/engine/cache.h>
#include <stsmail/flash_sim.h>
#include <stsmail/flash_store.h>

#define P STS_STORE_POLICY
#define W STS_STORE_WAIT
#define Q STS_STORE_ENTRY
#define M STS_STORE_MESSAGE
#define C STS_STORE_CLOCK

/* One value that a key had: bytes of a pattern, or what the cache wrote (its bytes are kept). */
struct value {
    bool there;
    uint16_t len;
    uint32_t sum;
};

#define KEYS    14
#define HISTORY 24

/* The keys of the workload. */
static const struct {
    uint8_t kind;
    const char *key;
} keys[KEYS] = {
    {P, "a.example"},
    {P, "b.example"},
    {W, "a.example"},
    {W, "c.example"},
    {Q, "0000000000000001"},
    {Q, "0000000000000002"},
    {Q, "0000000000000003"},
    {M, "0000000000000001"},
    {M, "0000000000000002"},
    {M, "0000000000000003"},
    {C, "clock"},
    {P, "a-name-that-is-rather-long.but-still.a-domain.example"},
    {P, "cached.example"},
    {P, "seldom.example"},
};

/* What should be there, and what ever was. */
struct model {
    struct value now[KEYS];
    struct value old[KEYS][HISTORY];
    uint8_t n[KEYS];
};

static uint32_t sum_of(uint32_t sum, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        sum = (sum ^ p[i]) * 16777619u;
    }
    return sum;
}

static bool equal(const struct value *a, const struct value *b)
{
    return a->there == b->there && (!a->there || (a->len == b->len && a->sum == b->sum));
}

static void model_set(struct model *m, int k, const struct value *v)
{
    if (m->n[k] < HISTORY) {
        m->old[k][m->n[k]++] = m->now[k];
    } else {
        m->old[k][(m->now[k].sum >> 3) % HISTORY] = m->now[k];
    }
    m->now[k] = *v;
}

/* ---- the store under test ------------------------------------------------------------------ */

struct rig {
    struct sts_flash_store store;
    struct sts_flash_handle handle[2];
    struct sts_store s[2];
};

static int rig_mount(struct rig *r, const struct sts_flash *flash)
{
    int e = sts_flash_store_mount(&r->store, flash);

    sts_flash_store_handle(&r->store, &r->handle[0], &r->s[0]);
    sts_flash_store_handle(&r->store, &r->handle[1], &r->s[1]);
    return e;
}

/* Reads a record: STS_OK and *v, or an error. */
static int read_value(const struct sts_store *s, int k, struct value *v)
{
    uint8_t buf[600];
    int32_t n;
    int e = s->get(s->ctx, keys[k].kind, keys[k].key);

    *v = (struct value){.there = e == STS_OK, .sum = 2166136261u};
    if (e != STS_OK) {
        return e == STS_ERR_ABSENT ? STS_OK : e;
    }
    while ((n = s->read(s->ctx, buf, sizeof buf)) > 0) {
        v->sum = sum_of(v->sum, buf, (size_t)n);
        v->len = (uint16_t)(v->len + n);
    }
    s->done(s->ctx);
    return n < 0 ? (int)n : STS_OK;
}

struct listed {
    uint8_t kind;
    uint8_t times[KEYS];
    bool strange;
};

static bool list_key(void *arg, const char *key)
{
    struct listed *l = arg;

    for (int k = 0; k < KEYS; k++) {
        if (keys[k].kind == l->kind && strcmp(keys[k].key, key) == 0) {
            l->times[k]++;
            return true;
        }
    }
    l->strange = true;
    return true;
}

static bool list_all(const struct sts_store *s, struct listed *l)
{
    static const uint8_t kinds[] = {P, W, Q, M, C};

    memset(l, 0, sizeof *l);
    for (size_t i = 0; i < sizeof kinds; i++) {
        l->kind = kinds[i];
        if (s->iterate(s->ctx, kinds[i], list_key, l) != STS_OK) {
            return false;
        }
    }
    return !l->strange;
}

/* Whether the store holds just what the model says, where for each key either of two models will do. */
static bool holds(const struct sts_store *s, const struct model *before, const struct model *after)
{
    struct value v;
    struct listed l;

    if (!list_all(s, &l)) {
        return false;
    }
    for (int k = 0; k < KEYS; k++) {
        if (read_value(s, k, &v) != STS_OK || l.times[k] != v.there ||
            (!equal(&v, &before->now[k]) && !equal(&v, &after->now[k]))) {
            return false;
        }
    }
    return true;
}

/* What the store holds, as one number; 0: it cannot be read. */
static uint32_t whole_of(const struct sts_store *s)
{
    struct value v;
    uint32_t sum = 1;

    for (int k = 0; k < KEYS; k++) {
        if (read_value(s, k, &v) != STS_OK) {
            return 0;
        }
        sum = (sum * 31 + v.there) * 16777619u ^ (v.there ? v.sum + v.len : 0);
    }
    return sum | 1;
}

/* ---- the workload -------------------------------------------------------------------------- */

static struct value pattern(uint32_t seed, uint16_t len, uint8_t *to)
{
    struct value v = {true, len, 2166136261u};

    for (uint16_t i = 0; i < len; i++) {
        seed = seed * 1664525u + 1013904223u;
        to[i] = (uint8_t)(seed >> 24);
    }
    v.sum = sum_of(v.sum, to, len);
    return v;
}

/* One operation. Each changes one key at most. */
struct act {
    uint8_t
        what; /* p put, r remove, a abort, h put while the other handle reads, i put while the other handle removes
                     (nothing there), c cache_put, t cache_touch, m mount */
    uint8_t key;
    uint16_t len;
};

static const struct act script[] = {
    {'p', 13, 90}, {'p', 0, 60},   {'p', 2, 20},  {'c', 12, 0}, {'p', 7, 600}, {'p', 4, 120},
    {'p', 4, 118}, {'a', 0, 300},  {'r', 7, 0},   {'r', 4, 0},  {'p', 10, 8},  {'h', 0, 70},
    {'m', 0, 0},   {'p', 8, 1000}, {'p', 5, 130}, {'t', 12, 0}, {'p', 10, 8},  {'p', 11, 100},
    {'p', 6, 90},  {'i', 9, 600},  {'p', 5, 131}, {'r', 8, 0},  {'r', 5, 0},   {'p', 10, 8},
    {'r', 2, 0},   {'p', 3, 30},   {'h', 8, 500}, {'c', 12, 0}, {'p', 6, 64},  {'m', 0, 0},
    {'r', 9, 0},   {'r', 6, 0},    {'p', 1, 250}, {'p', 1, 0},  {'r', 8, 0},   {'p', 7, 800},
    {'p', 4, 140}, {'p', 10, 8},   {'r', 3, 0},   {'r', 7, 0},  {'r', 4, 0},   {'p', 2, 20},
};
#define ACTS ((int)(sizeof script / sizeof script[0]))

/* Puts a record through `s`; with `hold`, something else happens in the middle. */
static int put_pattern(struct rig *r, int k, uint32_t seed, uint16_t len, uint8_t what,
                       struct value *v)
{
    static uint8_t bytes[4096];
    const struct sts_store *s = &r->s[0], *other = &r->s[1];
    struct value seen;
    int e = s->put(s->ctx, keys[k].kind, keys[k].key);

    *v = pattern(seed, len, bytes);
    for (uint16_t at = 0; at < len && e == STS_OK; at = (uint16_t)(at + 97)) {
        e = s->write(s->ctx, bytes + at, len - at < 97 ? (size_t)(len - at) : 97);
        if (what == 'i' && at == 97) {
            (void)other->remove(other->ctx, W, "none.example");
        }
        if (what == 'h' && at == 97 && read_value(other, 13, &seen) != STS_OK) {
            e = STS_ERR_IO;
        }
    }
    if (e != STS_OK || what == 'a') {
        s->abort(s->ctx);
        return e;
    }
    return s->commit(s->ctx);
}

static int cache_act(const struct sts_store *s, uint8_t what, uint32_t turn)
{
    static struct sts_policy policy;
    struct sts_time now = {0, 1700000000 + (int64_t)turn * 100000, STS_CLOCK_OWNER};

    if (what == 't') {
        return sts_cache_touch(s, "cached.example", &now);
    }
    memset(&policy, 0, sizeof policy);
    policy.mode = STS_MODE_ENFORCE;
    policy.max_age_s = 604800;
    policy.mx_count = 1;
    policy.mx_len = 16;
    memcpy(policy.mx, "mx.cached.examp", 16);
    return sts_cache_put(s, "cached.example", "20260101", &policy, &now, NULL);
}

/* Does one operation; *v is what its key holds after it, if it ends well. */
static int act_on(struct rig *r, const struct act *a, uint32_t turn, struct sts_store *shadow,
                  struct value *v)
{
    const struct sts_store *s = &r->s[0];

    *v = (struct value){false, 0, 0};
    switch (a->what) {
    case 'm': return STS_OK; /* by the caller */
    case 'r': return s->remove(s->ctx, keys[a->key].kind, keys[a->key].key);
    case 'c':
    case 't':
        /* What it writes is read from a store that does not fail. */
        if (cache_act(shadow, a->what, turn) != STS_OK || read_value(shadow, 12, v) != STS_OK) {
            return STS_ERR_STATE;
        }
        return cache_act(s, a->what, turn);
    default: return put_pattern(r, a->key, a->key == 10 ? turn / 60 : turn, a->len, a->what, v);
    }
}

#endif
