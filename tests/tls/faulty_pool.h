/* SPDX-License-Identifier: MIT
 *
 * Every taking of memory in the TLS port and in wolfSSL asks fails() first, which who includes this writes: linked with
 * -Wl,--wrap=sts_pool_take,--wrap=sts_wolfssl_malloc,--wrap=sts_wolfssl_realloc.
 */
#ifndef TESTS_TLS_FAULTY_POOL_H
#define TESTS_TLS_FAULTY_POOL_H

#include <stsmail/wolfssl.h>

static bool fails(void);

void *__real_sts_pool_take(struct sts_wolfssl_pool *p, size_t size);
void *__wrap_sts_pool_take(struct sts_wolfssl_pool *p, size_t size);
void *__real_sts_wolfssl_malloc(size_t size, void *heap, int type);
void *__wrap_sts_wolfssl_malloc(size_t size, void *heap, int type);
void *__real_sts_wolfssl_realloc(void *ptr, size_t size, void *heap, int type);
void *__wrap_sts_wolfssl_realloc(void *ptr, size_t size, void *heap, int type);

void *__wrap_sts_pool_take(struct sts_wolfssl_pool *p, size_t size)
{
    return fails() ? NULL : __real_sts_pool_take(p, size);
}

void *__wrap_sts_wolfssl_malloc(size_t size, void *heap, int type)
{
    return fails() ? NULL : __real_sts_wolfssl_malloc(size, heap, type);
}

void *__wrap_sts_wolfssl_realloc(void *ptr, size_t size, void *heap, int type)
{
    return fails() ? NULL : __real_sts_wolfssl_realloc(ptr, size, heap, type);
}

#endif
