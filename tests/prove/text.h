/* SPDX-License-Identifier: MIT
 *
 * What core/text.c is taken to promise to those who call it: assumed by the proofs of its callers, and not proved itself yet.
 */
#ifndef PROVE_TEXT_H
#define PROVE_TEXT_H

#include <stsmail/engine/text.h>
#include <string.h>

/*@ assigns \nothing; ensures \result == ('0' <= c <= '9'); */
static inline bool sts_is_digit(uint8_t c);
/*@ assigns \nothing; ensures \result == ('A' <= c <= 'Z' || 'a' <= c <= 'z'); */
static inline bool sts_is_alpha(uint8_t c);
/*@ assigns \nothing; ensures \result == ('0' <= c <= '9' || 'A' <= c <= 'Z' || 'a' <= c <= 'z'); */
static inline bool sts_is_alnum(uint8_t c);
/*@ assigns \nothing; ensures \result == ('A' <= c <= 'Z' ? c + 32 : c); */
static inline uint8_t sts_lower(uint8_t c);

/*@ requires \valid_read(a + (0 .. a_len - 1)) && \valid_read(b + (0 .. b_len - 1));
    assigns \nothing;
    ensures a_len != b_len ==> !\result; */
bool sts_same(const char *a, size_t a_len, const char *b, size_t b_len);

/*@ requires valid_read_string(s); assigns \nothing; ensures \result == strlen(s); */
size_t sts_len(const char *s);

/*@ requires valid_read_string(a) && valid_read_string(b); assigns \nothing; */
bool sts_same_text(const char *a, const char *b);

/*@ requires \valid_read(text + (0 .. len - 1)); assigns \nothing;
    ensures \result ==> 0 < len < STS_NAME_SIZE; */
bool sts_host_valid(const char *text, size_t len);

/*@ requires \valid_read(text + (0 .. len - 1)) && \valid(out + (0 .. STS_NAME_SIZE - 1));
    assigns out[0 .. STS_NAME_SIZE - 1]; ensures \result == STS_OK || \result == STS_ERR_NAME; */
int sts_name_canon(const char *text, size_t len, char out[STS_NAME_SIZE]);

/*@ requires \valid_read(text + (0 .. len - 1)); assigns \nothing; */
bool sts_name_is_ipv4(const char *text, size_t len);

/*@ requires \valid_read(text + (0 .. len - 1)) && \valid(out);
    assigns *out;
    ensures \result == STS_OK || \result == STS_ERR_SYNTAX;
    ensures \result == STS_OK ==> *out <= max && 1 <= len <= 20;
    ensures \result != STS_OK ==> *out == \old(*out); */
int sts_get_number(const char *text, size_t len, uint64_t max, uint64_t *out);

/*@ requires \valid_read(text + (0 .. len - 1)) && \valid(out); assigns *out; */
int sts_ip_parse(const char *text, size_t len, struct sts_ip *out);

/*@ predicate out_good(struct sts_out *o) =
        \valid(o) && o->len < o->size && \valid(o->buf + (0 .. o->size - 1)) &&
        \separated(o, o->buf + (0 .. o->size - 1));
    predicate out_kept{L1, L2}(struct sts_out *o) =
        \at(o->buf, L1) == \at(o->buf, L2) && \at(o->size, L1) == \at(o->size, L2); */

/*@ requires \valid(o) && size > 0 && \valid(buf + (0 .. size - 1)) && \separated(o, buf + (0 .. size - 1));
    assigns *o;
    ensures out_good(o) && o->len == 0 && o->buf == buf && o->size == size; */
void sts_out_start(struct sts_out *o, char *buf, size_t size);

/*@ requires out_good(o) && \valid_read((char *)bytes + (0 .. len - 1));
    requires \separated(o, (char *)bytes + (0 .. len - 1)) &&
             \separated(o->buf + (0 .. o->size - 1), (char *)bytes + (0 .. len - 1));
    assigns o->len, o->full, o->buf[0 .. o->size - 1];
    ensures out_good(o) && out_kept{Pre, Post}(o) && o->len >= \old(o->len); */
void sts_out_bytes(struct sts_out *o, const void *bytes, size_t len);

/*@ requires out_good(o) && valid_read_string(text);
    requires \separated(o, text + (0 .. strlen(text))) &&
             \separated(o->buf + (0 .. o->size - 1), text + (0 .. strlen(text)));
    assigns o->len, o->full, o->buf[0 .. o->size - 1];
    ensures out_good(o) && out_kept{Pre, Post}(o); */
void sts_out_text(struct sts_out *o, const char *text);

/*@ requires out_good(o);
    assigns o->len, o->full, o->buf[0 .. o->size - 1];
    ensures out_good(o) && out_kept{Pre, Post}(o); */
void sts_out_char(struct sts_out *o, char c);

/*@ requires out_good(o);
    assigns o->len, o->full, o->buf[0 .. o->size - 1];
    ensures out_good(o) && out_kept{Pre, Post}(o); */
void sts_out_number(struct sts_out *o, uint64_t n);

/*@ requires out_good(o) && \valid_read((uint8_t *)bytes + (0 .. len - 1));
    assigns o->len, o->full, o->buf[0 .. o->size - 1];
    ensures out_good(o) && out_kept{Pre, Post}(o); */
void sts_out_escaped(struct sts_out *o, const void *bytes, size_t len);

/*@ requires out_good(o);
    assigns o->buf[o->len];
    ensures out_good(o); */
char *sts_out_end(struct sts_out *o);

/*@ requires \valid((uint8_t *)p + (0 .. len - 1)); assigns ((uint8_t *)p)[0 .. len - 1]; */
void sts_wipe(void *p, size_t len);

#endif
