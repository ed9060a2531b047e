/* SPDX-License-Identifier: MIT
 *
 * What is counted for a TLS report, as octets: entries one behind another, each with its length first. A policy begins a section, and what
 * failed under it follows. Numbers are big-endian.
 *
 *   length 2 | STS_TLSRPT_POLICY  | type 1 | print 4 | successes 4 | failures 4 | the policy's text
 *   length 2 | STS_TLSRPT_FAILURE | error 1 | count 4 | sender 17 | receiver 17 | mx, NUL
 *   length 2 | STS_TLSRPT_FAILURE | error 1 | count 4            failures without a place of their own
 */
#ifndef STSMAIL_ENGINE_TLSRPT_H
#define STSMAIL_ENGINE_TLSRPT_H

#include <stsmail/tlsrpt.h>

enum {
    STS_TLSRPT_POLICY = 'P',
    STS_TLSRPT_FAILURE = 'F',

    STS_TLSRPT_NONE = 0, /* type: no policy was found */
    STS_TLSRPT_STS = 1,

    /* places in an entry */
    STS_TLSRPT_KIND = 2,
    STS_TLSRPT_TYPE = 3,
    STS_TLSRPT_PRINT = 4,
    STS_TLSRPT_GOOD = 8,
    STS_TLSRPT_BAD = 12,
    STS_TLSRPT_TEXT = 16, /* and the length of a policy without text */

    STS_TLSRPT_ERROR = 3, /* less its sign */
    STS_TLSRPT_COUNT = 4,
    STS_TLSRPT_SENDER = 8, /* and the length of a failure without a place */
    STS_TLSRPT_RECEIVER = 25,
    STS_TLSRPT_MX = 42,

    /* Bounds, so that policies and failures without a place always fit: 3 * (16 + SIZE / 5) + 3 * 9 * 8 < SIZE. */
    STS_TLSRPT_POLICIES = 3,
    STS_TLSRPT_TEXT_MAX = STS_TLSRPT_SIZE / 5,
};

static inline uint32_t sts_tlsrpt_get(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline size_t sts_tlsrpt_length(const uint8_t *entry) { return (size_t)entry[0] << 8 | entry[1]; }

/* Reads a day's record and checks that it is what is said above. STS_OK; STS_ERR_ABSENT, STS_ERR_IO: it is empty then. STS_ERR_NAME:
 * the domain is too long to have reports. */
int sts_tlsrpt_load(const struct sts_store *store, sts_day day, const char *domain, struct sts_tlsrpt_day *record);

#endif
