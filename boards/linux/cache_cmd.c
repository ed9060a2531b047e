/* SPDX-License-Identifier: MIT
 *
 * `stsmail cache`: the policies that are held, listed, dropped, fetched again.
 */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <stsmail/engine/cache.h>
#include <stsmail/mailer.h>

/* ---- the domains, sorted --------------------------------------------------------------------- */

struct domains {
    char **names;
    size_t count, room;
};

static bool domains_add(void *arg, const char *name)
{
    struct domains *d = arg;
    char domain[STS_NAME_SIZE];

    if (!domain_canon(name, strlen(name), domain) || strcmp(name, domain) != 0) {
        return true; /* a file that somebody else put there */
    }
    if (d->count == d->room) {
        size_t room = d->room * 2 + 16;
        char **names = keep(room * sizeof *names);

        if (d->count > 0) {
            memcpy(names, d->names, d->count * sizeof *names);
        }
        d->names = names;
        d->room = room;
    }
    d->names[d->count++] = keep_text(name, strlen(name));
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int domains_held(const struct sts_store *store, struct domains *out)
{
    int error = store->iterate(store->ctx, STS_STORE_POLICY, domains_add, out);

    if (out->count > 0) {
        qsort(out->names, out->count, sizeof *out->names, by_name);
    }
    return error;
}

static int cannot_read(void)
{
    say("the state directory cannot be read (--state)");
    return EX_IOERR;
}

static int refused(const char *why)
{
    say("%s: stsmail cache [list|drop DOMAIN|refresh [DOMAIN]]", why);
    return EX_USAGE;
}

/* ---- list ------------------------------------------------------------------------------------ */

static void entry_json(const char *domain, const struct sts_cached *info,
                       const struct sts_policy *policy)
{
    json_open(NULL, '{');
    json_text("domain", domain);
    json_text("mode", sts_mode_name(info->mode));
    json_text("id", info->id[0] != '\0' ? info->id : NULL);
    json_open("mx", '[');
    for (size_t i = 0; i < policy->mx_count; i++) {
        json_text(NULL, sts_policy_mx(policy, i));
    }
    json_close(']');
    json_number("max_age", info->max_age_s);
    json_number("fetched_at", info->fetched_at);
    json_number("expires_at", info->fetched_at + info->max_age_s);
    json_text("source", "fetched");
    json_close('}');
    json_line();
}

static void entry_words(const char *domain, const struct sts_cached *info,
                        const struct sts_policy *policy)
{
    time_t end = (time_t)(info->fetched_at + info->max_age_s);
    struct tm tm;
    char when[32] = "?";

    if (gmtime_r(&end, &tm) != NULL) {
        strftime(when, sizeof when, "%Y-%m-%d %H:%M", &tm);
    }
    printf("%-32s %-8s %-20s %-7s %s UTC ", domain, sts_mode_name(info->mode),
           info->id[0] != '\0' ? info->id : "-", end <= time(NULL) ? "expired" : "until", when);
    for (size_t i = 0; i < policy->mx_count; i++) {
        printf(" %s", sts_policy_mx(policy, i));
    }
    putchar('\n');
}

static int list(struct options *o, const struct sts_store *store)
{
    static struct sts_policy policy;
    struct sts_cached info;
    struct domains held = {0};
    int error = domains_held(store, &held);

    if (!o->json && held.count > 0) {
        printf("%-32s %-8s %-20s %-28s %s\n", "DOMAIN", "MODE", "ID", "IN FORCE", "MX");
    }
    for (size_t i = 0; error == STS_OK && i < held.count; i++) {
        error = sts_cache_peek(store, held.names[i], &policy, &info);
        if (error == STS_ERR_ABSENT) { /* dropped by another process, or damaged, which was said */
            error = STS_OK;
        } else if (error == STS_OK && o->json) {
            entry_json(held.names[i], &info, &policy);
        } else if (error == STS_OK) {
            entry_words(held.names[i], &info, &policy);
        }
    }
    return error != STS_OK ? cannot_read() : 0;
}

/* ---- drop ------------------------------------------------------------------------------------ */

static int drop(const struct sts_store *store, const char *domain)
{
    int error = sts_cache_drop(store, domain);

    if (error == STS_ERR_ABSENT) {
        say("no policy is held for %s", domain);
        return EX_DATAERR;
    }
    if (error != STS_OK) {
        say("the policy of %s cannot be dropped: the state directory cannot be written", domain);
        return EX_IOERR;
    }
    /* The wait after a failed fetch goes with it, or the next message would find neither. */
    (void)sts_cache_fetched(store, domain);
    return 0;
}

/* ---- refresh --------------------------------------------------------------------------------- */

static int refresh_one(const struct options *o, const char *domain)
{
    struct sts_time now;
    int error;

    time_now(&now);
    error = sts_mailer_refresh(&mailer, domain, &now);
    error = error != STS_OK ? error : mailer_run();
    if (o->json) {
        json_open(NULL, '{');
        json_text("domain", domain);
        json_bool("refreshed", error == STS_OK);
        json_text("error", error == STS_OK ? NULL : sts_err_name(error));
        json_close('}');
        json_line();
    } else if (error == STS_OK) {
        printf("%s: fetched\n", domain);
    } else if (error == STS_ERR_IO) {
        printf("%s: fetched, but it cannot be kept\n", domain);
    } else {
        printf("%s: not fetched: %s; the policy that is held stays\n", domain, sts_err_text(error));
    }
    fflush(stdout);
    return error == STS_OK ? 0 : error == STS_ERR_IO ? EX_IOERR : EX_TEMPFAIL;
}

static int refresh(struct options *o, const struct sts_store *store, const char *domain)
{
    static struct sts_mailer_config config;
    struct domains held = {0};
    int worst = 0, status;

    if (domain != NULL) {
        domains_add(&held, domain);
    } else if (domains_held(store, &held) != STS_OK) {
        return cannot_read();
    }
    if (held.count == 0) {
        return 0;
    }
    config.hostname = setup_hostname(o);
    if (config.hostname == NULL) {
        return EX_USAGE;
    }
    status = setup_mailer(o, &config);
    for (size_t i = 0; status == 0 && i < held.count; i++) {
        int one = refresh_one(o, held.names[i]);

        worst = one != 0 ? one : worst;
    }
    return status != 0 ? status : worst;
}

int cache_command(struct options *o)
{
    static char domain[STS_NAME_SIZE];
    const char *what = o->args_count > 0 ? o->args[0] : "list";
    const struct sts_store *store;
    bool dropping = strcmp(what, "drop") == 0;
    bool refreshing = strcmp(what, "refresh") == 0;

    if (!dropping && !refreshing && strcmp(what, "list") != 0) {
        return refused("there is no such cache command");
    }
    if (o->args_count > (dropping || refreshing ? 2u : 1u) || (dropping && o->args_count != 2)) {
        return refused("this is one domain too many, or too few");
    }
    if (o->args_count == 2 && !domain_canon(o->args[1], strlen(o->args[1]), domain)) {
        say("\"%s\" is not a domain name", shown(o->args[1]));
        return EX_DATAERR;
    }
    store = setup_store(o);
    if (store == NULL) {
        return EX_IOERR;
    }
    if (refreshing) {
        return refresh(o, store, o->args_count == 2 ? domain : NULL);
    }
    return dropping ? drop(store, domain) : list(o, store);
}
