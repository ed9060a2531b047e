/* SPDX-License-Identifier: MIT
 *
 * When the queue tries, whom first, and what it does with a clock, a store or a crowd that misbehaves.
 */
#define _GNU_SOURCE
#include "queue_play.h"

/* ---- the schedule (Q09, C01..C11) ------------------------------------------------------------ */

static bool about(int64_t seconds, int64_t base)
{
    return seconds * 5 >= base * 4 && seconds * 5 <= base * 6 + 5;
}

/* Q09, RFC 5321 4.5.4.1: 1, 5, 15, 30 minutes, then hourly, each within 20 %, for 5 days. */
TEST(q09_tries_come_after_1_5_15_and_30_minutes_then_hourly_for_5_days)
{
    static const int minutes[] = {1, 5, 15, 30, 60};

    play_start();
    mx_a->refuse = true;
    CHECK(alert("ops@" A) == STS_OK && play_run() == STS_OK);
    play_until(NOON + 6 * DAY);
    CHECK(told()->state == STS_QUEUE_FAILED && told()->error == STS_ERR_CONNECT);
    CHECK(told()->at - NOON >= 5 * DAY && told()->at - NOON <= 5 * DAY + 4400);
    CHECK(outcomes_count > 110 && outcomes_count < 135);
    for (size_t i = 0; i + 1 < outcomes_count; i++) {
        int64_t base = minutes[i < 4 ? i : 4] * 60;

        CHECK(outcomes[i].state == STS_QUEUE_WAITING && outcomes[i].tries == i + 1);
        CHECK(about(outcomes[i].next_try_at - outcomes[i].at, base));
        CHECK(about(outcomes[i + 1].at - outcomes[i].at, base));
    }
    CHECK(list().failed == 1 && q->counters.failed == 1);
}

TEST(q09_the_owner_says_when_to_give_up)
{
    play_start();
    config.give_up_s = 100;
    mx_a->refuse = true;
    CHECK(alert("ops@" A) == STS_OK && play_run() == STS_OK);
    play_until(NOON + 3000);
    CHECK(told()->state == STS_QUEUE_FAILED && outcomes_count == 3);
}

/* Q09: the schedule is kept over a restart, and does not begin anew. */
TEST(q09_the_schedule_outlives_a_restart)
{
    play_start();
    config.spread_s = 1;
    mx_a->refuse = true;
    CHECK(alert("ops@" A) == STS_OK && play_run() == STS_OK);
    play_until(NOON + 500);
    CHECK(outcomes_count == 3);
    CHECK(play_boot(false) == STS_OK && play_run() == STS_OK);
    CHECK(list().last.tries == 3 && outcomes_count == 3);
    play_until(NOON + 800);
    CHECK(outcomes_count == 3);
    play_until(NOON + 1700);
    CHECK(outcomes_count == 4 && told()->tries == 4);
}

/* Q09: what waited before a start is spread over the time that is said, but what is new goes at once. */
TEST(q09_after_a_site_wide_power_cut_a_fleet_spreads_and_a_fresh_alert_does_not_wait)
{
    enum {
        DEVICES = 2000,
        SPREAD = 300
    };
    static int at[SPREAD + 3];
    int peak = 0, all = 0;

    memset(at, 0, sizeof at);
    for (int device = 0; device < DEVICES; device++) {
        play_start();
        w.random = (uint32_t)device * 2654435761u;
        CHECK(alert("ops@" A) == STS_OK);
        CHECK(play_boot(false) == STS_OK);
        play_pass(1000);
        CHECK(play_run() == STS_OK && mx_a->delivered == 0);
        if (device % 100 == 0) {
            CHECK(alert("ops@" B) == STS_OK && play_run() == STS_OK);
            CHECK(mx_b->delivered == 1 && mx_a->delivered == 0);
        }
        w.now.utc_s = NOON;
        play_pass((sts_queue_due_ms(q, &w.now) + 999) / 1000);
        CHECK(w.now.utc_s - NOON <= SPREAD);
        at[w.now.utc_s - NOON]++;
        all++;
    }
    for (int s = 0; s <= SPREAD; s++) {
        peak = at[s] > peak ? at[s] : peak;
    }
    printf("%d devices in %d s: mean %.1f, peak %d a second\n", all, SPREAD, (double)all / SPREAD,
           peak);
    CHECK(peak < 25);
}

/* C01: without the time nothing is tried, and nothing is given up; then it goes. */
TEST(c01_without_the_time_alerts_wait)
{
    play_start();
    w.now.trust = STS_CLOCK_UNSET;
    w.now.utc_s = 0;
    CHECK(alert("ops@" A) == STS_OK && play_run() == STS_OK);
    CHECK(sts_queue_due_ms(q, &w.now) == UINT32_MAX && list().last.queued_at == 0);
    sts_queue_flush(q);
    play_pass(9 * DAY);
    CHECK(play_run() == STS_OK && mx_a->seen == 0);
    w.now.trust = STS_CLOCK_NETWORK;
    w.now.utc_s = 0; /* a calendar that says 1970 is none, whoever says so */
    CHECK(play_run() == STS_OK && mx_a->seen == 0);
    w.now.utc_s = STS_DATE_MAX + 1;
    CHECK(play_run() == STS_OK && mx_a->seen == 0);
    w.now.utc_s = NOON + 5;
    CHECK(play_run() == STS_OK && mx_a->delivered == 1 && told()->queued_at == NOON + 5);
}

/* C11: composed without the time, it gets the Date of the first moment that is known, on every try the same. */
TEST(c11_the_date_is_written_once_when_it_is_known)
{
    static const char line[] = "Date: Mon, 21 Sep 2026 14:13:25 +0000\r\n";

    play_start();
    w.now.trust = STS_CLOCK_UNSET;
    CHECK(alert("ops@" A) == STS_OK);
    mx_a->at = ".";
    mx_a->reply = "451 4.3.0 full\r\n";
    w.now.trust = STS_CLOCK_NETWORK;
    w.now.utc_s = NOON + 5;
    CHECK(play_run() == STS_OK && strncmp(mx_a->mail, line, sizeof line - 1) == 0);
    CHECK(play_boot(false) == STS_OK);
    mx_a->at = NULL;
    play_until(NOON + 5000);
    CHECK(mx_a->delivered == 1 && strncmp(mx_a->mail, line, sizeof line - 1) == 0);
    CHECK(times(mx_a, "Date:") == 1);
    CHECK(alert("ops@" B) == STS_OK);
    w.now.trust = STS_CLOCK_UNSET;
    CHECK(alert("ops@" B) == STS_OK);
    w.now.trust = STS_CLOCK_OWNER;
    mx_b->refuse = true;
    CHECK(play_run() == STS_OK && q->record.undated);
    CHECK(q->raw.rewind(q->raw.ctx) == STS_OK);
    for (size_t i = 0; i < sizeof line - 1; i++) { /* in pieces of any size */
        char c;

        CHECK(q->raw.read(q->raw.ctx, &c, 1) == 1 && (i < 6 || i > 31 || c != '\n'));
    }
    CHECK(q->head[0] == '\0');
    store.done(messages.ctx);
    q->open = false;
    w.now.trust = STS_CLOCK_OWNER; /* and where it is known when the alert comes, it is of then */
    w.now.utc_s = NOON;
    CHECK(alert("ops@" A) == STS_OK);
    play_run();
    CHECK(times(mx_a, "\r\nDate: Mon, 21 Sep 2026 14:13:20 +0000\r\n") == 1);
}

/* C03: a clock that goes back makes nothing wait for years, and nothing immortal. */
TEST(c03_a_clock_that_goes_back_holds_nothing_up)
{
    for (int boot = 0; boot < 2; boot++) {
        play_start();
        mx_a->refuse = true;
        CHECK(alert("ops@" A) == STS_OK && play_run() == STS_OK);
        play_until(NOON + DAY);
        w.now.utc_s = NOON - 1000 * DAY;
        if (boot) {
            CHECK(play_boot(false) == STS_OK);
        }
        outcomes_count = 0;
        CHECK(play_run() == STS_OK);
        play_until(NOON - 1000 * DAY + 301);
        CHECK(outcomes_count >= 1 && told()->queued_at < NOON - 999 * DAY);
        CHECK(told()->next_try_at - told()->at <= 4320 && told()->state == STS_QUEUE_WAITING);
        play_until(NOON - 995 * DAY + 9000);
        CHECK(told()->state == STS_QUEUE_FAILED);
    }
}

/* C04: a clock that jumps ahead ends no message untried, and a doubted one none at all. */
TEST(c04_a_clock_that_jumps_ahead_gives_nothing_up_untried)
{
    for (int how = 0; how < 4; how++) {
        play_start();
        mx_a->refuse = true;
        CHECK(alert("ops@" A) == STS_OK && play_run() == STS_OK);
        w.now.utc_s += 3650 * INT64_C(86400);
        w.now.trust = how == 3 ? STS_CLOCK_DOUBTED : STS_CLOCK_NETWORK;
        if (how == 1) {
            CHECK(play_boot(false) == STS_OK);
        }
        mx_a->refuse = how >= 2;
        sts_queue_rescan(q);
        CHECK(play_run() == STS_OK && outcomes_count == 1); /* a fleet has one time server */
        play_until(w.now.utc_s + 301);
        CHECK(outcomes_count == 2);
        CHECK(told()->state == (how < 2    ? STS_QUEUE_DELIVERED
                                : how == 2 ? STS_QUEUE_FAILED
                                           : STS_QUEUE_WAITING));
    }
}

/* C04: a device whose time is doubted for ever gives up all the same, not before as many tries as fit into 5 days. */
TEST(c04_a_time_that_stays_doubted_counts_tries)
{
    play_start();
    mx_a->refuse = true;
    w.now.trust = STS_CLOCK_DOUBTED;
    CHECK(alert("ops@" A) == STS_OK && play_run() == STS_OK);
    play_until(NOON + 5 * DAY);
    CHECK(told()->state == STS_QUEUE_WAITING);
    play_until(NOON + 8 * DAY);
    CHECK(told()->state == STS_QUEUE_FAILED && outcomes_count == 154);
    CHECK(told()->at - NOON >= 5 * DAY);
}

/* C04: a try that was begun before the jump says nothing about the time after it. */
TEST(c04_a_jump_in_the_midst_of_a_try_gives_nothing_up)
{
    play_start();
    mx_a->silent = true;
    CHECK(alert("ops@" A) == STS_OK);
    CHECK(sts_queue_poll(q, &w.now) == STS_BUSY && q->sending);
    w.now.utc_s += 3650 * INT64_C(86400);
    CHECK(play_run() == STS_OK && told()->state == STS_QUEUE_WAITING);
}

/* C01: the clock is lost while something is sent: the schedule stands as it was marked. */
TEST(c01_a_clock_that_is_lost_in_a_try_keeps_the_schedule)
{
    play_start();
    mx_a->at = "MAIL";
    mx_a->reply = "451 4.3.0 later\r\n";
    CHECK(alert("ops@" A) == STS_OK);
    while (sts_queue_poll(q, &w.now) == STS_BUSY && mx_a->seen == 0) {
        sts_queue_wait(q, &w.now, 1000);
    }
    w.now.trust = STS_CLOCK_UNSET;
    w.now.utc_s = -5;
    CHECK(play_run() == STS_OK && outcomes_count == 1);
    CHECK(list().last.next_try_at >= NOON + 48 && list().last.next_try_at <= NOON + 80);
    w.now.trust = STS_CLOCK_OWNER;
    w.now.utc_s = NOON + 100;
    mx_a->at = NULL;
    CHECK(play_run() == STS_OK);
    play_until(NOON + 500);
    CHECK(mx_a->delivered == 1);
}

/* C10: a reboot loop that is shorter than any interval makes progress all the same. */
TEST(c10_a_reboot_loop_makes_progress)
{
    play_start();
    mx_a->refuse = true;
    CHECK(alert("ops@" A) == STS_OK && play_run() == STS_OK);
    mx_a->refuse = false;
    for (int boot = 0; boot < 400 && mx_a->delivered == 0; boot++) {
        CHECK(play_boot(false) == STS_OK);
        play_until(w.now.utc_s + 20);
    }
    CHECK(mx_a->delivered == 1 && w.now.utc_s < NOON + 400 * 20);
}

/* Without random numbers there is no jitter, but there are tries; and no new ids. */
TEST(without_random_numbers_nothing_comes_in_and_what_is_there_goes_on)
{
    play_start();
    mx_a->refuse = true;
    CHECK(alert("ops@" A) == STS_OK);
    w.random_fails = true;
    CHECK(alert("ops@" A) == STS_ERR_RANDOM && q->counters.refused == 1 && list().count == 1);
    CHECK(play_run() == STS_OK && told()->next_try_at - told()->at == 60);
    w.random_fails = false;
    mx_a->refuse = false;
    play_until(NOON + 100);
    CHECK(mx_a->delivered == 1);
}

/* A store of nothing costs nothing: no call while nothing is due, and a look each hour. */
TEST(while_nothing_is_due_the_store_is_left_alone)
{
    long calls;

    play_start();
    mx_a->refuse = true;
    CHECK(alert("ops@" A) == STS_OK && play_run() == STS_OK);
    play_until(NOON + DAY);
    calls = shelf.calls;
    for (int i = 0; i < 1000; i++) {
        CHECK(sts_queue_poll(q, &w.now) == STS_OK);
        CHECK(sts_queue_due_ms(q, &w.now) <= 3600000);
    }
    CHECK(shelf.calls == calls);
    sts_queue_rescan(q);
    CHECK(sts_queue_due_ms(q, &w.now) == 0 && sts_queue_poll(q, &w.now) == STS_OK);
    CHECK(shelf.calls > calls);
}

/* ---- whom first (Q08, Q13) ------------------------------------------------------------------- */

static struct shelf_record *entry_of(const char *id)
{
    struct shelf_record *r = shelf_find(&shelf, 'q', id);

    CHECK(r != NULL);
    return r;
}

/* Q13 */
TEST(q13_critical_ones_go_first_and_the_others_wait_for_four_of_them_at_most)
{
    char other[STS_QUEUE_ID_SIZE];
    size_t n;

    play_start();
    CHECK(alert("ops@" A) == STS_OK);
    memcpy(other, last_id, sizeof other);
    for (int i = 0; i < 9; i++) {
        CHECK(play_add("fire", true, "ops@" A, NULL, NULL) == STS_OK);
    }
    CHECK(play_run() == STS_OK && outcomes_count == 10);
    for (n = 0; strcmp(outcomes[n].id, other) != 0; n++) {
    }
    CHECK(n == 4);
    for (size_t i = 1; i < 4; i++) {
        CHECK(strcmp(outcomes[i - 1].id, outcomes[i].id) < 0); /* the oldest of them first */
    }
}

/* Q08: what is for a domain whose last try failed stands behind the others. */
TEST(q08_a_domain_that_is_down_holds_up_no_other)
{
    play_start();
    mx_a->silent = true;
    for (int i = 0; i < 5; i++) {
        CHECK(alert("ops@" A) == STS_OK);
    }
    CHECK(alert("ops@" B) == STS_OK && play_add("fan", false, "x@" A, "x@" B, NULL) == STS_OK);
    CHECK(play_run() == STS_OK && outcomes_count >= 8);
    CHECK(outcomes[0].error != STS_OK && strcmp(outcomes[1].domain, B) == 0);
    CHECK(mx_b->delivered == 2);
    mx_a->silent = false;
    play_until(w.now.utc_s + 5000);
    CHECK(mx_a->delivered == 6 && list().count == 0);
    CHECK(q->failing[0] == 0); /* it is as good as any other again */
}

/* Q08: new ones before those that were tried; of these, the one that has been due for longest. */
TEST(q08_new_ones_go_before_those_that_were_tried_and_these_by_time)
{
    char ids[4][STS_QUEUE_ID_SIZE];

    play_start();
    for (int i = 0; i < 3; i++) {
        CHECK(alert("ops@" A) == STS_OK);
        memcpy(ids[i], last_id, sizeof last_id);
    }
    mx_a->at = "MAIL";
    mx_a->reply = "451 no\r\n";
    CHECK(play_run() == STS_OK && outcomes_count == 3);
    mx_a->at = NULL;
    memset(q->failing, 0, sizeof q->failing); /* as if it had answered since */
    for (int i = 0; i < 3; i++) {             /* the last is due for longest */
        entry_of(ids[i])->bytes[41] = 0;
        entry_of(ids[i])->bytes[40] = (uint8_t)(0x3b - i);
    }
    play_pass(1000);
    CHECK(alert("ops@" A) == STS_OK);
    memcpy(ids[3], last_id, sizeof last_id);
    CHECK(play_run() == STS_OK && mx_a->delivered == 4);
    for (int i = 0; i < 4; i++) {
        CHECK(strcmp(outcomes[3 + i].id, ids[3 - i]) == 0);
    }
}

/* A flush tries each once, whatever its schedule; an alert that comes meanwhile does not stand behind them. */
TEST(a_flush_makes_each_message_due_once)
{
    play_start();
    mx_a->refuse = mx_b->refuse = true;
    for (int i = 0; i < 6; i++) {
        CHECK(play_add("fan", i % 2, i % 3 ? "ops@" A : "ops@" B, NULL, NULL) == STS_OK);
    }
    CHECK(play_run() == STS_OK && outcomes_count == 6);
    for (int turn = 1; turn < 4; turn++) {
        sts_queue_flush(q);
        CHECK(sts_queue_due_ms(q, &w.now) == 0);
        CHECK(sts_queue_poll(q, &w.now) == STS_BUSY);
        CHECK(play_add("fire", true, "ops@" C, NULL, NULL) == STS_OK);
        CHECK(play_run() == STS_OK && outcomes_count == 6 + 7 * (size_t)turn);
        CHECK(mx_c->delivered == turn && strcmp(outcomes[7 * turn].domain, C) == 0);
        for (int i = 0; i < 6; i++) {
            for (int j = 0; j < i; j++) {
                CHECK(strcmp(outcomes[outcomes_count - 1 - (size_t)i].id,
                             outcomes[outcomes_count - 1 - (size_t)j].id) != 0);
            }
        }
    }
    CHECK(list().waiting == 6);
}

/* ---- a full queue (Q05, F17) ----------------------------------------------------------------- */

/* Q05 */
TEST(q05_a_full_queue_refuses_and_keeps_a_slot_for_a_critical_one)
{
    size_t n = 0;

    if (STS_QUEUE_MAX > 32) {
        return; /* Linux: the same with another number */
    }
    play_start();
    mx_a->refuse = true;
    while (alert("ops@" A) == STS_OK) {
        n++;
    }
    CHECK(n == STS_QUEUE_MAX - 1 && alert("ops@" A) == STS_ERR_SPACE);
    CHECK(play_add("fire", true, "ops@" B, NULL, NULL) == STS_OK);
    CHECK(play_add("fire", true, "ops@" B, NULL, NULL) == STS_ERR_SPACE);
    CHECK(q->counters.refused == 3 && list().count == STS_QUEUE_MAX);
    CHECK(play_run() == STS_OK && mx_b->delivered == 1 && list().count == STS_QUEUE_MAX - 1);
    mx_a->refuse = false;
    play_until(NOON + 600);
    CHECK(mx_a->delivered == (int)n && list().count == 0);
}

/* Q05: what failed for good makes room, the oldest first; what waits does not. */
TEST(q05_messages_that_failed_make_room)
{
    char ids[2][STS_QUEUE_ID_SIZE];
    size_t n = 2;

    if (STS_QUEUE_MAX > 32) {
        return;
    }
    play_start();
    mx_b->at = "RCPT";
    mx_b->reply = "550 no\r\n";
    for (int i = 0; i < 2; i++) {
        CHECK(alert("ops@" B) == STS_OK);
        memcpy(ids[i], last_id, sizeof last_id);
    }
    CHECK(play_run() == STS_OK && list().failed == 2);
    mx_a->refuse = true;
    for (; n < STS_QUEUE_MAX - 1; n++) {
        CHECK(alert("ops@" A) == STS_OK);
    }
    CHECK(list().failed == 2 && alert("ops@" A) == STS_OK && list().failed == 1);
    CHECK(shelf_find(&shelf, 'q', ids[0]) == NULL && shelf_find(&shelf, 'm', ids[0]) == NULL);
    CHECK(shelf_find(&shelf, 'q', ids[1]) != NULL);
    CHECK(alert("ops@" A) == STS_OK && list().failed == 0 && alert("ops@" A) == STS_ERR_SPACE);
}

/* Q05: the oldest by its id, wherever the store has it. */
TEST(q05_the_oldest_that_failed_goes_first_wherever_it_lies)
{
    char older[STS_QUEUE_ID_SIZE];
    struct shelf_record *one, *two, record;

    play_start();
    mx_b->at = "RCPT";
    mx_b->reply = "550 no\r\n";
    CHECK(alert("ops@" B) == STS_OK);
    memcpy(older, last_id, sizeof older);
    CHECK(alert("ops@" B) == STS_OK && play_run() == STS_OK && list().failed == 2);
    one = shelf_find(&shelf, 'q', older);
    two = shelf_find(&shelf, 'q', last_id);
    record = *one;
    *one = *two;
    *two = record;
    shelf.room = shelf_used(&shelf) + 100;
    CHECK(strcmp(older, last_id) < 0);
    CHECK(alert("ops@" A) == STS_OK && list().failed == 1);
    CHECK(shelf_find(&shelf, 'q', older) == NULL);
}

/* Q05, F17: the same where it is the store that is full. */
TEST(f17_a_full_store_refuses_and_what_it_holds_is_sent)
{
    int n = 0;

    play_start();
    mx_b->at = "RCPT";
    mx_b->reply = "550 no\r\n";
    CHECK(alert("ops@" B) == STS_OK && play_run() == STS_OK && list().failed == 1);
    shelf.room = 1500;
    mx_a->refuse = true;
    while (n < 20 && alert("ops@" A) == STS_OK) {
        n++;
    }
    CHECK(n >= 3 && n < 20 && list().failed == 0 && q->counters.refused == 1);
    CHECK(shelf_count(&shelf, 'q') == shelf_count(&shelf, 'm'));
    mx_a->refuse = false;
    CHECK(play_run() == STS_OK && mx_a->delivered == n && list().count == 0);
    CHECK(q->counters.repeated == 0); /* an entry grows no longer by being marked */
}

/* F17: and a message whose entry is gone makes room too. */
TEST(f17_what_nobody_needs_makes_room)
{
    play_start();
    CHECK(store.put(store.ctx, 'm', "0000000000000abc") == STS_OK);
    CHECK(store.write(store.ctx, w.log, 900) == STS_OK && store.commit(store.ctx) == STS_OK);
    shelf.room = 1000;
    CHECK(alert("ops@" A) == STS_OK && shelf_count(&shelf, 'm') == 1);
}

/* ---- storms (Q06) ------------------------------------------------------------------------------ */

/* Q06: 10,000 of the same in a minute are one message, counted, at the cost of a few writes. */
TEST(q06_a_storm_of_one_alert_is_one_message_and_few_writes)
{
    play_start();
    config.coalesce_s = 3600;
    mx_a->refuse = true;
    for (int i = 0; i < 10000; i++) {
        CHECK(alert("ops@" A) == STS_OK);
        CHECK(i == 0 || q->counters.coalesced == (uint32_t)i);
        if (i == 5000) {
            CHECK(play_run() == STS_OK);
        }
        play_pass(i % 100 == 0);
    }
    CHECK(list().count == 1 && list().last.coalesced == 9999 && shelf.writes < 40);
    CHECK(q->counters.accepted == 1);
    mx_a->refuse = false;
    play_until(NOON + 200);
    CHECK(mx_a->delivered == 1 && told()->coalesced == 9999);
}

/* Q06: a storm of many kinds counts at least, and writes as little. */
TEST(q06_a_storm_of_many_alerts_is_bounded_too)
{
    static char subjects[10][8];

    play_start();
    config.coalesce_s = 3600;
    mx_a->refuse = true;
    for (int i = 0; i < 5000; i++) {
        snprintf(subjects[i % 10], 8, "fan %d", i % 10);
        CHECK(play_add(subjects[i % 10], false, "ops@" A, NULL, NULL) == STS_OK);
    }
    CHECK(list().count == 10 && q->counters.coalesced == 4990 && shelf.writes < 100);
}

/* Q06: only the same, only what waits untouched, only for so long. */
TEST(q06_what_differs_or_was_tried_long_ago_is_not_coalesced)
{
    struct sts_recipient to[2] = {{.address = "ops@" A}, {.address = "b@" A}};
    struct sts_message message = play_message("fan");
    const struct sts_queue_mail same = {
        .sender = "ups@example.com", .recipients = to, .count = 1, .message = &message};
    struct sts_message other_subject = play_message("fan 2"), no_subject = play_message(NULL);
    struct sts_recipient other_to[1] = {{.address = "op@" A}};
    struct sts_queue_mail other[10];
    int n = 0;

    for (int i = 0; i < 10; i++) {
        other[i] = same;
    }
    other[n++].message = &other_subject;
    other[n++].message = &no_subject;
    other[n++].sender = "";
    other[n++].recipients = other_to;
    other[n++].count = 2;
    other[n++].critical = true;
    other[n++].floor = STS_FLOOR_ENCRYPTED;
    other[n++].flags = 1;
    play_start();
    config.coalesce_s = 600;
    CHECK(sts_queue_add(q, &same, &w.now, last_id) == STS_OK);
    for (int i = 0; i < n; i++) {
        CHECK(sts_queue_add(q, &other[i], &w.now, last_id) == STS_OK);
        CHECK(q->counters.accepted == 2 + (uint32_t)i && list().count == 2 + (size_t)i);
    }
    for (int i = 0; i < n; i++) {
        CHECK(sts_queue_add(q, &other[i], &w.now, last_id) == STS_OK);
        CHECK(q->counters.coalesced == 1 + (uint32_t)i);
    }
    play_pass(599);
    CHECK(sts_queue_add(q, &same, &w.now, last_id) == STS_OK && q->counters.coalesced == 9);
    play_pass(1);
    CHECK(sts_queue_add(q, &same, &w.now, last_id) == STS_OK && q->counters.coalesced == 9);
    w.now.utc_s -= 1000; /* from the future: how old nobody knows */
    CHECK(sts_queue_add(q, &same, &w.now, last_id) == STS_OK && q->counters.coalesced == 9);
}

static int read_none(void *ctx)
{
    (void)ctx;
    return STS_OK;
}

static int32_t read_nothing(void *ctx, void *buf, size_t size)
{
    (void)ctx;
    (void)buf;
    (void)size;
    return 0;
}

TEST(q06_what_cannot_be_compared_is_not_coalesced)
{
    struct sts_source nothing = {NULL, read_none, read_nothing};
    static char subject[STS_QUEUE_TEXT + 1];
    struct sts_recipient to = {.address = "ops@" A, .error = STS_ERR_CONNECT};
    struct sts_message message = play_message(subject);
    struct sts_queue_mail mail = {
        .sender = "ups@example.com", .recipients = &to, .count = 1, .message = &message};
    size_t fits = STS_QUEUE_TEXT - sizeof "ups@example.com" - sizeof "ops@" A - 1;

    memset(subject, 's', STS_QUEUE_TEXT);
    for (int how = 0; how < 4; how++) {
        play_start();
        config.coalesce_s = 600;
        mail.extra = how == 2 ? &nothing : NULL;
        mail.tried = how == 3;
        subject[fits] = how == 1 ? 's' : '\0';
        subject[fits + 1] = '\0';
        CHECK(sts_queue_add(q, &mail, &w.now, last_id) == STS_OK);
        CHECK(sts_queue_add(q, &mail, &w.now, last_id) == STS_OK);
        CHECK(q->counters.coalesced == (how == 0) && list().count == 1 + (size_t)(how != 0));
    }
}

/* Q06: a message that some have got already stands for no new one; nor does one that is being sent. */
TEST(q06_what_is_on_its_way_is_not_coalesced)
{
    play_start();
    config.coalesce_s = 6000;
    mx_b->refuse = true;
    CHECK(play_add("fan", false, "ops@" A, "ops@" B, NULL) == STS_OK);
    CHECK(sts_queue_poll(q, &w.now) == STS_BUSY && q->sending);
    CHECK(play_add("fan", false, "ops@" A, "ops@" B, NULL) == STS_OK && q->counters.coalesced == 0);
    CHECK(play_run() == STS_OK && list().count == 2 && mx_a->delivered == 2);
    CHECK(play_add("fan", false, "ops@" A, "ops@" B, NULL) == STS_OK && q->counters.coalesced == 0);
    CHECK(list().count == 3);
    CHECK(alert("ops@" B) == STS_OK && play_run() == STS_OK); /* tried, and nobody has it */
    CHECK(alert("ops@" B) == STS_OK && q->counters.coalesced == 1 && list().count == 4);
}

/* Q06, C01: without the time, what is there stands for what comes; once the time is known, only what is young. */
TEST(q06_without_the_time_alerts_are_coalesced_too)
{
    play_start();
    config.coalesce_s = 600;
    CHECK(alert("ops@" A) == STS_OK);
    w.now.trust = STS_CLOCK_UNSET;
    CHECK(alert("ops@" B) == STS_OK && alert("ops@" B) == STS_OK && q->counters.coalesced == 1);
    CHECK(alert("ops@" A) == STS_OK && q->counters.coalesced == 1);
    w.now.trust = STS_CLOCK_OWNER;
    CHECK(alert("ops@" B) == STS_OK && q->counters.coalesced == 2 && list().count == 3);
}

/* ---- ids (M12, Q11) ----------------------------------------------------------------------------- */

static bool is_id(const char *id)
{
    return strlen(id) == 16 && strspn(id, "0123456789abcdef") == 16;
}

/* M12, Q11: in order, unique; beyond the end of the count too. */
TEST(q11_ids_are_in_order_and_go_on_behind_the_last)
{
    static const char end[] = "fffffffffffffffe";
    char before[STS_QUEUE_ID_SIZE] = "";

    play_start();
    for (int i = 0; i < 12; i++) {
        w.now.trust = i % 3 == 1 ? STS_CLOCK_UNSET : STS_CLOCK_OWNER;
        w.now.utc_s = i < 6 ? NOON : NOON - 1000;
        CHECK(alert("ops@" A) == STS_OK && is_id(last_id) && strcmp(before, last_id) < 0);
        memcpy(before, last_id, sizeof before);
        if (i == 5) {
            CHECK(play_boot(false) == STS_OK);
        }
    }
    play_start();
    CHECK(alert("ops@" A) == STS_OK);
    CHECK(store.put(store.ctx, 'q', end) == STS_OK);
    CHECK(store.write(store.ctx, shelf_find(&shelf, 'q', last_id)->bytes,
                      shelf_find(&shelf, 'q', last_id)->len) == STS_OK);
    CHECK(store.commit(store.ctx) == STS_OK);
    CHECK(play_boot(false) == STS_OK);
    for (int i = 0; i < 5; i++) {
        CHECK(alert("ops@" A) == STS_OK && is_id(last_id));
    }
    CHECK(list().count == 7);
}

/* M12: a clock that was never set, a store that was lost at each start: still no two are the same. */
TEST(m12_without_clock_and_store_message_ids_differ)
{
    static char ids[500][80];
    const char *at;
    uint32_t random = 1;

    for (int i = 0; i < 500; i++) {
        play_start();
        w.random = random;
        w.now.trust = STS_CLOCK_UNSET;
        CHECK(alert("ops@" A) == STS_OK && is_id(last_id));
        w.now.trust = STS_CLOCK_OWNER;
        CHECK(play_run() == STS_OK && mx_a->delivered == 1);
        random = w.random;
        at = strstr(mx_a->mail, "Message-ID: <");
        CHECK(at != NULL && strstr(at, "@device.example.com>") != NULL);
        memcpy(ids[i], at, 70);
        for (int j = 0; j < i; j++) {
            CHECK(strcmp(ids[i], ids[j]) != 0);
        }
    }
}

static int same_bytes(void *ctx, void *buf, size_t len)
{
    int *left = ctx;

    memset(buf, 7, len);
    return len == 3 || (*left)-- > 0 ? STS_OK : STS_ERR_RANDOM;
}

/* M12: an id that is there already is not given again, even where random numbers are none. */
TEST(m12_an_id_that_is_taken_is_not_given_again)
{
    int left = 1000;
    const struct sts_random bad = {&left, same_bytes};
    uint64_t last;

    for (int kind = 0; kind < 2; kind++) {
        play_start();
        config.random = &bad;
        last = q->last;
        CHECK(alert("ops@" A) == STS_OK);
        CHECK(store.remove(store.ctx, kind ? 'q' : 'm', last_id) == STS_OK);
        q->last = last;
        CHECK(alert("ops@" A) == STS_OK && shelf_find(&shelf, kind ? 'q' : 'm', last_id) != NULL);
        w.now.utc_s = 1; /* only the count makes a difference now */
        CHECK(shelf_count(&shelf, 'm') == 1 + (size_t)kind);
    }
    left = 0; /* an id, but no Message-ID */
    CHECK(alert("ops@" A) == STS_ERR_RANDOM);
}

/* A hostname too long for a Message-ID makes a message without one; that is allowed (RFC 5322 3.6.4). */
TEST(m12_a_hostname_may_be_too_long_for_a_message_id)
{
    static char hostname[254];

    play_start();
    memset(hostname, 'a', 250);
    for (int i = 60; i < 250; i += 60) {
        hostname[i] = '.';
    }
    w.config.hostname = hostname;
    CHECK(play_boot(false) == STS_OK && alert("ops@" A) == STS_OK && play_run() == STS_OK);
    CHECK(mx_a->delivered == 1 && times(mx_a, "Message-ID:") == 0);
}

/* ---- several at once (Q14, claims) --------------------------------------------------------------- */

/* Q14: alerts come at any moment of a delivery, and both arrive whole. */
TEST(q14_an_alert_may_come_at_any_moment_of_a_delivery)
{
    int polls = 1;
    struct listed l;

    for (int at = 0; at < polls; at++) {
        int n = 0;

        play_start();
        CHECK(play_add("first", false, "ops@" A, "ops@" B, NULL) == STS_OK);
        while (sts_queue_poll(q, &w.now) == STS_BUSY) {
            if (n++ == at) {
                CHECK(play_add("second", false, "ops@" C, NULL, NULL) == STS_OK);
                CHECK(sts_queue_list(q, play_list_one, &l) == (q->sending ? STS_BUSY : STS_OK));
            }
            if (q->sending) {
                sts_queue_wait(q, &w.now, 1000);
            }
        }
        if (n <= at) {
            break;
        }
        polls++;
        CHECK(play_run() == STS_OK && shelf_used(&shelf) == 0 && shelf_is_quiet(&shelf));
        CHECK(mx_a->delivered == 1 && mx_b->delivered == 1 && mx_c->delivered == 1);
        CHECK(times(mx_b, "Subject: first") == 1 && times(mx_c, "Subject: second") == 1);
    }
    CHECK(polls > 8);
}

/* What is being sent is not dropped; what is not, is. */
TEST(what_is_being_sent_is_not_dropped)
{
    char other[STS_QUEUE_ID_SIZE];

    play_start();
    CHECK(alert("ops@" A) == STS_OK);
    memcpy(other, last_id, sizeof other);
    CHECK(sts_queue_poll(q, &w.now) == STS_BUSY && q->sending && sts_queue_due_ms(q, &w.now) == 0);
    CHECK(alert("ops@" B) == STS_OK);
    CHECK(sts_queue_drop(q, other) == STS_BUSY && sts_queue_drop(q, last_id) == STS_OK);
    CHECK(play_run() == STS_OK && mx_a->delivered == 1 && mx_b->seen == 0);
}

/* An orderly end: what was said stands, and the rest waits for its time. */
TEST(a_delivery_that_is_broken_off_waits_for_its_next_try)
{
    for (int polls = 0; polls < 12; polls++) {
        play_start();
        sts_queue_stop(q, &w.now);
        CHECK(play_add("fan", false, "ops@" A, "ops@" B, NULL) == STS_OK);
        for (int i = 0; i < polls; i++) {
            (void)sts_queue_poll(q, &w.now);
            if (q->sending) {
                sts_queue_wait(q, &w.now, 1);
            }
        }
        sts_queue_stop(q, &w.now);
        CHECK(!q->sending && shelf_is_quiet(&shelf) && world_is_quiet(&w));
        CHECK(play_boot(false) == STS_OK);
        play_until(NOON + 600);
        CHECK(mx_a->delivered == 1 && mx_b->delivered == 1 && q->counters.repeated == 0);
    }
}

/* Two queues over one store, as two processes have: each message is sent by one of them. */
TEST(two_processes_share_the_store_and_send_each_message_once)
{
    static struct sts_queue *other;
    static struct sts_mailer other_m;
    struct sts_store s2, m2;
    struct sts_queue_config c2;

    other = other != NULL ? other : calloc(1, sizeof *other);
    play_start();
    CHECK(play_boot(true) == STS_OK);
    s2 = shelf_open(&shelf, true);
    m2 = shelf_open(&shelf, true);
    CHECK(sts_mailer_init(&other_m, &w.config) == STS_OK);
    c2 = config;
    c2.mailer = &other_m;
    c2.store = &s2;
    c2.message_store = &m2;
    CHECK(sts_queue_init(other, &c2) == STS_OK);
    for (int i = 0; i < 6; i++) {
        CHECK(alert(i % 2 ? "ops@" A : "ops@" B) == STS_OK);
    }
    sts_queue_rescan(other);
    for (int i = 0; i < 4000; i++) {
        int a = sts_queue_poll(q, &w.now), b = sts_queue_poll(other, &w.now);

        CHECK(!q->sending || !other->sending || q->record.number != other->record.number);
        if (q->sending) {
            CHECK(sts_queue_drop(other, q->record.entry.id) == STS_BUSY);
        }
        CHECK(a >= 0 && b >= 0);
        play_pass(1);
    }
    CHECK(mx_a->delivered == 3 && mx_b->delivered == 3 && list().count == 0);
    CHECK(q->counters.delivered > 0 && other->counters.delivered > 0);
    CHECK(q->counters.delivered + other->counters.delivered == 6 && shelf_used(&shelf) == 0);
    CHECK(q->counters.repeated + other->counters.repeated == 0);
    /* One that the other changed since it was chosen is left to it; one that is gone is gone. */
    mx_a->refuse = true;
    CHECK(alert("ops@" A) == STS_OK);
    sts_queue_rescan(other);
    CHECK(play_run() == STS_OK && sts_queue_poll(other, &w.now) == STS_OK && !other->sending);
}

static char taken[STS_QUEUE_ID_SIZE];

static int claim_busy(void *ctx, uint8_t kind, const char *key)
{
    return strcmp(key, taken) == 0 ? STS_BUSY : shelf_claim(ctx, kind, key);
}

/* What another process has is passed over, and looked at again; the others go. */
TEST(what_another_process_has_is_passed_over)
{
    for (int flush = 0; flush < 2; flush++) {
        play_start();
        config.spread_s = 1;
        config.coalesce_s = 600;
        CHECK(play_boot(true) == STS_OK);
        store.claim = messages.claim = claim_busy;
        CHECK(alert("ops@" A) == STS_OK && alert("ops@" B) == STS_OK);
        CHECK(list().count == 2);
        for (size_t i = 0; i < SHELF_RECORDS; i++) {
            struct shelf_record *r = &shelf.records[i];

            if (r->live && r->kind == 'q' && strcmp(r->key, last_id) != 0) {
                memcpy(taken, r->key, sizeof taken);
            }
        }
        CHECK(alert("ops@" A) == STS_OK && q->counters.coalesced == 0); /* it may be on its way */
        CHECK(sts_queue_drop(q, taken) == STS_BUSY);
        if (flush) {
            sts_queue_flush(q);
        }
        CHECK(play_run() == STS_OK && mx_b->delivered == 1 && mx_a->delivered == 1);
        CHECK(sts_queue_due_ms(q, &w.now) <= 60000 && list().count == 1);
        CHECK(alert("ops@" B) == STS_OK && play_run() == STS_OK && mx_b->delivered == 2);
        taken[0] = '\0';
        play_until(w.now.utc_s + 61);
        CHECK(mx_a->delivered == 2 && list().count == 0);
    }
}

static int gone_result;

static int claim_gone(void *ctx, uint8_t kind, const char *key)
{
    struct shelf_handle *h = ctx;
    struct shelf_record *r = shelf_find(h->shelf, 'q', key);

    if (r != NULL && gone_result == 0) {
        shelf_kill(r); /* delivered and removed, a moment before */
    } else if (r != NULL && gone_result == 1) {
        r->bytes[42 - 8 + 4] = 0x70; /* or tried, and put off: next_try_at is far away */
    }
    return shelf_claim(ctx, kind, key);
}

/* Between the choice and the claim another process may have sent it. */
TEST(what_changed_before_the_claim_is_not_sent)
{
    play_start();
    CHECK(play_boot(true) == STS_OK && alert("ops@" A) == STS_OK);
    messages.claim = claim_gone;
    gone_result = 0;
    CHECK(play_run() == STS_OK && mx_a->seen == 0 && q->counters.tries == 0);
    CHECK(alert("ops@" A) == STS_OK);
    messages.claim = shelf_claim;
    config.coalesce_s = 60;
    CHECK(alert("ops@" B) == STS_OK);
    store.claim = claim_gone;
    CHECK(alert("ops@" B) == STS_OK && q->counters.coalesced == 0); /* what stood for it is gone */
    store.claim = shelf_claim;
    CHECK(play_run() == STS_OK && mx_a->delivered == 1 && mx_b->delivered == 1);
}

/* ---- a store that fails (Q15, Q16, F07, F19) ------------------------------------------------------ */

/* Q01, TORT: each call fails once: accepted and there, or refused and not. */
TEST(q01_a_store_that_fails_while_it_is_added_leaves_it_absent_or_complete)
{
    for (int shared = 0; shared < 2; shared++) {
        for (int coalesce = 0; coalesce < 2; coalesce++) {
            bool failed = true;

            for (long at = 1; failed; at++) {
                uint32_t before;
                int result;

                play_start();
                CHECK(play_boot(shared) == STS_OK);
                config.coalesce_s = coalesce ? 600 : 0;
                CHECK(alert("ops@" A) == STS_OK);
                before = (uint32_t)list().count;
                shelf_fail(&shelf, at, at, STS_ERR_IO);
                result = alert("ops@" A);
                failed = shelf.calls >= at;
                shelf.fails_at = 0;
                CHECK(result == STS_OK || result == STS_ERR_IO || result == STS_ERR_SPACE);
                CHECK(shelf_count(&shelf, 'q') == shelf_count(&shelf, 'm'));
                CHECK(list().count == before + (result == STS_OK && q->counters.coalesced == 0));
                CHECK(q->counters.refused == (result != STS_OK) && shelf_is_quiet(&shelf));
                play_until(NOON + 600);
                CHECK(mx_a->delivered == 2 - (result != STS_OK || q->counters.coalesced == 1));
            }
        }
    }
}

/* Q15: a dead store refuses, and says so. What it still gives is sent, though nothing can be marked, once in this run
 * (Q16). */
TEST(q15_a_dead_store_refuses_and_what_can_be_read_of_it_is_sent_once)
{
    play_start();
    CHECK(play_add("fan", false, "ops@" A, "ops@" B, NULL) == STS_OK);
    CHECK(play_boot(false) == STS_OK);
    config.spread_s = 1;
    mx_b->refuse = true;
    shelf.read_only = true;
    CHECK(alert("ops@" A) == STS_ERR_IO && q->counters.refused == 1);
    play_until(NOON + 100);
    CHECK(mx_a->delivered == 1 && q->counters.repeated == 1);
    mx_b->refuse = false;
    play_until(NOON + 3 * DAY);
    CHECK(mx_a->delivered == 1 && mx_b->delivered == 1 && q->counters.repeated == 1);
    CHECK(q->counters.delivered == 1 && list().count == 1);
    shelf.read_only = false; /* it was but stuck */
    play_until(NOON + 3 * DAY + 8000);
    CHECK(list().count == 0 && mx_a->delivered == 1 && q->counters.delivered == 1);
    CHECK(w.warnings > 0);
}

/* Q16: more than can be remembered is not begun: it might be sent again and again. */
TEST(q16_what_could_not_be_remembered_is_not_begun)
{
    int n = STS_QUEUE_UNMARKED + 4;

    play_start();
    for (int i = 0; i < n; i++) {
        CHECK(alert("ops@" A) == STS_OK);
    }
    shelf.read_only = true;
    for (int i = 0; i < 100; i++) {
        for (int j = 0; j < 200; j++) {
            if (sts_queue_poll(q, &w.now) == STS_BUSY && q->sending) {
                sts_queue_wait(q, &w.now, 1000);
            }
        }
        play_pass(4000);
    }
    CHECK(mx_a->delivered == STS_QUEUE_UNMARKED && q->counters.repeated == STS_QUEUE_UNMARKED);
    shelf.read_only = false;
    for (int i = 0; i < 4000; i++) {
        if (sts_queue_poll(q, &w.now) == STS_BUSY && q->sending) {
            sts_queue_wait(q, &w.now, 1000);
        }
        play_pass(i % 20 == 0 ? 70 : 0);
    }
    CHECK(mx_a->delivered == n && list().count == 0);
}

/* Q16: what came of a try cannot be kept: in this run nobody gets it twice, after a restart once more at most. */
TEST(q16_each_call_of_the_store_fails_once_while_it_is_sent)
{
    for (int shared = 0; shared < 2; shared++) {
        for (int boot = 0; boot < 2; boot++) {
            bool failed = true;

            for (long at = 1; failed; at++) {
                int twice;

                play_start();
                config.spread_s = 1;
                CHECK(play_boot(shared) == STS_OK);
                CHECK(play_add("fan", false, "ops@" A, "ops@" B, NULL) == STS_OK);
                shelf_fail(&shelf, at, at, STS_ERR_IO);
                for (int i = 0; i < 3000; i++) {
                    if (sts_queue_poll(q, &w.now) == STS_BUSY && q->sending) {
                        sts_queue_wait(q, &w.now, 1000);
                    }
                }
                failed = shelf.calls >= at;
                shelf.fails_at = 0;
                CHECK(!failed || at < 200);
                twice = (int)q->counters.repeated;
                if (boot) {
                    CHECK(play_boot(shared) == STS_OK);
                }
                play_until(NOON + 2 * 9000);
                CHECK(mx_a->delivered >= 1 && mx_b->delivered >= 1 && list().count == 0);
                twice += boot ? (int)q->counters.repeated : 0;
                CHECK(mx_a->delivered + mx_b->delivered - 2 <= (boot ? twice : 0));
                CHECK(shelf_is_quiet(&shelf) && play_boot(shared) == STS_OK);
                CHECK(shelf_used(&shelf) == 0);
            }
        }
    }
}

/* F07: a store that cannot be read is not an empty one. */
TEST(f07_a_store_that_cannot_be_read_is_an_error)
{
    play_start();
    CHECK(alert("ops@" A) == STS_OK);
    shelf_fail(&shelf, 1, 1000000, STS_ERR_IO);
    CHECK(sts_queue_poll(q, &w.now) == STS_ERR_IO && sts_queue_due_ms(q, &w.now) == 60000);
    CHECK(sts_queue_poll(q, &w.now) == STS_OK);
    CHECK(sts_queue_list(q, play_list_one, NULL) == STS_ERR_IO);
    CHECK(sts_queue_drop(q, last_id) == STS_ERR_IO);
    shelf.fails_at = 0;
    play_until(NOON + 100);
    CHECK(mx_a->delivered == 1);
    for (long at = 1; at < 3; at++) {
        shelf_restart(&shelf);
        store = shelf_open(&shelf, false);
        messages = shelf_open(&shelf, false);
        shelf_fail(&shelf, at, 1000000, STS_ERR_IO);
        CHECK(sts_queue_init(q, &config) == STS_ERR_IO);
        CHECK(sts_queue_poll(q, &w.now) == STS_ERR_ARG);
    }
}

/* F17: no room to mark a try: it goes on, and what came of it is known in this run. */
TEST(q16_no_room_to_mark_a_try_keeps_no_message_from_its_reader)
{
    play_start();
    mx_b->refuse = true;
    CHECK(play_add("fan", false, "ops@" A, "ops@" B, NULL) == STS_OK);
    shelf.room = shelf_used(&shelf);
    CHECK(play_run() == STS_OK && mx_a->delivered == 1 && q->counters.repeated == 1);
    sts_queue_flush(q);
    CHECK(play_run() == STS_OK && mx_a->delivered == 1);
    mx_b->refuse = false;
    sts_queue_flush(q);
    CHECK(play_run() == STS_OK && mx_a->delivered == 1 && mx_b->delivered == 1);
    CHECK(list().count == 0 && q->counters.repeated == 1);
}

/* Q16: a failure for good that could not be kept is told once, and not tried again in this run. */
TEST(q16_a_verdict_that_could_not_be_kept_is_told_once)
{
    play_start();
    mx_a->at = "RCPT";
    mx_a->reply = "550 no\r\n";
    CHECK(alert("ops@" A) == STS_OK);
    shelf.read_only = true;
    CHECK(play_run() == STS_OK && told()->state == STS_QUEUE_FAILED);
    play_until(NOON + DAY);
    sts_queue_flush(q);
    CHECK(play_run() == STS_OK && outcomes_count == 1 && q->counters.failed == 1);
    shelf.read_only = false;
    CHECK(sts_queue_drop(q, last_id) == STS_OK && list().count == 0);
}

static bool store_dies(struct world_conn *c, const char *line)
{
    (void)c;
    shelf.read_only = shelf.read_only || strcmp(line, ".") == 0;
    return false;
}

/* Q16: marked, then not: counted once, whatever is tried again. */
TEST(q16_what_was_marked_and_could_not_be_settled_is_counted_once)
{
    play_start();
    mx_b->refuse = true;
    mx_a->script = store_dies;
    CHECK(play_add("fan", false, "ops@" B, "ops@" A, NULL) == STS_OK && play_run() == STS_OK);
    CHECK(mx_a->delivered == 1 && q->counters.repeated == 1 && list().waiting == 1);
    shelf.read_only = false;
    mx_b->refuse = false;
    play_until(NOON + 9000);
    CHECK(mx_a->delivered == 1 && mx_b->delivered == 1 && q->counters.repeated == 1);
    CHECK(list().count == 0);
    for (int turn = 0; turn < 2 * STS_QUEUE_UNMARKED;
         turn++) { /* what is kept since is not remembered for ever */
        mx_b->refuse = true;
        CHECK(play_add("fan", false, "ops@" B, "ops@" A, NULL) == STS_OK && play_run() == STS_OK);
        shelf.read_only = false;
        play_until(w.now.utc_s + 300);
        CHECK(told()->state == STS_QUEUE_WAITING && q->unmarked[0].id == 0);
        mx_b->refuse = false;
        play_until(w.now.utc_s + 9000);
        CHECK(list().count == 0 && q->counters.delivered == 2 + (uint32_t)turn);
    }
}

/* Q16: what is remembered of many recipients is of the first 32; with more, the message waits for a restart. */
TEST(q16_with_many_recipients_a_message_that_could_not_be_marked_waits_for_a_restart)
{
    static char names[40][48];
    static struct sts_recipient to[40];
    struct sts_message message = play_message("fan");
    struct sts_queue_mail mail = {.sender = "", .recipients = to, .count = 40, .message = &message};

    if (STS_QUEUE_RECIPIENTS < 40) {
        return;
    }
    for (int last = 31; last < 34; last++) {
        play_start();
        for (int i = 0; i < 40; i++) {
            snprintf(names[i], sizeof names[i], "u%d@%s", i, i <= last ? A : B);
            to[i].address = names[i];
        }
        CHECK(sts_queue_add(q, &mail, &w.now, last_id) == STS_OK);
        shelf.read_only = mx_b->refuse = true;
        CHECK(play_run() == STS_OK && mx_a->delivered == 1 && q->counters.repeated == 1);
        shelf.read_only = mx_b->refuse = false;
        play_until(NOON + 9000);
        CHECK(mx_a->delivered == 1 && mx_b->delivered == (last < 32));
        CHECK(list().count == (size_t)(last >= 32));
    }
}

/* ---- corners ----------------------------------------------------------------------------------- */

TEST(tries_are_counted_to_65535_and_no_further)
{
    play_start();
    mx_a->refuse = true;
    CHECK(alert("ops@" A) == STS_OK);
    entry_of(last_id)->bytes[6] = entry_of(last_id)->bytes[7] = 0xff;
    CHECK(play_run() == STS_OK && list().last.tries == 65535 && told()->tries == 65535);
    CHECK(list().last.next_try_at >= NOON + 2880);
}

/* Nobody need listen. */
TEST(without_a_listener_a_message_goes_all_the_same)
{
    play_start();
    config.on_outcome = NULL;
    CHECK(alert("ops@" A) == STS_OK && play_run() == STS_OK && mx_a->delivered == 1);
    CHECK(q->counters.delivered == 1);
}

static int refuse_to_send(void *ctx, const struct sts_queue_entry *e,
                          const struct sts_source *extra, struct sts_mail *mail)
{
    (void)ctx;
    (void)e;
    (void)extra;
    (void)mail;
    return STS_ERR_MEMORY;
}

TEST(a_try_that_never_began_can_be_broken_off_too)
{
    play_start();
    config.on_send = refuse_to_send;
    CHECK(alert("ops@" A) == STS_OK && sts_queue_poll(q, &w.now) == STS_BUSY && q->sending);
    sts_queue_stop(q, &w.now);
    CHECK(!q->sending && told()->error == STS_ERR_MEMORY && told()->state == STS_QUEUE_WAITING);
}

static int read_too_soon(void *ctx, const struct sts_queue_entry *e, const struct sts_source *extra,
                         struct sts_mail *mail)
{
    char c;

    (void)ctx;
    (void)e;
    (void)mail;
    shelf_fail(&shelf, 1, 1, STS_ERR_IO);
    CHECK(extra->rewind(extra->ctx) == STS_ERR_IO && extra->read(extra->ctx, &c, 1) == STS_ERR_IO);
    return STS_ERR_IO;
}

static int32_t read_x(void *ctx, void *buf, size_t size)
{
    int *left = ctx;

    memset(buf, 'x', size);
    return (*left)-- > 0 ? 1 : 0;
}

static int32_t read_too_much(void *ctx, void *buf, size_t size)
{
    (void)ctx;
    memset(buf, 'x', size);
    return (int32_t)size + 1;
}

TEST(what_was_kept_with_a_message_and_cannot_be_read_is_an_error)
{
    int left = 5;
    struct sts_source extra = {&left, read_none, read_x};
    struct sts_recipient to = {.address = "ops@" A};
    struct sts_message message = play_message("fan");
    struct sts_queue_mail mail = {
        .sender = "", .recipients = &to, .count = 1, .message = &message, .extra = &extra};

    play_start();
    config.on_send = read_too_soon;
    CHECK(sts_queue_add(q, &mail, &w.now, last_id) == STS_OK && play_run() == STS_OK);
    CHECK(told()->error == STS_ERR_IO && told()->state == STS_QUEUE_WAITING);
    extra.read = read_too_much;
    CHECK(sts_queue_add(q, &mail, &w.now, last_id) == STS_ERR_IO);
}

static int claim_late(void *ctx, uint8_t kind, const char *key)
{
    struct shelf_handle *h = ctx;
    struct shelf_record *r = shelf_find(h->shelf, 'q', key);
    uint64_t next = NOON + 50;

    for (size_t i = 0; r != NULL && gone_result == 1 && i < 8; i++) {
        r->bytes[41 - i] = (uint8_t)(next >> 8 * i); /* tried meanwhile, and put off */
    }
    if (r != NULL && gone_result == 2) {
        r->bytes[1] = STS_QUEUE_FAILED; /* tried, and refused */
    }
    return shelf_claim(ctx, kind, key);
}

TEST(what_was_tried_before_the_claim_is_not_tried_at_once)
{
    for (gone_result = 1; gone_result < 3; gone_result++) {
        play_start();
        CHECK(play_boot(true) == STS_OK && alert("ops@" A) == STS_OK);
        messages.claim = claim_late;
        if (gone_result == 2) {
            CHECK(play_boot(true) == STS_OK);
            messages.claim = claim_late;
            sts_queue_flush(q);
        }
        CHECK(play_run() == STS_OK && mx_a->seen == 0 && q->counters.tries == 0);
        CHECK(list().count == 1);
    }
}

static int busy_once(void *ctx, uint8_t kind, const char *key)
{
    if (taken[0] == '\0') {
        strcpy(taken, key);
        return STS_BUSY;
    }
    return shelf_claim(ctx, kind, key);
}

/* M12: an id that another process has claimed is not taken; and where all are taken, that is an end. */
TEST(m12_an_id_that_is_claimed_is_not_taken_and_the_search_ends)
{
    int left = 1000;
    const struct sts_random bad = {&left, same_bytes};
    uint64_t last;

    play_start();
    CHECK(play_boot(true) == STS_OK);
    taken[0] = '\0';
    store.claim = busy_once;
    CHECK(alert("ops@" A) == STS_OK && taken[0] != '\0' && strcmp(taken, last_id) < 0);
    play_start();
    config.random = &bad;
    w.now.utc_s = 1;
    last = q->last;
    for (int i = 0; i < 8; i++) {
        CHECK(alert("ops@" A) == STS_OK);
    }
    q->last = last;
    CHECK(alert("ops@" A) == STS_ERR_IO && list().count == 8 && q->counters.refused == 1);
    q->last = last + (1 << 24);
    CHECK(alert("ops@" A) == STS_OK && list().count == 9);
}

/* M12: the caller's own Message-ID stays. C11: the date too; without one it is the time of the alert, where that is known. */
TEST(c11_an_alert_without_a_date_gets_the_time_at_which_it_came)
{
    struct sts_recipient to = {.address = "ops@" A};
    struct sts_message message = play_message("fan");
    struct sts_queue_mail mail = {.sender = "", .recipients = &to, .count = 1, .message = &message};

    play_start();
    mx_a->at = "MAIL";
    mx_a->reply = "450 4.2.0 wait\r\n";
    message.date_s = 0;
    message.message_id = "mine@example.com";
    CHECK(sts_queue_add(q, &mail, &w.now, last_id) == STS_OK && play_run() == STS_OK);
    mx_a->at = NULL;
    play_until(NOON + 100);
    CHECK(mx_a->delivered == 1 && times(mx_a, "Date: Mon, 21 Sep 2026 14:13:20 +0000\r\n") == 1);
    CHECK(times(mx_a, "Message-ID: <mine@example.com>\r\n") == 1);
    CHECK(times(mx_a, "Message-ID: ") == 1 && times(mx_a, "Date: ") == 1);
}

/* Q06: a raw message has no subject that could be compared. */
TEST(q06_raw_messages_are_not_coalesced)
{
    int left[2] = {0, 0};
    struct sts_source raw = {left, read_none, read_x};
    struct sts_recipient to = {.address = "ops@" A};
    struct sts_message message = {.raw = &raw};
    struct sts_queue_mail mail = {.sender = "", .recipients = &to, .count = 1, .message = &message};

    play_start();
    config.coalesce_s = 600;
    left[0] = 3; /* "xxx" is no header */
    CHECK(sts_queue_add(q, &mail, &w.now, last_id) == STS_ERR_MESSAGE);
    CHECK(shelf_used(&shelf) == 0 && q->counters.coalesced == 0);
}

/* F07, F17: a full store that fails while room is looked for; entries of nobody knows what are not taken for failed ones. */
TEST(f17_a_full_store_that_fails_or_is_strange_refuses)
{
    bool failed = true;

    for (long at = 1; failed; at++) {
        int result;

        play_start();
        mx_b->at = "RCPT";
        mx_b->reply = "550 no\r\n";
        CHECK(alert("ops@" B) == STS_OK && alert("x@" B) == STS_OK && play_run() == STS_OK);
        CHECK(alert("ops@" A) == STS_OK);
        entry_of(last_id)->bytes[0] = 9;
        shelf.room = shelf_used(&shelf) + 200;
        shelf_fail(&shelf, at, at, STS_ERR_IO);
        result = alert("ops@" A);
        failed = shelf.calls >= at;
        shelf.fails_at = 0;
        shelf.room = 0;
        CHECK(result == STS_OK || result == STS_ERR_IO || result == STS_ERR_SPACE);
        CHECK(result == STS_OK || failed);
        CHECK(shelf_count(&shelf, 'q') >= 2 && shelf_is_quiet(&shelf));
        CHECK(shelf_count(&shelf, 'm') >= shelf_count(&shelf, 'q'));
        CHECK(shelf_find(&shelf, 'q', last_id) != NULL);
    }
}

static void put_record(uint8_t kind, const char *key, const char *bytes)
{
    CHECK(store.put(store.ctx, kind, key) == STS_OK);
    CHECK(store.write(store.ctx, bytes, strlen(bytes)) == STS_OK);
    CHECK(store.commit(store.ctx) == STS_OK);
}

static int claim_added(void *ctx, uint8_t kind, const char *key)
{
    struct shelf_handle *h = ctx;

    if (strcmp(key, "00000000000000b1") == 0) {
        struct sts_store other = shelf_open(h->shelf, false); /* whose add ends just now */

        CHECK(other.put(other.ctx, 'q', key) == STS_OK && other.commit(other.ctx) == STS_OK);
    }
    return strcmp(key, "00000000000000c1") == 0 ? STS_BUSY : shelf_claim(ctx, kind, key);
}

/* Q01: messages without an entry are swept away at the start, but not one that another process is adding. */
TEST(q01_what_another_process_is_adding_is_not_swept_away)
{
    static const char *const keys[] = {"00000000000000d1", "00000000000000a1", "00000000000000c1",
                                       "00000000000000b1"};

    play_start();
    CHECK(play_boot(true) == STS_OK);
    for (int i = 0; i < 4; i++) {
        put_record('m', keys[i], "x");
    }
    store.claim = claim_added;
    CHECK(sts_queue_init(q, &config) == STS_OK);
    CHECK(shelf_find(&shelf, 'm', keys[0]) == NULL && shelf_find(&shelf, 'm', keys[1]) == NULL);
    CHECK(shelf_find(&shelf, 'm', keys[2]) != NULL && shelf_find(&shelf, 'm', keys[3]) != NULL);
    shelf.read_only = true; /* and one that cannot be removed is no endless task */
    store.claim = shelf_claim;
    CHECK(sts_queue_init(q, &config) == STS_OK && shelf_count(&shelf, 'm') == 2);
}

/* ---- odd callers ----------------------------------------------------------------------------------- */

TEST(a_queue_that_was_not_set_up_does_nothing)
{
    struct sts_queue_config c;
    struct sts_mailer none;

    play_start();
    memset(&none, 0, sizeof none);
    for (int i = 0; i < 6; i++) {
        c = config;
        c.mailer = i == 0 ? &none : c.mailer;
        c.store = i == 1 ? NULL : c.store;
        c.message_store = i == 2 ? NULL : i == 3 ? c.store : c.message_store;
        c.random = i == 4 ? NULL : c.random;
        CHECK(sts_queue_init(q, i == 5 ? NULL : &c) == STS_ERR_ARG);
    }
    CHECK(sts_queue_init(NULL, &config) == STS_ERR_ARG &&
          sts_queue_poll(NULL, &w.now) == STS_ERR_ARG);
    CHECK(sts_queue_list(NULL, play_list_one, NULL) == STS_ERR_ARG);
    CHECK(play_boot(false) == STS_OK && sts_queue_list(q, NULL, NULL) == STS_ERR_ARG);
    q->config = NULL;
    CHECK(alert("ops@" A) == STS_ERR_ARG && sts_queue_drop(q, last_id) == STS_ERR_ARG);
    CHECK(sts_queue_list(q, play_list_one, NULL) == STS_ERR_ARG);
    CHECK(sts_queue_poll(q, &w.now) == STS_ERR_ARG);
}

/* A program that only shows the queue has no mailer. */
TEST(without_a_mailer_messages_are_kept_listed_and_dropped)
{
    play_start();
    config.mailer = NULL;
    CHECK(sts_queue_init(q, &config) == STS_OK && alert("ops@" A) == STS_OK);
    CHECK(list().count == 1 && sts_queue_poll(q, &w.now) == STS_ERR_ARG);
    sts_queue_wait(q, &w.now, 10);
    CHECK(sts_queue_drop(q, last_id) == STS_OK && list().count == 0);
}

static bool only_one(void *arg, const struct sts_queue_entry *e)
{
    (void)e;
    ++*(int *)arg;
    return false;
}

TEST(a_list_ends_where_its_reader_has_enough)
{
    int n = 0;

    play_start();
    CHECK(alert("ops@" A) == STS_OK && alert("ops@" A) == STS_OK);
    CHECK(sts_queue_list(q, only_one, &n) == STS_OK && n == 1);
}

/* L16: waiting is the mailer's, or until something is due. */
TEST(waiting_is_bounded_by_what_is_due)
{
    int64_t before;

    play_start();
    sts_queue_wait(q, &w.now, 5000);
    w.waited = false;
    CHECK(alert("ops@" A) == STS_OK);
    sts_queue_wait(q, &w.now, 5000);
    CHECK(!w.waited); /* there is work */
    mx_a->refuse = true;
    CHECK(play_run() == STS_OK);
    before = w.now.utc_s;
    for (int i = 0; i < 100 && outcomes_count < 2; i++) {
        sts_queue_wait(q, &w.now, 100000);
        (void)sts_queue_poll(q, &w.now);
    }
    CHECK(outcomes_count == 2 && w.now.utc_s - before <= 80);
}

TEST_MAIN("queue_time")
