/* SPDX-License-Identifier: MIT
 *
 * `check`, the hosts that take the mail: in the policy or not, and whether each does what the policy promises. EHLO,
 * STARTTLS, EHLO, QUIT, and no mail.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include <stsmail/engine/session.h>
#include <stsmail/engine/text.h>

/* ---- the records ------------------------------------------------------------------------------- */

static void nothing_known(struct check *c, int result)
{
    if (result == STS_ERR_NXDOMAIN) {
        found(c, "domain", NULL, LEVEL_ERROR, "there is no domain %s in the DNS", c->domain);
        c->status = EX_UNAVAILABLE;
    } else {
        found(c, "domain", NULL, LEVEL_ERROR,
              "the DNS gives no answer about %s: ask again later, or another server (--dns)",
              c->domain);
        c->status = EX_TEMPFAIL;
    }
}

/* Without MX records the domain stands for itself (RFC 5321 5.1). */
static void implicit(struct check *c)
{
    struct sts_host host;
    int result = look_host(c->domain, &host);

    if (result == STS_ERR_NXDOMAIN || result == STS_ERR_ABSENT) {
        found(c, "domain", NULL, LEVEL_ERROR,
              "%s has neither an MX record nor an address: it takes no mail", c->domain);
        c->status = EX_UNAVAILABLE;
        return;
    }
    found(c, "mx", NULL, LEVEL_WARNING,
          "there is no MX record: senders take %s itself for the mail host; name one", c->domain);
    sts_mx_implicit(&c->mx.list, c->domain, "");
}

static void null_mx(struct check *c)
{
    if (c->mx.list.count > 0 || c->mx.list.skipped) {
        found(c, "mx", NULL, LEVEL_ERROR,
              "a null MX (\"MX 0 .\") stands beside others: it says that the domain takes no mail "
              "(RFC 7505 3); remove it");
    } else {
        found(c, "mx", NULL, LEVEL_WARNING,
              "a null MX: the domain takes no mail, and needs no policy");
    }
}

void check_mx_records(struct check *c)
{
    int result = look_mx(c->domain, &c->mx);

    if (result == STS_ERR_ABSENT) {
        implicit(c);
        return;
    }
    if (result != STS_OK) {
        nothing_known(c, result);
        return;
    }
    if (c->mx.list.null) {
        null_mx(c);
    }
    for (const struct look_bad *bad = c->mx.bad; bad != NULL; bad = bad->next) {
        found(c, "mx", NULL, LEVEL_ERROR,
              "an MX record names \"%s\", which is no name of a host (an address, localhost, or a "
              "character that may not stand there): nobody can send there; name a host",
              shown(bad->name));
    }
    if (c->mx.more) {
        found(
            c, "mx", NULL, LEVEL_WARNING,
            "there are more than %d MX records: only the %d most preferred are looked at, here and "
            "when `stsmail` sends; leave fewer",
            STS_MX_MAX, STS_MX_MAX);
    }
}

/* ---- and the policy ---------------------------------------------------------------------------- */

/* A pattern that means this host and does not match, since its star would have to be several labels; or NULL. */
static const char *short_star(const struct sts_policy *p, const char *host)
{
    size_t len = strlen(host);

    for (size_t i = 0; i < p->mx_count; i++) {
        const char *pattern = sts_policy_mx(p, i);
        size_t n = strlen(pattern);

        if (pattern[0] == '*' && len > n && strcmp(host + len - (n - 1), pattern + 1) == 0) {
            return pattern;
        }
    }
    return NULL;
}

static bool has_mx(const struct check *c, const char *pattern)
{
    for (size_t i = 0; i < c->mx.list.count; i++) {
        const char *mx = c->mx.list.mx[i].name;

        if (sts_match(pattern, strlen(pattern), mx, strlen(mx))) {
            return true;
        }
    }
    return false;
}

static void mismatch(struct check *c, const char *mx)
{
    const struct provider *provider = provider_of(mx);
    const char *star = short_star(c->policy, mx);

    if (provider != NULL) {
        found(
            c, "mx", mx, LEVEL_ERROR,
            "it is not in the policy: senders that enforce it do not deliver there; for %s list %s",
            provider->name, provider->patterns);
    } else if (star != NULL) {
        found(c, "mx", mx, LEVEL_ERROR,
              "it is not in the policy: the star of \"mx: %s\" stands for one label only; add "
              "\"mx: %s\", and give the record a new id",
              star, mx);
    } else {
        found(c, "mx", mx, LEVEL_ERROR,
              "it is not in the policy: senders that enforce it do not deliver there; add "
              "\"mx: %s\", and give the record a new id",
              mx);
    }
}

static void in_policy(struct check *c, const char *mx)
{
    const struct provider *provider = provider_of(mx);

    if (c->policy == NULL || c->policy->mode == STS_MODE_NONE) {
        return;
    }
    if (!sts_policy_match(c->policy, mx)) {
        mismatch(c, mx);
    } else if (provider != NULL) {
        found(c, "mx", mx, LEVEL_OK, "it is in the policy; %s, which wants %s", provider->name,
              provider->patterns);
    } else {
        found(c, "mx", mx, LEVEL_OK, "it is in the policy");
    }
}

/* What matches nothing is forgotten, or misspelt; where an MX is missing in the policy too, that says it already. */
static void idle_patterns(struct check *c)
{
    const struct sts_mx_list *l = &c->mx.list;

    if (c->policy == NULL || c->policy->mode == STS_MODE_NONE || l->count == 0) {
        return;
    }
    for (size_t i = 0; i < l->count; i++) {
        if (!sts_policy_match(c->policy, l->mx[i].name)) {
            return;
        }
    }
    for (size_t i = 0; i < c->policy->mx_count; i++) {
        const char *pattern = sts_policy_mx(c->policy, i);

        if (!has_mx(c, pattern)) {
            found(c, "policy-mx", NULL, LEVEL_WARNING,
                  "\"mx: %s\" matches no MX record: it allows a host that is not yours to use, or "
                  "is misspelt; leave it only for a host that is to come",
                  pattern);
        }
    }
}

/* ---- one address ------------------------------------------------------------------------------- */

static const char *ip_text(const struct sts_ip *ip)
{
    static char text[48];
    struct sts_out o;

    sts_out_start(&o, text, sizeof text);
    sts_out_ip(&o, ip);
    return sts_out_end(&o);
}

static int converse(struct check *c, struct sts_session *s, const char *mx, const struct sts_ip *ip)
{
    uint32_t timeout_s = c->o->timeout_s;
    struct sts_session_config config = {
        .mx = mx,
        .to = {*ip, c->config.smtp_port != 0 ? c->config.smtp_port : 25},
        .smtp = {.hostname = c->config.hostname,
                 .sender = "",
                 .log = c->config.log,
                 .timeout_s = timeout_s > 0 ? timeout_s : 60,
                 .need = STS_NEED_TLS, /* so that a refusal of STARTTLS shows */
                 .lenient = true},
        .connect_ms = (timeout_s > 0 ? timeout_s : 20) * 1000,
        .handshake_ms = (timeout_s > 0 ? timeout_s : 60) * 1000,
    };
    struct sts_wait handles[2];
    struct sts_time now;
    uint32_t ms;
    int result;

    tls_forget(c);
    time_now(&now);
    sts_session_start(s, &c->stream, &config, &now);
    while ((result = sts_session_poll(s, &now)) == STS_BUSY) {
        ms = 1000;
        look_wait(handles, sts_session_wait(s, &now, handles, 2, &ms), ms);
        time_now(&now);
    }
    return result;
}

static void smtp_failed(struct check *c, const char *mx, const struct sts_session *s, int result)
{
    if (s->smtp.reply[0] != '\0') {
        found(c, "smtp", mx, LEVEL_ERROR,
              "it does not talk to this machine: \"%s\" (a block list? or is it no mail server for "
              "others?)",
              s->smtp.reply);
    } else {
        found(c, "smtp", mx, LEVEL_ERROR, "a session as senders begin it comes to nothing: %s",
              sts_err_text(result));
    }
}

/* What a connection that came about showed. */
static void judge(struct check *c, const char *mx, const struct sts_session *s, int result)
{
    if (s->handshake_failed) {
        found(c, "tls", mx, LEVEL_ERROR, "%s", tls_reason(c, mx, result));
        return;
    }
    if (s->tls.version == 0 && result == STS_ERR_STARTTLS) {
        found(c, "starttls", mx, LEVEL_ERROR,
              "STARTTLS is not to be had: \"%s\" (often: no certificate is configured)",
              s->smtp.reply);
        return;
    }
    if (s->tls.version == 0 && result == STS_OK) {
        found(c, "starttls", mx, LEVEL_ERROR,
              "it does not offer STARTTLS: give the mail server a certificate and switch TLS on");
        return;
    }
    if (s->tls.version == 0) {
        smtp_failed(c, mx, s, result);
        return;
    }
    found(c, "tls", mx, LEVEL_OK, "STARTTLS, TLS 1.%d", s->tls.version - 0x0301);
    if (s->tls.verified) {
        tls_lasting(c, "certificate", mx);
    } else {
        found(c, "certificate", mx, LEVEL_ERROR, "%s", tls_reason(c, mx, s->tls.error));
    }
    if (result != STS_OK) {
        smtp_failed(c, mx, s, result);
    }
}

/* ---- one host ---------------------------------------------------------------------------------- */

void unreached(struct check *c, const char *what, const char *host, const struct sts_ip *ip)
{
    /* Without IPv6 of our own we cannot say. */
    found(c, what, host, ip->family == 6 ? LEVEL_OK : LEVEL_WARNING,
          "%s was not reached%s: senders lose time there", ip_text(ip),
          ip->family == 6 ? " from here (has this machine IPv6?)" : "");
}

static void probe(struct check *c, const char *mx, const struct sts_host *host)
{
    static struct sts_session s;
    bool reached[PROBES];
    size_t count = host->count < PROBES ? host->count : PROBES, good = 0;

    for (size_t i = 0; i < count; i++) {
        int result = converse(c, &s, mx, &host->address[i]);

        reached[i] = s.reached;
        good += s.reached;
        if (s.reached) {
            judge(c, mx, &s, result);
        }
    }
    if (good == 0) {
        found(c, "reach", mx, LEVEL_ERROR,
              "no connection to %s%s on port %u: is the mail server up, its firewall open, and may "
              "this machine connect to that port (many networks do not let you)?",
              ip_text(&host->address[0]), count > 1 ? " or its other addresses" : "",
              c->config.smtp_port != 0 ? c->config.smtp_port : 25u);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (!reached[i]) {
            unreached(c, "reach", mx, &host->address[i]);
        }
    }
}

static void check_host(struct check *c, const char *mx)
{
    struct sts_host host;
    int result;

    in_policy(c, mx);
    result = look_host(mx, &host);
    if (host.alias) {
        found(
            c, "address", mx, LEVEL_WARNING,
            "it is a CNAME, which an MX may not be (RFC 2181 10.3), and some senders refuse; name "
            "the host itself");
    }
    if (result == STS_ERR_NXDOMAIN || result == STS_ERR_ABSENT) {
        found(c, "address", mx, LEVEL_ERROR,
              "it has no address: correct the MX record, or give the name an A or AAAA record");
    } else if (result != STS_OK) {
        found(c, "address", mx, LEVEL_ERROR,
              "its address could not be looked up: see to the name servers");
    } else {
        probe(c, mx, &host);
    }
}

void check_hosts(struct check *c)
{
    for (size_t i = 0; i < c->mx.list.count; i++) {
        check_host(c, c->mx.list.mx[i].name);
    }
    idle_patterns(c);
}
