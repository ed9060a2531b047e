/* SPDX-License-Identifier: MIT
 *
 * A TLS report on its way (RFC 8460 5): as a file, compressed or not, and as the mail that carries this file. All of it is made anew
 * from the day's record while it is read: no report is ever whole in RAM.
 */
#ifndef STSMAIL_TLSRPT_SEND_H
#define STSMAIL_TLSRPT_SEND_H

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

#ifdef __cplusplus
}
#endif
#endif
