/* SPDX-License-Identifier: MIT
 *
 * The header that a program gave to sendmail (RFC 5322 2.2, 3.4, 3.6).
 */
#include "header.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <stsmail/posix.h>

#define HEADER_MAX 1048576u /* octets */

/* ---- addresses (RFC 5322 3.4) -------------------------------------------------------------------- */

/* One address being read. What stands in <> is it; else all that is no comment. */
struct reading {
    char plain[ADDRESS_SIZE], angle[ADDRESS_SIZE];
    size_t plain_len, angle_len;
    unsigned comment;
    bool quoted, escaped, in_angle, has_angle, too_long;
};

static void add_recipient(struct header *h, struct reading *r)
{
    const char *text = r->has_angle ? r->angle : r->plain;
    size_t len = r->has_angle ? r->angle_len : r->plain_len;

    while (len > 0 && isspace((unsigned char)text[len - 1])) {
        len--;
    }
    if (len > 0) {
        if (h->recipients_count == h->recipients_room) {
            size_t room = h->recipients_room * 2 + 16;
            char **more = keep(room * sizeof *more);

            if (h->recipients_count > 0) {
                memcpy(more, h->recipients, h->recipients_count * sizeof *more);
            }
            h->recipients = more;
            h->recipients_room = room;
        }
        h->recipients[h->recipients_count++] = keep_text(text, len);
    }
    *r = (struct reading){0};
}

/* An address of more octets than any has stays so long that it is refused by its form later. */
static void take(struct reading *r, char c)
{
    char *text = r->in_angle ? r->angle : r->plain;
    size_t *len = r->in_angle ? &r->angle_len : &r->plain_len;

    if (isspace((unsigned char)c) && !r->quoted && (*len == 0 || r->in_angle)) {
        return;
    }
    if (*len < ADDRESS_SIZE - 1) {
        text[(*len)++] = c;
    }
}

static void in_comment(struct reading *r, char c)
{
    r->escaped = !r->escaped && c == '\\';
    r->comment += c == '(';
    r->comment -= c == ')';
}

static void in_quotes(struct reading *r, char c)
{
    take(r, c);
    if (!r->escaped && c == '"') {
        r->quoted = false;
    }
    r->escaped = !r->escaped && c == '\\';
}

static void address_octet(struct header *h, struct reading *r, char c)
{
    if (r->comment > 0 && r->escaped) {
        r->escaped = false;
    } else if (r->comment > 0) {
        in_comment(r, c);
    } else if (r->quoted) {
        in_quotes(r, c);
    } else if (c == '(') {
        r->comment = 1;
    } else if (c == '"') {
        r->quoted = true;
        take(r, c);
    } else if (c == '<') {
        r->in_angle = r->has_angle = true;
        r->angle_len = 0;
    } else if (c == '>') {
        r->in_angle = false;
    } else if ((c == ',' || c == ';') && !r->in_angle) {
        add_recipient(h, r);
    } else if (c == ':' && !r->in_angle) {
        *r = (struct reading){0}; /* the name of a group */
    } else {
        take(r, c);
    }
}

static void add_recipients(struct header *h, const char *value, size_t len)
{
    struct reading r = {0};

    for (size_t i = 0; i < len; i++) {
        address_octet(h, &r, value[i] == '\r' || value[i] == '\n' ? ' ' : value[i]);
    }
    add_recipient(h, &r);
}

/* ---- fields --------------------------------------------------------------------------------------- */

/* The length of a field's name, 0: the line is none. */
static size_t name_length(const char *line, size_t len)
{
    size_t n = 0;

    while (n < len && line[n] > ' ' && line[n] < 127 && line[n] != ':') {
        n++;
    }
    size_t end = n;
    while (end < len && (line[end] == ' ' || line[end] == '\t')) {
        end++; /* obsolete, and seen (RFC 5322 4.5) */
    }
    return end < len && line[end] == ':' ? n : 0;
}

static bool is(const char *field, size_t name, const char *want)
{
    return strlen(want) == name && strncasecmp(field, want, name) == 0;
}

/* Behind the line: CRLF, LF and a lone CR end it, as they do where the message is sent. */
static const char *line_end(const char *at, const char *stop)
{
    while (at < stop && *at != '\r' && *at != '\n') {
        at++;
    }
    at += at + 1 < stop && at[0] == '\r' && at[1] == '\n';
    return at < stop ? at + 1 : stop;
}

/* Octets of the field, with the lines that continue it. */
static size_t field_length(const char *at, size_t left)
{
    const char *end = at;

    do {
        end = line_end(end, at + left);
    } while (end < at + left && (*end == ' ' || *end == '\t'));
    return (size_t)(end - at);
}

/* One field: noted, and whether it stays. */
static bool look_at(struct header *h, const char *field, size_t len, bool recipients)
{
    size_t name = name_length(field, len);
    const char *colon = memchr(field, ':', len);
    bool again = name > 7 && strncasecmp(field, "Resent-", 7) == 0;
    size_t prefix = again ? 7 : 0;
    bool bcc = is(field + prefix, name - prefix, "Bcc");

    h->has_from = h->has_from || is(field, name, "From");
    h->has_date = h->has_date || is(field, name, "Date");
    h->has_id = h->has_id || is(field, name, "Message-ID");
    if (recipients && (bcc || is(field + prefix, name - prefix, "To") ||
                       is(field + prefix, name - prefix, "Cc"))) {
        if (again && !h->resent) {
            h->recipients_count = 0; /* those had it when it was sent first (RFC 5322 3.6.6) */
            h->resent = true;
        } else if (!again && h->resent) {
            return !bcc;
        }
        add_recipients(h, colon + 1, len - (size_t)(colon + 1 - field));
    }
    return !(recipients && bcc);
}

/* What is spooled, from its start, as far as a header can go. */
static size_t spooled(struct header *h, char *buf)
{
    size_t len = 0;
    int32_t n = 0;

    if (h->spool.rewind(h->spool.ctx) == STS_OK) {
        while (len < HEADER_MAX &&
               (n = h->spool.read(h->spool.ctx, buf + len, HEADER_MAX - len)) > 0) {
            len += (size_t)n;
        }
    }
    return len;
}

static bool empty_line(const char *at, size_t left)
{
    return left > 0 && (at[0] == '\n' || at[0] == '\r');
}

int header_read(struct header *h, bool recipients)
{
    char *buf = keep(HEADER_MAX);
    size_t len, at = 0;

    spool_source(&h->spool);
    len = spooled(h, buf);
    h->text = keep(len + 4096);
    if (len > 5 && memcmp(buf, "From ", 5) == 0 && name_length(buf, len) == 0) {
        at = field_length(buf, len); /* the line that mbox files have */
    }
    while (at < len && !empty_line(buf + at, len - at) && name_length(buf + at, len - at) > 0) {
        size_t n = field_length(buf + at, len - at);

        if (look_at(h, buf + at, n, recipients)) {
            memcpy(h->text + h->len, buf + at, n);
            h->len += n;
        }
        at += n;
    }
    if (len == HEADER_MAX && line_end(buf + at, buf + len) == buf + len) { /* a field may be cut */
        say("sendmail: the header of the message is larger than %u octets; nothing was sent",
            HEADER_MAX);
        return EX_DATAERR;
    }
    if (h->len > 0 && h->text[h->len - 1] != '\n') {
        h->text[h->len++] = '\n';
    }
    if (empty_line(buf + at, len - at)) {
        at = (size_t)(line_end(buf + at, buf + len) - buf);
    }
    h->body = at;
    return 0;
}

/* ---- what is missing ------------------------------------------------------------------------------- */

static void add(struct header *h, const char *name, const char *value)
{
    h->len += (size_t)snprintf(h->text + h->len, 1024, "%s: %.1000s\n", name, value);
}

/* A display name as a quoted string (RFC 5322 3.2.4). */
static void quote(char *out, size_t size, const char *name)
{
    size_t n = 0;

    out[n++] = '"';
    for (; *name != '\0' && n + 4 < size; name++) {
        if (*name == '"' || *name == '\\') {
            out[n++] = '\\';
        }
        if ((unsigned char)*name >= ' ') {
            out[n++] = *name;
        }
    }
    out[n++] = '"';
    out[n] = '\0';
}

void header_complete(struct header *h, const char *from, const char *name, const char *hostname)
{
    char text[1000], quoted[300];
    struct sts_time now;
    uint64_t number = 0;
    struct tm tm;
    time_t t;

    if (!h->has_from) {
        const char *address =
            from != NULL && strcmp(from, "<>") != 0 ? from : own_address(hostname);

        if (name == NULL) {
            add(h, "From", address);
        } else {
            quote(quoted, sizeof quoted, name);
            snprintf(text, sizeof text, "%s <%.600s>", quoted, address);
            add(h, "From", text);
        }
    }
    time_now(&now);
    t = (time_t)now.utc_s;
    if (!h->has_date && now.trust != STS_CLOCK_UNSET && gmtime_r(&t, &tm) != NULL) {
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &tm); /* LC_TIME is "C" */
        add(h, "Date", text);
    }
    if (!h->has_id && sts_posix_random.fill(NULL, &number, sizeof number) == STS_OK) {
        snprintf(text, sizeof text, "<%llx.%016llx@%.300s>", (unsigned long long)now.utc_s,
                 (unsigned long long)number, hostname);
        add(h, "Message-ID", text);
    }
    h->text[h->len++] = '\n';
}

/* ---- as a source ------------------------------------------------------------------------------------- */

static int source_rewind(void *ctx)
{
    struct header *h = ctx;

    h->at = 0;
    h->skipped = false;
    return h->spool.rewind(h->spool.ctx);
}

/* Passes over the header that was spooled. */
static bool skip(struct header *h)
{
    char buf[4096];
    size_t left = h->body;

    while (left > 0) {
        int32_t n = h->spool.read(h->spool.ctx, buf, left < sizeof buf ? left : sizeof buf);

        if (n <= 0) {
            return false;
        }
        left -= (size_t)n;
    }
    h->skipped = true;
    return true;
}

static int32_t source_read(void *ctx, void *buf, size_t size)
{
    struct header *h = ctx;

    if (h->at < h->len) {
        size = size < h->len - h->at ? size : h->len - h->at;
        memcpy(buf, h->text + h->at, size);
        h->at += size;
        return (int32_t)size;
    }
    if (!h->skipped && !skip(h)) {
        return STS_ERR_IO;
    }
    return h->spool.read(h->spool.ctx, buf, size);
}

void header_source(struct header *h, struct sts_source *out)
{
    *out = (struct sts_source){.ctx = h, .rewind = source_rewind, .read = source_read};
}
