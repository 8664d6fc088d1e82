/*
 * ngx_http_mds_ctx: the module's context of a request, which its variables
 * show.
 */

#ifndef NGX_HTTP_MDS_CTX_H
#define NGX_HTTP_MDS_CTX_H

#include "ngx_http_mds_module.h"

#include "evaluate/mds_decide.h"

/* Returns the request's context, also after an internal redirect; NULL: none.
 */
ngx_http_mds_ctx_t *ngx_http_mds_find_ctx(ngx_http_request_t *r);

/* Creates the context if there is none; NULL: out of memory. */
ngx_http_mds_ctx_t *ngx_http_mds_get_ctx(ngx_http_request_t *r);

/* Sets $mds_serial. */
void ngx_http_mds_set_serial(ngx_http_mds_ctx_t *ctx, uint64_t serial);

/* Sets the other variables; the views have to live as long as the request. */
void ngx_http_mds_set_variables(ngx_http_mds_ctx_t   *ctx,
                                const mds_decision_t *decision);

/* Clears the variables, $mds_serial too, before another location decides. */
void ngx_http_mds_clear_variables(ngx_http_mds_ctx_t *ctx);

/*
 * Allocates memory for as long as the request lives; it is not zeroed, and NULL
 * if there is none. It is taken from the room for twenty header lines that
 * nginx reserves for each request, of which a device sends a few, if there is
 * enough of that.
 */
void *ngx_http_mds_spare_alloc(ngx_http_request_t *r, size_t bytes);

#endif
