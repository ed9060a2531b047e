/* SPDX-License-Identifier: MIT
 *
 * Every short text over a small alphabet: host names against a naive reading of RFC 5321 4.1.2,
 * addresses against the C library's.
 */
#include "test.h"

#include <stdlib.h>

#include <arpa/inet.h>

#include <stsmail/engine/text.h>

/* Calls check with every text of 0..max characters of the alphabet. */
static void each_text(const char *alphabet, size_t max, void (*check)(const char *s, size_t len))
{
    size_t letters = strlen(alphabet), digit[16] = {0};
    char s[17] = "";

    for (size_t len = 0; len <= max; len++) {
        size_t at = 0;

        memset(digit, 0, sizeof digit);
        do {
            for (size_t i = 0; i < len; i++) {
                s[i] = alphabet[digit[i]];
            }
            s[len] = '\0';
            check(s, len);
            for (at = 0; at < len && ++digit[at] == letters; at++) {
                digit[at] = 0;
            }
        } while (at < len);
    }
}

/* Domain = sub-domain *("." sub-domain); sub-domain = Let-dig [Ldh-str] */
static bool naive_host(const char *s)
{
    char copy[32], *label = copy;
    char *dot;

    strcpy(copy, s);
    do {
        dot = strchr(label, '.');
        if (dot != NULL) {
            *dot = '\0';
        }
        size_t n = strspn(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
        if (*label == '\0' || label[n] != '\0' || label[0] == '-' || label[n - 1] == '-') {
            return false;
        }
        label = dot + 1;
    } while (dot != NULL);
    return true;
}

static unsigned long good, bad;

static void check_host(const char *s, size_t len)
{
    bool want = naive_host(s);
    char canon[STS_NAME_SIZE], dotted[32];

    CHECK(sts_host_valid(s, len) == want);
    strcpy(dotted, s);
    strcat(dotted, ".");
    CHECK((sts_name_canon(dotted, len + 1, canon) == STS_OK) == want);
    CHECK(!want || sts_same_text(canon, s));
    *(want ? &good : &bad) += 1;
}

TEST(host_names_are_those_of_the_grammar)
{
    good = bad = 0;
    each_text("aZ9-._", 7, check_host);
    CHECK(good > 1000 && bad > 1000);
}

static void check_ip(const char *s, size_t len)
{
    struct sts_ip ip;
    uint8_t want[16] = {0};
    int family = strchr(s, ':') != NULL ? AF_INET6 : AF_INET;
    bool ok = inet_pton(family, s, want) == 1;

    CHECK((sts_ip_parse(s, len, &ip) == STS_OK) == ok);
    if (ok) {
        CHECK(ip.family == (family == AF_INET ? 4 : 6));
        CHECK(memcmp(ip.bytes, want, sizeof want) == 0);
    }
    *(ok ? &good : &bad) += 1;
}

TEST(addresses_are_read_as_the_c_library_reads_them)
{
    good = bad = 0;
    each_text("1:", 16, check_ip);
    CHECK(good > 100 && bad > 1000);
    each_text("0f:.", 9, check_ip);
    each_text("0259.", 8, check_ip);
    CHECK(good > 1000 && bad > 1000);
}

/* Every pattern of zero and non-zero groups, with groups of each number of digits. */
TEST(addresses_are_written_as_the_c_library_writes_them)
{
    static const uint16_t values[] = {0, 0x1, 0xffff, 0x10a, 0xb00};
    size_t at = 0;
    uint8_t digit[8] = {0};

    do {
        struct sts_ip ip = {.family = 6}, back;
        struct sts_out o;
        char ours[64], theirs[64];
        bool compatible = true; /* the C library has "::192.0.2.1", RFC 5952 does not */

        for (size_t i = 0; i < 8; i++) {
            ip.bytes[2 * i] = (uint8_t)(values[digit[i]] >> 8);
            ip.bytes[2 * i + 1] = (uint8_t)values[digit[i]];
            compatible = compatible && (i >= 6 || digit[i] == 0);
        }
        sts_out_start(&o, ours, sizeof ours);
        sts_out_ip(&o, &ip);
        sts_out_end(&o);
        CHECK(compatible ||
              strcmp(ours, inet_ntop(AF_INET6, ip.bytes, theirs, sizeof theirs)) == 0);
        CHECK(sts_ip_parse(ours, o.len, &back) == STS_OK && memcmp(&back, &ip, sizeof ip) == 0);
        for (at = 0; at < 8 && ++digit[at] == 5; at++) {
            digit[at] = 0;
        }
    } while (at < 8);
}

TEST_MAIN("text, exhaustively")
