/* SPDX-License-Identifier: MIT
 *
 * struct sts_store on the flash store's log: which records there are, one writer, and as many readers as handles. RAM
 * holds where each record stands; keys and bytes are in flash.
 */
#include <string.h>

#include <stsmail/engine/crc.h>
#include <stsmail/engine/flash_log.h>
#include <stsmail/engine/text.h>

#define PIECE 64u /* bytes compared at once */

/* ---- the records --------------------------------------------------------------------------- */

struct sts_flash_record *sts_flash_record_of(struct sts_flash_store *s, uint32_t gen)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->records[i].gen == gen) {
            return &s->records[i];
        }
    }
    return NULL;
}

static void forget(struct sts_flash_store *s, struct sts_flash_record *r)
{
    s->live -= r->stored;
    *r = s->records[--s->count];
}

void sts_flash_lose(struct sts_flash_store *s, struct sts_flash_record *r)
{
    s->damaged++;
    forget(s, r);
}

bool sts_flash_is_read(const struct sts_flash_store *s, uint32_t gen)
{
    for (const struct sts_flash_handle *h = s->handles; h != NULL; h = h->next) {
        if (h->open && h->gen == gen) {
            return true;
        }
    }
    return false;
}

/* Not even one that has gone round has two meanings (F14). */
static uint32_t next_gen(struct sts_flash_store *s)
{
    uint32_t gen;

    do {
        gen = s->gen++;
    } while (gen == 0 || sts_flash_record_of(s, gen) != NULL || sts_flash_is_read(s, gen) ||
             (s->writing && gen == s->out_gen));
    return gen;
}

static uint16_t hash_of(const void *key, size_t len)
{
    return (uint16_t)sts_crc32(0, key, len);
}

/* Length of a key; 0 if it is none. */
static uint8_t key_length(uint8_t kind, const char *key)
{
    size_t len = 0;

    if (kind < 'a' || kind > 'z' || key == NULL) {
        return 0;
    }
    while (len < STS_NAME_SIZE && key[len] != '\0') {
        len++;
    }
    return len < STS_NAME_SIZE ? (uint8_t)len : 0;
}

/* Whether len bytes of flash are those: 1, 0, STS_ERR_IO. */
static int same(const struct sts_flash_store *s, uint32_t at, const void *bytes, uint32_t len)
{
    uint8_t piece[PIECE];
    uint32_t n;

    for (uint32_t done = 0; done < len; done += n) {
        n = len - done < PIECE ? len - done : PIECE;
        if (sts_flash_read(s, at + done, piece, n) != STS_OK) {
            return STS_ERR_IO;
        }
        if (memcmp(piece, (const uint8_t *)bytes + done, n) != 0) {
            return 0;
        }
    }
    return 1;
}

/* Whether the record or the removal at that address has this key: 1, 0, STS_ERR_IO. */
static int has_key(const struct sts_flash_store *s, uint32_t at, const void *key, uint8_t len)
{
    uint8_t h[2];

    if (sts_flash_read(s, at, h, sizeof h) != STS_OK) {
        return STS_ERR_IO;
    }
    return h[1] == len ? same(s, at + STS_FLASH_HEAD + STS_FLASH_PREFIX, key, len) : 0;
}

/* STS_OK, STS_ERR_ABSENT, STS_ERR_IO: the flash can't be read just where it may be (F07), and *out is what may be it. */
static int find(struct sts_flash_store *s, uint8_t kind, const void *key, uint8_t len,
                struct sts_flash_record **out)
{
    uint16_t hash = hash_of(key, len);
    int result = STS_ERR_ABSENT;

    for (uint32_t i = 0; i < s->count; i++) {
        struct sts_flash_record *r = &s->records[i];
        int same_key;

        if (r->hash != hash || r->kind != kind) {
            continue;
        }
        same_key = has_key(s, r->at, key, len); /* F12 */
        if (same_key == 1) {
            *out = r;
            return STS_OK;
        }
        if (same_key < 0) {
            *out = r;
            result = STS_ERR_IO;
        }
    }
    return result;
}

/* Puts a record where the old one of its key was, or at the end. */
static int set(struct sts_flash_store *s, struct sts_flash_record *old,
               const struct sts_flash_record *r)
{
    if (old != NULL) {
        s->live -= old->stored;
        *old = *r;
    } else if (s->count < STS_FLASH_RECORDS) {
        s->records[s->count++] = *r;
    } else {
        return STS_ERR_SPACE;
    }
    s->live += r->stored;
    return STS_OK;
}

/* What an entry that makes a record stand, or fall, says. */
static int get_record(const struct sts_flash_store *s, const struct sts_flash_entry *e,
                      struct sts_flash_record *r, uint8_t key[STS_NAME_SIZE])
{
    uint8_t prefix[STS_FLASH_PREFIX];
    uint32_t at = e->at + STS_FLASH_HEAD;

    if (e->key_len >= STS_NAME_SIZE) {
        return STS_ERR_SYNTAX;
    }
    if (sts_flash_read(s, at, prefix, sizeof prefix) != STS_OK ||
        sts_flash_read(s, at + STS_FLASH_PREFIX, key, e->key_len) != STS_OK) {
        return STS_ERR_IO;
    }
    key[e->key_len] = '\0';
    *r = (struct sts_flash_record){.gen = e->gen,
                                   .at = e->at,
                                   .stored = sts_flash_get32(prefix + 1),
                                   .hash = hash_of(key, e->key_len),
                                   .kind = prefix[0]};
    return STS_OK;
}

bool sts_flash_take(void *store, const struct sts_flash_entry *e)
{
    struct sts_flash_store *s = store;
    struct sts_flash_record r, *old = NULL;
    uint8_t key[STS_NAME_SIZE];
    int got;

    if ((e->type != STS_FLASH_RECORD && e->type != STS_FLASH_REMOVED) ||
        (e->flags & STS_FLASH_GHOST) != 0) {
        return true;
    }
    got = get_record(s, e, &r, key);
    if (got != STS_OK) {
        if (got == STS_ERR_IO) {
            sts_flash_missed(s, e->at / s->flash->sector_size);
        }
        return true;
    }
    /* Where the key of an older one cannot be read now, its hash has to do: two for one key would bring back what was
     * removed (F21). Its sector stays as it is until it can be read. */
    if (find(s, r.kind, key, e->key_len, &old) == STS_ERR_IO) {
        sts_flash_missed(s, old->at / s->flash->sector_size);
    }
    if (e->type == STS_FLASH_RECORD) {
        s->error = set(s, old, &r);
    } else if (old != NULL) {
        forget(s, old);
    }
    return s->error == STS_OK;
}

/* ---- reading ------------------------------------------------------------------------------- */

/* Where an entry's bytes of the record begin, and how many they are. */
static uint32_t data_of(const struct sts_flash_entry *e, uint32_t *len)
{
    uint32_t skip = e->type == STS_FLASH_RECORD ? STS_FLASH_PREFIX + e->key_len : 0;

    *len = e->len - skip;
    return e->at + STS_FLASH_HEAD + skip;
}

/* Finds the piece of a record that has the byte `pos`, from the address `hint` on, then round the log. STS_OK,
 * STS_ERR_ABSENT (there is none that is sound), STS_ERR_IO. */
static int find_piece(struct sts_flash_store *s, uint32_t gen, uint32_t pos, uint32_t hint,
                      struct sts_flash_entry *out)
{
    const struct sts_flash_record *r = sts_flash_record_of(s, gen);
    struct sts_flash_walk w;
    struct sts_flash_sector h;
    uint32_t len;
    bool io = false;

    for (int turn = hint != 0 && sts_flash_in_log(s, hint) ? 0 : 1; turn < 2; turn++) {
        if (turn == 1) {
            sts_flash_walk_start(&w, s);
        } else if (sts_flash_get_sector(s, hint / s->flash->sector_size, &h) == 1) {
            sts_flash_walk_sector(&w, s, hint / s->flash->sector_size, h.serial);
            w.at = hint;
        } else {
            continue;
        }
        while (sts_flash_walk_on(&w)) {
            /* The last piece is where the record says; a cut may have left another one. */
            if (w.e.gen == gen && w.e.type <= STS_FLASH_RECORD &&
                (w.e.type == STS_FLASH_BODY || r == NULL || r->at == w.e.at)) {
                (void)data_of(&w.e, &len);
                if (pos - w.e.pos < len) {
                    *out = w.e;
                    return STS_OK;
                }
            }
        }
        io = w.unread != STS_FLASH_NONE;
    }
    return io ? STS_ERR_IO : STS_ERR_ABSENT;
}

/* Looks a whole record over. STS_OK and its size, STS_ERR_ABSENT: it is damaged; STS_ERR_IO. */
static int verify(struct sts_flash_store *s, struct sts_flash_record *r, uint32_t *size)
{
    uint32_t sector = r->at / s->flash->sector_size, hint = r->first, len;
    struct sts_flash_sector h;
    struct sts_flash_entry e;
    int found = sts_flash_get_sector(s, sector, &h);

    if (found == 1) {
        found = sts_flash_get_entry(s, h.serial, r->at,
                                    sts_flash_base(s, sector) + s->flash->sector_size, &e);
    }
    if (found != 1) {
        return found == STS_ERR_IO ? STS_ERR_IO : STS_ERR_ABSENT;
    }
    (void)data_of(&e, &len);
    *size = e.pos + len;
    for (uint32_t pos = 0, end = e.pos; pos < end; pos = e.pos + len) {
        found = find_piece(s, r->gen, pos, hint, &e);
        if (found != STS_OK) {
            return found;
        }
        (void)data_of(&e, &len);
        r->first = pos == 0 ? e.at : r->first;
        hint = e.at + e.size;
    }
    return STS_OK;
}

/* What is looked for in place of a damaged record: the one before it. */
struct older {
    struct sts_flash_store *s;
    const struct sts_flash_record *bad;
    const char *key;
    uint8_t len;
    struct sts_flash_record found; /* gen 0: none */
    bool io;
};

static bool take_older(void *arg, const struct sts_flash_entry *e)
{
    struct older *o = arg;
    struct sts_flash_record r;
    uint8_t key[STS_NAME_SIZE];

    if (e->at == o->bad->at) {
        return false;
    }
    if ((e->type != STS_FLASH_RECORD && e->type != STS_FLASH_REMOVED) ||
        (e->flags & STS_FLASH_GHOST) != 0 || e->key_len != o->len || e->gen == o->bad->gen) {
        return true;
    }
    if (get_record(o->s, e, &r, key) != STS_OK) {
        o->io = true;
    } else if (r.kind == o->bad->kind && memcmp(key, o->key, o->len) == 0) {
        o->found = r;
        o->found.gen = e->type == STS_FLASH_RECORD ? r.gen : 0;
    }
    return true;
}

/* F05: an older one counts again while the log still has it, and all of that can be read. STS_OK, STS_ERR_IO. */
static int set_aside(struct sts_flash_store *s, struct sts_flash_record *r, const char *key,
                     uint8_t len)
{
    struct older o = {.s = s, .bad = r, .key = key, .len = len};
    struct sts_flash_walk w;

    sts_flash_walk_start(&w, s);
    sts_flash_scan(&w, take_older, &o);
    if (o.io || w.unread != STS_FLASH_NONE) {
        return STS_ERR_IO;
    }
    if (o.found.gen == 0) {
        sts_flash_lose(s, r);
    } else {
        s->damaged++;
        (void)set(s, r, &o.found);
    }
    return STS_OK;
}

/* Whether the record is the newest, as far as the start could tell (F07). */
static bool is_sure(const struct sts_flash_store *s, const struct sts_flash_record *r)
{
    return !r->unsure || s->unread == STS_FLASH_NONE;
}

static int store_get(void *ctx, uint8_t kind, const char *key)
{
    struct sts_flash_handle *h = ctx;
    struct sts_flash_store *s = h->store;
    struct sts_flash_record *r;
    uint8_t len = key_length(kind, key);
    int e;

    if (len == 0) {
        return STS_ERR_ARG;
    }
    if (h->open) {
        return STS_ERR_STATE;
    }
    while ((e = find(s, kind, key, len, &r)) == STS_OK) {
        e = is_sure(s, r) ? verify(s, r, &h->size) : STS_ERR_IO;
        if (e == STS_ERR_ABSENT) {
            e = set_aside(s, r, key, len);
            if (e == STS_OK) {
                continue;
            }
        }
        break;
    }
    if (e == STS_OK) {
        h->open = true;
        h->gen = r->gen;
        h->stored = r->stored;
        h->pos = 0;
        h->piece = 0;
        h->from = r->first != 0 ? r->first : r->at;
    }
    return e == STS_ERR_ABSENT && s->unread != STS_FLASH_NONE ? STS_ERR_IO : e;
}

/* Goes to the piece with the next byte. */
static int enter(struct sts_flash_handle *h)
{
    struct sts_flash_store *s = h->store;
    struct sts_flash_entry e;
    uint8_t b[PIECE];
    uint32_t len, n, at;
    int r = h->gen != 0 ? find_piece(s, h->gen, h->pos, h->from, &e) : STS_ERR_IO;

    if (r != STS_OK) {
        return STS_ERR_IO;
    }
    h->from = data_of(&e, &len) + (h->pos - e.pos);
    h->end = e.pos + len;
    h->piece = e.at;
    /* The sum over what comes before, from the entry's head on. */
    if (sts_flash_read(s, e.at, b, STS_FLASH_HEAD) != STS_OK) {
        return STS_ERR_IO;
    }
    b[0] &= (uint8_t) ~(STS_FLASH_COPY | STS_FLASH_GHOST);
    h->sum = e.sum;
    h->crc = sts_crc32(0, b, 12);
    for (at = e.at + STS_FLASH_HEAD; at < h->from; at += n) {
        n = h->from - at < PIECE ? h->from - at : PIECE;
        if (sts_flash_read(s, at, b, n) != STS_OK) {
            return STS_ERR_IO;
        }
        h->crc = sts_crc32(h->crc, b, n);
    }
    return STS_OK;
}

static int32_t store_read(void *ctx, void *buf, size_t len)
{
    struct sts_flash_handle *h = ctx;
    uint32_t n;

    if (!h->open) {
        return STS_ERR_STATE;
    }
    if (len == 0 || h->pos == h->size) {
        return 0;
    }
    if ((h->piece == 0 || h->pos == h->end) && enter(h) != STS_OK) {
        return STS_ERR_IO;
    }
    n = h->end - h->pos;
    n = len < n ? (uint32_t)len : n;
    if (sts_flash_read(h->store, h->from, buf, n) != STS_OK) {
        return STS_ERR_IO;
    }
    h->crc = sts_crc32(h->crc, buf, n);
    /* No piece is given to its end unless it was what was written. */
    if (h->pos + n == h->end && h->crc != h->sum) {
        return STS_ERR_IO;
    }
    h->from += n;
    h->pos += n;
    return (int32_t)n;
}

static void store_done(void *ctx)
{
    struct sts_flash_handle *h = ctx;

    h->open = false;
}

/* ---- writing ------------------------------------------------------------------------------- */

static struct sts_flash_record *find_old(struct sts_flash_store *s, uint8_t kind, const char *key,
                                         uint8_t len, int *error)
{
    struct sts_flash_record *r = NULL;
    int e = find(s, kind, key, len, &r);

    *error = e == STS_ERR_ABSENT ? STS_OK : e;
    return e == STS_OK ? r : NULL;
}

/* Whether that much may be added. Where only readers of what is gone stand in the way, they have to go without. */
static int claim_room(struct sts_flash_store *s, uint32_t size, bool change)
{
    if (size > sts_flash_room(s, change)) {
        for (struct sts_flash_handle *h = s->handles; h != NULL; h = h->next) {
            if (h->open && h->gen != 0 && sts_flash_record_of(s, h->gen) == NULL) {
                h->gen = 0;
            }
        }
    }
    return size > sts_flash_room(s, change) ? STS_ERR_SPACE : STS_OK;
}

static int store_put(void *ctx, uint8_t kind, const char *key)
{
    struct sts_flash_handle *h = ctx;
    struct sts_flash_store *s = h->store;
    struct sts_flash_record *old;
    uint8_t len = key_length(kind, key);
    int e;

    if (len == 0) {
        return STS_ERR_ARG;
    }
    if (s->writing) {
        return STS_ERR_STATE;
    }
    old = find_old(s, kind, key, len, &e);
    if (e != STS_OK) {
        return e;
    }
    if (old == NULL && s->count == STS_FLASH_RECORDS) {
        return STS_ERR_SPACE;
    }
    s->out_gen = next_gen(s);
    s->writing = true;
    s->writer = h;
    s->kind = kind;
    s->key_len = len;
    memcpy(s->key, key, (size_t)len + 1);
    s->error = STS_OK;
    s->out_at = s->out_stored = s->out_len = 0;
    return STS_OK;
}

/* Writes what was gathered as a piece that is not the last. */
static int put_body(struct sts_flash_store *s)
{
    struct sts_flash_part parts[3] = {{s->out, 0, s->out_len}};
    struct sts_flash_entry e = {
        .type = STS_FLASH_BODY, .len = (uint16_t)s->out_len, .gen = s->out_gen, .pos = s->out_at};
    uint32_t size = sts_flash_size(s, e.len);
    int r = claim_room(s, size, false);

    if (r == STS_OK) {
        r = sts_flash_append(s, &e, parts);
    }
    if (r == STS_OK) {
        s->out_at += s->out_len;
        s->out_stored += size;
        s->out_len = 0;
    }
    return r;
}

static int store_write(void *ctx, const void *buf, size_t len)
{
    struct sts_flash_handle *h = ctx;
    struct sts_flash_store *s = h->store;
    const uint8_t *from = buf;
    const uint32_t most = STS_FLASH_PIECE - STS_FLASH_HEAD;

    if (!s->writing || s->writer != h) {
        return STS_ERR_STATE;
    }
    while (len > 0 && s->error == STS_OK) {
        uint32_t n = most - s->out_len;

        if (n == 0) {
            s->error = len > UINT32_MAX - s->out_at - most ? STS_ERR_SPACE : put_body(s);
            continue;
        }
        n = len < n ? (uint32_t)len : n;
        memcpy(s->out + s->out_len, from, n);
        s->out_len += n;
        from += n;
        len -= n;
    }
    return s->error;
}

static void store_abort(void *ctx)
{
    struct sts_flash_handle *h = ctx;

    if (h->store->writing && h->store->writer == h) {
        h->store->writing = false;
        h->store->out_stored = 0;
    }
}

/* Whether the record is in flash as it is to be written: then nothing is (F10). */
static bool unchanged(struct sts_flash_store *s, struct sts_flash_record *old)
{
    uint32_t size, at = old->at + STS_FLASH_HEAD + STS_FLASH_PREFIX + s->key_len;

    return s->out_at == 0 && is_sure(s, old) && verify(s, old, &size) == STS_OK &&
           size == s->out_len &&
           old->stored == sts_flash_size(s, STS_FLASH_PREFIX + s->key_len + size) &&
           same(s, at, s->out, size) == 1;
}

/* Writes the last piece. */
static int put_record(struct sts_flash_store *s)
{
    struct sts_flash_record r = {
        .gen = s->out_gen, .kind = s->kind, .hash = hash_of(s->key, s->key_len)};
    uint8_t prefix[STS_FLASH_PREFIX];
    struct sts_flash_part parts[3] = {
        {prefix, 0, sizeof prefix}, {s->key, 0, s->key_len}, {s->out, 0, s->out_len}};
    struct sts_flash_entry e = {.type = STS_FLASH_RECORD,
                                .key_len = s->key_len,
                                .len = (uint16_t)(sizeof prefix + s->key_len + s->out_len),
                                .gen = s->out_gen,
                                .pos = s->out_at};
    uint32_t size = sts_flash_size(s, e.len), old_gen;
    int result;
    struct sts_flash_record *old = find_old(s, s->kind, s->key, s->key_len, &result);

    if (result != STS_OK || (old != NULL && unchanged(s, old))) {
        return result;
    }
    old_gen = old != NULL ? old->gen : 0;
    /* The reserve is for changes of what is there, so that a full store still goes on (F17). */
    result = claim_room(s, size, old != NULL && s->out_at == 0);
    r.stored = s->out_stored + size;
    sts_flash_put32(prefix + 1, r.stored);
    prefix[0] = s->kind;
    if (result == STS_OK) {
        result = sts_flash_append(s, &e, parts);
    }
    if (result != STS_OK) {
        return result;
    }
    r.at = e.at;
    /* Making room may have lost it, or moved others to its place. What is found without the flash is found (F21). */
    return set(s, old_gen != 0 ? sts_flash_record_of(s, old_gen) : NULL, &r);
}

static int store_commit(void *ctx)
{
    struct sts_flash_handle *h = ctx;
    struct sts_flash_store *s = h->store;
    int e;

    if (!s->writing || s->writer != h) {
        return STS_ERR_STATE;
    }
    e = s->error;
    if (e == STS_OK &&
        STS_FLASH_HEAD + STS_FLASH_PREFIX + s->key_len + s->out_len > STS_FLASH_PIECE) {
        e = put_body(s);
    }
    if (e == STS_OK) {
        e = put_record(s);
    }
    store_abort(h);
    return e;
}

static int store_remove(void *ctx, uint8_t kind, const char *key)
{
    struct sts_flash_handle *h = ctx;
    struct sts_flash_store *s = h->store;
    uint8_t len = key_length(kind, key), prefix[STS_FLASH_PREFIX] = {kind};
    struct sts_flash_part parts[3] = {{prefix, 0, sizeof prefix}, {key, 0, len}};
    struct sts_flash_entry e = {
        .type = STS_FLASH_REMOVED, .key_len = len, .len = (uint16_t)(sizeof prefix + len)};
    struct sts_flash_record *r;
    uint32_t old_gen;
    int result;

    if (len == 0) {
        return STS_ERR_ARG;
    }
    result = find(s, kind, key, len, &r);
    if (result != STS_OK) {
        return result == STS_ERR_ABSENT && s->unread != STS_FLASH_NONE ? STS_ERR_IO : result;
    }
    old_gen = r->gen;
    e.gen = next_gen(s);
    result = sts_flash_append(s, &e, parts);
    r = sts_flash_record_of(s, old_gen); /* if it was not lost meanwhile */
    if (result == STS_OK && r != NULL) {
        forget(s, r);
    }
    return result;
}

static int store_iterate(void *ctx, uint8_t kind, bool (*each)(void *arg, const char *key),
                         void *arg)
{
    struct sts_flash_handle *h = ctx;
    struct sts_flash_store *s = h->store;
    char key[STS_NAME_SIZE];
    int result = STS_OK;

    if (key_length(kind, "-") == 0 || each == NULL) {
        return STS_ERR_ARG;
    }
    /* From the end: what `each` finds damaged gives its place to one that was shown. */
    for (uint32_t i = s->count; i-- > 0;) {
        uint8_t len;
        uint32_t at;

        if (i >= s->count || s->records[i].kind != kind) {
            continue;
        }
        at = s->records[i].at;
        if (sts_flash_read(s, at + 1, &len, 1) != STS_OK ||
            sts_flash_read(s, at + STS_FLASH_HEAD + STS_FLASH_PREFIX, key,
                           len < sizeof key ? len : 0) != STS_OK) {
            result = STS_ERR_IO; /* the others are shown all the same */
            continue;
        }
        key[len < sizeof key ? len : 0] = '\0';
        /* Damage since the start shows in the hash; the reader of it finds out. */
        if (hash_of(key, sts_len(key)) == s->records[i].hash && !each(arg, key)) {
            break;
        }
    }
    return result;
}

/* ---- the store ----------------------------------------------------------------------------- */

int sts_flash_store_mount(struct sts_flash_store *s, const struct sts_flash *flash)
{
    return sts_flash_find_log(s, flash);
}

int sts_flash_store_format(struct sts_flash_store *s, const struct sts_flash *flash)
{
    uint32_t failed = 0;

    for (uint32_t p = 0; p < flash->sectors; p++) {
        failed += flash->erase(flash->ctx, p) != STS_OK;
    }
    return failed != 0 && failed == flash->sectors ? STS_ERR_IO : sts_flash_store_mount(s, flash);
}

void sts_flash_store_handle(struct sts_flash_store *s, struct sts_flash_handle *h,
                            struct sts_store *out)
{
    *h = (struct sts_flash_handle){.store = s, .next = s->handles};
    s->handles = h;
    *out = (struct sts_store){
        .ctx = h,
        .put = store_put,
        .write = store_write,
        .commit = store_commit,
        .abort = store_abort,
        .get = store_get,
        .read = store_read,
        .done = store_done,
        .remove = store_remove,
        .iterate = store_iterate,
    };
}

void sts_flash_store_stats(const struct sts_flash_store *s, struct sts_flash_stats *out)
{
    *out = (struct sts_flash_stats){
        .records = s->count,
        .used = s->live,
        .free = sts_flash_room(s, false),
        .erases = s->erases,
        .bad = s->bad,
        .damaged = s->damaged,
    };
}
