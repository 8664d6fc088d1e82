/*
 * Directives and configuration. Nothing here opens a depot: `nginx -t` and a
 * reload read only the configuration.
 */

#include "ngx_http_mds_module.h"

#include "ngx_http_mds_counters.h"
#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_depot_conf.h"
#include "ngx_http_mds_endpoint.h"
#include "ngx_http_mds_origin.h"
#include "ngx_http_mds_request.h"
#include "ngx_http_mds_resource.h"
#include "ngx_http_mds_respond.h"

static void *ngx_http_mds_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_mds_create_loc_conf(ngx_conf_t *cf);
static char *
ngx_http_mds_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);
static ngx_int_t ngx_http_mds_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_mds_init_process(ngx_cycle_t *cycle);
static void      ngx_http_mds_exit_process(ngx_cycle_t *cycle);

#define NGX_HTTP_MDS_STATE_TIMEOUT 5000
#define NGX_HTTP_MDS_WATCH_PING 30000
#define NGX_HTTP_MDS_WATCH_RETRY 3000
#define NGX_HTTP_MDS_WATCH_MAX 10000

static ngx_conf_post_t ngx_http_mds_state_max
    = { ngx_http_mds_check_state_max };

static ngx_conf_post_t ngx_http_mds_zone_size
    = { ngx_http_mds_check_counters_size };

/* Times are as wide as the numbers that nginx checks. */
static ngx_conf_num_bounds_t ngx_http_mds_positive
    = { ngx_conf_check_num_bounds, 1, -1 };

static ngx_conf_post_t ngx_http_mds_origin_url = { ngx_http_mds_check_origin };

static ngx_command_t ngx_http_mds_commands[] = {

    { ngx_string("mds_depot"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_http_mds_depot_directive, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("mds_zone"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1,
      ngx_conf_set_size_slot, NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_mds_main_conf_t, zone_size), &ngx_http_mds_zone_size },

    { ngx_string("mds_state_max"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_conf_set_off_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mds_loc_conf_t, bounds.state_max),
      &ngx_http_mds_state_max },

    { ngx_string("mds_device_ttl"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mds_loc_conf_t, bounds.device_ttl),
      &ngx_http_mds_positive },

    { ngx_string("mds_state_timeout"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mds_loc_conf_t, state_timeout),
      &ngx_http_mds_positive },

    { ngx_string("mds_attribute"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE2,
      ngx_http_mds_attribute, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("mds_check"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_mds_endpoint, NGX_HTTP_LOC_CONF_OFFSET, 0,
      &ngx_http_mds_check_endpoint },

    { ngx_string("mds_config"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_mds_endpoint, NGX_HTTP_LOC_CONF_OFFSET, 0,
      &ngx_http_mds_settings_endpoint },

    { ngx_string("mds_messages"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_mds_endpoint, NGX_HTTP_LOC_CONF_OFFSET, 0,
      &ngx_http_mds_messages_endpoint },

    { ngx_string("mds_files"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_mds_prefix_endpoint, NGX_HTTP_LOC_CONF_OFFSET, 0,
      &ngx_http_mds_files_endpoint },

    { ngx_string("mds_trust"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_mds_prefix_endpoint, NGX_HTTP_LOC_CONF_OFFSET, 0,
      &ngx_http_mds_trust_endpoint },

    { ngx_string("mds_origin"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_conf_set_str_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mds_loc_conf_t, origin), &ngx_http_mds_origin_url },

    { ngx_string("mds_feed"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_mds_prefix_endpoint, NGX_HTTP_LOC_CONF_OFFSET, 0,
      &ngx_http_mds_feed_endpoint },

    { ngx_string("mds_watch"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_mds_endpoint, NGX_HTTP_LOC_CONF_OFFSET, 0,
      &ngx_http_mds_watch_endpoint },

    { ngx_string("mds_watch_ping"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mds_loc_conf_t, watch_ping), &ngx_http_mds_positive },

    { ngx_string("mds_watch_retry"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mds_loc_conf_t, watch_retry), &ngx_http_mds_positive },

    { ngx_string("mds_watch_max"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_conf_set_num_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mds_loc_conf_t, watch_max), NULL },

    { ngx_string("mds_report"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_mds_endpoint, NGX_HTTP_LOC_CONF_OFFSET, 0,
      &ngx_http_mds_report_endpoint },

    { ngx_string("mds_explain"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_mds_endpoint, NGX_HTTP_LOC_CONF_OFFSET, 0,
      &ngx_http_mds_explain_endpoint },

    { ngx_string("mds_codepush"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_mds_prefix_endpoint, NGX_HTTP_LOC_CONF_OFFSET, 0,
      &ngx_http_mds_codepush_endpoint },

    { ngx_string("mds_status"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_mds_endpoint, NGX_HTTP_LOC_CONF_OFFSET, 0,
      &ngx_http_mds_status_endpoint },

    { ngx_string("mds_resource"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1234,
      ngx_http_mds_resource, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    ngx_null_command
};

static ngx_http_module_t ngx_http_mds_module_ctx = {
    ngx_http_mds_add_variables, /* preconfiguration */
    ngx_http_mds_init,          /* postconfiguration */

    ngx_http_mds_create_main_conf, /* create main configuration */
    NULL,                          /* init main configuration */

    NULL, /* create server configuration */
    NULL, /* merge server configuration */

    ngx_http_mds_create_loc_conf, /* create location configuration */
    ngx_http_mds_merge_loc_conf   /* merge location configuration */
};

ngx_module_t ngx_http_mds_module
    = { NGX_MODULE_V1,
        &ngx_http_mds_module_ctx,  /* module context */
        ngx_http_mds_commands,     /* module directives */
        NGX_HTTP_MODULE,           /* module type */
        NULL,                      /* init master */
        NULL,                      /* init module */
        ngx_http_mds_init_process, /* init process */
        NULL,                      /* init thread */
        NULL,                      /* exit thread */
        ngx_http_mds_exit_process, /* exit process */
        NULL,                      /* exit master */
        NGX_MODULE_V1_PADDING };

char *
ngx_http_mds_claim_location(ngx_conf_t *cf, ngx_http_mds_loc_conf_t *mlcf)
{
    ngx_str_t *args = cf->args->elts;

    if (mlcf->directive.len != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" cannot share a location with \"%V\"",
                           &args[0], &mlcf->directive);
        return NGX_CONF_ERROR;
    }

    mlcf->directive = args[0];
    mlcf->file = cf->conf_file->file.name;
    mlcf->line = cf->conf_file->line;

    return NGX_CONF_OK;
}

ngx_int_t
ngx_http_mds_compile_value(ngx_conf_t *cf, ngx_str_t *text,
                           ngx_http_complex_value_t *value)
{
    ngx_http_compile_complex_value_t compile;

    ngx_memzero(&compile, sizeof(compile));
    compile.cf = cf;
    compile.value = text;
    compile.complex_value = value;

    return ngx_http_compile_complex_value(&compile);
}

ngx_int_t
ngx_http_mds_add_handler(ngx_conf_t *cf, ngx_http_phases phase,
                         ngx_http_handler_pt handler)
{
    ngx_http_core_main_conf_t *cmcf;
    ngx_http_handler_pt       *slot;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    slot = ngx_array_push(&cmcf->phases[phase].handlers);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = handler;

    return NGX_OK;
}

static void *
ngx_http_mds_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_mds_main_conf_t *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(*mcf));
    if (mcf == NULL
        || ngx_array_init(&mcf->depot_confs, cf->pool, 1,
                          sizeof(ngx_http_mds_depot_conf_t *))
               != NGX_OK)
    {
        return NULL;
    }

    mcf->zone_size = NGX_CONF_UNSET_SIZE;

    return mcf;
}

static void *
ngx_http_mds_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_mds_loc_conf_t *mlcf;

    mlcf = ngx_pcalloc(cf->pool, sizeof(*mlcf));
    if (mlcf == NULL) {
        return NULL;
    }

    /* set by ngx_pcalloc(): attributes, endpoint, resource, directive, file,
     * line */

    mlcf->depot_conf = NGX_CONF_UNSET_PTR;
    mlcf->bounds.state_max = NGX_CONF_UNSET;
    mlcf->bounds.device_ttl = NGX_CONF_UNSET;
    mlcf->state_timeout = NGX_CONF_UNSET_MSEC;
    mlcf->watch_ping = NGX_CONF_UNSET_MSEC;
    mlcf->watch_retry = NGX_CONF_UNSET_MSEC;
    mlcf->watch_max = NGX_CONF_UNSET;

    return mlcf;
}

static char *
ngx_http_mds_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_mds_loc_conf_t *prev = parent;
    ngx_http_mds_loc_conf_t *conf = child;

    ngx_http_mds_merge_endpoint(cf, prev, conf);
    ngx_conf_merge_ptr_value(conf->depot_conf, prev->depot_conf, NULL);
    ngx_conf_merge_off_value(conf->bounds.state_max, prev->bounds.state_max,
                             NGX_CONF_UNSET);
    ngx_conf_merge_sec_value(conf->bounds.device_ttl, prev->bounds.device_ttl,
                             NGX_CONF_UNSET);
    ngx_conf_merge_msec_value(conf->state_timeout, prev->state_timeout,
                              NGX_HTTP_MDS_STATE_TIMEOUT);
    ngx_conf_merge_msec_value(conf->watch_ping, prev->watch_ping,
                              NGX_HTTP_MDS_WATCH_PING);
    ngx_conf_merge_msec_value(conf->watch_retry, prev->watch_retry,
                              NGX_HTTP_MDS_WATCH_RETRY);
    ngx_conf_merge_str_value(conf->origin, prev->origin, "");
    ngx_conf_merge_value(conf->watch_max, prev->watch_max,
                         NGX_HTTP_MDS_WATCH_MAX);

    if (conf->depot_conf != NULL
        && ngx_http_mds_merge_bounds(cf, &conf->depot_conf->bounds,
                                     &conf->bounds)
               != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_mds_merge_attributes(cf, prev->attributes, &conf->attributes)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    /* Inherited as alias and root are, but not by an endpoint. */
    if (conf->resource == NULL && conf->endpoint == NULL) {
        conf->resource = prev->resource;
    }

    if (conf->directive.len != 0 && conf->depot_conf == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%V\" has no \"mds_depot\" that applies to it in"
                      " %V:%ui",
                      &conf->directive, &conf->file, conf->line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}

static ngx_int_t
ngx_http_mds_init(ngx_conf_t *cf)
{
    ngx_http_mds_header_filter_init();
    ngx_http_mds_manifest_variables_init(cf);

    return ngx_http_mds_init_depot_confs(cf) == NGX_OK
                   && ngx_http_mds_counters_init(cf) == NGX_OK
                   && ngx_http_mds_resource_init(cf) == NGX_OK
               ? ngx_http_mds_resource_count_init(cf)
               : NGX_ERROR;
}

static ngx_int_t
ngx_http_mds_init_process(ngx_cycle_t *cycle)
{
    ngx_http_mds_main_conf_t *mcf;

    /* The cache manager and the cache loader serve no requests. */
    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_mds_module);

    /* NULL: there is no http block. A failure here would end the worker. */
    if (mcf != NULL) {
        mcf->has_threads = 1;
        ngx_http_mds_counters_open(mcf);
        ngx_http_mds_open_depots(&mcf->depot_confs);
    }

    return NGX_OK;
}

static void
ngx_http_mds_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_mds_close_depots();
    ngx_http_mds_counters_close();
}
