/* SPDX-License-Identifier: MIT
 *
 * The table of trust anchors (port/wolfssl/table.c, build.c, root.c): what it keeps of a certificate, and that
 * nothing but a whole one is read. X31, X32.
 */
#include "test.h"

#include <stdlib.h>

#include <stsmail/wolfssl.h>

#include "../../port/wolfssl/cert.h"

/* ---- certificates, put together here ------------------------------------------------------------- */

struct bytes {
    size_t len;
    uint8_t at[1400];
};

static void put(struct bytes *b, const void *from, size_t len)
{
    CHECK(b->len + len <= sizeof b->at);
    memcpy(b->at + b->len, from, len);
    b->len += len;
}

static void element(struct bytes *b, int tag, const void *contents, size_t len)
{
    uint8_t head[4] = {(uint8_t)tag, 0x82, (uint8_t)(len >> 8), (uint8_t)len};

    if (len < 128) {
        head[1] = (uint8_t)len;
        put(b, head, 2);
    } else if (len < 256) {
        head[1] = 0x81;
        head[2] = (uint8_t)len;
        put(b, head, 3);
    } else {
        put(b, head, 4);
    }
    put(b, contents, len);
}

static struct bytes in(int tag, const struct bytes *inner)
{
    struct bytes out = {0};

    element(&out, tag, inner->at, inner->len);
    return out;
}

/* What is not said is as it is with most: RSA of 2048 bits, 2020 to 2040, no limit to the path. */
struct recipe {
    const char *name, *issuer; /* issuer NULL: its own */
    const char *from, *until;  /* UTCTime or GeneralizedTime, by length */
    int rsa;                   /* octets of the modulus */
    bool ec, odd_curve;        /* P-256 instead, or a curve without a name */
    int seed;                  /* of the key */
    const char *key_id;
    int path;       /* one more than the limit */
    bool wide_path; /* and 128 more */
    bool no_ca, constrained, unknown, explained;
};

#define AT_MOST(n) ((n) + 1)

static void put_name(struct bytes *b, const char *name)
{
    struct bytes cn = {0}, set = {0};

    put(&cn, "\x06\x03\x55\x04\x03", 5);
    element(&cn, 0x0c, name, strlen(name));
    cn = in(0x30, &cn);
    set = in(0x31, &cn);
    element(b, 0x30, set.at, set.len);
}

static void put_times(struct bytes *b, const struct recipe *r)
{
    const char *from = r->from != NULL ? r->from : "200101000000Z";
    const char *until = r->until != NULL ? r->until : "400101000000Z";
    struct bytes both = {0};

    element(&both, strlen(from) == 13 ? 0x17 : 0x18, from, strlen(from));
    element(&both, strlen(until) == 13 ? 0x17 : 0x18, until, strlen(until));
    element(b, 0x30, both.at, both.len);
}

static void put_rsa(struct bytes *key, const struct recipe *r)
{
    struct bytes n = {0}, numbers = {0}, bits = {0};

    put(&n, "\0", 1);
    for (int i = 0; i < (r->rsa > 0 ? r->rsa : 256); i++) {
        uint8_t octet = (uint8_t)(0x80 | (i * 31 + r->seed));

        put(&n, &octet, 1);
    }
    element(&numbers, 2, n.at, n.len);
    put(&numbers, "\x02\x03\x01\x00\x01", 5);
    put(&bits, "\0", 1);
    element(&bits, 0x30, numbers.at, numbers.len);
    put(key, "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00", 15);
    element(key, 3, bits.at, bits.len);
}

static void put_ec(struct bytes *key, const struct recipe *r)
{
    uint8_t point[66] = {0, 4};

    for (size_t i = 2; i < sizeof point; i++) {
        point[i] = (uint8_t)(i * 7 + (size_t)r->seed);
    }
    if (!r->odd_curve) {
        put(key,
            "\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
            21);
    } else {
        put(key, "\x30\x0b\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x30\x00", 13);
    }
    element(key, 3, point, sizeof point);
}

static void put_extension(struct bytes *list, const char *oid, bool critical, const void *value,
                          size_t len)
{
    struct bytes e = {0};

    element(&e, 6, oid, 3);
    if (critical) {
        put(&e, "\x01\x01\xff", 3);
    }
    element(&e, 4, value, len);
    element(list, 0x30, e.at, e.len);
}

static void put_extensions(struct bytes *tbs, const struct recipe *r)
{
    struct bytes list = {0}, value = {0};
    uint8_t wide[] = {0x30, 7, 1, 1, 0xff, 2, 2, 0, 0};
    uint8_t limit[] = {0x30, 6, 1, 1, 0xff, 2, 1, (uint8_t)(r->path - 1)};

    if (r->wide_path) {
        wide[8] = (uint8_t)(0x80 + r->path - 1);
        put_extension(&list, "\x55\x1d\x13", true, wide, sizeof wide);
    } else if (r->path > 0) {
        put_extension(&list, "\x55\x1d\x13", true, limit, sizeof limit);
    } else if (!r->no_ca) {
        put_extension(&list, "\x55\x1d\x13", true, "\x30\x03\x01\x01\xff", 5);
    }
    if (r->key_id != NULL) {
        element(&value, 4, r->key_id, strlen(r->key_id));
        put_extension(&list, "\x55\x1d\x0e", false, value.at, value.len);
    }
    if (r->constrained) {
        put_extension(&list, "\x55\x1d\x1e", false, "\x30\x09\xa0\x07\x30\x05\x82\x03\x61\x2e\x62",
                      11);
    }
    if (r->unknown) {
        put_extension(&list, "\x55\x1d\x63", true, "\x05\x00", 2);
    }
    if (r->explained) {
        put_extension(&list, "\x55\x1d\x63", false, "\x05\x00", 2);
    }
    list = in(0x30, &list);
    element(tbs, 0xa3, list.at, list.len);
}

static struct bytes certificate(const struct recipe *r)
{
    struct bytes tbs = {0}, key = {0}, out = {0};

    put(&tbs, "\xa0\x03\x02\x01\x02\x02\x01\x01\x30\x02\x06\x00", 12);
    put_name(&tbs, r->issuer != NULL ? r->issuer : r->name);
    put_times(&tbs, r);
    put_name(&tbs, r->name);
    if (r->ec || r->odd_curve) {
        put_ec(&key, r);
    } else {
        put_rsa(&key, r);
    }
    element(&tbs, 0x30, key.at, key.len);
    put_extensions(&tbs, r);
    element(&out, 0x30, tbs.at, tbs.len);
    put(&out, "\x30\x02\x06\x00\x03\x02\x00\x00", 8);
    return in(0x30, &out);
}

/* ---- the file and the table ------------------------------------------------------------------------ */

static char file[40000];
static size_t file_len;

static void put_text(const char *text)
{
    CHECK(file_len + strlen(text) < sizeof file);
    strcpy(file + file_len, text);
    file_len += strlen(text);
}

static void put_pem(const struct bytes *der)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char four[5] = "";

    put_text("-----BEGIN CERTIFICATE-----\n");
    for (size_t i = 0; i < der->len; i += 3) {
        unsigned v = (unsigned)der->at[i] << 16;

        v |= i + 1 < der->len ? (unsigned)der->at[i + 1] << 8 : 0;
        v |= i + 2 < der->len ? (unsigned)der->at[i + 2] : 0;
        for (int k = 0; k < 4; k++) {
            four[k] = digits[v >> (18 - 6 * k) & 63];
        }
        if (i + 2 >= der->len) {
            four[3] = '=';
            four[2] = i + 1 >= der->len ? '=' : four[2];
        }
        put_text(four);
        put_text(i % 48 == 45 ? "\n" : "");
    }
    put_text("\n-----END CERTIFICATE-----\n");
}

static void add(struct recipe r)
{
    struct bytes der = certificate(&r);

    put_pem(&der);
}

static void new_file(void)
{
    file_len = 0;
    file[0] = '\0';
}

/* No hash, but as good here: octets of a simple sum of the name, the first ones too. */
static int mix(const uint8_t *bytes, uint32_t len, uint8_t out[32])
{
    uint32_t h = 2166136261u;

    for (uint32_t i = 0; i < len; i++) {
        h = (h ^ bytes[i]) * 16777619u;
    }
    for (int i = 0; i < 32; i++) {
        h = (h ^ (uint32_t)i) * 16777619u;
        out[i] = (uint8_t)(h >> 16);
    }
    return 0;
}

static int no_mix(const uint8_t *bytes, uint32_t len, uint8_t out[32])
{
    (void)bytes;
    (void)len;
    memset(out, 0, 32);
    return -1;
}

static uint8_t table[40000];
static struct sts_wolfssl_made made;

static int build(void)
{
    return sts_table_build(file, file_len, table, file_len + STS_TABLE_HEAD, mix, &made);
}

static void hash_of(const char *name, uint8_t out[32])
{
    struct bytes n = {0};

    put_name(&n, name);
    mix(n.at, (uint32_t)n.len, out);
}

static bool find(const char *name, size_t n, struct sts_root *r)
{
    struct sts_table t;
    uint8_t hash[32];

    CHECK(sts_table_open(&t, table, made.size) == STS_OK);
    hash_of(name, hash);
    return sts_table_find(&t, hash, n, r);
}

static bool is(struct sts_der d, const void *bytes, size_t len)
{
    return (size_t)(d.end - d.at) == len && memcmp(d.at, bytes, len) == 0;
}

/* Some of everything: nine roots, of them two of one name. */
static void make_some(void)
{
    new_file();
    add((struct recipe){.name = "one", .key_id = "12345678901234567890"});
    add((struct recipe){.name = "two", .rsa = 512, .path = AT_MOST(3)});
    add((struct recipe){.name = "three", .ec = true, .key_id = "3"});
    add((struct recipe){.name = "twin", .seed = 4, .key_id = "4"});
    add((struct recipe){.name = "twin", .seed = 5, .key_id = "5"});
    add((struct recipe){.name = "six", .constrained = true, .key_id = "6"});
    add((struct recipe){.name = "seven", .unknown = true});
    add((struct recipe){.name = "eight", .issuer = "one", .key_id = "8"});
    add((struct recipe){.name = "nine", .odd_curve = true});
    CHECK(build() == 9);
}

TEST(x31_each_root_is_found_with_its_key)
{
    struct recipe one = {.name = "one", .key_id = "12345678901234567890"};
    struct recipe three = {.name = "three", .ec = true, .key_id = "3"};
    struct bytes key = {0}, spki = {0};
    struct sts_root r;

    make_some();
    CHECK(made.roots == 9 && made.duplicates == 0 && made.unfit == 0 && made.unreadable == 0);
    put_rsa(&key, &one);
    CHECK(find("one", 0, &r) && r.kind == STS_ROOT_RSA && r.path == STS_PATH_ANY);
    CHECK(is(r.key, key.at + 20, key.len - 20)); /* from RSAPublicKey on */
    CHECK(*r.key.at == 0x30 && is(r.key_id, "12345678901234567890", 20));
    CHECK(r.from_s == 1577836800 && r.until_s == 2208988800);
    CHECK(!find("one", 1, &r) && !find("none", 0, &r) && !find("", 0, &r));
    CHECK(find("two", 0, &r) && r.kind == STS_ROOT_RSA && r.path == 3 &&
          r.key_id.at == r.key_id.end);
    key.len = 0;
    put_ec(&key, &three);
    element(&spki, 0x30, key.at, key.len);
    CHECK(find("three", 0, &r) && r.kind == STS_ROOT_EC && is(r.key, spki.at, spki.len));
    CHECK(is(r.key_id, "3", 1));
}

TEST(x31_roots_of_one_name_stand_in_the_order_of_the_file)
{
    struct sts_root r;

    make_some();
    CHECK(find("twin", 0, &r) && is(r.key_id, "4", 1));
    CHECK(find("twin", 1, &r) && is(r.key_id, "5", 1));
    CHECK(!find("twin", 2, &r) && !find("twin", SIZE_MAX, &r));
}

/* Name constraints, critical extensions, keys without a curve's name, CAs of others. */
TEST(x31_what_the_fields_cannot_hold_is_kept_whole)
{
    static const struct recipe whole[] = {
        {.name = "six", .constrained = true, .key_id = "6"},
        {.name = "seven", .unknown = true},
        {.name = "eight", .issuer = "one", .key_id = "8"},
        {.name = "nine", .odd_curve = true},
    };
    struct bytes der;
    struct sts_root r;

    make_some();
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        der = certificate(&whole[i]);
        CHECK(find(whole[i].name, 0, &r) && r.kind == STS_ROOT_CERT && is(r.key, der.at, der.len));
        CHECK(r.key_id.at == r.key_id.end && r.from_s == 1577836800 && r.until_s == 2208988800);
    }
    new_file();
    add((struct recipe){.name = "not critical", .explained = true});
    CHECK(build() == 1 && find("not critical", 0, &r) && r.kind == STS_ROOT_RSA);
}

TEST(x31_a_root_that_stands_there_twice_is_kept_once)
{
    new_file();
    for (int i = 0; i < 3; i++) {
        add((struct recipe){.name = "one", .key_id = "1"});
        add((struct recipe){.name = "two", .ec = true});
    }
    CHECK(build() == 2 && made.duplicates == 4);
    add((struct recipe){.name = "one", .key_id = "2"});
    add((struct recipe){.name = "one", .seed = 3, .key_id = "1"});
    add((struct recipe){.name = "one", .until = "410101000000Z", .key_id = "1"});
    CHECK(build() == 5 && made.duplicates == 4);
}

TEST(x31_certificates_that_may_not_issue_are_left_out)
{
    struct sts_root r;

    new_file();
    add((struct recipe){.name = "no ca", .no_ca = true});
    add((struct recipe){
        .name = "weak", .from = "200101000000Z", .until = "400101000000Z", .rsa = 128, .path = -1});
    CHECK(build() == STS_ERR_CONFIG && made.unfit == 2 && made.roots == 0);
    add((struct recipe){.name = "one"});
    CHECK(build() == 1 && made.unfit == 2 && find("one", 0, &r));
}

TEST(x31_what_is_no_certificate_is_counted_and_the_rest_is_used)
{
    struct sts_root r;

    new_file();
    CHECK(build() == STS_ERR_CONFIG && made.unreadable == 0 && made.bad == NULL);
    put_text("-----BEGIN CERTIFICATE-----\nMIIB");
    CHECK(build() == STS_ERR_CONFIG && made.unreadable == 1 && made.bad == file);
    put_text("\nno certificate\n-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
    add((struct recipe){.name = "one"});
    put_text("-----BEGIN CERTIFICATE-----\n"); /* of which the next one's BEGIN is no end */
    add((struct recipe){.name = "two"});
    file[file_len - 400] = '!';
    add((struct recipe){.name = "three"});
    put_text("-----BEGIN CERTIFICATE-----\n");
    CHECK(build() == 2 && made.unreadable == 5 && made.bad == file);
    CHECK(find("one", 0, &r) && !find("two", 0, &r) && find("three", 0, &r));
}

TEST(x31_dates_beyond_32_bits_are_no_dates_at_all)
{
    struct sts_root r;

    new_file();
    add((struct recipe){.name = "old", .from = "19600101000000Z", .until = "19650101000000Z"});
    add((struct recipe){.name = "ever", .from = "500101000000Z", .until = "99991231235959Z"});
    add((struct recipe){.name = "last", .from = "21060207062814Z", .until = "21060207062814Z"});
    add((struct recipe){.name = "late", .from = "21060207062816Z", .until = "21060207062815Z"});
    CHECK(build() == 4);
    CHECK(find("old", 0, &r) && r.from_s == 0 && r.until_s == 0);
    CHECK(find("ever", 0, &r) && r.from_s == 0 && r.until_s == INT64_MAX);
    CHECK(find("last", 0, &r) && r.from_s == 4294967294 && r.until_s == 4294967294);
    CHECK(find("late", 0, &r) && r.from_s == 4294967295 && r.until_s == INT64_MAX);
}

TEST(x31_path_lengths)
{
    static const struct {
        int path;
        uint8_t kept;
    } cases[] = {{0, 0}, {1, 1}, {126, 126}, {127, 127}, {128, 0}, {255, 0}};
    struct sts_root r;

    for (size_t i = 0; i < sizeof cases / sizeof *cases;
         i++) { /* from 128 on it is a negative number */
        new_file();
        add((struct recipe){.name = "one", .path = AT_MOST(cases[i].path)});
        CHECK(build() == 1 && find("one", 0, &r) && r.path == cases[i].kept);
    }
}

TEST(x31_more_than_127_cas_are_no_limit)
{
    struct sts_root r;

    new_file();
    add((struct recipe){.name = "one", .path = AT_MOST(0), .wide_path = true});
    CHECK(build() == 1 && find("one", 0, &r) && r.path == STS_PATH_ANY);
}

TEST(x31_the_same_file_makes_the_same_table_in_any_room_that_holds_it)
{
    static uint8_t again[40000];
    uint8_t *exact;
    struct sts_wolfssl_made m;
    int result;

    make_some();
    for (size_t size = 0; size <= file_len + STS_TABLE_HEAD; size += size % 97 + 1) {
        exact = malloc(size > 0 ? size : 1); /* ASan sees a write behind it */
        result = sts_table_build(file, file_len, exact, size, mix, &m);
        CHECK(result == STS_ERR_SPACE || (result == 9 && m.size == made.size && size >= made.size));
        CHECK(result != 9 || memcmp(exact, table, made.size) == 0);
        free(exact);
    }
    CHECK(sts_table_build(file, file_len, again, sizeof again, mix, &m) == 9);
    CHECK(m.size == made.size && memcmp(again, table, m.size) == 0);
    CHECK(sts_table_build(file, file_len, again, sizeof again, no_mix, &m) == STS_ERR_SPACE);
}

TEST(x31_a_file_cut_anywhere_makes_a_table_or_none)
{
    struct sts_table t;
    uint8_t *exact = malloc(sizeof table);
    char *text;
    int result;

    make_some();
    for (size_t len = 0; len < file_len; len += 7) {
        text = malloc(len + 1);
        memcpy(text, file, len);
        result = sts_table_build(text, len, exact, len + STS_TABLE_HEAD, mix, &made);
        CHECK(result == STS_ERR_CONFIG || (result >= 1 && result <= 9));
        CHECK(made.size <= len + STS_TABLE_HEAD);
        CHECK(result < 1 ||
              (sts_table_open(&t, exact, made.size) == STS_OK && t.count == (size_t)result));
        free(text);
    }
    free(exact);
}

/* ---- damaged tables ---------------------------------------------------------------------------------- */

/* A copy in memory of just its size. */
static int opens(const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    struct sts_table t;
    int result;

    memcpy(copy, bytes, len);
    result = sts_table_open(&t, copy, len);
    free(copy);
    return result;
}

TEST(x31_a_table_cut_anywhere_is_refused)
{
    make_some();
    for (size_t len = 0; len < made.size; len++) {
        CHECK(opens(table, len) == STS_ERR_SYNTAX);
    }
    CHECK(opens(table, made.size) == STS_OK);
    CHECK(opens(table, made.size + 100) == STS_OK); /* erased flash behind it */
}

TEST(x31_a_table_with_any_bit_changed_is_refused)
{
    make_some();
    for (size_t i = 0; i < made.size; i++) {
        for (unsigned bit = 1; bit < 256; bit <<= 1) {
            struct sts_table t;

            table[i] ^= (uint8_t)bit;
            CHECK(sts_table_open(&t, table, made.size) == STS_ERR_SYNTAX);
            table[i] ^= (uint8_t)bit;
        }
        table[i] = (uint8_t)~table[i];
        CHECK(opens(table, made.size) == STS_ERR_SYNTAX);
        table[i] = (uint8_t)~table[i];
    }
}

/* CRC-32, bit by bit. */
static uint32_t crc32(uint32_t crc, const uint8_t *p, size_t len)
{
    for (; len > 0; len--) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
    }
    return crc;
}

/* With one octet changed, and the checksum that belongs to that. */
static int opens_with(size_t at, uint8_t octet)
{
    static uint8_t bent[sizeof table];
    struct sts_table t;
    uint32_t crc;

    memcpy(bent, table, made.size);
    bent[at] = octet;
    crc = ~crc32(crc32(UINT32_MAX, bent, 12), bent + STS_TABLE_HEAD, made.size - STS_TABLE_HEAD);
    for (int i = 0; i < 4; i++, crc >>= 8) {
        bent[12 + i] = (uint8_t)crc;
    }
    return sts_table_open(&t, bent, made.size);
}

TEST(x31_a_table_that_is_sealed_and_wrong_is_refused)
{
    const size_t entry = STS_TABLE_HEAD + 4 * STS_TABLE_ENTRY;

    make_some();
    CHECK(opens_with(6, (uint8_t)made.roots) == STS_OK);
    CHECK(opens_with(4, 2) == STS_ERR_SYNTAX); /* another version */
    CHECK(opens_with(5, STS_TABLE_ENTRY + 1) == STS_ERR_SYNTAX);
    CHECK(opens_with(7, 0xff) == STS_ERR_SYNTAX);          /* entries that are not there */
    CHECK(opens_with(entry, 0xff) == STS_ERR_SYNTAX);      /* no order */
    CHECK(opens_with(entry + 30, 0x7f) == STS_ERR_SYNTAX); /* data behind its end */
    CHECK(opens_with(entry + 32, 0x7f) == STS_ERR_SYNTAX); /* a key that does not end in it */
    CHECK(opens_with(entry + 34, 0) == STS_ERR_SYNTAX);    /* keys of no kind */
    CHECK(opens_with(entry + 34, STS_ROOT_CERT + 1) == STS_ERR_SYNTAX);
    CHECK(opens_with(entry + 35, STS_PATH_ANY + 1) == STS_ERR_SYNTAX);
    table[entry + 31] = 0; /* no key at all */
    CHECK(opens_with(entry + 32, 0) == STS_ERR_SYNTAX);
}

TEST(x31_entries_that_are_not_there_are_not_read)
{
    for (size_t count = 1; count < 100; count++) {
        size_t least = STS_TABLE_HEAD + count * STS_TABLE_ENTRY;

        for (size_t len = STS_TABLE_HEAD; len < least; len += 35) {
            memset(table, 0, least);
            sts_table_seal(table, count, len);
            CHECK(opens(table, len) == STS_ERR_SYNTAX);
        }
    }
}

TEST(x31_whatever_is_in_a_sealed_entry_its_root_lies_in_the_table)
{
    struct sts_table t;
    struct sts_root r;
    const uint8_t *hash;

    make_some();
    for (size_t at = STS_TABLE_HEAD; at < STS_TABLE_HEAD + made.roots * STS_TABLE_ENTRY; at++) {
        for (unsigned octet = 0; octet < 256; octet++) {
            uint8_t before = table[at];

            table[at] = (uint8_t)octet;
            sts_table_seal(table, made.roots, made.size);
            if (sts_table_open(&t, table, made.size) == STS_OK) {
                for (size_t i = 0; i < t.count; i++) {
                    CHECK(sts_table_entry(&t, i, &r, &hash));
                    CHECK(hash >= table && r.key_id.at >= table && r.key.at == r.key_id.end);
                    CHECK(r.key.at < r.key.end && r.key.end <= table + made.size);
                }
                CHECK(!sts_table_entry(&t, t.count, &r, NULL));
            }
            table[at] = before;
        }
    }
}

TEST(x32_a_table_of_no_roots_has_none)
{
    struct sts_table t;
    struct sts_root r;
    uint8_t hash[32] = {0};

    sts_table_seal(table, 0, STS_TABLE_HEAD);
    CHECK(sts_table_open(&t, table, STS_TABLE_HEAD) == STS_OK && t.count == 0);
    CHECK(!sts_table_find(&t, hash, 0, &r) && !sts_table_entry(&t, 0, &r, NULL));
    CHECK(sts_table_open(&t, table, 0) == STS_ERR_SYNTAX);
}

/* The search against the plainest one, for as many roots as there are octets. */
TEST(x31_the_search_finds_the_first_of_each_name)
{
    struct sts_table t;
    struct sts_root r;
    const uint8_t *hash;
    uint8_t wanted[32];
    char name[16];

    new_file();
    for (int i = 0; i < 80; i++) {
        sprintf(name, "%d", i * i % 61);
        add((struct recipe){.name = name, .ec = true, .seed = i});
    }
    CHECK(build() == 80);
    CHECK(sts_table_open(&t, table, made.size) == STS_OK);
    for (int i = 0; i < 80; i++) {
        size_t n = 0;

        sprintf(name, "%d", i);
        hash_of(name, wanted);
        for (size_t k = 0; k < t.count; k++) {
            struct sts_root same;

            CHECK(sts_table_entry(&t, k, &r, &hash));
            if (memcmp(hash, wanted, STS_TABLE_HASH) == 0) {
                CHECK(sts_table_find(&t, wanted, n++, &same) && same.key.at == r.key.at);
            }
        }
        CHECK(!sts_table_find(&t, wanted, n, &r));
    }
}

TEST_MAIN("trust")
