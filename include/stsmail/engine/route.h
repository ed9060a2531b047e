/* SPDX-License-Identifier: MIT
 *
 * The decision: may mail go to this MX, and what must the session prove first? A pure function of policy and
 * floor, written as a table that can be held beside RFC 8461 section 5.
 */
#ifndef STSMAIL_ENGINE_ROUTE_H
#define STSMAIL_ENGINE_ROUTE_H

#include <stsmail/mailer_types.h>

/* What is demanded of every MX of a domain. */
struct sts_demand {
    const struct sts_policy *policy; /* the policy in force, or NULL */
    uint8_t                  floor;  /* enum sts_floor */
};

/* What follows for one MX. */
struct sts_route {
    int     error;        /* STS_OK: contact it. STS_ERR_MX_MISMATCH: this one may not be used;
                             STS_ERR_POLICY_REQUIRED: none may */
    uint8_t need;         /* enum sts_need: what must be proved before MAIL */
    int8_t  policy_match; /* 1, 0; -1: no policy applies, or a cut one cannot say */
    bool    report;       /* what falls short of the policy is no obstacle, but an error to
                             report (mode testing) */
};

void sts_route(const struct sts_demand *demand, const char *mx, struct sts_route *out);

/* Whether what is learnt outside verified TLS may be final (C-11): only where neither an enforced
 * policy nor a floor above opportunistic stands in the way. */
bool sts_route_lenient(const struct sts_demand *demand);

#endif
