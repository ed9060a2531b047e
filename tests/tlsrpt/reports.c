/* SPDX-License-Identifier: MIT
 *
 * Prints reports for a reader that is not ours: of days with random sessions, and with texts from an enemy (R06). A line each; before
 * it, the successes and failures that were counted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stsmail/engine/tlsrpt.h>
#include <stsmail/ram_store.h>

static uint64_t state = 88172645463325252u;

static uint32_t below(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % n;
}

/* Octets of all kinds, quotes, controls and pieces of UTF-8 more often than others; no NUL. */
static size_t enemy(char *out, size_t max)
{
    static const char *const pieces[] = {"\"",
                                         "\\",
                                         "\r\n",
                                         "mx: ",
                                         "mx: a.example\n",
                                         "\x01",
                                         "\x7f",
                                         "\xc3\xa4",
                                         "\xf0\x9f\x98\x80",
                                         "\xed\xa0\x80",
                                         "\xef\xbf\xbf",
                                         "\xff",
                                         "\xc3",
                                         "}]",
                                         ",",
                                         "x",
                                         "version: STSv1\n",
                                         "\xef\xb7\x90",
                                         "\xe2\x80\xa8"};
    size_t len = 0;

    while (below(12) != 0) {
        const char *p = pieces[below(sizeof pieces / sizeof pieces[0])];

        if (len + strlen(p) >= max) {
            break;
        }
        memcpy(out + len, p, strlen(p));
        len += strlen(p);
    }
    out[len] = '\0';
    return len;
}

static const int errors[] = {STS_OK,
                             STS_OK,
                             STS_ERR_STARTTLS,
                             STS_ERR_CERT_HOST,
                             STS_ERR_CERT_EXPIRED,
                             STS_ERR_CERT_TRUST,
                             STS_ERR_TLS,
                             STS_ERR_MX_MISMATCH};

static struct sts_ip random_ip(void)
{
    struct sts_ip ip = {.family = below(3) == 0 ? 6 : 4};

    for (int i = 0; i < 16; i++) {
        ip.bytes[i] = below(3) == 0 ? 0 : (uint8_t)below(256);
    }
    return ip;
}

static void day(const struct sts_time *now)
{
    static uint8_t memory[8 * STS_TLSRPT_SIZE];
    static struct sts_tlsrpt t;
    static struct sts_tlsrpt_report report;
    static struct sts_policy policy;
    struct sts_ram_store ram;
    struct sts_store store;
    char organization[200], text[2000], mx[200], buf[997];
    struct sts_tlsrpt_config config = {&store, organization, "tls-reports@sender.example",
                                       "dev.sender.example", below(2) == 0};
    struct sts_decision d = {.domain = "xn--bcher-kva.example"};
    unsigned long good = 0, bad = 0;
    size_t n;

    sts_ram_store_init(&ram, memory, sizeof memory, &store);
    do {
        enemy(organization, sizeof organization);
    } while (sts_tlsrpt_init(&t, &config) != STS_OK);
    for (unsigned i = below(40); i < 60; i++) {
        struct sts_attempt a = {.mx = mx,
                                .address = random_ip(),
                                .sender = random_ip(),
                                .reached = true,
                                .policy_match = 1,
                                .verified = true,
                                .tls_version = 0x0304,
                                .error = errors[below(8)],
                                .decision = &d};

        if (i == 0 || below(20) == 0) {
            sts_tlsrpt_policy_text(&t, NULL, 0);
            n = enemy(text, sizeof text);
            if (n > 0) {
                sts_tlsrpt_policy_text(&t, text, n);
            }
            policy = (struct sts_policy){.mode = STS_MODE_ENFORCE, .max_age_s = 86400 + below(3)};
            d.policy = below(3) == 0 ? NULL : &policy;
            d.source = d.policy != NULL ? STS_SOURCE_FETCHED : STS_SOURCE_NONE;
            d.fetch_error = d.policy == NULL ? STS_ERR_POLICY_FETCH - (int)below(3) : STS_OK;
            bad += sts_tlsrpt_decision(&t, &d, now) == STS_OK && d.fetch_error != STS_OK;
            d.source = d.policy != NULL ? STS_SOURCE_CACHED : STS_SOURCE_NONE;
            d.fetch_error = STS_OK;
        }
        enemy(mx, sizeof mx);
        if (sts_tlsrpt_attempt(&t, &a, now) == STS_OK) {
            good += a.error == STS_OK;
            bad += a.error != STS_OK;
        }
    }
    printf("%lu %lu\n", good, bad);
    if (sts_tlsrpt_report_start(&report, &config, sts_day_of(now->utc_s), d.domain) != STS_OK) {
        exit(1);
    }
    for (size_t at = 0; (n = sts_tlsrpt_report_read(&report, at, buf, 1 + below(sizeof buf))) > 0;
         at += n) {
        fwrite(buf, 1, n, stdout);
    }
    putchar('\n');
}

int main(int argc, char **argv)
{
    struct sts_time now = {.trust = STS_CLOCK_NETWORK};

    for (int i = argc > 1 ? atoi(argv[1]) : 1; i > 0; i--) {
        now.utc_s = (int64_t)below(50000) * 86400 + below(86400);
        day(&now);
    }
    return 0;
}
