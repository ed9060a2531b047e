/* SPDX-License-Identifier: MIT
 *
 * Trust anchors, loaded when a chain asks for them, and the rule for CAs that a peer sends.
 *
 * wolfSSL looks a signer up by a hash of its key identifier or of its name. hook.h leads those look-ups
 * here: what the connection's own table lacks is searched in the PEM text. Each certificate there is
 * read by places (the few octets that matter are decoded, not the whole), and only the one that fits is
 * parsed and loaded. All of it is dropped with the connection.
 */
#include "local.h"

#include <string.h>

#include <wolfssl/error-ssl.h>
#include <wolfssl/internal.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/sha256.h>

Signer *sts_wolfssl_get_ca(void *cm, unsigned char *hash);
Signer *sts_wolfssl_get_ca_by_name(void *cm, unsigned char *hash);
int sts_wolfssl_add_ca(WOLFSSL_CERT_MANAGER *cm, DerBuffer **der, int type, int verify);

/* Both are in wolfSSL's objects, if those were built with hook.h: without, this does not link. */
extern const char sts_wolfssl_hook_asn, sts_wolfssl_hook_internal;

/* ---- which certificate is asked for -------------------------------------------------------------- */

enum by {
    BY_KEY_ID,
    BY_NAME
};

/* wolfSSL's hash of a name or a key identifier. */
static bool hashes_to(const struct sts_pem *b, size_t from, size_t to, const uint8_t *hash)
{
    uint8_t piece[64], digest[WC_SHA256_DIGEST_SIZE];
    wc_Sha256 sha;
    size_t n;
    bool ok = wc_InitSha256(&sha) == 0;

    for (; ok && from < to; from += n) {
        n = to - from < sizeof piece ? to - from : sizeof piece;
        ok = sts_pem_copy(b, from, n, piece) == n && wc_Sha256Update(&sha, piece, (word32)n) == 0;
    }
    ok = ok && wc_Sha256Final(&sha, digest) == 0;
    wc_Sha256Free(&sha);
    return ok && memcmp(digest, hash, sizeof digest) == 0;
}

/* The subjectKeyIdentifier's OCTET STRING among the extensions that begin at `list`. */
static bool find_key_id(const struct sts_pem *b, const struct sts_place *list, struct sts_place *id)
{
    struct sts_place one, oid;
    uint8_t name[3];

    for (size_t at = list->in; at < list->end; at = one.end) {
        if (!sts_pem_place(b, at, &one) || !sts_pem_place(b, one.in, &oid)) {
            return false;
        }
        if (oid.end - oid.in == 3 && sts_pem_copy(b, oid.in, 3, name) == 3 && name[0] == 0x55 &&
            name[1] == 0x1d && name[2] == STS_EXT_KEY_ID) {
            return sts_pem_place(b, oid.end, id) && sts_pem_place(b, id->in, id);
        }
    }
    return false;
}

/* A key identifier that is as long as a hash stands for itself. */
static bool is_key_id(const struct sts_pem *b, const struct sts_place *id, const uint8_t *hash)
{
    uint8_t own[WC_SHA256_DIGEST_SIZE];

    if (id->end - id->in != sizeof own) {
        return hashes_to(b, id->in, id->end, hash);
    }
    return sts_pem_copy(b, id->in, sizeof own, own) == sizeof own &&
           memcmp(own, hash, sizeof own) == 0;
}

/* Walks over the elements of TBSCertificate (RFC 5280 4.1): [0], serial, algorithm, issuer, validity,
 * subject, key, then extensions as the last. */
static bool fits(const struct sts_pem *b, enum by by, const uint8_t *hash)
{
    struct sts_place tbs, p, id;
    const size_t subject = 5;
    size_t at, count;

    if (!sts_pem_place(b, 0, &tbs) || !sts_pem_place(b, tbs.in, &tbs)) {
        return false;
    }
    for (at = tbs.in, count = 0; at < tbs.end; at = p.end, count++) {
        if (!sts_pem_place(b, at, &p)) {
            return false;
        }
        if (by == BY_NAME && count == subject) {
            return hashes_to(b, p.at, p.end, hash);
        }
        if (by == BY_KEY_ID && p.tag == 0xa3) {
            return sts_pem_place(b, p.in, &p) && find_key_id(b, &p, &id) && is_key_id(b, &id, hash);
        }
    }
    return false;
}

/* ---- loading ------------------------------------------------------------------------------------- */

/* Whether the signer that was found last sets a limit that this CA would break. wolfSSL sees to that for what
 * the peer sends in order, but counts only over certificates that are not self-issued, and for those takes
 * the limit from themselves: one that stands under a limit is not taken. */
static bool path_ends(const struct sts_wolfssl_conn *c, const struct sts_cert *cert)
{
    bool self_issued = sts_der_equal(&cert->subject, &cert->issuer);

    return c->issuer == NULL || c->issuer->maxPathLen == 0 ||
           (self_issued && c->issuer->maxPathLen < WOLFSSL_MAX_PATH_LEN);
}

/* A CA that another one issued is no anchor, wherever it was found: it has to verify. */
static bool verify_issued(WOLFSSL_CERT_MANAGER *cm, struct sts_wolfssl_conn *c,
                          const struct sts_cert *cert, const uint8_t *der, size_t len)
{
    int ret;

    if (c->depth >= 4) {
        return false;
    }
    c->depth++;
    ret = wolfSSL_CertManagerVerifyBuffer(cm, der, (long)len, WOLFSSL_FILETYPE_ASN1);
    c->depth--;
    c->expired |= ret == ASN_BEFORE_DATE_E || ret == ASN_AFTER_DATE_E;
    return ret == WOLFSSL_SUCCESS && !path_ends(c, cert);
}

static bool add(WOLFSSL_CERT_MANAGER *cm, const uint8_t *der, size_t len, bool anchor)
{
    DerBuffer *buffer = NULL;

    if (AllocDer(&buffer, (word32)len, CA_TYPE, NULL) != 0) {
        return false;
    }
    memcpy(buffer->buffer, der, len);
    return AddCA(cm, &buffer, anchor ? WOLFSSL_USER_CA : WOLFSSL_CHAIN_CA,
                 anchor ? VERIFY : NO_VERIFY) == WOLFSSL_SUCCESS;
}

/* RFC 5280 4.2.1.9, 4.2.1.3. An extended key usage holds for all that is below a CA, as everybody reads 4.2.1.12:
 * many a CA for e-mail stands under a root that is trusted for servers too. */
static bool may_issue(const struct sts_cert *cert)
{
    return sts_cert_is_ca(cert) && sts_cert_key_usage(cert, STS_KEY_USAGE_CERT_SIGN) &&
           sts_identity_serves(cert) && sts_cert_key_strong(cert);
}

/* What makes a certificate of the file a CA that may be used now. */
static bool usable(struct sts_wolfssl_conn *c, const struct sts_cert *cert)
{
    if (!may_issue(cert)) {
        return false;
    }
    if (sts_wolfssl_turn.utc_s < cert->from_s || sts_wolfssl_turn.utc_s > cert->until_s) {
        c->expired = true;
        return false;
    }
    return true;
}

static bool load(WOLFSSL_CERT_MANAGER *cm, const struct sts_pem *b)
{
    struct sts_wolfssl_conn *c = sts_wolfssl_turn.conn;
    uint8_t *der = sts_pool_take(&c->w->pool, b->size);
    struct sts_cert cert;
    bool ok = false;

    if (der != NULL && sts_pem_copy(b, 0, b->size, der) == b->size &&
        sts_cert_read(&cert, der, b->size) == STS_OK && usable(c, &cert)) {
        bool anchor = sts_der_equal(&cert.subject, &cert.issuer);

        ok = (anchor || verify_issued(cm, c, &cert, der, b->size)) && add(cm, der, b->size, anchor);
    }
    sts_pool_give(&c->w->pool, der);
    return ok;
}

static Signer *table(void *cm, uint8_t *hash, enum by by)
{
    return by == BY_KEY_ID ? GetCA(cm, hash) : GetCAByName(cm, hash);
}

static Signer *search_pem(void *cm, const uint8_t *hash, enum by by)
{
    const struct sts_wolfssl *w = sts_wolfssl_turn.w;
    const char *at = w->pem;
    const char *end = w->pem + w->pem_len;
    uint8_t wanted[SIGNER_DIGEST_SIZE];
    struct sts_pem b;
    Signer *found;

    memcpy(wanted, hash, sizeof wanted);
    while (sts_pem_next(&at, end, &b)) {
        if (fits(&b, by, wanted) && load(cm, &b)) {
            found = table(cm, wanted, by);
            if (found != NULL) {
                return found;
            }
        }
    }
    return NULL;
}

/* ---- the peer's chain, out of order ------------------------------------------------------------- */

static bool digest_is(const struct sts_der *d, const uint8_t *hash)
{
    byte digest[WC_SHA256_DIGEST_SIZE];

    return wc_Sha256Hash(d->at, (word32)(d->end - d->at), digest) == 0 &&
           memcmp(digest, hash, sizeof digest) == 0;
}

static bool cert_fits(const struct sts_cert *cert, enum by by, const uint8_t *hash)
{
    struct sts_der id;

    if (by == BY_NAME) {
        return digest_is(&cert->subject, hash);
    }
    if (sts_cert_extension(cert, STS_EXT_KEY_ID, &id) != 1 ||
        !sts_der_take(&id, STS_DER_OCTETS, &id)) {
        return false;
    }
    return id.end - id.at == SIGNER_DIGEST_SIZE ? memcmp(id.at, hash, SIGNER_DIGEST_SIZE) == 0
                                                : digest_is(&id, hash);
}

/* wolfSSL goes down the chain from its end, so a CA that stands before its issuer has failed by the time it
 * is asked for (RFC 8446 4.4.2 wants any order to do). It gets one more try, now that all are known. */
static Signer *search_chain(void *cm, const uint8_t *hash, enum by by)
{
    struct sts_wolfssl_conn *c = sts_wolfssl_turn.conn;
    uint8_t wanted[SIGNER_DIGEST_SIZE];
    struct sts_cert cert;

    memcpy(wanted, hash, sizeof wanted);
    for (int i = 1; c->chain != NULL && i < c->chain_count && i < 32; i++) {
        const WOLFSSL_BUFFER_INFO *der = &c->chain[i];

        if ((c->again >> i & 1u) == 0 || sts_cert_read(&cert, der->buffer, der->length) != STS_OK ||
            !cert_fits(&cert, by, wanted)) {
            continue;
        }
        c->again &= ~(UINT32_C(1) << i);
        if (may_issue(&cert) && verify_issued(cm, c, &cert, der->buffer, der->length) &&
            add(cm, der->buffer, der->length, false)) {
            return table(cm, wanted, by);
        }
    }
    return NULL;
}

/* ---- name constraints (RFC 5280 4.2.1.10) ----------------------------------------------------------- */

static bool under(const Base_entry *base, const char *host)
{
    size_t len = strlen(host), base_len = (size_t)base->nameSz;
    size_t dot = base_len > 0 && base->name[0] == '.'; /* ".x": below x only, as many write it */

    if (base_len == 0) {
        return true;
    }
    if (len < base_len || (len == base_len && dot)) {
        return false;
    }
    if (len > base_len && !dot && host[len - base_len - 1] != '.') {
        return false;
    }
    for (size_t i = 0; i < base_len; i++) {
        char a = host[len - base_len + i], x = base->name[i];

        if (a != x && !(x >= 'A' && x <= 'Z' && a == x - 'A' + 'a')) {
            return false;
        }
    }
    return true;
}

static bool any_under(const Base_entry *list, const char *host, bool none)
{
    for (; list != NULL; list = list->next) {
        if (list->type == ASN_DNS_TYPE) {
            if (under(list, host)) {
                return true;
            }
            none = false;
        }
    }
    return none;
}

/* wolfSSL holds the names in a certificate against its issuer's constraints. That leaves two gaps: those
 * of CAs further up, and a wildcard that covers an excluded name. So every CA that is used has to allow
 * the very host we want. */
static Signer *used(Signer *s)
{
    struct sts_wolfssl_conn *c = sts_wolfssl_turn.conn;

    if (c != NULL) {
        c->issuer = s;
    }
    if (s != NULL && c != NULL &&
        (!any_under(s->permittedNames, c->peer.name, true) ||
         any_under(s->excludedNames, c->peer.name, false))) {
        c->denied = true;
    }
    return s;
}

/* ---- the hooks --------------------------------------------------------------------------------------- */

static Signer *get(void *cm, unsigned char *hash, enum by by)
{
    Signer *s = table(cm, hash, by);

    if (s == NULL && sts_wolfssl_turn.conn != NULL) {
        s = search_pem(cm, hash, by);
        s = s != NULL ? s : search_chain(cm, hash, by);
    }
    return used(s);
}

Signer *sts_wolfssl_get_ca(void *cm, unsigned char *hash)
{
    return get(cm, hash, BY_KEY_ID);
}

Signer *sts_wolfssl_get_ca_by_name(void *cm, unsigned char *hash)
{
    return get(cm, hash, BY_NAME);
}

static bool was_passed_over(const struct sts_wolfssl_conn *c, const DerBuffer *der)
{
    return c->passed_over != NULL && c->passed_over_len == der->length &&
           memcmp(c->passed_over, der->buffer, der->length) == 0;
}

/* internal.c wants to add a CA of the peer's chain. One that did not verify, or may not be a CA, is
 * left out, and that is all: the rest of the chain stands or falls without it. (A pool that ran out shows
 * in its counter.) */
int sts_wolfssl_add_ca(WOLFSSL_CERT_MANAGER *cm, DerBuffer **der, int type, int verify)
{
    struct sts_wolfssl_conn *c = sts_wolfssl_turn.conn;
    struct sts_cert cert;

    if (c == NULL || was_passed_over(c, *der) ||
        sts_cert_read(&cert, (*der)->buffer, (*der)->length) != STS_OK || !may_issue(&cert) ||
        path_ends(c, &cert)) {
        FreeDer(der);
    } else {
        (void)AddCA(cm, der, type, verify);
    }
    return WOLFSSL_SUCCESS;
}

int sts_wolfssl_trust_pem(struct sts_wolfssl *w, const char *pem, size_t len)
{
    const char *at = pem;
    struct sts_pem b;
    int count = 0;

    w->pem = NULL;
    while (pem != NULL && sts_pem_next(&at, pem + len, &b)) {
        count++;
    }
    if (count == 0 || !sts_wolfssl_hook_asn || !sts_wolfssl_hook_internal) {
        return STS_ERR_CONFIG;
    }
    w->pem = pem;
    w->pem_len = len;
    return count;
}
