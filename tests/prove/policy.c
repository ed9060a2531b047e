/* SPDX-License-Identifier: MIT */
#include "eva.h"

#include "core/text.c"

#include "core/policy.c"

/* Not by induction: Eva finds what holds in the loop by itself. */
void prove(void)
{
    static struct sts_policy policy;
    struct sts_policy_parser p;
    uint8_t octet;

    ANY(policy);
    sts_policy_start(&p, &policy);
    while (either()) {
        octet = any_octet();
        (void)sts_policy_feed(&p, &octet, 1);
        (void)sts_policy_reason(&p);
    }
    (void)sts_policy_end(&p);
    (void)sts_policy_reason(&p);
}
