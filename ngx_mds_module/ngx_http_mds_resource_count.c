/*
 * $mds_resources: the number of resources that a request asks for. limit_req
 * and limit_conn use it before a body is read. If the configuration names the
 * variable, the body of a batch is therefore read and counted before them.
 */

#include "ngx_http_mds_resource.h"

#include "ngx_http_mds_endpoint.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_request.h"

#include "request/mds_batch.h"

static const mds_str_t ngx_http_mds_resources_names[]
    = { { 13, "mds_resources" }, { 18, "mds_resources_json" } };

static ngx_uint_t
ngx_http_mds_location_is_check(ngx_http_request_t *r)
{
    ngx_http_mds_loc_conf_t *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);

    return mlcf->endpoint == &ngx_http_mds_check_endpoint;
}

ngx_int_t
ngx_http_mds_resources_variable(ngx_http_request_t        *r,
                                ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_mds_ctx_t *ctx = ngx_http_mds_find_ctx(r);

    if (!ngx_http_mds_location_is_check(r)) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->data = (u_char *) "1";
    v->len = 1;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    if (ctx != NULL && ctx->resources.len > 0) {
        v->data = ctx->resources.data;
        v->len = ctx->resources.len;
    }

    return NGX_OK;
}

/* Counts the resources of a body. A body that is empty or invalid counts as
 * one.
 */
static size_t
ngx_http_mds_resources_count(ngx_http_request_t *r, ngx_str_t *body)
{
    void         *memory = ngx_palloc(r->pool, mds_batch_bytes(body->len));
    mds_request_t none;
    mds_batch_t  *batch;
    size_t        count = 1;

    if (memory == NULL) {
        return count;
    }

    mds_request_init(&none);

    if (mds_batch_parse(ngx_http_mds_view(body), &none, memory, NULL, &batch)
        == MDS_OK)
    {
        count = ngx_max(mds_batch_count(batch), 1);
    }

    (void) ngx_pfree(r->pool, memory);

    return count;
}

/* Continues the request's phases with the body. */
static void
ngx_http_mds_resources_read(ngx_http_request_t *r, ngx_str_t *body)
{
    ngx_http_mds_ctx_t *ctx = ngx_http_mds_find_ctx(r);
    u_char             *text = ngx_pnalloc(r->pool, NGX_INT64_LEN);

    if (text == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ctx->resources.data = text;
    ctx->resources.len
        = ngx_http_mds_cpy_number(text, ngx_http_mds_resources_count(r, body))
          - text;

    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}

static ngx_int_t
ngx_http_mds_resources_handler(ngx_http_request_t *r)
{
    ngx_http_mds_ctx_t *ctx = ngx_http_mds_find_ctx(r);
    ngx_int_t           rc;

    /* The endpoint refuses what is not a batch, or too long for one. */
    if (r != r->main || r->method != NGX_HTTP_POST
        || !ngx_http_mds_location_is_check(r) || !ngx_http_mds_is_json(r)
        || r->headers_in.content_length_n > MDS_BATCH_BYTES_MAX
        || (ctx != NULL && ctx->resources.len > 0))
    {
        return NGX_DECLINED;
    }

    rc = ngx_http_mds_read_body(r, MDS_BATCH_BYTES_MAX,
                                ngx_http_mds_resources_read);

    if (rc == NGX_DONE) {
        ngx_http_finalize_request(r, NGX_DONE);
    }

    return rc;
}

/* Returns 1 if the configuration names the variable. */
static ngx_uint_t
ngx_http_mds_resources_is_used(ngx_http_core_main_conf_t *cmcf)
{
    ngx_http_variable_t *v = cmcf->variables.elts;

    for (ngx_uint_t i = 0; i < cmcf->variables.nelts; i++) {
        for (size_t k = 0; k < mds_nelems(ngx_http_mds_resources_names); k++) {
            if (mds_str_eq(ngx_http_mds_view(&v[i].name),
                           ngx_http_mds_resources_names[k])) {
                return 1;
            }
        }
    }

    return 0;
}

ngx_int_t
ngx_http_mds_resource_count_init(ngx_conf_t *cf)
{
    ngx_http_core_main_conf_t *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    /* nginx calls the handler that was added last first: before the limits. */
    return ngx_http_mds_resources_is_used(cmcf)
               ? ngx_http_mds_add_handler(cf, NGX_HTTP_PREACCESS_PHASE,
                                          ngx_http_mds_resources_handler)
               : NGX_OK;
}
