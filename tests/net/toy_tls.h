/* SPDX-License-Identifier: MIT
 *
 * struct sts_tls over the toy of toy.h.
 */
#ifndef TESTS_NET_TOY_TLS_H
#define TESTS_NET_TOY_TLS_H

#include <stsmail/port.h>

extern const struct sts_tls toy_tls;
extern bool toy_is_sending; /* what goes to the network now is no clear text */

#endif
