/* SPDX-License-Identifier: MIT
 *
 * A TAP device, as the network card of this board. No header of lwIP or of the kernel here: the two do not get on.
 */
#ifndef BOARDS_LINUX_LWIP_TAP_H
#define BOARDS_LINUX_LWIP_TAP_H

#include <stdint.h>

#define TAP_FRAME_MAX 1518 /* bytes of an Ethernet frame with a VLAN tag, without its checksum */

/* Opens the device of that name, which is made if this user may. A descriptor, or -1: errno says why. */
int tap_open(const char *name);

/* Waits for a frame; its bytes, or -1 at the end. */
int32_t tap_read(int fd, void *frame, uint32_t size);

/* Whether the frame was taken. */
int tap_write(int fd, const void *frame, uint32_t len);

#endif
