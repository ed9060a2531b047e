/* SPDX-License-Identifier: MIT
 *
 * The list of MX hosts: order, bounds, names that are none.
 */
#include <stsmail/engine/mx.h>

#include "test.h"

static struct sts_mx_list l;

static void add(uint16_t preference, const char *name, uint16_t tie)
{
    static struct sts_dns_rr rr;

    memset(&rr, 0, sizeof rr);
    rr.type = STS_DNS_MX;
    rr.preference = preference;
    memcpy(rr.target, name, strlen(name) + 1);
    sts_mx_add(&l, &rr, tie, "me.example");
}

static void add_null(void)
{
    add(0, "", 0);
}

static bool is(size_t n, const char *name)
{
    return n < l.count && strcmp(l.mx[n].name, name) == 0;
}

/* RFC 5321 5.1 */
TEST(d29_lower_preference_is_first_and_equals_follow_the_dice)
{
    sts_mx_start(&l);
    add(65535, "z.example", 0);
    add(10, "b.example", 9);
    add(10, "a.example", 3);
    add(0, "first.example", 65535);
    sts_mx_finish(&l);
    CHECK(l.count == 4);
    CHECK(is(0, "first.example") && is(1, "a.example") && is(2, "b.example") && is(3, "z.example"));
}

TEST(d29_of_a_thousand_the_best_are_kept)
{
    char name[32];

    sts_mx_start(&l);
    for (int i = 0; i < 1000; i++) {
        int p = (i * 7919) % 1000;

        snprintf(name, sizeof name, "mx%d.example", p);
        add((uint16_t)p, name, 0);
    }
    sts_mx_finish(&l);
    CHECK(l.count == STS_MX_MAX && l.skipped);
    for (int i = 0; i < STS_MX_MAX; i++) {
        snprintf(name, sizeof name, "mx%d.example", i);
        CHECK(is((size_t)i, name));
    }
}

TEST(d29_a_name_that_stands_twice_counts_once_with_its_better_preference)
{
    sts_mx_start(&l);
    add(20, "a.example", 0);
    add(10, "b.example", 0);
    add(5, "a.example", 0);
    add(30, "b.example", 0);
    sts_mx_finish(&l);
    CHECK(l.count == 2 && is(0, "a.example") && l.mx[0].preference == 5 && is(1, "b.example"));
}

/* The one that comes back may stand anywhere, and what stood behind it moves up. */
TEST(d29_a_name_that_comes_back_leaves_the_others_in_their_order)
{
    static const char *const names[] = {"a.example", "b.example", "c.example", "d.example"};

    for (size_t again = 0; again < 4; again++) {
        sts_mx_start(&l);
        for (size_t i = 0; i < 4; i++) {
            add((uint16_t)(10 + i), names[i], (uint16_t)i);
        }
        add((uint16_t)(10 + again), names[again], 77);
        add(99, names[again], 0);
        CHECK(l.count == 4);
        for (size_t i = 0; i < 4; i++) {
            CHECK(is(i, names[i]) && l.mx[i].preference == 10 + i && l.mx[i].tie == i);
        }
        add(5, names[again], 8);
        CHECK(l.count == 4 && is(0, names[again]) && l.mx[0].preference == 5 && l.mx[0].tie == 8);
        for (size_t i = 0, n = 1; i < 4; i++) {
            CHECK(i == again || (is(n, names[i]) && l.mx[n++].preference == 10 + i));
        }
    }
}

TEST(d29_the_same_throw_of_the_dice_leaves_the_order_of_the_answer)
{
    sts_mx_start(&l);
    add(10, "b.example", 3);
    add(10, "a.example", 3);
    add(10, "c.example", 3);
    CHECK(is(0, "b.example") && is(1, "a.example") && is(2, "c.example"));
}

TEST(d27_names_that_are_no_hosts_are_skipped)
{
    static const char *const bad[] = {"localhost", "192.0.2.1", "a_b.example", "?", "-a.example"};

    sts_mx_start(&l);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        add(1, bad[i], 0);
    }
    CHECK(l.count == 0 && l.skipped && !l.null);
    add(2, "good.example", 0);
    sts_mx_finish(&l);
    CHECK(l.count == 1 && is(0, "good.example"));
}

/* RFC 7505 3 */
TEST(d26_a_null_mx_is_known_and_ignored_among_others)
{
    sts_mx_start(&l);
    add_null();
    CHECK(l.null && l.count == 0 && !l.skipped);
    add(1, "good.example", 0);
    CHECK(l.count == 1);
}

/* RFC 5321 5.1 */
TEST(s26_this_host_and_those_of_equal_or_worse_preference_go)
{
    sts_mx_start(&l);
    add(10, "better.example", 0);
    add(20, "equal.example", 0);
    add(30, "ME.example", 0);
    add(20, "me.example", 0);
    add(40, "me.example", 0);
    add(25, "worse.example", 0);
    sts_mx_finish(&l);
    CHECK(l.count == 1 && is(0, "better.example") && l.own);
}

TEST(s26_where_this_host_is_the_best_nobody_is_left)
{
    sts_mx_start(&l);
    add(10, "me.example", 0);
    sts_mx_finish(&l);
    CHECK(l.count == 0 && l.own);
    add(20, "worse.example", 0);
    sts_mx_finish(&l);
    CHECK(l.count == 0 && l.own);
}

/* */
TEST(r073_without_mx_the_domain_stands_for_itself)
{
    sts_mx_start(&l);
    sts_mx_implicit(&l, "example.org", "device.example.com");
    CHECK(l.count == 1 && is(0, "example.org"));
    CHECK(l.mx[0].preference == 0 && l.mx[0].tie == 0); /* RFC 5321 5.1 */
}

TEST(s26_the_implicit_mx_is_not_this_host)
{
    sts_mx_implicit(&l, "example.org", "Example.ORG");
    CHECK(l.count == 0 && l.own);
}

TEST_MAIN("mx")
