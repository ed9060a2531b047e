/* SPDX-License-Identifier: MIT
 *
 * The reader of one HTTP answer. Every answer is read whole, one octet at a time and cut in two at each place,
 * and must come to the same result, the same body and the same reason.
 */
#include <stsmail/engine/http.h>

#include "test.h"

#define MAX 65536u

enum end {
    CLEAN,
    CUT
};

struct outcome {
    int err; /* STS_OK, STS_ERR_PROTO, STS_ERR_CLOSED */
    size_t len, used;
    uint8_t body[MAX + 16];
    const char *reason;
    uint16_t status;
    int64_t date;
};

static struct outcome whole, other;

/* Feeds bytes[from..to) with a length of at most `step` a call. */
static int feed(struct sts_http *h, struct outcome *o, const uint8_t *bytes, size_t from, size_t to)
{
    while (from < to && !sts_http_done(h)) {
        const uint8_t *body;
        size_t body_len;
        int32_t n = sts_http_feed(h, bytes + from, to - from, &body, &body_len);

        if (n < 0) {
            return n;
        }
        CHECK(n > 0 && (size_t)n <= to - from && body_len <= (size_t)n);
        CHECK(body >= bytes && body + body_len <= bytes + from + (size_t)n);
        CHECK(o->len + body_len <= MAX);
        memcpy(o->body + o->len, body, body_len);
        o->len += body_len;
        from += (size_t)n;
        o->used = from;
    }
    return STS_OK;
}

static void read_cut(struct outcome *o, const uint8_t *bytes, size_t len, size_t cut, size_t step,
                     enum end end)
{
    struct sts_http h;

    o->len = o->used = 0;
    o->err = STS_OK;
    sts_http_start(&h, MAX);
    if (cut > 0) {
        o->err = feed(&h, o, bytes, 0, cut);
    }
    for (size_t at = cut; at < len && o->err == STS_OK; at += step) {
        o->err = feed(&h, o, bytes, at, at + step < len ? at + step : len);
    }
    if (o->err == STS_OK) {
        o->err = sts_http_end(&h, end == CLEAN);
    }
    CHECK(sts_http_done(&h) == (o->err == STS_OK));
    o->reason = sts_http_reason(&h);
    CHECK((*o->reason == '\0') == (o->err == STS_OK));
    o->status = h.status;
    o->date = sts_http_date(&h);
}

static void same(void)
{
    CHECK(whole.err == other.err && whole.len == other.len && whole.reason == other.reason);
    CHECK(whole.date == other.date);
    CHECK(memcmp(whole.body, other.body, whole.len) == 0);
    CHECK(whole.err != STS_OK || whole.used == other.used);
}

/* Reads in every split; the outcome is in `whole`. */
static int answer_n(const void *bytes, size_t len, enum end end)
{
    read_cut(&whole, bytes, len, 0, len == 0 ? 1 : len, end);
    read_cut(&other, bytes, len, 0, 1, end);
    same();
    for (size_t cut = 1; len < 2000 && cut < len; cut++) {
        read_cut(&other, bytes, len, cut, len, end);
        same();
    }
    return whole.err;
}

static int answer(const char *text, enum end end)
{
    return answer_n(text, strlen(text), end);
}

static bool body_is(const char *text)
{
    return whole.len == strlen(text) && memcmp(whole.body, text, whole.len) == 0;
}

#define OK      "HTTP/1.1 200 OK\r\n"
#define TYPE    "Content-Type: text/plain\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define POLICY  "version: STSv1\r\nmode: none\r\nmax_age: 1\r\n"

/* One header line, in an answer with a body of five octets that ends with the connection. */
static int with(const char *lines)
{
    char text[8192];

    snprintf(text, sizeof text, OK "%s\r\nhello", lines);
    return answer(text, CLEAN);
}

/* ---- request ------------------------------------------------------------------------------ */

/* H22, H23: byte by byte; no condition, no cookie, no name or version of ours. */
TEST(h23_request_is_minimal_and_the_same_from_every_device)
{
    char out[256];
    const char *want = "GET /.well-known/mta-sts.txt HTTP/1.1\r\n"
                       "Host: mta-sts.example.com\r\n"
                       "User-Agent: stsmail\r\nAccept: text/plain\r\n"
                       "Connection: close\r\n"
                       "\r\n";

    CHECK(sts_http_request(out, sizeof out, "mta-sts.example.com", 443,
                           "/.well-known/mta-sts.txt") == (int)strlen(want));
    CHECK(strcmp(out, want) == 0);
    CHECK(sts_http_request(out, sizeof out, "mta-sts.example.com", 0, "/.well-known/mta-sts.txt") ==
          (int)strlen(want));
    CHECK(strcmp(out, want) == 0);
}

TEST(request_names_another_port_than_443)
{
    char out[128];
    const char *want = "GET / HTTP/1.1\r\nHost: a.b:8443\r\nUser-Agent: stsmail\r\nAccept: "
                       "text/plain\r\nConnection: close\r\n\r\n";

    CHECK(sts_http_request(out, sizeof out, "a.b", 8443, "/") == (int)strlen(want));
    CHECK(strcmp(out, want) == 0);
}

TEST(request_that_does_not_fit_is_refused_at_every_size)
{
    char out[128];
    int len = sts_http_request(out, sizeof out, "a.b", 0, "/");

    CHECK(len > 0);
    for (size_t size = 1; size <= (size_t)len; size++) {
        CHECK(sts_http_request(out, size, "a.b", 0, "/") == STS_ERR_SPACE);
    }
    CHECK(sts_http_request(out, (size_t)len + 1, "a.b", 0, "/") == len);
}

/* ---- the POST of a report ----------------------------------------------------------------- */

/* the media type says that it is compressed, no Content-Encoding does. */
TEST(r191_post_has_type_and_length_and_nothing_else)
{
    char out[300];
    const char *want = "POST /v1/tlsrpt?a=b HTTP/1.1\r\nHost: a.b:8443\r\nUser-Agent: stsmail\r\n"
                       "Content-Type: application/tlsrpt+gzip\r\nContent-Length: 1234\r\n"
                       "Connection: close\r\n\r\n";
    int len = (int)strlen(want);

    CHECK(sts_http_post(out, sizeof out, "a.b", 8443, "/v1/tlsrpt?a=b", "application/tlsrpt+gzip",
                        1234) == len);
    CHECK(strcmp(out, want) == 0);
    for (size_t size = 1; size <= (size_t)len; size++) {
        CHECK(sts_http_post(out, size, "a.b", 8443, "/v1/tlsrpt?a=b", "application/tlsrpt+gzip",
                            1234) == STS_ERR_SPACE);
    }
}

/* The status of an answer of which nothing else is wanted; < 0: refused. At all places to cut it. */
static int status_of(const char *text)
{
    size_t len = strlen(text), body_len;
    const uint8_t *body;
    struct sts_http h;
    int status = 0;

    for (size_t cut = 0; cut <= len; cut++) {
        int32_t n, before = 0;

        sts_http_start_status(&h);
        n = sts_http_feed(&h, (const uint8_t *)text, cut, &body, &body_len);
        if (n == (int32_t)cut && !sts_http_done(&h)) {
            before = n;
            n = sts_http_feed(&h, (const uint8_t *)text + cut, len - cut, &body, &body_len);
        }
        CHECK(body_len == 0 && before + n <= (int32_t)len);
        CHECK(cut == 0 || status == (n < 0 ? n : h.status));
        status = n < 0 ? n : h.status;
        CHECK(n < 0 || sts_http_done(&h) == (strlen(text) >= 13));
    }
    return status;
}

TEST(r191_of_the_answer_to_a_post_the_status_counts_alone)
{
    CHECK(status_of("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n") == 200);
    CHECK(status_of("HTTP/1.0 201 ") == 201);
    CHECK(status_of("HTTP/1.1 204 \r\n\r\n") == 204);
    CHECK(status_of("HTTP/1.1 301 Moved\r\nLocation: https://127.0.0.1/\r\n\r\n") == 301);
    CHECK(status_of("HTTP/1.1 404 Not Found\r\n") == 404);
    CHECK(status_of("HTTP/1.1 500 \r\n") == 500);
    CHECK(status_of("HTTP/1.1 101 Switching\r\n") == 101);
    CHECK(status_of("HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 201 Created\r\n") == 201);
    CHECK(status_of("SSH-2.0-OpenSSH\r\n") == STS_ERR_PROTO);
    CHECK(status_of("HTTP/1.1 100 \r\n\r\nHTTP/1.1 100 \r\n\r\nHTTP/1.1 100 \r\n\r\n"
                    "HTTP/1.1 100 \r\n\r\nHTTP/1.1 100 \r\n\r\n") == STS_ERR_PROTO); /* H03 */
}

/* ---- good answers ------------------------------------------------------------------------- */

TEST(r030_answer_with_content_length_is_read)
{
    CHECK(answer(OK TYPE "Content-Length: 5\r\n\r\nhello", CUT) == STS_OK);
    CHECK(body_is("hello"));
    CHECK(whole.status == 200);
}

TEST(answer_with_chunks_is_read)
{
    CHECK(answer(OK TYPE CHUNKED "\r\n5\r\nhello\r\n00a\r\n, my world\r\n0\r\n\r\n", CUT) ==
          STS_OK);
    CHECK(body_is("hello, my world"));
}

TEST(chunk_extensions_and_trailers_are_ignored)
{
    CHECK(answer(OK TYPE CHUNKED
                 "\r\n5;a=b;c=\"d:e\"\r\nhello\r\nA \t;x\r\n0123456789\r\n0;last\r\n"
                 "Content-Length: 7\r\nContent-Type: text/html\r\n"
                 "Transfer-Encoding: gzip\r\nX:\r\n folded\r\n\r\n",
                 CUT) == STS_OK);
    CHECK(body_is("hello0123456789"));
}

TEST(content_length_zero_is_an_empty_body)
{
    CHECK(answer(OK TYPE "Content-Length: 0\r\n\r\n", CUT) == STS_OK);
    CHECK(whole.len == 0);
    CHECK(answer(OK TYPE CHUNKED "\r\n0\r\n\r\n", CUT) == STS_OK);
    CHECK(whole.len == 0);
}

TEST(h04_http_1_x_and_a_reason_phrase_of_any_kind_are_accepted)
{
    CHECK(answer("HTTP/1.0 200 \r\n" TYPE "\r\nhello", CLEAN) == STS_OK && body_is("hello"));
    CHECK(answer("HTTP/1.9 200 caf\xc3\xa9: 1;2\t\r\n" TYPE "\r\nhello", CLEAN) == STS_OK);
    CHECK(answer("HTTP/1.0 200 OK\r\n" TYPE "Content-Length: 2\r\n\r\nhi", CUT) == STS_OK);
}

/* R-039, H22: caching headers mean nothing here, nor does anything else that we do not know. */
TEST(h22_other_fields_are_ignored)
{
    CHECK(with(TYPE "Cache-Control: no-store\r\nAge: 99999\r\nExpires: 0\r\nETag: \"x\"\r\n"
                    "Refresh: 0; url=https://evil.example/\r\nLocation: https://evil.example/\r\n"
                    "Content-Typ: text/html\r\nContent-Type-X: text/html\r\nContent-: x\r\n"
                    "Content-Length-X: 99\r\n;odd: x\r\nX-Empty:\r\nX-Odd: :;: \r\n"
                    "Transfer-Encoding-Or-Something-Longer: gzip\r\n") == STS_OK);
    CHECK(body_is("hello"));
}

TEST(folded_line_is_read_where_its_value_is_of_no_interest)
{
    CHECK(with("X: a\r\n b: c\r\n\t\r\n" TYPE) == STS_OK);
    CHECK(with(TYPE " ; charset=utf-8\r\n") == STS_ERR_PROTO);
    CHECK(with(" X: a\r\n" TYPE) == STS_ERR_PROTO);
    CHECK(answer(OK TYPE CHUNKED "\r\n0\r\n X: a\r\n\r\n", CUT) == STS_ERR_PROTO);
    CHECK(answer("HTTP/1.1 100 \r\nX: a\r\n\r\n" OK " X: a\r\n" TYPE "\r\n", CLEAN) ==
          STS_ERR_PROTO);
}

/* ---- status ------------------------------------------------------------------------------- */

/* H01, H02, R-037, R-038. All of 000..999 are in exh_http.c. */
TEST(h01_redirect_is_not_followed)
{
    CHECK(answer("HTTP/1.1 301 Moved\r\nLocation: https://x/\r\n" TYPE "\r\n" POLICY, CLEAN) ==
          STS_ERR_PROTO);
    CHECK(strcmp(whole.reason, ": redirects are not followed") == 0);
    CHECK(whole.status == 301 && whole.len == 0);
}

TEST(h02_other_success_is_no_policy)
{
    CHECK(answer("HTTP/1.1 206 Partial\r\n" TYPE "\r\n" POLICY, CLEAN) == STS_ERR_PROTO);
    CHECK(strcmp(whole.reason, ": a policy comes with 200 alone") == 0);
    CHECK(whole.status == 206 && whole.len == 0);
}

/* H03 */
TEST(h03_four_interim_answers_are_skipped)
{
    CHECK(answer("HTTP/1.1 100 Continue\r\n\r\n"
                 "HTTP/1.1 103 Early Hints\r\nContent-Type: text/html\r\nContent-Length: 3\r\n"
                 "Transfer-Encoding: x\r\n\r\n"
                 "HTTP/1.0 199 \r\n\r\nHTTP/1.1 100 \r\n\r\n" OK TYPE CHUNKED
                 "\r\n5\r\nhello\r\n0\r\n\r\n",
                 CUT) == STS_OK);
    CHECK(body_is("hello"));
}

TEST(h03_five_interim_answers_are_too_many)
{
    CHECK(answer("HTTP/1.1 100 \r\n\r\nHTTP/1.1 100 \r\n\r\nHTTP/1.1 100 \r\n\r\n"
                 "HTTP/1.1 100 \r\n\r\nHTTP/1.1 100 \r\n\r\n" OK TYPE "\r\nhello",
                 CLEAN) == STS_ERR_PROTO);
    CHECK(strcmp(whole.reason, "gave too many interim answers") == 0);
}

TEST(h03_switching_protocols_is_refused)
{
    CHECK(answer("HTTP/1.1 101 Switching\r\n\r\n" OK TYPE "\r\nhello", CLEAN) == STS_ERR_PROTO);
    CHECK(whole.status == 101);
}

/* H04, H19 */
TEST(h04_broken_status_line_is_refused)
{
    static const char *const bad[] = {
        "HTTP/1.1 2000 OK\r\n",
        "HTTP/1.1 20 OK\r\n",
        "HTTP/2 200 OK\r\n",
        "HTTP/2.0 200 OK\r\n",
        "ICY 200 OK\r\n",
        "HTTP/1.1 200\r\n",
        "HTTP/1.1200 OK\r\n",
        "HTTP/1.1 200OK\r\n",
        "HTTP/1.1 200 OK\n",
        "\r\nHTTP/1.1 200 \r\n",
        " HTTP/1.1 200 \r\n",
        "http/1.1 200 OK\r\n",
        "HTTP/1.x 200 OK\r\n",
        "HTTP/1.10 200 OK\r\n",
        "HTTP/11 200 OK\r\n",
        "HTTP/1.1\t200 OK\r\n",
        "HTTP/1.1  200 OK\r\n",
        "HTTP/1.1 200\tOK\r\n",
        "HTTP/1.1 2 0 OK\r\n",
        "HTTP/1.1 200 O\rK\r\n",
        "HTTP/1.1 200 O\x01K\r\n",
        "HTTP/1.1 200 \x7f\r\n",
        "HTTP/1.1 +20 \r\n",
        "version: STSv1\r\n",
        "220 mx.example.com ESMTP\r\n",
        "<html>\r\n",
        "\x15\x03\x03",
        "200 OK\r\n",
        "HTTP/1.1 ",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[256];

        snprintf(text, sizeof text, "%s" TYPE "\r\nhello", bad[i]);
        CHECK(answer(text, CLEAN) == STS_ERR_PROTO);
        CHECK(whole.len == 0);
    }
    CHECK(answer_n(BYTES("HTTP/1.1 200 O\0K\r\n" TYPE "\r\nhello"), CLEAN) == STS_ERR_PROTO);
    CHECK(answer("HTTP/2 200 OK\r\n", CLEAN) == STS_ERR_PROTO);
    CHECK(strcmp(whole.reason, "did not answer in HTTP/1") == 0);
}

/* ---- fields ------------------------------------------------------------------------------- */

TEST(broken_field_lines_are_refused)
{
    static const char *const bad[] = {
        "X : a\r\n",     ": a\r\n",       "X\r\n",       "X: a\n",     "X: a\rb\r\n",
        "X: \x01\r\n",   "X\x80 : a\r\n", "X: \x7f\r\n", "X: a\r\r\n", "\nX: a\r\n",
        "X\x02y: a\r\n", "X: a\r\n\n",    "\rX: a\r\n",  "X y: a\r\n", "\x1f: a\r\n",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[128];

        snprintf(text, sizeof text, TYPE "%s", bad[i]);
        CHECK(with(text) == STS_ERR_PROTO);
        CHECK(strcmp(whole.reason, "sent a broken header") == 0);
    }
    CHECK(answer_n(BYTES(OK TYPE "X: \0\r\n\r\n"), CLEAN) == STS_ERR_PROTO);
    CHECK(answer(OK TYPE "\r\rhello", CLEAN) == STS_ERR_PROTO);
}

/* H14, H15, R-040: the type is required, once, and is text/plain whatever its case and parameters. */
TEST(h14_content_type_is_text_plain)
{
    static const struct {
        const char *lines;
        int err;
    } rows[] = {
        {"Content-Type: text/plain\r\n", STS_OK},
        {"CONTENT-TYPE:TEXT/PLAIN\r\n", STS_OK},
        {"content-type: \t Text/Plain \t\r\n", STS_OK},
        {"Content-Type: TEXT/PLAIN; charset=x\r\n", STS_OK},
        {"Content-Type: text/plain;charset=\"a;b\", text/html\r\n", STS_OK},
        {"Content-Type: text/plain ;\r\n", STS_OK},
        {"", STS_ERR_PROTO},
        {"Content-Type: text/html\r\n", STS_ERR_PROTO},
        {"Content-Type: text/html; x=text/plain\r\n", STS_ERR_PROTO},
        {"Content-Type: text/plai\r\n", STS_ERR_PROTO},
        {"Content-Type: text/plai ;\r\n", STS_ERR_PROTO},
        {"Content-Type: text/plainx\r\n", STS_ERR_PROTO},
        {"Content-Type: text/plain, text/html\r\n", STS_ERR_PROTO},
        {"Content-Type: text/plain x\r\n", STS_ERR_PROTO},
        {"Content-Type: text/plain : x\r\n", STS_ERR_PROTO},
        {"Content-Type: text/ plain\r\n", STS_ERR_PROTO},
        {"Content-Type: \"text/plain\"\r\n", STS_ERR_PROTO},
        {"Content-Type: ;text/plain\r\n", STS_ERR_PROTO},
        {"Content-Type: :text/plain\r\n", STS_ERR_PROTO},
        {"Content-Type:\r\n", STS_ERR_PROTO},
        {"Content-Type: application/octet-stream\r\n", STS_ERR_PROTO},
        {TYPE TYPE, STS_ERR_PROTO},
        {TYPE "Content-Type: text/html\r\n", STS_ERR_PROTO},
        {"Content-Type: text/html\r\n" TYPE, STS_ERR_PROTO},
        {TYPE "X: a\r\ncontent-TYPE: text/plain\r\n", STS_ERR_PROTO},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK(with(rows[i].lines) == rows[i].err);
        CHECK(rows[i].err != STS_OK || body_is("hello"));
    }
    CHECK(with("Content-Type: text/html\r\n") == STS_ERR_PROTO);
    CHECK(strcmp(whole.reason, "did not answer with text/plain") == 0);
    CHECK(with(TYPE TYPE) == STS_ERR_PROTO);
    CHECK(strcmp(whole.reason, "sent the same header line twice") == 0);
}

/* H13 */
TEST(h13_content_coding_is_refused)
{
    CHECK(with(TYPE "Content-Encoding: identity\r\n") == STS_OK);
    CHECK(with(TYPE "content-encoding: IDENTITY \r\n") == STS_OK);
    CHECK(with(TYPE "Content-Encoding: gzip\r\n") == STS_ERR_PROTO);
    CHECK(strcmp(whole.reason, "sent a Content-Encoding, which was not asked for") == 0);
    CHECK(with(TYPE "Content-Encoding: identity, gzip\r\n") == STS_ERR_PROTO);
    CHECK(with(TYPE "Content-Encoding: identity;q=1\r\n") == STS_ERR_PROTO);
    CHECK(with(TYPE "Content-Encoding: ident\r\n") == STS_ERR_PROTO);
    CHECK(with(TYPE "Content-Encoding: identity\r\nContent-Encoding: gzip\r\n") == STS_ERR_PROTO);
}

TEST(transfer_coding_other_than_exactly_chunked_is_refused)
{
    static const char *const bad[] = {"gzip",          "identity",    "gzip, chunked",
                                      "chunked, gzip", "chunkedx",    "chunked, chunked",
                                      "chunke",        "chunked;q=1", "",
                                      ", chunked",     "\"chunked\""};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[256];

        snprintf(text, sizeof text, OK TYPE "Transfer-Encoding: %s\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                 bad[i]);
        CHECK(answer(text, CLEAN) == STS_ERR_PROTO);
        CHECK(whole.len == 0);
    }
    CHECK(answer(OK TYPE "TRANSFER-encoding:\tChunKed \r\n\r\n0\r\n\r\n", CUT) == STS_OK);
    CHECK(answer(OK TYPE CHUNKED CHUNKED "\r\n0\r\n\r\n", CUT) == STS_ERR_PROTO);
    CHECK(answer(OK TYPE "Transfer-Encoding: gzip\r\n\r\n", CUT) == STS_ERR_PROTO);
    CHECK(strcmp(whole.reason, "sent a Transfer-Encoding other than chunked") == 0);
}

/* ---- framing ------------------------------------------------------------------------------ */

/* H08: exh_http.c has every short string; here are the long ones. */
TEST(h08_content_length_is_one_number)
{
    static const char *const bad[] = {
        "-1",   "+5",   "5,5",  "5, 5", "0x10",        "4294967296",           "4294967301",
        "5 5",  "5;",   "5 ;",  "5.0",  "10000000000", "18446744073709551621", "a",
        "",     "5\t5", "\xb2", ":5",   "5:",          "00000000000000005",    "5-",
        "65537"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[256];

        snprintf(text, sizeof text, OK TYPE "Content-Length: %s\r\n\r\nhello", bad[i]);
        CHECK(answer(text, CLEAN) == STS_ERR_PROTO);
        CHECK(whole.len == 0);
    }
    CHECK(answer(OK TYPE "Content-Length: \t0000000000000005 \r\n\r\nhello", CUT) == STS_OK);
    CHECK(answer(OK "Content-Length: 5\r\n" TYPE "\r\nhello", CUT) == STS_OK && body_is("hello"));
}

TEST(h08_two_lengths_are_refused_even_if_equal)
{
    CHECK(answer(OK TYPE "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", CUT) ==
          STS_ERR_PROTO);
    CHECK(answer(OK TYPE "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", CUT) ==
          STS_ERR_PROTO);
}

TEST(h08_ten_thousand_leading_zeros_are_refused)
{
    static char text[11000];
    size_t n = (size_t)snprintf(text, sizeof text, OK TYPE "Content-Length: ");

    memset(text + n, '0', 10000);
    strcpy(text + n + 10000, "5\r\n\r\nhello");
    CHECK(answer(text, CUT) == STS_ERR_PROTO);
}

/* H09, RFC 9112 6.1 */
TEST(h09_length_and_chunks_are_refused_in_either_order)
{
    CHECK(answer(OK TYPE CHUNKED "Content-Length: 15\r\n\r\n5\r\nhello\r\n0\r\n\r\n", CUT) ==
          STS_ERR_PROTO);
    CHECK(strcmp(whole.reason, "sent both a length and chunks") == 0);
    CHECK(answer(OK TYPE "Content-Length: 15\r\n" CHUNKED "\r\n5\r\nhello\r\n0\r\n\r\n", CUT) ==
          STS_ERR_PROTO);
    CHECK(answer("HTTP/1.0 200 OK\r\n" TYPE CHUNKED "\r\n5\r\nhello\r\n0\r\n\r\n", CUT) ==
          STS_ERR_PROTO);
    CHECK(answer("HTTP/1.0 100 OK\r\n\r\n" OK TYPE CHUNKED "\r\n0\r\n\r\n", CUT) == STS_OK);
}

/* H10: exh_http.c has every short size line; here are the long ones. */
TEST(h10_broken_chunks_are_refused)
{
    static const char *const bad[] = {
        "FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
        "100000000\r\nhello\r\n0\r\n\r\n",
        "100000005\r\nhello\r\n0\r\n\r\n",
        "00000000000000005\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "-1\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        ";x\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
        "5h\r\nhello\r\n0\r\n\r\n",
        "5:\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\rhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "5;a\nhello\r\n0\r\n\r\n",
        "5;\x01\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "5\r\nhell\r\n0\r\n\r\n",
        "5\r\nhello\r\n\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nbroken\r\n\r\n",
        "5\r\nhello\r\n0\r\n\n",
        "5\r\nhello\r\n0\r\n\rx",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[256];

        snprintf(text, sizeof text, OK TYPE CHUNKED "\r\n%s", bad[i]);
        CHECK(answer(text, CLEAN) == STS_ERR_PROTO);
    }
    CHECK(answer(OK TYPE CHUNKED "\r\n0000000000000005\r\nhello\r\n0\r\n\r\n", CUT) == STS_OK);
    CHECK(answer(OK TYPE CHUNKED "\r\n\r\n", CUT) == STS_ERR_PROTO);
    CHECK(strcmp(whole.reason, "sent a broken chunk") == 0);
}

/* H11, R-042: an answer that is cut anywhere is no answer, whoever vouches for the end. */
static void every_truncation_is_refused(const char *text)
{
    CHECK(answer(text, CUT) == STS_OK);
    for (size_t len = 0; len < strlen(text); len++) {
        CHECK(answer_n(text, len, CLEAN) == STS_ERR_CLOSED);
        CHECK(strcmp(whole.reason, "ended its answer too early") == 0);
    }
}

TEST(h11_truncated_body_is_refused_at_every_point)
{
    every_truncation_is_refused(OK TYPE "Content-Length: 40\r\n\r\n" POLICY);
    every_truncation_is_refused(OK TYPE CHUNKED "\r\n10\r\n0123456789abcdef\r\n5;x\r\nhello\r\n"
                                                "0\r\nX: y\r\n\r\n");
    every_truncation_is_refused("HTTP/1.1 100 \r\nX: y\r\n\r\n" OK TYPE
                                "Content-Length: 1\r\n\r\nx");
}

/* H12: without close_notify the end may be an attacker's, and the rest of the mx lines gone. */
TEST(h12_body_without_a_length_needs_an_authenticated_end)
{
    const char *text = OK TYPE "\r\n" POLICY;

    CHECK(answer(text, CLEAN) == STS_OK);
    CHECK(body_is(POLICY));
    CHECK(answer(text, CUT) == STS_ERR_CLOSED);
    CHECK(strcmp(whole.reason, "left open whether its answer is whole") == 0);
    CHECK(answer(OK TYPE "\r\n", CLEAN) == STS_OK);
    CHECK(whole.len == 0);
    CHECK(answer(OK TYPE "\r\n", CUT) == STS_ERR_CLOSED);
}

/* H18 */
TEST(h18_what_follows_the_body_is_not_looked_at)
{
    CHECK(answer(OK TYPE "Content-Length: 5\r\n\r\nhello" OK TYPE "\r\nevil", CUT) == STS_OK);
    CHECK(body_is("hello"));
    CHECK(whole.used == strlen(OK TYPE "Content-Length: 5\r\n\r\nhello"));
    CHECK(answer(OK TYPE "Content-Length: 0\r\n\r\nevil", CUT) == STS_OK);
    CHECK(whole.len == 0);
    CHECK(answer(OK TYPE CHUNKED "\r\n5\r\nhello\r\n0\r\n\r\n5\r\nevil!", CUT) == STS_OK);
    CHECK(body_is("hello"));
}

/* ---- limits ------------------------------------------------------------------------------- */

static char big[140000];

/* H07: 65,536 octets are a policy file, one more is none, and nothing is ever cut. */
static int sized(const char *head, size_t n, bool chunked, enum end end)
{
    size_t at = (size_t)snprintf(big, sizeof big, "%s", head);

    memset(big + at, 'x', n);
    at += n;
    if (chunked) {
        at += (size_t)snprintf(big + at, 16, "\r\n0\r\n\r\n");
    }
    return answer_n(big, at, end);
}

TEST(h07_more_than_64_kib_is_refused_never_cut)
{
    CHECK(sized(OK TYPE "Content-Length: 65535\r\n\r\n", 65535, false, CUT) == STS_OK);
    CHECK(sized(OK TYPE "Content-Length: 65536\r\n\r\n", 65536, false, CUT) == STS_OK);
    CHECK(whole.len == 65536);
    CHECK(sized(OK TYPE "Content-Length: 65537\r\n\r\n", 65537, false, CUT) == STS_ERR_PROTO);
    CHECK(strcmp(whole.reason, "sent more than a policy may have") == 0);
    CHECK(sized(OK TYPE "\r\n", 65536, false, CLEAN) == STS_OK);
    CHECK(whole.len == 65536);
    CHECK(sized(OK TYPE "\r\n", 65536, false, CUT) == STS_ERR_CLOSED);
    CHECK(sized(OK TYPE "\r\n", 65537, false, CLEAN) == STS_ERR_PROTO);
    CHECK(sized(OK TYPE CHUNKED "\r\n10000\r\n", 65536, true, CUT) == STS_OK);
    CHECK(whole.len == 65536);
    CHECK(sized(OK TYPE CHUNKED "\r\n10001\r\n", 65537, true, CUT) == STS_ERR_PROTO);
    CHECK(sized(OK TYPE CHUNKED "\r\n1\r\nx\r\nffff\r\n", 65535, true, CUT) == STS_OK);
    CHECK(whole.len == 65536);
    CHECK(sized(OK TYPE CHUNKED "\r\n1\r\nx\r\n10000\r\n", 65536, true, CUT) == STS_ERR_PROTO);
}

/* The whole body in chunks of one octet: framing alone does not count against the head. */
TEST(h10_many_small_chunks_are_read)
{
    size_t at = (size_t)snprintf(big, sizeof big, OK TYPE CHUNKED "\r\n");

    for (int i = 0; i < 20000; i++) {
        at += (size_t)snprintf(big + at, 8, "1\r\nx\r\n");
    }
    at += (size_t)snprintf(big + at, 8, "0\r\n\r\n");
    CHECK(answer_n(big, at, CUT) == STS_OK);
    CHECK(whole.len == 20000);
}

/* H05: a line of n octets with its CRLF. */
static size_t put_line(size_t at, size_t n)
{
    memset(big + at, 'y', n);
    memcpy(big + at, "X:", 2);
    memcpy(big + at + n - 2, "\r\n", 2);
    return at + n;
}

TEST(h05_line_over_1_kib_is_refused)
{
    for (int over = 0; over < 2; over++) {
        size_t at = (size_t)snprintf(big, sizeof big, OK TYPE);

        at = put_line(at, 1024 + (size_t)over);
        at += (size_t)snprintf(big + at, 32, "\r\nhello");
        CHECK(answer_n(big, at, CLEAN) == (over ? STS_ERR_PROTO : STS_OK));
    }
    CHECK(strcmp(whole.reason, "sent a header that is too long") == 0);
}

TEST(h05_head_over_8_kib_is_refused)
{
    for (int over = 0; over < 2; over++) {
        size_t at = (size_t)snprintf(big, sizeof big, OK TYPE), left;

        while (8192 - 2 - at > 1024) {
            at = put_line(at, 1000);
        }
        left = 8192 - 2 - at;
        at = put_line(at, left + (size_t)over);
        at += (size_t)snprintf(big + at, 32, "\r\nhello");
        CHECK(answer_n(big, at, CLEAN) == (over ? STS_ERR_PROTO : STS_OK));
    }
}

TEST(h05_more_than_64_fields_are_refused)
{
    for (int over = 0; over < 2; over++) {
        size_t at = (size_t)snprintf(big, sizeof big, OK TYPE);

        for (int i = 0; i < 63 + over; i++) {
            at += (size_t)snprintf(big + at, 8, "X:\r\n");
        }
        at += (size_t)snprintf(big + at, 32, "\r\nhello");
        CHECK(answer_n(big, at, CLEAN) == (over ? STS_ERR_PROTO : STS_OK));
    }
}

/* H10: trailers and extensions are as hostile as a head, and share its limits. */
TEST(h10_trailers_and_extensions_are_bounded)
{
    size_t at = (size_t)snprintf(big, sizeof big, OK TYPE CHUNKED "\r\n0\r\n"), start = at;

    while (at < 65536) {
        at = put_line(at, 512);
    }
    at += (size_t)snprintf(big + at, 8, "\r\n");
    CHECK(answer_n(big, at, CUT) == STS_ERR_PROTO);
    at = start;
    for (int i = 0; i < 64; i++) {
        at += (size_t)snprintf(big + at, 8, "X:\r\n");
    }
    at += (size_t)snprintf(big + at, 8, "\r\n");
    CHECK(answer_n(big, at, CUT) == STS_ERR_PROTO);

    at = (size_t)snprintf(big, sizeof big, OK TYPE CHUNKED "\r\n1;");
    memset(big + at, 'e', 2000);
    CHECK(answer_n(big, at + 1500, CUT) == STS_ERR_PROTO);
    CHECK(answer_n(big, at + 1000, CUT) == STS_ERR_CLOSED);
    memset(big + at - 1, ' ', 2000);
    CHECK(answer_n(big, at + 1500, CUT) == STS_ERR_PROTO);

    at = (size_t)snprintf(big, sizeof big, OK TYPE CHUNKED "\r\n");
    for (int i = 0; i < 20; i++) {
        at += (size_t)snprintf(big + at, 8, "1;");
        memset(big + at, 'e', 500);
        at += 500;
        at += (size_t)snprintf(big + at, 8, "\r\nx\r\n");
    }
    CHECK(answer_n(big, at, CUT) == STS_ERR_PROTO);
}

/* ---- the object --------------------------------------------------------------------------- */

TEST(first_error_stays)
{
    struct sts_http h;
    const uint8_t *body;
    size_t len;
    const char *reason;

    sts_http_start(&h, MAX);
    CHECK(strcmp(sts_http_reason(&h), "") == 0);
    CHECK(sts_http_feed(&h, BYTES("HTTP/1.1 404 \r\n"), &body, &len) == STS_ERR_PROTO);
    reason = sts_http_reason(&h);
    CHECK(sts_http_feed(&h, BYTES(OK TYPE "\r\n"), &body, &len) == STS_ERR_PROTO && len == 0);
    CHECK(sts_http_end(&h, true) == STS_ERR_PROTO);
    CHECK(sts_http_reason(&h) == reason && !sts_http_done(&h));
    sts_http_start(&h, MAX);
    CHECK(strcmp(sts_http_reason(&h), "") == 0 && h.status == 0);
}

TEST(body_limit_is_the_callers)
{
    struct sts_http h;
    const uint8_t *body;
    size_t len;

    sts_http_start(&h, 4);
    CHECK(sts_http_feed(&h, BYTES(OK TYPE "Content-Length: 5\r\n"), &body, &len) == STS_ERR_PROTO);
    sts_http_start(&h, 0);
    CHECK(sts_http_feed(&h, BYTES(OK TYPE "\r\n"), &body, &len) > 0 && len == 0);
    CHECK(sts_http_end(&h, true) == STS_OK);
    CHECK(sts_http_end(&h, false) == STS_OK);
}

/* ---- the date (C04) ------------------------------------------------------------------------- */

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT" /* RFC 9110 5.6.7 */

/* What this answer says the time is. A date never decides about the answer. */
static int64_t date_with(const char *lines)
{
    char text[1024];

    snprintf(text, sizeof text, TYPE "%s", lines);
    CHECK(with(text) == STS_OK && body_is("hello"));
    return whole.date;
}

static int64_t date_of(const char *value)
{
    char text[512];

    snprintf(text, sizeof text, "Date: %s\r\n", value);
    return date_with(text);
}

TEST(c04_the_date_of_an_answer_is_read)
{
    CHECK(date_of(DATE) == 784111777);
    CHECK(date_with("dAtE:" DATE "\r\n") == 784111777);
    CHECK(date_with("Date: \t " DATE " \t \r\n") == 784111777);
    CHECK(date_with("X: y\r\nDate: " DATE "\r\nX: y\r\n") == 784111777);
    CHECK(date_of("123, 06 Nov 1994 08:49:37 GMT") ==
          784111777); /* the day's name says nothing new */
    CHECK(date_with("") == -1);
    CHECK(date_with("Dat: " DATE "\r\nDates: " DATE "\r\n") == -1);
}

TEST(c06_dates_at_the_edges_of_the_calendar)
{
    CHECK(date_of("Thu, 01 Jan 1970 00:00:00 GMT") == 0);
    CHECK(date_of("Wed, 31 Dec 1969 23:59:59 GMT") == -1);
    CHECK(date_of("Tue, 19 Jan 2038 03:14:08 GMT") == INT64_C(2147483648));
    CHECK(date_of("Sun, 07 Feb 2106 06:28:16 GMT") == INT64_C(4294967296));
    CHECK(date_of("Tue, 29 Feb 2028 12:00:00 GMT") == 1835438400);
    CHECK(date_of("Wed, 01 Mar 2028 12:00:00 GMT") == 1835524800);
    CHECK(date_of("Mon, 01 Mar 2100 00:00:00 GMT") == INT64_C(4107542400));
    CHECK(date_of("Fri, 31 Dec 9999 23:59:59 GMT") == INT64_C(253402300799));
    CHECK(date_of("Fri, 31 Dec 2038 23:59:60 GMT") == INT64_C(2177452800)); /* a leap second */
}

TEST(c04_a_broken_date_is_none_and_breaks_no_answer)
{
    static const char *const broken[] = {
        "",
        "Sun, 06 Nov 1994 08:49:37 GM",
        "Sun, 06 Nov 1994 08:49:37 GMTx",
        "Sun, 06 Nov 1994 08:49:37 GMT x",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nou 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 199: 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 0x Nov 1994 08:49:37 GMT",
        "Sun,106 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08.49:37 GMT",
        "Sun,  6 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 GMT\r\n Sun, 06 Nov 1994 08:49:37 GMT",
        "\x80\x80\x80, 06 Nov 1994 \xff\xff:49:37 GMT",
        "0123456789012345678901234567890123456789012345678901234567890123456789",
    };

    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        CHECK(date_of(broken[i]) == -1);
    }
}

TEST(c04_a_date_may_be_folded_and_of_several_the_last_counts)
{
    CHECK(date_of("\r\n " DATE) == 784111777);
    CHECK(date_of(DATE "\r\n ") == 784111777);
    CHECK(date_of("x\r\nDate: " DATE) == 784111777);
    CHECK(date_of(DATE "\r\nDate: x") == -1);
    CHECK(date_of(DATE "\r\nDate:") == -1);
    CHECK(date_of(DATE "\r\nX: y\r\n z") == 784111777);
}

TEST(c04_only_the_head_of_a_200_has_a_date)
{
    CHECK(answer("HTTP/1.1 103 \r\nDate: " DATE "\r\n\r\n" OK TYPE "\r\nhello", CLEAN) == STS_OK);
    CHECK(whole.date == -1);
    CHECK(answer(OK TYPE CHUNKED "\r\n0\r\nDate: " DATE "\r\n\r\n", CLEAN) == STS_OK);
    CHECK(whole.date == -1);
    CHECK(answer("HTTP/1.1 404 x\r\nDate: " DATE "\r\n\r\n", CLEAN) == STS_ERR_PROTO);
    CHECK(whole.date == -1);
}

TEST_MAIN("http")
