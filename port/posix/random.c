/* SPDX-License-Identifier: MIT
 *
 * Random numbers from the kernel.
 */
#include <errno.h>
#include <sys/random.h>

#include <stsmail/posix.h>

static int fill(void *ctx, void *buf, size_t len)
{
    uint8_t *at = buf;

    (void)ctx;
    while (len > 0) {
        ssize_t n = getrandom(at, len, GRND_NONBLOCK); /* a port may not block */

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return STS_ERR_RANDOM;
        }
        at += n;
        len -= (size_t)n;
    }
    return STS_OK;
}

const struct sts_random sts_posix_random = {.fill = fill};
