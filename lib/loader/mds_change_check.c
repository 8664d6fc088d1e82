/*
 * Checks a change: its packages, its releases, its messages. It also has the
 * helpers of these checks.
 */

#include "loader/mds_change_check.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mds_kind.h"
#include "loader/mds_change_check_internal.h"
#include "loader/mds_diff.h"

mds_status_t
mds_change_fail(const mds_change_check_t *check, mds_status_t status,
                const char *part, size_t index, const char *key,
                mds_error_t *err, const char *format, ...)
{
    char    words[MDS_ERROR_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);

    return mds_fail(err, status, "%s: /%s/%zu/%s: %s", check->what, part, index,
                    key, words);
}

mds_status_t
mds_change_warn(const mds_change_check_t *check, mds_error_t *err,
                const char *format, ...)
{
    char    words[MDS_ERROR_BYTES];
    size_t  given = mds_json_size(check->warnings);
    va_list args;

    if (given > MDS_CHANGE_WARNINGS_MAX) {
        return MDS_OK;
    }

    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);

    if (given == MDS_CHANGE_WARNINGS_MAX) {
        snprintf(words, sizeof(words), "there are more warnings than %d",
                 MDS_CHANGE_WARNINGS_MAX);
    }

    return mds_json_done(mds_json_append(check->warnings,
                                         mds_json_string_new(
                                             mds_str_of(words))),
                         err);
}

mds_str_t
mds_change_find_comma(const mds_strs_t *names)
{
    for (size_t i = 0; i < names->count; i++) {
        if (memchr(names->items[i].data, ',', names->items[i].len) != NULL) {
            return names->items[i];
        }
    }

    return mds_null_str;
}

/* Returns the release of the platform's official version, or NULL. */
static const mds_release_t *
mds_change_find_official(const mds_change_check_t *check, mds_str_t platform)
{
    const mds_model_t   *model = check->model;
    const mds_strs_t     wanted = { &platform, 1 };
    const mds_release_t *best = NULL;

    for (size_t i = 0; i < model->release_count; i++) {
        const mds_release_t *release = &model->releases[i];

        if (mds_kind_has(release->kind, MDS_KIND_IS_APP)
            && release->state == MDS_RELEASE_RUNNING
            && (release->audience.flags & MDS_AUDIENCE_ALL) != 0
            && release->audience.except.count == 0 && release->rules.count == 0
            && release->start_ms <= check->now_ms
            && release->end_ms > check->now_ms
            && mds_scopes_meet(&release->platforms, &wanted)
            && (best == NULL || mds_version_cmp(&release->key, &best->key) > 0))
        {
            best = release;
        }
    }

    return best;
}

/* Warns of each new message whose version the official one has reached: it does
 * not hit unless the release of the official version is paused. */
static mds_status_t
mds_change_messages(const mds_change_check_t *check, mds_error_t *err)
{
    const mds_model_t *model = check->model;
    int64_t            next
        = mds_json_get_integer(mds_json_get(check->before, "messages"), "next");
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < model->message_count; i++) {
        const mds_message_t *message = &model->messages[i];
        const mds_release_t *official;

        if ((int64_t) message->id < next) {
            continue;
        }

        official = mds_change_find_official(check, message->platform);

        if (official != NULL
            && mds_version_cmp(&official->key, &message->key) >= 0) {
            status = mds_change_warn(check, err,
                                     "the message to %.*s=%.*s does not hit"
                                     " while release \"%.*s\" gives %.*s to"
                                     " everybody",
                                     MDS_STR(message->platform),
                                     MDS_STR(message->version),
                                     MDS_STR(official->id),
                                     MDS_STR(official->version));
        }
    }

    return status;
}

mds_status_t
mds_change_check(const mds_change_check_t *check, mds_error_t *err)
{
    const mds_json_t *changes = check->changes;
    mds_status_t      status = MDS_OK;

    if (check->applies || mds_diff_has(changes, "package")) {
        status = mds_change_packages(check, err);
    }

    if (status == MDS_OK
        && (check->applies || mds_diff_has(changes, "release"))) {
        status = mds_change_releases(check, err);
    }

    if (status == MDS_OK && !check->reverts && mds_diff_has(changes, "message"))
    {
        status = mds_change_messages(check, err);
    }

    return status;
}
