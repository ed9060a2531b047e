/* SPDX-License-Identifier: MIT
 *
 * DKIM signatures without a key: what is hashed, and the field (RFC 6376, RFC 8301, RFC 8463; R-185..R-187). The naive
 * verifier of naive_dkim.h says what a signature has to be over; tests/dkim has the real ones verified.
 */
#include "test.h"

#include <stdlib.h>

#include <stsmail/engine/message.h>

#include "naive_dkim.h"

static struct keeper keeper;
static struct sts_dkim dkim;
static struct naive_header header;
static struct naive_text text;
static const struct sts_time noon = {.utc_s = 1790000000, .trust = STS_CLOCK_OWNER};
static char list[2000];

/* Hands a message over in pieces of `first`, then of `piece` octets; STS_OK or the error. */
static int feed(const char *m, size_t len, size_t first, size_t piece)
{
    int err = sts_dkim_start(&dkim);
    size_t at, n;

    do {
        for (at = 0, n = first; at < len && err == STS_OK; at += n, n = piece) {
            n = len - at < n ? len - at : n;
            err = sts_dkim_feed(&dkim, (const uint8_t *)m + at, n);
        }
        err = err == STS_OK ? sts_dkim_feed(&dkim, NULL, 0) : err;
        if (err == STS_BUSY) {
            err = STS_OK;
            at = 0;
            continue;
        }
        break;
    } while (true);
    return err;
}

static void prepare(uint8_t algorithm, int32_t len)
{
    keeper_start(&keeper, algorithm, len);
    CHECK(sts_dkim_init(&dkim, &keeper.signer, "example.org", "s1") == STS_OK);
}

static void sign(const char *m)
{
    prepare(STS_DKIM_ED25519, 64);
    CHECK(feed(m, strlen(m), 4096, 4096) == STS_OK);
    CHECK(sts_dkim_sign(&dkim, &noon) == STS_OK);
    CHECK(naive_tag(dkim.field, "h", list, sizeof list));
}

static bool hashed(unsigned which, const char *expected)
{
    return keeper.hashed[which].len == strlen(expected) &&
           memcmp(keeper.hashed[which].bytes, expected, strlen(expected)) == 0;
}

/* The header's hash begins so; behind it comes the signature's own field. */
static bool header_begins(const char *expected)
{
    size_t len = strlen(expected);

    return keeper.hashed[0].len > len && memcmp(keeper.hashed[0].bytes, expected, len) == 0 &&
           memcmp(keeper.hashed[0].bytes + len, "dkim-signature:", 15) == 0;
}

/* What a verifier makes of it is what was hashed. */
static bool verifies(const char *m, size_t len)
{
    bool same;

    naive_split(&header, m, len);
    naive_signed(&text, &header, dkim.field);
    same = text.len == keeper.hashed[0].len &&
           memcmp(text.bytes, keeper.hashed[0].bytes, text.len) == 0;
    naive_body(&text, m + header.end, len - header.end);
    return same && text.len == keeper.hashed[1].len &&
           memcmp(text.bytes, keeper.hashed[1].bytes, text.len) == 0;
}

static size_t mentions(const char *name)
{
    size_t n = 0, len = strlen(name);

    for (const char *at = list; *at != '\0'; at += strcspn(at, ":"), at += *at == ':') {
        n += strcspn(at, ":") == len && memcmp(at, name, len) == 0;
    }
    return n;
}

/* ---- canonical form ---------------------------------------------------------------------------- */

/* Example 1; its A and B are no names that are signed, so their values stand under others, and white space before a
 * colon is refused before it comes here. */
TEST(rfc6376_3_4_5_relaxed_header_and_body)
{
    sign("From: X\r\nSubject: Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n");
    CHECK(header_begins("from:X\r\nsubject:Y Z\r\n"));
    CHECK(hashed(1, " C\r\nD E\r\n"));
}

TEST(rfc6376_3_4_2_names_in_lower_case_values_as_they_are)
{
    sign("FROM: A@Example.ORG\r\nsUBJECT:\t \r\n \tYes\t\r\n\t \r\n\r\n");
    CHECK(header_begins("from:A@Example.ORG\r\nsubject:Yes\r\n"));
    sign("From: a\r\nSubject:\r\n\r\n");
    CHECK(header_begins("from:a\r\nsubject:\r\n"));
}

TEST(rfc6376_3_4_4_an_empty_body_is_no_octets)
{
    sign("From: a\r\n\r\n");
    CHECK(hashed(1, ""));
    sign("From: a\r\n");
    CHECK(hashed(1, ""));
    sign("From: a\r\n\r\n\r\n\r\n \t\r\n");
    CHECK(hashed(1, ""));
}

TEST(rfc6376_3_4_4_empty_lines_count_but_at_the_end)
{
    sign("From: a\r\n\r\n\r\n\r\n x\t\t y \t\r\n \t \r\n\tz\r\n\r\n \r\n");
    CHECK(hashed(1, "\r\n\r\n x y\r\n\r\n z\r\n"));
}

TEST(octets_over_127_are_hashed_as_they_are)
{
    sign("From: \xc3\xa4\r\n\r\n\xff\xc3 \x80\r\n");
    CHECK(header_begins("from:\xc3\xa4\r\n"));
    CHECK(hashed(1, "\xff\xc3 \x80\r\n"));
}

/* ---- what is signed ---------------------------------------------------------------------------- */

TEST(rfc6376_5_4_from_must_be_signed_and_none_can_be_added)
{
    sign("Subject: x\r\nFrom: a\r\n\r\n");
    CHECK(mentions("from") == 2 && mentions("subject") == 2);
    sign("Subject: x\r\n\r\n");
    CHECK(mentions("from") == 1); /* there is none, and there shall be none */
}

TEST(what_a_reader_is_shown_is_closed_also_where_it_is_absent)
{
    sign("From: a\r\nDate: x\r\nList-Id: x\r\n\r\n");
    CHECK(mentions("to") == 1 && mentions("cc") == 1 && mentions("reply-to") == 1);
    CHECK(mentions("date") == 2 && mentions("sender") == 0); /* closed if there is one */
    CHECK(mentions("list-id") == 1 && mentions("resent-to") == 0);
}

TEST(rfc6376_5_4_1_what_relays_change_is_not_signed)
{
    sign("Received: x\r\nReturn-Path: <>\r\nDKIM-Signature: v=1; b=\r\nFrom: a\r\nX-Own: 1\r\n"
         "Comments: x\r\nContent-Transfer-Encodings-: x\r\nFromm: x\r\nFro: x\r\n\r\n");
    CHECK(header_begins("from:a\r\n"));
    CHECK(strcmp(list, "from:from:to:cc:subject:reply-to") == 0);
}

TEST(r187_tls_report_headers_are_signed_where_they_are)
{
    sign("From: a\r\nTLS-Report-Domain: example.net\r\nTLS-Report-Submitter: example.org\r\n\r\n");
    CHECK(mentions("tls-report-domain") == 2 && mentions("tls-report-submitter") == 2);
    CHECK(header_begins(
        "from:a\r\ntls-report-domain:example.net\r\ntls-report-submitter:example.org\r\n"));
}

TEST(rfc6376_5_4_2_repeated_fields_are_signed_from_the_lowest_up)
{
    static const char m[] = "To: 1\r\nFrom: a\r\nTo: 2\r\nCc: 1\r\nTo: 3\r\nCc: 2\r\n\r\n";

    sign(m);
    CHECK(header_begins("from:a\r\nto:3\r\ncc:2\r\nto:2\r\ncc:1\r\nto:1\r\n"));
    CHECK(mentions("to") == 4 && mentions("cc") == 3);
    CHECK(verifies(m, sizeof m - 1));
}

TEST(of_what_is_there_too_often_the_lowest_four_are_signed)
{
    static const char m[] = "To: 1\r\nTo: 2\r\nTo: 3\r\nTo: 4\r\nTo: 5\r\nTo: 6\r\nFrom: a\r\n\r\n";

    sign(m);
    CHECK(header_begins("to:6\r\nfrom:a\r\nto:5\r\nto:4\r\nto:3\r\n"));
    CHECK(mentions("to") == 4 && mentions("from") == 2); /* no fifth: that would be "To: 2" */
    CHECK(verifies(m, sizeof m - 1));
}

static const char *const all[] = {"From",
                                  "To",
                                  "Cc",
                                  "Subject",
                                  "Reply-To",
                                  "Date",
                                  "Sender",
                                  "Message-ID",
                                  "In-Reply-To",
                                  "References",
                                  "MIME-Version",
                                  "Content-Type",
                                  "Content-Transfer-Encoding",
                                  "Auto-Submitted",
                                  "Resent-From",
                                  "Resent-Sender",
                                  "Resent-Date",
                                  "Resent-To",
                                  "Resent-Cc",
                                  "Resent-Message-ID",
                                  "List-Id",
                                  "List-Unsubscribe",
                                  "List-Unsubscribe-Post",
                                  "TLS-Report-Domain",
                                  "TLS-Report-Submitter"};

/* The longest field there can be: every name, repeated, the longest names, the longest signature. */
TEST(the_longest_field_fits)
{
    static char m[20000], domain[190], selector[60];
    size_t len = 0;

    CHECK(sizeof all / sizeof *all == STS_DKIM_NAMES);
    for (int n = 0; n < 4; n++) {
        for (size_t i = 0; i < STS_DKIM_NAMES; i++) {
            len += (size_t)sprintf(m + len, "%s: %d\r\n", all[i], n);
        }
    }
    len += (size_t)sprintf(m + len, "\r\n");
    for (size_t i = 0; i < sizeof domain - 1; i++) {
        domain[i] = i % 50 == 49 ? '.' : 'd';
    }
    memset(selector, 's', 52);
    keeper_start(&keeper, STS_DKIM_RSA, STS_DKIM_SIGNATURE);
    CHECK(sts_dkim_init(&dkim, &keeper.signer, domain, selector) == STS_OK);
    CHECK(feed(m, len, 100, 100) == STS_OK);
    CHECK(sts_dkim_sign(&dkim, &(struct sts_time){.utc_s = INT64_MAX, .trust = STS_CLOCK_OWNER}) ==
          STS_OK);
    CHECK(naive_tag(dkim.field, "h", list, sizeof list));
    CHECK(mentions("content-transfer-encoding") >= 1 && mentions("from") >= 1 && verifies(m, len));
    CHECK(naive_tag(dkim.field, "b", list, sizeof list));
    CHECK(naive_unbase64(list, (uint8_t *)m) == STS_DKIM_SIGNATURE &&
          memcmp(m, keeper.raw, STS_DKIM_SIGNATURE) == 0);
    selector[52] = 's'; /* 189, 12 and 52 octets were as long as a name may be */
    CHECK(sts_dkim_init(&dkim, &keeper.signer, domain, selector) == STS_ERR_NAME);
}

TEST(sixty_five_thousand_fields_of_a_name_are_refused)
{
    static char m[65600 * 6];
    size_t len = 0;

    for (int i = 0; i < 65535; i++) {
        memcpy(m + len, "to:\r\n", 5);
        len += 5;
    }
    memcpy(m + len, "\r\n", 2);
    prepare(STS_DKIM_ED25519, 64);
    CHECK(feed(m + 5, len + 2 - 5, 4096, 4096) == STS_OK);
    CHECK(sts_dkim_sign(&dkim, &noon) == STS_OK);
    CHECK(feed(m, len + 2, 4096, 4096) == STS_ERR_MESSAGE);
    CHECK(sts_dkim_feed(&dkim, NULL, 0) == STS_ERR_MESSAGE);
    CHECK(sts_dkim_sign(&dkim, &noon) == STS_ERR_MESSAGE && dkim.field[0] == '\0');
}

/* ---- the field --------------------------------------------------------------------------------- */

TEST(rfc6376_3_5_the_tags_that_must_be_there)
{
    static const char *const must[][2] = {
        {"v", "1"},  {"a", "ed25519-sha256"}, {"c", "relaxed/relaxed"}, {"d", "example.org"},
        {"s", "s1"}, {"t", "1790000000"}};
    char value[100];
    uint8_t raw[100];

    sign("From: a\r\n\r\nx\r\n");
    CHECK(memcmp(dkim.field, "DKIM-Signature: v=1;", 20) == 0);
    for (size_t i = 0; i < sizeof must / sizeof *must; i++) {
        CHECK(naive_tag(dkim.field, must[i][0], value, sizeof value) &&
              strcmp(value, must[i][1]) == 0);
    }
    CHECK(naive_tag(dkim.field, "bh", value, sizeof value) && naive_unbase64(value, raw) == 32);
    CHECK(memcmp(raw, keeper.digest, 32) == 0);
    CHECK(naive_tag(dkim.field, "b", value, sizeof value) && naive_unbase64(value, raw) == 64);
    CHECK(memcmp(raw, keeper.raw, 64) == 0);
}

TEST(r186_no_l_tag)
{
    char value[100];

    sign("From: a\r\n\r\nx\r\n");
    CHECK(!naive_tag(dkim.field, "l", value, sizeof value) &&
          !naive_tag(dkim.field, "z", value, sizeof value));
}

/* RFC 8301 3.1: rsa-sha1 must not be used. */
TEST(rfc8301_rsa_signs_with_sha256)
{
    char value[100];

    prepare(STS_DKIM_RSA, 256);
    CHECK(feed("From: a\r\n\r\n", 11, 11, 11) == STS_OK && sts_dkim_sign(&dkim, &noon) == STS_OK);
    CHECK(naive_tag(dkim.field, "a", value, sizeof value) && strcmp(value, "rsa-sha256") == 0);
}

/* RFC 6376 3.5: verifiers may ignore a signature whose time is in the future. */
TEST(a_time_in_doubt_is_left_out)
{
    const struct sts_time doubted = {.utc_s = 1790000000, .trust = STS_CLOCK_DOUBTED};
    const struct sts_time early = {.utc_s = 0, .trust = STS_CLOCK_OWNER};
    char value[100];

    sign("From: a\r\n\r\n");
    CHECK(feed("From: a\r\n\r\n", 11, 11, 11) == STS_OK &&
          sts_dkim_sign(&dkim, &doubted) == STS_OK);
    CHECK(!naive_tag(dkim.field, "t", value, sizeof value) && verifies("From: a\r\n\r\n", 11));
    CHECK(feed("From: a\r\n\r\n", 11, 11, 11) == STS_OK && sts_dkim_sign(&dkim, &early) == STS_OK);
    CHECK(!naive_tag(dkim.field, "t", value, sizeof value));
}

/* RFC 5322 2.1.1; and every line but the first begins with the white space of a fold. */
TEST(the_field_is_folded_and_ends_with_one_crlf)
{
    static char m[4000];
    size_t len = 0, column = 0;

    for (size_t i = 0; i < STS_DKIM_NAMES; i++) {
        len += (size_t)sprintf(m + len, "%s: x\r\n", all[i]);
    }
    memcpy(m + len, "\r\n", 3);
    prepare(STS_DKIM_RSA, 256);
    CHECK(feed(m, len + 2, 50, 50) == STS_OK && sts_dkim_sign(&dkim, &noon) == STS_OK);
    len = strlen(dkim.field);
    CHECK(memcmp(dkim.field + len - 4, "=\r\n", 3) == 0 ||
          memcmp(dkim.field + len - 2, "\r\n", 2) == 0);
    for (size_t i = 0; i < len; i++) {
        column = dkim.field[i] == '\n' ? 0 : column + 1;
        CHECK(column <= 79);
        CHECK((dkim.field[i] == '\n') == (i > 0 && dkim.field[i - 1] == '\r'));
        CHECK(dkim.field[i] != '\n' || i + 1 == len || dkim.field[i + 1] == ' ');
    }
}

/* ---- any pieces, any failure ------------------------------------------------------------------- */

static const char odd[] =
    "Received: 1\r\nTo:\r\n x\r\n\ty \r\nFrom: a\r\nTo: z\r\nSubject:\t\r\n\r\n"
    "\r\n .\r\na \t b\t\r\n\r\n\tc\r\n \r\n\r\n";

TEST(every_split_and_every_truncation_is_hashed_as_the_whole)
{
    size_t len = sizeof odd - 1;

    prepare(STS_DKIM_ED25519, 64);
    for (size_t end = 1; end <= len; end++) {
        if (odd[end - 1] != '\n') {
            continue; /* the reader gives whole lines */
        }
        for (size_t cut = 1; cut <= end; cut++) {
            CHECK(feed(odd, end, cut, end) == STS_OK && sts_dkim_sign(&dkim, &noon) == STS_OK);
            CHECK(verifies(odd, end));
            CHECK(feed(odd, end, cut, cut) == STS_OK && sts_dkim_sign(&dkim, &noon) == STS_OK);
            CHECK(verifies(odd, end));
        }
    }
}

/* C-11's sense: what is to be signed never goes out unsigned, so that a refusal for want of a signature, which is
 * final, is not brought about by a moment's want of memory. */
TEST(every_call_of_the_signer_may_fail_and_the_error_stays)
{
    int calls;

    sign(odd);
    calls = keeper.calls;
    CHECK(calls >= 6);
    for (int n = 1; n <= calls; n++) {
        prepare(STS_DKIM_ED25519, 64);
        keeper.fails_at = n;
        keeper.error = STS_ERR_MEMORY;
        CHECK(feed(odd, sizeof odd - 1, 7, 7) != STS_OK ||
              sts_dkim_sign(&dkim, &noon) == STS_ERR_MEMORY);
        CHECK(dkim.error == STS_ERR_MEMORY && dkim.field[0] == '\0');
        CHECK(sts_dkim_feed(&dkim, (const uint8_t *)"x", 1) == STS_ERR_MEMORY);
        CHECK(sts_dkim_sign(&dkim, &noon) == STS_ERR_MEMORY);
    }
}

TEST(a_signature_of_no_sensible_length_is_an_error)
{
    static const int32_t lengths[] = {0, STS_DKIM_SIGNATURE + 1};

    for (size_t i = 0; i < 2; i++) {
        prepare(STS_DKIM_RSA, lengths[i]);
        CHECK(feed(odd, sizeof odd - 1, 7, 7) == STS_OK);
        CHECK(sts_dkim_sign(&dkim, &noon) == STS_ERR_SPACE && dkim.field[0] == '\0');
    }
    prepare(STS_DKIM_RSA, 1);
    CHECK(feed(odd, sizeof odd - 1, 7, 7) == STS_OK && sts_dkim_sign(&dkim, &noon) == STS_OK);
}

TEST(the_object_serves_one_message_after_another)
{
    sign(odd);
    sign("From: a\r\n\r\nx\r\n");
    CHECK(header_begins("from:a\r\n") && hashed(1, "x\r\n"));
    CHECK(feed(odd, sizeof odd - 1, 5, 9) == STS_OK && sts_dkim_sign(&dkim, &noon) == STS_OK);
    CHECK(verifies(odd, sizeof odd - 1));
}

TEST(domain_and_selector_are_names)
{
    static const char *const bad[] = {
        "", ".", "a.", ".a", "a..b", "a_b", "a b", "a;b", "\xc3\xa4.example"};

    prepare(STS_DKIM_ED25519, 64);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(sts_dkim_init(&dkim, &keeper.signer, bad[i], "s1") == STS_ERR_NAME);
        CHECK(sts_dkim_init(&dkim, &keeper.signer, "example.org", bad[i]) == STS_ERR_NAME);
    }
    CHECK(sts_dkim_init(&dkim, &keeper.signer, "example.org", "2026.ups-7") == STS_OK);
    CHECK(sts_dkim_init(NULL, &keeper.signer, "example.org", "s1") == STS_ERR_ARG);
    CHECK(sts_dkim_init(&dkim, NULL, "example.org", "s1") == STS_ERR_ARG);
    CHECK(sts_dkim_init(&dkim, &keeper.signer, NULL, "s1") == STS_ERR_ARG);
    CHECK(sts_dkim_init(&dkim, &keeper.signer, "example.org", NULL) == STS_ERR_ARG);
}

/* ---- base64, and what goes in front ------------------------------------------------------------ */

TEST(rfc4648_10_base64)
{
    static const char *const expected[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                           "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    char buf[40];
    struct sts_out o;

    for (size_t n = 0; n <= 6; n++) {
        sts_out_start(&o, buf, sizeof buf);
        sts_out_base64(&o, (const uint8_t *)"foobar", n, 72, "\n");
        CHECK(strcmp(sts_out_end(&o), expected[n]) == 0);
    }
    sts_out_start(&o, buf, sizeof buf);
    sts_out_base64(&o, (const uint8_t *)"foobar\xff\xfe\xfd", 9, 4, "\n");
    CHECK(strcmp(sts_out_end(&o), "Zm9v\nYmFy\n//79") == 0);
}

TEST(a_lead_goes_in_front_and_is_counted)
{
    static const char expected[] = "X: 1\r\n..\r\nFrom: a@example.org\r\n";
    struct sts_message m = {.from = "a@example.org", .date_s = 1};
    struct sts_reader r;
    uint8_t buf[2000];
    int32_t whole, n = 0;

    CHECK(sts_reader_start(&r, &m, false) == STS_OK);
    while ((whole = sts_reader_read(&r, buf + n, sizeof buf - (size_t)n)) > 0) {
        n += whole;
    }
    whole = n;
    CHECK(sts_reader_start(&r, &m, true) == STS_OK);
    sts_reader_lead(&r, "X: 1\r\n.\r\n");
    for (n = 0; sts_reader_read(&r, buf + n, 1) == 1; n++) {
    }
    CHECK(n == whole + 10 + 3 &&
          memcmp(buf, expected, sizeof expected - 1) == 0); /* stuffed dot, end of data */
    CHECK(r.facts.size == (uint64_t)whole + 9);
}

TEST_MAIN("dkim")
