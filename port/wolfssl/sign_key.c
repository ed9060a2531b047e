/* SPDX-License-Identifier: MIT
 *
 * The private key in a file. What cannot be used is told apart, so that its owner knows what to do.
 */
#include "cert.h"

#include <string.h>

#include <stsmail/wolfssl_sign.h>

static const char no_key[] = "it holds no private key (PKCS#8, PEM or DER)";
static const char damaged[] = "the key in it is damaged";
static const char encrypted[] = "the key in it is encrypted: nobody is there to type a password";

static int refuse(struct sts_sign_key *k, const char *why)
{
    k->why = why;
    return STS_ERR_CONFIG;
}

/* ---- PEM ------------------------------------------------------------------------------------------ */

static const uint8_t *find(const uint8_t *at, const uint8_t *end, const char *what)
{
    size_t len = strlen(what);

    for (; (size_t)(end - at) >= len; at++) {
        if (memcmp(at, what, len) == 0) {
            return at;
        }
    }
    return NULL;
}

/* Whether the label of a BEGIN line ends so; at is behind "-----BEGIN ". */
static bool labelled(const uint8_t *at, const uint8_t *end, const char *label)
{
    return (size_t)(end - at) == strlen(label) && memcmp(at, label, strlen(label)) == 0;
}

/* What stands between the lines of a key: base64 and blanks alone. */
static bool is_base64(const uint8_t *at, const uint8_t *end)
{
    for (; at < end; at++) {
        bool letter = (uint8_t)((*at | 0x20) - 'a') < 26;

        if (!letter && !(*at >= '/' && *at <= '9') && memchr("+= \t\r\n", *at, 6) == NULL) {
            return false;
        }
    }
    return true;
}

static int label_fault(struct sts_sign_key *k, const uint8_t *at, const uint8_t *end)
{
    if (labelled(at, end, "ENCRYPTED PRIVATE KEY")) {
        return refuse(k, encrypted);
    }
    if (find(at, end, "PUBLIC KEY") != NULL) {
        return refuse(k, "it holds a public key; the private one signs");
    }
    if (find(at, end, "PRIVATE KEY") != NULL || labelled(at, end, "EC PARAMETERS")) {
        return refuse(k, "its key is neither Ed25519 nor RSA, which DKIM knows");
    }
    return refuse(k, labelled(at, end, "CERTIFICATE")
                         ? "it holds a certificate; the private key signs"
                         : no_key);
}

/* Decodes the first thing in a PEM file, in place, if it may be a key of ours. */
static int decode(struct sts_sign_key *k, uint8_t *file, struct sts_der *der)
{
    const uint8_t *at = find(der->at, der->end, "-----BEGIN ") + 11;
    const uint8_t *label = find(at, der->end, "-----"), *end;
    struct sts_pem pem = {0};

    if (label == NULL || (end = find(label + 5, der->end, "-----END ")) == NULL) {
        return refuse(k, damaged);
    }
    if (!labelled(at, label, "PRIVATE KEY") && !labelled(at, label, "RSA PRIVATE KEY")) {
        return label_fault(k, at, label);
    }
    at = label + 5;
    if (find(at, end, "ENCRYPTED") != NULL) {
        return refuse(k, encrypted); /* the older form says so in a line of its own */
    }
    if (!is_base64(at, end)) {
        return refuse(k, damaged);
    }
    pem.text = (const char *)at;
    pem.len = (size_t)(end - at);
    *der = (struct sts_der){file, file + sts_pem_copy(&pem, 0, pem.len, file)};
    return STS_OK;
}

/* ---- DER ------------------------------------------------------------------------------------------ */

static bool same(const struct sts_der *d, const void *bytes, size_t len)
{
    return (size_t)(d->end - d->at) == len && memcmp(d->at, bytes, len) == 0;
}

/* RSAPrivateKey (RFC 8017 A.1.2): `all` with its head, d what is in it. */
static int rsa_key(struct sts_sign_key *k, const struct sts_der *all, struct sts_der d)
{
    struct sts_der version, n, e;

    k->algorithm = STS_DKIM_RSA;
    k->key = all->at;
    k->len = (size_t)(all->end - all->at);
    if (!sts_der_take(&d, STS_DER_INTEGER, &version) || !same(&version, "\0", 1)) {
        return refuse(k, damaged);
    }
    k->numbers = d.at;
    if (!sts_der_take(&d, STS_DER_INTEGER, &n) || !sts_der_take(&d, STS_DER_INTEGER, &e)) {
        return refuse(k, damaged);
    }
    k->numbers_len = (size_t)(d.at - k->numbers);
    while (n.at < n.end && *n.at == 0) {
        n.at++;
    }
    k->bits = (unsigned)(n.end - n.at) * 8;
    for (unsigned top = 0x80; n.at < n.end && (*n.at & top) == 0; top >>= 1) {
        k->bits--;
    }
    if (k->bits < 2048 || k->bits > 4096) {
        return refuse(k, "its RSA key has not 2048 to 4096 bits (RFC 8301)");
    }
    return STS_OK;
}

static int ed25519_key(struct sts_sign_key *k, struct sts_der d)
{
    struct sts_der seed;

    if (!sts_der_take(&d, STS_DER_OCTETS, &seed) || seed.end - seed.at != 32 || d.at != d.end) {
        return refuse(k, damaged); /* RFC 8410 7 */
    }
    k->algorithm = STS_DKIM_ED25519;
    k->key = seed.at;
    k->len = 32;
    return STS_OK;
}

/* PrivateKeyInfo behind its version (RFC 5208 5). */
static int pkcs8_key(struct sts_sign_key *k, struct sts_der d)
{
    struct sts_der algorithm, oid, key, inside;

    if (!sts_der_take(&d, STS_DER_SEQUENCE, &algorithm) ||
        !sts_der_take(&algorithm, STS_DER_OID, &oid) || !sts_der_take(&d, STS_DER_OCTETS, &key)) {
        return refuse(k, damaged);
    }
    if (same(&oid, "\x2b\x65\x70", 3)) {
        return ed25519_key(k, key);
    }
    if (!same(&oid, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9)) {
        return refuse(k, "its key is neither Ed25519 nor RSA, which DKIM knows");
    }
    d = key;
    if (!sts_der_take(&d, STS_DER_SEQUENCE, &inside) || d.at != d.end) {
        return refuse(k, damaged);
    }
    return rsa_key(k, &key, inside);
}

int sts_sign_key_read(struct sts_sign_key *k, uint8_t *file, size_t len)
{
    struct sts_der d = {file, file + len}, all, rest, version, first;
    uint8_t tag;
    int err = STS_OK;

    memset(k, 0, sizeof *k);
    if (find(d.at, d.end, "-----BEGIN ") != NULL) {
        err = decode(k, file, &d);
    }
    if (err != STS_OK) {
        return err;
    }
    all = d;
    if (!sts_der_take(&d, STS_DER_SEQUENCE, &rest)) {
        return refuse(k, no_key);
    }
    if (d.at != d.end) {
        return refuse(k, damaged);
    }
    d = rest;
    if (!sts_der_next(&rest, &tag, &version) ||
        (first = rest, !sts_der_next(&first, &tag, &first))) {
        return refuse(k, damaged);
    }
    if (*d.at == STS_DER_SEQUENCE) {
        return refuse(k, tag == STS_DER_OCTETS ? encrypted : no_key); /* EncryptedPrivateKeyInfo */
    }
    if (*d.at != STS_DER_INTEGER || tag == STS_DER_OCTETS) {
        return refuse(k, "its key is neither Ed25519 nor RSA, which DKIM knows"); /* RFC 5915 3 */
    }
    return tag == STS_DER_INTEGER ? rsa_key(k, &all, d) : pkcs8_key(k, rest);
}

/* ---- the public key --------------------------------------------------------------------------------- */

static uint8_t *put_head(uint8_t *out, uint8_t tag, size_t len)
{
    out[0] = tag;
    out[1] = 0x82; /* all of these are longer than 255 octets */
    out[2] = (uint8_t)(len >> 8);
    out[3] = (uint8_t)len;
    return out + 4;
}

size_t sts_sign_key_public(const struct sts_sign_key *k, uint8_t *out, size_t size)
{
    static const uint8_t algorithm[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                        0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
    size_t n = k->numbers_len, total = n + 4 + 5 + sizeof algorithm + 4;
    uint8_t *at;

    if (k->algorithm != STS_DKIM_RSA || k->why != NULL || total > size) {
        return 0;
    }
    at = put_head(out, STS_DER_SEQUENCE, total - 4);
    memcpy(at, algorithm, sizeof algorithm);
    at = put_head(at + sizeof algorithm, STS_DER_BITS, n + 5);
    *at++ = 0; /* no unused bits */
    at = put_head(at, STS_DER_SEQUENCE, n);
    memcpy(at, k->numbers, n);
    return total;
}
