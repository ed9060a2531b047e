/* SPDX-License-Identifier: MIT
 *
 * From a domain to its MX hosts and the policy in force: RFC 8461 3, 5.1.
 */
#include <stsmail/engine/discover.h>

#include <string.h>

#include <stsmail/engine/text.h>

#define ALARM_AFTER 3  /* failures in a row, */
#define ALARM_AGAIN 24 /* and each so many: a day, at one an hour */

enum state {
    ASKING,   /* MX, TXT and the policy host's addresses are on their way */
    FETCHING, /* the policy is */
    DECIDED,
};

/* ---- questions --------------------------------------------------------------------------- */

static void take_mx(void *ctx, const struct sts_dns_rr *rr)
{
    struct sts_discover *d = ctx;
    uint16_t tie = 0;

    /* Without random numbers no question went out, so this cannot fail here; a tie in order of
     * arrival would do no harm. */
    (void)d->config.random->fill(d->config.random->ctx, &tie, sizeof tie);
    sts_mx_add(&d->list, rr, tie, d->config.hostname);
}

static void take_txt(void *ctx, const struct sts_dns_rr *rr)
{
    struct sts_discover *d = ctx;
    const uint8_t *text;
    size_t at = 0, len;

    sts_record_open(&d->record);
    while (sts_dns_txt(rr, &at, &text, &len) > 0) {
        sts_record_text(&d->record, text, len); /* joined with nothing between: R-021 */
    }
    sts_record_close(&d->record);
}

static int ask_txt(struct sts_discover *d, const struct sts_time *now)
{
    static const char prefix[] = "_mta-sts.";
    char name[STS_NAME_SIZE];
    struct sts_out o;

    sts_out_start(&o, name, sizeof name);
    sts_out_text(&o, prefix);
    sts_out_text(&o, d->domain);
    sts_out_end(&o);
    if (o.full) {
        return STS_ERR_NAME; /* D34: refused, never cut */
    }
    return sts_resolver_ask(d->resolver, name, STS_DNS_TXT, take_txt, d, d->config.dns_timeout_s,
                            now);
}

/* Asks for the record and, beside it, for the policy host: the answer is wanted as soon as the
 * record names an id that we do not hold. */
static int ask_policy(struct sts_discover *d, const struct sts_time *now)
{
    int slot = ask_txt(d, now), err;

    if (slot < 0) {
        return slot;
    }
    d->txt_slot = (int8_t)slot;
    err = sts_fetch_look(&d->fetch, d->resolver, d->stream, d->config.log, d->domain,
                         d->config.https_port, d->config.dns_timeout_s, now);
    if (err == STS_OK) {
        d->state = ASKING;
    }
    return err;
}

static int ask_mx(struct sts_discover *d, const struct sts_time *now)
{
    int slot = sts_resolver_ask(d->resolver, d->domain, STS_DNS_MX, take_mx, d,
                                d->config.dns_timeout_s, now);

    if (slot >= 0) {
        d->mx_slot = (int8_t)slot;
    }
    return slot < 0 ? slot : STS_OK;
}

static int collect(struct sts_discover *d, int8_t *slot, int *result)
{
    *result = sts_resolver_result(d->resolver, *slot);
    if (*result == STS_BUSY) {
        return STS_BUSY;
    }
    sts_resolver_drop(d->resolver, *slot);
    *slot = -1;
    return STS_OK;
}

/* ---- the policy -------------------------------------------------------------------------- */

static bool listed(struct sts_discover *d, const struct sts_provisioned *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sts_same_text(list[i].domain, d->domain)) {
            d->decision.policy = list[i].policy;
            d->decision.source = STS_SOURCE_PROVISIONED;
            return true;
        }
    }
    return false;
}

static bool provisioned(struct sts_discover *d)
{
    return listed(d, d->config.provisioned, d->config.provisioned_count) ||
           listed(d, d->config.more, d->config.more_count);
}

/* To the log, and to the owner. */
static void tell(const struct sts_discover_config *c, int event, const char *domain)
{
    static const char texts[][48] = {
        "policy-weakened: a lesser policy was fetched",
        "policy-lapsed: an enforced policy ran out",
        "cache-lost: an enforced policy is not there",
        "refresh-failing: time and again no policy comes",
    };

    sts_log_line(c->log, STS_LOG_WARNING, texts[event - 1], " for ", domain, NULL);
    if (c->on_event != NULL) {
        c->on_event(c->ctx, event, domain);
    }
}

/* Where none is held: whether one was. It is no lapse if another one is there now. */
static void tell_gone(const struct sts_discover *d, bool replaced, const struct sts_time *now)
{
    int event = d->cache_result == STS_ERR_ABSENT ? sts_cache_gone(d->config.store, d->domain, now)
                                                  : STS_OK;

    if (event > 0 && !(replaced && event == STS_EVENT_POLICY_LAPSED)) {
        tell(&d->config, event, d->domain);
    }
}

/* The policy that is held counts: no live one can be had, or none is needed. */
static void use_cached(struct sts_discover *d, const struct sts_time *now)
{
    d->cache_result = sts_cache_get(d->config.store, d->domain, now, &d->policy, &d->cached);
    if (d->cache_result == STS_OK) {
        d->decision.policy = &d->policy;
        d->decision.source = STS_SOURCE_CACHED;
        memcpy(d->decision.id, d->cached.id, sizeof d->decision.id);
        if (!d->refresh) {
            (void)sts_cache_touch(d->config.store, d->domain, now);
        }
    }
    tell_gone(d, false, now);
}

/* P04: by mode, or by a life that ends before anyone looks. */
static bool weakened(const struct sts_discover *d)
{
    return d->cache_result == STS_OK &&
           (d->policy.mode < d->cached.mode ||
            (d->policy.mode == d->cached.mode && d->policy.mode != STS_MODE_NONE &&
             d->policy.max_age_s < d->cached.max_age_s / 4));
}

/* The last use of a policy that is refreshed stays what it was. */
static int keep(struct sts_discover *d, const struct sts_time *now)
{
    bool used = !d->refresh || d->cache_result != STS_OK;

    return sts_cache_renew(d->config.store, d->domain, d->decision.id, &d->policy,
                           used ? now->utc_s : d->cached.used_at, now, d->config.log);
}

static void use_fetched(struct sts_discover *d, const struct sts_time *now)
{
    const char *id = d->txt_result == STS_OK ? d->record.id : "";

    if (weakened(d)) {
        tell(&d->config, STS_EVENT_POLICY_WEAKENED, d->domain);
    }
    tell_gone(d, true, now);
    d->decision.policy = &d->policy;
    d->decision.source = STS_SOURCE_FETCHED;
    memcpy(d->decision.id, id, sts_len(id) + 1);
    if (d->config.store != NULL) {
        (void)sts_cache_fetched(d->config.store, d->domain);
        if (keep(d, now) != STS_OK) {
            d->fetch_result = STS_ERR_IO;
            sts_log_line(d->config.log, STS_LOG_WARNING, "the policy of ", d->domain,
                         " could not be kept: it protects this delivery alone", NULL);
        }
    }
}

/* What failed here and says nothing of the domain. */
static bool own_trouble(int err)
{
    return err == STS_ERR_MEMORY || err == STS_ERR_CLOCK || err == STS_ERR_CONFIG ||
           err == STS_ERR_RANDOM;
}

/* a domain that is done with MTA-STS may take its policy host away, and nobody need be told. */
static bool held_none(const struct sts_discover *d)
{
    return d->cache_result == STS_OK && d->cached.mode == STS_MODE_NONE && !d->refresh;
}

/* one that is held and cannot be refreshed will run out one day. */
static void count_failure(struct sts_discover *d, const struct sts_time *now)
{
    const char *id = d->txt_result == STS_OK ? d->record.id : "";
    unsigned failures;

    (void)sts_cache_failed(d->config.store, d->domain, id, now);
    failures = sts_cache_failures(d->config.store, d->domain);
    if (d->cache_result == STS_OK && d->cached.mode != STS_MODE_NONE &&
        failures % ALARM_AGAIN == ALARM_AFTER) {
        tell(&d->config, STS_EVENT_REFRESH_FAILING, d->domain);
    }
}

static void fetch_failed(struct sts_discover *d, int err, const struct sts_time *now)
{
    d->fetch_result = err;
    if (d->txt_result == STS_OK || d->refresh) { /* what nobody announced is not missed */
        d->decision.error = own_trouble(err) ? STS_ERR_POLICY_FETCH : err;
    }
    sts_log_line(d->config.log, held_none(d) ? STS_LOG_STEP : STS_LOG_WARNING, "the policy of ",
                 d->domain, " could not be had: ", sts_fetch_reason(&d->fetch), NULL);
    if (!own_trouble(err)) {
        count_failure(d, now);
        if (d->txt_result == STS_OK || d->cache_result == STS_OK) {
            d->decision.fetch_error = err; /* */
        }
    }
    use_cached(d, now);
}

uint32_t sts_discover_seed(const char *hostname)
{
    uint32_t seed = 2166136261u;

    for (; *hostname != '\0'; hostname++) {
        seed = (seed ^ (uint8_t)*hostname) * 16777619u; /* FNV-1a */
    }
    return seed;
}

/* Whether the policy has to be fetched now, given what DNS said and what is held. */
static bool fetch_wanted(const struct sts_discover *d, const struct sts_time *now)
{
    bool announced = d->txt_result == STS_OK;
    bool held = d->cache_result == STS_OK;
    const char *id = announced ? d->record.id : "";

    if (d->refresh) {
        return true;
    }
    if (held && (!announced || memcmp(id, d->cached.id, sizeof d->cached.id) == 0)) {
        /* the same id is no reason to fetch: its age is one, whatever the record
         * says or whether it can be asked for: who suppresses that answer alone must not let the policy
         * run out. */
        return sts_cache_refresh_due(&d->cached, d->domain, sts_discover_seed(d->config.hostname),
                                     now) &&
               sts_cache_wait_s(d->config.store, d->domain, id, now) == 0;
    }
    return announced && sts_cache_wait_s(d->config.store, d->domain, id, now) == 0;
}

/* Without a fetch: what is held, or nothing. */
static void settle(struct sts_discover *d, const struct sts_time *now)
{
    if (d->txt_result == STS_OK && (d->cache_result != STS_OK ||
                                    memcmp(d->record.id, d->cached.id, sizeof d->cached.id) != 0)) {
        d->decision.error = STS_ERR_POLICY_FETCH; /* announced, failed within 5 minutes */
    }
    use_cached(d, now);
    d->state = DECIDED;
}

static void judge_record(struct sts_discover *d, const struct sts_time *now)
{
    if (d->txt_result == STS_OK) {
        d->txt_result = sts_record_result(&d->record);
        if (d->txt_result != STS_OK) {
            sts_log_line(d->config.log, STS_LOG_STEP, "_mta-sts.", d->domain, ": ",
                         sts_record_reason(&d->record), NULL);
        }
    }
    d->cache_result = sts_cache_get(d->config.store, d->domain, now, NULL, &d->cached);
    if (fetch_wanted(d, now)) {
        d->fetch.ctx = d->config.ctx;
        d->fetch.on_text = d->config.on_policy_text;
        sts_fetch_go(&d->fetch, &d->policy, d->config.fetch_timeout_s, now);
        d->state = FETCHING;
    } else {
        sts_fetch_stop(&d->fetch);
        settle(d, now);
    }
}

/* C04: whatever came of it, an answer was read behind verified TLS alone. */
static void tell_date(const struct sts_discover *d)
{
    int64_t utc_s = sts_http_date(&d->fetch.http);

    if (utc_s >= 0 && d->config.on_date != NULL) {
        d->config.on_date(d->config.ctx, utc_s);
    }
}

static int fetching(struct sts_discover *d, const struct sts_time *now)
{
    int err = sts_fetch_poll(&d->fetch, now);

    if (err == STS_BUSY) {
        return STS_BUSY;
    }
    tell_date(d);
    if (err == STS_OK) {
        use_fetched(d, now);
    } else {
        fetch_failed(d, err, now);
    }
    sts_fetch_stop(&d->fetch);
    d->state = DECIDED;
    return STS_OK;
}

/* ---- what it comes to -------------------------------------------------------------------- */

/* Whether it is unknown which policy is in force: then nothing may be sent. */
static int policy_unknown(const struct sts_discover *d)
{
    if (d->decision.source != STS_SOURCE_NONE) {
        return STS_OK;
    }
    if (d->cache_result == STS_ERR_IO) {
        return STS_ERR_IO; /* F07: a store that cannot be read may hold one */
    }
    if (own_trouble(d->fetch_result)) {
        return d->fetch_result; /* R-044 is about the domain's failures, not ours (H26) */
    }
    /* C-4, D23: an attacker who suppresses the answer must not gain. */
    return d->txt_result == STS_ERR_DNS || d->txt_result == STS_ERR_RANDOM ? STS_ERR_DNS : STS_OK;
}

static int hosts_result(struct sts_discover *d)
{
    switch (d->mx_result) {
    case STS_OK:
    case STS_ERR_ABSENT: /* NODATA alone means that the domain stands for itself (D22, D24) */
        break;
    case STS_ERR_NXDOMAIN: return STS_ERR_NXDOMAIN;
    default: return STS_ERR_DNS;
    }
    if (d->list.count > 0) {
        return STS_OK;
    }
    if (d->list.own) {
        return STS_ERR_LOOP;
    }
    return d->list.null && !d->list.skipped ? STS_ERR_NULL_MX : STS_ERR_DNS;
}

static int result(struct sts_discover *d)
{
    int err = policy_unknown(d);

    if (d->decision.policy != NULL) {
        d->decision.mode = d->decision.policy->mode;
        d->decision.max_age_s = d->decision.policy->max_age_s;
    }
    if (d->refresh) {
        return d->fetch_result;
    }
    return err != STS_OK ? err : hosts_result(d);
}

/* ---- calls ------------------------------------------------------------------------------- */

int sts_discover_start(struct sts_discover *d, const struct sts_discover_config *config,
                       struct sts_resolver *resolver, struct sts_stream *stream, const char *domain,
                       bool refresh, const struct sts_time *now)
{
    int err = STS_OK;

    d->config = *config;
    d->resolver = resolver;
    d->stream = stream;
    d->domain = domain;
    d->refresh = refresh;
    d->mx_slot = d->txt_slot = -1;
    d->mx_result = d->txt_result = d->cache_result = STS_ERR_ABSENT;
    d->fetch_result = STS_OK;
    d->state = DECIDED;
    memset(&d->decision, 0, sizeof d->decision);
    d->decision.domain = domain;
    sts_mx_start(&d->list);
    sts_record_start(&d->record);
    if (!refresh) {
        err = ask_mx(d, now);
    }
    if (err == STS_OK && (refresh || !provisioned(d))) {
        err = ask_policy(d, now);
    }
    if (err != STS_OK) {
        sts_discover_stop(d);
    }
    return err;
}

bool sts_discover_has_mx(const struct sts_discover *d)
{
    return !d->refresh && d->mx_slot < 0;
}

static void collect_mx(struct sts_discover *d)
{
    if (d->mx_slot < 0 || collect(d, &d->mx_slot, &d->mx_result) == STS_BUSY) {
        return;
    }
    sts_mx_finish(&d->list);
    if (d->mx_result == STS_ERR_ABSENT) {
        sts_mx_implicit(&d->list, d->domain, d->config.hostname);
    }
}

int sts_discover_poll(struct sts_discover *d, const struct sts_time *now)
{
    collect_mx(d);
    if (d->state == ASKING && collect(d, &d->txt_slot, &d->txt_result) == STS_OK) {
        judge_record(d, now);
    }
    if (d->state == FETCHING) {
        (void)fetching(d, now);
    }
    if (d->state != DECIDED || d->mx_slot >= 0) {
        return STS_BUSY;
    }
    return result(d);
}

void sts_discover_stop(struct sts_discover *d)
{
    sts_resolver_drop(d->resolver, d->mx_slot);
    sts_resolver_drop(d->resolver, d->txt_slot);
    d->mx_slot = d->txt_slot = -1;
    if (d->state != DECIDED) {
        sts_fetch_stop(&d->fetch);
    }
    d->state = DECIDED;
}

size_t sts_discover_wait(const struct sts_discover *d, const struct sts_time *now,
                         struct sts_wait *w, size_t max, uint32_t *ms)
{
    return d->state == FETCHING ? sts_fetch_wait(&d->fetch, now, w, max, ms) : 0;
}

/* ---- idle -------------------------------------------------------------------------------- */

int sts_discover_due(const struct sts_discover_config *c, const struct sts_time *now, bool quiet,
                     char domain[STS_NAME_SIZE])
{
    int event;

    while ((event = sts_cache_next_gone(c->store, now, domain)) > 0) {
        tell(c, event, domain);
    }
    if (event != STS_OK) {
        return event;
    }
    return quiet ? STS_ERR_ABSENT
                 : sts_cache_next_due(c->store, sts_discover_seed(c->hostname), now, domain);
}
