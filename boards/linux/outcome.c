/* SPDX-License-Identifier: MIT
 *
 * What happens at one domain, collected from the mailer's callbacks until it can be printed.
 */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void outcome_start(struct outcome *out, const char *domain)
{
    outcome_end(out);
    *out = (struct outcome){.domain = domain};
    out->last = &out->attempts;
}

void outcome_end(struct outcome *out)
{
    while (out->attempts != NULL) {
        struct tried *t = out->attempts;

        out->attempts = t->next;
        free(t);
    }
}

void outcome_decision(void *ctx, const struct sts_decision *decision)
{
    struct outcome *out = ctx;

    out->decision = *decision;
    out->decision.policy = NULL; /* it does not outlast the delivery */
    out->decided = true;
    report_decision(decision);
}

/* No memory for one: it is left out of the list, and the delivery goes on. */
void outcome_attempt(void *ctx, const struct sts_attempt *attempt)
{
    struct outcome *out = ctx;
    struct tried *t = calloc(1, sizeof *t);

    report_attempt(attempt);
    if (t == NULL) {
        return;
    }
    t->attempt = *attempt;
    snprintf(t->mx, sizeof t->mx, "%s", attempt->mx != NULL ? attempt->mx : "");
    snprintf(t->reply, sizeof t->reply, "%s", attempt->reply != NULL ? attempt->reply : "");
    t->attempt.mx = t->mx;
    t->attempt.reply = t->reply;
    *out->last = t;
    out->last = &t->next;
}
