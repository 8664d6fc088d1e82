/*
 * Checks the releases that a change touches: a final state stays as it is, and
 * what makes no sense is refused, or, in a document, warned of.
 */

#include <stdio.h>
#include <stdlib.h>

#include "base/mds_time.h"
#include "loader/mds_change_check_internal.h"
#include "loader/mds_diff.h"
#include "request/mds_request.h"

typedef struct {
    const mds_change_check_t *check;
    const mds_release_t      *release;
    const mds_json_t         *before; /* NULL: the release is new */
    const mds_json_t         *after;  /* NULL: the release is unchanged */
    mds_error_t              *err;
} mds_change_release_t;

/* Checks that a final state stays: a release that has ended may only be rolled
 * back, and one that was rolled back changes no more. */
static mds_status_t
mds_change_final(const mds_change_release_t *c)
{
    const mds_release_t *release = c->release;
    mds_str_t            was = mds_json_get_string(c->before, "state");
    bool                 ended = mds_str_eq(was, mds_str("ended"));
    bool                 rolled_back = mds_str_eq(was, mds_str("rolled_back"));

    if (release->state == MDS_RELEASE_ROLLED_BACK
        || (release->state == MDS_RELEASE_ENDED && !rolled_back)
        || (!ended && !rolled_back))
    {
        return MDS_OK;
    }

    return mds_change_fail(c->check, MDS_CONFLICT, "releases", release->index,
                           "state", c->err,
                           "found \"%s\"; release \"%.*s\" is %.*s, which is"
                           " final: a new release takes up what it was for, and"
                           " `mdsctl revert` undoes a change",
                           mds_release_state_names[release->state],
                           MDS_STR(release->id), MDS_STR(was));
}

/* Checks that "end" is after "start". */
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

/* Refuses a release of "1.0+6" if the package is 1.0+5. */
static mds_status_t
mds_change_build(const mds_change_release_t *c)
{
    const mds_release_t *release = c->release;
    const mds_model_t   *model = c->check->model;
    mds_str_t            build = mds_version_build(release->version);

    for (size_t i = 0; build.len > 0 && i < model->package_count; i++) {
        const mds_package_t *package = &model->packages[i];

        if (mds_items_meet(package, release)
            && mds_version_cmp(&package->key, &release->key) == 0
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
mds_change_touches(const mds_change_release_t *c, const char *key)
{
    return c->after != NULL
           && !mds_json_equal(mds_json_get(c->before, key),
                              mds_json_get(c->after, key));
}

static const mds_json_t *
mds_change_until(const mds_json_t *release)
{
    const mds_json_t *audience = mds_json_get(release, "audience");

    return mds_json_get(mds_json_get(audience, "window"), "until");
}

/* Checks that a time is to come. One that this step has set is an error; else
 * it is a warning, since releases that have ended stay in documents. */
static mds_status_t
mds_change_over(const mds_change_release_t *c, int64_t time_ms, bool is_set,
                const char *key, const char *words)
{
    const mds_release_t *release = c->release;
    char                 time[MDS_TIME_BYTES];

    if (time_ms > c->check->now_ms || release->state != MDS_RELEASE_RUNNING) {
        return MDS_OK;
    }

    mds_time_format(time_ms, time);

    if (is_set && !c->check->applies && !c->check->reverts) {
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
        = mds_change_over(c, c->release->end_ms, mds_change_touches(c, "end"),
                          "end", "its end");
    bool is_set = c->after != NULL
                  && !mds_json_equal(mds_change_until(c->before),
                                     mds_change_until(c->after));

    if (status != MDS_OK || (audience->flags & MDS_AUDIENCE_WINDOW) == 0) {
        return status;
    }

    return mds_change_over(c, audience->values.window_until_ms, is_set,
                           "audience/window/until", "its window's until");
}

/* Warns if "all" makes the rest of the audience void. */
static mds_status_t
mds_change_all(const mds_change_release_t *c)
{
    static const char *const keys[] = { MDS_AUDIENCES(MDS_AUDIENCE_KEY) };
    unsigned                 flags = c->release->audience.flags;
    char                     words[64] = "";
    size_t                   len = 0;

    for (size_t i = 0; i < mds_nelems(keys); i++) {
        if (i != MDS_AUDIENCE_ALL_BIT && (flags & 1u << i) != 0) {
            len += (size_t) snprintf(words + len, sizeof(words) - len, "%s%s",
                                     len > 0 ? ", " : "", keys[i]);
        }
    }

    return (flags & MDS_AUDIENCE_ALL) == 0 || len == 0
               ? MDS_OK
               : mds_change_warn(c->check, c->err,
                                 "release \"%.*s\": \"all\" is everybody, and"
                                 " the rest of its audience (%s) says nothing",
                                 MDS_STR(c->release->id), words);
}

/* Refuses a new name with a comma in it, which was probably meant as several,
 * and warns of one that exists. */
static mds_status_t
mds_change_names(const mds_change_release_t *c, const mds_strs_t *names,
                 const char *key)
{
    mds_str_t name = mds_change_find_comma(names);

    if (name.len == 0) {
        return MDS_OK;
    }

    if (mds_change_touches(c, key) && !c->check->applies && !c->check->reverts)
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

/* Warns of an attribute that resembles a built-in one: a rule about an
 * attribute that no request has never holds. */
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

/* Refuses errors, but only in what the change has touched. */
static mds_status_t
mds_change_refuse(const mds_change_release_t *c)
{
    mds_status_t status;

    if (c->after == NULL || c->check->reverts) {
        return MDS_OK;
    }

    status = mds_change_final(c);

    if (status == MDS_OK
        && (mds_change_touches(c, "start") || mds_change_touches(c, "end")))
    {
        status = mds_change_order(c);
    }

    return status == MDS_OK
                   && (mds_change_touches(c, "version")
                       || mds_change_touches(c, "platform")
                       || mds_change_touches(c, "channel"))
               ? mds_change_build(c)
               : status;
}

static mds_status_t
mds_change_release(const mds_change_release_t *c)
{
    const mds_release_t *release = c->release;
    mds_status_t         status = mds_change_refuse(c);

    if (status == MDS_OK && mds_change_touches(c, "rules")) {
        status = mds_change_rules(c);
    }

    if (status != MDS_OK
        || (status = mds_change_names(c, &release->platforms, "platform"))
               != MDS_OK
        || (status = mds_change_names(c, &release->channels, "channel"))
               != MDS_OK
        || (status = mds_change_times(c)) != MDS_OK)
    {
        return status;
    }

    return release->state == MDS_RELEASE_RUNNING ? mds_change_all(c) : MDS_OK;
}

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

/* Collects the releases that are new or changed, by id; free(*entries). */
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

        if (mds_diff_is(change, "release")
            && mds_json_get(change, "after") != NULL) {
            sorted[n++]
                = (mds_change_entry_t){ mds_json_get_string(change, "id"),
                                        change };
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
