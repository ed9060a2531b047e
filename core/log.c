/* SPDX-License-Identifier: MIT
 *
 * One line to the log, put together from pieces. Left out where STS_LOG is 0.
 */
#include <stdarg.h>
#include <string.h>

#include <stsmail/engine/text.h>

#if STS_LOG

void sts_log_line(const struct sts_log *log, int kind, const char *first, ...)
{
    static const char cut[] = "...";
    char line[256];
    size_t len = 0;
    va_list pieces;

    if (log == NULL || log->line == NULL) {
        return;
    }
    va_start(pieces, first);
    for (const char *piece = first; piece != NULL; piece = va_arg(pieces, const char *)) {
        while (*piece != '\0' && len < sizeof line) {
            line[len++] = *piece++;
        }
        if (*piece != '\0') {
            memcpy(line + sizeof line - (sizeof cut - 1), cut, sizeof cut - 1);
            break;
        }
    }
    va_end(pieces);
    log->line(log->ctx, kind, line, len);
}

#else

typedef int sts_log_is_left_out; /* ISO C wants something in a file */

#endif
