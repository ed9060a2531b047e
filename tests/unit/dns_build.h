/* SPDX-License-Identifier: MIT
 *
 * DNS messages put together octet by octet, right and wrong ones.
 */
#ifndef STS_TEST_DNS_BUILD_H
#define STS_TEST_DNS_BUILD_H

#include <stdint.h>
#include <string.h>

struct packet {
    size_t len;
    uint8_t b[66000];
};

static inline void put8(struct packet *p, unsigned v)
{
    p->b[p->len++] = (uint8_t)v;
}

static inline void put_16(struct packet *p, unsigned v)
{
    put8(p, v >> 8);
    put8(p, v);
}

static inline void put_bytes(struct packet *p, const void *bytes, size_t len)
{
    memcpy(p->b + p->len, bytes, len);
    p->len += len;
}

/* A name from its text; "@" in front of a number is a compression pointer, "" the root. A name that ends in
 * ".@12" goes on at 12. */
static inline void put_name(struct packet *p, const char *text)
{
    while (*text != '\0') {
        size_t n = 0;

        if (*text == '@') {
            unsigned to = 0;

            for (text++; *text != '\0'; text++) {
                to = to * 10 + (unsigned)(*text - '0');
            }
            put_16(p, 0xc000 | to);
            return;
        }
        while (text[n] != '\0' && text[n] != '.') {
            n++;
        }
        put8(p, (unsigned)n);
        put_bytes(p, text, n);
        text += n + (text[n] == '.');
    }
    put8(p, 0);
}

/* The header of an answer, with the question. */
static inline void put_question(struct packet *p, unsigned id, const char *name, unsigned type)
{
    static const uint8_t head[10] = {0x81, 0x80, 0, 1}; /* QR RD RA */

    p->len = 0;
    put_16(p, id);
    put_bytes(p, head, sizeof head);
    put_name(p, name);
    put_16(p, type);
    put_16(p, 1);
}

static inline void set_rcode(struct packet *p, unsigned rcode)
{
    p->b[3] = (uint8_t)((p->b[3] & 0xf0) | (rcode & 15));
}

/* Counts: 6 answers, 8 authority, 10 additional. */
static inline void count(struct packet *p, unsigned at, unsigned n)
{
    n += (unsigned)(p->b[at] << 8 | p->b[at + 1]);
    p->b[at] = (uint8_t)(n >> 8);
    p->b[at + 1] = (uint8_t)n;
}

/* A record up to RDLENGTH; returns where that is, for put_end(). */
static inline size_t put_head(struct packet *p, const char *owner, unsigned type, uint32_t ttl)
{
    put_name(p, owner);
    put_16(p, type);
    put_16(p, 1);
    put_16(p, ttl >> 16);
    put_16(p, ttl & 0xffff);
    put_16(p, 0);
    return p->len - 2;
}

static inline void put_end(struct packet *p, size_t at)
{
    size_t n = p->len - at - 2;

    p->b[at] = (uint8_t)(n >> 8);
    p->b[at + 1] = (uint8_t)n;
}

static inline void put_rr(struct packet *p, const char *owner, unsigned type, const void *data,
                          size_t len)
{
    size_t at = put_head(p, owner, type, 300);

    put_bytes(p, data, len);
    put_end(p, at);
    count(p, 6, 1);
}

static inline void put_mx(struct packet *p, const char *owner, unsigned preference,
                          const char *target)
{
    size_t at = put_head(p, owner, 15, 300);

    put_16(p, preference);
    put_name(p, target);
    put_end(p, at);
    count(p, 6, 1);
}

static inline void put_cname(struct packet *p, const char *owner, const char *target)
{
    size_t at = put_head(p, owner, 5, 300);

    put_name(p, target);
    put_end(p, at);
    count(p, 6, 1);
}

/* A TXT record of one or more strings, each with its length in front ("\3abc\2de"). */
#define put_txt(p, owner, strings) put_rr((p), (owner), 16, (strings), sizeof(strings) - 1)

/* The OPT record of an answer, with the upper bits of the RCODE. */
static inline void put_opt(struct packet *p, unsigned rcode)
{
    (void)put_head(p, "", 41, (uint32_t)(rcode >> 4) << 24);
    count(p, 10, 1);
    set_rcode(p, rcode);
}

#endif
