/* SPDX-License-Identifier: MIT
 *
 * Which policy is held for a domain, and when to ask again (RFC 8461 3.2, 3.3, 5.1, 10.2). The
 * policies live in the store, a record each; RAM holds the one in use. Failed fetches live in a
 * table of their own, so that they can neither overwrite nor shorten a policy.
 *
 * `s` may be NULL: nothing is held then, and keeping does nothing. `domain` is as sts_name_canon()
 * gives it; another spelling is STS_ERR_ARG, never "absent" (F13). An id is at most 32 characters.
 */
#ifndef STSMAIL_ENGINE_CACHE_H
#define STSMAIL_ENGINE_CACHE_H

#include <stsmail/mailer_types.h>
#include <stsmail/policy.h>
#include <stsmail/port.h>

/* What is known of a held policy, beside the policy. */
struct sts_cached {
    char id[STS_ID_SIZE]; /* of the record that announced it; "" if fetched without one */
    uint8_t mode;
    bool cut;
    uint32_t max_age_s;
    int64_t fetched_at; /* seconds since 1970: its life counts from here */
    int64_t used_at;    /* last use, to the day: the eviction order */
};

/* The policy held for domain and not expired (R-101; a clock that went back makes it young, never
 * old; a clock that is unset or in doubt expires nothing, R-112, C04). policy may be NULL: only *info. STS_OK;
 * STS_ERR_ABSENT; STS_ERR_IO: the store could not be read, which is not absence (F07);
 * STS_ERR_ARG. Only after STS_OK do *policy and *info mean anything. A policy larger than
 * STS_POLICY_MX_SIZE comes as a cut one (C-5). */
int sts_cache_get(const struct sts_store *s, const char *domain, const struct sts_time *now,
                  struct sts_policy *policy, struct sts_cached *info);

/* As get, expired or not; for lists. */
int sts_cache_peek(const struct sts_store *s, const char *domain, struct sts_policy *policy,
                   struct sts_cached *info);

/* Keeps a policy fetched now, in place of any older one. A full cache (STS_CACHE_MAX) makes room in
 * this order: expired, none, testing, the enforced one that was used least recently, never
 * `domain` itself, never one of a stricter mode than the new one, and no enforced one that was used in the last 7 days (F11); what was
 * evicted is said to log. Beside an enforced policy a mark is kept: the evidence for sts_cache_gone().
 * STS_OK, STS_ERR_IO, STS_ERR_SPACE (then the older one stands), STS_ERR_CLOCK (the time is unset), STS_ERR_ARG. */
int sts_cache_put(const struct sts_store *s, const char *domain, const char *id,
                  const struct sts_policy *policy, const struct sts_time *now,
                  const struct sts_log *log);

/* As put, for a policy that was fetched without being used: its last use stays what it was, so that refreshing
 * alone keeps nothing from eviction. */
int sts_cache_renew(const struct sts_store *s, const char *domain, const char *id,
                    const struct sts_policy *policy, int64_t used_at, const struct sts_time *now,
                    const struct sts_log *log);

/* Marks as used now; writes only if the last mark is over a day away. STS_OK, STS_ERR_ABSENT,
 * STS_ERR_IO, STS_ERR_SPACE, STS_ERR_ARG; what an error costs is the mark. */
int sts_cache_touch(const struct sts_store *s, const char *domain, const struct sts_time *now);

/* What became of an enforced policy of `domain` that was kept once, and is not in force now: STS_EVENT_POLICY_LAPSED, or
 * STS_EVENT_CACHE_LOST (there is a mark and no policy: F06). Said once. STS_OK: nothing, it is in force, or was replaced; STS_ERR_IO. */
int sts_cache_gone(const struct sts_store *s, const char *domain, const struct sts_time *now);

/* STS_ERR_ABSENT: was not there. */
int sts_cache_drop(const struct sts_store *s, const char *domain);

/* Whether it is time to fetch again, ahead of expiry: from min(1 day, max_age / 2)
 * after the fetch on, less a jitter of up to a quarter that `domain` and a device-wide `seed`
 * fix, so that a fleet spreads and one device is steady. Also when the clock went back behind the
 * fetch by more than 300 s (C03). Never while the clock is unset. */
bool sts_cache_refresh_due(const struct sts_cached *info, const char *domain, uint32_t seed,
                           const struct sts_time *now);

/* Seconds until a fetch for this id may be tried: 0 now; up to 300 after a failed one. At
 * most 4 different ids per domain fail in 300 s (P24). A clock that went back by more than 300 s
 * frees the wait. id is "" for a fetch that no record announced. A wait that can't be read is
 * none. */
uint32_t sts_cache_wait_s(const struct sts_store *s, const char *domain, const char *id,
                          const struct sts_time *now);

/* Notes that fetching id failed now; sts_cache_fetched() forgets what was noted. Bounded,
 * STS_CACHE_MAX domains: the oldest goes. STS_OK (also while the clock is unset: nothing is
 * noted), STS_ERR_IO, STS_ERR_SPACE, STS_ERR_ARG. */
int sts_cache_failed(const struct sts_store *s, const char *domain, const char *id,
                     const struct sts_time *now);
int sts_cache_fetched(const struct sts_store *s, const char *domain);

/* How often in a row fetching failed, all ids together; behind 255 comes 232. */
unsigned sts_cache_failures(const struct sts_store *s, const char *domain);

/* For an idle device, one walk through the store each. next_due: the first policy found that is due to be refreshed (not mode none, not
 * expired, and no failure of late: 5 minutes, doubled for each failure in a row, an hour at the most: H24): STS_OK,
 * STS_ERR_ABSENT, STS_ERR_IO. next_gone: as sts_cache_gone() for all domains, one a call, until STS_OK. */
int sts_cache_next_due(const struct sts_store *s, uint32_t seed, const struct sts_time *now, char domain[STS_NAME_SIZE]);
int sts_cache_next_gone(const struct sts_store *s, const struct sts_time *now, char domain[STS_NAME_SIZE]);

/* ---- records, for what else is kept in this way (tlsrpt) ------------------------------------ */

/* A record: a head, whose first octet is 1, its key with a NUL, and more. open() reads up to there and compares the key in full
 * (F12): STS_OK, and the caller owes done(); STS_ERR_ABSENT, STS_ERR_IO; STS_ERR_ARG: the key is no canonical name. read() takes all
 * of len octets; STS_ERR_ABSENT: the record ends before. */
int sts_cache_open(const struct sts_store *s, uint8_t kind, const char *key, uint8_t *head, size_t size);
int sts_cache_read(const struct sts_store *s, void *buf, size_t len);

/* begin() puts head and key, finish() commits, or aborts where `e` is an error, which it returns. */
int sts_cache_begin(const struct sts_store *s, uint8_t kind, const char *key, const uint8_t *head, size_t size);
int sts_cache_finish(const struct sts_store *s, int e);

#endif
