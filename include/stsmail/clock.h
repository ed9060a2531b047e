/* SPDX-License-Identifier: MIT
 *
 * The calendar of a device: a time from SNTP or from the owner, run on by the millisecond tick, and how far it can be
 * trusted. For a machine whose operating system keeps the time, that is the clock, and this is not needed.
 *
 *     sts_clock_init(&clock, &store, BUILD_DATE);
 *     sts_clock_set(&clock, seconds_from_sntp, STS_CLOCK_NETWORK, tick_ms);   whenever SNTP answers
 *     sts_clock_now(&clock, tick_ms, &now);                                   before every poll
 *     sts_clock_save(&clock);                                                 from the loop, now and then
 *
 * All rests on one number, the floor: a time that is surely over. It begins as the later of the build date and what the store
 * remembers, and runs on with the tick. Only the owner, or a second source that agrees (sts_clock_confirm), moves it otherwise: SNTP is
 * not authenticated, and must not creep ahead by small steps. A time from the network is then
 *
 *     before the floor by more than a day           refused (C03, C05: no expired certificate comes back to life)
 *     after it by more than can be                  taken, but doubted (C04)
 *     between                                       taken
 *
 * "More than can be" is 30 days, for a device that was off; once the time was vouched for since the start, one day.
 * A doubted time checks certificates: if it is wrong, they fail, mail is put off, and nothing is lost. No policy expires by
 * it and no message is given up by it. It ends with the Date of a verified HTTPS answer that agrees, which every fetch of a policy gives,
 * with an answer of SNTP that is not doubted, or with the owner.
 */
#ifndef STSMAIL_CLOCK_H
#define STSMAIL_CLOCK_H

#include <stsmail/port.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 48 bytes; its members are the clock's own. */
struct sts_clock {
    const struct sts_store *store; /* NULL: nothing is remembered */
    int64_t  build, floor, saved;  /* saved: the floor as the store has it */
    int64_t  utc_s;                /* the time when the tick was at_ms */
    uint32_t at_ms;
    uint8_t  trust;                /* enum sts_clock_trust */
    bool     vouched;              /* the floor is the time itself, not just some time before it */
};

/* Prepares a clock whose time is not known (C01). `build_date`: seconds since 1970 when the firmware was built; no time before it is
 * ever believed, whoever says it (C02). `store` may be NULL, else it stays in place. STS_OK; STS_ERR_IO: the store cannot be
 * read; the clock works from the build date, and leaves the store as it is. A damaged record counts as none. */
int sts_clock_init(struct sts_clock *c, const struct sts_store *store, int64_t build_date);

/* Somebody says what time it is, at tick now_ms. `trust`: STS_CLOCK_NETWORK, judged as above; STS_CLOCK_OWNER: a battery-backed
 * clock or a person; it holds, earlier or later, and the floor with it. STS_OK: taken (sts_clock_now() says whether it is
 * doubted); STS_ERR_CLOCK: refused, and the time is what it was; STS_ERR_ARG: no such trust. */
int sts_clock_set(struct sts_clock *c, int64_t utc_s, uint8_t trust, uint32_t now_ms);

/* A second source, authenticated, that cannot have colluded with the first: the Date of a verified HTTPS answer
 * (sts_mailer_config.on_date). Where it agrees with the time, to the hour, the time is no longer doubted, and the floor rises to
 * it. Where it does not, nothing changes: a web server alone sets no clock. */
void sts_clock_confirm(struct sts_clock *c, int64_t date_s, uint32_t now_ms);

/* The time, for the core. `now_ms` is a tick that does not jump and wraps at 2^32 (C07): ask at least every 24 days. One that goes
 * back a little stands still (C08). May be called from callbacks; does not touch the store. */
void sts_clock_now(struct sts_clock *c, uint32_t now_ms, struct sts_time *now);

/* Keeps the floor in the store, if it moved by a day or more: at most one small record a day, whatever happens. Call it from the
 * loop, while no record of that store is open; after sts_clock_set() by the owner, and every hour or so. STS_OK, or what the store says:
 * nothing is lost but the memory of the floor. */
int sts_clock_save(struct sts_clock *c);

#ifdef __cplusplus
}
#endif
#endif
