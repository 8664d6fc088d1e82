/*
 * The configuration of the module and the context of a request, which all
 * files of the module share. The module is the glue between nginx and lib/:
 * lib/ alone decides which version a device gets.
 *
 * Functions return the codes of nginx's content handlers, and allocate from
 * the request's pool, unless their comment says otherwise.
 */

#ifndef NGX_HTTP_MDS_MODULE_H
#define NGX_HTTP_MDS_MODULE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "base/mds_base.h"

typedef struct ngx_http_mds_depot_s        ngx_http_mds_depot_t;
typedef struct ngx_http_mds_endpoint_s     ngx_http_mds_endpoint_t;
typedef struct ngx_http_mds_watch_set_s    ngx_http_mds_watch_set_t;
typedef struct ngx_http_mds_feed_s         ngx_http_mds_feed_t;
typedef struct ngx_http_mds_body_reading_s ngx_http_mds_body_reading_t;

/* Limits of a depot's state; NGX_CONF_UNSET: not configured. */
typedef struct {
    off_t  state_max;  /* mds_state_max, in bytes */
    time_t device_ttl; /* mds_device_ttl, in seconds */
} ngx_http_mds_bounds_t;

/* The path of a depot; all locations that name the path share the structure. */
typedef struct {
    ngx_str_t             path;  /* no trailing slash; zero-terminated */
    ngx_http_mds_depot_t *depot; /* NULL: not used in this process yet */
    ngx_http_mds_bounds_t bounds;
    ngx_uint_t            number; /* in the counters */

    ngx_shm_zone_t             *zone; /* of the registry's filter */
    size_t                      filter_bytes;
    struct mds_device_filter_s *filter;
} ngx_http_mds_depot_conf_t;

typedef struct {
    ngx_str_t                name;
    ngx_http_complex_value_t value;
} ngx_http_mds_attribute_t;

/* The resource that a location shows. */
typedef struct {
    ngx_http_complex_value_t kind;
    ngx_http_complex_value_t name; /* zeroed, an empty value: no name */
    ngx_http_complex_value_t installed;
    ngx_uint_t               has_installed; /* else the version is ignored */
    ngx_uint_t               window;        /* a window may admit the device */
} ngx_http_mds_resource_t;

typedef struct {
    ngx_array_t depot_confs; /* of ngx_http_mds_depot_conf_t * */

    ngx_uint_t has_threads; /* of its thread pools, in this process */

    ngx_uint_t keeps_manifest; /* variables are used that need it */

    ngx_str_t explain; /* URI of a location with mds_explain; empty: none */

    size_t                     zone_size; /* mds_zone; 0: nothing is counted */
    ngx_core_conf_t           *core_conf; /* its worker_processes */
    ngx_shm_zone_t            *zone;
    struct mds_counter_zone_s *counters; /* in it */
} ngx_http_mds_main_conf_t;

typedef struct {
    ngx_http_mds_depot_conf_t *depot_conf; /* mds_depot; NULL: none */
    ngx_array_t               *attributes; /* of ngx_http_mds_attribute_t */
    ngx_http_mds_bounds_t      bounds;     /* of the depot */
    ngx_msec_t                 state_timeout;
    ngx_msec_t                 watch_ping;
    ngx_msec_t                 watch_retry;
    ngx_int_t                  watch_max; /* in a worker */
    ngx_str_t                  origin;    /* mds_origin; empty: none */

    ngx_http_mds_endpoint_t *endpoint; /* mds_check, ...; NULL: none */
    ngx_http_mds_resource_t *resource; /* mds_resource; NULL: none */

    ngx_str_t  directive; /* that has claimed the location; empty: none */
    ngx_str_t  file;      /* place of the directive */
    ngx_uint_t line;
} ngx_http_mds_loc_conf_t;

/* The module's context of a request, kept over internal redirects. Empty
 * strings are variables that are not found. */
typedef struct {
    ngx_http_request_t *request;

    ngx_str_t action;
    ngx_str_t release;
    ngx_str_t version;
    ngx_str_t reason;
    ngx_str_t serial;         /* also the value of MDS-Serial */
    ngx_str_t manifest;       /* of a single decision, if it is kept */
    ngx_str_t deployment_key; /* of a CodePush report's body */
    ngx_str_t resources;      /* of a batch, once they have been counted */

    ngx_http_mds_body_reading_t *reading; /* of the body */

    struct ngx_http_mds_watcher_s *watcher; /* of mds_watch; NULL: none */

    uint64_t             began_ns;    /* of a check; 0: it is not measured */
    struct mds_series_s *file_series; /* of the file that is sent; or NULL */

    /* The file of an unpacked version that the URI names; NULL: none. */
    struct ngx_http_mds_asset_answer_s *asset;

    ngx_uint_t fetched; /* the agent was asked for the file */

    ngx_uint_t refused; /* status of a refusal; 0: none */
    ngx_str_t  allow;   /* value of Allow, if that is 405 */

    /* The location with mds_resource that the variables apply to. */
    ngx_http_mds_loc_conf_t *shown;
    mds_status_t             shown_status;
    ngx_uint_t               admitted; /* its window has answered */
} ngx_http_mds_ctx_t;

extern ngx_module_t ngx_http_mds_module;

/* Claims the location for the directive that is being read. Only one directive
 * can claim a location. Returns the result of a directive's handler. */
char *
ngx_http_mds_claim_location(ngx_conf_t *cf, ngx_http_mds_loc_conf_t *mlcf);

ngx_int_t ngx_http_mds_compile_value(ngx_conf_t *cf, ngx_str_t *text,
                                     ngx_http_complex_value_t *value);

ngx_int_t ngx_http_mds_add_handler(ngx_conf_t *cf, ngx_http_phases phase,
                                   ngx_http_handler_pt handler);

/* Writes a number in decimal, NGX_INT64_LEN digits at most; returns the end. */
static inline u_char *
ngx_http_mds_cpy_number(u_char *p, uint64_t number)
{
    u_char  digits[NGX_INT64_LEN];
    u_char *end = digits + sizeof(digits), *first = end;

    do {
        *--first = (u_char) ('0' + number % 10);
        number /= 10;
    } while (number > 0);

    while (first < end) {
        *p++ = *first++;
    }

    return p;
}

static inline mds_str_t
ngx_http_mds_view(const ngx_str_t *s)
{
    return (mds_str_t){ s->len, (const char *) s->data };
}

static inline ngx_str_t
ngx_http_mds_str(mds_str_t view)
{
    return (ngx_str_t){ view.len, (u_char *) view.data };
}

#endif
