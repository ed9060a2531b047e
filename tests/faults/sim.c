/* SPDX-License-Identifier: MIT
 *
 * The simulator: a device with a flash store, a clock, a mailer and a queue, lives in a small internet for days, and all that
 * happens to it comes from one 64-bit seed: alerts, changes of policies, hosts that fail, attackers, faults in every call of every port,
 * power cuts at any programmed byte and at any call, clocks that jump. The oracle looks at every step:
 *
 *    1 nothing of a mail in clear where policy or floor forbids it
 *    2 nothing of a mail to a host that has not proved what policy and floor ask for
 *    3 no alert is lost that was accepted: delivered, or reported, or still in the queue; a refused one is never sent
 *    4 a policy in force is never weaker than what is surely kept, and a fetched one is what its verified host served
 *    5 a repeated delivery has its power cut, fault or lost reply
 *    6 a poll is bounded in calls, a try in time, and the stack in depth
 *    7 nothing stays open where nothing is under way
 *    8 the store's generation never goes back
 *    9 the flash can be mounted after every cut, and each record is as it was before or after; F09 is never broken
 *   10 every failure has a name
 *   11 the log has no raw control octet
 *   12 nothing is final but what an entitled host, or trusted DNS, called final, or time
 *   13 a jump of years, as SNTP forges it, is doubted (C04)
 *
 *     sim [--sessions N] [--jobs N]     until so many SMTP sessions; the last line is `simulated sessions: N, N violations`
 *     sim --seed N [-v]                 one device again, and with -v what happened to it
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stsmail/clock.h>
#include <stsmail/engine/cache.h>
#include <stsmail/flash_store.h>
#include <stsmail/queue.h>

#include "model_store.h"
#include "ram_flash.h"
#include "sim_world.h"

#define MINUTE      60000u
#define HOUR        (60u * MINUTE)
#define DAY         (24u * HOUR)
#define BUILD_DATE  1780000000
#define GIVE_UP_S   (5 * 86400)
#define POLL_CALLS  8000        /* port calls in one poll, those of the flash among them */
#define TRY_MS      (6u * HOUR) /* one try of one message */
#define STACK_BYTES 12000       /* below main, at -O2 */

enum {
    ALERTS = 400,
    RCPTS = 3,
};

enum fate {
    UNKNOWN_YET, /* the power went while it was being added */
    ACCEPTED,
    REFUSED,
    SETTLED, /* its outcome was told */
};

/* What became of an alert for one recipient. */
struct addressee {
    char address[32];
    uint8_t domain;
    uint16_t taken;  /* hosts that said 250 to it, or meant to */
    uint32_t excuse; /* when it was last taken: the number of excuses until then */
    bool untold;     /* ... and the device could not hear of it */
    bool told;       /* the device knows that it is delivered */
    bool clean;      /* and nothing failed between */
    bool given_up;
};

struct alert {
    uint8_t fate, count, floor;
    bool critical;
    int64_t added; /* true time */
    char id[STS_QUEUE_ID_SIZE];
    struct addressee to[RCPTS];
};

/* Lives only while the power does. */
static struct device {
    struct sts_flash_store log;
    struct sts_flash_handle handle[2];
    struct sts_store raw[2], seen[2], store[2];
    struct model_store model[2];
    struct faulty_store faulty[2];
    struct sts_clock clock;
    struct sts_mailer mailer;
    struct sts_queue queue;
} dev;

/* What is soldered on, or in the firmware. */
static struct {
    struct sts_mailer_config mailer;
    struct sts_queue_config queue;
    struct sts_domain_floor floors[1];
    struct sts_provisioned provisioned[1];
    struct sts_policy policy;
    bool rtc;
} made;

/* The delivery under way. */
static struct {
    bool on, passed_over, refresh, decided, said_no, said_no_verified, dns_final, txt_absent;
    int domain;
    uint8_t floor;
    struct rules rules; /* decided */
    uint8_t source;
    int error; /* decision's */
    struct sts_time begun;
    uint64_t begun_ms;
} now;

static struct alert alerts[ALERTS];
static uint32_t alerts_count;

/* What happens when, and how often. */
static struct {
    uint64_t alert, change, cut, sntp, chore, end;
    uint64_t alert_every, change_every, cut_every;
    uint32_t fault_rate; /* one call in so many fails; 0: none */
    uint32_t flash_rate;
    uint8_t burst_kind; /* what fails now fails so many times more */
    uint32_t burst;
    uint32_t cut_call; /* calls until the power goes; 0: it stays */
    uint32_t excuses;  /* cuts and faults so far */
    uint32_t unread;   /* reads of the flash until one may fail again */
    bool quiet;        /* no faults now: the oracle itself looks */
    bool has_time;     /* the clock was set in this run */
} plan;

static struct totals {
    uint64_t sessions, deliveries, fetches, alerts, delivered, failed, refused, cuts, faults,
        repeated, erases, violations, devices, bad_devices;
    uint64_t ms;
    uint64_t stack, calls;
} sum;

static jmp_buf power;
static char *stack_top;
static uint32_t generation;

/* ---- the oracle's voice ------------------------------------------------------------------------------------------ */

static void violation(const char *rule)
{
    sum.violations++;
    printf("VIOLATION seed %llu at %.3f s: %s\n", (unsigned long long)w.seed, (double)in.ms / 1000,
           rule);
    fflush(stdout);
}

static void must(bool kept, const char *rule)
{
    if (!kept) {
        violation(rule);
    }
}

/* ---- faults and power ----------------------------------------------------------------------------------------------- */

static void cut_power(void)
{
    plan.cut_call = 0;
    flash.cut_in = 0;
    sum.cuts++;
    plan.excuses++;
    say("--- power cut ---");
    longjmp(power, 1);
}

/* Whether this call fails: alone, or as one of a row. */
static bool strikes(enum call call)
{
    bool of_flash = call >= CALL_FLASH_READ && call <= CALL_FLASH_SYNC;
    uint32_t rate = of_flash ? plan.flash_rate : plan.fault_rate;

    /* Twice in a row: what the store cannot read three times is broken for good, and lost with its sector (F04). */
    if (call == CALL_FLASH_READ && plan.unread > 0 && --plan.unread < 3) {
        return false;
    }
    if (plan.burst > 0 && call == plan.burst_kind) {
        plan.burst--;
        return true;
    }
    if (rate == 0 || !one_in(rate)) {
        return false;
    }
    if (one_in(4)) {
        plan.burst_kind = (uint8_t)call;
        plan.burst = call == CALL_FLASH_READ ? 1 : 1 + draw(60);
    }
    plan.unread = call == CALL_FLASH_READ && plan.unread == 0 ? 4 : plan.unread;
    return true;
}

static int sim_fails(enum call call)
{
    int value;

    if (plan.quiet || call == CALL_CLOCK) {
        return WORKS;
    }
    if (plan.cut_call != 0 && --plan.cut_call == 0) {
        cut_power();
    }
    if (!strikes(call)) {
        return WORKS;
    }
    value = variants[call][draw(variants_of(call))];
    sum.faults++;
    plan.excuses++;
    say("fault: %s gives %d", call_names[call], value);
    if (value == NOTHING || value == STS_BUSY) {
        in.stuck = in.ms + 1000;
    }
    return value == NOTHING ? 0 : value;
}

static void sim_clock(void)
{
    sts_clock_now(&dev.clock, (uint32_t)in.ms + in.tick0, &in.now);
}

/* ---- what is kept --------------------------------------------------------------------------------------------------- */

struct bytes {
    const uint8_t *at;
    size_t left;
};

static int bytes_get(void *ctx, uint8_t kind, const char *key)
{
    (void)ctx;
    (void)key;
    return kind == STS_STORE_POLICY ? STS_OK : STS_ERR_ABSENT;
}

static int32_t bytes_read(void *ctx, void *buf, size_t len)
{
    struct bytes *b = ctx;
    size_t n = len < b->left ? len : b->left;

    memcpy(buf, b->at, n);
    b->at += n;
    b->left -= n;
    return (int32_t)n;
}

static void bytes_done(void *ctx)
{
    (void)ctx;
}

/* Which of the domain's MX the patterns name: by a matcher of our own. */
static uint8_t mask_of(const struct domain *d, const struct sts_policy *p)
{
    uint8_t mask = 0;

    for (size_t at = 0; at < p->mx_len; at += strlen(p->mx + at) + 1) {
        for (int i = 0; i < MXS; i++) {
            const char *name = p->mx[at] == '*' ? strchr(d->mx_name[i], '.') : d->mx_name[i];

            mask |= (uint8_t)(strcmp(p->mx + at + (p->mx[at] == '*'), name) == 0 ? 1 << i : 0);
        }
    }
    return mask;
}

static int domain_of(const char *name)
{
    for (int k = 0; k < DOMAINS; k++) {
        if (strcmp(w.d[k].name, name) == 0) {
            return k;
        }
    }
    return -1;
}

/* A record of a policy was written, or may have been: what it says. */
static void policy_put(uint8_t kind, const char *key, const uint8_t *bytes, size_t len, bool sure)
{
    static struct sts_policy policy;
    struct sts_cached info;
    struct bytes b = {bytes, len};
    struct sts_store s = {.ctx = &b, .get = bytes_get, .read = bytes_read, .done = bytes_done};
    struct rules r = {.there = false};
    int k = kind == STS_STORE_POLICY ? domain_of(key) : -1;

    if (k < 0) {
        return;
    }
    if (bytes != NULL && sts_cache_peek(&s, key, &policy, &info) == STS_OK) {
        r = (struct rules){.there = true,
                           .mode = info.mode,
                           .mask = mask_of(&w.d[k], &policy),
                           .max_age = info.max_age_s,
                           .fetched_at = info.fetched_at};
        memcpy(r.id, info.id, sizeof r.id);
    }
    if (sure) {
        w.d[k].sure = r;
        w.d[k].maybe = r;
    } else {
        w.d[k].maybe = r;
    }
}

static bool same_rules(const struct rules *a, const struct rules *b)
{
    return a->there == b->there && a->mode == b->mode && a->mask == b->mask &&
           a->max_age == b->max_age;
}

/* C04: by our own arithmetic. */
static bool holds(const struct rules *r, const struct sts_time *t)
{
    return r->there &&
           (t->trust <= STS_CLOCK_DOUBTED || t->utc_s - r->fetched_at <= (int64_t)r->max_age);
}

/* ---- what the mailer tells ----------------------------------------------------------------------------------------- */

static void sim_log(void *ctx, int kind, const char *text, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        if ((uint8_t)text[i] < 0x20 || (uint8_t)text[i] > 0x7e) {
            violation("11: the log has a raw control octet");
        }
    }
    say("  %c %.*s", kind, (int)len, text);
}

static void begin_try(int domain, uint8_t floor, bool refresh)
{
    memset(&now, 0, sizeof now);
    now.on = true;
    now.domain = domain;
    now.refresh = refresh;
    now.begun = in.now;
    now.begun_ms = in.ms;
    now.floor = floor > made.mailer.floor ? floor : made.mailer.floor;
    if (made.mailer.floors_count > 0 && strcmp(made.floors[0].domain, w.d[domain].name) == 0 &&
        made.floors[0].floor > now.floor) {
        now.floor = made.floors[0].floor;
    }
    for (int k = 0; k < DOMAINS; k++) {
        w.d[k].served.there = false;
    }
    sum.deliveries += !refresh;
}

static bool is_provisioned(int domain)
{
    return made.mailer.provisioned_count > 0 &&
           strcmp(made.provisioned[0].domain, w.d[domain].name) == 0;
}

/* 4: what is in force is what it must be. */
static void judge_decision(const struct sts_decision *d, const struct domain *dom)
{
    bool first = holds(&dom->sure, &now.begun) && holds(&dom->sure, &in.now);
    bool second = holds(&dom->maybe, &now.begun) && holds(&dom->maybe, &in.now);

    if (d->source == STS_SOURCE_FETCHED) {
        must(dom->served.there, "4: a fetched policy was served by its verified host");
        must(same_rules(&dom->served, &now.rules), "4: a fetched policy is what its host served");
    } else if (d->source == STS_SOURCE_CACHED) {
        must(same_rules(&dom->sure, &now.rules) || same_rules(&dom->maybe, &now.rules),
             "4: a kept policy is what was kept");
    } else if (d->source == STS_SOURCE_NONE) {
        now.passed_over = first && second; /* it could not be read: then nothing may go out */
    }
    must(is_provisioned(now.domain) == (d->source == STS_SOURCE_PROVISIONED) || now.refresh,
         "4: a provisioned policy holds");
}

static void sim_decision(void *ctx, const struct sts_decision *d)
{
    const struct domain *dom = &w.d[now.domain];

    (void)ctx;
    must(now.on && !now.decided, "4: one decision in a try");
    now.decided = true;
    now.source = d->source;
    now.error = d->error;
    must(d->source == STS_SOURCE_NONE || d->policy != NULL, "4: a policy in force is shown");
    if (d->source != STS_SOURCE_NONE) {
        now.rules = (struct rules){.there = true,
                                   .mode = d->mode,
                                   .mask = mask_of(dom, d->policy),
                                   .max_age = d->max_age_s};
    }
    must(d->floor >= now.floor || now.refresh, "1: the floor is what was asked for");
    judge_decision(d, dom);
}

static void sim_attempt(void *ctx, const struct sts_attempt *a)
{
    (void)ctx;
    must(a->error == STS_OK || sts_err_name(a->error) != NULL, "10: every failure has a name");
}

static void sim_event(void *ctx, int event, const char *domain)
{
    (void)ctx;
    say("event %d: %s", event, domain);
    must(event != STS_EVENT_CACHE_LOST, "4: no policy is ever lost");
}

static void sim_date(void *ctx, int64_t utc_s)
{
    (void)ctx;
    sts_clock_confirm(&dev.clock, utc_s, (uint32_t)in.ms + in.tick0);
}

/* ---- what the hosts see ---------------------------------------------------------------------------------------------- */

static void sim_answer(const char *name, uint16_t type, int rcode, size_t count)
{
    const struct domain *d = &w.d[now.domain];

    if (!now.on) {
        return;
    }
    if (type == STS_DNS_TXT && strcmp(name, d->txt_name) == 0) {
        now.txt_absent |= (rcode == 0 || rcode == 3) && count == 0;
    } else if ((type == STS_DNS_MX || type == STS_DNS_A) && (rcode == 0 || rcode == 3) &&
               count == 0) {
        now.dns_final = true;
    }
}

static void sim_served(const struct net_conn *c)
{
    must(c->verified, "4: a policy is asked of a verified host alone");
    for (int k = 0; k < DOMAINS; k++) {
        struct domain *d = &w.d[k];

        if (c->host == d->web && c->verified) {
            write_http(d);
            d->served = d->policy;
            d->served.there = !d->broken;
            sum.fetches++;
        }
    }
}

static void sim_odd(const struct net_conn *c, const char *reply)
{
    if (reply[0] == '5') {
        now.said_no = true;
        now.said_no_verified |= c->tls && c->verified;
    }
}

static bool named(const struct net_conn *c)
{
    const struct domain *d = &w.d[now.domain];

    for (int i = 0; i < MXS; i++) {
        if (c->sni != NULL && strcmp(c->sni, d->mx_name[i]) == 0) {
            return (now.rules.mask >> i & 1) != 0;
        }
    }
    return false;
}

/* 1, 2: an octet of a mail is about to be read by this host. */
static void sim_secret(const struct net_conn *c, const char *line)
{
    bool strict = now.rules.there && now.rules.mode == STS_MODE_ENFORCE;

    must(now.on && now.decided && !now.refresh, "1: nothing is sent before it is decided how");
    must(c->tls || (!strict && now.floor == STS_FLOOR_OPPORTUNISTIC),
         "1: nothing of a mail in clear");
    must(!now.passed_over, "4: a policy that is kept is in force");
    if (strict || now.floor >= STS_FLOOR_VERIFIED) {
        must(c->tls && c->verified, "2: mail goes to a verified host");
    }
    if (strict || now.floor == STS_FLOOR_POLICY) {
        must(now.rules.there && now.rules.mode != STS_MODE_NONE && named(c),
             "2: mail goes to a host of the policy");
    }
    if (now.source == STS_SOURCE_NONE && now.error == STS_OK) {
        must(now.txt_absent, "4: a policy that could not be asked for is not absent (C-4)");
    }
    if (strncmp(line, "RCPT TO:<", 9) == 0) {
        must(strstr(line, w.d[now.domain].name) != NULL, "2: a recipient is of this domain");
    }
}

/* The alert and the recipient that an address names ("a12.1@d0.example"). */
static struct addressee *find_addressee(const char *address, struct alert **alert)
{
    char *dot = NULL;
    unsigned long n = strtoul(address + 1, &dot, 10), i;

    if (address[0] != 'a' || dot == NULL || *dot != '.' || n >= alerts_count) {
        return NULL;
    }
    i = strtoul(dot + 1, NULL, 10);
    *alert = &alerts[n];
    return i < alerts[n].count ? &alerts[n].to[i] : NULL;
}

static void take_one(const struct net_conn *c, const char *address, bool told)
{
    struct alert *a = NULL;
    struct addressee *to = find_addressee(address, &a);

    must(to != NULL && strcmp(to->address, address) == 0, "3: mail goes to whom it was given for");
    if (to == NULL) {
        return;
    }
    must(c->begun == (uint32_t)(a - alerts) + 1 && c->ended == c->begun,
         "3: a message is whole, and the right one");
    must(a->fate != REFUSED, "3: an alert that was refused is not sent");
    if (to->taken > 0) {
        sum.repeated++;
        must(to->untold || to->excuse != plan.excuses, "5: a repeated delivery has its reason");
        must(!(to->told && to->clean), "5: what is known to be delivered is not sent again");
    }
    to->taken++;
    to->excuse = plan.excuses;
    to->untold = !told;
    say("%s is taken by %s%s", address, c->host->name, told ? "" : ", untold");
}

static void sim_taken(const struct net_conn *c, bool told)
{
    for (int i = 0; i < c->rcpts; i++) {
        take_one(c, c->rcpt[i], told);
    }
}

/* ---- what the queue tells ----------------------------------------------------------------------------------------------- */

static int sim_send(void *ctx, const struct sts_queue_entry *e, const struct sts_source *extra,
                    struct sts_mail *mail)
{
    struct alert *a = NULL;
    const struct addressee *to = find_addressee(mail->recipients[0].address, &a);

    (void)ctx;
    (void)extra;
    must(to != NULL, "3: what is sent was added");
    if (to == NULL) {
        return STS_ERR_ARG;
    }
    must(e->floor >= a->floor, "1: the floor of a message is kept");
    begin_try(to->domain, a->floor, false);
    say("try %d of %s", e->tries, to->address);
    return STS_OK;
}

/* 12: whether this recipient may be told "never". */
static bool may_be_final(const struct sts_recipient *r)
{
    bool lenient = now.floor == STS_FLOOR_OPPORTUNISTIC &&
                   !(now.rules.there && now.rules.mode == STS_MODE_ENFORCE);

    if (r->error == STS_ERR_REJECTED && now.said_no_verified) {
        return true;
    }
    return lenient && sts_err_final(r->error) && (now.said_no || now.dns_final);
}

/* 12: by the true time, or by one that the device had reason to believe when the try began (clock.h says how far that goes). */
static bool is_late(const struct alert *a, const struct sts_queue_entry *e)
{
    return net_utc() - a->added >= GIVE_UP_S ||
           (now.begun.trust > STS_CLOCK_DOUBTED && now.begun.utc_s - e->queued_at >= GIVE_UP_S);
}

static void judge_recipient(const struct sts_queue_entry *e, const struct sts_recipient *r)
{
    struct alert *a = NULL;
    struct addressee *to = find_addressee(r->address, &a);

    must(to != NULL, "3: an outcome is about what was added");
    if (to == NULL || to->domain != now.domain) {
        return;
    }
    must(r->error <= STS_OK || r->error == STS_BUSY, "10: an outcome is one");
    must(r->error == STS_OK || r->error == STS_BUSY || sts_err_name(r->error) != NULL,
         "10: every failure has a name");
    if (r->error == STS_OK) {
        must(to->taken > 0, "3: delivered is what a host said 250 to");
        to->told = true;
        to->clean = to->excuse == plan.excuses;
    } else if (r->final) {
        must(to->given_up || may_be_final(r), "12: never is said of what is final");
        to->given_up = true;
    } else if (e->state == STS_QUEUE_FAILED) {
        must(is_late(a, e) || to->given_up, "12: nothing is given up before its time");
        to->given_up = true;
    }
}

static void sim_outcome(void *ctx, const struct sts_queue_entry *e, const char *domain, int error)
{
    (void)ctx;
    say("outcome %s: state %d, error %d", domain, e->state, error);
    must(error == STS_OK || sts_err_name(error) != NULL, "10: every failure has a name");
    for (size_t i = 0; i < e->count; i++) {
        judge_recipient(e, &e->recipients[i]);
    }
    must(!now.on || in.ms - now.begun_ms <= TRY_MS, "6: a try ends");
    now.on = false;
    if (e->state != STS_QUEUE_WAITING) {
        for (size_t i = 0; i < e->count; i++) {
            struct alert *a = NULL;
            const struct addressee *to = find_addressee(e->recipients[i].address, &a);

            if (to != NULL) {
                must(to->taken > 0 || e->state == STS_QUEUE_FAILED,
                     "3: delivered is delivered to all");
                a->fate = SETTLED;
            }
        }
        sum.delivered += e->state == STS_QUEUE_DELIVERED;
        sum.failed += e->state == STS_QUEUE_FAILED;
    }
}

/* ---- the device --------------------------------------------------------------------------------------------------------- */

static bool listed[ALERTS];

/* The power may go behind the mark and before the word: the list is then what reports it. */
static void list_failed(const struct sts_queue_entry *e, struct alert *a)
{
    for (size_t i = 0; i < e->count && e->state == STS_QUEUE_FAILED && a->fate != SETTLED; i++) {
        const struct sts_recipient *r = &e->recipients[i];
        struct alert *same = NULL;
        struct addressee *to = find_addressee(r->address, &same);

        must(to != NULL && same == a, "3: what is listed was added");
        must(r->error == STS_OK || (r->final && sts_err_final(r->error)) || is_late(a, e),
             "12: never is said of what is final");
        if (to != NULL && r->error != STS_OK) {
            to->given_up = true;
        }
    }
}

static bool list_one(void *arg, const struct sts_queue_entry *e)
{
    struct alert *a = NULL;

    (void)arg;
    if (e->count > 0 && find_addressee(e->recipients[0].address, &a) != NULL) {
        listed[a - alerts] = true;
        list_failed(e, a);
    } else {
        violation("3: what is listed was added");
    }
    return true;
}

/* 3: what was accepted is there, or settled, or taken. */
static void judge_queue(void)
{
    memset(listed, 0, sizeof listed);
    plan.quiet = true;
    if (sts_queue_list(&dev.queue, list_one, NULL) == STS_OK) {
        for (uint32_t n = 0; n < alerts_count; n++) {
            const struct alert *a = &alerts[n];
            bool open = false;

            for (int i = 0; i < a->count; i++) {
                open = open || (a->to[i].taken == 0 && !a->to[i].given_up);
            }
            if (a->fate == ACCEPTED && open && !listed[n]) {
                say("alert %lu is not in the queue", (unsigned long)n);
                violation("3: an accepted alert is lost");
                alerts[n].fate = SETTLED; /* said once */
            }
        }
    } else {
        violation("9: the queue can be listed");
    }
    plan.quiet = false;
}

static void mount(void)
{
    int result;

    result = sts_flash_store_mount(&dev.log, &flash.port);
    if (result != STS_OK) { /* with faults that may be; without it must not */
        plan.quiet = true;
        result = sts_flash_store_mount(&dev.log, &flash.port);
        plan.quiet = false;
    }
    must(result == STS_OK, "9: the flash can be mounted");
    must((int32_t)(dev.log.gen - generation) >= 0, "8: the generation never goes back");
    for (int i = 0; i < 2; i++) {
        sts_flash_store_handle(&dev.log, &dev.handle[i], &dev.raw[i]);
        model_store_start(&dev.model[i], &dev.raw[i], &dev.seen[i]);
        faulty_store_start(&dev.faulty[i], &dev.seen[i], &dev.store[i]);
    }
}

static void start_queue(void)
{
    int result = sts_queue_init(&dev.queue, &made.queue);

    if (result != STS_OK) {
        plan.quiet = true;
        result = sts_queue_init(&dev.queue, &made.queue);
        plan.quiet = false;
    }
    must(result == STS_OK, "9: the queue starts");
}

static void boot(void)
{
    memset(&dev, 0xa5, sizeof dev);
    memset(&now, 0, sizeof now);
    for (int i = 0; i < NET_CONNS; i++) {
        in.conns[i].used = 0;
    }
    in.ms += about(one_in(20) ? DAY : 10000);
    in.tick0 = (uint32_t)draw64();
    in.stuck = 0;
    mount();
    (void)sts_clock_init(&dev.clock, &dev.store[0], BUILD_DATE);
    if (made.rtc) {
        (void)sts_clock_set(&dev.clock, net_utc(), STS_CLOCK_OWNER, (uint32_t)in.ms + in.tick0);
    }
    net_clock();
    must(sts_mailer_init(&dev.mailer, &made.mailer) == STS_OK, "9: the mailer starts");
    start_queue();
    plan.has_time = made.rtc;
    plan.sntp = in.ms + about(one_in(4) ? HOUR : 20000);
    say("booted, clock %s", in.now.trust == STS_CLOCK_UNSET ? "unset" : "set");
    judge_queue();
}

/* 6, 7, 8: after every step. */
static void judge_step(int result)
{
    must(in.calls <= POLL_CALLS, "6: a poll is bounded");
    sum.calls = in.calls > sum.calls ? in.calls : sum.calls;
    must((int32_t)(dev.log.gen - generation) >= 0, "8: the generation never goes back");
    generation = dev.log.gen;
    if (result != STS_BUSY && !now.refresh) {
        must(net_is_quiet(), "7: nothing stays open");
        must(faulty_store_is_quiet(&dev.faulty[0]) && faulty_store_is_quiet(&dev.faulty[1]),
             "7: no record stays open");
    }
    if (in.stack_low != NULL) {
        uint64_t depth = (uint64_t)(stack_top - in.stack_low);

        sum.stack = depth > sum.stack ? depth : sum.stack;
#ifndef __SANITIZE_ADDRESS__
        must(depth < STACK_BYTES, "6: the stack is bounded");
#endif
        in.stack_low = NULL;
    }
}

/* ---- what happens ------------------------------------------------------------------------------------------------------- */

static void add_alert(void)
{
    static char body[3000];
    static struct sts_recipient to[RCPTS];
    struct alert *a = &alerts[alerts_count];
    struct sts_message m = {.from = "ups@example.com", .subject = "alert"};
    struct sts_queue_mail mail = {.sender = "ups@example.com", .recipients = to, .message = &m};
    uint32_t before = plan.excuses;
    int result, n;

    if (alerts_count == ALERTS) {
        return;
    }
    memset(a, 0, sizeof *a);
    memset(to, 0, sizeof to);
    a->count = (uint8_t)(one_in(4) ? 1 + draw(RCPTS) : 1);
    a->critical = one_in(8);
    a->floor = (uint8_t)(one_in(6) ? draw(3) : 0);
    a->added = net_utc();
    for (int i = 0; i < a->count; i++) {
        a->to[i].domain = (uint8_t)draw(DOMAINS);
        snprintf(a->to[i].address, sizeof a->to[i].address, "a%lu.%d@%s",
                 (unsigned long)alerts_count, i, w.d[a->to[i].domain].name);
        to[i].address = a->to[i].address;
    }
    n = snprintf(body, sizeof body, "alert-%lu\n", (unsigned long)alerts_count + 1);
    for (uint32_t lines = one_in(10) ? draw(40) : draw(3); lines > 0; lines--) {
        n += snprintf(body + n, sizeof body - (size_t)n, "the temperature in the cellar is %lu\n",
                      (unsigned long)draw(100));
    }
    snprintf(body + n, sizeof body - (size_t)n, "end-%lu\n", (unsigned long)alerts_count + 1);
    m.body = body;
    m.date_s = in.now.trust != STS_CLOCK_UNSET ? in.now.utc_s : 0;
    mail.count = a->count;
    mail.critical = a->critical;
    mail.floor = a->floor;
    alerts_count++;
    sum.alerts++;
    result = sts_queue_add(&dev.queue, &mail, &in.now, a->id);
    a->fate = result == STS_OK ? ACCEPTED : plan.excuses != before ? UNKNOWN_YET : REFUSED;
    sum.refused += result != STS_OK;
    say("alert %lu to %s: %d", (unsigned long)alerts_count - 1, a->to[0].address, result);
    must(result == STS_OK || result == STS_ERR_SPACE || plan.excuses != before,
         "3: an alert is refused for want of room alone");
    plan.alert = in.ms + about(plan.alert_every);
}

/* SNTP answers: right, a little off, or forged. */
static void answer_sntp(void)
{
    int64_t t = net_utc();
    uint32_t kind = draw(24);
    int result;

    t += kind == 0   ? 86400 * (int64_t)draw(40)
         : kind == 1 ? -86400 * (int64_t)draw(400)
         : kind == 2 ? 315360000
                     : draw(3);
    result = sts_clock_set(&dev.clock, t, STS_CLOCK_NETWORK, (uint32_t)in.ms + in.tick0);
    net_clock();
    must(kind != 2 || in.now.trust <= STS_CLOCK_DOUBTED, "13: ten years of a sudden are doubted");
    plan.has_time = result == STS_OK;
    plan.sntp = in.ms + about(result == STS_OK && kind > 2 ? 12 * HOUR : HOUR);
    say("SNTP says %+lld s: %d, trust %d", (long long)(t - net_utc()), result, in.now.trust);
}

static void plan_cut(void)
{
    if (one_in(2)) {
        flash.cut_in = 1 + draw(one_in(2) ? 600 : 20000);
    } else {
        plan.cut_call = 1 + draw(one_in(2) ? 100 : 5000);
    }
    plan.cut = in.ms + about(plan.cut_every);
}

/* What is due; the clock is not set while a connection is open, so that the oracle knows what time a try began at. */
static void happen(void)
{
    if (in.ms >= plan.alert) {
        add_alert();
    }
    if (in.ms >= plan.change) {
        change_world();
        plan.change = in.ms + about(plan.change_every);
    }
    if (in.ms >= plan.cut) {
        plan_cut();
    }
    if (in.ms >= plan.sntp && net_is_quiet()) {
        answer_sntp();
    }
}

static uint64_t next_event(void)
{
    uint64_t t = plan.alert < plan.change ? plan.alert : plan.change;

    t = plan.cut < t ? plan.cut : t;
    t = plan.sntp < t ? plan.sntp : t;
    t = plan.end < t ? plan.end : t;
    return t > in.ms ? t : in.ms + 1;
}

static uint32_t until(uint64_t then)
{
    return then - in.ms < HOUR ? (uint32_t)(then - in.ms) : HOUR;
}

/* Refreshes a policy: the mailer is ours while the queue has nothing to do. */
static void refresh(const char *name)
{
    char domain[STS_NAME_SIZE];
    int result;

    memcpy(domain, name, strlen(name) + 1);
    begin_try(domain_of(domain), 0, true);
    say("refresh %s", domain);
    result = sts_mailer_refresh(&dev.mailer, domain, &in.now);
    while (result == STS_OK || result == STS_BUSY) {
        in.calls = 0;
        result = sts_mailer_poll(&dev.mailer, &in.now);
        judge_step(result);
        if (result != STS_BUSY) {
            break;
        }
        sts_mailer_wait(&dev.mailer, &in.now, 10000);
        must(in.ms - now.begun_ms <= TRY_MS, "6: a refresh ends");
    }
    must(result == STS_OK || sts_err_name(result) != NULL, "10: every failure has a name");
    must(result != STS_OK || now.source == STS_SOURCE_FETCHED, "4: what was refreshed was fetched");
    memset(&now, 0, sizeof now);
}

/* Nothing is under way. */
static void idle(void)
{
    char domain[STS_NAME_SIZE];
    uint32_t due;
    uint64_t then = next_event();

    if (in.ms >= plan.chore) {
        (void)sts_clock_save(&dev.clock);
        if (sts_mailer_refresh_due(&dev.mailer, &in.now, domain) == STS_OK) {
            refresh(domain);
        }
        plan.chore = in.ms + 30 * MINUTE;
    }
    due = sts_queue_due_ms(&dev.queue, &in.now);
    then = due < then - in.ms ? in.ms + (due > 0 ? due : 1) : then;
    then = plan.chore < then ? plan.chore : then;
    in.ms = then > in.ms ? then : in.ms + 1;
    net_clock();
}

static void live(void)
{
    while (in.ms < plan.end) {
        int result;

        happen();
        in.calls = 0;
        result = sts_queue_poll(&dev.queue, &in.now);
        judge_step(result);
        if (result == STS_BUSY) {
            sts_queue_wait(&dev.queue, &in.now, until(next_event()));
        } else {
            idle();
        }
    }
}

/* ---- one device's life --------------------------------------------------------------------------------------------------- */

static void make_device(void)
{
    static const struct sts_log log = {NULL, sim_log};
    struct sts_policy_parser p;

    memset(&made, 0, sizeof made);
    sts_policy_start(&p, &made.policy);
    (void)sts_policy_feed(&p, w.d[1].body, strlen(w.d[1].body));
    (void)sts_policy_end(&p);
    made.rtc = one_in(3);
    made.mailer = (struct sts_mailer_config){.net = &in.net,
                                             .tls = &in.tls,
                                             .random = &in.rng,
                                             .store = &dev.store[0],
                                             .log = &log,
                                             .hostname = "device.example.com",
                                             .dns = &in.dns,
                                             .dns_count = 1,
                                             .floor = (uint8_t)(one_in(4) ? draw(4) : 0),
                                             .floors = made.floors,
                                             .floors_count = one_in(4),
                                             .provisioned = made.provisioned,
                                             .provisioned_count =
                                                 made.policy.mode != STS_MODE_NONE && one_in(6),
                                             .timeout_s = one_in(4) ? 10 + draw(100) : 0,
                                             .on_attempt = sim_attempt,
                                             .on_decision = sim_decision,
                                             .on_event = sim_event,
                                             .on_date = sim_date};
    made.floors[0] = (struct sts_domain_floor){w.d[0].name, (uint8_t)draw(4)};
    made.provisioned[0] = (struct sts_provisioned){w.d[1].name, &made.policy};
    made.queue = (struct sts_queue_config){.mailer = &dev.mailer,
                                           .store = &dev.store[0],
                                           .message_store = &dev.store[1],
                                           .random = &in.rng,
                                           .log = &log,
                                           .on_outcome = sim_outcome,
                                           .on_send = sim_send};
}

static void make_plan(void)
{
    static const uint64_t paces[] = {MINUTE, 5 * MINUTE, 20 * MINUTE, HOUR, 4 * HOUR};

    memset(&plan, 0, sizeof plan);
    plan.alert_every = paces[draw(5)];
    plan.change_every = plan.alert_every * (1 + draw(20)) / 4 + 1;
    plan.cut_every = plan.alert_every * (2 + draw(60));
    plan.alert = about(plan.alert_every);
    plan.change = about(plan.change_every);
    plan.cut = one_in(4) ? UINT64_MAX : about(plan.cut_every);
    plan.fault_rate = one_in(2) ? 0 : 50 + draw(3000);
    plan.flash_rate = one_in(3) ? 200 + draw(5000) : 0;
    plan.end = plan.alert_every * (50 + draw(200));
}

static void sim_cut(void)
{
    cut_power();
}

static void make_flash(void)
{
    static const uint16_t units[] = {1, 4, 8, 32, 256};
    uint32_t sector = one_in(2) ? 4096 : 2048;

    ram_flash_start(sector, (one_in(8) ? 24576u : 98304u) / sector, units[draw(5)], sim_cut);
}

static void start_world(uint64_t seed)
{
    memset(&w, 0, offsetof(struct world, state));
    w.seed = seed;
    w.state = seed;
    net_start(draw64());
    in.fails = sim_fails;
    in.clock = sim_clock;
    in.on_secret = sim_secret;
    in.on_taken = sim_taken;
    in.on_answer = sim_answer;
    in.on_served = sim_served;
    in.on_odd = sim_odd;
    in.stack_low = NULL;
    alerts_count = 0;
    generation = 0;
    memset(&now, 0, sizeof now);
    build_world();
    make_device();
    make_plan();
    make_flash();
    model_start(violation);
    model.on_put = policy_put;
}

/* All is well from now on: what is in the queue must find its way out. */
static void heal_all(void)
{
    for (int k = 0; k < DOMAINS; k++) {
        heal(&w.d[k]);
        publish(&w.d[k], STS_MODE_ENFORCE, 3, 604800); /* so that every floor can be met */
        w.d[k].id++;
        announce(&w.d[k], true);
    }
    heal_host(w.attacker);
    in.dns_latency = 0;
    plan.fault_rate = plan.flash_rate = plan.cut_call = plan.burst = 0;
    flash.cut_in = 0;
    plan.alert = plan.change = plan.cut = plan.sntp = UINT64_MAX;
    plan.end = in.ms + 3 * DAY;
    (void)sts_clock_set(&dev.clock, net_utc(), STS_CLOCK_OWNER, (uint32_t)in.ms + in.tick0);
    net_clock();
    say("all is well");
}

static void judge_end(void)
{
    for (uint32_t n = 0; n < alerts_count; n++) {
        const struct alert *a = &alerts[n];

        for (int i = 0; i < a->count; i++) {
            bool done = a->to[i].taken > 0 || a->to[i].given_up;

            if (a->fate == ACCEPTED && !done) {
                say("%s", a->to[i].address);
            }
            must(a->fate != ACCEPTED || done, "3: what was accepted is delivered or reported");
        }
    }
    must(dev.queue.counters.damaged == 0, "9: no entry is damaged");
}

/* One device from its first day to its last. */
static void live_once(uint64_t seed)
{
    volatile uint64_t before = sum.violations; /* outlives longjmp */
    int sessions = 0;

    start_world(seed);
    if (setjmp(power) != 0) {
        plan.quiet = false;
        model_cut();
        generation = 0;
    }
    boot();
    live();
    heal_all();
    live();
    judge_queue();
    judge_end();
    for (size_t i = 0; i < in.hosts_count; i++) {
        sessions += in.hosts[i].port == 25 ? in.hosts[i].seen : 0;
    }
    sum.sessions += (uint64_t)sessions;
    sum.devices++;
    sum.bad_devices += sum.violations > before;
    sum.ms += in.ms;
    sum.erases += flash.erases;
}

/* ---- the campaign ---------------------------------------------------------------------------------------------------------- */

static void report(const struct totals *t)
{
    printf("%llu tries, %llu policies fetched, %llu alerts: %llu delivered, %llu failed, %llu "
           "refused\n",
           (unsigned long long)t->deliveries, (unsigned long long)t->fetches,
           (unsigned long long)t->alerts, (unsigned long long)t->delivered,
           (unsigned long long)t->failed, (unsigned long long)t->refused);
    printf(
        "%.1f device-years, %llu power cuts, %llu faults, %llu repeated deliveries, %llu erases\n",
        (double)t->ms / 1000 / 86400 / 365.25, (unsigned long long)t->cuts,
        (unsigned long long)t->faults, (unsigned long long)t->repeated,
        (unsigned long long)t->erases);
    printf("at most %llu calls of the port in a poll, %llu bytes of stack above them\n",
           (unsigned long long)t->calls, (unsigned long long)t->stack);
}

static void add_totals(struct totals *to, const struct totals *t)
{
    uint64_t calls = to->calls > t->calls ? to->calls : t->calls;
    uint64_t stack = to->stack > t->stack ? to->stack : t->stack;
    const uint64_t *from = (const uint64_t *)t;
    uint64_t *at = (uint64_t *)to;

    for (size_t i = 0; i < sizeof *t / sizeof *from; i++) {
        at[i] += from[i];
    }
    to->calls = calls;
    to->stack = stack;
}

#ifdef __SANITIZE_ADDRESS__
void __sanitizer_set_death_callback(void (*callback)(void));
#endif

/* Says which seed it was that killed us. */
static void last_words(void)
{
    violation("9: nothing crashes");
    fflush(stdout);
}

static void on_signal(int number)
{
    last_words();
    _exit(128 + number);
}

static void listen_to_death(void)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_set_death_callback(last_words);
#else
    (void)signal(SIGSEGV, on_signal);
#endif
    (void)signal(SIGABRT, on_signal);
}

/* Every `jobs`-th seed from `first` on, until there are enough sessions. */
static void run_share(uint64_t first, uint64_t jobs, uint64_t sessions)
{
    for (uint64_t seed = first; sum.sessions < sessions && sum.violations < 20; seed += jobs) {
        live_once(seed);
    }
}

static void run_jobs(uint64_t from, uint64_t sessions, uint64_t jobs)
{
    int pipes[2];

    if (pipe(pipes) != 0) {
        abort();
    }
    for (uint64_t i = 0; i < jobs; i++) {
        fflush(stdout);
        if (fork() == 0) {
            run_share(from + i, jobs, sessions / jobs);
            if (write(pipes[1], &sum, sizeof sum) != (ssize_t)sizeof sum) {
                _exit(2);
            }
            fflush(stdout);
            _exit(0);
        }
    }
    close(pipes[1]);
    for (uint64_t i = 0; i < jobs; i++) {
        struct totals t = {
            .violations = 1, .devices = 1, .bad_devices = 1}; /* of a process that died */
        int status = 0;

        (void)!read(pipes[0], &t, sizeof t);
        (void)wait(&status);
        add_totals(&sum, &t);
    }
}

int main(int argc, char **argv)
{
    uint64_t sessions = 1000000, jobs = 1, from = 1, seed = 0;
    bool one = false;
    char top;

    stack_top = &top;
    listen_to_death();
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";

        sessions = strcmp(argv[i], "--sessions") == 0 ? strtoull(value, NULL, 10) : sessions;
        jobs = strcmp(argv[i], "--jobs") == 0 ? strtoull(value, NULL, 10) : jobs;
        from = strcmp(argv[i], "--from") == 0 ? strtoull(value, NULL, 10) : from;
        w.verbose = w.verbose || strcmp(argv[i], "-v") == 0;
        if (strcmp(argv[i], "--seed") == 0) {
            one = true;
            seed = strtoull(value, NULL, 10);
        }
    }
    if (one) {
        bool verbose = w.verbose;

        w.verbose = verbose;
        live_once(seed);
    } else {
        run_jobs(from, sessions, jobs > 0 ? jobs : 1);
    }
    report(&sum);
    printf("devices: %llu passed, %llu failed\n",
           (unsigned long long)(sum.devices - sum.bad_devices),
           (unsigned long long)sum.bad_devices);
    printf("simulated sessions: %llu, %llu violations\n", (unsigned long long)sum.sessions,
           (unsigned long long)sum.violations);
    return sum.violations != 0;
}
