/* SPDX-License-Identifier: MIT
 *
 * What this machine says of itself: its name, its user, its place for state. Never by asking the
 * network: a mailer that waits for a resolver to learn its own name waits just when the network is ill.
 */
#include "cli.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <stsmail/engine/text.h>

/* ---- the host's name ----------------------------------------------------------------------- */

static bool qualified(const char *name, char out[STS_NAME_SIZE])
{
    return domain_canon(name, strlen(name), out) && strchr(out, '.') != NULL;
}

/* The fully qualified one of the names that a line of /etc/hosts gives this host. */
static bool hosts_line(char *line, const char *host, char out[STS_NAME_SIZE])
{
    char *save = NULL, *word;
    bool ours = false;
    char name[STS_NAME_SIZE], found[STS_NAME_SIZE] = "";

    line[strcspn(line, "#")] = '\0';
    strtok_r(line, " \t\r\n", &save); /* the address */
    while ((word = strtok_r(NULL, " \t\r\n", &save)) != NULL) {
        ours = ours || sts_same_text(word, host);
        if (found[0] == '\0' && qualified(word, name)) {
            strcpy(found, name);
        }
    }
    if (!ours || found[0] == '\0') {
        return false;
    }
    strcpy(out, found);
    return true;
}

static bool hosts_name(const char *host, char out[STS_NAME_SIZE])
{
    FILE *f = fopen("/etc/hosts", "re");
    char line[1024];
    bool found = false;

    while (f != NULL && !found && fgets(line, sizeof line, f) != NULL) {
        found = hosts_line(line, host, out);
    }
    if (f != NULL) {
        fclose(f);
    }
    return found;
}

/* The host's name; where that has no dot, what /etc/hosts calls it (Debian's 127.0.1.1 line). A name
 * without a dot is still better in EHLO than none (RFC 5321 4.1.4: the server must not refuse
 * mail for it). */
const char *own_hostname(void)
{
    static char name[STS_NAME_SIZE];
    char host[256] = "";

    if (gethostname(host, sizeof host - 1) == 0 &&
        (qualified(host, name) || hosts_name(host, name) ||
         domain_canon(host, strlen(host), name))) {
        return name;
    }
    return strcpy(name, "localhost");
}

/* ---- the user ------------------------------------------------------------------------------ */

const char *own_address(const char *hostname)
{
    static char address[ADDRESS_SIZE];
    const struct passwd *user = getpwuid(geteuid());
    char text[2 * ADDRESS_SIZE];

    if (user != NULL) {
        snprintf(text, sizeof text, "%s@%s", user->pw_name, hostname);
        if (address_canon(text, true, address) == NULL) {
            return address;
        }
    }
    snprintf(text, sizeof text, "uid-%lu@%s", (unsigned long)geteuid(), hostname);
    return address_canon(text, true, address) == NULL ? address : "";
}

/* ---- the place for state ------------------------------------------------------------------- */

static const char *joined(const char *a, const char *b)
{
    size_t len = strlen(a) + strlen(b);
    char *path = keep(len + 1);

    snprintf(path, len + 1, "%s%s", a, b);
    return path;
}

#define SHARED_STATE "/var/lib/stsmail"

static const char *state_given(const char *option)
{
    const char *given = option != NULL ? option : getenv("STSMAIL_STATE");

    return given != NULL && given[0] != '\0' ? given : NULL;
}

static bool shared_state_usable(void)
{
    return access(SHARED_STATE, W_OK | X_OK) == 0;
}

bool state_is_apart(const char *option)
{
    return state_given(option) == NULL && access(SHARED_STATE, F_OK) == 0 && !shared_state_usable();
}

const char *state_directory(const char *option)
{
    const char *given = state_given(option);
    const char *xdg = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    const struct passwd *user;

    if (given != NULL) {
        return given;
    }
    if (shared_state_usable()) {
        return SHARED_STATE;
    }
    if (xdg != NULL && xdg[0] == '/') { /* a relative one is to be ignored, says its standard */
        return joined(xdg, "/stsmail");
    }
    if ((home == NULL || home[0] != '/') && (user = getpwuid(geteuid())) != NULL) {
        home = user->pw_dir;
    }
    return home != NULL && home[0] == '/' ? joined(home, "/.local/state/stsmail") : NULL;
}
