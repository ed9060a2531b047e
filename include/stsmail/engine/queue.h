/* SPDX-License-Identifier: MIT
 *
 * Between the files of the queue: the entry as a record of the store, and the schedule.
 */
#ifndef STSMAIL_ENGINE_QUEUE_H
#define STSMAIL_ENGINE_QUEUE_H

#include <stsmail/queue.h>

/* ---- ids --------------------------------------------------------------------------------- */

/* A queue's id and its key; 0 is none. */
void sts_queue_key(uint64_t id, char key[STS_QUEUE_ID_SIZE]);

/* 0: not an id as we write them. */
uint64_t sts_queue_id(const char *key);

/* ---- records ----------------------------------------------------------------------------- */

/* Reads the head of an entry: all but strings and recipients. STS_OK; STS_ERR_ABSENT: there is none, or none that can be
 * read; STS_ERR_CONFIG: of another version, or larger than the limits of this build; STS_ERR_IO. After STS_OK the store
 * is open behind the head, and the caller owes done(). */
int sts_queue_open(const struct sts_store *s, uint64_t id, struct sts_queue_record *r);

/* Reads an entry: strings into text[STS_QUEUE_TEXT], recipients into to[STS_QUEUE_RECIPIENTS]. Results as for open; the store is
 * closed. */
int sts_queue_read(const struct sts_store *s, uint64_t id, struct sts_queue_record *r, char *text,
                   struct sts_recipient *to);

/* Writes an entry. `text` is what was read, and the recipients' addresses point into it; or NULL for a new one, which is put
 * together from the sender, `subject` and the addresses. Where it was never tried, recipients have addresses alone. STS_OK,
 * STS_ERR_SPACE, STS_ERR_IO; then the older one stands. */
int sts_queue_write(const struct sts_store *s, const struct sts_queue_record *r, const char *text,
                    const char *subject);

/* Counts `more` alerts in the entry of `id`, which nobody sends; one that failed counts as told now. All else stays as it is. STS_OK,
 * or what open and write say. */
int sts_queue_count(const struct sts_store *s, uint64_t id, uint32_t more);

/* Whether the entry of `id` waits untouched and has this envelope and subject, so that the alert can be counted in it; *held is its
 * head. STS_OK, STS_ERR_ABSENT: it does not; STS_ERR_IO. */
int sts_queue_same(const struct sts_store *s, uint64_t id, const struct sts_queue_mail *mail,
                   const char *subject, struct sts_queue_record *held);

/* The store's claim on an entry's key, where it has claims: STS_OK, STS_BUSY, STS_ERR_IO. */
int sts_queue_claim(const struct sts_store *s, const char *key);
void sts_queue_release(const struct sts_store *s);

/* STS_OK, STS_ERR_ABSENT, STS_ERR_IO. */
int sts_queue_is_there(const struct sts_store *s, uint8_t kind, const char *key);

/* Entry, then message; the key is claimed. STS_OK: the entry is gone; STS_ERR_ABSENT, STS_ERR_IO. */
int sts_queue_remove(const struct sts_store *s, const char *key);

/* The same, claiming it: STS_BUSY too. */
int sts_queue_forget(struct sts_queue *q, uint64_t id);

/* Puts a message that was just added among the next ones, if these were chosen already. */
void sts_queue_come(struct sts_queue *q, bool critical, uint64_t id);

/* What was told of a failed message was told, if there is one: marks it so. */
void sts_queue_told(struct sts_queue *q);

/* Removes messages that have no entry, and that nobody is adding; how many. STS_OK, STS_ERR_IO. */
int sts_queue_sweep(const struct sts_store *s, uint32_t *removed);

/* ---- time -------------------------------------------------------------------------------- */

/* Seconds between try number `tries` (from 1) and the next, without the jitter: 60..3600. */
uint32_t sts_queue_interval_s(uint32_t tries);

/* That with a jitter of +-20 %; without random numbers none. */
uint32_t sts_queue_jittered_s(const struct sts_random *random, uint32_t tries);

/* 0..n - 1; n / 2 without random numbers. n >= 1. */
uint32_t sts_queue_random(const struct sts_random *random, uint32_t n);

/* Whether the calendar can be used: it is set, and in the years 1970 to 9999. */
bool sts_queue_time_known(const struct sts_time *now);

/* Milliseconds until a message is due by its schedule, at most 72 minutes; 0: it is. `now` is known. */
uint32_t sts_queue_ahead_ms(const struct sts_queue_entry *e, const struct sts_time *now);

#endif
