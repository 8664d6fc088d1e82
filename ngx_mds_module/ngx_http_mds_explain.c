/*
 * mds_explain: the decision for a device with every candidate and every test,
 * as mdsctl explains it. It is for operators: the query may also name what
 * mds_attribute sets, and the answer says so. The device enters no window and
 * is not registered.
 */

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_endpoint.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_request.h"
#include "ngx_http_mds_respond.h"

#include "base/mds_time.h"
#include "evaluate/mds_explain.h"

/* Candidates beyond it are counted, not written. */
#define NGX_HTTP_MDS_EXPLAIN_BYTES_MAX (4 * 1024 * 1024)

/* The arguments and the result of an evaluation. */
typedef struct {
    ngx_http_request_t   *r;
    ngx_http_mds_ctx_t   *ctx;
    mds_explain_options_t options;
    mds_str_t             json;
    mds_request_t         request;
} ngx_http_mds_explain_call_t;

static mds_status_t
ngx_http_mds_explain_evaluate(const mds_snapshot_t *snapshot, void *data,
                              mds_error_t *err)
{
    ngx_http_mds_explain_call_t *call = data;
    mds_alloc_t alloc = { ngx_http_mds_pool_alloc, call->r->pool };

    ngx_http_mds_set_serial(call->ctx, mds_catalog_serial(snapshot->catalog));

    return mds_explain(snapshot, &call->request, &call->options,
                       mds_time_now_ms(), &alloc, err, &call->json);
}

static ngx_int_t
ngx_http_mds_explain_get(ngx_http_request_t *r)
{
    ngx_http_mds_explain_call_t call = { .r = r };
    ngx_http_mds_response_t     response = { .type = &ngx_http_mds_json_type };
    mds_status_t                status;
    mds_error_t                 err;

    call.ctx = ngx_http_mds_get_ctx(r);
    if (call.ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status = ngx_http_mds_read_operator_query(r, &call.request,
                                              &call.options.overrides, &err);
    if (status != MDS_OK) {
        return ngx_http_mds_fail(r, status, err.text);
    }

    call.options.bytes_max = NGX_HTTP_MDS_EXPLAIN_BYTES_MAX;

    status = ngx_http_mds_depot_evaluate(ngx_http_mds_get_depot(r),
                                         ngx_http_mds_explain_evaluate, &call,
                                         &err);
    if (status != MDS_OK) {
        return ngx_http_mds_fail_evaluation(r, status, &err);
    }

    response.body = ngx_http_mds_str(call.json);

    return ngx_http_mds_respond(r, &response);
}

ngx_http_mds_endpoint_t ngx_http_mds_explain_endpoint = {
    .id = MDS_ENDPOINT_EXPLAIN,
    .get = ngx_http_mds_explain_get,
    .allow = ngx_string("GET, HEAD"),
};
