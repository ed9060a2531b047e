/* SPDX-License-Identifier: MIT
 *
 * The TXT record at _smtp._tls (R-140 to R-146, R01); exh_tlsrpt.c has the grammar.
 */
#include <stsmail/tlsrpt.h>

#include "test.h"

static struct sts_tlsrpt_record r;

/* Records with '\n' between them; '|' ends a string of one, in pieces of `piece`. */
static int read_records(const char *text, size_t piece)
{
    sts_tlsrpt_record_start(&r);
    while (*text != '\0') {
        sts_tlsrpt_record_open(&r);
        while (*text != '\0' && *text != '\n') {
            size_t n = strcspn(text, "|\n");

            n = n < piece ? n : piece;
            sts_tlsrpt_record_text(&r, text, n);
            text += n + (text[n] == '|');
        }
        sts_tlsrpt_record_close(&r);
        text += *text == '\n';
    }
    return sts_tlsrpt_record_result(&r);
}

static bool because(const char *text, const char *reason)
{
    int e = read_records(text, 100);

    return e != STS_OK && r.count == 0 && strcmp(sts_tlsrpt_record_reason(&r), reason) == 0;
}

#define ONE "v=TLSRPTv1; rua=mailto:a@example.org"

/* both examples of RFC 8460 3.1, and where they stand. */
TEST(r140_the_examples_of_the_rfc_are_read)
{
    CHECK(strcmp(STS_TLSRPT_PREFIX, "_smtp._tls.") == 0 &&
          sizeof STS_TLSRPT_PREFIX - 1 + STS_TLSRPT_DOMAIN_MAX == 253);
    CHECK(read_records("v=TLSRPTv1;rua=mailto:reports@example.com", 100) == STS_OK);
    CHECK(r.count == 1 && strcmp(r.uris[0], "mailto:reports@example.com") == 0 &&
          sts_tlsrpt_record_reason(&r)[0] == '\0');
    CHECK(read_records("v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt", 100) == STS_OK);
    CHECK(strcmp(r.uris[0], "https://reporting.example.com/v1/tlsrpt") == 0);
}

TEST(r141_r144_the_version_comes_first_and_counts_as_it_is_written)
{
    CHECK(because("", "there is no TXT record"));
    CHECK(because("v=spf1 -all\n\nv=TLSRPTv1", "no TXT record begins with v=TLSRPTv1;"));
    CHECK(because("V=TLSRPTv1; rua=mailto:a@b", "no TXT record begins with v=TLSRPTv1;"));
    CHECK(because("v=TLSRPTv12; rua=mailto:a@b", "no TXT record begins with v=TLSRPTv1;"));
    CHECK(because(ONE "\n" ONE, "several TXT records begin with v=TLSRPTv1;"));
    CHECK(because(ONE "\n" ONE "\n" ONE, "several TXT records begin with v=TLSRPTv1;"));
    CHECK(read_records("x\n" ONE "\ny", 100) == STS_OK && r.records == 3 && r.candidates == 1);
    CHECK(read_records("v=TLSRPTv1 ;rua=mailto:a@b", 100) == STS_OK); /* as R-020 */
}

TEST(r145_strings_are_joined_with_nothing_between)
{
    for (size_t piece = 1; piece < 40; piece++) {
        CHECK(read_records("v=TLS|RPTv1; r|ua=mail|to:a@exa|mple.org", piece) == STS_OK);
        CHECK(strcmp(r.uris[0], "mailto:a@example.org") == 0);
    }
}

TEST(r143_r146_unknown_fields_and_schemes_are_passed_over)
{
    CHECK(read_records(
              "v=TLSRPTv1; x=1; rua=ftp://h/,mailto:,MAILTO:a@b; ruf=z; rua=HTTPS://h/x; r=1",
              100) == STS_OK);
    CHECK(r.count == 2 && strcmp(r.uris[0], "MAILTO:a@b") == 0 &&
          strcmp(r.uris[1], "HTTPS://h/x") == 0 && !r.cut);
    CHECK(read_records("v=TLSRPTv1; rua=http://h/", 100) == STS_OK && r.count == 0);
}

TEST(r142_what_the_grammar_does_not_allow_is_no_record)
{
    CHECK(because("v=TLSRPTv1; rua=mailto:a@b;;",
                  "a field name is not 1 to 32 letters, digits, \"_\", \"-\", \".\""));
    CHECK(because("v=TLSRPTv1; abcdefghijklmnopqrstuvwxyz1234567=1",
                  "a field name is not 1 to 32 letters, digits, \"_\", \"-\", \".\""));
    CHECK(because("v=TLSRPTv1; x=a=b; rua=mailto:a@b",
                  "a value has a character that may not stand there"));
    CHECK(because("v=TLSRPTv1; rua=mailto:a@b,,mailto:c@d", "a field has no value"));
    CHECK(because("v=TLSRPTv1; rua=", "a field has no value"));
    CHECK(because("v=TLSRPTv1; rua=mailto:a@b mailto:c@d",
                  "a blank is not followed by \";\" or \",\""));
    CHECK(because("v=TLSRPTv1; x=y", "rua is missing"));
    CHECK(because("v=TLSRPTv1;", "rua is missing"));
    CHECK(read_records("v=TLSRPTv1; rua=mailto:a@b!10m,mailto:c%21d@e", 100) == STS_OK &&
          r.count == 1);
    CHECK(strcmp(r.uris[0], "mailto:c%21d@e") == 0); /* "!" has to be encoded */
}

/* R01: ten addresses; and one that is longer than we keep. */
TEST(r01_more_addresses_than_fit_are_cut)
{
    static char text[600];
    int n = sprintf(text, "v=TLSRPTv1; rua=");

    for (int i = 0; i < 20; i++) {
        n += sprintf(text + n, "%smailto:%d@b", i > 0 ? "," : "", i);
    }
    CHECK(read_records(text, 600) == STS_OK && r.count == STS_TLSRPT_URIS && r.cut &&
          strcmp(r.uris[1], "mailto:1@b") == 0);
    for (int len = 254; len <= 257; len++) {
        n = sprintf(text, "v=TLSRPTv1; rua=https://%0*d,mailto:a@b", len - 8, 1);
        CHECK(read_records(text, 600) == STS_OK && r.cut == (len > 255) &&
              r.count == (len > 255 ? 1 : 2));
        CHECK(strlen(r.uris[0]) == (len > 255 ? 10 : (size_t)len));
    }
}

TEST(octets_that_no_field_may_have_make_it_no_record)
{
    static const char bad[] = {'\0', '\1', '\x1f', '\x7f', '\x80', '\xff'};

    for (size_t i = 0; i < sizeof bad; i++) {
        sts_tlsrpt_record_start(&r);
        sts_tlsrpt_record_open(&r);
        sts_tlsrpt_record_text(&r, BYTES(ONE));
        sts_tlsrpt_record_text(&r, bad + i, 1);
        sts_tlsrpt_record_close(&r);
        CHECK(sts_tlsrpt_record_result(&r) == STS_ERR_SYNTAX && r.count == 0);
    }
}

TEST(counts_of_records_stay_at_their_end)
{
    sts_tlsrpt_record_start(&r);
    for (unsigned i = 0; i < 65537; i++) {
        sts_tlsrpt_record_open(&r);
        sts_tlsrpt_record_text(&r, BYTES(ONE));
        sts_tlsrpt_record_close(&r);
    }
    CHECK(r.records == 65535 && r.candidates == 65535 &&
          sts_tlsrpt_record_result(&r) == STS_ERR_ABSENT);
}

TEST_MAIN("tlsrpt_record")
