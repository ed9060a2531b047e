/* SPDX-License-Identifier: MIT
 *
 * The commands that need no network: what a policy file means, what TXT records announce, what a policy
 * says of an MX host.
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <stsmail/engine/text.h>
#include <stsmail/policy.h>

/* ---- policy ---------------------------------------------------------------------------------- */

int policy_read(int fd, const char *name, struct sts_policy *policy, struct policy_fault *fault)
{
    struct sts_policy_parser parser;
    char buf[4096];
    ssize_t n;
    int error = STS_OK;

    sts_policy_start(&parser, policy);
    while (error == STS_OK && ((n = read(fd, buf, sizeof buf)) > 0 || (n < 0 && errno == EINTR))) {
        error = n > 0 ? sts_policy_feed(&parser, buf, (size_t)n) : STS_OK;
    }
    if (error == STS_OK && n < 0) {
        say("%s: %s", shown(name), strerror(errno));
        return EX_IOERR;
    }
    if (error == STS_OK) {
        error = sts_policy_end(&parser);
    }
    if (error != STS_OK) {
        *fault = (struct policy_fault){parser.line, sts_policy_reason(&parser)};
        say("%s, line %u: %s", shown(name), fault->line, fault->reason);
        return EX_DATAERR;
    }
    return 0;
}

static void policy_json(const struct sts_policy *policy)
{
    json_open(NULL, '{');
    json_bool("valid", true);
    json_text("version", "STSv1");
    json_text("mode", sts_mode_name(policy->mode));
    json_open("mx", '[');
    for (size_t i = 0; i < policy->mx_count; i++) {
        json_text(NULL, sts_policy_mx(policy, i));
    }
    json_close(']');
    json_number("max_age", policy->max_age_s);
    json_close('}');
    json_line();
}

static void policy_words(const struct sts_policy *policy)
{
    static const char *const meaning[] = {
        [STS_MODE_NONE] = "the domain withdraws its policy: mail goes out as without one",
        [STS_MODE_TESTING] = "mail goes out as without a policy; what falls short is reported",
        [STS_MODE_ENFORCE] = "mail goes only to these hosts, over verified TLS, or waits",
    };

    printf("A valid policy: version STSv1, mode %s\n", sts_mode_name(policy->mode));
    printf("  %s\n", meaning[policy->mode]);
    for (size_t i = 0; i < policy->mx_count; i++) {
        const char *mx = sts_policy_mx(policy, i);

        printf("  mx: %s%s\n", mx, mx[0] == '*' ? "  (any one label in place of \"*\")" : "");
    }
    if (policy->cut) {
        printf("  ... and more than this program keeps; an MX that is not listed is not used\n");
    }
    printf("  senders keep it for %s (max_age %lu)\n", duration(policy->max_age_s),
           (unsigned long)policy->max_age_s);
}

static void policy_invalid_json(const struct policy_fault *fault)
{
    json_open(NULL, '{');
    json_bool("valid", false);
    json_number("line", fault->line);
    json_text("reason", fault->reason);
    json_close('}');
    json_line();
}

int policy_command(struct options *o)
{
    static struct sts_policy policy;
    struct policy_fault fault;
    bool in = o->args_count == 0 || strcmp(o->args[0], "-") == 0;
    const char *name = in ? "standard input" : o->args[0];
    int fd, status;

    if (o->args_count > 1) {
        say("policy takes one file");
        return EX_USAGE;
    }
    fd = in ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        say("%s: %s", shown(name), strerror(errno));
        return EX_IOERR;
    }
    status = policy_read(fd, name, &policy, &fault);
    if (status == EX_DATAERR && o->json) {
        policy_invalid_json(&fault);
    } else if (status == 0 && o->json) {
        policy_json(&policy);
    } else if (status == 0) {
        policy_words(&policy);
    }
    return status;
}

/* ---- record ---------------------------------------------------------------------------------- */

int record_command(struct options *o)
{
    struct sts_record r;
    bool announced;

    sts_record_start(&r);
    for (size_t i = 0; i < o->args_count; i++) {
        sts_record_open(&r);
        sts_record_text(&r, o->args[i], strlen(o->args[i]));
        sts_record_close(&r);
    }
    announced = sts_record_result(&r) == STS_OK;
    if (o->json) {
        json_open(NULL, '{');
        json_bool("policy", announced);
        json_text(announced ? "id" : "reason", announced ? r.id : sts_record_reason(&r));
        json_close('}');
        json_line();
    } else if (announced) {
        printf("A policy is announced, id %s\n", r.id);
    }
    if (!announced) {
        say("no policy is announced: %s", sts_record_reason(&r));
    }
    return announced ? 0 : EX_DATAERR;
}

/* ---- match ----------------------------------------------------------------------------------- */

/* 0 or EX_DATAERR; root dot and case of the host do not count, a pattern stands as in a policy. */
static int match_input(const struct options *o, char host[STS_NAME_SIZE])
{
    if (sts_name_canon(o->args[0], strlen(o->args[0]), host) != STS_OK) {
        say("\"%s\" is not a host name", shown(o->args[0]));
        return EX_DATAERR;
    }
    for (size_t i = 0; i < o->patterns.count; i++) {
        if (!sts_pattern_valid(o->patterns.at[i], strlen(o->patterns.at[i]))) {
            say("\"%s\" cannot stand in an mx line: it is neither a name nor \"*.\" and a name "
                "(RFC 8461 3.2)",
                shown(o->patterns.at[i]));
            return EX_DATAERR;
        }
    }
    return 0;
}

int match_command(struct options *o)
{
    char host[STS_NAME_SIZE];
    const char *by = NULL;
    int status;

    if (o->args_count != 1) {
        say("match needs one host: stsmail match [--mx PATTERN]... HOST");
        return EX_USAGE;
    }
    status = match_input(o, host);
    if (status != 0) {
        return status;
    }
    for (size_t i = 0; by == NULL && i < o->patterns.count; i++) {
        const char *pattern = o->patterns.at[i];

        by = sts_match(pattern, strlen(pattern), host, strlen(host)) ? pattern : NULL;
    }
    if (o->json) {
        json_open(NULL, '{');
        json_bool("match", by != NULL);
        json_close('}');
        json_line();
    } else if (by != NULL) {
        printf("%s is allowed: it matches %s\n", host, by);
    } else {
        printf("%s is not allowed: no mx pattern matches it\n", host);
    }
    return by != NULL ? 0 : 1;
}
