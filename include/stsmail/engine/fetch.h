/* SPDX-License-Identifier: MIT
 *
 * One policy over HTTPS (RFC 8461 3.3), or the reason why not.
 */
#ifndef STSMAIL_ENGINE_FETCH_H
#define STSMAIL_ENGINE_FETCH_H

#include <stsmail/engine/http.h>
#include <stsmail/engine/resolver.h>
#include <stsmail/engine/stream.h>
#include <stsmail/policy.h>

/* All zero: not in use. */
struct sts_fetch {
    struct sts_resolver     *resolver;
    struct sts_stream       *stream;
    const struct sts_log    *log;
    struct sts_host          host;
    struct sts_http          http;
    struct sts_policy_parser parser;
    void                    *ctx; /* of on_text, which may be NULL: as on_policy_text in mailer.h. Set between look and go */
    void (*on_text)(void *ctx, const void *bytes, size_t len);
    union {
        char name[STS_NAME_SIZE];   /* mta-sts.DOMAIN */
        char reason[STS_NAME_SIZE]; /* once it is over */
    };
    uint32_t                 end_ms;      /* of the fetch as a whole (H06, H25) */
    uint32_t                 connect_ms;  /* of this address, while others are left (D37) */
    uint16_t                 port;
    uint8_t                  state, next; /* next: address to be tried next */
    int                      looked;      /* result of the look-up */
    int                      result;
    int                      cause;       /* the lower layer's error behind result */
};

/* Asks for the addresses of mta-sts.`domain` at once, so that they come with the other answers. `stream` is
 * used only from sts_fetch_go() on. STS_OK; STS_ERR_NAME: the name would be too long (D34); STS_ERR_SPACE. */
int sts_fetch_look(struct sts_fetch *f, struct sts_resolver *resolver, struct sts_stream *stream,
                   const struct sts_log *log, const char *domain, uint16_t port,
                   uint32_t dns_timeout_s, const struct sts_time *now);

/* The policy is wanted: fetches it into *policy, in timeout_s seconds in all (from now; at most a day). */
void sts_fetch_go(struct sts_fetch *f, struct sts_policy *policy, uint32_t timeout_s,
                  const struct sts_time *now);

/* STS_BUSY; STS_OK: *policy is valid; else why not: STS_ERR_POLICY_FETCH, _INVALID, _WEBPKI (RFC 8460 4.3.2.2: the
 * sts-* types); or what is this device's own trouble and says nothing about the domain: STS_ERR_MEMORY,
 * STS_ERR_CLOCK, STS_ERR_CONFIG (no trust anchors), STS_ERR_RANDOM. Before sts_fetch_go(): STS_BUSY while
 * the look-up runs, then STS_OK whatever it found. The stream is closed when it ends. The resolver is
 * polled by its owner. */
int sts_fetch_poll(struct sts_fetch *f, const struct sts_time *now);

/* Not wanted, or given up. Harmless at any time after look. */
void sts_fetch_stop(struct sts_fetch *f);

/* For a person, once sts_fetch_poll() gave an error: what went wrong, one sentence without a full stop. Only our own
 * words: nothing in it comes from the peer but a status. */
const char *sts_fetch_reason(struct sts_fetch *f);

/* What to wait for beside the resolver; as sts_resolver_wait(). */
size_t sts_fetch_wait(const struct sts_fetch *f, const struct sts_time *now, struct sts_wait *w,
                      size_t max, uint32_t *ms);

#endif
