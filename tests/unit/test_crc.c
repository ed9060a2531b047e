/* SPDX-License-Identifier: MIT
 *
 * The sum against its definition, bit by bit, and against the check value that everybody gives.
 */
#include <string.h>

#include <stsmail/engine/crc.h>

#include "test.h"

/* One bit at a time, as the polynomial says. */
static uint32_t naive(uint32_t crc, const uint8_t *p, size_t len)
{
    crc = ~crc;
    for (size_t i = 0; i < len * 8; i++) {
        uint32_t bit = (crc ^ (uint32_t)(p[i / 8] >> i % 8)) & 1;

        crc = crc >> 1 ^ (bit != 0 ? 0xedb88320u : 0);
    }
    return ~crc;
}

TEST(the_check_value_and_the_empty_sum)
{
    CHECK(sts_crc32(0, "123456789", 9) == 0xcbf43926u);
    CHECK(sts_crc32(0, "", 0) == 0 && sts_crc32(0xcbf43926u, "", 0) == 0xcbf43926u);
}

TEST(each_octet_at_each_place_counts_in_pieces_too)
{
    uint8_t text[5] = "stsml";

    for (int at = 0; at < 5; at++) {
        for (int octet = 0; octet < 256; octet++) {
            text[at] = (uint8_t)octet;
            for (size_t cut = 0; cut <= 5; cut++) {
                CHECK(sts_crc32(sts_crc32(0, text, cut), text + cut, 5 - cut) == naive(0, text, 5));
            }
        }
    }
}

TEST_MAIN("crc")
