/* SPDX-License-Identifier: MIT
 *
 * Names, numbers and addresses from hostile text, each against its own output: what was taken can be written, and
 * what was written is taken as the same.
 */
#include "fuzz.h"

#include <arpa/inet.h>

#include <stsmail/engine/text.h>
#include <stsmail/error.h>

/* The C library's reader is the oracle: it takes the same texts, but for a last group of one zero too few. */
static void address(const char *text, size_t len)
{
    struct sts_ip ip, again;
    char out[64], copy[64];
    uint8_t bytes[16];
    struct sts_out o;
    int result = sts_ip_parse(text, len, &ip);

    MUST(result == STS_OK || result == STS_ERR_SYNTAX);
    if (len < sizeof copy && memchr(text, '\0', len) == NULL) {
        memcpy(copy, text, len);
        copy[len] = '\0';
        MUST((result == STS_OK) ==
             (inet_pton(ip.family == 4 ? AF_INET : AF_INET6, copy, bytes) == 1));
        MUST(result != STS_OK || memcmp(bytes, ip.bytes, ip.family == 4 ? 4 : 16) == 0);
    } else {
        MUST(result != STS_OK);
    }
    if (result == STS_OK) {
        sts_out_start(&o, out, sizeof out);
        sts_out_ip(&o, &ip);
        sts_out_end(&o);
        MUST(!o.full && sts_ip_parse(out, o.len, &again) == STS_OK);
        MUST(again.family == ip.family && memcmp(again.bytes, ip.bytes, sizeof ip.bytes) == 0);
    }
}

/* An address of these octets, whatever they are. */
static void octets(const uint8_t *data, size_t size)
{
    struct sts_ip ip = {.family = 6}, again;
    char out[64];
    struct sts_out o;

    memcpy(ip.bytes, data, size < 16 ? size : 16);
    sts_out_start(&o, out, sizeof out);
    sts_out_ip(&o, &ip);
    MUST(!o.full && sts_ip_parse(out, o.len, &again) == STS_OK && again.family == 6);
    MUST(memcmp(again.bytes, ip.bytes, 16) == 0);
}

static void number(const char *text, size_t len)
{
    char digits[24];
    struct sts_out o;
    uint64_t n = 77, zeros = 0;
    int result = sts_get_number(text, len, UINT64_MAX, &n);

    MUST(result == STS_OK || (result == STS_ERR_SYNTAX && n == 77));
    if (result != STS_OK) {
        return;
    }
    while (zeros + 1 < len && text[zeros] == '0') {
        zeros++;
    }
    sts_out_start(&o, digits, sizeof digits);
    sts_out_number(&o, n);
    MUST(!o.full && o.len == len - zeros && memcmp(digits, text + zeros, o.len) == 0);
    MUST(sts_get_number(text, len, n, &n) == STS_OK);
    MUST(n == 0 || sts_get_number(text, len, n - 1, &n) == STS_ERR_SYNTAX);
}

static void name(const char *text, size_t len)
{
    char once[STS_NAME_SIZE], twice[STS_NAME_SIZE];
    size_t n;

    if (sts_name_canon(text, len, once) != STS_OK) {
        MUST(!sts_host_valid(text, len));
        return;
    }
    n = strlen(once);
    MUST(n > 0 && n <= 253 && (n == len || (n + 1 == len && text[n] == '.')));
    MUST(sts_same(once, n, text, n) && sts_host_valid(once, n));
    MUST(sts_name_canon(once, n, twice) == STS_OK && strcmp(once, twice) == 0);
    for (size_t i = 0, label = 0; i < n; i++) {
        label = once[i] == '.' ? 0 : label + 1;
        MUST((once[i] >= 'a' && once[i] <= 'z') || (once[i] >= '0' && once[i] <= '9') ||
             once[i] == '-' || once[i] == '.');
        MUST(label <= 63 && (label > 0 || (i > 0 && once[i - 1] != '.')));
    }
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Printable, never cut inside an escape, and the octets can be had back. */
static void escaped(const uint8_t *bytes, size_t len, size_t room)
{
    char *buf = malloc(room);
    size_t at = 0, i = 0;
    struct sts_out o;

    MUST(buf != NULL);
    sts_out_start(&o, buf, room);
    sts_out_escaped(&o, bytes, len);
    MUST(o.len < room && sts_out_end(&o)[o.len] == '\0');
    for (; at < o.len; i++) {
        uint8_t octet = (uint8_t)buf[at];

        MUST(i < len && octet >= 0x20 && octet < 0x7f);
        if (octet != '\\') {
            at += 1;
        } else if (buf[at + 1] == '\\') {
            at += 2;
        } else {
            MUST(at + 4 <= o.len && buf[at + 1] == 'x' && hex(buf[at + 2]) >= 0 &&
                 hex(buf[at + 3]) >= 0);
            octet = (uint8_t)(hex(buf[at + 2]) * 16 + hex(buf[at + 3]));
            at += 4;
        }
        MUST(octet == bytes[i]);
    }
    MUST(at == o.len && (i == len) == !o.full);
    free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy;

    if (size < 1) {
        return 0;
    }
    copy = exact(data + 1, size - 1);
    address((const char *)copy, size - 1);
    octets(copy, size - 1);
    number((const char *)copy, size - 1);
    name((const char *)copy, size - 1);
    (void)sts_name_is_ipv4((const char *)copy, size - 1);
    escaped(copy, size - 1, data[0] + 1u);
    escaped(copy, size - 1, size * 4);
    free(copy);
    return 0;
}
