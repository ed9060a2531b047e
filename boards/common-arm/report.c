/* SPDX-License-Identifier: MIT
 *
 * What happened, as JSON on the UART: the fields of `stsmail send --json`, written as they become known, so
 * that nothing has to be kept (the order of an object's members means nothing, RFC 8259 4). Behind it what
 * the run took, in lines that begin with "#".
 */
#include "board.h"

#include <string.h>

#include <stsmail/engine/text.h>
#include <stsmail/engine/utf8.h>

/* ---- characters ----------------------------------------------------------------------------- */

void put_text(const char *text)
{
    while (*text != '\0') {
        board_putc(*text++);
    }
}

void put_number(uint32_t n)
{
    char text[12];
    struct sts_out out;

    sts_out_start(&out, text, sizeof text);
    sts_out_number(&out, n);
    put_text(sts_out_end(&out));
}

int refuse(int result, const char *what, const char *why)
{
    put_text("stsmail: ");
    put_text(what);
    put_text(why);
    put_text("\n");
    return result;
}

void say_number(const char *what, uint32_t n, const char *why)
{
    put_text("stsmail: ");
    put_text(what);
    put_number(n);
    put_text(why);
    put_text("\n");
}

/* Octets of the character at `at` (RFC 3629), 0 if it is none. */
static size_t utf8_length(const char *at)
{
    struct sts_utf8 u = {0};

    for (size_t n = 0; at[n] != '\0' && sts_utf8_next(&u, (uint8_t)at[n]); n++) {
        if (u.left == 0) {
            return n + 1;
        }
    }
    return 0;
}

static void put_octet(char c)
{
    static const char hex[] = "0123456789abcdef";

    if (c == '"' || c == '\\') {
        board_putc('\\');
        board_putc(c);
    } else if ((uint8_t)c < 0x20 || c == 0x7f) {
        put_text("\\u00");
        board_putc(hex[(uint8_t)c >> 4]);
        board_putc(hex[c & 15]);
    } else {
        board_putc(c);
    }
}

/* A string, or null. What is no UTF-8 becomes U+FFFD. */
static void put_string(const char *text)
{
    if (text == NULL) {
        put_text("null");
        return;
    }
    board_putc('"');
    while (*text != '\0') {
        size_t len = utf8_length(text);

        if (len == 0) {
            put_text("\\ufffd");
            text++;
        }
        while (len-- > 0) {
            put_octet(*text++);
        }
    }
    board_putc('"');
}

static void put_member(const char *key, const char *value)
{
    put_string(key);
    board_putc(':');
    put_string(value);
}

static void put_bool(const char *key, bool value)
{
    put_string(key);
    put_text(value ? ":true" : ":false");
}

/* ---- one delivery ---------------------------------------------------------------------------- */

static struct {
    bool attempts; /* there was one already */
    struct sts_decision decision;
} told;

static const char *error_name(int error)
{
    const char *name = sts_err_name(error);

    return error == STS_OK ? NULL : name != NULL ? name : "internal";
}

static const char *or_null(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : NULL;
}

void report_begin(const char *domain)
{
    memset(&told, 0, sizeof told);
    board_putc('{');
    put_member("domain", domain);
    put_text(",\"attempts\":[");
}

void report_attempt(void *ctx, const struct sts_attempt *a)
{
    char ip[48];
    struct sts_out out;
    bool replied = a->error == STS_ERR_TEMPFAIL || a->error == STS_ERR_REJECTED;

    (void)ctx;
    sts_out_start(&out, ip, sizeof ip);
    sts_out_ip(&out, &a->address);
    put_text(told.attempts ? ",{" : "{");
    told.attempts = true;
    put_member("mx", a->mx);
    board_putc(',');
    put_member("address", a->reached ? sts_out_end(&out) : NULL);
    board_putc(',');
    if (a->policy_match < 0) {
        put_member("policy_match", NULL);
    } else {
        put_bool("policy_match", a->policy_match != 0);
    }
    board_putc(',');
    put_member("tls", a->tls_version == 0x0304   ? "TLSv1.3"
                      : a->tls_version == 0x0303 ? "TLSv1.2"
                                                 : NULL);
    board_putc(',');
    put_bool("verified", a->verified);
    board_putc(',');
    put_member("error", error_name(a->error));
    if (replied) {
        board_putc(',');
        put_member("reply", or_null(a->reply));
    }
    board_putc('}');
}

void report_decision(void *ctx, const struct sts_decision *decision)
{
    (void)ctx;
    told.decision = *decision;
}

static void put_policy(void)
{
    static const char *const sources[] = {"none", "fetched", "cached", "provisioned"};
    const struct sts_decision *d = &told.decision;
    bool any = d->source != STS_SOURCE_NONE;

    put_text("],\"policy\":{");
    put_member("source", sources[d->source]);
    board_putc(',');
    put_member("mode", any ? sts_mode_name(d->mode) : NULL);
    board_putc(',');
    put_member("id", any ? or_null(d->id) : NULL);
    put_text(",\"max_age\":");
    if (any) {
        put_number(d->max_age_s);
    } else {
        put_text("null");
    }
    board_putc(',');
    put_member("error", error_name(d->error));
    board_putc('}');
}

static const struct verdict {
    const char *name;
    int status;
} verdicts[] = {{"delivered", 0}, {"failed", 69}, {"deferred", 75}};

static unsigned verdict_of(const struct sts_recipient *r)
{
    return r->error == STS_OK ? 0 : r->final ? 1 : 2;
}

int report_end(const struct sts_recipient *recipients, size_t count, int error, const char *queued)
{
    unsigned worst = 0;

    put_policy();
    put_text(",\"recipients\":[");
    for (size_t i = 0; i < count; i++) {
        unsigned v = verdict_of(&recipients[i]);

        worst = v > worst ? v : worst;
        put_text(i > 0 ? ",{" : "{");
        put_member("address", recipients[i].address);
        board_putc(',');
        put_member("result", verdicts[v].name);
        board_putc(',');
        put_member("reply", or_null(recipients[i].reply));
        board_putc('}');
    }
    put_text("],");
    put_member("result", verdicts[worst].name);
    board_putc(',');
    put_member("reason", error_name(error));
    board_putc(',');
    put_member("queued", queued);
    put_text("}\n");
    return verdicts[worst].status;
}

/* ---- what it took ---------------------------------------------------------------------------- */

static void put_used(const char *what, size_t used, size_t of)
{
    put_text("# ");
    put_text(what);
    put_text(": ");
    put_number((uint32_t)used);
    put_text(" of ");
    put_number((uint32_t)of);
    put_text(" bytes\n");
}

static void put_count(const char *what, uint32_t n, const char *unit)
{
    put_text("# ");
    put_text(what);
    put_text(": ");
    put_number(n);
    put_text(unit);
}

void report_effort(const struct sts_wolfssl *wolf, const struct effort *effort)
{
    put_used("TLS pool, most in use", wolf->pool.peak, wolf->pool.size);
    put_used("TLS pool, highest address", wolf->pool.top, wolf->pool.size);
    put_used("TLS pool, in use at the end", wolf->pool.used, wolf->pool.size);
    put_count("TLS pool, requests refused", wolf->pool.failed, "\n");
    put_count("largest record", (uint32_t)wolf->pool.record, " bytes\n");
    put_used("stack", stack_peak(), stack_size());
    put_count("struct sts_mailer", sizeof(struct sts_mailer), " bytes\n");
    put_count("time", clock_ms(), " ms\n");
    put_count("polls", effort->polls, "\n");
    put_count("longest poll", effort->longest_us, " us\n");
    put_count("all polls", effort->all_us, " us\n");
    put_count("watchdog, calls", effort->alive, "\n");
    put_count("watchdog, longest gap", effort->gap_us, " us\n");
}
