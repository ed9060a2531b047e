/* SPDX-License-Identifier: MIT
 *
 * lwIP on a bare chip with gcc.
 */
#ifndef TESTS_CHIPS_CC_H
#define TESTS_CHIPS_CC_H

#include <stdint.h>

uint32_t chip_random(void);

#define LWIP_RAND()             chip_random()
#define LWIP_NO_CTYPE_H         1
#define LWIP_PLATFORM_DIAG(x)   ((void)0)
#define LWIP_PLATFORM_ASSERT(x) ((void)0)

#endif
