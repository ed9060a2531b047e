/* SPDX-License-Identifier: MIT
 *
 * One GET and its answer (RFC 9110, 9112), as far as RFC 8461 3.3 lets a policy come this way: status 200, text/plain,
 * no redirect, no cache, no content coding. The answer is a stream; nothing of it is kept. And the POST of a report (RFC 8460 5.4), of
 * whose answer the status is all that counts.
 *
 * Limits (H05): 1 KiB a line of the head, 8 KiB and 64 fields in all, interim answers, trailers and chunk
 * extensions included; 4 interim answers (H03); 16 digits a length (H08, H10).
 */
#ifndef STSMAIL_ENGINE_HTTP_H
#define STSMAIL_ENGINE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stsmail/error.h>

#define STS_HTTP_DATE 29 /* octets of an IMF-fixdate (RFC 9110 5.6.7) */

/* The reader; about 60 bytes. `status` is for reading; it may be that of an interim answer until done. */
struct sts_http {
    uint32_t body_max; /* octets that the body may have */
    uint32_t body;     /* body octets so far */
    uint32_t left;     /* octets still due of the body or chunk; while it has no length: still allowed */
    uint16_t head;     /* octets of head, trailers and chunk extensions so far */
    uint16_t line;     /* octets of this line so far */
    uint16_t status;   /* 0: not known yet */
    uint8_t  state, why;
    uint8_t  interim;  /* answers skipped */
    uint8_t  fields;   /* lines so far */
    uint8_t  seen;     /* what the head has said: bits of the fields that matter */
    uint8_t  alive;    /* those whose name may be the one being read */
    uint8_t  field;    /* the one whose value is being read */
    uint8_t  at;       /* place in the text that is being compared, or digits so far */
    bool     brief;    /* nothing behind the status matters */
    uint8_t  date_len;
    char     date[STS_HTTP_DATE]; /* the Date field, as far as it was read */
};

/* Writes the request: minimal, the same from every device (H22, H23), and NUL-ended. `host` has no root dot;
 * port 0 or 443 is left out of Host. Returns its bytes, or STS_ERR_SPACE. */
int sts_http_request(char *out, size_t size, const char *host, uint16_t port, const char *path);

/* The head of a POST, likewise; the body of `len` octets of this media type follows. */
int sts_http_post(char *out, size_t size, const char *host, uint16_t port, const char *path, const char *type, size_t len);

/* Only the status is wanted, any status: the answer is complete with the first that is not interim. */
void sts_http_start_status(struct sts_http *h);

/* body_max: 0..2^24. A longer body is refused, never cut (H07). */
void sts_http_start(struct sts_http *h, uint32_t body_max);

/* Reads on. Returns octets of `bytes` used (all, unless the body has ended: what follows is not looked
 * at, H18), and sets *body, *body_len to the body octets among those used: at most one run a call, so call
 * again until all are used or sts_http_done(). < 0: STS_ERR_PROTO, sticky; sts_http_reason() says why. */
int32_t sts_http_feed(struct sts_http *h, const uint8_t *bytes, size_t len, const uint8_t **body,
                      size_t *body_len);

/* Whether the answer is complete. */
bool sts_http_done(const struct sts_http *h);

/* What the Date field of a 200 says, in seconds since 1970; -1: there is none, or none that can be read. For a second
 * source of the time (C04). */
int64_t sts_http_date(const struct sts_http *h);

/* The stream has ended; authenticated: by close_notify (RFC 8446 6.1). STS_OK: the answer is complete;
 * STS_ERR_CLOSED: it is not, or nobody vouches for its end (H11, H12); STS_ERR_PROTO: it was refused before. */
int sts_http_end(struct sts_http *h, bool authenticated);

/* For a person: what was wrong with the answer, to stand behind "the policy host "; one that begins with a
 * colon is about h->status, and stands behind "the policy host answered 301". Static; "" if nothing. */
const char *sts_http_reason(const struct sts_http *h);

#endif
