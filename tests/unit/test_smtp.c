/* SPDX-License-Identifier: MIT
 *
 * Conversations as data. Each runs whole, a byte at a time, with the smallest buffer, with every cut of what
 * the server says, and with the server closing, falling silent or talking out of turn after each line.
 */
#include "test.h"

#include "smtp_play.h"

enum who {
    S,
    C,
    TLS,
    END
};
struct line {
    enum who who;
    const char *text;
    int value; /* TLS: 0 verified, 1 not, or the handshake's error. END: the session's result */
};

static struct play p;

static bool client_says(const char *text)
{
    size_t len = strlen(text);
    bool same;

    play_pump(&p);
    same = p.out_len - p.out_used >= len && memcmp(p.out + p.out_used, text, len) == 0;
    if (!same) {
        printf("expected: %s   but got: %.*s\n", text, (int)(p.out_len - p.out_used),
               (char *)p.out + p.out_used);
    }
    p.out_used += len;
    return same;
}

static void play_line(const struct line *l, size_t step)
{
    switch (l->who) {
    case S:
        play_pump(&p);
        CHECK(!play_done(&p));
        play_say(&p, l->text, strlen(l->text), step);
        break;
    case C: CHECK(client_says(l->text)); break;
    case TLS:
        CHECK(sts_smtp_want(&p.m) == STS_WANT_TLS);
        play_tls(&p, l->value);
        break;
    case END:
        play_pump(&p);
        if (p.out_used != p.out_len) {
            printf("nobody expected: %.*s\n", (int)(p.out_len - p.out_used),
                   (char *)p.out + p.out_used);
        }
        CHECK(p.out_used == p.out_len);
        CHECK(sts_smtp_want(&p.m) == STS_DONE);
        if (sts_smtp_result(&p.m) != l->value) {
            printf("result %d, not %d\n", sts_smtp_result(&p.m), l->value);
        }
        CHECK(sts_smtp_result(&p.m) == l->value);
        CHECK(play_complete(&p));
        break;
    }
}

static size_t play_lines(const struct setup *set, const struct line *t, size_t lines, size_t step)
{
    size_t i = 0;

    play_start(&p, set);
    for (; i < lines && t[i].who != END; i++) {
        play_line(&t[i], step);
        CHECK(play_sound(&p));
    }
    if (i < lines) {
        play_line(&t[i], step);
    }
    return i;
}

static void play_first(const struct setup *set, const struct line *t, size_t lines)
{
    (void)play_lines(set, t, lines, SIZE_MAX);
    play_pump(&p);
}

/* S15, T18: the transport ends after each line. */
static void closing(const struct setup *set, const struct line *t, size_t lines)
{
    bool was_done, dying;
    int known;

    play_first(set, t, lines);
    was_done = play_done(&p);
    dying = p.m.dying;
    known = sts_smtp_result(&p.m);
    sts_smtp_closed(&p.m, STS_ERR_END);
    CHECK(sts_smtp_want(&p.m) == STS_DONE);
    CHECK(sts_smtp_result(&p.m) == (was_done || dying ? known : STS_ERR_CLOSED));
    CHECK(play_complete(&p));
    sts_smtp_closed(&p.m, STS_ERR_TLS); /* the first error stays */
    sts_smtp_rx(&p.m, BYTES("250 x\r\n"), &p.now);
    CHECK(sts_smtp_tx(&p.m, p.out, 512, &p.now) == 0);
    CHECK(sts_smtp_result(&p.m) == (was_done || dying ? known : STS_ERR_CLOSED));
}

/* S24: the same with silence; and a reply that drips in does not move the end. */
static void silence(const struct setup *set, const struct line *t, size_t lines, bool drip)
{
    uint32_t due;
    bool dying;
    int known;

    play_first(set, t, lines);
    if (play_done(&p)) {
        return;
    }
    due = p.m.due_ms;
    dying = p.m.dying;
    known = sts_smtp_result(&p.m);
    CHECK(due - p.now.ms >= 1000 && due - p.now.ms <= 600000);
    CHECK(!dying || due - p.now.ms <= 5000);
    if (drip && p.due_count > 0 && !dying && sts_smtp_want(&p.m) != STS_WANT_TLS) {
        play_say(&p, BYTES("4"), 1);
        p.now.ms = due - 1;
        sts_smtp_tick(&p.m, &p.now);
        play_say(&p, BYTES("51-drip\r\n4"), 1);
    }
    p.now.ms = due - 1;
    sts_smtp_tick(&p.m, &p.now);
    CHECK(!play_done(&p));
    p.now.ms = due;
    sts_smtp_tick(&p.m, &p.now);
    CHECK(play_done(&p));
    CHECK(sts_smtp_result(&p.m) == (dying ? known : STS_ERR_TIMEOUT));
    CHECK(dying || p.m.reply[0] == '\0');
    CHECK(play_complete(&p));
}

/* S07, T06: a byte that nothing asked for. */
static void out_of_turn(const struct setup *set, const struct line *t, size_t lines)
{
    play_first(set, t, lines);
    if (play_done(&p) || p.m.dying || (p.due_count > 0 && sts_smtp_want(&p.m) != STS_WANT_TLS)) {
        return;
    }
    int expect = sts_smtp_want(&p.m) == STS_WANT_TLS ? STS_ERR_TLS : STS_ERR_PROTO;
    size_t sent = p.out_len;

    play_say(&p, BYTES("2"), 1);
    CHECK(play_done(&p) && sts_smtp_result(&p.m) == expect);
    play_pump(&p);
    CHECK(p.out_len == sent); /* not even QUIT */
    CHECK(play_complete(&p));
}

/* S11: the server has had enough after each line. */
static void four_two_one(const struct setup *set, const struct line *t, size_t lines)
{
    play_first(set, t, lines);
    if (play_done(&p) || p.m.dying || sts_smtp_want(&p.m) == STS_WANT_TLS) {
        return;
    }
    bool tls = p.due_count > 0 && p.due[0] == 'S' && set->need != STS_NEED_NOTHING;
    size_t sent = p.out_len;

    play_say(&p, BYTES("421-4.3.2 closing\r\n421 down\r\n"), 1);
    CHECK(play_done(&p));
    CHECK(sts_smtp_result(&p.m) == (tls ? STS_ERR_STARTTLS : STS_ERR_TEMPFAIL));
    CHECK(strcmp(p.m.reply, "421 4.3.2 closing") == 0);
    play_pump(&p);
    CHECK(p.out_len == sent);
    CHECK(play_complete(&p));
}

static void play(const struct setup *set, const struct line *t)
{
    struct setup small = *set;
    size_t lines;

    small.tx_size = 512;
    lines = play_lines(set, t, SIZE_MAX, 1);
    (void)play_lines(&small, t, SIZE_MAX, SIZE_MAX);
    for (size_t step = 2; step < 80; step++) {
        (void)play_lines(set, t, SIZE_MAX, step);
    }
    for (size_t i = 0; i < lines; i++) {
        closing(set, t, i);
        silence(set, t, i, false);
        silence(set, t, i, true);
        out_of_turn(set, t, i);
        four_two_one(set, t, i);
    }
    (void)play_lines(set, t, SIZE_MAX, SIZE_MAX); /* what the test looks at next */
}

#define PLAY(...)                                                                                  \
    static const struct line lines[] = {__VA_ARGS__};                                              \
    play(&set, lines)

/* Lines that most conversations have. */
#define HELLO                                                                                      \
    {S, "220 mx ESMTP\r\n", 0},                                                                    \
    {                                                                                              \
        C, "EHLO device.example\r\n", 0                                                            \
    }
#define OFFER                                                                                      \
    {S, "250-mx\r\n250 STARTTLS\r\n", 0},                                                          \
    {                                                                                              \
        C, "STARTTLS\r\n", 0                                                                       \
    }
#define UP                                                                                         \
    {S, "220 go\r\n", 0}, {TLS, NULL, 0},                                                          \
    {                                                                                              \
        C, "EHLO device.example\r\n", 0                                                            \
    }
#define PLAIN                                                                                      \
    {                                                                                              \
        S, "250 mx\r\n", 0                                                                         \
    }
#define MAIL                                                                                       \
    {                                                                                              \
        C, "MAIL FROM:<dev@device.example>\r\n", 0                                                 \
    }
#define RCPT                                                                                       \
    {                                                                                              \
        C, "RCPT TO:<a@example.org>\r\n", 0                                                        \
    }
#define DATA                                                                                       \
    {                                                                                              \
        C, "DATA\r\n", 0                                                                           \
    }
#define OK                                                                                         \
    {                                                                                              \
        S, "250 2.0.0 Ok\r\n", 0                                                                   \
    }
#define GO                                                                                         \
    {                                                                                              \
        S, "354 go\r\n", 0                                                                         \
    }
#define BODY                                                                                       \
    {                                                                                              \
        C, PLAY_WIRE, 0                                                                            \
    }
#define BYE                                                                                        \
    {C, "QUIT\r\n", 0},                                                                            \
    {                                                                                              \
        S, "221 bye\r\n", 0                                                                        \
    }
#define REST                                                                                       \
    MAIL, OK, RCPT, OK, DATA, GO, BODY, OK, BYE,                                                   \
    {                                                                                              \
        END, NULL, STS_OK                                                                          \
    }

static bool verdict(size_t i, int error, uint16_t code, const char *reply)
{
    return p.to[i].error == error && p.to[i].code == code && strcmp(p.to[i].reply, reply) == 0;
}

static bool sent_nothing_but_hello(void)
{
    return p.transactions == 0 && p.may == 0;
}

/* ---- the usual ----------------------------------------------------------------------------- */

/* the whole way, verified. S28, S32 too: what comes after the dot's reply is nothing. */
TEST(r080_mail_goes_out_inside_verified_tls)
{
    static const struct setup set = {.need = STS_NEED_VERIFIED};

    PLAY(HELLO, OFFER, UP, PLAIN, REST);
    CHECK(verdict(0, STS_OK, 250, "250 2.0.0 Ok"));
    CHECK(p.m.tls && p.m.verified);
}

/* where nothing is asked for, the mail goes as it can. */
TEST(r086_mail_goes_in_clear_where_nothing_is_needed)
{
    static const struct setup set = {0};

    PLAY(HELLO, PLAIN, REST);
    CHECK(verdict(0, STS_OK, 250, "250 2.0.0 Ok"));
}

TEST(r085_mail_goes_through_unverified_tls_where_nothing_is_needed)
{
    static const struct setup set = {0};

    PLAY(HELLO, OFFER, {S, "220 go\r\n", 0}, {TLS, NULL, 1}, {C, "EHLO device.example\r\n", 0},
         PLAIN, REST);
    CHECK(!p.m.verified && p.m.tls);
}

TEST(unverified_tls_is_enough_where_encryption_is_needed)
{
    static const struct setup set = {.need = STS_NEED_TLS};

    PLAY(HELLO, OFFER, {S, "220 go\r\n", 0}, {TLS, NULL, 1}, {C, "EHLO device.example\r\n", 0},
         PLAIN, REST);
}

/* RFC 2920 3.1: one group, the content only behind 354. */
TEST(pipelining_writes_the_envelope_as_one_group)
{
    static const struct setup set = {.count = 3, .eightbit = true};

    PLAY(HELLO,
         {S, "250-mx\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 pipelining\r\n", 0},
         {C, "MAIL FROM:<dev@device.example> SIZE=19 BODY=8BITMIME\r\n", 0},
         {C, "RCPT TO:<a@example.org>\r\n", 0}, {C, "RCPT TO:<b@example.org>\r\n", 0},
         {C, "RCPT TO:<c@example.org>\r\n", 0}, {C, "DATA\r\n", 0}, OK,
         {S, "250 a\r\n550 5.1.1 b?\r\n", 0}, {S, "251 c\r\n354 go\r\n", 0}, BODY,
         {S, "250 2.6.0 taken\r\n", 0}, BYE, {END, NULL, STS_OK});
    CHECK(verdict(0, STS_OK, 250, "250 2.6.0 taken"));
    CHECK(verdict(1, STS_ERR_TEMPFAIL, 550, "550 5.1.1 b?")); /* C-11: in clear, not lenient */
    CHECK(verdict(2, STS_OK, 250, "250 2.6.0 taken"));
}

/* A group that the buffer does not hold is written in parts. */
TEST(pipelining_goes_on_where_the_buffer_was_full)
{
    static char wide[6][256];
    struct setup set = {.count = 6, .tx_size = 512};
    size_t calls = 0, room = 0;

    for (size_t i = 0; i < 6; i++) {
        memset(wide[i], 'a' + (int)i, 200);
        strcpy(wide[i] + 200, "@example.org");
        set.to[i] = wide[i];
    }
    play_start(&p, &set);
    play_say(&p, BYTES("220 x\r\n"), 9);
    play_pump(&p);
    play_say(&p, BYTES("250-x\r\n250 PIPELINING\r\n"), 99);
    while ((sts_smtp_want(&p.m) & STS_WANT_SEND) != 0) {
        uint8_t buf[512];
        size_t n = sts_smtp_tx(&p.m, buf, sizeof buf, &p.now);

        CHECK(n > 0 && n <= sizeof buf && buf[n - 1] == '\n');
        room += n;
        calls++;
    }
    CHECK(calls >= 3 && room == strlen("MAIL FROM:<dev@device.example>\r\nDATA\r\n") +
                                    6 * (strlen("RCPT TO:<@example.org>\r\n") + 200));
    CHECK(p.m.pending == 8);
    for (int i = 0; i < 7; i++) {
        play_say(&p, BYTES("250 x\r\n"), 9);
        CHECK(sts_smtp_want(&p.m) == STS_WANT_RECV);
    }
    play_say(&p, BYTES("354 x\r\n"), 9);
    CHECK(sts_smtp_want(&p.m) == (STS_WANT_RECV | STS_WANT_SEND));
    CHECK(sts_smtp_tx(&p.m, p.out, 8, &p.now) > 0); /* content comes in any size */
}

/* The rest of a group is not written once MAIL was refused. */
TEST(pipelining_stops_where_mail_was_refused)
{
    static char wide[4][256];
    struct setup set = {.count = 4, .lenient = true};
    uint8_t buf[512];
    size_t n;

    for (size_t i = 0; i < 4; i++) {
        memset(wide[i], 'a' + (int)i, 200);
        strcpy(wide[i] + 200, "@example.org");
        set.to[i] = wide[i];
    }
    play_start(&p, &set);
    play_say(&p, BYTES("220 x\r\n"), 9);
    play_pump(&p);
    play_say(&p, BYTES("250-x\r\n250 PIPELINING\r\n"), 99);
    p.out_used = p.out_len;
    n = sts_smtp_tx(&p.m, buf, sizeof buf, &p.now);
    CHECK(n > 0 && p.m.pending == 3); /* MAIL and two RCPT */
    play_say(&p, BYTES("550 5.7.1 no\r\n"), 99);
    CHECK(sts_smtp_want(&p.m) == STS_WANT_RECV);
    play_say(&p, BYTES("503 x\r\n250 y\r\n"), 99);
    CHECK(client_says("QUIT\r\n"));
    play_say(&p, BYTES("221 x\r\n"), 99);
    CHECK(play_done(&p) && sts_smtp_result(&p.m) == STS_OK);
    for (size_t i = 0; i < 4; i++) {
        CHECK(verdict(i, STS_ERR_REJECTED, 550, "550 5.7.1 no"));
    }
}

/* RFC 2920 3.1: DATA may be taken although nobody was: a lone dot, and whatever comes is not delivery. */
TEST(pipelining_sends_a_lone_dot_where_nobody_was_accepted)
{
    static const struct setup set = {.count = 2, .lenient = true, .no_rewind = true};

    PLAY(HELLO, {S, "250-mx\r\n250 PIPELINING\r\n", 0}, MAIL, RCPT,
         {C, "RCPT TO:<b@example.org>\r\nDATA\r\n", 0}, OK, {S, "550 a\r\n450 b\r\n", 0}, GO,
         {C, ".\r\n", 0}, OK, BYE, {END, NULL, STS_OK});
    CHECK(verdict(0, STS_ERR_REJECTED, 550, "550 a"));
    CHECK(verdict(1, STS_ERR_TEMPFAIL, 450, "450 b"));
}

TEST(pipelining_sends_a_lone_dot_where_mail_was_refused)
{
    static const struct setup set = {.count = 2};

    PLAY(HELLO, {S, "250-mx\r\n250 PIPELINING\r\n", 0}, MAIL, RCPT,
         {C, "RCPT TO:<b@example.org>\r\nDATA\r\n", 0}, {S, "451 no\r\n250 a\r\n", 0}, OK, GO,
         {C, ".\r\n", 0}, {S, "554 none\r\n", 0}, BYE, {END, NULL, STS_OK});
    CHECK(verdict(0, STS_ERR_TEMPFAIL, 451, "451 no"));
    CHECK(verdict(1, STS_ERR_TEMPFAIL, 451, "451 no"));
}

TEST(pipelining_quits_where_data_is_refused_too)
{
    static const struct setup set = {.lenient = true};

    PLAY(HELLO, {S, "250-mx\r\n250 PIPELINING\r\n", 0}, MAIL, RCPT, DATA, OK,
         {S, "550 5.1.1 a?\r\n", 0}, {S, "503 no\r\n", 0}, BYE, {END, NULL, STS_OK});
    CHECK(verdict(0, STS_ERR_REJECTED, 550, "550 5.1.1 a?"));
}

/* S18, T12: what was said in clear is forgotten. */
TEST(s18_t12_nothing_said_before_tls_counts_after_it)
{
    static const struct setup set = {.need = STS_NEED_VERIFIED, .count = 2};

    PLAY(HELLO, {S, "250-mx\r\n250-PIPELINING\r\n250-SIZE 1\r\n250 STARTTLS\r\n", 0},
         {C, "STARTTLS\r\n", 0}, UP, PLAIN, MAIL, OK, RCPT, OK,
         {C, "RCPT TO:<b@example.org>\r\n", 0}, OK, DATA, GO, BODY, OK, BYE, {END, NULL, STS_OK});
}

TEST(t12_sets_before_and_after_tls_may_differ)
{
    static const struct setup set = {.need = STS_NEED_VERIFIED};

    PLAY(HELLO, OFFER, UP, {S, "250-mx\r\n250-SIZE\r\n250 PIPELINING\r\n", 0},
         {C, "MAIL FROM:<dev@device.example> SIZE=19\r\nRCPT TO:<a@example.org>\r\nDATA\r\n", 0},
         OK, OK, GO, BODY, OK, BYE, {END, NULL, STS_OK});
}

/* ... nor does a session that fails its handshake keep them. */
TEST(t12_offers_are_gone_when_tls_is_up)
{
    static const struct setup set = {0};

    play_start(&p, &set);
    play_say(&p, BYTES("220 x\r\n"), 9);
    play_pump(&p);
    play_say(&p, BYTES("250-x\r\n250-SIZE 7777\r\n250 STARTTLS\r\n"), 99);
    play_pump(&p);
    CHECK(p.m.offers != 0 && p.m.size_max == 7777);
    play_say(&p, BYTES("220 x\r\n"), 9);
    play_tls(&p, 0);
    CHECK(p.m.offers == 0 && p.m.size_max == 0);
}

/* T14 */
TEST(t14_starttls_offered_inside_tls_is_ignored)
{
    static const struct setup set = {.need = STS_NEED_VERIFIED};

    PLAY(HELLO, OFFER, UP, {S, "250-mx\r\n250 STARTTLS\r\n", 0}, REST);
}

TEST(implicit_tls_comes_before_the_greeting)
{
    static const struct setup set = {.need = STS_NEED_VERIFIED, .implicit_tls = true};

    PLAY({TLS, NULL, 0}, HELLO, {S, "250-mx\r\n250 STARTTLS\r\n", 0}, REST);
}

TEST(implicit_tls_that_falls_short_ends_the_session)
{
    static const struct setup set = {.need = STS_NEED_VERIFIED, .implicit_tls = true};

    PLAY({TLS, NULL, 1}, {C, "QUIT\r\n", 0}, {S, "220 mx\r\n", 0}, {END, NULL, STS_ERR_CERT_TRUST});
}

TEST(no_tls_leaves_starttls_out)
{
    static const struct setup set = {.no_tls = true};

    PLAY(HELLO, {S, "250-mx\r\n250 STARTTLS\r\n", 0}, REST);
}

/* "do not even ask" can't lower what is needed. */
TEST(r084_no_tls_does_not_lower_the_need)
{
    static const struct setup set = {.no_tls = true, .need = STS_NEED_TLS};

    PLAY(HELLO, OFFER, UP, PLAIN, REST);
}

/* ---- STARTTLS ------------------------------------------------------------------------------ */

/* T01, T21, R-084; RFC 8460 4.3.1 */
TEST(t01_t21_r084_starttls_not_offered_sends_nothing)
{
    static const struct setup set = {.need = STS_NEED_TLS, .lenient = true};

    PLAY(HELLO, {S, "250-mx\r\n250 SIZE 100\r\n", 0}, BYE, {END, NULL, STS_ERR_STARTTLS});
    CHECK(sent_nothing_but_hello() && p.to[0].error == STS_BUSY && p.m.reply[0] == '\0');
}

TEST(t01_starttls_not_offered_sends_nothing_that_needs_verified)
{
    static const struct setup set = {.need = STS_NEED_VERIFIED};

    PLAY(HELLO, PLAIN, BYE, {END, NULL, STS_ERR_STARTTLS});
    CHECK(sent_nothing_but_hello());
}

/* T02, T03, T04, T10 */
TEST(t02_t03_t04_starttls_refused_sends_nothing)
{
    static const struct setup set = {.need = STS_NEED_VERIFIED};
    static const char *const refusals[] = {"502", "454", "354", "221", "500", "501",
                                           "530", "250", "221", "535", "200", "299"};

    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        char reply[16];
        struct line lines[] = {HELLO, OFFER, {S, reply, 0}, BYE, {END, NULL, STS_ERR_STARTTLS}};

        snprintf(reply, sizeof reply, "%s no\r\n", refusals[i]);
        play(&set, lines);
        CHECK(sent_nothing_but_hello());
    }
}

/* T10: what stands behind the refusal, as if AUTH and MAIL had been said, is never matched to anything. */
TEST(t10_replies_behind_a_refused_starttls_are_not_taken)
{
    static const struct setup set = {0};

    play_start(&p, &set);
    play_say(&p, BYTES("220 x\r\n"), 9);
    play_pump(&p);
    play_say(&p, BYTES("250-x\r\n250 STARTTLS\r\n"), 99);
    CHECK(client_says("EHLO device.example\r\nSTARTTLS\r\n"));
    play_say(&p, BYTES("454 no\r\n235 in\r\n250 ok\r\n250 ok\r\n354 go\r\n250 done\r\n"), 99);
    CHECK(play_done(&p) && sts_smtp_result(&p.m) == STS_ERR_PROTO);
    play_pump(&p);
    CHECK(p.out_len == p.out_used);
}

TEST(starttls_refused_goes_on_in_clear_where_nothing_is_needed)
{
    static const struct setup set = {0};

    PLAY(HELLO, OFFER, {S, "454 no\r\n", 0}, REST);
}

TEST(starttls_answered_by_nonsense_ends_the_session)
{
    static const struct setup set = {0};

    PLAY(HELLO, OFFER, {S, "250 what\r\n", 0}, {END, NULL, STS_ERR_PROTO});
}

/* T05 */
TEST(t05_swallowed_starttls_is_a_timeout)
{
    static const struct setup set = {.need = STS_NEED_VERIFIED};
    static const struct line lines[] = {HELLO, OFFER, {END, NULL, 0}};

    play_first(&set, lines, 4);
    p.now.ms += 299999;
    sts_smtp_tick(&p.m, &p.now);
    CHECK(!play_done(&p));
    p.now.ms += 1;
    sts_smtp_tick(&p.m, &p.now);
    CHECK(play_done(&p) && sts_smtp_result(&p.m) == STS_ERR_TIMEOUT);
}

/* T06, T08: any first byte behind 220 CRLF, in the same piece or in one of its own (T07). */
TEST(t06_t07_t08_any_byte_behind_220_ends_the_session)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        for (uint8_t need = 0; need <= STS_NEED_VERIFIED; need++) {
            for (size_t step = 1; step < 12; step += 10) {
                const struct setup set = {.need = need};
                static const struct line lines[] = {HELLO, OFFER, {END, NULL, 0}};
                char reply[] = "220 go\r\nx";

                reply[8] = (char)byte;
                play_first(&set, lines, 4);
                play_say(&p, reply, 9, step);
                CHECK(play_done(&p) && sts_smtp_result(&p.m) == STS_ERR_TLS);
                CHECK(sts_smtp_tx(&p.m, p.out, 512, &p.now) == 0);
                CHECK(p.m.reply[0] == '\0');
            }
        }
    }
}

/* T09: the answer to a STARTTLS that was not yet said. */
TEST(t09_reply_before_starttls_is_said_ends_the_session)
{
    static const struct setup set = {.need = STS_NEED_VERIFIED};

    play_start(&p, &set);
    play_say(&p, BYTES("220 x\r\n"), 9);
    play_pump(&p);
    play_say(&p, BYTES("250-x\r\n250 STARTTLS\r\n220 go\r\n"), 99);
    CHECK(play_done(&p) && sts_smtp_result(&p.m) == STS_ERR_PROTO);
    play_start(&p, &set);
    play_say(&p, BYTES("220 x\r\n250 STARTTLS\r\n"), 99);
    CHECK(play_done(&p) && sts_smtp_result(&p.m) == STS_ERR_PROTO);
}

/* T11 */
TEST(t11_starttls_reply_may_have_lines_of_one_code)
{
    static const struct setup set = {.need = STS_NEED_VERIFIED};

    {
        PLAY(HELLO, OFFER, {S, "220-go\r\n220 on\r\n", 0}, {TLS, NULL, 0},
             {C, "EHLO device.example\r\n", 0}, PLAIN, REST);
    }
    PLAY(HELLO, OFFER, {S, "220-go\r\n250 on\r\n", 0}, {END, NULL, STS_ERR_PROTO});
}

/* T13 */
TEST(t13_greeting_that_pretends_a_later_state_ends_the_session)
{
    static const char *const bad[] = {"235 in\r\n", "250 ok\r\n", "221 x\r\n", "354 go\r\n",
                                      "220 x\r\n250 ok\r\n"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        static const struct setup set = {0};
        struct line lines[] = {{S, bad[i], 0}, {END, NULL, STS_ERR_PROTO}};

        play_lines(&set, lines, SIZE_MAX, SIZE_MAX);
        play_lines(&set, lines, SIZE_MAX, 1);
        CHECK(p.out_len == 0);
    }
}

/* T15, S10 */
TEST(t15_starttls_keyword_is_exact_but_for_case)
{
    static const struct {
        const char *line;
        bool is;
    } cases[] = {
        {"STARTTLS", true},
        {"starttls", true},
        {"StartTLS", true},
        {"STARTTLS ", true},
        {"STARTTLS now", true},
        {"STARTTLSX", false},
        {"XSTARTTLS", false},
        {"STARTTLS=1", false},
        {" STARTTLS", false},
        {"START TLS", false},
        {"STARTTL", false},
        {"STARTTLS\t", false},
        {"", false},
        {"STARTTLS\x80", false},
        {"\\STARTTLS", false},
        {"AUTH STARTTLS", false},
        {"STARTTLS-", false},
        {"S", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const struct setup set = {0};
        char reply[64];

        for (int bare = 0; bare < 2; bare++) {
            play_start(&p, &set);
            play_say(&p, BYTES("220 x\r\n"), 9);
            play_pump(&p);
            snprintf(reply, sizeof reply,
                     bare ? "250-x\r\n250-%s\r\n250\r\n" : "250-x\r\n250 %s\r\n", cases[i].line);
            play_say(&p, reply, strlen(reply), 99);
            p.out_used = p.out_len;
            CHECK(client_says(cases[i].is ? "STARTTLS\r\n" : "MAIL FROM:<dev@device.example>\r\n"));
        }
    }
}

/* S10: the first line is a greeting. */
TEST(s10_first_ehlo_line_is_no_capability)
{
    static const struct setup set = {0};

    {
        PLAY(HELLO, {S, "250 STARTTLS\r\n", 0}, REST);
    }
    PLAY(HELLO, {S, "250-STARTTLS\r\n250 HELP\r\n", 0}, REST);
}

/* S10: 500 capabilities */
TEST(s10_too_many_capabilities_end_the_session)
{
    static const struct setup set = {0};

    play_start(&p, &set);
    play_say(&p, BYTES("220 x\r\n"), 9);
    play_pump(&p);
    for (int i = 0; i < 500; i++) {
        play_say(&p, BYTES("250-STARTTLS\r\n"), 99);
    }
    CHECK(play_done(&p) && sts_smtp_result(&p.m) == STS_ERR_PROTO);
}

/* T16: whatever the handshake's error, not an octet more on this connection. */
TEST(t16_failed_handshake_ends_the_session)
{
    static const int errors[] = {STS_ERR_TLS,    STS_ERR_CERT_HOST, STS_ERR_CERT_EXPIRED,
                                 STS_ERR_CLOSED, STS_ERR_TIMEOUT,   STS_ERR_CERT_TRUST,
                                 STS_ERR_MEMORY};

    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        for (uint8_t need = 0; need <= STS_NEED_VERIFIED; need++) {
            const struct setup set = {.need = need, .lenient = true};
            struct line lines[] = {
                HELLO, OFFER, {S, "220 go\r\n", 0}, {TLS, NULL, errors[i]}, {END, NULL, errors[i]}};

            play(&set, lines);
            CHECK(p.to[0].error == STS_BUSY && p.m.reply[0] == '\0');
        }
    }
}

/* RFC 3207 4.1: QUIT and nothing else inside TLS that falls short. */
TEST(r081_r082_unverified_tls_sends_nothing_that_needs_verified)
{
    static const struct setup set = {.need = STS_NEED_VERIFIED, .lenient = true};

    PLAY(HELLO, OFFER, {S, "220 go\r\n", 0}, {TLS, NULL, 1}, BYE, {END, NULL, STS_ERR_CERT_TRUST});
    CHECK(sent_nothing_but_hello());
}

/* A state that says verified and names an error, or neither, is no evidence. */
TEST(tls_state_must_be_positive_evidence)
{
    static const struct setup set = {.need = STS_NEED_VERIFIED};
    static const struct line lines[] = {HELLO, OFFER, {S, "220 go\r\n", 0}, {END, NULL, 0}};
    static const struct {
        struct sts_tls_state state;
        int result;
    } cases[] = {{{0x0304, true, STS_ERR_CERT_HOST}, STS_ERR_CERT_HOST},
                 {{0x0304, false, STS_OK}, STS_ERR_TLS}};

    for (size_t i = 0; i < 2; i++) {
        play_first(&set, lines, 5);
        sts_smtp_tls_done(&p.m, STS_OK, &cases[i].state, &p.now);
        sts_smtp_closed(&p.m, STS_ERR_CLOSED);
        CHECK(sts_smtp_result(&p.m) == cases[i].result);
    }
}

TEST(tls_done_is_taken_only_where_tls_was_wanted)
{
    static const struct setup set = {0};
    static const struct line lines[] = {HELLO, OFFER, {END, NULL, 0}};

    for (size_t i = 0; i < 5; i++) {
        play_first(&set, lines, i);
        play_tls(&p, 0);
        CHECK(!p.m.tls && !p.m.verified);
    }
}

/* T22: the handshake has a deadline of its own. */
TEST(t22_slow_handshake_is_a_timeout)
{
    static const struct setup set = {0};
    static const struct line lines[] = {HELLO, OFFER, {S, "220 go\r\n", 0}, {END, NULL, 0}};

    play_first(&set, lines, 5);
    CHECK(p.m.due_ms - p.now.ms == 60000);
    p.now.ms = p.m.due_ms;
    sts_smtp_tick(&p.m, &p.now);
    CHECK(play_done(&p) && sts_smtp_result(&p.m) == STS_ERR_TIMEOUT);
}

/* T24: over every state the struct can be in, none writes mail where the need is not met. */
TEST(t24_r084_gate_is_shut_in_every_state)
{
    static const struct setup set = {.count = 2};
    size_t open = 0;

    for (unsigned bits = 0; bits < 4 * 4 * 3 * 16 * 16 * 4; bits++) {
        unsigned b = bits;
        uint8_t out[512] = {0};
        size_t n;
        bool met, mail, may;

        play_start(&p, &set);
        p.m.tls = b & 1, b >>= 1;
        p.m.verified = b & 1, b >>= 1;
        p.m.pending = b & 1, b >>= 1;
        p.m.accepted = b & 1, b >>= 1;
        p.m.rx_step = b & 15, b >>= 4;
        p.m.tx_step = b & 15, b >>= 4;
        p.m.offers = b & 1 ? 0xff : 0, b >>= 1;
        p.m.held = b & 1, b >>= 1;
        p.m.ahead = 'h';
        if (p.m.rx_step > 11 || p.m.tx_step > 11) {
            continue; /* smtp.c has twelve steps */
        }
        p.m.c.need = (uint8_t)(b % 3);
        CHECK(sts_reader_start(&p.reader, &p.message, true) == STS_OK);
        may = (sts_smtp_want(&p.m) & STS_WANT_SEND) != 0;
        met = p.m.c.need == STS_NEED_NOTHING ||
              (p.m.tls && (p.m.verified || p.m.c.need == STS_NEED_TLS));
        n = sts_smtp_tx(&p.m, out, sizeof out, &p.now);
        mail = n > 0 && !play_starts((char *)out, n, "EHLO ") &&
               !play_starts((char *)out, n, "HELO ") &&
               !play_starts((char *)out, n, "STARTTLS\r\n") &&
               !play_starts((char *)out, n, "QUIT\r\n");
        CHECK(met || !mail);
        CHECK(met || n < 64);
        if (may && n == 0) { /* what was to be written is not put off: the session is over */
            CHECK(!met && play_done(&p));
            CHECK(sts_smtp_result(&p.m) == (p.m.tls ? STS_ERR_TLS : STS_ERR_STARTTLS));
        }
        open += mail;
    }
    CHECK(open > 100);
}

/* ---- replies ------------------------------------------------------------------------------- */

/* S08, S30 */
TEST(s08_greeting_that_refuses)
{
    static const struct {
        const char *reply;
        int result, lenient;
    } cases[] = {{"554 5.7.1 no\r\n", STS_ERR_TEMPFAIL, STS_ERR_REJECTED},
                 {"521 no mail\r\n", STS_ERR_TEMPFAIL, STS_ERR_REJECTED},
                 {"530 x\r\n", STS_ERR_TEMPFAIL, STS_ERR_REJECTED},
                 {"501 x\r\n", STS_ERR_TEMPFAIL, STS_ERR_REJECTED},
                 {"450 x\r\n", STS_ERR_TEMPFAIL, STS_ERR_TEMPFAIL}};

    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        const struct setup set = {.lenient = i % 2};
        struct line lines[] = {{S, cases[i / 2].reply, 0},
                               BYE,
                               {END, NULL, i % 2 ? cases[i / 2].lenient : cases[i / 2].result}};

        play(&set, lines);
        CHECK(strncmp(p.m.reply, cases[i / 2].reply, strlen(p.m.reply)) == 0 && p.m.reply[0] != 0);
        CHECK(p.to[0].error == STS_BUSY);
    }
}

TEST(s30_endless_greeting_ends_the_session)
{
    static const struct setup set = {0};
    size_t said = 0;

    play_start(&p, &set);
    while (!play_done(&p) && said++ < 1000000) {
        play_say(&p, BYTES("220-x\r\n"), 99);
    }
    CHECK(said < 200 && sts_smtp_result(&p.m) == STS_ERR_PROTO);
}

/* S09: HELO only where nothing forbids it. */
TEST(s09_helo_where_ehlo_is_unknown_and_nothing_is_needed)
{
    static const struct setup set = {.eightbit = false};

    {
        PLAY(HELLO, {S, "502 what\r\n", 0}, {C, "HELO device.example\r\n", 0}, OK, REST);
    }
    {
        /* what a refusal lists is not offered */
        PLAY(HELLO, {S, "500-x\r\n500-SIZE 1\r\n500-PIPELINING\r\n500 STARTTLS\r\n", 0},
             {C, "HELO device.example\r\n", 0}, {S, "250-mx\r\n250 SIZE 1\r\n", 0}, REST);
    }
    PLAY(HELLO, {S, "504 what\r\n", 0}, {C, "HELO device.example\r\n", 0}, {S, "550 no\r\n", 0},
         BYE, {END, NULL, STS_ERR_TEMPFAIL});
    CHECK(strcmp(p.m.reply, "550 no") == 0);
}

TEST(s09_unknown_ehlo_means_no_starttls_where_tls_is_needed)
{
    static const struct setup set = {.need = STS_NEED_TLS, .lenient = true};

    PLAY(HELLO, {S, "502 what\r\n", 0}, BYE, {END, NULL, STS_ERR_STARTTLS});
    CHECK(sent_nothing_but_hello());
}

TEST(s09_unknown_ehlo_inside_tls_is_a_refusal_where_tls_is_needed)
{
    static const struct setup set = {.need = STS_NEED_VERIFIED};

    PLAY(HELLO, OFFER, UP, {S, "502 what\r\n", 0}, BYE, {END, NULL, STS_ERR_REJECTED});
}

/* T20 */
TEST(s09_t20_ehlo_refused_is_final_only_where_it_can_be_trusted)
{
    static const struct setup strict = {0}, set = {.lenient = true};

    {
        static const struct line lines[] = {
            HELLO, {S, "550 5.7.1 no\r\n", 0}, BYE, {END, NULL, STS_ERR_TEMPFAIL}};
        play(&strict, lines);
    }
    PLAY(HELLO, {S, "554 5.7.1 no\r\n", 0}, BYE, {END, NULL, STS_ERR_REJECTED});
}

TEST(s09_ehlo_refused_for_now)
{
    static const struct setup set = {.lenient = true};

    PLAY(HELLO, {S, "451 later\r\n", 0}, BYE, {END, NULL, STS_ERR_TEMPFAIL});
}

/* S12: MAIL */
TEST(s12_mail_refused_is_the_verdict_for_all)
{
    static const struct setup set = {.lenient = true, .count = 2};

    {
        PLAY(HELLO, PLAIN, MAIL, {S, "550-5.7.1 no\r\n550 at all\r\n", 0}, BYE,
             {END, NULL, STS_OK});
        CHECK(verdict(0, STS_ERR_REJECTED, 550, "550 5.7.1 no"));
        CHECK(verdict(1, STS_ERR_REJECTED, 550, "550 5.7.1 no"));
    }
    PLAY(HELLO, PLAIN, MAIL, {S, "452-\r\n452 full\r\n", 0}, BYE, {END, NULL, STS_OK});
    CHECK(verdict(1, STS_ERR_TEMPFAIL, 452, "452 "));
}

/* S12: each RCPT has its own, by what can be trusted (C-11). */
TEST(s12_each_rcpt_has_its_own_verdict)
{
    static const struct setup set = {.need = STS_NEED_VERIFIED, .count = 3};

    PLAY(HELLO, OFFER, UP, PLAIN, MAIL, OK, RCPT, {S, "550 5.1.1 who\r\n", 0},
         {C, "RCPT TO:<b@example.org>\r\n", 0}, {S, "450 4.2.0 grey\r\n", 0},
         {C, "RCPT TO:<c@example.org>\r\n", 0}, OK, DATA, GO, BODY, {S, "250\r\n", 0}, BYE,
         {END, NULL, STS_OK});
    CHECK(verdict(0, STS_ERR_REJECTED, 550, "550 5.1.1 who"));
    CHECK(verdict(1, STS_ERR_TEMPFAIL, 450, "450 4.2.0 grey"));
    CHECK(verdict(2, STS_OK, 250, "250"));
}

TEST(s12_unverified_tls_makes_nothing_final)
{
    static const struct setup set = {.need = STS_NEED_TLS};

    PLAY(HELLO, OFFER, {S, "220 go\r\n", 0}, {TLS, NULL, 1}, {C, "EHLO device.example\r\n", 0},
         PLAIN, MAIL, OK, RCPT, {S, "550 5.1.1 who\r\n", 0}, BYE, {END, NULL, STS_OK});
    CHECK(verdict(0, STS_ERR_TEMPFAIL, 550, "550 5.1.1 who"));
}

TEST(s12_data_is_not_said_where_nobody_was_accepted)
{
    static const struct setup set = {.count = 2, .lenient = true};

    PLAY(HELLO, PLAIN, MAIL, OK, RCPT, {S, "550 a\r\n", 0}, {C, "RCPT TO:<b@example.org>\r\n", 0},
         {S, "452 b\r\n", 0}, BYE, {END, NULL, STS_OK});
    CHECK(verdict(0, STS_ERR_REJECTED, 550, "550 a"));
    CHECK(verdict(1, STS_ERR_TEMPFAIL, 452, "452 b"));
}

TEST(s12_data_and_dot_refused_are_the_verdict_for_the_accepted)
{
    static const struct setup set = {.count = 2, .lenient = true};

    {
        PLAY(HELLO, PLAIN, MAIL, OK, RCPT, {S, "450 a\r\n", 0},
             {C, "RCPT TO:<b@example.org>\r\n", 0}, OK, DATA, {S, "554 no\r\n", 0}, BYE,
             {END, NULL, STS_OK});
        CHECK(verdict(0, STS_ERR_TEMPFAIL, 450, "450 a"));
        CHECK(verdict(1, STS_ERR_REJECTED, 554, "554 no"));
    }
    PLAY(HELLO, PLAIN, MAIL, OK, RCPT, {S, "550 a\r\n", 0}, {C, "RCPT TO:<b@example.org>\r\n", 0},
         OK, DATA, GO, BODY, {S, "451 4.7.0 scan\r\n", 0}, BYE, {END, NULL, STS_OK});
    CHECK(verdict(0, STS_ERR_REJECTED, 550, "550 a"));
    CHECK(verdict(1, STS_ERR_TEMPFAIL, 451, "451 4.7.0 scan"));
}

/* S13 */
TEST(s13_replies_of_the_wrong_kind_end_the_session)
{
    static const struct setup set = {0};

    {
        PLAY(HELLO, {S, "354 go\r\n", 0}, {END, NULL, STS_ERR_PROTO});
    }
    {
        PLAY(HELLO, PLAIN, MAIL, GO, {END, NULL, STS_ERR_PROTO});
    }
    {
        PLAY(HELLO, PLAIN, MAIL, OK, RCPT, GO, {END, NULL, STS_ERR_PROTO});
    }
    {
        PLAY(HELLO, PLAIN, MAIL, OK, RCPT, OK, DATA, OK, {END, NULL, STS_ERR_PROTO});
    }
    PLAY(HELLO, PLAIN, MAIL, OK, RCPT, OK, DATA, GO, BODY, GO, {END, NULL, STS_ERR_PROTO});
    CHECK(p.to[0].error == STS_BUSY && p.m.reply[0] == '\0');
}

/* ... for good, also where other replies are due. */
TEST(s13_replies_of_the_wrong_kind_end_a_pipelined_session)
{
    static const struct setup set = {0};

    {
        PLAY(HELLO, {S, "250-mx\r\n250 PIPELINING\r\n", 0}, MAIL, RCPT, DATA,
             {S, "354 a\r\n250 b\r\n354 c\r\n250 d\r\n", 0}, {END, NULL, STS_ERR_PROTO});
    }
    PLAY(HELLO, {S, "250-mx\r\n250 PIPELINING\r\n", 0}, MAIL, RCPT, DATA,
         {S, "250 a\r\n354 b\r\n354 c\r\n250 d\r\n", 0}, {END, NULL, STS_ERR_PROTO});
}

/* S14: nobody knows; the mailer tries again with the same Message-ID. */
TEST(s14_loss_behind_the_dot_is_no_verdict)
{
    static const struct setup set = {0};
    static const struct line lines[] = {HELLO, PLAIN, MAIL, OK,   RCPT,
                                        OK,    DATA,  GO,   BODY, {END, NULL, 0}};

    play_first(&set, lines, 10);
    CHECK(p.due_count == 1 && p.due[0] == '.');
    CHECK(p.m.due_ms - p.now.ms == 600000);
    sts_smtp_closed(&p.m, STS_ERR_CLOSED);
    CHECK(sts_smtp_result(&p.m) == STS_ERR_CLOSED && p.to[0].error == STS_BUSY);
}

/* ... and the mailer is told that another MX might deliver it twice; where a reply came, or nobody was accepted,
 * it would not. */
TEST(s14_mail_is_in_doubt_between_the_dot_and_its_reply)
{
    static const struct setup set = {0};
    static const struct line lines[] = {HELLO, PLAIN, MAIL, OK, RCPT, OK,
                                        DATA,  GO,    BODY, OK, BYE,  {END, NULL, 0}};
    static const char *const says[] = {"250 x\r\n", "451 x\r\n", "550 x\r\n", "421 x\r\n",
                                       "354 x\r\n"};

    for (size_t i = 0; i < 13; i++) {
        play_first(&set, lines, i);
        CHECK(sts_smtp_in_doubt(&p.m) == (i == 9 || i == 10)); /* the pump writes what C says */
    }
    for (size_t i = 0; i < 5; i++) {
        play_first(&set, lines, 10);
        play_say(&p, says[i], strlen(says[i]), 99);
        CHECK(sts_smtp_in_doubt(&p.m) == (i == 4));
    }
    play_start(&p, &set);
    play_say(&p, BYTES("220 x\r\n"), 9);
    play_pump(&p);
    play_say(&p, BYTES("250-x\r\n250 PIPELINING\r\n"), 99);
    play_pump(&p);
    play_say(&p, BYTES("250 x\r\n550 x\r\n354 x\r\n"), 99);
    p.out_used = p.out_len;
    CHECK(client_says(".\r\n") && !sts_smtp_in_doubt(&p.m));
}

/* S15: the transport ends at every octet. */
TEST(s15_end_at_every_octet_is_no_success)
{
    static const char *const say[] = {"220 x\r\n",
                                      "250-x\r\n250 STARTTLS\r\n",
                                      "220 x\r\n",
                                      "250-x\r\n250 PIPELINING\r\n",
                                      "250 x\r\n250 x\r\n354 x\r\n",
                                      "250 done\r\n",
                                      "221 x\r\n"};
    const struct setup set = {.need = STS_NEED_VERIFIED};
    bool more = true;

    for (size_t cut = 0; more; cut++) {
        size_t left = cut;

        play_start(&p, &set);
        for (size_t i = 0; i < 7; i++) {
            size_t n = strlen(say[i]) < left ? strlen(say[i]) : left;

            play_say(&p, say[i], n, 1);
            left -= n;
            if (sts_smtp_want(&p.m) == STS_WANT_TLS) {
                play_tls(&p, 0);
            }
            play_pump(&p);
        }
        more = left == 0;
        sts_smtp_closed(&p.m, STS_ERR_CLOSED);
        CHECK(play_done(&p) && play_complete(&p));
        CHECK((sts_smtp_result(&p.m) == STS_OK) == (p.to[0].error == STS_OK));
    }
    CHECK(p.to[0].error == STS_OK);
}

/* S19, T20: said in clear too; what can be believed is the mailer's to say. */
TEST(s19_t20_size_that_is_too_small_sends_nothing)
{
    static const struct setup set = {.size = 1001};

    {
        PLAY(HELLO, {S, "250-x\r\n250 SIZE 1000\r\n", 0}, BYE, {END, NULL, STS_ERR_SIZE});
        CHECK(p.to[0].error == STS_BUSY && p.m.reply[0] == '\0' && !p.m.tls);
    }
    PLAY(HELLO, OFFER, UP, {S, "250-x\r\n250 SIZE 1000\r\n", 0}, BYE, {END, NULL, STS_ERR_SIZE});
    CHECK(p.to[0].error == STS_BUSY && p.m.reply[0] == '\0' && p.m.verified);
}

/* T20: under an enforced policy nobody but the verified server can say a size. */
TEST(t20_size_said_in_clear_does_not_count_inside_tls)
{
    static const struct setup set = {.need = STS_NEED_VERIFIED};

    PLAY(HELLO, {S, "250-mx\r\n250-SIZE 1\r\n250 STARTTLS\r\n", 0}, {C, "STARTTLS\r\n", 0}, UP,
         PLAIN, REST);
}

TEST(s19_size_limits_are_read_and_garbage_is_not)
{
    static const struct {
        const char *line;
        uint64_t size;
        bool sent;
    } cases[] = {
        {"SIZE 1000", 1000, true},
        {"size 1000", 1001, false},
        {"SIZE 0", 99999, true},
        {"SIZE", 99999, true},
        {"SIZE abc", 99999, true},
        {"SIZE 1 2", 99999, true},
        {"SIZE -1", 99999, true},
        {"SIZE ", 99999, true},
        {"SIZE\r\n250-X 5\r\n250-PIPELINING 5", 99999, true},
        {"SIZE 18446744073709551615", UINT64_MAX, true},
        {"SIZE 18446744073709551614", UINT64_MAX, false},
        {"SIZE 18446744073709551616", UINT64_MAX, true},
        {"SIZE 99999999999999999999999999", UINT64_MAX, true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct setup set = {.size = cases[i].size};
        char text[128];

        play_start(&p, &set);
        play_say(&p, BYTES("220 x\r\n"), 9);
        play_pump(&p);
        snprintf(text, sizeof text, "250-x\r\n250-%s\r\n250 HELP\r\n", cases[i].line);
        play_say(&p, text, strlen(text), 99);
        p.out_used = p.out_len;
        snprintf(text, sizeof text, "MAIL FROM:<dev@device.example> SIZE=%llu\r\n",
                 (unsigned long long)cases[i].size);
        CHECK(client_says(cases[i].sent ? text : "QUIT\r\n"));
    }
}

/* S20 */
TEST(s20_content_that_the_server_does_not_take_sends_nothing)
{
    static const struct setup set = {.eightbit = true};

    PLAY(HELLO, {S, "250-x\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n", 0}, BYE,
         {END, NULL, STS_ERR_SMTPUTF8});
}

TEST(s20_eight_bits_are_announced_only_where_they_are)
{
    static const struct setup plain = {0}, set = {.eightbit = true};

    {
        static const struct line lines[] = {
            HELLO, {S, "250-x\r\n250-SMTPUTF8\r\n250 8BITMIME\r\n", 0}, REST};
        play(&plain, lines);
    }
    PLAY(HELLO, {S, "250-x\r\n250 8BITMIME\r\n", 0},
         {C, "MAIL FROM:<dev@device.example> BODY=8BITMIME\r\n", 0}, OK, RCPT, OK, DATA, GO, BODY,
         OK, BYE, {END, NULL, STS_OK});
}

TEST(s20_smtputf8_is_asked_for_by_header_sender_or_recipient)
{
    static const struct setup sets[] = {{.utf8_header = true},
                                        {.sender = "d\xc3\xa9v@device.example"},
                                        {.count = 2, .to = {NULL, "\xc3\xa9@example.org"}},
                                        {.count = 2, .to = {"\xc3\xa9@example.org", NULL}}};

    for (size_t i = 0; i < 4; i++) {
        for (unsigned offers = 0; offers < 4; offers++) {
            char text[128];

            play_start(&p, &sets[i]);
            play_say(&p, BYTES("220 x\r\n"), 9);
            play_pump(&p);
            snprintf(text, sizeof text, "250-x\r\n%s%s250 HELP\r\n",
                     offers & 1 ? "250-8BITMIME\r\n" : "", offers & 2 ? "250-SMTPUTF8\r\n" : "");
            play_say(&p, text, strlen(text), 99);
            p.out_used = p.out_len;
            snprintf(text, sizeof text, "MAIL FROM:<%s> BODY=8BITMIME SMTPUTF8\r\n",
                     i == 1 ? sets[1].sender : "dev@device.example");
            CHECK(client_says(offers == 3 ? text : "QUIT\r\n"));
        }
    }
}

TEST(s20_recipients_that_have_their_verdict_need_nothing)
{
    static const struct setup set = {.count = 2, .to = {"\xc3\xa9@example.org", NULL}};

    play_start(&p, &set);
    p.to[0].error = STS_ERR_REJECTED;
    p.to[0].code = 550;
    play_say(&p, BYTES("220 x\r\n"), 9);
    play_pump(&p);
    play_say(&p, BYTES("250-x\r\n250-PIPELINING\r\n250 HELP\r\n"), 99);
    p.out_used = p.out_len;
    CHECK(client_says("MAIL FROM:<dev@device.example>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"));
    CHECK(p.out_used == p.out_len);
    play_say(&p, BYTES("250 x\r\n250 x\r\n354 x\r\n"), 99);
    CHECK(client_says(PLAY_WIRE));
    play_say(&p, BYTES("250 x\r\n"), 99);
    CHECK(p.to[0].error == STS_ERR_REJECTED && p.to[0].code == 550 && p.to[1].error == STS_OK);
}

TEST(nobody_asked_for_is_a_session_without_mail)
{
    static const struct setup set = {0};

    play_start(&p, &set);
    p.to[0].error = STS_ERR_REJECTED;
    play_say(&p, BYTES("220 x\r\n"), 9);
    play_pump(&p);
    play_say(&p, BYTES("250 x\r\n"), 9);
    p.out_used = p.out_len;
    CHECK(client_says("QUIT\r\n"));
    play_say(&p, BYTES("221 x\r\n"), 9);
    CHECK(play_done(&p) && sts_smtp_result(&p.m) == STS_OK);
}

TEST(null_sender_is_written_as_empty_path)
{
    static const struct setup set = {.sender = ""};

    PLAY(HELLO, PLAIN, {C, "MAIL FROM:<>\r\n", 0}, OK, RCPT, OK, DATA, GO, BODY, OK, BYE,
         {END, NULL, STS_OK});
}

/* RFC 5321 4.5.3.1.10 */
TEST(too_many_recipients_get_another_transaction)
{
    static const struct setup set = {.count = 4, .need = STS_NEED_VERIFIED};

    PLAY(HELLO, OFFER, UP, PLAIN, MAIL, OK, RCPT, OK, {C, "RCPT TO:<b@example.org>\r\n", 0},
         {S, "452 4.5.3 too many\r\n", 0}, {C, "RCPT TO:<c@example.org>\r\n", 0},
         {S, "552 too many\r\n", 0}, {C, "RCPT TO:<d@example.org>\r\n", 0}, {S, "550 who\r\n", 0},
         DATA, GO, BODY, {S, "250 one\r\n", 0}, MAIL, OK, {C, "RCPT TO:<b@example.org>\r\n", 0}, OK,
         {C, "RCPT TO:<c@example.org>\r\n", 0}, {S, "552 too many\r\n", 0}, DATA, GO, BODY,
         {S, "250 two\r\n", 0}, MAIL, OK, {C, "RCPT TO:<c@example.org>\r\n", 0},
         {S, "552 5.2.2 full\r\n", 0}, BYE, {END, NULL, STS_OK});
    CHECK(verdict(0, STS_OK, 250, "250 one"));
    CHECK(verdict(1, STS_OK, 250, "250 two"));
    CHECK(verdict(2, STS_ERR_REJECTED, 552, "552 5.2.2 full"));
    CHECK(verdict(3, STS_ERR_REJECTED, 550, "550 who"));
    CHECK(p.rewinds >= 2);
}

TEST(too_many_recipients_wait_where_the_others_got_nothing)
{
    static const struct setup set = {.count = 2, .lenient = true};

    {
        PLAY(HELLO, {S, "250-x\r\n250 PIPELINING\r\n", 0}, MAIL, RCPT,
             {C, "RCPT TO:<b@example.org>\r\n", 0}, DATA, OK, OK, {S, "552 many\r\n", 0}, GO, BODY,
             {S, "550 spam\r\n", 0}, BYE, {END, NULL, STS_OK});
        CHECK(verdict(0, STS_ERR_REJECTED, 550, "550 spam"));
        CHECK(verdict(1, STS_ERR_TEMPFAIL, 552, "552 many"));
    }
    PLAY(HELLO, PLAIN, MAIL, OK, RCPT, OK, {C, "RCPT TO:<b@example.org>\r\n", 0},
         {S, "452 many\r\n", 0}, DATA, {S, "451 x\r\n", 0}, BYE, {END, NULL, STS_OK});
    CHECK(verdict(0, STS_ERR_TEMPFAIL, 451, "451 x"));
    CHECK(verdict(1, STS_ERR_TEMPFAIL, 452, "452 many"));
}

/* S11, beside what play() does: 421 comes uninvited, while content goes out, and in halves. */
TEST(s11_421_comes_uninvited)
{
    static const struct setup set = {.lines = 200};
    static const struct line lines[] = {HELLO, PLAIN, MAIL, OK, RCPT, OK, DATA, GO, {END, NULL, 0}};
    uint8_t buf[512];

    play_lines(&set, lines, 9, 99);
    CHECK(sts_smtp_tx(&p.m, buf, sizeof buf, &p.now) > 0);
    sts_smtp_rx(&p.m, BYTES("42"), &p.now);
    CHECK(sts_smtp_tx(&p.m, buf, sizeof buf, &p.now) > 0);
    sts_smtp_rx(&p.m, BYTES("1 4.4.2 slow\r\n"), &p.now);
    CHECK(play_done(&p) && sts_smtp_result(&p.m) == STS_ERR_TEMPFAIL);
    CHECK(strcmp(p.m.reply, "421 4.4.2 slow") == 0);
    CHECK(sts_smtp_tx(&p.m, buf, sizeof buf, &p.now) == 0);

    play_lines(&set, lines, 9, 99);
    CHECK(sts_smtp_tx(&p.m, buf, sizeof buf, &p.now) > 0);
    sts_smtp_rx(&p.m, BYTES("422"), &p.now);
    CHECK(play_done(&p) && sts_smtp_result(&p.m) == STS_ERR_PROTO);
}

/* S28, S32 */
TEST(s28_s32_nothing_after_the_verdict_matters)
{
    static const struct setup set = {0};
    static const struct line lines[] = {
        HELLO, PLAIN, MAIL, OK, RCPT, OK, DATA, GO, BODY, OK, {C, "QUIT\r\n", 0}, {END, NULL, 0}};
    static const char *const says[] = {"550 no\r\n", "421 x\r\n", "354 x\r\n",         "x", "\n",
                                       "221-x\r\n",  "999 x\r\n", "250 a\r\n250 b\r\n"};

    for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
        for (size_t before = 0; before < 2; before++) {
            play_lines(&set, lines, 12 - before, 99); /* QUIT said, or about to be */
            play_say(&p, says[i], strlen(says[i]), 99);
            CHECK(play_done(&p) && sts_smtp_result(&p.m) == STS_OK);
            CHECK(verdict(0, STS_OK, 250, "250 2.0.0 Ok"));
            CHECK(strcmp(p.m.reply, "250 2.0.0 Ok") == 0);
        }
    }
}

/* S22: as text, never more than the room, never a control octet. */
TEST(s22_hostile_reply_text_is_kept_harmless)
{
    static const struct setup set = {.lenient = true};
    char text[900] = "550 \x1b]0;%n%s\\";

    memset(text + 13, 0xff, 800);
    strcpy(text + 813, "\r\n");
    play_start(&p, &set);
    play_say(&p, BYTES("220 x\r\n"), 9);
    play_pump(&p);
    play_say(&p, BYTES("250 x\r\n"), 9);
    play_pump(&p);
    play_say(&p, text, strlen(text), 99);
    CHECK(p.to[0].error == STS_ERR_REJECTED);
    CHECK(strncmp(p.to[0].reply, "550 \\x1b]0;%n%s\\\\\\xff", 21) == 0);
    CHECK(strlen(p.to[0].reply) < sizeof p.to[0].reply);
}

/* ---- time ---------------------------------------------------------------------------------- */

/* RFC 5321 4.5.3.2, at every step; S16: also where nothing can be written. */
TEST(s16_s24_every_step_has_its_time)
{
    static const struct line lines[] = {
        HELLO,         OFFER, UP, PLAIN, MAIL, OK, RCPT, OK, DATA, GO, BODY, OK, {C, "QUIT\r\n", 0},
        {END, NULL, 0}};
    static const uint16_t times[] = {300,      /* greeting */
                                     300, 300, /* EHLO to write, its reply */
                                     300, 300, /* STARTTLS */
                                     60,       /* handshake */
                                     300, 300, /* EHLO */
                                     300, 300, /* MAIL */
                                     300, 300, /* RCPT */
                                     120, 120, /* DATA */
                                     180, 600, /* a block; the dot */
                                     5,   5 /* QUIT */};
    const struct setup set = {0}, own = {.timeout_s = 20}, two = {.timeout_s = 2},
                       huge = {.timeout_s = UINT32_MAX};

    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        play_lines(&set, lines, i, 1);
        CHECK(p.m.due_ms - p.now.ms == times[i] * 1000u);
        play_lines(&own, lines, i, 1);
        CHECK(p.m.due_ms - p.now.ms == (times[i] == 5 ? 5000 : 20000));
        play_lines(&two, lines, i, 1);
        CHECK(p.m.due_ms - p.now.ms == 2000);
        play_lines(&huge, lines, i, 1);
        CHECK(p.m.due_ms - p.now.ms == (times[i] == 5 ? 5000 : 86400000));
    }
}

/* ... from when the command was handed out, however long that took. */
TEST(s24_time_for_a_reply_begins_with_its_command)
{
    static const struct setup set = {0};

    play_start(&p, &set);
    p.now.ms += 1000;
    play_say(&p, BYTES("220 x\r\n"), 9);
    CHECK(p.m.due_ms == p.now.ms + 300000);
    p.now.ms += 7000;
    play_pump(&p);
    CHECK(p.m.due_ms == p.now.ms + 300000);
}

TEST(s24_helo_has_its_time)
{
    static const struct setup set = {0};
    static const struct line lines[] = {
        HELLO, {S, "502 what\r\n", 0}, {C, "HELO device.example\r\n", 0}, {END, NULL, 0}};

    for (size_t i = 3; i < 5; i++) {
        play_lines(&set, lines, i, 99);
        CHECK(p.m.due_ms - p.now.ms == 300000);
    }
}

/* In a group each reply has its time from the one before. */
TEST(s24_pipelined_replies_have_their_times_one_after_another)
{
    static const struct setup set = {.count = 2};
    static const struct line lines[] = {
        HELLO, {S, "250-x\r\n250 PIPELINING\r\n", 0}, {END, NULL, 0}};

    play_first(&set, lines, 3);
    CHECK(p.m.due_ms == p.now.ms + 300000);
    p.now.ms += 299999;
    play_say(&p, BYTES("250 x\r\n"), 9);
    CHECK(p.m.due_ms == p.now.ms + 300000);
    p.now.ms += 1000;
    play_say(&p, BYTES("250 x"), 9);
    CHECK(p.m.due_ms == p.now.ms + 299000);
    play_say(&p, BYTES("\r\n250 x\r\n"), 9);
    CHECK(p.m.due_ms == p.now.ms + 120000); /* DATA's */
    play_say(&p, BYTES("354 x\r\n"), 9);
    CHECK(p.m.due_ms == p.now.ms + 180000);
}

/* RFC 5321 4.5.3.2.5: each 64 KiB has its time, however slowly they trickle out. */
TEST(s16_each_block_of_content_has_its_time)
{
    static const struct setup set = {.lines = 3000}; /* 192 KB */
    static const struct line lines[] = {HELLO, PLAIN, MAIL, OK, RCPT, OK, DATA, GO, {END, NULL, 0}};
    size_t sent = 0, moved = 0;
    uint32_t due;

    play_lines(&set, lines, 9, 99);
    due = p.m.due_ms;
    while (p.m.pending == 0) {
        uint8_t buf[600];
        size_t n = sts_smtp_tx(&p.m, buf, sizeof buf, &p.now);

        CHECK(n > 0);
        sent += n;
        p.now.ms += 10;
        if (p.m.due_ms != due) {
            if (p.m.pending == 0) {
                CHECK(p.m.due_ms == p.now.ms - 10 + 180000);
                CHECK(sent / 65536 == ++moved);
            }
            due = p.m.due_ms;
        }
    }
    CHECK(moved == 2 && due == p.now.ms - 10 + 600000);
    CHECK(sent == 3000 * 64 + strlen(PLAY_WIRE));
}

/* ---- content ------------------------------------------------------------------------------- */

/* M10, S14: no dot where the source failed. */
TEST(m10_source_that_fails_ends_the_session_without_dot)
{
    for (size_t at = 1; at < strlen(play_content) + 64; at++) {
        const struct setup set = {.lines = 1, .break_at = at};
        static const struct line lines[] = {HELLO, PLAIN, MAIL,          OK, RCPT, OK,
                                            DATA,  GO,    {END, NULL, 0}};

        play_first(&set, lines, 9);
        CHECK(play_done(&p) && sts_smtp_result(&p.m) == STS_ERR_IO);
        CHECK(p.may == 0 && p.to[0].error == STS_BUSY && p.due_count == 0);
        CHECK(memcmp(p.out + p.out_len - 6, "DATA\r\n", 6) == 0);
        CHECK(p.m.reply[0] == '\0');
    }
    {
        const struct setup set = {.no_rewind = true};
        static const struct line lines[] = {HELLO, PLAIN, MAIL,          OK, RCPT, OK,
                                            DATA,  GO,    {END, NULL, 0}};

        play_lines(&set, lines, 9, 99); /* before anything is asked for */
        CHECK(play_done(&p) && sts_smtp_result(&p.m) == STS_ERR_IO);
    }
}

/* Nobody can answer the dot before we know that it was one: whatever the buffer, the octets that
 * complete it come together with the state that waits for the answer. */
TEST(final_dot_and_the_wait_for_its_reply_come_together)
{
    for (size_t size = 2; size < 60; size++) {
        static const struct setup set = {0};
        static const struct line lines[] = {HELLO, PLAIN, MAIL,          OK, RCPT, OK,
                                            DATA,  GO,    {END, NULL, 0}};
        char all[128];
        size_t len = 0;

        play_lines(&set, lines, 9, 99);
        while (p.m.pending == 0) {
            size_t n = sts_smtp_tx(&p.m, (uint8_t *)all + len, size, &p.now);

            CHECK(n > 0 && n <= size && !play_done(&p));
            len += n;
            CHECK((len == strlen(PLAY_WIRE)) == (p.m.pending == 1));
        }
        CHECK(memcmp(all, PLAY_WIRE, len) == 0);
    }
}

/* ---- the log ------------------------------------------------------------------------------- */

static char logged[4096];

static void log_line(void *ctx, int kind, const char *text, size_t len)
{
    size_t at = strlen(logged);

    (void)ctx;
    snprintf(logged + at, sizeof logged - at, "%c%.*s\n", kind, (int)len, text);
}

/* S22, T19, M14: lines as they go and come, content left out, what the peer said escaped. */
TEST(s22_t19_log_shows_commands_and_replies_but_no_content)
{
    static const struct sts_log log = {NULL, log_line};
    static const struct setup set = {.log = &log};
    static const struct line lines[] = {HELLO, {S, "250-mx\x1b\r\n250 PIPELINING\r\n", 0},
                                        MAIL,  RCPT,
                                        DATA,  OK,
                                        OK,    GO,
                                        BODY,  OK,
                                        BYE,   {END, NULL, 0}};

    logged[0] = '\0';
    play_lines(&set, lines, SIZE_MAX, 99);
    CHECK(strcmp(logged, "<220 mx ESMTP\n>EHLO device.example\n<250-mx\\x1b\n<250 PIPELINING\n"
                         ">MAIL FROM:<dev@device.example>\n>RCPT TO:<a@example.org>\n>DATA\n"
                         "<250 2.0.0 Ok\n<250 2.0.0 Ok\n<354 go\n>.\n<250 2.0.0 Ok\n>QUIT\n"
                         "<221 bye\n") == 0);
    CHECK(memcmp(p.out, BYTES("EHLO device.example\r\nMAIL")) ==
          0); /* the log left the wire as it was */
}

TEST_MAIN("smtp")
