/* SPDX-License-Identifier: MIT
 *
 * For your lwipopts.h: makes lwIP's own clients (SNTP, DHCP, IPv6's router advertisements) tell the library
 * what they learn. Used with port/lwip/services.c and stsmail/lwip_services.h.
 *
 *     #define LWIP_DNS 1                        where DHCP or IPv6 is on: they then ask for name servers
 *     #define STS_LWIP_SNTP 1
 *     #include <stsmail/lwip_hooks.h>
 *
 * With LWIP_DNS, lwIP's dns.c is left out of the build (it knows no MX and no TXT, and its table takes RAM): the functions
 * of it that the rest of lwIP calls are in services.c. In lwIP's pools count one UDP pcb each for SNTP and DHCP, and two
 * timeouts (MEMP_NUM_SYS_TIMEOUT) for SNTP; lwIP counts its own.
 */
#ifndef STSMAIL_LWIP_HOOKS_H
#define STSMAIL_LWIP_HOOKS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef STS_LWIP_SNTP
#define STS_LWIP_SNTP 0
#endif

#if STS_LWIP_SNTP
/* An answer counts only from the server that was asked, and with the timestamp that was sent (RFC 4330 5). That is
 * no time of ours but 64 random bits: who does not see the question cannot forge the answer. */
#define SNTP_CHECK_RESPONSE            2
#define SNTP_GET_SYSTEM_TIME_NTP(s, f) sts_lwip_sntp_nonce(&(s), &(f))
#define SNTP_SET_SYSTEM_TIME_NTP(s, f) sts_lwip_sntp_answer(s)
#ifndef SNTP_STARTUP_DELAY
#define SNTP_STARTUP_DELAY 0 /* an alert waits; many devices behind one switch want 1 */
#endif

/* services.c takes DHCP's servers itself, and asks them at once. */
#define SNTP_GET_SERVERS_FROM_DHCP 0
#define SNTP_MAX_SERVERS           1

void sts_lwip_sntp_nonce(int32_t *seconds, uint32_t *fraction);
void sts_lwip_sntp_answer(int32_t seconds);
#endif

#ifdef __cplusplus
}
#endif
#endif
