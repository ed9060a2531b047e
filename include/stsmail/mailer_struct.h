/* SPDX-License-Identifier: MIT */
#ifndef STSMAIL_MAILER_STRUCT_H
#define STSMAIL_MAILER_STRUCT_H
struct sts_mailer { int todo; };
#endif
