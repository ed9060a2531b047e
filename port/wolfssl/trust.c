/* SPDX-License-Identifier: MIT
 *
 * The signers that a chain asks for, and the rule for CAs that a peer sends.
 *
 * wolfSSL looks a signer up by a hash of its key identifier or of its name. hook.h leads those look-ups
 * here, and says which certificate is being verified. What the connection's own CAs do not have is searched in
 * the trust anchors (trust_table.c, trust_pem.c): by the issuer's name, and by its key identifier where
 * both sides have one. An anchor is handed to wolfSSL as it lies there: nothing is parsed, copied or added.
 */
#include "local.h"

#include <string.h>

#include <wolfssl/error-ssl.h>
#include <wolfssl/internal.h>
#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/sha256.h>

Signer *sts_wolfssl_get_ca(void *cm, unsigned char *hash);
Signer *sts_wolfssl_get_ca_by_name(void *cm, unsigned char *hash);
int sts_wolfssl_parse(DecodedCert *cert, int type, int verify, void *cm, Signer *extra);
int sts_wolfssl_check(const byte *cert, word32 len, void *heap, void *cm);
int sts_wolfssl_add_ca(WOLFSSL_CERT_MANAGER *cm, DerBuffer **der, int type, int verify);

_Static_assert(SIGNER_DIGEST_SIZE == WC_SHA256_DIGEST_SIZE, "names are hashed as wolfSSL does it");

/* Keys tried for one signature: as many roots of one name as anybody has, and then some. */
#define TRIES 6

/* ---- the certificate whose signer is wanted -------------------------------------------------------- */

static void ask_for(struct sts_wolfssl_conn *c, const uint8_t *der, size_t len)
{
    struct sts_wolfssl_ask *a = &c->ask;
    struct sts_cert cert;

    *a = (struct sts_wolfssl_ask){0};
    if (sts_cert_read(&cert, der, len) != STS_OK) {
        return;
    }
    a->issuer = cert.issuer;
    a->key_id = sts_cert_issuer_key_id(&cert);
    a->on = wc_Sha256Hash(cert.issuer.at, (word32)(cert.issuer.end - cert.issuer.at), a->hash) == 0;
}

/* Whether that may be the key that the certificate says it was signed with. */
static bool key_fits(const struct sts_wolfssl_ask *a, const struct sts_der *id)
{
    return a->key_id.at == a->key_id.end || id->at == id->end || sts_der_equal(&a->key_id, id);
}

static bool key_is_wrong(int ret)
{
    return ret == ASN_SIG_CONFIRM_E || ret == ASN_SIG_OID_E;
}

/* Two roots may have one name and different keys. Where a signature fails, the next of them is tried; the verdict
 * on the first is the one that counts, unless another is better. */
static bool again(struct sts_wolfssl_conn *c, int *ret, int *first)
{
    if (c->skip == 0) {
        *first = *ret;
    } else if (*ret == ASN_NO_SIGNER_E) {
        *ret = *first; /* there was no other */
        return false;
    }
    if (!key_is_wrong(*ret) || c->skip == TRIES) {
        return false;
    }
    c->skip++;
    return true;
}

/* ---- CAs that are verified ---------------------------------------------------------------------- */

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
    int ret, first = 0;

    if (c->depth >= 4) {
        return false;
    }
    c->depth++;
    c->skip = 0;
    do {
        ask_for(c, der, len);
        ret = wolfSSL_CertManagerVerifyBuffer(cm, der, (long)len, WOLFSSL_FILETYPE_ASN1);
    } while (again(c, &ret, &first));
    c->depth--;
    c->expired |= ret == ASN_BEFORE_DATE_E || ret == ASN_AFTER_DATE_E;
    return ret == WOLFSSL_SUCCESS && !path_ends(c, cert);
}

/* wolfSSL looks the signer up once more, for its limit. */
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

/* Verifies and adds a CA while another certificate's signer is wanted. */
static bool take_ca(WOLFSSL_CERT_MANAGER *cm, struct sts_wolfssl_conn *c,
                    const struct sts_cert *cert, const uint8_t *der, size_t len, bool anchor)
{
    struct sts_wolfssl_ask wanted = c->ask;
    uint8_t skip = c->skip;
    bool ok = (anchor || verify_issued(cm, c, cert, der, len)) && add(cm, der, len, anchor);

    c->ask = wanted;
    c->skip = skip;
    return ok;
}

/* ---- the anchors -------------------------------------------------------------------------------- */

enum by {
    BY_KEY_ID,
    BY_NAME
};

static Signer *known(void *cm, uint8_t *hash, enum by by)
{
    return by == BY_KEY_ID ? GetCA(cm, hash) : GetCAByName(cm, hash);
}

static Signer *anchor(struct sts_wolfssl_conn *c, const struct sts_root *root)
{
    c->root = (Signer){
        .keyOID = root->kind == STS_ROOT_RSA ? RSAk : ECDSAk,
        .publicKey = root->key.at,
        .pubKeySize = (word32)(root->key.end - root->key.at),
        .keyUsage = KEYUSE_KEY_CERT_SIGN,
        .maxPathLen = root->path,
        .selfSigned = 1,
        .type = WOLFSSL_USER_CA,
    };
    memcpy(c->root.subjectNameHash, c->ask.hash, sizeof c->ask.hash);
    return &c->root;
}

/* A whole certificate is wolfSSL's to parse. Its octets have to outlast the search for its own signer. */
static Signer *load(WOLFSSL_CERT_MANAGER *cm, struct sts_wolfssl_conn *c,
                    const struct sts_root *root, uint8_t *hash, enum by by)
{
    size_t len = (size_t)(root->key.end - root->key.at);
    uint8_t *der = c->root_der, name[SIGNER_DIGEST_SIZE];
    struct sts_cert cert;
    struct sts_der id;
    Signer *s = NULL;

    c->root_der = NULL;
    if (sts_cert_read(&cert, root->key.at, len) == STS_OK) {
        id = sts_cert_key_id(&cert);
        if (key_fits(&c->ask, &id) &&
            take_ca(cm, c, &cert, root->key.at, len, sts_der_equal(&cert.subject, &cert.issuer))) {
            memcpy(name, c->ask.hash, sizeof name);
            s = known(cm, hash, by);
            s = s != NULL ? s : known(cm, name, BY_NAME);
        }
    }
    sts_pool_give(&c->w->pool, der);
    return s;
}

static bool in_time(struct sts_wolfssl_conn *c, const struct sts_root *root)
{
    if (sts_wolfssl_turn.utc_s < root->from_s || sts_wolfssl_turn.utc_s > root->until_s) {
        c->expired = true;
        return false;
    }
    return true;
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
 * of CAs further up, and a wildcard that covers an excluded name. So a CA that may not speak for the very host that we
 * want is none here, and nothing below it verifies. */
static bool allows(const Signer *s)
{
    const char *host = sts_wolfssl_turn.conn->peer.name;

    return any_under(s->permittedNames, host, true) && !any_under(s->excludedNames, host, false);
}

/* ---- the search ---------------------------------------------------------------------------------- */

static Signer *search_anchors(struct sts_wolfssl_conn *c, void *cm, uint8_t *hash, enum by by,
                              unsigned skip)
{
    struct sts_root root;
    Signer *s;

    for (size_t i = 0; c->w->find(c->w, &c->ask, i, &root); i++) {
        if (!key_fits(&c->ask, &root.key_id) || !in_time(c, &root)) {
            continue;
        }
        if (skip > 0) {
            skip--;
            continue;
        }
        s = root.kind == STS_ROOT_CERT ? load(cm, c, &root, hash, by) : anchor(c, &root);
        if (s != NULL && allows(s)) {
            return s;
        }
    }
    return NULL;
}

/* With the issuer's name, whatever identifier it was found by: what wolfSSL takes a signature for good with, and
 * whose limits it then applies, has to be one and the same CA. */
static Signer *search_known(struct sts_wolfssl_conn *c, void *cm, uint8_t *hash, enum by by)
{
    Signer *s = known(cm, hash, by);

    return s != NULL && allows(s) &&
                   memcmp(s->subjectNameHash, c->ask.hash, sizeof c->ask.hash) == 0
               ? s
               : NULL;
}

/* wolfSSL goes down the chain from its end, so a CA that stands before its issuer has failed by the time it
 * is asked for (RFC 8446 4.4.2 wants any order to do). It gets one more try, now that all are known. */
static Signer *search_chain(struct sts_wolfssl_conn *c, void *cm, uint8_t *hash, enum by by)
{
    struct sts_cert cert;
    struct sts_der id;

    for (int i = 1; c->chain != NULL && i < c->chain_count && i < 32; i++) {
        const WOLFSSL_BUFFER_INFO *der = &c->chain[i];

        if ((c->again >> i & 1u) == 0 || sts_cert_read(&cert, der->buffer, der->length) != STS_OK) {
            continue;
        }
        id = sts_cert_key_id(&cert);
        if (!sts_der_equal(&cert.subject, &c->ask.issuer) || !key_fits(&c->ask, &id)) {
            continue;
        }
        c->again &= ~(UINT32_C(1) << i);
        if (sts_identity_issues(&cert) && take_ca(cm, c, &cert, der->buffer, der->length, false)) {
            return search_known(c, cm, hash, by);
        }
    }
    return NULL;
}

/* wolfSSL looks up the issuer's key identifier where the certificate names one, then the certificate's own, which
 * no issuer has, then the name. */
static bool is_own_id(struct sts_wolfssl_ask *a, enum by by)
{
    bool first = !a->by_id;

    if (by == BY_KEY_ID) {
        a->by_id = true;
    }
    return by == BY_KEY_ID && (!first || a->key_id.at == a->key_id.end);
}

static Signer *get(void *cm, unsigned char *hash, enum by by)
{
    struct sts_wolfssl_conn *c = sts_wolfssl_turn.conn;
    uint8_t wanted[SIGNER_DIGEST_SIZE];
    Signer *s = NULL;
    unsigned skip;

    if (c == NULL) {
        return known(cm, hash, by);
    }
    if (c->ask.on && !is_own_id(&c->ask, by)) {
        memcpy(wanted, hash,
               sizeof wanted); /* wolfSSL's buffer, in a pool that is going to change */
        skip = c->skip;
        s = search_known(c, cm, wanted, by);
        if (s != NULL && skip > 0) {
            skip--;
            s = NULL;
        }
        s = s != NULL ? s : search_anchors(c, cm, wanted, by, skip);
        s = s != NULL ? s : search_chain(c, cm, wanted, by);
    }
    c->issuer = s;
    return s;
}

/* ---- the hooks --------------------------------------------------------------------------------------- */

/* Each is in an object of wolfSSL's that asks us. (This also draws this file out of an archive that stands before
 * wolfSSL's.) */
extern const char sts_wolfssl_hook_asn, sts_wolfssl_hook_internal;

bool sts_wolfssl_hooked(void)
{
    return sts_wolfssl_hook_asn && sts_wolfssl_hook_internal;
}

Signer *sts_wolfssl_get_ca(void *cm, unsigned char *hash)
{
    return get(cm, hash, BY_KEY_ID);
}

Signer *sts_wolfssl_get_ca_by_name(void *cm, unsigned char *hash)
{
    return get(cm, hash, BY_NAME);
}

/* internal.c verifies a certificate of the peer, all at once: */
int sts_wolfssl_parse(DecodedCert *cert, int type, int verify, void *cm, Signer *extra)
{
    struct sts_wolfssl_conn *c = sts_wolfssl_turn.conn;
    int ret, first = 0;

    if (c == NULL) {
        return ParseCertRelative(cert, type, verify, cm, extra);
    }
    if (verify != VERIFY_NAME) {
        c->skip = 0; /* else the key stays with which the signature was good */
    }
    for (;;) {
        ask_for(c, cert->source, cert->maxIdx);
        ret = ParseCertRelative(cert, type, verify, cm, extra);
        c->ask.on = false;
        if (!again(c, &ret, &first)) {
            return ret;
        }
        word32 len = cert->maxIdx;
        const byte *der = cert->source;
        void *heap = cert->heap;

        FreeDecodedCert(cert);
        InitDecodedCert(cert, der, len, heap);
    }
}

#ifdef WOLFSSL_SMALL_CERT_VERIFY
/* or its signature first, and then the rest. */
int sts_wolfssl_check(const byte *cert, word32 len, void *heap, void *cm)
{
    struct sts_wolfssl_conn *c = sts_wolfssl_turn.conn;
    int ret, first = 0;

    if (c == NULL) {
        return wc_CheckCertSignature(cert, len, heap, cm);
    }
    c->skip = 0;
    do {
        ask_for(c, cert, len);
        ret = wc_CheckCertSignature(cert, len, heap, cm);
        c->ask.on = false;
    } while (again(c, &ret, &first));
    c->skip = ret == 0 ? c->skip : 0;
    return ret;
}
#endif

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
        sts_cert_read(&cert, (*der)->buffer, (*der)->length) != STS_OK ||
        !sts_identity_issues(&cert) || path_ends(c, &cert)) {
        FreeDer(der);
    } else {
        ask_for(c, (*der)->buffer, (*der)->length);
        (void)AddCA(cm, der, type, verify);
        c->ask.on = false;
    }
    return WOLFSSL_SUCCESS;
}
