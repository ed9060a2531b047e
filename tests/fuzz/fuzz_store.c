/* SPDX-License-Identifier: MIT
 *
 * A file of any octets where a record should be. First octet: which key's file it is (bit 0), and whether its head is
 * put in order (bit 1 the sum, bit 2 the lengths, bit 3 the first octets) so that what lies behind these checks is
 * reached too. What get gives is a record whose sum is right, of that key, whole; every other file counts as absent.
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stsmail/error.h>
#include <stsmail/posix.h>

static char dir[] = "/tmp/stsmail-fuzz-XXXXXX";
static char folder[64], paths[2][400], long_key[101];
static const char *const keys[2] = {"example.org", long_key};
static struct sts_posix_store posix;
static struct sts_store store;

static void empty_folder(void)
{
    char path[400];
    DIR *d = opendir(folder);
    struct dirent *e;

    while (d != NULL && (e = readdir(d)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        (void)unlink(path);
    }
    if (d != NULL) {
        closedir(d);
    }
}

static void clean(void)
{
    empty_folder();
    (void)rmdir(folder);
    (void)rmdir(dir);
}

/* A key that needs an escape for each octet: its file's name is cut. */
static void find_long_name(void)
{
    DIR *d;
    struct dirent *e;

    memset(long_key, 'A', sizeof long_key - 1);
    MUST(store.put(store.ctx, STS_STORE_POLICY, long_key) == STS_OK);
    MUST(store.commit(store.ctx) == STS_OK);
    d = opendir(folder);
    MUST(d != NULL);
    while ((e = readdir(d)) != NULL) {
        if (strchr(e->d_name, '+') != NULL) {
            snprintf(paths[1], sizeof paths[1], "%s/%s", folder, e->d_name);
        }
    }
    closedir(d);
    MUST(paths[1][0] != '\0');
}

static void start(void)
{
    MUST(mkdtemp(dir) != NULL);
    atexit(clean);
    snprintf(folder, sizeof folder, "%s/policy", dir);
    snprintf(paths[0], sizeof paths[0], "%s/example.org", folder);
    sts_posix_store_init(&posix, dir, NULL, &store);
    find_long_name();
}

/* CRC-32 a bit at a time, by its definition. */
static uint32_t sum(uint32_t crc, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len * 8; i++) {
        uint32_t bit = (crc ^ p[i / 8] >> i % 8) & 1;

        crc = crc >> 1 ^ (bit != 0 ? 0xedb88320 : 0);
    }
    return crc;
}

static uint32_t file_sum(const uint8_t *file, size_t size)
{
    return ~sum(sum(0xffffffff, file + 16, size - 16), file, 12);
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

static void order(uint8_t *file, size_t size, unsigned how)
{
    if (size < 16) {
        return;
    }
    if ((how & 8) != 0) {
        memcpy(file, "STSR\1\xfe\1", 7);
        file[6] = STS_STORE_POLICY;
    }
    if ((how & 4) != 0 && size - 16 >= file[7]) {
        put_number(file + 8, (uint32_t)(size - 16 - file[7]));
    }
    if ((how & 2) != 0) {
        put_number(file + 12, file_sum(file, size));
    }
}

/* Whether the file is a record of the key. */
static bool sound(const uint8_t *file, size_t size, const char *key)
{
    size_t len = strlen(key);

    return size >= 16 + len && memcmp(file, "STSR\1\xfe", 6) == 0 && file[6] == STS_STORE_POLICY &&
           file[7] == len && number(file + 8) == size - 16 - len &&
           memcmp(file + 16, key, len) == 0 && number(file + 12) == file_sum(file, size);
}

static void write_file(const char *path, const uint8_t *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    MUST(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

static void read_back(const uint8_t *bytes, size_t len, size_t piece)
{
    uint8_t buf[600];
    size_t at = 0;
    int32_t n;

    while ((n = store.read(store.ctx, buf, piece)) > 0) {
        MUST((size_t)n <= piece && (size_t)n <= len - at &&
             memcmp(buf, bytes + at, (size_t)n) == 0);
        at += (size_t)n;
    }
    MUST(n == 0 && at == len);
    store.done(store.ctx);
}

static bool nothing_else(void *arg, const char *key)
{
    *(bool *)arg = strcmp(key, keys[0]) == 0;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *key, *path;
    uint8_t *file;
    bool good, listed = false;
    int result;

    if (size < 1) {
        return 0;
    }
    if (paths[1][0] == '\0') {
        start();
    }
    empty_folder();
    key = keys[data[0] & 1];
    path = paths[data[0] & 1];
    file = exact(data + 1, size - 1);
    order(file, size - 1, data[0]);
    write_file(path, file, size - 1);
    good = sound(file, size - 1, key);
    MUST(store.iterate(store.ctx, STS_STORE_POLICY, nothing_else, &listed) == STS_OK);
    MUST((data[0] & 1) != 0 || listed);
    result = store.get(store.ctx, STS_STORE_POLICY, key);
    MUST(result == (good ? STS_OK : STS_ERR_ABSENT));
    if (good) {
        read_back(file + 16 + strlen(key), size - 17 - strlen(key), data[0] % 4 * 190 + 1);
        MUST(store.get(store.ctx, STS_STORE_POLICY, key) == STS_OK);
        store.done(store.ctx);
    }
    MUST(store.get(store.ctx, STS_STORE_WAIT, key) == STS_ERR_ABSENT);
    free(file);
    return 0;
}
