/* SPDX-License-Identifier: MIT
 *
 * What sessions came to, counted by day and policy domain (RFC 8460 4.2, 4.3; RFC 8461 6).
 *
 * A record is read, added to and written again for each session, so that a power cut loses none that is over. Room is bounded: when it
 * runs out, the failure that was seen least gives up its place (MX and addresses) and is counted by its error alone.
 */
#include <string.h>

#include <stsmail/engine/cache.h>
#include <stsmail/engine/mailbox.h>
#include <stsmail/engine/text.h>
#include <stsmail/engine/tlsrpt.h>
#include <stsmail/engine/utf8.h>

#define FORMAT  1
#define NOWHERE SIZE_MAX

/* The policy that a session is counted under. */
struct under {
    uint8_t type;
    uint32_t print;
    const struct sts_policy
        *policy;      /* written as a file where the fetched one is not there; or NULL */
    const char *text; /* key of the fetched one; NULL: none */
};

/* What a session came to. */
struct came {
    int error[2];
    unsigned count;                    /* of error; 0: it was a success */
    const struct sts_attempt *attempt; /* NULL: a fetch */
};

/* ---- what counts ---------------------------------------------------------------------------- */

/* Every error has its line, or the compiler complains (R09). */
const char *sts_tlsrpt_type(int err)
{
    switch ((enum sts_err)err) {
    case STS_ERR_STARTTLS:
    case STS_ERR_CERT_HOST:
    case STS_ERR_CERT_EXPIRED:
    case STS_ERR_CERT_TRUST:
    case STS_ERR_TLS:
    case STS_ERR_POLICY_FETCH:
    case STS_ERR_POLICY_INVALID:
    case STS_ERR_POLICY_WEBPKI: return sts_err_name(err);
    case STS_ERR_MX_MISMATCH: return sts_err_name(STS_ERR_TLS); /* R-158, C-8 */

    case STS_OK:
    case STS_BUSY:
    case STS_ERR_ARG: /* mistakes on this side, */
    case STS_ERR_STATE:
    case STS_ERR_SPACE:
    case STS_ERR_ADDRESS:
    case STS_ERR_NAME:
    case STS_ERR_MESSAGE:
    case STS_ERR_SYNTAX:
    case STS_ERR_CONFIG:
    case STS_ERR_ABSENT:
    case STS_ERR_CLOCK:
    case STS_ERR_MEMORY:
    case STS_ERR_RANDOM:
    case STS_ERR_IO:
    case STS_ERR_POLICY_REQUIRED:
    case STS_ERR_TIMEOUT: /* the network's, */
    case STS_ERR_CLOSED:
    case STS_ERR_CONNECT:
    case STS_ERR_PROTO:
    case STS_ERR_DNS:
    case STS_ERR_END:
    case STS_ERR_TEMPFAIL: /* and what says nothing of TLS */
    case STS_ERR_REJECTED:
    case STS_ERR_SIZE:
    case STS_ERR_SMTPUTF8:
    case STS_ERR_NULL_MX:
    case STS_ERR_NXDOMAIN:
    case STS_ERR_LOOP: return NULL;
    }
    return NULL;
}

/* What was wrong with TLS in a session; STS_OK: nothing; STS_BUSY: it did not come so far. */
static int tls_verdict(const struct sts_attempt *a)
{
    if (a->error != STS_ERR_MX_MISMATCH && sts_tlsrpt_type(a->error) != NULL) {
        return a->error;
    }
    if (a->tls_version == 0) {
        bool went = a->reached && (a->error == STS_OK || a->error == STS_ERR_MX_MISMATCH);

        return went ? STS_ERR_STARTTLS : STS_BUSY;
    }
    if (a->decision->policy == NULL || a->verified) {
        return STS_OK;
    }
    return sts_tlsrpt_type(a->tls_error) != NULL ? a->tls_error : STS_ERR_TLS;
}

/* Whether the session counts. Both may be wrong at once: the name and the certificate. */
static bool judge(const struct sts_attempt *a, struct came *c)
{
    int tls = tls_verdict(a);

    c->attempt = a;
    c->count = 0;
    if (a->again) {
        return false; /* what was wrong was counted with the try before it */
    }
    if (a->error == STS_ERR_MX_MISMATCH || (a->policy_match == 0 && a->reached)) {
        c->error[c->count++] = STS_ERR_MX_MISMATCH;
    }
    if (tls < STS_OK) {
        c->error[c->count++] = tls;
    }
    return c->count > 0 || tls == STS_OK;
}

/* ---- entries -------------------------------------------------------------------------------- */

static void put(uint8_t *p, uint32_t n)
{
    p[0] = (uint8_t)(n >> 24);
    p[1] = (uint8_t)(n >> 16);
    p[2] = (uint8_t)(n >> 8);
    p[3] = (uint8_t)n;
}

static void set_length(uint8_t *entry, size_t n)
{
    entry[0] = (uint8_t)(n >> 8);
    entry[1] = (uint8_t)n;
}

/* Stays at its end (R07). */
static void raise(uint8_t *p, uint32_t by)
{
    uint32_t n = sts_tlsrpt_get(p);

    put(p, n > UINT32_MAX - by ? UINT32_MAX : n + by);
}

/* Puts an entry before `at`, its octets up to n undefined but for length and kind. There is room. */
static uint8_t *insert(struct sts_tlsrpt_day *r, size_t at, size_t n, uint8_t kind)
{
    memmove(r->bytes + at + n, r->bytes + at, r->len - at);
    r->len = (uint16_t)(r->len + n);
    set_length(r->bytes + at, n);
    r->bytes[at + STS_TLSRPT_KIND] = kind;
    return r->bytes + at;
}

static void remove_octets(struct sts_tlsrpt_day *r, size_t at, size_t n)
{
    r->len = (uint16_t)(r->len - n);
    memmove(r->bytes + at, r->bytes + at + n, r->len - at);
}

/* The section's end. */
static size_t section_end(const struct sts_tlsrpt_day *r, size_t section)
{
    size_t at = section;

    do {
        at += sts_tlsrpt_length(r->bytes + at);
    } while (at < r->len && r->bytes[at + STS_TLSRPT_KIND] != STS_TLSRPT_POLICY);
    return at;
}

/* In a section: the entry that is a failure as `like` is, of n octets; NOWHERE: none. */
static size_t find_failure(const struct sts_tlsrpt_day *r, size_t section, const uint8_t *like,
                           size_t n)
{
    size_t end = section_end(r, section), at = section;

    while ((at += sts_tlsrpt_length(r->bytes + at)) < end) {
        const uint8_t *e = r->bytes + at;

        if (sts_tlsrpt_length(e) == n && e[STS_TLSRPT_ERROR] == like[STS_TLSRPT_ERROR] &&
            memcmp(e + STS_TLSRPT_SENDER, like + STS_TLSRPT_SENDER, n - STS_TLSRPT_SENDER) == 0) {
            return at;
        }
    }
    return NOWHERE;
}

/* The failure with a place that was seen least, the oldest of those; false: there is none. */
static bool find_least(const struct sts_tlsrpt_day *r, size_t *section, size_t *least)
{
    uint32_t best = 0;
    size_t in = 0;

    *least = NOWHERE;
    for (size_t at = 0; at < r->len; at += sts_tlsrpt_length(r->bytes + at)) {
        const uint8_t *e = r->bytes + at;

        if (e[STS_TLSRPT_KIND] == STS_TLSRPT_POLICY) {
            in = at;
        } else if (sts_tlsrpt_length(e) > STS_TLSRPT_SENDER &&
                   (*least == NOWHERE || sts_tlsrpt_get(e + STS_TLSRPT_COUNT) < best)) {
            best = sts_tlsrpt_get(e + STS_TLSRPT_COUNT);
            *least = at;
            *section = in;
        }
    }
    return *least != NOWHERE;
}

/* Makes room for n octets, by failures that give up their place. False: there is not so much. */
static bool make_room(struct sts_tlsrpt_day *r, size_t n)
{
    size_t section = 0, at;

    while (r->len + n > STS_TLSRPT_SIZE) {
        uint8_t *e;
        size_t same;

        if (!find_least(r, &section, &at)) {
            return false;
        }
        e = r->bytes + at;
        same = find_failure(r, section, e, STS_TLSRPT_SENDER);
        if (same != NOWHERE) {
            raise(r->bytes + same + STS_TLSRPT_COUNT, sts_tlsrpt_get(e + STS_TLSRPT_COUNT));
            remove_octets(r, at, sts_tlsrpt_length(e));
        } else {
            size_t rest = sts_tlsrpt_length(e) - STS_TLSRPT_SENDER;

            set_length(e, STS_TLSRPT_SENDER);
            remove_octets(r, at + STS_TLSRPT_SENDER, rest);
        }
    }
    return true;
}

/* ---- the store ------------------------------------------------------------------------------- */

/* "20780.example.org" */
static int set_key(char key[STS_NAME_SIZE], sts_day day, const char *domain)
{
    struct sts_out o;

    if (day < 0 || sts_len(domain) > STS_TLSRPT_DOMAIN_MAX) {
        return STS_ERR_NAME;
    }
    sts_out_start(&o, key, STS_NAME_SIZE);
    sts_out_number(&o, (uint64_t)day);
    sts_out_char(&o, '.');
    sts_out_text(&o, domain);
    sts_out_end(&o);
    return STS_OK;
}

/* The domain of a key, and its day; NULL: it is no key of ours. */
static const char *key_domain(const char *key, sts_day *day)
{
    uint64_t n;
    size_t len = 0;

    while (sts_is_digit((uint8_t)key[len])) {
        len++;
    }
    if (key[len] != '.' || sts_get_number(key, len, INT32_MAX, &n) != STS_OK) {
        return NULL;
    }
    *day = (sts_day)n;
    return key + len + 1;
}

static bool entry_valid(const uint8_t *e, size_t len, bool first)
{
    size_t n = len < STS_TLSRPT_SENDER ? 0 : sts_tlsrpt_length(e);

    if (n < STS_TLSRPT_SENDER || n > len) {
        return false;
    }
    if (e[STS_TLSRPT_KIND] == STS_TLSRPT_POLICY) {
        return n >= STS_TLSRPT_TEXT;
    }
    return !first && e[STS_TLSRPT_KIND] == STS_TLSRPT_FAILURE &&
           (n == STS_TLSRPT_SENDER || (n > STS_TLSRPT_MX && e[n - 1] == '\0'));
}

/* What another version, or chance, has written is nothing. */
static bool record_valid(const struct sts_tlsrpt_day *r)
{
    size_t at = 0;

    while (at < r->len && entry_valid(r->bytes + at, r->len - at, at == 0)) {
        at += sts_tlsrpt_length(r->bytes + at);
    }
    return r->len > 0 && at == r->len;
}

/* What is left of an open record, at most size octets of it. */
static int read_rest(const struct sts_store *s, uint8_t *buf, size_t size, size_t *len)
{
    int32_t n = 1;

    *len = 0;
    while (*len < size && (n = s->read(s->ctx, buf + *len, size - *len)) > 0) {
        *len += (size_t)n;
    }
    return n < 0 ? STS_ERR_IO : STS_OK;
}

int sts_tlsrpt_load(const struct sts_store *store, sts_day day, const char *domain,
                    struct sts_tlsrpt_day *r)
{
    uint8_t format;
    size_t len = 0;
    int e = set_key(r->key, day, domain);

    r->len = 0;
    if (e != STS_OK) {
        return e;
    }
    e = sts_cache_open(store, STS_STORE_REPORT, r->key, &format, 1);
    if (e == STS_OK) {
        e = read_rest(store, r->bytes, sizeof r->bytes, &len);
        store->done(store->ctx);
    }
    r->len = (uint16_t)len;
    if (e == STS_OK && !record_valid(r)) {
        e = STS_ERR_ABSENT;
    }
    if (e != STS_OK) {
        r->len = 0;
    }
    return e;
}

/* ---- bounds of what is kept --------------------------------------------------------------------- */

struct walk {
    const struct sts_store *s;
    const struct sts_time *now;
    uint8_t kind;
    bool found;
    uint32_t count;
    char key[STS_NAME_SIZE];
};

static bool count_key(void *arg, const char *key)
{
    struct walk *w = arg;

    (void)key;
    w->count++;
    return true;
}

static bool is_over(const struct walk *w, const char *key)
{
    sts_day day, today = sts_day_of(w->now->utc_s);
    struct sts_cached info;

    if (w->kind == STS_STORE_TEXT) {
        return sts_cache_peek(w->s, key, NULL, &info) == STS_ERR_ABSENT;
    }
    return key_domain(key, &day) == NULL || day < today - 2 || day > today + 1;
}

static bool find_over(void *arg, const char *key)
{
    struct walk *w = arg;

    w->found = is_over(w, key);
    if (w->found) {
        memcpy(w->key, key, sts_len(key) + 1);
    }
    return !w->found;
}

static int sweep_kind(struct walk *w)
{
    int e;

    do {
        w->found = false;
        e = w->s->iterate(w->s->ctx, w->kind, find_over, w);
        if (e == STS_OK && w->found) {
            e = w->s->remove(w->s->ctx, w->kind, w->key);
            e = e == STS_ERR_ABSENT ? STS_OK : e; /* by another process */
        }
    } while (e == STS_OK && w->found);
    return e;
}

int sts_tlsrpt_sweep(const struct sts_store *store, const struct sts_time *now)
{
    struct walk w = {.s = store, .now = now, .kind = STS_STORE_REPORT};
    int e;

    if (now->trust <= STS_CLOCK_DOUBTED) {
        return STS_OK;
    }
    e = sweep_kind(&w);
    w.kind = STS_STORE_PLAN;
    e = e == STS_OK ? sweep_kind(&w) : e;
    w.kind = STS_STORE_TEXT;
    return e == STS_OK ? sweep_kind(&w) : e;
}

static int room_left(const struct sts_store *s)
{
    struct walk w = {.count = 0};
    int e = s->iterate(s->ctx, STS_STORE_REPORT, count_key, &w);

    e = e == STS_OK ? s->iterate(s->ctx, STS_STORE_TEXT, count_key, &w) : e;
    return e == STS_OK && w.count + 1 > STS_TLSRPT_MAX ? STS_ERR_SPACE : e;
}

/* Begins a record; one more than there were must not take the queue's room. */
static int begin(const struct sts_store *s, uint8_t kind, const char *key, bool is_new,
                 const struct sts_time *now, const uint8_t *head, size_t size)
{
    int e = is_new ? room_left(s) : STS_OK;

    if (e == STS_ERR_SPACE && sts_tlsrpt_sweep(s, now) == STS_OK) {
        e = room_left(s);
    }
    return e == STS_OK ? sts_cache_begin(s, kind, key, head, size) : e;
}

/* ---- the policy's text ------------------------------------------------------------------------------ */

static uint32_t print_of(uint32_t hash, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;

    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ p[i]) * 16777619u; /* FNV-1a */
    }
    return hash;
}

/* What a policy means, so that a text that is kept is known to be its. */
static uint32_t policy_print(const struct sts_policy *p)
{
    uint8_t age[4];

    put(age, p->max_age_s);
    return print_of(print_of(2166136261u ^ p->mode, age, sizeof age), p->mx, p->mx_len);
}

void sts_tlsrpt_policy_text(struct sts_tlsrpt *t, const void *bytes, size_t len)
{
    size_t room = (size_t)STS_TLSRPT_TEXT_MAX - t->text_len;
    size_t n = len < room ? len : room;

    if (len == 0) {
        t->text_len = 0; /* whatever became of the one before */
        return;
    }
    memcpy(t->record.bytes + t->text_len, bytes, n);
    t->text_len = (uint16_t)(t->text_len + n);
}

/* What does not fit is left out by whole lines, if there is one. */
static size_t whole_lines(const uint8_t *text, size_t len)
{
    size_t n = len;

    if (len < STS_TLSRPT_TEXT_MAX) {
        return len;
    }
    while (n > 0 && text[n - 1] != '\n') {
        n--;
    }
    return n > 0 ? n : len;
}

/* Keeps the text that was just fetched. What an error costs is the text. */
static void keep_text(struct sts_tlsrpt *t, const char *key, uint32_t print,
                      const struct sts_time *now)
{
    const struct sts_store *s = t->config->store;
    uint8_t head[5] = {FORMAT}, old[5];
    int e = sts_cache_open(s, STS_STORE_TEXT, key, old, sizeof old);

    if (e == STS_OK) {
        s->done(s->ctx);
    }
    put(head + 1, print);
    if (begin(s, STS_STORE_TEXT, key, e != STS_OK, now, head, sizeof head) == STS_OK) {
        (void)sts_cache_finish(
            s, s->write(s->ctx, t->record.bytes, whole_lines(t->record.bytes, t->text_len)));
    }
}

/* Writes the text of a section to `to`, which has room for STS_TLSRPT_TEXT_MAX. */
static size_t copy_text(const struct sts_store *s, const struct under *u, uint8_t *to)
{
    uint8_t head[5];
    uint32_t at = 0;
    size_t len = 0, n;

    if (u->text != NULL &&
        sts_cache_open(s, STS_STORE_TEXT, u->text, head, sizeof head) == STS_OK) {
        if (sts_tlsrpt_get(head + 1) == u->print) {
            (void)read_rest(s, to, STS_TLSRPT_TEXT_MAX, &len);
        }
        s->done(s->ctx);
    }
    if (len == 0 && u->policy != NULL) {
        do {
            n = sts_policy_write(u->policy, &at, (char *)to + len, STS_TLSRPT_TEXT_MAX - len);
            len += n;
        } while (n > 0);
    }
    return len;
}

/* ---- counting --------------------------------------------------------------------------------------- */

/* The section of a policy; a new one where there is none yet. Of more policies than one day should see, the last one takes all. */
static size_t section_of(struct sts_tlsrpt *t, const struct under *u)
{
    struct sts_tlsrpt_day *r = &t->record;
    size_t last = 0, seen = 0, len;
    uint8_t *e;

    for (size_t at = 0; at < r->len; at = section_end(r, at)) {
        e = r->bytes + at;
        if (e[STS_TLSRPT_TYPE] == u->type && sts_tlsrpt_get(e + STS_TLSRPT_PRINT) == u->print) {
            return at;
        }
        last = at;
        seen++;
    }
    if (seen == STS_TLSRPT_POLICIES ||
        !make_room(r, STS_TLSRPT_TEXT + (size_t)STS_TLSRPT_TEXT_MAX)) {
        return last;
    }
    last = r->len;
    e = insert(r, last, STS_TLSRPT_TEXT, STS_TLSRPT_POLICY);
    e[STS_TLSRPT_TYPE] = u->type;
    put(e + STS_TLSRPT_PRINT, u->print);
    put(e + STS_TLSRPT_GOOD, 0);
    put(e + STS_TLSRPT_BAD, 0);
    len = copy_text(t->config->store, u, e + STS_TLSRPT_TEXT);
    set_length(e, STS_TLSRPT_TEXT + len);
    r->len = (uint16_t)(r->len + len);
    return last;
}

static void put_ip(uint8_t *p, const struct sts_ip *ip)
{
    p[0] = ip->family;
    memcpy(p + 1, ip->bytes, sizeof ip->bytes);
}

/* Counts one failure, with its place if there is room for it. */
static void add_failure(struct sts_tlsrpt *t, const struct under *u, int error,
                        const struct sts_attempt *a)
{
    uint8_t like[STS_TLSRPT_MX + STS_NAME_SIZE];
    struct sts_tlsrpt_day *r = &t->record;
    size_t n = STS_TLSRPT_SENDER, at, section = section_of(t, u);

    like[STS_TLSRPT_ERROR] = (uint8_t)-error;
    if (a != NULL) {
        size_t mx = sts_len(a->mx) + 1;

        put_ip(like + STS_TLSRPT_SENDER, &a->sender);
        put_ip(like + STS_TLSRPT_RECEIVER, &a->address);
        memcpy(like + STS_TLSRPT_MX, a->mx, mx);
        n = STS_TLSRPT_MX + mx;
    }
    at = find_failure(r, section, like, n);
    if (at == NOWHERE && !make_room(r, n)) {
        return; /* no record of ours is so full; the total has it */
    }
    if (at == NOWHERE) {
        section = section_of(t, u); /* it may have moved */
        at = find_failure(r, section, like, n);
    }
    if (at == NOWHERE) {
        at = section_end(r, section);
        memcpy(insert(r, at, n, STS_TLSRPT_FAILURE) + STS_TLSRPT_ERROR, like + STS_TLSRPT_ERROR,
               n - STS_TLSRPT_ERROR);
        put(r->bytes + at + STS_TLSRPT_COUNT, 0);
    }
    raise(r->bytes + at + STS_TLSRPT_COUNT, 1);
}

static void add(struct sts_tlsrpt *t, const struct under *u, const struct came *c)
{
    size_t total = c->count == 0 ? STS_TLSRPT_GOOD : STS_TLSRPT_BAD;

    raise(t->record.bytes + section_of(t, u) + total, 1);
    for (unsigned i = 0; i < c->count; i++) {
        add_failure(t, u, c->error[i], c->attempt);
    }
}

static int save(struct sts_tlsrpt *t, bool is_new, const struct sts_time *now)
{
    static const uint8_t format = FORMAT;
    const struct sts_store *s = t->config->store;
    int e = begin(s, STS_STORE_REPORT, t->record.key, is_new, now, &format, 1);

    return e == STS_OK ? sts_cache_finish(s, s->write(s->ctx, t->record.bytes, t->record.len)) : e;
}

/* Reads, adds, writes. The key of the record is set. */
static int count(struct sts_tlsrpt *t, const char *domain, const struct under *u,
                 const struct came *c, const struct sts_time *now)
{
    const struct sts_store *s = t->config->store;
    int e = s->claim != NULL ? s->claim(s->ctx, STS_STORE_REPORT, t->record.key) : STS_OK;
    bool is_new;

    if (e != STS_OK) {
        return e;
    }
    e = sts_tlsrpt_load(s, sts_day_of(now->utc_s), domain, &t->record);
    is_new = e == STS_ERR_ABSENT;
    if (e == STS_OK || is_new) {
        add(t, u, c);
        e = save(t, is_new, now);
    }
    if (s->release != NULL) {
        s->release(s->ctx);
    }
    return e;
}

/* nothing under mode none; R-190: nothing of reports; nothing of a domain that can ask for none. */
static bool counts(struct sts_tlsrpt *t, const struct sts_decision *d, const struct sts_time *now)
{
    return t->config != NULL && !t->quiet && now->trust != STS_CLOCK_UNSET &&
           !(d->policy != NULL && d->policy->mode == STS_MODE_NONE) &&
           set_key(t->record.key, sts_day_of(now->utc_s), d->domain) == STS_OK;
}

static struct under policy_of(const struct sts_decision *d)
{
    struct under u = {.type = STS_TLSRPT_NONE};

    if (d->policy != NULL) {
        u.type = STS_TLSRPT_STS;
        u.print = policy_print(d->policy);
        u.policy = d->policy;
        u.text = d->domain;
    }
    return u;
}

/* A policy that is not valid, where no other is held, is told as it was fetched. */
static int count_fetch(struct sts_tlsrpt *t, const struct sts_decision *d,
                       const struct sts_time *now)
{
    const struct sts_store *s = t->config->store;
    struct under u = policy_of(d);
    struct came c = {.error = {d->fetch_error}, .count = 1};
    bool shown = d->policy == NULL && d->fetch_error == STS_ERR_POLICY_INVALID && t->text_len > 0;
    int e;

    if (shown) {
        u.type = STS_TLSRPT_STS;
        u.print = print_of(2166136261u, t->record.bytes, t->text_len);
        u.text = t->record.key;
        keep_text(t, t->record.key, u.print, now);
    }
    e = count(t, d->domain, &u, &c, now);
    if (shown && e != STS_BUSY) {
        (void)s->remove(s->ctx, STS_STORE_TEXT, t->record.key);
    }
    return e;
}

int sts_tlsrpt_decision(struct sts_tlsrpt *t, const struct sts_decision *d,
                        const struct sts_time *now)
{
    int e = STS_OK;

    if (counts(t, d, now)) {
        if (d->source == STS_SOURCE_FETCHED && t->text_len > 0) {
            keep_text(t, d->domain, policy_print(d->policy), now);
        }
        e = d->fetch_error != STS_OK ? count_fetch(t, d, now) : STS_OK;
    }
    if (e != STS_BUSY) {
        t->text_len = 0;
    }
    return e;
}

int sts_tlsrpt_attempt(struct sts_tlsrpt *t, const struct sts_attempt *a,
                       const struct sts_time *now)
{
    struct under u = policy_of(a->decision);
    struct came c;

    if (!counts(t, a->decision, now) || !judge(a, &c)) {
        return STS_OK;
    }
    return count(t, a->decision->domain, &u, &c, now);
}

/* ---- calls ------------------------------------------------------------------------------------------ */

static bool name_valid(const char *name)
{
    struct sts_utf8 u = {0};
    size_t len = sts_len(name);

    for (size_t i = 0; i < len; i++) {
        if ((uint8_t)name[i] < ' ' || !sts_utf8_next(&u, (uint8_t)name[i])) {
            return false;
        }
    }
    return len >= 1 && len <= 255 && u.left == 0;
}

int sts_tlsrpt_init(struct sts_tlsrpt *t, const struct sts_tlsrpt_config *c)
{
    struct sts_mailbox box;

    memset(t, 0, offsetof(struct sts_tlsrpt, record.bytes));
    if (c == NULL || c->store == NULL || c->organization == NULL || c->contact == NULL ||
        c->device == NULL || !name_valid(c->organization)) {
        return STS_ERR_ARG;
    }
    if (sts_mailbox_parse(c->contact, sts_len(c->contact), &box) != STS_OK || box.utf8 ||
        box.literal) {
        return STS_ERR_ADDRESS;
    }
    t->config = c;
    return STS_OK;
}

struct listing {
    bool (*each)(void *arg, sts_day day, const char *domain);
    void *arg;
};

static bool list_key(void *arg, const char *key)
{
    const struct listing *l = arg;
    sts_day day = 0;
    const char *domain = key_domain(key, &day);

    return domain == NULL || l->each(l->arg, day, domain);
}

int sts_tlsrpt_list(const struct sts_store *store,
                    bool (*each)(void *arg, sts_day day, const char *domain), void *arg)
{
    struct listing l = {each, arg};

    return store->iterate(store->ctx, STS_STORE_REPORT, list_key, &l);
}

int sts_tlsrpt_drop(const struct sts_store *store, sts_day day, const char *domain)
{
    char key[STS_NAME_SIZE];
    int e = set_key(key, day, domain), plan;

    if (e != STS_OK) {
        return STS_ERR_ABSENT;
    }
    e = store->remove(store->ctx, STS_STORE_REPORT, key);
    plan = store->remove(store->ctx, STS_STORE_PLAN, key);
    return e != STS_OK || plan == STS_ERR_ABSENT ? e : plan;
}
