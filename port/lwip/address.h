/* SPDX-License-Identifier: MIT
 *
 * Our addresses as lwIP's, and lwIP's as ours.
 */
#ifndef PORT_LWIP_ADDRESS_H
#define PORT_LWIP_ADDRESS_H

#include <string.h>

#include <lwip/ip_addr.h>
#include <lwip/netif.h>

#include <stsmail/port.h>

/* False: a family that this lwIP was built without. */
static inline bool lwip_address(const struct sts_ip *ip, ip_addr_t *out)
{
#if LWIP_IPV4
    if (ip->family == 4) {
        ip_addr_set_zero_ip4(out);
        memcpy(&ip_2_ip4(out)->addr, ip->bytes, 4);
        return true;
    }
#endif
#if LWIP_IPV6
    if (ip->family == 6) {
        ip_addr_set_zero_ip6(out);
        memcpy(ip_2_ip6(out)->addr, ip->bytes, 16);
        ip6_addr_assign_zone(ip_2_ip6(out), IP6_UNKNOWN, netif_default);
        return true;
    }
#endif
    return false;
}

static inline void our_address(const ip_addr_t *ip, struct sts_ip *out)
{
    memset(out, 0, sizeof *out);
#if LWIP_IPV6
    if (IP_IS_V6(ip)) {
        out->family = 6;
        memcpy(out->bytes, ip_2_ip6(ip)->addr, 16);
        return;
    }
#endif
#if LWIP_IPV4
    out->family = 4;
    memcpy(out->bytes, &ip_2_ip4(ip)->addr, 4);
#endif
}

#endif
