/* SPDX-License-Identifier: MIT
 *
 * Torture: in each scenario every fallible call of every port fails, in each way it can, once and from then on, alone, with
 * all of its kind and with all there is; and in the key scenarios every two calls (L20). Exhaustive, not at random.
 *
 *     tort                          all; the last line is `fault points: N, N failed`
 *     tort SCENARIO MODE A V [B W]  one point again, and what was said: what the line of a failure has
 */
#define _GNU_SOURCE
#include "tort_mailer.h"
#include "tort_queue.h"

static const char *const mode_names[] = {"none", "once", "kind", "all", "pair"};

static uint64_t points, failures;
static unsigned scenarios, bad_scenarios;

/* One run with what is set in `tort`; true if all promises were kept. */
static bool run_point(const struct scenario *s)
{
    tort.count = 0;
    tort.strikes = 0;
    tort.own = true;
    tort.broken = NULL;
    s->prepare();
    tort.armed = true;
    s->act();
    tort.armed = false;
    s->again();
    return tort.broken == NULL;
}

static void point(const struct scenario *s, uint8_t mode, uint32_t a, uint32_t va, uint32_t b,
                  uint32_t vb)
{
    tort.mode = mode;
    tort.at[0] = a;
    tort.variant[0] = va;
    tort.at[1] = b;
    tort.variant[1] = vb;
    points++;
    if (!run_point(s)) {
        failures++;
        if (failures <= 40) {
            printf("FAILED tort %s %s %lu %lu %lu %lu: %s\n", s->name, mode_names[mode],
                   (unsigned long)a, (unsigned long)va, (unsigned long)b, (unsigned long)vb,
                   tort.broken);
        }
    }
}

/* Every call, each way, once and for good. */
static void every_call(const struct scenario *s, const uint8_t *trace, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++) {
        for (uint32_t v = 0; v < variants_of(trace[k]); v++) {
            point(s, FAULT_ONCE, k, v, 0, 0);
            point(s, FAULT_KIND, k, v, 0, 0);
        }
        point(s, FAULT_ALL, k, 0, 0, 0);
        point(s, FAULT_ALL, k, 1, 0, 0);
    }
}

/* Every call, and then every later one of those that come when the first has failed. */
static void every_pair(const struct scenario *s, const uint8_t *trace, uint32_t n)
{
    static uint8_t second[TORT_CALLS];

    for (uint32_t k = 0; k < n; k++) {
        uint32_t v = k % variants_of(trace[k]), calls;

        point(s, FAULT_ONCE, k, v, 0, 0);
        calls = tort.count < TORT_CALLS ? tort.count : TORT_CALLS;
        memcpy(second, tort.trace, calls);
        for (uint32_t l = k + 1 + k % s->pairs; l < calls; l += s->pairs) {
            point(s, FAULT_PAIR, k, v, l, (k + l) % variants_of(second[l]));
        }
    }
}

static void torture(const struct scenario *s)
{
    static uint8_t trace[TORT_CALLS];
    uint64_t before = points;
    uint32_t n;

    tort.mode = FAULT_NONE;
    if (!run_point(s)) {
        printf("FAILED tort %s none: %s\n", s->name, tort.broken);
        failures++;
        return;
    }
    n = tort.count;
    if (n >= TORT_CALLS) {
        printf("FAILED tort %s: too many calls\n", s->name);
        failures++;
        return;
    }
    memcpy(trace, tort.trace, n);
    every_call(s, trace, n);
    if (s->pairs != 0) {
        every_pair(s, trace, n);
    }
    printf("%-24s %5lu calls, %7llu points\n", s->name, (unsigned long)n,
           (unsigned long long)(points - before));
}

static void torture_all(const struct scenario *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bad = failures;

        torture(&list[i]);
        scenarios++;
        bad_scenarios += failures > bad;
        fflush(stdout);
    }
}

static const struct scenario *find(const char *name)
{
    for (size_t i = 0; i < sizeof mailer_scenarios / sizeof *mailer_scenarios; i++) {
        if (strcmp(mailer_scenarios[i].name, name) == 0) {
            return &mailer_scenarios[i];
        }
    }
    for (size_t i = 0; i < sizeof queue_scenarios / sizeof *queue_scenarios; i++) {
        if (strcmp(queue_scenarios[i].name, name) == 0) {
            return &queue_scenarios[i];
        }
    }
    return NULL;
}

static int replay(int argc, char **argv)
{
    const struct scenario *s = find(argv[1]);
    uint32_t n[4] = {0};

    for (int i = 3; i < argc && i < 7; i++) {
        n[i - 3] = (uint32_t)strtoul(argv[i], NULL, 10);
    }
    if (s == NULL) {
        printf("no such scenario\n");
        return 2;
    }
    /* What it comes to without faults is what it is measured by. */
    tort.mode = FAULT_NONE;
    (void)run_point(s);
    tort.verbose = true;
    for (uint8_t mode = 0; argc > 2 && mode < sizeof mode_names / sizeof *mode_names; mode++) {
        if (strcmp(mode_names[mode], argv[2]) == 0) {
            tort.mode = mode;
        }
    }
    memcpy(tort.at, (uint32_t[]){n[0], n[2]}, sizeof tort.at);
    memcpy(tort.variant, (uint32_t[]){n[1], n[3]}, sizeof tort.variant);
    printf("%s\n", run_point(s) ? "kept" : tort.broken);
    return tort.broken != NULL;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        return replay(argc, argv);
    }
    torture_all(mailer_scenarios, sizeof mailer_scenarios / sizeof *mailer_scenarios);
    torture_all(queue_scenarios, sizeof queue_scenarios / sizeof *queue_scenarios);
    printf("scenarios: %u passed, %u failed\n", scenarios - bad_scenarios, bad_scenarios);
    printf("fault points: %llu, %llu failed\n", (unsigned long long)points,
           (unsigned long long)failures);
    return failures != 0;
}
