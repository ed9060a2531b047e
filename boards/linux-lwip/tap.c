/* SPDX-License-Identifier: MIT
 *
 * The TAP device, and what else lwIP needs of Linux: random numbers, and an end when an assertion fails.
 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "arch/cc.h"

int tap_open(const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd, error;

    if (name[0] == '\0' || strlen(name) >= sizeof request.ifr_name) {
        errno = EINVAL;
        return -1;
    }
    strcpy(request.ifr_name, name);
    fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) != 0) {
        error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

int32_t tap_read(int fd, void *frame, uint32_t size)
{
    ssize_t n;

    do {
        n = read(fd, frame, size);
    } while (n < 0 && errno == EINTR);
    return (int32_t)n;
}

int tap_write(int fd, const void *frame, uint32_t len)
{
    return write(fd, frame, len) == (ssize_t)len;
}

uint32_t board_random(void)
{
    uint32_t value;

    /* Without a flag it waits until the generator is seeded, and does not fail from then on. */
    while (getrandom(&value, sizeof value, 0) != sizeof value) {
        if (errno != EINTR) {
            board_assert_failed("random numbers", __FILE__, __LINE__);
        }
    }
    return value;
}

void board_assert_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "stsmail: lwIP: %s (%s:%d)\n", what, file, line);
    abort();
}
