/* SPDX-License-Identifier: MIT
 *
 * What a record may be before wolfSSL sees it. Until encryption starts anybody on the way can write
 * records, so those are held to the letter: type, version, length, the order of the handshake messages
 * in them, no ChangeCipherSpec before its time, no more than 64 KiB. Later only the header is looked at.
 */
#include "cert.h"

#include <string.h>

enum {
    CHANGE = 20,
    ALERT = 21,
    HANDSHAKE = 22,
    DATA = 23
};
enum {
    SERVER_HELLO = 2,
    CERTIFICATE = 11,
    SERVER_HELLO_DONE = 14
};

#define PLAIN_MAX 16384u /* RFC 8446 5.1 */
#define EXPANSION 2048u  /* RFC 5246 6.2.3; TLS 1.3 needs 256 */
#define TAG       16u    /* of every suite on our list */
#define TOTAL_MAX 65536u /* handshake messages in clear, bytes */
#define ALERTS    4u     /* warnings in clear */
#define CHANGES   2u     /* TLS 1.3: after each of HelloRetryRequest and ServerHello */

/* The messages of a server come in ascending order of their numbers: ServerHello (twice after a
 * HelloRetryRequest), Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone. Others are
 * answers to what we never offer: tickets, status. */
static bool message_fits(struct sts_gate *g, bool tls13)
{
    uint8_t type = g->message[0];
    bool again = tls13 && type == SERVER_HELLO && g->hellos == 1;

    if (type < SERVER_HELLO || type > SERVER_HELLO_DONE || (type > g->last) == again) {
        return false;
    }
    if (type != SERVER_HELLO && (type < CERTIFICATE || g->hellos == 0)) {
        return false;
    }
    g->hellos = (uint8_t)(g->hellos + (type == SERVER_HELLO));
    g->last = type;
    return true;
}

/* One byte of handshake messages in clear. */
static bool message_byte(struct sts_gate *g, uint8_t byte, bool tls13)
{
    if (g->message_left > 0) {
        g->message_left--;
        return true;
    }
    g->message[g->message_have++] = byte;
    if (g->message_have < 4) {
        return true;
    }
    g->message_have = 0;
    g->message_left = (uint32_t)g->message[1] << 16 | (uint32_t)g->message[2] << 8 | g->message[3];
    return g->message_left <= TOTAL_MAX && message_fits(g, tls13);
}

static bool between_messages(const struct sts_gate *g)
{
    return g->message_left == 0 && g->message_have == 0;
}

/* TLS 1.3 servers send a ChangeCipherSpec that means nothing, where middleboxes look for one
 * (RFC 8446 D.4). In TLS 1.2 it starts encryption, and never comes before ours. */
static bool change_fits(struct sts_gate *g, uint16_t len, bool tls13, bool done)
{
    if (len != 1 || g->hellos == 0 || !between_messages(g)) {
        return false;
    }
    if (tls13) {
        return !done && g->changes++ < CHANGES;
    }
    if (g->encrypted || !g->sent_change || g->last != SERVER_HELLO_DONE) {
        return false;
    }
    g->encrypted = true;
    return true;
}

static bool plain_fits(struct sts_gate *g, uint8_t type, uint16_t len, bool tls13)
{
    switch (type) {
    case HANDSHAKE: g->total += len; return len > 0 && len <= PLAIN_MAX && g->total <= TOTAL_MAX;
    case ALERT: return len == 2 && between_messages(g) && g->alerts++ < ALERTS;
    case DATA:
        g->encrypted = tls13 && g->hellos > 0 && between_messages(g);
        return g->encrypted && len > TAG && len <= PLAIN_MAX + EXPANSION;
    default: return false;
    }
}

static bool header_fits(struct sts_gate *g, bool tls13, bool done)
{
    uint8_t type = g->head[0];
    uint16_t len = (uint16_t)(g->head[3] << 8 | g->head[4]);

    g->left = len;
    if (g->head[1] != 3 || g->head[2] > 4) {
        return false;
    }
    if (type == CHANGE) {
        return change_fits(g, len, tls13, done);
    }
    if (!g->encrypted) {
        return plain_fits(g, type, len, tls13);
    }
    return len >= TAG && len <= PLAIN_MAX + EXPANSION &&
           (type == DATA || (!tls13 && (type == ALERT || type == HANDSHAKE)));
}

static bool feed(struct sts_gate *g, uint8_t byte, bool tls13, bool done)
{
    if (g->left > 0) {
        g->left--;
        return g->encrypted || g->head[0] != HANDSHAKE || message_byte(g, byte, tls13);
    }
    g->head[g->have++] = byte;
    if (g->have < sizeof g->head) {
        return true;
    }
    g->have = 0;
    return header_fits(g, tls13, done);
}

bool sts_gate_in(struct sts_gate *g, const uint8_t *bytes, size_t len, bool tls13, bool done)
{
    size_t skip;

    while (len > 0 && !g->refused) {
        if (g->encrypted && g->left > 0) { /* nothing to see: in one step */
            skip = g->left < len ? g->left : len;
            g->left = (uint16_t)(g->left - skip);
        } else {
            skip = 1;
            g->refused = !feed(g, *bytes, tls13, done);
        }
        bytes += skip;
        len -= skip;
    }
    return !g->refused;
}

void sts_gate_out(struct sts_gate *g, const uint8_t *bytes, size_t len)
{
    size_t skip;

    while (len > 0 && !g->sent_change) {
        skip = 1;
        if (g->sent_left > 0) {
            skip = g->sent_left < len ? g->sent_left : len;
            g->sent_left = (uint16_t)(g->sent_left - skip);
        } else {
            g->sent_head[g->sent_have++] = *bytes;
            if (g->sent_have == sizeof g->sent_head) {
                g->sent_have = 0;
                g->sent_left = (uint16_t)(g->sent_head[3] << 8 | g->sent_head[4]);
                g->sent_change = g->sent_head[0] == CHANGE;
            }
        }
        bytes += skip;
        len -= skip;
    }
}
