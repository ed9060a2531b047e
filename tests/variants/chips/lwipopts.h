/* SPDX-License-Identifier: MIT
 *
 * A small lwIP for every chip: one loop, the raw API, fixed pools, IPv4.
 */
#ifndef TESTS_CHIPS_LWIPOPTS_H
#define TESTS_CHIPS_LWIPOPTS_H

#define NO_SYS               1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET          0
#define LWIP_NETCONN         0
#define LWIP_STATS           0
#define LWIP_NOASSERT        1
#define LWIP_IPV6            0
#define LWIP_DNS             0
#define LWIP_DHCP            0
#define LWIP_ACD             0
#define LWIP_RAW             0
#define IP_REASSEMBLY        0
#define IP_FRAG              0
#define ARP_QUEUEING         1
#define TCP_LISTEN_BACKLOG   0
#define TCP_QUEUE_OOSEQ      0

#define MEM_ALIGNMENT           4
#define MEM_SIZE                4096
#define PBUF_POOL_SIZE          8
#define PBUF_POOL_BUFSIZE       608
#define MEMP_NUM_UDP_PCB        8
#define MEMP_NUM_TCP_PCB        3
#define MEMP_NUM_TCP_PCB_LISTEN 1
#define MEMP_NUM_TCP_SEG        10
#define TCP_MSS                 536
#define TCP_WND                 (4 * TCP_MSS)
#define TCP_SND_BUF             (2 * TCP_MSS)
#define TCP_SND_QUEUELEN        8

#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) chip_random()

#endif
