/* SPDX-License-Identifier: MIT
 *
 * A file as flash (flash_file.h), under the flash store. Only where there are files.
 */
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#include <stsmail/flash_file.h>
#include <stsmail/flash_store.h>

static struct sts_flash_store store;
static struct sts_flash_handle handle;
static struct sts_store s;

static int start(struct sts_flash_file *f, const char *path)
{
    static struct sts_flash flash; /* stays in place while the store is used */
    int e = sts_flash_file_open(f, path, 4096, 6, 1, &flash);

    e = e == STS_OK ? sts_flash_store_mount(&store, &flash) : e;
    sts_flash_store_handle(&store, &handle, &s);
    return e;
}

TEST(a_file_serves_as_flash)
{
    char path[] = "/tmp/stsmail-flash-XXXXXX";
    uint8_t bytes[300], back[300];
    struct sts_flash_file f;
    int fd = mkstemp(path);

    CHECK(fd >= 0 && close(fd) == 0);
    CHECK(start(&f, path) == STS_OK);
    for (unsigned i = 0; i < 100; i++) {
        memset(bytes, (int)i, sizeof bytes);
        CHECK(s.put(s.ctx, STS_STORE_POLICY, "a.example") == STS_OK);
        CHECK(s.write(s.ctx, bytes, sizeof bytes) == STS_OK && s.commit(s.ctx) == STS_OK);
    }
    sts_flash_file_close(&f);
    CHECK(start(&f, path) == STS_OK);
    CHECK(s.get(s.ctx, STS_STORE_POLICY, "a.example") == STS_OK);
    CHECK(s.read(s.ctx, back, sizeof back) == 300 && memcmp(back, bytes, sizeof back) == 0);
    s.done(s.ctx);
    sts_flash_file_close(&f);
    CHECK(unlink(path) == 0);
}

TEST(a_file_that_cannot_be_flash_is_refused)
{
    struct sts_flash_file f;
    struct sts_flash flash;

    CHECK(sts_flash_file_open(&f, "/nowhere/at/all", 4096, 6, 1, &flash) == STS_ERR_IO);
    CHECK(sts_flash_file_open(&f, "/nowhere/at/all", 0, 6, 1, &flash) == STS_ERR_ARG);
}

TEST_MAIN("flash_file")
