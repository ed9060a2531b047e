/* SPDX-License-Identifier: MIT
 *
 * TLS reports: the TXT record in any pieces; and the JSON, whatever a day's record in the store, the policy's text and the names are. A
 * checker of its own reads the JSON: it is well-formed, has no octet that is not UTF-8, and its numbers fit.
 */
#include <stdlib.h>
#include <string.h>

#include <stsmail/engine/cache.h>
#include <stsmail/engine/tlsrpt.h>
#include <stsmail/engine/utf8.h>
#include <stsmail/ram_store.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

/* ---- the TXT record --------------------------------------------------------------------------- */

static void read_records(struct sts_tlsrpt_record *r, const uint8_t *data, size_t size,
                         size_t piece)
{
    size_t open = 0;

    sts_tlsrpt_record_start(r);
    for (size_t at = 0; at <= size; at++) {
        if (at < size && data[at] != '\n') {
            continue;
        }
        sts_tlsrpt_record_open(r);
        for (size_t i = open; i < at; i += piece) {
            sts_tlsrpt_record_text(r, data + i, at - i < piece ? at - i : piece);
        }
        sts_tlsrpt_record_close(r);
        open = at + 1;
    }
}

static void try_record(const uint8_t *data, size_t size)
{
    struct sts_tlsrpt_record whole, r;

    read_records(&whole, data, size, size + 1);
    for (size_t piece = 1; piece < 4; piece++) {
        read_records(&r, data, size, piece);
        must(sts_tlsrpt_record_result(&r) == sts_tlsrpt_record_result(&whole) &&
             r.count == whole.count && r.cut == whole.cut);
        must(sts_tlsrpt_record_reason(&r) == sts_tlsrpt_record_reason(&whole));
        for (int i = 0; i < r.count; i++) {
            must(strcmp(r.uris[i], whole.uris[i]) == 0);
        }
    }
    must((sts_tlsrpt_record_result(&whole) == STS_OK) ==
         (sts_tlsrpt_record_reason(&whole)[0] == '\0'));
    must(sts_tlsrpt_record_result(&whole) == STS_OK || whole.count == 0);
    for (int i = 0; i < whole.count; i++) {
        const char *uri = whole.uris[i];

        must(strncasecmp(uri, "mailto:", 7) == 0 || strncasecmp(uri, "https://", 8) == 0);
        must(strlen(uri) < STS_TLSRPT_URI_SIZE && strpbrk(uri, " \t\r\n!,;\"<>") == NULL);
    }
}

/* ---- JSON --------------------------------------------------------------------------------------- */

static const uint8_t *value(const uint8_t *p, const uint8_t *end, unsigned depth);

static const uint8_t *expect(const uint8_t *p, const uint8_t *end, uint8_t c)
{
    must(p < end && *p == c);
    return p + 1;
}

static const uint8_t *json_string(const uint8_t *p, const uint8_t *end)
{
    struct sts_utf8 u = {0};

    for (p = expect(p, end, '"'); must(p < end), *p != '"'; p++) {
        must(*p >= 0x20 && sts_utf8_next(&u, *p));
        if (*p == '\\') {
            p++;
            must(p < end && (*p == '"' || *p == '\\' || *p == 'u'));
            for (int i = 0; *p == 'u' && i < 4; i++) {
                must(p + i + 1 < end && strchr("0123456789abcdef", p[i + 1]) != NULL);
            }
        }
    }
    must(u.left == 0);
    return p + 1;
}

static const uint8_t *members(const uint8_t *p, const uint8_t *end, unsigned depth, uint8_t close)
{
    p++;
    if (p < end && *p == close) {
        return p + 1;
    }
    for (;; p++) {
        if (close == '}') {
            p = expect(json_string(p, end), end, ':');
        }
        p = value(p, end, depth + 1);
        must(p < end && (*p == ',' || *p == close));
        if (*p == close) {
            return p + 1;
        }
    }
}

static const uint8_t *value(const uint8_t *p, const uint8_t *end, unsigned depth)
{
    const uint8_t *from = p;

    must(p < end && depth < 8);
    if (*p == '{' || *p == '[') {
        return members(p, end, depth, *p == '{' ? '}' : ']');
    }
    if (*p == '"') {
        return json_string(p, end);
    }
    while (p < end && *p >= '0' && *p <= '9') {
        p++;
    }
    must(p > from && p - from <= 10 && (*from != '0' || p - from == 1));
    return p;
}

static void check_report(const struct sts_tlsrpt_config *config, const char *domain)
{
    static struct sts_tlsrpt_report r;
    static uint8_t json[STS_TLSRPT_SIZE * 40], part[64];
    size_t len;

    if (sts_tlsrpt_report_start(&r, config, 20780, domain) != STS_OK) {
        return;
    }
    len = sts_tlsrpt_report_read(&r, 0, json, sizeof json);
    must(len == sts_tlsrpt_report_size(&r) && len < sizeof json);
    must(value(json, json + len, 0) == json + len);
    len = len / 2;
    must(sts_tlsrpt_report_read(&r, len, part, sizeof part) == sizeof part &&
         memcmp(part, json + len, sizeof part) == 0);
}

/* ---- counting ------------------------------------------------------------------------------------- */

static uint8_t memory[20 * STS_TLSRPT_SIZE];

static void try_stored(const struct sts_tlsrpt_config *config, const uint8_t *data, size_t size)
{
    const struct sts_store *s = config->store;
    uint8_t format = 1;

    must(sts_cache_begin(s, STS_STORE_REPORT, "20780.example.org", &format, 1) == STS_OK);
    must(s->write(s->ctx, data, size) == STS_OK && s->commit(s->ctx) == STS_OK);
    check_report(config, "example.org");
}

/* Each octet is a session, or a piece of a policy's text; then the record of before is added to, if it is one. */
static void try_counting(const struct sts_tlsrpt_config *config, const uint8_t *data, size_t size)
{
    static struct sts_tlsrpt t;
    static struct sts_policy policy;
    struct sts_decision d = {.domain = "example.org"};
    struct sts_time now = {.utc_s = 20780 * (int64_t)86400, .trust = STS_CLOCK_OWNER};
    char mx[32];

    must(sts_tlsrpt_init(&t, config) == STS_OK);
    for (size_t i = 0; i < size; i++) {
        struct sts_attempt a = {.mx = mx,
                                .address = {data[i] & 2 ? 6 : 4, {data[i]}},
                                .reached = true,
                                .tls_version = 0x0304,
                                .decision = &d};
        size_t n = size - i < sizeof mx - 1 ? size - i : sizeof mx - 1;

        memcpy(mx, data + i, n);
        mx[n] = '\0';
        if (data[i] % 16 == 0) {
            policy.mode = 1 + (data[i] >> 4 & 1);
            policy.max_age_s = data[i] >> 5;
            d.policy = data[i] & 0x80 ? &policy : NULL;
            d.source = d.policy != NULL ? STS_SOURCE_FETCHED : STS_SOURCE_NONE;
            d.fetch_error = STS_ERR_POLICY_FETCH - (data[i] >> 4 & 3) % 3;
            sts_tlsrpt_policy_text(&t, NULL, 0);
            sts_tlsrpt_policy_text(&t, data + i, size - i);
            must(sts_tlsrpt_decision(&t, &d, &now) == STS_OK);
        }
        a.error = -(data[i] % 40);
        must(sts_tlsrpt_attempt(&t, &a, &now) == STS_OK);
    }
    check_report(config, "example.org");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sts_ram_store ram;
    struct sts_store store;
    struct sts_tlsrpt_config config = {&store, "Sender \"x\"", "tls@sender.example", "dev", true};
    uint8_t what = size > 0 ? data[0] % 4 : 0;

    if (size > 0) {
        data++;
        size--;
    }
    size = size < 600 ? size : 600;
    sts_ram_store_init(&ram, memory, sizeof memory, &store);
    if (what == 0) {
        try_record(data, size);
        return 0;
    }
    if (what != 1) {
        try_stored(&config, data, size);
    }
    if (what != 2) {
        try_counting(&config, data, size);
    }
    return 0;
}
