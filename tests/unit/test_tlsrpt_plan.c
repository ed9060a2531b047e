/* SPDX-License-Identifier: MIT
 *
 * When reports go out, and when again: on a store in RAM that can fail, with a clock that the tests set.
 */
#include <stsmail/ram_store.h>
#include <stsmail/tlsrpt_send.h>

#include "test.h"

#define DAY 86400

static uint8_t memory[16384];
static struct sts_ram_store ram;
static struct sts_store store;
static struct sts_tlsrpt_config config = {&store, "Org", "tls@example.com", "ups7.example.com",
                                          false};
static struct sts_time now;
static sts_day day;
static char domain[STS_NAME_SIZE];
static unsigned tries;
static uint32_t wait_s;

static int keep(uint8_t kind, const char *key, const void *bytes, size_t len)
{
    int e = store.put(store.ctx, kind, key);

    e = e == STS_OK ? store.write(store.ctx, bytes, len) : e;
    return e == STS_OK ? store.commit(store.ctx) : e;
}

static void begin(void)
{
    sts_ram_store_init(&ram, memory, sizeof memory, &store);
    config.device = "ups7.example.com";
    now = (struct sts_time){0, 20000 * (int64_t)DAY, STS_CLOCK_OWNER};
}

/* What is counted is not looked at here. */
static void report(const char *key)
{
    CHECK(keep(STS_STORE_REPORT, key, "\1", 1) == STS_OK);
}

static int next(void)
{
    return sts_tlsrpt_next(&config, &now, &day, domain, &tries, &wait_s);
}

/* Goes on to the first try. */
static int64_t first(void)
{
    CHECK(next() == STS_ERR_ABSENT && wait_s > 0 && wait_s < UINT32_MAX);
    now.utc_s += wait_s;
    CHECK(next() == STS_OK && tries == 0 && wait_s == 0);
    return now.utc_s;
}

/* 1 to 14400 seconds behind the day, the same after a restart, and spread over devices, domains and days. */
TEST(r159_a_report_goes_out_a_fixed_time_behind_its_day)
{
    static const char *const names[] = {"a.example.com", "b.example.com", "c.example.com"};
    uint64_t least = UINT64_MAX, most = 0, sum = 0;
    unsigned n = 0;

    for (size_t i = 0; i < 3; i++) {
        for (int d = 0; d < 200; d++) {
            char key[64];
            int64_t at;

            begin();
            config.device = names[i];
            snprintf(key, sizeof key, "%d.example.org", 20000 + d);
            report(key);
            now.utc_s = (20000 + d) * (int64_t)DAY + 5;
            at = first() - (20001 + d) * (int64_t)DAY;
            CHECK(at >= 1 && at <= 14400 && day == 20000 + d && strcmp(domain, "example.org") == 0);
            now.utc_s -= 1;
            CHECK(next() == STS_ERR_ABSENT && wait_s == 1);
            least = (uint64_t)at < least ? (uint64_t)at : least;
            most = (uint64_t)at > most ? (uint64_t)at : most;
            sum += (uint64_t)at;
            n++;
        }
    }
    CHECK(least < 200 && most > 14200 && sum / n > 6700 && sum / n < 7700);
}

TEST(the_one_that_is_due_first_comes_first)
{
    begin();
    CHECK(next() == STS_ERR_ABSENT && wait_s == UINT32_MAX);
    report("99999.never.example"); /* of a clock that was wrong */
    CHECK(next() == STS_ERR_ABSENT && wait_s == UINT32_MAX - 1);
    report("20001.late.example");
    report("19999.early.example");
    report("20000.middle.example");
    now.utc_s = 20004 * (int64_t)DAY;
    CHECK(next() == STS_OK && day == 19999 && strcmp(domain, "early.example") == 0);
    CHECK(sts_tlsrpt_drop(&store, day, domain) == STS_OK);
    CHECK(next() == STS_OK && day == 20000);
    CHECK(sts_tlsrpt_put_off(&config, &now, day, domain) == STS_OK);
    CHECK(next() == STS_OK && day == 20001);
    CHECK(sts_tlsrpt_drop(&store, day, domain) == STS_OK);
    CHECK(next() == STS_ERR_ABSENT && wait_s == 900 && tries == 0);
}

/* longer and longer, over restarts, for no more than 24 hours; then it is gone, with what was planned. */
TEST(r193_a_report_is_tried_again_for_a_day)
{
    static const uint32_t pauses[] = {900, 1800, 3600, 7200, 14400, 14400, 14400, 14400, 14400};
    int64_t start;

    begin();
    report("20000.example.org");
    start = first();
    for (unsigned i = 0; i < 9; i++) {
        CHECK(sts_tlsrpt_put_off(&config, &now, day, domain) == STS_OK);
        CHECK(next() == STS_ERR_ABSENT && wait_s == pauses[i]);
        now.utc_s += wait_s;
        CHECK(next() == STS_OK && tries == i + 1);
    }
    CHECK(now.utc_s - start <= DAY && now.utc_s - start + 14400 > DAY);
    CHECK(sts_tlsrpt_put_off(&config, &now, day, domain) == STS_ERR_TIMEOUT);
    CHECK(next() == STS_ERR_ABSENT && wait_s == UINT32_MAX);
    CHECK(store.get(store.ctx, STS_STORE_PLAN, "20000.example.org") == STS_ERR_ABSENT);
}

/* Another process may have got it through meanwhile. */
TEST(r193_a_report_that_is_gone_is_given_up_too)
{
    begin();
    report("20000.example.org");
    (void)first();
    CHECK(sts_tlsrpt_put_off(&config, &now, day, domain) == STS_OK);
    CHECK(store.remove(store.ctx, STS_STORE_REPORT, "20000.example.org") == STS_OK);
    now.utc_s += DAY;
    CHECK(sts_tlsrpt_put_off(&config, &now, day, domain) == STS_ERR_TIMEOUT);
    CHECK(next() == STS_ERR_ABSENT && wait_s == UINT32_MAX);
}

TEST(c04_a_clock_that_nobody_trusts_sends_nothing)
{
    begin();
    report("20000.example.org");
    now.utc_s += 3 * DAY;
    now.trust = STS_CLOCK_DOUBTED;
    CHECK(next() == STS_ERR_CLOCK);
    now.trust = STS_CLOCK_UNSET;
    CHECK(next() == STS_ERR_CLOCK);
}

/* C05: a time that was planned by a clock that ran ahead does not hold a report for years. */
TEST(c05_a_plan_from_the_future_is_none)
{
    begin();
    report("20000.example.org");
    now.utc_s = 30000 * (int64_t)DAY;
    CHECK(sts_tlsrpt_put_off(&config, &now, 20000, "example.org") == STS_OK);
    now.utc_s = 20001 * (int64_t)DAY + 14400;
    CHECK(next() == STS_OK && tries == 0);
}

/* */
TEST(r195_an_address_that_refused_is_left_alone_for_a_week)
{
    static const char one[] = "https://r.example/1", two[] = "mailto:r@r.example";

    begin();
    CHECK(!sts_tlsrpt_is_refused(&config, &now, one));
    CHECK(sts_tlsrpt_refused(&config, &now, one) == STS_OK);
    CHECK(sts_tlsrpt_is_refused(&config, &now, one) && !sts_tlsrpt_is_refused(&config, &now, two));
    now.utc_s += 7 * DAY - 1;
    CHECK(sts_tlsrpt_is_refused(&config, &now, one));
    CHECK(sts_tlsrpt_refused(&config, &now, two) == STS_OK);
    now.utc_s += 1;
    CHECK(!sts_tlsrpt_is_refused(&config, &now, one) && sts_tlsrpt_is_refused(&config, &now, two));
    now.utc_s -= 30 * DAY; /* the clock was wrong */
    CHECK(!sts_tlsrpt_is_refused(&config, &now, two));
}

static bool count(void *arg, const char *key)
{
    (void)key;
    ++*(unsigned *)arg;
    return true;
}

TEST(r195_so_many_addresses_and_no_more_are_kept)
{
    char uri[40];
    unsigned n = 0;

    begin();
    for (unsigned i = 0; i < 20; i++) {
        snprintf(uri, sizeof uri, "https://r.example/%u", i);
        CHECK(sts_tlsrpt_refused(&config, &now, uri) ==
              (i < STS_TLSRPT_MAX ? STS_OK : STS_ERR_SPACE));
        CHECK(sts_tlsrpt_is_refused(&config, &now, uri) == (i < STS_TLSRPT_MAX));
    }
    now.utc_s += 7 * DAY;
    CHECK(sts_tlsrpt_refused(&config, &now, uri) == STS_OK); /* in the place of one that is over */
    CHECK(store.iterate(store.ctx, STS_STORE_REFUSED, count, &n) == STS_OK);
    CHECK(n >= 8 && n <= 20 && n <= STS_TLSRPT_MAX);
}

static int broken_get(void *ctx, uint8_t kind, const char *key)
{
    (void)ctx, (void)key;
    return kind == STS_STORE_PLAN ? STS_ERR_IO : STS_ERR_ABSENT;
}

static int broken(void *ctx, uint8_t kind, bool (*each)(void *arg, const char *key), void *arg)
{
    (void)ctx, (void)kind, (void)each, (void)arg;
    return STS_ERR_IO;
}

static int full(void *ctx, uint8_t kind, const char *key)
{
    (void)ctx, (void)kind, (void)key;
    return STS_ERR_SPACE;
}

static int stuck(void *ctx, uint8_t kind, const char *key)
{
    (void)ctx, (void)kind, (void)key;
    return STS_ERR_IO;
}

/* F07: what cannot be read is no reason to begin anew. */
TEST(f07_a_store_that_fails_is_said)
{
    begin();
    report("20000.example.org");
    now.utc_s += 2 * DAY;
    store.put = full;
    CHECK(sts_tlsrpt_put_off(&config, &now, 20000, "example.org") == STS_ERR_SPACE);
    store.get = broken_get;
    CHECK(next() == STS_ERR_IO);
    CHECK(sts_tlsrpt_put_off(&config, &now, 20000, "example.org") == STS_ERR_IO);
    store.iterate = broken;
    CHECK(next() == STS_ERR_IO);
    CHECK(sts_tlsrpt_refused(&config, &now, "https://r.example") == STS_ERR_IO);

    begin();
    report("20000.example.org");
    now.utc_s += 2 * DAY;
    CHECK(sts_tlsrpt_put_off(&config, &now, 20000, "example.org") == STS_OK);
    now.utc_s += DAY;
    store.remove = stuck;
    CHECK(sts_tlsrpt_put_off(&config, &now, 20000, "example.org") == STS_ERR_IO);
    CHECK(sts_tlsrpt_refused(&config, &now, "https://r.example") == STS_OK);
    now.utc_s += 7 * DAY;
    CHECK(sts_tlsrpt_refused(&config, &now, "https://s.example") == STS_ERR_IO);
}

/* Damaged records are none; a number that cannot be is cut. */
TEST(f05_a_plan_that_cannot_be_is_none)
{
    static const char endless[] = "\1\2\0\0\0\0\0\0\0\1\xff\xff\xff\xff\xff\xff\xff\xff"
                                  "20000.example.org";

    begin();
    report("20000.example.org");
    now.utc_s += 2 * DAY;
    CHECK(keep(STS_STORE_PLAN, "20000.example.org", endless, sizeof endless) == STS_OK);
    CHECK(next() == STS_OK && tries == 0);
    CHECK(keep(STS_STORE_PLAN, "20000.example.org", "\1\2", 2) == STS_OK);
    CHECK(next() == STS_OK && tries == 0);
    CHECK(keep(STS_STORE_REFUSED, "x0123456789abcdef", "?", 1) == STS_OK);
    CHECK(sts_tlsrpt_refused(&config, &now, "https://r.example") == STS_OK);
    CHECK(store.get(store.ctx, STS_STORE_REFUSED, "x0123456789abcdef") == STS_ERR_ABSENT);
}

TEST_MAIN("tlsrpt_plan")
