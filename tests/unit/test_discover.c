/* SPDX-License-Identifier: MIT
 *
 * Discovery, where whole deliveries (test_mailer.c) do not reach: a resolver without room.
 */
#define _GNU_SOURCE
#include <stsmail/engine/discover.h>

#include "world.h"

static struct world w;
static struct sts_resolver resolver;
static struct sts_stream stream;
static struct sts_discover d;
static int slots[STS_DNS_QUERIES];

/* Leaves room for `left` questions. */
static void prepare(int left)
{
    world_start(&w);
    CHECK(sts_resolver_init(&resolver, &w.net, &w.rng, NULL, &w.dns, 1) == STS_OK);
    sts_stream_init(&stream, &w.net, &w.tls);
    for (int i = 0; i < STS_DNS_QUERIES - left; i++) {
        slots[i] = sts_resolver_ask(&resolver, "x.example", STS_DNS_A, NULL, NULL, 30, &w.now);
        CHECK(slots[i] >= 0);
    }
}

static int start(bool refresh)
{
    struct sts_discover_config c = {
        .random = &w.rng, .hostname = "a.example.com", .dns_timeout_s = 30, .https_port = 443};

    return sts_discover_start(&d, &c, &resolver, &stream, "example.org", refresh, &w.now);
}

static int room(void)
{
    int n = 0, got[STS_DNS_QUERIES];

    while (n < STS_DNS_QUERIES && (got[n] = sts_resolver_ask(&resolver, "y.example", STS_DNS_A,
                                                             NULL, NULL, 30, &w.now)) >= 0) {
        n++;
    }
    for (int i = 0; i < n; i++) {
        sts_resolver_drop(&resolver, got[i]);
    }
    return n;
}

/* MX, TXT, A and AAAA of the policy host: one question less than that is an error, and none is left behind. */
TEST(every_question_may_find_no_room_and_the_others_are_given_back)
{
    for (int left = 0; left < 3 + STS_IPV6; left++) {
        prepare(left);
        CHECK(start(false) == STS_ERR_SPACE);
        CHECK(room() == left);
        prepare(left);
        CHECK(start(true) == (left < 2 + STS_IPV6 ? STS_ERR_SPACE : STS_OK));
        CHECK(!sts_discover_has_mx(&d));
        sts_discover_stop(&d);
        CHECK(room() == left);
    }
    prepare(3 + STS_IPV6);
    CHECK(start(false) == STS_OK);
    CHECK(room() == 0 && !sts_discover_has_mx(&d));
    sts_discover_stop(&d);
    sts_discover_stop(&d);
    CHECK(room() == 3 + STS_IPV6);
}

TEST_MAIN("discover")
