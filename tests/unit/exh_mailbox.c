/* SPDX-License-Identifier: MIT
 *
 * Bounded-exhaustive: every short mailbox against the grammar of RFC 5321 4.1.2 and RFC 6531 3.3 read
 * literally, by trying every "@" (M06, M07, D35); every short UTF-8 text against RFC 3629.
 */
#include "test.h"

#include <stsmail/engine/mailbox.h>
#include <stsmail/engine/utf8.h>
#include <stsmail/error.h>

/* ---- the grammar ------------------------------------------------------------------------- */

static bool is_alnum(uint8_t c)
{
    return c != 0 && strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", c);
}

/* Octets of one character of atext at s; 0: none. The alphabet has one of UTF-8: C3 A9. */
static size_t utf8_here(const uint8_t *s, size_t len)
{
    return len >= 2 && s[0] == 0xC3 && s[1] == 0xA9 ? 2 : 0;
}

static size_t atext(const uint8_t *s, size_t len)
{
    if (len > 0 && (is_alnum(s[0]) || (s[0] != 0 && strchr("!#$%&'*+-/=?^_`{|}~", s[0])))) {
        return 1;
    }
    return utf8_here(s, len);
}

static bool dot_string(const uint8_t *s, size_t len)
{
    bool atom = false;
    size_t n;

    for (size_t i = 0; i < len; i += n) {
        n = atext(s + i, len - i);
        if (n > 0) {
            atom = true;
        } else if (s[i] == '.' && atom) {
            atom = false;
            n = 1;
        } else {
            return false;
        }
    }
    return atom;
}

static bool quoted_string(const uint8_t *s, size_t len)
{
    if (len < 2 || s[0] != '"' || s[len - 1] != '"') {
        return false;
    }
    for (size_t i = 1; i < len - 1; i++) {
        if (s[i] == '\\') {
            i++;
            if (i == len - 1 || s[i] < 32 || s[i] > 126) {
                return false;
            }
        } else if (utf8_here(s + i, len - 1 - i) > 0) {
            i++;
        } else if (s[i] < 32 || s[i] > 126 || s[i] == '"') {
            return false;
        }
    }
    return true;
}

/* Domain = sub-domain *("." sub-domain), sub-domain = Let-dig [Ldh-str]. */
static bool domain(const uint8_t *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool first = i == 0 || s[i - 1] == '.';
        bool last = i + 1 == len || s[i + 1] == '.';

        if (!is_alnum(s[i]) && (first || last || (s[i] != '-' && s[i] != '.'))) {
            return false;
        }
    }
    return len > 0;
}

static size_t parse(const uint8_t *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '@' && (dot_string(s, i) || quoted_string(s, i)) &&
            domain(s + i + 1, len - i - 1)) {
            return i;
        }
    }
    return 0;
}

/* ---- all strings ------------------------------------------------------------------------- */

static bool check_from(uint8_t *text, size_t len, size_t at, const char *alphabet, size_t base)
{
    bool ok = true;

    if (at == len) {
        struct sts_mailbox box;
        size_t local = parse(text, len);
        int result = sts_mailbox_parse((const char *)text, len, &box);

        return result == (local > 0 ? STS_OK : STS_ERR_ADDRESS) &&
               (local == 0 || (box.local_len == local && !box.literal &&
                               box.utf8 == (memchr(text, 0xC3, local) != NULL)));
    }
    for (size_t i = 0; ok && i < base; i++) {
        text[at] = (uint8_t)alphabet[i];
        ok = check_from(text, len, at + 1, alphabet, base);
    }
    return ok;
}

TEST(m06_m07_every_short_mailbox)
{
    static const char alphabet[] = "a.@\"\\ -\xC3\xA9>";
    uint8_t text[8];

    for (size_t len = 0; len <= 7; len++) {
        CHECK(check_from(text, len, 0, alphabet, sizeof alphabet - 1));
    }
}

/* D35, M05: all 256 octets, two at a time, in and around a mailbox. */
TEST(d35_every_two_octets_in_a_mailbox)
{
    static const char *const bases[] = {"ab@cd", "\"ab\"@c.d", "a.b@c-d"};

    for (size_t k = 0; k < sizeof bases / sizeof bases[0]; k++) {
        size_t len = strlen(bases[k]);

        for (size_t i = 0; i < len; i++) {
            for (size_t j = i; j < len; j++) {
                for (unsigned c = 0; c < 65536; c++) {
                    uint8_t text[16];
                    uint8_t a = (uint8_t)(c >> 8);
                    uint8_t b = (uint8_t)c;

                    if ((a >= 0x80 || b >= 0x80) && (a != 0xC3 || b != 0xA9)) {
                        continue; /* the oracle knows one UTF-8 character */
                    }
                    memcpy(text, bases[k], len);
                    text[i] = a;
                    text[j] = b;
                    CHECK(check_from(text, len, len, NULL, 0));
                }
            }
        }
    }
}

/* ---- UTF-8 ------------------------------------------------------------------------------- */

/* RFC 3629 4, by arithmetic: the code point, and whether it took the shortest form. */
static bool is_character(const uint8_t *s, size_t len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t code = len == 1   ? s[0]
                    : len == 2 ? s[0] & 0x1Fu
                    : len == 3 ? s[0] & 0x0Fu
                               : s[0] & 0x07u;
    static const uint8_t head[] = {0, 0, 0xC0, 0xE0, 0xF0};
    static const uint8_t mask[] = {0, 0x80, 0xE0, 0xF0, 0xF8};

    if ((s[0] & mask[len]) != head[len]) {
        return false;
    }
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            return false;
        }
        code = code << 6 | (s[i] & 0x3Fu);
    }
    return code >= least[len] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
}

static bool is_text(const uint8_t *s, size_t len)
{
    if (len == 0) {
        return true;
    }
    for (size_t n = 1; n <= 4 && n <= len; n++) {
        if (is_character(s, n)) {
            return is_text(s + n, len - n);
        }
    }
    return false;
}

/* All texts of four octets whose class of octet matters. */
TEST(every_short_utf8_text)
{
    static const uint8_t octets[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
                                     0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
                                     0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF};
    const size_t base = sizeof octets;

    for (size_t len = 0; len <= 4; len++) {
        size_t count = 1;

        for (size_t i = 0; i < len; i++) {
            count *= base;
        }
        for (size_t k = 0; k < count; k++) {
            struct sts_utf8 u = {0, 0, 0};
            uint8_t s[4];
            bool ok = true;

            for (size_t i = 0, rest = k; i < len; i++, rest /= base) {
                s[i] = octets[rest % base];
                ok = ok && sts_utf8_next(&u, s[i]);
            }
            CHECK((ok && u.left == 0) == is_text(s, len));
        }
    }
}

TEST_MAIN("mailbox, exhaustively")
