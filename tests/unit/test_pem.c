/* SPDX-License-Identifier: MIT
 *
 * Reading a CA file by places (port/wolfssl/pem.c): the same octets from wherever one starts, however the lines are
 * broken.
 */
#include "test.h"

#include "../../port/wolfssl/cert.h"

#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END   "-----END CERTIFICATE-----\n"

/* 30 44, and 68 octets that count: 96 characters, no padding but the last. */
static uint8_t octets[70];
static char base64[97];
static char file[600];

static void make(void)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;

    octets[0] = 0x30;
    octets[1] = 68;
    for (size_t i = 2; i < sizeof octets; i++) {
        octets[i] = (uint8_t)(i * 7);
    }
    for (size_t i = 0; i < sizeof octets; i += 3) {
        unsigned v = (unsigned)octets[i] << 16;

        v |= i + 1 < sizeof octets ? (unsigned)octets[i + 1] << 8 : 0;
        v |= i + 2 < sizeof octets ? (unsigned)octets[i + 2] : 0;
        for (int shift = 18; shift >= 0; shift -= 6) {
            base64[n++] = digits[v >> shift & 63];
        }
    }
    base64[n - 1] = base64[n - 2] = '='; /* 70 = 3 * 23 + 1 */
    base64[n] = '\0';
}

/* The base64 text with `what` behind every `every` characters, but for the places behind `late` (0: none). */
static void check_broken(const char *what, size_t every, const char *late, size_t late_at)
{
    const char *at = file;
    struct sts_pem b;
    uint8_t got[80];
    size_t n;

    make();
    n = (size_t)sprintf(file, "%s\n", BEGIN);
    for (size_t i = 0; i < strlen(base64); i++) {
        if (i > 0 && i % every == 0) {
            n += (size_t)sprintf(file + n, "%s", what);
        }
        if (i == late_at) {
            n += (size_t)sprintf(file + n, "%s", late);
        }
        file[n++] = base64[i];
    }
    n += (size_t)sprintf(file + n, "\n%s", END);
    CHECK(sts_pem_next(&at, file + n, &b) && b.size == sizeof octets);
    for (size_t from = 0; from <= sizeof octets; from++) {
        size_t left = sizeof octets - from;

        CHECK(sts_pem_copy(&b, from, sizeof got, got) == left);
        CHECK(memcmp(got, octets + from, left) == 0);
        CHECK(left == 0 || sts_pem_copy(&b, from, 1, got) == 1);
    }
    CHECK(!sts_pem_next(&at, file + n, &b));
}

TEST(lines_of_any_length_and_end_are_read_by_places)
{
    for (size_t every = 1; every < 100; every++) {
        check_broken("\n", every, "", 0);
        check_broken("\r\n", every, "", 0);
    }
}

/* Found by fuzz_pem: lines of equal length were taken as regular though blanks stood within them, and what was read
 * behind those was wrong. Nothing is loaded by that, but a root in such a file was not found. */
TEST(a_blank_within_a_line_moves_nothing)
{
    for (size_t late_at = 0; late_at < 96; late_at++) {
        check_broken("\n", 32, " ", late_at);
        check_broken("\n", 32, "\r", late_at);
        check_broken("\r\n", 16, "\n", late_at);
        check_broken("\n", 200, "\t", late_at);
    }
    check_broken(" \n", 16, "", 0);
    check_broken("\n ", 16, "", 0);
}

TEST(what_is_no_certificate_is_passed_over)
{
    static const char *const bad[] = {
        "",
        BEGIN,
        BEGIN END,
        BEGIN "MEQ=" END,
        BEGIN "MEQ=-----END",
        BEGIN "\x80\xff" END,
        "-----BEGIN TRUSTED CERTIFICATE-----\n",
    };
    struct sts_pem b;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *at = bad[i];

        CHECK(!sts_pem_next(&at, bad[i] + strlen(bad[i]), &b));
    }
}

TEST_MAIN("pem")
