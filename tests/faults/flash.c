/* SPDX-License-Identifier: MIT
 *
 * FLASH: power goes at every byte that is programmed and in every erase of a workload, again at every byte and erase of the
 * recovery from that, and at random a third time; programs arrive in any order between two syncs; cells read otherwise
 * each time; each sector fails in each of five ways; each bit flips. After each of these a start must find every record
 * as it was before the operation that was cut, or as it is after it.
 *
 *     flash                     everything, two parts at a time; the last two lines are the counts
 *     flash PART                one part, as listed
 *     flash PART ROUND ACT      only the cuts in one operation: what a failure prints replays it
 */
#include <sys/wait.h>
#include <unistd.h>

#include "flash_work.h"

#include <stsmail/ram_store.h>

static const struct geometry {
    const char *name;
    uint32_t sector, sectors, program;
    int rounds; /* of the script, each cut to depth 2 */
} geometries[] = {
    {"nor", 4096, 5, 256, 1},  /* pages of 256 bytes, sectors of 4 KiB */
    {"page", 65536, 3, 256, 1}, /* large sectors, three of them */
    {"mcu", 2048, 6, 8, 1},    /* a microcontroller's own, 8 bytes at a time, with ECC */
    {"byte", 2048, 6, 1, 1},
};

struct count {
    uint64_t points, failed;
};

static struct count count;
static struct sts_flash_sim chip;
static struct rig live, probes[3];
static struct model model;
static struct sts_store shadow;
static uint32_t turn, rng;
static const char *part;
static int at_round, at_act, only_round = -1, only_act = -1;
static bool io_is_absent; /* a sector can't be read: what is not found may be there */

static uint32_t chance(uint32_t n)
{
    rng ^= rng << 13;
    rng ^= rng >> 17;
    rng ^= rng << 5;
    return rng % n;
}

static bool check(bool good, const char *what, uint32_t a, uint32_t b)
{
    count.points++;
    if (!good && count.failed++ < 10) {
        printf("FAILED: %s: %s (%u, %u); replay: flash %s %d %d\n", part, what, a, b, part,
               at_round, at_act);
        fflush(stdout);
    }
    return good;
}

static bool good(const struct sts_store *s, const struct model *before, const struct model *after)
{
    struct value v;
    struct listed l;

    if (!io_is_absent) {
        return holds(s, before, after);
    }
    if (!list_all(s, &l)) {
        return false;
    }
    for (int k = 0; k < KEYS; k++) {
        int e = read_value(s, k, &v);

        if ((e != STS_OK && (before->now[k].there && after->now[k].there)) ||
            (e == STS_OK && !equal(&v, &before->now[k]) && !equal(&v, &after->now[k]))) {
            return false;
        }
    }
    return true;
}

/* ---- one place of a cut -------------------------------------------------------------------- */

/* After a recovery the store must go on: a record is put, another one removed, and both survive another start. */
static bool goes_on(struct rig *r, const struct model *before, const struct model *after)
{
    struct model b = *before, a = *after;
    struct sts_flash_stats stats;
    struct value v;
    int e;

    sts_flash_store_stats(&r->store, &stats);
    e = put_pattern(r, 1, turn + 77, (uint16_t)(40 + chance(300)), 'p', &v);
    if (e == STS_OK) {
        a.now[1] = b.now[1] = v;
    } else if (e != STS_ERR_SPACE || stats.free > 640) {
        return false;
    }
    e = r->s[1].remove(r->s[1].ctx, keys[0].kind, keys[0].key);
    if (e != STS_OK && e != STS_ERR_ABSENT) {
        return e == STS_ERR_IO && io_is_absent;
    }
    a.now[0].there = b.now[0].there = false;
    return good(&r->s[0], &b, &a) && rig_mount(r, &chip.flash) == STS_OK &&
           good(&r->s[0], &b, &a) && chip.misuse == 0;
}

static void cut_trace(size_t from, size_t to, const struct model *before, const struct model *after,
                      unsigned depth, unsigned most);

/* The flash is as a cut left it: starts, looks, goes on sometimes; then all of it is taken back, and the recovery
 * itself is cut. */
static void probe(const struct model *before, const struct model *after, unsigned depth,
                  unsigned most, uint32_t a, uint32_t b)
{
    struct rig *r = &probes[depth];
    size_t journal = chip.journal_len, trace = chip.trace_len, bytes = chip.trace_bytes, end;
    bool ok;

    chip.tracing = depth < most;
    ok = rig_mount(r, &chip.flash) == STS_OK;
    chip.tracing = false;
    end = chip.trace_len;
    ok = ok && good(&r->s[0], before, after) && chip.misuse == 0;
    if (ok && chance(16) == 0) {
        ok = goes_on(r, before, after);
    }
    check(ok, depth == 1 ? "cut" : "cut within the recovery", a, b);
    chip.misuse = 0;
    sts_flash_sim_undo(&chip, journal);
    if (depth < most) {
        cut_trace(trace, end, before, after, depth + 1, most);
        sts_flash_sim_undo(&chip, journal);
    }
    chip.trace_len = trace;
    chip.trace_bytes = bytes;
}

/* Does the operations from..to of the trace, and cuts each at each step. A byte that changes nothing is no new place. */
static void cut_trace(size_t from, size_t to, const struct model *before, const struct model *after,
                      unsigned depth, unsigned most)
{
    for (size_t i = from; i < to; i++) {
        struct sts_flash_op op = chip.trace[i];
        uint32_t steps = sts_flash_sim_steps(&op);

        for (uint32_t step = 1; step <= steps; step++) {
            size_t mark = chip.journal_len;
            uint32_t start = op.what == 'e' ? 0 : step - 1;

            sts_flash_sim_part(&chip, &op, chip.trace_data + op.data, start, step, true);
            if (chip.journal_len != mark) {
                probe(before, after, depth, most, (uint32_t)i, step);
            }
            sts_flash_sim_undo(&chip, mark);
            if (op.what == 'p') {
                sts_flash_sim_part(&chip, &op, chip.trace_data + op.data, start, step, false);
            }
        }
        if (op.what == 'e') {
            sts_flash_sim_part(&chip, &op, NULL, 0, steps, false);
        }
    }
}

/* ---- the workload, an operation at a time --------------------------------------------------- */

static uint8_t shadow_bytes[2000];
static struct sts_ram_store shadow_ram;

static bool begin(const struct geometry *g)
{
    memset(&model, 0, sizeof model);
    turn = 0;
    rng = 88172645;
    sts_ram_store_init(&shadow_ram, shadow_bytes, sizeof shadow_bytes, &shadow);
    sts_flash_sim_close(&chip);
    return sts_flash_sim_open(&chip, g->sector, g->sectors, g->program) &&
           rig_mount(&live, &chip.flash) == STS_OK;
}

/* Does one operation on the live store. model is what must be there after it, *before what was. */
static int step(const struct act *a, struct model *before)
{
    struct value v;
    int e;

    *before = model;
    turn++;
    if (a->what == 'm') {
        return rig_mount(&live, &chip.flash);
    }
    e = act_on(&live, a, turn, &shadow, &v);
    if (e == STS_OK && a->what != 'a') {
        model_set(&model, a->key, &v);
    }
    return e == STS_ERR_ABSENT && a->what == 'r' && !model.now[a->key].there ? STS_OK : e;
}

/* An operation whose trace is then gone through by `cut`, from the flash as it was before it. */
static void traced(const struct act *a, void (*cut)(const struct model *before))
{
    static uint8_t *image;
    struct model before;

    chip.journal_len = chip.trace_len = chip.trace_bytes = 0;
    chip.journaling = chip.tracing = true;
    check(step(a, &before) == STS_OK && chip.misuse == 0, "operation", turn, 0);
    chip.tracing = false;
    if (only_act < 0 || (only_act == at_act && only_round == at_round)) {
        image = realloc(image, chip.size);
        memcpy(image, chip.bytes, chip.size);
        sts_flash_sim_undo(&chip, 0);
        cut(&before);
        check(memcmp(image, chip.bytes, chip.size) == 0, "the campaign itself", 0, 0);
    }
    chip.journaling = false;
}

static void all_acts(int rounds, void (*cut)(const struct model *before))
{
    for (at_round = 0; at_round < rounds; at_round++) {
        for (at_act = 0; at_act < ACTS; at_act++) {
            traced(&script[at_act], cut);
        }
    }
}

/* ---- the parts ----------------------------------------------------------------------------- */

/* F01, F02: every byte and erase, then every byte and erase of each recovery. */
static void cut_twice(const struct model *before)
{
    cut_trace(0, chip.trace_len, before, &model, 1, 2);
}

static void cut_once(const struct model *before)
{
    cut_trace(0, chip.trace_len, before, &model, 1, 1);
}

static void part_cuts(const struct geometry *g)
{
    check(begin(g), "begin", 0, 0);
    all_acts(g->rounds, cut_twice);
    all_acts(2, cut_once);
}

/* F08: of what was programmed since the last sync, any part may have arrived. */
static void cut_any_order(const struct model *before)
{
    size_t window = 0, n = chip.trace_len;
    uint32_t unit = chip.flash.program_size < 8 ? 8 : chip.flash.program_size;

    for (size_t i = 0; i < n; i++) {
        for (int times = 0; times < 24 && chip.trace[i].what != 's'; times++) {
            size_t mark = chip.journal_len;

            for (size_t k = window; k <= i; k++) {
                struct sts_flash_op op = chip.trace[k];
                const uint8_t *data = chip.trace_data + op.data;

                for (uint32_t at = 0; op.what == 'p' && at < op.len; at += unit) {
                    uint32_t some = chance(3) == 0 ? chance(unit) + 1 : unit;

                    if (chance(2) == 0) {
                        sts_flash_sim_part(&chip, &op, data, at, at + some, some < unit);
                    }
                }
                if (op.what == 'e' && chance(2) == 0) {
                    sts_flash_sim_part(&chip, &op, NULL, 0, 1 + chance(4), chance(2) == 0);
                }
            }
            if (chip.journal_len != mark) {
                probe(before, &model, 1, 1, (uint32_t)i, (uint32_t)times);
            }
            sts_flash_sim_undo(&chip, mark);
        }
        if (chip.trace[i].what == 's') {
            for (; window < i; window++) {
                struct sts_flash_op op = chip.trace[window];

                sts_flash_sim_part(&chip, &op, chip.trace_data + op.data, 0,
                                   sts_flash_sim_steps(&op), false);
            }
        }
    }
    for (; window < n; window++) {
        struct sts_flash_op op = chip.trace[window];

        sts_flash_sim_part(&chip, &op, chip.trace_data + op.data, 0, sts_flash_sim_steps(&op),
                           false);
    }
}

static void part_order(const struct geometry *g)
{
    check(begin(g), "begin", 0, 0);
    all_acts(3, cut_any_order);
}

/* Starts until one is not cut; each may be, at any step of what it writes. */
static bool start_with_cuts(struct rig *r, unsigned cuts)
{
    while (cuts-- > 0) {
        chip.cut_at = chip.steps + 1 + chance(chance(4) == 0 ? 2500 : 150);
        (void)rig_mount(r, &chip.flash);
        chip.off = false;
        chip.cut_at = 0;
    }
    return rig_mount(r, &chip.flash) == STS_OK;
}

/* F03: what a cut left reads otherwise each time. What a start decided must stay so; up to three more cuts within the
 * recovery, also where cells are steady (depth 3 and 4, at random). */
static void cut_weak(const struct model *before)
{
    size_t n = chip.trace_len;

    for (size_t i = 0; i < n; i++) {
        struct sts_flash_op op = chip.trace[i];
        uint32_t steps = sts_flash_sim_steps(&op);

        for (uint32_t s = 1; s <= steps; s++) {
            size_t mark = chip.journal_len;
            uint32_t start = op.what == 'e' ? 0 : s - 1;
            bool ok;
            uint32_t decided;

            chip.metastable = chance(3) != 0;
            sts_flash_sim_part(&chip, &op, chip.trace_data + op.data, 0, s, true);
            if (chip.journal_len != mark) {
                ok = start_with_cuts(&probes[1], chance(4)) &&
                     good(&probes[1].s[0], before, &model);
                decided = whole_of(&probes[1].s[1]);
                for (int again = 0; ok && again < 2; again++) {
                    ok = start_with_cuts(&probes[1], again == 0 ? 0 : chance(3)) &&
                         whole_of(&probes[1].s[0]) == decided;
                }
                ok = ok && (chance(4) != 0 || goes_on(&probes[1], before, &model));
                check(ok && decided != 0 && chip.misuse == 0, "weak cells", (uint32_t)i, s);
                chip.misuse = 0;
            }
            chip.metastable = false;
            sts_flash_sim_undo(&chip, mark);
            if (op.what == 'p') {
                sts_flash_sim_part(&chip, &op, chip.trace_data + op.data, start, s, false);
            }
        }
        if (op.what == 'e') {
            sts_flash_sim_part(&chip, &op, NULL, 0, steps, false);
        }
    }
}

static void part_weak(const struct geometry *g)
{
    check(begin(g), "begin", 0, 0);
    all_acts(3, cut_weak);
}

/* F04: each sector in each of five ways, from the beginning; every cut there, once. */
static void part_bad(const struct geometry *g)
{
    for (uint8_t how = STS_FLASH_PROG_ERROR; how <= STS_FLASH_ERASE_NOOP; how++) {
        for (uint32_t p = 0; p < g->sectors; p++) {
            (void)begin(g);
            chip.bad[p] = how;
            io_is_absent = how == STS_FLASH_READ_ERROR;
            check(rig_mount(&live, &chip.flash) == STS_OK, "bad sector", how, p);
            all_acts(1, cut_once);
            io_is_absent = false;
        }
    }
}

static const struct part {
    const char *name;
    void (*run)(const struct geometry *g);
    bool three; /* also where there are three sectors only */
} parts[] = {
    {"cuts", part_cuts, true},
    {"order", part_order, true},
    {"weak", part_weak, true},
    {"bad", part_bad, false},
};

static int run_part(const char *name)
{
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        for (size_t k = 0; k < sizeof geometries / sizeof geometries[0]; k++) {
            char full[40];

            snprintf(full, sizeof full, "%s-%s", parts[i].name, geometries[k].name);
            if (strcmp(full, name) == 0) {
                part = name;
                parts[i].run(&geometries[k]);
                return 0;
            }
        }
    }
    return 1;
}

int main(int argc, char **argv)
{
    if (argc > 3) {
        only_round = atoi(argv[2]);
        only_act = atoi(argv[3]);
    }
    if (argc > 1 && run_part(argv[1]) == 0) {
        printf("%s: cut points: %llu, %llu failed\n", argv[1], (unsigned long long)count.points,
               (unsigned long long)count.failed);
        return count.failed != 0;
    }
    return 2;
}
