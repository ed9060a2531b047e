/* SPDX-License-Identifier: MIT
 *
 * Arm MPS2 with the AN385 image: a Cortex-M3 with 4 MB of each memory.
 */
#ifndef BOARDS_MPS2_AN385_MACHINE_H
#define BOARDS_MPS2_AN385_MACHINE_H

#define BOARD_NAME "mps2-an385"
#define BOARD_HZ   25000000u
#ifndef BOARD_POOL
#define BOARD_POOL (32u * 1024u) /* bytes for TLS */
#endif
#define BOARD_LINE 2048u /* bytes of arguments */
#ifndef BOARD_STORE
#define BOARD_STORE 1 /* flash, and the queue on it */
#endif
#define BOARD_POLICIES 2 /* policies that can be given by --policy */

#endif
