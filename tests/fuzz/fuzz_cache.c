/* SPDX-License-Identifier: MIT
 *
 * Arbitrary records in the store, read by the cache. First octet of the input: what for; the
 * rest: the record's octets.
 *
 * A policy that is read must be one that a put of ours would have written in just these octets
 * (but for the id's padding and what a build with larger limits kept beyond ours): whatever lies
 * in the store, no policy comes to life that was not written whole. The same octets in pieces
 * give the same. No wait is longer than five minutes.
 */
#include <stdlib.h>
#include <string.h>

#include <stsmail/engine/cache.h>

#define MUST(x)                                                                                    \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A store of one record, under any key, read in pieces of `piece`; writing is kept in `out`. And of a mark, if there is one; a
 * mark that is written is not kept. */
static struct {
    const uint8_t *bytes, *from;
    size_t len, from_len, at, piece;
    bool marked, marking;
    uint8_t out[200000];
    size_t out_len;
    bool open, writing, committed;
} one;

static int one_put(void *c, uint8_t kind, const char *key)
{
    (void)c, (void)key;
    MUST(!one.writing);
    one.writing = true;
    one.marking = kind == STS_STORE_MARK;
    if (one.marking) {
        return STS_OK;
    }
    one.committed = false;
    one.out_len = 0;
    return STS_OK;
}
static int one_write(void *c, const void *buf, size_t len)
{
    (void)c;
    MUST(one.writing);
    if (one.marking) {
        return STS_OK;
    }
    if (len > sizeof one.out - one.out_len) {
        return STS_ERR_SPACE;
    }
    memcpy(one.out + one.out_len, buf, len);
    one.out_len += len;
    return STS_OK;
}
static int one_commit(void *c)
{
    (void)c;
    MUST(one.writing);
    one.writing = false;
    one.committed = one.committed || !one.marking;
    return STS_OK;
}
static void one_abort(void *c)
{
    (void)c;
    one.writing = false;
}
static int one_get(void *c, uint8_t kind, const char *key)
{
    (void)c, (void)key;
    MUST(!one.open);
    if (kind == STS_STORE_MARK && !one.marked) {
        return STS_ERR_ABSENT;
    }
    one.open = true;
    one.at = 0;
    one.from = kind == STS_STORE_MARK ? (const uint8_t *)"\1example.org" : one.bytes;
    one.from_len = kind == STS_STORE_MARK ? 13 : one.len;
    return STS_OK;
}
static int32_t one_read(void *c, void *buf, size_t len)
{
    size_t n = one.from_len - one.at;

    (void)c;
    MUST(one.open);
    n = n < len ? n : len;
    n = n < one.piece ? n : one.piece;
    memcpy(buf, one.from + one.at, n);
    one.at += n;
    return (int32_t)n;
}
static void one_done(void *c)
{
    (void)c;
    one.open = false;
}
static int one_remove(void *c, uint8_t kind, const char *key)
{
    (void)c, (void)kind, (void)key;
    return STS_OK;
}
static int one_iterate(void *c, uint8_t kind, bool (*each)(void *, const char *), void *arg)
{
    (void)c, (void)kind;
    each(arg, "example.org");
    return STS_OK;
}

static const struct sts_store store = {
    NULL,     one_put,  one_write,  one_commit,  one_abort, one_get,
    one_read, one_done, one_remove, one_iterate, NULL,      NULL,
};

/* Octets of a policy's record before the domain. */
#define HEAD_SIZE (3 + 4 * 8 + STS_ID_SIZE)

static struct sts_policy a, b;

/* Whether the policy is one that can be: whole patterns, and as many as it says. */
static void check_policy(const struct sts_policy *p, const struct sts_cached *info)
{
    size_t ends = 0;

    MUST(p->mode <= STS_MODE_ENFORCE && p->mode == info->mode);
    MUST(p->max_age_s <= STS_MAX_AGE_MAX && p->max_age_s == info->max_age_s);
    MUST(p->mx_len <= sizeof p->mx && p->cut >= info->cut);
    MUST(info->id[STS_ID_SIZE - 1] == '\0' && info->fetched_at >= 0);
    for (size_t i = 0; i < p->mx_len; i++) {
        MUST(p->mx[i] != '\0' || (i > 0 && p->mx[i - 1] != '\0'));
        ends += p->mx[i] == '\0';
    }
    MUST(ends == p->mx_count && (p->mx_len == 0 || p->mx[p->mx_len - 1] == '\0'));
}

/* What put writes for this policy, compared with what was read. */
static void check_written(const char *domain, const struct sts_cached *info)
{
    const struct sts_time now = {.utc_s = info->fetched_at, .trust = STS_CLOCK_OWNER};
    size_t id_at, id_len = strlen(info->id);

    if (a.cut && a.mx_len < one.len - HEAD_SIZE - (strlen(domain) + 1)) {
        return; /* cut by this build, be it for the second time */
    }
    MUST(sts_cache_put(&store, domain, info->id, &a, &now, NULL) == STS_OK && one.committed);
    MUST(one.out_len == one.len);
    id_at = one.len - a.mx_len - (strlen(domain) + 1) - STS_ID_SIZE;
    for (size_t i = 0; i < one.len; i++) {
        bool used = i >= 19 && i < 27; /* the last use need not be the fetch */

        if (!used && (i < id_at + id_len || i >= id_at + STS_ID_SIZE)) {
            MUST(one.out[i] == one.bytes[i]);
        }
    }
}

static void fuzz_policy(void)
{
    static const char domain[] = "example.org";
    struct sts_cached info, again;
    struct sts_time now = {.utc_s = 1790000000, .trust = STS_CLOCK_NETWORK};
    char due[STS_NAME_SIZE];
    int e, f;

    one.piece = SIZE_MAX;
    e = sts_cache_peek(&store, domain, &a, &info);
    one.piece = 1;
    f = sts_cache_peek(&store, domain, &b, &again);
    MUST(e == f && (e == STS_OK || e == STS_ERR_ABSENT) && !one.open);
    if (e == STS_OK) {
        check_policy(&a, &info);
        MUST(a.mx_len == b.mx_len && memcmp(a.mx, b.mx, a.mx_len) == 0 && a.cut == b.cut);
        MUST(strcmp(info.id, again.id) == 0 && info.fetched_at == again.fetched_at);
        check_written(domain, &info);
    }
    MUST(sts_cache_peek(&store, "example.com", &b, &again) == STS_ERR_ABSENT || e != STS_OK);

    /* A mark beside it is said to be without its policy where there is none, and only there (F06, P26). */
    one.marked = true;
    e = sts_cache_peek(&store, domain, NULL, &info); /* its head is looked at */
    f = sts_cache_gone(&store, domain, &now);
    MUST((f == STS_EVENT_CACHE_LOST) == (e != STS_OK) && !one.open);
    MUST(f != STS_EVENT_POLICY_LAPSED || info.mode == STS_MODE_ENFORCE);
    MUST(f == STS_OK || f == STS_EVENT_CACHE_LOST ||
         sts_cache_get(&store, domain, &now, NULL, &again) == STS_ERR_ABSENT);
    one.marked = false;
    f = sts_cache_next_due(&store, 1, &now, due);
    MUST((f == STS_OK || f == STS_ERR_ABSENT) && !one.open);

    one.piece = 7;
    f = sts_cache_get(&store, domain, &now, NULL, &again);
    if (f == STS_OK) {
        (void)sts_cache_refresh_due(&again, domain, 1, &now);
    }
    one.committed = false;
    f = sts_cache_touch(&store, domain, &now);
    MUST((f == STS_OK || f == STS_ERR_ABSENT) && !one.open && !one.writing);
    if (one.committed) { /* all is as it was but for the mark */
        MUST(one.out_len == one.len && memcmp(one.out + 27, one.bytes + 27, one.len - 27) == 0);
        MUST(memcmp(one.out, one.bytes, 19) == 0);
    }
}

static void fuzz_waits(int64_t utc_s)
{
    struct sts_time now = {.utc_s = utc_s, .trust = STS_CLOCK_NETWORK};

    one.piece = 5;
    MUST(sts_cache_wait_s(&store, "example.org", "1", &now) <= 300);
    MUST(sts_cache_failed(&store, "example.org", "1", &now) == STS_OK && one.committed);
    one.bytes = one.out;
    one.len = one.out_len;
    MUST(sts_cache_wait_s(&store, "example.org", "1", &now) == 300);
    MUST(sts_cache_failures(&store, "example.org") > 0);
    MUST(sts_cache_wait_s(&store, "example.org", "2", &now) <= 300 && !one.open);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 150000) {
        return 0;
    }
    one.bytes = data + 1;
    one.len = size - 1;
    one.open = one.writing = one.committed = one.marked = false;
    if (data[0] & 1) {
        fuzz_waits(1790000000 + data[0] / 2);
    } else {
        fuzz_policy();
    }
    return 0;
}
