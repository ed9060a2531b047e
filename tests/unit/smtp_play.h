/* SPDX-License-Identifier: MIT
 *
 * A peer for the SMTP engine, and the two oracles that watch every conversation in the tests:
 *
 *   WIRE   no octet of MAIL, RCPT, DATA or content leaves before the session has proved what it needs
 *   DELIV  a recipient is delivered to if, and only if, its RCPT was accepted and the final dot of that
 *          transaction got 2yz
 *
 * The oracles read the wire for themselves: they know the commands and what the server answered to
 * which, and nothing of the engine.
 */
#ifndef SMTP_PLAY_H
#define SMTP_PLAY_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stsmail/engine/smtp.h>

#define PLAY_RCPTS 8 /* and one behind them, which is not the engine's to touch */
#define PLAY_OUT   (1u << 19)

/* What differs from the usual conversation; all zero is: one recipient, in clear if need be. */
struct setup {
    uint8_t need;
    bool lenient, no_tls, implicit_tls, utf8_header, eightbit;
    uint32_t timeout_s;
    uint64_t size;      /* as facts say; 0: true */
    size_t count;       /* recipients, 0: one */
    const char *sender; /* NULL: dev@device.example */
    const char *to[PLAY_RCPTS];
    const char *content; /* NULL: a short one */
    size_t lines;        /* of 64 octets, added to the content */
    bool no_rewind;      /* the source can't be read from its start */
    size_t break_at;     /* the source fails at this octet, 0: never */
    const struct sts_log *log;
    size_t tx_size; /* 0: 4096 */
};

struct play {
    struct sts_smtp m;
    struct setup set;
    struct sts_smtp_config c;
    struct sts_recipient to[PLAY_RCPTS + 1];
    struct sts_reader reader;
    struct sts_message message;
    struct sts_source source;
    struct sts_message_facts facts;
    struct sts_time now;
    size_t read_at, rewinds;

    uint8_t *out; /* all that went out */
    size_t out_len, out_used, line_at;

    /* as the server sees it */
    bool proved;   /* TLS as `need` has it */
    bool in_clear; /* no TLS */
    bool content;  /* behind DATA's 354 */
    bool violated; /* WIRE */
    uint8_t
        due[64]; /* commands whose replies are due: first letter, '.' the dot, ' ' the greeting */
    unsigned due_rcpt[64];
    size_t due_count;
    char reply[4]; /* the line being said */
    size_t reply_len;
    bool mail;              /* its MAIL was accepted: without, there is no transaction */
    unsigned accepted, may; /* masks of recipients: in this transaction; delivered to */
    size_t transactions;
};

static const char play_content[] = "Subject: t\r\n\r\n.hi\r\n";
#define PLAY_WIRE "Subject: t\r\n\r\n..hi\r\n.\r\n"

static inline size_t play_length(const struct play *p)
{
    return strlen(p->set.content) + 64 * p->set.lines;
}

static inline int play_rewind(void *ctx)
{
    struct play *p = ctx;

    p->read_at = 0;
    p->rewinds++;
    return p->set.no_rewind ? STS_ERR_IO : STS_OK;
}

static inline int32_t play_read(void *ctx, void *buf, size_t size)
{
    struct play *p = ctx;
    size_t n = 0, head = strlen(p->set.content);

    for (; n < size && p->read_at < play_length(p); n++, p->read_at++) {
        size_t at = (p->read_at - head) % 64;

        if (p->set.break_at != 0 && p->read_at >= p->set.break_at) {
            return STS_ERR_IO;
        }
        ((uint8_t *)buf)[n] = (uint8_t)(p->read_at < head ? p->set.content[p->read_at]
                                                          : (at < 62    ? 'x'
                                                             : at == 62 ? '\r'
                                                                        : '\n'));
    }
    return (int32_t)n;
}

static inline void play_start(struct play *p, const struct setup *set)
{
    uint8_t *out = p->out != NULL ? p->out : malloc(PLAY_OUT);

    memset(p, 0, sizeof *p);
    p->out = out;
    p->set = *set;
    p->set.count = set->count == 0 ? 1 : set->count;
    p->set.content = set->content == NULL ? play_content : set->content;
    p->set.tx_size = set->tx_size == 0 ? 4096 : set->tx_size;
    for (size_t i = 0; i < p->set.count; i++) {
        static const char *const names[PLAY_RCPTS] = {
            "a@example.org", "b@example.org", "c@example.org", "d@example.org",
            "e@example.org", "f@example.org", "g@example.org", "h@example.org"};

        p->to[i].address = set->to[i] != NULL ? set->to[i] : names[i];
        p->to[i].error = STS_BUSY;
        p->to[i].code = 299; /* from another attempt */
        strcpy(p->to[i].reply, "old");
    }
    p->to[p->set.count].error = p->set.count % 2 != 0 ? STS_BUSY : STS_ERR_DNS;
    p->to[p->set.count].code = 299;
    p->source = (struct sts_source){p, play_rewind, play_read};
    p->message.raw = &p->source;
    p->facts.size = set->size != 0 ? set->size : play_length(p);
    p->facts.eightbit = set->eightbit;
    p->facts.utf8_header = set->utf8_header;
    p->now.ms = UINT32_MAX - 100000; /* so that it wraps under way */
    p->c = (struct sts_smtp_config){.hostname = "device.example",
                                    .sender = set->sender ? set->sender : "dev@device.example",
                                    .recipients = p->to,
                                    .count = p->set.count,
                                    .message = &p->message,
                                    .reader = &p->reader,
                                    .facts = &p->facts,
                                    .log = set->log,
                                    .timeout_s = set->timeout_s,
                                    .need = set->need,
                                    .no_tls = set->no_tls,
                                    .lenient = set->lenient,
                                    .implicit_tls = set->implicit_tls};
    p->proved = set->need == STS_NEED_NOTHING;
    p->in_clear = true;
    p->due[p->due_count++] = ' ';
    sts_smtp_start(&p->m, &p->c, &p->now);
}

static inline bool play_done(const struct play *p)
{
    return sts_smtp_want(&p->m) == STS_DONE;
}

static inline bool play_starts(const char *line, size_t len, const char *with)
{
    return len >= strlen(with) && memcmp(line, with, strlen(with)) == 0;
}

static inline void play_owe(struct play *p, char what, unsigned rcpt)
{
    if (p->due_count < sizeof p->due) {
        p->due_rcpt[p->due_count] = rcpt;
        p->due[p->due_count++] = (uint8_t)what;
    } else {
        p->violated = true;
    }
}

/* A line that we sent, with its CRLF. */
static inline void play_sent(struct play *p, const char *line, size_t len)
{
    if (p->content) {
        p->violated |= !p->proved;
        if (len == 3 && line[0] == '.') {
            p->content = false;
            play_owe(p, '.', 0);
        }
        return;
    }
    if (!play_starts(line, len, "EHLO ") && !play_starts(line, len, "STARTTLS\r\n") &&
        !play_starts(line, len, "QUIT\r\n")) {
        p->violated |= !p->proved; /* T21 */
    }
    if (play_starts(line, len, "STARTTLS")) {
        p->violated |= !p->in_clear; /* T14 */
        play_owe(p, 'S', 0);
    } else if (play_starts(line, len, "RCPT TO:<")) {
        for (unsigned i = 0; i < p->set.count; i++) {
            const char *to = p->to[i].address;

            if (play_starts(line + 9, len - 9, to) && line[9 + strlen(to)] == '>') {
                play_owe(p, 'R', i);
                return;
            }
        }
        p->violated = true;
    } else {
        play_owe(p, line[0], 0); /* E H M D Q */
    }
}

/* Lets the engine write all that it will. */
static inline void play_pump(struct play *p)
{
    while ((sts_smtp_want(&p->m) & STS_WANT_SEND) != 0) {
        size_t n = sts_smtp_tx(&p->m, p->out + p->out_len, p->set.tx_size, &p->now);

        if (n == 0 || n > p->set.tx_size || p->out_len + p->set.tx_size > PLAY_OUT - 8192) {
            p->violated |= n > p->set.tx_size;
            return;
        }
        for (; n > 0; n--) {
            if (p->out[p->out_len++] == '\n') {
                play_sent(p, (char *)p->out + p->line_at, p->out_len - p->line_at);
                p->line_at = p->out_len;
            }
        }
    }
}

/* The server has answered the oldest command. */
static inline void play_answered(struct play *p, char digit)
{
    uint8_t what = p->due[0];
    unsigned rcpt = p->due_rcpt[0];

    if (p->due_count == 0) {
        return;
    }
    p->due_count--;
    memmove(p->due, p->due + 1, p->due_count);
    memmove(p->due_rcpt, p->due_rcpt + 1, p->due_count * sizeof *p->due_rcpt);
    if (what == 'M') {
        p->accepted = 0;
        p->mail = digit == '2';
        p->transactions++;
    } else if (what == 'R' && digit == '2' && p->mail) {
        p->accepted |= 1u << rcpt;
    } else if (what == 'D' && digit == '3') {
        p->content = true;
    } else if (what == '.' && digit == '2') {
        p->may |= p->accepted;
    }
}

/* A byte from the server. */
static inline void play_byte(struct play *p, uint8_t byte)
{
    if (p->reply_len < sizeof p->reply) {
        p->reply[p->reply_len++] = (char)byte;
    }
    if (byte == '\n') {
        if (p->reply_len < 4 || p->reply[3] != '-') {
            play_answered(p, p->reply[0]);
        }
        p->reply_len = 0;
    }
}

/* The server says something, in pieces of `step` bytes. */
static inline void play_say(struct play *p, const void *text, size_t len, size_t step)
{
    const uint8_t *bytes = text;

    for (size_t at = 0; at < len && !play_done(p);) {
        size_t n = len - at < step ? len - at : step;

        for (size_t i = 0; i < n; i++) {
            play_byte(p, bytes[at + i]);
        }
        sts_smtp_rx(&p->m, bytes + at, n, &p->now);
        at += n;
    }
}

/* TLS is up: 0 verified, 1 not verified; or the handshake's error. */
static inline void play_tls(struct play *p, int how)
{
    struct sts_tls_state state = {how >= 0 ? 0x0304 : 0, how == 0,
                                  how == 0 ? STS_OK : STS_ERR_CERT_TRUST};

    if (how >= 0) {
        p->in_clear = false;
        p->proved = how == 0 || p->set.need < STS_NEED_VERIFIED;
    }
    sts_smtp_tls_done(&p->m, how < 0 ? how : STS_OK, &state, &p->now);
}

/* What holds at any time. */
static inline bool play_sound(const struct play *p)
{
    if (p->violated ||
        p->to[p->set.count].error != (p->set.count % 2 != 0 ? STS_BUSY : STS_ERR_DNS) ||
        p->to[p->set.count].code != 299) {
        return false;
    }
    for (unsigned i = 0; i < p->set.count; i++) {
        if (p->to[i].error == STS_OK && (p->may & 1u << i) == 0) {
            return false;
        }
        if (p->to[i].error == STS_BUSY && play_done(p) &&
            (p->to[i].code != 0 || p->to[i].reply[0] != '\0')) {
            return false;
        }
        if (play_done(p) && sts_smtp_result(&p->m) == STS_OK && p->to[i].error == STS_BUSY) {
            return false;
        }
    }
    return true;
}

/* ... and at an end where the server said no more than was read. */
static inline bool play_complete(const struct play *p)
{
    for (unsigned i = 0; i < p->set.count; i++) {
        if ((p->may & 1u << i) != 0 && p->to[i].error != STS_OK) {
            return false;
        }
    }
    return play_sound(p);
}

#endif
