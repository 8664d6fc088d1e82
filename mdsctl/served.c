/* served: walks the generation in force. */

#include "served.h"

#include "base/mds_arena.h"
#include "base/mds_choices.h"
#include "base/mds_time.h"
#include "loader/mds_catalog_visit.h"
#include "overview/mds_overview.h"

mds_status_t
mdsctl_app_is_served(mds_catalog_t *catalog, mds_str_t app, mds_error_t *err)
{
    mds_catalog_cursor_t cursor;
    mds_choices_t        choices;
    char                 text[MDS_CHOICES_BYTES];
    mds_str_t            key, value;
    bool                 found = false;

    mds_choices_begin(&choices, app);
    mds_catalog_walk(catalog, MDS_CATALOG_APPS, MDS_LAYERS_MAX, mds_null_str,
                     &cursor);

    while (!found && mds_catalog_next(&cursor, &key, &value)) {
        found = mds_str_eq(key, app);
        mds_choices_add(&choices, key);
    }

    mds_catalog_walk_end(&cursor);

    if (found || mds_catalog_status(catalog, err) != MDS_OK) {
        return mds_catalog_status(catalog, err);
    }

    mds_choices_words(&choices, "apps", text);

    return mds_fail(err, MDS_NOT_FOUND, "there is no app \"%.*s\"%s%s",
                    MDS_STR(app), text[0] != '\0' ? "; " : "", text);
}

mds_status_t
mdsctl_served_visit_apps(mds_catalog_t            *catalog,
                         mdsctl_served_app_visit_t visit, void *data,
                         mds_error_t *err)
{
    mds_catalog_cursor_t cursor;
    mds_str_t            key, value;
    mds_status_t         status = MDS_OK;

    mds_catalog_walk(catalog, MDS_CATALOG_APPS, MDS_LAYERS_MAX, mds_null_str,
                     &cursor);

    while (status == MDS_OK && mds_catalog_next(&cursor, &key, &value)) {
        status = visit(data, key, err);
    }

    mds_catalog_walk_end(&cursor);

    return status == MDS_OK ? mds_catalog_status(catalog, err) : status;
}

/* A visit of an app's records. */
typedef struct {
    mdsctl_served_visit_t visit;
    void                 *data;
} visit_t;

static mds_status_t
visit_app(mds_catalog_t *catalog, mds_str_t app, mds_record_visit_t records,
          visit_t *visit, mds_error_t *err)
{
    char      bytes[MDS_APP_MAX + 1];
    mds_str_t prefix = { app.len + 1, bytes };

    if (app.len > MDS_APP_MAX) {
        return MDS_OK;
    }

    memcpy(bytes, app.data, app.len);
    bytes[app.len] = '\0';

    return mds_catalog_visit_records(catalog, prefix, records, visit, err);
}

/* Returns an object with the kind and name of the record's resource. */
static mds_json_t *
make_item(const mds_record_t *record, mds_str_t setting)
{
    mds_str_t name = mds_record_bytes(record, record->key);
    mds_str_t kind;

    (void) mds_str_cut(&name, '\0');
    kind = mds_str_cut(&name, '\0');
    name = setting.len > 0 ? setting : name;

    return name.len > 0
               ? mds_json_pack("{s:o, s:o}", "kind", mds_json_string_new(kind),
                               "name", mds_json_string_new(name))
               : mds_json_pack("{s:o}", "kind", mds_json_string_new(kind));
}

/* Sets a text, unless it is empty. */
static mds_status_t
set_text(mds_json_t *item, const char *key, mds_str_t text)
{
    return text.len == 0 ? MDS_OK : mds_json_set_str(item, key, text);
}

/* Sets platforms or channels: a string or an array; nothing for all. */
static mds_status_t
set_scope(mds_json_t *item, const char *key, const mds_record_t *record,
          mds_range_t texts)
{
    mds_json_t  *array;
    mds_status_t status = MDS_OK;

    if (texts.count <= 1) {
        return texts.count == 0
                   ? MDS_OK
                   : mds_json_set_str(item, key,
                                      mds_record_text(record, texts.first));
    }

    array = mds_json_array_new();

    for (uint32_t i = 0; status == MDS_OK && i < texts.count; i++) {
        status = mds_json_append(array,
                                 mds_json_string_new(
                                     mds_record_text(record, texts.first + i)));
    }

    if (status != MDS_OK) {
        mds_json_release(array);
        return status;
    }

    return mds_json_set(item, key, array);
}

static mds_status_t
set_time(mds_json_t *item, const char *key, int64_t ms)
{
    char text[MDS_TIME_BYTES];

    return ms == INT64_MIN || ms == INT64_MAX
               ? MDS_OK
               : mds_json_set_str(item, key,
                                  mds_str_of(mds_time_format(ms, text)));
}

static mds_status_t
set_audience(mds_json_t *item, const mds_record_t *record,
             const mds_release_record_t *release)
{
    mds_arena_t *arena = mds_arena_new();
    mds_alloc_t  alloc = mds_arena_allocator(arena);
    mds_writer_t writer = { .alloc = &alloc };
    mds_json_t  *audience = NULL, *window;
    mds_status_t status = MDS_NO_MEMORY;

    if (arena != NULL) {
        mds_overview_write_audience(record, release, &writer);
    }

    if (arena != NULL && !writer.failed) {
        audience = mds_json_pack("{s:o}", "words",
                                 mds_json_string_new(mds_writer_str(&writer)));
        status = audience == NULL ? MDS_NO_MEMORY : MDS_OK;
    }

    if (status == MDS_OK && (release->flags & MDS_AUDIENCE_WINDOW) != 0) {
        window = mds_json_pack("{s:I}", "count",
                               (int64_t) release->audience.window_count);
        status = set_time(window, "until", release->audience.window_until_ms);

        if (status == MDS_OK) {
            status = mds_json_set(audience, "window", window);
        } else {
            mds_json_release(window);
        }
    }

    mds_arena_free(arena);

    if (status != MDS_OK) {
        mds_json_release(audience);
        return status;
    }

    return mds_json_set(item, "audience", audience);
}

static mds_status_t
set_release(mds_json_t *item, const mds_record_t *record,
            const mds_release_record_t *release)
{
    const char  *state = mds_release_state_names[release->state];
    mds_status_t status;

    if ((status = set_text(item, "id", mds_record_bytes(record, release->id)))
            != MDS_OK
        || (status = set_text(item, "version",
                              mds_record_bytes(record, release->version)))
               != MDS_OK
        || (status = set_scope(item, "platform", record, release->platforms))
               != MDS_OK
        || (status = set_scope(item, "channel", record, release->channels))
               != MDS_OK
        || (status = set_audience(item, record, release)) != MDS_OK
        || (status = mds_json_set_str(item, "state", mds_str_of(state)))
               != MDS_OK
        || (status = set_time(item, "start", release->start_ms)) != MDS_OK)
    {
        return status;
    }

    return set_time(item, "end", release->end_ms);
}

static mds_status_t
visit_releases(void *data, const mds_record_t *record, mds_error_t *err)
{
    const visit_t *visit = data;
    mds_status_t   status = MDS_OK;

    for (uint32_t i = 0;
         status == MDS_OK && i < record->tables[MDS_TABLE_RELEASES].count; i++)
    {
        const mds_release_record_t *release
            = mds_record_item(record, MDS_TABLE_RELEASES, i);
        mds_json_t *item
            = make_item(record, mds_record_bytes(record, release->setting));

        status = item == NULL
                     ? mds_fail_memory(err)
                     : mds_json_done(set_release(item, record, release), err);

        if (status == MDS_OK) {
            status = visit->visit(visit->data, item, 0, err);
        }

        mds_json_release(item);
    }

    return status;
}

mds_status_t
mdsctl_served_visit_releases(mds_catalog_t *catalog, mds_str_t app,
                             mdsctl_served_visit_t visit, void *data,
                             mds_error_t *err)
{
    visit_t v = { visit, data };

    return visit_app(catalog, app, visit_releases, &v, err);
}

static mds_status_t
set_package(mds_json_t *item, const mds_record_t *record,
            const mds_build_t *build)
{
    mds_status_t status;

    if ((status = set_scope(item, "platform", record, build->platforms))
            != MDS_OK
        || (status = set_scope(item, "channel", record, build->channels))
               != MDS_OK
        || (status = set_text(item, "version",
                              mds_record_bytes(record, build->version)))
               != MDS_OK)
    {
        return status;
    }

    return build->embedded
               ? mds_json_set_str(item, "delivery", mds_str("embedded"))
               : MDS_OK;
}

static mds_status_t
visit_packages(void *data, const mds_record_t *record, mds_error_t *err)
{
    const visit_t *visit = data;
    mds_status_t   status = MDS_OK;

    for (uint32_t i = 0;
         status == MDS_OK && i < record->tables[MDS_TABLE_BUILDS].count; i++)
    {
        const mds_build_t *build = mds_record_item(record, MDS_TABLE_BUILDS, i);
        mds_json_t        *item = make_item(record, mds_null_str);

        status = item == NULL
                     ? mds_fail_memory(err)
                     : mds_json_done(set_package(item, record, build), err);

        if (status == MDS_OK) {
            status = visit->visit(visit->data, item, 0, err);
        }

        mds_json_release(item);
    }

    return status;
}

mds_status_t
mdsctl_served_visit_packages(mds_catalog_t *catalog, mds_str_t app,
                             mdsctl_served_visit_t visit, void *data,
                             mds_error_t *err)
{
    visit_t v = { visit, data };

    return visit_app(catalog, app, visit_packages, &v, err);
}
