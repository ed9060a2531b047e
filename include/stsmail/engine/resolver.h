/* SPDX-License-Identifier: MIT
 *
 * A stub resolver: several questions in flight, each with an id, a source port and a 0x20 case of its own;
 * UDP first, TCP where UDP is cut or cannot be believed; several servers; one deadline a question.
 * "There is none" and "it cannot be known" are different answers, and stay so.
 */
#ifndef STSMAIL_ENGINE_RESOLVER_H
#define STSMAIL_ENGINE_RESOLVER_H

#include <stsmail/engine/dns.h>
#include <stsmail/port.h>

/* Called for each record of the wanted type whose owner is the name asked for or the end of its CNAME chain,
 * before the question is done, and only for answers that were accepted as a whole. */
typedef void sts_answer_fn(void *ctx, const struct sts_dns_rr *rr);

/* A question; the resolver's own. */
struct sts_query {
    char           name[STS_NAME_SIZE]; /* in its 0x20 case */
    sts_answer_fn *answer;
    void          *ctx;
    uint16_t       type;
    uint16_t       id;
    uint8_t        state;
    uint8_t        server;  /* index of the server being asked */
    uint8_t        tries;   /* sendings so far */
    bool           edns;    /* still with EDNS (D21) */
    bool           tcp;
    int16_t        result;  /* once done */
    int            handle;  /* -1: none */
    uint32_t       due_ms;  /* of this sending */
    uint32_t       end_ms;  /* of the question as a whole */
    uint16_t       at;      /* TCP: bytes sent, then bytes received */
};

struct sts_resolver {
    const struct sts_net    *net;
    const struct sts_random *random;
    const struct sts_log    *log;
    struct sts_endpoint      servers[STS_DNS_SERVERS];
    uint8_t                  servers_count;
    uint8_t                  first;      /* the server that answered last is asked first */
    int8_t                   tcp_owner;  /* the question whose TCP answer is in buf, -1: none */
    struct sts_query         queries[STS_DNS_QUERIES];
    uint16_t                 tcp_len;
    uint8_t                  buf[STS_DNS_SIZE + 2];
};

/* STS_OK or STS_ERR_CONFIG: no server. */
int sts_resolver_init(struct sts_resolver *r, const struct sts_net *net,
                      const struct sts_random *random, const struct sts_log *log,
                      const struct sts_endpoint *servers, size_t count);

/* Asks. `name` is absolute, without root dot; nothing is ever appended to it. timeout_s: the whole
 * question's, 1..30. Returns a slot (0..STS_DNS_QUERIES-1); STS_ERR_SPACE: all are taken;
 * STS_ERR_NAME: no such name can be asked for. A failure to send is a result, not an error here. */
int sts_resolver_ask(struct sts_resolver *r, const char *name, uint16_t type, sts_answer_fn *answer,
                     void *ctx, uint32_t timeout_s, const struct sts_time *now);

/* Moves every question on. */
void sts_resolver_poll(struct sts_resolver *r, const struct sts_time *now);

/* STS_BUSY; STS_OK: at least one record of the type; STS_ERR_ABSENT: the name has none (NODATA);
 * STS_ERR_NXDOMAIN: no such name; STS_ERR_DNS: unknown (SERVFAIL, REFUSED, time-out, malformed, loop);
 * STS_ERR_RANDOM. The slot stays taken until dropped. */
int sts_resolver_result(const struct sts_resolver *r, int slot);

/* Frees a slot; a late answer finds nobody (D31). slot < 0 is ignored. */
void sts_resolver_drop(struct sts_resolver *r, int slot);

/* Adds what to wait for to w (room for `max`), returns how many; lowers *ms to the time until
 * something is due. */
size_t sts_resolver_wait(const struct sts_resolver *r, const struct sts_time *now,
                         struct sts_wait *w, size_t max, uint32_t *ms);

/* ---- the addresses of a host ------------------------------------------------------------- */

/* A and AAAA of one name, asked together. */
struct sts_host {
    struct sts_ip address[STS_ADDRESS_MAX]; /* once OK: families taking turns, IPv6 first;
                                               without those that no mail can go to (D28) */
    uint8_t       count;
    int8_t        slot4, slot6;
};

/* Asks for both (A alone without STS_IPV6). STS_OK, STS_ERR_NAME, STS_ERR_SPACE. */
int sts_host_start(struct sts_host *h, struct sts_resolver *r, const char *name,
                   uint32_t timeout_s, const struct sts_time *now);

/* STS_BUSY; STS_OK: count > 0; STS_ERR_NXDOMAIN; STS_ERR_ABSENT: the name is there and has no (usable) address;
 * STS_ERR_DNS: no address, and at least one of the two could not be known. One family that failed does
 * not spoil the other. Frees the slots when it returns anything but STS_BUSY. */
int sts_host_poll(struct sts_host *h, struct sts_resolver *r);

/* Stops asking. */
void sts_host_stop(struct sts_host *h, struct sts_resolver *r);

#endif
