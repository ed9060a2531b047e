/* SPDX-License-Identifier: MIT
 *
 * Flash in an array, for the simulator: fast, with the physics that a store must bear (bits only fall, units are programmed
 * once, what is cut or fails is undefined), and with rules whose breach is the store's mistake (F09).
 */
#ifndef STS_FAULTS_RAM_FLASH_H
#define STS_FAULTS_RAM_FLASH_H

#include "internet.h"

enum {
    RAM_FLASH_MAX = 131072,
    RAM_FLASH_ERASE_COST = 64, /* in programmed bytes, to the one who counts until a cut */
};

struct ram_flash {
    struct sts_flash port;
    uint32_t size;
    uint32_t cut_in; /* programmed bytes until the power goes; 0: it stays */
    uint64_t programmed, erases;
    void (*cut)(void);           /* does not return */
    uint8_t used[RAM_FLASH_MAX]; /* a unit's first byte: programmed since it was erased */
    uint8_t bytes[RAM_FLASH_MAX];
};

static struct ram_flash flash;

static inline void flash_rule(bool kept, const char *rule)
{
    if (!kept) {
        fflush(stdout);
        fprintf(stderr, "F09: %s\n", rule);
        abort();
    }
}

static inline int ram_flash_read(void *ctx, uint32_t at, void *buf, size_t len)
{
    int f = net_call(CALL_FLASH_READ);

    (void)ctx;
    flash_rule(at <= flash.size && len <= flash.size - at, "reads within the area");
    if (f != WORKS) {
        memset(buf, (int)net_random() & 0xff, len);
        return f;
    }
    memcpy(buf, flash.bytes + at, len);
    return STS_OK;
}

static inline void ram_flash_write(uint32_t at, const uint8_t *from, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        flash.bytes[at + i] &= from[i];
    }
}

/* The units behind the one in which a program of `len` bytes ended were not begun. */
static inline void ram_flash_untouched(uint32_t at, size_t done, size_t len)
{
    size_t behind = (done / flash.port.program_size + 1) * flash.port.program_size;

    if (behind < len) {
        memset(flash.used + at + behind, 0, len - behind);
    }
}

/* A unit that was cut and shows nothing counts as erased, as in port/flash/sim.c: nobody can tell it from one that is. */
static inline void ram_flash_unseen(size_t at)
{
    uint32_t unit = flash.port.program_size;

    for (uint32_t i = 0; i < unit; i++) {
        if (flash.bytes[at + i] != 0xff) {
            return;
        }
    }
    flash.used[at] = 0;
}

static inline int ram_flash_program(void *ctx, uint32_t at, const void *buf, size_t len)
{
    uint32_t unit = flash.port.program_size, sector = flash.port.sector_size;
    int f = net_call(CALL_FLASH_PROGRAM);
    size_t done = len;

    (void)ctx;
    flash_rule(len > 0 && at % unit == 0 && len % unit == 0, "whole units");
    flash_rule(at < flash.size && at / sector == (at + len - 1) / sector, "within one sector");
    for (size_t i = 0; i < len; i += unit) {
        flash_rule(flash.used[at + i] == 0, "a unit is programmed once");
        flash.used[at + i] = 1;
    }
    flash.programmed += len;
    if (flash.cut_in != 0 && flash.cut_in <= len) {
        done = flash.cut_in - 1;
        ram_flash_write(at, buf, done);
        flash.bytes[at + done] &= (uint8_t)(((const uint8_t *)buf)[done] | net_random()); /* torn */
        ram_flash_untouched(at, done, len);
        ram_flash_unseen(at + done / unit * unit);
        flash.cut_in = 0;
        flash.cut();
    }
    flash.cut_in -= flash.cut_in != 0 ? (uint32_t)len : 0;
    if (f != WORKS) {
        done = net_random() % (len + 1);
        ram_flash_untouched(at, done, len);
    }
    ram_flash_write(at, buf, done);
    return f == WORKS ? STS_OK : f;
}

/* An erase that did not come to its end: any bit may be anything, and nothing may be programmed there. */
static inline void ram_flash_spoil(uint32_t from)
{
    uint32_t sector = flash.port.sector_size;
    uint64_t kind = net_random() % 3;

    for (uint32_t i = 0; i < sector; i++) {
        uint8_t noise = (uint8_t)(kind == 0 ? 0xff : kind == 1 ? 0 : net_random());

        flash.bytes[from + i] |= noise;
    }
    memset(flash.used + from, 1, sector);
}

static inline int ram_flash_erase(void *ctx, uint32_t number)
{
    uint32_t sector = flash.port.sector_size, from = number * sector;
    int f = net_call(CALL_FLASH_ERASE);

    (void)ctx;
    flash_rule(number < flash.port.sectors, "erases within the area");
    flash.erases++;
    if (flash.cut_in != 0 && flash.cut_in <= RAM_FLASH_ERASE_COST) {
        ram_flash_spoil(from);
        flash.cut_in = 0;
        flash.cut();
    }
    flash.cut_in -= flash.cut_in != 0 ? (uint32_t)RAM_FLASH_ERASE_COST : 0;
    if (f != WORKS) {
        ram_flash_spoil(from);
        return f;
    }
    memset(flash.bytes + from, 0xff, sector);
    memset(flash.used + from, 0, sector);
    return STS_OK;
}

static inline int ram_flash_sync(void *ctx)
{
    int f = net_call(CALL_FLASH_SYNC);

    (void)ctx;
    return f == WORKS ? STS_OK : f;
}

/* A virgin one. */
static inline void ram_flash_start(uint32_t sector, uint32_t sectors, uint32_t unit,
                                   void (*cut)(void))
{
    flash.size = sector * sectors;
    if (flash.size > RAM_FLASH_MAX) {
        abort();
    }
    memset(flash.bytes, 0xff, flash.size);
    memset(flash.used, 0, flash.size);
    flash.cut_in = 0;
    flash.programmed = flash.erases = 0;
    flash.cut = cut;
    flash.port = (struct sts_flash){
        &flash,          sector,        sectors, unit, ram_flash_read, ram_flash_program,
        ram_flash_erase, ram_flash_sync};
}

#endif
