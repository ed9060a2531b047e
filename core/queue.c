/* SPDX-License-Identifier: MIT
 *
 * The queue's loop: which message is next, one try of it after the other, and what came of it.
 */
#include <stsmail/queue.h>

#include <string.h>

#include <stsmail/engine/queue.h>
#include <stsmail/engine/text.h>

#define GIVE_UP_S    432000u /* RFC 5321 4.5.4.1: at least 4 to 5 days */
#define LEAST_S      2880u   /* between two of the later tries: an hour less a fifth */
#define SPREAD_S     300u
#define LOOK_MS      3600000u /* an hour: the store is looked at again */
#define TAKEN_MS     60000u   /* and where another process was sending */
#define NEXT_MS      10000u   /* what was chosen so long ago is chosen anew: others may be due */
#define JUMP_S       60       /* calendar against tick */
#define CRITICAL_MAX 4        /* in a row, while another waits (Q13) */
#define NEVER        UINT32_MAX

/* Rank: the lowest is next. First the bits, then the id. */
#define RANK_OTHER   (UINT64_C(1) << 63)
#define RANK_FAILING (UINT64_C(1) << 62)

/* ---- recipients --------------------------------------------------------------------------- */

static bool is_pending(const struct sts_recipient *r)
{
    return r->error != STS_OK && !r->final;
}

/* As it was written; "" where there is none. */
static const char *domain_of(const char *address)
{
    const char *domain = "";

    for (; *address != '\0'; address++) {
        domain = *address == '@' ? address + 1 : domain;
    }
    return domain;
}

static void swap(struct sts_recipient *a, struct sts_recipient *b)
{
    struct sts_recipient c = *a;

    *a = *b;
    *b = c;
}

/* Those that are done with come first; behind them the others, the last one of the pass before as the first: a domain at which
 * the power goes each time does not keep the others from their turn. Returns where these begin. */
static size_t arrange(struct sts_queue *q)
{
    size_t done = 0, last = q->record.entry.count;
    size_t from;

    for (size_t i = 0; i < last; i++) {
        if (!is_pending(&q->to[i])) {
            struct sts_recipient r = q->to[i];

            memmove(&q->to[done + 1], &q->to[done], (i - done) * sizeof r);
            q->to[done++] = r;
        }
    }
    for (from = done; from + 1 < last; from++) {
        swap(&q->to[from], &q->to[--last]);
    }
    return done;
}

/* The next domain's recipients together, from q->from to q->upto. */
static void gather(struct sts_queue *q)
{
    const char *domain = domain_of(q->to[q->from].address);

    q->upto = q->from;
    for (size_t i = q->from; i < q->record.entry.count; i++) {
        if (sts_same_text(domain_of(q->to[i].address), domain)) {
            swap(&q->to[q->upto++], &q->to[i]);
        }
    }
}

/* ---- what RAM knows ----------------------------------------------------------------------- */

/* The place of a message; id 0: a free one. NULL: none. */
static struct sts_queue_unmarked *unmarked(struct sts_queue *q, uint64_t id)
{
    for (size_t i = 0; i < STS_QUEUE_UNMARKED; i++) {
        if (q->unmarked[i].id == id) {
            return &q->unmarked[i];
        }
    }
    return NULL;
}

/* Which of the addresses, in the order in which they came. */
static size_t place_of(const struct sts_queue *q, const struct sts_recipient *r)
{
    size_t strings = 0;

    for (const char *c = q->text; c < r->address; c++) {
        strings += *c == '\0';
    }
    return strings - 2;
}

/* Who has it though the store does not say so, has it (Q16). */
static void recall(struct sts_queue *q)
{
    const struct sts_queue_unmarked *u = unmarked(q, q->record.number);

    for (size_t i = 0; u != NULL && i < q->record.entry.count; i++) {
        size_t place = place_of(q, &q->to[i]);

        if (place < 32 && (u->delivered >> place & 1) != 0) {
            q->to[i].error = STS_OK;
        }
    }
}

/* The store did not take the outcome; `taken`: somebody has the message now. claim_and_begin() saw to it that there is a
 * place. */
static void remember(struct sts_queue *q, const struct sts_time *now, uint32_t wait_ms, bool taken)
{
    struct sts_queue_unmarked *u = unmarked(q, q->record.number);

    u = u != NULL ? u : unmarked(q, 0);
    q->counters.repeated += taken && u->delivered == 0;
    u->id = q->record.number;
    u->until_ms = now->ms + wait_ms;
    u->never = q->record.entry.state == STS_QUEUE_FAILED;
    for (size_t i = 0; i < q->record.entry.count; i++) {
        size_t place = place_of(q, &q->to[i]);

        if (q->to[i].error == STS_OK && place < 32) {
            u->delivered |= (uint32_t)1 << place;
        } else if (q->to[i].error == STS_OK) {
            u->never = true;
        }
    }
    sts_log_line(q->config->log, STS_LOG_WARNING, "the queue: what came of ", q->record.entry.id,
                 " could not be kept, and it may be sent again after a restart", NULL);
}

static void free_place(struct sts_queue *q)
{
    struct sts_queue_unmarked *u = unmarked(q, q->record.number);

    if (u != NULL) {
        memset(u, 0, sizeof *u);
    }
}

static uint32_t hash(const char *domain)
{
    uint32_t h = 2166136261u; /* FNV-1a */

    for (; *domain != '\0'; domain++) {
        h = (h ^ sts_lower((uint8_t)*domain)) * 16777619u;
    }
    return h | 1; /* 0 is none */
}

/* Where the domain is noted as one whose last try failed; NULL: it is not. */
static uint32_t *failing(struct sts_queue *q, const char *address)
{
    uint32_t h = hash(domain_of(address));

    for (size_t i = 0; i < STS_QUEUE_FAILING; i++) {
        if (q->failing[i] == h) {
            return &q->failing[i];
        }
    }
    return NULL;
}

static void note_domain(struct sts_queue *q, const char *address, int result)
{
    uint32_t *f = failing(q, address);
    bool answered = result == STS_OK || sts_err_final(result);

    if (answered && f != NULL) {
        *f = 0;
    } else if (!answered && f == NULL) {
        q->failing[q->failing_next++ % STS_QUEUE_FAILING] = hash(domain_of(address));
    }
}

/* Q08: whether nobody is left whose domain is not known to fail. */
static bool all_failing(struct sts_queue *q)
{
    for (size_t i = 0; i < q->record.entry.count; i++) {
        if (is_pending(&q->to[i]) && failing(q, q->to[i].address) == NULL) {
            return false;
        }
    }
    return true;
}

/* ---- the store ----------------------------------------------------------------------------- */

/* Alerts that were counted in this message, and not yet in its entry: they are the caller's now. */
static uint32_t counted(struct sts_queue *q)
{
    uint32_t more = 0;

    for (size_t i = 0; i < STS_QUEUE_COUNTED; i++) {
        if (q->counted[i].id == q->record.number) {
            more += q->counted[i].more;
            q->counted[i].id = 0;
        }
    }
    return more;
}

/* The entry as it is now. */
static int save(struct sts_queue *q)
{
    int e;

    q->record.entry.coalesced += counted(q);
    e = sts_queue_write(q->config->store, &q->record, q->text, "");
    if (e == STS_OK) {
        free_place(q);
    }
    return e;
}

static int load(struct sts_queue *q, uint64_t id)
{
    int e = sts_queue_read(q->config->store, id, &q->record, q->text, q->to);

    if (e == STS_OK) {
        recall(q);
    }
    return e;
}

/* ---- the message and what was kept with it, as sources ------------------------------------- */

static void close_source(struct sts_queue *q)
{
    const struct sts_store *s = q->config->message_store;

    if (q->open) {
        q->open = false;
        s->done(s->ctx);
    }
}

static int open_source(struct sts_queue *q)
{
    const struct sts_store *s = q->config->message_store;

    close_source(q);
    q->open = s->get(s->ctx, STS_STORE_MESSAGE, q->record.entry.id) == STS_OK;
    return q->open ? STS_OK : STS_ERR_IO;
}

static int32_t read_source(void *ctx, void *buf, size_t size)
{
    struct sts_queue *q = ctx;
    const struct sts_store *s = q->config->message_store;
    size_t len = sts_len(q->head);
    int32_t n;

    if (len > 0) {
        len = len < size ? len : size;
        memcpy(buf, q->head, len);
        q->head += len;
        return (int32_t)len;
    }
    if (q->left == 0) {
        return 0;
    }
    n = q->open ? s->read(s->ctx, buf, q->left < size ? q->left : size) : STS_ERR_IO;
    if (n <= 0) {
        return STS_ERR_IO; /* a message that is shorter than it was is none (M10) */
    }
    q->left -= (uint32_t)n;
    return n;
}

static int rewind_extra(void *ctx)
{
    struct sts_queue *q = ctx;

    q->head = "";
    q->left = q->record.extra_len;
    return open_source(q);
}

static int rewind_message(void *ctx)
{
    struct sts_queue *q = ctx;
    uint8_t piece[64];
    int32_t n = 1;

    if (rewind_extra(q) != STS_OK) {
        return STS_ERR_IO;
    }
    while (q->left > 0 && n > 0) {
        n = read_source(q, piece, sizeof piece);
    }
    q->left = q->record.entry.size;
    q->head = q->record.undated ? q->date : "";
    return n > 0 ? STS_OK : STS_ERR_IO;
}

static void make_date(struct sts_queue *q)
{
    struct sts_out o;

    sts_out_start(&o, q->date, sizeof q->date);
    sts_out_text(&o, "Date: ");
    sts_compose_date(&o, q->record.date_s);
    sts_out_text(&o, "\r\n");
    sts_out_end(&o);
}

/* ---- which is next ------------------------------------------------------------------------- */

struct look {
    struct sts_queue *q;
    const struct sts_time *now;
    uint32_t wait_ms;
    uint32_t damaged, newer;
    bool failed; /* the store did */
};

static bool precedes(const uint64_t a[2], const uint64_t b[2])
{
    return a[0] < b[0] || (a[0] == b[0] && a[1] < b[1]);
}

/* Milliseconds until the message that was read is due; NEVER: not in this run. */
static uint32_t due_in(struct sts_queue *q, const struct sts_time *now)
{
    const struct sts_queue_entry *e = &q->record.entry;
    const struct sts_queue_unmarked *u = unmarked(q, q->record.number);
    bool fresh = q->record.number > q->first && (e->tries == 0 || !q->jumped);
    uint32_t ms;

    if (e->state != STS_QUEUE_WAITING || (u != NULL && u->never)) {
        return NEVER;
    }
    if (u != NULL && !sts_reached(now->ms, u->until_ms)) {
        return sts_until(now->ms, u->until_ms);
    }
    ms = sts_queue_ahead_ms(e, now);
    if (q->hold && !fresh && ms < sts_until(now->ms, q->hold_ms)) {
        ms = sts_until(now->ms, q->hold_ms);
    }
    return ms;
}

static bool to_be_flushed(const struct sts_queue *q, uint64_t id)
{
    return q->flush && id <= q->flush_to;
}

/* The message that was read failed before this start, and the power went before that was told. */
static bool is_untold(const struct sts_queue *q)
{
    return q->record.entry.state == STS_QUEUE_FAILED && q->record.sending &&
           q->record.number <= q->first && !q->quiet && q->config->on_outcome != NULL;
}

static void rank(struct sts_queue *q, uint64_t r[2])
{
    const struct sts_queue_entry *e = &q->record.entry;
    bool flush = to_be_flushed(q, q->record.number);
    bool turned = !flush && q->turned;

    r[0] = e->critical == turned ? RANK_OTHER : 0;
    if (flush) {
        r[0] |= RANK_FAILING; /* behind what has been added since */
    } else {
        r[0] |= all_failing(q) ? RANK_FAILING : 0;
        r[0] |= (uint64_t)e->next_try_at & (RANK_FAILING - 1); /* 0: it is new */
    }
    r[1] = q->record.number;
}

/* ---- those that are next: as many as there is room for, the lowest rank first ---------------- */

static void forget_next(struct sts_queue *q)
{
    q->next_at = q->next_count = 0;
}

/* Whether they can be taken as they were chosen. */
static bool has_next(const struct sts_queue *q, const struct sts_time *now)
{
    return q->next_at < q->next_count && q->turned == (q->row >= CRITICAL_MAX) &&
           !sts_reached(now->ms, q->next_ms + NEXT_MS);
}

static void put_next(struct sts_queue *q, const uint64_t r[2])
{
    size_t at = q->next_count;

    if (at < STS_QUEUE_NEXT) {
        q->next_count++;
    } else if (precedes(r, q->next[at - 1])) {
        at--;
    } else {
        return;
    }
    for (; at > q->next_at && precedes(r, q->next[at - 1]); at--) {
        memcpy(q->next[at], q->next[at - 1], sizeof q->next[at]);
    }
    memcpy(q->next[at], r, sizeof q->next[at]);
}

void sts_queue_come(struct sts_queue *q, bool critical, uint64_t id)
{
    const uint64_t r[2] = {critical == q->turned ? RANK_OTHER : 0, id};

    if (q->next_at < q->next_count) {
        put_next(q, r);
    }
}

/* Weighs the message that was read. */
static void weigh(struct look *l)
{
    struct sts_queue *q = l->q;
    bool flush = to_be_flushed(q, q->record.number);
    uint32_t ms = is_untold(q) ? 0 : due_in(q, l->now);
    uint64_t r[2];

    if (ms == NEVER) {
        return;
    }
    rank(q, r);
    if (flush) {
        ms = precedes(q->flushed, r) ? 0 : LOOK_MS;
    } else if (ms == 0 && !precedes(q->skipped, r)) {
        ms = TAKEN_MS;
    }
    if (ms == 0) {
        put_next(q, r);
    }
    l->wait_ms = ms < l->wait_ms ? ms : l->wait_ms;
}

static bool look_at(void *arg, const char *key)
{
    struct look *l = arg;
    uint64_t id = sts_queue_id(key);
    int e;

    if (id == 0) {
        return true; /* a stranger's file beside ours */
    }
    e = load(l->q, id);
    l->q->last = id > l->q->last ? id : l->q->last;
    switch (e) {
    case STS_OK: weigh(l); break;
    case STS_ERR_IO: l->failed = true; break;
    case STS_ERR_CONFIG: l->newer++; break;
    default: l->damaged++; break;
    }
    return true;
}

/* Looks at all that is kept. */
static int look(struct look *l, struct sts_queue *q, const struct sts_time *now)
{
    const struct sts_store *s = q->config->store;

    *l = (struct look){.q = q, .now = now, .wait_ms = NEVER};
    forget_next(q);
    q->next_ms = now->ms;
    q->turned = q->row >= CRITICAL_MAX;
    if (s->iterate(s->ctx, STS_STORE_ENTRY, look_at, l) != STS_OK) {
        return STS_ERR_IO;
    }
    q->counters.damaged += l->damaged > q->damaged ? l->damaged - q->damaged : 0;
    q->counters.newer += l->newer > q->newer ? l->newer - q->newer : 0;
    q->damaged = l->damaged;
    q->newer = l->newer;
    return STS_OK;
}

/* ---- what the owner is told ------------------------------------------------------------------ */

/* Once the store knows, or cannot be told. */
static void tell(struct sts_queue *q, const char *domain, int result)
{
    const struct sts_queue_entry *e = &q->record.entry;

    q->counters.delivered += e->state == STS_QUEUE_DELIVERED;
    q->counters.failed += e->state == STS_QUEUE_FAILED;
    if (q->config->on_outcome != NULL) {
        q->config->on_outcome(q->config->ctx, e, domain, result);
    }
}

/* The message is claimed, and stays so until it is marked as told: no other process tells of it meanwhile. */
static void tell_again(struct sts_queue *q)
{
    const char *domain = "";

    for (size_t i = 0; i < q->record.entry.count; i++) {
        domain = q->to[i].error != STS_OK ? domain_of(q->to[i].address) : domain;
    }
    q->untold = q->record.number;
    tell(q, domain, q->record.entry.error);
}

void sts_queue_told(struct sts_queue *q)
{
    if (q->untold == 0) {
        return;
    }
    if (sts_queue_count(q->config->store, q->untold, 0) != STS_OK) {
        q->quiet = true;
    }
    sts_queue_release(q->config->message_store);
    q->untold = 0;
}

/* ---- one try ------------------------------------------------------------------------------- */

/* Whether the mailer has it. */
static bool is_begun(const struct sts_queue *q)
{
    return q->begun == STS_OK && q->from < q->upto;
}

static void end_pass(struct sts_queue *q)
{
    if (!q->record.entry.critical) {
        q->row = 0;
    } else if (q->row < CRITICAL_MAX) {
        q->row++;
    }
    if (q->untold == 0) {
        sts_queue_release(q->config->message_store);
    }
    q->sending = false;
    q->look = true;
}

static void set_errors(struct sts_queue *q, int error, bool final)
{
    for (size_t i = q->from; i < q->upto; i++) {
        q->to[i].error = error;
        q->to[i].final = final;
        q->to[i].code = 0;
        q->to[i].reply[0] = '\0';
    }
}

/* Hands the next domain's recipients to the mailer. */
static void send(struct sts_queue *q, const struct sts_time *now)
{
    const struct sts_queue_config *c = q->config;
    const struct sts_source *extra = q->record.extra_len > 0 ? &q->extra : NULL;

    q->mail = (struct sts_mail){.sender = q->record.entry.sender,
                                .recipients = q->to + q->from,
                                .count = (size_t)(q->upto - q->from),
                                .message = &q->message,
                                .floor = q->record.entry.floor};
    q->counters.tries++;
    q->begun = c->on_send != NULL ? c->on_send(c->ctx, &q->record.entry, extra, &q->mail) : STS_OK;
    if (q->begun == STS_OK) {
        q->begun = sts_mailer_send(c->mailer, &q->mail, now);
    }
    if (q->begun != STS_OK) {
        set_errors(q, q->begun, false);
    }
}

/* What is written before the first octet goes out: that a try is under way, when the next one is due if the power
 * goes, and the date. A store that fails here keeps nobody from being told (Q15). */
static void mark(struct sts_queue *q, const struct sts_time *now)
{
    struct sts_queue_entry *e = &q->record.entry;

    if (e->queued_at == 0 || e->queued_at > now->utc_s) {
        e->queued_at = now->utc_s; /* a clock that went back must not make it immortal (C03) */
    }
    if (q->record.undated && q->record.date_s == 0) {
        q->record.date_s = now->utc_s; /* C11 */
    }
    if (q->record.sending && unmarked(q, q->record.number) == NULL) {
        q->counters.repeated++; /* Q02: the power went in the midst of it */
    }
    q->begun_at = now->trust > STS_CLOCK_DOUBTED ? now->utc_s : 0;
    e->tries = (uint16_t)(e->tries < UINT16_MAX ? e->tries + 1 : e->tries);
    e->next_try_at = now->utc_s + sts_queue_jittered_s(q->config->random, e->tries);
    q->record.sending = true;
    make_date(q);
    (void)save(q);
}

/* The message is claimed, and was read since. */
static void begin(struct sts_queue *q, const struct sts_time *now)
{
    q->sending = true;
    q->begun = STS_OK;
    q->from = q->upto = (uint16_t)arrange(q);
    if (q->from == q->record.entry.count) {
        return; /* all have it: what is left is to say so to the store */
    }
    if (sts_queue_is_there(q->config->message_store, STS_STORE_MESSAGE, q->record.entry.id) ==
        STS_ERR_ABSENT) {
        q->counters.damaged++;
        q->upto = (uint16_t)q->record.entry.count;
        q->begun = STS_ERR_IO;
        set_errors(q, STS_ERR_IO, true); /* it cannot be sent any more */
        return;
    }
    gather(q);
    mark(q, now);
    send(q, now);
}

/* Whether the message that was read is still to be tried, and in its turn: since it was chosen another process may have sent it, or its
 * domain failed. */
static bool is_next(struct sts_queue *q, const uint64_t chosen[2], const struct sts_time *now)
{
    bool flush = to_be_flushed(q, chosen[1]);
    uint64_t r[2];

    rank(q, r);
    return !precedes(chosen, r) &&
           (flush ? q->record.entry.state == STS_QUEUE_WAITING : due_in(q, now) == 0);
}

/* Claims the next one and reads it again. */
static int claim_and_begin(struct sts_queue *q, const struct sts_time *now)
{
    const struct sts_store *s = q->config->message_store;
    const uint64_t *chosen = q->next[q->next_at++];
    char key[STS_QUEUE_ID_SIZE];
    int e;

    memcpy(to_be_flushed(q, chosen[1]) ? q->flushed : q->skipped, chosen, sizeof q->skipped);
    if (unmarked(q, chosen[1]) == NULL && unmarked(q, 0) == NULL) {
        return STS_ERR_IO; /* what came of it could not even be remembered */
    }
    sts_queue_key(chosen[1], key);
    e = sts_queue_claim(s, key);
    if (e != STS_OK) {
        return e;
    }
    e = load(q, chosen[1]);
    if (e == STS_OK && is_untold(q)) {
        tell_again(q);
        return STS_BUSY;
    }
    if (e == STS_OK && is_next(q, chosen, now)) {
        memset(q->skipped, 0, sizeof q->skipped);
        begin(q, now);
        return STS_BUSY;
    }
    sts_queue_release(s);
    return e == STS_ERR_IO ? e : STS_BUSY;
}

static int choose(struct sts_queue *q, const struct sts_time *now)
{
    struct look l;
    int e = STS_OK;

    if (has_next(q, now)) {
        return claim_and_begin(q, now);
    }
    e = look(&l, q, now);
    if (e == STS_OK && q->next_count > 0) {
        return claim_and_begin(q, now);
    }
    forget_next(q);
    if (e == STS_OK && q->flush) {
        q->flush = false; /* that was the last of them */
        return STS_BUSY;
    }
    memset(q->skipped, 0, sizeof q->skipped);
    if (e != STS_OK || l.failed) {
        l.wait_ms = TAKEN_MS < l.wait_ms ? TAKEN_MS : l.wait_ms;
    }
    q->look = false;
    q->waiting = l.wait_ms != NEVER;
    q->look_ms = now->ms + (l.wait_ms < LOOK_MS ? l.wait_ms : LOOK_MS);
    return e != STS_OK || l.failed ? STS_ERR_IO : STS_OK;
}

/* ---- what came of it ----------------------------------------------------------------------- */

/* The message's state. `last`: all whom it waited for had their try in this pass. */
static uint8_t state_of(const struct sts_queue *q, bool last)
{
    const struct sts_queue_entry *e = &q->record.entry;
    uint32_t give_up_s = q->config->give_up_s != 0 ? q->config->give_up_s : GIVE_UP_S;
    bool given_up = last && (q->begun_at != 0 ? q->begun_at - e->queued_at >= (int64_t)give_up_s
                                              : e->tries >= give_up_s / LEAST_S + 4);
    uint8_t state = STS_QUEUE_DELIVERED;

    for (size_t i = 0; i < e->count; i++) {
        if (is_pending(&q->to[i]) && !given_up) {
            return STS_QUEUE_WAITING;
        }
        state = q->to[i].error != STS_OK ? STS_QUEUE_FAILED : state;
    }
    return state;
}

/* Tells the store. STS_OK, or it does not know. */
static int settle(struct sts_queue *q)
{
    int e;

    if (q->record.entry.state != STS_QUEUE_DELIVERED) {
        return save(q);
    }
    e = sts_queue_remove(q->config->store, q->record.entry.id);
    if (e == STS_ERR_IO) {
        return e;
    }
    free_place(q);
    return STS_OK;
}

/* A try is over; `stop`: and so is the pass. */
static void conclude(struct sts_queue *q, int result, const struct sts_time *now, bool stop)
{
    struct sts_queue_entry *e = &q->record.entry;
    const struct sts_recipient *first = &q->to[q->from];
    uint32_t wait_s = sts_queue_jittered_s(q->config->random, e->tries);
    const char *domain = NULL;
    bool taken = false, over, tells;

    close_source(q); /* a store may have more room to work without a reader */
    if (q->from < q->upto) {
        domain = domain_of(first->address);
        note_domain(q, first->address, result);
        e->error = result;
    }
    for (; q->from < q->upto; q->from++) {
        taken = taken || q->to[q->from].error == STS_OK;
    }
    over = stop || q->from == e->count;
    e->state = state_of(q, q->from == e->count);
    if (over && sts_queue_time_known(now)) {
        e->next_try_at = now->utc_s + wait_s;
    } else if (!over) {
        gather(q);
    }
    tells = e->state == STS_QUEUE_FAILED && q->config->on_outcome != NULL;
    q->record.sending = !over || tells;
    if (settle(q) != STS_OK) {
        remember(q, now, wait_s * 1000, taken);
    } else if (tells) {
        q->untold = q->record.number;
    }
    if (domain != NULL) {
        tell(q, domain, result);
    }
    if (over) {
        end_pass(q);
    } else {
        send(q, now);
    }
}

/* ---- calls --------------------------------------------------------------------------------- */

int sts_queue_init(struct sts_queue *q, const struct sts_queue_config *c)
{
    static const struct sts_time unset = {0, 0, STS_CLOCK_UNSET};
    struct look l;
    uint32_t swept;
    int e;

    if (q == NULL || c == NULL || (c->mailer != NULL && c->mailer->config == NULL) ||
        c->store == NULL || c->message_store == NULL || c->store == c->message_store ||
        c->random == NULL) {
        return STS_ERR_ARG;
    }
    memset(q, 0, sizeof *q);
    q->config = c;
    q->raw = (struct sts_source){q, rewind_message, read_source};
    q->extra = (struct sts_source){q, rewind_extra, read_source};
    q->message.raw = &q->raw;
    q->look = true;
    e = sts_queue_sweep(c->store, &swept);
    if (e == STS_OK) {
        e = look(&l, q, &unset);
    }
    forget_next(q);
    q->first = q->last;
    if (e != STS_OK) {
        q->config = NULL; /* nothing can be done with it */
    }
    return e;
}

/* After the start, and where calendar and tick disagree, what waited is spread (Q09, C04). */
static void notice_time(struct sts_queue *q, const struct sts_time *now)
{
    uint32_t spread_s = q->config->spread_s != 0 ? q->config->spread_s : SPREAD_S;
    int64_t ahead = now->utc_s - q->seen_utc - (int64_t)((now->ms - q->seen_ms) / 1000);

    spread_s = spread_s < 86400 ? spread_s : 86400;
    if (!q->seen || ahead > JUMP_S || ahead < -JUMP_S) {
        q->jumped = q->seen;
        q->hold = true;
        sts_queue_rescan(q);
        q->hold_ms = now->ms + sts_queue_random(q->config->random, spread_s * 1000);
    }
    q->hold = q->hold && !sts_reached(now->ms, q->hold_ms);
    q->seen = true;
    q->seen_utc = now->utc_s;
    q->seen_ms = now->ms;
}

int sts_queue_poll(struct sts_queue *q, const struct sts_time *now)
{
    int result;

    if (q == NULL || q->config == NULL || q->config->mailer == NULL) {
        return STS_ERR_ARG;
    }
    sts_queue_told(q);
    if (q->sending) {
        result = is_begun(q) ? sts_mailer_poll(q->config->mailer, now) : q->begun;
        if (result != STS_BUSY) {
            conclude(q, result, now, false);
        }
        return STS_BUSY;
    }
    if (!sts_queue_time_known(now)) {
        return STS_OK; /* C01 */
    }
    notice_time(q, now);
    if (!q->look && !(q->waiting && sts_reached(now->ms, q->look_ms))) {
        return STS_OK;
    }
    return choose(q, now);
}

uint32_t sts_queue_due_ms(struct sts_queue *q, const struct sts_time *now)
{
    if (q->sending) {
        return 0;
    }
    if (!sts_queue_time_known(now) || (!q->look && !q->waiting)) {
        return NEVER;
    }
    return q->look ? 0 : sts_until(now->ms, q->look_ms);
}

void sts_queue_wait(struct sts_queue *q, const struct sts_time *now, uint32_t max_ms)
{
    const struct sts_net *net;
    uint32_t ms = sts_queue_due_ms(q, now);

    if (q->config->mailer == NULL) {
        return;
    }
    net = q->config->mailer->config->net;

    if (q->sending && is_begun(q)) {
        sts_mailer_wait(q->config->mailer, now, max_ms);
    } else if (ms > 0) {
        net->wait(net->ctx, NULL, 0, ms < max_ms ? ms : max_ms);
    }
}

void sts_queue_flush(struct sts_queue *q)
{
    q->flush = true;
    q->flush_to = UINT64_MAX;
    memset(q->flushed, 0, sizeof q->flushed);
    sts_queue_rescan(q);
}

void sts_queue_rescan(struct sts_queue *q)
{
    forget_next(q);
    q->look = true;
}

void sts_queue_stop(struct sts_queue *q, const struct sts_time *now)
{
    int result = q->begun;

    sts_queue_told(q);
    if (!q->sending) {
        return;
    }
    if (is_begun(q)) {
        sts_mailer_abort(q->config->mailer);
        result = sts_mailer_poll(q->config->mailer, now);
    }
    conclude(q, result, now, true);
}

struct list {
    struct sts_queue *q;
    bool (*each)(void *arg, const struct sts_queue_entry *entry);
    void *arg;
};

static bool list_one(void *arg, const char *key)
{
    struct list *l = arg;
    struct sts_queue *q = l->q;
    uint64_t id = sts_queue_id(key);

    if (id == 0 || load(q, id) != STS_OK) {
        return true;
    }
    for (size_t i = 0; i < STS_QUEUE_COUNTED; i++) {
        q->record.entry.coalesced += q->counted[i].id == id ? q->counted[i].more : 0;
    }
    return l->each(l->arg, &q->record.entry);
}

int sts_queue_list(struct sts_queue *q,
                   bool (*each)(void *arg, const struct sts_queue_entry *entry), void *arg)
{
    struct list l = {q, each, arg};
    int e;

    if (q == NULL || q->config == NULL || each == NULL) {
        return STS_ERR_ARG;
    }
    if (q->sending) {
        return STS_BUSY;
    }
    e = q->config->store->iterate(q->config->store->ctx, STS_STORE_ENTRY, list_one, &l);
    return e == STS_OK ? STS_OK : STS_ERR_IO;
}
