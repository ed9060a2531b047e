/* SPDX-License-Identifier: MIT
 *
 * The addresses of a host: A and AAAA together, in the order in which they are tried (RFC 8305 4: the
 * families take turns, so that one that leads nowhere costs one wait).
 */
#include <string.h>

#include <stsmail/engine/resolver.h>
#include <stsmail/engine/text.h>

/* Addresses that no mail can go to, whoever says so in the DNS (D28): this network, multicast, class E and
 * broadcast; and where it is not wanted, what never leaves this machine or its link. */
static bool usable4(const uint8_t *ip)
{
    if (ip[0] == 0 || ip[0] >= 224) {
        return false;
    }
    return STS_ALLOW_LOOPBACK || !(ip[0] == 127 || (ip[0] == 169 && ip[1] == 254));
}

static bool usable6(const uint8_t *ip)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static const uint8_t zeros[15];

    if (ip[0] == 0xff || (memcmp(ip, zeros, 15) == 0 && ip[15] == 0)) {
        return false;
    }
    if (memcmp(ip, mapped, sizeof mapped) == 0) {
        return usable4(ip + 12);
    }
    return STS_ALLOW_LOOPBACK || !((ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80) ||
                                   (memcmp(ip, zeros, 15) == 0 && ip[15] == 1));
}

/* Puts an address where its turn is: behind `k` of its own family and as many of the other, or one more for
 * IPv4, as far as there are. The last one falls out of a full list. */
static void insert(struct sts_host *h, const struct sts_ip *ip)
{
    size_t own = 0, at;

    for (size_t i = 0; i < h->count; i++) {
        if (memcmp(&h->address[i], ip, sizeof *ip) == 0) {
            return;
        }
        own += h->address[i].family == ip->family;
    }
    at = h->count - own; /* of the other family */
    if (at > own + (ip->family == 4)) {
        at = own + (ip->family == 4);
    }
    at += own;
    if (at >= STS_ADDRESS_MAX) {
        return;
    }
    if (h->count < STS_ADDRESS_MAX) {
        h->count++;
    }
    memmove(&h->address[at + 1], &h->address[at], (h->count - at - 1u) * sizeof *ip);
    h->address[at] = *ip;
}

static void take(void *ctx, const struct sts_dns_rr *rr)
{
    struct sts_host *h = ctx;
    struct sts_ip ip;
    bool v6 = rr->type == STS_DNS_AAAA;

    h->alias |= rr->alias != 0;
    if (!(v6 ? usable6 : usable4)(rr->data)) {
        return;
    }
    memset(&ip, 0, sizeof ip);
    ip.family = v6 ? 6 : 4;
    memcpy(ip.bytes, rr->data, rr->data_len);
    insert(h, &ip);
}

int sts_host_start(struct sts_host *h, struct sts_resolver *r, const char *name, uint32_t timeout_s,
                   const struct sts_time *now)
{
    int slot;

    memset(h, 0, sizeof *h);
    h->slot6 = -1;
    slot = sts_resolver_ask(r, name, STS_DNS_A, take, h, timeout_s, now);
    h->slot4 = (int8_t)slot;
    if (slot >= 0 && STS_IPV6) {
        slot = sts_resolver_ask(r, name, STS_DNS_AAAA, take, h, timeout_s, now);
        h->slot6 = (int8_t)slot;
    }
    if (slot < 0) {
        sts_host_stop(h, r);
        return slot;
    }
    return STS_OK;
}

/* Whether a result says something about the name. */
static bool known(int result)
{
    return result == STS_OK || result == STS_ERR_ABSENT || result == STS_ERR_NXDOMAIN;
}

int sts_host_poll(struct sts_host *h, struct sts_resolver *r)
{
    int v4 = sts_resolver_result(r, h->slot4);
    int v6 = h->slot6 < 0 ? v4 : sts_resolver_result(r, h->slot6);

    if (v4 == STS_BUSY || v6 == STS_BUSY) {
        return STS_BUSY;
    }
    sts_host_stop(h, r);
    if (h->count > 0) {
        return STS_OK;
    }
    if (!known(v4)) {
        return v4;
    }
    if (!known(v6)) {
        return v6;
    }
    return v4 == v6 && v4 == STS_ERR_NXDOMAIN ? STS_ERR_NXDOMAIN : STS_ERR_ABSENT;
}

void sts_host_stop(struct sts_host *h, struct sts_resolver *r)
{
    sts_resolver_drop(r, h->slot4);
    sts_resolver_drop(r, h->slot6);
    h->slot4 = h->slot6 = -1;
}
