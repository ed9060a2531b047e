/* SPDX-License-Identifier: MIT
 *
 * The queue's entries and its schedule, exhaustively within bounds: every pair of changed bits of an entry against a second reader;
 * every sequence of jumps of the clock against the rules of queue.h, told once more in other words.
 */
#define _GNU_SOURCE
#include "queue_play.h"

#include "naive_queue.h"

/* ---- entries --------------------------------------------------------------------------------- */

/* Q04: one entry of one recipient, short, so that all pairs can be had. */
TEST(q04_every_pair_of_changed_bits_is_judged_alike)
{
    static uint8_t image[96], copy[96];
    static char text[STS_QUEUE_TEXT];
    static struct sts_recipient to[STS_QUEUE_RECIPIENTS];
    struct sts_recipient two[2] = {{.address = "o@a.b", .error = STS_ERR_DNS, .reply = "4"},
                                   {.address = "p@c"}};
    struct sts_queue_record r = {.entry = {.state = STS_QUEUE_WAITING,
                                           .tries = 1,
                                           .queued_at = 1790000000,
                                           .sender = "",
                                           .recipients = two,
                                           .count = 2},
                                 .text_len = 12};
    struct one_record one = {.out = image, .out_size = sizeof image};
    struct sts_store s = one_store(&one);
    size_t bits;
    long good = 0;

    CHECK(sts_queue_write(&s, &r, NULL, "") == STS_OK);
    bits = one.out_len * 8;
    CHECK(naive_result(image, one.out_len) == STS_OK);
    for (size_t a = 0; a < bits; a++) {
        memcpy(copy, image, sizeof copy);
        copy[a / 8] ^= (uint8_t)(1 << a % 8);
        for (size_t b = a; b < bits; b++) {
            copy[b / 8] ^= (uint8_t)((b > a) << b % 8);
            CHECK(naive_compare(copy, one.out_len, b % 3, text, to));
            good += naive_result(copy, one.out_len) == STS_OK;
            copy[b / 8] ^= (uint8_t)((b > a) << b % 8);
        }
    }
    printf("%zu bits, %ld pairs that still are entries\n", bits, good);
    CHECK(good > 1000);
}

/* ---- the schedule ------------------------------------------------------------------------------ */

static int64_t base_of(int tries)
{
    static const int64_t minutes[] = {1, 1, 5, 15, 30};

    return 60 * (tries < 5 ? minutes[tries] : 60);
}

/* Q09, C03: how far ahead is due when, for every try and every second around. */
TEST(q09_c03_every_try_and_every_second_ahead)
{
    struct sts_time now = {.utc_s = NOON, .trust = STS_CLOCK_OWNER};
    struct sts_queue_entry e;

    memset(&e, 0, sizeof e);
    for (int tries = 0; tries < 12; tries++) {
        CHECK(sts_queue_interval_s((uint32_t)tries) == (uint32_t)base_of(tries));
        for (int64_t ahead = -5000; ahead < 10000; ahead++) {
            bool far = ahead * 5 > base_of(tries) * 6;

            e.tries = (uint16_t)tries;
            e.next_try_at = NOON + ahead;
            CHECK(sts_queue_ahead_ms(&e, &now) == (ahead < 0 || far ? 0 : (uint32_t)ahead * 1000));
        }
    }
    e.tries = 65535;
    e.next_try_at = INT64_MAX;
    CHECK(sts_queue_ahead_ms(&e, &now) == 0);
    now.utc_s = 1;
    CHECK(sts_queue_ahead_ms(&e, &now) == 0);
    e.next_try_at = 0;
    now.utc_s = STS_DATE_MAX;
    CHECK(sts_queue_ahead_ms(&e, &now) == 0);
}

/* What happens between two looks: the clock goes on, jumps, is lost; the device restarts; somebody flushes. */
enum event {
    WAIT_30_S,
    WAIT_2_H,
    BACK_1_H,
    BACK_10_Y,
    AHEAD_2_H,
    AHEAD_10_Y,
    LOST,
    DOUBTED,
    RESTART,
    FLUSH,
    EVENTS
};

static void happen(enum event what)
{
    static const int64_t jump[] = {
        [BACK_1_H] = -3600, [BACK_10_Y] = -315360000, [AHEAD_2_H] = 7200, [AHEAD_10_Y] = 315360000};

    switch (what) {
    case WAIT_30_S: play_pass(30); break;
    case WAIT_2_H: play_pass(7200); break;
    case LOST:
        w.now.trust = w.now.trust == STS_CLOCK_UNSET ? STS_CLOCK_OWNER : STS_CLOCK_UNSET;
        break;
    case DOUBTED:
        w.now.trust = w.now.trust == STS_CLOCK_DOUBTED ? STS_CLOCK_OWNER : STS_CLOCK_DOUBTED;
        break;
    case RESTART: CHECK(play_boot(false) == STS_OK); break;
    case FLUSH: sts_queue_flush(q); break;
    default: w.now.utc_s += jump[what]; break;
    }
}

/* One message to a host that is down; `depth` events, then the host comes up and a day passes. Q03: it was delivered, or given up by a
 * try that was begun 5 days or more after it came by a clock in which nobody had doubt. */
static void play(const int *events, int depth)
{
    int64_t queued;

    play_start();
    mx_a->refuse = true;
    CHECK(alert("ops@" A) == STS_OK && play_run() == STS_OK && outcomes_count == 1);
    queued = NOON;
    for (int i = 0; i < depth; i++) {
        size_t before = outcomes_count;
        struct listed l;

        happen((enum event)events[i]);
        CHECK(play_run() == STS_OK);
        CHECK(outcomes_count <= before + 1); /* no crowd of tries at one time */
        l = list();
        CHECK(l.count == 1);
        if (outcomes_count > before) {
            CHECK(w.now.trust != STS_CLOCK_UNSET);
            queued = queued < w.now.utc_s ? queued : w.now.utc_s;
            CHECK(told()->tries == outcomes[before - 1].tries + 1);
            CHECK((told()->state == STS_QUEUE_FAILED) ==
                  (w.now.trust != STS_CLOCK_DOUBTED && w.now.utc_s - queued >= 5 * DAY));
            CHECK(told()->state == STS_QUEUE_FAILED ||
                  told()->next_try_at - w.now.utc_s <= base_of(told()->tries) * 6 / 5);
        }
        if (l.failed == 1) {
            return;
        }
    }
    mx_a->refuse = false;
    w.now.trust = STS_CLOCK_OWNER;
    CHECK(play_run() == STS_OK);
    play_until(w.now.utc_s + 4800);
    CHECK(mx_a->delivered == 1 && list().count == 0 && q->counters.repeated == 0);
}

/* C01, C03, C04, C10, Q09: all sequences of five. */
TEST(c04_every_sequence_of_five_events_of_the_clock_and_the_device)
{
    enum {
        DEPTH = 5
    };
    int events[DEPTH];
    long all = 1;

    for (int i = 0; i < DEPTH; i++) {
        all *= EVENTS;
    }
    for (long n = 0; n < all; n++) {
        long rest = n;

        for (int i = 0; i < DEPTH; i++, rest /= EVENTS) {
            events[i] = (int)(rest % EVENTS);
        }
        play(events, DEPTH);
    }
    printf("%ld sequences\n", all);
}

TEST_MAIN("queue_exhaustive")
