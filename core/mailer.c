/* SPDX-License-Identifier: MIT
 *
 * One delivery: discover, route, converse, result.
 */
#include <stsmail/mailer.h>

#include <string.h>

#include <stsmail/engine/mailbox.h>
#include <stsmail/engine/text.h>

enum state {
    IDLE = 0,
    DISCOVERING, /* MX, record and policy are on their way; the message is being measured */
    CHOOSING,    /* the next MX */
    LOOKING_UP,  /* its addresses */
    CONNECTING,  /* the next of its addresses */
    TALKING,     /* one session */
    REFRESHING,  /* a policy and nothing else */
    OVER,
};

/* Connections in one delivery at the most, so that no DNS answer can keep a device busy (S25). */
#define TRIES_MAX 24

/* While another address or MX is left, one that is silent gets this long to connect (D37). */
#define CONNECT_SHORT_MS 8000u

/* The first refresh of an idle device comes somewhere within its first hour. */
#define IDLE_MS 3600000u

/* Octets of the message that are measured in one poll (L04). */
#define SCAN_TURNS 32
#define SCAN_PIECE 128

/* At most a day, as in smtp and fetch: sts_reached() tells no more than 24 days (L13). */
static uint32_t seconds_or(const struct sts_mailer *m, uint32_t otherwise)
{
    uint32_t s = m->config->timeout_s != 0 ? m->config->timeout_s : otherwise;

    return s < 86400 ? s : 86400;
}

static uint32_t dns_timeout_s(const struct sts_mailer *m)
{
    uint32_t s = seconds_or(m, 30);

    return s < 30 ? s : 30; /* D33 */
}

/* ---- checks before anything is sent ------------------------------------------------------- */

/* EHLO's argument: a name or an address literal (RFC 5321 4.1.1.1, 4.1.4; S29). */
static bool hostname_valid(const char *name)
{
    struct sts_ip ip;
    size_t len = sts_len(name);
    size_t skip = len > 6 && sts_same(name, 6, "[IPv6:", 6) ? 6 : 1;

    if (len > 2 && name[0] == '[' && name[len - 1] == ']') {
        return sts_ip_parse(name + skip, len - skip - 1, &ip) == STS_OK &&
               (ip.family == 6) == (skip == 6);
    }
    return sts_host_valid(name, len);
}

static bool domain_valid(const char *domain)
{
    return domain != NULL && sts_host_valid(domain, sts_len(domain));
}

static int check_provisioned(const struct sts_provisioned *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct sts_policy *policy = list[i].policy;

        if (!domain_valid(list[i].domain) || policy == NULL || policy->mode > STS_MODE_ENFORCE) {
            return STS_ERR_ARG;
        }
    }
    return STS_OK;
}

/* A floor or a policy under a name that no domain ever has ("example.org.") would protect nothing, and
 * nobody would notice. */
static int check_domains(const struct sts_mailer_config *c)
{
    for (size_t i = 0; i < c->floors_count; i++) {
        if (!domain_valid(c->floors[i].domain) || c->floors[i].floor > STS_FLOOR_POLICY) {
            return STS_ERR_ARG;
        }
    }
    return check_provisioned(c->provisioned, c->provisioned_count);
}

int sts_mailer_init_sized(struct sts_mailer *m, size_t size, const struct sts_mailer_config *c)
{
    int err;

    if (m == NULL || c == NULL || c->net == NULL || c->tls == NULL || c->random == NULL ||
        c->hostname == NULL || c->floor > STS_FLOOR_POLICY) {
        return STS_ERR_ARG;
    }
    if (size != sizeof *m) {
        return STS_ERR_CONFIG; /* built with another config.h */
    }
    memset(m, 0, sizeof *m);
    if (!hostname_valid(c->hostname)) {
        return STS_ERR_NAME;
    }
    err = check_domains(c);
    if (err == STS_OK) {
        err = sts_resolver_init(&m->resolver, c->net, c->random, c->log, c->dns,
                                c->dns != NULL ? c->dns_count : 0);
    }
    if (err == STS_OK) {
        sts_stream_init(&m->stream, c->net, c->tls);
        m->config = c; /* without it nothing can be begun */
    }
    return err;
}

int sts_mailer_domain(const char *address, char domain[STS_NAME_SIZE])
{
    struct sts_mailbox box;
    int err = address != NULL ? sts_mailbox_parse(address, sts_len(address), &box) : STS_ERR_ARG;

    if (err != STS_OK) {
        return err;
    }
    if (box.literal || sts_name_is_ipv4(box.domain, box.domain_len)) {
        return STS_ERR_ADDRESS; /* no policy can be had for it: refused (P31) */
    }
    return sts_name_canon(box.domain, box.domain_len, domain);
}

/* One recipient: a mailbox, in the domain of those before it. */
static int check_recipient(struct sts_mailer *m, const char *address, bool first)
{
    char domain[STS_NAME_SIZE];
    int err = sts_mailer_domain(address, domain);

    if (err == STS_OK && first) {
        memcpy(m->domain, domain, sizeof domain);
    } else if (err == STS_OK && !sts_same_text(domain, m->domain)) {
        err = STS_ERR_ARG; /* one delivery, one policy domain (P30) */
    }
    return err;
}

static int check_mail(struct sts_mailer *m, const struct sts_mail *mail)
{
    struct sts_mailbox box;
    int err;

    if (mail == NULL || mail->recipients == NULL || mail->count == 0 || mail->sender == NULL ||
        mail->message == NULL || mail->floor > STS_FLOOR_POLICY) {
        return STS_ERR_ARG;
    }
    err = check_provisioned(mail->provisioned, mail->provisioned_count);
    if (err == STS_OK && mail->sender[0] != '\0') {
        err = sts_mailbox_parse(mail->sender, sts_len(mail->sender), &box);
    }
    for (size_t i = 0; i < mail->count && err == STS_OK; i++) {
        err = check_recipient(m, mail->recipients[i].address, i == 0);
    }
    return err != STS_OK ? err : sts_message_check(mail->message);
}

/* ---- the end ----------------------------------------------------------------------------- */

/* Whether what was just learnt may be final (C-11). */
static bool trusted(const struct sts_mailer *m)
{
    return sts_route_lenient(&m->demand) || (m->session.smtp.tls && m->session.smtp.verified);
}

static void stop(struct sts_mailer *m)
{
    if (m->state == DISCOVERING || m->state == REFRESHING) {
        sts_discover_stop(&m->discover);
    }
    if (m->state == TALKING) {
        sts_session_stop(&m->session);
    }
    if (m->host_asked) {
        sts_host_stop(&m->host, &m->resolver);
        m->host_asked = false;
    }
}

/* A refusal that named nobody is about everybody who is without a verdict: a greeting, EHLO, 421. */
static void take_reply(const struct sts_mailer *m, struct sts_recipient *r)
{
    const char *reply = m->session.smtp.reply;
    uint64_t code = 0;

    if ((r->error == STS_ERR_TEMPFAIL || r->error == STS_ERR_REJECTED) && r->reply[0] == '\0' &&
        sts_len(reply) >= 3) {
        (void)sts_get_number(reply, 3, 999, &code);
        r->code = (uint16_t)code;
        memcpy(r->reply, reply, sizeof r->reply);
    }
}

/* Recipients without a verdict get `error`. */
static int conclude(struct sts_mailer *m, int error, bool final)
{
    int missing = STS_OK; /* why the first recipient without its mail has none */

    stop(m);
    for (size_t i = 0; m->mail != NULL && i < m->mail->count; i++) {
        struct sts_recipient *r = &m->mail->recipients[i];

        if (r->error == STS_BUSY) {
            r->error = error;
            r->final = final && sts_err_final(error);
            take_reply(m, r);
        }
        missing = missing == STS_OK ? r->error : missing;
    }
    m->state = OVER;
    /* The last try may have gone well, and an earlier one have refused somebody; or all was said when
     * the delivery was broken off. */
    m->result = error == STS_OK || (m->mail != NULL && missing == STS_OK) ? missing : error;
    return m->result;
}

/* ---- discovery --------------------------------------------------------------------------- */

#if STS_DKIM
/* Hands what was read to the signature; len 0: that was all. STS_BUSY: it wants the message from its start again. */
static int hash(struct sts_mailer *m, const uint8_t *piece, size_t len)
{
    return m->config->dkim != NULL ? sts_dkim_feed(m->config->dkim, piece, len) : STS_OK;
}

static int begin_scan(struct sts_mailer *m)
{
    int err = sts_reader_start(&m->reader, m->mail->message, false);

    return err == STS_OK && m->config->dkim != NULL ? sts_dkim_start(m->config->dkim) : err;
}

/* The signature is made once for all MX hosts, when no TLS is up: the port's pool is free. */
static int seal(struct sts_mailer *m, const struct sts_time *now)
{
    struct sts_dkim *d = m->config->dkim;
    int err = d != NULL ? sts_dkim_sign(d, now) : STS_OK;

    if (d != NULL && err == STS_OK) {
        m->facts.size += sts_len(d->field);
    }
    return err;
}

static void set_lead(const struct sts_mailer *m, struct sts_smtp_config *c)
{
    c->lead = m->config->dkim != NULL ? m->config->dkim->field : NULL;
}
#else
static int hash(struct sts_mailer *m, const uint8_t *piece, size_t len)
{
    (void)m, (void)piece, (void)len;
    return STS_OK;
}

static int begin_scan(struct sts_mailer *m)
{
    return sts_reader_start(&m->reader, m->mail->message, false);
}

static int seal(struct sts_mailer *m, const struct sts_time *now)
{
    (void)m, (void)now;
    return STS_OK;
}

static void set_lead(const struct sts_mailer *m, struct sts_smtp_config *c)
{
    (void)m, (void)c;
}
#endif

/* Measures the message before MAIL needs its size (RFC 1870), a little in each poll, while the DNS is
 * asked. A message that cannot be sent is found here, before any connection. What is to be signed is hashed on
 * the same way. */
static void scan(struct sts_mailer *m)
{
    uint8_t piece[SCAN_PIECE];

    for (unsigned turn = 0; turn < SCAN_TURNS && m->scan == STS_BUSY; turn++) {
        int32_t n = sts_reader_read(&m->reader, piece, sizeof piece);
        int err = n < 0 ? n : hash(m, piece, (size_t)n);

        if (err == STS_BUSY) {
            err = sts_reader_start(&m->reader, m->mail->message, false);
            m->scan = err != STS_OK ? err : STS_BUSY;
        } else if (err != STS_OK) {
            m->scan = err;
        } else if (n == 0) {
            m->facts = m->reader.facts;
            m->scan = STS_OK;
        }
    }
}

static uint8_t floor_for(const struct sts_mailer *m)
{
    uint8_t floor = m->config->floor;

    if (m->mail != NULL && m->mail->floor > floor) {
        floor = m->mail->floor;
    }
    for (size_t i = 0; i < m->config->floors_count; i++) {
        const struct sts_domain_floor *f = &m->config->floors[i];

        if (f->floor > floor && sts_same_text(f->domain, m->domain)) {
            floor = f->floor; /* the stricter one */
        }
    }
    return floor;
}

static int start_discovery(struct sts_mailer *m, bool refresh, const struct sts_time *now)
{
    const struct sts_mailer_config *c = m->config;
    struct sts_discover_config d = {
        .store = c->store,
        .random = c->random,
        .log = c->log,
        .provisioned = c->provisioned,
        .provisioned_count = c->provisioned_count,
        .more = m->mail != NULL ? m->mail->provisioned : NULL,
        .more_count = m->mail != NULL ? m->mail->provisioned_count : 0,
        .hostname = c->hostname,
        .dns_timeout_s = dns_timeout_s(m),
        .fetch_timeout_s = seconds_or(m, 60),
        .https_port = c->https_port != 0 ? c->https_port : 443,
        .ctx = c->ctx,
        .on_event = c->on_event,
        .on_date = c->on_date,
        .on_policy_text = c->on_policy_text,
    };
    int err =
        sts_discover_start(&m->discover, &d, &m->resolver, &m->stream, m->domain, refresh, now);

    m->discover.decision.floor = floor_for(m);
    return err;
}

static void tell_decision(struct sts_mailer *m)
{
    const struct sts_decision *d = &m->discover.decision;

    m->demand.policy = d->policy;
    m->demand.floor = d->floor;
    if (d->policy != NULL && d->policy->cut) {
        sts_log_line(m->config->log, STS_LOG_WARNING, "the policy of ", m->domain,
                     " has more mx lines than fit: those that do not are not used", NULL);
    }
    if (m->config->on_decision != NULL) {
        m->config->on_decision(m->config->ctx, d);
    }
}

/* The addresses of the first MX are asked for while the policy is still being fetched. */
static void ask_host(struct sts_mailer *m, const struct sts_time *now)
{
    const struct sts_mx_list *l = &m->discover.list;

    if (!m->host_asked && m->mx < l->count) {
        m->host_asked = sts_host_start(&m->host, &m->resolver, l->mx[m->mx].name, dns_timeout_s(m),
                                       now) == STS_OK;
    }
}

static int discovering(struct sts_mailer *m, const struct sts_time *now)
{
    int err = sts_discover_poll(&m->discover, now);

    if (m->scan == STS_BUSY) {
        scan(m);
    }
    if (err == STS_BUSY && sts_discover_has_mx(&m->discover)) {
        ask_host(m, now);
    }
    if (err == STS_BUSY || m->scan == STS_BUSY) {
        return STS_BUSY;
    }
    tell_decision(m);
    if (m->scan != STS_OK) {
        return conclude(m, m->scan, false);
    }
    if (err != STS_OK) {
        return conclude(m, err, sts_route_lenient(&m->demand));
    }
    err = seal(m, now);
    if (err != STS_OK) {
        return conclude(m, err, false);
    }
    m->state = CHOOSING;
    return STS_BUSY;
}

static int refreshing(struct sts_mailer *m, const struct sts_time *now)
{
    int err = sts_discover_poll(&m->discover, now);

    if (err != STS_BUSY) {
        tell_decision(m);
        (void)conclude(m, err, false);
        m->result = err;
    }
    if (err ==
        STS_ERR_IO) { /* it is as due as before, and a store that keeps nothing is no reason to knock (H24) */
        m->idle = true;
        m->idle_ms = now->ms + IDLE_MS;
    }
    return err;
}

/* ---- candidates -------------------------------------------------------------------------- */

static const char *mx_name(const struct sts_mailer *m)
{
    return m->discover.list.mx[m->mx].name;
}

static void next_mx(struct sts_mailer *m)
{
    if (m->host_asked) {
        sts_host_stop(&m->host, &m->resolver);
    }
    m->host_asked = false;
    m->mx++;
    m->state = CHOOSING;
}

/* Tells about a try, and remembers what it came to: `error` is the verdict on those who are still without one, `shown` what is
 * reported. */
static void tell_attempt(struct sts_mailer *m, int error, int shown, const char *reply)
{
    bool talked = m->state == TALKING;
    struct sts_attempt a = {
        .mx = mx_name(m),
        .policy_match = m->route.policy_match,
        .reached = talked && m->session.reached,
        .tls_version = talked ? m->session.tls.version : 0,
        .verified = talked && m->session.smtp.verified,
        .error = shown,
        .reply = reply,
        .decision = &m->discover.decision,
    };

    if (talked) {
        a.address = m->host.address[m->address];
        a.sender = m->session.local;
        a.tls_error = m->session.tls.error;
        a.again = m->no_tls;
    }
    m->error = error;
    m->refused = m->refused && sts_err_final(error);
    if (m->config->on_attempt != NULL) {
        m->config->on_attempt(m->config->ctx, &a);
    }
}

static int choosing(struct sts_mailer *m, const struct sts_time *now)
{
    if (m->mx >= m->discover.list.count || m->tries >= TRIES_MAX) {
        bool all = m->mx >= m->discover.list.count && !m->discover.list.skipped;

        return conclude(m, m->error, m->refused && all); /* "never" when every MX said so */
    }
    sts_route(&m->demand, mx_name(m), &m->route);
    if (m->route.error == STS_ERR_POLICY_REQUIRED) {
        return conclude(m, STS_ERR_POLICY_REQUIRED, false);
    }
    if (m->route.error != STS_OK) {
        tell_attempt(m, m->route.error, m->route.error, ""); /* listed, not contacted */
        next_mx(m);
        return STS_BUSY;
    }
    ask_host(m, now);
    if (!m->host_asked) {
        m->error = STS_ERR_DNS;
        m->refused = false;
        next_mx(m);
        return STS_BUSY;
    }
    m->state = LOOKING_UP;
    return STS_BUSY;
}

/* Whether the domain stands for itself; then it may well be an alias (RFC 5321 5.1). */
static bool implicit(const struct sts_mailer *m)
{
    return m->discover.mx_result == STS_ERR_ABSENT;
}

/* An MX that does not exist, or has no address, is passed over; where the domain stands for itself, that is the
 * answer: it takes no mail (RFC 5321 5.1). */
static void no_address(struct sts_mailer *m, int err)
{
    bool absent = err == STS_ERR_ABSENT || err == STS_ERR_NXDOMAIN;

    m->error = implicit(m) && absent ? STS_ERR_NXDOMAIN : STS_ERR_DNS;
    m->refused = m->refused && sts_err_final(m->error) && sts_route_lenient(&m->demand);
    sts_log_line(m->config->log, STS_LOG_STEP, mx_name(m),
                 absent ? " has no address that mail can go to" : ": its address is not to be had",
                 NULL);
    next_mx(m);
}

static int looking_up(struct sts_mailer *m)
{
    int err = sts_host_poll(&m->host, &m->resolver);

    if (err == STS_BUSY) {
        return STS_BUSY;
    }
    m->host_asked = false; /* the slots are free; the addresses stay */
    m->address = 0;
    m->no_tls = false;
    if (m->host.alias && !implicit(m)) {
        err = STS_ERR_ABSENT; /* RFC 2181 10.3: an MX must not be an alias (D27) */
    }
    if (err != STS_OK) {
        no_address(m, err);
    } else {
        m->state = CONNECTING;
    }
    return STS_BUSY;
}

static uint32_t connect_ms(const struct sts_mailer *m)
{
    uint32_t ms = seconds_or(m, 60) * 1000;
    bool last = m->address + 1 >= m->host.count && m->mx + 1 >= m->discover.list.count;

    return last || ms < CONNECT_SHORT_MS ? ms : CONNECT_SHORT_MS;
}

static void connect(struct sts_mailer *m, const struct sts_time *now)
{
    const struct sts_mailer_config *c = m->config;
    struct sts_session_config s = {
        .mx = mx_name(m),
        .to = {m->host.address[m->address], c->smtp_port != 0 ? c->smtp_port : 25},
        .connect_ms = connect_ms(m),
        .handshake_ms = seconds_or(m, 60) * 1000,
        .smtp =
            {
                .hostname = c->hostname,
                .sender = m->mail->sender,
                .recipients = m->mail->recipients,
                .count = m->mail->count,
                .message = m->mail->message,
                .reader = &m->reader,
                .facts = &m->facts,
                .log = c->log,
                .timeout_s = c->timeout_s,
                .need = m->route.need,
                .no_tls = m->no_tls,
                .lenient = sts_route_lenient(&m->demand),
            },
    };

    set_lead(m, &s.smtp);
    m->tries++;
    m->state = TALKING;
    sts_session_start(&m->session, &m->stream, &s, now);
}

/* ---- what a session came to ---------------------------------------------------------------- */

/* Of the recipients asked for: the first that was not taken (NULL: none), and whether any is still
 * without a verdict. One that was put off may be taken by the next MX. */
static const struct sts_recipient *take_verdicts(struct sts_mailer *m, bool *pending)
{
    const struct sts_recipient *refused = NULL;

    *pending = false;
    for (size_t i = 0; i < m->mail->count; i++) {
        struct sts_recipient *r = &m->mail->recipients[i];

        if (r->error == STS_ERR_TEMPFAIL) {
            r->error = STS_BUSY;
            refused = refused != NULL ? refused : r;
        } else if (r->error == STS_ERR_REJECTED && !r->final) {
            r->final = true;
            refused = refused != NULL ? refused : r;
        }
        *pending = *pending || r->error == STS_BUSY;
    }
    return refused;
}

/* What a try in testing mode fell short of, though the mail went through (RFC 8461 5; cli: error). */
static int shortfall(const struct sts_mailer *m)
{
    if (!m->route.report) {
        return STS_OK;
    }
    if (m->route.policy_match == 0) {
        return STS_ERR_MX_MISMATCH;
    }
    if (!m->session.smtp.tls) {
        return STS_ERR_STARTTLS;
    }
    return m->session.smtp.verified ? STS_OK : m->session.tls.error;
}

/* Errors behind which the same host may do better at another address. */
static bool transport_error(int err)
{
    return err == STS_ERR_CONNECT || err == STS_ERR_TIMEOUT || err == STS_ERR_CLOSED ||
           err == STS_ERR_TLS || (err <= STS_ERR_CERT_HOST && err >= STS_ERR_CERT_TRUST);
}

/* Errors of this machine, which no other host can mend. A pool that is too small for what one host sent in its handshake
 * may do for another. */
static bool own_error(const struct sts_mailer *m, int err)
{
    return err == STS_ERR_IO || err == STS_ERR_MESSAGE || err == STS_ERR_CLOCK ||
           err == STS_ERR_CONFIG || err == STS_ERR_RANDOM ||
           (err == STS_ERR_MEMORY && !m->session.handshake_failed);
}

static void next_candidate(struct sts_mailer *m, int err)
{
    /* Our own want of memory is no reason to speak in clear (H26). */
    bool opportunistic = m->route.need == STS_NEED_NOTHING && !m->no_tls && err != STS_ERR_MEMORY;

    if (m->session.handshake_failed && opportunistic) {
        m->no_tls = true; /* a new connection without TLS: nothing forbids it */
        m->state = CONNECTING;
        return;
    }
    m->no_tls = false;
    if (transport_error(err) && m->address + 1 < m->host.count && m->tries < TRIES_MAX) {
        m->address++;
        m->state = CONNECTING;
        return;
    }
    next_mx(m);
}

static int talking(struct sts_mailer *m, const struct sts_time *now)
{
    const struct sts_recipient *refused;
    bool pending;
    int err = sts_session_poll(&m->session, now);
    bool judged = err == STS_OK; /* each recipient for itself */
    const char *reply = m->session.smtp.reply;

    if (err == STS_BUSY) {
        return STS_BUSY;
    }
    refused = take_verdicts(m, &pending);
    if (err == STS_OK && refused != NULL) {
        err = refused->error == STS_BUSY ? STS_ERR_TEMPFAIL : refused->error;
        reply = refused->reply;
    }
    if (sts_err_final(err) && !trusted(m)) {
        m->refused = false; /* C-11: it may be forged */
    }
    /* One recipient's "never" is not another's, who was put off. */
    tell_attempt(m, judged && pending ? STS_ERR_TEMPFAIL : err, err != STS_OK ? err : shortfall(m),
                 reply);
    /* After the final dot, silence is no refusal: another MX would deliver it twice (S14). */
    if (!pending || sts_smtp_in_doubt(&m->session.smtp) || own_error(m, err)) {
        return conclude(m, err, false);
    }
    next_candidate(m, err);
    return STS_BUSY;
}

/* ---- calls ------------------------------------------------------------------------------- */

static bool may_begin(const struct sts_mailer *m)
{
    return m->config != NULL && (m->state == IDLE || m->state == OVER);
}

/* What was not begun must not look like what ended before. */
static int not_begun(struct sts_mailer *m, int err)
{
    m->state = OVER;
    m->result = err;
    return err;
}

int sts_mailer_send(struct sts_mailer *m, const struct sts_mail *mail, const struct sts_time *now)
{
    int err;

    if (!may_begin(m)) {
        return STS_ERR_STATE;
    }
    err = check_mail(m, mail);
    if (err != STS_OK) {
        return not_begun(m, err);
    }
    for (size_t i = 0; i < mail->count; i++) {
        mail->recipients[i].error = STS_BUSY;
        mail->recipients[i].code = 0;
        mail->recipients[i].final = false;
        mail->recipients[i].reply[0] = '\0';
    }
    m->mail = mail;
    m->mx = m->tries = 0;
    m->host_asked = false;
    m->refused = true;
    m->error = STS_ERR_DNS; /* for a list on which there is nobody to try */
    memset(&m->session.smtp, 0, sizeof m->session.smtp);
    if (now->trust == STS_CLOCK_UNSET) {
        (void)conclude(m, STS_ERR_CLOCK, false); /* C01: no certificate could be checked */
        return STS_OK;
    }
    m->scan = begin_scan(m);
    if (m->scan == STS_OK) {
        m->scan = STS_BUSY;
    }
    err = start_discovery(m, false, now);
    m->state = DISCOVERING;
    return err != STS_OK ? conclude(m, err, false) : STS_OK; /* D34: a name that is too long */
}

int sts_mailer_refresh(struct sts_mailer *m, const char *domain, const struct sts_time *now)
{
    int err;

    if (!may_begin(m)) {
        return STS_ERR_STATE;
    }
    m->mail = NULL;
    err = domain != NULL ? sts_name_canon(domain, sts_len(domain), m->domain) : STS_ERR_ARG;
    if (err != STS_OK) {
        return not_begun(m, err);
    }
    m->host_asked = false;
    if (now->trust == STS_CLOCK_UNSET) {
        (void)conclude(m, STS_ERR_CLOCK, false);
        return STS_OK;
    }
    err = start_discovery(m, true, now);
    m->state = REFRESHING;
    return err != STS_OK ? conclude(m, err, false) : STS_OK;
}

int sts_mailer_refresh_due(struct sts_mailer *m, const struct sts_time *now,
                           char domain[STS_NAME_SIZE])
{
    struct sts_discover_config d = {0};

    if (!may_begin(m)) {
        return STS_ERR_STATE;
    }
    d.store = m->config->store;
    d.log = m->config->log;
    d.hostname = m->config->hostname;
    d.ctx = m->config->ctx;
    d.on_event = m->config->on_event;
    if (!m->idle) { /* devices that got power at once do not knock at once */
        m->idle = true;
        m->idle_ms = now->ms + sts_discover_seed(d.hostname) % IDLE_MS;
    }
    if (!sts_reached(now->ms, m->idle_ms)) {
        return sts_discover_due(&d, now, true, domain);
    }
    m->idle_ms = now->ms; /* so that the wrap of the tick is never near */
    return sts_discover_due(&d, now, false, domain);
}

static int step(struct sts_mailer *m, const struct sts_time *now)
{
    switch (m->state) {
    case DISCOVERING: return discovering(m, now);
    case CHOOSING: return choosing(m, now);
    case LOOKING_UP: return looking_up(m);
    case CONNECTING: connect(m, now); return STS_BUSY;
    case TALKING: return talking(m, now);
    case REFRESHING: return refreshing(m, now);
    default: return m->result; /* OVER */
    }
}

int sts_mailer_poll(struct sts_mailer *m, const struct sts_time *now)
{
    uint8_t before;
    int result;

    if (m->state == IDLE) {
        return STS_ERR_STATE;
    }
    sts_resolver_poll(&m->resolver, now);
    do {
        before = m->state;
        result = step(m, now);
    } while (result == STS_BUSY && m->state != before && m->state != CONNECTING);
    return result;
}

void sts_mailer_wait(struct sts_mailer *m, const struct sts_time *now, uint32_t max_ms)
{
    struct sts_wait w[STS_DNS_QUERIES + 1];
    size_t n;
    uint32_t ms = max_ms;

    if (m->state == IDLE || m->state == OVER || m->state == CHOOSING || m->state == CONNECTING ||
        (m->state == DISCOVERING && m->scan == STS_BUSY)) {
        return; /* there is work to do at once */
    }
    n = sts_resolver_wait(&m->resolver, now, w, STS_DNS_QUERIES, &ms);
    if (m->state == TALKING) {
        n += sts_session_wait(&m->session, now, w + n, 1, &ms);
    } else {
        n += sts_discover_wait(&m->discover, now, w + n, 1, &ms);
    }
    m->config->net->wait(m->config->net->ctx, w, n, ms);
}

void sts_mailer_abort(struct sts_mailer *m)
{
    bool pending;

    if (m->state == TALKING) {
        (void)take_verdicts(m, &pending); /* what was said of a recipient stands */
    }
    if (m->state != IDLE && m->state != OVER) {
        (void)conclude(m, STS_ERR_CLOSED, false);
    }
}
