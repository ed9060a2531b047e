/* SPDX-License-Identifier: MIT
 *
 * Policy files: the same result whole, by octets and in pieces; what is accepted is what a policy
 * must be, and is the same after it was written and read again.
 */
#include <stdlib.h>
#include <string.h>

#include <stsmail/policy.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sts_policy whole, pieces;
static struct sts_policy_parser parser;

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static int read_pieces(struct sts_policy *policy, const uint8_t *data, size_t size, size_t piece)
{
    sts_policy_start(&parser, policy);
    for (size_t at = 0; at < size; at += piece) {
        (void)sts_policy_feed(&parser, data + at, size - at < piece ? size - at : piece);
        piece = piece > size ? size : piece;
    }
    return sts_policy_end(&parser);
}

static bool equal(const struct sts_policy *a, const struct sts_policy *b)
{
    return a->mode == b->mode && a->mx_count == b->mx_count && a->max_age_s == b->max_age_s &&
           a->mx_len == b->mx_len && memcmp(a->mx, b->mx, a->mx_len) == 0;
}

static void check_valid(const struct sts_policy *p)
{
    size_t bytes = 0;

    must(p->mode <= STS_MODE_ENFORCE && p->max_age_s <= STS_MAX_AGE_MAX);
    must(p->mode == STS_MODE_NONE || p->mx_count > 0 || p->cut);
    must(p->mx_len <= sizeof p->mx);
    for (size_t i = 0; i < p->mx_count; i++) {
        const char *mx = p->mx + bytes;
        size_t len = strlen(mx);

        must(i > 100 || mx == sts_policy_mx(p, i));
        must(sts_pattern_valid(mx, len));
        must(mx[0] == '*' || sts_policy_match(p, mx));
        for (size_t k = 0; k < len; k++) {
            must(mx[k] < 'A' || mx[k] > 'Z');
        }
        bytes += len + 1;
    }
    must(bytes == p->mx_len && sts_policy_mx(p, p->mx_count) == NULL);
}

static void check_round_trip(const struct sts_policy *p, size_t size)
{
    char buf[700];
    uint32_t at = 0;
    size_t n;

    sts_policy_start(&parser, &pieces);
    while ((n = sts_policy_write(p, &at, buf, size)) > 0) {
        must(n < size && sts_policy_feed(&parser, buf, n) == STS_OK);
    }
    must(sts_policy_end(&parser) == STS_OK && equal(p, &pieces) && !pieces.cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int result = read_pieces(&whole, data, size, SIZE_MAX);
    uint32_t line = parser.line;
    const char *reason = sts_policy_reason(&parser);

    must((result == STS_OK) == (reason[0] == '\0'));
    for (size_t piece = 1; piece < 8; piece += 3) {
        must(read_pieces(&pieces, data, size, piece) == result);
        must(parser.line == line && sts_policy_reason(&parser) == reason);
        must(result != STS_OK || (equal(&whole, &pieces) && whole.cut == pieces.cut));
    }
    if (result == STS_OK) {
        check_valid(&whole);
        check_round_trip(&whole, 300 + size % 400);
    }
    return 0;
}
