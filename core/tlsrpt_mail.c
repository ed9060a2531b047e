/* SPDX-License-Identifier: MIT
 *
 * The mail that carries a report: RFC 8460 5.3, R-182 to R-184. A table of what it says, each line with the value behind it; the file
 * is encoded a few lines at a time.
 */
#include <stsmail/engine/mailbox.h>
#include <stsmail/engine/message.h>
#include <stsmail/tlsrpt_send.h>

#define LINE  57          /* octets that make a line of base64 (RFC 2045 6.8) */
#define LINES 6           /* encoded at once */
#define MARK  "=_stsmail" /* "_" is in no base64, and the text has none in front of a line */

enum value {
    V_NONE,
    V_CONTACT,
    V_TO,
    V_DATE,
    V_DOMAIN,
    V_SUBMITTER,
    V_ID,
    V_TYPE,
    V_NAME,
    V_FILE,
};

static const struct {
    const char *before;
    uint8_t value;
} parts[] = {
    {"From: <", V_CONTACT},
    {">\r\nTo: <", V_TO},
    {">\r\nDate: ", V_DATE},
    {"\r\nMessage-ID: <", V_ID},
    {">\r\nSubject: Report Domain: ", V_DOMAIN}, /* */
    {"\r\n Submitter: ", V_SUBMITTER},
    {"\r\n Report-ID: <", V_ID},
    {">\r\nTLS-Report-Domain: ", V_DOMAIN}, /* */
    {"\r\nTLS-Report-Submitter: ", V_SUBMITTER},
    {"\r\nTLS-Required: No\r\n" /* R-189, RFC 8689 5 */
     "Auto-Submitted: auto-generated\r\n"
     "MIME-Version: 1.0\r\n"
     "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n boundary=\"" MARK
     "\"\r\n" /* */
     "\r\n--" MARK "\r\n"
     "Content-Type: text/plain; charset=us-ascii\r\n"
     "\r\nThis is a report of SMTP TLS (RFC 8460).\r\n"
     "\r\nDomain:    ",
     V_DOMAIN},
    {"\r\nSubmitter: ", V_SUBMITTER},
    {"\r\nReport-ID: ", V_ID},
    {"\r\n\r\n--" MARK "\r\nContent-Type: ", V_TYPE},
    {"\r\nContent-Transfer-Encoding: base64\r\n"
     "Content-Disposition: attachment;\r\n filename=\"",
     V_NAME}, /* */
    {"\"\r\n\r\n", V_FILE},
    {"--" MARK "--\r\n", V_NONE},
};

#define PARTS (sizeof parts / sizeof parts[0])

/* The next lines of the file, "" behind the last. The octets wait at the end of the text that they become. */
static const char *encoded(struct sts_tlsrpt_mail *m)
{
    uint8_t *octets = (uint8_t *)m->text + sizeof m->text - LINE * LINES;
    size_t n = sts_tlsrpt_file_read(m->file, m->file_at, octets, LINE * LINES);
    struct sts_out o;

    m->file_at += n;
    sts_out_start(&o, m->text, sizeof m->text);
    sts_out_base64(&o, octets, n, LINE / 3 * 4, "\r\n");
    if (n > 0) {
        sts_out_text(&o, "\r\n");
    }
    return sts_out_end(&o);
}

static const char *date(struct sts_tlsrpt_mail *m)
{
    struct sts_out o;

    sts_out_start(&o, m->text, sizeof m->text);
    sts_compose_date(&o, m->date_s);
    return sts_out_end(&o);
}

static const char *value(struct sts_tlsrpt_mail *m)
{
    const struct sts_tlsrpt_report *r = m->file->report;

    switch (parts[m->part].value) {
    case V_CONTACT: return r->config->contact;
    case V_TO: return m->to;
    case V_DATE: return date(m);
    case V_DOMAIN: return sts_tlsrpt_report_domain(r);
    case V_SUBMITTER: return sts_tlsrpt_report_submitter(r);
    case V_ID: sts_tlsrpt_report_id(r, m->text); return m->text;
    case V_TYPE: return sts_tlsrpt_file_type(m->file);
    case V_NAME:
        sts_tlsrpt_report_file(r, sts_tlsrpt_file_extension(m->file), m->text);
        return m->text;
    case V_FILE: return encoded(m);
    default: return "";
    }
}

/* The next text to give, which may be empty; the file comes in several. */
static void advance(struct sts_tlsrpt_mail *m)
{
    if (!m->value) {
        m->value = true;
        m->run = value(m);
    } else if (parts[m->part].value == V_FILE && m->text[0] != '\0') {
        m->run = value(m);
    } else {
        m->value = false;
        m->part++;
        m->run = m->part < PARTS ? parts[m->part].before : "";
    }
}

static int mail_rewind(void *ctx)
{
    struct sts_tlsrpt_mail *m = ctx;

    m->part = 0;
    m->value = false;
    m->file_at = 0;
    m->run = parts[0].before;
    return STS_OK;
}

static int32_t mail_read(void *ctx, void *buf, size_t size)
{
    struct sts_tlsrpt_mail *m = ctx;
    char *out = buf;
    size_t n = 0;

    while (n < size && m->part < PARTS) {
        if (*m->run != '\0') {
            out[n++] = *m->run++;
        } else {
            advance(m);
        }
    }
    return (int32_t)n;
}

void sts_tlsrpt_mail_start(struct sts_tlsrpt_mail *m, const struct sts_tlsrpt_file *file,
                           const char *to, int64_t date_s)
{
    m->file = file;
    m->to = to;
    m->date_s = date_s;
    m->source = (struct sts_source){m, mail_rewind, mail_read};
    (void)mail_rewind(m);
}

/* ---- where to --------------------------------------------------------------------------------- */

/* The value of a hexadecimal digit; 16: it is none. */
static unsigned hex(char c)
{
    return sts_is_digit((uint8_t)c)                 ? (unsigned)(c - '0')
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (unsigned)((c | 0x20) - 'a' + 10)
                                                    : 16;
}

/* RFC 6068 2: "," and others come percent-encoded. */
int sts_tlsrpt_mailto(const char *uri, char out[STS_TLSRPT_URI_SIZE])
{
    static const char scheme[] = "mailto:";
    size_t at = sizeof scheme - 1, n = 0;
    struct sts_mailbox box;

    if (sts_len(uri) < at || !sts_same(uri, at, scheme, at)) {
        return STS_ERR_ABSENT;
    }
    while (uri[at] != '\0' && uri[at] != '?' && n < STS_TLSRPT_URI_SIZE - 1) {
        unsigned c = (uint8_t)uri[at++];

        if (c == '%') {
            c = hex(uri[at]) < 16 && hex(uri[at + 1]) < 16 ? hex(uri[at]) << 4 | hex(uri[at + 1])
                                                           : 0;
            at += c != 0 ? 2 : 0;
        }
        if (c <= ' ' || c > '~') {
            return STS_ERR_ADDRESS;
        }
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return sts_mailbox_parse(out, n, &box) == STS_OK && !box.literal ? STS_OK : STS_ERR_ADDRESS;
}
