/* SPDX-License-Identifier: MIT */
#include "eva.h"

#include "core/text.c"

#include "core/record.c"

static struct sts_record r;

/* What len may be in a state; Eva looks at those apart on which something hangs. */
static uint8_t length(uint8_t state)
{
    uint8_t len = 0, end = (uint8_t)upto(2);

    if (state == S_VERSION) {
        len = (uint8_t)upto(6);
        //@ split len;
        len = len;
    } else if (state == S_NAME || state == S_VALUE) {
        //@ split end;
        len = (uint8_t)(end == 0 ? upto(1) : end == 1 ? Frama_C_unsigned_int_interval(2, 31) : 32);
    } else if (state != S_EQUALS) {
        len = (uint8_t)upto(STS_ID_SIZE - 1);
    }
    return len;
}

static void step(void)
{
    uint8_t octet = each_octet();
    uint32_t call = upto(3);

    //@ split call;
    switch (call) {
    case 0: sts_record_start(&r); break;
    case 1: sts_record_open(&r); break;
    case 2: sts_record_text(&r, &octet, 1); break;
    default: sts_record_close(&r); break;
    }
}

void prove(void)
{
    uint8_t state = (uint8_t)upto(S_SKIP);

    ANY(r);
    r.id_seen = either();
    r.in_id = either();
    r.why = either() ? 0 : (uint8_t)Frama_C_unsigned_int_interval(E_NAME, E_COUNT - 1);
    //@ split state;
    r.state = state;
    r.len = length(state);
    (void)sts_record_result(&r);
    (void)sts_record_reason(&r);
    //@ dynamic_split r.state;
    step();
    //@ assert r.state <= S_SKIP;
    //@ assert r.why == 0 || E_NAME <= r.why < E_COUNT;
    //@ assert r.len < STS_ID_SIZE;
    //@ assert r.state != S_VERSION || r.len < 7;
    //@ assert r.state != S_EQUALS || r.len == 0;
}
