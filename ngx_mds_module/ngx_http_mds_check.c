/*
 * mds_check: which version this device gets. One question is asked by GET,
 * many by POST (ngx_http_mds_batch.c).
 */

#include "ngx_http_mds_module.h"

static mds_status_t
                 ngx_http_mds_check_ask(ngx_http_mds_asking_t *asking, size_t i,
                                        mds_request_t *request, mds_error_t *err);
static ngx_int_t ngx_http_mds_check_answer(ngx_http_mds_asking_t *asking);
static ngx_int_t
ngx_http_mds_send_decision(ngx_http_request_t *r, mds_decision_t *decision);
static ngx_int_t
ngx_http_mds_send_manifest(ngx_http_request_t *r, mds_decision_t *decision);

ngx_int_t
ngx_http_mds_check_handler(ngx_http_request_t *r)
{
    ngx_http_mds_asking_t *asking;
    ngx_int_t              rc;

    if (r->method == NGX_HTTP_POST) {
        return ngx_http_mds_batch_handler(r);
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    asking = ngx_http_mds_asking(r, 1);
    if (asking == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* Another method is told so behind the serial, with nothing asked. */
    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) {
        asking->count = 0;
    }

    asking->ask = ngx_http_mds_check_ask;
    asking->answer = ngx_http_mds_check_answer;

    return ngx_http_mds_ask(asking);
}

static mds_status_t
ngx_http_mds_check_ask(ngx_http_mds_asking_t *asking, size_t i,
                       mds_request_t *request, mds_error_t *err)
{
    mds_status_t status;

    status = ngx_http_mds_read_attributes(asking->r, request, err);
    if (status != MDS_OK) {
        return status;
    }

    /* HEAD asks what there is; only GET is told to install it. */
    request->may_admit = asking->r->method == NGX_HTTP_GET;

    return mds_request_validate(request, err);
}

static ngx_int_t
ngx_http_mds_check_answer(ngx_http_mds_asking_t *asking)
{
    static ngx_str_t         allowed = ngx_string("GET, HEAD, POST");
    ngx_http_mds_question_t *question = asking->questions;

    if (asking->count == 0) {
        return ngx_http_mds_not_allowed(asking->r, &allowed);
    }

    if (question->status == MDS_DENIED) {
        return ngx_http_mds_unavailable(asking->r);
    }

    if (question->status != MDS_OK) {
        return ngx_http_mds_problem(asking->r, question->status,
                                    (char *) question->detail.data);
    }

    ngx_http_mds_tell(asking->ctx, &question->decision);

    return ngx_http_mds_send_decision(asking->r, &question->decision);
}

static ngx_int_t
ngx_http_mds_send_decision(ngx_http_request_t *r, mds_decision_t *decision)
{
    uint64_t poll_after_s;

    if (ngx_http_mds_add_common_headers(r) != NGX_OK
        || ngx_http_mds_add_poll_after(r, decision->poll_after_s,
                                       decision->poll_jitter_s, &poll_after_s)
               != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (decision->action == MDS_ACTION_NONE) {
        return ngx_http_mds_send_no_content(r);
    }

    return ngx_http_mds_send_manifest(r, decision);
}

static ngx_int_t
ngx_http_mds_send_manifest(ngx_http_request_t *r, mds_decision_t *decision)
{
    static ngx_str_t json = ngx_string("application/json");
    static ngx_str_t dsse = ngx_string("application/vnd.dsse.envelope.v1+json");
    ngx_str_t       *type = &json;
    ngx_str_t        body, signature;

    signature.data = (u_char *) decision->signature.data;
    signature.len = decision->signature.len;

    if (ngx_http_mds_add_header(r, "MDS-Signature", &signature) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.data = (u_char *) decision->manifest.data;
    body.len = decision->manifest.len;

    if (ngx_http_mds_accepts(r, &dsse, &json)) {
        type = &dsse;
        if (ngx_http_mds_envelope(r, decision, &body) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_http_mds_send(r, NGX_HTTP_OK, type, &body);
}
