/* SPDX-License-Identifier: MIT
 *
 * The three words in which unit tests are written, so that the same tests run under cmocka on the host
 * and, with STS_TEST_SMALL, under the small runner below where there is no cmocka: on a
 * microcontroller, on a big-endian machine.
 *
 *     TEST(reply_bare_code_is_accepted) { CHECK(...); }
 *     TEST_MAIN("reply")
 */
#ifndef STS_TEST_H
#define STS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct test_case {
    const char       *name;
    void            (*run)(void);
    struct test_case *next;
};

static struct test_case  *test_first;
static struct test_case **test_last = &test_first;

/* A test registers itself, so that none can be written and then forgotten in a list. */
#define TEST(title)                                                                                \
    static void             title(void);                                                           \
    static struct test_case title##_case = { #title, title, NULL };                                \
    __attribute__((constructor)) static void title##_add(void)                                     \
    {                                                                                              \
        *test_last = &title##_case;                                                                \
        test_last = &title##_case.next;                                                            \
    }                                                                                              \
    static void title(void)

/* A string literal, or an array, as pointer and length. */
#define BYTES(s) (const void *)(s), sizeof(s) - 1

#ifndef STS_TEST_SMALL

#include <cmocka.h>

#define CHECK(x) _assert_true(!!(x), #x, __FILE__, __LINE__)

static inline void test_call(void **state)
{
    ((struct test_case *)*state)->run();
}

static inline int test_main(const char *group)
{
    static struct CMUnitTest list[1024];
    size_t                   n = 0;

    for (struct test_case *t = test_first; t != NULL && n < 1024; t = t->next, n++) {
        list[n].name = t->name;
        list[n].test_func = test_call;
        list[n].initial_state = t;
    }
    return n == 0 || n == 1024 ? 1 : _cmocka_run_group_tests(group, list, n, NULL, NULL);
}

#else

static jmp_buf test_out;

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            printf("%s:%d: %s\n", __FILE__, __LINE__, #x);                                         \
            longjmp(test_out, 1);                                                                  \
        }                                                                                          \
    } while (0)

static inline bool test_one(const struct test_case *t)
{
    if (setjmp(test_out) != 0) {
        return false;
    }
    t->run();
    return true;
}

static inline int test_main(const char *group)
{
    int passed = 0, failed = 0;

    for (struct test_case *t = test_first; t != NULL; t = t->next) {
        if (test_one(t)) {
            passed++;
        } else {
            printf("[  FAILED  ] %s: %s\n", group, t->name);
            failed++;
        }
    }
    printf("%s: %d passed, %d failed\n", group, passed, failed);
    return failed != 0 || passed == 0;
}

#endif

#define TEST_MAIN(group)                                                                           \
    int main(void)                                                                                 \
    {                                                                                              \
        return test_main(group);                                                                   \
    }

#endif
