/* SPDX-License-Identifier: MIT
 *
 * What several engines need of text: ASCII case, digits, names, bounded output. ASCII only, on
 * purpose: no locale, no signed char, no surprise on an EBCDIC or a Turkish machine.
 */
#ifndef STSMAIL_ENGINE_TEXT_H
#define STSMAIL_ENGINE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stsmail/config.h>
#include <stsmail/port.h>

static inline bool sts_is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
static inline bool sts_is_alpha(uint8_t c) { return (uint8_t)((c | 0x20) - 'a') < 26; }
static inline bool sts_is_alnum(uint8_t c) { return sts_is_digit(c) || sts_is_alpha(c); }
static inline uint8_t sts_lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? c | 0x20 : c; }

/* Equal but for ASCII case. */
bool sts_same(const char *a, size_t a_len, const char *b, size_t b_len);

/* strlen of a NUL-ended string, and equality without case of two. */
size_t sts_len(const char *s);
bool   sts_same_text(const char *a, const char *b);

/* Whether text is a host name: labels of letters, digits and inner hyphens, 1..63 each, 1..253 in
 * all, no root dot (RFC 5321 4.1.2 Domain, RFC 1123 2.1). */
bool sts_host_valid(const char *text, size_t len);

/* The one form in which names are compared, kept and asked for: lower case, one root dot dropped
 * . STS_OK and out is NUL-ended; STS_ERR_NAME if it is no host name. */
int sts_name_canon(const char *text, size_t len, char out[STS_NAME_SIZE]);

/* Whether a name is an IPv4 address in text ("192.0.2.1"), which no host name may be (all-digit
 * last label). */
bool sts_name_is_ipv4(const char *text, size_t len);

/* A decimal number of 1..20 digits, nothing else, at most max. STS_OK or STS_ERR_SYNTAX. */
int sts_get_number(const char *text, size_t len, uint64_t max, uint64_t *out);

/* Bounded output: what does not fit is left out whole, and `full` is set. Never NUL-ends by
 * itself: sts_out_end() does. */
struct sts_out {
    char  *buf;
    size_t size, len;
    bool   full;
};
void sts_out_start(struct sts_out *o, char *buf, size_t size);
void sts_out_bytes(struct sts_out *o, const void *bytes, size_t len);
void sts_out_text(struct sts_out *o, const char *text); /* NUL-ended */
void sts_out_char(struct sts_out *o, char c);
void sts_out_number(struct sts_out *o, uint64_t n);
/* As text: 192.0.2.1, or RFC 5952. */
void sts_out_ip(struct sts_out *o, const struct sts_ip *ip);
/* Hostile text for people: printable ASCII as it is, every other octet as \xNN, "\" as "\\". */
void sts_out_escaped(struct sts_out *o, const void *bytes, size_t len);
/* base64 (RFC 4648 4), with `fold` after every `line` characters but the last; line is a multiple of 4. The octets may lie in
 * the same buffer, further behind than what is written outgrows them. */
void sts_out_base64(struct sts_out *o, const uint8_t *bytes, size_t len, size_t line, const char *fold);
/* NUL-ends (the buffer always has room for it: size counts it). Returns the text. */
char *sts_out_end(struct sts_out *o);

/* An IP address from its text, either family. STS_OK or STS_ERR_SYNTAX. */
int sts_ip_parse(const char *text, size_t len, struct sts_ip *out);

/* ms arithmetic that survives the wrap: whether `now` has reached `due` (at most 24 days apart). */
static inline bool sts_reached(uint32_t now, uint32_t due) { return (int32_t)(now - due) >= 0; }
/* ms from now to due, 0 if reached. */
static inline uint32_t sts_until(uint32_t now, uint32_t due) {
    return sts_reached(now, due) ? 0 : due - now;
}

/* One line to the log, put together from NULL-ended pieces; nothing if log or its function is NULL.
 * Pieces are taken as trusted text: escape what a peer said first. */
#if STS_LOG
void sts_log_line(const struct sts_log *log, int kind, const char *first, ...);
#else
/* Never called, nor there: what is handed over counts as used, and costs nothing. */
void sts_log_none(const struct sts_log *log, int kind, const char *first, ...);
#define sts_log_line(...)                                                                          \
    do {                                                                                           \
        if (0) {                                                                                   \
            sts_log_none(__VA_ARGS__);                                                             \
        }                                                                                          \
    } while (0)
#endif

/* Wipes memory that held a secret; not optimised away. */
void sts_wipe(void *p, size_t len);

#endif
