/* SPDX-License-Identifier: MIT
 *
 * `check`, the policy: its host, what came from there, and what it means.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <stsmail/engine/cache.h>
#include <stsmail/engine/fetch.h>
#include <stsmail/engine/text.h>

#define HOST_SIZE (STS_NAME_SIZE + 10)
#define DAY       86400u
#define WEEK      604800u

/* ---- fetching ---------------------------------------------------------------------------------- */

static int fetch_step(struct sts_fetch *f)
{
    struct sts_wait handles[2];
    struct sts_time now;
    uint32_t ms = 1000;
    size_t n;
    int result;

    time_now(&now);
    (void)look_resolver(&now);
    result = sts_fetch_poll(f, &now);
    if (result == STS_BUSY) {
        n = sts_fetch_wait(f, &now, handles, 2, &ms);
        look_wait(handles, n, ms);
    }
    return result;
}

static int fetch_end(struct sts_fetch *f)
{
    int result;

    do {
        result = fetch_step(f);
    } while (result == STS_BUSY);
    return result;
}

/* A field of the answer's head, for showing; "" if it is not there. */
static const char *field(const struct check *c, const char *name)
{
    static char text[300];
    const char *at = c->head, *end = strstr(c->head, "\r\n\r\n");
    size_t len = strlen(name);

    while ((at = strstr(at, "\r\n")) != NULL && at != end) {
        at += 2;
        if (strncasecmp(at, name, len) == 0 && at[len] == ':') {
            at += len + 1;
            at += strspn(at, " \t");
            snprintf(text, sizeof text, "%.*s", (int)strcspn(at, "\r\n"), at);
            return shown(text);
        }
    }
    return "";
}

/* ---- why there is none -------------------------------------------------------------------------- */

/* The name has no address that could be asked. */
static void no_address(struct check *c, const char *host, int looked)
{
    if (looked == STS_ERR_NXDOMAIN || looked == STS_ERR_ABSENT) {
        found(c, "policy-host", NULL, LEVEL_ERROR,
              "%s has no address: give it an A or AAAA record (or a CNAME) of the web server with "
              "the policy",
              host);
    } else {
        found(c, "policy-host", NULL, LEVEL_ERROR,
              "the address of %s could not be looked up: see to the name servers", host);
    }
}

/* It answered, and not with a policy. */
static void bad_answer(struct check *c, struct sts_fetch *f)
{
    const char *to = field(c, "location"), *type = field(c, "content-type");

    if (f->http.status / 100 == 3) {
        found(c, "http", NULL, LEVEL_ERROR,
              "%s%s%s: serve the file at https://mta-sts.%s/.well-known/mta-sts.txt itself",
              sts_fetch_reason(f), to[0] != '\0' ? "; it sends to " : "", to, c->domain);
    } else if (f->http.status == 200 && strcasecmp(type, "text/plain") != 0 &&
               strncasecmp(type, "text/plain;", 11) != 0) {
        found(c, "media-type", NULL, LEVEL_ERROR,
              "%s but with %s%s%s: senders may refuse that; serve it as text/plain",
              sts_fetch_reason(f), type[0] != '\0' ? "\"" : "no media type", type,
              type[0] != '\0' ? "\"" : "");
    } else {
        found(c, "http", NULL, LEVEL_ERROR, "%s; it is to answer 200, text/plain, with the file",
              sts_fetch_reason(f));
    }
}

/* It could not be talked to. */
static void bad_connection(struct check *c, const char *host, struct sts_fetch *f)
{
    uint16_t port = f->port;

    switch (f->cause) {
    case STS_ERR_CONNECT:
        found(c, "policy-host", NULL, LEVEL_ERROR,
              "%s takes no connection on port %u: is the web server up, and its firewall open?",
              host, port);
        break;
    case STS_ERR_TIMEOUT:
        found(c, "policy-host", NULL, LEVEL_ERROR, "%s was too slow: no policy came in time", host);
        break;
    case STS_ERR_TLS:
        found(c, "policy-tls", NULL, LEVEL_ERROR, "%s: %s", host, tls_reason(c, host, f->cause));
        break;
    default:
        found(c, "policy-host", NULL, LEVEL_ERROR, "%s; it is to answer over HTTPS on port %u",
              sts_fetch_reason(f), port);
        break;
    }
}

static void fetch_failed(struct check *c, const char *host, struct sts_fetch *f, int result)
{
    if (result == STS_ERR_POLICY_INVALID) {
        found(c, "policy", NULL, LEVEL_ERROR,
              "the policy is invalid, line %u: %s; correct it (and give the record "
              "a new id)",
              (unsigned)f->parser.line, sts_policy_reason(&f->parser));
    } else if (result == STS_ERR_POLICY_WEBPKI) {
        found(c, "policy-certificate", NULL, LEVEL_ERROR, "%s: %s", host,
              tls_reason(c, host, f->cause));
    } else if (result != STS_ERR_POLICY_FETCH) {
        say("the policy cannot be fetched here: %s", sts_err_text(result));
        c->status = EX_TEMPFAIL;
    } else if (c->head_len > 0) {
        bad_answer(c, f);
    } else {
        bad_connection(c, host, f);
    }
}

/* ---- what it says ------------------------------------------------------------------------------ */

static void mode(struct check *c, const struct sts_policy *p)
{
    switch (p->mode) {
    case STS_MODE_ENFORCE:
        found(c, "mode", NULL, LEVEL_OK, "enforce: mail comes over verified TLS or waits");
        break;
    case STS_MODE_TESTING:
        found(c, "mode", NULL, LEVEL_OK,
              "testing: mail comes as without a policy, failures are reported; when the reports "
              "have been clean for some weeks, go on to enforce");
        break;
    default:
        found(c, "mode", NULL, LEVEL_OK,
              "none: the policy is withdrawn; once %s have passed, record and file can go",
              duration(p->max_age_s));
        break;
    }
}

static void max_age(struct check *c, const struct sts_policy *p)
{
    if (p->mode == STS_MODE_NONE) {
        return;
    }
    if (p->max_age_s < DAY) {
        found(c, "max-age", NULL, LEVEL_WARNING,
              "max_age %u (%s) protects next to nothing: an attacker has only to wait; 86400 while "
              "testing, 604800 or more with enforce",
              (unsigned)p->max_age_s, duration(p->max_age_s));
    } else if (p->mode == STS_MODE_ENFORCE && p->max_age_s < WEEK) {
        found(c, "max-age", NULL, LEVEL_OK,
              "max_age %u (%s); advice: once all is well, a week (604800) or more",
              (unsigned)p->max_age_s, duration(p->max_age_s));
    } else {
        found(c, "max-age", NULL, LEVEL_OK, "senders keep it for %s", duration(p->max_age_s));
    }
}

static bool same_policy(const struct sts_policy *a, const struct sts_policy *b)
{
    return a->mode == b->mode && a->max_age_s == b->max_age_s && a->mx_len == b->mx_len &&
           memcmp(a->mx, b->mx, a->mx_len) == 0;
}

/* What this machine, as a sender, holds of an earlier day. */
static void id_unchanged(struct check *c, const struct sts_policy *p)
{
    static struct sts_policy held;
    struct sts_cached info;
    struct sts_time now;

    time_now(&now);
    if (c->id[0] != '\0' && c->config.store != NULL &&
        sts_cache_get(c->config.store, c->domain, &now, &held, &info) == STS_OK &&
        strcmp(info.id, c->id) == 0 && !same_policy(&held, p)) {
        found(c, "id", NULL, LEVEL_WARNING,
              "the policy was changed and the id in the record was not (%s): who holds the old one "
              "does not look for the new one; give the record a new id",
              c->id);
    }
}

static bool connects(struct check *c, const struct sts_ip *ip, uint16_t port)
{
    struct sts_endpoint to = {*ip, port};
    struct sts_wait handle;
    struct sts_time now;
    uint32_t end_ms;
    int phase;

    time_now(&now);
    end_ms = now.ms + (c->o->timeout_s > 0 ? c->o->timeout_s : 10) * 1000;
    if (sts_stream_open(&c->stream, &to) != STS_OK) {
        return false;
    }
    while ((phase = sts_stream_poll(&c->stream, &now)) == STS_STREAM_CONNECTING &&
           !sts_reached(now.ms, end_ms)) {
        look_wait(&handle, sts_stream_wait(&c->stream, &handle, 1), sts_until(now.ms, end_ms));
        time_now(&now);
    }
    sts_stream_close(&c->stream);
    return phase == STS_STREAM_OPEN;
}

/* The policy came from one address; senders may try any of them first. */
static void other_addresses(struct check *c, const struct sts_fetch *f)
{
    for (size_t i = 0; f->host.count > 1 && i < f->host.count && i < PROBES; i++) {
        if (!connects(c, &f->host.address[i], f->port)) {
            unreached(c, "policy-host", NULL, &f->host.address[i]);
        }
    }
}

void check_policy(struct check *c)
{
    static struct sts_fetch fetch;
    static struct sts_policy policy;
    char host[HOST_SIZE];
    struct sts_time now;
    uint32_t timeout_s = c->o->timeout_s;
    int result;

    snprintf(host, sizeof host, "mta-sts.%s", c->domain);
    tls_forget(c);
    time_now(&now);
    result = sts_fetch_look(&fetch, look_resolver(&now), &c->stream, c->config.log, c->domain,
                            c->config.https_port, timeout_s > 0 && timeout_s < 30 ? timeout_s : 30,
                            &now);
    if (result == STS_OK) {
        (void)fetch_end(&fetch);
    }
    if (result != STS_OK || fetch.looked != STS_OK) {
        no_address(c, host, result != STS_OK ? result : fetch.looked);
        sts_fetch_stop(&fetch);
        return;
    }
    found(c, "policy-host", NULL, LEVEL_OK, "%s has %u address%s%s", host, fetch.host.count,
          fetch.host.count == 1 ? "" : "es", fetch.host.alias ? ", by a CNAME" : "");
    time_now(&now);
    sts_fetch_go(&fetch, &policy, timeout_s > 0 ? timeout_s : 60, &now);
    result = fetch_end(&fetch);
    if (c->state.verified) {
        tls_lasting(c, "policy-certificate", NULL);
    }
    if (result != STS_OK) {
        fetch_failed(c, host, &fetch, result);
        return;
    }
    other_addresses(c, &fetch);
    c->policy = &policy;
    found(c, "policy", NULL, LEVEL_OK, "it is valid, and comes with status 200 as text/plain");
    mode(c, &policy);
    max_age(c, &policy);
    id_unchanged(c, &policy);
}
