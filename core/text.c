/* SPDX-License-Identifier: MIT
 *
 * Text that several engines need: names, numbers, addresses, bounded output.
 */
#include <stsmail/engine/text.h>

#include <string.h>

/* ---- comparing ---------------------------------------------------------------------------- */

bool sts_same(const char *a, size_t a_len, const char *b, size_t b_len)
{
    if (a_len != b_len) {
        return false;
    }
    for (size_t i = 0; i < a_len; i++) {
        if (sts_lower((uint8_t)a[i]) != sts_lower((uint8_t)b[i])) {
            return false;
        }
    }
    return true;
}

size_t sts_len(const char *s)
{
    return strlen(s);
}

bool sts_same_text(const char *a, const char *b)
{
    return sts_same(a, strlen(a), b, strlen(b));
}

/* ---- names -------------------------------------------------------------------------------- */

/* One label: letters, digits, and hyphens that are neither first nor last (RFC 5321 4.1.2). */
static bool label_valid(const char *label, size_t len)
{
    if (len == 0 || len > 63 || label[0] == '-' || label[len - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!sts_is_alnum((uint8_t)label[i]) && label[i] != '-') {
            return false;
        }
    }
    return true;
}

bool sts_host_valid(const char *text, size_t len)
{
    size_t start = 0;

    if (len >= STS_NAME_SIZE) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.') {
            if (!label_valid(text + start, i - start)) {
                return false;
            }
            start = i + 1;
        }
    }
    return label_valid(text + start, len - start);
}

int sts_name_canon(const char *text, size_t len, char out[STS_NAME_SIZE])
{
    if (len > 0 && text[len - 1] == '.') {
        len--; /* one root dot; a second one is an empty label */
    }
    if (!sts_host_valid(text, len)) {
        return STS_ERR_NAME;
    }
    for (size_t i = 0; i < len; i++) {
        out[i] = (char)sts_lower((uint8_t)text[i]);
    }
    out[len] = '\0';
    return STS_OK;
}

bool sts_name_is_ipv4(const char *text, size_t len)
{
    size_t digits = 0;

    while (digits < len && sts_is_digit((uint8_t)text[len - 1 - digits])) {
        digits++;
    }
    return digits > 0 && (digits == len || text[len - 1 - digits] == '.');
}

/* ---- numbers and addresses ---------------------------------------------------------------- */

int sts_get_number(const char *text, size_t len, uint64_t max, uint64_t *out)
{
    uint64_t n = 0;

    if (len == 0 || len > 20) {
        return STS_ERR_SYNTAX;
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t digit = (uint8_t)((uint8_t)text[i] - '0');

        if (digit > 9 || n > UINT64_MAX / 10 || n * 10 > UINT64_MAX - digit) {
            return STS_ERR_SYNTAX;
        }
        n = n * 10 + digit;
    }
    if (n > max) {
        return STS_ERR_SYNTAX;
    }
    *out = n;
    return STS_OK;
}

/* Four decimal numbers. A leading zero is refused: some read it as octal (RFC 6943 3.1.1). */
static int ipv4_parse(const char *text, size_t len, uint8_t out[4])
{
    size_t at = 0;

    for (int part = 0; part < 4; part++) {
        size_t start = at;
        uint64_t n = 0;

        while (at < len && text[at] != '.') {
            at++;
        }
        if ((at - start > 1 && text[start] == '0') ||
            sts_get_number(text + start, at - start, 255, &n) != STS_OK) {
            return STS_ERR_SYNTAX;
        }
        out[part] = (uint8_t)n;
        if (part < 3 && at++ == len) {
            return STS_ERR_SYNTAX;
        }
    }
    return at == len ? STS_OK : STS_ERR_SYNTAX;
}

static int hex_value(uint8_t c)
{
    if (sts_is_digit(c)) {
        return c - '0';
    }
    c = sts_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One group of hex digits, or the last 32 bits in decimal, from *at to out + *n. */
static int ipv6_group(const char *text, size_t len, size_t *at, uint8_t *out, size_t *n)
{
    size_t start = *at;
    unsigned value = 0;

    while (*at < len && *at - start < 4 && hex_value((uint8_t)text[*at]) >= 0) {
        value = value << 4 | (unsigned)hex_value((uint8_t)text[(*at)++]);
    }
    if (*at < len && text[*at] == '.') {
        if (*n > 12 || ipv4_parse(text + start, len - start, out + *n) != STS_OK) {
            return STS_ERR_SYNTAX;
        }
        *at = len;
        *n += 4;
        return STS_OK;
    }
    if (*at == start || *n > 14) {
        return STS_ERR_SYNTAX;
    }
    out[(*n)++] = (uint8_t)(value >> 8);
    out[(*n)++] = (uint8_t)(value & 0xff);
    return STS_OK;
}

/* RFC 4291 2.2, all three forms; no zone. `gap` is where "::" stood, in bytes of the address. */
static int ipv6_parse(const char *text, size_t len, uint8_t out[16])
{
    enum {
        NO_GAP = 17
    };
    size_t at = 0, n = 0, gap = NO_GAP;

    while (at < len) {
        if (len - at >= 2 && text[at] == ':' && text[at + 1] == ':') {
            if (gap != NO_GAP) {
                return STS_ERR_SYNTAX;
            }
            gap = n;
            at += 2;
            if (at == len) {
                break;
            }
        } else if (n > 0 && text[at++] != ':') {
            return STS_ERR_SYNTAX;
        }
        if (ipv6_group(text, len, &at, out, &n) != STS_OK) {
            return STS_ERR_SYNTAX;
        }
    }
    if (gap == NO_GAP) {
        return n == 16 ? STS_OK : STS_ERR_SYNTAX;
    }
    if (n > 14) {
        return STS_ERR_SYNTAX; /* "::" stands for one group of zeros or more */
    }
    memmove(out + 16 - (n - gap), out + gap, n - gap);
    memset(out + gap, 0, 16 - n);
    return STS_OK;
}

int sts_ip_parse(const char *text, size_t len, struct sts_ip *out)
{
    memset(out, 0, sizeof *out);
    if (memchr(text, ':', len) != NULL) {
        out->family = 6;
        return ipv6_parse(text, len, out->bytes);
    }
    out->family = 4;
    return ipv4_parse(text, len, out->bytes);
}

/* ---- bounded output ----------------------------------------------------------------------- */

void sts_out_start(struct sts_out *o, char *buf, size_t size)
{
    o->buf = buf;
    o->size = size;
    o->len = 0;
    o->full = false;
}

void sts_out_bytes(struct sts_out *o, const void *bytes, size_t len)
{
    if (o->full || len >= o->size - o->len) {
        o->full = true;
        return;
    }
    memcpy(o->buf + o->len, bytes, len);
    o->len += len;
}

void sts_out_text(struct sts_out *o, const char *text)
{
    sts_out_bytes(o, text, strlen(text));
}

void sts_out_char(struct sts_out *o, char c)
{
    sts_out_bytes(o, &c, 1);
}

void sts_out_number(struct sts_out *o, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    sts_out_bytes(o, digits + at, sizeof digits - at);
}

static const char hex_digits[] = "0123456789abcdef";

static void out_ipv4(struct sts_out *o, const uint8_t *bytes)
{
    for (int i = 0; i < 4; i++) {
        if (i > 0) {
            sts_out_char(o, '.');
        }
        sts_out_number(o, bytes[i]);
    }
}

static unsigned group_at(const uint8_t *bytes, int i)
{
    return (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
}

/* RFC 5952 4.2: the longest run of two or more zero groups, the first of equals. */
static int longest_zeros(const uint8_t *bytes, int *length)
{
    int best = -1, run = 0;

    *length = 1;
    for (int i = 0; i < 8; i++) {
        run = group_at(bytes, i) == 0 ? run + 1 : 0;
        if (run > *length) {
            *length = run;
            best = i + 1 - run;
        }
    }
    return best;
}

static void out_group(struct sts_out *o, unsigned value)
{
    int shift = 12;

    while (shift > 0 && value >> shift == 0) {
        shift -= 4; /* RFC 5952 4.1: no leading zeros */
    }
    for (; shift >= 0; shift -= 4) {
        sts_out_char(o, hex_digits[value >> shift & 15]);
    }
}

static void out_ipv6(struct sts_out *o, const uint8_t *bytes)
{
    int length, gap = longest_zeros(bytes, &length);

    for (int i = 0; i < 8; i++) {
        if (i == gap) {
            sts_out_text(o, "::");
            i += length - 1;
            continue;
        }
        if (i > 0 && i != gap + length) {
            sts_out_char(o, ':');
        }
        if (i == 6 && gap == 0 && length == 5 && group_at(bytes, 5) == 0xffff) {
            out_ipv4(o, bytes + 12); /* RFC 5952 5: ::ffff:192.0.2.1 */
            return;
        }
        out_group(o, group_at(bytes, i));
    }
}

void sts_out_ip(struct sts_out *o, const struct sts_ip *ip)
{
    char text[46];
    struct sts_out whole;

    sts_out_start(&whole, text, sizeof text);
    if (ip->family == 4) {
        out_ipv4(&whole, ip->bytes);
    } else if (ip->family == 6) {
        out_ipv6(&whole, ip->bytes);
    }
    sts_out_bytes(o, text, whole.len);
}

void sts_out_escaped(struct sts_out *o, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;

    for (size_t i = 0; i < len; i++) {
        char text[4] = {(char)p[i], 'x', hex_digits[p[i] >> 4], hex_digits[p[i] & 15]};
        size_t n = 1;

        if (p[i] == '\\') {
            text[1] = '\\';
            n = 2;
        } else if (p[i] < 0x20 || p[i] > 0x7e) {
            text[0] = '\\';
            n = 4;
        }
        sts_out_bytes(o, text, n);
    }
}

void sts_out_base64(struct sts_out *o, const uint8_t *bytes, size_t len, size_t line,
                    const char *fold)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t bits = 0;

        for (size_t j = 0; j < 3; j++) {
            bits = bits << 8 | (j < n ? bytes[i + j] : 0u);
        }
        if (i > 0 && i / 3 * 4 % line == 0) {
            sts_out_text(o, fold);
        }
        for (size_t j = 0; j < 4; j++) {
            sts_out_char(o, j <= n ? digits[bits >> (18 - 6 * j) & 63] : '=');
        }
    }
}

char *sts_out_end(struct sts_out *o)
{
    o->buf[o->len] = '\0';
    return o->buf;
}

/* ---- secrets -------------------------------------------------------------------------------- */

void sts_wipe(void *p, size_t len)
{
    volatile uint8_t *bytes = p;

    while (len-- > 0) {
        *bytes++ = 0;
    }
}
