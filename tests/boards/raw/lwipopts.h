/* SPDX-License-Identifier: MIT
 *
 * The boards' options, but for memory from malloc, so that ASan sees every pbuf and pcb that is used after its end.
 */
#ifndef TESTS_BOARDS_LWIPOPTS_H
#define TESTS_BOARDS_LWIPOPTS_H

#include "boards/common-arm/lwip/lwipopts_common.h"

#define MEM_CUSTOM_ALLOCATOR 1
#undef MEMP_MEM_MALLOC
#define MEMP_MEM_MALLOC 1
#undef MEM_ALIGNMENT
#define MEM_ALIGNMENT 8
#undef LWIP_NOASSERT
#undef LWIP_HOOK_TCP_ISN
#undef LWIP_ARP
#define LWIP_ARP             0
#define PBUF_POOL_BUFSIZE    300 /* packets in chains */
#define TCP_MSS              536
#define TCP_WND              (4 * TCP_MSS)
#define TCP_SND_BUF          (2 * TCP_MSS)
#define TCP_SND_QUEUELEN     8
#define MEMP_NUM_TCP_SEG     16
#define TCP_MSL              100
#define LWIP_CHKSUM_ALGORITHM 2

#endif
