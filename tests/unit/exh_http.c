/* SPDX-License-Identifier: MIT
 *
 * Every short piece of HTTP, against a second reader: all status codes, all short Content-Length values, chunk-size
 * lines and header lines over the octets that matter, every answer that is one octet away from a good one.
 */
#include <stsmail/engine/http.h>

#include <time.h>

#include "naive_http.h"
#include "test.h"

#define OK      "HTTP/1.1 200 OK\r\n"
#define TYPE    "Content-Type: text/plain\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define MAX     300u

static unsigned long tried, accepted;

/* Reads with at most `step` octets a call. */
static bool ours(const uint8_t *b, size_t len, size_t step, bool clean, uint8_t *out,
                 size_t *out_len)
{
    struct sts_http h;
    size_t at = 0;

    *out_len = 0;
    sts_http_start(&h, MAX);
    while (at < len && !sts_http_done(&h)) {
        const uint8_t *body;
        size_t body_len;
        int32_t n = sts_http_feed(&h, b + at, len - at < step ? len - at : step, &body, &body_len);

        if (n < 0) {
            return false;
        }
        memcpy(out + *out_len, body, body_len);
        *out_len += body_len;
        at += (size_t)n;
    }
    return sts_http_end(&h, clean) == STS_OK;
}

static void compare(const uint8_t *b, size_t len)
{
    uint8_t want[MAX], got[MAX];
    size_t want_len, got_len;

    for (int clean = 0; clean < 2; clean++) {
        bool yes = naive_http(b, len, clean != 0, MAX, want, &want_len);

        for (size_t step = 1; step <= len + 1; step += len == 0 ? 1 : len) {
            CHECK(ours(b, len, step, clean != 0, got, &got_len) == yes);
            CHECK(!yes || (got_len == want_len && memcmp(got, want, got_len) == 0));
        }
        tried++;
        accepted += yes;
    }
}

/* Every string of up to `max` octets over `alphabet`, between `before` and `after`. */
static void every_string(const char *before, const char *alphabet, size_t size, size_t max,
                         const char *after)
{
    uint8_t b[512];
    size_t head = strlen(before), tail = strlen(after), digit[32] = {0}, len = 0;

    memcpy(b, before, head);
    tried = accepted = 0;
    while (len <= max) {
        size_t i = 0;

        for (size_t k = 0; k < len; k++) {
            b[head + k] = (uint8_t)alphabet[digit[k]];
        }
        memcpy(b + head + len, after, tail);
        compare(b, head + len + tail);
        while (i < len && ++digit[i] == size) {
            digit[i++] = 0;
        }
        len += i == len;
    }
    CHECK(accepted > 0 && accepted < tried);
}

#define EVERY(before, alphabet, max, after)                                                        \
    every_string(before, alphabet, sizeof(alphabet) - 1, max, after)

/* H01, H02, H03, R-037 */
TEST(h02_of_all_status_codes_only_200_is_an_answer)
{
    for (int code = 0; code < 1000; code++) {
        for (int minor = 0; minor < 10; minor++) {
            char text[256];
            uint8_t out[MAX];
            size_t len;
            bool interim = code / 100 == 1 && code != 101;

            int n =
                snprintf(text, sizeof text, "HTTP/1.%d %03d x\r\n" TYPE "\r\nhello", minor, code);
            CHECK(ours((const uint8_t *)text, (size_t)n, 99, true, out, &len) == (code == 200));
            n = snprintf(text, sizeof text, "HTTP/1.%d %03d x\r\n" TYPE "\r\n" OK TYPE "\r\nhello",
                         minor, code);
            CHECK(ours((const uint8_t *)text, (size_t)n, 99, true, out, &len) ==
                  (code == 200 || interim));
            CHECK(!interim || (len == 5 && memcmp(out, "hello", 5) == 0));
        }
    }
}

TEST(h08_every_short_content_length)
{
    EVERY(OK TYPE "Content-Length:", "019,;+-x \t\r\n", 5, "\r\n\r\nhello, world");
    EVERY(OK TYPE "Content-Length:", "03 ", 9, "\r\n\r\nhello");
    EVERY(OK TYPE "Content-Length: ", "02", 17, "\r\n\r\nhello");
}

TEST(h10_every_short_chunk_size)
{
    EVERY(OK TYPE CHUNKED "\r\n", "015aFg;-: \r\n", 5, "\r\nhello\r\n0\r\n\r\n");
    EVERY(OK TYPE CHUNKED "\r\n", "05F", 9, "\r\nhello\r\n0\r\n\r\n");
    EVERY(OK TYPE CHUNKED "\r\n", "05", 17, "\r\nhello\r\n0\r\n\r\n");
}

TEST(h10_every_short_run_behind_a_chunk)
{
    EVERY(OK TYPE CHUNKED "\r\n5\r\nhello", "05;x:\r\n ", 6, "\r\n0\r\n\r\n");
    EVERY(OK TYPE CHUNKED "\r\n5\r\nhello\r\n0", "0;x:\r\n ", 6, "\r\n\r\n");
}

TEST(h04_every_short_header_line)
{
    EVERY(OK TYPE "X", "x:; \t\r\n\x01", 5, "\r\n\r\nhello");
    EVERY(OK TYPE, "x:; \r\n\x7f", 5, ":y\r\n\r\nhello");
    EVERY(OK, "x: \t\r\n", 6, TYPE "\r\nhello");
}

TEST(h14_every_short_end_of_a_media_type)
{
    EVERY(OK "Content-Type:", "t \t;:\r\n", 4, "text/plain\r\n\r\nhello");
    EVERY(OK "Content-Type: text/plain", "n ;,:\t\r\n", 5, "\r\n\r\nhello");
}

/* Every answer that one substitution, insertion or removal makes of a good one. */
static void every_edit(const char *good)
{
    uint8_t b[512];
    size_t len = strlen(good);

    tried = accepted = 0;
    for (size_t at = 0; at <= len; at++) {
        for (int c = 0; c < 256; c++) {
            memcpy(b, good, len);
            b[at] = (uint8_t)c;
            if (at < len) {
                compare(b, len);
            }
            memcpy(b + at + 1, good + at, len - at);
            compare(b, len + 1);
        }
        memcpy(b, good, len);
        compare(b, at); /* H11: cut here */
        if (at < len) {
            memcpy(b + at, good + at + 1, len - at - 1);
            compare(b, len - 1);
        }
    }
    CHECK(accepted > 0 && accepted < tried);
}

TEST(every_single_edit_of_a_good_answer)
{
    every_edit(OK TYPE "Content-Length: 5\r\n\r\nhello");
    every_edit("HTTP/1.0 200 OK\r\nX: y\r\n z\r\n" TYPE "\r\nhello");
    every_edit("HTTP/1.1 103 \r\nLink: x\r\n\r\n" OK
               "content-encoding: identity\r\nContent-Type: Text/Plain; charset=utf-8\r\n" CHUNKED
               "\r\n5 ;a=b\r\nhello\r\n0a\r\n0123456789\r\n0\r\nX: y\r\n\r\n");
}

/* C04, C06: every day until the year 9999, and every second of one; the C library is the oracle. */
static bool date_is(int64_t utc_s)
{
    struct sts_http h;
    struct tm tm;
    char text[40];
    time_t t = (time_t)utc_s;

    if (t != utc_s) {
        return false; /* 32 bits end in 2038 */
    }
    memset(&h, 0, sizeof h);
    CHECK(gmtime_r(&t, &tm) != NULL);
    CHECK(strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm) == STS_HTTP_DATE);
    memcpy(h.date, text, STS_HTTP_DATE);
    h.date_len = STS_HTTP_DATE;
    CHECK(sts_http_date(&h) == utc_s);
    return true;
}

TEST(c06_every_day_has_its_date)
{
    int64_t day = 0;

    while (day <= INT64_C(253402300799) / 86400 && date_is(day * 86400 + day % 86400)) {
        day++;
    }
    CHECK(day >= 24855); /* 2038-01-19 */
    for (int64_t second = 0; second < 86400; second++) {
        CHECK(date_is(INT64_C(1790000000) / 86400 * 86400 + second));
    }
}

TEST_MAIN("exh_http")
