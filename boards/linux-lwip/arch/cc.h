/* SPDX-License-Identifier: MIT
 *
 * What lwIP wants to know of compiler and machine. It sees no header of the operating system here, as on a device,
 * so that its own names (struct timeval, fd_set) are the only ones.
 */
#ifndef BOARDS_LINUX_LWIP_ARCH_CC_H
#define BOARDS_LINUX_LWIP_ARCH_CC_H

#include <stdint.h>

#define LWIP_ERRNO_STDINCLUDE 1 /* <errno.h>: one for each thread */

typedef unsigned int sys_prot_t;

/* The kernel's generator: DNS ids, ports, and everything else that must not be guessed (D03). */
uint32_t board_random(void);
#define LWIP_RAND() board_random()

/* On standard error, since standard output is for results; then the program ends. */
void board_assert_failed(const char *what, const char *file, int line) __attribute__((noreturn));
#define LWIP_PLATFORM_ASSERT(what) board_assert_failed(what, __FILE__, __LINE__)

#endif
