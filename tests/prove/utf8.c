/* SPDX-License-Identifier: MIT */
#include "core/utf8.c"

/*@ requires \valid(u) && u->left == 0; assigns *u; ensures u->left <= 3; */
static bool first(struct sts_utf8 *u, uint8_t c);
/*@ requires \valid(u) && u->left <= 3; assigns *u; ensures u->left <= 3; */
bool sts_utf8_next(struct sts_utf8 *u, uint8_t c);
