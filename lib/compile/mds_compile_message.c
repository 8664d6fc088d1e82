/*
 * Compiles gray messages. A message has offers as a release has: the builds of
 * its version, with manifests of their own. Its users are a list of the
 * catalog.
 */

#include "base/mds_kind.h"
#include "compile/mds_compile_internal.h"

/* Makes a release of the message, for its manifests; NULL: no memory. */
static const mds_release_t *
mds_message_release(mds_arena_t *arena, const mds_message_t *message,
                    mds_str_t id)
{
    mds_release_t *release = mds_arena_calloc(arena, 1, sizeof(*release));

    if (release == NULL) {
        return NULL;
    }

    *release = (mds_release_t){
        .id = id,
        .kind = MDS_KIND_APP,
        .platforms = { (mds_str_t *) &message->platform, 1 },
        .version = message->version,
        .key = message->key,
    };

    return release;
}

/* Returns "files/SHA256" of the first build for everybody on the platform, or
 * of the first build if there is none. */
static mds_str_t
mds_message_url(const mds_compile_ctx_t *x, const mds_range_t *builds,
                const mds_message_t *message)
{
    const mds_package_t *best = NULL;
    const mds_strs_t     platform = { (mds_str_t *) &message->platform, 1 };
    char                 hex[MDS_SHA256_HEX + 1];

    for (uint32_t i = builds->first; i < builds->first + builds->count; i++) {
        const mds_package_t *build = x->builds.items[i];

        if (build->embedded || !mds_scopes_meet(&build->platforms, &platform)) {
            continue;
        }

        if (best == NULL
            || (best->channels.count + best->rules.count > 0
                && build->channels.count + build->rules.count == 0))
        {
            best = build;
        }
    }

    return best == NULL ? mds_str("")
                        : mds_arena_printf(x->model->arena, "files/%s",
                                           mds_sha256_hex(&best->sha256, hex));
}

static mds_status_t
mds_compile_message(mds_compile_ctx_t *x, const mds_message_t *message,
                    mds_error_t *err)
{
    mds_arena_t         *arena = x->model->arena;
    mds_str_t            id = mds_arena_printf(arena, "message-%llu",
                                               (unsigned long long) message->id);
    mds_range_t          builds = mds_compile_builds_of(x, &message->key);
    mds_range_t          offers = { 0 };
    mds_message_record_t record
        = { .id = message->id, .expires_ms = message->expires_ms };
    mds_status_t status;

    x->release = mds_message_release(arena, message, id);
    if (x->release == NULL) {
        return mds_fail_memory(err);
    }

    record.release = mds_record_builder_text(x->builder, id);
    record.platform = mds_record_builder_text(x->builder, message->platform);
    record.version = mds_record_builder_text(x->builder, message->version);
    record.version_key = mds_record_builder_version(x->builder, &message->key);
    record.list
        = mds_record_builder_text(x->builder,
                                  mds_message_list_key(x->model, message));
    record.url = mds_record_builder_text(x->builder,
                                         mds_message_url(x, &builds, message));

    status = mds_compile_offers(x, &builds, err, &offers);

    if (status == MDS_OK) {
        record.builds = builds;
        record.offers = offers;
        mds_record_builder_add(x->builder, MDS_TABLE_MESSAGES, &record);
    }

    return status;
}

mds_status_t
mds_compile_messages(mds_compile_ctx_t *x, mds_error_t *err)
{
    const mds_model_t *model = x->model;
    mds_status_t       status = MDS_OK;

    mds_record_builder_header(x->builder)->newest_message
        = model->newest_message;

    for (size_t i = model->message_count; status == MDS_OK && i > 0; i--) {
        status = mds_compile_message(x, &model->messages[i - 1], err);
    }

    return status;
}
