/* SPDX-License-Identifier: MIT
 *
 * One GET and its answer: RFC 9110 and 9112 where RFC 8461 3.3 needs them.
 *
 * The head is read by a table, one octet at a time; the body is passed on as it lies in the caller's buffer.
 * What RFC 9112 lets a recipient repair (bare LF, missing SP, several equal lengths) is refused: the
 * peer is the owner's web server, it has one file to give, and a guess here would decide about a policy.
 */
#include <stsmail/engine/http.h>
#include <stsmail/engine/text.h>

#include <string.h>

#define LINE_MAX    1024 /* H05 */
#define HEAD_MAX    8192
#define FIELDS_MAX  64
#define INTERIM_MAX 4  /* H03 */
#define DIGITS_MAX  16 /* H08, H10 */

enum state {
    S_STATUS,        /* "HTTP/1.1 200 " */
    S_PHRASE,        /* reason phrase: ignored (RFC 9112 4) */
    S_LINE,          /* first octet of a field line, or CR */
    S_NAME,          /* field name */
    S_SPACE,         /* before the value of a field that matters */
    S_TOKEN,         /* that value */
    S_TAIL,          /* white space behind it */
    S_ANY,           /* a value, or the rest of it, that is of no interest */
    S_LINE_LF,       /* CR of a line seen */
    S_HEAD_LF,       /* CR of the empty line seen */
    S_EXT,           /* chunk extension: ignored (RFC 9112 7.1.1) */
    S_PAD,           /* white space before one */
    S_FREE,          /* octets up to here count against LINE_MAX and HEAD_MAX */
    S_SIZE = S_FREE, /* chunk size */
    S_SIZE_LF,
    S_CHUNK_CR, /* behind a chunk */
    S_CHUNK_LF,
    S_BODY,           /* rows of next_state up to here */
    S_CHUNK = S_BODY, /* in a chunk */
    S_LENGTH,         /* in a body with Content-Length */
    S_CLOSE,          /* in a body that ends with the connection */
    S_DONE,
    S_BAD,
};

enum class {
    C_CTL, /* no octet of a line (RFC 9110 5.5): NUL, controls, DEL */
    C_CR,
    C_LF,
    C_WS, /* SP, HTAB */
    C_COLON,
    C_SEMI,
    C_TEXT, /* VCHAR, obs-text */
    C_COUNT,
};

/* Rows: place in the answer. Columns: what arrived. RFC 9112 4, 5, 7.1. */
static const uint8_t next_state[S_BODY][C_COUNT] = {
    /* clang-format off */
    /*               CTL    CR          LF        WS        ':'       ';'      text     */
    [S_STATUS]   = { S_BAD, S_BAD,      S_BAD,    S_STATUS, S_BAD,    S_BAD,    S_STATUS },
    [S_PHRASE]   = { S_BAD, S_LINE_LF,  S_BAD,    S_PHRASE, S_PHRASE, S_PHRASE, S_PHRASE },
    [S_LINE]     = { S_BAD, S_HEAD_LF,  S_BAD,    S_ANY,    S_BAD,    S_NAME,   S_NAME   },
    [S_NAME]     = { S_BAD, S_BAD,      S_BAD,    S_BAD,    S_SPACE,  S_NAME,   S_NAME   },
    [S_SPACE]    = { S_BAD, S_BAD,      S_BAD,    S_SPACE,  S_TOKEN,  S_TOKEN,  S_TOKEN  },
    [S_TOKEN]    = { S_BAD, S_LINE_LF,  S_BAD,    S_TAIL,   S_TOKEN,  S_ANY,    S_TOKEN  },
    [S_TAIL]     = { S_BAD, S_LINE_LF,  S_BAD,    S_TAIL,   S_BAD,    S_ANY,    S_BAD    },
    [S_ANY]      = { S_BAD, S_LINE_LF,  S_BAD,    S_ANY,    S_ANY,    S_ANY,    S_ANY    },
    [S_LINE_LF]  = { S_BAD, S_BAD,      S_LINE,   S_BAD,    S_BAD,    S_BAD,    S_BAD    },
    [S_HEAD_LF]  = { S_BAD, S_BAD,      S_DONE,   S_BAD,    S_BAD,    S_BAD,    S_BAD    },
    [S_EXT]      = { S_BAD, S_SIZE_LF,  S_BAD,    S_EXT,    S_EXT,    S_EXT,    S_EXT    },
    [S_PAD]      = { S_BAD, S_BAD,      S_BAD,    S_PAD,    S_BAD,    S_EXT,    S_BAD    },
    [S_SIZE]     = { S_BAD, S_SIZE_LF,  S_BAD,    S_PAD,    S_BAD,    S_EXT,    S_SIZE   },
    [S_SIZE_LF]  = { S_BAD, S_BAD,      S_CHUNK,  S_BAD,    S_BAD,    S_BAD,    S_BAD    },
    [S_CHUNK_CR] = { S_BAD, S_CHUNK_LF, S_BAD,    S_BAD,    S_BAD,    S_BAD,    S_BAD    },
    [S_CHUNK_LF] = { S_BAD, S_BAD,      S_SIZE,   S_BAD,    S_BAD,    S_BAD,    S_BAD    },
    /* clang-format on */
};

/* The fields that matter, and the one value that each may have. RFC 8461 3.2, RFC 9112 6.1,
 * RFC 9110 8.4: nothing but text was asked for, so nothing else is understood (H13). The date decides about no
 * policy: whatever is wrong with it, it is no more than missing (C04). */
enum field {
    F_TYPE,
    F_LENGTH, /* digits */
    F_TRANSFER,
    F_CODING,
    F_RULED, /* the fields before this one may refuse an answer */
    F_DATE = F_RULED,
    F_COUNT,
};
#define SEEN(f)   (1u << (f))
#define SEEN_1_0  SEEN(F_COUNT)     /* the answer is HTTP/1.0 */
#define SEEN_HEAD SEEN(F_COUNT + 1) /* the head is over: fields are trailers */

static const struct {
    char name[18];
    char value[11];
} fields[F_COUNT] = {
    [F_TYPE] = {"content-type", "text/plain"},
    [F_LENGTH] = {"content-length", ""},
    [F_TRANSFER] = {"transfer-encoding", "chunked"},
    [F_CODING] = {"content-encoding", "identity"},
    [F_DATE] = {"date", ""},
};

enum why {
    W_NONE,
    W_TYPE, /* F_TYPE + 1, and so on */
    W_LENGTH,
    W_TRANSFER,
    W_CODING,
    W_NOT_HTTP,
    W_REDIRECT,
    W_STATUS,
    W_INTERIM,
    W_LINE,
    W_HEAD,
    W_TWICE,
    W_FRAMING,
    W_CHUNK,
    W_LARGE,
    W_SHORT,
    W_END,
};

/* In the order of enum why, each with its NUL: no table of pointers to relocate. A colon: the status
 * stands before it. */
static const char reasons[] = "\0"
                              "did not answer with text/plain\0"
                              "sent a Content-Length that is no number\0"
                              "sent a Transfer-Encoding other than chunked\0"
                              "sent a Content-Encoding, which was not asked for\0"
                              "did not answer in HTTP/1\0"
                              ": redirects are not followed\0"
                              ": a policy comes with 200 alone\0"
                              "gave too many interim answers\0"
                              "sent a broken header\0"
                              "sent a header that is too long\0"
                              "sent the same header line twice\0"
                              "sent both a length and chunks\0"
                              "sent a broken chunk\0"
                              "sent more than a policy may have\0"
                              "ended its answer too early\0"
                              "left open whether its answer is whole\0";

/* Always ends in a state that takes nothing more. */
static void refuse(struct sts_http *h, uint8_t why)
{
    h->state = S_BAD;
    h->why = why;
}

/* RFC 9112 3.2: Host. The library's name, since some hosts refuse a request without User-Agent (RFC 9110 10.1.5), but no
 * version, no language, no condition on a cached copy: the same from every device (H22, H23). */
static void request_start(struct sts_out *o, const char *method, const char *host, uint16_t port,
                          const char *path)
{
    sts_out_text(o, method);
    sts_out_text(o, path);
    sts_out_text(o, " HTTP/1.1\r\nHost: ");
    sts_out_text(o, host);
    if (port != 0 && port != 443) {
        sts_out_char(o, ':');
        sts_out_number(o, port);
    }
    sts_out_text(o, "\r\nUser-Agent: stsmail\r\n");
}

static int request_end(struct sts_out *o)
{
    sts_out_text(o, "Connection: close\r\n\r\n");
    sts_out_end(o);
    return o->full ? STS_ERR_SPACE : (int)o->len;
}

int sts_http_request(char *out, size_t size, const char *host, uint16_t port, const char *path)
{
    struct sts_out o;

    sts_out_start(&o, out, size);
    request_start(&o, "GET ", host, port, path);
    sts_out_text(&o, "Accept: text/plain\r\n");
    return request_end(&o);
}

int sts_http_post(char *out, size_t size, const char *host, uint16_t port, const char *path,
                  const char *type, size_t len)
{
    struct sts_out o;

    sts_out_start(&o, out, size);
    request_start(&o, "POST ", host, port, path);
    sts_out_text(&o, "Content-Type: "); /* */
    sts_out_text(&o, type);
    sts_out_text(&o, "\r\nContent-Length: ");
    sts_out_number(&o, len);
    sts_out_text(&o, "\r\n");
    return request_end(&o);
}

/* Another head: the first, or the one behind an interim answer. */
static void begin(struct sts_http *h)
{
    h->state = S_STATUS;
    h->status = 0;
    h->seen = 0;
    h->field = F_TYPE; /* nothing that a folded line could continue */
    h->at = 0;
}

void sts_http_start(struct sts_http *h, uint32_t body_max)
{
    memset(h, 0, sizeof *h);
    h->body_max = body_max;
    begin(h);
}

void sts_http_start_status(struct sts_http *h)
{
    sts_http_start(h, 0);
    h->brief = true;
}

static uint8_t class_of(uint8_t c)
{
    switch (c) {
    case '\r': return C_CR;
    case '\n': return C_LF;
    case '\t':
    case ' ': return C_WS;
    case ':': return C_COLON;
    case ';': return C_SEMI;
    default: return c < ' ' || c == 0x7f ? C_CTL : C_TEXT;
    }
}

/* One more digit of a length. Too many or too large: refused before it can overflow (H08, H10). */
static void number_octet(struct sts_http *h, uint8_t c, uint8_t base, uint8_t why)
{
    uint8_t digit = sts_is_digit(c)   ? (uint8_t)(c - '0')
                    : sts_is_alpha(c) ? (uint8_t)(sts_lower(c) - 'a' + 10)
                                      : base;

    if (digit >= base || h->at == DIGITS_MAX) {
        refuse(h, why);
        return;
    }
    h->at++;
    h->left = h->left * base + digit;
    if (h->left > h->body_max - h->body) {
        refuse(h, W_LARGE); /* never cut */
    }
}

/* ---- status line -------------------------------------------------------------------------- */

/* 200 alone is a policy; 1xx but 101 announce another head (RFC 9110 15.2). */
static void judge_status(struct sts_http *h)
{
    h->state = S_PHRASE;
    if (h->status / 100 == 1 && h->status != 101) {
        if (h->interim++ == INTERIM_MAX) {
            refuse(h, W_INTERIM);
        }
    } else if (h->brief) {
        h->state = S_DONE;
    } else if (h->status != 200) {
        refuse(h, h->status / 100 == 3 ? W_REDIRECT : W_STATUS);
    }
}

static void status_octet(struct sts_http *h, uint8_t c)
{
    static const char form[] = "HTTP/1.9 999 "; /* RFC 9112 4; 9: any digit */
    char want = form[h->at++];

    if (want == '9' ? !sts_is_digit(c) : c != (uint8_t)want) {
        refuse(h, W_NOT_HTTP);
    } else if (h->at == 8) {
        h->seen = c == '0' ? SEEN_1_0 : 0;
    } else if (h->at > 8 && want == '9') {
        h->status = (uint16_t)(h->status * 10 + c - '0');
    } else if (h->at == sizeof form - 1) {
        judge_status(h);
    }
}

/* ---- fields ------------------------------------------------------------------------------- */

/* RFC 9112 5.2: a folded line continues the one before. That is no more than white space where the value is of
 * no interest, and not worth the repair where it is. */
static void fold(struct sts_http *h)
{
    if (h->field < F_RULED) {
        refuse(h, W_LINE);
    }
}

static void value_begins(struct sts_http *h)
{
    h->field = F_COUNT;
    for (uint8_t i = 0; i < F_COUNT; i++) {
        if ((h->alive & SEEN(i)) != 0 && fields[i].name[h->at] == '\0') {
            h->field = i;
        }
    }
    h->at = 0;
    if (h->field >= F_RULED) {
        h->state = S_ANY;
        h->date_len = h->field == F_DATE ? 0 : h->date_len; /* of several, the last counts */
    } else if ((h->seen & SEEN(h->field)) != 0) {
        refuse(h, W_TWICE); /* even where both say the same (RFC 9112 6.3, H08, H14) */
    } else {
        h->seen |= (uint8_t)SEEN(h->field);
    }
}

static void name_octet(struct sts_http *h, uint8_t c)
{
    if (c == ':') {
        value_begins(h);
        return;
    }
    for (uint8_t i = 0; i < F_COUNT; i++) {
        if ((h->alive & SEEN(i)) != 0 && (uint8_t)fields[i].name[h->at] != sts_lower(c)) {
            h->alive &= (uint8_t)~SEEN(i);
        }
    }
    if (h->alive != 0) {
        h->at++; /* within the longest name: its NUL equals no octet */
    }
}

static void line_begins(struct sts_http *h, uint8_t c)
{
    /* Interim answers (RFC 9110 15.2) and trailers (RFC 9110 6.5.1) say nothing about the policy. */
    h->alive = h->status != 200 || h->seen & SEEN_HEAD ? 0 : SEEN(F_COUNT) - 1;
    h->at = 0;
    if (h->fields++ == FIELDS_MAX) {
        refuse(h, W_HEAD);
    } else {
        name_octet(h, c);
    }
}

/* An octet of a value that matters. */
static void value_octet(struct sts_http *h, uint8_t c)
{
    uint8_t why = (uint8_t)(W_TYPE + h->field);

    if (h->field == F_LENGTH) {
        number_octet(h, c, 10, why);
    } else if ((uint8_t)fields[h->field].value[h->at++] != sts_lower(c)) {
        refuse(h, why);
    }
}

/* An octet of the date, without the white space around it. One that is too long is none. */
static void date_octet(struct sts_http *h, uint8_t c)
{
    if ((c == ' ' || c == '\t') && (h->date_len == 0 || h->date_len >= STS_HTTP_DATE)) {
        return;
    }
    if (h->date_len < STS_HTTP_DATE) {
        h->date[h->date_len] = (char)c;
    }
    if (h->date_len <= STS_HTTP_DATE) {
        h->date_len++;
    }
}

/* The octet behind a value that matters. Parameters, and so ";", belong to a media type alone
 * (RFC 9110 8.3.1). */
static void value_ends(struct sts_http *h, uint8_t c)
{
    bool cut = h->field != F_LENGTH && fields[h->field].value[h->at] != '\0';

    if (cut || (c == ';' && h->field != F_TYPE)) {
        refuse(h, (uint8_t)(W_TYPE + h->field));
    }
}

/* ---- framing ------------------------------------------------------------------------------ */

static void chunk_begins(struct sts_http *h)
{
    h->state = S_SIZE;
    h->at = 0;
    h->left = 0;
}

/* RFC 9112 6.3. Both framings at once, and chunks from HTTP/1.0, are faults (6.1, H09). */
static void frame_body(struct sts_http *h)
{
    if ((h->seen & SEEN(F_TYPE)) == 0) {
        refuse(h, W_TYPE); /* */
    } else if ((h->seen & SEEN(F_TRANSFER)) == 0 && (h->seen & SEEN(F_LENGTH)) == 0) {
        h->state = S_CLOSE;
        h->left = h->body_max;
    } else if ((h->seen & SEEN(F_TRANSFER)) == 0) {
        h->state = h->left != 0 ? S_LENGTH : S_DONE;
    } else if ((h->seen & (SEEN(F_LENGTH) | SEEN_1_0)) != 0) {
        refuse(h, W_FRAMING);
    } else {
        chunk_begins(h);
    }
}

static void head_ends(struct sts_http *h)
{
    if ((h->seen & SEEN_HEAD) != 0) {
        h->state = S_DONE; /* of the trailers */
    } else if (h->status != 200) {
        begin(h);
    } else {
        frame_body(h);
    }
}

/* RFC 9112 7.1: chunk-size = 1*HEXDIG. */
static void size_octet(struct sts_http *h, uint8_t c)
{
    if (h->state == S_SIZE) {
        number_octet(h, c, 16, W_CHUNK);
    } else if (h->at == 0) {
        refuse(h, W_CHUNK);
    }
}

static void size_ends(struct sts_http *h)
{
    if (h->left == 0) { /* the last chunk: trailers (RFC 9112 7.1.2) or the empty line follow */
        h->state = S_LINE;
        h->seen |= SEEN_HEAD;
        h->field = F_TYPE;
    }
}

/* ---- feed --------------------------------------------------------------------------------- */

/* What an octet means beside the state that it leads to, h->state already. */
static void act(struct sts_http *h, uint8_t from, uint8_t c)
{
    switch (from) {
    case S_STATUS: status_octet(h, c); break;
    case S_LINE:
        if (h->state == S_ANY) {
            fold(h);
        } else if (h->state == S_NAME) {
            line_begins(h, c);
        }
        break;
    case S_NAME: name_octet(h, c); break;
    case S_SPACE:
    case S_TOKEN:
    case S_TAIL:
        if (h->state == S_TOKEN) {
            value_octet(h, c);
        } else if (h->state != S_SPACE) {
            value_ends(h, c);
        }
        break;
    case S_ANY:
        if (h->state == S_ANY && h->field == F_DATE) {
            date_octet(h, c);
        }
        break;
    case S_HEAD_LF: head_ends(h); break;
    case S_SIZE: size_octet(h, c); break;
    case S_SIZE_LF: size_ends(h); break;
    case S_CHUNK_LF: chunk_begins(h); break;
    default: break;
    }
}

static void head_octet(struct sts_http *h, uint8_t c)
{
    uint8_t from = h->state;

    h->state = next_state[from][class_of(c)];
    if (h->state == S_BAD) {
        refuse(h, from == S_STATUS ? W_NOT_HTTP : from < S_EXT ? W_LINE : W_CHUNK);
    } else if (from < S_FREE && (h->line++ == LINE_MAX || h->head++ == HEAD_MAX)) {
        refuse(h, W_HEAD);
    } else {
        act(h, from, c);
    }
    if (c == '\n') {
        h->line = 0;
    }
}

/* A run of body octets: how many of len, which is not 0. */
static size_t body_run(struct sts_http *h, size_t len)
{
    if (len > h->left) {
        len = h->left;
    }
    h->left -= (uint32_t)len;
    h->body += (uint32_t)len;
    if (len == 0) {
        refuse(h, W_LARGE); /* of S_CLOSE alone: the others leave their state with left == 0 */
    } else if (h->left == 0 && h->state != S_CLOSE) {
        h->state = h->state == S_CHUNK ? S_CHUNK_CR : S_DONE;
    }
    return len;
}

int32_t sts_http_feed(struct sts_http *h, const uint8_t *bytes, size_t len, const uint8_t **body,
                      size_t *body_len)
{
    size_t used = 0;

    *body = bytes;
    *body_len = 0;
    while (used < len && h->state < S_BODY) {
        head_octet(h, bytes[used++]);
    }
    if (used < len && h->state < S_DONE) {
        *body = bytes + used;
        *body_len = body_run(h, len - used);
        used += *body_len;
    }
    return h->state == S_BAD ? STS_ERR_PROTO : (int32_t)used;
}

/* ---- the date ------------------------------------------------------------------------------ */

/* Days from 1970-01-01 to the first of a month, 0 January; the year is 1970 or later. Gregorian, with the year begun in March, so
 * that a leap day is its last. */
static uint32_t days_to(uint32_t year, uint32_t month)
{
    if (month < 2) {
        month += 12;
        year--;
    }
    return 365 * year + year / 4 - year / 100 + year / 400 + (153 * month - 304) / 5 - 719468;
}

/* The number of the month whose name is at `name`; 12: none. */
static uint32_t month_of(const char *name)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    uint32_t month = 0;

    while (month < 12 && memcmp(names + 3 * month, name, 3) != 0) {
        month++;
    }
    return month;
}

/* RFC 9110 5.6.7: IMF-fixdate, the one form that servers write. The name of the day is not looked at. */
int64_t sts_http_date(const struct sts_http *h)
{
    static const char form[] = "aaa, 99 aaa 9999 99:99:99 GMT";
    uint32_t n[5] = {0}, month = month_of(h->date + 8); /* day, year, hour, minute, second */
    size_t k = 0;

    if (h->date_len != STS_HTTP_DATE || month == 12) {
        return -1;
    }
    for (size_t i = 0; i < STS_HTTP_DATE; i++) {
        uint8_t c = (uint8_t)h->date[i];

        if (form[i] == '9' && sts_is_digit(c)) {
            n[k] = n[k] * 10 + c - '0';
            k += form[i + 1] != '9';
        } else if (form[i] != 'a' && form[i] != (char)c) {
            return -1;
        }
    }
    if (n[0] - 1 > 30 || n[1] < 1970 || n[2] > 23 || n[3] > 59 || n[4] > 60) {
        return -1;
    }
    return (int64_t)(days_to(n[1], month) + n[0] - 1) * 86400 + (n[2] * 60 + n[3]) * 60 + n[4];
}

/* ---- the end ------------------------------------------------------------------------------- */

bool sts_http_done(const struct sts_http *h)
{
    return h->state == S_DONE;
}

int sts_http_end(struct sts_http *h, bool authenticated)
{
    if (h->state == S_BAD) {
        return STS_ERR_PROTO;
    }
    if (h->state == S_CLOSE && authenticated) {
        h->state = S_DONE;
    }
    if (h->state == S_DONE) {
        return STS_OK;
    }
    refuse(h, h->state == S_CLOSE ? W_END : W_SHORT);
    return STS_ERR_CLOSED;
}

const char *sts_http_reason(const struct sts_http *h)
{
    const char *text = reasons;

    for (uint8_t i = 0; i < h->why; i++) {
        text += sts_len(text) + 1;
    }
    return text;
}
