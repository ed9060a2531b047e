/* SPDX-License-Identifier: MIT
 *
 * `stsmail keygen`: a DKIM key for a file, its public half for the DNS. The private half is never printed.
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <stsmail/engine/text.h>
#include <stsmail/posix.h>
#include <stsmail/wolfssl_sign.h>

#define RSA_BITS                                                                                   \
    2048 /* more makes a record that some DNS hosts cannot hold, and is no safer in practice */

struct made {
    uint8_t der[2600]; /* PKCS#8 */
    size_t len;
    struct sts_sign_key key; /* points into it */
    char record[1024];
    char name[STS_NAME_SIZE + 16]; /* of the record */
    const char *selector;
};

static const char *type_of(const struct made *m)
{
    return m->key.algorithm == STS_DKIM_RSA ? "rsa" : "ed25519";
}

/* ---- the key --------------------------------------------------------------------------------- */

/* PKCS#8 (RFC 8410 7): a head, and the 32 octets. */
static int make_ed25519(struct made *m)
{
    static const uint8_t head[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                   0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};

    memcpy(m->der, head, sizeof head);
    m->len = sizeof head + 32;
    return sts_posix_random.fill(sts_posix_random.ctx, m->der + sizeof head, 32);
}

/* PKCS#8 (RFC 5208 5) round the RSAPrivateKey, which is longer than 255 octets. */
static int make_rsa(struct made *m, struct sts_wolfssl *w)
{
    uint8_t head[] = {0x30, 0x82, 0,    0,    0x02, 0x01, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86,
                      0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x04, 0x82, 0,    0};
    int32_t len =
        sts_wolfssl_make_rsa(w, RSA_BITS, m->der + sizeof head, sizeof m->der - sizeof head);

    if (len < 256) {
        return len < 0 ? (int)len : STS_ERR_CONFIG;
    }
    m->len = sizeof head + (size_t)len;
    head[2] = (uint8_t)((m->len - 4) >> 8);
    head[3] = (uint8_t)(m->len - 4);
    head[24] = (uint8_t)(len >> 8);
    head[25] = (uint8_t)len;
    memcpy(m->der, head, sizeof head);
    return STS_OK;
}

/* p= of the record: RSA's SubjectPublicKeyInfo (RFC 6376 3.6.1), or the 32 octets (RFC 8463 4). */
static void put_record(struct made *m, const struct sts_wolfssl_signer *signer)
{
    uint8_t spki[STS_SIGN_PUBLIC_MAX];
    size_t len = sts_sign_key_public(&m->key, spki, sizeof spki);
    bool rsa = m->key.algorithm == STS_DKIM_RSA;
    struct sts_out o;

    sts_out_start(&o, m->record, sizeof m->record);
    sts_out_text(&o, "v=DKIM1; k=");
    sts_out_text(&o, type_of(m));
    sts_out_text(
        &o, "; s=email:tlsrpt; p="); /* RFC 8460 3: one key for alerts and for reports */
    sts_out_base64(&o, rsa ? spki : signer->public_key, rsa ? len : 32, 4096, "");
    (void)sts_out_end(&o);
}

static int make(struct made *m, bool rsa)
{
    static struct sts_wolfssl wolf;
    static struct sts_wolfssl_signer signer;
    static _Alignas(16) uint8_t pool[STS_WOLFSSL_POOL];
    int error = sts_wolfssl_init(&wolf, pool, sizeof pool, &sts_posix_random);

    if (error == STS_OK) {
        error = rsa ? make_rsa(m, &wolf) : make_ed25519(m);
    }
    if (error == STS_OK) {
        error = sts_sign_key_read(&m->key, m->der, m->len);
    }
    if (error == STS_OK) {
        error = rsa ? sts_wolfssl_sign_rsa(&signer, &wolf, m->key.key, m->key.len)
                    : sts_wolfssl_sign_ed25519(&signer, &wolf, m->key.key);
    }
    if (error != STS_OK) {
        say("the key cannot be made: %s", sts_err_text(error));
        return EX_IOERR;
    }
    put_record(m, &signer);
    return 0;
}

/* ---- the file -------------------------------------------------------------------------------- */

static bool write_all(int fd, const char *text, size_t len)
{
    ssize_t n = 0;

    for (; len > 0 && (n = write(fd, text, len)) > 0; text += n, len -= (size_t)n) {
    }
    return len == 0 && fsync(fd) == 0;
}

/* Never over a file that is there: it may be the key in use. */
static int write_key(const char *file, const struct made *m)
{
    char pem[4096];
    struct sts_out o;
    int fd, status = 0;

    sts_out_start(&o, pem, sizeof pem);
    sts_out_text(&o, "-----BEGIN PRIVATE KEY-----\n");
    sts_out_base64(&o, m->der, m->len, 64, "\n");
    sts_out_text(&o, "\n-----END PRIVATE KEY-----\n");
    (void)sts_out_end(&o);
    fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        say("%s: %s; no key was made", shown(file), strerror(errno));
        status = EX_IOERR;
    } else if (!write_all(fd, pem, o.len)) {
        say("%s: %s; no key was made", shown(file), strerror(errno));
        unlink(file);
        status = EX_IOERR;
    }
    if (fd >= 0) {
        close(fd);
    }
    sts_wipe(pem, sizeof pem);
    return status;
}

/* ---- the record ------------------------------------------------------------------------------ */

/* As a zone file has it: a TXT record is made of strings of at most 255 octets (RFC 1035 3.3.14). */
static char *zone_line(const struct made *m)
{
    size_t len = strlen(m->record), size = strlen(m->name) + len + len / 255 * 3 + 40;
    char *line = keep(size);
    int at = snprintf(line, size, "%s IN TXT (", m->name);

    for (size_t i = 0; i < len; i += 255) {
        at += snprintf(line + at, size - (size_t)at, " \"%.255s\"", m->record + i);
    }
    snprintf(line + at, size - (size_t)at, " )");
    return line;
}

static void print_json(const struct made *m, const char *file)
{
    char name[sizeof m->name];
    size_t len = strlen(m->name);

    memcpy(name, m->name, len + 1);
    if (name[len - 1] == '.') {
        name[len - 1] = '\0';
    }
    json_open(NULL, '{');
    json_text("type", type_of(m));
    json_text("file", file);
    json_text("selector", m->selector);
    json_open("record", '{');
    json_text("name", name);
    json_text("type", "TXT");
    json_text("value", m->record);
    json_close('}');
    json_text("zone", zone_line(m));
    json_close('}');
    json_line();
}

static void print_words(const struct made *m, const char *file)
{
    printf(
        "The private key is in %s. Publish this record, wait until the DNS has it, then send with\n"
        "  --dkim-key %s --dkim-selector %s --dkim-domain DOMAIN\n\n%s\n",
        shown(file), shown(file), m->selector, zone_line(m));
    if (m->key.algorithm == STS_DKIM_ED25519) {
        printf("\nSome receivers cannot verify Ed25519 yet, and count such mail as unsigned: "
               "--type rsa is what "
               "all can.\n");
    }
}

static int names(const struct options *o, struct made *m)
{
    struct sts_dkim dkim;
    struct sts_signer none = {0};
    char domain[STS_NAME_SIZE] = "example.org";
    bool known = o->dkim_domain != NULL;

    m->selector = o->dkim_selector != NULL ? o->dkim_selector : "stsmail";
    if ((known && !domain_canon(o->dkim_domain, strlen(o->dkim_domain), domain)) ||
        sts_dkim_init(&dkim, &none, domain, m->selector) != STS_OK) {
        say("--selector and --domain: no names of the DNS, or too long");
        return EX_USAGE;
    }
    snprintf(m->name, sizeof m->name, "%s._domainkey%s%s%s", m->selector, known ? "." : "",
             known ? domain : "", known ? "." : "");
    return 0;
}

int keygen_command(struct options *o)
{
    static struct made m;
    const char *type = o->type != NULL ? o->type : "rsa";
    bool rsa = strcmp(type, "rsa") == 0;
    int status;

    if (o->args_count > 0 || o->out == NULL || (!rsa && strcmp(type, "ed25519") != 0)) {
        say(o->args_count > 0 ? "keygen takes no arguments"
            : o->out == NULL  ? "keygen needs --out FILE, for the private key"
                              : "--type is ed25519 or rsa");
        return EX_USAGE;
    }
    status = names(o, &m);
    status = status != 0 ? status : make(&m, rsa);
    status = status != 0 ? status : write_key(o->out, &m);
    sts_wipe(m.der, sizeof m.der);
    if (status != 0) {
        return status;
    }
    if (o->json) {
        print_json(&m, o->out);
    } else {
        print_words(&m, o->out);
    }
    return 0;
}
