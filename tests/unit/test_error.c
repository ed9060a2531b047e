/* SPDX-License-Identifier: MIT
 *
 * Errors: their groups, their names for programs, and their words for people.
 */
#include <stsmail/error.h>

#include "test.h"

/* Every error there is, with what programs read (cli: reason, error; RFC 8460 4.3). */
static const struct {
    int err;
    const char *name;
} errors[] = {
    {STS_ERR_ARG, NULL},
    {STS_ERR_STATE, NULL},
    {STS_ERR_SPACE, NULL},
    {STS_ERR_ADDRESS, "address"},
    {STS_ERR_NAME, "name"},
    {STS_ERR_MESSAGE, "message"},
    {STS_ERR_SYNTAX, NULL},
    {STS_ERR_CONFIG, "configuration"},
    {STS_ERR_ABSENT, NULL},
    {STS_ERR_TIMEOUT, "timeout"},
    {STS_ERR_CLOSED, "closed"},
    {STS_ERR_CONNECT, "connect"},
    {STS_ERR_PROTO, "smtp"},
    {STS_ERR_DNS, "dns"},
    {STS_ERR_CLOCK, "clock"},
    {STS_ERR_MEMORY, "memory"},
    {STS_ERR_RANDOM, "memory"},
    {STS_ERR_IO, "state"},
    {STS_ERR_END, "closed"},
    {STS_ERR_STARTTLS, "starttls-not-supported"},
    {STS_ERR_CERT_HOST, "certificate-host-mismatch"},
    {STS_ERR_CERT_EXPIRED, "certificate-expired"},
    {STS_ERR_CERT_TRUST, "certificate-not-trusted"},
    {STS_ERR_TLS, "validation-failure"},
    {STS_ERR_MX_MISMATCH, "mx-mismatch"},
    {STS_ERR_POLICY_FETCH, "sts-policy-fetch-error"},
    {STS_ERR_POLICY_INVALID, "sts-policy-invalid"},
    {STS_ERR_POLICY_WEBPKI, "sts-webpki-invalid"},
    {STS_ERR_POLICY_REQUIRED, "policy-required"},
    {STS_ERR_TEMPFAIL, "smtp"},
    {STS_ERR_REJECTED, "smtp"},
    {STS_ERR_SIZE, "size"},
    {STS_ERR_SMTPUTF8, "smtputf8"},
    {STS_ERR_NULL_MX, "null-mx"},
    {STS_ERR_NXDOMAIN, "dns"},
    {STS_ERR_LOOP, "loop"},
};

enum {
    COUNT = sizeof errors / sizeof errors[0]
};

static const char *name_of(int err)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (errors[i].err == err) {
            return errors[i].name;
        }
    }
    return NULL;
}

TEST(errors_have_the_names_that_programs_read)
{
    for (int err = -128; err < 128; err++) {
        const char *is = sts_err_name(err), *should = name_of(err);

        CHECK((is == NULL) == (should == NULL));
        CHECK(is == NULL || strcmp(is, should) == 0);
    }
}

TEST(every_error_has_words_of_its_own_for_people)
{
    const char *unknown = sts_err_text(-19);

    for (size_t i = 0; i < COUNT; i++) {
        const char *text = sts_err_text(errors[i].err);

        CHECK(text[0] != '\0' && strcmp(text, unknown) != 0);
        for (size_t k = 0; k < i; k++) { /* an end is an end, authenticated or not */
            CHECK(errors[i].err == STS_ERR_END || strcmp(text, sts_err_text(errors[k].err)) != 0);
        }
    }
    CHECK(strcmp(sts_err_text(STS_OK), "delivered") == 0);
    CHECK(strcmp(sts_err_text(STS_BUSY), unknown) != 0);
}

/* What ends a delivery comes with what can be done about it. */
TEST(what_ends_a_delivery_has_a_hint)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (errors[i].name != NULL) {
            CHECK(sts_err_hint(errors[i].err)[0] != '\0');
        }
    }
}

TEST(unknown_errors_are_said_to_be_unknown)
{
    CHECK(strcmp(sts_err_text(-19), "an unknown error") == 0);
    CHECK(strcmp(sts_err_text(2), "an unknown error") == 0);
    CHECK(sts_err_hint(-19)[0] == '\0' && sts_err_hint(STS_OK)[0] == '\0');
}

/* The group answers the caller's question: only -60 and below are final. */
TEST(only_the_last_group_is_final)
{
    for (size_t i = 0; i < COUNT; i++) {
        int err = errors[i].err;
        bool final = err == STS_ERR_REJECTED || err == STS_ERR_SIZE || err == STS_ERR_SMTPUTF8 ||
                     err == STS_ERR_NULL_MX || err == STS_ERR_NXDOMAIN || err == STS_ERR_LOOP;

        CHECK(sts_err_final(err) == final);
        CHECK(err < 0);
    }
    CHECK(!sts_err_final(STS_OK) && !sts_err_final(STS_BUSY));
}

TEST_MAIN("error")
