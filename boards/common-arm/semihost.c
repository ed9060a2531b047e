/* SPDX-License-Identifier: MIT
 *
 * Arm semihosting: what a debugger, or QEMU, does for the program ("Semihosting for AArch32 and AArch64",
 * 5 and 6). Without a debugger the breakpoint is a fault, so a product leaves this file out.
 */
#include "board.h"

#include <string.h>

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE0 = 0x04,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_SEEK = 0x0a,
    SYS_FLEN = 0x0c,
    SYS_GET_CMDLINE = 0x15,
    SYS_EXIT_EXTENDED = 0x20,
};

#define APPLICATION_EXIT 0x20026u /* ADP_Stopped_ApplicationExit */

static uint32_t call(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;

    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

bool semihost_arguments(char *out, size_t size)
{
    uint32_t block[2] = {(uint32_t)(uintptr_t)out, (uint32_t)size};

    return call(SYS_GET_CMDLINE, block) == 0 && memchr(out, '\0', size) != NULL;
}

void semihost_say(const char *text)
{
    (void)call(SYS_WRITE0, text);
}

bool semihost_open(const char *file, uint32_t *handle)
{
    uint32_t name[3] = {(uint32_t)(uintptr_t)file, 1 /* "rb" */, (uint32_t)strlen(file)};

    *handle = call(SYS_OPEN, name);
    return *handle != UINT32_MAX;
}

bool semihost_open_to_write(const char *file, bool anew, uint32_t *handle)
{
    uint32_t name[3] = {(uint32_t)(uintptr_t)file, anew ? 7 /* "w+b" */ : 3 /* "r+b" */,
                        (uint32_t)strlen(file)};

    *handle = call(SYS_OPEN, name);
    return *handle != UINT32_MAX;
}

uint32_t semihost_length(uint32_t handle)
{
    return call(SYS_FLEN, &handle);
}

bool semihost_seek(uint32_t handle, uint32_t at)
{
    uint32_t block[2] = {handle, at};

    return call(SYS_SEEK, block) == 0;
}

bool semihost_rewind(uint32_t handle)
{
    return semihost_seek(handle, 0);
}

bool semihost_put(uint32_t handle, const void *buf, size_t size)
{
    uint32_t block[3] = {handle, (uint32_t)(uintptr_t)buf, (uint32_t)size};

    return call(SYS_WRITE, block) == 0;
}

size_t semihost_get(uint32_t handle, void *buf, size_t size)
{
    uint32_t block[3] = {handle, (uint32_t)(uintptr_t)buf, (uint32_t)size};
    uint32_t missing = call(SYS_READ, block);

    return missing <= size ? size - missing : 0;
}

void semihost_close(uint32_t handle)
{
    (void)call(SYS_CLOSE, &handle);
}

bool semihost_read(const char *file, void *buf, size_t len)
{
    uint32_t handle;
    size_t got;

    if (!semihost_open(file, &handle)) {
        return false;
    }
    got = semihost_get(handle, buf, len);
    semihost_close(handle);
    return got == len;
}

void semihost_exit(int status)
{
    uint32_t block[2] = {APPLICATION_EXIT, (uint32_t)status};

    for (;;) {
        (void)call(SYS_EXIT_EXTENDED, block);
    }
}
