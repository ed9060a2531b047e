/* SPDX-License-Identifier: MIT
 *
 * What the owner hears of (P04, P26, F06, R-107), what an idle device refreshes (R-105, H24, P23, P25), and which
 * time decides about it all (C04).
 */
#define _GNU_SOURCE
#include "world.h"

#include <time.h>

#include <stsmail/clock.h>
#include <stsmail/ram_store.h>

#define D     "example.org"
#define T0    INT64_C(1794000000) /* in November 2026 */
#define BUILD INT64_C(1793491200)
#define DAY   INT64_C(86400)
#define WEEK  (7 * DAY)
#define YEAR  (365 * DAY)

static struct world w;
static struct sts_mailer m;
static struct sts_recipient to[1];
static struct sts_message message;
static struct sts_mail mail;
static struct world_server *mx, *web;
static char http[1024], due[STS_NAME_SIZE];
static uint8_t memory[40000];
static struct sts_ram_store ram;
static struct sts_store store;

/* ---- a domain, and what its policy host answers ---------------------------------------------- */

static void serve(const char *mode, int64_t max_age, int64_t date)
{
    char body[256], line[64] = "";
    time_t t = (time_t)date;

    snprintf(body, sizeof body, "version: STSv1\nmode: %s\nmx: mx1.example.org\nmax_age: %lld\n",
             mode, (long long)max_age);
    if (date >= 0) {
        strftime(line, sizeof line, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime(&t));
    }
    snprintf(http, sizeof http,
             "HTTP/1.1 200 OK\r\n%sContent-Type: text/plain\r\nContent-Length: %u\r\n\r\n%s", line,
             (unsigned)strlen(body), body);
}

/* The world at another time, the same or a later one; what the device kept is there yet. */
static void world_at(int64_t utc_s)
{
    world_start(&w);
    w.now.utc_s = utc_s;
    w.config.store = &store;
    world_dns(&w, D, STS_DNS_MX, "10 mx1.example.org");
    world_dns(&w, "mx1.example.org", STS_DNS_A, "192.0.2.10");
    world_dns(&w, "_mta-sts." D, STS_DNS_TXT, "v=STSv1; id=1");
    world_dns(&w, "mta-sts." D, STS_DNS_A, "192.0.2.20");
    mx = world_listen(&w, "192.0.2.10", 25);
    web = world_listen(&w, "192.0.2.20", 443);
    web->http = http;
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
}

static void fresh(void)
{
    sts_ram_store_init(&ram, memory, sizeof memory, &store);
    serve("enforce", WEEK, -1);
    world_at(T0);
}

/* Nobody announces a policy, and nobody gives one. */
static void block(void)
{
    w.records[2].name = "elsewhere";
    web->refuse = true;
}

static int run(void)
{
    int result = world_run(&w, &m);

    CHECK(world_is_quiet(&w));
    return result;
}

static void begin(void)
{
    memset(to, 0, sizeof to);
    to[0].address = "ops@example.org";
    message = (struct sts_message){
        .from = "a@example.com", .body = "x\n", .date_s = T0, .message_id = "1@example.com"};
    mail = (struct sts_mail){
        .sender = "a@example.com", .recipients = to, .count = 1, .message = &message};
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
}

static int deliver(void)
{
    begin();
    return run();
}

static int refresh(const char *name)
{
    CHECK(sts_mailer_refresh(&m, name, &w.now) == STS_OK);
    return run();
}

static int ask_due(void)
{
    return sts_mailer_refresh_due(&m, &w.now, due);
}

/* One event, about example.org, and a line of its name in the log. */
static bool told(int event)
{
    static const char *const names[] = {
        "", "policy-weakened: ", "policy-lapsed: ", "cache-lost: ", "refresh-failing: "};

    return w.events_count == 1 && w.events[0] == event && strcmp(w.event_domain, D) == 0 &&
           strstr(w.log, names[event]) != NULL && strstr(w.log, " for " D "\n") != NULL;
}

static struct sts_cached info;
static int held(const char *name)
{
    return sts_cache_peek(&store, name, NULL, &info);
}

static void hold(const char *name, int mode, uint32_t max_age, int64_t when)
{
    static struct sts_policy policy;
    struct sts_time then = {.utc_s = when, .trust = STS_CLOCK_OWNER};

    policy = (struct sts_policy){.mode = (uint8_t)mode, .max_age_s = max_age, .mx_count = 1};
    memcpy(policy.mx, "mx1.example.org", 16);
    policy.mx_len = 16;
    CHECK(sts_cache_put(&store, name, "1", &policy, &then, NULL) == STS_OK);
}

/* ---- P04: weakened --------------------------------------------------------------------------- */

TEST(p04_the_owner_hears_of_a_policy_that_was_weakened)
{
    static const struct {
        const char *was;
        int64_t was_s;
        const char *is;
        int64_t is_s;
        bool weaker;
    } cases[] = {
        {"enforce", WEEK, "testing", WEEK, true},
        {"enforce", WEEK, "none", WEEK, true},
        {"testing", WEEK, "none", WEEK, true},
        {"enforce", WEEK, "none", 0, true},
        {"enforce", WEEK, "enforce", WEEK / 4 - 1, true},
        {"enforce", WEEK, "enforce", 0, true},
        {"testing", WEEK, "testing", 60, true},
        {"enforce", WEEK, "enforce", WEEK / 4, false},
        {"enforce", WEEK, "enforce", WEEK, false},
        {"testing", WEEK, "enforce", 60, false},
        {"none", WEEK, "none", 0, false},
        {"none", WEEK, "testing", WEEK, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int idle = 0; idle < 2; idle++) {
            fresh();
            serve(cases[i].was, cases[i].was_s, -1);
            CHECK(deliver() == STS_OK && w.events_count == 0);
            serve(cases[i].is, cases[i].is_s, -1);
            world_at(T0 + 2 * DAY);
            CHECK((idle ? refresh(D) : deliver()) == STS_OK && web->seen == 1);
            CHECK(cases[i].weaker ? told(STS_EVENT_POLICY_WEAKENED) : w.events_count == 0);
            CHECK(held(D) == STS_OK && info.max_age_s == (uint32_t)cases[i].is_s);
        }
    }
}

/* P04: and what the owner demands stands. */
TEST(p04_the_floor_holds_whatever_became_of_the_policy)
{
    fresh();
    CHECK(deliver() == STS_OK);
    serve("none", 0, -1);
    world_at(T0 + 2 * DAY);
    w.config.floor = STS_FLOOR_POLICY;
    CHECK(deliver() == STS_ERR_POLICY_REQUIRED && mx->delivered == 0 && mx->seen == 0);
    CHECK(told(STS_EVENT_POLICY_WEAKENED));
}

TEST(events_need_no_listener)
{
    fresh();
    CHECK(deliver() == STS_OK);
    serve("none", 60, T0);
    world_at(T0 + 2 * DAY);
    w.config.on_event = NULL;
    w.config.on_date = NULL;
    CHECK(deliver() == STS_OK && w.events_count == 0 && w.dates == 0);
    CHECK(strstr(w.log, "policy-weakened: ") != NULL);
}

/* ---- P26: lapsed ----------------------------------------------------------------------------- */

TEST(p26_the_owner_hears_once_of_an_enforced_policy_that_ran_out)
{
    fresh();
    CHECK(deliver() == STS_OK);
    world_at(T0 + WEEK); /* to the second */
    block();
    CHECK(deliver() == STS_OK && w.events_count == 0);
    CHECK(w.decision.source == STS_SOURCE_CACHED);
    world_at(T0 + WEEK + 1);
    block();
    CHECK(deliver() == STS_OK && told(STS_EVENT_POLICY_LAPSED));
    CHECK(w.decision.source == STS_SOURCE_NONE);
    world_at(T0 + WEEK + 400);
    block();
    CHECK(deliver() == STS_OK && w.events_count == 0);
}

TEST(p26_announced_and_not_to_be_had_is_lapsed_too)
{
    fresh();
    CHECK(deliver() == STS_OK);
    world_at(T0 + WEEK + 1);
    web->refuse = true;
    CHECK(deliver() == STS_OK && told(STS_EVENT_POLICY_LAPSED));
    CHECK(w.decision.error == STS_ERR_POLICY_FETCH);
}

TEST(p26_after_it_the_floor_holds)
{
    fresh();
    CHECK(deliver() == STS_OK);
    world_at(T0 + WEEK + 1);
    w.config.floor = STS_FLOOR_POLICY;
    block();
    CHECK(deliver() == STS_ERR_POLICY_REQUIRED && told(STS_EVENT_POLICY_LAPSED));
    CHECK(mx->seen == 0);
}

TEST(p26_a_policy_that_is_replaced_in_time_or_later_has_not_lapsed)
{
    fresh();
    CHECK(deliver() == STS_OK);
    world_at(T0 + WEEK + 1);
    CHECK(deliver() == STS_OK && w.events_count == 0 && web->seen == 1);
    world_at(T0 + 3 * WEEK);
    block();
    CHECK(deliver() == STS_OK && told(STS_EVENT_POLICY_LAPSED)); /* the new one does */
}

TEST(p26_other_modes_run_out_in_silence)
{
    for (int none = 0; none < 2; none++) {
        fresh();
        serve(none ? "none" : "testing", WEEK, -1);
        CHECK(deliver() == STS_OK);
        world_at(T0 + 2 * WEEK);
        block();
        CHECK(deliver() == STS_OK && w.events_count == 0);
        CHECK(ask_due() == STS_ERR_ABSENT && w.events_count == 0);
    }
}

TEST(p26_a_failed_refresh_of_what_has_run_out_says_so)
{
    fresh();
    CHECK(deliver() == STS_OK);
    world_at(T0 + WEEK + 1);
    block();
    CHECK(refresh(D) == STS_ERR_POLICY_FETCH && told(STS_EVENT_POLICY_LAPSED));
}

TEST(p26_an_idle_device_notices_by_itself)
{
    fresh();
    CHECK(deliver() == STS_OK);
    world_at(T0 + WEEK);
    CHECK(ask_due() == STS_ERR_ABSENT && w.events_count == 0);
    w.now.utc_s++;
    CHECK(ask_due() == STS_ERR_ABSENT && told(STS_EVENT_POLICY_LAPSED));
    CHECK(ask_due() == STS_ERR_ABSENT && w.events_count == 1);
}

/* ---- F06: lost ------------------------------------------------------------------------------- */

/* The flash loses the record; nobody asked for it. */
static void lose(const char *name)
{
    CHECK(store.remove(store.ctx, STS_STORE_POLICY, name) == STS_OK);
}

TEST(f06_the_owner_hears_of_an_enforced_policy_that_was_lost)
{
    for (int blocked = 0; blocked < 2; blocked++) {
        fresh();
        CHECK(deliver() == STS_OK);
        lose(D);
        world_at(T0 + 60);
        if (blocked) {
            block();
        }
        CHECK(deliver() == STS_OK && told(STS_EVENT_CACHE_LOST));
        CHECK(w.decision.source == (blocked ? STS_SOURCE_NONE : STS_SOURCE_FETCHED));
        world_at(T0 + 120);
        CHECK(deliver() == STS_OK && w.events_count == 0);
    }
}

TEST(f06_a_record_that_cannot_be_understood_is_lost_too)
{
    fresh();
    CHECK(deliver() == STS_OK);
    CHECK(store.put(store.ctx, STS_STORE_POLICY, D) == STS_OK);
    CHECK(store.write(store.ctx, "\x07rubbish", 8) == STS_OK && store.commit(store.ctx) == STS_OK);
    world_at(T0 + 60);
    block();
    CHECK(deliver() == STS_OK && told(STS_EVENT_CACHE_LOST));
}

TEST(f06_an_idle_device_notices_by_itself)
{
    fresh();
    CHECK(deliver() == STS_OK);
    lose(D);
    CHECK(ask_due() == STS_ERR_ABSENT && told(STS_EVENT_CACHE_LOST));
    CHECK(ask_due() == STS_ERR_ABSENT && w.events_count == 1);
}

TEST(f06_several_are_told_one_by_one)
{
    fresh();
    hold("a.example", STS_MODE_ENFORCE, WEEK, T0);
    hold("b.example", STS_MODE_ENFORCE, 60, T0 - 61);
    hold("c.example", STS_MODE_ENFORCE, WEEK, T0);
    hold("d.example", STS_MODE_ENFORCE, WEEK, T0);
    lose("a.example");
    lose("d.example");
    CHECK(ask_due() == STS_ERR_ABSENT && w.events_count == 3);
    CHECK(w.events[0] + w.events[1] + w.events[2] ==
          2 * STS_EVENT_CACHE_LOST + STS_EVENT_POLICY_LAPSED);
}

TEST(f06_what_was_dropped_replaced_or_evicted_is_not_lost)
{
    fresh();
    CHECK(deliver() == STS_OK);
    CHECK(sts_cache_drop(&store, D) == STS_OK);
    CHECK(ask_due() == STS_ERR_ABSENT && w.events_count == 0);
    CHECK(deliver() == STS_OK && w.events_count == 0);
    hold(D, STS_MODE_NONE, WEEK, T0 + 9);
    lose(D);
    CHECK(ask_due() == STS_ERR_ABSENT && w.events_count == 0);
    CHECK(deliver() == STS_OK && w.events_count == 0);
    for (int i = 0; i < STS_CACHE_MAX && i < 20; i++) {
        char name[] = "a.example";

        name[0] = (char)('a' + i);
        hold(name, STS_MODE_ENFORCE, YEAR, T0 + 10 * DAY + i);
    }
    CHECK((held(D) == STS_ERR_ABSENT) == (STS_CACHE_MAX <= 20));
    world_at(T0 + 10 * DAY + 60);
    CHECK(ask_due() == STS_ERR_ABSENT && w.events_count == 0 + (STS_CACHE_MAX > 20));
}

/* F06: the policy that the firmware brings does not live in the flash. */
TEST(f06_a_provisioned_domain_keeps_what_is_built_in)
{
    static const struct sts_policy built_in = {.mode = STS_MODE_ENFORCE,
                                               .mx_count = 1,
                                               .max_age_s = 60,
                                               .mx_len = 14,
                                               .mx = "mx.example.org"};
    static const struct sts_provisioned provisioned = {D, &built_in};

    fresh();
    hold(D, STS_MODE_ENFORCE, WEEK, T0);
    lose(D);
    w.config.provisioned = &provisioned;
    w.config.provisioned_count = 1;
    block();
    CHECK(deliver() == STS_ERR_MX_MISMATCH && mx->seen == 0);
    CHECK(w.decision.source == STS_SOURCE_PROVISIONED);
}

/* ---- failing -------------------------------------------------------------------------- */

TEST(r107_p25_the_owner_hears_of_the_third_failure_in_a_row_and_daily_after_it)
{
    fresh();
    serve("enforce", 30 * DAY, -1);
    CHECK(deliver() == STS_OK);
    for (unsigned n = 1; n <= 300; n++) {
        world_at(T0 + DAY + n * 3600);
        web->refuse = true;
        CHECK(refresh(D) == STS_ERR_POLICY_FETCH);
        CHECK(n % 24 == 3 ? told(STS_EVENT_REFRESH_FAILING) : w.events_count == 0);
        CHECK(sts_cache_failures(&store, D) == (n < 256 ? n : 232 + (n - 256) % 24));
    }
    CHECK(held(D) == STS_OK && info.fetched_at <= T0 + 60); /* P23 */
    world_at(T0 + 20 * DAY);
    CHECK(refresh(D) == STS_OK && w.events_count == 0);
    CHECK(sts_cache_failures(&store, D) == 0);
}

TEST(r107_a_delivery_counts_as_well)
{
    fresh();
    CHECK(deliver() == STS_OK);
    for (int n = 1; n <= 3; n++) {
        world_at(T0 + 2 * DAY + n * 3600);
        web->refuse = true;
        CHECK(deliver() == STS_OK && web->seen == 0 && w.decision.source == STS_SOURCE_CACHED);
        CHECK(n == 3 ? told(STS_EVENT_REFRESH_FAILING) : w.events_count == 0);
    }
}

TEST(r108_nobody_is_alarmed_where_the_policy_says_none_or_none_is_held)
{
    for (int none = 0; none < 2; none++) {
        fresh();
        if (none) {
            hold(D, STS_MODE_NONE, 30 * DAY, T0);
        }
        for (int n = 1; n <= 4; n++) {
            world_at(T0 + DAY + n * 3600);
            web->refuse = true;
            CHECK(refresh(D) == STS_ERR_POLICY_FETCH && w.events_count == 0);
        }
    }
}

TEST(r107_our_own_trouble_is_not_the_domains)
{
    fresh();
    CHECK(deliver() == STS_OK);
    for (int n = 1; n <= 4; n++) {
        world_at(T0 + DAY + n * 3600);
        web->tls_open = STS_ERR_MEMORY;
        CHECK(refresh(D) == STS_ERR_MEMORY && w.events_count == 0);
    }
    CHECK(sts_cache_failures(&store, D) == 0);
}

/* ---- idle ------------------------------------------------------------------------------------ */

/* Past the first hour. */
static void settled(int64_t utc_s)
{
    world_at(utc_s);
    (void)ask_due();
    w.now.ms += 3600000;
}

TEST(r105_r106_an_idle_device_refreshes_what_it_holds)
{
    fresh();
    CHECK(deliver() == STS_OK);
    settled(T0 + DAY * 3 / 4 - 1);
    CHECK(ask_due() == STS_ERR_ABSENT);
    settled(T0 + DAY + 1);
    w.records[2].name = "elsewhere"; /* whatever the record says */
    CHECK(ask_due() == STS_OK && strcmp(due, D) == 0);
    CHECK(ask_due() == STS_OK); /* asking alone changes nothing */
    CHECK(refresh(due) == STS_OK && web->seen == 1 && mx->seen == 0);
    CHECK(ask_due() == STS_ERR_ABSENT);
    CHECK(held(D) == STS_OK && info.fetched_at == w.now.utc_s);
    CHECK(info.used_at < T0 + 60); /* F11: that is no use */
}

TEST(r105_a_year_without_a_mail_and_the_policy_is_there_yet)
{
    unsigned fetches = 0;

    fresh();
    CHECK(deliver() == STS_OK);
    settled(T0 + 3600);
    for (int64_t t = T0 + 3600; t < T0 + YEAR; t += 600) {
        w.now.utc_s = t;
        w.now.ms += 600000;
        if (ask_due() == STS_OK) {
            CHECK(refresh(due) == STS_OK);
            fetches++;
        }
        CHECK(w.events_count == 0);
    }
    CHECK(fetches >= 360 && fetches <= 490);
    block();
    mx->tls.version = 0x0304; /* not verified: what an enforced policy does not take */
    mx->tls.error = STS_ERR_CERT_HOST;
    CHECK(deliver() == STS_ERR_CERT_HOST && w.decision.source == STS_SOURCE_CACHED);
}

TEST(h24_p23_failures_in_a_row_wait_longer_and_survive_a_restart)
{
    static const int64_t waits[] = {300, 600, 1200, 2400, 3600, 3600, 3600};
    int64_t t = T0 + 2 * DAY;

    fresh();
    serve("enforce", 30 * DAY, -1);
    CHECK(deliver() == STS_OK);
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        settled(t); /* a restart each time */
        web->refuse = true;
        CHECK(ask_due() == STS_OK);
        CHECK(refresh(D) == STS_ERR_POLICY_FETCH);
        t = w.now.utc_s + waits[i];
        w.now.utc_s = t - 1;
        CHECK(ask_due() == STS_ERR_ABSENT);
        w.now.utc_s = t;
    }
    settled(t);
    CHECK(ask_due() == STS_OK && refresh(D) == STS_OK);
    CHECK(ask_due() == STS_ERR_ABSENT);
}

TEST(h24_a_record_of_failures_from_before_they_were_counted_waits_five_minutes)
{
    struct sts_time then = {.utc_s = T0 + 2 * DAY, .trust = STS_CLOCK_OWNER};
    uint8_t raw[400];
    int32_t len;

    fresh();
    serve("enforce", 30 * DAY, -1);
    CHECK(deliver() == STS_OK);
    CHECK(sts_cache_failed(&store, D, "", &then) == STS_OK);
    CHECK(store.get(store.ctx, STS_STORE_WAIT, D) == STS_OK);
    len = store.read(store.ctx, raw, sizeof raw);
    store.done(store.ctx);
    CHECK(store.put(store.ctx, STS_STORE_WAIT, D) == STS_OK);
    CHECK(store.write(store.ctx, raw, (size_t)len - 1) == STS_OK);
    CHECK(store.commit(store.ctx) == STS_OK);
    settled(T0 + 2 * DAY + 299);
    CHECK(ask_due() == STS_ERR_ABSENT);
    w.now.utc_s++;
    CHECK(ask_due() == STS_OK);
}

TEST(one_domain_that_fails_does_not_keep_another_from_its_turn)
{
    fresh();
    hold("a.example", STS_MODE_ENFORCE, WEEK, T0);
    hold("b.example", STS_MODE_TESTING, WEEK, T0);
    settled(T0 + 2 * DAY);
    for (int i = 0; i < 2; i++) {
        CHECK(ask_due() == STS_OK && due[0] == 'a' + i);
        CHECK(refresh(due) == STS_ERR_POLICY_FETCH);
    }
    CHECK(ask_due() == STS_ERR_ABSENT);
}

TEST(neither_mode_none_nor_what_has_expired_is_refreshed_by_itself)
{
    fresh();
    hold("a.example", STS_MODE_NONE, WEEK, T0);
    hold("b.example", STS_MODE_TESTING, 60, T0);
    settled(T0 + 2 * DAY);
    CHECK(ask_due() == STS_ERR_ABSENT && w.events_count == 0);
}

TEST(nothing_is_due_while_the_clock_is_unset_and_all_of_it_when_it_is_known)
{
    fresh();
    CHECK(deliver() == STS_OK);
    settled(T0 + 2 * DAY);
    w.now.trust = STS_CLOCK_UNSET;
    CHECK(ask_due() == STS_ERR_ABSENT && w.events_count == 0);
    w.now.trust = STS_CLOCK_NETWORK;
    CHECK(ask_due() == STS_OK);
}

TEST(nothing_is_due_while_something_is_under_way)
{
    fresh();
    begin();
    CHECK(ask_due() == STS_ERR_STATE);
    CHECK(run() == STS_OK);
    CHECK(ask_due() == STS_ERR_ABSENT);
    memset(&m, 0, sizeof m);
    CHECK(ask_due() == STS_ERR_STATE);
}

TEST(without_a_store_nothing_is_due)
{
    fresh();
    w.config.store = NULL;
    settled(T0 + 2 * DAY);
    w.config.store = NULL;
    CHECK(ask_due() == STS_ERR_ABSENT);
}

/* P25, H24: ten thousand devices get power at the same moment, after it was gone for days: all their policies are
 * overdue. The busiest minute of the hour sees little more than its share. */
TEST(p25_a_fleet_that_got_power_at_once_does_not_knock_at_once)
{
    static uint16_t minutes[61];
    unsigned peak = 0;

    fresh();
    hold(D, STS_MODE_ENFORCE, YEAR, T0);
    memset(minutes, 0, sizeof minutes);
    for (int i = 0; i < 10000; i++) {
        char name[32];
        uint32_t low = 0, high = 3600;

        snprintf(name, sizeof name, "ups-%d.example.com", i);
        world_at(T0 + 5 * DAY);
        w.config.hostname = name;
        CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
        CHECK(ask_due() == (sts_discover_seed(name) % 3600000 == 0 ? STS_OK : STS_ERR_ABSENT));
        while (low < high) { /* the first second of the hour at which it is due */
            struct sts_mailer then = m;
            uint32_t mid = (low + high) / 2;

            w.now.ms = 0xfffff000u + mid * 1000;
            if (sts_mailer_refresh_due(&then, &w.now, due) == STS_OK) {
                high = mid;
            } else {
                low = mid + 1;
            }
        }
        minutes[low / 60]++;
    }
    for (int i = 0; i < 60; i++) {
        peak = minutes[i] > peak ? minutes[i] : peak;
    }
    printf("fleet: of 10000 refreshes, %u in the busiest minute, 167 on the average\n", peak);
    CHECK(peak < 2 * 167);
}

/* ---- C04: which time it is ------------------------------------------------------------------- */

static struct sts_clock c;

/* The time as the clock has it, with the tick where it is. */
static uint8_t look(void)
{
    struct sts_time now;

    sts_clock_now(&c, w.now.ms, &now);
    w.now = now;
    return now.trust;
}

static int sntp(int64_t utc_s)
{
    int e = sts_clock_set(&c, utc_s, STS_CLOCK_NETWORK, w.now.ms);

    (void)look();
    return e;
}

TEST(c04_the_date_of_a_verified_answer_is_told)
{
    fresh();
    serve("enforce", WEEK, T0 + 5);
    CHECK(deliver() == STS_OK && w.dates == 1 && w.date == T0 + 5);
    world_at(T0 + 60);
    CHECK(deliver() == STS_OK && w.dates == 0); /* nothing was fetched */
    serve("no-such-mode", WEEK, T0 + 77);
    world_at(T0 + 120);
    CHECK(refresh(D) == STS_ERR_POLICY_INVALID && w.dates == 1 && w.date == T0 + 77);
    serve("enforce", WEEK, -1);
    world_at(T0 + 180);
    CHECK(refresh(D) == STS_OK && w.dates == 0);
    serve("enforce", WEEK, T0);
    world_at(T0 + 240);
    web->handshake = STS_ERR_CERT_EXPIRED;
    CHECK(refresh(D) == STS_ERR_POLICY_WEBPKI && w.dates == 0);
}

/* An answer of SNTP is forged: ten years ahead. */
TEST(c04_no_policy_vanishes_in_a_jump_of_ten_years)
{
    fresh();
    CHECK(sts_clock_init(&c, &store, BUILD) == STS_OK);
    CHECK(sntp(T0) == STS_OK && look() == STS_CLOCK_NETWORK);
    CHECK(deliver() == STS_OK);
    CHECK(sntp(T0 + 10 * YEAR) == STS_OK && look() == STS_CLOCK_DOUBTED);
    for (int attack = 0; attack < 3; attack++) {
        world_at(0);
        look();
        if (attack > 0) {
            block();
        }
        web->handshake = mx->handshake = STS_ERR_CERT_EXPIRED; /* by that clock */
        if (attack == 2) { /* another MX, of the attacker's own */
            w.records[0].data = "10 mx.evil.example";
        }
        CHECK(deliver() != STS_OK && to[0].error != STS_OK && !to[0].final);
        CHECK(w.decision.source == STS_SOURCE_CACHED && w.decision.mode == STS_MODE_ENFORCE);
        CHECK(world_delivered(&w) == 0 && w.events_count == 0);
        CHECK(ask_due() == STS_ERR_ABSENT && w.events_count == 0);
    }
    world_at(0);
    CHECK(sntp(T0 + 600) == STS_OK && look() == STS_CLOCK_NETWORK);
    CHECK(deliver() == STS_OK && w.decision.source == STS_SOURCE_CACHED && w.events_count == 0);
}

/* The device lay in a shelf for a year, and SNTP is right. */
TEST(c04_a_true_jump_is_confirmed_by_the_policy_host_and_then_counts)
{
    fresh();
    CHECK(sts_clock_init(&c, &store, BUILD) == STS_OK);
    hold(D, STS_MODE_ENFORCE, WEEK, T0);
    hold("other.example", STS_MODE_ENFORCE, WEEK, T0);
    world_at(0);
    CHECK(sntp(T0 + YEAR) == STS_OK && look() == STS_CLOCK_DOUBTED);
    CHECK(ask_due() == STS_ERR_ABSENT && w.events_count == 0); /* nothing has run out by it */
    serve("enforce", WEEK, T0 + YEAR - 3);
    CHECK(deliver() == STS_OK && w.dates == 1);
    CHECK(w.decision.source == STS_SOURCE_FETCHED); /* due by any clock */
    sts_clock_confirm(&c, w.date, w.now.ms);
    CHECK(look() == STS_CLOCK_NETWORK);
    CHECK(ask_due() == STS_ERR_ABSENT);
    CHECK(w.events_count == 1 && w.events[0] == STS_EVENT_POLICY_LAPSED);
    CHECK(strcmp(w.event_domain, "other.example") == 0);
    CHECK(sts_clock_save(&c) == STS_OK);
    CHECK(sts_clock_init(&c, &store, BUILD) == STS_OK);
    CHECK(sntp(T0 + YEAR - 2 * DAY) == STS_ERR_CLOCK); /* C05 */
}

TEST(c01_a_clock_that_is_unset_puts_off_and_loses_nothing)
{
    fresh();
    CHECK(sts_clock_init(&c, &store, BUILD) == STS_OK);
    CHECK(look() == STS_CLOCK_UNSET);
    CHECK(deliver() == STS_ERR_CLOCK && !to[0].final && mx->seen == 0);
    CHECK(sntp(BUILD - 1) == STS_ERR_CLOCK && look() == STS_CLOCK_UNSET); /* C02 */
    CHECK(deliver() == STS_ERR_CLOCK);
    CHECK(sntp(T0) == STS_OK);
    CHECK(deliver() == STS_OK);
}

/* ---- F18, F19 -------------------------------------------------------------------------------- */

/* F18: a delivery works with the policy that it read, whatever a refresh makes of the record meanwhile. */
TEST(f18_a_policy_that_is_replaced_while_a_delivery_runs_counts_for_the_next)
{
    static struct sts_mailer other;
    int result = STS_BUSY;

    fresh();
    CHECK(deliver() == STS_OK);
    world_at(T0 + 60);
    mx->tls.version = 0x0304; /* not verified */
    mx->tls.error = STS_ERR_CERT_HOST;
    begin();
    while (w.decisions == 0) {
        CHECK(sts_mailer_poll(&m, &w.now) == STS_BUSY);
        sts_mailer_wait(&m, &w.now, 1);
    }
    serve("none", WEEK, -1);
    CHECK(sts_mailer_init(&other, &w.config) == STS_OK);
    CHECK(sts_mailer_refresh(&other, D, &w.now) == STS_OK);
    while (result == STS_BUSY) {
        result = sts_mailer_poll(&other, &w.now);
        sts_mailer_wait(&other, &w.now, 1);
    }
    CHECK(result == STS_OK && told(STS_EVENT_POLICY_WEAKENED));
    CHECK(held(D) == STS_OK && info.mode == STS_MODE_NONE);
    CHECK(run() == STS_ERR_CERT_HOST && mx->delivered == 0);
    CHECK(deliver() == STS_OK && mx->delivered == 1);
}

static int full(void *ctx, uint8_t kind, const char *key)
{
    (void)ctx, (void)kind, (void)key;
    return STS_ERR_SPACE;
}

TEST(h24_a_store_that_keeps_nothing_is_no_reason_to_knock_every_minute)
{
    fresh();
    CHECK(deliver() == STS_OK);
    store.put = full;
    settled(T0 + 2 * DAY);
    CHECK(ask_due() == STS_OK && refresh(due) == STS_ERR_IO);
    for (int minute = 0; minute < 60; minute++) {
        CHECK(ask_due() == STS_ERR_ABSENT);
        w.now.ms += 60000;
    }
    CHECK(ask_due() == STS_OK);
}

static int broken(void)
{
    return STS_ERR_IO;
}
static int broken_put(void *ctx, uint8_t kind, const char *key)
{
    (void)ctx, (void)kind, (void)key;
    return broken();
}
static int broken_iterate(void *ctx, uint8_t kind, bool (*each)(void *arg, const char *key),
                          void *arg)
{
    (void)ctx, (void)kind, (void)each, (void)arg;
    return broken();
}

/* F19, F07: flash that answers nothing but "failed": where a policy may be held, mail waits; where the owner brought one, it
 * goes. */
TEST(f19_f07_a_dead_flash_puts_off_and_a_provisioned_domain_gets_its_alert)
{
    static const struct sts_policy built_in = {.mode = STS_MODE_ENFORCE,
                                               .mx_count = 1,
                                               .max_age_s = 60,
                                               .mx_len = 16,
                                               .mx = "mx1.example.org"};
    static const struct sts_provisioned provisioned = {D, &built_in};

    fresh();
    store.put = store.get = store.remove = broken_put;
    store.iterate = broken_iterate;
    block();
    CHECK(deliver() == STS_ERR_IO && !to[0].final && mx->seen == 0);
    CHECK(ask_due() == STS_ERR_IO && w.events_count == 0);
    w.config.provisioned = &provisioned;
    w.config.provisioned_count = 1;
    CHECK(deliver() == STS_OK && mx->delivered == 1);
}

/* ---- what a report needs to know (tlsrpt.h) ------------------------------------------------------ */

static char policy_text[512];
static size_t policy_begun;

static void on_policy_text(void *ctx, const void *bytes, size_t len)
{
    size_t at = strlen(policy_text);

    (void)ctx;
    if (len == 0) {
        policy_begun++;
        policy_text[0] = '\0';
        return;
    }
    CHECK(at + len < sizeof policy_text);
    memcpy(policy_text + at, bytes, len);
    policy_text[at + len] = '\0';
}

/* valid or not, from its first octet. */
TEST(r165_the_text_of_a_policy_is_told_as_it_is_fetched)
{
    fresh();
    w.config.on_policy_text = on_policy_text;
    policy_begun = 0;
    CHECK(deliver() == STS_OK && policy_begun == 1);
    CHECK(strcmp(policy_text, strstr(http, "version")) == 0);
    CHECK(m.discover.decision.fetch_error == STS_OK && strcmp(m.discover.decision.domain, D) == 0);
    w.now.utc_s += 60;
    CHECK(deliver() == STS_OK && policy_begun == 1); /* from the cache */
    serve("nonsense", 1, -1);
    CHECK(refresh(D) == STS_ERR_POLICY_INVALID && policy_begun == 2);
    CHECK(strcmp(policy_text, strstr(http, "version")) == 0);
    CHECK(m.discover.decision.fetch_error == STS_ERR_POLICY_INVALID);
    CHECK(m.discover.decision.source == STS_SOURCE_CACHED); /* and what goes on being held */
}

/* announced. R-131: held, whatever the record says. Neither: nobody misses it. */
TEST(r130_r131_a_fetch_that_failed_is_told_where_a_policy_is_announced_or_held)
{
    fresh();
    web->refuse = true;
    CHECK(refresh(D) == STS_ERR_POLICY_FETCH);
    CHECK(m.discover.decision.fetch_error == STS_ERR_POLICY_FETCH &&
          m.discover.decision.source == STS_SOURCE_NONE);
    block();
    CHECK(refresh(D) == STS_ERR_POLICY_FETCH && m.discover.decision.fetch_error == STS_OK);
    hold(D, STS_MODE_ENFORCE, WEEK, T0);
    CHECK(refresh(D) == STS_ERR_POLICY_FETCH &&
          m.discover.decision.fetch_error == STS_ERR_POLICY_FETCH);
    CHECK(m.discover.decision.policy != NULL && m.discover.decision.mode == STS_MODE_ENFORCE);
    world_at(T0 + 3 * DAY);
    block();
    CHECK(deliver() != STS_BUSY && m.discover.decision.fetch_error == STS_ERR_POLICY_FETCH);
    CHECK(m.discover.decision.error == STS_OK && m.discover.decision.source == STS_SOURCE_CACHED);
    CHECK(deliver() != STS_BUSY &&
          m.discover.decision.fetch_error == STS_OK); /* nothing was tried within 5 minutes */
}

TEST_MAIN("mailer_events")
