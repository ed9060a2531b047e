/* SPDX-License-Identifier: MIT
 *
 * A store for tests of the queue: any number of handles on one medium, claims among them, a count of the calls, and a place
 * where the medium fails or the power goes. It also watches that it is used as port.h says.
 */
#ifndef STS_TEST_SHELF_H
#define STS_TEST_SHELF_H

#include <stdlib.h>

#include <stsmail/port.h>

#include "test.h"

#ifndef SHELF_ROOM
#define SHELF_ROOM 128
#endif

enum {
    SHELF_RECORDS = SHELF_ROOM,
    SHELF_HANDLES = 6
};

struct shelf_record {
    uint8_t kind;
    bool live;
    int readers;
    char key[254];
    uint8_t *bytes;
    size_t len;
};

struct shelf_handle {
    struct shelf *shelf;
    struct shelf_record *in;
    size_t at;
    bool writing, claiming, walking;
    struct shelf_record out;
    uint8_t claim_kind;
    char claim[254];
};

struct shelf {
    struct shelf_record records[SHELF_RECORDS];
    struct shelf_handle handles[SHELF_HANDLES];
    size_t handles_count;
    size_t room;    /* bytes that fit in all, 0: any number */
    long calls;     /* fallible ones so far */
    long fails_at;  /* number of the one that fails, from 1; 0: none */
    long fails_to;  /* the last one that does */
    long cut_at;    /* the power goes in this one; 0: never */
    bool cut_after; /* when it had its effect already */
    bool off;       /* the power is */
    int fails_with;
    uint8_t fails_kind; /* only calls about this kind; 0: any */
    bool read_only;     /* put and remove fail */
    long writes;        /* commits and removals that worked */
    long opened;        /* entries of the queue */
};

/* Whether a call fails before its effect. */
static inline int shelf_before(struct shelf *s, uint8_t kind)
{
    s->off = s->off || (s->cut_after && s->cut_at > 0 && s->calls >= s->cut_at);
    if (s->off) {
        return STS_ERR_IO;
    }
    if (kind != 0 && s->fails_kind != 0 && kind != s->fails_kind) {
        return STS_OK;
    }
    s->calls++;
    if (s->cut_at == s->calls && !s->cut_after) {
        s->off = true;
        return STS_ERR_IO;
    }
    return s->fails_at > 0 && s->calls >= s->fails_at && s->calls <= s->fails_to ? s->fails_with
                                                                                 : STS_OK;
}

/* Whether it seems to fail though it had its effect. */
static inline int shelf_after(struct shelf *s)
{
    if (s->cut_at == s->calls && s->cut_after) {
        s->off = true;
    }
    return s->off ? STS_ERR_IO : STS_OK;
}

static inline struct shelf_record *shelf_find(struct shelf *s, uint8_t kind, const char *key)
{
    for (size_t i = 0; i < SHELF_RECORDS; i++) {
        if (s->records[i].live && s->records[i].kind == kind &&
            strcmp(s->records[i].key, key) == 0) {
            return &s->records[i];
        }
    }
    return NULL;
}

static inline void shelf_kill(struct shelf_record *r)
{
    r->live = false;
    if (r->readers == 0) {
        free(r->bytes);
        memset(r, 0, sizeof *r);
    }
}

static inline size_t shelf_used(const struct shelf *s)
{
    size_t n = 0;

    for (size_t i = 0; i < SHELF_RECORDS; i++) {
        n += s->records[i].live ? s->records[i].len : 0;
    }
    return n;
}

static inline size_t shelf_count(const struct shelf *s, uint8_t kind)
{
    size_t n = 0;

    for (size_t i = 0; i < SHELF_RECORDS; i++) {
        n += s->records[i].live && s->records[i].kind == kind;
    }
    return n;
}

static inline int shelf_put(void *ctx, uint8_t kind, const char *key)
{
    struct shelf_handle *h = ctx;
    int e = h->shelf->read_only ? STS_ERR_IO : shelf_before(h->shelf, kind);

    CHECK(!h->writing && !h->walking && strlen(key) > 0 && strlen(key) < 254);
    if (e != STS_OK) {
        return e;
    }
    memset(&h->out, 0, sizeof h->out);
    h->out.kind = kind;
    strcpy(h->out.key, key);
    h->writing = true;
    return STS_OK;
}

static inline int shelf_write(void *ctx, const void *buf, size_t len)
{
    struct shelf_handle *h = ctx;
    int e = shelf_before(h->shelf, h->out.kind);

    CHECK(h->writing);
    if (e != STS_OK) {
        return e;
    }
    if (h->shelf->room > 0 && shelf_used(h->shelf) + h->out.len + len > h->shelf->room) {
        return STS_ERR_SPACE;
    }
    h->out.bytes = realloc(h->out.bytes, h->out.len + len + 1);
    CHECK(h->out.bytes != NULL);
    if (len > 0) {
        memcpy(h->out.bytes + h->out.len, buf, len);
    }
    h->out.len += len;
    return STS_OK;
}

static inline void shelf_abort(void *ctx)
{
    struct shelf_handle *h = ctx;

    CHECK(h->writing);
    free(h->out.bytes);
    h->out.bytes = NULL;
    h->writing = false;
}

static inline int shelf_commit(void *ctx)
{
    struct shelf_handle *h = ctx;
    struct shelf *s = h->shelf;
    struct shelf_record *old = shelf_find(s, h->out.kind, h->out.key);
    int e = shelf_before(s, h->out.kind);
    size_t i = 0;

    CHECK(h->writing);
    if (e != STS_OK) {
        shelf_abort(h);
        return e;
    }
    if (old != NULL) {
        shelf_kill(old);
    }
    while (i < SHELF_RECORDS && (s->records[i].live || s->records[i].readers > 0)) {
        i++;
    }
    CHECK(i < SHELF_RECORDS);
    s->records[i] = h->out;
    s->records[i].live = true;
    h->writing = false;
    s->writes++;
    return shelf_after(s);
}

static inline int shelf_get(void *ctx, uint8_t kind, const char *key)
{
    struct shelf_handle *h = ctx;
    int e = shelf_before(h->shelf, kind);

    CHECK(h->in == NULL);
    if (e != STS_OK) {
        return e;
    }
    h->shelf->opened += kind == STS_STORE_ENTRY;
    h->in = shelf_find(h->shelf, kind, key);
    h->at = 0;
    if (h->in == NULL) {
        return STS_ERR_ABSENT;
    }
    h->in->readers++;
    return STS_OK;
}

static inline int32_t shelf_read(void *ctx, void *buf, size_t len)
{
    struct shelf_handle *h = ctx;
    int e = shelf_before(h->shelf, h->in->kind);

    CHECK(h->in != NULL && len > 0);
    if (e != STS_OK) {
        return e;
    }
    len = len < h->in->len - h->at ? len : h->in->len - h->at;
    if (len > 0) {
        memcpy(buf, h->in->bytes + h->at, len);
    }
    h->at += len;
    return (int32_t)len;
}

static inline void shelf_done(void *ctx)
{
    struct shelf_handle *h = ctx;

    CHECK(h->in != NULL);
    h->in->readers--;
    if (h->in->readers == 0 && !h->in->live) {
        shelf_kill(h->in);
    }
    h->in = NULL;
}

static inline int shelf_remove(void *ctx, uint8_t kind, const char *key)
{
    struct shelf_handle *h = ctx;
    struct shelf_record *r = shelf_find(h->shelf, kind, key);
    int e = h->shelf->read_only ? STS_ERR_IO : shelf_before(h->shelf, kind);

    CHECK(!h->walking);
    if (e != STS_OK) {
        return e;
    }
    if (r == NULL) {
        return STS_ERR_ABSENT;
    }
    shelf_kill(r);
    h->shelf->writes++;
    return shelf_after(h->shelf);
}

static inline int shelf_iterate(void *ctx, uint8_t kind, bool (*each)(void *arg, const char *key),
                                void *arg)
{
    struct shelf_handle *h = ctx;
    int e = shelf_before(h->shelf, kind);

    CHECK(!h->walking);
    if (e != STS_OK) {
        return e;
    }
    h->walking = true;
    for (size_t i = 0; i < SHELF_RECORDS; i++) {
        struct shelf_record *r = &h->shelf->records[i];

        if (r->live && r->kind == kind && !each(arg, r->key)) {
            break;
        }
    }
    h->walking = false;
    return STS_OK;
}

static inline int shelf_claim(void *ctx, uint8_t kind, const char *key)
{
    struct shelf_handle *h = ctx;
    int e = shelf_before(h->shelf, 0);

    CHECK(!h->claiming);
    for (size_t i = 0; e == STS_OK && i < h->shelf->handles_count; i++) {
        struct shelf_handle *o = &h->shelf->handles[i];

        if (o->claiming && o->claim_kind == kind && strcmp(o->claim, key) == 0) {
            e = STS_BUSY;
        }
    }
    if (e == STS_OK) {
        h->claiming = true;
        h->claim_kind = kind;
        strcpy(h->claim, key);
    }
    return e;
}

static inline void shelf_release(void *ctx)
{
    struct shelf_handle *h = ctx;

    CHECK(h->claiming);
    h->claiming = false;
}

/* A handle. `shared`: with claims, as where several processes have one each. */
static inline struct sts_store shelf_open(struct shelf *s, bool shared)
{
    struct shelf_handle *h = &s->handles[s->handles_count++];

    CHECK(s->handles_count <= SHELF_HANDLES);
    memset(h, 0, sizeof *h);
    h->shelf = s;
    return (struct sts_store){h,
                              shelf_put,
                              shelf_write,
                              shelf_commit,
                              shelf_abort,
                              shelf_get,
                              shelf_read,
                              shelf_done,
                              shelf_remove,
                              shelf_iterate,
                              shared ? shelf_claim : NULL,
                              shared ? shelf_release : NULL};
}

/* The power comes back: what was open is gone, what was committed stays. */
static inline void shelf_restart(struct shelf *s)
{
    for (size_t i = 0; i < s->handles_count; i++) {
        struct shelf_handle *h = &s->handles[i];

        if (h->writing) {
            shelf_abort(h);
        }
        if (h->in != NULL) {
            shelf_done(h);
        }
    }
    s->handles_count = 0;
    s->off = s->read_only = false;
    s->cut_at = s->fails_at = s->calls = 0;
    s->fails_kind = 0;
}

static inline void shelf_empty(struct shelf *s)
{
    shelf_restart(s);
    for (size_t i = 0; i < SHELF_RECORDS; i++) {
        if (s->records[i].live) {
            shelf_kill(&s->records[i]);
        }
    }
    memset(s, 0, sizeof *s);
}

/* Calls n to m fail. */
static inline void shelf_fail(struct shelf *s, long n, long m, int with)
{
    s->calls = 0;
    s->fails_at = n;
    s->fails_to = m;
    s->fails_with = with;
}

/* Nothing is left open. */
static inline bool shelf_is_quiet(const struct shelf *s)
{
    for (size_t i = 0; i < s->handles_count; i++) {
        if (s->handles[i].in != NULL || s->handles[i].writing || s->handles[i].claiming) {
            return false;
        }
    }
    return true;
}

#endif
