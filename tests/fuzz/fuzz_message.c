/* SPDX-License-Identifier: MIT
 *
 * Any octets as a raw message, and as the parts of a composed one. Whatever is given has CRLF as its only line
 * end, lines of at most 998 octets, exactly one end of data, at its end, and the size that was said; and it is
 * the same in any pieces.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <stsmail/engine/message.h>

static void must(int truth)
{
    if (!truth) {
        abort();
    }
}

struct input {
    const uint8_t *bytes;
    size_t len, at, chunk;
};

static int input_rewind(void *ctx)
{
    ((struct input *)ctx)->at = 0;
    return STS_OK;
}

static int32_t input_read(void *ctx, void *buf, size_t size)
{
    struct input *in = ctx;
    size_t n = in->len - in->at;

    n = n < size ? n : size;
    n = n < in->chunk ? n : in->chunk;
    memcpy(buf, in->bytes + in->at, n);
    in->at += n;
    return (int32_t)n;
}

#define SIZE 200000

static uint8_t whole[SIZE], pieces[SIZE];

static int read_all(const struct sts_message *m, size_t size, uint8_t *out, size_t *len,
                    struct sts_message_facts *facts)
{
    struct sts_reader r;
    int result = sts_reader_start(&r, m, true);
    int32_t n = 0;

    *len = 0;
    while (result == STS_OK && (n = sts_reader_read(&r, out + *len, size)) > 0) {
        must((size_t)n <= size);
        *len += (size_t)n;
        must(*len + size < SIZE);
    }
    result = result != STS_OK ? result : n;
    must(sts_reader_read(&r, out + *len, 1) == result);
    must((result == STS_OK) == (sts_reader_reason(&r)[0] == '\0'));
    *facts = r.facts;
    return result;
}

/* Lines of the wire's text: their ends, their lengths, the one dot, the octets over 127. */
static void check_wire(const uint8_t *out, size_t len, const struct sts_message_facts *facts)
{
    uint64_t size = 0;
    size_t start = 0;
    int header = 1;
    int eightbit = 0, utf8 = 0;

    for (size_t i = 0; i < len; i++) {
        must(out[i] != 0);
        must(out[i] != '\r' || (i + 1 < len && out[i + 1] == '\n'));
        must(out[i] != '\n' || (i > 0 && out[i - 1] == '\r'));
        eightbit = eightbit || (!header && out[i] > 127);
        utf8 = utf8 || (header && out[i] > 127);
        if (out[i] == '\n') {
            size_t dot = out[start] == '.';
            size_t line = i - 1 - start - dot;

            must(line <= 998);
            must((dot == 1 && line == 0) == (i + 1 == len));
            must(!dot || line == 0 || out[start + 1] == '.');
            size += i + 1 == len ? 0 : line + 2;
            header = header && line > 0;
            start = i + 1;
        }
    }
    must(start == len && size == facts->size);
    must(eightbit == facts->eightbit && utf8 == facts->utf8_header);
}

static void check(const struct sts_message *m, struct input *in, size_t chunk, size_t size)
{
    struct sts_message_facts facts, again;
    size_t len, again_len;
    int result;

    in->chunk = (size_t)-1;
    result = read_all(m, 4096, whole, &len, &facts);
    if (result == STS_OK) {
        check_wire(whole, len, &facts);
    }
    in->chunk = chunk;
    must(read_all(m, size, pieces, &again_len, &again) == result);
    must(again_len == len && memcmp(whole, pieces, len) == 0 && again.size == facts.size);
}

/* Texts for the members, one after another, each up to a NUL. */
static const char *text(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *start = *at;
    const uint8_t *nul = start < end ? memchr(start, 0, (size_t)(end - start)) : NULL;

    if (nul == NULL) {
        return NULL;
    }
    *at = nul + 1;
    return (const char *)start;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {.bytes = data + 2, .len = size - 2};
    struct sts_source source = {&in, input_rewind, input_read};
    struct sts_message m = {0};
    const uint8_t *at = data + 2;
    const char *to[2];

    if (size < 2 || size > 20000) {
        return 0;
    }
    if (data[0] & 1) {
        m.raw = &source;
    } else {
        m.from = text(&at, data + size);
        to[0] = text(&at, data + size);
        to[1] = m.from;
        m.from_name = text(&at, data + size);
        m.subject = text(&at, data + size);
        m.message_id = data[0] & 2 ? m.from : NULL;
        m.to = to;
        m.to_count = to[0] != NULL ? 2 : 0;
        m.date_s = (int64_t)size * 1234567;
        m.body_source = &source;
        in.bytes = at;
        in.len = (size_t)(data + size - at);
    }
    check(&m, &in, 1 + (data[0] >> 2), 1 + (size_t)data[1]);
    return 0;
}
