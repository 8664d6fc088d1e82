/*
 * mds_status: what this edge counts, and what its depots release, for
 * operators: a page, metrics for Prometheus, or JSON. It answers also while no
 * depot can be read.
 */

#include "ngx_http_mds_accept.h"
#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_endpoint.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_respond.h"
#include "ngx_http_mds_status_page.h"

#include "base/mds_time.h"
#include "overview/mds_overview.h"

typedef enum {
    NGX_HTTP_MDS_STATUS_HTML,
    NGX_HTTP_MDS_OPENMETRICS,
    NGX_HTTP_MDS_PLAIN, /* the older text format of metrics */
    NGX_HTTP_MDS_STATUS_JSON
} ngx_http_mds_status_format_t;

/* The types that Accept may name, and those of the answers. */
static ngx_str_t ngx_http_mds_status_accepted[] = {
    [NGX_HTTP_MDS_STATUS_HTML] = ngx_string("text/html"),
    [NGX_HTTP_MDS_OPENMETRICS] = ngx_string("application/openmetrics-text"),
    [NGX_HTTP_MDS_PLAIN] = ngx_string("text/plain"),
    [NGX_HTTP_MDS_STATUS_JSON] = ngx_string("application/json"),
};

static ngx_str_t ngx_http_mds_status_types[] = {
    [NGX_HTTP_MDS_STATUS_HTML] = ngx_string("text/html; charset=utf-8"),
    [NGX_HTTP_MDS_OPENMETRICS]
    = ngx_string("application/openmetrics-text; version=1.0.0; charset=utf-8"),
    [NGX_HTTP_MDS_PLAIN]
    = ngx_string("text/plain; version=0.0.4; charset=utf-8"),
    [NGX_HTTP_MDS_STATUS_JSON] = ngx_string("application/json"),
};

/* The arguments of the evaluation of one depot. */
typedef struct {
    ngx_http_request_t   *r;
    const mds_overview_t *overview;
    mds_overview_depot_t *depot;
} ngx_http_mds_status_call_t;

static mds_status_t
ngx_http_mds_status_read(const mds_snapshot_t *snapshot, void *data,
                         mds_error_t *err)
{
    ngx_http_mds_status_call_t *call = data;
    mds_alloc_t alloc = { ngx_http_mds_pool_alloc, call->r->pool };

    return mds_overview_read_depot(call->overview, snapshot->catalog,
                                   snapshot->state, &alloc, err, call->depot);
}

/* Reads a depot; one that cannot be read is shown as not open. */
static void
ngx_http_mds_status_read_depot(ngx_http_request_t        *r,
                               const mds_overview_t      *overview,
                               ngx_http_mds_depot_conf_t *depot_conf,
                               mds_overview_depot_t      *shown)
{
    ngx_http_mds_depot_t      *depot = ngx_http_mds_depot_find(depot_conf);
    ngx_http_mds_status_call_t call = { r, overview, shown };
    mds_error_t                err;

    ngx_memzero(shown, sizeof(*shown));
    shown->path = ngx_http_mds_view(&depot_conf->path);
    shown->number = depot == NULL ? MDS_COUNTERS_DEPOT_OTHER : depot->number;
    shown->fleet_reachable
        = depot != NULL && ngx_http_mds_fleet_is_reachable(depot->fleet);

    if (ngx_http_mds_depot_is_open(depot)
        && ngx_http_mds_depot_evaluate(depot, ngx_http_mds_status_read, &call,
                                       &err)
               != MDS_OK)
    {
        shown->open = false;
        shown->release_count = 0;
    }

    if (shown->open && !overview->state_only) {
        shown->versions = ngx_http_mds_versions_get(depot);
    }
}

static ngx_int_t
ngx_http_mds_status_gather(ngx_http_request_t          *r,
                           ngx_http_mds_status_format_t format,
                           mds_overview_t              *overview)
{
    ngx_http_mds_main_conf_t *mcf
        = ngx_http_get_module_main_conf(r, ngx_http_mds_module);
    ngx_http_mds_depot_conf_t **depot_conf = mcf->depot_confs.elts;
    mds_alloc_t                 alloc = { ngx_http_mds_pool_alloc, r->pool };
    mds_error_t                 err;

    ngx_memzero(overview, sizeof(*overview));
    overview->now_ms = mds_time_now_ms();
    overview->state_only
        = format == NGX_HTTP_MDS_OPENMETRICS || format == NGX_HTTP_MDS_PLAIN;
    overview->zone = ngx_http_mds_counters_zone();
    overview->depot_count = mcf->depot_confs.nelts;
    overview->depots = ngx_palloc(r->pool, overview->depot_count
                                               * sizeof(*overview->depots));
    if (overview->depots == NULL
        || (overview->zone != NULL
            && mds_counters_sum(overview->zone, &alloc, &err, &overview->totals)
                   != MDS_OK))
    {
        return NGX_ERROR;
    }

    for (size_t i = 0; i < overview->depot_count; i++) {
        ngx_http_mds_status_read_depot(r, overview, depot_conf[i],
                                       &overview->depots[i]);
    }

    return NGX_OK;
}

/* Returns the format that Accept names with the greatest weight. */
static ngx_http_mds_status_format_t
ngx_http_mds_status_accept(ngx_http_request_t *r)
{
    ngx_int_t named
        = ngx_http_mds_accept_named(r, ngx_http_mds_status_accepted,
                                    mds_nelems(ngx_http_mds_status_accepted));

    return named == -1 ? NGX_HTTP_MDS_STATUS_JSON
                       : (ngx_http_mds_status_format_t) named;
}

/* Returns which of the two formats of metrics Accept prefers. */
static ngx_http_mds_status_format_t
ngx_http_mds_status_accept_metrics(ngx_http_request_t *r)
{
    ngx_str_t *types = &ngx_http_mds_status_accepted[NGX_HTTP_MDS_OPENMETRICS];

    return ngx_http_mds_accept_named(r, types, 2) == 0
               ? NGX_HTTP_MDS_OPENMETRICS
               : NGX_HTTP_MDS_PLAIN;
}

/* Gives the format that "format" asks for, or Accept. */
static ngx_int_t
ngx_http_mds_status_choose(ngx_http_request_t           *r,
                           ngx_http_mds_status_format_t *format)
{
    ngx_str_t value;

    *format = ngx_http_mds_status_accept(r);

    if (ngx_http_arg(r, (u_char *) "format", sizeof("format") - 1, &value)
        != NGX_OK)
    {
        return NGX_OK;
    }

    if (mds_str_eq(ngx_http_mds_view(&value), mds_str("json"))) {
        *format = NGX_HTTP_MDS_STATUS_JSON;
        return NGX_OK;
    }

    if (mds_str_eq(ngx_http_mds_view(&value), mds_str("html"))) {
        *format = NGX_HTTP_MDS_STATUS_HTML;
        return NGX_OK;
    }

    if (mds_str_eq(ngx_http_mds_view(&value), mds_str("prometheus"))) {
        *format = ngx_http_mds_status_accept_metrics(r);
        return NGX_OK;
    }

    return NGX_DECLINED;
}

/* Writes the page: what it shows without JavaScript, and the place of
 * mds_explain, are filled in. */
static void
ngx_http_mds_status_write_page(ngx_http_request_t   *r,
                               const mds_overview_t *overview,
                               mds_writer_t         *writer)
{
    ngx_http_mds_main_conf_t *mcf
        = ngx_http_get_module_main_conf(r, ngx_http_mds_module);

    mds_writer_add(writer, mds_str(ngx_http_mds_page_head));
    mds_overview_write_html(overview, writer);
    mds_writer_add(writer, mds_str(ngx_http_mds_page_middle));
    mds_overview_write_html_text(writer, ngx_http_mds_view(&mcf->explain));
    mds_writer_add(writer, mds_str(ngx_http_mds_page_tail));
}

/* Adds header lines by which a browser runs only the page's own script. */
static ngx_int_t
ngx_http_mds_status_secure_page(ngx_http_request_t *r)
{
    static ngx_str_t policy = ngx_string(NGX_HTTP_MDS_PAGE_POLICY);
    static ngx_str_t nosniff = ngx_string("nosniff");
    static ngx_str_t no_referrer = ngx_string("no-referrer");

    return ngx_http_mds_add_header(r, mds_str("Content-Security-Policy"),
                                   &policy)
                       == NGX_OK
                   && ngx_http_mds_add_header(r,
                                              mds_str("X-Content-Type-Options"),
                                              &nosniff)
                          == NGX_OK
               ? ngx_http_mds_add_header(r, mds_str("Referrer-Policy"),
                                         &no_referrer)
               : NGX_ERROR;
}

static ngx_int_t
ngx_http_mds_status_get(ngx_http_request_t *r)
{
    mds_alloc_t                  alloc = { ngx_http_mds_pool_alloc, r->pool };
    mds_writer_t                 writer = { .alloc = &alloc };
    ngx_http_mds_response_t      response = { .type = NULL };
    mds_overview_t               overview;
    ngx_http_mds_status_format_t format;

    if (ngx_http_mds_get_ctx(r) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_mds_status_choose(r, &format) != NGX_OK) {
        return ngx_http_mds_refuse(r, NGX_HTTP_BAD_REQUEST,
                                   "parameter \"format\" must be \"html\","
                                   " \"json\" or \"prometheus\"");
    }

    /* The serial is that of the location's depot, if it is open. */
    if (ngx_http_mds_require_serial(r) == NGX_ERROR
        || ngx_http_mds_status_gather(r, format, &overview) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (format == NGX_HTTP_MDS_STATUS_HTML) {
        ngx_http_mds_status_write_page(r, &overview, &writer);

        if (ngx_http_mds_status_secure_page(r) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

    } else if (format == NGX_HTTP_MDS_STATUS_JSON) {
        mds_overview_write_json(&overview, &writer);

    } else {
        mds_overview_write_metrics(&overview,
                                   format == NGX_HTTP_MDS_OPENMETRICS, &writer);
    }

    if (writer.failed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    response.type = &ngx_http_mds_status_types[format];
    response.body = ngx_http_mds_str(mds_writer_str(&writer));

    return ngx_http_mds_respond(r, &response);
}

ngx_http_mds_endpoint_t ngx_http_mds_status_endpoint = {
    .id = MDS_ENDPOINT_STATUS,
    .get = ngx_http_mds_status_get,
    .allow = ngx_string("GET, HEAD"),
};
