/* SPDX-License-Identifier: MIT
 *
 * wolfSSL for a chip of which nothing is known.
 */
#include "port/wolfssl/small_features.h"
