/* SPDX-License-Identifier: MIT
 *
 * The queue: a message that sts_queue_add() has taken is delivered, or reported as failed, whatever happens to power,
 * network and clock in between (RFC 5321 4.5.4.1, 6.1). Messages live in the store, whole and streamed; RAM holds
 * the envelope of the one that is being sent.
 *
 *     sts_queue_add(&queue, &mail, &now, id);       an alert, from the loop, at any time
 *     for (;;) {                                    the loop
 *         sts_clock_now(&clock, tick_ms(), &now);
 *         sts_queue_poll(&queue, &now);
 *         sts_queue_wait(&queue, &now, 1000);
 *     }
 *
 * Tries come at once, then after 1, 5, 15 and 30 minutes, then hourly, each +-20 %, for 5 days. Times are of the calendar, so
 * that they outlive a reboot; while the time is not known nothing is tried and nothing given up.
 *   - A clock that goes back: what is then due later than its interval allows is due at once, and the 5 days count anew from
 *     there (C03). One that jumps ahead: a message is only given up when a try that was begun after its time fails, and never by
 *     a time that is doubted (STS_CLOCK_DOUBTED), so that no jump ends a message untried (C04). While it is doubted tries are
 *     counted instead: as many as fit into that time at their shortest.
 *   - After a start, or a jump of the clock, what waited before is spread over spread_s, for a fleet whose power comes back
 *     together (Q09). An alert that was added since goes at once.
 *   - Which goes first: critical ones, but after four of these in a row one other (Q13); then those to domains whose last try did not
 *     fail (Q08); then new ones; then by time.
 *   - Final is what the mailer calls final, nothing else (C-11, R-090, R-091). Who has got the message does not get it again when it
 *     is tried for others.
 *
 * A power cut between the last octet and the mark that it was taken repeats the message once, with the same Message-ID and
 * Date; `repeated` counts it, and a store that fails then. In the same run it is not repeated. What a store holds that can be read and
 * not written any more is still sent, once, up to eight messages in one run: of more the outcomes could not be remembered (Q16).
 *
 * A queue that is full refuses; the owner may then hand the message to the mailer itself, from RAM, and know that it is lost with the
 * power (Q05, Q15). Messages that failed for good make room, the oldest first; one slot is for critical messages. That is
 * a slot and no space: a store that is full of large messages refuses a critical one too, unless a failed one can go. Who wants
 * space as well gives the store as much as STS_QUEUE_MAX messages of the largest size take, or adds others only while
 * sts_flash_store_stats() shows room for a critical one beside them.
 *
 * An entry that was damaged cannot be sent. Linux's store sets it and its message aside, as damaged~N, for a person to look at;
 * flash has no room for that: there the message goes with the entry.
 *
 * One queue is called by one task, not from an interrupt, and not from a callback: set a flag there, and add from the loop, at any
 * time, a delivery under way or not (Q14).
 *
 * Several processes may each have a queue over one store that has claims (port.h).
 */
#ifndef STSMAIL_QUEUE_H
#define STSMAIL_QUEUE_H

#include <stsmail/mailer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of an id with its NUL: 16 hexadecimal digits, lower case; in the order of arrival as far as the clock and the store know
 * it, and unique without a clock too. */
#define STS_QUEUE_ID_SIZE 17

enum sts_queue_state {
    STS_QUEUE_WAITING = 1, /* for its next try */
    STS_QUEUE_FAILED,      /* for good: kept until it is dropped, or its room is needed */
    STS_QUEUE_DELIVERED,   /* to all, and gone from the queue: for on_outcome alone */
};

/* A message to keep and to send. The caller keeps all of it in place until sts_queue_add() returns, no longer. */
struct sts_queue_mail {
    const char               *sender;     /* envelope sender, "" for the null sender */
    const struct sts_recipient *recipients; /* `address` of each is used; domains may differ. Those with `final`
                                               set, or delivered by the try that `tried` tells of, are not given */
    size_t                    count;      /* 1..STS_QUEUE_RECIPIENTS */
    const struct sts_message *message;    /* date_s <= 0 with a composed message: the time is not known yet; the Date field is
                                             then written when it is, once, and stays the same on every try (C11); so is
                                             that of a raw one without it that comes while it is not known. Without a
                                             message_id it gets one, of the queue's id and the mailer's hostname (M12) */
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
    uint32_t coalesced; /* how many more of the same this one stands for, at least (Q06) */
    uint32_t size;      /* octets of the message */
    int64_t  queued_at; /* seconds since 1970; 0: the time was not known */
    int64_t  next_try_at; /* 0: as soon as the time is known, or now */
    int      error;     /* of the last try; STS_OK: there was none yet */
    const char *sender;
    const struct sts_recipient *recipients; /* error STS_OK: delivered; STS_BUSY: never tried. In no order */
    size_t   count;
};

struct sts_queue_counters {
    uint32_t accepted, delivered, failed; /* messages */
    uint32_t tries;                       /* deliveries begun, one a domain */
    uint32_t refused;                     /* adds refused: full, or the store failed */
    uint32_t coalesced;                   /* alerts that were counted in one that waits already (Q06) */
    uint32_t repeated;                    /* messages that may have arrived twice: the store failed, or the power, after a 250 */
    uint32_t damaged;                     /* entries found unreadable, or without their message */
    uint32_t newer;                       /* entries of another version, or of larger limits: left as they are (Q12) */
};

struct sts_queue_config {
    struct sts_mailer       *mailer;       /* ready, and the queue's own while it delivers; NULL: nothing is sent, for a
                                              program that lists, adds and drops */
    const struct sts_store  *store;        /* entries; may be the mailer's */
    const struct sts_store  *message_store; /* another handle on the same medium, for messages that are being sent */
    const struct sts_random *random;
    const struct sts_log    *log;          /* or NULL */

    uint32_t give_up_s;   /* 0: 5 days (RFC 5321 4.5.4.1) */
    uint32_t coalesce_s;  /* an alert with the envelope, subject and floor of one that was accepted less than this ago and
                             waits still is counted there and not kept itself (Q06). 0: never. Composed messages only; the
                             count is kept in the entry, by a write each time that it doubles */
    uint32_t spread_s;    /* what waited at the start is tried up to so much later, at random. 0: 300; 1: hardly */

    /* A try of a message ended: called once per domain and try, with all that is known, once the store has it. entry->state says
     * whether that was all: WAITING; or the message left the queue's care, DELIVERED or FAILED. `domain` is as the addresses
     * have it, `error` is of its try. That a message FAILED is told again after a restart, of one of its domains, unless poll or stop was
     * called since: what the owner does about it is safe when it is done before that. Decision and attempts come through the mailer's own callbacks before it. May be NULL; must not call the queue. */
    void *ctx;
    void (*on_outcome)(void *ctx, const struct sts_queue_entry *entry, const char *domain, int error);
    /* Before the mailer is given a message: sets what `extra` says (more floors, provisioned policies) in *mail. May be
     * NULL. Returns STS_OK, or an error that this try then ends with. `extra` can be read in here; NULL: there is none. What *mail
     * names stays in place until on_outcome. Must not call the queue, nor change what it finds set but floor. */
    int (*on_send)(void *ctx, const struct sts_queue_entry *entry, const struct sts_source *extra, struct sts_mail *mail);
};

struct sts_queue; /* defined at the end of this header */

/* Prepares a queue; what the store holds is found there, and what a power cut left of a message that was not accepted is swept away.
 * `config` and all it names stay in place. STS_OK; STS_ERR_ARG; STS_ERR_IO: the store cannot be read. */
int sts_queue_init(struct sts_queue *q, const struct sts_queue_config *config);

/* Keeps a message. STS_OK: it is safely there, and its id in `id` (where it was coalesced, the id of the one that stands
 * for it). Else nothing was kept: STS_ERR_ADDRESS, STS_ERR_NAME, STS_ERR_MESSAGE; STS_ERR_ARG (also more recipients or longer
 * addresses than the limits of config.h); STS_ERR_SPACE (the queue or the store is full; the reserved slot is for
 * critical ones); STS_ERR_IO (the store, or a source of the message's); STS_ERR_RANDOM. Allowed while a delivery is under way. */
int sts_queue_add(struct sts_queue *q, const struct sts_queue_mail *mail, const struct sts_time *now,
                  char id[STS_QUEUE_ID_SIZE]);

/* Goes on with the delivery under way, or begins the next that is due. Never waits. STS_BUSY: call again; STS_OK: nothing is due;
 * STS_ERR_IO: the store failed, and nothing is sent now. Costs next to nothing while nothing is due: the store is
 * looked at when something was added or may be due, and each hour. */
int sts_queue_poll(struct sts_queue *q, const struct sts_time *now);

/* Milliseconds until there is something to do; 0: now, UINT32_MAX: nothing waits (or the time is not known). */
uint32_t sts_queue_due_ms(struct sts_queue *q, const struct sts_time *now);

/* Waits (the mailer's wait, or the port's) until poll can go on, at most max_ms. */
void sts_queue_wait(struct sts_queue *q, const struct sts_time *now, uint32_t max_ms);

/* Makes every waiting message due once, whatever its schedule says. */
void sts_queue_flush(struct sts_queue *q);

/* Looks at the store again at the next poll: another process may have added something. */
void sts_queue_rescan(struct sts_queue *q);

/* Breaks off the delivery under way, as before an orderly end; what was said of recipients stands. Harmless without one. Where that
 * made a message fail, a second call says that this was heard (on_outcome). */
void sts_queue_stop(struct sts_queue *q, const struct sts_time *now);

/* Each message that can be read, in no order, until `each` returns false; within it the queue must not be called. STS_OK;
 * STS_ERR_IO; STS_BUSY: a delivery is under way, whose memory it needs. */
int sts_queue_list(struct sts_queue *q, bool (*each)(void *arg, const struct sts_queue_entry *entry), void *arg);

/* Forgets a message. STS_OK; STS_ERR_ABSENT; STS_BUSY: it is being sent, here or by another process; STS_ERR_IO. */
int sts_queue_drop(struct sts_queue *q, const char *id);

#include <stsmail/queue_struct.h>

#ifdef __cplusplus
}
#endif
#endif
