/* SPDX-License-Identifier: MIT
 *
 * Trust anchors from a table, which stays where it is.
 */
#include "local.h"

#include <wolfssl/wolfcrypt/sha256.h>
#include <wolfssl/wolfcrypt/hash.h>

/* Checked when it was set; to check again at every look-up would cost more than the rest. */
static struct sts_table table_of(const struct sts_wolfssl *w)
{
    const uint8_t *at = w->anchors;

    return (struct sts_table){at, at[6] | (size_t)at[7] << 8};
}

static bool find(struct sts_wolfssl *w, const struct sts_wolfssl_ask *ask, size_t n,
                 struct sts_root *root)
{
    struct sts_table table = table_of(w);

    return sts_table_find(&table, ask->hash, n, root);
}

int sts_wolfssl_trust_table(struct sts_wolfssl *w, const void *table, size_t len)
{
    struct sts_table t;

    w->anchors = NULL;
    if (table == NULL || sts_table_open(&t, table, len) != STS_OK || t.count == 0) {
        return STS_ERR_CONFIG;
    }
    w->anchors = table;
    w->anchors_len = len;
    w->find = find;
    return (int)t.count;
}

static int sha256(const uint8_t *bytes, uint32_t len, uint8_t out[32])
{
    return wc_Sha256Hash(bytes, len, out);
}

int sts_wolfssl_table_make(const char *pem, size_t len, void *out, size_t size,
                           struct sts_wolfssl_made *made)
{
    return sts_table_build(pem, len, out, size, sha256, made);
}
