/* SPDX-License-Identifier: MIT
 *
 * The header of a message that a program gave to sendmail: who it is for, what it lacks.
 */
#ifndef BOARDS_LINUX_HEADER_H
#define BOARDS_LINUX_HEADER_H

#include "cli.h"

struct header {
    char *text;   /* as it will be sent: without Bcc, with what was missing; ends in an empty line */
    size_t len;
    size_t body;  /* where the body begins in what was spooled */
    char **recipients; /* of To, Cc and Bcc, as they stand there */
    size_t recipients_count, recipients_room;
    bool has_from, has_date, has_id;
    bool resent; /* the recipients are those of Resent-To, Resent-Cc and Resent-Bcc */

    /* reading it as a source */
    struct sts_source spool;
    size_t at;
    bool skipped;
};

/* Reads the header of the spooled message. `recipients`: Bcc is taken out (else it stays: the sender wrote it so). A message
 * that begins with no field is all body. 0, or the exit status: it was said why. */
int header_read(struct header *h, bool recipients);

/* Adds what RFC 5322 3.6 asks for and is missing: From, Date, Message-ID (RFC 6409 8). */
void header_complete(struct header *h, const char *from, const char *name, const char *hostname);

/* The whole message, header and spooled body. */
void header_source(struct header *h, struct sts_source *out);

#endif
