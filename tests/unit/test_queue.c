/* SPDX-License-Identifier: MIT
 *
 * The queue on a store and in a small internet: what was accepted is delivered or reported (Q01..Q16), by a calendar that may be
 * anything (C01..C11).
 */
#define _GNU_SOURCE
#include "queue_play.h"

/* ---- the ordinary course ------------------------------------------------------------------- */

TEST(a_message_is_kept_sent_and_gone)
{
    play_start();
    CHECK(sts_queue_poll(q, &w.now) == STS_OK && sts_queue_due_ms(q, &w.now) == UINT32_MAX);
    CHECK(alert("ops@" A) == STS_OK && strlen(last_id) == 16);
    CHECK(shelf_count(&shelf, 'q') == 1 && shelf_count(&shelf, 'm') == 1);
    CHECK(sts_queue_due_ms(q, &w.now) == 0 && list().waiting == 1);
    CHECK(play_run() == STS_OK);
    CHECK(mx_a->delivered == 1 && times(mx_a, "the fan has stopped\r\n") == 1);
    CHECK(times(mx_a, "Date: ") == 1 && times(mx_a, "Message-ID: <") == 1);
    CHECK(shelf_count(&shelf, 'q') == 0 && shelf_count(&shelf, 'm') == 0);
    CHECK(outcomes_count == 1 && strcmp(told()->id, last_id) == 0 &&
          strcmp(told()->domain, A) == 0);
    CHECK(told()->error == STS_OK && told()->state == STS_QUEUE_DELIVERED && told()->tries == 1);
    CHECK(q->counters.accepted == 1 && q->counters.delivered == 1 && q->counters.tries == 1);
    CHECK(q->counters.failed == 0 && q->counters.repeated == 0);
    CHECK(sts_queue_due_ms(q, &w.now) == UINT32_MAX);
}

TEST_MAIN("queue")
