/* SPDX-License-Identifier: MIT
 *
 * Policies that the owner gives (--policy DOMAIN=FILE): read from files of the debugger's host; a product has them in flash.
 */
#include "board.h"

#if BOARD_POLICIES > 0

static struct sts_policy policies[BOARD_POLICIES];
static struct sts_provisioned provisioned[BOARD_POLICIES];

static bool read_policy(const char *file, struct sts_policy *out)
{
    struct sts_policy_parser parser;
    char piece[64];
    uint32_t handle;
    size_t len;

    if (!semihost_open(file, &handle)) {
        return false;
    }
    sts_policy_start(&parser, out);
    do {
        len = semihost_get(handle, piece, sizeof piece);
        (void)sts_policy_feed(&parser, piece, len);
    } while (len == sizeof piece);
    semihost_close(handle);
    return sts_policy_end(&parser) == STS_OK;
}

int policies_read(struct sts_mailer_config *config)
{
    for (size_t i = 0; i < args.policies_count; i++) {
        if (!read_policy(args.policies[i].file, &policies[i])) {
            return refuse(STS_ERR_SYNTAX, "no valid policy: ", args.policies[i].file);
        }
        provisioned[i] = (struct sts_provisioned){args.policies[i].domain, &policies[i]};
    }
    config->provisioned = provisioned;
    config->provisioned_count = args.policies_count;
    return STS_OK;
}

#else

int policies_read(struct sts_mailer_config *config)
{
    (void)config;
    return STS_OK;
}

#endif
