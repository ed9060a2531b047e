/* SPDX-License-Identifier: MIT
 *
 * The network of an image: lwIP on the board's Ethernet, its address (given, or by DHCP, or by IPv6's
 * autoconfiguration), the name servers, and the time from SNTP. Nothing waits for ever.
 */
#include "board.h"

#include <string.h>

#include <lwip/apps/sntp.h>
#include <lwip/dhcp.h>
#include <lwip/ethip6.h>
#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/timeouts.h>
#include <netif/ethernet.h>

#include "board_hooks.h"

#include <stsmail/lwip_raw.h>
#include <stsmail/lwip_services.h>

/* --timeout is for these too. SNTP's question is repeated after 15 and 45 seconds. */
#define ADDRESS_WAIT_S 30
#define TIME_WAIT_S    50

static struct netif netif;
static struct sts_lwip_sntp sntp;

/* ---- the loop --------------------------------------------------------------------------------- */

void network_turn(void *ctx, uint32_t max_ms)
{
    (void)ctx;
    board_alive(NULL);
    if (!board_netif_poll(&netif) && max_ms > 0) {
        clock_sleep();
    }
}

/* Until it is done, at most `seconds`. */
static bool wait_until(bool (*done)(void), uint32_t seconds)
{
    uint32_t start = clock_ms();

    while (!done() && clock_ms() - start < seconds * 1000u) {
        network_turn(NULL, 1);
        sys_check_timeouts();
    }
    return done();
}

static uint32_t patience(uint32_t seconds)
{
    return args.timeout_s != 0 ? args.timeout_s : seconds;
}

void network_linger(void)
{
    uint32_t start = clock_ms();

    while (clock_ms() - start < 100) {
        network_turn(NULL, 1);
        sys_check_timeouts();
    }
}

const struct sts_net *network_functions(void)
{
    static struct sts_lwip_raw raw;
    static struct sts_net net;

    sts_lwip_raw_init(&raw, &board_random, network_turn, NULL, &net);
    return &net;
}

/* ---- IPv4 ------------------------------------------------------------------------------------- */

static void to_lwip(const struct sts_ip *ip, ip4_addr_t *out)
{
    memcpy(&out->addr, ip->bytes, 4);
}

static bool add_netif(void)
{
    ip4_addr_t ip = {0}, mask = {0}, gateway = {0};

    if (args.ip.family != 0 && !args.dhcp) {
        to_lwip(&args.ip, &ip);
        to_lwip(&args.gateway, &gateway);
        mask.addr = lwip_htonl(UINT32_MAX << (32u - args.prefix));
    }
    lwip_init();
    if (netif_add(&netif, &ip, &mask, &gateway, NULL, board_netif_init, ethernet_input) == NULL) {
        return false;
    }
    netif_set_default(&netif);
    return true;
}

#if LWIP_DHCP
static bool have_lease(void)
{
    return dhcp_supplied_address(&netif) != 0;
}

static int start_dhcp(void)
{
    static struct dhcp dhcp;

    if (!args.dhcp) {
        return STS_OK;
    }
    dhcp_set_struct(&netif, &dhcp); /* else lwIP takes it from its heap */
    if (dhcp_start(&netif) != ERR_OK || !wait_until(have_lease, patience(ADDRESS_WAIT_S))) {
        say_number("no lease from DHCP within ", patience(ADDRESS_WAIT_S), " s");
        return STS_ERR_CONNECT;
    }
    return STS_OK;
}
#else
static int start_dhcp(void)
{
    return args.dhcp
               ? refuse(STS_ERR_CONFIG, "this image is built without DHCP: DEFS=-DBOARD_DHCP=1", "")
               : STS_OK;
}
#endif

/* ---- IPv6 ------------------------------------------------------------------------------------- */

#if LWIP_IPV6
static ip6_addr_t router6;

const ip6_addr_t *board_gateway6(void)
{
    return args.gateway6.family == 6 ? &router6 : NULL;
}

static void to_lwip6(const struct sts_ip *ip, ip6_addr_t *out)
{
    memcpy(out->addr, ip->bytes, 16);
    ip6_addr_clear_zone(out);
}

/* One of the addresses behind the link's own. */
static bool have_address6(void)
{
    for (s8_t i = 1; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        if (ip6_addr_ispreferred(netif_ip6_addr_state(&netif, i))) {
            return true;
        }
    }
    return false;
}

static int start_ipv6(void)
{
    ip6_addr_t address;
    s8_t slot;

    if (!args.slaac && args.ip6.family == 0) {
        return STS_OK;
    }
    netif.output_ip6 = ethip6_output;
    netif.flags |= NETIF_FLAG_MLD6; /* else nobody who looks for our address is answered */
    netif_create_ip6_linklocal_address(&netif, 1);
    to_lwip6(&args.gateway6, &router6);
    if (!args.slaac) {
        to_lwip6(&args.ip6, &address);
        if (netif_add_ip6_address(&netif, &address, &slot) == ERR_OK) {
            netif_ip6_addr_set_state(&netif, slot, IP6_ADDR_PREFERRED); /* it was given */
        }
        return STS_OK;
    }
    netif.ip6_autoconfig_enabled = 1;
    if (!wait_until(have_address6, patience(ADDRESS_WAIT_S))) {
        say_number("no router announced an IPv6 prefix within ", patience(ADDRESS_WAIT_S), " s");
        return STS_ERR_CONNECT;
    }
    return STS_OK;
}
#else
static int start_ipv6(void)
{
    return STS_OK;
}
#endif

/* ---- both ------------------------------------------------------------------------------------- */

int network_start(void)
{
    int error;

    if (!add_netif()) {
        return refuse(STS_ERR_CONNECT, "the network interface does not start", "");
    }
    netif_set_up(&netif);
    error = start_dhcp();
    error = error != STS_OK ? error : start_ipv6();
    if (error == STS_OK && args.dns_count == 0) {
        args.dns_count = sts_lwip_dns_servers(args.dns, STS_DNS_SERVERS);
    }
    if (error == STS_OK && args.dns_count == 0) {
        error = refuse(STS_ERR_DNS, "0 DNS servers, and 1 is needed: give one with --dns ADDR", "");
    }
    return error;
}

/* ---- time ------------------------------------------------------------------------------------- */

static bool time_known(void)
{
    struct sts_time now;

    clock_now(&now);
    return now.trust != STS_CLOCK_UNSET;
}

static bool time_told(void)
{
    return time_known() || sntp.refused > 0;
}

void network_time(void)
{
    const struct sts_ip *server = args.sntp.family != 0 ? &args.sntp : NULL; /* else DHCP's */
    bool asked =
        sts_lwip_sntp_start(&sntp, &calendar, &board_random, server) == STS_OK && sntp_enabled();

    if (asked) {
        (void)wait_until(time_told, patience(TIME_WAIT_S));
    }
    if (time_known()) {
        return;
    }
    if (sntp.refused > 0) {
        (void)refuse(0, "the clock is not set: SNTP says a time before this image was built", "");
    } else if (asked) {
        say_number("the clock is not set: no answer from SNTP within ", patience(TIME_WAIT_S),
                   " s");
    } else {
        (void)refuse(0, "the clock is not set: nobody was asked, give --sntp ADDR or --now SECONDS",
                     "");
    }
}
