/* SPDX-License-Identifier: MIT
 *
 * A store in front of another whose calls can fail, and which notices what its user forgets: a reader or a writer that is
 * left open, a second one, a call out of order.
 */
#ifndef STS_FAULTS_STORE_H
#define STS_FAULTS_STORE_H

#include "internet.h"

struct faulty_store {
    struct sts_store below;
    bool reading, writing;
    bool walking;
};

static inline void store_rule(bool kept, const char *rule)
{
    if (!kept) {
        fflush(stdout);
        fprintf(stderr, "store: %s\n", rule);
        abort();
    }
}

static inline int faulty_put(void *ctx, uint8_t kind, const char *key)
{
    struct faulty_store *s = ctx;
    int r = net_call(CALL_PUT);

    store_rule(!s->writing && !s->walking, "one writer, and none within iterate");
    r = r == WORKS ? s->below.put(s->below.ctx, kind, key) : r;
    s->writing = r == STS_OK;
    return r;
}

static inline int faulty_write(void *ctx, const void *buf, size_t len)
{
    struct faulty_store *s = ctx;
    int r = net_call(CALL_WRITE);

    store_rule(s->writing, "write behind put");
    return r == WORKS ? s->below.write(s->below.ctx, buf, len) : r;
}

static inline int faulty_commit(void *ctx)
{
    struct faulty_store *s = ctx;
    int r = net_call(CALL_COMMIT);

    store_rule(s->writing, "commit behind put");
    s->writing = false;
    if (r == WORKS) {
        return s->below.commit(s->below.ctx);
    }
    s->below.abort(s->below.ctx); /* nothing has changed */
    return r;
}

static inline void faulty_abort(void *ctx)
{
    struct faulty_store *s = ctx;

    s->writing = false;
    s->below.abort(s->below.ctx);
}

static inline int faulty_get(void *ctx, uint8_t kind, const char *key)
{
    struct faulty_store *s = ctx;
    int r = net_call(CALL_GET);

    store_rule(!s->reading, "one reader");
    r = r == WORKS ? s->below.get(s->below.ctx, kind, key) : r;
    s->reading = r == STS_OK;
    return r;
}

static inline int32_t faulty_read(void *ctx, void *buf, size_t len)
{
    struct faulty_store *s = ctx;
    int r = net_call(CALL_READ);

    store_rule(s->reading, "read behind get");
    return r == WORKS ? s->below.read(s->below.ctx, buf, len) : r;
}

static inline void faulty_done(void *ctx)
{
    struct faulty_store *s = ctx;

    s->reading = false;
    s->below.done(s->below.ctx);
}

static inline int faulty_remove(void *ctx, uint8_t kind, const char *key)
{
    struct faulty_store *s = ctx;
    int r = net_call(CALL_REMOVE);

    store_rule(!s->walking, "no remove within iterate");
    return r == WORKS ? s->below.remove(s->below.ctx, kind, key) : r;
}

static inline int faulty_iterate(void *ctx, uint8_t kind, bool (*each)(void *arg, const char *key),
                                 void *arg)
{
    struct faulty_store *s = ctx;
    int r = net_call(CALL_ITERATE);

    if (r != WORKS) {
        return r;
    }
    s->walking = true;
    r = s->below.iterate(s->below.ctx, kind, each, arg);
    s->walking = false;
    return r;
}

/* `f` in front of what `below` describes; `out` is what its user gets. */
static inline void faulty_store_start(struct faulty_store *f, const struct sts_store *below,
                                      struct sts_store *out)
{
    *f = (struct faulty_store){.below = *below};
    *out = (struct sts_store){.ctx = f,
                              .put = faulty_put,
                              .write = faulty_write,
                              .commit = faulty_commit,
                              .abort = faulty_abort,
                              .get = faulty_get,
                              .read = faulty_read,
                              .done = faulty_done,
                              .remove = faulty_remove,
                              .iterate = faulty_iterate};
}

/* No record is left open. */
static inline bool faulty_store_is_quiet(const struct faulty_store *f)
{
    return !f->reading && !f->writing;
}

#endif
