/* SPDX-License-Identifier: MIT
 *
 * Operations on a flash store, with cuts, damage and any bytes between them. The first octet chooses the geometry; then each
 * octet is an operation, with those that follow as its arguments. Until there was damage the oracle is a table of what was
 * put: each record is as before or as after the operation that was cut. After it: no crash, nothing that no
 * operation wrote is ever read to its end, and the driver is asked for nothing that port.h forbids.
 */
#include "fuzz.h"

#include <stsmail/error.h>
#include <stsmail/flash_sim.h>
#include <stsmail/flash_store.h>

#define KEYS 4

/* As small as the store takes them: a run is short, and there are many. Opened once. */
static const struct {
    uint32_t sector, sectors, program;
} shapes[] = {{2048, 4, 8}, {2048, 3, 1}, {4096, 2, 256}, {4096, 2, 16}};
#define SHAPES (sizeof shapes / sizeof shapes[0])

static struct sts_flash_sim chips[SHAPES], *chip;
static struct sts_flash_store store;
static struct sts_flash_handle handle[2];
static struct sts_store s[2];
static const char *const keys[KEYS] = {"a.example", "b.example", "c",
                                       "a-long-name.of-a-domain.example"};

/* What a key holds: a length, whose bytes follow from key and number. -1: nothing. */
static int held[KEYS], before[KEYS];
static uint8_t number[KEYS], number_before[KEYS];
static bool sure;

static bool mount(void)
{
    int e = sts_flash_store_mount(&store, &chip->flash);

    sts_flash_store_handle(&store, &handle[0], &s[0]);
    sts_flash_store_handle(&store, &handle[1], &s[1]);
    MUST(e == STS_OK || !sure);
    return e == STS_OK;
}

/* A record tells its key, its number and its length itself, and the rest follows. */
static uint8_t octet(int key, uint8_t n, int len, int i)
{
    return i == 0   ? (uint8_t)key
           : i == 1 ? n
           : i == 2 ? (uint8_t)(len >> 8)
           : i == 3 ? (uint8_t)len
                    : (uint8_t)(key * 61 + n * 7 + i * 3);
}

static int put(int key, uint8_t n, int len)
{
    uint8_t piece[64];
    int e = s[0].put(s[0].ctx, STS_STORE_POLICY, keys[key]);

    for (int at = 0; at < len && e == STS_OK; at += (int)sizeof piece) {
        int size = len - at < (int)sizeof piece ? len - at : (int)sizeof piece;

        for (int i = 0; i < size; i++) {
            piece[i] = octet(key, n, len, at + i);
        }
        e = s[0].write(s[0].ctx, piece, (size_t)size);
    }
    if (e != STS_OK) {
        s[0].abort(s[0].ctx);
        return e;
    }
    return s[0].commit(s[0].ctx);
}

/* What a key holds by the store's word: its length, -1; -2: it can't be read. */
static int look(int key, uint8_t *n)
{
    static uint8_t bytes[4096];
    int len = 0, e = s[1].get(s[1].ctx, STS_STORE_POLICY, keys[key]);
    int32_t got;

    if (e != STS_OK) {
        MUST(e == STS_ERR_ABSENT || e == STS_ERR_IO);
        return e == STS_ERR_ABSENT ? -1 : -2;
    }
    while ((got = s[1].read(s[1].ctx, bytes + len, sizeof bytes - (size_t)len)) > 0) {
        len += got;
        MUST(len < (int)sizeof bytes);
    }
    s[1].done(s[1].ctx);
    if (got < 0) {
        return -2;
    }
    *n = bytes[1];
    MUST(len >= 4);
    for (int i = 0; i < len; i++) {
        MUST(bytes[i] == octet(key, *n, len, i));
    }
    return len;
}

static void look_all(void)
{
    for (int k = 0; k < KEYS; k++) {
        uint8_t n = 0;
        int len = look(k, &n);

        MUST(!sure || (len == held[k] && (len < 0 || n == number[k])) ||
             (len == before[k] && (len < 0 || n == number_before[k])));
        held[k] = before[k] = len;
        number[k] = number_before[k] = n;
    }
}

static void restart(void)
{
    chip->off = false;
    chip->cut_at = 0;
    if (mount()) {
        look_all();
    } else {
        MUST(sts_flash_store_format(&store, &chip->flash) == STS_OK);
        (void)mount();
        look_all();
    }
}

/* One operation with its three arguments. */
static void operate(uint8_t what, const uint8_t *arg)
{
    int key = arg[0] % KEYS, len = 4 + (arg[1] << 8 | arg[2]) % 700, e;
    uint32_t at = (uint32_t)(arg[0] << 16 | arg[1] << 8 | arg[2]) % chip->size;

    switch (what % 8) {
    case 0:
    case 1:
    case 2:
        e = put(key, what, len);
        MUST(e == STS_OK || e == STS_ERR_SPACE || e == STS_ERR_IO);
        held[key] = e == STS_ERR_SPACE ? held[key] : len;
        number[key] = e == STS_ERR_SPACE ? number[key] : what;
        break;
    case 3:
        e = s[1].remove(s[1].ctx, STS_STORE_POLICY, keys[key]);
        MUST(e == STS_OK || e == STS_ERR_IO || e == STS_ERR_ABSENT);
        held[key] = -1;
        break;
    case 4: chip->cut_at = chip->steps + 1 + (at & 0x3ff); break;
    case 5: chip->metastable = (arg[0] & 1) != 0; break;
    case 6:
        if ((arg[0] & 7) == 7) { /* damage, seldom */
            sts_flash_sim_set(chip, at, arg[2]);
            sure = false;
        }
        break;
    default: restart(); break;
    }
    if (chip->off) {
        restart();
    } else if (what % 8 < 4) {
        before[key] = held[key];
        number_before[key] = number[key];
        if (arg[2] % 4 == 0) {
            look_all();
        }
    }
}

/* A chip that is erased, whatever the last input did to it. */
static struct sts_flash_sim *fresh(size_t shape)
{
    struct sts_flash_sim *f = &chips[shape];

    if (f->bytes == NULL) {
        MUST(sts_flash_sim_open(f, shapes[shape].sector, shapes[shape].sectors,
                                shapes[shape].program));
    }
    memset(f->bytes, 0xff, f->size);
    memset(f->state, 0, f->size);
    f->steps = f->cut_at = 0;
    f->misuse = 0;
    f->seed = 1;
    f->off = f->metastable = false;
    return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    chip = fresh(data[0] % SHAPES);
    sure = true;
    if ((data[0] & 0x40) != 0) { /* the input itself is what stands there */
        sure = false;
        for (size_t i = 0; i < size && i < chip->size; i++) {
            sts_flash_sim_set(chip, (uint32_t)i, data[i]);
        }
    }
    memset(held, 0xff, sizeof held);
    memset(before, 0xff, sizeof before);
    restart();
    for (size_t i = 1; i + 4 <= size && i < 4 * 40; i += 4) {
        operate(data[i], data + i + 1);
    }
    MUST(chip->misuse == 0 || !sure); /* damage in what is erased shows when it is read back */
    return 0;
}
