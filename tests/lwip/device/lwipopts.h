/* SPDX-License-Identifier: MIT
 *
 * The options of a device with an RTOS, as small as port/lwip/sockets.c allows. The gate compiles with them.
 */
#define NO_SYS                    0
#define MEM_LIBC_MALLOC           0
#define MEMP_MEM_MALLOC           0
#define LWIP_SOCKET               1
#define LWIP_COMPAT_SOCKETS       0
#define LWIP_DNS                  0
#define DEFAULT_UDP_RECVMBOX_SIZE 2
#define DEFAULT_TCP_RECVMBOX_SIZE 6
#define MEMP_NUM_UDP_PCB          7
#define MEMP_NUM_TCP_PCB          4
#define MEMP_NUM_NETCONN          10
#define MEMP_NUM_NETBUF           12
#define ARP_QUEUEING              1
#define ARP_QUEUE_LEN             4
#define LWIP_IPV4                 1
#ifndef LWIP_IPV6
#define LWIP_IPV6 0
#endif
