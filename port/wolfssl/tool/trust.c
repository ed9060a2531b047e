/* SPDX-License-Identifier: MIT
 *
 * trust CAFILE TABLE: makes the table of trust anchors (../cert.h) of a PEM file, for a device's flash or for --ca. A file
 * that is a table already is checked and copied. Runs on the machine that builds; `make trust` calls it.
 *
 * Exit status: 0; 1 where there is no table to be made: then none is written.
 */
#include "../cert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wolfssl/wolfcrypt/settings.h>
#include <wolfssl/wolfcrypt/sha256.h>

#include <stsmail/wolfssl.h>

struct file {
    char *text;
    size_t len;
};

static int refuse(const char *name, const char *why)
{
    fprintf(stderr, "trust: %s: %s\n", name, why);
    return 1;
}

static int slurp(const char *name, struct file *f)
{
    FILE *in = fopen(name, "rb");
    size_t room = 1u << 16, n;

    f->text = in != NULL ? malloc(room) : NULL;
    f->len = 0;
    while (f->text != NULL && (n = fread(f->text + f->len, 1, room - f->len, in)) > 0) {
        f->len += n;
        if (f->len == room) {
            room *= 2;
            f->text = realloc(f->text, room);
        }
    }
    if (f->text == NULL || ferror(in)) {
        return refuse(name, strerror(errno));
    }
    fclose(in);
    return 0;
}

static int spill(const char *name, const void *bytes, size_t len)
{
    FILE *out = fopen(name, "wb");

    if (out == NULL || fwrite(bytes, 1, len, out) != len || fclose(out) != 0) {
        return refuse(name, strerror(errno));
    }
    return 0;
}

static int sha256(const uint8_t *bytes, uint32_t len, uint8_t out[32])
{
    wc_Sha256 sha;

    return wc_InitSha256(&sha) != 0 || wc_Sha256Update(&sha, bytes, len) != 0 ||
           wc_Sha256Final(&sha, out) != 0;
}

static unsigned line_of(const struct file *f, const char *at)
{
    unsigned line = 1;

    for (const char *p = f->text; p < at; p++) {
        line += *p == '\n';
    }
    return line;
}

static int report(const struct sts_wolfssl_made *made, const char *name)
{
    printf("%s: %u roots, %zu bytes", name, made->roots, made->size);
    if (made->duplicates > 0) {
        printf("; left out: %u that stand there twice", made->duplicates);
    }
    if (made->unfit > 0) {
        printf("; left out: %u that may not issue servers' certificates", made->unfit);
    }
    printf("\n");
    return 0;
}

static int copy(const struct file *f, const char *from, const char *to)
{
    struct sts_table t;

    if (sts_table_open(&t, f->text, f->len) != STS_OK) {
        return refuse(from, "a table, but a damaged one, or of another version");
    }
    return spill(to, f->text, f->len);
}

static int make(const struct file *f, const char *from, const char *to)
{
    struct sts_wolfssl_made made;
    size_t room = f->len + STS_TABLE_HEAD;
    uint8_t *table = malloc(room);
    int count = sts_table_build(f->text, f->len, table, room, sha256, &made), status;

    if (made.unreadable > 0) {
        fprintf(stderr, "trust: %s:%u: no certificate, though it says so (%u of them in the file)\n",
                from, line_of(f, made.bad), made.unreadable);
        status = 1;
    } else if (count == STS_ERR_SPACE) {
        status = refuse(from, "more certificates than a table holds");
    } else if (count < 1 && made.unfit > 0) {
        status = refuse(from, "none of its certificates may issue servers' certificates");
    } else if (count < 1) {
        status = refuse(from, "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)");
    } else {
        status = spill(to, table, made.size) != 0 || report(&made, to) != 0;
    }
    free(table);
    return status;
}

int main(int argc, char **argv)
{
    struct file f;
    int status;

    if (argc != 3) {
        fprintf(stderr, "usage: trust CAFILE TABLE\n");
        return 1;
    }
    status = slurp(argv[1], &f);
    if (status == 0) {
        bool table = f.len >= 4 && memcmp(f.text, STS_WOLFSSL_TABLE_MAGIC, 4) == 0;

        status = table ? copy(&f, argv[1], argv[2]) : make(&f, argv[1], argv[2]);
    }
    free(f.text);
    return status;
}
