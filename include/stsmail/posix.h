/* SPDX-License-Identifier: MIT
 *
 * The POSIX port: sockets, clock, random numbers, files. Link the objects of port/posix and hand
 * these to the mailer.
 */
#ifndef STSMAIL_POSIX_H
#define STSMAIL_POSIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stsmail/config.h>
#include <stsmail/message.h>
#include <stsmail/port.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- network, random numbers, time ------------------------------------------------------- */

/* Non-blocking sockets, IPv4 and IPv6. A handle is a file descriptor. No state of its own: one
 * serves all threads. */
extern const struct sts_net sts_posix_net;

/* The kernel's generator. STS_ERR_RANDOM while it is not seeded yet: it never waits. */
extern const struct sts_random sts_posix_random;

/* The time now. The operating system's calendar is the owner's (STS_CLOCK_OWNER), but one that
 * stands before not_before (seconds since 1970, for instance the release date) was never set:
 * STS_CLOCK_UNSET (C01, C02). */
void sts_posix_now(struct sts_time *now, int64_t not_before);

/* ---- sources of a message ---------------------------------------------------------------- */

/* An open regular file, from where it stands now to the end that it has now. The file stays open,
 * is the caller's, and its position is left alone. A file that shrinks meanwhile is STS_ERR_IO,
 * not a shorter message. */
struct sts_posix_file {
    int fd;
    int64_t start, at, end; /* bytes */
};

/* STS_OK; STS_ERR_ARG: not a regular file (a pipe: copy it to a temporary file first);
 * STS_ERR_IO. */
int sts_posix_source_file(struct sts_source *out, struct sts_posix_file *f, int fd);

/* Bytes in memory, which stay the caller's. */
struct sts_posix_memory {
    const uint8_t *bytes;
    size_t len, at;
};
void sts_posix_source_memory(struct sts_source *out, struct sts_posix_memory *m, const void *bytes,
                             size_t len);

/* ---- store ------------------------------------------------------------------------------- */

/* Records as files, a folder a kind: DIR/policy/DOMAIN, DIR/queue/ID, and so on. Any number of processes may use one
 * directory at once, each with a struct of its own. Between operations no file is open.
 *
 * The first write makes the directory and its parents, for this user alone. Where it is there
 * already, its permissions, less those for everyone, are those of what is made inside, so that a
 * group can share it. One that is missing reads as empty. */
struct sts_posix_store {
    const char *dir;
    const struct sts_log *log;
    /* the rest is the store's own */
    int in_fd;
    uint32_t in_at, in_end;
    int out_dir, out_fd, out_error;
    uint32_t out_crc, out_len;
    uint8_t out_kind;
    unsigned swept;         /* kinds of which temporary files of the dead were removed */
    int claim_fd;           /* the claim, -1: none */
    bool said_in, said_out; /* that reading, writing failed */
    char out_tmp[24];       /* name of the temporary file */
    char out_key[STS_NAME_SIZE];
};

/* dir and log stay the caller's, in place; log may be NULL. Touches no file. */
void sts_posix_store_init(struct sts_posix_store *s, const char *dir, const struct sts_log *log,
                          struct sts_store *out);

#ifdef __cplusplus
}
#endif
#endif
