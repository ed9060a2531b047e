/* SPDX-License-Identifier: MIT
 *
 * Any octets as a mailbox. What passes can stand in RCPT TO:<...> and in a header: it has no octet that ends
 * either, is UTF-8, and reads the same when it is taken apart and put together.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <stsmail/engine/mailbox.h>
#include <stsmail/error.h>

static void must(int truth)
{
    if (!truth) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sts_mailbox box, again;
    char copy[256];
    int quoted = 0;

    if (sts_mailbox_parse((const char *)data, size, &box) != STS_OK) {
        return 0;
    }
    must(size >= 3 && size <= 254 && box.local_len >= 1 && box.local_len <= 64);
    must(data[box.local_len] == '@' && box.domain == (const char *)data + box.local_len + 1);
    must(box.local_len + 1 + box.domain_len == size);
    for (size_t i = 0; i < size; i++) {
        must(data[i] >= ' ' && data[i] != 0x7F);
        quoted ^= data[i] == '"';
        must(quoted || data[0] == '"' || strchr(" <>(),;\\", data[i]) == NULL);
        must(i <= box.local_len || (data[i] < 0x80 && data[i] > ' '));
    }
    memcpy(copy, data, box.local_len);
    strcpy(copy + box.local_len, "@b"); /* the domain has no say in the local part */
    must(sts_mailbox_parse(copy, box.local_len + 2, &again) == STS_OK);
    must(again.local_len == box.local_len && again.utf8 == box.utf8);
    copy[0] = 'a'; /* nor the other way round */
    copy[1] = '@';
    memcpy(copy + 2, box.domain, box.domain_len);
    must(sts_mailbox_parse(copy, box.domain_len + 2, &again) == STS_OK);
    must(again.literal == box.literal);
    return 0;
}
