/* SPDX-License-Identifier: MIT
 *
 * Mail that is signed by its sender's domain (DKIM: RFC 6376; Ed25519: RFC 8463; RSA from 2048 bits on: RFC 8301), so
 * that a device's alert passes its recipient's DMARC. Off unless STS_DKIM is 1 and the mailer's config names one:
 *
 *     static struct sts_wolfssl_signer signer;            port/wolfssl: the key, SHA-256, the signature
 *     static struct sts_dkim dkim;
 *
 *     sts_wolfssl_sign_ed25519(&signer, &wolf, seed);
 *     sts_dkim_init(&dkim, &signer.signer, "example.org", "ups7");
 *     config.dkim = &dkim;
 *
 * relaxed/relaxed, without l= (R-186), made anew on each try and the same for all MX hosts of a try. The header is read
 * twice, to know how often a field is there before one of them is signed, and the body once, for its hash; then all
 * is read again to be sent. Nothing of it is kept.
 */
#ifndef STSMAIL_DKIM_H
#define STSMAIL_DKIM_H

#include <stsmail/config.h>
#include <stsmail/port.h>

#ifdef __cplusplus
extern "C" {
#endif

enum sts_dkim_algorithm {
    STS_DKIM_ED25519 = 0, /* ed25519-sha256: some receivers cannot verify it yet */
    STS_DKIM_RSA,         /* rsa-sha256: all can */
};

/* A private key, and two SHA-256 that go on side by side: 0 is the header's, 1 the body's. A port fills it. Each function
 * returns STS_OK or an error, with which the mail is put off: what is to be signed never goes out without. */
struct sts_signer {
    void   *ctx;
    uint8_t algorithm; /* enum sts_dkim_algorithm */

    /* Both hashes begin. */
    int (*begin)(void *ctx);
    int (*hash)(void *ctx, unsigned which, const void *bytes, size_t len);
    int (*digest)(void *ctx, unsigned which, uint8_t out[32]);

    /* The signature of a digest: bytes put into out (1..size), or an error < 0. */
    int32_t (*sign)(void *ctx, const uint8_t digest[32], uint8_t *out, size_t size);
};

/* Names of header fields that are signed, and fields that are at the most. Fixed. */
#define STS_DKIM_NAMES  25
#define STS_DKIM_FIELDS 32

/* Of the field "DKIM-Signature: ... CRLF": what stands before the signature, and the whole with its NUL. */
#define STS_DKIM_HEAD       1152
#define STS_DKIM_FIELD_SIZE (STS_DKIM_HEAD + STS_DKIM_SIGNATURE * 3 / 2)

/* One signature being made. Its members are the library's own, but for `field`. */
struct sts_dkim {
    const struct sts_signer *signer;
    const char *domain, *selector;
    int      error;                  /* sticky */
    uint16_t there[STS_DKIM_NAMES];  /* fields of each name in the header */
    uint16_t seen[STS_DKIM_NAMES];   /* of those, how many this reading has come by */
    uint8_t  hashed[STS_DKIM_NAMES]; /* of those, how many are signed: the lowest */
    uint8_t  order[STS_DKIM_FIELDS]; /* the names of what was hashed */
    uint8_t  fields;                 /* how many */
    uint8_t  reading, readings;      /* of the header; 0 counts */
    uint8_t  place;                  /* in the message */
    uint8_t  which;                  /* hash that `out` is for */
    bool     hashing;                /* the field that is being read is signed */
    bool     space;                  /* white space that waits for what follows it */
    bool     started;                /* the value, or the body, has something beside white space */
    uint64_t lines;                  /* line ends that wait for what follows them */
    uint8_t  name_len, out_len;
    char     name[26];
    uint8_t  out[64]; /* canonical octets not yet hashed */
    char     field[STS_DKIM_FIELD_SIZE]; /* once signed: the field with its CRLF, NUL-ended */
};

/* Prepares a signature. signer, domain (d=) and selector (s=; the key's record is at SELECTOR._domainkey.DOMAIN) stay in
 * place. STS_OK; STS_ERR_ARG (a NULL); STS_ERR_NAME: no names of the DNS (in A-labels), or together too long for one. */
int sts_dkim_init(struct sts_dkim *d, const struct sts_signer *signer, const char *domain, const char *selector);

/* Begins with a message. STS_OK, or the signer's error. */
int sts_dkim_start(struct sts_dkim *d);

/* Takes the message, as sts_reader_read() gives it without stuffed dots, in pieces of any size; len 0: it is over. STS_OK;
 * STS_BUSY: it is wanted again from its first octet on (only ever within its header); STS_ERR_MESSAGE: 65,535 fields of
 * a name; the signer's error. Errors are sticky. */
int sts_dkim_feed(struct sts_dkim *d, const uint8_t *bytes, size_t len);

/* Once it is over: makes d->field, which goes out in front of the message. On a small device this is the longest step
 * of a delivery. The time becomes t=, unless it is in doubt. STS_OK, STS_ERR_SPACE (the signature is longer than
 * STS_DKIM_SIGNATURE), the signer's error. */
int sts_dkim_sign(struct sts_dkim *d, const struct sts_time *now);

#ifdef __cplusplus
}
#endif
#endif
