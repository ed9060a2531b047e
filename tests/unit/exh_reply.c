/* SPDX-License-Identifier: MIT
 *
 * S04, S05, S06: every string over an alphabet that has one letter of each kind, against a reader of RFC 5321
 * 4.2 that looks at the whole string with no state at all.
 */
#include "test.h"

#include <stsmail/engine/reply.h>

static const char alphabet[] = {'2', '5', '6', '0', '-', ' ', '\r', '\n', 'x', '\0'};

static bool is_text(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '\r' || s[i] == '\n' || s[i] == '\0') {
            return false;
        }
    }
    return true;
}

/* Whether a line without its CRLF may begin like this; *code is that of the reply so far, or 0. */
static bool line_may_begin(const char *s, size_t len, int *code)
{
    int number = 0;

    for (size_t i = 0; i < len && i < 3; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return false;
        }
        number = number * 10 + (s[i] - '0');
    }
    if (len >= 3) {
        if (number < 200 || number > 599 || (*code != 0 && *code != number)) {
            return false;
        }
        *code = number;
    }
    return len <= 3 || ((s[3] == ' ' || s[3] == '-') && is_text(s, len));
}

/* What the string is: one reply, its first lines, the beginning of one, or no reply. */
static int naive(const char *s, size_t len)
{
    int code = 0;
    size_t start = 0;

    for (size_t i = 0; i + 1 < len; i++) {
        if (s[i] == '\r' && s[i + 1] == '\n') {
            if (i - start < 3 || !line_may_begin(s + start, i - start, &code)) {
                return STS_ERR_PROTO;
            }
            if (i - start == 3 || s[start + 3] == ' ') {
                return i + 2 == len ? STS_OK : STS_ERR_PROTO;
            }
            start = i + 2;
            if (start == len) {
                return STS_REPLY_LINE;
            }
        }
    }
    if (len - start > 3 && s[len - 1] == '\r') {
        len--;
    }
    return line_may_begin(s + start, len - start, &code) ? STS_BUSY : STS_ERR_PROTO;
}

static uint64_t seen, accepted;

/* Recursion is for tests alone. What has ended is not gone into. */
static void all_behind(const struct sts_reply *r, char *s, size_t len, size_t max)
{
    for (size_t i = 0; i < sizeof alphabet; i++) {
        struct sts_reply next = *r;
        int event;

        s[len] = alphabet[i];
        event = sts_reply_feed(&next, (uint8_t)s[len]);
        seen++;
        accepted += event == STS_OK;
        CHECK(event == naive(s, len + 1));
        if (len + 1 < max && event > 0) {
            all_behind(&next, s, len + 1, max);
        }
    }
}

static void behind(const char *prefix, size_t more)
{
    struct sts_reply r;
    char s[64];
    size_t len = strlen(prefix);

    sts_reply_start(&r);
    for (size_t i = 0; i < len; i++) {
        CHECK(sts_reply_feed(&r, (uint8_t)prefix[i]) > 0);
    }
    memcpy(s, prefix, len);
    seen = accepted = 0;
    all_behind(&r, s, len, len + more);
    printf("behind %u bytes: %llu strings of up to %u more, %llu of them replies\n", (unsigned)len,
           (unsigned long long)seen, (unsigned)more, (unsigned long long)accepted);
    CHECK(accepted > 0);
}

TEST(s04_s05_every_short_string_is_read_as_rfc_5321_says)
{
    behind("", 10);
    behind("250", 8);
    behind("250-", 8);
    behind("250-x\r\n", 9);
    behind("250-\r\n250-\r\n", 9);
}

/* All codes, all separators, with and without text. */
TEST(s04_every_code_with_every_separator)
{
    for (unsigned code = 0; code < 1000; code++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            struct sts_reply r;
            char s[16];
            int event = STS_BUSY;

            snprintf(s, sizeof s, "%03u.\r\n", code);
            s[3] = (char)byte;
            sts_reply_start(&r);
            for (size_t i = 0; i < 6 && event == STS_BUSY; i++) {
                event = sts_reply_feed(&r, (uint8_t)s[i]);
                CHECK(event == naive(s, i + 1));
            }
            CHECK((event == STS_OK) == (byte == ' ' && code >= 200 && code <= 599));
        }
    }
}

TEST_MAIN("replies, exhaustively")
