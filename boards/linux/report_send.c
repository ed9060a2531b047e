/* SPDX-License-Identifier: MIT
 *
 * Reports on their way (RFC 8460 3, 5): by https or signed mail, one at a time, from `stsmail queue run` when no alert waits.
 */
#include "look.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <stsmail/engine/stream.h>
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
    bool (*urgent)(void); /* an alert is due: the report has to wait */
    struct options *o;
    const struct sts_mailer_config *mailer;
    uint32_t start_ms;
    unsigned tries;
    sts_day day;
    char domain[STS_NAME_SIZE];
    struct sts_tlsrpt_record record;
    struct sts_tlsrpt_report report;
    struct sts_tlsrpt_file file;
} one;

/* The day of the report, for a person. Static. */
static const char *day_text(void)
{
    static char text[16];
    time_t at = (time_t)one.day * 86400;
    struct tm tm;

    strcpy(text, "?");
    if (gmtime_r(&at, &tm) != NULL) {
        strftime(text, sizeof text, "%Y-%m-%d", &tm);
    }
    return text;
}

static void note(const char *what, const char *uri, const char *why)
{
    say("the report of %s about %s %s%s%s%s", day_text(), one.domain, what,
        uri != NULL ? shown(uri) : "", *why != '\0' ? ": " : "", why);
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

/* STS_OK: the addresses are known; STS_ERR_ABSENT: there are none, surely; else not now. */
static int find_addresses(void)
{
    char name[STS_NAME_SIZE + sizeof STS_TLSRPT_PREFIX];
    int e;

    snprintf(name, sizeof name, STS_TLSRPT_PREFIX "%s", one.domain);
    sts_tlsrpt_record_start(&one.record);
    e = look_ask(name, STS_DNS_TXT, take_txt, &one.record);
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
    struct sts_time now;
    int e;

    time_now(&now);
    sts_stream_init(&stream, one.mailer->net, one.mailer->tls);
    e = sts_tlsrpt_post_start(&post, look_resolver(&now), &stream, &one.file, uri, POST_S, &now);
    if (e != STS_OK) {
        note("cannot be sent to ", uri, "it is no address that reports can be posted to");
        return UNASKED;
    }
    while ((e = sts_tlsrpt_post_poll(&post, &now)) == STS_BUSY) {
        struct sts_wait wait[4];
        uint32_t ms = 1000;
        size_t n = sts_tlsrpt_post_wait(&post, &now, wait, 4, &ms);

        if (one.urgent()) {
            sts_tlsrpt_post_stop(&post);
            return LATER;
        }
        look_wait(wait, n, ms);
        time_now(&now);
        (void)look_resolver(&now);
    }
    note(e == STS_OK             ? "was accepted by "
         : e == STS_ERR_REJECTED ? "was refused by "
                                 : "was not taken by ",
         uri, e == STS_OK ? "" : sts_err_text(e));
    return e == STS_OK ? ACCEPTED : e == STS_ERR_REJECTED ? NEVER : LATER;
}

/* ---- by mail --------------------------------------------------------------------------------------- */

/* Why no report goes to that mailbox from here, or NULL. */
static const char *forbidden(const char *to)
{
    const struct sts_dkim *d = one.mailer->dkim;
    char domain[STS_NAME_SIZE];

    if (sts_mailer_domain(to, domain) != STS_OK) {
        return "it is not the address of a mailbox";
    }
    if (setup_floor(one.o, domain) > STS_FLOOR_OPPORTUNISTIC) {
        return "reports by mail go out whatever the TLS, which the floor forbids"; /* C-10 */
    }
    if (d == NULL || strcasecmp(d->domain, sts_tlsrpt_report_submitter(&one.report)) != 0) {
        return "a report by mail has to be signed by the domain of --report-contact "
               "(--dkim-key, --dkim-domain)"; /* */
    }
    return NULL;
}

/* whatever policy the domain has, as under mode none. TLS is still tried first. */
static enum answer deliver(const char *to, const struct sts_source *raw)
{
    static struct sts_policy none;
    char domain[STS_NAME_SIZE];
    struct sts_recipient recipient = {.address = to};
    struct sts_provisioned provisioned = {domain, &none};
    struct sts_message message = {.raw = raw};
    struct sts_mail mail = {.sender = report_config()->contact,
                            .recipients = &recipient,
                            .count = 1,
                            .message = &message,
                            .provisioned = &provisioned,
                            .provisioned_count = 1};
    struct sts_time now;
    uint32_t start;
    int e = sts_mailer_domain(to, domain);

    none.mode = STS_MODE_NONE;
    none.max_age_s = 86400;
    time_now(&now);
    start = now.ms;
    e = e == STS_OK ? sts_mailer_send(&mailer, &mail, &now) : e;
    while (e == STS_OK || e == STS_BUSY) {
        time_now(&now);
        e = sts_mailer_poll(&mailer, &now);
        if (e != STS_BUSY) {
            break;
        }
        if (now.ms - start >= MAIL_S * 1000 || one.urgent()) {
            sts_mailer_abort(&mailer);
            e = STS_ERR_TIMEOUT;
            break;
        }
        sts_mailer_wait(&mailer, &now, 1000);
    }
    note(e == STS_OK       ? "was accepted by the host of "
         : recipient.final ? "was refused by the host of "
                           : "was not taken by the host of ",
         to, e == STS_OK ? "" : sts_err_text(e));
    return e == STS_OK ? ACCEPTED : recipient.final ? NEVER : LATER;
}

static enum answer by_mail(const char *uri)
{
    static struct sts_tlsrpt_mail mail;
    char to[STS_TLSRPT_URI_SIZE];
    const char *why = sts_tlsrpt_mailto(uri, to) == STS_OK ? forbidden(to) : "it is no mailbox";

    if (why != NULL) {
        note("is not sent to ", uri, why);
        return UNASKED;
    }
    /* Its date is that of the day's end: the same on each try, so that the mail is. */
    sts_tlsrpt_mail_start(&mail, &one.file, to, ((int64_t)one.day + 1) * 86400);
    return deliver(to, &mail.source);
}

/* ---- one report ------------------------------------------------------------------------------------ */

static bool is_https(const char *uri)
{
    return strncasecmp(uri, "https:", 6) == 0;
}

/* the first that accepts it is enough; each try begins with another one. R-195: who refused is left alone. */
static enum answer offer(void)
{
    const struct sts_tlsrpt_config *c = report_config();
    enum answer all = UNASKED, this;
    struct sts_time now;

    for (unsigned i = 0; i < one.record.count && all != ACCEPTED; i++) {
        const char *uri = one.record.uris[(i + one.tries) % one.record.count];

        time_now(&now);
        if (one.urgent() || now.ms - one.start_ms >= ALL_S * 1000) {
            return LATER;
        }
        if (sts_tlsrpt_is_refused(c, &now, uri)) {
            continue;
        }
        sts_tlsrpt_file_start(&one.file, &one.report, true);
        this = is_https(uri) ? by_https(uri) : by_mail(uri);
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

    time_now(&now);
    e = sts_tlsrpt_put_off(report_config(), &now, one.day, one.domain);
    if (e == STS_ERR_TIMEOUT) {
        note("is given up", NULL, "nobody took it for 24 hours");
    }
    return e == STS_ERR_TIMEOUT ? STS_OK : e;
}

static int send_one(void)
{
    const struct sts_tlsrpt_config *c = report_config();
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

bool report_send(struct options *o, const struct sts_mailer_config *mailer_config,
                 bool (*urgent)(void))
{
    const struct sts_tlsrpt_config *c = report_config();
    char key[STS_NAME_SIZE + 16];
    struct sts_time now;
    uint32_t wait_s;
    int e;

    time_now(&now);
    one.start_ms = now.ms;
    if (c == NULL || sts_tlsrpt_sweep(c->store, &now) != STS_OK ||
        sts_tlsrpt_next(c, &now, &one.day, one.domain, &one.tries, &wait_s) != STS_OK) {
        return false;
    }
    one.urgent = urgent;
    one.o = o;
    one.mailer = mailer_config;
    snprintf(key, sizeof key, "%ld.%s", (long)one.day, one.domain);
    if (c->store->claim(c->store->ctx, STS_STORE_PLAN, key) != STS_OK) {
        return false; /* another process is at it */
    }
    e = look_start(o, mailer_config) == 0 ? send_one() : STS_ERR_CONFIG;
    c->store->release(c->store->ctx);
    if (e != STS_OK) {
        note("stays", NULL, sts_err_text(e));
        time_now(&now);
        (void)sts_tlsrpt_put_off(c, &now, one.day, one.domain); /* the others may fare better */
    }
    return e == STS_OK;
}
