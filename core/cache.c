/* SPDX-License-Identifier: MIT
 *
 * Policies and failed fetches as records of the store. Nothing is held in RAM: what is asked for
 * is read.
 *
 * A record is a head (struct policy_head, struct waits: octets only, numbers big-endian), the
 * domain with a NUL, and for a policy its mx patterns, each with a NUL. Beside each enforced policy lies a mark, a format octet
 * and the domain: written behind the policy and removed before it, so that a mark without its policy says that the policy
 * was lost, whenever the power went. A record that is not exactly
 * so was not written by this version: it counts as absent, and stays until its name or its place
 * is needed. That the octets are as they were written is the store's business.
 */
#include <stddef.h>
#include <string.h>

#include <stsmail/engine/cache.h>
#include <stsmail/engine/text.h>

#define FORMAT 1
#define WAITS  4    /* ids of a domain that may fail in WAIT_S (P24) */
#define WAIT_S 300u /* */
#define FREE   0x55 /* octet of a free place: an id that none equals, a failure long ago */
#define DAY_S  86400
#define PIN_S  (7 * DAY_S) /* an enforced policy that was used so lately stays (F11) */

struct number {
    uint8_t octets[8];
};

struct policy_head {
    uint8_t format;
    uint8_t mode;
    uint8_t cut;
    struct number max_age;    /* seconds */
    struct number fetched_at; /* seconds since 1970 */
    struct number used_at;
    struct number mx_len;
    char id[STS_ID_SIZE]; /* filled up with NULs */
};

struct wait {
    struct number failed_at;
    char id[STS_ID_SIZE];
};

/* The failed fetches of a domain. The octet stands behind the domain, and was not there once. */
struct waits {
    uint8_t format;
    struct wait w[WAITS];
    uint8_t failures; /* in a row; counts 255, 232, ... */
};
#define WAITS_HEAD offsetof(struct waits, failures)

static void put_number(struct number *to, uint64_t n)
{
    for (size_t i = sizeof to->octets; i-- > 0; n >>= 8) {
        to->octets[i] = (uint8_t)n;
    }
}

static uint64_t get_number(const struct number *from)
{
    uint64_t n = 0;

    for (size_t i = 0; i < sizeof from->octets; i++) {
        n = n << 8 | from->octets[i];
    }
    return n;
}

/* Seconds from `then` to `now`; negative if the clock went back. Unsigned arithmetic, since it may
 * not trap whatever a record says (C09). */
static int64_t age_of(int64_t then, int64_t now)
{
    return (int64_t)((uint64_t)now - (uint64_t)then);
}

static bool is_set(const struct sts_time *now)
{
    return now->trust != STS_CLOCK_UNSET;
}

/* One key a domain (F13): another spelling is the caller's mistake, and must not look as if nothing
 * were held. */
static bool is_canonical(const char *domain)
{
    size_t len = sts_len(domain);

    for (size_t i = 0; i < len; i++) {
        if (sts_lower((uint8_t)domain[i]) != (uint8_t)domain[i]) {
            return false;
        }
    }
    return sts_host_valid(domain, len);
}

/* ---- records ----------------------------------------------------------------------------- */

/* All of len bytes. STS_ERR_ABSENT: the record ends before; it is none of ours. */
int sts_cache_read(const struct sts_store *s, void *buf, size_t len)
{
    uint8_t *at = buf;

    while (len > 0) {
        int32_t n = s->read(s->ctx, at, len);

        if (n <= 0) {
            return n == 0 ? STS_ERR_ABSENT : STS_ERR_IO;
        }
        at += n;
        len -= (size_t)n;
    }
    return STS_OK;
}

/* Whether `text` and its NUL come next: STS_OK, STS_ERR_ABSENT, STS_ERR_IO. */
static int read_same(const struct sts_store *s, const char *text)
{
    char c;
    int e;

    do {
        e = sts_cache_read(s, &c, 1);
        if (e == STS_OK && c != *text) {
            e = STS_ERR_ABSENT;
        }
    } while (e == STS_OK && *text++ != '\0');
    return e;
}

/* Opens a record and reads its head. The domain in it is compared in full: whatever a store does
 * with its keys, no domain gets another's policy (F12). After STS_OK the caller owes done(). */
int sts_cache_open(const struct sts_store *s, uint8_t kind, const char *domain, uint8_t *head,
                   size_t size)
{
    int e = is_canonical(domain) ? s->get(s->ctx, kind, domain) : STS_ERR_ARG;

    if (e != STS_OK) {
        return e;
    }
    e = sts_cache_read(s, head, size);
    if (e == STS_OK) {
        e = head[0] == FORMAT ? read_same(s, domain) : STS_ERR_ABSENT;
    }
    if (e != STS_OK) {
        s->done(s->ctx);
    }
    return e;
}

/* Ends what put began: commit, unless something went wrong on the way. */
int sts_cache_finish(const struct sts_store *s, int e)
{
    if (e == STS_OK) {
        return s->commit(s->ctx);
    }
    s->abort(s->ctx);
    return e;
}

/* Begins a record: its head and domain. */
int sts_cache_begin(const struct sts_store *s, uint8_t kind, const char *domain,
                    const uint8_t *head, size_t size)
{
    int e = s->put(s->ctx, kind, domain);

    if (e != STS_OK) {
        return e;
    }
    e = s->write(s->ctx, head, size);
    if (e == STS_OK) {
        e = s->write(s->ctx, domain, sts_len(domain) + 1);
    }
    return e == STS_OK ? e : sts_cache_finish(s, e);
}

/* ---- reading a policy -------------------------------------------------------------------- */

static int open_policy(const struct sts_store *s, const char *domain, struct policy_head *head,
                       struct sts_cached *info)
{
    uint64_t max_age;
    int e = sts_cache_open(s, STS_STORE_POLICY, domain, &head->format, sizeof *head);

    if (e != STS_OK) {
        return e;
    }
    info->mode = head->mode;
    info->cut = head->cut != 0;
    max_age = get_number(&head->max_age);
    info->max_age_s = (uint32_t)max_age;
    info->fetched_at = (int64_t)get_number(&head->fetched_at);
    info->used_at = (int64_t)get_number(&head->used_at);
    memcpy(info->id, head->id, sizeof info->id);
    if (head->mode > STS_MODE_ENFORCE || head->cut > 1 || max_age > STS_MAX_AGE_MAX ||
        info->fetched_at < 0 || info->id[STS_ID_SIZE - 1] != '\0') {
        s->done(s->ctx);
        return STS_ERR_ABSENT;
    }
    return STS_OK;
}

/* Reads the rest, `size` bytes of patterns. Those that do not fit this build are passed over, and
 * the policy is a cut one: its list may shrink, never grow (C-5). */
static int read_patterns(const struct sts_store *s, size_t size, struct sts_policy *policy)
{
    char piece[32];
    char last = '\0';
    size_t n;

    for (size_t at = 0; at < size; at += n) {
        bool fits = at < sizeof policy->mx;
        char *to = fits ? policy->mx + at : piece;
        size_t room = fits ? sizeof policy->mx - at : sizeof piece;
        int e;

        n = size - at < room ? size - at : room;
        e = sts_cache_read(s, to, n);
        for (size_t i = 0; i < n && e == STS_OK; i++) {
            if (to[i] == '\0' && last == '\0') {
                e = STS_ERR_ABSENT; /* no pattern is empty */
            } else if (to[i] == '\0' && fits) {
                policy->mx_count++; /* a whole one */
                policy->mx_len = (uint32_t)(at + i + 1);
            }
            last = to[i];
        }
        if (e != STS_OK) {
            return e;
        }
    }
    n = (size_t)s->read(s->ctx, piece, 1);
    if (n == 0) {
        return last == '\0' ? STS_OK : STS_ERR_ABSENT;
    }
    return n == 1 ? STS_ERR_ABSENT : STS_ERR_IO; /* there is more, or nobody knows */
}

static int read_policy(const struct sts_store *s, const struct policy_head *head,
                       const struct sts_cached *info, struct sts_policy *policy)
{
    uint64_t size = get_number(&head->mx_len);

    if (size > UINT32_MAX) {
        return STS_ERR_ABSENT; /* more than size_t may tell */
    }
    policy->mode = info->mode;
    policy->cut = info->cut || size > sizeof policy->mx;
    policy->max_age_s = info->max_age_s;
    policy->mx_count = 0;
    policy->mx_len = 0;
    return read_patterns(s, (size_t)size, policy);
}

int sts_cache_peek(const struct sts_store *s, const char *domain, struct sts_policy *policy,
                   struct sts_cached *info)
{
    struct policy_head head;
    int e;

    if (s == NULL) {
        return STS_ERR_ABSENT;
    }
    e = open_policy(s, domain, &head, info);
    if (e == STS_OK) {
        if (policy != NULL) {
            e = read_policy(s, &head, info, policy);
        }
        s->done(s->ctx);
    }
    return e;
}

static bool is_expired(const struct sts_cached *info, const struct sts_time *now)
{
    /* not before its age is over max_age. R-112: nothing expires without a clock, nor by one in doubt (C04). */
    return now->trust > STS_CLOCK_DOUBTED &&
           age_of(info->fetched_at, now->utc_s) > (int64_t)info->max_age_s;
}

int sts_cache_get(const struct sts_store *s, const char *domain, const struct sts_time *now,
                  struct sts_policy *policy, struct sts_cached *info)
{
    int e = sts_cache_peek(s, domain, policy, info);

    return e == STS_OK && is_expired(info, now) ? STS_ERR_ABSENT : e;
}

/* ---- failed fetches: the table ------------------------------------------------------------ */

/* The table of a domain; an empty one where there is none. STS_OK or STS_ERR_IO, STS_ERR_ARG. */
static int read_waits(const struct sts_store *s, const char *domain, struct waits *t)
{
    int e = sts_cache_open(s, STS_STORE_WAIT, domain, &t->format, WAITS_HEAD);

    if (e == STS_OK) {
        t->failures = 0;
        e = s->read(s->ctx, &t->failures, 1) < 0 ? STS_ERR_IO : STS_OK;
        s->done(s->ctx);
    } else if (e == STS_ERR_ABSENT) {
        memset(t, FREE, sizeof *t);
        t->failures = 0;
        e = STS_OK;
    }
    return e;
}

/* Seconds that a failure makes wait yet, of `wait`; 0: it does not count any more. One from the future counts as long: a clock that
 * went back further frees the wait. */
static uint32_t wait_left(const struct wait *w, const struct sts_time *now, uint32_t wait)
{
    uint32_t left = (uint32_t)get_number(&w->failed_at) + wait - (uint32_t)now->utc_s;

    if (left > wait + WAIT_S) {
        return 0;
    }
    return left > wait ? wait : left;
}

/* Of all failures in a table. */
static uint32_t most_left(const struct waits *t, const struct sts_time *now, uint32_t wait)
{
    uint32_t most = 0;

    for (size_t i = 0; i < WAITS; i++) {
        uint32_t left = wait_left(&t->w[i], now, wait);

        most = left > most ? left : most;
    }
    return most;
}

/* The place of id: where it is noted; else the one that waits least, which may be a free one. */
static struct wait *find_wait(struct waits *t, const char *id, const struct sts_time *now)
{
    struct wait *best = t->w;
    size_t size = sts_len(id) + 1;

    for (size_t i = 0; i < WAITS; i++) {
        if (size <= sizeof best->id && memcmp(t->w[i].id, id, size) == 0) {
            return &t->w[i];
        }
        if (wait_left(&t->w[i], now, WAIT_S) < wait_left(best, now, WAIT_S)) {
            best = &t->w[i];
        }
    }
    return best;
}

/* ---- marks -------------------------------------------------------------------------------- */

/* Whether an enforced policy of domain is, or was, kept. */
static bool is_marked(const struct sts_store *s, const char *domain)
{
    uint8_t format;
    bool marked = sts_cache_open(s, STS_STORE_MARK, domain, &format, 1) == STS_OK;

    if (marked) {
        s->done(s->ctx);
    }
    return marked;
}

/* What an error costs is the evidence. */
static void mark(const struct sts_store *s, const char *domain)
{
    static const uint8_t format = FORMAT;

    if (!is_marked(s, domain) && sts_cache_begin(s, STS_STORE_MARK, domain, &format, 1) == STS_OK) {
        (void)sts_cache_finish(s, STS_OK);
    }
}

/* STS_OK: none is there. */
static int unmark(const struct sts_store *s, const char *domain)
{
    int e = s->remove(s->ctx, STS_STORE_MARK, domain);

    return e == STS_ERR_ABSENT ? STS_OK : e;
}

/* What a mark says now: the policy is in force (STS_BUSY), was replaced by a lesser one (STS_OK), lapsed, or was lost; STS_ERR_IO. */
static int judge_mark(const struct sts_store *s, const char *domain, const struct sts_time *now)
{
    struct sts_cached info;
    int e = sts_cache_peek(s, domain, NULL, &info);

    if (e != STS_OK) {
        return e == STS_ERR_IO ? e : STS_EVENT_CACHE_LOST;
    }
    if (info.mode != STS_MODE_ENFORCE) {
        return STS_OK;
    }
    return is_expired(&info, now) ? STS_EVENT_POLICY_LAPSED : STS_BUSY;
}

int sts_cache_gone(const struct sts_store *s, const char *domain, const struct sts_time *now)
{
    int event, e;

    if (s == NULL || !is_marked(s, domain)) {
        return STS_OK;
    }
    event = judge_mark(s, domain, now);
    if (event < 0 || event == STS_BUSY) {
        return event == STS_BUSY ? STS_OK : event;
    }
    e = unmark(s, domain); /* said once */
    return e == STS_OK ? event : e;
}

/* ---- room --------------------------------------------------------------------------------- */

/* A walk through one kind: how many there are beside `keep`, and which is needed least. */
struct walk {
    const struct sts_store *s;
    const struct sts_time *now;
    const char *keep;
    uint8_t kind;
    bool rank; /* look for the victim too */
    uint32_t count;
    uint64_t worth; /* of the victim */
    char victim[STS_NAME_SIZE];
};

#define NO_VICTIM UINT64_MAX /* a worth: can't be read, and may be anything */

/* The least that a policy of this mode is worth. */
static uint64_t mode_worth(unsigned mode)
{
    return (uint64_t)(mode + 1u) << 56;
}

/* That, and the last use. */
static uint64_t used_worth(unsigned mode, int64_t used_at)
{
    return mode_worth(mode) | ((uint64_t)used_at & (UINT64_MAX >> 8));
}

/* expired (or of no use to this version), none, testing, enforce; then the last use. */
static uint64_t policy_worth(const struct walk *w, const char *key)
{
    struct sts_cached info;
    int e = sts_cache_peek(w->s, key, NULL, &info);

    if (e != STS_OK) {
        return e == STS_ERR_IO ? NO_VICTIM : 0;
    }
    if (is_expired(&info, w->now)) {
        return 0;
    }
    return used_worth(info.mode, info.used_at);
}

/* What it makes wait yet. */
static uint64_t wait_worth(const struct walk *w, const char *key)
{
    struct waits t;

    return read_waits(w->s, key, &t) == STS_OK ? most_left(&t, w->now, WAIT_S) : NO_VICTIM;
}

static bool walk_key(void *arg, const char *key)
{
    struct walk *w = arg;
    uint64_t worth;

    if (sts_same_text(key, w->keep)) {
        return true;
    }
    w->count++;
    if (w->rank) {
        worth = w->kind == STS_STORE_POLICY ? policy_worth(w, key) : wait_worth(w, key);
        if (worth < w->worth) {
            w->worth = worth;
            memcpy(w->victim, key, sts_len(key) + 1);
        }
    }
    return true;
}

static int walk_all(struct walk *w, bool rank)
{
    w->rank = rank;
    w->worth = NO_VICTIM;
    w->count = 0;
    return w->s->iterate(w->s->ctx, w->kind, walk_key, w);
}

/* Room for a record of `keep` among STS_CACHE_MAX, by records of less than `worth`. Counts first:
 * reading them all is for a full cache alone. */
static int make_room(const struct sts_store *s, uint8_t kind, const char *keep, uint64_t worth,
                     const struct sts_time *now, const struct sts_log *log)
{
    struct walk w = {.s = s, .now = now, .keep = keep, .kind = kind};
    int e = walk_all(&w, false);

    while (e == STS_OK && w.count >= STS_CACHE_MAX) {
        e = walk_all(&w, true);
        if (e == STS_OK && w.worth == NO_VICTIM) {
            e = STS_ERR_IO;
        } else if (e == STS_OK && w.worth >= worth) {
            e = STS_ERR_SPACE; /* F11: an enforced policy does not make room for a lesser one */
        }
        if (e == STS_OK && kind == STS_STORE_POLICY) {
            e = unmark(s, w.victim);
        }
        if (e == STS_OK) {
            e = s->remove(s->ctx, kind, w.victim);
            w.count--;
        }
        if (e == STS_OK) {
            sts_log_line(log, STS_LOG_WARNING, "the cache is full: dropped the policy of ",
                         w.victim, NULL);
        }
        e = e == STS_ERR_ABSENT ? STS_OK : e; /* another process was quicker */
    }
    return e;
}

/* Makes room and begins. */
static int begin_new(const struct sts_store *s, uint8_t kind, const char *domain, uint64_t worth,
                     const struct sts_time *now, const struct sts_log *log, const uint8_t *head,
                     size_t size)
{
    int e = make_room(s, kind, domain, worth, now, log);

    return e == STS_OK ? sts_cache_begin(s, kind, domain, head, size) : e;
}

/* ---- writing ------------------------------------------------------------------------------ */

int sts_cache_renew(const struct sts_store *s, const char *domain, const char *id,
                    const struct sts_policy *policy, int64_t used_at, const struct sts_time *now,
                    const struct sts_log *log)
{
    struct policy_head head = {.format = FORMAT, .mode = policy->mode, .cut = policy->cut};
    uint64_t worth = mode_worth(policy->mode + 1u);
    int e;

    if (s == NULL) {
        return STS_OK;
    }
    if (!is_canonical(domain) || sts_len(id) >= STS_ID_SIZE) {
        return STS_ERR_ARG;
    }
    if (!is_set(now)) {
        return STS_ERR_CLOCK; /* it would be born expired */
    }
    put_number(&head.max_age, policy->max_age_s);
    put_number(&head.fetched_at, (uint64_t)now->utc_s);
    put_number(&head.used_at, (uint64_t)used_at);
    put_number(&head.mx_len, policy->mx_len);
    memcpy(head.id, id, sts_len(id));

    if (policy->mode == STS_MODE_ENFORCE) {
        worth = used_worth(STS_MODE_ENFORCE, now->utc_s - PIN_S); /* F11: nor for a newcomer */
    }
    e = begin_new(s, STS_STORE_POLICY, domain, worth, now, log, &head.format, sizeof head);
    if (e != STS_OK) {
        return e;
    }
    e = sts_cache_finish(s, s->write(s->ctx, policy->mx, policy->mx_len));
    if (e == STS_OK && policy->mode == STS_MODE_ENFORCE) {
        mark(s, domain);
    } else if (e == STS_OK) {
        (void)unmark(s, domain);
    }
    return e;
}

int sts_cache_put(const struct sts_store *s, const char *domain, const char *id,
                  const struct sts_policy *policy, const struct sts_time *now,
                  const struct sts_log *log)
{
    return sts_cache_renew(s, domain, id, policy, now->utc_s, now, log);
}

/* Writes the rest of the open record behind a new head. */
static int copy_rest(const struct sts_store *s, const char *domain, const struct policy_head *head)
{
    uint8_t piece[64];
    int32_t n = 0;
    int e = sts_cache_begin(s, STS_STORE_POLICY, domain, &head->format, sizeof *head);

    if (e != STS_OK) {
        return e;
    }
    while (e == STS_OK && (n = s->read(s->ctx, piece, sizeof piece)) > 0) {
        e = s->write(s->ctx, piece, (size_t)n);
    }
    return sts_cache_finish(s, n < 0 ? STS_ERR_IO : e);
}

int sts_cache_touch(const struct sts_store *s, const char *domain, const struct sts_time *now)
{
    struct sts_cached info;
    struct policy_head head;
    int e;

    if (s == NULL || !is_set(now)) {
        return STS_OK;
    }
    e = open_policy(s, domain, &head, &info);
    if (e != STS_OK) {
        return e;
    }
    /* A mark in the future would keep the policy for good: it is set right as well. */
    if ((uint64_t)age_of(info.used_at, now->utc_s) + DAY_S > 2 * DAY_S) {
        put_number(&head.used_at, (uint64_t)now->utc_s);
        e = copy_rest(s, domain, &head);
    }
    s->done(s->ctx);
    return e;
}

int sts_cache_drop(const struct sts_store *s, const char *domain)
{
    int e = s == NULL ? STS_ERR_ABSENT : unmark(s, domain);

    return e == STS_OK ? s->remove(s->ctx, STS_STORE_POLICY, domain) : e;
}

/* ---- when to ask again --------------------------------------------------------------------- */

bool sts_cache_refresh_due(const struct sts_cached *info, const char *domain, uint32_t seed,
                           const struct sts_time *now)
{
    uint32_t period = info->max_age_s / 2 < DAY_S ? info->max_age_s / 2 : DAY_S;
    uint32_t hash = 2166136261u ^ seed; /* FNV-1a */
    int64_t age;

    if (!is_set(now)) {
        return false; /* nothing could be fetched */
    }
    age = age_of(info->fetched_at, now->utc_s);
    if (age < -(int64_t)WAIT_S) {
        return true; /* fetched in the future: held, but it must not wait until then (C03) */
    }
    for (; *domain != '\0'; domain++) {
        hash = (hash ^ (uint8_t)*domain) * 16777619u;
    }
    return age >= (int64_t)(period - hash % (period / 4 + 1));
}

uint32_t sts_cache_wait_s(const struct sts_store *s, const char *domain, const char *id,
                          const struct sts_time *now)
{
    struct waits t;

    /* A wait that can't be read is none: asking once too often is the lesser harm. */
    if (s == NULL || !is_set(now) || read_waits(s, domain, &t) != STS_OK) {
        return 0;
    }
    /* Of an id that is not noted: until a place is free, if all are taken (P24). */
    return wait_left(find_wait(&t, id, now), now, WAIT_S);
}

int sts_cache_failed(const struct sts_store *s, const char *domain, const char *id,
                     const struct sts_time *now)
{
    struct waits t;
    struct wait *w;
    int e;

    if (s == NULL || !is_set(now)) {
        return STS_OK;
    }
    e = sts_len(id) < STS_ID_SIZE ? read_waits(s, domain, &t) : STS_ERR_ARG;
    if (e != STS_OK) {
        return e;
    }
    w = find_wait(&t, id, now);
    put_number(&w->failed_at, (uint64_t)now->utc_s);
    memset(w->id, 0, sizeof w->id);
    memcpy(w->id, id, sts_len(id));
    t.format = FORMAT;
    t.failures = t.failures == UINT8_MAX ? UINT8_MAX - 23 : (uint8_t)(t.failures + 1);

    e = begin_new(s, STS_STORE_WAIT, domain, NO_VICTIM, now, NULL, &t.format, WAITS_HEAD);
    return e == STS_OK ? sts_cache_finish(s, s->write(s->ctx, &t.failures, 1)) : e;
}

unsigned sts_cache_failures(const struct sts_store *s, const char *domain)
{
    struct waits t;

    return s != NULL && read_waits(s, domain, &t) == STS_OK ? t.failures : 0;
}

int sts_cache_fetched(const struct sts_store *s, const char *domain)
{
    int e = s == NULL ? STS_OK : s->remove(s->ctx, STS_STORE_WAIT, domain);

    return e == STS_ERR_ABSENT ? STS_OK : e;
}

/* ---- for an idle device -------------------------------------------------------------------- */

/* A walk that ends at the first key that is wanted. */
struct search {
    const struct sts_store *s;
    const struct sts_time *now;
    uint32_t seed;
    uint8_t kind;
    bool found;
    char *domain;
};

/* Whether the failures in a row let a refresh be tried: 5 minutes after the first, twice as long after each of the
 * next, an hour at the most (H24). */
static bool is_free(const struct search *w, const char *domain)
{
    static const uint16_t waits_s[] = {WAIT_S, WAIT_S, 2 * WAIT_S, 4 * WAIT_S, 8 * WAIT_S};
    struct waits t;

    if (read_waits(w->s, domain, &t) != STS_OK) {
        return true; /* as in sts_cache_wait_s() */
    }
    return most_left(&t, w->now, t.failures > 4 ? 12 * WAIT_S : waits_s[t.failures]) == 0;
}

/* Not what has expired, which is the domain's to announce again; nor mode none. */
static bool is_due(const struct search *w, const char *domain)
{
    struct sts_cached info;

    return sts_cache_peek(w->s, domain, NULL, &info) == STS_OK && info.mode != STS_MODE_NONE &&
           !is_expired(&info, w->now) && sts_cache_refresh_due(&info, domain, w->seed, w->now) &&
           is_free(w, domain);
}

static bool search_key(void *arg, const char *key)
{
    struct search *w = arg;

    if (w->kind == STS_STORE_POLICY) {
        w->found = is_due(w, key);
    } else { /* a mark of another version is none, and stays */
        w->found = is_marked(w->s, key) && judge_mark(w->s, key, w->now) != STS_BUSY;
    }
    if (w->found) {
        memcpy(w->domain, key, sts_len(key) + 1);
    }
    return !w->found;
}

static int search(struct search *w)
{
    int e;

    w->found = false;
    e = w->s->iterate(w->s->ctx, w->kind, search_key, w);
    return e == STS_OK && !w->found ? STS_ERR_ABSENT : e;
}

int sts_cache_next_due(const struct sts_store *s, uint32_t seed, const struct sts_time *now,
                       char domain[STS_NAME_SIZE])
{
    struct search w = {
        .s = s, .now = now, .seed = seed, .kind = STS_STORE_POLICY, .domain = domain};

    return s != NULL ? search(&w) : STS_ERR_ABSENT;
}

int sts_cache_next_gone(const struct sts_store *s, const struct sts_time *now,
                        char domain[STS_NAME_SIZE])
{
    struct search w = {.s = s, .now = now, .kind = STS_STORE_MARK, .domain = domain};
    int e = STS_OK;

    while (s != NULL && e == STS_OK && (e = search(&w)) == STS_OK) {
        e = sts_cache_gone(s, domain, now); /* a mark of no meaning is taken away as well */
    }
    return e == STS_ERR_ABSENT ? STS_OK : e;
}
