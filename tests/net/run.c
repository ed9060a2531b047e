/* SPDX-License-Identifier: MIT
 *
 * Deliveries between two lwIPs, each from a seed and in a process of its own.
 *
 *     net SEED             one of them, which says what happens
 *     net FIRST COUNT      COUNT seeds from FIRST on; what a failing one said is shown, and how to run it alone
 *     net exhaust          each allocation of the device's lwIP fails in turn, once, for a while, for good
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stsmail/error.h>

#include "net.h"

enum {
    ALL = 10, /* exit statuses: every delivery went through, */
    SOME,     /* or some are put off; */
    NONE,     /* there was no such allocation */
};

struct plan plan;

static uint64_t state, state_random;

uint32_t net_random(void);
uint32_t net_isn(void);
u_int32_t sys_now(void);
_Noreturn void net_assert(const char *what);

static uint32_t next(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return (uint32_t)(*s >> 20);
}

uint32_t draw(uint32_t n)
{
    return next(&state) % n;
}

uint32_t net_random(void)
{
    return next(&state_random);
}

/* L09: numbers that wrap within the first segments. */
uint32_t net_isn(void)
{
    return plan.wrap ? UINT32_MAX - net_random() % 3000 : net_random();
}

u_int32_t sys_now(void)
{
    return net_now;
}

void broken(const char *promise)
{
    printf("BROKEN: %s\n", promise);
    fflush(stdout);
    abort();
}

void net_assert(const char *what)
{
    broken(what);
}

/* ---- what a seed means ------------------------------------------------------------------------ */

static bool one_in(uint32_t n)
{
    return draw(n) == 0;
}

/* Lines of any length, some of them with a dot in front. */
static void write_body(size_t len)
{
    for (size_t i = 0; i < len; i++) {
        plan.body[i] = one_in(60) ? '\n' : one_in(40) ? '.' : (char)('a' + draw(26));
    }
    plan.body[len] = '\0';
    if (len > 0) {
        plan.body[len - 1] = '\n';
    }
    plan.body_len = len;
}

static void good_plan(void)
{
    memset(&plan, 0, sizeof plan);
    plan.deliveries = 1;
    plan.announced = plan.enforce = true;
    plan.delay_ms = 5;
    plan.pbufs = 16;
    plan.pcbs = 5;
    plan.segments = 16;
    plan.udp = 8;
    plan.heap = 16384;
    client_window = server_window = 4 * 536;
    net_now = 1000;
    write_body(1000);
}

static void draw_link(void)
{
    plan.loss = one_in(3) ? 0 : draw(301);
    plan.twice = one_in(2) ? 0 : draw(301);
    plan.corrupt = one_in(3) ? draw(101) : 0;
    plan.late = one_in(2) ? 0 : draw(301);
    plan.delay_ms = draw(150);
    if (one_in(4)) { /* a link as it should be */
        plan.loss = plan.twice = plan.corrupt = plan.late = 0;
    }
    plan.attack = one_in(2) ? ATTACK_NONE : (enum attack)draw(ATTACKS);
    client_window = (uint16_t)(536 * (1 + draw(6)));
    server_window = (uint16_t)(536 * (1 + draw(8)));
    net_now = one_in(4) ? UINT32_MAX - draw(60000) : draw(1000000);
}

static void draw_servers(void)
{
    plan.ending = one_in(4) ? (enum ending)draw(ENDINGS) : ENDING_NONE;
    plan.ending_after = draw(3500);
    plan.slow = one_in(5);
    plan.wrap = one_in(3);
    plan.announced = !one_in(5);
    plan.enforce = !one_in(4);
    plan.dead_mx = one_in(12);
    plan.dead_ipv6 = one_in(12);
}

static void draw_plan(uint64_t seed)
{
    state = seed * 0x9e3779b97f4a7c15u + 1;
    state_random = ~state;
    for (int i = 0; i < 8; i++) {
        (void)draw(2);
        (void)net_random();
    }
    good_plan();
    draw_link();
    draw_servers();
    write_body(draw(10) == 0 ? draw(BODY_MAX) : draw(800));
    plan.deliveries = one_in(6) ? 2 + draw(4) : 1; /* TIME_WAIT takes what there is of pcbs */
    if (one_in(3)) {
        plan.pbufs = 4 + draw(12);
        plan.pcbs = 2 + draw(3);
        plan.segments = 3 + draw(13);
        plan.udp = 2 + draw(7);
        plan.heap = 1200 + draw(8000);
    } else {
        plan.good = plan.loss + plan.twice + plan.corrupt + plan.late == 0 &&
                    plan.ending == ENDING_NONE && plan.attack <= ATTACK_SYN_NEAR;
    }
}

static void say_plan(void)
{
    printf("loss %u twice %u corrupt %u late %u per mille, delay %u ms, attack %d, ending %d after "
           "%u\n",
           plan.loss, plan.twice, plan.corrupt, plan.late, plan.delay_ms, plan.attack, plan.ending,
           plan.ending_after);
    printf("windows %u %u, announced %d, enforce %d, slow %d, wrap %d, dead MX %d, dead IPv6 %d, "
           "%u deliveries of %zu\n",
           client_window, server_window, plan.announced, plan.enforce, plan.slow, plan.wrap,
           plan.dead_mx, plan.dead_ipv6, plan.deliveries, plan.body_len);
    printf("pools: %u pbufs, %u pcbs, %u segments, %u udp, heap %zu\n", plan.pbufs, plan.pcbs,
           plan.segments, plan.udp, plan.heap);
}

/* ---- one process ------------------------------------------------------------------------------ */

static int one_seed(uint64_t seed)
{
    bool all = true;

    draw_plan(seed);
    say_plan();
    server_start();
    device_start();
    for (unsigned i = 0; i < plan.deliveries; i++) {
        int result = device_deliver();

        printf("%9u delivery %u: %d\n", (unsigned)net_now, i, result);
        if (result != STS_OK && plan.good) {
            broken("over a good link a mail is delivered");
        }
        all = all && result == STS_OK;
    }
    server_stop();
    device_drain();
    return all ? ALL : SOME;
}

/* L05: from allocation `at` on, `count` of them fail. */
static int one_shortage(long at, long count)
{
    bool reached;
    int result;

    state = state_random = 0x9e3779b97f4a7c15u;
    good_plan();
    server_start();
    device_start();
    memory_count = 0;
    memory_fail_at = at;
    memory_fail_for = count;
    result = device_deliver();
    reached = memory_count >= at;
    memory_fail_at = 0;
    if (device_deliver() != STS_OK) {
        broken("L05: what comes after a shortage is delivered");
    }
    server_stop();
    device_drain();
    return !reached ? NONE : result == STS_OK ? ALL : SOME;
}

/* ---- many ------------------------------------------------------------------------------------- */

static FILE *capture;
static int outcome[2]; /* ALL, SOME */
static int failures;

/* The child writes to a file, which is shown where it failed. True in the child; else *status is how it ended. */
static bool begin_child(int *status)
{
    pid_t pid;

    fflush(stdout);
    rewind(capture);
    (void)!ftruncate(fileno(capture), 0);
    pid = fork();
    if (pid == 0) {
        dup2(fileno(capture), 1);
        dup2(fileno(capture), 2);
        alarm(120);
        return true;
    }
    waitpid(pid, status, 0);
    *status = WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
    return false;
}

static _Noreturn void end_child(int status)
{
    fflush(stdout);
    _exit(status);
}

/* Counts; what a failing one said is shown, and how to run it alone. */
static void count(int status, const char *replay)
{
    char line[1000];

    if (status == ALL || status == SOME) {
        outcome[status - ALL]++;
        return;
    }
    if (failures++ >= 5) {
        return;
    }
    rewind(capture);
    while (fgets(line, sizeof line, capture) != NULL) {
        fputs(line, stdout);
    }
    printf("again: %s\n\n", replay);
}

static int sum_up(const char *what, int least)
{
    int good = outcome[0] + outcome[1];

    printf("%s: %d went through, %d are put off\n", what, outcome[0], outcome[1]);
    if (outcome[0] < least) {
        printf("fewer than %d went through: this tests nothing\n", least);
        failures++;
    }
    printf("net: %d passed, %d failed\n", good, failures);
    return failures != 0;
}

static int seeds(const char *self, uint64_t from, uint64_t how_many)
{
    char replay[200];
    int status;

    for (uint64_t seed = from; seed < from + how_many; seed++) {
        if (begin_child(&status)) {
            end_child(one_seed(seed));
        }
        snprintf(replay, sizeof replay, "%s %llu", self, (unsigned long long)seed);
        count(status, replay);
    }
    return sum_up("seeds", (int)(how_many / 2));
}

/* One fails; twenty in a row; all that follow. */
static int shortages(const char *self)
{
    static const long how_long[] = {1, 20, 1000000};
    char replay[200];

    for (size_t k = 0; k < 3; k++) {
        int status = ALL;

        for (long at = 1; status != NONE; at++) {
            if (begin_child(&status)) {
                end_child(one_shortage(at, how_long[k]));
            }
            if (status != NONE) {
                snprintf(replay, sizeof replay, "%s exhaust %ld %ld", self, at, how_long[k]);
                count(status, replay);
            }
        }
    }
    return sum_up("allocations", 100);
}

int main(int argc, char **argv)
{
    capture = tmpfile();
    if (argc == 4 && strcmp(argv[1], "exhaust") == 0) {
        return one_shortage(atol(argv[2]), atol(argv[3])) == 0;
    }
    if (argc == 2 && strcmp(argv[1], "exhaust") == 0) {
        return shortages(argv[0]);
    }
    if (argc == 2) {
        return one_seed(strtoull(argv[1], NULL, 10)) == 0;
    }
    if (argc == 3) {
        return seeds(argv[0], strtoull(argv[1], NULL, 10), strtoull(argv[2], NULL, 10));
    }
    fprintf(stderr, "net SEED | FIRST COUNT | exhaust [AT COUNT]\n");
    return 64;
}
