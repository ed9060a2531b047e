/* SPDX-License-Identifier: MIT
 *
 * What goes between DATA and the dot: a message composed from its parts, or a whole one of RFC
 * 5322 passed through. Read as a stream, as often as there are tries; never whole in RAM.
 */
#ifndef STSMAIL_MESSAGE_H
#define STSMAIL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stsmail/config.h>
#include <stsmail/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where bytes come from. Read from the start again for each try, so that what is sent twice is
 * the same twice. */
struct sts_source {
    void *ctx;
    /* Back to the first byte. STS_OK or STS_ERR_IO. */
    int (*rewind)(void *ctx);
    /* Bytes put into buf (1..size), 0 at the end, < 0 (STS_ERR_IO) when they cannot be had:
     * the try is then broken off without the final dot. */
    int32_t (*read)(void *ctx, void *buf, size_t size);
};

/* A message. All of it belongs to the caller and stays in place until the delivery is over.
 * Strings are NUL-ended UTF-8.
 *
 * With `raw` set the message is what raw gives: header fields, an empty line, a body. Else
 * it is composed of the other members. */
struct sts_message {
    const struct sts_source *raw;

    const char *from;       /* mailbox of the From field; required. May carry a display name:
                               from_name */
    const char *from_name;  /* or NULL */
    const char *const *to;  /* mailboxes of the To field, or NULL: the recipients of the envelope
                               as the caller gives them in to/to_count is what users expect */
    size_t      to_count;
    const char *subject;    /* any text in one line, or NULL */
    const char *body;       /* any text, LF or CRLF lines; or NULL */
    const struct sts_source *body_source; /* instead of body; UTF-8 text */
    int64_t     date_s;     /* for the Date field: seconds since 1970, UTC */
    const char *message_id; /* "unique@host", without angle brackets; the same on each try */
};

#ifdef __cplusplus
}
#endif
#endif
