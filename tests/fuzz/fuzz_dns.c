/* SPDX-License-Identifier: MIT
 *
 * DNS answers: the input is a message. What is read lies within it, does not depend on where it lies, and
 * the ways to read it agree.
 */
#include <stdlib.h>
#include <string.h>

#include <stsmail/engine/dns.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static bool within(const struct sts_dns_reader *r, const uint8_t *p, size_t len)
{
    return p >= r->msg && len <= r->len && (size_t)(p - r->msg) <= r->len - len;
}

static void check_record(const struct sts_dns_reader *r, const struct sts_dns_rr *rr)
{
    const uint8_t *text;
    size_t at = 0, len, sum = 0, target = strlen(rr->target);

    must(within(r, rr->data, rr->data_len));
    must(rr->ttl_s <= 0x7fffffff);
    must(rr->owner < r->len && sts_dns_same(r, rr->owner, rr->owner));
    must(target < STS_NAME_SIZE && (target == 0 || rr->type == STS_DNS_MX));
    must(strspn(rr->target, "abcdefghijklmnopqrstuvwxyz0123456789-.?") == target);
    must(strstr(rr->target, "..") == NULL && rr->target[0] != '.');
    must(rr->alias == 0 || sts_dns_same(r, rr->alias, rr->alias));
    if (rr->type == STS_DNS_TXT) {
        while (sts_dns_txt(rr, &at, &text, &len) == 1) {
            must(within(r, text, len));
            sum += len + 1;
        }
        must(sum == rr->data_len);
    }
}

/* FNV-1a over what was read. */
static uint32_t mix(uint32_t h, const void *bytes, size_t len)
{
    const uint8_t *b = bytes;

    for (size_t i = 0; i < len; i++) {
        h = (h ^ b[i]) * 16777619u;
    }
    return h;
}

/* Reads a message; the sum of what it holds. 0: it is not our answer. */
static uint32_t read_all(const uint8_t *msg, size_t len, uint16_t type, bool exact)
{
    static struct sts_dns_rr rr, before;
    struct sts_dns_reader r;
    uint16_t id = len < 2 ? 0 : (uint16_t)(msg[0] << 8 | msg[1]);
    uint32_t h = 2166136261u;
    size_t at, records = 0;
    int more;

    if (sts_dns_open(&r, msg, len, id, "ab.Cd", type, exact) != STS_OK) {
        return 0;
    }
    h = mix(h, &r.rcode, sizeof r.rcode);
    h = mix(h, &r.truncated, sizeof r.truncated);
    h = mix(h, &r.referral, sizeof r.referral);
    memset(&before, 0, sizeof before);
    for (at = r.at; (more = sts_dns_next(&r, &rr)) > 0; at = r.at) {
        must(r.at > at && r.at <= len && ++records <= len / 11);
        check_record(&r, &rr);
        if (records > 1) {
            bool same = sts_dns_same(&r, rr.owner, before.owner);

            must(same == sts_dns_same(&r, before.owner, rr.owner));
            if (rr.type == STS_DNS_MX && before.type == STS_DNS_MX &&
                sts_dns_same(&r, (size_t)(rr.data - msg) + 2, (size_t)(before.data - msg) + 2)) {
                must(strcmp(rr.target, before.target) == 0);
            }
        }
        before = rr;
        h = mix(h, rr.data, rr.data_len);
        h = mix(h, rr.target, strlen(rr.target));
        h = mix(h, &rr.type, sizeof rr.type);
        h = mix(h, &rr.ttl_s, sizeof rr.ttl_s);
    }
    h = mix(h, &more, sizeof more);
    return h == 0 ? 1 : h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t types[] = {STS_DNS_A, STS_DNS_MX, STS_DNS_TXT, STS_DNS_AAAA};
    uint8_t *copy = malloc(size + 3);

    memcpy(copy + 3, data, size);
    for (int i = 0; i < 4; i++) {
        uint32_t exact = read_all(data, size, types[i], true);
        uint32_t loose = read_all(data, size, types[i], false);

        must(exact == 0 || exact == loose);
        must(read_all(copy + 3, size, types[i], true) == exact);
    }
    free(copy);
    return 0;
}
