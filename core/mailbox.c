/* SPDX-License-Identifier: MIT
 *
 * Mailbox = Local-part "@" ( Domain / address-literal ), RFC 5321 4.1.2, and nothing else: no
 * comments, no routes, no display names. What passes here holds no CR, LF, NUL or other control
 * octet, and no "<", ">" or space outside quotes, so that it can stand in a command or in a
 * header as it is (M05..M07).
 */
#include <string.h>

#include <stsmail/engine/mailbox.h>
#include <stsmail/engine/text.h>
#include <stsmail/engine/utf8.h>

#define LOCAL_MAX   64  /* RFC 5321 4.5.3.1.1 */
#define MAILBOX_MAX 254 /* RFC 5321 4.5.3.1.3: a path of 256, less its "<" and ">" */

enum {
    C_ATEXT,
    C_UTF8,
    C_DOT,
    C_QUOTE,
    C_ESCAPE,
    C_AT,
    C_OTHER,
    C_COUNT
};
enum {
    L_START,
    L_ATOM,
    L_DOT,
    L_QUOTED,
    L_PAIR,
    L_CLOSED,
    L_COUNT,
    L_DONE,
    L_BAD
};

/* Rows: place in the local part. Columns: what arrived; all of it printable. RFC 5321 4.1.2; RFC
 * 6531 3.3 adds UTF-8 to atext and qtextSMTP, not to quoted-pairSMTP. */
/* clang-format off */
static const uint8_t next_state[L_COUNT][C_COUNT] = {
    /*             atext     UTF-8     "."       DQUOTE    "\"       "@"       other */
    [L_START] = {  L_ATOM,   L_ATOM,   L_BAD,    L_QUOTED, L_BAD,    L_BAD,    L_BAD },
    [L_ATOM] = {   L_ATOM,   L_ATOM,   L_DOT,    L_BAD,    L_BAD,    L_DONE,   L_BAD },
    [L_DOT] = {    L_ATOM,   L_ATOM,   L_BAD,    L_BAD,    L_BAD,    L_BAD,    L_BAD },
    [L_QUOTED] = { L_QUOTED, L_QUOTED, L_QUOTED, L_CLOSED, L_PAIR,   L_QUOTED, L_QUOTED },
    [L_PAIR] = {   L_QUOTED, L_BAD,    L_QUOTED, L_QUOTED, L_QUOTED, L_QUOTED, L_QUOTED },
    [L_CLOSED] = { L_BAD,    L_BAD,    L_BAD,    L_BAD,    L_BAD,    L_DONE,   L_BAD },
};
/* clang-format on */

static uint8_t class_of(uint8_t c)
{
    static const char atext[] = "!#$%&'*+-/=?^_`{|}~"; /* RFC 5322 3.2.3, beside alphanumerics */

    switch (c) {
    case '.': return C_DOT;
    case '"': return C_QUOTE;
    case '\\': return C_ESCAPE;
    case '@': return C_AT;
    default: break;
    }
    if (c >= 0x80) {
        return C_UTF8;
    }
    return sts_is_alnum(c) || memchr(atext, c, sizeof atext - 1) != NULL ? C_ATEXT : C_OTHER;
}

/* Reads to the "@" that ends the local part: octets before it, or 0 if there is no such part. */
static size_t local_part(const char *text, size_t len, bool *utf8)
{
    struct sts_utf8 u = {0, 0, 0};
    uint8_t state = L_START;

    /*@ loop invariant i <= len && i <= LOCAL_MAX + 1 && state < L_COUNT && u.left <= 3;
        loop assigns i, u, state, *utf8; loop variant len - i; */
    for (size_t i = 0; i < len && i <= LOCAL_MAX; i++) {
        uint8_t c = (uint8_t)text[i];

        if (c < ' ' || c == 0x7F || !sts_utf8_next(&u, c)) {
            return 0;
        }
        *utf8 = *utf8 || c >= 0x80;
        state = next_state[state][class_of(c)];
        if (state == L_DONE) {
            return i;
        }
        if (state == L_BAD) {
            return 0;
        }
    }
    return 0;
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 4.1.3). No other tag is registered. */
static bool literal(const char *text, size_t len)
{
    static const char tag[] = "IPv6:";
    const size_t tag_len = sizeof tag - 1;
    struct sts_ip ip = {0};
    bool six;

    if (len < 2 || text[0] != '[' || text[len - 1] != ']') {
        return false;
    }
    text++;
    len -= 2;
    six = len > tag_len && sts_same(text, tag_len, tag, tag_len);
    if (six) {
        text += tag_len;
        len -= tag_len;
    }
    return sts_ip_parse(text, len, &ip) == STS_OK && ip.family == (six ? 6 : 4);
}

int sts_mailbox_parse(const char *text, size_t len, struct sts_mailbox *out)
{
    memset(out, 0, sizeof *out);
    if (len > MAILBOX_MAX) {
        return STS_ERR_ADDRESS;
    }
    out->local_len = local_part(text, len, &out->utf8);
    if (out->local_len == 0) {
        return STS_ERR_ADDRESS;
    }
    out->domain = text + out->local_len + 1;
    out->domain_len = len - out->local_len - 1;
    out->literal = literal(out->domain, out->domain_len);
    return out->literal || sts_host_valid(out->domain, out->domain_len) ? STS_OK : STS_ERR_ADDRESS;
}
