/* SPDX-License-Identifier: MIT
 *
 * Patterns and host names (RFC 8461 4.1).
 */
#include "test.h"

#include <stsmail/policy.h>

static bool match(const char *pattern, const char *host)
{
    return sts_match(pattern, strlen(pattern), host, strlen(host));
}

TEST(r070_names_match_without_case)
{
    CHECK(match("mail.example.com", "mail.example.com") &&
          match("Mail.Example.COM", "mAIL.eXAMPLE.com"));
    CHECK(!match("mail.example.com", "mail.example.org") &&
          !match("mail.example.com", "mail.example.co"));
    CHECK(!match("example.com", "mail.example.com") && !match("mail.example.com", "example.com"));
    CHECK(!match("a", "") && !match("", "a") && !match("", ""));
    CHECK(match("xn--mil-ula.example", "XN--mil-ula.example")); /* A-labels as they are */
}

/* P07 */
TEST(r071_a_wildcard_is_exactly_one_leftmost_label)
{
    CHECK(match("*.example.net", "mail.example.net") && match("*.example.net", "a.EXAMPLE.net"));
    CHECK(!match("*.example.net", "example.net"));
    CHECK(!match("*.example.net", "a.b.example.net"));
    CHECK(!match("*.example.net", "xexample.net"));
    CHECK(!match("*.example.net", ".example.net"));
    CHECK(!match("*.example.net", "net") && !match("*.example.net", ""));
    CHECK(match("*.com", "example.com") && !match("*.com", "com"));
}

/* P06; and certificates: R-032 */
TEST(r032_other_stars_match_nothing)
{
    CHECK(!match("*", "a") && !match("*", "a.b") && !match("*a.b", "xa.b") &&
          !match("a*.b", "ax.b"));
    CHECK(!match("mail.*.com", "mail.example.com") && !match("*.*.com", "mail.example.com"));
    CHECK(!match("*evil.com", "notevil.com") && !match("**.b", "a.b") && !match("*.", "a"));
    CHECK(!match("*b", "a.b"));
}

TEST(r032_a_nul_in_a_name_ends_nothing)
{
    CHECK(!sts_match("a.b\0.evil", 9, "a.b", 3) && !sts_match("*.b\0.evil", 9, "a.b", 3));
}

/* Nothing is read behind the end of either, not even to look for "." */
TEST(r032_what_is_behind_the_end_does_not_matter)
{
    static const char one[1] = {'*'};

    CHECK(!sts_match(one, sizeof one, "a.b", 3) && !sts_pattern_valid(one, sizeof one));
    CHECK(!sts_pattern_valid("*.b", 1) && !sts_match("*.b", 1, "a.b", 3));
    CHECK(!sts_match("*.b", 3, NULL, 0));
}

TEST(r070_any_pattern_of_the_policy_will_do)
{
    static const char patterns[] = "a.example\0*.b.example\0c";
    struct sts_policy *p = &(struct sts_policy){.mx_count = 3, .mx_len = sizeof patterns};

    memcpy(p->mx, patterns, sizeof patterns);
    CHECK(sts_policy_match(p, "a.example") && sts_policy_match(p, "x.b.example"));
    CHECK(sts_policy_match(p, "c") && sts_policy_match(p, "C"));
    CHECK(!sts_policy_match(p, "b.example") && !sts_policy_match(p, "d") &&
          !sts_policy_match(p, ""));
    p->mx_count = 2; /* what stands behind is no pattern */
    CHECK(!sts_policy_match(p, "c"));
    p->mx_count = 0;
    CHECK(!sts_policy_match(p, "a.example"));
}

/* P06, R-056 (more in test_policy, which compares it with the parser) */
TEST(p06_patterns_are_a_domain_with_or_without_a_wildcard)
{
    CHECK(sts_pattern_valid(BYTES("a.b")) && sts_pattern_valid(BYTES("*.b")));
    CHECK(!sts_pattern_valid(BYTES("")) && !sts_pattern_valid(BYTES("*")) &&
          !sts_pattern_valid(BYTES("*.")) && !sts_pattern_valid(BYTES("*b")) &&
          !sts_pattern_valid(BYTES("*.*.b")) && !sts_pattern_valid(BYTES("a.")) &&
          !sts_pattern_valid(BYTES("_ab.c")) && !sts_pattern_valid(BYTES("192.0.2.1")) &&
          !sts_pattern_valid(BYTES("*.2.1")));
}

TEST_MAIN("match")
