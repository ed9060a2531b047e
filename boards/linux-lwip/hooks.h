/* SPDX-License-Identifier: MIT
 *
 * What lwIP's hooks call: see lwipopts.h.
 */
#ifndef BOARDS_LINUX_LWIP_HOOKS_H
#define BOARDS_LINUX_LWIP_HOOKS_H

#include "lwip/ip6_addr.h"

/* The router for IPv6, or NULL. */
const ip6_addr_t *board_gateway6(void);

#endif
