/*
 * mds_check: which version this device gets. Reads the request, asks lib/,
 * copies the stored manifest and its signature, all in one go: nothing of the
 * catalog is held when the handler returns.
 */

#include "ngx_http_mds_module.h"

#include "mds_time.h"

typedef struct {
    ngx_http_request_t *r;
    ngx_http_mds_ctx_t *ctx;
    mds_decision_t      decision;
} ngx_http_mds_check_t;

static mds_status_t ngx_http_mds_decide(const mds_snapshot_t *snapshot,
                                        void *data, mds_error_t *err);
static mds_status_t
ngx_http_mds_keep(ngx_http_mds_check_t *check, mds_error_t *err);
static ngx_int_t
ngx_http_mds_send_decision(ngx_http_request_t *r, mds_decision_t *decision);
static ngx_int_t
ngx_http_mds_send_manifest(ngx_http_request_t *r, mds_decision_t *decision);

ngx_int_t
ngx_http_mds_check_handler(ngx_http_request_t *r)
{
    ngx_http_mds_loc_conf_t *mlcf;
    ngx_http_mds_depot_t    *depot;
    ngx_http_mds_check_t     check = { .r = r };
    mds_status_t             status;
    mds_error_t              err;
    ngx_int_t                rc;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    check.ctx = ngx_pcalloc(r->pool, sizeof(*check.ctx) + NGX_INT64_LEN);
    if (check.ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_set_ctx(r, check.ctx, ngx_http_mds_module);

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);
    depot = ngx_http_mds_depot(mlcf->place);

    status
        = ngx_http_mds_depot_evaluate(depot, ngx_http_mds_decide, &check, &err);

    if (!ngx_http_mds_depot_is_open(depot)) {
        return ngx_http_mds_unavailable(r);
    }

    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) {
        return ngx_http_mds_not_allowed(r);
    }

    if (status != MDS_OK) {
        return ngx_http_mds_problem(r, status, err.text);
    }

    return ngx_http_mds_send_decision(r, &check.decision);
}

/* Leaves the serial and, for a method that gets one, the decision. */
static mds_status_t
ngx_http_mds_decide(const mds_snapshot_t *snapshot, void *data,
                    mds_error_t *err)
{
    ngx_http_mds_check_t *check = data;
    ngx_http_mds_ctx_t   *ctx = check->ctx;
    mds_request_t         request;
    mds_status_t          status;

    ctx->serial.data = (u_char *) (ctx + 1);
    ctx->serial.len = ngx_sprintf(ctx->serial.data, "%uL",
                                  mds_catalog_serial(snapshot->catalog))
                      - ctx->serial.data;

    if (!(check->r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) {
        return MDS_OK;
    }

    request.count = 0;
    request.admits = false; /* no slot is taken here */

    status = ngx_http_mds_read_attributes(check->r, &request, err);
    if (status != MDS_OK) {
        return status;
    }

    status = mds_request_validate(&request, err);
    if (status != MDS_OK) {
        return status;
    }

    status = mds_decide(snapshot, &request, mds_time_now_ms(), NULL, err,
                        &check->decision);

    return status == MDS_OK ? ngx_http_mds_keep(check, err) : status;
}

/* A view, from now on, into the copy at *p; moves *p on. */
static void
ngx_http_mds_move(mds_str_t *view, u_char **p)
{
    u_char *copy = *p;

    /* An empty one may point nowhere, which memcpy() does not take. */
    if (view->len != 0) {
        *p = ngx_cpymem(copy, view->data, view->len);
    }

    view->data = (char *) copy;
}

/* What the snapshot owns and the answer needs goes to the request's pool. */
static mds_status_t
ngx_http_mds_keep(ngx_http_mds_check_t *check, mds_error_t *err)
{
    ngx_http_mds_ctx_t *ctx = check->ctx;
    mds_decision_t     *decision = &check->decision;
    mds_str_t          *views[] = { &decision->release, &decision->version,
                                    &decision->manifest, &decision->signature };
    size_t              bytes = 1;
    u_char             *p;

    for (size_t i = 0; i < mds_nelems(views); i++) {
        bytes += views[i]->len;
    }

    p = ngx_pnalloc(check->r->pool, bytes);
    if (p == NULL) {
        return mds_fail(err, MDS_NO_MEMORY, "out of memory");
    }

    for (size_t i = 0; i < mds_nelems(views); i++) {
        ngx_http_mds_move(views[i], &p);
    }

    ctx->action.data = (u_char *) mds_action_name(decision->action);
    ctx->action.len = ngx_strlen(ctx->action.data);
    ctx->reason.data = (u_char *) mds_reason_name(decision->reason);
    ctx->reason.len = ngx_strlen(ctx->reason.data);
    ctx->release.data = (u_char *) decision->release.data;
    ctx->release.len = decision->release.len;
    ctx->version.data = (u_char *) decision->version.data;
    ctx->version.len = decision->version.len;

    return MDS_OK;
}

static ngx_int_t
ngx_http_mds_add_poll_after(ngx_http_request_t *r, mds_decision_t *decision)
{
    ngx_str_t value;
    uint64_t  seconds;

    if (decision->poll_after_s == 0) {
        return NGX_OK;
    }

    value.data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    seconds
        = decision->poll_after_s
          + (uint64_t) ngx_random() % ((uint64_t) decision->poll_jitter_s + 1);
    value.len = ngx_sprintf(value.data, "%uL", seconds) - value.data;

    return ngx_http_mds_add_header(r, "MDS-Poll-After", &value);
}

static ngx_int_t
ngx_http_mds_send_decision(ngx_http_request_t *r, mds_decision_t *decision)
{
    if (ngx_http_mds_add_common_headers(r) != NGX_OK
        || ngx_http_mds_add_poll_after(r, decision) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (decision->action == MDS_ACTION_NONE) {
        r->headers_out.status = NGX_HTTP_NO_CONTENT;
        r->header_only = 1;

        return ngx_http_send_header(r);
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

    if (ngx_http_mds_accepts(r, &dsse)) {
        type = &dsse;
        if (ngx_http_mds_envelope(r, decision, &body) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_http_mds_send(r, NGX_HTTP_OK, type, &body);
}
