/* SPDX-License-Identifier: MIT
 *
 * Two lwIPs in one program: a device with the mailer (device.c), and the servers (server.c), each lwIP with its own
 * variables. Between them a link (link.c) that does what the seed says.
 */
#ifndef TESTS_NET_H
#define TESTS_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum attack {
    ATTACK_NONE,
    ATTACK_RST_FAR,   /* resets outside of the window: nothing happens (RFC 5961 3) */
    ATTACK_RST_NEAR,  /* in the window, but not the next number: challenged */
    ATTACK_SYN_NEAR,  /* RFC 5961 4 */
    ATTACK_RST_EXACT, /* from who sees the packets: the connection ends */
    ATTACK_FLOOD,     /* D32: forged answers of the DNS, thousands a second */
    ATTACKS
};

enum ending {
    ENDING_NONE,
    ENDING_ABORT, /* after so many octets the servers reset, */
    ENDING_CLOSE, /* end the stream, */
    ENDING_STALL, /* or say nothing more */
    ENDINGS
};

enum {
    BODY_MAX = 6000
};

/* What a seed means. */
struct plan {
    uint32_t loss, twice, corrupt, late; /* per mille of the packets */
    uint32_t delay_ms;
    enum attack attack;
    enum ending ending;
    uint32_t ending_after; /* octets of one connection */
    bool enforce, announced, slow, wrap;
    bool dead_mx, dead_ipv6; /* the first MX is not there; nor is what AAAA says (D37) */
    unsigned deliveries;
    size_t body_len;
    char body[BODY_MAX + 1];
    unsigned pbufs, pcbs, segments, udp; /* the device's pools */
    size_t heap;
    bool good; /* nothing stands in the way of a delivery */
};

extern struct plan plan;
extern uint32_t net_now; /* milliseconds */

/* ---- run.c ------------------------------------------------------------------------------------ */

uint32_t draw(uint32_t n); /* 0..n-1, from the seed */
_Noreturn void broken(const char *promise);

/* ---- link.c ----------------------------------------------------------------------------------- */

enum side {
    DEVICE,
    SERVER
};

extern uint16_t server_window, client_window;

void link_send(enum side from, const void *frame, size_t len);

/* Hands over what is due, or lets at most max_ms pass. */
void link_turn(uint32_t max_ms);
void link_quiet(void); /* from now on a good link */

/* ---- server.c --------------------------------------------------------------------------------- */

extern unsigned server_delivered; /* 250s to a final dot */

void server_start(void);
void server_frame(const void *frame, size_t len);
void server_turn(void);
void server_stop(void);

/* ---- device.c --------------------------------------------------------------------------------- */

void device_start(void);
void device_frame(const void *frame, size_t len);
int device_deliver(void); /* the verdict on the recipient; every promise is looked at */
void device_drain(void);  /* nothing of lwIP's memory is left in use */

/* ---- memory.c --------------------------------------------------------------------------------- */

extern long memory_fail_at, memory_fail_for; /* which of the device's allocations fail; 0: none */
extern long memory_count;

void memory_baseline(void);
bool memory_is_baseline(void);
void memory_say(void);

#endif
