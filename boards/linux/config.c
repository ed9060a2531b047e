/* SPDX-License-Identifier: MIT
 *
 * /etc/stsmail.conf: the options without their dashes, `name value` a line. A line that begins with "#" is
 * a comment; a "#" in a value is part of it.
 */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cuts the blanks at both ends off. */
static char *trim(char *text)
{
    size_t len;

    text += strspn(text, " \t");
    len = strlen(text);
    while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL) {
        text[--len] = '\0';
    }
    return text;
}

static int config_line(struct options *o, const struct where *where, char *text)
{
    char *name = trim(text);
    size_t len = strcspn(name, " \t");
    char *value;

    if (name[0] == '\0' || name[0] == '#') {
        return 0;
    }
    if (name[0] == '-') {
        return say_setting(where, "options stand here without dashes: \"%s\"", shown(name));
    }
    value = name[len] != '\0' ? trim(name + len) : NULL;
    name[len] = '\0';
    return options_set(o, where, name, value != NULL ? keep_text(value, strlen(value)) : NULL);
}

static int config_lines(struct options *o, const char *file, FILE *f)
{
    struct where where = {file, 0};
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    int status = 0;

    while (status == 0 && (len = getline(&line, &size, f)) >= 0) {
        where.line++;
        status = strlen(line) != (size_t)len ? say_setting(&where, "a NUL octet")
                                             : config_line(o, &where, line);
    }
    free(line);
    if (status == 0 && ferror(f)) {
        say("%s: %s", shown(file), strerror(errno));
        return EX_CONFIG;
    }
    return status;
}

int config_read(struct options *o, const char *file, bool must)
{
    FILE *f = fopen(file, "re");
    int status;

    if (f == NULL) {
        if (!must && errno == ENOENT) {
            return 0;
        }
        say("%s: %s", shown(file), strerror(errno));
        return EX_CONFIG;
    }
    status = config_lines(o, file, f);
    fclose(f);
    return status;
}
