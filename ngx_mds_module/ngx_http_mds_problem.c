/*
 * Refusals: the table from the library's status to the HTTP status and the log
 * level, and the answer, application/problem+json (RFC 9457).
 */

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_endpoint.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_failure.h"
#include "ngx_http_mds_json.h"
#include "ngx_http_mds_respond.h"

typedef struct {
    ngx_uint_t http;
    ngx_uint_t level; /* NGX_LOG_INFO for mistakes of devices */
} ngx_http_mds_problem_t;

/* The titles of the statuses. */
static const struct {
    ngx_uint_t  status;
    const char *title;
} ngx_http_mds_titles[] = {
    { NGX_HTTP_BAD_REQUEST, "Bad Request" },
    { NGX_HTTP_NOT_FOUND, "Not Found" },
    { NGX_HTTP_NOT_ALLOWED, "Method Not Allowed" },
    { NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, "Content Too Large" },
    { NGX_HTTP_UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type" },
    { NGX_HTTP_SERVICE_UNAVAILABLE, "Service Unavailable" },
    { NGX_HTTP_INTERNAL_SERVER_ERROR, "Internal Server Error" },
};

/* The variable parts of a problem. */
typedef struct {
    ngx_uint_t status;
    mds_str_t  detail;
} ngx_http_mds_problem_body_t;

static const ngx_http_mds_problem_t ngx_http_mds_problems[] = {
    [MDS_OK] = { NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ALERT },
    [MDS_NOT_FOUND] = { NGX_HTTP_NOT_FOUND, NGX_LOG_INFO },
    [MDS_INVALID] = { NGX_HTTP_BAD_REQUEST, NGX_LOG_INFO },
    [MDS_EXISTS] = { NGX_HTTP_SERVICE_UNAVAILABLE, NGX_LOG_ERR },
    [MDS_CONFLICT] = { NGX_HTTP_SERVICE_UNAVAILABLE, NGX_LOG_ERR },
    [MDS_DENIED] = { NGX_HTTP_SERVICE_UNAVAILABLE, NGX_LOG_ERR },
    [MDS_NO_SPACE] = { NGX_HTTP_SERVICE_UNAVAILABLE, NGX_LOG_ERR },
    [MDS_NO_MEMORY] = { NGX_HTTP_SERVICE_UNAVAILABLE, NGX_LOG_CRIT },
    [MDS_AGAIN] = { NGX_HTTP_SERVICE_UNAVAILABLE, NGX_LOG_ERR },
    [MDS_DAMAGED] = { NGX_HTTP_SERVICE_UNAVAILABLE, NGX_LOG_ERR },
    [MDS_INCOMPATIBLE] = { NGX_HTTP_SERVICE_UNAVAILABLE, NGX_LOG_ERR },
    [MDS_IO] = { NGX_HTTP_SERVICE_UNAVAILABLE, NGX_LOG_ERR },
};

/* The depot is retried every second, but that is too often for devices. */
#define NGX_HTTP_MDS_RETRY_AFTER "10"

static ngx_int_t
ngx_http_mds_send_problem(ngx_http_request_t *r, ngx_uint_t status,
                          ngx_str_t *allow, ngx_uint_t level,
                          const char *detail);

ngx_int_t
ngx_http_mds_fail(ngx_http_request_t *r, mds_status_t status,
                  const char *detail)
{
    const ngx_http_mds_problem_t *problem = &ngx_http_mds_problems[status];

    /* The edge's own failures are for its log, not for the client. */
    if (problem->http == NGX_HTTP_SERVICE_UNAVAILABLE) {
        ngx_http_mds_log_failure(r->connection->log, problem->level, "mds: %s",
                                 detail);
        return ngx_http_mds_refuse_unavailable(r);
    }

    if (problem->http == NGX_HTTP_BAD_REQUEST) {
        return ngx_http_mds_refuse(r, problem->http, detail);
    }

    return ngx_http_mds_send_problem(r, problem->http, NULL, problem->level,
                                     detail);
}

ngx_int_t
ngx_http_mds_fail_evaluation(ngx_http_request_t *r, mds_status_t status,
                             const mds_error_t *err)
{
    ngx_http_mds_depot_t *depot = ngx_http_mds_get_depot(r);

    /* The reason was logged when the depot was closed. */
    if (!ngx_http_mds_depot_is_open(depot)) {
        return ngx_http_mds_refuse_unavailable(r);
    }

    /* An unavailable state is logged once, not for each request. */
    if (status == MDS_DENIED) {
        ngx_http_mds_depot_log_state_error(depot, err);
        return ngx_http_mds_refuse_unavailable(r);
    }

    return ngx_http_mds_fail(r, status, err->text);
}

static mds_status_t
ngx_http_mds_read_serial(const mds_snapshot_t *snapshot, void *data,
                         mds_error_t *err)
{
    ngx_http_mds_set_serial(data, mds_catalog_serial(snapshot->catalog));

    return MDS_OK;
}

ngx_int_t
ngx_http_mds_require_serial(ngx_http_request_t *r)
{
    ngx_http_mds_ctx_t *ctx = ngx_http_mds_get_ctx(r);
    mds_error_t         err;

    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ctx->serial.len != 0) {
        return NGX_OK;
    }

    return ngx_http_mds_depot_evaluate(ngx_http_mds_get_depot(r),
                                       ngx_http_mds_read_serial, ctx, &err)
                   == MDS_OK
               ? NGX_OK
               : NGX_DECLINED;
}

/* Returns 1 if the answers of the location have a serial: all but files. */
static ngx_uint_t
ngx_http_mds_has_serial(ngx_http_request_t *r)
{
    ngx_http_mds_loc_conf_t *mlcf
        = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);

    return mlcf->endpoint != &ngx_http_mds_files_endpoint;
}

static ngx_int_t
ngx_http_mds_send_refusal(ngx_http_request_t *r, ngx_uint_t status,
                          ngx_str_t *allow, const char *detail)
{
    ngx_int_t rc
        = ngx_http_mds_has_serial(r) ? ngx_http_mds_require_serial(r) : NGX_OK;

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return rc == NGX_DECLINED ? ngx_http_mds_refuse_unavailable(r)
                              : ngx_http_mds_send_problem(r, status, allow,
                                                          NGX_LOG_INFO, detail);
}

ngx_int_t
ngx_http_mds_refuse(ngx_http_request_t *r, ngx_uint_t status,
                    const char *detail)
{
    return ngx_http_mds_send_refusal(r, status, NULL, detail);
}

ngx_int_t
ngx_http_mds_refuse_method(ngx_http_request_t *r, ngx_str_t *allow)
{
    return ngx_http_mds_send_refusal(r, NGX_HTTP_NOT_ALLOWED, allow,
                                     "the method is not allowed here");
}

ngx_int_t
ngx_http_mds_refuse_unavailable(ngx_http_request_t *r)
{
    return ngx_http_mds_send_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE, NULL,
                                     NGX_LOG_DEBUG,
                                     "the service is unavailable at present");
}

ngx_int_t
ngx_http_mds_refuse_full(ngx_http_request_t *r)
{
    return ngx_http_mds_send_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE, NULL,
                                     NGX_LOG_DEBUG,
                                     "this worker has as many streams as"
                                     " \"mds_watch_max\" allows");
}

static void
ngx_http_mds_problem_write(ngx_http_mds_json_t *w, const void *data)
{
    const ngx_http_mds_problem_body_t *problem = data;
    size_t                             i = 0;

    while (i < mds_nelems(ngx_http_mds_titles) - 1
           && ngx_http_mds_titles[i].status != problem->status)
    {
        i++;
    }

    ngx_http_mds_json_string(w, "{\"type\":\"about:blank\",\"title\":\"",
                             mds_str_of(ngx_http_mds_titles[i].title));
    ngx_http_mds_json_raw(w, ",\"status\":");
    ngx_http_mds_json_number(w, problem->status);
    ngx_http_mds_json_string(w, ",\"detail\":\"", problem->detail);
    ngx_http_mds_json_raw(w, "}");
}

/* Logs the detail, escaped as in JSON since a client can choose parts of it. */
static ngx_int_t
ngx_http_mds_log_detail(ngx_http_request_t *r, ngx_uint_t level,
                        mds_str_t detail)
{
    size_t              size = mds_quote_bytes(detail);
    u_char             *text = ngx_pnalloc(r->pool, size + 1);
    ngx_http_mds_json_t w;

    if (text == NULL) {
        return NGX_ERROR;
    }

    w = ngx_http_mds_json_into(text, size);
    ngx_http_mds_json_quoted(&w, detail);
    ngx_log_error(level, r->connection->log, 0, "mds: %*s", size, text);

    return NGX_OK;
}

/* Returns 1 if error_page has a page for the status. */
static ngx_uint_t
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

static ngx_int_t
ngx_http_mds_add_missing(ngx_http_request_t *r, mds_str_t name,
                         ngx_str_t *value)
{
    return ngx_http_mds_find_header(r, name) != NULL
               ? NGX_OK
               : ngx_http_mds_add_header(r, name, value);
}

ngx_int_t
ngx_http_mds_add_refusal_headers(ngx_http_request_t *r, ngx_http_mds_ctx_t *ctx)
{
    static ngx_str_t no_store = ngx_string("no-store");
    static ngx_str_t seconds = ngx_string(NGX_HTTP_MDS_RETRY_AFTER);

    if (ngx_http_mds_add_missing(r, mds_str("MDS-Serial"), &ctx->serial)
            != NGX_OK
        || ngx_http_mds_add_missing(r, mds_str("Allow"), &ctx->allow) != NGX_OK
        || (ctx->refused == NGX_HTTP_SERVICE_UNAVAILABLE
            && ngx_http_mds_add_missing(r, mds_str("Retry-After"), &seconds)
                   != NGX_OK))
    {
        return NGX_ERROR;
    }

    return ngx_http_mds_find_header(r, mds_str("Cache-Control")) != NULL
               ? NGX_OK
               : ngx_http_mds_set_cache_control(r, &no_store);
}

/* Sends a problem, or leaves the status to a page of error_page. */
static ngx_int_t
ngx_http_mds_send_problem(ngx_http_request_t *r, ngx_uint_t status,
                          ngx_str_t *allow, ngx_uint_t level,
                          const char *detail)
{
    static ngx_str_t            type = ngx_string("application/problem+json");
    ngx_http_mds_problem_body_t problem = { status, mds_str_of(detail) };
    ngx_http_mds_ctx_t         *ctx = ngx_http_mds_get_ctx(r);
    ngx_str_t                   body;

    if (ctx == NULL
        || ngx_http_mds_log_detail(r, level, problem.detail) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* Without a serial, while the depot is not open. */
    if (ngx_http_mds_has_serial(r)
        && ngx_http_mds_require_serial(r) == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->refused = status;
    ctx->allow = allow == NULL ? (ngx_str_t) ngx_null_string : *allow;

    if (ngx_http_mds_has_error_page(r, status)) {
        return (ngx_int_t) status;
    }

    /* A value that was set for another answer does not apply to this one. */
    ngx_http_mds_clear_cache_control(r);

    return ngx_http_mds_add_refusal_headers(r, ctx) == NGX_OK
                   && ngx_http_mds_json_body(r->pool,
                                             ngx_http_mds_problem_write,
                                             &problem, &body)
                          == NGX_OK
               ? ngx_http_mds_send(r, status, &type, &body)
               : NGX_HTTP_INTERNAL_SERVER_ERROR;
}
