/* SPDX-License-Identifier: MIT
 *
 * The command line of an image: the options of `stsmail send` that make sense without a file system, and the
 * addresses of its network. The debugger joins its arguments by spaces, so a word with spaces stands in
 * "double quotes"; in them \" and \\ are what they seem, and \n is a new line.
 */
#include "board.h"

#include <string.h>

#include <stsmail/engine/text.h>

/* ---- values --------------------------------------------------------------------------------- */

static bool get_number(const char *text, uint64_t max, uint32_t *out)
{
    uint64_t n;

    if (sts_get_number(text, strlen(text), max, &n) != STS_OK || n == 0) {
        return false;
    }
    *out = (uint32_t)n;
    return true;
}

static bool get_ip(const char *text, size_t len, struct sts_ip *out)
{
    return sts_ip_parse(text, len, out) == STS_OK;
}

/* ADDR, ADDR:PORT or [ADDR]:PORT */
static bool get_endpoint(const char *text, struct sts_endpoint *out)
{
    const char *close = text[0] == '[' ? strchr(text, ']') : NULL;
    const char *end = close != NULL ? close : strchr(text, ':');
    uint32_t port = 53;

    out->port = 53;
    if (close == NULL && (end == NULL || strchr(end + 1, ':') != NULL)) {
        return get_ip(text, strlen(text), &out->ip);
    }
    if (!get_ip(text + (close != NULL), (size_t)(end - text) - (close != NULL), &out->ip)) {
        return false;
    }
    end += close != NULL;
    if (*end == ':' && !get_number(end + 1, 65535, &port)) {
        return false;
    }
    out->port = (uint16_t)port;
    return *end == ':' || *end == '\0';
}

static bool set_dns(struct args *a, char *value)
{
    return a->dns_count < STS_DNS_SERVERS && get_endpoint(value, &a->dns[a->dns_count++]);
}

/* ADDR/PREFIX */
static bool get_network(const char *text, uint8_t family, uint32_t max, struct sts_ip *ip,
                        uint32_t *prefix)
{
    const char *slash = strchr(text, '/');

    return slash != NULL && get_ip(text, (size_t)(slash - text), ip) && ip->family == family &&
           get_number(slash + 1, max, prefix);
}

static bool set_ip(struct args *a, char *value)
{
    uint32_t prefix = 0;

    a->addressed = true;
    a->dhcp = strcmp(value, "dhcp") == 0;
    if (!a->dhcp && !get_network(value, 4, 32, &a->ip, &prefix)) {
        return false;
    }
    a->prefix = (uint8_t)prefix;
    return true;
}

#if STS_IPV6
/* lwIP has no other length for an address that is given. */
static bool set_ip6(struct args *a, char *value)
{
    uint32_t prefix;

    a->addressed = true;
    a->slaac = strcmp(value, "auto") == 0;
    return a->slaac || (get_network(value, 6, 64, &a->ip6, &prefix) && prefix == 64);
}
#endif

static bool set_gateway(struct args *a, char *value)
{
    struct sts_ip ip;

    if (!get_ip(value, strlen(value), &ip)) {
        return false;
    }
#if STS_IPV6
    if (ip.family == 6) {
        a->gateway6 = ip;
        return true;
    }
#endif
    a->gateway = ip;
    return ip.family == 4;
}

static bool set_sntp(struct args *a, char *value)
{
    return get_ip(value, strlen(value), &a->sntp);
}

#if BOARD_POLICIES > 0
/* DOMAIN=FILE */
static bool set_policy(struct args *a, char *value)
{
    char *equals = strchr(value, '=');

    if (equals == NULL || a->policies_count == BOARD_POLICIES) {
        return false;
    }
    *equals = '\0';
    a->policies[a->policies_count].domain = value;
    a->policies[a->policies_count++].file = equals + 1;
    return true;
}
#endif

/* LEVEL[@DOMAIN] */
static bool set_floor(struct args *a, char *value)
{
    static const char *const levels[] = {"opportunistic", "encrypted", "verified", "policy"};
    char *at = strchr(value, '@');

    if (at != NULL) {
        *at = '\0';
    }
    for (uint8_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(value, levels[i]) != 0) {
            continue;
        }
        if (at == NULL) {
            a->floor = i;
            return true;
        }
        if (a->floors_count == ARGS_RECIPIENTS) {
            return false;
        }
        a->floors[a->floors_count].domain = at + 1;
        a->floors[a->floors_count++].floor = i;
        return true;
    }
    return false;
}

static bool set_now(struct args *a, char *value)
{
    uint64_t n;

    if (sts_get_number(value, strlen(value), INT64_MAX, &n) != STS_OK) {
        return false;
    }
    a->now = (int64_t)n;
    return true;
}

/* ---- options -------------------------------------------------------------------------------- */

enum kind {
    TEXT,   /* a member: const char * */
    NUMBER, /* a member: uint32_t */
    CALL,   /* a function */
    FLAG,   /* no value; true, or nothing at all */
};

struct option {
    const char *name;
    uint8_t kind;
    uint16_t offset;
    bool (*set)(struct args *a, char *value);
};

#define AT(member) (uint16_t) offsetof(struct args, member)

static const struct option table[] = {
    {"--from", TEXT, AT(from), NULL},
    {"--hostname", TEXT, AT(hostname), NULL},
    {"--subject", TEXT, AT(subject), NULL},
    {"--body", TEXT, AT(body), NULL},
    {"--to", TEXT, AT(to_header), NULL},
    {"--message", TEXT, AT(message),
     NULL}, /* a file of the debugger's host, instead of standard input */
    {"--dns", CALL, 0, set_dns},
    {"--floor", CALL, 0, set_floor},
    {"--ip", CALL, 0, set_ip},
#if STS_IPV6
    {"--ip6", CALL, 0, set_ip6},
#endif
    {"--gateway", CALL, 0, set_gateway},
    {"--now", CALL, 0, set_now}, /* seconds since 1970, as an RTC would say */
    {"--sntp", CALL, 0, set_sntp},
#if BOARD_POLICIES > 0
    {"--policy", CALL, 0, set_policy},
#endif
#if BOARD_STORE
    {"--flash", TEXT, AT(flash), NULL},
    {"--queue", FLAG, AT(queue), NULL},
#endif
#if STS_DKIM
    {"--dkim-key", TEXT, AT(dkim_key), NULL}, /* a file of the debugger's host */
    {"--dkim-selector", TEXT, AT(dkim_selector), NULL},
    {"--dkim-domain", TEXT, AT(dkim_domain), NULL},
#endif
#if BOARD_TLSRPT
    {"--report-org", TEXT, AT(report_org), NULL},
    {"--report-contact", TEXT, AT(report_contact), NULL},
    {"--report-lan", FLAG, AT(report_lan), NULL},
#endif
    {"--timeout", NUMBER, AT(timeout_s), NULL},
    {"--smtp-port", NUMBER, AT(smtp_port), NULL},
    {"--https-port", NUMBER, AT(https_port), NULL},
    {"-v", FLAG, AT(verbose), NULL},
    {"--json", FLAG, AT(json), NULL}, /* there is nothing else */
};

static const struct option *find(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

static bool apply(struct args *a, const struct option *o, char *value)
{
    char *base = (char *)a;

    switch (o->kind) {
    case TEXT: *(const char **)(void *)(base + o->offset) = value; return true;
    case NUMBER: return get_number(value, 86400, (uint32_t *)(void *)(base + o->offset));
    default: return o->set(a, value);
    }
}

/* ---- words ---------------------------------------------------------------------------------- */

/* The next word, decoded in place and NUL-ended; NULL at the end. */
static char *word(char **at)
{
    char *out, *start;
    bool quoted = false;

    while (**at == ' ') {
        (*at)++;
    }
    if (**at == '\0') {
        return NULL;
    }
    for (start = out = *at; **at != '\0' && (quoted || **at != ' '); (*at)++) {
        if (**at == '"') {
            quoted = !quoted;
            continue;
        }
        if (**at == '\\' && quoted && (*at)[1] != '\0') {
            (*at)++;
            *out++ = **at == 'n' ? '\n' : **at;
            continue;
        }
        *out++ = **at;
    }
    if (**at != '\0') {
        (*at)++;
    }
    *out = '\0';
    return start;
}

/* "send", and "queue run" where there is a queue. */
static bool command(struct args *a, const char *name)
{
#if BOARD_STORE
    if (strcmp(name, "queue") == 0 || strcmp(name, "run") == 0) {
        return a->run = true;
    }
#endif
    (void)a;
    return strcmp(name, "send") == 0;
}

const char *args_read(struct args *a, char *line)
{
    char *name, *value;

    memset(a, 0, sizeof *a);
    a->now = -1;
    (void)word(&line); /* the program's own name */
    while ((name = word(&line)) != NULL) {
        const struct option *o = find(name);

        if (o == NULL && name[0] != '-') {
            if (a->to_count == 0 && command(a, name)) {
                continue;
            }
            if (a->to_count == ARGS_RECIPIENTS) {
                return "too many recipients";
            }
            a->to[a->to_count++] = name;
            continue;
        }
        if (o != NULL && o->kind == FLAG) {
            *((bool *)a + o->offset) = true;
            continue;
        }
        value = word(&line);
        if (o == NULL || value == NULL || !apply(a, o, value)) {
            return name;
        }
    }
    return NULL;
}
