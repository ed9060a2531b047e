/* SPDX-License-Identifier: MIT
 *
 * The key that mail is signed with, from the options. What cannot work is said before anything is sent.
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stsmail/mailer.h>
#include <stsmail/wolfssl_sign.h>

#define KEY_MAX 16384 /* octets of a key file; RSA-4096 has 3,300 */

static int key_failed(const char *file, const char *why)
{
    say("DKIM key %s: %s; nothing was sent (`stsmail keygen` makes one)", shown(file), why);
    return EX_CONFIG;
}

/* A private key that others can read is not private any more, and nobody would notice (as ssh has it). */
static int may_be_used(const char *file, int fd)
{
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0) {
        return key_failed(file, strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return key_failed(file, "it is not a regular file");
    }
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return key_failed(file, "others than its owner may use it (chmod 600 changes that)");
    }
    return st.st_size > KEY_MAX ? key_failed(file, "it is too long to be a key") : 0;
}

/* The file's octets stay in memory while the program runs: the signer uses them where they are. */
static int key_load(const char *file, struct sts_sign_key *key)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int status = may_be_used(file, fd);
    uint8_t *bytes = status == 0 ? keep(KEY_MAX) : NULL;
    size_t len = 0;
    ssize_t n = 0;

    while (status == 0 && len < KEY_MAX && (n = read(fd, bytes + len, KEY_MAX - len)) > 0) {
        len += (size_t)n;
    }
    if (n < 0) {
        status = key_failed(file, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    if (status == 0 && sts_sign_key_read(key, bytes, len) != STS_OK) {
        status = key_failed(file, key->why);
    }
    return status;
}

static int use_key(const char *file, struct sts_wolfssl *w, const struct sts_sign_key *key,
                   struct sts_wolfssl_signer *signer)
{
    int error = key->algorithm == STS_DKIM_RSA ? sts_wolfssl_sign_rsa(signer, w, key->key, key->len)
                                               : sts_wolfssl_sign_ed25519(signer, w, key->key);

    if (error == STS_ERR_CONFIG) {
        return key_failed(file, "the parts of the key do not belong together");
    }
    return error != STS_OK ? key_failed(file, sts_err_text(error)) : 0;
}

int setup_dkim(const struct options *o, struct sts_wolfssl *w, struct sts_mailer_config *config)
{
    static struct sts_wolfssl_signer signer;
    static struct sts_dkim dkim;
    static char domain[STS_NAME_SIZE];
    struct sts_sign_key key;
    int status;

    if (o->dkim_key == NULL) {
        return 0;
    }
    if (o->dkim_selector == NULL || o->dkim_domain == NULL) {
        say("--dkim-key needs --dkim-selector and --dkim-domain, where the DNS has its record; "
            "nothing was "
            "sent");
        return EX_CONFIG;
    }
    if (!domain_canon(o->dkim_domain, strlen(o->dkim_domain), domain) ||
        sts_dkim_init(&dkim, &signer.signer, domain, o->dkim_selector) != STS_OK) {
        say("--dkim-selector \"%s\" and --dkim-domain \"%s\" are no names of the DNS, or too long; "
            "nothing was sent",
            shown(o->dkim_selector),
            keep_text(shown(o->dkim_domain), strlen(shown(o->dkim_domain))));
        return EX_CONFIG;
    }
    status = key_load(o->dkim_key, &key);
    status = status != 0 ? status : use_key(o->dkim_key, w, &key, &signer);
    config->dkim = &dkim;
    return status;
}
