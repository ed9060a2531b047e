/* SPDX-License-Identifier: MIT
 *
 * Whole deliveries in a small internet: what is asked, whom it goes to, what is said of it, and that
 * nothing goes out in clear that must not.
 */
#define _GNU_SOURCE
#include "naive_dkim.h"
#include "world.h"

#include <stsmail/ram_store.h>

#define D                "example.org"
#define POLICY(mode, mx) "version: STSv1\r\nmode: " mode "\r\nmx: " mx "\r\nmax_age: 604800\r\n"
#define HTTP(body)                                                                                 \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n" body
#define CONTENT "this line must never be seen in clear"

static struct world w;
static struct sts_mailer m;
static struct sts_recipient to[3];
static struct sts_message message;
static struct sts_mail mail;
static struct world_server *mx, *web;
static char http[1024];

static void http_policy(const char *mode, const char *pattern)
{
    char body[512];

    snprintf(body, sizeof body, "version: STSv1\r\nmode: %s\r\n%s%s%smax_age: 604800\r\n", mode,
             pattern[0] ? "mx: " : "", pattern, pattern[0] ? "\r\n" : "");
    snprintf(http, sizeof http,
             "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %u\r\n\r\n%s",
             (unsigned)strlen(body), body);
}

/* example.org with one MX, mx1, at 127.0.0.10. */
static void domain(void)
{
    world_start(&w);
    world_dns(&w, D, STS_DNS_MX, "10 mx1.example.org");
    world_dns(&w, "mx1.example.org", STS_DNS_A, "127.0.0.10");
    mx = world_listen(&w, "127.0.0.10", 25);
    web = NULL;
}

/* And a policy of the mode. */
static void domain_with(const char *mode)
{
    domain();
    world_dns(&w, "_mta-sts." D, STS_DNS_TXT, "v=STSv1; id=1");
    world_dns(&w, "mta-sts." D, STS_DNS_A, "127.0.0.20");
    web = world_listen(&w, "127.0.0.20", 443);
    http_policy(mode, strcmp(mode, "none") == 0 ? "" : "mx1.example.org");
    web->http = http;
}

/* Loopback addresses are what this internet is made of; a device's build would skip them (D28). */
static void public_addresses(void)
{
    for (size_t i = 0; i < w.records_count; i++) {
        struct world_record *r = &w.records[i];

        if (r->type == STS_DNS_A && r->data != NULL && strcmp(r->data, "127.0.0.10") == 0) {
            r->data = "192.0.2.10";
        } else if (r->type == STS_DNS_A && r->data != NULL && strcmp(r->data, "127.0.0.20") == 0) {
            r->data = "192.0.2.20";
        }
    }
    for (size_t i = 0; i < w.servers_count; i++) {
        struct world_server *s = &w.servers[i];

        s->ip = strcmp(s->ip, "127.0.0.10") == 0   ? "192.0.2.10"
                : strcmp(s->ip, "127.0.0.20") == 0 ? "192.0.2.20"
                                                   : s->ip;
    }
}

static int run_out(void)
{
    return world_run(&w, &m);
}

static int run(void)
{
    int result = run_out();

    CHECK(world_is_quiet(&w));
    return result;
}

static void prepare(size_t count)
{
    static const char *const names[] = {"ops@example.org", "b@Example.ORG", "c@example.org"};

    message = (struct sts_message){.from = "ups@example.com",
                                   .subject = "alert",
                                   .body = CONTENT "\n",
                                   .date_s = 1790000000,
                                   .message_id = "1@example.com"};
    for (size_t i = 0; i < count; i++) {
        to[i].address = names[i];
    }
    mail = (struct sts_mail){
        .sender = "ups@example.com", .recipients = to, .count = count, .message = &message};
    public_addresses();
}

static int deliver_to(const char *address)
{
    int result;

    prepare(1);
    to[0].address = address;
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    result = run();
    CHECK((result == STS_OK) == (to[0].error == STS_OK)); /* DELIV */
    CHECK((to[0].error == STS_OK) == (world_delivered(&w) > 0));
    return result;
}

static int deliver(void)
{
    return deliver_to("ops@example.org");
}

/* WIRE */
static bool clear_is_innocent(void)
{
    return strstr(w.clear, "MAIL") == NULL && strstr(w.clear, "RCPT") == NULL &&
           strstr(w.clear, "DATA") == NULL && strstr(w.clear, CONTENT) == NULL;
}

/* ---- the main job -------------------------------------------------------------------------- */

TEST(an_alert_is_delivered_under_an_enforced_policy)
{
    domain_with("enforce");
    CHECK(deliver() == STS_OK);
    CHECK(to[0].error == STS_OK && to[0].code == 250);
    CHECK(strstr(mx->mail, CONTENT) != NULL && strstr(mx->mail, "Subject: alert\r\n") != NULL);
    CHECK(clear_is_innocent());
    CHECK(w.decisions == 1 && w.decision.source == STS_SOURCE_FETCHED);
    CHECK(w.decision.mode == STS_MODE_ENFORCE && strcmp(w.decision.id, "1") == 0);
    CHECK(w.decision.error == STS_OK && w.decision.max_age_s == 604800);
    CHECK(w.attempts_count == 1 && w.attempts[0].error == STS_OK && w.attempts[0].reached);
    CHECK(w.attempts[0].policy_match == 1 && w.attempts[0].verified);
    CHECK(w.attempts[0].tls_version == 0x0304);
    CHECK(strcmp(w.attempt_mx[0], "mx1.example.org") == 0);
}

/* Issue: independent questions in one flight. MX, TXT, A and AAAA of the policy host. */
TEST(mx_record_and_policy_host_are_asked_for_in_one_flight)
{
    domain_with("enforce");
    CHECK(deliver() == STS_OK);
    CHECK(w.questions_at_once == 3 + STS_IPV6);
}

TEST(without_a_policy_mail_goes_as_the_rfc_has_it)
{
    domain();
    CHECK(deliver() == STS_OK);
    CHECK(w.decision.source == STS_SOURCE_NONE && w.decision.policy == NULL);
    CHECK(w.attempts[0].policy_match == -1 && w.attempts[0].verified);
}

TEST(several_recipients_each_get_their_verdict)
{
    domain();
    mx->at = "RCPT TO:<b@";
    mx->reply = "550 5.1.1 no such user\r\n";
    prepare(3);
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_ERR_REJECTED);
    CHECK(to[0].error == STS_OK && to[2].error == STS_OK && mx->delivered == 1);
    CHECK(to[1].error == STS_ERR_REJECTED && to[1].final && to[1].code == 550);
    CHECK(w.attempts_count == 1 && w.attempts[0].error == STS_ERR_REJECTED);
}

TEST(a_recipient_put_off_by_one_mx_is_taken_to_the_next)
{
    struct world_server *second;

    domain();
    world_dns(&w, D, STS_DNS_MX, "20 mx2.example.org");
    world_dns(&w, "mx2.example.org", STS_DNS_A, "192.0.2.11");
    second = world_listen(&w, "192.0.2.11", 25);
    mx->at = "RCPT TO:<b@";
    mx->reply = "450 4.2.0 later\r\n";
    prepare(2);
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_OK);
    CHECK(mx->delivered == 1 && second->delivered == 1);
    CHECK(to[0].error == STS_OK && to[1].error == STS_OK);
}

TEST(s12_one_recipients_never_is_not_anothers_later)
{
    domain();
    mx->at = "RCPT TO:<b@";
    mx->reply = "550 5.1.1 no such user\r\n";
    mx->at2 = "RCPT TO:<c@";
    mx->reply2 = "450 4.2.0 later\r\n";
    prepare(3);
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() != STS_OK);
    CHECK(to[0].error == STS_OK && mx->delivered == 1);
    CHECK(to[1].error == STS_ERR_REJECTED && to[1].final);
    CHECK(to[2].error == STS_ERR_TEMPFAIL && !to[2].final && to[2].code == 450);
    CHECK(w.attempts_count == 1 && w.attempts[0].error == STS_ERR_REJECTED);
}

/* A refusal before any recipient was named is the reply that decided about all of them. */
TEST(s08_the_reply_to_nobody_in_particular_is_everybodys)
{
    domain();
    mx->greeting = "554 5.7.1 go away\r\n";
    CHECK(deliver() == STS_ERR_REJECTED && to[0].final);
    CHECK(to[0].code == 554 && strcmp(to[0].reply, "554 5.7.1 go away") == 0);
    domain();
    mx->at = "DATA";
    mx->reply = "421 4.3.2 closing\r\n";
    CHECK(deliver() == STS_ERR_TEMPFAIL && !to[0].final);
    CHECK(to[0].code == 421 && strcmp(to[0].reply, "421 4.3.2 closing") == 0);
    domain();
    mx->greeting = "garbage\r\n";
    CHECK(deliver() == STS_ERR_PROTO && to[0].code == 0 && to[0].reply[0] == '\0');
}

/* ---- the policy decides -------------------------------------------------------------------- */

/* P12, R-084: a host outside an enforced policy is listed, not contacted. R-090: and that is temporary. */
TEST(p12_an_mx_outside_the_policy_is_not_contacted)
{
    domain_with("enforce");
    http_policy("enforce", "other.example.org");
    CHECK(deliver() == STS_ERR_MX_MISMATCH);
    CHECK(mx->seen == 0 && !to[0].final);
    CHECK(w.attempts_count == 1 && w.attempts[0].error == STS_ERR_MX_MISMATCH);
    CHECK(w.attempts[0].policy_match == 0 && !w.attempts[0].reached);
}

/* P15, R-074, R-075: in order, and those that do not match are passed over. */
TEST(p15_the_next_matching_mx_is_used)
{
    struct world_server *second;

    domain_with("enforce");
    http_policy("enforce", "*.example.net");
    world_dns(&w, D, STS_DNS_MX, "20 mx.example.net");
    world_dns(&w, "mx.example.net", STS_DNS_A, "192.0.2.11");
    second = world_listen(&w, "192.0.2.11", 25);
    CHECK(deliver() == STS_OK);
    CHECK(mx->seen == 0 && second->delivered == 1 && w.attempts_count == 2);
}

/* P16 */
TEST(p16_r091_none_matches_and_it_is_put_off_with_the_record_looked_at_afresh)
{
    domain_with("enforce");
    http_policy("enforce", "a.example");
    CHECK(deliver() == STS_ERR_MX_MISMATCH);
    CHECK(!to[0].final && w.decision.source == STS_SOURCE_FETCHED);
}

/* T01, WIRE: STARTTLS stripped. */
TEST(t01_stripped_starttls_under_enforce_sends_nothing)
{
    domain_with("enforce");
    mx->no_starttls = true;
    CHECK(deliver() == STS_ERR_STARTTLS);
    CHECK(clear_is_innocent() && mx->delivered == 0 && !to[0].final);
}

/* T06: octets behind the 220. Never a second try in clear either, though nothing demands TLS. */
TEST(t06_octets_behind_the_220_end_the_session)
{
    domain();
    mx->behind_220 = "250 fake\r\n";
    CHECK(deliver() == STS_ERR_TLS);
    CHECK(clear_is_innocent() && mx->delivered == 0 && mx->seen == 1);
}

/* T16, R-084 */
TEST(t16_a_failed_handshake_under_enforce_is_never_followed_by_clear_text)
{
    domain_with("enforce");
    mx->handshake = STS_ERR_TLS;
    CHECK(deliver() == STS_ERR_TLS);
    CHECK(clear_is_innocent() && mx->seen == 1);
}

TEST(a_failed_handshake_without_a_policy_is_followed_by_a_new_connection_in_clear)
{
    domain();
    mx->handshake = STS_ERR_TLS;
    CHECK(deliver() == STS_OK);
    CHECK(mx->seen == 2 && w.attempts_count == 2);
    CHECK(w.attempts[0].error == STS_ERR_TLS && w.attempts[1].error == STS_OK);
    CHECK(w.attempts[1].tls_version == 0);
    CHECK(!w.attempts[0].again && w.attempts[1].again);
}

/* What a report tells beside the error (tlsrpt.h). */
TEST(r168_an_attempt_tells_both_addresses_and_what_the_handshake_found)
{
    domain();
    mx->tls = (struct sts_tls_state){0x0304, false, STS_ERR_CERT_EXPIRED};
    CHECK(deliver() == STS_OK && w.attempts_count == 1);
    CHECK(w.attempts[0].error == STS_OK && w.attempts[0].tls_error == STS_ERR_CERT_EXPIRED);
    CHECK(w.attempts[0].sender.family == 4 && w.attempts[0].sender.bytes[3] == 7);
    CHECK(w.attempts[0].decision == &m.discover.decision);
    CHECK(strcmp(w.decision.domain, "example.org") == 0);
    domain();
    mx->refuse = true;
    CHECK(deliver() != STS_OK && w.attempts[0].sender.family == 0);
}

static const struct {
    int err;
    int name;
} certificates[] = {
    {STS_ERR_CERT_HOST, 0}, {STS_ERR_CERT_EXPIRED, 0}, {STS_ERR_CERT_TRUST, 0}, {STS_ERR_TLS, 0}};

/* R-080, R-081, R-082 */
TEST(r080_a_bad_certificate_under_enforce_sends_nothing)
{
    for (size_t i = 0; i < 4; i++) {
        domain_with("enforce");
        mx->tls = (struct sts_tls_state){0x0303, false, certificates[i].err};
        CHECK(deliver() == certificates[i].err);
        CHECK(clear_is_innocent() && mx->delivered == 0 && !to[0].final);
        CHECK(w.attempts[0].error == certificates[i].err && !w.attempts[0].verified);
    }
}

/* R-085, P17: testing delivers all the same, and says what was wrong. */
TEST(r085_testing_delivers_and_tells_what_fell_short)
{
    for (size_t i = 0; i < 4; i++) {
        domain_with("testing");
        mx->tls = (struct sts_tls_state){0x0304, false, certificates[i].err};
        CHECK(deliver() == STS_OK);
        CHECK(w.attempts[0].error == certificates[i].err && mx->delivered == 1);
    }
    domain_with("testing");
    mx->no_starttls = true;
    CHECK(deliver() == STS_OK);
    CHECK(w.attempts[0].error == STS_ERR_STARTTLS && w.attempts[0].tls_version == 0);
    domain_with("testing");
    http_policy("testing", "other.example");
    CHECK(deliver() == STS_OK);
    CHECK(w.attempts[0].error == STS_ERR_MX_MISMATCH && w.attempts[0].policy_match == 0);
    domain_with("testing");
    mx->handshake = STS_ERR_TLS;
    CHECK(deliver() == STS_OK);
    CHECK(w.attempts_count == 2 && w.attempts[0].error == STS_ERR_TLS);
}

/* R-086, P18 */
TEST(r086_mode_none_is_as_no_policy)
{
    domain_with("none");
    mx->no_starttls = true;
    CHECK(deliver() == STS_OK);
    CHECK(w.decision.mode == STS_MODE_NONE && w.attempts[0].policy_match == -1);
    CHECK(w.attempts[0].error == STS_OK);
}

/* P32: floor x mode x what the server is, every cell; the oracle is written from cli.md's words. */
TEST(p32_floor_mode_and_server_every_cell)
{
    static const char *const modes[] = {NULL, "none", "testing", "enforce"};

    for (int floor = 0; floor < 4; floor++) {
        for (int mode = 0; mode < 4; mode++) {
            for (int server = 0; server < 4; server++) {
                bool enforce = mode == 3, in_force = mode >= 2;
                bool want_verified = enforce || floor >= STS_FLOOR_VERIFIED;
                bool want_tls = want_verified || floor >= STS_FLOOR_ENCRYPTED;
                bool tls = server == 1 || server == 2, verified = server == 2;
                bool ok = (!want_tls || tls) && (!want_verified || verified) &&
                          (floor != STS_FLOOR_POLICY || in_force);

                if (mode == 0) {
                    domain();
                } else {
                    domain_with(modes[mode]);
                }
                w.config.floor = (uint8_t)floor;
                mx->no_starttls = server == 0;
                mx->handshake = server == 3 ? STS_ERR_TLS : STS_OK;
                mx->tls = (struct sts_tls_state){0x0304, verified, verified ? 0 : -33};
                CHECK((deliver() == STS_OK) == ok);
                CHECK(mx->delivered == ok && !to[0].final);
                CHECK(!want_tls || clear_is_innocent());
            }
        }
    }
}

/* C-7: the stricter of the general floor and the domain's. */
TEST(c_7_a_domains_own_floor_can_only_raise)
{
    static const struct sts_domain_floor up[] = {{"example.org", STS_FLOOR_POLICY},
                                                 {"example.net", STS_FLOOR_ENCRYPTED}};
    static const struct sts_domain_floor down[] = {{"example.org", STS_FLOOR_OPPORTUNISTIC}};

    domain();
    w.config.floors = up;
    w.config.floors_count = 2;
    CHECK(deliver() == STS_ERR_POLICY_REQUIRED);
    CHECK(mx->seen == 0 && w.attempts_count == 0 && w.decision.floor == STS_FLOOR_POLICY);
    domain();
    w.config.floor = STS_FLOOR_ENCRYPTED;
    w.config.floors = down;
    w.config.floors_count = 1;
    mx->no_starttls = true;
    CHECK(deliver() == STS_ERR_STARTTLS);
}

static const struct sts_policy *parsed(const char *text)
{
    static struct sts_policy p;
    struct sts_policy_parser parser;

    sts_policy_start(&parser, &p);
    CHECK(sts_policy_feed(&parser, text, strlen(text)) == STS_OK);
    CHECK(sts_policy_end(&parser) == STS_OK);
    return &p;
}

TEST(a_provisioned_policy_holds_on_first_contact_and_is_not_looked_up)
{
    struct sts_provisioned p = {D, parsed(POLICY("enforce", "mx1.example.org"))};

    domain();
    w.config.provisioned = &p;
    w.config.provisioned_count = 1;
    mx->no_starttls = true;
    CHECK(deliver() == STS_ERR_STARTTLS);
    CHECK(w.decision.source == STS_SOURCE_PROVISIONED && w.questions_at_once == 1);
    CHECK(clear_is_innocent());
}

/* P32, C-7: a floor that comes with the mail raises the mailer's, and never lowers it; the domain's stays in force. */
TEST(c_7_a_mails_own_floor_can_only_raise)
{
    static const struct sts_domain_floor own = {D, STS_FLOOR_VERIFIED};

    for (int of_mailer = 0; of_mailer < 4; of_mailer++) {
        for (int of_mail = 0; of_mail < 4; of_mail++) {
            for (int of_domain = 0; of_domain < 2; of_domain++) {
                int want = of_mail > of_mailer ? of_mail : of_mailer;

                want = of_domain && want < STS_FLOOR_VERIFIED ? STS_FLOOR_VERIFIED : want;
                domain();
                w.config.floor = (uint8_t)of_mailer;
                w.config.floors = &own;
                w.config.floors_count = (size_t)of_domain;
                prepare(1);
                mail.floor = (uint8_t)of_mail;
                CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
                CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
                CHECK((run() == STS_OK) == (want < STS_FLOOR_POLICY));
                CHECK(w.decision.floor == want);
            }
        }
    }
}

/* A refresh is of no mail. */
TEST(a_mails_own_floor_and_policies_are_gone_with_it)
{
    static const struct sts_policy none;
    struct sts_provisioned p = {D, &none};

    domain();
    prepare(1);
    mail.floor = STS_FLOOR_VERIFIED;
    mail.provisioned = &p;
    mail.provisioned_count = 1;
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_OK);
    CHECK(w.decision.source == STS_SOURCE_PROVISIONED && w.decision.floor == STS_FLOOR_VERIFIED);
    CHECK(sts_mailer_refresh(&m, D, &w.now) == STS_OK);
    CHECK(run() != STS_OK);
    CHECK(w.decision.source == STS_SOURCE_NONE && w.decision.floor == STS_FLOOR_OPPORTUNISTIC);
}

/* The mailer's own come first: they are its owner's; a mail's were stored with it. */
TEST(a_mails_provisioned_policy_holds_where_the_mailer_has_none)
{
    struct sts_policy other = *parsed(POLICY("enforce", "else.example.org"));
    struct sts_provisioned wrong = {D, &other};
    struct sts_provisioned away = {"example.net", &other};
    struct sts_provisioned right = {D, parsed(POLICY("enforce", "mx1.example.org"))};

    for (int own = 0; own < 3; own++) {
        domain();
        w.config.provisioned = own == 2 ? &wrong : &away;
        w.config.provisioned_count = own > 0;
        prepare(1);
        mail.provisioned = &right;
        mail.provisioned_count = 1;
        CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
        CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
        CHECK(run() == (own == 2 ? STS_ERR_MX_MISMATCH : STS_OK));
        CHECK(w.decision.source == STS_SOURCE_PROVISIONED && w.decision.mode == STS_MODE_ENFORCE);
    }
}

TEST(a_refusal_by_one_mx_is_told_though_the_next_one_took_the_rest)
{
    struct world_server *second;

    domain();
    world_dns(&w, D, STS_DNS_MX, "20 mx2.example.org");
    world_dns(&w, "mx2.example.org", STS_DNS_A, "192.0.2.11");
    second = world_listen(&w, "192.0.2.11", 25);
    mx->at = "RCPT TO:<";
    mx->reply = "450 4.2.0 later\r\n";
    prepare(2);
    to[1].address = "gone@example.org";
    second->at = "RCPT TO:<gone";
    second->reply = "550 5.1.1 gone\r\n";
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_ERR_REJECTED);
    CHECK(to[0].error == STS_OK && to[1].error == STS_ERR_REJECTED && to[1].final);
}

/* ---- what cannot be known ------------------------------------------------------------------ */

/* C-4, D23, R-024, P19 */
TEST(c_4_an_unknown_record_with_nothing_cached_defers)
{
    static const int rcodes[] = {2, 5, -1};

    for (size_t i = 0; i < 3; i++) {
        domain();
        world_rcode(&w, "_mta-sts." D, STS_DNS_TXT, rcodes[i]);
        CHECK(deliver() == STS_ERR_DNS);
        CHECK(mx->seen == 0 && !to[0].final);
    }
}

/* P19: absent is an answer. */
TEST(p19_an_absent_record_is_no_policy)
{
    domain();
    world_rcode(&w, "_mta-sts." D, STS_DNS_TXT, 3);
    CHECK(deliver() == STS_OK);
    domain();
    world_rcode(&w, "_mta-sts." D, STS_DNS_TXT, 0);
    CHECK(deliver() == STS_OK);
}

/* R-019: malformed, or several: no policy. */
TEST(r019_a_malformed_record_announces_nothing)
{
    domain_with("enforce");
    w.records[2].data = "v=STSv1; id=not-alnum";
    CHECK(deliver() == STS_OK);
    CHECK(w.decision.source == STS_SOURCE_NONE && w.decision.error == STS_OK);
}

/* D22, D24 */
TEST(d22_an_unknown_mx_is_never_taken_for_none)
{
    static const int rcodes[] = {2, 5, -1};

    for (size_t i = 0; i < 3; i++) {
        domain();
        w.records[0].data = NULL;
        w.records[0].rcode = rcodes[i];
        world_dns(&w, D, STS_DNS_A, "192.0.2.10");
        CHECK(deliver() == STS_ERR_DNS);
        CHECK(mx->seen == 0 && !to[0].final);
    }
}

static void without_mx(void)
{
    domain_with("enforce");
    w.records[0] = (struct world_record){D, STS_DNS_A, "192.0.2.10", 0};
}

/* D24, D25, R-073: the implicit MX, and it must match too. */
TEST(d25_the_implicit_mx_has_to_match_the_policy)
{
    without_mx();
    CHECK(deliver() == STS_ERR_MX_MISMATCH);
    without_mx();
    http_policy("enforce", "example.org");
    CHECK(deliver() == STS_OK);
    CHECK(strcmp(w.attempt_mx[0], "example.org") == 0);
}

/* C-11, D24, D26, S26: final where nothing forbids it, put off under enforce or a floor. */
static void finality(void (*set)(void), int error)
{
    set();
    CHECK(deliver() == error && to[0].final);
    set();
    w.config.floor = STS_FLOOR_ENCRYPTED;
    CHECK(deliver() == error && !to[0].final);
    set();
    world_dns(&w, "_mta-sts." D, STS_DNS_TXT, "v=STSv1; id=1");
    world_dns(&w, "mta-sts." D, STS_DNS_A, "127.0.0.20");
    web = world_listen(&w, "127.0.0.20", 443);
    http_policy("enforce", "mx1.example.org");
    web->http = http;
    CHECK(deliver() == error && !to[0].final);
}

static void nxdomain(void)
{
    world_start(&w);
    world_rcode(&w, D, STS_DNS_MX, 3);
    mx = NULL;
}

static void null_mx(void)
{
    domain();
    w.records[0].data = "0 ";
}

static void ourselves(void)
{
    domain();
    w.records[0].data = "10 device.example.com";
}

TEST(d24_nxdomain_is_final_only_where_it_can_be_believed)
{
    nxdomain();
    prepare(1);
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_ERR_NXDOMAIN && to[0].final);
    w.config.floor = STS_FLOOR_VERIFIED;
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_ERR_NXDOMAIN && !to[0].final);
}

TEST(d26_a_null_mx_is_final_only_where_it_can_be_believed)
{
    finality(null_mx, STS_ERR_NULL_MX);
}

TEST(s26_a_loop_is_final_only_where_it_can_be_believed)
{
    finality(ourselves, STS_ERR_LOOP);
}

TEST(s26_a_domain_without_mx_that_is_this_host_is_a_loop)
{
    domain();
    w.records[0] = (struct world_record){D, STS_DNS_A, "127.0.0.10", 0};
    w.config.hostname = "Example.org";
    CHECK(deliver() == STS_ERR_LOOP && to[0].final && mx->seen == 0);
}

TEST(d26_a_null_mx_among_others_is_ignored)
{
    domain();
    world_dns(&w, D, STS_DNS_MX, "0 ");
    CHECK(deliver() == STS_OK);
}

TEST(a_domain_with_neither_mx_nor_address_is_final)
{
    world_start(&w);
    world_dns(&w, D, STS_DNS_TXT, "x");
    mx = NULL;
    prepare(1);
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_ERR_NXDOMAIN && to[0].final);
}

TEST(an_mx_that_does_not_exist_is_passed_over)
{
    domain();
    world_dns(&w, D, STS_DNS_MX, "5 nowhere.example.org");
    CHECK(deliver() == STS_OK);
    domain();
    w.records[1].name = "other.example.org";
    CHECK(deliver() == STS_ERR_DNS);
    CHECK(!to[0].final);
}

/* D27, RFC 2181 10.3 */
TEST(d27_an_mx_that_is_an_alias_is_skipped)
{
    domain();
    w.records[1] = (struct world_record){"mx1.example.org", STS_DNS_CNAME, "real.example.org", 0};
    world_dns(&w, "real.example.org", STS_DNS_A, "127.0.0.10");
    CHECK(deliver() == STS_ERR_DNS);
    CHECK(mx->seen == 0 && !to[0].final);
}

/* ---- the policy host ----------------------------------------------------------------------- */

/* R-044, P20, C-6 */
TEST(r044_announced_and_not_to_be_had_is_as_without_and_said)
{
    domain_with("enforce");
    web->http = "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n";
    CHECK(deliver() == STS_OK);
    CHECK(w.decision.error == STS_ERR_POLICY_FETCH && w.decision.source == STS_SOURCE_NONE);
    domain_with("enforce");
    web->tls = (struct sts_tls_state){0x0304, false, STS_ERR_CERT_HOST};
    CHECK(deliver() == STS_OK);
    CHECK(w.decision.error == STS_ERR_POLICY_WEBPKI);
    domain_with("enforce");
    http_policy("enforced", "mx1.example.org");
    CHECK(deliver() == STS_OK);
    CHECK(w.decision.error == STS_ERR_POLICY_INVALID);
    domain_with("enforce");
    web->http = "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n";
    w.config.floor = STS_FLOOR_POLICY;
    CHECK(deliver() == STS_ERR_POLICY_REQUIRED);
    CHECK(mx->seen == 0);
}

/* H26: what fails here is no reason to send without the policy. */
TEST(h26_own_trouble_at_the_policy_host_defers_and_is_not_held_against_the_domain)
{
    static const int errors[] = {STS_ERR_MEMORY, STS_ERR_RANDOM};

    for (size_t i = 0; i < 2; i++) {
        domain_with("enforce");
        web->handshake = errors[i];
        CHECK(deliver() == errors[i] && mx->seen == 0 && !to[0].final);
        CHECK(w.decision.error == STS_ERR_POLICY_FETCH);
    }
}

static uint8_t memory[16384];
static struct sts_ram_store ram;
static struct sts_store store;

static void with_store(bool fresh)
{
    if (fresh) {
        sts_ram_store_init(&ram, memory, sizeof memory, &store);
    }
    w.config.store = &store;
}

/* R-100, R-104: the same id is not fetched again. R-109. */
TEST(r104_a_cached_policy_with_the_same_id_is_used_without_a_fetch)
{
    domain_with("enforce");
    with_store(true);
    CHECK(deliver() == STS_OK && web->seen == 1);
    domain_with("enforce");
    with_store(false);
    CHECK(deliver() == STS_OK && web->seen == 0);
    CHECK(w.decision.source == STS_SOURCE_CACHED && strcmp(w.decision.id, "1") == 0);
    domain_with("enforce");
    with_store(false);
    w.records[2].data = "v=STSv1; id=2";
    CHECK(deliver() == STS_OK && web->seen == 1);
    CHECK(w.decision.source == STS_SOURCE_FETCHED && strcmp(w.decision.id, "2") == 0);
}

/* R-102, R-103, P21: whatever is done to the live look-up, the cached policy holds. */
TEST(p21_a_cached_policy_holds_when_dns_and_https_lie)
{
    for (int lie = 0; lie < 6; lie++) {
        domain_with("enforce");
        with_store(true);
        CHECK(deliver() == STS_OK);
        domain_with("enforce");
        with_store(false);
        mx->no_starttls = true;
        switch (lie) {
        case 0: w.records[2].name = "elsewhere"; break;
        case 1: w.records[2].data = NULL, w.records[2].rcode = 2; break;
        case 2: w.records[2].data = NULL, w.records[2].rcode = -1; break;
        case 3: w.records[2].data = "v=STSv1; id="; break;
        case 4: w.records[2].data = "v=STSv1; id=9", web->refuse = true; break;
        default: w.records[2].data = "v=STSv1; id=9", web->http = "HTTP/1.1 302 x\r\n\r\n"; break;
        }
        CHECK(deliver() == STS_ERR_STARTTLS);
        CHECK(clear_is_innocent() && w.decision.source == STS_SOURCE_CACHED);
        CHECK(w.decision.error == (lie >= 4 ? STS_ERR_POLICY_FETCH : STS_OK));
    }
}

/* R-043, P23, H24: after a failed fetch five minutes of peace for this id, not for another. */
TEST(r043_a_failed_fetch_is_not_repeated_within_five_minutes)
{
    domain_with("enforce");
    with_store(true);
    web->http = "HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n";
    CHECK(deliver() == STS_OK && web->seen == 1);
    domain_with("enforce");
    with_store(false);
    w.now.utc_s += 60;
    CHECK(deliver() == STS_OK && web->seen == 0);
    CHECK(w.decision.error == STS_ERR_POLICY_FETCH);
    domain_with("enforce");
    with_store(false);
    w.now.utc_s += 61;
    w.records[2].data = "v=STSv1; id=2";
    CHECK(deliver() == STS_OK && web->seen == 1);
}

/* R-105, R-106, P22: the policy changed and the id did not. */
TEST(r106_a_policy_is_fetched_again_in_time_whatever_the_record_says)
{
    for (int gone = 0; gone < 2; gone++) {
        domain_with("enforce");
        with_store(true);
        CHECK(deliver() == STS_OK);
        domain_with("enforce");
        with_store(false);
        w.now.utc_s += 2 * 86400;
        if (gone) {
            w.records[2].name = "elsewhere";
        }
        http_policy("testing", "mx1.example.org");
        CHECK(deliver() == STS_OK && web->seen == 1);
        CHECK(w.decision.mode == STS_MODE_TESTING && w.decision.source == STS_SOURCE_FETCHED);
        CHECK(strstr(w.log, "policy-weakened") != NULL); /* P04 */
    }
}

/* cli: policy.error is about a policy that was announced. */
TEST(r106_a_refresh_that_fails_is_an_error_only_where_the_policy_is_announced)
{
    for (int gone = 0; gone < 2; gone++) {
        domain_with("enforce");
        with_store(true);
        CHECK(deliver() == STS_OK);
        domain_with("enforce");
        with_store(false);
        w.now.utc_s += 2 * 86400;
        if (gone) {
            w.records[2].name = "elsewhere";
        }
        web->refuse = true;
        CHECK(deliver() == STS_OK && w.decision.source == STS_SOURCE_CACHED);
        CHECK(w.decision.error == (gone ? STS_OK : STS_ERR_POLICY_FETCH));
    }
}

TEST(a_refresh_fetches_whatever_is_held)
{
    domain_with("enforce");
    with_store(true);
    prepare(1);
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_refresh(&m, "Example.org.", &w.now) == STS_OK);
    CHECK(run() == STS_OK && web->seen == 1 && mx->seen == 0);
    CHECK(sts_mailer_refresh(&m, D, &w.now) == STS_OK);
    CHECK(run() == STS_OK && web->seen == 2);
    web->refuse = true;
    CHECK(sts_mailer_refresh(&m, D, &w.now) == STS_OK);
    CHECK(run() == STS_ERR_POLICY_FETCH);
    web->refuse = false;
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_OK && w.decision.source == STS_SOURCE_CACHED); /* R-110 */
}

static int32_t failing_get(void *ctx, uint8_t kind, const char *key)
{
    (void)ctx;
    (void)kind;
    (void)key;
    return STS_ERR_IO;
}

/* F07: what cannot be read may be a policy. */
TEST(f07_a_store_that_cannot_be_read_defers_unless_a_policy_is_fetched)
{
    domain();
    with_store(true);
    store.get = failing_get;
    CHECK(deliver() == STS_ERR_IO && mx->seen == 0 && !to[0].final);
    domain_with("enforce");
    with_store(true);
    store.get = failing_get;
    CHECK(deliver() == STS_OK && w.decision.source == STS_SOURCE_FETCHED);
}

static int failing_put(void *ctx, uint8_t kind, const char *key)
{
    (void)ctx;
    (void)kind;
    (void)key;
    return STS_ERR_SPACE;
}

TEST(a_store_that_cannot_be_written_is_said_and_stops_nothing)
{
    domain_with("enforce");
    with_store(true);
    store.put = failing_put;
    CHECK(deliver() == STS_OK && w.warnings > 0);
    CHECK(w.decision.mode == STS_MODE_ENFORCE);
}

/* ---- other hosts, other addresses ------------------------------------------------------------ */

static struct world_server *two_mx(void)
{
    domain();
    world_dns(&w, D, STS_DNS_MX, "20 mx2.example.org");
    world_dns(&w, "mx2.example.org", STS_DNS_A, "192.0.2.11");
    return world_listen(&w, "192.0.2.11", 25);
}

/* S25: refused, silent, bad TLS, 4yz and 5yz greeting: the next one is used. */
TEST(s25_the_next_mx_is_used_when_the_first_fails)
{
    for (int how = 0; how < 6; how++) {
        struct world_server *second = two_mx();

        w.config.floor = how == 2 ? STS_FLOOR_VERIFIED : STS_FLOOR_OPPORTUNISTIC;
        switch (how) {
        case 0: mx->refuse = true; break;
        case 1: mx->silent = true; break;
        case 2: mx->tls = (struct sts_tls_state){0x0304, false, STS_ERR_CERT_HOST}; break;
        case 3: mx->greeting = "421 later\r\n"; break;
        case 4: mx->greeting = "554 no\r\n"; break;
        default: mx->at = "EHLO", mx->reply = NULL; break;
        }
        CHECK(deliver() == STS_OK && second->delivered == 1 && mx->delivered == 0);
        CHECK(w.attempts_count >= 2 && w.attempts[0].error != STS_OK);
    }
}

/* cli: a 5yz before MAIL is final only when every MX said so. */
TEST(a_refusal_before_mail_is_final_only_when_every_mx_says_so)
{
    struct world_server *second = two_mx();

    mx->greeting = "554 no\r\n";
    second->greeting = "554 no\r\n";
    prepare(1);
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_ERR_REJECTED && to[0].final);
    mx->refuse = true;
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_ERR_REJECTED && !to[0].final);
    second = two_mx();
    mx->greeting = "554 no\r\n";
    second->greeting = "421 later\r\n";
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    prepare(1);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_ERR_TEMPFAIL && !to[0].final);
}

/* C-11, T20, Q10: under a floor a 5yz in clear proves nothing; inside verified TLS it counts. */
TEST(t20_a_refusal_in_clear_under_a_floor_is_put_off_and_inside_verified_tls_it_counts)
{
    domain_with("enforce");
    mx->greeting = "554 no\r\n";
    CHECK(deliver() != STS_OK && !to[0].final);
    domain_with("enforce");
    mx->at = "RCPT";
    mx->reply = "550 5.1.1 no\r\n";
    CHECK(deliver() == STS_ERR_REJECTED && to[0].final);
    domain();
    w.config.floor = STS_FLOOR_ENCRYPTED;
    mx->tls = (struct sts_tls_state){0x0304, false, STS_ERR_CERT_TRUST};
    mx->at = "RCPT";
    mx->reply = "550 5.1.1 no\r\n";
    CHECK(deliver() != STS_OK && !to[0].final);
}

/* A 5yz to RCPT is not tried elsewhere. */
TEST(a_refused_recipient_is_not_taken_to_the_next_mx)
{
    struct world_server *second = two_mx();

    mx->at = "RCPT";
    mx->reply = "550 5.1.1 no\r\n";
    prepare(1);
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_ERR_REJECTED && second->seen == 0);
}

/* S14: silence or an end behind the final dot is not taken elsewhere, which would double the mail. */
TEST(s14_a_loss_after_the_dot_is_put_off_and_not_tried_elsewhere)
{
    for (int hang = 0; hang < 2; hang++) {
        struct world_server *second = two_mx();

        mx->at = ".";
        mx->hang_at = hang == 1;
        prepare(1);
        CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
        CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
        CHECK(run() == (hang ? STS_ERR_TIMEOUT : STS_ERR_CLOSED));
        CHECK(second->seen == 0 && !to[0].final && to[0].error != STS_OK);
    }
}

/* S28, S32 */
TEST(s28_whatever_is_said_to_quit_the_mail_is_delivered)
{
    domain();
    mx->at = "QUIT";
    mx->reply = "500 what\r\n";
    CHECK(deliver() == STS_OK);
    domain();
    mx->at = "QUIT";
    mx->hang_at = true;
    CHECK(deliver() == STS_OK);
    domain();
    mx->at = "QUIT";
    CHECK(deliver() == STS_OK);
}

TEST(another_address_of_the_same_mx_is_tried)
{
    struct world_server *second;

    domain();
    world_dns(&w, "mx1.example.org", STS_DNS_A, "192.0.2.12");
    second = world_listen(&w, "192.0.2.12", 25);
    mx->refuse = true;
    prepare(1);
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_OK && second->delivered == 1);
}

/* S19, S20 */
TEST(s19_a_message_larger_than_every_mx_takes_is_refused_for_good)
{
    domain();
    mx->offers = "250-SIZE 10\r\n";
    CHECK(deliver() == STS_ERR_SIZE && to[0].final && mx->delivered == 0);
    domain();
    mx->offers = "250-SIZE 10\r\n";
    w.config.floor = STS_FLOOR_ENCRYPTED;
    mx->tls = (struct sts_tls_state){0x0304, false, STS_ERR_CERT_TRUST};
    CHECK(deliver() == STS_ERR_SIZE && !to[0].final);
}

/* ---- misuse -------------------------------------------------------------------------------- */

/* C01, C02 */
TEST(c01_without_a_clock_nothing_is_sent)
{
    domain();
    w.now.trust = STS_CLOCK_UNSET;
    CHECK(deliver() == STS_ERR_CLOCK && mx->seen == 0 && w.questions == 0 && !to[0].final);
}

TEST(d02_without_random_numbers_nothing_is_asked)
{
    domain();
    w.random_fails = true;
    CHECK(deliver() == STS_ERR_DNS && w.questions == 0 && !to[0].final);
}

/* M05, M06, P30, P31, L12 */
TEST(l12_what_is_wrong_with_a_mail_is_found_before_anything_is_sent)
{
    struct sts_mailer_config c;

    domain();
    prepare(2);
    CHECK(sts_mailer_init(&m, NULL) == STS_ERR_ARG);
    CHECK(sts_mailer_init_sized(&m, sizeof m - 1, &w.config) == STS_ERR_CONFIG);
    c = w.config;
    c.dns_count = 0;
    CHECK(sts_mailer_init(&m, &c) == STS_ERR_CONFIG);
    c = w.config;
    c.hostname = "a b";
    CHECK(sts_mailer_init(&m, &c) == STS_ERR_NAME); /* S29 */
    c.hostname = "[192.0.2.1]";
    CHECK(sts_mailer_init(&m, &c) == STS_OK);
    c.hostname = "[IPv6:2001:db8::1]";
    CHECK(sts_mailer_init(&m, &c) == STS_OK);
    c.hostname = "[IPv6:192.0.2.1]";
    CHECK(sts_mailer_init(&m, &c) == STS_ERR_NAME);
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_poll(&m, &w.now) == STS_ERR_STATE);
    CHECK(sts_mailer_send(&m, NULL, &w.now) == STS_ERR_ARG);
    to[1].address = "x@example.net";
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_ERR_ARG);
    to[1].address = "x@[192.0.2.1]";
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_ERR_ADDRESS);
    to[1].address = "x@192.0.2.1";
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_ERR_ADDRESS);
    to[1].address = "x\r\nRCPT TO:<y@example.org>";
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_ERR_ADDRESS);
    to[1].address = "x@example.org";
    mail.sender = "no address";
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_ERR_ADDRESS);
    mail.sender = "";
    message.subject = "a\r\nBcc: x@example.org";
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_ERR_MESSAGE);
    message.subject = "a";
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_ERR_STATE);
    CHECK(run() == STS_OK);
    CHECK(w.questions > 0);
}

TEST(a_delivery_can_be_broken_off_at_any_step)
{
    for (int steps = 0; steps < 40; steps++) {
        domain_with("enforce");
        prepare(1);
        CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
        CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
        for (int i = 0; i < steps && sts_mailer_poll(&m, &w.now) == STS_BUSY; i++) {
            sts_mailer_wait(&m, &w.now, 1);
        }
        sts_mailer_abort(&m);
        CHECK(world_is_quiet(&w));
        CHECK(to[0].error == (mx->delivered ? STS_OK : STS_ERR_CLOSED));
    }
}

/* ---- whose policy it is (RFC 8461 1.1, 3.1, 3.4) --------------------------------------------- */

/* A policy host for `name`, and its record. */
static void policy_for(const char *record, const char *host)
{
    world_dns(&w, record, STS_DNS_TXT, "v=STSv1; id=1");
    world_dns(&w, host, STS_DNS_A, "127.0.0.20");
    web = world_listen(&w, "127.0.0.20", 443);
    http_policy("enforce", "other.example.org");
    web->http = http;
}

/* R-001 */
TEST(r001_the_recipients_domain_decides_and_not_the_senders)
{
    domain();
    policy_for("_mta-sts.example.com", "mta-sts.example.com");
    CHECK(deliver() == STS_OK);
    CHECK(w.decision.source == STS_SOURCE_NONE && web->seen == 0);
    domain();
    policy_for("_mta-sts." D, "mta-sts." D);
    CHECK(deliver() == STS_ERR_MX_MISMATCH);
}

/* R-003, P31 */
TEST(r003_a_recipient_at_an_address_literal_is_refused_before_anything_is_asked)
{
    static const char *const literals[] = {"ops@[192.0.2.10]", "ops@[IPv6:2001:db8::1]"};

    for (size_t i = 0; i < 2; i++) {
        domain();
        prepare(1);
        to[0].address = literals[i];
        CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
        CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_ERR_ADDRESS);
        CHECK(w.questions == 0 && mx->seen == 0);
    }
}

/* R-004: _mta-sts.example.org says nothing about mail.example.org. */
TEST(r004_a_parents_policy_is_not_inherited)
{
    domain_with("enforce");
    http_policy("enforce", "other.example.org");
    world_dns(&w, "mail.example.org", STS_DNS_MX, "10 mx1.example.org");
    CHECK(deliver_to("ops@mail.example.org") == STS_OK);
    CHECK(w.decision.source == STS_SOURCE_NONE && web->seen == 0);
}

/* R-005: example.org is an alias of example.net; whoever runs that does not decide. */
TEST(r005_an_alias_keeps_the_policy_of_the_name_in_the_address)
{
    for (int own = 0; own < 2; own++) {
        domain();
        w.records[0] = (struct world_record){D, STS_DNS_CNAME, "example.net", 0};
        world_dns(&w, "example.net", STS_DNS_MX, "10 mx1.example.org");
        if (own) {
            policy_for("_mta-sts.example.org", "mta-sts.example.org");
        } else {
            policy_for("_mta-sts.example.net", "mta-sts.example.net");
        }
        CHECK(deliver() == (own ? STS_ERR_MX_MISMATCH : STS_OK));
        CHECK(web->seen == own);
    }
}

/* R-007: the MX and its address are the same; the domains are not. */
TEST(r007_domains_that_share_an_mx_share_no_policy)
{
    domain_with("enforce");
    with_store(true);
    CHECK(deliver() == STS_OK);
    domain();
    with_store(false);
    world_dns(&w, "example.net", STS_DNS_MX, "10 mx1.example.org");
    mx->no_starttls = true;
    CHECK(deliver_to("ops@example.net") == STS_OK);
    CHECK(w.decision.source == STS_SOURCE_NONE && w.attempts[0].tls_version == 0);
    domain();
    with_store(false);
    mx->no_starttls = true;
    CHECK(deliver() == STS_ERR_STARTTLS);
    CHECK(w.decision.source == STS_SOURCE_CACHED && clear_is_innocent());
}

/* R-010: the record stands at _mta-sts.example.org and nowhere else. */
TEST(r010_the_record_is_looked_for_behind_its_prefix_alone)
{
    static const char *const names[] = {D, "mta-sts." D, "_mta_sts." D, "_mta-sts._tcp." D,
                                        "_mta-sts." D};

    for (size_t i = 0; i < 5; i++) {
        domain();
        policy_for(names[i], "mta-sts." D);
        CHECK(deliver() == (i < 4 ? STS_OK : STS_ERR_MX_MISMATCH));
        CHECK(web->seen == (i == 4));
    }
}

/* D34: 253 octets with the prefix; refused, never cut. */
TEST(d34_r006_a_domain_that_leaves_no_room_for_the_prefix_is_refused)
{
    char address[300];

    for (size_t len = 244; len <= 245; len++) {
        size_t at = (size_t)snprintf(address, sizeof address, "ops@");

        domain();
        prepare(1);
        for (size_t i = 1; i <= len; i++) {
            address[at++] = i % 50 == 0 && i < len ? '.' : 'a';
        }
        address[at] = '\0';
        to[0].address = address;
        CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
        CHECK(sts_mailer_send(&m, &mail, &w.now) == (len == 244 ? STS_OK : STS_ERR_NAME));
        if (len == 244) {
            CHECK(run() == STS_ERR_NXDOMAIN);
        } else {
            CHECK(to[0].error == STS_ERR_NAME && sts_mailer_poll(&m, &w.now) == STS_ERR_NAME);
            CHECK(sts_mailer_refresh(&m, address + 4, &w.now) == STS_ERR_NAME);
        }
        CHECK(world_is_quiet(&w));
    }
}

/* R-035, R-036: TLS is told the policy host's own name, alias or not. R-081, R-083: and the MX's own. */
TEST(r083_tls_is_told_the_name_that_was_asked_for_and_not_what_it_is_an_alias_of)
{
    domain_with("enforce");
    http_policy("enforce", "*.example.org");
    w.records[3] = (struct world_record){"mta-sts." D, STS_DNS_CNAME, "hosting.example.net", 0};
    world_dns(&w, "hosting.example.net", STS_DNS_A, "127.0.0.20");
    CHECK(deliver() == STS_OK);
    CHECK(strcmp(web->tls_name, "mta-sts.example.org") == 0);
    CHECK(strcmp(mx->tls_name, "mx1.example.org") == 0);
}

/* ---- what is held, and for how long ----------------------------------------------------------- */

/* R-091, R-092, R-114: the record is asked for at each delivery, a moment after the last too, and a new id
 * undoes what is held. */
TEST(r092_the_record_is_asked_for_at_each_delivery)
{
    domain_with("enforce");
    with_store(true);
    CHECK(deliver() == STS_OK && w.questions_txt == 1 && web->seen == 1);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_OK && w.questions_txt == 2 && web->seen == 1);
    w.records[2].data = "v=STSv1; id=2";
    http_policy("testing", "mx1.example.org");
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_OK && w.questions_txt == 3 && web->seen == 2);
    CHECK(w.decision.mode == STS_MODE_TESTING);
}

/* R-107: long before the policy that is held expires; R-108: but for one that asks for nothing. */
TEST(r107_a_refresh_that_fails_is_said_unless_the_policy_is_none)
{
    static const char *const modes[] = {"enforce", "testing", "none"};

    for (size_t i = 0; i < 3; i++) {
        domain_with(modes[i]);
        with_store(true);
        CHECK(deliver() == STS_OK && w.warnings == 0);
        domain_with(modes[i]);
        with_store(false);
        w.now.utc_s += 2 * 86400;
        web->refuse = true;
        CHECK(deliver() == STS_OK && w.decision.source == STS_SOURCE_CACHED);
        CHECK((w.warnings > 0) == (i < 2));
        w.warnings = 0; /* who asks for it is told in any case */
        CHECK(sts_mailer_refresh(&m, D, &w.now) == STS_OK);
        CHECK(run() == STS_ERR_POLICY_FETCH && w.warnings == 1);
    }
}

/* R-105, R-043: a refresh that failed is no more repeated within five minutes than a first fetch. */
TEST(r043_a_failed_refresh_is_not_repeated_within_five_minutes)
{
    domain_with("enforce");
    with_store(true);
    CHECK(deliver() == STS_OK);
    domain_with("enforce");
    with_store(false);
    w.now.utc_s += 2 * 86400;
    web->http = "HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n";
    CHECK(deliver() == STS_OK && web->seen == 1);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_OK && web->seen == 1 && w.decision.error == STS_OK);
    w.records[2].data = "v=STSv1; id=9";
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_OK && web->seen == 2);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_OK && web->seen == 2); /* and the policy that is held still holds */
    CHECK(w.decision.source == STS_SOURCE_CACHED);
    CHECK(w.decision.error == STS_ERR_POLICY_FETCH);
}

/* R-101, R-100: deliveries and looks at the same id do not make it live longer. */
TEST(r101_a_policy_that_is_never_fetched_again_ends)
{
    domain_with("enforce");
    with_store(true);
    CHECK(deliver() == STS_OK);
    for (int day = 1; day <= 8; day++) {
        domain_with("enforce");
        with_store(false);
        w.now.utc_s += day * 86400 + (day == 7 ? -1000 : 0);
        web->refuse = true;
        CHECK(deliver() == STS_OK);
        CHECK(w.decision.source == (day <= 7 ? STS_SOURCE_CACHED : STS_SOURCE_NONE));
    }
}

TEST(a_refresh_without_record_and_policy_host_says_so)
{
    domain();
    with_store(true);
    prepare(1);
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_refresh(&m, D, &w.now) == STS_OK);
    CHECK(sts_mailer_refresh(&m, D, &w.now) == STS_ERR_STATE);
    CHECK(run() == STS_ERR_POLICY_FETCH);
    CHECK(sts_mailer_refresh(&m, "not a name", &w.now) == STS_ERR_NAME);
    w.now.trust = STS_CLOCK_UNSET;
    CHECK(sts_mailer_refresh(&m, D, &w.now) == STS_OK);
    CHECK(run() == STS_ERR_CLOCK && w.questions == 3 + STS_IPV6 - 1);
}

/* ---- slow and silent peers ---------------------------------------------------------------------- */

/* H05, H24, R-044: a policy host that says nothing costs its minute, and the MX is looked up meanwhile. */
TEST(h05_a_silent_policy_host_is_waited_for_and_no_longer)
{
    domain_with("enforce");
    web->silent = true;
    CHECK(deliver() == STS_OK);
    CHECK(w.decision.error == STS_ERR_POLICY_FETCH && w.now.utc_s <= 1790000000 + 62);
    domain_with("enforce");
    w.config.timeout_s = 5;
    web->silent = true;
    CHECK(deliver() == STS_OK && w.now.utc_s <= 1790000000 + 7);
    domain_with("enforce"); /* addresses asked for meanwhile, and then not wanted */
    web->slow = true;
    http_policy("enforce", "other.example.org");
    CHECK(deliver() == STS_ERR_MX_MISMATCH && mx->seen == 0);
    domain_with("enforce");
    web->slow = true;
    w.records[0].data = "0 ";
    CHECK(deliver() == STS_ERR_NULL_MX && !to[0].final);
    domain_with("enforce");
    web->slow = true;
    prepare(1);
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_refresh(&m, D, &w.now) == STS_OK);
    CHECK(run() == STS_OK);
}

TEST(everything_goes_through_to_slow_hosts)
{
    static char body[20000];

    for (size_t i = 0; i + 1 < sizeof body; i++) {
        body[i] = i % 60 == 59 ? '\n' : 'x';
    }
    domain_with("enforce");
    web->slow = mx->slow = true;
    prepare(1);
    message.body = body;
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_OK && mx->delivered == 1 && clear_is_innocent());
    domain(); /* a large message is measured in several polls, L04 */
    w.config.provisioned_count = 0;
    prepare(1);
    message.body = body;
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(sts_mailer_poll(&m, &w.now) == STS_BUSY);
    CHECK(sts_mailer_poll(&m, &w.now) == STS_BUSY && mx->seen == 0);
    CHECK(run() == STS_OK);
}

/* D37, S25: while there is another host, one that is silent gets 8 seconds to connect, the last a minute. */
TEST(d37_a_host_that_does_not_connect_costs_eight_seconds_and_the_last_a_minute)
{
    struct world_server *second = two_mx();

    mx->connect = STS_BUSY;
    CHECK(deliver() == STS_OK && second->delivered == 1);
    CHECK(w.now.utc_s <= 1790000000 + 9 && w.attempts[0].error == STS_ERR_CONNECT);
    CHECK(!w.attempts[0].reached);
    domain();
    mx->connect = STS_BUSY;
    CHECK(deliver() == STS_ERR_CONNECT && w.now.utc_s >= 1790000000 + 58);
    domain();
    w.config.timeout_s = 5;
    mx->connect = STS_BUSY;
    CHECK(deliver() == STS_ERR_CONNECT && w.now.utc_s <= 1790000000 + 7);
    second = two_mx();
    w.config.timeout_s = 5;
    mx->connect = STS_BUSY;
    CHECK(deliver() == STS_OK && w.now.utc_s <= 1790000000 + 7 && second->delivered == 1);
    domain();
    mx->connect = STS_ERR_CONNECT;
    CHECK(deliver() == STS_ERR_CONNECT && w.now.utc_s <= 1790000000 + 2);
}

/* T22: a handshake that hangs has its time. */
TEST(t22_a_handshake_that_hangs_is_broken_off)
{
    domain_with("enforce");
    mx->handshake = STS_BUSY;
    CHECK(deliver() == STS_ERR_TIMEOUT);
    CHECK(clear_is_innocent() && w.now.utc_s <= 1790000000 + 62 && !to[0].final);
}

/* T07, R-084: octets that come a moment behind the 220 are an attack too. */
TEST(t07_octets_a_moment_behind_the_220_end_the_session)
{
    domain();
    mx->late = "250 fake\r\n";
    CHECK(deliver() == STS_ERR_TLS);
    CHECK(clear_is_innocent() && mx->seen == 1 && mx->delivered == 0);
}

/* A wait never goes beyond the deadline of what is under way. */
TEST(a_wait_ends_with_the_deadline)
{
    int result;

    domain();
    mx->connect = STS_BUSY;
    prepare(1);
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    sts_mailer_wait(&m, &w.now, 3600000);
    CHECK(!w.waited);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    while ((result = sts_mailer_poll(&m, &w.now)) == STS_BUSY) {
        sts_mailer_wait(&m, &w.now, 3600000);
    }
    CHECK(result == STS_ERR_CONNECT && w.now.utc_s <= 1790000000 + 62);
    w.waited = false;
    sts_mailer_wait(&m, &w.now, 3600000);
    CHECK(!w.waited);
}

/* ---- what else can go wrong --------------------------------------------------------------------- */

/* H26, X28: trouble of our own with one MX is not tried with the next, and never followed by clear text. */
TEST(h26_own_trouble_with_tls_puts_off_and_tries_nobody_else)
{
    static const int errors[] = {STS_ERR_CLOCK, STS_ERR_CONFIG, STS_ERR_RANDOM};

    for (size_t i = 0; i < 3; i++) {
        struct world_server *second = two_mx();

        mx->tls_open = errors[i];
        prepare(1);
        CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
        CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
        CHECK(run() == errors[i] && !to[0].final && mx->seen == 1 && second->seen == 0);
        CHECK(clear_is_innocent());
        domain_with("enforce");
        web->tls_open = errors[i];
        CHECK(deliver() == errors[i] && mx->seen == 0);
    }
    domain();
    mx->tls_open = STS_ERR_MEMORY; /* nothing of theirs was read yet */
    CHECK(deliver() == STS_ERR_MEMORY && clear_is_innocent() && mx->seen == 1);
}

/* T23: an end inside TLS, authenticated or not, is no success, and the next address may do better. */
TEST(an_authenticated_end_in_mid_session_is_no_success)
{
    domain();
    mx->at = "MAIL";
    mx->ended = STS_ERR_END;
    CHECK(deliver() == STS_ERR_CLOSED && !to[0].final);
}

struct faulty {
    int rewinds, fail_rewind, fail_read; /* which of them fails; 0: none */
    bool changed;                        /* from fail_read on it gives a NUL instead */
    size_t at;
};

static int faulty_rewind(void *ctx)
{
    struct faulty *f = ctx;

    f->at = 0;
    return ++f->rewinds == f->fail_rewind ? STS_ERR_IO : STS_OK;
}

static int32_t faulty_read(void *ctx, void *buf, size_t size)
{
    static const char text[] = "From: <a@example.com>\r\n\r\n" CONTENT "\r\n";
    struct faulty *f = ctx;
    size_t left = sizeof text - 1 - f->at, len = left < size ? left : size;

    if (f->fail_read != 0 && f->rewinds >= f->fail_read) {
        *(char *)buf = '\0';
        return f->changed ? 1 : STS_ERR_IO;
    }
    memcpy(buf, text + f->at, len);
    f->at += len;
    return (int32_t)len;
}

/* M10: a source may fail whenever it is wound back or read: nothing counts as delivered, nobody else is tried. */
TEST(m10_a_message_that_cannot_be_read_is_put_off_wherever_it_fails)
{
    int clean = 0;

    for (int reading = 0; reading < 3; reading++) {
        for (int nth = 1; nth < 8; nth++) {
            struct faulty f = {0, reading ? 0 : nth, reading ? nth : 0, reading == 2, 0};
            struct sts_source source = {&f, faulty_rewind, faulty_read};
            struct world_server *second = two_mx();
            int result;

            prepare(1);
            message = (struct sts_message){.raw = &source};
            CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
            CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
            result = run();
            CHECK(result == STS_OK || result == (reading == 2 ? STS_ERR_MESSAGE : STS_ERR_IO));
            CHECK(world_delivered(&w) == (result == STS_OK) && second->seen == 0);
            CHECK(to[0].error == result && !to[0].final);
            clean += result == STS_OK;
        }
    }
    CHECK(clean > 0);
}

/* S25: an attacker's DNS may name many hosts; a delivery ends all the same. */
TEST(s25_no_dns_answer_can_make_a_delivery_endless)
{
    static const char *const ips[] = {"192.0.2.61", "192.0.2.62", "192.0.2.63", "192.0.2.64"};
    static const char *const hosts[] = {"a.example.org", "b.example.org", "c.example.org",
                                        "d.example.org"};
    static const char *const lines[] = {"1 a.example.org", "2 b.example.org", "3 c.example.org",
                                        "4 d.example.org"};

    for (size_t of_first = 3; of_first <= 4; of_first++) {
        world_start(&w);
        for (size_t i = 0; i < 4; i++) {
            world_dns(&w, D, STS_DNS_MX, lines[i]);
            for (size_t k = 0; k < (i == 0 ? of_first : 4); k++) {
                world_dns(&w, hosts[i], STS_DNS_A, ips[k]);
            }
            mx = world_listen(&w, ips[i], 25);
            mx->handshake = STS_ERR_TLS;
            mx->at = "MAIL";
        }
        CHECK(deliver() != STS_OK && !to[0].final);
        CHECK(w.attempts_count == 24);
    }
}

/* Of the addresses of an MX nothing can be said: D22, D24. */
TEST(d24_addresses_that_cannot_be_had_are_not_absent)
{
    domain();
    w.records[1].data = NULL;
    w.records[1].rcode = 2;
    CHECK(deliver() == STS_ERR_DNS && !to[0].final);
    (void)two_mx(); /* the first cannot be reached now, the second has no address */
    w.records[3].name = "elsewhere.example.org";
    mx->refuse = true;
    CHECK(deliver() == STS_ERR_DNS && !to[0].final);
    without_mx(); /* the domain is its own MX, and its address is not to be had */
    w.records[0].data = NULL;
    w.records[0].rcode = 2;
    world_rcode(&w, D, STS_DNS_MX, 0);
    w.records_count = 1;
    CHECK(deliver() == STS_ERR_DNS && !to[0].final);
    world_start(&w); /* no MX, no address, and a floor: it may be forged */
    world_dns(&w, D, STS_DNS_TXT, "x");
    w.config.floor = STS_FLOOR_ENCRYPTED;
    mx = NULL;
    CHECK(deliver() == STS_ERR_NXDOMAIN && !to[0].final);
}

/* D26, D27: a null MX beside one that cannot be used says nothing. */
TEST(d26_a_null_mx_beside_a_useless_one_is_no_refusal)
{
    domain();
    w.records[0].data = "0 ";
    world_dns(&w, D, STS_DNS_MX, "5 192.0.2.10");
    CHECK(deliver() == STS_ERR_DNS && !to[0].final);
    domain();
    w.records[0].data = "5 localhost";
    CHECK(deliver() == STS_ERR_DNS && !to[0].final);
}

/* Two are refused at first, one for good, one for now; the next MX takes the latter. */
TEST(the_verdict_of_a_recipient_stays_though_the_last_session_went_well)
{
    struct world_server *second = two_mx();

    mx->at = "RCPT TO:<ops@";
    mx->reply = "450 4.2.0 later\r\n";
    mx->at2 = "RCPT TO:<b@";
    mx->reply2 = "550 5.1.1 no\r\n";
    prepare(3);
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(run() == STS_ERR_REJECTED);
    CHECK(to[0].error == STS_OK && to[1].error == STS_ERR_REJECTED && to[2].error == STS_OK);
    CHECK(to[1].final && mx->delivered == 1 && second->delivered == 1);
    CHECK(strstr(second->mail, CONTENT) != NULL && sts_mailer_poll(&m, &w.now) == STS_ERR_REJECTED);
}

/* C-5, R-062: said, and obeyed as far as it goes. */
TEST(c_5_a_cut_policy_is_said)
{
    static struct sts_policy cut;
    struct sts_provisioned p[] = {{"example.net", &cut}, {D, &cut}};

    cut = *parsed(POLICY("enforce", "mx1.example.org"));
    cut.cut = true;
    domain();
    world_dns(&w, D, STS_DNS_MX, "5 mx9.example.org");
    w.config.provisioned = p;
    w.config.provisioned_count = 2;
    CHECK(deliver() == STS_OK && w.warnings == 1);
    CHECK(w.attempts[0].error == STS_ERR_MX_MISMATCH && w.attempts[0].policy_match == 0);
}

/* A message that is still being measured when all else is known makes nothing be said twice. */
TEST(c_5_a_cut_policy_is_said_once_however_long_the_message)
{
    static char text[6000];
    static struct sts_policy cut;
    struct sts_provisioned p = {D, &cut};
    int result;

    cut = *parsed(POLICY("enforce", "mx1.example.org"));
    cut.cut = true;
    domain();
    w.config.provisioned = &p;
    w.config.provisioned_count = 1;
    for (size_t i = 0; i + 1 < sizeof text; i++) {
        text[i] = i % 50 == 49 ? '\n' : 'x';
    }
    prepare(1);
    message.body = text;
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    result = run();
    CHECK(result == STS_OK && w.warnings == 1);
}

TEST(other_ports_are_used_where_the_configuration_says_so)
{
    domain_with("enforce");
    w.config.smtp_port = mx->port = 2525;
    w.config.https_port = web->port = 8443;
    w.config.on_attempt = NULL;
    w.config.on_decision = NULL;
    CHECK(deliver() == STS_OK && mx->seen == 1 && web->seen == 1);
}

/* C-7: and a floor that there is not is a mistake. */
TEST(c_7_floors_of_other_domains_are_none_of_this_one)
{
    static const struct sts_domain_floor floors[] = {{"example.net", STS_FLOOR_POLICY},
                                                     {D, STS_FLOOR_POLICY + 1}};

    domain();
    w.config.floors = floors;
    w.config.floors_count = 1;
    CHECK(deliver() == STS_OK && w.decision.floor == STS_FLOOR_OPPORTUNISTIC);
    w.config.floors_count = 2;
    CHECK(sts_mailer_init(&m, &w.config) == STS_ERR_ARG);
}

/* All slots of the resolver taken, as only a mistake of ours could: the MX is passed over, nothing hangs. */
static void take_slots(void *ctx, const struct sts_decision *d)
{
    (void)ctx;
    (void)d;
    while (sts_resolver_ask(&m.resolver, "x.example", STS_DNS_A, NULL, NULL, 30, &w.now) >= 0) {
    }
}

TEST(an_mx_that_cannot_be_asked_for_is_passed_over)
{
    domain();
    w.config.on_decision = take_slots;
    prepare(1);
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    CHECK(sts_mailer_poll(&m, &w.now) == STS_BUSY);
    while (m.state < 2) {
        sts_mailer_wait(&m, &w.now, 10);
        (void)sts_mailer_poll(&m, &w.now);
    }
    CHECK(run_out() == STS_ERR_DNS && !to[0].final);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_ERR_SPACE);
    CHECK(to[0].error == STS_ERR_SPACE);
    CHECK(sts_mailer_poll(&m, &w.now) == STS_ERR_SPACE);
    for (int i = 0; i < STS_DNS_QUERIES; i++) {
        sts_resolver_drop(&m.resolver, i);
    }
    CHECK(world_is_quiet(&w));
}

TEST(l12_every_missing_argument_is_an_error)
{
    struct sts_mailer_config c;
    struct sts_mail bad;

    domain();
    prepare(2);
    CHECK(sts_mailer_init_sized(NULL, sizeof m, &w.config) == STS_ERR_ARG);
#define WITHOUT(member)                                                                            \
    do {                                                                                           \
        c = w.config;                                                                              \
        c.member = NULL;                                                                           \
        CHECK(sts_mailer_init(&m, &c) == STS_ERR_ARG);                                             \
    } while (0)
    WITHOUT(net);
    WITHOUT(tls);
    WITHOUT(random);
    WITHOUT(hostname);
    c = w.config;
    c.floor = STS_FLOOR_POLICY + 1;
    CHECK(sts_mailer_init(&m, &c) == STS_ERR_ARG);
    c = w.config;
    c.hostname = "[192.0.2.1";
    CHECK(sts_mailer_init(&m, &c) == STS_ERR_NAME);
    c.hostname = "[]";
    CHECK(sts_mailer_init(&m, &c) == STS_ERR_NAME);
    c.hostname = "[192.0.2.256]";
    CHECK(sts_mailer_init(&m, &c) == STS_ERR_NAME);
    c.hostname = "[2001:db8::1]";
    CHECK(sts_mailer_init(&m, &c) == STS_ERR_NAME);
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    sts_mailer_abort(&m); /* harmless */
    CHECK(sts_mailer_poll(&m, &w.now) == STS_ERR_STATE);
#define NO(member, value)                                                                          \
    do {                                                                                           \
        bad = mail;                                                                                \
        bad.member = value;                                                                        \
        CHECK(sts_mailer_send(&m, &bad, &w.now) == STS_ERR_ARG);                                   \
    } while (0)
    NO(recipients, NULL);
    NO(count, 0);
    NO(sender, NULL);
    NO(message, NULL);
    for (size_t i = 0; i < 2; i++) {
        prepare(2);
        to[i].address = "ops@b\xc3\xbc"
                        "cher.example"; /* the caller owes A-labels */
        CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_ERR_ADDRESS);
    }
    CHECK(w.questions == 0);
}

#if STS_DKIM

/* ---- signed mail ------------------------------------------------------------------------------- */

static struct keeper keeper;
static struct sts_dkim dkim;
static char mail_line[200];

static bool note_mail(struct world_conn *c, const char *line)
{
    (void)c;
    if (strncmp(line, "MAIL", 4) == 0) {
        snprintf(mail_line, sizeof mail_line, "%s", line);
    }
    return false;
}

static void domain_signed(void)
{
    domain();
    keeper_start(&keeper, STS_DKIM_ED25519, 64);
    CHECK(sts_dkim_init(&dkim, &keeper.signer, "example.com", "ups7") == STS_OK);
    w.config.dkim = &dkim;
    mx->offers = "250-SIZE 100000\r\n";
    mx->script = note_mail;
}

/* What arrived is what was hashed. */
static bool arrived_signed(const struct world_server *s)
{
    static struct naive_header header;
    static struct naive_text text;
    size_t lead = strlen(dkim.field);
    const char *rest = s->mail + lead;

    if (lead == 0 || strncmp(s->mail, dkim.field, lead) != 0) {
        return false;
    }
    naive_split(&header, rest, s->mail_len - lead);
    naive_signed(&text, &header, dkim.field);
    if (text.len != keeper.hashed[0].len ||
        memcmp(text.bytes, keeper.hashed[0].bytes, text.len) != 0) {
        return false;
    }
    naive_body(&text, rest + header.end, s->mail_len - lead - header.end);
    return text.len == keeper.hashed[1].len &&
           memcmp(text.bytes, keeper.hashed[1].bytes, text.len) == 0;
}

TEST(mail_goes_out_as_it_was_hashed_and_size_counts_the_signature)
{
    char size[40];

    domain_signed();
    CHECK(deliver() == STS_OK && arrived_signed(mx));
    snprintf(size, sizeof size, " SIZE=%u", (unsigned)mx->mail_len);
    CHECK(strstr(mail_line, size) != NULL);
    CHECK(keeper.begun == 1 && keeper.digests == 2);
}

TEST(all_mx_of_a_try_get_one_signature_and_the_next_try_a_new_one)
{
    struct world_server *second;

    domain_signed();
    world_dns(&w, D, STS_DNS_MX, "20 mx2.example.org");
    world_dns(&w, "mx2.example.org", STS_DNS_A, "192.0.2.11");
    second = world_listen(&w, "192.0.2.11", 25);
    mx->at = ".";
    mx->reply = "451 4.2.0 later\r\n";
    CHECK(deliver() == STS_OK && arrived_signed(mx) && arrived_signed(second));
    CHECK(keeper.begun == 1);
    mx->mail_len = second->mail_len = 0;
    w.now.utc_s += 3600;
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK && run() == STS_OK);
    CHECK(keeper.begun == 2 && arrived_signed(second));
}

/* What is to be signed does not go out without: a receiver might refuse it for good. */
TEST(whatever_fails_in_the_signer_puts_the_mail_off_and_nobody_is_called)
{
    int calls;

    domain_signed();
    CHECK(deliver() == STS_OK);
    calls = keeper.calls;
    for (int n = 1; n <= calls; n++) {
        domain_signed();
        keeper.fails_at = n;
        keeper.error = STS_ERR_MEMORY;
        CHECK(deliver() == STS_ERR_MEMORY && !to[0].final && mx->seen == 0);
    }
}

struct fading {
    int rewinds, reads;
};

static int fading_rewind(void *ctx)
{
    struct fading *f = ctx;

    f->reads = 0;
    return f->rewinds++ < 3 ? STS_OK : STS_ERR_IO;
}

static int32_t fading_read(void *ctx, void *buf, size_t size)
{
    static const char text[] = "From: a@example.com\r\n\r\nx\r\n";
    struct fading *f = ctx;

    if (f->reads++ > 0 || size < sizeof text) {
        return 0;
    }
    memcpy(buf, text, sizeof text - 1);
    return (int32_t)sizeof text - 1;
}

/* The header is read twice; M10. */
TEST(a_message_that_cannot_be_read_a_second_time_is_not_sent)
{
    struct fading f = {0, 0};
    const struct sts_source source = {&f, fading_rewind, fading_read};

    domain_signed();
    prepare(1);
    message.raw = &source;
    CHECK(sts_mailer_init(&m, &w.config) == STS_OK);
    CHECK(sts_mailer_send(&m, &mail, &w.now) == STS_OK && run() == STS_ERR_IO);
    CHECK(f.rewinds == 4 && mx->seen == 0 && to[0].error == STS_ERR_IO);
}

#endif

TEST_MAIN("mailer")
