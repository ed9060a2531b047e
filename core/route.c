/* SPDX-License-Identifier: MIT
 *
 * The one place where it is decided what an MX has to prove.
 */
#include <stsmail/engine/route.h>

#include <stsmail/engine/smtp.h>

/* Whether the MX's name has to match the policy. */
enum names {
    ANY,   /* no policy speaks of names */
    TELL,  /* a mismatch is reported and delivered all the same */
    MATCH, /* a mismatch rules the MX out */
    NEVER, /* no MX will do: the floor asks for a policy in force, and there is none */
};

struct rule {
    uint8_t need;
    uint8_t names;
};

/* Rows: the policy in force (RFC 8461 5; no policy is as mode none: 3.2, 5).
 * Columns: the floor (C-7). The stricter of the two stands in the cell. */
static const struct rule rules[3][4] = {
    /*                      opportunistic                 encrypted
     *                      verified                      policy                          */
    [STS_MODE_NONE]    = { { STS_NEED_NOTHING, ANY },    { STS_NEED_TLS, ANY },
                           { STS_NEED_VERIFIED, ANY },   { STS_NEED_VERIFIED, NEVER } },
    [STS_MODE_TESTING] = { { STS_NEED_NOTHING, TELL },   { STS_NEED_TLS, TELL },
                           { STS_NEED_VERIFIED, TELL },  { STS_NEED_VERIFIED, MATCH } },
    [STS_MODE_ENFORCE] = { { STS_NEED_VERIFIED, MATCH }, { STS_NEED_VERIFIED, MATCH },
                           { STS_NEED_VERIFIED, MATCH }, { STS_NEED_VERIFIED, MATCH } },
};

static uint8_t mode_of(const struct sts_demand *d)
{
    return d->policy != NULL ? d->policy->mode : (uint8_t)STS_MODE_NONE;
}

void sts_route(const struct sts_demand *d, const char *mx, struct sts_route *out)
{
    const struct rule *rule = &rules[mode_of(d)][d->floor];
    bool               speaks = rule->names == TELL || rule->names == MATCH;

    out->need = rule->need;
    out->error = rule->names == NEVER ? STS_ERR_POLICY_REQUIRED : STS_OK;
    out->policy_match = -1;
    out->report = rule->names == TELL;
    if (!speaks) {
        return;
    }
    if (sts_policy_match(d->policy, mx)) {
        out->policy_match = 1;
        return;
    }
    /* The lines that did not fit may have named it: in testing that is unknown, in enforce it is
     * no (C-5, R-062). */
    out->policy_match = d->policy->cut && rule->names == TELL ? -1 : 0;
    if (rule->names == MATCH) {
        out->error = STS_ERR_MX_MISMATCH;
    }
}

bool sts_route_lenient(const struct sts_demand *d)
{
    return d->floor == STS_FLOOR_OPPORTUNISTIC && mode_of(d) != STS_MODE_ENFORCE;
}
