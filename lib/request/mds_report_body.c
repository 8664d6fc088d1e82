/*
 * Parses the body of a report. Its size is bounded by MDS_REPORT_BYTES_MAX.
 */

#include "request/mds_report_body.h"

#include "base/mds_version.h"
#include "json/mds_json_reader.h"

typedef struct {
    mds_str_t          app;
    mds_str_t          device;
    mds_report_item_t  only;
    mds_report_item_t *items; /* NULL: there is the only one */
    size_t             count;
} mds_report_form_t;

/* Reads a string of at most MDS_VALUE_MAX bytes, which may be empty. */
static void
mds_read_value_text(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    if (!mds_json_is_string(json) || mds_json_string(json).len > MDS_VALUE_MAX)
    {
        mds_reader_fail_expected(r, json, "a string of at most %d bytes",
                                 MDS_VALUE_MAX);
        return;
    }

    *(mds_str_t *) dest = mds_arena_str(r->arena, mds_json_string(json));
}

static void
mds_read_report_version(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_str_t     text = mds_null_str;
    mds_version_t version;

    mds_read_value_text(r, json, &text);

    if (r->status == MDS_OK && text.len > 0
        && !mds_version_parse(text, &version)) {
        mds_reader_fail_expected(r, json, "a version such as \"3.2.0\"");
    }

    *(mds_str_t *) dest = text;
}

static void
mds_read_event(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    *(mds_report_event_t *) dest
        = mds_read_name(r, json, mds_report_event_names, MDS_EVENT_COUNT);
}

#define MDS_REPORT_RELEASE "the id of a release, as a manifest has it"
#define MDS_REPORT_EVENT "what has happened, such as \"installed\""

static const mds_field_t mds_report_fields[] = {
    { "release", mds_read_value_text, offsetof(mds_report_item_t, release),
      MDS_REPORT_RELEASE },
    { "version", mds_read_report_version, offsetof(mds_report_item_t, version),
      NULL },
    { "event", mds_read_event, offsetof(mds_report_item_t, event),
      MDS_REPORT_EVENT },
    { "detail", mds_read_value_text, offsetof(mds_report_item_t, detail),
      NULL },
};

static void
mds_read_report(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_read_object(r, json, mds_report_fields, mds_nelems(mds_report_fields),
                    dest);
}

static void
mds_read_reports(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_report_form_t *form = dest;
    void              *items = NULL;

    if (!mds_json_is_array(json) || mds_json_size(json) == 0
        || mds_json_size(json) > MDS_REPORTS_MAX)
    {
        mds_reader_fail_expected(r, json, "a list of 1 to %d reports",
                                 MDS_REPORTS_MAX);
        return;
    }

    mds_read_items(r, json, mds_read_report, sizeof(mds_report_item_t), &items,
                   &form->count);
    form->items = items;
}

static const mds_field_t mds_report_list_fields[] = {
    { "app", mds_read_value_text, offsetof(mds_report_form_t, app), NULL },
    { "device", mds_read_value_text, offsetof(mds_report_form_t, device),
      NULL },
    { "reports", mds_read_reports, 0, NULL },
};

static const mds_field_t mds_report_only_fields[] = {
    { "app", mds_read_value_text, offsetof(mds_report_form_t, app), NULL },
    { "device", mds_read_value_text, offsetof(mds_report_form_t, device),
      NULL },
    { "release", mds_read_value_text, offsetof(mds_report_form_t, only.release),
      MDS_REPORT_RELEASE },
    { "version", mds_read_report_version,
      offsetof(mds_report_form_t, only.version), NULL },
    { "event", mds_read_event, offsetof(mds_report_form_t, only.event),
      MDS_REPORT_EVENT },
    { "detail", mds_read_value_text, offsetof(mds_report_form_t, only.detail),
      NULL },
};

static void
mds_read_report_form(mds_reader_t *r, const mds_json_t *json,
                     mds_report_form_t *form)
{
    if (mds_json_get(json, "reports") != NULL) {
        mds_read_object(r, json, mds_report_list_fields,
                        mds_nelems(mds_report_list_fields), form);
    } else {
        mds_read_object(r, json, mds_report_only_fields,
                        mds_nelems(mds_report_only_fields), form);
    }
}

/* Claims app and device, and checks that there are both. */
static mds_status_t
mds_report_claim(const mds_report_form_t *form, mds_request_t *request,
                 mds_error_t *err)
{
    mds_status_t status
        = mds_request_set_claimed(request, mds_str("app"), form->app, err);

    if (status == MDS_OK) {
        status = mds_request_set_claimed(request, mds_str("device"),
                                         form->device, err);
    }

    return status == MDS_OK ? mds_request_validate_report(request, err)
                            : status;
}

/* Moves the reports from the form, which is in the arena, to the body. */
static void
mds_report_body_fill(mds_report_form_t *form, mds_report_body_t *body)
{
    body->items = form->items != NULL ? form->items : &form->only;
    body->count = form->items != NULL ? form->count : 1;
}

mds_status_t
mds_report_body_parse(mds_str_t bytes, mds_request_t *request, mds_error_t *err,
                      mds_report_body_t *body)
{
    mds_report_body_t parsed = { .arena = mds_arena_new() };
    mds_reader_t      r = { .arena = parsed.arena, .what = "body", .err = err };
    mds_json_t       *json = NULL;
    mds_report_form_t *form = NULL;
    mds_status_t       status = MDS_OK;

    if (parsed.arena != NULL) {
        form = mds_arena_calloc(parsed.arena, 1, sizeof(*form));
    }

    if (form == NULL) {
        status = mds_fail_memory(err);
    } else {
        status = mds_json_parse(bytes, "body", err, &json);
    }

    if (status == MDS_OK) {
        mds_read_report_form(&r, json, form);
        status = r.status;
    }

    if (status == MDS_OK && mds_arena_failed(parsed.arena)) {
        status = mds_fail_memory(err);
    }

    if (status == MDS_OK) {
        status = mds_report_claim(form, request, err);
    }

    mds_json_release(json);

    if (status != MDS_OK) {
        mds_report_body_free(&parsed);
        return status;
    }

    mds_report_body_fill(form, &parsed);
    *body = parsed;

    return MDS_OK;
}

void
mds_report_body_free(mds_report_body_t *body)
{
    mds_arena_free(body->arena);
    body->arena = NULL;
}
