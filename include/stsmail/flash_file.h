/* SPDX-License-Identifier: MIT
 *
 * A file as flash: an image of a device's flash for tools, or flash for a machine that has none. A program clears bits and
 * an erase sets them, as flash does; a new file is all erased.
 */
#ifndef STSMAIL_FLASH_FILE_H
#define STSMAIL_FLASH_FILE_H

#include <stsmail/port.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sts_flash_file {
    int fd;
    uint32_t sector_size;
};

/* Opens `path`, makes it or fills it up to sectors * sector_size bytes where it is shorter, and fills *flash; its geometry is
 * as port.h says. STS_OK, STS_ERR_ARG, STS_ERR_IO. */
int sts_flash_file_open(struct sts_flash_file *f, const char *path, uint32_t sector_size,
                        uint32_t sectors, uint32_t program_size, struct sts_flash *flash);
void sts_flash_file_close(struct sts_flash_file *f);

#ifdef __cplusplus
}
#endif
#endif
