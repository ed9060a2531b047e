/* SPDX-License-Identifier: MIT
 *
 * lwIP's options that are the same on every board: one loop, the raw API, fixed pools, IPv4. How much of
 * everything there is says the board's own lwipopts.h, which includes this one.
 */
#ifndef BOARDS_COMMON_ARM_LWIPOPTS_COMMON_H
#define BOARDS_COMMON_ARM_LWIPOPTS_COMMON_H

#define NO_SYS                  1
#define SYS_LIGHTWEIGHT_PROT    0
#define LWIP_SOCKET             0
#define LWIP_NETCONN            0
#define LWIP_TIMERS             1
#define MEM_LIBC_MALLOC         0
#define MEMP_MEM_MALLOC         0
#define MEM_ALIGNMENT           4
#define LWIP_STATS              0
#define LWIP_NOASSERT           1

#define LWIP_IPV4               1
#define LWIP_IPV6               0
#define LWIP_ARP                1
#define LWIP_ICMP               1
#define LWIP_RAW                0
#define LWIP_UDP                1
#define LWIP_TCP                1
#define LWIP_DNS                0 /* the library asks itself */
#define LWIP_DHCP               0
#define LWIP_ACD                0
#define LWIP_AUTOIP             0
#define LWIP_IGMP               0
#define LWIP_HAVE_LOOPIF        0
#define LWIP_NETIF_LOOPBACK     0
#define LWIP_SINGLE_NETIF       1
#define IP_REASSEMBLY           0
#define IP_FRAG                 0
#define IP_FORWARD              0
#define UDP_TTL                 64
#define ETH_PAD_SIZE            0

/* Several questions leave before the gateway's address is known: each is kept, not just the last. */
#define ARP_QUEUEING            1

#define TCP_LISTEN_BACKLOG      0
#define MEMP_NUM_TCP_PCB_LISTEN 1
#define TCP_QUEUE_OOSEQ         0
#define LWIP_TCP_KEEPALIVE      0

/* RFC 6528: sequence numbers that cannot be guessed; lwIP's own are a counter. */
#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) board_rand32()

#endif
