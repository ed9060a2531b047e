/* SPDX-License-Identifier: MIT
 *
 * Stellaris LM3S6965 evaluation board: a Cortex-M3 with 256 KB of flash and 64 KB of RAM.
 */
#ifndef BOARDS_LM3S6965EVB_MACHINE_H
#define BOARDS_LM3S6965EVB_MACHINE_H

#define BOARD_NAME "lm3s6965evb"
#define BOARD_HZ   12500000u /* the internal oscillator, as it comes out of reset */
#ifndef BOARD_POOL
#define BOARD_POOL 20032u /* bytes for TLS: 1 KB more than the longest chain of the tests takes, to within 100 bytes */
#endif
#define BOARD_LINE 1024u /* bytes of arguments */
#ifndef BOARD_STORE
#define BOARD_STORE 0 /* flash, and the queue on it: 18 KB of flash, 4.5 KB of RAM; beside all public roots 4 KB of flash too much */
#endif
#ifndef BOARD_POLICIES
#define BOARD_POLICIES 0 /* --policy: 530 bytes each */
#endif

#endif
