/* SPDX-License-Identifier: MIT
 *
 * The demonstration: one alert, as the arguments say, and then the end. A product keeps the middle of it: the network
 * loop is poll and wait in turn.
 */
#include "board.h"

#include <string.h>

#include <stsmail/engine/text.h>

struct args args;
static struct sts_wolfssl wolf;
static struct sts_mailer mailer;
static struct sts_recipient recipients[ARGS_RECIPIENTS];
static struct effort effort;
static const struct sts_store *store; /* NULL: nothing outlives a reset */

/* ---- the watchdog ----------------------------------------------------------------------------- */

/* Here it only measures. */
void board_alive(void *ctx)
{
    uint32_t now = clock_us(), gap = now - effort.last_us;

    (void)ctx;
    if (gap > effort.gap_us &&
        gap <= INT32_MAX) { /* QEMU on a busy machine loses ticks: back in time */
        effort.gap_us = gap;
    }
    effort.last_us = now;
    effort.alive++;
}

/* ---- what can be wrong before anything is sent ------------------------------------------------ */

static int read_arguments(void)
{
    static char line[BOARD_LINE];
    const char *wrong;

    if (!semihost_arguments(line, sizeof line)) {
        return refuse(EX_USAGE, "no arguments, or too long a line of them", "");
    }
    wrong = args_read(&args, line);
    if (wrong != NULL) {
        return refuse(EX_USAGE, "argument not understood: ", wrong);
    }
    if (args.hostname == NULL || !args.addressed ||
        (!WANTS_RUN && (args.to_count == 0 || args.from == NULL))) {
        return refuse(EX_USAGE, "needs RECIPIENT, --from, --hostname, and --ip or --ip6", "");
    }
    return 0;
}

static int start_tls(void)
{
    int error = sts_wolfssl_init(&wolf, tls_pool, tls_pool_size, &board_random);

    if (error == STS_ERR_ARG) {
        say_number("the TLS pool is too small to begin with; bytes missing: ",
                   STS_WOLFSSL_POOL_LEAST - (uint32_t)tls_pool_size, "");
        return STS_ERR_MEMORY;
    }
    if (error != STS_OK) {
        return refuse(error, "TLS cannot start: ", sts_err_text(error));
    }
    wolf.alive = board_alive;
    if (sts_wolfssl_trust_table(&wolf, roots_table, (size_t)(roots_table_end - roots_table)) < 1) {
        return refuse(STS_ERR_CONFIG,
                      "the image holds 0 trust anchors, and 1 is needed: build it with CA=FILE",
                      "");
    }
    return STS_OK;
}

/* ---- delivery -------------------------------------------------------------------------------- */

static const char *domain_of(const char *address)
{
    const char *at = strrchr(address, '@');

    return at != NULL ? at + 1 : address;
}

static int poll_once(const struct sts_time *now)
{
    uint32_t start = clock_us(), took;
    int result;

    board_alive(NULL);
    result = sts_mailer_poll(&mailer, now);
    board_alive(NULL);
    took = clock_us() - start;
    effort.polls++;
    effort.all_us += took;
    effort.longest_us = took > effort.longest_us ? took : effort.longest_us;
    return result;
}

static int run(void)
{
    struct sts_time now;
    int result;

    for (;;) {
        clock_now(&now);
        result = poll_once(&now);
        if (result != STS_BUSY) {
            return result;
        }
        clock_now(&now);
        sts_mailer_wait(&mailer, &now, 1000);
    }
}

/* "NUMBER@HOSTNAME", the same for every try. */
static const char *message_id(void)
{
    static char text[STS_NAME_SIZE + 24];
    struct sts_out out;

    sts_out_start(&out, text, sizeof text);
    sts_out_number(&out, board_rand32());
    sts_out_char(&out, '.');
    sts_out_number(&out, board_rand32());
    sts_out_char(&out, '@');
    sts_out_text(&out, args.hostname);
    return sts_out_end(&out);
}

/* The recipients of the first one's domain; the others are left for the next call. */
static size_t take_domain(size_t from)
{
    const char *domain = domain_of(args.to[from]);
    size_t count = 0;

    memset(recipients, 0, sizeof recipients);
    for (size_t i = from; i < args.to_count; i++) {
        if (args.to[i] != NULL && sts_same_text(domain_of(args.to[i]), domain)) {
            recipients[count++].address = args.to[i];
            args.to[i] = NULL;
        }
    }
    return count;
}

/* One domain. With an error from before, everything is kept for later by that reason. */
static int deliver(size_t from, const struct sts_message *message, int error)
{
    struct sts_mail mail = {.sender = args.from, .recipients = recipients, .message = message};
    struct sts_time now;

    mail.count = take_domain(from);
    report_begin(domain_of(recipients[0].address));
    clock_now(&now);
    error = error != STS_OK ? error : sts_mailer_send(&mailer, &mail, &now);
    if (error == STS_OK) {
        error = run();
    } else {
        for (size_t i = 0; i < mail.count; i++) {
            recipients[i].error = error;
        }
    }
    return report_end(recipients, mail.count, error, NULL);
}

/* All of them; the worst: deferred before failed before delivered, which is the order of the statuses. */
static int deliver_each(const struct sts_message *message, int error)
{
    int worst = 0;

    for (size_t i = 0; i < args.to_count; i++) {
        int status = args.to[i] != NULL ? deliver(i, message, error) : 0;

        worst = status > worst ? status : worst;
    }
    return worst;
}

/* ---- a whole message, from a file of the host --------------------------------------------------- */

static int message_rewind(void *ctx)
{
    return semihost_rewind(*(const uint32_t *)ctx) ? STS_OK : STS_ERR_IO;
}

static int32_t message_read(void *ctx, void *buf, size_t size)
{
    return (int32_t)semihost_get(*(const uint32_t *)ctx, buf, size);
}

static bool message_open(struct sts_message *message)
{
    static uint32_t handle;
    static const struct sts_source source = {&handle, message_rewind, message_read};

    message->raw = &source;
    return semihost_open(args.message, &handle);
}

static int exit_status(int error)
{
    switch (error) {
    case STS_ERR_DNS:
    case STS_ERR_NAME:
    case STS_ERR_CONFIG: return EX_CONFIG;
    case STS_ERR_SYNTAX: return EX_DATAERR;
    default: return EX_TEMPFAIL;
    }
}

/* The message that the arguments make. 0, or the exit status. */
static int compose(struct sts_message *message)
{
    static const char *to[ARGS_RECIPIENTS];
    struct sts_time now;

    clock_now(&now);
    memcpy(to, args.to, sizeof to);
    *message = (struct sts_message){.from = args.from, .subject = args.subject, .body = args.body};
    message->to = args.to_header != NULL ? &args.to_header : to;
    message->to_count = args.to_header != NULL ? 1 : args.to_count;
    message->date_s = now.utc_s > 0 ? now.utc_s : 1; /* an unset clock defers, says the mailer */
    message->message_id = message_id();
    if (args.message != NULL && !message_open(message)) {
        return refuse(EX_IOERR, "the message cannot be read: ", args.message);
    }
    return 0;
}

static int deliver_all(void)
{
    struct sts_message message;
    int status = compose(&message);

    return status != 0 ? status : deliver_each(&message, STS_OK);
}

#if BOARD_STORE
/* The alert is safe first, and then on its way. `error`: why nothing can be sent in this run. Where it cannot be kept it is
 * sent from RAM, which was said. */
static int queue_main(int error)
{
    struct sts_message message;
    bool kept = false;
    int status = queue_start(store, error == STS_OK ? &mailer : NULL);

    if (status == STS_OK && args.queue) {
        status = compose(&message);
        kept = status == 0 && queue_add(&message) == STS_OK;
    }
    if (error != STS_OK) {
        return kept ? 0 : exit_status(error);
    }
    network_time();
    if (args.queue && !kept) {
        return deliver_all();
    }
    status = status == STS_OK ? queue_run() : EX_IOERR;
    return kept && status == EX_TEMPFAIL ? 0 : status;
}
#else
static int queue_main(int error)
{
    return exit_status(error);
}
#endif

/* What a pool of another size would have needed. */
static void tell_shortage(void)
{
    if (wolf.pool.missing > 0) {
        say_number("the TLS pool is too small for a peer; bytes missing, at least: ",
                   (uint32_t)wolf.pool.missing, " (BOARD_POOL)");
    }
}

#if STS_LOG
static void log_line(void *ctx, int kind, const char *text, size_t len)
{
    char line[2 + 256 + 2];

    (void)ctx;
    if (!args.verbose || len > 256) {
        return;
    }
    line[0] = (char)kind;
    line[1] = ' ';
    memcpy(line + 2, text, len);
    line[2 + len] = '\n';
    line[3 + len] = '\0';
    semihost_say(line);
}
static const struct sts_log log_on_console = {NULL, log_line};
#define BOARD_LOG &log_on_console
#else
#define BOARD_LOG NULL
#endif

/* The second source that a time from SNTP wants. */
static void confirm_date(void *ctx, int64_t utc_s)
{
    (void)ctx;
    sts_clock_confirm(&calendar, utc_s, clock_ms());
}

static int start_mailer(void)
{
    static struct sts_mailer_config config = {
        .random = &board_random,
        .on_attempt = report_attempt,
        .on_decision = report_decision,
        .on_date = confirm_date,
    };
    int error = dkim_use(&wolf, &config);

    error = error != STS_OK ? error : policies_read(&config);
#if BOARD_TLSRPT
    error = error != STS_OK ? error : reports_start(&mailer, &config);
#endif
    if (error != STS_OK) {
        return error;
    }

    config.store = store;
    config.net = network_functions();
    config.tls = &wolf.tls;
    config.log = BOARD_LOG;
    config.hostname = args.hostname;
    config.dns = args.dns;
    config.dns_count = args.dns_count;
    config.floor = args.floor;
    config.floors = args.floors;
    config.floors_count = args.floors_count;
    config.timeout_s = args.timeout_s;
    config.smtp_port = (uint16_t)args.smtp_port;
    config.https_port = (uint16_t)args.https_port;
    error = sts_mailer_init(&mailer, &config);
    return error == STS_OK ? STS_OK : refuse(error, sts_err_text(error), "");
}

/* STS_OK, or the reason why all mail is kept for later; what is wrong was said. */
static int start(void)
{
    int error = dkim_read();

    error = error != STS_OK ? error : network_start();
    error = error != STS_OK ? error : start_tls();
    return error != STS_OK ? error : start_mailer();
}

int main(void)
{
    int status, error;

    board_init();
    clock_init();
    status = read_arguments();
    if (status != 0) {
        return status;
    }
    store = store_start();
    clock_remember(store);
    if (args.now >= 0) {
        clock_set(args.now);
    }
    error = start();
    if (error != STS_OK && !WANTS_QUEUE) {
        (void)deliver_each(NULL, error);
        return exit_status(error);
    }
    if (WANTS_QUEUE) {
        status = queue_main(error);
    } else {
        network_time();
        status = deliver_all();
    }
    (void)sts_clock_save(&calendar);
    network_linger();
    tell_shortage();
    reports_tell();
    report_effort(&wolf, &effort);
    return status;
}
