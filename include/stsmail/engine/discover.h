/* SPDX-License-Identifier: MIT
 *
 * Everything to know about a domain before the first octet to an MX: its MX hosts, the record, the policy in force. Questions that do
 * not depend on each other go out together (MX, TXT, the policy host's addresses: one flight).
 */
#ifndef STSMAIL_ENGINE_DISCOVER_H
#define STSMAIL_ENGINE_DISCOVER_H

#include <stsmail/engine/cache.h>
#include <stsmail/engine/fetch.h>
#include <stsmail/engine/mx.h>
#include <stsmail/mailer_types.h>

/* What discovery is given; stays in place. */
struct sts_discover_config {
    const struct sts_store       *store;  /* or NULL */
    const struct sts_random      *random;
    const struct sts_log         *log;    /* or NULL */
    const struct sts_provisioned *provisioned;
    size_t                        provisioned_count;
    const struct sts_provisioned *more; /* where those above say nothing */
    size_t                        more_count;
    const char                   *hostname;
    uint32_t                      dns_timeout_s, fetch_timeout_s;
    uint16_t                      https_port;
    void                         *ctx; /* of the two that follow, as in struct sts_mailer_config; each may be NULL */
    void (*on_event)(void *ctx, int event, const char *domain);
    void (*on_date)(void *ctx, int64_t utc_s);
    void (*on_policy_text)(void *ctx, const void *bytes, size_t len);
};

struct sts_discover {
    struct sts_discover_config config;
    struct sts_resolver       *resolver;
    struct sts_stream         *stream;
    const char                *domain;
    struct sts_fetch           fetch;
    struct sts_record          record;
    struct sts_cached          cached;
    struct sts_mx_list         list;
    struct sts_decision        decision; /* complete whatever the result */
    int                        mx_result, txt_result, cache_result, fetch_result;
    int8_t                     mx_slot, txt_slot;
    uint8_t                    state;
    bool                       refresh; /* fetch whatever is held, and nothing else */
    struct sts_policy          policy;
};

/* Begins. `domain` is canonical and stays in place; `stream` is closed, and this one's own until the end. STS_OK, STS_ERR_NAME
 * (D34: a prefix does not fit), STS_ERR_SPACE. */
int sts_discover_start(struct sts_discover *d, const struct sts_discover_config *config,
                       struct sts_resolver *resolver, struct sts_stream *stream,
                       const char *domain, bool refresh, const struct sts_time *now);

/* STS_BUSY; STS_OK: d->list and d->decision hold (for a refresh: a policy was fetched and kept); else why mail cannot be sent:
 * STS_ERR_DNS, STS_ERR_NXDOMAIN, STS_ERR_NULL_MX, STS_ERR_LOOP, STS_ERR_IO (whether a policy is held cannot be
 * known), for a refresh STS_ERR_IO (fetched, not kept) or what
 * sts_fetch_poll() says. What of this is final is the caller's to say: sts_route_lenient(). */
int sts_discover_poll(struct sts_discover *d, const struct sts_time *now);

/* Whether d->list can be looked at already, while the policy is still on its way. */
bool sts_discover_has_mx(const struct sts_discover *d);

/* Gives everything back to resolver and stream. Harmless at any time after start. */
void sts_discover_stop(struct sts_discover *d);

/* How much a fleet's refreshes spread: a number that is fixed for a device. */
uint32_t sts_discover_seed(const char *hostname);

/* Tells of policies that are gone, and looks for one that is due to be refreshed; while `quiet`, none is. Of config: store, log, hostname, ctx,
 * on_event. As sts_mailer_refresh_due(). */
int sts_discover_due(const struct sts_discover_config *config, const struct sts_time *now,
                     bool quiet, char domain[STS_NAME_SIZE]);

size_t sts_discover_wait(const struct sts_discover *d, const struct sts_time *now,
                         struct sts_wait *w, size_t max, uint32_t *ms);

#endif
