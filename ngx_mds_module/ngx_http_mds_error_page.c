/*
 * Refusals and error_page: a refusal goes through error_page, as the status of
 * any handler does. Its header lines are added at the end, and only if the
 * answer still has its status: an answer that another edge or the origin gives
 * instead has its own lines.
 */

#include "ngx_http_mds_respond.h"

/* The depot is retried every second, but that is too often for devices. */
#define NGX_HTTP_MDS_RETRY_AFTER "10"

/* Identifies the refusal among the cleanup handlers of the request, which an
 * internal redirect keeps, unlike the context. */
static void
ngx_http_mds_refusal_mark(void *data)
{
}

ngx_uint_t
ngx_http_mds_has_error_page(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_http_core_loc_conf_t *clcf;
    ngx_http_err_page_t      *page;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->error_page || clcf->error_pages == NULL || r->uri_changes == 0) {
        return 0;
    }

    page = clcf->error_pages->elts;
    for (ngx_uint_t i = 0; i < clcf->error_pages->nelts; i++) {
        if (page[i].status == (ngx_int_t) status) {
            return 1;
        }
    }

    return 0;
}

ngx_int_t
ngx_http_mds_keep_refusal(ngx_http_request_t           *r,
                          const ngx_http_mds_refusal_t *refusal)
{
    ngx_pool_cleanup_t *cleanup;

    cleanup = ngx_pool_cleanup_add(r->pool, sizeof(*refusal));
    if (cleanup == NULL) {
        return NGX_ERROR;
    }

    *(ngx_http_mds_refusal_t *) cleanup->data = *refusal;
    cleanup->handler = ngx_http_mds_refusal_mark;

    return NGX_OK;
}

static ngx_int_t
ngx_http_mds_add_missing(ngx_http_request_t *r, const char *name,
                         ngx_str_t *value)
{
    return ngx_http_mds_find_header(r, name) != NULL
               ? NGX_OK
               : ngx_http_mds_add_header(r, name, value);
}

ngx_int_t
ngx_http_mds_add_refusal_headers(ngx_http_request_t     *r,
                                 ngx_http_mds_refusal_t *refusal)
{
    static ngx_str_t no_store = ngx_string("no-store");
    static ngx_str_t seconds = ngx_string(NGX_HTTP_MDS_RETRY_AFTER);
    ngx_str_t        retry_after = ngx_null_string;

    if (refusal->status == NGX_HTTP_SERVICE_UNAVAILABLE) {
        retry_after = seconds;
    }

    if (ngx_http_mds_add_missing(r, "MDS-Serial", &refusal->serial) != NGX_OK
        || ngx_http_mds_add_missing(r, "Retry-After", &retry_after) != NGX_OK
        || ngx_http_mds_add_missing(r, "Allow", &refusal->allow) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_mds_find_header(r, "Cache-Control") != NULL
               ? NGX_OK
               : ngx_http_mds_set_cache_control(r, &no_store);
}

ngx_int_t
ngx_http_mds_error_page_filter(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t     *cleanup;
    ngx_http_mds_refusal_t *refusal;

    if (r->err_status == 0 || r != r->main) {
        return NGX_OK;
    }

    for (cleanup = r->pool->cleanup; cleanup != NULL; cleanup = cleanup->next) {
        if (cleanup->handler != ngx_http_mds_refusal_mark) {
            continue;
        }

        refusal = cleanup->data;

        return refusal->status == r->err_status
                   ? ngx_http_mds_add_refusal_headers(r, refusal)
                   : NGX_OK;
    }

    return NGX_OK;
}
