/* SPDX-License-Identifier: MIT
 *
 * The bench: one alert cold, with nothing known of its domain, and the same alert again with the policy in a store in
 * memory. What each took is printed in ticks of SysTick, which QEMU's -icount makes a number of instructions.
 *
 *     bench live --ip ... --dns ... --now ...     over the network, with random numbers
 *     bench record --ip ...                       with a fixed seed, and everything that is said is written down (recorded.h)
 *     bench                                       against the recording in flash
 */
#include "board.h"

#include <string.h>

#include <stsmail/ram_store.h>

#include "recorded.h"

extern const uint8_t recording[];

struct args args;
static bool live, record;
static struct sts_net net;
static struct sts_wolfssl wolf;
static struct sts_mailer mailer;
static struct sts_store store;
static int64_t date;
static uint32_t turns; /* the clock of a recording */

/* ---- time ----------------------------------------------------------------------------------- */

static volatile uint32_t *const systick = (volatile uint32_t *)0xe000e010; /* CSR, RVR, CVR */

static uint32_t ticks(void)
{
    uint32_t before, counter;

    do {
        before = clock_ms(); /* how often it went round */
        counter = systick[2];
    } while (before != clock_ms());
    return before * (systick[1] + 1u) + systick[1] - counter;
}

static struct sts_time time_now(void)
{
    return (struct sts_time){live || record ? clock_ms() : turns, date, STS_CLOCK_OWNER};
}

/* ---- random numbers -------------------------------------------------------------------------- */

static int next(uint32_t *state, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        *state ^= *state << 13; /* xorshift: no randomness at all, which is the point */
        *state ^= *state >> 17;
        *state ^= *state << 5;
        out[i] = (uint8_t)(*state >> 11);
    }
    return STS_OK;
}

/* For DNS: an id is not asked for twice. */
static int fixed_fill(void *ctx, void *buf, size_t len)
{
    static uint32_t state = 42;

    (void)ctx;
    return next(&state, buf, len);
}

/* For TLS: every connection begins with the same, whatever else went on. */
static int fixed_seed(void *ctx, void *buf, size_t len)
{
    uint32_t state = 4711;

    (void)ctx;
    return next(&state, buf, len);
}

static const struct sts_random fixed_random = {NULL, fixed_fill}, seed = {NULL, fixed_seed};

/* ---- network --------------------------------------------------------------------------------- */

void board_alive(void *ctx)
{
    (void)ctx;
}

/* With fixed numbers or without, what the network is. STS_OK, or what network_start() said. */
static int start_network(void)
{
    int error;

    if (!live && !record) {
        systick[1] = 0xffffff; /* seldom interrupted */
        systick[2] = 0;
        date = recorded_date(recording);
        recorded_play(recording, &net);
        return STS_OK;
    }
    error = network_start();
    net = *network_functions();
    if (record) {
        recorded_write(network_functions(), date, &net);
    }
    return error;
}

/* ---- one alert ------------------------------------------------------------------------------- */

static void put_figure(const char *alert, const char *what, uint32_t n)
{
    put_text("# ");
    put_text(alert);
    put_text(what);
    put_number(n);
    put_text("\n");
}

static int send_alert(const char *name)
{
    struct sts_message message = {.from = "ups7@example.com",
                                  .subject = "UPS 7",
                                  .body = "On battery since 03:12.",
                                  .message_id = "17@ups7.example.com",
                                  .date_s = date};
    const char *to = "ops@example.org";
    struct sts_recipient recipient = {.address = to};
    struct sts_mail mail = {
        .sender = "ups7@example.com", .recipients = &recipient, .count = 1, .message = &message};
    struct sts_time now = time_now();
    uint32_t start = ticks(), all, longest = 0, polls = 0;
    int result;

    message.to = &to;
    message.to_count = 1;
    result = sts_mailer_send(&mailer, &mail, &now);
    all = ticks() - start;
    while (result == STS_OK || result == STS_BUSY) {
        uint32_t took;

        now = time_now();
        start = ticks();
        result = sts_mailer_poll(&mailer, &now);
        took = ticks() - start;
        all += took;
        longest = took > longest ? took : longest;
        polls++;
        if (result != STS_BUSY) {
            break;
        }
        sts_mailer_wait(&mailer, &now, 1000);
        turns++;
    }
    put_figure(name, ", result: ", (uint32_t)-result);
    put_figure(name, ", ticks: ", all);
    put_figure(name, ", longest poll: ", longest);
    put_figure(name, ", polls: ", polls);
    return result;
}

static int start(void)
{
    static uint8_t kept[1024];
    static struct sts_ram_store ram;
    static const struct sts_endpoint dns = {{4, {10, 53, 0, 1}}, 53};
    static struct sts_mailer_config config = {.hostname = "ups7.example.com",
                                              .dns = &dns,
                                              .dns_count = 1,
                                              .floor = STS_FLOOR_POLICY,
                                              .net = &net,
                                              .store = &store};
    int error;

    sts_ram_store_init(&ram, kept, sizeof kept, &store);
    config.tls = &wolf.tls;
    config.random = live ? &board_random : &fixed_random;
    error = sts_wolfssl_init(&wolf, tls_pool, tls_pool_size, live ? &board_random : &seed);
    if (error == STS_OK &&
        sts_wolfssl_trust_table(&wolf, roots_table, (size_t)(roots_table_end - roots_table)) < 1) {
        error = STS_ERR_CONFIG;
    }
    return error == STS_OK ? sts_mailer_init(&mailer, &config) : error;
}

int main(void)
{
    char line[256] = "";
    int result;

    board_init();
    clock_init();
    (void)semihost_arguments(line, sizeof line);
    (void)args_read(&args, line);
    live = args.to_count == 1 && strcmp(args.to[0], "live") == 0;
    record = args.to_count == 1 && strcmp(args.to[0], "record") == 0;
    date = args.now;
    result = start_network();
    result = result != STS_OK ? result : start();
    if (result == STS_OK) {
        result = send_alert("cold");
    }
    if (result == STS_OK) {
        result = send_alert("warm");
    }
    put_figure("as it was recorded", ": ", recorded_same());
    return result == STS_OK ? 0 : 1;
}
