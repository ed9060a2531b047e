/* SPDX-License-Identifier: MIT
 *
 * What goes between DATA and the dot: composed (RFC 5322, 2045, 2047, 3834) and passed through (RFC
 * 5321 4.5.2), rows M01..M15, C06, C11, S20.
 */
#include "test.h"

#include <stsmail/engine/message.h>

/* ---- a source in memory, which can misbehave --------------------------------------------- */

struct memory {
    const char *bytes;
    size_t len, at;
    size_t chunk;    /* octets a read; 0: all that is asked for */
    size_t fails_at; /* reading fails from this octet on; 0: never */
    int32_t fails_with;
    int rewinds, rewind_fails_at; /* the n-th rewind fails; 0: never */
    bool ended, asked_again;      /* after it had said 0 */
};

static int memory_rewind(void *ctx)
{
    struct memory *s = ctx;

    s->at = 0;
    s->ended = false;
    s->rewinds++;
    return s->rewinds == s->rewind_fails_at ? STS_ERR_IO : STS_OK;
}

static int32_t memory_read(void *ctx, void *buf, size_t size)
{
    struct memory *s = ctx;
    size_t n = s->len - s->at;

    if (s->fails_at > 0 && s->at >= s->fails_at) {
        return s->fails_with;
    }
    n = n < size ? n : size;
    if (s->chunk > 0 && n > s->chunk) {
        n = s->chunk;
    }
    if (s->fails_at > 0 && s->at + n > s->fails_at) {
        n = s->fails_at - s->at;
    }
    s->asked_again = s->asked_again || s->ended;
    s->ended = n == 0;
    memcpy(buf, s->bytes + s->at, n);
    s->at += n;
    return (int32_t)n;
}

/* ---- reading ----------------------------------------------------------------------------- */

static struct sts_reader reader;
static char got[40000];
static size_t got_len;

/* Reads all in pieces of at most `size`; STS_OK, or the error, which must be sticky. */
static int read_all(const struct sts_message *m, bool stuff, size_t size)
{
    int result = sts_reader_start(&reader, m, stuff);
    int32_t n = 0;

    got_len = 0;
    while (result == STS_OK) {
        size_t room = sizeof got - 1 - got_len;

        CHECK(room > 0);
        n = sts_reader_read(&reader, (uint8_t *)got + got_len, size < room ? size : room);
        if (n <= 0) {
            result = n;
            break;
        }
        CHECK((size_t)n <= size);
        got_len += (size_t)n;
    }
    got[got_len] = '\0';
    CHECK(sts_reader_read(&reader, (uint8_t *)got + got_len, 1) == result);
    return result;
}

static int pass(const char *bytes, size_t len, bool stuff)
{
    struct memory s = {.bytes = bytes, .len = len};
    struct sts_source source = {&s, memory_rewind, memory_read};
    struct sts_message m = {.raw = &source};

    return read_all(&m, stuff, 4096);
}

static bool got_is(const char *bytes, size_t len)
{
    return got_len == len && memcmp(got, bytes, len) == 0;
}

/* As pass(), at every split of the input, with several sizes of output. */
static bool passes_as(const char *in, size_t in_len, const char *out, size_t out_len)
{
    struct memory s = {.bytes = in, .len = in_len};
    struct sts_source source = {&s, memory_rewind, memory_read};
    struct sts_message m = {.raw = &source};

    for (s.chunk = 0; s.chunk <= 3 || s.chunk <= in_len; s.chunk++) {
        for (size_t size = 1; size <= 64; size *= 4) {
            if (read_all(&m, true, size) != STS_OK || !got_is(out, out_len)) {
                return false;
            }
        }
    }
    return !s.asked_again;
}

#define PASSES_AS(in, out) passes_as((in), sizeof(in) - 1, (out), sizeof(out) - 1)

/* Refused with this reason, in this line, at every split of the input; nothing looks like an end. */
static bool refused(const char *in, size_t len, int why, uint32_t line)
{
    struct memory s = {.bytes = in, .len = len};
    struct sts_source source = {&s, memory_rewind, memory_read};
    struct sts_message m = {.raw = &source};

    for (s.chunk = 0; s.chunk <= len && s.chunk < 70; s.chunk++) {
        if (read_all(&m, true, 1 + s.chunk) != STS_ERR_MESSAGE || reader.why != why ||
            reader.line != line || sts_reader_reason(&reader)[0] == '\0' ||
            strstr(got, "\r\n.\r\n") != NULL) {
            return false;
        }
    }
    return true;
}

#define REFUSED(in, why, line) refused((in), sizeof(in) - 1, (why), (line))

static const struct sts_message plain = {
    .from = "pump@example.org",
    .date_s = 1795449385, /* 2026-11-23 15:56:25 */
    .message_id = "7.1@pump.example.org",
};

static bool has(const char *text)
{
    return strstr(got, text) != NULL;
}

/* ---- composed ---------------------------------------------------------------------------- */

TEST(a_composed_message_has_exactly_this_form)
{
    static const char *const to[] = {"ops@example.org", "boss@example.net"};
    struct sts_message m = plain;
    static const char golden[] = "From: \"Pump 7\" <pump@example.org>\r\n"
                                 "To: ops@example.org, boss@example.net\r\n"
                                 "Subject: Pressure low\r\n"
                                 "Date: Mon, 23 Nov 2026 15:56:25 +0000\r\n"
                                 "Message-ID: <7.1@pump.example.org>\r\n"
                                 "Auto-Submitted: auto-generated\r\n"
                                 "MIME-Version: 1.0\r\n"
                                 "Content-Type: text/plain; charset=us-ascii\r\n"
                                 "Content-Transfer-Encoding: 7bit\r\n"
                                 "\r\n"
                                 "2.1 bar\r\n"
                                 "..\r\n"
                                 ".\r\n";

    m.from_name = "Pump 7";
    m.to = to;
    m.to_count = 2;
    m.subject = "Pressure low";
    m.body = "2.1 bar\n.";
    for (size_t size = 1; size < 500; size += 7) {
        CHECK(read_all(&m, true, size) == STS_OK);
        CHECK(got_is(BYTES(golden)));
    }
    CHECK(reader.facts.size == sizeof golden - 1 - 1 - 3);
    CHECK(!reader.facts.eightbit && !reader.facts.utf8_header && !reader.facts.folded);
}

TEST(a_buffer_may_have_any_size)
{
    CHECK(sts_reader_start(&reader, &plain, false) == STS_OK);
    CHECK(sts_reader_read(&reader, (uint8_t *)got, 0) == 0);
    CHECK(sts_reader_read(&reader, (uint8_t *)got, (size_t)INT32_MAX + 1) > 200);
    CHECK(sts_reader_read(&reader, (uint8_t *)got, 1) == 0);
}

TEST(what_is_not_given_is_left_out)
{
    CHECK(read_all(&plain, false, 64) == STS_OK);
    CHECK(has("From: pump@example.org\r\nTo: undisclosed-recipients:;\r\nDate: "));
    CHECK(strcmp(got + got_len - 8, "7bit\r\n\r\n" + 0) == 0);
    CHECK(!has("Subject"));

    struct sts_message m = plain;

    m.message_id = NULL;
    m.from_name = m.subject = m.body = "";
    CHECK(read_all(&m, false, 64) == STS_OK);
    CHECK(has("From: pump@example.org\r\n") && has("Subject:\r\n") && !has("Message-ID"));
}

/* M05: 256 octets at each position of each value; none can end its field. */
TEST(m05_no_octet_in_a_value_can_inject_a_header)
{
    static const char good[] = "ab@cd";

    for (size_t at = 0; at < sizeof good - 1; at++) {
        for (unsigned c = 1; c < 256; c++) {
            char text[sizeof good];
            const char *to[] = {text};
            struct sts_message m = plain;
            bool bad = (c < ' ' && c != '\t') || c >= 0x7F;
            int result;

            memcpy(text, good, sizeof good);
            text[at] = (char)c;
            m.subject = text;
            CHECK(sts_message_check(&m) == (bad ? STS_ERR_MESSAGE : STS_OK));
            m.from_name = text;
            CHECK(sts_message_check(&m) == (bad ? STS_ERR_MESSAGE : STS_OK));
            m = plain;
            m.message_id = text;
            result = sts_message_check(&m);
            CHECK(result == STS_OK || result == STS_ERR_MESSAGE);
            CHECK(result == STS_ERR_MESSAGE || (c > ' ' && c < 0x7F));
            m = plain;
            m.from = text;
            result = sts_message_check(&m);
            CHECK(result == STS_OK || result == STS_ERR_ADDRESS);
            CHECK(result == STS_ERR_ADDRESS || (c > ' ' && c < 0x7F));
            m = plain;
            m.to = to;
            m.to_count = 1;
            CHECK(sts_message_check(&m) == result);
            CHECK(read_all(&m, true, 100) == result);
        }
    }
}

static int why_of(const struct sts_message *m)
{
    int result = sts_reader_start(&reader, m, true);

    CHECK(result == sts_message_check(m) && result != STS_OK);
    CHECK(reader.line == 0 && sts_reader_reason(&reader)[0] != '\0');
    return reader.why;
}

TEST(each_wrong_member_has_its_own_reason)
{
    static const char *const to[] = {"ops@example.org", NULL};
    struct sts_message m = plain;

    CHECK(sts_message_check(NULL) == STS_ERR_ARG && why_of(NULL) == STS_WHY_ARGUMENT);
    m.from = NULL;
    CHECK(sts_message_check(&m) == STS_ERR_ARG && why_of(&m) == STS_WHY_ARGUMENT);
    m = plain;
    m.from = "pump@example.org>";
    CHECK(sts_message_check(&m) == STS_ERR_ADDRESS && why_of(&m) == STS_WHY_FROM);
    m = plain;
    m.to_count = 1;
    CHECK(sts_message_check(&m) == STS_ERR_ARG && why_of(&m) == STS_WHY_ARGUMENT);
    m.to = to;
    CHECK(sts_message_check(&m) == STS_OK);
    m.to_count = 2;
    CHECK(sts_message_check(&m) == STS_ERR_ADDRESS && why_of(&m) == STS_WHY_TO);
    m = plain;
    m.from_name = "Pump\r\nBcc: x@example.net";
    CHECK(sts_message_check(&m) == STS_ERR_MESSAGE && why_of(&m) == STS_WHY_NAME);
    m = plain;
    m.subject = "Pump\nBcc: x@example.net";
    CHECK(sts_message_check(&m) == STS_ERR_MESSAGE && why_of(&m) == STS_WHY_SUBJECT);
    m.subject = "cut \xC3";
    CHECK(sts_message_check(&m) == STS_ERR_MESSAGE && why_of(&m) == STS_WHY_SUBJECT);
    m = plain;
    m.message_id = "no-host";
    CHECK(sts_message_check(&m) == STS_ERR_MESSAGE && why_of(&m) == STS_WHY_ID);
    m.message_id = "\xC3\xA9@example.org";
    CHECK(sts_message_check(&m) == STS_ERR_MESSAGE && why_of(&m) == STS_WHY_ID);
    CHECK(sts_reader_read(&reader, (uint8_t *)got, 1) == STS_ERR_MESSAGE);
}

/* C06: 64-bit seconds, leap years, the end of the calendar. */
TEST(c06_dates_are_exact_from_1970_to_9999)
{
    static const struct {
        int64_t s;
        const char *date;
    } dates[] = {
        {1, "Thu, 01 Jan 1970 00:00:01 +0000"},
        {31535999, "Thu, 31 Dec 1970 23:59:59 +0000"},
        {31536000, "Fri, 01 Jan 1971 00:00:00 +0000"},
        {68169599, "Mon, 28 Feb 1972 23:59:59 +0000"},
        {68169600, "Tue, 29 Feb 1972 00:00:00 +0000"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 +0000"},
        {1709251199, "Thu, 29 Feb 2024 23:59:59 +0000"},
        {2085978495, "Thu, 07 Feb 2036 06:28:15 +0000"},
        {2147483648, "Tue, 19 Jan 2038 03:14:08 +0000"},
        {4102444799, "Thu, 31 Dec 2099 23:59:59 +0000"},
        {4107542400, "Mon, 01 Mar 2100 00:00:00 +0000"},
        {4294967296, "Sun, 07 Feb 2106 06:28:16 +0000"},
        {253402300799, "Fri, 31 Dec 9999 23:59:59 +0000"},
    };

    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
        struct sts_message m = plain;

        m.date_s = dates[i].s;
        CHECK(read_all(&m, false, 300) == STS_OK && has("\r\nDate: ") && has(dates[i].date));
    }
}

/* C11: with an unset clock the message waits; it never says 1970. */
TEST(c11_an_unset_clock_gives_no_date)
{
    struct sts_message m = plain;

    m.date_s = 0;
    CHECK(sts_message_check(&m) == STS_ERR_CLOCK && why_of(&m) == STS_WHY_CLOCK);
    m.date_s = -1;
    CHECK(sts_message_check(&m) == STS_ERR_CLOCK);
    m.date_s = 253402300800;
    CHECK(sts_message_check(&m) == STS_ERR_ARG && why_of(&m) == STS_WHY_DATE);
}

/* C11: a message that is kept until the time is known lacks its Date alone; what is put before it then is what
 * would have stood there. */
TEST(c11_a_message_is_kept_without_a_date_and_given_one_later)
{
    struct sts_message m = plain;
    char dated[sizeof got], field[64];
    struct sts_out o;
    char *at;
    int32_t n;

    m.date_s = 1790000000;
    CHECK(read_all(&m, false, 300) == STS_OK);
    memcpy(dated, got, got_len + 1);
    m.date_s = 0;
    CHECK(sts_reader_start_kept(&reader, &m) == STS_OK);
    for (got_len = 0; (n = sts_reader_read(&reader, (uint8_t *)got + got_len, 7)) > 0;) {
        got_len += (size_t)n;
    }
    got[got_len] = '\0';
    CHECK(n == 0 && reader.facts.size == got_len && !has("Date:"));
    sts_out_start(&o, field, sizeof field);
    sts_out_text(&o, "\r\nDate: ");
    sts_compose_date(&o, 1790000000);
    CHECK(o.len == 8 + 31);
    at = strstr(dated, sts_out_end(&o));
    CHECK(at != NULL);
    memmove(at, at + o.len, strlen(at + o.len) + 1);
    CHECK(strcmp(dated, got) == 0);
    m.date_s = 1790000000; /* known: in its place, as ever */
    CHECK(sts_reader_start_kept(&reader, &m) == STS_OK);
    m.date_s = STS_DATE_MAX + 1;
    CHECK(sts_reader_start_kept(&reader, &m) == STS_ERR_ARG);
    m.date_s = 0;
    m.subject = "two\nlines"; /* all else is checked */
    CHECK(sts_reader_start_kept(&reader, &m) == STS_ERR_MESSAGE);
    CHECK(sts_reader_start_kept(&reader, NULL) == STS_ERR_ARG);
}

static const char *subject_line(const char *subject)
{
    struct sts_message m = plain;
    char *end;

    m.subject = subject;
    CHECK(read_all(&m, true, 13) == STS_OK);
    end = strstr(got, "\r\nDate:");
    *end = '\0';
    return strstr(got, "Subject:");
}

static bool subject_is(const char *subject, const char *line)
{
    return strcmp(subject_line(subject), line) == 0;
}

#define S10 "0123456789"

TEST(subjects_are_plain_where_that_says_the_same)
{
    CHECK(subject_is("a", "Subject: a"));
    CHECK(subject_is("a  \"b\" \\ = ? <c>, d@e; (f)", "Subject: a  \"b\" \\ = ? <c>, d@e; (f)"));
    CHECK(subject_is(S10 S10 S10 S10 S10 S10 "1234", "Subject: " S10 S10 S10 S10 S10 S10 "1234"));
    CHECK(subject_is(" a", "Subject: =?utf-8?q?_a?="));
    CHECK(subject_is("a ", "Subject: =?utf-8?q?a_?="));
    CHECK(subject_is("a\tb", "Subject: =?utf-8?q?a=09b?="));
    CHECK(subject_is("\tAZaz09!*+-/_?=.", "Subject: =?utf-8?q?=09AZaz09!*+-/=5F=3F=3D=2E?="));
    CHECK(subject_is("=?x", "Subject: =?utf-8?q?=3D=3Fx?="));
    CHECK(subject_is("\xC3\xBC"
                     "ber 50 %",
                     "Subject: =?utf-8?q?=C3=BCber_50_=25?="));
}

/* M08, M09: lines with encoded words have at most 76 octets, words at most 75, characters stay whole. */
TEST(m08_long_subjects_are_folded_between_encoded_words)
{
    CHECK(subject_is(S10 S10 S10 S10 S10 S10 "12345", "Subject: =?utf-8?q?" S10 S10 S10 S10 S10
                                                      "01234?=\r\n =?utf-8?q?5678912345?="));
    CHECK(subject_is(S10 S10 S10 S10 S10 "0"
                                         "\xF0\x9F\x94\xA5" S10,
                     "Subject: =?utf-8?q?" S10 S10 S10 S10 S10 "0?=\r\n"
                     " =?utf-8?q?=F0=9F=94=A5" S10 "?="));
}

static const char *from_line(const char *name, const char *from)
{
    struct sts_message m = plain;

    m.from_name = name;
    m.from = from;
    CHECK(read_all(&m, true, 13) == STS_OK);
    *strstr(got, "\r\nTo:") = '\0';
    return got;
}

static bool from_is(const char *name, const char *line)
{
    return strcmp(from_line(name, "p@example.org"), line) == 0;
}

TEST(names_are_quoted_or_encoded)
{
    CHECK(from_is("Pump, 7 (hall) <x>", "From: \"Pump, 7 (hall) <x>\" <p@example.org>"));
    CHECK(from_is("the \"pump\"", "From: =?utf-8?q?the_=22pump=22?= <p@example.org>"));
    CHECK(from_is("a\\b", "From: =?utf-8?q?a=5Cb?= <p@example.org>"));
    CHECK(from_is("P\xC3\xBCmpe", "From: =?utf-8?q?P=C3=BCmpe?= <p@example.org>"));
    CHECK(from_is(S10 S10 S10 S10 S10 S10,
                  "From: \"" S10 S10 S10 S10 S10 S10 "\"\r\n <p@example.org>"));
}

/* Lines of 76 octets are not folded, longer ones are. */
TEST(folds_are_made_where_they_have_to_be)
{
    CHECK(strcmp(from_line(S10 S10 S10 S10 S10, "12345678@example.org"),
                 "From: \"" S10 S10 S10 S10 S10 "\"\r\n <12345678@example.org>") == 0);
    CHECK(strcmp(from_line(S10 S10 S10 S10 "123456", "1234567@example.org"),
                 "From: \"" S10 S10 S10 S10 "123456\" <1234567@example.org>") == 0);
    CHECK(strcmp(from_line(S10 S10 S10 S10 "123456", "12345678@example.org"),
                 "From: \"" S10 S10 S10 S10 "123456\"\r\n <12345678@example.org>") == 0);
}

/* M15: text from sensors is data, never a format or a template. */
TEST(m15_text_is_never_a_format)
{
    struct sts_message m = plain;

    m.subject = "%s %n ${HOME} $(x) `y`";
    m.body = "%s%s%s%n ${PATH} %1$s {{x}}";
    CHECK(read_all(&m, true, 40) == STS_OK);
    CHECK(has("\r\nSubject: %s %n ${HOME} $(x) `y`\r\n") &&
          has("\r\n\r\n%s%s%s%n ${PATH} %1$s {{x}}\r\n.\r\n"));
}

/* A mailbox does not fit what is given in one step. */
TEST(a_mailbox_of_any_length_is_given_whole)
{
    static char from[161];
    struct sts_message m = plain;

    memset(from, 'a', sizeof from - 1);
    from[20] = '@';
    for (size_t i = 60; i < 150; i += 40) {
        from[i] = '.';
    }
    m.from = from;
    m.from_name = "pump";
    CHECK(read_all(&m, true, 4096) == STS_OK && has(from) && has("aaa>\r\n"));
}

TEST(long_recipient_lists_are_folded)
{
    static const char *const to[] = {"a23456789012345678901234567890@example.org",
                                     "b23456789012345@example.org", "c@example.org",
                                     "d@example.org"};
    struct sts_message m = plain;

    m.to = to;
    m.to_count = 4;
    CHECK(read_all(&m, true, 10) == STS_OK);
    CHECK(has("\r\nTo: a23456789012345678901234567890@example.org, b23456789012345@example.org,\r\n"
              " c@example.org, d@example.org\r\nDate"));
}

static const char *composed_body(const char *body)
{
    struct sts_message m = plain;

    m.body = body;
    CHECK(read_all(&m, false, 50) == STS_OK);
    return strstr(got, "\r\n\r\n") + 4;
}

static bool body_is(const char *body, const char *encoding, const char *out)
{
    const char *text = composed_body(body);

    return has(encoding) && strcmp(text, out) == 0 && !reader.facts.eightbit;
}

#define SEVEN "charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n"
#define QP    "charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"

/* M04 */
TEST(composed_bodies_end_in_one_line_end)
{
    CHECK(body_is(NULL, SEVEN, ""));
    CHECK(body_is("", SEVEN, ""));
    CHECK(body_is("\n", SEVEN, "\r\n"));
    CHECK(body_is("a\tb ~=", SEVEN, "a\tb ~=\r\n"));
    CHECK(body_is("a\rb\nc\r\nd\n\r", SEVEN, "a\r\nb\r\nc\r\nd\r\n\r\n"));
    CHECK(body_is("\nx\r", SEVEN, "\r\nx\r\n")); /* its last CR is none before its first LF */
}

/* M03, S20: what 7bit cannot carry is encoded, so that no 8BITMIME is needed. */
TEST(s20_other_octets_are_quoted_printable)
{
    CHECK(body_is("50 \xC2\xB0"
                  "C = hot\n",
                  QP, "50 =C2=B0C =3D hot\r\n"));
    CHECK(body_is("\x01", QP, "=01\r\n"));
    CHECK(body_is("\x7F", QP, "=7F\r\n"));
    CHECK(body_is("\x01~", QP, "=01~\r\n"));
    CHECK(body_is("\xFF\x1B[0m", QP, "=FF=1B[0m\r\n"));
    CHECK(body_is("\xC3\xA9 \n\t\n \t", QP, "=C3=A9 =\r\n\r\n\t=\r\n\r\n \t=\r\n\r\n"));
    CHECK(body_is("\x01\n.\n..\n", QP, "=01\r\n.\r\n..\r\n"));
}

TEST(quoted_printable_lines_have_at_most_76_octets)
{
    CHECK(body_is("\x01" S10 S10 S10 S10 S10 S10 S10 "123", QP,
                  "=01" S10 S10 S10 S10 S10 S10 S10 "12=\r\n3\r\n"));
    CHECK(body_is("\x01" S10 S10 S10 S10 S10 S10 S10 "\x01", QP,
                  "=01" S10 S10 S10 S10 S10 S10 S10 "=\r\n=01\r\n"));
    CHECK(body_is("\x01" S10 S10 S10 S10 S10 S10 "123456789\x01", QP,
                  "=01" S10 S10 S10 S10 S10 S10 "123456789=01\r\n"));
    CHECK(body_is("\x01" S10 S10 S10 S10 S10 S10 S10 "1 \n", QP,
                  "=01" S10 S10 S10 S10 S10 S10 S10 "1 =\r\n\r\n"));
}

/* M08: a composed line over 998 octets is encoded, one of 998 is not. */
TEST(m08_long_composed_lines_are_encoded)
{
    static char body[1200];

    memset(body, 'x', sizeof body);
    body[998] = '\0';
    composed_body(body);
    CHECK(has(SEVEN) && !reader.facts.folded);
    body[998] = '\n';
    body[1100] = '\0';
    composed_body(body);
    CHECK(has(SEVEN));
    body[998] = 'x';
    composed_body(body);
    CHECK(has(QP) && has("xxx=\r\nxxx") && !reader.facts.folded);
}

/* A body from a source is the same as one from a string, whatever its pieces. */
TEST(bodies_may_come_from_a_source)
{
    static const char body[] = "caf\xC3\xA9\r\n.\rx\n";
    static char expected[2000];
    struct memory s = {.bytes = body, .len = sizeof body - 1};
    struct sts_source source = {&s, memory_rewind, memory_read};
    struct sts_message m = plain;

    m.body = body;
    CHECK(read_all(&m, true, 7) == STS_OK && got_len < sizeof expected);
    memcpy(expected, got, got_len + 1);
    m.body = NULL;
    m.body_source = &source;
    for (s.chunk = 0; s.chunk < 10; s.chunk++) {
        CHECK(read_all(&m, true, 1 + s.chunk) == STS_OK);
        CHECK(strcmp(got, expected) == 0);
    }
}

/* M03: NUL is refused in composed bodies as in raw ones. */
TEST(m03_nul_in_a_composed_body_is_refused)
{
    struct memory s = {.bytes = "a\nb\0c", .len = 5};
    struct sts_source source = {&s, memory_rewind, memory_read};
    struct sts_message m = plain;

    m.body_source = &source;
    CHECK(read_all(&m, true, 100) == STS_ERR_MESSAGE);
    CHECK(reader.why == STS_WHY_NUL && reader.line == 2);
    CHECK(!has("\r\n.\r\n"));
}

/* What lies behind the read-ahead is not known: quoted-printable carries whatever it is. */
TEST(bodies_longer_than_the_read_ahead_are_encoded)
{
    static char body[16384];
    struct memory s = {.bytes = body, .len = 16383};
    struct sts_source source = {&s, memory_rewind, memory_read};
    struct sts_message m = plain;

    memset(body, '\n', sizeof body);
    m.body_source = &source;
    CHECK(read_all(&m, false, 100) == STS_OK && has(SEVEN));
    s.len = 16384;
    CHECK(read_all(&m, false, 100) == STS_OK && has(QP));
}

/* S20: a UTF-8 mailbox in the header needs SMTPUTF8, and the facts say so. */
TEST(s20_utf8_mailboxes_are_a_fact_of_the_header)
{
    static const char *const to[] = {"r\xC3\xA9mi@example.org"};
    struct sts_message m = plain;

    m.to = to;
    m.to_count = 1;
    CHECK(read_all(&m, true, 100) == STS_OK);
    CHECK(reader.facts.utf8_header && !reader.facts.eightbit);
    CHECK(has("\r\nTo: r\xC3\xA9mi@example.org\r\n"));
    m = plain;
    m.from = "\xC3\x80@b";
    CHECK(read_all(&m, true, 100) == STS_OK && reader.facts.utf8_header);
}

/* M12: each try reads the same octets, Message-ID included. */
TEST(m12_each_reading_gives_the_same)
{
    static char first[2000];
    struct sts_message m = plain;

    m.subject = "\xC3\xA9";
    m.body = "x\xC3\xA9\n";
    CHECK(read_all(&m, true, 50) == STS_OK && got_len < sizeof first);
    memcpy(first, got, got_len + 1);
    CHECK(read_all(&m, true, 3) == STS_OK && strcmp(first, got) == 0);
    CHECK(has("Message-ID: <7.1@pump.example.org>"));
}

/* ---- passed through ---------------------------------------------------------------------- */

TEST(m01_dots_are_stuffed_once)
{
    CHECK(PASSES_AS("A: b\r\n\r\n.\r\n", "A: b\r\n\r\n..\r\n.\r\n"));
    CHECK(PASSES_AS("A: b\r\n\r\n..a\r\n.b\r\nc.\r\n", "A: b\r\n\r\n...a\r\n..b\r\nc.\r\n.\r\n"));
    CHECK(PASSES_AS(".A: b\r\n\r\n", "..A: b\r\n\r\n.\r\n"));
    CHECK(pass(BYTES("A: b\r\n\r\n.\r\n"), false) == STS_OK);
    CHECK(got_is(BYTES("A: b\r\n\r\n.\r\n")));
}

/* M02: none of the sequences of SMTP smuggling reaches the wire. */
TEST(m02_no_line_end_but_crlf_reaches_the_wire)
{
    static const char *const ends[] = {"\n", "\r", "\r\n", "\r\r\n", "\n\r"};

    for (size_t i = 0; i < 25; i++) {
        char in[64];
        char *end;

        strcpy(in, "A: b\n\nx");
        strcat(in, ends[i / 5]);
        strcat(in, ".");
        strcat(in, ends[i % 5]);
        strcat(in, "MAIL FROM:<a@b>");
        CHECK(pass(in, strlen(in), true) == STS_OK);
        end = strstr(got, "\r\n.\r\n");
        CHECK(end != NULL && end + 5 == got + got_len);
        for (size_t k = 0; k < got_len; k++) {
            CHECK(got[k] != '\r' || got[k + 1] == '\n');
            CHECK(got[k] != '\n' || (k > 0 && got[k - 1] == '\r'));
        }
    }
    CHECK(PASSES_AS("A: b\r\rc\n\rd\r\r\ne", "A: b\r\n\r\nc\r\n\r\nd\r\n\r\ne\r\n.\r\n"));
}

/* M03 */
TEST(m03_nul_is_refused_anywhere)
{
    CHECK(REFUSED("A: b\n\na\0", STS_WHY_NUL, 3));
    CHECK(REFUSED("\0A: b\n\n", STS_WHY_NUL, 1));
    CHECK(REFUSED("A: \0b\n\n", STS_WHY_NUL, 1));
}

TEST(m03_controls_pass_in_a_body_and_not_in_a_header)
{
    for (int c = 1; c < 128; c++) {
        char body[] = "A: b\r\n\r\nx?\r\n";
        char head[] = "A: b?\r\n\r\nx\r\n";
        bool control = (c < 32 && c != '\t') || c == 127;

        body[9] = head[4] = (char)c;
        if (c == '\r' || c == '\n') {
            continue;
        }
        CHECK(pass(body, sizeof body - 1, false) == STS_OK && got_is(BYTES(body)));
        CHECK(control ? REFUSED(head, STS_WHY_CONTROL, 1) : pass(BYTES(head), false) == STS_OK);
    }
    CHECK(REFUSED("A\x01: b\n", STS_WHY_CONTROL, 1));
    CHECK(REFUSED("\x01", STS_WHY_CONTROL, 1));
}

/* M04 */
TEST(m04_every_body_ends_well)
{
    CHECK(PASSES_AS("A: b", "A: b\r\n.\r\n"));
    CHECK(PASSES_AS("A: b\r", "A: b\r\n.\r\n"));
    CHECK(PASSES_AS("A: b\r\n", "A: b\r\n.\r\n"));
    CHECK(PASSES_AS("A: b\r\n\r", "A: b\r\n\r\n.\r\n"));
    CHECK(PASSES_AS("A: b\r\n\r\n", "A: b\r\n\r\n.\r\n"));
    CHECK(PASSES_AS("A: b\n\nx", "A: b\r\n\r\nx\r\n.\r\n"));
    CHECK(PASSES_AS("A: b\n\n\n\n", "A: b\r\n\r\n\r\n\r\n.\r\n"));
    CHECK(PASSES_AS("A: b ", "A: b \r\n.\r\n"));
    CHECK(PASSES_AS("A: b\n ", "A: b\r\n \r\n.\r\n"));
}

TEST(a_message_begins_with_a_header_field)
{
    CHECK(REFUSED("", STS_WHY_EMPTY, 1));
    CHECK(REFUSED("\r\n", STS_WHY_NO_HEADER, 1));
    CHECK(REFUSED("\n\nbody", STS_WHY_NO_HEADER, 1));
    CHECK(REFUSED("hello\n", STS_WHY_NO_HEADER, 1));
    CHECK(REFUSED("hello", STS_WHY_NO_HEADER, 1));
    CHECK(REFUSED("hello world: x\n", STS_WHY_NO_HEADER, 1));
    CHECK(REFUSED(" A: b\n", STS_WHY_NO_HEADER, 1));
    CHECK(REFUSED("\tA: b\n", STS_WHY_NO_HEADER, 1));
    CHECK(REFUSED(": b\n", STS_WHY_NO_HEADER, 1));
    CHECK(REFUSED("A : b\n", STS_WHY_NO_HEADER, 1));
    CHECK(REFUSED("\xC3\xA9: b\n", STS_WHY_NO_HEADER, 1));
    CHECK(REFUSED("\x80: b\n", STS_WHY_NO_HEADER, 1));
    CHECK(REFUSED("From\n", STS_WHY_NO_HEADER, 1));
    CHECK(REFUSED("Fro m: x\n", STS_WHY_NO_HEADER, 1));
    CHECK(REFUSED("xFrom : x\n", STS_WHY_NO_HEADER, 1));
    CHECK(PASSES_AS("A:\n", "A:\r\n.\r\n"));
    CHECK(PASSES_AS("From:a\n", "From:a\r\n.\r\n"));
}

TEST(a_mailbox_files_first_line_is_refused_by_name)
{
    CHECK(REFUSED("From root Mon Nov 23\nA: b\n\n", STS_WHY_MBOX, 1));
    CHECK(REFUSED("A: b\nFrom root Mon Nov 23\n", STS_WHY_FIELD, 2));
    CHECK(PASSES_AS("From: root\n\n", "From: root\r\n\r\n.\r\n"));
    CHECK(PASSES_AS("A: b\n\nFrom x\n", "A: b\r\n\r\nFrom x\r\n.\r\n"));
}

TEST(header_lines_are_fields_or_continuations)
{
    CHECK(PASSES_AS("A: b\n c\n\td\nE: f\n", "A: b\r\n c\r\n\td\r\nE: f\r\n.\r\n"));
    CHECK(REFUSED("A: b\nhello\n", STS_WHY_FIELD, 2));
    CHECK(REFUSED("A: b\n c\nhello world\n\n", STS_WHY_FIELD, 3));
    CHECK(REFUSED("A: b\r\nB: c\r\n: x\n", STS_WHY_FIELD, 3));
    CHECK(REFUSED("A: b\nhello", STS_WHY_FIELD, 2));
    CHECK(REFUSED("A: b\nX\xC3\xA9: c\n", STS_WHY_FIELD, 2));
}

/* S20: UTF-8 in a header needs SMTPUTF8 (RFC 6532); octets over 127 in a body need 8BITMIME. */
TEST(s20_what_a_raw_message_needs_is_a_fact)
{
    CHECK(pass(BYTES("A: b\n\nx\n"), true) == STS_OK);
    CHECK(!reader.facts.eightbit && !reader.facts.utf8_header);
    CHECK(pass(BYTES("A: \xC3\xA9\n\nx\n"), true) == STS_OK);
    CHECK(!reader.facts.eightbit && reader.facts.utf8_header);
    CHECK(pass(BYTES("A: b\n\n\x7F\n"), true) == STS_OK && !reader.facts.eightbit);
    CHECK(pass(BYTES("A: b\n\n\x80\n"), true) == STS_OK);
    CHECK(reader.facts.eightbit && !reader.facts.utf8_header);
}

TEST(a_header_that_is_not_utf8_is_refused)
{
    CHECK(REFUSED("A: \xE9\n", STS_WHY_UTF8, 1));
    CHECK(REFUSED("A: \xC3", STS_WHY_UTF8, 1));
    CHECK(REFUSED("A: b\nC: \xC3\xA9\xC3\n\n", STS_WHY_UTF8, 2));
    CHECK(REFUSED("A: \xFF\n", STS_WHY_UTF8, 1));
}

/* M11: the size is what is sent, less stuffed dots and the end of data. */
TEST(m11_size_is_what_is_sent)
{
    CHECK(pass(BYTES("A: b\n\n.x\n..\ny"), true) == STS_OK);
    CHECK(got_is(BYTES("A: b\r\n\r\n..x\r\n...\r\ny\r\n.\r\n")));
    CHECK(reader.facts.size == got_len - 2 - 3);
    CHECK(pass(BYTES("A: b\n\n.x\n..\ny"), false) == STS_OK);
    CHECK(reader.facts.size == got_len);
}

/* ---- long lines -------------------------------------------------------------------------- */

static char big[40000];
static size_t big_len;

static void begin(const char *text)
{
    big_len = strlen(text);
    memcpy(big, text, big_len);
}

static void add(char c, size_t n)
{
    memset(big + big_len, c, n);
    big_len += n;
}

static size_t longest_line(void)
{
    size_t longest = 0;
    size_t start = 0;

    for (size_t i = 0; i < got_len; i++) {
        if (got[i] == '\n') {
            longest = i - 1 - start > longest ? i - 1 - start : longest;
            start = i + 1;
        }
    }
    return longest;
}

TEST(m08_body_lines_of_998_octets_pass)
{
    begin("A: b\r\n\r\n");
    add('.', 1);
    add('x', 997);
    add('\r', 1);
    add('\n', 1);
    CHECK(pass(big, big_len, false) == STS_OK);
    CHECK(got_is(big, big_len) && !reader.facts.folded);
    CHECK(pass(big, big_len, true) == STS_OK);
    CHECK(got_len == big_len + 4 && !reader.facts.folded);
}

TEST(m08_longer_body_lines_are_folded)
{
    begin("A: b\r\n\r\n");
    add('x', 998 + 997 + 5);
    CHECK(pass(big, big_len, false) == STS_OK);
    CHECK(reader.facts.folded && got_len == big_len + 2 + 6);
    CHECK(longest_line() == 998);
    CHECK(memcmp(got + 8 + 998, "\r\n x", 4) == 0);
    CHECK(memcmp(got + 8 + 998 + 2 + 998, "\r\n xxxxx\r\n", 10) == 0);
    CHECK(reader.facts.size == got_len);
}

TEST(m08_a_header_without_overlong_lines_is_left_alone)
{
    begin("A: b");
    for (int i = 0; i < 497; i++) {
        add(' ', 1);
        add('x', 1);
    }
    CHECK(big_len == 998);
    add('\r', 1);
    add('\n', 1);
    CHECK(pass(big, big_len, false) == STS_OK && got_is(big, big_len));
}

TEST(m08_a_body_of_overlong_lines_folds_no_header)
{
    size_t header;

    begin("A: b");
    for (int i = 0; i < 60; i++) {
        add(' ', 1);
        add('x', 1);
    }
    memcpy(big + big_len, "\r\n\r\n", 4);
    big_len += 4;
    header = big_len;
    add('y', 1200);
    CHECK(pass(big, big_len, false) == STS_OK && reader.facts.folded);
    CHECK(got_len > header && memcmp(got, big, header) == 0);
}

TEST(m08_an_overlong_header_line_is_folded_at_white_space)
{
    begin("A: b\nSubject:");
    for (int i = 0; i < 100; i++) {
        add(i % 2 == 0 ? ' ' : '\t', 1);
        add('x', 9);
    }
    add('\n', 1);
    CHECK(pass(big, big_len, false) == STS_OK);
    CHECK(longest_line() == 80 && !reader.facts.folded); /* the first at 78, then eight words */

    size_t k = 0;

    for (size_t i = 0; i < got_len; i++) { /* unfolded, it is what it was */
        if (got[i] == '\r' && (got[i + 2] == ' ' || got[i + 2] == '\t')) {
            i++;
        } else if (got[i] != '\r') {
            CHECK(got[i] == big[k++]);
        }
    }
    CHECK(k == big_len);
}

/* A header line of white space alone could be taken for the end of the header. */
TEST(a_fold_leaves_something_to_see_on_both_lines)
{
    begin("A: b");
    add(' ', 90);
    add('x', 1);
    add(' ', 997);
    add('\n', 1);
    CHECK(pass(big, big_len, false) == STS_ERR_MESSAGE && reader.why == STS_WHY_LONG);

    begin("A: ");
    add('x', 990);
    add(' ', 20);
    add('y', 1);
    add('\n', 1);
    CHECK(pass(big, big_len, false) == STS_ERR_MESSAGE && reader.why == STS_WHY_LONG);

    begin("A: b\n");
    add(' ', 100);
    add('x', 5);
    add(' ', 1);
    add('y', 900);
    add('\n', 1);
    CHECK(pass(big, big_len, false) == STS_OK);
    CHECK(memcmp(got + 6 + 105, "\r\n y", 4) == 0);
    CHECK(got_len == 6 + 105 + 2 + 901 + 2);
}

TEST(m08_an_overlong_header_word_is_refused)
{
    begin("A: b\nS: ");
    add('x', 996);
    CHECK(pass(big, big_len, true) == STS_ERR_MESSAGE);
    CHECK(reader.why == STS_WHY_LONG && reader.line == 2 && got_len <= 6 + 998);
    begin("A: b\nS: ");
    add('x', 995);
    CHECK(pass(big, big_len, true) == STS_OK && longest_line() == 998);
    begin("");
    add('x', 999);
    add(':', 1);
    CHECK(pass(big, big_len, true) == STS_ERR_MESSAGE && reader.why == STS_WHY_LONG);
}

/* A header that the read-ahead does not cover might have a long line further on. */
TEST(a_header_beyond_the_read_ahead_is_folded_if_it_has_to_be)
{
    begin("");
    for (int i = 0; i < 2000; i++) {
        memcpy(big + big_len, "A: 567\r\n", 8);
        big_len += 8;
    }
    add('S', 1);
    add(':', 1);
    for (int i = 0; i < 100; i++) {
        add(' ', 1);
        add('x', 11);
    }
    memcpy(big + big_len, "\n\n=\xC3\xA9 \n", 7);
    big_len += 7;
    CHECK(pass(big, big_len, true) == STS_OK && longest_line() < 90);
    CHECK(strcmp(got + got_len - 13, "\r\n\r\n=\xC3\xA9 \r\n.\r\n") == 0); /* not the body */
}

/* ---- sources that fail ------------------------------------------------------------------- */

/* M10: a source that fails, or says it gave more than was asked for, ends the message without the dot. */
TEST(m10_a_failing_source_is_an_error_and_never_an_end)
{
    static const char text[] = "A: b\r\n\r\n1234567890\r\n";
    static const int32_t failures[] = {STS_ERR_IO, -1, 65, INT32_MAX, INT32_MIN};

    for (size_t f = 0; f < sizeof failures / sizeof failures[0]; f++) {
        for (size_t at = 1; at <= sizeof text; at++) {
            struct memory s = {
                .bytes = text, .len = sizeof text - 1, .fails_at = at, .fails_with = failures[f]};
            struct sts_source source = {&s, memory_rewind, memory_read};
            struct sts_message m = {.raw = &source};
            int expected = at < sizeof text ? STS_ERR_IO : STS_OK;

            CHECK(read_all(&m, true, 5) == expected);
            CHECK(strstr(got, "\r\n.\r\n") == NULL || expected == STS_OK);
            CHECK(expected == STS_OK || reader.why == STS_WHY_SOURCE);
        }
    }
}

TEST(m10_a_source_that_cannot_rewind_is_an_error)
{
    for (int n = 1; n <= 2; n++) {
        struct memory s = {.bytes = "A: b\n", .len = 5, .rewind_fails_at = n};
        struct sts_source source = {&s, memory_rewind, memory_read};
        struct sts_message m = {.raw = &source};

        CHECK(read_all(&m, true, 5) == STS_ERR_IO && got_len == 0);
    }
}

/* ---- size -------------------------------------------------------------------------------- */

struct endless {
    uint32_t left, len;
};

static int endless_rewind(void *ctx)
{
    struct endless *e = ctx;

    e->left = e->len;
    return STS_OK;
}

static int32_t endless_read(void *ctx, void *buf, size_t size)
{
    struct endless *e = ctx;
    size_t n = size < e->left ? size : e->left;

    memset(buf, 'x', n);
    e->left -= (uint32_t)n;
    return (int32_t)n;
}

/* M13: ten megabytes go through the reader's few hundred octets; the price of folding is exact. */
TEST(m13_ten_megabytes_are_streamed)
{
    struct endless e = {.len = 10u << 20};
    struct sts_source source = {&e, endless_rewind, endless_read};
    struct sts_message m = plain;
    static uint8_t buf[512];
    uint64_t sum = 0;
    int32_t n;

    m.body_source = &source;
    CHECK(sts_reader_start(&reader, &m, true) == STS_OK);
    while ((n = sts_reader_read(&reader, buf, sizeof buf)) > 0) {
        sum += (uint32_t)n;
    }
    CHECK(n == 0 && sum == reader.facts.size + 3 && sum > e.len);
    CHECK(sizeof reader <= 320);
}

TEST_MAIN("message")
