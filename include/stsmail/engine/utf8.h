/* SPDX-License-Identifier: MIT
 *
 * Whether octets are UTF-8 (RFC 3629 4): one at a time, no overlong forms, no surrogates, nothing
 * above U+10FFFF.
 */
#ifndef STSMAIL_ENGINE_UTF8_H
#define STSMAIL_ENGINE_UTF8_H

#include <stdbool.h>
#include <stdint.h>

/* All zero at the start. The text may end where left is 0. */
struct sts_utf8 {
    uint8_t left;      /* octets that this character still needs */
    uint8_t low, high; /* range of the next of them */
};

/* Takes the next octet. false: the text is not UTF-8, and the state means nothing any more. */
bool sts_utf8_next(struct sts_utf8 *u, uint8_t c);

#endif
