/* SPDX-License-Identifier: MIT
 *
 * DNS messages: questions as they must be, answers as they come and as they must not.
 */
#include <stdlib.h>

#include <stsmail/engine/dns.h>

#include "dns_build.h"
#include "test.h"

enum {
    ID = 0x1234
};

static struct packet p;

/* Opens a copy that ends where the packet ends, so that ASan sees each octet too far. */
static uint8_t *copy;

static int open_as(struct sts_dns_reader *r, const char *name, uint16_t type, bool exact)
{
    free(copy);
    copy = malloc(p.len + 1);
    memmove(copy + 1, p.b, p.len); /* at an odd address, too */
    return sts_dns_open(r, copy + 1, p.len, ID, name, type, exact);
}

/* Reads the whole answer: records, or the error. */
static int read_all(const char *name, uint16_t type, struct sts_dns_rr *last)
{
    struct sts_dns_reader r;
    int n = 0, more = open_as(&r, name, type, true);

    if (more != STS_OK) {
        return more;
    }
    while ((more = sts_dns_next(&r, last)) > 0) {
        n++;
    }
    return more < 0 ? more : n;
}

static struct sts_dns_rr rr;

/* ---- questions --------------------------------------------------------------------------- */

TEST(question_is_as_rfc_1035_4_has_it)
{
    static const uint8_t want[] = "\x12\x34\x01\x00\0\1\0\0\0\0\0\0"
                                  "\x08_mta-sts\x07"
                                  "eXample\x03org\0\0\x10\0\x01";
    uint8_t out[STS_DNS_QUERY_SIZE];

    CHECK(sts_dns_question(out, sizeof out, 0x1234, "_mta-sts.eXample.org", STS_DNS_TXT, false) ==
          sizeof want - 1);
    CHECK(memcmp(out, want, sizeof want - 1) == 0);
}

TEST(d20_question_announces_1232_octets_by_edns)
{
    /* RFC 6891 6.1.2; D20. D36: neither AD nor CD nor DO is set. */
    static const uint8_t want[] = "\x12\x34\x01\x00\0\1\0\0\0\0\0\1\x01"
                                  "a\0\0\x0f\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0";
    uint8_t out[STS_DNS_QUERY_SIZE];

    memset(out, 0xee, sizeof out);
    CHECK(sts_dns_question(out, sizeof out, 0x1234, "a", STS_DNS_MX, true) == sizeof want - 1);
    CHECK(memcmp(out, want, sizeof want - 1) == 0);
}

TEST(question_that_does_not_fit_is_refused)
{
    uint8_t out[STS_DNS_QUERY_SIZE];

    for (size_t size = 0; size <= sizeof out; size++) {
        int plain = sts_dns_question(out, size, 1, "a.b", STS_DNS_A, false);
        int edns = sts_dns_question(out, size, 1, "a.b", STS_DNS_A, true);

        CHECK(plain == (size < 21 ? STS_ERR_SPACE : 21));
        CHECK(edns == (size < 32 ? STS_ERR_SPACE : 32));
    }
}

/* A name of exactly n characters, in labels of at most 63. */
static void long_name(char *name, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        name[i] = i % 64 == 63 && i + 1 < n ? '.' : 'x';
    }
    name[n] = '\0';
}

TEST(d34_name_of_253_characters_is_asked_and_of_254_refused)
{
    uint8_t out[STS_DNS_QUERY_SIZE];
    char name[300];

    for (size_t n = 230; n < 280; n++) { /* D34 */
        int len;

        long_name(name, n);
        len = sts_dns_question(out, sizeof out, 1, name, STS_DNS_TXT, true);
        CHECK(n <= 253 ? len == (int)n + 29 : len == STS_ERR_NAME);
    }
}

TEST(d35_names_that_are_no_names_are_refused)
{
    static const char *const bad[] = {"",     ".",    "a.",   ".a",  "a..b",    "-a",
                                      "a-",   "a.-b", "a-.b", "a_b", "a._-.b_", "a b",
                                      "a\rb", "a\nb", "a/b",  "a@b", "a:b",     "\x80",
                                      "a\\b", "[1]",  "a\tb", "*.a", "a,b",     "a?b"};
    static const char *const good[] = {"a",   "_a",   "_mta-sts.a", "_25._tcp.mx.a",
                                       "1.2", "a--b", "_.a",        "XN--A"};
    uint8_t out[STS_DNS_QUERY_SIZE];
    char name[80];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) { /* D35 */
        CHECK(sts_dns_question(out, sizeof out, 1, bad[i], STS_DNS_A, true) == STS_ERR_NAME);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK(sts_dns_question(out, sizeof out, 1, good[i], STS_DNS_A, true) > 0);
    }
    memset(name, 'x', 64);
    strcpy(name + 63, ".a");
    CHECK(sts_dns_question(out, sizeof out, 1, name, STS_DNS_A, true) > 0);
    memset(name, 'x', 64);
    strcpy(name + 64, ".a");
    CHECK(sts_dns_question(out, sizeof out, 1, name, STS_DNS_A, true) == STS_ERR_NAME);
}

TEST(d35_every_octet_at_every_place_of_a_name)
{
    uint8_t out[STS_DNS_QUERY_SIZE];

    for (size_t at = 0; at < 9; at++) { /* D35 */
        for (int c = 1; c < 256; c++) {
            char name[] = "abc.def.g";
            bool edge = at == 0 || at == 2 || at == 4 || at == 6 || at == 8;
            bool first = at == 0 || at == 4 || at == 8;
            bool ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      (c == '-' && !edge) || (c == '_' && first);

            /* A dot makes two labels; a dot for a dot changes nothing. */
            if (c == '.') {
                ok = at == 1 || at == 5 || at == 3 || at == 7;
            }
            if ((at == 3 || at == 7) && c == '-') {
                ok = true;
            }
            name[at] = (char)c;
            CHECK((sts_dns_question(out, sizeof out, 1, name, STS_DNS_A, true) > 0) == ok);
        }
    }
}

/* ---- which answers are ours -------------------------------------------------------------- */

TEST(answer_to_the_question_is_read)
{
    put_question(&p, ID, "Example.Org", 15);
    put_mx(&p, "@12", 10, "MX1.@12");
    CHECK(read_all("Example.Org", STS_DNS_MX, &rr) == 1);
    CHECK(rr.type == STS_DNS_MX && rr.preference == 10 && rr.ttl_s == 300);
    CHECK(strcmp(rr.target, "mx1.example.org") == 0);
}

TEST(d01_wrong_id_is_not_ours)
{
    struct sts_dns_reader r;

    put_question(&p, ID, "a.b", 1); /* D01 */
    for (unsigned id = 0; id < 65536; id++) {
        CHECK(sts_dns_open(&r, p.b, p.len, (uint16_t)id, "a.b", 1, true) ==
              (id == ID ? STS_OK : STS_ERR_PROTO));
    }
}

TEST(d05_every_one_octet_edit_of_the_question_is_not_ours)
{
    struct sts_dns_reader r;

    put_question(&p, ID, "aB.c", 16); /* D05, D06 */
    for (size_t at = 4; at < p.len; at++) {
        uint8_t good = p.b[at];

        if (at >= 6 && at < 12) {
            continue; /* the other counts */
        }
        for (unsigned c = 0; c < 256; c++) {
            bool same_case =
                at > 12 && ((c ^ good) == 0x20) && (good == 'a' || good == 'B' || good == 'c');

            p.b[at] = (uint8_t)c;
            CHECK(open_as(&r, "aB.c", 16, true) == (c == good ? STS_OK : STS_ERR_PROTO));
            CHECK(open_as(&r, "aB.c", 16, false) ==
                  (c == good || same_case ? STS_OK : STS_ERR_PROTO));
        }
        p.b[at] = good;
    }
}

TEST(question_as_answer_and_other_opcodes_are_not_ours)
{
    struct sts_dns_reader r;

    put_question(&p, ID, "a", 1);
    for (unsigned c = 0; c < 256; c++) {
        p.b[2] = (uint8_t)c;
        CHECK(open_as(&r, "a", 1, true) == ((c & 0xf8) == 0x80 ? STS_OK : STS_ERR_PROTO));
    }
}

TEST(d36_flags_that_a_resolver_may_set_change_nothing)
{
    struct sts_dns_reader r, plain;

    put_question(&p, ID, "a", 1);
    put_rr(&p, "@12", 1, "\1\2\3\4", 4);
    CHECK(open_as(&plain, "a", 1, true) == STS_OK);
    for (unsigned flags = 0; flags < 256; flags += 16) { /* D36: RA, Z, AD, CD */
        p.b[3] = (uint8_t)flags;
        CHECK(open_as(&r, "a", 1, true) == STS_OK);
        CHECK(r.rcode == 0 && r.answers == 1 && r.referral == plain.referral && !r.truncated);
    }
}

TEST(d19_truncated_answer_is_said_to_be_so_before_its_counts_are_believed)
{
    struct sts_dns_reader r;

    put_question(&p, ID, "a", 1);
    p.b[2] |= 2;
    p.b[7] = 3; /* records that were cut off */
    CHECK(open_as(&r, "a", 1, true) == STS_OK && r.truncated);
    CHECK(sts_dns_next(&r, &rr) == STS_ERR_PROTO);
}

TEST(d21_bare_header_says_only_that_edns_is_not_known)
{
    struct sts_dns_reader r;

    for (unsigned rcode = 0; rcode < 16; rcode++) { /* D21 */
        put_question(&p, ID, "a", 1);
        p.len = 12;
        p.b[5] = 0;
        set_rcode(&p, rcode);
        CHECK(open_as(&r, "a", 1, true) == (rcode == 1 || rcode == 4 ? STS_OK : STS_ERR_PROTO));
        p.b[5] = 1;
        CHECK(open_as(&r, "a", 1, true) == STS_ERR_PROTO);
        p.b[5] = 0;
        put8(&p, 0);
        CHECK(open_as(&r, "a", 1, true) == STS_ERR_PROTO);
    }
}

TEST(bare_header_has_no_records)
{
    struct sts_dns_reader r;

    put_question(&p, ID, "a", 1);
    p.len = 12;
    p.b[5] = 0;
    p.b[7] = 5;
    set_rcode(&p, 1);
    CHECK(open_as(&r, "a", 1, true) == STS_OK);
    CHECK(sts_dns_next(&r, &rr) == 0);
}

TEST(d22_upper_bits_of_the_rcode_come_from_opt)
{
    struct sts_dns_reader r;

    for (unsigned rcode = 0; rcode < 4096; rcode++) { /* D22: 16 must not look like 0 */
        put_question(&p, ID, "a", 1);
        put_opt(&p, rcode);
        CHECK(open_as(&r, "a", 1, true) == STS_OK);
        CHECK(r.rcode == rcode);
    }
}

TEST(d24_answer_that_only_names_other_servers_is_a_referral)
{
    struct sts_dns_reader r;

    for (unsigned bits = 0; bits < 8; bits++) { /* R-024, D24, RFC 2308 2.2 */
        put_question(&p, ID, "a", 1);
        if (bits & 1) {
            put_end(&p, put_head(&p, "@12", 2, 0));
            count(&p, 8, 1);
        }
        if (bits & 2) {
            put_end(&p, put_head(&p, "@12", 6, 0));
            count(&p, 8, 1);
        }
        if (bits & 4) {
            p.b[2] |= 4;
        }
        CHECK(open_as(&r, "a", 1, true) == STS_OK);
        CHECK(r.referral == (bits == 1));
    }
}

/* ---- names ------------------------------------------------------------------------------- */

/* An MX whose target are these octets, at offset 34. */
static int read_target(const void *name, size_t len)
{
    size_t at;

    put_question(&p, ID, "ab.cd", 15); /* 12: ab, 15: cd, 18: root; ends at 23 */
    at = put_head(&p, "@12", 15, 0);
    put_16(&p, 1);
    put_bytes(&p, name, len);
    put_end(&p, at);
    count(&p, 6, 1);
    CHECK(at == 33);
    return read_all("ab.cd", STS_DNS_MX, &rr);
}

TEST(names_are_read_with_and_without_pointers)
{
    CHECK(read_target(BYTES("\2XY\0")) == 1 && strcmp(rr.target, "xy") == 0);
    CHECK(read_target(BYTES("\0")) == 1 && strcmp(rr.target, "") == 0);
    CHECK(read_target(BYTES("\xc0\x0c")) == 1 && strcmp(rr.target, "ab.cd") == 0);
    CHECK(read_target(BYTES("\xc0\x0f")) == 1 && strcmp(rr.target, "cd") == 0);
    CHECK(read_target(BYTES("\xc0\x12")) == 1 && strcmp(rr.target, "") == 0);
    CHECK(read_target(BYTES("\1-\xc0\x0f")) == 1 && strcmp(rr.target, "-.cd") == 0);
    CHECK(read_target(BYTES("\1x\xc0\x17")) == 1 && strcmp(rr.target, "x.ab.cd") == 0);
}

TEST(d10_pointers_must_lead_backwards_and_not_into_the_header)
{
    CHECK(read_target(BYTES("\xc0\x25")) == STS_ERR_PROTO); /* D10: itself, at 37 */
    CHECK(read_target(BYTES("\xc0\x26")) == STS_ERR_PROTO);
    CHECK(read_target(BYTES("\xc0\x27\0")) == STS_ERR_PROTO);
    CHECK(read_target(BYTES("\xc0\xff")) == STS_ERR_PROTO);
    CHECK(read_target(BYTES("\xff\xff")) == STS_ERR_PROTO);
    CHECK(read_target(BYTES("\xc0\x0b")) == STS_ERR_PROTO);
    CHECK(read_target(BYTES("\xc0\x00")) == STS_ERR_PROTO);
    CHECK(read_target(BYTES("\1a\xc0\x25")) == STS_ERR_PROTO); /* a.a.a.a... */
    CHECK(read_target(BYTES("\1a\1b\xc0\x27")) == STS_ERR_PROTO);
}

TEST(d11_all_fourteen_bits_of_a_pointer_count)
{
    /* D11: 0x010c is not 0x0c. */
    CHECK(read_target(BYTES("\xc1\x0c")) == STS_ERR_PROTO);
    put_question(&p, ID, "ab", 15);
    for (int i = 0; i < 40; i++) {
        put_mx(&p, "@12", 1, "abcdefgh.xy");
    }
    CHECK(p.len > 0x210 + 40);
    p.b[0x210] = 1;
    p.b[0x211] = 'q';
    p.b[0x212] = 0;
    /* (that broke the record around it, so only names are read here) */
    {
        size_t at = p.len;
        struct sts_dns_reader r = {.msg = p.b, .len = p.len, .at = at, .answers = 1};

        put_mx(&p, "@12", 1, "@528");
        r.len = p.len;
        CHECK(sts_dns_next(&r, &rr) == 1);
        CHECK(strcmp(rr.target, "q") == 0);
    }
}

TEST(d12_label_types_other_than_length_and_pointer_are_refused)
{
    for (unsigned c = 64; c < 192; c++) { /* D12 */
        uint8_t name[200] = {0};

        name[0] = (uint8_t)c;
        memset(name + 1, 'a', c);
        CHECK(read_target(name, c + 2) == STS_ERR_PROTO);
    }
}

/* Labels of 63, the last one such that the name has `wire` octets. */
static size_t wire_name(uint8_t *name, size_t wire)
{
    size_t at = 0;

    while (at + 1 < wire) {
        size_t n = wire - at - 2;

        n = n > 63 ? 63 : n;
        if (wire - at - 2 == 64) {
            n = 62; /* or one octet would be left, which is no label */
        }
        name[at] = (uint8_t)n;
        memset(name + at + 1, 'a', n);
        at += n + 1;
    }
    name[at] = 0;
    return at + 1;
}

TEST(d12_name_of_255_octets_is_read_and_of_256_refused)
{
    uint8_t name[300];

    for (size_t n = 3; n < 290; n++) { /* D12 */
        CHECK(wire_name(name, n) == n);
        CHECK(read_target(name, n) == (n <= 255 ? 1 : STS_ERR_PROTO));
        if (n <= 255) {
            CHECK(strlen(rr.target) == n - 2);
        }
    }
}

TEST(d12_more_than_127_labels_are_refused)
{
    uint8_t name[400];

    for (size_t n = 1; n < 180; n++) { /* D12 */
        for (size_t i = 0; i < n; i++) {
            name[2 * i] = 1;
            name[2 * i + 1] = 'a';
        }
        name[2 * n] = 0;
        CHECK(read_target(name, 2 * n + 1) == (n <= 127 ? 1 : STS_ERR_PROTO));
    }
}

TEST(d12_long_name_by_pointers_is_refused)
{
    uint8_t name[70];

    /* 200 octets in the question, 64 more before a pointer to it: D12. */
    for (size_t n = 1; n < 64; n++) {
        char text[256];
        size_t at;

        long_name(text, 199);
        put_question(&p, ID, text, 15);
        at = put_head(&p, "@12", 15, 0);
        put_16(&p, 1);
        name[0] = (uint8_t)n;
        memset(name + 1, 'b', n);
        put_bytes(&p, name, n + 1);
        put_name(&p, "@12");
        put_end(&p, at);
        count(&p, 6, 1);
        CHECK(read_all(text, STS_DNS_MX, &rr) == (201 + n + 1 <= 255 ? 1 : STS_ERR_PROTO));
    }
}

TEST(d10_chain_of_pointers_to_pointers_is_bounded)
{
    for (unsigned n = 1; n < 200; n++) { /* D10 */
        struct sts_dns_reader r = {.msg = p.b, .answers = 1};
        unsigned last = 12;

        put_question(&p, ID, "a", 15);
        for (unsigned i = 1; i < n; i++) {
            unsigned here = (unsigned)p.len;

            put_16(&p, 0xc000 | last);
            last = here;
        }
        r.at = p.len;
        put_16(&p, 0xc000 | last);
        put_16(&p, 99);
        put_16(&p, 1);
        put_bytes(&p, "\0\0\0\0\0\0", 6);
        r.len = p.len;
        CHECK(sts_dns_next(&r, &rr) == (n <= 127 ? 1 : STS_ERR_PROTO));
    }
}

TEST(d27_octets_that_no_host_name_has_never_look_like_one)
{
    for (unsigned c = 0; c < 256; c++) { /* D27 */
        uint8_t name[] = {3, 'm', (uint8_t)c, 'x', 2, 'c', 'd', 0};
        bool plain =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
        char want[] = "m?x.cd";

        CHECK(read_target(name, sizeof name) == 1);
        if (plain) {
            want[1] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        }
        CHECK(strcmp(rr.target, want) == 0);
    }
}

TEST(names_are_the_same_without_case_and_however_they_are_packed)
{
    struct sts_dns_reader r;
    size_t at[6];

    put_question(&p, ID, "ab.cd", 1);
    at[0] = 12;
    at[1] = p.len, put_name(&p, "AB.cD");
    at[2] = p.len, put_name(&p, "aB.@15");
    at[3] = p.len, put_name(&p, "ab.cde");
    at[4] = p.len, put_name(&p, "ab");
    at[5] = p.len, put_name(&p, "@15");
    CHECK(open_as(&r, "ab.cd", 1, true) == STS_OK);
    for (int a = 0; a < 6; a++) {
        for (int b = 0; b < 6; b++) {
            CHECK(sts_dns_same(&r, at[a], at[b]) == (a == b || (a < 3 && b < 3)));
        }
    }
    CHECK(!sts_dns_same(&r, p.len, p.len));
    CHECK(!sts_dns_same(&r, 12, p.len));
}

TEST(names_differ_where_only_letters_fold)
{
    struct sts_dns_reader r;

    /* '@' and '`', '[' and '{' differ by 0x20 and are no letters. */
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            bool letters = (a ^ b) == 0x20 && (a | 0x20) >= 'a' && (a | 0x20) <= 'z';

            put_question(&p, ID, "z", 1);
            put8(&p, 1), put8(&p, a), put8(&p, 0);
            put8(&p, 1), put8(&p, b), put8(&p, 0);
            r.msg = p.b;
            r.len = p.len;
            CHECK(sts_dns_same(&r, p.len - 6, p.len - 3) == (a == b || letters));
        }
    }
}

/* ---- records ----------------------------------------------------------------------------- */

TEST(d14_address_records_have_one_length)
{
    static const uint8_t data[40];

    for (size_t n = 0; n < sizeof data; n++) { /* D14 */
        put_question(&p, ID, "a", 1);
        put_rr(&p, "@12", 1, data, n);
        CHECK(read_all("a", 1, &rr) == (n == 4 ? 1 : STS_ERR_PROTO));
        put_question(&p, ID, "a", 28);
        put_rr(&p, "@12", 28, data, n);
        CHECK(read_all("a", 28, &rr) == (n == 16 ? 1 : STS_ERR_PROTO));
    }
}

TEST(d14_name_in_rdata_must_end_where_rdata_ends)
{
    for (unsigned n = 0; n < 12; n++) { /* D14 */
        put_question(&p, ID, "a", 15);
        put_mx(&p, "@12", 1, "bc.de"); /* 2 + 7 octets */
        put_bytes(&p, "\0\0\0", 3);
        p.b[p.len - 3 - 9 - 1] = (uint8_t)n;
        CHECK(read_all("a", 15, &rr) == (n == 9 ? 1 : STS_ERR_PROTO));

        put_question(&p, ID, "a", 15);
        put_cname(&p, "@12", "bc.de");
        put_bytes(&p, "\0\0\0\0\0", 5);
        p.b[p.len - 5 - 7 - 1] = (uint8_t)n;
        CHECK(read_all("a", 15, &rr) == (n == 7 ? 1 : STS_ERR_PROTO));
    }
    CHECK(rr.alias == 0 || rr.type == STS_DNS_CNAME);
}

TEST(d14_every_rdlength_but_the_right_one_is_refused)
{
    static const unsigned types[] = {1, 28, 15, 16, 5};

    for (size_t t = 0; t < 5; t++) { /* D14 */
        size_t at;

        put_question(&p, ID, "a", types[t]);
        at = put_head(&p, "@12", types[t], 0);
        put_bytes(&p,
                  types[t] == 28  ? "0123456789abcdef"
                  : types[t] == 1 ? "0123"
                  : types[t] == 5 ? "\1b\0"
                                  : "\0\2\1x\0",
                  types[t] == 28  ? 16
                  : types[t] == 1 ? 4
                  : types[t] == 5 ? 3
                                  : 5);
        if (types[t] == 16) {
            memcpy(p.b + at + 2, "\1a\2bc", 5);
        }
        put_end(&p, at);
        count(&p, 6, 1);
        for (unsigned n = 0, good = p.b[at + 1]; n < 65536; n++) {
            bool ok = n == good || (types[t] == 16 && n == 2);

            p.b[at] = (uint8_t)(n >> 8);
            p.b[at + 1] = (uint8_t)n;
            CHECK((read_all("a", (uint16_t)types[t], &rr) == 1) == ok);
        }
    }
}

TEST(d15_counts_that_lie_are_refused)
{
    struct sts_dns_reader r;

    for (unsigned section = 6; section <= 10; section += 2) { /* D15 */
        for (unsigned n = 0; n < 65536; n++) {
            put_question(&p, ID, "a", 1);
            put_rr(&p, "@12", 1, "\1\2\3\4", 4);
            count(&p, 6, 0xffff); /* back to none */
            p.b[section] = (uint8_t)(n >> 8);
            p.b[section + 1] = (uint8_t)n;
            CHECK(open_as(&r, "a", 1, true) == (n <= 1 ? STS_OK : STS_ERR_PROTO));
        }
    }
}

TEST(d08_only_the_answer_section_is_read)
{
    struct sts_dns_reader r;

    put_question(&p, ID, "a", 1);
    put_rr(&p, "@12", 1, "\1\2\3\4", 4);
    put_rr(&p, "@12", 1, "\177\0\0\1", 4);
    put_rr(&p, "@12", 1, "\177\0\0\2", 4);
    p.b[7] = p.b[9] = p.b[11] = 1; /* D08: one in each section */
    CHECK(open_as(&r, "a", 1, true) == STS_OK);
    CHECK(sts_dns_next(&r, &rr) == 1 && memcmp(rr.data, "\1\2\3\4", 4) == 0);
    CHECK(sts_dns_next(&r, &rr) == 0);
}

TEST(records_of_other_classes_are_passed_over)
{
    put_question(&p, ID, "a", 1);
    put_rr(&p, "@12", 1, "\1\2\3\4", 4);
    p.b[p.len - 11] = 3; /* CHAOS */
    put_rr(&p, "@12", 1, "\5\6\7\10", 4);
    CHECK(read_all("a", 1, &rr) == 1 && rr.data[0] == 5);
}

TEST(records_of_unknown_types_are_given_as_they_are)
{
    put_question(&p, ID, "a", 1);
    put_rr(&p, "@12", 46, "whatever", 8);
    CHECK(read_all("a", 1, &rr) == 1 && rr.type == 46 && rr.data_len == 8);
    CHECK(rr.alias == 0 && rr.target[0] == '\0');
}

TEST(d30_ttl_with_the_top_bit_is_zero)
{
    static const struct {
        uint32_t wire, want;
    } rows[] = {{0, 0}, {1, 1}, {0x7fffffff, 0x7fffffff}, {0x80000000, 0}, {0xffffffff, 0}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) { /* D30, RFC 2181 8 */
        size_t at;

        put_question(&p, ID, "a", 1);
        at = put_head(&p, "@12", 1, rows[i].wire);
        put_bytes(&p, "\1\2\3\4", 4);
        put_end(&p, at);
        count(&p, 6, 1);
        CHECK(read_all("a", 1, &rr) == 1 && rr.ttl_s == rows[i].want);
    }
}

/* The strings of a record as one text. */
static size_t joined(char *out)
{
    const uint8_t *text;
    size_t at = 0, len, n = 0;

    while (sts_dns_txt(&rr, &at, &text, &len) == 1) {
        memcpy(out + n, text, len);
        n += len;
    }
    return n;
}

TEST(r021_strings_of_a_record_at_every_split)
{
    static const char text[] = "v=STSv1; id=20160831085700Z;";
    enum {
        N = sizeof text - 1
    };
    char out[600];

    for (size_t a = 0; a <= N; a++) { /* R-021, D16: no space between, empty strings too */
        for (size_t b = a; b <= N; b++) {
            size_t at;

            put_question(&p, ID, "a", 16);
            at = put_head(&p, "@12", 16, 0);
            put8(&p, (unsigned)a), put_bytes(&p, text, a);
            put8(&p, (unsigned)(b - a)), put_bytes(&p, text + a, b - a);
            put8(&p, (unsigned)(N - b)), put_bytes(&p, text + b, N - b);
            put_end(&p, at);
            count(&p, 6, 1);
            CHECK(read_all("a", 16, &rr) == 1);
            CHECK(joined(out) == N && memcmp(out, text, N) == 0);
        }
    }
}

TEST(d16_strings_of_255_octets_are_read)
{
    char out[600];
    size_t at;

    put_question(&p, ID, "a", 16);
    at = put_head(&p, "@12", 16, 0);
    for (int i = 0; i < 2; i++) { /* D16 */
        put8(&p, 255);
        for (int k = 0; k < 255; k++) {
            put8(&p, (unsigned)('a' + i));
        }
    }
    put_end(&p, at);
    count(&p, 6, 1);
    CHECK(read_all("a", 16, &rr) == 1);
    CHECK(joined(out) == 510 && out[254] == 'a' && out[255] == 'b');
}

TEST(d16_inner_length_past_the_record_and_no_string_are_refused)
{
    put_question(&p, ID, "a", 16); /* D16 */
    put_txt(&p, "@12", "");
    CHECK(read_all("a", 16, &rr) == STS_ERR_PROTO);
    put_question(&p, ID, "a", 16);
    put_txt(&p, "@12", "\1");
    CHECK(read_all("a", 16, &rr) == STS_ERR_PROTO);
    put_question(&p, ID, "a", 16);
    put_txt(&p, "@12", "\2ab\3cd");
    CHECK(read_all("a", 16, &rr) == STS_ERR_PROTO);
    put_question(&p, ID, "a", 16);
    put_txt(&p, "@12", "\0");
    CHECK(read_all("a", 16, &rr) == 1);
}

TEST(d16_string_that_begins_with_the_last_octet_is_not_read)
{
    struct sts_dns_rr one = {.type = STS_DNS_TXT, .data = (const uint8_t *)"\1", .data_len = 1};
    const uint8_t *text;
    size_t at = 0, len;

    CHECK(sts_dns_txt(&one, &at, &text, &len) == 0 && at == 0); /* D16 */
}

TEST(d13_every_truncation_of_a_good_packet_is_refused)
{
    static struct packet good;
    struct sts_dns_reader r;

    for (int kind = 0; kind < 50; kind++) { /* D13 */
        static const char *const owner[] = {"@12", "ab.cd", "x.@12", "ab.@15", ""};
        const char *o = owner[kind % 5];

        put_question(&p, ID, "ab.cd", 15);
        if (kind & 1) {
            put_cname(&p, o, "q.@15");
        }
        if (kind & 2) {
            put_txt(&p, o, "\3abc\0\1d");
        }
        if (kind & 4) {
            put_rr(&p, o, 1, "\1\2\3\4", 4);
        }
        if (kind & 8) {
            put_rr(&p, o, 28, "0123456789abcdef", 16);
        }
        put_mx(&p, o, 5, kind & 16 ? "@12" : "mx.@12");
        put_opt(&p, 0);
        good = p;
        CHECK(read_all("ab.cd", 15, &rr) >= 1);
        for (size_t n = 0; n < good.len; n++) {
            p.len = n;
            CHECK(open_as(&r, "ab.cd", 15, true) == STS_ERR_PROTO);
        }
        p.len = good.len;
        put8(&p, 0xff); /* what follows the last record is nobody's */
        CHECK(read_all("ab.cd", 15, &rr) >= 1);
    }
}

TEST(answer_to_a_name_that_cannot_be_asked_is_refused)
{
    struct sts_dns_reader r;

    put_question(&p, ID, "", 1);
    CHECK(open_as(&r, "", 1, true) == STS_ERR_PROTO);
}

TEST_MAIN("dns")
