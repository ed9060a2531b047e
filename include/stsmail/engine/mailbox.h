/* SPDX-License-Identifier: MIT
 *
 * A mailbox of RFC 5321 4.1.2, with RFC 6531's UTF-8 in the local part. Strict: what this grammar does not
 * allow never reaches the wire, so no address can smuggle a command, a parameter or a header.
 */
#ifndef STSMAIL_ENGINE_MAILBOX_H
#define STSMAIL_ENGINE_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>

#include <stsmail/config.h>

struct sts_mailbox {
    size_t local_len;   /* bytes before the "@" */
    const char *domain; /* within the text given, after the "@" */
    size_t domain_len;
    bool utf8;    /* the local part is not ASCII: needs SMTPUTF8 */
    bool literal; /* the domain is an address literal: [192.0.2.1], [IPv6:...] */
};

/* STS_OK, or STS_ERR_ADDRESS: not Dot-string or Quoted-string "@" Domain or literal; local part over 64
 * octets, whole over 254; any control octet, CR, LF or NUL anywhere; a domain that is not A-labels. */
int sts_mailbox_parse(const char *text, size_t len, struct sts_mailbox *out);

#endif
