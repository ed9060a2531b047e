/* SPDX-License-Identifier: MIT
 *
 * A pattern and a host name with '\n' between: against a matcher that counts dots, and case
 * changes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include <stsmail/policy.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static size_t label_end(const uint8_t *s, size_t len)
{
    size_t i = 0;

    while (i < len && s[i] != '.') {
        i++;
    }
    return i;
}

/* Label by label, from the left. */
static bool naive(const uint8_t *p, size_t p_len, const uint8_t *h, size_t h_len)
{
    bool first = true;

    if (h_len == 0) {
        return false;
    }
    for (;;) {
        size_t p_end = label_end(p, p_len), h_end = label_end(h, h_len);

        if (first && p_end < p_len && p_end == 1 && p[0] == '*') {
            if (h_end == 0) {
                return false;
            }
        } else if (p_end != h_end) {
            return false;
        } else {
            for (size_t i = 0; i < p_end; i++) {
                if (lower(p[i]) != lower(h[i])) {
                    return false;
                }
            }
        }
        if (p_end == p_len || h_end == h_len) {
            return p_end == p_len && h_end == h_len;
        }
        p += p_end + 1;
        p_len -= p_end + 1;
        h += h_end + 1;
        h_len -= h_end + 1;
        first = false;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *cut = size > 0 ? memchr(data, '\n', size) : NULL;
    char pattern[512], host[512];
    size_t p_len, h_len;
    bool got;

    if (cut == NULL || size > 512) {
        return 0;
    }
    p_len = (size_t)(cut - data);
    h_len = size - p_len - 1;
    memcpy(pattern, data, p_len);
    memcpy(host, cut + 1, h_len);
    got = sts_match(pattern, p_len, host, h_len);
    must(got == naive(data, p_len, cut + 1, h_len));
    for (size_t i = 0; i < p_len; i++) {
        pattern[i] = (char)lower((uint8_t)pattern[i]);
    }
    for (size_t i = 0; i < h_len; i++) {
        if (host[i] >= 'a' && host[i] <= 'z') {
            host[i] = (char)(host[i] - 32);
        }
    }
    must(sts_match(pattern, p_len, host, h_len) == got);
    if (sts_pattern_valid(pattern, p_len)) {
        must(p_len <= 255 && memchr(pattern + 1, '*', p_len - 1) == NULL);
        must(pattern[p_len - 1] != '.' && pattern[0] != '.');
    }
    return 0;
}
