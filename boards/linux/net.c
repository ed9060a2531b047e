/* SPDX-License-Identifier: MIT
 *
 * The network of this board: the operating system's. boards/linux-lwip has one of its own in place of this file.
 */
#include "cli.h"

#include <stsmail/posix.h>

const char net_usage[] = "";

int net_option(const struct where *where, const char *name, const char *value)
{
    (void)value;
    return say_setting(where, "%s is for the program on lwIP, build/linux-lwip/stsmail", name);
}

const struct sts_net *net_start(void)
{
    return &sts_posix_net;
}
