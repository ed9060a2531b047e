/* SPDX-License-Identifier: MIT
 *
 * The TXT record that asks for reports (RFC 8460 3).
 *
 *   tlsrpt-record = %s"v=TLSRPTv1" 1*(field-delim tlsrpt-field) [field-delim]
 *   field-delim   = *WSP ";" *WSP
 *   tlsrpt-rua    = %s"rua=" tlsrpt-uri *(*WSP "," *WSP tlsrpt-uri)
 *
 * Several rua fields are one list. A URI that is none, or of a scheme that nobody can report to, is passed over; what is not in
 * the grammar of the fields makes the record none.
 */
#include <string.h>

#include <stsmail/engine/text.h>
#include <stsmail/tlsrpt.h>

enum {
    S_DELIM, /* behind ";" *WSP: a field, or the end */
    S_NAME,
    S_EQUALS, /* behind "=": a value has one octet or more */
    S_VALUE,
    S_AFTER, /* blanks behind a value */
    S_RUA,   /* the first URI's first octet is due */
    S_URI,   /* another's */
    S_LIST,  /* within a URI */
    S_GAP,   /* blanks behind a URI */
    S_VERSION,
    S_FIRST, /* *WSP ";" that makes it a candidate, as for _mta-sts (C-3) */
    S_SKIP,

    E_NAME, /* from here on: why it is malformed */
    E_VALUE,
    E_EMPTY,
    E_BLANK,
    E_RUA,
};

enum {
    C_WSP,
    C_SEMICOLON,
    C_EQUALS,
    C_ALNUM,
    C_MARK,
    C_COMMA,
    C_VISIBLE,
    C_OTHER,
    C_END,
    C_COUNT
};

/* Rows: place in a record. Columns: what arrived; the end is that of the record. */
/* clang-format off */
static const uint8_t next_state[][C_COUNT] = {
    /*             WSP      ";"      "="       alnum    _ - .    ","      visible  other    end     */
    [S_DELIM]  = { S_DELIM, E_NAME,  E_NAME,   S_NAME,  E_NAME,  E_NAME,  E_NAME,  E_NAME,  S_SKIP  },
    [S_NAME]   = { E_NAME,  E_EMPTY, S_EQUALS, S_NAME,  S_NAME,  E_NAME,  E_NAME,  E_NAME,  E_EMPTY },
    [S_EQUALS] = { E_EMPTY, E_EMPTY, E_VALUE,  S_VALUE, S_VALUE, S_VALUE, S_VALUE, E_VALUE, E_EMPTY },
    [S_VALUE]  = { S_AFTER, S_DELIM, E_VALUE,  S_VALUE, S_VALUE, S_VALUE, S_VALUE, E_VALUE, S_SKIP  },
    [S_AFTER]  = { S_AFTER, S_DELIM, E_BLANK,  E_BLANK, E_BLANK, E_BLANK, E_BLANK, E_BLANK, E_BLANK },
    [S_RUA]    = { E_EMPTY, E_EMPTY, S_LIST,   S_LIST,  S_LIST,  E_EMPTY, S_LIST,  E_VALUE, E_EMPTY },
    [S_URI]    = { S_URI,   E_EMPTY, S_LIST,   S_LIST,  S_LIST,  E_EMPTY, S_LIST,  E_VALUE, E_EMPTY },
    [S_LIST]   = { S_GAP,   S_DELIM, S_LIST,   S_LIST,  S_LIST,  S_URI,   S_LIST,  E_VALUE, S_SKIP  },
    [S_GAP]    = { S_GAP,   S_DELIM, E_BLANK,  E_BLANK, E_BLANK, S_URI,   E_BLANK, E_BLANK, E_BLANK },
};
/* clang-format on */

static const char *const reasons[] = {
    [E_NAME - E_NAME] = "a field name is not 1 to 32 letters, digits, \"_\", \"-\", \".\"",
    [E_VALUE - E_NAME] = "a value has a character that may not stand there",
    [E_EMPTY - E_NAME] = "a field has no value",
    [E_BLANK - E_NAME] = "a blank is not followed by \";\" or \",\"",
    [E_RUA - E_NAME] = "rua is missing",
};

/* The place of c in a text; its length: it is not there. */
static size_t place(const char *text, uint8_t c)
{
    size_t at = 0;

    while (text[at] != '\0' && (uint8_t)text[at] != c) {
        at++;
    }
    return at;
}

static uint8_t class_of(uint8_t c)
{
    static const char marks[] = " \t;=_-.,";
    static const uint8_t classes[] = {C_WSP,  C_WSP,  C_SEMICOLON, C_EQUALS,
                                      C_MARK, C_MARK, C_MARK,      C_COMMA};
    size_t at = place(marks, c);

    if (at < sizeof classes) {
        return classes[at];
    }
    if (sts_is_alnum(c)) {
        return C_ALNUM;
    }
    return c > 0x20 && c < 0x7f ? C_VISIBLE : C_OTHER;
}

static void fail(struct sts_tlsrpt_record *r, uint8_t why)
{
    r->why = why;
    r->state = S_SKIP;
    r->count = 0;
    r->cut = false;
}

/* Everything up to the first ";" decides whether the record counts at all. */
static void read_version(struct sts_tlsrpt_record *r, uint8_t c)
{
    static const char version[] = "v=TLSRPTv1";

    if (r->state == S_VERSION) {
        if (c != (uint8_t)version[r->len++]) {
            r->state = S_SKIP;
        } else if (version[r->len] == '\0') {
            r->state = S_FIRST;
        }
    } else if (c == ';') {
        r->candidates = (uint16_t)(r->candidates + (r->candidates < UINT16_MAX));
        r->state = r->candidates == 1 ? S_DELIM : S_SKIP;
        if (r->candidates > 1) {
            r->count = 0;
        }
    } else if (class_of(c) != C_WSP) {
        r->state = S_SKIP;
    }
}

static void name_octet(struct sts_tlsrpt_record *r, uint8_t c)
{
    if (r->len == 32) {
        fail(r, E_NAME);
    } else if (r->len++ < sizeof r->name) {
        r->name[r->len - 1] = (char)c;
    }
}

/* "!" has to be encoded, as "," and ";" are; the others are in no URI (RFC 3986 2). */
static void uri_octet(struct sts_tlsrpt_record *r, uint8_t c)
{
    static const char never[] = "!\"<>\\^`{|}";

    r->bad_uri = r->bad_uri || place(never, c) < sizeof never - 1;
    if (r->count < STS_TLSRPT_URIS && r->uri_len < STS_TLSRPT_URI_SIZE - 1) {
        r->uris[r->count][r->uri_len] = (char)c;
    }
    r->uri_len = (uint16_t)(r->uri_len + (r->uri_len < STS_TLSRPT_URI_SIZE));
}

static bool begins(const char *text, size_t len, const char *scheme)
{
    size_t n = sts_len(scheme);

    return len > n && sts_same(text, n, scheme, n);
}

/* Only the first count; what would be kept and does not fit is told as such (R-143, R01). */
static void uri_ends(struct sts_tlsrpt_record *r)
{
    bool fits = r->count < STS_TLSRPT_URIS && r->uri_len < STS_TLSRPT_URI_SIZE;

    if (!fits) {
        r->cut = true;
    } else if (!r->bad_uri && (begins(r->uris[r->count], r->uri_len, "mailto:") ||
                               begins(r->uris[r->count], r->uri_len, "https://"))) {
        r->uris[r->count][r->uri_len] = '\0';
        r->count++;
    }
    r->uri_len = 0;
    r->bad_uri = false;
}

static void read_fields(struct sts_tlsrpt_record *r, uint8_t c, uint8_t class)
{
    uint8_t from = r->state, next = next_state[from][class];

    if (next >= E_NAME) {
        fail(r, next);
        return;
    }
    if (from == S_LIST && next != S_LIST) {
        uri_ends(r);
    }
    if (from == S_DELIM) {
        r->len = 0;
    }
    r->state = next;
    if (next == S_NAME) {
        name_octet(r, c);
    } else if (next == S_EQUALS && r->len == 3 && memcmp(r->name, "rua", 3) == 0) {
        r->rua_seen = true;
        r->state = S_RUA;
    } else if (next == S_LIST) {
        uri_octet(r, c);
    }
}

void sts_tlsrpt_record_start(struct sts_tlsrpt_record *r)
{
    memset(r, 0, sizeof *r);
    r->state = S_SKIP;
}

void sts_tlsrpt_record_open(struct sts_tlsrpt_record *r)
{
    r->records = (uint16_t)(r->records + (r->records < UINT16_MAX));
    r->state = S_VERSION;
    r->len = 0;
}

void sts_tlsrpt_record_text(struct sts_tlsrpt_record *r, const void *text, size_t len)
{
    const uint8_t *p = text;

    for (size_t i = 0; i < len && r->state != S_SKIP; i++) {
        if (r->state >= S_VERSION) {
            read_version(r, p[i]);
        } else {
            read_fields(r, p[i], class_of(p[i]));
        }
    }
}

void sts_tlsrpt_record_close(struct sts_tlsrpt_record *r)
{
    if (r->state < S_VERSION) {
        read_fields(r, 0, C_END);
        if (r->why == 0 && !r->rua_seen) {
            fail(r, E_RUA);
        }
    }
    r->state = S_SKIP;
}

int sts_tlsrpt_record_result(const struct sts_tlsrpt_record *r)
{
    if (r->candidates != 1) {
        return STS_ERR_ABSENT;
    }
    return r->why == 0 ? STS_OK : STS_ERR_SYNTAX;
}

const char *sts_tlsrpt_record_reason(const struct sts_tlsrpt_record *r)
{
    if (r->records == 0) {
        return "there is no TXT record";
    }
    if (r->candidates == 0) {
        return "no TXT record begins with v=TLSRPTv1;";
    }
    if (r->candidates > 1) {
        return "several TXT records begin with v=TLSRPTv1;";
    }
    return r->why == 0 ? "" : reasons[r->why - E_NAME];
}
