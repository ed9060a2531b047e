/* SPDX-License-Identifier: MIT
 *
 * What `check` reads in the DNS: the record that announces the policy, that for reports, and what protects a domain beside
 * MTA-STS.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <stsmail/tlsrpt.h>

#define NAME_SIZE (STS_NAME_SIZE + 80)

/* ---- text ---------------------------------------------------------------------------------- */

/* How many fields "name=value" between semicolons there are, and the first one's value, cut. Looks at what the engines'
 * parsers pass over by rule; whether a record is valid is theirs to say. */
static unsigned fields(const char *text, const char *name, char *value, size_t size)
{
    size_t len = strlen(name);
    unsigned count = 0;

    value[0] = '\0';
    while (*text != '\0') {
        size_t end;

        text += strspn(text, " \t");
        end = strcspn(text, ";");
        if (end > len && strncasecmp(text, name, len) == 0 && text[len] == '=' && count++ == 0) {
            snprintf(value, size, "%.*s", (int)(end - len - 1), text + len + 1);
        }
        text += end + (text[end] == ';');
    }
    return count;
}

static unsigned length(const struct look_txt *records)
{
    unsigned n = 0;

    for (; records != NULL; records = records->next) {
        n++;
    }
    return n;
}

/* The first that has this text in it, in any case. */
static const struct look_txt *like(const struct look_txt *r, const char *text)
{
    while (r != NULL && strcasestr(r->text, text) == NULL) {
        r = r->next;
    }
    return r;
}

/* The first that begins with this text, to the letter; records where the parser found one have it. */
static const char *candidate(const struct look_txt *r, const char *version)
{
    while (r != NULL && strncmp(r->text, version, strlen(version)) != 0) {
        r = r->next;
    }
    return r != NULL ? r->text : "";
}

/* ---- what is wrong with a record that should announce something ------------------------------- */

/* Why a record with `version` in some form is no candidate: what people do to it. "" if there is no such record. */
static const char *near_miss(const struct look_txt *records, const char *version)
{
    static char text[700];
    const struct look_txt *r = like(records, version);
    const char *why;
    size_t len = strlen(version);

    if (r == NULL) {
        return "";
    }
    if (r->text[0] == '"') {
        why = "the quotes are part of it: leave them out";
    } else if (r->text[0] == ' ' || r->text[0] == '\t') {
        why = "it begins with a blank";
    } else if (strncasecmp(r->text, version, len) != 0) {
        why = "v has to come first";
    } else if (strncmp(r->text, version, len) != 0) {
        why = "upper and lower case count";
    } else {
        why = "behind the version comes a semicolon";
    }
    snprintf(text, sizeof text, "; there is \"%s\": %s", shown(r->text), why);
    return text;
}

/* Other records at that name: the RFC has senders pass over them, and some do not. */
static void others(struct check *c, const char *what, const char *name,
                   const struct look_txt *records)
{
    unsigned more = length(records) - 1;

    if (more > 0) {
        found(c, what, NULL, LEVEL_WARNING,
              "%u other TXT record%s at %s: senders are to pass over such, and some take it for a "
              "fault; leave one (is there a wildcard record?)",
              more, more == 1 ? "" : "s", name);
    }
}

/* The answer when there are no records. False: it has been told. */
static bool answered(struct check *c, const char *what, enum level level, const char *name,
                     int result, const char *without)
{
    if (result == STS_OK) {
        return true;
    }
    if (result == STS_ERR_NXDOMAIN || result == STS_ERR_ABSENT) {
        found(c, what, NULL, level, "there is no TXT record at %s: %s", name, without);
    } else {
        found(c, what, NULL, LEVEL_ERROR,
              "the DNS gives no answer about %s (a failure, or none in time): see to the name "
              "servers",
              name);
    }
    return false;
}

/* ---- _mta-sts ---------------------------------------------------------------------------------- */

static void record_details(struct check *c, const char *name, const struct look_txt *records)
{
    const char *text = candidate(records, "v=STSv1");
    char value[64];

    if (fields(text, "id", value, sizeof value) > 1) {
        found(c, "record", NULL, LEVEL_WARNING,
              "id stands twice in \"%s\": the first counts, and some senders take the record for "
              "invalid; leave one",
              shown(text));
    }
    if (strncmp(text, "v=STSv1;", 8) != 0) {
        found(c, "record", NULL, LEVEL_WARNING,
              "there is a blank before the first semicolon of \"%s\": some senders do not take it "
              "for a policy's record; begin it with \"v=STSv1;\"",
              shown(text));
    }
    others(c, "record", name, records);
}

static void record_invalid(struct check *c, const char *name, const struct sts_record *parsed,
                           const struct look_txt *records)
{
    if (parsed->candidates == 0) {
        found(c, "record", NULL, LEVEL_ERROR,
              "%s announces no policy: %s%s; it is to read \"v=STSv1; id=...;\"", name,
              sts_record_reason(parsed), near_miss(records, "v=STSv1"));
    } else if (parsed->candidates > 1) {
        found(
            c, "record", NULL, LEVEL_ERROR,
            "%s announces no policy: %u TXT records begin with \"v=STSv1;\", so none counts; leave "
            "one",
            name, parsed->candidates);
    } else {
        found(c, "record", NULL, LEVEL_ERROR,
              "%s announces no policy: \"%s\" is malformed: %s; it is to read \"v=STSv1; id=...;\" "
              "(id: 1 to 32 letters and digits)",
              name, shown(candidate(records, "v=STSv1")), sts_record_reason(parsed));
    }
}

void check_record(struct check *c)
{
    char name[NAME_SIZE];
    struct sts_record parsed;
    struct look_txt *records;
    int result;

    snprintf(name, sizeof name, "_mta-sts.%s", c->domain);
    result = look_txt(name, &records);
    if (!answered(c, "record", LEVEL_ERROR, name, result,
                  "no policy is announced, and senders look for none; `stsmail publish` prints the "
                  "record")) {
        return;
    }
    sts_record_start(&parsed);
    for (const struct look_txt *r = records; r != NULL; r = r->next) {
        sts_record_open(&parsed);
        sts_record_text(&parsed, r->text, r->len);
        sts_record_close(&parsed);
    }
    if (sts_record_result(&parsed) != STS_OK) {
        record_invalid(c, name, &parsed, records);
        return;
    }
    memcpy(c->id, parsed.id, sizeof c->id);
    found(c, "record", NULL, LEVEL_OK, "%s announces a policy, id %s", name, c->id);
    record_details(c, name, records);
}

/* ---- _smtp._tls ---------------------------------------------------------------------------------- */

static void reports_invalid(struct check *c, const char *name,
                            const struct sts_tlsrpt_record *parsed, const struct look_txt *records)
{
    if (parsed->candidates > 1) {
        found(c, "tlsrpt", NULL, LEVEL_ERROR,
              "%s asks for no reports: %u TXT records begin with \"v=TLSRPTv1;\", so none counts; "
              "leave one",
              name, parsed->candidates);
        return;
    }
    found(c, "tlsrpt", NULL, LEVEL_ERROR,
          "%s asks for no reports: %s%s; it is to read \"v=TLSRPTv1; rua=mailto:ADDRESS\"", name,
          sts_tlsrpt_record_reason(parsed),
          parsed->candidates == 0 ? near_miss(records, "v=TLSRPTv1") : "");
}

static void reports_valid(struct check *c, const char *name, const struct sts_tlsrpt_record *parsed,
                          const struct look_txt *records)
{
    if (parsed->count == 0) {
        found(
            c, "tlsrpt", NULL, LEVEL_ERROR,
            "%s names no address that reports can go to: rua takes mailto: and https: (RFC 8460 3)",
            name);
        return;
    }
    found(c, "tlsrpt", NULL, LEVEL_OK, "reports are asked for at %s%s", parsed->uris[0],
          parsed->count > 1 || parsed->cut ? " and others" : "");
    others(c, "tlsrpt", name, records);
}

void check_reports(struct check *c)
{
    static struct sts_tlsrpt_record parsed;
    char name[NAME_SIZE];
    struct look_txt *records;
    int result;

    snprintf(name, sizeof name, STS_TLSRPT_PREFIX "%s", c->domain);
    result = look_txt(name, &records);
    if (!answered(c, "tlsrpt", LEVEL_WARNING, name, result,
                  "nobody tells you of failures; `stsmail publish` prints one, before mode enforce "
                  "it is needed most")) {
        return;
    }
    sts_tlsrpt_record_start(&parsed);
    for (const struct look_txt *r = records; r != NULL; r = r->next) {
        sts_tlsrpt_record_open(&parsed);
        sts_tlsrpt_record_text(&parsed, r->text, r->len);
        sts_tlsrpt_record_close(&parsed);
    }
    if (sts_tlsrpt_record_result(&parsed) == STS_OK) {
        reports_valid(c, name, &parsed, records);
    } else {
        reports_invalid(c, name, &parsed, records);
    }
}

/* ---- advice ------------------------------------------------------------------------------------ */

/* The records of one name that begin with `version` and then end, or go on behind one of `next`. */
static unsigned versions(const struct look_txt *r, const char *version, const char *next,
                         const struct look_txt **first)
{
    size_t len = strlen(version);
    unsigned n = 0;

    *first = NULL;
    for (; r != NULL; r = r->next) {
        if (strncasecmp(r->text, version, len) == 0 &&
            (r->text[len] == '\0' || strchr(next, r->text[len]) != NULL)) {
            *first = n++ == 0 ? r : *first;
        }
    }
    return n;
}

/* The records of a name; what the DNS does not say is no advice. */
static bool looked(struct check *c, const char *what, const char *name, struct look_txt **records)
{
    int result = look_txt(name, records);

    if (result == STS_OK || result == STS_ERR_ABSENT || result == STS_ERR_NXDOMAIN) {
        return true;
    }
    found(c, what, NULL, LEVEL_WARNING,
          "the DNS gives no answer about %s (a failure, or none in time): see to the name servers",
          shown(name));
    return false;
}

static void check_spf(struct check *c)
{
    const struct look_txt *first;
    struct look_txt *records;
    unsigned n;

    if (!looked(c, "spf", c->domain, &records)) {
        return;
    }
    n = versions(records, "v=spf1", " ", &first);
    if (n == 0) {
        found(c, "spf", NULL, LEVEL_OK,
              "advice: there is no SPF record at %s, so others can use its name with less trouble",
              c->domain);
    } else if (n > 1) {
        found(c, "spf", NULL, LEVEL_WARNING,
              "there are %u SPF records at %s, which is an error to all who look (RFC 7208 4.5); "
              "leave one",
              n, c->domain);
    } else if (strcasestr(first->text, "+all") != NULL) {
        found(c, "spf", NULL, LEVEL_WARNING,
              "the SPF record allows everybody (+all); end it with -all or ~all");
    } else {
        found(c, "spf", NULL, LEVEL_OK, "there is an SPF record");
    }
}

static void check_dmarc(struct check *c)
{
    const struct look_txt *first;
    struct look_txt *records;
    char name[NAME_SIZE], policy[32];
    unsigned n;

    snprintf(name, sizeof name, "_dmarc.%s", c->domain);
    if (!looked(c, "dmarc", name, &records)) {
        return;
    }
    n = versions(records, "v=DMARC1", "; \t", &first);
    if (n == 0) {
        found(c, "dmarc", NULL, LEVEL_OK,
              "advice: there is no DMARC record at %s (what the parent domain has may hold)", name);
    } else if (n > 1) {
        found(c, "dmarc", NULL, LEVEL_WARNING,
              "there are %u DMARC records at %s, so none counts (RFC 7489 6.6.3); leave one", n,
              name);
    } else if (fields(first->text, "p", policy, sizeof policy) != 1) {
        found(c, "dmarc", NULL, LEVEL_WARNING,
              "the DMARC record \"%s\" has no policy: it needs p=none, p=quarantine or p=reject",
              shown(first->text));
    } else {
        found(c, "dmarc", NULL, LEVEL_OK, "there is a DMARC record, p=%s", shown(policy));
    }
}

static void check_dkim(struct check *c)
{
    struct look_txt *records;
    char name[NAME_SIZE], key[8];

    snprintf(name, sizeof name, "%.63s._domainkey.%s", c->o->dkim_selector, c->domain);
    if (!looked(c, "dkim", name, &records)) {
        return;
    }
    if (records == NULL) {
        found(c, "dkim", NULL, LEVEL_OK, "advice: there is no DKIM key at %s", name);
    } else if (records->next != NULL) {
        found(c, "dkim", NULL, LEVEL_WARNING,
              "there are several TXT records at %s: which key holds is anybody's guess (RFC 6376 "
              "3.6.2.2); leave one",
              name);
    } else if (fields(records->text, "p", key, sizeof key) == 0) {
        found(c, "dkim", NULL, LEVEL_WARNING, "the record at %s has no key (p=)", name);
    } else if (key[0] == '\0') {
        found(c, "dkim", NULL, LEVEL_WARNING, "the DKIM key at %s is revoked (p= is empty)", name);
    } else {
        found(c, "dkim", NULL, LEVEL_OK, "there is a DKIM key at %s", name);
    }
}

void check_advice(struct check *c)
{
    check_spf(c);
    check_dmarc(c);
    if (c->o->dkim_selector != NULL) {
        check_dkim(c);
    }
}
