/* SPDX-License-Identifier: MIT
 *
 * What both lwIPs have: the raw API, memory from malloc so that ASan sees every pbuf and pcb used after its end, and
 * windows that the seed sets.
 */
#ifndef TESTS_NET_LWIPOPTS_COMMON_H
#define TESTS_NET_LWIPOPTS_COMMON_H

#define NO_SYS                         1
#define SYS_LIGHTWEIGHT_PROT           0
#define LWIP_SOCKET                    0
#define LWIP_NETCONN                   0
#define LWIP_STATS                     0
#define LWIP_RAW                       0
#define LWIP_DNS                       0
#define LWIP_DHCP                      0
#define LWIP_ACD                       0
#define LWIP_SINGLE_NETIF              1
#define IP_REASSEMBLY                  0
#define IP_FRAG                        0
#define MEM_LIBC_MALLOC                1
#define MEMP_MEM_MALLOC                1
#define MEM_ALIGNMENT                  8
#define ARP_QUEUEING                   1
#define TCP_LISTEN_BACKLOG             0
#define TCP_MSS                        536
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1 /* TCP_WND is a variable */

#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) net_isn()

#endif
