/* SPDX-License-Identifier: MIT
 *
 * A second reader of HTTP answers, written from RFC 9112 and the rules of this project without a look at the
 * first: it has the whole answer before it and splits it as the grammar says. Slow, and meant to be.
 */
#ifndef STS_NAIVE_HTTP_H
#define STS_NAIVE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct naive {
    const uint8_t *b;
    size_t len, at;
    size_t head, fields; /* octets and field lines so far, of all heads */
};

/* The next line without its CRLF: false if there is none, or it has an octet that no line has. */
static bool naive_line(struct naive *n, const uint8_t **line, size_t *len)
{
    size_t i = n->at;

    while (i + 1 < n->len && !(n->b[i] == '\r' && n->b[i + 1] == '\n')) {
        if ((n->b[i] < ' ' && n->b[i] != '\t') || n->b[i] == 0x7f) {
            return false;
        }
        i++;
    }
    if (i + 1 >= n->len) {
        return false;
    }
    *line = n->b + n->at;
    *len = i - n->at;
    n->at = i + 2;
    return true;
}

static bool naive_head_line(struct naive *n, const uint8_t **line, size_t *len)
{
    if (!naive_line(n, line, len)) {
        return false;
    }
    n->head += *len + 2;
    return *len + 2 <= 1024 && n->head <= 8192;
}

static bool naive_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool naive_same(const uint8_t *a, size_t len, const char *b)
{
    size_t i = 0;

    for (; i < len && b[i] != '\0'; i++) {
        uint8_t c = a[i] >= 'A' && a[i] <= 'Z' ? (uint8_t)(a[i] + 32) : a[i];

        if (c != (uint8_t)b[i]) {
            return false;
        }
    }
    return i == len && b[i] == '\0';
}

static int naive_status(const uint8_t *l, size_t len, bool *http10)
{
    if (len < 13 || memcmp(l, "HTTP/1.", 7) != 0 || !naive_digit(l[7]) || l[8] != ' ' ||
        !naive_digit(l[9]) || !naive_digit(l[10]) || !naive_digit(l[11]) || l[12] != ' ') {
        return -1;
    }
    *http10 = l[7] == '0';
    return (l[9] - '0') * 100 + (l[10] - '0') * 10 + l[11] - '0';
}

struct naive_says {
    int type, length, transfer, coding; /* how often */
    size_t number;
};

static bool naive_value(struct naive_says *s, const uint8_t *name, size_t name_len,
                        const uint8_t *v, size_t len, bool *matters)
{
    *matters = true;
    while (len > 0 && (*v == ' ' || *v == '\t')) {
        v++;
        len--;
    }
    if (naive_same(name, name_len, "content-type")) {
        const uint8_t *semi = memchr(v, ';', len);

        len = semi != NULL ? (size_t)(semi - v) : len;
    }
    while (len > 0 && (v[len - 1] == ' ' || v[len - 1] == '\t')) {
        len--;
    }
    if (naive_same(name, name_len, "content-type")) {
        return s->type++ == 0 && naive_same(v, len, "text/plain");
    }
    if (naive_same(name, name_len, "content-length")) {
        for (size_t i = 0; i < len; i++) {
            if (!naive_digit(v[i]) || len > 16) {
                return false;
            }
            s->number = s->number * 10 + v[i] - '0';
        }
        return s->length++ == 0 && len > 0;
    }
    if (naive_same(name, name_len, "transfer-encoding")) {
        return s->transfer++ == 0 && naive_same(v, len, "chunked");
    }
    if (naive_same(name, name_len, "content-encoding")) {
        return s->coding++ == 0 && naive_same(v, len, "identity");
    }
    *matters = false;
    return true;
}

/* Field lines to the empty one; `says` NULL: they say nothing that counts. */
static bool naive_fields(struct naive *n, struct naive_says *says)
{
    bool may_fold = false;

    for (;;) {
        const uint8_t *l;
        size_t len, name = 0;
        bool matters = false;

        if (!naive_head_line(n, &l, &len)) {
            return false;
        }
        if (len == 0) {
            return true;
        }
        if (*l == ' ' || *l == '\t') {
            if (!may_fold) {
                return false;
            }
            continue;
        }
        while (name < len && l[name] != ':') {
            if (l[name] == ' ' || l[name] == '\t') {
                return false;
            }
            name++;
        }
        if (name == 0 || name == len || ++n->fields > 64) {
            return false;
        }
        if (says != NULL && !naive_value(says, l, name, l + name + 1, len - name - 1, &matters)) {
            return false;
        }
        may_fold = !matters;
    }
}

/* A chunk-size line: its value, or -1. */
static int64_t naive_size(struct naive *n)
{
    const uint8_t *l;
    size_t len, digits = 0, ext;
    uint64_t size = 0;

    if (!naive_line(n, &l, &len)) {
        return -1;
    }
    for (; digits < len && l[digits] != ';' && l[digits] != ' ' && l[digits] != '\t'; digits++) {
        const char *hex = "0123456789abcdef0123456789ABCDEF", *at = strchr(hex, l[digits]);

        if (at == NULL || digits == 16) {
            return -1;
        }
        size = size * 16 + (uint64_t)(at - hex) % 16;
    }
    ext = len - digits;
    n->head += ext;
    if (digits == 0 || ext > 1024 || n->head > 8192 || size > INT64_MAX) {
        return -1;
    }
    while (digits < len && (l[digits] == ' ' || l[digits] == '\t')) {
        digits++;
    }
    return ext == 0 || (digits < len && l[digits] == ';') ? (int64_t)size : -1;
}

static bool naive_chunks(struct naive *n, size_t max, uint8_t *body, size_t *body_len)
{
    for (;;) {
        int64_t size = naive_size(n);

        if (size == 0) {
            return naive_fields(n, NULL);
        }
        if (size < 0 || (uint64_t)size > max - *body_len || n->len - n->at < (size_t)size + 2 ||
            memcmp(n->b + n->at + size, "\r\n", 2) != 0) {
            return false;
        }
        memcpy(body + *body_len, n->b + n->at, (size_t)size);
        *body_len += (size_t)size;
        n->at += (size_t)size + 2;
    }
}

/* Whether it is an answer that may be used, and its body (room for max octets). */
static bool naive_http(const uint8_t *b, size_t len, bool clean_end, size_t max, uint8_t *body,
                       size_t *body_len)
{
    struct naive n = {b, len, 0, 0, 0};
    struct naive_says says = {0, 0, 0, 0, 0};
    const uint8_t *l;
    size_t line_len;
    bool http10;
    int code, interim = 0;

    *body_len = 0;
    for (;;) {
        if (!naive_head_line(&n, &l, &line_len)) {
            return false;
        }
        code = naive_status(l, line_len, &http10);
        if (code == 200) {
            break;
        }
        if (code < 100 || code > 199 || code == 101 || ++interim > 4 || !naive_fields(&n, NULL)) {
            return false;
        }
    }
    if (!naive_fields(&n, &says) || says.type == 0 ||
        (says.transfer != 0 && (says.length != 0 || http10))) {
        return false;
    }
    if (says.transfer != 0) {
        return naive_chunks(&n, max, body, body_len);
    }
    *body_len = says.length != 0 ? says.number : n.len - n.at;
    if (*body_len > max || *body_len > n.len - n.at || (says.length == 0 && !clean_end)) {
        return false;
    }
    memcpy(body, n.b + n.at, *body_len);
    return true;
}

#endif
