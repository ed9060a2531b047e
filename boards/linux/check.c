/* SPDX-License-Identifier: MIT */
#include "cli.h"

int check_command(struct options *o)
{
    (void)o;
    return EX_USAGE;
}
