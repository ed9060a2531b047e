/* SPDX-License-Identifier: MIT
 *
 * Composes messages for check_message.py. Standard input: messages, each a list of values; a value is its length
 * in decimal, a newline, and that many octets. The values of a message: From, From name, Subject, Message-ID,
 * date in seconds, body, number of To mailboxes, those mailboxes. Standard output: for each message the result (0 or
 * an error) and the number of octets on a line, then the octets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stsmail/engine/message.h>

#define TO_MAX 16

struct value {
    char *text; /* NUL-ended, whatever it holds */
    size_t len, at;
};

static bool read_value(struct value *v)
{
    unsigned long len;

    free(v->text);
    v->text = NULL;
    if (scanf("%lu", &len) != 1 || getchar() != '\n') {
        return false;
    }
    v->text = malloc(len + 1);
    v->len = len;
    v->at = 0;
    if (v->text == NULL || fread(v->text, 1, len, stdin) != len) {
        exit(2);
    }
    v->text[len] = '\0';
    return true;
}

static int body_rewind(void *ctx)
{
    ((struct value *)ctx)->at = 0;
    return STS_OK;
}

static int32_t body_read(void *ctx, void *buf, size_t size)
{
    struct value *v = ctx;
    size_t n = v->len - v->at < size ? v->len - v->at : size;

    memcpy(buf, v->text + v->at, n);
    v->at += n;
    return (int32_t)n;
}

static void give(const struct sts_message *m)
{
    static uint8_t out[1 << 20];
    struct sts_reader reader;
    int result = sts_reader_start(&reader, m, false);
    size_t len = 0;
    int32_t n = 0;

    while (result == STS_OK && len < sizeof out &&
           (n = sts_reader_read(&reader, out + len, sizeof out - len)) > 0) {
        len += (size_t)n;
    }
    printf("%d %lu\n", result != STS_OK ? result : n, (unsigned long)len);
    fwrite(out, 1, len, stdout);
    fflush(stdout);
}

int main(void)
{
    static struct value from, name, subject, id, date, body, count, to[TO_MAX];

    while (read_value(&from)) {
        const char *list[TO_MAX];
        struct sts_source source = {&body, body_rewind, body_read};
        struct sts_message m = {0};

        if (!read_value(&name) || !read_value(&subject) || !read_value(&id) || !read_value(&date) ||
            !read_value(&body) || !read_value(&count)) {
            return 2;
        }
        m.to_count = strtoul(count.text, NULL, 10);
        for (size_t i = 0; i < m.to_count; i++) {
            if (i == TO_MAX || !read_value(&to[i])) {
                return 2;
            }
            list[i] = to[i].text;
        }
        m.from = from.text;
        m.from_name = name.text;
        m.subject = subject.text;
        m.message_id = id.text;
        m.date_s = strtoll(date.text, NULL, 10);
        m.body_source = &source;
        m.to = list;
        give(&m);
    }
    return 0;
}
