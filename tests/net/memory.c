/* SPDX-License-Identifier: MIT
 *
 * The device's lwIP has pools of the size that the seed says, whose n-th allocation fails. Linked with --wrap; the memory itself
 * is malloc's, so that ASan sees what is used after its end. lwIP's timers are left alone: it counts them when it is compiled.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lwip/mem.h>
#include <lwip/memp.h>

#include "net.h"

void *__real_memp_malloc(memp_t type);
void *__wrap_memp_malloc(memp_t type);
void __real_memp_free(memp_t type, void *p);
void __wrap_memp_free(memp_t type, void *p);
void *__real_mem_malloc(mem_size_t size);
void *__wrap_mem_malloc(mem_size_t size);
void __real_mem_free(void *p);
void __wrap_mem_free(void *p);

long memory_fail_at, memory_fail_for, memory_count;

static unsigned used[MEMP_MAX], used_before[MEMP_MAX];
static size_t heap, heap_before;
static bool in_memp;

static bool fails(void)
{
    memory_count++;
    return memory_fail_at > 0 && memory_count >= memory_fail_at &&
           memory_count - memory_fail_at < memory_fail_for;
}

static unsigned most(memp_t type)
{
    switch (type) {
    case MEMP_PBUF_POOL: return plan.pbufs;
    case MEMP_TCP_PCB: return plan.pcbs;
    case MEMP_TCP_SEG: return plan.segments;
    case MEMP_UDP_PCB: return plan.udp;
    default: return 16;
    }
}

void *__wrap_memp_malloc(memp_t type)
{
    void *p;

    if (type != MEMP_SYS_TIMEOUT && (fails() || used[type] >= most(type))) {
        return NULL;
    }
    in_memp = true;
    p = __real_memp_malloc(type);
    in_memp = false;
    used[type]++;
    return p;
}

void __wrap_memp_free(memp_t type, void *p)
{
    used[type] -= p != NULL;
    in_memp = true;
    __real_memp_free(type, p);
    in_memp = false;
}

void *__wrap_mem_malloc(mem_size_t size)
{
    void *p;

    if (!in_memp && (fails() || heap + size > plan.heap)) {
        return NULL;
    }
    p = __real_mem_malloc(size);
    heap += in_memp ? 0 : malloc_usable_size(p);
    return p;
}

void __wrap_mem_free(void *p)
{
    heap -= in_memp ? 0 : malloc_usable_size(p);
    __real_mem_free(p);
}

void memory_baseline(void)
{
    memcpy(used_before, used, sizeof used);
    heap_before = heap;
}

bool memory_is_baseline(void)
{
    for (int i = 0; i < MEMP_MAX; i++) {
        if (i != MEMP_SYS_TIMEOUT && used[i] != used_before[i]) {
            return false;
        }
    }
    return heap == heap_before;
}

void memory_say(void)
{
    for (int i = 0; i < MEMP_MAX; i++) {
        if (used[i] != used_before[i]) {
            printf("pool %d: %u, before %u\n", i, used[i], used_before[i]);
        }
    }
    printf("heap: %zu, before %zu\n", heap, heap_before);
}
