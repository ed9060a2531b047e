/* SPDX-License-Identifier: MIT
 *
 * Entries of the queue as octets: what was written is read, and what makes no sense never is (Q04, Q12, F16).
 */
#include "test.h"

#include "naive_queue.h"

static char text[STS_QUEUE_TEXT];
static struct sts_recipient to[STS_QUEUE_RECIPIENTS];
static uint8_t image[2048];
static size_t image_len;
static struct one_record one;
static struct sts_store store;

/* An entry with two recipients, one of whom has a reply. */
static void make_image(uint16_t tries)
{
    struct sts_recipient two[2] = {
        {.address = "ops@example.org", .error = STS_ERR_TEMPFAIL, .code = 451, .reply = "451 no"},
        {.address = "b@example.net", .error = STS_OK, .final = false}};
    struct sts_queue_record r = {.entry = {.state = STS_QUEUE_WAITING,
                                           .critical = true,
                                           .flags = 0xa5,
                                           .floor = 2,
                                           .tries = tries,
                                           .coalesced = 70000,
                                           .size = 100000,
                                           .queued_at = 1790000000,
                                           .next_try_at = 1790000060,
                                           .error = STS_ERR_TEMPFAIL,
                                           .sender = "ups@example.com",
                                           .recipients = two,
                                           .count = 2},
                                 .date_s = 1790000000,
                                 .extra_len = 66000,
                                 .text_len = 16 + 4 + 16 + 14,
                                 .undated = true,
                                 .sending = true};

    one = (struct one_record){.out = image, .out_size = sizeof image};
    store = one_store(&one);
    CHECK(sts_queue_write(&store, &r, NULL, "fan") == STS_OK);
    image_len = one.out_len;
    one = (struct one_record){.bytes = image, .len = image_len, .out = image, .out_size = 0};
}

TEST(what_was_written_is_read)
{
    struct sts_queue_record r;

    make_image(3);
    CHECK(naive_result(image, image_len) == STS_OK);
    for (size_t step = 0; step < 9; step++) {
        CHECK(naive_compare(image, image_len, step, text, to));
    }
    CHECK(sts_queue_read(&store, 0xabcdef, &r, text, to) == STS_OK);
    CHECK(strcmp(r.entry.id, "0000000000abcdef") == 0 && r.number == 0xabcdef);
    CHECK(r.text_len == 50 && strcmp(to[0].reply, "451 no") == 0);
    make_image(0); /* never tried: nothing is known of anybody */
    CHECK(sts_queue_read(&store, 1, &r, text, to) == STS_OK);
    CHECK(to[0].error == STS_BUSY && to[1].error == STS_BUSY && to[0].reply[0] == '\0');
}

/* Q04: every truncation, one octet more, every octet as every other. */
TEST(q04_every_truncation_and_every_changed_octet_is_judged_alike_by_two_readers)
{
    static uint8_t copy[sizeof image];
    long ok = 0, newer = 0;

    make_image(3);
    for (size_t len = 0; len <= image_len + 1; len++) {
        CHECK(naive_compare(image, len, 0, text, to));
        CHECK((naive_result(image, len) == STS_OK) == (len == image_len));
    }
    for (size_t at = 0; at < image_len; at++) {
        for (int value = 0; value < 256; value++) {
            int want;

            memcpy(copy, image, image_len);
            copy[at] = (uint8_t)value;
            CHECK(naive_compare(copy, image_len, 0, text, to));
            want = naive_result(copy, image_len);
            ok += want == STS_OK;
            newer += want == STS_ERR_CONFIG;
        }
    }
    CHECK(ok > 1000 && newer > 255);
}

/* Replies longer than this build keeps are cut, and the rest of the entry is read. */
TEST(q12_a_reply_of_a_larger_build_is_cut)
{
    static uint8_t large[4096];
    size_t at = 0, more = 1100;
    struct sts_queue_record r;

    make_image(3);
    at = 50 + 50 + 10 + 6;
    memcpy(large, image, at);
    memset(large + at, 'x', more);
    memcpy(large + at + more, image + at, image_len - at);
    large[50 + 50 + 8] = (uint8_t)((6 + more) >> 8);
    large[50 + 50 + 9] = (uint8_t)(6 + more);
    CHECK(naive_compare(large, image_len + more, 0, text, to));
    one.bytes = large;
    one.len = image_len + more;
    CHECK(sts_queue_read(&store, 1, &r, text, to) == STS_OK);
    CHECK(strlen(to[0].reply) == STS_REPLY_SIZE - 1 && strncmp(to[0].reply, "451 noxx", 8) == 0);
    for (size_t len = at; len < image_len + more; len += 7) {
        CHECK(naive_compare(large, len, 0, text, to));
    }
}

/* Q12: nor is what a store of another version holds. */
TEST(q12_a_record_of_a_newer_store_is_of_a_newer_version)
{
    struct sts_queue_record r;

    make_image(3);
    one.fails_at = 1;
    one.with = STS_ERR_CONFIG;
    CHECK(sts_queue_read(&store, 1, &r, text, to) == STS_ERR_CONFIG && !one.open);
}

/* F07: what the store could not read is no damage. */
TEST(f07_each_call_that_fails_is_an_error_of_the_store)
{
    static const int with[] = {STS_ERR_IO, STS_ERR_STATE, STS_ERR_TIMEOUT};
    struct sts_recipient r2[2] = {{.address = "ops@example.org"}, {.address = "b@example.net"}};
    struct sts_message message = {.from = "a@example.org"};
    struct sts_queue_mail mail = {.sender = "ups@example.com",
                                  .recipients = r2,
                                  .count = 2,
                                  .critical = true,
                                  .floor = 2,
                                  .flags = 0xa5,
                                  .message = &message};
    struct sts_queue_record r;

    make_image(3);
    image[2] = 1 | 8; /* may be coalesced */
    image[50 + 50 + 16 + 4] = (uint8_t)STS_ERR_CONNECT;
    for (size_t i = 0; i < 3; i++) {
        for (long at = 1, calls = 1; at <= calls; at++) {
            one.calls = 0, one.fails_at = 0, one.with = with[i];
            CHECK(sts_queue_read(&store, 1, &r, text, to) == STS_OK);
            calls = one.calls;
            one.calls = 0, one.fails_at = at;
            CHECK(sts_queue_read(&store, 1, &r, text, to) == STS_ERR_IO && !one.open);
        }
        for (long at = 1, calls = 1; at <= calls; at++) {
            one.calls = 0, one.fails_at = 0;
            CHECK(sts_queue_same(&store, 1, &mail, "fan", &r) == STS_OK);
            calls = one.calls;
            one.calls = 0, one.fails_at = at;
            CHECK(sts_queue_same(&store, 1, &mail, "fan", &r) == STS_ERR_IO && !one.open);
        }
        one.calls = 0, one.fails_at = 1;
        CHECK(sts_queue_is_there(&store, 'q', "x") == STS_ERR_IO);
    }
    one.fails_at = 0;
    for (size_t at = 0; at < image_len; at++) { /* and every octet matters for being the same */
        bool counted = (at >= 5 && at < 8) || (at >= 10 && at < 50) || at == 2 || at >= 100;

        image[at] ^= 0x40;
        CHECK(counted || sts_queue_same(&store, 1, &mail, "fan", &r) == STS_ERR_ABSENT);
        image[at] ^= 0x40;
    }
    image[2] |= 2; /* being sent */
    CHECK(sts_queue_same(&store, 1, &mail, "fan", &r) == STS_ERR_ABSENT);
    image[2] = 1; /* not to be coalesced */
    CHECK(sts_queue_same(&store, 1, &mail, "fan", &r) == STS_ERR_ABSENT);
    image[2] = 9;
    image[1] = STS_QUEUE_FAILED;
    CHECK(sts_queue_same(&store, 1, &mail, "fan", &r) == STS_ERR_ABSENT);
    image[1] = STS_QUEUE_WAITING;
    image[100 + 5] = 1; /* refused for good */
    CHECK(sts_queue_same(&store, 1, &mail, "fan", &r) == STS_ERR_ABSENT);
    image[100 + 5] = 0;
    image[100 + 4] = 0; /* delivered */
    CHECK(sts_queue_same(&store, 1, &mail, "fan", &r) == STS_ERR_ABSENT);
}

/* Q01: whatever call of writing fails, nothing is committed; a full store is told from a broken one. */
TEST(q01_each_call_that_fails_while_an_entry_is_written_is_told)
{
    static const int with[] = {STS_ERR_IO, STS_ERR_SPACE, STS_ERR_STATE};
    static uint8_t out[sizeof image];
    struct sts_queue_record r;

    make_image(3);
    CHECK(sts_queue_read(&store, 1, &r, text, to) == STS_OK);
    one.out = out;
    one.out_size = sizeof out;
    for (size_t i = 0; i < 3; i++) {
        int want = with[i] == STS_ERR_SPACE ? STS_ERR_SPACE : STS_ERR_IO;

        for (int fresh = 0; fresh < 2; fresh++) {
            for (long at = 1, calls = 1; at <= calls; at++) {
                one.calls = 0, one.fails_at = 0, one.with = with[i];
                CHECK(sts_queue_write(&store, &r, fresh ? NULL : text, fresh ? "fan" : "") ==
                      STS_OK);
                CHECK(one.out_len == image_len && memcmp(out, image, image_len) == 0);
                calls = one.calls;
                one.calls = 0, one.fails_at = at;
                CHECK(sts_queue_write(&store, &r, fresh ? NULL : text, fresh ? "fan" : "") == want);
            }
        }
        for (long at = 1, calls = 1; at <= calls; at++) {
            one.calls = 0, one.fails_at = 0;
            CHECK(sts_queue_count(&store, 1, 5) == STS_OK && one.out_len == image_len);
            out[13] = (uint8_t)(out[13] - 5);
            CHECK(memcmp(out, image, image_len) == 0);
            calls = one.calls;
            one.calls = 0, one.fails_at = at;
            CHECK(sts_queue_count(&store, 1, 5) < 0 && !one.open);
        }
    }
    one.fails_at = 0;
    one.absent = true;
    CHECK(sts_queue_count(&store, 1, 5) == STS_ERR_ABSENT);
}

TEST(ids_are_16_digits_and_nothing_else)
{
    static const char *const none[] = {"",
                                       "1",
                                       "0123456789abcdeF",
                                       "0123456789abcde",
                                       "0123456789abcdef0",
                                       "0123456789abcdeg",
                                       "0000000000000000",
                                       "0123456789abcde/",
                                       "0123456789abcde`"};
    char key[STS_QUEUE_ID_SIZE];

    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        CHECK(sts_queue_id(none[i]) == 0);
    }
    for (uint64_t id = 1; id != 0; id = id << 1 ^ (id >> 60 & 5)) {
        sts_queue_key(id, key);
        CHECK(strlen(key) == 16 && sts_queue_id(key) == id);
        if (id > UINT64_MAX / 3) {
            break;
        }
    }
    CHECK(sts_queue_id("fedcba9876543210") == UINT64_C(0xfedcba9876543210));
}

TEST_MAIN("queue_entry")
