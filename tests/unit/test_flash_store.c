/* SPDX-License-Identifier: MIT
 *
 * The flash store, where it is more than a store: geometry, formats, several handles, room, sectors that fail, damage, and
 * the format itself, byte by byte. Cuts of power are tests/faults/flash.c's.
 */
#include "test.h"

#include <stsmail/flash_sim.h>
#include <stsmail/flash_store.h>

#define P STS_STORE_POLICY
#define M STS_STORE_MESSAGE
#define Q STS_STORE_ENTRY

static struct sts_flash_sim chip;
static struct sts_flash_store store;
static struct sts_flash_handle h1, h2;
static struct sts_store a, b;

static int start(void)
{
    int e = sts_flash_store_mount(&store, &chip.flash);

    sts_flash_store_handle(&store, &h1, &a);
    sts_flash_store_handle(&store, &h2, &b);
    return e;
}

static void begin(uint32_t sector, uint32_t sectors, uint32_t program)
{
    CHECK(sts_flash_sim_open(&chip, sector, sectors, program));
    CHECK(start() == STS_OK);
}

static void end(void)
{
    CHECK(chip.misuse == 0); /* F09 */
    sts_flash_sim_close(&chip);
}

static uint8_t byte(unsigned seed, size_t i)
{
    return (uint8_t)(seed * 31u + i * 7u + (i >> 8));
}

static int put(struct sts_store *s, uint8_t kind, const char *key, unsigned seed, size_t len)
{
    uint8_t buf[100];
    int e = s->put(s->ctx, kind, key);

    for (size_t at = 0; at < len && e == STS_OK; at += sizeof buf) {
        size_t n = len - at < sizeof buf ? len - at : sizeof buf;

        for (size_t i = 0; i < n; i++) {
            buf[i] = byte(seed, at + i);
        }
        e = s->write(s->ctx, buf, n);
    }
    if (e != STS_OK) {
        s->abort(s->ctx);
        return e;
    }
    return s->commit(s->ctx);
}

/* Reads the rest of what is open: the error, or STS_OK if it is the pattern. */
static int rest(struct sts_store *s, unsigned seed, size_t at, size_t len)
{
    uint8_t buf[77];
    int32_t n;

    while ((n = s->read(s->ctx, buf, sizeof buf)) > 0) {
        for (int32_t i = 0; i < n; i++, at++) {
            if (buf[i] != byte(seed, at)) {
                return STS_ERR_SYNTAX;
            }
        }
    }
    return n < 0 ? (int)n : at == len ? STS_OK : STS_ERR_SYNTAX;
}

static int get(struct sts_store *s, uint8_t kind, const char *key, unsigned seed, size_t len)
{
    int e = s->get(s->ctx, kind, key);

    if (e == STS_OK) {
        e = rest(s, seed, 0, len);
        s->done(s->ctx);
    }
    return e;
}

/* ---- geometry and formats ------------------------------------------------------------------ */

TEST(f17_a_geometry_that_cannot_work_is_said)
{
    static const struct {
        uint32_t sector, sectors, program;
        int error;
    } rows[] = {
        {4096, 2, 1, STS_OK},           {2048, 4, 8, STS_OK},
        {2048, 4, 256, STS_ERR_CONFIG}, {4096, 4, 256, STS_OK},
        {65536, 2, 256, STS_OK},        {4096, 1, 1, STS_ERR_CONFIG},
        {512, 8, 1, STS_ERR_CONFIG},    {2048, 2, 1, STS_ERR_CONFIG},
        {4096, 4, 3, STS_ERR_CONFIG},   {4096, 4, 0, STS_ERR_CONFIG},
        {4096, 4, 512, STS_ERR_CONFIG}, {4100, 4, 4, STS_ERR_CONFIG},
        {0, 4, 1, STS_ERR_CONFIG},
    };

    begin(4096, 4, 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sts_flash_sim other;
        bool there = rows[i].sector != 0 &&
                     sts_flash_sim_open(&other, rows[i].sector, rows[i].sectors, rows[i].program);
        struct sts_flash odd = there ? other.flash : chip.flash;

        odd.sector_size = rows[i].sector;
        CHECK(sts_flash_store_mount(&store, &odd) == rows[i].error);
        if (there) {
            sts_flash_sim_close(&other);
        }
    }
    {
        struct sts_flash odd = chip.flash;

        odd.sectors = 65536;
        CHECK(sts_flash_store_mount(&store, &odd) == STS_ERR_CONFIG);
        odd.sectors = 65535;
        odd.sector_size = 0x100000;
        CHECK(sts_flash_store_mount(&store, &odd) == STS_ERR_CONFIG);
        odd.sector_size = 0x200000;
        odd.sectors = 4;
        CHECK(sts_flash_store_mount(&store, &odd) == STS_ERR_CONFIG);
    }
    end();
}

/* CRC-32 a bit at a time, by its definition. */
static uint32_t crc(uint32_t sum, const uint8_t *p, size_t len)
{
    sum = ~sum;
    for (size_t i = 0; i < len * 8; i++) {
        sum = sum >> 1 ^ (((sum ^ (uint32_t)p[i / 8] >> i % 8) & 1) != 0 ? 0xedb88320u : 0u);
    }
    return ~sum;
}

static uint32_t number(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_number(uint8_t *p, uint32_t n)
{
    for (int i = 0; i < 4; i++) {
        p[i] = (uint8_t)(n >> (24 - 8 * i));
    }
}

/* The format as flash_log.c says it: a store of one record, byte by byte. */
TEST(the_bytes_in_flash_are_those_of_the_format)
{
    uint8_t tie[9] = {0}, *e;

    begin(4096, 4, 8);
    CHECK(put(&a, P, "a.example", 3, 5) == STS_OK);
    CHECK(memcmp(chip.bytes, "STSL\1\xfe\0\0", 8) == 0 && number(chip.bytes + 8) == 1);
    CHECK(number(chip.bytes + 28) == crc(0, chip.bytes, 28));
    CHECK(memcmp(chip.bytes, chip.bytes + 32, 32) == 0);
    e = chip.bytes + 64; /* the seal that opens the sector */
    CHECK(e[0] == 0x44 && e[1] == 0 && e[2] == 0 && e[3] == 4 && number(e + 8) == 1);
    CHECK(number(e + 16) == 64 && number(e + 20) == 0xffffffff);
    e += 24;
    CHECK(e[0] == 0x42 && e[1] == 9 && e[2] == 0 && e[3] == 5 + 9 + 5 && number(e + 8) == 0);
    CHECK(e[16] == P && number(e + 17) == 40 && memcmp(e + 21, "a.example", 9) == 0);
    for (size_t i = 0; i < 5; i++) {
        CHECK(e[30 + i] == byte(3, i));
    }
    put_number(tie, 1);
    put_number(tie + 4, 88);
    CHECK(number(e + 12) == (crc(crc(0, e, 12), e + 16, 19) ^ crc(0, tie, 9)));
    end();
}

/* F16: nothing of a newer version is erased unasked. */
TEST(f16_a_newer_format_is_said_and_left_alone)
{
    static uint8_t copy[4096 * 4];

    begin(4096, 4, 8);
    CHECK(put(&a, P, "a.example", 3, 50) == STS_OK);
    memcpy(chip.bytes + 8192, chip.bytes, 32);
    chip.bytes[8192 + 4] = 2;
    chip.bytes[8192 + 5] = 0xfd;
    CHECK(start() == STS_OK); /* its sum is wrong: damage, not another format */
    put_number(chip.bytes + 8192 + 28, crc(0, chip.bytes + 8192, 28));
    memcpy(copy, chip.bytes, sizeof copy);
    CHECK(start() == STS_ERR_SYNTAX);
    CHECK(memcmp(copy, chip.bytes, sizeof copy) == 0);
    CHECK(sts_flash_store_format(&store, &chip.flash) == STS_OK);
    CHECK(start() == STS_OK && get(&a, P, "a.example", 3, 50) == STS_ERR_ABSENT);
    CHECK(put(&a, P, "a.example", 4, 50) == STS_OK && get(&a, P, "a.example", 4, 50) == STS_OK);
    chip.dead = true;
    CHECK(sts_flash_store_format(&store, &chip.flash) == STS_ERR_IO);
    end();
}

/* F15: what is not ours is not touched before the first put. */
TEST(f15_virgin_and_foreign_flash_is_empty_and_not_written_by_a_start)
{
    struct sts_flash_stats stats;

    begin(4096, 4, 1);
    CHECK(chip.programs == 0 && chip.erases == 0);
    memset(chip.bytes, 0x5a, chip.size);
    memset(chip.state, 1, chip.size);
    CHECK(start() == STS_OK && chip.programs == 0 && chip.erases == 0);
    CHECK(get(&a, P, "a.example", 1, 1) == STS_ERR_ABSENT);
    CHECK(put(&a, P, "a.example", 1, 10) == STS_OK && chip.erases == 1);
    sts_flash_store_stats(&store, &stats);
    CHECK(stats.records == 1 && stats.erases == 1 && stats.used == 40 && stats.free > 1000 &&
          stats.bad == 0 && stats.damaged == 0);
    end();
}

TEST(more_records_than_the_index_holds_are_refused_and_untouched)
{
    static struct sts_flash_store small;
    char key[16];

    begin(4096, 128, 1);
    for (unsigned i = 0; i < STS_FLASH_RECORDS && i < 3000; i++) {
        snprintf(key, sizeof key, "k%u", i);
        CHECK(put(&a, P, key, i, 10) == STS_OK);
    }
    if (STS_FLASH_RECORDS < 3000) {
        CHECK(put(&a, P, "one-more", 1, 10) == STS_ERR_SPACE);
        CHECK(put(&a, P, "k1", 7, 20) == STS_OK); /* a change is none more */
        CHECK(a.remove(a.ctx, P, "k2") == STS_OK);
        CHECK(put(&a, P, "one-more", 1, 10) == STS_OK);
    }
    CHECK(sts_flash_store_mount(&small, &chip.flash) == STS_OK);
    end();
}

/* ---- handles ------------------------------------------------------------------------------- */

/* F18: the mailer reads policies while a message is streamed. */
TEST(f18_each_handle_reads_for_itself_and_one_writes)
{
    uint8_t buf[50];

    begin(4096, 16, 1);
    CHECK(put(&a, M, "1", 1, 3000) == STS_OK && put(&b, P, "a.example", 2, 100) == STS_OK);
    CHECK(a.get(a.ctx, M, "1") == STS_OK && a.read(a.ctx, buf, 50) == 50);
    CHECK(get(&b, P, "a.example", 2, 100) == STS_OK && get(&b, M, "1", 1, 3000) == STS_OK);
    CHECK(b.put(b.ctx, Q, "2") == STS_OK && a.put(a.ctx, Q, "3") == STS_ERR_STATE);
    CHECK(a.write(a.ctx, "x", 1) == STS_ERR_STATE && a.commit(a.ctx) == STS_ERR_STATE);
    a.abort(a.ctx); /* not its own */
    CHECK(b.write(b.ctx, "xyz", 3) == STS_OK);
    CHECK(a.remove(a.ctx, P, "a.example") == STS_OK);
    CHECK(b.commit(b.ctx) == STS_OK && get(&b, P, "a.example", 2, 100) == STS_ERR_ABSENT);
    CHECK(rest(&a, 1, 50, 3000) == STS_OK);
    a.done(a.ctx);
    end();
}

/* The log goes round several times under a reader of a record that is gone. */
TEST(f18_a_reader_goes_on_while_the_log_goes_round)
{
    uint8_t buf[700];

    begin(4096, 8, 8);
    CHECK(put(&a, M, "1", 1, 2500) == STS_OK);
    CHECK(a.get(a.ctx, M, "1") == STS_OK && a.read(a.ctx, buf, 700) > 0);
    a.done(a.ctx);
    CHECK(a.get(a.ctx, M, "1") == STS_OK && a.read(a.ctx, buf, 10) == 10);
    CHECK(b.remove(b.ctx, M, "1") == STS_OK);
    for (unsigned i = 0; i < 300; i++) {
        CHECK(put(&b, Q, "2", i, 300) == STS_OK);
    }
    CHECK(chip.erased[0] > 2 && rest(&a, 1, 10, 2500) == STS_OK);
    a.done(a.ctx);
    CHECK(start() == STS_OK && get(&a, M, "1", 1, 2500) == STS_ERR_ABSENT); /* a ghost is none */
    CHECK(get(&a, Q, "2", 299, 300) == STS_OK);
    end();
}

TEST(a_reader_of_what_is_gone_gets_an_error_when_its_room_is_needed)
{
    uint8_t buf[10];
    struct sts_flash_stats stats;

    begin(4096, 4, 8);
    sts_flash_store_stats(&store, &stats);
    CHECK(put(&a, M, "1", 1, stats.free / 2) == STS_OK);
    CHECK(a.get(a.ctx, M, "1") == STS_OK && a.read(a.ctx, buf, 10) == 10);
    CHECK(b.remove(b.ctx, M, "1") == STS_OK);
    CHECK(put(&b, M, "2", 2, stats.free * 3 / 4) == STS_OK);
    CHECK(a.read(a.ctx, buf, 10) == STS_ERR_IO);
    a.done(a.ctx);
    CHECK(get(&a, M, "2", 2, stats.free * 3 / 4) == STS_OK);
    end();
}

/* ---- room ---------------------------------------------------------------------------------- */

/* F17: a full store still takes changes and removals, and loses nothing. */
TEST(f17_a_full_store_goes_on_with_what_it_has)
{
    char key[16];
    unsigned n = 0;

    begin(2048, 5, 8);
    do {
        snprintf(key, sizeof key, "%u", n);
    } while (put(&a, Q, key, n, 200) == STS_OK && ++n < 50);
    CHECK(n > 5 && n < 50);
    CHECK(put(&a, M, "m", 1, 1000) == STS_ERR_SPACE);
    for (unsigned turn = 1; turn < 40; turn++) {
        for (unsigned i = 0; i < n; i++) {
            snprintf(key, sizeof key, "%u", i);
            CHECK(put(&a, Q, key, i + turn, 200) == STS_OK);
        }
    }
    CHECK(start() == STS_OK);
    for (unsigned i = 0; i < n; i++) {
        snprintf(key, sizeof key, "%u", i);
        CHECK(get(&a, Q, key, i + 39, 200) == STS_OK);
        CHECK(a.remove(a.ctx, Q, key) == STS_OK);
    }
    CHECK(put(&a, M, "m", 1, 1000) == STS_OK && get(&a, M, "m", 1, 1000) == STS_OK);
    end();
}

TEST(f10_a_record_put_as_it_is_costs_nothing)
{
    uint64_t programs;

    begin(4096, 8, 1);
    CHECK(put(&a, P, "a.example", 1, 300) == STS_OK);
    programs = chip.programs;
    CHECK(put(&a, P, "a.example", 1, 300) == STS_OK && chip.programs == programs);
    CHECK(put(&a, P, "a.example", 1, 299) == STS_OK && chip.programs > programs);
    CHECK(put(&a, P, "a.example", 2, 299) == STS_OK && get(&a, P, "a.example", 2, 299) == STS_OK);
    end();
}

/* ---- a device that fails ------------------------------------------------------------------- */

/* F07, F19: a driver that gives up is an error in every call, and no absence; nothing is lost. */
TEST(f19_a_driver_that_gives_up_is_an_error_and_no_absence)
{
    uint8_t buf[10];

    begin(4096, 8, 8);
    CHECK(put(&a, P, "a.example", 1, 300) == STS_OK);
    CHECK(b.get(b.ctx, P, "a.example") == STS_OK);
    CHECK(a.put(a.ctx, P, "b.example") == STS_OK && a.write(a.ctx, buf, 10) == STS_OK);
    chip.dead = true;
    CHECK(b.read(b.ctx, buf, 10) == STS_ERR_IO);
    b.done(b.ctx);
    CHECK(a.commit(a.ctx) == STS_ERR_IO);
    CHECK(a.get(a.ctx, P, "a.example") == STS_ERR_IO);
    CHECK(a.put(a.ctx, P, "a.example") == STS_ERR_IO);
    CHECK(a.remove(a.ctx, P, "a.example") == STS_ERR_IO);
    CHECK(start() == STS_ERR_IO);
    chip.dead = false;
    CHECK(start() == STS_OK && get(&a, P, "a.example", 1, 300) == STS_OK);
    CHECK(put(&a, P, "b.example", 1, 30) == STS_OK);
    end();
}

/* F04, F07: one sector that cannot be read. What may be in it is not absent; the rest goes on; in the end it is passed over. */
TEST(f04_a_sector_that_cannot_be_read_is_no_absence_until_the_log_has_passed_it)
{
    struct sts_flash_stats stats;
    bool io = false;
    int e = STS_ERR_IO;

    begin(2048, 6, 8);
    CHECK(put(&a, P, "a.example", 1, 300) == STS_OK); /* in sector 0 */
    for (unsigned i = 0; i < 8; i++) {
        CHECK(put(&a, Q, "1", i, 250) == STS_OK);
    }
    chip.bad[0] = STS_FLASH_READ_ERROR;
    CHECK(get(&a, P, "a.example", 1, 300) == STS_ERR_IO);
    CHECK(start() == STS_OK && get(&a, Q, "1", 7, 250) == STS_OK);
    for (unsigned i = 0; i < 60 && e == STS_ERR_IO; i++) {
        e = get(&a, P, "a.example", 1, 300);
        io = io || e == STS_ERR_IO;
        CHECK(put(&a, Q, "1", i, 200 + i) == STS_OK);
    }
    CHECK(io && e == STS_ERR_ABSENT);
    sts_flash_store_stats(&store, &stats);
    CHECK(stats.bad > 0);
    end();
}

/* F05: of a damaged record the one before counts, while it is there; else it is absent, and counted. */
TEST(f05_damage_found_by_a_reader_brings_the_older_record_or_none)
{
    struct sts_flash_stats stats;

    begin(4096, 8, 1);
    CHECK(put(&a, P, "a.example", 1, 900) == STS_OK && put(&a, P, "b.example", 5, 900) == STS_OK);
    CHECK(put(&a, P, "a.example", 2, 900) == STS_OK);
    chip.bytes[store.records[0].at - 100] ^= 4; /* a piece before the last one */
    CHECK(get(&a, P, "a.example", 1, 900) == STS_OK);
    chip.bytes[store.records[1].at + 50] ^= 4;
    CHECK(get(&a, P, "b.example", 5, 900) == STS_ERR_ABSENT);
    sts_flash_store_stats(&store, &stats);
    CHECK(stats.damaged == 2 && stats.records == 1);
    end();
}

/* A piece that changes under its reader is not given to its end. */
TEST(f05_a_piece_that_changed_under_its_reader_is_an_error)
{
    uint8_t buf[100];

    begin(4096, 8, 1);
    CHECK(put(&a, P, "a.example", 1, 300) == STS_OK);
    CHECK(a.get(a.ctx, P, "a.example") == STS_OK && a.read(a.ctx, buf, 100) == 100);
    chip.bytes[store.records[0].at + 16 + 5 + 9 + 250] ^= 1;
    CHECK(a.read(a.ctx, buf, 100) == 100 && a.read(a.ctx, buf, 100) == STS_ERR_IO);
    a.done(a.ctx);
    end();
}

/* ---- everything that can fail -------------------------------------------------------------- */

/* A driver whose n-th call fails, and `more` after it. */
static struct {
    long calls, fail;
    unsigned more;
} limp;

static bool limps(void)
{
    limp.calls++;
    return limp.fail != 0 && limp.calls >= limp.fail && limp.calls <= limp.fail + (long)limp.more;
}
static uint32_t dead_from, dead_to; /* bytes that cannot be read */
static int limp_read(void *ctx, uint32_t at, void *buf, size_t len)
{
    if (at < dead_to && at + len > dead_from) {
        return STS_ERR_IO;
    }
    return limps() ? STS_ERR_IO : chip.flash.read(ctx, at, buf, len);
}
static int limp_program(void *ctx, uint32_t at, const void *buf, size_t len)
{
    return limps() ? STS_ERR_IO : chip.flash.program(ctx, at, buf, len);
}
static int limp_erase(void *ctx, uint32_t sector)
{
    return limps() ? STS_ERR_IO : chip.flash.erase(ctx, sector);
}
static int limp_sync(void *ctx)
{
    return limps() ? STS_ERR_IO : chip.flash.sync(ctx);
}

static bool any_key(void *arg, const char *key)
{
    (void)key;
    ++*(int *)arg;
    return true;
}

/* Reads a record that says itself what it must be: its first byte is the seed, the length follows from it. */
static bool whole(struct sts_store *s, uint8_t kind, const char *key)
{
    uint8_t first;
    int e = s->get(s->ctx, kind, key);
    bool good = true;

    if (e == STS_OK) {
        int32_t n = s->read(s->ctx, &first, 1);

        if (n == 1) {
            unsigned seed = 0;

            while (byte(seed, 0) != first) {
                seed++;
            }
            e = rest(s, seed, 1, 100u + seed * 15u);
            good = e != STS_ERR_SYNTAX;
        }
        s->done(s->ctx);
    }
    return good;
}

/* Some of everything; each record is wholly what it was or what it was to be, or cannot be read. */
static void some_of_everything(const struct sts_flash *flash, unsigned turns)
{
    static const char *const names[] = {"a", "b", "c"};
    int seen = 0;

    if (sts_flash_store_mount(&store, flash) != STS_OK) {
        return;
    }
    sts_flash_store_handle(&store, &h1, &a);
    sts_flash_store_handle(&store, &h2, &b);
    for (unsigned i = 0; i < turns; i++) {
        unsigned seed = (i * 7) % 50;

        (void)put(&a, P, names[i % 3], seed, 100 + seed * 15);
        if (i % 4 == 0) {
            (void)b.get(b.ctx, P, names[(i + 1) % 3]);
        } else if (i % 4 == 2) {
            b.done(b.ctx);
            (void)a.remove(a.ctx, P, names[(i + 2) % 3]);
        }
        CHECK(whole(&a, P, names[i % 3]));
        (void)a.iterate(a.ctx, P, any_key, &seen);
    }
    b.done(b.ctx);
}

static void all_whole(void)
{
    chip.off = false;
    chip.cut_at = 0;
    CHECK(start() == STS_OK);
    CHECK(whole(&a, P, "a") && whole(&a, P, "b") && whole(&a, P, "c"));
    CHECK(chip.misuse == 0);
}

/* F07, Q16: every call of the driver fails, once, as often as it is tried again, and for a while. */
TEST(f07_every_call_of_the_driver_may_fail)
{
    static const unsigned lasts[] = {0, 2, 40};
    long calls;

    for (unsigned kind = 0; kind < 3; kind++) {
        limp.fail = 0;
        calls = 1;
        for (long n = 1; n < calls + 2; n += 1 + n / (kind == 1 ? 500 : 97)) {
            struct sts_flash limping;

            CHECK(sts_flash_sim_open(&chip, 2048, 4, 8));
            limping = chip.flash;
            limping.read = limp_read;
            limping.program = limp_program;
            limping.erase = limp_erase;
            limping.sync = limp_sync;
            if (calls == 1) {
                limp.calls = 0;
                some_of_everything(&limping, 22);
                some_of_everything(&limping, 4);
                calls = limp.calls;
            }
            limp.calls = 0;
            limp.fail = n;
            limp.more = lasts[kind];
            memset(chip.bytes, 0xff, chip.size);
            memset(chip.state, 0, chip.size);
            some_of_everything(&limping, 22);
            some_of_everything(&limping, 4);
            limp.fail = 0;
            all_whole();
            end();
        }
    }
}

/* F01, F03: every step of the same may be the last one, and cells read otherwise after it. */
TEST(f03_every_step_may_be_the_last)
{
    static const struct {
        uint32_t sector, sectors, program;
    } shapes[] = {{2048, 4, 8}, {4096, 2, 256}, {2048, 3, 1}};

    for (unsigned i = 0; i < 3; i++) {
        for (uint64_t cut = 1; cut < 30000; cut += 1 + cut / 50) {
            begin(shapes[i].sector, shapes[i].sectors, shapes[i].program);
            chip.metastable = cut % 3 != 0;
            chip.cut_at = cut;
            some_of_everything(&chip.flash, 22);
            for (unsigned again = 0; again < cut % 4; again++) {
                chip.off = false;
                chip.cut_at = chip.steps + 1 + cut * 7 % 400;
                some_of_everything(&chip.flash, again);
            }
            all_whole();
            some_of_everything(&chip.flash, 12);
            all_whole();
            end();
        }
    }
}

/* F04: sectors that fail, also two at once, and all of them. */
TEST(f04_sectors_fail_in_five_ways)
{
    for (uint8_t how = STS_FLASH_PROG_ERROR; how <= STS_FLASH_ERASE_NOOP; how++) {
        for (uint32_t p = 0; p < 31; p++) {
            begin(2048, 5, 8);
            some_of_everything(&chip.flash, p % 7);
            for (uint32_t k = 0; k < 5; k++) {
                chip.bad[k] = (p + 1) >> k & 1 ? how : STS_FLASH_GOOD;
            }
            some_of_everything(&chip.flash, 40);
            (void)start();
            memset(chip.bad, 0, 5);
            all_whole();
            some_of_everything(&chip.flash, 12);
            all_whole();
            end();
        }
    }
}

/* F05: two flipped bits, far apart: no wrong byte. */
TEST(f05_flipped_bits_give_no_wrong_byte)
{
    static uint8_t image[2048 * 4];

    begin(2048, 4, 8);
    some_of_everything(&chip.flash, 25);
    memcpy(image, chip.bytes, sizeof image);
    for (uint32_t bit = 0; bit < sizeof image * 8; bit += 13) {
        memcpy(chip.bytes, image, sizeof image);
        chip.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        chip.bytes[(bit * 31 / 8) % sizeof image] ^= 8;
        for (size_t i = 0; i < sizeof image; i++) {
            chip.state[i] = chip.bytes[i] != 0xff;
        }
        all_whole();
    }
    end();
}

/* F03: a record that a start could not read does not come back when its cells read well later. */
TEST(f03_what_a_start_decided_against_stays_out)
{
    static const size_t lens[] = {40, 460};

    for (size_t i = 0; i < 2; i++) {
        uint32_t last;

        begin(4096, 4, 8);
        CHECK(put(&a, P, "a.example", 1, 60) == STS_OK);
        CHECK(put(&a, P, "b.example", 2, lens[i]) == STS_OK);
        last = store.records[1].at + 16 + 5 + 9 + (uint32_t)lens[i] - 1;
        chip.bytes[last] ^= 1; /* its last cell reads otherwise now */
        CHECK(start() == STS_OK && get(&a, P, "b.example", 2, lens[i]) == STS_ERR_ABSENT);
        chip.bytes[last] ^= 1;
        CHECK(start() == STS_OK && get(&a, P, "b.example", 2, lens[i]) == STS_ERR_ABSENT);
        CHECK(put(&a, P, "c.example", 3, 50) == STS_OK && start() == STS_OK);
        CHECK(get(&a, P, "a.example", 1, 60) == STS_OK && get(&a, P, "c.example", 3, 50) == STS_OK);
        CHECK(get(&a, P, "b.example", 2, lens[i]) == STS_ERR_ABSENT);
        end();
    }
}

TEST(a_driver_without_sync_will_do)
{
    struct sts_flash flash;

    CHECK(sts_flash_sim_open(&chip, 2048, 4, 8));
    flash = chip.flash;
    flash.sync = NULL;
    some_of_everything(&flash, 30);
    all_whole();
    end();
}

/* F05: what stands in place of a damaged record is the one before it, not a removed one, not another's. */
TEST(f05_the_older_record_is_of_the_same_key_and_was_not_removed)
{
    begin(4096, 8, 1);
    CHECK(put(&a, Q, "one", 1, 900) == STS_OK && put(&a, P, "two", 2, 900) == STS_OK);
    CHECK(put(&a, P, "one", 3, 900) == STS_OK && put(&a, P, "seven77", 3, 900) == STS_OK);
    CHECK(put(&a, P, "one", 4, 900) == STS_OK && a.remove(a.ctx, P, "one") == STS_OK);
    CHECK(put(&a, P, "two", 4, 900) == STS_OK && put(&a, P, "one", 5, 900) == STS_OK);
    for (uint32_t i = 0; i < store.count; i++) {
        if (store.records[i].hash != store.records[0].hash || store.records[i].kind == P) {
            chip.bytes[store.records[i].at - 100] ^= 4;
        }
    }
    CHECK(get(&a, P, "one", 5, 900) == STS_ERR_ABSENT);
    CHECK(get(&a, P, "two", 2, 900) == STS_OK);
    CHECK(get(&a, Q, "one", 1, 900) == STS_OK);
    end();
}

/* What a start cannot read, three times in a row and more, may be newer than what it can: nobody is given the older one. */
static unsigned fails(const struct sts_flash *limping, long first, unsigned more)
{
    unsigned said = 0;
    int e;

    limp.calls = 0;
    limp.fail = first;
    limp.more = more;
    e = sts_flash_store_mount(&store, limping);
    if (e != STS_OK) {
        CHECK(e == STS_ERR_IO);
        return 1;
    }
    sts_flash_store_handle(&store, &h1, &a);
    limp.fail = 0;
    for (unsigned k = 0; k < 3; k++) {
        static const char *const names[] = {"a", "b", "c"};

        e = get(&a, P, names[k], 20 + k, 100 + 150 * k);
        CHECK(e == STS_OK || e == STS_ERR_IO);
        said += e == STS_ERR_IO;
    }
    e = get(&a, P, "gone", 0, 100);
    CHECK(e == STS_ERR_ABSENT || e == STS_ERR_IO);
    return said;
}

TEST(f07_what_a_start_cannot_read_does_not_bring_an_older_record)
{
    static const unsigned lasts[] = {0, 2, 5, 20, 1000};
    static uint8_t image[2048 * 6], state[2048 * 6];
    unsigned said[5] = {0};
    struct sts_flash limping;
    long calls;

    begin(2048, 6, 8);
    for (unsigned i = 0; i < 21; i++) {
        CHECK(put(&a, P, "a", i, 100) == STS_OK && put(&a, P, "b", i + 1, 250) == STS_OK);
        CHECK(put(&a, P, "gone", i, 100) == STS_OK && put(&a, P, "c", i + 2, 400) == STS_OK);
        CHECK(a.remove(a.ctx, P, "gone") == STS_OK);
    }
    limping = chip.flash;
    limping.read = limp_read;
    memcpy(image, chip.bytes, sizeof image);
    memcpy(state, chip.state, sizeof state);
    limp.calls = limp.fail = 0;
    CHECK(sts_flash_store_mount(&store, &limping) == STS_OK);
    calls = limp.calls;
    for (unsigned kind = 0; kind < 5; kind++) {
        for (long n = 1; n <= calls; n++) {
            said[kind] += fails(&limping, n, lasts[kind]);
            memcpy(chip.bytes, image, sizeof image);
            memcpy(chip.state, state, sizeof state);
        }
    }
    CHECK(said[0] == 0 && said[1] == 0 && said[2] == 0 && said[3] == 0); /* a start tries again */
    CHECK(said[4] > 0);
    said[0] = 0;
    limp.fail = 0;
    for (uint32_t p = 0; p < 6; p++) { /* and where a sector is lost for good */
        chip.bad[p] = STS_FLASH_READ_ERROR;
        said[0] += fails(&chip.flash, 0, 0);
        (void)fails(&chip.flash, 0, 0);
        chip.bad[p] = STS_FLASH_GOOD;
        CHECK(fails(&chip.flash, 0, 0) == 0); /* for good, or for a while */
        memcpy(chip.bytes, image, sizeof image);
        memcpy(chip.state, state, sizeof state);
    }
    CHECK(said[0] > 4);
    for (uint32_t at = 0; at < sizeof image; at += 32) { /* or a part of one */
        dead_from = at;
        dead_to = at + 32;
        (void)fails(&limping, 0, 0);
        dead_to = 0;
        CHECK(fails(&chip.flash, 0, 0) == 0);
        memcpy(chip.bytes, image, sizeof image);
        memcpy(chip.state, state, sizeof state);
    }
    end();
}

TEST(f07_damage_is_not_settled_while_a_part_of_the_log_cannot_be_read)
{
    struct sts_flash limping;
    int e;

    begin(4096, 8, 1);
    CHECK(put(&a, P, "a", 1, 900) == STS_OK && put(&a, P, "b", 2, 900) == STS_OK);
    CHECK(put(&a, P, "a", 3, 900) == STS_OK);
    limping = chip.flash;
    limping.read = limp_read;
    store.flash = &limping;
    chip.bytes[store.records[0].at - 100] ^= 4;
    dead_from = store.records[1].at;
    dead_to = dead_from + 1;
    CHECK(get(&a, P, "a", 1, 900) == STS_ERR_IO);
    dead_to = 0;
    limp.calls = 0;
    for (long n = 1; n <= limp.calls + 1; n++) { /* three reads fail, anywhere */
        CHECK(start() == STS_OK);
        store.flash = &limping;
        limp.calls = 0;
        limp.fail = n;
        limp.more = 2;
        e = get(&a, P, "a", 1, 900);
        CHECK(e == STS_OK || e == STS_ERR_IO);
        limp.fail = 0;
        CHECK(get(&a, P, "a", 1, 900) == STS_OK);
    }
    end();
}

/* F04: one that could not be read from the beginning holds nothing; no start has to fear that it does. */
TEST(f04_a_sector_that_was_never_read_makes_no_record_unsure)
{
    for (uint32_t p = 0; p < 6; p++) {
        begin(2048, 6, 8);
        chip.bad[p] = STS_FLASH_READ_ERROR;
        for (unsigned i = 0; i < 60; i++) {
            CHECK(put(&a, P, "a", i, 100) == STS_OK && put(&a, P, "b", i + 1, 250) == STS_OK);
            CHECK(start() == STS_OK);
            CHECK(get(&a, P, "a", i, 100) == STS_OK && get(&a, P, "b", i + 1, 250) == STS_OK);
            CHECK(get(&a, P, "c", i, 100) == STS_ERR_ABSENT);
        }
        end();
    }
}

/* Half of what it is given, which is all of a sector's head but its second copy. */
static int half_program(void *ctx, uint32_t at, const void *buf, size_t len)
{
    (void)chip.flash.program(ctx, at, buf, len / 2);
    return STS_ERR_IO;
}

TEST(f21_however_many_sectors_were_begun_in_vain_the_log_before_them_is_found)
{
    for (unsigned puts = 1; puts < 4; puts++) {
        struct sts_flash broken;

        begin(2048, 24, 8);
        CHECK(put(&a, P, "kept", 1, 300) == STS_OK && put(&a, P, "too", 2, 30) == STS_OK);
        broken = chip.flash;
        broken.program = half_program;
        store.flash = &broken;
        for (unsigned i = 0; i < puts; i++) {
            CHECK(put(&a, P, "new", i, 50) == STS_ERR_IO);
        }
        for (unsigned i = 0; i < 3; i++) {
            CHECK(start() == STS_OK);
            CHECK(get(&a, P, "kept", 1, 300) == STS_OK && get(&a, P, "too", 2, 30) == STS_OK);
            CHECK(get(&a, P, "new", 0, 50) == STS_ERR_ABSENT);
        }
        CHECK(put(&a, P, "new", 7, 50) == STS_OK && start() == STS_OK);
        CHECK(get(&a, P, "kept", 1, 300) == STS_OK && get(&a, P, "new", 7, 50) == STS_OK);
        end();
    }
}

/* A record that is being written goes with the log, too, when that goes round. */
TEST(f21_what_is_written_so_far_is_not_left_behind)
{
    uint8_t piece[300];

    begin(2048, 8, 8);
    CHECK(put(&a, P, "a", 1, 30) == STS_OK && a.put(a.ctx, M, "1") == STS_OK);
    for (unsigned i = 0; i < 10; i++) {
        for (size_t n = 0; n < sizeof piece; n++) {
            piece[n] = byte(2, i * sizeof piece + n);
        }
        for (uint32_t p = 1; i == 3 && p < 6; p++) { /* so that the next one is near the tail */
            chip.bad[p] = STS_FLASH_PROG_ERROR;
        }
        CHECK(a.write(a.ctx, piece, sizeof piece) == STS_OK);
    }
    CHECK(a.commit(a.ctx) == STS_OK && store.tail >= 6);
    CHECK(get(&b, M, "1", 2, 3000) == STS_OK && get(&b, P, "a", 1, 30) == STS_OK);
    CHECK(start() == STS_OK && get(&b, M, "1", 2, 3000) == STS_OK);
    end();
}

/* ---- corners -------------------------------------------------------------------------------- */

/* Two keys with one hash of 16 bits, and two lengths with one. */
static void twins(char one[8], char two[8], size_t two_len)
{
    uint16_t want;

    strcpy(one, "aaaa");
    want = (uint16_t)crc(0, (const uint8_t *)one, 4);
    for (uint32_t n = 1;; n++) {
        for (size_t i = 0; i < two_len; i++) {
            two[i] = (char)('a' + (n >> 4 * i & 15));
        }
        two[two_len] = '\0';
        if ((uint16_t)crc(0, (const uint8_t *)two, two_len) == want && strcmp(one, two) != 0) {
            return;
        }
    }
}

TEST(f12_keys_with_one_hash_are_two_records)
{
    for (size_t len = 5; len < 7; len++) {
        char one[8], two[8];

        begin(4096, 4, 1);
        twins(one, two, len);
        CHECK(put(&a, P, one, 1, 20) == STS_OK && get(&a, P, two, 1, 20) == STS_ERR_ABSENT);
        CHECK(a.remove(a.ctx, P, two) == STS_ERR_ABSENT);
        CHECK(put(&a, P, two, 2, 30) == STS_OK && put(&a, M, two, 3, 40) == STS_OK);
        CHECK(start() == STS_OK);
        CHECK(get(&a, P, one, 1, 20) == STS_OK && get(&a, P, two, 2, 30) == STS_OK);
        CHECK(a.remove(a.ctx, P, one) == STS_OK && get(&a, P, two, 2, 30) == STS_OK);
        end();
    }
}

/* F14: a number that has gone round, and is still another record's, is passed over. */
TEST(f14_a_number_never_means_two_records)
{
    begin(4096, 4, 1);
    CHECK(put(&a, P, "a", 1, 20) == STS_OK);
    store.gen = store.records[0].gen;
    CHECK(put(&a, P, "b", 2, 20) == STS_OK);
    CHECK(store.records[0].gen != store.records[1].gen);
    store.gen = 0;
    CHECK(put(&a, P, "c", 3, 20) == STS_OK);
    CHECK(a.put(a.ctx, P, "d") == STS_OK);
    store.gen = store.out_gen;
    CHECK(b.remove(b.ctx, P, "a") == STS_OK);
    CHECK(a.write(a.ctx, "x", 1) == STS_OK && a.commit(a.ctx) == STS_OK);
    CHECK(a.get(a.ctx, P, "b") == STS_OK && b.remove(b.ctx, P, "b") == STS_OK);
    store.gen = h1.gen; /* it is gone, and being read */
    CHECK(put(&b, P, "e", 4, 20) == STS_OK && rest(&a, 2, 0, 20) == STS_OK);
    a.done(a.ctx);
    CHECK(start() == STS_OK && get(&a, P, "c", 3, 20) == STS_OK &&
          get(&a, P, "e", 4, 20) == STS_OK);
    end();
}

TEST(l12_arguments_that_mean_nothing_are_refused)
{
    static char long_key[300];

    begin(4096, 4, 1);
    memset(long_key, 'k', sizeof long_key - 1);
    CHECK(a.put(a.ctx, 'A', "a") == STS_ERR_ARG && a.put(a.ctx, '{', "a") == STS_ERR_ARG);
    CHECK(a.put(a.ctx, P, NULL) == STS_ERR_ARG && a.put(a.ctx, P, "") == STS_ERR_ARG);
    CHECK(a.put(a.ctx, P, long_key) == STS_ERR_ARG && a.remove(a.ctx, P, "") == STS_ERR_ARG);
    CHECK(a.iterate(a.ctx, 'A', any_key, NULL) == STS_ERR_ARG);
    CHECK(a.iterate(a.ctx, P, NULL, NULL) == STS_ERR_ARG);
    end();
}

TEST(a_record_of_4_gib_is_refused)
{
    begin(4096, 4, 1);
    CHECK(a.put(a.ctx, P, "a") == STS_OK && a.write(a.ctx, "x", 1) == STS_OK);
    store.out_at = UINT32_MAX - 600; /* as if so much had been written */
    CHECK(a.write(a.ctx, chip.bytes, 2000) == STS_ERR_SPACE);
    CHECK(a.write(a.ctx, "x", 1) == STS_ERR_SPACE && a.commit(a.ctx) == STS_ERR_SPACE);
    end();
}

/* An area with more records than this build's index: another build wrote it. */
TEST(f17_more_records_than_the_index_has_are_said_at_the_start)
{
    begin(65536, 4 + (uint32_t)STS_FLASH_RECORDS / 1024, 1);
    for (unsigned i = 0; i <= (unsigned)STS_FLASH_RECORDS; i++) {
        char key[] = {(char)('a' + i / 676 % 26), (char)('a' + i / 26 % 26), (char)('a' + i % 26),
                      (char)('0' + i / 17576), '\0'};

        if (i == (unsigned)STS_FLASH_RECORDS) {
            store.count = 0; /* as a build with a larger one would go on */
        }
        CHECK(put(&a, P, key, 1, 4) == STS_OK);
    }
    CHECK(sts_flash_store_mount(&store, &chip.flash) == STS_ERR_SPACE);
    end();
}

static struct sts_store *other;
static unsigned shown;

static bool see_and_damage(void *arg, const char *key)
{
    (void)arg, (void)key;
    shown++;
    for (uint32_t i = 0; i < store.count; i++) { /* all bodies */
        sts_flash_sim_set(&chip, store.records[i].at + 16 + 5 + 1 + 3, 0x55);
    }
    for (char k = 'a'; k < 'e'; k++) {
        char name[] = {k, '\0'};

        if (other->get(other->ctx, P, name) == STS_OK) {
            other->done(other->ctx);
        }
    }
    return true;
}

/* What `each` finds damaged goes from the list under the hand that lists. */
TEST(f05_damage_found_while_listing)
{
    begin(4096, 4, 1);
    for (char k = 'a'; k < 'e'; k++) {
        char name[] = {k, '\0'};

        CHECK(put(&a, P, name, 1, 20) == STS_OK);
    }
    other = &b;
    shown = 0;
    CHECK(a.iterate(a.ctx, P, see_and_damage, NULL) == STS_OK && shown >= 1 && store.count == 0);
    end();
}

TEST(f07_a_sector_that_cannot_be_read_is_an_error_of_the_list)
{
    begin(4096, 6, 1);
    CHECK(put(&a, P, "a", 1, 20) == STS_OK);
    chip.bad[store.records[0].at / 4096] = STS_FLASH_READ_ERROR;
    CHECK(a.iterate(a.ctx, P, any_key, NULL) == STS_ERR_IO);
    chip.bad[store.records[0].at / 4096] = STS_FLASH_GOOD;
    sts_flash_sim_set(&chip, store.records[0].at + 1, 255); /* a length that no key has */
    CHECK(a.iterate(a.ctx, P, any_key, NULL) == STS_OK);
    end();
}

TEST(f04_format_goes_as_far_as_the_flash_lets_it)
{
    begin(4096, 4, 1);
    CHECK(put(&a, P, "a", 1, 20) == STS_OK);
    chip.bad[1] = STS_FLASH_ERASE_ERROR;
    CHECK(sts_flash_store_format(&store, &chip.flash) == STS_OK && store.count == 0);
    for (int i = 0; i < 4; i++) {
        chip.bad[i] = STS_FLASH_ERASE_ERROR;
    }
    CHECK(sts_flash_store_format(&store, &chip.flash) == STS_ERR_IO);
    end();
}

TEST_MAIN("flash_store")
