/* SPDX-License-Identifier: MIT
 *
 * Bounded-exhaustive: every short message against a naive second implementation that has the whole
 * message in memory. Rows M01, M02, M03, M04, M08, M09, M11, C06.
 */
#include "test.h"

#include <stsmail/engine/message.h>

#define SIZE 4096

struct text {
    uint8_t bytes[SIZE];
    size_t len;
};

static void add(struct text *t, const void *bytes, size_t len)
{
    CHECK(t->len + len <= SIZE);
    memcpy(t->bytes + t->len, bytes, len);
    t->len += len;
}

static bool same(const struct text *a, const struct text *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* ---- reading ----------------------------------------------------------------------------- */

static struct text input;
static size_t input_at, input_chunk;

static int input_rewind(void *ctx)
{
    (void)ctx;
    input_at = 0;
    return STS_OK;
}

static int32_t input_read(void *ctx, void *buf, size_t size)
{
    size_t n = input.len - input_at;

    (void)ctx;
    n = n < size ? n : size;
    n = n < input_chunk ? n : input_chunk;
    memcpy(buf, input.bytes + input_at, n);
    input_at += n;
    return (int32_t)n;
}

static const struct sts_source source = {NULL, input_rewind, input_read};
static struct sts_reader reader;

static int read_message(const struct sts_message *m, bool stuff, size_t size, struct text *out)
{
    int result = sts_reader_start(&reader, m, stuff);
    int32_t n;

    out->len = 0;
    if (result != STS_OK) {
        return result;
    }
    do {
        CHECK(out->len + size <= SIZE);
        n = sts_reader_read(&reader, out->bytes + out->len, size);
        out->len += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    return n;
}

/* ---- the oracle -------------------------------------------------------------------------- */

/* CRLF, CR and LF are one line end each, written as CRLF; the last line has one. */
static void normalise(const struct text *in, struct text *out)
{
    out->len = 0;
    for (size_t i = 0; i < in->len; i++) {
        if (in->bytes[i] == '\r' || in->bytes[i] == '\n') {
            i += in->bytes[i] == '\r' && i + 1 < in->len && in->bytes[i + 1] == '\n';
            add(out, "\r\n", 2);
        } else {
            add(out, in->bytes + i, 1);
        }
    }
    if (out->len > 0 && out->bytes[out->len - 1] != '\n') {
        add(out, "\r\n", 2);
    }
}

/* What a receiver makes of it (RFC 5321 4.5.2): false if the data do not end at the end. */
static bool unstuff(const struct text *in, struct text *out)
{
    size_t i = 0;

    out->len = 0;
    while (i < in->len) {
        size_t end = i;

        while (end < in->len && in->bytes[end] != '\r' && in->bytes[end] != '\n') {
            end++;
        }
        if (end + 1 >= in->len || in->bytes[end] != '\r' || in->bytes[end + 1] != '\n') {
            return false; /* a bare CR or LF */
        }
        end += 2;
        if (in->bytes[i] == '.') {
            i++;
            if (end - i == 2) {
                return end == in->len;
            }
        }
        add(out, in->bytes + i, end - i);
        i = end;
    }
    return false;
}

/* Steps `digits` to the next string over an alphabet; false after the last one of this length. */
static bool next_string(uint8_t *digits, size_t len, uint8_t base)
{
    for (size_t i = 0; i < len; i++) {
        if (++digits[i] < base) {
            return true;
        }
        digits[i] = 0;
    }
    return false;
}

static void set_input(const char *prefix, const char *alphabet, const uint8_t *digits, size_t len)
{
    input.len = 0;
    add(&input, prefix, strlen(prefix));
    for (size_t i = 0; i < len; i++) {
        add(&input, alphabet + digits[i], 1);
    }
}

/* ---- M01, M02, M04, M11 ------------------------------------------------------------------ */

static void check_body(void)
{
    static const size_t chunks[] = {1, 2, 5, SIZE};
    static const size_t sizes[] = {1, 3, 300};
    static struct text wire, wanted, received;
    const struct sts_message m = {.raw = &source};

    normalise(&input, &wanted);
    for (size_t i = 0; i < 4; i++) {
        input_chunk = chunks[i];
        CHECK(read_message(&m, true, sizes[i % 3], &wire) == STS_OK);
        CHECK(unstuff(&wire, &received));
        CHECK(same(&received, &wanted));
        CHECK(reader.facts.size == wanted.len);
    }
    CHECK(read_message(&m, false, 300, &received) == STS_OK && same(&received, &wanted));
}

TEST(m01_m02_every_short_body_arrives_as_one_message)
{
    for (size_t len = 0; len <= 9; len++) {
        uint8_t digits[9] = {0};

        do {
            set_input("A:\n\n", "\r\n.x", digits, len);
            check_body();
        } while (next_string(digits, len, 4));
    }
}

/* ---- headers ----------------------------------------------------------------------------- */

/* Whether `line`, without its end, can stand in a header; `continues`: after a first one. */
static bool header_line(const uint8_t *line, size_t len, bool continues)
{
    size_t name = 0;

    for (size_t i = 0; i < len; i++) { /* the only UTF-8 of this alphabet is C3 A9 */
        if (line[i] == 0xC3 && i + 1 < len && line[i + 1] == 0xA9) {
            i++;
        } else if (line[i] >= 0x80 || line[i] == 0) {
            return false;
        }
    }
    if (line[0] == ' ') {
        return continues;
    }
    while (name < len && line[name] == 'A') {
        name++;
    }
    return name > 0 && name < len && line[name] == ':';
}

static bool message_valid(const struct text *t)
{
    bool header = true;
    size_t end;

    for (size_t i = 0; i < t->len; i = end + 2) {
        for (end = i; t->bytes[end] != '\r'; end++) {
            if (t->bytes[end] == 0) {
                return false;
            }
        }
        if (header && end == i) {
            header = false;
            if (i == 0) {
                return false;
            }
        }
        if (header && !header_line(t->bytes + i, end - i, i > 0)) {
            return false;
        }
    }
    return t->len > 0;
}

TEST(every_short_message_is_refused_or_passed)
{
    static const char alphabet[] = "A: \n\xC3\xA9"; /* and NUL */
    static struct text wanted, given;
    const struct sts_message m = {.raw = &source};

    for (size_t len = 0; len <= 7; len++) {
        uint8_t digits[7] = {0};

        do {
            int result;

            set_input("", alphabet, digits, len);
            normalise(&input, &wanted);
            input_chunk = 1 + len % 3;
            result = read_message(&m, false, 300, &given);
            CHECK((result == STS_OK) == message_valid(&wanted));
            CHECK(result == STS_OK ? same(&given, &wanted) : result == STS_ERR_MESSAGE);
        } while (next_string(digits, len, sizeof alphabet));
    }
}

/* ---- M08: lines around 998 octets -------------------------------------------------------- */

TEST(m08_body_lines_of_any_length_are_folded_and_can_be_unfolded)
{
    static struct text wanted, given;
    const struct sts_message m = {.raw = &source};

    input_chunk = SIZE;
    for (size_t len = 0; len < 3100; len++) {
        size_t k = 0, column = 0;

        input.len = 0;
        add(&input, "A:\r\n\r\n", 6);
        memset(input.bytes + 6, 'x', len);
        input.len += len;
        normalise(&input, &wanted);
        CHECK(read_message(&m, false, 300, &given) == STS_OK);
        for (size_t i = 0; i < given.len; i++) {
            column = given.bytes[i] == '\n' ? 0 : column + 1;
            CHECK(column <= 998 + 1); /* its CR */
            if (given.len - i > 3 && memcmp(given.bytes + i, "\r\n ", 3) == 0) {
                CHECK(column == 999);
                column = 1;
                i += 2;
                continue;
            }
            CHECK(k < wanted.len && given.bytes[i] == wanted.bytes[k++]);
        }
        CHECK(k == wanted.len && reader.facts.folded == (len > 998));
    }
}

/* ---- M03, M09: quoted-printable ---------------------------------------------------------- */

static int hex(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* RFC 2045 6.7, read backwards: false if it is not what this encoding may look like. */
static bool decode(const uint8_t *in, size_t len, struct text *out)
{
    size_t column = 0;

    out->len = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = in[i];

        if (c == '\r') {
            if (in[i + 1] != '\n' || (column > 0 && (in[i - 1] == ' ' || in[i - 1] == '\t'))) {
                return false;
            }
            add(out, "\r\n", 2);
            column = 0;
            i++;
        } else if (c == '=' && in[i + 1] == '\r' && in[i + 2] == '\n') {
            column = 0;
            i += 2;
        } else if (c == '=') {
            if (hex(in[i + 1]) < 0 || hex(in[i + 2]) < 0) {
                return false;
            }
            c = (uint8_t)(hex(in[i + 1]) * 16 + hex(in[i + 2]));
            add(out, &c, 1);
            column += 3;
            i += 2;
        } else if ((c >= ' ' && c < 0x7F) || c == '\t') {
            add(out, &c, 1);
            column++;
        } else {
            return false;
        }
        if (column > 76) {
            return false;
        }
    }
    return true;
}

static const struct sts_message composed = {.from = "a@b", .date_s = 1, .body_source = &source};

TEST(m03_m09_every_short_body_can_be_decoded)
{
    static const size_t prefixes[] = {0, 69, 70, 71, 72, 73, 74};
    static struct text wanted, given, decoded;
    char prefix[80];

    input_chunk = SIZE;
    for (size_t p = 0; p < sizeof prefixes / sizeof prefixes[0]; p++) {
        memset(prefix, 'x', sizeof prefix);
        prefix[0] = '\x01'; /* so that the body is encoded, whatever follows */
        prefix[1] = '\n';
        prefix[prefixes[p] + 2] = '\0';
        for (size_t len = 0; len <= 6; len++) {
            uint8_t digits[6] = {0};

            do {
                const char *start;

                set_input(prefix, "x =\n\xC3.\t", digits, len);
                normalise(&input, &wanted);
                CHECK(read_message(&composed, false, 300, &given) == STS_OK);
                given.bytes[given.len] = '\0';
                start = strstr((char *)given.bytes, "\r\n\r\n");
                CHECK(start != NULL && strstr((char *)given.bytes, "quoted-printable") < start);
                start += 4;
                CHECK(decode((const uint8_t *)start,
                             given.len - (size_t)((const uint8_t *)start - given.bytes), &decoded));
                CHECK(same(&decoded, &wanted));
            } while (next_string(digits, len, 7));
        }
    }
}

/* ---- M08, M09: encoded words ------------------------------------------------------------- */

static bool whole_characters(const uint8_t *s, size_t len)
{
    size_t need = 0;

    for (size_t i = 0; i < len; i++) {
        if ((s[i] & 0xC0) == 0x80) {
            if (need-- == 0) {
                return false;
            }
        } else {
            if (need != 0) {
                return false;
            }
            need = s[i] < 0x80 ? 0 : s[i] < 0xE0 ? 1 : s[i] < 0xF0 ? 2 : 3;
        }
    }
    return need == 0;
}

/* RFC 2047: what a reader shows for the value of a field: "Subject: " is at its begin. */
static bool decode_words(const char *field, size_t len, struct text *out)
{
    static const char open[] = "=?utf-8?q?";
    size_t i = 8; /* "Subject:" */
    size_t line = 0;

    out->len = 0;
    while (i < len) {
        size_t word = out->len;

        if (memcmp(field + i, "\r\n", 2) == 0) {
            line = i += 2;
        }
        if (field[i++] != ' ' || memcmp(field + i, open, 10) != 0) {
            return false;
        }
        for (i += 10; memcmp(field + i, "?=", 2) != 0; i++) {
            uint8_t c = (uint8_t)field[i];

            if (c == '=') {
                c = (uint8_t)(hex((uint8_t)field[i + 1]) * 16 + hex((uint8_t)field[i + 2]));
                i += 2;
            } else if (c == '_') {
                c = ' ';
            } else if (strchr("!*+-/", c) == NULL && hex(c & 0xDF) < 0 && c != 'x' &&
                       (c < '0' || c > '9')) {
                return false;
            }
            add(out, &c, 1);
        }
        i += 2;
        if (i - line > 76 || !whole_characters(out->bytes + word, out->len - word)) {
            return false;
        }
    }
    return i == len;
}

/* All texts of these pieces, behind prefixes that move them over the end of a line. */
TEST(m08_m09_every_subject_can_be_decoded)
{
    static const char *const pieces[] = {"x", " ", "\xC3\xA9", "\xF0\x9F\x94\xA5", "=", "?", "\t"};
    static struct text given, decoded;
    char subject[200];

    for (size_t prefix = 0; prefix <= 130; prefix += prefix < 40 || prefix > 70 ? 10 : 1) {
        for (size_t len = 0; len <= 4; len++) {
            uint8_t digits[4] = {0};

            do {
                struct sts_message m = {.from = "a@b", .date_s = 1, .subject = subject};
                const char *field, *end;
                size_t n;

                memset(subject, 'x', prefix);
                subject[prefix] = '\0';
                for (size_t i = 0; i < len; i++) {
                    strcat(subject, pieces[digits[i]]);
                }
                CHECK(read_message(&m, false, 300, &given) == STS_OK);
                given.bytes[given.len] = '\0';
                field = strstr((char *)given.bytes, "Subject:");
                end = strstr(field, "\r\nDate: ");
                n = (size_t)(end - field);
                if (strncmp(field + 8, " =?", 3) != 0 && strncmp(field + 8, "\r\n", 2) != 0) {
                    CHECK(n <= 76 &&
                          (subject[0] == '\0' || memcmp(field + 9, subject, n - 9) == 0));
                    CHECK(strlen(subject) == (n > 8 ? n - 9 : 0) && strstr(subject, "=?") == NULL);
                    CHECK(n == 8 || (field[9] != ' ' && end[-1] != ' '));
                } else {
                    CHECK(decode_words(field, n, &decoded));
                    CHECK(decoded.len == strlen(subject) &&
                          memcmp(decoded.bytes, subject, decoded.len) == 0);
                }
            } while (next_string(digits, len, 7));
        }
    }
}

/* ---- C06 --------------------------------------------------------------------------------- */

/* Counts the days one by one. */
TEST(c06_every_date_to_the_end_of_9999)
{
    static const char *days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    static struct text given;
    struct sts_message m = {.from = "a@b", .date_s = 1};
    int64_t day = 0;
    int weekday = 4;

    for (int year = 1970; year <= 9999; year++) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        for (int month = 0; month < 12; month++) {
            int length = lengths[month] + (month == 1 && leap);

            for (int d = 1; d <= length; d++, day++, weekday = (weekday + 1) % 7) {
                char expected[64];
                int second = (int)((day * 7919 + 86399) % 86400);

                if (year > 2050 && d != 1 && d != length) {
                    continue;
                }
                m.date_s = day * 86400 + second;
                snprintf(expected, sizeof expected,
                         "\r\nDate: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", days[weekday], d,
                         months[month], year, second / 3600, second / 60 % 60, second % 60);
                CHECK(read_message(&m, false, 300, &given) == STS_OK);
                given.bytes[given.len] = '\0';
                CHECK(strstr((char *)given.bytes, expected) != NULL);
            }
        }
    }
    CHECK(day * 86400 == 253402300800);
}

TEST_MAIN("message, exhaustively")
