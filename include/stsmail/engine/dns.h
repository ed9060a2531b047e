/* SPDX-License-Identifier: MIT
 *
 * DNS messages (RFC 1035, RFC 6891): writes a question, reads an answer. Bytes in and out, no
 * state outside the structs, no work beyond the length of the packet.
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
 * bytes, or STS_ERR_NAME / STS_ERR_SPACE. Names may have labels with a leading underscore. */
int sts_dns_question(uint8_t *out, size_t size, uint16_t id, const char *name, uint16_t type,
                     bool edns);

/* An answer that is being read. */
struct sts_dns_reader {
    const uint8_t *msg;
    size_t         len;
    size_t         at;      /* of the next resource record */
    uint16_t       answers; /* answer records left */
    uint8_t        rcode;   /* header's; with EDNS the upper bits are not needed */
    bool           truncated;
};

/* Opens an answer to exactly this question: id, QR, opcode, one question with this name to the letter of
 * its case, type and class. STS_OK; STS_ERR_PROTO: not such an answer (D01, D05, D06). */
int sts_dns_open(struct sts_dns_reader *r, const uint8_t *msg, size_t len, uint16_t id,
                 const char *name, uint16_t type);

/* A resource record of class IN; names as text, lower case, no root dot ("" is the root). */
struct sts_dns_rr {
    uint16_t       type;
    uint32_t       ttl_s; /* RFC 2181 8: a value with the top bit set is 0 */
    const uint8_t *data;  /* RDATA within the message */
    uint16_t       data_len;
    uint16_t       preference;           /* MX */
    char           owner[STS_NAME_SIZE];
    char           target[STS_NAME_SIZE]; /* CNAME, MX */
};

/* The next record of the answer section. 1: *rr is filled; 0: no more; STS_ERR_PROTO: the packet is
 * malformed from here on. A record with bad RDATA of a type that we know is malformed too (D14).
 * Names in RDATA that are no host names (control octets, dots in labels, > 253 characters) give an
 * empty target and `bad` set in no other way: the caller skips them (D27). */
int sts_dns_next(struct sts_dns_reader *r, struct sts_dns_rr *rr);

/* The strings of a TXT record, one after another: 1 and text, len; 0 at the end. *at starts as 0. */
int sts_dns_txt(const struct sts_dns_rr *rr, size_t *at, const uint8_t **text, size_t *len);

#endif
