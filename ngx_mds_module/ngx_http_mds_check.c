/*
 * mds_check: answers which version of a resource this device gets. GET asks one
 * question, POST asks many (ngx_http_mds_batch.c).
 */

#include "ngx_http_mds_endpoint.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_request.h"
#include "ngx_http_mds_respond.h"

#include "request/mds_batch.h"

static ngx_int_t
ngx_http_mds_check_get(ngx_http_request_t *r)
{
    ngx_http_mds_evaluation_t e;
    mds_status_t              status;
    mds_error_t               err;

    ngx_http_mds_evaluation_init(&e, r);

    status = ngx_http_mds_read_query(r, mds_request_validate, &e.request, &err);
    if (status != MDS_OK) {
        return ngx_http_mds_fail(r, status, err.text);
    }

    /* A window admits devices that GET tells to install; HEAD only asks. */
    e.request.may_admit = r->method == NGX_HTTP_GET;

    e.may_prove = 1;
    e.respond = ngx_http_mds_manifest_respond;

    return ngx_http_mds_evaluate(&e);
}

ngx_http_mds_endpoint_t ngx_http_mds_check_endpoint = {
    .id = MDS_ENDPOINT_CHECK,
    .get = ngx_http_mds_check_get,
    .post = ngx_http_mds_batch_post,
    .body_max = MDS_BATCH_BYTES_MAX,
    .allow = ngx_string("GET, HEAD, POST"),
};
