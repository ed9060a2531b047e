/* SPDX-License-Identifier: MIT
 *
 * What wolfSSL can do on Linux: all curves and key sizes that are met in mail, chains of any sane
 * size, and the fast code of the machine. The part that is the same on every board is
 * port/wolfssl/user_settings.h.
 */
#define HAVE_ECC384
#define HAVE_CURVE25519
#define WOLFSSL_AES_256
#define GCM_TABLE_4BIT
#define HAVE_ALPN

/* Any RSA size up to 4096 bits; the usual ones and the curves have code of their own. */
#define WOLFSSL_SP_MATH_ALL
#define SP_INT_BITS 4096
#define WOLFSSL_HAVE_SP_ECC
#define WOLFSSL_HAVE_SP_RSA
#define WOLFSSL_SP_384
#define WOLFSSL_SP_4096
#ifdef __SIZEOF_INT128__ /* what wolfSSL's configure would find out */
#define HAVE___UINT128_T 1
#endif
#if defined(__x86_64__) && !defined(STS_WOLFSSL_NO_ASM)
#define WOLFSSL_SP_ASM
#define WOLFSSL_SP_X86_64_ASM
#define WOLFSSL_X86_64_BUILD
#define USE_INTEL_SPEEDUP
#elif defined(__aarch64__) && !defined(STS_WOLFSSL_NO_ASM)
#define WOLFSSL_SP_ASM
#define WOLFSSL_SP_ARM64_ASM
#endif

/* `stsmail keygen`. */
#define WOLFSSL_KEY_GEN
#define WOLFSSL_NO_DER_TO_PEM /* PEM is written by port/wolfssl, and this would want all of Base64 */

/* Bytes of a Certificate message: a leaf with a thousand names has 30,000. */
#define MAX_CERTIFICATE_SZ 65536
#define WOLFSSL_MAX_ALT_NAMES 2048

/* The groups offered, the preferred one first; a key is sent for that one. */
#define STS_WOLFSSL_GROUPS WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1, WOLFSSL_ECC_SECP384R1
