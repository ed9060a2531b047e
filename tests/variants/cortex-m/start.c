/* SPDX-License-Identifier: MIT
 *
 * A unit test on a bare Cortex-M3: vectors, then main(). newlib's semihosting library does the printing. QEMU loads
 * every section to where it runs, and its memory begins as zeros, so there is nothing to copy or to clear.
 */
#include <stddef.h>
#include <stdlib.h>

extern char ld_stack_top[], ld_heap[], ld_heap_end[];

int main(void);
void initialise_monitor_handles(void);
void __libc_init_array(void);
void _init(void);
void _fini(void);
void reset_handler(void);
void *_sbrk(ptrdiff_t n);

/* newlib wants them, and there is nothing for them to do. */
void _init(void) {}
void _fini(void) {}

/* For malloc: newlib's own looks for the stack above the heap. */
void *_sbrk(ptrdiff_t n)
{
    static char *top = ld_heap;
    char *old = top;

    if (n > ld_heap_end - top) {
        return (void *)-1;
    }
    top += n;
    return old;
}

void reset_handler(void)
{
    initialise_monitor_handles();
    __libc_init_array(); /* the tests register themselves */
    exit(main());
}

/* A fault ends the run, and the run fails. */
static void fault_handler(void)
{
    _Exit(70);
}

struct vectors {
    void *stack;
    void (*handlers[15])(void);
};
extern const struct vectors vectors;
__attribute__((section(".vectors"), used)) const struct vectors vectors = {
    ld_stack_top,
    {reset_handler, fault_handler, fault_handler, fault_handler, fault_handler, fault_handler, NULL,
     NULL, NULL, NULL, fault_handler, fault_handler, NULL, fault_handler, fault_handler}};
