/* SPDX-License-Identifier: MIT
 *
 * The policy file: reading it in pieces, and writing it (RFC 8461 3.2).
 *
 *   line = name ":" *WSP value *WSP ( LF / CRLF )
 *
 * Looser than the text in this: blank lines are skipped (C-1), and a max_age over the maximum
 * means the maximum (C-2).
 */
#include <stsmail/engine/text.h>
#include <stsmail/policy.h>

#include <string.h>

/* Every word that means something, as a name or as a value. All are %s: case counts. */
enum {
    W_VERSION,
    W_MODE,
    W_MAX_AGE,
    W_MX,
    W_STSV1,
    W_NONE, /* the modes, in the order of enum sts_mode */
    W_TESTING,
    W_ENFORCE,
    W_COUNT,
    F_OTHER = W_STSV1, /* field: unknown, its value is any text */
    F_AGAIN            /* field: seen before, its value is ignored */
};

/* clang-format off */
static const char words[W_COUNT][8] = {
    [W_VERSION] = "version",
    [W_MODE]    = "mode",
    [W_MAX_AGE] = "max_age",
    [W_MX]      = "mx",
    [W_STSV1]   = "STSv1",
    [W_NONE]    = "none",
    [W_TESTING] = "testing",
    [W_ENFORCE] = "enforce",
};
/* clang-format on */

enum {
    S_LINE,  /* at the start of a line */
    S_CR,    /* only LF may follow */
    S_BLANK, /* blanks at the start of a line: only its end may follow */
    S_NAME,
    S_COLON, /* blanks before the value */
    S_VALUE,
    S_SPACE, /* spaces after or inside a value */
    S_TAB,   /* blanks after a value, which a tab may not stand in */

    E_NAME, /* from here on: reasons */
    E_LEADING,
    E_COLON,
    E_TEXT,
    E_CR,
    E_LARGE,
    E_VALUE,                 /* + field */
    E_MISSING = E_VALUE + 5, /* + field */
    E_COUNT = E_MISSING + W_MX + 1
};

static const char *const reasons[] = {
    [E_NAME - E_NAME] = "a field name is not 1 to 32 of letters, digits, \"_\", \"-\", \".\"",
    [E_LEADING - E_NAME] = "the line begins with a blank",
    [E_COLON - E_NAME] = "the line has no colon",
    [E_TEXT - E_NAME] = "the line has a control character, or is not UTF-8",
    [E_CR - E_NAME] = "a carriage return that no line feed follows",
    [E_LARGE - E_NAME] = "the file is larger than 65536 octets",
    [E_VALUE - E_NAME + W_VERSION] = "version is not STSv1",
    [E_VALUE - E_NAME + W_MODE] = "mode is not enforce, testing or none",
    [E_VALUE - E_NAME + W_MAX_AGE] = "max_age is not a number of 1 to 10 digits",
    [E_VALUE - E_NAME + W_MX] = "mx is not a host name, or \"*.\" and a host name",
    [E_VALUE - E_NAME + F_OTHER] = "a field has no value",
    [E_MISSING - E_NAME + W_VERSION] = "version is missing",
    [E_MISSING - E_NAME + W_MODE] = "mode is missing",
    [E_MISSING - E_NAME + W_MAX_AGE] = "max_age is missing",
    [E_MISSING - E_NAME + W_MX] = "mx is missing, and mode is not none",
};

/* ---- reading ------------------------------------------------------------------------------ */

enum {
    C_LF,
    C_CR,
    C_SP,
    C_TAB,
    C_COLON,
    C_ALNUM,
    C_MARK,
    C_VISIBLE,
    C_CTL,
    C_COUNT
};

/* Rows: place in a line. Columns: what arrived; the end of the file counts as LF. */
/* clang-format off */
static const uint8_t next_state[][C_COUNT] = {
    /*            LF       CR       SP         TAB        ":"        alnum      _ - .      visible    control */
    [S_LINE]  = { S_LINE,  S_CR,    S_BLANK,   S_BLANK,   E_NAME,    S_NAME,    E_NAME,    E_NAME,    E_TEXT },
    [S_CR]    = { S_LINE,  E_CR,    E_CR,      E_CR,      E_CR,      E_CR,      E_CR,      E_CR,      E_CR   },
    [S_BLANK] = { S_LINE,  S_CR,    S_BLANK,   S_BLANK,   E_LEADING, E_LEADING, E_LEADING, E_LEADING, E_TEXT },
    [S_NAME]  = { E_COLON, E_COLON, E_NAME,    E_NAME,    S_COLON,   S_NAME,    S_NAME,    E_NAME,    E_TEXT },
    [S_COLON] = { S_LINE,  S_CR,    S_COLON,   S_COLON,   S_VALUE,   S_VALUE,   S_VALUE,   S_VALUE,   E_TEXT },
    [S_VALUE] = { S_LINE,  S_CR,    S_SPACE,   S_TAB,     S_VALUE,   S_VALUE,   S_VALUE,   S_VALUE,   E_TEXT },
    [S_SPACE] = { S_LINE,  S_CR,    S_SPACE,   S_TAB,     S_VALUE,   S_VALUE,   S_VALUE,   S_VALUE,   E_TEXT },
    [S_TAB]   = { S_LINE,  S_CR,    S_TAB,     S_TAB,     E_TEXT,    E_TEXT,    E_TEXT,    E_TEXT,    E_TEXT },
};
/* clang-format on */

static uint8_t class_of(uint8_t c)
{
    if (sts_is_alnum(c)) {
        return C_ALNUM;
    }
    switch (c) {
    case '\n': return C_LF;
    case '\r': return C_CR;
    case ' ': return C_SP;
    case '\t': return C_TAB;
    case ':': return C_COLON;
    case '_':
    case '-':
    case '.': return C_MARK;
    case 0x7f: return C_CTL;
    default: break;
    }
    return c < 0x20 ? C_CTL : C_VISIBLE; /* from 0x80 on too: utf8_begins() has a closer look */
}

/* Follows the words that the octets so far can still become; len is the next one's place. */
static void word_octet(struct sts_policy_parser *p, uint8_t c)
{
    for (unsigned i = 0; i < W_COUNT; i++) {
        if (p->len >= sizeof words[0] || (uint8_t)words[i][p->len] != c) {
            p->words &= (uint8_t) ~(1u << i);
        }
    }
}

/* Which word it was; W_COUNT if none. */
static unsigned word_end(struct sts_policy_parser *p)
{
    unsigned i = 0;

    word_octet(p, '\0');
    while (i < W_COUNT && (p->words >> i & 1) == 0) {
        i++;
    }
    return i;
}

/* The colon: whose value follows? */
static unsigned field_named(struct sts_policy_parser *p)
{
    unsigned field = word_end(p);

    if (field > W_MX) {
        return F_OTHER;
    }
    if (field != W_MX && (p->seen >> field & 1) != 0) {
        return F_AGAIN; /* the first one counts, however wrong this one is */
    }
    p->seen |= (uint8_t)(1u << field);
    return field;
}

static void value_begins(struct sts_policy_parser *p)
{
    p->field = (uint8_t)field_named(p);
    p->words = 0xff;
    p->len = 0;
    p->last = 0;
    p->label_len = 0;
    p->label_text = false;
}

/* max_age: 1*10DIGIT, never more than the maximum (R-053, C-2), so that 32 bits do not wrap. */
static bool age_octet(struct sts_policy_parser *p, uint8_t c)
{
    uint32_t age = p->policy->max_age_s * 10 + (uint32_t)(c - '0');

    p->policy->max_age_s = age < STS_MAX_AGE_MAX ? age : STS_MAX_AGE_MAX;
    return sts_is_digit(c) && p->len < 10;
}

/* Whether c may come next in a pattern: [ "*." ] Domain. */
static bool pattern_octet(struct sts_policy_parser *p, uint8_t c)
{
    if (c == '*') {
        return p->len == 0;
    }
    if (c == '.') {
        p->label_len = 0;
        p->label_text = false;
        return p->last == '*' || sts_is_alnum(p->last);
    }
    p->label_text = p->label_text || !sts_is_digit(c);
    p->label_len++;
    return p->label_len <= 63 && p->last != '*' &&
           (sts_is_alnum(c) || (c == '-' && p->label_len > 1));
}

/* Patterns go into the policy as they arrive. One that does not fit is checked all the same, so
 * that the memory of a device does not decide whether a policy is valid. */
static bool mx_octet(struct sts_policy_parser *p, uint8_t c)
{
    size_t at = (size_t)p->policy->mx_len + p->len;

    if (p->len == 0) {
        p->mx_max = c == '*' ? 255 : 253;
    }
    if (!pattern_octet(p, c) || p->len >= p->mx_max) {
        return false;
    }
    if (at < STS_POLICY_MX_SIZE) {
        p->policy->mx[at] = (char)sts_lower(c);
    }
    p->last = c;
    return true;
}

static bool mx_ends(struct sts_policy_parser *p)
{
    struct sts_policy *policy = p->policy;
    size_t end = (size_t)policy->mx_len + p->len;

    if (!sts_is_alnum(p->last) || !p->label_text) {
        return false; /* no name, an open end, or an IPv4 address (P06) */
    }
    if (end >= STS_POLICY_MX_SIZE) {
        policy->cut = true; /* C-5: an allow-list may shrink */
        return true;
    }
    policy->mx[end] = '\0';
    policy->mx_len = (uint32_t)end + 1;
    policy->mx_count++;
    return true;
}

/* RFC 3629 4: what may follow the first octet of a character. */
static bool utf8_begins(struct sts_policy_parser *p, uint8_t c)
{
    p->utf8_left = (uint8_t)(c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3);
    p->utf8_low = (uint8_t)(c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80);
    p->utf8_high = (uint8_t)(c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf);
    return c >= 0xc2 && c <= 0xf4;
}

static void utf8_octet(struct sts_policy_parser *p, uint8_t c)
{
    if (c < p->utf8_low || c > p->utf8_high) {
        p->why = E_TEXT;
    }
    p->utf8_left--;
    p->utf8_low = 0x80;
    p->utf8_high = 0xbf;
}

static void value_octet(struct sts_policy_parser *p, uint8_t c)
{
    bool ok = true;

    switch (p->field) {
    case W_VERSION:
    case W_MODE: word_octet(p, c); break;
    case W_MAX_AGE: ok = age_octet(p, c); break;
    case W_MX: ok = mx_octet(p, c); break;
    default:
        if (c >= 0x80 && !utf8_begins(p, c)) {
            p->why = E_TEXT;
        }
        p->len = 0; /* may be of any length */
        break;
    }
    p->len++;
    if (!ok) {
        p->why = (uint8_t)(E_VALUE + p->field);
    }
}

static void value_ends(struct sts_policy_parser *p)
{
    unsigned word;
    bool ok = p->len > 0;

    switch (p->field) {
    case W_VERSION: ok = word_end(p) == W_STSV1; break;
    case W_MODE:
        word = word_end(p);
        ok = word >= W_NONE && word < W_COUNT;
        p->policy->mode = (uint8_t)(word - W_NONE);
        break;
    case W_MX: ok = mx_ends(p); break;
    case F_AGAIN: ok = true; break;
    default: break;
    }
    if (!ok) {
        p->why = (uint8_t)(E_VALUE + p->field);
    }
}

static void step(struct sts_policy_parser *p, uint8_t c)
{
    uint8_t from = p->state, next = next_state[from][class_of(c)];

    if (p->utf8_left > 0) {
        utf8_octet(p, c);
        return;
    }
    if (next >= E_NAME) {
        p->why = next;
        return;
    }
    p->state = next;
    if (next == S_NAME) {
        if (from == S_LINE) {
            p->words = 0xff;
            p->len = 0;
        }
        word_octet(p, c);
        if (++p->len > 32) {
            p->why = E_NAME;
        }
    } else if (next == S_COLON && from == S_NAME) {
        value_begins(p);
    } else if (next == S_VALUE) {
        if (from == S_SPACE) {
            value_octet(p, ' ');
        }
        value_octet(p, c);
    } else if (next <= S_CR && from >= S_COLON) {
        value_ends(p);
    }
}

void sts_policy_start(struct sts_policy_parser *p, struct sts_policy *policy)
{
    memset(p, 0, sizeof *p);
    p->policy = policy;
    p->line = 1;
    memset(policy, 0, offsetof(struct sts_policy, mx));
}

int sts_policy_feed(struct sts_policy_parser *p, const void *bytes, size_t len)
{
    const uint8_t *c = bytes;

    for (size_t i = 0; i < len && p->why == 0; i++) {
        if (++p->bytes > STS_POLICY_FILE_MAX) {
            p->why = E_LARGE;
            break;
        }
        step(p, c[i]);
        p->line += c[i] == '\n' && p->why == 0;
    }
    return p->why == 0 ? STS_OK : STS_ERR_SYNTAX;
}

int sts_policy_end(struct sts_policy_parser *p)
{
    if (p->why == 0) {
        /* the last line needs no LF, but a CR does */
        if (p->state == S_CR) {
            p->why = E_CR;
        } else {
            step(p, '\n');
        }
    }
    for (unsigned field = W_VERSION; field <= W_MX && p->why == 0; field++) {
        bool wanted = field != W_MX || p->policy->mode != STS_MODE_NONE;

        if (wanted && (p->seen >> field & 1) == 0) {
            p->why = (uint8_t)(E_MISSING + field);
        }
    }
    return p->why == 0 ? STS_OK : STS_ERR_SYNTAX;
}

const char *sts_policy_reason(const struct sts_policy_parser *p)
{
    return p->why == 0 ? "" : reasons[p->why - E_NAME];
}

/* ---- writing ------------------------------------------------------------------------------ */

const char *sts_mode_name(int mode)
{
    return mode >= STS_MODE_NONE && mode <= STS_MODE_ENFORCE ? words[W_NONE + mode] : "";
}

/* The line at *at, which then is the next one's: 0..2, then 3 + a pattern's place in mx. */
static void write_line(const struct sts_policy *policy, uint32_t *at, struct sts_out *o)
{
    unsigned field = *at < W_MX ? *at : W_MX;
    const char *mx = policy->mx + (*at - field);

    sts_out_text(o, words[field]);
    sts_out_text(o, ": ");
    switch (field) {
    case W_VERSION: sts_out_text(o, words[W_STSV1]); break;
    case W_MODE: sts_out_text(o, sts_mode_name(policy->mode)); break;
    case W_MAX_AGE: sts_out_number(o, policy->max_age_s); break;
    default:
        sts_out_text(o, mx);
        *at += (uint32_t)sts_len(mx);
        break;
    }
    *at += 1;
    sts_out_text(o, "\r\n");
}

size_t sts_policy_write(const struct sts_policy *policy, uint32_t *at, char *buf, size_t size)
{
    struct sts_out o;
    size_t len = 0;

    sts_out_start(&o, buf, size);
    for (uint32_t next = *at; next < W_MX + policy->mx_len;) {
        write_line(policy, &next, &o);
        if (o.full) {
            break; /* only whole lines */
        }
        len = o.len;
        *at = next;
    }
    return len;
}

const char *sts_policy_mx(const struct sts_policy *policy, size_t n)
{
    const char *pattern = policy->mx;

    if (n >= policy->mx_count) {
        return NULL;
    }
    while (n-- > 0) {
        pattern += sts_len(pattern) + 1;
    }
    return pattern;
}
