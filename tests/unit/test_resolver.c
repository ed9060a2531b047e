/* SPDX-License-Identifier: MIT
 *
 * The stub resolver against servers of every kind, on a clock that costs nothing; and the addresses of hosts.
 */
#include <stdlib.h>

#include <stsmail/engine/resolver.h>
#include <stsmail/engine/text.h>

#include "test.h"

#include "dns_net.h"

static struct sts_resolver r;

/* What the callback was given. */
static struct {
    unsigned count;
    char target[STS_NAME_SIZE]; /* of the last MX */
    uint16_t preference;
    uint8_t data[16];
} got;

static void take(void *ctx, const struct sts_dns_rr *rr)
{
    CHECK(ctx == &got);
    got.count++;
    got.preference = rr->preference;
    strcpy(got.target, rr->target);
    memcpy(got.data, rr->data, rr->data_len < 16 ? rr->data_len : 16);
}

static int ask(const char *name, uint16_t type)
{
    memset(&got, 0, sizeof got);
    return sts_resolver_ask(&r, name, type, take, &got, 30, &net.now);
}

static unsigned sockets(void)
{
    return net.opened - net.closed;
}

/* Polls, and lets time pass where there is nothing else to do, until the question is done. */
static int run(int slot)
{
    for (int i = 0; i < 200000; i++) {
        sts_resolver_poll(&r, &net.now);
        if (sts_resolver_result(&r, slot) != STS_BUSY) {
            return sts_resolver_result(&r, slot);
        }
        net_wait(&r);
    }
    CHECK(!"it ends");
    return 0;
}

/* Asks the one question of most tests, and tidies up. */
static int lookup(const char *name, uint16_t type)
{
    int slot = ask(name, type), result;

    CHECK(slot >= 0);
    result = run(slot);
    CHECK(sockets() == 0);
    CHECK(r.tcp_owner == -1);
    CHECK(result == STS_OK ? got.count > 0 : got.count == 0);
    sts_resolver_drop(&r, slot);
    return result;
}

/* ---- servers ----------------------------------------------------------------------------- */

static void good_mx(struct sock *s, const struct asked *a)
{
    (void)a;
    echo(s);
    put_mx(&p, "@12", 10, "mx.@12");
    reply(s);
}

static void good_over_tcp(struct sock *s, const struct asked *a)
{
    if (a->tcp) {
        good_mx(s, a);
    } else { /* truncated: D19 */
        echo(s);
        p.b[2] |= 2;
        reply(s);
    }
}

/* ---- asking ------------------------------------------------------------------------------ */

TEST(question_is_asked_over_udp_with_edns_and_answered)
{
    net_start(&r, 1);
    server = good_mx;
    CHECK(lookup("example.org", STS_DNS_MX) == STS_OK);
    CHECK(got.count == 1 && strcmp(got.target, "mx.example.org") == 0 && got.preference == 10);
    CHECK(net.asked_count == 1 && !net.asked[0].tcp && net.asked[0].edns);
    CHECK(net.asked[0].type == STS_DNS_MX && sts_same_text(net.asked[0].name, "example.org"));
    CHECK(net.lines == 1);
}

TEST(resolver_without_a_server_is_refused)
{
    CHECK(sts_resolver_init(&r, &net_port, &net_random, NULL, NULL, 0) == STS_ERR_CONFIG);
}

TEST(servers_beyond_the_limit_are_left_out_and_port_0_is_53)
{
    static struct sts_endpoint list[STS_DNS_SERVERS + 1];

    list[0].port = 5353;
    CHECK(sts_resolver_init(&r, &net_port, &net_random, NULL, list, STS_DNS_SERVERS + 1) == STS_OK);
    CHECK(r.servers_count == STS_DNS_SERVERS);
    CHECK(r.servers[0].port == 5353 && r.servers[1].port == 53);
}

TEST(d34_d35_names_that_cannot_be_asked_are_refused_before_any_octet)
{
    char long_name[300];

    net_start(&r, 1);
    memset(long_name, 'a', sizeof long_name);
    for (size_t i = 60; i < sizeof long_name; i += 60) {
        long_name[i] = '.';
    }
    long_name[254] = '\0';
    CHECK(ask(long_name, STS_DNS_MX) == STS_ERR_NAME); /* D34 */
    CHECK(ask("a b", STS_DNS_MX) == STS_ERR_NAME);     /* D35 */
    CHECK(ask("a.", STS_DNS_MX) == STS_ERR_NAME);
    CHECK(ask("", STS_DNS_MX) == STS_ERR_NAME);
    sts_resolver_poll(&r, &net.now);
    CHECK(net.opened == 0 && net.draws == 0);
    long_name[253] = '\0';
    CHECK(ask(long_name, STS_DNS_MX) >= 0);
}

TEST(questions_share_the_slots_that_there_are)
{
    int slots[STS_DNS_QUERIES];

    net_start(&r, 1);
    for (int i = 0; i < STS_DNS_QUERIES; i++) {
        slots[i] = ask("a", STS_DNS_A);
        CHECK(slots[i] == i);
        CHECK(sts_resolver_result(&r, i) == STS_BUSY);
    }
    CHECK(ask("a", STS_DNS_A) == STS_ERR_SPACE);
    sts_resolver_poll(&r, &net.now);
    CHECK(sockets() == STS_DNS_QUERIES);
    sts_resolver_drop(&r, slots[2]);
    CHECK(sockets() == STS_DNS_QUERIES - 1);
    CHECK(sts_resolver_result(&r, slots[2]) == STS_ERR_STATE);
    CHECK(ask("a", STS_DNS_A) == slots[2]);
    CHECK(ask("a", STS_DNS_A) == STS_ERR_SPACE);
    for (int i = 0; i < STS_DNS_QUERIES; i++) {
        sts_resolver_drop(&r, i);
        sts_resolver_drop(&r, i);
    }
    CHECK(sockets() == 0);
    sts_resolver_drop(&r, -1);
    sts_resolver_drop(&r, STS_DNS_QUERIES);
    CHECK(sts_resolver_result(&r, -1) == STS_ERR_STATE);
    CHECK(sts_resolver_result(&r, STS_DNS_QUERIES) == STS_ERR_STATE);
}

TEST(answers_in_any_order_find_their_questions)
{
    int slots[4];

    net_start(&r, 1);
    for (int i = 0; i < 4; i++) {
        char name[2] = {(char)('a' + i), 0};

        slots[i] = ask(name, STS_DNS_MX);
    }
    sts_resolver_poll(&r, &net.now);
    CHECK(net.asked_count == 4);
    for (int i = 3; i >= 0; i--) {
        good_mx(&socks[i], &net.asked[i]);
        sts_resolver_poll(&r, &net.now);
        for (int k = 0; k < 4; k++) {
            CHECK(sts_resolver_result(&r, slots[k]) == (k >= i ? STS_OK : STS_BUSY));
        }
        CHECK(got.target[3] == 'a' + i);
    }
}

/* ---- randomness -------------------------------------------------------------------------- */

TEST(d02_ids_and_cases_come_from_the_generator_anew_for_each_question)
{
    static unsigned seen[65536];
    unsigned most = 0, upper = 0;

    net_start(&r, 1);
    server = good_mx;
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < 100000; i++) { /* D02 */
        unsigned id;

        net.asked_count = 0;
        CHECK(lookup("a.b", STS_DNS_MX) == STS_OK);
        id = net.asked[0].id;
        seen[id]++;
        most = seen[id] > most ? seen[id] : most;
        upper += net.asked[0].name[0] == 'A';
    }
    CHECK(most < 20); /* 1.5 expected, 10 seen once in a thousand years */
    CHECK(upper > 49000 && upper < 51000);
    CHECK(net.draws == 100000);
}

TEST(d02_without_random_numbers_nothing_is_asked)
{
    net_start(&r, 2);
    net.random_fails = 1;
    CHECK(lookup("a.b", STS_DNS_MX) == STS_ERR_RANDOM); /* D02 */
    CHECK(net.opened == 0 && net.asked_count == 0);

    net_start(&r, 2);
    net.random_fails = 2; /* after a time-out: the second sending */
    CHECK(lookup("a.b", STS_DNS_MX) == STS_ERR_RANDOM);
    CHECK(net.opened == 1 && net.asked_count == 1);
}

TEST(d03_every_sending_has_its_own_socket_id_and_case)
{
    net_start(&r, 1);
    CHECK(lookup("abcdefghijklmnopqrstuvwxyz", STS_DNS_MX) == STS_ERR_DNS); /* D03 */
    CHECK(net.asked_count == 3 && net.opened == 3);
    for (unsigned i = 1; i < 3; i++) {
        CHECK(net.asked[i].id != net.asked[i - 1].id);
        CHECK(strcmp(net.asked[i].name, net.asked[i - 1].name) != 0);
    }
}

TEST(d04_port_is_told_which_address_and_port_may_answer)
{
    net_start(&r, 1);
    r.servers[0].port = 5353;
    CHECK(ask("a", STS_DNS_A) == 0);
    sts_resolver_poll(&r, &net.now);
    CHECK(socks[0].peer.port == 5353); /* D04 */
    CHECK(memcmp(socks[0].peer.ip.bytes, "\xc0\0\2\1", 4) == 0);
}

/* ---- answers that are not believed ------------------------------------------------------- */

/* How the UDP answer is spoilt. */
static int spoil;

static void spoilt_udp(struct sock *s, const struct asked *a)
{
    if (a->tcp) {
        good_mx(s, a);
        return;
    }
    echo(s);
    put_mx(&p, "@12", 10, "evil.@12");
    switch (spoil) {
    case 0: p.b[0] ^= 1; break;      /* id */
    case 1: p.b[1] ^= 1; break;      /* id */
    case 2: p.b[2] &= 0x7f; break;   /* a question */
    case 3: p.b[2] |= 0x08; break;   /* opcode */
    case 4: p.b[5] = 0; break;       /* no question */
    case 5: p.b[5] = 2; break;       /* two */
    case 6: p.b[13] ^= 0x20; break;  /* case: D06 */
    case 7: p.b[13] = 'q'; break;    /* name */
    case 8: p.b[12 + 6] = 16; break; /* type */
    case 9: p.b[12 + 8] = 3; break;  /* class */
    case 10: p.len = 5; break;       /* D13 */
    case 11: p.b[7] = 2; break;      /* D15 */
    case 12: p.b[2] |= 2; break;     /* TC: D19 */
    case 13: p.len = 1233; break;    /* D20 */
    default: p.len = 65000; break;
    }
    reply(s);
}

TEST(d01_d05_d06_answer_that_does_not_fit_makes_the_question_go_over_tcp)
{
    for (spoil = 0; spoil < 15; spoil++) { /* D01, D05, D06, D13, D15, D19, D20 */
        net_start(&r, 1);
        server = spoilt_udp;
        CHECK(lookup("a.bc", STS_DNS_MX) == STS_OK);
        CHECK(net.asked_count == 2 && net.asked[1].tcp && net.asked[1].edns);
        CHECK(strcmp(got.target, "mx.a.bc") == 0 && got.count == 1);
        CHECK(net.asked[1].ms == net.asked[0].ms); /* at once */
    }
}

TEST(d20_datagram_of_1232_octets_is_believed)
{
    static uint8_t filling[1200];
    size_t room;

    net_start(&r, 1);
    CHECK(ask("a", STS_DNS_MX) == 0);
    sts_resolver_poll(&r, &net.now);
    echo(&socks[0]);
    room = 1232 - p.len - 12 - 12 - 7; /* D20: the MX ends with the datagram */
    put_rr(&p, "@12", 99, filling, room);
    put_mx(&p, "@12", 10, "mx.@12");
    CHECK(p.len == 1232);
    reply(&socks[0]);
    CHECK(run(0) == STS_OK && net.asked_count == 1 && strcmp(got.target, "mx.a") == 0);
}

TEST(d01_flood_of_guesses_gets_one_guess_per_question)
{
    net_start(&r, 1);
    CHECK(ask("a", STS_DNS_MX) == 0);
    sts_resolver_poll(&r, &net.now);
    echo(&socks[0]); /* D01 */
    p.b[0] ^= 0x80;
    reply(&socks[0]);
    server = good_over_tcp;
    sts_resolver_poll(&r, &net.now);
    CHECK(!socks[0].open); /* the right answer would now find nobody */
    CHECK(run(0) == STS_OK && net.asked_count == 2 && net.asked[1].tcp);
    CHECK(net.lines == 2); /* the warning and the result */
}

static void lower_case(struct sock *s, const struct asked *a)
{
    (void)a;
    echo(s);
    for (size_t i = 13; i < 24; i++) {
        p.b[i] = sts_lower(p.b[i]);
    }
    put_mx(&p, "@12", 10, "mx.@12");
    reply(s);
}

TEST(d06_server_that_lowers_the_case_is_believed_over_tcp)
{
    net_start(&r, 1);
    server = lower_case;
    CHECK(lookup("example.org", STS_DNS_MX) == STS_OK); /* D06 */
    CHECK(net.asked_count == 2 && net.asked[1].tcp);
}

static void wrong_over_tcp(struct sock *s, const struct asked *a)
{
    if (a->server != 1) {
        good_mx(s, a);
        return;
    }
    echo(s);
    put_mx(&p, "@12", 10, "evil.@12");
    p.b[spoil] ^= 1;
    reply(s);
}

TEST(d01_wrong_answer_over_tcp_makes_the_next_server_asked)
{
    for (spoil = 0; spoil < 2; spoil++) {
        net_start(&r, 2);
        server = wrong_over_tcp;
        CHECK(lookup("a", STS_DNS_MX) == STS_OK);
        CHECK(net.asked_count == 3 && net.asked[1].tcp && net.asked[1].server == 1);
        CHECK(net.asked[2].server == 2 && !net.asked[2].tcp);
        CHECK(strcmp(got.target, "mx.a") == 0);
        net_start(&r, 1);
        server = wrong_over_tcp;
        CHECK(lookup("a", STS_DNS_MX) == STS_ERR_DNS);
        CHECK(net.asked_count == 2);
    }
}

static void half_good(struct sock *s, const struct asked *a)
{
    (void)a;
    echo(s);
    put_mx(&p, "@12", 10, "mx.@12");
    put_mx(&p, "@12", 10, "mx.@12");
    p.b[p.len - 1] = (uint8_t)p.len; /* a pointer forwards */
    reply(s);
}

TEST(d10_no_record_of_a_malformed_answer_is_used)
{
    net_start(&r, 2);
    server = half_good;
    CHECK(lookup("a", STS_DNS_MX) == STS_ERR_DNS); /* D10, D14; lookup() sees that none was given */
    CHECK(net.asked_count == 2 && net.asked[1].server == 2);
}

TEST(d36_ad_bit_changes_nothing)
{
    net_start(&r, 1);
    CHECK(ask("a", STS_DNS_MX) == 0);
    sts_resolver_poll(&r, &net.now);
    echo(&socks[0]);
    p.b[3] |= 0x20; /* D36 */
    reply(&socks[0]);
    CHECK(run(0) == STS_ERR_ABSENT);
}

/* ---- what an answer says ----------------------------------------------------------------- */

static int answer_rcode;
static unsigned answer_kind;

static void by_rcode(struct sock *s, const struct asked *a)
{
    (void)a;
    echo(s);
    put_opt(&p, (unsigned)answer_rcode);
    reply(s);
}

TEST(d22_d23_every_rcode_but_two_is_unknown)
{
    for (answer_rcode = 0; answer_rcode < 4096; answer_rcode++) { /* R-024, D22, D23, D24 */
        int want = answer_rcode == 0   ? STS_ERR_ABSENT
                   : answer_rcode == 3 ? STS_ERR_NXDOMAIN
                                       : STS_ERR_DNS;

        net_start(&r, 2);
        server = by_rcode;
        CHECK(lookup("a", answer_rcode & 1 ? STS_DNS_MX : STS_DNS_TXT) == want);
        CHECK(net.asked_count == (want != STS_ERR_DNS                      ? 1
                                  : answer_rcode == 1 || answer_rcode == 4 ? 4
                                                                           : 2));
    }
}

static void by_kind(struct sock *s, const struct asked *a)
{
    (void)a;
    echo(s);
    switch (answer_kind) {
    case 0: /* a record of somebody else: D07 */ put_mx(&p, "other", 10, "mx.other"); break;
    case 1: /* NXDOMAIN that has what was asked for */
        put_mx(&p, "@12", 10, "mx.other");
        set_rcode(&p, 3);
        break;
    case 2: /* a referral */
        (void)put_head(&p, "@12", 2, 0);
        count(&p, 8, 1);
        break;
    case 3: /* an alias of nothing here */ put_cname(&p, "@12", "other"); break;
    case 4: /* an alias of nothing at all */
        put_cname(&p, "@12", "other");
        set_rcode(&p, 3);
        break;
    case 5: /* CNAME and other data: D09 */
        put_cname(&p, "@12", "other");
        put_mx(&p, "@12", 10, "mx.other");
        break;
    case 6: /* two aliases of one name */
        put_cname(&p, "@12", "other");
        put_cname(&p, "@12", "third");
        break;
    case 7: put_cname(&p, "@12", "@12"); break; /* itself: D09 */
    case 8:                                     /* a loop: D09 */
        put_cname(&p, "@12", "x");
        put_cname(&p, "x", "y");
        put_cname(&p, "y", "x");
        break;
    case 9: /* only the wrong type */ put_txt(&p, "@12", "\3abc"); break;
    case 10: /* the chain is there, the end is not its own */
        put_cname(&p, "@12", "x");
        put_mx(&p, "y", 10, "mx.y");
        break;
    case 11: /* a record of the name asked for beside the chain's end */
        put_cname(&p, "x", "y");
        put_mx(&p, "y", 10, "evil");
        break;
    }
    reply(s);
}

TEST(d07_d09_d24_contradictions_are_unknown_and_absence_is_not)
{
    static const int want[] = {STS_ERR_ABSENT,   STS_ERR_DNS,    STS_ERR_DNS,    STS_ERR_ABSENT,
                               STS_ERR_NXDOMAIN, STS_ERR_DNS,    STS_ERR_DNS,    STS_ERR_DNS,
                               STS_ERR_DNS,      STS_ERR_ABSENT, STS_ERR_ABSENT, STS_ERR_ABSENT};

    for (answer_kind = 0; answer_kind < sizeof want / sizeof *want; answer_kind++) {
        net_start(&r, 1);
        server = by_kind;
        CHECK(lookup("a.b", STS_DNS_MX) == want[answer_kind]);
    }
}

static int links;
static bool links_backwards;

static void by_links(struct sock *s, const struct asked *a)
{
    (void)a;
    echo(s);
    put_mx(&p, links == 0 ? "@12" : "n0", 10, "mx.@12");
    for (int i = 0; i < links; i++) {
        int k = links_backwards ? i : links - 1 - i;
        char from[3] = {'N', (char)('0' + k + 1), 0}, to[3] = {'n', (char)('0' + k), 0};

        put_cname(&p, k == links - 1 ? "@12" : from, to);
    }
    reply(s);
}

TEST(r022_chain_of_eight_aliases_is_followed_and_of_nine_not)
{
    for (links = 0; links <= 9; links++) { /* R-022, D09 */
        for (int b = 0; b < 2; b++) {
            links_backwards = b != 0;
            net_start(&r, 1);
            server = by_links;
            CHECK(lookup("a", STS_DNS_MX) == (links <= 8 ? STS_OK : STS_ERR_DNS));
            CHECK(got.count == (links <= 8));
        }
    }
}

static void strings(void *ctx, const struct sts_dns_rr *rr)
{
    const uint8_t *text;
    size_t at = 0, len;
    char *out = ctx;

    while (sts_dns_txt(rr, &at, &text, &len) > 0) {
        strncat(out, (const char *)text, len);
    }
    strcat(out, "|");
}

static void two_txt(struct sock *s, const struct asked *a)
{
    (void)a;
    echo(s);
    put_txt(&p, "@12", "\10v=STSv1;\5 id=1");
    put_txt(&p, "@12", "\7foreign");
    reply(s);
}

TEST(r021_text_records_come_with_their_strings)
{
    char out[100] = "";
    int slot;

    net_start(&r, 1);
    server = two_txt;
    slot = sts_resolver_ask(&r, "_mta-sts.a", STS_DNS_TXT, strings, out, 30, &net.now);
    CHECK(run(slot) == STS_OK);
    CHECK(strcmp(out, "v=STSv1; id=1|foreign|") == 0); /* */
}

/* ---- EDNS -------------------------------------------------------------------------------- */

static bool bare_header, tcp_only;

static void no_edns(struct sock *s, const struct asked *a)
{
    if (!a->tcp && tcp_only) {
        good_over_tcp(s, a);
    } else if (!a->edns) {
        good_mx(s, a);
    } else {
        echo(s);
        set_rcode(&p, (unsigned)answer_rcode);
        if (bare_header) {
            p.len = 12;
            p.b[5] = 0;
        }
        reply(s);
    }
}

TEST(d21_server_without_edns_is_asked_without)
{
    for (int i = 0; i < 8; i++) { /* D21 */
        answer_rcode = i & 1 ? 1 : 4;
        bare_header = (i & 2) != 0;
        tcp_only = (i & 4) != 0;
        net_start(&r, 1);
        server = no_edns;
        CHECK(lookup("a", STS_DNS_MX) == STS_OK);
        CHECK(net.asked_count == (tcp_only ? 3 : 2));
        CHECK(net.asked[0].edns && !net.asked[net.asked_count - 1].edns);
        CHECK(net.asked[net.asked_count - 1].tcp == tcp_only);
    }
}

TEST(d21_server_that_likes_neither_is_given_up)
{
    answer_rcode = 1;
    net_start(&r, 1);
    server = by_rcode;
    CHECK(lookup("a", STS_DNS_MX) == STS_ERR_DNS);
    CHECK(net.asked_count == 2 && !net.asked[1].edns);
}

/* ---- TCP --------------------------------------------------------------------------------- */

TEST(d19_answer_over_tcp_in_every_piece_size)
{
    for (size_t piece = 1; piece < 64; piece++) { /* D19 */
        net_start(&r, 1);
        server = good_over_tcp;
        net.piece = piece;
        net.send_piece = piece;
        CHECK(lookup("example.org", STS_DNS_MX) == STS_OK);
        CHECK(net.asked_count == 2 && strcmp(got.target, "mx.example.org") == 0);
    }
}

TEST(d19_answer_over_tcp_cut_in_two_anywhere)
{
    for (size_t cut = 0;; cut++) { /* D19 */
        struct sock *s = &socks[1];
        size_t whole;

        net_start(&r, 1);
        server = good_over_tcp;
        CHECK(ask("example.org", STS_DNS_MX) == 0);
        sts_resolver_poll(&r, &net.now);
        net.piece = 0;
        sts_resolver_poll(&r, &net.now);
        whole = s->in_len;
        if (cut > whole) {
            break;
        }
        s->in_len = cut;
        net.piece = SIZE_MAX;
        sts_resolver_poll(&r, &net.now);
        CHECK(sts_resolver_result(&r, 0) == (cut == whole ? STS_OK : STS_BUSY));
        CHECK(r.tcp_owner == (cut == 0 || cut == whole ? -1 : 0));
        s->in_len = whole;
        CHECK(run(0) == STS_OK && got.count == 1);
    }
}

TEST(d19_answer_over_tcp_that_ends_early_is_no_answer)
{
    for (size_t cut = 0; cut < 49; cut++) { /* D19 */
        struct sock *s = &socks[1];

        net_start(&r, 1);
        server = good_over_tcp;
        CHECK(ask("example.org", STS_DNS_MX) == 0);
        sts_resolver_poll(&r, &net.now);
        net.piece = 0;
        sts_resolver_poll(&r, &net.now);
        CHECK(s->in_len > 49);
        s->in_len = cut;
        net.piece = SIZE_MAX;
        net.eof = true;
        CHECK(run(0) == STS_ERR_DNS && got.count == 0 && sockets() == 0 && r.tcp_owner == -1);
    }
}

static unsigned tcp_claim; /* what the length prefix says */

static void by_claim(struct sock *s, const struct asked *a)
{
    good_over_tcp(s, a);
    if (a->tcp) {
        s->in[0] = (uint8_t)(tcp_claim >> 8);
        s->in[1] = (uint8_t)tcp_claim;
        s->in_len = 2 + tcp_claim;
    }
}

TEST(d19_every_length_over_tcp_is_taken_as_it_is)
{
    /* D19: too short: no answer; longer than the records: what follows them is nobody's; too long for
     * the buffer: unknown at once, since no server has a shorter one. */
    for (tcp_claim = 0; tcp_claim < 65536; tcp_claim += tcp_claim < 100 ? 1 : 509) {
        size_t whole = 2 + 12 + 17 + 12 + 7;
        bool ok = tcp_claim >= whole - 2 && tcp_claim <= STS_DNS_SIZE;

        net_start(&r, 2);
        server = by_claim;
        CHECK(lookup("example.org", STS_DNS_MX) == (ok ? STS_OK : STS_ERR_DNS));
        CHECK(net.asked_count == (ok || tcp_claim > STS_DNS_SIZE ? 2 : 4));
    }
    for (tcp_claim = STS_DNS_SIZE - 1; tcp_claim <= STS_DNS_SIZE + 1 && tcp_claim < 65536;
         tcp_claim++) {
        net_start(&r, 1);
        server = by_claim;
        CHECK(lookup("example.org", STS_DNS_MX) ==
              (tcp_claim <= STS_DNS_SIZE ? STS_OK : STS_ERR_DNS));
    }
    tcp_claim = 65535;
    net_start(&r, 1);
    server = by_claim;
    CHECK(lookup("example.org", STS_DNS_MX) == (STS_DNS_SIZE == 65535 ? STS_OK : STS_ERR_DNS));
}

static void truncated_always(struct sock *s, const struct asked *a)
{
    good_mx(s, a);
    s->in[s->tcp ? 4 : 2] |= 2;
}

TEST(d19_truncation_over_tcp_is_no_answer)
{
    net_start(&r, 1);
    server = truncated_always;
    CHECK(lookup("a", STS_DNS_MX) == STS_ERR_DNS); /* R-024, D19 */
    CHECK(net.asked_count == 2);
}

TEST(d29_answer_with_a_thousand_mx_is_given_whole_or_not_at_all)
{
    static const char *const name = "a.b";
    int slot;

    net_start(&r, 1); /* D29 */
    server = good_over_tcp;
    slot = ask(name, STS_DNS_MX);
    net.piece = 0;
    for (int i = 0; i < 3; i++) {
        sts_resolver_poll(&r, &net.now);
    }
    CHECK(socks[1].open && socks[1].tcp);
    echo(&socks[1]);
    for (unsigned i = 0; i < 1000; i++) {
        put_mx(&p, "@12", i * 65535 / 999, "mx.@12");
    }
    reply(&socks[1]);
    net.piece = 1000;
    if (STS_DNS_SIZE > 20000) {
        CHECK(run(slot) == STS_OK && got.count == 1000 && got.preference == 65535);
    } else {
        CHECK(run(slot) == STS_ERR_DNS && got.count == 0);
    }
}

TEST(udp_answers_wait_while_a_tcp_answer_is_half_in)
{
    int tcp, udp, more;

    net_start(&r, 1);
    server = good_over_tcp;
    tcp = ask("tcp", STS_DNS_MX);
    net.piece = 1;
    sts_resolver_poll(&r, &net.now); /* truncated: connects */
    sts_resolver_poll(&r, &net.now);
    CHECK(r.tcp_owner == tcp);
    net.piece = 0; /* and no octet more for now */
    server = good_mx;
    udp = sts_resolver_ask(&r, "udp", STS_DNS_MX, take, &got, 30, &net.now);
    server = good_over_tcp;
    more = sts_resolver_ask(&r, "more", STS_DNS_MX, take, &got, 30, &net.now);
    server = NULL;
    sts_resolver_poll(&r, &net.now);
    sts_resolver_poll(&r, &net.now);
    CHECK(net.asked_count == 4);
    good_mx(&socks[2], NULL);
    good_mx(&socks[3], NULL);
    {
        struct sts_wait w[4];
        uint32_t ms = 100000;

        /* Only the owner can go on, so only its handle is waited for. */
        CHECK(sts_resolver_wait(&r, &net.now, w, 4, &ms) == 1);
        CHECK(w[0].handle == 1 && w[0].read && !w[0].write);
        CHECK(ms == 10000);
    }
    net.now.ms += 5000; /* longer than they would wait */
    sts_resolver_poll(&r, &net.now);
    CHECK(got.count == 0 && sts_resolver_result(&r, udp) == STS_BUSY);
    net.piece = 100;
    CHECK(run(tcp) == STS_OK);
    CHECK(run(udp) == STS_OK && run(more) == STS_OK);
    CHECK(net.asked_count == 4 && got.count == 3);
}

TEST(stuck_tcp_answer_frees_the_buffer_in_time)
{
    int tcp, udp;
    uint32_t begin;

    net_start(&r, 1);
    server = good_over_tcp;
    tcp = ask("tcp", STS_DNS_MX);
    begin = net.now.ms;
    net.piece = 1;
    sts_resolver_poll(&r, &net.now);
    sts_resolver_poll(&r, &net.now);
    net.piece = 0;
    CHECK(r.tcp_owner == tcp);
    server = good_mx;
    udp = sts_resolver_ask(&r, "udp", STS_DNS_MX, take, &got, 30, &net.now);
    CHECK(run(udp) == STS_OK);
    CHECK(net.now.ms - begin == 10000 && sts_resolver_result(&r, tcp) == STS_BUSY);

    sts_resolver_drop(&r, tcp);
    CHECK(sockets() == 0 && r.tcp_owner == -1);
}

TEST(blocked_question_still_ends_in_time)
{
    int tcp, udp;
    uint32_t begin;

    net_start(&r, 1);
    server = good_over_tcp;
    tcp = ask("tcp", STS_DNS_MX);
    net.piece = 1;
    sts_resolver_poll(&r, &net.now);
    sts_resolver_poll(&r, &net.now);
    net.piece = 0;
    begin = net.now.ms;
    udp = sts_resolver_ask(&r, "udp", STS_DNS_MX, take, &got, 3, &net.now);
    CHECK(run(udp) == STS_ERR_DNS && net.now.ms - begin == 3000);
    CHECK(sts_resolver_result(&r, tcp) == STS_BUSY);
}

TEST(d19_drip_over_tcp_is_borne_for_ten_seconds)
{
    net_start(&r, 1);
    server = good_over_tcp;
    CHECK(ask("example.org", STS_DNS_MX) == 0);
    sts_resolver_poll(&r, &net.now);
    net.piece = 0;
    for (int i = 0; i < 50; i++) { /* an octet every 180 ms: D19 */
        net.piece = 1;
        net.now.ms += 180;
        sts_resolver_poll(&r, &net.now);
        net.piece = 0;
    }
    CHECK(net.asked_count == 2);
    net.piece = 10;
    CHECK(run(0) == STS_OK);
}

/* ---- servers that do not answer ---------------------------------------------------------- */

static unsigned dead; /* a bit for each */

static void some_dead(struct sock *s, const struct asked *a)
{
    if (!(dead >> a->server & 1)) {
        good_mx(s, a);
    }
}

TEST(d33_second_server_is_asked_after_two_seconds_and_first_from_then_on)
{
    uint32_t begin;

    net_start(&r, 3);
    server = some_dead;
    dead = 1u << 1; /* D33 */
    begin = net.now.ms;
    CHECK(lookup("a", STS_DNS_MX) == STS_OK);
    CHECK(net.now.ms - begin == 2000 && net.asked_count == 2 && net.asked[1].server == 2);
    CHECK(lookup("b", STS_DNS_MX) == STS_OK);
    CHECK(net.now.ms - begin == 2000 && net.asked_count == 3 && net.asked[2].server == 2);
    dead = 1u << 2 | 1u << 3;
    CHECK(lookup("c", STS_DNS_MX) == STS_OK);
    CHECK(net.now.ms - begin == 6000 && net.asked[5].server == 1);
}

TEST(d33_silent_servers_are_asked_in_turn_and_given_up_in_time)
{
    static const uint32_t at[] = {0, 2000, 4000, 6000, 10000, 14000, 18000, 26000};
    uint32_t begin;

    net_start(&r, 3);
    begin = net.now.ms;
    CHECK(lookup("a", STS_DNS_MX) == STS_ERR_DNS); /* D33 */
    CHECK(net.now.ms - begin == 30000 && net.asked_count == 8);
    for (unsigned i = 0; i < 8; i++) {
        CHECK(net.asked[i].ms - begin == at[i] && net.asked[i].server == 1 + (int)i % 3);
    }

    net_start(&r, 1);
    begin = net.now.ms;
    CHECK(lookup("a", STS_DNS_MX) == STS_ERR_DNS);
    CHECK(net.now.ms - begin == 14000 && net.asked_count == 3);
}

TEST(d33_time_of_a_question_is_the_callers_and_at_most_thirty_seconds)
{
    for (uint32_t s = 1; s < 100; s += s < 31 ? 1 : 20) { /* D33 */
        uint32_t begin;

        net_start(&r, STS_DNS_SERVERS);
        begin = net.now.ms;
        memset(&got, 0, sizeof got);
        CHECK(sts_resolver_ask(&r, "a", STS_DNS_MX, take, &got, s, &net.now) == 0);
        CHECK(run(0) == STS_ERR_DNS);
        CHECK(net.now.ms - begin == 1000 * (s < 30 ? s : 30));
    }
}

static void by_server(struct sock *s, const struct asked *a)
{
    if (a->server == 2) {
        good_mx(s, a);
    } else {
        by_rcode(s, a);
    }
}

TEST(d33_server_that_fails_is_asked_once_and_the_next_at_once)
{
    uint32_t begin;

    answer_rcode = 2;
    net_start(&r, 3);
    server = by_server;
    begin = net.now.ms;
    CHECK(lookup("a", STS_DNS_MX) == STS_OK); /* D22, D33 */
    CHECK(net.asked_count == 2 && net.now.ms == begin);

    net_start(&r, 3);
    server = by_rcode;
    CHECK(lookup("a", STS_DNS_MX) == STS_ERR_DNS);
    CHECK(net.asked_count == 3 && net.now.ms == begin);
    CHECK(r.first == 0); /* an error is no answer */
}

static void fails_or_silent(struct sock *s, const struct asked *a)
{
    if (a->server == 1) {
        by_rcode(s, a);
    }
}

TEST(d33_failed_server_is_left_out_of_later_rounds)
{
    answer_rcode = 5;
    net_start(&r, 2);
    server = fails_or_silent;
    CHECK(lookup("a", STS_DNS_MX) == STS_ERR_DNS);
    CHECK(net.asked_count == 4);
    for (unsigned i = 1; i < 4; i++) {
        CHECK(net.asked[i].server == 2);
    }
}

TEST(sockets_that_fail_count_as_servers_that_fail)
{
    net_start(&r, 2);
    net.udp_error = STS_ERR_CONNECT;
    CHECK(lookup("a", STS_DNS_MX) == STS_ERR_DNS);
    CHECK(net.draws == 2 && net.opened == 0);

    net_start(&r, 2);
    server = good_over_tcp;
    net.tcp_error = STS_ERR_CONNECT;
    CHECK(lookup("a", STS_DNS_MX) == STS_ERR_DNS);
    CHECK(net.asked_count == 2);

    net_start(&r, 2);
    server = good_over_tcp;
    net.connected = STS_ERR_CONNECT;
    CHECK(lookup("a", STS_DNS_MX) == STS_ERR_DNS);
    CHECK(net.asked_count == 2 && net.opened == 4);

    net_start(&r, 2);
    net.send_error = -1;
    CHECK(lookup("a", STS_DNS_MX) == STS_ERR_DNS);
    CHECK(net.opened == 2);

    net_start(&r, 2);
    net.recv_error = -1; /* port unreachable */
    CHECK(lookup("a", STS_DNS_MX) == STS_ERR_DNS);
    CHECK(net.asked_count == 2);
}

TEST(socket_that_takes_nothing_is_tried_until_its_time_is_over)
{
    net_start(&r, 1);
    server = good_mx;
    net.send_piece = 0;
    CHECK(ask("a", STS_DNS_MX) == 0);
    sts_resolver_poll(&r, &net.now);
    CHECK(net.asked_count == 0);
    net.now.ms += 1999;
    sts_resolver_poll(&r, &net.now);
    CHECK(net.opened == 1);
    net.send_piece = SIZE_MAX;
    CHECK(run(0) == STS_OK && net.opened == 1);
}

TEST(tcp_that_never_connects_is_given_up_after_ten_seconds)
{
    uint32_t begin;

    net_start(&r, 2);
    server = good_over_tcp;
    net.connected = STS_BUSY;
    begin = net.now.ms;
    CHECK(ask("a", STS_DNS_MX) == 0);
    while (net.asked_count < 2) {
        uint32_t ms = 5000;
        struct sts_wait w;

        sts_resolver_poll(&r, &net.now);
        CHECK(sts_resolver_wait(&r, &net.now, &w, 1, &ms) <= 1);
        net.now.ms += ms;
    }
    CHECK(net.asked[1].server == 2 && net.asked[1].ms - begin == 10000);
}

TEST(late_poll_takes_the_answer_that_is_there)
{
    net_start(&r, 1);
    CHECK(ask("a", STS_DNS_MX) == 0);
    sts_resolver_poll(&r, &net.now);
    good_mx(&socks[0], NULL);
    net.now.ms += 60000; /* the device was busy for a minute */
    sts_resolver_poll(&r, &net.now);
    CHECK(sts_resolver_result(&r, 0) == STS_OK && got.count == 1);
}

TEST(question_polled_too_late_for_anything_ends)
{
    net_start(&r, 1);
    CHECK(ask("a", STS_DNS_MX) == 0);
    net.now.ms += 60000;
    sts_resolver_poll(&r, &net.now);
    CHECK(sts_resolver_result(&r, 0) == STS_ERR_DNS && sockets() == 0);
}

TEST(d31_answer_to_an_abandoned_question_finds_nobody)
{
    net_start(&r, 1);
    CHECK(ask("a", STS_DNS_MX) == 0);
    sts_resolver_poll(&r, &net.now);
    sts_resolver_drop(&r, 0); /* D31 */
    CHECK(sockets() == 0);
    CHECK(ask("a", STS_DNS_MX) == 0); /* the same slot, the same question */
    sts_resolver_poll(&r, &net.now);
    CHECK(net.asked[1].id != net.asked[0].id);
    echo(&socks[0]); /* the old answer, even on the new port */
    put_mx(&p, "@12", 10, "old.@12");
    reply(&socks[1]);
    server = good_over_tcp;
    CHECK(run(0) == STS_OK && strcmp(got.target, "mx.a") == 0 && net.asked[2].tcp);
}

static void endless(struct sock *s, const struct asked *a)
{
    (void)a;
    echo(s);
    p.b[0] ^= 1;
    reply(s);
}

TEST(d32_one_poll_does_bounded_work)
{
    net_start(&r, 1);
    server = endless; /* D32 */
    for (int i = 0; i < STS_DNS_QUERIES; i++) {
        CHECK(ask("a", STS_DNS_MX) == i);
    }
    net.piece = 1;
    for (int i = 0; i < 100; i++) {
        net.recvs = 0;
        sts_resolver_poll(&r, &net.now);
        CHECK(net.recvs <= 4 * STS_DNS_QUERIES);
    }
}

/* ---- waiting ----------------------------------------------------------------------------- */

TEST(wait_says_what_and_how_long)
{
    struct sts_wait w[STS_DNS_QUERIES];
    uint32_t ms = 1000000;

    net_start(&r, 1);
    CHECK(sts_resolver_wait(&r, &net.now, w, 2, &ms) == 0 && ms == 1000000);
    CHECK(ask("a", STS_DNS_A) == 0);
    CHECK(sts_resolver_wait(&r, &net.now, w, 2, &ms) == 0 && ms == 0); /* poll first */
    net.send_piece = 0;
    sts_resolver_poll(&r, &net.now);
    ms = 1000000;
    CHECK(sts_resolver_wait(&r, &net.now, w, 2, &ms) == 1 && ms == 2000);
    CHECK(w[0].handle == 0 && w[0].write && !w[0].read);
    net.send_piece = SIZE_MAX;
    sts_resolver_poll(&r, &net.now);
    net.now.ms += 500;
    ms = 1000000;
    CHECK(sts_resolver_wait(&r, &net.now, w, 2, &ms) == 1 && ms == 1500);
    CHECK(!w[0].write && w[0].read);
    ms = 3;
    CHECK(sts_resolver_wait(&r, &net.now, w, 0, &ms) == 0 && ms == 3);
    CHECK(ask("b", STS_DNS_A) == 1 && ask("c", STS_DNS_A) == 2);
    sts_resolver_poll(&r, &net.now);
    CHECK(sts_resolver_wait(&r, &net.now, w, 2, &ms) == 2);
    CHECK(sts_resolver_wait(&r, &net.now, w, 3, &ms) == 3);
    net.now.ms += 60000;
    CHECK(sts_resolver_wait(&r, &net.now, w, 3, &ms) == 3 && ms == 0);
}

TEST(wait_is_no_longer_than_the_question)
{
    uint32_t ms = 1000000;

    net_start(&r, 1);
    CHECK(sts_resolver_ask(&r, "a", STS_DNS_MX, take, &got, 1, &net.now) == 0);
    sts_resolver_poll(&r, &net.now);
    CHECK(sts_resolver_wait(&r, &net.now, NULL, 0, &ms) == 0 && ms == 1000);
}

static void good_tlsa(struct sock *s, const struct asked *a)
{
    (void)a;
    echo(s);
    put_rr(&p, "@12", STS_DNS_TLSA, "\3\1\1hash", 7);
    reply(s);
}

TEST(types_that_are_only_passed_on_are_passed_on)
{
    net_start(&r, 1);
    server = good_tlsa;
    CHECK(lookup("_25._tcp.mx.a", STS_DNS_TLSA) == STS_OK);
    CHECK(memcmp(got.data, "\3\1\1hash", 7) == 0);
}

TEST(log_may_be_missing)
{
    net_start(&r, 1);
    r.log = NULL;
    server = good_mx;
    CHECK(lookup("a", STS_DNS_MX) == STS_OK);
}

/* ---- hosts ------------------------------------------------------------------------------- */

static struct sts_host h;

/* What the host's two questions are answered with: 4 and 16 octets each; rcode 3 and 2 too. */
static struct {
    uint8_t a[40][4], aaaa[40][16];
    unsigned a_count, aaaa_count, a_rcode, aaaa_rcode;
    bool reverse;
} zone;

static void by_zone(struct sock *s, const struct asked *a)
{
    bool v6 = a->type == STS_DNS_AAAA;

    echo(s);
    for (unsigned i = 0; i < (v6 ? zone.aaaa_count : zone.a_count); i++) {
        if (v6) {
            put_rr(&p, "@12", 28, zone.aaaa[i], 16);
        } else {
            put_rr(&p, "@12", 1, zone.a[i], 4);
        }
    }
    set_rcode(&p, v6 ? zone.aaaa_rcode : zone.a_rcode);
    reply(s);
}

static int host(const char *name)
{
    int result = STS_BUSY;

    net_start(&r, 1);
    server = by_zone;
    CHECK(sts_host_start(&h, &r, name, 30, &net.now) == STS_OK);
    CHECK(sts_host_poll(&h, &r) == STS_BUSY);
    for (int i = 0; i < 100000; i++) {
        sts_resolver_poll(&r, &net.now);
        result = sts_host_poll(&h, &r);
        if (result != STS_BUSY) {
            break;
        }
        net_wait(&r);
    }
    CHECK(sockets() == 0 && h.slot4 == -1 && h.slot6 == -1);
    for (int i = 0; i < STS_DNS_QUERIES; i++) {
        CHECK(sts_resolver_result(&r, i) == STS_ERR_STATE);
    }
    return result;
}

static void zone_of(unsigned n4, unsigned n6)
{
    memset(&zone, 0, sizeof zone);
    zone.a_count = n4;
    zone.aaaa_count = n6;
    for (unsigned i = 0; i < 40; i++) {
        memcpy(zone.a[i], "\300\0\2", 3);
        memcpy(zone.aaaa[i], "\x20\1\x0d\xb8", 4);
        zone.a[i][3] = zone.aaaa[i][15] = (uint8_t)(i + 1);
    }
}

TEST(d37_families_of_a_host_take_turns_ipv6_first)
{
    for (unsigned n4 = 0; n4 <= 20; n4++) { /* D37 */
        for (unsigned n6 = 0; n6 <= 20; n6++) {
            unsigned i4 = 0, i6 = 0;
            bool six = true;

            zone_of(n4, n6);
            CHECK(host("a") == (n4 + n6 > 0 ? STS_OK : STS_ERR_ABSENT));
            CHECK(h.count == (n4 + n6 < STS_ADDRESS_MAX ? n4 + n6 : STS_ADDRESS_MAX));
            for (unsigned i = 0; i < h.count; i++) {
                six = (six && i6 < n6) || i4 == n4;
                CHECK(h.address[i].family == (six ? 6 : 4));
                CHECK(h.address[i].bytes[six ? 15 : 3] == (six ? ++i6 : ++i4));
                six = !six;
            }
        }
    }
}

TEST(host_order_does_not_depend_on_which_answer_comes_first)
{
    struct sts_host first;

    zone_of(5, 3);
    CHECK(host("a") == STS_OK);
    first = h;
    net_start(&r, 1);
    CHECK(sts_host_start(&h, &r, "a", 30, &net.now) == STS_OK);
    sts_resolver_poll(&r, &net.now);
    by_zone(&socks[1], &net.asked[1]);
    sts_resolver_poll(&r, &net.now);
    CHECK(sts_host_poll(&h, &r) == STS_BUSY && h.count == 3);
    by_zone(&socks[0], &net.asked[0]);
    sts_resolver_poll(&r, &net.now);
    CHECK(sts_host_poll(&h, &r) == STS_OK);
    CHECK(h.count == first.count);
    CHECK(memcmp(h.address, first.address, h.count * sizeof *h.address) == 0);
}

TEST(host_waits_for_both_families)
{
    zone_of(1, 0);
    net_start(&r, 1);
    CHECK(sts_host_start(&h, &r, "a", 30, &net.now) == STS_OK);
    sts_resolver_poll(&r, &net.now);
    by_zone(&socks[0], &net.asked[0]);
    sts_resolver_poll(&r, &net.now);
    CHECK(sts_host_poll(&h, &r) == STS_BUSY && h.count == 1);
    net.now.ms += 30000; /* D37: a family whose answer never comes does not spoil the other */
    sts_resolver_poll(&r, &net.now);
    CHECK(sts_host_poll(&h, &r) == STS_OK && h.count == 1 && sockets() == 0);
}

TEST(host_without_ipv6_has_one_question)
{
    for (zone_of(0, 0); zone.a_rcode < 4; zone.a_rcode++) {
        static const int want[] = {STS_ERR_ABSENT, STS_ERR_DNS, STS_ERR_DNS, STS_ERR_NXDOMAIN};

        net_start(&r, 1);
        server = by_zone;
        CHECK(sts_host_start(&h, &r, "a", 30, &net.now) == STS_OK);
        sts_resolver_drop(&r, h.slot6); /* as if STS_IPV6 were 0 */
        h.slot6 = -1;
        for (int i = 0; i < 3; i++) {
            sts_resolver_poll(&r, &net.now);
        }
        CHECK(sts_host_poll(&h, &r) == want[zone.a_rcode]);
    }
}

static void by_alias(struct sock *s, const struct asked *a)
{
    echo(s);
    if (a->type == STS_DNS_A) {
        put_cname(&p, "@12", "x");
        put_rr(&p, "x", 1, "\1\2\3\4", 4);
    }
    reply(s);
}

TEST(d27_host_that_is_an_alias_is_said_to_be_one)
{
    zone_of(1, 1);
    CHECK(host("a") == STS_OK && !h.alias); /* D27 */
    net_start(&r, 1);
    server = by_alias;
    CHECK(sts_host_start(&h, &r, "a", 30, &net.now) == STS_OK);
    for (int i = 0; i < 3; i++) {
        sts_resolver_poll(&r, &net.now);
    }
    CHECK(sts_host_poll(&h, &r) == STS_OK && h.count == 1 && h.alias);
}

TEST(same_address_twice_is_kept_once)
{
    zone_of(3, 2);
    memcpy(zone.a[2], zone.a[0], 4);
    memcpy(zone.aaaa[1], zone.aaaa[0], 16);
    CHECK(host("a") == STS_OK && h.count == 3);
}

TEST(host_results_of_two_families_become_one)
{
    static const unsigned rcodes[] = {0, 3, 2};

    for (int a = 0; a < 4; a++) { /* R-024, D22 */
        for (int b = 0; b < 4; b++) {
            int want = a == 3 || b == 3   ? STS_OK
                       : a == 2 || b == 2 ? STS_ERR_DNS
                       : a == 1 && b == 1 ? STS_ERR_NXDOMAIN
                                          : STS_ERR_ABSENT;

            zone_of(a == 3, b == 3);
            zone.a_rcode = a < 3 ? rcodes[a] : 0;
            zone.aaaa_rcode = b < 3 ? rcodes[b] : 0;
            CHECK(host("a") == want);
            CHECK(h.count == (a == 3) + (b == 3));
        }
    }
}

TEST(d02_host_without_random_numbers_is_not_known)
{
    net_start(&r, 1);
    net.random_fails = 1;
    zone_of(0, 0);
    server = by_zone;
    CHECK(sts_host_start(&h, &r, "a", 30, &net.now) == STS_OK);
    sts_resolver_poll(&r, &net.now);
    CHECK(sts_host_poll(&h, &r) == STS_ERR_RANDOM);
}

TEST(host_that_cannot_be_asked_for_takes_no_slot)
{
    net_start(&r, 1);
    CHECK(sts_host_start(&h, &r, "a b", 30, &net.now) == STS_ERR_NAME);
    CHECK(sts_resolver_result(&r, 0) == STS_ERR_STATE);
    for (int i = 0; i < STS_DNS_QUERIES - 1; i++) {
        CHECK(ask("a", STS_DNS_A) == i);
    }
    CHECK(sts_host_start(&h, &r, "a", 30, &net.now) == STS_ERR_SPACE);
    CHECK(sts_resolver_result(&r, STS_DNS_QUERIES - 1) == STS_ERR_STATE);
    CHECK(ask("a", STS_DNS_A) == STS_DNS_QUERIES - 1);
    CHECK(sts_host_start(&h, &r, "a", 30, &net.now) == STS_ERR_SPACE);
    CHECK(h.slot4 == -1 && h.slot6 == -1);
    sts_host_stop(&h, &r);
}

TEST(host_is_stopped_at_any_time)
{
    net_start(&r, 1);
    CHECK(sts_host_start(&h, &r, "a", 30, &net.now) == STS_OK);
    sts_resolver_poll(&r, &net.now);
    CHECK(sockets() == 2);
    sts_host_stop(&h, &r);
    CHECK(sockets() == 0);
    sts_host_stop(&h, &r);
}

/* D28, D08: 0 never, 1 always, 2 only where loopback is allowed. */
static const struct {
    const char *ip;
    int use;
} addresses[] = {{"0.0.0.0", 0},
                 {"0.1.2.3", 0},
                 {"1.0.0.1", 1},
                 {"10.0.0.1", 1},
                 {"126.255.255.255", 1},
                 {"127.0.0.1", 2},
                 {"127.255.255.255", 2},
                 {"128.0.0.1", 1},
                 {"169.253.1.1", 1},
                 {"169.254.1.1", 2},
                 {"169.255.1.1", 1},
                 {"168.254.1.1", 1},
                 {"192.168.1.1", 1},
                 {"223.255.255.255", 1},
                 {"224.0.0.1", 0},
                 {"239.1.1.1", 0},
                 {"240.0.0.1", 0},
                 {"255.255.255.255", 0},
                 {"::", 0},
                 {"::1", 2},
                 {"::2", 1},
                 {"1::", 1},
                 {"1::1", 1},
                 {"fe7f::1", 1},
                 {"fe80::1", 2},
                 {"febf::1", 2},
                 {"fec0::1", 1},
                 {"fd00::1", 1},
                 {"ff02::1", 0},
                 {"ff0e::1", 0},
                 {"fe00::1", 1},
                 {"2001:db8::1", 1},
                 {"::ffff:0.0.0.0", 0},
                 {"::ffff:127.0.0.1", 2},
                 {"::ffff:169.254.0.1", 2},
                 {"::ffff:224.0.0.1", 0},
                 {"::ffff:255.255.255.255", 0},
                 {"::ffff:192.0.2.1", 1},
                 {"fd80::1", 1}};

TEST(d28_addresses_that_no_mail_can_go_to_are_left_out)
{
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) { /* D28, D08 */
        struct sts_ip ip;
        bool use = addresses[i].use == 1 || (addresses[i].use == 2 && STS_ALLOW_LOOPBACK);

        CHECK(sts_ip_parse(addresses[i].ip, strlen(addresses[i].ip), &ip) == STS_OK);
        zone_of(ip.family == 4, ip.family == 6);
        memcpy(ip.family == 4 ? zone.a[0] : zone.aaaa[0], ip.bytes, ip.family == 4 ? 4 : 16);
        CHECK(host("a") == (use ? STS_OK : STS_ERR_ABSENT));
        CHECK(h.count == use);
        if (use) {
            CHECK(memcmp(&h.address[0], &ip, sizeof ip) == 0);
        }
    }
}

TEST_MAIN("resolver")
