/* SPDX-License-Identifier: MIT
 *
 * Whether a certificate stands for a host name (RFC 6125 6.4 as RFC 8461 3.3 and 4.2 narrow it), and may
 * be used by a server at all. wolfSSL's own matcher takes the common name, and wildcards in the middle
 * of names, so it is not asked.
 */
#include "cert.h"

#include <string.h>

#include <stsmail/policy.h>

#define DNS_NAME 0x82u /* GeneralName [2] dNSName (RFC 5280 4.2.1.6) */

static bool letter_or_digit(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters, digits and hyphens between dots, no label empty or longer than 63, no root dot: what a NUL, a
 * space or a second "*" is not. Returns the number of labels, 0 where it is no such name. */
static unsigned labels_of(const uint8_t *name, size_t len)
{
    unsigned labels = 1;
    size_t label = 0;

    for (size_t i = 0; i < len; i++) {
        if (name[i] == '.') {
            if (label == 0) {
                return 0;
            }
            label = 0;
            labels++;
        } else if ((!letter_or_digit(name[i]) && name[i] != '-') || ++label > 63) {
            return 0;
        }
    }
    return label == 0 || len > 253 ? 0 : labels;
}

/* RFC 1123 2.1: the last label of a host name is not all digits; then it is an IPv4 address. */
static bool looks_like_address(const char *host, size_t len)
{
    size_t i = len;

    while (i > 0 && host[i - 1] >= '0' && host[i - 1] <= '9') {
        i--;
    }
    return i < len && (i == 0 || host[i - 1] == '.');
}

bool sts_identity_is_name(const char *host)
{
    size_t len = strlen(host);

    return labels_of((const uint8_t *)host, len) > 0 && !looks_like_address(host, len);
}

/* "*" is the whole left-most label or nothing (RFC 8461 4.2), and what it stands under has two labels at
 * least: nobody owns all of a top-level domain. */
static bool names(const struct sts_der *id, const char *host, size_t host_len)
{
    size_t len = (size_t)(id->end - id->at);
    bool wildcard = len > 2 && id->at[0] == '*' && id->at[1] == '.';
    size_t skip = wildcard ? 2 : 0;
    unsigned labels = labels_of(id->at + skip, len - skip);

    if (labels == 0 || (wildcard && labels < 2)) {
        return false;
    }
    return sts_match((const char *)id->at, len, host, host_len);
}

int sts_identity_check(const uint8_t *der, size_t len, const char *host)
{
    struct sts_cert cert;
    struct sts_der list, id;
    size_t host_len = strlen(host);
    uint8_t tag;
    int found;

    if (sts_cert_read(&cert, der, len) != STS_OK) {
        return STS_ERR_TLS;
    }
    found = sts_cert_extension(&cert, STS_EXT_ALT_NAME, &list);
    if (found < 0 || (found > 0 && !sts_der_take(&list, STS_DER_SEQUENCE, &list))) {
        return STS_ERR_TLS;
    }
    if (found == 0 || !sts_identity_is_name(host)) {
        return STS_ERR_CERT_HOST;
    }
    while (list.at != list.end) {
        if (!sts_der_next(&list, &tag, &id)) {
            return STS_ERR_TLS;
        }
        if (tag == DNS_NAME && names(&id, host, host_len)) {
            return STS_OK;
        }
    }
    return STS_ERR_CERT_HOST;
}

/* ---- usage ------------------------------------------------------------------------------------- */

/* id-kp-serverAuth, anyExtendedKeyUsage (RFC 5280 4.2.1.12) */
static const uint8_t server_auth[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01};
static const uint8_t any_usage[] = {0x55, 0x1d, 0x25, 0x00};

bool sts_identity_serves(const struct sts_cert *cert)
{
    const struct sts_der server = {server_auth, server_auth + sizeof server_auth};
    const struct sts_der any = {any_usage, any_usage + sizeof any_usage};
    struct sts_der list, oid;
    int found = sts_cert_extension(cert, STS_EXT_EXT_KEY_USAGE, &list);

    if (found != 1) {
        return found == 0;
    }
    if (!sts_der_take(&list, STS_DER_SEQUENCE, &list)) {
        return false;
    }
    while (sts_der_take(&list, STS_DER_OID, &oid)) {
        if (sts_der_equal(&oid, &server) || sts_der_equal(&oid, &any)) {
            return true;
        }
    }
    return false;
}

/* RFC 5280 4.2.1.9, 4.2.1.3. An extended key usage holds for all that is below a CA, as everybody reads 4.2.1.12:
 * many a CA for e-mail stands under a root that is trusted for servers too. */
bool sts_identity_issues(const struct sts_cert *cert)
{
    return sts_cert_is_ca(cert) && sts_cert_key_usage(cert, STS_KEY_USAGE_CERT_SIGN) &&
           sts_identity_serves(cert) && sts_cert_key_strong(cert);
}

/* Every suite on our list has the server sign, so the key has to be for that. A CA's certificate is taken
 * only where it vouches for itself, as somebody's own root in a CA file does: no CA that issues for
 * others uses its own certificate on a server, and one that is found there was stolen. */
int sts_identity_usage(const uint8_t *der, size_t len)
{
    struct sts_cert cert;

    if (sts_cert_read(&cert, der, len) != STS_OK || !sts_cert_key_strong(&cert) ||
        !sts_identity_serves(&cert) || !sts_cert_key_usage(&cert, STS_KEY_USAGE_SIGNATURE)) {
        return STS_ERR_TLS;
    }
    if (sts_cert_is_ca(&cert) && !sts_der_equal(&cert.subject, &cert.issuer)) {
        return STS_ERR_TLS;
    }
    return STS_OK;
}
