/* SPDX-License-Identifier: MIT */
#include "cli.h"

int publish_command(struct options *o)
{
    (void)o;
    return EX_USAGE;
}
