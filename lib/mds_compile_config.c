/*
 * All configuration of an app is one record, whose releases are in order of
 * their keys, and of choice below a key: a client asks for all of it.
 */

#include <stdlib.h>

#include "mds_compile_part.h"

/* By key, then as ever. */
static int
mds_config_cmp(const void *a, const void *b)
{
    const mds_release_t *ra = *(const mds_release_t *const *) a;
    const mds_release_t *rb = *(const mds_release_t *const *) b;
    int                  order = mds_str_cmp(ra->name, rb->name);

    if (order == 0) {
        order = (ra->priority < rb->priority) - (ra->priority > rb->priority);
    }

    return order != 0 ? order
                      : (ra->index < rb->index) - (ra->index > rb->index);
}

/* A string as JSON, in bytes of the record; what follows it is added. */
static mds_status_t
mds_config_json(mds_compiling_t *x, const mds_json_t *key,
                const mds_json_t *value, mds_error_t *err, mds_span_t *span)
{
    mds_buffer_t bytes = { 0 };
    char        *text = NULL;
    size_t       len;
    mds_status_t status
        = mds_json_dump(key, MDS_JSON_COMPACT, err, &text, &len);

    if (status == MDS_OK) {
        mds_buffer_add(&bytes, text, len);
        free(text);
    }

    if (status == MDS_OK && value != NULL) {
        status = mds_json_dump(value, MDS_JSON_COMPACT, err, &text, &len);
        if (status == MDS_OK) {
            mds_buffer_add(&bytes, ":", 1);
            mds_buffer_add(&bytes, text, len);
            free(text);
        }
    }

    if (status == MDS_OK && mds_buffer_failed(&bytes)) {
        status = mds_fail(err, MDS_NO_MEMORY, "no memory");
    }

    if (status == MDS_OK) {
        *span = mds_builder_text(x->builder,
                                 (mds_str_t){ bytes.len,
                                              (const char *) bytes.data });
    }

    mds_buffer_free(&bytes);
    return status;
}

static mds_status_t
mds_config_release(mds_compiling_t *x, const mds_release_t *release,
                   mds_error_t *err)
{
    mds_release_record_t record = { .number = release->number };
    mds_json_t          *key = mds_json_string_new(release->name);
    mds_status_t         status;

    mds_compile_release_head(x, release, &record);
    record.setting = mds_builder_text(x->builder, release->name);
    status = mds_config_json(x, key, release->value, err, &record.member);
    mds_json_release(key);

    mds_builder_add(x->builder, MDS_TABLE_RELEASES, &record);

    return status;
}

static mds_status_t
mds_config_setting(mds_compiling_t *x, const mds_setting_t *setting,
                   mds_error_t *err)
{
    mds_setting_record_t record = { .number = setting->number };
    mds_json_t          *key = mds_json_string_new(setting->key);
    mds_status_t         status;

    record.key = mds_builder_text(x->builder, setting->key);
    status = mds_config_json(x, key, NULL, err, &record.quoted);
    mds_json_release(key);

    mds_builder_add(x->builder, MDS_TABLE_SETTINGS, &record);

    return status;
}

mds_status_t
mds_compile_config(mds_compiling_t *x, mds_error_t *err)
{
    const mds_model_t *model = x->model;
    mds_status_t       status = MDS_OK;

    mds_builder_header(x->builder)->epoch = model->epoch;

    qsort(x->releases, x->release_count, sizeof(*x->releases), mds_config_cmp);

    for (size_t i = 0; status == MDS_OK && i < x->release_count; i++) {
        status = mds_config_release(x, x->releases[i], err);
    }

    for (size_t i = 0; status == MDS_OK && i < model->setting_count; i++) {
        status = mds_config_setting(x, &model->settings[i], err);
    }

    return status;
}
