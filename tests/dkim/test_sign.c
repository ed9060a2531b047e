/* SPDX-License-Identifier: MIT
 *
 * The signers on wolfCrypt: RFC 8463's example, key files that are damaged anywhere, a pool of any size.
 */
#include "test.h"

#include <stdlib.h>

#include <stsmail/posix.h>
#include <stsmail/wolfssl_sign.h>

#include "../../port/wolfssl/cert.h"

static struct sts_wolfssl wolf;
static struct sts_wolfssl_signer signer;
static struct sts_dkim dkim;
static _Alignas(16) uint8_t pool[STS_WOLFSSL_POOL];

static void start(size_t size)
{
    CHECK(sts_wolfssl_init(&wolf, pool, size, &sts_posix_random) == STS_OK);
}

static size_t unbase64(const char *text, uint8_t *out, size_t size)
{
    const struct sts_pem b = {.text = text, .len = strlen(text)};

    return sts_pem_copy(&b, 0, size, out);
}

/* RFC 8463 A.2, A.3. */
static const char rfc8463_secret[] = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
static const char rfc8463_public[] = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
static const char rfc8463_message[] =
    "From: Joe SixPack <joe@football.example.com>\r\n"
    "To: Suzie Q <suzie@shopping.example.net>\r\n"
    "Subject: Is dinner ready?\r\n"
    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
    "\r\n"
    "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

/* What its signature is over: the fields of h= in their canonical form, and its own. */
static const char rfc8463_header[] =
    "from:Joe SixPack <joe@football.example.com>\r\n"
    "to:Suzie Q <suzie@shopping.example.net>\r\n"
    "subject:Is dinner ready?\r\n"
    "date:Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    "message-id:<20030712040037.46341.5F8J@football.example.com>\r\n"
    "dkim-signature:v=1; a=ed25519-sha256; c=relaxed/relaxed; d=football.example.com; "
    "i=@football.example.com; q=dns/txt; s=brisbane; t=1528637909; h=from : to : subject : date : "
    "message-id : from : subject : date; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=";
static const char rfc8463_signature[] =
    "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==";

TEST(rfc8463_a_3_the_public_key_and_the_signature)
{
    static uint8_t seed[32], expected[64], digest[32], out[64];
    const struct sts_signer *s = &signer.signer;

    start(sizeof pool);
    CHECK(unbase64(rfc8463_secret, seed, 32) == 32 && unbase64(rfc8463_public, expected, 32) == 32);
    CHECK(sts_wolfssl_sign_ed25519(&signer, &wolf, seed) == STS_OK);
    CHECK(memcmp(signer.public_key, expected, 32) == 0);
    CHECK(s->begin(s->ctx) == STS_OK);
    CHECK(s->hash(s->ctx, 0, BYTES(rfc8463_header)) == STS_OK &&
          s->digest(s->ctx, 0, digest) == STS_OK);
    CHECK(s->sign(s->ctx, digest, out, 63) == STS_ERR_SPACE);
    CHECK(s->sign(s->ctx, digest, out, 64) == 64);
    CHECK(unbase64(rfc8463_signature, expected, 64) == 64 && memcmp(out, expected, 64) == 0);
}

TEST(rfc8463_a_3_the_body_hash)
{
    static uint8_t seed[32];
    static const struct sts_time now = {.utc_s = 1528637909, .trust = STS_CLOCK_OWNER};

    start(sizeof pool);
    CHECK(unbase64(rfc8463_secret, seed, 32) == 32);
    CHECK(sts_wolfssl_sign_ed25519(&signer, &wolf, seed) == STS_OK);
    CHECK(sts_dkim_init(&dkim, &signer.signer, "football.example.com", "brisbane") == STS_OK);
    CHECK(sts_dkim_start(&dkim) == STS_OK);
    CHECK(sts_dkim_feed(&dkim, BYTES(rfc8463_message)) == STS_BUSY);
    CHECK(sts_dkim_feed(&dkim, BYTES(rfc8463_message)) == STS_OK);
    CHECK(sts_dkim_feed(&dkim, NULL, 0) == STS_OK && sts_dkim_sign(&dkim, &now) == STS_OK);
    CHECK(strstr(dkim.field, " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;") != NULL);
}

TEST(arguments_that_are_missing)
{
    static const uint8_t seed[32];

    start(sizeof pool);
    CHECK(sts_wolfssl_sign_ed25519(NULL, &wolf, seed) == STS_ERR_ARG);
    CHECK(sts_wolfssl_sign_ed25519(&signer, NULL, seed) == STS_ERR_ARG);
    CHECK(sts_wolfssl_sign_ed25519(&signer, &wolf, NULL) == STS_ERR_ARG);
    CHECK(sts_wolfssl_sign_rsa(NULL, &wolf, seed, 1) == STS_ERR_ARG);
    CHECK(sts_wolfssl_sign_rsa(&signer, NULL, seed, 1) == STS_ERR_ARG);
    CHECK(sts_wolfssl_sign_rsa(&signer, &wolf, NULL, 1) == STS_ERR_ARG);
}

static uint8_t der[4096];

static size_t make(unsigned bits)
{
    int32_t len = sts_wolfssl_make_rsa(&wolf, bits, der, sizeof der);

    CHECK(len > 256 && (size_t)len < sizeof der);
    return (size_t)len;
}

/* A pool that is too small is that, and nothing else; nothing of it is lost. */
TEST(rsa_with_a_pool_of_any_size)
{
    static const uint8_t digest[32] = {1};
    size_t len, enough = 0;
    uint8_t out[512];

    start(sizeof pool);
    len = make(2048);
    CHECK(wolf.pool.used == 0);
    for (size_t size = STS_WOLFSSL_POOL_LEAST; size < 40000; size += 500) {
        int err;

        start(size);
        err = sts_wolfssl_sign_rsa(&signer, &wolf, der, len);
        CHECK(wolf.pool.used == 0);
        CHECK(err == STS_OK || (err == STS_ERR_MEMORY && enough == 0));
        enough = err == STS_OK && enough == 0 ? size : enough;
        CHECK(err != STS_OK || signer.signer.sign(&signer, digest, out, sizeof out) == 256);
    }
    CHECK(enough > 0);
    CHECK(signer.signer.sign(&signer, digest, out, 255) == STS_ERR_SPACE);
}

static int no_noise(void *ctx, void *buf, size_t len)
{
    (void)ctx, (void)buf, (void)len;
    return STS_ERR_RANDOM;
}

TEST(rsa_without_random_numbers)
{
    static const struct sts_random none = {NULL, no_noise};
    size_t len;

    start(sizeof pool);
    len = make(2048);
    CHECK(sts_wolfssl_init(&wolf, pool, sizeof pool, &none) == STS_OK);
    CHECK(sts_wolfssl_sign_rsa(&signer, &wolf, der, len) == STS_ERR_RANDOM && wolf.pool.used == 0);
}

TEST(rsa_of_1024_bits_is_no_key)
{
    static uint8_t file[2048];
    struct sts_sign_key key;
    size_t len;

    start(sizeof pool);
    len = make(1024);
    CHECK(sts_wolfssl_sign_rsa(&signer, &wolf, der, len) == STS_ERR_CONFIG);
    memcpy(file, der, len);
    CHECK(sts_sign_key_read(&key, file, len) == STS_ERR_CONFIG && strstr(key.why, "2048") != NULL);
}

/* Every truncation, and every octet changed: a sentence, or a key that is still one; never a read outside. */
TEST(a_key_file_that_is_damaged_anywhere)
{
    struct sts_sign_key key;
    size_t len;

    start(sizeof pool);
    len = make(2048);
    for (size_t n = 0; n <= len; n++) {
        uint8_t *file = malloc(n + 1); /* of just its size: ASan sees more */

        memcpy(file, der, n);
        CHECK((sts_sign_key_read(&key, file, n) == STS_OK) == (n == len) &&
              (key.why == NULL) == (n == len));
        file[n] = 0;
        CHECK(n + 1 == len || sts_sign_key_read(&key, file, n + 1) == STS_ERR_CONFIG);
        free(file);
    }
    for (size_t i = 0; i < 600; i++) {
        uint8_t *file = malloc(len);

        memcpy(file, der, len);
        file[i] ^= (uint8_t)(1u << i % 8);
        CHECK((sts_sign_key_read(&key, file, len) == STS_OK) == (key.why == NULL));
        if (key.why == NULL) {
            CHECK(key.key >= file && key.key + key.len <= file + len &&
                  key.numbers + key.numbers_len <= file + len);
            if (i % 8 == 0 &&
                file + i < key.numbers + key.numbers_len) { /* behind: d, which nobody uses */
                CHECK(sts_wolfssl_sign_rsa(&signer, &wolf, key.key, key.len) == STS_ERR_CONFIG);
            }
        }
        free(file);
    }
}

TEST(the_public_key_of_an_rsa_key)
{
    uint8_t out[STS_SIGN_PUBLIC_MAX];
    struct sts_sign_key key;
    struct sts_der whole, inside;
    size_t len, n;

    start(sizeof pool);
    len = make(2048);
    CHECK(sts_sign_key_read(&key, der, len) == STS_OK && key.bits == 2048);
    n = sts_sign_key_public(&key, out, sizeof out);
    CHECK(n == 294); /* RFC 8017's numbers with RFC 5280's wrapping */
    whole = (struct sts_der){out, out + n};
    CHECK(sts_der_take(&whole, STS_DER_SEQUENCE, &inside) && whole.at == whole.end);
    CHECK(sts_sign_key_public(&key, out, n - 1) == 0);
    key.algorithm = STS_DKIM_ED25519;
    CHECK(sts_sign_key_public(&key, out, sizeof out) == 0);
}

TEST_MAIN("sign")
