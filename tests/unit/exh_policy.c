/* SPDX-License-Identifier: MIT
 *
 * Policy files, every short one: sequences of lines and of tokens against a second reader that is written
 * from RFC 8461 3.2 with whole lines in memory (and C-1, C-2 of DESIGN.md).
 */
#include "test.h"

#include <ctype.h>
#include <stdlib.h>

#include <stsmail/policy.h>

#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

struct naive {
    int mode;
    long max_age;
    bool version;
    size_t mx_count;
    char mx[16][64];
};

/* Octets of one character of RFC 3629 at s, 0 if there is none: decoded, then checked. */
static size_t naive_character(const unsigned char *s)
{
    static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : *s >= 0xc0 ? 2 : 1;
    unsigned long code = n == 1 ? *s : *s & (0xffu >> (n + 1));

    if (*s >= 0xf8 || (n == 1 && (*s >= 0x7f || *s < 0x20))) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (s[i] & 0x3f);
    }
    return code >= least[n] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? n : 0;
}

static bool naive_text(const char *value)
{
    while (*value != '\0') {
        size_t n = naive_character((const unsigned char *)value);

        if (n == 0) {
            return false;
        }
        value += n;
    }
    return true;
}

static bool naive_mx(const char *value)
{
    char copy[64], *label = copy, *dot;
    bool digits = true;

    strcpy(copy, strncmp(value, "*.", 2) == 0 ? value + 2 : value);
    do {
        dot = strchr(label, '.');
        if (dot != NULL) {
            *dot = '\0';
        }
        size_t n = strlen(label);
        if (n == 0 || strspn(label, ALNUM "-") != n || label[0] == '-' || label[n - 1] == '-') {
            return false;
        }
        digits = strspn(label, "0123456789") == n;
        label = dot + 1;
    } while (dot != NULL);
    return !digits;
}

static bool naive_field(struct naive *n, const char *name, const char *value)
{
    static const char *const modes[] = {"none", "testing", "enforce"};
    size_t digits = strspn(value, "0123456789");

    if (strcmp(name, "mx") == 0) {
        for (size_t i = 0; i <= strlen(value); i++) {
            n->mx[n->mx_count][i] = (char)tolower((unsigned char)value[i]);
        }
        n->mx_count++;
        return naive_mx(value);
    }
    if (strcmp(name, "version") == 0 && !n->version) {
        n->version = true;
        return strcmp(value, "STSv1") == 0;
    }
    if (strcmp(name, "mode") == 0 && n->mode < 0) {
        for (n->mode = 2; n->mode >= 0 && strcmp(value, modes[n->mode]) != 0; n->mode--) {
        }
        return n->mode >= 0;
    }
    if (strcmp(name, "max_age") == 0 && n->max_age < 0) {
        n->max_age = strtol(value, NULL, 10);
        return digits >= 1 && digits <= 10 && value[digits] == '\0';
    }
    return naive_text(value) && (*value != '\0' || strcmp(name, "version") == 0 ||
                                 strcmp(name, "mode") == 0 || strcmp(name, "max_age") == 0);
}

static bool naive_line(struct naive *n, char *line)
{
    size_t len = strlen(line), name;

    while (len > 0 && strchr(" \t", line[len - 1]) != NULL) {
        line[--len] = '\0';
    }
    if (len == 0) {
        return true;
    }
    name = strspn(line, ALNUM "_-.");
    if (name == 0 || name > 32 || strchr("_-.", line[0]) != NULL || line[name] != ':') {
        return false;
    }
    line[name++] = '\0';
    return naive_field(n, line, line + name + strspn(line + name, " \t"));
}

static bool naive(struct naive *n, const char *text)
{
    memset(n, 0, sizeof *n);
    n->mode = -1;
    n->max_age = -1;
    while (*text != '\0') {
        char line[256];
        size_t len = strcspn(text, "\n");

        memcpy(line, text, len);
        line[len] = '\0';
        if (text[len] == '\n' && len > 0 && line[len - 1] == '\r') {
            line[len - 1] = '\0';
        }
        if (!naive_line(n, line)) {
            return false;
        }
        text += len + (text[len] == '\n');
    }
    n->max_age = n->max_age > 31557600 ? 31557600 : n->max_age;
    return n->version && n->mode >= 0 && n->max_age >= 0 && (n->mode == 0 || n->mx_count > 0);
}

static unsigned long seen[2];

static void compare(const char *text)
{
    static struct sts_policy policy;
    static struct sts_policy_parser parser;
    static struct naive want;
    bool ok = naive(&want, text), got;

    sts_policy_start(&parser, &policy);
    (void)sts_policy_feed(&parser, text, strlen(text));
    got = sts_policy_end(&parser) == STS_OK;
    if (got != ok) {
        printf("<<%s>> %d: line %u, %s\n", text, ok, (unsigned)parser.line,
               sts_policy_reason(&parser));
    }
    CHECK(got == ok);
    seen[ok]++;
    if (ok) {
        CHECK(policy.mode == want.mode && (long)policy.max_age_s == want.max_age && !policy.cut);
        CHECK(policy.mx_count == want.mx_count);
        for (size_t i = 0; i < want.mx_count; i++) {
            CHECK(strcmp(sts_policy_mx(&policy, i), want.mx[i]) == 0);
        }
    }
}

/* Every sequence of 0..max tokens between two texts. */
static void each(const char *begin, const char *const *tokens, size_t count, size_t max,
                 const char *end)
{
    size_t digit[16], at;
    char text[512];

    for (size_t len = 0; len <= max; len++) {
        memset(digit, 0, sizeof digit);
        do {
            strcpy(text, begin);
            for (size_t i = 0; i < len; i++) {
                strcat(text, tokens[digit[i]]);
            }
            strcat(text, end);
            compare(text);
            for (at = 0; at < len && ++digit[at] == count; at++) {
                digit[at] = 0;
            }
        } while (at < len);
    }
}

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* P01, P02, P05: every order, absence and repetition of lines. */
TEST(p01_every_sequence_of_lines)
{
    static const char *const lines[] = {"version: STSv1\n",    "version: STSv2\n", "mode: none\n",
                                        "mode: enforce\r\n",   "mode: x\n",        "max_age: 1\n",
                                        "max_age: 31557601\n", "mx: a\n",          "x: y\n"};

    memset(seen, 0, sizeof seen);
    each("", lines, COUNT(lines), 6, "");
    CHECK(seen[0] > 1000 && seen[1] > 1000);
}

/* P09, P10: line ends, blanks and colons in every combination. */
TEST(p09_every_sequence_of_tokens)
{
    static const char *const tokens[] = {"mx", ":", " ", "\t", "\n", "\r", "a", "\xc3\xa4"};

    memset(seen, 0, sizeof seen);
    each("version:STSv1\nmode:none\nmax_age:1\n", tokens, COUNT(tokens), 6, "");
    each("version:STSv1\nmode:none\nmax_age:1\nm", tokens, COUNT(tokens), 6, "\n");
    each("version:STSv1\nmode:none\nmax_age:1", tokens, COUNT(tokens), 6, "\nx:y");
    CHECK(seen[0] > 1000 && seen[1] > 1000);
}

/* P06 */
TEST(p06_every_short_pattern)
{
    static const char *const letters[] = {"*", ".", "a", "1", "-", "_", "\xc3\xa4"};

    memset(seen, 0, sizeof seen);
    each("version:STSv1\nmode:none\nmax_age:1\nmx:", letters, COUNT(letters), 7, "\n");
    CHECK(seen[0] > 1000 && seen[1] > 1000);
}

TEST(p06_the_parser_and_the_pattern_check_agree)
{
    static const char letters[] = "*.aZ1-_";
    size_t digit[8] = {0}, at;
    char pattern[8], text[64];

    do {
        size_t len = 0;

        for (; len < 7 && digit[len] > 0; len++) {
            pattern[len] = letters[digit[len] - 1];
        }
        pattern[len] = '\0';
        struct sts_policy policy;
        struct sts_policy_parser parser;

        snprintf(text, sizeof text, "version:STSv1\nmode:none\nmax_age:1\nmx:%s", pattern);
        sts_policy_start(&parser, &policy);
        (void)sts_policy_feed(&parser, text, strlen(text));
        CHECK((sts_policy_end(&parser) == STS_OK) == sts_pattern_valid(pattern, len));
        for (at = 0; at < 7 && ++digit[at] == sizeof letters; at++) {
            digit[at] = 1;
        }
    } while (at < 7);
}

/* P03 */
TEST(p03_every_number_near_the_maximum_and_every_length)
{
    char text[128];

    for (unsigned long long n = 31557500; n < 31557700; n++) {
        for (int width = 1; width <= 12; width++) {
            snprintf(text, sizeof text, "version:STSv1\nmode:none\nmax_age:%0*llu", width, n);
            compare(text);
            snprintf(text, sizeof text, "version:STSv1\nmode:none\nmax_age:%.*llu", width,
                     n * 4294967ull);
            compare(text);
        }
    }
    for (unsigned long long n = 1; n < 1000000000000ull; n *= 3) {
        snprintf(text, sizeof text, "version:STSv1\nmode:none\nmax_age:%llu", n);
        compare(text);
    }
}

/* every octet, and every pair of octets from 0x80 on, in a value and at each place of a file. */
TEST(r061_every_octet_and_every_pair)
{
    static const char good[] =
        "version: STSv1\r\nmode: testing\nmax_age: 5 \nmx: *.a-b.c\nx: y z\n";
    char text[128];

    for (size_t at = 0; at < sizeof good - 1; at++) {
        for (int octet = 1; octet < 256; octet++) {
            memcpy(text, good, sizeof good);
            text[at] = (char)octet;
            compare(text);
        }
    }
    for (int a = 0x7f; a < 256; a++) {
        for (int b = 0x70; b < 256; b++) {
            snprintf(text, sizeof text, "%sx:%c%c", good, a, b);
            compare(text);
            for (int c = 0x70; c < 256; c += 0xf) {
                snprintf(text, sizeof text, "%sx:%c%c%c", good, a, b, c);
                compare(text);
                snprintf(text, sizeof text, "%sx:%c%c%c\xbf", good, a, b, c);
                compare(text);
            }
        }
    }
}

TEST_MAIN("policy, exhaustively")
