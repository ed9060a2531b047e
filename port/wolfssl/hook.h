/* SPDX-License-Identifier: MIT
 *
 * Included by force (-include) before wolfSSL's asn.c and internal.c: where those ask for a signer, or
 * add one from the peer's chain, they ask trust.c instead. That way a root is found when a chain wants
 * it, and nothing that wolfSSL did not verify ever becomes a CA, whatever a verify callback answers. Where
 * internal.c verifies a certificate, trust.c hears which one: without that it finds no root at all.
 *
 * sts_wolfssl_hook_* is defined by each of the two objects; trust.c refers to both, so a library that
 * was built without the hook does not link.
 */
#ifndef STS_WOLFSSL_HOOK_H
#define STS_WOLFSSL_HOOK_H

#include <wolfssl/wolfcrypt/settings.h>
#include <wolfssl/version.h>

#if LIBWOLFSSL_VERSION_HEX < 0x05007002
#error "wolfSSL before 5.7.2: TLS 1.2 without a certificate passes (CVE-2024-5814)"
#endif
#if LIBWOLFSSL_VERSION_HEX >= 0x05008000 && !defined(STS_WOLFSSL_HOOK_CHECKED)
#error                                                                                             \
    "a newer wolfSSL: see that asn.c finds signers by GetCA and GetCAByName alone and does not write to them, that \
internal.c verifies by ParseCertRelative and wc_CheckCertSignature and adds signers by AddCA alone, run the zoo (tests/tls), then define STS_WOLFSSL_HOOK_CHECKED"
#endif

struct Signer;
struct WOLFSSL_CERT_MANAGER;
struct DerBuffer;

#ifdef STS_WOLFSSL_HOOK_ASN
#define GetCA       sts_wolfssl_get_ca
#define GetCAByName sts_wolfssl_get_ca_by_name
struct Signer *sts_wolfssl_get_ca(void *cm, unsigned char *hash);
struct Signer *sts_wolfssl_get_ca_by_name(void *cm, unsigned char *hash);
extern const char sts_wolfssl_hook_asn;
const char sts_wolfssl_hook_asn = 1;
#endif

#ifdef STS_WOLFSSL_HOOK_INTERNAL
#define AddCA                 sts_wolfssl_add_ca
#define ParseCertRelative     sts_wolfssl_parse
#define wc_CheckCertSignature sts_wolfssl_check
extern const char sts_wolfssl_hook_internal;
const char sts_wolfssl_hook_internal = 1;
#endif

#endif
