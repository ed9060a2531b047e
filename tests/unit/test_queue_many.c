/* SPDX-License-Identifier: MIT
 *
 * A queue of a thousand messages, where the limits allow that many: how often each is read.
 */
#define _GNU_SOURCE
#include <stsmail/config.h>

#define MANY       (STS_QUEUE_MAX - 1 < 1000 ? STS_QUEUE_MAX - 1 : 1000)
#define SHELF_ROOM (2 * MANY + 100)
#include "queue_play.h"

static void add_many(void)
{
    for (int i = 0; i < MANY; i++) {
        CHECK(play_add("fan", false, i % 3 ? "ops@" A : "ops@" B, NULL, NULL) == STS_OK);
    }
}

static uint32_t since_ms;

/* How often each was read since this was asked last, but for the looks that are taken each ten seconds. */
static long reads_of_each(void)
{
    long n = (shelf.opened + MANY - 1) / MANY - (long)(w.now.ms - since_ms) / 10000;

    shelf.opened = 0;
    since_ms = w.now.ms;
    return n;
}

/* In one look all are read; then each is read again behind its claim. */
static long looks_for(long count)
{
    return (count + STS_QUEUE_NEXT - 1) / STS_QUEUE_NEXT + 1;
}

/* A look at all of them chooses as many as there is room for: one look for each message would read n * n. */
TEST(a_flush_of_many_reads_each_a_few_times)
{
    play_start();
    mx_a->refuse = mx_b->refuse = true;
    add_many();
    reads_of_each();
    for (int turn = 0; turn < 3; turn++) {
        CHECK(play_run() == STS_OK && list().waiting == MANY);
        reads_of_each();
        sts_queue_flush(q);
        CHECK(play_run() == STS_OK && q->counters.tries == (uint32_t)(MANY * (turn + 2)));
        CHECK(reads_of_each() <=
              looks_for(MANY) + 3); /* one look finds that the flush is over, one what is due */
    }
}

TEST(new_ones_that_all_arrive_are_read_a_few_times)
{
    play_start();
    add_many();
    reads_of_each();
    CHECK(play_run() == STS_OK && mx_a->delivered + mx_b->delivered == MANY);
    CHECK(reads_of_each() <= looks_for(MANY) + 2 && list().count == 0);
}

/* What comes meanwhile goes first, and does not make all the others be read again. */
TEST(what_comes_meanwhile_does_not_make_all_be_chosen_anew)
{
    long added = 0;

    play_start();
    mx_a->refuse = mx_b->refuse = true;
    add_many();
    CHECK(play_run() == STS_OK);
    for (int i = 0; i < MANY / 2; i++) { /* room for others */
        CHECK(sts_queue_drop(q, outcomes[i].id) == STS_OK);
    }
    reads_of_each();
    sts_queue_flush(q);
    while (sts_queue_poll(q, &w.now) == STS_BUSY) {
        if (!q->sending && added < MANY / 4) {
            CHECK(play_add("fire", added % 2, "ops@" C, NULL, NULL) == STS_OK);
            added++;
        } else if (q->sending) {
            CHECK(q->counters.tries < MANY + 4 || mx_c->delivered > 0); /* at once */
            sts_queue_wait(q, &w.now, 1000);
        }
    }
    CHECK(mx_c->delivered == added && added == MANY / 4);
    CHECK(reads_of_each() <= 2 * looks_for(MANY) + 3);
}

/* What was chosen long ago is chosen anew: another may have become due, and goes first. */
TEST(what_was_chosen_long_ago_is_chosen_anew)
{
    play_start();
    add_many();
    CHECK(sts_queue_poll(q, &w.now) == STS_BUSY && q->sending);
    while (q->sending) {
        CHECK(sts_queue_poll(q, &w.now) == STS_BUSY);
        sts_queue_wait(q, &w.now, 1000);
    }
    reads_of_each();
    play_pass(11);
    CHECK(sts_queue_poll(q, &w.now) == STS_BUSY);
    CHECK(shelf.opened == MANY); /* one less is there, and one of them is read again */
    CHECK(play_run() == STS_OK && list().count == 0);
}

/* Q08: one whose domain fails after it was chosen goes behind those of others. */
TEST(q08_one_whose_domain_failed_since_it_was_chosen_waits)
{
    play_start();
    mx_a->refuse = true;
    for (int i = 0; i < 6; i++) {
        CHECK(play_add("fan", false, i < 4 ? "ops@" A : "ops@" B, NULL, NULL) == STS_OK);
    }
    CHECK(play_run() == STS_OK && outcomes_count == 6 && mx_b->delivered == 2);
    for (int i = 0; i < 6; i++) {
        CHECK(strcmp(outcomes[i].domain, i == 1 || i == 2 ? B : A) == 0);
    }
}

/* One that another process ended after it was chosen is not tried, not in a flush either. */
TEST(what_ended_since_it_was_chosen_is_not_tried)
{
    struct sts_queue_record r;
    static char text[STS_QUEUE_TEXT];
    static struct sts_recipient to[STS_QUEUE_RECIPIENTS];
    char second[STS_QUEUE_ID_SIZE];

    for (int flush = 0; flush < 2; flush++) {
        play_start();
        mx_a->refuse = mx_b->refuse = true;
        CHECK(alert("ops@" A) == STS_OK && alert("ops@" B) == STS_OK);
        memcpy(second, last_id, sizeof second);
        if (flush) {
            CHECK(play_run() == STS_OK && outcomes_count == 2);
            sts_queue_flush(q);
        }
        CHECK(sts_queue_poll(q, &w.now) == STS_BUSY && q->sending);
        CHECK(sts_queue_read(&store, sts_queue_id(second), &r, text, to) == STS_OK);
        r.entry.state = STS_QUEUE_FAILED;
        CHECK(sts_queue_write(&store, &r, text, "") == STS_OK);
        CHECK(play_run() == STS_OK && outcomes_count == (flush ? 3 : 1) && list().failed == 1);
    }
}

TEST_MAIN("queue_many")
