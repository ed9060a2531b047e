/* SPDX-License-Identifier: MIT
 *
 * Reports on their way (RFC 8460 3, 5): by https or signed mail, one at a time, when no alert waits.
 */
#include "boards/common/reporter.h"

#include <string.h>

#include <stsmail/engine/resolver.h>
#include <stsmail/engine/stream.h>
#include <stsmail/engine/text.h>
#include <stsmail/tlsrpt_send.h>

#define POST_S 30u /* of one address */
#define MAIL_S 60u
#define ALL_S                                                                                      \
    60u /* no other address is begun after this: alerts of other processes may wait meanwhile */

/* What an address says to a report. */
enum answer {
    ACCEPTED,
    LATER,
    NEVER,
    UNASKED, /* from here it cannot be sent there; another day it may be */
};

static struct {
    const struct reporter *by;
    uint32_t start_ms;
    unsigned tries;
    sts_day day;
    char domain[STS_NAME_SIZE];
    struct sts_resolver resolver;
    struct sts_tlsrpt_record record;
    struct sts_tlsrpt_report report;
    struct sts_tlsrpt_file file;
} one;

static void note(const char *what, const char *uri, const char *why)
{
    one.by->note(one.day, one.domain, what, uri, why);
}

/* ---- waiting --------------------------------------------------------------------------------------- */

static struct sts_time resolver_turn(void)
{
    struct sts_time now;

    one.by->time(&now);
    sts_resolver_poll(&one.resolver, &now);
    return now;
}

/* For the resolver, and for what the post waits for, if there is one. */
static void wait_for(const struct sts_tlsrpt_post *post)
{
    const struct sts_net *net = one.by->settings->net;
    struct sts_wait all[STS_DNS_QUERIES + 4];
    struct sts_time now;
    uint32_t ms = 1000;
    size_t n;

    one.by->time(&now);
    n = post != NULL ? sts_tlsrpt_post_wait(post, &now, all, 4, &ms) : 0;
    n += sts_resolver_wait(&one.resolver, &now, all + n, STS_DNS_QUERIES, &ms);
    net->wait(net->ctx, all, n, ms);
}

/* ---- where to -------------------------------------------------------------------------------------- */

static void take_txt(void *ctx, const struct sts_dns_rr *rr)
{
    const uint8_t *text;
    size_t at = 0, len;

    sts_tlsrpt_record_open(ctx);
    while (sts_dns_txt(rr, &at, &text, &len) > 0) {
        sts_tlsrpt_record_text(ctx, text, len);
    }
    sts_tlsrpt_record_close(ctx);
}

/* What sts_resolver_result() says. */
static int ask(const char *name)
{
    uint32_t s = one.by->settings->timeout_s;
    struct sts_time now = resolver_turn();
    int result, slot = sts_resolver_ask(&one.resolver, name, STS_DNS_TXT, take_txt, &one.record,
                                        s > 0 && s < 30 ? s : 30, &now);

    if (slot < 0) {
        return slot;
    }
    while ((result = sts_resolver_result(&one.resolver, slot)) == STS_BUSY) {
        wait_for(NULL);
        (void)resolver_turn();
    }
    sts_resolver_drop(&one.resolver, slot);
    return result;
}

/* STS_OK: the addresses are known; STS_ERR_ABSENT: there are none, surely; else not now. */
static int find_addresses(void)
{
    char name[STS_NAME_SIZE + sizeof STS_TLSRPT_PREFIX];
    struct sts_out out;
    int e;

    sts_out_start(&out, name, sizeof name);
    sts_out_text(&out, STS_TLSRPT_PREFIX);
    sts_out_text(&out, one.domain);
    sts_tlsrpt_record_start(&one.record);
    e = ask(sts_out_end(&out));
    if (e == STS_ERR_ABSENT || e == STS_ERR_NXDOMAIN) {
        return STS_ERR_ABSENT;
    }
    if (e != STS_OK) {
        return e;
    }
    e = sts_tlsrpt_record_result(&one.record);
    if (e == STS_OK && one.record.count > 0) {
        return STS_OK;
    }
    if (one.record.candidates > 0) {
        note("is dropped", NULL,
             e != STS_OK ? sts_tlsrpt_record_reason(&one.record)
                         : "the domain names no address of https or mailto");
    }
    return STS_ERR_ABSENT; /* it asks for none */
}

/* ---- by https -------------------------------------------------------------------------------------- */

static enum answer by_https(const char *uri)
{
    static struct sts_tlsrpt_post post;
    static struct sts_stream stream;
    struct sts_time now = resolver_turn();
    int e;

    sts_stream_init(&stream, one.by->settings->net, one.by->settings->tls);
    e = sts_tlsrpt_post_start(&post, &one.resolver, &stream, &one.file, uri, POST_S, &now);
    if (e != STS_OK) {
        note("cannot be sent to ", uri, "it is no address that reports can be posted to");
        return UNASKED;
    }
    while ((e = sts_tlsrpt_post_poll(&post, &now)) == STS_BUSY) {
        if (one.by->urgent()) {
            sts_tlsrpt_post_stop(&post);
            return LATER;
        }
        wait_for(&post);
        now = resolver_turn();
    }
    note(e == STS_OK             ? "was accepted by "
         : e == STS_ERR_REJECTED ? "was refused by "
                                 : "was not taken by ",
         uri, e == STS_OK ? "" : sts_err_text(e));
    return e == STS_OK ? ACCEPTED : e == STS_ERR_REJECTED ? NEVER : LATER;
}

/* ---- by mail --------------------------------------------------------------------------------------- */

/* The domain that signs what the mailer sends; "": none. */
static const char *signing_domain(void)
{
#if STS_DKIM
    if (one.by->settings->dkim != NULL) {
        return one.by->settings->dkim->domain;
    }
#endif
    return "";
}

static uint8_t floor_of(const char *domain)
{
    const struct sts_mailer_config *c = one.by->settings;
    uint8_t floor = c->floor;

    for (size_t i = 0; i < c->floors_count; i++) {
        if (c->floors[i].floor > floor && sts_same_text(c->floors[i].domain, domain)) {
            floor = c->floors[i].floor;
        }
    }
    return floor;
}

/* Why no report goes to that mailbox from here, or NULL. */
static const char *forbidden(const char *to)
{
    char domain[STS_NAME_SIZE];

    if (sts_mailer_domain(to, domain) != STS_OK) {
        return "it is not the address of a mailbox";
    }
    if (floor_of(domain) > STS_FLOOR_OPPORTUNISTIC) {
        return "reports by mail go out whatever the TLS, which the floor forbids"; /* C-10 */
    }
    if (!sts_same_text(signing_domain(), sts_tlsrpt_report_submitter(&one.report))) {
        return "a report by mail has to be signed by the domain of --report-contact "
               "(--dkim-key, --dkim-domain)"; /* */
    }
    return NULL;
}

/* Until the mailer is done, an alert is due, or MAIL_S are over. */
static int run_mailer(uint32_t start_ms)
{
    struct sts_mailer *mailer = one.by->mailer;
    struct sts_time now;
    int e;

    for (;;) {
        one.by->time(&now);
        e = sts_mailer_poll(mailer, &now);
        if (e != STS_BUSY) {
            return e;
        }
        if (now.ms - start_ms >= MAIL_S * 1000 || one.by->urgent()) {
            sts_mailer_abort(mailer);
            return STS_ERR_TIMEOUT;
        }
        sts_mailer_wait(mailer, &now, 1000);
    }
}

/* whatever policy the domain has, as under mode none. TLS is still tried first. */
static enum answer deliver(const char *to, const struct sts_source *raw)
{
    static struct sts_policy none;
    char domain[STS_NAME_SIZE];
    struct sts_recipient recipient = {.address = to};
    struct sts_provisioned provisioned = {domain, &none};
    struct sts_message message = {.raw = raw};
    struct sts_mail mail = {.sender = one.by->config->contact,
                            .recipients = &recipient,
                            .count = 1,
                            .message = &message,
                            .provisioned = &provisioned,
                            .provisioned_count = 1};
    struct sts_time now;
    int e = sts_mailer_domain(to, domain);

    none.mode = STS_MODE_NONE;
    none.max_age_s = 86400;
    one.by->time(&now);
    e = e == STS_OK ? sts_mailer_send(one.by->mailer, &mail, &now) : e;
    e = e == STS_OK ? run_mailer(now.ms) : e;
    note(e == STS_OK       ? "was accepted by the host of "
         : recipient.final ? "was refused by the host of "
                           : "was not taken by the host of ",
         to, e == STS_OK ? "" : sts_err_text(e));
    return e == STS_OK ? ACCEPTED : recipient.final ? NEVER : LATER;
}

static enum answer by_mail(const char *uri, const char *to)
{
    static struct sts_tlsrpt_mail mail;
    const char *why = to != NULL ? forbidden(to) : "it is no mailbox";

    if (why != NULL) {
        note("is not sent to ", uri, why);
        return UNASKED;
    }
    /* Its date is that of the day's end: the same on each try, so that the mail is. */
    sts_tlsrpt_mail_start(&mail, &one.file, to, ((int64_t)one.day + 1) * 86400);
    return deliver(to, &mail.source);
}

/* ---- one report ------------------------------------------------------------------------------------ */

static enum answer offer_to(const char *uri)
{
    char to[STS_TLSRPT_URI_SIZE];
    int e = sts_tlsrpt_mailto(uri, to);

    sts_tlsrpt_file_start(&one.file, &one.report, true);
    return e == STS_ERR_ABSENT ? by_https(uri) : by_mail(uri, e == STS_OK ? to : NULL);
}

/* the first that accepts it is enough; each try begins with another one. R-195: who refused is left alone. */
static enum answer offer(void)
{
    const struct sts_tlsrpt_config *c = one.by->config;
    enum answer all = UNASKED, this;
    struct sts_time now;

    for (unsigned i = 0; i < one.record.count && all != ACCEPTED; i++) {
        const char *uri = one.record.uris[(i + one.tries) % one.record.count];

        one.by->time(&now);
        if (one.by->urgent() || now.ms - one.start_ms >= ALL_S * 1000) {
            return LATER;
        }
        if (sts_tlsrpt_is_refused(c, &now, uri)) {
            continue;
        }
        this = offer_to(uri);
        if (this == NEVER) {
            (void)sts_tlsrpt_refused(c, &now, uri); /* if it cannot be kept, it is asked again */
        }
        all = this < all ? this : all;
    }
    return all;
}

static int put_off(void)
{
    struct sts_time now;
    int e;

    one.by->time(&now);
    e = sts_tlsrpt_put_off(one.by->config, &now, one.day, one.domain);
    if (e == STS_ERR_TIMEOUT) {
        note("is given up", NULL, "nobody took it for 24 hours");
    }
    return e == STS_ERR_TIMEOUT ? STS_OK : e;
}

static int send_one(void)
{
    const struct sts_tlsrpt_config *c = one.by->config;
    int e = sts_tlsrpt_report_start(&one.report, c, one.day, one.domain);

    if (e == STS_ERR_IO) {
        return e;
    }
    if (e == STS_OK) {
        e = find_addresses();
    }
    if (e == STS_OK) {
        switch (offer()) {
        case ACCEPTED: break;
        case NEVER:
        case UNASKED: note("is dropped", NULL, "no address takes it"); break;
        default: return put_off();
        }
    } else if (e != STS_ERR_ABSENT) {
        note("waits", NULL, sts_err_text(e)); /* whether anybody wants it is not known */
        return put_off();
    }
    e = sts_tlsrpt_drop(c->store, one.day, one.domain);
    return e == STS_ERR_ABSENT ? STS_OK : e;
}

/* Where the store has claims another process may be at it already. */
static bool claim(const struct sts_store *store)
{
    char key[STS_NAME_SIZE + 16];
    struct sts_out out;

    if (store->claim == NULL) {
        return true;
    }
    sts_out_start(&out, key, sizeof key);
    sts_out_number(&out, (uint64_t)one.day);
    sts_out_char(&out, '.');
    sts_out_text(&out, one.domain);
    return store->claim(store->ctx, STS_STORE_PLAN, sts_out_end(&out)) == STS_OK;
}

static void release(const struct sts_store *store)
{
    if (store->release != NULL) {
        store->release(store->ctx);
    }
}

bool reporter_send(const struct reporter *r)
{
    const struct sts_tlsrpt_config *c = r->config;
    const struct sts_mailer_config *s = r->settings;
    struct sts_time now;
    uint32_t wait_s;
    int e;

    one.by = r;
    r->time(&now);
    one.start_ms = now.ms;
    if (sts_tlsrpt_sweep(c->store, &now) != STS_OK ||
        sts_tlsrpt_next(c, &now, &one.day, one.domain, &one.tries, &wait_s) != STS_OK ||
        !claim(c->store)) {
        return false;
    }
    e = sts_resolver_init(&one.resolver, s->net, s->random, s->log, s->dns, s->dns_count);
    e = e == STS_OK ? send_one() : e;
    release(c->store);
    if (e != STS_OK) {
        note("stays", NULL, sts_err_text(e));
        r->time(&now);
        (void)sts_tlsrpt_put_off(c, &now, one.day, one.domain); /* the others may fare better */
    }
    return e == STS_OK;
}
