/* SPDX-License-Identifier: MIT
 *
 * Messages come into the queue, and leave it unsent. The message is written first, its entry after it: the entry's commit is
 * the acceptance, and a cut before it leaves a message without an entry, which is swept away at the next start (Q01).
 */
#include <stsmail/engine/queue.h>

#include <string.h>

#include <stsmail/engine/mailbox.h>
#include <stsmail/engine/text.h>

#define ID_TRIES 8

/* ---- what is asked for ------------------------------------------------------------------- */

static int check_message(const struct sts_message *m)
{
    int err = sts_message_check(m);

    return err == STS_ERR_CLOCK ? STS_OK : err; /* C11: it gets its date later */
}

/* Adds up the strings in *len. */
static int check_envelope(const struct sts_queue_mail *mail, size_t *len)
{
    char domain[STS_NAME_SIZE];
    struct sts_mailbox box;
    bool waits = false;
    int err = mail->sender[0] != '\0' ? sts_mailbox_parse(mail->sender, sts_len(mail->sender), &box)
                                      : STS_OK;

    *len = sts_len(mail->sender) + 1;
    for (size_t i = 0; i < mail->count && err == STS_OK; i++) {
        const struct sts_recipient *r = &mail->recipients[i];

        err = sts_mailer_domain(r->address, domain);
        *len += err == STS_OK ? sts_len(r->address) + 1 : 0;
        waits = waits || !mail->tried || (r->error != STS_OK && !r->final);
    }
    return err != STS_OK || waits ? err : STS_ERR_ARG;
}

/* All that can be wrong; *len is what the addresses take. */
static int check(const struct sts_queue_mail *mail, size_t *len)
{
    int err;

    if (mail->sender == NULL || mail->recipients == NULL || mail->count == 0 ||
        mail->count > STS_QUEUE_RECIPIENTS || mail->floor > STS_FLOOR_POLICY) {
        return STS_ERR_ARG;
    }
    err = check_message(mail->message);
    if (err == STS_OK) {
        err = check_envelope(mail, len);
    }
    return err == STS_OK && *len + 1 > STS_QUEUE_TEXT ? STS_ERR_ARG : err;
}

/* What is kept of the subject, for others to be compared with: all or nothing. NULL: they cannot be (Q06). */
static const char *subject_of(const struct sts_queue *q, const struct sts_queue_mail *mail,
                              size_t room)
{
    const struct sts_message *m = mail->message;
    const char *subject = m->subject != NULL ? m->subject : "";

    if (q->config->coalesce_s == 0 || m->raw != NULL || mail->extra != NULL || mail->tried) {
        return NULL;
    }
    return sts_len(subject) <= room ? subject : NULL;
}

/* The entry of a message in which nothing is wrong. */
static void make_record(const struct sts_queue *q, const struct sts_queue_mail *mail,
                        const struct sts_time *now, struct sts_queue_record *r)
{
    struct sts_queue_entry *e = &r->entry;

    memset(r, 0, sizeof *r);
    r->undated = mail->message->raw == NULL && mail->message->date_s <= 0;
    e->state = STS_QUEUE_WAITING;
    e->critical = mail->critical;
    e->flags = mail->flags;
    e->floor = mail->floor;
    e->sender = mail->sender;
    e->recipients = mail->recipients;
    e->count = mail->count;
    e->queued_at = sts_queue_time_known(now) ? now->utc_s : 0;
    e->tries = mail->tried;
    for (size_t i = 0; mail->tried && i < mail->count && e->error == STS_OK; i++) {
        e->error = mail->recipients[i].error;
    }
    if (mail->tried && e->queued_at > 0) {
        e->next_try_at = now->utc_s + sts_queue_jittered_s(q->config->random, 1);
    }
}

/* ---- what is there already ---------------------------------------------------------------- */

struct survey {
    struct sts_queue *q;
    const struct sts_queue_mail *mail;
    const char *subject;          /* NULL: not to be coalesced */
    int64_t now_s;                /* 0: not known */
    uint32_t count;               /* entries, whatever they are */
    bool full;                    /* look for one that can go */
    uint64_t failed;              /* the oldest that failed for good, 0: none */
    struct sts_queue_record like; /* the one to count the new one in; number 0: none */
};

/* Q06: of unknown age is young, as long as nothing can be sent anyway. */
static bool is_young(const struct survey *v, const struct sts_queue_entry *e)
{
    int64_t age = v->now_s - e->queued_at;

    return e->queued_at == 0 ||
           (v->now_s > 0 && age >= 0 && age < (int64_t)v->q->config->coalesce_s);
}

static bool survey_one(void *arg, const char *key)
{
    struct survey *v = arg;
    const struct sts_store *s = v->q->config->store;
    uint64_t id = sts_queue_id(key);
    struct sts_queue_record r;

    v->count += id != 0; /* else it is nothing of ours */
    if (id == 0 || (v->q->sending && id == v->q->record.number)) {
        return true;
    }
    if (v->subject != NULL && v->like.number == 0 &&
        sts_queue_same(s, id, v->mail, v->subject, &r) == STS_OK && is_young(v, &r.entry)) {
        v->like = r;
    }
    if (v->full && (v->failed == 0 || id < v->failed) && sts_queue_open(s, id, &r) == STS_OK) {
        s->done(s->ctx);
        v->failed = r.entry.state == STS_QUEUE_FAILED ? id : v->failed;
    }
    return true;
}

static int survey(struct survey *v, bool full)
{
    const struct sts_store *s = v->q->config->store;

    v->full = full;
    v->count = 0;
    v->failed = v->like.number = 0;
    return s->iterate(s->ctx, STS_STORE_ENTRY, survey_one, v) == STS_OK ? STS_OK : STS_ERR_IO;
}

/* ---- coalescing -------------------------------------------------------------------------- */

/* Where this run counts for an entry: a place of its own, or the one that was taken longest ago. What that one had yet to
 * write is lost: the count is "at least". */
static struct sts_queue_counted *counted(struct sts_queue *q, uint64_t id)
{
    struct sts_queue_counted *c;

    for (size_t i = 0; i < STS_QUEUE_COUNTED; i++) {
        if (q->counted[i].id == id) {
            return &q->counted[i];
        }
    }
    c = &q->counted[q->counted_next++ % STS_QUEUE_COUNTED];
    c->id = id;
    c->more = 0;
    return c;
}

/* Counts the alert in the one that was found, unless that has gone since: STS_OK. Written when the count doubles, so that a
 * storm of n costs log n writes (Q06); where that fails, the one that waits still stands for this one. */
static int coalesce(struct survey *v)
{
    struct sts_queue *q = v->q;
    const struct sts_store *s = q->config->store;
    uint64_t id = v->like.number;
    struct sts_queue_counted *c;
    int e = sts_queue_claim(s, v->like.entry.id);

    if (e != STS_OK) {
        return e; /* it is being sent, or dropped */
    }
    e = sts_queue_same(s, id, v->mail, v->subject, &v->like);
    if (e == STS_OK) {
        c = counted(q, id);
        c->more++;
        if (c->more > v->like.entry.coalesced && sts_queue_count(s, id, c->more) == STS_OK) {
            c->more = 0;
        }
    }
    sts_queue_release(s);
    return e;
}

/* ---- keeping ----------------------------------------------------------------------------- */

/* A new id, claimed: later than all that were seen, and by the clock where that is known, so that ids sort by age; and 24
 * random bits, since without a clock, behind an empty store, every start would give the same (M12, Q11). */
static int new_id(struct sts_queue *q, const struct sts_time *now, struct sts_queue_record *r)
{
    const struct sts_store *s = q->config->store;
    int e;

    for (unsigned i = 0; i < ID_TRIES; i++) {
        uint64_t high = (q->last >> 24) + 1;
        uint8_t low[3];

        if (q->config->random->fill(q->config->random->ctx, low, sizeof low) != STS_OK) {
            return STS_ERR_RANDOM;
        }
        if (sts_queue_time_known(now) && (uint64_t)now->utc_s > high) {
            high = (uint64_t)now->utc_s;
        }
        q->last = r->number = high << 24 | (uint32_t)low[0] << 16 | (uint32_t)low[1] << 8 | low[2];
        sts_queue_key(r->number, r->entry.id);
        e = sts_queue_claim(s, r->entry.id);
        if (e == STS_OK) {
            e = sts_queue_is_there(s, STS_STORE_ENTRY, r->entry.id);
            e = e == STS_ERR_ABSENT ? sts_queue_is_there(s, STS_STORE_MESSAGE, r->entry.id) : e;
            if (e == STS_ERR_ABSENT) {
                return STS_OK;
            }
            sts_queue_release(s);
        }
        if (e != STS_OK && e != STS_BUSY) {
            return STS_ERR_IO;
        }
    }
    return STS_ERR_IO;
}

/* "id.random@hostname": the same on each try since it is kept with the message, and no other message's (M12). NULL where the
 * hostname is too long for it: then there is none, which is allowed (RFC 5322 3.6.4). */
static int make_message_id(struct sts_queue *q, const struct sts_queue_record *r, char *buf,
                           size_t size)
{
    const struct sts_mailer *mailer = q->config->mailer;
    const char *hostname = mailer != NULL ? mailer->config->hostname : "localhost";
    char more[STS_QUEUE_ID_SIZE];
    struct sts_mailbox box;
    struct sts_out o;
    uint64_t random;

    if (q->config->random->fill(q->config->random->ctx, &random, sizeof random) != STS_OK) {
        return STS_ERR_RANDOM;
    }
    sts_queue_key(random, more);
    sts_out_start(&o, buf, size);
    sts_out_text(&o, r->entry.id);
    sts_out_char(&o, '.');
    sts_out_text(&o, more);
    sts_out_char(&o, '@');
    sts_out_text(&o, hostname);
    sts_out_end(&o);
    if (sts_mailbox_parse(buf, o.len, &box) != STS_OK) {
        buf[0] = '\0';
    }
    return STS_OK;
}

static int write_extra(const struct sts_store *s, const struct sts_source *extra, uint32_t *len)
{
    uint8_t piece[64];
    int32_t n;
    int e = extra->rewind(extra->ctx);

    while (e == STS_OK && (n = extra->read(extra->ctx, piece, sizeof piece)) != 0) {
        e = n > 0 && n <= (int32_t)sizeof piece ? s->write(s->ctx, piece, (size_t)n) : STS_ERR_IO;
        *len += (uint32_t)n;
    }
    return e;
}

static int write_content(struct sts_queue *q, const struct sts_message *m)
{
    const struct sts_store *s = q->config->store;
    uint8_t piece[128];
    int e = sts_reader_start_kept(&q->reader, m);
    int32_t n;

    while (e == STS_OK && (n = sts_reader_read(&q->reader, piece, sizeof piece)) != 0) {
        e = n > 0 ? s->write(s->ctx, piece, (size_t)n) : n;
    }
    return e == STS_OK && q->reader.facts.size > UINT32_MAX ? STS_ERR_SPACE : e;
}

static int write_message(struct sts_queue *q, const struct sts_queue_mail *mail,
                         const struct sts_time *now, struct sts_queue_record *r)
{
    const struct sts_store *s = q->config->store;
    struct sts_message m = *mail->message;
    char id[STS_NAME_SIZE] = "";
    int e = STS_OK;

    if (m.raw == NULL && m.message_id == NULL) {
        e = make_message_id(q, r, id, sizeof id);
        m.message_id = id[0] != '\0' ? id : NULL;
    }
    if (r->undated && sts_queue_time_known(now)) {
        m.date_s = now->utc_s;
        r->undated = false;
    }
    if (e == STS_OK) {
        e = s->put(s->ctx, STS_STORE_MESSAGE, r->entry.id);
    }
    if (e != STS_OK) {
        return e;
    }
    if (mail->extra != NULL) {
        e = write_extra(s, mail->extra, &r->extra_len);
    }
    if (e == STS_OK) {
        e = write_content(q, &m);
    }
    if (e != STS_OK) {
        s->abort(s->ctx);
        return e;
    }
    r->entry.size = (uint32_t)q->reader.facts.size;
    r->undated = r->undated ||
                 (m.raw != NULL && !q->reader.facts.dated && !sts_queue_time_known(now)); /* C11 */
    return s->commit(s->ctx);
}

/* Message, then entry. What fails leaves neither. */
static int keep(struct sts_queue *q, const struct sts_queue_mail *mail, const struct sts_time *now,
                struct sts_queue_record *r, const char *subject)
{
    const struct sts_store *s = q->config->store;
    int e = new_id(q, now, r);

    if (e != STS_OK) {
        return e;
    }
    e = write_message(q, mail, now, r);
    if (e == STS_OK) {
        e = sts_queue_write(s, r, NULL, subject);
    }
    if (e != STS_OK) { /* whatever a store did before it said so */
        (void)s->remove(s->ctx, STS_STORE_ENTRY, r->entry.id);
        (void)s->remove(s->ctx, STS_STORE_MESSAGE, r->entry.id);
    }
    sts_queue_release(s);
    return e;
}

/* Keeps it, in the place of messages that failed for good where there is no other (Q05). */
static int make_room_and_keep(struct sts_queue *q, struct survey *v, const struct sts_time *now,
                              struct sts_queue_record *r, const char *subject)
{
    const uint32_t limit = v->mail->critical ? STS_QUEUE_MAX : STS_QUEUE_MAX - 1;
    uint32_t swept;
    int e = STS_OK;

    while (e == STS_OK) {
        e = v->count < limit ? keep(q, v->mail, now, r, subject) : STS_ERR_SPACE;
        if (e != STS_ERR_SPACE) {
            return e;
        }
        e = sts_queue_sweep(q->config->store, &swept);
        v->subject = NULL;
        if (e != STS_OK || survey(v, true) != STS_OK) {
            return STS_ERR_IO;
        }
        if (swept == 0) {
            e = v->failed != 0 ? sts_queue_forget(q, v->failed) : STS_ERR_SPACE;
            v->count--;
        }
    }
    return STS_ERR_SPACE;
}

int sts_queue_add(struct sts_queue *q, const struct sts_queue_mail *mail,
                  const struct sts_time *now, char id[STS_QUEUE_ID_SIZE])
{
    struct survey v = {.q = q, .mail = mail};
    struct sts_queue_record r;
    const char *subject;
    size_t len;
    int e;

    if (q == NULL || q->config == NULL || mail == NULL || now == NULL || id == NULL) {
        return STS_ERR_ARG;
    }
    e = check(mail, &len);
    if (e != STS_OK) {
        return e;
    }
    make_record(q, mail, now, &r);
    v.now_s = r.entry.queued_at;
    v.subject = subject_of(q, mail, STS_QUEUE_TEXT - len - 1);
    r.coalesces = v.subject != NULL;
    subject = r.coalesces ? v.subject : "";
    r.text_len = (uint32_t)(len + sts_len(subject) + 1);
    e = survey(&v, false);
    if (e == STS_OK && v.like.number != 0 && coalesce(&v) == STS_OK) {
        q->counters.coalesced++;
        memcpy(id, v.like.entry.id, STS_QUEUE_ID_SIZE);
        return STS_OK;
    }
    if (e == STS_OK) {
        e = make_room_and_keep(q, &v, now, &r, subject);
    }
    if (e == STS_OK) {
        memcpy(id, r.entry.id, STS_QUEUE_ID_SIZE);
        q->counters.accepted++;
        q->look = true;
        memset(q->skipped, 0, sizeof q->skipped); /* it may go before that one */
        if (q->flush_to >= r.number) {
            q->flush_to = r.number - 1; /* and is not of those that are flushed */
        }
        if (!mail->tried) {
            sts_queue_come(q, mail->critical, r.number);
        }
    } else {
        q->counters.refused++;
    }
    return e;
}

/* ---- leaving ----------------------------------------------------------------------------- */

int sts_queue_remove(const struct sts_store *s, const char *key)
{
    int e = s->remove(s->ctx, STS_STORE_ENTRY, key);

    if (e == STS_OK) {
        (void)s->remove(s->ctx, STS_STORE_MESSAGE, key); /* else swept away later */
    }
    return e == STS_OK || e == STS_ERR_ABSENT ? e : STS_ERR_IO;
}

int sts_queue_forget(struct sts_queue *q, uint64_t id)
{
    const struct sts_store *s = q->config->store;
    char key[STS_QUEUE_ID_SIZE];
    int e;

    sts_queue_key(id, key);
    e = sts_queue_claim(s, key);
    if (e == STS_OK) {
        e = sts_queue_remove(s, key);
        sts_queue_release(s);
    }
    return e;
}

int sts_queue_drop(struct sts_queue *q, const char *id)
{
    uint64_t number = id != NULL ? sts_queue_id(id) : 0;

    if (q == NULL || q->config == NULL) {
        return STS_ERR_ARG;
    }
    if (number == 0) {
        return STS_ERR_ABSENT;
    }
    if (q->untold == number) {
        sts_queue_told(q); /* who drops it knows */
    }
    return q->sending && q->record.number == number ? STS_BUSY : sts_queue_forget(q, number);
}

/* ---- what a power cut left ---------------------------------------------------------------- */

struct sweep {
    const struct sts_store *s;
    uint64_t after, orphan; /* the next one behind `after` without an entry; 0: none */
};

static bool sweep_one(void *arg, const char *key)
{
    struct sweep *w = arg;
    uint64_t id = sts_queue_id(key);

    if (id > w->after && (w->orphan == 0 || id < w->orphan) &&
        sts_queue_is_there(w->s, STS_STORE_ENTRY, key) == STS_ERR_ABSENT) {
        w->orphan = id;
    }
    return true;
}

/* Who adds a message has claimed its key, and the entry is there when the claim is gone. */
static bool remove_orphan(const struct sts_store *s, uint64_t id)
{
    char key[STS_QUEUE_ID_SIZE];
    bool removed = false;

    sts_queue_key(id, key);
    if (sts_queue_claim(s, key) == STS_OK) {
        removed = sts_queue_is_there(s, STS_STORE_ENTRY, key) == STS_ERR_ABSENT &&
                  s->remove(s->ctx, STS_STORE_MESSAGE, key) == STS_OK;
        sts_queue_release(s);
    }
    return removed;
}

int sts_queue_sweep(const struct sts_store *s, uint32_t *removed)
{
    struct sweep w = {.s = s};
    int e;

    *removed = 0;
    do {
        w.after = w.orphan;
        w.orphan = 0;
        e = s->iterate(s->ctx, STS_STORE_MESSAGE, sweep_one, &w);
        if (e == STS_OK && w.orphan != 0) {
            *removed += remove_orphan(s, w.orphan);
        }
    } while (e == STS_OK && w.orphan != 0);
    return e == STS_OK ? STS_OK : STS_ERR_IO;
}
