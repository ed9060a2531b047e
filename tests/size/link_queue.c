/* SPDX-License-Identifier: MIT
 *
 * The smallest firmware whose alerts outlive a power cut: queue, flash store and clock beside the mailer.
 */
#include <stsmail/clock.h>
#include <stsmail/flash_store.h>
#include <stsmail/queue.h>

extern const struct sts_mailer_config board_config;
extern const struct sts_queue_config  board_queue;
extern const struct sts_queue_mail    board_alert;
extern const struct sts_flash         board_flash;
extern struct sts_store               policies, messages;
uint32_t                              board_ms(void);
int                                   firmware(void);

static struct sts_mailer       mailer;
static struct sts_queue        queue;
static struct sts_clock        calendar;
static struct sts_flash_store  flash_log;
static struct sts_flash_handle one, two;

int firmware(void)
{
    struct sts_time now;
    char            id[STS_QUEUE_ID_SIZE];
    int             result = sts_flash_store_mount(&flash_log, &board_flash);

    if (result == STS_OK) {
        sts_flash_store_handle(&flash_log, &one, &policies);
        sts_flash_store_handle(&flash_log, &two, &messages);
        result = sts_clock_init(&calendar, &policies, 1793491200);
        sts_clock_set(&calendar, 1793491200, STS_CLOCK_NETWORK, board_ms());
    }
    if (result == STS_OK) {
        result = sts_mailer_init(&mailer, &board_config);
    }
    if (result == STS_OK) {
        result = sts_queue_init(&queue, &board_queue);
    }
    while (result == STS_OK || result == STS_BUSY) {
        sts_clock_now(&calendar, board_ms(), &now);
        sts_queue_add(&queue, &board_alert, &now, id);
        result = sts_queue_poll(&queue, &now);
        sts_queue_wait(&queue, &now, sts_queue_due_ms(&queue, &now));
        sts_clock_save(&calendar);
    }
    return result;
}
