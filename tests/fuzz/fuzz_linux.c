/* SPDX-License-Identifier: MIT
 *
 * The two files that the Linux program reads: its settings (first octet even) and resolv.conf (odd). Both are read once
 * more here, line by line in the plainest way, and give the same.
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../boards/linux/cli.h"

#define FILE_NAME "/proc/self/fd/123"
#define BLANKS    " \t\r\n"

/* Settings as "name=value\n", or "name\n" where there is no value; what was read, and what was to be. */
static struct settings {
    char text[20000];
    size_t len;
    bool stopped;
} found, wanted;

static void put(struct settings *s, const char *text, size_t len)
{
    MUST(len < sizeof s->text - s->len);
    memcpy(s->text + s->len, text, len);
    s->len += len;
}

/* ---- in place of the rest of the program ------------------------------------------------------------ */

static char *kept;

char *keep_text(const char *text, size_t len)
{
    free(kept);
    kept = (char *)exact(text, len + 1);
    kept[len] = '\0';
    return kept;
}

const char *shown(const char *text)
{
    MUST(memchr(text, '\0', 5000) != NULL);
    return "";
}

void say(const char *format, ...)
{
    MUST(format != NULL);
}

int say_setting(const struct where *where, const char *format, ...)
{
    MUST(where->file != NULL && where->line > 0 && format != NULL);
    found.stopped = true;
    return EX_CONFIG;
}

int options_set(struct options *o, const struct where *where, const char *name, const char *value)
{
    MUST(o == NULL && where->line > 0 && name[0] != '\0');
    put(&found, name, strlen(name));
    if (value != NULL) {
        put(&found, "=", 1);
        put(&found, value, strlen(value));
    }
    put(&found, "\n", 1);
    found.stopped = strcmp(name, "stop") == 0;
    return found.stopped ? EX_CONFIG : 0;
}

/* ---- settings --------------------------------------------------------------------------------------- */

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static void want_setting(const char *at, const char *end)
{
    const char *name;

    if (memchr(at, '\0', (size_t)(end - at)) != NULL) {
        wanted.stopped = true;
        return;
    }
    while (at < end && is_one_of(*at, " \t")) {
        at++;
    }
    while (at < end && is_one_of(end[-1], BLANKS)) {
        end--;
    }
    if (at == end || *at == '#') {
        return;
    }
    if (*at == '-') {
        wanted.stopped = true;
        return;
    }
    for (name = at; at < end && !is_one_of(*at, " \t"); at++) {
    }
    put(&wanted, name, (size_t)(at - name));
    wanted.stopped = at - name == 4 && memcmp(name, "stop", 4) == 0;
    while (at < end && is_one_of(*at, " \t")) {
        at++;
    }
    if (at < end) {
        put(&wanted, "=", 1);
        put(&wanted, at, (size_t)(end - at));
    }
    put(&wanted, "\n", 1);
}

static void settings(const char *text, size_t size)
{
    const char *end = text + size;
    int status;

    found.len = wanted.len = 0;
    found.stopped = wanted.stopped = false;
    status = config_read(NULL, FILE_NAME, true);
    for (const char *at = text; at < end && !wanted.stopped;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));

        stop = stop != NULL ? stop + 1 : end;
        want_setting(at, stop);
        at = stop;
    }
    MUST(found.stopped == wanted.stopped && (status != 0) == wanted.stopped);
    MUST(found.len == wanted.len && memcmp(found.text, wanted.text, found.len) == 0);
}

/* ---- resolv.conf ------------------------------------------------------------------------------------- */

static bool address(const char *text, size_t len, int family, struct sts_endpoint *out)
{
    char copy[80];

    if (len >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    out->ip.family = family == AF_INET ? 4 : 6;
    return inet_pton(family, copy, out->ip.bytes) == 1;
}

static bool port(const char *text, struct sts_endpoint *out)
{
    unsigned long long n = strtoull(text, NULL, 10);

    if (text[0] == '\0' || strlen(text) > 20 || text[strspn(text, "0123456789")] != '\0' || n < 1 ||
        n > 65535) {
        return false;
    }
    out->port = (uint16_t)n;
    return true;
}

static bool endpoint(const char *text, struct sts_endpoint *out)
{
    const char *first = strchr(text, ':'), *close = strchr(text, ']');

    memset(out, 0, sizeof *out);
    out->port = 53;
    if (strchr(text, '%') != NULL) {
        return false;
    }
    if (text[0] == '[') {
        return close != NULL && address(text + 1, (size_t)(close - text) - 1, AF_INET6, out) &&
               (close[1] == '\0' || (close[1] == ':' && port(close + 2, out)));
    }
    if (first != NULL && strchr(first + 1, ':') == NULL) {
        return address(text, (size_t)(first - text), AF_INET, out) && port(first + 1, out);
    }
    return address(text, strlen(text), first == NULL ? AF_INET : AF_INET6, out);
}

static void servers(const char *text, size_t size)
{
    struct sts_endpoint got[STS_DNS_SERVERS], want;
    size_t n = resolv_servers(FILE_NAME, got, STS_DNS_SERVERS), count = 0;
    const char *end = text + size;

    for (const char *at = text; at < end && count < STS_DNS_SERVERS;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        char *line = strndup(at, (size_t)((stop != NULL ? stop : end) - at)), *rest;
        char *name = strtok_r(line, BLANKS, &rest),
             *value = name != NULL ? strtok_r(NULL, BLANKS, &rest) : NULL;

        if (value != NULL && strcmp(name, "nameserver") == 0 && strlen(value) < 80 &&
            endpoint(value, &want)) {
            MUST(count < n && got[count].port == want.port);
            MUST(got[count].ip.family == want.ip.family);
            MUST(memcmp(got[count].ip.bytes, want.ip.bytes, want.ip.family == 4 ? 4 : 16) == 0);
            count++;
        }
        free(line);
        at = stop != NULL ? stop + 1 : end;
    }
    MUST(n == count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;

    if (size < 1 || size > 8000) {
        return 0;
    }
    if (fd < 0) {
        fd = memfd_create("fuzz", 0);
        MUST(fd >= 0 && dup2(fd, 123) == 123);
    }
    MUST(ftruncate(fd, 0) == 0 && pwrite(fd, data + 1, size - 1, 0) == (ssize_t)(size - 1));
    if ((data[0] & 1) == 0) {
        settings((const char *)data + 1, size - 1);
    } else {
        servers((const char *)data + 1, size - 1);
    }
    return 0;
}
