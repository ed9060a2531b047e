/* SPDX-License-Identifier: MIT
 *
 * The trust anchors as they are: PEM, in flash. BOARD_CA names the file.
 */
        .syntax unified
        .section .rodata.roots, "a"
        .global roots_pem, roots_pem_end
roots_pem:
        .incbin BOARD_CA
roots_pem_end:
        .byte 0
