/* SPDX-License-Identifier: MIT
 *
 * The network of this board: lwIP over a TAP device, with the addresses that --tap, --ip, --ip6 and --gateway give.
 * Takes the place of boards/linux/net.c.
 */
#include "boards/linux/cli.h"
#include "tap.h"

#include <errno.h>
#include <string.h>

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/nd6.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/sys.h"
#include "lwip/tcpip.h"

#include "hooks.h"

#include <stsmail/engine/text.h>
#include <stsmail/lwip.h>
#include <stsmail/posix.h>

const char net_usage[] = "\nthe network of this program is its own (lwIP):\n"
                         "  --tap NAME              the TAP device that it is connected to\n"
                         "  --ip ADDR/BITS          its IPv4 address\n"
                         "  --ip6 ADDR/64           its IPv6 address\n"
                         "  --gateway ADDR          the router; once for IPv4 and once for IPv6\n";

/* What the options give; family 0: not given. */
static struct {
    const char *tap;
    struct sts_ip ip, ip6, gateway, gateway6;
    uint32_t bits; /* of ip that name the network */
} given;

static struct netif card;
static int card_fd;
static ip6_addr_t router; /* for IPv6 */

/* ---- options ------------------------------------------------------------------------------- */

static bool read_address(const char *text, size_t len, uint8_t family, struct sts_ip *out)
{
    char copy[64];
    struct sts_endpoint endpoint;

    if (len >= sizeof copy || memchr(text, '[', len) != NULL) {
        return false;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (!endpoint_parse(copy, 1, &endpoint) || endpoint.port != 1 ||
        (family != 0 && endpoint.ip.family != family)) {
        return false;
    }
    *out = endpoint.ip;
    return true;
}

/* ADDR/BITS */
static bool read_cidr(const char *text, uint8_t family, uint32_t most, struct sts_ip *out,
                      uint32_t *bits)
{
    const char *slash = strchr(text, '/');
    uint64_t n;

    if (slash == NULL || !read_address(text, (size_t)(slash - text), family, out) ||
        sts_get_number(slash + 1, strlen(slash + 1), most, &n) != STS_OK || n == 0) {
        return false;
    }
    *bits = (uint32_t)n;
    return true;
}

int net_option(const struct where *where, const char *name, const char *value)
{
    struct sts_ip ip;
    uint32_t bits;

    if (strcmp(name, "tap") == 0) {
        given.tap = value;
        return 0;
    }
    if (strcmp(name, "ip") == 0) {
        return read_cidr(value, 4, 30, &given.ip, &given.bits)
                   ? 0
                   : say_setting(where, "ip: \"%s\" is not ADDR/BITS", shown(value));
    }
    if (strcmp(name, "ip6") == 0) { /* the only length that lwIP has for an address that is given */
        return read_cidr(value, 6, 64, &given.ip6, &bits) && bits == 64
                   ? 0
                   : say_setting(where, "ip6: \"%s\" is not ADDR/64", shown(value));
    }
    if (!read_address(value, strlen(value), 0, &ip)) {
        return say_setting(where, "gateway: \"%s\" is not an address", shown(value));
    }
    *(ip.family == 4 ? &given.gateway : &given.gateway6) = ip;
    return 0;
}

/* ---- the card ------------------------------------------------------------------------------ */

/* lwIP holds its lock meanwhile, so one buffer is enough. */
static err_t send_frame(struct netif *netif, struct pbuf *p)
{
    static uint8_t frame[TAP_FRAME_MAX];
    u16_t len = pbuf_copy_partial(p, frame, sizeof frame, 0);

    (void)netif;
    return len == p->tot_len && tap_write(card_fd, frame, len) ? ERR_OK : ERR_IF;
}

/* A frame for which there is no room is lost, as on any network. */
static void receive_frame(const void *frame, u16_t len)
{
    struct pbuf *p = pbuf_alloc(PBUF_RAW, len, PBUF_POOL);

    if (p == NULL) {
        return;
    }
    if (pbuf_take(p, frame, len) != ERR_OK || card.input(p, &card) != ERR_OK) {
        pbuf_free(p);
    }
}

static void receive_thread(void *arg)
{
    static uint8_t frame[TAP_FRAME_MAX];
    int32_t n;

    (void)arg;
    while ((n = tap_read(card_fd, frame, sizeof frame)) >= 0) {
        receive_frame(frame, (u16_t)n);
    }
}

static err_t init_card(struct netif *netif)
{
    uint32_t random[2] = {board_random(), board_random()};

    memcpy(netif->hwaddr, random, ETH_HWADDR_LEN);
    netif->hwaddr[0] = (uint8_t)((netif->hwaddr[0] & 0xfc) | 2); /* one card's, locally given */
    netif->hwaddr_len = ETH_HWADDR_LEN;
    netif->name[0] = 't';
    netif->name[1] = 'p';
    netif->mtu = 1500;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_MLD6;
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = send_frame;
    return ERR_OK;
}

/* ---- the stack ----------------------------------------------------------------------------- */

static void put4(ip4_addr_t *out, const struct sts_ip *ip)
{
    memcpy(&out->addr, ip->bytes, sizeof out->addr);
}

static void put6(ip6_addr_t *out, const struct sts_ip *ip)
{
    memcpy(out->addr, ip->bytes, sizeof out->addr);
    ip6_addr_clear_zone(out);
}

const ip6_addr_t *board_gateway6(void)
{
    return given.gateway6.family == 6 ? &router : NULL;
}

static void add_address6(void)
{
    ip6_addr_t address;
    s8_t slot;

    netif_create_ip6_linklocal_address(&card, 1);
    put6(&address, &given.ip6);
    if (netif_add_ip6_address(&card, &address, &slot) == ERR_OK) {
        netif_ip6_addr_set_state(&card, slot, IP6_ADDR_PREFERRED);
    }
    put6(&router, &given.gateway6);
    ip6_addr_assign_zone(&router, IP6_UNICAST, &card);
}

/* In lwIP's own thread. */
static void add_card(void *started)
{
    ip4_addr_t address = {0}, mask = {0}, gateway = {0};

    if (given.ip.family == 4) {
        put4(&address, &given.ip);
        put4(&gateway, &given.gateway);
        mask.addr = PP_HTONL(0xffffffffu << (32 - given.bits));
    }
    netif_add(&card, &address, &mask, &gateway, NULL, init_card, tcpip_input);
    netif_set_default(&card);
    netif_set_link_up(&card);
    netif_set_up(&card);
    if (given.ip6.family == 6) {
        add_address6();
    }
    sys_sem_signal(started);
}

static void start_lwip(void)
{
    sys_sem_t started;

    if (sys_sem_new(&started, 0) != ERR_OK) {
        board_assert_failed("no semaphore", __FILE__, __LINE__);
    }
    tcpip_init(add_card, &started);
    sys_arch_sem_wait(&started, 0);
    sys_sem_free(&started);
    sys_thread_new("tap", receive_thread, NULL, 0, 0);
}

const struct sts_net *net_start(void)
{
    static struct sts_lwip_sockets sockets;

    if (given.tap == NULL || (given.ip.family == 0 && given.ip6.family == 0)) {
        say("this program has no network but --tap NAME with --ip ADDR/BITS or --ip6 ADDR/64");
        return NULL;
    }
    card_fd = tap_open(given.tap);
    if (card_fd < 0) {
        say("TAP device %s: %s", shown(given.tap), strerror(errno));
        return NULL;
    }
    start_lwip();
    sts_lwip_sockets_init(&sockets, &sts_posix_random);
    return &sockets.net;
}
