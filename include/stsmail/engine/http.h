/* SPDX-License-Identifier: MIT
 *
 * One GET and its answer (RFC 9110, 9112), as far as RFC 8461 3.3 lets a policy come this way: status 200, text/plain,
 * no redirect, no cache, no content coding. The answer is a stream; nothing of it is kept.
 */
#ifndef STSMAIL_ENGINE_HTTP_H
#define STSMAIL_ENGINE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stsmail/error.h>

/* Why an answer was refused; for people, through sts_http_reason(). */
struct sts_http {
    uint64_t left;       /* body or chunk octets still due */
    uint32_t body;       /* body octets so far */
    uint32_t head;       /* octets of head so far */
    uint32_t body_max;
    uint16_t status;
    uint8_t  state, why, interim, lines;
    uint8_t  framing;    /* none, length, chunked, close */
    uint8_t  seen;       /* header fields seen */
    uint8_t  field;      /* the field being read */
    uint8_t  name_len, digits, value_len, token;
    char     value[24];
    char     name[24];
};

/* The request: minimal, the same from every device (H22, H23). Returns bytes, or STS_ERR_SPACE. `host` has
 * no root dot; port 0 or 443 is left out of Host. */
int sts_http_request(char *out, size_t size, const char *host, uint16_t port, const char *path);

void sts_http_start(struct sts_http *h, uint32_t body_max);

/* Reads on. Returns octets of `bytes` used (all, unless the body has ended: what follows is not looked
 * at), and sets *body, *body_len to the body octets among those used: at most one run a call, so call
 * again until all are used or sts_http_done(). < 0: STS_ERR_PROTO, sticky; sts_http_reason() says why. */
int32_t sts_http_feed(struct sts_http *h, const uint8_t *bytes, size_t len, const uint8_t **body,
                      size_t *body_len);

/* Whether the answer is complete. */
bool sts_http_done(const struct sts_http *h);

/* The stream has ended; authenticated: by close_notify (RFC 8446 6.1). STS_OK: the answer is complete;
 * STS_ERR_CLOSED: it is not, or nobody vouches for its end (H11, H12). */
int sts_http_end(struct sts_http *h, bool authenticated);

/* For a person: what was wrong with the answer. Static. */
const char *sts_http_reason(const struct sts_http *h);

#endif
