/* SPDX-License-Identifier: MIT
 *
 * DNS messages, octet by octet, for the name servers of the tests (RFC 1035 4.1).
 */
#ifndef TESTS_UNIT_DNS_WIRE_H
#define TESTS_UNIT_DNS_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline size_t wire_put_name(uint8_t *out, const char *name)
{
    size_t n = 0;

    while (*name != '\0') {
        size_t len = strcspn(name, ".");

        out[n++] = (uint8_t)len;
        memcpy(out + n, name, len);
        n += len;
        name += len + (name[len] == '.');
    }
    out[n++] = 0;
    return n;
}

static inline void wire_put16(uint8_t *out, unsigned n)
{
    out[0] = (uint8_t)(n >> 8);
    out[1] = (uint8_t)n;
}

#endif
