/* SPDX-License-Identifier: MIT
 *
 * The link: packets are lost, doubled, delayed, overtaken, changed in one bit, and forged. All of it from the seed.
 */
#include <stdlib.h>
#include <string.h>

#include "net.h"

enum {
    QUEUE = 512,
    FRAME = 1518,
    ETHERNET = 14,
    SEGMENT = 536,
};

struct frame {
    uint32_t due;
    enum side to;
    size_t len;
    uint8_t *octets;
};

uint32_t net_now;

static struct frame queue[QUEUE];
static size_t queued;
static bool quiet;
static uint8_t seen_tcp[FRAME], seen_udp[FRAME]; /* the last that the device sent */

static bool happens(uint32_t per_mille)
{
    return !quiet && per_mille != 0 && draw(1000) < per_mille;
}

/* One bit, which the stacks have to find: the checksums of IP, TCP and UDP do, ARP has none. */
static void corrupt(uint8_t *frame, size_t len)
{
    if (frame[12] == 0x08 && frame[13] == 0x00) {
        frame[ETHERNET + draw((uint32_t)len - ETHERNET)] ^= (uint8_t)(1u << draw(8));
    }
}

static void enqueue(enum side to, const uint8_t *octets, size_t len, uint32_t wait_ms)
{
    struct frame *f = &queue[queued];

    if (queued == QUEUE) {
        return;
    }
    f->due = net_now + wait_ms;
    f->to = to;
    f->len = len;
    f->octets = malloc(len); /* of just its size, for ASan */
    memcpy(f->octets, octets, len);
    if (happens(plan.corrupt)) {
        corrupt(f->octets, len);
    }
    queued++;
}

static void watch(const uint8_t *frame, size_t len)
{
    if (len >= 34 + 8 && len <= FRAME && frame[12] == 0x08 && frame[13] == 0x00) {
        memcpy(frame[23] == 6 ? seen_tcp : seen_udp, frame, len);
    }
}

void link_send(enum side from, const void *frame, size_t len)
{
    if (len > ETHERNET + 576) {
        broken("no packet is larger than the MTU");
    }
    if (from == DEVICE) {
        watch(frame, len);
    }
    for (unsigned copies = happens(plan.twice) ? 2 : 1; copies > 0; copies--) {
        if (!happens(plan.loss)) {
            enqueue(from == DEVICE ? SERVER : DEVICE, frame, len,
                    plan.delay_ms + (happens(plan.late) ? draw(400) : 0));
        }
    }
}

/* ---- who forges packets ----------------------------------------------------------------------- */

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static uint32_t sum16(const uint8_t *p, size_t n, uint32_t sum)
{
    for (size_t i = 0; i < n; i++) {
        sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
    }
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

/* The way back of a packet of the device, with n octets behind the header of IP. */
static void answer(uint8_t *out, const uint8_t *seen, uint8_t protocol, size_t n)
{
    memcpy(out, seen + 6, 6);
    memcpy(out + 6, seen, 6);
    put16(out + 12, 0x0800);
    memset(out + 14, 0, 20 + n);
    out[14] = 0x45;
    put16(out + 16, 20 + (uint32_t)n);
    out[22] = 64;
    out[23] = protocol;
    memcpy(out + 26, seen + 30, 4);
    memcpy(out + 30, seen + 26, 4);
    put16(out + 24, ~sum16(out + 14, 20, 0));
    memcpy(out + 34, seen + 36, 2);
    memcpy(out + 36, seen + 34, 2);
}

static void forge_segment(void)
{
    uint8_t out[54];
    uint32_t next, window = client_window, off = 0;

    if (seen_tcp[23] != 6 || (seen_tcp[47] & 0x10) == 0) {
        return; /* nothing sent yet, or it has no acknowledgement */
    }
    next = get32(seen_tcp + 42);
    switch (plan.attack) {
    case ATTACK_RST_FAR: off = window + 1 + draw(0x70000000); break;
    case ATTACK_RST_NEAR:
    case ATTACK_SYN_NEAR:
        /* two segments may have come since, not acknowledged yet: not by chance the next number */
        window = (uint32_t)seen_tcp[48] << 8 | seen_tcp[49];
        if (window <= 2 * SEGMENT + 1) {
            return;
        }
        off = 2 * SEGMENT + 1 + draw(window - 2 * SEGMENT - 1);
        break;
    default: break;
    }
    answer(out, seen_tcp, 6, 20);
    put16(out + 38, (next + off) >> 16);
    put16(out + 40, next + off);
    out[46] = 0x50;
    out[47] = plan.attack == ATTACK_SYN_NEAR ? 0x02 : 0x04;
    put16(out + 48, 1000);
    put16(out + 50, ~sum16(out + 26, 28, 6 + 20));
    enqueue(DEVICE, out, sizeof out, 0);
}

static void forge_datagrams(void)
{
    uint8_t out[34 + 8 + 100];

    for (unsigned n = draw(30); n > 0 && seen_udp[23] == 17; n--) {
        size_t len = 8 + draw(100);

        answer(out, seen_udp, 17, len);
        put16(out + 38, (uint32_t)len);
        for (size_t i = 8; i < len; i++) {
            out[34 + i] = (uint8_t)draw(256);
        }
        enqueue(DEVICE, out, 34 + len, 0); /* without a checksum, which UDP allows */
    }
}

static void attack(void)
{
    if (quiet || plan.attack == ATTACK_NONE) {
        return;
    }
    if (plan.attack == ATTACK_FLOOD) {
        forge_datagrams();
    } else if (draw(plan.attack == ATTACK_RST_EXACT ? 40 : 4) == 0) {
        forge_segment();
    }
}

/* ---- time ------------------------------------------------------------------------------------- */

static void hand_over(size_t i)
{
    struct frame f = queue[i];

    memmove(queue + i, queue + i + 1, (--queued - i) * sizeof queue[0]);
    if (f.to == DEVICE) {
        device_frame(f.octets, f.len);
    } else {
        server_frame(f.octets, f.len);
    }
    free(f.octets);
}

/* The first that is due; in the order of sending where the times are the same, unless packets overtake. */
static size_t first(void)
{
    size_t best = 0;

    for (size_t i = 1; i < queued; i++) {
        if ((int32_t)(queue[i].due - queue[best].due) < 0) {
            best = i;
        }
    }
    return best;
}

void link_turn(uint32_t max_ms)
{
    uint32_t wait = max_ms > 100 ? 100 : max_ms;
    size_t i = first();

    attack();
    if (queued > 0 && (int32_t)(queue[i].due - net_now) <= (int32_t)wait) {
        if ((int32_t)(queue[i].due - net_now) > 0) {
            net_now = queue[i].due;
        }
        do { /* a driver may have several frames for one turn */
            hand_over(i);
            i = first();
        } while (queued > 0 && (int32_t)(queue[i].due - net_now) <= 0 && draw(4) != 0);
    } else {
        net_now += wait > 0 ? wait : 1;
    }
    server_turn();
}

void link_quiet(void)
{
    quiet = true;
}
