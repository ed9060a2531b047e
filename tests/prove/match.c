/* SPDX-License-Identifier: MIT */
#include "text.h"

#include "core/match.c"

/*@ requires \valid_read(pattern + (0 .. len - 1)); assigns \nothing;
    ensures \result <==> len >= 2 && pattern[0] == '*' && pattern[1] == '.'; */
static bool is_wildcard(const char *pattern, size_t len);

/* A name without "*." stands for names of its own length alone; an empty host is nobody's. */
/*@ requires \valid_read(pattern + (0 .. pattern_len - 1)) && \valid_read(host + (0 .. host_len - 1));
    assigns \nothing;
    ensures host_len == 0 ==> !\result;
    ensures \result && !(pattern_len >= 2 && pattern[0] == '*' && pattern[1] == '.') ==> pattern_len == host_len;
    ensures \result ==> pattern_len <= host_len; */
bool sts_match(const char *pattern, size_t pattern_len, const char *host, size_t host_len);
/*@ requires \valid_read(text + (0 .. len - 1)); assigns \nothing; */
bool sts_pattern_valid(const char *text, size_t len);
