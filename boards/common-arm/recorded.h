/* SPDX-License-Identifier: MIT
 *
 * A network that was recorded once, for benches: everything that the other side said comes from flash, and what we say has
 * to be what we said then, to the last octet. With a fixed seed and a fixed date that makes a run the same every time.
 *
 * A recording is a row of records: a kind, a connection's number, a length (two octets, the low one first), and so
 * many octets.
 */
#ifndef BOARDS_COMMON_ARM_RECORDED_H
#define BOARDS_COMMON_ARM_RECORDED_H

#include <stdbool.h>
#include <stdint.h>

#include <stsmail/port.h>

enum recorded_kind {
    RECORDED_END = 0,
    RECORDED_DATE =
        'T', /* the date of all of it: seconds since 1970, four octets, the low one first */
    RECORDED_DATAGRAM =
        'D', /* an answer of the DNS; its id and the case of its name are the question's */
    RECORDED_OPEN = 'O',     /* a TCP connection, to this port (two octets) */
    RECORDED_SENT = 'S',     /* what we said on it */
    RECORDED_RECEIVED = 'R', /* what the peer said, once it had heard all of ours before */
    RECORDED_CLOSED = 'C',   /* the peer's end */
};

/* A network that says what stands at `recording`, which ends with RECORDED_END. */
void recorded_play(const uint8_t *recording, struct sts_net *out);

/* Whether everything that was sent so far was what was sent then. */
bool recorded_same(void);

/* The date of a recording. */
int64_t recorded_date(const uint8_t *recording);

/* A network that writes down, as lines on the UART, what is said through `under`. */
void recorded_write(const struct sts_net *under, int64_t date, struct sts_net *out);

#endif
