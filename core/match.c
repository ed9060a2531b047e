/* SPDX-License-Identifier: MIT
 *
 * What a pattern says of a host name (RFC 8461 4.1).
 */
#include <stsmail/engine/text.h>
#include <stsmail/policy.h>

#include <string.h>

static bool is_wildcard(const char *pattern, size_t len)
{
    return len >= 2 && pattern[0] == '*' && pattern[1] == '.';
}

bool sts_match(const char *pattern, size_t pattern_len, const char *host, size_t host_len)
{
    if (is_wildcard(pattern, pattern_len)) {
        /* "*" takes the left-most label, which is not empty, and no more */
        const char *dot = host_len > 0 ? memchr(host, '.', host_len) : NULL;

        if (dot == NULL || dot == host) {
            return false;
        }
        host_len -= (size_t)(dot - host);
        host = dot;
        pattern++;
        pattern_len--;
    }
    return host_len > 0 && sts_same(pattern, pattern_len, host, host_len);
}

bool sts_policy_match(const struct sts_policy *policy, const char *host)
{
    const char *pattern = policy->mx;
    size_t host_len = sts_len(host);

    for (uint16_t i = 0; i < policy->mx_count; i++) {
        size_t len = sts_len(pattern);

        if (sts_match(pattern, len, host, host_len)) {
            return true;
        }
        pattern += len + 1;
    }
    return false;
}

bool sts_pattern_valid(const char *text, size_t len)
{
    if (is_wildcard(text, len)) {
        text += 2;
        len -= 2;
    }
    return sts_host_valid(text, len) && !sts_name_is_ipv4(text, len);
}
