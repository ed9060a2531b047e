/* SPDX-License-Identifier: MIT
 *
 * What goes between DATA and the dot, octet by octet: one machine that ends lines by CRLF, stuffs
 * dots and counts; before it the header's grammar, and for the body either folding or
 * quoted-printable.
 */
#include <string.h>

#include <stsmail/engine/message.h>
#include <stsmail/engine/text.h>

#define LINE_MAX 998   /* octets in a line without CRLF (RFC 5322 2.1.1) */
#define FOLD_AT  78    /* where header lines are folded, if they have to be (RFC 5322 2.1.1) */
#define QP_MAX   76    /* octets in a line of quoted-printable (RFC 2045 6.7 rule 5) */
#define SCAN_MAX 16384 /* octets read ahead at the start */

enum {
    NEXT_END = -1,
    NEXT_FAILED = -2
};

/* The raw header's places first, in the order of the table below. */
enum {
    H_FIRST,
    H_LINE,
    H_NAME,
    H_VALUE,
    H_COUNT,
    S_BODY,
    S_COMPOSE,
    S_DOT,
    S_DONE,
    H_BAD
};
enum {
    C_WSP,
    C_COLON,
    C_FTEXT,
    C_8BIT,
    C_EOL,
    C_COUNT
};

/* Rows: place in a raw header. Columns: what arrived. RFC 5322 2.2, 3.6.8; RFC 6532 3.2. White
 * space between a name and its colon is obsolete (4.5) and can hide a field: refused. */
/* clang-format off */
static const uint8_t next_state[H_COUNT][C_COUNT] = {
    /*            WSP      ":"      ftext    8-bit    end of line */
    [H_FIRST] = { H_BAD,   H_BAD,   H_NAME,  H_BAD,   H_BAD },
    [H_LINE] = {  H_VALUE, H_BAD,   H_NAME,  H_BAD,   S_BODY },
    [H_NAME] = {  H_BAD,   H_VALUE, H_NAME,  H_BAD,   H_BAD },
    [H_VALUE] = { H_VALUE, H_VALUE, H_VALUE, H_VALUE, H_LINE },
};
/* clang-format on */

static int error_of(uint8_t why)
{
    static const int8_t errors[STS_WHY_TO + 1] = {
        [STS_WHY_NOTHING] = STS_OK,       [STS_WHY_SOURCE] = STS_ERR_IO,
        [STS_WHY_ARGUMENT] = STS_ERR_ARG, [STS_WHY_DATE] = STS_ERR_ARG,
        [STS_WHY_CLOCK] = STS_ERR_CLOCK,  [STS_WHY_FROM] = STS_ERR_ADDRESS,
        [STS_WHY_TO] = STS_ERR_ADDRESS,
    };

    return why <= STS_WHY_TO ? errors[why] : STS_ERR_MESSAGE;
}

static int fail(struct sts_reader *r, uint8_t why)
{
    r->why = why;
    r->error = error_of(why);
    return r->error;
}

/* ---- input ------------------------------------------------------------------------------- */

static const struct sts_source *source(const struct sts_reader *r)
{
    return r->message->raw != NULL ? r->message->raw : r->message->body_source;
}

static int rewind_input(struct sts_reader *r)
{
    const struct sts_source *s = source(r);

    r->in_at = r->in_len = 0;
    r->at = 0;
    r->cr = false;
    return s != NULL && s->rewind(s->ctx) != STS_OK ? fail(r, STS_WHY_SOURCE) : STS_OK;
}

/* The next octets of a body that is a string. */
static int32_t read_string(struct sts_reader *r)
{
    const char *body = r->message->body;
    uint8_t n = 0;

    while (body != NULL && n < sizeof r->in && body[r->at] != '\0') {
        r->in[n++] = (uint8_t)body[r->at++];
    }
    return n;
}

/* The next octet, with LF for CRLF, a lone CR and a lone LF alike; NEXT_END; NEXT_FAILED. */
static int next(struct sts_reader *r)
{
    const struct sts_source *s = source(r);
    int32_t n;
    uint8_t c;
    bool pair;

    do {
        if (r->in_at == r->in_len) {
            n = s == NULL ? read_string(r) : s->read(s->ctx, r->in, sizeof r->in);
            if (n < 0 || n > (int32_t)sizeof r->in) {
                fail(r, STS_WHY_SOURCE); /* M10 */
                return NEXT_FAILED;
            }
            r->in_at = 0;
            r->in_len = (uint8_t)n;
            if (n == 0) {
                return NEXT_END;
            }
        }
        c = r->in[r->in_at++];
        pair = c == '\n' && r->cr;
        r->cr = c == '\r';
    } while (pair);
    return c == '\r' ? '\n' : c;
}

/* Whether a composed body has to be encoded, or a raw header folded: it has octets that 7bit cannot carry
 * (RFC 2045 2.7), or a line over 998. Reads ahead; whatever is longer than that is taken to have one. */
static bool is_special(struct sts_reader *r)
{
    bool raw = r->message->raw != NULL;
    uint32_t column = 0;
    int c;

    for (uint32_t n = 0; n < SCAN_MAX; n++) {
        c = next(r);
        if (c < 0 || (raw && c == '\n' && column == 0)) {
            return false;
        }
        column = c == '\n' ? 0 : column + 1;
        if (column > LINE_MAX || (!raw && (c > 0x7E || (c < ' ' && c != '\n' && c != '\t')))) {
            return true;
        }
    }
    return true;
}

/* ---- output ------------------------------------------------------------------------------ */

void sts_reader_put(struct sts_reader *r, char c)
{
    uint8_t octet = (uint8_t)c;

    if (c == '.' && r->column == 0 && r->stuff) {
        r->out[r->out_len++] = '.'; /* RFC 5321 4.5.2; RFC 1870 5 does not count it */
    }
    r->out[r->out_len++] = octet;
    r->column = c == '\n' ? 0 : (uint16_t)(r->column + 1);
    r->facts.size++;
    if (octet > 0x7F && r->state == S_BODY) {
        r->facts.eightbit = true;
    } else if (octet > 0x7F) {
        r->facts.utf8_header = true;
    }
}

void sts_reader_put_hex(struct sts_reader *r, uint8_t c)
{
    static const char hex[] = "0123456789ABCDEF";

    sts_reader_put(r, '=');
    sts_reader_put(r, hex[c >> 4]);
    sts_reader_put(r, hex[c & 15]);
}

static void put_line_end(struct sts_reader *r)
{
    sts_reader_put(r, '\r');
    sts_reader_put(r, '\n');
}

static void put_run(struct sts_reader *r)
{
    while (*r->run != '\0' && r->out_len < sizeof r->out - 2) {
        sts_reader_put(r, *r->run++);
    }
    if (*r->run == '\0') {
        r->run = NULL;
        if (r->after != '\0') {
            sts_reader_put(r, r->after);
        }
    }
}

/* ---- a raw header ------------------------------------------------------------------------ */

static uint8_t class_of(uint8_t c)
{
    if (c > 0x7F) {
        return C_8BIT;
    }
    switch (c) {
    case ' ':
    case '\t': return C_WSP;
    case ':': return C_COLON;
    case '\n': return C_EOL;
    default: return C_FTEXT;
    }
}

static uint8_t why_bad(const struct sts_reader *r)
{
    static const uint8_t at_first[] = {STS_WHY_NO_HEADER, STS_WHY_FIELD};

    return r->mbox == 5 ? STS_WHY_MBOX : at_first[r->line > 1];
}

/* Gives an octet of a header line, unless the line is too long and could not be folded. */
static void put_header(struct sts_reader *r, uint8_t c)
{
    if (r->column >= LINE_MAX) {
        fail(r, STS_WHY_LONG);
        return;
    }
    sts_reader_put(r, (char)c);
    r->visible = r->visible || class_of(c) != C_WSP;
}

/* White space waits for the octet after it, for a fold in front of it must leave something to see on both
 * lines: a header line of nothing but white space is no longer allowed (RFC 5322 3.2.2). */
static void put_folded(struct sts_reader *r, uint8_t c)
{
    uint8_t held = r->held;
    bool space = class_of(c) == C_WSP;

    r->held = space ? c : 0;
    if (held != 0) {
        if (!space && c != '\n' && r->special && r->visible && r->column >= FOLD_AT) {
            put_line_end(r); /* c is to be seen on the next */
        }
        put_header(r, held);
    }
    if (c == '\n') {
        put_line_end(r);
        r->visible = false;
    } else if (!space) {
        put_header(r, c);
    }
}

/* Whether this octet ends the name of a Date field. */
static bool is_date(struct sts_reader *r, uint8_t c)
{
    static const char name[] = "date";

    r->date = r->column == 0 ? 0 : r->date;
    if (r->date == r->column && r->date < sizeof name - 1 &&
        sts_lower(c) == (uint8_t)name[r->date]) {
        r->date++;
        return false;
    }
    return r->date == sizeof name - 1 && r->column == r->date && c == ':';
}

static void take_header(struct sts_reader *r, uint8_t c)
{
    uint8_t state = next_state[r->state][class_of(c)];

    if (r->line == 1 && r->mbox == r->column && c == (uint8_t) "From "[r->mbox]) {
        r->mbox++;
    }
    r->facts.dated = is_date(r, c) || r->facts.dated;
    if ((c < ' ' && c != '\t' && c != '\n') || c == 0x7F) {
        fail(r, STS_WHY_CONTROL);
    } else if (state == H_BAD) {
        fail(r, why_bad(r));
    } else if (!sts_utf8_next(&r->utf8, c)) {
        fail(r, STS_WHY_UTF8);
    } else {
        put_folded(r, c);
        r->state = state;
    }
}

/* ---- the body ---------------------------------------------------------------------------- */

static void put_plain(struct sts_reader *r, uint8_t c)
{
    if (c == '\n') {
        put_line_end(r);
        return;
    }
    if (r->column == LINE_MAX) { /* RFC 5321 4.5.3.1.6 */
        put_line_end(r);
        sts_reader_put(r, ' ');
        r->facts.folded = true;
    }
    sts_reader_put(r, (char)c);
}

/* "=" at the end of a line: the line goes on (RFC 2045 6.7 rule 5). */
static void put_soft_end(struct sts_reader *r)
{
    sts_reader_put(r, '=');
    put_line_end(r);
}

static void put_encoded(struct sts_reader *r, uint8_t c)
{
    bool space = class_of(c) == C_WSP;
    bool literal = space || (c > ' ' && c < 0x7F && c != '=');

    if (c == '\n') {
        if (r->blank) {
            put_soft_end(r); /* rule 3: no line ends in white space */
        }
        put_line_end(r);
    } else {
        if (r->column + (literal ? 1 : 3) >= QP_MAX) {
            put_soft_end(r);
        }
        if (literal) {
            sts_reader_put(r, (char)c);
        } else {
            sts_reader_put_hex(r, c);
        }
    }
    r->blank = space;
}

/* ---- the whole --------------------------------------------------------------------------- */

static void take(struct sts_reader *r, uint8_t c)
{
    if (c == 0) {
        fail(r, STS_WHY_NUL); /* RFC 5321 4.5.2 lets a receiver reject it */
    } else if (r->state < H_COUNT) {
        take_header(r, c);
    } else if (r->message->raw == NULL && r->special) {
        put_encoded(r, c);
    } else {
        put_plain(r, c);
    }
    if (c == '\n' && r->error == STS_OK) {
        r->line++;
    }
}

/* The source has ended: what is missing of its last line, then of the message. */
static void finish(struct sts_reader *r)
{
    if (r->state == H_FIRST) {
        fail(r, STS_WHY_EMPTY);
    } else if (r->column > 0 || r->held != 0) {
        take(r, '\n');
    }
    r->state = r->stuff ? S_DOT : S_DONE;
}

/* Gives at least one octet, unless it changes the state or takes an octet that stands for none. */
static void step(struct sts_reader *r)
{
    int c;

    r->out_at = r->out_len = 0;
    if (r->run != NULL) {
        put_run(r);
    } else if (r->state == S_COMPOSE) {
        if (!sts_compose_step(r)) {
            r->state = S_BODY;
            r->at = 0; /* the header's until here */
        }
    } else if (r->state == S_DOT) {
        memcpy(r->out, ".\r\n", 3); /* RFC 5321 4.1.1.4; not a part of the message */
        r->out_len = 3;
        r->state = S_DONE;
    } else {
        c = next(r);
        if (c >= 0) {
            take(r, (uint8_t)c);
        } else if (c == NEXT_END) {
            finish(r);
        }
    }
}

int32_t sts_reader_read(struct sts_reader *r, uint8_t *buf, size_t size)
{
    size_t given = 0;
    size_t n;

    if (size > INT32_MAX) {
        size = INT32_MAX;
    }
    while (given < size) {
        n = (size_t)(r->out_len - r->out_at);
        if (n == 0) {
            if (r->error != STS_OK || r->state == S_DONE) {
                break;
            }
            step(r);
            continue;
        }
        n = n < size - given ? n : size - given;
        memcpy(buf + given, r->out + r->out_at, n);
        r->out_at = (uint8_t)(r->out_at + n);
        given += n;
    }
    return given > 0 ? (int32_t)given : r->error;
}

/* ---- before and after -------------------------------------------------------------------- */

static uint8_t check(const struct sts_message *m)
{
    if (m == NULL) {
        return STS_WHY_ARGUMENT;
    }
    return m->raw != NULL ? STS_WHY_NOTHING : sts_compose_check(m);
}

int sts_message_check(const struct sts_message *m)
{
    return error_of(check(m));
}

static int start(struct sts_reader *r, const struct sts_message *m, bool stuff, uint8_t why)
{
    memset(r, 0, sizeof *r);
    r->message = m;
    r->stuff = stuff;
    if (fail(r, why) != STS_OK || rewind_input(r) != STS_OK) {
        return r->error;
    }
    r->special = is_special(r);
    if (r->error != STS_OK || rewind_input(r) != STS_OK) {
        return r->error;
    }
    r->state = m->raw != NULL ? H_FIRST : S_COMPOSE;
    r->line = 1;
    return STS_OK;
}

int sts_reader_start(struct sts_reader *r, const struct sts_message *m, bool stuff)
{
    return start(r, m, stuff, check(m));
}

int sts_reader_start_kept(struct sts_reader *r, const struct sts_message *m)
{
    uint8_t why = check(m);

    return start(r, m, false, why == STS_WHY_CLOCK ? STS_WHY_NOTHING : why);
}

void sts_reader_lead(struct sts_reader *r, const char *fields)
{
    r->run = fields;
}

const char *sts_reader_reason(const struct sts_reader *r)
{
    static const char *const reasons[STS_WHY_COUNT] = {
        [STS_WHY_NOTHING] = "",
        [STS_WHY_SOURCE] = "the message cannot be read",
        [STS_WHY_ARGUMENT] = "no From address, or fewer To addresses than stated",
        [STS_WHY_DATE] = "the date is beyond the year 9999",
        [STS_WHY_CLOCK] = "the date is not known: the clock was not set",
        [STS_WHY_FROM] = "the From address is not a mailbox",
        [STS_WHY_TO] = "a To address is not a mailbox",
        [STS_WHY_NAME] = "the From name holds a control character or is not UTF-8",
        [STS_WHY_SUBJECT] = "the subject holds a control character or is not UTF-8",
        [STS_WHY_ID] = "the Message-ID is not \"unique@host\"",
        [STS_WHY_EMPTY] = "the message is empty",
        [STS_WHY_NO_HEADER] = "the message does not begin with a header field (\"Name: value\")",
        [STS_WHY_MBOX] = "a \"From \" line of a mailbox file: remove it",
        [STS_WHY_FIELD] = "no header field; or the empty line after the header is missing",
        [STS_WHY_CONTROL] = "a control character in the header",
        [STS_WHY_UTF8] = "the header is not UTF-8",
        [STS_WHY_LONG] = "over 998 octets of header without a space to fold at",
        [STS_WHY_NUL] = "a NUL character",
    };

    return reasons[r->why];
}
