/* SPDX-License-Identifier: MIT
 *
 * TXT records, every short one: all strings of pieces against a second reader that is written from
 * RFC 8461 3.1 with the whole record in memory.
 */
#include "test.h"

#include <stdlib.h>

#include <stsmail/policy.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static bool naive_candidate(const char *s)
{
    if (strncmp(s, "v=STSv1", 7) != 0) {
        return false;
    }
    s += 7;
    s += strspn(s, " \t");
    return *s == ';';
}

/* One "name=value" in [s, end). */
static bool naive_field(const char *s, size_t len, char *id)
{
    char text[256], *value;
    const char *c;

    memcpy(text, s, len);
    text[len] = '\0';
    value = strchr(text, '=');
    if (value == NULL) {
        return false;
    }
    *value++ = '\0';
    if (strlen(text) < 1 || strlen(text) > 32 || strspn(text, LETTERS "_-.") != strlen(text) ||
        strchr("_-.", text[0]) != NULL || *value == '\0') {
        return false;
    }
    for (c = value; *c != '\0'; c++) {
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f || *c == '=' || *c == ';') {
            return false;
        }
    }
    if (strcmp(text, "id") == 0 && id[0] == '\0') {
        if (strlen(value) > 32 || strspn(value, LETTERS) != strlen(value)) {
            return false;
        }
        strcpy(id, value);
    }
    return true;
}

/* Splits at ";", takes the blanks off, looks at each part. The first is the version; the last may be
 * empty; blanks may stand only beside a ";". */
static int naive(const char *s, char *id)
{
    id[0] = '\0';
    if (!naive_candidate(s)) {
        return STS_ERR_ABSENT;
    }
    s = strchr(s, ';') + 1;
    for (;;) {
        const char *end = strchr(s, ';');
        size_t len = end != NULL ? (size_t)(end - s) : strlen(s);

        while (len > 0 && (*s == ' ' || *s == '\t')) {
            s++;
            len--;
        }
        if (end == NULL && len == 0) {
            break;
        }
        while (end != NULL && len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t')) {
            len--;
        }
        if (!naive_field(s, len, id)) {
            id[0] = '\0';
            return STS_ERR_SYNTAX;
        }
        if (end == NULL) {
            break;
        }
        s = end + 1;
    }
    return id[0] != '\0' ? STS_OK : STS_ERR_SYNTAX;
}

static unsigned long seen[3]; /* good, malformed, absent */

static void compare(const char *text)
{
    struct sts_record r;
    char id[256];
    int want = naive(text, id);

    sts_record_start(&r);
    sts_record_open(&r);
    sts_record_text(&r, text, strlen(text));
    sts_record_close(&r);
    if (sts_record_result(&r) != want || strcmp(r.id, id) != 0) {
        printf("\"%s\": %d, not %d\n", text, sts_record_result(&r), want);
    }
    CHECK(sts_record_result(&r) == want);
    CHECK(strcmp(r.id, id) == 0);
    seen[want == STS_OK ? 0 : want == STS_ERR_SYNTAX ? 1 : 2]++;
}

/* Every sequence of 0..max tokens after a beginning. */
static void each(const char *begin, const char *const *tokens, size_t count, size_t max)
{
    size_t digit[16], at;
    char text[256];

    for (size_t len = 0; len <= max; len++) {
        memset(digit, 0, sizeof digit);
        do {
            strcpy(text, begin);
            for (size_t i = 0; i < len; i++) {
                strcat(text, tokens[digit[i]]);
            }
            compare(text);
            for (at = 0; at < len && ++digit[at] == count; at++) {
                digit[at] = 0;
            }
        } while (at < len);
    }
}

TEST(p11_every_sequence_of_tokens)
{
    static const char *const tokens[] = {"v=STSv1", "id=", "a", ";", " ", "=", "-"};

    memset(seen, 0, sizeof seen);
    each("", tokens, 7, 7);
    each("v=STSv1", tokens, 7, 7);
    each("v=STSv1;id=a", tokens, 7, 7);
    CHECK(seen[0] > 1000 && seen[1] > 1000 && seen[2] > 1000);
}

TEST(p11_every_short_text_after_the_version)
{
    static const char *const tokens[] = {"i", "d", "=", ";", "\t", "_", "\x80"};

    memset(seen, 0, sizeof seen);
    each("v=STSv1;", tokens, 7, 7);
    each("v=STSv1;id=d", tokens, 7, 7);
    CHECK(seen[0] > 1000 && seen[1] > 1000);
}

TEST(r017_every_order_of_fields)
{
    static const char *const tokens[] = {"id=a;",  "id=b ;", " id=c-d;", "v=x;",
                                         "x=y;\t", "ID=z; ", "i=!;",     "id=;"};

    memset(seen, 0, sizeof seen);
    each("v=STSv1;", tokens, 8, 6);
    CHECK(seen[0] > 1000 && seen[1] > 1000);
}

TEST(r014_every_octet_at_every_place)
{
    static const char good[] = "v=STSv1 ; a=b; id=x9Z ; c.d=e!;";

    for (size_t at = 0; at < sizeof good - 1; at++) {
        for (int octet = 1; octet < 256; octet++) {
            char text[sizeof good];

            memcpy(text, good, sizeof good);
            text[at] = (char)octet;
            compare(text);
        }
    }
}

TEST(r015_names_and_ids_of_every_length)
{
    for (size_t n = 0; n < 40; n++) {
        char text[128] = "v=STSv1; id=", name[128] = "v=STSv1; id=a; ";

        memset(text + strlen(text), 'i', n);
        compare(text);
        memset(name + strlen(name), 'i', n);
        strcat(name, "=b;");
        compare(name);
    }
}

TEST_MAIN("record, exhaustively")
