/* SPDX-License-Identifier: MIT
 *
 * `stsmail queue`, and keeping what `send --queue` could not deliver. One entry a domain; beside the floor the
 * provisioned policy of that domain goes with it, as the file that it was.
 */
#include "cli.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <stsmail/engine/text.h>
#include <stsmail/posix.h>

static struct sts_queue queue;

/* ---- the policy that goes with a message ------------------------------------------------------- */

struct policy_text {
    const struct sts_policy *policy;
    uint32_t next;
    size_t at, len;
    char buf[400];
};

static int policy_rewind(void *ctx)
{
    struct policy_text *t = ctx;

    t->next = 0;
    t->at = t->len = 0;
    return STS_OK;
}

static int32_t policy_bytes(void *ctx, void *buf, size_t size)
{
    struct policy_text *t = ctx;

    if (t->at == t->len) {
        t->len = sts_policy_write(t->policy, &t->next, t->buf, sizeof t->buf);
        t->at = 0;
    }
    size = size < t->len - t->at ? size : t->len - t->at;
    memcpy(buf, t->buf + t->at, size);
    t->at += size;
    return (int32_t)size;
}

/* STS_OK: *policy holds what was kept with the message; STS_ERR_ABSENT: nothing was. */
static int policy_kept(const struct sts_source *extra, struct sts_policy *policy)
{
    struct sts_policy_parser parser;
    int error = extra->rewind(extra->ctx);
    bool any = false;
    char buf[512];
    int32_t n;

    sts_policy_start(&parser, policy);
    while (error == STS_OK && (n = extra->read(extra->ctx, buf, sizeof buf)) != 0) {
        any = true;
        error = n < 0 ? STS_ERR_IO : sts_policy_feed(&parser, buf, (size_t)n);
    }
    return error != STS_OK ? error : any ? sts_policy_end(&parser) : STS_ERR_ABSENT;
}

/* ---- keeping ----------------------------------------------------------------------------------- */

static int queue_start(struct options *o, struct sts_queue_config *config)
{
    int error;

    config->mailer = mailer.config != NULL ? &mailer : NULL; /* listing needs none */
    config->store = setup_store(o);
    if (config->store == NULL) {
        return EX_IOERR;
    }
    config->message_store = setup_message_store(o);
    config->random = &sts_posix_random;
    config->log = setup_log(o);
    error = sts_queue_init(&queue, config);
    if (error != STS_OK) {
        say("the queue cannot be read: %s (--state)", sts_err_text(error));
        return EX_IOERR;
    }
    return 0;
}

static bool queue_ready(struct options *o)
{
    static struct sts_queue_config config;
    static int status = -1;

    if (status < 0) {
        status = queue_start(o, &config);
    }
    return status == 0;
}

/* At most this many go into one entry; those of a larger message go into several. */
#define CHUNK (STS_QUEUE_RECIPIENTS / 2)

/* The next of the recipients that were put off, from *next on. */
static size_t chunk_of(const struct outcome *out, size_t *next, struct sts_recipient *chunk)
{
    size_t count = 0;

    for (; *next < out->count && count < CHUNK; (*next)++) {
        if (verdict_of(&out->recipients[*next]) == DEFERRED) {
            chunk[count++] = out->recipients[*next];
        }
    }
    return count;
}

/* Mail in a queue that nobody runs is not lost, and not on its way either: whoever sent it has to know. */
static void say_where(const struct options *o)
{
    if (state_is_apart(o->state)) {
        say("the message waits in %s, where the service does not look: run `stsmail queue run` as "
            "this "
            "user, or join the group stsmail",
            shown(state_directory(o->state)));
    }
}

static const char *why_not_kept(int error)
{
    return error == STS_ERR_SPACE ? "the queue, or the disk, is full" : sts_err_text(error);
}

void queue_keep(const struct options *given, struct outcome *out, struct sts_queue_mail *mail)
{
    static struct sts_recipient chunk[CHUNK];
    struct options *o = keep(sizeof *o);
    struct policy_text text = {.policy = setup_policy(given, out->domain)};
    const struct sts_source extra = {&text, policy_rewind, policy_bytes};
    char id[STS_QUEUE_ID_SIZE];
    struct sts_time now;
    struct taken {
        struct taken *before;
        char id[STS_QUEUE_ID_SIZE];
    } *taken = NULL, *t;
    size_t next = 0;
    int error = STS_ERR_IO;

    *o = *given;
    mail->recipients = chunk;
    mail->floor = setup_floor(o, out->domain);
    mail->extra = text.policy != NULL ? &extra : NULL;
    if (!queue_ready(o)) {
        return; /* which was said */
    }
    while ((mail->count = chunk_of(out, &next, chunk)) > 0) {
        time_now(&now);
        error = sts_queue_add(&queue, mail, &now, id);
        if (error != STS_OK) {
            say("%s: the message cannot be kept: %s; it is not in the queue", out->domain,
                why_not_kept(error));
            out->queued[0] = '\0';
            for (; taken != NULL; taken = taken->before) {
                (void)sts_queue_drop(&queue,
                                     taken->id); /* all or nothing: the caller comes again */
            }
            return;
        }
        t = keep(sizeof *t);
        t->before = taken;
        strcpy(t->id, id);
        taken = t;
        if (out->queued[0] == '\0') {
            strcpy(out->queued, id);
            say_where(o);
        }
    }
}

/* ---- list -------------------------------------------------------------------------------------- */

/* A copy of an entry, so that all of them can be put in order. */
struct listed {
    struct listed *next;
    struct sts_queue_entry entry;
};

static bool list_add(void *arg, const struct sts_queue_entry *entry)
{
    struct listed **at = arg, *l = keep(sizeof *l);
    struct sts_recipient *recipients = keep((entry->count + 1) * sizeof *recipients);

    while (*at != NULL && strcmp((*at)->entry.id, entry->id) < 0) {
        at = &(*at)->next;
    }
    l->entry = *entry;
    l->entry.sender = keep_text(entry->sender, strlen(entry->sender));
    l->entry.count = 0;
    for (size_t i = 0; i < entry->count; i++) {
        const struct sts_recipient *r = &entry->recipients[i];

        if (r->error != STS_OK) { /* who has it does not wait */
            recipients[l->entry.count] = *r;
            recipients[l->entry.count++].address = keep_text(r->address, strlen(r->address));
        }
    }
    l->entry.recipients = recipients;
    l->next = *at;
    *at = l;
    return true;
}

static const char *reason_of(const struct sts_queue_entry *e)
{
    const char *name = sts_err_name(e->error);

    return e->error == STS_OK ? NULL : name != NULL ? name : "internal";
}

/* The first reply that stands for why. */
static const char *reply_of(const struct sts_queue_entry *e)
{
    for (size_t i = 0; i < e->count; i++) {
        if (e->recipients[i].error != STS_OK && e->recipients[i].reply[0] != '\0') {
            return e->recipients[i].reply;
        }
    }
    return NULL;
}

static void entry_json(const struct sts_queue_entry *e)
{
    json_open(NULL, '{');
    json_text("id", e->id);
    json_text("from", e->sender);
    json_open("recipients", '[');
    for (size_t i = 0; i < e->count; i++) {
        json_text(NULL, e->recipients[i].address);
    }
    json_close(']');
    json_number("size", e->size);
    json_number("queued_at", e->queued_at);
    json_text("state", e->state == STS_QUEUE_FAILED ? "failed" : "waiting");
    json_number("tries", e->tries);
    if (e->state == STS_QUEUE_FAILED) {
        json_null("next_try_at");
    } else {
        json_number("next_try_at", e->next_try_at);
    }
    json_text("reason", reason_of(e));
    json_text("reply", reply_of(e));
    json_close('}');
    json_line();
}

static const char *when(int64_t seconds)
{
    static char text[32];
    time_t t = (time_t)seconds;
    struct tm tm;

    if (seconds <= 0 || gmtime_r(&t, &tm) == NULL) {
        return "now";
    }
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    return text;
}

static void entry_words(const struct sts_queue_entry *e)
{
    bool failed = e->state == STS_QUEUE_FAILED;
    const char *reply = reply_of(e);

    printf("%-16s  %-19s  %5u  %8lu  %s\n", e->id,
           failed ? "failed for good" : when(e->next_try_at), e->tries, (unsigned long)e->size,
           e->sender[0] != '\0' ? shown(e->sender) : "<>");
    for (size_t i = 0; i < e->count; i++) {
        printf("%18sto %s\n", "", shown(e->recipients[i].address));
    }
    if (e->error != STS_OK) {
        printf("%18s%s%s%s%s\n", "", sts_err_text(e->error), reply != NULL ? " (" : "",
               reply != NULL ? reply : "", reply != NULL ? ")" : "");
    }
}

/* As they were at the last look. */
static void say_newer(void)
{
    if (queue.newer > 0) {
        say("the queue holds more that only a newer version can read: %lu",
            (unsigned long)queue.newer);
    }
}

static int list(struct options *o)
{
    struct listed *first = NULL;
    int error = sts_queue_list(&queue, list_add, &first);

    if (!o->json && first != NULL) {
        printf("%-16s  %-19s  %5s  %8s  %s\n", "ID", "NEXT TRY (UTC)", "TRIES", "OCTETS", "FROM");
    }
    for (const struct listed *l = first; l != NULL; l = l->next) {
        if (o->json) {
            entry_json(&l->entry);
        } else {
            entry_words(&l->entry);
        }
    }
    say_newer();
    if (error != STS_OK) {
        say("the queue cannot be read to its end (--state)");
    }
    return error != STS_OK ? EX_IOERR : 0;
}

/* ---- drop -------------------------------------------------------------------------------------- */

static int drop(const char *id)
{
    int error = sts_queue_drop(&queue, id);

    if (error == STS_ERR_ABSENT || error == STS_ERR_ARG) {
        say("there is no message %s in the queue", shown(id));
        return EX_DATAERR;
    }
    if (error == STS_BUSY) {
        say("%s is being sent; it stays", shown(id));
        return EX_TEMPFAIL;
    }
    if (error != STS_OK) {
        say("%s cannot be dropped: the state directory cannot be written", shown(id));
        return EX_IOERR;
    }
    return 0;
}

/* ---- run --------------------------------------------------------------------------------------- */

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

/* One run: what is being sent, and what came of all. */
static struct run {
    struct options *o;
    const struct sts_mailer_config *config;
    struct outcome out;
    char domain[STS_NAME_SIZE];
    struct sts_policy policy;
    struct sts_provisioned provisioned;
    const struct sts_recipient *tried; /* those of the try under way; NULL: it has not begun */
    size_t tried_count;
    size_t failed;
} run;

static const char *domain_of(const char *address)
{
    return strrchr(address, '@') + 1;
}

/* The policy that was kept with the message holds as it did then; the options can add one for a domain that had
 * none. */
static int on_send(void *ctx, const struct sts_queue_entry *entry, const struct sts_source *extra,
                   struct sts_mail *mail)
{
    int error = extra != NULL ? policy_kept(extra, &run.policy) : STS_ERR_ABSENT;

    (void)ctx, (void)entry;
    snprintf(run.domain, sizeof run.domain, "%s", domain_of(mail->recipients[0].address));
    outcome_start(&run.out, run.domain);
    run.tried = mail->recipients;
    run.tried_count = mail->count;
    if (error == STS_OK) {
        run.provisioned = (struct sts_provisioned){run.domain, &run.policy};
        mail->provisioned = &run.provisioned;
        mail->provisioned_count = 1;
    }
    return error == STS_ERR_ABSENT ? STS_OK : error;
}

static void on_outcome(void *ctx, const struct sts_queue_entry *entry, const char *domain,
                       int error)
{
    static struct sts_recipient of_try[STS_QUEUE_RECIPIENTS];
    struct outcome *out = &run.out;

    (void)ctx;
    if (run.tried == NULL) { /* it could not even be begun: the message is gone */
        outcome_start(out, domain);
        run.tried = entry->recipients;
        run.tried_count = entry->count;
    }
    out->domain = domain;
    out->error = error;
    out->recipients = of_try;
    out->count = run.tried_count;
    memcpy(of_try, run.tried, run.tried_count * sizeof *of_try);
    run.tried = NULL;
    if (verdict_of_all(out) == DEFERRED) {
        strcpy(out->queued, entry->id);
    }
    run.failed += entry->state == STS_QUEUE_FAILED;
    print_outcome(out, run.o->json);
    if (entry->state == STS_QUEUE_FAILED && (entry->flags & QUEUE_NOTIFY) != 0) {
        notice_note(entry);
    }
}

static bool count_waiting(void *arg, const struct sts_queue_entry *entry)
{
    *(size_t *)arg += entry->state == STS_QUEUE_WAITING;
    return true;
}

#define SOON_MS 1500 /* what is due so soon belongs to this run */

/* Until nothing is due, or somebody stops it. */
static int run_once(const char *hostname)
{
    struct sts_time now;
    bool more = true;
    int error = STS_OK;

    while (more && !stopped) {
        time_now(&now);
        error = sts_queue_poll(&queue, &now);
        notice_send(&queue, hostname);
        time_now(&now);
        more = error == STS_BUSY || (error == STS_OK && sts_queue_due_ms(&queue, &now) < SOON_MS);
        if (more && !stopped) {
            sts_queue_wait(&queue, &now, 1000);
        }
    }
    return error;
}

/* A signal ends it, also one that comes just before: until the wait has begun it is held back. */
static void sleep_for(uint32_t ms)
{
    const struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    sigset_t ends, before;

    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, &before);
    if (!stopped) {
        ppoll(NULL, 0, &left, &before);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
}

#define REFRESHES                                                                                  \
    16 /* at most so many in a row: a store that keeps nothing would have one due for ever */

/* Policies are fetched again ahead of their end, also where nobody sends for weeks. */
static void refresh_due(void)
{
    char domain[STS_NAME_SIZE];
    struct sts_time now;

    for (int n = 0; n < REFRESHES && !stopped; n++) {
        time_now(&now);
        if (sts_mailer_refresh_due(&mailer, &now, domain) != STS_OK) {
            return;
        }
        outcome_start(&run.out, domain);
        if (sts_mailer_refresh(&mailer, domain, &now) == STS_OK) {
            (void)mailer_run();
        }
    }
}

/* Alerts never wait for reports. */
static bool alert_due(void)
{
    struct sts_time now;

    time_now(&now);
    return stopped || sts_queue_due_ms(&queue, &now) == 0;
}

/* One report, when no alert is due; between two of them the queue has its turn. Whether there was one. */
static bool reports_due(void)
{
    outcome_start(&run.out, "");
    return !stopped && report_send(run.config, alert_due);
}

/* Others may add messages at any time: they are seen each `every_s`, and our own when they are due. */
static int run_on(uint32_t every_s, const char *hostname)
{
    struct sts_time now;
    uint32_t due, every_ms = every_s * 1000u;
    bool more;
    int error = STS_OK;

    while (!stopped) {
        error = run_once(hostname);
        refresh_due();
        fflush(stdout);
        more = reports_due();
        time_now(&now);
        due = more ? 0 : sts_queue_due_ms(&queue, &now);
        sleep_for(error != STS_OK || due > every_ms ? every_ms : due + 1);
        sts_queue_rescan(&queue);
    }
    return error;
}

static int run_result(int error)
{
    size_t waiting = 0;

    if (error != STS_OK && error != STS_BUSY) {
        say("the queue cannot be read or written (--state)");
        return EX_IOERR;
    }
    if (sts_queue_list(&queue, count_waiting, &waiting) != STS_OK) {
        say("the queue cannot be read to its end (--state)");
        return EX_IOERR;
    }
    say_newer();
    return waiting > 0 || queue.newer > 0 ? EX_TEMPFAIL : run.failed > 0 ? EX_UNAVAILABLE : 0;
}

static int run_command(struct options *o)
{
    static struct sts_mailer_config config;
    static struct sts_queue_config queue_config;
    const struct sigaction action = {.sa_handler = stop};
    struct sts_time now;
    int status, error;

    config.ctx = &run.out;
    config.on_attempt = outcome_attempt;
    config.on_decision = outcome_decision;
    config.hostname = setup_hostname(o);
    if (config.hostname == NULL) {
        return EX_USAGE;
    }
    run.o = o;
    run.config = &config;
    queue_config.on_outcome = on_outcome;
    queue_config.on_send = on_send;
    queue_config.spread_s = 1; /* one machine with people at it: it tries what is due */
    status = setup_mailer(o, &config);
    status = status != 0 ? status : queue_start(o, &queue_config);
    if (status != 0) {
        return status;
    }
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (!o->due && o->every_s == 0) {
        sts_queue_flush(&queue);
    }
    if (o->every_s > 0) {
        error = run_on(o->every_s, config.hostname);
    } else {
        do {
            error = run_once(config.hostname);
        } while (error == STS_OK && reports_due());
    }
    time_now(&now);
    sts_queue_stop(&queue, &now);
    notice_send(&queue, config.hostname);
    sts_queue_stop(&queue, &now); /* what failed with that was heard */
    return run_result(error);
}

/* ---- which of them ------------------------------------------------------------------------------- */

static int refused(const char *why)
{
    say("%s: stsmail queue [list|run|drop ID]", why);
    return EX_USAGE;
}

int queue_command(struct options *o)
{
    const char *what = o->args_count > 0 ? o->args[0] : "list";
    bool dropping = strcmp(what, "drop") == 0, running = strcmp(what, "run") == 0;

    if (!dropping && !running && strcmp(what, "list") != 0) {
        return refused("there is no such queue command");
    }
    if (o->args_count > (dropping ? 2u : 1u) || (dropping && o->args_count != 2)) {
        return refused(dropping ? "drop takes one ID" : "this is one argument too many");
    }
    if (!running && o->run_given) { /* in the configuration file they are for another call */
        return refused("--due and --every are for run");
    }
    if (running && o->due && o->every_s > 0) {
        return refused("--every tries what is due anyway, without --due");
    }
    if (running) {
        return run_command(o);
    }
    if (!queue_ready(o)) {
        return EX_IOERR;
    }
    return dropping ? drop(o->args[1]) : list(o);
}
