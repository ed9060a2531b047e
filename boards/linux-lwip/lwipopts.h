/* SPDX-License-Identifier: MIT
 *
 * lwIP as this board builds it: with a tcpip thread and sockets, IPv4 and IPv6, from fixed pools like a device's, and
 * with every check that it has. A device makes the pools smaller: port/lwip/sockets.c lists what has to stay.
 */
#ifndef BOARDS_LINUX_LWIP_LWIPOPTS_H
#define BOARDS_LINUX_LWIP_LWIPOPTS_H

/* ---- threads and the interface ----------------------------------------------------------- */

#define NO_SYS                        0
#define SYS_LIGHTWEIGHT_PROT          1
#define LWIP_TCPIP_CORE_LOCKING       1
#define LWIP_TCPIP_CORE_LOCKING_INPUT 1 /* the TAP device queues, as far as lwIP is busy */
#define LWIP_NETCONN                  1
#define LWIP_SOCKET                   1
#define LWIP_SOCKET_SELECT            1
#define LWIP_SOCKET_POLL              0
#define LWIP_COMPAT_SOCKETS           0
#define LWIP_POSIX_SOCKETS_IO_NAMES   0
#define TCPIP_MBOX_SIZE               64
#define DEFAULT_UDP_RECVMBOX_SIZE     8
#define DEFAULT_TCP_RECVMBOX_SIZE     16
#define DEFAULT_RAW_RECVMBOX_SIZE     8
#define DEFAULT_ACCEPTMBOX_SIZE       4

/* ---- memory: lwIP's own, never the heap -------------------------------------------------- */

#define MEM_LIBC_MALLOC      0
#define MEMP_MEM_MALLOC      0
#define MEM_ALIGNMENT        8
#define MEM_SIZE             65536
#define PBUF_POOL_SIZE       256
#define PBUF_POOL_BUFSIZE    1536
#define MEMP_NUM_PBUF        32
#define MEMP_NUM_NETBUF      256 /* this sys_arch queues up to 128 datagrams a socket */
#define MEMP_NUM_NETCONN     32
#define MEMP_NUM_UDP_PCB     16
#define MEMP_NUM_TCP_PCB     16
#define MEMP_NUM_TCP_SEG     64
#define MEMP_NUM_SYS_TIMEOUT 16

/* ---- protocols --------------------------------------------------------------------------- */

#define LWIP_IPV4                     1
#define LWIP_IPV6                     1
#define LWIP_ARP                      1
#define ARP_QUEUEING                  1 /* questions wait while the address of their server is resolved: */
#define ARP_QUEUE_LEN                 8 /* all that go out at once; one more and the first is lost */
#define LWIP_ICMP                     1
#define LWIP_RAW                      0
#define LWIP_DNS                      0 /* the mailer asks itself */
#define LWIP_DHCP                     0 /* addresses are given by --ip */
#define LWIP_ACD                      0
#define LWIP_IPV6_DHCP6               0
#define LWIP_ND6_QUEUEING             1
#define IPV6_FRAG_COPYHEADER          1 /* pointers have 64 bits */
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 0 /* an address is given for certain: it is used at once */
#define LWIP_NETIF_LOOPBACK           0
#define TCP_MSS                       1460
#define LWIP_TCP_RTO_TIME             1000          /* RFC 6298; lwIP has 3 s */
#define TCP_WND                       (4 * TCP_MSS) /* a server's whole TLS flight, in one round trip */
#define TCP_SND_BUF                   (4 * TCP_MSS)
#define TCP_SND_QUEUELEN              16
#define TCP_OVERSIZE                  TCP_MSS
#define TCP_LISTEN_BACKLOG            0
#define LWIP_WND_SCALE                0

/* A connection's first sequence number cannot be guessed (RFC 9293 3.4.1); lwIP's own can. The gateway of IPv6 is given, not
 * learnt from router advertisements. */
#define LWIP_HOOK_FILENAME              "boards/linux-lwip/hooks.h"
#define LWIP_HOOK_TCP_ISN(l, lp, r, rp) board_random()
#define LWIP_HOOK_ND6_GET_GW(netif, to) board_gateway6()

/* ---- checks ------------------------------------------------------------------------------ */

#define LWIP_STATS                0
#define LWIP_ASSERT_CORE_LOCKED() sys_check_core_locking()
#define MEMP_OVERFLOW_CHECK       1
#define MEMP_SANITY_CHECK         1
#define MEM_OVERFLOW_CHECK        1
#define MEM_SANITY_CHECK          1
#define LWIP_PBUF_REF_T           u16_t

#ifdef __cplusplus
extern "C" {
#endif
void sys_check_core_locking(void);
#ifdef __cplusplus
}
#endif

#endif
