/* SPDX-License-Identifier: MIT
 *
 * core/clock: a time from the network between two bounds, over a store in RAM that can fail.
 */
#include "test.h"

#include <stsmail/clock.h>
#include <stsmail/ram_store.h>

#define BUILD INT64_C(1793491200) /* 2026-11-01 */
#define NOW   (BUILD + 10 * DAY)
#define DAY   INT64_C(86400)
#define YEAR  (365 * DAY)
#define TICK  0xfffff000u /* C07: the tick wraps in every test */

enum fault {
    NONE,
    GET,
    READ,
    PUT,
    WRITE,
    COMMIT
};

static uint8_t memory[400];
static struct sts_ram_store ram;
static struct sts_store inner;
static enum fault fault;
static unsigned written, open_records;

static int get(void *c, uint8_t kind, const char *key)
{
    int e = fault == GET ? STS_ERR_IO : inner.get(c, kind, key);

    open_records += e == STS_OK;
    return e;
}
static int32_t read(void *c, void *buf, size_t len)
{
    return fault == READ ? STS_ERR_IO : inner.read(c, buf, len);
}
static void done(void *c)
{
    open_records--;
    inner.done(c);
}
static int put(void *c, uint8_t kind, const char *key)
{
    int e = fault == PUT ? STS_ERR_SPACE : inner.put(c, kind, key);

    written++;
    open_records += e == STS_OK;
    return e;
}
static int write(void *c, const void *buf, size_t len)
{
    return fault == WRITE ? STS_ERR_SPACE : inner.write(c, buf, len);
}
static int commit(void *c)
{
    open_records--;
    if (fault == COMMIT) {
        inner.abort(c);
        return STS_ERR_IO;
    }
    return inner.commit(c);
}
static void abort_it(void *c)
{
    open_records--;
    inner.abort(c);
}

static struct sts_store store = {&ram, put, write, commit, abort_it, get, read, done, 0, 0, 0, 0};
static struct sts_clock c;
static uint32_t tick;

/* A device with an empty flash. */
static void fresh(void)
{
    fault = NONE;
    written = open_records = 0;
    tick = TICK;
    sts_ram_store_init(&ram, memory, sizeof memory, &inner);
    CHECK(sts_clock_init(&c, &store, BUILD) == STS_OK);
}

/* The power goes, and comes back. */
static void reboot(void)
{
    CHECK(sts_clock_save(&c) == STS_OK);
    tick = 5;
    CHECK(sts_clock_init(&c, &store, BUILD) == STS_OK);
}

static bool is(uint8_t trust, int64_t utc_s)
{
    struct sts_time now;

    sts_clock_now(&c, tick, &now);
    return now.ms == tick && now.trust == trust && (trust == STS_CLOCK_UNSET || now.utc_s == utc_s);
}

static int network(int64_t utc_s)
{
    return sts_clock_set(&c, utc_s, STS_CLOCK_NETWORK, tick);
}

static int owner(int64_t utc_s)
{
    return sts_clock_set(&c, utc_s, STS_CLOCK_OWNER, tick);
}

/* Days go by, and the loop asks for the time each day. */
static void live(unsigned days)
{
    while (days-- > 0) {
        tick += (uint32_t)DAY * 1000;
        CHECK(!is(STS_CLOCK_UNSET, 0));
    }
}

static void record_is(const void *bytes, size_t len)
{
    CHECK(inner.put(inner.ctx, STS_STORE_CLOCK, "clock") == STS_OK);
    CHECK(inner.write(inner.ctx, bytes, len) == STS_OK);
    CHECK(inner.commit(inner.ctx) == STS_OK);
}

/* ---- C01, C02 ------------------------------------------------------------------------------ */

TEST(c01_the_time_is_unset_until_somebody_says_it)
{
    fresh();
    CHECK(is(STS_CLOCK_UNSET, 0));
    tick += 100000;
    CHECK(is(STS_CLOCK_UNSET, 0));
    sts_clock_confirm(&c, NOW, tick); /* a second source needs a first */
    CHECK(is(STS_CLOCK_UNSET, 0));
    CHECK(network(NOW) == STS_OK);
    CHECK(is(STS_CLOCK_NETWORK, NOW));
}

TEST(c02_no_time_before_the_build_is_believed_whoever_says_it)
{
    fresh();
    CHECK(network(0) == STS_ERR_CLOCK);
    CHECK(network(BUILD - 1) == STS_ERR_CLOCK);
    CHECK(owner(BUILD - 1) == STS_ERR_CLOCK);
    CHECK(owner(-1) == STS_ERR_CLOCK);
    CHECK(owner(INT64_MIN) == STS_ERR_CLOCK);
    CHECK(is(STS_CLOCK_UNSET, 0));
    CHECK(network(BUILD) == STS_OK);
    CHECK(is(STS_CLOCK_NETWORK, BUILD));
}

TEST(c02_a_later_build_is_a_later_floor)
{
    fresh();
    CHECK(owner(NOW) == STS_OK);
    CHECK(sts_clock_save(&c) == STS_OK);
    CHECK(sts_clock_init(&c, &store, NOW + YEAR) == STS_OK);
    CHECK(network(NOW + YEAR - 1) == STS_ERR_CLOCK);
    CHECK(network(NOW + YEAR) == STS_OK);
    CHECK(is(STS_CLOCK_NETWORK, NOW + YEAR));
}

TEST(c02_a_build_date_that_is_none_believes_nothing)
{
    CHECK(sts_clock_init(&c, NULL, -1) == STS_ERR_ARG);
    CHECK(owner(NOW) == STS_ERR_CLOCK && is(STS_CLOCK_UNSET, 0));
    CHECK(sts_clock_init(&c, NULL, INT64_C(253402300800)) == STS_ERR_ARG);
    CHECK(owner(NOW) == STS_ERR_CLOCK && is(STS_CLOCK_UNSET, 0));
    CHECK(sts_clock_init(&c, NULL, INT64_C(253402300799)) == STS_OK);
    CHECK(sts_clock_init(&c, NULL, 0) == STS_OK);
    CHECK(network(0) == STS_OK && is(STS_CLOCK_NETWORK, 0));
}

TEST(c06_no_date_after_the_year_9999_is_believed)
{
    fresh();
    CHECK(network(INT64_C(253402300800)) == STS_ERR_CLOCK);
    CHECK(owner(INT64_MAX) == STS_ERR_CLOCK);
    CHECK(is(STS_CLOCK_UNSET, 0));
    CHECK(owner(INT64_C(253402300799)) == STS_OK);
    tick += 2000;
    CHECK(is(STS_CLOCK_OWNER, INT64_C(253402300801))); /* what it does then is run on */
}

TEST(another_trust_than_these_two_is_refused)
{
    fresh();
    CHECK(sts_clock_set(&c, NOW, STS_CLOCK_UNSET, tick) == STS_ERR_ARG);
    CHECK(sts_clock_set(&c, NOW, STS_CLOCK_DOUBTED, tick) == STS_ERR_ARG);
    CHECK(sts_clock_set(&c, NOW, 9, tick) == STS_ERR_ARG);
    CHECK(is(STS_CLOCK_UNSET, 0));
}

/* ---- C03, C05 ------------------------------------------------------------------------------ */

TEST(c03_c05_the_network_cannot_set_the_time_back_behind_the_floor)
{
    fresh();
    CHECK(owner(NOW) == STS_OK);
    CHECK(network(NOW - DAY - 1) == STS_ERR_CLOCK);
    CHECK(is(STS_CLOCK_OWNER, NOW));
    CHECK(network(NOW - DAY) == STS_OK); /* two clocks that differ a little */
    CHECK(is(STS_CLOCK_NETWORK, NOW - DAY));
    CHECK(network(NOW - DAY - 1) == STS_ERR_CLOCK); /* and no further, step by step */
}

TEST(c05_the_floor_survives_the_power)
{
    fresh();
    CHECK(owner(NOW) == STS_OK);
    reboot();
    CHECK(is(STS_CLOCK_UNSET, 0));
    CHECK(network(NOW - DAY - 1) == STS_ERR_CLOCK);
    CHECK(is(STS_CLOCK_UNSET, 0));
    CHECK(network(NOW - DAY) == STS_OK);
}

TEST(c03_the_owner_may_set_it_back_and_the_floor_with_it)
{
    fresh();
    CHECK(owner(NOW + 20 * YEAR) == STS_OK); /* a slip of the hand */
    reboot();
    CHECK(network(NOW) == STS_ERR_CLOCK);
    CHECK(owner(NOW) == STS_OK);
    CHECK(is(STS_CLOCK_OWNER, NOW));
    reboot();
    CHECK(network(NOW + 60) == STS_OK);
    CHECK(is(STS_CLOCK_NETWORK, NOW + 60));
}

TEST(c05_the_floor_runs_on_with_the_tick_a_little_slower)
{
    fresh();
    CHECK(owner(NOW) == STS_OK);
    live(320);
    CHECK(is(STS_CLOCK_OWNER, NOW + 320 * DAY));
    CHECK(network(NOW + 309 * DAY - 1) == STS_ERR_CLOCK); /* 320 - 320/32 - 1 */
    CHECK(network(NOW + 309 * DAY) == STS_OK);
}

/* ---- C04 ----------------------------------------------------------------------------------- */

TEST(c04_a_jump_of_ten_years_is_doubted_until_a_second_source_agrees)
{
    fresh();
    CHECK(network(NOW + 10 * YEAR) == STS_OK);
    CHECK(is(STS_CLOCK_DOUBTED, NOW + 10 * YEAR));
    sts_clock_confirm(&c, NOW, tick);
    CHECK(is(STS_CLOCK_DOUBTED, NOW + 10 * YEAR)); /* nor does the server set it */
    sts_clock_confirm(&c, NOW + 10 * YEAR + 3601, tick);
    CHECK(is(STS_CLOCK_DOUBTED, NOW + 10 * YEAR));
    sts_clock_confirm(&c, NOW + 10 * YEAR - 3601, tick);
    CHECK(is(STS_CLOCK_DOUBTED, NOW + 10 * YEAR));
    sts_clock_confirm(&c, NOW + 10 * YEAR + 3600, tick);
    CHECK(is(STS_CLOCK_NETWORK, NOW + 10 * YEAR));
    CHECK(network(NOW + 10 * YEAR - DAY - 1) == STS_ERR_CLOCK); /* it is the floor now */
}

TEST(c04_a_doubted_time_is_not_remembered)
{
    fresh();
    CHECK(owner(NOW) == STS_OK);
    CHECK(network(NOW + 10 * YEAR) == STS_OK);
    reboot();
    CHECK(network(NOW) == STS_OK);
    CHECK(is(STS_CLOCK_NETWORK, NOW));
}

TEST(c04_a_better_answer_of_the_network_ends_the_doubt)
{
    fresh();
    CHECK(network(NOW + 10 * YEAR) == STS_OK);
    CHECK(network(NOW) == STS_OK);
    CHECK(is(STS_CLOCK_NETWORK, NOW));
}

TEST(c04_so_does_the_owner)
{
    fresh();
    CHECK(network(NOW + 10 * YEAR) == STS_OK);
    CHECK(owner(NOW + 10 * YEAR) == STS_OK);
    CHECK(is(STS_CLOCK_OWNER, NOW + 10 * YEAR));
}

TEST(c04_small_steps_do_not_creep_ahead)
{
    fresh();
    for (int64_t step = 20; step < 200; step += 20) {
        CHECK(network(BUILD + step * DAY) == STS_OK);
        CHECK(is(step <= 30 ? STS_CLOCK_NETWORK : STS_CLOCK_DOUBTED, BUILD + step * DAY));
    }
}

TEST(c04_thirty_days_without_power_are_not_doubted_and_one_second_more_is)
{
    fresh();
    CHECK(network(BUILD + 30 * DAY) == STS_OK && is(STS_CLOCK_NETWORK, BUILD + 30 * DAY));
    CHECK(network(BUILD + 30 * DAY + 1) == STS_OK);
    CHECK(is(STS_CLOCK_DOUBTED, BUILD + 30 * DAY + 1));
}

TEST(c04_who_knows_the_time_doubts_a_jump_of_more_than_a_day)
{
    fresh();
    CHECK(network(NOW) == STS_OK);
    sts_clock_confirm(&c, NOW, tick);
    CHECK(network(NOW + DAY) == STS_OK && is(STS_CLOCK_NETWORK, NOW + DAY));
    CHECK(network(NOW + DAY + 1) == STS_OK && is(STS_CLOCK_DOUBTED, NOW + DAY + 1));
}

TEST(c08_the_ceiling_runs_ahead_of_a_tick_that_is_slow)
{
    fresh();
    CHECK(owner(NOW) == STS_OK);
    live(320);
    CHECK(network(NOW + 331 * DAY) == STS_OK && is(STS_CLOCK_NETWORK, NOW + 331 * DAY));
    CHECK(network(NOW + 331 * DAY + 1) == STS_OK);
    CHECK(is(STS_CLOCK_DOUBTED, NOW + 331 * DAY + 1));
}

TEST(c05_a_date_that_agrees_raises_the_floor_to_the_earlier_of_both)
{
    fresh();
    CHECK(network(NOW) == STS_OK);
    sts_clock_confirm(&c, NOW - 3600, tick);
    CHECK(is(STS_CLOCK_NETWORK, NOW));
    CHECK(network(NOW - 3600 - DAY - 1) == STS_ERR_CLOCK);
    CHECK(network(NOW - 3600 - DAY) == STS_OK);
    sts_clock_confirm(&c, NOW - 3600 - DAY, tick); /* and never lowers it */
    CHECK(network(NOW - 3600 - DAY - 1) == STS_ERR_CLOCK);
}

TEST(c04_a_date_that_agrees_leaves_the_owners_time_the_owners)
{
    fresh();
    CHECK(owner(NOW) == STS_OK);
    sts_clock_confirm(&c, NOW + 10, tick);
    CHECK(is(STS_CLOCK_OWNER, NOW));
}

TEST(c09_no_date_whatsoever_overflows)
{
    fresh();
    CHECK(network(NOW) == STS_OK);
    sts_clock_confirm(&c, INT64_MIN, tick);
    sts_clock_confirm(&c, INT64_MAX, tick);
    CHECK(network(INT64_MIN) == STS_ERR_CLOCK && network(INT64_MAX) == STS_ERR_CLOCK);
    CHECK(is(STS_CLOCK_NETWORK, NOW));
}

/* ---- C07, C08 ------------------------------------------------------------------------------ */

TEST(c07_the_time_runs_over_the_wrap_of_the_tick)
{
    fresh();
    CHECK(network(NOW) == STS_OK);
    tick += 4095;
    CHECK(is(STS_CLOCK_NETWORK, NOW + 4)); /* 2^32 - 1 */
    tick += 1;
    CHECK(tick == 0 && is(STS_CLOCK_NETWORK, NOW + 4));
    tick += 904;
    CHECK(is(STS_CLOCK_NETWORK, NOW + 5));
    tick += 0x7fffffffu; /* 24.8 days in one go */
    CHECK(is(STS_CLOCK_NETWORK, NOW + 5 + 2147483));
}

TEST(c07_asked_often_or_seldom_it_is_the_same_time)
{
    fresh();
    CHECK(network(NOW) == STS_OK);
    for (uint32_t ms = 1; ms <= 100000; ms++) {
        tick++;
        CHECK(is(STS_CLOCK_NETWORK, NOW + ms / 1000));
    }
}

TEST(c08_a_tick_that_goes_back_makes_the_time_stand_still)
{
    fresh();
    CHECK(network(NOW) == STS_OK);
    tick += 10000;
    CHECK(is(STS_CLOCK_NETWORK, NOW + 10));
    for (int i = 0; i < 100; i++) { /* a jitter adds up to nothing */
        tick -= 5;
        CHECK(is(STS_CLOCK_NETWORK, NOW + 10));
        tick += 5;
        CHECK(is(STS_CLOCK_NETWORK, NOW + 10));
    }
    tick -= 5000;
    CHECK(is(STS_CLOCK_NETWORK, NOW + 10));
    tick += 6000;
    CHECK(is(STS_CLOCK_NETWORK, NOW + 11));
}

TEST(c08_a_tick_that_stood_still_is_set_right_by_the_network)
{
    fresh();
    CHECK(owner(NOW) == STS_OK);
    CHECK(network(NOW + DAY) == STS_OK); /* asleep for a day */
    CHECK(is(STS_CLOCK_NETWORK, NOW + DAY));
    CHECK(network(NOW + 9 * DAY) ==
          STS_OK); /* for longer: taken, until it is confirmed with doubt */
    CHECK(is(STS_CLOCK_DOUBTED, NOW + 9 * DAY));
}

TEST(c08_the_network_starts_the_time_again_where_a_tick_went_back)
{
    fresh();
    CHECK(network(NOW) == STS_OK);
    tick += 10000;
    CHECK(is(STS_CLOCK_NETWORK, NOW + 10));
    tick -= 9000;
    CHECK(network(NOW + 20) == STS_OK);
    tick += 5000;
    CHECK(is(STS_CLOCK_NETWORK, NOW + 25));
}

TEST(c08_before_the_time_is_known_the_tick_moves_no_bound)
{
    fresh();
    for (int day = 0; day < 300; day++) {
        tick += (uint32_t)DAY * 1000;
        CHECK(is(STS_CLOCK_UNSET, 0));
    }
    CHECK(c.floor == BUILD && c.ceiling == BUILD + 30 * DAY && network(BUILD) == STS_OK);
}

TEST(c08_the_bounds_move_as_far_asked_often_as_asked_once)
{
    fresh();
    CHECK(owner(NOW) == STS_OK);
    for (int s = 1; s <= 3200; s++) {
        tick += 1000;
        CHECK(is(STS_CLOCK_OWNER, NOW + s));
        CHECK(c.floor == NOW + s - s / 32 && c.ceiling == NOW + DAY + s + s / 32);
    }
}

TEST(c03_what_went_by_since_somebody_asked_counts)
{
    fresh();
    CHECK(owner(NOW) == STS_OK);
    tick += 10 * (uint32_t)DAY * 1000;
    CHECK(network(NOW) == STS_ERR_CLOCK);
    fresh();
    CHECK(network(NOW + 40 * DAY) == STS_OK && is(STS_CLOCK_DOUBTED, NOW + 40 * DAY));
    tick += 7200000;
    sts_clock_confirm(&c, NOW + 40 * DAY + 7200, tick);
    CHECK(is(STS_CLOCK_NETWORK, NOW + 40 * DAY + 7200));
}

TEST(c05_a_date_ahead_of_the_time_raises_the_floor_no_further_than_the_time)
{
    fresh();
    CHECK(network(NOW) == STS_OK);
    sts_clock_confirm(&c, NOW + 3600, tick);
    CHECK(c.floor == NOW);
}

/* ---- the store ----------------------------------------------------------------------------- */

TEST(f10_a_year_costs_one_small_record_a_day_at_the_most)
{
    fresh();
    CHECK(network(NOW) == STS_OK);
    for (unsigned hour = 0; hour < 24 * 365; hour++) {
        tick += 3600000;
        CHECK(is(STS_CLOCK_NETWORK, NOW + (hour + 1) * INT64_C(3600)));
        sts_clock_confirm(&c, NOW + (hour + 1) * INT64_C(3600), tick);
        CHECK(sts_clock_save(&c) == STS_OK);
    }
    CHECK(written >= 360 && written <= 375);
    CHECK(open_records == 0);
    reboot();
    CHECK(network(NOW + 363 * DAY - 1) == STS_ERR_CLOCK);
}

TEST(f10_nothing_new_is_not_written)
{
    fresh();
    CHECK(sts_clock_save(&c) == STS_OK && written == 0); /* the build date is known anyway */
    CHECK(owner(BUILD + DAY - 1) == STS_OK);
    CHECK(sts_clock_save(&c) == STS_OK && written == 0);
    CHECK(owner(BUILD + DAY) == STS_OK);
    CHECK(sts_clock_save(&c) == STS_OK && written == 1);
    CHECK(sts_clock_save(&c) == STS_OK && written == 1);
    CHECK(owner(BUILD + 1) == STS_OK);
    CHECK(sts_clock_save(&c) == STS_OK && written == 1);
    CHECK(owner(BUILD) == STS_OK); /* back by a day */
    CHECK(sts_clock_save(&c) == STS_OK && written == 2);
}

TEST(without_a_store_nothing_is_remembered_and_nothing_fails)
{
    tick = TICK;
    CHECK(sts_clock_init(&c, NULL, BUILD) == STS_OK);
    CHECK(owner(NOW) == STS_OK && is(STS_CLOCK_OWNER, NOW));
    CHECK(sts_clock_save(&c) == STS_OK);
}

TEST(f07_a_store_that_cannot_be_read_is_said_and_left_alone)
{
    for (fault = GET; fault <= READ; fault++) {
        enum fault f = fault;

        fresh();
        CHECK(owner(NOW) == STS_OK && sts_clock_save(&c) == STS_OK && written == 1);
        fault = f;
        CHECK(sts_clock_init(&c, &store, BUILD) == STS_ERR_IO);
        CHECK(open_records == 0);
        fault = NONE;
        CHECK(network(BUILD + 2 * DAY) == STS_OK); /* it works all the same */
        CHECK(owner(BUILD + 5 * DAY) == STS_OK);
        CHECK(sts_clock_save(&c) == STS_OK && written == 1);
        reboot();
        CHECK(network(NOW - DAY - 1) == STS_ERR_CLOCK); /* what was remembered is there yet */
        fault = f;
    }
}

TEST(f01_a_write_that_fails_is_said_and_done_again)
{
    static const int errors[] = {
        [PUT] = STS_ERR_SPACE, [WRITE] = STS_ERR_SPACE, [COMMIT] = STS_ERR_IO};

    for (int f = PUT; f <= COMMIT; f++) {
        fresh();
        CHECK(owner(NOW) == STS_OK && sts_clock_save(&c) == STS_OK);
        CHECK(owner(NOW + 2 * DAY) == STS_OK);
        fault = (enum fault)f;
        CHECK(sts_clock_save(&c) == errors[f]);
        CHECK(open_records == 0);
        CHECK(sts_clock_save(&c) == errors[f]);
        fault = NONE;
        CHECK(sts_clock_save(&c) == STS_OK);
        reboot();
        CHECK(network(NOW + DAY - 1) == STS_ERR_CLOCK);
    }
}

TEST(f16_the_record_is_this)
{
    static const uint8_t want[] = {1, 0, 0, 0, 0, 0x6a, 0xe7, 0x8e, 0x80};
    uint8_t have[16];

    fresh();
    CHECK(owner(0x6ae78e80 + DAY) == STS_OK);
    CHECK(owner(0x6ae78e80 + DAY) == STS_OK && sts_clock_save(&c) == STS_OK);
    CHECK(owner(0x6ae78e80) == STS_OK && sts_clock_save(&c) == STS_OK);
    CHECK(inner.get(inner.ctx, STS_STORE_CLOCK, "clock") == STS_OK);
    CHECK(inner.read(inner.ctx, have, sizeof have) == (int32_t)sizeof want);
    inner.done(inner.ctx);
    CHECK(memcmp(have, want, sizeof want) == 0);
}

TEST(f16_a_record_that_is_not_ours_counts_as_none)
{
    static const uint8_t good[] = {1, 0, 0, 0, 0, 0x70, 0, 0, 0};
    static const uint8_t other[] = {2, 0, 0, 0, 0, 0x70, 0, 0, 0};
    static const uint8_t large[] = {1, 0, 0, 0, 0x3b, 0, 0, 0, 0};
    static const uint8_t negative[] = {1, 0xff, 0, 0, 0, 0x70, 0, 0, 0};

    fresh();
    for (size_t len = 0; len < sizeof good; len++) {
        record_is(good, len);
        CHECK(sts_clock_init(&c, &store, BUILD) == STS_OK && open_records == 0);
        CHECK(network(BUILD) == STS_OK);
    }
    record_is(good, sizeof good);
    CHECK(sts_clock_init(&c, &store, BUILD) == STS_OK);
    CHECK(network(BUILD) == STS_ERR_CLOCK && network(0x70000000 - DAY) == STS_OK);
    record_is(other, sizeof other);
    CHECK(sts_clock_init(&c, &store, BUILD) == STS_OK && network(BUILD) == STS_OK);
    record_is(large, sizeof large);
    CHECK(sts_clock_init(&c, &store, BUILD) == STS_OK && network(BUILD) == STS_OK);
    record_is(negative, sizeof negative);
    CHECK(sts_clock_init(&c, &store, BUILD) == STS_OK && network(BUILD) == STS_OK);
}

TEST_MAIN("clock")
