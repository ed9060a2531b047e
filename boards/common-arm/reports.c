/* SPDX-License-Identifier: MIT
 *
 * Reports of what this device saw of TLS (RFC 8460): counted in flash at once, so that a reset costs the session under way and
 * no other, and sent the day after, when no alert waits.
 */
#include "board.h"

#if BOARD_TLSRPT

#include <string.h>

#include <stsmail/engine/message.h>
#include <stsmail/engine/text.h>
#include <stsmail/tlsrpt.h>

#include "boards/common/reporter.h"

static struct sts_tlsrpt_config config;
static struct sts_tlsrpt counters;
static struct reporter reporter;
static uint32_t uncounted; /* is said at the end: the UART is in the middle of a line of JSON */
static int uncounted_why;
static bool sending; /* a report: nobody reports on that, nor has it a line of JSON */

/* ---- counting --------------------------------------------------------------------------------- */

static void counted(int error)
{
    if (error != STS_OK) {
        uncounted++;
        uncounted_why = error;
    }
}

static void on_decision(void *ctx, const struct sts_decision *decision)
{
    struct sts_time now;

    if (!sending) {
        report_decision(ctx, decision);
        clock_now(&now);
        counted(sts_tlsrpt_decision(&counters, decision, &now));
    }
}

static void on_attempt(void *ctx, const struct sts_attempt *attempt)
{
    struct sts_time now;

    if (!sending) {
        report_attempt(ctx, attempt);
        clock_now(&now);
        counted(sts_tlsrpt_attempt(&counters, attempt, &now));
    }
}

static void on_policy_text(void *ctx, const void *bytes, size_t len)
{
    (void)ctx;
    sts_tlsrpt_policy_text(&counters, bytes, len);
}

void reports_tell(void)
{
    if (uncounted > 0) {
        say_number("attempts and policies that could not be counted for reports: ", uncounted,
                   uncounted_why == STS_ERR_SPACE ? " (the flash is full)" : "");
    }
}

/* ---- who reports ------------------------------------------------------------------------------ */

static int refuse_reports(const char *why)
{
    return refuse(STS_ERR_CONFIG, "no reports: ", why);
}

int reports_start(struct sts_mailer *mailer, struct sts_mailer_config *settings)
{
    int error;

    if (args.report_org == NULL && args.report_contact == NULL) {
        return STS_OK;
    }
    if (args.report_org == NULL || args.report_contact == NULL) {
        return refuse_reports("they need both --report-org NAME and --report-contact ADDR");
    }
    if (args.flash == NULL) {
        return refuse_reports("they need --flash FILE");
    }
    config = (struct sts_tlsrpt_config){.store = store_for_reports(),
                                        .organization = args.report_org,
                                        .contact = args.report_contact,
                                        .device = args.hostname,
                                        .lan = args.report_lan};
    if (config.store == NULL) {
        return STS_OK; /* nothing is kept, which was said */
    }
    error = sts_tlsrpt_init(&counters, &config);
    if (error != STS_OK) {
        return refuse_reports(error == STS_ERR_ADDRESS
                                  ? "--report-contact is not an address in ASCII"
                                  : "--report-org is not 1 to 255 octets of UTF-8");
    }
    settings->on_attempt = on_attempt;
    settings->on_decision = on_decision;
    settings->on_policy_text = on_policy_text;
    reporter.config = &config;
    reporter.settings = settings;
    reporter.mailer = mailer;
    return STS_OK;
}

/* ---- sending ---------------------------------------------------------------------------------- */

/* "stsmail: the report of Tue, 24 Nov 2026 about DOMAIN WHAT URI: WHY" */
static void note(sts_day day, const char *domain, const char *what, const char *uri,
                 const char *why)
{
    char date[40];
    struct sts_out out;

    sts_out_start(&out, date, sizeof date);
    sts_compose_date(&out, (int64_t)day * 86400);
    *strstr(sts_out_end(&out), " 00:") = '\0';
    put_text("stsmail: the report of ");
    put_text(date);
    put_text(" about ");
    put_text(domain);
    put_text(" ");
    put_text(what);
    put_text(uri != NULL ? uri : "");
    put_text(*why != '\0' ? ": " : "");
    put_text(why);
    put_text("\n");
}

/* Asked all the time, so that the watchdog is kicked here. */
static void time_within(struct sts_time *now)
{
    board_alive(NULL);
    clock_now(now);
}

bool reports_send(bool (*urgent)(void))
{
    bool more;

    if (reporter.config == NULL) {
        return false;
    }
    reporter.time = time_within;
    reporter.urgent = urgent;
    reporter.note = note;
    sending = true;
    more = reporter_send(&reporter);
    sending = false;
    return more;
}

#endif
