/* SPDX-License-Identifier: MIT
 *
 * `stsmail send`: everything is checked first, then each recipient domain has its delivery.
 */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <stsmail/engine/message.h>
#include <stsmail/engine/text.h>
#include <stsmail/mailer.h>

/* ---- recipients ------------------------------------------------------------------------------ */

/* The addresses as they go on the wire, in the order given; one that stands twice counts once. */
struct recipients {
    const char **addresses;
    size_t count;
};

static const char *domain_of(const char *address)
{
    return strrchr(address, '@') + 1;
}

static bool listed(const struct recipients *r, const char *address)
{
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->addresses[i], address) == 0) {
            return true;
        }
    }
    return false;
}

/* All of them are looked at, so that all that is wrong is said at once. */
static int recipients_read(const struct options *o, struct recipients *out)
{
    char address[ADDRESS_SIZE];
    int status = 0;

    if (o->args_count == 0) {
        say("send needs a recipient: stsmail send [options] RECIPIENT...");
        return EX_USAGE;
    }
    out->addresses = keep(o->args_count * sizeof *out->addresses);
    for (size_t i = 0; i < o->args_count; i++) {
        const char *why = address_canon(o->args[i], false, address);

        if (why != NULL) {
            say("recipient \"%s\": %s; nothing was sent", shown(o->args[i]), why);
            status = EX_DATAERR;
        } else if (!listed(out, address)) {
            out->addresses[out->count++] = keep_text(address, strlen(address));
        }
    }
    return status;
}

/* ---- the message ----------------------------------------------------------------------------- */

struct letter {
    struct sts_message message;
    struct sts_source source;
    struct sts_message_facts facts;
    bool dated; /* the time was known when it was made */
    const char *sender;
    const char *to;
    char sender_text[ADDRESS_SIZE];
    char to_text[ADDRESS_SIZE];
    char id[STS_NAME_SIZE + 64];
};

static int address_option(const char *option, const char *given, char out[ADDRESS_SIZE])
{
    const char *why = address_canon(given, true, out);

    if (why != NULL) {
        say("--%s \"%s\": %s; nothing was sent", option, shown(given), why);
        return EX_DATAERR;
    }
    return 0;
}

/* The envelope sender. "<>" is the null sender (RFC 5321 4.5.5); the From field of a composed message still
 * names somebody. */
static int letter_sender(struct letter *l, const struct options *o, const char *hostname)
{
    bool null_sender = o->from != NULL && strcmp(o->from, "<>") == 0;

    if (o->from != NULL && !null_sender) {
        l->message.from = l->sender = l->sender_text;
        return address_option("from", o->from, l->sender_text);
    }
    l->message.from = own_address(hostname);
    l->sender = null_sender ? "" : l->message.from;
    return 0;
}

/* Unique also where the clock is unset and processes have the same number after each boot (M12). */
static void letter_id(struct letter *l, const char *hostname, const struct sts_time *now)
{
    uint64_t random = 0;

    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random) {
        random = (uint64_t)(uintptr_t)l ^ (uint64_t)clock();
    }
    snprintf(l->id, sizeof l->id, "%llx.%lx.%016llx@%s", (unsigned long long)now->utc_s,
             (unsigned long)getpid(), (unsigned long long)random, hostname);
    l->message.message_id = l->id;
}

static int letter_compose(struct letter *l, const struct options *o, const struct recipients *r)
{
    int status = 0;

    l->message.subject = o->subject;
    l->message.body = o->body;
    l->message.to = r->addresses;
    l->message.to_count = r->count;
    if (o->to != NULL) {
        status = address_option("to", o->to, l->to_text);
        l->to = l->to_text;
        l->message.to = &l->to;
        l->message.to_count = 1;
    }
    return status;
}

static int letter_spool(struct letter *l)
{
    if (isatty(STDIN_FILENO)) {
        say("type the message (header, empty line, body), and Ctrl-D at its end");
    }
    if (spool_read(STDIN_FILENO, false) != STS_OK) {
        say("the message cannot be read: %s; nothing was sent", strerror(errno));
        return EX_IOERR;
    }
    spool_source(&l->source);
    l->message.raw = &l->source;
    return 0;
}

/* Where the message is wrong, for a person. */
static int letter_refused(const struct sts_reader *reader, int error)
{
    if (error == STS_ERR_IO) {
        say("the message cannot be read again: %s; nothing was sent", strerror(errno));
        return EX_IOERR;
    }
    if (error == STS_ERR_MESSAGE && reader->line > 0) {
        say("message, line %lu: %s; nothing was sent", (unsigned long)reader->line,
            sts_reader_reason(reader));
    } else {
        say("message: %s; nothing was sent",
            error == STS_ERR_MESSAGE ? sts_reader_reason(reader) : sts_err_text(error));
    }
    return EX_DATAERR;
}

/* The whole message is read once before any network: what cannot be sent is sent to nobody. */
static int letter_check(struct letter *l)
{
    static struct sts_reader reader;
    uint8_t buf[4096];
    int32_t n = sts_reader_start(&reader, &l->message, false);

    if (n == STS_OK) {
        do {
            n = sts_reader_read(&reader, buf, sizeof buf);
        } while (n > 0);
    }
    if (n < 0) {
        return letter_refused(&reader, n);
    }
    l->facts = reader.facts;
    if (l->facts.folded) {
        say("lines of the message over 998 octets are folded (RFC 5321 4.5.3.1.6)");
    }
    return 0;
}

static int letter_make(struct letter *l, const struct options *o, const struct recipients *r,
                       const char *hostname)
{
    struct sts_time now;
    int status;

    time_now(&now);
    l->dated = now.trust != STS_CLOCK_UNSET;
    l->message.date_s = now.utc_s > 0 ? now.utc_s : 1; /* an unset clock defers, says the mailer */
    letter_id(l, hostname, &now);
    status = letter_sender(l, o, hostname);
    if (status != 0) {
        return status;
    }
    if (o->given != NULL) {
        l->message.raw = o->given;
        return letter_check(l);
    }
    status = o->subject != NULL || o->body != NULL || o->to != NULL ? letter_compose(l, o, r)
                                                                    : letter_spool(l);
    return status != 0 ? status : letter_check(l);
}

/* ---- delivery -------------------------------------------------------------------------------- */

/* The recipients of one domain, from the first that was not in any yet. */
static void take_domain(struct outcome *out, const struct recipients *r, bool *taken, size_t first)
{
    size_t count = 0;

    outcome_start(out, domain_of(r->addresses[first]));
    for (size_t i = first; i < r->count; i++) {
        count += strcmp(domain_of(r->addresses[i]), out->domain) == 0;
    }
    out->recipients = keep(count * sizeof *out->recipients);
    for (size_t i = first; i < r->count; i++) {
        if (!taken[i] && strcmp(domain_of(r->addresses[i]), out->domain) == 0) {
            taken[i] = true;
            out->recipients[out->count++].address = r->addresses[i];
        }
    }
}

static void deliver(struct outcome *out, const struct letter *l)
{
    struct sts_mail mail = {.sender = l->sender,
                            .recipients = out->recipients,
                            .count = out->count,
                            .message = &l->message};
    struct sts_time now;

    time_now(&now);
    out->error = sts_mailer_send(&mailer, &mail, &now);
    if (out->error == STS_OK) {
        out->error = mailer_run();
        return;
    }
    for (size_t i = 0; i < out->count; i++) {
        out->recipients[i].error = out->error;
    }
}

/* What is left of a domain that was put off goes into the queue. */
static void keep_rest(const struct options *o, struct outcome *out, const struct letter *l)
{
    struct sts_message message = l->message;
    struct sts_queue_mail mail = {.sender = l->sender,
                                  .message = &message,
                                  .tried = true,
                                  .flags = o->notify ? QUEUE_NOTIFY : 0};

    message.date_s =
        l->dated ? message.date_s : 0; /* the Date field is written when the time is known (C11) */
    if (o->queue && verdict_of_all(out) == DEFERRED) {
        queue_keep(o, out, &mail);
    }
}

/* What the exit status says of a domain: what waits in the queue is not put off, it is taken. */
static enum verdict told(const struct outcome *out)
{
    enum verdict worst = verdict_of_all(out);

    if (worst == DEFERRED && out->queued[0] != '\0') {
        worst = DELIVERED;
        for (size_t i = 0; i < out->count; i++) {
            worst = verdict_of(&out->recipients[i]) == FAILED ? FAILED : worst;
        }
    }
    return worst;
}

/* A program that calls sendmail reads what went wrong, if anything. */
static void tell(const struct options *o, const struct outcome *out)
{
    if (!o->quiet) {
        print_outcome(out, o->json);
        return;
    }
    for (size_t i = 0; i < out->count; i++) {
        const struct sts_recipient *r = &out->recipients[i];

        if (verdict_of(r) == FAILED || (verdict_of(r) == DEFERRED && out->queued[0] == '\0')) {
            say("%s: %s%s", shown(r->address),
                verdict_of(r) == FAILED ? "failed for good: " : "not sent, not kept: ",
                r->reply[0] != '\0' ? r->reply : sts_err_text(r->error));
        }
    }
}

static int deliver_all(const struct options *o, const struct recipients *r, const struct letter *l,
                       struct outcome *out)
{
    static const int statuses[] = {
        [DELIVERED] = 0, [FAILED] = EX_UNAVAILABLE, [DEFERRED] = EX_TEMPFAIL};
    bool *taken = keep(r->count * sizeof *taken);
    enum verdict worst = DELIVERED, verdict;

    for (size_t i = 0; i < r->count; i++) {
        if (!taken[i]) {
            take_domain(out, r, taken, i);
            deliver(out, l);
            keep_rest(o, out, l);
            verdict = told(out);
            worst = verdict > worst ? verdict : worst;
            tell(o, out);
        }
    }
    return statuses[worst];
}

int send_command(struct options *o)
{
    static struct letter letter;
    static struct outcome outcome;
    static struct sts_mailer_config config;
    struct recipients recipients = {0};
    int status = recipients_read(o, &recipients);

    if (status != 0) {
        return status;
    }
    config.ctx = &outcome;
    config.on_attempt = outcome_attempt;
    config.on_decision = outcome_decision;
    config.hostname = setup_hostname(o);
    if (config.hostname == NULL) {
        return EX_USAGE;
    }
    status = letter_make(&letter, o, &recipients, config.hostname);
    status = status != 0 ? status : setup_mailer(o, &config);
    return status != 0 ? status : deliver_all(o, &recipients, &letter, &outcome);
}
