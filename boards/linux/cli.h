/* SPDX-License-Identifier: MIT
 *
 * What the files of the `stsmail` program share. Exit statuses are those of <sysexits.h>.
 */
#ifndef BOARDS_LINUX_CLI_H
#define BOARDS_LINUX_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sysexits.h>

#include <stsmail/mailer_types.h>
#include <stsmail/queue.h>

/* The program is of this date: a clock before it is unset. SOURCE_DATE_EPOCH at build time can
 * raise it, never lower it. 2026-11-01 00:00:00 UTC. */
#define CLI_RELEASE_DATE 1793491200

/* ---- options (options.c, config.c) --------------------------------------------------------- */

/* The commands that take options of their own; an option names those that it is for. */
enum command {
    CMD_SEND = 1,
    CMD_POLICY = 2,
    CMD_RECORD = 4,
    CMD_MATCH = 8,
    CMD_CACHE = 16,
    CMD_VERSION = 32,
    CMD_QUEUE = 64,
    CMD_CHECK = 128,
    CMD_PUBLISH = 256,
    CMD_KEYGEN = 512,
    CMD_REPORT = 1024,
    CMD_ALL = 0xffff,
};

/* Where a setting stands, for messages, and for what wins. */
struct where {
    const char *file; /* NULL: the command line */
    unsigned line;
};

/* A list that grows; what is added to it stays where it is until the program ends. */
struct floor_rule {
    struct floor_rule *next;
    bool command_line;          /* it wins over the configuration file */
    uint8_t level;              /* enum sts_floor */
    char domain[STS_NAME_SIZE]; /* "": every domain */
};

struct provision {
    struct provision *next;
    struct sts_policy policy;
    char domain[STS_NAME_SIZE];
};

/* What may repeat, as given. */
struct texts {
    char **at;
    size_t count, room;
};

struct options {
    enum command command;

    const char *from, *hostname, *ca, *state, *config;
    const char *subject, *body, *to;
    const char *dkim_key, *dkim_domain;        /* signs what is sent */
    const char *type, *out;                    /* of keygen */
    const char *report_org, *report_contact;   /* who reports; about whom: dkim_domain */
    uint32_t smtp_port, https_port, timeout_s; /* 0: not given */
    uint32_t every_s;                          /* 0: once */
    bool run_given;                            /* --due or --every stands on the command line */
    bool json, help, queue, due;
    bool report_lan; /* addresses of private networks may be told */
    bool notify;     /* called as sendmail: whoever sent it is told if it fails for good */
    bool quiet;      /* only what went wrong is said */
    const struct sts_source *given; /* the message, instead of standard input; or NULL */
    int verbose;                    /* 0..2 */

    struct sts_endpoint dns[STS_DNS_SERVERS];
    size_t dns_count;
    bool dns_command_line; /* these win over the configuration file's */

    struct floor_rule *floors;
    struct provision *provisions; /* newest first; one for a domain */

    struct texts patterns; /* --mx */
    struct texts rua;      /* --rua */
    const char *mode, *web, *dkim_selector;
    uint32_t max_age_s; /* 0: not given */
    bool nginx, caddy, zone;
    char **args; /* what is no option */
    size_t args_count;
};

/* Reads the command line behind the command, and the configuration file first where the command
 * uses one. 0, or the exit status; then it was said why. */
int options_read(struct options *o, int argc, char **argv);

/* Applies one setting by its name without dashes; value NULL: none was given. */
int options_set(struct options *o, const struct where *where, const char *name, const char *value);

/* Whether the option takes a value of its own. */
bool options_value(const char *name);

/* Reads the file of settings. A missing one is an error only if `must` is set. */
int config_read(struct options *o, const char *file, bool must);

/* ---- text (idn.c, json.c, say.c) ----------------------------------------------------------- */

/* A domain as a person writes it, U-labels too, in the one form that is compared and asked for:
 * lower case A-labels, no root dot (R-006). False if it is no host name. */
bool domain_canon(const char *text, size_t len, char out[STS_NAME_SIZE]);

#define ADDRESS_SIZE 321 /* 64 + "@" + 255, NUL */

/* A mailbox whose domain is in that form. NULL, or why it is not one that mail can be sent to. An
 * address literal counts as a mailbox only if `literal` is set. */
const char *address_canon(const char *text, bool literal, char out[ADDRESS_SIZE]);

/* JSON on standard output. A value is written by one of these; `key` NULL: an element of a list. */
void json_open(const char *key, char bracket);
void json_close(char bracket);
void json_text(const char *key, const char *text); /* NULL: null */
void json_number(const char *key, int64_t n);
void json_bool(const char *key, bool value);
void json_null(const char *key);
void json_line(void); /* ends an object's line */

/* One sentence on standard error, with the program's name before it. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same about a setting: where it stands, and the exit status that follows from that. */
int say_setting(const struct where *where, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* `text` so that a terminal can show it: printable ASCII and valid UTF-8, else \xNN. Static. */
const char *shown(const char *text);

size_t utf8_length(const uint8_t *at);

/* Memory that lasts until the program ends; without any the program ends now (75). */
void *keep(size_t size);
char *keep_text(const char *text, size_t len);

/* The library's log, on standard error: `verbose` as in struct options. Warnings always. */
struct sts_log log_on_stderr(int *verbose);

/* ---- this machine (machine.c, resolv.c) ---------------------------------------------------- */

/* The fully qualified name of this machine as far as it can be known without asking the network. */
const char *own_hostname(void);

/* USER@hostname. */
const char *own_address(const char *hostname);

/* The directory for state, by cli.md; NULL: there is none. */
const char *state_directory(const char *option);

/* Whether that is a place of the user's own, though the machine has one that the service looks after. */
bool state_is_apart(const char *option);

/* The name servers of /etc/resolv.conf, at most max; returns how many. */
size_t resolv_servers(const char *file, struct sts_endpoint *out, size_t max);

/* "ADDR", "ADDR:PORT", "[ADDR]:PORT". */
bool endpoint_parse(const char *text, uint16_t port, struct sts_endpoint *out);

/* ---- the network (net.c here: the operating system's; another board puts its own in its place) --- */

/* One of the options of a program that has a stack of its own: tap, ip, ip6, gateway. 0, or the exit
 * status. */
int net_option(const struct where *where, const char *name, const char *value);

/* What `stsmail help` says of them; may be "". */
extern const char net_usage[];

/* The network, ready for use; NULL: there is none, which was said. Called once. */
const struct sts_net *net_start(void);

/* ---- a message that can be read again (spool.c) -------------------------------------------- */

/* All of a descriptor, in a file without a name; `dots`: to a line of one dot at most, as sendmail has it. STS_OK, or
 * STS_ERR_IO: errno says why. */
int spool_read(int fd, bool dots);
void spool_source(struct sts_source *out);

/* ---- the library, set up (setup.c) --------------------------------------------------------- */

struct sts_mailer;
struct sts_mailer_config;

/* The state directory as a store, or NULL: there is none, which was said. */
const struct sts_store *setup_store(struct options *o);

/* The log, at the loudness of the options. */
const struct sts_log *setup_log(struct options *o);

/* The EHLO name: of the options, or the machine's own. NULL: it is none, which was said. */
const char *setup_hostname(const struct options *o);

/* The state directory a second time, for messages that are read while policies are. */
const struct sts_store *setup_message_store(struct options *o);

/* What the options demand of mail to a domain. */
uint8_t setup_floor(const struct options *o, const char *domain);
const struct sts_policy *setup_policy(const struct options *o, const char *domain);

/* The name servers, of the options or of this machine. 0, or the exit status. */
int setup_dns(struct options *o, struct sts_mailer_config *config);

/* Everything else that the options name, opened and checked before anything is sent, and the mailer
 * ready for use; *config stays in place. 0, or the exit status. */
int setup_mailer(struct options *o, struct sts_mailer_config *config);

/* The key that signs, if the options name one (dkim.c). 0, or the exit status. */
struct sts_wolfssl;
int setup_dkim(const struct options *o, struct sts_wolfssl *w, struct sts_mailer_config *config);

/* The one mailer of the program, what was begun in it brought to its end, and the time. */
extern struct sts_mailer mailer;
int mailer_run(void);
void time_now(struct sts_time *now);

/* ---- results (outcome.c, print.c) ---------------------------------------------------------- */

/* What happened at one domain. */
struct outcome {
    const char *domain;
    int error; /* as sts_mailer_poll() ended */
    struct sts_recipient *recipients;
    size_t count;
    bool decided;
    struct sts_decision decision;
    struct tried *attempts, **last; /* in order */
    char queued[STS_QUEUE_ID_SIZE]; /* "": it is not in the queue */
};

struct tried {
    struct tried *next;
    struct sts_attempt attempt;
    char mx[STS_NAME_SIZE];
    char reply[STS_REPLY_SIZE];
};

/* An empty one, and the end of one; the mailer's callbacks, with an outcome as ctx. */
void outcome_start(struct outcome *out, const char *domain);
void outcome_end(struct outcome *out);
void outcome_decision(void *ctx, const struct sts_decision *decision);
void outcome_attempt(void *ctx, const struct sts_attempt *attempt);

enum verdict {
    DELIVERED,
    FAILED,
    DEFERRED,
};

enum verdict verdict_of(const struct sts_recipient *r);
enum verdict verdict_of_all(const struct outcome *o);
void print_outcome(const struct outcome *o, bool json);

/* Seconds as people say them: "7 days". Static. */
const char *duration(int64_t seconds);

/* ---- the queue (queue.c) --------------------------------------------------------------------- */

#define QUEUE_NOTIFY 1 /* flag: whoever sent the message is told if it fails for good */

/* Notices of messages that failed for good (notice.c): one is noted within a callback of the queue, and those
 * noted go out through it. */
void notice_note(const struct sts_queue_entry *entry);
void notice_send(struct sts_queue *queue, const char *hostname);

/* Keeps what is left of an outcome: fills out->queued, or says why it cannot. */
void queue_keep(const struct options *o, struct outcome *out, struct sts_queue_mail *mail);

/* ---- reports (report.c) ------------------------------------------------------------------------- */

struct sts_tlsrpt_config;

/* Counts what happens for reports, if the options say who reports. 0, or the exit status. */
int report_setup(struct options *o, struct sts_mailer_config *config);

/* Who reports; NULL: nobody. */
const struct sts_tlsrpt_config *report_config(void);

/* Sends one report that is due, if one is (report_send.c); the mailer was set up with *config and is idle. What became of it is said, and
 * hinders nothing. It is broken off, to be tried again,
 * when `urgent` says so. Whether another one may be due. */
bool report_send(const struct sts_mailer_config *config, bool (*urgent)(void));

/* From the mailer's callbacks; nothing where nobody reports. */
void report_decision(const struct sts_decision *decision);
void report_attempt(const struct sts_attempt *attempt);

/* ---- commands ------------------------------------------------------------------------------ */

int send_command(struct options *o);
int policy_command(struct options *o);
int record_command(struct options *o);
int match_command(struct options *o);
int cache_command(struct options *o);
int queue_command(struct options *o);
int sendmail_command(int argc, char **argv); /* with the program's name */
int keygen_command(struct options *o);
int report_command(struct options *o);
int version_command(struct options *o);
int help_command(struct options *o);
int check_command(struct options *o);
int publish_command(struct options *o);

/* Reads a policy file. 0, or the exit status: `name` and the reason were said; line 0: unreadable. */
struct policy_fault {
    unsigned line;
    const char *reason;
};
int policy_read(int fd, const char *name, struct sts_policy *policy, struct policy_fault *fault);

#endif
