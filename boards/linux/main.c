/* SPDX-License-Identifier: MIT
 *
 * stsmail: mail from a small device, protected by MTA-STS. `stsmail help` says how to call it.
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: stsmail COMMAND [options] [arguments]\n"
    "\n"
    "  send RECIPIENT...       send the message on standard input, or what --subject and --body "
    "make\n"
    "  policy [FILE]           say what an MTA-STS policy file means, or why it is invalid\n"
    "  record [TEXT...]        say which policy the TXT records of _mta-sts.DOMAIN announce\n"
    "  match [--mx P]... HOST  say whether a policy with these mx patterns allows a host\n"
    "  check DOMAIN            verify a domain's set-up as a sender sees it: record, policy, every "
    "MX\n"
    "  publish DOMAIN          print what a domain owner has to publish, and the steps in order\n"
    "  queue list              the messages that wait for their next try, or failed for good\n"
    "  queue run               try each of them now; --due: those whose time has come;\n"
    "                          --every SECONDS: stay, and try what is due\n"
    "  queue drop ID           forget one\n"
    "  cache list              the policies that are held\n"
    "  cache drop DOMAIN       forget one\n"
    "  cache refresh [DOMAIN]  fetch one again, or all\n"
    "  keygen --out FILE       make a DKIM key, and print its DNS record; --type rsa or ed25519,\n"
    "                          --selector S, --domain D\n"
    "  report [--domain D]     what was counted for reports of TLS (RFC 8460), a day and domain "
    "each\n"
    "  version                 the version, and what is built in\n"
    "\n"
    "options of send (queue run and cache refresh take those for DNS, trust, state, ports, "
    "floors,\n"
    "policies and time):\n"
    "  --from ADDR             envelope sender; <> for none      [USER@HOSTNAME]\n"
    "  --hostname NAME         name for EHLO                     [this machine's]\n"
    "  --queue                 keep what is put off, and try it again (queue run); then exit 0\n"
    "  --subject S --body S --to ADDR  compose the message; --to is for its header\n"
    "  --dkim-key FILE --dkim-selector S --dkim-domain D  sign what is sent\n"
    "  --report-org NAME --report-contact ADDR  count for reports of TLS; --report-lan: with\n"
    "                          addresses of private networks\n"
    "  --floor LEVEL[@DOMAIN]  opportunistic, encrypted, verified, policy; may repeat\n"
    "  --require-tls           the same as --floor policy\n"
    "  --policy DOMAIN=FILE    a policy that holds from the first contact; may repeat\n"
    "  --dns ADDR[:PORT]       DNS server; may repeat            [/etc/resolv.conf]\n"
    "  --ca FILE               trust anchors, PEM                "
    "[/etc/ssl/certs/ca-certificates.crt]\n"
    "  --state DIR             where policies are kept           [$STSMAIL_STATE, "
    "/var/lib/stsmail, or\n"
    "                                                             ~/.local/state/stsmail]\n"
    "  --smtp-port N           [25]\n"
    "  --https-port N          [443]\n"
    "  --timeout SECONDS       the longest that one step may take\n"
    "\n"
    "options of check (and those for DNS, trust, state, ports and time):\n"
    "  --dkim-selector S       look at this DKIM key too\n"
    "\n"
    "options of publish (and --dns, --timeout):\n"
    "  --mode MODE             testing, enforce or none          [testing]\n"
    "  --max-age SECONDS       how long senders keep the policy  [testing 86400, enforce 604800]\n"
    "  --mx PATTERN            in place of the MX records; may repeat\n"
    "  --rua URI               where reports go; may repeat      [mailto:tls-reports@DOMAIN]\n"
    "  --web DIR               write DIR/.well-known/mta-sts.txt\n"
    "  --zone                  print lines of a zone file\n"
    "  --nginx, --caddy        print the web server's configuration\n"
    "\n"
    "options of all commands:\n"
    "  --config FILE           the same options without dashes, one a line  [/etc/stsmail.conf]\n"
    "  --json                  results for programs, one JSON object a line\n"
    "  -v, -vv                 show the conversation; with times\n"
    "\n"
    "exit status: 0 delivered or valid, 1 no match or an error found, 64 wrong command line, 65 "
    "invalid input,\n"
    "69 failed for good, 74 input or output error, 75 deferred: try again, 78 wrong "
    "configuration\n";

int help_command(struct options *o)
{
    (void)o;
    fputs(usage, stdout);
    fputs(net_usage, stdout);
    return 0;
}

static const struct command_row {
    const char *name;
    int (*run)(struct options *o);
    enum command command;
} commands[] = {
    {"send", send_command, CMD_SEND},
    {"policy", policy_command, CMD_POLICY},
    {"record", record_command, CMD_RECORD},
    {"match", match_command, CMD_MATCH},
    {"cache", cache_command, CMD_CACHE},
    {"queue", queue_command, CMD_QUEUE},
    {"version", version_command, CMD_VERSION},
    {"help", help_command, CMD_ALL},
    {"--help", help_command, CMD_ALL},
    {"-h", help_command, CMD_ALL},
    {"--version", version_command, CMD_VERSION},
    {"check", check_command, CMD_CHECK},
    {"publish", publish_command, CMD_PUBLISH},
    {"report", report_command, CMD_REPORT},
    {"keygen", keygen_command, CMD_KEYGEN},
};

static int run(const struct command_row *row, int argc, char **argv)
{
    static struct options o;
    int status;

    o.command = row->command;
    status = options_read(&o, argc, argv);
    if (status != 0) {
        return status;
    }
    if (row->command == CMD_VERSION && o.args_count > 0) {
        say("version takes no arguments");
        return EX_USAGE;
    }
    return o.help ? help_command(&o) : row->run(&o);
}

static int dispatch(int argc, char **argv)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;

    if (argc > 0 && strcmp(slash != NULL ? slash + 1 : argv[0], "sendmail") == 0) {
        return sendmail_command(argc, argv);
    }
    if (argc < 2) {
        fputs(usage, stderr);
        return EX_USAGE;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return run(&commands[i], argc - 2, argv + 2);
        }
    }
    say("there is no command \"%s\"; `stsmail help` lists them", shown(argv[1]));
    return EX_USAGE;
}

/* A socket must never become descriptor 0, 1 or 2: what is printed would go to the peer. The stand-ins fail
 * as the closed ones would: nothing can be read from 0, nothing written to 1 and 2. */
static void fill_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            int filler = open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);

            if (filler < 0 || filler != fd) {
                exit(EX_IOERR);
            }
        }
    }
}

/* A result that nobody could read is not a success (74); a full disk may show only at the end. */
static int finish(int status)
{
    bool failed = ferror(stdout) != 0;

    failed = fflush(stdout) != 0 || failed;
    failed = close(STDOUT_FILENO) != 0 || failed;
    if (failed) {
        say("the result cannot be written: %s", strerror(errno));
        return EX_IOERR;
    }
    return status;
}

int main(int argc, char **argv)
{
    fill_descriptors();
    signal(SIGPIPE, SIG_IGN); /* a peer, or a reader, that goes away is an error code */
    signal(SIGXFSZ, SIG_IGN);
    return finish(dispatch(argc, argv));
}
