/*
 * The header filter, which nginx calls last before the header is written.
 */

#include "ngx_http_mds_respond.h"

static ngx_http_output_header_filter_pt ngx_http_mds_next_header_filter;

static ngx_int_t
ngx_http_mds_header_filter(ngx_http_request_t *r)
{
    ngx_http_mds_file_filter(r);

    if (ngx_http_mds_error_page_filter(r) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mds_next_header_filter(r);
}

void
ngx_http_mds_header_filter_init(void)
{
    ngx_http_mds_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_mds_header_filter;
}
