/* SPDX-License-Identifier: MIT
 *
 * Any records from a server. The input is a list of steps: an octet that says what is done, one or two of length,
 * the octets. The gate gives the same verdict whole and an octet at a time, stays shut, and lets nothing in clear
 * through that RFC 8446 5.1 and RFC 5246 6.2 do not know, nor more of it than 64 KiB.
 */
#include "fuzz.h"

#include "../../port/wolfssl/cert.h"

/* Records as the letter of the standard has them, watched beside the gate. */
struct watch {
    uint8_t head[5];
    size_t have, left, clear, handshake;
};

/* One octet that the gate let in. */
static void watch(struct watch *w, uint8_t octet, const struct sts_gate *g, bool was_encrypted)
{
    if (w->left > 0) {
        w->left--;
        w->clear += !was_encrypted;
        w->handshake += !was_encrypted && w->head[0] == 22;
        MUST(w->handshake <= 65536 && w->clear <= 65536 + 4 * 2 + 2);
        return;
    }
    w->head[w->have++] = octet;
    if (w->have < 5) {
        return;
    }
    w->have = 0;
    w->left = (size_t)w->head[3] << 8 | w->head[4];
    MUST(w->head[0] >= 20 && w->head[0] <= 23 && w->head[1] == 3 && w->head[2] <= 4);
    MUST(w->left > 0 && w->left <= 16384 + 2048);
    MUST(w->head[0] != 20 || (w->left == 1 && g->hellos > 0));
    if (!was_encrypted) {
        MUST(w->head[0] != 22 || w->left <= 16384);
        MUST(w->head[0] != 21 || w->left == 2);
        MUST(w->head[0] != 23 || g->hellos > 0); /* data before ServerHello */
    }
}

static void feed(struct sts_gate *whole, struct sts_gate *bytewise, struct watch *w,
                 const uint8_t *p, size_t len, bool tls13, bool done)
{
    bool was = whole->refused, verdict = sts_gate_in(whole, p, len, tls13, done), one = !was;

    MUST(verdict == !whole->refused && !(was && verdict));
    for (size_t i = 0; i < len && one; i++) {
        bool encrypted = bytewise->encrypted;

        one = sts_gate_in(bytewise, p + i, 1, tls13, done);
        if (one) {
            watch(w, p[i], bytewise, encrypted);
        }
    }
    MUST(verdict == one);
}

static void sent(struct sts_gate *whole, struct sts_gate *bytewise, const uint8_t *p, size_t len)
{
    sts_gate_out(whole, p, len);
    for (size_t i = 0; i < len; i++) {
        sts_gate_out(bytewise, p + i, 1);
    }
}

static bool same(const struct sts_gate *a, const struct sts_gate *b)
{
    return a->have == b->have && a->left == b->left && a->message_have == b->message_have &&
           a->message_left == b->message_left && a->total == b->total && a->last == b->last &&
           a->hellos == b->hellos && a->changes == b->changes && a->alerts == b->alerts &&
           a->encrypted == b->encrypted && a->refused == b->refused &&
           a->sent_have == b->sent_have && a->sent_left == b->sent_left &&
           a->sent_change == b->sent_change;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sts_gate whole = {0}, bytewise = {0};
    struct watch w = {0};
    size_t zeros = 0;

    while (size >= 3) {
        unsigned what = data[0];
        size_t len = data[1] | (what & 8 ? (size_t)data[2] << 8 : 0), given;
        uint8_t *p;

        data += 2 + ((what & 8) != 0);
        size -= 2 + ((what & 8) != 0);
        given = len < size ? len : size;
        if ((what & 0xf0) == 0x10 && zeros + len < 70000) { /* zeros, through large records */
            p = calloc(1, len + 1);
            MUST(p != NULL);
            given = 0;
            zeros += len;
        } else {
            len = given;
            p = exact(data, len);
        }
        if ((what & 1) != 0) {
            sent(&whole, &bytewise, p, len);
        } else {
            feed(&whole, &bytewise, &w, p, len, (what & 2) != 0, (what & 4) != 0);
        }
        MUST(same(&whole, &bytewise));
        free(p);
        data += given;
        size -= given;
    }
    return 0;
}
