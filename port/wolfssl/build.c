/* SPDX-License-Identifier: MIT
 *
 * Makes the table of trust anchors (cert.h) of a CA file, in place: a certificate is decoded where its data will be.
 */
#include "cert.h"

#include <string.h>

#include <stsmail/wolfssl.h>

struct work {
    uint8_t *index; /* entries, sorted */
    uint8_t *data;  /* behind room for as many as there may be */
    size_t used;    /* octets of data */
    size_t room;
    size_t most; /* entries that there is room for */
    sts_sha256 *sha256;
    struct sts_wolfssl_made *made;
};

static void put(uint8_t *p, uint32_t n, int octets)
{
    for (int i = 0; i < octets; i++, n >>= 8) {
        p[i] = (uint8_t)n;
    }
}

static uint32_t clamp(int64_t seconds)
{
    return seconds < 0 ? 0 : seconds > (int64_t)UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;
}

static uint8_t *entry(const struct work *w, size_t i)
{
    return w->index + i * STS_TABLE_ENTRY;
}

static size_t length(struct sts_der d)
{
    return (size_t)(d.end - d.at);
}

/* All but the place of the data are the same, and the data. */
static bool same(const struct work *w, const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t at = a[28] | (size_t)a[29] << 8 | (size_t)a[30] << 16;

    return memcmp(a, b, 28) == 0 && memcmp(a + 31, b + 31, STS_TABLE_ENTRY - 31) == 0 &&
           memcmp(w->data + at, w->data + w->used, len) == 0;
}

/* Behind those of the same subject, unless it is one of them. */
static void insert(struct work *w, const uint8_t *fresh, size_t len)
{
    size_t at = 0, count = w->made->roots;
    int order = -1;

    for (; at < count && (order = memcmp(entry(w, at), fresh, STS_TABLE_HASH)) <= 0; at++) {
        if (order == 0 && same(w, entry(w, at), fresh, len)) {
            w->made->duplicates++;
            return;
        }
    }
    memmove(entry(w, at + 1), entry(w, at), (count - at) * STS_TABLE_ENTRY);
    memcpy(entry(w, at), fresh, STS_TABLE_ENTRY);
    w->made->roots++;
    w->used += len;
}

static void add(struct work *w, const struct sts_root *r, const uint8_t *hash)
{
    uint8_t fresh[STS_TABLE_ENTRY], id[UINT8_MAX];
    size_t key_len = length(r->key), id_len = length(r->key_id);

    memcpy(fresh, hash, STS_TABLE_HASH);
    put(fresh + 20, clamp(r->from_s), 4);
    put(fresh + 24, clamp(r->until_s), 4);
    put(fresh + 28, (uint32_t)w->used, 3);
    put(fresh + 31, (uint32_t)key_len, 2);
    fresh[33] = (uint8_t)id_len;
    fresh[34] = r->kind;
    fresh[35] = r->path;
    memcpy(id, r->key_id.at, id_len); /* both lie where they are going to be written */
    memmove(w->data + w->used + id_len, r->key.at, key_len);
    memcpy(w->data + w->used, id, id_len);
    insert(w, fresh, id_len + key_len);
}

static int take(struct work *w, const struct sts_pem *b)
{
    uint8_t *der = w->data + w->used, hash[32];
    struct sts_cert cert;
    struct sts_root root;
    int error;

    if (b->size > w->room - w->used || w->used > 0xffffff || w->made->roots == w->most) {
        return STS_ERR_SPACE;
    }
    if (sts_pem_copy(b, 0, b->size, der) != b->size) {
        return STS_ERR_SYNTAX;
    }
    error = sts_root_read(&root, &cert, der, b->size);
    if (error != STS_OK) {
        return error;
    }
    if (length(root.key_id) > UINT8_MAX || length(root.key) > UINT16_MAX) {
        return STS_ERR_CERT_TRUST;
    }
    if (w->sha256(cert.subject.at, (uint32_t)length(cert.subject), hash) != 0) {
        return STS_ERR_SPACE;
    }
    add(w, &root, hash);
    return STS_OK;
}

static void unreadable(struct work *w, const char *begin)
{
    w->made->unreadable++;
    w->made->bad = w->made->bad != NULL ? w->made->bad : begin;
}

/* Takes the next certificate; what stands before it and is none is counted. */
static bool step(struct work *w, const char **at, const char *end, int *error)
{
    const char *begin = sts_pem_begin(*at, end), *next;
    struct sts_pem b;
    bool found = sts_pem_next(at, end, &b);

    while (begin != NULL && (next = sts_pem_begin(begin + 1, found ? b.text : end)) != NULL) {
        unreadable(w, begin);
        begin = next;
    }
    if (!found) {
        if (begin != NULL) {
            unreadable(w, begin);
        }
        return false;
    }
    *error = take(w, &b);
    if (*error == STS_ERR_SYNTAX) {
        unreadable(w, begin);
    }
    w->made->unfit += *error == STS_ERR_CERT_TRUST;
    return *error != STS_ERR_SPACE;
}

static size_t count(const char *at, const char *end)
{
    struct sts_pem b;
    size_t n = 0;

    while (n < UINT16_MAX && sts_pem_next(&at, end, &b)) {
        n++;
    }
    return n;
}

int sts_table_build(const char *pem, size_t len, void *out, size_t size, sts_sha256 *sha256,
                    struct sts_wolfssl_made *made)
{
    const char *at = pem, *end = pem + len;
    struct work w = {.most = count(at, end), .sha256 = sha256, .made = made};
    size_t head = STS_TABLE_HEAD + w.most * STS_TABLE_ENTRY;
    int error = STS_OK;

    *made = (struct sts_wolfssl_made){0};
    if (size < head) {
        return STS_ERR_SPACE;
    }
    w.index = (uint8_t *)out + STS_TABLE_HEAD;
    w.data = (uint8_t *)out + head;
    w.room = size - head;
    while (step(&w, &at, end, &error)) {
    }
    if (error == STS_ERR_SPACE) {
        return STS_ERR_SPACE;
    }
    memmove(entry(&w, made->roots), w.data, w.used);
    made->size = STS_TABLE_HEAD + made->roots * STS_TABLE_ENTRY + w.used;
    sts_table_seal(out, made->roots, made->size);
    return made->roots > 0 ? (int)made->roots : STS_ERR_CONFIG;
}
