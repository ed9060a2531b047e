/* SPDX-License-Identifier: MIT
 *
 * Any octets as a message that is signed: what was hashed, in pieces of any size, is what a verifier would hash that
 * knows nothing of streams; the signature's field is one; everything that is to be signed is.
 */
#include "fuzz.h"
#include "naive_dkim.h"

#include <stsmail/engine/message.h>

struct input {
    const uint8_t *bytes;
    size_t len, at;
};

static int input_rewind(void *ctx)
{
    ((struct input *)ctx)->at = 0;
    return STS_OK;
}

static int32_t input_read(void *ctx, void *buf, size_t size)
{
    struct input *in = ctx;
    size_t n = in->len - in->at < size ? in->len - in->at : size;

    memcpy(buf, in->bytes + in->at, n);
    in->at += n;
    return (int32_t)n;
}

static struct keeper keeper;
static struct sts_dkim dkim;
static struct naive_header header;
static struct naive_text text;
static char message[NAIVE_SIZE];

/* The message as it is sent, dots aside; 0: it cannot be. */
static size_t read_whole(const struct sts_message *m)
{
    struct sts_reader r;
    size_t len = 0;
    int32_t n;

    if (sts_reader_start(&r, m, false) != STS_OK) {
        return 0;
    }
    while ((n = sts_reader_read(&r, (uint8_t *)message + len, 4096)) > 0) {
        len += (size_t)n;
        MUST(len + 4096 < sizeof message);
    }
    return n < 0 ? 0 : len;
}

static void sign_in_pieces(size_t len, size_t piece)
{
    int err;

    MUST(sts_dkim_start(&dkim) == STS_OK);
    do {
        err = STS_OK;
        for (size_t at = 0; at < len && err == STS_OK; at += piece) {
            err =
                sts_dkim_feed(&dkim, (uint8_t *)message + at, len - at < piece ? len - at : piece);
        }
        err = err == STS_OK ? sts_dkim_feed(&dkim, NULL, 0) : err;
    } while (err == STS_BUSY);
    MUST(err == STS_OK);
}

static void check_list(const char *field)
{
    static const char *const closed[] = {"from", "to", "cc", "subject", "reply-to"};
    char list[2000];

    MUST(naive_tag(field, "h", list, sizeof list));
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        size_t there = naive_count(&header, closed[i]), listed = 0;

        for (const char *at = list; *at != '\0'; at += strcspn(at, ":"), at += *at == ':') {
            listed += strcspn(at, ":") == strlen(closed[i]) &&
                      memcmp(at, closed[i], strlen(closed[i])) == 0;
        }
        MUST(there > 4 ? listed > 0 && listed < there : listed >= 1 && listed <= there + 1);
        MUST(listed == there + 1 || there > 1); /* only what repeats can miss its last mention */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {.bytes = data + 2, .len = size - 2};
    struct sts_source source = {&in, input_rewind, input_read};
    struct sts_message m = {.raw = &source};
    const struct sts_time now = {.utc_s = 1790000000, .trust = STS_CLOCK_OWNER};
    uint8_t raw[STS_DKIM_SIGNATURE + 3];
    char value[2000];
    size_t len;

    if (size < 2 || size > 20000 || (len = read_whole(&m)) == 0) {
        return 0;
    }
    keeper_start(&keeper, data[0] & 1, data[0] & 1 ? 256 + (data[0] & 0xFE) : 64);
    MUST(sts_dkim_init(&dkim, &keeper.signer, "example.org", "s1") == STS_OK);
    sign_in_pieces(len, data[1] + 1u);
    MUST(sts_dkim_sign(&dkim, &now) == STS_OK && keeper.begun == 1 && keeper.digests == 2);

    naive_split(&header, message, len);
    check_list(dkim.field);
    naive_signed(&text, &header, dkim.field);
    MUST(text.len == keeper.hashed[0].len &&
         memcmp(text.bytes, keeper.hashed[0].bytes, text.len) == 0);
    naive_body(&text, message + header.end, len - header.end);
    MUST(text.len == keeper.hashed[1].len &&
         memcmp(text.bytes, keeper.hashed[1].bytes, text.len) == 0);
    MUST(naive_tag(dkim.field, "b", value, sizeof value));
    MUST(naive_unbase64(value, raw) == (size_t)keeper.raw_len &&
         memcmp(raw, keeper.raw, (size_t)keeper.raw_len) == 0);
    MUST(naive_tag(dkim.field, "bh", value, sizeof value) && naive_unbase64(value, raw) == 32);
    MUST(memcmp(raw, keeper.digest, 32) == 0);
    return 0;
}
