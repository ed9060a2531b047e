/* SPDX-License-Identifier: MIT
 *
 * lwIP inside of a test on the host: its asserts end the test, its memory can run out when the test says so.
 */
#ifndef TESTS_BOARDS_CC_H
#define TESTS_BOARDS_CC_H

#include <stddef.h>
#include <stdint.h>

uint32_t link_rand(void);
void *link_malloc(size_t size);
void *link_calloc(size_t n, size_t size);
void link_free(void *p);
_Noreturn void link_assert(const char *what);

#define LWIP_RAND()             link_rand()
#define LWIP_PLATFORM_DIAG(x)   ((void)0)
#define LWIP_PLATFORM_ASSERT(x) link_assert(x)
#define MEM_CUSTOM_MALLOC       link_malloc
#define MEM_CUSTOM_CALLOC       link_calloc
#define MEM_CUSTOM_FREE         link_free

#endif
