/* SPDX-License-Identifier: MIT
 *
 * A store in front of the one that is tested, which remembers what each record may be: one thing, or, when an operation failed
 * or the power went within it, what was before or what should be. Whatever is read must be one of these; what is surely there must
 * be found (F01, F07, Q03).
 */
#ifndef STS_FAULTS_MODEL_STORE_H
#define STS_FAULTS_MODEL_STORE_H

#include "faulty_store.h"

enum {
    MODEL_RECORDS = 160,
    MODEL_BYTES = 4096, /* of a record that is kept whole; of a longer one the sum alone */
    MODEL_STATES = 24,
};

/* What a record may be. */
struct model_state {
    bool there;
    uint32_t len;
    uint64_t sum;
};

struct model_record {
    uint8_t kind; /* 0: a free place */
    uint8_t count;
    bool seen; /* by the iteration under way */
    char key[64];
    struct model_state may[MODEL_STATES];
};

struct model {
    struct model_record records[MODEL_RECORDS];
    void (*broken)(const char *promise);
    /* A record was surely replaced by this, or may have been. */
    void (*on_put)(uint8_t kind, const char *key, const uint8_t *bytes, size_t len, bool sure);
    uint64_t commits;
    /* A write failed since the last that did not. What stands of it in flash cannot be taken back while nothing can be written: as long
     * it may be there or not, and the next start finds out. */
    bool unsettled;
    /* the operation under way, for the power that goes in it */
    struct model_record *doubtful;
    struct model_state would;
};

static struct model model;

struct model_store {
    struct sts_store below;
    uint8_t kind, kind_in;
    char key[64], key_in[64];
    struct model_state out, in; /* being written; being read */
    struct model_state opened[MODEL_STATES];
    uint8_t opened_count;
    uint8_t bytes[MODEL_BYTES];
};

#define MODEL_SUM 14695981039346656037u

static inline void model_feed(struct model_state *s, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        s->sum = (s->sum ^ p[i]) * 1099511628211u;
    }
    s->len += (uint32_t)len;
}

static inline bool model_same(const struct model_state *a, const struct model_state *b)
{
    return a->there == b->there && (!a->there || (a->len == b->len && a->sum == b->sum));
}

static inline struct model_record *model_find(uint8_t kind, const char *key, bool make)
{
    struct model_record *empty = NULL;

    for (size_t i = 0; i < MODEL_RECORDS; i++) {
        struct model_record *r = &model.records[i];

        if (r->kind == kind && strcmp(r->key, key) == 0) {
            return r;
        }
        /* What is surely not there needs no place. */
        if (empty == NULL && (r->kind == 0 || (r->count == 1 && !r->may[0].there))) {
            empty = r;
        }
    }
    if (!make) {
        return NULL;
    }
    if (empty == NULL || strlen(key) >= sizeof empty->key) {
        abort();
    }
    *empty = (struct model_record){.kind = kind, .count = 1};
    memcpy(empty->key, key, strlen(key) + 1);
    return empty;
}

static inline void model_is(struct model_record *r, const struct model_state *s)
{
    r->count = 1;
    r->may[0] = *s;
}

static inline void model_may(struct model_record *r, const struct model_state *s)
{
    for (size_t i = 0; i < r->count; i++) {
        if (model_same(&r->may[i], s)) {
            return;
        }
    }
    if (r->count == MODEL_STATES) {
        memmove(r->may + 1, r->may + 2, sizeof r->may - 2 * sizeof *r->may); /* not what was sure */
        r->count--;
    }
    r->may[r->count++] = *s;
}

/* What it is seen to be it stays (F03). */
static inline void model_settle(struct model_record *r, const struct model_state *s)
{
    if (!model.unsettled) {
        model_is(r, s);
    }
}

/* A record turned out to be this. */
static inline void model_seen(struct model_record *r, const struct model_state *s,
                              const char *promise)
{
    for (size_t i = 0; i < r->count; i++) {
        if (model_same(&r->may[i], s)) {
            model_settle(r, s);
            return;
        }
    }
    model.broken(promise);
}

/* The power went: what was being done may be done, or not. */
static inline void model_cut(void)
{
    if (model.doubtful != NULL) {
        model_may(model.doubtful, &model.would);
        model.doubtful = NULL;
    }
    model.unsettled = false;
}

static inline void model_begin(struct model_record *r, const struct model_state *would)
{
    model.doubtful = r;
    model.would = *would;
}

static inline void model_end(struct model_record *r, int result)
{
    model.doubtful = NULL;
    model.unsettled = result == STS_ERR_IO || (model.unsettled && result != STS_OK);
    if (result == STS_OK) {
        model_is(r, &model.would);
    } else {
        model_may(r, &model.would);
    }
}

/* ---- the store ------------------------------------------------------------------------------------------ */

static inline int model_put(void *ctx, uint8_t kind, const char *key)
{
    struct model_store *s = ctx;

    s->kind = kind;
    snprintf(s->key, sizeof s->key, "%s", key);
    s->out = (struct model_state){true, 0, MODEL_SUM};
    return s->below.put(s->below.ctx, kind, key);
}

static inline int model_write(void *ctx, const void *buf, size_t len)
{
    struct model_store *s = ctx;

    if (s->out.len + len <= MODEL_BYTES) {
        memcpy(s->bytes + s->out.len, buf, len);
    }
    model_feed(&s->out, buf, len);
    return s->below.write(s->below.ctx, buf, len);
}

static inline int model_commit(void *ctx)
{
    struct model_store *s = ctx;
    struct model_record *r = model_find(s->kind, s->key, true);
    int result;

    model_begin(r, &s->out);
    if (model.on_put != NULL) {
        model.on_put(s->kind, s->key, s->bytes, s->out.len, false);
    }
    result = s->below.commit(s->below.ctx);
    model_end(r, result);
    if (result == STS_OK && model.on_put != NULL) {
        model.on_put(s->kind, s->key, s->bytes, s->out.len, true);
    }
    model.commits += result == STS_OK;
    return result;
}

static inline void model_abort(void *ctx)
{
    struct model_store *s = ctx;

    s->below.abort(s->below.ctx);
}

static inline int model_get(void *ctx, uint8_t kind, const char *key)
{
    static const struct model_state none = {false, 0, 0};
    struct model_store *s = ctx;
    struct model_record *r = model_find(kind, key, false);
    int result = s->below.get(s->below.ctx, kind, key);

    s->in = (struct model_state){true, 0, MODEL_SUM};
    s->kind_in = kind;
    snprintf(s->key_in, sizeof s->key_in, "%s", key);
    s->opened_count = 0;
    if (result == STS_ERR_ABSENT && r != NULL) {
        model_seen(r, &none, "F01: a record that is kept is found");
    } else if (result == STS_OK && r == NULL) {
        model.broken("F21: a record that is gone stays gone");
    } else if (result == STS_OK) {
        memcpy(s->opened, r->may, sizeof s->opened);
        s->opened_count = r->count;
    }
    return result;
}

/* Whether what a record may be is what it might be when it was opened. */
static inline bool model_unchanged(const struct model_store *s, const struct model_record *r)
{
    if (r == NULL || r->count != s->opened_count) {
        return false;
    }
    for (size_t i = 0; i < r->count; i++) {
        if (!model_same(&r->may[i], &s->opened[i])) {
            return false;
        }
    }
    return true;
}

/* At the end of a record: it is one of those that it may have been when it was opened, and stays that one (F03). */
static inline void model_read_whole(const struct model_store *s)
{
    struct model_record *r = model_find(s->kind_in, s->key_in, false);

    for (size_t i = 0; i < s->opened_count; i++) {
        if (model_same(&s->opened[i], &s->in)) {
            if (model_unchanged(s, r)) {
                model_settle(r, &s->in);
            }
            return;
        }
    }
    model.broken("F01: a record is as it was written");
}

static inline int32_t model_read(void *ctx, void *buf, size_t len)
{
    struct model_store *s = ctx;
    int32_t n = s->below.read(s->below.ctx, buf, len);

    if (n > 0) {
        model_feed(&s->in, buf, (size_t)n);
    }
    if (n == 0 && len > 0) {
        model_read_whole(s);
    }
    return n;
}

static inline void model_done(void *ctx)
{
    struct model_store *s = ctx;

    s->below.done(s->below.ctx);
}

static inline int model_remove(void *ctx, uint8_t kind, const char *key)
{
    static const struct model_state none = {false, 0, 0};
    struct model_store *s = ctx;
    struct model_record *r = model_find(kind, key, true);
    int result;

    model_begin(r, &none);
    result = s->below.remove(s->below.ctx, kind, key);
    if (result == STS_ERR_ABSENT) {
        model.doubtful = NULL;
        model_seen(r, &none, "F01: a record that is kept can be removed");
        return result;
    }
    model_end(r, result);
    if (result == STS_OK && model.on_put != NULL) {
        model.on_put(kind, key, NULL, 0, true);
    }
    return result;
}

struct model_walk {
    uint8_t kind;
    bool (*each)(void *arg, const char *key);
    void *arg;
    bool stopped;
};

static inline bool model_each(void *arg, const char *key)
{
    struct model_walk *w = arg;
    struct model_record *r = model_find(w->kind, key, false);

    if (r == NULL || (r->count == 1 && !r->may[0].there)) {
        model.broken("F21: a record that is gone is not listed");
    } else {
        r->seen = true;
    }
    w->stopped = !w->each(w->arg, key);
    return !w->stopped;
}

static inline int model_iterate(void *ctx, uint8_t kind, bool (*each)(void *arg, const char *key),
                                void *arg)
{
    struct model_store *s = ctx;
    struct model_walk w = {kind, each, arg, false};
    int result;

    for (size_t i = 0; i < MODEL_RECORDS; i++) {
        model.records[i].seen = false;
    }
    result = s->below.iterate(s->below.ctx, kind, model_each, &w);
    for (size_t i = 0; i < MODEL_RECORDS && result == STS_OK && !w.stopped; i++) {
        const struct model_record *r = &model.records[i];
        bool sure = r->count == 1 && r->may[0].there;

        if (r->kind == kind && sure && !r->seen) {
            model.broken("F01: a record that is kept is listed");
        }
    }
    return result;
}

static inline void model_store_start(struct model_store *m, const struct sts_store *below,
                                     struct sts_store *out)
{
    m->below = *below;
    *out = (struct sts_store){.ctx = m,
                              .put = model_put,
                              .write = model_write,
                              .commit = model_commit,
                              .abort = model_abort,
                              .get = model_get,
                              .read = model_read,
                              .done = model_done,
                              .remove = model_remove,
                              .iterate = model_iterate};
}

static inline void model_start(void (*broken)(const char *promise))
{
    memset(&model, 0, sizeof model);
    model.broken = broken;
}

#endif
