/* SPDX-License-Identifier: MIT
 *
 * A user's program: what the installed headers say must be what the installed library is.
 *
 * Prints sizeof(struct sts_mailer), the number of anchors in ANCHOR, and what sts_mailer_init() says.
 */
#include <stdio.h>
#include <string.h>

#include <stsmail/mailer.h>
#include <stsmail/posix.h>
#include <stsmail/ram_store.h>
#include <stsmail/wolfssl.h>

static const char anchor[] = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";

int main(void)
{
    static struct sts_mailer mailer;
    static struct sts_wolfssl wolf;
    static uint8_t pool[65536], memory[4096];
    struct sts_ram_store ram;
    struct sts_store store;
    struct sts_endpoint dns = {{4, {192, 0, 2, 53}}, 53};
    struct sts_mailer_config config = {.net = &sts_posix_net,
                                       .tls = &wolf.tls,
                                       .random = &sts_posix_random,
                                       .store = &store,
                                       .hostname = "ups7.example.com",
                                       .dns = &dns,
                                       .dns_count = 1};
    struct sts_time now;
    int tls;

    sts_posix_now(&now, 0);
    sts_ram_store_init(&ram, memory, sizeof memory, &store);
    tls = sts_wolfssl_init(&wolf, pool, sizeof pool, &sts_posix_random);
    (void)sts_wolfssl_trust_pem(&wolf, anchor, sizeof anchor - 1);
    printf("%zu %d %d\n", sizeof mailer, tls, sts_mailer_init(&mailer, &config));
    return 0;
}
