/* SPDX-License-Identifier: MIT */
#include "text.h"

#include "core/reply.c"

/*@ predicate good(struct sts_reply *r) =
        \valid(r) && r->state <= R_BAD && r->len < STS_REPLY_SIZE && r->lines <= STS_REPLY_LINES_MAX; */

/*@ assigns \nothing; ensures \result < C_COUNT; */
static uint8_t class_of(uint8_t c);
/*@ requires good(r); assigns *r; ensures good(r) && r->state == \old(r->state); */
static void keep(struct sts_reply *r, uint8_t byte);
/*@ requires good(r); assigns r->code; ensures good(r);
    ensures \result ==> 200 <= r->code <= 599 && (r->lines > 0 ==> r->code == \old(r->code)); */
static bool code_fits(struct sts_reply *r);
/*@ requires good(r); assigns r->line_len, r->total; ensures good(r);
    ensures !\result ==> r->lines < STS_REPLY_LINES_MAX; */
static bool over_limit(struct sts_reply *r);
/*@ requires good(r) && r->lines < STS_REPLY_LINES_MAX; assigns r->lines; ensures good(r); */
static int line_end(struct sts_reply *r);
/*@ requires good(r); assigns r->line_len, r->number, r->len, r->cut; ensures good(r); */
static void line_start(struct sts_reply *r);
/*@ requires \valid(r); assigns *r; ensures good(r); */
void sts_reply_start(struct sts_reply *r);
/*@ requires good(r); assigns *r; ensures good(r);
    ensures \old(r->state) >= R_ROWS ==> \result == STS_ERR_PROTO;
    ensures \result == STS_OK ==> r->state == R_DONE; */
int sts_reply_feed(struct sts_reply *r, uint8_t byte);
