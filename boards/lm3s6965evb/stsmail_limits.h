/* SPDX-License-Identifier: MIT
 *
 * The library's limits on this board: IPv4, no sentences in the log, and the smallest buffers that lose nothing
 * but a few octets of overhead.
 */
#define STS_IPV6           0
#define STS_LOG            0
#define STS_TX_SIZE        512
#define STS_RX_SIZE        512
#define STS_POLICY_MX_SIZE 512
#define STS_DNS_QUERIES    4 /* without AAAA: MX, TXT, policy host, MX host */
#define STS_DKIM_SIGNATURE 64 /* with DKIM=1: Ed25519 alone */
#define STS_TLSRPT_MAX     0 /* it does not report */
