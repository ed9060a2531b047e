/* SPDX-License-Identifier: MIT
 *
 * What wolfSSL can do on this board: what any small chip can, with the assembly for Cortex-M.
 */
#if defined(STS_DKIM) && STS_DKIM
#define STS_WOLFSSL_SIGNS_RSA /* DKIM=1 */
#endif
#include "port/wolfssl/small_features.h"

#ifndef BOARD_PLAIN_C /* the bench measures what it is without, too */
#define WOLFSSL_SP_ASM
#define WOLFSSL_SP_ARM_CORTEX_M_ASM
#endif
