/* SPDX-License-Identifier: MIT
 *
 * Turns a struct sts_message into what goes between DATA and the dot: composed or passed through, lines ended by
 * CRLF, no bare CR or LF, no NUL, no line over 998 octets, dots stuffed (RFC 5321 4.5.2, 4.5.3.1.6; RFC 5322 2.1.1).
 */
#ifndef STSMAIL_ENGINE_MESSAGE_H
#define STSMAIL_ENGINE_MESSAGE_H

#include <stsmail/message.h>

/* What has to be known before MAIL. */
struct sts_message_facts {
    uint64_t size;        /* octets as RFC 1870 counts them: CRLFs yes, stuffed dots and final dot no */
    bool     eightbit;    /* the body has octets over 127: needs 8BITMIME */
    bool     utf8_header; /* the header has: needs SMTPUTF8 (RFC 6532) */
    bool     folded;      /* body lines over 998 octets were folded by CRLF and a space */
};

/* Reads a message; about 250 bytes. */
struct sts_reader {
    const struct sts_message *message;
    struct sts_message_facts  facts;  /* counted as the reading goes on; complete at the end */
    uint8_t  part;     /* what is being given: which header field, body, end */
    uint8_t  state;    /* of the line machine */
    uint8_t  why;
    bool     header;   /* still in the header of a raw message */
    bool     stuff;    /* whether dots are stuffed and the end-of-data is added */
    bool     encode;   /* composed body as quoted-printable */
    uint16_t column;   /* octets in this output line */
    uint16_t word;     /* of an encoded word */
    size_t   at;       /* within the part */
    uint32_t index;    /* of the mailbox in To */
    uint16_t in_at, in_len;   /* input not yet used */
    uint16_t out_at, out_len; /* output not yet given */
    int      error;
    uint32_t line;     /* input line, for sts_reader_reason() */
    uint8_t  in[64];
    uint8_t  out[96];
};

/* Checks everything that can be checked without reading the source: addresses, header values (CR, LF and NUL are
 * refused). STS_OK, STS_ERR_ADDRESS, STS_ERR_MESSAGE, STS_ERR_ARG. */
int sts_message_check(const struct sts_message *m);

/* Begins to read from the first octet. stuff: for the wire, with dots stuffed and CRLF "." CRLF at the end (RFC
 * 5321 4.1.1.4); else the plain message. STS_OK, STS_ERR_IO, and the errors of sts_message_check(). */
int sts_reader_start(struct sts_reader *r, const struct sts_message *m, bool stuff);

/* Bytes put into buf (1..size), 0 at the end, < 0: STS_ERR_IO (the source), STS_ERR_MESSAGE (what was read cannot be
 * sent). size >= 1. Reads at most a few hundred octets of the source per call beyond what it gives. */
int32_t sts_reader_read(struct sts_reader *r, uint8_t *buf, size_t size);

/* For a person, after STS_ERR_MESSAGE: what is wrong; r->line says in which line (0: in a member of the struct). */
const char *sts_reader_reason(const struct sts_reader *r);

#endif
