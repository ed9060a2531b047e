/* SPDX-License-Identifier: MIT
 *
 * A store (struct sts_store) on raw flash: a log of records that goes round and round through the sectors. Power may go at
 * any byte of a program, within an erase, and again while the next start recovers: each record is then as it was before
 * the operation or as it is after it.
 *
 *     static struct sts_flash_store log;              about 2 KB
 *     static struct sts_flash_handle one, two;        about 50 bytes each
 *     struct sts_store cache, messages;
 *
 *     if (sts_flash_store_mount(&log, &my_flash) == STS_OK) {
 *         sts_flash_store_handle(&log, &one, &cache);
 *         sts_flash_store_handle(&log, &two, &messages);
 *     }
 *
 * Each handle has a reader of its own; the writer is one, whichever handle began it (put() through another is STS_ERR_STATE
 * until it ends; remove() is allowed). A reader goes on seeing what it opened while the record is replaced or removed and
 * the log goes round; should the room not suffice for that, it gets STS_ERR_IO, never other bytes.
 *
 * Smallest area: see sts_flash_store_mount(). Sectors that fail are passed over; what could not be erased is never taken for
 * new. Where a start cannot read a part of the log, however often it tries, a record of which a newer one may stand there is
 * STS_ERR_IO, and so is one that is not found: until it is put anew, or the log has passed that sector and what it held
 * is lost. Nothing protects the area against an attacker who can write it.
 *
 * How the bytes lie in the flash: core/flash_log.c says it exactly.
 */
#ifndef STSMAIL_FLASH_STORE_H
#define STSMAIL_FLASH_STORE_H

#include <stsmail/config.h>
#include <stsmail/port.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sts_flash_store;

struct sts_flash_stats {
    uint32_t records; /* held, of STS_FLASH_RECORDS */
    uint32_t used;    /* bytes that they take of the log, their heads among them */
    uint32_t free;    /* bytes that can be added; a record of n bytes takes n + 22 + the key, and 16 more for each
                         STS_FLASH_PIECE, all rounded up to program_size */
    uint32_t erases;  /* since the mount */
    uint32_t bad;     /* times since the mount that a sector had to be passed over, or could not be read */
    uint32_t damaged; /* records found damaged since the mount, and set aside */
};

/* A way to the store: a reader of its own. Members are the store's. */
struct sts_flash_handle {
    struct sts_flash_store  *store;
    struct sts_flash_handle *next;
    bool     open;
    uint32_t gen;        /* of the record that is being read; 0: its room was needed */
    uint32_t stored;     /* bytes of the log that the record takes */
    uint32_t size, pos;  /* of the record; of the next byte */
    uint32_t piece;      /* where the piece with that byte stands; 0: to be found */
    uint32_t end;        /* where in the record it ends */
    uint32_t from;       /* where in flash the next byte stands */
    uint32_t crc, sum;   /* over what was read of it; what it must become */
};

/* Finds what the area holds; writes only where power was lost in the middle of something. An area without a trace of the
 * format (virgin, or anything else) is empty and is not touched before the first put. `flash` stays in place; reads each
 * byte of the log once, where none fails. STS_OK, or, and then nothing else may be called:
 *   STS_ERR_CONFIG  a geometry that port.h does not allow, or too small: there must be 2 sectors, and room for one record
 *                   of STS_FLASH_PIECE bytes beside the reserve. With STS_FLASH_PIECE 512: 4 sectors of 2 KiB, 2 of 4 KiB
 *   STS_ERR_SYNTAX  a newer version of the library wrote it: nothing is changed, unless format() is called
 *   STS_ERR_SPACE   it holds more than STS_FLASH_RECORDS records: nothing is changed
 *   STS_ERR_IO      the flash can't be read at all */
int sts_flash_store_mount(struct sts_flash_store *s, const struct sts_flash *flash);

/* Erases the whole area, whatever it holds, and mounts it. As mount; STS_ERR_IO also where nothing could be erased. */
int sts_flash_store_format(struct sts_flash_store *s, const struct sts_flash *flash);

/* One more way to a mounted store. `h` stays in place as long as the store is used. `out` is filled. */
void sts_flash_store_handle(struct sts_flash_store *s, struct sts_flash_handle *h,
                            struct sts_store *out);

void sts_flash_store_stats(const struct sts_flash_store *s, struct sts_flash_stats *out);

/* ---- the store's own --------------------------------------------------------------------- */

/* A record that is held. */
struct sts_flash_record {
    uint32_t gen;    /* its number: told by each of its pieces */
    uint32_t at;     /* where its last piece stands, with the key */
    uint32_t first;  /* where its first piece was last seen: a hint */
    uint32_t stored; /* bytes of the log */
    uint16_t hash;
    uint8_t  kind;
    bool     unsure; /* a newer one may stand in store->unread */
};

struct sts_flash_store {
    const struct sts_flash  *flash;
    struct sts_flash_handle *handles;
    uint32_t unit;   /* what is programmed is a multiple of this */
    uint32_t begin;  /* where in a sector the entries begin, and up to where it is filled */
    uint32_t limit;
    uint32_t low, hard;          /* bytes of the log that may be live: for new records, for changes */
    uint32_t head, tail, serial; /* sectors; the serial number of the last that was begun */
    uint32_t head_serial, tail_serial;
    uint32_t head_at;    /* the next entry's place */
    uint32_t doubt;      /* an entry that is to be written once more before anything else; 0: none */
    uint32_t unread;     /* a sector that the start could not read, and that counts; UINT32_MAX: none */
    uint32_t skip;       /* sectors behind the head that the log passes over */
    uint32_t gen;        /* the next */
    uint32_t live;       /* bytes of the log that the records take */
    uint32_t erases, bad, damaged;
    bool     begun;      /* there is a log */
    bool     full;       /* nothing more goes to the head sector */

    bool     writing;
    const struct sts_flash_handle *writer;
    uint8_t  kind;
    uint8_t  key_len;
    int      error;      /* of the writer: sticky */
    uint32_t out_gen, out_at, out_stored, out_len;
    char     key[STS_NAME_SIZE];
    uint8_t  out[STS_FLASH_PIECE];

    uint32_t count;
    struct sts_flash_record records[STS_FLASH_RECORDS];
};

#ifdef __cplusplus
}
#endif
#endif
