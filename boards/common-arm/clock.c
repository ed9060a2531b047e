/* SPDX-License-Identifier: MIT
 *
 * SysTick counts milliseconds; struct sts_clock makes a calendar of it, once somebody says what time it is. Neither
 * chip has a clock that runs on a battery. A board with an RTC reads it at the start: clock_set(). A product
 * calls sts_clock_save() from its loop.
 */
#include "board.h"

#include <lwip/sys.h>

/* No time before this is believed: 2026-11-01 00:00:00 UTC, or SOURCE_DATE_EPOCH where that is later. */
#define RELEASE_DATE INT64_C(1793491200)
#ifndef STS_BUILD_EPOCH
#define STS_BUILD_EPOCH 0
#endif
#define BUILD_DATE (STS_BUILD_EPOCH > RELEASE_DATE ? STS_BUILD_EPOCH : RELEASE_DATE)

static volatile uint32_t *const systick = (volatile uint32_t *)0xe000e010; /* CSR, RVR, CVR */
static const volatile uint32_t *const interrupts = (const volatile uint32_t *)0xe000ed04; /* ICSR */
static volatile uint32_t ticks;

struct sts_clock calendar;

void systick_handler(void);
void systick_handler(void)
{
    ticks++;
}

void clock_init(void)
{
    systick[1] = BOARD_HZ / 1000u - 1u;
    systick[2] = 0;
    systick[0] = 7; /* processor clock, interrupt, on */
    clock_remember(NULL);
}

void clock_remember(const struct sts_store *store)
{
    (void)sts_clock_init(&calendar, store, BUILD_DATE);
}

uint32_t clock_ms(void)
{
    return ticks;
}

/* SysTick's interrupt waits to be served (ICSR, PENDSTSET). */
static uint32_t tick_pending(void)
{
    return *interrupts >> 26 & 1u;
}

/* The counter goes down. A tick may come between two reads, or have come and not been counted yet. At 0 it may belong
 * to either side of one (in QEMU), so that is not looked at. */
uint32_t clock_us(void)
{
    uint32_t before, pending, counter;

    do {
        before = ticks;
        pending = tick_pending();
        counter = systick[2];
    } while (counter == 0 || pending != tick_pending() || before != ticks);
    return (before + pending) * 1000u + (BOARD_HZ / 1000u - counter) * 1000u / (BOARD_HZ / 1000u);
}

u32_t sys_now(void)
{
    return ticks;
}

void clock_set(int64_t utc_s)
{
    (void)sts_clock_set(&calendar, utc_s, STS_CLOCK_OWNER, ticks);
}

void clock_now(struct sts_time *now)
{
    sts_clock_now(&calendar, ticks, now);
}

void clock_sleep(void)
{
    __asm__ volatile("wfi");
}
