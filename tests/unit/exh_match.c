/* SPDX-License-Identifier: MIT
 *
 * P07: every pattern of up to four labels with every host of up to four, against a second matcher that
 * compares lists of labels..
 */
#include "test.h"

#include <ctype.h>

#include <stsmail/policy.h>

#define MAX_LABELS 4

static const char *const pattern_labels[] = {"a", "b", "AB", "*", "*a", "", "a*"};
static const char *const host_labels[] = {"a", "b", "ab", "x", "xa", "", "A"};

struct name {
    size_t count;
    size_t label[MAX_LABELS];
};

/* The next name of 1..MAX_LABELS labels; false after the last. */
static bool next(struct name *n, size_t choices)
{
    size_t i = 0;

    while (i < n->count && ++n->label[i] == choices) {
        n->label[i++] = 0;
    }
    return i < n->count || n->count++ < MAX_LABELS;
}

static size_t text_of(const struct name *n, const char *const *labels, char *out)
{
    out[0] = '\0';
    for (size_t i = 0; i < n->count; i++) {
        strcat(out, i > 0 ? "." : "");
        strcat(out, labels[n->label[i]]);
    }
    return strlen(out);
}

static bool same(const char *a, const char *b)
{
    while (*a != '\0' && tolower((unsigned char)*a) == tolower((unsigned char)*b)) {
        a++;
        b++;
    }
    return tolower((unsigned char)*a) == tolower((unsigned char)*b);
}

static bool naive(const struct name *p, const struct name *h)
{
    if (p->count != h->count) {
        return false;
    }
    for (size_t i = 0; i < p->count; i++) {
        const char *want = pattern_labels[p->label[i]], *have = host_labels[h->label[i]];
        bool star = i == 0 && p->count > 1 && strcmp(want, "*") == 0;

        if (star ? *have == '\0' : !same(want, have)) {
            return false;
        }
    }
    return p->count > 1 || *host_labels[h->label[0]] != '\0'; /* nothing matches no name */
}

TEST(p07_every_pair_of_pattern_and_host)
{
    unsigned long matches = 0;
    struct name p = {.count = 1}, h;

    do {
        char pattern[32], host[32];
        size_t pattern_len = text_of(&p, pattern_labels, pattern);

        h = (struct name){.count = 1};
        do {
            size_t host_len = text_of(&h, host_labels, host);
            bool got = sts_match(pattern, pattern_len, host, host_len);

            if (got != naive(&p, &h)) {
                printf("%s %s: %d\n", pattern, host, got);
            }
            CHECK(got == naive(&p, &h));
            matches += got;
        } while (next(&h, 7));
    } while (next(&p, 7));
    CHECK(matches > 1000);
}

TEST_MAIN("match, exhaustively")
