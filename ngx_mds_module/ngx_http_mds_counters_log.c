/*
 * Counts what a request was answered, when it ends: its status, the time that
 * a check took, and the bytes of a file.
 */

#include "ngx_http_mds_counters.h"
#include "ngx_http_mds_endpoint.h"

/* Returns 1 if the answer ends with the last byte of the file: it is the whole
 * one, or a range up to its end ("bytes 10-99/100"). */
static ngx_uint_t
ngx_http_mds_ends_with_file(ngx_http_request_t *r)
{
    mds_str_t last, size;

    if (r->headers_out.status == NGX_HTTP_OK) {
        return 1;
    }

    if (r->headers_out.content_range == NULL) {
        return 0;
    }

    size = ngx_http_mds_view(&r->headers_out.content_range->value);
    (void) mds_str_cut(&size, '-');
    last = mds_str_cut(&size, '/');

    return last.len > 0 && size.len > 0
           && ngx_atoof((u_char *) last.data, last.len) + 1
                  == ngx_atoof((u_char *) size.data, size.len);
}

/* Counts the bytes of a file that were sent, and whether its end was. */
static void
ngx_http_mds_count_file(ngx_http_request_t *r, mds_series_t *series)
{
    off_t sent = r->connection->sent - (off_t) r->header_size;

    /* An error has a body of its own. */
    if (sent <= 0 || r->err_status != 0) {
        return;
    }

    mds_series_add(series, 0, sent);

    if (sent == r->headers_out.content_length_n
        && ngx_http_mds_ends_with_file(r)) {
        mds_series_add(series, 1, 1);
    }
}

ngx_int_t
ngx_http_mds_counters_log(ngx_http_request_t *r)
{
    ngx_http_mds_loc_conf_t *mlcf;
    ngx_http_mds_ctx_t      *ctx;
    mds_endpoint_t           endpoint;
    mds_fixed_counters_t    *fixed = ngx_http_mds_counters_fixed();
    ngx_uint_t               status;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);

    if (mlcf->endpoint == NULL || fixed == NULL) {
        return NGX_OK;
    }

    endpoint = mlcf->endpoint->id;
    if (endpoint == MDS_ENDPOINT_CHECK && r->method == NGX_HTTP_POST) {
        endpoint = MDS_ENDPOINT_BATCH;
    }

    status = r->err_status != 0 ? r->err_status : r->headers_out.status;
    mds_counter_add(&fixed->responses[endpoint][mds_http_status_index(status)],
                    1);

    ctx = ngx_http_get_module_ctx(r, ngx_http_mds_module);
    if (ctx == NULL) {
        return NGX_OK;
    }

    if (ctx->began_ns != 0 && endpoint == MDS_ENDPOINT_CHECK) {
        mds_histogram_add(&fixed->checks,
                          (int64_t) (ngx_http_mds_counters_clock()
                                     - ctx->began_ns));
    }

    if (ctx->file_series != NULL) {
        ngx_http_mds_count_file(r, ctx->file_series);
    }

    return NGX_OK;
}
