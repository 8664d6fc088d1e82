/*
 * Compiles the configuration of an app into one record, since a client asks for
 * all of it. Its releases are in order of their keys, and then of choice.
 */

#include <stdlib.h>

#include "compile/mds_compile_internal.h"

static mds_status_t
mds_config_add_json(mds_buffer_t *bytes, const mds_json_t *json,
                    mds_error_t *err)
{
    char        *text;
    size_t       len;
    mds_status_t status
        = mds_json_dump(json, MDS_JSON_COMPACT, err, &text, &len);

    if (status == MDS_OK) {
        mds_buffer_add(bytes, text, len);
        free(text);
    }

    return status;
}

/* Adds key, or "key":value, to the bytes of the record as JSON. */
static mds_status_t
mds_config_json(mds_compile_ctx_t *x, mds_str_t key, const mds_json_t *value,
                mds_error_t *err, mds_span_t *span)
{
    mds_json_t  *name = mds_json_string_new(key);
    mds_buffer_t bytes = { 0 };
    mds_status_t status = mds_config_add_json(&bytes, name, err);

    if (status == MDS_OK && value != NULL) {
        mds_buffer_add(&bytes, ":", 1);
        status = mds_config_add_json(&bytes, value, err);
    }

    if (status == MDS_OK && mds_buffer_failed(&bytes)) {
        status = mds_fail_memory(err);
    }

    if (status == MDS_OK) {
        *span = mds_record_builder_text(x->builder, mds_buffer_str(&bytes));
    }

    mds_buffer_free(&bytes);
    mds_json_release(name);

    return status;
}

/* The members that are equal in releases for the same devices. Keys are
 * compared as bytes: members that do not count are zero. */
typedef struct MDS_PACKED {
    mds_range_t platforms;
    mds_range_t channels;
    mds_range_t rules;
    mds_range_t except;
    mds_range_t lists;
    mds_span_t  version_key;
    int64_t     start_ms;
    int64_t     end_ms;
    uint8_t     state;
    uint8_t     flags;
} mds_condition_key_t;

typedef struct {
    mds_compile_ctx_t *x;
    mds_intern_t      *conditions;  /* numbers are indexes of CONDITIONS */
    mds_intern_t      *keys;        /* numbers are indexes of KEYS; keys that
                                     * only settings have come behind */
    mds_setting_record_t *settings; /* of the model, in their order */
} mds_config_t;

static uint32_t
mds_config_condition(mds_config_t *c, const mds_release_record_t *release,
                     uint32_t index)
{
    mds_condition_key_t key = { .platforms = release->platforms,
                                .channels = release->channels,
                                .rules = release->rules,
                                .except = release->except,
                                .version_key = release->version_key,
                                .start_ms = release->start_ms,
                                .end_ms = release->end_ms,
                                .state = release->state };
    uint32_t            number;
    bool                fresh;

    if (release->salt == MDS_RECORD_NONE) {
        key.lists = release->lists;
        key.flags = release->flags;
    }

    number
        = mds_intern(c->conditions,
                     (mds_str_t){ sizeof(key), (const char *) &key }, &fresh);

    if (fresh) {
        mds_record_builder_add(c->x->builder, MDS_TABLE_CONDITIONS, &index);
    }

    return number;
}

/* Returns the place of a setting by its number. */
static uint32_t
mds_config_place(const mds_model_t *model, uint32_t number)
{
    size_t low = 0, high = model->setting_count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (model->settings[middle].number <= number) {
            low = middle;
        } else {
            high = middle;
        }
    }

    return (uint32_t) low;
}

static mds_status_t
mds_config_release(mds_config_t *c, const mds_release_t *release,
                   mds_error_t *err)
{
    mds_compile_ctx_t   *x = c->x;
    mds_release_record_t record = { 0 };
    mds_candidate_t      candidate
        = { .release = mds_record_builder_count(x->builder, MDS_TABLE_RELEASES),
            .setting = mds_config_place(x->model, release->number) };
    mds_status_t status;

    mds_compile_release_head(x, release, &record);

    if ((status = mds_compile_extra(x, release, &record, err)) != MDS_OK) {
        return status;
    }

    record.setting = mds_record_builder_text(x->builder, release->name);
    mds_record_builder_add(x->builder, MDS_TABLE_RELEASES, &record);

    candidate.bucket = record.salt == MDS_RECORD_NONE ? MDS_BUCKET_NONE
                       : record.flags == MDS_AUDIENCE_PERCENT
                           ? MDS_BUCKET_PERCENT
                           : MDS_BUCKET_ASK;
    candidate.by = record.by;
    candidate.salt = record.salt;
    candidate.percent = record.percent;
    candidate.condition = mds_config_condition(c, &record, candidate.release);
    mds_record_builder_add(x->builder, MDS_TABLE_CANDIDATES, &candidate);

    return candidate.condition == UINT32_MAX
               ? mds_fail_memory(err)
               : mds_config_json(x, release->name, release->value, err,
                                 &c->settings[candidate.setting].member);
}

/* Adds all releases of the key of releases[first]; *next is behind them. */
static mds_status_t
mds_config_key(mds_config_t *c, size_t first, mds_error_t *err, size_t *next)
{
    mds_compile_ctx_t    *x = c->x;
    mds_record_builder_t *builder = x->builder;
    mds_str_t             name = x->releases[first]->name;
    mds_config_key_t key = { .name = mds_record_builder_text(builder, name) };
    mds_status_t     status = MDS_OK;
    size_t           i = first;
    bool             fresh;

    if (mds_intern(c->keys, name, &fresh) == UINT32_MAX) {
        return mds_fail_memory(err);
    }

    key.candidates.first
        = mds_record_builder_count(builder, MDS_TABLE_CANDIDATES);

    while (status == MDS_OK && i < x->release_count
           && mds_str_eq(x->releases[i]->name, name))
    {
        status = mds_config_release(c, x->releases[i], err);
        i++;
    }

    key.candidates.count = (uint32_t) (i - first);
    mds_record_builder_add(builder, MDS_TABLE_KEYS, &key);
    *next = i;

    return status;
}

static mds_status_t
mds_config_setting(mds_config_t *c, size_t i, mds_error_t *err)
{
    mds_record_builder_t *builder = c->x->builder;
    const mds_setting_t  *setting = &c->x->model->settings[i];
    mds_setting_record_t *record = &c->settings[i];
    bool                  fresh;
    uint32_t              key = mds_intern(c->keys, setting->key, &fresh);
    mds_status_t          status;

    if (key == UINT32_MAX) {
        return mds_fail_memory(err);
    }

    record->number = setting->number;
    record->key = key < mds_record_builder_count(builder, MDS_TABLE_KEYS)
                      ? key
                      : MDS_RECORD_NONE;
    status = mds_config_json(c->x, setting->key, NULL, err, &record->quoted);
    mds_record_builder_add(builder, MDS_TABLE_SETTINGS, record);

    return status;
}

static mds_status_t
mds_config_tables(mds_config_t *c, mds_error_t *err)
{
    mds_compile_ctx_t *x = c->x;
    mds_status_t       status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < x->release_count;) {
        status = mds_config_key(c, i, err, &i);
    }

    for (size_t i = 0; status == MDS_OK && i < x->model->setting_count; i++) {
        status = mds_config_setting(c, i, err);
    }

    return status;
}

mds_status_t
mds_compile_config(mds_compile_ctx_t *x, mds_error_t *err)
{
    mds_config_t c
        = { .x = x, .conditions = mds_intern_new(), .keys = mds_intern_new() };
    mds_status_t status;

    c.settings = calloc(x->model->setting_count + 1, sizeof(*c.settings));
    mds_record_builder_header(x->builder)->epoch = x->model->epoch;

    status = c.conditions == NULL || c.keys == NULL || c.settings == NULL
                 ? mds_fail_memory(err)
                 : mds_config_tables(&c, err);

    mds_intern_free(c.conditions);
    mds_intern_free(c.keys);
    free(c.settings);

    return status;
}
