/* SPDX-License-Identifier: MIT
 *
 * What the program says to people on standard error, and the memory that it keeps.
 */
#include "cli.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <stsmail/engine/utf8.h>

void say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("stsmail: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

int say_setting(const struct where *where, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("stsmail: ", stderr);
    if (where->file != NULL) {
        fprintf(stderr, "%s:%u: ", shown(where->file), where->line);
    }
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return where->file != NULL ? EX_CONFIG : EX_USAGE;
}

void *keep(size_t size)
{
    static struct kept {
        struct kept *before; /* so that nothing is lost sight of */
        max_align_t memory[];
    } * newest;
    struct kept *k = calloc(1, sizeof *k + size);

    if (k == NULL) {
        say("no memory");
        exit(EX_TEMPFAIL);
    }
    k->before = newest;
    newest = k;
    return k->memory;
}

char *keep_text(const char *text, size_t len)
{
    char *copy = keep(len + 1);

    memcpy(copy, text, len);
    return copy;
}

/* Octets of the character at `at` (RFC 3629), 0 if it is none. */
size_t utf8_length(const uint8_t *at)
{
    struct sts_utf8 u = {0};

    for (size_t n = 0; at[n] != '\0' && sts_utf8_next(&u, at[n]); n++) {
        if (u.left == 0) {
            return n + 1;
        }
    }
    return 0;
}

/* An argument may hold anything, escape sequences of a terminal included. */
const char *shown(const char *text)
{
    static char buf[4][512];
    static size_t turn;
    char *out = buf[turn++ % 4];
    size_t n = 0;
    const uint8_t *at = (const uint8_t *)text;

    while (*at != '\0' && n < sizeof buf[0] - 8) {
        size_t len = utf8_length(at);

        if (len == 0 || *at < 0x20 || *at == 0x7f || (len == 2 && at[0] == 0xc2 && at[1] < 0xa0)) {
            n += (size_t)snprintf(out + n, 5, "\\x%02x", *at);
            at++;
            continue;
        }
        memcpy(out + n, at, len);
        n += len;
        at += len;
    }
    if (*at != '\0') {
        memcpy(out + n, "...", 3);
        n += 3;
    }
    out[n] = '\0';
    return out;
}

/* ---- the library's log ----------------------------------------------------------------------- */

/* -v shows the conversation and the steps; -vv adds when. Warnings need no -v. */
static void log_line(void *ctx, int kind, const char *text, size_t len)
{
    static struct timespec start;
    const int *verbose = ctx;
    struct timespec now;

    if (kind == STS_LOG_WARNING) {
        fprintf(stderr, "stsmail: %.*s\n", (int)len, text);
        return;
    }
    if (*verbose == 0) {
        return;
    }
    if (*verbose > 1) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (start.tv_sec == 0) {
            start = now;
        }
        fprintf(stderr, "%7.3f ",
                (double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) / 1e9);
    }
    fprintf(stderr, "%c %.*s\n", kind, (int)len, text);
}

struct sts_log log_on_stderr(int *verbose)
{
    return (struct sts_log){.ctx = verbose, .line = log_line};
}
