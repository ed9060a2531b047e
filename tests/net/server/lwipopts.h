/* SPDX-License-Identifier: MIT
 *
 * The lwIP of the servers: roomy.
 */
#ifndef TESTS_NET_SERVER_LWIPOPTS_H
#define TESTS_NET_SERVER_LWIPOPTS_H

#include "../lwipopts_common.h"

#define LWIP_IPV6        0
#define TCP_QUEUE_OOSEQ  1
#define TCP_WND          server_window
#define TCP_SND_BUF      (8 * TCP_MSS)
#define TCP_SND_QUEUELEN 64

#endif
