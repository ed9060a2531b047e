/* SPDX-License-Identifier: MIT
 *
 * struct sts_store in an array: records one after another, the newest last. What is replaced or
 * removed is only marked; when room is short, what lives moves down over it. A record that is being
 * read is kept, marked or not, so that its reader goes on seeing it.
 */
#include <string.h>

#include <stsmail/ram_store.h>

#define NONE    SIZE_MAX
#define KEY_MAX 253

enum state {
    DEAD,
    LIVE,
    WRITING,
};

/* Before each record; then the key with its NUL, then the bytes. Copied in and out: the array may
 * stand at any address. */
struct head {
    uint8_t kind, key_len, state, unused;
    uint32_t len;
};

static struct head head_at(const struct sts_ram_store *r, size_t at)
{
    struct head h;

    memcpy(&h, r->bytes + at, sizeof h);
    return h;
}

static void set_head(struct sts_ram_store *r, size_t at, const struct head *h)
{
    memcpy(r->bytes + at, h, sizeof *h);
}

static void set_state(struct sts_ram_store *r, size_t at, uint8_t state)
{
    struct head h = head_at(r, at);

    h.state = state;
    set_head(r, at, &h);
}

static size_t body_at(const struct head *h)
{
    return sizeof *h + h->key_len + 1u;
}
static size_t record_size(const struct head *h)
{
    return body_at(h) + h->len;
}
static char *key_at(const struct sts_ram_store *r, size_t at)
{
    return (char *)r->bytes + at + sizeof(struct head);
}

/* Kinds are small letters: enum sts_store_kind. */
static bool kind_valid(uint8_t kind)
{
    return kind >= 'a' && kind <= 'z';
}

/* Length of a key; 0 if it is none. */
static size_t key_length(uint8_t kind, const char *key)
{
    size_t len = 0;

    if (!kind_valid(kind) || key == NULL) {
        return 0;
    }
    while (len <= KEY_MAX && key[len] != '\0') {
        len++;
    }
    return len > KEY_MAX ? 0 : len;
}

static size_t find(const struct sts_ram_store *r, uint8_t kind, const char *key, size_t key_len)
{
    for (size_t at = 0; at < r->used;) {
        struct head h = head_at(r, at);

        if (h.state == LIVE && h.kind == kind && h.key_len == key_len &&
            memcmp(key_at(r, at), key, key_len) == 0) {
            return at;
        }
        at += record_size(&h);
    }
    return NONE;
}

/* Moves everything that is still wanted down to the start. */
static void compact(struct sts_ram_store *r)
{
    size_t to = 0, next;

    for (size_t at = 0; at < r->used; at = next) {
        struct head h = head_at(r, at);

        next = at + record_size(&h);
        if (h.state == DEAD && at != r->in) {
            continue;
        }
        memmove(r->bytes + to, r->bytes + at, next - at);
        r->in = r->in == at ? to : r->in;
        r->out = r->out == at ? to : r->out;
        to += next - at;
    }
    r->used = to;
}

/* Room for len more bytes at the end. */
static bool make_room(struct sts_ram_store *r, size_t len)
{
    if (len > r->size - r->used) {
        compact(r);
    }
    return len <= r->size - r->used;
}

static int store_put(void *ctx, uint8_t kind, const char *key)
{
    struct sts_ram_store *r = ctx;
    struct head h = {.kind = kind, .state = WRITING};
    size_t len = key_length(kind, key);

    if (len == 0) {
        return STS_ERR_ARG;
    }
    if (r->out != NONE) {
        return STS_ERR_STATE;
    }
    h.key_len = (uint8_t)len;
    if (!make_room(r, record_size(&h))) {
        return STS_ERR_SPACE;
    }
    r->out = r->used;
    r->out_error = STS_OK;
    r->used += record_size(&h);
    set_head(r, r->out, &h);
    memcpy(key_at(r, r->out), key, len + 1);
    return STS_OK;
}

static int store_write(void *ctx, const void *buf, size_t len)
{
    struct sts_ram_store *r = ctx;
    struct head h;

    if (r->out == NONE) {
        return STS_ERR_STATE;
    }
    if (r->out_error == STS_OK && !make_room(r, len)) {
        r->out_error = STS_ERR_SPACE;
    }
    if (r->out_error == STS_OK && len > 0) {
        h = head_at(r, r->out);
        h.len += (uint32_t)len;
        set_head(r, r->out, &h);
        memcpy(r->bytes + r->used, buf, len);
        r->used += len;
    }
    return r->out_error;
}

static void store_abort(void *ctx)
{
    struct sts_ram_store *r = ctx;

    if (r->out != NONE) {
        r->used = r->out; /* it is the last */
        r->out = NONE;
    }
}

static int store_commit(void *ctx)
{
    struct sts_ram_store *r = ctx;
    struct head h;
    size_t old;

    if (r->out == NONE) {
        return STS_ERR_STATE;
    }
    if (r->out_error != STS_OK) {
        store_abort(r);
        return r->out_error;
    }
    h = head_at(r, r->out);
    old = find(r, h.kind, key_at(r, r->out), h.key_len);
    if (old != NONE) {
        set_state(r, old, DEAD);
    }
    set_state(r, r->out, LIVE);
    r->out = NONE;
    return STS_OK;
}

static int store_get(void *ctx, uint8_t kind, const char *key)
{
    struct sts_ram_store *r = ctx;
    size_t len = key_length(kind, key), at;

    if (len == 0) {
        return STS_ERR_ARG;
    }
    if (r->in != NONE) {
        return STS_ERR_STATE;
    }
    at = find(r, kind, key, len);
    if (at == NONE) {
        return STS_ERR_ABSENT;
    }
    r->in = at;
    r->in_at = 0;
    return STS_OK;
}

static int32_t store_read(void *ctx, void *buf, size_t len)
{
    struct sts_ram_store *r = ctx;
    struct head h;

    if (r->in == NONE) {
        return STS_ERR_STATE;
    }
    h = head_at(r, r->in);
    if (len > h.len - r->in_at) {
        len = h.len - r->in_at;
    }
    len = len > INT32_MAX ? INT32_MAX : len;
    if (len > 0) {
        memcpy(buf, r->bytes + r->in + body_at(&h) + r->in_at, len);
        r->in_at += len;
    }
    return (int32_t)len;
}

static void store_done(void *ctx)
{
    struct sts_ram_store *r = ctx;

    r->in = NONE;
}

static int store_remove(void *ctx, uint8_t kind, const char *key)
{
    struct sts_ram_store *r = ctx;
    size_t len = key_length(kind, key), at;

    if (len == 0) {
        return STS_ERR_ARG;
    }
    at = find(r, kind, key, len);
    if (at == NONE) {
        return STS_ERR_ABSENT;
    }
    set_state(r, at, DEAD);
    return STS_OK;
}

static int store_iterate(void *ctx, uint8_t kind, bool (*each)(void *arg, const char *key),
                         void *arg)
{
    struct sts_ram_store *r = ctx;

    if (key_length(kind, "-") == 0 || each == NULL) {
        return STS_ERR_ARG;
    }
    for (size_t at = 0; at < r->used;) {
        struct head h = head_at(r, at);

        if (h.state == LIVE && h.kind == kind && !each(arg, key_at(r, at))) {
            break;
        }
        at += record_size(&h); /* `each` only reads: nothing has moved */
    }
    return STS_OK;
}

void sts_ram_store_init(struct sts_ram_store *r, void *memory, size_t size, struct sts_store *out)
{
    *r = (struct sts_ram_store){.bytes = memory, .size = size, .in = NONE, .out = NONE};
    *out = (struct sts_store){
        .ctx = r,
        .put = store_put,
        .write = store_write,
        .commit = store_commit,
        .abort = store_abort,
        .get = store_get,
        .read = store_read,
        .done = store_done,
        .remove = store_remove,
        .iterate = store_iterate,
    };
}
