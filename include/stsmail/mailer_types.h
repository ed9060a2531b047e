/* SPDX-License-Identifier: MIT
 *
 * The words in which a delivery is asked for and told: floor, recipient, decision, attempt.
 */
#ifndef STSMAIL_MAILER_TYPES_H
#define STSMAIL_MAILER_TYPES_H

#include <stsmail/config.h>
#include <stsmail/error.h>
#include <stsmail/message.h>
#include <stsmail/policy.h>
#include <stsmail/port.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What this sender demands on top of any policy; the stricter of the two wins (C-7). */
enum sts_floor {
    STS_FLOOR_OPPORTUNISTIC = 0, /* as the RFCs: TLS where offered, policies obeyed */
    STS_FLOOR_ENCRYPTED,         /* TLS always, with whatever certificate */
    STS_FLOOR_VERIFIED,          /* TLS whose certificate is valid for the MX's name */
    STS_FLOOR_POLICY,            /* that, and MX names vouched for by a policy in force */
};

/* A floor, or a policy, for one domain. */
struct sts_domain_floor {
    const char *domain; /* lower case A-labels, no root dot */
    uint8_t     floor;  /* enum sts_floor; the stricter of this and the mailer's counts */
};
struct sts_provisioned {
    const char              *domain;
    const struct sts_policy *policy; /* holds from the first contact, never looked up, never expires */
};

/* What the owner should hear of, whoever runs the device; each is also a line in the log (STS_LOG_WARNING). */
enum sts_event {
    STS_EVENT_POLICY_WEAKENED = 1, /* a held policy was replaced by one of a lesser mode, or of the same mode and less than a
                                      quarter of its max_age (P04) */
    STS_EVENT_POLICY_LAPSED,       /* an enforced policy ran out, and no other could be had (P26) */
    STS_EVENT_CACHE_LOST,          /* an enforced policy was held and cannot be found any more (F06) */
    STS_EVENT_REFRESH_FAILING,     /* fetching a policy that is held failed several times in a row */
};

/* One recipient. `address` is the caller's; the rest is filled by the mailer. */
struct sts_recipient {
    const char *address;               /* mailbox without angle brackets; domain part in A-labels */
    int         error;                 /* STS_OK: delivered. Else why not */
    bool        final;                 /* "never" rather than "later": another try cannot help. Not
                                          the same as sts_err_final(error): an NXDOMAIN or a 5yz that
                                          may be forged is put off (C-11) */
    uint16_t    code;                  /* the reply that decided, 0: none */
    char        reply[STS_REPLY_SIZE]; /* its text with the code, printable, cut; "" if none */
};

/* Where the policy came from. */
enum sts_policy_source {
    STS_SOURCE_NONE = 0,
    STS_SOURCE_FETCHED,
    STS_SOURCE_CACHED,
    STS_SOURCE_PROVISIONED,
};

/* What was decided about the domain. */
struct sts_decision {
    const char *domain;          /* the policy domain */
    uint8_t  source;             /* enum sts_policy_source */
    uint8_t  mode;               /* enum sts_mode; meaningless if source is NONE */
    uint8_t  floor;              /* enum sts_floor in force for this domain */
    uint32_t max_age_s;
    char     id[STS_ID_SIZE];    /* "" if not known */
    int      error;              /* STS_OK, or why an announced policy could not be had:
                                    STS_ERR_POLICY_* */
    int      fetch_error;        /* STS_OK, or why the policy, announced or held, could not be fetched just
                                    now: STS_ERR_POLICY_*. Not set where nothing was tried */
    const struct sts_policy *policy; /* NULL if source is NONE; until the next send */
};

/* One try to reach one host. */
struct sts_attempt {
    const char   *mx;           /* host name, lower case, no root dot */
    struct sts_ip address;      /* family 0: none was tried */
    bool          reached;      /* a connection to it was made */
    int8_t        policy_match; /* 1, 0, or -1 where no policy applies or a cut one cannot say */
    uint16_t      tls_version;  /* 0x0303, 0x0304, 0 */
    bool          verified;     /* chain and name were verified */
    int           error;        /* STS_OK, or what was wrong. May be set on a delivery that went
                                   through, in testing mode */
    const char   *reply;        /* the reply that ended the attempt where error is STS_ERR_TEMPFAIL
                                   or STS_ERR_REJECTED; else "" */
    const struct sts_decision *decision; /* what it was tried under */
    struct sts_ip sender;         /* this side's address; family 0: not known */
    int           tls_error;      /* STS_OK, or why the certificate was not verified, TLS being up all the same */
    bool          again;          /* without TLS on purpose: the try before this one has failed to set it up */
};

#ifdef __cplusplus
}
#endif
#endif
