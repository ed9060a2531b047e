/* SPDX-License-Identifier: MIT */
#include "eva.h"

#include "core/text.c"

#include "core/http.c"

static struct sts_http h;

static void step(void)
{
    const uint8_t *body;
    size_t len;
    uint8_t octet = any_octet();

    switch (upto(4)) {
    case 0: sts_http_start(&h, upto(1u << 24)); break;
    case 1: (void)sts_http_end(&h, either()); break;
    case 2: (void)sts_http_date(&h); break;
    case 3: (void)sts_http_reason(&h); break;
    default: (void)sts_http_feed(&h, &octet, 1, &body, &len); break;
    }
    (void)sts_http_done(&h);
}

void prove(void)
{
    uint8_t state = (uint8_t)upto(S_BAD);

    ANY(h);
    h.field = (uint8_t)upto(F_COUNT);
    h.date_len = (uint8_t)upto(STS_HTTP_DATE + 1);
    h.why = (uint8_t)upto(W_END);
    //@ split state;
    h.state = state;
    step();
    //@ assert h.state <= S_BAD;
    //@ assert h.why <= W_END;
    //@ assert h.field <= F_COUNT;
    //@ assert h.date_len <= STS_HTTP_DATE + 1;
}
