/* SPDX-License-Identifier: MIT
 *
 * Every sequence of up to five things that can happen to a clock: jumps of all signs and sizes from either source, second
 * sources that agree or do not, ticks on and back, power cuts. The oracle knows no ticks: it keeps true intervals in
 * seconds and says by fractions where the bounds are (C02..C05, C07, C08).
 */
#include "test.h"

#include <stsmail/clock.h>
#include <stsmail/ram_store.h>

#define BUILD INT64_C(1793491200)
#define DAY   INT64_C(86400)
#define YEAR  (365 * DAY)
#define DEPTH 5

/* ---- the oracle --------------------------------------------------------------------------- */

struct model {
    uint8_t trust;
    int64_t floor, ceiling, time;           /* where they were set */
    uint64_t ran;                           /* seconds, in all since the time is known */
    uint64_t at_floor, at_ceiling, at_time; /* `ran` when they were set */
    int64_t ms; /* of the second that runs; below 0: what a tick owes that went back */
    int64_t saved;
};

/* How far a bound has come: a 32nd of what ran is to spare, whole seconds counted from the start. */
static int64_t floor_of(const struct model *m)
{
    return m->floor + (int64_t)((m->ran - m->at_floor) - (m->ran / 32 - m->at_floor / 32));
}

static int64_t ceiling_of(const struct model *m)
{
    return m->ceiling + (int64_t)((m->ran - m->at_ceiling) + (m->ran / 32 - m->at_ceiling / 32));
}

static int64_t time_of(const struct model *m)
{
    return m->time + (int64_t)(m->ran - m->at_time);
}

static void around(struct model *m, int64_t t)
{
    m->floor = t;
    m->ceiling = t + DAY;
    m->at_floor = m->at_ceiling = m->ran;
}

static void model_start(struct model *m, int64_t saved)
{
    memset(m, 0, sizeof *m);
    m->saved = m->floor = saved;
    m->ceiling = saved + 30 * DAY;
}

static void model_tick(struct model *m, int64_t ms)
{
    if (m->trust == STS_CLOCK_UNSET) {
        return;
    }
    m->ms += ms;
    if (m->ms > 0) {
        m->ran += (uint64_t)m->ms / 1000;
        m->ms %= 1000;
    }
}

static int model_set(struct model *m, int64_t t, uint8_t trust)
{
    if (t < BUILD || (trust == STS_CLOCK_NETWORK && t < floor_of(m) - DAY)) {
        return STS_ERR_CLOCK;
    }
    if (trust == STS_CLOCK_OWNER) {
        around(m, t);
    } else if (t > ceiling_of(m)) {
        trust = STS_CLOCK_DOUBTED;
    }
    m->trust = trust;
    m->time = t;
    m->at_time = m->ran;
    m->ms = 0;
    return STS_OK;
}

static void model_confirm(struct model *m, int64_t date)
{
    int64_t apart = date - time_of(m), sure = apart < 0 ? date : time_of(m);

    if (m->trust == STS_CLOCK_UNSET || apart > 3600 || apart < -3600) {
        return;
    }
    around(m, sure > floor_of(m) ? sure : floor_of(m));
    m->trust = m->trust == STS_CLOCK_OWNER ? STS_CLOCK_OWNER : STS_CLOCK_NETWORK;
}

/* ---- what can happen ----------------------------------------------------------------------- */

enum what {
    TICK,
    NETWORK,
    OWNER,
    CONFIRM,
    POWER
};

/* How far, in ms for a tick; else seconds from `base`: 't' the time, 'f' the floor, 'c' the ceiling. */
static const struct happening {
    uint8_t what;
    char base;
    int64_t by;
} happenings[] = {
    {TICK, 0, 1},
    {TICK, 0, 999},
    {TICK, 0, 33 * 1000},
    {TICK, 0, DAY * 1000 + 500},
    {TICK, 0, 24 * DAY * 1000},
    {TICK, 0, -5},
    {TICK, 0, -70 * 1000},
    {NETWORK, 'f', -DAY - 1},
    {NETWORK, 'f', -DAY},
    {NETWORK, 'f', -10 * YEAR},
    {NETWORK, 'f', 0},
    {NETWORK, 'c', 0},
    {NETWORK, 'c', 1},
    {NETWORK, 'c', 10 * YEAR},
    {NETWORK, 't', 1},
    {NETWORK, 't', -3600},
    {OWNER, 't', -2 * DAY},
    {OWNER, 't', 40 * DAY},
    {OWNER, 't', -10 * YEAR},
    {OWNER, 'f', 0},
    {CONFIRM, 't', 0},
    {CONFIRM, 't', 3600},
    {CONFIRM, 't', 3601},
    {CONFIRM, 't', -3600},
    {CONFIRM, 't', -3601},
    {CONFIRM, 'f', 0},
    {POWER, 0, 0},
};
#define COUNT (sizeof happenings / sizeof happenings[0])

struct state {
    struct sts_clock c;
    struct model m;
    uint32_t tick;
};

static uint8_t memory[200];
static struct sts_ram_store ram;
static struct sts_store store;
static unsigned long sequences;

static void same(struct state *s)
{
    struct sts_time now;

    sts_clock_now(&s->c, s->tick, &now);
    CHECK(now.trust == s->m.trust && now.ms == s->tick);
    CHECK(now.trust == STS_CLOCK_UNSET || now.utc_s == time_of(&s->m));
    CHECK(s->c.floor == floor_of(&s->m) && s->c.ceiling == ceiling_of(&s->m));
    CHECK(now.trust == STS_CLOCK_UNSET || now.utc_s >= BUILD);
}

static int64_t base_of(const struct state *s, char base)
{
    return base == 'f' ? floor_of(&s->m) : base == 'c' ? ceiling_of(&s->m) : time_of(&s->m);
}

static void power(struct state *s)
{
    int64_t floor = floor_of(&s->m);

    /* The store of this branch: what the model says was saved. */
    sts_ram_store_init(&ram, memory, sizeof memory, &store);
    CHECK(sts_clock_save(&s->c) == STS_OK);
    if (floor >= s->m.saved + DAY || floor <= s->m.saved - DAY) {
        CHECK(sts_clock_init(&s->c, &store, BUILD) == STS_OK);
        model_start(&s->m, floor);
    } else { /* nothing was written, so it is what it was */
        CHECK(store.get(store.ctx, STS_STORE_CLOCK, "clock") == STS_ERR_ABSENT);
        CHECK(sts_clock_init(&s->c, &store, s->m.saved) == STS_OK);
        s->c.build = BUILD;
        model_start(&s->m, s->m.saved);
    }
    s->tick = 77;
}

static void happen(struct state *s, const struct happening *h)
{
    int64_t t = base_of(s, h->base) + h->by, floor = floor_of(&s->m);
    uint8_t trust = h->what == OWNER ? STS_CLOCK_OWNER : STS_CLOCK_NETWORK;

    switch (h->what) {
    case TICK:
        s->tick += (uint32_t)h->by;
        model_tick(&s->m, h->by);
        break;
    case NETWORK:
    case OWNER: CHECK(sts_clock_set(&s->c, t, trust, s->tick) == model_set(&s->m, t, trust)); break;
    case CONFIRM:
        sts_clock_confirm(&s->c, t, s->tick);
        model_confirm(&s->m, t);
        break;
    default: power(s); break;
    }
    CHECK(h->what == OWNER || h->what == POWER || s->c.floor >= floor); /* C05 */
    same(s);
}

static void walk(const struct state *from, unsigned depth)
{
    for (size_t i = 0; i < COUNT; i++) {
        struct state s = *from;

        happen(&s, &happenings[i]);
        sequences++;
        if (depth > 1) {
            walk(&s, depth - 1);
        }
    }
}

TEST(c03_c04_c05_every_sequence_of_jumps_ends_where_the_oracle_says)
{
    struct state s = {.tick = 0xfffff000u};

    sts_ram_store_init(&ram, memory, sizeof memory, &store);
    CHECK(sts_clock_init(&s.c, &store, BUILD) == STS_OK);
    model_start(&s.m, BUILD);
    walk(&s, DEPTH);
    printf("clock: %lu sequences\n", sequences);
}

TEST_MAIN("exh_clock")
