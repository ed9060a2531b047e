/* SPDX-License-Identifier: MIT */
#include "eva.h"

#include "core/text.c"

#include "core/reply.c"

void prove(void)
{
    struct sts_reply r;
    uint16_t len = (uint16_t)upto(STS_REPLY_SIZE - 1);

    ANY(r);
    r.state = (uint8_t)upto(R_BAD);
    r.lines = (uint8_t)upto(STS_REPLY_LINES_MAX);
    r.cut = either();
    //@ split len;
    r.len = len;
    if (either()) {
        sts_reply_start(&r);
    } else {
        (void)sts_reply_feed(&r, any_octet());
    }
    //@ assert r.state <= R_BAD;
    //@ assert r.lines <= STS_REPLY_LINES_MAX;
    //@ assert r.len < STS_REPLY_SIZE;
}
