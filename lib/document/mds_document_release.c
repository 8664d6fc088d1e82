/*
 * Reads "releases": a release, its audience, what it says of deltas.
 */

#include <math.h>

#include "base/mds_kind.h"
#include "document/mds_document.h"
#include "document/mds_document_internal.h"

static void
mds_read_id(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_read_text(r, json, MDS_RELEASE_ID_MAX, dest);
}

/* Returns a percentage as a threshold. */
static uint64_t
mds_threshold(double percent)
{
    return percent >= 100 ? UINT64_MAX : (uint64_t) ldexp(percent / 100, 64);
}

typedef struct {
    double  from;
    double  to;
    int64_t start_ms;
    int64_t end_ms;
} mds_ramp_form_t;

static const mds_field_t mds_ramp_fields[] = {
    { "from", mds_read_percent, offsetof(mds_ramp_form_t, from),
      "a number from 0 to 100" },
    { "to", mds_read_percent, offsetof(mds_ramp_form_t, to),
      "a number from 0 to 100" },
    { "start", mds_read_time, offsetof(mds_ramp_form_t, start_ms),
      "a time such as \"2026-12-01T00:00:00Z\"" },
    { "end", mds_read_time, offsetof(mds_ramp_form_t, end_ms),
      "a time such as \"2026-12-01T00:00:00Z\"" },
};

static void
mds_read_ramp(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_audience_t *audience = dest;
    mds_ramp_form_t ramp = { 0 };

    mds_read_object(r, json, mds_ramp_fields, mds_nelems(mds_ramp_fields),
                    &ramp);

    if (r->status == MDS_OK && ramp.from > ramp.to) {
        mds_reader_fail_expected_in(r, json, "to", "no less than \"from\"");
    }

    if (r->status == MDS_OK && ramp.start_ms >= ramp.end_ms) {
        mds_reader_fail_expected_in(r, json, "end", "a time after \"start\"");
    }

    audience->flags |= MDS_AUDIENCE_RAMP;
    audience->values.ramp_from = mds_threshold(ramp.from);
    audience->values.ramp_to = mds_threshold(ramp.to);
    audience->values.ramp_start_ms = ramp.start_ms;
    audience->values.ramp_end_ms = ramp.end_ms;
}

static void
mds_read_count(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    *(uint64_t *) dest = (uint64_t) mds_read_integer(r, json, 1, INT64_MAX);
}

typedef struct {
    uint64_t count;
    int64_t  until_ms;
    mds_by_t by;
} mds_window_form_t;

static const mds_field_t mds_window_fields[] = {
    { "count", mds_read_count, offsetof(mds_window_form_t, count),
      "how many devices or users it lets in" },
    { "until", mds_read_time, offsetof(mds_window_form_t, until_ms), NULL },
    { "by", mds_read_by, offsetof(mds_window_form_t, by), NULL },
};

static void
mds_read_window(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_audience_t   *audience = dest;
    mds_window_form_t window = { .until_ms = INT64_MAX };

    mds_read_object(r, json, mds_window_fields, mds_nelems(mds_window_fields),
                    &window);

    audience->flags |= MDS_AUDIENCE_WINDOW;
    audience->window_by = window.by;
    audience->values.window_count = window.count;
    audience->values.window_until_ms = window.until_ms;
}

static void
mds_read_audience_percent(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_audience_t *audience = dest;
    double          percent = 0;

    mds_read_percent(r, json, &percent);
    audience->flags |= MDS_AUDIENCE_PERCENT;
    audience->percent = mds_threshold(percent);
}

static void
mds_read_all(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    bool all;

    mds_read_true(r, json, &all);
    ((mds_audience_t *) dest)->flags |= MDS_AUDIENCE_ALL;
}

static void
mds_read_audience_lists(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_audience_t *audience = dest;

    mds_read_strs(r, json, &audience->lists);
    audience->flags |= MDS_AUDIENCE_LISTS;
}

static const mds_field_t mds_audience_fields[] = {
    { "all", mds_read_all, 0, NULL },
    { "lists", mds_read_audience_lists, 0, NULL },
    { "except", mds_read_strs, offsetof(mds_audience_t, except), NULL },
    { "percent", mds_read_audience_percent, 0, NULL },
    { "ramp", mds_read_ramp, 0, NULL },
    { "window", mds_read_window, 0, NULL },
    { "by", mds_read_by, offsetof(mds_audience_t, by), NULL },
    { "seed", mds_read_id, offsetof(mds_audience_t, seed), NULL },
};

static void
mds_read_audience(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_audience_t *audience = dest;

    mds_read_object(r, json, mds_audience_fields,
                    mds_nelems(mds_audience_fields), audience);

    if (r->status == MDS_OK && audience->flags == 0) {
        mds_reader_fail_expected(r, json,
                                 "at least one of all, lists, percent, ramp and"
                                 " window");
    }
}

static void
mds_read_value(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_check_json_bytes(r, json, MDS_CONFIG_VALUE_MAX);
    *(const mds_json_t **) dest = json;
}

static void
mds_read_priority(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    *(int *) dest = (int) mds_read_integer(r, json, INT32_MIN, INT32_MAX);
}

static void
mds_read_state(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    *(mds_release_state_t *) dest
        = mds_read_name(r, json, mds_release_state_names, MDS_RELEASE_STATES);
}

static void
mds_read_missing(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    static const char *const names[] = { "full", "none" };

    *(mds_missing_t *) dest = mds_read_name(r, json, names, mds_nelems(names));
}

static void
mds_read_versions(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_strs_t *strs = dest;

    mds_read_array(r, json, "a list of versions", mds_read_version,
                   sizeof(mds_str_t), &strs->items, &strs->count);
}

static const mds_field_t mds_delta_fields[] = {
    { "stage", mds_read_version, offsetof(mds_release_t, stage), NULL },
    { "force_full", mds_read_versions, offsetof(mds_release_t, force_full),
      NULL },
    { "missing", mds_read_missing, offsetof(mds_release_t, missing), NULL },
};

static void
mds_read_delta(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_read_object(r, json, mds_delta_fields, mds_nelems(mds_delta_fields),
                    dest);
}

/* Reads a percentage of up to four decimals as millionths. */
static void
mds_read_failure_percent(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    const double one_percent = MDS_HALT_PPM_MAX / 100.0;
    double       percent = mds_json_is_number(json) ? mds_json_number(json) : 0;
    double       off;
    uint32_t     ppm = 0;

    if (percent > 0 && percent <= 100) {
        ppm = (uint32_t) (percent * one_percent + 0.5);
    }

    off = percent * one_percent - ppm;

    if (ppm == 0 || off > 1e-6 || off < -1e-6) {
        mds_reader_fail_expected(r, json,
                                 "a number from 0.0001 to 100, of at most four"
                                 " decimals");
    }

    *(uint32_t *) dest = ppm;
}

typedef struct {
    uint64_t min_reports;
    uint32_t failure_ppm;
    bool     rollback;
} mds_halt_form_t;

static const mds_field_t mds_halt_fields[] = {
    { "failure_percent", mds_read_failure_percent,
      offsetof(mds_halt_form_t, failure_ppm),
      "the share of failures that halts the release, in percent" },
    { "min_reports", mds_read_count, offsetof(mds_halt_form_t, min_reports),
      "how many devices must have reported" },
    { "rollback", mds_read_bool, offsetof(mds_halt_form_t, rollback), NULL },
};

static void
mds_read_halt(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_halt_form_t form = { 0 };

    mds_read_object(r, json, mds_halt_fields, mds_nelems(mds_halt_fields),
                    &form);

    *(mds_halt_t *) dest = (mds_halt_t){ .min_reports = form.min_reports,
                                         .failure_ppm = form.failure_ppm,
                                         .rollback = form.rollback };
}

static const mds_field_t mds_release_fields[] = {
    { "id", mds_read_id, offsetof(mds_release_t, id),
      "an id, which no other release of the app has" },
    { "kind", mds_read_kind, offsetof(mds_release_t, kind),
      "a kind such as \"upgrade\"" },
    { "name", mds_read_resource_name, offsetof(mds_release_t, name), NULL },
    { "platform", mds_read_one_or_strs, offsetof(mds_release_t, platforms),
      NULL },
    { "channel", mds_read_one_or_strs, offsetof(mds_release_t, channels),
      NULL },
    { "version", mds_read_version, offsetof(mds_release_t, version), NULL },
    { "value", mds_read_value, offsetof(mds_release_t, value), NULL },
    { "audience", mds_read_audience, offsetof(mds_release_t, audience),
      "an audience such as {\"all\": true}" },
    { "rules", mds_read_rules, offsetof(mds_release_t, rules), NULL },
    { "priority", mds_read_priority, offsetof(mds_release_t, priority), NULL },
    { "state", mds_read_state, offsetof(mds_release_t, state), NULL },
    { "start", mds_read_time, offsetof(mds_release_t, start_ms), NULL },
    { "end", mds_read_time, offsetof(mds_release_t, end_ms), NULL },
    { "delta", mds_read_delta, 0, NULL },
    { "halt", mds_read_halt, offsetof(mds_release_t, halt), NULL },
    { "meta", mds_read_meta, offsetof(mds_release_t, meta), NULL },
    { "force_below", mds_read_version, offsetof(mds_release_t, force_below),
      NULL },
};

static void
mds_read_release(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_release_t *release = dest;
    mds_str_t      kind = mds_json_get_string(json, "kind");

    release->start_ms = INT64_MIN;
    release->end_ms = INT64_MAX;
    release->missing = mds_kind_has(kind, MDS_KIND_DELTA_ONLY)
                           ? MDS_MISSING_NONE
                           : MDS_MISSING_FULL;

    mds_read_object(r, json, mds_release_fields, mds_nelems(mds_release_fields),
                    release);

    if (r->status == MDS_OK && release->version.len > 0
        && !mds_version_parse(release->version, &release->key))
    {
        mds_reader_fail_expected_in(r, json, "version", "a version");
    }
}

void
mds_read_releases(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_model_t *model = dest;

    mds_read_array(r, json, "a list of releases", mds_read_release,
                   sizeof(mds_release_t), &model->releases,
                   &model->release_count);
}
