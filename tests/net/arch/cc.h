/* SPDX-License-Identifier: MIT
 *
 * lwIP inside of a test: its asserts end the test, its random numbers come from the seed.
 */
#ifndef TESTS_NET_CC_H
#define TESTS_NET_CC_H

#include <stdint.h>

uint32_t net_random(void);
uint32_t net_isn(void);
_Noreturn void net_assert(const char *what);
extern uint16_t client_window, server_window;

#define LWIP_RAND()             net_random()
#define LWIP_PLATFORM_DIAG(x)   ((void)0)
#define LWIP_PLATFORM_ASSERT(x) net_assert(x)

#endif
