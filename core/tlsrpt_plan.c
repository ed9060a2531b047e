/* SPDX-License-Identifier: MIT
 *
 * When a report goes out, when it is tried again, and who wants none (RFC 8460 4.1, 5.5, 7). What has to outlive a power cut is one
 * small record for each report that was put off, and one for each address that refused.
 */
#include <string.h>

#include <stsmail/engine/cache.h>
#include <stsmail/engine/text.h>
#include <stsmail/tlsrpt_send.h>

#define DAY_S     86400
#define SPREAD_S  14400u /* */
#define PAUSE_S   900    /* the first one; doubled with each try */
#define DOUBLINGS 4      /* up to 4 hours */
#define REFUSED_S (7 * DAY_S)

/* Both kinds of record begin like this; numbers are big-endian. Of an address, first is the time until which it is left alone. */
struct head {
    uint8_t format;
    uint8_t tries;
    uint8_t first[8], next[8];
};

struct plan {
    unsigned tries;
    int64_t first, next;
};

static void put8(uint8_t *to, uint64_t n)
{
    for (int i = 7; i >= 0; i--, n >>= 8) {
        to[i] = (uint8_t)n;
    }
}

static int64_t get8(const uint8_t *from)
{
    uint64_t n = 0;

    for (int i = 0; i < 8; i++) {
        n = n << 8 | from[i];
    }
    return n <= INT64_MAX ? (int64_t)n : INT64_MAX;
}

static int load(const struct sts_store *s, uint8_t kind, const char *key, struct plan *p)
{
    struct head h;
    int e = sts_cache_open(s, kind, key, &h.format, sizeof h);

    if (e == STS_OK) {
        s->done(s->ctx);
        *p = (struct plan){h.tries, get8(h.first), get8(h.next)};
    }
    return e;
}

static int save(const struct sts_store *s, uint8_t kind, const char *key, const struct plan *p)
{
    struct head h = {.format = 1, .tries = (uint8_t)p->tries};
    int e;

    put8(h.first, (uint64_t)p->first);
    put8(h.next, (uint64_t)p->next);
    e = sts_cache_begin(s, kind, key, &h.format, sizeof h);
    return e == STS_OK ? sts_cache_finish(s, STS_OK) : e;
}

static uint64_t hash_of(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++) {
        hash = (hash ^ (uint8_t)*text) * 1099511628211u; /* FNV-1a */
    }
    return hash;
}

#define HASH_START 14695981039346656037u

/* ---- reports ------------------------------------------------------------------------------------ */

static void set_key(char key[STS_NAME_SIZE], sts_day day, const char *domain)
{
    struct sts_out o;

    sts_out_start(&o, key, STS_NAME_SIZE);
    sts_out_number(&o, (uint64_t)day);
    sts_out_char(&o, '.');
    sts_out_text(&o, domain);
    sts_out_end(&o);
}

/* What is planned for a report; without a record, its first try. */
static int plan_of(const struct sts_tlsrpt_config *c, const struct sts_time *now, sts_day day,
                   const char *domain, struct plan *p)
{
    char key[STS_NAME_SIZE];
    uint64_t spread;
    int e;

    set_key(key, day, domain);
    spread = hash_of(hash_of(HASH_START, c->device), key);
    e = load(c->store, STS_STORE_PLAN, key, p);
    /* One from the future is of a clock that was wrong. */
    if (e == STS_OK && (p->first > now->utc_s || p->next > now->utc_s + DAY_S)) {
        e = STS_ERR_ABSENT;
    }
    if (e == STS_ERR_ABSENT) {
        *p = (struct plan){.next = ((int64_t)day + 1) * DAY_S + 1 +
                                   (int64_t)((spread ^ spread >> 32) % SPREAD_S)};
        e = STS_OK;
    }
    return e;
}

struct next {
    const struct sts_tlsrpt_config *config;
    const struct sts_time *now;
    sts_day day;
    char *domain;
    struct plan plan;
    bool found;
    int error;
};

static bool look_at(void *arg, sts_day day, const char *domain)
{
    struct next *n = arg;
    struct plan p;
    int e = plan_of(n->config, n->now, day, domain, &p);

    if (e != STS_OK) {
        n->error = e;
    } else if (!n->found || p.next < n->plan.next) {
        n->found = true;
        n->plan = p;
        n->day = day;
        memcpy(n->domain, domain, sts_len(domain) + 1);
    }
    return true;
}

int sts_tlsrpt_next(const struct sts_tlsrpt_config *c, const struct sts_time *now, sts_day *day,
                    char domain[STS_NAME_SIZE], unsigned *tries, uint32_t *wait_s)
{
    struct next n = {.config = c, .now = now, .domain = domain};
    int64_t wait;
    int e;

    *wait_s = UINT32_MAX;
    if (now->trust <= STS_CLOCK_DOUBTED) {
        return STS_ERR_CLOCK;
    }
    e = sts_tlsrpt_list(c->store, look_at, &n);
    if (!n.found) {
        return e != STS_OK ? e : n.error != STS_OK ? n.error : STS_ERR_ABSENT;
    }
    wait = n.plan.next - now->utc_s;
    if (wait > 0) {
        *wait_s = wait < UINT32_MAX ? (uint32_t)wait : UINT32_MAX - 1;
        return STS_ERR_ABSENT;
    }
    *wait_s = 0;
    *day = n.day;
    *tries = n.plan.tries;
    return STS_OK;
}

int sts_tlsrpt_put_off(const struct sts_tlsrpt_config *c, const struct sts_time *now, sts_day day,
                       const char *domain)
{
    char key[STS_NAME_SIZE];
    struct plan p;
    int e = plan_of(c, now, day, domain, &p);

    if (e != STS_OK) {
        return e;
    }
    p.first = p.tries > 0 ? p.first : now->utc_s;
    p.next = now->utc_s + ((int64_t)PAUSE_S << (p.tries < DOUBLINGS ? p.tries : DOUBLINGS));
    p.tries++;
    if (p.next > p.first + DAY_S) {
        e = sts_tlsrpt_drop(c->store, day, domain);
        return e == STS_OK || e == STS_ERR_ABSENT ? STS_ERR_TIMEOUT : e;
    }
    set_key(key, day, domain);
    return save(c->store, STS_STORE_PLAN, key, &p);
}

/* ---- addresses that refused --------------------------------------------------------------------- */

static void refused_key(char key[STS_NAME_SIZE], const char *uri)
{
    uint64_t hash = hash_of(HASH_START, uri);

    key[0] = 'x'; /* never a number alone */
    for (int i = 16; i > 0; i--, hash >>= 4) {
        key[i] = "0123456789abcdef"[hash & 15];
    }
    key[17] = '\0';
}

struct over {
    const struct sts_tlsrpt_config *config;
    const struct sts_time *now;
    unsigned count;
    char key[STS_NAME_SIZE]; /* of one that is over; or "" */
};

static bool is_over(const struct over *o, const struct plan *p)
{
    return p->first <= o->now->utc_s || p->first > o->now->utc_s + REFUSED_S;
}

static bool count_refused(void *arg, const char *key)
{
    struct over *o = arg;
    struct plan p;

    o->count++;
    if (o->key[0] == '\0' &&
        (load(o->config->store, STS_STORE_REFUSED, key, &p) != STS_OK || is_over(o, &p))) {
        memcpy(o->key, key, sts_len(key) + 1);
    }
    return true;
}

int sts_tlsrpt_refused(const struct sts_tlsrpt_config *c, const struct sts_time *now,
                       const char *uri)
{
    const struct sts_store *s = c->store;
    struct over o = {.config = c, .now = now};
    struct plan p = {.first = now->utc_s + REFUSED_S};
    char key[STS_NAME_SIZE];
    int e = s->iterate(s->ctx, STS_STORE_REFUSED, count_refused, &o);

    if (e == STS_OK && o.key[0] != '\0') {
        e = s->remove(s->ctx, STS_STORE_REFUSED, o.key);
        e = e == STS_ERR_ABSENT ? STS_OK : e; /* by another process */
        o.count--;
    }
    if (e != STS_OK || o.count + 1 > STS_TLSRPT_MAX) {
        return e != STS_OK ? e : STS_ERR_SPACE;
    }
    refused_key(key, uri);
    return save(s, STS_STORE_REFUSED, key, &p);
}

bool sts_tlsrpt_is_refused(const struct sts_tlsrpt_config *c, const struct sts_time *now,
                           const char *uri)
{
    struct over o = {.config = c, .now = now};
    char key[STS_NAME_SIZE];
    struct plan p;

    refused_key(key, uri);
    return load(c->store, STS_STORE_REFUSED, key, &p) == STS_OK && !is_over(&o, &p);
}
