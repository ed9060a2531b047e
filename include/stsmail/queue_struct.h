/* SPDX-License-Identifier: MIT
 *
 * What struct sts_queue holds; open only so that its size is known at compile time. Its members are the queue's own.
 */
#ifndef STSMAIL_QUEUE_STRUCT_H
#define STSMAIL_QUEUE_STRUCT_H

#include <stsmail/engine/message.h>

/* How many are remembered: messages whose last outcome the store did not take, domains whose last try failed, alerts that
 * others are counted in. */
#define STS_QUEUE_UNMARKED 8
#define STS_QUEUE_FAILING  4
#define STS_QUEUE_COUNTED  4

/* What RAM knows of a message and the store does not (Q16). */
struct sts_queue_unmarked {
    uint64_t id;        /* 0: free */
    uint32_t delivered; /* bit n: the address n has it */
    uint32_t until_ms;  /* not to be tried before */
    bool     never;     /* not to be tried in this run at all */
};

/* Alerts that are counted in one that waits, and not in its entry yet (Q06). */
struct sts_queue_counted {
    uint64_t id;
    uint32_t more;
};

/* An entry, as the store has it. */
struct sts_queue_record {
    struct sts_queue_entry entry;
    uint64_t               number; /* the id */
    int64_t                date_s; /* for the Date field that the message lacks; 0: not known yet */
    uint32_t               extra_len;
    uint32_t               text_len;
    bool                   undated;   /* the message as it is kept lacks its Date field */
    bool                   coalesces; /* others like it may be counted in it */
    bool                   sending;   /* a try was under way when this was written */
};

struct sts_queue {
    const struct sts_queue_config *config; /* NULL: not ready */
    struct sts_queue_counters      counters;

    /* The message that is looked at or sent; its strings are in `text`, its recipients in `to`. */
    struct sts_queue_record record;
    struct sts_mail         mail;
    struct sts_message      message;
    struct sts_source       raw, extra; /* both from its record in the store: */
    uint32_t                left;       /* octets yet to be given */
    const char             *head;       /* what is given first */
    bool                    open;
    bool                    sending;  /* a try is under way, */
    int                     begun;    /* or was when it began: its error */
    uint16_t                from, upto; /* for these recipients */
    int64_t                 begun_at; /* 0: the time was doubted */

    uint64_t first;      /* ids after this one are of this run */
    uint64_t last;       /* the highest id seen */
    uint64_t skipped[2]; /* rank of the one that could not be tried */
    uint64_t flushed[2]; /* rank of the last that was flushed, */
    uint64_t flush_to;   /* of the ids up to this one */
    int64_t  seen_utc;   /* the time at the last poll, to notice a jump */
    uint32_t seen_ms;
    uint32_t hold_ms;    /* until then, what waited before does not go */
    uint32_t look_ms;    /* when to look at the store, if something waits */
    uint32_t damaged, newer; /* entries, at the last look */
    uint8_t  row;        /* critical messages since the last other one */
    bool     waiting, look, flush, seen, hold;
    bool     jumped;     /* the hold is for a jump of the clock, not for the start */

    uint32_t                  failing[STS_QUEUE_FAILING]; /* hashes of domains */
    uint8_t                   failing_next;
    struct sts_queue_unmarked unmarked[STS_QUEUE_UNMARKED];
    struct sts_queue_counted  counted[STS_QUEUE_COUNTED];
    uint8_t                   counted_next;
    struct sts_reader         reader;   /* of the message that is being added */
    char                      date[48]; /* "Date: ...", CRLF */
    struct sts_recipient      to[STS_QUEUE_RECIPIENTS];
    char                      text[STS_QUEUE_TEXT];
};

#endif
