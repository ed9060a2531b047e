/* SPDX-License-Identifier: MIT
 *
 * The report as text. tests/tlsrpt holds it against a schema, with Python's JSON.
 */
#include <stsmail/engine/cache.h>
#include <stsmail/engine/tlsrpt.h>
#include <stsmail/ram_store.h>

#include "test.h"

#define D "example.org"

static struct sts_store store;
static struct sts_tlsrpt_config config = {&store, "Sender", "tls@sender.example", "dev-1", false};
static struct sts_tlsrpt_report r;
static char json[STS_TLSRPT_SIZE * 8];

/* A record of one policy with this text, and of one failure with these addresses. */
static void make(sts_day day, const char *text, size_t len, struct sts_ip sender,
                 struct sts_ip receiver, const char *mx)
{
    static uint8_t memory[3 * STS_TLSRPT_SIZE], raw[STS_TLSRPT_SIZE];
    static struct sts_ram_store ram;
    char key[64];
    uint8_t format = 1, *e = raw + 16 + len;
    size_t n = STS_TLSRPT_MX + strlen(mx) + 1;

    sts_ram_store_init(&ram, memory, sizeof memory, &store);
    memset(raw, 0, sizeof raw);
    raw[0] = (uint8_t)((16 + len) >> 8);
    raw[1] = (uint8_t)(16 + len);
    raw[2] = 'P';
    raw[3] = 1;
    raw[11] = 7;
    raw[15] = 2;
    memcpy(raw + 16, text, len);
    e[0] = (uint8_t)(n >> 8);
    e[1] = (uint8_t)n;
    e[2] = 'F';
    e[3] = (uint8_t)-STS_ERR_CERT_EXPIRED;
    e[7] = 2;
    e[8] = sender.family;
    memcpy(e + 9, sender.bytes, 16);
    e[25] = receiver.family;
    memcpy(e + 26, receiver.bytes, 16);
    strcpy((char *)e + 42, mx);
    snprintf(key, sizeof key, "%d.%s", (int)day, D);
    CHECK(sts_cache_begin(&store, STS_STORE_REPORT, key, &format, 1) == STS_OK);
    CHECK(store.write(store.ctx, raw, 16 + len + n) == STS_OK && store.commit(store.ctx) == STS_OK);
    CHECK(sts_tlsrpt_report_start(&r, &config, day, D) == STS_OK);
    n = sts_tlsrpt_report_read(&r, 0, json, sizeof json - 1);
    json[n] = '\0';
    CHECK(n == sts_tlsrpt_report_size(&r));
}

static const struct sts_ip v4 = {4, {192, 0, 2, 1}},
                           v6 = {6, {0x20, 1, 0x0d, 0xb8, [13] = 1, [15] = 1}};

static bool says(const char *part)
{
    return strstr(json, part) != NULL;
}

/* word for word: names and order of RFC 8460 4.4; mx-host is an array. */
TEST(r161_r162_r163_r164_r167_r168_r169_the_report_is_that_of_4_4)
{
    make(20780, "version: STSv1\r\nmx: mx1.example.org\r\nmx: *.example.net\r\n", 56, v4, v6,
         "mx1.example.org");
    CHECK(
        strcmp(json,
               "{\"organization-name\":\"Sender\",\"date-range\":{\"start-datetime\":\"2026-11-"
               "23T00:00:00Z\","
               "\"end-datetime\":\"2026-11-23T23:59:59Z\"},\"contact-info\":\"tls@sender.example\","
               "\"report-id\":\"20780.4480b1cf0bc7cd37@sender.example\",\"policies\":[{\"policy\":{"
               "\"policy-type\":\"sts\","
               "\"policy-string\":[\"version: STSv1\",\"mx: mx1.example.org\",\"mx: "
               "*.example.net\"],\"policy-domain\":\"example.org\","
               "\"mx-host\":[\"mx1.example.org\",\"*.example.net\"]},\"summary\":{\"total-"
               "successful-session-count\":7,"
               "\"total-failure-session-count\":2},\"failure-details\":[{\"result-type\":"
               "\"certificate-expired\","
               "\"sending-mta-ip\":\"192.0.2.1\",\"receiving-mx-hostname\":\"mx1.example.org\","
               "\"receiving-ip\":\"2001:db8::1:1\","
               "\"failed-session-count\":2}]}]}") == 0 ||
        (puts(json), 0));
}

/* Any window of it is the same text. */
TEST(the_report_is_read_in_any_pieces)
{
    char piece[64];
    size_t all;

    make(20780, "a\nb", 3, v4, v6, "mx1.example.org");
    all = strlen(json);
    for (size_t size = 1; size <= sizeof piece; size += 7) {
        for (size_t at = 0, n; at < all; at += n) {
            n = sts_tlsrpt_report_read(&r, at, piece, size);
            CHECK(n == (all - at < size ? all - at : size) && memcmp(piece, json + at, n) == 0);
        }
        CHECK(sts_tlsrpt_report_read(&r, all, piece, size) == 0);
    }
}

/* days as RFC 3339 has them, around leap days and the ends of centuries. */
TEST(r161_days_are_dates)
{
    static const struct {
        sts_day day;
        const char *date;
    } days[] = {{0, "1970-01-01"},     {58, "1970-02-28"},    {59, "1970-03-01"},
                {789, "1972-02-29"},   {11016, "2000-02-29"}, {11017, "2000-03-01"},
                {20819, "2027-01-01"}, {20818, "2026-12-31"}, {47540, "2100-02-28"},
                {47541, "2100-03-01"}};

    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        char want[64];

        make(days[i].day, "", 0, v4, v6, "a.b");
        snprintf(want, sizeof want, "\"start-datetime\":\"%sT00:00:00Z\"", days[i].date);
        CHECK(says(want));
    }
}

/* R06: hostile text is escaped, and valid UTF-8 without noncharacters comes out. */
TEST(r160_r170_r06_hostile_text_is_escaped)
{
    static const struct {
        const char *in, *out;
    } texts[] = {
        {"a\"b\\c", "[\"a\\\"b\\\\c\"]"},
        {"\x01\x1f\x7f", "[\"\\u0001\\u001f\\u007f\"]"},
        {"\xc3\xa4\xf0\x9f\x98\x80", "[\"\xc3\xa4\xf0\x9f\x98\x80\"]"},
        {"\xff\xc3", "[\"\xef\xbf\xbd\xef\xbf\xbd\"]"},
        {"\xc0\xaf", "[\"\xef\xbf\xbd\xef\xbf\xbd\"]"},                 /* overlong */
        {"\xed\xa0\x80", "[\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"]"}, /* surrogate */
        {"\xef\xbf\xbf", "[\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"]"}, /* U+FFFF */
        {"\xef\xb7\x90", "[\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"]"}, /* U+FDD0 */
        {"\xef\xb7\xaf", "[\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"]"}, /* U+FDEF */
        {"\xef\xb7\x8f\xef\xb7\xb0", "[\"\xef\xb7\x8f\xef\xb7\xb0\"]"}, /* beside them */
        {"\xf0\x9f\xbf\xbe",
         "[\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"]"}, /* U+1FFFE */
        {"\r\n\n\r\nx\r", "[\"x\"]"},
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char want[200];

        make(20780, texts[i].in, strlen(texts[i].in), v4, v6, "m\"\n");
        snprintf(want, sizeof want, "\"policy-string\":%s", texts[i].out);
        CHECK(says(want) && says("\"receiving-mx-hostname\":\"m\\\"\\u000a\""));
    }
    make(20780, "a\0b", 3, v4, v6, "m");
    CHECK(says("[\"a\\u0000b\"]"));
}

/* only what can stand in an mx line. */
TEST(r166_r167_mx_host_holds_patterns_alone)
{
    static const char text[] = "mx:a.example\nmx:\t b.example \t\nmx: *.c.example\r\nmx: "
                               "\xc3\xa4.example\nmxx: d.example\nmx : e.example\nmx:\nmx";

    make(20780, text, sizeof text - 1, v4, v6, "m");
    CHECK(says("\"mx-host\":[\"a.example\",\"b.example\",\"*.c.example\"]}"));
}

/* addresses of private networks are left out, unless the owner lets them be told. */
TEST(r171_private_addresses_are_told_with_leave_only)
{
    static const struct {
        struct sts_ip ip;
        bool local;
    } ips[] = {
        {{4, {10, 1, 2, 3}}, true},
        {{4, {172, 16, 0, 1}}, true},
        {{4, {172, 31, 255, 1}}, true},
        {{4, {172, 32, 0, 1}}, false},
        {{4, {172, 15, 0, 1}}, false},
        {{4, {192, 168, 1, 1}}, true},
        {{4, {192, 169, 1, 1}}, false},
        {{4, {127, 0, 0, 1}}, true},
        {{4, {169, 254, 0, 1}}, true},
        {{4, {169, 253, 0, 1}}, false},
        {{4, {100, 64, 0, 1}}, true},
        {{4, {100, 127, 0, 1}}, true},
        {{4, {100, 128, 0, 1}}, false},
        {{4, {8, 8, 8, 8}}, false},
        {{4, {0, 0, 0, 0}}, true},
        {{6, {[3] = 1}}, false},
        {{6, {0xfc}}, true},
        {{6, {0xfd, 1}}, true},
        {{6, {0xfe, 0x80}}, true},
        {{6, {0xfe, 0xc0}}, true},
        {{6, {0xfe, 0x00}}, false},
        {{6, {[15] = 1}}, true},
        {{6, {0x20, 1}}, false},
        {{6, {[10] = 0xff, 0xff, 10, 0, 0, 1}}, true},
        {{6, {[10] = 0xff, 0xff, 8, 8, 8, 8}}, false},
    };

    for (size_t i = 0; i < sizeof ips / sizeof ips[0]; i++) {
        config.lan = false;
        make(20780, "", 0, ips[i].ip, ips[i].ip, "m");
        CHECK(says("sending-mta-ip") == !ips[i].local && says("receiving-ip") == !ips[i].local);
        config.lan = true;
        make(20780, "", 0, ips[i].ip, ips[i].ip, "m");
        CHECK(says("sending-mta-ip") && says("receiving-ip"));
    }
    make(20780, "", 0, (struct sts_ip){0}, (struct sts_ip){9, {8}}, "m"); /* not known; nonsense */
    CHECK(!says("sending-mta-ip") && !says("receiving-ip"));
    config.lan = false;
}

/* the file's name and the submitter are of the contact's domain. */
TEST(r180_r183_the_file_has_its_name)
{
    char file[STS_TLSRPT_FILE_SIZE], id[STS_TLSRPT_ID_SIZE], id2[STS_TLSRPT_ID_SIZE];

    make(20780, "", 0, v4, v6, "m");
    sts_tlsrpt_report_file(&r, "json.gz", file);
    CHECK(
        strcmp(file, "sender.example!example.org!1795392000!1795478399!4480b1cf0bc7cd37.json.gz") ==
            0 ||
        (puts(file), 0));
    CHECK(strcmp(sts_tlsrpt_report_submitter(&r), "sender.example") == 0);
    CHECK(strcmp(sts_tlsrpt_report_domain(&r), D) == 0);
    sts_tlsrpt_report_id(&r, id);
    sts_tlsrpt_report_id(&r, id2);
    CHECK(strcmp(id, id2) == 0 && strcmp(strchr(id, '@'), "@sender.example") == 0);
    config.device = "dev-2"; /* another one of the fleet */
    sts_tlsrpt_report_id(&r, id2);
    CHECK(strcmp(id, id2) != 0);
    config.device = "dev-1";
}

/* An error that only a newer version knows is a failure all the same. */
TEST(an_error_without_a_type_is_told_as_a_general_failure)
{
    make(20780, "", 0, v4, v6, "m");
    r.record.bytes[16 + 3] = 1;
    json[sts_tlsrpt_report_read(&r, 0, json, sizeof json - 1)] = '\0';
    CHECK(says("\"result-type\":\"validation-failure\""));
}

TEST_MAIN("tlsrpt_report")
