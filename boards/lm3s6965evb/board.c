/* SPDX-License-Identifier: MIT
 *
 * The UART (PL011) and the Ethernet controller of the LM3S6965.
 */
#include "board.h"

#include <string.h>

#include <lwip/etharp.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>

#define REG(address) (*(volatile uint32_t *)(address))

/* ---- clocks, pins, UART --------------------------------------------------------------------- */

#define RCGC1       REG(0x400fe104u) /* bit 0: UART 0 */
#define RCGC2       REG(0x400fe108u) /* bit 0: port A; bits 28, 30: Ethernet MAC and PHY */
#define GPIOA_AFSEL REG(0x40004420u)
#define GPIOA_DEN   REG(0x4000451cu)

#define UART(offset) REG(0x4000c000u + (offset))
#define UART_DR      UART(0x00)
#define UART_FR      UART(0x18) /* bit 5: the FIFO is full */
#define UART_IBRD    UART(0x24)
#define UART_FBRD    UART(0x28)
#define UART_LCRH    UART(0x2c)
#define UART_CTL     UART(0x30)

void board_init(void)
{
    RCGC1 = RCGC1 | 1u;
    RCGC2 = RCGC2 | 1u | 1u << 28 | 1u << 30;
    (void)RCGC2; /* three clocks until they can be used */
    (void)RCGC2;
    GPIOA_AFSEL = GPIOA_AFSEL | 3u; /* PA0, PA1 */
    GPIOA_DEN = GPIOA_DEN | 3u;
    UART_IBRD = BOARD_HZ / (16u * 115200u);
    UART_FBRD = (BOARD_HZ % (16u * 115200u) * 64u + 8u * 115200u) / (16u * 115200u);
    UART_LCRH = 0x70; /* 8N1, FIFO */
    UART_CTL = 0x301; /* on, both ways */
}

void board_putc(char c)
{
    while ((UART_FR & 0x20u) != 0) {
    }
    UART_DR = (uint8_t)c;
}

/* ---- Ethernet: one FIFO each way, a frame at a time ------------------------------------------- */

#define MAC(offset) REG(0x40048000u + (offset))
#define MAC_RIS     MAC(0x00)
#define MAC_IM      MAC(0x04)
#define MAC_RCTL    MAC(0x08)
#define MAC_TCTL    MAC(0x0c)
#define MAC_DATA    MAC(0x10)
#define MAC_IA0     MAC(0x14)
#define MAC_IA1     MAC(0x18)
#define MAC_NP      MAC(0x34) /* frames that wait */
#define MAC_TR      MAC(0x38) /* bit 0: send; reads as 1 until it is done */

#define RCTL_ON     0x01u
#define RCTL_BADCRC 0x08u /* those with an error are dropped */
#define RCTL_RESET  0x10u
#define TCTL_ON     0x17u /* on, padding, CRC, full duplex */
#define LENGTH      2u    /* before each frame, both ways */
#define FCS         4u

/* The length in the first word is without the Ethernet header; the frame follows at once, so that every word but
 * the last is made of two neighbours. */
static err_t frame_send(struct netif *netif, struct pbuf *p)
{
    uint32_t word;
    unsigned filled = 16;

    (void)netif;
    if ((MAC_TR & 1u) != 0) {
        return ERR_MEM;
    }
    word = (uint32_t)p->tot_len - SIZEOF_ETH_HDR;
    for (; p != NULL; p = p->next) {
        const uint8_t *bytes = p->payload;

        for (size_t i = 0; i < p->len; i++) {
            word |= (uint32_t)bytes[i] << filled;
            filled += 8;
            if (filled == 32) {
                MAC_DATA = word;
                word = 0;
                filled = 0;
            }
        }
    }
    if (filled > 0) {
        MAC_DATA = word;
    }
    MAC_TR = 1;
    return ERR_OK;
}

/* The rest of a frame whose first word was read: into a chain of pbufs, or away (NULL). */
static void receive_bytes(struct pbuf *p, uint32_t first, uint32_t size)
{
    uint32_t word = first >> 16;
    uint32_t words = (size + 3u) / 4u - 1u;
    unsigned left = 2;

    for (; p != NULL; p = p->next) {
        uint8_t *bytes = p->payload;

        for (size_t i = 0; i < p->len; i++) {
            if (left == 0) {
                word = MAC_DATA;
                left = 4;
                words--;
            }
            bytes[i] = (uint8_t)word;
            word >>= 8;
            left--;
        }
    }
    while (words-- > 0) {
        (void)MAC_DATA;
    }
}

/* Reading the length takes it out of the FIFO, so it is kept until a pbuf is free for the frame. */
bool board_netif_poll(struct netif *netif)
{
    static uint32_t first;
    uint32_t size;
    struct pbuf *p;

    if (first == 0 && MAC_NP == 0) {
        return false;
    }
    if (first == 0) {
        first = MAC_DATA;
    }
    size = first & 0xffffu;
    if (size <= LENGTH + FCS) {
        receive_bytes(NULL, first, size < 4 ? 4 : size);
        first = 0;
        return true;
    }
    p = pbuf_alloc(PBUF_RAW, (u16_t)(size - LENGTH - FCS), PBUF_POOL);
    if (p == NULL) {
        return false;
    }
    receive_bytes(p, first, size);
    first = 0;
    if (netif->input(p, netif) != ERR_OK) {
        pbuf_free(p);
    }
    return true;
}

/* The address is in the user registers of a real board; in QEMU the controller has one already. */
static void read_address(struct netif *netif)
{
    uint32_t low = MAC_IA0, high = MAC_IA1;

    if (low == 0 && high == 0) {
        low = 0x00535402u; /* of the local range (IEEE 802) */
        high = 0x0200u;
        MAC_IA0 = low;
        MAC_IA1 = high;
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
    MAC_IM = 0;
    MAC_RCTL = RCTL_RESET;
    read_address(netif);
    MAC_TCTL = TCTL_ON;
    MAC_RCTL = RCTL_ON | RCTL_BADCRC;
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->mtu = 1500;
    netif->flags =
        NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    netif->output = etharp_output;
    netif->linkoutput = frame_send;
    return ERR_OK;
}
