/* SPDX-License-Identifier: MIT
 *
 * The three things that RFC 8461 defines: the record that announces a policy, the policy, and
 * what it says of an MX. Bytes in any pieces; no memory but the structs.
 */
#ifndef STSMAIL_POLICY_H
#define STSMAIL_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stsmail/config.h>
#include <stsmail/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* RFC 8461 3.1: id = 1*32(ALPHA / DIGIT). With NUL. */
#define STS_ID_SIZE 33

/* RFC 8461 3.2: the largest max_age, seconds (about a year). A larger one is clamped to it. */
#define STS_MAX_AGE_MAX 31557600u

/* ---- the TXT record (RFC 8461 3.1) ------------------------------------------------------- */

/* Which policy the TXT records at _mta-sts.DOMAIN announce. Feed all of them, in any order:
 * start, then for each record open, text (its strings, in any pieces, nothing between), close. */
struct sts_record {
    char     id[STS_ID_SIZE]; /* NUL-ended; of the only candidate, once it is known to be valid */
    uint16_t candidates;      /* records that begin "v=STSv1" *WSP ";" (saturates) */
    uint16_t records;         /* records in all (saturates) */
    uint8_t  why;             /* of the first candidate: why it is malformed; 0 if it is not */
    uint8_t  state;           /* the rest is the parser's own */
    uint8_t  len;             /* of the name or the id so far */
    bool     id_seen, in_id;
    char     name[2];
};

void sts_record_start(struct sts_record *r);
void sts_record_open(struct sts_record *r);
void sts_record_text(struct sts_record *r, const void *text, size_t len);
void sts_record_close(struct sts_record *r);

/* After the last close. STS_OK: exactly one candidate, valid; r->id is the policy's id. Else the domain
 * announces nothing: STS_ERR_ABSENT (no candidate, or several) or STS_ERR_SYNTAX (malformed). */
int sts_record_result(const struct sts_record *r);

/* For a person: why there is no policy, with what was wrong. Static; "" for STS_OK. */
const char *sts_record_reason(const struct sts_record *r);

/* ---- the policy (RFC 8461 3.2) ----------------------------------------------------------- */

enum sts_mode {
    STS_MODE_NONE = 0,
    STS_MODE_TESTING,
    STS_MODE_ENFORCE,
};

struct sts_policy {
    uint8_t  mode;      /* enum sts_mode */
    bool     cut;       /* there were more mx patterns than fit; see C-5 in DESIGN.md */
    uint16_t mx_count;  /* patterns kept */
    uint32_t max_age_s; /* 0..STS_MAX_AGE_MAX */
    uint32_t mx_len;    /* bytes used in mx */
    char     mx[STS_POLICY_MX_SIZE]; /* the patterns in lower case, each NUL-ended, one after another */
};

/* A streaming parser; writes into *policy, which is valid only after sts_policy_end() gave
 * STS_OK. Under 40 bytes beside the policy. */
struct sts_policy_parser {
    struct sts_policy *policy;
    uint32_t           line;  /* the line being read, from 1; after an error, the line it is in */
    uint32_t           bytes; /* octets seen: more than STS_POLICY_FILE_MAX is an error */
    uint8_t            why;   /* reason code, 0: none; the rest is the parser's own */
    uint8_t            state;
    uint8_t            field;      /* whose value is read */
    uint8_t            seen;       /* fields that had their first value, as bits */
    uint8_t            words;      /* words that the name or value may still become, as bits */
    uint8_t            last;       /* octet before this one, in a value */
    uint8_t            label_len;  /* of an mx pattern */
    uint8_t            mx_max;     /* octets that the pattern may have */
    uint8_t            utf8_left;  /* octets that a character still needs; */
    uint8_t            utf8_low;   /* the next one is in utf8_low.. */
    uint8_t            utf8_high;  /* ..utf8_high */
    bool               label_text; /* whether the label is more than digits */
    uint16_t           len;        /* of the name or value so far; of an unknown one: 0 or 1 */
};

void sts_policy_start(struct sts_policy_parser *p, struct sts_policy *policy);

/* STS_OK, or STS_ERR_SYNTAX: sticky; p->line and sts_policy_reason() say where and why. */
int sts_policy_feed(struct sts_policy_parser *p, const void *bytes, size_t len);

/* No more bytes. STS_OK: *policy is complete and valid. STS_ERR_SYNTAX otherwise. */
int sts_policy_end(struct sts_policy_parser *p);

/* For a person: what is wrong in that line. Static. */
const char *sts_policy_reason(const struct sts_policy_parser *p);

/* Writes the policy as a file of RFC 8461 3.2 (CRLF), in pieces: bytes written into buf, 0 at the
 * end. *at starts as 0 and is the writer's. A cut policy cannot be told from a whole one in
 * this form. size is at least 300. */
size_t sts_policy_write(const struct sts_policy *policy, uint32_t *at, char *buf, size_t size);

/* The n-th pattern (0..mx_count-1), NUL-ended; NULL beyond. */
const char *sts_policy_mx(const struct sts_policy *policy, size_t n);

/* "none", "testing", "enforce" */
const char *sts_mode_name(int mode);

/* ---- match (RFC 8461 4.1) ---------------------------------------------------------------- */

/* Whether `pattern` (a name, or "*." and a name) stands for `host`: octets without case, a leading
 * "*" for exactly one label. Neither has a root dot. Lengths in bytes. Also what a DNS-ID in a
 * certificate means (RFC 8461 3.3, 4.2: "*" only as the whole left-most label). */
bool sts_match(const char *pattern, size_t pattern_len, const char *host, size_t host_len);

/* Whether any pattern of the policy stands for host (NUL-ended, no root dot). */
bool sts_policy_match(const struct sts_policy *policy, const char *host);

/* Whether `text` can stand in an mx line: [ "*." ] Domain, A-labels (RFC 8461 3.2). */
bool sts_pattern_valid(const char *text, size_t len);

#ifdef __cplusplus
}
#endif
#endif
