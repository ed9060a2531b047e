/* SPDX-License-Identifier: MIT
 *
 * Reports on their way, from `stsmail queue run` when no alert waits: what became of them, in words.
 */
#include "cli.h"

#include <string.h>
#include <time.h>

#include "boards/common/reporter.h"

/* A day for a person. Static. */
static const char *day_text(sts_day day)
{
    static char text[16];
    time_t at = (time_t)day * 86400;
    struct tm tm;

    strcpy(text, "?");
    if (gmtime_r(&at, &tm) != NULL) {
        strftime(text, sizeof text, "%Y-%m-%d", &tm);
    }
    return text;
}

static void note(sts_day day, const char *domain, const char *what, const char *uri,
                 const char *why)
{
    say("the report of %s about %s %s%s%s%s", day_text(day), domain, what,
        uri != NULL ? shown(uri) : "", *why != '\0' ? ": " : "", why);
}

bool report_send(const struct sts_mailer_config *mailer_config, bool (*urgent)(void))
{
    const struct reporter r = {
        .config = report_config(),
        .settings = mailer_config,
        .mailer = &mailer,
        .time = time_now,
        .urgent = urgent,
        .note = note,
    };

    return r.config != NULL && reporter_send(&r);
}
