/* SPDX-License-Identifier: MIT
 *
 * A peer's certificate as a person wants to see it: how long it lasts, which names it has. Nobody is trusted or refused
 * here.
 */
#include "cert.h"

#include <stsmail/engine/text.h>
#include <stsmail/wolfssl.h>

#define DNS_NAME 0x82u /* GeneralName [2] dNSName (RFC 5280 4.2.1.6) */

static void show_name(struct sts_out *o, const struct sts_der *id)
{
    size_t before = o->len;

    sts_out_text(o, before > 0 ? ", " : "");
    sts_out_escaped(o, id->at, (size_t)(id->end - id->at));
    if (o->full) {
        o->len = before; /* a name is shown whole or not at all */
    }
}

int sts_wolfssl_leaf_read(struct sts_wolfssl_leaf *leaf, const uint8_t *der, size_t len)
{
    struct sts_cert cert;
    struct sts_der list, id;
    struct sts_out o;
    uint8_t tag;

    *leaf = (struct sts_wolfssl_leaf){0};
    if (sts_cert_read(&cert, der, len) != STS_OK) {
        return STS_ERR_SYNTAX;
    }
    leaf->from_s = cert.from_s;
    leaf->until_s = cert.until_s;
    leaf->self_issued = sts_der_equal(&cert.subject, &cert.issuer);
    sts_out_start(&o, leaf->shown, sizeof leaf->shown - 5);
    if (sts_cert_extension(&cert, STS_EXT_ALT_NAME, &list) == 1 &&
        sts_der_take(&list, STS_DER_SEQUENCE, &list)) {
        while (sts_der_next(&list, &tag, &id)) {
            if (tag == DNS_NAME) {
                leaf->names++;
                show_name(&o, &id);
            }
        }
    }
    o.size = sizeof leaf->shown;
    if (o.full) {
        o.full = false;
        sts_out_text(&o, ", ...");
    }
    sts_out_end(&o);
    return STS_OK;
}
