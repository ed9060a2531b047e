/* SPDX-License-Identifier: MIT
 *
 * Names and answers against a naive reading of RFC 1035 4.1.4: every pointer target, every pair of pointers, every
 * short name over an alphabet of hard octets, every edit of one octet of an answer.
 */
#include <stdlib.h>

#include <stsmail/engine/dns.h>

#include "dns_build.h"
#include "test.h"

static struct packet p;

/* ---- the oracle: recursive, wasteful, from the text of the RFC ---------------------------- */

struct naive {
    bool ok;
    size_t end;  /* behind the name where it stands */
    size_t wire; /* octets without compression */
    char text[300];
};

/* limit: a pointer must lead before it ("a prior occurrence"). */
static struct naive naive_name(const uint8_t *m, size_t len, size_t at, size_t limit, int hops)
{
    struct naive bad = {0}, n = {0}, rest;

    if (at >= len) {
        return bad;
    }
    if (m[at] == 0) {
        n.ok = true;
        n.end = at + 1;
        n.wire = 1;
        return n;
    }
    if (m[at] / 64 == 3) {
        if (at + 1 >= len || hops == 127) {
            return bad;
        }
        size_t to = (size_t)(m[at] % 64) * 256 + m[at + 1];

        if (to < 12 || to >= limit) {
            return bad;
        }
        n = naive_name(m, len, to, to, hops + 1);
        n.end = at + 2;
        return n;
    }
    if (m[at] > 63 || at + 1 + m[at] > len) {
        return bad;
    }
    rest = naive_name(m, len, at + 1 + m[at], limit, hops);
    if (!rest.ok || rest.wire + 1 + m[at] > 255) {
        return bad;
    }
    n.ok = true;
    n.end = rest.end;
    n.wire = rest.wire + 1 + m[at];
    for (size_t i = 0; i < m[at]; i++) {
        char c = (char)m[at + 1 + i];

        c = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        n.text[i] = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ? c : '?';
    }
    if (rest.text[0] != '\0') {
        strcat(n.text, ".");
        strcat(n.text, rest.text);
    }
    return n;
}

/* Reads p as one MX record at `at` with its target last, and compares with the oracle. */
static void compare(size_t at)
{
    static struct sts_dns_rr rr;
    struct sts_dns_reader r = {.msg = p.b, .len = p.len, .at = at, .answers = 1};
    struct naive owner = naive_name(p.b, p.len, at, at, 0);
    int got = sts_dns_next(&r, &rr), want = STS_ERR_PROTO;

    if (owner.ok && owner.end + 13 <= p.len) {
        size_t data = owner.end + 10, size = (size_t)(p.b[data - 2] << 8 | p.b[data - 1]);
        struct naive target = naive_name(p.b, p.len, data + 2, data + 2, 0);

        if (data + size <= p.len && target.ok && target.end == data + size) {
            want = 1;
            if (got == 1) {
                CHECK(strcmp(rr.target, target.text) == 0);
                CHECK(r.at == target.end && rr.owner == at);
            }
        }
    }
    CHECK(got == want);
}

static void put_mx_head(const char *owner)
{
    (void)put_head(&p, owner, 15, 0);
    put_16(&p, 7);
}

TEST(d11_every_pointer_target_and_every_place_of_the_pointer)
{
    for (size_t room = 0; room < 0x4100; room += room < 300 ? 1 : 1009) { /* D10, D11 */
        size_t at;

        put_question(&p, 1, "ab.cd", 15);
        for (size_t i = 0; i < room; i++) {
            put8(&p, (unsigned)(i % 7 == 0 ? 0 : i % 5 == 0 ? 1 : 'a'));
        }
        at = p.len;
        put_mx_head("");
        p.b[p.len - 3] = 4;
        put_16(&p, 0);
        for (unsigned to = 0; to < 16384; to++) {
            p.b[p.len - 2] = (uint8_t)(0xc0 | to >> 8);
            p.b[p.len - 1] = (uint8_t)to;
            compare(at);
        }
    }
}

TEST(d10_every_pair_of_pointers)
{
    /* D10: an owner that is a pointer, a label and a pointer between, a target that is a pointer. */
    put_question(&p, 1, "a", 15);
    size_t mid = p.len, at = mid + 4;

    put_bytes(&p, "\1x\0\0", 4);
    put_16(&p, 0);
    put_bytes(&p, "\0\x0f\0\1\0\0\0\0\0\4\0\1\0\0", 14);
    for (unsigned a = 0; a < 70; a++) {
        for (unsigned b = 0; b < 70; b++) {
            for (unsigned c = 0; c < 70; c++) {
                put_bytes(&p, "", 0);
                p.b[mid + 2] = 0xc0, p.b[mid + 3] = (uint8_t)a;
                p.b[at] = 0xc0, p.b[at + 1] = (uint8_t)b;
                p.b[p.len - 2] = 0xc0, p.b[p.len - 1] = (uint8_t)c;
                compare(at);
            }
        }
    }
}

TEST(d12_d13_every_short_name_of_hard_octets)
{
    static const uint8_t alphabet[] = {0, 1, 2, 3, 12, 14, 63, 64, 128, 192, 193, 'a', '.', 'Z'};
    enum {
        LETTERS = sizeof alphabet,
        MAX = 5
    };

    for (size_t len = 1; len <= MAX; len++) { /* D12, D13 */
        size_t digit[MAX] = {0}, i = 0, at;

        put_question(&p, 1, "ab.cd", 15);
        at = p.len;
        put_mx_head("@12");
        p.b[p.len - 3] = (uint8_t)(2 + len);
        p.len += len;
        do {
            for (i = 0; i < len; i++) {
                p.b[p.len - len + i] = alphabet[digit[i]];
            }
            compare(at);
            for (i = 0; i < len && ++digit[i] == LETTERS; i++) {
                digit[i] = 0;
            }
        } while (i < len);
    }
}

TEST(d12_every_length_of_two_labels_and_a_pointer)
{
    for (unsigned a = 1; a < 70; a++) { /* D12: names of up to 255 octets by way of a pointer */
        for (unsigned b = 1; b < 70; b++) {
            size_t first, at;

            put_question(&p, 1, "a", 15);
            first = p.len;
            for (int i = 0; i < 2; i++) {
                put8(&p, 60);
                for (int k = 0; k < 60; k++) {
                    put8(&p, 'q');
                }
            }
            put8(&p, 0);
            at = p.len;
            put_mx_head("");
            put8(&p, a);
            for (unsigned k = 0; k < a; k++) {
                put8(&p, 'x');
            }
            put8(&p, b);
            for (unsigned k = 0; k < b; k++) {
                put8(&p, 'y');
            }
            put_16(&p, 0xc000 | (unsigned)first);
            put_end(&p, at + 9);
            compare(at);
        }
    }
}

/* Whether an answer is well formed, by the oracle. -1: not; else how many IN records. */
static int naive_answer(const uint8_t *m, size_t len)
{
    size_t at = 12;
    int in = 0, total[3], section = 0;

    for (int i = 0; i < 3; i++) {
        total[i] = m[6 + 2 * i] << 8 | m[7 + 2 * i];
    }
    at = naive_name(m, len, 12, 12, 0).end + 4;
    for (section = 0; section < 3; section++) {
        for (int i = 0; i < total[section]; i++) {
            struct naive owner = naive_name(m, len, at, at, 0);

            if (!owner.ok || owner.end + 10 > len) {
                return -1;
            }
            size_t data = owner.end + 10, size = (size_t)(m[data - 2] << 8 | m[data - 1]);
            unsigned type = (unsigned)(m[owner.end] << 8 | m[owner.end + 1]);

            if (data + size > len) {
                return -1;
            }
            at = data + size;
            if (section > 0 || m[owner.end + 2] != 0 || m[owner.end + 3] != 1) {
                continue;
            }
            in++;
            if (type == 15 || type == 5) {
                size_t skip = type == 15 ? 2 : 0;
                struct naive name = naive_name(m, len, data + skip, data + skip, 0);

                if (!name.ok || name.end != at || size < skip + 1) {
                    in = -100000;
                }
            } else if (type == 16) {
                size_t k = data;

                while (k < at) {
                    k += m[k] + 1u;
                }
                if (k != at || size == 0) {
                    in = -100000;
                }
            } else if ((type == 1 && size != 4) || (type == 28 && size != 16)) {
                in = -100000;
            }
        }
    }
    return in < 0 ? -1 : in;
}

static int real_answer(const uint8_t *m, size_t len)
{
    static struct sts_dns_rr rr;
    struct sts_dns_reader r;
    int n = 0, more;

    if (sts_dns_open(&r, m, len, 1, "ab.cd", 15, true) != STS_OK) {
        return -1;
    }
    while ((more = sts_dns_next(&r, &rr)) > 0) {
        n++;
    }
    return more < 0 ? -1 : n;
}

TEST(d14_d15_every_edit_of_one_octet_of_an_answer_and_every_truncation_of_that)
{
    put_question(&p, 1, "ab.cd", 15);
    put_cname(&p, "@12", "e.@15");
    put_mx(&p, "e.@15", 5, "mx.@12");
    put_txt(&p, "@12", "\3abc\0\1d");
    put_rr(&p, "", 1, "\1\2\3\4", 4);
    put_rr(&p, "x", 28, "0123456789abcdef", 16);
    put_opt(&p, 0);
    CHECK(real_answer(p.b, p.len) == 5);
    for (size_t at = 6; at < p.len; at++) { /* D14, D15 */
        uint8_t good = p.b[at];

        if (at >= 12 && at < 23) {
            continue; /* the question: test_dns */
        }
        for (unsigned c = 0; c < 256; c++) {
            p.b[at] = (uint8_t)c;
            CHECK(real_answer(p.b, p.len) == naive_answer(p.b, p.len));
            if (c % 16 == 1) {
                for (size_t len = 23; len < p.len; len++) {
                    CHECK(real_answer(p.b, len) == naive_answer(p.b, len));
                }
            }
        }
        p.b[at] = good;
    }
}

TEST(d14_every_rdlength_of_every_record_of_an_answer)
{
    size_t at[4];

    put_question(&p, 1, "ab.cd", 15);
    at[0] = p.len + 10, put_cname(&p, "@12", "e.@15");
    at[1] = p.len + 10, put_mx(&p, "@15", 5, "mx.@12");
    at[2] = p.len + 10, put_txt(&p, "@12", "\3abc\0\1d");
    at[3] = p.len + 10, put_rr(&p, "@12", 1, "\1\2\3\4", 4);
    for (int i = 0; i < 4; i++) { /* D14 */
        uint8_t high = p.b[at[i]], low = p.b[at[i] + 1];

        for (unsigned n = 0; n < 65536; n++) {
            p.b[at[i]] = (uint8_t)(n >> 8);
            p.b[at[i] + 1] = (uint8_t)n;
            CHECK(real_answer(p.b, p.len) == naive_answer(p.b, p.len));
        }
        p.b[at[i]] = high, p.b[at[i] + 1] = low;
    }
}

TEST_MAIN("dns exhaustive")
