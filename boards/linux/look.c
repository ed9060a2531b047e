/* SPDX-License-Identifier: MIT
 *
 * One question after another, each until it is answered.
 */
#include "look.h"

#include <string.h>

#include <stsmail/engine/text.h>
#include <stsmail/posix.h>

#define HANDLES 16

static struct sts_resolver resolver;
static const struct sts_net *net;
static uint32_t timeout_s;

int look_start(struct options *o, const struct sts_mailer_config *config)
{
    net = config->net;
    timeout_s = o->timeout_s > 0 && o->timeout_s < 30 ? o->timeout_s : 30;
    if (sts_resolver_init(&resolver, net, &sts_posix_random, setup_log(o), config->dns,
                          config->dns_count) != STS_OK) {
        say("no DNS server");
        return EX_CONFIG;
    }
    return 0;
}

struct sts_resolver *look_resolver(const struct sts_time *now)
{
    sts_resolver_poll(&resolver, now);
    return &resolver;
}

void look_wait(const struct sts_wait *handles, size_t n, uint32_t ms)
{
    struct sts_wait all[HANDLES];
    struct sts_time now;

    if (n > 0) {
        memcpy(all, handles, n * sizeof *all);
    }
    time_now(&now);
    n += sts_resolver_wait(&resolver, &now, all + n, HANDLES - n, &ms);
    net->wait(net->ctx, all, n, ms);
}

int look_ask(const char *name, uint16_t type, sts_answer_fn *answer, void *ctx)
{
    struct sts_time now;
    int slot, result;

    time_now(&now);
    slot = sts_resolver_ask(&resolver, name, type, answer, ctx, timeout_s, &now);
    if (slot < 0) {
        return slot;
    }
    while ((result = sts_resolver_result(look_resolver(&now), slot)) == STS_BUSY) {
        look_wait(NULL, 0, 1000);
        time_now(&now);
    }
    sts_resolver_drop(&resolver, slot);
    return result;
}

/* ---- TXT ------------------------------------------------------------------------------------- */

static void take_txt(void *ctx, const struct sts_dns_rr *rr)
{
    struct look_txt **end = ctx, *record = keep(sizeof *record);
    const uint8_t *text;
    size_t at = 0, len;

    record->text = keep((size_t)rr->data_len + 1);
    while (sts_dns_txt(rr, &at, &text, &len) > 0) {
        memcpy(record->text + record->len, text, len);
        record->len += len;
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = record;
}

int look_txt(const char *name, struct look_txt **records)
{
    *records = NULL;
    return look_ask(name, STS_DNS_TXT, take_txt, records);
}

/* ---- hosts ----------------------------------------------------------------------------------- */

int look_host(const char *name, struct sts_host *host)
{
    struct sts_time now;
    int result;

    time_now(&now);
    result = sts_host_start(host, &resolver, name, timeout_s, &now);
    if (result != STS_OK) {
        return result;
    }
    while ((result = sts_host_poll(host, look_resolver(&now))) == STS_BUSY) {
        look_wait(NULL, 0, 1000);
        time_now(&now);
    }
    return result;
}

static void take_mx(void *ctx, const struct sts_dns_rr *rr)
{
    static struct sts_mx_list alone; /* what is not taken here either is no host's name */
    struct look_mx *mx = ctx;
    bool skipped = mx->list.skipped;

    sts_mx_start(&alone);
    sts_mx_add(&alone, rr, 0, "");
    mx->list.skipped = false;
    sts_mx_add(&mx->list, rr, 0, "");
    if (alone.skipped) {
        struct look_bad *bad = keep(sizeof *bad);

        strcpy(bad->name, rr->target);
        bad->next = mx->bad;
        mx->bad = bad;
    } else if (mx->list.skipped) {
        mx->more = true;
    }
    mx->list.skipped |= skipped;
}

int look_mx(const char *domain, struct look_mx *mx)
{
    memset(mx, 0, sizeof *mx);
    sts_mx_start(&mx->list);
    return look_ask(domain, STS_DNS_MX, take_mx, mx);
}

/* ---- large hosts ------------------------------------------------------------------------------ */

static const struct provider providers[] = {
    {"mail.protection.outlook.com", "Microsoft 365",
     "\"mx: *.mail.protection.outlook.com\" (or TENANT.mail.protection.outlook.com alone)"},
    {"mx.microsoft", "Microsoft 365",
     "the very name in the MX record, such as \"mx: example-com.a-v1.mx.microsoft\" (a star for "
     "its first label is the widest that matches)"},
    {"smtp.google.com", "Google", "\"mx: smtp.google.com\""},
    {"l.google.com", "Google", "\"mx: aspmx.l.google.com\" and \"mx: *.aspmx.l.google.com\""},
    {"googlemail.com", "Google", "\"mx: *.googlemail.com\" beside \"mx: aspmx.l.google.com\""},
};

const struct provider *provider_of(const char *host)
{
    size_t len = strlen(host);

    for (size_t i = 0; i < sizeof providers / sizeof *providers; i++) {
        size_t n = strlen(providers[i].suffix);

        if (len >= n && strcmp(host + len - n, providers[i].suffix) == 0 &&
            (len == n || host[len - n - 1] == '.')) {
            return &providers[i];
        }
    }
    return NULL;
}
