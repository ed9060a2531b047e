/* SPDX-License-Identifier: MIT
 *
 * When the next try of a message is due (RFC 5321 4.5.4.1): by the calendar, whatever the calendar does.
 */
#include <stsmail/engine/queue.h>

static const uint8_t minutes[] = {1, 5, 15, 30, 60};

uint32_t sts_queue_interval_s(uint32_t tries)
{
    const uint32_t last = sizeof minutes - 1;
    uint32_t place = tries > 0 ? tries - 1 : 0;

    return minutes[place < last ? place : last] * 60u;
}

uint32_t sts_queue_random(const struct sts_random *random, uint32_t n)
{
    uint32_t r;

    return random->fill(random->ctx, &r, sizeof r) == STS_OK ? r % n : n / 2;
}

uint32_t sts_queue_jittered_s(const struct sts_random *random, uint32_t tries)
{
    uint32_t s = sts_queue_interval_s(tries);

    return s - s / 5 + sts_queue_random(random, s / 5 * 2 + 1);
}

bool sts_queue_time_known(const struct sts_time *now)
{
    return now->trust != STS_CLOCK_UNSET && now->utc_s > 0 && now->utc_s <= STS_DATE_MAX;
}

/* Further ahead than the jitter can have put it, it was put there by a clock that has gone back since: waiting
 * for it might take years (C03). */
uint32_t sts_queue_ahead_ms(const struct sts_queue_entry *e, const struct sts_time *now)
{
    uint32_t s = sts_queue_interval_s(e->tries);
    int64_t ahead = e->next_try_at - now->utc_s;

    return ahead <= 0 || ahead > (int64_t)(s + s / 5) ? 0 : (uint32_t)ahead * 1000;
}
