/* SPDX-License-Identifier: MIT
 *
 * Vector table and start-up of a Cortex-M. The stack is painted first, so that its high-water mark can be
 * read at the end; it lies at the bottom of RAM, so an overflow faults instead of writing over data.
 */
#include "board.h"

#define PAINT UINT32_C(0x5afe5afe)

extern uint32_t ld_stack_bottom[], ld_stack_top[];
extern uint32_t ld_data_start[], ld_data_end[], ld_bss_start[], ld_bss_end[];
extern const uint32_t ld_data_load[];

int main(void);
void reset_handler(void);
void systick_handler(void);

size_t stack_size(void)
{
    return (size_t)((char *)ld_stack_top - (char *)ld_stack_bottom);
}

size_t stack_peak(void)
{
    const uint32_t *at = ld_stack_bottom;

    while (at < ld_stack_top && *at == PAINT) {
        at++;
    }
    return (size_t)((const char *)ld_stack_top - (const char *)at);
}

/* Comes as the first thing, on the stack that it paints: everything below the stack pointer. */
void reset_handler(void)
{
    const uint32_t *from = ld_data_load, *here;

    __asm__ volatile("mov %0, sp" : "=r"(here));
    for (volatile uint32_t *at = ld_stack_bottom; at < here; at++) {
        *at = PAINT;
    }
    for (uint32_t *to = ld_data_start; to < ld_data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = ld_bss_start; to < ld_bss_end;) {
        *to++ = 0;
    }
    semihost_exit(main());
}

static void fault_handler(void)
{
    semihost_say("stsmail: processor fault\n");
    semihost_exit(70);
}

struct vectors {
    void *stack;
    void (*handlers[15])(void);
};

/* Interrupts of devices stay off: drivers are polled. */
extern const struct vectors vectors;
__attribute__((section(".vectors"), used)) const struct vectors vectors = {
    ld_stack_top,
    {reset_handler, fault_handler, fault_handler, fault_handler, fault_handler, fault_handler, NULL,
     NULL, NULL, NULL, fault_handler, fault_handler, NULL, fault_handler, systick_handler}};
