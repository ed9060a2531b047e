/* SPDX-License-Identifier: MIT
 *
 * The two clocks of struct sts_time. clock_gettime() of libc, so that both can be seen through
 * `faketime`.
 */
#define _POSIX_C_SOURCE   200809L
#define _TIME_BITS        64 /* 2038 on 32-bit machines (C06) */
#define _FILE_OFFSET_BITS 64
#include <time.h>

#include <stsmail/posix.h>

void sts_posix_now(struct sts_time *now, int64_t not_before)
{
    struct timespec t = {0};

    *now = (struct sts_time){0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    /* In unsigned arithmetic: wraps after 49.7 days, as it may. */
    now->ms = (uint32_t)((uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u);
    if (clock_gettime(CLOCK_REALTIME, &t) == 0) {
        now->utc_s = (int64_t)t.tv_sec;
        now->trust = now->utc_s < not_before ? STS_CLOCK_UNSET : STS_CLOCK_OWNER;
    }
}
