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

#include <stsmail/clock.h>
#include <stsmail/mailer.h>
#include <stsmail/wolfssl.h>

#include "machine.h" /* BOARD_NAME, BOARD_HZ, BOARD_POOL, BOARD_LINE, BOARD_POLICIES */

struct netif;

#ifndef BOARD_TLSRPT
#define BOARD_TLSRPT 0 /* TLSRPT=1 */
#endif
#if BOARD_TLSRPT && !BOARD_STORE
#error "TLSRPT=1 needs flash to count in (BOARD_STORE)"
#endif

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

/* ---- the debugger's services (semihost.c): arguments, files, exit ------------------------------ */

/* The command line as the debugger has it, NUL-ended. False if there is none, or it does not fit. */
bool semihost_arguments(char *out, size_t size);

/* Text for the debugger's console (QEMU: its standard error). */
void semihost_say(const char *text);

/* A file of the host: opened, back to its start, read on (fewer than size: its end), closed. */
bool semihost_open(const char *file, uint32_t *handle);
bool semihost_rewind(uint32_t handle);
size_t semihost_get(uint32_t handle, void *buf, size_t size);
bool semihost_open_to_write(const char *file, bool anew, uint32_t *handle); /* anew: empty */
uint32_t semihost_length(uint32_t handle);
bool semihost_seek(uint32_t handle, uint32_t at);
bool semihost_put(uint32_t handle, const void *buf, size_t size);
void semihost_close(uint32_t handle);

/* Fills buf from a file of the host, opened and closed. */
bool semihost_read(const char *file, void *buf, size_t len);

_Noreturn void semihost_exit(int status);

/* ---- time (clock.c) ------------------------------------------------------------------------- */

void clock_init(void);
uint32_t clock_ms(void);
uint32_t clock_us(void); /* with QEMU's -icount shift=0: 1000 instructions each */

/* The calendar: not known until clock_set(), or until SNTP sets it (network.c). */
extern struct sts_clock calendar;
void clock_remember(const struct sts_store *store); /* before it is set; may be NULL */
void clock_now(struct sts_time *now);
void clock_set(int64_t utc_s); /* as an RTC says, or a person */

/* Sleeps until the next interrupt: at most a millisecond. */
void clock_sleep(void);

/* ---- entropy (entropy.c): TEST ONLY --------------------------------------------------------- */

extern const struct sts_random board_random;

/* For lwIP: sequence numbers, ports of its own. */
uint32_t board_rand32(void);

/* ---- trust anchors: a table in flash (roots.S) ---------------------------------------------- */

extern const char roots_table[];
extern const char roots_table_end[];

/* ---- memory for TLS (memory.c) --------------------------------------------------------------- */

extern uint8_t tls_pool[];
extern const size_t tls_pool_size;

/* ---- the command line (args.c) -------------------------------------------------------------- */

#define ARGS_RECIPIENTS 4 /* addresses; each takes the mailer's struct sts_recipient */

struct args {
    const char *from, *hostname, *subject, *body, *to_header, *message;
    struct sts_endpoint dns[STS_DNS_SERVERS];
    size_t dns_count;
    const char *to[ARGS_RECIPIENTS];
    size_t to_count;
    struct sts_domain_floor floors[ARGS_RECIPIENTS];
    size_t floors_count;
    uint8_t floor;
    uint32_t timeout_s, smtp_port, https_port;
    struct sts_ip ip, gateway, sntp;
    uint8_t prefix;
    bool dhcp, addressed; /* addressed: in any way */
#if STS_IPV6
    struct sts_ip ip6, gateway6;
    bool slaac;
#endif
    bool verbose, json;
#if BOARD_STORE
    const char *flash; /* a file of the debugger's host that stands for flash; NULL: none */
    bool queue, run;   /* send --queue; queue run */
#endif
#if BOARD_POLICIES > 0
    struct {
        const char *domain, *file;
    } policies[BOARD_POLICIES];
    size_t policies_count;
#endif
#if STS_DKIM
    const char *dkim_key, *dkim_selector, *dkim_domain; /* key NULL: mail is not signed */
#endif
#if BOARD_TLSRPT
    const char *report_org, *report_contact; /* both NULL: nothing is reported */
    bool report_lan;                         /* addresses of private networks may be told */
#endif
    int64_t now; /* -1: not given */
};

extern struct args args; /* as main() read them */

/* Splits `line` in place and reads it. NULL, or what is wrong, for a person. */
const char *args_read(struct args *a, char *line);

/* ---- the network (network.c) ---------------------------------------------------------------- */

/* Starts lwIP, waits for an address (bounded) and learns the name servers (args.dns). STS_OK; STS_ERR_CONNECT, STS_ERR_DNS,
 * STS_ERR_CONFIG: what is wrong was said. */
int network_start(void);

/* Waits until the time is known, where somebody can say it (bounded); says so if it is not. */
void network_time(void);

/* One turn of the network loop: one frame, or a nap of at most a millisecond. */
void network_turn(void *ctx, uint32_t max_ms);

/* What was sent last (QUIT, close_notify, the FIN) still leaves, with its answers. */
void network_linger(void);

/* For the mailer. */
const struct sts_net *network_functions(void);

/* ---- policies given (policy.c) -------------------------------------------------------------- */

/* Reads the files of --policy. STS_OK; STS_ERR_SYNTAX, and it was said. */
int policies_read(struct sts_mailer_config *config);

/* ---- mail that is signed (dkim.c); only with DKIM=1 --------------------------------------------- */

/* Reads the key, by way of the memory for TLS, which has to be free. STS_OK; STS_ERR_CONFIG, and it was said. */
#if STS_DKIM
int dkim_read(void);
#else
static inline int dkim_read(void)
{
    return STS_OK;
}
#endif

/* Has the mailer sign with it. Returns as above, or STS_ERR_MEMORY and the like. */
#if STS_DKIM
int dkim_use(struct sts_wolfssl *wolf, struct sts_mailer_config *config);
#else
static inline int dkim_use(struct sts_wolfssl *wolf, struct sts_mailer_config *config)
{
    (void)wolf, (void)config;
    return STS_OK;
}
#endif

/* ---- what outlives a reset (store.c, queue.c); only with BOARD_STORE -------------------------- */

/* The store on args.flash. NULL: there is none, which was said where one was asked for. */
#if BOARD_STORE
#define WANTS_RUN   (args.run)
#define WANTS_QUEUE (args.run || args.queue)
const struct sts_store *store_start(void);
#else
#define WANTS_RUN   false
#define WANTS_QUEUE false
static inline const struct sts_store *store_start(void)
{
    return NULL;
}
#endif
const struct sts_store *store_for_messages(void);
const struct sts_store *store_for_reports(void); /* NULL: there is none */

/* STS_OK, or what is wrong was said. `mailer` may be NULL: then alerts can be added, no more. */
int queue_start(const struct sts_store *store, struct sts_mailer *mailer);
int queue_add(const struct sts_message *message);
int queue_run(void); /* exit status */

/* ---- reports of what was seen of TLS (reports.c); only with TLSRPT=1 ---------------------------- */

#if BOARD_TLSRPT
/* Has what this mailer's callbacks say counted, where the arguments say who reports. STS_OK; STS_ERR_CONFIG, and it was said. */
int reports_start(struct sts_mailer *mailer, struct sts_mailer_config *settings);

/* Sends one report that is due, if one is; broken off when `urgent` says so. Whether another one may be due. */
bool reports_send(bool (*urgent)(void));

/* What could not be counted, at the end. */
void reports_tell(void);
#else
static inline bool reports_send(bool (*urgent)(void))
{
    (void)urgent;
    return false;
}
static inline void reports_tell(void) {}
#endif

/* ---- main.c ---------------------------------------------------------------------------------- */

/* Called all the time, within long steps too: kick your watchdog here. How long it can be silent says
 * stsmail/wolfssl.h, and "watchdog, longest gap" at the end of a run. */
void board_alive(void *ctx);

/* ---- the UART (report.c) -------------------------------------------------------------------- */

enum {
    EX_USAGE = 64,
    EX_DATAERR = 65,
    EX_IOERR = 74,
    EX_TEMPFAIL = 75,
    EX_CONFIG = 78,
};

void put_text(const char *text);
void put_number(uint32_t n);

/* "stsmail: WHAT WHY"; returns `result`. */
int refuse(int result, const char *what, const char *why);

/* "stsmail: WHAT N WHY" */
void say_number(const char *what, uint32_t n, const char *why);

/* The JSON of one delivery, in the order in which it becomes known: begin, an attempt each, end. */
void report_begin(const char *domain);
void report_attempt(void *ctx, const struct sts_attempt *attempt);
void report_decision(void *ctx, const struct sts_decision *decision);
/* queued: the id under which it is kept, or NULL. Returns the exit status. */
int report_end(const struct sts_recipient *recipients, size_t count, int error, const char *queued);

/* What the run took. */
struct effort {
    uint32_t polls, longest_us, all_us; /* calls of sts_mailer_poll() */
    uint32_t alive, gap_us, last_us; /* calls of board_alive(), and the longest time between two */
};
void report_effort(const struct sts_wolfssl *wolf, const struct effort *effort);

#endif
