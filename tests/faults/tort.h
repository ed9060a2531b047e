/* SPDX-License-Identifier: MIT
 *
 * What the scenarios of the torture share: which call fails and how, and how a broken promise is told.
 */
#ifndef STS_FAULTS_TORT_H
#define STS_FAULTS_TORT_H

#include "faulty_store.h"

enum fault_mode {
    FAULT_NONE,
    FAULT_ONCE,
    FAULT_KIND, /* from that call on, every one of its kind */
    FAULT_ALL,  /* from that call on, every call */
    FAULT_PAIR,
};

/* A course of events that is run again for each fault. The fault strikes in act(), never in the others. */
struct scenario {
    const char *name;
    uint32_t pairs;        /* 1: every pair of calls; n: of the second ones each n-th; 0: none */
    void (*prepare)(void); /* a world, and what was learnt before */
    void (*act)(void);
    void (*again)(void); /* the next try, without faults */
};

enum {
    TORT_CALLS = 20000,
};

struct torture {
    uint8_t mode; /* enum fault_mode */
    uint32_t at[2], variant[2];
    uint8_t kind; /* of call at[0], once it has come */
    bool armed;
    uint32_t count;            /* calls in act() so far */
    uint8_t trace[TORT_CALLS]; /* their kinds */
    bool own;                  /* all that failed is this device's own trouble */
    uint32_t strikes;
    bool verbose;
    const char *broken; /* the promise, or NULL */
};

static struct torture tort;

static inline int strike(enum call call, uint32_t variant)
{
    int value = variants[call][variant % variants_of(call)];

    tort.own = tort.own && is_own(call, value);
    tort.strikes++;
    if (tort.verbose) {
        printf("    call %lu, %s: %d\n", (unsigned long)tort.count, call_names[call], value);
    }
    if (value == NOTHING || value == STS_BUSY) {
        in.stuck = in.ms + 1000;
        return value == NOTHING ? 0 : value;
    }
    return value;
}

static inline int tort_fails(enum call call)
{
    uint32_t n;

    if (!tort.armed) {
        return WORKS;
    }
    n = tort.count++;
    if (n < TORT_CALLS) {
        tort.trace[n] = (uint8_t)call;
    }
    if (n == tort.at[0]) {
        tort.kind = (uint8_t)call;
    }
    switch (tort.mode) {
    case FAULT_ONCE: return n == tort.at[0] ? strike(call, tort.variant[0]) : WORKS;
    case FAULT_KIND:
        return n >= tort.at[0] && call == tort.kind ? strike(call, tort.variant[0]) : WORKS;
    case FAULT_ALL: return n >= tort.at[0] ? strike(call, tort.variant[0]) : WORKS;
    case FAULT_PAIR:
        return n == tort.at[0]   ? strike(call, tort.variant[0])
               : n == tort.at[1] ? strike(call, tort.variant[1])
                                 : WORKS;
    default: return WORKS;
    }
}

/* The first broken promise counts. */
static inline void promise(bool kept, const char *what)
{
    if (!kept && tort.broken == NULL) {
        tort.broken = what;
    }
    if (!kept && tort.verbose) {
        printf("    BROKEN: %s\n", what);
    }
}

#endif
