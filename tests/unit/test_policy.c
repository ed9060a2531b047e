/* SPDX-License-Identifier: MIT
 *
 * The policy file (RFC 8461 3.2): what is valid, what is not and in which line, all splits, the
 * writer.
 */
#include "test.h"

#include <stdlib.h>

#include <stsmail/policy.h>

static struct sts_policy policy, other;
static struct sts_policy_parser parser;

static int read_split(struct sts_policy *into, const char *text, size_t len, size_t cut,
                      size_t piece)
{
    sts_policy_start(&parser, into);
    (void)sts_policy_feed(&parser, text, cut);
    for (size_t at = cut; at < len; at += piece) {
        (void)sts_policy_feed(&parser, text + at, len - at < piece ? len - at : piece);
    }
    return sts_policy_end(&parser);
}

static bool equal(const struct sts_policy *a, const struct sts_policy *b)
{
    return a->mode == b->mode && a->cut == b->cut && a->mx_count == b->mx_count &&
           a->max_age_s == b->max_age_s && a->mx_len == b->mx_len &&
           memcmp(a->mx, b->mx, a->mx_len) == 0;
}

/* Whole, by octets, and in two at each place: one answer, in `policy` and `parser`. */
static int read_all_ways(const char *text, size_t len)
{
    int result = read_split(&policy, text, len, len, 1);
    uint32_t line = parser.line;
    const char *reason = sts_policy_reason(&parser);

    CHECK((reason[0] == '\0') == (result == STS_OK));
    for (size_t cut = 0; cut <= len; cut++) {
        CHECK(read_split(&other, text, len, cut, cut == 0 ? 1 : len) == result);
        CHECK(parser.line == line && sts_policy_reason(&parser) == reason);
        CHECK(result != STS_OK || equal(&policy, &other));
    }
    return result;
}

static bool good(const char *text)
{
    if (read_all_ways(text, strlen(text)) != STS_OK) {
        printf("line %u: %s\n", (unsigned)parser.line, sts_policy_reason(&parser));
        return false;
    }
    return true;
}

/* Refused, in that line, for a reason that begins so. */
static bool bad_text(const char *text, size_t len, uint32_t line, const char *reason)
{
    if (read_all_ways(text, len) == STS_OK) {
        printf("taken: %s\n", text);
        return false;
    }
    if (parser.line != line || strncmp(sts_policy_reason(&parser), reason, strlen(reason)) != 0) {
        printf("line %u: %s\n", (unsigned)parser.line, sts_policy_reason(&parser));
        return false;
    }
    return true;
}

static bool bad(const char *text, uint32_t line, const char *reason)
{
    return bad_text(text, strlen(text), line, reason);
}

static bool has_mx(size_t n, const char *pattern)
{
    const char *mx = sts_policy_mx(&policy, n);

    return pattern == NULL ? mx == NULL : mx != NULL && strcmp(mx, pattern) == 0;
}

#define HEAD "version: STSv1\nmode: enforce\nmax_age: 1\n"
#define MX   "mx: a\n"

TEST(the_example_of_the_rfc_is_read)
{
    CHECK(good("version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\n"
               "mx: backupmx.example.com\r\nmax_age: 604800\r\n"));
    CHECK(policy.mode == STS_MODE_ENFORCE && policy.max_age_s == 604800 && !policy.cut);
    CHECK(policy.mx_count == 3 && policy.mx_len == 17 + 14 + 21);
    CHECK(has_mx(0, "mail.example.com") && has_mx(1, "*.example.net"));
    CHECK(has_mx(2, "backupmx.example.com") && has_mx(3, NULL));
}

/* R-050, P09: LF, CRLF or both; the last one may be missing. */
TEST(r050_lines_end_in_lf_or_crlf)
{
    CHECK(good(HEAD MX) && good(HEAD "mx: a") && good(HEAD "mx: a\r\n"));
    CHECK(good("version: STSv1\r\nmode: enforce\nmax_age: 1\r\nmx: a"));
    CHECK(bad(HEAD "mx: a\r", 4, "a carriage return"));
    CHECK(bad("version: STSv1\rmode: enforce\n", 1, "a carriage return"));
    CHECK(bad(HEAD "mx: a\r\r\n", 4, "a carriage return"));
    CHECK(bad(HEAD MX "\r", 5, "a carriage return"));
    CHECK(bad(HEAD MX "x: a\r b\n", 5, "a carriage return"));
}

/* C-1: real files have blank lines and blanks before a line's end. */
TEST(r050_blank_lines_and_trailing_blanks_are_allowed)
{
    CHECK(good("\n\r\n" HEAD "\n \t\r\n" MX "\n \n\t\n  "));
    CHECK(good("version: STSv1 \nmode:enforce\t\r\nmax_age: \t1 \t \nmx:\t a  \n"));
    CHECK(policy.mode == STS_MODE_ENFORCE && policy.max_age_s == 1 && has_mx(0, "a"));
}

/* R-050, P10: nothing before the name, nothing before the colon, the name exactly. */
TEST(p10_names_are_exact)
{
    CHECK(bad(HEAD " mx: a\n", 4, "the line begins"));
    CHECK(bad(HEAD "\tmx: a\n", 4, "the line begins"));
    CHECK(bad(HEAD "mx : a\n", 4, "a field name"));
    CHECK(bad(HEAD "mx\t: a\n", 4, "a field name"));
    CHECK(bad(HEAD "mxx: a\n", 5, "mx is missing"));
    CHECK(bad(HEAD "m: a\n", 5, "mx is missing"));
    CHECK(bad(HEAD "MX: a\n", 5, "mx is missing"));
    CHECK(bad("Version: STSv1\nmode: none\nmax_age: 1\n", 4, "version is missing"));
    CHECK(bad("version: STSv1\nMODE: none\nmax_age: 1\n", 4, "mode is missing"));
    CHECK(bad("version: STSv1\nmode: none\nmax-age: 1\n", 4, "max_age is missing"));
    CHECK(bad(HEAD "mx\n", 4, "the line has no colon"));
    CHECK(bad(HEAD "mx\r\n", 4, "the line has no colon"));
    CHECK(bad(HEAD MX "a", 5, "the line has no colon"));
    CHECK(bad(HEAD MX ": a", 5, "a field name"));
    CHECK(bad(HEAD MX "_a: b", 5, "a field name") && bad(HEAD MX "!: b", 5, "a field name"));
    CHECK(bad(HEAD MX "a!: b", 5, "a field name") &&
          bad(HEAD MX "a\xc3\xa4: b", 5, "a field name"));
    CHECK(bad(HEAD MX "a=b\n", 5, "a field name"));
    CHECK(bad(HEAD MX "\xc3\xa4: b", 5, "a field name"));
    CHECK(bad(HEAD MX " : b", 5, "the line begins") && bad(HEAD MX " _", 5, "the line begins") &&
          bad(HEAD MX " !", 5, "the line begins") && bad(HEAD MX " \xc3", 5, "the line begins"));
}

/* R-051, P01, P02, P03, P05: each of the fields is needed, in any order. */
TEST(r051_all_fields_are_needed)
{
    CHECK(bad("", 1, "version is missing") && bad("\n\n", 3, "version is missing"));
    CHECK(bad("mode: none\nmax_age: 1\n", 3, "version is missing"));
    CHECK(bad("version: STSv1\nmax_age: 1\nmx: a", 3, "mode is missing"));
    CHECK(bad("version: STSv1\nmode: none\n", 3, "max_age is missing"));
    CHECK(bad(HEAD, 4, "mx is missing"));
    CHECK(bad("version: STSv1\nmode: testing\nmax_age: 1\n", 4, "mx is missing"));
    CHECK(good("mx: a\nmax_age: 1\nmode: testing\nversion: STSv1\n") &&
          policy.mode == STS_MODE_TESTING);
}

TEST(r051_mode_none_needs_no_mx)
{
    CHECK(good("version: STSv1\nmode: none\nmax_age: 1\n"));
    CHECK(policy.mode == STS_MODE_NONE && policy.mx_count == 0 && has_mx(0, NULL));
    CHECK(good("version: STSv1\nmode: none\nmax_age: 1\nmx: a\n") && has_mx(0, "a"));
    CHECK(bad("version: STSv1\nmode: none\nmax_age: 1\nmx:\n", 4, "mx is not"));
}

/* R-052, P01 */
TEST(r052_version_is_exact)
{
    static const char *const wrong[] = {"STSv2",  "STSv",      "STSv10",        "stsv1", "STS v1",
                                        "",       "STSv1 x",   "v=STSv1",       "mode",  "none",
                                        "STSv1,", "\"STSv1\"", "STSv1\xc3\xa4", "S"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[128];

        snprintf(text, sizeof text, "version: %s\nmode: none\nmax_age: 1\n", wrong[i]);
        CHECK(bad(text, 1, "version is not STSv1"));
    }
}

/* R-052, P02 */
TEST(r052_mode_is_exact)
{
    static const char *const wrong[] = {
        "Enforce",  "enforced", "enforc",  "ENFORCE",   "en force",       "",  "report",
        "testing,", "STSv1",    "max_age", "none none", "enforceenforce", "mx"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[128];

        snprintf(text, sizeof text, "version: STSv1\nmode: %s\nmax_age: 1\nmx: a\n", wrong[i]);
        CHECK(bad(text, 2, "mode is not enforce"));
    }
    CHECK(bad_text(BYTES("version: STSv1\nmode: enforce\0\nmax_age: 1\nmx: a\n"), 2,
                   "the line has a control"));
}

static bool age_is(const char *text, uint32_t want)
{
    char file[128];

    snprintf(file, sizeof file, "version: STSv1\nmode: none\nmax_age: %s\n", text);
    return good(file) && policy.max_age_s == want;
}

/* C-2, P03 */
TEST(r054_max_age_is_clamped_to_the_maximum)
{
    CHECK(age_is("0", 0) && age_is("0000000000", 0) && age_is("0000086400", 86400));
    CHECK(age_is("31557599", 31557599) && age_is("31557600", 31557600));
    CHECK(age_is("31557601", 31557600) && age_is("315576000", 31557600));
    CHECK(age_is("4294967295", 31557600) && age_is("4294967296", 31557600)); /* 2^32 */
    CHECK(age_is("4294967297", 31557600) && age_is("9999999999", 31557600));
}

TEST(r053_max_age_is_1_to_10_digits)
{
    static const char *const wrong[] = {"",    "-1", "+1",       "1e9",         "0x10",
                                        "1 0", "1s", "1.0",      "a",           "1,",
                                        ":1",  "/",  "\xd9\xa1", "00000000001", "99999999999"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[128];

        snprintf(text, sizeof text, "version: STSv1\nmode: none\nmax_age: %s\n", wrong[i]);
        CHECK(bad(text, 3, "max_age is not a number of 1 to 10 digits"));
    }
}

static bool mx_good(const char *pattern)
{
    char text[1024];

    snprintf(text, sizeof text, HEAD "mx: %s\n", pattern);
    return good(text) && sts_pattern_valid(pattern, strlen(pattern)) && policy.mx_count == 1;
}

static bool mx_bad(const char *pattern)
{
    char text[1024];

    snprintf(text, sizeof text, HEAD "mx: %s\n", pattern);
    return bad(text, 4, "mx is not a host name") && !sts_pattern_valid(pattern, strlen(pattern));
}

/* P06 */
TEST(r056_mx_is_a_domain_or_a_wildcard_and_a_domain)
{
    CHECK(mx_good("a") && mx_good("a.b") && mx_good("*.a") && mx_good("*.xn--4ca.example"));
    CHECK(mx_good("1.a") && mx_good("a-1.b1") && mx_good("0x1") && mx_good("a--b") &&
          mx_good("1-1"));
    CHECK(mx_bad("") && mx_bad("*") && mx_bad("*.") && mx_bad("**") && mx_bad("**.x") &&
          mx_bad("*.*") && mx_bad("*.*.x") && mx_bad("a.*.x") && mx_bad("a*.x") && mx_bad("*a.x") &&
          mx_bad("*-a.x") && mx_bad("*..x"));
    CHECK(mx_bad(".") && mx_bad(".x") && mx_bad("x.") && mx_bad("x..y") && mx_bad("*.x."));
    CHECK(mx_bad("-x") && mx_bad("x-") && mx_bad("x-.y") && mx_bad("x.-y") && mx_bad("a_b"));
    CHECK(mx_bad("192.0.2.1") && mx_bad("*.2.1") && mx_bad("1") && mx_bad("[192.0.2.1]") &&
          mx_bad("2001:db8::1"));
    CHECK(mx_bad("m\xc3\xa4il.example") && mx_bad("a:25") && mx_bad("a,b") && mx_bad("a b") &&
          mx_bad("a;b") && mx_bad("a/b") && mx_bad("a@b"));
}

TEST(r056_mx_names_have_63_octets_a_label_and_253_in_all)
{
    char name[300];

    memset(name, 'a', sizeof name);
    name[63] = '\0';
    CHECK(mx_good(name));
    name[63] = 'a';
    name[64] = '\0';
    CHECK(mx_bad(name));
    memset(name, 'a', sizeof name);
    memcpy(name, "*.", 2);
    name[65] = name[129] = name[193] = '.';
    name[2 + 253] = '\0';
    CHECK(mx_good(name) && mx_good(name + 2));
    name[2 + 253] = 'a';
    name[2 + 254] = '\0';
    CHECK(mx_bad(name) && mx_bad(name + 2));
}

TEST(mx_patterns_are_kept_in_lower_case_and_in_order)
{
    CHECK(good(HEAD "mx: Z.Example\nmx: *.B\nmx: a\nmx: z.example\n"));
    CHECK(policy.mx_count == 4 && has_mx(0, "z.example") && has_mx(1, "*.b") && has_mx(2, "a"));
    CHECK(has_mx(3, "z.example") && has_mx(4, NULL));
}

/* the first counts, even if a later one is wrong. P01, P02. */
TEST(r059_later_duplicates_are_ignored)
{
    CHECK(good("version: STSv1\nversion: STSv2\nmode: none\nmode: enforce\nmode: x:y\nmax_age: 7\n"
               "max_age: 8\nmax_age: -1\nmax_age:\nmode: \nversion: \xc3\xa4\n"));
    CHECK(policy.mode == STS_MODE_NONE && policy.max_age_s == 7);
    CHECK(bad("version: STSv1\nmode: x\nmode: none\nmax_age: 1\n", 2, "mode is not"));
    CHECK(bad("version: STSv2\nversion: STSv1\nmode: none\nmax_age: 1\n", 1, "version is not"));
    CHECK(bad("version: STSv1\nmode: none\nmax_age: x\nmax_age: 1\n", 3, "max_age is not"));
    CHECK(bad(HEAD MX "mode: \x01\n", 5, "the line has a control")); /* R-061 all the same */
    CHECK(bad(HEAD MX "mode: \xff\n", 5, "the line has a control"));
}

/* */
TEST(r060_unknown_fields_are_ignored)
{
    CHECK(good(HEAD MX "x: a\nversion2: b\nSTSv1: a b  c\nnone: :\n0_-.Z: a:b: c\nmodes: x\n"));
    CHECK(good(HEAD MX "x: \xc2\x80\xdf\xbf \xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf "
                       "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\xe1\x80\x80\xf1\x80\x80\x80 ~!\t\n"));
    CHECK(good(HEAD MX "abcdefghijklmnopqrstuvwxyz012345: x\n"));
    CHECK(bad(HEAD MX "abcdefghijklmnopqrstuvwxyz0123456: x\n", 5, "a field name"));
    CHECK(bad(HEAD MX "x:\n", 5, "a field has no value"));
    CHECK(bad(HEAD MX "x: \t \r\n", 5, "a field has no value"));
    CHECK(bad(HEAD MX "x:", 5, "a field has no value"));
    CHECK(bad(HEAD MX "x: a\tb\n", 5, "the line has a control"));
    CHECK(bad(HEAD MX "x: a \t :\n", 5, "the line has a control"));
}

/* R-060, P09: a line of 10 KB. */
TEST(r060_values_of_unknown_fields_may_be_long)
{
    static char text[10240];
    size_t head = strlen(HEAD MX "x: ");

    memset(text, 'v', sizeof text);
    memcpy(text, HEAD MX "x: ", head);
    memcpy(text + sizeof text - 8, "\nmx: b\n", 8);
    CHECK(read_split(&policy, text, sizeof text - 1, 0, 7) == STS_OK && policy.mx_count == 2);
    CHECK(has_mx(1, "b"));
}

/* control characters anywhere; a BOM; what is no UTF-8. */
TEST(r061_control_characters_are_refused_at_every_place)
{
    char text[] = HEAD MX "x: y z\n\n \n";

    for (int c = 0; c < 0x80; c = c == 0x1f ? 0x7f : c + 1) {
        if (c == '\t' || c == '\n' || c == '\r') {
            continue;
        }
        for (size_t at = 0; at < sizeof text - 1; at++) {
            char keep = text[at];

            text[at] = (char)c;
            CHECK(read_split(&policy, text, sizeof text - 1, at, 2) == STS_ERR_SYNTAX);
            CHECK(strncmp(sts_policy_reason(&parser), "the line has a control", 22) == 0);
            text[at] = keep;
        }
    }
}

TEST(r061_a_byte_order_mark_is_refused)
{
    CHECK(bad("\xef\xbb\xbf" HEAD MX, 1, "a field name"));
}

TEST(r061_broken_utf8_is_refused)
{
    static const char *const wrong[] = {"\x80",
                                        "\xbf",
                                        "\xc0\x80",
                                        "\xc1\xbf",
                                        "\xc2",
                                        "\xc2\x41",
                                        "\xc2\xc2",
                                        "\xe0\x9f\xbf",
                                        "\xe1\x80",
                                        "\xe1\x80\x41",
                                        "\xed\xa0\x80",
                                        "\xef\xbf\xc0",
                                        "\xf0\x8f\xbf\xbf",
                                        "\xf0\x90\x80",
                                        "\xf4\x90\x80\x80",
                                        "\xf5\x80\x80\x80",
                                        "\xe1\xc0\x80",
                                        "\xc2\xc0",
                                        "\xff",
                                        "\xf1\x80\x80\x7f",
                                        "\xf1\x80\xc0\x80",
                                        "\xc2\x80\x80",
                                        "\xe1\x80 ",
                                        "\xc2\r"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[128];

        snprintf(text, sizeof text, HEAD MX "x: a%s\n", wrong[i]);
        CHECK(bad(text, 5, "the line has a control"));
        snprintf(text, sizeof text, HEAD MX "x: %s", wrong[i]);
        CHECK(bad(text, 5, "the line has a control"));
    }
}

TEST(errors_are_sticky)
{
    sts_policy_start(&parser, &policy);
    CHECK(sts_policy_feed(&parser, BYTES("version: STSv1\nx\n")) == STS_ERR_SYNTAX);
    CHECK(sts_policy_feed(&parser, BYTES("\n\nmode: none\nmax_age: 1\n")) == STS_ERR_SYNTAX);
    CHECK(parser.line == 2 && sts_policy_end(&parser) == STS_ERR_SYNTAX);
    CHECK(strcmp(sts_policy_reason(&parser), "the line has no colon") == 0);
}

TEST(the_end_may_be_told_twice)
{
    CHECK(good(HEAD "mx: a"));
    CHECK(read_split(&policy, HEAD "mx: a", strlen(HEAD "mx: a"), 3, 1) == STS_OK);
    CHECK(sts_policy_end(&parser) == STS_OK && policy.mx_count == 1);
}

/* 65536 octets are read, one more is refused, never cut. */
TEST(r041_files_over_64_kib_are_refused)
{
    static char text[65537];
    size_t head = strlen(HEAD MX);

    memset(text, '\n', sizeof text);
    memcpy(text, HEAD MX, head);
    CHECK(read_split(&policy, text, 65536, 1000, 999) == STS_OK && parser.line == 65536 - head + 5);
    CHECK(read_split(&policy, text, 65537, 1000, 999) == STS_ERR_SYNTAX);
    CHECK(strncmp(sts_policy_reason(&parser), "the file is larger", 18) == 0);
    memset(text + head, 'x', sizeof text - head);
    text[head + 1] = ':';
    CHECK(read_split(&policy, text, 65536, 0, 4096) == STS_OK);
    memset(text + head, 'x', sizeof text - head);
    memcpy(text + head, "mode:", 5);
    CHECK(read_split(&policy, text, 65536, 0, 4096) == STS_OK && policy.mode == STS_MODE_ENFORCE);
    memcpy(text, "mode: ", 6);
    memset(text + 6, 'x', sizeof text - 6);
    CHECK(read_split(&policy, text, 65536, 0, 4096) == STS_ERR_SYNTAX && parser.line == 1);
}

/* ---- more than fits: C-5, R-062, P08 --------------------------------------------------------- */

/* HEAD and lines "mx: aaa.." so that the patterns with their NULs take `bytes`; returns the length. */
static size_t fill_mx(char *text, size_t bytes)
{
    size_t at = strlen(HEAD);

    memcpy(text, HEAD, at);
    while (bytes > 0) {
        size_t take = bytes > 34 ? 32 : bytes; /* never 1 left */

        memcpy(text + at, "mx: ", 4);
        memset(text + at + 4, 'a', take - 1);
        text[at + 4 + take - 1] = '\n';
        at += 4 + take;
        bytes -= take;
    }
    return at;
}

#if STS_POLICY_MX_SIZE < 8192

static char large[3 * STS_POLICY_MX_SIZE];

TEST(r062_patterns_that_fit_exactly_are_all_kept)
{
    size_t len = fill_mx(large, STS_POLICY_MX_SIZE);

    CHECK(read_split(&policy, large, len, 0, 100) == STS_OK);
    CHECK(!policy.cut && policy.mx_len == STS_POLICY_MX_SIZE);
    memcpy(large + len, "mx: z", 6); /* one more, when not an octet is free */
    CHECK(read_split(&other, large, len + 5, 0, 1) == STS_OK && other.cut);
    other.cut = false;
    CHECK(equal(&policy, &other));
}

TEST(r062_one_octet_too_many_cuts_the_last_pattern)
{
    size_t len = fill_mx(large, STS_POLICY_MX_SIZE + 1);
    uint16_t kept;

    CHECK(read_split(&policy, large, len, 0, 100) == STS_OK);
    CHECK(policy.cut && policy.mx_len < STS_POLICY_MX_SIZE);
    kept = policy.mx_count;
    CHECK(sts_policy_mx(&policy, kept) == NULL);
    /* a later one that fits is kept: the list is as long as it can be */
    memcpy(large + len, "mx: z\n", 6);
    CHECK(read_split(&policy, large, len + 6, 0, 1) == STS_OK && policy.cut);
    CHECK(policy.mx_count == kept + 1 && has_mx(kept, "z"));
}

/* P08: whether a policy is valid is no matter of memory. */
TEST(p08_patterns_that_do_not_fit_are_checked)
{
    size_t len = fill_mx(large, STS_POLICY_MX_SIZE);

    memcpy(large + len, "mx: a..b\n", 9);
    CHECK(read_split(&policy, large, len + 9, 0, 1) == STS_ERR_SYNTAX);
    memcpy(large + len, "mx: *.b\n\n", 9);
    CHECK(read_split(&policy, large, len + 9, 0, 1) == STS_OK && policy.cut);
    memcpy(large + len, "mx: *b\n\n\n", 9);
    CHECK(read_split(&policy, large, len + 9, 0, 1) == STS_ERR_SYNTAX);
}

#else

/* Every policy of 64 KiB fits. */
TEST(c5_linux_holds_the_largest_policy)
{
    static char text[STS_POLICY_FILE_MAX + 64];
    size_t len = strlen(HEAD);

    memcpy(text, HEAD, len);
    for (; len + 5 <= STS_POLICY_FILE_MAX; len += 5) {
        memcpy(text + len, "mx:a\n", 5);
    }
    CHECK(read_split(&policy, text, len, 0, 4096) == STS_OK && !policy.cut);
    CHECK(policy.mx_count == (len - strlen(HEAD)) / 5);
    len = fill_mx(text, 50000);
    CHECK(read_split(&policy, text, len, 0, 4096) == STS_OK && !policy.cut);
    CHECK(policy.mx_len == 50000);
}

#endif

/* ---- writing --------------------------------------------------------------------------------- */

/* Writes with buffers of `size`, reads again; true if it is the same policy. */
static bool round_trips(const struct sts_policy *from, size_t size)
{
    static struct sts_policy again;
    static struct sts_policy_parser p;
    uint32_t at = 0;
    char buf[1024];
    size_t n;

    sts_policy_start(&p, &again);
    memset(buf, '#', sizeof buf);
    while ((n = sts_policy_write(from, &at, buf, size)) > 0) {
        CHECK(n <= size && memcmp(buf + n - 2, "\r\n", 2) == 0);
        CHECK(sts_policy_feed(&p, buf, n) == STS_OK);
    }
    return sts_policy_write(from, &at, buf, size) == 0 && sts_policy_end(&p) == STS_OK &&
           equal(&again, from);
}

TEST(a_policy_is_written_as_the_rfc_has_it)
{
    static const char want[] = "version: STSv1\r\nmode: testing\r\nmax_age: 86400\r\n"
                               "mx: mx.example\r\nmx: *.b\r\n";
    char buf[512];
    uint32_t at = 0;

    CHECK(good("x: y\n\nmode: testing \nmx: MX.example\nmax_age:  086400\nversion:STSv1\nmx:*.b"));
    CHECK(sts_policy_write(&policy, &at, buf, sizeof buf) == sizeof want - 1);
    CHECK(memcmp(buf, want, sizeof want - 1) == 0);
    CHECK(sts_policy_write(&policy, &at, buf, sizeof buf) == 0);
}

TEST(what_is_written_reads_the_same)
{
    static char text[3 * 8192];
    char longest[300];

    CHECK(good("version: STSv1\nmode: none\nmax_age: 0\n"));
    CHECK(round_trips(&policy, 300) && round_trips(&policy, 1024));
    CHECK(good(HEAD "mx: a\nmx: b\nmx: *.c.d\n"));
    for (size_t size = 300; size < 400; size++) {
        CHECK(round_trips(&policy, size));
    }
    CHECK(read_split(&policy, text,
                     fill_mx(text, STS_POLICY_MX_SIZE < 8192 ? STS_POLICY_MX_SIZE : 8192), 0,
                     64) == STS_OK);
    for (size_t size = 300; size < 400; size++) {
        CHECK(round_trips(&policy, size));
    }
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "*.", 2);
    longest[65] = longest[129] = longest[193] = '.';
    longest[255] = '\0';
    CHECK(mx_good(longest) && round_trips(&policy, 300));
}

TEST(modes_have_names)
{
    CHECK(strcmp(sts_mode_name(STS_MODE_NONE), "none") == 0);
    CHECK(strcmp(sts_mode_name(STS_MODE_TESTING), "testing") == 0);
    CHECK(strcmp(sts_mode_name(STS_MODE_ENFORCE), "enforce") == 0);
    CHECK(sts_mode_name(-1)[0] == '\0' && sts_mode_name(3)[0] == '\0');
}

/* Each truncation of a file: none reads as another policy, a whole line short at most. */
TEST(truncated_files_are_invalid_until_the_last_field_is_there)
{
    static const char text[] = "version: STSv1\r\nmode: enforce\r\nmx: ab.c\r\nmax_age: 60\r\n";
    size_t last = (size_t)(strstr(text, "60") - text);

    for (size_t len = 0; len < sizeof text; len++) {
        int result = read_all_ways(text, len);

        CHECK((result == STS_OK) == (len > last && text[len - 1] != '\r'));
    }
}

TEST_MAIN("policy")
