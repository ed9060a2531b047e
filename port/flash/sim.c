/* SPDX-License-Identifier: MIT
 *
 * Flash in memory: see flash_sim.h.
 */
#include <stdlib.h>
#include <string.h>

#include <stsmail/flash_sim.h>

#define PROGRAMMED 1u
#define WEAK       2u
#define MARGIN     8u /* bytes before a cut whose cells are weak too */

static uint32_t chance(struct sts_flash_sim *f)
{
    f->seed ^= f->seed << 13;
    f->seed ^= f->seed >> 17;
    f->seed ^= f->seed << 5;
    return f->seed;
}

static void *grow(void *old, size_t *size, size_t need, size_t each)
{
    size_t n = *size == 0 ? 256 : *size;
    void *p = old;

    while (n < need) {
        n *= 2;
    }
    if (n != *size) {
        p = realloc(old, n * each);
        if (p == NULL) {
            abort();
        }
        *size = n;
    }
    return p;
}

static void change(struct sts_flash_sim *f, uint32_t at, uint8_t byte, uint8_t state)
{
    if (f->bytes[at] == byte && f->state[at] == state) {
        return;
    }
    if (f->journaling) {
        f->journal = grow(f->journal, &f->journal_size, f->journal_len + 1, sizeof *f->journal);
        f->journal[f->journal_len++] = (struct sts_flash_undo){at, f->bytes[at], f->state[at]};
    }
    f->bytes[at] = byte;
    f->state[at] = state;
}

void sts_flash_sim_undo(struct sts_flash_sim *f, size_t journal_len)
{
    while (f->journal_len > journal_len) {
        const struct sts_flash_undo *u = &f->journal[--f->journal_len];

        f->bytes[u->at] = u->byte;
        f->state[u->at] = u->state;
    }
}

void sts_flash_sim_set(struct sts_flash_sim *f, uint32_t at, uint8_t byte)
{
    change(f, at, byte, f->state[at] | PROGRAMMED);
}

static void write_down(struct sts_flash_sim *f, uint8_t what, uint32_t at, const void *buf,
                       uint32_t len)
{
    if (!f->tracing) {
        return;
    }
    f->trace = grow(f->trace, &f->trace_size, f->trace_len + 1, sizeof *f->trace);
    f->trace[f->trace_len++] = (struct sts_flash_op){what, at, len, (uint32_t)f->trace_bytes};
    if (buf != NULL) {
        f->trace_data = grow(f->trace_data, &f->trace_bytes_size, f->trace_bytes + len, 1);
        memcpy(f->trace_data + f->trace_bytes, buf, len);
        f->trace_bytes += len;
    }
}

uint32_t sts_flash_sim_steps(const struct sts_flash_op *op)
{
    return op->what == 'p' ? op->len : op->what == 'e' ? STS_FLASH_ERASE_STEPS : 0;
}

/* ---- parts of operations ------------------------------------------------------------------- */

static void program_part(struct sts_flash_sim *f, uint32_t at, const uint8_t *data, uint32_t from,
                         uint32_t to, bool torn)
{
    for (uint32_t i = from; i < to; i++) {
        uint8_t byte = f->bytes[at + i] & data[i];

        if (torn && i + 1 == to) {
            byte = f->bytes[at + i] & (uint8_t)(data[i] | chance(f));
        }
        change(f, at + i, byte, PROGRAMMED);
    }
    for (uint32_t i = to > MARGIN ? to - MARGIN : 0; torn && f->metastable && i < to; i++) {
        change(f, at + i, f->bytes[at + i], PROGRAMMED | WEAK);
    }
    /* What looks erased at the end of what was cut counts as erased: nobody can tell it from that. */
    for (uint32_t i = to; torn && i > 0; i--) {
        uint8_t state = f->state[at + i - 1];

        if (f->bytes[at + i - 1] == 0xff) {
            change(f, at + i - 1, 0xff, state & WEAK);
        } else if ((state & WEAK) == 0) {
            break;
        }
    }
}

/* An erase: nothing yet, half the sector, every cell at random, all but a few cells. */
static void erase_part(struct sts_flash_sim *f, uint32_t sector, uint32_t to, bool torn)
{
    uint32_t size = f->flash.sector_size, at = sector * size;
    uint8_t weak = f->metastable ? WEAK : 0;

    if (to == 0 || (torn && to == 1)) {
        return;
    }
    for (uint32_t i = 0; i < size; i++) {
        uint8_t byte = f->bytes[at + i];

        if (!torn && to == STS_FLASH_ERASE_STEPS) {
            change(f, at + i, 0xff, 0);
        } else if (to == 2) {
            if (i < size / 2) {
                change(f, at + i, 0xff, PROGRAMMED | weak);
            }
        } else if (to == 3) {
            change(f, at + i, byte | (uint8_t)chance(f), PROGRAMMED | weak);
        } else {
            change(f, at + i, i % 61 == 0 ? byte | (uint8_t)chance(f) : 0xff, PROGRAMMED | weak);
        }
    }
}

void sts_flash_sim_part(struct sts_flash_sim *f, const struct sts_flash_op *op, const uint8_t *data,
                        uint32_t from, uint32_t to, bool torn)
{
    if (op->what == 'p') {
        uint8_t bad = f->bad[op->at / f->flash.sector_size];
        uint32_t most = bad == STS_FLASH_PROG_NOOP    ? 0
                        : bad == STS_FLASH_PROG_ERROR ? op->len / 2
                                                      : op->len;

        program_part(f, op->at, data, from, to < most ? to : most, torn && to <= most);
    } else if (op->what == 'e' && f->bad[op->at] != STS_FLASH_ERASE_NOOP &&
               f->bad[op->at] != STS_FLASH_ERASE_ERROR) {
        erase_part(f, op->at, to, torn);
    }
}

/* Steps of an operation of n that are done before the power goes, which may be all. */
static uint32_t power(struct sts_flash_sim *f, uint32_t n)
{
    uint64_t before = f->steps;

    f->steps += n;
    if (f->cut_at == 0 || f->steps < f->cut_at) {
        return n;
    }
    f->off = true;
    return f->cut_at > before ? (uint32_t)(f->cut_at - before) : 0;
}

/* ---- the driver ---------------------------------------------------------------------------- */

static bool within(struct sts_flash_sim *f, uint32_t at, size_t len)
{
    if (at <= f->size && len <= f->size - at) {
        return true;
    }
    f->misuse++;
    return false;
}

static int sim_read(void *ctx, uint32_t at, void *buf, size_t len)
{
    struct sts_flash_sim *f = ctx;
    uint8_t *to = buf;

    f->reads++;
    if (f->off || f->dead || !within(f, at, len)) {
        return STS_ERR_IO;
    }
    for (uint32_t s = at / f->flash.sector_size;
         len > 0 && s <= (at + len - 1) / f->flash.sector_size; s++) {
        if (f->bad[s] == STS_FLASH_READ_ERROR) {
            return STS_ERR_IO;
        }
    }
    memcpy(buf, f->bytes + at, len);
    for (size_t i = 0; f->metastable && i < len; i++) {
        if ((f->state[at + i] & WEAK) != 0) {
            to[i] ^= (uint8_t)(chance(f) & chance(f) & chance(f));
        }
    }
    return STS_OK;
}

/* Whether port.h allows to program there. */
static bool may_program(struct sts_flash_sim *f, uint32_t at, size_t len)
{
    uint32_t unit = f->flash.program_size, sector = f->flash.sector_size;

    if (!within(f, at, len)) {
        return false;
    }
    if (len == 0 || at % unit != 0 || len % unit != 0 || at % sector + len > sector) {
        f->misuse++;
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        /* What reads as erased, and is not, only shows when it is read back. */
        if (f->state[at + i] == PROGRAMMED && f->bad[at / sector] != STS_FLASH_ERASE_NOOP) {
            f->misuse++;
            return false;
        }
    }
    return true;
}

static int sim_program(void *ctx, uint32_t at, const void *buf, size_t len)
{
    struct sts_flash_sim *f = ctx;
    struct sts_flash_op op;
    uint32_t done;

    f->programs++;
    if (f->off || f->dead || !may_program(f, at, len)) {
        return STS_ERR_IO;
    }
    write_down(f, 'p', at, buf, (uint32_t)len);
    f->programmed += len;
    done = power(f, (uint32_t)len);
    op = (struct sts_flash_op){'p', at, (uint32_t)len, 0};
    sts_flash_sim_part(f, &op, buf, 0, done, f->off);
    return f->off || f->bad[at / f->flash.sector_size] == STS_FLASH_PROG_ERROR ? STS_ERR_IO
                                                                               : STS_OK;
}

static int sim_erase(void *ctx, uint32_t sector)
{
    struct sts_flash_sim *f = ctx;
    struct sts_flash_op op = {'e', sector, 0, 0};
    uint32_t done;

    if (f->off || f->dead) {
        return STS_ERR_IO;
    }
    if (sector >= f->flash.sectors) {
        f->misuse++;
        return STS_ERR_IO;
    }
    write_down(f, 'e', sector, NULL, 0);
    f->erases++;
    f->erased[sector]++;
    done = power(f, STS_FLASH_ERASE_STEPS);
    sts_flash_sim_part(f, &op, NULL, 0, done, f->off);
    return f->off || f->bad[sector] == STS_FLASH_ERASE_ERROR ? STS_ERR_IO : STS_OK;
}

static int sim_sync(void *ctx)
{
    struct sts_flash_sim *f = ctx;

    if (f->off || f->dead) {
        return STS_ERR_IO;
    }
    write_down(f, 's', 0, NULL, 0);
    f->syncs++;
    return STS_OK;
}

bool sts_flash_sim_open(struct sts_flash_sim *f, uint32_t sector_size, uint32_t sectors,
                        uint32_t program_size)
{
    *f = (struct sts_flash_sim){
        .flash = {f, sector_size, sectors, program_size, sim_read, sim_program, sim_erase,
                  sim_sync},
        .size = sector_size * sectors,
        .seed = 1,
    };
    if (f->size / sectors != sector_size) {
        return false;
    }
    f->bytes = malloc(f->size);
    f->state = calloc(f->size, 1);
    f->bad = calloc(sectors, 1);
    f->erased = calloc(sectors, sizeof *f->erased);
    if (f->bytes == NULL || f->state == NULL || f->bad == NULL || f->erased == NULL) {
        sts_flash_sim_close(f);
        return false;
    }
    memset(f->bytes, 0xff, f->size);
    return true;
}

void sts_flash_sim_close(struct sts_flash_sim *f)
{
    free(f->bytes);
    free(f->state);
    free(f->bad);
    free(f->erased);
    free(f->trace);
    free(f->trace_data);
    free(f->journal);
    memset(f, 0, sizeof *f);
}
