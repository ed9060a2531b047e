/* SPDX-License-Identifier: MIT
 *
 * One delivery at a time: discover how the recipients' domain wants to be reached, deliver that
 * way, and say what happened. poll() never waits; all memory is in struct sts_mailer.
 */
#ifndef STSMAIL_MAILER_H
#define STSMAIL_MAILER_H

#include <stsmail/dkim.h>
#include <stsmail/mailer_types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sts_mailer_config {
    const struct sts_net    *net;
    const struct sts_tls    *tls;
    const struct sts_random *random;
    const struct sts_store  *store; /* or NULL: policies are not kept */
    const struct sts_log    *log;   /* or NULL */

    const char *hostname; /* for EHLO: a fully qualified name or an address literal (RFC 5321 4.1.4) */
    const struct sts_endpoint *dns; /* recursive resolvers, in order; port 53 if 0 */
    size_t      dns_count;          /* 1..STS_DNS_SERVERS */

    uint8_t floor; /* enum sts_floor */
    const struct sts_domain_floor *floors;
    size_t  floors_count;
    const struct sts_provisioned *provisioned;
    size_t  provisioned_count;

#if STS_DKIM
    struct sts_dkim *dkim; /* signs all mail (dkim.h), ready for use and the mailer's own while it has one; NULL: none is
                              signed */
#endif

    uint32_t timeout_s;  /* the longest that one step may take; 0: 30 s for a name, 60 s for a
                            policy and for connecting, RFC 5321 4.5.3.2 for replies */
    uint16_t smtp_port;  /* 0: 25 */
    uint16_t https_port; /* 0: 443 */

    /* Called once per attempt, when it is over, and once when the decision is made. May be NULL. They must
     * not call the mailer. */
    void *ctx;
    void (*on_attempt)(void *ctx, const struct sts_attempt *attempt);
    void (*on_decision)(void *ctx, const struct sts_decision *decision);

    /* What the owner should hear of: enum sts_event. May be NULL; must not call the mailer. */
    void (*on_event)(void *ctx, int event, const char *domain);

    /* The Date field of an HTTPS answer that came over verified TLS: for sts_clock_confirm(). May be NULL; must not call the
     * mailer. */
    void (*on_date)(void *ctx, int64_t utc_s);

    /* The next piece of a policy's file, as it is fetched, valid or not (tlsrpt.h: sts_tlsrpt_policy_text); len 0: a new
     * one begins. May be NULL; must not call the mailer. */
    void (*on_policy_text)(void *ctx, const void *bytes, size_t len);
};

/* What to send. The caller keeps all of it in place until the delivery is over. */
struct sts_mail {
    const char               *sender;     /* envelope sender, "" for the null sender */
    struct sts_recipient     *recipients; /* all in one domain */
    size_t                    count;      /* at least 1 */
    const struct sts_message *message;
    uint8_t                   floor; /* enum sts_floor for this mail: can raise the mailer's, never lower it */
    const struct sts_provisioned *provisioned; /* for this mail, beside the mailer's, which win */
    size_t                    provisioned_count;
};

struct sts_mailer; /* defined at the end of this header */

/* Prepares a mailer. `config` and all it names stay in place. STS_OK; STS_ERR_ARG (also a floor or a
 * provisioned policy that could never apply: no such level or mode, or no domain of that form),
 * STS_ERR_NAME (the hostname), STS_ERR_CONFIG (no DNS server; library and program built with other
 * limits). After an error nothing can be begun with it: STS_ERR_STATE. */
#define sts_mailer_init(m, config) sts_mailer_init_sized((m), sizeof(struct sts_mailer), (config))
int sts_mailer_init_sized(struct sts_mailer *m, size_t size, const struct sts_mailer_config *config);

/* Begins a delivery. Everything that can be wrong with addresses is found before anything is sent.
 * STS_OK; STS_ERR_STATE (one is under way), STS_ERR_ARG (also a floor or a provisioned policy of the mail's that could
 * never apply, as for init), STS_ERR_ADDRESS, STS_ERR_NAME. */
int sts_mailer_send(struct sts_mailer *m, const struct sts_mail *mail, const struct sts_time *now);

/* Begins to look up and refresh the policy of one domain and nothing else (RFC 8461 10.2): fetched
 * whatever the id and the record say. Result as for send; STS_OK: a policy was fetched and kept; STS_ERR_IO: it could
 * not be kept. */
int sts_mailer_refresh(struct sts_mailer *m, const char *domain, const struct sts_time *now);

/* Which held policy is due to be refreshed, for a device that is idle: ask every minute or so while nothing is under way, and
 * call sts_mailer_refresh() for `domain`. Due from min(1 day, max_age / 2) after the last fetch on, jittered by
 * domain and hostname, and not before some point within the first hour of asking; after failures in a row, 5 minutes later, then 10, 20, 40, and then hourly (R-105, R-106, H24). Also notices
 * policies that lapsed or were lost since (on_event). STS_OK: `domain` is due; STS_ERR_ABSENT: none is; STS_ERR_IO;
 * STS_ERR_STATE: something is under way. */
int sts_mailer_refresh_due(struct sts_mailer *m, const struct sts_time *now, char domain[STS_NAME_SIZE]);

/* Goes on as far as that is possible without waiting. STS_BUSY, or how it ended: STS_OK (delivered to
 * all) or the reason as `reason` of the CLI has it, the worst of the recipients: a temporary one before
 * a final one. Each recipient says its own. */
int sts_mailer_poll(struct sts_mailer *m, const struct sts_time *now);

/* The domain of a recipient's address, in the form in which all else names it (lower case). STS_OK, or why no mail can be
 * sent to this address: STS_ERR_ARG (NULL), STS_ERR_ADDRESS (no mailbox; an address literal), STS_ERR_NAME. */
int sts_mailer_domain(const char *address, char domain[STS_NAME_SIZE]);

/* Waits (the port's wait) until poll can go on, at most max_ms. */
void sts_mailer_wait(struct sts_mailer *m, const struct sts_time *now, uint32_t max_ms);

/* Breaks the delivery off: recipients without a verdict are STS_ERR_CLOSED. */
void sts_mailer_abort(struct sts_mailer *m);

#include <stsmail/mailer_struct.h>

#ifdef __cplusplus
}
#endif
#endif
