/* SPDX-License-Identifier: MIT
 *
 * Two clocks: SysTick counts milliseconds, the debugger knows the date.
 */
#include "board.h"

#include <lwip/sys.h>

/* Certificates are never checked against a date before this: 2026-11-01 00:00:00 UTC. */
#define RELEASE_DATE INT64_C(1793491200)

static volatile uint32_t *const systick = (volatile uint32_t *)0xe000e010; /* CSR, RVR, CVR */
static volatile uint32_t ticks;
static int64_t start_s; /* the calendar at tick 0 */

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
    clock_set(semihost_time());
}

uint32_t clock_ms(void)
{
    return ticks;
}

/* The counter goes down; a tick may come between two reads. */
uint32_t clock_us(void)
{
    uint32_t before, counter;

    do {
        before = ticks;
        counter = systick[2];
    } while (before != ticks);
    return before * 1000u + (BOARD_HZ / 1000u - 1u - counter) * 1000u / (BOARD_HZ / 1000u);
}

u32_t sys_now(void)
{
    return ticks;
}

void clock_set(int64_t utc_s)
{
    start_s = utc_s - ticks / 1000u;
}

void clock_now(struct sts_time *now)
{
    now->ms = ticks;
    now->utc_s = start_s + ticks / 1000u;
    now->trust = now->utc_s < RELEASE_DATE ? STS_CLOCK_UNSET : STS_CLOCK_OWNER;
}

void clock_sleep(void)
{
    __asm__ volatile("wfi");
}
