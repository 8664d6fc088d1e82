/* dependents: finds what still needs a release, a list or a package. */

#include "command/dependents.h"

#include "base/mds_kind.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const state_names[] = {
    [MDS_RELEASE_RUNNING] = "running",
    [MDS_RELEASE_PAUSED] = "paused",
    [MDS_RELEASE_ENDED] = "ended",
    [MDS_RELEASE_ROLLED_BACK] = "rolled back",
};

const char *
mdsctl_release_state_name(const mds_release_t *release)
{
    return state_names[release->state];
}

bool
mdsctl_release_is_over(const mds_release_t *release)
{
    return release->state == MDS_RELEASE_ENDED
           || release->state == MDS_RELEASE_ROLLED_BACK;
}

MDS_PRINTF(2, 3)
static void
add(mdsctl_dependents_t *d, const char *format, ...)
{
    va_list args;
    int     n;

    if (++d->count > MDSCTL_DEPENDENTS_TOLD || d->len >= sizeof(d->words)) {
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
add_release(mdsctl_dependents_t *d, const mds_release_t *release,
            const char *why)
{
    add(d, "release \"%.*s\" (%s%s)", MDS_STR(release->id),
        mdsctl_release_state_name(release), why);
}

static void
add_messages(mdsctl_dependents_t *d, const mds_model_t *model,
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
            add(d, "message %llu", (unsigned long long) message->id);
        }
    }
}

void
mdsctl_dependents_of_app(const mds_model_t *model, int64_t now_ms,
                         mdsctl_dependents_t *dependents)
{
    for (size_t i = 0; i < model->release_count; i++) {
        if (!mdsctl_release_is_over(&model->releases[i])) {
            add_release(dependents, &model->releases[i], "");
        }
    }

    add_messages(dependents, model, NULL, now_ms);
}

static bool
has(const mds_strs_t *strs, mds_str_t value)
{
    for (size_t i = 0; i < strs->count; i++) {
        if (mds_str_eq(strs->items[i], value)) {
            return true;
        }
    }

    return false;
}

void
mdsctl_dependents_of_list(const mds_model_t *model, mds_str_t list,
                          mdsctl_dependents_t *dependents)
{
    for (size_t i = 0; i < model->release_count; i++) {
        const mds_release_t *release = &model->releases[i];

        if (has(&release->audience.lists, list)) {
            add_release(dependents, release, "");

        } else if (has(&release->audience.except, list)) {
            add_release(dependents, release, ", in except");
        }
    }
}

void
mdsctl_dependents_of_release(const mds_model_t   *model,
                             const mds_release_t *release,
                             mdsctl_dependents_t *dependents)
{
    /* Who is entitled to a version that was rolled back itself? */
    if (release->state == MDS_RELEASE_ROLLED_BACK) {
        return;
    }

    for (size_t i = 0; i < model->release_count; i++) {
        const mds_release_t *other = &model->releases[i];

        if (other->state == MDS_RELEASE_ROLLED_BACK
            && mds_resource_cmp(other->kind, other->name, release->kind,
                                release->name)
                   == 0
            && mds_version_cmp(&other->key, &release->key) > 0
            && mds_scopes_meet(&other->platforms, &release->platforms)
            && mds_scopes_meet(&other->channels, &release->channels))
        {
            add_release(dependents, other, ", its devices go back to this one");
        }
    }
}

static bool
forces_full(const mds_release_t *release, const mds_version_t *version)
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
add_releases_of(mdsctl_dependents_t *d, const mds_model_t *model,
                const mds_package_t *package)
{
    for (size_t i = 0; i < model->release_count; i++) {
        const mds_release_t *release = &model->releases[i];

        if (mds_resource_cmp(release->kind, release->name, package->kind,
                             package->name)
                != 0
            || !mds_scopes_meet(&release->platforms, &package->platforms)
            || !mds_scopes_meet(&release->channels, &package->channels))
        {
            continue;
        }

        if (mds_version_cmp(&release->key, &package->key) == 0) {
            add_release(d, release, "");

        } else if (!mdsctl_release_is_over(release)
                   && forces_full(release, &package->key))
        {
            add_release(d, release, ", in force_full");
        }
    }
}

/* Packages that ask for a difference from the version by its name. */
static void
add_specs_for(mdsctl_dependents_t *d, const mds_model_t *model,
              const mds_package_t *package)
{
    for (size_t i = 0; i < model->package_count; i++) {
        const mds_package_t *other = &model->packages[i];
        mds_version_t        from;

        if (mds_resource_cmp(other->kind, other->name, package->kind,
                             package->name)
                != 0
            || !mds_scopes_meet(&other->platforms, &package->platforms)
            || !mds_scopes_meet(&other->channels, &package->channels))
        {
            continue;
        }

        for (size_t k = 0; k < other->spec_count; k++) {
            if (mds_version_parse(other->specs[k].from, &from)
                && mds_version_cmp(&from, &package->key) == 0)
            {
                add(d, "the deltas of version %.*s", MDS_STR(other->version));
            }
        }
    }
}

void
mdsctl_dependents_of_package(const mds_model_t   *model,
                             const mds_package_t *package, int64_t now_ms,
                             mdsctl_dependents_t *dependents)
{
    add_releases_of(dependents, model, package);
    add_specs_for(dependents, model, package);

    if (mds_kind_has(package->kind, MDS_KIND_IS_APP)) {
        add_messages(dependents, model, package, now_ms);
    }
}

mds_status_t
mdsctl_dependents_check(const mdsctl_dependents_t *dependents, const char *what,
                        mds_error_t *err)
{
    size_t more;

    if (dependents->count == 0) {
        return MDS_OK;
    }

    more = dependents->count > MDSCTL_DEPENDENTS_TOLD
               ? dependents->count - MDSCTL_DEPENDENTS_TOLD
               : 0;

    return more > 0
               ? mds_fail(err, MDS_CONFLICT, "%s is needed by %s and %zu more",
                          what, dependents->words, more)
               : mds_fail(err, MDS_CONFLICT, "%s is needed by %s", what,
                          dependents->words);
}
