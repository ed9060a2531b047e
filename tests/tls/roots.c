/* SPDX-License-Identifier: MIT
 *
 * X31: every root of a CA file serves as an anchor, from the table and from the text. wolfSSL parses each root by
 * itself; then the port is asked, as in a handshake, for the issuer of that name: it has to hand wolfSSL a signer with the
 * very key, name and path length that wolfSSL parsed, within the root's dates and not outside of them.
 *
 *     roots CAFILE [TABLE]     TABLE: one that was made of it by `make trust`
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../port/wolfssl/local.h"

#include <wolfssl/internal.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#include <stsmail/posix.h>

Signer *sts_wolfssl_get_ca(void *cm, unsigned char *hash);
Signer *sts_wolfssl_get_ca_by_name(void *cm, unsigned char *hash);
int sts_wolfssl_parse(DecodedCert *cert, int type, int verify, void *cm, Signer *extra);

static struct sts_wolfssl wolf;
static _Alignas(16) uint8_t pool[STS_WOLFSSL_POOL];
static int passed, failed, sha1, zero;

static void check(bool ok, const char *what, const char *name)
{
    *(ok ? &passed : &failed) += 1;
    if (!ok) {
        printf("FAILED X31 %s: %s\n", what, name);
    }
}

/* wolfSSL refuses the serial number 0, which nine of Debian's roots have. That is nothing to an anchor, but our
 * oracle is wolfSSL: it gets to see a 1. Whether there was one to change. */
static bool serial_changed(uint8_t *der, size_t len)
{
    struct sts_der d = {der, der + len}, serial;

    if (!sts_der_take(&d, STS_DER_SEQUENCE, &d) || !sts_der_take(&d, STS_DER_SEQUENCE, &d) ||
        !sts_der_take(&d, 0xa0, &serial) || !sts_der_take(&d, STS_DER_INTEGER, &serial) ||
        serial.end - serial.at != 1 || *serial.at != 0) {
        return false;
    }
    der[serial.at - der] = 1;
    return true;
}

/* As a peer's CA under that root: found, and the same that wolfSSL parsed. */
struct asked {
    bool found, same, twins; /* twins: another has its name */
};

static bool same_signer(const Signer *s, const DecodedCert *cert, const struct sts_cert *own)
{
    return s->keyOID == cert->keyOID && s->pubKeySize == cert->pubKeySize &&
           memcmp(s->publicKey, cert->publicKey, s->pubKeySize) == 0 &&
           memcmp(s->subjectNameHash, cert->subjectHash, SIGNER_DIGEST_SIZE) == 0 &&
           s->maxPathLen == sts_cert_path(own) &&
           (!cert->pathLengthSet || s->maxPathLen == cert->pathLength);
}

static struct asked ask(const uint8_t *der, size_t len, const struct sts_cert *own, int64_t at)
{
    struct sts_wolfssl_conn conn = {.w = &wolf, .peer = {.name = "mx.example.org"}};
    WOLFSSL_CERT_MANAGER *cm = wolfSSL_CertManagerNew();
    struct asked a = {0};
    struct sts_root root;
    DecodedCert cert;
    Signer *s;

    InitDecodedCert(&cert, der, (word32)len, NULL);
    check(ParseCert(&cert, CA_TYPE, NO_VERIFY, cm) == 0, "wolfSSL can read it", "a root");
    conn.ask.on = true;
    conn.ask.issuer = own->subject;
    conn.ask.key_id = sts_cert_key_id(own);
    memcpy(conn.ask.hash, cert.subjectHash, sizeof conn.ask.hash);
    sts_wolfssl_turn.conn = &conn;
    sts_wolfssl_turn.utc_s = at;
    s = cert.extSubjKeyIdSet ? sts_wolfssl_get_ca(cm, cert.extSubjKeyId) : &conn.root;
    a.found = s != NULL && s == sts_wolfssl_get_ca_by_name(cm, cert.subjectHash);
    a.same = a.found && same_signer(s, &cert, own);
    a.twins = wolf.find(&wolf, &conn.ask, 1, &root);
    FreeDecodedCert(&cert);
    sts_pool_give(&wolf.pool, conn.root_der);
    sts_wolfssl_turn.conn = NULL;
    wolfSSL_CertManagerFree(cm);
    return a;
}

/* What a root says of itself, verified with its own key. wolfSSL is built without SHA-1: such a root is an anchor
 * nonetheless. */
static bool verifies_itself(const uint8_t *der, size_t len, int64_t at)
{
    struct sts_wolfssl_conn conn = {.w = &wolf, .peer = {.name = "mx.example.org"}};
    WOLFSSL_CERT_MANAGER *cm = wolfSSL_CertManagerNew();
    DecodedCert cert;
    int result;

    sts_wolfssl_turn.conn = &conn;
    sts_wolfssl_turn.utc_s = at;
    InitDecodedCert(&cert, der, (word32)len, NULL);
    result = sts_wolfssl_parse(&cert, CERT_TYPE, VERIFY, cm, NULL);
    sha1 += cert.signatureOID == CTC_SHAwRSA;
    result = cert.signatureOID == CTC_SHAwRSA ? 0 : result;
    FreeDecodedCert(&cert);
    sts_pool_give(&wolf.pool, conn.root_der);
    sts_wolfssl_turn.conn = NULL;
    wolfSSL_CertManagerFree(cm);
    return result == 0;
}

static void one(uint8_t *der, size_t len, const char *from)
{
    struct sts_cert own;
    struct asked a;
    char name[80];
    bool changed = serial_changed(der, len);

    zero += changed;
    if (sts_cert_read(&own, der, len) != STS_OK) {
        check(false, from, "a certificate that cannot be read");
        return;
    }
    snprintf(name, sizeof name, "%s, root of %zu octets, serves until %lld", from, len,
             (long long)own.until_s);
    a = ask(der, len, &own, own.from_s + 86400);
    check(a.found && a.same, "the signer has the root's key", name);
    check(changed || verifies_itself(der, len, own.from_s + 86400), "its own signature", name);
    check(ask(der, len, &own, own.from_s).found && ask(der, len, &own, own.until_s).found,
          "the first and the last second", name);
    check(a.twins || !ask(der, len, &own, own.from_s - 1).found, "before its time it is absent",
          name);
    check(a.twins || !ask(der, len, &own, own.until_s + 1).found, "expired, it is absent", name);
    check(wolf.pool.failed == 0, "memory", name);
}

static void every(const char *pem, size_t len, const char *from)
{
    static uint8_t der[65536];
    const char *at = pem;
    size_t used = wolf.pool.used;
    struct sts_pem b;

    while (sts_pem_next(&at, pem + len, &b)) {
        one(der, sts_pem_copy(&b, 0, b.size, der), from);
    }
    check(wolf.pool.used == used, "what was taken is given back", from);
}

static const void *map(const char *name, size_t *len)
{
    int fd = open(name, O_RDONLY);
    struct stat st;
    void *at = MAP_FAILED;

    if (fd >= 0 && fstat(fd, &st) == 0) {
        *len = (size_t)st.st_size;
        at = mmap(NULL, *len, PROT_READ, MAP_PRIVATE, fd, 0);
        close(fd);
    }
    return at == MAP_FAILED ? NULL : at;
}

int main(int argc, char **argv)
{
    size_t len = 0, made_len = 0;
    const char *pem = argc > 1 ? map(argv[1], &len) : NULL;
    const void *made_by_tool = argc > 2 ? map(argv[2], &made_len) : NULL;
    void *table = malloc(len + 16);
    struct sts_wolfssl_made made;
    int count;

    if (pem == NULL || table == NULL ||
        sts_wolfssl_init(&wolf, pool, sizeof pool, &sts_posix_random) != STS_OK) {
        return 2;
    }
    check(sts_wolfssl_trust_pem(&wolf, pem, len) > 0, "the text", argv[1]);
    every(pem, len, "text");
    count = sts_wolfssl_table_make(pem, len, table, len + 16, &made);
    check(count > 0 && made.unreadable == 0 && made.unfit == 0, "the table", argv[1]);
    check(sts_wolfssl_trust_table(&wolf, table, made.size) == count, "the table's roots", argv[1]);
    every(pem, len, "table");
    check(made_by_tool == NULL ||
              (made_len == made.size && memcmp(made_by_tool, table, made_len) == 0),
          "the tool makes the same table", argv[1]);
    free(table);
    printf("roots: %d in %zu octets (%d signed with SHA-1, %d with serial number 0): %d passed, %d "
           "failed\n",
           count, made.size, sha1 / 2, zero / 2, passed, failed);
    return failed != 0;
}
