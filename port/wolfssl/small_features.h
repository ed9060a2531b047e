/* SPDX-License-Identifier: MIT
 *
 * What wolfSSL can do on a small chip, for the feature file of a board to include: everything that public chains use
 * (P-256, P-384, RSA up to 4096), in C and in little room. The part that is the same everywhere is user_settings.h.
 */
#ifndef STS_WOLFSSL_SMALL_FEATURES_H
#define STS_WOLFSSL_SMALL_FEATURES_H

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

/* Where we only verify with RSA, a key takes 2,100 bytes instead of 8,300. */
#ifndef STS_WOLFSSL_SIGNS_RSA
#define WOLFSSL_RSA_PUBLIC_ONLY
#endif
#define ALT_ECC_SIZE

/* For signing mail, if it is linked: 30 KB of tables less. */
#define ED25519_SMALL

#define MAX_CERTIFICATE_SZ    16384
#define WOLFSSL_MAX_ALT_NAMES 128

/* The groups offered, the preferred one first; a key is sent for that one. */
#define STS_WOLFSSL_GROUPS WOLFSSL_ECC_SECP256R1, WOLFSSL_ECC_SECP384R1

#endif
