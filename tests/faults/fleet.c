/* SPDX-License-Identifier: MIT
 *
 * A fleet: 10,000 devices at one site lose their power, each with an alert in its queue, and get it back in the same
 * millisecond a day later, when all their policies are due. Their host is overloaded for the first two hours. Each lives
 * for itself; what the hosts see of all of them is counted a minute, peak against mean: nobody must be knocked down by
 * everybody at once (Q09, P25, H24).
 */
#define _GNU_SOURCE
#include <stsmail/engine/cache.h>
#include <stsmail/flash_store.h>
#include <stsmail/queue.h>

#include "ram_flash.h"

#define MINUTE  60000u
#define HOUR    (60u * MINUTE)
#define OUTAGE  (26u * HOUR)
#define LIFE    (4u * HOUR)
#define DEVICES 10000

enum {
    MINUTES = LIFE / MINUTE,
    DOMAINS = 3,
    MX = 0, /* hosts */
    WEB = 1,
};

static const char *const domains[DOMAINS] = {"a.example", "b.example", "c.example"};

static struct {
    struct sts_flash_store log;
    struct sts_flash_handle handle[2];
    struct sts_store store[2];
    struct sts_mailer mailer;
    struct sts_mailer_config mailer_config;
    struct sts_queue queue;
    struct sts_queue_config queue_config;
    char hostname[40];
} dev;

static struct sts_policy policy;
static char http[300];
static uint32_t tries[MINUTES], fetches[MINUTES];
static uint32_t delivered;

static int works(enum call call)
{
    (void)call;
    return WORKS;
}

static void taken(const struct net_conn *c, bool told)
{
    (void)c;
    (void)told;
    delivered++;
}

static void make_world(uint64_t seed)
{
    static const char *const webs[] = {"mta-sts.a.example", "mta-sts.b.example",
                                       "mta-sts.c.example"};
    static const char *const txts[] = {"_mta-sts.a.example", "_mta-sts.b.example",
                                       "_mta-sts.c.example"};

    net_start(seed);
    in.fails = works;
    in.on_taken = taken;
    net_listen("mx.example", 0x0a000001, 25)->at = AT_GREETING;
    in.hosts[MX].act = ACT_SAY;
    in.hosts[MX].reply = "421 4.3.2 too busy\r\n";
    for (int k = 0; k < DOMAINS; k++) {
        net_mx(domains[k], 10, "mx.example");
        net_listen(webs[k], 0x0a000014 + (uint32_t)k, 443)->http = http;
        net_add(txts[k], STS_DNS_TXT)->text = "v=STSv1; id=1";
    }
    ram_flash_start(4096, 8, 8, abort);
    net_clock();
}

static void must(bool kept, const char *what)
{
    if (!kept) {
        printf("FAILED fleet: %s\n", what);
        exit(1);
    }
}

static void boot(unsigned number)
{
    snprintf(dev.hostname, sizeof dev.hostname, "device-%05u.example.com", number);
    must(sts_flash_store_mount(&dev.log, &flash.port) == STS_OK, "the flash is mounted");
    for (int i = 0; i < 2; i++) {
        sts_flash_store_handle(&dev.log, &dev.handle[i], &dev.store[i]);
    }
    dev.mailer_config = (struct sts_mailer_config){.net = &in.net,
                                                   .tls = &in.tls,
                                                   .random = &in.rng,
                                                   .store = &dev.store[0],
                                                   .hostname = dev.hostname,
                                                   .dns = &in.dns,
                                                   .dns_count = 1};
    dev.queue_config = (struct sts_queue_config){.mailer = &dev.mailer,
                                                 .store = &dev.store[0],
                                                 .message_store = &dev.store[1],
                                                 .random = &in.rng};
    must(sts_mailer_init(&dev.mailer, &dev.mailer_config) == STS_OK, "the mailer starts");
    must(sts_queue_init(&dev.queue, &dev.queue_config) == STS_OK, "the queue starts");
}

static void before_the_cut(void)
{
    struct sts_recipient to = {.address = "ops@a.example"};
    struct sts_message m = {.from = "ups@example.com",
                            .subject = "power",
                            .body = "alert-1\nend-1\n",
                            .date_s = in.now.utc_s};
    struct sts_queue_mail mail = {
        .sender = "ups@example.com", .recipients = &to, .count = 1, .message = &m};
    char id[STS_QUEUE_ID_SIZE];

    for (int k = 0; k < DOMAINS; k++) {
        must(sts_cache_put(&dev.store[0], domains[k], "1", &policy, &in.now, NULL) == STS_OK,
             "a policy is kept");
    }
    must(sts_queue_add(&dev.queue, &mail, &in.now, id) == STS_OK, "an alert is accepted");
}

/* Counts what the hosts saw since the last step. */
static void count(uint64_t since)
{
    static int seen[WEB + DOMAINS];
    uint64_t minute = (in.ms - since) / MINUTE;

    if (in.ms == since) {
        memset(seen, 0, sizeof seen);
    }
    for (size_t i = 0; i < in.hosts_count; i++) {
        uint32_t *at = i == MX ? tries : fetches;

        if (minute < MINUTES) {
            at[minute] += (uint32_t)(in.hosts[i].seen - seen[i]);
        }
        seen[i] = in.hosts[i].seen;
    }
}

static void refresh(uint64_t since)
{
    char domain[STS_NAME_SIZE];
    int result = sts_mailer_refresh_due(&dev.mailer, &in.now, domain);

    if (result != STS_OK) {
        return;
    }
    result = sts_mailer_refresh(&dev.mailer, domain, &in.now);
    while (result == STS_OK || result == STS_BUSY) {
        result = sts_mailer_poll(&dev.mailer, &in.now);
        if (result != STS_BUSY) {
            break;
        }
        sts_mailer_wait(&dev.mailer, &in.now, 1000);
        count(since);
    }
    must(result == STS_OK, "a policy is refreshed");
}

/* To the next thing that is to be done. */
static void sleep_until(uint64_t then)
{
    uint32_t due = sts_queue_due_ms(&dev.queue, &in.now);

    due = due == 0 ? 1 : due;
    in.ms = in.ms + due < then ? in.ms + due : then;
    net_clock();
}

static void after_the_cut(void)
{
    uint64_t since = in.ms, chore = in.ms;

    count(since);
    while (in.ms < since + LIFE) {
        if (in.ms >= since + 2 * HOUR) {
            in.hosts[MX].at = AT_NONE;
        }
        if (sts_queue_poll(&dev.queue, &in.now) == STS_BUSY) {
            count(since);
            sts_queue_wait(&dev.queue, &in.now, MINUTE);
            continue;
        }
        count(since);
        if (in.ms >= chore) {
            refresh(since);
            count(since);
            chore = in.ms + (in.ms < since + 70 * MINUTE ? 1 : 20) * MINUTE;
        }
        sleep_until(chore);
    }
}

/* Peak against mean of the minutes from..to. */
static double peak(const char *what, const uint32_t *n, int from, int to)
{
    uint64_t all = 0;
    uint32_t most = 0;
    double mean;

    for (int i = from; i < to; i++) {
        all += n[i];
        most = n[i] > most ? n[i] : most;
    }
    mean = (double)all / (to - from);
    printf("%-46s %7llu, a minute: mean %6.1f, peak %5lu, %.2f times the mean\n", what,
           (unsigned long long)all, mean, (unsigned long)most, (double)most / mean);
    return (double)most / mean;
}

int main(void)
{
    static const char text[] =
        "version: STSv1\r\nmode: enforce\r\nmx: mx.example\r\nmax_age: 604800\r\n";
    struct sts_policy_parser p;
    bool good;

    snprintf(http, sizeof http,
             "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
             sizeof text - 1, text);
    sts_policy_start(&p, &policy);
    must(sts_policy_feed(&p, text, sizeof text - 1) == STS_OK && sts_policy_end(&p) == STS_OK,
         "the policy is one");
    for (unsigned i = 0; i < DEVICES; i++) {
        make_world(i + 1);
        boot(i);
        before_the_cut();
        in.ms += OUTAGE;
        net_clock();
        boot(i);
        after_the_cut();
    }
    good = peak("connections, the first 5 minutes", tries, 0, 5) < 1.5;
    good = peak("connections, minutes 5 to 30, host too busy", tries, 5, 30) < 4 && good;
    good = peak("connections, minutes 30 to 120, host too busy", tries, 30, 120) < 6 && good;
    good = peak("connections, hour 3, host well", tries, 120, 180) < 4 && good;
    good = peak("policies fetched, the first 5 minutes", fetches, 0, 5) < 1.5 && good;
    good = peak("policies fetched, minutes 5 to 65", fetches, 5, 65) < 2 && good;
    good = good && delivered == DEVICES;
    printf("%lu of %d alerts delivered\n", (unsigned long)delivered, DEVICES);
    printf("fleet: %d passed, %d failed\n", good, !good);
    return !good;
}
