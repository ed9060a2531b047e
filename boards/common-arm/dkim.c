/* SPDX-License-Identifier: MIT
 *
 * The key that mail is signed with (--dkim-key): read from a file of the debugger's host; a product has it in flash, or in a
 * part that nobody can read out. What cannot work is said before anything is sent, and nothing goes out unsigned.
 */
#include "board.h"

#if STS_DKIM

#include <string.h>

#include <stsmail/wolfssl_sign.h>

#include "wolfssl_features.h"

/* An RSAPrivateKey of 4096 bits has 2,350 octets. */
#ifdef STS_WOLFSSL_SIGNS_RSA
#define KEY_MAX 2400
#else
#define KEY_MAX 32
#endif

static struct sts_wolfssl_signer signer;
static struct sts_dkim dkim;
static uint8_t key[KEY_MAX];
static size_t key_len;
static uint8_t algorithm;

static int key_failed(const char *why)
{
    put_text("stsmail: DKIM key ");
    put_text(args.dkim_key);
    put_text(": ");
    put_text(why);
    put_text("; nothing goes out unsigned\n");
    return STS_ERR_CONFIG;
}

/* ---- the file --------------------------------------------------------------------------------- */

/* wolfSSL's sp_c32.c has these sizes and no others. */
static bool is_usable(const struct sts_sign_key *k)
{
    return k->algorithm != STS_DKIM_RSA || k->bits == 2048 || k->bits == 3072 || k->bits == 4096;
}

static int keep(const struct sts_sign_key *k)
{
#ifndef STS_WOLFSSL_SIGNS_RSA
    if (k->algorithm == STS_DKIM_RSA) {
        return key_failed("it is an RSA key, and this image signs with Ed25519 alone");
    }
#endif
    if (!is_usable(k)) {
        return key_failed("its RSA key has not 2048, 3072 or 4096 bits");
    }
    if (k->len > sizeof key) {
        return key_failed("its RSA key is too long");
    }
    memcpy(key, k->key, k->len);
    key_len = k->len;
    algorithm = k->algorithm;
    return STS_OK;
}

/* The file is taken apart where TLS will be: it is gone from there before that begins. */
static int read_file(void)
{
    struct sts_sign_key found;
    uint32_t handle;
    size_t len;
    int error;

    if (!semihost_open(args.dkim_key, &handle)) {
        return key_failed("it cannot be read");
    }
    len = semihost_get(handle, tls_pool, tls_pool_size);
    semihost_close(handle);
    if (len == tls_pool_size) {
        error = key_failed("it is too long to be a key");
    } else {
        error = sts_sign_key_read(&found, tls_pool, len);
        error = error == STS_OK ? keep(&found) : key_failed(found.why);
    }
    memset(tls_pool, 0, len);
    return error;
}

int dkim_read(void)
{
    if (args.dkim_key == NULL) {
        return STS_OK;
    }
    if (args.dkim_selector == NULL || args.dkim_domain == NULL) {
        return key_failed(
            "it needs --dkim-selector and --dkim-domain, where the DNS has its record");
    }
    if (sts_dkim_init(&dkim, &signer.signer, args.dkim_domain, args.dkim_selector) != STS_OK) {
        return key_failed(
            "--dkim-selector and --dkim-domain are no names of the DNS, or too long together");
    }
    return read_file();
}

/* ---- the signer ------------------------------------------------------------------------------- */

static int start_signer(struct sts_wolfssl *wolf)
{
#ifdef STS_WOLFSSL_SIGNS_RSA
    if (algorithm == STS_DKIM_RSA) {
        return sts_wolfssl_sign_rsa(&signer, wolf, key, key_len);
    }
#endif
    return sts_wolfssl_sign_ed25519(&signer, wolf, key);
}

int dkim_use(struct sts_wolfssl *wolf, struct sts_mailer_config *config)
{
    int error = args.dkim_key != NULL ? start_signer(wolf) : STS_OK;

    if (error != STS_OK) {
        key_failed(error == STS_ERR_CONFIG ? "the parts of the key do not belong together"
                                           : sts_err_text(error));
        return error;
    }
    config->dkim = args.dkim_key != NULL ? &dkim : NULL;
    return STS_OK;
}

#endif
