/* SPDX-License-Identifier: MIT
 *
 * UTF-8, octet by octet: RFC 3629 section 4's grammar as three ranges.
 */
#include <stsmail/engine/utf8.h>

/* Only the first octet after E0, ED, F0 and F4 has a range of its own: that is where overlong
 * forms, surrogates and what lies above U+10FFFF would be. */
static bool first(struct sts_utf8 *u, uint8_t c)
{
    if (c < 0x80) {
        return true;
    }
    u->left = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
    u->low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    u->high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    return c >= 0xC2 && c <= 0xF4;
}

bool sts_utf8_next(struct sts_utf8 *u, uint8_t c)
{
    if (u->left == 0) {
        return first(u, c);
    }
    if (c < u->low || c > u->high) {
        return false;
    }
    u->left--;
    u->low = 0x80;
    u->high = 0xBF;
    return true;
}
