/* SPDX-License-Identifier: MIT
 *
 * What lwIP's SNTP, DHCP and IPv6 learn, handed to the library. None of these clients carries an argument of ours, so there
 * are two variables of this file.
 */
#include <string.h>

#include <lwip/opt.h>

#include <lwip/dns.h>
#include <lwip/sys.h>
#include <lwip/udp.h>

#include <stsmail/config.h>
#include <stsmail/lwip_hooks.h>
#include <stsmail/lwip_services.h>

#include "address.h"

#if !MEMP_MEM_MALLOC && MEMP_NUM_UDP_PCB < STS_DNS_QUERIES + LWIP_DHCP + STS_LWIP_SNTP
#error "MEMP_NUM_UDP_PCB: one for each of STS_DNS_QUERIES, for DHCP and for SNTP"
#endif

/* ---- SNTP ----------------------------------------------------------------------------------- */

#if STS_LWIP_SNTP

#include <lwip/apps/sntp.h>
#include <lwip/dhcp.h>

/* From NTP's second 2^32 to 1970. lwIP's seconds are counted from there, with a sign: 1968 to 2104 (C06). */
#define NTP_ERA_1 INT64_C(2085978496)

static struct sts_lwip_sntp *sntp;

void sts_lwip_sntp_nonce(int32_t *seconds, uint32_t *fraction)
{
    /* Without random numbers the question can be guessed, but it must be another one than before. */
    if (sntp->random->fill(sntp->random->ctx, seconds, sizeof *seconds) != STS_OK ||
        sntp->random->fill(sntp->random->ctx, fraction, sizeof *fraction) != STS_OK) {
        *seconds = 0;
        *fraction = sys_now();
    }
}

void sts_lwip_sntp_answer(int32_t seconds)
{
    int error = sts_clock_set(sntp->clock, NTP_ERA_1 + seconds, STS_CLOCK_NETWORK, sys_now());
    uint16_t *count = error == STS_OK ? &sntp->taken : &sntp->refused;

    *count = (uint16_t)(*count + (*count < UINT16_MAX));
}

/* Asks at once: lwIP asks a server that it learns later only when its next turn comes. */
static int ask(void)
{
    sntp_stop();
    sntp_setoperatingmode(SNTP_OPMODE_POLL);
    sntp_init();
    return sntp_enabled() ? STS_OK : STS_ERR_MEMORY;
}

int sts_lwip_sntp_start(struct sts_lwip_sntp *s, struct sts_clock *clock,
                        const struct sts_random *random, const struct sts_ip *server)
{
    ip_addr_t to;

    *s = (struct sts_lwip_sntp){.clock = clock, .random = random, .from_dhcp = server == NULL};
    if (server != NULL && !lwip_address(server, &to)) {
        return STS_ERR_ARG;
    }
    sntp = s;
    if (server != NULL) {
        sntp_setserver(0, &to);
    }
    return ip_addr_isany(sntp_getserver(0)) ? STS_OK : ask();
}

#if LWIP_DHCP && LWIP_DHCP_GET_NTP_SRV

/* lwIP calls it with every lease, and its renewal. */
void dhcp_set_ntp_servers(u8_t n, const ip4_addr_t *given)
{
    ip_addr_t to;

    if (n == 0 || (sntp != NULL && !sntp->from_dhcp)) {
        return;
    }
    ip_addr_copy_from_ip4(to, given[0]);
    if (!ip_addr_eq(&to, sntp_getserver(0))) {
        sntp_setserver(0, &to);
        if (sntp != NULL) {
            (void)ask();
        }
    }
}

#endif

#endif

/* ---- name servers, in the place of lwIP's dns.c ---------------------------------------------- */

#if LWIP_DNS

static ip_addr_t servers[STS_DNS_SERVERS];

void dns_init(void) {}

void dns_tmr(void) {}

void dns_setserver(u8_t n, const ip_addr_t *server)
{
    if (n < STS_DNS_SERVERS) {
        servers[n] = server != NULL ? *server : *IP_ADDR_ANY;
    }
}

const ip_addr_t *dns_getserver(u8_t n)
{
    return n < STS_DNS_SERVERS ? &servers[n] : IP_ADDR_ANY;
}

size_t sts_lwip_dns_servers(struct sts_endpoint *out, size_t max)
{
    size_t count = 0;

    for (size_t i = 0; i < STS_DNS_SERVERS; i++) {
        if (count < max && !ip_addr_isany(&servers[i])) {
            our_address(&servers[i], &out[count].ip);
            out[count++].port = 53;
        }
    }
    return count;
}

#else

size_t sts_lwip_dns_servers(struct sts_endpoint *out, size_t max)
{
    (void)out;
    (void)max;
    return 0;
}

#endif
