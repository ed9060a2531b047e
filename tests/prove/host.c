/* SPDX-License-Identifier: MIT */
#include "eva.h"

#include "core/host.c"

/* RDATA as sts_dns_next() lets it through: 4 octets of A, 16 of AAAA. */
void prove(void)
{
    static struct sts_host h;
    static uint8_t data[16];
    struct sts_dns_rr rr;
    uint8_t count = (uint8_t)upto(STS_ADDRESS_MAX);
    uint32_t families = upto((1u << STS_ADDRESS_MAX) - 1);
    bool six = either();

    ANY(h);
    ANY(data);
    h.alias = either();
    //@ split count;
    h.count = count;
    //@ split families;
    for (int i = 0; i < STS_ADDRESS_MAX; i++) {
        h.address[i].family = families >> i & 1 ? 6 : 4;
    }
    ANY(rr);
    //@ split six;
    rr.type = six ? STS_DNS_AAAA : STS_DNS_A;
    rr.data_len = six ? 16 : 4;
    rr.data = data + (six ? 0 : 12);
    take(&h, &rr);
    //@ assert h.count <= STS_ADDRESS_MAX;
}
