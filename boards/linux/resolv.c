/* SPDX-License-Identifier: MIT
 *
 * Name servers: of the command line, and of resolv.conf(5). Its other options are not for us: names are
 * asked for as they are (no search), and the library has timeouts of its own.
 */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stsmail/engine/text.h>

static bool port_parse(const char *text, size_t len, uint16_t *out)
{
    uint64_t n;

    if (sts_get_number(text, len, 65535, &n) != STS_OK || n == 0) {
        return false;
    }
    *out = (uint16_t)n;
    return true;
}

bool endpoint_parse(const char *text, uint16_t port, struct sts_endpoint *out)
{
    size_t len = strlen(text);
    const char *end = strrchr(text, ':');
    const char *bracket = strchr(text, ']');

    out->port = port;
    if (text[0] == '[') {
        if (bracket == NULL || (bracket[1] != '\0' && bracket[1] != ':') ||
            (bracket[1] == ':' && !port_parse(bracket + 2, strlen(bracket + 2), &out->port))) {
            return false;
        }
        return sts_ip_parse(text + 1, (size_t)(bracket - text - 1), &out->ip) == STS_OK &&
               out->ip.family == 6;
    }
    if (end != NULL && strchr(text, ':') == end) { /* one colon: IPv4 and a port */
        if (!port_parse(end + 1, strlen(end + 1), &out->port)) {
            return false;
        }
        len = (size_t)(end - text);
    }
    return sts_ip_parse(text, len, &out->ip) == STS_OK &&
           (len == strlen(text) || out->ip.family == 4);
}

/* The n-th word of a line, 0 the first; false if there are fewer. */
static bool word_of(const char *line, size_t n, char *out, size_t size)
{
    static const char blank[] = " \t\r\n";

    for (line += strspn(line, blank); n > 0; n--) {
        line += strcspn(line, blank);
        line += strspn(line, blank);
    }
    size_t len = strcspn(line, blank);
    if (len == 0 || len >= size) {
        return false;
    }
    memcpy(out, line, len);
    out[len] = '\0';
    return true;
}

size_t resolv_servers(const char *file, struct sts_endpoint *out, size_t max)
{
    FILE *f = fopen(file, "re");
    char *line = NULL, word[80];
    size_t n = 0, size = 0;

    if (f == NULL) {
        return 0;
    }
    while (n < max && getline(&line, &size, f) >= 0) {
        if (word_of(line, 0, word, sizeof word) && strcmp(word, "nameserver") == 0 &&
            word_of(line, 1, word, sizeof word) && strchr(word, '%') == NULL &&
            endpoint_parse(word, 53, &out[n])) {
            n++;
        }
    }
    free(line);
    fclose(f);
    return n;
}
