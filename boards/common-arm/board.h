/* SPDX-License-Identifier: MIT
 *
 * What the files of a firmware image share. Under "the board" stands what each folder boards/NAME/ brings
 * itself; the rest is here and the same for all.
 */
#ifndef BOARDS_COMMON_ARM_BOARD_H
#define BOARDS_COMMON_ARM_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stsmail/mailer.h>
#include <stsmail/wolfssl.h>

#include "machine.h" /* BOARD_NAME, BOARD_HZ, BOARD_POOL */

struct netif;

/* ---- the board (boards/NAME/) --------------------------------------------------------------- */

/* Clocks and the UART. */
void board_init(void);

/* One character on the UART; waits for room. */
void board_putc(char c);

/* For netif_add(): resets the Ethernet controller and fills in the driver's functions. */
int8_t board_netif_init(struct netif *netif);

/* Hands at most one frame to lwIP. Returns whether there was one. */
bool board_netif_poll(struct netif *netif);

/* ---- start-up (startup.c) ------------------------------------------------------------------- */

/* Bytes of the stack, and the most of them that were ever used (the rest still has its paint). */
size_t stack_size(void);
size_t stack_peak(void);

/* ---- the debugger's services (semihost.c): arguments, calendar, exit --------------------------- */

/* The command line as the debugger has it, NUL-ended. False if there is none, or it does not fit. */
bool semihost_arguments(char *out, size_t size);

/* Seconds since 1970; 0: not known. */
int64_t semihost_time(void);

/* Text for the debugger's console (QEMU: its standard error). */
void semihost_say(const char *text);

/* A file of the host: opened, back to its start, read on (fewer than size: its end). */
bool semihost_open(const char *file, uint32_t *handle);
bool semihost_rewind(uint32_t handle);
size_t semihost_get(uint32_t handle, void *buf, size_t size);

/* Fills buf from a file of the host, opened and closed. */
bool semihost_read(const char *file, void *buf, size_t len);

_Noreturn void semihost_exit(int status);

/* ---- time (clock.c) ------------------------------------------------------------------------- */

void clock_init(void);
uint32_t clock_ms(void);
uint32_t clock_us(void); /* with QEMU's -icount shift=0: 1000 instructions each */

/* The time as the library wants it. The calendar is read from the debugger once, at the start, or set by
 * clock_set(); a real board reads its RTC, or asks SNTP. */
void clock_now(struct sts_time *now);
void clock_set(int64_t utc_s);

/* Sleeps until the next interrupt: at most a millisecond. */
void clock_sleep(void);

/* ---- entropy (entropy.c): TEST ONLY --------------------------------------------------------- */

extern const struct sts_random board_random;

/* For lwIP: sequence numbers, ports of its own. */
uint32_t board_rand32(void);

/* ---- trust anchors: a table in flash (roots.S) ---------------------------------------------- */

extern const char roots_table[];
extern const char roots_table_end[];

/* ---- the command line (args.c) -------------------------------------------------------------- */

#define ARGS_RECIPIENTS 4 /* addresses; each takes the mailer's struct sts_recipient */

struct args {
    const char *from, *hostname, *subject, *body, *message;
    struct sts_endpoint dns[STS_DNS_SERVERS];
    size_t dns_count;
    const char *to[ARGS_RECIPIENTS];
    size_t to_count;
    struct sts_domain_floor floors[ARGS_RECIPIENTS];
    size_t floors_count;
    uint8_t floor;
    uint32_t timeout_s, smtp_port, https_port;
    struct sts_ip ip, gateway;
    uint8_t prefix;
    bool verbose;
    int64_t now; /* -1: not given */
};

/* Splits `line` in place and reads it. NULL, or what is wrong, for a person. */
const char *args_read(struct args *a, char *line);

/* ---- the UART (report.c) -------------------------------------------------------------------- */

void put_text(const char *text);
void put_number(uint32_t n);

/* The JSON of one delivery, in the order in which it becomes known: begin, an attempt each, end. */
void report_begin(const char *domain);
void report_attempt(void *ctx, const struct sts_attempt *attempt);
void report_decision(void *ctx, const struct sts_decision *decision);
int report_end(const struct sts_recipient *recipients, size_t count, int error); /* exit status */

/* What the run took. */
struct effort {
    uint32_t polls, longest_us, all_us; /* calls of sts_mailer_poll() */
};
void report_effort(const struct sts_wolfssl *wolf, const struct effort *effort);

#endif
