/* SPDX-License-Identifier: MIT
 *
 * `send --queue` and `queue run` on a board: the alert is in flash before anything is asked of the network, and goes out from
 * there, in this run or in one after a reset. A product calls the same from its loop, and never stops.
 */
#include "board.h"

#if BOARD_STORE

#include <string.h>

#include <stsmail/queue.h>

static struct sts_queue queue;
static struct {
    const struct sts_recipient *tried;
    size_t count;
    int status; /* the worst of the tries of this run */
} now_sent;

static const char *domain_of(const char *address)
{
    return strrchr(address, '@') + 1;
}

static int on_send(void *ctx, const struct sts_queue_entry *entry, const struct sts_source *extra,
                   struct sts_mail *mail)
{
    (void)ctx, (void)entry, (void)extra;
    now_sent.tried = mail->recipients;
    now_sent.count = mail->count;
    report_begin(domain_of(mail->recipients[0].address));
    return STS_OK;
}

static void on_outcome(void *ctx, const struct sts_queue_entry *entry, const char *domain,
                       int error)
{
    int status;

    (void)ctx, (void)domain;
    status = report_end(now_sent.tried, now_sent.count, error,
                        entry->state == STS_QUEUE_WAITING ? entry->id : NULL);
    now_sent.status = status > now_sent.status ? status : now_sent.status;
}

int queue_start(const struct sts_store *store, struct sts_mailer *mailer)
{
    static struct sts_queue_config config = {
        .random = &board_random,
        .on_outcome = on_outcome,
        .on_send = on_send,
        .spread_s =
            1, /* a product leaves it: a fleet whose power comes back is spread over 5 minutes */
    };
    int error;

    if (store == NULL) {
        return refuse(STS_ERR_CONFIG, "the queue needs --flash FILE", "");
    }
    config.mailer = mailer;
    config.store = store;
    config.message_store = store_for_messages();
    error = sts_queue_init(&queue, &config);
    return error == STS_OK ? STS_OK
                           : refuse(error, "the queue cannot be read: ", sts_err_text(error));
}

/* The floor of the strictest recipient holds for all: the queue keeps one a message. */
static uint8_t floor_of_all(void)
{
    uint8_t floor = args.floor;

    for (size_t i = 0; i < args.floors_count; i++) {
        floor = args.floors[i].floor > floor ? args.floors[i].floor : floor;
    }
    return floor;
}

int queue_add(const struct sts_message *message)
{
    struct sts_recipient to[ARGS_RECIPIENTS] = {0};
    struct sts_message kept = *message;
    struct sts_queue_mail mail = {
        .sender = args.from, .recipients = to, .count = args.to_count, .message = &kept};
    struct sts_time now;
    char id[STS_QUEUE_ID_SIZE];
    int error;

    clock_now(&now);
    kept.date_s = now.trust == STS_CLOCK_UNSET ? 0 : now.utc_s;
    mail.floor = floor_of_all();
    for (size_t i = 0; i < args.to_count; i++) {
        to[i].address = args.to[i];
    }
    error = sts_queue_add(&queue, &mail, &now, id);
    if (error != STS_OK) {
        return refuse(error, "the alert cannot be kept: ",
                      error == STS_ERR_SPACE ? "the flash, or the queue, is full"
                                             : sts_err_text(error));
    }
    put_text("# accepted: ");
    put_text(id);
    put_text("\n");
    return STS_OK;
}

static bool count_waiting(void *arg, const struct sts_queue_entry *entry)
{
    *(size_t *)arg += entry->state == STS_QUEUE_WAITING;
    return true;
}

#if BOARD_TLSRPT
static bool alert_due(void)
{
    struct sts_time now;

    clock_now(&now);
    return sts_queue_due_ms(&queue, &now) == 0;
}
#else
#define alert_due NULL
#endif

/* Until nothing is due: alerts, and then a report; between two of these the alerts have their turn. */
int queue_run(void)
{
    struct sts_time now;
    size_t waiting = 0;
    int error;

    sts_queue_flush(&queue);
    do {
        clock_now(&now);
        board_alive(NULL);
        error = sts_queue_poll(&queue, &now);
        clock_now(&now);
        sts_queue_wait(&queue, &now, 1000);
    } while (error == STS_BUSY || (error == STS_OK && reports_send(alert_due)));
    if (error != STS_OK || sts_queue_list(&queue, count_waiting, &waiting) != STS_OK) {
        return refuse(EX_IOERR, "the queue cannot be read or written", "");
    }
    return waiting > 0 ? EX_TEMPFAIL : now_sent.status == EX_TEMPFAIL ? 0 : now_sent.status;
}

#endif
