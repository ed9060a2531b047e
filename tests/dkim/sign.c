/* SPDX-License-Identifier: MIT
 *
 * Signs messages as the mailer does: read once for facts and hash, and again to be sent. From dkim.in to dkim.out, on Linux
 * and, through semihosting, on a microcontroller; tests/dkim/test_dkim.py writes the one and has the other verified.
 *
 *     dkim.in    time (8 octets), the key file (4 octets of length, and it), messages (the same)
 *     dkim.out   the messages as they are sent, dots aside (the same); nothing in the place of one that is refused
 *
 * Numbers have their least octet first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stsmail/engine/message.h>
#include <stsmail/wolfssl_sign.h>

#ifndef POOL
#define POOL STS_WOLFSSL_POOL
#endif

static struct sts_wolfssl wolf;
static struct sts_wolfssl_signer signer;
static struct sts_dkim dkim;
static struct sts_reader reader;
static _Alignas(16) uint8_t pool[POOL];
static uint8_t key_file[8192], message[1 << 20];
static size_t message_len, message_at;

static void must(int truth, const char *what)
{
    if (!truth) {
        fprintf(stderr, "sign: %s\n", what);
        exit(1);
    }
}

/* It only blinds. */
static int fill(void *ctx, void *buf, size_t len)
{
    static uint32_t state = 1;

    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        state = state * 1664525u + 1013904223u;
        ((uint8_t *)buf)[i] = (uint8_t)(state >> 24);
    }
    return STS_OK;
}

static const struct sts_random noise = {NULL, fill};

static int message_rewind(void *ctx)
{
    (void)ctx;
    message_at = 0;
    return STS_OK;
}

static int32_t message_read(void *ctx, void *buf, size_t size)
{
    size_t n = message_len - message_at < size ? message_len - message_at : size;

    (void)ctx;
    memcpy(buf, message + message_at, n);
    message_at += n;
    return (int32_t)n;
}

static const struct sts_source source = {NULL, message_rewind, message_read};
static const struct sts_message whole = {.raw = &source};

static uint64_t number(FILE *f, int octets)
{
    uint64_t n = 0;

    for (int i = 0; i < octets; i++) {
        int c = getc(f);

        must(c != EOF, "dkim.in is too short");
        n |= (uint64_t)c << 8 * i;
    }
    return n;
}

static size_t block(FILE *f, uint8_t *out, size_t size)
{
    size_t len = (size_t)number(f, 4);

    must(len <= size && fread(out, 1, len, f) == len, "a block of dkim.in does not fit");
    return len;
}

/* Pieces of another size for each message. */
static int hash_message(size_t piece)
{
    uint8_t buf[512];
    int32_t n;
    int err = sts_dkim_start(&dkim);

    do {
        n = sts_reader_start(&reader, &whole, false);
        while (n >= 0 && (n = sts_reader_read(&reader, buf, piece)) >= 0) {
            err = sts_dkim_feed(&dkim, buf, (size_t)n);
            if (n == 0 || err != STS_OK) {
                break;
            }
        }
    } while (n >= 0 && err == STS_BUSY);
    return n < 0 ? (int)n : err;
}

static void put_number(FILE *out, uint32_t n)
{
    for (int i = 0; i < 4; i++) {
        putc((int)(n >> 8 * i & 0xff), out);
    }
}

static void put_message(FILE *out)
{
    uint8_t buf[512];
    uint32_t size = (uint32_t)(reader.facts.size + strlen(dkim.field));
    int32_t n;

    put_number(out, size);
    must(sts_reader_start(&reader, &whole, false) == STS_OK, "the message cannot be read again");
    sts_reader_lead(&reader, dkim.field);
    while ((n = sts_reader_read(&reader, buf, sizeof buf)) > 0) {
        fwrite(buf, 1, (size_t)n, out);
    }
    must(n == 0 && reader.facts.size == size, "the message is another than before");
}

static void use_key(size_t len)
{
    struct sts_sign_key key;
    int err = sts_sign_key_read(&key, key_file, len);

    must(err == STS_OK, key.why);
    must(sts_wolfssl_init(&wolf, pool, sizeof pool, &noise) == STS_OK, "no wolfSSL");
#ifdef WOLFSSL_RSA_PUBLIC_ONLY
    must(key.algorithm == STS_DKIM_ED25519, "no RSA here");
    err = sts_wolfssl_sign_ed25519(&signer, &wolf, key.key);
#else
    err = key.algorithm == STS_DKIM_RSA ? sts_wolfssl_sign_rsa(&signer, &wolf, key.key, key.len)
                                        : sts_wolfssl_sign_ed25519(&signer, &wolf, key.key);
#endif
    must(err == STS_OK, "the key cannot be used");
    must(sts_dkim_init(&dkim, &signer.signer, "example.org", "s1") == STS_OK, "sts_dkim_init");
}

int main(void)
{
    FILE *in = fopen("dkim.in", "rb"), *out = fopen("dkim.out", "wb");
    struct sts_time now = {.trust = STS_CLOCK_OWNER};
    size_t count = 0;
    int c;

    must(in != NULL && out != NULL, "no dkim.in, or no dkim.out");
    now.utc_s = (int64_t)number(in, 8);
    use_key(block(in, key_file, sizeof key_file));
    while ((c = getc(in)) != EOF) {
        ungetc(c, in);
        message_len = block(in, message, sizeof message);
        if (hash_message(1 + 37 * count % 512) == STS_OK) {
            must(sts_dkim_sign(&dkim, &now) == STS_OK, "sts_dkim_sign");
            put_message(out);
        } else {
            put_number(out, 0);
        }
        count++;
    }
    must(fclose(out) == 0 && wolf.pool.used == 0, "not written, or memory is lost");
    fprintf(stderr, "sign: %lu messages, %lu octets of pool\n", (unsigned long)count,
            (unsigned long)wolf.pool.top);
    return 0;
}
