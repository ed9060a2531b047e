/* SPDX-License-Identifier: MIT
 *
 * Turns a struct sts_message into what goes between DATA and the dot: composed or passed through,
 * lines ended by CRLF, no bare CR or LF, no NUL, no line over 998 octets, dots stuffed (RFC 5321
 * 4.5.2, 4.5.3.1.6; RFC 5322 2.1.1).
 *
 * A composed message is ASCII on the wire whatever its text is (RFC 2047, quoted-printable), but for
 * UTF-8 mailboxes in From and To.
 *
 * A raw message is passed through with these changes and no others: LF and a lone CR become CRLF, a
 * missing last CRLF is added, body lines over 998 octets are folded by CRLF and a space; if any header line is
 * over 998 octets, header lines are folded at their white space. Refused (STS_ERR_MESSAGE): a NUL anywhere; a header
 * that does not begin with a field, that holds a line that is neither a field nor the continuation of one, a
 * control octet but HTAB, or octets over 127 that are not UTF-8; a header line that can't be folded.
 */
#ifndef STSMAIL_ENGINE_MESSAGE_H
#define STSMAIL_ENGINE_MESSAGE_H

#include <stsmail/engine/text.h>
#include <stsmail/engine/utf8.h>
#include <stsmail/message.h>

/* What has to be known before MAIL. */
struct sts_message_facts {
    uint64_t size;    /* octets as RFC 1870 counts them: CRLFs yes, stuffed dots and final dot no */
    bool eightbit;    /* the body has octets over 127: needs 8BITMIME */
    bool utf8_header; /* the header has: needs SMTPUTF8 (RFC 6532) */
    bool folded;      /* body lines over 998 octets were folded by CRLF and a space */
    bool dated;       /* a raw header has a Date field */
};

/* Reads a message; about 280 bytes. */
struct sts_reader {
    const struct sts_message *message;
    struct sts_message_facts facts; /* counted as the reading goes on; complete at the end */
    const char *run;                /* header text being given, up to its NUL */
    char after;                     /* what follows it, NUL: nothing */
    uint8_t state;                  /* where in the message */
    uint8_t why;                    /* enum sts_message_why */
    uint8_t field;                  /* composed header field being given */
    bool labelled;                  /* its name was given */
    uint8_t mbox;                   /* octets that look like mbox's "From " */
    uint8_t date;                   /* octets of this raw header line that look like "Date" */
    uint8_t held;                   /* white space that waits for the octet after it, 0: none */
    bool stuff;                     /* whether dots are stuffed and the end-of-data is added */
    bool special;            /* composed body: as quoted-printable; raw header: to be folded */
    bool cr;                 /* the last input octet was CR */
    bool blank;              /* the last octet of this quoted-printable line is white space */
    bool visible;            /* this header line has something beside white space */
    uint16_t column;         /* octets in this output line */
    uint8_t in_at, in_len;   /* input not yet used */
    uint8_t out_at, out_len; /* output not yet given */
    struct sts_utf8 utf8;
    size_t piece;  /* next mailbox of To */
    size_t at;     /* within a header text, or within message->body */
    int error;     /* sticky */
    uint32_t line; /* input line from 1, 0: a member of the struct */
    uint8_t in[64];
    uint8_t out[88];
};

/* Checks everything that can be checked without reading the source: addresses, header values (CR, LF and every other
 * control octet but HTAB are refused, and what is not UTF-8). STS_OK, STS_ERR_ADDRESS, STS_ERR_MESSAGE; STS_ERR_ARG
 * (no From, a date beyond the year 9999); STS_ERR_CLOCK (a composed message whose date_s is not after 1970-01-01
 * 00:00:00, as of a clock that was never set: no message goes out with a Date of 1970). */
int sts_message_check(const struct sts_message *m);

/* Begins to read from the first octet. stuff: for the wire, with dots stuffed and CRLF "." CRLF at the end (RFC
 * 5321 4.1.1.4); else the plain message. STS_OK, STS_ERR_IO, and the errors of sts_message_check().
 * Reads up to 16 KiB of the source ahead, to see how the message has to be written. */
int sts_reader_start(struct sts_reader *r, const struct sts_message *m, bool stuff);

/* As above for a message that is kept before it is sent: not stuffed; and a composed one whose time is not known yet
 * (date_s <= 0) comes without a Date field, to be given one later (C11). */
int sts_reader_start_kept(struct sts_reader *r, const struct sts_message *m);

/* Once it was started, and before anything was read: header fields, each ended by CRLF, that go in front of the
 * message. NUL-ended; stays in place. */
void sts_reader_lead(struct sts_reader *r, const char *fields);

/* Bytes put into buf (1..size), 0 at the end, < 0: STS_ERR_IO (the source), STS_ERR_MESSAGE (what was read cannot be
 * sent); sticky. size >= 1. Reads at most a few hundred octets of the source per call beyond what it gives. */
int32_t sts_reader_read(struct sts_reader *r, uint8_t *buf, size_t size);

/* For a person, after an error: what is wrong; r->line says in which line (0: in a member of the
 * struct). Static; "" if nothing is. */
const char *sts_reader_reason(const struct sts_reader *r);

/* ---- between core/message.c and core/compose.c ------------------------------------------- */

/* What is wrong with a message; the table in message.c has the error and a sentence for each. */
enum sts_message_why {
    STS_WHY_NOTHING = 0,
    STS_WHY_SOURCE,
    STS_WHY_ARGUMENT,
    STS_WHY_DATE,
    STS_WHY_CLOCK,
    STS_WHY_FROM,
    STS_WHY_TO,
    STS_WHY_NAME,
    STS_WHY_SUBJECT,
    STS_WHY_ID,
    STS_WHY_EMPTY,
    STS_WHY_NO_HEADER,
    STS_WHY_MBOX,
    STS_WHY_FIELD,
    STS_WHY_CONTROL,
    STS_WHY_UTF8,
    STS_WHY_LONG,
    STS_WHY_NUL,
    STS_WHY_COUNT,
};

/* What is wrong with the members of a message that is to be composed (enum sts_message_why). */
uint8_t sts_compose_check(const struct sts_message *m);

/* The text of a Date field: 31 octets (RFC 5322 3.3). date_s: 0..STS_DATE_MAX. */
#define STS_DATE_MAX INT64_C(253402300799) /* 9999-12-31 23:59:59: four digits of a year */
void sts_compose_date(struct sts_out *o, int64_t date_s);

/* Gives the next piece of the composed header; false: there is no more, the body begins. */
bool sts_compose_step(struct sts_reader *r);

/* Gives one octet, stuffed and counted. One step may give as many as r->out holds, less one. */
void sts_reader_put(struct sts_reader *r, char c);

/* Gives an octet as "=XX" (RFC 2045 6.7, RFC 2047 4.2). */
void sts_reader_put_hex(struct sts_reader *r, uint8_t c);

#endif
