/* SPDX-License-Identifier: MIT
 *
 * The client's side of one SMTP session: what is said when, and what the replies mean.
 */
#include <stsmail/engine/smtp.h>
#include <stsmail/engine/text.h>

#include <string.h>

/* The conversation in order. The last two are never written: TLS is waited for, and then it is over. */
enum step {
    GREET, /* for tx_step: nothing to write */
    EHLO,
    HELO,
    STARTTLS,
    MAIL, /* MAIL, RCPT, DATA and BODY go out through the gate alone */
    RCPT,
    DATA,
    BODY, /* content; only written */
    DOT,  /* its end; only answered */
    QUIT,
    TLS,
    OVER,
    STEPS
};
enum {
    NOTHING = GREET
};

static const struct {
    uint16_t wait_s; /* for the reply, or for being able to write */
    uint8_t digit;   /* first digit that moves on (RFC 5321 4.3.2) */
} rules[STEPS] = {
    /*            wait  digit   RFC 5321 */
    [GREET] = {300, 2},    /* 4.5.3.2.1 */
    [EHLO] = {300, 2},     /* not in the RFC: as MAIL */
    [HELO] = {300, 2},     /* the same */
    [STARTTLS] = {300, 2}, /* the same */
    [MAIL] = {300, 2},     /* 4.5.3.2.2 */
    [RCPT] = {300, 2},     /* 4.5.3.2.3 */
    [DATA] = {120, 3},     /* 4.5.3.2.4 */
    [BODY] = {180, 0},     /* 4.5.3.2.5, each BLOCK_SIZE */
    [DOT] = {600, 2},      /* 4.5.3.2.6 */
    [QUIT] = {5, 2},       /* own: the verdict is known, nobody need wait for a farewell */
    [TLS] = {60, 0},       /* own: a handshake */
    [OVER] = {0, 0},
};

/* RFC 5321 4.5.3.2.5 asks for a limit on each block sent, and leaves open how large one is. */
#define BLOCK_SIZE 65536u

/* Bits of `offers`, in the order of `keywords`. */
enum {
    OFFERS_STARTTLS = 1,
    OFFERS_SIZE = 2,
    OFFERS_8BITMIME = 4,
    OFFERS_SMTPUTF8 = 8,
    OFFERS_PIPELINING = 16,
};
static const char keywords[][11] = {"STARTTLS", "SIZE", "8BITMIME", "SMTPUTF8", "PIPELINING"};

/* ---- what may be done ---------------------------------------------------------------------- */

/* The gate: whether the session has proved what it needs, so that octets of the mail may go out (R-080, R-084,
 * T24). Every place that writes such octets asks here. */
static bool gate_open(const struct sts_smtp *m)
{
    return m->c.need == STS_NEED_NOTHING || (m->tls && (m->verified || m->c.need == STS_NEED_TLS));
}

static int gate_error(const struct sts_smtp *m)
{
    return m->tls ? STS_ERR_TLS : STS_ERR_STARTTLS;
}

/* Whether "never" can be believed: said inside verified TLS, or nobody asked for more (C-11). */
static bool trusted(const struct sts_smtp *m)
{
    return m->c.lenient || (m->tls && m->verified);
}

/* What a refusal means. */
static int refusal(const struct sts_smtp *m)
{
    return m->in.code >= 500 && trusted(m) ? STS_ERR_REJECTED : STS_ERR_TEMPFAIL;
}

/* ---- how it ends --------------------------------------------------------------------------- */

/* At once, without another octet. What RCPT said is no verdict, so it is taken back. */
static void finish(struct sts_smtp *m, int result)
{
    for (size_t i = 0; i < m->c.count; i++) {
        if (m->c.recipients[i].error == STS_BUSY) {
            m->c.recipients[i].code = 0;
            m->c.recipients[i].reply[0] = '\0';
        }
    }
    m->rx_step = OVER;
    m->result = result;
}

/* The same for a reason that is no reply; but a verdict that is known stays (S28, S32, T18). */
static void fail(struct sts_smtp *m, int err)
{
    if (m->rx_step == OVER) {
        return;
    }
    if (m->dying) {
        err = m->result;
    } else {
        m->reply[0] = '\0';
    }
    finish(m, err);
}

/* With QUIT, once the replies that are due have come. */
static void hang_up(struct sts_smtp *m, int result)
{
    m->result = result;
    m->tx_step = QUIT;
}

/* ---- time ---------------------------------------------------------------------------------- */

/* Sets the deadline of a step. Bytes that drip in never move it (S24). */
static void wait_for(struct sts_smtp *m, uint8_t step, const struct sts_time *now)
{
    uint32_t seconds = rules[step].wait_s;

    if (m->c.timeout_s != 0 && (step != QUIT || m->c.timeout_s < seconds)) {
        seconds = m->c.timeout_s;
    }
    if (seconds > 86400) {
        seconds = 86400; /* sts_reached() tells no more than 24 days */
    }
    m->due_ms = now->ms + seconds * 1000;
}

/* After something happened: what is waited for now, and until when. */
static void go_on(struct sts_smtp *m, const struct sts_time *now)
{
    bool reading = m->pending > 0 || m->rx_step == TLS;

    if (m->rx_step == OVER) {
        return;
    }
    if (m->pending > 0 && m->rx_step >= MAIL) {
        /* Only the envelope is pipelined, and DATA is its last command (RFC 2920 3.1). */
        m->rx_step = m->pending == 1 && m->tx_step == NOTHING ? DATA : RCPT;
    }
    m->dying = !reading && m->tx_step == QUIT;
    wait_for(m, reading ? m->rx_step : m->tx_step, now);
}

/* ---- recipients ---------------------------------------------------------------------------- */

static size_t next_recipient(const struct sts_smtp *m, size_t i)
{
    while (i < m->c.count && m->c.recipients[i].error != STS_BUSY) {
        i++;
    }
    return i;
}

/* The reply just read is the verdict. */
static void judge(const struct sts_smtp *m, struct sts_recipient *r, int error)
{
    r->error = error;
    r->code = m->in.code;
    memcpy(r->reply, m->reply, sizeof r->reply);
}

/* ... about all that are asked for and whose RCPT got an answer of this first digit (0: none yet). */
static void judge_all(struct sts_smtp *m, uint16_t digit, int error)
{
    size_t i = 0;

    while ((i = next_recipient(m, i)) < m->c.count) {
        if (digit == 0 || m->c.recipients[i].code / 100 == digit) {
            judge(m, &m->c.recipients[i], error);
        }
        i++;
    }
}

static bool is_ascii(const char *s)
{
    while (*s != '\0' && (uint8_t)*s < 0x80) {
        s++;
    }
    return *s == '\0';
}

/* What the message cannot go without (RFC 6152; RFC 6531 3.1: SMTPUTF8 comes with 8BITMIME). */
static uint8_t needs(const struct sts_smtp *m)
{
    bool utf8 = m->c.facts->utf8_header || !is_ascii(m->c.sender);

    for (size_t i = next_recipient(m, 0); i < m->c.count; i = next_recipient(m, i + 1)) {
        utf8 = utf8 || !is_ascii(m->c.recipients[i].address);
    }
    if (utf8) {
        return OFFERS_SMTPUTF8 | OFFERS_8BITMIME;
    }
    return m->c.facts->eightbit ? OFFERS_8BITMIME : 0;
}

/* ---- what the replies do ------------------------------------------------------------------- */

static void begin_mail(struct sts_smtp *m)
{
    m->reply[0] = '\0';
    if (next_recipient(m, 0) == m->c.count) {
        hang_up(m, STS_OK); /* nobody is asked for */
    } else if (!gate_open(m)) {
        hang_up(m, gate_error(m)); /* T01: not offered, or refused */
    } else if (m->size_max != 0 && m->c.facts->size > m->size_max) {
        hang_up(m, STS_ERR_SIZE); /* RFC 1870 6.1, S19 */
    } else if ((needs(m) & ~m->offers) != 0) {
        hang_up(m, STS_ERR_SMTPUTF8); /* S20 */
    } else {
        m->tx_step = MAIL;
    }
}

static void took_ehlo(struct sts_smtp *m, bool good)
{
    bool unknown = m->in.code / 10 == 50; /* 4.2.1: x0z is "I don't know this command" */
    bool ask = m->c.need != STS_NEED_NOTHING || !m->c.no_tls;

    if (!good && unknown && m->c.need == STS_NEED_NOTHING) {
        m->tx_step = HELO; /* RFC 5321 3.2 */
    } else if (!good && unknown && !m->tls) {
        hang_up(m, STS_ERR_STARTTLS); /* S09: without EHLO there is no STARTTLS */
    } else if (!good) {
        hang_up(m, refusal(m));
    } else if (!m->tls && ask && (m->offers & OFFERS_STARTTLS) != 0) {
        m->tx_step = STARTTLS; /* inside TLS the keyword means nothing (T14) */
    } else {
        begin_mail(m);
    }
}

/* RFC 3207 4: 220 and nothing else begins TLS (T04). */
static void took_starttls(struct sts_smtp *m)
{
    if (m->in.code == 220) {
        m->rx_step = TLS;
    } else if (m->c.need != STS_NEED_NOTHING) {
        hang_up(m, STS_ERR_STARTTLS); /* T02, T03 */
    } else if (m->in.code < 400) {
        fail(m, STS_ERR_PROTO); /* does the server speak TLS now? nobody knows */
    } else {
        begin_mail(m);
    }
}

static void took_mail(struct sts_smtp *m, bool good)
{
    if (!good) {
        judge_all(m, 0, refusal(m));
        if (m->tx_step != NOTHING) {
            hang_up(m, STS_OK); /* else DATA is on its way, and its reply decides what follows */
        }
    }
}

/* RFC 5321 4.5.3.1.10: those that were too many get a transaction of their own. Some servers say
 * 552 for it, which the RFC asks to be read as 452. */
static bool too_many(const struct sts_smtp *m)
{
    return (m->in.code == 452 || m->in.code == 552) && m->accepted > 0;
}

static void took_rcpt(struct sts_smtp *m, bool good)
{
    struct sts_recipient *r = &m->c.recipients[m->rx_next];

    if (r->error != STS_BUSY) {
        return; /* MAIL was refused, and that is their verdict */
    }
    if (good || too_many(m)) {
        judge(m, r, STS_BUSY);
        m->accepted += good;
    } else {
        judge(m, r, refusal(m));
    }
    m->rx_next = next_recipient(m, m->rx_next + 1);
    if (m->rx_next == m->c.count && m->accepted == 0 && m->tx_step == DATA) {
        hang_up(m, STS_OK);
    }
}

/* Only those that were too many are still to be judged. Another round makes progress: this one
 * delivered to someone, and its first RCPT gets a verdict in any case. */
static void end_transaction(struct sts_smtp *m, bool delivered)
{
    size_t i = next_recipient(m, 0);

    if (delivered && i < m->c.count) {
        m->tx_step = MAIL;
        return;
    }
    for (; i < m->c.count; i = next_recipient(m, i)) {
        m->c.recipients[i].error = STS_ERR_TEMPFAIL;
    }
    hang_up(m, STS_OK);
}

#if STS_DKIM
static int begin_content(struct sts_smtp *m)
{
    int err = sts_reader_start(m->c.reader, m->c.message, true);

    if (err == STS_OK && m->c.lead != NULL) {
        sts_reader_lead(m->c.reader, m->c.lead);
    }
    return err;
}
#else
static int begin_content(struct sts_smtp *m)
{
    return sts_reader_start(m->c.reader, m->c.message, true);
}
#endif

static void took_data(struct sts_smtp *m, bool good)
{
    int err = STS_OK;

    if (!good) {
        judge_all(m, 2, refusal(m));
        end_transaction(m, false);
        return;
    }
    if (m->accepted > 0) {
        err = begin_content(m);
    }
    m->tx_step = BODY;
    m->sent = 0;
    if (err != STS_OK) {
        fail(m, err); /* M10 */
    }
}

/* The one place where a mail is called delivered: 2yz to the final dot (RFC 5321 4.2.5; DELIV). */
static void took_dot(struct sts_smtp *m, bool good)
{
    m->in_doubt = false;
    judge_all(m, 2, good ? STS_OK : refusal(m));
    end_transaction(m, good);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* A line of the EHLO reply behind the first (S10): a keyword, and perhaps parameters. */
static void take_capability(struct sts_smtp *m)
{
    const char *text = m->in.line + 4, *end = m->in.line + m->in.len;
    size_t len = 0;

    if (m->in.len < 4) {
        return;
    }
    while (text + len < end && text[len] != ' ') {
        len++;
    }
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        if (sts_same(text, len, keywords[i], sts_len(keywords[i]))) {
            m->offers |= (uint8_t)(1u << i);
            if (1u << i == OFFERS_SIZE && text + len < end) {
                /* what is no number states no limit (S19) */
                (void)sts_get_number(text + len + 1, (size_t)(end - text) - len - 1, UINT64_MAX,
                                     &m->size_max);
            }
        }
    }
}

/* A whole reply has come. */
static void take_reply(struct sts_smtp *m)
{
    uint16_t digit = m->in.code / 100;
    bool good = digit == rules[m->rx_step].digit;

    m->pending--;
    if (m->rx_step != STARTTLS && !good && digit < 4) {
        fail(m, STS_ERR_PROTO); /* S13: 354 where nothing is asked for, 2yz to DATA */
        return;
    }
    switch (m->rx_step) {
    case GREET:
        if (!good) {
            hang_up(m, refusal(m)); /* RFC 5321 3.1 */
        } else if (m->in.code == 220) {
            m->tx_step = EHLO;
        } else {
            fail(m, STS_ERR_PROTO); /* T13: not a greeting, but an answer to what we did not say */
        }
        break;
    case EHLO: took_ehlo(m, good); break;
    case HELO:
        if (good) {
            begin_mail(m);
        } else {
            hang_up(m, refusal(m));
        }
        break;
    case STARTTLS: took_starttls(m); break;
    case MAIL: took_mail(m, good); break;
    case RCPT: took_rcpt(m, good); break;
    case DATA: took_data(m, good); break;
    default: took_dot(m, good); break;
    }
}

/* RFC 5321 3.8: the server goes away, whatever was asked, or although nothing was (S11). */
static void take_421(struct sts_smtp *m)
{
    bool tls = m->rx_step == STARTTLS && m->c.need != STS_NEED_NOTHING;

    m->in_doubt = false;
    finish(m, tls ? STS_ERR_STARTTLS : STS_ERR_TEMPFAIL);
}

static void take_line(struct sts_smtp *m)
{
    sts_log_line(m->c.log, STS_LOG_RECEIVED, m->in.line, NULL);
    if (m->dying) {
        return;
    }
    if (m->in.lines == 1) {
        memcpy(m->reply, m->in.line, sizeof m->reply);
        if (m->in.len > 3) {
            m->reply[3] = ' ';
        }
    } else if (m->rx_step == EHLO) {
        take_capability(m);
    }
}

/* S07, T09, T13: a reply to nothing is a forgery, or the two sides have lost each other. Only 421
 * comes uninvited. Said at its first octet, so that no half of it is left to lead the next reply. */
static bool uninvited(const struct sts_smtp *m)
{
    return m->pending == 0 && memcmp(m->in.line, "421", m->in.len < 3 ? m->in.len : 3) != 0;
}

static void take_byte(struct sts_smtp *m, uint8_t byte, const struct sts_time *now)
{
    int event;

    if (m->rx_step == TLS) {
        fail(m, STS_ERR_TLS); /* T06..T08: it came in clear, to be taken for TLS's own */
        return;
    }
    event = sts_reply_feed(&m->in, byte);
    if (event < 0 || (!m->dying && uninvited(m))) {
        fail(m, STS_ERR_PROTO);
        return;
    }
    if (event == STS_BUSY) {
        return;
    }
    take_line(m);
    if (m->dying) {
        fail(m, m->result); /* the answer to QUIT, or whatever it is */
    } else if (event == STS_OK && m->in.code == 421) {
        take_421(m);
    } else if (event == STS_OK) {
        take_reply(m);
        sts_reply_start(&m->in);
        go_on(m, now);
    }
}

/* ---- writing ------------------------------------------------------------------------------- */

static bool may_write(const struct sts_smtp *m)
{
    bool grouped =
        (m->tx_step == RCPT || m->tx_step == DATA) && (m->offers & OFFERS_PIPELINING) != 0;

    return m->tx_step != NOTHING && m->rx_step < TLS && (m->pending == 0 || grouped);
}

static void put_mail(const struct sts_smtp *m, struct sts_out *o)
{
    uint8_t params = needs(m); /* begin_mail() has seen that they are offered */

    sts_out_text(o, "MAIL FROM:<");
    sts_out_text(o, m->c.sender);
    sts_out_char(o, '>');
    if ((m->offers & OFFERS_SIZE) != 0) {
        sts_out_text(o, " SIZE=");
        sts_out_number(o, m->c.facts->size);
    }
    if ((params & OFFERS_8BITMIME) != 0) {
        sts_out_text(o, " BODY=8BITMIME");
    }
    if ((params & OFFERS_SMTPUTF8) != 0) {
        sts_out_text(o, " SMTPUTF8");
    }
}

static void put_command(const struct sts_smtp *m, struct sts_out *o)
{
    switch (m->tx_step) {
    case EHLO:
    case HELO:
        sts_out_text(o, m->tx_step == EHLO ? "EHLO " : "HELO ");
        sts_out_text(o, m->c.hostname);
        break;
    case STARTTLS: sts_out_text(o, "STARTTLS"); break;
    case MAIL: put_mail(m, o); break;
    case RCPT:
        sts_out_text(o, "RCPT TO:<");
        sts_out_text(o, m->c.recipients[m->tx_next].address);
        sts_out_char(o, '>');
        break;
    case DATA: sts_out_text(o, "DATA"); break;
    default: sts_out_text(o, "QUIT"); break;
    }
    sts_out_text(o, "\r\n");
}

/* What follows the command that was written, in the same group or later. */
static uint8_t next_command(struct sts_smtp *m)
{
    switch (m->tx_step) {
    case EHLO:
    case HELO:
        m->offers = 0; /* the EHLO in force is the last one (RFC 3207 4.2; T12, S18) */
        m->size_max = 0;
        return NOTHING;
    case MAIL:
        m->accepted = 0;
        m->tx_next = m->rx_next = next_recipient(m, 0);
        return RCPT;
    case RCPT:
        m->tx_next = next_recipient(m, m->tx_next + 1);
        return m->tx_next < m->c.count ? RCPT : DATA;
    default: return NOTHING;
    }
}

static void log_sent(const struct sts_smtp *m, struct sts_out *o, size_t start)
{
    o->buf[o->len - 2] = '\0';
    sts_log_line(m->c.log, STS_LOG_SENT, o->buf + start, NULL);
    o->buf[o->len - 2] = '\r';
}

/* One command, if it fits as a whole. */
static bool put_one(struct sts_smtp *m, struct sts_out *o, const struct sts_time *now)
{
    size_t start = o->len;
    uint8_t step = m->tx_step;

    if (step >= MAIL && step <= DATA && !gate_open(m)) {
        fail(m, gate_error(m));
        return false;
    }
    put_command(m, o);
    if (o->full) {
        o->len = start;
        return false;
    }
    log_sent(m, o, start);
    m->tx_step = next_command(m);
    if (m->pending++ == 0) {
        m->rx_step = step;
        wait_for(m, step, now);
    }
    return true;
}

/* Content, dots stuffed, its end marked. One octet is held back until the reader has said that there are no
 * more: nobody can answer the final dot before we know that it was one. */
static int32_t read_content(struct sts_smtp *m, uint8_t *buf, size_t size)
{
    size_t len = 0;
    int32_t n = 1;

    if (m->held) {
        buf[len++] = m->ahead;
    }
    while (len < size && (n = sts_reader_read(m->c.reader, buf + len, size - len)) > 0) {
        len += (size_t)n;
    }
    m->held = n > 0;
    if (m->held) {
        m->ahead = buf[--len];
    }
    return n < 0 ? n : (int32_t)len;
}

static size_t put_content(struct sts_smtp *m, uint8_t *buf, size_t size, const struct sts_time *now)
{
    int32_t len = 3;

    if (!gate_open(m)) {
        fail(m, gate_error(m));
        return 0;
    }
    if (m->accepted > 0) {
        len = read_content(m, buf, size);
    } else {
        memcpy(buf, ".\r\n", 3); /* RFC 2920 3.1: nobody was accepted, yet DATA was */
    }
    if (len < 0) {
        fail(m, (int)len); /* M10: the server must not take what there is for the whole */
        return 0;
    }
    m->sent += (uint32_t)len;
    if (!m->held) {
        sts_log_line(m->c.log, STS_LOG_SENT, ".", NULL);
        m->tx_step = NOTHING;
        m->rx_step = DOT;
        m->pending = 1;
        m->in_doubt = m->accepted > 0;
        wait_for(m, DOT, now);
    } else if (m->sent >= BLOCK_SIZE) {
        m->sent = 0;
        wait_for(m, BODY, now);
    }
    return (size_t)len;
}

/* ---- the interface ------------------------------------------------------------------------- */

void sts_smtp_start(struct sts_smtp *m, const struct sts_smtp_config *config,
                    const struct sts_time *now)
{
    memset(m, 0, sizeof *m);
    m->c = *config;
    m->rx_step = config->implicit_tls ? TLS : GREET;
    m->pending = config->implicit_tls ? 0 : 1;
    wait_for(m, m->rx_step, now);
}

unsigned sts_smtp_want(const struct sts_smtp *m)
{
    if (m->rx_step == OVER) {
        return STS_DONE;
    }
    if (m->rx_step == TLS) {
        return STS_WANT_TLS;
    }
    return may_write(m) ? STS_WANT_SEND | STS_WANT_RECV : STS_WANT_RECV;
}

size_t sts_smtp_tx(struct sts_smtp *m, uint8_t *buf, size_t size, const struct sts_time *now)
{
    struct sts_out o;

    if (may_write(m) && m->tx_step == BODY) {
        return put_content(m, buf, size, now);
    }
    sts_out_start(&o, (char *)buf, size);
    while (may_write(m) && put_one(m, &o, now)) {
    }
    return o.len;
}

void sts_smtp_rx(struct sts_smtp *m, const uint8_t *bytes, size_t len, const struct sts_time *now)
{
    for (size_t i = 0; i < len && m->rx_step != OVER; i++) {
        take_byte(m, bytes[i], now);
    }
}

void sts_smtp_tls_done(struct sts_smtp *m, int err, const struct sts_tls_state *state,
                       const struct sts_time *now)
{
    if (m->rx_step != TLS) {
        return;
    }
    m->reply[0] = '\0';
    if (err != STS_OK) {
        finish(m, err);
        return;
    }
    m->tls = true;
    m->verified = state->verified && state->error == STS_OK;
    m->offers = 0; /* RFC 3207 4.2: what was said in clear is forgotten (T12) */
    m->size_max = 0;
    m->rx_step = GREET;
    if (!gate_open(m)) {
        hang_up(m, state->error != STS_OK ? state->error : STS_ERR_TLS); /* RFC 3207 4.1 */
    } else if (m->c.implicit_tls) {
        m->pending = 1;
    } else {
        m->tx_step = EHLO;
    }
    go_on(m, now);
}

void sts_smtp_closed(struct sts_smtp *m, int err)
{
    fail(m, err == STS_ERR_END ? STS_ERR_CLOSED : err);
}

void sts_smtp_tick(struct sts_smtp *m, const struct sts_time *now)
{
    if (sts_reached(now->ms, m->due_ms)) {
        fail(m, STS_ERR_TIMEOUT);
    }
}

int sts_smtp_result(const struct sts_smtp *m)
{
    return m->result;
}

bool sts_smtp_in_doubt(const struct sts_smtp *m)
{
    return m->in_doubt;
}
