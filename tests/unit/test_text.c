/* SPDX-License-Identifier: MIT
 *
 * Names, numbers, addresses, bounded output, log lines.
 */
#include "test.h"

#include <stsmail/engine/text.h>

static char label63[64], name253[255];

static void fill_names(void)
{
    memset(label63, 'a', 63);
    memset(name253, 'b', 254);
    name253[63] = name253[127] = name253[191] = '.';
}

static bool host(const char *s)
{
    return sts_host_valid(s, strlen(s));
}

TEST(classes_are_ascii_only)
{
    for (int c = 0; c < 256; c++) {
        bool digit = c < 128 && strchr("0123456789", c) != NULL && c != 0;
        bool upper = c < 128 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ", c) != NULL && c != 0;
        bool lower = c < 128 && strchr("abcdefghijklmnopqrstuvwxyz", c) != NULL && c != 0;

        CHECK(sts_is_digit((uint8_t)c) == digit);
        CHECK(sts_is_alpha((uint8_t)c) == (upper || lower));
        CHECK(sts_is_alnum((uint8_t)c) == (digit || upper || lower));
        CHECK(sts_lower((uint8_t)c) == (upper ? c + 32 : c));
    }
}

TEST(same_ignores_ascii_case_alone)
{
    CHECK(sts_same("aZ9", 3, "Az9", 3));
    CHECK(sts_same("", 0, "", 0));
    CHECK(!sts_same("ab", 2, "abc", 3));
    CHECK(!sts_same("ab", 2, "ac", 2));
    CHECK(!sts_same("[", 1, "{", 1)); /* differ in the case bit, and are no letters */
    CHECK(!sts_same("\xc4", 1, "\xe4", 1));
    CHECK(sts_same_text("STARTTLS", "startTLS"));
    CHECK(!sts_same_text("STARTTLS", "startTL"));
    CHECK(sts_len("") == 0 && sts_len("abc") == 3);
}

TEST(host_names_are_labels_of_letters_digits_and_inner_hyphens)
{
    CHECK(host("a") && host("a.b") && host("xn--4ca.example") && host("3com.com") && host("a--b"));
    CHECK(!host("") && !host(".") && !host("a.") && !host(".a") && !host("a..b"));
    CHECK(!host("-a") && !host("a-") && !host("a.-b") && !host("a-.b"));
    CHECK(!host("a_b") && !host("a b") && !host("a/b") && !host("a@b") && !host("a%b"));
    CHECK(!host("\xc3\xa4.example") && !host("*.a") && !host("a\r\nb"));
    CHECK(!sts_host_valid("a\0b", 3));
}

TEST(host_names_have_63_octets_a_label_and_253_in_all)
{
    fill_names();
    CHECK(sts_host_valid(label63, 63));
    CHECK(sts_host_valid(name253, 253));
    CHECK(!sts_host_valid(name253, 254));
    label63[63] = 'a';
    CHECK(!sts_host_valid(label63, 64));
    label63[63] = '\0';
}

/* */
TEST(r006_canonical_names_are_lower_case_without_root_dot)
{
    char out[STS_NAME_SIZE];

    CHECK(sts_name_canon("MX.Example.", 11, out) == STS_OK && strcmp(out, "mx.example") == 0);
    CHECK(sts_name_canon("a", 1, out) == STS_OK && strcmp(out, "a") == 0);
    CHECK(sts_name_canon("a..", 3, out) == STS_ERR_NAME);
    CHECK(sts_name_canon(".", 1, out) == STS_ERR_NAME);
    CHECK(sts_name_canon("", 0, out) == STS_ERR_NAME);
    CHECK(sts_name_canon("a/b", 3, out) == STS_ERR_NAME);
    fill_names();
    CHECK(sts_name_canon(name253, 253, out) == STS_OK && strlen(out) == 253);
    name253[253] = '.';
    CHECK(sts_name_canon(name253, 254, out) == STS_OK && strlen(out) == 253);
}

TEST(a_last_label_of_digits_alone_is_an_ipv4_address)
{
    CHECK(sts_name_is_ipv4("192.0.2.1", 9) && sts_name_is_ipv4("1", 1));
    CHECK(sts_name_is_ipv4("example.1", 9));
    CHECK(!sts_name_is_ipv4("", 0) && !sts_name_is_ipv4("1.a", 3) && !sts_name_is_ipv4("a1", 2));
    CHECK(!sts_name_is_ipv4("1.a1", 4) && !sts_name_is_ipv4("1.", 2));
}

static bool number_is(const char *text, uint64_t max, uint64_t want)
{
    uint64_t n = 99;

    return sts_get_number(text, strlen(text), max, &n) == STS_OK && n == want;
}

static bool number_bad(const char *text, uint64_t max)
{
    uint64_t n = 99;

    return sts_get_number(text, strlen(text), max, &n) == STS_ERR_SYNTAX && n == 99;
}

TEST(numbers_are_digits_within_bounds)
{
    CHECK(number_is("0", 0, 0) && number_is("007", 7, 7) && number_is("65535", 65535, 65535));
    CHECK(number_is("18446744073709551615", UINT64_MAX, UINT64_MAX));
    CHECK(number_is("00000000000000000001", 1, 1));
    CHECK(number_bad("65536", 65535));
    CHECK(number_bad("18446744073709551616", UINT64_MAX));
    CHECK(number_bad("18446744073709551620", UINT64_MAX));
    CHECK(number_bad("99999999999999999999", UINT64_MAX));
    CHECK(number_bad("000000000000000000001", 1)); /* 21 digits */
    CHECK(number_bad("", 9) && number_bad("+1", 9) && number_bad("-1", 9) && number_bad(" 1", 9));
    CHECK(number_bad("1e9", UINT64_MAX) && number_bad("1:", 99) && number_bad("/", 99));
}

/* Text -> address -> text. */
static bool ip_is(const char *text, uint8_t family, const char *again)
{
    struct sts_ip ip;
    struct sts_out o;
    char buf[64];

    if (sts_ip_parse(text, strlen(text), &ip) != STS_OK || ip.family != family) {
        return false;
    }
    sts_out_start(&o, buf, sizeof buf);
    sts_out_ip(&o, &ip);
    return strcmp(sts_out_end(&o), again) == 0 && !o.full;
}

static bool ip_bad(const char *text)
{
    struct sts_ip ip;

    return sts_ip_parse(text, strlen(text), &ip) == STS_ERR_SYNTAX;
}

TEST(ipv4_addresses_are_four_numbers)
{
    CHECK(ip_is("192.0.2.1", 4, "192.0.2.1") && ip_is("0.0.0.0", 4, "0.0.0.0"));
    CHECK(ip_is("255.255.255.255", 4, "255.255.255.255"));
    CHECK(ip_bad("") && ip_bad("1.2.3") && ip_bad("1.2.3.") && ip_bad("1.2.3.4.") &&
          ip_bad("1.2.3.4.5") && ip_bad(".1.2.3") && ip_bad("1..2.3"));
    CHECK(ip_bad("256.0.0.0") && ip_bad("01.2.3.4") && ip_bad("1.2.3.0x4") && ip_bad("1.2.3.4 "));
}

/* RFC 5952 4, 5 */
TEST(ipv6_addresses_are_written_as_rfc_5952_says)
{
    CHECK(ip_is("2001:DB8:0:0:0:0:0:1", 6, "2001:db8::1"));
    CHECK(ip_is("2001:0db8::0001", 6, "2001:db8::1"));
    CHECK(ip_is("2001:db8:0:1:1:1:1:1", 6, "2001:db8:0:1:1:1:1:1"));
    CHECK(ip_is("2001:0:0:1:0:0:0:1", 6, "2001:0:0:1::1"));
    CHECK(ip_is("2001:db8:0:0:1:0:0:1", 6, "2001:db8::1:0:0:1"));
    CHECK(ip_is("::", 6, "::") && ip_is("::1", 6, "::1") && ip_is("1::", 6, "1::"));
    CHECK(ip_is("1:2:3:4:5:6:7::", 6, "1:2:3:4:5:6:7:0") &&
          ip_is("::2:3:4:5:6:7:8", 6, "0:2:3:4:5:6:7:8"));
    CHECK(ip_is("::aBc:DeF", 6, "::abc:def"));
    CHECK(ip_is("1:2:3:4:5:6:0:0", 6, "1:2:3:4:5:6::"));
    CHECK(ip_is("::ffff:192.0.2.1", 6, "::ffff:192.0.2.1"));
    CHECK(ip_is("::ffff:c000:201", 6, "::ffff:192.0.2.1"));
    CHECK(ip_is("64:ff9b::192.0.2.1", 6, "64:ff9b::c000:201"));
    CHECK(ip_is("::1:ffff:c000:201", 6, "::1:ffff:c000:201"));
    CHECK(ip_is("::fffe:c000:201", 6, "::fffe:c000:201"));
    CHECK(ip_is("1::fffe:c000:201", 6, "1::fffe:c000:201"));
    CHECK(ip_is("1:2:3:4:5:6:1.2.3.4", 6, "1:2:3:4:5:6:102:304"));
    CHECK(ip_is("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 6,
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
}

TEST(broken_ipv6_addresses_are_refused)
{
    CHECK(ip_bad(":") && ip_bad(":1") && ip_bad("1:") && ip_bad(":::") && ip_bad("1::2::3"));
    CHECK(ip_bad("1:2:3:4:5:6:7") && ip_bad("1:2:3:4:5:6:7:8:9") && ip_bad("1:2:3:4:5:6:7:8:"));
    CHECK(ip_bad("1:2:3:4:5:6:7:8::") && ip_bad("::1:2:3:4:5:6:7:8") && ip_bad("1:2:3:4::5:6:7:8"));
    CHECK(ip_bad("12345::") && ip_bad("g::") && ip_bad("1:::2") && ip_bad("fe80::1%eth0"));
    CHECK(ip_bad("::1.2.3") && ip_bad("1.2.3.4::") && ip_bad("1:2:3:4:5:6:7:1.2.3.4"));
    CHECK(ip_bad("::.") && ip_bad("::1.2.3.4:5") && ip_bad("1;2:3:4:5:6:7:8"));
}

TEST(text_behind_the_length_is_not_read)
{
    struct sts_ip ip;
    char out[STS_NAME_SIZE];

    CHECK(sts_same("ab", 1, "ac", 1));
    CHECK(sts_ip_parse("1.2.3.45", 7, &ip) == STS_OK && ip.bytes[3] == 4);
    CHECK(sts_ip_parse("::12", 3, &ip) == STS_OK && ip.bytes[15] == 1);
    CHECK(sts_ip_parse("::1.2.3.4", 3, &ip) == STS_OK && ip.bytes[15] == 1);
    CHECK(sts_name_is_ipv4("11" + 1, 1) && sts_name_is_ipv4("a1" + 1, 1));
    CHECK(sts_name_canon("ab", 1, out) == STS_OK && strcmp(out, "a") == 0);
}

TEST(an_address_of_no_family_is_written_as_nothing)
{
    struct sts_ip none = {0};
    struct sts_out o;
    char buf[8];

    sts_out_start(&o, buf, sizeof buf);
    sts_out_ip(&o, &none);
    CHECK(o.len == 0 && !o.full);
}

TEST(output_that_does_not_fit_is_left_out_whole)
{
    struct sts_out o;
    char buf[8];

    memset(buf, '#', sizeof buf);
    sts_out_start(&o, buf, 6);
    sts_out_text(&o, "abc");
    sts_out_char(&o, '-');
    CHECK(!o.full);
    sts_out_text(&o, "xy"); /* would leave no room for the NUL */
    CHECK(o.full && o.len == 4);
    sts_out_char(&o, 'z'); /* would fit, but then the text would have a hole */
    CHECK(strcmp(sts_out_end(&o), "abc-") == 0 && buf[5] == '#');

    sts_out_start(&o, buf, 6);
    sts_out_text(&o, "abcde");
    CHECK(!o.full && strcmp(sts_out_end(&o), "abcde") == 0 && buf[6] == '#');

    sts_out_start(&o, buf, 1);
    sts_out_bytes(&o, "", 0);
    CHECK(!o.full);
    sts_out_char(&o, 'a');
    CHECK(o.full && sts_out_end(&o)[0] == '\0');
}

TEST(numbers_are_written_in_decimal)
{
    struct sts_out o;
    char buf[64];

    sts_out_start(&o, buf, sizeof buf);
    sts_out_number(&o, 0);
    sts_out_char(&o, ' ');
    sts_out_number(&o, 1000000009);
    sts_out_char(&o, ' ');
    sts_out_number(&o, UINT64_MAX);
    CHECK(strcmp(sts_out_end(&o), "0 1000000009 18446744073709551615") == 0);
}

TEST(hostile_text_is_escaped)
{
    struct sts_out o;
    char buf[64], small[8];

    sts_out_start(&o, buf, sizeof buf);
    sts_out_escaped(&o, "a \\~\x1b[\x7f\xff\0\n", 10);
    CHECK(strcmp(sts_out_end(&o), "a \\\\~\\x1b[\\x7f\\xff\\x00\\x0a") == 0);

    sts_out_start(&o, small, sizeof small); /* never half an escape */
    sts_out_escaped(&o, "ab\x01\x02z", 5);
    CHECK(o.full && strcmp(sts_out_end(&o), "ab\\x01") == 0);
}

TEST(times_compare_across_the_wrap)
{
    CHECK(sts_reached(5, 5) && sts_reached(6, 5) && !sts_reached(4, 5));
    CHECK(sts_reached(3, 0xfffffff0u) && !sts_reached(0xfffffff0u, 3));
    CHECK(sts_until(0xfffffff0u, 3) == 19 && sts_until(3, 0xfffffff0u) == 0);
}

struct seen {
    int kind, calls;
    size_t len;
    char text[512];
};

static void see(void *ctx, int kind, const char *text, size_t len)
{
    struct seen *s = ctx;

    s->kind = kind;
    s->calls++;
    s->len = len;
    memcpy(s->text, text, len);
    s->text[len] = '\0';
}

TEST(log_lines_are_put_together_from_pieces)
{
    static struct seen s;
    const struct sts_log log = {&s, see}, none = {0};

    s = (struct seen){0};
    sts_log_line(NULL, STS_LOG_STEP, "x", (char *)NULL);
    sts_log_line(&none, STS_LOG_STEP, "x", (char *)NULL);
    CHECK(s.calls == 0);
    sts_log_line(&log, STS_LOG_STEP, "MX ", "mx.example", "", ": ok", (char *)NULL);
    CHECK(s.calls == 1 && s.kind == '*' && s.len == 17);
    CHECK(strcmp(s.text, "MX mx.example: ok") == 0);
}

TEST(long_log_lines_are_cut_with_dots)
{
    static struct seen s;
    const struct sts_log log = {&s, see};
    char long_text[300];

    memset(long_text, 'x', sizeof long_text);
    long_text[256] = '\0';
    s = (struct seen){0};
    sts_log_line(&log, STS_LOG_SENT, long_text, "", (char *)NULL); /* fits exactly */
    CHECK(s.len == 256 && s.text[255] == 'x');
    sts_log_line(&log, STS_LOG_SENT, long_text, "y", (char *)NULL);
    CHECK(s.len == 256 && memcmp(s.text + 252, "x...", 4) == 0);
    long_text[256] = 'x';
    long_text[299] = '\0';
    sts_log_line(&log, STS_LOG_SENT, "ab", long_text, "c", (char *)NULL);
    CHECK(s.len == 256 && memcmp(s.text, "abx", 3) == 0 && memcmp(s.text + 252, "x...", 4) == 0);
}

TEST(wiped_memory_is_zero)
{
    uint8_t secret[5] = {1, 2, 3, 4, 5};

    sts_wipe(secret, 4);
    CHECK(secret[0] == 0 && secret[1] == 0 && secret[2] == 0 && secret[3] == 0 && secret[4] == 5);
    sts_wipe(secret + 4, 0);
    CHECK(secret[4] == 5);
}

TEST_MAIN("text")
