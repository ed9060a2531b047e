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
 * All rests on two bounds that run on with the tick, each with 3 % to spare for a tick that is wrong: the floor, a time that is surely
 * over, and the ceiling, one that surely has not come. The floor begins as the later of the build date and what the store remembers, the
 * ceiling 30 days behind it, for a device that was off. Only the owner, or a second source that agrees (sts_clock_confirm),
 * moves them otherwise: SNTP is not authenticated, and must not creep ahead by small steps. A time from the network is then
 *
 *     before the floor by more than a day    refused (C03, C05: no expired certificate comes back to life)
 *     after the ceiling                      taken, but doubted (C04)
 *     between                                taken
 *
 * A doubted time checks certificates: if it is wrong, they fail, mail is put off, and nothing is lost. No policy expires by
 * it. It ends with the Date of a verified HTTPS answer that agrees, which every fetch of a policy gives, with an answer of SNTP that
 * is not doubted, or with the owner.
 */
#ifndef STSMAIL_CLOCK_H
#define STSMAIL_CLOCK_H

#include <stsmail/port.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Its members are the clock's own. */
struct sts_clock {
    const struct sts_store *store; /* NULL: nothing is remembered */
    int64_t  build, floor, ceiling;
    int64_t  saved; /* the floor as the store has it */
    int64_t  utc_s; /* the time when the tick was at_ms */
    uint32_t at_ms;
    uint8_t  trust; /* enum sts_clock_trust */
    uint8_t  part;  /* seconds that the bounds have yet to be given room for */
};

/* Prepares a clock whose time is not known (C01). `build_date`: seconds since 1970 when the firmware was built; no time before it is
 * ever believed, whoever says it (C02). `store` may be NULL, else it stays in place. STS_OK; STS_ERR_ARG: no such date; STS_ERR_IO: the store
 * cannot be read; then the clock works from the build date, and leaves the store as it is. A damaged record counts as none. */
int sts_clock_init(struct sts_clock *c, const struct sts_store *store, int64_t build_date);

/* Somebody says what time it is, at tick now_ms. `trust`: STS_CLOCK_NETWORK, judged as above; STS_CLOCK_OWNER: a battery-backed
 * clock or a person; it holds, earlier or later, and both bounds with it. STS_OK: taken (sts_clock_now() says whether it is
 * doubted); STS_ERR_CLOCK: refused, and the time is what it was; STS_ERR_ARG: no such trust. */
int sts_clock_set(struct sts_clock *c, int64_t utc_s, uint8_t trust, uint32_t now_ms);

/* A second source, authenticated: the Date of a verified HTTPS answer (sts_mailer_config.on_date). Where it agrees with the time, to the
 * hour, the time is no longer doubted, and the bounds close around it. Where it does not, nothing changes: a web
 * server alone sets no clock. Who forges SNTP and owns a policy host as well gets as far as a certificate of that host is valid. */
void sts_clock_confirm(struct sts_clock *c, int64_t date_s, uint32_t now_ms);

/* The time, for the core. `now_ms` is a tick that does not jump and wraps at 2^32 (C07): ask at least every 24 days. Where it goes
 * back, the time stands still until it is made up (C08). May be called from callbacks; does not touch the store. */
void sts_clock_now(struct sts_clock *c, uint32_t now_ms, struct sts_time *now);

/* Keeps the floor in the store, if it moved by a day or more: at most one small record a day, whatever the network says. Call it from
 * the loop, while no record of that store is open: after the owner set the time, and every hour or so. STS_OK, or what the store
 * says; what an error costs is the memory of the floor. */
int sts_clock_save(struct sts_clock *c);

#ifdef __cplusplus
}
#endif
#endif
