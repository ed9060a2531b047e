/* SPDX-License-Identifier: MIT
 *
 * The limits of the library. Each has a default for a small device, a unit, a range
 * and a price in bytes of struct sts_mailer. To change one, define it for the
 * compiler (-DSTS_MX_MAX=8), or name a header of your own that does:
 * -DSTS_CONFIG_FILE='"my_limits.h"'. The library and the program that includes
 * its headers must agree: sts_mailer_init() checks that they do.
 */
#ifndef STSMAIL_CONFIG_H
#define STSMAIL_CONFIG_H

/* The limits of an installed library; pkg-config says -DSTS_CONFIG_FILE=STS_CONFIG_INSTALLED, since quotes would not
 * survive a shell or a makefile. */
#define STS_CONFIG_INSTALLED <stsmail/limits.h>

#ifdef STS_CONFIG_FILE
#include STS_CONFIG_FILE
#endif

/* Bytes of a name with its NUL: RFC 1035 2.3.4 allows 253 characters as text. Fixed. */
#define STS_NAME_SIZE 254

/* MX hosts kept per domain, best preference first. 1..64. 256 bytes each. */
#ifndef STS_MX_MAX
#define STS_MX_MAX 4
#endif

/* Addresses kept per host, both families together. 1..32. 20 bytes each. */
#ifndef STS_ADDRESS_MAX
#define STS_ADDRESS_MAX 4
#endif

/* Bytes for the mx patterns of a policy, each with a NUL. 256..65536. One byte each.
 * A policy with more is kept with those that fit, and marked as cut. */
#ifndef STS_POLICY_MX_SIZE
#define STS_POLICY_MX_SIZE 768
#endif

/* DNS servers. 1..8. 20 bytes each. */
#ifndef STS_DNS_SERVERS
#define STS_DNS_SERVERS 3
#endif

/* DNS questions in flight at once: MX, TXT and two addresses of the policy host, then two of an
 * MX. 4..16. About 320 bytes each. */
#ifndef STS_DNS_QUERIES
#define STS_DNS_QUERIES 6
#endif

/* Bytes of the largest DNS message that can be read. 1232..65535. One byte each. A larger one
 * counts as a temporary failure. */
#ifndef STS_DNS_SIZE
#define STS_DNS_SIZE 1232
#endif

/* Buffers of the one connection that is open at a time. 512..16384 each: 512 holds one SMTP
 * command (RFC 5321 4.5.3.1.4); more makes fewer TLS records of a message. One byte each. */
#ifndef STS_TX_SIZE
#define STS_TX_SIZE 1024
#endif
#ifndef STS_RX_SIZE
#define STS_RX_SIZE 512
#endif

/* Bytes kept of the reply that decided about a recipient, with NUL. 64..1024. One byte each, per
 * recipient (the caller's array) and once in the mailer. */
#ifndef STS_REPLY_SIZE
#define STS_REPLY_SIZE 128
#endif

/* Policies in the cache, a store permitting. 1..65535. No RAM: they live in the store. */
#ifndef STS_CACHE_MAX
#define STS_CACHE_MAX 8
#endif

/* Messages in the queue, the reserved slot for a critical one among them. 2..65535. No RAM: they live in the store. */
#ifndef STS_QUEUE_MAX
#define STS_QUEUE_MAX 16
#endif

/* Messages that the queue chooses in one look at the store, which reads all entries. 1..65535. 16 bytes of struct sts_queue
 * each. More pay where many wait: of n, n / STS_QUEUE_NEXT looks are taken rather than n. */
#ifndef STS_QUEUE_NEXT
#define STS_QUEUE_NEXT 1
#endif

/* Recipients of one queued message. 1..1000. About 160 bytes each, in struct sts_queue. */
#ifndef STS_QUEUE_RECIPIENTS
#define STS_QUEUE_RECIPIENTS 4
#endif

/* Bytes for the addresses of one queued message, its sender among them, each with a NUL. 512..262144. One byte each. */
#ifndef STS_QUEUE_TEXT
#define STS_QUEUE_TEXT 768
#endif

/* Records that the flash store holds: two for each queued message, two for each domain, and what else is kept.
 * 1..65535. 20 bytes of struct sts_flash_store each. */
#ifndef STS_FLASH_RECORDS
#define STS_FLASH_RECORDS (2 * STS_QUEUE_MAX + 2 * STS_CACHE_MAX + 3 * STS_TLSRPT_MAX + 8)
#endif

/* Bytes that the flash store writes at once. 288..4096, no less than the flash's program_size, of which it is a
 * multiple where that is over 32. One byte each; a smaller piece makes more of them, with 16 bytes of head each. */
#ifndef STS_FLASH_PIECE
#define STS_FLASH_PIECE 512
#endif

/* Largest policy file taken, bytes. RFC 8461 3.3 suggests 64 KB. Fixed: no memory. */
#define STS_POLICY_FILE_MAX 65536u

/* Whether MX and policy hosts at loopback addresses are used. 0 or 1. A device says no; Linux says
 * yes, since a local relay is a common set-up. */
#ifndef STS_ALLOW_LOOPBACK
#define STS_ALLOW_LOOPBACK 0
#endif

/* Whether IPv6 addresses are looked up (AAAA) and used. 0 or 1. */
#ifndef STS_IPV6
#define STS_IPV6 1
#endif

/* Whether the conversation and the steps can be logged (struct sts_log). 0 or 1. The sentences and the calls take
 * about 5 KB of code; results and errors are the same without. */
#ifndef STS_LOG
#define STS_LOG 1
#endif

/* Whether mail can be signed (dkim.h). 0 or 1. About 2.5 KB of code, beside what the port's key takes. */
#ifndef STS_DKIM
#define STS_DKIM 0
#endif

/* Bytes of the longest DKIM signature. 64..512: Ed25519 64, RSA-2048 256, RSA-4096 512. One and a half bytes each, in
 * struct sts_dkim. */
#ifndef STS_DKIM_SIGNATURE
#define STS_DKIM_SIGNATURE 512
#endif

/* Records of the store that TLS reports may take (tlsrpt.h): one for each day and domain that is not reported yet, one for
 * each policy's text; and as many again that say when one is tried again, and what refused one. 0..65535. 60 bytes of struct sts_flash_store each; in the store, up to STS_TLSRPT_SIZE each. */
#ifndef STS_TLSRPT_MAX
#define STS_TLSRPT_MAX 8
#endif

/* Bytes of what is counted for one domain on one day; a fifth of it may be a policy's text. 2560..65535. One byte each, in
 * struct sts_tlsrpt and in struct sts_tlsrpt_report. */
#ifndef STS_TLSRPT_SIZE
#define STS_TLSRPT_SIZE 2560
#endif

/* Report addresses kept of a domain's TLSRPT record. 1..16. STS_TLSRPT_URI_SIZE bytes each. */
#ifndef STS_TLSRPT_URIS
#define STS_TLSRPT_URIS 2
#endif

#if STS_MX_MAX < 1 || STS_MX_MAX > 64
#error "STS_MX_MAX: 1..64 hosts"
#endif
#if STS_ADDRESS_MAX < 1 || STS_ADDRESS_MAX > 32
#error "STS_ADDRESS_MAX: 1..32 addresses"
#endif
#if STS_POLICY_MX_SIZE < 256 || STS_POLICY_MX_SIZE > 65536
#error "STS_POLICY_MX_SIZE: 256..65536 bytes"
#endif
#if STS_DNS_SERVERS < 1 || STS_DNS_SERVERS > 8
#error "STS_DNS_SERVERS: 1..8 servers"
#endif
#if STS_DNS_QUERIES < 4 || STS_DNS_QUERIES > 16
#error "STS_DNS_QUERIES: 4..16 questions"
#endif
#if STS_DNS_SIZE < 1232 || STS_DNS_SIZE > 65535
#error "STS_DNS_SIZE: 1232..65535 bytes"
#endif
#if STS_TX_SIZE < 512 || STS_TX_SIZE > 16384 || STS_RX_SIZE < 512 || STS_RX_SIZE > 16384
#error "STS_TX_SIZE, STS_RX_SIZE: 512..16384 bytes"
#endif
#if STS_REPLY_SIZE < 64 || STS_REPLY_SIZE > 1024
#error "STS_REPLY_SIZE: 64..1024 bytes"
#endif
#if STS_QUEUE_MAX < 2 || STS_QUEUE_MAX > 65535
#error "STS_QUEUE_MAX: 2..65535 messages"
#endif
#if STS_QUEUE_NEXT < 1 || STS_QUEUE_NEXT > 65535
#error "STS_QUEUE_NEXT: 1..65535 messages"
#endif
#if STS_QUEUE_RECIPIENTS < 1 || STS_QUEUE_RECIPIENTS > 1000
#error "STS_QUEUE_RECIPIENTS: 1..1000"
#endif
#if STS_QUEUE_TEXT < 512 || STS_QUEUE_TEXT > 262144
#error "STS_QUEUE_TEXT: 512..262144 bytes"
#endif
#if STS_FLASH_PIECE < 288 || STS_FLASH_PIECE > 4096 || STS_FLASH_PIECE % 32 != 0
#error "STS_FLASH_PIECE: 288..4096 bytes, a multiple of 32"
#endif
#if STS_DKIM_SIGNATURE < 64 || STS_DKIM_SIGNATURE > 512
#error "STS_DKIM_SIGNATURE: 64..512 bytes"
#endif
#if STS_CACHE_MAX < 1 || STS_CACHE_MAX > 65535
#error "STS_CACHE_MAX: 1..65535 policies"
#endif

#if STS_TLSRPT_MAX < 0 || STS_TLSRPT_MAX > 65535
#error "STS_TLSRPT_MAX: 0..65535 records"
#endif
#if STS_TLSRPT_SIZE < 2560 || STS_TLSRPT_SIZE > 65535
#error "STS_TLSRPT_SIZE: 2560..65535 bytes"
#endif
#if STS_TLSRPT_URIS < 1 || STS_TLSRPT_URIS > 16
#error "STS_TLSRPT_URIS: 1..16 addresses"
#endif

#endif
