/* reporting: sends the reports of `mdsctl check --report`. */

#include "device/reporting.h"

#include <stdlib.h>

#include "base/mds_halt.h"

int
mdsctl_reporting_check(const mds_request_t *request)
{
    return mds_request_attr(request, MDS_ATTR_DEVICE).len > 0
               ? MDSCTL_DONE
               : mdsctl_fail_usage("--report needs the attribute device=ID");
}

/* Cuts the text to what a report may have, not in the middle of a character. */
static mds_str_t
detail_of(const char *text)
{
    mds_str_t detail = mds_str_of(text);

    if (detail.len > MDS_REPORT_DETAIL_MAX) {
        detail.len = MDS_REPORT_DETAIL_MAX;

        while (detail.len > 0
               && ((uint8_t) detail.data[detail.len] & 0xc0) == 0x80) {
            detail.len--;
        }
    }

    return detail;
}

static mds_status_t
add_report(const mdsctl_check_t *c, mds_report_event_t event, mds_str_t detail,
           mds_json_t *reports)
{
    const mds_client_manifest_t *o = &c->order;
    mds_str_t                    version = o->rollback ? o->from : o->version;
    mds_json_t *report = mds_json_pack("{s:o, s:o, s:s}", "release",
                                       mds_json_string_new(o->release),
                                       "version", mds_json_string_new(version),
                                       "event", mds_report_event_names[event]);

    if (report != NULL && detail.len > 0
        && mds_json_set_str(report, "detail", detail) != MDS_OK)
    {
        mds_json_release(report);
        report = NULL;
    }

    return mds_json_append(reports, report);
}

static mds_status_t
add_reports(const mdsctl_check_t *c, mds_status_t ended, mds_json_t *reports)
{
    mds_status_t status;

    if (ended != MDS_OK) {
        return add_report(c, MDS_EVENT_FAILED, detail_of(c->err.text), reports);
    }

    if (c->order.rollback) {
        return add_report(c, MDS_EVENT_ROLLED_BACK, mds_null_str, reports);
    }

    status = add_report(c, MDS_EVENT_DOWNLOADED, mds_null_str, reports);

    return status == MDS_OK
               ? add_report(c, MDS_EVENT_INSTALLED, mds_null_str, reports)
               : status;
}

static mds_status_t
post_reports(mdsctl_check_t *c, const char *body, mds_error_t *err)
{
    mds_buffer_t    url = { 0 };
    mdsctl_answer_t answer = { 0 };
    mds_status_t    status = mdsctl_check_url(c, "report", "", &url);

    if (status == MDS_OK) {
        status = mdsctl_http_post(c->http, (const char *) url.data, body,
                                  MDSCTL_HTTP_BODY_MAX, err, &answer);
    }

    if (status == MDS_OK && answer.status != 204) {
        status = mdsctl_check_fail(c, &answer, err);
    }

    mdsctl_answer_free(&answer);
    mds_buffer_free(&url);
    return status;
}

mds_status_t
mdsctl_reporting_send(mdsctl_check_t *c, mds_status_t ended, mds_error_t *err)
{
    const mds_request_t *request = &c->request;
    mds_json_t          *reports = NULL, *json;
    char                *body = NULL;
    size_t               len;
    mds_status_t         status;

    if (c->order.json == NULL) {
        return MDS_OK;
    }

    reports = mds_json_array_new();
    status = reports == NULL ? mds_fail_memory(err)
                             : add_reports(c, ended, reports);
    json = mds_json_pack(
        "{s:o, s:o, s:O}", "app",
        mds_json_string_new(mds_request_attr(request, MDS_ATTR_APP)), "device",
        mds_json_string_new(mds_request_attr(request, MDS_ATTR_DEVICE)),
        "reports", reports);

    status = status == MDS_OK
                 ? mds_json_dump(json, MDS_JSON_COMPACT, err, &body, &len)
                 : mds_fail_memory(err);

    if (status == MDS_OK) {
        status = post_reports(c, body, err);
    }

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(reports); i++) {
        mds_str_t event = mds_json_get_string(mds_json_at(reports, i), "event");

        mdsctl_report_line(&c->report, "reported", "%.*s", MDS_STR(event));
    }

    if (status == MDS_OK) {
        mdsctl_report_set(&c->report, "reported", mds_json_retain(reports));
    }

    free(body);
    mds_json_release(json);
    mds_json_release(reports);
    return status;
}
