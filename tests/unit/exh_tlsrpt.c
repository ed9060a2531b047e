/* SPDX-License-Identifier: MIT
 *
 * TLSRPT's TXT records, every short one (R01): all strings of pieces, whole and at every cut, against a second reader that is written from
 * RFC 8460 3 with the whole record in memory.
 */
#include "test.h"

#include <stdlib.h>

#include <stsmail/tlsrpt.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

struct naive {
    int result;
    unsigned count;
    char uris[8][64];
};

static bool naive_candidate(const char *s)
{
    if (strncmp(s, "v=TLSRPTv1", 10) != 0) {
        return false;
    }
    s += 10;
    return s[strspn(s, " \t")] == ';';
}

static char *trim(char *s)
{
    size_t n;

    s += strspn(s, " \t");
    for (n = strlen(s); n > 0 && strchr(" \t", s[n - 1]) != NULL; n--) {
    }
    s[n] = '\0';
    return s;
}

static bool visible(const char *s)
{
    for (; *s != '\0'; s++) {
        if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f) {
            return false;
        }
    }
    return true;
}

static bool naive_rua(char *value, struct naive *out)
{
    bool first = true;

    for (;;) {
        char *comma = strchr(value, ',');
        char *uri;

        if (comma != NULL) {
            *comma = '\0';
        }
        if (first && strchr(" \t", value[0]) != NULL) {
            return false; /* no blank behind "=" */
        }
        uri = trim(value);
        if (*uri == '\0' || !visible(uri)) {
            return false;
        }
        if (strpbrk(uri, "!\"<>\\^`{|}") == NULL &&
            ((strncasecmp(uri, "mailto:", 7) == 0 && uri[7] != '\0') ||
             (strncasecmp(uri, "https://", 8) == 0 && uri[8] != '\0'))) {
            strcpy(out->uris[out->count++], uri);
        }
        if (comma == NULL) {
            return true;
        }
        value = comma + 1;
        first = false;
    }
}

static bool naive_field(char *text, struct naive *out, bool *rua)
{
    char *value = strchr(text, '=');
    size_t n = value != NULL ? (size_t)(value - text) : 0;

    if (n < 1 || n > 32 || strspn(text, LETTERS "_-.") != n || strchr("_-.", text[0]) != NULL ||
        value[1] == '\0') {
        return false;
    }
    if (n == 3 && strncmp(text, "rua", 3) == 0) {
        *rua = true;
        return naive_rua(value + 1, out);
    }
    return visible(value + 1) && strpbrk(value + 1, "=") == NULL;
}

/* Splits at ";": the first part is the version, the last may be empty; blanks stand beside ";" alone. */
static struct naive naive(const char *record)
{
    struct naive out = {.result = STS_ERR_ABSENT};
    char copy[512], *s, *next;
    bool rua = false;

    if (!naive_candidate(record)) {
        return out;
    }
    out.result = STS_ERR_SYNTAX;
    strcpy(copy, record);
    for (s = strchr(copy, ';') + 1;; s = next) {
        size_t blank = strspn(s, " \t");

        next = strchr(s, ';');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (next == NULL && s[blank] == '\0') {
            break; /* the end */
        }
        s += blank;
        if (next != NULL) {
            s = trim(s);
        }
        if ((next == NULL && strchr(" \t", s[strlen(s) - 1]) != NULL) ||
            !naive_field(s, &out, &rua)) {
            out.count = 0;
            return out;
        }
        if (next == NULL) {
            break;
        }
    }
    if (rua) {
        out.result = STS_OK;
    }
    return out;
}

static void check(const char *record, size_t piece)
{
    struct naive want = naive(record);
    struct sts_tlsrpt_record r;
    size_t len = strlen(record);
    unsigned kept = want.count < STS_TLSRPT_URIS ? want.count : STS_TLSRPT_URIS;

    sts_tlsrpt_record_start(&r);
    sts_tlsrpt_record_open(&r);
    for (size_t at = 0; at < len; at += piece) {
        sts_tlsrpt_record_text(&r, record + at, len - at < piece ? len - at : piece);
    }
    sts_tlsrpt_record_close(&r);
    if (sts_tlsrpt_record_result(&r) != want.result || r.count != kept) {
        printf("\"%s\": %d, not %d; %u, not %u addresses\n", record, sts_tlsrpt_record_result(&r),
               want.result, r.count, kept);
        CHECK(false);
    }
    for (unsigned i = 0; i < kept; i++) {
        CHECK(strcmp(r.uris[i], want.uris[i]) == 0);
    }
}

TEST(r01_r141_r142_r143_r144_every_record_of_six_pieces)
{
    static const char *const pieces[] = {
        "v=TLSRPTv1",     ";",   " ",        "rua=", "mailto:a@b", ",",
        "https://h/?x=1", "k=v", "http://h", "!",    "=",          "\t;"};
    enum {
        N = sizeof pieces / sizeof pieces[0],
        LONGEST = 5
    };
    char record[256];

    for (size_t depth = 0; depth <= LONGEST; depth++) {
        unsigned long all = 1;

        for (size_t i = 0; i < depth; i++) {
            all *= N;
        }
        for (unsigned long n = 0; n < all; n++) {
            unsigned long rest = n;

            strcpy(record, "v=TLSRPTv1;");
            for (size_t i = 0; i < depth; i++, rest /= N) {
                strcat(record, pieces[rest % N]);
            }
            check(record, sizeof record);
            check(record + 11, sizeof record); /* without the version in front */
            if (n % 7 == 0) {
                check(record, 1);
                check(record, 1 + n % 13);
            }
        }
    }
}

TEST(r01_every_octet_at_every_place)
{
    static const char good[] = "v=TLSRPTv1; rua=mailto:a@b , https://h/;x=y; ";
    char record[64];

    for (size_t at = 0; at < sizeof good - 1; at++) {
        for (int c = 1; c < 256; c++) {
            strcpy(record, good);
            record[at] = (char)c;
            check(record, sizeof record);
        }
        strcpy(record, good);
        record[at] = '\0';
        check(record, 1); /* and each truncation */
    }
}

TEST_MAIN("exh_tlsrpt")
