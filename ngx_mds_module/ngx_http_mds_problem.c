/*
 * Errors: one table from what the library says to what HTTP says and how
 * loud the log is, and the answer, application/problem+json (RFC 9457).
 */

#include "ngx_http_mds_module.h"

typedef struct {
    ngx_uint_t http;
    ngx_uint_t level; /* a device's mistake is no operator's concern */
} ngx_http_mds_problem_t;

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

/* A failure is new when it was not seen for so many seconds; more than so many
 * at a time are not told apart. */
#define NGX_HTTP_MDS_FAILURE_OVER_S 60
#define NGX_HTTP_MDS_FAILURES_MAX 8

typedef struct {
    uint32_t checksum; /* of its text */
    time_t   seen;     /* 0: never */
} ngx_http_mds_failure_t;

static ngx_int_t
ngx_http_mds_send_problem(ngx_http_request_t *r, ngx_uint_t status,
                          ngx_str_t *allowed, ngx_uint_t level,
                          const char *text);

void
ngx_http_mds_log_failure(ngx_http_request_t *r, ngx_uint_t level,
                         const char *text)
{
    static ngx_http_mds_failure_t failures[NGX_HTTP_MDS_FAILURES_MAX];
    ngx_http_mds_failure_t       *failure = NULL;
    uint32_t checksum = ngx_crc32_short((u_char *) text, ngx_strlen(text));
    time_t   now = ngx_time();

    for (size_t i = 0; i < mds_nelems(failures); i++) {
        ngx_uint_t over = now - failures[i].seen >= NGX_HTTP_MDS_FAILURE_OVER_S;

        if (!over && failures[i].checksum == checksum) {
            failures[i].seen = now;
            failure = NULL;
            break;
        }

        if (over) {
            failure = &failures[i];
        }
    }

    if (failure == NULL) {
        level = NGX_LOG_INFO;
    } else {
        failure->checksum = checksum;
        failure->seen = now;
    }

    ngx_log_error(level, r->connection->log, 0, "mds: %s", text);
}

ngx_int_t
ngx_http_mds_problem(ngx_http_request_t *r, mds_status_t status,
                     const char *detail)
{
    const ngx_http_mds_problem_t *problem = &ngx_http_mds_problems[status];

    /* What ails the edge is for its log, not for the other side. */
    if (problem->http == NGX_HTTP_SERVICE_UNAVAILABLE) {
        ngx_http_mds_log_failure(r, problem->level, detail);
        return ngx_http_mds_unavailable(r);
    }

    if (problem->http == NGX_HTTP_BAD_REQUEST) {
        return ngx_http_mds_refuse(r, problem->http, detail);
    }

    return ngx_http_mds_send_problem(r, problem->http, NULL, problem->level,
                                     detail);
}

ngx_int_t
ngx_http_mds_not_allowed(ngx_http_request_t *r, ngx_str_t *allowed)
{
    return ngx_http_mds_send_problem(r, NGX_HTTP_NOT_ALLOWED, allowed,
                                     NGX_LOG_INFO,
                                     "the method is not one of those that are"
                                     " answered here");
}

static mds_status_t
ngx_http_mds_read_serial(const mds_snapshot_t *snapshot, void *data,
                         mds_error_t *err)
{
    (void) err;
    ngx_http_mds_tell_serial(data, mds_catalog_serial(snapshot->catalog));

    return MDS_OK;
}

/* Where nothing was looked up, the answer has the serial all the same. */
ngx_int_t
ngx_http_mds_refuse(ngx_http_request_t *r, ngx_uint_t status,
                    const char *detail)
{
    ngx_http_mds_ctx_t      *ctx = ngx_http_mds_get_ctx(r);
    ngx_http_mds_loc_conf_t *mlcf;
    ngx_http_mds_depot_t    *depot;
    mds_error_t              err;

    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);
    depot = ngx_http_mds_depot(mlcf->place);

    if (ctx->serial.len == 0
        && (ngx_http_mds_depot_evaluate(depot, ngx_http_mds_read_serial, ctx,
                                        &err)
                != MDS_OK
            || !ngx_http_mds_depot_is_open(depot)))
    {
        return ngx_http_mds_unavailable(r);
    }

    return ngx_http_mds_send_problem(r, status, NULL, NGX_LOG_INFO, detail);
}

/* Why is in the log already: once for all requests, or from above. */
ngx_int_t
ngx_http_mds_unavailable(ngx_http_request_t *r)
{
    return ngx_http_mds_send_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE, NULL,
                                     NGX_LOG_DEBUG,
                                     "nothing can be read here at present");
}

static const char *
ngx_http_mds_problem_title(ngx_uint_t status)
{
    switch (status) {

    case NGX_HTTP_BAD_REQUEST:
        return "Bad Request";

    case NGX_HTTP_NOT_FOUND:
        return "Not Found";

    case NGX_HTTP_NOT_ALLOWED:
        return "Method Not Allowed";

    case NGX_HTTP_REQUEST_ENTITY_TOO_LARGE:
        return "Content Too Large";

    case NGX_HTTP_UNSUPPORTED_MEDIA_TYPE:
        return "Unsupported Media Type";

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        return "Service Unavailable";

    default:
        return "Internal Server Error";
    }
}

/* As the inside of a JSON string, which is fit for a line of a log as well. */
static ngx_int_t
ngx_http_mds_escape(ngx_pool_t *pool, const char *text, ngx_str_t *escaped)
{
    u_char *from = (u_char *) text;
    size_t  len = ngx_strlen(text);

    escaped->len = len + ngx_escape_json(NULL, from, len);
    escaped->data = ngx_pnalloc(pool, escaped->len);
    if (escaped->data == NULL) {
        return NGX_ERROR;
    }

    ngx_escape_json(escaped->data, from, len);

    return NGX_OK;
}

static ngx_int_t
ngx_http_mds_problem_body(ngx_http_request_t *r, ngx_uint_t status,
                          ngx_str_t *detail, ngx_str_t *body)
{
    static const char format[]
        = "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%ui,"
          "\"detail\":\"%V\"}";
    const char *title = ngx_http_mds_problem_title(status);
    u_char     *p;

    p = ngx_pnalloc(r->pool, sizeof(format) + ngx_strlen(title) + NGX_INT_T_LEN
                                 + detail->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    body->data = p;
    body->len = ngx_sprintf(p, format, title, status, detail) - p;

    return NGX_OK;
}

/* What the operator has put in its place comes first. */
static ngx_int_t
ngx_http_mds_send_problem(ngx_http_request_t *r, ngx_uint_t status,
                          ngx_str_t *allowed, ngx_uint_t level,
                          const char *text)
{
    static ngx_str_t       type = ngx_string("application/problem+json");
    ngx_http_mds_refusal_t refusal = { .status = status };
    ngx_http_mds_ctx_t    *ctx;
    ngx_str_t              detail, body;

    if (ngx_http_mds_escape(r->pool, text, &detail) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_log_error(level, r->connection->log, 0, "mds: %V", &detail);

    ctx = ngx_http_get_module_ctx(r, ngx_http_mds_module);
    if (ctx != NULL) {
        refusal.serial = ctx->serial;
    }

    if (allowed != NULL) {
        refusal.allow = *allowed;
    }

    if (ngx_http_mds_has_error_page(r, status)) {
        return ngx_http_mds_keep_refusal(r, &refusal) == NGX_OK
                   ? (ngx_int_t) status
                   : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* It is not what somebody has said of another answer before. */
    ngx_http_mds_clear_cache_control(r);

    return ngx_http_mds_add_refusal_headers(r, &refusal) == NGX_OK
                   && ngx_http_mds_problem_body(r, status, &detail, &body)
                          == NGX_OK
               ? ngx_http_mds_send(r, status, &type, &body)
               : NGX_HTTP_INTERNAL_SERVER_ERROR;
}
