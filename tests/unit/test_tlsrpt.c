/* SPDX-License-Identifier: MIT
 *
 * Counting for TLS reports: what counts, where it is kept, and within what bounds (R07, R08).
 */
#include <stsmail/engine/cache.h>
#include <stsmail/engine/tlsrpt.h>
#include <stsmail/ram_store.h>

#include "test.h"

#define DAY 20780
#define D   "example.org"

/* Everything, begun anew by start(). */
static struct {
    struct sts_ram_store ram;
    struct sts_store store, under;
    struct sts_tlsrpt_config config;
    struct sts_tlsrpt t;
    struct sts_tlsrpt_report report;
    struct sts_time now;
    struct sts_policy policy;
    struct sts_decision decision;
    uint8_t memory[2000000];
    char json[400000];
    int calls, fail_at, claim, claims, releases;
} w;

static bool fails(void)
{
    return ++w.calls == w.fail_at;
}

static int put(void *ctx, uint8_t kind, const char *key)
{
    return fails() ? STS_ERR_IO : w.under.put(ctx, kind, key);
}
static int write(void *ctx, const void *buf, size_t len)
{
    return fails() ? STS_ERR_IO : w.under.write(ctx, buf, len);
}
static int commit(void *ctx)
{
    if (fails()) {
        w.under.abort(ctx);
        return STS_ERR_IO;
    }
    return w.under.commit(ctx);
}
static int get(void *ctx, uint8_t kind, const char *key)
{
    return fails() ? STS_ERR_IO : w.under.get(ctx, kind, key);
}
static int32_t read(void *ctx, void *buf, size_t len)
{
    return fails() ? -1
                   : w.under.read(ctx, buf, len > 7 ? len - 3 : len); /* in pieces, as it likes */
}
static int take_away(void *ctx, uint8_t kind, const char *key)
{
    return fails() ? STS_ERR_IO : w.under.remove(ctx, kind, key);
}
static int iterate(void *ctx, uint8_t kind, bool (*each)(void *, const char *), void *arg)
{
    return fails() ? STS_ERR_IO : w.under.iterate(ctx, kind, each, arg);
}
static int claim(void *ctx, uint8_t kind, const char *key)
{
    (void)ctx;
    CHECK(kind == STS_STORE_REPORT && key[0] != '\0');
    w.claims++;
    return w.claim;
}
static void release(void *ctx)
{
    (void)ctx;
    w.releases++;
}

static void set_policy(uint8_t mode, const char *mx)
{
    w.policy = (struct sts_policy){.mode = mode, .max_age_s = 86400};
    w.policy.mx_count = 1;
    w.policy.mx_len = (uint32_t)strlen(mx) + 1;
    strcpy(w.policy.mx, mx);
    w.decision = (struct sts_decision){
        .domain = D, .source = STS_SOURCE_CACHED, .mode = mode, .policy = &w.policy};
}

static void no_policy(void)
{
    w.decision = (struct sts_decision){.domain = D};
}

static void start(void)
{
    memset(&w, 0, offsetof(__typeof__(w), memory));
    w.calls = w.fail_at = w.claim = w.claims = w.releases = 0;
    sts_ram_store_init(&w.ram, w.memory, sizeof w.memory, &w.under);
    w.store = w.under;
    w.store.put = put;
    w.store.write = write;
    w.store.commit = commit;
    w.store.get = get;
    w.store.read = read;
    w.store.remove = take_away;
    w.store.iterate = iterate;
    w.store.claim = claim;
    w.store.release = release;
    w.config = (struct sts_tlsrpt_config){&w.store, "Sender & \"Sons\"", "tls@sender.example",
                                          "dev-1.sender.example", false};
    w.now = (struct sts_time){1000, DAY * (int64_t)86400 + 3600, STS_CLOCK_NETWORK};
    CHECK(sts_tlsrpt_init(&w.t, &w.config) == STS_OK);
    no_policy();
}

static const struct sts_ip here = {4, {198, 51, 100, 7}},
                           there = {6, {0x20, 1, 0x0d, 0xb8, [15] = 1}};

static struct sts_attempt session(void)
{
    return (struct sts_attempt){.mx = "mx1.example.org",
                                .address = there,
                                .sender = here,
                                .reached = true,
                                .policy_match = w.decision.policy != NULL ? 1 : -1,
                                .tls_version = 0x0304,
                                .verified = true,
                                .reply = "",
                                .decision = &w.decision};
}

static int tell(const struct sts_attempt *a)
{
    return sts_tlsrpt_attempt(&w.t, a, &w.now);
}

static int tell_error(int error)
{
    struct sts_attempt a = session();

    a.error = error;
    a.tls_version = 0;
    a.verified = false;
    return tell(&a);
}

static const char *json(void)
{
    size_t n = 0;

    w.json[0] = '\0';
    if (sts_tlsrpt_report_start(&w.report, &w.config, DAY, D) == STS_OK) {
        n = sts_tlsrpt_report_read(&w.report, 0, w.json, sizeof w.json - 1);
        CHECK(n == sts_tlsrpt_report_size(&w.report));
        w.json[n] = '\0';
    }
    return w.json;
}

static bool says(const char *part)
{
    return strstr(json(), part) != NULL;
}

static bool counted(unsigned good, unsigned bad)
{
    char text[160];

    snprintf(
        text, sizeof text,
        "\"summary\":{\"total-successful-session-count\":%u,\"total-failure-session-count\":%u}",
        good, bad);
    return says(text);
}

static bool nothing(void)
{
    return json()[0] == '\0';
}

/* ---- R09: one table ------------------------------------------------------------------------------ */

/* R09: each error has exactly one type, or none; all of the eleven that MTA-STS can have are there. */
TEST(r09_r155_every_error_has_one_type_or_none)
{
    static const struct {
        int err;
        const char *type;
    } types[] = {
        {STS_ERR_STARTTLS, "starttls-not-supported"},
        {STS_ERR_CERT_HOST, "certificate-host-mismatch"},
        {STS_ERR_CERT_EXPIRED, "certificate-expired"},
        {STS_ERR_CERT_TRUST, "certificate-not-trusted"},
        {STS_ERR_TLS, "validation-failure"},
        {STS_ERR_MX_MISMATCH, "validation-failure"},
        {STS_ERR_POLICY_FETCH, "sts-policy-fetch-error"},
        {STS_ERR_POLICY_INVALID, "sts-policy-invalid"},
        {STS_ERR_POLICY_WEBPKI, "sts-webpki-invalid"},
    };

    for (int err = -128; err < 128; err++) {
        const char *want = NULL, *is = sts_tlsrpt_type(err);

        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
            want = types[i].err == err ? types[i].type : want;
        }
        CHECK((want == NULL) == (is == NULL));
        CHECK(want == NULL || strcmp(want, is) == 0);
    }
}

/* ---- what counts ----------------------------------------------------------------------------------- */

TEST(r150_successes_are_counted_with_a_policy_and_without)
{
    struct sts_attempt a;

    start();
    a = session();
    CHECK(tell(&a) == STS_OK && counted(1, 0) &&
          says("\"policy-type\":\"no-policy-found\",\"policy-string\":[]"));
    a.verified = false; /* nobody asked for more than TLS */
    a.tls_error = STS_ERR_CERT_TRUST;
    CHECK(tell(&a) == STS_OK && counted(2, 0) && says("\"failure-details\":[]"));
    a.error = STS_ERR_REJECTED; /* the mail was refused, TLS was not */
    CHECK(tell(&a) == STS_OK && counted(3, 0));
    set_policy(STS_MODE_ENFORCE, "mx1.example.org");
    a = session();
    CHECK(tell(&a) == STS_OK && counted(1, 0) && counted(3, 0) && says("\"policy-type\":\"sts\""));
    CHECK(w.claims == w.releases && w.claims == 4);
}

/* STARTTLS missing, a certificate that falls short; in testing as in enforce. */
TEST(r132_r133_r151_sessions_that_fall_short_are_failures_in_testing_too)
{
    static const uint8_t modes[] = {STS_MODE_TESTING, STS_MODE_ENFORCE};
    static const int errors[] = {STS_ERR_STARTTLS, STS_ERR_CERT_HOST, STS_ERR_CERT_EXPIRED,
                                 STS_ERR_CERT_TRUST, STS_ERR_TLS};

    for (size_t m = 0; m < 2; m++) {
        start();
        set_policy(modes[m], "mx1.example.org");
        for (size_t i = 0; i < 5; i++) {
            CHECK(tell_error(errors[i]) == STS_OK);
            CHECK(tell_error(errors[i]) == STS_OK);
            CHECK(counted(0, 2 * (unsigned)i + 2) && says(sts_tlsrpt_type(errors[i])));
        }
    }
}

/* type and code belong together. */
TEST(r156_r158_reason_codes_stand_with_the_types_that_need_them)
{
    start();
    set_policy(STS_MODE_ENFORCE, "mx1.example.org");
    CHECK(tell_error(STS_ERR_CERT_TRUST) == STS_OK);
    CHECK(
        says("\"failed-session-count\":1,\"failure-reason-code\":\"no-chain-to-a-trust-anchor\"}"));
    start();
    CHECK(tell_error(STS_ERR_TLS) == STS_OK &&
          says("\"failure-reason-code\":\"tls-handshake-failed\""));
    start();
    CHECK(tell_error(STS_ERR_MX_MISMATCH) == STS_OK);
    CHECK(says("\"validation-failure\"") && says("\"failure-reason-code\":\"mx-mismatch\""));
    start();
    CHECK(tell_error(STS_ERR_CERT_EXPIRED) == STS_OK && !says("reason"));
}

/* A delivery in testing mode: its error is about the mail, and TLS fell short all the same. */
TEST(r133_what_fell_short_counts_whatever_became_of_the_mail)
{
    struct sts_attempt a;

    start();
    set_policy(STS_MODE_TESTING, "mx1.example.org");
    a = session();
    a.verified = false;
    a.tls_error = STS_ERR_CERT_EXPIRED;
    a.error = STS_ERR_TEMPFAIL;
    CHECK(tell(&a) == STS_OK && counted(0, 1) && says("certificate-expired"));
    a.tls_error = STS_OK; /* nobody says why */
    CHECK(tell(&a) == STS_OK && counted(0, 2) && says("validation-failure"));
    a = session();
    a.policy_match = 0;
    a.error = STS_ERR_TEMPFAIL;
    CHECK(tell(&a) == STS_OK && counted(0, 3) && says("mx-mismatch"));
}

TEST(r152_one_session_may_fail_in_two_ways)
{
    struct sts_attempt a;

    start();
    set_policy(STS_MODE_TESTING, "mx2.example.org");
    a = session();
    a.policy_match = 0;
    a.error = STS_ERR_MX_MISMATCH;
    a.verified = false;
    a.tls_error = STS_ERR_CERT_HOST;
    CHECK(tell(&a) == STS_OK && counted(0, 1) && says("mx-mismatch") &&
          says("certificate-host-mismatch"));
    a.tls_version = 0;
    CHECK(tell(&a) == STS_OK && counted(0, 2) && says("starttls-not-supported"));
}

TEST(r153_transient_errors_and_our_own_are_not_counted)
{
    static const int errors[] = {
        STS_ERR_TIMEOUT, STS_ERR_CLOSED, STS_ERR_CONNECT,  STS_ERR_PROTO, STS_ERR_MEMORY,
        STS_ERR_CLOCK,   STS_ERR_RANDOM, STS_ERR_TEMPFAIL, STS_ERR_IO,    STS_ERR_REJECTED};

    start();
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        CHECK(tell_error(errors[i]) == STS_OK && nothing());
    }
}

TEST(mail_in_clear_is_a_failure_once)
{
    struct sts_attempt a;

    start();
    CHECK(tell_error(STS_OK) == STS_OK && counted(0, 1) && says("starttls-not-supported"));
    a = session();
    a.tls_version = 0;
    a.verified = false;
    a.again = true; /* the handshake that failed before it has been counted */
    CHECK(tell(&a) == STS_OK && counted(0, 1));
    a.error = STS_ERR_STARTTLS; /* as it is told in testing mode */
    a.policy_match = 0;
    CHECK(tell(&a) == STS_OK && counted(0, 1));
    a = session();
    a.tls_version = 0;
    a.verified = false;
    a.reached = false;
    CHECK(tell(&a) == STS_OK && counted(0, 1));
    a.policy_match = 0; /* not reached: the name says nothing of a session */
    a.error = STS_ERR_CONNECT;
    CHECK(tell(&a) == STS_OK && counted(0, 1));
}

TEST(r131_r132_mode_none_is_not_counted)
{
    struct sts_attempt a;

    start();
    set_policy(STS_MODE_NONE, "mx1.example.org");
    a = session();
    w.decision.fetch_error = STS_ERR_POLICY_FETCH;
    CHECK(tell(&a) == STS_OK && tell_error(STS_ERR_STARTTLS) == STS_OK);
    CHECK(sts_tlsrpt_decision(&w.t, &w.decision, &w.now) == STS_OK && nothing());
}

/* R-190, R04: of the sessions that carry reports nothing is told. */
TEST(r190_r04_sessions_of_reports_are_not_counted)
{
    struct sts_attempt a;

    start();
    w.t.quiet = true;
    w.decision.fetch_error = STS_ERR_POLICY_FETCH;
    a = session();
    CHECK(tell(&a) == STS_OK && sts_tlsrpt_decision(&w.t, &w.decision, &w.now) == STS_OK &&
          nothing());
    w.t.quiet = false;
    CHECK(tell(&a) == STS_OK && !nothing());
}

TEST(r130_r131_r157_a_fetch_that_failed_is_a_failure_of_its_own_type)
{
    static const int errors[] = {STS_ERR_POLICY_FETCH, STS_ERR_POLICY_INVALID,
                                 STS_ERR_POLICY_WEBPKI};

    for (size_t i = 0; i < 3; i++) {
        char want[128];

        start();
        w.decision.fetch_error = errors[i];
        CHECK(sts_tlsrpt_decision(&w.t, &w.decision, &w.now) == STS_OK && counted(0, 1));
        snprintf(want, sizeof want,
                 "\"failure-details\":[{\"result-type\":\"%s\",\"failed-session-count\":1}]",
                 sts_tlsrpt_type(errors[i]));
        CHECK(says(want) && says("no-policy-found"));
        set_policy(STS_MODE_ENFORCE, "mx1.example.org"); /* a held one */
        w.decision.fetch_error = errors[i];
        CHECK(sts_tlsrpt_decision(&w.t, &w.decision, &w.now) == STS_OK &&
              says("\"policy-type\":\"sts\""));
    }
    start();
    CHECK(sts_tlsrpt_decision(&w.t, &w.decision, &w.now) == STS_OK && nothing());
}

/* ---- the policy's text ---------------------------------------------------------------------------------- */

#define TEXT                                                                                       \
    "version: STSv1\r\nmode: enforce\r\nx-note: \"hi\"\r\nmx: mx1.example.org\r\nmax_age: "        \
    "86400\r\n"
#define LINES                                                                                      \
    "[\"version: STSv1\",\"mode: enforce\",\"x-note: \\\"hi\\\"\",\"mx: "                          \
    "mx1.example.org\",\"max_age: 86400\"]"

static void fetched(const char *text)
{
    sts_tlsrpt_policy_text(&w.t, "rubbish of one that was broken off", 10);
    sts_tlsrpt_policy_text(&w.t, NULL, 0);
    for (size_t i = 0; i < strlen(text); i++) {
        sts_tlsrpt_policy_text(&w.t, text + i, 1);
    }
}

/* unknown lines too, also on a later day, when it comes from the cache, until another one is fetched. */
TEST(r165_the_policy_is_told_as_it_was_fetched)
{
    struct sts_attempt a;

    start();
    set_policy(STS_MODE_ENFORCE, "mx1.example.org");
    w.decision.source = STS_SOURCE_FETCHED;
    a = session();
    fetched(TEXT);
    CHECK(sts_tlsrpt_decision(&w.t, &w.decision, &w.now) == STS_OK && tell(&a) == STS_OK);
    CHECK(says("\"policy-string\":" LINES) && says("\"mx-host\":[\"mx1.example.org\"]"));
    CHECK(sts_tlsrpt_drop(&w.store, DAY, D) == STS_OK && nothing());
    w.decision.source = STS_SOURCE_CACHED;
    CHECK(tell(&a) == STS_OK && says(LINES));
    set_policy(STS_MODE_TESTING, "mx1.example.org"); /* another one: the text is not its */
    CHECK(
        tell(&a) == STS_OK &&
        says("[\"version: STSv1\",\"mode: testing\",\"max_age: 86400\",\"mx: mx1.example.org\"]"));
    CHECK(says(LINES)); /* both of the day are told */
    w.decision.source = STS_SOURCE_PROVISIONED;
    CHECK(tell(&a) == STS_OK && counted(2, 0));
}

TEST(r165_an_invalid_policy_is_told_with_its_errors)
{
    start();
    fetched(
        "version: STSv1\nmode: enfroce\nmx: *.EXAMPLE.org \nmx: not a name\nmx\n\nmax_age: 1\n");
    w.decision.fetch_error = STS_ERR_POLICY_INVALID;
    CHECK(sts_tlsrpt_decision(&w.t, &w.decision, &w.now) == STS_OK);
    CHECK(says("\"policy-type\":\"sts\",\"policy-string\":[\"version: STSv1\",\"mode: "
               "enfroce\",\"mx: *.EXAMPLE.org \",\"mx: not a "
               "name\",\"mx\",\"max_age: 1\"]"));
    CHECK(says("\"mx-host\":[\"*.EXAMPLE.org\"]") && says("sts-policy-invalid") && counted(0, 1));
    CHECK(w.store.get(w.store.ctx, STS_STORE_TEXT, "20780." D) ==
          STS_ERR_ABSENT); /* not kept twice */
}

/* What is longer than there is room for loses whole lines; a line without an end is cut. */
TEST(r170_long_texts_are_cut_by_lines)
{
    static char text[STS_TLSRPT_TEXT_MAX + 100];
    struct sts_attempt a;

    for (int endless = 0; endless < 2; endless++) {
        start();
        memset(text, 'x', sizeof text - 1);
        if (!endless) {
            memcpy(text, "version: STSv1\nmx: a.b\n", 23);
        }
        set_policy(STS_MODE_ENFORCE, "mx1.example.org");
        w.decision.source = STS_SOURCE_FETCHED;
        a = session();
        fetched(text);
        CHECK(sts_tlsrpt_decision(&w.t, &w.decision, &w.now) == STS_OK && tell(&a) == STS_OK);
        CHECK(endless ? says("[\"xxx") : says("[\"version: STSv1\",\"mx: a.b\"]"));
    }
}

/* ---- days, domains, bounds --------------------------------------------------------------------------------- */

/* a full UTC day each; R08: a start in between changes nothing. */
TEST(r159_r08_days_are_counted_apart_and_outlast_a_restart)
{
    struct sts_attempt a;

    start();
    a = session();
    w.now.utc_s = DAY * (int64_t)86400 + 86399;
    CHECK(tell(&a) == STS_OK);
    CHECK(sts_tlsrpt_init(&w.t, &w.config) == STS_OK); /* power was lost */
    CHECK(tell(&a) == STS_OK && counted(2, 0));
    w.now.utc_s++;
    CHECK(tell(&a) == STS_OK && counted(2, 0));
    CHECK(sts_tlsrpt_report_start(&w.report, &w.config, DAY + 1, D) == STS_OK);
    CHECK(sts_tlsrpt_report_start(&w.report, &w.config, DAY - 1, D) == STS_ERR_ABSENT);
    CHECK(sts_tlsrpt_report_start(&w.report, &w.config, -1, D) == STS_ERR_ABSENT);
}

TEST(failures_at_different_places_are_told_apart_and_the_same_are_added_up)
{
    struct sts_attempt a;

    start();
    a = session();
    a.error = STS_ERR_CERT_HOST;
    for (int i = 0; i < 3; i++) {
        CHECK(tell(&a) == STS_OK);
    }
    a.mx = "mx2.example.org";
    CHECK(tell(&a) == STS_OK);
    a.address = here;
    CHECK(tell(&a) == STS_OK && counted(0, 5));
    CHECK(says("\"receiving-mx-hostname\":\"mx1.example.org\",\"receiving-ip\":\"2001:db8::1\","
               "\"failed-session-count\":3}"));
    CHECK(says("\"receiving-mx-hostname\":\"mx2.example.org\",\"receiving-ip\":\"2001:db8::1\","
               "\"failed-session-count\":1}"));
    CHECK(says("\"sending-mta-ip\":\"198.51.100.7\",\"receiving-mx-hostname\":\"mx2.example.org\","
               "\"receiving-ip\":\"198.51.100.7\",\"failed-session-count\":1}"));
}

static unsigned total_of(const char *text, const char *key)
{
    unsigned sum = 0, n;

    while ((text = strstr(text, key)) != NULL) {
        text += strlen(key);
        CHECK(sscanf(text, "%u", &n) == 1);
        sum += n;
    }
    return sum;
}

/* R07: any number of failures at any number of hosts; every one is counted, and what is frequent keeps its place. */
TEST(r07_many_hosts_are_bounded_and_no_failure_is_lost)
{
    static char mx[STS_NAME_SIZE];
    unsigned total = 0;

    start();
    for (int section = 0; section < 4; section++) {
        set_policy(STS_MODE_ENFORCE, section == 0   ? "a.example"
                                     : section == 1 ? "b.example"
                                     : section == 2 ? "c.example"
                                                    : "d.example");
        for (int i = 0; i < 1500; i++) {
            struct sts_attempt a = session();

            if (i % 2 == 0) {
                strcpy(mx, "mx7.example.org");
            } else {
                snprintf(mx, sizeof mx, "mx%d.%0*d.example.org", i, 1 + i % 60, i);
            }
            a.mx = mx;
            a.error = i % 2 == 0 || i % 3 == 0 ? STS_ERR_CERT_HOST
                      : i % 3 == 1             ? STS_ERR_TLS
                                               : STS_ERR_STARTTLS;
            CHECK(tell(&a) == STS_OK);
            CHECK(i % 4 != 1 || tell(&a) == STS_OK); /* what is folded may have been seen twice */
            total += i % 4 != 1 ? 1 : 2;
        }
    }
    json();
    CHECK(w.report.record.len <= STS_TLSRPT_SIZE);
    CHECK(total_of(w.json, "\"total-failure-session-count\":") == total);
    CHECK(total_of(w.json, "\"failed-session-count\":") == total);
    CHECK(strstr(w.json, "\"receiving-mx-hostname\":\"mx7.example.org\"") != NULL);
}

/* The fourth policy of a day is counted with the third: more is no day that anybody has. */
TEST(four_policies_of_a_day_are_three)
{
    struct sts_attempt a;

    start();
    for (char c = 'a'; c <= 'e'; c++) {
        char mx[] = "x.example";

        mx[0] = c;
        set_policy(STS_MODE_ENFORCE, mx);
        a = session();
        CHECK(tell(&a) == STS_OK);
    }
    CHECK(says("c.example") && !says("d.example") && counted(3, 0));
}

/* The room that three policies and all types of failures take is always there: a text of full length each, the longest names. */
TEST(r07_the_fullest_record_still_takes_everything)
{
    static char text[STS_TLSRPT_TEXT_MAX + 1], mx[STS_NAME_SIZE];
    static const int errors[] = {STS_ERR_STARTTLS,   STS_ERR_CERT_HOST, STS_ERR_CERT_EXPIRED,
                                 STS_ERR_CERT_TRUST, STS_ERR_TLS,       STS_ERR_MX_MISMATCH};
    unsigned total = 0;

    start();
    for (char c = 'a'; c <= 'c'; c++) {
        memset(text, c, sizeof text - 1);
        text[sizeof text - 2] = '\n';
        set_policy(STS_MODE_ENFORCE, c == 'a' ? "a.example" : c == 'b' ? "b.example" : "c.example");
        w.decision.source = STS_SOURCE_FETCHED;
        w.decision.fetch_error = STS_OK;
        fetched(text);
        CHECK(sts_tlsrpt_decision(&w.t, &w.decision, &w.now) == STS_OK);
        for (int i = 0; i < 300; i++) {
            struct sts_attempt a = session();

            memset(mx, 'm', sizeof mx - 1);
            for (int k = 60; k < 250; k += 60) {
                mx[k] = '.';
            }
            snprintf(mx + 240, 10, "%03d", i % 1000);
            a.mx = mx;
            a.error = errors[i % 6];
            a.policy_match = a.error == STS_ERR_MX_MISMATCH ? 0 : 1;
            CHECK(tell(&a) == STS_OK);
            total++;
        }
        w.decision.source = STS_SOURCE_CACHED;
        w.decision.fetch_error = STS_ERR_POLICY_WEBPKI;
        CHECK(sts_tlsrpt_decision(&w.t, &w.decision, &w.now) == STS_OK);
        total++;
    }
    json();
    CHECK(total_of(w.json, "\"total-failure-session-count\":") == total);
    CHECK(total_of(w.json, "\"failed-session-count\":") == total);
    for (char c = 'a'; c <= 'c'; c++) {
        char want[] = "\"xxxxxxxx";

        memset(want + 1, c, 8);
        CHECK(strstr(w.json, want) != NULL);
    }
}

/* The octets of the record on the store: what a counter at its end looks like. */
static void store_raw(const void *bytes, size_t len, const char *key)
{
    uint8_t format = 1;

    CHECK(sts_cache_begin(&w.under, STS_STORE_REPORT, key, &format, 1) == STS_OK);
    CHECK(w.under.write(w.under.ctx, bytes, len) == STS_OK &&
          w.under.commit(w.under.ctx) == STS_OK);
}

TEST(r07_counters_stay_at_their_end)
{
    uint8_t raw[24] = {
        0,    16,   'P',  0,    0,    0,    0, 0, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0, 8, 'F',  (uint8_t)-STS_ERR_POLICY_FETCH,
        0xff, 0xff, 0xff, 0xff};
    struct sts_attempt a;

    start();
    store_raw(raw, sizeof raw, "20780." D);
    a = session();
    w.decision.fetch_error = STS_ERR_POLICY_FETCH;
    for (int i = 0; i < 3; i++) {
        CHECK(tell(&a) == STS_OK && sts_tlsrpt_decision(&w.t, &w.decision, &w.now) == STS_OK);
    }
    CHECK(counted(4294967295u, 4294967295u) && says("\"failed-session-count\":4294967295"));
}

/* What is not of this form counts as nothing, and the next session begins anew. */
TEST(damaged_records_are_nothing)
{
    static const struct {
        uint8_t raw[64];
        size_t len;
    } bad[] = {
        {{0}, 0},
        {{0, 8, 'F', 30, 0, 0, 0, 1}, 8},                          /* no policy before it */
        {{0, 15, 'P', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 15},    /* too short */
        {{0, 17, 'P', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 16}, /* ends before its length */
        {{0, 16, 'P', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 'F', 30, 0, 0, 0},
         23}, /* too short for any */
        {{0, 16, 'P', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 'F', 30, 0, 0, 0, 1, 1},
         25}, /* half a place */
        {{0, 16, 'P', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 'X', 30, 0, 0, 0, 1}, 24},
        {{0, 16, 'P', 0, 0,  0,   0,  0, 0, 0, 0, 0,         0,
          0, 0,  0,   0, 45, 'F', 30, 0, 0, 0, 1, [60] = 'x'},
         61}, /* no NUL */
        {{0, 16, 'P', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 17},
    };
    struct sts_attempt a;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        start();
        store_raw(bad[i].raw, bad[i].len, "20780." D);
        CHECK(nothing());
        a = session();
        CHECK(tell(&a) == STS_OK && counted(1, 0));
    }
}

/* One that is well-formed and full, as ours never is: nothing is written beyond it, and the totals go on. */
TEST(r07_a_record_without_room_takes_totals_alone)
{
    static uint8_t raw[STS_TLSRPT_SIZE];
    struct sts_attempt a;

    start();
    memset(raw, 'x', sizeof raw);
    memset(raw, 0, 16);
    raw[0] = (uint8_t)(sizeof raw >> 8);
    raw[1] = (uint8_t)sizeof raw;
    raw[2] = 'P';
    store_raw(raw, sizeof raw, "20780." D);
    a = session();
    CHECK(tell(&a) == STS_OK && counted(1, 0));
    CHECK(tell_error(STS_ERR_TLS) == STS_OK && counted(1, 1) && says("\"failure-details\":[]"));
    set_policy(STS_MODE_ENFORCE, "mx1.example.org");
    a = session();
    CHECK(tell(&a) == STS_OK && counted(2, 1));
}

struct seen {
    int count, stop;
    sts_day last;
};

static bool see(void *arg, sts_day day, const char *domain)
{
    struct seen *s = arg;

    CHECK(domain[0] != '\0');
    s->last = day;
    return ++s->count != s->stop;
}

TEST(what_is_kept_is_listed_dropped_and_swept)
{
    static const sts_day days[] = {DAY - 3, DAY - 2, DAY - 1, DAY, DAY + 1, DAY + 2};
    struct sts_attempt a;
    struct seen s = {0};

    start();
    a = session();
    for (size_t i = 0; i < 6; i++) {
        w.now.utc_s = days[i] * (int64_t)86400;
        CHECK(tell(&a) == STS_OK);
    }
    store_raw("x", 1, "nonsense.example");
    store_raw("x", 1, "1x.example");
    store_raw("x", 1, "99999999999.example");
    CHECK(sts_tlsrpt_list(&w.store, see, &s) == STS_OK && s.count == 6);
    s = (struct seen){.stop = 1};
    CHECK(sts_tlsrpt_list(&w.store, see, &s) == STS_OK && s.count == 1);
    w.now.utc_s = DAY * (int64_t)86400;
    w.now.trust = STS_CLOCK_DOUBTED; /* C04: by such a time nothing runs out */
    CHECK(sts_tlsrpt_sweep(&w.store, &w.now) == STS_OK);
    s = (struct seen){0};
    CHECK(sts_tlsrpt_list(&w.store, see, &s) == STS_OK && s.count == 6);
    w.now.trust = STS_CLOCK_NETWORK;
    CHECK(sts_tlsrpt_sweep(&w.store, &w.now) == STS_OK);
    s = (struct seen){0};
    CHECK(sts_tlsrpt_list(&w.store, see, &s) == STS_OK && s.count == 4);
    CHECK(w.under.get(w.under.ctx, STS_STORE_REPORT, "nonsense.example") == STS_ERR_ABSENT);
    CHECK(sts_tlsrpt_drop(&w.store, DAY, D) == STS_OK);
    CHECK(sts_tlsrpt_drop(&w.store, DAY, D) == STS_ERR_ABSENT &&
          sts_tlsrpt_drop(&w.store, -1, D) == STS_ERR_ABSENT);
}

/* Texts go with the policies that they are of. */
TEST(texts_of_policies_that_are_not_held_are_swept)
{
    start();
    set_policy(STS_MODE_ENFORCE, "mx1.example.org");
    w.decision.source = STS_SOURCE_FETCHED;
    fetched(TEXT);
    CHECK(sts_cache_put(&w.under, D, "1", &w.policy, &w.now, NULL) == STS_OK);
    CHECK(sts_tlsrpt_decision(&w.t, &w.decision, &w.now) == STS_OK &&
          sts_tlsrpt_sweep(&w.store, &w.now) == STS_OK);
    CHECK(w.under.get(w.under.ctx, STS_STORE_TEXT, D) == STS_OK);
    w.under.done(w.under.ctx);
    CHECK(sts_cache_drop(&w.under, D) == STS_OK && sts_tlsrpt_sweep(&w.store, &w.now) == STS_OK);
    CHECK(w.under.get(w.under.ctx, STS_STORE_TEXT, D) == STS_ERR_ABSENT);
}

/* Reports never take more of the store than their share; old ones make room for new ones. */
TEST(r07_records_are_bounded)
{
    char domain[32];
    struct sts_attempt a;
    int i;

    if (STS_TLSRPT_MAX > 100) {
        return; /* the same code, and an hour of it */
    }
    start();
    a = session();
    w.decision.domain = domain;
    for (i = 0; i < STS_TLSRPT_MAX; i++) {
        snprintf(domain, sizeof domain, "d%d.example", i);
        CHECK(tell(&a) == STS_OK);
    }
    strcpy(domain, "one-more.example");
    CHECK(tell(&a) == STS_ERR_SPACE);
    for (int at = 1; at <= 5; at++) { /* nor when it cannot be looked what is old */
        w.calls = 0;
        w.fail_at = at;
        CHECK(tell(&a) != STS_OK);
    }
    w.fail_at = 0;
    strcpy(domain, "d0.example");
    CHECK(tell(&a) == STS_OK); /* what is there goes on */
    w.now.utc_s += 3 * 86400;
    strcpy(domain, "one-more.example");
    CHECK(tell(&a) == STS_OK);
}

TEST(a_domain_too_long_for_a_record_is_not_counted)
{
    static char domain[STS_NAME_SIZE];
    struct sts_attempt a;

    start();
    memset(domain, 'a', 243);
    for (int i = 60; i < 240; i += 60) {
        domain[i] = '.';
    }
    w.decision.domain = domain;
    a = session();
    CHECK(tell(&a) == STS_OK && w.calls == 0);
    domain[242] = '\0';
    CHECK(tell(&a) == STS_OK &&
          sts_tlsrpt_report_start(&w.report, &w.config, DAY, domain) == STS_OK);
}

/* ---- trouble -------------------------------------------------------------------------------------------------- */

TEST(a_record_that_another_process_has_is_told_as_busy)
{
    struct sts_attempt a;

    start();
    a = session();
    w.claim = STS_BUSY;
    CHECK(tell(&a) == STS_BUSY && nothing() && w.releases == 0);
    fetched("version: STSv1\nmode: x\n");
    w.decision.fetch_error = STS_ERR_POLICY_INVALID;
    CHECK(sts_tlsrpt_decision(&w.t, &w.decision, &w.now) == STS_BUSY);
    w.claim = STS_OK;
    CHECK(sts_tlsrpt_decision(&w.t, &w.decision, &w.now) == STS_OK && says("mode: x"));
    w.store.claim = NULL;
    w.store.release = NULL;
    CHECK(tell(&a) == STS_OK && counted(1, 0));
}

/* Every call of the store fails once: what is told as an error changed nothing, and what is told as good is there (R08). */
TEST(f19_r08_every_call_of_the_store_may_fail)
{
    for (int at = 1; at < 60; at++) {
        struct sts_attempt a;
        unsigned good = 0;

        start();
        set_policy(STS_MODE_ENFORCE, "mx1.example.org");
        w.decision.source = STS_SOURCE_FETCHED;
        a = session();
        w.fail_at = at;
        fetched(TEXT);
        (void)sts_tlsrpt_decision(&w.t, &w.decision, &w.now);
        good += tell(&a) == STS_OK;
        good += tell(&a) == STS_OK;
        (void)sts_tlsrpt_sweep(&w.store, &w.now);
        (void)sts_tlsrpt_report_start(&w.report, &w.config, DAY, D);
        w.fail_at = 0;
        CHECK(good >= 1 && counted(good, 0) && w.claims == w.releases);
    }
}

TEST(a_sweep_says_that_it_failed)
{
    start();
    for (int at = 1; at <= 2; at++) {
        w.calls = 0;
        w.fail_at = at;
        CHECK(sts_tlsrpt_sweep(&w.store, &w.now) == STS_ERR_IO);
    }
    w.calls = 0;
    w.fail_at = 1;
    CHECK(sts_tlsrpt_report_start(&w.report, &w.config, DAY, D) == STS_ERR_IO);
}

static int gone(void *ctx, uint8_t kind, const char *key)
{
    CHECK(w.under.remove(ctx, kind, key) == STS_OK);
    return STS_ERR_ABSENT;
}

TEST(what_another_process_has_swept_is_swept)
{
    start();
    store_raw("x", 1, "1.example");
    store_raw("x", 1, "2.example");
    w.store.remove = gone;
    CHECK(sts_tlsrpt_sweep(&w.store, &w.now) == STS_OK);
    CHECK(w.under.get(w.under.ctx, STS_STORE_REPORT, "2.example") == STS_ERR_ABSENT);
}

TEST(a_policy_without_its_text_is_written_anew)
{
    struct sts_attempt a;

    start();
    set_policy(STS_MODE_ENFORCE, "mx1.example.org");
    w.decision.source = STS_SOURCE_FETCHED;
    a = session();
    CHECK(sts_tlsrpt_decision(&w.t, &w.decision, &w.now) == STS_OK && tell(&a) == STS_OK);
    CHECK(
        says("[\"version: STSv1\",\"mode: enforce\",\"max_age: 86400\",\"mx: mx1.example.org\"]"));
}

TEST(nothing_is_counted_without_an_owner_who_reports)
{
    struct sts_tlsrpt_config c;
    struct sts_attempt a;
    static char name[300];

    start();
    a = session();
    c = w.config;
    CHECK(sts_tlsrpt_init(&w.t, NULL) == STS_ERR_ARG && tell(&a) == STS_OK && w.calls == 0);
    w.decision.fetch_error = STS_ERR_POLICY_FETCH;
    CHECK(sts_tlsrpt_decision(&w.t, &w.decision, &w.now) == STS_OK && w.calls == 0);
#define REFUSED(member, value, error)                                                              \
    c = w.config;                                                                                  \
    c.member = value;                                                                              \
    CHECK(sts_tlsrpt_init(&w.t, &c) == error && w.t.config == NULL)
    REFUSED(store, NULL, STS_ERR_ARG);
    REFUSED(organization, NULL, STS_ERR_ARG);
    REFUSED(contact, NULL, STS_ERR_ARG);
    REFUSED(device, NULL, STS_ERR_ARG);
    REFUSED(organization, "", STS_ERR_ARG);
    REFUSED(organization, "a\nb", STS_ERR_ARG);
    REFUSED(organization, "\xff", STS_ERR_ARG);
    REFUSED(organization, "\xc3", STS_ERR_ARG);
    memset(name, 'a', 256);
    REFUSED(organization, name, STS_ERR_ARG);
    REFUSED(contact, "no-address", STS_ERR_ADDRESS);
    REFUSED(contact, "j\xc3\xb6@sender.example", STS_ERR_ADDRESS);
    REFUSED(contact, "x@[192.0.2.1]", STS_ERR_ADDRESS);
    name[255] = '\0';
    c = w.config;
    c.organization = name;
    CHECK(sts_tlsrpt_init(&w.t, &c) == STS_OK);
    start();
    w.now.trust = STS_CLOCK_UNSET;
    CHECK(tell(&a) == STS_OK && w.calls == 0);
}

TEST_MAIN("tlsrpt")
