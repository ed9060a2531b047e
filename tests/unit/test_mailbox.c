/* SPDX-License-Identifier: MIT
 *
 * Mailboxes of RFC 5321 4.1.2 with RFC 6531's UTF-8: rows M05, M06, M07, D35, P31; and the octets of
 * UTF-8 itself.
 */
#include "test.h"

#include <stsmail/engine/mailbox.h>
#include <stsmail/engine/utf8.h>
#include <stsmail/error.h>

static struct sts_mailbox box;

static bool good(const char *text)
{
    return sts_mailbox_parse(text, strlen(text), &box) == STS_OK;
}

static bool bad_bytes(const char *text, size_t len)
{
    return sts_mailbox_parse(text, len, &box) == STS_ERR_ADDRESS;
}

static bool bad(const char *text)
{
    return bad_bytes(text, strlen(text));
}

static bool parts_are(const char *text, size_t local_len, const char *domain)
{
    return good(text) && box.local_len == local_len && box.domain == text + local_len + 1 &&
           box.domain_len == strlen(domain) && memcmp(box.domain, domain, box.domain_len) == 0;
}

TEST(dot_strings_are_mailboxes)
{
    CHECK(parts_are("a@b", 1, "b"));
    CHECK(parts_are("ops.team@mx1.example.org", 8, "mx1.example.org"));
    CHECK(parts_are("a!#$%&'*+-/=?^_`{|}~z09@EXAMPLE.org", 23, "EXAMPLE.org"));
    CHECK(!box.utf8 && !box.literal);
    CHECK(parts_are("user%host@example.org", 9, "example.org"));
    CHECK(bad("") && bad("a") && bad("@") && bad("a@") && bad("@b"));
    CHECK(bad(".a@b") && bad("a.@b") && bad("a..b@c") && bad(".@b"));
    CHECK(bad("a@b@c"));
}

TEST(quoted_strings_are_mailboxes)
{
    CHECK(parts_are("\"\"@b", 2, "b"));
    CHECK(parts_are("\"a b@c\"@d", 7, "d"));
    CHECK(parts_are("\"a\\\"b\\\\\"@d", 8, "d"));
    CHECK(parts_are("\"..<>()[]:;,\"@d", 13, "d"));
    CHECK(bad("\"@b") && bad("\"a@b") && bad("\"a\"b@c") && bad("a\"b\"@c") && bad("\"a\".b@c"));
    CHECK(bad("\"a\\\"@b") && bad("\"\\\xC3\xA9\"@b") && bad("\"a\"") && bad("a\\b@c"));
}

/* M06: what other mailers take and this grammar has no place for. */
TEST(m06_other_forms_of_addresses_are_refused)
{
    CHECK(bad("<a@b>") && bad("a@b>") && bad("Ops <a@b>") && bad("@r:a@b") && bad("@r,@s:a@b"));
    CHECK(bad("a b@c") && bad(" a@b") && bad("a@b ") && bad("a@ b") && bad("a(x)@b") &&
          bad("a@b(x)"));
    CHECK(bad("a,b@c") && bad("a@b,c@d") && bad("a;b@c") && bad("a:b@c") && bad("postmaster"));
    CHECK(bad("\"a\r\nRCPT TO:<x@y>\"@b") && bad("\"a\nb\"@c") && bad("a\r\n@b"));
    CHECK(bad_bytes(BYTES("a\0@b")) && bad_bytes(BYTES("a@b\0")) && bad_bytes(BYTES("a@b\0c")));
}

/* M07 */
TEST(m07_no_esmtp_parameter_fits_into_a_mailbox)
{
    CHECK(bad("a@b> NOTIFY=NEVER") && bad("a@b NOTIFY=NEVER") && bad("a@b>\tSIZE=1"));
    CHECK(bad("a@b\r\nDATA") && bad("a>@b") && bad("a <b@c"));
}

/* D35: every octet at every place of the domain. */
TEST(d35_domains_are_a_labels)
{
    char text[] = "a@ex.org";

    for (size_t at = 2; at < sizeof text - 1; at++) {
        for (int c = 0; c < 256; c++) {
            char was = text[at];
            bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
            bool inner = at == 4 || at == 6; /* alone there with a letter on both sides */

            text[at] = (char)c;
            CHECK((sts_mailbox_parse(text, sizeof text - 1, &box) == STS_OK) ==
                  (alnum || (inner && (c == '-' || c == '.'))));
            text[at] = was;
        }
    }
    CHECK(bad("a@b.") && bad("a@.b") && bad("a@b..c") && bad("a@b_c") && bad("a@\xC3\xA9.org"));
    CHECK(bad("a@-b") && bad("a@b-") && bad("a@b/c") && bad("a@b:25") &&
          good("a@xn--caf-dma.example"));
}

/* P31: address literals are read, and flagged for the caller to refuse. */
TEST(p31_address_literals_are_flagged)
{
    CHECK(parts_are("a@[192.0.2.1]", 1, "[192.0.2.1]") && box.literal);
    CHECK(good("a@[IPv6:2001:db8::1]") && box.literal);
    CHECK(good("a@[ipV6:::1]") && box.literal && good("a@[IPv6:::ffff:192.0.2.1]"));
    CHECK(good("a@192.0.2.1.example") && !box.literal);
    CHECK(bad("a@[]") && bad("a@[") && bad("a@]") && bad("a@[192.0.2.256]") && bad("a@[192.0.2]"));
    CHECK(bad("a@[192.0.2.1") && bad("a@192.0.2.1]") && bad("a@[192.0.2.1]x") &&
          bad("a@[[192.0.2.1]]"));
    CHECK(bad("a@[2001:db8::1]") && bad("a@[IPv6:192.0.2.1]") && bad("a@[IPv6:]") &&
          bad("a@[IPv5:::1]"));
    CHECK(bad("a@[x-tag:1]") && bad("a@[192.0.2.1]\r\n") && bad("a@[192.0.2.1 ]"));
}

TEST(utf8_local_parts_are_flagged)
{
    CHECK(parts_are("r\xC3\xA9mi@example.org", 5, "example.org") && box.utf8);
    CHECK(good("\"\xE2\x82\xAC \xF0\x9F\x94\xA5\"@b") && box.utf8);
    CHECK(good("\xC3\xA9.\xC3\x80@b") && box.utf8);
    CHECK(bad("\xC3@b") && bad("\xA9@b") && bad("\xC0\xAF@b") && bad("\xED\xA0\x80@b"));
    CHECK(bad("\xF4\x90\x80\x80@b") && bad("\xE0\x9F\xBF@b") && bad("a\xC3") && bad("\"\xC3\"@b"));
}

TEST(m06_lengths_are_bounded)
{
    char text[300];

    memset(text, 'a', sizeof text);
    text[64] = '@';
    for (size_t i = 65 + 63; i < sizeof text; i += 64) {
        text[i] = '.';
    }
    CHECK(sts_mailbox_parse(text, 254, &box) == STS_OK && box.local_len == 64);
    CHECK(bad_bytes(text, 255));
    text[64] = 'a';
    text[65] = '@';
    CHECK(bad_bytes(text, 70));
    text[65] = 'a';
    CHECK(bad_bytes(text, sizeof text) && bad_bytes(text, 65));
}

/* M05: all octets at each place of good addresses: never a control octet, space, "<" or ">". */
TEST(m05_no_octet_ends_an_address)
{
    static const char *const all[] = {"ab@cd", "a.b@c.d", "\"ab\"@cd", "\"\\b\"@cd", "a@[1.2.3.4]"};

    for (size_t k = 0; k < sizeof all / sizeof all[0]; k++) {
        size_t len = strlen(all[k]);

        for (size_t at = 0; at < len; at++) {
            for (int c = 0; c < 256; c++) {
                char text[16];
                bool ok;

                memcpy(text, all[k], len);
                text[at] = (char)c;
                ok = sts_mailbox_parse(text, len, &box) == STS_OK;
                CHECK(!ok || (c >= ' ' && c < 0x7F));
                CHECK(!ok || (c != ' ' && c != '<' && c != '>') || text[0] == '"');
                CHECK(ok || text[at] != all[k][at]);
            }
        }
    }
}

TEST(any_truncation_is_no_mailbox_or_a_shorter_one)
{
    static const char text[] = "\"a b\"@mx.example.org";

    for (size_t len = 0; len < sizeof text - 1; len++) {
        bool whole = len > 6 && text[len - 1] != '.';

        CHECK((sts_mailbox_parse(text, len, &box) == STS_OK) == whole);
    }
}

/* ---- UTF-8 ------------------------------------------------------------------------------- */

static bool utf8(const char *text, size_t len)
{
    struct sts_utf8 u = {0, 0, 0};

    for (size_t i = 0; i < len; i++) {
        if (!sts_utf8_next(&u, (uint8_t)text[i])) {
            return false;
        }
    }
    return u.left == 0;
}

TEST(utf8_is_the_grammar_of_rfc3629)
{
    CHECK(utf8(BYTES("")) && utf8(BYTES("a\0\x7F")) && utf8(BYTES("\xC2\x80\xDF\xBF")));
    CHECK(utf8(BYTES("\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF")));
    CHECK(utf8(BYTES("\xF0\x90\x80\x80\xF3\xBF\xBF\xBF\xF4\x8F\xBF\xBF")));
    CHECK(!utf8(BYTES("\x80")) && !utf8(BYTES("\xC1\xBF")) && !utf8(BYTES("\xF5\x80\x80\x80")));
    CHECK(!utf8(BYTES("\xC2")) && !utf8(BYTES("\xE0\xA0")) && !utf8(BYTES("\xF0\x90\x80")));
    CHECK(!utf8(BYTES("\xC2\x41")) && !utf8(BYTES("\xE1\x80\xC0")) && !utf8(BYTES("\xFF")));
}

TEST_MAIN("mailbox")
