/* SPDX-License-Identifier: MIT
 *
 * The demonstration: one alert, as the arguments say, and then the end. A product keeps the middle of it: the network
 * loop is poll and wait in turn.
 */
#include "board.h"

#include <string.h>

#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/timeouts.h>
#include <netif/ethernet.h>

#include <stsmail/engine/text.h>
#include <stsmail/lwip_raw.h>

enum {
    EX_USAGE = 64,
    EX_IOERR = 74,
    EX_TEMPFAIL = 75,
    EX_CONFIG = 78,
};

static struct args args;
static struct netif netif;
static struct sts_lwip_raw raw;
static struct sts_net net;
static struct sts_wolfssl wolf;
static struct sts_mailer mailer;
static struct sts_recipient recipients[ARGS_RECIPIENTS];
static _Alignas(16) uint8_t pool[BOARD_POOL];

/* ---- what can be wrong before anything is sent ------------------------------------------------ */

static int refuse(int status, const char *what, const char *why)
{
    put_text("stsmail: ");
    put_text(what);
    put_text(why);
    put_text("\n");
    return status;
}

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
    if (args.to_count == 0 || args.from == NULL || args.hostname == NULL || args.ip.family == 0) {
        return refuse(EX_USAGE, "needs RECIPIENT, --from, --hostname and --ip ADDR/PREFIX", "");
    }
    if (args.dns_count == 0) {
        return refuse(EX_CONFIG, "no DNS server: give one with --dns ADDR", "");
    }
    if (args.now >= 0) {
        clock_set(args.now);
    }
    return 0;
}

static void to_lwip(const struct sts_ip *ip, ip4_addr_t *out)
{
    memcpy(&out->addr, ip->bytes, 4);
}

static int start_network(void)
{
    ip4_addr_t ip, mask, gateway;

    if (args.ip.family != 4 || (args.gateway.family != 4 && args.gateway.family != 0)) {
        return refuse(EX_CONFIG, "--ip, --gateway: this image speaks IPv4", "");
    }
    to_lwip(&args.ip, &ip);
    to_lwip(&args.gateway, &gateway);
    mask.addr = lwip_htonl(UINT32_MAX << (32u - args.prefix));
    lwip_init();
    if (netif_add(&netif, &ip, &mask, &gateway, NULL, board_netif_init, ethernet_input) == NULL) {
        return refuse(EX_TEMPFAIL, "the network interface does not start", "");
    }
    netif_set_default(&netif);
    netif_set_up(&netif);
    return 0;
}

/* One turn of the network loop: one frame, or a nap of at most a millisecond. */
static void network_turn(void *ctx, uint32_t max_ms)
{
    if (!board_netif_poll(ctx) && max_ms > 0) {
        clock_sleep();
    }
}

static int start_tls(void)
{
    int error = sts_wolfssl_init(&wolf, pool, sizeof pool, &board_random);

    if (error != STS_OK) {
        return refuse(EX_TEMPFAIL, "TLS cannot start: ", sts_err_text(error));
    }
    if (sts_wolfssl_trust_pem(&wolf, roots_pem, (size_t)(roots_pem_end - roots_pem)) < 1) {
        return refuse(EX_CONFIG, "the image holds no trust anchor: build it with CA=FILE", "");
    }
    return 0;
}

/* ---- delivery -------------------------------------------------------------------------------- */

static const char *domain_of(const char *address)
{
    const char *at = strrchr(address, '@');

    return at != NULL ? at + 1 : address;
}

static struct effort effort;

static int poll_once(const struct sts_time *now)
{
    uint32_t start = clock_us();
    int result = sts_mailer_poll(&mailer, now);
    uint32_t took = clock_us() - start;

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

static int deliver(size_t from, struct sts_message *message)
{
    struct sts_mail mail = {.sender = args.from, .recipients = recipients, .message = message};
    struct sts_time now;
    int error;

    mail.count = take_domain(from);
    report_begin(domain_of(recipients[0].address));
    clock_now(&now);
    error = sts_mailer_send(&mailer, &mail, &now);
    if (error == STS_OK) {
        error = run();
    } else {
        for (size_t i = 0; i < mail.count; i++) {
            recipients[i].error = error;
        }
    }
    return report_end(recipients, mail.count, error);
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

/* The worst of the domains: deferred before failed before delivered, which is the order of the statuses. */
static int deliver_all(void)
{
    struct sts_message message = {.from = args.from, .subject = args.subject, .body = args.body};
    const char *to[ARGS_RECIPIENTS];
    struct sts_time now;
    int worst = 0;

    clock_now(&now);
    memcpy(to, args.to, sizeof to);
    message.to = to;
    message.to_count = args.to_count;
    message.date_s = now.utc_s > 0 ? now.utc_s : 1; /* an unset clock defers, says the mailer */
    message.message_id = message_id();
    if (args.message != NULL && !message_open(&message)) {
        return refuse(EX_IOERR, "the message cannot be read: ", args.message);
    }
    for (size_t i = 0; i < args.to_count; i++) {
        int status = args.to[i] != NULL ? deliver(i, &message) : 0;

        worst = status > worst ? status : worst;
    }
    return worst;
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

static int start_mailer(void)
{
    static struct sts_mailer_config config = {
        .net = &net,
        .random = &board_random,
        .on_attempt = report_attempt,
        .on_decision = report_decision,
    };
    int error;

    sts_lwip_raw_init(&raw, &board_random, network_turn, &netif, &net);
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
    return error == STS_OK ? 0 : refuse(EX_CONFIG, sts_err_text(error), "");
}

/* What was sent last (QUIT, close_notify, the FIN) still leaves, with its answers. */
static void linger(void)
{
    uint32_t start = clock_ms();

    while (clock_ms() - start < 100) {
        network_turn(&netif, 1);
        sys_check_timeouts();
    }
}

int main(void)
{
    int status;

    board_init();
    clock_init();
    status = read_arguments();
    status = status != 0 ? status : start_network();
    status = status != 0 ? status : start_tls();
    status = status != 0 ? status : start_mailer();
    if (status != 0) {
        return status;
    }
    status = deliver_all();
    linger();
    report_effort(&wolf, &effort);
    return status;
}
