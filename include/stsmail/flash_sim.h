/* SPDX-License-Identifier: MIT
 *
 * Flash in memory that fails as flash fails, for tests on a host: power cuts in the middle of a program or an erase,
 * cells that were half programmed and read otherwise each time, sectors that fail in five ways, flipped bits. It refuses
 * (and counts) what no driver may be asked: programming twice, across a sector, misaligned (F09).
 *
 * It can write down what it was asked (a trace), take back what was done (a journal), and do a part of a traced operation:
 * so a test goes through all places of a cut without starting over for each.
 */
#ifndef STSMAIL_FLASH_SIM_H
#define STSMAIL_FLASH_SIM_H

#include <stsmail/port.h>

#ifdef __cplusplus
extern "C" {
#endif

enum sts_flash_bad {
    STS_FLASH_GOOD = 0,
    STS_FLASH_PROG_ERROR, /* programming says that it failed, and did */
    STS_FLASH_ERASE_ERROR,
    STS_FLASH_READ_ERROR,
    STS_FLASH_PROG_NOOP, /* programming says that it worked, and did nothing */
    STS_FLASH_ERASE_NOOP,
};

struct sts_flash_op {
    uint8_t what; /* 'p', 'e', 's': program, erase, sync */
    uint32_t at;  /* address; sector */
    uint32_t len;
    uint32_t data; /* where in trace_data */
};

/* Steps of an erase: places within it where the power can go. */
#define STS_FLASH_ERASE_STEPS 4

struct sts_flash_sim {
    struct sts_flash flash; /* for the store */
    uint32_t size;          /* of the area */
    uint8_t *bytes;
    uint8_t *
        state; /* of each byte: 1 programmed since the last erase, 2 its cells are between two states */
    uint8_t *bad;     /* of each sector: enum sts_flash_bad */
    uint32_t *erased; /* how often each sector was */

    uint64_t reads, programs, programmed, erases, syncs; /* calls; bytes */
    uint64_t steps;  /* bytes programmed, and STS_FLASH_ERASE_STEPS for each erase */
    uint64_t cut_at; /* the step at which the power goes: that one is done in part. 0: never */
    bool off;        /* the power is gone: every call fails. Set it to false for the next start */
    bool dead;       /* every call fails (a driver that gives up waiting) */
    bool metastable; /* a cut leaves cells that read otherwise each time */
    uint32_t misuse; /* calls that break port.h */
    uint32_t seed;   /* of whatever is left to chance */

    bool tracing, journaling;
    struct sts_flash_op *trace;
    uint8_t *trace_data;
    size_t trace_len, trace_size, trace_bytes, trace_bytes_size;
    struct sts_flash_undo {
        uint32_t at;
        uint8_t byte, state;
    } * journal;
    size_t journal_len, journal_size;
};

/* Takes memory from the heap; all erased. false: a geometry that is no good, or no memory. */
bool sts_flash_sim_open(struct sts_flash_sim *f, uint32_t sector_size, uint32_t sectors,
                        uint32_t program_size);
void sts_flash_sim_close(struct sts_flash_sim *f);

/* Takes back what was done since the journal had that length. */
void sts_flash_sim_undo(struct sts_flash_sim *f, size_t journal_len);

/* Changes a byte as nothing but damage does. */
void sts_flash_sim_set(struct sts_flash_sim *f, uint32_t at, uint8_t byte);

/* Does steps from..to of an operation of the trace, as if the power went in the middle of step `to` - 1 when `torn`. */
void sts_flash_sim_part(struct sts_flash_sim *f, const struct sts_flash_op *op, const uint8_t *data,
                        uint32_t from, uint32_t to, bool torn);

/* Steps of it. */
uint32_t sts_flash_sim_steps(const struct sts_flash_op *op);

#ifdef __cplusplus
}
#endif
#endif
