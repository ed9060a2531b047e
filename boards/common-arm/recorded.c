/* SPDX-License-Identifier: MIT
 *
 * The recorded network: recorded.h says what it is for.
 */
#include "recorded.h"

#include <string.h>

#include "board.h"

#define HANDLES  16
#define QUESTION 280 /* octets of a question that are kept: its header, a name, type and class */

/* ---- records -------------------------------------------------------------------------------- */

static size_t octets(const uint8_t *record)
{
    return (size_t)record[2] | (size_t)record[3] << 8;
}

static const uint8_t *data(const uint8_t *record)
{
    return record + 4;
}

static const uint8_t *after(const uint8_t *record)
{
    return data(record) + octets(record);
}

/* From here on, a record of this connection and these kinds; else the one that ends it all. */
static const uint8_t *find(const uint8_t *from, uint8_t number, const char *kinds)
{
    while (from[0] != RECORDED_END && (from[1] != number || strchr(kinds, from[0]) == NULL)) {
        from = after(from);
    }
    return from;
}

int64_t recorded_date(const uint8_t *recording)
{
    const uint8_t *at = data(recording);

    return recording[0] != RECORDED_DATE
               ? 0
               : (int64_t)(at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24);
}

/* ---- DNS ------------------------------------------------------------------------------------ */

/* Octets of a message's header and question. */
static size_t question_end(const uint8_t *message)
{
    size_t at = 12;

    while (message[at] != 0) {
        at += 1u + message[at];
    }
    return at + 5;
}

static bool same_question(const uint8_t *a, const uint8_t *b)
{
    size_t end = question_end(a);

    if (question_end(b) != end) {
        return false;
    }
    for (size_t i = 12; i < end; i++) {
        uint8_t x = a[i], y = b[i];

        /* 0x20; in what is no letter the bit stands for itself */
        if (x != y && (((x ^ y) & 0xdf) != 0 || (x | 0x20) < 'a' || (x | 0x20) > 'z')) {
            return false;
        }
    }
    return true;
}

/* ---- playing -------------------------------------------------------------------------------- */

struct played {
    bool used, datagram;
    uint8_t number;
    const uint8_t *answer; /* of a datagram */
    const uint8_t *ours;   /* the record that is being sent, and how much of it was */
    size_t ours_at;
    const uint8_t *theirs; /* the record that is being read */
    size_t theirs_at;
    uint8_t question[QUESTION];
};

static struct {
    const uint8_t *all;
    uint32_t opened; /* a bit for each connection of the recording */
    bool differs;
    struct played handles[HANDLES];
} play;

static int handle_new(bool datagram)
{
    for (int i = 0; i < HANDLES; i++) {
        if (!play.handles[i].used) {
            memset(&play.handles[i], 0, sizeof play.handles[i]);
            play.handles[i].used = true;
            play.handles[i].datagram = datagram;
            return i;
        }
    }
    return STS_ERR_CONNECT;
}

static int play_udp_open(void *ctx, const struct sts_endpoint *peer)
{
    (void)ctx;
    (void)peer;
    return handle_new(true);
}

static int play_tcp_open(void *ctx, const struct sts_endpoint *peer)
{
    const uint8_t *at = play.all;
    int handle;

    (void)ctx;
    for (; at[0] != RECORDED_END; at = after(at)) {
        if (at[0] == RECORDED_OPEN && (data(at)[0] | data(at)[1] << 8) == peer->port &&
            (play.opened >> at[1] & 1u) == 0) {
            break;
        }
    }
    if (at[0] == RECORDED_END || (handle = handle_new(false)) < 0) {
        play.differs = true;
        return STS_ERR_CONNECT;
    }
    play.opened |= UINT32_C(1) << at[1];
    play.handles[handle].number = at[1];
    play.handles[handle].ours = find(at, at[1], "S");
    play.handles[handle].theirs = find(at, at[1], "SRC");
    return handle;
}

static int play_connected(void *ctx, int handle)
{
    (void)ctx;
    (void)handle;
    return STS_OK;
}

static int32_t ask(struct played *p, const uint8_t *question, size_t len)
{
    p->answer = play.all;
    while (p->answer[0] != RECORDED_END &&
           (p->answer[0] != RECORDED_DATAGRAM || !same_question(question, data(p->answer)))) {
        p->answer = after(p->answer);
    }
    play.differs |= p->answer[0] == RECORDED_END;
    memcpy(p->question, question, len < QUESTION ? len : QUESTION);
    return (int32_t)len;
}

static int32_t play_send(void *ctx, int handle, const void *buf, size_t len)
{
    struct played *p = &play.handles[handle];
    const uint8_t *at = buf;
    size_t left = len;

    (void)ctx;
    if (p->datagram) {
        return ask(p, buf, len);
    }
    while (left > 0) {
        size_t n = octets(p->ours) - p->ours_at;

        n = n < left ? n : left;
        if (p->ours[0] == RECORDED_END || memcmp(data(p->ours) + p->ours_at, at, n) != 0) {
            play.differs = true;
            return STS_ERR_CLOSED;
        }
        at += n;
        left -= n;
        p->ours_at += n;
        if (p->ours_at == octets(p->ours)) {
            p->ours = find(after(p->ours), p->number, "S");
            p->ours_at = 0;
        }
    }
    return (int32_t)len;
}

static int32_t answer(struct played *p, uint8_t *buf, size_t size)
{
    size_t len, end;

    if (p->answer == NULL || p->answer[0] == RECORDED_END) {
        return 0;
    }
    len = octets(p->answer);
    end = question_end(p->question);
    memcpy(buf, data(p->answer), len < size ? len : size);
    if (len <= size) {
        memcpy(buf, p->question, 2);
        memcpy(buf + 12, p->question + 12, end - 12);
    }
    p->answer = NULL;
    return (int32_t)len;
}

static int32_t play_recv(void *ctx, int handle, void *buf, size_t len)
{
    struct played *p = &play.handles[handle];
    size_t n;

    (void)ctx;
    if (p->datagram) {
        return answer(p, buf, len);
    }
    while (p->theirs[0] == RECORDED_SENT && p->theirs != p->ours &&
           (p->ours[0] == RECORDED_END || p->theirs < p->ours)) {
        p->theirs = find(after(p->theirs), p->number, "SRC");
    }
    if (p->theirs[0] != RECORDED_RECEIVED) {
        return p->theirs[0] == RECORDED_SENT ? 0 : STS_ERR_CLOSED;
    }
    n = octets(p->theirs) - p->theirs_at;
    n = n < len ? n : len;
    memcpy(buf, data(p->theirs) + p->theirs_at, n);
    p->theirs_at += n;
    if (p->theirs_at == octets(p->theirs)) {
        p->theirs = find(after(p->theirs), p->number, "SRC");
        p->theirs_at = 0;
    }
    return (int32_t)n;
}

static void play_close(void *ctx, int handle)
{
    (void)ctx;
    play.handles[handle].used = false;
}

static void play_wait(void *ctx, const struct sts_wait *handles, size_t n, uint32_t timeout_ms)
{
    (void)ctx;
    (void)handles;
    (void)n;
    (void)timeout_ms;
}

void recorded_play(const uint8_t *recording, struct sts_net *out)
{
    memset(&play, 0, sizeof play);
    play.all = recording;
    *out = (struct sts_net){NULL,      play_udp_open, play_tcp_open, play_connected,
                            play_send, play_recv,     play_close,    play_wait, NULL};
}

bool recorded_same(void)
{
    return !play.differs;
}

/* ---- writing -------------------------------------------------------------------------------- */

static struct {
    const struct sts_net *under;
    uint8_t connections; /* so far */
    uint8_t number[HANDLES];
    bool datagram[HANDLES], ended[HANDLES];
} writer;

static void put_hex(uint8_t octet)
{
    static const char digits[] = "0123456789abcdef";

    board_putc(digits[octet >> 4]);
    board_putc(digits[octet & 15]);
}

static void put_record(char kind, uint8_t number, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    board_putc('@');
    board_putc(kind);
    board_putc(' ');
    put_number(number);
    board_putc(' ');
    for (size_t i = 0; i < len; i++) {
        put_hex(at[i]);
    }
    board_putc('\n');
}

static int write_udp_open(void *ctx, const struct sts_endpoint *peer)
{
    int handle = writer.under->udp_open(writer.under->ctx, peer);

    (void)ctx;
    if (handle >= 0) {
        writer.datagram[handle] = true;
    }
    return handle;
}

static int write_tcp_open(void *ctx, const struct sts_endpoint *peer)
{
    int handle = writer.under->tcp_open(writer.under->ctx, peer);
    uint8_t port[2] = {(uint8_t)peer->port, (uint8_t)(peer->port >> 8)};

    (void)ctx;
    if (handle >= 0) {
        writer.datagram[handle] = writer.ended[handle] = false;
        writer.number[handle] = writer.connections++;
        put_record(RECORDED_OPEN, writer.number[handle], port, sizeof port);
    }
    return handle;
}

static int write_connected(void *ctx, int handle)
{
    (void)ctx;
    return writer.under->connected(writer.under->ctx, handle);
}

static int32_t write_send(void *ctx, int handle, const void *buf, size_t len)
{
    int32_t n = writer.under->send(writer.under->ctx, handle, buf, len);

    (void)ctx;
    if (n > 0 && !writer.datagram[handle]) {
        put_record(RECORDED_SENT, writer.number[handle], buf, (size_t)n);
    }
    return n;
}

static int32_t write_recv(void *ctx, int handle, void *buf, size_t len)
{
    int32_t n = writer.under->recv(writer.under->ctx, handle, buf, len);

    (void)ctx;
    if (n > 0) {
        put_record(writer.datagram[handle] ? RECORDED_DATAGRAM : RECORDED_RECEIVED,
                   writer.number[handle], buf, (size_t)n);
    } else if (n < 0 && !writer.ended[handle]) {
        writer.ended[handle] = true;
        put_record(RECORDED_CLOSED, writer.number[handle], "", 0);
    }
    return n;
}

static void write_close(void *ctx, int handle)
{
    (void)ctx;
    writer.under->close(writer.under->ctx, handle);
}

static void write_wait(void *ctx, const struct sts_wait *handles, size_t n, uint32_t timeout_ms)
{
    (void)ctx;
    writer.under->wait(writer.under->ctx, handles, n, timeout_ms);
}

void recorded_write(const struct sts_net *under, int64_t date, struct sts_net *out)
{
    uint8_t at[4] = {(uint8_t)date, (uint8_t)(date >> 8), (uint8_t)(date >> 16),
                     (uint8_t)(date >> 24)};

    memset(&writer, 0, sizeof writer);
    writer.under = under;
    put_record(RECORDED_DATE, 0, at, sizeof at);
    *out = (struct sts_net){NULL,       write_udp_open, write_tcp_open, write_connected,
                            write_send, write_recv,     write_close,    write_wait, NULL};
}
