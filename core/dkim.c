/* SPDX-License-Identifier: MIT
 *
 * The DKIM-Signature of a message, from one look at each of its octets but those of the header, which is read as often as it
 * takes to sign the fields of one name from the lowest up (RFC 6376 5.4.2): first to count them, then once for each
 * that repeats. A field is hashed when it comes by; h= lists the fields in that order.
 */
#include <stsmail/dkim.h>

#include <string.h>

#include <stsmail/engine/text.h>

enum {
    HEADER = 0, /* the two hashes */
    BODY = 1,
};

enum place {
    AT_LINE, /* begins, within the header */
    IN_NAME,
    IN_VALUE,
    IN_BODY,
    AT_END,
};

/* Readings of the header that sign: of a field that is there more often, the others above stay unsigned. */
#define READINGS_MAX 4

/* Whether h= names a field once more than there are: then none can be added behind our back (RFC 6376 5.4, 8.15). */
enum {
    OPEN,   /* others on the way may add one */
    CLOSED, /* if there is one */
    NONE,   /* also if there is none: what a reader is shown */
};

/* What is signed (RFC 6376 5.4.1). Not what relays add or change: Received, Return-Path, other signatures. */
static const struct {
    const char *name;
    uint8_t more;
} names[STS_DKIM_NAMES] = {
    {"from", NONE}, /* 5.4: must be signed */
    {"to", NONE},
    {"cc", NONE},
    {"subject", NONE},
    {"reply-to", NONE},
    {"date", CLOSED},
    {"sender", CLOSED},
    {"message-id", CLOSED},
    {"in-reply-to", CLOSED},
    {"references", CLOSED},
    {"mime-version", CLOSED},
    {"content-type", CLOSED},
    {"content-transfer-encoding", CLOSED},
    {"auto-submitted", OPEN},
    {"resent-from", OPEN},
    {"resent-sender", OPEN},
    {"resent-date", OPEN},
    {"resent-to", OPEN},
    {"resent-cc", OPEN},
    {"resent-message-id", OPEN},
    {"list-id", OPEN},
    {"list-unsubscribe", OPEN},
    {"list-unsubscribe-post", OPEN}, /* RFC 8058 4 */
    {"tls-report-domain", CLOSED},   /* RFC 8460 5.3 */
    {"tls-report-submitter", CLOSED},
};

/* ---- octets to hash ---------------------------------------------------------------------- */

static void check(struct sts_dkim *d, int err)
{
    if (d->error == STS_OK) {
        d->error = err;
    }
}

static void flush(struct sts_dkim *d)
{
    if (d->out_len > 0) {
        check(d, d->signer->hash(d->signer->ctx, d->which, d->out, d->out_len));
    }
    d->out_len = 0;
}

static void put(struct sts_dkim *d, uint8_t c)
{
    if (d->out_len == sizeof d->out) {
        flush(d);
    }
    d->out[d->out_len++] = c;
}

static void put_text(struct sts_dkim *d, const char *text)
{
    while (*text != '\0') {
        put(d, (uint8_t)*text++);
    }
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* ---- header ------------------------------------------------------------------------------ */

/* Which name it is; STS_DKIM_NAMES: none of them. */
static size_t name_of(const struct sts_dkim *d)
{
    size_t i = 0;

    while (i < STS_DKIM_NAMES &&
           !sts_same(d->name, d->name_len, names[i].name, sts_len(names[i].name))) {
        i++;
    }
    return i;
}

/* Whether the field whose name was read is the one that this reading signs: the lowest of its name, then the next
 * above. */
static bool is_wanted(struct sts_dkim *d, size_t i)
{
    return ++d->seen[i] + d->reading == d->there[i] + 1 && d->fields < STS_DKIM_FIELDS;
}

static void begin_value(struct sts_dkim *d)
{
    size_t i = name_of(d);

    d->place = IN_VALUE;
    d->space = d->started = false;
    if (i == STS_DKIM_NAMES) {
        return;
    }
    if (d->reading == 0) {
        check(d, d->there[i] == UINT16_MAX - 1 ? STS_ERR_MESSAGE : STS_OK);
        d->there[i]++;
        return;
    }
    d->hashing = is_wanted(d, i);
    if (d->hashing) {
        d->order[d->fields++] = (uint8_t)i;
        d->hashed[i]++;
        put_text(d, names[i].name);
        put(d, ':');
    }
}

static void end_field(struct sts_dkim *d)
{
    if (d->hashing) {
        put_text(d, "\r\n");
    }
    d->hashing = false;
}

/* RFC 6376 3.4.2: unfolded, white space as one space, none at either end. */
static void take_value(struct sts_dkim *d, uint8_t c)
{
    if (is_space(c)) {
        d->space = true;
        return;
    }
    if (d->hashing && d->space && d->started) {
        put(d, ' ');
    }
    if (d->hashing) {
        put(d, c);
    }
    d->space = false;
    d->started = true;
}

static void take_name(struct sts_dkim *d, uint8_t c)
{
    if (c == ':') {
        begin_value(d);
    } else if (d->name_len < sizeof d->name) { /* what fills it is none of ours */
        d->name[d->name_len++] = (char)c;
    }
}

/* The header's end. Whether it has to be read again. */
static bool end_header(struct sts_dkim *d)
{
    end_field(d);
    for (size_t i = 0; d->reading == 0 && i < STS_DKIM_NAMES; i++) {
        if (d->there[i] > d->readings) {
            d->readings = d->there[i] < READINGS_MAX ? (uint8_t)d->there[i] : READINGS_MAX;
        }
    }
    memset(d->seen, 0, sizeof d->seen);
    d->place = AT_LINE;
    if (d->reading++ < d->readings) {
        return true;
    }
    flush(d);
    d->which = BODY;
    d->place = IN_BODY;
    d->space = d->started = false;
    return false;
}

/* Whether the message is wanted again. */
static bool take_header(struct sts_dkim *d, uint8_t c)
{
    bool again = false;

    if (c == '\n' && d->place == AT_LINE) {
        again = end_header(d);
    } else if (c == '\n') {
        d->place = AT_LINE;
    } else if (c != '\r') { /* there is none without its LF */
        if (d->place == AT_LINE && !is_space(c)) {
            end_field(d);
            d->name_len = 0;
            d->place = IN_NAME;
        }
        if (d->place == IN_NAME) {
            take_name(d, c);
        } else {
            d->place = IN_VALUE;
            take_value(d, c);
        }
    }
    return again;
}

/* ---- body -------------------------------------------------------------------------------- */

/* RFC 6376 3.4.4: white space as one space, none at the end of a line, no empty lines at the end of the body. */
static void take_body(struct sts_dkim *d, uint8_t c)
{
    if (c == '\n') {
        d->lines++;
        d->space = false;
    } else if (is_space(c)) {
        d->space = true;
    } else if (c != '\r') {
        for (; d->lines > 0; d->lines--) {
            put_text(d, "\r\n");
        }
        if (d->space) {
            put(d, ' ');
        }
        put(d, c);
        d->space = false;
        d->started = true;
    }
}

static int end_message(struct sts_dkim *d)
{
    if (d->place < IN_BODY && end_header(d)) {
        return STS_BUSY; /* a header without an empty line: no body */
    }
    if (d->started) {
        put_text(d, "\r\n");
    }
    flush(d);
    d->place = AT_END;
    return d->error;
}

int sts_dkim_feed(struct sts_dkim *d, const uint8_t *bytes, size_t len)
{
    if (d->error != STS_OK) {
        return d->error;
    }
    if (len == 0) {
        return end_message(d);
    }
    for (size_t i = 0; i < len; i++) {
        if (d->place == IN_BODY) {
            take_body(d, bytes[i]);
        } else if (take_header(d, bytes[i])) {
            return d->error != STS_OK ? d->error : STS_BUSY;
        }
    }
    return d->error;
}

/* ---- the field --------------------------------------------------------------------------- */

/* One more name of h=; *column is what the line has of it. */
static void put_name(struct sts_out *o, size_t i, size_t *column)
{
    size_t len = sts_len(names[i].name);

    sts_out_text(o, *column == 0 ? "" : *column + len > 70 ? ":\r\n  " : ":");
    *column = *column + len > 70 ? len : *column + len + 1;
    sts_out_text(o, names[i].name);
}

static void put_names(struct sts_out *o, const struct sts_dkim *d)
{
    size_t column = 0;

    for (size_t i = 0; i < d->fields; i++) {
        put_name(o, d->order[i], &column);
    }
    for (size_t i = 0; i < STS_DKIM_NAMES; i++) {
        bool closed = names[i].more == NONE || (names[i].more == CLOSED && d->there[i] > 0);

        if (closed && d->hashed[i] == d->there[i]) {
            put_name(o, i, &column);
        }
    }
}

/* All up to "b=" (RFC 6376 3.5). */
static void put_head(struct sts_out *o, const struct sts_dkim *d, const struct sts_time *now,
                     const uint8_t *body)
{
    sts_out_text(o, "DKIM-Signature: v=1; a=");
    sts_out_text(o, d->signer->algorithm == STS_DKIM_RSA ? "rsa" : "ed25519");
    sts_out_text(o, "-sha256; c=relaxed/relaxed;\r\n d=");
    sts_out_text(o, d->domain);
    sts_out_text(o, ";\r\n s=");
    sts_out_text(o, d->selector);
    if (now->trust > STS_CLOCK_DOUBTED && now->utc_s > 0) {
        sts_out_text(o, "; t="); /* a verifier may ignore a signature from the future */
        sts_out_number(o, (uint64_t)now->utc_s);
    }
    sts_out_text(o, ";\r\n h=");
    put_names(o, d);
    sts_out_text(o, ";\r\n bh=");
    sts_out_base64(o, body, 32, 72, "");
    sts_out_text(o, ";\r\n b=");
}

/* The field itself is hashed last, without its signature and its line end (RFC 6376 3.7). */
static void hash_head(struct sts_dkim *d)
{
    static const char name[] = "dkim-signature:";

    d->which = HEADER;
    put_text(d, name);
    d->hashing = true;
    d->space = d->started = false;
    d->place = IN_VALUE;
    for (const char *at = d->field + sizeof name - 1; *at != '\0'; at++) {
        (void)take_header(d, (uint8_t)*at);
    }
    d->hashing = false;
    flush(d);
    d->place = AT_END;
}

/* The signature is made at the field's far end, and written as base64 from its near end on. */
static int put_signature(struct sts_dkim *d, struct sts_out *o, const uint8_t digest[32])
{
    uint8_t *raw = (uint8_t *)d->field + sizeof d->field - STS_DKIM_SIGNATURE;
    int32_t len = d->signer->sign(d->signer->ctx, digest, raw, STS_DKIM_SIGNATURE);

    if (len <= 0 || len > STS_DKIM_SIGNATURE) {
        return len < 0 ? (int)len : STS_ERR_SPACE;
    }
    o->size = sizeof d->field;
    sts_out_base64(o, raw, (size_t)len, 72, "\r\n ");
    sts_out_text(o, "\r\n");
    return STS_OK;
}

int sts_dkim_sign(struct sts_dkim *d, const struct sts_time *now)
{
    const struct sts_signer *s = d->signer;
    uint8_t digest[32];
    struct sts_out o;

    if (d->error == STS_OK) {
        check(d, s->digest(s->ctx, BODY, digest));
    }
    if (d->error == STS_OK) {
        sts_out_start(&o, d->field, STS_DKIM_HEAD);
        put_head(&o, d, now, digest);
        (void)sts_out_end(&o);
        hash_head(d);
        check(d, s->digest(s->ctx, HEADER, digest));
    }
    if (d->error == STS_OK) {
        check(d, put_signature(d, &o, digest));
    }
    if (d->error == STS_OK) {
        (void)sts_out_end(&o);
    } else {
        d->field[0] = '\0';
    }
    return d->error;
}

/* ---- before ------------------------------------------------------------------------------ */

int sts_dkim_init(struct sts_dkim *d, const struct sts_signer *signer, const char *domain,
                  const char *selector)
{
    static const size_t between = sizeof "._domainkey." - 1;

    if (d == NULL || signer == NULL || domain == NULL || selector == NULL) {
        return STS_ERR_ARG;
    }
    memset(d, 0, sizeof *d);
    if (!sts_host_valid(domain, sts_len(domain)) || !sts_host_valid(selector, sts_len(selector)) ||
        sts_len(domain) + sts_len(selector) + between >= STS_NAME_SIZE) {
        return STS_ERR_NAME;
    }
    d->signer = signer;
    d->domain = domain;
    d->selector = selector;
    return STS_OK;
}

int sts_dkim_start(struct sts_dkim *d)
{
    const struct sts_signer *signer = d->signer;
    const char *domain = d->domain, *selector = d->selector;

    memset(d, 0, sizeof *d);
    d->signer = signer;
    d->domain = domain;
    d->selector = selector;
    d->readings = 1;
    check(d, signer->begin(signer->ctx));
    return d->error;
}
