/* SPDX-License-Identifier: MIT
 *
 * One SMTP reply (RFC 5321 4.2), a byte at a time: its code, its lines, and where it ends. Hostile
 * by default: whatever the grammar does not allow ends the session, for a reply that is read in
 * two ways is how commands and answers come apart.
 */
#ifndef STSMAIL_ENGINE_REPLY_H
#define STSMAIL_ENGINE_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include <stsmail/config.h>
#include <stsmail/error.h>

/* Octets of a line with its CRLF. RFC 5321 4.5.3.1.5 allows 512; servers that explain themselves
 * send more (S01). */
#define STS_REPLY_LINE_MAX 1000
/* Lines and octets of one reply (S02, S30). */
#define STS_REPLY_LINES_MAX 128
#define STS_REPLY_TOTAL_MAX 8192

/* A line ended and others of the same reply follow. */
#define STS_REPLY_LINE 2

struct sts_reply {
    uint8_t  state;
    uint8_t  lines;  /* that have ended */
    bool     cut;    /* the line is longer than what is kept of it */
    uint16_t number; /* code of the line being read, as far as it came */
    uint16_t code;   /* of the reply, valid from the first line's end: 200..599 */
    uint16_t line_len, total; /* octets */
    uint16_t len;             /* characters in line */
    char     line[STS_REPLY_SIZE]; /* the line, its code too: printable, escaped, cut, NUL-ended */
};

/* Begins a reply. */
void sts_reply_start(struct sts_reply *r);

/* Takes one byte. STS_BUSY: the line goes on. STS_REPLY_LINE: r->line is whole, more lines follow.
 * STS_OK: r->line is the last, r->code the code of all; call sts_reply_start() next.
 * STS_ERR_PROTO, from then on: not a reply, or over a limit. */
int sts_reply_feed(struct sts_reply *r, uint8_t byte);

#endif
