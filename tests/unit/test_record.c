/* SPDX-License-Identifier: MIT
 *
 * The TXT record at _mta-sts (RFC 8461 3.1): single records, sets of records, all splits.
 */
#include "test.h"

#include <stsmail/policy.h>

struct single {
    const char *text;
    const char *id; /* NULL: no policy */
    int result;
};

static void put(struct sts_record *r, const char *text, size_t len, size_t cut, size_t piece)
{
    sts_record_open(r);
    sts_record_text(r, text, cut);
    for (size_t at = cut; at < len; at += piece) {
        sts_record_text(r, text + at, len - at < piece ? len - at : piece);
    }
    sts_record_close(r);
}

/* The same answer however the record is cut into strings (R-021, D16). */
static int result_of(const char *text, size_t len, char id[STS_ID_SIZE])
{
    struct sts_record whole, r;

    sts_record_start(&whole);
    put(&whole, text, len, len, 1);
    for (size_t cut = 0; cut <= len; cut++) {
        for (size_t piece = 1; piece <= len; piece += len) {
            sts_record_start(&r);
            put(&r, text, len, cut, cut == 0 ? piece : len);
            CHECK(sts_record_result(&r) == sts_record_result(&whole));
            CHECK(strcmp(r.id, whole.id) == 0);
            CHECK(sts_record_reason(&r) == sts_record_reason(&whole));
        }
    }
    strcpy(id, whole.id);
    CHECK((sts_record_reason(&whole)[0] == '\0') == (sts_record_result(&whole) == STS_OK));
    CHECK((id[0] != '\0') == (sts_record_result(&whole) == STS_OK));
    return sts_record_result(&whole);
}

static void check_all(const struct single *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char id[STS_ID_SIZE];
        int result = result_of(list[i].text, strlen(list[i].text), id);

        if (result != list[i].result || strcmp(id, list[i].id != NULL ? list[i].id : "") != 0) {
            printf("\"%s\": %d, id \"%s\"\n", list[i].text, result, id);
        }
        CHECK(result == list[i].result);
        CHECK(strcmp(id, list[i].id != NULL ? list[i].id : "") == 0);
    }
}

#define CHECK_ALL(list) check_all(list, sizeof(list) / sizeof(list)[0])

#define ID32 "abcdefghijklmnopqrstuvwxyz012345"

/* blanks around ";" alone, one ";" between fields, one at the end if one likes. */
TEST(r013_good_records_are_read)
{
    static const struct single list[] = {
        {"v=STSv1; id=20160831085700Z;", "20160831085700Z", STS_OK},
        {"v=STSv1;id=a", "a", STS_OK},
        {"v=STSv1;id=a;", "a", STS_OK},
        {"v=STSv1;id=a ; ", "a", STS_OK},
        {"v=STSv1;\t id=a\t;\t \t", "a", STS_OK},
        {"v=STSv1; a=b; id=a; c=d", "a", STS_OK},
        {"v=STSv1; v=STSv2; id=a", "a", STS_OK}, /* the first v counts: R-017 */
        {"v=STSv1; id=" ID32, ID32, STS_OK},
    };
    CHECK_ALL(list);
}

/* what the grammar does not have. P11. */
TEST(r013_malformed_records_announce_nothing)
{
    static const struct single list[] = {
        {"v=STSv1;", NULL, STS_ERR_SYNTAX},          {"v=STSv1; ", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;;id=a", NULL, STS_ERR_SYNTAX},     {"v=STSv1; ;id=a", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=a;;", NULL, STS_ERR_SYNTAX},    {"v=STSv1;id=a; ;", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=a ", NULL, STS_ERR_SYNTAX},     {"v=STSv1;id=a b", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=a b=c", NULL, STS_ERR_SYNTAX},  {"v=STSv1;id= a", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id =a", NULL, STS_ERR_SYNTAX},     {"v=STSv1;id", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=a;b", NULL, STS_ERR_SYNTAX},    {"v=STSv1;id=a;=b", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=a;b=", NULL, STS_ERR_SYNTAX},   {"v=STSv1;id=a;b=;", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=a;b= ", NULL, STS_ERR_SYNTAX},  {"v=STSv1;id=a;b;", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=a\n", NULL, STS_ERR_SYNTAX},    {"v=STSv1;id=a;b=c\td", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=a;\r\n", NULL, STS_ERR_SYNTAX}, {"v=STSv1;x=y", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=a,b=c", NULL, STS_ERR_SYNTAX},  {"v=STSv1;id=a;b==c", NULL, STS_ERR_SYNTAX},
    };
    CHECK_ALL(list);
}

/* R-012, C-3: what does not begin so is no candidate at all. P11: v not first, v=STSv10. */
TEST(r012_other_records_are_no_candidates)
{
    static const struct single list[] = {
        {"", NULL, STS_ERR_ABSENT},
        {"v=STSv1", NULL, STS_ERR_ABSENT},
        {"v=STSv1 ", NULL, STS_ERR_ABSENT},
        {"v=STSv1 id=a;", NULL, STS_ERR_ABSENT},
        {"v=STSv10;id=a", NULL, STS_ERR_ABSENT},
        {"v=STSv2;id=a", NULL, STS_ERR_ABSENT},
        {"v=stsv1;id=a", NULL, STS_ERR_ABSENT},
        {"V=STSv1;id=a", NULL, STS_ERR_ABSENT},
        {" v=STSv1;id=a", NULL, STS_ERR_ABSENT},
        {"v =STSv1;id=a", NULL, STS_ERR_ABSENT},
        {"v= STSv1;id=a", NULL, STS_ERR_ABSENT},
        {"id=a;v=STSv1;", NULL, STS_ERR_ABSENT},
        {"v=spf1 -all", NULL, STS_ERR_ABSENT},
        {"\"v=STSv1;id=a\"", NULL, STS_ERR_ABSENT},
        {"v=STSv1\n;id=a", NULL, STS_ERR_ABSENT},
    };
    CHECK_ALL(list);
}

/* C-3 */
TEST(r020_blanks_before_the_first_semicolon_are_allowed)
{
    static const struct single list[] = {
        {"v=STSv1 ;id=a", "a", STS_OK},
        {"v=STSv1\t ; id=a;", "a", STS_OK},
        {"v=STSv1 ;;", NULL, STS_ERR_SYNTAX},
    };
    CHECK_ALL(list);
}

/* P11: empty, 33 characters, "-". */
TEST(r014_id_is_1_to_32_letters_and_digits)
{
    static const struct single list[] = {
        {"v=STSv1;id=", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=;", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=" ID32 "6", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=2016-08-31", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=a_b", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=a.b", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=a!", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;ID=a", NULL, STS_ERR_SYNTAX}, /* %s: another field */
        {"v=STSv1;Id=a;id=b", "b", STS_OK},
        {"v=STSv1;i=a;idx=b;xid=c;d=e;ix=g;xd=h;id=f", "f", STS_OK},
        {"v=STSv1;id=AbC;", "AbC", STS_OK}, /* the case is kept */
    };
    CHECK_ALL(list);
}

/* */
TEST(r016_unknown_fields_are_ignored_but_must_be_well_formed)
{
    static const struct single list[] = {
        {"v=STSv1;id=a;0_-.Z=!:<>~", "a", STS_OK},
        {"v=STSv1;id=a;" ID32 "=x", "a", STS_OK},
        {"v=STSv1;id=a;" ID32 "6=x", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;" ID32 "6=x;id=a", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=a;_b=c", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=a;-b=c", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=a;.b=c", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=a;b!=c", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=a;b=c=d", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=a;b=" ID32 ID32 ID32 ID32 ID32 ID32 ID32 ID32 ID32, "a", STS_OK},
        {"v=STSv1;id=a;id2=-", "a", STS_OK},
    };
    CHECK_ALL(list);
}

/* an id after the first is like any unknown field. P11: duplicate id. */
TEST(r017_the_first_id_counts)
{
    static const struct single list[] = {
        {"v=STSv1;id=a;id=b", "a", STS_OK},         {"v=STSv1;id=a;id=b-c", "a", STS_OK},
        {"v=STSv1;id=a;id=" ID32 "6", "a", STS_OK}, {"v=STSv1;id=a-b;id=c", NULL, STS_ERR_SYNTAX},
        {"v=STSv1;id=a;id=", NULL, STS_ERR_SYNTAX}, /* not well-formed: R-016 */
    };
    CHECK_ALL(list);
}

/* D17: octets outside US-ASCII, and control characters. */
TEST(d17_octets_that_are_no_text_make_it_malformed)
{
    char id[STS_ID_SIZE], text[] = "v=STSv1;id=a;b=c;";

    for (int octet = 0; octet < 256; octet++) {
        if (octet > 0x20 && octet < 0x7f) {
            continue;
        }
        for (size_t at = 8; at < sizeof text - 1; at++) {
            char keep = text[at];
            bool blank = octet == ' ' || octet == '\t';
            size_t len = sizeof text - 1;

            text[at] = (char)octet;
            CHECK(blank || result_of(text, len, id) == STS_ERR_SYNTAX);
            text[at] = keep;
        }
    }
    CHECK(result_of("v=STSv1;id=a\0;", 14, id) == STS_ERR_SYNTAX);
    CHECK(result_of("v=STSv1\0;id=a;", 14, id) == STS_ERR_ABSENT);
}

/* each truncation of a good record. */
TEST(r011_truncated_records_are_not_misread)
{
    static const char text[] = "v=STSv1 ; id=abc ; x=y ; ";
    /* by length: '-' absent, 'x' malformed, '1'..'3' that much of the id */
    static const char want[] = "---------xxxxx123x33xx3x33";
    char id[STS_ID_SIZE];

    for (size_t len = 0; len < sizeof text; len++) {
        int result = result_of(text, len, id);

        CHECK(result == (want[len] == '-'   ? STS_ERR_ABSENT
                         : want[len] == 'x' ? STS_ERR_SYNTAX
                                            : STS_OK));
        CHECK(result != STS_OK || strlen(id) == (size_t)(want[len] - '0'));
        CHECK(memcmp(id, "abc", strlen(id)) == 0);
    }
}

/* D18: sets of records. '|' stands between two records. */
struct set {
    const char *records;
    int result;
    const char *id;
};

static int result_of_set(const char *records, struct sts_record *r)
{
    sts_record_start(r);
    while (records != NULL) {
        const char *end = strchr(records, '|');
        size_t len = end != NULL ? (size_t)(end - records) : strlen(records);

        put(r, records, len, len / 2, 3);
        records = end != NULL ? end + 1 : NULL;
    }
    return sts_record_result(r);
}

TEST(r018_exactly_one_candidate_is_a_policy)
{
    static const struct set list[] = {
        {"v=STSv1;id=a", STS_OK, "a"},
        {"v=spf1 -all|v=STSv1;id=a", STS_OK, "a"},
        {"v=STSv1;id=a|v=spf1 -all", STS_OK, "a"},
        {"|v=STSv1;id=a|", STS_OK, "a"},
        {"v=STSv1|v=STSv1;id=a", STS_OK, "a"}, /* no ";", so no candidate */
        {"v=STSv10;id=b|v=STSv1;id=a", STS_OK, "a"},
        {"v=STSv2;id=b|v=STSv1;id=a|V=STSV1;id=c", STS_OK, "a"},
        {" v=STSv1;id=b|v=STSv1;id=a", STS_OK, "a"},
        {"id=b;v=STSv1|v=STSv1;id=a", STS_OK, "a"},
        {"v=TLSRPTv1;rua=mailto:a@b|v=STSv1;id=a", STS_OK, "a"},
        {"v=STSv1;id=a|v=STSv1;id=b", STS_ERR_ABSENT, ""},
        {"v=STSv1;id=a|v=STSv1;id=a", STS_ERR_ABSENT, ""}, /* equal ones too */
        {"v=STSv1;id=a|v=STSv1 ;id=b", STS_ERR_ABSENT, ""},
        {"v=STSv1 ;id=a|v=STSv1;id=b", STS_ERR_ABSENT, ""},
        {"v=STSv1;id=a|v=STSv1;", STS_ERR_ABSENT, ""}, /* malformed ones are counted */
        {"v=STSv1;|v=STSv1;id=a", STS_ERR_ABSENT, ""},
        {"v=STSv1;id=a|x|v=STSv1;id=b", STS_ERR_ABSENT, ""},
        {"v=STSv1;id=a|v=STSv1;id=b|v=STSv1;id=c", STS_ERR_ABSENT, ""},
        {"v=STSv1;;|v=STSv1;;", STS_ERR_ABSENT, ""},
        {"v=STSv1;id=a-|v=spf1", STS_ERR_SYNTAX, ""}, /* */
        {"v=spf1|v=STSv1;", STS_ERR_SYNTAX, ""},
        {"|v=STSv1;id=|", STS_ERR_SYNTAX, ""},
        {"v=STSv1;id=a;;|v=STSv1", STS_ERR_SYNTAX, ""},
        {"", STS_ERR_ABSENT, ""},
        {"|", STS_ERR_ABSENT, ""},
        {"v=spf1 -all|x", STS_ERR_ABSENT, ""},
        {"v=STSv1|v=STSv1", STS_ERR_ABSENT, ""},
        {"v=STSv1|;id=a", STS_ERR_ABSENT, ""}, /* records are not joined */
        {"v=STSv1;|id=a", STS_ERR_SYNTAX, ""},
        {"v=STSv1;id=a|;x", STS_OK, "a"},
    };

    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct sts_record r;

        CHECK(result_of_set(list[i].records, &r) == list[i].result);
        CHECK(strcmp(r.id, list[i].id) == 0);
    }
}

TEST(r018_records_and_candidates_are_counted_without_wrapping)
{
    struct sts_record r;

    sts_record_start(&r);
    CHECK(sts_record_result(&r) == STS_ERR_ABSENT && r.records == 0 && r.candidates == 0);
    CHECK(strcmp(sts_record_reason(&r), "there is no TXT record") == 0);
    for (unsigned i = 0; i < 65540; i++) {
        put(&r, "v=STSv1;", 8, 8, 1);
    }
    CHECK(r.records == 65535 && r.candidates == 65535);
    CHECK(sts_record_result(&r) == STS_ERR_ABSENT);
}

TEST(reasons_are_sentences_for_people)
{
    static const struct {
        const char *records, *reason;
    } list[] = {
        {"v=spf1", "no TXT record begins with v=STSv1;"},
        {"v=STSv1;id=a|v=STSv1;id=a", "several TXT records begin with v=STSv1;"},
        {"v=STSv1;;", "a field name is not 1 to 32 letters, digits, \"_\", \"-\", \".\""},
        {"v=STSv1;id=a;b=c=d", "a value has a character that may not stand there"},
        {"v=STSv1;b=;id=a", "a field has no value"},
        {"v=STSv1;id=a ", "a blank is not followed by \";\""},
        {"v=STSv1;id=a-b", "id is not 1 to 32 letters and digits"},
        {"v=STSv1;id=", "id is not 1 to 32 letters and digits"},
        {"v=STSv1;a=b;", "id is missing"},
        {"v=STSv1;id=a", ""},
    };

    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct sts_record r;

        (void)result_of_set(list[i].records, &r);
        CHECK(strcmp(sts_record_reason(&r), list[i].reason) == 0);
    }
}

/* The first thing that is wrong is the reason, whatever follows. */
TEST(text_after_an_error_changes_nothing)
{
    struct sts_record r;

    (void)result_of_set("v=STSv1;;id=a;;b", &r);
    CHECK(strncmp(sts_record_reason(&r), "a field name", 12) == 0 && r.id[0] == '\0');
    (void)result_of_set("v=STSv1;id=a;b= ;id=-", &r);
    CHECK(strcmp(sts_record_reason(&r), "a field has no value") == 0 && r.id[0] == '\0');
}

TEST_MAIN("record")
