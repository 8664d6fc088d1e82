/*
 * Adds, withdraws and expires gray messages in an app's state.
 */

#include "loader/mds_message.h"
#include "loader/mds_app_state.h"

#include <stdio.h>

#include "base/mds_choices.h"
#include "base/mds_kind.h"
#include "base/mds_time.h"

/* Returns the state's "messages", which are made if there are none. NULL: no
 * memory. */
static mds_json_t *
mds_messages_of(mds_json_t *state)
{
    if (mds_json_get(state, "messages") == NULL
        && mds_json_set(state, "messages",
                        mds_json_pack("{s:I, s:[]}", "next", (int64_t) 1,
                                      "items"))
               != MDS_OK)
    {
        return NULL;
    }

    return mds_json_get(state, "messages");
}

/* Returns whether a scope (a name, a list, or absent: all) has the platform. */
static bool
mds_scope_has(const mds_json_t *scope, mds_str_t platform)
{
    if (scope == NULL || mds_str_eq(mds_json_string(scope), platform)) {
        return true;
    }

    for (size_t i = 0; i < mds_json_size(scope); i++) {
        if (mds_str_eq(mds_json_string(mds_json_at(scope, i)), platform)) {
            return true;
        }
    }

    return false;
}

/* Returns the package's version as it was published, or an empty one. An
 * embedded version is known, but never offered: no device could install it. */
static mds_str_t
mds_message_find_version(const mds_json_t *state, mds_str_t platform,
                         const mds_version_t *version)
{
    const mds_json_t *packages = mds_app_state_get(state, "packages");

    for (size_t i = 0; i < mds_json_size(packages); i++) {
        const mds_json_t *package = mds_json_at(packages, i);
        mds_str_t         text = mds_json_get_string(package, "version");
        mds_version_t     published;

        if (mds_kind_has(mds_json_get_string(package, "kind"), MDS_KIND_IS_APP)
            && !mds_str_eq(mds_json_get_string(package, "delivery"),
                           mds_str("embedded"))
            && mds_scope_has(mds_json_get(package, "platform"), platform)
            && mds_version_parse(text, &published)
            && mds_version_cmp(&published, version) == 0)
        {
            return text;
        }
    }

    return mds_null_str;
}

static mds_json_t *
mds_message_new(int64_t id, mds_str_t platform, mds_str_t version,
                int64_t expires_ms, const mds_sha256_t *users)
{
    char time[MDS_TIME_BYTES], hex[MDS_SHA256_HEX + 1];

    return mds_json_pack("{s:I, s:o, s:o, s:s, s:s}", "id", id, "platform",
                         mds_json_string_new(platform), "version",
                         mds_json_string_new(version), "expires",
                         mds_time_format(expires_ms, time), "users",
                         mds_sha256_hex(users, hex));
}

/* Fails, and names the platforms of the version, or the versions of upgrades.
 */
static mds_status_t
mds_message_fail_unpublished(const mds_json_t *state, mds_str_t platform,
                             mds_str_t version, const mds_version_t *key,
                             mds_error_t *err)
{
    const mds_json_t *packages = mds_app_state_get(state, "packages");
    mds_choices_t     platforms, versions;
    char              text[MDS_CHOICES_BYTES], what[MDS_VERSION_MAX + 16];

    mds_choices_begin(&platforms, platform);
    mds_choices_begin(&versions, version);

    for (size_t i = 0; i < mds_json_size(packages); i++) {
        const mds_json_t *package = mds_json_at(packages, i);
        const mds_json_t *scope = mds_json_get(package, "platform");
        mds_str_t         own = mds_json_get_string(package, "version");
        mds_version_t     own_key;

        if (!mds_kind_has(mds_json_get_string(package, "kind"), MDS_KIND_IS_APP)
            || !mds_version_parse(own, &own_key))
        {
            continue;
        }

        mds_choices_add(&versions, own);

        if (mds_version_cmp(&own_key, key) == 0) {
            mds_choices_add(&platforms, mds_json_string(scope));

            for (size_t k = 0; mds_json_at(scope, k) != NULL; k++) {
                mds_choices_add(&platforms,
                                mds_json_string(mds_json_at(scope, k)));
            }
        }
    }

    snprintf(what, sizeof(what), "platforms of %.*s", MDS_STR(version));
    mds_choices_words(platforms.count > 0 ? &platforms : &versions,
                      platforms.count > 0 ? what : "versions of upgrade", text);

    return mds_fail(err, MDS_NOT_FOUND,
                    "there is no upgrade %.*s for platform \"%.*s\";"
                    " publish it first%s%s",
                    MDS_STR(version), MDS_STR(platform),
                    text[0] != '\0' ? "; " : "", text);
}

mds_status_t
mds_message_push(mds_json_t *state, mds_str_t platform, mds_str_t version,
                 int64_t expires_ms, const mds_sha256_t *users,
                 mds_error_t *err, uint64_t *id)
{
    mds_json_t   *messages = mds_messages_of(state);
    int64_t       next = mds_json_get_integer(messages, "next");
    mds_str_t     published;
    mds_version_t key;

    if (!mds_version_parse(version, &key)) {
        return mds_fail(err, MDS_INVALID, "\"%.*s\" is not a version",
                        MDS_STR(version));
    }

    published = mds_message_find_version(state, platform, &key);

    if (published.len == 0) {
        return mds_message_fail_unpublished(state, platform, version, &key,
                                            err);
    }

    if (mds_version_build(version).len > 0
        && !mds_str_eq(mds_version_build(version),
                       mds_version_build(published)))
    {
        return mds_fail(err, MDS_CONFLICT,
                        "the message names %.*s, and the package that is there"
                        " is %.*s: they differ in build metadata alone, which"
                        " is ignored in comparison; want %.*s",
                        MDS_STR(version), MDS_STR(published),
                        MDS_STR(published));
    }

    if (mds_json_append(mds_json_get(messages, "items"),
                        mds_message_new(next, platform, version, expires_ms,
                                        users))
            != MDS_OK
        || mds_json_set_integer(messages, "next", next + 1) != MDS_OK)
    {
        return mds_fail_memory(err);
    }

    *id = (uint64_t) next;
    return MDS_OK;
}

mds_status_t
mds_message_withdraw(mds_json_t *state, uint64_t id, mds_error_t *err)
{
    mds_json_t *items = mds_json_get(mds_json_get(state, "messages"), "items");

    for (size_t i = 0; i < mds_json_size(items); i++) {
        const mds_json_t *message = mds_json_at(items, i);

        if (mds_json_get_integer(message, "id") == (int64_t) id) {
            mds_json_remove(items, i);
            return MDS_OK;
        }
    }

    return mds_fail(err, MDS_NOT_FOUND, "there is no message %llu",
                    (unsigned long long) id);
}

static mds_status_t
mds_message_read(const mds_json_t *json, mds_arena_t *arena, mds_error_t *err,
                 mds_message_t *message)
{
    mds_str_t version = mds_json_get_string(json, "version");

    if (!mds_version_parse(version, &message->key)
        || !mds_time_parse(mds_json_get_string(json, "expires"),
                           &message->expires_ms)
        || !mds_sha256_parse(mds_json_get_string(json, "users"),
                             &message->users))
    {
        return mds_fail(err, MDS_DAMAGED, "journal: a message is damaged");
    }

    message->id = (uint64_t) mds_json_get_integer(json, "id");
    message->version = mds_arena_str(arena, version);
    message->platform
        = mds_arena_str(arena, mds_json_get_string(json, "platform"));

    return MDS_OK;
}

static bool
mds_message_is_over(const mds_json_t *message, int64_t now_ms)
{
    int64_t expires_ms;

    return mds_time_parse(mds_json_get_string(message, "expires"), &expires_ms)
           && now_ms - expires_ms >= MDS_MESSAGE_KEPT_MS;
}

bool
mds_message_prune(mds_json_t *state, int64_t now_ms, uint64_t *oldest)
{
    mds_json_t *messages = mds_json_get(state, "messages");
    mds_json_t *items = mds_json_get(messages, "items");
    size_t      before = mds_json_size(items);

    for (size_t i = before; i > 0; i--) {
        if (mds_message_is_over(mds_json_at(items, i - 1), now_ms)) {
            mds_json_remove(items, i - 1);
        }
    }

    *oldest = (uint64_t) mds_json_integer(
        mds_json_size(items) > 0 ? mds_json_get(mds_json_at(items, 0), "id")
                                 : mds_json_get(messages, "next"));

    return mds_json_size(items) < before;
}

mds_status_t
mds_message_fill_model(const mds_json_t *state, int64_t now_ms,
                       mds_model_t *model, mds_error_t *err)
{
    const mds_json_t *messages = mds_json_get(state, "messages");
    const mds_json_t *items = mds_json_get(messages, "items");
    mds_status_t      status = MDS_OK;

    if (messages == NULL) {
        return MDS_OK;
    }

    model->newest_message
        = (uint64_t) mds_json_get_integer(messages, "next") - 1;
    model->messages = mds_arena_calloc(model->arena, mds_json_size(items),
                                       sizeof(*model->messages));
    if (model->messages == NULL) {
        return mds_fail_memory(err);
    }

    model->message_count = 0;

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(items); i++) {
        if (!mds_message_is_over(mds_json_at(items, i), now_ms)) {
            status = mds_message_read(mds_json_at(items, i), model->arena, err,
                                      &model->messages[model->message_count]);
            model->message_count++;
        }
    }

    return status;
}
