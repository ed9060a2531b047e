/* SPDX-License-Identifier: MIT
 *
 * DNS messages. Every length in a packet is hostile until it was compared with what is left
 * (RFC 9267): each read below stands behind such a comparison.
 */
#include <string.h>

#include <stsmail/engine/dns.h>
#include <stsmail/engine/text.h>

enum {
    HEADER_SIZE = 12,
    CLASS_IN = 1,
    TYPE_NS = 2,
    TYPE_SOA = 6,
    NAME_MAX = 255, /* octets on the wire, RFC 1035 2.3.4 */
    LABEL_MAX = 63,
    HOPS_MAX = 127, /* a name has no more labels, so no packer needs more pointers */
};

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static size_t put16(uint8_t *out, size_t at, unsigned value)
{
    out[at] = (uint8_t)(value >> 8);
    out[at + 1] = (uint8_t)value;
    return at + 2;
}

/* ---- the question ------------------------------------------------------------------------ */

/* Whether a label may be asked for: letters, digits, inner hyphens, and an underscore in front
 * (_mta-sts, RFC 8552). */
static bool label_valid(const char *text, size_t len)
{
    if (len == 0 || len > LABEL_MAX || text[0] == '-' || text[len - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)text[i];

        if (!sts_is_alnum(c) && c != '-' && (c != '_' || i > 0)) {
            return false;
        }
    }
    return true;
}

/* Writes a name of len characters as len + 2 octets of labels. */
static bool name_put(uint8_t *out, const char *name, size_t len)
{
    size_t run = 0;

    for (size_t i = 0; i <= len; i++) {
        if (i < len && name[i] != '.') {
            continue;
        }
        if (!label_valid(name + run, i - run)) {
            return false;
        }
        out[run] = (uint8_t)(i - run);
        memcpy(out + run + 1, name + run, i - run);
        run = i + 1;
    }
    out[len + 1] = 0;
    return true;
}

int sts_dns_question(uint8_t *out, size_t size, uint16_t id, const char *name, uint16_t type,
                     bool edns)
{
    size_t len = sts_len(name);
    size_t at = HEADER_SIZE + len + 2;

    if (len > STS_NAME_SIZE - 1) {
        return STS_ERR_NAME;
    }
    if (size < at + (edns ? 4 + 11 : 4)) {
        return STS_ERR_SPACE;
    }
    memset(out, 0, HEADER_SIZE);
    (void)put16(out, 0, id);
    out[2] = 0x01; /* RD, and nothing else: AD or CD would ask for what is not believed (D36) */
    out[5] = 1;
    if (!name_put(out + HEADER_SIZE, name, len)) {
        return STS_ERR_NAME;
    }
    at = put16(out, at, type);
    at = put16(out, at, CLASS_IN);
    if (edns) { /* RFC 6891 6.1.2: root, OPT, size, no flags, no options */
        memset(out + at, 0, 11);
        out[11] = 1;
        out[at + 2] = STS_DNS_OPT;
        (void)put16(out, at + 3, STS_DNS_UDP_SIZE);
        at += 11;
    }
    return (int)at;
}

/* ---- names in a message ------------------------------------------------------------------ */

/* A walk along the labels of one name. */
struct walk {
    const uint8_t *msg;
    size_t len;
    size_t at;    /* of the next length octet */
    size_t below; /* where a pointer has to lead below: the start of this run of labels */
    size_t end;   /* behind the name where it stands; 0: not known yet */
    size_t size;  /* of the name without pointers */
    unsigned hops;
};

static void walk_start(struct walk *w, const uint8_t *msg, size_t len, size_t at)
{
    memset(w, 0, sizeof *w);
    w->msg = msg;
    w->len = len;
    w->at = at;
    w->below = at;
}

/* Follows a compression pointer whose first octet was read. A target before all that was walked so
 * far can neither loop nor lead forward (D10); all 14 bits count (D11). */
static bool walk_jump(struct walk *w, uint8_t high)
{
    size_t target;

    if (w->at == w->len || ++w->hops > HOPS_MAX) {
        return false;
    }
    target = (size_t)(high & 0x3f) << 8 | w->msg[w->at++];
    if (w->end == 0) {
        w->end = w->at;
    }
    if (target < HEADER_SIZE || target >= w->below) {
        return false;
    }
    w->at = w->below = target;
    return true;
}

/* The length of the next label, whose text then ends at w->at; 0 for the root; STS_ERR_PROTO. */
static int walk_next(struct walk *w)
{
    while (w->at < w->len) {
        uint8_t c = w->msg[w->at++];

        if (c >= 0xc0) {
            if (!walk_jump(w, c)) {
                break;
            }
            continue;
        }
        w->size += c + 1u;
        if (c > LABEL_MAX || c > w->len - w->at || w->size > NAME_MAX) { /* D12, D13 */
            break;
        }
        w->at += c;
        if (c == 0 && w->end == 0) {
            w->end = w->at;
        }
        return c;
    }
    return STS_ERR_PROTO;
}

/* The place behind a name, 0 if it is malformed. */
static size_t name_end(const uint8_t *msg, size_t len, size_t at)
{
    struct walk w;
    int n;

    walk_start(&w, msg, len, at);
    do {
        n = walk_next(&w);
    } while (n > 0);
    return n == 0 ? w.end : 0;
}

/* A name that name_end() found good, as text. The 255 octets of the wire are at most 253
 * characters: one length octet less, and no root. */
static void name_text(const uint8_t *msg, size_t len, size_t at, char *out)
{
    struct walk w;
    size_t size = 0;
    int n;

    walk_start(&w, msg, len, at);
    while ((n = walk_next(&w)) > 0) {
        if (size > 0) {
            out[size++] = '.';
        }
        for (size_t i = w.at - (size_t)n; i < w.at; i++) {
            /* A dot within a label must not look like the end of one (D27). */
            bool fit = sts_is_alnum(msg[i]) || msg[i] == '-';

            out[size++] = fit ? (char)sts_lower(msg[i]) : '?';
        }
    }
    out[size] = '\0';
}

bool sts_dns_same(const struct sts_dns_reader *r, size_t a, size_t b)
{
    struct walk wa, wb;
    int n;

    walk_start(&wa, r->msg, r->len, a);
    walk_start(&wb, r->msg, r->len, b);
    do {
        n = walk_next(&wa);
        if (n < 0 || n != walk_next(&wb) ||
            !sts_same((const char *)r->msg + wa.at - n, (size_t)n, (const char *)r->msg + wb.at - n,
                      (size_t)n)) {
            return false;
        }
    } while (n > 0);
    return true;
}

/* ---- the answer -------------------------------------------------------------------------- */

/* What every record begins with. */
struct head {
    size_t owner, data;
    uint32_t ttl;
    uint16_t type, class, data_len;
};

/* Reads the head of the record at r->at and steps over the record. */
static bool head_read(struct sts_dns_reader *r, struct head *h)
{
    size_t end = name_end(r->msg, r->len, r->at);
    const uint8_t *p = r->msg + end;

    if (end == 0 || r->len - end < 10) {
        return false;
    }
    h->owner = r->at;
    h->type = get16(p);
    h->class = get16(p + 2);
    h->ttl = (uint32_t)get16(p + 4) << 16 | get16(p + 6);
    h->data_len = get16(p + 8);
    h->data = end + 10;
    if (h->data_len > r->len - h->data) { /* D14 */
        return false;
    }
    r->at = h->data + h->data_len;
    return true;
}

/* Walks all sections: the counts hold (D15), and the OPT record has the rest of the RCODE. Without it
 * BADVERS (16) would look like NOERROR, and "unknown" like "there is none" (D22). */
static int sections_read(struct sts_dns_reader *r)
{
    struct sts_dns_reader all = *r;
    struct head h;
    bool ns = false, soa = (r->msg[2] & 0x04) != 0; /* AA */

    for (uint32_t n = (uint32_t)r->answers + get16(r->msg + 8) + get16(r->msg + 10); n > 0; n--) {
        if (!head_read(&all, &h)) {
            return STS_ERR_PROTO;
        }
        if (h.type == STS_DNS_OPT) {
            r->rcode |= (uint16_t)(h.ttl >> 24 << 4);
        }
        ns |= h.type == TYPE_NS;
        soa |= h.type == TYPE_SOA;
    }
    r->referral = ns && !soa;
    return STS_OK;
}

/* Whether the message repeats our question. Length octets of labels are below 'A', so that all of it can
 * be compared as text where case does not count. */
static bool question_same(struct sts_dns_reader *r, const char *name, uint16_t type, bool exact)
{
    uint8_t want[STS_DNS_QUERY_SIZE];
    int len = sts_dns_question(want, sizeof want, 0, name, type, false);
    const char *a = (const char *)want + HEADER_SIZE;
    const char *b = (const char *)r->msg + HEADER_SIZE;
    size_t n = (size_t)len - HEADER_SIZE;

    if (len < 0 || get16(r->msg + 4) != 1 || r->len < (size_t)len) {
        return false;
    }
    r->at = (size_t)len;
    return exact ? memcmp(a, b, n) == 0 : sts_same(a, n, b, n);
}

int sts_dns_open(struct sts_dns_reader *r, const uint8_t *msg, size_t len, uint16_t id,
                 const char *name, uint16_t type, bool exact)
{
    if (len < HEADER_SIZE || get16(msg) != id || (msg[2] & 0xf8) != 0x80) { /* QR, opcode 0 */
        return STS_ERR_PROTO;
    }
    memset(r, 0, sizeof *r);
    r->msg = msg;
    r->len = len;
    r->truncated = (msg[2] & 0x02) != 0;
    r->rcode = msg[3] & 0x0f;
    if (len == HEADER_SIZE && get16(msg + 4) == 0 &&
        (r->rcode == STS_DNS_FORMERR || r->rcode == STS_DNS_NOTIMP)) {
        return STS_OK;
    }
    if (!question_same(r, name, type, exact)) {
        return STS_ERR_PROTO;
    }
    r->answers = get16(msg + 6);
    return r->truncated ? STS_OK : sections_read(r);
}

/* Checks RDATA of the types that we read and takes out what is in it (D14, D16). */
static bool data_read(const struct sts_dns_reader *r, struct sts_dns_rr *rr)
{
    size_t at = (size_t)(rr->data - r->msg), end = at + rr->data_len, n = 0;
    const uint8_t *text;

    switch (rr->type) {
    case STS_DNS_A: return rr->data_len == 4;
    case STS_DNS_AAAA: return rr->data_len == 16;
    case STS_DNS_CNAME: rr->alias = at; return name_end(r->msg, r->len, at) == end;
    case STS_DNS_MX:
        if (rr->data_len < 3 || name_end(r->msg, r->len, at + 2) != end) {
            return false;
        }
        rr->preference = get16(rr->data);
        name_text(r->msg, r->len, at + 2, rr->target);
        return true;
    case STS_DNS_TXT:
        while (sts_dns_txt(rr, &n, &text, &at) == 1) {
        }
        return n > 0 && n == rr->data_len;
    default: return true;
    }
}

int sts_dns_next(struct sts_dns_reader *r, struct sts_dns_rr *rr)
{
    struct head h;

    while (r->answers > 0) {
        r->answers--;
        if (!head_read(r, &h)) {
            return STS_ERR_PROTO;
        }
        if (h.class != CLASS_IN) {
            continue;
        }
        rr->type = h.type;
        rr->data_len = h.data_len;
        rr->ttl_s = h.ttl >> 31 ? 0 : h.ttl;
        rr->data = r->msg + h.data;
        rr->owner = h.owner;
        rr->alias = 0;
        rr->preference = 0;
        rr->target[0] = '\0';
        return data_read(r, rr) ? 1 : STS_ERR_PROTO;
    }
    return 0;
}

int sts_dns_txt(const struct sts_dns_rr *rr, size_t *at, const uint8_t **text, size_t *len)
{
    if (*at >= rr->data_len || rr->data[*at] >= rr->data_len - *at) {
        return 0;
    }
    *len = rr->data[*at];
    *text = rr->data + *at + 1;
    *at += *len + 1;
    return 1;
}
