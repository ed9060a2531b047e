/* SPDX-License-Identifier: MIT
 *
 * One policy over HTTPS: RFC 8461 3.3.
 *
 * Addresses are tried in turn until TLS is up with one of them. From there on the policy host itself
 * has spoken, and what it says is the result; so is a certificate that does not hold: looking for
 * another address that pleases us better would only help who forged the first (R-031..R-036).
 */
#include <stsmail/engine/fetch.h>
#include <stsmail/engine/text.h>

#define CONNECT_MS 8000u /* D37: one address, while others are left */
#define DAY_S      86400u
#define PATH       "/.well-known/mta-sts.txt" /* RFC 8461 3.3, R-030 */

enum state {
    F_IDLE, /* not started, or over */
    F_LOOK, /* not wanted yet */
    F_WAIT, /* wanted; the addresses are not known yet */
    F_CONNECT,
    F_TLS,
    F_ASK, /* TLS is up, nothing was sent */
    F_ANSWER,
};

/* ---- result ------------------------------------------------------------------------------- */

/* RFC 8460 4.3.2.2: "could not be authenticated using PKIX validation" is about certificates; any other
 * failure is one to retrieve. Our own trouble is neither, and must not count against the domain. */
static int result_of(int cause)
{
    switch (cause) {
    case STS_ERR_CERT_HOST:
    case STS_ERR_CERT_EXPIRED:
    case STS_ERR_CERT_TRUST: return STS_ERR_POLICY_WEBPKI;
    case STS_ERR_MEMORY:
    case STS_ERR_CLOCK:
    case STS_ERR_CONFIG:
    case STS_ERR_RANDOM: return cause;
    default: return STS_ERR_POLICY_FETCH;
    }
}

/* What a cause means here; the others mean the same as everywhere. */
static const char *cause_text(int cause)
{
    switch (cause) {
    case STS_ERR_NXDOMAIN:
    case STS_ERR_ABSENT: return "the policy host has no address";
    case STS_ERR_DNS: return "the address of the policy host could not be looked up";
    case STS_ERR_CONNECT: return "the policy host could not be reached";
    case STS_ERR_TIMEOUT: return "the policy host was too slow";
    case STS_ERR_CLOSED:
    case STS_ERR_END: return "the policy host closed the connection";
    case STS_ERR_PROTO: return "the policy host spoke before it was asked";
    default: return sts_err_text(cause);
    }
}

static void explain(struct sts_fetch *f)
{
    const char *why = sts_http_reason(&f->http);
    struct sts_out o;

    sts_out_start(&o, f->reason, sizeof f->reason);
    if (f->result == STS_ERR_POLICY_INVALID) {
        sts_out_text(&o, "line ");
        sts_out_number(&o, f->parser.line);
        sts_out_text(&o, " of the policy: ");
        sts_out_text(&o, sts_policy_reason(&f->parser));
    } else if (*why == '\0') {
        sts_out_text(&o, cause_text(f->cause));
    } else {
        sts_out_text(&o, "the policy host ");
        if (*why == ':') {
            sts_out_text(&o, "answered ");
            sts_out_number(&o, f->http.status);
        }
        sts_out_text(&o, why);
    }
    sts_out_end(&o);
}

/* The stream is given back at once: nobody waits for the peer's goodbye. */
static bool finish(struct sts_fetch *f, int result, int cause)
{
    sts_stream_close(f->stream);
    sts_host_stop(&f->host, f->resolver);
    f->state = F_IDLE;
    f->result = result;
    f->cause = cause;
    return false;
}

static bool give_up(struct sts_fetch *f, int cause)
{
    return finish(f, result_of(cause), cause);
}

/* ---- steps: each returns whether another may follow at once -------------------------------- */

static void log_address(const struct sts_fetch *f, const struct sts_ip *ip)
{
    char text[48];
    struct sts_out o;

    sts_out_start(&o, text, sizeof text);
    sts_out_ip(&o, ip);
    sts_log_line(f->log, STS_LOG_STEP, "GET https://", f->name, PATH " from ", sts_out_end(&o),
                 NULL);
}

/* The next address, or the end: `cause` is what the one before came to. */
static bool next_address(struct sts_fetch *f, int cause, const struct sts_time *now)
{
    struct sts_endpoint to;

    sts_stream_close(f->stream);
    while (f->next < f->host.count) {
        to.ip = f->host.address[f->next++];
        to.port = f->port;
        log_address(f, &to.ip);
        if (sts_stream_open(f->stream, &to) == STS_OK) {
            f->connect_ms = now->ms + CONNECT_MS;
            f->state = F_CONNECT;
            return true;
        }
        cause = STS_ERR_CONNECT;
    }
    return give_up(f, cause);
}

/* Another address may help against what is neither a certificate nor our own trouble. */
static bool tls_failed(struct sts_fetch *f, int err, const struct sts_time *now)
{
    return result_of(err) == STS_ERR_POLICY_FETCH ? next_address(f, err, now) : give_up(f, err);
}

static bool step_wait(struct sts_fetch *f, const struct sts_time *now)
{
    if (f->looked == STS_BUSY) {
        return false;
    }
    if (f->looked != STS_OK) {
        return give_up(f, f->looked);
    }
    return next_address(f, STS_ERR_CONNECT, now);
}

static bool step_connect(struct sts_fetch *f, const struct sts_time *now)
{
    int phase = sts_stream_poll(f->stream, now), err;

    if (phase == STS_STREAM_FAILED) {
        return next_address(f, f->stream->error, now);
    }
    if (phase == STS_STREAM_CONNECTING) {
        if (f->next < f->host.count && sts_reached(now->ms, f->connect_ms)) {
            return next_address(f, STS_ERR_TIMEOUT, now);
        }
        return false;
    }
    f->state = F_TLS;
    err = sts_stream_secure(f->stream, f->name, true, "http/1.1", now); /* R-035; H20 */
    return err == STS_OK || tls_failed(f, err, now);
}

static bool step_tls(struct sts_fetch *f, const struct sts_time *now)
{
    int phase = sts_stream_poll(f->stream, now);

    if (phase == STS_STREAM_FAILED) {
        return tls_failed(f, f->stream->error, now);
    }
    if (phase == STS_STREAM_HANDSHAKE) {
        return false;
    }
    f->state = F_ASK;
    return true;
}

/* A peer that speaks first does not answer us (H18). */
static bool step_ask(struct sts_fetch *f, const struct sts_time *now)
{
    int phase = sts_stream_poll(f->stream, now);
    uint8_t *room;
    size_t size;

    (void)sts_stream_data(f->stream, &size);
    if (size != 0) {
        return give_up(f, STS_ERR_PROTO);
    }
    if (phase == STS_STREAM_FAILED) {
        return give_up(f, f->stream->error);
    }
    room = sts_stream_room(f->stream, &size);
    /* Fits whatever the name is: 94 octets, a name, a port, the path; the buffer is empty and 512 or more. */
    sts_stream_commit(f->stream,
                      (size_t)sts_http_request((char *)room, size, f->name, f->port, PATH));
    f->state = F_ANSWER;
    return true;
}

static bool answer_done(struct sts_fetch *f)
{
    return sts_policy_end(&f->parser) == STS_OK ? finish(f, STS_OK, STS_OK)
                                                : finish(f, STS_ERR_POLICY_INVALID, STS_ERR_SYNTAX);
}

/* a prefix of a policy can be a valid policy, so only a whole answer counts. */
static bool answer_ended(struct sts_fetch *f)
{
    int err = f->stream->error;

    if (err == STS_ERR_END || err == STS_ERR_CLOSED) {
        err = sts_http_end(&f->http, err == STS_ERR_END);
    }
    return err == STS_OK ? answer_done(f) : give_up(f, err);
}

static bool answer_feed(struct sts_fetch *f, const uint8_t *bytes, size_t len)
{
    const uint8_t *body;
    size_t used = 0, body_len;

    while (used < len) {
        int32_t n = sts_http_feed(&f->http, bytes + used, len - used, &body, &body_len);

        if (n < 0) {
            return give_up(f, n);
        }
        if (f->on_text != NULL && body_len > 0) {
            f->on_text(f->ctx, body, body_len);
        }
        if (sts_policy_feed(&f->parser, body, body_len) != STS_OK) {
            return finish(f, STS_ERR_POLICY_INVALID, STS_ERR_SYNTAX);
        }
        if (sts_http_done(&f->http)) {
            return answer_done(f);
        }
        used += (size_t)n;
    }
    sts_stream_consume(f->stream, len);
    return true;
}

static bool step_answer(struct sts_fetch *f, const struct sts_time *now)
{
    int phase = sts_stream_poll(f->stream, now);
    size_t len;
    const uint8_t *bytes = sts_stream_data(f->stream, &len);

    if (len != 0) {
        return answer_feed(f, bytes, len);
    }
    if (phase == STS_STREAM_FAILED) {
        return answer_ended(f);
    }
    return false;
}

static bool step(struct sts_fetch *f, const struct sts_time *now)
{
    switch (f->state) {
    case F_WAIT: return step_wait(f, now);
    case F_CONNECT: return step_connect(f, now);
    case F_TLS: return step_tls(f, now);
    case F_ASK: return step_ask(f, now);
    default: return step_answer(f, now);
    }
}

/* ---- calls -------------------------------------------------------------------------------- */

int sts_fetch_look(struct sts_fetch *f, struct sts_resolver *resolver, struct sts_stream *stream,
                   const struct sts_log *log, const char *domain, uint16_t port,
                   uint32_t dns_timeout_s, const struct sts_time *now)
{
    struct sts_out o;
    int err;

    f->resolver = resolver;
    f->stream = stream;
    f->log = log;
    f->on_text = NULL;
    f->port = port != 0 ? port : 443;
    f->next = 0;
    f->state = F_IDLE;
    f->looked = STS_BUSY;
    sts_out_start(&o, f->name, sizeof f->name);
    sts_out_text(&o, "mta-sts."); /* */
    sts_out_text(&o, domain);
    sts_out_end(&o);
    if (o.full) {
        return STS_ERR_NAME; /* D34: refused, never cut */
    }
    err = sts_host_start(&f->host, resolver, f->name, dns_timeout_s, now);
    if (err == STS_OK) {
        f->state = F_LOOK;
        f->result = STS_BUSY;
    }
    return err;
}

void sts_fetch_go(struct sts_fetch *f, struct sts_policy *policy, uint32_t timeout_s,
                  const struct sts_time *now)
{
    f->end_ms = now->ms + (timeout_s < DAY_S ? timeout_s : DAY_S) * 1000;
    f->state = F_WAIT;
    sts_http_start(&f->http, STS_POLICY_FILE_MAX);
    sts_policy_start(&f->parser, policy);
    if (f->on_text != NULL) {
        f->on_text(f->ctx, NULL, 0);
    }
}

int sts_fetch_poll(struct sts_fetch *f, const struct sts_time *now)
{
    if (f->state != F_IDLE && f->looked == STS_BUSY) {
        f->looked = sts_host_poll(&f->host, f->resolver);
    }
    if (f->state == F_LOOK) {
        return f->looked == STS_BUSY ? STS_BUSY : STS_OK;
    }
    if (f->state != F_IDLE && sts_reached(now->ms, f->end_ms)) {
        give_up(f, STS_ERR_TIMEOUT); /* whatever progress there was (H06, H25) */
    }
    while (f->state != F_IDLE && step(f, now)) {
    }
    return f->result;
}

void sts_fetch_stop(struct sts_fetch *f)
{
    if (f->state == F_IDLE) {
        return;
    }
    if (f->state != F_LOOK) {
        sts_stream_close(f->stream);
    }
    sts_host_stop(&f->host, f->resolver);
    f->state = F_IDLE;
    f->result = STS_ERR_CLOSED;
}

const char *sts_fetch_reason(struct sts_fetch *f)
{
    if (f->state != F_IDLE || f->result == STS_OK) {
        return ""; /* the name, which lies where the sentence would, is still needed */
    }
    explain(f);
    return f->reason;
}

size_t sts_fetch_wait(const struct sts_fetch *f, const struct sts_time *now, struct sts_wait *w,
                      size_t max, uint32_t *ms)
{
    uint32_t due = f->end_ms;

    if (f->state == F_IDLE || f->state == F_LOOK) {
        return 0;
    }
    if (f->state == F_CONNECT && f->next < f->host.count &&
        sts_until(now->ms, f->connect_ms) < sts_until(now->ms, due)) {
        due = f->connect_ms;
    }
    if (sts_until(now->ms, due) < *ms) {
        *ms = sts_until(now->ms, due);
    }
    return sts_stream_wait(f->stream, w, max);
}
