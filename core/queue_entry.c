/* SPDX-License-Identifier: MIT
 *
 * An entry of the queue as a record: a head (struct head: octets only, numbers big-endian); the strings, each with a NUL:
 * sender, subject or nothing, the addresses in the order in which they came; then for each recipient a struct verdict and the reply, in any
 * order. It ends there. That the octets are as they were written is the store's business; that they make sense is checked here.
 *
 * What is kept with the message (extra) stands before the message itself, in the record of the same key and the other kind: it never
 * changes, and the entry does with each try.
 */
#include <stsmail/engine/queue.h>

#include <string.h>

#include <stsmail/engine/text.h>

#define FORMAT 1

enum {
    MARK_CRITICAL = 1,
    MARK_SENDING = 2,
    MARK_UNDATED = 4,
    MARK_COALESCES = 8,
    MARKS = 15
};

struct head {
    uint8_t format;
    uint8_t state, marks, floor, flags;
    uint8_t error; /* two's complement */
    uint8_t tries[2], count[2];
    uint8_t coalesced[4], size[4], extra_len[4], text_len[4];
    uint8_t queued_at[8], next_try_at[8], date[8]; /* seconds since 1970 */
};

struct verdict {
    uint8_t at[4]; /* of the address in the strings */
    uint8_t error, final;
    uint8_t code[2], reply_len[2];
};

static void put(uint8_t *to, size_t size, uint64_t n)
{
    while (size-- > 0) {
        to[size] = (uint8_t)n;
        n >>= 8;
    }
}

static uint64_t get(const uint8_t *from, size_t size)
{
    uint64_t n = 0;

    for (size_t i = 0; i < size; i++) {
        n = n << 8 | from[i];
    }
    return n;
}

static uint32_t get4(const uint8_t from[4])
{
    return (uint32_t)get(from, 4);
}

/* ---- ids --------------------------------------------------------------------------------- */

void sts_queue_key(uint64_t id, char key[STS_QUEUE_ID_SIZE])
{
    for (size_t i = STS_QUEUE_ID_SIZE - 1; i-- > 0; id >>= 4) {
        key[i] = "0123456789abcdef"[id & 15];
    }
    key[STS_QUEUE_ID_SIZE - 1] = '\0';
}

uint64_t sts_queue_id(const char *key)
{
    uint64_t id = 0;

    for (size_t i = 0; i < STS_QUEUE_ID_SIZE - 1; i++) {
        uint8_t c = (uint8_t)key[i];

        if (!sts_is_digit(c) && (c < 'a' || c > 'f')) {
            return 0;
        }
        id = id << 4 | (uint64_t)(sts_is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    return key[STS_QUEUE_ID_SIZE - 1] == '\0' ? id : 0;
}

/* ---- reading ----------------------------------------------------------------------------- */

/* All of len bytes. STS_ERR_ABSENT: the record ends before. */
static int read_all(const struct sts_store *s, void *buf, size_t len)
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

static int read_end(const struct sts_store *s)
{
    char c;
    int32_t n = s->read(s->ctx, &c, 1);

    return n == 0 ? STS_OK : n > 0 ? STS_ERR_ABSENT : STS_ERR_IO;
}

/* What the head says; whether that can be. */
static int take_head(const struct head *h, struct sts_queue_record *r)
{
    struct sts_queue_entry *e = &r->entry;

    if (h->format != FORMAT) {
        return STS_ERR_CONFIG;
    }
    e->state = h->state;
    e->critical = (h->marks & MARK_CRITICAL) != 0;
    r->sending = (h->marks & MARK_SENDING) != 0;
    r->undated = (h->marks & MARK_UNDATED) != 0;
    r->coalesces = (h->marks & MARK_COALESCES) != 0;
    e->floor = h->floor;
    e->flags = h->flags;
    e->error = (int8_t)h->error;
    e->tries = (uint16_t)get(h->tries, 2);
    e->count = (size_t)get(h->count, 2);
    e->coalesced = get4(h->coalesced);
    e->size = get4(h->size);
    r->extra_len = get4(h->extra_len);
    r->text_len = get4(h->text_len);
    e->queued_at = (int64_t)get(h->queued_at, 8);
    e->next_try_at = (int64_t)get(h->next_try_at, 8);
    r->date_s = (int64_t)get(h->date, 8);
    if ((h->state != STS_QUEUE_WAITING && h->state != STS_QUEUE_FAILED) || h->marks > MARKS ||
        h->floor > STS_FLOOR_POLICY || e->count == 0 || e->queued_at < 0 || e->next_try_at < 0 ||
        r->date_s < 0 || r->date_s > STS_DATE_MAX) {
        return STS_ERR_ABSENT;
    }
    return e->count > STS_QUEUE_RECIPIENTS || r->text_len > STS_QUEUE_TEXT ? STS_ERR_CONFIG
                                                                           : STS_OK;
}

int sts_queue_open(const struct sts_store *s, uint64_t id, struct sts_queue_record *r)
{
    struct head h;
    int e;

    memset(r, 0, sizeof *r);
    r->number = id;
    sts_queue_key(id, r->entry.id);
    e = s->get(s->ctx, STS_STORE_ENTRY, r->entry.id);
    if (e != STS_OK) { /* of a newer store it is left alone too (Q12) */
        return e == STS_ERR_ABSENT || e == STS_ERR_CONFIG ? e : STS_ERR_IO;
    }
    e = read_all(s, &h, 1);
    if (e == STS_OK && h.format == FORMAT) {
        e = read_all(s, &h.format + 1, sizeof h - 1); /* another version may be shorter */
    }
    if (e == STS_OK) {
        e = take_head(&h, r);
    }
    if (e != STS_OK) {
        s->done(s->ctx);
    }
    return e;
}

/* The strings: as many as there must be. Gives the sum of the places of the addresses. */
static int read_text(const struct sts_store *s, struct sts_queue_record *r, char *text,
                     uint64_t *sum)
{
    size_t len = r->text_len, strings = 0, end = 0;
    int e = read_all(s, text, len);

    *sum = 0;
    for (size_t i = 0; i < len && e == STS_OK; i++) {
        if (text[i] == '\0') {
            strings++;
            end = i + 1;
            *sum += strings >= 2 && end < len ? end : 0;
        }
    }
    r->entry.sender = text;
    if (e == STS_OK && (end != len || strings != r->entry.count + 2)) {
        e = STS_ERR_ABSENT;
    }
    return e;
}

/* A reply, cut where this build keeps less. */
static int read_reply(const struct sts_store *s, size_t len, char reply[STS_REPLY_SIZE])
{
    size_t kept = len < STS_REPLY_SIZE ? len : STS_REPLY_SIZE - 1;
    int e = read_all(s, reply, kept);
    char rest;

    reply[kept] = '\0';
    for (; kept < len && e == STS_OK; kept++) {
        e = read_all(s, &rest, 1);
    }
    return e;
}

static int read_recipient(const struct sts_store *s, const struct sts_queue_record *r,
                          const char *text, struct sts_recipient *to)
{
    struct verdict v;
    int e = read_all(s, &v, sizeof v);
    size_t at;

    if (e != STS_OK) {
        return e;
    }
    at = get4(v.at);
    if (at == 0 || at >= r->text_len || text[at - 1] != '\0' || v.final > 1) {
        return STS_ERR_ABSENT;
    }
    to->address = text + at;
    to->error = (int8_t)v.error;
    to->final = v.final != 0;
    to->code = (uint16_t)get(v.code, 2);
    return read_reply(s, (size_t)get(v.reply_len, 2), to->reply);
}

static int read_rest(const struct sts_store *s, struct sts_queue_record *r, char *text,
                     struct sts_recipient *to)
{
    uint64_t sum;
    int e = read_text(s, r, text, &sum);

    for (size_t i = 0; i < r->entry.count && e == STS_OK; i++) {
        e = read_recipient(s, r, text, &to[i]);
        if (e == STS_OK) {
            sum -= (uint64_t)(to[i].address - text);
        }
    }
    if (e == STS_OK) {
        e = sum == 0 ? read_end(s)
                     : STS_ERR_ABSENT; /* else one is there twice, and one not at all */
    }
    r->entry.recipients = to;
    return e;
}

int sts_queue_read(const struct sts_store *s, uint64_t id, struct sts_queue_record *r, char *text,
                   struct sts_recipient *to)
{
    int e = sts_queue_open(s, id, r);

    if (e == STS_OK) {
        e = read_rest(s, r, text, to);
        s->done(s->ctx);
    }
    return e;
}

/* ---- writing ----------------------------------------------------------------------------- */

static void make_head(const struct sts_queue_record *r, struct head *h)
{
    const struct sts_queue_entry *e = &r->entry;

    h->format = FORMAT;
    h->state = e->state;
    h->marks = (uint8_t)((e->critical ? MARK_CRITICAL : 0) | (r->sending ? MARK_SENDING : 0) |
                         (r->undated ? MARK_UNDATED : 0) | (r->coalesces ? MARK_COALESCES : 0));
    h->floor = e->floor;
    h->flags = e->flags;
    h->error = (uint8_t)e->error;
    put(h->tries, 2, e->tries);
    put(h->count, 2, e->count);
    put(h->coalesced, 4, e->coalesced);
    put(h->size, 4, e->size);
    put(h->extra_len, 4, r->extra_len);
    put(h->text_len, 4, r->text_len);
    put(h->queued_at, 8, (uint64_t)e->queued_at);
    put(h->next_try_at, 8, (uint64_t)e->next_try_at);
    put(h->date, 8, (uint64_t)r->date_s);
}

static int write_string(const struct sts_store *s, const char *text)
{
    return s->write(s->ctx, text, sts_len(text) + 1);
}

static int write_text(const struct sts_store *s, const struct sts_queue_record *r, const char *text,
                      const char *subject)
{
    int e;

    if (text != NULL) {
        return s->write(s->ctx, text, r->text_len);
    }
    e = write_string(s, r->entry.sender);
    if (e == STS_OK) {
        e = write_string(s, subject);
    }
    for (size_t i = 0; i < r->entry.count && e == STS_OK; i++) {
        e = write_string(s, r->entry.recipients[i].address);
    }
    return e;
}

static int write_recipients(const struct sts_store *s, const struct sts_queue_record *r,
                            const char *text, size_t at)
{
    static const struct sts_recipient untried = {.error = STS_BUSY};
    int e = STS_OK;

    for (size_t i = 0; i < r->entry.count && e == STS_OK; i++) {
        const struct sts_recipient *to = &r->entry.recipients[i];
        const struct sts_recipient *said = r->entry.tries > 0 ? to : &untried;
        size_t len = sts_len(said->reply);
        struct verdict v;

        put(v.at, 4, text != NULL ? (uint64_t)(to->address - text) : at);
        at += sts_len(to->address) + 1;
        v.error = (uint8_t)said->error;
        v.final = said->final;
        put(v.code, 2, said->code);
        put(v.reply_len, 2, len);
        e = s->write(s->ctx, &v, sizeof v);
        if (e == STS_OK && len > 0) {
            e = s->write(s->ctx, said->reply, len);
        }
    }
    return e;
}

/* Ends what put began. */
static int finish(const struct sts_store *s, int e)
{
    if (e == STS_OK) {
        e = s->commit(s->ctx);
    } else {
        s->abort(s->ctx);
    }
    return e == STS_OK || e == STS_ERR_SPACE ? e : STS_ERR_IO;
}

static int begin(const struct sts_store *s, const struct sts_queue_record *r)
{
    struct head h;
    int e = s->put(s->ctx, STS_STORE_ENTRY, r->entry.id);

    if (e != STS_OK) {
        return e == STS_ERR_SPACE ? e : STS_ERR_IO;
    }
    make_head(r, &h);
    e = s->write(s->ctx, &h, sizeof h);
    return e == STS_OK ? e : finish(s, e);
}

int sts_queue_write(const struct sts_store *s, const struct sts_queue_record *r, const char *text,
                    const char *subject)
{
    int e = begin(s, r);

    if (e != STS_OK) {
        return e;
    }
    e = write_text(s, r, text, subject);
    if (e == STS_OK) {
        e = write_recipients(s, r, text, sts_len(r->entry.sender) + sts_len(subject) + 2);
    }
    return finish(s, e);
}

/* ---- alerts that are counted in one that waits -------------------------------------------- */

/* From the open record behind its head to the one that is being written. */
static int copy_rest(const struct sts_store *s)
{
    uint8_t piece[64];
    int32_t n;
    int e = STS_OK;

    while (e == STS_OK && (n = s->read(s->ctx, piece, sizeof piece)) != 0) {
        e = n > 0 ? s->write(s->ctx, piece, (size_t)n) : STS_ERR_IO;
    }
    return e;
}

int sts_queue_count(const struct sts_store *s, uint64_t id, uint32_t more)
{
    struct sts_queue_record r;
    int e = sts_queue_open(s, id, &r);

    if (e != STS_OK) {
        return e;
    }
    r.entry.coalesced += more;
    r.sending = r.sending && r.entry.state != STS_QUEUE_FAILED;
    e = begin(s, &r);
    if (e == STS_OK) {
        e = finish(s, copy_rest(s));
    }
    s->done(s->ctx);
    return e;
}

/* Whether `text` and its NUL come next. */
static int read_same(const struct sts_store *s, const char *text)
{
    char c;
    int e;

    do {
        e = read_all(s, &c, 1);
        if (e == STS_OK && c != *text) {
            e = STS_ERR_ABSENT;
        }
    } while (e == STS_OK && *text++ != '\0');
    return e;
}

static int read_untouched(const struct sts_store *s)
{
    char reply[STS_REPLY_SIZE];
    struct verdict v;
    int e = read_all(s, &v, sizeof v);

    if (e == STS_OK) {
        e = v.error == STS_OK || v.final != 0 ? STS_ERR_ABSENT
                                              : read_reply(s, (size_t)get(v.reply_len, 2), reply);
    }
    return e;
}

static int compare(const struct sts_store *s, const struct sts_queue_mail *mail,
                   const char *subject)
{
    int e = read_same(s, mail->sender);

    if (e == STS_OK) {
        e = read_same(s, subject);
    }
    for (size_t i = 0; i < mail->count && e == STS_OK; i++) {
        e = read_same(s, mail->recipients[i].address);
    }
    for (size_t i = 0; i < mail->count && e == STS_OK; i++) {
        e = read_untouched(s);
    }
    return e;
}

int sts_queue_same(const struct sts_store *s, uint64_t id, const struct sts_queue_mail *mail,
                   const char *subject, struct sts_queue_record *held)
{
    const struct sts_queue_entry *e = &held->entry;
    int err = sts_queue_open(s, id, held);

    if (err != STS_OK) {
        return err == STS_ERR_IO ? err : STS_ERR_ABSENT;
    }
    if (e->state == STS_QUEUE_WAITING && held->coalesces && !held->sending &&
        e->critical == mail->critical && e->floor == mail->floor && e->flags == mail->flags &&
        e->count == mail->count) {
        err = compare(s, mail, subject);
    } else {
        err = STS_ERR_ABSENT;
    }
    s->done(s->ctx);
    return err;
}

/* ---- the store --------------------------------------------------------------------------- */

int sts_queue_claim(const struct sts_store *s, const char *key)
{
    int e = s->claim != NULL ? s->claim(s->ctx, STS_STORE_ENTRY, key) : STS_OK;

    return e == STS_OK || e == STS_BUSY ? e : STS_ERR_IO;
}

void sts_queue_release(const struct sts_store *s)
{
    if (s->claim != NULL) {
        s->release(s->ctx);
    }
}

int sts_queue_is_there(const struct sts_store *s, uint8_t kind, const char *key)
{
    int e = s->get(s->ctx, kind, key);

    if (e == STS_OK) {
        s->done(s->ctx);
    }
    return e == STS_OK || e == STS_ERR_ABSENT ? e : STS_ERR_IO;
}
