/* SPDX-License-Identifier: MIT
 *
 * Trust anchors of any octets: as a table, as a table with a head and checksum that fit, as the one certificate in a
 * CA file, or as a CA file itself (the first octet says which). What opens is inside its bounds and in order; what is
 * built opens, and has each root of the file that can be read, with its key.
 */
#include "fuzz.h"

#include <stsmail/wolfssl.h>

#include "../../port/wolfssl/cert.h"

static bool inside(const struct sts_der *d, const uint8_t *from, const uint8_t *to)
{
    return d->at >= from && d->at <= d->end && d->end <= to;
}

static void root_is_sound(const struct sts_root *r, const uint8_t *from, const uint8_t *to)
{
    MUST(r->kind >= STS_ROOT_RSA && r->kind <= STS_ROOT_CERT && r->path <= STS_PATH_ANY);
    MUST(inside(&r->key_id, from, to) && inside(&r->key, from, to) && r->key.at < r->key.end);
}

/* Every root is found by its hash, at the place where the plainest search would find it. */
static void table_is_sound(const struct sts_table *t, const uint8_t *from, const uint8_t *to)
{
    const uint8_t *hash, *before = NULL;
    struct sts_root r, same;
    size_t n = 0;

    for (size_t i = 0; i < t->count; i++, before = hash) {
        MUST(sts_table_entry(t, i, &r, &hash));
        root_is_sound(&r, from, to);
        MUST(before == NULL || memcmp(before, hash, STS_TABLE_HASH) <= 0);
        n = before != NULL && memcmp(before, hash, STS_TABLE_HASH) == 0 ? n + 1 : 0;
        MUST(sts_table_find(t, hash, n, &same) && same.key.at == r.key.at && same.kind == r.kind);
    }
    MUST(!sts_table_entry(t, t->count, &r, NULL));
}

static void read_table(const uint8_t *data, size_t size)
{
    struct sts_table t;

    if (sts_table_open(&t, data, size) == STS_OK) {
        table_is_sound(&t, data, data + size);
    }
}

/* A fold of the octets: the same name has the same hash, and there are many of the rest. */
static int fold(const uint8_t *bytes, uint32_t len, uint8_t out[32])
{
    memset(out, 0, 32);
    for (uint32_t i = 0; i < len; i++) {
        out[i % 7] = (uint8_t)(out[i % 7] * 31 + bytes[i]);
    }
    return 0;
}

static void read_certificate(const uint8_t *data, size_t size)
{
    struct sts_cert cert;
    struct sts_root r;

    if (sts_root_read(&r, &cert, data, size) == STS_OK) {
        root_is_sound(&r, data, data + size);
        MUST(sts_identity_issues(&cert));
        MUST(r.kind == STS_ROOT_CERT || sts_der_equal(&cert.subject, &cert.issuer));
    }
}

/* As load() of the port would do: an entry for each block of the text that is a root. */
static void has_root(const struct sts_table *t, const struct sts_pem *b)
{
    uint8_t *der = malloc(b->size), hash[32];
    struct sts_cert cert;
    struct sts_root r, found;
    size_t len;

    MUST(der != NULL);
    if (sts_pem_copy(b, 0, b->size, der) == b->size &&
        sts_root_read(&r, &cert, der, b->size) == STS_OK && r.key_id.end - r.key_id.at <= 255) {
        fold(cert.subject.at, (uint32_t)(cert.subject.end - cert.subject.at), hash);
        len = (size_t)(r.key.end - r.key.at);
        for (size_t n = 0;; n++) {
            MUST(sts_table_find(t, hash, n, &found));
            if (found.kind == r.kind && found.path == r.path && sts_der_equal(&found.key, &r.key) &&
                sts_der_equal(&found.key_id, &r.key_id) && len > 0) {
                break;
            }
        }
    }
    free(der);
}

static void build(const char *text, size_t size)
{
    uint8_t *out = malloc(size + STS_TABLE_HEAD);
    const char *at = text;
    struct sts_wolfssl_made made;
    struct sts_table t;
    struct sts_pem b;
    int result;

    MUST(out != NULL);
    result = sts_table_build(text, size, out, size + STS_TABLE_HEAD, fold, &made);
    MUST(result == STS_ERR_CONFIG || result == (int)made.roots);
    MUST(made.size <= size + STS_TABLE_HEAD && (made.bad == NULL) == (made.unreadable == 0));
    MUST(sts_table_open(&t, out, made.size) == STS_OK && t.count == made.roots);
    table_is_sound(&t, out, out + made.size);
    while (sts_pem_next(&at, text + size, &b)) {
        has_root(&t, &b);
    }
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = exact(size > 0 ? data + 1 : data, size > 0 ? size - 1 : 0);

    size -= size > 0;
    switch (size > 0 ? data[0] % 4 : 0) {
    case 0: read_table(copy, size); break;
    case 1:
        if (size >= STS_TABLE_HEAD) {
            sts_table_seal(copy, (size_t)copy[6] % 64, size);
            read_table(copy, size);
        }
        break;
    case 2: read_certificate(copy, size); break;
    default: build((const char *)copy, size); break;
    }
    free(copy);
    return 0;
}
