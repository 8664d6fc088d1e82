/*
 * mds_check: which version this device gets. GET asks one question, POST asks
 * many (ngx_http_mds_batch.c).
 */

#include "ngx_http_mds_module.h"

typedef struct {
    ngx_http_mds_evaluation_t evaluation;
    ngx_http_mds_question_t   question;
    mds_request_t             request; /* not zeroed: initialized anyway */
} ngx_http_mds_check_t;

static ngx_int_t ngx_http_mds_check_respond(ngx_http_mds_evaluation_t *e);

ngx_int_t
ngx_http_mds_check_handler(ngx_http_request_t *r)
{
    static ngx_str_t      allowed = ngx_string("GET, HEAD, POST");
    ngx_http_mds_check_t *check;
    mds_status_t          status;
    mds_error_t           err;
    ngx_int_t             rc;

    if (r->method == NGX_HTTP_POST) {
        return ngx_http_mds_batch_handler(r);
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) {
        return ngx_http_mds_refuse_method(r, &allowed);
    }

    check = ngx_palloc(r->pool, sizeof(*check));
    if (check == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(check, offsetof(ngx_http_mds_check_t, request));
    mds_request_init(&check->request);

    status = ngx_http_mds_read_attributes(r, &check->request, &err);
    if (status == MDS_OK) {
        status = mds_request_validate(&check->request, &err);
    }

    if (status != MDS_OK) {
        return ngx_http_mds_fail(r, status, err.text);
    }

    /* HEAD asks what there is; only GET is told to install it. */
    check->request.may_admit = r->method == NGX_HTTP_GET;

    check->evaluation.r = r;
    check->evaluation.questions = &check->question;
    check->evaluation.count = 1;
    check->evaluation.request = &check->request;
    check->evaluation.respond = ngx_http_mds_check_respond;

    return ngx_http_mds_evaluate(&check->evaluation);
}

static ngx_int_t
ngx_http_mds_check_respond(ngx_http_mds_evaluation_t *e)
{
    ngx_http_mds_question_t *question = e->questions;

    if (question->status != MDS_OK) {
        return ngx_http_mds_refuse_unavailable(e->r);
    }

    return ngx_http_mds_send_manifest(e->r, &question->decision);
}
