/* SPDX-License-Identifier: MIT
 *
 * A whole firmware for any chip, as far as the linker is concerned: the mailer, TLS, lwIP. What a board has is empty
 * here, so it is linked and looked at, and never run.
 */
#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/sys.h>
#include <netif/etharp.h>
#include <netif/ethernet.h>

#include <stsmail/lwip_raw.h>
#include <stsmail/mailer.h>
#include <stsmail/ram_store.h>
#include <stsmail/wolfssl.h>

int firmware(void);

static struct sts_mailer mailer;
static struct sts_lwip_raw raw;
static struct sts_net net;
static struct sts_wolfssl wolf;
static struct sts_ram_store ram;
static struct sts_store store;
static struct netif netif;
static _Alignas(16) uint8_t pool[24 * 1024], records[2048];
static volatile uint32_t chip_register;

uint32_t chip_random(void)
{
    return chip_register;
}

u32_t sys_now(void)
{
    return chip_register;
}

static int fill(void *ctx, void *buf, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)buf)[i] = (uint8_t)chip_register;
    }
    return STS_OK;
}
static const struct sts_random random_numbers = {NULL, fill};

static err_t frame_out(struct netif *n, struct pbuf *p)
{
    (void)n;
    chip_register = p->tot_len;
    return ERR_OK;
}

static err_t chip_netif(struct netif *n)
{
    n->output = etharp_output;
    n->linkoutput = frame_out;
    n->mtu = 1500;
    n->hwaddr_len = ETH_HWADDR_LEN;
    n->flags = NETIF_FLAG_ETHARP | NETIF_FLAG_LINK_UP;
    return ERR_OK;
}

static void turn(void *ctx, uint32_t max_ms)
{
    struct pbuf *p = chip_register != 0 ? pbuf_alloc(PBUF_RAW, 64, PBUF_POOL) : NULL;

    (void)ctx;
    (void)max_ms;
    if (p != NULL && netif.input(p, &netif) != ERR_OK) {
        pbuf_free(p);
    }
}

static struct sts_time now(void)
{
    return (struct sts_time){chip_register, 1790000000, STS_CLOCK_OWNER};
}

static int deliver(const struct sts_mailer_config *config, const struct sts_mail *mail)
{
    struct sts_time t = now();
    int result = sts_mailer_init(&mailer, config);

    if (result == STS_OK) {
        result = sts_mailer_send(&mailer, mail, &t);
    }
    while (result == STS_OK && (result = sts_mailer_poll(&mailer, &t)) == STS_BUSY) {
        sts_mailer_wait(&mailer, &t, 100);
        t = now();
        result = STS_OK;
    }
    return result;
}

int firmware(void)
{
    static const struct sts_endpoint dns = {{4, {192, 0, 2, 53}}, 53};
    static const struct sts_mailer_config config = {.net = &net,
                                                    .tls = &wolf.tls,
                                                    .random = &random_numbers,
                                                    .store = &store,
                                                    .hostname = "device.example",
                                                    .dns = &dns,
                                                    .dns_count = 1};
    static const struct sts_message message = {.from = "a@device.example", .subject = "alert"};
    static struct sts_recipient to[1] = {{.address = "ops@example.org"}};
    static const struct sts_mail mail = {
        .sender = "a@device.example", .recipients = to, .count = 1, .message = &message};

    lwip_init();
    if (netif_add(&netif, NULL, NULL, NULL, NULL, chip_netif, ethernet_input) == NULL ||
        sts_wolfssl_init(&wolf, pool, sizeof pool, &random_numbers) != STS_OK ||
        sts_wolfssl_trust_table(&wolf, records, sizeof records) < 1) {
        return 1;
    }
    netif_set_default(&netif);
    netif_set_up(&netif);
    sts_lwip_raw_init(&raw, &random_numbers, turn, NULL, &net);
    sts_ram_store_init(&ram, records, sizeof records, &store);
    return deliver(&config, &mail);
}
