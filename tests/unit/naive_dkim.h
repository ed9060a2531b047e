/* SPDX-License-Identifier: MIT
 *
 * What a verifier does (RFC 6376 3.4, 3.7, 5.4.2, 6.1.2), written from the text without a thought of streams: the
 * octets that a signature of a whole message is over. And a signer that keeps what it is given to hash.
 */
#ifndef STS_NAIVE_DKIM_H
#define STS_NAIVE_DKIM_H

#include <stdbool.h>
#include <string.h>

#include <stsmail/dkim.h>

#define NAIVE_SIZE 300000

struct naive_text {
    char bytes[NAIVE_SIZE];
    size_t len;
};

static inline void naive_put(struct naive_text *t, char c)
{
    if (t->len < NAIVE_SIZE) {
        t->bytes[t->len++] = c;
    }
}

static inline bool naive_blank(char c)
{
    return c == ' ' || c == '\t';
}

static inline char naive_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* 3.4.2, of one field with its line ends; the last CRLF is the caller's to add. */
static inline void naive_field(struct naive_text *out, const char *field, size_t len)
{
    size_t colon = 0, from, to = len;

    while (field[colon] != ':') {
        colon++;
    }
    for (size_t i = 0; i < colon; i++) {
        if (!naive_blank(field[i])) {
            naive_put(out, naive_lower(field[i]));
        }
    }
    naive_put(out, ':');
    from = colon + 1;
    while (from < to && (naive_blank(field[from]) || field[from] == '\r' || field[from] == '\n')) {
        from++;
    }
    while (to > from &&
           (naive_blank(field[to - 1]) || field[to - 1] == '\r' || field[to - 1] == '\n')) {
        to--;
    }
    for (size_t i = from; i < to; i++) {
        if (field[i] == '\r' || field[i] == '\n') {
            continue;
        }
        if (!naive_blank(field[i])) {
            naive_put(out, field[i]);
        } else if (!naive_blank(out->bytes[out->len - 1])) {
            naive_put(out, ' ');
        }
    }
}

/* 3.4.4 */
static inline void naive_body(struct naive_text *out, const char *body, size_t len)
{
    size_t solid = 0; /* octets of out up to the end of the last line that is not empty */

    out->len = 0;
    for (size_t at = 0; at < len;) {
        size_t end = at, line = out->len;

        while (end < len && body[end] != '\r') {
            end++;
        }
        for (size_t i = at; i < end; i++) {
            if (!naive_blank(body[i])) {
                naive_put(out, body[i]);
            } else if (out->len == line || out->bytes[out->len - 1] != ' ') {
                naive_put(out, ' ');
            }
        }
        while (out->len > line && out->bytes[out->len - 1] == ' ') {
            out->len--;
        }
        line = out->len - line;
        naive_put(out, '\r');
        naive_put(out, '\n');
        solid = line > 0 ? out->len : solid;
        at = end + 2;
    }
    out->len = solid;
}

/* The header's fields, in order. */
struct naive_header {
    struct {
        const char *at;
        size_t len;
        bool used;
    } fields[4000];
    size_t count;
    size_t end; /* octets of the message up to its body */
};

static inline void naive_split(struct naive_header *h, const char *m, size_t len)
{
    size_t at = 0;

    h->count = 0;
    while (at < len && m[at] != '\r' && h->count < 4000) {
        size_t end = at;

        do {
            while (m[end] != '\n') {
                end++;
            }
            end++;
        } while (end < len && naive_blank(m[end]));
        h->fields[h->count].at = m + at;
        h->fields[h->count].used = false;
        h->fields[h->count++].len = end - at;
        at = end;
    }
    h->end = at < len ? at + 2 : len;
}

static inline bool naive_named(const char *field, const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (naive_lower(field[i]) != naive_lower(name[i])) {
            return false;
        }
    }
    return field[len] == ':' || naive_blank(field[len]);
}

/* How many fields the header has of a name. */
static inline size_t naive_count(const struct naive_header *h, const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < h->count; i++) {
        n += naive_named(h->fields[i].at, name, strlen(name));
    }
    return n;
}

/* The value of a tag of a signature without any white space; false: there is none. */
static inline bool naive_tag(const char *field, const char *tag, char *out, size_t size)
{
    const char *at = strchr(field, ':') + 1;
    size_t n = 0;

    for (;;) {
        const char *end = at + strcspn(at, ";"), *equals;

        while (naive_blank(*at) || *at == '\r' || *at == '\n') {
            at++;
        }
        equals = memchr(at, '=', (size_t)(end - at));
        if (equals != NULL && (size_t)(equals - at) == strlen(tag) &&
            memcmp(at, tag, strlen(tag)) == 0) {
            for (at = equals + 1; at < end && n + 1 < size; at++) {
                if (!naive_blank(*at) && *at != '\r' && *at != '\n') {
                    out[n++] = *at;
                }
            }
            out[n] = '\0';
            return true;
        }
        if (*end == '\0') {
            return false;
        }
        at = end + 1;
    }
}

/* 3.7: what the header's hash is over. */
static inline void naive_signed(struct naive_text *out, struct naive_header *h, const char *field)
{
    char list[2000];
    const char *at = list, *b = strstr(field, " b=");

    out->len = 0;
    if (!naive_tag(field, "h", list, sizeof list) || b == NULL) {
        return;
    }
    for (; *at != '\0'; at += at[0] == ':') {
        size_t len = strcspn(at, ":");

        for (size_t i = h->count; i-- > 0;) { /* 5.4.2: from the bottom up */
            if (!h->fields[i].used && naive_named(h->fields[i].at, at, len)) {
                h->fields[i].used = true;
                naive_field(out, h->fields[i].at, h->fields[i].len);
                naive_put(out, '\r');
                naive_put(out, '\n');
                break;
            }
        }
        at += len;
    }
    naive_field(out, field, (size_t)(b - field) + 3);
}

static inline size_t naive_unbase64(const char *text, uint8_t *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    size_t n = 0, have = 0;

    for (; *text != '\0' && *text != '='; text++) {
        bits = bits << 6 | (uint32_t)(strchr(digits, *text) - digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (uint8_t)(bits >> have);
        }
    }
    return n;
}

/* ---- a signer that keeps what it hashes ------------------------------------------------------ */

struct keeper {
    struct sts_signer signer;
    struct naive_text hashed[2];         /* header, body */
    uint8_t raw[STS_DKIM_SIGNATURE + 1]; /* the signature that it gives */
    int32_t raw_len;
    uint8_t digest[32];         /* of the body, as it was told */
    int calls, fails_at, error; /* the n-th call fails; 0: none */
    size_t begun, digests;
};

static inline int keeper_call(struct keeper *k)
{
    return ++k->calls == k->fails_at ? k->error : STS_OK;
}

static inline int keeper_begin(void *ctx)
{
    struct keeper *k = ctx;

    k->hashed[0].len = k->hashed[1].len = k->digests = 0;
    k->begun++;
    return keeper_call(k);
}

static inline int keeper_hash(void *ctx, unsigned which, const void *bytes, size_t len)
{
    struct keeper *k = ctx;

    for (size_t i = 0; i < len; i++) {
        naive_put(&k->hashed[which], ((const char *)bytes)[i]);
    }
    return keeper_call(k);
}

static inline int keeper_digest(void *ctx, unsigned which, uint8_t out[32])
{
    struct keeper *k = ctx;

    for (unsigned i = 0; i < 32; i++) {
        out[i] = (uint8_t)(7 * i + which + k->hashed[which].len);
    }
    if (which == 1) {
        memcpy(k->digest, out, 32);
    }
    k->digests++;
    return keeper_call(k);
}

static inline int32_t keeper_sign(void *ctx, const uint8_t digest[32], uint8_t *out, size_t size)
{
    struct keeper *k = ctx;
    size_t len = k->raw_len < 0 ? 0 : (size_t)k->raw_len;

    for (size_t i = 0; i < len && i < size; i++) {
        out[i] = k->raw[i] = (uint8_t)(i * i + digest[i % 32]);
    }
    return keeper_call(k) != STS_OK ? k->error : k->raw_len;
}

static inline void keeper_start(struct keeper *k, uint8_t algorithm, int32_t len)
{
    memset(k, 0, sizeof *k);
    k->signer =
        (struct sts_signer){k, algorithm, keeper_begin, keeper_hash, keeper_digest, keeper_sign};
    k->raw_len = len;
}

#endif
