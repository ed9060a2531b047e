/* SPDX-License-Identifier: MIT
 *
 * Reports on their way (RFC 8460 3, 5), for a program on Linux and for firmware alike: what goes where, and what becomes of it.
 */
#ifndef BOARDS_COMMON_REPORTER_H
#define BOARDS_COMMON_REPORTER_H

#include <stsmail/mailer.h>
#include <stsmail/tlsrpt.h>

struct reporter {
    const struct sts_tlsrpt_config *config;
    const struct sts_mailer_config
        *settings;             /* network, name servers, floors, the key: of this mailer */
    struct sts_mailer *mailer; /* idle */
    void (*time)(struct sts_time *now);
    bool (*urgent)(void); /* an alert is due: the report is broken off, to be tried again */
    /* For a person: "the report of this day about `domain` WHAT URI: WHY"; uri may be NULL, why may be "". */
    void (*note)(sts_day day, const char *domain, const char *what, const char *uri,
                 const char *why);
};

/* Sends one report that is due, if one is. What became of it is noted, and hinders nothing. Returns whether another one may be
 * due. One after the other: its memory, some 8 KB, is there once. */
bool reporter_send(const struct reporter *r);

#endif
