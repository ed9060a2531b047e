/* SPDX-License-Identifier: MIT
 *
 * HTTP answers: read whole, one octet at a time and in odd pieces they come to the same end, which is that of the
 * naive reader of the unit tests; and a refusal always has a reason. The first octet says how the stream
 * ends.
 */
#include <stsmail/engine/http.h>

#include <stdlib.h>

#include "../unit/naive_http.h"

#define MAX 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool x)
{
    if (!x) {
        abort();
    }
}

static int run(const uint8_t *b, size_t len, size_t step, bool clean, uint8_t *out, size_t *out_len)
{
    struct sts_http h;
    size_t at = 0;
    int end;

    *out_len = 0;
    sts_http_start(&h, MAX);
    while (at < len && !sts_http_done(&h)) {
        const uint8_t *body;
        size_t body_len, offered = len - at < step ? len - at : step;
        int32_t n = sts_http_feed(&h, b + at, offered, &body, &body_len);

        if (n < 0) {
            must(n == STS_ERR_PROTO && *sts_http_reason(&h) != '\0');
            must(sts_http_end(&h, true) == STS_ERR_PROTO);
            return n;
        }
        must(n > 0 && (size_t)n <= offered && body_len <= (size_t)n);
        must(*out_len + body_len <= MAX);
        memcpy(out + *out_len, body, body_len);
        *out_len += body_len;
        at += (size_t)n;
    }
    end = sts_http_end(&h, clean);
    must((end == STS_OK) == sts_http_done(&h) && (end == STS_OK) == (*sts_http_reason(&h) == '\0'));
    return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = {1, 2, 3, 7, 64, 1021};
    static uint8_t whole[MAX], other[MAX];
    size_t whole_len, other_len;
    bool clean, good;
    int r;

    if (size == 0) {
        return 0;
    }
    clean = (data[0] & 1) != 0;
    data++;
    size--;
    r = run(data, size, size + 1, clean, whole, &whole_len);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        must(run(data, size, steps[i], clean, other, &other_len) == r);
        must(other_len == whole_len && memcmp(whole, other, whole_len) == 0);
    }
    good = naive_http(data, size, clean, MAX, other, &other_len);
    must(good == (r == STS_OK));
    must(!good || (other_len == whole_len && memcmp(whole, other, whole_len) == 0));
    return 0;
}
