/* SPDX-License-Identifier: MIT
 *
 * For the proofs by Eva. A harness proves by induction: whatever a call finds in the engine's state, as far as the
 * invariant that the harness states allows it, and whatever octet comes, there is no run-time error, and the invariant
 * holds again. A split only has Eva look at values one by one; it leaves none out.
 */
#ifndef PROVE_EVA_H
#define PROVE_EVA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <__fc_builtin.h>

static inline uint32_t upto(uint32_t max)
{
    return Frama_C_unsigned_int_interval(0, max);
}
static inline uint8_t any_octet(void)
{
    return (uint8_t)upto(255);
}
static inline bool either(void)
{
    return Frama_C_interval(0, 1) != 0;
}
#define ANY(object) Frama_C_make_unknown((char *)&(object), sizeof(object))

/* Any octet, and Eva looks at those apart that the grammars tell apart. */
static inline uint8_t each_octet(void)
{
    static const uint8_t first[] = {0,   '\t', '\n', 11,  '\r', 14,  ' ', '!',
                                    '0', ':',  ';',  '<', '=',  '>', 127, 128};
    uint32_t k = upto(sizeof first - 1);
    uint8_t octet;

    //@ split k;
    octet = (uint8_t)Frama_C_unsigned_int_interval(first[k],
                                                   k + 1 < sizeof first ? first[k + 1] - 1u : 255u);
    return octet;
}

#endif
