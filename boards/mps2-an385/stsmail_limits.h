/* SPDX-License-Identifier: MIT
 *
 * The library's limits on this board: a device's defaults, over IPv4.
 */
#define STS_IPV6 0
