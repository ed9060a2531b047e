/* SPDX-License-Identifier: MIT
 *
 * lwIP on a bare Cortex-M with gcc: no stdio, no locks, since everything runs in one loop.
 */
#ifndef BOARDS_COMMON_ARM_CC_H
#define BOARDS_COMMON_ARM_CC_H

#include <stdint.h>

uint32_t board_rand32(void);

#define BYTE_ORDER            LITTLE_ENDIAN
#define LWIP_RAND()           board_rand32()
#define LWIP_NO_CTYPE_H       1
#define LWIP_PLATFORM_DIAG(x) ((void)0)
#define LWIP_PLATFORM_ASSERT(x)                                                                    \
    do {                                                                                           \
        for (;;) {                                                                                 \
        }                                                                                          \
    } while (0)

#endif
