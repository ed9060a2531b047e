/* SPDX-License-Identifier: MIT
 *
 * lwIP on this board: as small as it can be and still hold a server's first flight.
 */
#ifndef BOARDS_LM3S6965EVB_LWIPOPTS_H
#define BOARDS_LM3S6965EVB_LWIPOPTS_H

#ifndef BOARD_DHCP
#define BOARD_DHCP 0 /* DEFS=-DBOARD_DHCP=1 VARIANT=-dhcp: 208 bytes of RAM, 4.0 KB of flash */
#endif
#include "lwipopts_common.h"

#define MEM_SIZE           2000
#define PBUF_POOL_SIZE     6
#define PBUF_POOL_BUFSIZE  608
#define MEMP_NUM_PBUF      2
#define MEMP_NUM_TCP_PCB   3 /* the questions of one flight, where a name server answers over TCP alone */
#define MEMP_NUM_TCP_SEG   7 /* one more than TCP_SND_QUEUELEN: lwip_raw.h says why */
#define MEMP_NUM_ARP_QUEUE 4
#define ARP_TABLE_SIZE     2
#define TCP_MSS            536
#define TCP_WND            (4 * TCP_MSS)
#define TCP_SND_BUF        (2 * TCP_MSS)
#define TCP_SND_QUEUELEN   6

#endif
