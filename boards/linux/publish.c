/* SPDX-License-Identifier: MIT
 *
 * `stsmail publish DOMAIN`: what the owner of a domain has to publish, in the forms in which servers take it.
 */
#include "look.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <stsmail/engine/text.h>
#include <stsmail/policy.h>

#define DAY        86400u
#define WEEK       604800u
#define FILE_NAME  "/.well-known/mta-sts.txt"
#define NGINX_TEXT 3500u /* octets of a policy that fit a parameter of nginx (4096), escaped */

/* What is to be published. */
struct publication {
    struct options *o;
    char domain[STS_NAME_SIZE];
    struct sts_policy policy;
    char text[STS_POLICY_FILE_MAX + 1];
    char id[15];
    char *rua;       /* "URI,URI" */
    char record[64]; /* value of _mta-sts */
    char *reports;   /* value of _smtp._tls */
    char web[4096];  /* --web, as an absolute path; "" without */
};

/* ---- input ------------------------------------------------------------------------------------- */

static int read_mode(struct publication *p)
{
    static const char *const names[] = {"none", "testing", "enforce"};
    const char *mode = p->o->mode != NULL ? p->o->mode : "testing";

    for (uint8_t i = 0; i < 3; i++) {
        if (strcmp(mode, names[i]) == 0) {
            p->policy.mode = i;
            p->policy.max_age_s = p->o->max_age_s != 0    ? p->o->max_age_s
                                  : i == STS_MODE_ENFORCE ? WEEK
                                                          : DAY;
            return 0;
        }
    }
    say("--mode: \"%s\" is not testing, enforce or none", shown(mode));
    return EX_USAGE;
}

/* Once, whoever says it twice. False: there is no room. */
static bool add_pattern(struct sts_policy *policy, const char *pattern)
{
    size_t len = strlen(pattern) + 1;

    for (size_t i = 0; i < policy->mx_count; i++) {
        if (strcmp(sts_policy_mx(policy, i), pattern) == 0) {
            return true;
        }
    }
    /* The file has "mx: " and CRLF where this has a NUL. */
    if (policy->mx_len + len + 6 * (policy->mx_count + 1u) > STS_POLICY_FILE_MAX - 100) {
        return false;
    }
    memcpy(policy->mx + policy->mx_len, pattern, len);
    policy->mx_len += (uint32_t)len;
    policy->mx_count++;
    return true;
}

/* A pattern as a person writes it, U-labels and a root dot too. */
static bool canon_pattern(const char *text, char out[STS_NAME_SIZE + 2])
{
    size_t star = strncmp(text, "*.", 2) == 0 ? 2 : 0;

    memcpy(out, text, star);
    return domain_canon(text + star, strlen(text + star), out + star) &&
           sts_pattern_valid(out, strlen(out));
}

static int given_patterns(struct publication *p)
{
    char pattern[STS_NAME_SIZE + 2];

    for (size_t i = 0; i < p->o->patterns.count; i++) {
        const char *text = p->o->patterns.at[i];

        if (!canon_pattern(text, pattern)) {
            say("--mx: \"%s\" cannot stand in a policy: it is neither a host name nor \"*.\" and a "
                "domain",
                shown(text));
            return EX_DATAERR;
        }
        if (!add_pattern(&p->policy, pattern)) {
            say("too many hosts: a policy file has 64 KiB at most");
            return EX_DATAERR;
        }
    }
    return 0;
}

/* What the DNS said where it named no host. */
static int no_hosts(const struct publication *p, int result, const struct look_mx *mx)
{
    if (result == STS_ERR_NXDOMAIN) {
        say("there is no domain %s in the DNS", p->domain);
        return EX_UNAVAILABLE;
    }
    if (result != STS_OK && result != STS_ERR_ABSENT) {
        say("the DNS gives no answer about the MX records of %s: try again later, ask another "
            "server (--dns ADDR), or name the hosts (--mx HOST)",
            p->domain);
        return EX_TEMPFAIL;
    }
    if (mx->list.null && !mx->list.skipped) {
        say("%s takes no mail (a null MX): there is nothing to protect", p->domain);
    } else if (mx->list.skipped) {
        say("the MX records of %s name no host that mail can go to: correct them, or name the "
            "hosts "
            "(--mx HOST)",
            p->domain);
    } else {
        say("%s has no MX record: add one, or name the hosts that take its mail (--mx HOST)",
            p->domain);
    }
    return EX_DATAERR;
}

static int live_patterns(struct publication *p)
{
    static struct sts_mailer_config config;
    static struct look_mx mx;
    int status = setup_dns(p->o, &config), result;

    if (status != 0) {
        return status;
    }
    config.net = net_start();
    status = config.net == NULL ? EX_CONFIG : look_start(p->o, &config);
    if (status != 0) {
        return status;
    }
    result = look_mx(p->domain, &mx);
    if (result != STS_OK || mx.list.count == 0) {
        return no_hosts(p, result, &mx);
    }
    for (size_t i = 0; i < mx.list.count; i++) {
        (void)add_pattern(&p->policy, mx.list.mx[i].name); /* 64 names fit */
    }
    if (mx.list.skipped) {
        say("not all MX records of %s were taken: some name no host, or there are more than %d",
            p->domain, STS_MX_MAX);
    }
    return 0;
}

static int read_hosts(struct publication *p)
{
    if (p->o->patterns.count > 0) {
        return given_patterns(p);
    }
    return p->policy.mode == STS_MODE_NONE ? 0 : live_patterns(p);
}

/* RFC 8460 3: a URI whose "," "!" ";" are encoded; mailto and https. NULL, or what is wrong. */
static const char *rua_fault(const char *uri)
{
    char address[ADDRESS_SIZE], mailbox[ADDRESS_SIZE];
    size_t len;

    for (const char *at = uri; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~' || strchr(",!;\"\\<>", *at) != NULL) {
            return "a URI has no blanks, no quotes and only ASCII; \",\" is %2C, \"!\" %21, \";\" "
                   "%3B";
        }
    }
    if (strncasecmp(uri, "https://", 8) == 0) {
        len = strcspn(uri + 8, "/:?#");
        return sts_host_valid(uri + 8, len) ? NULL : "behind https:// comes a host name";
    }
    if (strncasecmp(uri, "mailto:", 7) != 0) {
        return "reports go to mailto:ADDRESS or https://HOST/PATH";
    }
    len = strcspn(uri + 7, "?");
    if (len >= sizeof mailbox) {
        return "the address is too long";
    }
    memcpy(mailbox, uri + 7, len);
    mailbox[len] = '\0';
    return address_canon(mailbox, false, address) == NULL ? NULL
                                                          : "behind mailto: comes a mail address";
}

static int read_rua(struct publication *p)
{
    size_t size = strlen(p->domain) + 32;
    char *out;

    for (size_t i = 0; i < p->o->rua.count; i++) {
        const char *fault = rua_fault(p->o->rua.at[i]);

        if (fault != NULL) {
            say("--rua: \"%s\": %s", shown(p->o->rua.at[i]), fault);
            return EX_DATAERR;
        }
        size += strlen(p->o->rua.at[i]) + 1;
    }
    p->rua = out = keep(size);
    if (p->o->rua.count == 0) {
        snprintf(out, size, "mailto:tls-reports@%s", p->domain);
    }
    for (size_t i = 0; i < p->o->rua.count; i++) {
        out += sprintf(out, "%s%s", i > 0 ? "," : "", p->o->rua.at[i]);
    }
    return 0;
}

static int read_domain(struct publication *p)
{
    if (p->o->args_count != 1) {
        say("publish needs one domain: stsmail publish [options] DOMAIN");
        return EX_USAGE;
    }
    if (!domain_canon(p->o->args[0], strlen(p->o->args[0]), p->domain)) {
        say("\"%s\" is not a domain name", shown(p->o->args[0]));
        return EX_DATAERR;
    }
    if (strlen(p->domain) + strlen("_smtp._tls.") >= STS_NAME_SIZE) {
        say("%s is too long: _smtp._tls.%s would be no name", p->domain, p->domain);
        return EX_DATAERR;
    }
    return 0;
}

/* ---- the file and the records --------------------------------------------------------------------- */

static int make_id(struct publication *p)
{
    struct sts_time now;
    struct tm tm;
    time_t t;

    time_now(&now);
    t = (time_t)now.utc_s;
    if (now.trust == STS_CLOCK_UNSET || gmtime_r(&t, &tm) == NULL ||
        strftime(p->id, sizeof p->id, "%Y%m%d%H%M%S", &tm) == 0) {
        say("the clock of this machine is not set: there would be no new id");
        return EX_TEMPFAIL;
    }
    return 0;
}

static void make_texts(struct publication *p)
{
    uint32_t at = 0;
    size_t len = 0, n, size = strlen(p->rua) + 32;

    while ((n = sts_policy_write(&p->policy, &at, p->text + len, sizeof p->text - 1 - len)) > 0) {
        len += n;
    }
    p->text[len] = '\0';
    snprintf(p->record, sizeof p->record, "v=STSv1; id=%s;", p->id);
    p->reports = keep(size);
    snprintf(p->reports, size, "v=TLSRPTv1; rua=%s", p->rua);
}

/* ---- --web ----------------------------------------------------------------------------------------- */

static int web_failed(const char *path)
{
    say("%s: %s; nothing was changed there", shown(path), strerror(errno));
    return EX_IOERR;
}

/* All of it, on the disk, or an error. */
static bool write_whole(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        text += n;
        len -= (size_t)n;
    }
    return fchmod(fd, 0644) == 0 && fsync(fd) == 0;
}

/* The file as a whole or not at all: web servers and senders read it at any time. */
static int write_web(struct publication *p)
{
    char *path = keep(strlen(p->web) + 64), *temporary = keep(strlen(p->web) + 64);
    int fd;
    bool good;

    sprintf(path, "%s/.well-known", p->web);
    if (mkdir(path, 0755) != 0 && errno != EEXIST) {
        return web_failed(path);
    }
    sprintf(path, "%s" FILE_NAME, p->web);
    sprintf(temporary, "%s.XXXXXX", path);
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        return web_failed(path);
    }
    good = write_whole(fd, p->text, strlen(p->text));
    good = close(fd) == 0 && good;
    if (!good || rename(temporary, path) != 0) {
        int error = errno;

        unlink(temporary);
        errno = error;
        return web_failed(path);
    }
    say("%s is written", shown(path));
    return 0;
}

static int read_web(struct publication *p)
{
    char *real;

    if (p->o->web == NULL) {
        return 0;
    }
    real = realpath(p->o->web, NULL);
    if (real == NULL) {
        return web_failed(p->o->web);
    }
    /* It stands in the configuration of web servers: no quoting there is needed for these. */
    if (strlen(real) >= sizeof p->web || strpbrk(real, " \t\r\n\"'\\;{}$`#") != NULL) {
        say("--web: %s: a path without blanks and punctuation, please: web servers read it too",
            shown(real));
        free(real);
        return EX_DATAERR;
    }
    strcpy(p->web, real);
    free(real);
    return 0;
}

/* ---- what is printed ------------------------------------------------------------------------------- */

/* A character-string of a zone file (RFC 1035 5.1), in pieces of 255 octets. */
static void print_strings(const char *value)
{
    size_t n = 0;

    putchar('"');
    for (; *value != '\0'; value++) {
        if (n > 0 && n % 255 == 0) {
            fputs("\" \"", stdout);
        }
        if (*value == '"' || *value == '\\') {
            putchar('\\');
        }
        putchar(*value);
        n++;
    }
    puts("\"");
}

static void print_zone(const struct publication *p)
{
    printf("; mta-sts.%s. needs an A or AAAA record (or a CNAME) of the web server.\n", p->domain);
    printf("_mta-sts.%s. 3600 IN TXT ", p->domain);
    print_strings(p->record);
    printf("_smtp._tls.%s. 3600 IN TXT ", p->domain);
    print_strings(p->reports);
}

/* The policy as a string of nginx's configuration. */
static void print_escaped(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\r') {
            fputs("\\r", stdout);
        } else if (*text == '\n') {
            fputs("\\n", stdout);
        } else {
            putchar(*text);
        }
    }
}

static void print_nginx(const struct publication *p)
{
    printf("server {\n"
           "    listen 443 ssl;\n"
           "    listen [::]:443 ssl;\n"
           "    server_name mta-sts.%s;\n"
           "    ssl_certificate /etc/letsencrypt/live/mta-sts.%s/fullchain.pem;\n"
           "    ssl_certificate_key /etc/letsencrypt/live/mta-sts.%s/privkey.pem;\n"
           "    ssl_protocols TLSv1.2 TLSv1.3;\n"
           "    location = " FILE_NAME " {\n"
           "        types { }\n"
           "        default_type text/plain;\n",
           p->domain, p->domain, p->domain);
    if (p->web[0] != '\0') {
        printf("        root %s;\n", p->web);
    } else {
        fputs("        return 200 \"", stdout);
        print_escaped(p->text);
        fputs("\";\n", stdout);
    }
    puts("    }\n"
         "    location / {\n"
         "        return 404;\n"
         "    }\n"
         "}");
}

/* Caddy fetches the certificate itself. A line ends in LF here, which a policy allows (RFC 8461 3.2). */
static void print_caddy(const struct publication *p)
{
    printf("mta-sts.%s {\n"
           "\theader " FILE_NAME " Content-Type text/plain\n",
           p->domain);
    if (p->web[0] != '\0') {
        printf("\thandle " FILE_NAME " {\n\t\troot * %s\n\t\tfile_server\n\t}\n", p->web);
    } else {
        fputs("\thandle " FILE_NAME " {\n\t\trespond `", stdout);
        for (const char *at = p->text; *at != '\0'; at++) {
            if (*at != '\r') {
                putchar(*at);
            }
        }
        fputs("`\n\t}\n", stdout);
    }
    puts("\thandle {\n\t\trespond 404\n\t}\n}");
}

static void json_record(const char *prefix, const char *domain, const char *value)
{
    char name[STS_NAME_SIZE + 16];

    snprintf(name, sizeof name, "%s%s", prefix, domain);
    json_open(NULL, '{');
    json_text("name", name);
    json_text("type", "TXT");
    json_text("value", value);
    json_close('}');
}

static void print_json(const struct publication *p)
{
    char url[STS_NAME_SIZE + 64];

    snprintf(url, sizeof url, "https://mta-sts.%s" FILE_NAME, p->domain);
    json_open(NULL, '{');
    json_text("domain", p->domain);
    json_text("policy_url", url);
    json_text("policy", p->text);
    json_open("records", '[');
    json_record("_mta-sts.", p->domain, p->record);
    json_record("_smtp._tls.", p->domain, p->reports);
    json_close(']');
    json_text("id", p->id);
    json_text("mode", sts_mode_name(p->policy.mode));
    json_number("max_age", p->policy.max_age_s);
    json_close('}');
    json_line();
}

static void print_file(const struct publication *p)
{
    printf("   https://mta-sts.%s" FILE_NAME "\n   (status 200, text/plain, a certificate for "
           "mta-sts.%s, no redirect):\n\n",
           p->domain, p->domain);
    for (const char *at = p->text; *at != '\0'; at += strcspn(at, "\n") + 1) {
        printf("      %.*s\n", (int)strcspn(at, "\r"), at);
    }
    putchar('\n');
}

static void print_records(const struct publication *p)
{
    printf("      _mta-sts.%s    TXT  %s\n", p->domain, p->record);
    printf("      _smtp._tls.%s  TXT  %s\n\n", p->domain, p->reports);
    if (p->o->rua.count == 0) {
        printf("   Reports go to tls-reports@%s: make that mailbox, or name another (--rua).\n",
               p->domain);
    }
}

/* What comes behind the file and the records. */
static void print_next(const struct publication *p)
{
    switch (p->policy.mode) {
    case STS_MODE_TESTING:
        printf("4. Read the reports for some weeks. Mail comes as before; they tell what enforce "
               "would stop.\n"
               "5. When they are clean: stsmail publish --mode enforce --max-age 604800 %s\n"
               "   First the new file, then the new id in the record. Later a longer max_age: "
               "2592000 is a month.\n"
               "6. To withdraw at any time: stsmail publish --mode none %s\n",
               p->domain, p->domain);
        break;
    case STS_MODE_ENFORCE:
        printf(
            "4. Mail now comes over verified TLS to these hosts alone. Before an MX changes, put "
            "the new host into\n"
            "   the file, give the record a new id, and wait a day.\n"
            "5. To withdraw: stsmail publish --mode none %s; never just remove it.\n",
            p->domain);
        break;
    default:
        puts("4. Keep file and record until the longest max_age that was ever published is over: "
             "until then senders\n"
             "   that hold the old policy come and look.\n"
             "5. Then remove the records and the policy host.");
        break;
    }
}

static void print_steps(const struct publication *p)
{
    puts("In this order:\n");
    if (p->policy.mode == STS_MODE_ENFORCE) {
        puts("0. Has mode testing run for some weeks with clean reports? If not, begin with it "
             "(--mode testing).\n");
    }
    puts("1. The policy file, at");
    print_file(p);
    puts("2. Then the records (the first tells senders that there is a new file, so it comes after "
         "the file):\n");
    print_records(p);
    printf("3. See whether all is well: stsmail check %s\n", p->domain);
    print_next(p);
}

static void print(const struct publication *p)
{
    const struct options *o = p->o;

    if (o->json) {
        print_json(p);
        return;
    }
    if (o->zone) {
        print_zone(p);
    }
    if (o->nginx) {
        print_nginx(p);
    }
    if (o->caddy) {
        print_caddy(p);
    }
    if (!o->zone && !o->nginx && !o->caddy) {
        print_steps(p);
    }
}

/* ---- the command ------------------------------------------------------------------------------- */

static void caution(const struct publication *p)
{
    if (p->policy.mode == STS_MODE_NONE) {
        return;
    }
    if (p->policy.max_age_s < DAY) {
        say("max_age %u is less than a day: it protects next to nothing",
            (unsigned)p->policy.max_age_s);
    } else if (p->policy.mode == STS_MODE_ENFORCE && p->policy.max_age_s < WEEK) {
        say("max_age %u is less than a week: take 604800 or more once enforce has proved itself",
            (unsigned)p->policy.max_age_s);
    }
}

int publish_command(struct options *o)
{
    static struct publication p;
    int status;

    p.o = o;
    status = read_domain(&p);
    status = status != 0 ? status : read_mode(&p);
    status = status != 0 ? status : read_rua(&p);
    status = status != 0 ? status : read_web(&p);
    status = status != 0 ? status : make_id(&p);
    status = status != 0 ? status : read_hosts(&p);
    if (status != 0) {
        return status;
    }
    make_texts(&p);
    if (o->nginx && p.web[0] == '\0' && strlen(p.text) > NGINX_TEXT) {
        say("the policy is too long for nginx's configuration: write it to a file (--web DIR)");
        return EX_USAGE;
    }
    status = p.web[0] != '\0' ? write_web(&p) : 0;
    if (status == 0) {
        caution(&p);
        print(&p);
    }
    return status;
}
