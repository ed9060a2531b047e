/* SPDX-License-Identifier: MIT
 *
 * How wolfSSL is built for stsmail: the part that is the same everywhere, which is what a peer has to
 * prove. What a board can afford (curves, key sizes, suites, speed) is in a feature file of its own,
 * named by -DSTS_WOLFSSL_FEATURES='"boards/linux/wolfssl_features.h"'.
 */
#ifndef STS_WOLFSSL_USER_SETTINGS_H
#define STS_WOLFSSL_USER_SETTINGS_H

/* One thread, our sockets, our memory, our clock, our entropy. */
#define SINGLE_THREADED
#define WOLFSSL_USER_IO
#define WOLFSSL_NO_SOCK
#define NO_FILESYSTEM
#define NO_WRITEV
#define NO_DEV_RANDOM
#define NO_MAIN_DRIVER
#define NO_ERROR_STRINGS

#define XMALLOC_USER
#define XMALLOC  sts_wolfssl_malloc
#define XREALLOC sts_wolfssl_realloc
#define XFREE    sts_wolfssl_free

#ifndef __ASSEMBLER__
#include <time.h>
#endif
#define TIME_OVERRIDES
#define HAVE_TIME_T_TYPE
#define HAVE_TM_TYPE
#define XTIME   sts_wolfssl_time
#define XGMTIME sts_wolfssl_gmtime

#define HAVE_HASHDRBG
#define CUSTOM_RAND_GENERATE_SEED sts_wolfssl_seed
#ifndef __ASSEMBLER__
int sts_wolfssl_seed(unsigned char *out, unsigned int len);
#endif

/* A client of TLS 1.2 and 1.3, with AEAD suites and ephemeral keys alone. */
#define NO_WOLFSSL_SERVER
#define WOLFSSL_NO_CLIENT_AUTH
#define WOLFSSL_TLS13
#define NO_OLD_TLS
#define NO_PSK
#define NO_SESSION_CACHE
#define HAVE_TLS_EXTENSIONS
#define HAVE_SUPPORTED_CURVES
#define HAVE_SNI
#define HAVE_EXTENDED_MASTER
#define HAVE_RENEGOTIATION_INDICATION /* "we never renegotiate" (RFC 5746 3.4) */
#define HAVE_HKDF
#define HAVE_ECC
#define ECC_USER_CURVES
#define ECC_TIMING_RESISTANT
#define WC_RSA_BLINDING
#define WC_RSA_PSS
#define HAVE_AESGCM
#define NO_AES_CBC
#define NO_AES_192
#define WOLFSSL_AEAD_ONLY
#define HAVE_CHACHA
#define HAVE_POLY1305

/* What is not there cannot be negotiated, nor signed with. */
#define NO_SHA
#define NO_MD5
#define NO_MD4
#define NO_DES3
#define NO_RC4
#define NO_DSA
#define NO_DH
#define NO_PWDBASED
#define NO_PKCS7
#define NO_PKCS8
#define NO_PKCS12
#define NO_CODING
#define WOLFSSL_NO_PEM
#define NO_SIG_WRAPPER
#define WOLFSSL_SHA384
#define WOLFSSL_SHA512

/* Our callback hears of every verdict on a leaf, good ones too: the positive evidence (tls.c). */
#define WOLFSSL_ALWAYS_VERIFY_CB

#ifndef STS_WOLFSSL_FEATURES
#error "STS_WOLFSSL_FEATURES: name the board's feature file, as boards/linux/wolfssl_features.h"
#endif
#include STS_WOLFSSL_FEATURES

/* Each of these lets a peer through that proved nothing, or goes round our own checks. */
#if defined(OPENSSL_EXTRA) || defined(OPENSSL_ALL) || defined(OPENSSL_EXTRA_X509_SMALL)
#error "OPENSSL_EXTRA, OPENSSL_ALL: other verdicts from the verify callback; leave them out"
#endif
#ifdef OPENSSL_COMPATIBLE_DEFAULTS
#error "OPENSSL_COMPATIBLE_DEFAULTS: peers are not verified by default; leave it out"
#endif
#ifdef WOLFSSL_TRUST_PEER_CERT
#error "WOLFSSL_TRUST_PEER_CERT: a forged clone of a CA passes (CVE-2026-93302); leave it out"
#endif
#if defined(HAVE_ANON) || defined(HAVE_NULL_CIPHER) || defined(HAVE_RPK)
#error "HAVE_ANON, HAVE_NULL_CIPHER, HAVE_RPK: TLS without certificate or cipher; leave them out"
#endif
#if defined(HAVE_SESSION_TICKET) || defined(HAVE_SECURE_RENEGOTIATION)
#error                                                                                             \
    "HAVE_SESSION_TICKET, HAVE_SECURE_RENEGOTIATION: each connection proves itself; leave them out"
#endif
#if defined(WOLFSSL_ALT_CERT_CHAINS) || defined(WOLFSSL_VERIFY_CB_ALL_CERTS) ||                    \
    defined(WOLFSSL_SMALL_CERT_VERIFY_NO_CHECK) || defined(WOLFSSL_NO_TRUSTED_CERTS_VERIFY)
#error "WOLFSSL_ALT_CERT_CHAINS and the like: the port's verify callback does this itself"
#endif
#if defined(IGNORE_NAME_CONSTRAINTS) || defined(IGNORE_KEY_EXTENSIONS) ||                          \
    defined(ALLOW_INVALID_CERTSIGN) || defined(NO_SKID) || defined(NO_ASN_TIME)
#error "a check of certificates is turned off"
#endif
#if defined(NO_WOLFSSL_CM_VERIFY) || defined(WOLFSSL_NO_MALLOC)
#error "RSA keys of CAs are not kept (wolfSSL's ParseCert), so no RSA chain verifies"
#endif
#if defined(HAVE_OCSP) || defined(HAVE_CRL) || defined(HAVE_CERTIFICATE_STATUS_REQUEST_V2) ||      \
    defined(WOLFSSL_ASYNC_CRYPT) || defined(WOLFSSL_AKID_NAME)
#error "other ways to look a signer up: the trust store's hook (trust.c) would be gone round"
#endif
#if defined(HAVE_PK_CALLBACKS) || defined(WOLFSSL_DUAL_ALG_CERTS) ||                               \
    defined(WOLFSSL_SIGNER_DER_CERT)
#error "more in a signer, or in a certificate that is verified, than trust.c puts there"
#endif
#ifndef NO_SHA
#error                                                                                             \
    "NO_SHA: with SHA-1 wolfSSL finds signers by that, trust.c by SHA-256; and a weak signature would verify"
#endif

#endif
