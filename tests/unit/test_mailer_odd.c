/* SPDX-License-Identifier: MIT
 *
 * Deliveries with odd hosts, and callers that do odd things with the mailer. Each of these once went wrong.
 */
#define _GNU_SOURCE
#include "world.h"

#include <stsmail/ram_store.h>

#define D "example.org"

static struct world w;
static struct sts_mailer m;
static struct sts_recipient to[2];
static struct sts_message message;
static struct sts_mail mail;
static struct world_server *mx;

/* example.org with one MX. */
static void domain(void)
{
    world_start(&w);
    world_dns(&w, D, STS_DNS_MX, "10 mx1.example.org");
    world_dns(&w, "mx1.example.org", STS_DNS_A, "192.0.2.10");
    mx = world_listen(&w, "192.0.2.10", 25);
}

static struct world_server *second_mx(void)
{
    world_dns(&w, D, STS_DNS_MX, "20 mx2.example.org");
    world_dns(&w, "mx2.example.org", STS_DNS_A, "192.0.2.11");
    return world_listen(&w, "192.0.2.11", 25);
}

static int run(void)
{
    int result = world_run(&w, &m);

    CHECK(world_is_quiet(&w));
    return result;
}

static void begin(size_t count)
{
    memset(to, 0, sizeof to);
    to[0].address = "gone@example.org";
    to[1].address = "full@example.org";
    message = (struct sts_message){.from = "a@example.com",
                                   .body = "x\n",
                                   .date_s = 1790000000,
                                   .message_id = "1@example.com"};
    mail = (struct sts_mail){
        .sender = "a@example.com", .recipients = to, .count = count, .message = &message};
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
}

/* ---- several recipients ---------------------------------------------------------------------- */

/* S12: one is refused for good, another is put off, in either order: each keeps its own verdict, and the temporary
 * one is the worse (mailer.h). */
TEST(s12_a_recipient_that_is_put_off_is_not_failed_by_the_refusal_of_another)
{
    static const char *const at[] = {"RCPT TO:<gone", "RCPT TO:<full"};

    for (int turn = 0; turn < 2; turn++) {
        domain();
        mx->at = at[turn];
        mx->reply = "550 5.1.1 gone\r\n";
        mx->at2 = at[1 - turn];
        mx->reply2 = "450 4.2.2 full\r\n";
        begin(2);
        CHECK(run() == STS_ERR_TEMPFAIL);
        CHECK(to[turn].error == STS_ERR_REJECTED && to[turn].final);
        CHECK(to[1 - turn].error == STS_ERR_TEMPFAIL && !to[1 - turn].final);
        CHECK(w.attempts_count == 1 && w.attempts[0].error != STS_OK);
    }
}

/* ---- odd hosts ------------------------------------------------------------------------------- */

/* RFC 5321 5.1: a domain without MX that is an alias is its target; D27 is about names in MX records. */
TEST(a_domain_that_is_an_alias_of_a_host_stands_for_itself)
{
    domain();
    w.records_count = 0;
    world_dns(&w, D, STS_DNS_CNAME, "host.example.net");
    world_dns(&w, "host.example.net", STS_DNS_A, "192.0.2.10");
    begin(1);
    CHECK(run() == STS_OK && mx->delivered == 1);
}

/* L13: no time, however long, may turn into a short one or into one that never comes. */
TEST(l13_the_longest_time_is_a_day)
{
    static const uint32_t days[] = {86400, 3000000, 4294968, UINT32_MAX};

    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        uint32_t start, took;

        domain();
        w.config.timeout_s = days[i];
        mx->connect = STS_BUSY;
        begin(1);
        start = w.now.ms;
        for (int n = 0; n < 100 && sts_mailer_poll(&m, &w.now) == STS_BUSY; n++) {
            sts_mailer_wait(&m, &w.now, UINT32_MAX);
        }
        took = w.now.ms - start;
        CHECK(m.result == STS_ERR_CONNECT && took >= 86400000 && took < 86500000);
        CHECK(world_is_quiet(&w));
    }
}

/* The pool may do for what the next host sends; what it does not do for is not sent in clear (H26). */
TEST(h26_a_host_that_takes_too_much_memory_is_passed_over)
{
    struct world_server *second;

    domain();
    mx->handshake = STS_ERR_MEMORY;
    begin(1);
    CHECK(run() == STS_ERR_MEMORY && mx->seen == 1 && !to[0].final);
    domain();
    second = second_mx();
    mx->handshake = STS_ERR_MEMORY;
    begin(1);
    CHECK(run() == STS_OK && mx->seen == 1 && second->delivered == 1);
}

/* cli: failed only when every MX said so. One that no mail can go to said nothing. */
TEST(d27_a_refusal_before_mail_is_not_final_where_an_mx_was_left_out)
{
    domain();
    mx->greeting = "554 no\r\n";
    world_dns(&w, D, STS_DNS_MX, "20 192.0.2.99");
    begin(1);
    CHECK(run() == STS_ERR_REJECTED && !to[0].final);
}

/* D29: the same where there are more than this device keeps. */
TEST(d29_a_refusal_by_all_that_are_kept_is_not_one_by_all)
{
    static char records[STS_MX_MAX + 1][32];

    domain();
    w.records_count = 1;
    mx->greeting = "554 no\r\n";
    for (int i = 0; i <= STS_MX_MAX && i < 40; i++) {
        snprintf(records[i], sizeof records[i], "%d mx%d.example.org", 10 + i, i + 1);
        if (i > 0) {
            world_dns(&w, D, STS_DNS_MX, records[i]);
        }
    }
    for (int i = 0; i <= STS_MX_MAX && w.records_count < WORLD_RECORDS; i++) {
        world_dns(&w, strchr(records[i], ' ') + 1, STS_DNS_A, "192.0.2.10");
    }
    begin(1);
    CHECK(run() != STS_OK && !to[0].final && mx->seen >= (STS_MX_MAX < 10 ? STS_MX_MAX : 10));
}

/* What the port gives once "220 go" is read: the other side is gone with it, in one packet. */
static int32_t recv_and_gone(void *ctx, int handle, void *buf, size_t len)
{
    int32_t n = world_recv(ctx, handle, buf, len);

    if (n > 3 && memcmp(buf, "220 go", 6) == 0) {
        w.conns[handle].closed = true;
    }
    return n;
}

/* cli: where the handshake itself fails, a new connection without TLS, if the floor allows it. */
TEST(a_host_that_goes_away_where_tls_should_begin_is_as_a_failed_handshake)
{
    domain();
    w.net.recv = recv_and_gone;
    begin(1);
    CHECK(run() == STS_OK && mx->seen == 2 && mx->delivered == 1);
    domain();
    w.net.recv = recv_and_gone;
    w.config.floor = STS_FLOOR_ENCRYPTED;
    begin(1);
    CHECK(run() == STS_ERR_CLOSED && mx->seen == 1 && strstr(w.clear, "MAIL") == NULL);
}

/* ---- the policy's life ----------------------------------------------------------------------- */

static struct sts_ram_store ram;
static struct sts_store store;

static struct world_server *policy_host(void)
{
    static char http[256];
    static const char body[] =
        "version: STSv1\r\nmode: enforce\r\nmx: mx1.example.org\r\nmax_age: 604800\r\n";
    struct world_server *web = world_listen(&w, "192.0.2.20", 443);

    world_dns(&w, "_mta-sts." D, STS_DNS_TXT, "v=STSv1; id=1");
    world_dns(&w, "mta-sts." D, STS_DNS_A, "192.0.2.20");
    snprintf(http, sizeof http,
             "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %u\r\n\r\n%s",
             (unsigned)strlen(body), body);
    web->http = http;
    w.config.store = &store;
    return web;
}

/* R-106, P25: who suppresses the record alone cannot let a policy run out that could be fetched. */
TEST(r106_a_policy_is_refreshed_although_the_record_cannot_be_asked_for)
{
    static const int rcodes[] = {2, 5, -1};

    for (size_t i = 0; i < 3; i++) {
        static uint8_t memory[8192];
        struct world_server *web;

        sts_ram_store_init(&ram, memory, sizeof memory, &store);
        domain();
        web = policy_host();
        begin(1);
        CHECK(run() == STS_OK && web->seen == 1);
        w.now.utc_s += 2 * 86400;
        w.records[2].data = NULL;
        w.records[2].rcode = rcodes[i];
        begin(1);
        CHECK(run() == STS_OK && web->seen == 2 && w.decision.source == STS_SOURCE_FETCHED);
        web->refuse = true;
        w.now.utc_s += 2 * 86400;
        begin(1);
        CHECK(run() == STS_OK && w.decision.source == STS_SOURCE_CACHED); /* R-102 */
    }
}

static int no_room(void *ctx, uint8_t kind, const char *key)
{
    (void)ctx;
    (void)kind;
    (void)key;
    return STS_ERR_SPACE;
}

/* mailer.h, cli: a refresh whose policy is not kept did nothing. */
TEST(a_refresh_that_cannot_be_kept_is_no_success)
{
    static uint8_t memory[8192];

    sts_ram_store_init(&ram, memory, sizeof memory, &store);
    store.put = no_room;
    domain();
    (void)policy_host();
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_refresh(&m, D, &w.now) == STS_OK);
    CHECK(run() == STS_ERR_IO);
}

/* ---- odd callers ----------------------------------------------------------------------------- */

/* L12, C-7: a floor or a policy that can never apply is a mistake, not a silent nothing. */
TEST(l12_a_floor_or_a_policy_that_can_never_apply_is_refused)
{
    static struct sts_policy policy;
    struct sts_domain_floor floor = {"example.org.", STS_FLOOR_POLICY};
    struct sts_provisioned provisioned = {"example.org.", &policy};

    domain();
    w.config.floors = &floor;
    w.config.floors_count = 1;
    CHECK(sts_mailer_init(&m, &w.config) == STS_ERR_ARG);
    floor = (struct sts_domain_floor){NULL, STS_FLOOR_POLICY};
    CHECK(sts_mailer_init(&m, &w.config) == STS_ERR_ARG);
    floor = (struct sts_domain_floor){D, STS_FLOOR_POLICY + 1};
    CHECK(sts_mailer_init(&m, &w.config) == STS_ERR_ARG);
    floor = (struct sts_domain_floor){"Example.ORG", STS_FLOOR_POLICY};
    begin(1);
    CHECK(run() == STS_ERR_POLICY_REQUIRED && mx->seen == 0);
    w.config.floors_count = 0;
    w.config.provisioned = &provisioned;
    w.config.provisioned_count = 1;
    policy.mode = STS_MODE_ENFORCE;
    CHECK(sts_mailer_init(&m, &w.config) == STS_ERR_ARG);
    provisioned = (struct sts_provisioned){D, NULL};
    CHECK(sts_mailer_init(&m, &w.config) == STS_ERR_ARG);
    policy.mode = STS_MODE_ENFORCE + 1;
    provisioned = (struct sts_provisioned){D, &policy};
    CHECK(sts_mailer_init(&m, &w.config) == STS_ERR_ARG);
    policy.mode = STS_MODE_ENFORCE;
    begin(1);
    CHECK(run() == STS_ERR_MX_MISMATCH && mx->seen == 0);
}

/* L12, C-7: the same of what a mail brings with it. */
TEST(l12_a_mails_own_floor_or_policy_that_can_never_apply_is_refused)
{
    static struct sts_policy policy;
    struct sts_provisioned provisioned = {"example.org.", &policy};

    policy.mode = STS_MODE_ENFORCE;
    domain();
    begin(1);
    CHECK(run() == STS_OK);
    mail.floor = STS_FLOOR_POLICY + 1;
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_ERR_ARG);
    mail.floor = STS_FLOOR_POLICY;
    mail.provisioned = &provisioned;
    mail.provisioned_count = 1;
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_ERR_ARG);
    provisioned.domain = D;
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_ERR_MX_MISMATCH && mx->seen == 1);
}

/* L12 */
TEST(l12_what_was_not_set_up_begins_nothing)
{
    domain();
    begin(1);
    CHECK(run() == STS_OK);
    w.config.dns_count = 0;
    CHECK(sts_mailer_init(&m, &w.config) == STS_ERR_CONFIG);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_ERR_STATE);
    CHECK(sts_mailer_refresh(&m, D, &w.now) == STS_ERR_STATE);
    CHECK(sts_mailer_poll(&m, &w.now) == STS_ERR_STATE);
    sts_mailer_wait(&m, &w.now, 1);
    sts_mailer_abort(&m);
    w.config.dns_count = 1;
    w.config.dns = NULL;
    CHECK(sts_mailer_init(&m, &w.config) == STS_ERR_CONFIG);
}

/* L12, DELIV: who does not look at what send returned must not read the success of the delivery before. */
TEST(l12_what_was_not_begun_has_no_earlier_deliverys_result)
{
    static char long_name[260] = "a@";

    domain();
    begin(1);
    CHECK(run() == STS_OK);
    to[0].address = NULL;
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_ERR_ARG);
    CHECK(sts_mailer_poll(&m, &w.now) == STS_ERR_ARG);
    for (int i = 0; i < 61; i++) {
        strcat(long_name, "abc.");
    }
    to[0].address = strcat(long_name, "org"); /* D34: no room for "_mta-sts." */
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_ERR_NAME);
    CHECK(sts_mailer_poll(&m, &w.now) == STS_ERR_NAME && to[0].error == STS_ERR_NAME);
    CHECK(sts_mailer_refresh(&m, NULL, &w.now) == STS_ERR_ARG);
    CHECK(sts_mailer_poll(&m, &w.now) == STS_ERR_ARG);
    CHECK(sts_mailer_refresh(&m, long_name + 2, &w.now) == STS_ERR_NAME);
    CHECK(sts_mailer_poll(&m, &w.now) == STS_ERR_NAME && world_is_quiet(&w));
    to[0].address = "gone@example.org";
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_OK && mx->delivered == 2);
}

/* Broken off behind a verdict: the verdict stands. */
TEST(a_delivery_that_is_broken_off_while_it_says_goodbye_is_delivered)
{
    domain();
    mx->at = "RCPT TO:<full";
    mx->reply = "550 5.1.1 gone\r\n";
    mx->at2 = "QUIT";
    mx->reply2 = "";
    for (size_t count = 1; count <= 2; count++) {
        begin(count);
        for (int i = 0; i < 1000 && to[0].error == STS_BUSY; i++) {
            CHECK(sts_mailer_poll(&m, &w.now) == STS_BUSY);
            sts_mailer_wait(&m, &w.now, 1);
        }
        sts_mailer_abort(&m);
        CHECK(to[0].error == STS_OK && world_is_quiet(&w));
        CHECK(count == 1 || (to[1].error == STS_ERR_REJECTED && to[1].final));
        CHECK(sts_mailer_poll(&m, &w.now) == (count == 1 ? STS_OK : STS_ERR_CLOSED));
    }
}

TEST_MAIN("mailer_odd")
