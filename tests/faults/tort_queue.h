/* SPDX-License-Identifier: MIT
 *
 * Torture of the whole device: queue, mailer and clock on the flash store. Beside the promises of one delivery: what was
 * accepted arrives, once without a fault and else at most once more for each that struck; what was refused never does; nothing
 * is given up; the flash can be mounted when the fault is over.
 */
#ifndef STS_FAULTS_TORT_QUEUE_H
#define STS_FAULTS_TORT_QUEUE_H

#include <stsmail/clock.h>
#include <stsmail/flash_store.h>
#include <stsmail/queue.h>

#include "ram_flash.h"
#include "tort_mailer.h"

#define MINUTES (60u * 1000)

enum {
    MAILS = 3,
};

static struct {
    struct sts_flash_store log;
    struct sts_flash_handle handle[2];
    struct sts_store raw[2], store[2];
    struct faulty_store faulty[2];
    struct sts_clock clock;
    struct sts_queue queue;
    struct sts_queue_config config;
    bool up;
    /* what is known from outside */
    int added[MAILS + 1]; /* what the add of mail n said; STS_BUSY: it was not added */
    uint32_t taken[MAILS + 1];
    bool outcome_failed;
} qt;

/* ---- what is seen ------------------------------------------------------------------------------------------- */

static void queue_taken(const struct net_conn *c, bool told)
{
    (void)told;
    promise(c->begun == c->ended && c->begun >= 1 && c->begun <= MAILS,
            "DELIV: a host takes whole messages alone");
    if (c->begun <= MAILS) {
        qt.taken[c->begun]++;
    }
}

static int queue_send(void *ctx, const struct sts_queue_entry *e, const struct sts_source *extra,
                      struct sts_mail *mail)
{
    (void)ctx;
    (void)e;
    (void)extra;
    (void)mail;
    t.decided = false;
    return STS_OK;
}

static void queue_outcome(void *ctx, const struct sts_queue_entry *e, const char *name, int error)
{
    (void)ctx;
    if (tort.verbose) {
        printf("    outcome %s: mail %u, state %u, error %d\n", name, e->flags, e->state, error);
    }
    qt.outcome_failed = qt.outcome_failed || e->state == STS_QUEUE_FAILED;
    promise(error == STS_OK || sts_err_name(error) != NULL, "every failure has a name");
    promise(e->state != STS_QUEUE_DELIVERED || e->count == 0 || qt.taken[e->flags] > 0,
            "DELIV: delivered is what a host said 250 to");
}

static void queue_clock(void)
{
    int f = in.fails(CALL_CLOCK);

    sts_clock_now(&qt.clock, (uint32_t)in.ms + in.tick0, &in.now);
    if (f != WORKS) {
        in.now.trust = STS_CLOCK_UNSET;
    }
}

/* ---- the device ------------------------------------------------------------------------------------------------ */

/* From reset on. false: something failed, and the device would try again. */
static bool queue_boot(void)
{
    qt.up = false;
    memset(&qt.log, 0xa5, sizeof qt.log);
    for (int i = 0; i < NET_CONNS; i++) {
        in.conns[i].used = 0;
        in.conns[i].claimed = false;
    }
    if (sts_flash_store_mount(&qt.log, &flash.port) != STS_OK) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        sts_flash_store_handle(&qt.log, &qt.handle[i], &qt.raw[i]);
        faulty_store_start(&qt.faulty[i], &qt.raw[i], &qt.store[i]);
    }
    (void)sts_clock_init(&qt.clock, &qt.store[0], 1780000000);
    (void)sts_clock_set(&qt.clock, net_utc(), STS_CLOCK_OWNER, (uint32_t)in.ms + in.tick0);
    net_clock();
    t.config.store = &qt.store[0];
    qt.config = (struct sts_queue_config){.mailer = &t.mailer,
                                          .store = &qt.store[0],
                                          .message_store = &qt.store[1],
                                          .random = &in.rng,
                                          .log = t.config.log,
                                          .spread_s = 1,
                                          .on_outcome = queue_outcome,
                                          .on_send = queue_send};
    qt.up = sts_mailer_init(&t.mailer, &t.config) == STS_OK &&
            sts_queue_init(&qt.queue, &qt.config) == STS_OK;
    return qt.up;
}

static void queue_add(unsigned number)
{
    char body[700], id[STS_QUEUE_ID_SIZE];
    struct sts_recipient to = {.address = "ops@d.example"};
    struct sts_message m = {
        .from = "ups@example.com", .subject = "alert", .body = body, .date_s = in.now.utc_s};
    struct sts_queue_mail mail = {
        .sender = "ups@example.com", .recipients = &to, .count = 1, .message = &m};

    snprintf(body, sizeof body, "alert-%u\n%0500d\nend-%u\n", number, 0, number);
    mail.flags = (uint8_t)number;
    qt.added[number] = sts_queue_add(&qt.queue, &mail, &in.now, id);
    promise(faulty_store_is_quiet(&qt.faulty[0]) || !net_is_quiet(), "every record is closed");
    promise(qt.added[number] == STS_OK || tort.mode != FAULT_NONE, "an alert is accepted");
}

/* Lives for so long. */
static void queue_run(uint32_t ms)
{
    uint64_t end = in.ms + ms;
    int polls = 0;

    while (qt.up && in.ms < end && polls++ < 20000) {
        uint32_t left = (uint32_t)(end - in.ms), due;
        int result;

        in.calls = 0;
        result = sts_queue_poll(&qt.queue, &in.now);
        promise(in.calls < 8000, "L04: a poll is bounded");
        if (result == STS_BUSY) {
            sts_queue_wait(&qt.queue, &in.now, left);
            continue;
        }
        promise(net_is_quiet(), "L06: every handle is closed");
        promise(faulty_store_is_quiet(&qt.faulty[0]) && faulty_store_is_quiet(&qt.faulty[1]),
                "every record is closed");
        due = sts_queue_due_ms(&qt.queue, &in.now);
        in.ms += due == 0 ? 1000 : due < left ? due : left;
        net_clock();
    }
    promise(polls < 20000, "it does not spin");
}

/* ---- scenarios ----------------------------------------------------------------------------------------------------- */

static void queue_world(uint32_t sector, uint32_t sectors)
{
    domain();
    memset(&qt, 0, sizeof qt);
    for (int n = 0; n <= MAILS; n++) {
        qt.added[n] = STS_BUSY;
    }
    ram_flash_start(sector, sectors, 8, abort);
    in.clock = queue_clock;
    in.on_taken = queue_taken;
    publish("enforce", "1");
    if (!queue_boot()) {
        abort();
    }
    t.below = qt.raw[0];
    hold(DOMAIN, "1", 3600);
    t.strict = true;
}

static void queue_empty(void)
{
    queue_world(4096, 8);
}

/* In a flash that is so full that the next writes must make room. */
static void queue_tight(void)
{
    uint32_t left = UINT32_MAX;

    queue_world(2048, 6);
    for (int i = 0; i < 400 && (left > 250 || flash.erases < 8); i++) {
        hold("other.example", "1", i);
        left = qt.log.limit - (qt.log.head_at - qt.log.head * flash.port.sector_size);
    }
}

static void queue_one_waits(void)
{
    queue_world(4096, 8);
    queue_add(1);
}

static void queue_two_wait(void)
{
    queue_one_waits();
    queue_add(2);
}

static void queue_host_is_late(void)
{
    queue_one_waits();
    in.hosts[MX1].at = AT_DOT;
    in.hosts[MX1].act = ACT_SAY;
    in.hosts[MX1].reply = "451 4.3.0 later\r\n";
    queue_run(MINUTES / 2);
    in.hosts[MX1].at = AT_NONE;
}

static void act_add(void)
{
    queue_add(1);
}

static void act_run(void)
{
    queue_run(20 * MINUTES);
}

static void act_add_and_run(void)
{
    queue_add(3);
    queue_run(20 * MINUTES);
}

static void act_restart(void)
{
    for (int i = 0; i < 3 && !queue_boot(); i++) {
        in.ms += 1000;
    }
    if (qt.up) {
        queue_add(3);
    }
    queue_run(20 * MINUTES);
}

static void act_save_clock(void)
{
    in.ms += 3 * 24 * 60 * MINUTES;
    net_clock();
    (void)sts_clock_save(&qt.clock);
    queue_run(5 * MINUTES);
}

/* The fault is over: first without, then behind a restart. */
static void queue_again(void)
{
    uint32_t more = tort.strikes < 2 ? tort.strikes : 2;

    queue_run(120 * MINUTES);
    promise(queue_boot(), "F01: the flash is valid, and the queue starts");
    queue_run(300 * MINUTES);
    promise(!qt.outcome_failed, "a temporary fault is not final");
    for (int n = 1; n <= MAILS; n++) {
        if (qt.added[n] == STS_OK) {
            promise(qt.taken[n] > 0, "Q03: what was accepted arrives");
            promise(qt.taken[n] <= 1 + more, "Q02: and is repeated for a reason alone");
        } else if (tort.mode == FAULT_ONCE || qt.added[n] != STS_ERR_IO) {
            /* A store that fails for good can't take back either what it has. */
            promise(qt.taken[n] == 0, "Q01: what was refused is not sent");
        }
    }
}

static const struct scenario queue_scenarios[] = {
    {"queue-add", 1, queue_empty, act_add, queue_again},
    {"queue-add-tight", 1, queue_tight, act_add, queue_again},
    {"queue-run", 16, queue_one_waits, act_run, queue_again},
    {"queue-add-and-run", 0, queue_empty, act_add_and_run, queue_again},
    {"queue-restart", 0, queue_two_wait, act_restart, queue_again},
    {"queue-host-is-late", 0, queue_host_is_late, act_run, queue_again},
    {"queue-save-clock", 0, queue_one_waits, act_save_clock, queue_again},
};

#endif
