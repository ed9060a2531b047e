/* SPDX-License-Identifier: MIT
 *
 * Questions to the DNS for commands that ask one thing after another (`check`, `publish`), and which large hosts a
 * name belongs to.
 */
#ifndef BOARDS_LINUX_LOOK_H
#define BOARDS_LINUX_LOOK_H

#include "cli.h"

#include <stsmail/engine/mx.h>
#include <stsmail/engine/resolver.h>
#include <stsmail/mailer.h>

/* A TXT record: its strings joined with nothing between. Any octets; text is NUL-ended too. */
struct look_txt {
    struct look_txt *next;
    size_t len;
    char *text;
};

/* Before any question. 0, or the exit status; it was said why. */
int look_start(struct options *o, const struct sts_mailer_config *config);

/* Asks, and waits for the answer, of which `answer` gets each record. What sts_resolver_result() says. */
int look_ask(const char *name, uint16_t type, sts_answer_fn *answer, void *ctx);

/* All TXT records of a name, in the order in which they came. What sts_resolver_result() says. */
int look_txt(const char *name, struct look_txt **records);

/* The addresses of a host, as sts_host_poll(). */
int look_host(const char *name, struct sts_host *host);

/* A name that stands in an MX record and that no mail can go to. */
struct look_bad {
    struct look_bad *next;
    char name[STS_NAME_SIZE];
};

/* The MX records of a domain. What sts_resolver_result() says. */
struct look_mx {
    struct sts_mx_list list;
    struct look_bad *bad;
    bool more; /* than the list holds: the least preferred are left out */
};
int look_mx(const char *domain, struct look_mx *mx);

/* Waits for `n` handles or the resolver, `ms` at most. */
void look_wait(const struct sts_wait *handles, size_t n, uint32_t ms);

/* The resolver, moved on once. */
struct sts_resolver *look_resolver(const struct sts_time *now);

/* A host that takes the mail of many, and what a policy of its customers lists. NULL: none that is known. */
struct provider {
    const char *suffix; /* of the names in MX records: the whole name, or what follows a dot */
    const char *name;
    const char *patterns; /* in words */
};
const struct provider *provider_of(const char *host);

#endif
