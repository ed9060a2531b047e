/* SPDX-License-Identifier: MIT
 *
 * What struct sts_queue holds; open only so that its size is known at compile time. Its members are the queue's own.
 */
#ifndef STSMAIL_QUEUE_STRUCT_H
#define STSMAIL_QUEUE_STRUCT_H

#include <stsmail/engine/message.h>

/* Messages whose last outcome the store did not take, domains that fail, and alerts being counted: as many as are
 * remembered. */
#define STS_QUEUE_UNMARKED 8
#define STS_QUEUE_FAILING  4
#define STS_QUEUE_COUNTED  4

/* What RAM knows of a message and the store does not (Q16). */
struct sts_queue_unmarked {
    uint64_t id;        /* 0: free */
    uint32_t delivered; /* bit n: recipient n has it */
    uint32_t until_ms;  /* not to be tried before */
};

/* Alerts that were counted in one that waits, and are not in its entry yet (Q06). */
struct sts_queue_counted {
    uint64_t id;
    uint32_t more;
};

/* Where a message that is kept is read again, or what was kept with it. */
struct sts_queue_reader {
    struct sts_queue *queue;
    uint32_t          left; /* octets yet to be given */
    uint32_t          at;   /* octets given of the Date field */
    bool              open;
};

/* The entry that is being read, changed or sent, as the store has it. */
struct sts_queue_record {
    struct sts_queue_entry entry;
    uint64_t               number; /* the id */
    int64_t                date_s; /* for the Date field that the kept message lacks; 0: not known yet */
    uint32_t               extra_len;
    uint32_t               text_len;
    bool                   undated;    /* the kept message lacks its Date field */
    bool                   coalesces;  /* others like it can be counted in it */
    bool                   sending;    /* a try was under way when this was written */
};

struct sts_queue {
    const struct sts_queue_config *config; /* NULL: not ready */
    struct sts_queue_counters      counters;

    struct sts_queue_record  now; /* its strings are in `text`, its recipients in `to` */
    struct sts_mail          mail;
    struct sts_message       message;
    struct sts_source        raw, extra;
    struct sts_queue_reader  source;
    int64_t                  begun_at; /* when the try under way was */
    uint64_t                 first;    /* ids from here on are of this run */
    uint64_t                 last;     /* the highest id seen */
    uint64_t                 after[2]; /* rank of what was last looked at */
    int64_t                  seen_utc; /* the time at the last poll, */
    uint32_t                 seen_ms;  /* to notice a jump */
    uint32_t                 hold_ms;  /* until then what waited before does not go */
    uint32_t                 look_ms;  /* when the store is looked at next */
    uint32_t                 unreadable, foreign; /* entries, at the last look */
    uint16_t                 from, upto; /* recipients of the try under way */
    uint8_t                  row;      /* critical messages since the last other one */
    bool                     sending;
    bool                     waiting;  /* look_ms counts: something waits */
    bool                     look;     /* at once */
    bool                     flush;    /* each waiting message is due once */
    bool                     dated;    /* seen_* count */
    bool                     held;     /* hold_ms counts */
    uint32_t                 failing[STS_QUEUE_FAILING]; /* hashes of domains */
    struct sts_queue_unmarked unmarked[STS_QUEUE_UNMARKED];
    struct sts_queue_counted counted[STS_QUEUE_COUNTED];
    char                     date[48]; /* "Date: ...", CRLF */
    struct sts_recipient     to[STS_QUEUE_RECIPIENTS];
    char                     text[STS_QUEUE_TEXT];
    struct sts_reader        reader; /* of the message that is being added */
};

#endif
