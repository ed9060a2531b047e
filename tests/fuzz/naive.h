/* SPDX-License-Identifier: MIT
 *
 * Base64 and DER read in the plainest way, by the fuzz targets that compare.
 */
#ifndef STS_FUZZ_NAIVE_H
#define STS_FUZZ_NAIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool naive_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Up to the first character that is neither base64 nor blank. *clean: there was none but for the padding. */
static inline size_t naive_base64(const char *text, size_t len, uint8_t *out, bool *clean)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0, bits = 0, value = 0;

    for (size_t i = 0; i < len; i++) {
        const char *digit = text[i] == '\0' ? NULL : strchr(digits, text[i]);

        if (naive_blank(text[i])) {
            continue;
        }
        if (digit == NULL) {
            while (i < len && (text[i] == '=' || naive_blank(text[i]))) {
                i++;
            }
            *clean = i == len; /* padding ends it; behind any other character places mean nothing */
            break;
        }
        value = (value << 6 | (size_t)(digit - digits)) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (uint8_t)(value >> bits);
        }
    }
    return n;
}

/* The element at `at`: where its contents begin, and its end; 0: there is none that ends by `end`. */
static inline size_t naive_der_end(const uint8_t *p, size_t at, size_t end, size_t *in)
{
    size_t len, more;

    if (end - at < 2 || (p[at] & 31) == 31) {
        return 0;
    }
    len = p[at + 1];
    *in = at + 2;
    if (len > 127) {
        more = len - 128;
        if (more < 1 || more > 3 || end - *in < more) {
            return 0;
        }
        for (len = 0; more > 0; more--) {
            len = len * 256 + p[(*in)++];
        }
        if (len < 128) {
            return 0;
        }
    }
    return len <= end - *in ? *in + len : 0;
}

#endif
