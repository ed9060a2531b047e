/* SPDX-License-Identifier: MIT
 *
 * A device with a queue in the small internet of world.h: three domains with an MX each, a store, and what was told of
 * each outcome.
 */
#ifndef STS_TEST_QUEUE_PLAY_H
#define STS_TEST_QUEUE_PLAY_H

#include <stsmail/engine/queue.h>

#include "shelf.h"
#include "world.h"

#define A    "example.org"
#define B    "example.net"
#define C    "example.com"
#define NOON INT64_C(1790000000)
#define DAY  86400

enum {
    OUTCOMES = 2048
};

struct outcome {
    char id[STS_QUEUE_ID_SIZE];
    char domain[32];
    int error, entry_error;
    uint8_t state, flags;
    uint16_t tries;
    uint32_t coalesced, size;
    int64_t next_try_at, queued_at, at;
    size_t count;
};

static struct world w;
static struct shelf shelf;
static struct sts_store store, messages, policies;
static struct sts_mailer m;
static struct sts_queue *q;
static struct sts_queue_config config;
static struct world_server *mx_a, *mx_b, *mx_c;
static struct outcome outcomes[OUTCOMES];
static size_t outcomes_count;
static char last_id[STS_QUEUE_ID_SIZE];

static inline void play_outcome(void *ctx, const struct sts_queue_entry *e, const char *domain,
                                int error)
{
    struct outcome *o = &outcomes[outcomes_count % OUTCOMES];

    (void)ctx;
    for (size_t i = 0; i < shelf.handles_count; i++) {
        /* the outcome was written with no record open; where two queues share the store, the other may */
        CHECK(shelf.handles[i].in == NULL || shelf.handles_count > 3);
    }
    memset(o, 0, sizeof *o);
    memcpy(o->id, e->id, sizeof o->id);
    CHECK(strlen(domain) < sizeof o->domain);
    strcpy(o->domain, domain);
    o->error = error;
    o->entry_error = e->error;
    o->state = e->state;
    o->flags = e->flags;
    o->tries = e->tries;
    o->coalesced = e->coalesced;
    o->size = e->size;
    o->next_try_at = e->next_try_at;
    o->queued_at = e->queued_at;
    o->count = e->count;
    o->at = w.now.utc_s;
    outcomes_count++;
}

/* The last one. */
static inline const struct outcome *told(void)
{
    CHECK(outcomes_count > 0);
    return &outcomes[(outcomes_count - 1) % OUTCOMES];
}

static inline void play_net(void)
{
    static const char *const domains[] = {A, B, C};
    static const char *const hosts[] = {"mx.example.org", "mx.example.net", "mx.example.com"};
    static const char *const mxs[] = {"10 mx.example.org", "10 mx.example.net",
                                      "10 mx.example.com"};
    static const char *const addresses[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3"};
    struct world_server **const servers[] = {&mx_a, &mx_b, &mx_c};

    world_start(&w);
    for (size_t i = 0; i < 3; i++) {
        world_dns(&w, domains[i], STS_DNS_MX, mxs[i]);
        world_dns(&w, hosts[i], STS_DNS_A, addresses[i]);
        *servers[i] = world_listen(&w, addresses[i], 25);
    }
    w.config.on_attempt = NULL; /* more than the world remembers */
}

/* The device starts, over what the store holds. */
static inline int play_boot(bool shared)
{
    if (m.config != NULL) {
        sts_mailer_abort(&m); /* what was open when the power went */
    }
    shelf_restart(&shelf);
    store = shelf_open(&shelf, shared);
    messages = shelf_open(&shelf, shared);
    policies = shelf_open(&shelf, shared);
    w.config.store = &policies;
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    if (q == NULL) {
        q = calloc(1, sizeof *q);
        CHECK(q != NULL);
    }
    config.mailer = &m;
    config.store = &store;
    config.message_store = &messages;
    config.random = &w.rng;
    config.log = &w.logger;
    config.on_outcome = play_outcome;
    return sts_queue_init(q, &config);
}

/* An empty store, a whole internet. */
static inline void play_start(void)
{
    if (m.config != NULL) {
        sts_mailer_abort(&m);
    }
    play_net();
    shelf_empty(&shelf);
    memset(&config, 0, sizeof config);
    outcomes_count = 0;
    CHECK(play_boot(false) == STS_OK);
}

/* Goes on until nothing is due; what it takes of time is the internet's. */
static inline int play_run(void)
{
    int result = STS_BUSY;

    for (long i = 0; i < 2000000 && result == STS_BUSY; i++) {
        result = sts_queue_poll(q, &w.now);
        if (result == STS_BUSY && q->sending) {
            sts_queue_wait(q, &w.now, 1000);
        }
    }
    CHECK(result != STS_BUSY);
    CHECK(world_is_quiet(&w) && shelf_is_quiet(&shelf));
    return result;
}

static inline void play_pass(int64_t seconds)
{
    w.now.utc_s += seconds;
    w.now.ms += (uint32_t)(seconds * 1000);
}

/* Lets the time pass, as a loop would. */
static inline void play_until(int64_t utc_s)
{
    while (w.now.utc_s < utc_s) {
        uint32_t ms = sts_queue_due_ms(q, &w.now);
        int64_t s = ms == UINT32_MAX ? utc_s - w.now.utc_s : (ms + 999) / 1000;

        s = s < utc_s - w.now.utc_s ? s : utc_s - w.now.utc_s;
        play_pass(s > 0 ? s : 1);
        CHECK(play_run() == STS_OK);
    }
}

static inline struct sts_message play_message(const char *subject)
{
    return (struct sts_message){.from = "ups@example.com",
                                .subject = subject,
                                .body = "the fan has stopped\n",
                                .date_s = NOON};
}

/* An alert to up to three addresses. */
static inline int play_add(const char *subject, bool critical, const char *first,
                           const char *second, const char *third)
{
    struct sts_recipient to[3];
    struct sts_message message = play_message(subject);
    struct sts_queue_mail mail = {
        .sender = "ups@example.com", .recipients = to, .message = &message, .critical = critical};

    memset(to, 0x55, sizeof to); /* only the addresses count */
    to[0].address = first;
    to[1].address = second;
    to[2].address = third;
    mail.count = third != NULL ? 3 : second != NULL ? 2 : 1;
    if (w.now.trust == STS_CLOCK_UNSET) {
        message.date_s = 0;
    }
    return sts_queue_add(q, &mail, &w.now, last_id);
}

static inline int alert(const char *to)
{
    return play_add("fan", false, to, NULL, NULL);
}

/* ---- what the store holds ------------------------------------------------------------------ */

struct listed {
    size_t count, waiting, failed;
    struct outcome last;
};

static inline bool play_list_one(void *arg, const struct sts_queue_entry *e)
{
    struct listed *l = arg;

    l->count++;
    l->waiting += e->state == STS_QUEUE_WAITING;
    l->failed += e->state == STS_QUEUE_FAILED;
    memcpy(l->last.id, e->id, sizeof l->last.id);
    l->last.entry_error = e->error;
    l->last.state = e->state;
    l->last.tries = e->tries;
    l->last.coalesced = e->coalesced;
    l->last.next_try_at = e->next_try_at;
    l->last.queued_at = e->queued_at;
    l->last.size = e->size;
    l->last.flags = e->flags;
    l->last.count = e->count;
    return true;
}

static inline struct listed list(void)
{
    struct listed l;

    memset(&l, 0, sizeof l);
    CHECK(sts_queue_list(q, play_list_one, &l) == STS_OK);
    return l;
}

/* How often `what` is in what a server was sent last. */
static inline int times(const struct world_server *s, const char *what)
{
    int n = 0;

    for (const char *at = s->mail; (at = strstr(at, what)) != NULL; at++) {
        n++;
    }
    return n;
}

#endif
