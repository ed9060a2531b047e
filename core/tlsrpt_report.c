/* SPDX-License-Identifier: MIT
 *
 * The report: RFC 8460 4.4's JSON, written from a day's record. The whole of it is written each time, and only the octets that were asked
 * for are kept: no state between two reads, and no way for two reads to differ.
 */
#include <string.h>

#include <stsmail/engine/text.h>
#include <stsmail/engine/tlsrpt.h>
#include <stsmail/engine/utf8.h>

/* The octets from `from` on, at most size of them, of all that is put. */
struct window {
    uint8_t *buf;
    size_t from, size, len, at;
};

static void octet(struct window *w, uint8_t c)
{
    if (w->at >= w->from && w->len < w->size) {
        w->buf[w->len++] = c;
    }
    w->at++;
}

static void text(struct window *w, const char *s)
{
    for (; *s != '\0'; s++) {
        octet(w, (uint8_t)*s);
    }
}

static void number(struct window *w, uint32_t n)
{
    char digits[12];
    struct sts_out o;

    sts_out_start(&o, digits, sizeof digits);
    sts_out_number(&o, n);
    text(w, sts_out_end(&o));
}

/* ---- strings (R-160, R-170) ------------------------------------------------------------------- */

/* Octets of the character that begins at p; 0: it is none of UTF-8, or one that I-JSON does not want (RFC 7493 2.1:
 * noncharacters; surrogates are not UTF-8). */
static size_t character(const uint8_t *p, size_t len)
{
    struct sts_utf8 u = {0};
    uint32_t point = 0;
    size_t n = 0;

    do {
        if (n == len || !sts_utf8_next(&u, p[n])) {
            return 0;
        }
        point = point << 6 | (p[n] & 0x3f);
        n++;
    } while (u.left > 0);
    if ((n > 2 && (point & 0xfffe) == 0xfffe) ||
        (n == 3 && (point & 0xffff) >= 0xfdd0 && (point & 0xffff) <= 0xfdef)) {
        return 0;
    }
    return n;
}

static void escaped(struct window *w, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";

    if (c == '"' || c == '\\') {
        octet(w, '\\');
        octet(w, c);
    } else if (c < 0x20 || c == 0x7f) {
        text(w, "\\u00");
        octet(w, (uint8_t)hex[c >> 4]);
        octet(w, (uint8_t)hex[c & 15]);
    } else {
        octet(w, c);
    }
}

static void string(struct window *w, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;

    octet(w, '"');
    for (size_t i = 0, n; i < len; i += n) {
        n = character(p + i, len - i);
        if (n == 0) {
            text(w, "\xef\xbf\xbd"); /* U+FFFD */
            n = 1;
        } else {
            for (size_t k = 0; k < n; k++) {
                escaped(w, p[i + k]);
            }
        }
    }
    octet(w, '"');
}

/* A member of an object. The key is ours: it comes with what stands before it. */
static void member(struct window *w, const char *key, const char *value)
{
    text(w, key);
    string(w, value, sts_len(value));
}

/* ---- addresses (R-169, R-171) ------------------------------------------------------------------- */

/* Whether an address says where on its own network somebody is: RFC 1918, RFC 3927, RFC 4193, RFC 4291, RFC 6598. */
static bool is_local(const struct sts_ip *ip)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static const struct {
        uint8_t first, low, high;
    } v4[] = {{10, 0, 255},    {127, 0, 255},  {169, 254, 254}, {172, 16, 31},
              {192, 168, 168}, {100, 64, 127}, {0, 0, 255}};
    const uint8_t *b = ip->bytes;

    if (ip->family == 6 && memcmp(b, mapped, sizeof mapped) != 0) {
        return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0x80) == 0x80) ||
               (b[0] == 0 &&
                memcmp(b, b + 1, 14) == 0); /* fc00::/7, fe80::/9 (fec0::/10 was once), ::, ::1 */
    }
    b += ip->family == 6 ? sizeof mapped : 0;
    for (size_t i = 0; i < sizeof v4 / sizeof v4[0]; i++) {
        if (b[0] == v4[i].first && b[1] >= v4[i].low && b[1] <= v4[i].high) {
            return true;
        }
    }
    return false;
}

static void address(struct window *w, const char *key, const uint8_t *octets, bool lan)
{
    struct sts_ip ip = {.family = octets[0]};
    char buf[48];
    struct sts_out o;

    memcpy(ip.bytes, octets + 1, sizeof ip.bytes);
    if ((ip.family != 4 && ip.family != 6) || (is_local(&ip) && !lan)) {
        return;
    }
    sts_out_start(&o, buf, sizeof buf);
    sts_out_ip(&o, &ip);
    member(w, key, sts_out_end(&o));
}

/* ---- the policy (R-164 to R-167) ------------------------------------------------------------------ */

/* The next line of a text that is not empty, without its end; 0: there is none. *at is behind it. */
static size_t next_line(const char *s, size_t len, size_t *at, const char **line)
{
    size_t n = 0;

    while (*at < len && n == 0) {
        *line = s + *at;
        while (*at < len && s[*at] != '\n') {
            (*at)++;
        }
        n = (size_t)(s + *at - *line);
        n -= n > 0 && (*line)[n - 1] == '\r';
        *at += *at < len;
    }
    return n;
}

/* Of "mx: PATTERN": the pattern, where it is one (R-166: A-labels). */
static size_t pattern(const char *line, size_t n, const char **out)
{
    size_t at = 3;

    if (n < 3 || memcmp(line, "mx:", 3) != 0) {
        return 0;
    }
    while (at < n && (line[at] == ' ' || line[at] == '\t')) {
        at++;
    }
    while (n > at && (line[n - 1] == ' ' || line[n - 1] == '\t')) {
        n--;
    }
    *out = line + at;
    return sts_pattern_valid(*out, n - at) ? n - at : 0;
}

/* The lines as they stand there, or the patterns of mx lines alone. */
static void lines(struct window *w, const uint8_t *section, bool patterns)
{
    const char *s = (const char *)section + STS_TLSRPT_TEXT, *line = s, *p;
    size_t len = sts_tlsrpt_length(section) - STS_TLSRPT_TEXT, at = 0, n;
    const char *between = "";

    text(w, "[");
    while ((n = next_line(s, len, &at, &line)) > 0) {
        p = line;
        n = patterns ? pattern(line, n, &p) : n;
        if (n > 0) {
            text(w, between);
            string(w, p, n);
            between = ",";
        }
    }
    text(w, "]");
}

static void policy(struct window *w, const struct sts_tlsrpt_report *r, const uint8_t *section)
{
    bool sts = section[STS_TLSRPT_TYPE] == STS_TLSRPT_STS;

    member(w, "{\"policy\":{\"policy-type\":", sts ? "sts" : "no-policy-found");
    text(w, ",\"policy-string\":");
    lines(w, section, false);
    member(w, ",\"policy-domain\":", sts_tlsrpt_report_domain(r));
    if (sts) {
        text(w, ",\"mx-host\":");
        lines(w, section, true);
    }
    text(w, "},\"summary\":{\"total-successful-session-count\":");
    number(w, sts_tlsrpt_get(section + STS_TLSRPT_GOOD));
    text(w, ",\"total-failure-session-count\":");
    number(w, sts_tlsrpt_get(section + STS_TLSRPT_BAD));
    text(w, "},\"failure-details\":[");
}

/* ---- failures (R-155, R-156, R-168) ----------------------------------------------------------------- */

/* More than the type says. */
static const char *reason(int err)
{
    switch (err) {
    case STS_ERR_MX_MISMATCH: return "mx-mismatch"; /* C-8 */
    case STS_ERR_TLS: return "tls-handshake-failed";
    case STS_ERR_CERT_TRUST: return "no-chain-to-a-trust-anchor";
    default: return NULL;
    }
}

static void failure(struct window *w, const uint8_t *e, bool lan)
{
    int err = -(int)e[STS_TLSRPT_ERROR];
    const char *type = sts_tlsrpt_type(err), *code = reason(err);

    member(w, "{\"result-type\":", type != NULL ? type : sts_err_name(STS_ERR_TLS));
    if (sts_tlsrpt_length(e) > STS_TLSRPT_SENDER) {
        address(w, ",\"sending-mta-ip\":", e + STS_TLSRPT_SENDER, lan);
        member(w, ",\"receiving-mx-hostname\":", (const char *)e + STS_TLSRPT_MX);
        address(w, ",\"receiving-ip\":", e + STS_TLSRPT_RECEIVER, lan);
    }
    text(w, ",\"failed-session-count\":");
    number(w, sts_tlsrpt_get(e + STS_TLSRPT_COUNT));
    if (code != NULL) {
        member(w, ",\"failure-reason-code\":", code);
    }
    text(w, "}");
}

static void policies(struct window *w, const struct sts_tlsrpt_report *r)
{
    const uint8_t *end = r->record.bytes + r->record.len;
    const char *open = "", *between = "";

    for (const uint8_t *e = r->record.bytes; e < end; e += sts_tlsrpt_length(e)) {
        if (e[STS_TLSRPT_KIND] == STS_TLSRPT_POLICY) {
            text(w, open);
            policy(w, r, e);
            open = "]},";
            between = "";
        } else {
            text(w, between);
            failure(w, e, r->config->lan);
            between = ",";
        }
    }
    text(w, "]}");
}

/* ---- the whole ---------------------------------------------------------------------------------------- */

static void two_digits(struct sts_out *o, uint32_t n)
{
    sts_out_char(o, (char)('0' + n / 10 % 10));
    sts_out_char(o, (char)('0' + n % 10));
}

/* RFC 3339's full-date, proleptic Gregorian: eras of 400 years, years that begin in March. */
static const char *date(sts_day day, char out[16])
{
    uint32_t z = (uint32_t)day + 719468, era = z / 146097, in = z % 146097;
    uint32_t year = (in - in / 1460 + in / 36524 - in / 146096) / 365;
    uint32_t of = in - (365 * year + year / 4 - year / 100), month = (5 * of + 2) / 153;
    struct sts_out o;

    sts_out_start(&o, out, 16);
    sts_out_number(&o, year + era * 400 + (month >= 10));
    sts_out_char(&o, '-');
    two_digits(&o, month < 10 ? month + 3 : month - 9);
    sts_out_char(&o, '-');
    two_digits(&o, of - (153 * month + 2) / 5 + 1);
    return sts_out_end(&o);
}

static void write_all(struct window *w, const struct sts_tlsrpt_report *r)
{
    char day[16], id[STS_TLSRPT_ID_SIZE];

    date(r->day, day);
    sts_tlsrpt_report_id(r, id);
    member(w, "{\"organization-name\":", r->config->organization);
    text(w, ",\"date-range\":{\"start-datetime\":\"");
    text(w, day);
    text(w, "T00:00:00Z\",\"end-datetime\":\"");
    text(w, day);
    text(w, "T23:59:59Z\"}");
    member(w, ",\"contact-info\":", r->config->contact);
    member(w, ",\"report-id\":", id);
    text(w, ",\"policies\":[");
    policies(w, r);
    text(w, "]}");
}

int sts_tlsrpt_report_start(struct sts_tlsrpt_report *r, const struct sts_tlsrpt_config *config,
                            sts_day day, const char *domain)
{
    int e = sts_tlsrpt_load(config->store, day, domain, &r->record);

    r->config = config;
    r->day = day;
    return e == STS_ERR_IO ? e : e == STS_OK ? STS_OK : STS_ERR_ABSENT;
}

size_t sts_tlsrpt_report_read(const struct sts_tlsrpt_report *r, size_t at, void *buf, size_t size)
{
    struct window w = {.buf = buf, .from = at, .size = size};

    write_all(&w, r);
    return w.len;
}

size_t sts_tlsrpt_report_size(const struct sts_tlsrpt_report *r)
{
    struct window w = {.from = SIZE_MAX};

    write_all(&w, r);
    return w.at;
}

const char *sts_tlsrpt_report_domain(const struct sts_tlsrpt_report *r)
{
    const char *p = r->record.key;

    while (*p++ != '.') {
    }
    return p;
}

const char *sts_tlsrpt_report_submitter(const struct sts_tlsrpt_report *r)
{
    const char *p = r->config->contact + sts_len(r->config->contact);

    while (p[-1] != '@') {
        p--;
    }
    return p;
}

/* Of this device and domain: FNV-1a, 64 bits. */
static void put_unique(struct sts_out *o, const struct sts_tlsrpt_report *r)
{
    const char *parts[] = {r->config->device, r->record.key};
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < 2; i++) {
        for (const char *p = parts[i]; p == parts[i] || p[-1] != '\0'; p++) {
            hash = (hash ^ (uint8_t)*p) * 1099511628211u;
        }
    }
    for (int shift = 60; shift >= 0; shift -= 4) {
        sts_out_char(o, "0123456789abcdef"[hash >> shift & 15]);
    }
}

void sts_tlsrpt_report_id(const struct sts_tlsrpt_report *r, char out[STS_TLSRPT_ID_SIZE])
{
    struct sts_out o;

    sts_out_start(&o, out, STS_TLSRPT_ID_SIZE);
    sts_out_number(&o, (uint64_t)r->day);
    sts_out_char(&o, '.');
    put_unique(&o, r);
    sts_out_char(&o, '@');
    sts_out_text(&o, sts_tlsrpt_report_submitter(r));
    sts_out_end(&o);
}

void sts_tlsrpt_report_file(const struct sts_tlsrpt_report *r, const char *extension,
                            char out[STS_TLSRPT_FILE_SIZE])
{
    uint64_t begin = (uint64_t)r->day * 86400;
    struct sts_out o;

    sts_out_start(&o, out, STS_TLSRPT_FILE_SIZE);
    sts_out_text(&o, sts_tlsrpt_report_submitter(r));
    sts_out_char(&o, '!');
    sts_out_text(&o, sts_tlsrpt_report_domain(r));
    sts_out_char(&o, '!');
    sts_out_number(&o, begin);
    sts_out_char(&o, '!');
    sts_out_number(&o, begin + 86399);
    sts_out_char(&o, '!');
    put_unique(&o, r);
    sts_out_char(&o, '.');
    sts_out_text(&o, extension);
    sts_out_end(&o);
}
