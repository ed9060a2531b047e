/* SPDX-License-Identifier: MIT
 *
 * What each error means, and what to do about it, for people. Apart from the names, since a device
 * without a screen links those alone.
 */
#include <stddef.h>

#include <stsmail/error.h>

static const char later[] = "nothing is lost: it can be tried again later";

static const struct row {
    int err;
    const char *text;
    const char *hint;
} rows[] = {
    {STS_OK, "delivered", ""},
    {STS_BUSY, "not finished", ""},
    {STS_ERR_ARG, "a value is missing or out of range", "see the header's comments"},
    {STS_ERR_STATE, "the call is not allowed now", "see the header's comments"},
    {STS_ERR_SPACE, "a limit of config.h is too small", "raise the limit"},
    {STS_ERR_ADDRESS, "not a mail address", "give it as local-part@domain"},
    {STS_ERR_NAME, "not a host name", "letters, digits, hyphens and dots, 253 at most"},
    {STS_ERR_MESSAGE, "the message cannot be sent as it is", "correct the message"},
    {STS_ERR_SYNTAX, "its grammar does not allow this", ""},
    {STS_ERR_CONFIG, "the configuration cannot work",
     "it needs a DNS server and a trust anchor, and one config.h for library and program"},
    {STS_ERR_ABSENT, "there is no such thing", ""},
    {STS_ERR_TIMEOUT, "the other side was too slow", later},
    {STS_ERR_CLOSED, "the connection ended too early", later},
    {STS_ERR_CONNECT, "no connection could be made",
     "is the host up, and does this network allow the port?"},
    {STS_ERR_PROTO, "the server does not speak SMTP as it should", later},
    {STS_ERR_DNS, "the DNS did not give an answer that can be used",
     "is the DNS server right and reachable?"},
    {STS_ERR_CLOCK, "the time of this machine is not set, so no certificate can be checked",
     "set the clock, or let NTP do so"},
    {STS_ERR_MEMORY, "the memory for TLS is too small for this peer",
     "give the TLS pool more bytes"},
    {STS_ERR_RANDOM, "there are no random numbers", "check the source of entropy"},
    {STS_ERR_IO, "the state or the message could not be read on this machine",
     "check the disk and its permissions"},
    {STS_ERR_END, "the connection ended too early", later},
    {STS_ERR_STARTTLS,
     "the server does not offer TLS where it is required: perhaps somebody on the way removed it",
     later},
    {STS_ERR_CERT_HOST, "the certificate is for another name",
     "the server's owner has to correct this, or somebody is in between"},
    {STS_ERR_CERT_EXPIRED, "the certificate has expired, or is not valid yet",
     "the server's owner has to renew it; is this machine's clock right?"},
    {STS_ERR_CERT_TRUST, "no trust anchor vouches for the certificate",
     "is the right CA file given? Otherwise somebody may be in between"},
    {STS_ERR_TLS, "TLS could not be set up safely",
     "the server's owner has to correct this, or somebody is in between"},
    {STS_ERR_MX_MISMATCH, "the domain's policy does not allow this MX",
     "the domain's owner has to add it to the policy, or somebody forged the DNS"},
    {STS_ERR_POLICY_FETCH, "the announced policy could not be fetched", later},
    {STS_ERR_POLICY_INVALID, "the announced policy is not valid",
     "the domain's owner has to correct it"},
    {STS_ERR_POLICY_WEBPKI, "the policy host could not be authenticated",
     "the domain's owner has to correct its certificate, or somebody is in between"},
    {STS_ERR_POLICY_REQUIRED, "the floor asks for a policy in force, and the domain has none",
     "lower the floor for this domain, or hand it a policy"},
    {STS_ERR_TEMPFAIL, "the server cannot take it now", later},
    {STS_ERR_REJECTED, "the server refused for good", "read its reply"},
    {STS_ERR_SIZE, "the message is larger than the server takes", "make it smaller"},
    {STS_ERR_SMTPUTF8, "the message needs SMTPUTF8 or 8BITMIME, which no MX offers",
     "write addresses and header in ASCII, the body in a 7-bit encoding"},
    {STS_ERR_NULL_MX, "the domain takes no mail (null MX)", "check the address"},
    {STS_ERR_NXDOMAIN, "the domain does not exist, or has neither MX nor address",
     "check the address"},
    {STS_ERR_LOOP, "this machine is itself the best MX of the domain",
     "deliver locally, or correct the host name or the MX records"},
};

static const struct row *find(int err)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].err == err) {
            return &rows[i];
        }
    }
    return NULL;
}

const char *sts_err_text(int err)
{
    const struct row *r = find(err);

    return r != NULL ? r->text : "an unknown error";
}

const char *sts_err_hint(int err)
{
    const struct row *r = find(err);

    return r != NULL ? r->hint : "";
}
