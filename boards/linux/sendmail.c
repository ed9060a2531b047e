/* SPDX-License-Identifier: MIT
 *
 * Under the name sendmail: the arguments that programs give it, turned into those of `stsmail send --queue`. Long options are
 * passed on, the configuration file is read as ever.
 *
 * What is taken, and what it does here:
 *
 *     -t           recipients from To, Cc and Bcc; Bcc is left out of what is sent
 *     -i, -oi      a line of one dot does not end the message
 *     -f A, -r A   envelope sender
 *     -F NAME      name of the sender, where the message has no From
 *     -bp          `stsmail queue list`; -q: `stsmail queue run --due`
 *     -bm, -v, -n, -B TYPE, -N WHAT, -R WHAT, -V ID, -o.., -O ..   nothing
 */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "header.h"

static struct call {
    bool from_header, dots, list, run;
    const char *from, *name;
    char **options; /* for options_read() */
    int options_count;
    char **recipients;
    size_t recipients_count;
} call;

/* ---- arguments ----------------------------------------------------------------------------------- */

/* The value of "-fADDR" or "-f ADDR"; NULL: there is none. */
static char *value_of(char **argv, int argc, int *at)
{
    char *arg = argv[*at];

    if (arg[2] != '\0') {
        return arg + 2;
    }
    return *at + 1 < argc ? argv[++*at] : NULL;
}

static int refuse(const char *arg)
{
    say("sendmail: the option %s is not known here; nothing was sent", shown(arg));
    return EX_USAGE;
}

/* -b and its letter. */
static int set_mode(const char *arg)
{
    call.list = arg[2] == 'p';
    return arg[2] == 'p' || arg[2] == 'm' ? 0 : refuse(arg);
}

/* Letters without a value, also several together: who writes -ti means -t -i. */
static int set_flags(const char *arg)
{
    for (const char *letter = arg + 1; *letter != '\0'; letter++) {
        if (strchr("tivnm", *letter) == NULL) {
            return refuse(arg);
        }
        call.from_header = call.from_header || *letter == 't';
        call.dots = call.dots && *letter != 'i';
    }
    return 0;
}

static int read_option(char **argv, int argc, int *at)
{
    const char *arg = argv[*at], *value;

    switch (arg[1]) {
    case 't':
    case 'i':
    case 'v':
    case 'n':
    case 'm': return set_flags(arg);
    case 'o': call.dots = call.dots && strcmp(arg, "-oi") != 0; return 0;
    case 'b': return set_mode(arg);
    case 'q': call.run = true; return 0;
    case 'f':
    case 'r':
    case 'F':
    case 'B':
    case 'N':
    case 'R':
    case 'V':
    case 'O':
        value = value_of(argv, argc, at);
        if (value == NULL) {
            say("sendmail: %s needs a value; nothing was sent", arg);
            return EX_USAGE;
        }
        call.from = arg[1] == 'f' || arg[1] == 'r' ? value : call.from;
        call.name = arg[1] == 'F' ? value : call.name;
        return 0;
    default: return refuse(arg);
    }
}

/* "--state DIR": ours, with its value. */
static void pass_on(char **argv, int argc, int *at)
{
    char *arg = argv[*at];

    call.options[call.options_count++] = arg;
    if (strchr(arg, '=') == NULL && *at + 1 < argc && options_value(arg + 2)) {
        call.options[call.options_count++] = argv[++*at];
    }
}

static int read_arguments(int argc, char **argv)
{
    bool only_recipients = false;
    int status = 0;

    call.dots = true;
    call.options = keep(((size_t)argc + 1) * sizeof *call.options);
    call.recipients = keep(((size_t)argc + 1) * sizeof *call.recipients);
    for (int at = 1; at < argc && status == 0; at++) {
        char *arg = argv[at];

        if (only_recipients || arg[0] != '-' || arg[1] == '\0') {
            call.recipients[call.recipients_count++] = arg;
        } else if (strcmp(arg, "--") == 0) {
            only_recipients = true;
        } else if (arg[1] == '-') {
            pass_on(argv, argc, &at);
        } else {
            status = read_option(argv, argc, &at);
        }
    }
    return status;
}

/* ---- addresses ----------------------------------------------------------------------------------- */

/* "root" is a user of this machine: root@hostname, as every sendmail has it. */
static char *qualified(const char *address, const char *hostname)
{
    size_t len = strlen(address), size = len + strlen(hostname) + 2;
    char *text = keep(size);

    memcpy(text, address, len + 1);
    if (strrchr(address, '@') == NULL) {
        snprintf(text + len, size - len, "@%s", hostname);
    }
    return text;
}

static void take_recipients(struct options *o, const char *hostname, const struct header *h)
{
    size_t from_header = call.from_header ? h->recipients_count : 0;

    o->args = keep((call.recipients_count + from_header + 1) * sizeof *o->args);
    o->args_count = 0;
    for (size_t i = 0; i < call.recipients_count; i++) {
        o->args[o->args_count++] = qualified(call.recipients[i], hostname);
    }
    for (size_t i = 0; i < from_header; i++) {
        o->args[o->args_count++] = qualified(h->recipients[i], hostname);
    }
}

/* ---- the call ------------------------------------------------------------------------------------ */

static int queue_call(struct options *o, const char *what)
{
    static char *args[1];

    args[0] = keep_text(what, strlen(what));
    o->args = args;
    o->args_count = 1;
    o->due = strcmp(what, "run") == 0;
    o->every_s = 0; /* of the configuration file: -q is one run */
    return queue_command(o);
}

static int send_call(struct options *o)
{
    static struct header header;
    static struct sts_source source;
    const char *hostname = setup_hostname(o);
    int status;

    if (hostname == NULL) {
        return EX_USAGE;
    }
    if (call.from != NULL) {
        bool null_sender = call.from[0] == '\0' || strcmp(call.from, "<>") == 0;

        o->from = null_sender ? "<>" : qualified(call.from, hostname);
    }
    if (spool_read(STDIN_FILENO, call.dots) != STS_OK) {
        say("the message cannot be read: %s; nothing was sent", strerror(errno));
        return EX_IOERR;
    }
    status = header_read(&header, call.from_header);
    if (status != 0) {
        return status;
    }
    header_complete(&header, o->from, call.name, hostname);
    header_source(&header, &source);
    take_recipients(o, hostname, &header);
    if (o->args_count == 0) {
        say("sendmail: no recipient%s; nothing was sent",
            call.from_header ? " in To, Cc or Bcc" : "");
        return EX_USAGE;
    }
    o->given = &source;
    o->queue = o->notify = o->quiet = true;
    return send_command(o);
}

int sendmail_command(int argc, char **argv)
{
    static struct options o;
    int status = read_arguments(argc, argv);

    o.command = call.list || call.run ? CMD_QUEUE : CMD_SEND;
    status = status != 0 ? status : options_read(&o, call.options_count, call.options);
    if (status != 0) {
        return status;
    }
    if (o.help) {
        return help_command(&o);
    }
    return call.list ? queue_call(&o, "list") : call.run ? queue_call(&o, "run") : send_call(&o);
}
