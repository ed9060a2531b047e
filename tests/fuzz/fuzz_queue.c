/* SPDX-License-Identifier: MIT
 *
 * An entry of the queue from a store that says anything: read as a second, naive reader reads it, in pieces too; what can be read is
 * written again to an entry that reads the same; counting in it changes the count, and that one which failed counts as told.
 */
#include <stdlib.h>
#include <string.h>

#include "../unit/naive_queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char text[STS_QUEUE_TEXT];
static struct sts_recipient to[STS_QUEUE_RECIPIENTS];
static uint8_t again[65536];

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

/* Whether what is kept of a reply is what there was: it has no NUL, and fits. */
static bool replies_stand(const uint8_t *image, const struct sts_queue_record *r)
{
    size_t at = NAIVE_HEAD + r->text_len;

    for (size_t i = 0; i < r->entry.count; i++) {
        size_t len = (size_t)naive_number(image, at + 8, 2);

        if (strlen(to[i].reply) != len) {
            return false;
        }
        at += NAIVE_VERDICT + len;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct one_record one = {.out = again, .out_size = sizeof again};
    struct sts_store s = one_store(&one);
    struct sts_queue_record r;
    uint32_t more;

    for (size_t step = 0; step < 4; step++) {
        must(naive_compare(data, size, step, text, to));
    }
    one.bytes = data;
    one.len = size;
    if (naive_result(data, size) != STS_OK || size > sizeof again) {
        return 0;
    }
    must(sts_queue_read(&s, 1, &r, text, to) == STS_OK);
    if (r.entry.tries > 0 && replies_stand(data, &r)) {
        must(sts_queue_write(&s, &r, text, "") == STS_OK);
        must(one.out_len == size && memcmp(again, data, size) == 0);
    }
    more = r.entry.coalesced + 3;
    must(sts_queue_count(&s, 1, 3) == STS_OK && one.out_len == size);
    must(naive_number(again, 10, 4) == more);
    memcpy(again + 10, data + 10, 4);
    if (r.sending && r.entry.state == STS_QUEUE_FAILED) { /* it counts as told now */
        must(again[2] == (data[2] & ~2));
        again[2] = data[2];
    }
    must(memcmp(again, data, size) == 0);
    return 0;
}
