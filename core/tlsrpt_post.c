/* SPDX-License-Identifier: MIT
 *
 * A report to an https address: RFC 8460 5.4, R-191. The host is named by a record that nobody signed, so its addresses are held to the same rules
 * as those of a policy host (D28, R03), and no redirect is followed.
 *
 * R-192 would allow to ignore a certificate that does not hold. That is not done: whoever attacks the mail of a domain would be
 * handed the report of this, and the domain would never see it. The report waits and is tried again.
 */
#include <stsmail/engine/text.h>
#include <stsmail/tlsrpt_send.h>

#define CONNECT_MS 8000u /* D37: one address, while others are left */

enum state {
    P_IDLE, /* over */
    P_LOOK,
    P_CONNECT,
    P_TLS,
    P_HEAD, /* TLS is up, nothing was sent */
    P_TALK, /* the file goes out; the answer may come at any time */
};

/* ---- the address -------------------------------------------------------------------------------- */

/* Octets of text up to the first of these, or its end. */
static size_t until(const char *text, const char *ends)
{
    size_t n = 0;

    for (; text[n] != '\0'; n++) {
        for (const char *e = ends; *e != '\0'; e++) {
            if (text[n] == *e) {
                return n;
            }
        }
    }
    return n;
}

/* RFC 3986 3: "https://" host [":" port] path ["?" query]; what is behind "#" is not sent. */
static int read_uri(struct sts_tlsrpt_post *p, const char *uri)
{
    static const char scheme[] = "https://";
    size_t len = sizeof scheme - 1, host;
    uint64_t port = 443;
    struct sts_out path;

    if (sts_len(uri) < len || !sts_same(uri, len, scheme, len)) {
        return STS_ERR_ABSENT;
    }
    uri += len;
    len = until(uri, "/?#");
    host = until(uri, ":/?#");
    if (until(uri, "@/?#") < len) {
        return STS_ERR_SYNTAX; /* nobody's password is in a public record */
    }
    if (host + 1 < len &&
        (sts_get_number(uri + host + 1, len - host - 1, 65535, &port) != STS_OK || port == 0)) {
        return STS_ERR_SYNTAX;
    }
    p->port = (uint16_t)port;
    sts_out_start(&path, p->path, sizeof p->path);
    sts_out_text(&path, uri[len] == '/' ? "" : "/");
    sts_out_bytes(&path, uri + len, until(uri + len, "#"));
    for (const char *c = sts_out_end(&path); *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~') {
            return STS_ERR_SYNTAX; /* it becomes a line of the request */
        }
    }
    if (path.full) {
        return STS_ERR_SYNTAX;
    }
    return sts_name_is_ipv4(uri, host) ? STS_ERR_NAME : sts_name_canon(uri, host, p->name);
}

/* ---- steps: each returns whether another may follow at once ---------------------------------------- */

static bool finish(struct sts_tlsrpt_post *p, int result)
{
    sts_stream_close(p->stream);
    sts_host_stop(&p->host, p->resolver);
    p->state = P_IDLE;
    p->result = result;
    return false;
}

/* The next address, or the end: `cause` is what the one before came to. */
static bool next_address(struct sts_tlsrpt_post *p, int cause, const struct sts_time *now)
{
    sts_stream_close(p->stream);
    while (p->next < p->host.count) {
        struct sts_endpoint to = {p->host.address[p->next++], p->port};

        if (sts_stream_open(p->stream, &to) == STS_OK) {
            p->connect_ms = now->ms + CONNECT_MS;
            p->state = P_CONNECT;
            return true;
        }
        cause = STS_ERR_CONNECT;
    }
    return finish(p, cause);
}

static bool step_look(struct sts_tlsrpt_post *p, const struct sts_time *now)
{
    int err = sts_host_poll(&p->host, p->resolver);

    if (err == STS_BUSY) {
        return false;
    }
    return err == STS_OK ? next_address(p, STS_ERR_CONNECT, now) : finish(p, err);
}

static bool step_connect(struct sts_tlsrpt_post *p, const struct sts_time *now)
{
    int phase = sts_stream_poll(p->stream, now), err;

    if (phase == STS_STREAM_FAILED) {
        return next_address(p, p->stream->error, now);
    }
    if (phase == STS_STREAM_CONNECTING) {
        if (p->next < p->host.count && sts_reached(now->ms, p->connect_ms)) {
            return next_address(p, STS_ERR_TIMEOUT, now);
        }
        return false;
    }
    p->state = P_TLS;
    err = sts_stream_secure(p->stream, p->name, true, "http/1.1", now);
    if (err != STS_OK) {
        return finish(p, err);
    }
    return true;
}

static bool step_tls(struct sts_tlsrpt_post *p, const struct sts_time *now)
{
    int phase = sts_stream_poll(p->stream, now);

    if (phase == STS_STREAM_FAILED) {
        return finish(p, p->stream->error);
    }
    p->state = phase == STS_STREAM_OPEN ? P_HEAD : p->state;
    return phase == STS_STREAM_OPEN;
}

static bool step_head(struct sts_tlsrpt_post *p)
{
    size_t size;
    uint8_t *room = sts_stream_room(p->stream, &size);
    int n = sts_http_post((char *)room, size, p->name, p->port, p->path,
                          sts_tlsrpt_file_type(p->file), sts_tlsrpt_file_size(p->file));

    if (n < 0) {
        return finish(p, n);
    }
    sts_stream_commit(p->stream, (size_t)n);
    p->state = P_TALK;
    return true;
}

static bool all_sent(const struct sts_tlsrpt_post *p)
{
    return p->sent == sts_tlsrpt_file_size(p->file) && sts_stream_drained(p->stream);
}

static int verdict(const struct sts_tlsrpt_post *p)
{
    uint16_t status = p->http.status;
    bool later = status == 408 || status == 425 || status == 429;

    if (status == 200 || status == 201) {
        return all_sent(p) ? STS_OK : STS_ERR_PROTO; /* nobody accepts what he has not got */
    }
    return (status / 100 == 3 || status / 100 == 4) && !later ? STS_ERR_REJECTED : STS_ERR_TEMPFAIL;
}

/* What has come of the answer, which may be a refusal before all was sent; a stream that ends before it is over. */
static bool read_answer(struct sts_tlsrpt_post *p, const struct sts_time *now)
{
    int phase = sts_stream_poll(p->stream, now);
    const uint8_t *bytes, *body;
    size_t len, body_len;
    int32_t n;

    bytes = sts_stream_data(p->stream, &len);
    if (len == 0) {
        if (phase == STS_STREAM_FAILED) {
            finish(p, p->stream->error);
        }
        return false;
    }
    n = sts_http_feed(&p->http, bytes, len, &body, &body_len);
    if (n < 0 || sts_http_done(&p->http)) {
        return finish(p, n < 0 ? n : verdict(p));
    }
    sts_stream_consume(p->stream, len);
    return true;
}

static bool step_talk(struct sts_tlsrpt_post *p, const struct sts_time *now)
{
    size_t size, n;
    uint8_t *room;

    if (read_answer(p, now)) {
        return true;
    }
    room = sts_stream_room(p->stream, &size); /* none once it is over */
    n = size > 0 ? sts_tlsrpt_file_read(p->file, p->sent, room, size) : 0;
    sts_stream_commit(p->stream, n);
    p->sent += n;
    return n > 0;
}

static bool step(struct sts_tlsrpt_post *p, const struct sts_time *now)
{
    switch (p->state) {
    case P_LOOK: return step_look(p, now);
    case P_CONNECT: return step_connect(p, now);
    case P_TLS: return step_tls(p, now);
    case P_HEAD: return step_head(p);
    default: return step_talk(p, now);
    }
}

/* ---- calls ----------------------------------------------------------------------------------------- */

int sts_tlsrpt_post_start(struct sts_tlsrpt_post *p, struct sts_resolver *resolver,
                          struct sts_stream *stream, const struct sts_tlsrpt_file *file,
                          const char *uri, uint32_t timeout_s, const struct sts_time *now)
{
    int err;

    p->resolver = resolver;
    p->stream = stream;
    p->file = file;
    p->state = P_IDLE;
    p->next = 0;
    p->sent = 0;
    p->end_ms = now->ms + timeout_s * 1000;
    sts_http_start_status(&p->http);
    err = read_uri(p, uri);
    if (err == STS_OK) {
        err = sts_host_start(&p->host, resolver, p->name, timeout_s < 30 ? timeout_s : 30, now);
    }
    p->state = err == STS_OK ? P_LOOK : P_IDLE;
    p->result = err == STS_OK ? STS_BUSY : err;
    return err;
}

int sts_tlsrpt_post_poll(struct sts_tlsrpt_post *p, const struct sts_time *now)
{
    if (p->state != P_IDLE && sts_reached(now->ms, p->end_ms)) {
        finish(p, STS_ERR_TIMEOUT);
    }
    while (p->state != P_IDLE && step(p, now)) {
    }
    return p->result;
}

void sts_tlsrpt_post_stop(struct sts_tlsrpt_post *p)
{
    if (p->state != P_IDLE) {
        finish(p, STS_ERR_CLOSED);
    }
}

size_t sts_tlsrpt_post_wait(const struct sts_tlsrpt_post *p, const struct sts_time *now,
                            struct sts_wait *w, size_t max, uint32_t *ms)
{
    uint32_t due = sts_until(now->ms, p->end_ms);

    if (p->state == P_IDLE) {
        return 0;
    }
    if (p->state == P_CONNECT && p->next < p->host.count &&
        sts_until(now->ms, p->connect_ms) < due) {
        due = sts_until(now->ms, p->connect_ms);
    }
    *ms = due < *ms ? due : *ms;
    return p->state == P_LOOK ? 0 : sts_stream_wait(p->stream, w, max);
}
