/* SPDX-License-Identifier: MIT
 *
 * `stsmail check DOMAIN`: what a sender sees of a domain's set-up, as findings. No mail is sent.
 */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <stsmail/engine/text.h>

#define WIDTH 100 /* of a line of the table */

void found(struct check *c, const char *what, const char *host, enum level level,
           const char *format, ...)
{
    char text[2048];
    struct finding *f;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (f = c->findings; f != NULL; f = f->next) {
        if (f->what == what && f->host == host && strcmp(f->text, text) == 0) {
            return;
        }
    }
    f = keep(sizeof *f);
    *f = (struct finding){.what = what, .host = host, .level = level};
    f->text = keep_text(text, strlen(text));
    *c->last = f;
    c->last = &f->next;
    c->count[level]++;
}

/* ---- what is printed --------------------------------------------------------------------------- */

static const char *const levels[] = {"ok", "warning", "error"};

static void print_json(const struct check *c)
{
    json_open(NULL, '{');
    json_text("domain", c->domain);
    json_bool("ok", c->status == 0 && c->count[LEVEL_ERROR] == 0);
    json_open("findings", '[');
    for (const struct finding *f = c->findings; f != NULL; f = f->next) {
        json_open(NULL, '{');
        json_text("what", f->what);
        json_text("level", levels[f->level]);
        json_text("text", f->text);
        if (f->host != NULL) {
            json_text("host", f->host);
        }
        json_close('}');
    }
    json_close(']');
    json_number("errors", c->count[LEVEL_ERROR]);
    json_number("warnings", c->count[LEVEL_WARNING]);
    json_close('}');
    json_line();
}

/* The words of a text from column `indent` on, in lines of WIDTH. */
static void print_words(const char *text, int indent)
{
    int at = indent;

    while (*text != '\0') {
        int len = (int)strcspn(text, " ");

        if (at > indent && at + 1 + len > WIDTH) {
            printf("\n%*s", indent, "");
            at = indent;
        } else if (at > indent) {
            putchar(' ');
            at++;
        }
        printf("%.*s", len, text);
        at += len;
        text += len + (text[len] == ' ');
    }
    putchar('\n');
}

static void print_table(const struct check *c)
{
    static const char *const marks[] = {"ok", "warning", "ERROR"};
    const char *what = "", *host = NULL;

    for (const struct finding *f = c->findings; f != NULL; f = f->next) {
        if (f->host != NULL && f->host != host) {
            printf("%s\n", f->host);
        }
        if (f->host != host) {
            what = "";
        }
        printf("  %-18s %-8s ", strcmp(what, f->what) != 0 ? f->what : "", marks[f->level]);
        print_words(f->text, 30);
        what = f->what;
        host = f->host;
    }
    printf("%s: %u error%s, %u warning%s\n", c->domain, c->count[LEVEL_ERROR],
           c->count[LEVEL_ERROR] == 1 ? "" : "s", c->count[LEVEL_WARNING],
           c->count[LEVEL_WARNING] == 1 ? "" : "s");
}

/* ---- the command ------------------------------------------------------------------------------- */

static int arguments(const struct options *o, char domain[STS_NAME_SIZE])
{
    if (o->args_count != 1) {
        say("check needs one domain: stsmail check DOMAIN");
        return EX_USAGE;
    }
    if (!domain_canon(o->args[0], strlen(o->args[0]), domain)) {
        say("\"%s\" is not a domain name", shown(o->args[0]));
        return EX_DATAERR;
    }
    if (strlen(domain) + strlen("_mta-sts.") >= STS_NAME_SIZE) {
        say("%s is too long: _mta-sts.%s would be no name", domain, domain);
        return EX_DATAERR;
    }
    if (o->dkim_selector != NULL && (!sts_host_valid(o->dkim_selector, strlen(o->dkim_selector)) ||
                                     strlen(o->dkim_selector) > 63)) {
        say("--dkim-selector: \"%s\" is no selector: letters, digits, hyphens and dots, 63 at most",
            shown(o->dkim_selector));
        return EX_DATAERR;
    }
    return 0;
}

static int clock_set(void)
{
    struct sts_time now;

    time_now(&now);
    if (now.trust != STS_CLOCK_UNSET) {
        return 0;
    }
    say("the clock of this machine is not set: no certificate can be checked");
    return EX_TEMPFAIL;
}

int check_command(struct options *o)
{
    static struct check c;
    static char domain[STS_NAME_SIZE];
    int status = arguments(o, domain);

    status = status != 0 ? status : clock_set();
    if (status != 0) {
        return status;
    }
    c.config.hostname = setup_hostname(o);
    if (c.config.hostname == NULL) {
        return EX_DATAERR;
    }
    status = setup_mailer(o, &c.config);
    status = status != 0 ? status : look_start(o, &c.config);
    if (status != 0) {
        return status;
    }
    c.o = o;
    c.domain = domain;
    c.last = &c.findings;
    tls_watch(&c);
    check_mx_records(&c);
    if (c.status == 0) {
        check_record(&c);
        check_policy(&c);
        check_hosts(&c);
        check_reports(&c);
        check_advice(&c);
    }
    if (o->json) {
        print_json(&c);
    } else {
        print_table(&c);
    }
    return c.status != 0 ? c.status : c.count[LEVEL_ERROR] > 0;
}
