/* SPDX-License-Identifier: MIT
 *
 * A report as a file and as mail: R-180 to R-184, R-189. tests/tlsrpt holds both against Python's gzip, email and JSON.
 */
#include <stsmail/engine/cache.h>
#include <stsmail/engine/message.h>
#include <stsmail/engine/tlsrpt.h>
#include <stsmail/ram_store.h>
#include <stsmail/tlsrpt_send.h>

#include "test.h"

#define D "example.org"

static struct sts_store store;
static struct sts_tlsrpt_config config = {&store, "Sender", "tls@sender.example", "dev-1", false};
static struct sts_tlsrpt_report r;
static struct sts_tlsrpt_file f;
static char json[STS_TLSRPT_SIZE * 8];
static uint8_t file[sizeof json + 200];
static size_t json_len;

/* A day of one policy, with `mx` patterns of 60 octets, which stand in the report twice. */
static void make(size_t mx)
{
    static uint8_t memory[3 * STS_TLSRPT_SIZE], raw[STS_TLSRPT_SIZE];
    static struct sts_ram_store ram;
    uint8_t format = 1;
    size_t len = 16;

    sts_ram_store_init(&ram, memory, sizeof memory, &store);
    memset(raw, 0, sizeof raw);
    for (size_t i = 0; i < mx; i++) {
        len += (size_t)sprintf((char *)raw + len, "mx: a%040u.mail.example.org\n", (unsigned)i);
    }
    CHECK(len < sizeof raw);
    raw[0] = (uint8_t)(len >> 8);
    raw[1] = (uint8_t)len;
    raw[2] = 'P';
    raw[3] = 1;
    raw[11] = 7;
    CHECK(sts_cache_begin(&store, STS_STORE_REPORT, "20780." D, &format, 1) == STS_OK);
    CHECK(store.write(store.ctx, raw, len) == STS_OK && store.commit(store.ctx) == STS_OK);
    CHECK(sts_tlsrpt_report_start(&r, &config, 20780, D) == STS_OK);
    json_len = sts_tlsrpt_report_read(&r, 0, json, sizeof json);
    CHECK(json_len > 0 && json_len < sizeof json);
}

static size_t read_file(size_t at_once)
{
    size_t len = 0, n;

    while ((n = sts_tlsrpt_file_read(&f, len, file + len, at_once)) > 0) {
        len += n;
        CHECK(n <= at_once && len < sizeof file - at_once);
    }
    CHECK(len == sts_tlsrpt_file_size(&f));
    return len;
}

static uint32_t little(const uint8_t *p, int octets)
{
    uint32_t n = 0;

    while (octets-- > 0) {
        n = n << 8 | p[octets];
    }
    return n;
}

/* RFC 1952 8's sample, as it stands there but for the table, which is made each time. */
static uint32_t crc_of(const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < len; i++) {
        uint32_t c = (crc ^ p[i]) & 0xff;

        for (int k = 0; k < 8; k++) {
            c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
        }
        crc = c ^ crc >> 8;
    }
    return crc ^ 0xffffffffu;
}

/* R11, by a second reader: RFC 1952 2.3 and RFC 1951 3.2.4. */
static void check_gzip(size_t len)
{
    size_t at = 10, plain = 0, block;
    bool last = false;

    CHECK(memcmp(file, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10) == 0);
    while (!last) {
        CHECK(at + 5 <= len && file[at] <= 1);
        last = file[at] == 1;
        block = little(file + at + 1, 2);
        CHECK((block ^ little(file + at + 3, 2)) == 0xffff && block > 0);
        CHECK(at + 5 + block + 8 <= len && plain + block <= json_len);
        CHECK(memcmp(file + at + 5, json + plain, block) == 0);
        plain += block;
        at += 5 + block;
    }
    CHECK(plain == json_len && at + 8 == len);
    CHECK(little(file + at, 4) == crc_of(json, json_len) && little(file + at + 4, 4) == json_len);
}

/* R-181, R11. */
TEST(r181_r11_gzip_is_gzip_in_any_pieces)
{
    make(3);
    sts_tlsrpt_file_start(&f, &r, true);
    for (size_t step = 1; step < 40; step++) {
        check_gzip(read_file(step));
    }
    check_gzip(read_file(600));
    CHECK(crc_of("123456789", 9) == 0xcbf43926u); /* the oracle itself */
    CHECK(strcmp(sts_tlsrpt_file_type(&f), "application/tlsrpt+gzip") == 0);
    CHECK(strcmp(sts_tlsrpt_file_extension(&f), "json.gz") == 0);
}

/* With Linux's limits a report has several blocks. */
TEST(r11_a_long_report_has_several_blocks)
{
    make((STS_TLSRPT_SIZE - 100) / 63);
    sts_tlsrpt_file_start(&f, &r, true);
    check_gzip(read_file(7));
    check_gzip(read_file(sizeof file / 2));
    CHECK(STS_TLSRPT_SIZE < 32768 || json_len > 65535);
}

TEST(r181_without_gzip_the_file_is_the_report)
{
    make(1);
    sts_tlsrpt_file_start(&f, &r, false);
    CHECK(read_file(10) == json_len && memcmp(file, json, json_len) == 0);
    CHECK(strcmp(sts_tlsrpt_file_type(&f), "application/tlsrpt+json") == 0);
    CHECK(strcmp(sts_tlsrpt_file_extension(&f), "json") == 0);
}

/* ---- mail ------------------------------------------------------------------------------------- */

static struct sts_tlsrpt_mail m;
static char mail[sizeof json * 2], again[sizeof mail];

static size_t read_mail(char *out, size_t at_once)
{
    size_t len = 0;
    int32_t n;

    CHECK(m.source.rewind(m.source.ctx) == STS_OK);
    while ((n = m.source.read(m.source.ctx, out + len, at_once)) > 0) {
        len += (size_t)n;
        CHECK((size_t)n <= at_once && len + at_once < sizeof mail);
    }
    CHECK(n == 0 && m.source.read(m.source.ctx, out, at_once) == 0);
    out[len] = '\0';
    return len;
}

static size_t undo_base64(const char *text, const char *end, uint8_t *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    size_t count = 0, len = 0, column = 0;

    for (; text < end; text++) {
        const char *d = strchr(digits, *text);

        column = *text == '\n' ? 0 : column + 1;
        CHECK(column <= 77); /* RFC 2045 6.8: 76 and CR */
        if (d != NULL && *text != '\0') {
            bits = bits << 6 | (uint32_t)(d - digits);
            if (++count % 4 != 1) {
                out[len++] = (uint8_t)(bits >> (6 - 2 * ((count - 1) % 4)));
            }
        } else {
            CHECK(*text == '=' || *text == '\r' || *text == '\n');
        }
    }
    return len;
}

#define ID "20780.4480b1cf0bc7cd37@sender.example"

/* R-182, R-183, R-184, R-180, R-189: word for word. */
TEST(r180_r182_r183_r184_r189_the_mail_is_that_of_5_3)
{
    static const char head[] =
        "From: <tls@sender.example>\r\n"
        "To: <reports@example.org>\r\n"
        "Date: Tue, 24 Nov 2026 01:02:03 +0000\r\n"
        "Message-ID: <" ID ">\r\n"
        "Subject: Report Domain: example.org\r\n"
        " Submitter: sender.example\r\n"
        " Report-ID: <" ID ">\r\n"
        "TLS-Report-Domain: example.org\r\n"
        "TLS-Report-Submitter: sender.example\r\n"
        "TLS-Required: No\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n"
        " boundary=\"=_stsmail\"\r\n"
        "\r\n"
        "--=_stsmail\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n"
        "\r\n"
        "This is a report of SMTP TLS (RFC 8460).\r\n"
        "\r\n"
        "Domain:    example.org\r\n"
        "Submitter: sender.example\r\n"
        "Report-ID: " ID "\r\n"
        "\r\n"
        "--=_stsmail\r\n"
        "Content-Type: application/tlsrpt+json\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        "Content-Disposition: attachment;\r\n"
        " filename=\"sender.example!example.org!1795392000!1795478399!4480b1cf0bc7cd37.json\"\r\n"
        "\r\n";
    static const char tail[] = "\r\n--=_stsmail--\r\n";
    size_t len, n;

    make(2);
    sts_tlsrpt_file_start(&f, &r, false);
    sts_tlsrpt_mail_start(&m, &f, "reports@example.org", 1795482123);
    len = read_mail(mail, 64);
    CHECK(len > sizeof head + sizeof tail);
    CHECK(memcmp(mail, head, sizeof head - 1) == 0 || (puts(mail), 0));
    CHECK(strcmp(mail + len - (sizeof tail - 1), tail) == 0);
    n = undo_base64(mail + sizeof head - 1, mail + len - (sizeof tail - 1), file);
    CHECK(n == json_len && memcmp(file, json, n) == 0);
}

/* R-181: the same with gzip; and the same in pieces of any size, and each time (M10). */
TEST(r182_the_mail_is_the_same_in_any_pieces)
{
    size_t len;
    const char *at;

    make(30);
    sts_tlsrpt_file_start(&f, &r, true);
    sts_tlsrpt_mail_start(&m, &f, "reports@example.org", 1795482123);
    len = read_mail(mail, 1000);
    for (size_t step = 1; step < 90; step += 8) {
        CHECK(read_mail(again, step) == len && memcmp(mail, again, len) == 0);
    }
    CHECK(strstr(mail, "\r\nContent-Type: application/tlsrpt+gzip\r\n") != NULL);
    at = strstr(mail, ".json.gz\"\r\n\r\n");
    CHECK(at != NULL);
    check_gzip(undo_base64(at + 13, strstr(at, "\r\n--=_stsmail--"), file));
}

/* What the mailer makes of it: a message that it takes, and changes nothing of. */
TEST(r182_the_mail_is_a_message)
{
    static struct sts_reader reader;
    struct sts_message message = {.raw = &m.source};
    size_t len, got = 0;
    int32_t n;

    make(2);
    sts_tlsrpt_file_start(&f, &r, true);
    sts_tlsrpt_mail_start(&m, &f, "reports@example.org", 1795482123);
    len = read_mail(mail, 500);
    CHECK(sts_reader_start(&reader, &message, false) == STS_OK);
    while ((n = sts_reader_read(&reader, (uint8_t *)again + got, 99)) > 0) {
        got += (size_t)n;
    }
    CHECK(n == 0 && got == len && memcmp(mail, again, len) == 0);
    CHECK(!reader.facts.eightbit && !reader.facts.utf8_header && !reader.facts.folded);
}

/* A report whose length is a multiple of what is encoded at once: nothing is missing, and nothing stands twice. */
TEST(r182_reports_of_all_lengths)
{
    static char name[400];
    const char *kept = config.organization, *at;
    size_t n;

    config.organization = name;
    for (size_t len = 1; len < sizeof name - 1; len++) {
        memset(name, 'o', len);
        name[len] = '\0';
        make(0);
        sts_tlsrpt_file_start(&f, &r, false);
        sts_tlsrpt_mail_start(&m, &f, "a@b.c", 1795482123);
        (void)read_mail(mail, 700);
        at = strstr(mail, ".json\"\r\n\r\n") + 10;
        n = undo_base64(at, strstr(at, "\r\n--=_stsmail--\r\n"), file);
        CHECK(n == json_len && memcmp(file, json, n) == 0);
    }
    config.organization = kept;
}

/* R-142, R-143. */
TEST(r142_r143_mailto_is_one_mailbox_percent_decoded)
{
    static const struct {
        const char *uri;
        int error;
        const char *to;
    } t[] = {
        {"mailto:a@b.c", STS_OK, "a@b.c"},
        {"MailTo:tls%2Crpt@example.org", STS_ERR_ADDRESS, NULL}, /* "," is no atext */
        {"MAILTO:%22tls%2Crpt%22@example.org", STS_OK, "\"tls,rpt\"@example.org"},
        {"mailto:tls%21rpt@example.org", STS_OK, "tls!rpt@example.org"},
        {"mailto:a%2b%2B@example.org?subject=x", STS_OK, "a++@example.org"},
        {"https://example.org/", STS_ERR_ABSENT, NULL},
        {"mailt", STS_ERR_ABSENT, NULL},
        {"mailto:", STS_ERR_ADDRESS, NULL},
        {"mailto:?to=a@b.c", STS_ERR_ADDRESS, NULL},
        {"mailto:a%2@b.c", STS_ERR_ADDRESS, NULL},
        {"mailto:a%g1@b.c", STS_ERR_ADDRESS, NULL},
        {"mailto:a%1g@b.c", STS_ERR_ADDRESS, NULL},
        {"mailto:a%", STS_ERR_ADDRESS, NULL},
        {"mailto:a@b.c%00", STS_ERR_ADDRESS, NULL},
        {"mailto:a@b.c%0d%0aRCPT", STS_ERR_ADDRESS, NULL},
        {"mailto:a%20b@b.c", STS_ERR_ADDRESS, NULL},
        {"mailto:a%7f@b.c", STS_ERR_ADDRESS, NULL},
        {"mailto:a%C3%BC@b.c", STS_ERR_ADDRESS, NULL},
        {"mailto:a@b.c%2Cd@e.f", STS_ERR_ADDRESS, NULL},
        {"mailto:a@[192.0.2.1]", STS_ERR_ADDRESS, NULL},
        {"mailto:a@b.c%3Ex", STS_ERR_ADDRESS, NULL},
        {"mailto:a%@@b.c", STS_ERR_ADDRESS, NULL},
        {"mailto:a%:0@b.c", STS_ERR_ADDRESS, NULL},
        {"mailto:%61%5A%5a@b.c", STS_OK, "aZZ@b.c"},
    };
    char out[STS_TLSRPT_URI_SIZE], longer[2 * STS_TLSRPT_URI_SIZE] = "mailto:a@";

    memset(longer + 9, 'b', sizeof longer - 10);
    CHECK(sts_tlsrpt_mailto(longer, out) == STS_ERR_ADDRESS);
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        int error = sts_tlsrpt_mailto(t[i].uri, out);

        CHECK(error == t[i].error || (puts(t[i].uri), 0));
        CHECK(t[i].to == NULL || strcmp(out, t[i].to) == 0);
    }
}

TEST_MAIN("tlsrpt_send")
