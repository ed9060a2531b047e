/* SPDX-License-Identifier: MIT
 *
 * The network on lwIP: fills struct sts_net of port.h. lwIP stays yours: start it, give it an address, and
 * call the mailer from any task but lwIP's own.
 *
 *     static struct sts_lwip_sockets net;
 *
 *     sts_lwip_sockets_init(&net, &random);
 *     ... hand &net.net to the mailer ...
 *
 * What lwipopts.h has to provide is listed in port/lwip/sockets.c and checked when that is compiled.
 */
#ifndef STSMAIL_LWIP_H
#define STSMAIL_LWIP_H

#include <stsmail/port.h>

#ifdef __cplusplus
extern "C" {
#endif

/* On lwIP's socket API (port/lwip/sockets.c), for a system with tasks: FreeRTOS, ESP-IDF, RT-Thread.
 * A handle is lwIP's own; wait() is lwip_select(). Every call is safe beside other tasks that use lwIP. */
struct sts_lwip_sockets {
    struct sts_net net; /* what the mailer wants; filled by sts_lwip_sockets_init() */
    const struct sts_random *random;
};

/* Prepares *s; it asks nothing of lwIP. *random draws the ports that DNS questions leave from, since LWIP_RAND is
 * often no more than rand(); it stays with the port. */
void sts_lwip_sockets_init(struct sts_lwip_sockets *s, const struct sts_random *random);

#ifdef __cplusplus
}
#endif
#endif
