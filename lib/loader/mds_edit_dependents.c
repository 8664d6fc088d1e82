/* Finds everything that still needs an app, a release, a list or a package. */

#include "loader/mds_edit_dependents.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mds_kind.h"

static const char *const mds_release_state_words[] = {
    [MDS_RELEASE_RUNNING] = "running",
    [MDS_RELEASE_PAUSED] = "paused",
    [MDS_RELEASE_ENDED] = "ended",
    [MDS_RELEASE_ROLLED_BACK] = "rolled back",
};

const char *
mds_release_state_name(const mds_release_t *release)
{
    return mds_release_state_words[release->state];
}

bool
mds_release_is_over(const mds_release_t *release)
{
    return release->state == MDS_RELEASE_ENDED
           || release->state == MDS_RELEASE_ROLLED_BACK;
}

MDS_PRINTF(2, 3)
static void
mds_dependents_add(mds_dependents_t *d, const char *format, ...)
{
    va_list args;
    int     n;

    if (++d->count > MDS_DEPENDENTS_TOLD || d->len >= sizeof(d->words)) {
        return;
    }

    if (d->count > 1) {
        d->len += (size_t) snprintf(d->words + d->len,
                                    sizeof(d->words) - d->len, ", ");
    }

    if (d->len < sizeof(d->words)) {
        va_start(args, format);
        n = vsnprintf(d->words + d->len, sizeof(d->words) - d->len, format,
                      args);
        va_end(args);
        d->len += n > 0 ? (size_t) n : 0;
    }
}

static void
mds_dependents_add_release(mds_dependents_t *d, const mds_release_t *release,
                           const char *why)
{
    mds_dependents_add(d, "release \"%.*s\" (%s%s)", MDS_STR(release->id),
                       mds_release_state_name(release), why);
}

static void
mds_dependents_add_messages(mds_dependents_t *d, const mds_model_t *model,
                            const mds_package_t *package, int64_t now_ms)
{
    for (size_t i = 0; i < model->message_count; i++) {
        mds_message_t *message = &model->messages[i];
        mds_strs_t     platform = { &message->platform, 1 };

        if (message->expires_ms > now_ms
            && (package == NULL
                || (mds_version_cmp(&message->key, &package->key) == 0
                    && mds_scopes_meet(&platform, &package->platforms))))
        {
            mds_dependents_add(d, "message %llu",
                               (unsigned long long) message->id);
        }
    }
}

void
mds_dependents_of_app(const mds_model_t *model, int64_t now_ms,
                      mds_dependents_t *dependents)
{
    for (size_t i = 0; i < model->release_count; i++) {
        if (!mds_release_is_over(&model->releases[i])) {
            mds_dependents_add_release(dependents, &model->releases[i], "");
        }
    }

    mds_dependents_add_messages(dependents, model, NULL, now_ms);
}

void
mds_dependents_of_list(const mds_model_t *model, mds_str_t list,
                       mds_dependents_t *dependents)
{
    for (size_t i = 0; i < model->release_count; i++) {
        const mds_release_t *release = &model->releases[i];

        if (mds_strs_contain(&release->audience.lists, list)) {
            mds_dependents_add_release(dependents, release, "");

        } else if (mds_strs_contain(&release->audience.except, list)) {
            mds_dependents_add_release(dependents, release, ", in except");
        }
    }
}

void
mds_dependents_of_release(const mds_model_t   *model,
                          const mds_release_t *release,
                          mds_dependents_t    *dependents)
{
    /* A release that was rolled back itself entitles no device to its version.
     */
    if (release->state == MDS_RELEASE_ROLLED_BACK) {
        return;
    }

    for (size_t i = 0; i < model->release_count; i++) {
        const mds_release_t *other = &model->releases[i];

        if (other->state == MDS_RELEASE_ROLLED_BACK
            && mds_version_cmp(&other->key, &release->key) > 0
            && mds_items_meet(other, release))
        {
            mds_dependents_add_release(dependents, other,
                                       ", its devices go back to this one");
        }
    }
}

static bool
mds_release_forces_full(const mds_release_t *release,
                        const mds_version_t *version)
{
    for (size_t i = 0; i < release->force_full.count; i++) {
        mds_version_t forced;

        if (mds_version_parse(release->force_full.items[i], &forced)
            && mds_version_cmp(&forced, version) == 0)
        {
            return true;
        }
    }

    return false;
}

static void
mds_dependents_add_releases_of(mds_dependents_t *d, const mds_model_t *model,
                               const mds_package_t *package)
{
    for (size_t i = 0; i < model->release_count; i++) {
        const mds_release_t *release = &model->releases[i];

        if (!mds_items_meet(release, package)) {
            continue;
        }

        if (mds_version_cmp(&release->key, &package->key) == 0) {
            mds_dependents_add_release(d, release, "");

        } else if (!mds_release_is_over(release)
                   && mds_release_forces_full(release, &package->key))
        {
            mds_dependents_add_release(d, release, ", in force_full");
        }
    }
}

/* Packages that ask for a difference from the version by its name. */
static void
mds_dependents_add_specs(mds_dependents_t *d, const mds_model_t *model,
                         const mds_package_t *package)
{
    for (size_t i = 0; i < model->package_count; i++) {
        const mds_package_t *other = &model->packages[i];
        mds_version_t        from;

        if (!mds_items_meet(other, package)) {
            continue;
        }

        for (size_t k = 0; k < other->spec_count; k++) {
            if (mds_version_parse(other->specs[k].from, &from)
                && mds_version_cmp(&from, &package->key) == 0)
            {
                mds_dependents_add(d, "the deltas of version %.*s",
                                   MDS_STR(other->version));
            }
        }
    }
}

void
mds_dependents_of_package(const mds_model_t   *model,
                          const mds_package_t *package, int64_t now_ms,
                          mds_dependents_t *dependents)
{
    mds_dependents_add_releases_of(dependents, model, package);
    mds_dependents_add_specs(dependents, model, package);

    if (mds_kind_has(package->kind, MDS_KIND_IS_APP)) {
        mds_dependents_add_messages(dependents, model, package, now_ms);
    }
}

mds_status_t
mds_dependents_check(const mds_dependents_t *dependents, const char *what,
                     mds_error_t *err)
{
    size_t more;

    if (dependents->count == 0) {
        return MDS_OK;
    }

    more = dependents->count > MDS_DEPENDENTS_TOLD
               ? dependents->count - MDS_DEPENDENTS_TOLD
               : 0;

    return more > 0
               ? mds_fail(err, MDS_CONFLICT, "%s is needed by %s and %zu more",
                          what, dependents->words, more)
               : mds_fail(err, MDS_CONFLICT, "%s is needed by %s", what,
                          dependents->words);
}
