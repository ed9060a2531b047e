/* SPDX-License-Identifier: MIT
 *
 * What happened at one domain, as JSON for programs and in words for people.
 */
#include "cli.h"

#include <stdio.h>
#include <string.h>

#include <stsmail/engine/text.h>

static const char *const verdicts[] = {
    [DELIVERED] = "delivered", [FAILED] = "failed", [DEFERRED] = "deferred"};
static const char *const sources[] = {[STS_SOURCE_NONE] = "none",
                                      [STS_SOURCE_FETCHED] = "fetched",
                                      [STS_SOURCE_CACHED] = "cached",
                                      [STS_SOURCE_PROVISIONED] = "provisioned"};

/* The mailer says whether it is for good: a refusal that may be forged is not (C-11). */
enum verdict verdict_of(const struct sts_recipient *r)
{
    return r->error == STS_OK ? DELIVERED : r->final ? FAILED : DEFERRED;
}

enum verdict verdict_of_all(const struct outcome *o)
{
    enum verdict worst = DELIVERED;

    for (size_t i = 0; i < o->count; i++) {
        enum verdict v = verdict_of(&o->recipients[i]);

        worst = v > worst ? v : worst;
    }
    return worst;
}

static const char *tls_name(uint16_t version)
{
    return version == 0x0304 ? "TLSv1.3" : version == 0x0303 ? "TLSv1.2" : NULL;
}

/* "192.0.2.1", or NULL for none. Static. */
static const char *ip_text(const struct sts_ip *ip)
{
    static char text[48];
    struct sts_out out;

    if (ip->family == 0) {
        return NULL;
    }
    sts_out_start(&out, text, sizeof text);
    sts_out_ip(&out, ip);
    return sts_out_end(&out);
}

static const char *reply_or_null(const char *reply)
{
    return reply != NULL && reply[0] != '\0' ? reply : NULL;
}

/* Whether a reply of the server was what ended it. */
static bool replied(int error)
{
    return error == STS_ERR_TEMPFAIL || error == STS_ERR_REJECTED;
}

/* An error's name; where it has none in the contract, one that says that the fault is here. */
static const char *error_name(int error)
{
    const char *name = sts_err_name(error);

    return error == STS_OK ? NULL : name != NULL ? name : "internal";
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_recipients(const struct outcome *o)
{
    json_open("recipients", '[');
    for (size_t i = 0; i < o->count; i++) {
        json_open(NULL, '{');
        json_text("address", o->recipients[i].address);
        json_text("result", verdicts[verdict_of(&o->recipients[i])]);
        json_text("reply", reply_or_null(o->recipients[i].reply));
        json_close('}');
    }
    json_close(']');
}

static void json_policy(const struct outcome *o)
{
    const struct sts_decision *d = &o->decision;
    bool any = d->source != STS_SOURCE_NONE;

    json_open("policy", '{');
    json_text("source", sources[d->source]);
    json_text("mode", any ? sts_mode_name(d->mode) : NULL);
    json_text("id", any ? reply_or_null(d->id) : NULL);
    if (any) {
        json_number("max_age", d->max_age_s);
    } else {
        json_null("max_age");
    }
    json_text("error", error_name(d->error));
    json_close('}');
}

static void json_attempts(const struct outcome *o)
{
    json_open("attempts", '[');
    for (const struct tried *t = o->attempts; t != NULL; t = t->next) {
        const struct sts_attempt *a = &t->attempt;

        json_open(NULL, '{');
        json_text("mx", a->mx);
        json_text("address", a->reached ? ip_text(&a->address) : NULL);
        if (a->policy_match < 0) {
            json_null("policy_match");
        } else {
            json_bool("policy_match", a->policy_match != 0);
        }
        json_text("tls", tls_name(a->tls_version));
        json_bool("verified", a->verified);
        json_text("error", error_name(a->error));
        if (replied(a->error)) {
            json_text("reply", reply_or_null(a->reply));
        }
        json_close('}');
    }
    json_close(']');
}

static void print_json(const struct outcome *o)
{
    json_open(NULL, '{');
    json_text("domain", o->domain);
    json_text("result", verdicts[verdict_of_all(o)]);
    json_text("reason", error_name(o->error));
    json_recipients(o);
    json_policy(o);
    json_attempts(o);
    json_text("queued", reply_or_null(o->queued));
    json_close('}');
    json_line();
}

/* ---- words ----------------------------------------------------------------------------------- */

const char *duration(int64_t seconds)
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    static char text[48];
    size_t i = 0;

    while (i < 3 && (seconds < units[i].seconds || seconds % units[i].seconds >= seconds / 10)) {
        i++;
    }
    int64_t n = seconds / units[i].seconds;
    snprintf(text, sizeof text, "%s%lld %s%s", seconds % units[i].seconds != 0 ? "about " : "",
             (long long)n, units[i].name, n == 1 ? "" : "s");
    return text;
}

static void print_policy(const struct outcome *o)
{
    const struct sts_decision *d = &o->decision;

    if (!o->decided) {
        return;
    }
    if (d->source == STS_SOURCE_NONE) {
        printf("  policy: none%s%s\n", d->error != STS_OK ? ": " : "",
               d->error != STS_OK ? sts_err_text(d->error) : "");
        return;
    }
    printf("  policy: %s, %s%s%s, for %s%s%s\n", sts_mode_name(d->mode), sources[d->source],
           d->id[0] != '\0' ? ", id " : "", d->id, duration(d->max_age_s),
           d->error != STS_OK ? "; a newer one was announced: " : "",
           d->error != STS_OK ? sts_err_text(d->error) : "");
}

static void print_attempt(const struct sts_attempt *a)
{
    const char *address = ip_text(&a->address);

    printf("  %s", a->mx);
    if (address == NULL) {
        printf(", not contacted");
    } else {
        printf(" [%s]", address);
    }
    if (a->tls_version != 0) {
        printf(", %s, certificate %sverified", tls_name(a->tls_version), a->verified ? "" : "not ");
    } else if (a->error == STS_OK || replied(a->error)) {
        printf(", no TLS"); /* else the error says it */
    }
    if (a->policy_match == 1) {
        printf(", in the policy");
    }
    if (a->error != STS_OK) {
        printf(": %s", sts_err_text(a->error));
        if (replied(a->error) && reply_or_null(a->reply) != NULL) {
            printf(" (%s)", a->reply);
        }
    }
    putchar('\n');
}

/* One recipient; a reason that stands above already is not said again. */
static void print_recipient(const struct sts_recipient *r, int error)
{
    enum verdict v = verdict_of(r);

    printf("  %s: %s", shown(r->address), verdicts[v]);
    if (reply_or_null(r->reply) != NULL) {
        printf(" (%s)", r->reply);
    } else if (v != DELIVERED && r->error != error) {
        printf(": %s", sts_err_text(r->error));
    }
    putchar('\n');
}

/* Whether the last attempt's line gives the reason. */
static bool attempt_tells(const struct outcome *o)
{
    const struct tried *t = o->attempts;

    while (t != NULL && t->next != NULL) {
        t = t->next;
    }
    return t != NULL && t->attempt.error == o->error;
}

/* "example.org: delivered", "example.org: delivered to 1 of 2, else failed for good: why" */
static void print_heading(const struct outcome *o, enum verdict verdict)
{
    static const char *const meaning[] = {
        [DELIVERED] = "delivered",
        [FAILED] = "failed for good",
        [DEFERRED] = "deferred (nothing is lost, try again later)",
    };
    size_t delivered = 0;

    for (size_t i = 0; i < o->count; i++) {
        delivered += o->recipients[i].error == STS_OK;
    }
    printf("%s: ", o->domain);
    if (delivered > 0 && delivered < o->count) {
        printf("delivered to %zu of %zu, else ", delivered, o->count);
    }
    printf("%s", meaning[verdict]);
    if (o->error != STS_OK && !attempt_tells(o)) {
        printf(": %s", sts_err_text(o->error));
    }
    putchar('\n');
}

static void print_words(const struct outcome *o)
{
    enum verdict verdict = verdict_of_all(o);
    const char *hint = sts_err_hint(o->error);

    print_heading(o, verdict);
    print_policy(o);
    for (const struct tried *t = o->attempts; t != NULL; t = t->next) {
        print_attempt(&t->attempt);
    }
    for (size_t i = 0; i < o->count; i++) {
        print_recipient(&o->recipients[i], o->error);
    }
    if (o->queued[0] != '\0') {
        printf("  kept in the queue as %s\n", o->queued);
    }
    if (verdict != DELIVERED && hint[0] != '\0' && strncmp(hint, "nothing is lost", 15) != 0) {
        printf("  what to do: %s\n", hint);
    }
    fflush(stdout);
}

void print_outcome(const struct outcome *o, bool json)
{
    if (json) {
        print_json(o);
    } else {
        print_words(o);
    }
}
