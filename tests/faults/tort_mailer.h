/* SPDX-License-Identifier: MIT
 *
 * Torture of one delivery: the scenarios with the mailer and a store in RAM.
 *
 * After each faulted delivery: a recipient counts as delivered to only if a host took the whole message (DELIV); nothing of the
 * mail went where the policy or the floor forbids it (WIRE), and not in clear because of our own trouble (H26); nothing
 * is final that is not so without faults; all is closed; it ended within four hours. Then the next try without faults comes to what the
 * undisturbed one comes to, and once a failed fetch has been waited for, under the same policy.
 */
#ifndef STS_FAULTS_TORT_MAILER_H
#define STS_FAULTS_TORT_MAILER_H

#include <stsmail/engine/cache.h>
#include <stsmail/ram_store.h>

#include "tort.h"

#define DOMAIN  "d.example"
#define HOURS_4 (4u * 3600 * 1000)

enum {
    MX1 = 0,
    MX2,
    WEB
};

static struct {
    struct sts_mailer mailer;
    struct sts_mailer_config config;
    struct sts_ram_store ram;
    struct sts_store below, store;
    struct faulty_store faulty;
    uint8_t memory[6000];
    struct sts_recipient to[3];
    size_t count;
    struct sts_message message;
    struct sts_source source;
    size_t source_at;
    struct sts_provisioned provisioned;
    struct sts_policy policy; /* that the policy host has, parsed */
    struct sts_decision decision;
    bool decided;
    bool strict;       /* mail goes to verified hosts of the policy alone, whatever fails */
    bool verified;     /* to verified hosts alone, whatever fails */
    bool clear;        /* without faults it goes in clear, and may */
    bool announced;    /* the domain publishes a policy, and none is held */
    bool refresh;      /* no mail, only a policy */
    uint32_t taken[3]; /* 250s to the dot, a recipient */
    char http[600];
    /* of the try without faults */
    int result;
    uint8_t mode, source_of;
    bool final[3];
} t;

static const char content[] =
    "From: <ups@example.com>\r\nSubject: alert\r\n\r\nalert-7\r\nmore\r\nend-7\r\n";

/* ---- what is seen ---------------------------------------------------------------------------------------- */

static bool decided_on(uint8_t mode)
{
    return t.decided && t.decision.source != STS_SOURCE_NONE && t.decision.mode == mode;
}

static void mailer_secret(const struct net_conn *c, const char *line)
{
    bool policy = t.strict || decided_on(STS_MODE_ENFORCE);

    (void)line;
    promise(t.decided, "nothing is sent before it is decided how");
    if (policy || t.verified) {
        promise(c->tls && c->verified, "WIRE: mail goes to nobody but a verified host");
    }
    if (policy) {
        promise(!c->host->hostile && sts_policy_match(&t.policy, c->host->name),
                "WIRE: mail goes to nobody but a host of the policy");
    }
    /* Where all goes well this goes over TLS: our own trouble must not make it less. */
    if (tort.own && !t.clear) {
        promise(c->tls, "H26: our own trouble is no reason to speak in clear");
    }
    if (t.announced && t.decision.source == STS_SOURCE_NONE) {
        promise(!tort.own, "H26: our own trouble does not make a policy go away");
        promise(t.decision.error != STS_OK, "C-4: unknown is not none");
    }
}

static void mailer_taken(const struct net_conn *c, bool told)
{
    static const char *const names[] = {"ops@d.example", "b@d.example", "c@d.example"};

    (void)told;
    promise(c->begun == 7 && c->ended == 7, "DELIV: a host takes whole messages alone");
    for (int i = 0; i < c->rcpts; i++) {
        for (size_t k = 0; k < 3; k++) {
            t.taken[k] += strcmp(c->rcpt[i], names[k]) == 0;
        }
    }
}

static void mailer_served(const struct net_conn *c)
{
    promise(c->verified, "a policy comes from a verified host");
}

static void mailer_decision(void *ctx, const struct sts_decision *d)
{
    (void)ctx;
    promise(!t.decided, "one decision");
    t.decided = true;
    t.decision = *d;
}

static void mailer_attempt(void *ctx, const struct sts_attempt *a)
{
    (void)ctx;
    promise(a->error == STS_OK || sts_err_name(a->error) != NULL, "every failure has a name");
}

static void mailer_log(void *ctx, int kind, const char *text, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        promise((uint8_t)text[i] >= 0x20 && (uint8_t)text[i] < 0x7f,
                "the log has no raw control octet");
    }
    if (tort.verbose) {
        printf("    %c %.*s\n", kind, (int)len, text);
    }
}

static int source_rewind(void *ctx)
{
    int f = net_call(CALL_REWIND);

    (void)ctx;
    t.source_at = 0;
    return f == WORKS ? STS_OK : f;
}

static int32_t source_read(void *ctx, void *buf, size_t size)
{
    int f = net_call(CALL_SOURCE);
    size_t n = sizeof content - 1 - t.source_at;

    (void)ctx;
    n = n < size ? n : size;
    n = n < 40 ? n : 40;
    if (f != WORKS) {
        return f;
    }
    memcpy(buf, content + t.source_at, n);
    t.source_at += n;
    return (int32_t)n;
}

/* ---- worlds ------------------------------------------------------------------------------------------------ */

static void parse_policy(const char *text, struct sts_policy *policy)
{
    struct sts_policy_parser p;

    sts_policy_start(&p, policy);
    (void)sts_policy_feed(&p, text, strlen(text));
    (void)sts_policy_end(&p);
}

/* The domain publishes a policy for mx1 and mx2. */
static void publish(const char *mode, const char *id)
{
    static char record[64], body[256];

    snprintf(record, sizeof record, "v=STSv1; id=%s;", id);
    snprintf(body, sizeof body, "version: STSv1\r\nmode: %s\r\n%smax_age: 604800\r\n", mode,
             strcmp(mode, "none") == 0 ? "" : "mx: mx1.d.example\r\nmx: mx2.d.example\r\n");
    snprintf(t.http, sizeof t.http,
             "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    parse_policy(body, &t.policy);
    net_add("_mta-sts." DOMAIN, STS_DNS_TXT)->text = record;
    in.hosts[WEB].http = t.http;
    t.announced = true;
}

/* A policy that was fetched `age_s` ago. */
static void hold(const char *domain, const char *id, int64_t age_s)
{
    struct sts_time then = in.now;

    then.utc_s -= age_s;
    t.announced = false;
    if (sts_cache_put(&t.below, domain, id, &t.policy, &then, NULL) != STS_OK) {
        abort();
    }
}

static void domain(void)
{
    static const struct sts_log log = {NULL, mailer_log};
    static const char *const names[] = {"ops@d.example", "b@d.example", "c@d.example"};

    net_start(7);
    in.fails = tort_fails;
    in.on_secret = mailer_secret;
    in.on_taken = mailer_taken;
    in.on_served = mailer_served;
    net_mx(DOMAIN, 10, "mx1.d.example");
    net_listen("mx1.d.example", 0x0a000001, 25);
    net_listen("mx2.d.example", 0x0a000002, 25);
    net_listen("mta-sts.d.example", 0x0a000014, 443)->http =
        "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n";
    net_clock();
    memset(&t.message, 0, sizeof t.message);
    t.message = (struct sts_message){.from = "ups@example.com",
                                     .subject = "alert",
                                     .body = "alert-7\nmore\nend-7\n",
                                     .date_s = 1790000000,
                                     .message_id = "7@example.com"};
    sts_ram_store_init(&t.ram, t.memory, sizeof t.memory, &t.below);
    faulty_store_start(&t.faulty, &t.below, &t.store);
    t.config = (struct sts_mailer_config){.net = &in.net,
                                          .tls = &in.tls,
                                          .random = &in.rng,
                                          .store = &t.store,
                                          .log = tort.verbose ? &log : NULL,
                                          .hostname = "device.example.com",
                                          .dns = &in.dns,
                                          .dns_count = 1,
                                          .on_decision = mailer_decision,
                                          .on_attempt = mailer_attempt};
    t.count = 1;
    for (size_t i = 0; i < 3; i++) {
        t.to[i].address = names[i];
    }
    t.strict = t.verified = t.clear = t.announced = t.refresh = false;
}

static void domain_held(const char *mode)
{
    domain();
    publish(mode, "1");
    hold(DOMAIN, "1", 3600);
    t.strict = strcmp(mode, "enforce") == 0;
}

static void cold_enforce(void)
{
    domain();
    publish("enforce", "1");
}

static void cold_enforce_without_store(void)
{
    cold_enforce();
    t.config.store = NULL;
}

static void warm_enforce(void)
{
    domain_held("enforce");
}

static void new_id(void)
{
    domain();
    publish("enforce", "2");
    hold(DOMAIN, "1", 3600);
    t.strict = true;
}

static void refresh_due(void)
{
    domain();
    publish("enforce", "1");
    hold(DOMAIN, "1", 90000);
    t.strict = true;
}

static void cold_testing(void)
{
    domain();
    publish("testing", "1");
}

static void warm_none(void)
{
    domain_held("none");
}

static void opportunistic_tls(void)
{
    domain();
}

static void opportunistic_clear(void)
{
    domain();
    in.hosts[MX1].no_starttls = true;
    t.clear = true;
}

/* The host's TLS is broken: a second connection, in clear. */
static void opportunistic_fallback(void)
{
    domain();
    in.hosts[MX1].handshake = STS_ERR_TLS;
    t.clear = true;
}

static void refresh_only(void)
{
    cold_enforce();
    t.refresh = true;
}

static void three_recipients(void)
{
    warm_enforce();
    in.hosts[MX1].pipelining = true;
    t.count = 3;
}

static void two_mx(void)
{
    warm_enforce();
    net_mx(DOMAIN, 20, "mx2.d.example");
    in.hosts[MX1].at = AT_GREETING;
    in.hosts[MX1].act = ACT_SAY;
    in.hosts[MX1].reply = "451 4.3.0 later\r\n";
}

static void two_mx_torn(void)
{
    warm_enforce();
    net_mx(DOMAIN, 20, "mx2.d.example");
    in.hosts[MX1].at = AT_CONTENT;
    in.hosts[MX1].act = ACT_DROP;
}

static void two_mx_well(void)
{
    warm_enforce();
    net_mx(DOMAIN, 20, "mx2.d.example");
}

/* The mail is taken, and that is never said: another MX must not get it too (S14). */
static void taken_in_silence(void)
{
    two_mx_well();
    in.hosts[MX1].at = AT_DOT;
    in.hosts[MX1].act = ACT_TAKE;
}

static void put_off_at_the_dot(void)
{
    three_recipients();
    in.hosts[MX1].at = AT_DOT;
    in.hosts[MX1].act = ACT_SAY;
    in.hosts[MX1].reply = "451 4.3.0 later\r\n";
}

static void two_addresses(void)
{
    warm_enforce();
    net_add("mx1.d.example", STS_DNS_A)->ip = 0x0a000009;
    *net_listen("unused.d.example", 0x0a000009, 25) = in.hosts[MX1];
    in.hosts[in.hosts_count - 1].ip = 0x0a000009;
    in.hosts[MX1].refuse = true;
}

static void floor_verified(void)
{
    domain();
    t.config.floor = STS_FLOOR_VERIFIED;
    t.verified = true;
}

static void floor_policy(void)
{
    domain_held("testing");
    t.config.floor = STS_FLOOR_POLICY;
    t.strict = true;
}

static void provisioned(void)
{
    domain();
    publish("enforce", "1");
    t.provisioned = (struct sts_provisioned){DOMAIN, &t.policy};
    t.config.provisioned = &t.provisioned;
    t.config.provisioned_count = 1;
    t.announced = false;
    t.strict = true;
}

static void refused_for_good(void)
{
    three_recipients();
    in.hosts[MX1].at = AT_DATA;
    in.hosts[MX1].act = ACT_SAY;
    in.hosts[MX1].reply = "550 5.7.1 no\r\n";
}

static void full_cache(void)
{
    static const char *const others[] = {"a.example", "b.example", "c.example", "e.example",
                                         "f.example", "g.example", "h.example", "i.example"};

    domain();
    publish("testing", "1");
    for (int i = 0; i < STS_CACHE_MAX && i < 8; i++) {
        hold(others[i], "1", 4000 + i);
    }
    in.records_count--;
    publish("enforce", "1");
}

static void from_a_source(void)
{
    warm_enforce();
    t.source = (struct sts_source){&t, source_rewind, source_read};
    t.message = (struct sts_message){.raw = &t.source};
}

static void stripped(void)
{
    warm_enforce();
    in.hosts[MX1].no_starttls = true;
}

static void forged_mx(void)
{
    struct net_host *h;

    warm_enforce();
    in.records[0].text = "mx.attacker.example";
    h = net_listen("mx.attacker.example", 0x0a000042, 25);
    h->hostile = true;
}

static void slow_and_piecemeal(void)
{
    warm_enforce();
    in.hosts[MX1].latency = 200;
    in.hosts[MX1].chunk = 7;
    in.dns_latency = 50;
}

/* ---- one delivery --------------------------------------------------------------------------------------------- */

static int mailer_begin(void)
{
    struct sts_mail mail = {"ups@example.com", t.to, t.count, &t.message, 0, NULL, 0};
    static struct sts_mail kept;

    kept = mail;
    t.decided = false;
    memset(t.taken, 0, sizeof t.taken);
    net_clock();
    return t.refresh ? sts_mailer_refresh(&t.mailer, DOMAIN, &in.now)
                     : sts_mailer_send(&t.mailer, &kept, &in.now);
}

static int mailer_run(void)
{
    uint64_t start = in.ms;
    int result = mailer_begin(), polls = 0;

    while (result == STS_OK || result == STS_BUSY) {
        in.calls = 0;
        result = sts_mailer_poll(&t.mailer, &in.now);
        promise(in.calls < 400, "L04: a poll is bounded");
        if (result != STS_BUSY) {
            break;
        }
        sts_mailer_wait(&t.mailer, &in.now, 3600000);
        if (in.ms - start > HOURS_4 || ++polls > 20000) {
            promise(false, "it ends");
            sts_mailer_abort(&t.mailer);
            break;
        }
    }
    promise(net_is_quiet(), "L06: every handle is closed");
    promise(faulty_store_is_quiet(&t.faulty), "every record is closed");
    promise(result == STS_OK || sts_err_name(result) != NULL, "every failure has a name");
    return result;
}

static void judge(int result)
{
    bool all = true;

    for (size_t i = 0; i < t.count && !t.refresh; i++) {
        const struct sts_recipient *r = &t.to[i];

        promise(r->error != STS_BUSY, "every recipient has a verdict");
        promise(r->error != STS_OK || t.taken[i] > 0,
                "DELIV: delivered is what a host said 250 to");
        promise(t.taken[i] <= 1, "S14: nobody gets it twice in one delivery");
        promise(!r->final || t.final[i] || tort.mode == FAULT_NONE,
                "a temporary fault is not final");
        all = all && r->error == STS_OK;
    }
    if (!t.refresh) {
        promise((result == STS_OK) == all, "the result is that of the recipients");
    }
}

static void mailer_act(void)
{
    int result = sts_mailer_init(&t.mailer, &t.config);

    if (result == STS_OK) {
        result = mailer_run();
    }
    judge(result);
    if (tort.mode == FAULT_NONE) {
        t.result = result;
        t.mode = t.decision.mode;
        t.source_of = t.decision.source;
        for (size_t i = 0; i < t.count; i++) {
            t.final[i] = t.to[i].final;
        }
    }
}

/* The fault is over; the mailer is the same. */
static void mailer_again(void)
{
    int result = mailer_run();

    judge(result);
    promise(result == t.result || t.refresh, "the next try is as if nothing had been");
    in.ms += 4000000;
    result = mailer_run();
    judge(result);
    promise(result == t.result, "and so is a later one");
    if (t.source_of != STS_SOURCE_NONE) {
        promise(t.decision.source != STS_SOURCE_NONE && t.decision.mode == t.mode,
                "which has the policy that there is");
    }
}

static const struct scenario mailer_scenarios[] = {
    {"cold-enforce", 1, cold_enforce, mailer_act, mailer_again},
    {"cold-enforce-no-store", 1, cold_enforce_without_store, mailer_act, mailer_again},
    {"warm-enforce", 1, warm_enforce, mailer_act, mailer_again},
    {"new-id", 1, new_id, mailer_act, mailer_again},
    {"refresh-due", 1, refresh_due, mailer_act, mailer_again},
    {"refresh", 1, refresh_only, mailer_act, mailer_again},
    {"cold-testing", 1, cold_testing, mailer_act, mailer_again},
    {"warm-none", 1, warm_none, mailer_act, mailer_again},
    {"opportunistic-tls", 1, opportunistic_tls, mailer_act, mailer_again},
    {"opportunistic-clear", 1, opportunistic_clear, mailer_act, mailer_again},
    {"opportunistic-fallback", 1, opportunistic_fallback, mailer_act, mailer_again},
    {"two-mx", 1, two_mx, mailer_act, mailer_again},
    {"two-mx-torn", 1, two_mx_torn, mailer_act, mailer_again},
    {"two-mx-well", 1, two_mx_well, mailer_act, mailer_again},
    {"taken-in-silence", 1, taken_in_silence, mailer_act, mailer_again},
    {"put-off-at-the-dot", 1, put_off_at_the_dot, mailer_act, mailer_again},
    {"two-addresses", 1, two_addresses, mailer_act, mailer_again},
    {"floor-verified", 1, floor_verified, mailer_act, mailer_again},
    {"floor-policy", 1, floor_policy, mailer_act, mailer_again},
    {"provisioned", 1, provisioned, mailer_act, mailer_again},
    {"three-recipients", 1, three_recipients, mailer_act, mailer_again},
    {"refused-for-good", 1, refused_for_good, mailer_act, mailer_again},
    {"full-cache", 1, full_cache, mailer_act, mailer_again},
    {"from-a-source", 1, from_a_source, mailer_act, mailer_again},
    {"starttls-stripped", 1, stripped, mailer_act, mailer_again},
    {"forged-mx", 1, forged_mx, mailer_act, mailer_again},
    {"slow-and-piecemeal", 1, slow_and_piecemeal, mailer_act, mailer_again},
};

#endif
