/* SPDX-License-Identifier: MIT
 *
 * A device's machine, for the gate that only compiles.
 */
#include <stdint.h>
#define LWIP_ERRNO_STDINCLUDE 1
#define LWIP_RAND()           device_random()
uint32_t device_random(void);
typedef uint32_t sys_prot_t;
