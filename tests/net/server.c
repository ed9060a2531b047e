/* SPDX-License-Identifier: MIT
 *
 * The servers at 192.0.2.10, on an lwIP of their own: DNS, a policy host, an MX. What lwIP calls back only notes what
 * came; server_turn() does the work.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <lwip/etharp.h>
#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include <lwip/udp.h>
#include <netif/ethernet.h>

#include "net.h"
#include "toy.h"

enum {
    SESSIONS = 16,
    TEXT = 2048,
    GIVE_UP_MS = 400000
};

enum tls {
    CLEAR,
    HELLO,
    FINISH,
    SECURE
};

struct session {
    struct tcp_pcb *pcb; /* NULL: free */
    bool https, ended, closing, data, stalled;
    enum tls tls;
    uint32_t last, sent;
    size_t unread; /* octets that lwIP's window does not have back */
    size_t in_len, text_len, out_len, mail_len;
    uint8_t in[8192], out[16384];
    char text[TEXT], mail[4 * BODY_MAX];
};

uint16_t server_window;
unsigned server_delivered;

static struct netif netif;
static struct session sessions[SESSIONS];

/* ---- what goes out ---------------------------------------------------------------------------- */

static void put(struct session *s, const void *data, size_t n)
{
    if (n > sizeof s->out - s->out_len) {
        broken("the servers' own buffer holds what they say");
    }
    memcpy(s->out + s->out_len, data, n);
    s->out_len += n;
}

static void say(struct session *s, const char *text)
{
    uint8_t record[TOY_RECORD];
    size_t len = strlen(text);

    if (s->tls != SECURE) {
        put(s, text, len);
        return;
    }
    for (size_t n; len > 0; text += n, len -= n) {
        n = len < TOY_PAYLOAD ? len : TOY_PAYLOAD;
        put(s, record, toy_make(record, TOY_DATA, text, n));
    }
}

static void finish(struct session *s)
{
    uint8_t record[TOY_RECORD];

    if (s->tls == SECURE) {
        put(s, record, toy_make(record, TOY_END, "", 0));
    }
    s->closing = true;
}

/* ---- SMTP and HTTP ---------------------------------------------------------------------------- */

/* DELIV: what follows the header is the body, with CRLF. */
static void judge_mail(struct session *s)
{
    const char *body = strstr(s->mail, "\r\n\r\n"), *want = plan.body;

    if (body == NULL) {
        broken("a message has a header");
    }
    for (body += 4; *want != '\0'; want++) {
        if (*want == '\n' && *body++ != '\r') {
            broken("the message arrives as it was: a line");
        }
        if (*body++ != *want) {
            broken("the message arrives as it was");
        }
    }
    if (*body != '\0') {
        broken("the message arrives as it was: its end");
    }
    server_delivered++;
}

static void content(struct session *s, const char *line, size_t len)
{
    if (len == 3 && line[0] == '.') {
        s->data = false;
        judge_mail(s);
        say(s, "250 2.0.0 taken\r\n");
        return;
    }
    if (line[0] == '.') {
        line++;
        len--;
    }
    if (s->mail_len + len < sizeof s->mail) {
        memcpy(s->mail + s->mail_len, line, len);
        s->mail_len += len;
        s->mail[s->mail_len] = '\0';
    }
}

static void command(struct session *s, const char *line)
{
    if (strncmp(line, "EHLO ", 5) == 0) {
        say(s, s->tls == SECURE ? "250-mx\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
                                : "250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n");
    } else if (strncmp(line, "STARTTLS", 8) == 0) {
        say(s, "220 go\r\n");
        s->tls = HELLO;
    } else if (strncmp(line, "DATA", 4) == 0) {
        say(s, "354 go\r\n");
        s->data = true;
        s->mail_len = 0;
        s->mail[0] = '\0';
    } else if (strncmp(line, "QUIT", 4) == 0) {
        say(s, "221 bye\r\n");
        finish(s);
    } else {
        say(s, "250 ok\r\n");
    }
}

static void policy(struct session *s)
{
    char body[200], answer[400];

    snprintf(body, sizeof body,
             "version: STSv1\r\nmode: %s\r\nmx: mx.example.org\r\nmax_age: 86400\r\n",
             plan.enforce ? "enforce" : "testing");
    snprintf(answer, sizeof answer,
             "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %u\r\n\r\n%s",
             (unsigned)strlen(body), body);
    say(s, answer);
    finish(s);
}

/* Works on text as far as there are whole lines; STARTTLS ends that. */
static void on_text(struct session *s)
{
    char *end;
    enum tls before = s->tls;

    while (!s->closing && s->tls == before &&
           (end = memmem(s->text, s->text_len, "\r\n", 2)) != NULL) {
        char line[TEXT + 1];
        size_t len = (size_t)(end - s->text) + 2;

        memcpy(line, s->text, len);
        line[len] = '\0';
        memmove(s->text, s->text + len, s->text_len - len);
        s->text_len -= len;
        if (s->https) {
            if (len == 2) {
                policy(s);
            }
        } else if (s->data) {
            content(s, line, len);
        } else {
            command(s, line);
        }
    }
}

static void add_text(struct session *s, const void *data, size_t n)
{
    if (n > sizeof s->text - s->text_len) {
        broken("no line of the device is that long");
    }
    memcpy(s->text + s->text_len, data, n);
    s->text_len += n;
    on_text(s);
}

/* ---- the toy TLS ------------------------------------------------------------------------------ */

static void take(struct session *s, size_t n)
{
    memmove(s->in, s->in + n, s->in_len - n);
    s->in_len -= n;
}

/* A message of the handshake from the device; its octets are those that it sent. */
static bool handshake(struct session *s, size_t size)
{
    if (s->in_len < size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (s->in[i] != toy_octet(size, i)) {
            broken("TCP gives the servers what the device sent");
        }
    }
    take(s, size);
    return true;
}

static void flight(struct session *s)
{
    uint8_t octets[TOY_FLIGHT];

    for (size_t i = 0; i < sizeof octets; i++) {
        octets[i] = toy_octet(TOY_FLIGHT, i);
    }
    put(s, octets, sizeof octets);
}

static bool record(struct session *s)
{
    uint8_t plain[TOY_PAYLOAD];
    size_t n = 0;
    int size = toy_open(s->in, s->in_len, plain, &n);

    if (size < 0) {
        broken("TCP gives the servers the device's records");
    }
    if (size == 0) {
        return false;
    }
    if (s->in[0] == TOY_END) {
        s->closing = true;
    }
    take(s, (size_t)size);
    if (!s->closing) {
        add_text(s, plain, n);
    }
    return true;
}

/* One step; false: there is nothing to do with what came. */
static bool step(struct session *s)
{
    size_t n;

    switch (s->tls) {
    case CLEAR:
        n = s->in_len < 256 ? s->in_len : 256;
        if (n > 0) {
            uint8_t some[256];

            memcpy(some, s->in, n);
            take(s, n);
            add_text(s, some, n);
        }
        return n > 0;
    case HELLO:
        if (!handshake(s, TOY_HELLO)) {
            return false;
        }
        flight(s);
        s->tls = FINISH;
        return true;
    case FINISH:
        if (!handshake(s, TOY_FINISH)) {
            return false;
        }
        s->tls = SECURE;
        return true;
    default: return record(s);
    }
}

/* ---- TCP -------------------------------------------------------------------------------------- */

static err_t on_bytes(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct session *s = arg;

    (void)err;
    (void)pcb;
    s->last = net_now;
    if (p == NULL) {
        s->ended = true;
        return ERR_OK;
    }
    if (p->tot_len > sizeof s->in - s->in_len) {
        return ERR_MEM; /* lwIP keeps it and asks again */
    }
    (void)pbuf_copy_partial(p, s->in + s->in_len, p->tot_len, 0);
    s->in_len += p->tot_len;
    s->unread += p->tot_len;
    pbuf_free(p);
    return ERR_OK;
}

static void on_error(void *arg, err_t err)
{
    (void)err;
    ((struct session *)arg)->pcb = NULL;
}

static void let_go(struct session *s)
{
    tcp_arg(s->pcb, NULL);
    tcp_recv(s->pcb, NULL);
    tcp_err(s->pcb, NULL);
}

static err_t on_connection(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct session *s = sessions;

    (void)arg;
    while (s < sessions + SESSIONS && s->pcb != NULL) {
        s++;
    }
    if (err != ERR_OK || s == sessions + SESSIONS) {
        return ERR_MEM;
    }
    memset(s, 0, sizeof *s);
    s->pcb = pcb;
    s->https = pcb->local_port == 443;
    s->tls = s->https ? HELLO : CLEAR;
    s->last = net_now;
    tcp_arg(pcb, s);
    tcp_recv(pcb, on_bytes);
    tcp_err(pcb, on_error);
    tcp_nagle_disable(pcb);
    if (!s->https) {
        say(s, "220 mx ESMTP\r\n");
    }
    return ERR_OK;
}

static void flush(struct session *s)
{
    size_t n = s->out_len < tcp_sndbuf(s->pcb) ? s->out_len : tcp_sndbuf(s->pcb);

    if (plan.ending != ENDING_NONE && s->sent + n > plan.ending_after) {
        n = plan.ending_after - s->sent;
        s->stalled = true;
    }
    if (n > 0 && tcp_write(s->pcb, s->out, (u16_t)n, TCP_WRITE_FLAG_COPY) == ERR_OK) {
        memmove(s->out, s->out + n, s->out_len - n);
        s->out_len -= n;
        s->sent += (uint32_t)n;
    }
    (void)tcp_output(s->pcb);
}

static void end(struct session *s, bool reset)
{
    struct tcp_pcb *pcb = s->pcb;

    tcp_recved(pcb, (u16_t)s->unread); /* else lwIP resets where it should close */
    let_go(s);
    s->pcb = NULL;
    if (reset || tcp_close(pcb) != ERR_OK) {
        tcp_abort(pcb);
    }
}

static void serve(struct session *s)
{
    bool late = net_now - s->last > GIVE_UP_MS;

    if (!s->stalled) {
        while (!s->closing && step(s)) {
        }
    }
    if (s->unread > 0 && (!plan.slow || net_now % 1024 < 40)) {
        tcp_recved(s->pcb, (u16_t)s->unread);
        s->unread = 0;
    }
    flush(s);
    if (s->stalled && plan.ending != ENDING_STALL) {
        end(s, plan.ending == ENDING_ABORT);
    } else if (late || (s->out_len == 0 && (s->closing || s->ended))) {
        end(s, late);
    }
}

static void listen_on(u16_t port)
{
    struct tcp_pcb *pcb = tcp_new();

    (void)tcp_bind(pcb, IP_ADDR_ANY, port);
    pcb = tcp_listen(pcb);
    tcp_accept(pcb, on_connection);
}

/* ---- DNS -------------------------------------------------------------------------------------- */

enum {
    A = 1,
    MX = 15,
    TXT = 16,
    AAAA = 28
};

static size_t name(uint8_t *out, const char *text)
{
    size_t n = 0;

    for (size_t len; *text != '\0'; text += len + (text[len] == '.')) {
        len = strcspn(text, ".");
        out[n++] = (uint8_t)len;
        memcpy(out + n, text, len);
        n += len;
    }
    out[n++] = 0;
    return n;
}

/* A record of the name that was asked for; data or, for an MX, a host. */
static size_t record_of(uint8_t *out, unsigned type, const void *data, size_t len)
{
    memcpy(out, "\xc0\x0c\0\0\0\1\0\0\1\0", 10);
    out[3] = (uint8_t)type;
    out[10] = 0;
    out[11] = (uint8_t)len;
    memcpy(out + 12, data, len);
    return len + 12;
}

static size_t mx_of(uint8_t *out, unsigned preference, const char *host)
{
    uint8_t data[80] = {0, (uint8_t)preference};

    return record_of(out, MX, data, 2 + name(data + 2, host));
}

/* What there is; NULL: no such name. */
static uint8_t *records(uint8_t *at, const char *host, unsigned type, uint8_t *count)
{
    uint8_t *start = at;

    if (strcasecmp(host, "example.org") == 0) {
        if (type == MX && plan.dead_mx) {
            at += mx_of(at, 5, "dead.example.org");
        }
        at += type == MX ? mx_of(at, 10, "mx.example.org") : 0;
        *count = (uint8_t)(type == MX ? 1 + plan.dead_mx : 0);
        return at;
    }
    if (strcasecmp(host, "_mta-sts.example.org") == 0 && plan.announced) {
        at += type == TXT ? record_of(at, TXT,
                                      "\x0d"
                                      "v=STSv1; id=1",
                                      14)
                          : 0;
    } else if (strcasecmp(host, "mx.example.org") == 0 ||
               strcasecmp(host, "mta-sts.example.org") == 0) {
        at += type == A ? record_of(at, A, "\xc0\0\2\x0a", 4) : 0;
        at += type == AAAA && plan.dead_ipv6
                  ? record_of(at, AAAA, "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x99", 16)
                  : 0;
    } else if (strcasecmp(host, "dead.example.org") == 0) {
        at += type == A ? record_of(at, A, "\xc0\0\2\x63", 4) : 0;
    } else {
        return NULL;
    }
    *count = at != start;
    return at;
}

static size_t dns_answer(const uint8_t *q, size_t len, uint8_t *out)
{
    char host[256];
    size_t n = 12, at = 0;
    uint8_t *last;

    while (n < len && q[n] != 0 && at + q[n] + 1 < sizeof host && n + q[n] < len) {
        memcpy(host + at, q + n + 1, q[n]);
        at += q[n];
        host[at++] = '.';
        n += q[n] + 1u;
    }
    if (at == 0 || n + 5 > len) {
        return 0;
    }
    host[at - 1] = '\0';
    memcpy(out, q, n + 5);
    memcpy(out + 2, "\x81\x80\0\1\0\0\0\0\0\0", 10);
    last = records(out + n + 5, host, q[n + 2], &out[7]);
    if (last == NULL) {
        out[3] |= 3;
        return n + 5;
    }
    return (size_t)(last - out);
}

static void on_question(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                        u16_t port)
{
    uint8_t question[600], out[1000];
    size_t n = pbuf_copy_partial(p, question, sizeof question, 0);

    (void)arg;
    pbuf_free(p);
    n = dns_answer(question, n, out);
    p = n > 0 ? pbuf_alloc(PBUF_TRANSPORT, (u16_t)n, PBUF_RAM) : NULL;
    if (p != NULL) {
        (void)pbuf_take(p, out, (u16_t)n);
        (void)udp_sendto(pcb, p, from, port);
        pbuf_free(p);
    }
}

/* ---- the loop --------------------------------------------------------------------------------- */

static err_t frame_out(struct netif *n, struct pbuf *p)
{
    uint8_t frame[1600];

    (void)n;
    link_send(SERVER, frame, pbuf_copy_partial(p, frame, sizeof frame, 0));
    return ERR_OK;
}

static err_t start(struct netif *n)
{
    n->output = etharp_output;
    n->linkoutput = frame_out;
    n->mtu = 576;
    n->hwaddr_len = ETH_HWADDR_LEN;
    memcpy(n->hwaddr, "\x02\0\0\0\0\x10", 6);
    n->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    return ERR_OK;
}

void server_start(void)
{
    ip4_addr_t ip, mask;
    struct udp_pcb *dns;

    IP4_ADDR(&ip, 192, 0, 2, 10);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    lwip_init();
    netif_add(&netif, &ip, &mask, &ip, NULL, start, ethernet_input);
    netif_set_default(&netif);
    netif_set_up(&netif);
    dns = udp_new();
    (void)udp_bind(dns, IP_ADDR_ANY, 53);
    udp_recv(dns, on_question, NULL);
    listen_on(25);
    listen_on(443);
}

void server_frame(const void *frame, size_t len)
{
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);

    (void)pbuf_take(p, frame, (u16_t)len);
    if (netif.input(p, &netif) != ERR_OK) {
        pbuf_free(p);
    }
}

void server_turn(void)
{
    sys_check_timeouts();
    for (size_t i = 0; i < SESSIONS; i++) {
        if (sessions[i].pcb != NULL) {
            serve(&sessions[i]);
        }
    }
}

void server_stop(void)
{
    for (size_t i = 0; i < SESSIONS; i++) {
        if (sessions[i].pcb != NULL) {
            end(&sessions[i], true);
        }
    }
}
