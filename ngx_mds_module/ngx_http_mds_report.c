/*
 * mds_report: what a device reports of releases. The reports of releases that
 * the catalog has are written to the state, and answered once they are durable.
 */

#include "ngx_http_mds_report.h"

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_endpoint.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_request.h"
#include "ngx_http_mds_respond.h"

#include "request/mds_report_body.h"
#include "state/mds_install_filter.h"

/* The reports of a body, with what they are written by. */
typedef struct {
    ngx_http_mds_reporting_t reporting;
    mds_report_body_t        body;
} ngx_http_mds_report_form_t;

static void
ngx_http_mds_report_cleanup(void *data)
{
    ngx_http_mds_report_form_t *form = data;

    mds_report_body_free(&form->body);
}

ngx_int_t
ngx_http_mds_reporting_init(ngx_http_mds_reporting_t *reporting,
                            ngx_http_request_t       *r)
{
    reporting->r = r;
    reporting->depot = ngx_http_mds_get_depot(r);
    reporting->ctx = ngx_http_mds_get_ctx(r);

    return reporting->ctx == NULL ? NGX_ERROR : NGX_OK;
}

static ngx_http_mds_report_form_t *
ngx_http_mds_report_create(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t         *cleanup;
    ngx_http_mds_report_form_t *form;

    cleanup = ngx_pool_cleanup_add(r->pool, sizeof(*form));
    if (cleanup == NULL) {
        return NULL;
    }

    form = cleanup->data;
    ngx_memzero(form, sizeof(*form));
    cleanup->handler = ngx_http_mds_report_cleanup;

    return ngx_http_mds_reporting_init(&form->reporting, r) == NGX_OK ? form
                                                                      : NULL;
}

/* Keeps the reports of releases that the catalog has, with their limits. */
static mds_status_t
ngx_http_mds_report_find(const mds_snapshot_t *snapshot, void *data,
                         mds_error_t *err)
{
    ngx_http_mds_report_form_t *form = data;
    ngx_http_mds_reporting_t   *reporting = &form->reporting;
    mds_str_t app = mds_request_attr(&reporting->request, MDS_ATTR_APP);

    ngx_http_mds_set_serial(reporting->ctx,
                            mds_catalog_serial(snapshot->catalog));
    reporting->count = 0;

    for (size_t i = 0; i < form->body.count; i++) {
        const mds_report_item_t *item = &form->body.items[i];
        mds_catalog_release_t    release;
        mds_status_t             status;

        status = mds_catalog_release(snapshot->catalog, app, item->release, err,
                                     &release);

        if (status == MDS_OK) {
            reporting->writes[reporting->count++]
                = (mds_report_t){ .release = item->release,
                                  .event = item->event,
                                  .detail = item->detail,
                                  .limit = release.limit };

        } else if (status != MDS_NOT_FOUND) {
            return status;
        }
    }

    return MDS_OK;
}

/* Makes the key "app 00 release" in the request's pool. */
static ngx_int_t
ngx_http_mds_report_key(const ngx_http_mds_reporting_t *reporting,
                        mds_str_t                      *release)
{
    mds_str_t app = mds_request_attr(&reporting->request, MDS_ATTR_APP);
    u_char *bytes = ngx_pnalloc(reporting->r->pool, app.len + 1 + release->len);
    u_char *p;

    if (bytes == NULL) {
        return NGX_ERROR;
    }

    /* Neither is empty: the catalog has the release. */
    /* NOLINTBEGIN(clang-analyzer-core.NonNullParamChecker) */
    p = ngx_cpymem(bytes, app.data, app.len);
    *p++ = '\0';
    p = ngx_cpymem(p, release->data, release->len);
    /* NOLINTEND(clang-analyzer-core.NonNullParamChecker) */
    *release = (mds_str_t){ (size_t) (p - bytes), (char *) bytes };

    return NGX_OK;
}

ngx_int_t
ngx_http_mds_reporting_set_device(ngx_http_mds_reporting_t *reporting,
                                  mds_report_t             *report)
{
    mds_str_t device = mds_request_attr(&reporting->request, MDS_ATTR_DEVICE);

    if (ngx_http_mds_report_key(reporting, &report->release) != NGX_OK) {
        return NGX_ERROR;
    }

    report->device = mds_install_hash(report->release, device);
    report->instructed
        = report->limit.failure_ppm != 0
          && ngx_http_mds_installs_have(reporting->depot, report->device);

    return NGX_OK;
}

static ngx_int_t
ngx_http_mds_report_on_write(ngx_http_mds_write_req_t *write_req)
{
    ngx_http_mds_reporting_t *reporting = write_req->data;

    for (size_t i = 0; i < write_req->count; i++) {
        if (write_req->writes[i].status != MDS_OK) {
            return ngx_http_mds_refuse_unavailable(reporting->r);
        }
    }

    return ngx_http_mds_respond(reporting->r, &reporting->response);
}

ngx_int_t
ngx_http_mds_reporting_write(ngx_http_mds_reporting_t *reporting)
{
    ngx_http_mds_write_req_t *write_req;

    if (reporting->count == 0) {
        return ngx_http_mds_respond(reporting->r, &reporting->response);
    }

    write_req = ngx_http_mds_write_req_create(reporting->r, reporting->count);
    if (write_req == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (size_t i = 0; i < reporting->count; i++) {
        mds_report_t *report = &reporting->writes[i];

        if (ngx_http_mds_reporting_set_device(reporting, report) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        write_req->writes[i].type = MDS_WRITE_REPORT;
        write_req->writes[i].report = *report;
    }

    write_req->done = ngx_http_mds_report_on_write;
    write_req->data = reporting;

    return ngx_http_mds_write_state(reporting->depot, write_req);
}

static ngx_int_t
ngx_http_mds_report_post(ngx_http_request_t *r, ngx_str_t *body)
{
    ngx_http_mds_report_form_t *form = ngx_http_mds_report_create(r);
    ngx_http_mds_reporting_t   *reporting;
    mds_status_t                status;
    mds_error_t                 err;

    if (form == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    reporting = &form->reporting;
    status = ngx_http_mds_set_trusted_attributes(r, &reporting->request, &err);
    if (status == MDS_OK) {
        status = mds_report_body_parse(ngx_http_mds_view(body),
                                       &reporting->request, &err, &form->body);
    }

    if (status != MDS_OK) {
        return ngx_http_mds_fail(r, status, err.text);
    }

    status = ngx_http_mds_depot_evaluate(reporting->depot,
                                         ngx_http_mds_report_find, form, &err);

    return status == MDS_OK ? ngx_http_mds_reporting_write(reporting)
                            : ngx_http_mds_fail_evaluation(r, status, &err);
}

ngx_http_mds_endpoint_t ngx_http_mds_report_endpoint = {
    .id = MDS_ENDPOINT_REPORT,
    .post = ngx_http_mds_report_post,
    .body_max = MDS_REPORT_BYTES_MAX,
    .allow = ngx_string("POST"),
};
