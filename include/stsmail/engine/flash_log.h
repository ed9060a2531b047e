/* SPDX-License-Identifier: MIT
 *
 * What the three parts of the flash store share. core/flash_log.c: how entries lie in sectors, read and written;
 * core/flash_space.c: where the next one goes, and what is found at a start; core/flash_store.c: records.
 *
 * An address is a byte of the area; 0 is none, since a sector's head stands there. Functions return STS_OK or an error
 * unless said otherwise.
 */
#ifndef STSMAIL_ENGINE_FLASH_LOG_H
#define STSMAIL_ENGINE_FLASH_LOG_H

#include <stsmail/flash_store.h>

#define STS_FLASH_NONE   UINT32_MAX /* no sector */
#define STS_FLASH_HEAD   16u        /* bytes before an entry's own */
#define STS_FLASH_PREFIX 5u         /* of a record, or a removal, before its key */

enum sts_flash_type {
    STS_FLASH_BODY = 1, /* bytes of a record */
    STS_FLASH_RECORD,   /* its last bytes, which make it stand */
    STS_FLASH_REMOVED,  /* there is none any more */
    STS_FLASH_SEAL,     /* all before it stands */
};

#define STS_FLASH_COPY 0x80u /* it stood elsewhere before */
#define STS_FLASH_GHOST                                                                            \
    0x20u /* a record that is replaced, kept for a reader: no longer one at the next start */

struct sts_flash_entry {
    uint8_t type, flags;
    uint8_t key_len;
    uint16_t len; /* of what follows the head */
    uint32_t gen; /* of the record; of a seal: the next one's */
    uint32_t
        pos; /* where in the record its bytes belong; of a seal: the oldest sector that counts */
    uint32_t from; /* of a seal: the offset in it */
    uint32_t sum;  /* CRC over all that */
    uint32_t at;   /* its address */
    uint32_t size; /* with head, rounded up to whole units */
};

/* Bytes to write: of RAM, or where `ram` is NULL of flash. */
struct sts_flash_part {
    const void *ram;
    uint32_t flash;
    uint32_t len;
};

/* Where an entry goes. */
struct sts_flash_place {
    uint32_t sector, serial, at;
};

/* A sector's head. */
struct sts_flash_sector {
    uint32_t serial, prev, prev_end, mark, gen;
    uint8_t skip;
};

/* A walk through entries, oldest first. */
struct sts_flash_walk {
    struct sts_flash_store *s;
    uint32_t sector, serial, at, end;
    uint32_t next, next_serial;
    uint32_t unread; /* the last sector of which something could not be read; STS_FLASH_NONE */
    struct sts_flash_entry e;
};

static inline uint32_t sts_flash_base(const struct sts_flash_store *s, uint32_t sector)
{
    return sector * s->flash->sector_size;
}
static inline uint32_t sts_flash_round(const struct sts_flash_store *s, uint32_t len)
{
    return (len + s->unit - 1) / s->unit * s->unit;
}
/* Whole bytes of an entry with len bytes of its own. */
static inline uint32_t sts_flash_size(const struct sts_flash_store *s, uint32_t len)
{
    return sts_flash_round(s, STS_FLASH_HEAD + len);
}

/* ---- flash_log.c --------------------------------------------------------------------------- */

void sts_flash_put32(uint8_t *to, uint32_t n);
uint32_t sts_flash_get32(const uint8_t *from);

/* Reads; tries again where that fails. */
int sts_flash_read(const struct sts_flash_store *s, uint32_t at, void *buf, uint32_t len);
int sts_flash_sync(const struct sts_flash_store *s);

/* The first byte of from..end that is not erased, or one behind the last one; `end` (or `from`): there is none. */
int sts_flash_used(const struct sts_flash_store *s, uint32_t from, uint32_t end, bool last,
                   uint32_t *out);

/* 1: the head of a sector; 0: none; STS_ERR_SYNTAX: of a newer format; STS_ERR_IO. */
int sts_flash_get_sector(const struct sts_flash_store *s, uint32_t sector,
                         struct sts_flash_sector *out);

/* Erases a sector and gives it a head. */
int sts_flash_begin_sector(struct sts_flash_store *s, uint32_t sector,
                           const struct sts_flash_sector *h);

/* 1: a sound entry at that address; 0: none; STS_ERR_IO. */
int sts_flash_get_entry(const struct sts_flash_store *s, uint32_t serial, uint32_t at, uint32_t end,
                        struct sts_flash_entry *e);

/* The sum of an entry that is new. */
uint32_t sts_flash_sum(const struct sts_flash_entry *e, const struct sts_flash_part parts[3]);

/* Writes an entry, whose bytes are in `parts`, reads it back, and moves the place behind it. e->at, e->size are set. */
int sts_flash_emit(const struct sts_flash_store *s, struct sts_flash_place *to,
                   struct sts_flash_entry *e, const struct sts_flash_part parts[3]);

/* The same for a sound entry that stands elsewhere. `from` is where it stands. */
int sts_flash_copy(const struct sts_flash_store *s, struct sts_flash_place *to,
                   const struct sts_flash_entry *from, uint8_t flags, uint32_t *at);

/* To the oldest sector; to one sector. */
void sts_flash_walk_start(struct sts_flash_walk *w, struct sts_flash_store *s);
void sts_flash_walk_sector(struct sts_flash_walk *w, struct sts_flash_store *s, uint32_t sector,
                           uint32_t serial);

/* The next entry of the sector: 1, 0 at its end, STS_ERR_IO. */
int sts_flash_walk_within(struct sts_flash_walk *w);

/* The next entry of the log; false at its end. What cannot be read is passed over. */
bool sts_flash_walk_on(struct sts_flash_walk *w);

/* From where on up to the seal nothing counts; its own address: all does. */
uint32_t sts_flash_void(const struct sts_flash_store *s, const struct sts_flash_entry *seal);

/* Shows `each` the entries that count from the walk on, oldest first, until it returns false. What a cut had left in doubt,
 * and a later start decided against, is left out. */
void sts_flash_scan(struct sts_flash_walk *w,
                    bool (*each)(void *arg, const struct sts_flash_entry *e), void *arg);

/* ---- flash_space.c ------------------------------------------------------------------------- */

/* Writes an entry at the head of the log. For a record or a removal, STS_OK means that it stands for good. */
int sts_flash_append(struct sts_flash_store *s, struct sts_flash_entry *e,
                     const struct sts_flash_part parts[3]);

/* What can be live beside the records, before room is short: for new ones, or for a change of one. */
uint32_t sts_flash_room(const struct sts_flash_store *s, bool change);

/* How far behind the oldest sector of the log one stands. */
static inline uint32_t sts_flash_order(const struct sts_flash_store *s, uint32_t sector)
{
    return (sector + s->flash->sectors - s->tail) % s->flash->sectors;
}

bool sts_flash_in_log(const struct sts_flash_store *s, uint32_t at);

/* At a start: that sector could not be read. The newest of them is kept. */
void sts_flash_missed(struct sts_flash_store *s, uint32_t sector);

/* Finds the log, shows each entry to sts_flash_take(), and settles what a cut may have left in doubt. As
 * sts_flash_store_mount(). */
int sts_flash_find_log(struct sts_flash_store *s, const struct sts_flash *flash);

/* ---- flash_store.c ------------------------------------------------------------------------- */

/* One entry of the log at a start, of a struct sts_flash_store; the later ones count. False: an error is in s->error. */
bool sts_flash_take(void *store, const struct sts_flash_entry *e);

struct sts_flash_record *sts_flash_record_of(struct sts_flash_store *s, uint32_t gen);

/* Whether a reader has it open. */
bool sts_flash_is_read(const struct sts_flash_store *s, uint32_t gen);

/* Forgets a record that is damaged beyond help. */
void sts_flash_lose(struct sts_flash_store *s, struct sts_flash_record *r);

#endif
