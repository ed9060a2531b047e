/* SPDX-License-Identifier: MIT
 *
 * struct sts_store over a directory: one file a record, many processes at once.
 *
 * DIR/policy/NAME, DIR/wait/NAME and so on (kinds[]). NAME is the key; octets other than a-z, 0-9, "-", "_" and inner
 * dots are written %XX. A domain name always fits; a key whose name would be longer than
 * NAME_LIMIT is cut, and "+" with a hash of all of it follows. Records never begin with "." or
 * hold "~": so ".lock", ".tmp-..." and "damaged~N" are no records.
 *
 * A file: head, key, bytes. Head, big-endian:
 *
 *      0  "STSR"
 *      4  format, 1
 *      5  format, inverted: a flipped bit is damage, not another format
 *      6  kind
 *      7  length of the key
 *      8  length of the bytes
 *     12  CRC-32 (ISO-HDLC) over key, bytes, and the head up to here
 *
 * A record is written to a temporary file, synced, and renamed: each is seen as it was or as it
 * shall be. The writer keeps a lock (flock) on its temporary file, so that another can
 * tell those of the dead. .lock is held while a name changes hands: so a reader that sets a
 * damaged file aside cannot hit the good one that has just replaced it.
 *
 * A claim is a lock on one octet of .claims, at the place that the key's hash says (F_OFD_SETLK: it goes with the
 * process, however that ends). Two keys with one hash cannot be claimed at once, which costs a wait and no more.
 */
#define _GNU_SOURCE       1
#define _FILE_OFFSET_BITS 64
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <stsmail/engine/crc.h>
#include <stsmail/engine/text.h>
#include <stsmail/posix.h>

#define HEAD_SIZE   16
#define FORMAT      1
#define NAME_LIMIT  253 /* characters; a file system allows 255 */
#define NAME_SIZE   (NAME_LIMIT + 1)
#define NAME_CUT    (NAME_LIMIT - 17) /* room for "+" and the hash */
#define DAMAGED_MAX 8                 /* damaged files kept of each kind, for a person to look at */
#define LOCK_TRIES  2000
#define PAUSE_NS    1000000 /* between tries */

static void put32(uint8_t *to, uint32_t n)
{
    for (int i = 3; i >= 0; i--, n >>= 8) {
        to[i] = (uint8_t)n;
    }
}

static uint32_t get32(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

/* ---- names ------------------------------------------------------------------------------- */

static const struct {
    uint8_t kind;
    char folder[8];
} kinds[] = {
    {STS_STORE_POLICY, "policy"},   {STS_STORE_WAIT, "wait"},   {STS_STORE_ENTRY, "queue"},
    {STS_STORE_MESSAGE, "message"}, {STS_STORE_CLOCK, "clock"}, {STS_STORE_MARK, "mark"},
    {STS_STORE_REPORT, "report"},   {STS_STORE_TEXT, "text"},   {STS_STORE_PLAN, "plan"},
    {STS_STORE_REFUSED, "refused"},
};

/* Which row; the number of rows: no such kind. */
static size_t kind_row(uint8_t kind)
{
    size_t i = 0;

    while (i < sizeof kinds / sizeof kinds[0] && kinds[i].kind != kind) {
        i++;
    }
    return i;
}

static const char *kind_folder(uint8_t kind)
{
    size_t row = kind_row(kind);

    return row < sizeof kinds / sizeof kinds[0] ? kinds[row].folder : NULL;
}

static bool plain(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           (c == '.' && !first);
}

/* FNV-1a, 64 bits. Two keys with one hash share a name: the key in the file tells them apart
 * (F12). */
static uint64_t hash(const char *key)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (; *key != '\0'; key++) {
        h = (h ^ (uint8_t)*key) * 0x100000001b3u;
    }
    return h;
}

/* Writes the file name of key. Whether it is a cut one, which does not tell the key. */
static bool name_of(const char *key, char name[NAME_SIZE])
{
    size_t at = 0;

    for (const char *c = key; *c != '\0'; c++) {
        size_t need = plain(*c, c == key) ? 1 : 3;

        if (at + need > NAME_LIMIT) {
            snprintf(name + NAME_CUT, NAME_SIZE - NAME_CUT, "+%016llx",
                     (unsigned long long)hash(key));
            return true;
        }
        if (need == 1) {
            name[at++] = *c;
        } else {
            snprintf(name + at, 4, "%%%02X", (unsigned)(uint8_t)*c);
            at += 3;
        }
    }
    name[at] = '\0';
    return false;
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The key that a name tells; false if it is none of ours, or a cut one. */
static bool key_of(const char *name, char key[STS_NAME_SIZE])
{
    char again[NAME_SIZE];
    const char *c = name;
    size_t at = 0;

    for (; *c != '\0' && at < STS_NAME_SIZE - 1; c++) {
        key[at++] = *c;
        if (*c == '%' && hex(c[1]) >= 0 && hex(c[2]) >= 0) {
            key[at - 1] = (char)(hex(c[1]) * 16 + hex(c[2]));
            c += 2;
        }
    }
    key[at] = '\0';
    /* One name a key: anything that name_of() would not write is another's. */
    return *c == '\0' && at > 0 && !name_of(key, again) && strcmp(again, name) == 0;
}

static bool args_ok(uint8_t kind, const char *key)
{
    size_t len = key == NULL ? 0 : strnlen(key, STS_NAME_SIZE);

    return kind_folder(kind) != NULL && len >= 1 && len < STS_NAME_SIZE;
}

/* ---- what is said ------------------------------------------------------------------------ */

/* Says once that reading or writing failed, with the operating system's reason. Returns the
 * library's. */
static int failed(struct sts_posix_store *s, bool *said, const char *what)
{
    int cause = errno;

    if (!*said) {
        *said = true;
        sts_log_line(s->log, STS_LOG_WARNING, "state can't be ", what, strerror(cause), " (",
                     s->dir, ")", NULL);
    }
    return cause == ENOSPC || cause == EDQUOT || cause == EFBIG ? STS_ERR_SPACE : STS_ERR_IO;
}

static int write_failed(struct sts_posix_store *s)
{
    return failed(s, &s->said_out, "written, nothing is kept: ");
}

static int read_failed(struct sts_posix_store *s)
{
    (void)failed(s, &s->said_in, "read: ");
    return STS_ERR_IO;
}

/* What it means that a kind's directory cannot be opened for reading a record. Where the path leads to no
 * directory nothing can ever have been kept, so that is absent too, though worth saying: a wrong
 * --state must not hold an alert back. */
static int no_record(struct sts_posix_store *s)
{
    bool none = errno == ENOENT || errno == ENOTDIR;

    if (errno != ENOENT) {
        (void)read_failed(s);
    }
    return none ? STS_ERR_ABSENT : STS_ERR_IO;
}

/* ---- directories and locks --------------------------------------------------------------- */

/* DIR/kind, open; -1 and errno. DIR may be a symbolic link, which is its owner's will; DIR/kind may not: a
 * group that shares DIR could have root write anywhere. */
static int open_folder(const struct sts_posix_store *s, uint8_t kind)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", s->dir, kind_folder(kind));

    if (n < 0 || (size_t)n >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 ? -1 : fsync(fd);

    if (fd >= 0) {
        close(fd);
    }
    return result;
}

/* Makes path and what is missing above it. Each one new is synced into its parent, or a power cut
 * could take the record with it. */
static int make_folders(char *path)
{
    for (char *end = path + 1; end[-1] != '\0'; end++) {
        char was = *end;
        char *slash;
        int made;

        if ((was != '/' && was != '\0') || end[-1] == '/') {
            continue;
        }
        *end = '\0';
        made = mkdir(path, 0700);
        if (made == 0) {
            slash = strrchr(path, '/');
            if (slash == NULL) {
                made = sync_folder(".");
            } else {
                *slash = '\0';
                made = sync_folder(slash == path ? "/" : path);
                *slash = '/';
            }
        } else if (errno == EEXIST) {
            made = 0;
        }
        *end = was;
        if (made != 0) {
            return -1;
        }
    }
    return 0;
}

/* As open_folder(), and makes it. */
static int make_folder(const struct sts_posix_store *s, uint8_t kind)
{
    char path[PATH_MAX];
    struct stat st;
    int n, fd = open_folder(s, kind);
    bool made;

    if (fd >= 0 || errno != ENOENT) {
        return fd;
    }
    n = snprintf(path, sizeof path, "%s", s->dir); /* fits: open_folder() took more */
    if (n <= 0 || make_folders(path) != 0 || stat(path, &st) != 0) {
        return -1;
    }
    snprintf(path + n, sizeof path - (size_t)n, "/%s", kind_folder(kind));
    made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST) {
        return -1;
    }
    fd = open_folder(s, kind);
    path[n] = '\0';
    /* As DIR is, whatever the umask: a group may share it. */
    if (fd >= 0 && made && (fchmod(fd, st.st_mode & 07770) != 0 || sync_folder(path) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Read and write for whoever may read and write the directory, but never for everyone. */
static int share_file(int folder, int fd)
{
    struct stat st;

    return fstat(folder, &st) != 0 ? -1 : fchmod(fd, (st.st_mode & 0060) | 0600);
}

/* Takes the lock of a folder; -1 and errno. Others hold it for one rename: who holds it for
 * seconds was stopped, and must not stop us. Where a group shares the directory, a symbolic link in
 * the lock's place must not have root make a file elsewhere. */
static int lock_folder(int folder)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    const int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(folder, ".lock", flags);

    if (fd < 0 && errno == ENOENT) {
        fd = openat(folder, ".lock", flags | O_CREAT, 0600);
        if (fd >= 0) {
            (void)share_file(folder, fd); /* not ours: its owner has */
        }
    }
    for (int i = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0; i++) {
        int cause = errno;

        if ((cause != EWOULDBLOCK && cause != EINTR) || i == LOCK_TRIES) {
            close(fd);
            errno = cause;
            return -1;
        }
        nanosleep(&pause, NULL);
    }
    return fd;
}

/* ---- reading ----------------------------------------------------------------------------- */

/* All of len bytes from the place `at`: the count, less at the end of the file, -1 and errno. */
static ssize_t read_at(int fd, void *buf, size_t len, uint32_t at)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = pread(fd, (uint8_t *)buf + done, len - done, (off_t)(at + done));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        if (n == 0) {
            break;
        }
        done += (size_t)n;
    }
    return (ssize_t)done;
}

enum verdict {
    GOOD,
    DAMAGED,
    NEWER,  /* of a format that this build does not know */
    OTHER,  /* whole, and of another key with the same name */
    FAILED, /* the medium: errno */
};

/* The CRC over key and bytes, which begin at HEAD_SIZE and end at `end`. */
static enum verdict sum_body(int fd, uint32_t end, uint32_t *crc)
{
    uint8_t buf[4096];

    for (uint32_t at = HEAD_SIZE; at < end;) {
        size_t want = end - at < sizeof buf ? end - at : sizeof buf;
        ssize_t n = read_at(fd, buf, want, at);

        if (n < 0) {
            return FAILED;
        }
        if (n == 0) {
            return DAMAGED;
        }
        *crc = sts_crc32(*crc, buf, (size_t)n);
        at += (uint32_t)n;
    }
    return GOOD;
}

/* Looks a whole file over; not one byte of it is given out before. *key gets the key, *end where
 * the bytes end. */
static enum verdict verify(int fd, uint8_t kind, char key[STS_NAME_SIZE], uint32_t *end)
{
    uint8_t head[HEAD_SIZE];
    struct stat st;
    uint32_t crc = 0;
    ssize_t n;
    enum verdict v;

    if (fstat(fd, &st) != 0) {
        return FAILED;
    }
    if (!S_ISREG(st.st_mode)) {
        return DAMAGED;
    }
    n = read_at(fd, head, sizeof head, 0);
    if (n < 0) {
        return FAILED;
    }
    if (n < 6 || memcmp(head, "STSR", 4) != 0 || (head[4] ^ head[5]) != 0xff) {
        return DAMAGED;
    }
    if (head[4] > FORMAT) {
        return NEWER;
    }
    if (n < HEAD_SIZE || head[4] != FORMAT || head[6] != kind || head[7] == 0 ||
        head[7] >= STS_NAME_SIZE || st.st_size > INT32_MAX ||
        (uint64_t)st.st_size != HEAD_SIZE + (uint64_t)head[7] + get32(head + 8)) {
        return DAMAGED;
    }
    *end = (uint32_t)st.st_size;
    v = sum_body(fd, *end, &crc);
    if (v != GOOD) {
        return v;
    }
    if (sts_crc32(crc, head, 12) != get32(head + 12)) {
        return DAMAGED;
    }
    n = read_at(fd, key, head[7], HEAD_SIZE);
    key[head[7]] = '\0';
    if (n != head[7]) {
        return FAILED;
    }
    return strlen(key) == head[7] ? GOOD : DAMAGED; /* a NUL within is no part of a key */
}

/* As verify(), and that the record is that of `key`. */
static enum verdict verify_key(int fd, uint8_t kind, const char *key, uint32_t *end)
{
    char found[STS_NAME_SIZE], name[NAME_SIZE];
    enum verdict v = verify(fd, kind, found, end);

    if (v == GOOD && strcmp(found, key) != 0) {
        /* Only where names are cut can that be; elsewhere somebody renamed the file. */
        return name_of(key, name) ? OTHER : DAMAGED;
    }
    return v;
}

/* Gives a file a name that no record has: into `aside`; of DAMAGED_MAX the last, again and again. 0, or -1. */
static int rename_aside(int folder, const char *name, char aside[sizeof "damaged~0"])
{
    memcpy(aside, "damaged~0", sizeof "damaged~0");
    while (faccessat(folder, aside, F_OK, 0) == 0 &&
           aside[sizeof "damaged~" - 1] < '0' + DAMAGED_MAX - 1) {
        aside[sizeof "damaged~" - 1]++;
    }
    return renameat(folder, name, folder, aside);
}

/* A message whose entry was damaged: without an entry it would be swept away. */
static void keep_message(struct sts_posix_store *s, const char *name)
{
    char aside[sizeof "damaged~0"];
    int folder = open_folder(s, STS_STORE_MESSAGE);
    int lock = folder < 0 ? -1 : lock_folder(folder);

    if (lock >= 0 && rename_aside(folder, name, aside) == 0) {
        sts_log_line(s->log, STS_LOG_WARNING, "its message is kept as message/", aside, " (",
                     s->dir, ")", NULL);
    }
    if (lock >= 0) {
        close(lock);
    }
    if (folder >= 0) {
        close(folder);
    }
}

/* Moves the damaged file that is open as fd out of the way, if its name still leads to it. */
static void set_aside(struct sts_posix_store *s, int folder, int fd, uint8_t kind, const char *name)
{
    char aside[sizeof "damaged~0"] = "";
    struct stat here, there;
    int lock = lock_folder(folder), moved = -1;

    if (lock >= 0) {
        if (fstat(fd, &here) != 0 || fstatat(folder, name, &there, 0) != 0 ||
            here.st_ino != there.st_ino || here.st_dev != there.st_dev) {
            close(lock); /* another process has replaced it or set it aside */
            return;
        }
        moved = rename_aside(folder, name, aside);
        close(lock);
    }
    sts_log_line(s->log, STS_LOG_WARNING, "state is damaged: ", kind_folder(kind), "/", name,
                 " counts as absent, ", moved == 0 ? "kept as " : "can't be moved",
                 moved == 0 ? aside : "", " (", s->dir, ")", NULL);
    if (moved == 0 && kind == STS_STORE_ENTRY) {
        keep_message(s, name);
    }
}

static int store_get(void *ctx, uint8_t kind, const char *key)
{
    struct sts_posix_store *s = ctx;
    char name[NAME_SIZE];
    int folder, fd, result = STS_ERR_ABSENT;

    if (!args_ok(kind, key)) {
        return STS_ERR_ARG;
    }
    if (s->in_fd >= 0) {
        return STS_ERR_STATE;
    }
    folder = open_folder(s, kind);
    if (folder < 0) {
        return no_record(s);
    }
    (void)name_of(key, name);
    fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        result = errno == ENOENT ? STS_ERR_ABSENT : read_failed(s);
        close(folder);
        return result;
    }
    switch (verify_key(fd, kind, key, &s->in_end)) {
    case GOOD:
        s->in_fd = fd;
        s->in_at = HEAD_SIZE + (uint32_t)strlen(key);
        close(folder);
        return STS_OK;
    case DAMAGED: set_aside(s, folder, fd, kind, name); break;
    case NEWER:
        sts_log_line(s->log, STS_LOG_WARNING, "state is of a newer version: ", kind_folder(kind),
                     "/", name, " counts as absent, is left alone (", s->dir, ")", NULL);
        if (kind == STS_STORE_ENTRY || kind == STS_STORE_MESSAGE) {
            result = STS_ERR_CONFIG; /* somebody's mail: nobody may take it for gone (Q12) */
        }
        break;
    case OTHER: break;
    case FAILED: result = read_failed(s); break;
    }
    close(fd);
    close(folder);
    return result;
}

static int32_t store_read(void *ctx, void *buf, size_t len)
{
    struct sts_posix_store *s = ctx;
    ssize_t n;

    if (s->in_fd < 0) {
        return STS_ERR_STATE;
    }
    if (len > s->in_end - s->in_at) {
        len = s->in_end - s->in_at;
    }
    n = read_at(s->in_fd, buf, len, s->in_at);
    if (n != (ssize_t)len) {
        errno = n < 0 ? errno : EIO; /* records never shrink: only the medium can do that */
        return read_failed(s);
    }
    s->in_at += (uint32_t)n;
    return (int32_t)n;
}

static void store_done(void *ctx)
{
    struct sts_posix_store *s = ctx;

    if (s->in_fd >= 0) {
        close(s->in_fd);
        s->in_fd = -1;
    }
}

/* ---- writing ----------------------------------------------------------------------------- */

/* Removes temporary files whose writer is gone: those that nobody keeps locked. */
static void sweep(int folder)
{
    int own = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = own < 0 ? NULL : fdopendir(own);
    struct dirent *e;

    if (dir == NULL) { /* no harm: the next process will try */
        if (own >= 0) {
            close(own);
        }
        return;
    }
    while ((e = readdir(dir)) != NULL) {
        int fd;

        if (strncmp(e->d_name, ".tmp-", 5) != 0) {
            continue;
        }
        fd = openat(folder, e->d_name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
            (void)unlinkat(folder, e->d_name, 0);
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    closedir(dir);
}

/* Makes a temporary file our own: locked, and still there. A sweeper may have come between open and
 * lock; then the file is gone, or soon. 0, or -1 and errno. */
static int claim_temporary(int folder, int fd)
{
    struct stat st;

    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &st) != 0) {
        return -1;
    }
    if (st.st_nlink == 0) {
        errno = EWOULDBLOCK;
        return -1;
    }
    return share_file(folder, fd);
}

/* A temporary file, locked; -1 and errno. */
static int make_temporary(int folder, char name[24])
{
    for (int i = 0; i < 100; i++) {
        uint64_t number;
        int fd, cause;

        if (sts_posix_random.fill(NULL, &number, sizeof number) != STS_OK) {
            number = (uint64_t)getpid() << 8 | (uint64_t)i;
        }
        snprintf(name, 24, ".tmp-%016llx", (unsigned long long)number);
        fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0 && claim_temporary(folder, fd) == 0) {
            return fd;
        }
        cause = errno;
        if (fd >= 0) {
            (void)unlinkat(folder, name, 0);
            close(fd);
        }
        errno = cause;
        if (cause != EEXIST && cause != EWOULDBLOCK) {
            break;
        }
    }
    return -1;
}

static int write_all(int fd, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Gives the writer back. The temporary file goes unless it got its name. */
static void close_writer(struct sts_posix_store *s, bool renamed)
{
    if (!renamed) {
        (void)unlinkat(s->out_dir, s->out_tmp, 0);
    }
    close(s->out_fd);
    close(s->out_dir);
    s->out_fd = s->out_dir = -1;
}

/* Whether key's name belongs to another key: 1 yes, 0 no, -1 and errno. */
static int name_taken(int folder, uint8_t kind, const char *key)
{
    char name[NAME_SIZE];
    uint32_t end;
    enum verdict v;
    int fd;

    if (!name_of(key, name)) {
        return 0;
    }
    fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? 0 : -1;
    }
    v = verify_key(fd, kind, key, &end);
    close(fd);
    return v == FAILED ? -1 : v == OTHER;
}

static int store_put(void *ctx, uint8_t kind, const char *key)
{
    static const uint8_t head[HEAD_SIZE];
    struct sts_posix_store *s = ctx;
    size_t len;
    int taken;

    if (!args_ok(kind, key)) {
        return STS_ERR_ARG;
    }
    if (s->out_fd >= 0) {
        return STS_ERR_STATE;
    }
    s->out_dir = make_folder(s, kind);
    if (s->out_dir < 0) {
        return write_failed(s);
    }
    if ((s->swept & 1u << kind_row(kind)) == 0) {
        s->swept |= 1u << kind_row(kind);
        sweep(s->out_dir);
    }
    taken = name_taken(s->out_dir, kind, key);
    s->out_fd = taken == 0 ? make_temporary(s->out_dir, s->out_tmp) : -1;
    if (s->out_fd < 0) {
        int result = taken == 1 ? STS_ERR_SPACE : write_failed(s);

        close(s->out_dir);
        s->out_dir = -1;
        return result;
    }
    len = strlen(key);
    memcpy(s->out_key, key, len + 1);
    s->out_kind = kind;
    s->out_len = 0;
    s->out_crc = sts_crc32(0, key, len);
    s->out_error = STS_OK;
    if (write_all(s->out_fd, head, sizeof head) != 0 || write_all(s->out_fd, key, len) != 0) {
        int result = write_failed(s);

        close_writer(s, false);
        return result;
    }
    return STS_OK;
}

static int store_write(void *ctx, const void *buf, size_t len)
{
    struct sts_posix_store *s = ctx;

    if (s->out_fd < 0) {
        return STS_ERR_STATE;
    }
    if (s->out_error != STS_OK) {
        return s->out_error;
    }
    if (len > INT32_MAX / 2 - s->out_len) {
        return s->out_error = STS_ERR_SPACE;
    }
    if (write_all(s->out_fd, buf, len) != 0) {
        return s->out_error = write_failed(s);
    }
    s->out_crc = sts_crc32(s->out_crc, buf, len);
    s->out_len += (uint32_t)len;
    return STS_OK;
}

/* Fills the head in, and makes the temporary file durable. */
static int finish_file(const struct sts_posix_store *s)
{
    uint8_t head[HEAD_SIZE] = {'S', 'T', 'S', 'R', FORMAT, 0xff ^ FORMAT};

    head[6] = s->out_kind;
    head[7] = (uint8_t)strlen(s->out_key);
    put32(head + 8, s->out_len);
    put32(head + 12, sts_crc32(s->out_crc, head, 12));
    if (lseek(s->out_fd, 0, SEEK_SET) != 0 || write_all(s->out_fd, head, sizeof head) != 0) {
        return -1;
    }
    return fsync(s->out_fd);
}

static int store_commit(void *ctx)
{
    struct sts_posix_store *s = ctx;
    char name[NAME_SIZE];
    int lock, result = STS_OK;
    bool renamed = false;

    if (s->out_fd < 0) {
        return STS_ERR_STATE;
    }
    if (s->out_error != STS_OK) {
        result = s->out_error;
    } else if (finish_file(s) != 0 || (lock = lock_folder(s->out_dir)) < 0) {
        result = write_failed(s);
    } else {
        (void)name_of(s->out_key, name);
        renamed = renameat(s->out_dir, s->out_tmp, s->out_dir, name) == 0;
        if (!renamed || fsync(s->out_dir) != 0) {
            result = write_failed(s);
        }
        close(lock);
    }
    close_writer(s, renamed);
    return result;
}

static void store_abort(void *ctx)
{
    struct sts_posix_store *s = ctx;

    if (s->out_fd >= 0) {
        close_writer(s, false);
    }
}

/* ---- removing, listing ------------------------------------------------------------------- */

static int store_remove(void *ctx, uint8_t kind, const char *key)
{
    struct sts_posix_store *s = ctx;
    char name[NAME_SIZE];
    int folder, lock, taken, result;

    if (!args_ok(kind, key)) {
        return STS_ERR_ARG;
    }
    folder = open_folder(s, kind);
    if (folder < 0) {
        return errno == ENOENT ? STS_ERR_ABSENT : write_failed(s);
    }
    (void)name_of(key, name);
    if (faccessat(folder, name, F_OK, 0) != 0 && errno == ENOENT) {
        close(folder); /* also where nothing may be written */
        return STS_ERR_ABSENT;
    }
    lock = lock_folder(folder);
    taken = lock < 0 ? -1 : name_taken(folder, kind, key);
    if (taken == 0 && unlinkat(folder, name, 0) == 0 && fsync(folder) == 0) {
        result = STS_OK;
    } else if (taken == 1 || (taken == 0 && errno == ENOENT)) {
        result = STS_ERR_ABSENT;
    } else {
        result = write_failed(s);
    }
    if (lock >= 0) {
        close(lock);
    }
    close(folder);
    return result;
}

/* The key of a directory entry: from its name, or from the file where the name is a cut one. */
static bool entry_key(int folder, uint8_t kind, const char *name, char key[STS_NAME_SIZE])
{
    uint32_t end;
    bool good;
    int fd;

    if (name[0] == '.' || strchr(name, '~') != NULL) {
        return false;
    }
    if (key_of(name, key)) {
        return true;
    }
    fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    good = verify(fd, kind, key, &end) == GOOD;
    close(fd);
    return good;
}

static int store_iterate(void *ctx, uint8_t kind, bool (*each)(void *arg, const char *key),
                         void *arg)
{
    struct sts_posix_store *s = ctx;
    char key[STS_NAME_SIZE];
    DIR *dir;
    struct dirent *e;
    int folder, result = STS_OK;

    if (kind_folder(kind) == NULL || each == NULL) {
        return STS_ERR_ARG;
    }
    folder = open_folder(s, kind);
    if (folder < 0) {
        return errno == ENOENT ? STS_OK : read_failed(s);
    }
    dir = fdopendir(folder);
    if (dir == NULL) {
        result = read_failed(s);
        close(folder);
        return result;
    }
    for (errno = 0; (e = readdir(dir)) != NULL; errno = 0) {
        if (entry_key(folder, kind, e->d_name, key) && !each(arg, key)) {
            break;
        }
    }
    if (e == NULL && errno != 0) {
        result = read_failed(s);
    }
    closedir(dir);
    return result;
}

/* ---- claims ------------------------------------------------------------------------------ */

/* The lock of one octet, at a place that no file reaches. */
static int lock_octet(int fd, const char *key)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};

    lock.l_start = (off_t)(hash(key) >> 2);
    return fcntl(fd, F_OFD_SETLK, &lock);
}

static int store_claim(void *ctx, uint8_t kind, const char *key)
{
    struct sts_posix_store *s = ctx;
    int folder, fd, result = STS_OK;

    if (!args_ok(kind, key)) {
        return STS_ERR_ARG;
    }
    if (s->claim_fd >= 0) {
        return STS_ERR_STATE;
    }
    folder = make_folder(s, kind);
    if (folder < 0) {
        return write_failed(s);
    }
    fd = openat(folder, ".claims", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)share_file(folder, fd); /* not ours: its owner has */
    }
    close(folder);
    if (fd < 0) {
        return write_failed(s);
    }
    if (lock_octet(fd, key) != 0) {
        result = errno == EAGAIN || errno == EACCES ? STS_BUSY : write_failed(s);
        close(fd);
        return result;
    }
    s->claim_fd = fd;
    return STS_OK;
}

static void store_release(void *ctx)
{
    struct sts_posix_store *s = ctx;

    if (s->claim_fd >= 0) {
        close(s->claim_fd);
        s->claim_fd = -1;
    }
}

void sts_posix_store_init(struct sts_posix_store *s, const char *dir, const struct sts_log *log,
                          struct sts_store *out)
{
    *s = (struct sts_posix_store){
        .dir = dir, .log = log, .in_fd = -1, .out_dir = -1, .out_fd = -1, .claim_fd = -1};
    *out = (struct sts_store){
        .ctx = s,
        .put = store_put,
        .write = store_write,
        .commit = store_commit,
        .abort = store_abort,
        .get = store_get,
        .read = store_read,
        .done = store_done,
        .remove = store_remove,
        .iterate = store_iterate,
        .claim = store_claim,
        .release = store_release,
    };
}
