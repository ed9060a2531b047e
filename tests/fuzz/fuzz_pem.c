/* SPDX-License-Identifier: MIT
 *
 * A CA file of any octets. Each certificate found in it is decoded once more in the plainest way; reading by places
 * gives the same octets from wherever it starts, however many at once. Where the text has other characters than base64
 * only the reading from its start, which is how a certificate is loaded, is held to that.
 */
#include "fuzz.h"
#include "naive.h"

#include "../../port/wolfssl/cert.h"

static void places(const struct sts_pem *b, const uint8_t *octets, size_t n)
{
    struct sts_place p;

    for (size_t at = 0, steps = 0; steps < 40; at = (p.tag & 0x20) != 0 ? p.in : p.end, steps++) {
        if (!sts_pem_place(b, at, &p)) {
            return;
        }
        MUST(at + 2 <= n && p.tag == octets[at] && p.at == at && p.in >= at + 2 && p.in <= at + 4);
        MUST(p.in <= n && p.end >= p.in && p.end - p.in <= 65535);
    }
}

static void certificate(const struct sts_pem *b, const char *text, const char *end)
{
    uint8_t *octets = malloc(b->len + 1), *some;
    bool clean = true;
    size_t n, step = b->len / 24 + 1;

    MUST(octets != NULL && b->text >= text && b->text <= end && b->len <= (size_t)(end - b->text));
    MUST(b->size <= b->len && b->size > 64);
    n = naive_base64(b->text, b->len, octets, &clean);
    MUST(n >= 2 && octets[0] == 0x30);
    for (size_t from = 0; from <= (clean ? n + 2 : 0); from += step) {
        static const size_t lengths[] = {0, 1, 2, 3, 4, 61, SIZE_MAX};

        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            size_t want = lengths[i] < n + 3 ? lengths[i] : n + 3;
            size_t left = from < n ? n - from : 0;

            some = malloc(want > 0 ? want : 1);
            MUST(some != NULL);
            MUST(sts_pem_copy(b, from, want, some) == (want < left ? want : left));
            MUST(memcmp(some, octets + from, want < left ? want : left) == 0 || left == 0);
            free(some);
        }
    }
    if (clean) {
        places(b, octets, n);
    }
    free(octets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = exact(data, size);
    const char *text = (const char *)copy, *end = text + size, *at = text, *before = text;
    struct sts_pem b;

    for (int i = 0; i < 8 && sts_pem_next(&at, end, &b); i++) {
        MUST(at > before && at <= end);
        before = at;
        certificate(&b, text, end);
    }
    free(copy);
    return 0;
}
