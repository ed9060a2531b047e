/* SPDX-License-Identifier: MIT
 *
 * Any certificate for any host. First octet: 0 to 63 is the length of a host name that follows, and 64 and 128 say
 * that what follows that is the list of names, or of extensions, of a certificate that is in order otherwise; without
 * them it is the whole certificate. A second walk, which knows nothing of the first, has to come to the same verdict.
 */
#include "fuzz.h"
#include "naive.h"

#include "../../port/wolfssl/cert.h"

/* ---- the second walk: numbers into an array, and nothing kept ------------------------------------- */

static bool two_digits(const uint8_t *p, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return false;
        }
    }
    return true;
}

static bool is_time(const uint8_t *p, size_t at, size_t in, size_t end)
{
    size_t digits = p[at] == 0x17 ? 12 : p[at] == 0x18 ? 14 : 0;

    return digits > 0 && end - in == digits + 1 && two_digits(p + in, digits) && p[end - 1] == 'Z';
}

static bool is_validity(const uint8_t *p, size_t at, size_t end)
{
    size_t in, next = naive_der_end(p, at, end, &in);

    if (next == 0 || !is_time(p, at, in, next)) {
        return false;
    }
    at = next;
    next = naive_der_end(p, at, end, &in);
    return next != 0 && is_time(p, at, in, next);
}

/* [at, end) becomes the extensions of a certificate, or nothing; false: this is no certificate. */
static bool find_extensions(const uint8_t *p, size_t len, size_t *at, size_t *stop)
{
    static const uint8_t tags[] = {0xa0, 0x02, 0x30, 0x30, 0x30, 0x30, 0x30};
    size_t in, next, pos, end = naive_der_end(p, 0, len, &in);

    *at = *stop = 0;
    if (end == 0 || p[0] != 0x30) {
        return false;
    }
    pos = in;
    end = naive_der_end(p, pos, end, &in);
    if (end == 0 || p[pos] != 0x30) {
        return false;
    }
    pos = in;
    for (size_t i = 0; i < sizeof tags; i++, pos = next) {
        next = naive_der_end(p, pos, end, &in);
        if (next == 0 || p[pos] != tags[i] || (i == 4 && !is_validity(p, in, next))) {
            return false;
        }
    }
    for (; pos < end; pos = next) {
        next = naive_der_end(p, pos, end, &in);
        if (next == 0) {
            return false;
        }
        if (p[pos] == 0xa3) {
            *stop = naive_der_end(p, in, next, at);
            if (*stop == 0 || p[in] != 0x30) {
                return false;
            }
        }
    }
    return true;
}

/* How many there are of 2.5.29.id, and where the value of the last one is; -1: malformed. */
static int find_value(const uint8_t *p, size_t at, size_t end, uint8_t id, size_t *from, size_t *to)
{
    size_t one_end, oid, oid_end, in, next;
    int count = 0;

    for (; at < end; at = one_end) {
        one_end = naive_der_end(p, at, end, &in);
        if (one_end == 0 || p[at] != 0x30) {
            return -1;
        }
        oid_end = naive_der_end(p, in, one_end, &oid);
        if (oid_end == 0 || p[in] != 6) {
            return -1;
        }
        next = naive_der_end(p, oid_end, one_end, &in);
        if (next == 0) {
            return -1;
        }
        size_t value = oid_end;
        if (p[value] == 1) {
            value = next;
            next = naive_der_end(p, value, one_end, &in);
        }
        if (next == 0 || p[value] != 4) {
            return -1;
        }
        if (oid_end - oid == 3 && p[oid] == 0x55 && p[oid + 1] == 0x1d && p[oid + 2] == id) {
            *from = in;
            *to = next;
            count++;
        }
    }
    return count > 1 ? -1 : count;
}

/* ---- names, label by label --------------------------------------------------------------------------- */

/* The lengths of a name's labels; their number, 0: not a name. */
static size_t labels(const uint8_t *s, size_t len, size_t lengths[128])
{
    size_t n = 0, run = 0;

    for (size_t i = 0; i <= len; i++) {
        if (i == len || s[i] == '.') {
            if (run < 1 || run > 63 || n == 127) {
                return 0;
            }
            lengths[n++] = run;
            run = 0;
        } else if (memchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", s[i],
                          63) != NULL) {
            run++;
        } else {
            return 0;
        }
    }
    return len <= 253 ? n : 0;
}

static uint8_t small(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool equal(const uint8_t *a, const uint8_t *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (small(a[i]) != small(b[i])) {
            return false;
        }
    }
    return true;
}

static bool is_host(const uint8_t *host, size_t len)
{
    size_t lengths[128], n = labels(host, len, lengths);

    return n > 0 && !two_digits(host + len - lengths[n - 1], lengths[n - 1]);
}

static bool stands_for(const uint8_t *id, size_t len, const uint8_t *host, size_t host_len)
{
    size_t a[128], b[128], n = labels(host, host_len, b);

    if (len > 2 && id[0] == '*' && id[1] == '.') {
        size_t rest = labels(id + 2, len - 2, a);

        return rest >= 2 && n == rest + 1 && host_len - b[0] == len - 1 &&
               equal(id + 2, host + b[0] + 1, len - 2);
    }
    return labels(id, len, a) > 0 && len == host_len && equal(id, host, len);
}

static int naive(const uint8_t *p, size_t len, const uint8_t *host, size_t host_len)
{
    size_t at, stop, from, to, in, next;
    int count;

    if (!find_extensions(p, len, &at, &stop)) {
        return STS_ERR_TLS;
    }
    count = find_value(p, at, stop, 17, &from, &to);
    if (count < 0) {
        return STS_ERR_TLS;
    }
    if (count == 1) {
        stop = naive_der_end(p, from, to, &at);
        if (stop == 0 || p[from] != 0x30) {
            return STS_ERR_TLS;
        }
    }
    if (count == 0 || !is_host(host, host_len)) {
        return STS_ERR_CERT_HOST;
    }
    for (; at < stop; at = next) {
        next = naive_der_end(p, at, stop, &in);
        if (next == 0) {
            return STS_ERR_TLS;
        }
        if (p[at] == 0x82 && stands_for(p + in, next - in, host, host_len)) {
            return STS_OK;
        }
    }
    return STS_ERR_CERT_HOST;
}

/* ---- a certificate round the input --------------------------------------------------------------------- */

static size_t wrap(uint8_t *out, uint8_t tag, const uint8_t *in, size_t len)
{
    const uint8_t head[4] = {tag, 0x82, (uint8_t)(len >> 8), (uint8_t)len};
    const uint8_t middle[3] = {tag, 0x81, (uint8_t)len};
    size_t n = len < 128 ? 2 : len < 256 ? 3 : 4;

    memmove(out + n, in, len);
    memcpy(out, n == 3 ? middle : head, n);
    if (n == 2) {
        out[1] = (uint8_t)len;
    }
    return n + len;
}

static size_t certificate(uint8_t *out, const uint8_t *in, size_t len, bool names)
{
    static const uint8_t fields[] =
        "\xa0\x03\x02\x01\x02\x02\x01\x01\x30\x00\x30\x00\x30\x1e\x17\x0d"
        "250101000000Z\x17\x0d"
        "350101000000Z\x30\x00\x30\x00";
    static const uint8_t alt_name[] = "\x06\x03\x55\x1d\x11";
    static uint8_t a[9000], b[9000];
    size_t n;

    memcpy(a, in, len);
    n = len;
    if (names) {
        n = wrap(b, 0x30, a, n);
        n = wrap(a, 4, b, n);
        memcpy(b, alt_name, 5);
        memcpy(b + 5, a, n);
        n = wrap(a, 0x30, b, n + 5);
    }
    n = wrap(b, 0x30, a, n);
    n = wrap(a, 0xa3, b, n);
    memcpy(b, fields, sizeof fields - 1);
    memcpy(b + sizeof fields - 1, a, n);
    n = wrap(a, 0x30, b, n + sizeof fields - 1);
    return wrap(out, 0x30, a, n);
}

/* What has no second implementation: it stays inside, and agrees with itself. */
static void rest(const uint8_t *der, size_t len)
{
    struct sts_cert c;
    struct sts_der value = {der, der};
    int usage = sts_identity_usage(der, len);

    MUST(usage == STS_OK || usage == STS_ERR_TLS);
    if (sts_cert_read(&c, der, len) != STS_OK) {
        MUST(usage != STS_OK);
        return;
    }
    MUST(c.issuer.at >= der && c.subject.end <= der + len && c.issuer.end <= c.subject.at);
    MUST(c.key.at >= c.subject.end && c.key.end <= der + len);
    MUST(usage != STS_OK || (sts_cert_key_strong(&c) && sts_cert_key_usage(&c, 0x80)));
    for (uint8_t id = 14; id < 38; id++) {
        size_t from = 0, to = 0, at, stop;
        int found = sts_cert_extension(&c, id, &value);

        MUST(find_extensions(der, len, &at, &stop));
        MUST(found == find_value(der, at, stop, id, &from, &to));
        MUST(found != 1 || (value.at == der + from && value.end == der + to));
    }
    (void)sts_cert_is_ca(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[9100];
    char *host;
    uint8_t *der;
    size_t len, n;
    int result;

    if (size < 1 || size - 1 < (size_t)(data[0] & 63) || size > 8000) {
        return 0;
    }
    len = data[0] & 63;
    host = (char *)exact(data, len + 1);
    memcpy(host, data + 1, len);
    host[len] = '\0';
    n = size - 1 - len;
    if (data[0] >= 64) {
        n = certificate(out, data + 1 + len, n, data[0] < 128);
        der = exact(out, n);
    } else {
        der = exact(data + 1 + len, n);
    }
    len = strlen(host);
    result = sts_identity_check(der, n, host);
    MUST(sts_identity_is_name(host) == is_host((const uint8_t *)host, len));
    MUST(result == naive(der, n, (const uint8_t *)host, len));
    rest(der, n);
    free(der);
    free(host);
    return 0;
}
