/* SPDX-License-Identifier: MIT
 *
 * The notice to whoever called us as sendmail and was told that the message is taken, when it fails for good after
 * all (RFC 5321 6.1): from the null sender, so that no notice is ever about a notice. It goes through the queue itself, before the queue
 * is polled again: killed before that, the next run is told again of what failed. So there are two at the most.
 */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stsmail/posix.h>

static struct notice {
    struct notice *next;
    char *to, *text;
} * notices;

/* "ops@example.org\n    550 5.1.1 No such user\n", for each that failed. */
static char *reasons(const struct sts_queue_entry *e)
{
    size_t size = 1, at = 0;
    char *text;

    for (size_t i = 0; i < e->count; i++) {
        size += strlen(e->recipients[i].address) + STS_REPLY_SIZE + 200;
    }
    text = keep(size);
    for (size_t i = 0; i < e->count; i++) {
        const struct sts_recipient *r = &e->recipients[i];

        if (r->error != STS_OK) {
            at += (size_t)snprintf(text + at, size - at, "    %s\n        %.150s\n", r->address,
                                   r->reply[0] != '\0' ? r->reply : sts_err_text(r->error));
        }
    }
    return text;
}

void notice_note(const struct sts_queue_entry *entry)
{
    static const char form[] = "The message %s could not be delivered to\n\n%s\n"
                               "It is kept, and not tried again: `stsmail queue list` shows it, "
                               "`stsmail queue drop %s` forgets it.\n";
    char *why = reasons(entry);
    size_t size = sizeof form + strlen(why) + 2 * STS_QUEUE_ID_SIZE;
    struct notice *n;

    if (entry->sender[0] == '\0') {
        return;
    }
    n = keep(sizeof *n);
    n->text = keep(size);
    snprintf(n->text, size, form, entry->id, why, entry->id);
    n->to = keep_text(entry->sender, strlen(entry->sender));
    n->next = notices;
    notices = n;
}

static void send_one(struct sts_queue *queue, const struct notice *n, const char *hostname)
{
    char from[ADDRESS_SIZE], message_id[STS_NAME_SIZE + 40], id[STS_QUEUE_ID_SIZE];
    const char *to = n->to;
    struct sts_recipient recipient = {.address = n->to};
    struct sts_message message = {.from = from,
                                  .from_name = "Mail Delivery System",
                                  .to = &to,
                                  .to_count = 1,
                                  .subject = "Undelivered mail",
                                  .body = n->text,
                                  .message_id = message_id};
    struct sts_queue_mail mail = {
        .sender = "", .recipients = &recipient, .count = 1, .message = &message};
    struct sts_time now;
    uint64_t number = 0;
    int error;

    time_now(&now);
    message.date_s = now.trust != STS_CLOCK_UNSET ? now.utc_s : 0;
    error = sts_posix_random.fill(NULL, &number, sizeof number);
    snprintf(from, sizeof from, "MAILER-DAEMON@%s", hostname);
    snprintf(message_id, sizeof message_id, "%016llx.notice@%s", (unsigned long long)number,
             hostname);
    error = error != STS_OK ? error : sts_queue_add(queue, &mail, &now, id);
    if (error != STS_OK) {
        say("the notice to %s cannot be kept: %s", shown(n->to), sts_err_text(error));
    }
}

void notice_send(struct sts_queue *queue, const char *hostname)
{
    while (notices != NULL) {
        struct notice *n = notices;

        notices = n->next;
        send_one(queue, n, hostname);
    }
}
