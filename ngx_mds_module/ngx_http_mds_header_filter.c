/*
 * The header filter, which nginx calls last before the header is written.
 *
 * A refusal goes through error_page, as the status of any handler does. Its
 * header lines are added here, and only if the answer still has its status: an
 * answer that another edge or the origin gives instead has its own lines.
 */

#include "ngx_http_mds_assets.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_respond.h"

static ngx_http_output_header_filter_pt ngx_http_mds_next_header_filter;

static ngx_int_t
ngx_http_mds_header_filter(ngx_http_request_t *r)
{
    ngx_http_mds_ctx_t *ctx;

    ngx_http_mds_file_filter(r);

    if (ngx_http_mds_assets_filter(r) != NGX_OK) {
        return NGX_ERROR;
    }

    if (r->err_status != 0 && r == r->main) {
        ctx = ngx_http_mds_find_ctx(r);

        if (ctx != NULL && ctx->refused == r->err_status
            && ngx_http_mds_add_refusal_headers(r, ctx) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_mds_next_header_filter(r);
}

void
ngx_http_mds_header_filter_init(void)
{
    ngx_http_mds_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_mds_header_filter;
}
