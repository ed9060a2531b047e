/* SPDX-License-Identifier: MIT
 *
 * FLASH: power goes at every byte that is programmed and in every erase of a workload, again at every byte and erase of the
 * recovery from that, and at random a third time; programs arrive in any order between two syncs; cells read otherwise
 * each time; each sector fails in each of five ways; each bit flips. After each of these a start must find every record
 * as it was before the operation that was cut, or as it is after it.
 *
 *     flash                     everything, two parts at a time; says of each part what is exhaustive and what is sampled;
 *                               the last two lines are the counts
 *     flash PART                one part, as listed
 *     flash PART ROUND ACT      only the cuts in one operation: what a failure prints replays it
 */
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flash_work.h"

#include <stsmail/engine/crc.h>
#include <stsmail/ram_store.h>

static const struct geometry {
    const char *name;
    uint32_t sector, sectors, program;
} geometries[] = {
    {"page", 65536, 4, 256}, /* large sectors, which take long: begun first */
    {"nor", 4096, 5, 256},   /* pages of 256 bytes, sectors of 4 KiB */
    {"mcu", 2048, 6, 8},     /* a microcontroller's own, 8 bytes at a time, with ECC */
    {"byte", 2048, 6, 1},
};

#define DEPTHS 4

struct count {
    uint64_t points, failed;
    uint64_t depth[DEPTHS + 1]; /* places of a cut: cuts one within the recovery from the other */
};

static struct count count;
static struct sts_flash_sim chip;
static struct rig live, probes[3];
static struct model model;
static struct sts_store shadow;
static uint32_t turn, rng;
static const char *part;
static int at_round, at_act, only_round = -1, only_act = -1;
static bool filling;      /* large sectors, by fill_up() */
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

/* ---- sums ---------------------------------------------------------------------------------- */

/* Three quarters of the campaign would be sums over the log. So it sums eight bytes at once; the linker puts this in the
 * place of the core's own, which is asked once whether that is the same. */
uint32_t __real_sts_crc32(uint32_t crc, const void *bytes, size_t len);
uint32_t __wrap_sts_crc32(uint32_t crc, const void *bytes, size_t len);

static uint32_t crc_of[8][256];

static void begin_crc(void)
{
    uint8_t all[256 + 5];

    for (uint32_t i = 0; i < sizeof all; i++) {
        all[i] = (uint8_t)(i * 167 + (i >> 8));
    }
    for (uint32_t i = 0; i < 256; i++) {
        uint8_t b = (uint8_t)i;

        crc_of[0][i] = __real_sts_crc32(0xffffffff, &b, 1) ^ 0xffffffff;
    }
    for (uint32_t i = 0; i < 256; i++) {
        for (int k = 1; k < 8; k++) {
            crc_of[k][i] = crc_of[k - 1][i] >> 8 ^ crc_of[0][crc_of[k - 1][i] & 255];
        }
    }
    for (uint32_t n = 0; n < sizeof all; n++) {
        check(sts_crc32(n, all, n) == __real_sts_crc32(n, all, n), "sum", n, 0);
    }
}

uint32_t __wrap_sts_crc32(uint32_t crc, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;

    crc = ~crc;
    for (; len >= 8; len -= 8, p += 8) {
        crc ^= p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        crc = crc_of[7][crc & 255] ^ crc_of[6][crc >> 8 & 255] ^ crc_of[5][crc >> 16 & 255] ^
              crc_of[4][crc >> 24] ^ crc_of[3][p[4]] ^ crc_of[2][p[5]] ^ crc_of[1][p[6]] ^
              crc_of[0][p[7]];
    }
    for (; len > 0; len--) {
        crc = crc >> 8 ^ crc_of[0][(crc ^ *p++) & 255];
    }
    return ~crc;
}

/* ---- what must be there -------------------------------------------------------------------- */

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
    count.depth[depth]++;
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

/* Whether a cut in that step leaves what one in the step before leaves: erased bytes are programmed there, again. */
static bool same_place(const struct sts_flash_op *op, uint32_t step)
{
    const uint8_t *data = chip.trace_data + op->data;

    return op->what == 'p' && step > 1 && data[step - 1] == 0xff && data[step - 2] == 0xff;
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
            if (chip.journal_len != mark && depth <= most && !same_place(&op, step)) {
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
    filling = true;
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

/* Where sectors are so large that the script does not fill one: fills up the one it is in now and then, with a large
 * record that is given up. So the log goes round there too. */
static void fill_up(void)
{
    static const uint8_t bytes[400];
    const struct sts_store *s = &live.s[0];
    uint32_t size = chip.flash.sector_size, most = live.store.limit - 1500;

    if (!filling || size < 65536 || at_act % 8 != 7 || s->put(s->ctx, M, "large") != STS_OK) {
        return;
    }
    for (uint32_t i = 0; i < size / 256 && live.store.head_at % size < most; i++) {
        if (s->write(s->ctx, bytes, sizeof bytes) != STS_OK) {
            break;
        }
    }
    s->abort(s->ctx);
}

static void all_acts(int rounds, void (*cut)(const struct model *before))
{
    for (at_round = 0; at_round < rounds; at_round++) {
        for (at_act = 0; at_act < ACTS; at_act++) {
            fill_up();
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
    filling = false; /* the second cut only where the log is short */
    all_acts(1, cut_twice);
    filling = true;
    all_acts(2, cut_once);
    check(chip.erases > g->sectors, "goes round", (uint32_t)chip.erases, 0);
}

/* Each unit of the operations from..to of the trace arrives or does not, or a part of it. */
static void some_arrive(size_t from, size_t to)
{
    uint32_t unit = chip.flash.program_size < 8 ? 8 : chip.flash.program_size;

    for (size_t k = from; k < to; k++) {
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
}

static void all_arrive(size_t from, size_t to)
{
    for (; from < to; from++) {
        struct sts_flash_op op = chip.trace[from];

        sts_flash_sim_part(&chip, &op, chip.trace_data + op.data, 0, sts_flash_sim_steps(&op),
                           false);
    }
}

static void probe_some(size_t from, size_t to, const struct model *before)
{
    for (int times = 0; times < 24; times++) {
        size_t mark = chip.journal_len;

        some_arrive(from, to);
        if (chip.journal_len != mark) {
            probe(before, &model, 1, 1, (uint32_t)to, (uint32_t)times);
        }
        sts_flash_sim_undo(&chip, mark);
    }
}

/* F08: of what was programmed since the last sync, any part may have arrived. Of what a call said was done, all has: a cut right
 * behind it takes nothing back. */
static void cut_any_order(const struct model *before)
{
    size_t window = 0, n = chip.trace_len;

    for (size_t i = 0; i < n; i++) {
        if (chip.trace[i].what == 's') {
            all_arrive(window, i);
            window = i;
        } else {
            probe_some(window, i + 1, before);
        }
    }
    probe_some(window, n, &model);
    all_arrive(window, n);
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
            /* Pages are mostly filled up with bytes that change nothing: a part of those will do. */
            bool look = op.what == 'e' || chip.trace_data[op.data + s - 1] != 0xff || s % 16 == 0;
            size_t mark = chip.journal_len;
            uint32_t start = op.what == 'e' ? 0 : s - 1;
            bool ok;
            uint32_t decided;

            chip.metastable = chance(3) != 0;
            sts_flash_sim_part(&chip, &op, chip.trace_data + op.data, 0, s, true);
            if (look && chip.journal_len != mark) {
                unsigned cuts = chance(DEPTHS);

                count.depth[1 + cuts]++;
                ok = start_with_cuts(&probes[1], cuts) && good(&probes[1].s[0], before, &model);
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
    filling = false;
    all_acts(chip.flash.sector_size < 65536 ? 2 : 1, cut_weak);
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

/* Sets a sector bad in the middle of the work. What programs and erases badly loses nothing; what cannot be read any more
 * is lost or said to be unreadable, never wrong, and the store goes on. F21: a sector that cannot be erased keeps old records,
 * which never come back. */
static bool known(const struct value *v, int k, bool *same)
{
    bool found = !v->there;

    *same = equal(v, &model.now[k]);
    for (int i = 0; i < model.n[k]; i++) {
        found = found || equal(v, &model.old[k][i]);
    }
    return found || *same;
}

/* Whether each key holds a value that it had at some time, and all but `most` the last one. */
static bool nearly(const struct sts_store *s, int most)
{
    struct value v;
    bool same;

    for (int k = 0; k < KEYS; k++) {
        int e = read_value(s, k, &v);

        /* What the cache makes of what it lost is not told here. */
        if (io_is_absent && (e == STS_ERR_IO || k == 12)) {
            continue;
        }
        if (e != STS_OK || !known(&v, k, &same)) {
            return false;
        }
        most -= !same;
    }
    return most >= 0;
}

/* F07: what a start cannot read any more may be unreadable, but is not what it was before. */
static bool none_older(void)
{
    size_t journal = chip.journal_len;
    struct value v;
    bool ok;

    chip.journaling = true;
    ok = rig_mount(&probes[1], &chip.flash) == STS_OK;
    for (int k = 0; ok && k < KEYS; k++) {
        int e = read_value(&probes[1].s[0], k, &v);

        ok = e == STS_ERR_IO || (e == STS_OK && equal(&v, &model.now[k]));
    }
    sts_flash_sim_undo(&chip, journal);
    chip.journaling = false;
    return ok;
}

/* Whether the store holds more records than it should: their removal stands where nothing can be read. They take room again. */
static bool came_back(void)
{
    struct sts_flash_stats stats;
    uint32_t want = 0;

    for (int k = 0; k < KEYS; k++) {
        want += model.now[k].there ? k == 12 ? 2 : 1 : 0; /* the cache's is two */
    }
    sts_flash_store_stats(&live.store, &stats);
    return stats.records > want;
}

static void go_bad(const struct geometry *g, uint8_t how, uint32_t p, int when)
{
    struct model before;
    bool loses = how == STS_FLASH_READ_ERROR;

    (void)begin(g);
    for (int i = 0; i < 4 * ACTS; i++) {
        int e;

        at_round = i / ACTS;
        at_act = i % ACTS;
        fill_up();
        e = step(&script[at_act], &before);
        if (i == when) {
            chip.bad[p] = how;
            io_is_absent = loses;
            check(!loses || none_older(), "none older", p, (uint32_t)when);
        }
        if (loses && i >= when && i < when + 3 * ACTS - 1) {
            check((e == STS_OK || e == STS_ERR_ABSENT || e == STS_ERR_IO ||
                   (e == STS_ERR_SPACE && came_back())) &&
                      nearly(&live.s[0], KEYS),
                  "unreadable", how, p);
        } else {
            check(e == STS_OK && (rig_mount(&probes[1], &chip.flash) == STS_OK) &&
                      good(&live.s[0], &model, &model) && good(&probes[1].s[0], &model, &model),
                  "gone bad", how, p);
            (void)rig_mount(&live, &chip.flash);
        }
        check(chip.misuse == 0, "misuse", how, p);
    }
    io_is_absent = false;
}

static void part_midway(const struct geometry *g)
{
    for (uint8_t how = STS_FLASH_PROG_ERROR; how <= STS_FLASH_ERASE_NOOP; how++) {
        for (uint32_t p = 0; p < g->sectors; p++) {
            for (int when = 2; when < ACTS; when += g->sector < 65536 ? 3 : 12) {
                go_bad(g, how, p, when);
            }
        }
    }
}

/* ---- damage -------------------------------------------------------------------------------- */

static void probe_damage(int most, const char *what, uint32_t a, uint32_t b)
{
    check(rig_mount(&probes[1], &chip.flash) == STS_OK && nearly(&probes[1].s[0], most), what, a,
          b);
    sts_flash_sim_undo(&chip, 0);
}

static void flip(uint32_t bit)
{
    sts_flash_sim_set(&chip, bit / 8, chip.bytes[bit / 8] ^ (uint8_t)(1u << bit % 8));
}

/* Whether a bit is in the heads of a sector: two copies, so that it takes two bits to lose the sector. */
static bool in_heads(uint32_t bit)
{
    return bit / 8 % chip.flash.sector_size < 64;
}

/* F05: each bit of the area (of large sectors each of the heads, and some), then two and three at random, then whole sectors. */
static void damage(void)
{
    uint32_t one_in = chip.flash.sector_size < 65536 ? 1 : 64;

    for (uint32_t bit = 0; bit < chip.size * 8; bit++) {
        uint32_t at = bit / 8;
        bool blank = chip.bytes[at] == 0xff && (at < 32 || chip.bytes[at - 32] == 0xff);

        if (!in_heads(bit) && chance(one_in) != 0) {
            continue;
        }
        if (!blank || chance(64) == 0) {
            flip(bit);
            probe_damage(1, "flipped bit", bit, 0);
        }
    }
    for (int i = 0; i < 4000; i++) {
        uint32_t one = chance(chip.size * 8), two = chance(chip.size * 8);
        uint32_t three = i % 2 == 0 ? one : chance(chip.size * 8);
        int heads = in_heads(one) + in_heads(two) + (three != one && in_heads(three));

        flip(one);
        flip(two);
        if (three != one) {
            flip(three);
        }
        probe_damage(heads < 2 ? 3 : KEYS, "flipped bits", one, two);
    }
    for (uint32_t p = 0; p < chip.flash.sectors; p++) {
        for (int fill = 0; fill < 3; fill++) {
            for (uint32_t i = 0; i < chip.flash.sector_size; i++) {
                sts_flash_sim_set(&chip, p * chip.flash.sector_size + i,
                                  fill == 0   ? 0
                                  : fill == 1 ? 0xff
                                              : (uint8_t)chance(256));
            }
            probe_damage(KEYS, "sector", p, (uint32_t)fill);
        }
    }
}

static void part_damage(const struct geometry *g)
{
    struct model before;

    check(begin(g), "begin", 0, 0);
    for (int i = 0; i < 3 * ACTS; i++) {
        at_round = i / ACTS;
        at_act = i % ACTS;
        fill_up();
        check(step(&script[at_act], &before) == STS_OK, "operation", 0, 0);
        if (i % 31 == 30) {
            chip.journaling = true;
            chip.journal_len = 0;
            damage();
            chip.journaling = false;
        }
    }
}

/* F15: whatever stands there, a start ends, soon, and what it says is then so. */
static void any_image(const uint8_t *image)
{
    uint32_t sector = chip.flash.sector_size, how = chance(5);
    uint64_t reads = chip.reads;
    struct value v;
    int e;

    memcpy(chip.bytes, image, chip.size);
    for (uint32_t n = 1 + chance(6); n > 0; n--) {
        uint32_t a = chance(chip.flash.sectors) * sector, b = chance(chip.flash.sectors) * sector;
        uint32_t from = chance(sector), len = chance(sector - from) + 1;

        switch (how) {
        case 0: memcpy(chip.bytes + a, chip.bytes + b, sector); break;
        case 1: memcpy(chip.bytes + a + from, chip.bytes + b + (sector - len), len); break;
        case 2: chip.bytes[a + from] = (uint8_t)chance(256); break;
        case 3: memset(chip.bytes + a + from, chance(2) ? 0xff : 0, len); break;
        default:
            for (uint32_t i = 0; i < sector; i++) {
                chip.bytes[a + i] = (uint8_t)chance(256);
            }
        }
    }
    for (uint32_t i = 0; i < chip.size; i++) {
        chip.state[i] = chip.bytes[i] != 0xff;
    }
    e = rig_mount(&probes[1], &chip.flash);
    check((e == STS_OK || e == STS_ERR_SYNTAX) && chip.reads - reads < chip.size, "image", how,
          (uint32_t)(chip.reads - reads));
    if (e == STS_OK) {
        e = put_pattern(&probes[1], 1, turn, 300, 'p', &v);
        if (e == STS_OK) {
            struct value w;

            check(read_value(&probes[1].s[1], 1, &w) == STS_OK && equal(&v, &w), "image, put", how,
                  0);
            check(rig_mount(&probes[1], &chip.flash) == STS_OK &&
                      read_value(&probes[1].s[1], 1, &w) == STS_OK && equal(&v, &w),
                  "image, put, start", how, 0);
        } else {
            check(e == STS_ERR_SPACE || e == STS_ERR_IO, "image, full", how, (uint32_t)-e);
        }
    }
    check(chip.misuse == 0, "image, misuse", how, 0);
    chip.misuse = 0;
}

static void part_images(const struct geometry *g)
{
    struct model before;
    uint8_t *image = malloc(g->sector * g->sectors);

    check(image != NULL && begin(g), "begin", 0, 0);
    for (int i = 0; i < 3 * ACTS; i++) {
        at_act = i % ACTS;
        fill_up();
        check(step(&script[at_act], &before) == STS_OK, "operation", 0, 0);
        memcpy(image, chip.bytes, chip.size);
        for (int n = 0; n < (g->sector < 65536 ? 500 : 25); n++) {
            any_image(image);
        }
        memcpy(chip.bytes, image, chip.size);
        for (uint32_t b = 0; b < chip.size; b++) {
            chip.state[b] = chip.bytes[b] != 0xff;
        }
        check(rig_mount(&live, &chip.flash) == STS_OK, "start", 0, 0);
    }
    free(image);
}

/* F14: serial numbers of sectors and numbers of records go round. */
static void part_wrap(const struct geometry *g)
{
    check(begin(g), "begin", 0, 0);
    live.store.serial = UINT32_MAX - 6;
    live.store.gen = UINT32_MAX - 30;
    all_acts(3, cut_once);
    check(live.store.serial < 100 && live.store.gen < 1000, "wrapped", live.store.serial,
          live.store.gen);
}

/* ---- wear ---------------------------------------------------------------------------------- */

/* A day of a device: 100 alerts through the queue, eight policies fetched again. */
static int day(const struct sts_store *s, uint32_t n)
{
    static uint8_t bytes[2000];
    char id[20];
    int e = STS_OK;

    for (uint32_t alert = 0; alert < 100 && e == STS_OK; alert++) {
        snprintf(id, sizeof id, "%08x%08x", (unsigned)n, (unsigned)alert);
        (void)pattern(n * 100 + alert, 1500, bytes);
        for (int i = 0; i < 4 && e == STS_OK; i++) {
            /* the message, its entry, that it is being sent, that it was */
            e = s->put(s->ctx, i == 0 ? M : Q, id);
            if (e == STS_OK) {
                bytes[0] = (uint8_t)i;
                e = s->write(s->ctx, bytes, i == 0 ? 700 + alert * 8 : 180);
                e = e == STS_OK ? s->commit(s->ctx) : e;
            }
        }
        e = e == STS_OK ? s->remove(s->ctx, Q, id) : e;
        e = e == STS_OK ? s->remove(s->ctx, M, id) : e;
    }
    for (uint32_t d = 0; d < 8 && e == STS_OK; d++) {
        snprintf(id, sizeof id, "domain%u.example", (unsigned)d);
        (void)pattern(n, 200, bytes);
        e = s->put(s->ctx, P, id);
        e = e == STS_OK ? s->write(s->ctx, bytes, 200) : e;
        e = e == STS_OK ? s->commit(s->ctx) : e;
    }
    return e;
}

/* F10: every sector is erased as often as the others; what is put again as it is costs nothing. */
static void wear(uint32_t sector, uint32_t sectors, uint32_t program, uint32_t days)
{
    uint32_t least = UINT32_MAX, most = 0;
    struct value v;

    (void)begin(&(struct geometry){"", sector, sectors, program});
    for (uint32_t n = 0; n < days; n++) {
        check(day(&live.s[0], n) == STS_OK, "a day", n, sectors);
        if (n % 7 == 0) {
            check(rig_mount(&live, &chip.flash) == STS_OK, "a start", n, sectors);
        }
    }
    for (uint32_t p = 0; p < sectors; p++) {
        least = chip.erased[p] < least ? chip.erased[p] : least;
        most = chip.erased[p] > most ? chip.erased[p] : most;
    }
    check(most * 100 <= least * 110 && least > 20, "wear is even", least, most);
    printf("wear: %u x %u bytes, %u at once: %u..%u erases in %u days: %.0f years to 10,000\n",
           sectors, sector, program, least, most, days, 10000.0 / most * days / 365);
    (void)put_pattern(&live, 0, 5, 200, 'p', &v);
    least = (uint32_t)(chip.erases + chip.programs);
    for (int i = 0; i < 10000; i++) {
        check(put_pattern(&live, 0, 5, 200, 'p', &v) == STS_OK, "unchanged", 0, 0);
    }
    check(chip.erases + chip.programs == least, "an unchanged record is not written", 0, 0);
    check(chip.misuse == 0, "misuse", 0, 0);
}

static void part_wear(const struct geometry *g)
{
    if (g->program == 1) {
        wear(4096, 16, 1, 100);
        wear(4096, 64, 1, 400);
        wear(2048, 32, 8, 100);
        wear(4096, 64, 256, 200);
        wear(65536, 8, 256, 400);
    }
}

static const struct part {
    const char *name;
    void (*run)(const struct geometry *g);
    const char *what, *of_large;
} parts[] = {
    {"cuts", part_cuts,
     "exhaustive: every byte and erase of one round of the script, and every byte and erase of "
     "each recovery (depth 2); "
     "of two rounds more, depth 1",
     "exhaustive: the same, the first round within one sector, the two more (depth 1) round all "
     "sectors"},
    {"order", part_order, "sampled: 24 orders at each program and erase of three rounds", NULL},
    {"weak", part_weak,
     "exhaustive: every step of two rounds; sampled: one to three cuts within the recoveries "
     "(depth 2 to 4)",
     "exhaustive: every step of one round, within one sector; sampled: as with small sectors"},
    {"bad", part_bad,
     "exhaustive: five ways, every sector, every byte and erase of one round (depth 1)", NULL},
    {"midway", part_midway, "five ways, every sector, from every third operation on",
     "five ways, every sector, from every twelfth operation on"},
    {"damage", part_damage,
     "exhaustive: every bit that is in use, every sector; sampled: two and three bits",
     "exhaustive: every bit of the heads, every sector; sampled: one other bit in 64, two and "
     "three bits"},
    {"wrap", part_wrap,
     "exhaustive: every byte and erase of three rounds while numbers wrap (depth 1)", NULL},
    {"images", part_images, "sampled: 63,000 strange images", "sampled: 3,150 strange images"},
    {"wear", part_wear, "five areas, 100 to 400 days", NULL},
};
#define PARTS      (sizeof parts / sizeof parts[0])
#define GEOMETRIES (sizeof geometries / sizeof geometries[0])

/* The n-th part. */
static void run_part(size_t n)
{
    static char full[40];
    const struct part *p = &parts[n / GEOMETRIES];
    const struct geometry *g = &geometries[n % GEOMETRIES];

    snprintf(full, sizeof full, "%s-%s", p->name, g->name);
    part = full;
    p->run(g);
    printf("%s: %llu points, %llu failed; %s\n", full, (unsigned long long)count.points,
           (unsigned long long)count.failed,
           g->sector == 65536 && p->of_large != NULL ? p->of_large : p->what);
    fflush(stdout);
}

/* Entries lie the same at 1 and at 8 bytes. */
static bool has_part(size_t n)
{
    const struct geometry *g = &geometries[n % GEOMETRIES];
    void (*run)(const struct geometry *) = parts[n / GEOMETRIES].run;

    if (run == part_wear) {
        return g->program == 1;
    }
    if (run == part_bad && g->sector == 65536) {
        return false; /* takes minutes: `flash bad-page` */
    }
    return g->program != 1 || run == part_cuts || run == part_order || run == part_bad ||
           run == part_weak;
}

static void add(struct count *to, const struct count *more)
{
    to->points += more->points;
    to->failed += more->failed;
    for (int i = 0; i <= DEPTHS; i++) {
        to->depth[i] += more->depth[i];
    }
}

/* One part after another, of those that the other process has not begun. */
static struct count run_some(_Atomic size_t *next)
{
    struct count sum = {0, 0, {0}};
    size_t n;

    while ((n = (*next)++) < PARTS * GEOMETRIES) {
        if (has_part(n)) {
            count = (struct count){0, 0, {0}};
            run_part(n);
            add(&sum, &count);
        }
    }
    return sum;
}

static int run_all(void)
{
    struct count sum, other;
    _Atomic size_t *next =
        mmap(NULL, sizeof *next, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int ends[2], status = 1;
    pid_t pid;

    fflush(stdout);
    if (next == MAP_FAILED || pipe(ends) != 0 || (pid = fork()) < 0) {
        return 2;
    }
    sum = run_some(next);
    if (pid == 0) {
        _exit(write(ends[1], &sum, sizeof sum) != (ssize_t)sizeof sum);
    }
    close(ends[1]);
    if (read(ends[0], &other, sizeof other) != (ssize_t)sizeof other) {
        other = (struct count){0, 1, {0}};
    }
    if (waitpid(pid, &status, 0) != pid || status != 0) {
        other.failed++;
    }
    add(&sum, &other);
    printf("cuts: %llu at depth 1, %llu at depth 2, %llu at depth 3, %llu at depth 4\n",
           (unsigned long long)sum.depth[1], (unsigned long long)sum.depth[2],
           (unsigned long long)sum.depth[3], (unsigned long long)sum.depth[4]);
    /* One test for each part would hide how much was tried: each thousand points are one. */
    printf("flash: %llu passed, %llu failed\n",
           (unsigned long long)((sum.points - sum.failed) / 1000), (unsigned long long)sum.failed);
    printf("cut points: %llu, %llu failed\n", (unsigned long long)sum.points,
           (unsigned long long)sum.failed);
    return sum.failed != 0;
}

int main(int argc, char **argv)
{
    char full[40];

    part = "sums";
    begin_crc();
    if (count.failed != 0) {
        return 1;
    }
    if (argc < 2) {
        return run_all();
    }
    if (argc > 3) {
        only_round = atoi(argv[2]);
        only_act = atoi(argv[3]);
    }
    for (size_t n = 0; n < PARTS * GEOMETRIES; n++) {
        snprintf(full, sizeof full, "%s-%s", parts[n / GEOMETRIES].name,
                 geometries[n % GEOMETRIES].name);
        if (strcmp(full, argv[1]) == 0) {
            run_part(n);
            return count.failed != 0;
        }
    }
    return 2;
}
