/* SPDX-License-Identifier: MIT
 *
 * The ordered list of a domain's MX hosts.
 */
#include <stsmail/engine/mx.h>

#include <string.h>

#include <stsmail/engine/text.h>

void sts_mx_start(struct sts_mx_list *l)
{
    l->count = 0;
    l->null = l->own = l->skipped = false;
    l->own_preference = 0;
}

static bool before(const struct sts_mx *a, uint16_t preference, uint16_t tie)
{
    return a->preference != preference ? a->preference < preference : a->tie <= tie;
}

/* Whether mail can go to a host of this name (D27). RFC 7505 writes the null MX as the root. */
static bool usable(const char *name)
{
    size_t len = sts_len(name);

    return sts_host_valid(name, len) && !sts_name_is_ipv4(name, len) &&
           !sts_same_text(name, "localhost");
}

static void erase(struct sts_mx_list *l, size_t at)
{
    l->count--;
    memmove(&l->mx[at], &l->mx[at + 1], (l->count - at) * sizeof l->mx[0]);
}

/* Whether the name is there already with a preference as good; if with a worse one, it makes room. */
static bool known(struct sts_mx_list *l, const char *name, uint16_t preference)
{
    for (size_t i = 0; i < l->count; i++) {
        if (sts_same_text(l->mx[i].name, name)) {
            if (l->mx[i].preference <= preference) {
                return true;
            }
            erase(l, i);
            return false;
        }
    }
    return false;
}

static void insert(struct sts_mx_list *l, const char *name, uint16_t preference, uint16_t tie)
{
    size_t at = l->count;

    while (at > 0 && !before(&l->mx[at - 1], preference, tie)) {
        at--;
    }
    if (l->count == STS_MX_MAX) {
        l->skipped = true;
        if (at == STS_MX_MAX) {
            return;
        }
        l->count--;
    }
    memmove(&l->mx[at + 1], &l->mx[at], (l->count - at) * sizeof l->mx[0]);
    l->mx[at].preference = preference;
    l->mx[at].tie = tie;
    memcpy(l->mx[at].name, name, sts_len(name) + 1);
    l->count++;
}

void sts_mx_add(struct sts_mx_list *l, const struct sts_dns_rr *rr, uint16_t tie, const char *own)
{
    if (rr->target[0] == '\0') {
        l->null = true;
        return;
    }
    if (!usable(rr->target)) {
        l->skipped = true;
        return;
    }
    if (sts_same_text(rr->target, own)) {
        if (!l->own || rr->preference < l->own_preference) {
            l->own_preference = rr->preference;
        }
        l->own = true;
        return;
    }
    if (!known(l, rr->target, rr->preference)) {
        insert(l, rr->target, rr->preference, tie);
    }
}

void sts_mx_finish(struct sts_mx_list *l)
{
    while (l->own && l->count > 0 && l->mx[l->count - 1].preference >= l->own_preference) {
        l->count--;
    }
}

void sts_mx_implicit(struct sts_mx_list *l, const char *domain, const char *own)
{
    sts_mx_start(l);
    l->own = sts_same_text(domain, own);
    if (l->own) {
        return; /* S26 */
    }
    insert(l, domain, 0, 0);
}
