/* SPDX-License-Identifier: MIT
 *
 * What each error is called where programs read it: in JSON, and in RFC 8460 4.3's words.
 */
#include <stddef.h>
#include <stdint.h>

#include <stsmail/error.h>

static const struct {
    int8_t err;
    char name[27];
} rows[] = {
    {STS_ERR_ADDRESS, "address"},
    {STS_ERR_NAME, "name"},
    {STS_ERR_MESSAGE, "message"},
    {STS_ERR_CONFIG, "configuration"},
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

const char *sts_err_name(int err)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].err == err) {
            return rows[i].name;
        }
    }
    return NULL;
}
