/* SPDX-License-Identifier: MIT
 *
 * The parts of this port that know nothing of wolfSSL: certificates (der.c, identity.c), trust anchors (root.c), the
 * table of them (table.c, build.c), CA files (pem.c) and records (gate.c).
 */
#ifndef STS_WOLFSSL_CERT_H
#define STS_WOLFSSL_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stsmail/error.h>

/* ---- DER ---------------------------------------------------------------------------------- */

/* Bytes from `at` up to `end`. */
struct sts_der {
    const uint8_t *at, *end;
};

enum {
    STS_DER_BOOLEAN = 0x01,
    STS_DER_INTEGER = 0x02,
    STS_DER_BITS = 0x03,
    STS_DER_OCTETS = 0x04,
    STS_DER_OID = 0x06,
    STS_DER_UTC_TIME = 0x17,
    STS_DER_TIME = 0x18,
    STS_DER_SEQUENCE = 0x30,
};

/* The last octet of the object identifiers 2.5.29.x (id-ce) of extensions. */
enum {
    STS_EXT_KEY_ID = 14,
    STS_EXT_KEY_USAGE = 15,
    STS_EXT_ALT_NAME = 17,
    STS_EXT_CONSTRAINTS = 19,
    STS_EXT_NAME_CONSTRAINTS = 30,
    STS_EXT_ISSUER_KEY_ID = 35,
    STS_EXT_EXT_KEY_USAGE = 37,
};

/* Takes the next element off d: its tag, and its contents (which may be d itself: then d is what is in the
 * element). False at the end, and where d is no DER. */
bool sts_der_next(struct sts_der *d, uint8_t *tag, struct sts_der *contents);
/* The same, where the tag has to be the given one. */
bool sts_der_take(struct sts_der *d, uint8_t tag, struct sts_der *contents);
bool sts_der_equal(const struct sts_der *a, const struct sts_der *b);

/* The parts of a certificate that this port looks at. */
struct sts_cert {
    struct sts_der issuer, subject; /* whole elements */
    int64_t from_s, until_s;        /* seconds since 1970, both inclusive */
    struct sts_der key;             /* SubjectPublicKeyInfo: the elements of the sequence */
    struct sts_der extensions;      /* the elements of the sequence; empty where there are none */
};

/* STS_OK or STS_ERR_SYNTAX. */
int sts_cert_read(struct sts_cert *c, const uint8_t *der, size_t len);
/* The value of an extension: 1, or 0 where there is none, or -1 where extensions are malformed or there are
 * two of it (RFC 5280 4.2). */
int sts_cert_extension(const struct sts_cert *c, uint8_t id, struct sts_der *value);
/* Whether there is an extension that is critical and none of those that this port judges (RFC 5280 4.2). */
bool sts_cert_has_unknown(const struct sts_cert *c);
bool sts_cert_is_ca(const struct sts_cert *c);
/* The most CAs that may stand below this one (RFC 5280 4.2.1.9); STS_PATH_ANY where it sets no limit. */
#define STS_PATH_ANY 127
uint8_t sts_cert_path(const struct sts_cert *c);
/* The identifier of its own key, or of its issuer's; empty where there is none. */
struct sts_der sts_cert_key_id(const struct sts_cert *c);
struct sts_der sts_cert_issuer_key_id(const struct sts_cert *c);
/* Whether the key usage allows all of `bits` (first octet of the bit string); true without the extension. */
bool sts_cert_key_usage(const struct sts_cert *c, uint8_t bits);

/* Whether the public key is RSA of 2048 bits or more with a sound exponent, or on a curve of 256 bits or
 * more. */
bool sts_cert_key_strong(const struct sts_cert *c);
/* The RSAPublicKey in it; false where the key is no RSA key. */
bool sts_cert_key_rsa(const struct sts_cert *c, struct sts_der *key);

#define STS_KEY_USAGE_SIGNATURE 0x80u
#define STS_KEY_USAGE_CERT_SIGN 0x04u

/* ---- identity ------------------------------------------------------------------------------- */

/* Whether the DNS-IDs of a certificate stand for the host (RFC 6125 6.4, RFC 8461 4.2). STS_OK,
 * STS_ERR_CERT_HOST, or STS_ERR_TLS where the certificate cannot be read. */
int sts_identity_check(const uint8_t *der, size_t len, const char *host);
/* Whether host (NUL-ended) can be a DNS-ID at all: a host name, no address, without a root dot. */
bool sts_identity_is_name(const char *host);
/* Whether its extended key usage, if there is one, is for TLS servers (among others). */
bool sts_identity_serves(const struct sts_cert *cert);
/* Whether it may issue a server's certificate, or another such CA's. */
bool sts_identity_issues(const struct sts_cert *cert);
/* Whether it may be a TLS server's. STS_OK or STS_ERR_TLS. */
int sts_identity_usage(const uint8_t *der, size_t len);

/* ---- trust anchors -------------------------------------------------------------------------- */

enum {
    STS_ROOT_RSA = 1, /* an anchor; key is its RSAPublicKey (RFC 8017 A.1.1) */
    STS_ROOT_EC = 2,  /* an anchor; key is its SubjectPublicKeyInfo */
    STS_ROOT_CERT =
        3, /* key is the certificate: another's, or one that says more than the above can hold */
};

/* What of a CA's certificate is needed to verify what it issued. */
struct sts_root {
    uint8_t kind;
    uint8_t path;            /* most CAs below it */
    int64_t from_s, until_s; /* both inclusive */
    struct sts_der key_id;   /* empty: none, or it is in the certificate */
    struct sts_der key;
};

/* The root in a certificate. STS_OK; STS_ERR_SYNTAX where it is none, STS_ERR_CERT_TRUST where it is no CA's that
 * could have issued a server's certificate. *cert is what it was read as. */
int sts_root_read(struct sts_root *r, struct sts_cert *cert, const uint8_t *der, size_t len);

/* ---- the table of them ----------------------------------------------------------------------
 *
 * All roots of a CA file in one read-only piece, to be linked into flash and used where it lies. All numbers have
 * their least octet first; nothing is aligned.
 *
 *      0   4  "STSR"
 *      4   1  version of the format: 1
 *      5   1  octets of an entry: 36
 *      6   2  n, the number of entries
 *      8   4  octets of the whole table
 *     12   4  CRC-32 (ISO-HDLC, as in zip) of the octets 0 to 11 and of all behind this field
 *     16  36  n times, an entry:
 *               0  20  the first octets of the SHA-256 of the subject, a Name (RFC 5280 4.1.2.6)
 *              20   4  valid from, seconds since 1970; a date before that: 0
 *              24   4  valid until; 2^32-1: any time from 2106 on
 *              28   3  where its data begin, counted from the end of the last entry
 *              31   2  octets of the key
 *              33   1  octets of the key identifier, which stands before the key; 0: none
 *              34   1  kind of key: 1, 2 or 3, see enum above
 *              35   1  most CAs below (RFC 5280 4.2.1.9); 127: no limit
 *  16+36n      data: of each entry the key identifier (RFC 5280 4.2.1.2), then the key
 *
 * Entries stand in the order of their hash; those of one subject in the order of the CA file. Twenty octets will
 * do: whoever found another name with that hash would still need the root's private key. What a root cannot be held
 * to by these fields (name constraints, critical extensions that we do not know, a key on no named curve), and a CA that
 * another one issued, is kept as its whole certificate, which wolfSSL judges when a chain asks for it. A certificate
 * that may not issue servers' certificates is in no table.
 */
#define STS_TABLE_HEAD  16u
#define STS_TABLE_ENTRY 36u
#define STS_TABLE_HASH  20u /* octets of a subject's hash that are kept */

struct sts_table {
    const uint8_t *at;
    size_t count;
};

/* STS_OK, or STS_ERR_SYNTAX: it was cut, or changed, or is another version. Octets behind it do not matter. After
 * this, every place of *t is inside it. */
int sts_table_open(struct sts_table *t, const void *bytes, size_t len);
/* The n-th root of a subject, of which the hash is given (STS_TABLE_HASH octets of it count). Points into the table. */
bool sts_table_find(const struct sts_table *t, const uint8_t *hash, size_t n, struct sts_root *r);
/* Entry number i; hash may be NULL. */
bool sts_table_entry(const struct sts_table *t, size_t i, struct sts_root *r, const uint8_t **hash);
void sts_table_seal(uint8_t *table, size_t count, size_t len);

/* SHA-256; 0, or an error. */
typedef int sts_sha256(const uint8_t *bytes, uint32_t len, uint8_t out[32]);

struct sts_wolfssl_made;
/* As sts_wolfssl_table_make() of stsmail/wolfssl.h. */
int sts_table_build(const char *pem, size_t len, void *out, size_t size, sts_sha256 *sha256,
                    struct sts_wolfssl_made *made);

/* ---- CA files ------------------------------------------------------------------------------- */

/* The base64 text of one certificate. Where all its lines are as long as the first, `line` says how long,
 * and any octet can be found without reading those before it. */
struct sts_pem {
    const char *text;
    size_t len;
    size_t line; /* characters of a line without its end; 0: lines differ */
    size_t eol;  /* characters of a line's end */
    size_t size; /* octets of the certificate, as its own header says */
};

/* One element: its tag, where it begins, where its contents begin and end. */
struct sts_place {
    int tag;
    size_t at, in, end;
};

/* Where the next "-----BEGIN CERTIFICATE-----" is, at or behind `at`; NULL where there is none. */
const char *sts_pem_begin(const char *at, const char *end);
/* The next certificate of the text at or behind *at. */
bool sts_pem_next(const char **at, const char *end, struct sts_pem *b);
/* Octets from number `from` on. Returns how many of n there are. */
size_t sts_pem_copy(const struct sts_pem *b, size_t from, size_t n, uint8_t *out);
/* The element that begins at octet `at`; false where there is none, or it is longer than 64 KiB. */
bool sts_pem_place(const struct sts_pem *b, size_t at, struct sts_place *p);

/* ---- gate ----------------------------------------------------------------------------------- */

struct sts_gate {
    uint8_t head[5], have; /* of the record */
    uint16_t left;         /* bytes of it to come */
    uint8_t message[4], message_have;
    uint32_t message_left; /* bytes of a handshake message in clear to come */
    uint32_t total;        /* bytes of such messages */
    uint8_t last;          /* the newest such message's type */
    uint8_t hellos, changes, alerts;
    bool encrypted; /* everything from here on is */
    bool refused;
    uint8_t sent_head[5], sent_have;
    uint16_t sent_left;
    bool sent_change; /* our ChangeCipherSpec went out: our second flight, in TLS 1.2 */
};

/* Sees every byte on its way to wolfSSL, and on its way out. `tls13`: what wolfSSL takes the version for now;
 * `done`: the handshake is over. False: refuse the connection. */
bool sts_gate_in(struct sts_gate *g, const uint8_t *bytes, size_t len, bool tls13, bool done);
void sts_gate_out(struct sts_gate *g, const uint8_t *bytes, size_t len);

#endif
