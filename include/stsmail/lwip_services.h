/* SPDX-License-Identifier: MIT
 *
 * What lwIP's own clients learn, for the library: the time from SNTP, the name servers from DHCP or from IPv6's
 * router advertisements. lwipopts.h includes stsmail/lwip_hooks.h, which says how.
 *
 *     static struct sts_clock clock;
 *     static struct sts_lwip_sntp sntp;
 *
 *     dhcp_start(&netif); ... until dhcp_supplied_address(&netif) ...
 *     config.dns_count = sts_lwip_dns_servers(servers, STS_DNS_SERVERS);
 *     sts_lwip_sntp_start(&sntp, &clock, &random, NULL);
 *
 * lwIP's clients are one per program, so there is one of these. Called from lwIP's context, as lwip_raw.h.
 */
#ifndef STSMAIL_LWIP_SERVICES_H
#define STSMAIL_LWIP_SERVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stsmail/clock.h>
#include <stsmail/port.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- SNTP ----------------------------------------------------------------------------------- */

struct sts_lwip_sntp {
    struct sts_clock *clock;
    const struct sts_random *random;
    uint16_t taken, refused; /* answers that the clock took, or not (saturate) */
    bool from_dhcp;
};

/* Asks `server` for the time now, again after 15 s without an answer and then at growing distance, and every hour
 * once there was one (SNTP_UPDATE_DELAY). NULL: the first server that DHCP names, now or later
 * (LWIP_DHCP_GET_NTP_SRV). An answer goes to *clock as STS_CLOCK_NETWORK, at the tick sys_now(): give
 * sts_clock_now() the same tick. Without an answer the mailer defers with STS_ERR_CLOCK. All of it stays in place.
 * Times are good until 2104.
 * STS_OK; STS_ERR_ARG (an address of a family that lwIP was built without), STS_ERR_MEMORY (no UDP pcb is left). */
int sts_lwip_sntp_start(struct sts_lwip_sntp *s, struct sts_clock *clock,
                        const struct sts_random *random, const struct sts_ip *server);

/* ---- name servers --------------------------------------------------------------------------- */

/* The name servers that the network gave, at most max; how many. Whoever runs the network can give any: the same as
 * an attacker on the path, from whom policies protect and a floor (D38). Ask again before a delivery: a lease may
 * bring others. */
size_t sts_lwip_dns_servers(struct sts_endpoint *out, size_t max);

#ifdef __cplusplus
}
#endif
#endif
