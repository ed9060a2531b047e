/* SPDX-License-Identifier: MIT
 *
 * The library's limits on this board: a device's defaults, over IPv4 and IPv6.
 */
#ifndef STS_IPV6
#define STS_IPV6 1
#endif
