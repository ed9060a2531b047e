/* SPDX-License-Identifier: MIT
 *
 * The sum over what a store keeps.
 */
#ifndef STSMAIL_ENGINE_CRC_H
#define STSMAIL_ENGINE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 (ISO-HDLC: reflected, 0xEDB88320). Of several pieces: begin with 0, and give each call what the one before returned. */
uint32_t sts_crc32(uint32_t crc, const void *bytes, size_t len);

#endif
