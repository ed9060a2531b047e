/* SPDX-License-Identifier: MIT
 *
 * Reply lines: what is one, where it ends, and that no split changes that.
 */
#include "test.h"

#include <stsmail/engine/reply.h>

/* Feeds all; the event of the last byte, or the first one that ends the reply. */
static int feed(struct sts_reply *r, const char *text, size_t len)
{
    int event = STS_BUSY;

    for (size_t i = 0; i < len && event != STS_OK && event >= 0; i++) {
        event = sts_reply_feed(r, (uint8_t)text[i]);
    }
    return event;
}

static int whole(struct sts_reply *r, const char *text)
{
    sts_reply_start(r);
    return feed(r, text, strlen(text));
}

/* S04; RFC 5321 4.2.1: clients must take a code with no text and no SP. */
TEST(s04_reply_bare_code_is_accepted)
{
    struct sts_reply r;

    CHECK(whole(&r, "250\r\n") == STS_OK);
    CHECK(r.code == 250 && strcmp(r.line, "250") == 0);
    CHECK(whole(&r, "250 \r\n") == STS_OK && r.code == 250);
    CHECK(whole(&r, "250-\r\n250\r\n") == STS_OK && r.code == 250 && r.lines == 2);
}

/* S04 */
TEST(s04_reply_code_is_three_digits_from_200_to_599)
{
    static const char *const bad[] = {
        "25\r\n",     "25 x\r\n",  "2500\r\n",  "2500 x\r\n", "2 50\r\n",   "250x\r\n",
        "250x y\r\n", "000 x\r\n", "199 x\r\n", "600 x\r\n",  "999 x\r\n",  "\r\n",
        " 250 x\r\n", "x50 x\r\n", "-250\r\n",  "+25 x\r\n",  "250\tx\r\n", "250_x\r\n"};
    struct sts_reply r;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(whole(&r, bad[i]) == STS_ERR_PROTO);
        for (const char *more = " x\r\n250 x\r\n"; *more != '\0'; more++) {
            CHECK(sts_reply_feed(&r, (uint8_t)*more) == STS_ERR_PROTO); /* from then on */
        }
    }
    CHECK(whole(&r, "200 x\r\n") == STS_OK && r.code == 200);
    CHECK(whole(&r, "599 x\r\n") == STS_OK && r.code == 599);
    CHECK(whole(&r, "571 x\r\n") == STS_OK && r.code == 571);
}

/* S03: two codes in one reply are two answers; which one counts is for nobody to guess. */
TEST(s03_reply_lines_of_one_reply_carry_one_code)
{
    struct sts_reply r;

    CHECK(whole(&r, "250-a\r\n250-b\r\n250 c\r\n") == STS_OK && r.lines == 3);
    CHECK(whole(&r, "250-a\r\n251 b\r\n") == STS_ERR_PROTO);
    CHECK(whole(&r, "250-a\r\n550 b\r\n") == STS_ERR_PROTO);
    CHECK(whole(&r, "250-a\r\n250-b\r\n220 c\r\n") == STS_ERR_PROTO);
}

/* S05 */
TEST(s05_reply_line_ends_at_crlf_and_nowhere_else)
{
    static const struct {
        const char *text;
        size_t len;
    } bad[] = {{BYTES("250 a\n")},
               {BYTES("250\n")},
               {BYTES("250 a\rb\r\n")},
               {BYTES("250 a\r\r\n")},
               {BYTES("250\r\r\n")},
               {BYTES("250 a\0b\r\n")},
               {BYTES("\0")},
               {BYTES("250 a\r\0\n")},
               {BYTES("250-a\n250 b\r\n")},
               {BYTES("250-a\r250 b\r\n")}};
    struct sts_reply r;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sts_reply_start(&r);
        CHECK(feed(&r, bad[i].text, bad[i].len) == STS_ERR_PROTO);
    }
}

/* S01 */
TEST(s01_reply_line_may_have_1000_octets_and_not_one_more)
{
    for (size_t len = 900; len <= 1100; len++) {
        struct sts_reply r;
        char text[1200];

        memset(text, 'x', sizeof text);
        memcpy(text, "250 ", 4);
        memcpy(text + len - 2, "\r\n", 2);
        sts_reply_start(&r);
        CHECK(feed(&r, text, len) == (len <= 1000 ? STS_OK : STS_ERR_PROTO));
        CHECK(strlen(r.line) == sizeof r.line - 1);
    }
}

static int many(struct sts_reply *r, size_t lines, size_t len)
{
    char text[1000];
    int event = STS_BUSY;

    memset(text, 'x', sizeof text);
    memcpy(text, "250-", 4);
    memcpy(text + len - 2, "\r\n", 2);
    sts_reply_start(r);
    for (size_t i = 0; i < lines && event >= 0; i++) {
        event = feed(r, text, len);
    }
    if (event >= 0) {
        event = len == 682 ? feed(r, BYTES("250 xx\r\n")) : feed(r, BYTES("250\r\n"));
    }
    return event;
}

/* S02, S30: an endless reply costs 8 KiB, not a night. */
TEST(s02_s30_reply_has_at_most_128_lines_and_8_kib)
{
    struct sts_reply r;

    CHECK(many(&r, 0, 6) == STS_OK);
    CHECK(many(&r, 127, 6) == STS_OK && r.lines == 128);
    CHECK(many(&r, 128, 6) == STS_ERR_PROTO);
    CHECK(many(&r, 1000000, 6) == STS_ERR_PROTO);
    CHECK(many(&r, 8, 1000) == STS_OK);
    CHECK(many(&r, 9, 1000) == STS_ERR_PROTO);
    CHECK(many(&r, 12, 682) == STS_OK);       /* 8184 + 8 */
    CHECK(many(&r, 89, 92) == STS_ERR_PROTO); /* 8188 + 5 */
}

/* S22, S31, T19: hostile text is printable, whatever it was, and cut where the room ends. */
TEST(s22_s31_reply_text_is_escaped_and_cut)
{
    struct sts_reply r;
    char text[900];

    sts_reply_start(&r);
    CHECK(feed(&r, BYTES("550 \x1b[2J\\ %n \"\xc3\xa9\x7f\t.\r\n")) == STS_OK);
    CHECK(strcmp(r.line, "550 \\x1b[2J\\\\ %n \"\\xc3\\xa9\\x7f\\x09.") == 0);
    /* S31: digits of another script are not digits */
    sts_reply_start(&r);
    CHECK(feed(&r, BYTES("\xef\xbc\x92\xef\xbc\x95\xef\xbc\x90 ok\r\n")) == STS_ERR_PROTO);
    for (size_t pad = 0; pad < 4; pad++) {
        memset(text, 1, sizeof text);
        memcpy(text, "550 xxxx", 4 + pad);
        memcpy(text + sizeof text - 4, "zz\r\n", 4);
        sts_reply_start(&r);
        CHECK(feed(&r, text, sizeof text) == STS_OK);
        CHECK(strlen(r.line) < sizeof r.line);
        CHECK(strchr(r.line, 'z') == NULL); /* nothing behind the cut */
        text[3] = '-';
        sts_reply_start(&r);
        CHECK(feed(&r, text, sizeof text) == STS_REPLY_LINE);
        CHECK(feed(&r, BYTES("550 no\r\n")) == STS_OK && strcmp(r.line, "550 no") == 0);
        for (const char *c = r.line; *c != '\0'; c++) {
            CHECK(*c >= 0x20 && *c < 0x7f);
        }
    }
}

/* S06: every split is the same since bytes come one at a time; what is left to see is that each
 * event comes at its byte and that lines don't leak into one another. */
TEST(s06_reply_events_come_at_the_line_ends)
{
    static const char text[] = "250-first line\r\n250-2nd\r\n250 x\r\n";
    struct sts_reply r;

    sts_reply_start(&r);
    for (size_t i = 0; i + 1 < sizeof text; i++) {
        int event = sts_reply_feed(&r, (uint8_t)text[i]);

        if (text[i] != '\n') {
            CHECK(event == STS_BUSY);
        } else if (i + 2 < sizeof text) {
            CHECK(event == STS_REPLY_LINE);
            CHECK(strcmp(r.line, i < 20 ? "250-first line" : "250-2nd") == 0);
        } else {
            CHECK(event == STS_OK && strcmp(r.line, "250 x") == 0);
        }
    }
    CHECK(sts_reply_feed(&r, '2') == STS_ERR_PROTO); /* not begun again: sts_reply_start() */
}

/* S23: RFC 2034 says what an enhanced code looks like; nothing here depends on it. */
TEST(s23_enhanced_status_code_is_text)
{
    struct sts_reply r;

    CHECK(whole(&r, "250 9.99.9999 what\r\n") == STS_OK);
    CHECK(r.code == 250 && strcmp(r.line, "250 9.99.9999 what") == 0);
    CHECK(whole(&r, "250 5.1.1 contradicts itself\r\n") == STS_OK && r.code == 250);
}

TEST_MAIN("reply")
