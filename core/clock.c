/* SPDX-License-Identifier: MIT
 *
 * The calendar, between a time that is surely over and one that surely has not come. clock.h says why.
 *
 * The record: a format octet, and the floor as 8 octets, big-endian, in seconds since 1970.
 */
#include <stsmail/clock.h>

#include <string.h>

#define FORMAT  1
#define KEY     "clock"
#define HOUR_S  3600
#define DAY_S   86400
#define SLACK_S (30 * DAY_S)
#define SPARE   32                    /* the bounds run 1/32 slower, and faster, than the tick */
#define LATEST  INT64_C(253402300799) /* 9999-12-31: no Date field says more */

struct record {
    uint8_t format;
    uint8_t octets[8];
};

static bool is_date(int64_t utc_s)
{
    return utc_s >= 0 && utc_s <= LATEST;
}

/* Both bounds, around a time that is vouched for. */
static void vouch(struct sts_clock *c, int64_t utc_s)
{
    c->floor = utc_s;
    c->ceiling = utc_s + DAY_S;
}

/* ---- the record --------------------------------------------------------------------------- */

/* Reads the record that was opened, an octet at a time: a store may give few at once. STS_ERR_ABSENT: it is none
 * of ours. */
static int read_record(const struct sts_store *s, int64_t *utc_s)
{
    uint64_t n = 0;
    uint8_t octet;

    for (size_t i = 0; i < sizeof(struct record); i++) {
        int32_t len = s->read(s->ctx, &octet, 1);

        if (len <= 0) {
            return len < 0 ? STS_ERR_IO : STS_ERR_ABSENT;
        }
        n = n << 8 | octet; /* the format is shifted out at the end, */
        if (i == 0 && octet != FORMAT) {
            return STS_ERR_ABSENT; /* having been looked at */
        }
    }
    if (!is_date((int64_t)n)) {
        return STS_ERR_ABSENT;
    }
    *utc_s = (int64_t)n;
    return STS_OK;
}

static int load(const struct sts_store *s, int64_t *utc_s)
{
    int err = s->get(s->ctx, STS_STORE_CLOCK, KEY);

    if (err == STS_OK) {
        err = read_record(s, utc_s);
        s->done(s->ctx);
    }
    return err;
}

int sts_clock_init(struct sts_clock *c, const struct sts_store *store, int64_t build_date)
{
    int err = STS_ERR_ABSENT;

    memset(c, 0, sizeof *c);
    if (!is_date(build_date)) {
        c->build = LATEST; /* no time is believed */
        return STS_ERR_ARG;
    }
    c->build = c->saved = build_date;
    if (store != NULL) {
        err = load(store, &c->saved);
    }
    if (err == STS_OK || err == STS_ERR_ABSENT) {
        c->store = store;
        err = STS_OK;
    }
    c->floor = c->saved > build_date ? c->saved : build_date;
    c->ceiling = c->floor + SLACK_S;
    return err;
}

int sts_clock_save(struct sts_clock *c)
{
    const struct sts_store *s = c->store;
    struct record r = {.format = FORMAT};
    uint64_t n = (uint64_t)c->floor;
    int err;

    if (s == NULL || (c->floor < c->saved + DAY_S && c->floor > c->saved - DAY_S)) {
        return STS_OK;
    }
    for (size_t i = sizeof r.octets; i-- > 0; n >>= 8) {
        r.octets[i] = (uint8_t)n;
    }
    err = s->put(s->ctx, STS_STORE_CLOCK, KEY);
    if (err != STS_OK) {
        return err;
    }
    err = s->write(s->ctx, &r, sizeof r);
    if (err != STS_OK) {
        s->abort(s->ctx);
        return err;
    }
    err = s->commit(s->ctx);
    if (err == STS_OK) {
        c->saved = c->floor;
    }
    return err;
}

/* ---- time --------------------------------------------------------------------------------- */

/* Goes on to tick now_ms. Before the time is known there is nothing to go on from: the tick may begin anywhere. */
static void run(struct sts_clock *c, uint32_t now_ms)
{
    uint32_t gone = now_ms - c->at_ms, room;

    if (c->trust == STS_CLOCK_UNSET) {
        c->at_ms = now_ms;
        return;
    }
    if (gone > INT32_MAX) {
        return; /* the tick went back (C08) */
    }
    gone /= 1000;
    c->at_ms += gone * 1000;
    room = (c->part + gone) / SPARE;
    c->part = (uint8_t)((c->part + gone) % SPARE);
    c->utc_s += gone;
    c->floor += gone - room;
    c->ceiling += gone + room;
}

int sts_clock_set(struct sts_clock *c, int64_t utc_s, uint8_t trust, uint32_t now_ms)
{
    if (trust != STS_CLOCK_NETWORK && trust != STS_CLOCK_OWNER) {
        return STS_ERR_ARG;
    }
    run(c, now_ms);
    if (utc_s < c->build || utc_s > LATEST) {
        return STS_ERR_CLOCK; /* C02 */
    }
    if (trust == STS_CLOCK_OWNER) {
        vouch(c, utc_s);
    } else if (utc_s < c->floor - DAY_S) {
        return STS_ERR_CLOCK; /* C03, C05 */
    } else if (utc_s > c->ceiling) {
        trust = STS_CLOCK_DOUBTED; /* C04 */
    }
    c->utc_s = utc_s;
    c->at_ms = now_ms;
    c->trust = trust;
    return STS_OK;
}

void sts_clock_confirm(struct sts_clock *c, int64_t date_s, uint32_t now_ms)
{
    run(c, now_ms);
    if (c->trust == STS_CLOCK_UNSET || date_s < c->utc_s - HOUR_S || date_s > c->utc_s + HOUR_S) {
        return;
    }
    if (c->trust == STS_CLOCK_DOUBTED) {
        c->trust = STS_CLOCK_NETWORK;
    }
    if (date_s > c->utc_s) {
        date_s = c->utc_s; /* the earlier of the two is the surer floor */
    }
    vouch(c, date_s > c->floor ? date_s : c->floor);
}

void sts_clock_now(struct sts_clock *c, uint32_t now_ms, struct sts_time *now)
{
    run(c, now_ms);
    now->ms = now_ms;
    now->utc_s = c->utc_s;
    now->trust = c->trust;
}
