/* SPDX-License-Identifier: MIT
 *
 * Reply lines of RFC 5321 4.2 as a state table.
 */
#include <stsmail/engine/reply.h>
#include <stsmail/engine/text.h>

#include <string.h>

enum {
    R_1,
    R_2,
    R_3,
    R_SEP,
    R_MORE,
    R_LAST,
    R_MORE_LF,
    R_LAST_LF,
    R_ROWS,
    R_DONE = R_ROWS,
    R_BAD
};

enum {
    C_DIGIT,
    C_MINUS,
    C_SP,
    C_CR,
    C_LF,
    C_NUL,
    C_OTHER,
    C_COUNT
};

/* Rows: place in a reply line. Columns: what arrived. RFC 5321 4.2, 4.2.1: a code without text is
 * fine, and only CR LF ends a line: CR, LF or NUL anywhere else is an error (S05). */
static const uint8_t next_state[R_ROWS][C_COUNT] = {
    /*              digit   '-'     SP      CR         LF      NUL    other */
    [R_1] = {R_2, R_BAD, R_BAD, R_BAD, R_BAD, R_BAD, R_BAD},
    [R_2] = {R_3, R_BAD, R_BAD, R_BAD, R_BAD, R_BAD, R_BAD},
    [R_3] = {R_SEP, R_BAD, R_BAD, R_BAD, R_BAD, R_BAD, R_BAD},
    [R_SEP] = {R_BAD, R_MORE, R_LAST, R_LAST_LF, R_BAD, R_BAD, R_BAD},
    [R_MORE] = {R_MORE, R_MORE, R_MORE, R_MORE_LF, R_BAD, R_BAD, R_MORE},
    [R_LAST] = {R_LAST, R_LAST, R_LAST, R_LAST_LF, R_BAD, R_BAD, R_LAST},
    [R_MORE_LF] = {R_BAD, R_BAD, R_BAD, R_BAD, R_1, R_BAD, R_BAD},
    [R_LAST_LF] = {R_BAD, R_BAD, R_BAD, R_BAD, R_DONE, R_BAD, R_BAD},
};

static uint8_t class_of(uint8_t c)
{
    switch (c) {
    case '-': return C_MINUS;
    case ' ': return C_SP;
    case '\r': return C_CR;
    case '\n': return C_LF;
    case 0: return C_NUL;
    default: break;
    }
    return sts_is_digit(c) ? C_DIGIT : C_OTHER;
}

/* What is shown to people can't drive their terminal, nor break a log or a report (S22). */
static void keep(struct sts_reply *r, uint8_t byte)
{
    struct sts_out o = {r->line, sizeof r->line, r->len, r->cut};

    sts_out_escaped(&o, &byte, 1);
    sts_out_end(&o);
    r->len = (uint16_t)o.len;
    r->cut = o.full;
}

/* A line's code is whole. RFC 5321 4.2 has 2yz to 5yz; the second digit is left open although its
 * ABNF stops at 5, since servers say 571 and the first digit decides (4.3.2). All lines of a reply
 * carry one code (S03). */
static bool code_fits(struct sts_reply *r)
{
    if (r->number < 200 || r->number > 599 || (r->lines > 0 && r->number != r->code)) {
        return false;
    }
    r->code = r->number;
    return true;
}

static bool over_limit(struct sts_reply *r)
{
    return ++r->line_len > STS_REPLY_LINE_MAX || ++r->total > STS_REPLY_TOTAL_MAX ||
           r->lines == STS_REPLY_LINES_MAX;
}

static int line_end(struct sts_reply *r)
{
    r->lines++;
    return r->state == R_DONE ? STS_OK : STS_REPLY_LINE;
}

static void line_start(struct sts_reply *r)
{
    r->line_len = 0;
    r->number = 0;
    r->len = 0;
    r->cut = false;
}

void sts_reply_start(struct sts_reply *r)
{
    memset(r, 0, sizeof *r);
}

int sts_reply_feed(struct sts_reply *r, uint8_t byte)
{
    uint8_t class = class_of(byte);

    if (r->state >= R_ROWS) {
        return STS_ERR_PROTO;
    }
    if (r->state == R_1) {
        line_start(r);
    }
    if (r->state <= R_3) {
        r->number = (uint16_t)(r->number * 10 + (byte - '0'));
    }
    r->state = next_state[r->state][class];
    if (r->state == R_BAD || over_limit(r) || (r->state == R_SEP && !code_fits(r))) {
        r->state = R_BAD;
        return STS_ERR_PROTO;
    }
    if (class == C_LF) {
        return line_end(r);
    }
    if (class != C_CR) {
        keep(r, byte);
    }
    return STS_BUSY;
}
