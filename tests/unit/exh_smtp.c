/* SPDX-License-Identifier: MIT
 *
 * Every code from 000 to 999 at every place of the conversation, for every need, trust, with and without
 * STARTTLS and PIPELINING, against a table of verdicts written from the RFCs. S08, S09, S11, S12, S13, T02..T04.
 */
#include "test.h"

#include "smtp_play.h"

enum place {
    GREET,
    EHLO,
    STARTTLS,
    EHLO_TLS,
    HELO,
    MAIL,
    RCPT_1,
    RCPT_2,
    DATA,
    DOT,
    BYE,
    PLACES
};

struct scene {
    enum place place;
    int code; /* what is said there */
    bool offer, pipelining, unknown_ehlo;
    int tls; /* play_tls() */
    bool used;
};

static struct play p;

static enum place place_of(uint8_t what, unsigned rcpt)
{
    switch (what) {
    case ' ': return GREET;
    case 'E': return p.in_clear ? EHLO : EHLO_TLS;
    case 'S': return STARTTLS;
    case 'H': return HELO;
    case 'M': return MAIL;
    case 'R': return rcpt == 0 ? RCPT_1 : RCPT_2;
    case 'D': return DATA;
    case '.': return DOT;
    default: return BYE;
    }
}

static int usual_code(const struct scene *s, enum place place)
{
    switch (place) {
    case GREET: return 220;
    case STARTTLS: return 220;
    case EHLO: return s->unknown_ehlo ? 502 : 250;
    case DATA: return (p.accepted | p.may) == 0 && s->place != DATA ? 554 : 354;
    default: return 250;
    }
}

/* The answer to the oldest command. */
static void answer(struct scene *s)
{
    enum place place = place_of(p.due[0], p.due_rcpt[0]);
    int code = usual_code(s, place);
    char text[128];

    if (place == s->place && !s->used) {
        code = s->code;
        s->used = true;
    }
    if (place == EHLO || place == EHLO_TLS) {
        snprintf(text, sizeof text, "%03d-mx\r\n%s%s%03d HELP\r\n", code, "", "", code);
        if (s->offer && place == EHLO) {
            snprintf(text + strlen(text) - 10, 60, "%03d-STARTTLS\r\n%03d HELP\r\n", code, code);
        }
        if (s->pipelining) {
            snprintf(text + strlen(text) - 10, 60, "%03d-PIPELINING\r\n%03d HELP\r\n", code, code);
        }
    } else {
        snprintf(text, sizeof text, "%03d said\r\n", code);
    }
    play_say(&p, text, strlen(text), SIZE_MAX);
}

static void run(const struct setup *set, struct scene *s)
{
    play_start(&p, set);
    for (int i = 0; i < 40 && !play_done(&p); i++) {
        play_pump(&p);
        if (sts_smtp_want(&p.m) == STS_WANT_TLS) {
            play_tls(&p, s->tls);
        } else {
            CHECK(p.due_count > 0);
            answer(s);
        }
    }
    CHECK(play_done(&p));
    if (!play_complete(&p)) {
        printf("place %d code %03d\n", s->place, s->code);
    }
    CHECK(play_complete(&p));
}

/* ---- the table ----------------------------------------------------------------------------- */

struct verdict {
    int result, to[2];
};

static struct verdict session(int err)
{
    return (struct verdict){err, {STS_BUSY, STS_BUSY}};
}

static struct verdict both(int err)
{
    return (struct verdict){STS_OK, {err, err}};
}

/* What must come of it: the first thing that stands in the way of two deliveries. */
static struct verdict expected(const struct setup *set, const struct scene *s)
{
    int digit = s->code / 100, code = s->code;
    bool wants = set->need != STS_NEED_NOTHING;
    bool starttls_at = s->place == STARTTLS && s->used;
    bool secured = s->place >= EHLO_TLS && s->place != HELO && !p.in_clear;
    bool final = set->lenient || (secured && s->tls == 0);
    int refused = digit == 5 && final ? STS_ERR_REJECTED : STS_ERR_TEMPFAIL;
    bool verified_enough = !wants || (s->offer && (set->need == STS_NEED_TLS || s->tls == 0));

    if (s->used && s->place != BYE && (digit < 2 || digit > 5)) {
        return session(STS_ERR_PROTO);
    }
    if (s->used && code == 421 && s->place != BYE) {
        return session(starttls_at && wants ? STS_ERR_STARTTLS : STS_ERR_TEMPFAIL);
    }
    if (s->used && s->place == GREET && code != 220) {
        return session(digit < 4 ? STS_ERR_PROTO : refused);
    }
    if (s->used && s->place == EHLO && digit == 3) {
        return session(STS_ERR_PROTO);
    }
    if (s->used && s->place == EHLO && digit > 3) {
        if (code < 500 || code > 509) {
            return session(refused);
        }
        return wants ? session(STS_ERR_STARTTLS) : both(STS_OK);
    }
    if (starttls_at && code != 220) {
        return wants       ? session(STS_ERR_STARTTLS)
               : digit < 4 ? session(STS_ERR_PROTO)
                           : both(STS_OK);
    }
    if (wants && (!s->offer || (s->unknown_ehlo && s->place != EHLO))) {
        return session(STS_ERR_STARTTLS);
    }
    if (!verified_enough) {
        return session(STS_ERR_CERT_TRUST);
    }
    if (!s->used) {
        return both(STS_OK);
    }
    if (s->place == EHLO_TLS && digit > 3 && !wants && code / 10 == 50) {
        return both(STS_OK);
    }
    switch (s->place) {
    case EHLO_TLS:
    case HELO: return digit == 2 ? both(STS_OK) : session(digit == 3 ? STS_ERR_PROTO : refused);
    case MAIL:
    case DOT:
        return digit == 2 ? both(STS_OK) : digit == 3 ? session(STS_ERR_PROTO) : both(refused);
    case DATA:
        return digit == 3 ? both(STS_OK) : digit == 2 ? session(STS_ERR_PROTO) : both(refused);
    case RCPT_1:
        return digit == 2   ? both(STS_OK)
               : digit == 3 ? session(STS_ERR_PROTO)
                            : (struct verdict){STS_OK, {refused, STS_OK}};
    case RCPT_2:
        return digit == 2 || code == 452 || code == 552 /* asked again, accepted */
                   ? both(STS_OK)
                   : digit == 3 ? session(STS_ERR_PROTO)
                                : (struct verdict){STS_OK, {STS_OK, refused}};
    default: return both(STS_OK); /* S28, S32 */
    }
}

static unsigned long dialogues, reached[PLACES];

static void one(const struct setup *set, struct scene s)
{
    struct verdict v;

    run(set, &s);
    v = expected(set, &s);
    dialogues++;
    reached[s.place] += s.used;
    if (sts_smtp_result(&p.m) != v.result || p.to[0].error != v.to[0] || p.to[1].error != v.to[1]) {
        printf("place %d code %03d need %d lenient %d offer %d pipelining %d unknown %d tls %d: "
               "%d %d %d, expected %d %d %d\n",
               s.place, s.code, set->need, set->lenient, s.offer, s.pipelining, s.unknown_ehlo,
               s.tls, sts_smtp_result(&p.m), p.to[0].error, p.to[1].error, v.result, v.to[0],
               v.to[1]);
        CHECK(!"verdict");
    }
}

TEST(s08_s09_s11_s12_s13_t04_every_code_at_every_place)
{
    for (unsigned bits = 0; bits < 3 * 32; bits++) {
        const struct setup set = {.need = (uint8_t)(bits / 32), .count = 2, .lenient = bits & 1};

        for (int place = 0; place < PLACES; place++) {
            for (int code = 0; code < 1000; code++) {
                one(&set, (struct scene){.place = (enum place)place,
                                         .code = code,
                                         .offer = bits & 2,
                                         .pipelining = bits & 4,
                                         .unknown_ehlo = bits & 8,
                                         .tls = bits & 16 ? 1 : 0});
            }
        }
    }
    printf("%lu dialogues\n", dialogues);
    for (int place = 0; place < PLACES; place++) {
        CHECK(reached[place] >= 1000);
    }
}

/* T06, S07: and with one more reply behind each, in the same piece, nothing gets further than with none. */
TEST(s07_t06_a_reply_too_many_at_every_place)
{
    static const char *const extras[] = {"220 x\r\n", "250 x\r\n", "354 x\r\n",
                                         "550 x\r\n", "2",         "\r\n"};

    for (size_t extra = 0; extra < 6; extra++) {
        for (unsigned at = 0; at < 12; at++) {
            for (uint8_t need = 0; need < 3; need++) {
                const struct setup set = {.need = need, .count = 2};
                struct scene s = {.place = PLACES, .offer = true};
                bool tls = false, bye = false;

                play_start(&p, &set);
                for (unsigned i = 0; i < 12 && !play_done(&p); i++) {
                    play_pump(&p);
                    if (sts_smtp_want(&p.m) == STS_WANT_TLS) {
                        play_tls(&p, 0);
                        continue;
                    }
                    answer(&s);
                    if (i == at && !play_done(&p)) {
                        tls = sts_smtp_want(&p.m) == STS_WANT_TLS;
                        bye = p.m.dying;
                        play_say(&p, extras[extra], strlen(extras[extra]), SIZE_MAX);
                        CHECK(play_done(&p) || bye);
                        CHECK(bye || sts_smtp_result(&p.m) == (tls ? STS_ERR_TLS : STS_ERR_PROTO));
                    }
                }
                CHECK(play_complete(&p));
            }
        }
    }
}

TEST_MAIN("smtp, exhaustively")
