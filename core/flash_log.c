/* SPDX-License-Identifier: MIT
 *
 * The flash store's log: how it lies in flash, how it is read and written.
 *
 * FORMAT 1. Numbers are big-endian. A unit is program_size bytes, at least 8; everything begins at a whole unit, and is
 * filled up with 0xFF to one. Sums are CRC-32 (ISO-HDLC).
 *
 * A sector that is in use begins with its head, twice, then come entries:
 *
 *      0  "STSL"
 *      4  format, 1                          5  format, inverted: a flipped bit is damage, not a newer format
 *      6  how many of the sectors behind this one could not be read when it was begun: the log passes them over
 *      7  0
 *      8  serial number, one more than that of the sector begun before; it wraps
 *     12  serial number of the sector that the log went on from
 *     16  where in that one the log ended, in bytes: what stands behind does not count
 *     20  mark: serial number of the oldest sector that counts
 *     24  number of the next record
 *     28  sum of the bytes before
 *     32  the same once more
 *
 * Every format to come keeps the bytes 0 to 5 and the sum at 28, so that this one knows it for another (F16).
 *
 * The log is the sectors from the mark to the one with the newest serial number. They stand in the area in this order,
 * round from the last sector to the first; a sector between them that did not work is passed over. A sector becomes the
 * newest when it has an entry that is no copy: until then its copies only repeat what still stands elsewhere, and a cut
 * makes the next start erase it again.
 *
 * An entry:
 *
 *      0  0x40 | type | 0x80 if a copy | 0x20 if a ghost
 *      1  length of the key, or 0
 *      2  length of what follows this head, 2 bytes
 *      4  number of the record; it never means another one within a log
 *      8  where in the record the bytes belong
 *     12  sum over the bytes 0 (without the two flags) to 11 and all that follows, exclusive-or the sum over: serial
 *         number of the sector, offset in the sector (4 bytes each), the two flags (1). So an entry means nothing
 *         in another place, nor after its sector was used anew, and a copy carries the sum of what it was copied from.
 *     16  what follows:
 *
 *     1 BODY     bytes of a record
 *     2 RECORD   kind, bytes of log that all of the record takes (4), key, the record's last bytes
 *     3 REMOVED  kind, 0 (4), key
 *     4 SEAL     offset in this sector (4); number: the next record's; the place at 8: the mark
 *
 * A record stands when its RECORD does; of two with the same kind and key, or a REMOVED, the later one counts. Its BODY
 * pieces, told by the number, are in order as far as the log is taken as a circle. Pieces may stand twice.
 *
 * A SEAL says that all before it in the log was whole before the SEAL was begun. With an offset less than its own, it says
 * that a start found no sound RECORD or REMOVED from there on up to the SEAL: should the cells read otherwise later (a cut
 * can leave them half programmed), that does not count (F03). Where a log does not end in a plain SEAL and erased bytes,
 * the next start writes such a SEAL, the last RECORD or REMOVED of the sector once more, and a plain SEAL: so what it
 * took for sound stays so.
 *
 * Space is won at the tail alone, in order: what is still wanted of the oldest sector is copied to the head, a SEAL moves
 * the mark, and the sector is erased when the head comes round to it. So every sector is erased as often as the others
 * (F10), a removal need not outlive what it removed, and a sector that refuses to be erased can bring nothing back:
 * it is behind the mark (F21).
 */
#include <string.h>

#include <stsmail/engine/crc.h>
#include <stsmail/engine/flash_log.h>

#define FORMAT      1
#define SECTOR_HEAD 32u
#define TRIES       3   /* of a read */
#define CHUNK       256 /* bytes programmed at once, at most */
#define PIECE       64  /* bytes read at once where they are only looked at */
#define FLAGS       (STS_FLASH_COPY | STS_FLASH_GHOST)

void sts_flash_put32(uint8_t *to, uint32_t n)
{
    for (int i = 3; i >= 0; i--, n >>= 8) {
        to[i] = (uint8_t)n;
    }
}

uint32_t sts_flash_get32(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

/* ---- the device ---------------------------------------------------------------------------- */

int sts_flash_read(const struct sts_flash_store *s, uint32_t at, void *buf, uint32_t len)
{
    int e = STS_OK;

    for (int i = 0; i < TRIES; i++) {
        e = s->flash->read(s->flash->ctx, at, buf, len);
        if (e == STS_OK) {
            return STS_OK;
        }
    }
    return STS_ERR_IO;
}

int sts_flash_sync(const struct sts_flash_store *s)
{
    const struct sts_flash *f = s->flash;

    return f->sync == NULL || f->sync(f->ctx) == STS_OK ? STS_OK : STS_ERR_IO;
}

int sts_flash_used(const struct sts_flash_store *s, uint32_t from, uint32_t end, bool last,
                   uint32_t *out)
{
    uint8_t piece[PIECE];
    uint32_t n;

    *out = last ? from : end;
    for (uint32_t at = from; at < end; at += n) {
        n = end - at < PIECE ? end - at : PIECE;
        if (sts_flash_read(s, at, piece, n) != STS_OK) {
            return STS_ERR_IO;
        }
        if (piece[0] == 0xff && memcmp(piece, piece + 1, n - 1) == 0) {
            continue; /* erased, as most of it is */
        }
        for (uint32_t i = 0; i < n; i++) {
            if (piece[i] != 0xff && !last) {
                *out = at + i;
                return STS_OK;
            }
            if (piece[i] != 0xff) {
                *out = at + i + 1;
            }
        }
    }
    return STS_OK;
}

/* ---- sectors ------------------------------------------------------------------------------- */

static void put_sector(uint8_t h[SECTOR_HEAD], const struct sts_flash_sector *from)
{
    memcpy(h, "STSL\1\xfe\0", 8);
    h[6] = from->skip;
    sts_flash_put32(h + 8, from->serial);
    sts_flash_put32(h + 12, from->prev);
    sts_flash_put32(h + 16, from->prev_end);
    sts_flash_put32(h + 20, from->mark);
    sts_flash_put32(h + 24, from->gen);
    sts_flash_put32(h + 28, sts_crc32(0, h, 28));
}

static int get_head(const uint8_t *h, struct sts_flash_sector *out)
{
    if (memcmp(h, "STSL", 4) != 0 || (h[4] ^ h[5]) != 0xff ||
        sts_flash_get32(h + 28) != sts_crc32(0, h, 28)) {
        return 0;
    }
    if (h[4] != FORMAT) {
        return STS_ERR_SYNTAX; /* F16 */
    }
    out->serial = sts_flash_get32(h + 8);
    out->prev = sts_flash_get32(h + 12);
    out->prev_end = sts_flash_get32(h + 16);
    out->mark = sts_flash_get32(h + 20);
    out->gen = sts_flash_get32(h + 24);
    out->skip = h[6];
    return 1;
}

int sts_flash_get_sector(const struct sts_flash_store *s, uint32_t sector,
                         struct sts_flash_sector *out)
{
    uint8_t h[2 * SECTOR_HEAD];
    int e;

    if (sts_flash_read(s, sts_flash_base(s, sector), h, sizeof h) != STS_OK) {
        return STS_ERR_IO;
    }
    e = get_head(h, out);
    return e != 0 ? e : get_head(h + SECTOR_HEAD, out);
}

/* Programs len bytes, filled up to whole units. */
static int program(const struct sts_flash_store *s, uint32_t at, uint8_t chunk[CHUNK], uint32_t len)
{
    uint32_t whole = sts_flash_round(s, len);

    memset(chunk + len, 0xff, whole - len);
    return s->flash->program(s->flash->ctx, at, chunk, whole) == STS_OK ? STS_OK : STS_ERR_IO;
}

int sts_flash_begin_sector(struct sts_flash_store *s, uint32_t sector,
                           const struct sts_flash_sector *h)
{
    uint32_t base = sts_flash_base(s, sector), end = base + s->flash->sector_size, used;
    uint8_t chunk[CHUNK], again[2 * SECTOR_HEAD];

    s->erases++;
    /* What was copied stands before what it was copied from goes (F08). A sector that only says it was erased is
     * found by looking (F04, F20). */
    if (sts_flash_sync(s) != STS_OK || s->flash->erase(s->flash->ctx, sector) != STS_OK ||
        sts_flash_sync(s) != STS_OK || sts_flash_used(s, base, end, false, &used) != STS_OK ||
        used != end) {
        return STS_ERR_IO;
    }
    put_sector(chunk, h);
    memcpy(chunk + SECTOR_HEAD, chunk, SECTOR_HEAD);
    if (program(s, base, chunk, sizeof again) != STS_OK || sts_flash_sync(s) != STS_OK ||
        sts_flash_read(s, base, again, sizeof again) != STS_OK ||
        memcmp(chunk, again, sizeof again) != 0) {
        return STS_ERR_IO;
    }
    return STS_OK;
}

/* ---- entries ------------------------------------------------------------------------------- */

/* The head of an entry but for its sum. */
static void put_head(uint8_t h[STS_FLASH_HEAD], const struct sts_flash_entry *e)
{
    h[0] = (uint8_t)(0x40u | e->type);
    h[1] = e->key_len;
    h[2] = (uint8_t)(e->len >> 8);
    h[3] = (uint8_t)e->len;
    sts_flash_put32(h + 4, e->gen);
    sts_flash_put32(h + 8, e->pos);
}

/* What ties an entry's sum to its place. */
static uint32_t tie(const struct sts_flash_store *s, uint32_t serial, uint32_t at, uint8_t flags)
{
    uint8_t b[9];

    sts_flash_put32(b, serial);
    sts_flash_put32(b + 4, at % s->flash->sector_size);
    b[8] = flags;
    return sts_crc32(0, b, sizeof b);
}

static bool plausible(const struct sts_flash_entry *e)
{
    switch (e->type) {
    case STS_FLASH_BODY: return e->key_len == 0 && e->len > 0;
    case STS_FLASH_RECORD: return e->key_len > 0 && e->len >= STS_FLASH_PREFIX + e->key_len;
    case STS_FLASH_REMOVED: return e->key_len > 0 && e->len == STS_FLASH_PREFIX + e->key_len;
    case STS_FLASH_SEAL: return e->key_len == 0 && e->len == 4;
    default: return false;
    }
}

int sts_flash_get_entry(const struct sts_flash_store *s, uint32_t serial, uint32_t at, uint32_t end,
                        struct sts_flash_entry *e)
{
    uint8_t b[PIECE];
    uint32_t n, sum;

    if (end - at < STS_FLASH_HEAD) {
        return 0;
    }
    if (sts_flash_read(s, at, b, STS_FLASH_HEAD) != STS_OK) {
        return STS_ERR_IO;
    }
    e->type = (uint8_t)(b[0] & ~FLAGS) ^ 0x40;
    e->flags = b[0] & FLAGS;
    e->key_len = b[1];
    e->len = (uint16_t)(b[2] << 8 | b[3]);
    e->gen = sts_flash_get32(b + 4);
    e->pos = sts_flash_get32(b + 8);
    e->sum = sts_flash_get32(b + 12) ^ tie(s, serial, at, e->flags);
    e->at = at;
    e->size = sts_flash_size(s, e->len);
    if (!plausible(e) || e->size > end - at) {
        return 0;
    }
    b[0] &= (uint8_t)~FLAGS;
    sum = sts_crc32(0, b, 12);
    for (uint32_t done = 0; done < e->len; done += n) {
        n = e->len - done < PIECE ? e->len - done : PIECE;
        if (sts_flash_read(s, at + STS_FLASH_HEAD + done, b, n) != STS_OK) {
            return STS_ERR_IO;
        }
        sum = sts_crc32(sum, b, n);
        /* From the bytes that are summed: cells may read otherwise the next time. */
        e->from = e->type == STS_FLASH_SEAL ? sts_flash_get32(b) : 0;
    }
    return sum == e->sum;
}

uint32_t sts_flash_sum(const struct sts_flash_entry *e, const struct sts_flash_part parts[3])
{
    uint8_t h[STS_FLASH_HEAD];
    uint32_t sum;

    put_head(h, e);
    sum = sts_crc32(0, h, 12);
    for (int i = 0; i < 3; i++) {
        sum = sts_crc32(sum, parts[i].ram, parts[i].len);
    }
    return sum;
}

/* Puts bytes from..from+len of the parts, one after another, into buf; returns how many there were. */
static uint32_t gather(const struct sts_flash_store *s, const struct sts_flash_part parts[3],
                       uint32_t from, uint8_t *buf, uint32_t len, int *error)
{
    uint32_t done = 0;

    for (int i = 0; i < 3 && done < len; i++) {
        uint32_t n = parts[i].len;

        if (from >= n) {
            from -= n;
            continue;
        }
        n = n - from < len - done ? n - from : len - done;
        if (parts[i].ram != NULL) {
            memcpy(buf + done, (const uint8_t *)parts[i].ram + from, n);
        } else if (sts_flash_read(s, parts[i].flash + from, buf + done, n) != STS_OK) {
            *error = STS_ERR_IO;
        }
        done += n;
        from = 0;
    }
    return done;
}

/* Programs an entry's head and its bytes. */
static int put_entry(const struct sts_flash_store *s, const struct sts_flash_place *to,
                     const struct sts_flash_entry *e, const struct sts_flash_part parts[3])
{
    uint8_t chunk[CHUNK];
    uint32_t n, most = CHUNK / s->unit * s->unit, head = STS_FLASH_HEAD, from = 0;
    int error = STS_OK;

    put_head(chunk, e);
    chunk[0] |= e->flags;
    sts_flash_put32(chunk + 12, e->sum ^ tie(s, to->serial, to->at, e->flags));
    for (uint32_t at = 0; at < e->size && error == STS_OK; at += n) {
        n = e->size - at < most ? e->size - at : most;
        head += gather(s, parts, from, chunk + head, n - head, &error);
        from = at + head - STS_FLASH_HEAD;
        if (error == STS_OK) {
            error = program(s, to->at + at, chunk, head);
        }
        head = 0;
    }
    return error;
}

int sts_flash_emit(const struct sts_flash_store *s, struct sts_flash_place *to,
                   struct sts_flash_entry *e, const struct sts_flash_part parts[3])
{
    struct sts_flash_entry back;

    e->at = to->at;
    e->size = sts_flash_size(s, e->len);
    /* Read back: it may only say that it was programmed (F04), and what it was copied from may have read otherwise the
     * second time (F03): the sum comes from there. */
    if (put_entry(s, to, e, parts) != STS_OK ||
        sts_flash_get_entry(s, to->serial, to->at, to->at + e->size, &back) != 1 ||
        back.sum != e->sum) {
        return STS_ERR_IO;
    }
    to->at += e->size;
    return STS_OK;
}

int sts_flash_copy(const struct sts_flash_store *s, struct sts_flash_place *to,
                   const struct sts_flash_entry *from, uint8_t flags, uint32_t *at)
{
    struct sts_flash_part parts[3] = {{NULL, from->at + STS_FLASH_HEAD, from->len}};
    struct sts_flash_entry e = *from;
    int r;

    e.flags = flags;
    r = sts_flash_emit(s, to, &e, parts);
    *at = e.at;
    return r;
}

/* ---- walking ------------------------------------------------------------------------------- */

/* Finds the sector of the log that follows, and with it where this one ends. */
static void look_ahead(struct sts_flash_walk *w)
{
    struct sts_flash_store *s = w->s;
    uint32_t base = sts_flash_base(s, w->sector), failed = STS_FLASH_NONE;
    struct sts_flash_sector h;

    w->next = STS_FLASH_NONE;
    w->at = base + s->begin;
    w->end = w->sector == s->head ? s->head_at : base + s->flash->sector_size;
    for (uint32_t p = w->sector; p != s->head && w->next == STS_FLASH_NONE;) {
        int r;

        p = (p + 1) % s->flash->sectors;
        r = sts_flash_get_sector(s, p, &h);
        if (r == STS_ERR_IO) {
            failed = p;
        } else if (r == 1 && h.serial - w->serial - 1 < s->head_serial - w->serial &&
                   (p == s->head || h.serial != s->head_serial)) {
            w->next = p;
            w->next_serial = h.serial;
            if (h.prev == w->serial && h.prev_end <= s->flash->sector_size) {
                w->end = base + h.prev_end;
                failed = STS_FLASH_NONE; /* the log had passed it over */
            }
        }
    }
    if (failed != STS_FLASH_NONE) {
        w->unread = failed;
    }
}

void sts_flash_walk_sector(struct sts_flash_walk *w, struct sts_flash_store *s, uint32_t sector,
                           uint32_t serial)
{
    *w = (struct sts_flash_walk){
        .s = s, .sector = sector, .serial = serial, .unread = STS_FLASH_NONE};
    look_ahead(w);
}

void sts_flash_walk_start(struct sts_flash_walk *w, struct sts_flash_store *s)
{
    sts_flash_walk_sector(w, s, s->tail, s->tail_serial);
}

int sts_flash_walk_within(struct sts_flash_walk *w)
{
    uint32_t used;

    while (w->at < w->end) {
        int r = sts_flash_get_entry(w->s, w->serial, w->at, w->end, &w->e);

        if (r == 1) {
            w->at += w->e.size;
            return 1;
        }
        /* Damage, or what a cut left: on to the next place where something stands (Q04). */
        if (r == 0) {
            w->at += w->s->unit;
            r = w->at < w->end ? sts_flash_used(w->s, w->at, w->end, false, &used) : STS_OK;
            if (r == STS_OK && w->at < w->end) {
                w->at += (used - w->at) / w->s->unit * w->s->unit;
            }
        }
        if (r != STS_OK) {
            w->at = w->end;
            w->unread = w->sector;
            return r;
        }
    }
    return 0;
}

bool sts_flash_walk_on(struct sts_flash_walk *w)
{
    while (sts_flash_walk_within(w) != 1) {
        if (w->next == STS_FLASH_NONE) {
            return false;
        }
        w->sector = w->next;
        w->serial = w->next_serial;
        look_ahead(w);
    }
    return true;
}

uint32_t sts_flash_void(const struct sts_flash_store *s, const struct sts_flash_entry *seal)
{
    uint32_t base = seal->at - seal->at % s->flash->sector_size;

    return seal->from < seal->at - base ? base + seal->from : seal->at;
}

/* Gives out what is held back. */
static bool release(struct sts_flash_entry held[2],
                    bool (*each)(void *, const struct sts_flash_entry *), void *arg)
{
    bool on = (held[0].at == 0 || each(arg, &held[0])) && (held[1].at == 0 || each(arg, &held[1]));

    held[0].at = held[1].at = 0;
    return on;
}

void sts_flash_scan(struct sts_flash_walk *w,
                    bool (*each)(void *arg, const struct sts_flash_entry *e), void *arg)
{
    /* A record or a removal, and the last copy behind it, until what comes behind them tells whether they count. */
    struct sts_flash_entry held[2] = {{.at = 0}, {.at = 0}};
    uint32_t sector = w->sector;
    bool on = true;

    while (on && sts_flash_walk_on(w)) {
        bool stands = w->e.type == STS_FLASH_RECORD || w->e.type == STS_FLASH_REMOVED;
        bool copy = (w->e.flags & STS_FLASH_COPY) != 0;

        if (w->sector != sector || (!copy && w->e.type != STS_FLASH_SEAL)) {
            on = release(held, each, arg);
            sector = w->sector;
        }
        if (w->e.type == STS_FLASH_SEAL) {
            uint32_t from = sts_flash_void(w->s, &w->e);

            held[0].at = held[0].at >= from ? 0 : held[0].at;
            held[1].at = held[1].at >= from ? 0 : held[1].at;
        }
        if (stands && !copy) {
            held[0] = w->e;
        } else if (stands && held[0].at != 0) {
            held[1] = w->e;
        } else {
            on = on && each(arg, &w->e);
        }
    }
    if (on) {
        (void)release(held, each, arg);
    }
}
