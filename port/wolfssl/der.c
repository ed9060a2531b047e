/* SPDX-License-Identifier: MIT
 *
 * The few things of DER and of certificates (RFC 5280 4.1) that identity.c and trust.c need. wolfSSL has
 * parsed, or will parse, whatever is read here; this only finds what wolfSSL does not judge as RFC 8461
 * wants it judged.
 */
#include "cert.h"

#include <string.h>

/* Lengths in the shortest form, up to 3 bytes of them (X.690 8.1.3, 10.1). */
static bool take_length(struct sts_der *d, size_t *len)
{
    size_t n, count;

    if (d->at == d->end) {
        return false;
    }
    n = *d->at++;
    if (n >= 0x80u) {
        count = n & 0x7fu;
        if (count == 0 || count > 3 || (size_t)(d->end - d->at) < count) {
            return false;
        }
        for (n = 0; count > 0; count--) {
            n = n << 8 | *d->at++;
        }
        if (n < 0x80u) {
            return false;
        }
    }
    *len = n;
    return n <= (size_t)(d->end - d->at);
}

bool sts_der_next(struct sts_der *d, uint8_t *tag, struct sts_der *contents)
{
    struct sts_der rest = *d;
    size_t len;

    if (rest.at == rest.end || (*rest.at & 0x1fu) == 0x1fu) {
        return false;
    }
    *tag = *rest.at++;
    if (!take_length(&rest, &len)) {
        return false;
    }
    d->at = rest.at + len;
    *contents = (struct sts_der){rest.at, rest.at + len}; /* may be d itself: goes inside */
    return true;
}

bool sts_der_take(struct sts_der *d, uint8_t tag, struct sts_der *contents)
{
    uint8_t found;

    return sts_der_next(d, &found, contents) && found == tag;
}

bool sts_der_equal(const struct sts_der *a, const struct sts_der *b)
{
    size_t len = (size_t)(a->end - a->at);

    return len == (size_t)(b->end - b->at) && memcmp(a->at, b->at, len) == 0;
}

/* ---- time -------------------------------------------------------------------------------------- */

static int digits(const uint8_t *p, int count)
{
    int n = 0;

    for (; count > 0; count--, p++) {
        if (*p < '0' || *p > '9') {
            return -1;
        }
        n = n * 10 + (*p - '0');
    }
    return n;
}

/* Days from 1970 to a date, years counted from March. */
static int64_t days_from(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = (month + 9) % 12;

    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* YYMMDDhhmmssZ or YYYYMMDDhhmmssZ (RFC 5280 4.1.2.5). */
static bool take_time(struct sts_der *d, int64_t *seconds)
{
    struct sts_der t;
    uint8_t tag;
    int year, field[5];

    if (!sts_der_next(d, &tag, &t)) {
        return false;
    }
    if (tag == STS_DER_UTC_TIME && t.end - t.at == 13) {
        year = digits(t.at, 2);
        year += year < 0 ? 0 : year < 50 ? 2000 : 1900;
        t.at += 2;
    } else if (tag == STS_DER_TIME && t.end - t.at == 15) {
        year = digits(t.at, 4);
        t.at += 4;
    } else {
        return false;
    }
    for (int i = 0; i < 5; i++, t.at += 2) {
        field[i] = digits(t.at, 2);
        if (field[i] < 0) {
            return false;
        }
    }
    *seconds =
        days_from(year, field[0], field[1]) * 86400 + field[2] * 3600 + field[3] * 60 + field[4];
    return year >= 0 && *t.at == 'Z';
}

/* ---- certificates ------------------------------------------------------------------------------ */

/* A whole element, tag included. */
static bool take_whole(struct sts_der *d, struct sts_der *whole)
{
    struct sts_der contents;

    whole->at = d->at;
    if (!sts_der_take(d, STS_DER_SEQUENCE, &contents)) {
        return false;
    }
    whole->end = d->at;
    return true;
}

static bool take_validity(struct sts_der *d, struct sts_cert *c)
{
    struct sts_der validity;

    return sts_der_take(d, STS_DER_SEQUENCE, &validity) && take_time(&validity, &c->from_s) &&
           take_time(&validity, &c->until_s);
}

int sts_cert_read(struct sts_cert *c, const uint8_t *der, size_t len)
{
    struct sts_der d = {der, der + len};
    struct sts_der tbs, skip;
    uint8_t tag;

    memset(c, 0, sizeof *c);
    if (!sts_der_take(&d, STS_DER_SEQUENCE, &d) || !sts_der_take(&d, STS_DER_SEQUENCE, &tbs) ||
        !sts_der_take(&tbs, 0xa0, &skip) ||             /* [0] version: v2 or v3 */
        !sts_der_take(&tbs, STS_DER_INTEGER, &skip) ||  /* serial number */
        !sts_der_take(&tbs, STS_DER_SEQUENCE, &skip) || /* signature algorithm */
        !take_whole(&tbs, &c->issuer) || !take_validity(&tbs, c) ||
        !take_whole(&tbs, &c->subject) || !sts_der_take(&tbs, STS_DER_SEQUENCE, &c->key)) {
        return STS_ERR_SYNTAX;
    }
    while (sts_der_next(&tbs, &tag, &skip)) { /* [1], [2]: unique identifiers; [3] extensions */
        if (tag == 0xa3 && !sts_der_take(&skip, STS_DER_SEQUENCE, &c->extensions)) {
            return STS_ERR_SYNTAX;
        }
    }
    return tbs.at == tbs.end ? STS_OK : STS_ERR_SYNTAX;
}

/* One Extension: OID, critical DEFAULT FALSE, value. */
struct extension {
    int id; /* the last octet of 2.5.29.x; -1: another */
    bool critical;
    struct sts_der value;
};

static bool take_extension(struct sts_der *list, struct extension *e)
{
    struct sts_der one, oid;
    uint8_t tag;

    if (!sts_der_take(list, STS_DER_SEQUENCE, &one) || !sts_der_take(&one, STS_DER_OID, &oid) ||
        !sts_der_next(&one, &tag, &e->value)) {
        return false;
    }
    e->id = oid.end - oid.at == 3 && oid.at[0] == 0x55 && oid.at[1] == 0x1d ? oid.at[2] : -1;
    e->critical = tag == STS_DER_BOOLEAN && e->value.at != e->value.end && *e->value.at != 0;
    if (tag == STS_DER_BOOLEAN) {
        return sts_der_take(&one, STS_DER_OCTETS, &e->value);
    }
    return tag == STS_DER_OCTETS;
}

int sts_cert_extension(const struct sts_cert *c, uint8_t id, struct sts_der *value)
{
    struct sts_der list = c->extensions;
    struct extension e;
    int count = 0;

    while (list.at != list.end) {
        if (!take_extension(&list, &e)) {
            return -1;
        }
        if (e.id == id) {
            *value = e.value;
            count++;
        }
    }
    return count > 1 ? -1 : count;
}

bool sts_cert_has_unknown(const struct sts_cert *c)
{
    struct sts_der list = c->extensions;
    struct extension e;

    while (list.at != list.end) {
        if (!take_extension(&list, &e)) {
            return true;
        }
        if (e.critical && e.id != STS_EXT_KEY_USAGE && e.id != STS_EXT_CONSTRAINTS &&
            e.id != STS_EXT_EXT_KEY_USAGE) {
            return true;
        }
    }
    return false;
}

/* BasicConstraints of a CA: behind the flag. */
static bool take_ca(const struct sts_cert *c, struct sts_der *rest)
{
    struct sts_der flag;

    return sts_cert_extension(c, STS_EXT_CONSTRAINTS, rest) == 1 &&
           sts_der_take(rest, STS_DER_SEQUENCE, rest) &&
           sts_der_take(rest, STS_DER_BOOLEAN, &flag) && flag.end - flag.at == 1 && *flag.at != 0;
}

bool sts_cert_is_ca(const struct sts_cert *c)
{
    struct sts_der rest;

    return take_ca(c, &rest);
}

uint8_t sts_cert_path(const struct sts_cert *c)
{
    struct sts_der rest, path;

    if (!take_ca(c, &rest) || rest.at == rest.end) {
        return STS_PATH_ANY;
    }
    if (!sts_der_take(&rest, STS_DER_INTEGER, &path) || path.at == path.end || *path.at >= 0x80u) {
        return 0; /* no number of CAs */
    }
    return path.end - path.at > 1 ? STS_PATH_ANY : *path.at;
}

struct sts_der sts_cert_key_id(const struct sts_cert *c)
{
    struct sts_der id;

    if (sts_cert_extension(c, STS_EXT_KEY_ID, &id) != 1 ||
        !sts_der_take(&id, STS_DER_OCTETS, &id)) {
        id.at = id.end = c->key.at;
    }
    return id;
}

struct sts_der sts_cert_issuer_key_id(const struct sts_cert *c)
{
    struct sts_der id;

    if (sts_cert_extension(c, STS_EXT_ISSUER_KEY_ID, &id) != 1 ||
        !sts_der_take(&id, STS_DER_SEQUENCE, &id) || !sts_der_take(&id, 0x80, &id)) {
        id.at = id.end = c->key.at;
    }
    return id;
}

bool sts_cert_key_usage(const struct sts_cert *c, uint8_t bits)
{
    struct sts_der value;
    int found = sts_cert_extension(c, STS_EXT_KEY_USAGE, &value);

    if (found != 1) {
        return found == 0;
    }
    return sts_der_take(&value, STS_DER_BITS, &value) && value.end - value.at >= 2 &&
           (value.at[1] & bits) == bits;
}

/* ---- keys -------------------------------------------------------------------------------------- */

/* Bits of a positive INTEGER. */
static size_t bits_of(struct sts_der n)
{
    size_t bits;

    while (n.at != n.end && *n.at == 0) {
        n.at++;
    }
    if (n.at == n.end) {
        return 0;
    }
    bits = (size_t)(n.end - n.at) * 8;
    for (unsigned first = *n.at; first < 0x80u; first <<= 1) {
        bits--;
    }
    return bits;
}

/* RFC 8017 A.1.1: the modulus, and an exponent that is odd and not 1, for which a padded digest would be its own
 * signature. */
static bool rsa_strong(struct sts_der key)
{
    struct sts_der n, e;

    return sts_der_take(&key, STS_DER_SEQUENCE, &key) && sts_der_take(&key, STS_DER_INTEGER, &n) &&
           sts_der_take(&key, STS_DER_INTEGER, &e) && bits_of(n) >= 2048 && bits_of(e) >= 2 &&
           (e.end[-1] & 1u) != 0;
}

/* SubjectPublicKeyInfo (RFC 5280 4.1.2.7). */
static bool take_key(const struct sts_cert *c, struct sts_der *oid, struct sts_der *key)
{
    struct sts_der d = c->key;

    return sts_der_take(&d, STS_DER_SEQUENCE, oid) && sts_der_take(oid, STS_DER_OID, oid) &&
           sts_der_take(&d, STS_DER_BITS, key) && key->at != key->end && *key->at++ == 0;
}

static bool is_rsa(const struct sts_der *oid)
{
    static const uint8_t rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01}; /* pkcs-1 */

    return oid->end - oid->at == sizeof rsa + 1 && memcmp(oid->at, rsa, sizeof rsa) == 0;
}

bool sts_cert_key_rsa(const struct sts_cert *c, struct sts_der *key)
{
    struct sts_der oid;

    return take_key(c, &oid, key) && is_rsa(&oid);
}

bool sts_cert_key_strong(const struct sts_cert *c)
{
    static const uint8_t ec[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
    struct sts_der oid, key;

    if (!take_key(c, &oid, &key)) {
        return false;
    }
    if (is_rsa(&oid)) {
        return rsa_strong(key);
    }
    /* an uncompressed point of P-256 or more (RFC 5480 2.2) */
    return oid.end - oid.at == sizeof ec && memcmp(oid.at, ec, sizeof ec) == 0 &&
           key.end - key.at >= 1 + 2 * 32;
}
