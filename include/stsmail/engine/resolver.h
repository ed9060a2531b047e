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
 * before the question is done, and only for answers that were accepted as a whole. It must not call the
 * resolver. */
typedef void sts_answer_fn(void *ctx, const struct sts_dns_rr *rr);

/* A question; the resolver's own. */
struct sts_query {
    char           name[STS_NAME_SIZE]; /* in its 0x20 case */
    uint16_t       type;
    uint16_t       id;
    int16_t        result; /* once done */
    uint8_t        state;
    uint8_t        server; /* index of the server being asked */
    uint8_t        tries;  /* servers asked so far, those asked again counted again */
    uint8_t        failed; /* a bit for each server that answered with what cannot be used */
    bool           edns;   /* still with EDNS (D21) */
    bool           tcp;
    sts_answer_fn *answer;
    void          *ctx;
    int            handle; /* -1: none */
    uint32_t       due_ms; /* of this sending */
    uint32_t       end_ms; /* of the question as a whole */
    uint32_t       at;     /* bytes sent, then bytes received over TCP */
};

/* How a question is asked: UDP with EDNS; over TCP if the answer is cut, too long, or not to the letter
 * ours; without EDNS if the server knows none; then the next server, the next round waiting twice as
 * long. A server is asked at most three times (RFC 9520 3.1), one whose answer is an error once. */
struct sts_resolver {
    const struct sts_net    *net;
    const struct sts_random *random;
    const struct sts_log    *log;
    struct sts_endpoint      servers[STS_DNS_SERVERS];
    uint8_t                  servers_count;
    uint8_t                  first;      /* the server that answered last is asked first */
    int8_t                   tcp_owner;  /* the question whose TCP answer is in buf, -1: none */
    struct sts_query         queries[STS_DNS_QUERIES];
    uint8_t                  buf[STS_DNS_SIZE + 2]; /* a message, with its length if over TCP */
};

/* The servers are copied, as many as there is room for; port 53 for 0. log may be NULL, the others stay in
 * place. STS_OK or STS_ERR_CONFIG: no server. */
int sts_resolver_init(struct sts_resolver *r, const struct sts_net *net,
                      const struct sts_random *random, const struct sts_log *log,
                      const struct sts_endpoint *servers, size_t count);

/* Asks. `name` is absolute, without root dot; nothing is ever appended to it. timeout_s: the whole
 * question's, 1..30. Returns a slot (0..STS_DNS_QUERIES-1); STS_ERR_SPACE: all are taken;
 * STS_ERR_NAME: no such name can be asked for. A failure to send is a result, not an error here. */
int sts_resolver_ask(struct sts_resolver *r, const char *name, uint16_t type, sts_answer_fn *answer,
                     void *ctx, uint32_t timeout_s, const struct sts_time *now);

/* Moves every question on, by at most a few steps each: one UDP answer, four reads of TCP (D32). */
void sts_resolver_poll(struct sts_resolver *r, const struct sts_time *now);

/* STS_BUSY; STS_OK: at least one record of the type; STS_ERR_ABSENT: the name has none (NODATA);
 * STS_ERR_NXDOMAIN: no such name; STS_ERR_DNS: unknown (SERVFAIL, REFUSED, time-out, malformed, loop);
 * STS_ERR_RANDOM; STS_ERR_STATE: no such question. The slot stays taken until dropped. */
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
    bool          alias; /* the name is a CNAME; the addresses are its target's */
    int8_t        slot4, slot6;
};

/* Asks for both (A alone without STS_IPV6). STS_OK, STS_ERR_NAME, STS_ERR_SPACE. */
int sts_host_start(struct sts_host *h, struct sts_resolver *r, const char *name,
                   uint32_t timeout_s, const struct sts_time *now);

/* STS_BUSY; STS_OK: count > 0; STS_ERR_NXDOMAIN; STS_ERR_ABSENT: the name is there and has no (usable) address;
 * STS_ERR_DNS, STS_ERR_RANDOM: no address, and at least one of the two could not be known. One family that failed does
 * not spoil the other. Frees the slots when it returns anything but STS_BUSY, and is not called again
 * then. */
int sts_host_poll(struct sts_host *h, struct sts_resolver *r);

/* Stops asking. Harmless at any time after start. */
void sts_host_stop(struct sts_host *h, struct sts_resolver *r);

#endif
