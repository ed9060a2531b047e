/* SPDX-License-Identifier: MIT */
#include "eva.h"

#include "port/wolfssl/gate.c"

void prove(void)
{
    struct sts_gate g;
    uint8_t octet = any_octet();

    ANY(g);
    g.have = (uint8_t)upto(4);
    g.message_have = (uint8_t)upto(3);
    g.sent_have = (uint8_t)upto(4);
    g.encrypted = either();
    g.refused = either();
    g.sent_change = either();
    if (either()) {
        (void)sts_gate_in(&g, &octet, 1, either(), either());
    } else {
        sts_gate_out(&g, &octet, 1);
    }
    //@ assert g.have < 5;
    //@ assert g.message_have < 4;
    //@ assert g.sent_have < 5;
}
