/* SPDX-License-Identifier: MIT
 *
 * struct sts_net on lwIP's raw API (NO_SYS=1): one loop, no thread, no heap. Everything that this port needs
 * comes from lwIP's own pools and from one struct of the caller's.
 *
 *     static struct sts_lwip_raw net;
 *     static struct sts_net net_functions;
 *
 *     lwip_init(); netif_add(...); ...
 *     sts_lwip_raw_init(&net, &random, network_turn, &netif, &net_functions);
 *     ... hand &net_functions to the mailer ...
 *
 * The time, and the name servers of DHCP and IPv6: stsmail/lwip_services.h. For IPv6 the netif needs
 * NETIF_FLAG_MLD6, or nobody who looks for its address is answered.
 *
 * lwIP's options: LWIP_UDP and LWIP_TCP; MEMP_NUM_UDP_PCB at least STS_DNS_QUERIES beyond what else runs (DHCP, SNTP);
 * MEMP_NUM_TCP_PCB at least 2, since a connection that was closed lingers; ARP_QUEUEING, or the first
 * questions push each other out; PBUF_POOL_SIZE for TCP_WND bytes and two frames; MEMP_NUM_TCP_SEG
 * more than TCP_SND_QUEUELEN, or a full queue leaves nothing to split a segment with that a peer's window is too small for. lwIP's own sequence numbers
 * can be guessed: set LWIP_HOOK_TCP_ISN.
 *
 * Called, like all of lwIP without an OS, from one context: never from an interrupt.
 */
#ifndef STSMAIL_LWIP_RAW_H
#define STSMAIL_LWIP_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stsmail/config.h>
#include <stsmail/port.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Handles that can be open at once: the questions and the one connection, and one to spare. 20 bytes each. */
#define STS_LWIP_RAW_HANDLES (STS_DNS_QUERIES + 2)

/* Datagrams kept for one handle until they are read; more are dropped, so that a flood cannot take all of lwIP's
 * pbufs. A stream's bytes are bounded by TCP_WND. */
#define STS_LWIP_RAW_DATAGRAMS 2

struct udp_pcb;
struct tcp_pcb;
struct pbuf;

/* One handle; the port's own. */
struct sts_lwip_raw_slot {
    union {
        struct udp_pcb *udp;
        struct tcp_pcb *tcp; /* NULL: lwIP has given it up */
    } pcb;
    struct pbuf *in[STS_LWIP_RAW_DATAGRAMS]; /* arrived, not read; a stream has all of it in the first */
    uint8_t kind;
    bool open;  /* the stream was connected once */
    bool ended; /* nothing more will come */
};

struct sts_lwip_raw {
    const struct sts_random *random;
    void (*turn)(void *ctx, uint32_t max_ms);
    void *ctx;
    struct sts_lwip_raw_slot slot[STS_LWIP_RAW_HANDLES];
};

/* Prepares *r and fills *out; both stay in place, *random too.
 *
 * turn   one turn of the network loop, called by wait(): hands frames that the driver has to lwIP (netif->input);
 *        where there is none it may sleep, at most max_ms (0: do not sleep), best until the next interrupt.
 *        lwIP's timers are run by wait() itself. With a loop of your own that does both all the time it may
 *        be NULL. */
void sts_lwip_raw_init(struct sts_lwip_raw *r, const struct sts_random *random,
                       void (*turn)(void *ctx, uint32_t max_ms), void *ctx, struct sts_net *out);

#ifdef __cplusplus
}
#endif
#endif
