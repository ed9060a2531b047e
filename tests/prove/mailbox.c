/* SPDX-License-Identifier: MIT */
#include "text.h"

#include "core/mailbox.c"

/*@ requires \valid(u) && u->left <= 3; assigns *u; ensures u->left <= 3; */
bool sts_utf8_next(struct sts_utf8 *u, uint8_t c);
/*@ assigns \nothing; ensures \result < C_COUNT; */
static uint8_t class_of(uint8_t c);
/*@ requires \valid_read(text + (0 .. len - 1)) && \valid(utf8);
    requires \separated(utf8, &next_state[0 .. L_COUNT - 1][0 .. C_COUNT - 1]);
    assigns *utf8;
    ensures \result <= LOCAL_MAX && (\result > 0 ==> \result < len); */
static size_t local_part(const char *text, size_t len, bool *utf8);
/*@ requires \valid_read(text + (0 .. len - 1)); assigns \nothing; */
static bool literal(const char *text, size_t len);
/*@ requires \valid_read(text + (0 .. len - 1)) && \valid(out); assigns *out;
    ensures \result == STS_OK || \result == STS_ERR_ADDRESS;
    ensures \result == STS_OK ==> 0 < out->local_len <= LOCAL_MAX && len <= MAILBOX_MAX;
    ensures \result == STS_OK ==> out->local_len + 1 + out->domain_len == len; */
int sts_mailbox_parse(const char *text, size_t len, struct sts_mailbox *out);
