/* SPDX-License-Identifier: MIT
 *
 * Linked into the program with --wrap: lwIP's pools have no room when FAIL_AT says so, from that allocation on for FAIL_FOR
 * of them; all pools but that of its timers, of which it knows when it is compiled how many it needs. At the end the
 * number of allocations goes to standard error.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lwip/memp.h"

void *__real_memp_malloc_fn(memp_t type, const char *file, int line);
void *__wrap_memp_malloc_fn(memp_t type, const char *file, int line);
void *__real_mem_malloc(size_t size);
void *__wrap_mem_malloc(size_t size);

static long at, for_how_many;
static _Atomic long count;

static void say_count(void)
{
    fprintf(stderr, "allocations: %ld\n", count);
}

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("FAIL_AT");

    at = text != NULL ? atol(text) : 0;
    text = getenv("FAIL_FOR");
    for_how_many = text != NULL ? atol(text) : 1;
    atexit(say_count);
}

static int fails(void)
{
    long n = ++count;

    return at > 0 && n >= at && n < at + for_how_many;
}

void *__wrap_memp_malloc_fn(memp_t type, const char *file, int line)
{
    return type != MEMP_SYS_TIMEOUT && fails() ? NULL : __real_memp_malloc_fn(type, file, line);
}

void *__wrap_mem_malloc(size_t size)
{
    return fails() ? NULL : __real_mem_malloc(size);
}
