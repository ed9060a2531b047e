/* SPDX-License-Identifier: MIT
 *
 * What of a CA's certificate has to be kept to verify with it.
 */
#include "cert.h"

/* id-ecPublicKey with a namedCurve (RFC 5480 2.1.1). */
static bool curve_has_name(const struct sts_cert *cert)
{
    struct sts_der d = cert->key, algorithm, part;

    return sts_der_take(&d, STS_DER_SEQUENCE, &algorithm) &&
           sts_der_take(&algorithm, STS_DER_OID, &part) &&
           sts_der_take(&algorithm, STS_DER_OID, &part) && algorithm.at == algorithm.end;
}

/* An anchor names itself as issuer. Its signature is nothing to us: that it is in the file is what makes it one. */
static uint8_t kind_of(const struct sts_cert *cert, struct sts_der *key)
{
    struct sts_der names;

    if (!sts_der_equal(&cert->subject, &cert->issuer) || sts_cert_has_unknown(cert) ||
        sts_cert_extension(cert, STS_EXT_NAME_CONSTRAINTS, &names) != 0) {
        return STS_ROOT_CERT;
    }
    if (sts_cert_key_rsa(cert, key)) {
        return STS_ROOT_RSA;
    }
    *key = (struct sts_der){cert->subject.end, cert->key.end}; /* the sequence's own head too */
    return curve_has_name(cert) ? STS_ROOT_EC : STS_ROOT_CERT;
}

int sts_root_read(struct sts_root *r, struct sts_cert *cert, const uint8_t *der, size_t len)
{
    if (sts_cert_read(cert, der, len) != STS_OK) {
        return STS_ERR_SYNTAX;
    }
    if (!sts_identity_issues(cert)) {
        return STS_ERR_CERT_TRUST;
    }
    *r = (struct sts_root){.path = sts_cert_path(cert),
                           .from_s = cert->from_s,
                           .until_s = cert->until_s,
                           .key_id = sts_cert_key_id(cert)};
    r->kind = kind_of(cert, &r->key);
    if (r->kind == STS_ROOT_CERT) {
        r->key = (struct sts_der){der, der + len};
        r->key_id.at = r->key_id.end;
    }
    return STS_OK;
}
