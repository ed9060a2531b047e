/* SPDX-License-Identifier: MIT
 *
 * A TLS report on its way (RFC 8460 5): as a file, compressed or not, and as the mail that carries this file, and as a POST. All of it is made anew
 * from the day's record while it is read: no report is ever whole in RAM.
 */
#ifndef STSMAIL_TLSRPT_SEND_H
#define STSMAIL_TLSRPT_SEND_H

#include <stsmail/engine/http.h>
#include <stsmail/engine/resolver.h>
#include <stsmail/engine/stream.h>
#include <stsmail/tlsrpt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the file (RFC 8460 5.1, 5.2) ----------------------------------------------------------- */

/* Its members are the library's own. */
struct sts_tlsrpt_file {
    const struct sts_tlsrpt_report *report;
    size_t   plain; /* octets of the report */
    uint32_t crc;   /* of them, where gzip is set */
    bool     gzip;
};

/* Takes a report, which stays in place, as JSON or as a gzip file (RFC 1952). The latter has blocks that are stored (RFC 1951 3.2.4), and is
 * a few octets longer than the report: for receivers that take nothing else. */
void sts_tlsrpt_file_start(struct sts_tlsrpt_file *f, const struct sts_tlsrpt_report *report, bool gzip);

/* Its length, and its octets from `at` on: up to `size` of them, 0 at the end. The same each time. */
size_t sts_tlsrpt_file_size(const struct sts_tlsrpt_file *f);
size_t sts_tlsrpt_file_read(const struct sts_tlsrpt_file *f, size_t at, void *buf, size_t size);

/* Its media type, and the extension of its name. Static. */
const char *sts_tlsrpt_file_type(const struct sts_tlsrpt_file *f);
const char *sts_tlsrpt_file_extension(const struct sts_tlsrpt_file *f);

/* ---- by mail (RFC 8460 5.3) ------------------------------------------------------------------- */

/* The address of a "mailto:" URI of a TLSRPT record, percent-decoded and without what a "?" adds. STS_OK; STS_ERR_ABSENT: a URI of
 * another scheme; STS_ERR_ADDRESS: it is not one ASCII mailbox. */
int sts_tlsrpt_mailto(const char *uri, char out[STS_TLSRPT_URI_SIZE]);

/* The mail as a source for struct sts_message.raw: multipart/report, from the contact of the report's config. It goes out signed by the
 * contact's domain, whatever TLS the receiver has (R-189; it says "TLS-Required: No" to relays), and is not counted (R-190: sts_tlsrpt.quiet). */
struct sts_tlsrpt_mail {
    struct sts_source source; /* for reading; the rest is the library's own */
    const struct sts_tlsrpt_file *file;
    const char *to;
    int64_t     date_s;
    uint8_t     part;
    bool        value;   /* of the part, rather than what stands before it */
    size_t      file_at; /* of what was encoded */
    const char *run;     /* what is being given, up to its NUL */
    char        text[STS_TLSRPT_FILE_SIZE];
};

/* All that it is given stays in place while the source is read. date_s: when the report was first sent, in seconds since 1970; the same on
 * each try, so that the mail is. */
void sts_tlsrpt_mail_start(struct sts_tlsrpt_mail *m, const struct sts_tlsrpt_file *file, const char *to, int64_t date_s);

/* ---- when (RFC 8460 4.1, 5.5) ------------------------------------------------------------------- */

/* Which kept report goes out next. STS_OK: that of *day and domain, now, a try no. *tries from 0 on; STS_ERR_ABSENT: none yet; *wait_s: seconds
 * until one does, UINT32_MAX where none is kept. STS_ERR_CLOCK: unset or in doubt, so that nobody knows; STS_ERR_IO.
 *
 * The first try comes 1 to 14400 seconds after the day's end: a number that is fixed for device, domain and day, over reboots too. */
int sts_tlsrpt_next(const struct sts_tlsrpt_config *config, const struct sts_time *now, sts_day *day, char domain[STS_NAME_SIZE],
                    unsigned *tries, uint32_t *wait_s);

/* It was not accepted, and is to be tried again: after 15 minutes, then twice as long each time, up to 4 hours. STS_OK; STS_ERR_TIMEOUT: that would
 * be later than 24 hours after the first try, so that it was given up and dropped; STS_ERR_SPACE, STS_ERR_IO. */
int sts_tlsrpt_put_off(const struct sts_tlsrpt_config *config, const struct sts_time *now, sts_day day, const char *domain);

/* An address has refused for good: it is left alone for 7 days. Told apart by a hash of 64 bits. STS_OK; STS_ERR_SPACE (there are
 * STS_TLSRPT_MAX of them already), STS_ERR_IO: it will be asked again. */
int sts_tlsrpt_refused(const struct sts_tlsrpt_config *config, const struct sts_time *now, const char *uri);

/* Whether it is. */
bool sts_tlsrpt_is_refused(const struct sts_tlsrpt_config *config, const struct sts_time *now, const char *uri);

/* ---- by https (RFC 8460 5.4) -------------------------------------------------------------------- */

/* One POST. Its members are the library's own. */
struct sts_tlsrpt_post {
    struct sts_resolver *resolver;
    struct sts_stream   *stream;
    const struct sts_tlsrpt_file *file;
    struct sts_host host;
    struct sts_http http;
    char     name[STS_NAME_SIZE];
    char     path[STS_TLSRPT_URI_SIZE];
    uint16_t port;
    uint8_t  state, next;          /* next: address to be tried next */
    size_t   sent;                 /* octets of the file */
    uint32_t end_ms, connect_ms;   /* of it all; of this address, while others are left */
    int      result;
};

/* Begins to send a file to an "https:" URI of a TLSRPT record, in timeout_s seconds in all (1..86400). Resolver and stream, which is closed, are
 * the post's own until it is over, but for the polling of the resolver. STS_OK; STS_ERR_ABSENT: a URI of another scheme; STS_ERR_NAME: its host is
 * no host name, or is an address (R03); STS_ERR_SYNTAX: its port, or user information; STS_ERR_SPACE: the resolver has no room. */
int sts_tlsrpt_post_start(struct sts_tlsrpt_post *p, struct sts_resolver *resolver, struct sts_stream *stream,
                          const struct sts_tlsrpt_file *file, const char *uri, uint32_t timeout_s, const struct sts_time *now);

/* STS_BUSY; STS_OK: it was accepted (200, 201); STS_ERR_REJECTED: refused for good (redirects, which nobody follows, and 4xx but 408, 425 and 429: R-195);
 * else why not now: STS_ERR_TEMPFAIL (another status), STS_ERR_SPACE (its request does not fit into STS_TX_SIZE), and what look-up, connection and TLS say. */
int sts_tlsrpt_post_poll(struct sts_tlsrpt_post *p, const struct sts_time *now);

/* Gives it up. Harmless at any time after start. */
void sts_tlsrpt_post_stop(struct sts_tlsrpt_post *p);

/* What to wait for beside the resolver; as sts_resolver_wait(). */
size_t sts_tlsrpt_post_wait(const struct sts_tlsrpt_post *p, const struct sts_time *now, struct sts_wait *w, size_t max,
                            uint32_t *ms);

#ifdef __cplusplus
}
#endif
#endif
