/* SPDX-License-Identifier: MIT
 *
 * The simulator's world: a few domains that change their minds, hosts that misbehave, somebody on the way, and what each of
 * them really is, for the oracle. All of it is drawn from one seed.
 */
#ifndef STS_FAULTS_SIM_WORLD_H
#define STS_FAULTS_SIM_WORLD_H

#include <stdarg.h>
#include <time.h>

#include "internet.h"

enum {
    DOMAINS = 3,
    MXS = 2
};

/* A policy as the oracle sees it: its mode, which of the domain's MX it names, how long it lasts. */
struct rules {
    bool there;
    uint8_t mode, mask;
    uint32_t max_age;
    int64_t fetched_at;
    char id[STS_ID_SIZE];
};

struct domain {
    char name[16], txt_name[32], web_name[32], mx_name[MXS][24];
    struct net_record *mx[MXS], *mx_a[MXS], *txt, *web_a;
    struct net_host *host[MXS], *web;
    /* what it publishes */
    struct rules policy;
    unsigned id;
    bool announced, broken; /* broken: the policy host's answer is no policy */
    char txt_text[64], body[300], http[600];
    /* what the device has of it */
    struct rules served;      /* by its policy host, verified, in the delivery under way */
    struct rules sure, maybe; /* in the store */
};

static struct world {
    struct domain d[DOMAINS];
    struct net_host *attacker;
    uint64_t seed, state;
    bool verbose;
} w;

static inline uint64_t draw64(void)
{
    w.state += 0x9e3779b97f4a7c15u; /* SplitMix64 */
    uint64_t z = w.state;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline uint32_t draw(uint32_t n)
{
    return (uint32_t)((draw64() >> 32) * n >> 32);
}

static inline bool one_in(uint32_t n)
{
    return draw(n) == 0;
}

/* Some time around `mean`. */
static inline uint64_t about(uint64_t mean)
{
    return 1 + draw64() % (2 * mean);
}

__attribute__((format(printf, 1, 2))) static inline void say(const char *format, ...)
{
    va_list args;

    if (!w.verbose) {
        return;
    }
    printf("%11.3f ", (double)in.ms / 1000);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

/* ---- policies ---------------------------------------------------------------------------------------------- */

static const char *const modes[] = {"none", "testing", "enforce"};

/* Writes what the policy host says now, with the time of the world in it. */
static inline void write_http(struct domain *d)
{
    time_t t = (time_t)net_utc();
    struct tm tm;
    char date[40];

    gmtime_r(&t, &tm);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    snprintf(d->http, sizeof d->http,
             "HTTP/1.1 %s\r\nDate: %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
             d->broken ? "404 Not Found" : "200 OK", date, strlen(d->body), d->body);
}

static inline void publish(struct domain *d, uint8_t mode, uint8_t mask, uint32_t max_age)
{
    int n = snprintf(d->body, sizeof d->body, "version: STSv1\r\nmode: %s\r\n", modes[mode]);

    d->policy = (struct rules){.there = true, .mode = mode, .mask = mask, .max_age = max_age};
    if (mode == STS_MODE_NONE) {
        d->policy.mask = 0;
    } else if (mask == 3 && one_in(2)) {
        n += snprintf(d->body + n, sizeof d->body - (size_t)n, "mx: *.%s\r\n", d->name);
    } else {
        for (int i = 0; i < MXS; i++) {
            if ((mask >> i & 1) != 0) {
                n += snprintf(d->body + n, sizeof d->body - (size_t)n, "mx: %s\r\n", d->mx_name[i]);
            }
        }
    }
    snprintf(d->body + n, sizeof d->body - (size_t)n, "max_age: %lu\r\n", (unsigned long)max_age);
    write_http(d);
}

static inline void announce(struct domain *d, bool really)
{
    snprintf(d->txt_text, sizeof d->txt_text, "v=STSv1; id=%u;", d->id);
    d->announced = really;
    d->txt->text = really ? d->txt_text : NULL;
    d->txt->rcode = 3;
}

/* ---- the world as it should be --------------------------------------------------------------------------------- */

static inline void add_domain(int k)
{
    struct domain *d = &w.d[k];
    uint32_t net = 0x0a000000u + (uint32_t)k * 256;

    memset(d, 0, sizeof *d);
    snprintf(d->name, sizeof d->name, "d%d.example", k);
    snprintf(d->txt_name, sizeof d->txt_name, "_mta-sts.%s", d->name);
    snprintf(d->web_name, sizeof d->web_name, "mta-sts.%s", d->name);
    for (int i = 0; i < MXS; i++) {
        snprintf(d->mx_name[i], sizeof d->mx_name[i], "mx%d.%s", i, d->name);
        net_mx(d->name, (uint16_t)(10 * (i + 1)), d->mx_name[i]);
        d->mx[i] = &in.records[in.records_count - 1];
        d->host[i] = net_listen(d->mx_name[i], net + (uint32_t)i + 1, 25);
        d->mx_a[i] = &in.records[in.records_count - 1];
        d->host[i]->pipelining = one_in(2);
    }
    d->web = net_listen(d->web_name, net + 20, 443);
    d->web_a = &in.records[in.records_count - 1];
    d->web->http = d->http;
    d->txt = net_add(d->txt_name, STS_DNS_TXT);
    d->id = 1;
    publish(d, (uint8_t)draw(3), (uint8_t)(1 + draw(3)), one_in(3) ? 3600 + draw(90000) : 604800);
    announce(d, !one_in(4));
}

static inline void build_world(void)
{
    for (int k = 0; k < DOMAINS; k++) {
        add_domain(k);
    }
    w.attacker = net_listen("mx.attacker.example", 0x0a006666, 25);
    w.attacker->hostile = true;
}

static inline void heal_host(struct net_host *h)
{
    h->cert = (struct net_cert){NULL, STS_OK};
    h->handshake = STS_OK;
    h->refuse = h->black_hole = h->silent = h->no_starttls = false;
    h->at = AT_NONE;
    h->behind_220 = NULL;
    h->latency = 0;
    h->chunk = 0;
}

static inline void heal_names(struct domain *d)
{
    for (int i = 0; i < MXS; i++) {
        d->mx[i]->text = d->mx_name[i];
        d->mx_a[i]->ip = d->host[i]->ip;
    }
    d->web_a->ip = d->web->ip;
    announce(d, d->announced);
}

static inline void heal(struct domain *d)
{
    for (int i = 0; i < MXS; i++) {
        heal_host(d->host[i]);
    }
    heal_host(d->web);
    heal_names(d);
    d->broken = false;
}

/* ---- changes ----------------------------------------------------------------------------------------------------- */

static const char *const odd_replies[] = {
    "450 4.2.0 later\r\n",
    "451 4.3.0 later\r\n",
    "421 4.3.2 closing\r\n",
    "452 4.3.1 full\r\n",
    "550 5.7.1 no\r\n",
    "554 5.0.0 no\r\n",
    "552 5.2.2 full\r\n",
    "25\r\n",
    "250-a\r\n250 b\r\n",
    "220 \033[2J\007\r\n",
    "354 go\r\n",
    "500 5.5.1 what?\r\n",
};

/* Something that a host does wrong, or does well again. */
static inline void change_host(struct net_host *h)
{
    static const int handshakes[] = {STS_ERR_TLS, STS_ERR_CLOSED, STS_BUSY};

    heal_host(h);
    switch (draw(10)) {
    case 0: h->refuse = true; break;
    case 1: h->black_hole = true; break;
    case 2: h->cert.error = one_in(2) ? STS_ERR_CERT_EXPIRED : STS_ERR_CERT_TRUST; break;
    case 3: h->cert.name = "other.example"; break;
    case 4: h->handshake = handshakes[draw(3)]; break;
    case 5: h->latency = draw(30000); break;
    case 6: h->chunk = (uint16_t)(1 + draw(60)); break;
    case 7:
        h->at = (uint8_t)(AT_GREETING + draw(MOMENTS - AT_GREETING));
        h->act = (uint8_t)(h->at == AT_DOT ? draw(4) : draw(3));
        h->reply = odd_replies[draw(sizeof odd_replies / sizeof *odd_replies)];
        break;
    case 8: h->silent = true; break;
    default: break;
    }
    if (h->act == ACT_SAY && h->at >= AT_MAIL && h->at <= AT_DOT && h->reply[0] < '4') {
        h->reply =
            odd_replies[0]; /* a 250 that is not meant would be nobody's fault but the host's */
    }
    if (h->act == ACT_SAY && h->at == AT_CONTENT) {
        h->act = ACT_DROP; /* nobody answers within */
    }
    say("%s is %s now", h->name,
        h->refuse || h->black_hole || h->silent || h->handshake != STS_OK ||
                h->cert.error != STS_OK || h->cert.name != NULL || h->at != AT_NONE ||
                h->latency != 0 || h->chunk != 0
            ? "odd"
            : "well");
}

static inline void change_policy(struct domain *d)
{
    if (one_in(4)) {
        d->id += draw(2);
        announce(d, !one_in(3));
        say("%s: record %s", d->name, d->announced ? d->txt_text : "gone");
        return;
    }
    d->broken = one_in(8);
    publish(d, (uint8_t)draw(3), (uint8_t)(1 + draw(3)),
            one_in(4)   ? draw(7200)
            : one_in(3) ? 3600 + draw(90000)
                        : 604800);
    d->id += !one_in(4); /* the usual mistake: P22 */
    announce(d, d->announced);
    say("%s: policy %s, mask %d, max_age %lu, id %u%s", d->name, modes[d->policy.mode],
        d->policy.mask, (unsigned long)d->policy.max_age, d->id, d->broken ? ", broken" : "");
}

/* Somebody on the way: what he can do without a certificate for a name of the domain. */
static inline void attack(struct domain *d)
{
    static const int8_t rcodes[] = {-1, 2, 3, 5};
    int i = (int)draw(MXS);

    switch (draw(8)) {
    case 0: d->host[i]->no_starttls = true; break;
    case 1:
        d->txt->text = NULL;
        d->txt->rcode = rcodes[draw(4)];
        break;
    case 2: d->mx[i]->text = w.attacker->name; break;
    case 3: d->mx_a[i]->ip = w.attacker->ip; break;
    case 4: d->web->refuse = true; break;
    case 5: d->web_a->ip = 0x0a007777; break; /* nobody */
    case 6:
        for (i = 0; i < MXS; i++) { /* all of them: "never" is what all say */
            d->host[i]->at = one_in(2) ? AT_EHLO : AT_GREETING;
            d->host[i]->act = ACT_SAY;
            d->host[i]->reply = "550 5.7.1 go away\r\n";
        }
        break;
    default: d->host[i]->behind_220 = "250 injected\r\n"; break;
    }
    w.attacker->no_starttls = one_in(2);
    say("%s is attacked", d->name);
}

/* The DNS of a domain fails, or lies about its MX. */
static inline void change_dns(struct domain *d)
{
    static const int8_t rcodes[] = {-1, 2, 3, 5};

    heal_names(d);
    switch (draw(5)) {
    case 0:
        for (int i = 0; i < MXS; i++) {
            d->mx[i]->text = NULL;
            d->mx[i]->rcode = rcodes[draw(4)];
        }
        break;
    case 1:
        d->mx_a[0]->ip = 0;
        d->mx_a[0]->rcode = rcodes[draw(4)];
        break;
    case 2:
        d->web_a->ip = 0;
        d->web_a->rcode = rcodes[draw(4)];
        break;
    case 3: in.dns_latency = draw(4000); break;
    default: in.dns_latency = 0; break;
    }
    say("the DNS of %s changes", d->name);
}

static inline void change_world(void)
{
    struct domain *d = &w.d[draw(DOMAINS)];

    switch (draw(10)) {
    case 0:
    case 1:
    case 2: change_host(d->host[draw(MXS)]); break;
    case 3: change_host(d->web); break;
    case 4: change_policy(d); break;
    case 5: attack(d); break;
    case 6: change_dns(d); break;
    default:
        heal(d);
        say("%s is healed", d->name);
        break;
    }
}

#endif
