/* SPDX-License-Identifier: MIT
 *
 * core/cache over a store in RAM, seen through a store that can fail, dribble and confuse keys.
 */
#ifndef STS_TEST_SMALL
#define _GNU_SOURCE 1
#endif
#include "test.h"

#include <stsmail/engine/cache.h>
#include <stsmail/engine/text.h>
#include <stsmail/ram_store.h>

#define T0  INT64_C(1790000000) /* some day in 2026 */
#define DAY 86400
#define P   STS_STORE_POLICY
#define W   STS_STORE_WAIT

/* ---- a store to look through -------------------------------------------------------------- */

static uint8_t memory[STS_CACHE_MAX * 360 + 4 * STS_POLICY_MX_SIZE + 4000];
static struct sts_ram_store ram;
static struct sts_store inner;

static struct {
    unsigned calls, fail_at; /* the call that fails; 0: none */
    int error;               /* of those that write */
    bool for_good;           /* and all after it */
    bool collide;            /* all keys are one */
    bool get_only;           /* only get fails */
    bool stolen;             /* another process removes each record just before we do */
    bool dribble;            /* reads one byte at a time */
    unsigned puts;
} lens;

static int fault(int error)
{
    lens.calls++;
    if (lens.fail_at == 0 || lens.calls < lens.fail_at) {
        return STS_OK;
    }
    return lens.calls == lens.fail_at || lens.for_good ? error : STS_OK;
}

static const char *seen_key(const char *key)
{
    return lens.collide ? "same" : key;
}

static int lens_put(void *c, uint8_t kind, const char *key)
{
    int e = fault(lens.error);

    lens.puts++;
    return e != STS_OK ? e : inner.put(c, kind, seen_key(key));
}
static int lens_write(void *c, const void *buf, size_t len)
{
    int e = fault(lens.error);

    return e != STS_OK ? e : inner.write(c, buf, len);
}
static int lens_commit(void *c)
{
    int e = fault(lens.error);

    if (e != STS_OK) {
        inner.abort(c);
    }
    return e != STS_OK ? e : inner.commit(c);
}
static void lens_abort(void *c)
{
    inner.abort(c);
}
static int lens_get(void *c, uint8_t kind, const char *key)
{
    int e = fault(STS_ERR_IO);

    return e != STS_OK ? e : inner.get(c, kind, seen_key(key));
}
static int32_t lens_read(void *c, void *buf, size_t len)
{
    int e = fault(STS_ERR_IO);

    return e != STS_OK ? e : inner.read(c, buf, lens.dribble && len > 1 ? 1 : len);
}
static void lens_done(void *c)
{
    inner.done(c);
}
static int lens_remove(void *c, uint8_t kind, const char *key)
{
    int e = lens.get_only ? STS_OK : fault(STS_ERR_IO);

    if (e == STS_OK) {
        e = inner.remove(c, kind, seen_key(key));
    }
    return lens.stolen ? STS_ERR_ABSENT : e;
}
static int lens_iterate(void *c, uint8_t kind, bool (*each)(void *, const char *), void *arg)
{
    int e = fault(STS_ERR_IO);

    return e != STS_OK ? e : inner.iterate(c, kind, each, arg);
}

static struct sts_store store = {
    &ram,      lens_put,  lens_write,  lens_commit,  lens_abort, lens_get,
    lens_read, lens_done, lens_remove, lens_iterate, NULL,       NULL,
};
static const struct sts_store *const s = &store;

static char said[400];
static unsigned lines;
static void log_line(void *ctx, int kind, const char *text, size_t len)
{
    (void)ctx;
    CHECK(kind == STS_LOG_WARNING && len < sizeof said);
    memcpy(said, text, len);
    said[len] = '\0';
    lines++;
}
static const struct sts_log to_said = {NULL, log_line};

static void fresh(void)
{
    memset(&lens, 0, sizeof lens);
    lens.error = STS_ERR_IO;
    lines = 0;
    sts_ram_store_init(&ram, memory, sizeof memory, &inner);
}

/* ---- helpers ------------------------------------------------------------------------------ */

static struct sts_policy policy, got;
static struct sts_cached info;

static struct sts_time at(int64_t utc_s)
{
    return (struct sts_time){.utc_s = utc_s, .trust = STS_CLOCK_NETWORK};
}

static const struct sts_time unset = {.utc_s = 2 * T0, .trust = STS_CLOCK_UNSET};

static const struct sts_policy *make(int mode, uint32_t max_age, const char *mx, size_t len)
{
    memset(&policy, 0, sizeof policy);
    policy.mode = (uint8_t)mode;
    policy.max_age_s = max_age;
    memcpy(policy.mx, mx, len);
    policy.mx_len = (uint32_t)len;
    for (size_t i = 0; i < len; i++) {
        policy.mx_count = (uint16_t)(policy.mx_count + (mx[i] == '\0'));
    }
    return &policy;
}

static const struct sts_policy *plain(int mode, uint32_t max_age)
{
    return make(mode, max_age, "mx.example.org\0*.example.net", 29);
}

static int put_at(const char *domain, const char *id, int mode, uint32_t max_age, int64_t when)
{
    struct sts_time now = at(when);

    return sts_cache_put(s, domain, id, plain(mode, max_age), &now, &to_said);
}

static int get_at(const char *domain, int64_t when)
{
    struct sts_time now = at(when);

    memset(&got, 0xaa, sizeof got);
    memset(&info, 0xaa, sizeof info);
    return sts_cache_get(s, domain, &now, &got, &info);
}

static int touch_at(const char *domain, int64_t when)
{
    struct sts_time now = at(when);

    return sts_cache_touch(s, domain, &now);
}

static int fail_at(const char *domain, const char *id, int64_t when)
{
    struct sts_time now = at(when);

    return sts_cache_failed(s, domain, id, &now);
}

static uint32_t wait_at(const char *domain, const char *id, int64_t when)
{
    struct sts_time now = at(when);

    return sts_cache_wait_s(s, domain, id, &now);
}

static bool same_policy(const struct sts_policy *a, const struct sts_policy *b)
{
    return a->mode == b->mode && a->cut == b->cut && a->mx_count == b->mx_count &&
           a->max_age_s == b->max_age_s && a->mx_len == b->mx_len &&
           memcmp(a->mx, b->mx, a->mx_len) == 0;
}

/* The octets of a record, and back. */
static uint8_t raw[2 * STS_POLICY_MX_SIZE + 2000];
static size_t raw_len;

static void read_raw(uint8_t kind, const char *key)
{
    int32_t n;

    raw_len = 0;
    CHECK(inner.get(&ram, kind, key) == STS_OK);
    while ((n = inner.read(&ram, raw + raw_len, sizeof raw - raw_len)) > 0) {
        raw_len += (size_t)n;
    }
    inner.done(&ram);
}

static void write_raw(uint8_t kind, const char *key, const void *bytes, size_t len)
{
    CHECK(inner.put(&ram, kind, key) == STS_OK);
    CHECK(inner.write(&ram, bytes, len) == STS_OK);
    CHECK(inner.commit(&ram) == STS_OK);
}

static bool count_one(void *arg, const char *key)
{
    (void)key;
    ++*(unsigned *)arg;
    return true;
}

static unsigned count(uint8_t kind)
{
    unsigned n = 0;

    CHECK(inner.iterate(&ram, kind, count_one, &n) == STS_OK);
    return n;
}

static char *name_of(int i)
{
    static char domain[] = "d00000.example";

    for (int d = 5, n = i; d >= 1; d--, n /= 10) {
        domain[d] = (char)('0' + n % 10);
    }
    return domain;
}

/* ---- keeping ------------------------------------------------------------------------------ */

TEST(a_policy_comes_back_as_it_was_put)
{
    static const char ids[][STS_ID_SIZE] = {"", "1", "20260528",
                                            "abcdefghijklmnopqrstuvwxyz012345"};

    fresh();
    CHECK(get_at("example.org", T0) == STS_ERR_ABSENT);
    for (int mode = STS_MODE_NONE; mode <= STS_MODE_ENFORCE; mode++) {
        for (size_t i = 0; i < 4; i++) {
            struct sts_time now = at(T0);

            plain(mode, 604800);
            if (mode == STS_MODE_NONE) {
                make(mode, 604800, "", 0);
            }
            policy.cut = i == 1;
            CHECK(sts_cache_put(s, "example.org", ids[i], &policy, &now, NULL) == STS_OK);
            for (int d = 0; d < 2; d++) {
                lens.dribble = d; /* in whatever pieces the store gives */
                CHECK(get_at("example.org", T0 + 5) == STS_OK);
                CHECK(same_policy(&got, &policy));
                CHECK(strcmp(info.id, ids[i]) == 0 && info.mode == mode && info.cut == (i == 1));
                CHECK(info.max_age_s == 604800 && info.fetched_at == T0 && info.used_at == T0);
            }
        }
    }
    CHECK(count(P) == 1);
}

TEST(a_policy_that_fills_the_build_comes_back_whole)
{
    struct sts_time now = at(T0);

    fresh();
    make(STS_MODE_ENFORCE, 1000, "", 0);
    memset(policy.mx, 'a', sizeof policy.mx);
    for (size_t i = 1; i < sizeof policy.mx; i += 2) {
        policy.mx[i] = '\0';
        policy.mx_count++;
    }
    policy.mx_len = sizeof policy.mx;
    CHECK(sts_cache_put(s, "example.org", "1", &policy, &now, NULL) == STS_OK);
    CHECK(get_at("example.org", T0) == STS_OK && same_policy(&got, &policy));
}

TEST(the_head_alone_is_read_where_no_policy_is_asked_for)
{
    struct sts_time now = at(T0);
    unsigned calls;

    fresh();
    CHECK(put_at("example.org", "1", STS_MODE_ENFORCE, 100, T0) == STS_OK);
    lens.calls = 0;
    CHECK(sts_cache_get(s, "example.org", &now, NULL, &info) == STS_OK);
    CHECK(info.mode == STS_MODE_ENFORCE && strcmp(info.id, "1") == 0);
    calls = lens.calls;
    CHECK(get_at("example.org", T0) == STS_OK && lens.calls > 2 * calls - 2);
}

TEST(peek_gives_what_is_expired_too)
{
    fresh();
    CHECK(put_at("example.org", "7", STS_MODE_TESTING, 10, T0) == STS_OK);
    CHECK(get_at("example.org", T0 + 11) == STS_ERR_ABSENT);
    CHECK(sts_cache_peek(s, "example.org", &got, &info) == STS_OK);
    CHECK(same_policy(&got, &policy) && strcmp(info.id, "7") == 0);
    CHECK(sts_cache_peek(s, "example.com", &got, &info) == STS_ERR_ABSENT);
}

TEST(drop_drops_once)
{
    fresh();
    CHECK(put_at("example.org", "1", STS_MODE_ENFORCE, 100, T0) == STS_OK);
    CHECK(sts_cache_drop(s, "example.org") == STS_OK);
    CHECK(sts_cache_drop(s, "example.org") == STS_ERR_ABSENT);
    CHECK(get_at("example.org", T0) == STS_ERR_ABSENT);
}

TEST(without_a_store_nothing_is_held_and_nothing_fails)
{
    struct sts_time now = at(T0);

    plain(STS_MODE_ENFORCE, 100);
    CHECK(sts_cache_put(NULL, "example.org", "1", &policy, &now, NULL) == STS_OK);
    CHECK(sts_cache_get(NULL, "example.org", &now, &got, &info) == STS_ERR_ABSENT);
    CHECK(sts_cache_peek(NULL, "example.org", NULL, &info) == STS_ERR_ABSENT);
    CHECK(sts_cache_touch(NULL, "example.org", &now) == STS_OK);
    CHECK(sts_cache_drop(NULL, "example.org") == STS_ERR_ABSENT);
    CHECK(sts_cache_wait_s(NULL, "example.org", "1", &now) == 0);
    CHECK(sts_cache_failed(NULL, "example.org", "1", &now) == STS_OK);
    CHECK(sts_cache_fetched(NULL, "example.org") == STS_OK);
}

/* F13: one key a domain. Other spellings are refused; they neither make an entry nor say
 * "absent". */
TEST(f13_other_spellings_of_a_domain_are_refused)
{
    static const char *const bad[] = {"Example.org", "example.orG",  "example.org.", "",      ".",
                                      "a..b",        "b\xc3\xbc.de", "a b",          "a/../b"};
    struct sts_time now = at(T0);

    fresh();
    CHECK(put_at("example.org", "1", STS_MODE_ENFORCE, 100, T0) == STS_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(get_at(bad[i], T0) == STS_ERR_ARG);
        CHECK(sts_cache_peek(s, bad[i], NULL, &info) == STS_ERR_ARG);
        CHECK(put_at(bad[i], "1", STS_MODE_NONE, 100, T0) == STS_ERR_ARG);
        CHECK(sts_cache_touch(s, bad[i], &now) == STS_ERR_ARG);
        CHECK(fail_at(bad[i], "1", T0) == STS_ERR_ARG);
        CHECK(wait_at(bad[i], "1", T0) == 0);
    }
    CHECK(count(P) == 1 && count(W) == 0);
}

TEST(ids_longer_than_the_grammar_allows_are_refused)
{
    static const char longest[] = "abcdefghijklmnopqrstuvwxyz0123456";

    fresh();
    CHECK(put_at("example.org", longest, STS_MODE_ENFORCE, 100, T0) == STS_ERR_ARG);
    CHECK(fail_at("example.org", longest, T0) == STS_ERR_ARG);
    CHECK(count(P) == 0 && count(W) == 0);
    CHECK(put_at("example.org", longest + 1, STS_MODE_ENFORCE, 100, T0) == STS_OK);
    CHECK(fail_at("example.org", longest + 1, T0) == STS_OK);
    CHECK(wait_at("example.org", longest + 1, T0) == 300);
    CHECK(wait_at("example.org", longest, T0) == 0);
}

/* F12: the domain is compared in full with what the record says, whatever the store made of the
 * key. */
TEST(f12_a_store_that_confuses_keys_gives_no_domain_anothers_policy)
{
    char longer[2][254];

    fresh();
    memset(longer, 'a', sizeof longer);
    for (int i = 0; i < 2; i++) {
        for (size_t n = 60; n < 250; n += 60) {
            longer[i][n] = '.';
        }
        longer[i][252] = (char)('a' + i);
        longer[i][253] = '\0';
    }
    lens.collide = true;
    CHECK(put_at("example.org", "1", STS_MODE_NONE, 100, T0) == STS_OK);
    CHECK(get_at("example.org", T0) == STS_OK);
    CHECK(get_at("example.com", T0) == STS_ERR_ABSENT);
    CHECK(get_at("example.or", T0) == STS_ERR_ABSENT);
    CHECK(get_at("example.org.uk", T0) == STS_ERR_ABSENT);
    CHECK(touch_at("example.com", T0 + 3 * DAY) == STS_ERR_ABSENT);
    CHECK(put_at(longer[0], "1", STS_MODE_NONE, 100, T0) == STS_OK);
    CHECK(get_at(longer[0], T0) == STS_OK);
    CHECK(get_at(longer[1], T0) == STS_ERR_ABSENT);
    CHECK(fail_at("example.org", "1", T0) == STS_OK);
    CHECK(wait_at("example.org", "1", T0) == 300 && wait_at("example.com", "1", T0) == 0);
}

/* ---- life --------------------------------------------------------------------------------- */

/* valid while the time since the fetch has not exceeded max_age. */
TEST(r101_a_policy_is_valid_until_its_age_exceeds_max_age)
{
    static const uint32_t ages[] = {0, 1, 86400, STS_MAX_AGE_MAX};

    fresh();
    for (size_t i = 0; i < 4; i++) {
        CHECK(put_at("example.org", "1", STS_MODE_ENFORCE, ages[i], T0) == STS_OK);
        CHECK(get_at("example.org", T0) == STS_OK);
        CHECK(get_at("example.org", T0 + ages[i]) == STS_OK);
        CHECK(get_at("example.org", T0 + ages[i] + 1) == STS_ERR_ABSENT);
    }
}

/* life counts from the last fetch; seeing the same id, or using it, is not a fetch. */
TEST(r100_use_does_not_make_a_policy_live_longer)
{
    fresh();
    CHECK(put_at("example.org", "1", STS_MODE_ENFORCE, 10 * DAY, T0) == STS_OK);
    for (int day = 1; day <= 10; day++) {
        CHECK(get_at("example.org", T0 + day * DAY) == STS_OK);
        CHECK(touch_at("example.org", T0 + day * DAY) == STS_OK);
    }
    CHECK(info.fetched_at == T0);
    CHECK(get_at("example.org", T0 + 10 * DAY + 1) == STS_ERR_ABSENT);
    CHECK(put_at("example.org", "1", STS_MODE_ENFORCE, 10 * DAY, T0 + 9 * DAY) == STS_OK);
    CHECK(get_at("example.org", T0 + 19 * DAY) == STS_OK);
}

/* P21, P23: failed fetches, of whatever id, leave a held policy as it is. */
TEST(r102_r110_a_failed_fetch_neither_replaces_nor_shortens_a_policy)
{
    static uint8_t before[300];
    size_t len;

    fresh();
    CHECK(put_at("example.org", "1", STS_MODE_ENFORCE, 100 * DAY, T0) == STS_OK);
    read_raw(P, "example.org");
    len = raw_len;
    CHECK(len <= sizeof before);
    memcpy(before, raw, len);
    for (int i = 0; i < 50; i++) {
        char id[] = "a0";

        id[1] = (char)('0' + i % 10);
        CHECK(fail_at("example.org", id, T0 + i * 3600) == STS_OK);
    }
    CHECK(sts_cache_fetched(s, "example.org") == STS_OK);
    read_raw(P, "example.org");
    CHECK(raw_len == len && memcmp(raw, before, len) == 0);
    CHECK(get_at("example.org", T0 + 100 * DAY) == STS_OK);
}

/* the id is told with each look, in the case it had. */
TEST(r104_the_id_is_there_to_be_compared_at_each_delivery)
{
    fresh();
    CHECK(put_at("example.org", "20260528aB", STS_MODE_ENFORCE, 100, T0) == STS_OK);
    CHECK(get_at("example.org", T0) == STS_OK && strcmp(info.id, "20260528aB") == 0);
    CHECK(put_at("example.org", "1", STS_MODE_TESTING, 100, T0) ==
          STS_OK); /* P27: a new one wins */
    CHECK(get_at("example.org", T0) == STS_OK && strcmp(info.id, "1") == 0 &&
          info.mode == STS_MODE_TESTING);
}

/* mode none replaces the old policy at once, and is kept for its own max_age. */
TEST(r108_mode_none_replaces_and_is_kept_for_its_own_life)
{
    fresh();
    CHECK(put_at("example.org", "1", STS_MODE_ENFORCE, STS_MAX_AGE_MAX, T0) == STS_OK);
    CHECK(put_at("example.org", "2", STS_MODE_NONE, 60, T0 + 1) == STS_OK);
    CHECK(get_at("example.org", T0 + 61) == STS_OK && got.mode == STS_MODE_NONE);
    CHECK(get_at("example.org", T0 + 62) == STS_ERR_ABSENT);
    CHECK(count(P) == 1);
}

/* without a clock nothing expires; and what was fetched in the future is young, not old. */
TEST(r112_an_unset_clock_expires_nothing)
{
    fresh();
    CHECK(put_at("example.org", "1", STS_MODE_ENFORCE, 1, T0) == STS_OK);
    CHECK(sts_cache_get(s, "example.org", &unset, &got, &info) == STS_OK);
    CHECK(sts_cache_touch(s, "example.org", &unset) == STS_OK);
    CHECK(sts_cache_put(s, "example.com", "1", &policy, &unset, NULL) == STS_ERR_CLOCK);
    CHECK(count(P) == 1);
}

/* C03: a clock that goes back leaves a policy in force, and asks for another soon: it is neither
 * dropped nor immortal. */
TEST(c03_a_clock_that_went_back_keeps_the_policy_and_asks_again)
{
    struct sts_time now;

    fresh();
    CHECK(put_at("example.org", "1", STS_MODE_ENFORCE, 2 * DAY, T0) == STS_OK);
    CHECK(get_at("example.org", T0 - 1) == STS_OK);
    CHECK(get_at("example.org", T0 - 3000 * (int64_t)DAY) == STS_OK);
    CHECK(get_at("example.org", 0) == STS_OK);
    CHECK(get_at("example.org", -T0) == STS_OK);
    now = at(T0 - 300);
    CHECK(!sts_cache_refresh_due(&info, "example.org", 1, &now)); /* a step of NTP is no reason */
    now = at(T0 - 301);
    CHECK(sts_cache_refresh_due(&info, "example.org", 1, &now));
}

/* C06: 64-bit seconds. */
TEST(c06_time_goes_on_after_2038_and_2106)
{
    static const int64_t ends[] = {INT64_C(0x7fffffff), INT64_C(0xffffffff), INT64_C(1) << 40};

    fresh();
    for (size_t i = 0; i < 3; i++) {
        CHECK(put_at("example.org", "1", STS_MODE_ENFORCE, 100, ends[i] - 50) == STS_OK);
        CHECK(get_at("example.org", ends[i] + 50) == STS_OK && info.fetched_at == ends[i] - 50);
        CHECK(get_at("example.org", ends[i] + 51) == STS_ERR_ABSENT);
        CHECK(fail_at("example.org", "1", ends[i] - 50) == STS_OK);
        CHECK(wait_at("example.org", "1", ends[i] + 50) == 200);
        for (int k = -2; k < 3; k++) { /* no alias of a free place */
            CHECK(wait_at("example.org", "2", ends[i] + k) == 0);
            CHECK(wait_at("example.org", "", ends[i] + k) == 0);
        }
    }
}

/* C09: no sum of times overflows, whatever record and clock say. */
TEST(c09_extreme_times_do_not_overflow)
{
    static const int64_t times[] = {0, 1, T0, INT64_MAX - 1, INT64_MAX};

    fresh();
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = 0; k < 5; k++) {
            int64_t age = times[k] - times[i];
            struct sts_time now = at(times[k]);

            CHECK(put_at("example.org", "1", STS_MODE_ENFORCE, STS_MAX_AGE_MAX, times[i]) ==
                  STS_OK);
            CHECK(get_at("example.org", times[k]) ==
                  (age > (int64_t)STS_MAX_AGE_MAX ? STS_ERR_ABSENT : STS_OK));
            CHECK(sts_cache_peek(s, "example.org", NULL, &info) == STS_OK);
            CHECK(sts_cache_refresh_due(&info, "example.org", 7, &now) == (age > 1 || age < -300));
            CHECK(touch_at("example.org", times[k]) == STS_OK);
            CHECK(fail_at("example.org", "1", times[i]) == STS_OK);
            CHECK(wait_at("example.org", "1", times[k]) <= 300);
        }
    }
    CHECK(get_at("example.org", INT64_MIN) == STS_OK);
}

TEST(touch_writes_only_when_the_mark_is_over_a_day_old)
{
    fresh();
    CHECK(touch_at("example.org", T0) == STS_ERR_ABSENT);
    CHECK(put_at("example.org", "id", STS_MODE_ENFORCE, 100 * DAY, T0) == STS_OK);
    lens.puts = 0;
    CHECK(touch_at("example.org", T0) == STS_OK && touch_at("example.org", T0 + DAY) == STS_OK);
    CHECK(lens.puts == 0);
    CHECK(touch_at("example.org", T0 + DAY + 1) == STS_OK && lens.puts == 1);
    CHECK(get_at("example.org", T0 + DAY) == STS_OK);
    CHECK(info.used_at == T0 + DAY + 1 && info.fetched_at == T0 && strcmp(info.id, "id") == 0);
    CHECK(same_policy(&got, &policy));
    CHECK(touch_at("example.org", T0 + 1) == STS_OK && lens.puts == 1);
    /* C03: a mark that the clock left in the future comes back to earth. */
    CHECK(touch_at("example.org", T0) == STS_OK && lens.puts == 2);
    CHECK(get_at("example.org", T0) == STS_OK && info.used_at == T0);
}

/* ---- refresh ------------------------------------------------------------------------------ */

static int64_t first_due(uint32_t max_age, const char *domain, uint32_t seed)
{
    struct sts_cached c = {.max_age_s = max_age, .fetched_at = T0};
    int64_t low = 0, high = 2 * (int64_t)DAY;

    while (low < high) {
        int64_t mid = (low + high) / 2;
        struct sts_time now = at(T0 + mid);

        if (sts_cache_refresh_due(&c, domain, seed, &now)) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return low;
}

/* P22, P25: from min(1 day, max_age / 2) on, less at most a quarter; ahead of
 * expiry; spread. */
TEST(r105_r106_p25_refresh_is_early_spread_and_steady)
{
    static const uint32_t ages[] = {0, 1, 7, 8, 600, 86400, 172800, 604800, STS_MAX_AGE_MAX};
    char domain[] = "a.example";
    unsigned eighth[8] = {0};

    for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++) {
        uint32_t period = ages[i] / 2 < DAY ? ages[i] / 2 : DAY;

        for (uint32_t seed = 0; seed < 50; seed++) {
            int64_t due = first_due(ages[i], "example.org", seed);

            CHECK(due <= period && due >= period - period / 4);
            CHECK(due == first_due(ages[i], "example.org", seed));
        }
    }
    /* One device with many domains, and one domain on many devices: no eighth of the span has
     * less than half or more than double its share. */
    for (uint32_t n = 0; n < 800; n++) {
        uint32_t seed = n / 26 * 2654435761u;
        int64_t early;

        domain[0] = (char)('a' + n % 26);
        early = DAY - first_due(604800, domain, n < 400 ? 5 : seed);
        if (n < 400) {
            domain[0] = 'd';
            early = DAY - first_due(604800, domain, n);
        }
        eighth[early * 8 / (DAY / 4 + 1)]++;
    }
    for (int i = 0; i < 8; i++) {
        CHECK(eighth[i] > 50 && eighth[i] < 200);
    }
}

/* H24: worked out from the description (FNV-1a over the domain, begun with the seed), so that a new version of the firmware does not
 * move the refreshes of a fleet. */
TEST(h24_the_time_of_a_refresh_is_the_same_in_every_version)
{
    static const struct {
        uint32_t max_age;
        const char *domain;
        uint32_t seed;
        int64_t due;
    } known[] = {
        {604800, "example.org", 0x0u, 81477},
        {604800, "example.org", 0x1u, 74574},
        {604800, "mail.example.net", 0xdeadbeefu, 80237},
        {86400, "example.org", 0x7u, 36966},
        {172800, "a.example", 0x80000000u, 84632},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        CHECK(first_due(known[i].max_age, known[i].domain, known[i].seed) == known[i].due);
    }
}

TEST(no_refresh_is_due_while_the_clock_is_unset)
{
    struct sts_cached c = {.max_age_s = 10, .fetched_at = T0};

    CHECK(!sts_cache_refresh_due(&c, "example.org", 1, &unset));
}

/* ---- failed fetches ------------------------------------------------------------------------ */

/* five minutes per id after a failure; another id at once. */
TEST(r043_a_failed_id_waits_five_minutes_and_another_does_not)
{
    fresh();
    CHECK(wait_at("example.org", "1", T0) == 0);
    CHECK(fail_at("example.org", "1", T0) == STS_OK);
    for (uint32_t t = 0; t <= 310; t++) {
        CHECK(wait_at("example.org", "1", T0 + t) == (t < 300 ? 300 - t : 0));
    }
    CHECK(wait_at("example.org", "2", T0) == 0);
    CHECK(wait_at("example.org", "", T0) == 0);
    CHECK(wait_at("example.org", "11", T0) == 0);
    CHECK(fail_at("example.net", "abcdefghijklmnopqrstuvwxyz01234A", T0) == STS_OK);
    CHECK(wait_at("example.net", "abcdefghijklmnopqrstuvwxyz01234a", T0) == 0); /* octets */
    CHECK(wait_at("example.net", "abcdefghijklmnopqrstuvwxyz01234A", T0) == 300);
    CHECK(wait_at("example.com", "1", T0) == 0);
    CHECK(fail_at("example.org", "1", T0 + 100) == STS_OK); /* anew */
    CHECK(wait_at("example.org", "1", T0 + 300) == 100);
    CHECK(fail_at("example.org", "", T0) == STS_OK); /* a refresh without a record */
    CHECK(wait_at("example.org", "", T0 + 1) == 299);
}

TEST(r043_a_success_forgets_what_failed)
{
    fresh();
    CHECK(sts_cache_fetched(s, "example.org") == STS_OK);
    CHECK(fail_at("example.org", "1", T0) == STS_OK);
    CHECK(fail_at("example.com", "1", T0) == STS_OK);
    CHECK(sts_cache_fetched(s, "example.org") == STS_OK);
    CHECK(wait_at("example.org", "1", T0) == 0 && wait_at("example.com", "1", T0) == 300);
}

/* P24: an id that flips with each query buys four fetches in five minutes, not one a delivery. */
TEST(p24_flipping_ids_get_four_fetches_in_five_minutes)
{
    unsigned fetches = 0;
    char id[] = "000";

    fresh();
    for (int t = 0; t < 3000; t++) {
        id[0] = (char)('0' + t % 10);
        id[1] = (char)('0' + t / 10 % 10);
        id[2] = (char)('0' + t / 100 % 10);
        if (wait_at("example.org", id, T0 + t) == 0) {
            CHECK(fail_at("example.org", id, T0 + t) == STS_OK);
            fetches++;
        }
    }
    CHECK(fetches == 4 * 10);
    CHECK(count(W) == 1);
}

TEST(p24_a_fifth_id_waits_until_the_first_is_free)
{
    static const char *const ids[] = {"a", "b", "c", "d"};

    fresh();
    for (int i = 0; i < 4; i++) {
        CHECK(wait_at("example.org", "e", T0 + 10 * i) == 0);
        CHECK(fail_at("example.org", ids[i], T0 + 10 * i) == STS_OK);
    }
    CHECK(wait_at("example.org", "e", T0 + 30) == 270);
    CHECK(wait_at("example.org", "e", T0 + 299) == 1 && wait_at("example.org", "e", T0 + 300) == 0);
    CHECK(wait_at("example.org", "d", T0 + 300) == 30);
    /* Who fetches all the same takes the oldest place. */
    CHECK(fail_at("example.org", "e", T0 + 31) == STS_OK);
    CHECK(wait_at("example.org", "a", T0 + 31) == 279); /* as any new one: b's 10 + 300 - 31 */
    CHECK(wait_at("example.org", "e", T0 + 31) == 300 &&
          wait_at("example.org", "b", T0 + 31) == 279);
}

/* A clock that went back by more than 300 s frees the wait; within them none is longer than 300
 * s. */
TEST(c03_no_wait_outlasts_a_clock_that_went_back)
{
    fresh();
    CHECK(fail_at("example.org", "1", T0) == STS_OK);
    for (int back = 0; back <= 300; back++) {
        CHECK(wait_at("example.org", "1", T0 - back) == 300);
    }
    CHECK(wait_at("example.org", "1", T0 - 301) == 0);
    CHECK(wait_at("example.org", "1", T0 - 10 * (int64_t)DAY) == 0);
    CHECK(sts_cache_wait_s(s, "example.org", "1", &unset) == 0);
    CHECK(sts_cache_failed(s, "example.com", "1", &unset) == STS_OK && count(W) == 1);
}

/* Bounded: the oldest goes. */
TEST(waits_are_bounded_and_the_oldest_goes)
{
    char domain[] = "d00000.example";

    fresh();
    for (int i = 0; i < STS_CACHE_MAX + 3; i++) {
        int64_t t = T0 + (i < 150 ? i : 150);

        for (int d = 5, n = i; d >= 1; d--, n /= 10) {
            domain[d] = (char)('0' + n % 10);
        }
        CHECK(fail_at(domain, "1", t) == STS_OK);
        CHECK(count(W) <= STS_CACHE_MAX);
    }
    CHECK(wait_at(domain, "1", T0 + 150) > 0);
    CHECK(wait_at("d00000.example", "1", T0 + 150) == 0);
    CHECK(wait_at("d00002.example", "1", T0 + 150) == 0);
    CHECK(wait_at("d00003.example", "1", T0 + 150) == 153);
    CHECK(fail_at("d00003.example", "2", T0 + 150) ==
          STS_OK); /* is in already: pushes nobody out */
    CHECK(count(W) == STS_CACHE_MAX);
    CHECK(lines == 0);
}

/* The oldest is the one whose latest failure is the longest ago. */
TEST(of_several_failures_of_a_domain_the_latest_counts)
{
    fresh();
    for (int i = 0; i < STS_CACHE_MAX; i++) {
        CHECK(fail_at(name_of(i), "1", T0 + (i == STS_CACHE_MAX / 2 ? 20 : 30)) == STS_OK);
        CHECK(fail_at(name_of(i), "2", T0 + 5) == STS_OK);
    }
    CHECK(fail_at("new.example", "1", T0 + 40) == STS_OK && count(W) == STS_CACHE_MAX);
    for (int i = 0; i < STS_CACHE_MAX; i++) {
        CHECK((wait_at(name_of(i), "1", T0 + 40) == 0) == (i == STS_CACHE_MAX / 2));
    }
}

/* ---- eviction ----------------------------------------------------------------------------- */

/* expired, none, testing, the enforced one used least recently; and it is said. */
TEST(r111_eviction_takes_expired_none_testing_then_the_least_used)
{
    static const struct {
        int mode;
        uint32_t max_age;
        int64_t fetched;
    } order[] = {
        /* in the order in which they have to go, and put in another */
        {STS_MODE_ENFORCE, 5, T0 - 10},
        {STS_MODE_NONE, 1000, T0 - 40},
        {STS_MODE_NONE, 1000, T0 - 4},
        {STS_MODE_TESTING, 1000, T0 - 50},
        {STS_MODE_TESTING, 1000, T0 - 3},
        {STS_MODE_ENFORCE, 30 * DAY, T0 - 8 * DAY},
        {STS_MODE_ENFORCE, STS_MAX_AGE_MAX, T0 - 7 * DAY - 1},
    };
    enum {
        N = sizeof order / sizeof order[0]
    };

    fresh();
    for (int i = 0; i < N; i++) {
        int k = (i * 3 + 2) % N;

        CHECK(put_at(name_of(k), "1", order[k].mode, order[k].max_age, order[k].fetched) == STS_OK);
    }
    for (int i = N; i < STS_CACHE_MAX; i++) {
        CHECK(put_at(name_of(i), "1", STS_MODE_ENFORCE, 1000, T0 - 1) == STS_OK);
    }
    CHECK(count(P) == STS_CACHE_MAX && lines == 0);
    for (int i = 0; i < N && i < STS_CACHE_MAX; i++) {
        char expect[100];

        snprintf(expect, sizeof expect, "the cache is full: dropped the policy of %s", name_of(i));
        CHECK(sts_cache_peek(s, name_of(i), NULL, &info) == STS_OK);
        CHECK(put_at(name_of(90000 + i), "1", order[i].mode, 1000, T0) == STS_OK);
        CHECK(lines == 1 && strcmp(said, expect) == 0);
        CHECK(sts_cache_peek(s, name_of(i), NULL, &info) == STS_ERR_ABSENT);
        CHECK(count(P) == STS_CACHE_MAX);
        CHECK(put_at(name_of(90000 + i), "1", STS_MODE_ENFORCE, 1000, T0) ==
              STS_OK); /* no further loss */
        CHECK(lines == 1 && count(P) == STS_CACHE_MAX);
        lines = 0;
    }
}

TEST(r111_use_keeps_an_enforced_policy_from_eviction)
{
    int64_t later = T0 + 9 * DAY;

    fresh();
    for (int i = 0; i < STS_CACHE_MAX; i++) {
        CHECK(put_at(name_of(i), "1", STS_MODE_ENFORCE, STS_MAX_AGE_MAX, T0 + i) == STS_OK);
    }
    CHECK(touch_at(name_of(0), later) == STS_OK);
    CHECK(put_at("new.example", "1", STS_MODE_ENFORCE, STS_MAX_AGE_MAX, later) == STS_OK);
    CHECK(get_at(name_of(0), later) == STS_OK);
    CHECK(get_at(name_of(1), later) == (STS_CACHE_MAX > 1 ? STS_ERR_ABSENT : STS_OK));
}

/* F11: the newcomer is refused rather than a stricter one dropped. */
TEST(f11_an_enforced_policy_makes_no_room_for_a_lesser_one)
{
    fresh();
    for (int i = 0; i < STS_CACHE_MAX; i++) {
        CHECK(put_at(name_of(i), "1", STS_MODE_ENFORCE, STS_MAX_AGE_MAX, T0) == STS_OK);
    }
    CHECK(put_at("new.example", "1", STS_MODE_NONE, 1000, T0 + 9) == STS_ERR_SPACE);
    CHECK(put_at("new.example", "1", STS_MODE_TESTING, 1000, T0 + 9) == STS_ERR_SPACE);
    CHECK(count(P) == STS_CACHE_MAX && lines == 0);
    CHECK(put_at(name_of(0), "2", STS_MODE_NONE, 1000, T0 + 9) == STS_OK); /* its own place */
    CHECK(put_at("new.example", "1", STS_MODE_NONE, 1000, T0 + 9) == STS_OK);
    CHECK(put_at(name_of(0), "3", STS_MODE_ENFORCE, 1000, T0 + 10) == STS_OK);
    CHECK(count(P) == STS_CACHE_MAX);
}

/* F11: a flood of foreign policies cannot push out the one that is in use. */
TEST(f11_a_flood_of_policies_leaves_the_one_in_use)
{
    fresh();
    CHECK(put_at("mine.example", "1", STS_MODE_ENFORCE, STS_MAX_AGE_MAX, T0) == STS_OK);
    for (int i = 0; i < STS_CACHE_MAX + 12; i++) {
        CHECK(put_at(name_of(i), "1", STS_MODE_TESTING, STS_MAX_AGE_MAX, T0 + i) == STS_OK);
        CHECK(count(P) <= STS_CACHE_MAX);
    }
    CHECK(get_at("mine.example", T0) == STS_OK && got.mode == STS_MODE_ENFORCE);
}

#if STS_CACHE_MAX <= 64 /* it takes long in a store of thousands */
/* F11: 100000 hostile domains, each with a policy of a year, over most of a year, beside those that are in use; and their owner's
 * refreshes, which are no use. */
TEST(f11_a_hundred_thousand_hostile_domains_push_out_nothing_that_is_in_use)
{
    const int hostile = 100000;
    const int64_t step = 300 * DAY / hostile;
    int64_t day = T0;
    unsigned refused = 0, kept = 0;

    fresh();
    CHECK(put_at("mine.example", "1", STS_MODE_ENFORCE, STS_MAX_AGE_MAX, T0) == STS_OK);
    CHECK(put_at("weekly.example", "1", STS_MODE_ENFORCE, STS_MAX_AGE_MAX, T0) == STS_OK);
    for (int i = 0; i < hostile; i++) {
        int64_t t = T0 + i * step;
        int e = put_at(name_of(i), "1", STS_MODE_ENFORCE, STS_MAX_AGE_MAX, t);

        CHECK(e == STS_OK || e == STS_ERR_SPACE);
        refused += e != STS_OK;
        kept += e == STS_OK;
        if (t >= day) { /* once a day a mail to the one, once in six to the other */
            CHECK(touch_at("mine.example", t) == STS_OK);
            if ((day - T0) / DAY % 6 == 0) {
                CHECK(touch_at("weekly.example", t) == STS_OK);
            }
            day += DAY;
        }
    }
    CHECK(get_at("mine.example", T0 + 300 * DAY) == STS_OK && got.mode == STS_MODE_ENFORCE);
    CHECK(get_at("weekly.example", T0 + 300 * DAY) == STS_OK && got.mode == STS_MODE_ENFORCE);
    CHECK(count(P) == STS_CACHE_MAX && count(STS_STORE_MARK) == STS_CACHE_MAX);
    CHECK(refused > 99 * kept); /* they do not even push out each other */
}
#endif

/* F11: a week after its last use, and not a second before. */
TEST(f11_an_enforced_policy_is_pinned_for_a_week_after_its_use)
{
    struct sts_time week = at(T0 + 7 * DAY);

    fresh();
    for (int i = 0; i < STS_CACHE_MAX; i++) {
        CHECK(put_at(name_of(i), "1", STS_MODE_ENFORCE, STS_MAX_AGE_MAX, T0) == STS_OK);
    }
    CHECK(put_at("new.example", "1", STS_MODE_ENFORCE, 1000, T0 + 7 * DAY) == STS_ERR_SPACE);
    CHECK(count(P) == STS_CACHE_MAX && lines == 0);
    CHECK(sts_cache_renew(s, name_of(0), "2", plain(STS_MODE_ENFORCE, STS_MAX_AGE_MAX), T0, &week,
                          NULL) == STS_OK); /* refreshed, not used */
    CHECK(sts_cache_peek(s, name_of(0), NULL, &info) == STS_OK);
    CHECK(info.used_at == T0 && info.fetched_at == T0 + 7 * DAY && strcmp(info.id, "2") == 0);
    CHECK(put_at("new.example", "1", STS_MODE_ENFORCE, 1000, T0 + 7 * DAY + 1) == STS_OK);
    CHECK(lines == 1);
}

TEST(eviction_takes_what_no_version_of_ours_wrote_first)
{
    fresh();
    for (int i = 0; i < STS_CACHE_MAX - 1; i++) {
        CHECK(put_at(name_of(i), "1", STS_MODE_NONE, 1000, T0) == STS_OK);
    }
    write_raw(P, "Odd key!", "?", 1);
    CHECK(put_at("new.example", "1", STS_MODE_NONE, 1000, T0) == STS_OK);
    CHECK(inner.get(&ram, P, "Odd key!") == STS_ERR_ABSENT);
    CHECK(count(P) == STS_CACHE_MAX);
}

/* ---- what the store does ------------------------------------------------------------------- */

/* F07: a medium that fails is an error, never "absent", wherever it fails. */
TEST(f07_a_read_error_is_not_absence)
{
    fresh();
    CHECK(put_at("example.org", "1", STS_MODE_ENFORCE, 1000, T0) == STS_OK);
    for (unsigned n = 1;; n++) {
        int e;

        lens.calls = 0;
        lens.fail_at = n;
        e = get_at("example.org", T0);
        if (lens.calls < n) {
            CHECK(e == STS_OK);
            break;
        }
        CHECK(e == STS_ERR_IO);
    }
    lens.fail_at = 1;
    lens.calls = 0;
    CHECK(get_at("example.com", T0) == STS_ERR_IO);
    lens.calls = 0;
    CHECK(sts_cache_drop(s, "example.org") == STS_ERR_IO);
    lens.calls = 0;
    CHECK(sts_cache_fetched(s, "example.org") == STS_ERR_IO);
    lens.calls = 0;
    CHECK(fail_at("example.org", "1", T0) == STS_ERR_IO);
}

/* whichever call of the store fails, once or for good, the policy is the old or the new
 * one. */
TEST(r113_any_failing_call_leaves_the_old_or_the_new_policy)
{
    for (int what = 0; what < 3; what++) {
        for (int for_good = 0; for_good < 2; for_good++) {
            for (unsigned n = 1;; n++) {
                unsigned calls;
                int e;

                fresh();
                for (int i = 1; i < STS_CACHE_MAX && i < 9; i++) {
                    CHECK(put_at(name_of(i), "1", STS_MODE_NONE, 1000, T0) == STS_OK);
                }
                CHECK(put_at("example.org", "1", STS_MODE_ENFORCE, 100 * DAY, T0) == STS_OK);
                lens.calls = 0;
                lens.fail_at = n;
                lens.for_good = for_good;
                lens.error = n % 2 ? STS_ERR_IO : STS_ERR_SPACE;
                e = what == 0   ? put_at("example.org", "2", STS_MODE_TESTING, 77, T0 + 1)
                    : what == 1 ? touch_at("example.org", T0 + 2 * DAY)
                                : put_at("new.example", "1", STS_MODE_TESTING, 77, T0);
                calls = lens.calls;
                lens.fail_at = 0;
                CHECK(ram.in == SIZE_MAX && ram.out == SIZE_MAX); /* nothing was left open */
                CHECK(get_at("example.org", T0 + 2) == STS_OK);
                if (calls < n) {
                    CHECK(e == STS_OK);
                    break;
                }
                if (e == STS_OK && what != 1 && calls == n) { /* but for the mark, it is done */
                    CHECK(got.mode == (what == 0 ? STS_MODE_TESTING : STS_MODE_ENFORCE));
                    continue;
                }
                /* A record that can't be read is passed over when room is made. */
                CHECK(e == STS_ERR_IO || e == STS_ERR_SPACE || (what == 2 && !for_good));
                CHECK(got.mode == STS_MODE_ENFORCE && strcmp(info.id, "1") == 0);
                CHECK(info.used_at == T0 && got.mx_count == 2);
            }
        }
    }
}

TEST(f07_failing_calls_around_waits_leave_them_or_are_told)
{
    for (unsigned n = 1;; n++) {
        int e;

        fresh();
        CHECK(fail_at("example.org", "1", T0) == STS_OK);
        lens.calls = 0;
        lens.fail_at = n;
        e = fail_at("example.org", "2", T0 + 1);
        if (lens.calls < n) {
            CHECK(e == STS_OK);
            break;
        }
        CHECK(e == STS_ERR_IO && ram.in == SIZE_MAX && ram.out == SIZE_MAX);
        lens.fail_at = 0;
        CHECK(wait_at("example.org", "1", T0 + 1) == 299 &&
              wait_at("example.org", "2", T0 + 1) == 0);
    }
    lens.calls = 0;
    lens.fail_at = 1;
    CHECK(wait_at("example.org", "1", T0 + 1) == 0); /* can't be read: none */
}

/* A full cache of which nothing can be read: nothing goes by guess. */
TEST(f07_an_unreadable_cache_evicts_nothing)
{
    fresh();
    for (int i = 0; i < STS_CACHE_MAX; i++) {
        CHECK(put_at(name_of(i), "1", STS_MODE_ENFORCE, 1000, T0) == STS_OK);
        CHECK(fail_at(name_of(i), "1", T0) == STS_OK);
    }
    for (int waits = 0; waits < 2; waits++) {
        lens.calls = 0;
        lens.fail_at = 3 + (unsigned)waits; /* when the second walk has begun */
        lens.for_good = true;
        lens.get_only = true;
        CHECK((waits ? fail_at("new.example", "1", T0)
                     : put_at("new.example", "1", STS_MODE_ENFORCE, 1000, T0)) == STS_ERR_IO);
        CHECK(lens.calls >= STS_CACHE_MAX);
        CHECK(count(P) == STS_CACHE_MAX && count(W) == STS_CACHE_MAX && lines == 0);
    }
}

TEST(a_victim_that_another_process_took_makes_room_as_well)
{
    fresh();
    for (int i = 0; i < STS_CACHE_MAX; i++) {
        CHECK(put_at(name_of(i), "1", STS_MODE_ENFORCE, 1000, T0) == STS_OK);
    }
    lens.stolen = true;
    CHECK(put_at("new.example", "1", STS_MODE_ENFORCE, 1000, T0 + 8 * DAY) == STS_OK);
    CHECK(lines == 0);
    CHECK(count(P) == STS_CACHE_MAX);
}

/* F17: no room: what is held stays. */
TEST(f17_a_full_store_is_said_and_changes_nothing)
{
    fresh();
    sts_ram_store_init(&ram, memory, 250, &inner);
    CHECK(put_at("example.org", "1", STS_MODE_ENFORCE, 1000, T0) == STS_OK);
    CHECK(put_at("example.com", "1", STS_MODE_ENFORCE, 1000, T0) == STS_ERR_SPACE);
    CHECK(put_at("example.org", "2", STS_MODE_ENFORCE, 1000, T0) == STS_ERR_SPACE);
    CHECK(fail_at("example.org", "2", T0) == STS_ERR_SPACE);
    CHECK(get_at("example.org", T0) == STS_OK && strcmp(info.id, "1") == 0);
}

/* ---- records ------------------------------------------------------------------------------ */

/* The format is a promise to the next version: F16. */
TEST(f16_the_record_of_a_policy_is_this)
{
    static const uint8_t golden[] = "\1\2\0"
                                    "\0\0\0\0\0\x09\x3a\x80"
                                    "\0\0\0\0\x6a\xb1\x3b\x80"
                                    "\0\0\0\0\x6a\xb1\x3b\x80"
                                    "\0\0\0\0\0\0\0\x1d"
                                    "20260528\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                    "example.org\0"
                                    "mx.example.org\0*.example.net";

    fresh();
    CHECK(put_at("example.org", "20260528", STS_MODE_ENFORCE, 604800, T0) == STS_OK);
    read_raw(P, "example.org");
    CHECK(raw_len == sizeof golden && memcmp(raw, golden, raw_len) == 0);
}

/* F15, F16: each cut, each longer one, each other version: absent, and left as it is. */
TEST(f16_a_record_that_is_not_exactly_ours_is_absent_and_left_alone)
{
    static uint8_t bytes[300];
    size_t len;

    fresh();
    CHECK(put_at("example.org", "20260528", STS_MODE_ENFORCE, 604800, T0) == STS_OK);
    read_raw(P, "example.org");
    len = raw_len;
    memcpy(bytes, raw, len);
    for (size_t n = 0; n <= len + 1; n++) {
        write_raw(P, "example.org", bytes, n);
        CHECK(get_at("example.org", T0) == (n == len ? STS_OK : STS_ERR_ABSENT));
        read_raw(P, "example.org");
        CHECK(raw_len == n && memcmp(raw, bytes, n) == 0);
    }
    bytes[0] = 2; /* a version to come */
    write_raw(P, "example.org", bytes, len);
    CHECK(get_at("example.org", T0) == STS_ERR_ABSENT);
    CHECK(touch_at("example.org", T0 + 2 * DAY) == STS_ERR_ABSENT);
    read_raw(P, "example.org");
    CHECK(raw[0] == 2 && raw_len == len);
    CHECK(put_at("example.org", "1", STS_MODE_NONE, 100, T0) == STS_OK); /* asked to replace it */
    CHECK(get_at("example.org", T0) == STS_OK);
}

TEST(records_with_values_out_of_range_are_absent)
{
    static uint8_t bytes[300];
    static const struct {
        size_t at;
        uint8_t value;
    } bad[] = {
        {1, 3},     {1, 255},          /* mode */
        {2, 2},                        /* cut */
        {3, 1},     {6, 1},    {7, 2}, /* max_age over its maximum, in each octet */
        {11, 0x80},                    /* fetched before 1970 */
        {27, 1},    {34, 28},  {34, 30},
        {34, 0},    {34, 15},  /* more octets of patterns than there are, or fewer */
        {67, 'a'},             /* id without an end */
        {68, 'E'},             /* another domain */
        {78, 'x'},  {79, 'g'}, /* a longer one */
        {80, 0},               /* an empty pattern */
        {95, 0},
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fresh();
        CHECK(put_at("example.org", "20260528", STS_MODE_ENFORCE, 604800, T0) == STS_OK);
        read_raw(P, "example.org");
        memcpy(bytes, raw, raw_len);
        CHECK(bytes[bad[i].at] != bad[i].value);
        bytes[bad[i].at] = bad[i].value;
        write_raw(P, "example.org", bytes, raw_len);
        CHECK(get_at("example.org", T0) == STS_ERR_ABSENT);
    }
}

TEST(a_pattern_without_its_end_makes_the_record_none_of_ours)
{
    fresh();
    CHECK(put_at("example.org", "1", STS_MODE_ENFORCE, 604800, T0) == STS_OK);
    read_raw(P, "example.org");
    raw[raw_len - 1] = 'x';
    write_raw(P, "example.org", raw, raw_len);
    CHECK(get_at("example.org", T0) == STS_ERR_ABSENT);
}

/* C-5, R-062: a store that a build with larger limits wrote. The list is cut after the last whole
 * pattern that fits, and the policy says so. */
TEST(c5_a_policy_too_large_for_this_build_is_read_as_cut)
{
    size_t head, size;

    for (size_t extra = 1; extra < 70; extra += 3) {
        size_t n = 0, whole = 0, fit = 0;

        fresh();
        CHECK(put_at("example.org", "1", STS_MODE_ENFORCE, 604800, T0) == STS_OK);
        read_raw(P, "example.org");
        head = raw_len - 29;
        size = STS_POLICY_MX_SIZE + extra;
        memset(raw + head, 'a', size);
        for (size_t i = 12 + extra % 5; i < size; i += 13) {
            raw[head + i] = '\0';
        }
        raw[head + size - 2] = 'a';
        raw[head + size - 1] = '\0';
        for (size_t i = 0; i < size; i++) {
            if (raw[head + i] == '\0') {
                n++;
                if (i < STS_POLICY_MX_SIZE) {
                    whole = i + 1;
                    fit = n;
                }
            }
        }
        for (int i = 0; i < 8; i++) {
            raw[27 + i] = (uint8_t)((uint64_t)size >> (56 - 8 * i));
        }
        write_raw(P, "example.org", raw, head + size);
        CHECK(get_at("example.org", T0) == STS_OK);
        CHECK(got.cut && got.mx_len == whole && got.mx_count == fit);
        CHECK(memcmp(got.mx, raw + head, whole) == 0);
        CHECK(!info.cut && info.mode == STS_MODE_ENFORCE);
        /* touch keeps all of it for those who can read it */
        CHECK(touch_at("example.org", T0 + 2 * DAY) == STS_OK);
        memcpy(got.mx, raw + head + size - 60, 60);
        n = head + size;
        read_raw(P, "example.org");
        CHECK(raw_len == n && memcmp(got.mx, raw + head + size - 60, 60) == 0);
        /* what lies beyond is looked at, too: all of it was written, or none counts */
        write_raw(P, "example.org", raw, head + size - 1);
        CHECK(get_at("example.org", T0) == STS_ERR_ABSENT);
    }
}

TEST(waits_that_are_not_exactly_ours_are_none)
{
    fresh();
    CHECK(fail_at("example.org", "1", T0) == STS_OK);
    read_raw(W, "example.org");
    for (size_t n = 0; n < raw_len - 1; n++) {
        write_raw(W, "example.org", raw, n);
        CHECK(wait_at("example.org", "1", T0) == 0);
    }
    write_raw(W, "example.org", raw, raw_len - 1); /* as it was before failures were counted */
    CHECK(wait_at("example.org", "1", T0) == 300 && sts_cache_failures(s, "example.org") == 0);
    write_raw(W, "example.org", raw, raw_len);
    CHECK(wait_at("example.org", "1", T0) == 300);
    raw[0] = 2;
    write_raw(W, "example.org", raw, raw_len);
    CHECK(wait_at("example.org", "1", T0) == 0);
    CHECK(fail_at("example.org", "2", T0) == STS_OK && wait_at("example.org", "2", T0) == 300);
    /* whatever stands in it makes nobody wait for longer than five minutes */
    memset(raw + 1, 0x5a, raw_len - 14);
    raw[0] = 1;
    write_raw(W, "example.org", raw, raw_len);
    CHECK(wait_at("example.org", "1", T0) == 0);
}

/* ---- marks, and what is due (F06, P26, R-105) ----------------------------------------------- */

#define M STS_STORE_MARK

static int gone_at(const char *domain, int64_t when)
{
    struct sts_time now = at(when);

    return sts_cache_gone(s, domain, &now);
}

static char next[STS_NAME_SIZE];
static int next_gone_at(int64_t when)
{
    struct sts_time now = at(when);

    return sts_cache_next_gone(s, &now, next);
}

static int next_due_at(int64_t when)
{
    struct sts_time now = at(when);

    return sts_cache_next_due(s, 1, &now, next);
}

TEST(f06_beside_each_enforced_policy_and_no_other_lies_a_mark)
{
    fresh();
    CHECK(put_at("a.example", "1", STS_MODE_ENFORCE, 1000, T0) == STS_OK);
    CHECK(put_at("b.example", "1", STS_MODE_TESTING, 1000, T0) == STS_OK);
    CHECK(put_at("c.example", "1", STS_MODE_NONE, 1000, T0) == STS_OK);
    CHECK(count(M) == 1);
    read_raw(M, "a.example");
    CHECK(raw_len == 11 && memcmp(raw, "\1a.example", 11) == 0); /* F16 */
    lens.puts = 0;
    CHECK(put_at("a.example", "2", STS_MODE_ENFORCE, 1000, T0) == STS_OK && lens.puts == 1);
    CHECK(put_at("b.example", "2", STS_MODE_ENFORCE, 1000, T0) == STS_OK && count(M) == 2);
    CHECK(put_at("a.example", "3", STS_MODE_TESTING, 1000, T0) == STS_OK && count(M) == 1);
    CHECK(put_at("b.example", "3", STS_MODE_NONE, 1000, T0) == STS_OK && count(M) == 0);
    CHECK(put_at("a.example", "4", STS_MODE_ENFORCE, 1000, T0) == STS_OK && count(M) == 1);
    CHECK(sts_cache_drop(s, "a.example") == STS_OK && count(M) == 0);
    CHECK(sts_cache_drop(s, "a.example") == STS_ERR_ABSENT);
}

TEST(f06_p26_what_is_gone_is_said_once)
{
    fresh();
    CHECK(gone_at("a.example", T0) == STS_OK);
    CHECK(put_at("a.example", "1", STS_MODE_ENFORCE, 1000, T0) == STS_OK);
    CHECK(gone_at("a.example", T0 + 1000) == STS_OK && count(M) == 1);
    CHECK(gone_at("a.example", T0 + 1001) == STS_EVENT_POLICY_LAPSED && count(M) == 0);
    CHECK(gone_at("a.example", T0 + 1001) == STS_OK && count(P) == 1);
    CHECK(put_at("a.example", "1", STS_MODE_ENFORCE, 1000, T0) == STS_OK && count(M) == 1);
    CHECK(inner.remove(&ram, P, "a.example") == STS_OK);
    CHECK(gone_at("a.example", T0) == STS_EVENT_CACHE_LOST && count(M) == 0);
    CHECK(gone_at("a.example", T0) == STS_OK);
    CHECK(sts_cache_gone(NULL, "a.example", &unset) == STS_OK);
    CHECK(sts_cache_next_gone(NULL, &unset, next) == STS_OK);
    CHECK(sts_cache_next_due(NULL, 0, &unset, next) == STS_ERR_ABSENT);
    CHECK(sts_cache_failures(NULL, "a.example") == 0);
}

/* C04, R-112. */
TEST(c04_a_time_in_doubt_or_unset_lets_nothing_lapse)
{
    struct sts_time now = {.utc_s = T0 + 5000 * DAY, .trust = STS_CLOCK_DOUBTED};

    for (int i = 0; i < 2; i++) {
        fresh();
        CHECK(put_at("a.example", "1", STS_MODE_ENFORCE, 1000, T0) == STS_OK);
        CHECK(sts_cache_get(s, "a.example", &now, &got, &info) == STS_OK);
        CHECK(sts_cache_gone(s, "a.example", &now) == STS_OK);
        CHECK(sts_cache_next_gone(s, &now, next) == STS_OK && count(M) == 1);
        CHECK(sts_cache_next_due(s, 1, &now, next) == (i == 0 ? STS_OK : STS_ERR_ABSENT));
        now.trust = STS_CLOCK_UNSET;
    }
}

/* Power went between the policy and its mark, either way: no false alarm. */
TEST(f06_a_mark_beside_a_lesser_policy_means_nothing_and_goes)
{
    fresh();
    CHECK(put_at("a.example", "1", STS_MODE_ENFORCE, 1000, T0) == STS_OK);
    read_raw(M, "a.example");
    CHECK(put_at("a.example", "2", STS_MODE_NONE, 1000, T0) == STS_OK && count(M) == 0);
    write_raw(M, "a.example", raw, raw_len);
    CHECK(gone_at("a.example", T0) == STS_OK && count(M) == 0);
    write_raw(M, "a.example", raw, raw_len);
    CHECK(next_gone_at(T0) == STS_OK && count(M) == 0);
    CHECK(put_at("b.example", "2", STS_MODE_ENFORCE, 1000, T0) == STS_OK && count(M) == 1);
    CHECK(inner.remove(&ram, M, "b.example") == STS_OK);
    CHECK(gone_at("b.example", T0 + 1001) == STS_OK);
}

TEST(f06_a_mark_that_is_not_ours_is_none)
{
    fresh();
    write_raw(M, "a.example", "\2a.example", 11);
    CHECK(gone_at("a.example", T0) == STS_OK && count(M) == 1);
    write_raw(M, "a.example", "\1b.example", 11); /* F12 */
    CHECK(gone_at("a.example", T0) == STS_OK && count(M) == 1);
    CHECK(next_gone_at(T0) == STS_OK);
    CHECK(put_at("a.example", "2", STS_MODE_ENFORCE, 1000, T0) == STS_OK && count(M) == 1);
    CHECK(gone_at("a.example", T0 + 1001) == STS_EVENT_POLICY_LAPSED);
}

TEST(f07_any_failing_call_around_marks_is_told_or_leaves_them)
{
    for (int what = 0; what < 4; what++) {
        for (unsigned n = 1;; n++) {
            unsigned calls;
            int e;

            fresh();
            CHECK(put_at("a.example", "1", STS_MODE_ENFORCE, 10 * DAY, T0) == STS_OK);
            CHECK(put_at("b.example", "1", STS_MODE_ENFORCE, 1000, T0) == STS_OK);
            CHECK(fail_at("a.example", "1", T0 + DAY) == STS_OK);
            lens.calls = 0;
            lens.fail_at = n;
            lens.for_good = what % 2;
            e = what == 0   ? gone_at("b.example", T0 + 2000)
                : what == 1 ? next_gone_at(T0 + 2000)
                : what == 2 ? next_due_at(T0 + 2 * DAY)
                            : sts_cache_drop(s, "b.example");
            calls = lens.calls;
            lens.fail_at = 0;
            CHECK(ram.in == SIZE_MAX && ram.out == SIZE_MAX);
            if (calls < n) {
                CHECK(e == (what < 2 ? STS_EVENT_POLICY_LAPSED : STS_OK));
                break;
            }
            if (what < 2) { /* told now, or later */
                CHECK(e == STS_ERR_IO || e == STS_OK || e == STS_EVENT_POLICY_LAPSED);
                CHECK(e == STS_EVENT_POLICY_LAPSED ||
                      gone_at("b.example", T0 + 2000) == STS_EVENT_POLICY_LAPSED);
            } else if (what == 2) {
                CHECK(e == STS_ERR_IO || e == STS_ERR_ABSENT || e == STS_OK);
            } else {
                CHECK(e == STS_ERR_IO && get_at("b.example", T0) == STS_OK);
            }
        }
    }
}

/* What a failing mark costs is the evidence, not the policy. */
TEST(f06_a_mark_that_cannot_be_written_costs_no_policy)
{
    unsigned unmarked = 0;

    for (unsigned n = 1;; n++) {
        unsigned calls;
        int e;

        fresh();
        lens.fail_at = n;
        lens.for_good = true;
        e = put_at("a.example", "1", STS_MODE_ENFORCE, 1000, T0);
        calls = lens.calls;
        lens.fail_at = 0;
        CHECK(ram.in == SIZE_MAX && ram.out == SIZE_MAX);
        CHECK(get_at("a.example", T0) == (e == STS_OK ? STS_OK : STS_ERR_ABSENT));
        if (calls < n) {
            CHECK(e == STS_OK && count(M) == 1);
            break;
        }
        CHECK(count(M) == 0);
        unmarked += e == STS_OK;
    }
    CHECK(unmarked == 5); /* look, put, head, domain, commit */
    lens.calls = 0;
    lens.fail_at = 1;
    CHECK(sts_cache_failures(s, "a.example") == 0);
}

/* As in sts_cache_wait_s(): asking once too often is the lesser harm. */
TEST(f07_a_wait_that_cannot_be_read_is_none_for_an_idle_device)
{
    unsigned due = 0;

    fresh();
    CHECK(put_at("a.example", "1", STS_MODE_ENFORCE, 10 * DAY, T0) == STS_OK);
    CHECK(fail_at("a.example", "1", T0 + 2 * DAY) == STS_OK);
    CHECK(next_due_at(T0 + 2 * DAY) == STS_ERR_ABSENT);
    for (unsigned n = 1; n < 100; n++) {
        lens.calls = 0;
        lens.fail_at = n;
        due += next_due_at(T0 + 2 * DAY) == STS_OK;
    }
    CHECK(due > 0);
}

TEST(h24_the_wait_of_an_idle_device_doubles_up_to_an_hour)
{
    static const int64_t waits[] = {300, 600, 1200, 2400, 3600, 3600};
    int64_t t = T0 + 2 * DAY;

    fresh();
    CHECK(put_at("a.example", "1", STS_MODE_ENFORCE, STS_MAX_AGE_MAX, T0) == STS_OK);
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        CHECK(next_due_at(t) == STS_OK && strcmp(next, "a.example") == 0);
        CHECK(fail_at("a.example", "1", t) == STS_OK);
        CHECK(sts_cache_failures(s, "a.example") == i + 1);
        CHECK(next_due_at(t + waits[i] - 1) == STS_ERR_ABSENT);
        CHECK(next_due_at(t - 300) == STS_ERR_ABSENT);
        CHECK(next_due_at(t - 301) == STS_OK); /* a clock that went back frees it */
        t += waits[i];
    }
    for (unsigned n = 7; n <= 600; n++) {
        CHECK(fail_at("a.example", "1", t) == STS_OK);
        CHECK(sts_cache_failures(s, "a.example") == (n < 256 ? n : 232 + (n - 256) % 24));
    }
    CHECK(sts_cache_fetched(s, "a.example") == STS_OK && sts_cache_failures(s, "a.example") == 0);
}

/* ---- over files --------------------------------------------------------------------------- */

#ifndef STS_TEST_SMALL
#include <stdlib.h>
#include <stsmail/posix.h>
#include <unistd.h>

/* R-109, H24: policies and waits are there after a restart. */
TEST(r109_h24_policies_and_waits_survive_a_restart)
{
    char dir[] = "/tmp/sts-cache-XXXXXX", path[100];
    static const char *const made[] = {"policy/example.org",
                                       "wait/example.org",
                                       "mark/example.org",
                                       "policy/.lock",
                                       "wait/.lock",
                                       "mark/.lock",
                                       "mark",
                                       "policy",
                                       "wait",
                                       ""};
    static struct sts_posix_store files;
    struct sts_store f;
    struct sts_time now = at(T0);

    CHECK(mkdtemp(dir) != NULL);
    sts_posix_store_init(&files, dir, NULL, &f);
    CHECK(sts_cache_put(&f, "example.org", "1", plain(STS_MODE_ENFORCE, 100), &now, NULL) ==
          STS_OK);
    CHECK(sts_cache_failed(&f, "example.org", "2", &now) == STS_OK);
    memset(&files, 0, sizeof files);
    memset(&f, 0, sizeof f);
    sts_posix_store_init(&files, dir, NULL, &f);
    CHECK(sts_cache_get(&f, "example.org", &now, &got, &info) == STS_OK);
    CHECK(same_policy(&got, &policy) && strcmp(info.id, "1") == 0);
    CHECK(sts_cache_wait_s(&f, "example.org", "2", &now) == 300);
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, made[i]);
        CHECK(remove(path) == 0);
    }
}
#endif

TEST_MAIN("cache")
