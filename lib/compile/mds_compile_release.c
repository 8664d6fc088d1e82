/*
 * Compiles the head of a release: its scope, rules, audience and times.
 */

#include "compile/mds_compile_internal.h"

/* Adds the release's salt, which makes its buckets independent of others', but
 * for those with the same seed. */
static uint32_t
mds_compile_salt(mds_compile_ctx_t *x, const mds_release_t *release)
{
    mds_str_t seed
        = release->audience.seed.len > 0 ? release->audience.seed : release->id;
    uint32_t index = mds_record_builder_count(x->builder, MDS_TABLE_SALTS);
    mds_sha256_state_t state;
    mds_sha256_t       digest;
    mds_salt_t         salt;

    mds_sha256_begin(&state);
    mds_sha256_add(&state, x->model->app.data, x->model->app.len);
    mds_sha256_add(&state, "", 1);
    mds_sha256_add(&state, seed.data, seed.len);
    mds_sha256_end(&state, &digest);
    memcpy(salt.bytes, digest.bytes, sizeof(salt.bytes));
    mds_record_builder_add(x->builder, MDS_TABLE_SALTS, &salt);

    return index;
}

void
mds_compile_fill_salts(mds_compile_ctx_t *x)
{
    static const mds_salt_t none;

    while (mds_record_builder_count(x->builder, MDS_TABLE_SALTS)
               % MDS_SIPHASH_LANES
           != 0)
    {
        mds_record_builder_add(x->builder, MDS_TABLE_SALTS, &none);
    }
}

static mds_range_t
mds_compile_versions(mds_compile_ctx_t *x, const mds_strs_t *versions)
{
    uint32_t first = mds_record_builder_count(x->builder, MDS_TABLE_TEXTS);

    for (size_t i = 0; i < versions->count; i++) {
        mds_span_t span
            = mds_record_builder_parsed_version(x->builder, versions->items[i]);

        mds_record_builder_add(x->builder, MDS_TABLE_TEXTS, &span);
    }

    return mds_record_builder_range(x->builder, MDS_TABLE_TEXTS, first);
}

/* Returns the key of a release in the state: app 00 release. */
static mds_span_t
mds_compile_state_key(mds_compile_ctx_t *x, const mds_release_t *release)
{
    return mds_record_builder_bytes(x->builder,
                                    mds_arena_printf(x->model->arena,
                                                     "%.*s%c%.*s",
                                                     MDS_STR(x->model->app), 0,
                                                     MDS_STR(release->id)));
}

static void
mds_compile_audience(mds_compile_ctx_t *x, const mds_release_t *release,
                     mds_release_record_t *record)
{
    const mds_audience_t *audience = &release->audience;

    record->flags = audience->flags;
    record->by = (uint8_t) audience->by;
    record->window_by = (uint8_t) audience->window_by;
    record->lists = mds_compile_list_refs(x, &audience->lists);
    record->except = mds_compile_list_refs(x, &audience->except);
    record->percent = audience->percent;
    record->audience = audience->values;

    if ((audience->flags & MDS_AUDIENCE_WINDOW) != 0) {
        record->audience.window = mds_compile_state_key(x, release);
    }
}

void
mds_compile_halt(mds_compile_ctx_t *x, const mds_release_t *release,
                 uint32_t index, mds_release_record_t *record)
{
    mds_halt_record_t halt = { .release = index, .limit = release->halt };

    if (release->halt.failure_ppm != 0) {
        record->halt = mds_record_builder_count(x->builder, MDS_TABLE_HALTS);
        halt.key = mds_compile_state_key(x, release);
        mds_record_builder_add(x->builder, MDS_TABLE_HALTS, &halt);
    }
}

void
mds_compile_release_head(mds_compile_ctx_t *x, const mds_release_t *release,
                         mds_release_record_t *record)
{
    mds_record_builder_t *builder = x->builder;

    record->priority = release->priority;
    record->state = (uint8_t) release->state;
    record->missing = (uint8_t) release->missing;
    record->start_ms = release->start_ms;
    record->end_ms = release->end_ms;
    record->id = mds_record_builder_text(builder, release->id);
    record->version = mds_record_builder_text(builder, release->version);
    record->version_key = mds_record_builder_version(builder, &release->key);
    record->platforms = mds_record_builder_texts(builder, &release->platforms);
    record->channels = mds_record_builder_texts(builder, &release->channels);
    record->rules = mds_compile_rules(x, &release->rules);
    record->force_full = mds_compile_versions(x, &release->force_full);
    record->stage = mds_record_builder_parsed_version(builder, release->stage);
    record->salt
        = (release->audience.flags & (MDS_AUDIENCE_PERCENT | MDS_AUDIENCE_RAMP))
                  != 0
              ? mds_compile_salt(x, release)
              : MDS_RECORD_NONE;
    record->halt = MDS_RECORD_NONE;
    record->extra = MDS_RECORD_NONE;
    mds_compile_audience(x, release, record);
}
