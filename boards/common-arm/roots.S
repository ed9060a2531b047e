/* SPDX-License-Identifier: MIT
 *
 * The trust anchors, in flash: the table that BOARD_ROOTS names.
 */
        .syntax unified
        .section .rodata.roots, "a"
        .global roots_table, roots_table_end
roots_table:
        .incbin BOARD_ROOTS
roots_table_end:
        .byte 0
