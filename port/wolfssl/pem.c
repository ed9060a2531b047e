/* SPDX-License-Identifier: MIT
 *
 * CA files (RFC 7468): certificates in base64, read by places. The few octets that matter are decoded, not
 * the whole, and nothing is kept.
 */
#include "cert.h"

#include <string.h>

static const char pem_begin[] = "-----BEGIN CERTIFICATE-----";
static const char pem_end[] = "-----END CERTIFICATE-----";

static const char *search(const char *at, const char *end, const char *what, size_t len)
{
    while ((size_t)(end - at) >= len) {
        at = memchr(at, what[0], (size_t)(end - at) - len + 1);
        if (at == NULL) {
            return NULL;
        }
        if (memcmp(at, what, len) == 0) {
            return at;
        }
        at++;
    }
    return NULL;
}

/* By character, from '+' to 'z'; -1: no digit of base64. */
static const int8_t digit['z' - '+' + 1] = {
    62, -1, -1, -1, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1,
    -1, -1, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17,
    18, 19, 20, 21, 22, 23, 24, 25, -1, -1, -1, -1, -1, -1, 26, 27, 28, 29, 30, 31,
    32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51,
};

static int base64_value(char c)
{
    return c < '+' || c > 'z' ? -1 : digit[c - '+'];
}

static bool blank(char c)
{
    return c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

/* Whether c stands in every line at `column`, and nowhere else. By memchr, since every certificate of a CA file
 * is measured before one of them is looked at. */
static bool every_line_has(const struct sts_pem *b, size_t len, char c, size_t column)
{
    size_t whole = b->line + b->eol, seen = 0;
    const char *end = b->text + len, *at = b->text;

    while ((at = memchr(at, c, (size_t)(end - at))) != NULL) {
        if ((size_t)(at - b->text) != seen++ * whole + column) {
            return false;
        }
        at++;
    }
    return seen == (len + whole - column - 1) / whole;
}

/* Measures the lines: a line is what stands before the first line end, and blanks have to be where that says, and
 * nowhere else. */
static void measure(struct sts_pem *b)
{
    const char *newline = memchr(b->text, '\n', b->len);
    size_t len = b->len;

    b->line = b->eol = 0;
    if (newline == NULL) {
        return;
    }
    b->eol = newline > b->text && newline[-1] == '\r' ? 2 : 1;
    b->line = (size_t)(newline - b->text) + 1 - b->eol;
    while (len > 0 && blank(b->text[len - 1])) {
        len--; /* behind the last line, which may be shorter */
    }
    if (memchr(b->text, ' ', len) != NULL || memchr(b->text, '\t', len) != NULL ||
        !every_line_has(b, len, '\n', b->line + b->eol - 1) ||
        (b->eol == 2 ? !every_line_has(b, len, '\r', b->line)
                     : memchr(b->text, '\r', len) != NULL)) {
        b->line = 0;
    }
}

/* Where the n-th character of base64 stands, not counting line ends. */
static size_t seek(const struct sts_pem *b, size_t n)
{
    size_t at;

    if (b->line > 0) {
        return n / b->line * (b->line + b->eol) + n % b->line;
    }
    for (at = 0; at < b->len && (blank(b->text[at]) || n-- > 0); at++) {
    }
    return at;
}

/* Octets from number `from` on. Returns how many of n there are. */
size_t sts_pem_copy(const struct sts_pem *b, size_t from, size_t n, uint8_t *out)
{
    size_t at = seek(b, from / 3 * 4);
    size_t skip = from % 3, got = 0;
    uint32_t bits = 0;
    unsigned count = 0;
    int value;

    for (; at < b->len && got < n; at++) {
        value = base64_value(b->text[at]);
        if (value < 0 && blank(b->text[at])) {
            continue;
        }
        if (value < 0) {
            break;
        }
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            if (skip > 0) {
                skip--;
            } else {
                out[got++] = (uint8_t)(bits >> count);
            }
        }
    }
    return got;
}

/* ---- DER in place ------------------------------------------------------------------------------ */

/* Elements longer than 64 KiB are in no CA's certificate. */
bool sts_pem_place(const struct sts_pem *b, size_t at, struct sts_place *p)
{
    uint8_t head[4];
    size_t got = sts_pem_copy(b, at, sizeof head, head);

    if (got < 2 || head[1] == 0x80 || head[1] > 0x82) {
        return false;
    }
    if (head[1] > 0x80 && got < (size_t)head[1] - 0x80 + 2) {
        return false;
    }
    p->tag = head[0];
    p->at = at;
    p->in = at + 2;
    p->end = head[1];
    if (head[1] == 0x81) {
        p->in = at + 3;
        p->end = head[2];
    } else if (head[1] == 0x82) {
        p->in = at + 4;
        p->end = (size_t)head[2] << 8 | head[3];
    }
    p->end += p->in;
    return true;
}

const char *sts_pem_begin(const char *at, const char *end)
{
    return search(at, end, pem_begin, sizeof pem_begin - 1);
}

/* The next certificate of the text at or behind *at. */
bool sts_pem_next(const char **at, const char *end, struct sts_pem *b)
{
    const char *stop;
    struct sts_place whole;

    while ((*at = sts_pem_begin(*at, end)) != NULL) {
        b->text = *at + sizeof pem_begin - 1;
        while (b->text < end && blank(*b->text)) {
            b->text++;
        }
        *at = b->text;
        stop = memchr(b->text, '-', (size_t)(end - b->text));
        if (stop == NULL || (size_t)(end - stop) < sizeof pem_end - 1 ||
            memcmp(stop, pem_end, sizeof pem_end - 1) != 0) {
            continue;
        }
        b->len = (size_t)(stop - b->text);
        measure(b);
        if (sts_pem_place(b, 0, &whole) && whole.tag == STS_DER_SEQUENCE && whole.end > 64 &&
            whole.end <= b->len) {
            b->size = whole.end;
            return true;
        }
    }
    return false;
}
