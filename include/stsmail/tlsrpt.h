/* SPDX-License-Identifier: MIT
 *
 * SMTP TLS reporting (RFC 8460): where a domain wants its reports, what is counted for them, and the report.
 *
 * Each UTC day and policy domain has one record in the store, which every session that is over is added to at once: a power cut
 * costs the session under way and nothing else. What is delivered where, and when, is the business of a layer above.
 * Nothing in the mailer refers to this file: a program that does not report does not link it.
 */
#ifndef STSMAIL_TLSRPT_H
#define STSMAIL_TLSRPT_H

#include <stsmail/mailer_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the TXT record (RFC 8460 3) --------------------------------------------------------- */

/* Where the record is: this and the policy domain. A domain over 242 octets has none. */
#define STS_TLSRPT_PREFIX     "_smtp._tls."
#define STS_TLSRPT_DOMAIN_MAX 242

/* Bytes of a report address with its NUL. A longer one is passed over. */
#define STS_TLSRPT_URI_SIZE 256

/* Feed all TXT records, in any order, as for struct sts_record: start, then for each record open, text (its strings, in any pieces,
 * nothing between: R-145), close. */
struct sts_tlsrpt_record {
    char     uris[STS_TLSRPT_URIS][STS_TLSRPT_URI_SIZE]; /* as they stand there, NUL-ended: "mailto:" or "https:", in any
                                                            case, and visible ASCII behind */
    uint8_t  count;      /* of them; may be 0: no address that we could report to */
    bool     cut;        /* there were more, or longer ones */
    uint16_t candidates; /* records that begin "v=TLSRPTv1" *WSP ";" (saturates) */
    uint16_t records;    /* records in all (saturates) */
    uint8_t  why;        /* the rest is the parser's own */
    uint8_t  state;
    uint8_t  len;        /* of the version, or of the name */
    bool     rua, rua_seen, bad_uri;
    uint16_t uri_len;
    char     name[3];
};

void sts_tlsrpt_record_start(struct sts_tlsrpt_record *r);
void sts_tlsrpt_record_open(struct sts_tlsrpt_record *r);
void sts_tlsrpt_record_text(struct sts_tlsrpt_record *r, const void *text, size_t len);
void sts_tlsrpt_record_close(struct sts_tlsrpt_record *r);

/* After the last close. STS_OK: exactly one candidate, valid. Else the domain does no TLSRPT: STS_ERR_ABSENT (no candidate, or
 * several: R-144) or STS_ERR_SYNTAX (malformed). count is 0 then. */
int sts_tlsrpt_record_result(const struct sts_tlsrpt_record *r);

/* For a person: why it is none. Static; "" for STS_OK. */
const char *sts_tlsrpt_record_reason(const struct sts_tlsrpt_record *r);

/* ---- counting (RFC 8460 4.2, 4.3; RFC 8461 6) --------------------------------------------- */

/* Who reports. Stays in place. */
struct sts_tlsrpt_config {
    const struct sts_store *store;        /* not one that the mailer or the queue has claimed a record of */
    const char             *organization; /* UTF-8; its name in the report */
    const char             *contact;      /* an ASCII mailbox; its domain is the submitter */
    const char             *device;       /* what tells this sender from others of the same contact: its hostname */
    bool                    lan;          /* whether addresses of private networks may be told */
};

/* What is counted for one domain on one day: engine/tlsrpt.h says how. */
struct sts_tlsrpt_day {
    uint16_t len;
    char     key[STS_NAME_SIZE]; /* of the store: the day, ".", the policy domain */
    uint8_t  bytes[STS_TLSRPT_SIZE];
};

struct sts_tlsrpt {
    const struct sts_tlsrpt_config *config; /* NULL: nothing is counted */
    bool     quiet;    /* set this while a report is being delivered: its sessions are not counted */
    uint16_t text_len; /* of a policy file that is being fetched, in record.bytes[] */
    struct sts_tlsrpt_day record; /* being added to */
};

/* Whether reports can be made under this config. STS_OK; STS_ERR_ARG: a member is missing, or the organization is not
 * UTF-8 of 1..255 octets; STS_ERR_ADDRESS: the contact. After an error nothing is counted, and every call below is STS_OK. */
int sts_tlsrpt_init(struct sts_tlsrpt *t, const struct sts_tlsrpt_config *config);

/* To be called from the mailer's callbacks on_policy_text, on_decision and on_attempt. STS_OK: counted, or nothing to count; STS_BUSY:
 * another process is at that record, call again at once; STS_ERR_IO, STS_ERR_SPACE: not counted.
 *
 * A session is a success where TLS was set up and all that the policy asks for was found, whatever the server then said to the
 * mail; a failure where sts_tlsrpt_type() has a type for its error; else it is not counted. A policy that could not
 * be fetched counts as one failed session. Under mode none nothing counts. */
void sts_tlsrpt_policy_text(struct sts_tlsrpt *t, const void *bytes, size_t len);
int  sts_tlsrpt_decision(struct sts_tlsrpt *t, const struct sts_decision *decision, const struct sts_time *now);
int  sts_tlsrpt_attempt(struct sts_tlsrpt *t, const struct sts_attempt *attempt, const struct sts_time *now);

/* The result type of RFC 8460 4.3 that an error is reported as, or NULL: it is not reported. */
const char *sts_tlsrpt_type(int err);

/* ---- what is kept ------------------------------------------------------------------------- */

/* A day of UTC: days since 1970-01-01. */
typedef int32_t sts_day;
static inline sts_day sts_day_of(int64_t utc_s) { return (sts_day)(utc_s / 86400); }

/* Calls `each` with every day and domain that there is something to report of, today's too, in no order, until it returns false.
 * Within `each` records may be read (sts_tlsrpt_report_start). STS_OK, STS_ERR_IO. */
int sts_tlsrpt_list(const struct sts_store *store, bool (*each)(void *arg, sts_day day, const char *domain), void *arg);

/* Reported, or given up. STS_OK, STS_ERR_ABSENT, STS_ERR_IO. */
int sts_tlsrpt_drop(const struct sts_store *store, sts_day day, const char *domain);

/* Records from before the day before yesterday, which nobody waits for any more, or from days to come, and texts of policies
 * that are not held any more: away with them. Nothing while the clock is unset or in doubt (C04). Also done when there is no room for a new record. STS_OK, STS_ERR_IO. */
int sts_tlsrpt_sweep(const struct sts_store *store, const struct sts_time *now);

/* ---- the report (RFC 8460 4.4) ------------------------------------------------------------ */

struct sts_tlsrpt_report {
    const struct sts_tlsrpt_config *config;
    sts_day  day;
    struct sts_tlsrpt_day record;
};

/* Takes one day of one domain as it is now; nothing that is counted later changes this report. STS_OK; STS_ERR_ABSENT, STS_ERR_IO. */
int sts_tlsrpt_report_start(struct sts_tlsrpt_report *r, const struct sts_tlsrpt_config *config, sts_day day,
                            const char *domain);

/* The report as I-JSON on one line without a line end: the octets from `at` on, as many as there are up to `size`. 0: its end. The same
 * each time, so that it can be measured, hashed and sent again. */
size_t sts_tlsrpt_report_read(const struct sts_tlsrpt_report *r, size_t at, void *buf, size_t size);

/* Its length in octets. */
size_t sts_tlsrpt_report_size(const struct sts_tlsrpt_report *r);

/* The policy domain, and the submitter: the domain of the contact. */
const char *sts_tlsrpt_report_domain(const struct sts_tlsrpt_report *r);
const char *sts_tlsrpt_report_submitter(const struct sts_tlsrpt_report *r);

/* Its report-id, "left@right" as a Message-ID has it; the same for a report that is made again. Up to STS_TLSRPT_ID_SIZE
 * bytes with its NUL. */
#define STS_TLSRPT_ID_SIZE (26 + STS_NAME_SIZE)
void sts_tlsrpt_report_id(const struct sts_tlsrpt_report *r, char out[STS_TLSRPT_ID_SIZE]);

/* The file's name, with this extension ("json", "json.gz"). Up to STS_TLSRPT_FILE_SIZE bytes with its NUL. */
#define STS_TLSRPT_FILE_SIZE (2 * STS_NAME_SIZE + 52)
void sts_tlsrpt_report_file(const struct sts_tlsrpt_report *r, const char *extension, char out[STS_TLSRPT_FILE_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
