/* SPDX-License-Identifier: MIT
 *
 * Whether a certificate stands for a host (R-031, R-032, R-081, X05..X14), may be a server's (X19), and what records
 * may pass before encryption starts (X24..X28): the parts of port/wolfssl that know nothing of wolfSSL.
 * The zoo (tests/tls) shows the same with whole handshakes.
 */
#include "test.h"

#include "../../port/wolfssl/cert.h"

/* ---- certificates put together from parts -------------------------------------------------------- */

struct buffer {
    uint8_t bytes[4096];
    size_t len;
};

static void put(struct buffer *b, const void *bytes, size_t len)
{
    memcpy(b->bytes + b->len, bytes, len);
    b->len += len;
}

/* tag, length, contents */
static void element(struct buffer *b, uint8_t tag, const void *bytes, size_t len)
{
    const uint8_t head[4] = {tag, 0x82, (uint8_t)(len >> 8), (uint8_t)len};

    if (len < 128) {
        put(b, (const uint8_t[]){tag, (uint8_t)len}, 2);
    } else if (len < 256) {
        put(b, (const uint8_t[]){tag, 0x81, (uint8_t)len}, 3);
    } else {
        put(b, head, 4);
    }
    put(b, bytes, len);
}

static void wrap(struct buffer *out, uint8_t tag, const struct buffer *in)
{
    element(out, tag, in->bytes, in->len);
}

static void extension(struct buffer *list, uint8_t id, const void *value, size_t len)
{
    static struct buffer one;

    one.len = 0;
    element(&one, STS_DER_OID, (const uint8_t[]){0x55, 0x1d, id}, 3);
    if (id == STS_EXT_CONSTRAINTS) {
        element(&one, STS_DER_BOOLEAN, "\xff", 1);
    }
    element(&one, STS_DER_OCTETS, value, len);
    wrap(list, STS_DER_SEQUENCE, &one);
}

static struct buffer names, extensions, key;

#define OID_RSA "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
#define OID_EC  "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"

/* SubjectPublicKeyInfo: an algorithm, and octets of a point, or modulus and exponent */
static void key_of(const char *oid, const void *bytes, size_t len)
{
    static struct buffer bits;

    key.len = bits.len = 0;
    element(&key, STS_DER_SEQUENCE, oid, strlen(oid));
    put(&bits, "", 1);
    put(&bits, bytes, len);
    wrap(&key, STS_DER_BITS, &bits);
}

static void rsa_key(size_t bits, const void *exponent, size_t len)
{
    static struct buffer modulus, numbers, list;

    modulus.len = numbers.len = list.len = 0;
    put(&modulus, "", bits % 8 == 0);
    memset(modulus.bytes + modulus.len, 0xff, (bits + 7) / 8);
    modulus.bytes[modulus.len] = (uint8_t)(0xffu >> (8 - bits % 8) % 8);
    modulus.len += (bits + 7) / 8;
    wrap(&numbers, STS_DER_INTEGER, &modulus);
    element(&numbers, STS_DER_INTEGER, exponent, len);
    wrap(&list, STS_DER_SEQUENCE, &numbers);
    key_of(OID_RSA, list.bytes, list.len);
}

static void begin(void)
{
    static const uint8_t point[65] = {4};

    names.len = extensions.len = 0;
    key_of(OID_EC, point, sizeof point);
}

static void dns_name(const void *text, size_t len)
{
    element(&names, 0x82, text, len);
}

/* A certificate with these extensions; not signed, since none of this looks at signatures. */
static const struct buffer *certificate_of(const char *subject, const char *issuer)
{
    static struct buffer cert, tbs, part, list;
    static const uint8_t validity[] = "\x17\x0d"
                                      "260101000000Z"
                                      "\x18\x0f"
                                      "20301231235959Z";

    cert.len = tbs.len = 0;
    element(&tbs, 0xa0, "\x02\x01\x02", 3);
    element(&tbs, STS_DER_INTEGER, "\x07", 1);
    element(&tbs, STS_DER_SEQUENCE, "\x06\x01\x2a", 3);
    element(&tbs, STS_DER_SEQUENCE, issuer, strlen(issuer));
    element(&tbs, STS_DER_SEQUENCE, validity, sizeof validity - 1);
    element(&tbs, STS_DER_SEQUENCE, subject, strlen(subject));
    wrap(&tbs, STS_DER_SEQUENCE, &key);
    list.len = 0;
    wrap(&list, STS_DER_SEQUENCE, &extensions);
    wrap(&tbs, 0xa3, &list);
    part.len = 0;
    wrap(&part, STS_DER_SEQUENCE, &tbs);
    wrap(&cert, STS_DER_SEQUENCE, &part);
    return &cert;
}

static const struct buffer *certificate(void)
{
    static struct buffer list;

    if (names.len > 0) {
        list.len = 0;
        wrap(&list, STS_DER_SEQUENCE, &names);
        extension(&extensions, STS_EXT_ALT_NAME, list.bytes, list.len);
    }
    return certificate_of("s", "i");
}

static int one_name(const void *name, size_t len, const char *host)
{
    const struct buffer *c;

    begin();
    dns_name(name, len);
    c = certificate();
    return sts_identity_check(c->bytes, c->len, host);
}

#define NAME(name, host) one_name(BYTES(name), host)

/* ---- names ----------------------------------------------------------------------------------------- */

TEST(r081_x07_the_name_itself_is_a_match)
{
    CHECK(NAME("mx.victim.example", "mx.victim.example") == STS_OK);
    CHECK(NAME("mx.victim.example", "mx.other.example") == STS_ERR_CERT_HOST);
    CHECK(NAME("victim.example", "mx.victim.example") == STS_ERR_CERT_HOST);
    CHECK(NAME("a.mx.victim.example", "mx.victim.example") == STS_ERR_CERT_HOST);
    CHECK(NAME("evilmx.victim.example", "mx.victim.example") == STS_ERR_CERT_HOST);
    CHECK(NAME("localhost", "localhost") == STS_OK);
}

TEST(x13_case_does_not_matter)
{
    CHECK(NAME("MX.Victim.EXAMPLE", "mx.victim.example") == STS_OK);
    CHECK(NAME("XN--BCHER-KVA.example", "xn--bcher-kva.example") == STS_OK);
    CHECK(NAME("b\303\274cher.example", "xn--bcher-kva.example") == STS_ERR_CERT_HOST);
}

/* "*" is the whole left-most label and stands for one label. */
TEST(r032_x09_wildcard_is_one_whole_label)
{
    CHECK(NAME("*.victim.example", "mx.victim.example") == STS_OK);
    CHECK(NAME("*.v.example", "mx.v.example") == STS_OK);
    CHECK(NAME("*.VICTIM.example", "mx.victim.example") == STS_OK);
    CHECK(NAME("*.victim.example", "a.mx.victim.example") == STS_ERR_CERT_HOST);
    CHECK(NAME("*.victim.example", "victim.example") == STS_ERR_CERT_HOST);
    CHECK(NAME("*.victim.example", ".victim.example") == STS_ERR_CERT_HOST);
}

TEST(x08_wildcards_anywhere_else_are_no_names)
{
    static const char *const bad[] = {
        "m*.victim.example",
        "*x.victim.example",
        "mx.*.example",
        "*.*.example",
        "mx.victim.*",
        "*.*",
        "*",
        "*.",
        "**.victim.example",
        "*mx.victim.example",
        "mx.v*m.example",
        "*..example",
        "*.example.",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(one_name(bad[i], strlen(bad[i]), "mx.victim.example") == STS_ERR_CERT_HOST);
        CHECK(one_name(bad[i], strlen(bad[i]), bad[i]) == STS_ERR_CERT_HOST);
    }
}

TEST(x10_wildcard_under_a_top_level_domain_is_no_name)
{
    CHECK(NAME("*.example", "victim.example") == STS_ERR_CERT_HOST);
    CHECK(NAME("*.example", "mx.victim.example") == STS_ERR_CERT_HOST);
}

TEST(x11_octets_that_no_host_name_has_are_no_match)
{
    CHECK(NAME("mx.victim.example\0.evil.example", "mx.victim.example") == STS_ERR_CERT_HOST);
    CHECK(NAME("mx.victim.example\0", "mx.victim.example") == STS_ERR_CERT_HOST);
    CHECK(NAME("mx.victim.example ", "mx.victim.example") == STS_ERR_CERT_HOST);
    CHECK(NAME("*\0.victim.example", "mx.victim.example") == STS_ERR_CERT_HOST);
    CHECK(NAME("", "mx.victim.example") == STS_ERR_CERT_HOST);
    CHECK(NAME("", "") == STS_ERR_CERT_HOST);
    for (unsigned c = 0; c < 256; c++) {
        char name[] = "m?.victim.example";
        bool host_octet =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';

        name[1] = (char)c;
        if (c != 0 && c != '.') {
            CHECK((one_name(name, sizeof name - 1, name) == STS_OK) == host_octet);
        }
    }
}

TEST(x11_labels_and_names_have_a_longest_length)
{
    char label[64 + 9] = "", name[300] = "";

    memset(label, 'a', 63);
    memcpy(label + 63, ".example", 9);
    CHECK(one_name(label, strlen(label), label) == STS_OK);
    memset(label, 'a', 64);
    memcpy(label + 64, ".example", 9);
    CHECK(one_name(label, strlen(label), label) == STS_ERR_CERT_HOST);
    for (int i = 0; i < 127; i++) {
        memcpy(name + 2 * i, "a.", 2);
    }
    name[253] = '\0'; /* 127 labels */
    CHECK(one_name(name, 253, name) == STS_OK);
    memcpy(name + 253, "a", 2);
    CHECK(one_name(name, 254, name) == STS_ERR_CERT_HOST);
}

TEST(x12_addresses_are_no_names)
{
    CHECK(NAME("192.0.2.1", "192.0.2.1") == STS_ERR_CERT_HOST);
    CHECK(NAME("*.0.2.1", "192.0.2.1") == STS_ERR_CERT_HOST);
    CHECK(NAME("2001:db8::1", "2001:db8::1") == STS_ERR_CERT_HOST);
    CHECK(NAME("1", "1") == STS_ERR_CERT_HOST);
    CHECK(NAME("mx1", "mx1") == STS_OK);
    CHECK(!sts_identity_is_name("192.0.2.0") && !sts_identity_is_name("192.0.2.9") &&
          !sts_identity_is_name("192.0.2.90"));
    CHECK(!sts_identity_is_name("192.0.2.1") && !sts_identity_is_name("::1") &&
          sts_identity_is_name("a.b1"));
    CHECK(NAME("a.1b", "a.1b") == STS_OK);
}

TEST(x14_a_root_dot_is_no_part_of_a_name)
{
    CHECK(NAME("mx.victim.example.", "mx.victim.example") == STS_ERR_CERT_HOST);
    CHECK(NAME("mx.victim.example.", "mx.victim.example.") == STS_ERR_CERT_HOST);
    CHECK(NAME("mx.victim.example", "mx.victim.example.") == STS_ERR_CERT_HOST);
    CHECK(NAME(".victim.example", "mx.victim.example") == STS_ERR_CERT_HOST);
    CHECK(NAME("mx..example", "mx..example") == STS_ERR_CERT_HOST);
    CHECK(!sts_identity_is_name("mx..example") && !sts_identity_is_name(".mx.example"));
}

TEST(r031_x05_x06_without_a_dns_name_there_is_no_match)
{
    const struct buffer *c;

    begin();
    c = certificate();
    CHECK(sts_identity_check(c->bytes, c->len, "mx.victim.example") == STS_ERR_CERT_HOST);
    for (unsigned tag = 0x80; tag < 0x89; tag++) {
        begin();
        element(&names, (uint8_t)tag, BYTES("mx.victim.example"));
        c = certificate();
        CHECK((sts_identity_check(c->bytes, c->len, "mx.victim.example") == STS_OK) ==
              (tag == 0x82));
    }
}

TEST(x11_the_last_of_many_names_counts)
{
    const struct buffer *c;

    begin();
    for (int i = 0; i < 100; i++) {
        dns_name(BYTES("n.other.example"));
    }
    dns_name(BYTES("mx.victim.example"));
    c = certificate();
    CHECK(sts_identity_check(c->bytes, c->len, "mx.victim.example") == STS_OK);
}

/* Names that cannot be read to their end are none, whatever the readable ones were. */
TEST(x11_a_list_of_names_that_breaks_off_is_refused)
{
    const struct buffer *c;

    for (int more = 0; more < 2; more++) {
        begin();
        if (more) {
            dns_name(BYTES("n.other.example"));
        }
        put(&names,
            "\x82\x7f"
            "mx.victim.example",
            19); /* more octets than there are */
        c = certificate();
        CHECK(sts_identity_check(c->bytes, c->len, "mx.victim.example") == STS_ERR_TLS);
    }
}

TEST(x20_two_lists_of_names_are_none)
{
    const struct buffer *c;

    begin();
    dns_name(BYTES("mx.victim.example"));
    (void)certificate();
    c = certificate(); /* adds the extension again */
    CHECK(sts_identity_check(c->bytes, c->len, "mx.victim.example") == STS_ERR_TLS);
}

/* No cut or flipped certificate is ever read beyond its end, and none but the whole one matches. */
TEST(x11_cut_certificates_are_refused)
{
    static uint8_t copy[4096];
    const struct buffer *c;

    begin();
    dns_name(BYTES("mx.victim.example"));
    c = certificate();
    for (size_t len = 0; len < c->len; len++) {
        memcpy(copy + sizeof copy - len, c->bytes, len);
        CHECK(sts_identity_check(copy + sizeof copy - len, len, "mx.victim.example") ==
              STS_ERR_TLS);
    }
    for (size_t bit = 0; bit < c->len * 8; bit++) {
        memcpy(copy, c->bytes, c->len);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        (void)sts_identity_check(copy, c->len, "mx.victim.example");
        (void)sts_identity_usage(copy, c->len);
    }
}

TEST(x11_lengths_are_in_their_shortest_form)
{
    struct sts_der d, v;
    uint8_t tag;

    static const struct {
        const char *bytes;
        size_t len;
        bool good;
    } cases[] = {
        {"\x04\x00", 2, true},
        {"\x04\x01", 2, false},
        {"\x04\x80", 2, false},
        {"\x04\x81\x01x", 4, false},
        {"\x04\x84\0\0\0\0", 6, false},
        {"\x1f\x01x", 3, false},
        {"\x04\x82\x00\x01x", 5, false},
        {"\x04", 1, false},
        {"", 0, false},
        {"\x04\x82\x01", 3, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        d.at = (const uint8_t *)cases[i].bytes;
        d.end = d.at + cases[i].len;
        CHECK(sts_der_next(&d, &tag, &v) == cases[i].good);
    }
}

/* ---- usage ------------------------------------------------------------------------------------------- */

static int usage_of(const char *subject, const char *issuer)
{
    const struct buffer *c = certificate_of(subject, issuer);

    return sts_identity_usage(c->bytes, c->len);
}

TEST(x19_key_usage_has_to_allow_signatures)
{
    begin();
    CHECK(usage_of("s", "i") == STS_OK);
    extension(&extensions, STS_EXT_KEY_USAGE, BYTES("\x03\x02\x07\x80"));
    CHECK(usage_of("s", "i") == STS_OK);
    begin();
    extension(&extensions, STS_EXT_KEY_USAGE, BYTES("\x03\x02\x02\x04"));
    CHECK(usage_of("s", "i") == STS_ERR_TLS);
    begin();
    extension(&extensions, STS_EXT_KEY_USAGE, BYTES("\x03\x02\x05\x20"));
    CHECK(usage_of("s", "i") == STS_ERR_TLS);
    begin();
    extension(&extensions, STS_EXT_KEY_USAGE, BYTES("\x03\x01\x00"));
    CHECK(usage_of("s", "i") == STS_ERR_TLS);
}

TEST(x19_extended_key_usage_has_to_be_a_servers)
{
    static const uint8_t server[] = "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01";
    static const uint8_t client[] = "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02";
    static const uint8_t both[] =
        "\x30\x14\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01";
    static const uint8_t any[] = "\x30\x06\x06\x04\x55\x1d\x25\x00";

    begin();
    extension(&extensions, STS_EXT_EXT_KEY_USAGE, server, sizeof server - 1);
    CHECK(usage_of("s", "i") == STS_OK);
    begin();
    extension(&extensions, STS_EXT_EXT_KEY_USAGE, both, sizeof both - 1);
    CHECK(usage_of("s", "i") == STS_OK);
    begin();
    extension(&extensions, STS_EXT_EXT_KEY_USAGE, any, sizeof any - 1);
    CHECK(usage_of("s", "i") == STS_OK);
    begin();
    extension(&extensions, STS_EXT_EXT_KEY_USAGE, client, sizeof client - 1);
    CHECK(usage_of("s", "i") == STS_ERR_TLS);
    extension(&extensions, STS_EXT_EXT_KEY_USAGE, server, sizeof server - 1);
    CHECK(usage_of("s", "i") == STS_ERR_TLS); /* X20: twice */
    begin();
    extension(&extensions, STS_EXT_EXT_KEY_USAGE, BYTES("\x04\x00"));
    CHECK(usage_of("s", "i") == STS_ERR_TLS);
}

TEST(x19_a_ca_is_a_server_only_by_its_own_word)
{
    begin();
    extension(&extensions, STS_EXT_CONSTRAINTS, BYTES("\x30\x03\x01\x01\xff"));
    CHECK(usage_of("s", "i") == STS_ERR_TLS);
    CHECK(usage_of("s", "s") == STS_OK);
    begin();
    extension(&extensions, STS_EXT_CONSTRAINTS, BYTES("\x30\x00"));
    CHECK(usage_of("s", "i") == STS_OK);
}

TEST(x21_weak_keys_are_refused)
{
    static const uint8_t point[97] = {4};

    begin();
    key_of(OID_EC, point, 97);
    CHECK(usage_of("s", "i") == STS_OK);
    key_of(OID_EC, point, 57); /* P-224 */
    CHECK(usage_of("s", "i") == STS_ERR_TLS);
    key_of(OID_EC, point, 0);
    CHECK(usage_of("s", "i") == STS_ERR_TLS);
    key_of("\x06\x03\x2b\x65\x70", point, 97); /* Ed25519 */
    CHECK(usage_of("s", "i") == STS_ERR_TLS);
    rsa_key(2048, "\x01\x00\x01", 3);
    CHECK(usage_of("s", "i") == STS_OK);
    rsa_key(2049, "\x03", 1);
    CHECK(usage_of("s", "i") == STS_OK);
    rsa_key(2047, "\x01\x00\x01", 3);
    CHECK(usage_of("s", "i") == STS_ERR_TLS);
    rsa_key(1024, "\x01\x00\x01", 3);
    CHECK(usage_of("s", "i") == STS_ERR_TLS);
    rsa_key(2048, "\x01", 1);
    CHECK(usage_of("s", "i") == STS_ERR_TLS);
    rsa_key(2048, "\x00\x01", 2);
    CHECK(usage_of("s", "i") == STS_ERR_TLS);
    rsa_key(2048, "\x04", 1);
    CHECK(usage_of("s", "i") == STS_ERR_TLS);
    rsa_key(2048, "", 0);
    CHECK(usage_of("s", "i") == STS_ERR_TLS);
}

/* ---- dates ------------------------------------------------------------------------------------------- */

static bool date(const char *text, uint8_t tag, int64_t *seconds)
{
    static struct buffer cert, tbs, part, validity;
    struct sts_cert c;

    cert.len = tbs.len = part.len = validity.len = 0;
    element(&validity, tag, text, strlen(text));
    element(&validity, tag, text, strlen(text));
    element(&tbs, 0xa0, "\x02\x01\x02", 3);
    element(&tbs, STS_DER_INTEGER, "\x07", 1);
    element(&tbs, STS_DER_SEQUENCE, "", 0);
    element(&tbs, STS_DER_SEQUENCE, "", 0);
    wrap(&tbs, STS_DER_SEQUENCE, &validity);
    element(&tbs, STS_DER_SEQUENCE, "", 0);
    element(&tbs, STS_DER_SEQUENCE, "", 0);
    wrap(&part, STS_DER_SEQUENCE, &tbs);
    wrap(&cert, STS_DER_SEQUENCE, &part);
    if (sts_cert_read(&c, cert.bytes, cert.len) != STS_OK) {
        return false;
    }
    *seconds = c.from_s;
    return c.from_s == c.until_s;
}

TEST(x15_dates_are_seconds_since_1970)
{
    int64_t s;

    CHECK(date("700101000000Z", STS_DER_UTC_TIME, &s) && s == 0);
    CHECK(date("000229235959Z", STS_DER_UTC_TIME, &s) && s == 951868799);
    CHECK(date("491231235959Z", STS_DER_UTC_TIME, &s) && s == 2524607999);
    CHECK(date("500101000000Z", STS_DER_UTC_TIME, &s) && s == -631152000);
    CHECK(date("20500101000000Z", STS_DER_TIME, &s) && s == 2524608000);
    CHECK(date("99991231235959Z", STS_DER_TIME, &s) && s == 253402300799);
    CHECK(date("20240301000000Z", STS_DER_TIME, &s) && s == 1709251200);
    CHECK(!date("20240301000000+", STS_DER_TIME, &s));
    CHECK(!date("202403010000Z", STS_DER_TIME, &s));
    CHECK(!date("2403010000Z", STS_DER_UTC_TIME, &s));
    CHECK(!date("24030100000xZ", STS_DER_UTC_TIME, &s));
    CHECK(!date("x40301000000Z", STS_DER_UTC_TIME, &s));
}

/* ---- records ------------------------------------------------------------------------------------------ */

#define HELLO "\x16\x03\x03\x00\x06\x02\x00\x00\x02hi"
#define CERT                                                                                       \
    "\x16\x03\x03\x00\x05\x0b\x00\x00\x01"                                                         \
    "c"
#define DONE   "\x16\x03\x03\x00\x04\x0e\x00\x00\x00"
#define CHANGE "\x14\x03\x03\x00\x01\x01"
#define SECRET                                                                                     \
    "\x17\x03\x03\x00\x14"                                                                         \
    "12345678901234567890"
#define SEALED                                                                                     \
    "\x16\x03\x03\x00\x14"                                                                         \
    "12345678901234567890"

/* The same verdict in every split. `sent`: our second flight is out. */
static bool passes(const void *bytes, size_t len, bool tls13, bool sent)
{
    bool whole, cut;
    struct sts_gate g = {.sent_change = sent};

    whole = sts_gate_in(&g, bytes, len, tls13, false);
    for (size_t at = 0; at <= len; at++) {
        memset(&g, 0, sizeof g);
        g.sent_change = sent;
        cut = sts_gate_in(&g, bytes, at, tls13, false);
        cut = sts_gate_in(&g, (const uint8_t *)bytes + at, len - at, tls13, false) && cut;
        CHECK(cut == whole);
    }
    return whole;
}

#define PASSES(bytes, tls13, sent) passes(BYTES(bytes), tls13, sent)

TEST(x25_a_handshake_in_order_passes)
{
    CHECK(PASSES(HELLO CERT DONE, false, false));
    CHECK(PASSES(HELLO CERT DONE CHANGE SEALED SECRET, false, true));
    CHECK(PASSES(HELLO CHANGE SECRET SECRET, true, false));
    CHECK(PASSES(HELLO CHANGE HELLO CHANGE SECRET, true, false)); /* HelloRetryRequest */
    CHECK(PASSES(HELLO SECRET CHANGE SECRET, true, false));
}

TEST(x25_a_handshake_out_of_order_does_not)
{
    CHECK(!PASSES(CERT, false, false));
    CHECK(!PASSES(DONE, false, false));
    CHECK(!PASSES(HELLO HELLO, false, false));
    CHECK(!PASSES(HELLO HELLO HELLO, true, false));
    CHECK(!PASSES(HELLO CERT CERT, false, false));
    CHECK(!PASSES(HELLO DONE CERT, false, false));
    CHECK(!PASSES("\x16\x03\x03\x00\x04\x00\x00\x00\x00", false, false)); /* HelloRequest */
    CHECK(!PASSES("\x16\x03\x03\x00\x04\x14\x00\x00\x00", false, false)); /* Finished */
}

/* CVE-2026-93304: a ChangeCipherSpec before our key exchange. */
TEST(x25_no_change_of_cipher_before_its_time)
{
    CHECK(!PASSES(CHANGE, false, false));
    CHECK(!PASSES(CHANGE, true, false));
    CHECK(!PASSES(HELLO CHANGE, false, false));
    CHECK(!PASSES(HELLO CHANGE, false, true));
    CHECK(!PASSES(HELLO CERT DONE CHANGE, false, false));
    CHECK(!PASSES(HELLO CERT DONE CHANGE CHANGE, false, true));
    CHECK(!PASSES(HELLO CHANGE CHANGE CHANGE, true, false));
    CHECK(!PASSES("\x16\x03\x03\x00\x03\x02\x00\x00" CHANGE, true, false)); /* inside a message */
    CHECK(!PASSES(HELLO "\x14\x03\x03\x00\x02\x01\x01", true, false));
}

TEST(x27_nothing_in_clear_once_encryption_is_on)
{
    CHECK(!PASSES(SECRET, true, false));
    CHECK(!PASSES(HELLO SECRET, false, false));
    CHECK(!PASSES(HELLO SECRET HELLO, true, false));
    CHECK(!PASSES(HELLO SECRET "\x15\x03\x03\x00\x02\x01\x00", true, false));
    CHECK(!PASSES(HELLO SECRET "\x17\x03\x03\x00\x0f"
                               "123456789012345",
                  true, false));
    CHECK(!PASSES(HELLO CERT DONE CHANGE "\x16\x03\x03\x00\x04\x0e\x00\x00\x00", false, true));
}

TEST(x26_headers_are_held_to_the_letter)
{
    CHECK(!PASSES("\x16\x02\x00\x00\x06", false, false));
    CHECK(!PASSES("\x16\x03\x05\x00\x06", false, false));
    CHECK(!PASSES("\x16\x03\x03\x00\x00", false, false));
    CHECK(!PASSES("\x16\x03\x03\x40\x01", false, false));
    CHECK(PASSES("\x16\x03\x03\x40\x00", false, false));
    CHECK(!PASSES("220 mx.victim.example", false, false));
    for (unsigned type = 0; type < 256; type++) {
        const uint8_t head[5] = {(uint8_t)type, 3, 3, 0, 2};

        CHECK(passes(head, sizeof head, false, false) == (type == 21 || type == 22));
    }
}

TEST(x26_the_limits_themselves_are_allowed)
{
    CHECK(PASSES("\x16\x03\x01\x00\x06", false, false));
    CHECK(PASSES("\x16\x03\x04\x00\x06", false, false));
    CHECK(!PASSES("\x16\x02\x03\x00\x06", false, false));
    CHECK(PASSES("\x16\x03\x03\x00\x01\x02", false, false));
    CHECK(PASSES("\x16\x03\x03\x00\x04\x02\x01\x00\x00", false, false)); /* 64 KiB */
    CHECK(!PASSES(HELLO "\x16\x03\x03\x00\x04\x14\x00\x00\x00", false, false));
    CHECK(PASSES(HELLO "\x17\x03\x03\x00\x11", true, false)); /* one octet and its tag */
    CHECK(!PASSES(HELLO "\x17\x03\x03\x00\x10", true, false));
    CHECK(PASSES(HELLO "\x17\x03\x03\x48\x00", true, false));
    CHECK(!PASSES(HELLO "\x17\x03\x03\x48\x01", true, false));
}

TEST(x27_encrypted_records_have_their_limits_too)
{
    CHECK(PASSES(HELLO SECRET "\x17\x03\x03\x00\x10", true, false));
    CHECK(PASSES(HELLO SECRET "\x17\x03\x03\x48\x00", true, false));
    CHECK(!PASSES(HELLO SECRET "\x17\x03\x03\x48\x01", true, false));
    CHECK(!PASSES(HELLO SECRET "\x15\x03\x03\x00\x14", true, false));
    CHECK(!PASSES(HELLO SECRET SEALED, true, false));
    CHECK(PASSES(HELLO CERT DONE CHANGE "\x15\x03\x03\x00\x14", false, true));
    CHECK(!PASSES(HELLO CERT DONE CHANGE "\x18\x03\x03\x00\x14", false, true));
}

TEST(x26_few_warnings_pass)
{
#define WARNING "\x15\x03\x03\x00\x02\x01\x64"
    CHECK(PASSES(WARNING WARNING WARNING WARNING, false, false));
    CHECK(!PASSES(WARNING WARNING WARNING WARNING WARNING, false, false));
    CHECK(!PASSES("\x15\x03\x03\x00\x03\x01\x64\x00", false, false));
    CHECK(!PASSES("\x16\x03\x03\x00\x03\x02\x00\x00" WARNING, false, false));
}

TEST(x24_handshakes_in_clear_have_an_end)
{
    static uint8_t zeros[16384];
    struct sts_gate g;

    memset(&g, 0, sizeof g);
    CHECK(sts_gate_in(&g, BYTES(HELLO "\x16\x03\x03\x40\x00\x0b\x00\xff\x00"), false, false));
    CHECK(sts_gate_in(&g, zeros, 16380, false, false));
    for (int i = 0; i < 2; i++) {
        CHECK(sts_gate_in(&g, BYTES("\x16\x03\x03\x40\x00"), false, false));
        CHECK(sts_gate_in(&g, zeros, 16384, false, false));
    }
    CHECK(!sts_gate_in(&g, BYTES("\x16\x03\x03\x40\x00"), false, false)); /* 64 KiB and a hello */
    CHECK(!sts_gate_in(&g, BYTES(""), false, false));                     /* for good */
    memset(&g, 0, sizeof g);
    CHECK(!sts_gate_in(&g, BYTES("\x16\x03\x03\x00\x04\x02\x01\x00\x01"), false, false));
}

TEST(x24_64_kib_of_handshake_is_allowed_and_not_one_octet_more)
{
    static uint8_t zeros[16384];
    struct sts_gate g = {0};

    CHECK(sts_gate_in(&g, BYTES("\x16\x03\x03\x40\x00\x02\x00\xff\xfc"), false, false));
    CHECK(sts_gate_in(&g, zeros, 16380, false, false));
    for (int i = 0; i < 3; i++) {
        CHECK(sts_gate_in(&g, BYTES("\x16\x03\x03\x40\x00"), false, false));
        CHECK(sts_gate_in(&g, zeros, 16384, false, false));
    }
    CHECK(!sts_gate_in(&g, BYTES("\x16\x03\x03\x00\x01"), false, false));
}

TEST(x25_our_own_long_record_is_passed_over_whole)
{
    uint8_t flight[5 + 300 + 6] = {0x16, 3, 3, 1, 0x2c};

    memset(flight + 5, 0x14, 300);
    memcpy(flight + 305, CHANGE, 6);
    for (size_t at = 0; at <= sizeof flight; at++) {
        struct sts_gate g = {0};

        sts_gate_out(&g, flight, at);
        CHECK(g.sent_change == (at >= 310));
        sts_gate_out(&g, flight + at, sizeof flight - at);
        CHECK(g.sent_change);
    }
}

TEST(x25_our_own_change_of_cipher_is_seen_in_any_split)
{
    static const char flight[] = "\x16\x03\x03\x00\x06\x10\x00\x00\x02\x14\x03" CHANGE SEALED;

    for (size_t at = 0; at < sizeof flight - 1; at++) {
        struct sts_gate g = {0};

        sts_gate_out(&g, (const uint8_t *)flight, at);
        CHECK(g.sent_change == (at >= 11 + 5));
        sts_gate_out(&g, (const uint8_t *)flight + at, sizeof flight - 1 - at);
        CHECK(g.sent_change);
    }
}

TEST_MAIN("identity")
