/* SPDX-License-Identifier: MIT
 *
 * The memory for TLS: alone here, so that an image with another size of it is this file and a link (DEFS=-DBOARD_POOL=...).
 */
#include "board.h"

_Alignas(16) uint8_t tls_pool[BOARD_POOL];
const size_t tls_pool_size = sizeof tls_pool;
