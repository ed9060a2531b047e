/* SPDX-License-Identifier: MIT
 *
 * The header of a composed message (RFC 5322 3.6, RFC 2045, RFC 2047, RFC 3834), given in small
 * pieces. Everything that a caller hands in was checked first, so no value can end its field.
 */
#include <string.h>

#include <stsmail/engine/mailbox.h>
#include <stsmail/engine/message.h>
#include <stsmail/engine/text.h>

#define LINE_MAX  76 /* RFC 2047 2: longest line with an encoded word */
#define PLAIN_MAX 64 /* a longer text is given as encoded words, which can be folded anywhere */

static const char word_open[] = "=?utf-8?q?";
static const char word_close[] = "?=";

/* ---- checks ------------------------------------------------------------------------------ */

static bool text_valid(const char *text)
{
    struct sts_utf8 u = {0, 0, 0};

    for (; text != NULL && *text != '\0'; text++) {
        uint8_t c = (uint8_t)*text;

        if ((c < ' ' && c != '\t') || c == 0x7F || !sts_utf8_next(&u, c)) {
            return false;
        }
    }
    return u.left == 0;
}

static bool mailbox_valid(const char *text, bool utf8_allowed)
{
    struct sts_mailbox mailbox;

    return text != NULL && sts_mailbox_parse(text, sts_len(text), &mailbox) == STS_OK &&
           (utf8_allowed || !mailbox.utf8);
}

uint8_t sts_compose_check(const struct sts_message *m)
{
    if (m->from == NULL || (m->to == NULL && m->to_count != 0)) {
        return STS_WHY_ARGUMENT;
    }
    if (!mailbox_valid(m->from, true)) {
        return STS_WHY_FROM;
    }
    for (size_t i = 0; i < m->to_count; i++) {
        if (!mailbox_valid(m->to[i], true)) {
            return STS_WHY_TO;
        }
    }
    if (!text_valid(m->from_name)) {
        return STS_WHY_NAME;
    }
    if (!text_valid(m->subject)) {
        return STS_WHY_SUBJECT;
    }
    /* RFC 5322 3.6.4: a msg-id is made like a mailbox, and is ASCII. */
    if (m->message_id != NULL && !mailbox_valid(m->message_id, false)) {
        return STS_WHY_ID;
    }
    if (m->date_s <= 0) {
        return STS_WHY_CLOCK; /* C11: a device whose clock was never set must not write 1970 */
    }
    return m->date_s > STS_DATE_MAX ? STS_WHY_DATE : STS_WHY_NOTHING;
}

/* ---- text -------------------------------------------------------------------------------- */

static void put_text(struct sts_reader *r, const char *text)
{
    while (*text != '\0') {
        sts_reader_put(r, *text++);
    }
}

/* A space, or where the next len octets would make the line too long, a fold (RFC 5322 2.2.3). */
static void put_gap(struct sts_reader *r, size_t len)
{
    put_text(r, r->column + 1 + len > LINE_MAX ? "\r\n " : " ");
}

/* Gives text of any length in the next pieces, then one octet more unless it is NUL. */
static void put_run(struct sts_reader *r, const char *text, char after)
{
    r->run = text;
    r->after = after;
}

/* Whether a text can stand as it is: short printable ASCII without spaces at an end, nothing that
 * looks like an encoded word (RFC 2047 5), and none of `escapes`. */
static bool is_plain(const char *text, const char *escapes)
{
    size_t len = sts_len(text);

    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)text[i];

        if (c < ' ' || c > 0x7E || memchr(escapes, c, sts_len(escapes)) != NULL ||
            (c == '=' && text[i + 1] == '?')) {
            return false;
        }
    }
    return len <= PLAIN_MAX && text[0] != ' ' && text[len - 1] != ' ';
}

/* RFC 2047 5 (3): what an encoded word in a phrase may hold as it is. */
static bool is_safe(uint8_t c)
{
    return sts_is_alnum(c) || c == ' ' || memchr("!*+-/", c, 5) != NULL;
}

static void put_safe(struct sts_reader *r, uint8_t c)
{
    if (is_safe(c)) {
        sts_reader_put(r, c == ' ' ? '_' : (char)c);
    } else {
        sts_reader_put_hex(r, c);
    }
}

/* Octets of the UTF-8 character at text, and in *cost how many it takes in an encoded word. */
static size_t character(const char *text, size_t *cost)
{
    size_t n = 0;

    *cost = 0;
    do {
        *cost += is_safe((uint8_t)text[n]) ? 1 : 3;
        n++;
    } while (((uint8_t)text[n] & 0xC0) == 0x80);
    return n;
}

/* One encoded word, with as many whole characters (RFC 2047 5) as this line has room for. */
static void put_word(struct sts_reader *r, const char *text)
{
    const size_t close = sizeof word_close - 1;
    size_t cost;
    size_t n;

    put_gap(r, sizeof word_open - 1 + 12 + close); /* 12: the largest character */
    put_text(r, word_open);
    while (text[r->at] != '\0') {
        n = character(text + r->at, &cost);
        if (r->column + cost + close > LINE_MAX) {
            break;
        }
        for (; n > 0; n--) {
            put_safe(r, (uint8_t)text[r->at++]);
        }
    }
    put_text(r, word_close);
}

/* The next piece of a text from r->at on: all of it where it can stand as it is (in a phrase as a
 * quoted-string), else one encoded word. */
static void put_piece(struct sts_reader *r, const char *text, bool phrase)
{
    const char *quote = phrase ? "\"" : "";

    if (r->at > 0 || !is_plain(text, phrase ? "\"\\" : "")) {
        put_word(r, text);
        return;
    }
    r->at = sts_len(text);
    put_gap(r, r->at + 2);
    put_text(r, quote);
    put_text(r, text);
    put_text(r, quote);
}

/* ---- fields: each gives its next piece and says whether there are more ------------------- */

static bool put_from(struct sts_reader *r)
{
    const struct sts_message *m = r->message;

    if (m->from_name != NULL && m->from_name[r->at] != '\0') {
        put_piece(r, m->from_name, true);
        return true;
    }
    put_gap(r, sts_len(m->from) + 2);
    if (r->at > 0) {
        sts_reader_put(r, '<');
    }
    put_run(r, m->from, r->at > 0 ? '>' : '\0');
    return false;
}

static bool put_to(struct sts_reader *r)
{
    const struct sts_message *m = r->message;
    const char *to;

    if (m->to_count == 0) {
        put_text(r, " undisclosed-recipients:;"); /* RFC 5322 3.4: an empty group */
        return false;
    }
    to = m->to[r->piece++];
    put_gap(r, sts_len(to) + 1);
    put_run(r, to, r->piece < m->to_count ? ',' : '\0');
    return r->piece < m->to_count;
}

static bool put_subject(struct sts_reader *r)
{
    const char *subject = r->message->subject;

    if (subject[r->at] != '\0') {
        put_piece(r, subject, false);
    }
    return subject[r->at] != '\0';
}

static void put_number(struct sts_out *o, unsigned n, unsigned width)
{
    for (unsigned unit = width == 4 ? 1000 : 10; unit > 0; unit /= 10) {
        sts_out_char(o, (char)('0' + n / unit % 10));
    }
}

/* Gregorian: leap years of 366 days. */
static unsigned year_days(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 366 : 365;
}

static void put_day(struct sts_out *o, uint32_t days)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year = 1970;
    unsigned month = 0;
    unsigned len;

    sts_out_bytes(o, &"ThuFriSatSunMonTueWed"[3 * (days % 7)], 3); /* 1970-01-01 was a Thursday */
    for (; days >= (len = year_days(year)); days -= len) {
        year++;
    }
    for (; days >= (len = lengths[month] + (month == 1 ? year_days(year) - 365 : 0)); days -= len) {
        month++;
    }
    sts_out_text(o, ", ");
    put_number(o, days + 1, 2);
    sts_out_char(o, ' ');
    sts_out_bytes(o, &"JanFebMarAprMayJunJulAugSepOctNovDec"[3 * month], 3);
    sts_out_char(o, ' ');
    put_number(o, year, 4);
}

void sts_compose_date(struct sts_out *o, int64_t date_s)
{
    uint64_t time = (uint64_t)date_s;
    uint32_t second = (uint32_t)(time % 86400);

    put_day(o, (uint32_t)(time / 86400));
    sts_out_char(o, ' ');
    put_number(o, second / 3600, 2);
    sts_out_char(o, ':');
    put_number(o, second / 60 % 60, 2);
    sts_out_char(o, ':');
    put_number(o, second % 60, 2);
    sts_out_text(o, " +0000");
}

static bool put_date(struct sts_reader *r)
{
    char date[40];
    struct sts_out o;

    sts_out_start(&o, date, sizeof date);
    sts_out_char(&o, ' ');
    sts_compose_date(&o, r->message->date_s);
    put_text(r, sts_out_end(&o));
    return false;
}

static bool put_id(struct sts_reader *r)
{
    put_gap(r, sts_len(r->message->message_id) + 2);
    sts_reader_put(r, '<');
    put_run(r, r->message->message_id, '>');
    return false;
}

static bool put_charset(struct sts_reader *r)
{
    put_text(r, r->special ? "utf-8" : "us-ascii");
    return false;
}

static bool put_encoding(struct sts_reader *r)
{
    put_text(r, r->special ? "quoted-printable" : "7bit"); /* RFC 2045 6 */
    put_text(r, "\r\n\r\n");
    return false;
}

enum {
    F_FROM,
    F_TO,
    F_SUBJECT,
    F_DATE,
    F_ID,
    F_MIME,
    F_ENCODING,
    F_COUNT
};

static const struct field {
    const char *label;
    bool (*put)(struct sts_reader *r);
} fields[F_COUNT] = {
    [F_FROM] = {"From:", put_from},
    [F_TO] = {"\r\nTo:", put_to},
    [F_SUBJECT] = {"\r\nSubject:", put_subject},
    [F_DATE] = {"\r\nDate:", put_date},
    [F_ID] = {"\r\nMessage-ID:", put_id},
    [F_MIME] = {"\r\nAuto-Submitted: auto-generated" /* RFC 3834 5: no vacation notes, please */
                "\r\nMIME-Version: 1.0"
                "\r\nContent-Type: text/plain; charset=",
                put_charset},
    [F_ENCODING] = {"\r\nContent-Transfer-Encoding: ", put_encoding},
};

static bool is_absent(const struct sts_message *m, uint8_t field)
{
    return (field == F_SUBJECT && m->subject == NULL) || (field == F_ID && m->message_id == NULL) ||
           (field == F_DATE && m->date_s <= 0);
}

bool sts_compose_step(struct sts_reader *r)
{
    const struct field *f;

    while (is_absent(r->message, r->field)) {
        r->field++;
    }
    if (r->field == F_COUNT) {
        return false;
    }
    f = &fields[r->field];
    if (!r->labelled) {
        r->labelled = true;
        r->at = 0;
        r->piece = 0;
        put_run(r, f->label, '\0');
    } else if (!f->put(r)) {
        r->labelled = false;
        r->field++;
    }
    return true;
}
