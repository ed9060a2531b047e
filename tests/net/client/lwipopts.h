/* SPDX-License-Identifier: MIT
 *
 * The device's lwIP: as small as on the boards. How many of everything there are says the seed (memory.c).
 */
#ifndef TESTS_NET_CLIENT_LWIPOPTS_H
#define TESTS_NET_CLIENT_LWIPOPTS_H

#include "../lwipopts_common.h"

#define LWIP_IPV6         1
#define LWIP_IPV6_REASS   0
#define LWIP_IPV6_FRAG    0
#define TCP_QUEUE_OOSEQ   0
#define TCP_WND           client_window
#define TCP_SND_BUF       (2 * TCP_MSS)
#define TCP_SND_QUEUELEN  8
#define PBUF_POOL_BUFSIZE 608

#endif
