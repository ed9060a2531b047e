/* SPDX-License-Identifier: MIT
 *
 * A whole delivery in the tests' small internet, where all that comes from outside comes from the input: DNS answers,
 * the policy host's response, the mail hosts' replies.
 *
 * The input: four octets of circumstances, then three parts, each with its length before it (two octets, the lower
 * first): replies, response, DNS. A part that is used up means "as usual".
 *
 *   WIRE   under an enforced policy that the peer cannot change (provisioned; kept, while nobody proves to be the policy
 *          host; or just fetched), and under a floor, MAIL, RCPT, DATA and content go to nobody but a host that has
 *          proved what is asked for, and never in clear
 *   DELIV  a recipient counts as delivered to only if a host said 2yz to its RCPT, and to the dot behind it
 *   END    it ends, within four hours, with all closed; a kept policy that nobody could change is still there
 */
#define _GNU_SOURCE
#define STS_TEST_SMALL
#include "fuzz.h"

#include "test.h"

#undef CHECK
#define CHECK(x) MUST(x)
#include "world.h"

#include <stsmail/engine/cache.h>
#include <stsmail/ram_store.h>

#define D       "example.org"
#define CONTENT "this line must never be seen in clear"
#define POLICY  "version: STSv1\r\nmode: enforce\r\nmx: mx1.example.org\r\nmax_age: 604800\r\n"
#define HOURS_4 (4u * 3600 * 1000)

enum {
    RCPTS = 3,
    MX = 0, /* servers: the domain's, another's, the policy host */
    OTHER,
    WEB
};

/* What is left of a part. */
struct part {
    const uint8_t *at;
    size_t len;
};

static struct {
    uint8_t c[4]; /* circumstances */
    struct part replies, response, dns;
    char http[4200], behind[300], greeting[2][600];
    bool tls_proved[3];
    bool rcpt_yes[RCPTS], yes[RCPTS]; /* in this transaction; and its dot too */
    int transactions;
} in;

static struct world w;
static struct sts_mailer m;
static struct sts_store store;
static struct sts_recipient to[RCPTS];
static struct sts_policy enforced;

/* ---- the input ------------------------------------------------------------------------------------ */

static uint8_t next(struct part *p)
{
    if (p->len == 0) {
        return 0;
    }
    p->len--;
    return *p->at++;
}

static struct part take_part(struct part *all)
{
    size_t len = next(all);
    struct part p = *all;

    len |= (size_t)next(all) << 8;
    p.at = all->at;
    p.len = len < all->len ? len : all->len;
    all->at += p.len;
    all->len -= p.len;
    return p;
}

/* One reply: lines up to one whose fourth character is no hyphen; NUL-ended. */
static void take_reply(char *out, size_t size)
{
    size_t n = 0, start = 0;

    while (in.replies.len > 0 && n + 1 < size) {
        char c = (char)next(&in.replies);

        out[n++] = c;
        if (c == '\n') {
            if (n - start < 4 || out[start + 3] != '-') {
                break;
            }
            start = n;
        }
    }
    out[n] = '\0';
}

static bool says_yes(const char *reply)
{
    const char *last = reply;

    for (const char *c = reply; *c != '\0'; c++) {
        last = *c == '\n' && c[1] != '\0' ? c + 1 : last;
    }
    return last[0] == '2' && reply[0] == '2';
}

/* ---- the mail hosts --------------------------------------------------------------------------------- */

static bool must_verify(void)
{
    return w.config.floor >= STS_FLOOR_VERIFIED || in.c[0] % 4 == 1;
}

/* The policy in force, if there is an enforced one. */
static const struct sts_policy *policy(void)
{
    bool kept = in.c[0] % 4 == 2 && !in.tls_proved[WEB];

    if (in.c[0] % 4 == 1 || kept) {
        return &enforced;
    }
    return w.decisions > 0 && w.decision.source != STS_SOURCE_NONE &&
                   w.decision.mode == STS_MODE_ENFORCE
               ? &w.decided
               : NULL;
}

/* A line that only a host may see that has proved what is asked for. */
static void secret(const struct world_conn *c)
{
    size_t number = (size_t)(c->server - w.servers);

    MUST(w.decisions > 0);
    MUST(w.config.floor < STS_FLOOR_ENCRYPTED || c->tls);
    if (policy() != NULL || must_verify()) {
        MUST(c->tls && in.tls_proved[number]);
    }
    MUST(policy() == NULL || sts_policy_match(policy(), c->server->tls_name));
    if (w.config.floor == STS_FLOOR_POLICY) { /* one in testing mode vouches for names too */
        MUST(w.decision.source != STS_SOURCE_NONE && w.decision.mode != STS_MODE_NONE);
        MUST(sts_policy_match(&w.decided, c->server->tls_name));
    }
}

static bool is(const char *line, const char *command)
{
    return strncmp(line, command, strlen(command)) == 0;
}

static void note(const struct world_conn *c, const char *line, bool yes)
{
    static const char *const names[RCPTS] = {"RCPT TO:<ops@", "RCPT TO:<b@", "RCPT TO:<c@"};

    if (is(line, "MAIL") || is(line, "RCPT") || is(line, "DATA") || is(line, ".")) {
        secret(c);
    } else {
        MUST(strstr(line, CONTENT) == NULL && strstr(line, "ops@") == NULL);
    }
    if (is(line, "MAIL")) {
        memset(in.rcpt_yes, 0, sizeof in.rcpt_yes);
    }
    for (size_t i = 0; i < RCPTS; i++) {
        if (is(line, names[i])) {
            in.rcpt_yes[i] = yes;
        } else if (is(line, ".")) {
            in.yes[i] |= in.rcpt_yes[i] && yes;
        }
    }
    in.transactions += is(line, ".");
}

static bool answer(struct world_conn *c, const char *line)
{
    char reply[600];

    if (in.replies.len > 0 && *in.replies.at == 1) { /* as usual */
        (void)next(&in.replies);
    } else if (in.replies.len > 0 && *in.replies.at == 2) {
        (void)next(&in.replies);
        note(c, line, false);
        c->closed = true;
        return true;
    } else if (in.replies.len > 0 && *in.replies.at == 3) { /* nothing */
        (void)next(&in.replies);
        note(c, line, false);
        c->data |= is(line, "DATA");
        return true;
    } else if (in.replies.len > 0) {
        take_reply(reply, sizeof reply);
        note(c, line, says_yes(reply));
        c->data = is(line, "DATA") && reply[0] == '3';
        world_say(c, reply);
        return true;
    }
    note(c, line, true);
    return false;
}

/* ---- DNS and TLS --------------------------------------------------------------------------------------- */

/* Octets from the input over the answer, or in place of all behind the question. */
static size_t spoil(uint8_t *out, size_t len)
{
    uint8_t what = next(&in.dns);
    size_t n = 12;

    if (len == 0 || what % 8 == 1) {
        return 0;
    }
    if (what % 8 == 2) {
        for (int i = what / 8; i > 0; i--) {
            size_t at = next(&in.dns);

            out[at % len] ^= next(&in.dns);
        }
    } else if (what % 8 == 3) {
        while (out[n] != 0) {
            n += out[n] + 1u;
        }
        n += 5;
        out[3] = (uint8_t)(0x80 | next(&in.dns));
        for (size_t i = 7; i < 12; i += 2) {
            out[i] = next(&in.dns) & 7;
        }
        for (size_t i = next(&in.dns); i > 0; i--) {
            out[n++] = next(&in.dns);
        }
        return n;
    } else if (what % 8 == 4) {
        out[2] |= 2; /* TC */
    } else if (what % 8 == 5) {
        return len < what ? len : what;
    }
    return len;
}

static int32_t fuzz_send(void *ctx, int h, const void *buf, size_t len)
{
    struct world_conn *c = &w.conns[h];
    int32_t result = world_send(ctx, h, buf, len);

    if (c->used == 1) {
        c->out_len = spoil((uint8_t *)c->out, c->out_len);
    } else if (c->dns_tcp) {
        size_t n = spoil((uint8_t *)c->out, c->out_len);

        memmove(c->out + 2, c->out, n);
        c->out[0] = (char)(n >> 8);
        c->out[1] = (char)n;
        c->out_len = n > 0 ? n + 2 : 0;
    }
    return result;
}

/* Each host has a certificate for its own name, if any: it proves that, and only to who asks for it. */
static int fuzz_tls_open(void *ctx, const struct sts_tls_peer *peer, const struct sts_time *now,
                         void **conn)
{
    static const char *const names[] = {"mx1.example.org", "mx.other.example",
                                        "mta-sts.example.org"};
    struct world_server *s = w.conns[peer->handle].server;
    size_t number = (size_t)(s - w.servers);
    unsigned how = number == WEB ? in.c[1] & 15 : in.c[1] >> 4;
    bool same = strcmp(peer->name, names[number]) == 0;

    s->handshake = how == 1   ? STS_ERR_TLS
                   : how == 2 ? STS_BUSY
                   : how == 3 ? STS_ERR_CLOSED
                              : STS_OK;
    s->tls_open = how == 4 ? STS_ERR_MEMORY : STS_OK;
    s->tls = (struct sts_tls_state){.version = 0x0304, .error = STS_OK};
    s->tls.verified = same && how != 5;
    s->tls.error = how == 5 ? STS_ERR_CERT_TRUST : !same ? STS_ERR_CERT_HOST : STS_OK;
    in.tls_proved[number] = s->tls.verified && s->handshake == STS_OK && s->tls_open == STS_OK;
    return world_tls_open(ctx, peer, now, conn);
}

/* ---- the small internet --------------------------------------------------------------------------------- */

static void hosts(void)
{
    struct world_server *s;

    w.servers_count = 0;
    for (int i = 0; i < 2; i++) {
        s = world_listen(&w, i == MX ? "192.0.2.10" : "192.0.2.66", 25);
        s->script = answer;
        s->slow = (in.c[2] & 1) != 0;
        s->no_starttls = (in.c[2] & 2) != 0;
        s->offers = (in.c[2] & 4) != 0 ? "250-PIPELINING\r\n250-SIZE 9000\r\n" : NULL;
        if ((in.c[2] & 8) != 0) {
            take_reply(in.greeting[i], sizeof in.greeting[i]);
            s->greeting = in.greeting[i];
        }
    }
    if ((in.c[2] & 16) != 0) {
        take_reply(in.behind, sizeof in.behind);
        w.servers[MX].behind_220 = (in.c[2] & 32) != 0 ? in.behind : NULL;
        w.servers[MX].late = (in.c[2] & 32) != 0 ? NULL : in.behind;
    }
    s = world_listen(&w, "192.0.2.20", 443);
    s->slow = (in.c[2] & 64) != 0;
    s->ended = (in.c[2] & 128) != 0 ? STS_ERR_END : 0;
    s->http = in.http;
    if (in.response.len > 0) {
        memcpy(in.http, in.response.at, in.response.len);
        in.http[in.response.len] = '\0';
    } else {
        snprintf(in.http, sizeof in.http,
                 "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
                 strlen(POLICY), POLICY);
    }
}

static void names(void)
{
    world_dns(&w, D, STS_DNS_MX, "10 mx1.example.org");
    if ((in.c[3] & 1) != 0) {
        world_dns(&w, D, STS_DNS_MX, "5 mx.other.example");
    }
    world_dns(&w, "mx1.example.org", STS_DNS_A, (in.c[3] & 2) != 0 ? "192.0.2.66" : "192.0.2.10");
    world_dns(&w, "mx.other.example", STS_DNS_A, "192.0.2.66");
    if ((in.c[3] & 4) == 0) {
        world_dns(&w, "_mta-sts." D, STS_DNS_TXT,
                  (in.c[3] & 8) != 0 ? "v=STSv1; id=2" : "v=STSv1; id=1");
        world_dns(&w, "mta-sts." D, STS_DNS_A, "192.0.2.20");
    }
}

static void circumstances(void)
{
    static const struct sts_provisioned provisioned = {D, &enforced};
    static uint8_t memory[8192];
    static struct sts_ram_store ram;

    world_start(&w);
    w.net.send = fuzz_send;
    w.tls.open = fuzz_tls_open;
    w.config.log = NULL;
    w.config.floor = in.c[0] >> 2 & 3;
    sts_ram_store_init(&ram, memory, sizeof memory, &store);
    w.config.store = (in.c[0] & 16) == 0 || in.c[0] % 4 == 2 ? &store : NULL;
    if (in.c[0] % 4 == 1) {
        w.config.provisioned = &provisioned;
        w.config.provisioned_count = 1;
    } else if (in.c[0] % 4 == 2) {
        MUST(sts_cache_put(&store, D, "1", &enforced, &w.now, NULL) == STS_OK);
    }
}

static int run(void)
{
    uint32_t start = w.now.ms;
    int result;

    while ((result = sts_mailer_poll(&m, &w.now)) == STS_BUSY) {
        sts_mailer_wait(&m, &w.now, 1000);
        MUST(w.now.ms - start < HOURS_4);
    }
    return result;
}

/* ---- one delivery ------------------------------------------------------------------------------------------ */

static void check_end(int result, size_t count)
{
    struct sts_cached info;
    bool all = true;

    MUST(result <= STS_OK && world_is_quiet(&w));
    for (size_t i = 0; i < count; i++) {
        MUST(to[i].error <= STS_OK && to[i].error != STS_BUSY);
        MUST(to[i].error != STS_OK || in.yes[i]); /* DELIV */
        all = all && to[i].error == STS_OK;
    }
    MUST((result == STS_OK) == all);
    if (policy() != NULL || w.config.floor > STS_FLOOR_OPPORTUNISTIC) { /* WIRE once more */
        static const char *const secrets[] = {"MAIL", "RCPT", "DATA", CONTENT};

        for (size_t i = 0; i < 4; i++) {
            MUST(memmem(w.clear, w.clear_len, secrets[i], strlen(secrets[i])) == NULL);
        }
    }
    if (in.c[0] % 4 == 2 && !in.tls_proved[WEB]) {
        static struct sts_policy kept;

        MUST(sts_cache_get(&store, D, &w.now, &kept, &info) == STS_OK);
        MUST(kept.mode == STS_MODE_ENFORCE && sts_policy_match(&kept, "mx1.example.org"));
    }
}

static void deliver(size_t count)
{
    static const char *const addresses[] = {"ops@example.org", "b@Example.ORG", "c@example.org"};
    struct sts_message message = {.from = "ups@example.com",
                                  .subject = "alert",
                                  .body = CONTENT "\n",
                                  .date_s = 1790000000,
                                  .message_id = "1@example.com"};
    struct sts_mail mail = {"ups@example.com", to, count, &message};

    for (size_t i = 0; i < count; i++) {
        to[i].address = addresses[i];
    }
    MUST(sts_mailer_init(&m, &w.config) == STS_OK);
    MUST(sts_mailer_send(&m, &mail, &w.now) == STS_OK);
    check_end(run(), count);
}

static void parse_policy(void)
{
    struct sts_policy_parser p;

    sts_policy_start(&p, &enforced);
    MUST(sts_policy_feed(&p, POLICY, strlen(POLICY)) == STS_OK && sts_policy_end(&p) == STS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct part all = {data, size};

    if (size < 4 || size > 4096) {
        return 0;
    }
    memset(&in, 0, sizeof in);
    for (size_t i = 0; i < 4; i++) {
        in.c[i] = next(&all);
    }
    in.replies = take_part(&all);
    in.response = take_part(&all);
    in.dns = all;
    parse_policy();
    circumstances();
    hosts();
    names();
    deliver(in.c[3] / 16 % RCPTS + 1u);
    return 0;
}
