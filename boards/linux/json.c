/* SPDX-License-Identifier: MIT
 *
 * JSON on standard output, one object a line. What comes out is valid JSON (RFC 8259) whatever the
 * text is: octets that are no UTF-8 become U+FFFD.
 */
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool first = true; /* nothing was written yet in the innermost bracket */

static void put_text(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;

    putchar('"');
    while (*at != '\0') {
        size_t len = utf8_length(at);

        if (len == 0) {
            fputs("\\ufffd", stdout);
            len = 1;
        } else if (*at == '"' || *at == '\\') {
            printf("\\%c", *at);
        } else if (*at < 0x20 || *at == 0x7f) {
            printf("\\u%04x", *at);
        } else {
            fwrite(at, 1, len, stdout);
        }
        at += len;
    }
    putchar('"');
}

static void begin(const char *key)
{
    if (!first) {
        putchar(',');
    }
    first = false;
    if (key != NULL) {
        put_text(key);
        putchar(':');
    }
}

void json_open(const char *key, char bracket)
{
    begin(key);
    putchar(bracket);
    first = true;
}

void json_close(char bracket)
{
    putchar(bracket);
    first = false;
}

void json_text(const char *key, const char *text)
{
    if (text == NULL) {
        json_null(key);
        return;
    }
    begin(key);
    put_text(text);
}

void json_number(const char *key, int64_t n)
{
    begin(key);
    printf("%" PRId64, n);
}

void json_bool(const char *key, bool value)
{
    begin(key);
    fputs(value ? "true" : "false", stdout);
}

void json_null(const char *key)
{
    begin(key);
    fputs("null", stdout);
}

void json_line(void)
{
    putchar('\n');
    fflush(stdout);
    first = true;
}
