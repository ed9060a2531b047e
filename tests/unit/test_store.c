/* SPDX-License-Identifier: MIT
 *
 * What every struct sts_store owes (port.h), asked of each store there is: one line in `subjects`
 * puts another to the test. Below that, what only files can suffer: damage, other processes,
 * crashes.
 */
#ifndef STS_TEST_SMALL
#define _GNU_SOURCE 1
#endif
#include "test.h"

#include <stsmail/config.h>
#include <stsmail/ram_store.h>

/* ---- the stores --------------------------------------------------------------------------- */

struct subject {
    const char *name;
    void (*open)(struct sts_store *out);   /* empty, with room for 300,000 bytes */
    void (*small)(struct sts_store *out);  /* empty, no room for a record of 5,000 bytes */
    void (*reopen)(struct sts_store *out); /* as after a restart; NULL: it forgets */
    void (*close)(void);
    unsigned work; /* operations that may be spent on it in one test */
};

#ifdef STS_TEST_SMALL
#define ROOM  20000u
#define LARGE 6000u
#else
#define ROOM  300000u
#define LARGE 65536u
#endif

static uint8_t ram[ROOM];
static struct sts_ram_store ram_store;

static void ram_open(struct sts_store *out)
{
    sts_ram_store_init(&ram_store, ram, sizeof ram, out);
}
static void ram_small(struct sts_store *out)
{
    sts_ram_store_init(&ram_store, ram, 300, out);
}
static void ram_close(void) {}

#ifndef STS_TEST_SMALL
#include <stsmail/flash_sim.h>
#include <stsmail/flash_store.h>

static struct sts_flash_sim chip;
static struct sts_flash_store flash_store;
static struct sts_flash_handle flash_handle;

static void flash_reopen(struct sts_store *out)
{
    CHECK(sts_flash_store_mount(&flash_store, &chip.flash) == STS_OK);
    sts_flash_store_handle(&flash_store, &flash_handle, out);
}
static void flash_open(struct sts_store *out)
{
    CHECK(sts_flash_sim_open(&chip, 4096, 128, 1));
    flash_reopen(out);
}
static void page_flash_open(struct sts_store *out)
{
    CHECK(sts_flash_sim_open(&chip, 65536, 9, 256));
    flash_reopen(out);
}
static void flash_small(struct sts_store *out)
{
    CHECK(sts_flash_sim_open(&chip, 2048, 4, 8));
    flash_reopen(out);
}
static void flash_close(void)
{
    CHECK(chip.misuse == 0); /* F09 */
    sts_flash_sim_close(&chip);
}

#include <dirent.h>
#include <limits.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stsmail/posix.h>

static char base[64], dir[96];
static struct sts_posix_store posix_store;
static char said[2000];

static void log_line(void *ctx, int kind, const char *text, size_t len)
{
    size_t at = strlen(said);

    (void)ctx, (void)kind;
    if (at + len + 2 < sizeof said) {
        memcpy(said + at, text, len);
        memcpy(said + at + len, "\n", 2);
    }
}

static const struct sts_log to_said = {NULL, log_line};

static void posix_reopen(struct sts_store *out)
{
    sts_posix_store_init(&posix_store, dir, &to_said, out);
}

static void posix_open(struct sts_store *out)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(base, sizeof base, "%.40s/sts-store-XXXXXX", tmp != NULL ? tmp : "/tmp");
    CHECK(mkdtemp(base) != NULL);
    snprintf(dir, sizeof dir, "%s/a/state", base);
    said[0] = '\0';
    posix_reopen(out);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = bytes == 0 ? limit.rlim_max : bytes;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

/* A file system that is full, as far as a program without privileges can make one. */
static void posix_small(struct sts_store *out)
{
    posix_open(out);
    signal(SIGXFSZ, SIG_IGN);
    limit_files(4096);
}

static void remove_tree(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;
    char sub[PATH_MAX];

    while (d != NULL && (e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            snprintf(sub, sizeof sub, "%s/%s", path, e->d_name);
            if (unlink(sub) != 0) {
                remove_tree(sub);
            }
        }
    }
    if (d != NULL) {
        closedir(d);
    }
    rmdir(path);
}

static void posix_close(void)
{
    limit_files(0);
    remove_tree(base);
}
#endif

static const struct subject subjects[] = {
    {"ram", ram_open, ram_small, NULL, ram_close, 4000},
#ifndef STS_TEST_SMALL
    {"posix", posix_open, posix_small, posix_reopen, posix_close, 300},
    {"flash", flash_open, flash_small, flash_reopen, flash_close, 4000},
    {"page flash", page_flash_open, flash_small, flash_reopen, flash_close, 4000},
#endif
};

/* A test that every store has to pass. */
#define CONFORM(title)                                                                             \
    static void title##_of(const struct subject *u, struct sts_store *s);                          \
    TEST(title)                                                                                    \
    {                                                                                              \
        for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {                        \
            struct sts_store s;                                                                    \
            subjects[i].open(&s);                                                                  \
            title##_of(&subjects[i], &s);                                                          \
            subjects[i].close();                                                                   \
        }                                                                                          \
    }                                                                                              \
    static void title##_of(const struct subject *u, struct sts_store *s)

/* ---- helpers ------------------------------------------------------------------------------ */

#define P STS_STORE_POLICY
#define W STS_STORE_WAIT

static uint8_t pattern(unsigned seed, size_t i)
{
    return (uint8_t)(seed * 167u + i * 31u + (i >> 8));
}

/* Writes len bytes of a pattern, in pieces of `piece`. */
static int put_piece(struct sts_store *s, uint8_t kind, const char *key, unsigned seed, size_t len,
                     size_t piece)
{
    uint8_t buf[4096];
    int e = s->put(s->ctx, kind, key);

    if (e != STS_OK) {
        return e;
    }
    for (size_t at = 0; at < len && e == STS_OK;) {
        size_t n = len - at < piece ? len - at : piece;

        for (size_t i = 0; i < n; i++) {
            buf[i] = pattern(seed, at + i);
        }
        e = s->write(s->ctx, buf, n);
        at += n;
    }
    if (e != STS_OK) {
        s->abort(s->ctx);
        return e;
    }
    return s->commit(s->ctx);
}

static int put(struct sts_store *s, uint8_t kind, const char *key, unsigned seed, size_t len)
{
    return put_piece(s, kind, key, seed, len, 4096);
}

/* Reads what is open to its end, in pieces: whether it is the pattern. */
static bool rest_is(struct sts_store *s, unsigned seed, size_t at, size_t len, size_t piece)
{
    uint8_t buf[4096];
    int32_t n;

    while ((n = s->read(s->ctx, buf, piece)) > 0) {
        for (int32_t i = 0; i < n; i++, at++) {
            if (at >= len || buf[i] != pattern(seed, at)) {
                return false;
            }
        }
    }
    return n == 0 && at == len && s->read(s->ctx, buf, 1) == 0;
}

static bool is(struct sts_store *s, uint8_t kind, const char *key, unsigned seed, size_t len)
{
    bool same;

    if (s->get(s->ctx, kind, key) != STS_OK) {
        return false;
    }
    same = rest_is(s, seed, 0, len, 4096);
    s->done(s->ctx);
    return same;
}

static bool absent(struct sts_store *s, uint8_t kind, const char *key)
{
    return s->get(s->ctx, kind, key) == STS_ERR_ABSENT;
}

struct seen {
    char keys[40][STS_NAME_SIZE];
    size_t n, stop;
    bool nested; /* read each while it is listed */
    bool good;
    struct sts_store *s;
    uint8_t kind;
};

static bool see(void *arg, const char *key)
{
    struct seen *l = arg;

    if (l->n < 40) {
        strcpy(l->keys[l->n], key);
    }
    if (l->nested) {
        l->good = l->good && is(l->s, l->kind, key, (uint8_t)key[0], 50);
    }
    return ++l->n != l->stop;
}

static size_t count(struct sts_store *s, uint8_t kind, const char *key)
{
    static struct seen l;
    size_t n = 0;

    memset(&l, 0, sizeof l);
    if (s->iterate(s->ctx, kind, see, &l) != STS_OK) {
        return 999;
    }
    for (size_t i = 0; i < l.n && key != NULL; i++) {
        n += strcmp(l.keys[i], key) == 0;
    }
    return key == NULL ? l.n : n;
}

/* ---- conformance -------------------------------------------------------------------------- */

CONFORM(an_empty_store_holds_nothing)
{
    (void)u;
    CHECK(absent(s, P, "example.org"));
    CHECK(absent(s, W, "example.org"));
    CHECK(s->remove(s->ctx, P, "example.org") == STS_ERR_ABSENT);
    CHECK(count(s, P, NULL) == 0 && count(s, W, NULL) == 0);
}

CONFORM(what_was_committed_is_read_back)
{
    (void)u;
    for (size_t len = 0; len < 40; len++) {
        CHECK(put(s, P, "example.org", (unsigned)len, len) == STS_OK);
        CHECK(is(s, P, "example.org", (unsigned)len, len));
    }
    CHECK(count(s, P, "example.org") == 1 && count(s, P, NULL) == 1);
}

CONFORM(nothing_is_seen_before_commit)
{
    (void)u;
    CHECK(s->put(s->ctx, P, "a.example") == STS_OK);
    CHECK(s->write(s->ctx, "x", 1) == STS_OK);
    CHECK(absent(s, P, "a.example"));
    CHECK(count(s, P, NULL) == 0);
    CHECK(s->commit(s->ctx) == STS_OK);
    CHECK(count(s, P, NULL) == 1);
}

CONFORM(abort_leaves_the_old_record)
{
    (void)u;
    CHECK(put(s, P, "a.example", 1, 30) == STS_OK);
    CHECK(s->put(s->ctx, P, "a.example") == STS_OK);
    CHECK(s->write(s->ctx, "new", 3) == STS_OK);
    s->abort(s->ctx);
    CHECK(is(s, P, "a.example", 1, 30));
    CHECK(s->commit(s->ctx) == STS_ERR_STATE);
    CHECK(put(s, P, "a.example", 2, 3) == STS_OK);
    CHECK(is(s, P, "a.example", 2, 3));
}

CONFORM(a_record_is_read_in_any_pieces)
{
    uint8_t buf[100];

    (void)u;
    CHECK(put(s, P, "a.example", 5, 100) == STS_OK);
    for (size_t piece = 1; piece <= 101; piece++) {
        CHECK(s->get(s->ctx, P, "a.example") == STS_OK);
        CHECK(rest_is(s, 5, 0, 100, piece));
        s->done(s->ctx);
    }
    for (size_t cut = 1; cut < 100; cut++) {
        CHECK(s->get(s->ctx, P, "a.example") == STS_OK);
        CHECK(s->read(s->ctx, buf, 0) == 0);
        CHECK(s->read(s->ctx, buf, cut) == (int32_t)cut);
        CHECK(rest_is(s, 5, cut, 100, 100));
        s->done(s->ctx);
    }
}

CONFORM(a_record_is_written_in_any_pieces)
{
    (void)u;
    for (size_t piece = 1; piece <= 30; piece++) {
        CHECK(put_piece(s, P, "a.example", (unsigned)piece, 30, piece) == STS_OK);
        CHECK(is(s, P, "a.example", (unsigned)piece, 30));
    }
    CHECK(s->put(s->ctx, P, "a.example") == STS_OK);
    CHECK(s->write(s->ctx, "", 0) == STS_OK);
    CHECK(s->commit(s->ctx) == STS_OK);
    CHECK(is(s, P, "a.example", 0, 0));
}

CONFORM(large_records_are_streamed)
{
    (void)u;
    CHECK(put_piece(s, P, "a.example", 9, LARGE, 61) == STS_OK);
    CHECK(put(s, P, "b.example", 8, LARGE) == STS_OK);
    CHECK(put(s, P, "a.example", 7, LARGE) == STS_OK);
    CHECK(is(s, P, "a.example", 7, LARGE));
    CHECK(is(s, P, "b.example", 8, LARGE));
}

/* F18: whoever reads goes on seeing what it opened. */
CONFORM(f18_a_reader_keeps_what_it_opened_while_it_is_replaced)
{
    uint8_t buf[10];

    (void)u;
    CHECK(put(s, P, "x.example", 9, 100) == STS_OK);
    CHECK(put(s, P, "a.example", 1, 100) == STS_OK);
    CHECK(s->get(s->ctx, P, "a.example") == STS_OK);
    CHECK(s->read(s->ctx, buf, 10) == 10);
    CHECK(s->remove(s->ctx, P, "x.example") == STS_OK); /* a hole in front of it */
    for (unsigned i = 2; i < 12; i++) {
        CHECK(put(s, P, "a.example", i, LARGE / 2) == STS_OK);
    }
    CHECK(rest_is(s, 1, 10, 100, 7));
    s->done(s->ctx);
    CHECK(is(s, P, "a.example", 11, LARGE / 2));

    CHECK(s->get(s->ctx, P, "a.example") == STS_OK);
    CHECK(s->remove(s->ctx, P, "a.example") == STS_OK);
    CHECK(put(s, P, "b.example", 3, LARGE / 2) == STS_OK);
    CHECK(rest_is(s, 11, 0, LARGE / 2, 4096));
    s->done(s->ctx);
    CHECK(absent(s, P, "a.example"));
}

CONFORM(a_record_can_be_copied_from_reader_to_writer)
{
    uint8_t buf[7];
    int32_t n;

    (void)u;
    CHECK(put(s, P, "a.example", 4, 1000) == STS_OK);
    CHECK(s->get(s->ctx, P, "a.example") == STS_OK);
    CHECK(s->put(s->ctx, P, "a.example") == STS_OK);
    while ((n = s->read(s->ctx, buf, sizeof buf)) > 0) {
        CHECK(s->write(s->ctx, buf, (size_t)n) == STS_OK);
    }
    s->done(s->ctx);
    CHECK(s->commit(s->ctx) == STS_OK);
    CHECK(is(s, P, "a.example", 4, 1000));
}

CONFORM(each_kind_has_its_own_keys)
{
    (void)u;
    CHECK(put(s, P, "a.example", 1, 10) == STS_OK);
    CHECK(absent(s, W, "a.example"));
    CHECK(put(s, W, "a.example", 2, 20) == STS_OK);
    CHECK(is(s, P, "a.example", 1, 10) && is(s, W, "a.example", 2, 20));
    CHECK(s->remove(s->ctx, P, "a.example") == STS_OK);
    CHECK(is(s, W, "a.example", 2, 20));
    CHECK(count(s, P, NULL) == 0 && count(s, W, "a.example") == 1);
}

CONFORM(remove_removes_once)
{
    (void)u;
    CHECK(put(s, P, "a.example", 1, 10) == STS_OK);
    CHECK(put(s, P, "b.example", 2, 10) == STS_OK);
    CHECK(s->remove(s->ctx, P, "a.example") == STS_OK);
    CHECK(s->remove(s->ctx, P, "a.example") == STS_ERR_ABSENT);
    CHECK(absent(s, P, "a.example"));
    CHECK(is(s, P, "b.example", 2, 10));
    CHECK(put(s, P, "a.example", 3, 10) == STS_OK);
    CHECK(is(s, P, "a.example", 3, 10));
}

CONFORM(iterate_gives_every_key_once_and_stops_when_told)
{
    static struct seen l;
    char key[] = "a.example";

    (void)u;
    for (char c = 'a'; c <= 'p'; c++) {
        key[0] = c;
        CHECK(put(s, P, key, (uint8_t)c, 50) == STS_OK);
    }
    CHECK(s->remove(s->ctx, P, "b.example") == STS_OK);
    CHECK(put(s, P, "c.example", 'c', 50) == STS_OK);
    CHECK(put(s, W, "w.example", 'w', 50) == STS_OK);
    for (char c = 'a'; c <= 'p'; c++) {
        key[0] = c;
        CHECK(count(s, P, key) == (c != 'b'));
    }
    CHECK(count(s, P, NULL) == 15);
    l = (struct seen){.stop = 4};
    CHECK(s->iterate(s->ctx, P, see, &l) == STS_OK && l.n == 4);
    l = (struct seen){.nested = true, .good = true, .s = s, .kind = P};
    CHECK(s->iterate(s->ctx, P, see, &l) == STS_OK && l.n == 15 && l.good);
}

/* F12, F13: one record a key, whatever the key. */
CONFORM(f12_keys_of_all_kinds_are_told_apart)
{
    static const char *const odd[] = {
        "a",        ".",    "..",       ".lock",    ".tmp-0",  "damaged~0",
        "a/b",      "../a", "A",        "%61",      "%",       "a%2Fb",
        "xn--p1ai", "a.b",  "a.b.",     "a..b",     "-",       "_dmarc.example",
        "a b",      "\x01", "\x7f\xff", "\xc3\xa9", "con.txt", "a+0123456789abcdef",
    };
    size_t n = sizeof odd / sizeof odd[0];

    (void)u;
    for (size_t i = 0; i < n; i++) {
        CHECK(put(s, P, odd[i], (unsigned)i, 20 + i) == STS_OK);
    }
    for (size_t i = 0; i < n; i++) {
        CHECK(is(s, P, odd[i], (unsigned)i, 20 + i));
        CHECK(count(s, P, odd[i]) == 1);
    }
    CHECK(count(s, P, NULL) == n);
    for (size_t i = 0; i < n; i++) {
        CHECK(s->remove(s->ctx, P, odd[i]) == STS_OK);
        CHECK(absent(s, P, odd[i]));
    }
    CHECK(count(s, P, NULL) == 0);
}

CONFORM(the_longest_keys_are_told_apart)
{
    static const char fill[] = {'a', '%', '\xff', '.', 'Z'};
    static char key[5][2][255];

    (void)u;
    for (unsigned i = 0; i < 5; i++) {
        for (unsigned last = 0; last < 2; last++) {
            memset(key[i][last], fill[i], 253);
            key[i][last][252] = (char)('x' + last);
            key[i][last][253] = '\0';
            CHECK(put(s, P, key[i][last], i * 2 + last, 30) == STS_OK);
        }
    }
    for (unsigned i = 0; i < 5; i++) {
        for (unsigned last = 0; last < 2; last++) {
            CHECK(is(s, P, key[i][last], i * 2 + last, 30));
            CHECK(count(s, P, key[i][last]) == 1);
            CHECK(s->remove(s->ctx, P, key[i][last]) == STS_OK);
            CHECK(absent(s, P, key[i][last]));
        }
    }
    CHECK(count(s, P, NULL) == 0);
}

CONFORM(wrong_calls_are_refused_and_change_nothing)
{
    char long_key[255];
    uint8_t buf[4];

    (void)u;
    memset(long_key, 'a', 254);
    long_key[254] = '\0';
    CHECK(put(s, P, "a.example", 1, 10) == STS_OK);
    CHECK(s->put(s->ctx, P, "") == STS_ERR_ARG);
    CHECK(s->put(s->ctx, P, NULL) == STS_ERR_ARG);
    CHECK(s->put(s->ctx, P, long_key) == STS_ERR_ARG);
    CHECK(s->put(s->ctx, 0, "a.example") == STS_ERR_ARG);
    CHECK(s->get(s->ctx, P, "") == STS_ERR_ARG);
    CHECK(s->get(s->ctx, P, long_key) == STS_ERR_ARG);
    CHECK(s->get(s->ctx, '/', "a.example") == STS_ERR_ARG);
    CHECK(s->remove(s->ctx, P, "") == STS_ERR_ARG);
    CHECK(s->remove(s->ctx, 1, "a.example") == STS_ERR_ARG);
    CHECK(s->iterate(s->ctx, 2, see, NULL) == STS_ERR_ARG);
    CHECK(s->iterate(s->ctx, P, NULL, NULL) == STS_ERR_ARG);
    CHECK(s->write(s->ctx, "x", 1) == STS_ERR_STATE);
    CHECK(s->commit(s->ctx) == STS_ERR_STATE);
    CHECK(s->read(s->ctx, buf, 4) < 0);
    s->abort(s->ctx);
    s->done(s->ctx);

    CHECK(s->put(s->ctx, P, "b.example") == STS_OK);
    CHECK(s->put(s->ctx, P, "c.example") == STS_ERR_STATE);
    CHECK(s->get(s->ctx, P, "a.example") == STS_OK);
    CHECK(s->get(s->ctx, P, "a.example") == STS_ERR_STATE);
    CHECK(rest_is(s, 1, 0, 10, 4));
    s->done(s->ctx);
    s->done(s->ctx);
    s->abort(s->ctx);
    s->abort(s->ctx);
    CHECK(s->read(s->ctx, buf, 4) < 0);
    CHECK(count(s, P, NULL) == 1 && is(s, P, "a.example", 1, 10));
}

/* F17: a full store keeps what it has, says so, and works again when there is room. */
CONFORM(f17_a_full_store_keeps_what_it_has)
{
    u->close();
    u->small(s);
    CHECK(put(s, P, "a.example", 1, 100) == STS_OK);
    for (int i = 0; i < 3; i++) {
        CHECK(put(s, P, "a.example", 2, 5000) == STS_ERR_SPACE);
        CHECK(is(s, P, "a.example", 1, 100));
        CHECK(put(s, P, "b.example", 2, 5000) == STS_ERR_SPACE);
        CHECK(absent(s, P, "b.example"));
    }
    /* The error sticks: a commit after a failed write must not keep a part. */
    CHECK(s->put(s->ctx, P, "a.example") == STS_OK);
    CHECK(s->write(s->ctx, ram, 5000) == STS_ERR_SPACE);
    CHECK(s->write(s->ctx, "x", 1) == STS_ERR_SPACE);
    CHECK(s->commit(s->ctx) == STS_ERR_SPACE);
    CHECK(s->commit(s->ctx) == STS_ERR_STATE);
    CHECK(is(s, P, "a.example", 1, 100));
    CHECK(count(s, P, NULL) == 1);
    CHECK(put(s, P, "a.example", 3, 100) == STS_OK);
    CHECK(is(s, P, "a.example", 3, 100));
}

CONFORM(r109_records_survive_a_restart)
{
    if (u->reopen == NULL) {
        return;
    }
    CHECK(put(s, P, "a.example", 1, 1000) == STS_OK);
    CHECK(put(s, W, "b.example", 2, 0) == STS_OK);
    CHECK(put(s, P, "c.example", 3, 10) == STS_OK);
    CHECK(s->remove(s->ctx, P, "c.example") == STS_OK);
    u->reopen(s);
    CHECK(is(s, P, "a.example", 1, 1000) && is(s, W, "b.example", 2, 0));
    CHECK(count(s, P, NULL) == 1 && count(s, W, NULL) == 1);
}

/* a cut in the middle of writing. */
CONFORM(r113_a_restart_in_mid_write_leaves_the_old_record)
{
    if (u->reopen == NULL) {
        return;
    }
    CHECK(put(s, P, "a.example", 1, 1000) == STS_OK);
    CHECK(s->put(s->ctx, P, "a.example") == STS_OK);
    CHECK(s->write(s->ctx, "new", 3) == STS_OK);
    u->reopen(s); /* the writer is lost with the power */
    CHECK(is(s, P, "a.example", 1, 1000));
    CHECK(count(s, P, NULL) == 1);
    CHECK(put(s, P, "a.example", 2, 1000) == STS_OK);
    CHECK(is(s, P, "a.example", 2, 1000));
}

/* Any order of operations against the plainest store there is: an array of what should be there. */
CONFORM(any_order_of_operations_gives_what_a_plain_table_gives)
{
    struct {
        bool there;
        unsigned seed;
        size_t len;
    } model[6] = {{false, 0, 0}}, opened = {false, 0, 0};
    char key[] = "0.example";
    uint32_t r = 1;
    bool reading = false;

    for (unsigned i = 0; i < u->work; i++) {
        unsigned k, op;
        size_t len;

        r = r * 1664525u + 1013904223u;
        k = (r >> 28) % 6;
        op = (r >> 24) & 15;
        len = (r >> 10) % 700;
        key[0] = (char)('0' + k);
        if (op < 6) {
            CHECK(put_piece(s, P, key, i, len, 1 + (r >> 8) % 300) == STS_OK);
            model[k].there = true, model[k].seed = i, model[k].len = len;
        } else if (op < 8) {
            CHECK(s->remove(s->ctx, P, key) == (model[k].there ? STS_OK : STS_ERR_ABSENT));
            model[k].there = false;
        } else if (op < 9) {
            CHECK(s->put(s->ctx, P, key) == STS_OK);
            CHECK(s->write(s->ctx, ram, len % 100) == STS_OK || u->work > 1000);
            s->abort(s->ctx);
        } else if (op < 11 && reading) {
            CHECK(rest_is(s, opened.seed, 0, opened.len, 99));
            s->done(s->ctx);
            reading = false;
        } else if (op < 12 && !reading) {
            CHECK(s->get(s->ctx, P, key) == (model[k].there ? STS_OK : STS_ERR_ABSENT));
            reading = model[k].there;
            opened.seed = model[k].seed, opened.len = model[k].len;
        } else if (!reading) {
            CHECK(model[k].there ? is(s, P, key, model[k].seed, model[k].len) : absent(s, P, key));
        } else {
            CHECK(count(s, P, key) == model[k].there);
        }
    }
    s->done(s->ctx);
}

/* ---- RAM ---------------------------------------------------------------------------------- */

TEST(ram_store_uses_its_array_to_the_last_byte)
{
    struct sts_store s;
    size_t size = STS_RAM_STORE_RECORD(9, 100);

    for (size_t short_of = 0; short_of < 3; short_of++) {
        sts_ram_store_init(&ram_store, ram + 1, size - short_of, &s);
        CHECK(put(&s, P, "a.example", 1, 100) == (short_of == 0 ? STS_OK : STS_ERR_SPACE));
    }
    sts_ram_store_init(&ram_store, ram, 2 * size, &s);
    for (unsigned i = 0; i < 20; i++) {
        CHECK(put(&s, P, "a.example", i, 100) == STS_OK); /* the old, and the new one */
    }
    CHECK(is(&s, P, "a.example", 19, 100));
    sts_ram_store_init(&ram_store, NULL, 0, &s);
    CHECK(put(&s, P, "a", 1, 0) == STS_ERR_SPACE && absent(&s, P, "a"));
}

/* ---- files: damage ------------------------------------------------------------------------- */

#ifndef STS_TEST_SMALL

static char path_of[PATH_MAX];

static const char *file(const char *name)
{
    snprintf(path_of, sizeof path_of, "%s/%s", dir, name);
    return path_of;
}

static bool exists(const char *name)
{
    return access(file(name), F_OK) == 0;
}

static size_t slurp(const char *name, uint8_t *buf, size_t size)
{
    int fd = open(file(name), O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, buf, size);

    if (fd >= 0) {
        close(fd);
    }
    return n < 0 ? 0 : (size_t)n;
}

static void spill(const char *name, const uint8_t *buf, size_t len)
{
    int fd = open(file(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    CHECK(fd >= 0 && write(fd, buf, len) == (ssize_t)len);
    close(fd);
}

/* Entries of DIR/folder whose name begins so. */
static unsigned files(const char *folder, const char *prefix)
{
    DIR *d = opendir(file(folder));
    struct dirent *e;
    unsigned n = 0;

    while (d != NULL && (e = readdir(d)) != NULL) {
        n += strncmp(e->d_name, prefix, strlen(prefix)) == 0;
    }
    if (d != NULL) {
        closedir(d);
    }
    return n;
}

static uint8_t whole[400], broken[401];

/* A store with one record, whose octets are in `whole`. Their number. */
static size_t one_record(struct sts_store *s)
{
    posix_open(s);
    CHECK(put(s, P, "a.example", 1, 40) == STS_OK);
    return slurp("policy/a.example", whole, sizeof whole);
}

/* F05, R-113: no octet of a damaged record is ever given; it is set aside, and said. */
TEST(f05_each_flipped_bit_is_noticed)
{
    struct sts_store s;
    size_t len = one_record(&s);

    CHECK(len == 16 + 9 + 40);
    for (size_t bit = 0; bit < len * 8; bit++) {
        memcpy(broken, whole, len);
        broken[bit / 8] ^= (uint8_t)(1u << bit % 8);
        spill("policy/a.example", broken, len);
        said[0] = '\0';
        CHECK(absent(&s, P, "a.example"));
        CHECK(strstr(said, "damaged") != NULL && strstr(said, "policy/a.example") != NULL);
        CHECK(!exists("policy/a.example"));
        CHECK(files("policy", "damaged~") == (bit < 8 ? bit + 1 : 8)); /* bounded */
    }
    for (size_t at = 0; at < len; at++) {
        memcpy(broken, whole, len);
        broken[at] = (uint8_t)~broken[at];
        spill("policy/a.example", broken, len);
        CHECK(absent(&s, P, "a.example"));
    }
    CHECK(put(&s, P, "a.example", 2, 10) == STS_OK && is(&s, P, "a.example", 2, 10));
    CHECK(count(&s, P, NULL) == 1); /* what was set aside is no record */
    posix_close();
}

TEST(f05_each_cut_and_each_longer_file_is_noticed)
{
    struct sts_store s;
    size_t len = one_record(&s);

    memcpy(broken, whole, len);
    for (size_t n = 0; n < len + 3; n++) {
        spill("policy/a.example", broken, n);
        CHECK(n == len ? is(&s, P, "a.example", 1, 40) : absent(&s, P, "a.example"));
        CHECK(exists("policy/a.example") == (n == len));
    }
    posix_close();
}

TEST(what_was_damaged_is_kept_for_a_person_to_look_at)
{
    static uint8_t kept[400];
    struct sts_store s;
    size_t len = one_record(&s);

    whole[20] ^= 1;
    spill("policy/a.example", whole, len);
    CHECK(absent(&s, P, "a.example"));
    CHECK(strstr(said, "kept as damaged~0") != NULL);
    CHECK(slurp("policy/damaged~0", kept, sizeof kept) == len && memcmp(kept, whole, len) == 0);
    posix_close();
}

TEST(what_is_no_file_is_set_aside_too)
{
    struct sts_store s;

    posix_open(&s);
    CHECK(put(&s, P, "a.example", 1, 40) == STS_OK);
    CHECK(mkdir(file("policy/b.example"), 0700) == 0);
    CHECK(mkfifo(file("policy/c.example"), 0600) == 0);
    CHECK(absent(&s, P, "b.example") && absent(&s, P, "c.example"));
    CHECK(files("policy", "damaged~") == 2);
    CHECK(put(&s, P, "b.example", 2, 10) == STS_OK && is(&s, P, "b.example", 2, 10));
    posix_close();
}

/* F12: a file under another record's name is not that record. */
TEST(f12_a_renamed_record_is_not_read_as_another)
{
    struct sts_store s;
    size_t len = one_record(&s);

    spill("policy/b.example", whole, len);
    CHECK(absent(&s, P, "b.example") && strstr(said, "damaged: policy/b.example") != NULL);
    CHECK(files("policy", "damaged~") == 1 && count(&s, P, NULL) == 1);
    CHECK(mkdir(file("wait"), 0700) == 0);
    spill("wait/a.example", whole, len);
    CHECK(absent(&s, W, "a.example"));
    CHECK(is(&s, P, "a.example", 1, 40));
    posix_close();
}

/* F16: a record of a format to come is left as it is, until it is replaced on purpose. */
TEST(f16_a_newer_format_is_absent_and_left_alone)
{
    struct sts_store s;
    size_t len = one_record(&s);

    for (unsigned version = 2; version < 256; version += 23) {
        whole[4] = (uint8_t)version;
        whole[5] = (uint8_t)~version;
        spill("policy/a.example", whole, len - version % 40); /* of any shape */
        said[0] = '\0';
        CHECK(absent(&s, P, "a.example"));
        CHECK(strstr(said, "newer version") != NULL);
        CHECK(slurp("policy/a.example", broken, sizeof broken) == len - version % 40);
        CHECK(memcmp(whole, broken, len - version % 40) == 0);
    }
    CHECK(files("policy", "damaged~") == 0);
    CHECK(put(&s, P, "a.example", 2, 10) == STS_OK && is(&s, P, "a.example", 2, 10));
    /* Q12: a message is never taken for gone, or the queue would sweep away what belongs to it. */
    CHECK(put(&s, STS_STORE_ENTRY, "1", 2, 10) == STS_OK);
    spill("queue/1", whole, len);
    CHECK(s.get(s.ctx, STS_STORE_ENTRY, "1") == STS_ERR_CONFIG);
    posix_close();
}

/* A reader found damage; before it has the lock another process has put a good record there. That
 * one stays. */
TEST(setting_aside_cannot_hit_the_record_that_replaced_the_damaged_one)
{
    struct sts_store s;
    size_t len = one_record(&s);
    int lock, status = -1;
    pid_t pid;

    memcpy(broken, whole, len);
    broken[30] ^= 4;
    spill("policy/a.example", broken, len);
    lock = open(file("policy/.lock"), O_RDWR);
    CHECK(lock >= 0 && flock(lock, LOCK_EX) == 0);
    pid = fork();
    if (pid == 0) {
        close(lock);
        _exit(absent(&s, P, "a.example") ? 0 : 1);
    }
    usleep(100000); /* it waits for the lock now, with the damaged file open */
    spill("policy/x", whole, len);
    snprintf(said, sizeof said, "%s/policy/x", dir);
    CHECK(rename(said, file("policy/a.example")) == 0);
    close(lock);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(is(&s, P, "a.example", 1, 40) && files("policy", "damaged~") == 0);
    posix_close();
}

/* ---- files: errors ------------------------------------------------------------------------- */

/* F07: what can't be read is an error, never "absent". */
TEST(f07_io_errors_are_not_absence)
{
    struct sts_store s;
    struct rlimit old, none;

    posix_open(&s);
    CHECK(put(&s, P, "a.example", 1, 40) == STS_OK);
    CHECK(symlink("loop", file("policy/loop")) == 0);
    CHECK(s.get(s.ctx, P, "loop") == STS_ERR_IO);
    CHECK(strstr(said, "can't be read") != NULL);
    said[0] = '\0';

    CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
    none = old;
    none.rlim_cur = 3;
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    CHECK(s.get(s.ctx, P, "a.example") == STS_ERR_IO);
    CHECK(s.get(s.ctx, P, "b.example") == STS_ERR_IO);
    CHECK(s.iterate(s.ctx, P, see, NULL) == STS_ERR_IO);
    CHECK(s.put(s.ctx, P, "a.example") == STS_ERR_IO);
    CHECK(s.remove(s.ctx, P, "a.example") == STS_ERR_IO);
    CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
    CHECK(strstr(said, "can't be read") == NULL); /* said once */
    CHECK(is(&s, P, "a.example", 1, 40));
    posix_close();
}

/* Nothing can have been kept there: a wrong --state must not hold an alert back. */
TEST(f07_a_state_directory_that_is_a_file_holds_nothing_and_that_is_said)
{
    struct sts_store s;
    size_t n;

    posix_open(&s);
    n = strlen(base);
    snprintf(dir, sizeof dir, "%s/file", base);
    CHECK(close(open(dir, O_CREAT | O_WRONLY, 0600)) == 0);
    CHECK(s.get(s.ctx, P, "a.example") == STS_ERR_ABSENT);
    CHECK(strstr(said, "can't be read: Not a directory") != NULL);
    CHECK(s.iterate(s.ctx, P, see, NULL) == STS_ERR_IO);
    CHECK(s.put(s.ctx, P, "a.example") == STS_ERR_IO);
    CHECK(strstr(said, "can't be written, nothing is kept: Not a directory") != NULL);
    said[0] = '\0';
    CHECK(s.put(s.ctx, P, "a.example") == STS_ERR_IO && said[0] == '\0'); /* once */
    CHECK(n > 0);
    posix_close();
}

TEST(a_path_that_is_too_long_is_an_error)
{
    static char deep[PATH_MAX + 10];
    struct sts_store s;

    memset(deep, 'd', sizeof deep - 1);
    sts_posix_store_init(&posix_store, deep, NULL, &s);
    CHECK(s.put(s.ctx, P, "a.example") == STS_ERR_IO);
    CHECK(s.get(s.ctx, P, "a.example") == STS_ERR_IO);
}

/* Runs a check as a user without privileges, since root may write anywhere. */
static bool as_nobody(bool (*check)(struct sts_store *s), struct sts_store *s)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        bool plain_user = getuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0);

        _exit(plain_user && check(s) ? 0 : 1);
    }
    return waitpid(pid, &status, 0) == pid && status == 0;
}

static bool nothing_can_be_written(struct sts_store *s)
{
    bool ok = is(s, P, "a.example", 1, 40) && count(s, P, NULL) == 1 &&
              put(s, P, "a.example", 2, 40) == STS_ERR_IO &&
              put(s, P, "b.example", 2, 40) == STS_ERR_IO &&
              put(s, W, "b.example", 2, 40) == STS_ERR_IO &&
              s->remove(s->ctx, P, "a.example") == STS_ERR_IO &&
              s->remove(s->ctx, P, "b.example") == STS_ERR_ABSENT && is(s, P, "a.example", 1, 40);

    /* said once */
    return ok && strstr(said, "can't be written") != NULL &&
           strstr(strstr(said, "can't be written") + 1, "can't be written") == NULL;
}

static bool damage_is_said_all_the_same(struct sts_store *s)
{
    return absent(s, P, "a.example") && strstr(said, "can't be moved") != NULL;
}

static bool nothing_can_be_read(struct sts_store *s)
{
    return s->get(s->ctx, P, "a.example") == STS_ERR_IO &&
           s->iterate(s->ctx, P, see, NULL) == STS_ERR_IO;
}

TEST(a_read_only_directory_is_read_and_not_written)
{
    struct sts_store s;
    size_t len = one_record(&s);

    CHECK(chmod(base, 0755) == 0 && chmod(file(".."), 0755) == 0 && chmod(file("."), 0555) == 0);
    CHECK(chmod(file("policy"), 0555) == 0 && chmod(file("policy/a.example"), 0444) == 0);
    CHECK(chmod(file("policy/.lock"), 0444) == 0);
    CHECK(as_nobody(nothing_can_be_written, &s));
    CHECK(chmod(file("policy/a.example"), 0600) == 0);
    whole[20] ^= 1;
    spill("policy/a.example", whole, len);
    CHECK(chmod(file("policy/a.example"), 0444) == 0);
    CHECK(as_nobody(damage_is_said_all_the_same, &s));
    CHECK(chmod(file("policy"), 0) == 0);
    CHECK(as_nobody(nothing_can_be_read, &s));
    CHECK(chmod(file("policy"), 0700) == 0 && chmod(file("."), 0700) == 0);
    posix_close();
}

/* ---- files: directories -------------------------------------------------------------------- */

static unsigned mode_of(const char *name)
{
    struct stat st;

    return stat(file(name), &st) == 0 ? st.st_mode & 07777 : 0;
}

TEST(the_directory_is_made_by_the_first_write_for_this_user_alone)
{
    struct sts_store s;
    mode_t mask = umask(0);

    posix_open(&s);
    CHECK(absent(&s, P, "a.example") && count(&s, P, NULL) == 0);
    CHECK(s.remove(s.ctx, P, "a.example") == STS_ERR_ABSENT);
    CHECK(!exists("..")); /* not even the parent */
    CHECK(put(&s, P, "a.example", 1, 40) == STS_OK);
    CHECK(mode_of("..") == 0700 && mode_of(".") == 0700 && mode_of("policy") == 0700);
    CHECK(mode_of("policy/a.example") == 0600 && mode_of("policy/.lock") == 0600);
    CHECK(!exists("wait"));
    umask(mask);
    posix_close();
}

TEST(a_directory_that_a_group_shares_stays_shared)
{
    static const struct {
        unsigned dir, folder, record;
    } modes[] = {
        {0770, 0770, 0660}, {02770, 02770, 0660}, {0755, 0750, 0640},
        {0777, 0770, 0660}, {0700, 0700, 0600},
    };
    struct sts_store s;
    mode_t mask = umask(077);

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        posix_open(&s);
        CHECK(mkdir(file(".."), 0700) == 0 || errno == EEXIST || errno == ENOENT);
        snprintf(dir, sizeof dir, "%s/shared", base);
        CHECK(mkdir(dir, 0700) == 0 && chmod(dir, modes[i].dir) == 0);
        CHECK(put(&s, W, "a.example", 1, 40) == STS_OK);
        CHECK(mode_of("wait") == modes[i].folder);
        CHECK(mode_of("wait/a.example") == modes[i].record);
        CHECK(mode_of("wait/.lock") == modes[i].record);
        posix_close();
    }
    umask(mask);
}

/* In a directory that a group shares, any of it can put a link there. */
TEST(a_link_in_the_place_of_the_lock_makes_no_file_elsewhere)
{
    struct sts_store s;

    (void)one_record(&s);
    CHECK(unlink(file("policy/.lock")) == 0 && symlink("../elsewhere", file("policy/.lock")) == 0);
    CHECK(put(&s, P, "a.example", 2, 40) == STS_ERR_IO);
    CHECK(!exists("elsewhere"));
    CHECK(is(&s, P, "a.example", 1, 40) && files("policy", ".tmp-") == 0);
    CHECK(unlink(file("policy/.lock")) == 0 && put(&s, P, "a.example", 2, 40) == STS_OK);
    posix_close();
}

TEST(a_link_in_the_place_of_a_folder_is_not_followed)
{
    struct sts_store s;

    (void)one_record(&s);
    CHECK(mkdir(file("elsewhere"), 0700) == 0 && symlink("elsewhere", file("wait")) == 0);
    CHECK(put(&s, W, "a.example", 2, 40) == STS_ERR_IO);
    CHECK(files("elsewhere", "") == 2); /* "." and ".." */
    CHECK(unlink(file("wait")) == 0 && put(&s, W, "a.example", 2, 40) == STS_OK);
    CHECK(is(&s, P, "a.example", 1, 40) && rmdir(file("elsewhere")) == 0);
    posix_close();
}

TEST(relative_and_untidy_paths_work)
{
    static const char *const names[] = {"x", "./x/y/", "x//z///w", "../"};
    struct sts_store s;
    char here[PATH_MAX], *was = getcwd(here, sizeof here);

    for (size_t i = 0; i < 4; i++) {
        posix_open(&s);
        snprintf(dir, sizeof dir, "%s/in", base);
        CHECK(mkdir(dir, 0700) == 0 && chdir(dir) == 0);
        sts_posix_store_init(&posix_store, names[i], NULL, &s);
        CHECK(put(&s, P, "a.example", 1, 40) == STS_OK && is(&s, P, "a.example", 1, 40));
        CHECK(was != NULL && chdir(was) == 0);
        posix_close();
    }
}

TEST(files_that_are_no_records_are_not_listed)
{
    static const char *const foreign[] = {"policy/.hidden", "policy/a~",  "policy/UPPER",
                                          "policy/%2x",     "policy/%61", "policy/a%2fb",
                                          "policy/a+b",     "policy/%00", "policy/a.example.bak%",
                                          "policy/..x"};
    struct sts_store s;
    size_t len = one_record(&s);

    (void)len;
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        spill(foreign[i], (const uint8_t *)"x", 1);
    }
    CHECK(count(&s, P, NULL) == 1 && count(&s, P, "a.example") == 1);
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        CHECK(exists(foreign[i]));
    }
    posix_close();
}

/* ---- files: processes ---------------------------------------------------------------------- */

/* A temporary file whose writer died goes; that of a living one stays. */
TEST(temporary_files_of_the_dead_are_removed)
{
    static struct sts_posix_store other;
    struct sts_store s, o;

    posix_open(&s);
    sts_posix_store_init(&other, dir, NULL, &o);
    CHECK(o.put(o.ctx, P, "b.example") == STS_OK && o.write(o.ctx, "abc", 3) == STS_OK);
    spill("policy/.tmp-0123456789abcdef", (const uint8_t *)"x", 1);
    spill("policy/.tmp-dead", (const uint8_t *)"", 0);
    CHECK(files("policy", ".tmp-") == 3);
    CHECK(put(&s, P, "a.example", 1, 10) == STS_OK);
    CHECK(files("policy", ".tmp-") == 1);
    CHECK(o.commit(o.ctx) == STS_OK && files("policy", ".tmp-") == 0);
    CHECK(count(&s, P, NULL) == 2);
    posix_close();
}

TEST(no_temporary_file_is_left_behind)
{
    struct sts_store s;

    posix_small(&s);
    CHECK(put(&s, P, "a.example", 1, 100) == STS_OK);
    CHECK(put(&s, P, "a.example", 1, 5000) == STS_ERR_SPACE);
    CHECK(s.put(s.ctx, P, "b.example") == STS_OK);
    s.abort(s.ctx);
    CHECK(files("policy", ".tmp-") == 0);
    CHECK(strstr(said, "can't be written") != NULL);
    posix_close();
}

/* Bodies that tell by themselves whether they are whole: one seed, told by the first octet. */
static bool hammer(unsigned self)
{
    static struct sts_posix_store mine;
    struct sts_store s;
    uint8_t buf[300];
    uint32_t r = self * 2654435761u + 1;
    char key[] = "0.example";

    sts_posix_store_init(&mine, dir, &to_said, &s);
    for (int i = 0; i < 250; i++) {
        int e;

        r = r * 1664525u + 1013904223u;
        key[0] = (char)('0' + (r >> 16) % 3);
        switch ((r >> 24) % 8) {
        case 0:
            e = s.remove(s.ctx, P, key);
            if (e != STS_OK && e != STS_ERR_ABSENT) {
                return false;
            }
            break;
        case 1:
            if (count(&s, P, NULL) > 3) {
                return false;
            }
            break;
        case 2:
        case 3:
        case 4: {
            uint8_t seed = (uint8_t)r;
            size_t len = 1 + seed;

            if (s.put(s.ctx, P, key) != STS_OK || s.write(s.ctx, &seed, 1) != STS_OK) {
                return false;
            }
            for (size_t k = 0; k < len; k++) {
                buf[k] = pattern(seed, k);
            }
            if (s.write(s.ctx, buf, len) != STS_OK || s.commit(s.ctx) != STS_OK) {
                return false;
            }
            break;
        }
        default:
            e = s.get(s.ctx, P, key);
            if (e == STS_ERR_ABSENT) {
                break;
            }
            if (e != STS_OK || s.read(s.ctx, buf, 1) != 1 ||
                !rest_is(&s, buf[0], 0, 1u + buf[0], 64)) {
                return false;
            }
            s.done(s.ctx);
        }
    }
    return said[0] == '\0'; /* nothing was damaged, nothing failed */
}

TEST(many_processes_use_one_directory_at_once)
{
    struct sts_store s;
    pid_t pid[6];
    int status;

    posix_open(&s);
    for (unsigned i = 0; i < 6; i++) {
        pid[i] = fork();
        if (pid[i] == 0) {
            _exit(hammer(i) ? 0 : 1);
        }
    }
    for (unsigned i = 0; i < 6; i++) {
        CHECK(waitpid(pid[i], &status, 0) == pid[i] && status == 0);
    }
    CHECK(files("policy", ".tmp-") == 0 && files("policy", "damaged~") == 0);
    posix_close();
}

/* killed at any moment, a writer leaves a whole record: an old one or a new one. */
TEST(r113_a_killed_writer_leaves_an_old_or_a_new_record)
{
    struct sts_store s;
    uint32_t r = 1;

    posix_open(&s);
    CHECK(put(&s, P, "a.example", 0, 3000) == STS_OK);
    for (unsigned round = 0; round < 60; round++) {
        unsigned good = 0;
        pid_t pid = fork();

        if (pid == 0) {
            for (unsigned i = 0;; i++) {
                (void)put_piece(&s, P, "a.example", i % 7, 3000, 100);
            }
        }
        r = r * 1664525u + 1013904223u;
        usleep(200 + (r >> 16) % 3000);
        CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
        for (unsigned seed = 0; seed < 7; seed++) {
            good += is(&s, P, "a.example", seed, 3000);
        }
        CHECK(good == 1 && said[0] == '\0');
    }
    posix_reopen(&s);
    CHECK(put(&s, P, "a.example", 9, 10) == STS_OK);
    CHECK(files("policy", "") <= 4); /* ".", "..", ".lock", the record: the dead left nothing */
    posix_close();
}

static pid_t claimant(int ready[2], const char *key)
{
    pid_t pid = fork();

    if (pid == 0) {
        static struct sts_posix_store mine;
        struct sts_store s;

        sts_posix_store_init(&mine, dir, NULL, &s);
        (void)!write(ready[1], s.claim(s.ctx, STS_STORE_ENTRY, key) == STS_OK ? "y" : "n", 1);
        pause();
        _exit(0);
    }
    return pid;
}

/* A message that is being sent is one process's; the claim of a killed one lapses with it. */
TEST(a_claim_holds_among_processes_and_ends_with_its_own)
{
    static struct sts_posix_store other;
    struct sts_store s, o;
    int ready[2];
    char said_yes = 0;
    pid_t pid;

    posix_open(&s);
    CHECK(pipe(ready) == 0);
    pid = claimant(ready, "a1");
    CHECK(read(ready[0], &said_yes, 1) == 1 && said_yes == 'y');
    CHECK(s.claim(s.ctx, STS_STORE_ENTRY, "a1") == STS_BUSY);
    CHECK(s.claim(s.ctx, STS_STORE_ENTRY, "b2") == STS_OK);
    CHECK(s.claim(s.ctx, STS_STORE_ENTRY, "c3") == STS_ERR_STATE);
    sts_posix_store_init(&other, dir, NULL, &o);
    CHECK(o.claim(o.ctx, STS_STORE_ENTRY, "b2") == STS_BUSY); /* within one process too */
    s.release(s.ctx);
    CHECK(o.claim(o.ctx, STS_STORE_ENTRY, "b2") == STS_OK);
    o.release(o.ctx);
    CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
    CHECK(s.claim(s.ctx, STS_STORE_ENTRY, "a1") == STS_OK);
    CHECK(count(&s, STS_STORE_ENTRY, NULL) == 0); /* it is no record */
    s.release(s.ctx);
    s.release(s.ctx); /* harmless */
    CHECK(s.claim(s.ctx, 'x', "a1") == STS_ERR_ARG);
    close(ready[0]);
    close(ready[1]);
    posix_close();
}

TEST(a_claim_where_nothing_can_be_written_is_an_error)
{
    struct sts_store s;

    posix_open(&s);
    snprintf(dir, sizeof dir, "%s/file", base);
    CHECK(close(open(dir, O_CREAT | O_WRONLY, 0600)) == 0);
    CHECK(s.claim(s.ctx, STS_STORE_ENTRY, "a1") == STS_ERR_IO);
    posix_close();
}

/* A process that was stopped with the lock in its hand does not stop the others for good. */
TEST(a_lock_that_is_never_given_back_is_an_error_and_no_wait)
{
    struct sts_store s;
    size_t len = one_record(&s);
    int lock = open(file("policy/.lock"), O_RDWR);

    (void)len;
    CHECK(lock >= 0 && flock(lock, LOCK_EX) == 0);
    CHECK(is(&s, P, "a.example", 1, 40)); /* reading needs none */
    CHECK(put(&s, P, "a.example", 2, 40) == STS_ERR_IO);
    close(lock);
    CHECK(is(&s, P, "a.example", 1, 40) && files("policy", ".tmp-") == 0);
    CHECK(put(&s, P, "a.example", 2, 40) == STS_OK);
    posix_close();
}

/* Two long keys with one file name: the second is refused, and neither sees the other's record. */
TEST(f12_keys_that_share_a_file_name_are_told_apart_by_the_file)
{
    static char key[254], name[300];
    struct sts_store s;
    size_t n;
    DIR *d;
    struct dirent *e;

    posix_open(&s);
    memset(key, '%', 253);
    CHECK(put(&s, P, key, 1, 40) == STS_OK);
    d = opendir(file("policy"));
    while (d != NULL && (e = readdir(d)) != NULL) {
        if (e->d_name[0] != '.') {
            snprintf(name, sizeof name, "policy/%s", e->d_name);
        }
    }
    closedir(d);
    CHECK(strchr(name, '+') != NULL && strlen(strchr(name, '/') + 1) <= 255);
    n = slurp(name, whole, sizeof whole);
    CHECK(n == 16 + 253 + 40);
    /* the record of a key that hashes alike, as if it had come first */
    CHECK(s.remove(s.ctx, P, key) == STS_OK);
    key[252] = 'x';
    CHECK(put(&s, P, key, 2, 40) == STS_OK);
    d = opendir(file("policy"));
    while (d != NULL && (e = readdir(d)) != NULL) {
        if (e->d_name[0] != '.') {
            snprintf(said, sizeof said, "%s/policy/%s", dir, e->d_name);
        }
    }
    closedir(d);
    CHECK(rename(said, file(name)) == 0);
    said[0] = '\0';
    CHECK(count(&s, P, key) == 1);
    key[252] = '%';
    CHECK(absent(&s, P, key) && said[0] == '\0');
    CHECK(put(&s, P, key, 1, 40) == STS_ERR_SPACE);
    CHECK(s.remove(s.ctx, P, key) == STS_ERR_ABSENT);
    CHECK(exists(name));
    posix_close();
}
#endif

TEST_MAIN("store")
