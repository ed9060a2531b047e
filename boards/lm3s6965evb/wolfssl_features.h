/* SPDX-License-Identifier: MIT
 *
 * What wolfSSL can do on this board: everything that public chains use (P-256, P-384, RSA up to 4096), with
 * the assembly for Cortex-M. The part that is the same everywhere is port/wolfssl/user_settings.h.
 */
#define WOLFSSL_SMALL_STACK
#define HAVE_ECC384
#define WOLFSSL_AES_SMALL_TABLES
#define GCM_TABLE_4BIT
#define USE_SLOW_SHA256
#define USE_SLOW_SHA512

#define WOLFSSL_SP_MATH
#define WOLFSSL_HAVE_SP_ECC
#define WOLFSSL_HAVE_SP_RSA
#define WOLFSSL_SP_SMALL
#define WOLFSSL_SP_384
#define WOLFSSL_SP_4096
#ifndef BOARD_PLAIN_C /* the bench measures what it is without, too */
#define WOLFSSL_SP_ASM
#define WOLFSSL_SP_ARM_CORTEX_M_ASM
#endif

/* We only verify with RSA: a key takes 2,100 bytes instead of 8,300. */
#define WOLFSSL_RSA_PUBLIC_ONLY
#define ALT_ECC_SIZE

/* For signing mail, if it is linked: 30 KB of tables less. RSA is not signed with here. */
#define ED25519_SMALL

/* A certificate's signature is checked before the rest of it is taken apart: 8 KB less where it has 60 names. */
#define WOLFSSL_SMALL_CERT_VERIFY

#define MAX_CERTIFICATE_SZ    16384
#define WOLFSSL_MAX_ALT_NAMES 128

/* The groups offered, the preferred one first; a key is sent for that one. */
#define STS_WOLFSSL_GROUPS WOLFSSL_ECC_SECP256R1, WOLFSSL_ECC_SECP384R1
