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

/* Delivered ones never get it again (Q02). */
TEST(each_recipient_keeps_its_own_verdict)
{
    play_start();
    mx_a->at = "RCPT TO:<later";
    mx_a->reply = "451 4.2.0 not now\r\n";
    mx_a->at2 = "RCPT TO:<never";
    mx_a->reply2 = "550 5.1.1 nobody\r\n";
    CHECK(play_add("fan", false, "later@" A, "never@" A, "ops@" A) == STS_OK);
    CHECK(play_run() == STS_OK);
    CHECK(mx_a->delivered == 1 && told()->state == STS_QUEUE_WAITING);
    CHECK(list().waiting == 1 && list().last.entry_error == STS_ERR_TEMPFAIL);
    mx_a->at = NULL;
    play_until(NOON + 120);
    CHECK(mx_a->delivered == 2 && told()->state == STS_QUEUE_FAILED && told()->tries == 2);
    CHECK(list().failed == 1 && q->to[0].error != STS_BUSY);
    for (size_t i = 0; i < 3; i++) {
        bool never = strcmp(q->to[i].address, "never@" A) == 0;

        CHECK(q->to[i].error == (never ? STS_ERR_REJECTED : STS_OK) && q->to[i].final == never);
        CHECK(strcmp(q->to[i].reply, never ? "550 5.1.1 nobody" : "") == 0 || !never);
    }
    CHECK(q->counters.failed == 1 && q->counters.delivered == 0);
}

TEST(several_domains_are_tried_one_after_the_other)
{
    play_start();
    mx_b->refuse = true;
    CHECK(play_add("fan", false, "ops@" A, "ops@" B, "b@Example.ORG") == STS_OK);
    CHECK(play_run() == STS_OK);
    CHECK(mx_a->delivered == 1 && mx_a->seen == 1 && outcomes_count == 2);
    CHECK(told()->state == STS_QUEUE_WAITING && q->counters.tries == 2);
    mx_b->refuse = false;
    play_until(NOON + 120);
    CHECK(mx_a->delivered == 1 && mx_b->delivered == 1 && told()->state == STS_QUEUE_DELIVERED);
    CHECK(told()->count == 3 && shelf_count(&shelf, 'm') == 0);
}

/* Q07, S12: a verdict for good ends it, and it stays to be seen until it is dropped. */
TEST(q07_a_poison_message_leaves_the_schedule_at_once_and_stays_to_be_seen)
{
    play_start();
    mx_a->at = "RCPT TO:";
    mx_a->reply = "550 5.7.1 no\r\n";
    CHECK(alert("ops@" A) == STS_OK && play_run() == STS_OK);
    CHECK(told()->state == STS_QUEUE_FAILED && told()->error == STS_ERR_REJECTED);
    CHECK(list().failed == 1 && strcmp(q->to[0].reply, "550 5.7.1 no") == 0 &&
          q->to[0].code == 550);
    play_until(NOON + 3 * DAY);
    sts_queue_flush(q);
    CHECK(play_run() == STS_OK && mx_a->seen == 1 && outcomes_count == 1);
    CHECK(sts_queue_due_ms(q, &w.now) == UINT32_MAX);
    CHECK(sts_queue_drop(q, last_id) == STS_OK && list().count == 0);
    CHECK(shelf_count(&shelf, 'm') == 0 && sts_queue_drop(q, last_id) == STS_ERR_ABSENT);
}

/* Q10, C-11, R-090, T20: under a floor, what is said outside verified TLS removes nothing. */
TEST(q10_a_forged_refusal_removes_nothing)
{
    struct sts_recipient to = {.address = "ops@" A};
    struct sts_message message = play_message("fan");
    struct sts_queue_mail mail = {.sender = "",
                                  .recipients = &to,
                                  .count = 1,
                                  .message = &message,
                                  .floor = STS_FLOOR_VERIFIED};

    play_start();
    mx_a->greeting = "554 5.7.1 go away\r\n";
    CHECK(sts_queue_add(q, &mail, &w.now, last_id) == STS_OK && play_run() == STS_OK);
    CHECK(told()->state == STS_QUEUE_WAITING && w.decision.floor == STS_FLOOR_VERIFIED);
    mx_a->greeting = NULL;
    mx_a->no_starttls = true;
    play_until(NOON + 100);
    CHECK(told()->state == STS_QUEUE_WAITING && mx_a->delivered == 0 && outcomes_count == 2);
    mx_a->no_starttls = false;
    play_until(NOON + 600);
    CHECK(mx_a->delivered == 1 && told()->state == STS_QUEUE_DELIVERED);
}

/* The floor is kept with the message, over a restart. */
TEST(c_7_the_floor_of_a_message_is_kept)
{
    play_start();
    mx_a->no_starttls = true;
    for (int floor = 0; floor < 4; floor++) {
        struct sts_recipient to = {.address = "ops@" A};
        struct sts_message message = play_message("fan");
        struct sts_queue_mail mail = {.sender = "ups@example.com",
                                      .recipients = &to,
                                      .count = 1,
                                      .message = &message,
                                      .floor = (uint8_t)floor,
                                      .flags = (uint8_t)(floor + 77)};

        CHECK(sts_queue_add(q, &mail, &w.now, last_id) == STS_OK);
        CHECK(play_boot(false) == STS_OK);
        sts_queue_flush(q);
        CHECK(play_run() == STS_OK);
        CHECK(w.decision.floor == floor && mx_a->delivered == 1 && told()->flags == floor + 77);
        CHECK(list().count == (size_t)(floor > 0));
        CHECK(sts_queue_drop(q, last_id) == (floor > 0 ? STS_OK : STS_ERR_ABSENT));
    }
}

/* ---- what is not taken --------------------------------------------------------------------- */

TEST(what_is_wrong_with_a_message_is_said_and_nothing_is_kept)
{
    struct sts_recipient to[2] = {{.address = "ops@" A}, {.address = "b@" B}};
    struct sts_message message = play_message("fan");
    const struct sts_queue_mail good = {
        .sender = "ups@example.com", .recipients = to, .count = 2, .message = &message};
    struct sts_queue_mail bad[16];
    int want[16], n = 0;
    static struct sts_recipient many[STS_QUEUE_RECIPIENTS + 1];
    struct sts_recipient odd[5] = {{.address = "ops"},
                                   {.address = "ops@[192.0.2.1]"},
                                   {.address = NULL},
                                   {.address = "a@b\r\nRCPT TO:<c@d>"},
                                   {.address = "ops@192.0.2.1"}};
    struct sts_message no_from = message, no_text = message;

    for (int i = 0; i < 16; i++) {
        bad[i] = good;
    }
    for (size_t i = 0; i <= STS_QUEUE_RECIPIENTS; i++) {
        many[i].address = "a@" A;
    }
    no_from.from = NULL;
    no_text.subject = "two\nlines";
    bad[n].sender = NULL, want[n++] = STS_ERR_ARG;
    bad[n].sender = "ups", want[n++] = STS_ERR_ADDRESS;
    bad[n].recipients = NULL, want[n++] = STS_ERR_ARG;
    bad[n].count = 0, want[n++] = STS_ERR_ARG;
    bad[n].recipients = many, bad[n].count = STS_QUEUE_RECIPIENTS + 1, want[n++] = STS_ERR_ARG;
    bad[n].floor = STS_FLOOR_POLICY + 1, want[n++] = STS_ERR_ARG;
    bad[n].message = NULL, want[n++] = STS_ERR_ARG;
    bad[n].message = &no_from, want[n++] = STS_ERR_ARG;
    bad[n].message = &no_text, want[n++] = STS_ERR_MESSAGE;
    for (int i = 0; i < 5; i++) {
        bad[n].recipients = &odd[i], bad[n].count = 1;
        want[n++] = i == 2 ? STS_ERR_ARG : STS_ERR_ADDRESS;
    }
    play_start();
    for (int i = 0; i < n; i++) {
        CHECK(sts_queue_add(q, &bad[i], &w.now, last_id) == want[i]);
        CHECK(shelf.writes == 0 && sts_queue_poll(q, &w.now) == STS_OK);
    }
    CHECK(sts_queue_add(NULL, &good, &w.now, last_id) == STS_ERR_ARG);
    CHECK(sts_queue_add(q, NULL, &w.now, last_id) == STS_ERR_ARG);
    CHECK(sts_queue_add(q, &good, NULL, last_id) == STS_ERR_ARG);
    CHECK(sts_queue_add(q, &good, &w.now, NULL) == STS_ERR_ARG);
    CHECK(q->counters.accepted == 0 && q->counters.refused == 0);
    CHECK(sts_queue_add(q, &good, &w.now, last_id) == STS_OK && q->counters.accepted == 1);
}

/* The addresses must fit; a subject that does not is only not compared. */
TEST(addresses_that_do_not_fit_are_refused)
{
    static char names[STS_QUEUE_RECIPIENTS][256];
    static struct sts_recipient to[STS_QUEUE_RECIPIENTS];
    struct sts_message message = play_message("fan");
    struct sts_queue_mail mail = {
        .sender = "a@" A, .recipients = to, .count = STS_QUEUE_RECIPIENTS, .message = &message};
    size_t len = sizeof "a@" A + 1, used;

    for (size_t i = 0; i < STS_QUEUE_RECIPIENTS; i++) {
        size_t more = STS_QUEUE_TEXT - len - 8 * (STS_QUEUE_RECIPIENTS - 1 - i);

        more = more > 254 ? 254 : more;
        memset(names[i], 'a', 256);
        memcpy(names[i], "u@", 2);
        for (size_t at = 60; at + 3 < more; at += 50) {
            names[i][at] = '.';
        }
        memcpy(names[i] + more - 3, "a0", 3);
        used = strlen(names[i]) + 1;
        len += used;
        to[i].address = names[i];
    }
    play_start();
    config.coalesce_s = 60;
    if (len <= STS_QUEUE_TEXT) {
        CHECK(sts_queue_add(q, &mail, &w.now, last_id) == STS_OK);
        CHECK(list().last.count == STS_QUEUE_RECIPIENTS);
    }
    if (len == STS_QUEUE_TEXT) {
        mail.sender = "ab@" A;
        CHECK(sts_queue_add(q, &mail, &w.now, last_id) == STS_ERR_ARG);
    }
}

struct bytes {
    const char *text;
    size_t at, fails_at; /* 0: never */
    bool rewind_fails;
    int step; /* bytes at once */
};

static int bytes_rewind(void *ctx)
{
    struct bytes *b = ctx;

    b->at = 0;
    return b->rewind_fails ? STS_ERR_IO : STS_OK;
}

static int32_t bytes_read(void *ctx, void *buf, size_t size)
{
    struct bytes *b = ctx;
    size_t n = strlen(b->text + b->at);

    n = n < size ? n : size;
    n = b->step > 0 && n > (size_t)b->step ? (size_t)b->step : n;
    if (b->fails_at > 0 && b->at >= b->fails_at) {
        return STS_ERR_CLOSED;
    }
    memcpy(buf, b->text + b->at, n);
    b->at += n;
    return (int32_t)n;
}

static int add_raw(struct bytes *raw, struct bytes *extra, const char *address)
{
    struct sts_source r = {raw, bytes_rewind, bytes_read}, x = {extra, bytes_rewind, bytes_read};
    struct sts_recipient to = {.address = address};
    struct sts_message message = {.raw = &r};
    struct sts_queue_mail mail = {.sender = "ups@example.com",
                                  .recipients = &to,
                                  .count = 1,
                                  .message = &message,
                                  .extra = extra != NULL ? &x : NULL};

    return sts_queue_add(q, &mail, &w.now, last_id);
}

/* M10: a source that fails is no message. */
TEST(a_source_that_fails_leaves_nothing)
{
    struct bytes raw = {.text = "Subject: x\n\nbody\n", .fails_at = 4};
    struct bytes extra = {.text = "floor policy\n"};

    play_start();
    CHECK(add_raw(&raw, NULL, "ops@" A) == STS_ERR_IO);
    raw.fails_at = 0;
    raw.rewind_fails = true;
    CHECK(add_raw(&raw, NULL, "ops@" A) == STS_ERR_IO);
    raw.rewind_fails = false;
    raw.text = "no header\n";
    CHECK(add_raw(&raw, NULL, "ops@" A) == STS_ERR_MESSAGE);
    raw.text = "Subject: x\n\nbody\n";
    extra.fails_at = 1;
    extra.step = 1;
    CHECK(add_raw(&raw, &extra, "ops@" A) == STS_ERR_IO);
    extra.rewind_fails = true;
    CHECK(add_raw(&raw, &extra, "ops@" A) == STS_ERR_IO);
    CHECK(shelf_used(&shelf) == 0 && q->counters.refused == 5 && shelf_is_quiet(&shelf));
    CHECK(add_raw(&raw, NULL, "ops@" A) == STS_OK && play_run() == STS_OK);
    CHECK(strcmp(mx_a->mail, "Subject: x\r\n\r\nbody\r\n") == 0);
}

/* C11, RFC 5322 3.6: what came ready without the time and without a Date gets one, once and for all; and one that has its own keeps it. */
TEST(c11_a_raw_message_without_a_date_gets_one_when_the_time_is_known)
{
    static const struct {
        const char *text;
        bool dated;
    } cases[] = {{"Subject: x\n\nDate: in the body\n", false},
                 {"Subject: x\nDATE: yesterday\n\nbody\n", true},
                 {"Resent-Date: no\nDat: no\nDates: no\n\nbody\n", false},
                 {"Subject: x\n Date: folded\n\nbody\n", false},
                 {"Subject: x\n  Date: folded\nXDate: no\n\nbody\n", false},
                 {"DaDate: no\nDatDate: no\nDateDate: no\n\nbody\n", false}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int known = 0; known < 2; known++) {
            struct bytes raw = {.text = cases[i].text, .step = 1 + (int)i % 3};

            play_start();
            w.now.trust = known ? STS_CLOCK_OWNER : STS_CLOCK_UNSET;
            CHECK(add_raw(&raw, NULL, "ops@" A) == STS_OK);
            CHECK(play_boot(false) == STS_OK);
            w.now.trust = STS_CLOCK_OWNER;
            play_until(NOON + 400);
            CHECK(mx_a->delivered == 1);
            CHECK((strncmp(mx_a->mail, "Date: Mon, 21 Sep 2026 14:", 26) == 0) ==
                  (!known && !cases[i].dated));
        }
    }
}

/* ---- what the caller keeps with a message --------------------------------------------------- */

static char seen_extra[2000];
static int send_result;
static struct sts_policy own_policy;
static struct sts_provisioned own_provisioned = {A, &own_policy};

static int on_send(void *ctx, const struct sts_queue_entry *e, const struct sts_source *extra,
                   struct sts_mail *mail)
{
    int32_t n;
    size_t len = 0;

    (void)ctx;
    seen_extra[0] = '\0';
    CHECK(e->count >= mail->count);
    if (extra != NULL) {
        CHECK(extra->rewind(extra->ctx) == STS_OK);
        while ((n = extra->read(extra->ctx, seen_extra + len, 7)) > 0) {
            len += (size_t)n;
        }
        CHECK(n == 0);
        seen_extra[len] = '\0';
        mail->provisioned = &own_provisioned;
        mail->provisioned_count = 1;
        mail->floor = STS_FLOOR_ENCRYPTED;
    }
    return send_result;
}

TEST(what_the_caller_keeps_with_a_message_comes_back_at_each_try)
{
    struct bytes raw = {.text = "Subject: x\n\n.body\n", .step = 3};
    static char long_text[1501];
    struct bytes extra = {.text = long_text};

    memset(long_text, 'x', 1500);
    own_policy.mode = STS_MODE_NONE;
    for (int how = 0; how < 3; how++) {
        play_start();
        config.on_send = on_send;
        send_result = STS_OK;
        CHECK(add_raw(&raw, how > 0 ? &extra : NULL, "ops@" A) == STS_OK);
        CHECK(list().last.size == strlen("Subject: x\r\n\r\n.body\r\n"));
        if (how == 2) {
            mx_a->no_starttls = true;
            CHECK(play_run() == STS_OK && told()->error == STS_ERR_STARTTLS);
            mx_a->no_starttls = false;
            CHECK(play_boot(false) == STS_OK);
            memset(seen_extra, 0, sizeof seen_extra);
            play_until(NOON + 400);
        } else {
            CHECK(play_run() == STS_OK);
        }
        CHECK(mx_a->delivered == 1);
        CHECK(strcmp(mx_a->mail, "Subject: x\r\n\r\n..body\r\n") == 0);
        CHECK(strcmp(seen_extra, how > 0 ? long_text : "") == 0);
        CHECK(w.decision.source == (how > 0 ? STS_SOURCE_PROVISIONED : STS_SOURCE_NONE));
    }
}

TEST(who_cannot_set_a_try_up_puts_it_off)
{
    play_start();
    config.on_send = on_send;
    send_result = STS_ERR_CONFIG;
    CHECK(play_add("fan", false, "ops@" A, "ops@" B, NULL) == STS_OK);
    CHECK(play_run() == STS_OK);
    CHECK(outcomes_count == 2 && told()->error == STS_ERR_CONFIG && mx_a->seen == 0);
    CHECK(told()->state == STS_QUEUE_WAITING && list().last.tries == 1);
    CHECK(play_add("fan", false, "ops@" A, "b@" A, NULL) == STS_OK && play_run() == STS_OK);
    for (size_t i = 0; i < 2; i++) {
        CHECK(q->to[i].error == STS_ERR_CONFIG && !q->to[i].final);
    }
    CHECK(sts_queue_drop(q, last_id) == STS_OK);
    send_result = STS_OK;
    config.on_send = NULL;
    w.config.hostname = "device.example.com";
    play_until(NOON + 80);
    CHECK(mx_a->delivered == 1 && mx_b->delivered == 1 && list().count == 0);
}

/* One that was tried before it came is waited for, and who has it is not given it again. */
TEST(a_message_that_was_tried_before_waits_its_minute)
{
    struct sts_recipient to[3] = {
        {.address = "later@" A, .error = STS_ERR_TEMPFAIL, .code = 451, .reply = "451 busy"},
        {.address = "has@" A, .error = STS_OK},
        {.address = "never@" B, .error = STS_ERR_REJECTED, .final = true, .code = 550}};
    struct sts_message message = play_message("fan");
    struct sts_queue_mail mail = {.sender = "ups@example.com",
                                  .recipients = to,
                                  .count = 3,
                                  .message = &message,
                                  .tried = true};
    struct listed l;

    for (int unset = 0; unset < 2; unset++) {
        play_start();
        w.now.trust = unset ? STS_CLOCK_UNSET : STS_CLOCK_OWNER;
        CHECK(sts_queue_add(q, &mail, &w.now, last_id) == STS_OK);
        l = list();
        CHECK(l.last.tries == 1 && l.last.entry_error == STS_ERR_TEMPFAIL);
        CHECK(strcmp(q->to[0].reply, "451 busy") == 0 && q->to[0].code == 451);
        CHECK(unset ? l.last.next_try_at == 0
                    : l.last.next_try_at >= NOON + 48 && l.last.next_try_at <= NOON + 72);
        w.now.trust = STS_CLOCK_OWNER;
        play_run();
        CHECK(mx_a->seen == unset); /* nobody knows how long ago that was */
        play_until(NOON + 300);
        CHECK(mx_a->delivered == 1 && mx_b->seen == 0 && told()->state == STS_QUEUE_FAILED);
        CHECK(strstr(w.clear, "has@") == NULL);
    }
    to[0].final = true;
    CHECK(sts_queue_add(q, &mail, &w.now, last_id) == STS_ERR_ARG);
    to[0].error = STS_OK;
    CHECK(sts_queue_add(q, &mail, &w.now, last_id) == STS_ERR_ARG);
}

/* ---- power (Q01..Q03) ------------------------------------------------------------------------ */

/* Q01: cut at each call of the store, before its effect and after: absent or complete, and complete once it was accepted. */
TEST(q01_a_cut_while_it_is_added_leaves_it_absent_or_complete)
{
    for (int shared = 0; shared < 2; shared++) {
        for (int after = 0; after < 2; after++) {
            bool cut = true;

            for (long at = 1; cut; at++) {
                int result;

                play_start();
                CHECK(play_boot(shared) == STS_OK);
                shelf.calls = 0;
                shelf.cut_at = at;
                shelf.cut_after = after;
                result = play_add("fan", false, "ops@" A, "ops@" B, NULL);
                cut = shelf.off;
                CHECK(cut || result == STS_OK);
                CHECK(play_boot(shared) == STS_OK);
                CHECK(shelf_count(&shelf, 'q') == shelf_count(&shelf, 'm'));
                CHECK(shelf_count(&shelf, 'q') <= 1);
                CHECK(result != STS_OK || shelf_count(&shelf, 'q') == 1);
                play_until(NOON + 600);
                CHECK(mx_a->delivered == mx_b->delivered && mx_a->delivered <= 1);
                CHECK(result != STS_OK || mx_a->delivered == 1);
                CHECK(q->counters.repeated == 0 && shelf_used(&shelf) == 0);
            }
        }
    }
}

static int run_or_cut(void)
{
    int result = STS_BUSY;

    for (int i = 0; i < 20000 && result == STS_BUSY && !shelf.off; i++) {
        result = sts_queue_poll(q, &w.now);
        if (result == STS_BUSY && q->sending) {
            sts_queue_wait(q, &w.now, 1000);
        }
    }
    return result;
}

/* Q02, Q03, M12, C11: cut at each call of the store while it is sent: it arrives, once for each domain, at most once more for the
 * cut, the same to the octet; and what may have arrived twice is counted. */
TEST(q02_a_cut_while_it_is_sent_repeats_it_once_at_most_and_is_counted)
{
    static char first[sizeof mx_a->mail];
    int repeats = 0;

    for (int shared = 0; shared < 2; shared++) {
        for (int after = 0; after < 2; after++) {
            bool cut = true;

            for (long at = 1; cut; at++) {
                int twice, mask = 0;

                play_start();
                w.now.trust = STS_CLOCK_UNSET;
                CHECK(play_boot(shared) == STS_OK);
                CHECK(play_add("fan", false, "ops@" A, "ops@" B, "ops@" C) == STS_OK);
                w.now.trust = STS_CLOCK_OWNER;
                shelf.calls = 0;
                shelf.cut_at = at;
                shelf.cut_after = after;
                (void)run_or_cut();
                cut = shelf.off;
                memcpy(first, mx_a->mail, sizeof first);
                mask = mx_a->delivered;
                CHECK(play_boot(shared) == STS_OK);
                play_until(NOON + 1000);
                twice = mx_a->delivered + mx_b->delivered + mx_c->delivered - 3;
                CHECK(mx_a->delivered >= 1 && mx_b->delivered >= 1 && mx_c->delivered >= 1);
                CHECK(twice >= 0 && twice <= 1 && (uint32_t)twice <= q->counters.repeated);
                CHECK(q->counters.repeated <= 1 && shelf_used(&shelf) == 0);
                CHECK(mask == 0 || strcmp(first, mx_a->mail) == 0);
                CHECK(times(mx_a, "Date: ") == 1 && times(mx_a, "Message-ID: <") == 1);
                repeats += twice;
            }
        }
    }
    CHECK(repeats >= 6); /* or the oracle has slept */
}

/* The same numbers on every machine, which rand() does not give. */
static int draw(int n)
{
    static uint32_t state = 1;

    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return (int)(state >> 8) % n;
}

/* Q03: through cuts at random, everything that was accepted arrives. */
TEST(q03_whatever_was_accepted_arrives_through_any_number_of_cuts)
{
    long accepted = 0, cuts = 0;

    play_start();
    config.spread_s = 1;
    for (int round = 0; round < 400; round++) {
        shelf.calls = 0;
        shelf.cut_at = 1 + draw(draw(4) == 0 ? 2000 : 100);
        shelf.cut_after = draw(2);
        while (!shelf.off && play_add("fan", draw(2) == 1, "ops@" A, NULL, NULL) == STS_OK) {
            accepted++;
            (void)run_or_cut();
            play_pass(draw(4000));
        }
        cuts += shelf.off;
        CHECK(play_boot(false) == STS_OK);
        CHECK(sts_queue_poll(q, &w.now) != STS_ERR_IO);
        play_pass(draw(600)); /* or a queue that is full of what waits stays full */
    }
    play_until(w.now.utc_s + 7200);
    printf("%ld cuts, %ld accepted, %d delivered\n", cuts, accepted, mx_a->delivered);
    CHECK(cuts > 150 && accepted > 300 && mx_a->delivered >= accepted &&
          mx_a->delivered <= accepted + 2 * cuts);
    CHECK(shelf_used(&shelf) == 0);
}

/* The order of the domains turns: one at which the power goes each time does not keep the others from their turn. */
TEST(q08_a_domain_that_takes_the_power_does_not_hold_up_the_others)
{
    for (int bad = 0; bad < 3; bad++) {
        const char *name = bad == 0 ? A : bad == 1 ? B : C;
        bool bad_done = false;

        play_start();
        config.spread_s = 1;
        CHECK(play_add("fan", false, "ops@" A, "ops@" B, "ops@" C) == STS_OK);
        for (int boot = 0; boot < 4; boot++) {
            int result = STS_BUSY;

            CHECK(sts_queue_poll(q, &w.now) != STS_ERR_IO);
            play_pass(2);

            while (result == STS_BUSY) {
                result = sts_queue_poll(q, &w.now);
                if (q->sending && strstr(q->to[q->from].address, name) != NULL) {
                    bad_done = true;
                    break; /* the radio takes too much: the power goes */
                }
                if (result == STS_BUSY && q->sending) {
                    sts_queue_wait(q, &w.now, 1000);
                }
            }
            CHECK(play_boot(false) == STS_OK);
            play_pass(5000);
        }
        CHECK(bad_done && mx_a->delivered + mx_b->delivered + mx_c->delivered == 2);
    }
}

/* ---- damage (Q04, Q12) ----------------------------------------------------------------------- */

static struct shelf_record *record(uint8_t kind, const char *id)
{
    struct shelf_record *r = shelf_find(&shelf, kind, id);

    CHECK(r != NULL);
    return r;
}

/* Q04 */
TEST(q04_a_corrupt_entry_in_the_middle_holds_up_nobody_and_is_counted_once)
{
    char ids[3][STS_QUEUE_ID_SIZE];

    for (int what = 0; what < 2; what++) {
        play_start();
        for (int i = 0; i < 3; i++) {
            CHECK(alert("ops@" A) == STS_OK);
            memcpy(ids[i], last_id, sizeof last_id);
        }
        record('q', ids[1])->bytes[1] = 0x77; /* a state that there is not */
        if (what == 1) {
            CHECK(play_boot(false) == STS_OK);
            sts_queue_flush(q);
        }
        CHECK(play_run() == STS_OK && mx_a->delivered == 2);
        sts_queue_flush(q);
        CHECK(play_run() == STS_OK && q->counters.damaged == 1 && list().count == 0);
        record('q', ids[1])->bytes[1] = STS_QUEUE_WAITING;
        sts_queue_rescan(q);
        play_until(NOON + 700);
        CHECK(mx_a->delivered == 3);
    }
}

/* An entry whose message is gone cannot be sent: that is said. */
TEST(q04_an_entry_without_its_message_is_reported_as_failed)
{
    play_start();
    CHECK(play_add("fan", false, "ops@" A, "ops@" B, NULL) == STS_OK && alert("b@" A) == STS_OK);
    shelf_kill(record('m', list().last.id));
    CHECK(play_run() == STS_OK);
    CHECK(q->counters.damaged == 1 && q->counters.failed == 1 && q->counters.delivered == 1);
    CHECK(list().failed == 1 && list().last.entry_error == STS_ERR_IO);
}

/* M10: a message that became shorter is not sent as if it were whole. */
TEST(q04_a_message_that_became_shorter_is_never_sent)
{
    struct bytes raw = {.text = "Subject: x\n\nbody\n"};
    struct bytes extra = {.text = "1234567"};

    for (size_t len = 0; len < 24; len++) {
        play_start();
        CHECK(add_raw(&raw, &extra, "ops@" A) == STS_OK);
        CHECK(record('m', last_id)->len == 7 + 20);
        record('m', last_id)->len = len;
        CHECK(play_run() == STS_OK && told()->error == STS_ERR_IO);
        CHECK(mx_a->delivered == 0 && list().waiting == 1);
    }
}

/* Q12: an entry of another version is left as it is, and counted; so is one of larger limits. */
TEST(q12_an_entry_of_another_version_is_left_alone)
{
    uint8_t *bytes;

    play_start();
    CHECK(alert("ops@" A) == STS_OK && alert("b@" A) == STS_OK);
    bytes = record('q', last_id)->bytes;
    bytes[0] = 2;
    CHECK(play_run() == STS_OK && mx_a->delivered == 1 && q->counters.newer == 1);
    CHECK(play_boot(false) == STS_OK && q->counters.newer == 1 && q->counters.damaged == 0);
    sts_queue_flush(q);
    CHECK(play_run() == STS_OK && shelf_count(&shelf, 'q') == 1 && shelf_count(&shelf, 'm') == 1);
    CHECK(record('q', last_id)->bytes == bytes && record('q', last_id)->bytes[0] == 2);
    bytes[0] = 1;
    bytes[8] = 0xff; /* more recipients than this build has room for */
    CHECK(play_boot(false) == STS_OK && q->counters.newer == 1);
    bytes[8] = 0;
    bytes[22] = 0xff; /* longer strings */
    CHECK(play_boot(false) == STS_OK && q->counters.newer == 1);
    bytes[22] = 0;
    CHECK(play_boot(false) == STS_OK && q->counters.newer == 0);
    play_until(NOON + 400);
    CHECK(mx_a->delivered == 2);
}

/* Q12: a golden image of version 1, byte for byte. */
TEST(q12_an_entry_of_version_1_is_read_by_every_later_version)
{
    static const uint8_t image[] = {
        1,   1,   1,   2,   9,    0xd8, /* waiting, critical, verified, flags, -40 */
        0,   2,   0,   2,               /* tries, recipients */
        0,   0,   0,   3,   0,    0,    0,    17,   0,   0,   0,   0, /* more of the same, size, extra */
        0,   0,   0,   24,                                            /* strings */
        0,   0,   0,   0,   0x6a, 0xb1, 0x3b, 0x80,                   /* NOON */
        0,   0,   0,   0,   0x6a, 0xb1, 0x3b, 0x81,                   /* */
        0,   0,   0,   0,   0,    0,    0,    0,                      /* date */
        'u', '@', 'c', 0,   's',  0,    'a',  '@',  'e', 'x', 'a', 'm', 'p', 'l',
        'e', '.', 'n', 'e', 't',  0,    'b',  '@',  'd', 0, /* sender, subject, addresses */
        0,   0,   0,   20,  0,    0,    0,    250,  0,   0, /* b@d has it */
        0,   0,   0,   6,   0xd8, 0,    1,    0xc3, 0,   4,   '4', '5', '1', ' '};
    struct sts_queue_record r;

    play_start();
    CHECK(NOON == 0x6ab13b80);
    CHECK(store.put(store.ctx, 'q', "0000000000000abc") == STS_OK);
    CHECK(store.write(store.ctx, image, sizeof image) == STS_OK);
    CHECK(store.commit(store.ctx) == STS_OK);
    CHECK(sts_queue_read(&store, 0xabc, &r, q->text, q->to) == STS_OK);
    CHECK(r.entry.state == STS_QUEUE_WAITING && r.entry.critical && r.entry.floor == 2);
    CHECK(r.entry.flags == 9 && r.entry.error == STS_ERR_TEMPFAIL && r.entry.tries == 2);
    CHECK(r.entry.coalesced == 3 && r.entry.size == 17 && r.entry.queued_at == NOON);
    CHECK(r.entry.next_try_at == NOON + 1 && strcmp(r.entry.sender, "u@c") == 0);
    CHECK(q->to[0].error == STS_OK && strcmp(q->to[0].address, "b@d") == 0 && q->to[0].code == 250);
    CHECK(q->to[1].error == STS_ERR_TEMPFAIL && strcmp(q->to[1].address, "a@example.net") == 0);
    CHECK(q->to[1].code == 451 && strcmp(q->to[1].reply, "451 ") == 0);
    CHECK(sts_queue_write(&store, &r, q->text, "") == STS_OK);
    CHECK(record('q', "0000000000000abc")->len == sizeof image);
    CHECK(memcmp(record('q', "0000000000000abc")->bytes, image, sizeof image) == 0);
}

/* Keys that are none of ours are nobody's business here: an editor's copy is no message of a newer version. */
TEST(records_that_are_not_the_queues_stay)
{
    static const char *const keys[] = {"x", "0123456789ABCDEF", "0123456789abcdefg",
                                       "0000000000000000"};

    play_start();
    for (size_t i = 0; i < 4; i++) {
        for (int kind = 0; kind < 2; kind++) {
            CHECK(store.put(store.ctx, kind ? 'q' : 'm', keys[i]) == STS_OK);
            CHECK(store.commit(store.ctx) == STS_OK);
        }
    }
    CHECK(play_boot(false) == STS_OK && alert("ops@" A) == STS_OK && play_run() == STS_OK);
    CHECK(mx_a->delivered == 1 && shelf_count(&shelf, 'q') == 4 && shelf_count(&shelf, 'm') == 4);
    CHECK(list().count == 0 && q->counters.newer == 0 && q->counters.damaged == 0);
    CHECK(sts_queue_drop(q, "x") == STS_ERR_ABSENT && sts_queue_drop(q, NULL) == STS_ERR_ABSENT);
    CHECK(sts_queue_drop(NULL, "x") == STS_ERR_ARG);
}

/* ---- what failed is told (Q07) ---------------------------------------------------------------- */

/* Polls until something was told, and not once more. */
static void until_told(size_t before)
{
    for (int i = 0; i < 20000 && outcomes_count == before && !shelf.off; i++) {
        (void)sts_queue_poll(q, &w.now);
        if (q->sending) {
            sts_queue_wait(q, &w.now, 1000);
        }
    }
}

/* A cut between the mark and the word, and behind it: told again, until the queue goes on behind the word; then never. */
TEST(q07_a_message_that_failed_is_told_of_whenever_the_power_goes)
{
    int again = 0;

    for (int shared = 0; shared < 2; shared++) {
        for (int after = 0; after < 2; after++) {
            bool cut = true;

            for (long at = 1; cut; at++) {
                size_t told_before;

                play_start();
                CHECK(play_boot(shared) == STS_OK);
                mx_a->at = "RCPT TO:<never";
                mx_a->reply = "550 5.1.1 nobody\r\n";
                CHECK(play_add("fan", false, "ops@" A, "never@" A, NULL) == STS_OK);
                shelf.calls = 0;
                shelf.cut_at = at;
                shelf.cut_after = after;
                (void)run_or_cut();
                cut = shelf.off;
                told_before = outcomes_count;
                CHECK(play_boot(shared) == STS_OK);
                play_until(NOON + 1000);
                CHECK(list().failed == 1 && list().count == 1);
                CHECK(outcomes_count >= 1 && outcomes_count <= told_before + 1);
                CHECK(cut || outcomes_count == 1);
                again += outcomes_count == 2;
                CHECK(told()->state == STS_QUEUE_FAILED && strcmp(told()->domain, A) == 0);
                CHECK(told()->error == STS_ERR_REJECTED && strcmp(told()->id, last_id) == 0);
                CHECK(strcmp(told()->id, list().last.id) == 0 && q->counters.failed <= 1);
                told_before = outcomes_count;
                CHECK(play_boot(shared) == STS_OK);
                play_until(NOON + 2000);
                sts_queue_flush(q);
                CHECK(play_run() == STS_OK && outcomes_count == told_before);
            }
        }
    }
    CHECK(again > 0);
}

/* A flush takes it in its turn, a listener that is not there is not told, and what the owner drops at once is gone. */
TEST(q07_what_failed_is_told_again_in_a_flush_and_not_without_a_listener)
{
    for (int how = 0; how < 5; how++) {
        play_start();
        CHECK(play_boot(true) == STS_OK);
        mx_a->at = "RCPT TO:";
        mx_a->reply = "550 5.7.1 no\r\n";
        CHECK(play_add("fan", how == 1, "ops@" A, NULL, NULL) == STS_OK);
        until_told(0);
        CHECK(outcomes_count == 1 && told()->state == STS_QUEUE_FAILED && q->untold != 0);
        if (how == 2) {
            CHECK(sts_queue_drop(q, last_id) == STS_OK && q->untold == 0 && list().count == 0);
        } else if (how == 3) {
            sts_queue_stop(q, &w.now);
        }
        CHECK(play_boot(true) == STS_OK);
        if (how == 4) {
            config.on_outcome = NULL;
            CHECK(alert("ops@" A) == STS_OK);
            CHECK(play_run() == STS_OK && outcomes_count == 1 && list().failed == 2);
            CHECK(q->counters.failed == 1); /* and that one is not told of later */
            config.on_outcome = play_outcome;
        }
        CHECK(alert("ops@" B) == STS_OK);
        sts_queue_flush(q);
        mx_b->refuse = true;
        play_until(NOON + 400);
        CHECK(q->counters.tries > 1);
        CHECK(q->counters.failed == (how < 2 ? 1 : how == 4 ? 2 : 0));
    }
}

/* A store that cannot be marked: once in a run. */
TEST(q07_what_cannot_be_marked_as_told_is_told_once_in_a_run)
{
    play_start();
    mx_a->at = "RCPT TO:";
    mx_a->reply = "550 5.7.1 no\r\n";
    CHECK(alert("ops@" A) == STS_OK);
    until_told(0);
    for (size_t boot = 1; boot < 4; boot++) {
        CHECK(play_boot(false) == STS_OK);
        shelf.read_only = true;
        play_until(w.now.utc_s + 2 * DAY);
        CHECK(outcomes_count == 1 + boot && q->quiet);
    }
    CHECK(play_boot(false) == STS_OK);
    play_until(w.now.utc_s + 2 * DAY);
    CHECK(outcomes_count == 5);
    CHECK(play_boot(false) == STS_OK);
    play_until(w.now.utc_s + 2 * DAY);
    CHECK(outcomes_count == 5);
}

/* While one process tells, the message is its own. */
TEST(q07_two_processes_do_not_tell_both)
{
    struct sts_store s2, m2;
    struct sts_queue_config c2;
    static struct sts_mailer other_m;
    static struct sts_queue *other;

    other = other != NULL ? other : calloc(1, sizeof *other);
    play_start();
    CHECK(play_boot(true) == STS_OK);
    mx_a->at = "RCPT TO:";
    mx_a->reply = "550 5.7.1 no\r\n";
    CHECK(alert("ops@" A) == STS_OK);
    until_told(0);
    s2 = shelf_open(&shelf, true);
    m2 = shelf_open(&shelf, true);
    CHECK(sts_mailer_init(&other_m, &w.config) == STS_OK);
    c2 = config;
    c2.mailer = &other_m;
    c2.store = &s2;
    c2.message_store = &m2;
    CHECK(sts_queue_init(other, &c2) == STS_OK);
    for (int i = 0; i < 5; i++) {
        CHECK(sts_queue_poll(other, &w.now) >= 0 && outcomes_count == 1);
    }
    CHECK(sts_queue_drop(other, last_id) == STS_BUSY);
    CHECK(sts_queue_poll(q, &w.now) == STS_BUSY || outcomes_count == 1);
    for (int i = 0; i < 500; i++) {
        play_pass(1);
        CHECK(sts_queue_poll(other, &w.now) >= 0 && outcomes_count == 1);
    }
    CHECK(sts_queue_drop(other, last_id) == STS_OK);
}

TEST_MAIN("queue")
