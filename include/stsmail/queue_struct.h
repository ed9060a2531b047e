/* SPDX-License-Identifier: MIT
 *
 * What struct sts_queue holds; open only so that its size is known at compile time. Its members are the queue's own.
 */
#ifndef STSMAIL_QUEUE_STRUCT_H
#define STSMAIL_QUEUE_STRUCT_H

struct sts_queue {
    const struct sts_queue_config *config;
    struct sts_queue_counters      counters;
};

#endif
