/* SPDX-License-Identifier: MIT
 *
 * The limits of config.h as the Linux board sets them: whole policies, large answers.
 */
#define STS_MX_MAX 32
#define STS_ADDRESS_MAX 16
#define STS_POLICY_MX_SIZE 65536
#define STS_DNS_SERVERS 8
#define STS_DNS_QUERIES 8
#define STS_DNS_SIZE 65535
#define STS_TX_SIZE 16384
#define STS_RX_SIZE 16384
#define STS_REPLY_SIZE 512
#define STS_CACHE_MAX 4096
#define STS_ALLOW_LOOPBACK 1
#define STS_QUEUE_MAX 10000
#define STS_QUEUE_NEXT 1024
#define STS_QUEUE_RECIPIENTS 1000
#define STS_QUEUE_TEXT 262144
#define STS_DKIM 1
#define STS_TLSRPT_MAX 8192
#define STS_TLSRPT_SIZE 32768
#define STS_TLSRPT_URIS 8
