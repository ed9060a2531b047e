/* SPDX-License-Identifier: MIT
 *
 * lwIP on this board: roomy, with DHCP, and IPv6 beside IPv4.
 */
#ifndef BOARDS_MPS2_AN385_LWIPOPTS_H
#define BOARDS_MPS2_AN385_LWIPOPTS_H

#ifndef BOARD_DHCP
#define BOARD_DHCP 1
#endif
#include "lwipopts_common.h"

#define MEM_SIZE           8192
#define PBUF_POOL_SIZE     16
#define PBUF_POOL_BUFSIZE  1536
#define MEMP_NUM_PBUF      8
#define MEMP_NUM_TCP_PCB   4
#define MEMP_NUM_TCP_SEG   16
#define MEMP_NUM_ARP_QUEUE 8
#define ARP_TABLE_SIZE     4
#define TCP_MSS            1460
#define TCP_WND            (4 * TCP_MSS)
#define TCP_SND_BUF        (2 * TCP_MSS)
#define TCP_SND_QUEUELEN   8

#endif
