/* SPDX-License-Identifier: MIT
 *
 * What the signers share: the two hashes, and whose turn it is.
 */
#ifndef STS_WOLFSSL_SIGN_LOCAL_H
#define STS_WOLFSSL_SIGN_LOCAL_H

#include "local.h"

#include <stsmail/wolfssl_sign.h>

/* wolfSSL's hooks now serve this one. */
void sts_wolfssl_sign_turn(const struct sts_wolfssl_signer *s);

/* Fills *s but for the key. */
void sts_wolfssl_sign_start(struct sts_wolfssl_signer *s, struct sts_wolfssl *w, const uint8_t *key,
                            size_t len);

/* Of a code of wolfCrypt. */
int sts_wolfssl_sign_error(int code);

#endif
