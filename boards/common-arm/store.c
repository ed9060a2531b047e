/* SPDX-License-Identifier: MIT
 *
 * What outlives a reset. QEMU cannot program these chips' flash, so a file of the host stands for it (--flash FILE): it is there
 * again after QEMU was killed, as flash is after a power cut. A product has a driver in its place that does the same three
 * things to real flash; the rest stays.
 */
#include "board.h"

#if BOARD_STORE

#include <string.h>

#include <stsmail/flash_store.h>

#define SECTOR  4096u
#define SECTORS 16u
#define PIECE   16u /* bytes written at once: a cut can come between any two */

static uint32_t file;
static struct sts_flash_store flash_log;
static struct sts_flash_handle one, two;
static struct sts_store policies, messages;
#if BOARD_TLSRPT
static struct sts_flash_handle three;
static struct sts_store counts;
#endif

/* ---- the driver ------------------------------------------------------------------------------- */

static int flash_read(void *ctx, uint32_t at, void *buf, size_t len)
{
    (void)ctx;
    return semihost_seek(file, at) && semihost_get(file, buf, len) == len ? STS_OK : STS_ERR_IO;
}

static int flash_program(void *ctx, uint32_t at, const void *buf, size_t len)
{
    const uint8_t *from = buf;

    (void)ctx;
    if (!semihost_seek(file, at)) {
        return STS_ERR_IO;
    }
    while (len > 0) {
        size_t n = len < PIECE ? len : PIECE;

        if (!semihost_put(file, from, n)) {
            return STS_ERR_IO;
        }
        from += n;
        len -= n;
    }
    return STS_OK;
}

static int flash_erase(void *ctx, uint32_t sector)
{
    uint8_t erased[PIECE];

    memset(erased, 0xff, sizeof erased);
    for (uint32_t at = 0; at < SECTOR; at += PIECE) {
        int error = flash_program(ctx, sector * SECTOR + at, erased, sizeof erased);

        if (error != STS_OK) {
            return error;
        }
    }
    return STS_OK;
}

static const struct sts_flash flash = {
    NULL, SECTOR, SECTORS, 1, flash_read, flash_program, flash_erase, NULL,
};

/* A file that is not there yet, or not whole, is flash as it comes from the factory. */
static bool open_file(const char *name)
{
    if (semihost_open_to_write(name, false, &file)) {
        if (semihost_length(file) == SECTOR * SECTORS) {
            return true;
        }
        semihost_close(file);
    }
    if (!semihost_open_to_write(name, true, &file)) {
        return false;
    }
    for (uint32_t s = 0; s < SECTORS; s++) {
        if (flash_erase(NULL, s) != STS_OK) {
            return false;
        }
    }
    return true;
}

/* ---- the store on it ---------------------------------------------------------------------------- */

const struct sts_store *store_start(void)
{
    int error;

    if (args.flash == NULL) {
        return NULL;
    }
    if (!open_file(args.flash)) {
        refuse(0, "the flash cannot be used; nothing is kept: ", args.flash);
        return NULL;
    }
    error = sts_flash_store_mount(&flash_log, &flash);
    if (error != STS_OK) {
        refuse(0, "the flash cannot be used; nothing is kept: ",
               error == STS_ERR_SYNTAX ? "a newer version wrote it" : sts_err_text(error));
        return NULL;
    }
    sts_flash_store_handle(&flash_log, &one, &policies);
    sts_flash_store_handle(&flash_log, &two, &messages);
#if BOARD_TLSRPT
    sts_flash_store_handle(&flash_log, &three, &counts);
#endif
    return &policies;
}

const struct sts_store *store_for_messages(void)
{
    return &messages;
}

#if BOARD_TLSRPT
const struct sts_store *store_for_reports(void)
{
    return counts.read != NULL ? &counts : NULL;
}
#endif

#endif
