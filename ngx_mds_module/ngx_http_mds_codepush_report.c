/*
 * mds_codepush: report_status/deploy and report_status/download. They are
 * reports of mds in other words, and count as those of mds_report do. A label
 * names a version: the report counts for the release by which the device was
 * told to install it.
 */

#include "ngx_http_mds_codepush.h"

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_report.h"
#include "ngx_http_mds_respond.h"

#include "base/mds_time.h"
#include "evaluate/mds_codepush_decision.h"

/* So many releases of a version are looked at. */
#define NGX_HTTP_MDS_CODEPUSH_RELEASES_MAX 16

typedef struct {
    ngx_http_mds_reporting_t reporting;
    mds_codepush_report_t    report;
    char ids[NGX_HTTP_MDS_CODEPUSH_RELEASES_MAX][MDS_RELEASE_ID_MAX];
} ngx_http_mds_codepush_form_t;

static void
ngx_http_mds_codepush_cleanup(void *data)
{
    ngx_http_mds_codepush_form_t *form = data;

    mds_codepush_report_free(&form->report);
}

static ngx_http_mds_codepush_form_t *
ngx_http_mds_codepush_form_create(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t           *cleanup;
    ngx_http_mds_codepush_form_t *form;

    cleanup = ngx_pool_cleanup_add(r->pool, sizeof(*form));
    if (cleanup == NULL) {
        return NULL;
    }

    form = cleanup->data;
    ngx_memzero(form, sizeof(*form));
    cleanup->handler = ngx_http_mds_codepush_cleanup;

    return ngx_http_mds_reporting_init(&form->reporting, r) == NGX_OK ? form
                                                                      : NULL;
}

/* Keeps a release of the version; its id is copied. */
static bool
ngx_http_mds_codepush_add(void *data, mds_str_t release,
                          const mds_halt_t *limit)
{
    ngx_http_mds_codepush_form_t *form = data;
    ngx_http_mds_reporting_t     *reporting = &form->reporting;
    char                         *id = form->ids[reporting->count];

    if (release.len > MDS_RELEASE_ID_MAX) {
        return true;
    }

    ngx_memcpy(id, release.data, release.len);
    reporting->writes[reporting->count++]
        = (mds_report_t){ .release = { release.len, id },
                          .event = form->report.event,
                          .limit = *limit };

    return reporting->count < NGX_HTTP_MDS_CODEPUSH_RELEASES_MAX;
}

static mds_status_t
ngx_http_mds_codepush_find(const mds_snapshot_t *snapshot, void *data,
                           mds_error_t *err)
{
    ngx_http_mds_codepush_form_t *form = data;

    ngx_http_mds_set_serial(form->reporting.ctx,
                            mds_catalog_serial(snapshot->catalog));
    form->reporting.count = 0;

    return mds_codepush_visit_releases(snapshot, &form->reporting.request,
                                       form->report.label, mds_time_now_ms(),
                                       ngx_http_mds_codepush_add, form, err);
}

/* Leaves the release that the device was told to install, else the first. */
static ngx_int_t
ngx_http_mds_codepush_choose(ngx_http_mds_reporting_t *reporting)
{
    mds_report_t *chosen = reporting->writes;

    for (size_t i = 0; i < reporting->count; i++) {
        mds_report_t report = reporting->writes[i];

        if (ngx_http_mds_reporting_set_device(reporting, &report) != NGX_OK) {
            return NGX_ERROR;
        }

        if (report.instructed) {
            chosen = &reporting->writes[i];
            break;
        }
    }

    if (reporting->count > 0) {
        reporting->writes[0] = *chosen;
        reporting->count = 1;
    }

    return NGX_OK;
}

/* Makes the request of a report. */
static mds_status_t
ngx_http_mds_codepush_claim(ngx_http_request_t           *r,
                            ngx_http_mds_codepush_form_t *form,
                            mds_error_t                  *err)
{
    mds_codepush_query_t query = { .app_version = form->report.app_version,
                                   .device = form->report.device };
    mds_request_t       *request = &form->reporting.request;
    mds_status_t         status;

    status = ngx_http_mds_codepush_set_attributes(r, form->report.key, request,
                                                  err);
    if (status == MDS_OK) {
        status = mds_codepush_query_claim(&query, request, err);
    }

    return status == MDS_OK ? mds_request_validate(request, err) : status;
}

/* Older SDKs send no header with their version, and have to say who they are.
 */
static mds_status_t
ngx_http_mds_codepush_check_device(ngx_http_request_t          *r,
                                   const mds_codepush_report_t *report,
                                   mds_error_t                 *err)
{
    static const mds_str_t name = { 22, "X-CodePush-SDK-Version" };
    ngx_list_part_t       *part = &r->headers_in.headers.part;

    for (; report->device.len == 0 && part != NULL; part = part->next) {
        ngx_table_elt_t *h = part->elts;

        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (h[i].key.len == name.len
                && ngx_strncasecmp(h[i].key.data, (u_char *) name.data,
                                   name.len)
                       == 0)
            {
                return MDS_OK;
            }
        }
    }

    return report->device.len > 0
               ? MDS_OK
               : mds_fail(err, MDS_INVALID,
                          "a report must include the id of the client");
}

/* Returns 1 if the report counts: it says what has become of a version, and of
 * which device. */
static ngx_uint_t
ngx_http_mds_codepush_counts(const ngx_http_mds_codepush_form_t *form)
{
    return form->report.label.len > 0
           && mds_request_attr(&form->reporting.request, MDS_ATTR_DEVICE).len
                  > 0;
}

static mds_status_t
ngx_http_mds_codepush_read_report(ngx_http_request_t *r, ngx_str_t *body,
                                  ngx_uint_t                    deploy,
                                  ngx_http_mds_codepush_form_t *form,
                                  mds_error_t                  *err)
{
    mds_status_t status;

    status = mds_codepush_report_parse(ngx_http_mds_view(body), deploy, err,
                                       &form->report);
    if (status == MDS_OK && deploy) {
        status = ngx_http_mds_codepush_check_device(r, &form->report, err);
    }

    return status == MDS_OK ? ngx_http_mds_codepush_claim(r, form, err)
                            : status;
}

ngx_int_t
ngx_http_mds_codepush_post(ngx_http_request_t *r, ngx_str_t *body)
{
    static ngx_str_t              text = ngx_string("text/plain");
    static ngx_str_t              ok = ngx_string("OK");
    ngx_http_mds_codepush_form_t *form = ngx_http_mds_codepush_form_create(r);
    ngx_uint_t deploy = ngx_http_mds_codepush_is(r, "report_status/deploy")
                        || ngx_http_mds_codepush_is(r, "reportStatus/deploy");
    mds_status_t status;
    mds_error_t  err;

    if (form == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!deploy && !ngx_http_mds_codepush_is(r, "report_status/download")
        && !ngx_http_mds_codepush_is(r, "reportStatus/download"))
    {
        return ngx_http_mds_fail(r, MDS_NOT_FOUND,
                                 "the path must end in deploy or download");
    }

    form->reporting.response.type = &text;
    form->reporting.response.body = ok;
    status = ngx_http_mds_codepush_read_report(r, body, deploy, form, &err);

    if (status != MDS_OK) {
        return ngx_http_mds_fail(r, status, err.text);
    }

    if (ngx_http_mds_codepush_counts(form)) {
        status = ngx_http_mds_depot_evaluate(form->reporting.depot,
                                             ngx_http_mds_codepush_find, form,
                                             &err);
    }

    if (status != MDS_OK) {
        return ngx_http_mds_fail_evaluation(r, status, &err);
    }

    return ngx_http_mds_codepush_choose(&form->reporting) == NGX_OK
               ? ngx_http_mds_reporting_write(&form->reporting)
               : NGX_HTTP_INTERNAL_SERVER_ERROR;
}
