/* SPDX-License-Identifier: MIT
 *
 * The decision table against an oracle in words: RFC 8461 section 5 and C-7, written as conditions.
 */
#include <stsmail/engine/route.h>
#include <stsmail/engine/smtp.h>

#include "test.h"

static struct sts_policy policy;

static const struct sts_policy *with(int mode, const char *mx, bool cut)
{
    memset(&policy, 0, sizeof policy);
    policy.mode = (uint8_t)mode;
    policy.cut = cut;
    policy.mx_count = 1;
    policy.mx_len = (uint32_t)strlen(mx) + 1;
    memcpy(policy.mx, mx, strlen(mx) + 1);
    return &policy;
}

static struct sts_route route(const struct sts_policy *p, int floor, const char *mx)
{
    struct sts_demand d = {p, (uint8_t)floor};
    struct sts_route r;

    sts_route(&d, mx, &r);
    return r;
}

/* P17, P18, P32, R-080, R-084, R-085, R-086: every cell of floor x mode x match x cut. */
TEST(p32_the_stricter_of_floor_and_policy_wins_in_every_cell)
{
    for (int floor = 0; floor < 4; floor++) {
        for (int mode = -1; mode < 3; mode++) { /* -1: no policy */
            for (int match = 0; match < 2; match++) {
                for (int cut = 0; cut < 2; cut++) {
                    bool enforce = mode == STS_MODE_ENFORCE, testing = mode == STS_MODE_TESTING;
                    bool in_force = enforce || testing;
                    bool names = enforce || (testing && floor == STS_FLOOR_POLICY);
                    int need = enforce || floor >= STS_FLOOR_VERIFIED ? STS_NEED_VERIFIED
                               : floor == STS_FLOOR_ENCRYPTED         ? STS_NEED_TLS
                                                                      : STS_NEED_NOTHING;
                    struct sts_route r =
                        route(mode < 0 ? NULL : with(mode, "mx.example.org", cut), floor,
                              match ? "mx.example.org" : "evil.example.org");

                    CHECK(r.need == need);
                    if (floor == STS_FLOOR_POLICY && !in_force) {
                        CHECK(r.error == STS_ERR_POLICY_REQUIRED);
                    } else if (names && !match) {
                        CHECK(r.error == STS_ERR_MX_MISMATCH);
                    } else {
                        CHECK(r.error == STS_OK);
                    }
                    if (!in_force) {
                        CHECK(r.policy_match == -1);
                    } else if (match) {
                        CHECK(r.policy_match == 1);
                    } else {
                        CHECK(r.policy_match == (cut && !names ? -1 : 0));
                    }
                    CHECK(r.report == (testing && !names));
                }
            }
        }
    }
}

/* R-062, C-5: a cut policy allows nobody whom it does not name. */
TEST(r062_a_cut_enforced_policy_does_not_let_an_unnamed_mx_in)
{
    CHECK(route(with(STS_MODE_ENFORCE, "a.example", true), 0, "b.example").error ==
          STS_ERR_MX_MISMATCH);
}

/* C-11 */
TEST(c_11_only_without_enforcement_and_floor_is_clear_text_believed)
{
    for (int floor = 0; floor < 4; floor++) {
        for (int mode = -1; mode < 3; mode++) {
            struct sts_demand d = {mode < 0 ? NULL : with(mode, "mx.example", false),
                                   (uint8_t)floor};

            CHECK(sts_route_lenient(&d) == (floor == 0 && mode != STS_MODE_ENFORCE));
        }
    }
}

TEST_MAIN("route")
