/* SPDX-License-Identifier: MIT
 *
 * lwIP's options that are the same on every board: one loop, the raw API, fixed pools. How much of everything there is
 * says the board's own lwipopts.h, which includes this one. IPv6 is STS_IPV6 in the board's stsmail_limits.h.
 */
#ifndef BOARDS_COMMON_ARM_LWIPOPTS_COMMON_H
#define BOARDS_COMMON_ARM_LWIPOPTS_COMMON_H

#include <stsmail/config.h>

/* DHCP, which a board's lwipopts.h says before this is included. */
#ifndef BOARD_DHCP
#define BOARD_DHCP 0
#endif

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
#define LWIP_IPV6               STS_IPV6
#define LWIP_ARP                1
#define LWIP_ICMP               1
#define LWIP_RAW                0
#define LWIP_UDP                1
#define LWIP_TCP                1
#define LWIP_DHCP               BOARD_DHCP
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

/* The library asks the DNS itself: lwIP only says whom (stsmail/lwip_hooks.h), and its dns.c is left out. */
#define LWIP_DNS                       (LWIP_DHCP || LWIP_IPV6)
#define DNS_MAX_SERVERS                STS_DNS_SERVERS
#define LWIP_DHCP_MAX_DNS_SERVERS      STS_DNS_SERVERS
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS (LWIP_IPV6 * STS_DNS_SERVERS)
#define LWIP_DHCP_GET_NTP_SRV          LWIP_DHCP
#define LWIP_DHCP_DOES_ACD_CHECK       0 /* a second, and 2 KB */
#define STS_LWIP_SNTP                  1
#include <stsmail/lwip_hooks.h>

/* One UDP pcb for each question, and one for each of lwIP's clients; two timeouts for SNTP beyond what lwIP counts. */
#define MEMP_NUM_UDP_PCB     (STS_DNS_QUERIES + LWIP_DHCP + STS_LWIP_SNTP)
#define MEMP_NUM_SYS_TIMEOUT (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 2 * STS_LWIP_SNTP)

#if LWIP_IPV6
#define LWIP_IPV6_REASS                 0
#define LWIP_IPV6_FRAG                  0
#define LWIP_ND6_NUM_NEIGHBORS          4
#define LWIP_ND6_NUM_DESTINATIONS       6
#define LWIP_ND6_NUM_PREFIXES           2
#define LWIP_ND6_NUM_ROUTERS            2
#define MEMP_NUM_ND6_QUEUE              8
#define LWIP_HOOK_FILENAME              "board_hooks.h"
#define LWIP_HOOK_ND6_GET_GW(netif, to) board_gateway6()
#endif

/* Several questions leave before the gateway's address is known: each is kept, not just the last. With one more than
 * ARP_QUEUE_LEN the first would be lost, and with it two seconds. */
#define ARP_QUEUEING            1
#define ARP_QUEUE_LEN           MEMP_NUM_ARP_QUEUE

#define TCP_LISTEN_BACKLOG      0
#define MEMP_NUM_TCP_PCB_LISTEN 1
#define TCP_QUEUE_OOSEQ         0
#define LWIP_TCP_KEEPALIVE      0

/* RFC 6528: sequence numbers that cannot be guessed; lwIP's own are a counter. */
#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) board_rand32()

#endif
