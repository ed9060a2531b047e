/* SPDX-License-Identifier: MIT
 *
 * Trust anchors from a PEM text. Each certificate in it is read by places (the few octets that matter are
 * decoded, not the whole), and only one whose subject is asked for is decoded.
 */
#include "local.h"

#include <string.h>

static bool equals(const struct sts_pem *b, const struct sts_place *p, const struct sts_der *d)
{
    uint8_t piece[64];
    size_t len = (size_t)(d->end - d->at), n;

    if (p->end - p->at != len) {
        return false;
    }
    for (size_t at = 0; at < len; at += n) {
        n = len - at < sizeof piece ? len - at : sizeof piece;
        if (sts_pem_copy(b, p->at + at, n, piece) != n || memcmp(piece, d->at + at, n) != 0) {
            return false;
        }
    }
    return true;
}

/* Walks over the elements of TBSCertificate (RFC 5280 4.1): [0], serial, algorithm, issuer, validity,
 * subject. */
static bool is_for(const struct sts_pem *b, const struct sts_der *subject)
{
    struct sts_place tbs, p;
    size_t at;

    if (!sts_pem_place(b, 0, &tbs) || !sts_pem_place(b, tbs.in, &tbs)) {
        return false;
    }
    at = tbs.in;
    for (int i = 0; i <= 5; i++, at = p.end) {
        if (at >= tbs.end || !sts_pem_place(b, at, &p)) {
            return false;
        }
    }
    return equals(b, &p, subject);
}

/* The octets stay until another root is found. */
static bool decode(struct sts_wolfssl *w, const struct sts_pem *b, struct sts_root *root)
{
    struct sts_wolfssl_conn *c = sts_wolfssl_turn.conn;
    struct sts_cert cert;

    sts_pool_give(&w->pool, c->root_der);
    c->root_der = sts_pool_take(&w->pool, b->size);
    return c->root_der != NULL && sts_pem_copy(b, 0, b->size, c->root_der) == b->size &&
           sts_root_read(root, &cert, c->root_der, b->size) == STS_OK;
}

static bool find(struct sts_wolfssl *w, const struct sts_wolfssl_ask *ask, size_t n,
                 struct sts_root *root)
{
    const char *at = w->anchors, *end = at + w->anchors_len;
    struct sts_pem b;

    while (sts_pem_next(&at, end, &b)) {
        if (!is_for(&b, &ask->issuer)) {
            continue;
        }
        if (n > 0) {
            n--;
        } else if (decode(w, &b, root)) {
            return true;
        }
    }
    return false;
}

int sts_wolfssl_trust_pem(struct sts_wolfssl *w, const char *pem, size_t len)
{
    const char *at = pem;
    struct sts_pem b;
    int count = 0;

    w->anchors = NULL;
    while (pem != NULL && sts_pem_next(&at, pem + len, &b)) {
        count++;
    }
    if (count == 0) {
        return STS_ERR_CONFIG;
    }
    w->anchors = pem;
    w->anchors_len = len;
    w->find = find;
    return count;
}
