/* SPDX-License-Identifier: MIT
 *
 * The options, as one table: name, what its value is, which commands take it. The command line and the
 * configuration file are read by the same functions, so what one takes the other takes too.
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <stsmail/engine/text.h>

enum kind {
    K_TEXT,   /* any text; the last counts */
    K_NUMBER, /* 1..max */
    K_FLAG,   /* no value; in a file also yes and no */
    K_REQUIRE_TLS,
    K_DNS,
    K_FLOOR,
    K_POLICY,
    K_TEXTS, /* any text; all count */
    K_NET,   /* for a program with a network stack of its own */
    K_LATER, /* of a part that this version does not have */
};

struct option {
    const char *name;
    uint8_t kind;
    uint16_t commands; /* enum command */
    uint16_t offset;   /* of the member of struct options */
    uint32_t max;
};

#define AT(member) offsetof(struct options, member)
#define MAIL       (CMD_SEND | CMD_CACHE | CMD_QUEUE) /* the commands that use the mailer */
#define LOOK       (MAIL | CMD_CHECK)
#define NET        (LOOK | CMD_PUBLISH) /* the commands that ask the network */

static const struct option table[] = {
    {"from", K_TEXT, CMD_SEND, AT(from), 0},
    {"hostname", K_TEXT, LOOK | CMD_REPORT, AT(hostname), 0},
    {"dns", K_DNS, NET, 0, 0},
    {"ca", K_TEXT, LOOK, AT(ca), 0},
    {"state", K_TEXT, LOOK | CMD_REPORT, AT(state), 0},
    {"policy", K_POLICY, MAIL, 0, 0},
    {"smtp-port", K_NUMBER, LOOK, AT(smtp_port), 65535},
    {"https-port", K_NUMBER, LOOK, AT(https_port), 65535},
    {"timeout", K_NUMBER, NET, AT(timeout_s), 86400},
    {"floor", K_FLOOR, MAIL, 0, 0},
    {"require-tls", K_REQUIRE_TLS, MAIL, 0, 0},
    {"tap", K_NET, NET, 0, 0},
    {"ip", K_NET, NET, 0, 0},
    {"ip6", K_NET, NET, 0, 0},
    {"gateway", K_NET, NET, 0, 0},
    {"subject", K_TEXT, CMD_SEND, AT(subject), 0},
    {"body", K_TEXT, CMD_SEND, AT(body), 0},
    {"to", K_TEXT, CMD_SEND, AT(to), 0},
    {"queue", K_FLAG, CMD_SEND, AT(queue), 0},
    {"due", K_FLAG, CMD_QUEUE, AT(due), 0},
    {"every", K_NUMBER, CMD_QUEUE, AT(every_s), 86400},
    {"mx", K_TEXTS, CMD_MATCH | CMD_PUBLISH, AT(patterns), 0},
    {"rua", K_TEXTS, CMD_PUBLISH, AT(rua), 0},
    {"mode", K_TEXT, CMD_PUBLISH, AT(mode), 0},
    {"max-age", K_NUMBER, CMD_PUBLISH, AT(max_age_s), STS_MAX_AGE_MAX},
    {"web", K_TEXT, CMD_PUBLISH, AT(web), 0},
    {"nginx", K_FLAG, CMD_PUBLISH, AT(nginx), 0},
    {"caddy", K_FLAG, CMD_PUBLISH, AT(caddy), 0},
    {"zone", K_FLAG, CMD_PUBLISH, AT(zone), 0},
    {"config", K_TEXT, CMD_ALL, AT(config), 0},
    {"json", K_FLAG, CMD_ALL, AT(json), 0},
    {"help", K_FLAG, CMD_ALL, AT(help), 0},
    {"relay", K_LATER, CMD_ALL, 0, 0},
    {"relay-tls", K_LATER, CMD_ALL, 0, 0},
    {"auth", K_LATER, CMD_ALL, 0, 0},
    {"auth-user", K_LATER, CMD_ALL, 0, 0},
    {"auth-secret-file", K_LATER, CMD_ALL, 0, 0},
    {"attach", K_LATER, CMD_ALL, 0, 0},
    {"dkim-key", K_TEXT, CMD_SEND | CMD_QUEUE, AT(dkim_key), 0},
    {"dkim-selector", K_TEXT, CMD_SEND | CMD_QUEUE | CMD_CHECK | CMD_KEYGEN, AT(dkim_selector), 0},
    {"dkim-domain", K_TEXT, CMD_SEND | CMD_QUEUE | CMD_KEYGEN, AT(dkim_domain), 0},
    {"selector", K_TEXT, CMD_KEYGEN, AT(dkim_selector), 0},
    {"domain", K_TEXT, CMD_KEYGEN | CMD_REPORT, AT(dkim_domain), 0},
    {"type", K_TEXT, CMD_KEYGEN, AT(type), 0},
    {"out", K_TEXT, CMD_KEYGEN, AT(out), 0},
    {"report-org", K_TEXT, MAIL | CMD_REPORT, AT(report_org), 0},
    {"report-contact", K_TEXT, MAIL | CMD_REPORT, AT(report_contact), 0},
    {"report-lan", K_FLAG, MAIL | CMD_REPORT, AT(report_lan), 0},
};

#define TABLE_SIZE (sizeof table / sizeof table[0])

/* ---- names ----------------------------------------------------------------------------------- */

static const struct option *find(const char *name, size_t len)
{
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

/* How many letters have to be changed, put in or left out to make b of a (Levenshtein). */
static size_t distance(const char *a, size_t a_len, const char *b)
{
    size_t row[32], b_len = strlen(b);

    for (size_t j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (size_t i = 0; i < a_len; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < b_len; j++) {
            size_t best = diagonal + (a[i] != b[j]);

            diagonal = row[j + 1];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j + 1] = diagonal + 1 < best ? diagonal + 1 : best;
        }
    }
    return row[b_len];
}

/* The name that was probably meant, or NULL. */
static const char *nearest(const char *name, size_t len)
{
    const char *best = NULL;
    size_t least = 3;

    for (size_t i = 0; i < TABLE_SIZE; i++) {
        size_t d = distance(name, len, table[i].name);

        if (d < least && d < len) {
            least = d;
            best = table[i].name;
        }
    }
    return best;
}

static const char *dashes(const struct where *where)
{
    return where->file == NULL ? "--" : "";
}

static int unknown(const struct where *where, const char *name, size_t len)
{
    char text[64];
    const char *near;

    snprintf(text, sizeof text, "%.*s", (int)(len < 60 ? len : 60), name);
    near = nearest(text, strlen(text));
    if (near != NULL) {
        return say_setting(where, "there is no option %s%s; did you mean %s%s?", dashes(where),
                           shown(text), dashes(where), near);
    }
    return say_setting(where, "there is no option %s%s; `stsmail help` lists them", dashes(where),
                       shown(text));
}

/* ---- values ---------------------------------------------------------------------------------- */

static int set_dns(struct options *o, const struct where *where, const char *value)
{
    struct sts_endpoint server;

    if (!endpoint_parse(value, 53, &server)) {
        return say_setting(where, "dns: \"%s\" is not ADDR, ADDR:PORT or [IPv6]:PORT",
                           shown(value));
    }
    if (where->file == NULL && !o->dns_command_line) {
        o->dns_count = 0; /* the command line wins */
        o->dns_command_line = true;
    }
    if (o->dns_count == STS_DNS_SERVERS) {
        return say_setting(where, "dns: more than %d servers", STS_DNS_SERVERS);
    }
    o->dns[o->dns_count++] = server;
    return 0;
}

/* Within one place the strictest counts; the command line replaces what the file says of the same
 * domain. */
static int add_floor(struct options *o, const struct where *where, uint8_t level,
                     const char *domain)
{
    bool command_line = where->file == NULL;
    struct floor_rule *f = o->floors;

    while (f != NULL && strcmp(f->domain, domain) != 0) {
        f = f->next;
    }
    if (f == NULL) {
        f = keep(sizeof *f);
        strcpy(f->domain, domain);
        f->next = o->floors;
        o->floors = f;
    } else if (f->command_line == command_line && f->level > level) {
        return 0;
    }
    f->level = level;
    f->command_line = command_line;
    return 0;
}

static int set_floor(struct options *o, const struct where *where, const char *value)
{
    static const char *const levels[] = {"opportunistic", "encrypted", "verified", "policy"};
    const char *at = strchr(value, '@');
    size_t len = at != NULL ? (size_t)(at - value) : strlen(value);
    char domain[STS_NAME_SIZE] = "";

    if (at != NULL && !domain_canon(at + 1, strlen(at + 1), domain)) {
        return say_setting(where, "floor: \"%s\" is not a domain name", shown(at + 1));
    }
    for (uint8_t i = 0; i < 4; i++) {
        if (strlen(levels[i]) == len && memcmp(levels[i], value, len) == 0) {
            return add_floor(o, where, i, domain);
        }
    }
    return say_setting(where,
                       "floor: \"%s\" is not opportunistic, encrypted, verified or policy, with "
                       "@DOMAIN or without",
                       shown(value));
}

/* DOMAIN=FILE. The newest for a domain counts: it is put in front, and found first. */
static int set_policy(struct options *o, const struct where *where, const char *value)
{
    const char *equals = strchr(value, '=');
    struct provision *p = keep(sizeof *p);
    struct policy_fault fault;
    int fd, status;

    if (equals == NULL || equals[1] == '\0') {
        return say_setting(where, "policy: \"%s\" is not DOMAIN=FILE", shown(value));
    }
    if (!domain_canon(value, (size_t)(equals - value), p->domain)) {
        return say_setting(where, "policy: \"%s\" does not begin with a domain name", shown(value));
    }
    fd = open(equals + 1, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        say("policy of %s: %s: %s", p->domain, shown(equals + 1), strerror(errno));
        return EX_CONFIG;
    }
    status = policy_read(fd, equals + 1, &p->policy, &fault);
    close(fd);
    if (status != 0) {
        return status == EX_IOERR ? EX_CONFIG : status;
    }
    p->next = o->provisions;
    o->provisions = p;
    return 0;
}

static int add_text(struct texts *list, const char *value)
{
    if (list->count == list->room) {
        char **more = keep((list->room * 2 + 8) * sizeof *more);

        if (list->count > 0) {
            memcpy(more, list->at, list->count * sizeof *more);
        }
        list->at = more;
        list->room = list->room * 2 + 8;
    }
    list->at[list->count++] = keep_text(value, strlen(value));
    return 0;
}

static int set_flag(bool *flag, const struct where *where, const char *name, const char *value)
{
    if (value != NULL && where->file == NULL) {
        return say_setting(where, "--%s takes no value", name);
    }
    if (value != NULL && strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
        return say_setting(where, "%s: yes or no, not \"%s\"", name, shown(value));
    }
    *flag = value == NULL || strcmp(value, "yes") == 0;
    return 0;
}

static int set_number(uint32_t *number, const struct where *where, const struct option *option,
                      const char *value)
{
    uint64_t n;

    if (sts_get_number(value, strlen(value), option->max, &n) != STS_OK || n == 0) {
        return say_setting(where, "%s: \"%s\" is not a whole number from 1 to %lu", option->name,
                           shown(value), (unsigned long)option->max);
    }
    *number = (uint32_t)n;
    return 0;
}

static bool takes_value(const struct option *option)
{
    return option->kind != K_FLAG && option->kind != K_REQUIRE_TLS && option->kind != K_LATER;
}

bool options_value(const char *name)
{
    const struct option *option = find(name, strlen(name));

    return option != NULL && takes_value(option);
}

static int apply(struct options *o, const struct where *where, const struct option *option,
                 const char *value)
{
    char *member = (char *)o + option->offset;
    bool flag = false;
    int status;

    if (option->commands == CMD_QUEUE && where->file == NULL && !o->run_given) {
        o->run_given = true; /* the command line wins: --due over the file's every */
        o->due = false;
        o->every_s = 0;
    }
    switch (option->kind) {
    case K_TEXT: *(const char **)(void *)member = value; return 0;
    case K_NUMBER: return set_number((uint32_t *)(void *)member, where, option, value);
    case K_FLAG: return set_flag((bool *)(void *)member, where, option->name, value);
    case K_REQUIRE_TLS: /* the same as --floor policy */
        status = set_flag(&flag, where, option->name, value);
        return status == 0 && flag ? add_floor(o, where, STS_FLOOR_POLICY, "") : status;
    case K_DNS: return set_dns(o, where, value);
    case K_FLOOR: return set_floor(o, where, value);
    case K_POLICY: return set_policy(o, where, value);
    case K_TEXTS: return add_text((struct texts *)(void *)member, value);
    case K_NET: return net_option(where, option->name, value);
    default: /* K_LATER */
        say_setting(where, "%s%s is not in this version of stsmail; nothing was done",
                    dashes(where), option->name);
        return EX_USAGE;
    }
}

int options_set(struct options *o, const struct where *where, const char *name, const char *value)
{
    const struct option *option = find(name, strlen(name));

    if (option == NULL || option->offset == AT(config) || option->offset == AT(help)) {
        return unknown(where, name, strlen(name));
    }
    if (takes_value(option) && value == NULL) {
        return say_setting(where, "%s needs a value", name);
    }
    /* The file is for all commands: what this one does not use is for another. */
    return (option->commands & o->command) != 0 ? apply(o, where, option, value) : 0;
}

/* ---- the command line ------------------------------------------------------------------------ */

static const struct where command_line = {NULL, 0};

/* One pass over the arguments: the first looks for --config and --help only, since the file is to be read before
 * the options that win over it. */
struct pass {
    struct options *o;
    char **argv;
    int argc, at;
    bool first;
};

static int short_options(struct pass *p, const char *letters)
{
    for (; *letters != '\0'; letters++) {
        if (*letters == 'h') {
            p->o->help = true;
        } else if (*letters == 'v') {
            p->o->verbose += p->first && p->o->verbose < 2;
        } else {
            return say_setting(&command_line, "there is no option -%s; `stsmail help` lists them",
                               shown(letters));
        }
    }
    return 0;
}

static int long_option(struct pass *p, const char *text)
{
    size_t len = strcspn(text, "=");
    const struct option *option = find(text, len);
    const char *value = text[len] == '=' ? text + len + 1 : NULL;
    bool early;

    if (option == NULL) {
        return unknown(&command_line, text, len);
    }
    if (option->kind != K_LATER && (option->commands & p->o->command) == 0) {
        return say_setting(&command_line, "this command does not take --%s", option->name);
    }
    if (takes_value(option) && value == NULL) {
        if (p->at == p->argc) {
            return say_setting(&command_line, "--%s needs a value", option->name);
        }
        value = p->argv[p->at++];
    }
    early = option->offset == AT(config) || option->offset == AT(help) || option->kind == K_LATER;
    return early == p->first ? apply(p->o, &command_line, option, value) : 0;
}

static int pass(struct options *o, int argc, char **argv, bool first)
{
    struct pass p = {.o = o, .argv = argv, .argc = argc, .first = first};
    bool only_arguments = false;
    int status = 0;

    o->args_count = 0;
    while (p.at < argc && status == 0) {
        char *arg = argv[p.at++];

        if (only_arguments || arg[0] != '-' || arg[1] == '\0') {
            o->args[o->args_count++] = arg;
        } else if (strcmp(arg, "--") == 0) {
            only_arguments = true;
        } else if (arg[1] == '-') {
            status = long_option(&p, arg + 2);
        } else {
            status = short_options(&p, arg + 1);
        }
    }
    return status;
}

int options_read(struct options *o, int argc, char **argv)
{
    static const char default_config[] = "/etc/stsmail.conf";
    int status;

    o->args = keep(((size_t)argc + 1) * sizeof *o->args);
    status = pass(o, argc, argv, true);
    if (status != 0 || o->help) {
        return status;
    }
    if (o->config != NULL) {
        status = config_read(o, o->config, true);
    } else if ((o->command & NET) != 0) {
        status = config_read(o, default_config, false);
    }
    return status != 0 ? status : pass(o, argc, argv, false);
}
