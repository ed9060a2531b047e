/* SPDX-License-Identifier: MIT
 *
 * ========================================================================================
 *   TEST ONLY. Neither chip that these boards emulate has a true random number generator, so
 *   the debugger's host is asked for every octet. A PRODUCT MUST REPLACE THIS FILE by its
 *   TRNG, or by a generator (SP 800-90A) seeded from one and from nothing else: a counter, a
 *   clock, a serial number or uninitialised RAM is no entropy. All keys of TLS, the ids and
 *   ports of DNS and lwIP's sequence numbers come from here; whoever can guess them can read
 *   and forge everything. Without a debugger this one fails, and then nothing is sent.
 * ========================================================================================
 */
#include "board.h"

static int fill(void *ctx, void *buf, size_t len)
{
    (void)ctx;
    return semihost_read("/dev/urandom", buf, len) ? STS_OK : STS_ERR_RANDOM;
}

const struct sts_random board_random = {NULL, fill};

uint32_t board_rand32(void)
{
    uint32_t n = 0;

    (void)fill(NULL, &n, sizeof n); /* lwIP knows no failure; the library asks again, and sees it */
    return n;
}
