/* SPDX-License-Identifier: MIT
 *
 * What struct sts_mailer holds; open only so that its size is known at compile time. Its members are the
 * library's own.
 */
#ifndef STSMAIL_MAILER_STRUCT_H
#define STSMAIL_MAILER_STRUCT_H

#include <stsmail/engine/discover.h>
#include <stsmail/engine/session.h>
#include <stsmail/mailer.h>

struct sts_mailer {
    const struct sts_mailer_config *config;
    const struct sts_mail          *mail;
    struct sts_resolver             resolver;
    struct sts_stream               stream;
    struct sts_discover             discover;
    struct sts_session              session;
    struct sts_reader               reader;
    struct sts_message_facts        facts;
    struct sts_host                 host; /* addresses of mx[mx] */
    struct sts_demand               demand;
    struct sts_route                route;
    char                            domain[STS_NAME_SIZE];
    int                             result;
    int                             error;  /* of the last attempt, or the reason there was none */
    int                             scan;   /* STS_BUSY while the message is being measured */
    uint32_t                        idle_ms; /* no refresh is due before */
    uint16_t                        mx;     /* the candidate */
    uint8_t                         address; /* of the candidate */
    uint8_t                         tries;  /* connections made */
    uint8_t                         state;
    bool                            idle;       /* idle_ms is set */
    bool                            host_asked; /* for mx[mx] */
    bool                            refused;    /* every try so far ended in a final refusal */
    bool                            no_tls;     /* the handshake failed, and clear text will do */
};

#endif
