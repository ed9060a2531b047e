/* SPDX-License-Identifier: MIT
 *
 * TXT records: '\n' stands between two records. The same result whole, by octets and in halves; an
 * accepted record has the form that it must have.
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

/* Feeds each record in pieces of up to `piece` octets. */
static void read_all(struct sts_record *r, const uint8_t *data, size_t size, size_t piece)
{
    size_t open = 0;

    sts_record_start(r);
    for (size_t at = 0; at <= size; at++) {
        if (at < size && data[at] != '\n') {
            continue;
        }
        sts_record_open(r);
        for (size_t i = open; i < at; i += piece) {
            sts_record_text(r, data + i, at - i < piece ? at - i : piece);
        }
        sts_record_close(r);
        open = at + 1;
    }
}

/* Whether "id=ID" stands in the text, after a ";" or a blank and before one or the end. */
static bool id_stands_there(const uint8_t *data, size_t size, const char *id)
{
    size_t len = strlen(id);

    for (size_t i = 1; i + 3 + len <= size; i++) {
        size_t end = i + 3 + len;

        if (strchr("; \t", data[i - 1]) != NULL && memcmp(data + i, "id=", 3) == 0 &&
            memcmp(data + i + 3, id, len) == 0 &&
            (end == size || strchr("; \t\n", data[end]) != NULL)) {
            return true;
        }
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sts_record whole, r;
    int result;

    read_all(&whole, data, size, size + 1);
    result = sts_record_result(&whole);
    for (size_t piece = 1; piece < 4; piece++) {
        read_all(&r, data, size, piece);
        must(sts_record_result(&r) == result && strcmp(r.id, whole.id) == 0);
        must(sts_record_reason(&r) == sts_record_reason(&whole));
        must(r.records == whole.records && r.candidates == whole.candidates);
    }
    must((result == STS_OK) == (whole.id[0] != '\0'));
    must((result == STS_OK) == (sts_record_reason(&whole)[0] == '\0'));
    must(result != STS_OK || whole.candidates == 1);
    must(result != STS_OK || id_stands_there(data, size, whole.id));
    return 0;
}
