/* SPDX-License-Identifier: MIT
 *
 * The resolver against servers that the input plays. Whatever they say: it ends in time, leaves no socket, gives records
 * only of answers that it calls good, and does not care in which pieces TCP brings them.
 */
#include <stdlib.h>
#include <string.h>

#define CHECK(x) ((x) ? (void)0 : abort())
#include "../unit/dns_net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *script, *script_end;
static uint32_t sum;
static unsigned given;

static unsigned next(void)
{
    return script < script_end ? *script++ : 0;
}

/* One answer: how it begins, the counts, and as many octets as the script says. */
static void play(struct sock *s, const struct asked *a)
{
    unsigned how = next(), len;

    (void)a;
    if (how == 0) {
        return; /* silent */
    }
    p.len = 0;
    if (how & 1) { /* to our question */
        echo(s);
        p.b[2] = (uint8_t)(p.b[2] | (how & 2)); /* TC */
        p.b[3] = (uint8_t)next();
        p.b[7] = (uint8_t)(next() % 8);
        p.b[9] = (uint8_t)(how >> 6);
        p.b[11] = how >> 5 & 1;
    }
    if (how & 4) { /* too long for UDP */
        memset(p.b + p.len, 0, 1300);
        p.len += 1300;
    }
    for (len = next() * (how & 8 ? 4 : 1); len > 0; len--) {
        put8(&p, next());
    }
    reply(s);
    if (s->tcp && how & 16) { /* a length of its own */
        s->in[0] = (uint8_t)next();
        s->in[1] = (uint8_t)next();
    }
}

static void take(void *ctx, const struct sts_dns_rr *rr)
{
    (void)ctx;
    given++;
    CHECK(rr->type == STS_DNS_MX || rr->type == STS_DNS_TXT);
    for (size_t i = 0; i < rr->data_len; i++) {
        sum = (sum ^ rr->data[i]) * 16777619u;
    }
}

static int run(const uint8_t *data, size_t size, size_t piece)
{
    static struct sts_resolver r;
    unsigned setup;
    uint32_t begin;
    int slot, result = STS_BUSY;

    script = data;
    script_end = data + size;
    sum = given = 0;
    setup = next();
    net_start(&r, 1 + setup % STS_DNS_SERVERS);
    net.piece = net.send_piece = piece;
    net.eof = (setup & 128) != 0;
    net.random_fails = setup & 64 ? setup >> 3 & 7 : 0;
    server = play;
    begin = net.now.ms;
    slot = sts_resolver_ask(&r, "_mta-sts.eXample.org", setup & 32 ? STS_DNS_MX : STS_DNS_TXT, take,
                            NULL, 30, &net.now);
    CHECK(slot == 0);
    for (unsigned polls = 0; result == STS_BUSY; polls++) {
        CHECK(polls < 1000000);
        net.recvs = 0;
        sts_resolver_poll(&r, &net.now);
        CHECK(net.recvs <= 4);
        result = sts_resolver_result(&r, slot);
        if (result == STS_BUSY) {
            net_wait(&r);
        }
    }
    CHECK(net.now.ms - begin <= 30000);
    CHECK(net.opened == net.closed && r.tcp_owner == -1);
    CHECK(net.asked_count <= 3u * 3u * r.servers_count);
    CHECK((result == STS_OK) == (given > 0));
    CHECK(result == STS_OK || result == STS_ERR_ABSENT || result == STS_ERR_NXDOMAIN ||
          result == STS_ERR_DNS || (result == STS_ERR_RANDOM && (setup & 64)));
    sts_resolver_drop(&r, slot);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int whole = run(data, size, SIZE_MAX);
    uint32_t whole_sum = sum;

    for (size_t piece = 1; piece < 5; piece += 3) {
        CHECK(run(data, size, piece) == whole && sum == whole_sum);
    }
    return 0;
}
