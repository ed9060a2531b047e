/* SPDX-License-Identifier: MIT
 *
 * Any server. The first two octets choose what the session needs; the rest is what the server says, each line as
 * soon as there is nothing more to write. WIRE and DELIV hold (tests/unit/smtp_play.h), the session ends, the
 * replies that are kept are printable, and all is the same a byte at a time and with the smallest buffer.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/smtp_play.h"

static void must(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void printable(const char *s, size_t size)
{
    must(memchr(s, '\0', size) != NULL);
    for (; *s != '\0'; s++) {
        must(*s >= 0x20 && *s < 0x7f);
    }
}

static void run(struct play *p, const struct setup *set, int tls, const uint8_t *say, size_t len,
                bool bytewise)
{
    play_start(p, set);
    for (size_t at = 0; at < len && !play_done(p);) {
        const uint8_t *lf = memchr(say + at, '\n', len - at);
        size_t n = bytewise ? 1 : lf != NULL ? (size_t)(lf - say) + 1 - at : len - at;

        play_pump(p);
        if (sts_smtp_want(&p->m) == STS_WANT_TLS && say[at] == '!') {
            play_tls(p, tls); /* any other octet came in clear */
            n = 1;
        } else {
            play_say(p, say + at, n, SIZE_MAX);
        }
        at += n;
        must(play_sound(p));
    }
    play_pump(p);
    must(play_sound(p));
    p->now.ms = p->m.due_ms - 1;
    sts_smtp_tick(&p->m, &p->now);
    sts_smtp_closed(&p->m, STS_ERR_CLOSED);
    must(play_done(p) && play_sound(p));
    must(sts_smtp_result(&p->m) <= STS_OK);
    printable(p->m.reply, sizeof p->m.reply);
    for (size_t i = 0; i < p->set.count; i++) {
        printable(p->to[i].reply, sizeof p->to[i].reply);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct play a, b;
    struct setup set = {0};
    int tls;

    if (size < 2) {
        return 0;
    }
    set.need = data[0] % 3;
    set.lenient = data[0] & 4;
    set.no_tls = data[0] & 8;
    set.implicit_tls = data[0] & 16;
    set.eightbit = data[0] & 32;
    set.utf8_header = data[0] & 64;
    tls = (data[0] & 128) != 0;
    set.count = data[1] % PLAY_RCPTS + 1;
    set.lines = (data[1] >> 3) % 4 * 40;
    set.break_at = (data[1] & 32) != 0 ? 1000 : 0;
    set.no_rewind = data[1] == 255;
    run(&a, &set, tls, data + 2, size - 2, false);
    set.tx_size = 512;
    run(&b, &set, tls, data + 2, size - 2, true);
    must(sts_smtp_result(&a.m) == sts_smtp_result(&b.m));
    must(strcmp(a.m.reply, b.m.reply) == 0);
    must(sts_smtp_in_doubt(&a.m) == sts_smtp_in_doubt(&b.m));
    if (sts_smtp_result(&a.m) !=
        STS_ERR_IO) { /* a buffer that the source failed in is lost whole */
        must(a.out_len == b.out_len);
    }
    must(memcmp(a.out, b.out, a.out_len < b.out_len ? a.out_len : b.out_len) == 0);
    for (size_t i = 0; i < a.set.count; i++) {
        must(a.to[i].error == b.to[i].error && a.to[i].code == b.to[i].code);
    }
    return 0;
}
