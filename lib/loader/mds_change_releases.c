/*
 * Releases that a change touches: what is final stays so, and what nobody can
 * mean is refused, or, in a document, warned of.
 */

#include <stdio.h>
#include <stdlib.h>

#include "base/mds_time.h"
#include "loader/mds_change_check_internal.h"
#include "request/mds_request.h"

typedef struct {
    const mds_change_check_t *check;
    const mds_release_t      *release;
    const mds_json_t         *before; /* NULL: a new one */
    const mds_json_t         *after;  /* NULL: it is as it was */
    mds_error_t              *err;
} mds_change_release_t;

static const char *const mds_change_states[]
    = { "running", "paused", "ended", "rolled_back" };

static mds_status_t
mds_change_final(const mds_change_release_t *c)
{
    const mds_release_t *release = c->release;
    mds_str_t was = mds_json_string(mds_json_get(c->before, "state"));
    bool      ended = mds_str_eq(was, mds_str("ended"));
    bool      recalled = mds_str_eq(was, mds_str("rolled_back"));

    if (release->state == MDS_RELEASE_ROLLED_BACK
        || (release->state == MDS_RELEASE_ENDED && !recalled)
        || (!ended && !recalled))
    {
        return MDS_OK;
    }

    return mds_change_fail(c->check, MDS_CONFLICT, "releases", release->index,
                           "state", c->err,
                           "found \"%s\"; release \"%.*s\" is %.*s, which is"
                           " final: a new release takes up what it was for, and"
                           " `mdsctl revert` undoes a change",
                           mds_change_states[release->state],
                           MDS_STR(release->id), MDS_STR(was));
}

static mds_status_t
mds_change_order(const mds_change_release_t *c)
{
    const mds_release_t *release = c->release;
    char                 start[MDS_TIME_BYTES], end[MDS_TIME_BYTES];

    return release->end_ms > release->start_ms
               ? MDS_OK
               : mds_change_fail(c->check, MDS_INVALID, "releases",
                                 release->index, "end", c->err,
                                 "found %s; want a time after \"start\", which"
                                 " is %s",
                                 mds_time_format(release->end_ms, end),
                                 mds_time_format(release->start_ms, start));
}

/* A release of "1.0+6" would give out 1.0+5. */
static mds_status_t
mds_change_build(const mds_change_release_t *c)
{
    const mds_release_t *release = c->release;
    const mds_model_t   *model = c->check->model;
    mds_str_t            build = mds_version_build(release->version);

    for (size_t i = 0; build.len > 0 && i < model->package_count; i++) {
        const mds_package_t *package = &model->packages[i];

        if (mds_resource_cmp(package->kind, package->name, release->kind,
                             release->name)
                == 0
            && mds_version_cmp(&package->key, &release->key) == 0
            && mds_scopes_meet(&package->platforms, &release->platforms)
            && mds_scopes_meet(&package->channels, &release->channels)
            && !mds_str_eq(mds_version_build(package->version), build))
        {
            return mds_change_fail(c->check, MDS_CONFLICT, "releases",
                                   release->index, "version", c->err,
                                   "found %.*s, and the package that is there"
                                   " is %.*s: they differ in build metadata"
                                   " alone, which is ignored in comparison;"
                                   " want %.*s",
                                   MDS_STR(release->version),
                                   MDS_STR(package->version),
                                   MDS_STR(package->version));
        }
    }

    return MDS_OK;
}

static bool
mds_change_touches(const mds_change_release_t *c, const char *a, const char *b,
                   const char *key)
{
    const mds_json_t *was = c->before, *is = c->after;
    const char       *keys[] = { a, b, key };

    for (size_t i = 0; i < mds_nelems(keys); i++) {
        if (keys[i] != NULL) {
            was = mds_json_get(was, keys[i]);
            is = mds_json_get(is, keys[i]);
        }
    }

    return c->after != NULL && !mds_json_equal(was, is);
}

/* A time that is over: an error in a step that says so, else a warning, since
 * what has ended stays in documents. */
static mds_status_t
mds_change_over(const mds_change_release_t *c, int64_t time_ms, bool said,
                const char *key, const char *words)
{
    const mds_release_t *release = c->release;
    char                 time[MDS_TIME_BYTES];

    if (time_ms > c->check->now_ms || release->state != MDS_RELEASE_RUNNING) {
        return MDS_OK;
    }

    mds_time_format(time_ms, time);

    if (said && !c->check->applies && !c->check->reverts) {
        return mds_change_fail(c->check, MDS_INVALID, "releases",
                               release->index, key, c->err,
                               "found %s, which is over; want a time to come",
                               time);
    }

    return mds_change_warn(c->check, c->err,
                           "release \"%.*s\": %s %s is over: it takes no new"
                           " devices",
                           MDS_STR(release->id), words, time);
}

static mds_status_t
mds_change_times(const mds_change_release_t *c)
{
    const mds_audience_t *audience = &c->release->audience;
    mds_status_t          status
        = mds_change_over(c, c->release->end_ms,
                          mds_change_touches(c, "end", NULL, NULL), "end",
                          "its end");

    if (status != MDS_OK || !audience->has_window) {
        return status;
    }

    return mds_change_over(c, audience->window_until_ms,
                           mds_change_touches(c, "audience", "window", "until"),
                           "audience/window/until", "its window's until");
}

static mds_status_t
mds_change_all(const mds_change_release_t *c)
{
    const mds_audience_t *audience = &c->release->audience;
    const struct {
        bool        is;
        const char *name;
    } parts[] = { { audience->lists.count > 0, "lists" },
                  { audience->has_percent, "percent" },
                  { audience->has_ramp, "ramp" },
                  { audience->has_window, "window" } };
    char   words[64] = "";
    size_t len = 0;

    for (size_t i = 0; i < mds_nelems(parts); i++) {
        if (parts[i].is) {
            len += (size_t) snprintf(words + len, sizeof(words) - len, "%s%s",
                                     len > 0 ? ", " : "", parts[i].name);
        }
    }

    return !audience->all || len == 0
               ? MDS_OK
               : mds_change_warn(c->check, c->err,
                                 "release \"%.*s\": \"all\" is everybody, and"
                                 " the rest of its audience (%s) says nothing",
                                 MDS_STR(c->release->id), words);
}

static mds_status_t
mds_change_names(const mds_change_release_t *c, const mds_strs_t *names,
                 const char *key)
{
    mds_str_t name = mds_change_comma(names);

    if (name.len == 0) {
        return MDS_OK;
    }

    if (mds_change_touches(c, key, NULL, NULL) && !c->check->applies
        && !c->check->reverts)
    {
        return mds_change_fail(c->check, MDS_INVALID, "releases",
                               c->release->index, key, c->err,
                               "found \"%.*s\", which is one name with a comma"
                               " in it; want --%s once for each",
                               MDS_STR(name), key);
    }

    return mds_change_warn(c->check, c->err,
                           "release \"%.*s\": the %s \"%.*s\" is one name with"
                           " a comma in it; several are a list",
                           MDS_STR(c->release->id), key, MDS_STR(name));
}

/* A rule about an attribute that no request has holds for nobody. */
static mds_status_t
mds_change_rules(const mds_change_release_t *c)
{
    const mds_rules_t *rules = &c->release->rules;
    mds_status_t       status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < rules->count; i++) {
        mds_str_t name = rules->items[i].attribute;
        mds_str_t nearest = mds_attribute_nearest(name);

        if (nearest.len > 0) {
            status = mds_change_warn(c->check, c->err,
                                     "release \"%.*s\": the attribute"
                                     " \"%.*s\" is one of your own; did you"
                                     " mean %.*s?",
                                     MDS_STR(c->release->id), MDS_STR(name),
                                     MDS_STR(nearest));
        }
    }

    return status;
}

/* Errors: of what is new alone. */
static mds_status_t
mds_change_refuse(const mds_change_release_t *c)
{
    mds_status_t status;

    if (c->after == NULL || c->check->reverts) {
        return MDS_OK;
    }

    status = mds_change_final(c);

    if (status == MDS_OK
        && (mds_change_touches(c, "start", NULL, NULL)
            || mds_change_touches(c, "end", NULL, NULL)))
    {
        status = mds_change_order(c);
    }

    return status == MDS_OK
                   && (mds_change_touches(c, "version", NULL, NULL)
                       || mds_change_touches(c, "platform", NULL, NULL)
                       || mds_change_touches(c, "channel", NULL, NULL))
               ? mds_change_build(c)
               : status;
}

static mds_status_t
mds_change_release(const mds_change_release_t *c)
{
    mds_status_t status = mds_change_refuse(c);

    if (status == MDS_OK && mds_change_touches(c, "rules", NULL, NULL)) {
        status = mds_change_rules(c);
    }

    if (status == MDS_OK) {
        status = mds_change_names(c, &c->release->platforms, "platform");
    }

    if (status == MDS_OK) {
        status = mds_change_names(c, &c->release->channels, "channel");
    }

    if (status == MDS_OK) {
        status = mds_change_times(c);
    }

    return status == MDS_OK && c->release->state == MDS_RELEASE_RUNNING
               ? mds_change_all(c)
               : status;
}

/* --- which of them */

typedef struct {
    mds_str_t         id;
    const mds_json_t *change;
} mds_change_entry_t;

static int
mds_change_entry_cmp(const void *a, const void *b)
{
    return mds_str_cmp(((const mds_change_entry_t *) a)->id,
                       ((const mds_change_entry_t *) b)->id);
}

/* The changes of releases, by id; free(*entries). */
static mds_status_t
mds_change_entries(const mds_change_check_t *check, mds_error_t *err,
                   mds_change_entry_t **entries, size_t *count)
{
    size_t              size = mds_json_size(check->changes), n = 0;
    mds_change_entry_t *sorted = calloc(size + 1, sizeof(*sorted));

    if (sorted == NULL) {
        return mds_fail_memory(err);
    }

    for (size_t i = 0; i < size; i++) {
        const mds_json_t *change = mds_json_at(check->changes, i);

        if (mds_str_eq(mds_json_string(mds_json_get(change, "what")),
                       mds_str("release"))
            && mds_json_get(change, "after") != NULL)
        {
            sorted[n].id = mds_json_string(mds_json_get(change, "id"));
            sorted[n++].change = change;
        }
    }

    qsort(sorted, n, sizeof(*sorted), mds_change_entry_cmp);
    *entries = sorted;
    *count = n;

    return MDS_OK;
}

mds_status_t
mds_change_releases(const mds_change_check_t *check, mds_error_t *err)
{
    mds_change_entry_t *entries = NULL;
    size_t              count = 0;
    mds_status_t status = mds_change_entries(check, err, &entries, &count);

    for (size_t i = 0; status == MDS_OK && i < check->model->release_count; i++)
    {
        const mds_release_t      *release = &check->model->releases[i];
        mds_change_entry_t        key = { .id = release->id };
        const mds_change_entry_t *entry
            = bsearch(&key, entries, count, sizeof(key), mds_change_entry_cmp);
        const mds_json_t    *change = entry == NULL ? NULL : entry->change;
        mds_change_release_t c
            = { check, release, mds_json_get(change, "before"),
                mds_json_get(change, "after"), err };

        if (change != NULL || check->applies) {
            status = mds_change_release(&c);
        }
    }

    free(entries);
    return status;
}
