/* SPDX-License-Identifier: MIT
 *
 * A private key's file of any octets. A second reading, with numbers into an array, has to find the same key or none;
 * PEM has to say what the DER in it says; a key that is found is within the file, and so is its public key.
 */
#include "fuzz.h"
#include "naive.h"

#include <ctype.h>

#include <stsmail/wolfssl_sign.h>

#include "../../port/wolfssl/cert.h"

/* ---- the second reading: where things are, by number ---------------------------------------------- */

struct verdict {
    bool good, encrypted;
    uint8_t algorithm;
    size_t key, end;          /* the octets of the key, */
    size_t numbers, exponent; /* of RSA its numbers, the second of them, */
    size_t numbers_end;       /* and their end */
    unsigned bits;
};

/* The end of the element at `at` if it is of this kind; 0: it is not. */
static size_t element(const uint8_t *p, size_t at, size_t end, uint8_t tag, size_t *in)
{
    return end > at && p[at] == tag ? naive_der_end(p, at, end, in) : 0;
}

/* The element at `at`, with version, modulus and exponent first. */
static bool rsa(const uint8_t *p, size_t at, size_t end, struct verdict *v)
{
    size_t in, next, modulus;

    if (element(p, at, end, STS_DER_SEQUENCE, &in) != end) {
        return false;
    }
    v->algorithm = STS_DKIM_RSA;
    v->key = at;
    v->end = end;
    next = element(p, in, end, STS_DER_INTEGER, &in);
    if (next == 0 || next - in != 1 || p[in] != 0) {
        return false;
    }
    v->numbers = next;
    v->exponent = element(p, next, end, STS_DER_INTEGER, &modulus);
    v->numbers_end = v->exponent == 0 ? 0 : element(p, v->exponent, end, STS_DER_INTEGER, &in);
    if (v->numbers_end == 0) {
        return false;
    }
    for (size_t bit = 0; bit < 8 * (v->exponent - modulus); bit++) {
        if ((p[modulus + bit / 8] >> (7 - bit % 8) & 1) != 0) {
            v->bits = (unsigned)(8 * (v->exponent - modulus) - bit);
            return v->bits >= 2048 && v->bits <= 4096;
        }
    }
    return false;
}

static bool pkcs8(const uint8_t *p, size_t at, size_t end, struct verdict *v)
{
    size_t in, key, oid, next = element(p, at, end, STS_DER_SEQUENCE, &in);
    size_t oid_end = next == 0 ? 0 : element(p, in, next, STS_DER_OID, &oid);
    size_t key_end = next == 0 ? 0 : element(p, next, end, STS_DER_OCTETS, &key);

    if (oid_end == 0 || key_end == 0) {
        return false;
    }
    if (oid_end - oid == 3 && memcmp(p + oid, "\x2b\x65\x70", 3) == 0) {
        v->algorithm = STS_DKIM_ED25519;
        v->end = element(p, key, key_end, STS_DER_OCTETS, &v->key);
        return v->end == key_end && v->end - v->key == 32;
    }
    return oid_end - oid == 9 && memcmp(p + oid, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9) == 0 &&
           rsa(p, key, key_end, v);
}

static struct verdict second(const uint8_t *p, size_t len)
{
    struct verdict v = {0};
    size_t in, inner, next, after;

    if (element(p, 0, len, STS_DER_SEQUENCE, &in) != len || len == 0) {
        return v;
    }
    next = naive_der_end(p, in, len, &inner);
    after = next == 0 ? 0 : naive_der_end(p, next, len, &inner);
    if (after == 0) {
        return v;
    }
    v.encrypted = p[in] == STS_DER_SEQUENCE && p[next] == STS_DER_OCTETS;
    if (p[in] == STS_DER_INTEGER) {
        v.good = p[next] == STS_DER_INTEGER ? rsa(p, 0, len, &v) : pkcs8(p, next, len, &v);
    }
    return v;
}

/* ---- PEM ------------------------------------------------------------------------------------------ */

static bool spells(const uint8_t *p, size_t len, const char *what)
{
    return len == strlen(what) && memcmp(p, what, len) == 0;
}

/* Where `what` begins, at or behind `at`; SIZE_MAX: nowhere. */
static size_t find(const uint8_t *p, size_t at, size_t len, const char *what)
{
    for (; at + strlen(what) <= len; at++) {
        if (memcmp(p + at, what, strlen(what)) == 0) {
            return at;
        }
    }
    return SIZE_MAX;
}

static bool clean(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] > 126 || (!isalnum(p[i]) && p[i] != '+' && p[i] != '/' && p[i] != '=' &&
                           !naive_blank((char)p[i]))) {
            return false;
        }
    }
    return true;
}

/* The octets of the first thing in a PEM file into `der`; 0: it is none that is decoded. */
static size_t from_pem(const uint8_t *p, size_t begin, size_t len, uint8_t *der, bool *encrypted)
{
    size_t label = begin + 11, text = find(p, label, len, "-----"), end;
    bool whole;

    *encrypted = false;
    if (text == SIZE_MAX || (end = find(p, text + 5, len, "-----END ")) == SIZE_MAX) {
        return 0;
    }
    *encrypted = spells(p + label, text - label, "ENCRYPTED PRIVATE KEY");
    if (!spells(p + label, text - label, "PRIVATE KEY") &&
        !spells(p + label, text - label, "RSA PRIVATE KEY")) {
        return 0;
    }
    text += 5;
    *encrypted = find(p, text, end, "ENCRYPTED") != SIZE_MAX;
    if (*encrypted || !clean(p + text, end - text)) {
        return 0;
    }
    return naive_base64((const char *)p + text, end - text, der, &whole);
}

/* ---- both ------------------------------------------------------------------------------------------ */

static void compare(const struct sts_sign_key *k, const uint8_t *file, const struct verdict *v)
{
    MUST(k->algorithm == v->algorithm && k->key == file + v->key && k->len == v->end - v->key);
    if (v->algorithm == STS_DKIM_RSA) {
        MUST(k->bits == v->bits && k->numbers == file + v->numbers);
        MUST(k->numbers_len == v->numbers_end - v->numbers);
    } else {
        MUST(k->len == 32 && k->numbers == NULL && k->numbers_len == 0);
    }
}

/* SubjectPublicKeyInfo around the two numbers, in memory of just its size. */
static void public_key(const struct sts_sign_key *k)
{
    size_t size = k->numbers_len + 28, in, n;
    uint8_t *out = malloc(size), *less = malloc(size - 1);

    MUST(out != NULL && less != NULL);
    n = sts_sign_key_public(k, out, size);
    MUST(n == (k->algorithm == STS_DKIM_RSA ? size : 0));
    MUST(sts_sign_key_public(k, less, size - 1) == 0);
    if (n > 0) {
        MUST(element(out, 0, n, STS_DER_SEQUENCE, &in) == n);
        in = element(out, in, n, STS_DER_SEQUENCE, &(size_t){0});
        MUST(in > 0 && element(out, in, n, STS_DER_BITS, &in) == n && out[in] == 0);
        MUST(element(out, in + 1, n, STS_DER_SEQUENCE, &in) == n);
        MUST(n - in == k->numbers_len && memcmp(out + in, k->numbers, n - in) == 0);
    }
    free(out);
    free(less);
}

static void judge(const struct sts_sign_key *k, int err, const uint8_t *file,
                  const struct verdict *v)
{
    MUST((err == STS_OK) == v->good && (k->why == NULL) == v->good);
    MUST(v->good || (err == STS_ERR_CONFIG && strlen(k->why) > 10));
    MUST(!v->encrypted || strstr(k->why, "is encrypted") != NULL);
    if (v->good) {
        compare(k, file, v);
        public_key(k);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *file = exact(data, size), *der = malloc(size + 1);
    size_t begin = find(data, 0, size, "-----BEGIN "), len;
    struct sts_sign_key k, again;
    struct verdict v;
    bool encrypted;
    int err = sts_sign_key_read(&k, file, size);

    MUST(der != NULL);
    if (begin == SIZE_MAX) {
        v = second(data, size);
        judge(&k, err, file, &v);
        MUST(size == 0 || memcmp(file, data, size) == 0); /* only PEM is written over */
    } else {
        len = from_pem(data, begin, size, der, &encrypted);
        v = second(der, len);
        v.encrypted |= encrypted;
        judge(&k, err, file, &v);
        if (v.good) { /* what stands there now is that DER */
            MUST(memcmp(file, der, len) == 0);
            MUST(sts_sign_key_read(&again, der, len) == STS_OK ||
                 find(der, 0, len, "-----BEGIN ") != SIZE_MAX);
        }
    }
    free(file);
    free(der);
    return 0;
}
