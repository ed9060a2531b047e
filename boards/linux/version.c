/* SPDX-License-Identifier: MIT
 *
 * `stsmail version`: what this program is and what is built in.
 */
#include "cli.h"

#include <stdio.h>

#include <stsmail/mailer.h>

#ifndef STS_VERSION
#define STS_VERSION "unknown"
#endif

/* wolfSSL's own, declared here so that none but its port sees its headers. */
const char *wolfSSL_lib_version(void);

static const struct {
    const char *name;
    long value;
    const char *unit;
} limits[] = {
    {"mx", STS_MX_MAX, "MX hosts of a domain"},
    {"addresses", STS_ADDRESS_MAX, "addresses of a host"},
    {"policy_bytes", STS_POLICY_FILE_MAX, "octets of a policy"},
    {"dns_bytes", STS_DNS_SIZE, "octets of a DNS message"},
    {"cached_policies", STS_CACHE_MAX, "policies in the cache"},
};

#define LIMITS (sizeof limits / sizeof limits[0])

static void version_json(void)
{
    json_open(NULL, '{');
    json_text("version", STS_VERSION);
    json_text("wolfssl", wolfSSL_lib_version());
    json_open("tls", '[');
    json_text(NULL, "TLSv1.2");
    json_text(NULL, "TLSv1.3");
    json_close(']');
    json_bool("ipv6", STS_IPV6 != 0);
    json_open("limits", '{');
    for (size_t i = 0; i < LIMITS; i++) {
        json_number(limits[i].name, limits[i].value);
    }
    json_close('}');
    json_close('}');
    json_line();
}

int version_command(struct options *o)
{
    if (o->json) {
        version_json();
        return 0;
    }
    printf("stsmail %s\n", STS_VERSION);
    printf("  TLS 1.2 and 1.3 by wolfSSL %s; IPv4%s\n", wolfSSL_lib_version(),
           STS_IPV6 != 0 ? " and IPv6" : "");
    printf("  MTA-STS (RFC 8461), floors, provisioned policies\n");
    printf("  limits:");
    for (size_t i = 0; i < LIMITS; i++) {
        printf("%s %ld %s", i > 0 ? "," : "", limits[i].value, limits[i].unit);
    }
    printf("; %lu octets for one delivery\n", (unsigned long)sizeof(struct sts_mailer));
    return 0;
}
