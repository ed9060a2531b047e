/* SPDX-License-Identifier: MIT
 *
 * DNS messages (RFC 1035, RFC 6891): writes a question, reads an answer. Bytes in and out, no
 * state outside the structs, and no more work than the length of the packet allows (RFC 9267).
 */
#ifndef STSMAIL_ENGINE_DNS_H
#define STSMAIL_ENGINE_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stsmail/config.h>
#include <stsmail/error.h>

enum sts_dns_type {
    STS_DNS_A = 1,
    STS_DNS_CNAME = 5,
    STS_DNS_MX = 15,
    STS_DNS_TXT = 16,
    STS_DNS_AAAA = 28,
    STS_DNS_OPT = 41,
    STS_DNS_TLSA = 52,
};

/* Largest question: header, name, type, class, OPT. */
#define STS_DNS_QUERY_SIZE (12 + 255 + 4 + 11)
/* The UDP size that we announce (RFC 9715; no fragments). */
#define STS_DNS_UDP_SIZE 1232

/* Writes a recursive question for `name` (its case is kept: 0x20) with EDNS if asked for. Returns
 * bytes, or STS_ERR_NAME / STS_ERR_SPACE. A name is a host name whose labels may also begin with an
 * underscore; anything else is refused here, before it is on the wire (D34, D35). */
int sts_dns_question(uint8_t *out, size_t size, uint16_t id, const char *name, uint16_t type,
                     bool edns);

/* An answer that is being read. */
struct sts_dns_reader {
    const uint8_t *msg;
    size_t         len;
    size_t         at;      /* of the next resource record */
    uint16_t       answers; /* answer records left */
    uint16_t       rcode;   /* with the upper bits of the OPT record (RFC 6891 6.1.3) */
    bool           truncated;
    bool           referral; /* it only names other servers: not "there is none" (RFC 2308 2.2) */
};

/* The header's codes that are told apart (RFC 1035 4.1.1). */
enum sts_dns_rcode {
    STS_DNS_NOERROR = 0,
    STS_DNS_FORMERR = 1,
    STS_DNS_NXDOMAIN = 3,
    STS_DNS_NOTIMP = 4,
};

/* Opens an answer to exactly this question: id, QR, opcode, one question with this name, type and class.
 * `exact`: the name to the letter of its case (0x20); else without case. A bare header that says FORMERR or
 * NOTIMP is one too: that is how some servers without EDNS answer (D21). All records of all sections are
 * walked once, unless the answer is truncated. STS_OK; STS_ERR_PROTO: not such an answer, or counts that
 * the packet does not hold (D01, D05, D06, D13, D15). */
int sts_dns_open(struct sts_dns_reader *r, const uint8_t *msg, size_t len, uint16_t id,
                 const char *name, uint16_t type, bool exact);

/* A resource record of class IN. Names are places in the message, since only there can any two be
 * compared; the one name that leaves the resolver is a text too. */
struct sts_dns_rr {
    uint16_t       type;
    uint16_t       data_len;
    uint32_t       ttl_s; /* RFC 2181 8: a value with the top bit set is 0 (D30) */
    const uint8_t *data;  /* RDATA within the message */
    size_t         owner; /* place of the owner's name, for sts_dns_same() */
    size_t         alias; /* CNAME: place of its target. From the resolver: 0 unless the name that was
                             asked for is itself a CNAME */
    uint16_t       preference;            /* MX */
    char           target[STS_NAME_SIZE]; /* MX: lower case, no root dot; "" is the root (RFC 7505) and
                                             nothing else. An octet that no host name has comes
                                             as '?', so that sts_host_valid() refuses it (D27) */
};

/* Place of the name in the question. */
#define STS_DNS_QNAME 12

/* Whether the names at two places of the message are the same but for ASCII case. */
bool sts_dns_same(const struct sts_dns_reader *r, size_t a, size_t b);

/* The next record of the answer section. 1: *rr is filled; 0: no more; STS_ERR_PROTO: the packet is
 * malformed from here on. A record with bad RDATA of a type that we know is malformed too (D14). */
int sts_dns_next(struct sts_dns_reader *r, struct sts_dns_rr *rr);

/* The strings of a TXT record, one after another: 1 and text, len; 0 at the end. *at starts as 0. */
int sts_dns_txt(const struct sts_dns_rr *rr, size_t *at, const uint8_t **text, size_t *len);

#endif
