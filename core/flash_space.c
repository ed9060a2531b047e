/* SPDX-License-Identifier: MIT
 *
 * The flash store's space: where the next entry goes, how room is won, and what a start finds. The format, and why it goes
 * round, is in flash_log.c.
 */
#include <string.h>

#include <stsmail/engine/flash_log.h>

#define STARTS     8      /* tries of one */
#define PASSED     8u     /* sectors that a head tells to be passed over, at most */
#define GEN_JUMP   16u    /* numbers that a cut may have left in what cannot be read */
#define GEN_SECTOR 65536u /* and a sector that cannot be read */

/* ---- room ---------------------------------------------------------------------------------- */

/* Sectors that are kept free: one to go on in, and some for those that turn out bad. */
static uint32_t reserve(const struct sts_flash_store *s)
{
    return s->flash->sectors < 4 ? 1 : 2 + s->flash->sectors / 16;
}

/* Free ones, with a log from `tail` to `head`. */
static uint32_t free_sectors(const struct sts_flash_store *s, uint32_t tail, uint32_t head)
{
    uint32_t n = s->flash->sectors;

    return (tail + n - head - 1) % n;
}

bool sts_flash_in_log(const struct sts_flash_store *s, uint32_t at)
{
    return sts_flash_order(s, at / s->flash->sector_size) <= sts_flash_order(s, s->head);
}

void sts_flash_missed(struct sts_flash_store *s, uint32_t sector)
{
    if (s->unread == STS_FLASH_NONE || sts_flash_order(s, sector) > sts_flash_order(s, s->unread)) {
        s->unread = sector;
    }
}

/* Bytes of records that are gone, but open in a reader. */
static uint32_t held_by_readers(const struct sts_flash_store *s)
{
    uint32_t sum = 0;

    for (const struct sts_flash_handle *h = s->handles; h != NULL; h = h->next) {
        if (h->open && h->gen != 0) {
            bool there = false;

            for (uint32_t i = 0; i < s->count; i++) {
                there = there || s->records[i].gen == h->gen;
            }
            sum += there ? 0 : h->stored;
        }
    }
    return sum;
}

uint32_t sts_flash_room(const struct sts_flash_store *s, bool change)
{
    uint32_t most = change ? s->hard : s->low;
    uint32_t used = s->live + s->out_stored + held_by_readers(s);

    return used < most ? most - used : 0;
}

/* Sets what follows from the geometry. Every sector is filled up to `limit`; what is left takes a record that is
 * written once more after a cut, and seals. `hard`: with that many live bytes, going once round the log always
 * leaves the reserve free, however badly the entries fit. */
static int measure(struct sts_flash_store *s)
{
    const struct sts_flash *f = s->flash;
    uint32_t piece, least, n = f->sectors;
    uint64_t hard;

    if (f->program_size == 0 || f->program_size > 256 ||
        (f->program_size & (f->program_size - 1)) != 0 || n < 2 || n > 65535 ||
        f->sector_size > 0x100000u || (uint64_t)n * f->sector_size > UINT32_MAX) {
        return STS_ERR_CONFIG;
    }
    s->unit = f->program_size < 8 ? 8 : f->program_size;
    s->begin = sts_flash_round(s, 64);
    piece = sts_flash_round(s, STS_FLASH_PIECE);
    least = s->begin + 2 * piece + 2 * s->unit;
    if (f->sector_size % s->unit != 0 || f->sector_size < least) {
        return STS_ERR_CONFIG;
    }
    s->limit = f->sector_size - piece - 2 * s->unit;
    hard = (uint64_t)(n - reserve(s)) * (s->limit - s->begin - (piece - s->unit));
    if (hard < hard / 16 + 2 * piece) {
        return STS_ERR_CONFIG;
    }
    s->hard = (uint32_t)hard;
    s->low = (uint32_t)(hard - hard / 16 - piece);
    return STS_OK;
}

/* ---- a new sector -------------------------------------------------------------------------- */

/* Whether an entry is wanted any more: the flags of its copy, or 0. */
static uint8_t wanted(struct sts_flash_store *s, const struct sts_flash_entry *e)
{
    const struct sts_flash_record *r;

    if (e->type > STS_FLASH_RECORD) {
        return 0; /* a removal is as old as what it removed, or younger: that is gone */
    }
    r = sts_flash_record_of(s, e->gen);
    if (r != NULL) {
        return e->type == STS_FLASH_BODY || r->at == e->at ? STS_FLASH_COPY : 0;
    }
    if (s->writing && s->out_gen == e->gen) {
        return STS_FLASH_COPY;
    }
    if (sts_flash_is_read(s, e->gen)) {
        return e->type == STS_FLASH_BODY ? STS_FLASH_COPY : STS_FLASH_COPY | STS_FLASH_GHOST;
    }
    return 0;
}

/* Bytes of a sector that are wanted; with `to`, they are copied there. What cannot be read is left out: the
 * sector they are copied to was written and read a moment ago, so that it is the old one that fails. */
static int move(struct sts_flash_store *s, const struct sts_flash_walk *from,
                struct sts_flash_place *to, uint32_t *bytes)
{
    struct sts_flash_walk w = *from;

    *bytes = 0;
    while (sts_flash_walk_within(&w) == 1) {
        uint8_t flags = wanted(s, &w.e);
        struct sts_flash_record *r = sts_flash_record_of(s, w.e.gen);
        uint32_t at;

        if (flags == 0) {
            continue;
        }
        *bytes += w.e.size;
        if (to == NULL) {
            continue;
        }
        if (sts_flash_copy(s, to, &w.e, flags, &at) != STS_OK) {
            return STS_ERR_IO;
        }
        if (r != NULL && w.e.type == STS_FLASH_RECORD) {
            r->first = at; /* told apart from a mere hint by the sector */
        }
    }
    return STS_OK;
}

static int seal(const struct sts_flash_store *s, struct sts_flash_place *to, uint32_t mark,
                uint32_t offset)
{
    uint8_t b[4];
    struct sts_flash_part parts[3] = {{b, 0, sizeof b}};
    struct sts_flash_entry e = {
        .type = STS_FLASH_SEAL, .len = sizeof b, .gen = s->gen, .pos = mark};

    sts_flash_put32(b, offset < to->at ? offset % s->flash->sector_size
                                       : to->at % s->flash->sector_size);
    e.sum = sts_flash_sum(&e, parts);
    if (sts_flash_sync(s) != STS_OK || sts_flash_emit(s, to, &e, parts) != STS_OK) {
        return STS_ERR_IO;
    }
    return sts_flash_sync(s);
}

/* Copies what is in doubt, so that it is not what was programmed last. */
static int copy_doubt(const struct sts_flash_store *s, struct sts_flash_place *to, uint32_t *at)
{
    struct sts_flash_entry e;

    if (s->doubt == 0) {
        return STS_OK;
    }
    if (sts_flash_get_entry(s, s->head_serial, s->doubt, s->head_at, &e) != 1) {
        return STS_ERR_IO;
    }
    return sts_flash_copy(s, to, &e, STS_FLASH_COPY, at);
}

/* What was copied counts from here on; what was to be copied, and could not be read, is lost. */
static void settle(struct sts_flash_store *s, uint32_t doubt_at)
{
    struct sts_flash_entry e;

    if (s->doubt != 0 && sts_flash_get_entry(s, s->head_serial, doubt_at, s->head_at, &e) == 1) {
        (void)sts_flash_take(s, &e);
    }
    for (uint32_t i = s->count; i-- > 0;) {
        struct sts_flash_record *r = &s->records[i];

        if (!sts_flash_in_log(s, r->at)) {
            if (r->first / s->flash->sector_size == s->head) {
                r->at = r->first;
            } else {
                sts_flash_lose(s, r);
            }
        }
    }
    s->doubt = 0;
    for (struct sts_flash_handle *h = s->handles; h != NULL; h = h->next) {
        h->piece = 0; /* to be found again */
    }
}

/* Makes room at the tail, from the walk on, while too few sectors are free and what the next one holds fits. */
static int win_room(struct sts_flash_store *s, struct sts_flash_walk *w, struct sts_flash_place *to)
{
    uint32_t end = sts_flash_base(s, to->sector) + s->limit, bytes;
    bool first = true;

    while (w->sector != to->sector && free_sectors(s, w->sector, to->sector) < reserve(s)) {
        if (!first) {
            (void)move(s, w, NULL, &bytes);
            if (to->at + bytes > end) {
                break;
            }
        }
        if (move(s, w, to, &bytes) != STS_OK) {
            return STS_ERR_IO;
        }
        if (w->next == STS_FLASH_NONE) {
            w->sector = to->sector;
            w->serial = to->serial;
        } else {
            sts_flash_walk_sector(w, s, w->next, w->next_serial);
        }
        first = false;
    }
    return STS_OK;
}

/* How many sectors behind one cannot be read. Its head says so, and the log will pass them over: else each start would have
 * to fear that the newest part of the log stands there. */
static uint8_t unreadable(const struct sts_flash_store *s, uint32_t sector)
{
    struct sts_flash_sector h;
    uint32_t most = reserve(s) <= PASSED ? reserve(s) - 1 : PASSED;
    uint8_t n = 0;

    while (n < most &&
           sts_flash_get_sector(s, (sector + 1 + n) % s->flash->sectors, &h) == STS_ERR_IO) {
        n++;
    }
    return n;
}

/* Begins a sector, all of it or nothing: it counts from its seal on. */
static int open_sector(struct sts_flash_store *s, uint32_t sector)
{
    uint32_t base = sts_flash_base(s, sector), doubt_at = 0;
    struct sts_flash_place to = {sector, s->serial + 1, base + s->begin};
    struct sts_flash_sector h = {
        to.serial,      s->head_serial, s->head_at - sts_flash_base(s, s->head),
        s->tail_serial, s->gen,         unreadable(s, sector)};
    struct sts_flash_walk w;
    struct sts_flash_entry e;

    if (s->doubt != 0 && sts_flash_get_entry(s, s->head_serial, s->doubt, s->head_at, &e) != 1) {
        return STS_ERR_IO;
    }
    s->serial++;
    if (!s->begun) {
        h.mark = to.serial;
    }
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->records[i].first / s->flash->sector_size == sector) {
            s->records[i].first = 0;
        }
    }
    if (sts_flash_begin_sector(s, sector, &h) != STS_OK ||
        copy_doubt(s, &to, &doubt_at) != STS_OK) {
        return STS_ERR_IO;
    }
    w = (struct sts_flash_walk){.sector = sector, .serial = to.serial};
    if (s->begun) {
        sts_flash_walk_start(&w, s);
    }
    if (win_room(s, &w, &to) != STS_OK || seal(s, &to, w.serial, to.at) != STS_OK) {
        return STS_ERR_IO;
    }
    s->head = sector;
    s->head_serial = to.serial;
    s->head_at = to.at;
    s->tail = w.sector;
    s->tail_serial = w.serial;
    s->skip = h.skip;
    s->begun = true;
    s->full = false;
    settle(s, doubt_at);
    if (s->unread != STS_FLASH_NONE && !sts_flash_in_log(s, sts_flash_base(s, s->unread))) {
        s->unread = STS_FLASH_NONE; /* the log has passed it: what it held is lost */
    }
    return STS_OK;
}

static int open_next(struct sts_flash_store *s)
{
    uint32_t n = s->flash->sectors;
    uint32_t most = s->begun ? free_sectors(s, s->tail, s->head) : n;

    s->full = true;
    for (uint32_t i = 0; i < most; i++) {
        uint32_t p = (s->head + 1 + (s->skip + i) % most) % n;

        /* One that could not be read may hold the newest part of the log: another start may be luckier. */
        if (p == s->unread) {
            s->unread = STS_FLASH_NONE; /* what it held is given up */
        } else if (open_sector(s, p) == STS_OK) {
            return STS_OK;
        }
        s->bad++;
    }
    return STS_ERR_IO;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* One try at the head of the log. What stands by a record is safe before and after it is written (F08). */
static int append_here(struct sts_flash_store *s, struct sts_flash_entry *e,
                       const struct sts_flash_part parts[3])
{
    struct sts_flash_place to = {s->head, s->head_serial, s->head_at};

    if (e->type != STS_FLASH_BODY && sts_flash_sync(s) != STS_OK) {
        return STS_ERR_IO;
    }
    if (sts_flash_emit(s, &to, e, parts) != STS_OK ||
        (e->type != STS_FLASH_BODY && sts_flash_sync(s) != STS_OK)) {
        s->full = true; /* it ends where it did: what stands there now does not count */
        return STS_ERR_IO;
    }
    s->head_at = to.at;
    return STS_OK;
}

int sts_flash_append(struct sts_flash_store *s, struct sts_flash_entry *e,
                     const struct sts_flash_part parts[3])
{
    uint32_t size = sts_flash_size(s, e->len);

    e->sum = sts_flash_sum(e, parts);
    for (uint32_t turn = 0; turn <= s->flash->sectors; turn++) {
        uint32_t used = s->head_at - sts_flash_base(s, s->head);

        if (!s->full && used + size <= s->limit && append_here(s, e, parts) == STS_OK) {
            return STS_OK;
        }
        if (open_next(s) != STS_OK) {
            return STS_ERR_IO;
        }
    }
    return STS_ERR_SPACE;
}

/* ---- a start ------------------------------------------------------------------------------- */

/* Finds the newest sector, or the newest of those before `bound`. 1: found, 0: none; STS_ERR_SYNTAX; STS_ERR_IO: none can be
 * read. Serial numbers wrap (F14). */
static int newest(struct sts_flash_store *s, const uint32_t *bound, struct sts_flash_sector *best)
{
    struct sts_flash_sector h;
    uint32_t failed = 0;
    int found = 0;

    for (uint32_t p = 0; p < s->flash->sectors; p++) {
        int r = sts_flash_get_sector(s, p, &h);

        if (r == STS_ERR_SYNTAX) {
            return r; /* F16 */
        }
        if (r == STS_ERR_IO) {
            failed++;
        }
        if (r == 1 && (bound == NULL || (int32_t)(h.serial - *bound) < 0) &&
            (found == 0 || (int32_t)(h.serial - best->serial) > 0)) {
            *best = h;
            s->head = p;
            found = 1;
        }
    }
    s->bad += bound == NULL ? failed : 0;
    return failed == s->flash->sectors ? STS_ERR_IO : found;
}

/* The sector that the mark names, or the oldest behind it that is left. */
static void find_tail(struct sts_flash_store *s, uint32_t mark)
{
    struct sts_flash_sector h;
    uint32_t failed = STS_FLASH_NONE;

    s->tail = s->head;
    s->tail_serial = s->head_serial;
    for (uint32_t p = 0; p < s->flash->sectors; p++) {
        int r = sts_flash_get_sector(s, p, &h);

        if (r == STS_ERR_IO) {
            failed = p;
        } else if (r == 1 && h.serial - mark < s->tail_serial - mark) {
            s->tail = p;
            s->tail_serial = h.serial;
        }
    }
    /* It is missed, not forgotten. */
    if (s->tail_serial != mark && failed != STS_FLASH_NONE &&
        !sts_flash_in_log(s, sts_flash_base(s, failed))) {
        s->tail = failed;
        s->tail_serial = mark;
    }
}

/* What the head sector says. */
struct ending {
    struct sts_flash_store *s;
    struct sts_flash_entry record; /* the last that makes one stand or fall; at 0: none */
    uint32_t own;                  /* entries that are no copies; 0: the sector does not count */
    uint32_t mark;
    uint32_t numbered; /* the last one that tells the next number */
    uint32_t sealed;   /* where the last plain seal ends */
    uint32_t sure;     /* where the last entry ends that is not about what is not sure */
    bool io;
};

static bool look_at(void *arg, const struct sts_flash_entry *e)
{
    struct ending *end = arg;
    struct sts_flash_store *s = end->s;
    uint32_t stop = e->at + e->size;
    bool seal = e->type == STS_FLASH_SEAL, plain = seal && sts_flash_void(s, e) == e->at;

    if ((e->flags & STS_FLASH_COPY) == 0) {
        end->own++;
        if (e->at > end->numbered) {
            end->numbered = e->at;
            s->gen = seal ? e->gen : e->gen + 1;
        }
    }
    if (seal) {
        end->mark = e->pos;
        end->sealed = plain ? stop : end->sealed;
    } else if (e->type != STS_FLASH_BODY && (e->flags & STS_FLASH_GHOST) == 0) {
        end->record = *e;
    }
    if ((plain || !seal) && stop > end->sure) {
        end->sure = stop;
    }
    s->head_at = stop > s->head_at ? stop : s->head_at;
    return true;
}

/* What is seen there once is what counts: cells may read otherwise the next time. s->head_at gets its end. */
static void look_at_head(struct sts_flash_store *s, const struct sts_flash_sector *h,
                         struct ending *end)
{
    struct sts_flash_walk w;
    uint32_t base = sts_flash_base(s, s->head);

    *end = (struct ending){.s = s, .mark = h->mark, .sure = base + s->begin};
    s->head_serial = h->serial;
    s->head_at = base + s->flash->sector_size;
    sts_flash_walk_sector(&w, s, s->head, h->serial);
    s->head_at = base + s->begin;
    sts_flash_scan(&w, look_at, end);
    end->io = w.unread != STS_FLASH_NONE;
}

/* What was programmed last before a cut may read otherwise the next time (F03), and so may what a recovery wrote that was
 * cut in turn. So the last record is written once more, what stands behind it without being sound is said not to count,
 * and a seal comes behind: unless all that is so already. `newer`: there is a sector behind that does not count. */
static int recover(struct sts_flash_store *s, const struct ending *end, bool newer)
{
    uint32_t stop = sts_flash_base(s, s->head) + s->flash->sector_size, used, at = 0;
    uint32_t need = 2 * sts_flash_size(s, 4) + (end->record.at != 0 ? end->record.size : 0);
    struct sts_flash_place to = {s->head, s->head_serial, s->head_at};

    if (end->io || s->unread == s->head) {
        s->head_at = stop; /* all of it: another start may read it */
        return open_next(s);
    }
    s->doubt = end->record.at;
    if (newer || sts_flash_used(s, s->head_at, stop, true, &used) != STS_OK) {
        s->head_at = end->sure;
        return open_next(s); /* which erases it, lest it counts the next time */
    }
    /* One unit more: programming may have begun where nothing shows it yet. */
    to.at = sts_flash_round(s, used) + s->unit;
    if (used == s->head_at && end->sealed == s->head_at && end->own > 1) {
        s->doubt = 0;
        s->full = false;
        return STS_OK;
    }
    if (to.at + need > stop ||
        (end->sure != to.at && seal(s, &to, s->tail_serial, end->sure) != STS_OK) ||
        copy_doubt(s, &to, &at) != STS_OK || seal(s, &to, s->tail_serial, to.at) != STS_OK) {
        s->head_at = end->sure;
        return open_next(s);
    }
    s->head_at = to.at;
    s->full = false;
    settle(s, at);
    return STS_OK;
}

/* Finds the newest sector that counts, and looks at it. *newer: there is one behind it that was begun and does not count. A cut
 * leaves one of those, a flash that nothing can be programmed to a whole area of them (F21); all tell the sector that the log would
 * have gone on from, and nothing between counts. 1, 0: there is none, STS_ERR_SYNTAX, STS_ERR_IO. */
static int find_head(struct sts_flash_store *s, struct ending *end, bool *newer)
{
    struct sts_flash_sector h = {.serial = 0};
    int r = newest(s, NULL, &h);

    s->serial = h.serial;
    for (*newer = false; r == 1; *newer = true) {
        uint32_t bound = (int32_t)(h.prev + 1 - h.serial) < 0 ? h.prev + 1 : h.serial;

        look_at_head(s, &h, end);
        s->skip = h.skip;
        if (end->own > 0 || end->io) {
            break; /* one that could not be read may count */
        }
        r = newest(s, &bound, &h);
    }
    return r;
}

/* A sector that may be newer than the head, and was not read: the one where the log would have gone on, or one that reads
 * well by now. */
static uint32_t missed_head(const struct sts_flash_store *s)
{
    uint32_t next = (s->head + 1 + s->skip) % s->flash->sectors, found = STS_FLASH_NONE;
    struct sts_flash_sector h;

    for (uint32_t p = 0; s->bad != 0 && p < s->flash->sectors; p++) {
        if (!s->begun || !sts_flash_in_log(s, sts_flash_base(s, p))) {
            int r = sts_flash_get_sector(s, p, &h);

            if ((r == STS_ERR_IO && p == next) || (r == 1 && (int32_t)(h.serial - s->serial) > 0)) {
                found = p;
            }
        }
    }
    return found;
}

/* Shows sts_flash_take() what counts, and finds out what could not be read. */
static int take_all(struct sts_flash_store *s, const struct ending *end)
{
    struct sts_flash_walk w;
    uint32_t stop = s->head_at;

    find_tail(s, end->mark);
    /* Nothing behind what was seen, lest it be seen by now. */
    s->head_at = end->sure;
    sts_flash_walk_start(&w, s);
    sts_flash_scan(&w, sts_flash_take, s);
    s->head_at = stop;
    if (w.unread != STS_FLASH_NONE || end->io) {
        sts_flash_missed(s, end->io ? s->head : w.unread);
    }
    return s->error;
}

/* STS_BUSY: what was found could not be settled, or not all of it could be read and it is not the last try. */
static int find_log(struct sts_flash_store *s, bool last)
{
    struct ending end = {.own = 0};
    uint32_t behind;
    bool newer;
    int r = find_head(s, &end, &newer);

    s->begun = r == 1;
    if (s->begun) {
        r = take_all(s, &end);
    }
    behind = missed_head(s);
    if (behind != STS_FLASH_NONE) {
        s->unread = behind;
    }
    if (!last && s->unread != STS_FLASH_NONE) {
        return STS_BUSY;
    }
    for (uint32_t i = 0; i < s->count; i++) {
        struct sts_flash_record *f = &s->records[i];

        f->unsure =
            s->unread != STS_FLASH_NONE &&
            sts_flash_order(s, f->at / s->flash->sector_size) <= sts_flash_order(s, s->unread);
    }
    s->gen += s->bad == 0 && s->unread == STS_FLASH_NONE ? GEN_JUMP : GEN_SECTOR;
    s->serial += s->bad == 0 ? 0 : 1;
    if (!s->begun || r != STS_OK) {
        return r;
    }
    if (behind != STS_FLASH_NONE) { /* nothing is written before the owner has to */
        s->doubt = end.record.at;
        s->head_at = end.sure;
        return STS_OK;
    }
    return recover(s, &end, newer) == STS_OK ? STS_OK : STS_BUSY;
}

int sts_flash_find_log(struct sts_flash_store *s, const struct sts_flash *flash)
{
    int r = STS_BUSY;

    /* Cells between two states: what read well may not do so when it is to be copied. Nobody was told of it yet. */
    for (int i = 0; i < STARTS && r == STS_BUSY; i++) {
        memset(s, 0, sizeof *s);
        s->flash = flash;
        s->unread = STS_FLASH_NONE;
        s->full = true;
        r = measure(s);
        if (r == STS_OK) {
            s->head = flash->sectors - 1;
            r = find_log(s, i + 1 == STARTS);
        }
    }
    return r == STS_BUSY ? STS_OK
                         : r; /* settled before anything is written; what is there can be read */
}
