/* SPDX-License-Identifier: MIT
 *
 * Domains and mailboxes as people write them, brought into the one form that the library takes.
 */
#include "cli.h"

#include <idn2.h>
#include <string.h>

#include <stsmail/engine/mailbox.h>
#include <stsmail/engine/text.h>

static bool is_ascii(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((uint8_t)text[i] > 0x7f) {
            return false;
        }
    }
    return true;
}

/* U-labels to A-labels as IDNA 2008 has it (RFC 5891), without the transitional forms: a domain
 * with sharp s is not the one with ss. */
static bool from_unicode(const char *text, size_t len, char out[STS_NAME_SIZE])
{
    char in[4 * STS_NAME_SIZE];
    uint8_t *ace = NULL;
    bool ok;

    if (len >= sizeof in || memchr(text, '\0', len) != NULL) {
        return false;
    }
    memcpy(in, text, len);
    in[len] = '\0';
    if (idn2_lookup_u8((const uint8_t *)in, &ace, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) !=
        IDN2_OK) {
        return false;
    }
    ok = sts_name_canon((const char *)ace, strlen((const char *)ace), out) == STS_OK;
    idn2_free(ace);
    return ok;
}

bool domain_canon(const char *text, size_t len, char out[STS_NAME_SIZE])
{
    bool ok = is_ascii(text, len) ? sts_name_canon(text, len, out) == STS_OK
                                  : from_unicode(text, len, out);

    return ok && !sts_name_is_ipv4(out, strlen(out));
}

const char *address_canon(const char *text, bool literal, char out[ADDRESS_SIZE])
{
    const char *at = strrchr(text, '@');
    struct sts_mailbox box;
    char domain[STS_NAME_SIZE];
    size_t local_len;

    if (at == NULL || at == text || at[1] == '\0') {
        return "a mail address is local-part@domain";
    }
    local_len = (size_t)(at - text);
    if (local_len > 64) {
        return "the part before the \"@\" is longer than 64 octets";
    }
    if (at[1] == '[') {
        if (!literal) {
            return "mail is not sent to address literals: no policy can protect it (RFC 8461 3.4)";
        }
        if (strlen(text) >= ADDRESS_SIZE) {
            return "it is too long";
        }
        strcpy(out, text);
    } else {
        if (!domain_canon(at + 1, strlen(at + 1), domain)) {
            return "the part behind the \"@\" is not a domain name";
        }
        if (!literal && strlen(domain) + strlen("_mta-sts.") >= sizeof domain) {
            return "the domain is so long that no policy of it can be asked for"; /* D34 */
        }
        memcpy(out, text, local_len + 1);
        strcpy(out + local_len + 1, domain);
    }
    if (sts_mailbox_parse(out, strlen(out), &box) != STS_OK) {
        return strlen(out) > 254 ? "it is longer than 254 octets"
                                 : "it is not a mailbox of RFC 5321 4.1.2";
    }
    return NULL;
}
