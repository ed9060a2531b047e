/* SPDX-License-Identifier: MIT
 *
 * The TXT record that announces a policy (RFC 8461 3.1).
 *
 *   sts-text-record = %s"v=STSv1" 1*( *WSP ";" *WSP field ) [ *WSP ";" *WSP ]
 *   field           = name "=" value, of which one is %s"id=" 1*32(ALPHA / DIGIT)
 *
 * Only the first candidate is parsed: a second one means that there is no policy whatever they
 * say.
 */
#include <stsmail/engine/text.h>
#include <stsmail/policy.h>

#include <string.h>

enum {
    S_DELIM, /* after ";" *WSP: a field, or the end */
    S_NAME,
    S_EQUALS, /* after "=": a value has one octet or more */
    S_VALUE,
    S_AFTER,   /* blanks after a value: only ";" may follow */
    S_VERSION, /* before all of these: "v=STSv1" */
    S_FIRST,   /* *WSP ";" that makes it a candidate (C-3) */
    S_SKIP,    /* the rest of this record says nothing */

    E_NAME, /* from here on: why it is malformed */
    E_VALUE,
    E_EMPTY,
    E_BLANK,
    E_ID,
    E_NO_ID,
    E_COUNT
};

enum {
    C_WSP,
    C_SEMICOLON,
    C_EQUALS,
    C_ALNUM,
    C_MARK,
    C_VISIBLE,
    C_OTHER,
    C_END,
    C_COUNT
};

/* Rows: place in a record. Columns: what arrived; the end is that of the record. */
/* clang-format off */
static const uint8_t next_state[][C_COUNT] = {
    /*             WSP      ";"      "="       alnum    _ - .    visible  other    end     */
    [S_DELIM]  = { S_DELIM, E_NAME,  E_NAME,   S_NAME,  E_NAME,  E_NAME,  E_NAME,  S_SKIP  },
    [S_NAME]   = { E_NAME,  E_EMPTY, S_EQUALS, S_NAME,  S_NAME,  E_NAME,  E_NAME,  E_EMPTY },
    [S_EQUALS] = { E_EMPTY, E_EMPTY, E_VALUE,  S_VALUE, S_VALUE, S_VALUE, E_VALUE, E_EMPTY },
    [S_VALUE]  = { S_AFTER, S_DELIM, E_VALUE,  S_VALUE, S_VALUE, S_VALUE, E_VALUE, S_SKIP  },
    [S_AFTER]  = { S_AFTER, S_DELIM, E_BLANK,  E_BLANK, E_BLANK, E_BLANK, E_BLANK, E_BLANK },
};
/* clang-format on */

static const char *const reasons[] = {
    [E_NAME - E_NAME] = "a field name is not 1 to 32 letters, digits, \"_\", \"-\", \".\"",
    [E_VALUE - E_NAME] = "a value has a character that may not stand there",
    [E_EMPTY - E_NAME] = "a field has no value",
    [E_BLANK - E_NAME] = "a blank is not followed by \";\"",
    [E_ID - E_NAME] = "id is not 1 to 32 letters and digits",
    [E_NO_ID - E_NAME] = "id is missing",
};

static uint8_t class_of(uint8_t c)
{
    if (sts_is_alnum(c)) {
        return C_ALNUM;
    }
    switch (c) {
    case ' ':
    case '\t': return C_WSP;
    case ';': return C_SEMICOLON;
    case '=': return C_EQUALS;
    case '_':
    case '-':
    case '.': return C_MARK;
    default: return c > 0x20 && c < 0x7f ? C_VISIBLE : C_OTHER;
    }
}

static void fail(struct sts_record *r, uint8_t why)
{
    r->why = why;
    r->state = S_SKIP;
    r->id[0] = '\0';
}

/* Everything up to the first ";" decides whether the record counts at all. */
static void read_version(struct sts_record *r, uint8_t c)
{
    static const char version[] = "v=STSv1";

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
            r->id[0] = '\0';
        }
    } else if (class_of(c) != C_WSP) {
        r->state = S_SKIP;
    }
}

static void name_octet(struct sts_record *r, uint8_t c)
{
    if (r->len == 32) {
        fail(r, E_NAME);
    } else if (r->len++ < 2) {
        r->name[r->len - 1] = (char)c;
    }
}

/* Only the first id counts; a later one is like any unknown field. */
static void name_ends(struct sts_record *r)
{
    r->in_id = !r->id_seen && r->len == 2 && r->name[0] == 'i' && r->name[1] == 'd';
    r->id_seen = r->id_seen || r->in_id;
    r->len = 0;
}

static void value_octet(struct sts_record *r, uint8_t c)
{
    if (!r->in_id) {
        return;
    }
    if (r->len == STS_ID_SIZE - 1 || !sts_is_alnum(c)) {
        fail(r, E_ID);
        return;
    }
    r->id[r->len++] = (char)c;
    r->id[r->len] = '\0';
}

static void read_fields(struct sts_record *r, uint8_t c, uint8_t class)
{
    uint8_t next = next_state[r->state][class];

    if (next >= E_NAME) {
        fail(r, r->state == S_EQUALS && r->in_id ? E_ID : next);
        return;
    }
    if (r->state == S_DELIM) {
        r->len = 0;
    }
    r->state = next;
    switch (next) {
    case S_NAME: name_octet(r, c); break;
    case S_EQUALS: name_ends(r); break;
    case S_VALUE: value_octet(r, c); break;
    default: break;
    }
}

void sts_record_start(struct sts_record *r)
{
    memset(r, 0, sizeof *r);
    r->state = S_SKIP;
}

void sts_record_open(struct sts_record *r)
{
    r->records = (uint16_t)(r->records + (r->records < UINT16_MAX));
    r->state = S_VERSION;
    r->len = 0;
}

void sts_record_text(struct sts_record *r, const void *text, size_t len)
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

void sts_record_close(struct sts_record *r)
{
    if (r->state < S_VERSION) {
        read_fields(r, 0, C_END);
        if (r->why == 0 && !r->id_seen) {
            fail(r, E_NO_ID);
        }
    }
    r->state = S_SKIP;
}

int sts_record_result(const struct sts_record *r)
{
    if (r->candidates != 1) {
        return STS_ERR_ABSENT;
    }
    return r->why == 0 ? STS_OK : STS_ERR_SYNTAX;
}

const char *sts_record_reason(const struct sts_record *r)
{
    if (r->records == 0) {
        return "there is no TXT record";
    }
    if (r->candidates == 0) {
        return "no TXT record begins with v=STSv1;";
    }
    if (r->candidates > 1) {
        return "several TXT records begin with v=STSv1;";
    }
    return r->why == 0 ? "" : reasons[r->why - E_NAME];
}
