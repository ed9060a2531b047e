/* SPDX-License-Identifier: MIT
 *
 * The UART (CMSDK APB) and the Ethernet controller (LAN9118) of the MPS2.
 */
#include "board.h"

#include <string.h>

#include <lwip/etharp.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>

#define REG(base, offset) (*(volatile uint32_t *)((base) + (offset)))

/* ---- UART ----------------------------------------------------------------------------------- */

#define UART(offset) REG(0x40004000u, offset)
#define UART_DATA    UART(0x00)
#define UART_STATE   UART(0x04) /* bit 0: the transmitter is full */
#define UART_CTRL    UART(0x08) /* bit 0: the transmitter is on */
#define UART_BAUDDIV UART(0x10)

void board_init(void)
{
    UART_BAUDDIV = BOARD_HZ / 115200u;
    UART_CTRL = 1;
}

void board_putc(char c)
{
    while ((UART_STATE & 1u) != 0) {
    }
    UART_DATA = (uint8_t)c;
}

/* ---- LAN9118: its FIFOs, its control and status registers, and the MAC's own behind those ------- */

#define LAN(offset)    REG(0x40200000u, offset)
#define RX_DATA        LAN(0x00)
#define TX_DATA        LAN(0x20)
#define RX_STATUS      LAN(0x40)
#define RX_STATUS_PEEK LAN(0x44)
#define TX_STATUS      LAN(0x48)
#define RX_CFG         LAN(0x6c)
#define TX_CFG         LAN(0x70)
#define HW_CFG         LAN(0x74)
#define RX_DP_CTRL     LAN(0x78)
#define RX_FIFO_INF    LAN(0x7c)
#define TX_FIFO_INF    LAN(0x80)
#define MAC_CMD        LAN(0xa4)
#define MAC_DATA       LAN(0xa8)

#define HW_CFG_RESET  0x00000001u
#define HW_CFG_MBO    0x00100000u /* must be one */
#define TX_CFG_ON     0x00000002u
#define TX_FIRST_LAST 0x00003000u
#define RX_DISCARD    0x80000000u
#define RX_ERROR      0x00008000u
#define MAC_BUSY      0x80000000u
#define MAC_READ      0x40000000u
#define MAC_CR        1u
#define MAC_ADDRH     2u
#define MAC_ADDRL     3u
#define MAC_CR_ON     0x0010000cu /* full duplex, transmitter and receiver on */
#define MAC_CR_MCPAS  0x00080000u /* every multicast frame: IPv6 resolves addresses by them */
#define FCS           4u

static uint32_t mac_read(uint32_t reg)
{
    MAC_CMD = MAC_BUSY | MAC_READ | reg;
    while ((MAC_CMD & MAC_BUSY) != 0) {
    }
    return MAC_DATA;
}

static void mac_write(uint32_t reg, uint32_t value)
{
    MAC_DATA = value;
    MAC_CMD = MAC_BUSY | reg;
    while ((MAC_CMD & MAC_BUSY) != 0) {
    }
}

/* The words of a frame; a pbuf may end in the middle of one. */
static void send_bytes(const struct pbuf *p)
{
    uint32_t word = 0;
    unsigned filled = 0;

    for (; p != NULL; p = p->next) {
        const uint8_t *bytes = p->payload;

        for (size_t i = 0; i < p->len; i++) {
            word |= (uint32_t)bytes[i] << filled;
            filled += 8;
            if (filled == 32) {
                TX_DATA = word;
                word = 0;
                filled = 0;
            }
        }
    }
    if (filled > 0) {
        TX_DATA = word;
    }
}

static err_t frame_send(struct netif *netif, struct pbuf *p)
{
    (void)netif;
    if ((TX_FIFO_INF & 0xffffu) < p->tot_len + 16u) {
        return ERR_MEM;
    }
    while ((TX_FIFO_INF & 0xff0000u) != 0) {
        (void)TX_STATUS; /* else its FIFO fills up, and the transmitter stops */
    }
    TX_DATA = TX_FIRST_LAST | p->tot_len;
    TX_DATA = (uint32_t)p->tot_len << 16 | p->tot_len;
    send_bytes(p);
    return ERR_OK;
}

/* Words from the FIFO into a chain of pbufs; what is left of the last word, and the FCS, is dropped. */
static void receive_bytes(struct pbuf *p, uint32_t words)
{
    uint32_t word = 0;
    unsigned left = 0;

    for (; p != NULL; p = p->next) {
        uint8_t *bytes = p->payload;

        for (size_t i = 0; i < p->len; i++) {
            if (left == 0) {
                word = RX_DATA;
                left = 4;
                words--;
            }
            bytes[i] = (uint8_t)word;
            word >>= 8;
            left--;
        }
    }
    while (words-- > 0) {
        (void)RX_DATA;
    }
}

static void frame_drop(uint32_t words)
{
    (void)RX_STATUS;
    while (words-- > 0) {
        (void)RX_DATA;
    }
}

bool board_netif_poll(struct netif *netif)
{
    uint32_t status, size, words;
    struct pbuf *p;

    if ((RX_FIFO_INF & 0xff0000u) == 0) {
        return false;
    }
    status = RX_STATUS_PEEK;
    size = status >> 16 & 0x3fffu;
    words = (size + 3u) / 4u;
    if ((status & RX_ERROR) != 0 || size <= FCS) {
        frame_drop(words);
        return true;
    }
    p = pbuf_alloc(PBUF_RAW, (u16_t)(size - FCS), PBUF_POOL);
    if (p == NULL) {
        return false; /* it stays in the controller until there is room */
    }
    (void)RX_STATUS;
    receive_bytes(p, words);
    if (netif->input(p, netif) != ERR_OK) {
        pbuf_free(p);
    }
    return true;
}

/* The address that the board's EEPROM has, or one of the local range (IEEE 802). */
static void read_address(struct netif *netif)
{
    uint32_t low = mac_read(MAC_ADDRL), high = mac_read(MAC_ADDRH);

    if ((low == 0 && (high & 0xffffu) == 0) || low == UINT32_MAX) {
        low = 0x00535402u;
        high = 0x0100u;
        mac_write(MAC_ADDRL, low);
        mac_write(MAC_ADDRH, high);
    }
    for (unsigned i = 0; i < 4; i++) {
        netif->hwaddr[i] = (uint8_t)(low >> 8 * i);
    }
    netif->hwaddr[4] = (uint8_t)high;
    netif->hwaddr[5] = (uint8_t)(high >> 8);
    netif->hwaddr_len = ETH_HWADDR_LEN;
}

int8_t board_netif_init(struct netif *netif)
{
    HW_CFG = HW_CFG_RESET;
    while ((HW_CFG & HW_CFG_RESET) != 0) {
    }
    HW_CFG = HW_CFG_MBO | 5u << 16; /* 5 KB of the FIFO for frames that leave */
    read_address(netif);
    TX_CFG = TX_CFG_ON;
    RX_CFG = 0;
    mac_write(MAC_CR, MAC_CR_ON | (LWIP_IPV6 != 0 ? MAC_CR_MCPAS : 0));
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->mtu = 1500;
    netif->flags =
        NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    netif->output = etharp_output;
    netif->linkoutput = frame_send;
    return ERR_OK;
}
