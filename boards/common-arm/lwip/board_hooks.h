/* SPDX-License-Identifier: MIT
 *
 * What lwIP's hooks call: see lwipopts_common.h.
 */
#ifndef BOARDS_COMMON_ARM_BOARD_HOOKS_H
#define BOARDS_COMMON_ARM_BOARD_HOOKS_H

#include "lwip/ip_addr.h"

#if LWIP_IPV6

/* The router for IPv6 that --gateway names; NULL: those that announce themselves. */
const ip6_addr_t *board_gateway6(void);
#endif

#endif
