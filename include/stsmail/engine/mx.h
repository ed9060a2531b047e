/* SPDX-License-Identifier: MIT
 *
 * Which hosts take a domain's mail, and in which order (RFC 5321 5.1). Fixed memory: of more hosts than fit, the best
 * are kept.
 */
#ifndef STSMAIL_ENGINE_MX_H
#define STSMAIL_ENGINE_MX_H

#include <stsmail/config.h>
#include <stsmail/engine/dns.h>

struct sts_mx {
    uint16_t preference;
    uint16_t tie; /* random: the order among equals (RFC 5321 5.1) */
    char     name[STS_NAME_SIZE];
};

struct sts_mx_list {
    struct sts_mx mx[STS_MX_MAX]; /* best first */
    uint16_t      count;
    bool          null;    /* a null MX was there (RFC 7505) */
    bool          own;     /* this host was there, with own_preference */
    bool          skipped; /* there were names that no mail can go to (D27), or more than fit */
    uint16_t      own_preference;
};

void sts_mx_start(struct sts_mx_list *l);

/* Adds one MX record; `own` is this host's name. Names that cannot be hosts are skipped (D27), a name that
 * stands there twice counts once, with its better preference. */
void sts_mx_add(struct sts_mx_list *l, const struct sts_dns_rr *rr, uint16_t tie, const char *own);

/* No more records: if this host is among them, those of equal or worse preference go (RFC 5321 5.1, S26). */
void sts_mx_finish(struct sts_mx_list *l);

/* The implicit MX: the domain itself (RFC 5321 5.1, R-073), unless that is this host. */
void sts_mx_implicit(struct sts_mx_list *l, const char *domain, const char *own);

#endif
