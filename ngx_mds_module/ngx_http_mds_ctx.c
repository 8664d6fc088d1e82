/*
 * The module's context of a request, and memory that the request has to spare.
 */

#include "ngx_http_mds_ctx.h"

/* Identifies the context among the cleanup handlers of the pool. */
static void
ngx_http_mds_ctx_cleanup(void *data)
{
}

ngx_http_mds_ctx_t *
ngx_http_mds_find_ctx(ngx_http_request_t *r)
{
    ngx_http_mds_ctx_t *ctx = ngx_http_get_module_ctx(r, ngx_http_mds_module);
    ngx_pool_cleanup_t *cleanup;

    if (ctx != NULL || !(r->internal || r->filter_finalize)) {
        return ctx;
    }

    /* An internal redirect clears the contexts, but not the cleanup handlers.
     * The pool is also that of subrequests. */
    for (cleanup = r->pool->cleanup; cleanup != NULL; cleanup = cleanup->next) {
        ctx = cleanup->data;

        if (cleanup->handler == ngx_http_mds_ctx_cleanup && ctx->request == r) {
            ctx->shown = NULL;
            ngx_http_set_ctx(r, ctx, ngx_http_mds_module);
            return ctx;
        }
    }

    return NULL;
}

void *
ngx_http_mds_spare_alloc(ngx_http_request_t *r, size_t bytes)
{
    ngx_list_t      *lines = &r->headers_in.headers;
    ngx_list_part_t *last = lines->last;
    size_t count = (bytes + lines->size - 1) / ngx_max(lines->size, 1);

    /* A subrequest has a copy of the list, and HTTP/0.9 none. */
    if (r != r->main || r->count > 1 || last == NULL || last->nelts == 0
        || lines->nalloc - last->nelts < count)
    {
        return ngx_palloc(r->pool, bytes);
    }

    /* Another line would be put into a new part of the list. */
    lines->nalloc -= count;

    return (u_char *) last->elts + lines->nalloc * lines->size;
}

ngx_http_mds_ctx_t *
ngx_http_mds_get_ctx(ngx_http_request_t *r)
{
    ngx_http_mds_ctx_t *ctx = ngx_http_mds_find_ctx(r);
    ngx_pool_cleanup_t *cleanup;
    size_t              bytes = sizeof(*ctx) + NGX_INT64_LEN;

    if (ctx != NULL) {
        return ctx;
    }

    cleanup = ngx_pool_cleanup_add(r->pool, bytes);
    if (cleanup == NULL) {
        return NULL;
    }

    ctx = cleanup->data;
    ngx_memzero(ctx, bytes);
    ctx->request = r;
    cleanup->handler = ngx_http_mds_ctx_cleanup;
    ngx_http_set_ctx(r, ctx, ngx_http_mds_module);

    return ctx;
}

void
ngx_http_mds_set_serial(ngx_http_mds_ctx_t *ctx, uint64_t serial)
{
    /* ngx_http_mds_get_ctx() has allocated the room behind the context. */
    ctx->serial.data = (u_char *) (ctx + 1);
    ctx->serial.len
        = ngx_http_mds_cpy_number(ctx->serial.data, serial) - ctx->serial.data;
}

void
ngx_http_mds_set_variables(ngx_http_mds_ctx_t   *ctx,
                           const mds_decision_t *decision)
{
    ctx->action
        = ngx_http_mds_str(mds_str_of(mds_action_name(decision->action)));
    ctx->reason
        = ngx_http_mds_str(mds_str_of(mds_reason_name(decision->reason)));
    ctx->release = ngx_http_mds_str(decision->release);
    ctx->version = ngx_http_mds_str(decision->version);
    ctx->manifest = ngx_http_mds_str(decision->manifest);
}

void
ngx_http_mds_clear_variables(ngx_http_mds_ctx_t *ctx)
{
    ngx_str_null(&ctx->action);
    ngx_str_null(&ctx->release);
    ngx_str_null(&ctx->version);
    ngx_str_null(&ctx->reason);
    ngx_str_null(&ctx->serial);
    ngx_str_null(&ctx->manifest);
}
