/* SPDX-License-Identifier: MIT
 *
 * The queue: a message that sts_queue_add() has taken is delivered, or reported as failed, whatever happens to power,
 * network and clock in between (RFC 5321 4.5.4.1, 6.1). Messages live in the store, whole and streamed; RAM holds
 * the one that is being sent.
 *
 *     sts_queue_add(&queue, &mail, &now, id);       an alert, from the loop, at any time
 *     for (;;) {                                    the loop
 *         if (sts_queue_poll(&queue, &now) != STS_BUSY) ...nothing to do for sts_queue_due_ms()
 *         sts_queue_wait(&queue, &now, 1000);
 *     }
 */
#ifndef STSMAIL_QUEUE_H
#define STSMAIL_QUEUE_H

#include <stsmail/mailer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of an id with its NUL: 16 hexadecimal digits, in the order of arrival as far as the clock and the store know it. */
#define STS_QUEUE_ID_SIZE 17

enum sts_queue_state {
    STS_QUEUE_WAITING = 1, /* for its next try */
    STS_QUEUE_FAILED,      /* for good: kept until it is dropped */
};

/* A message to keep and to send. The caller keeps all of it in place until sts_queue_add() returns, no longer. */
struct sts_queue_mail {
    const char               *sender;     /* envelope sender, "" for the null sender */
    const struct sts_recipient *recipients; /* `address` of each is used; domains may differ. Those with `final`
                                               set, or delivered by the try that `tried` tells of, are not given */
    size_t                    count;      /* 1..STS_QUEUE_RECIPIENTS */
    const struct sts_message *message;    /* date_s <= 0 with a composed message: the time is not known yet; the Date field is
                                             then written when it is, once, and stays the same on every try (C11) */
    uint8_t                   floor;      /* enum sts_floor, kept with the message: can only be raised later */
    bool                      critical;   /* goes before the others, and may use the reserved slot */
    bool                      tried;      /* one try was made before: recipients[].error and .reply say how it ended */
    uint8_t                   flags;      /* the caller's own, given back in struct sts_queue_entry */
    const struct sts_source  *extra;      /* bytes of the caller's own, kept with the message; NULL: none */
};

/* What is known of one message. Strings stay until the callback that gave it returns. */
struct sts_queue_entry {
    char     id[STS_QUEUE_ID_SIZE];
    uint8_t  state; /* enum sts_queue_state */
    bool     critical;
    uint8_t  flags, floor;
    uint16_t tries;
    uint32_t size;      /* octets of the message */
    int64_t  queued_at; /* seconds since 1970; 0: the time was not known */
    int64_t  next_try_at; /* 0: as soon as the time is known, or now */
    int      error;     /* of the last try; STS_OK: there was none yet */
    const char *sender;
    const struct sts_recipient *recipients; /* error STS_BUSY: not delivered yet and never tried */
    size_t   count;
};

struct sts_queue_counters {
    uint32_t accepted, delivered, failed; /* messages */
    uint32_t tries;                       /* deliveries begun, one a domain */
    uint32_t refused;                     /* adds refused: full, or the store failed */
    uint32_t coalesced;                   /* alerts that were counted in one that waits already (Q06) */
    uint32_t repeated;                    /* messages that may have arrived twice: the store failed, or the power, after a 250 */
    uint32_t damaged;                     /* entries found unreadable */
};

struct sts_queue_config {
    struct sts_mailer       *mailer;       /* ready, and the queue's own while it delivers */
    const struct sts_store  *store;        /* entries; may be the mailer's */
    const struct sts_store  *message_store; /* another handle on the same medium, for messages that are being sent */
    const struct sts_random *random;
    const struct sts_log    *log;          /* or NULL */

    uint32_t give_up_s;   /* 0: 5 days (RFC 5321 4.5.4.1) */
    uint32_t coalesce_s;  /* an alert with the envelope, subject and floor of one that was accepted less than this ago and
                             waits still is counted there and not kept itself (Q06). 0: never */

    /* A message left the queue's care, or a try of it ended: called once per domain and try, with all that is known. `decision`
     * and the attempts come through the mailer's own callbacks before it. May be NULL; must not call the queue. */
    void *ctx;
    void (*on_outcome)(void *ctx, const struct sts_queue_entry *entry, const char *domain, int error);
    /* Before the mailer is given a message: sets what `extra` says (more floors, provisioned policies) in *mail. May be
     * NULL. Returns STS_OK, or an error that puts the try off. */
    int (*on_send)(void *ctx, const struct sts_queue_entry *entry, const struct sts_source *extra, struct sts_mail *mail);
};

struct sts_queue; /* defined at the end of this header */

/* Prepares a queue; what the store holds is found there. `config` and all it names stay in place. STS_OK; STS_ERR_ARG;
 * STS_ERR_IO: the store cannot be read. */
int sts_queue_init(struct sts_queue *q, const struct sts_queue_config *config);

/* Keeps a message. STS_OK: it is safely there, and its id in `id`. Else nothing was kept: STS_ERR_ADDRESS,
 * STS_ERR_MESSAGE, STS_ERR_ARG; STS_ERR_SPACE (the queue or the store is full; the reserved slot is for critical ones);
 * STS_ERR_IO; STS_ERR_RANDOM. Allowed while a delivery is under way. */
int sts_queue_add(struct sts_queue *q, const struct sts_queue_mail *mail, const struct sts_time *now,
                  char id[STS_QUEUE_ID_SIZE]);

/* Goes on with the delivery under way, or begins the next that is due, critical ones first. Never waits. STS_BUSY: call again;
 * STS_OK: nothing is due; STS_ERR_IO: the store failed. */
int sts_queue_poll(struct sts_queue *q, const struct sts_time *now);

/* Milliseconds until there is something to do; 0: now, UINT32_MAX: nothing waits (or the time is not known). */
uint32_t sts_queue_due_ms(struct sts_queue *q, const struct sts_time *now);

/* Waits (the mailer's wait, or the port's) until poll can go on, at most max_ms. */
void sts_queue_wait(struct sts_queue *q, const struct sts_time *now, uint32_t max_ms);

/* Makes every waiting message due once, whatever its schedule says. */
void sts_queue_flush(struct sts_queue *q);

/* Each message, in no order, until `each` returns false; within it the queue must not be called. STS_OK, STS_ERR_IO. */
int sts_queue_list(struct sts_queue *q, bool (*each)(void *arg, const struct sts_queue_entry *entry), void *arg);

/* Forgets a message. STS_OK; STS_ERR_ABSENT; STS_BUSY: it is being sent, here or by another process; STS_ERR_IO. */
int sts_queue_drop(struct sts_queue *q, const char *id);

#include <stsmail/queue_struct.h>

#ifdef __cplusplus
}
#endif
#endif
