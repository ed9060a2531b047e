/* SPDX-License-Identifier: MIT
 *
 * The smallest firmware that sends, so that the linker tells what of the core it takes.
 */
#include <stsmail/mailer.h>

extern const struct sts_mailer_config board_config;
extern const struct sts_mail          board_mail;
struct sts_time                       board_now(void);
int                                   firmware(void);

static struct sts_mailer mailer;

int firmware(void)
{
    struct sts_time now = board_now();
    int             result = sts_mailer_init(&mailer, &board_config);

    if (result == STS_OK) {
        result = sts_mailer_send(&mailer, &board_mail, &now);
    }
    while (result == STS_OK && (result = sts_mailer_poll(&mailer, &now)) == STS_BUSY) {
        sts_mailer_wait(&mailer, &now, 100);
        now = board_now();
        result = STS_OK;
    }
    return result;
}
