/* SPDX-License-Identifier: MIT
 *
 * What struct sts_queue holds; open only so that its size is known at compile time. Its members are the queue's own.
 */
#ifndef STSMAIL_QUEUE_STRUCT_H
#define STSMAIL_QUEUE_STRUCT_H

#include <stsmail/engine/message.h>
#include <stsmail/queue.h>

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
    bool                   sending;   /* a try was under way when this was written; or it failed, untold yet */
};

/* What is asked for most stands first: it is reached by the shortest instructions. */
struct sts_queue {
    bool     sending;    /* a try is under way */
    bool     open;       /* its message is */
    bool     look;       /* at the store, at once */
    bool     waiting;    /* something does: look at look_ms */
    bool     flush;      /* each that waits is due once */
    bool     hold;       /* what waited before does not go until hold_ms */
    bool     jumped;     /* and that is for a jump of the clock, not for the start */
    bool     seen;       /* seen_* hold */
    bool     turned;     /* next[] has another before the critical ones */
    bool     quiet;      /* what failed before cannot be marked as told: it is not told again */
    uint8_t  row;        /* critical messages since the last other one */
    uint8_t  failing_next, counted_next;
    uint16_t from, upto; /* recipients of the try under way */
    const struct sts_queue_config *config; /* NULL: not ready */
    int         begun;   /* how the try under way began */
    uint32_t    left;    /* octets of the source yet to be given, */
    const char *head;    /* behind these */
    uint32_t    look_ms, hold_ms;
    uint32_t    seen_ms; /* the time at the last poll, to notice a jump */
    int64_t     seen_utc;

    /* The message that is looked at or sent; its strings are in `text`, its recipients in `to`. */
    struct sts_queue_record record;

    struct sts_queue_counters counters;
    uint32_t damaged, newer; /* entries, at the last look */
    int64_t  begun_at;       /* 0: the time was doubted */
    uint64_t first;          /* ids after this one are of this run */
    uint64_t last;           /* the highest id seen */
    uint64_t skipped[2];     /* rank of the one that could not be tried */
    uint64_t flushed[2];     /* rank of the last that was flushed, */
    uint64_t flush_to;       /* of the ids up to this one */
    uint64_t untold;         /* failed, and was told of: to be marked so at the next poll; 0: none */
    uint64_t next[STS_QUEUE_NEXT][2]; /* ranks of those that come next, in order */
    uint32_t next_ms;                 /* when they were chosen */
    uint16_t next_at, next_count;     /* from where, up to where */

    struct sts_mail    mail;
    struct sts_message message;
    struct sts_source  raw, extra; /* the message, and what was kept with it */
    uint32_t           failing[STS_QUEUE_FAILING]; /* hashes of domains */
    struct sts_queue_counted  counted[STS_QUEUE_COUNTED];
    struct sts_queue_unmarked unmarked[STS_QUEUE_UNMARKED];
    char                 date[48]; /* "Date: ...", CRLF */
    struct sts_reader    reader;   /* of the message that is being added */
    struct sts_recipient to[STS_QUEUE_RECIPIENTS];
    char                 text[STS_QUEUE_TEXT];
};

#endif
