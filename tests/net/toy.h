/* SPDX-License-Identifier: MIT
 *
 * TLS as far as the network can tell: a client's hello, a flight of certificates, an end, then records that say how
 * long they are and can be checked. No cryptography.
 */
#ifndef TESTS_NET_TOY_H
#define TESTS_NET_TOY_H

#include <stddef.h>
#include <stdint.h>

enum {
    TOY_HELLO = 220,
    TOY_FLIGHT = 2600,
    TOY_FINISH = 40,
    TOY_PAYLOAD = 600,
    TOY_RECORD = TOY_PAYLOAD + 4,
    TOY_DATA = 0x17, /* as the record types of TLS */
    TOY_END = 0x15,
};

/* The n-th octet of a handshake message. */
static inline uint8_t toy_octet(size_t message, size_t n)
{
    return (uint8_t)(n == 0 ? 0x16 : message + n * 7 + n / 251);
}

static inline uint8_t toy_sum(const uint8_t *p, size_t n)
{
    uint8_t sum = 1;

    while (n-- > 0) {
        sum = (uint8_t)(sum * 5 + *p++);
    }
    return sum;
}

/* Makes a record of n <= TOY_PAYLOAD octets; returns its size. */
static inline size_t toy_make(uint8_t *out, uint8_t type, const void *data, size_t n)
{
    out[0] = type;
    out[1] = (uint8_t)(n >> 8);
    out[2] = (uint8_t)n;
    for (size_t i = 0; i < n; i++) {
        out[3 + i] = ((const uint8_t *)data)[i] ^ 0x5a;
    }
    out[3 + n] = toy_sum(out, 3 + n);
    return n + 4;
}

/* Opens the record at the start of in. Returns its size, 0 while there is not all of it, -1 where it is none. *n octets go to
 * out, whose size is TOY_PAYLOAD. */
static inline int toy_open(const uint8_t *in, size_t len, uint8_t *out, size_t *n)
{
    size_t size = len >= 3 ? (size_t)(in[1] << 8 | in[2]) : 0;

    if (len < 3 || len < size + 4) {
        return size > TOY_PAYLOAD ? -1 : 0;
    }
    if (size > TOY_PAYLOAD || toy_sum(in, 3 + size) != in[3 + size]) {
        return -1;
    }
    for (size_t i = 0; i < size; i++) {
        out[i] = in[3 + i] ^ 0x5a;
    }
    *n = size;
    return (int)size + 4;
}

#endif
