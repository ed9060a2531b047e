/* SPDX-License-Identifier: MIT
 *
 * One report of a state directory, handed to a server as a POST, or written as a mail: for test_delivery.py, which judges what arrives.
 *
 *     carry STATE DATE DOMAIN json|gzip URI CAFILE DNS
 *
 * DATE: seconds since 1970, within the day that is reported. Of a mailto: URI the mail goes to standard output. Otherwise the outcome is
 * printed. What was accepted is dropped from the state.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <stsmail/posix.h>
#include <stsmail/tlsrpt_send.h>
#include <stsmail/wolfssl.h>

#define ORGANIZATION "Pumps & S\u00f6hne"
#define CONTACT      "tls@sender.example"
#define DEVICE       "device7.sender.example"

static struct sts_tlsrpt_report report;
static struct sts_tlsrpt_file file;
static struct sts_wolfssl wolf;
static struct sts_resolver resolver;
static struct sts_stream stream;
static struct sts_tlsrpt_post post;

static int trust(const char *name)
{
    static _Alignas(16) uint8_t pool[STS_WOLFSSL_POOL];
    static char pem[65536];
    FILE *f = fopen(name, "r");
    size_t len = f != NULL ? fread(pem, 1, sizeof pem, f) : 0;

    if (f != NULL) {
        fclose(f);
    }
    return sts_wolfssl_init(&wolf, pool, sizeof pool, &sts_posix_random) == STS_OK &&
           sts_wolfssl_trust_pem(&wolf, pem, len) > 0;
}

static int send_post(const char *uri, const char *dns)
{
    struct sts_endpoint server = {.ip.family = 4, .port = 53};
    struct sts_time now;
    int result;

    if (inet_pton(AF_INET, dns, server.ip.bytes) != 1 ||
        sts_resolver_init(&resolver, &sts_posix_net, &sts_posix_random, NULL, &server, 1) !=
            STS_OK) {
        return STS_ERR_CONFIG;
    }
    sts_stream_init(&stream, &sts_posix_net, &wolf.tls);
    sts_posix_now(&now, 0);
    result = sts_tlsrpt_post_start(&post, &resolver, &stream, &file, uri, 10, &now);
    if (result != STS_OK) {
        return result;
    }
    while ((result = sts_tlsrpt_post_poll(&post, &now)) == STS_BUSY) {
        struct sts_wait w[16];
        uint32_t ms = 1000;
        size_t n = sts_tlsrpt_post_wait(&post, &now, w, 8, &ms);

        n += sts_resolver_wait(&resolver, &now, w + n, 16 - n, &ms);
        sts_posix_net.wait(sts_posix_net.ctx, w, n, ms);
        sts_posix_now(&now, 0);
        sts_resolver_poll(&resolver, &now);
    }
    return result;
}

static int write_mail(const char *to)
{
    static struct sts_tlsrpt_mail mail;
    char buf[500];
    int32_t n;

    sts_tlsrpt_mail_start(&mail, &file, to, time(NULL));
    while ((n = mail.source.read(mail.source.ctx, buf, sizeof buf)) > 0) {
        fwrite(buf, 1, (size_t)n, stdout);
    }
    return n < 0 ? (int)n : STS_OK;
}

/* Two of the errors have one name between them. */
static const char *outcome(int result)
{
    return result == STS_OK             ? "accepted"
           : result == STS_ERR_REJECTED ? "refused for good"
           : result == STS_ERR_TEMPFAIL ? "refused for now"
                                        : sts_err_name(result);
}

int main(int argc, char **argv)
{
    static struct sts_posix_store files;
    static struct sts_store store;
    struct sts_tlsrpt_config config = {&store, ORGANIZATION, CONTACT, DEVICE, false};
    char to[STS_TLSRPT_URI_SIZE];
    sts_day day;
    int result;

    if (argc != 8 || !trust(argv[6])) {
        return 64;
    }
    day = sts_day_of(strtoll(argv[2], NULL, 10));
    sts_posix_store_init(&files, argv[1], NULL, &store);
    result = sts_tlsrpt_report_start(&report, &config, day, argv[3]);
    if (result != STS_OK) {
        puts(sts_err_name(result));
        return 65;
    }
    sts_tlsrpt_file_start(&file, &report, strcmp(argv[4], "gzip") == 0);
    if (sts_tlsrpt_mailto(argv[5], to) == STS_OK) {
        return write_mail(to) != STS_OK;
    }
    result = send_post(argv[5], argv[7]);
    puts(outcome(result));
    return result == STS_OK && sts_tlsrpt_drop(&store, day, argv[3]) != STS_OK;
}
