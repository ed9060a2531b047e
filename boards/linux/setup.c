/* SPDX-License-Identifier: MIT
 *
 * The library, set up from the options: state, name servers, trust, floors, policies. What cannot work is
 * said here, before anything is sent.
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stsmail/mailer.h>
#include <stsmail/posix.h>
#include <stsmail/wolfssl.h>

#ifndef STS_BUILD_EPOCH
#define STS_BUILD_EPOCH 0
#endif

struct sts_mailer mailer;

void time_now(struct sts_time *now)
{
    int64_t build = STS_BUILD_EPOCH;

    sts_posix_now(now, build > CLI_RELEASE_DATE ? build : CLI_RELEASE_DATE);
}

int mailer_run(void)
{
    struct sts_time now;
    int result;

    for (;;) {
        time_now(&now);
        result = sts_mailer_poll(&mailer, &now);
        if (result != STS_BUSY) {
            return result;
        }
        time_now(&now);
        sts_mailer_wait(&mailer, &now, 1000);
    }
}

const struct sts_log *setup_log(struct options *o)
{
    static struct sts_log log;

    log = log_on_stderr(&o->verbose);
    return &log;
}

/* The log is told of what fails by one of the two. */
const struct sts_store *setup_store(struct options *o)
{
    static struct sts_posix_store files;
    static struct sts_store store;
    const char *dir = state_directory(o->state);

    if (dir == NULL) {
        say("there is no directory for state (--state): nothing is kept");
        return NULL;
    }
    sts_posix_store_init(&files, dir, setup_log(o), &store);
    return &store;
}

const struct sts_store *setup_message_store(struct options *o)
{
    static struct sts_posix_store files;
    static struct sts_store store;

    sts_posix_store_init(&files, state_directory(o->state), setup_log(o), &store);
    return &store;
}

const char *setup_hostname(const struct options *o)
{
    static char name[STS_NAME_SIZE];
    char address[ADDRESS_SIZE], text[STS_NAME_SIZE + 2];

    if (o->hostname == NULL) {
        return own_hostname();
    }
    if (domain_canon(o->hostname, strlen(o->hostname), name)) {
        return name;
    }
    /* An address literal is good in EHLO too (RFC 5321 4.1.4). */
    if (o->hostname[0] == '[' && strlen(o->hostname) < STS_NAME_SIZE) {
        memcpy(text, "x@", 2);
        strcpy(text + 2, o->hostname);
        if (address_canon(text, true, address) == NULL) {
            return o->hostname;
        }
    }
    say("--hostname \"%s\" is neither a host name nor an address literal", shown(o->hostname));
    return NULL;
}

/* ---- parts of the configuration ------------------------------------------------------------ */

int setup_dns(struct options *o, struct sts_mailer_config *config)
{
    static const char file[] = "/etc/resolv.conf";

    if (o->dns_count == 0) {
        o->dns_count = resolv_servers(file, o->dns, STS_DNS_SERVERS);
    }
    if (o->dns_count == 0) {
        say("no DNS server: %s names none; give one with --dns ADDR", file);
        return EX_CONFIG;
    }
    config->dns = o->dns;
    config->dns_count = o->dns_count;
    return 0;
}

static int ca_failed(const char *file, const char *why)
{
    say("CA file %s: %s; nothing was sent (--ca FILE names another)", shown(file), why);
    return EX_CONFIG;
}

/* Maps the file; NULL, and it was said why not. */
static const char *map_ca(const char *file, size_t *len)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    void *text = MAP_FAILED;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0) {
        ca_failed(file, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        ca_failed(file, "it is not a regular file");
    } else if (st.st_size == 0) {
        ca_failed(file, "it is empty");
    } else {
        *len = (size_t)st.st_size;
        text = mmap(NULL, *len, PROT_READ, MAP_PRIVATE, fd, 0);
        if (text == MAP_FAILED) {
            ca_failed(file, strerror(errno));
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return text != MAP_FAILED ? text : NULL;
}

/* A table of trust anchors is used where it is mapped (`make trust` makes one); of a PEM file one is made, and the
 * pages of it that nobody looks at are none. */
static int trust(struct sts_wolfssl *wolf, const char *file, const char *text, size_t len)
{
    struct sts_wolfssl_made made;
    void *table;

    if (len >= 4 && memcmp(text, STS_WOLFSSL_TABLE_MAGIC, 4) == 0) {
        if (sts_wolfssl_trust_table(wolf, text, len) < 1) {
            return ca_failed(file,
                             "it is a table of no roots, a damaged one, or of another version");
        }
        return 0;
    }
    table = keep(len + 16);
    if (sts_wolfssl_table_make(text, len, table, len + 16, &made) < 1 ||
        sts_wolfssl_trust_table(wolf, table, made.size) < 1) {
        return ca_failed(file, made.unfit > 0 ? "it holds no certificate of a CA for servers"
                                              : "it holds no certificate");
    }
    if (made.unreadable > 0) {
        say("CA file %s: %u of its certificates cannot be read; the others are used", shown(file),
            made.unreadable);
    }
    return 0;
}

static int setup_trust(const struct options *o, struct sts_mailer_config *config)
{
    static struct sts_wolfssl wolf;
    static _Alignas(16) uint8_t pool[STS_WOLFSSL_POOL];
    const char *file = o->ca != NULL ? o->ca : "/etc/ssl/certs/ca-certificates.crt";
    size_t len = 0;
    const char *text = map_ca(file, &len);
    int error;

    if (text == NULL) {
        return EX_CONFIG;
    }
    error = sts_wolfssl_init(&wolf, pool, sizeof pool, &sts_posix_random);
    if (error != STS_OK) {
        say("TLS cannot start: %s", sts_err_text(error));
        return EX_TEMPFAIL;
    }
    config->tls = &wolf.tls;
    return trust(&wolf, file, text, len);
}

static void setup_floors(const struct options *o, struct sts_mailer_config *config)
{
    size_t n = 0;
    struct sts_domain_floor *floors;

    for (const struct floor_rule *f = o->floors; f != NULL; f = f->next) {
        n++;
    }
    floors = keep((n + 1) * sizeof *floors);
    for (const struct floor_rule *f = o->floors; f != NULL; f = f->next) {
        if (f->domain[0] == '\0') {
            config->floor = f->level;
            continue;
        }
        floors[config->floors_count].domain = f->domain;
        floors[config->floors_count++].floor = f->level;
    }
    config->floors = floors;
}

/* Newest first, so that the last one given for a domain is the one that is found. */
static void setup_provisions(const struct options *o, struct sts_mailer_config *config)
{
    size_t n = 0;
    struct sts_provisioned *list;

    for (const struct provision *p = o->provisions; p != NULL; p = p->next) {
        n++;
    }
    list = keep((n + 1) * sizeof *list);
    for (const struct provision *p = o->provisions; p != NULL; p = p->next) {
        list[config->provisioned_count].domain = p->domain;
        list[config->provisioned_count++].policy = &p->policy;
    }
    config->provisioned = list;
}

uint8_t setup_floor(const struct options *o, const char *domain)
{
    uint8_t floor = STS_FLOOR_OPPORTUNISTIC;

    for (const struct floor_rule *f = o->floors; f != NULL; f = f->next) {
        if ((f->domain[0] == '\0' || strcmp(f->domain, domain) == 0) && f->level > floor) {
            floor = f->level;
        }
    }
    return floor;
}

const struct sts_policy *setup_policy(const struct options *o, const char *domain)
{
    const struct provision *p = o->provisions;

    while (p != NULL && strcmp(p->domain, domain) != 0) {
        p = p->next;
    }
    return p != NULL ? &p->policy : NULL;
}

int setup_mailer(struct options *o, struct sts_mailer_config *config)
{
    int status = setup_dns(o, config);
    int error;

    status = status != 0 ? status : setup_trust(o, config);
    if (status != 0) {
        return status;
    }
    status = setup_dkim(o, config->tls->ctx, config);
    if (status != 0) {
        return status;
    }
    config->net = net_start();
    if (config->net == NULL) {
        return EX_CONFIG;
    }
    config->random = &sts_posix_random;
    config->store = setup_store(o);
    config->log = setup_log(o);
    config->timeout_s = o->timeout_s;
    config->smtp_port = (uint16_t)o->smtp_port;
    config->https_port = (uint16_t)o->https_port;
    setup_floors(o, config);
    setup_provisions(o, config);
    status = report_setup(o, config);
    if (status != 0) {
        return status;
    }
    error = sts_mailer_init(&mailer, config);
    if (error != STS_OK) {
        say("%s: %s", sts_err_text(error), sts_err_hint(error));
        return EX_CONFIG;
    }
    return 0;
}
