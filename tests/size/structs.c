/* SPDX-License-Identifier: MIT
 *
 * An array for each public struct, so that `nm -S` tells its size for the target.
 */
#include <stsmail/clock.h>
#include <stsmail/flash_store.h>
#include <stsmail/queue.h>

#define SIZE_OF(name) extern char size_of_##name[sizeof(struct name)]; char size_of_##name[sizeof(struct name)]

SIZE_OF(sts_mailer);
SIZE_OF(sts_queue);
SIZE_OF(sts_flash_store);
SIZE_OF(sts_flash_handle);
SIZE_OF(sts_clock);
SIZE_OF(sts_resolver);
SIZE_OF(sts_discover);
SIZE_OF(sts_stream);
SIZE_OF(sts_session);
SIZE_OF(sts_fetch);
SIZE_OF(sts_policy);
SIZE_OF(sts_policy_parser);
SIZE_OF(sts_record);
SIZE_OF(sts_reader);
SIZE_OF(sts_smtp);
SIZE_OF(sts_http);
SIZE_OF(sts_recipient);
