/* SPDX-License-Identifier: MIT
 *
 * Reports of what this machine saw of TLS (RFC 8460): counting, for the commands that deliver, and `stsmail report`.
 */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <stsmail/engine/tlsrpt.h>
#include <stsmail/mailer.h>
#include <stsmail/posix.h>

static struct sts_tlsrpt_config config;
static struct sts_tlsrpt counters;

/* ---- counting ------------------------------------------------------------------------------------ */

/* What could not be counted is said, and hinders no mail. */
static void said(int error, const char *domain)
{
    if (error != STS_OK) {
        say("what happened at %s could not be counted for its report: %s", shown(domain),
            sts_err_text(error));
    }
}

/* Another process has the record for as long as it takes to write it. */
static bool again(int error, int *tries)
{
    const struct timespec pause = {0, 2000000};

    return error == STS_BUSY && (*tries)++ < 250 && nanosleep(&pause, NULL) == 0;
}

void report_decision(const struct sts_decision *decision)
{
    struct sts_time now;
    int error, tries = 0;

    do {
        time_now(&now);
        error = sts_tlsrpt_decision(&counters, decision, &now);
    } while (again(error, &tries));
    said(error, decision->domain);
}

void report_attempt(const struct sts_attempt *attempt)
{
    struct sts_time now;
    int error, tries = 0;

    do {
        time_now(&now);
        error = sts_tlsrpt_attempt(&counters, attempt, &now);
    } while (again(error, &tries));
    said(error, attempt->decision->domain);
}

static void on_text(void *ctx, const void *bytes, size_t len)
{
    (void)ctx;
    sts_tlsrpt_policy_text(&counters, bytes, len);
}

static void on_decision(void *ctx, const struct sts_decision *decision)
{
    (void)ctx;
    report_decision(decision);
}

/* The state directory once more: its claims are not the queue's. */
static const struct sts_store *own_store(struct options *o)
{
    static struct sts_posix_store files;
    static struct sts_store store;

    sts_posix_store_init(&files, state_directory(o->state), setup_log(o), &store);
    return &store;
}

const struct sts_tlsrpt_config *report_config(void)
{
    return counters.config;
}

int report_setup(struct options *o, struct sts_mailer_config *mailer_config)
{
    int error;

    if (o->report_org == NULL && o->report_contact == NULL) {
        return 0;
    }
    if (o->report_org == NULL || o->report_contact == NULL) {
        say("reports need both --report-org NAME and --report-contact ADDR");
        return EX_CONFIG;
    }
    if (mailer_config->store == NULL) {
        return 0; /* nothing is kept, which was said */
    }
    config = (struct sts_tlsrpt_config){.store = own_store(o),
                                        .organization = o->report_org,
                                        .contact = o->report_contact,
                                        .device = mailer_config->hostname,
                                        .lan = o->report_lan};
    error = sts_tlsrpt_init(&counters, &config);
    if (error != STS_OK) {
        say(error == STS_ERR_ADDRESS ? "--report-contact \"%s\" is not an address in ASCII"
                                     : "--report-org \"%s\" is not 1 to 255 octets of UTF-8",
            shown(error == STS_ERR_ADDRESS ? o->report_contact : o->report_org));
        return EX_CONFIG;
    }
    mailer_config->on_policy_text = on_text;
    if (mailer_config->on_decision == NULL) {
        mailer_config->on_decision = on_decision;
    }
    return 0;
}

/* ---- `stsmail report` ------------------------------------------------------------------------------ */

struct kept {
    sts_day day;
    char domain[STS_NAME_SIZE];
};

struct all_kept {
    struct kept *at;
    size_t count, room;
    const char *domain; /* only this one's; NULL: all */
};

static bool keep_one(void *arg, sts_day day, const char *domain)
{
    struct all_kept *all = arg;

    if (all->domain != NULL && strcmp(all->domain, domain) != 0) {
        return true;
    }
    if (all->count == all->room) {
        size_t room = 2 * all->room + 16;
        struct kept *more = keep(room * sizeof *more);

        if (all->count > 0) {
            memcpy(more, all->at, all->count * sizeof *more);
        }
        all->at = more;
        all->room = room;
    }
    all->at[all->count].day = day;
    snprintf(all->at[all->count++].domain, STS_NAME_SIZE, "%s", domain);
    return true;
}

static int by_day(const void *a, const void *b)
{
    const struct kept *x = a, *y = b;

    return x->day != y->day ? (x->day > y->day) - (x->day < y->day) : strcmp(x->domain, y->domain);
}

static void print_json(const struct sts_tlsrpt_report *r)
{
    char buf[16384];
    size_t n;

    for (size_t at = 0; (n = sts_tlsrpt_report_read(r, at, buf, sizeof buf)) > 0; at += n) {
        fwrite(buf, 1, n, stdout);
    }
    json_line();
}

static void print_failure(const uint8_t *e)
{
    int err = -(int)e[STS_TLSRPT_ERROR];
    const char *type = err == STS_ERR_MX_MISMATCH ? "mx-mismatch" : sts_tlsrpt_type(err);
    bool placed = sts_tlsrpt_length(e) > STS_TLSRPT_SENDER;

    printf("  %10lu  %s%s%s\n", (unsigned long)sts_tlsrpt_get(e + STS_TLSRPT_COUNT),
           type != NULL ? type : "validation-failure", placed ? " at " : "",
           placed ? shown((const char *)e + STS_TLSRPT_MX) : "");
}

static void print_table(const struct sts_tlsrpt_report *r)
{
    time_t at = (time_t)r->day * 86400;
    struct tm tm;
    char day[16] = "?";

    if (gmtime_r(&at, &tm) != NULL) {
        strftime(day, sizeof day, "%Y-%m-%d", &tm);
    }
    for (size_t i = 0; i < r->record.len; i += sts_tlsrpt_length(r->record.bytes + i)) {
        const uint8_t *e = r->record.bytes + i;

        if (e[STS_TLSRPT_KIND] == STS_TLSRPT_POLICY) {
            printf("%-10s  %-32s %-15s %10lu %10lu\n", day, sts_tlsrpt_report_domain(r),
                   e[STS_TLSRPT_TYPE] == STS_TLSRPT_STS ? "sts" : "no-policy-found",
                   (unsigned long)sts_tlsrpt_get(e + STS_TLSRPT_GOOD),
                   (unsigned long)sts_tlsrpt_get(e + STS_TLSRPT_BAD));
        } else {
            print_failure(e);
        }
    }
}

static int print_all(const struct all_kept *all, bool json)
{
    static struct sts_tlsrpt_report report;
    int error = STS_OK;

    if (!json && all->count > 0) {
        printf("%-10s  %-32s %-15s %10s %10s\n", "DAY (UTC)", "DOMAIN", "POLICY", "SUCCESSES",
               "FAILURES");
    }
    for (size_t i = 0; i < all->count && error != STS_ERR_IO; i++) {
        error = sts_tlsrpt_report_start(&report, &config, all->at[i].day, all->at[i].domain);
        if (error == STS_OK && json) {
            print_json(&report);
        } else if (error == STS_OK) {
            print_table(&report);
        }
    }
    return error;
}

int report_command(struct options *o)
{
    static struct sts_mailer_config names;
    static char domain[STS_NAME_SIZE];
    struct all_kept all = {0};
    int status;

    if (o->args_count > 0) {
        say("report takes no arguments: stsmail report [--domain DOMAIN] [--json]");
        return EX_USAGE;
    }
    if (o->dkim_domain != NULL) {
        if (!domain_canon(o->dkim_domain, strlen(o->dkim_domain), domain)) {
            say("--domain \"%s\" is not a domain name", shown(o->dkim_domain));
            return EX_DATAERR;
        }
        all.domain = domain;
    }
    names.hostname = setup_hostname(o);
    names.store = names.hostname != NULL ? setup_store(o) : NULL;
    if (names.store == NULL) {
        return names.hostname == NULL ? EX_USAGE : EX_IOERR;
    }
    status = report_setup(o, &names);
    if (status != 0) {
        return status;
    }
    if (config.store ==
        NULL) { /* nobody reports, and what was counted before can still be looked at */
        config =
            (struct sts_tlsrpt_config){names.store, names.hostname, own_address(names.hostname),
                                       names.hostname, o->report_lan};
    }
    if (sts_tlsrpt_list(config.store, keep_one, &all) != STS_OK) {
        say("the state directory cannot be read (--state)");
        return EX_IOERR;
    }
    if (all.count > 0) {
        qsort(all.at, all.count, sizeof *all.at, by_day);
    }
    if (print_all(&all, o->json) == STS_ERR_IO) {
        say("the state directory cannot be read (--state)");
        return EX_IOERR;
    }
    return 0;
}
