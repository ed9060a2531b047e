/* SPDX-License-Identifier: MIT
 *
 * Questions in flight. Each is a small machine whose every failure makes it ask in another way, until
 * there is no other way or no time left; what it then does not know it calls unknown.
 */
#include <string.h>

#include <stsmail/engine/resolver.h>
#include <stsmail/engine/text.h>

enum state {
    FREE,
    START,   /* to be sent: new id, new case, new socket */
    CONNECT, /* TCP */
    WRITE,
    READ,
    DONE,
};

enum {
    ROUNDS = 3,         /* times that a silent server is asked, RFC 9520 3.1 */
    UDP_WAIT_MS = 2000, /* for an answer; twice that in the second round, four times in the third */
    TCP_WAIT_MS = 10000,
    STEPS = 4, /* of one question in one poll */
    LINKS = 8, /* of a CNAME chain (D09) */
    PREFIX = 2,
};

static int slot_of(const struct sts_resolver *r, const struct sts_query *q)
{
    return (int)(q - r->queries);
}

static void release(struct sts_resolver *r, struct sts_query *q)
{
    if (q->handle >= 0) {
        r->net->close(r->net->ctx, q->handle);
        q->handle = -1;
    }
    if (r->tcp_owner == slot_of(r, q)) {
        r->tcp_owner = -1;
    }
}

/* ---- how a question goes on -------------------------------------------------------------- */

static const char *type_name(uint16_t type)
{
    switch (type) {
    case STS_DNS_A: return "A ";
    case STS_DNS_AAAA: return "AAAA ";
    case STS_DNS_MX: return "MX ";
    case STS_DNS_TXT: return "TXT ";
    default: return "";
    }
}

static const char *result_name(int result)
{
    switch (result) {
    case STS_OK: return ": found";
    case STS_ERR_ABSENT: return ": none";
    case STS_ERR_NXDOMAIN: return ": no such name";
    case STS_ERR_RANDOM: return ": not asked, no random numbers";
    default: return ": unknown";
    }
}

static void finish(struct sts_resolver *r, struct sts_query *q, int result)
{
    release(r, q);
    q->state = DONE;
    q->result = (int16_t)result;
    for (char *c = q->name; *c != '\0'; c++) {
        *c = (char)sts_lower((uint8_t)*c);
    }
    sts_log_line(r->log, STS_LOG_STEP, "DNS ", type_name(q->type), q->name, result_name(result),
                 NULL);
}

/* Asks once more in the way that *q says, with an id, a port and a case of its own. */
static void again(struct sts_resolver *r, struct sts_query *q)
{
    release(r, q);
    q->state = START;
}

/* The next server that has not failed, the way back to UDP and EDNS. */
static void next_server(struct sts_resolver *r, struct sts_query *q)
{
    do {
        if (++q->tries >= ROUNDS * r->servers_count) {
            finish(r, q, STS_ERR_DNS);
            return;
        }
        q->server = (uint8_t)((q->server + 1u) % r->servers_count);
    } while (q->failed >> q->server & 1);
    q->tcp = false;
    q->edns = true;
    again(r, q);
}

/* This server cannot help: asking it the same again would change nothing. */
static void server_failed(struct sts_resolver *r, struct sts_query *q)
{
    q->failed |= (uint8_t)(1u << q->server);
    next_server(r, q);
}

/* What came over UDP is cut, too long, or perhaps not from the server: TCP tells (D01, D19, D20). */
static void distrust(struct sts_resolver *r, struct sts_query *q)
{
    if (q->tcp) {
        server_failed(r, q);
        return;
    }
    q->tcp = true;
    again(r, q);
}

/* ---- the answer -------------------------------------------------------------------------- */

/* What the answer section has for one name. */
struct found {
    unsigned wanted, aliases;
    size_t target; /* of the last alias */
};

/* Walks the answer section for the name at `owner`; other names' records are no part of it (D07).
 * Hands the wanted records over if asked to. False: malformed. */
static bool look(const struct sts_dns_reader *reader, const struct sts_query *q, size_t owner,
                 bool deliver, struct found *f)
{
    struct sts_dns_reader all = *reader;
    struct sts_dns_rr rr;
    int more;

    memset(f, 0, sizeof *f);
    while ((more = sts_dns_next(&all, &rr)) > 0) {
        if (!sts_dns_same(reader, rr.owner, owner)) {
            continue;
        }
        if (rr.type == STS_DNS_CNAME) {
            f->aliases++;
            f->target = rr.alias;
        } else if (rr.type == q->type) {
            f->wanted++;
            if (deliver) {
                rr.alias = owner == STS_DNS_QNAME ? 0 : owner;
                q->answer(q->ctx, &rr);
            }
        }
    }
    return more == 0;
}

/* Follows the CNAME chain as far as this message has it, and says what stands at its end.
 * STS_ERR_DNS: the message contradicts itself, or tells less than it should. */
static int judge(const struct sts_dns_reader *reader, const struct sts_query *q)
{
    size_t owner = STS_DNS_QNAME;
    struct found f;

    for (unsigned links = 0; links <= LINKS; links++) {
        if (!look(reader, q, owner, false, &f)) {
            return STS_ERR_DNS;
        }
        if (f.aliases == 0) {
            break;
        }
        if (f.aliases > 1 || f.wanted > 0) { /* RFC 2181 10.1 */
            return STS_ERR_DNS;
        }
        owner = f.target;
    }
    if (f.aliases > 0) { /* a loop, or too long to be honest (D09) */
        return STS_ERR_DNS;
    }
    if (f.wanted == 0) {
        return reader->rcode == STS_DNS_NXDOMAIN ? STS_ERR_NXDOMAIN /* RFC 6604 2 */
               : reader->referral                ? STS_ERR_DNS
                                                 : STS_ERR_ABSENT;
    }
    if (reader->rcode != STS_DNS_NOERROR) {
        return STS_ERR_DNS;
    }
    (void)look(reader, q, owner, true, &f);
    return STS_OK;
}

/* A whole message has come. */
static void hear(struct sts_resolver *r, struct sts_query *q, const uint8_t *msg, size_t len)
{
    struct sts_dns_reader reader;
    int result;

    if (sts_dns_open(&reader, msg, len, q->id, q->name, q->type, !q->tcp) != STS_OK) {
        sts_log_line(r->log, STS_LOG_WARNING, "DNS ", type_name(q->type), q->name,
                     ": an answer that does not fit the question", NULL);
        distrust(r, q);
        return;
    }
    if (reader.truncated) {
        distrust(r, q);
        return;
    }
    if (q->edns && (reader.rcode == STS_DNS_FORMERR || reader.rcode == STS_DNS_NOTIMP)) {
        q->edns = false; /* RFC 6891 7 */
        again(r, q);
        return;
    }
    result = reader.rcode == STS_DNS_NOERROR || reader.rcode == STS_DNS_NXDOMAIN ? judge(&reader, q)
                                                                                 : STS_ERR_DNS;
    if (result == STS_ERR_DNS) {
        server_failed(r, q);
        return;
    }
    r->first = q->server;
    finish(r, q, result);
}

/* ---- steps ------------------------------------------------------------------------------- */

/* A new id, and a new case for the letters of the name (0x20). */
static int disguise(const struct sts_resolver *r, struct sts_query *q)
{
    uint8_t random[2 + (STS_NAME_SIZE + 7) / 8];
    int err = r->random->fill(r->random->ctx, random, sizeof random);

    if (err != STS_OK) {
        return STS_ERR_RANDOM;
    }
    q->id = (uint16_t)(random[0] << 8 | random[1]);
    for (unsigned i = 0; q->name[i] != '\0'; i++) {
        uint8_t c = (uint8_t)q->name[i];

        if (sts_is_alpha(c)) {
            uint8_t bit = random[2 + i / 8] >> i % 8 & 1;

            q->name[i] = (char)((c & ~0x20) | bit << 5);
        }
    }
    return STS_OK;
}

static void start(struct sts_resolver *r, struct sts_query *q, uint32_t now_ms)
{
    const struct sts_endpoint *server = &r->servers[q->server];
    uint32_t wait_ms =
        q->tcp ? (uint32_t)TCP_WAIT_MS : (uint32_t)UDP_WAIT_MS << q->tries / r->servers_count;

    if (disguise(r, q) != STS_OK) {
        finish(r, q, STS_ERR_RANDOM);
        return;
    }
    q->handle = (q->tcp ? r->net->tcp_open : r->net->udp_open)(r->net->ctx, server);
    if (q->handle < 0) {
        server_failed(r, q);
        return;
    }
    if (wait_ms > sts_until(now_ms, q->end_ms)) {
        wait_ms = sts_until(now_ms, q->end_ms);
    }
    q->due_ms = now_ms + wait_ms;
    q->at = 0;
    q->state = q->tcp ? CONNECT : WRITE;
}

static void finish_connect(struct sts_resolver *r, struct sts_query *q)
{
    int err = r->net->connected(r->net->ctx, q->handle);

    if (err < 0) {
        server_failed(r, q);
    } else if (err == STS_OK) {
        q->state = WRITE;
    }
}

/* The question is written anew for each piece of it that is sent, which saves a buffer for each. */
static void write_question(struct sts_resolver *r, struct sts_query *q)
{
    uint8_t msg[PREFIX + STS_DNS_QUERY_SIZE];
    int len = sts_dns_question(msg + PREFIX, sizeof msg - PREFIX, q->id, q->name, q->type, q->edns);
    uint32_t skip = q->tcp ? 0 : PREFIX, left = PREFIX + (uint32_t)len - skip - q->at;
    int32_t n;

    msg[0] = (uint8_t)(len >> 8); /* RFC 7766 8 */
    msg[1] = (uint8_t)len;
    n = r->net->send(r->net->ctx, q->handle, msg + skip + q->at, left);
    if (n < 0) {
        server_failed(r, q);
        return;
    }
    q->at += (uint32_t)n;
    if ((uint32_t)n == left) {
        q->at = 0;
        q->state = READ;
    }
}

static void read_udp(struct sts_resolver *r, struct sts_query *q)
{
    int32_t n = r->net->recv(r->net->ctx, q->handle, r->buf, STS_DNS_UDP_SIZE);

    if (n < 0) {
        server_failed(r, q);
    } else if (n > STS_DNS_UDP_SIZE) { /* more than we said we take: fragments (D20, RFC 9715) */
        distrust(r, q);
    } else if (n > 0) {
        hear(r, q, r->buf, (size_t)n);
    }
}

/* Bytes of the message in buf, by its prefix. */
static uint32_t tcp_size(const struct sts_resolver *r)
{
    return (uint32_t)r->buf[0] << 8 | r->buf[1];
}

static void read_tcp(struct sts_resolver *r, struct sts_query *q)
{
    uint32_t end = q->at < PREFIX ? PREFIX : PREFIX + tcp_size(r);
    int32_t n = r->net->recv(r->net->ctx, q->handle, r->buf + q->at, end - q->at);

    if (n < 0) {
        server_failed(r, q);
        return;
    }
    if (n == 0) {
        return;
    }
    r->tcp_owner = (int8_t)slot_of(r, q);
    q->at += (uint32_t)n;
    if (q->at < end) {
        return;
    }
    if (end > PREFIX) {
        hear(r, q, r->buf + PREFIX, end - PREFIX);
    } else if (tcp_size(r) > STS_DNS_SIZE) {
        finish(r, q, STS_ERR_DNS); /* no server has a smaller one */
    } else if (tcp_size(r) == 0) {
        server_failed(r, q);
    }
}

/* Whether the question has to leave buf to another one, whose TCP answer is half in it. */
static bool blocked(const struct sts_resolver *r, const struct sts_query *q)
{
    return q->state == READ && r->tcp_owner >= 0 && r->tcp_owner != slot_of(r, q);
}

static void step(struct sts_resolver *r, struct sts_query *q, uint32_t now_ms)
{
    switch (q->state) {
    case START: start(r, q, now_ms); break;
    case CONNECT: finish_connect(r, q); break;
    case WRITE: write_question(r, q); break;
    default: (q->tcp ? read_tcp : read_udp)(r, q); break;
    }
}

static bool in_flight(const struct sts_query *q)
{
    return q->state != FREE && q->state != DONE;
}

static void move(struct sts_resolver *r, struct sts_query *q, uint32_t now_ms)
{
    for (int n = 0; n < STEPS && in_flight(q) && !blocked(r, q); n++) {
        step(r, q, now_ms);
    }
    /* Only after reading: a poll that comes late still takes the answer that is there. */
    if (!in_flight(q)) {
        return;
    }
    if (sts_reached(now_ms, q->end_ms)) {
        finish(r, q, STS_ERR_DNS);
    } else if (q->state != START && !blocked(r, q) && sts_reached(now_ms, q->due_ms)) {
        next_server(r, q);
    }
}

/* ---- public ------------------------------------------------------------------------------ */

int sts_resolver_init(struct sts_resolver *r, const struct sts_net *net,
                      const struct sts_random *random, const struct sts_log *log,
                      const struct sts_endpoint *servers, size_t count)
{
    memset(r, 0, sizeof *r);
    r->net = net;
    r->random = random;
    r->log = log;
    r->tcp_owner = -1;
    for (size_t i = 0; i < count && i < STS_DNS_SERVERS; i++) {
        r->servers[i] = servers[i];
        if (servers[i].port == 0) {
            r->servers[i].port = 53;
        }
        r->servers_count++;
    }
    return count == 0 ? STS_ERR_CONFIG : STS_OK;
}

int sts_resolver_ask(struct sts_resolver *r, const char *name, uint16_t type, sts_answer_fn *answer,
                     void *ctx, uint32_t timeout_s, const struct sts_time *now)
{
    uint8_t trial[STS_DNS_QUERY_SIZE];
    struct sts_query *q = r->queries;

    if (sts_dns_question(trial, sizeof trial, 0, name, type, true) < 0) {
        return STS_ERR_NAME;
    }
    while (q->state != FREE) {
        if (++q == r->queries + STS_DNS_QUERIES) {
            return STS_ERR_SPACE;
        }
    }
    memset(q, 0, sizeof *q);
    memcpy(q->name, name, sts_len(name) + 1);
    q->type = type;
    q->answer = answer;
    q->ctx = ctx;
    q->handle = -1;
    q->edns = true;
    q->server = r->first;
    q->end_ms = now->ms + 1000 * (timeout_s < 30 ? timeout_s : 30); /* D33 */
    q->state = START;
    return slot_of(r, q);
}

void sts_resolver_poll(struct sts_resolver *r, const struct sts_time *now)
{
    for (int i = 0; i < STS_DNS_QUERIES; i++) {
        move(r, &r->queries[i], now->ms);
    }
}

int sts_resolver_result(const struct sts_resolver *r, int slot)
{
    if (slot < 0 || slot >= STS_DNS_QUERIES || r->queries[slot].state == FREE) {
        return STS_ERR_STATE;
    }
    return r->queries[slot].state == DONE ? r->queries[slot].result : STS_BUSY;
}

void sts_resolver_drop(struct sts_resolver *r, int slot)
{
    if (slot >= 0 && slot < STS_DNS_QUERIES && r->queries[slot].state != FREE) {
        release(r, &r->queries[slot]);
        r->queries[slot].state = FREE;
    }
}

size_t sts_resolver_wait(const struct sts_resolver *r, const struct sts_time *now,
                         struct sts_wait *w, size_t max, uint32_t *ms)
{
    size_t n = 0;

    for (const struct sts_query *q = r->queries; q < r->queries + STS_DNS_QUERIES; q++) {
        uint32_t left = 0;

        if (!in_flight(q)) {
            continue;
        }
        if (q->state != START) {
            left = sts_until(now->ms, blocked(r, q) ? q->end_ms : q->due_ms);
            /* A blocked question's socket may be readable, and must not keep us awake. */
            if (!blocked(r, q) && n < max) {
                w[n].handle = q->handle;
                w[n].read = q->state == READ;
                w[n].write = !w[n].read;
                n++;
            }
        }
        if (left < *ms) {
            *ms = left;
        }
    }
    return n;
}
