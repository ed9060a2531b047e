/* SPDX-License-Identifier: MIT
 *
 * <string.h> as prove.py has it: what each function needs and changes, in as few words as the proofs need.
 */
#ifndef PROVE_STRING_H
#define PROVE_STRING_H

#include <stddef.h>
#include "__fc_string_axiomatic.h"

/*@ requires \valid((char *)to + (0 .. n - 1)) && \valid_read((char *)from + (0 .. n - 1));
    requires \separated((char *)to + (0 .. n - 1), (char *)from + (0 .. n - 1));
    assigns ((char *)to)[0 .. n - 1]; ensures \result == to; */
void *memcpy(void *restrict to, const void *restrict from, size_t n);
/*@ requires \valid((char *)to + (0 .. n - 1)) && \valid_read((char *)from + (0 .. n - 1));
    assigns ((char *)to)[0 .. n - 1]; ensures \result == to; */
void *memmove(void *to, const void *from, size_t n);
/*@ requires \valid((char *)to + (0 .. n - 1));
    assigns ((char *)to)[0 .. n - 1]; ensures \result == to; */
void *memset(void *to, int c, size_t n);
/*@ requires \valid_read((char *)a + (0 .. n - 1)) && \valid_read((char *)b + (0 .. n - 1));
    assigns \nothing; */
int memcmp(const void *a, const void *b, size_t n);
/*@ requires \valid_read((char *)s + (0 .. n - 1));
    assigns \nothing;
    ensures \result == \null || (\exists integer i; 0 <= i < n && (char *)\result == (char *)s + i); */
void *memchr(const void *s, int c, size_t n);
/*@ requires valid_read_string(s); assigns \nothing; ensures \result == strlen(s); */
size_t strlen(const char *s);

#endif
