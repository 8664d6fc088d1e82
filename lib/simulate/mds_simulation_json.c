/* The result of a simulation as JSON. */

#include <stdlib.h>

#include "simulate/mds_simulation_internal.h"

/* A row and its number of devices, for sorting. */
typedef struct {
    size_t   row;
    uint64_t devices;
    uint64_t requests;
} mds_ranked_t;

static int
mds_ranked_cmp(const void *a, const void *b)
{
    const mds_ranked_t *x = a, *y = b;

    if (x->devices != y->devices) {
        return x->devices < y->devices ? 1 : -1;
    }

    if (x->requests != y->requests) {
        return x->requests < y->requests ? 1 : -1;
    }

    return x->row < y->row ? -1 : 1;
}

static int64_t
mds_simulation_devices(const mds_simulation_t *s, size_t group)
{
    return (int64_t) mds_distinct_count(s->devices, (unsigned) group);
}

/* Returns a string, or null for an empty one. */
static mds_json_t *
mds_string_or_null(mds_str_t text)
{
    return text.len > 0 ? mds_json_string_new(text) : mds_json_null_new();
}

static mds_json_t *
mds_told_json(mds_action_t action, mds_str_t version)
{
    return mds_json_pack("{s:s, s:o}", "action", mds_action_name(action),
                         "version", mds_string_or_null(version));
}

static mds_json_t *
mds_bad_lines_json(const mds_bad_lines_t *bad)
{
    if (bad->count == 0) {
        return mds_json_pack("{s:i}", "count", 0);
    }

    return mds_json_pack("{s:I, s:I, s:o}", "count", (int64_t) bad->count,
                         "line", (int64_t) bad->line, "text",
                         mds_json_string_new(mds_str_of(bad->text)));
}

static mds_json_t *
mds_row_examples_json(const mds_row_t *row)
{
    mds_json_t  *examples = mds_json_array_new();
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < row->example_count; i++) {
        status = mds_json_append(examples, mds_json_retain(row->examples[i]));
    }

    if (status != MDS_OK) {
        mds_json_release(examples);
        return NULL;
    }

    return examples;
}

static mds_json_t *
mds_row_json(const mds_simulation_t *s, const mds_ranked_t *ranked)
{
    const mds_row_t *row = &s->rows[ranked->row];

    if (ranked->row == 0) {
        return mds_json_pack("{s:s, s:I, s:I, s:[]}", "test", "other",
                             "devices", (int64_t) ranked->devices, "requests",
                             (int64_t) row->requests, "examples");
    }

    /* clang-format off */
    return mds_json_pack("{s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:b, s:s, s:I,"
                         " s:I, s:o}",
                         "kind", mds_json_string_new(row->kind),
                         "name", mds_json_string_new(row->name),
                         "from", mds_told_json(row->from_action,
                                               row->from_version),
                         "to", mds_told_json(row->to_action, row->to_version),
                         "release", mds_string_or_null(row->cause.release),
                         "test", row->cause.test,
                         "attribute", mds_string_or_null(row->cause.attribute),
                         "gains", (int) row->cause.gains,
                         "reason", mds_reason_name(row->reason),
                         "devices", (int64_t) ranked->devices,
                         "requests", (int64_t) row->requests,
                         "examples", mds_row_examples_json(row));
    /* clang-format on */
}

/* Returns the rows, those with most devices first. */
static mds_json_t *
mds_rows_json(const mds_simulation_t *s)
{
    mds_ranked_t *ranked = calloc(s->row_count + 1, sizeof(*ranked));
    mds_json_t   *rows = mds_json_array_new();
    size_t        count = 0;
    mds_status_t  status = ranked == NULL ? MDS_NO_MEMORY : MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < s->row_count; i++) {
        if (s->rows[i].requests > 0) {
            ranked[count++] = (mds_ranked_t){
                .row = i,
                .devices
                = (uint64_t) mds_simulation_devices(s, MDS_GROUP_FIRST + i),
                .requests = s->rows[i].requests,
            };
        }
    }

    if (status == MDS_OK) {
        qsort(ranked, count, sizeof(*ranked), mds_ranked_cmp);
    }

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        status = mds_json_append(rows, mds_row_json(s, &ranked[i]));
    }

    free(ranked);

    if (status != MDS_OK) {
        mds_json_release(rows);
        return NULL;
    }

    return rows;
}

static mds_json_t *
mds_windows_json(const mds_simulation_t *s)
{
    mds_json_t  *windows = mds_json_array_new();
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < s->window_count; i++) {
        const mds_window_row_t *w = &s->windows[i];

        status = mds_json_append(
            windows,
            mds_json_pack("{s:o, s:I, s:I, s:I}", "release",
                          mds_json_string_new(w->release), "places",
                          (int64_t) w->places, "candidates",
                          mds_simulation_devices(s, MDS_GROUP_FIRST
                                                        + MDS_ROWS_MAX + i),
                          "requests", (int64_t) w->requests));
    }

    if (status != MDS_OK) {
        mds_json_release(windows);
        return NULL;
    }

    return windows;
}

mds_json_t *
mds_simulation_json(const mds_simulation_t *s)
{
    /* clang-format off */
    return mds_json_pack("{s:{s:I, s:o, s:I, s:I, s:o, s:I},"
                         " s:{s:I, s:I, s:b, s:I}, s:{s:I, s:I}, s:o, s:o}",
                         "log",
                         "lines", (int64_t) s->lines,
                         "wrong", mds_bad_lines_json(&s->wrong),
                         "other_requests", (int64_t) s->others,
                         "other_apps", (int64_t) s->foreign,
                         "refused", mds_bad_lines_json(&s->refused),
                         "batches_without_body", (int64_t) s->bodiless,
                         "checks",
                         "requests", (int64_t) s->requests,
                         "devices", mds_simulation_devices(s, MDS_GROUP_ALL),
                         "devices_exact",
                         (int) mds_distinct_is_exact(s->devices),
                         "without_device", (int64_t) s->nameless,
                         "changed",
                         "requests", (int64_t) s->changed,
                         "devices", mds_simulation_devices(s,
                                                           MDS_GROUP_CHANGED),
                         "rows", mds_rows_json(s),
                         "windows", mds_windows_json(s));
    /* clang-format on */
}
