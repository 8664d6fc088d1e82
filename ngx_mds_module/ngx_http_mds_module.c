/*
 * Directives and configuration. Nothing here touches a depot: `nginx -t` and
 * a reload read the configuration and no more.
 */

#include "ngx_http_mds_module.h"

static char *
ngx_http_mds_depot_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_http_mds_check(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *
ngx_http_mds_config(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *
ngx_http_mds_messages_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_http_mds_files(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static void *ngx_http_mds_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_mds_create_loc_conf(ngx_conf_t *cf);
static char *
ngx_http_mds_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);
static char *
ngx_http_mds_check_state_max(ngx_conf_t *cf, void *post, void *data);
static char *
ngx_http_mds_check_device_ttl(ngx_conf_t *cf, void *post, void *data);
static char *
ngx_http_mds_check_state_timeout(ngx_conf_t *cf, void *post, void *data);
static ngx_int_t ngx_http_mds_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_mds_init_process(ngx_cycle_t *cycle);
static void      ngx_http_mds_exit_process(ngx_cycle_t *cycle);

/* LMDB takes room for it in the address space once for all. */
#define NGX_HTTP_MDS_STATE_MIN ((off_t) 1 << 20)
#define NGX_HTTP_MDS_STATE_MAX ((off_t) MDS_LMDB_MAP_BYTES)
#define NGX_HTTP_MDS_STATE_DEFAULT ((off_t) 16 << 30)

#define NGX_HTTP_MDS_DEVICE_TTL (90 * 24 * 3600)
#define NGX_HTTP_MDS_STATE_TIMEOUT 5000

static ngx_conf_post_t ngx_http_mds_state_max
    = { ngx_http_mds_check_state_max };
static ngx_conf_post_t ngx_http_mds_device_ttl
    = { ngx_http_mds_check_device_ttl };
static ngx_conf_post_t ngx_http_mds_state_timeout
    = { ngx_http_mds_check_state_timeout };

static ngx_command_t ngx_http_mds_commands[] = {

    { ngx_string("mds_depot"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_http_mds_depot_directive, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

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
      &ngx_http_mds_device_ttl },

    { ngx_string("mds_state_timeout"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mds_loc_conf_t, state_timeout),
      &ngx_http_mds_state_timeout },

    { ngx_string("mds_attribute"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
          | NGX_CONF_TAKE2,
      ngx_http_mds_attribute, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("mds_check"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_mds_check, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("mds_config"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_mds_config, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("mds_messages"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_mds_messages_directive, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("mds_files"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
      ngx_http_mds_files, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("mds_resource"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE12,
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

/* Returns the depot_conf of this path, which all that name it share; NULL: no
 * memory. */
static ngx_http_mds_depot_conf_t *
ngx_http_mds_depot_conf(ngx_conf_t *cf, ngx_str_t *path)
{
    ngx_http_mds_main_conf_t  *mcf;
    ngx_http_mds_depot_conf_t *depot_conf, **slot;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mds_module);

    slot = mcf->depot_confs.elts;
    for (ngx_uint_t i = 0; i < mcf->depot_confs.nelts; i++) {
        if (slot[i]->path.len == path->len
            && ngx_memcmp(slot[i]->path.data, path->data, path->len) == 0)
        {
            return slot[i];
        }
    }

    depot_conf = ngx_pcalloc(cf->pool, sizeof(*depot_conf));
    slot = ngx_array_push(&mcf->depot_confs);
    if (depot_conf == NULL || slot == NULL) {
        return NULL;
    }

    depot_conf->path.data = ngx_pnalloc(cf->pool, path->len + 1);
    if (depot_conf->path.data == NULL) {
        return NULL;
    }

    depot_conf->bounds.state_max = NGX_CONF_UNSET;
    depot_conf->bounds.device_ttl = NGX_CONF_UNSET;
    depot_conf->path.len = path->len;
    ngx_cpystrn(depot_conf->path.data, path->data, path->len + 1);
    *slot = depot_conf;

    return depot_conf;
}

static char *
ngx_http_mds_check_state_max(ngx_conf_t *cf, void *post, void *data)
{
    off_t *bytes = data;

    (void) cf;
    (void) post;

    return *bytes < NGX_HTTP_MDS_STATE_MIN || *bytes > NGX_HTTP_MDS_STATE_MAX
               ? "must be from 1m to 64g"
               : NGX_CONF_OK;
}

static char *
ngx_http_mds_check_device_ttl(ngx_conf_t *cf, void *post, void *data)
{
    time_t *seconds = data;

    (void) cf;
    (void) post;

    return *seconds < 1 ? "must be at least 1s" : NGX_CONF_OK;
}

static char *
ngx_http_mds_check_state_timeout(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t *ms = data;

    (void) cf;
    (void) post;

    return *ms < 1 ? "must be at least 1ms" : NGX_CONF_OK;
}

static char *
ngx_http_mds_depot_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mds_loc_conf_t *mlcf = conf;
    ngx_str_t                path;

    if (mlcf->depot_conf != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    path = ((ngx_str_t *) cf->args->elts)[1];
    if (path.len == 0) {
        return "needs the path of a directory";
    }

    if (ngx_conf_full_name(cf->cycle, &path, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    while (path.len > 1 && path.data[path.len - 1] == '/') {
        path.len--;
    }

    mlcf->depot_conf = ngx_http_mds_depot_conf(cf, &path);

    return mlcf->depot_conf == NULL || ngx_http_mds_pool_init(cf) != NGX_OK
               ? NGX_CONF_ERROR
               : NGX_CONF_OK;
}

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

/* Makes the handler that of the location. */
static char *
ngx_http_mds_handle(ngx_conf_t *cf, ngx_http_mds_loc_conf_t *mlcf,
                    ngx_http_handler_pt handler)
{
    ngx_http_core_loc_conf_t *clcf;

    if (mlcf->handler == handler) {
        return "is duplicate";
    }

    if (ngx_http_mds_claim_location(cf, mlcf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = handler;
    mlcf->handler = handler;

    return NGX_CONF_OK;
}

static char *
ngx_http_mds_check(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_mds_handle(cf, conf, ngx_http_mds_check_handler);
}

static char *
ngx_http_mds_config(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_mds_handle(cf, conf, ngx_http_mds_settings_handler);
}

static char *
ngx_http_mds_messages_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_mds_handle(cf, conf, ngx_http_mds_messages_handler);
}

static char *
ngx_http_mds_files(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* What follows the location's name is the file's. */
    if (clcf->exact_match || clcf->named
#if (NGX_PCRE)
        || clcf->regex != NULL
#endif
        || clcf->name.len == 0 || clcf->name.data[clcf->name.len - 1] != '/')
    {
        return "needs a location that is a prefix and ends with \"/\"";
    }

    return ngx_http_mds_handle(cf, conf, ngx_http_mds_files_handler);
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

    /* set by ngx_pcalloc(): attributes, handler, resource, directive, file,
     * line */

    mlcf->depot_conf = NGX_CONF_UNSET_PTR;
    mlcf->bounds.state_max = NGX_CONF_UNSET;
    mlcf->bounds.device_ttl = NGX_CONF_UNSET;
    mlcf->state_timeout = NGX_CONF_UNSET_MSEC;

    return mlcf;
}

/*
 * limit_except is a configuration of its own for the methods that it limits,
 * and the location's handler is the location's alone unless it is set there.
 */
static void
ngx_http_mds_merge_handler(ngx_conf_t *cf, ngx_http_mds_loc_conf_t *prev,
                           ngx_http_mds_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->lmt_excpt && clcf->handler == NULL) {
        clcf->handler = prev->handler;
        conf->handler = prev->handler;
    }
}

/* Where nothing was said of a depot's bounds. */
static void
ngx_http_mds_init_bounds(ngx_conf_t *cf)
{
    ngx_http_mds_main_conf_t   *mcf;
    ngx_http_mds_depot_conf_t **depot_conf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mds_module);
    depot_conf = mcf->depot_confs.elts;

    for (ngx_uint_t i = 0; i < mcf->depot_confs.nelts; i++) {
        ngx_conf_init_value(depot_conf[i]->bounds.state_max,
                            NGX_HTTP_MDS_STATE_DEFAULT);
        ngx_conf_init_value(depot_conf[i]->bounds.device_ttl,
                            NGX_HTTP_MDS_DEVICE_TTL);
    }
}

/* All locations of a depot have one state: none can have a bound of its own. */
static char *
ngx_http_mds_bound(ngx_conf_t *cf, const char *directive, off_t said,
                   off_t *bound)
{
    if (said == NGX_CONF_UNSET || *bound == said) {
        return NGX_CONF_OK;
    }

    if (*bound != NGX_CONF_UNSET) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%s\" must be the same wherever the same \"mds_depot\""
                      " applies: it is %O and %O",
                      directive, *bound, said);
        return NGX_CONF_ERROR;
    }

    *bound = said;
    return NGX_CONF_OK;
}

static char *
ngx_http_mds_bound_place(ngx_conf_t *cf, const ngx_http_mds_bounds_t *said,
                         ngx_http_mds_bounds_t *bounds)
{
    off_t device_ttl = bounds->device_ttl;

    if (ngx_http_mds_bound(cf, "mds_state_max", said->state_max,
                           &bounds->state_max)
            != NGX_CONF_OK
        || ngx_http_mds_bound(cf, "mds_device_ttl", said->device_ttl,
                              &device_ttl)
               != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    bounds->device_ttl = (time_t) device_ttl;
    return NGX_CONF_OK;
}

static char *
ngx_http_mds_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_mds_loc_conf_t *prev = parent;
    ngx_http_mds_loc_conf_t *conf = child;

    ngx_http_mds_merge_handler(cf, prev, conf);
    ngx_conf_merge_ptr_value(conf->depot_conf, prev->depot_conf, NULL);
    ngx_conf_merge_off_value(conf->bounds.state_max, prev->bounds.state_max,
                             NGX_CONF_UNSET);
    ngx_conf_merge_sec_value(conf->bounds.device_ttl, prev->bounds.device_ttl,
                             NGX_CONF_UNSET);
    ngx_conf_merge_msec_value(conf->state_timeout, prev->state_timeout,
                              NGX_HTTP_MDS_STATE_TIMEOUT);

    if (conf->depot_conf != NULL
        && ngx_http_mds_bound_place(cf, &conf->bounds,
                                    &conf->depot_conf->bounds)
               != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_mds_merge_attributes(cf, prev->attributes, &conf->attributes)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    /* As alias and root are; a location that answers itself shows nothing. */
    if (conf->resource == NULL && conf->handler == NULL) {
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
    ngx_http_mds_init_bounds(cf);
    ngx_http_mds_header_filter_init();

    return ngx_http_mds_resource_init(cf) == NGX_OK
               ? ngx_http_mds_resources_init(cf)
               : NGX_ERROR;
}

static ngx_int_t
ngx_http_mds_init_process(ngx_cycle_t *cycle)
{
    ngx_http_mds_main_conf_t *mcf;

    /* The cache manager and loader come by here too; they serve nobody. */
    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_mds_module);

    /* NULL: there is no http {}. A failure here would be the worker's end. */
    if (mcf != NULL) {
        ngx_http_mds_open_depots(&mcf->depot_confs);
    }

    return NGX_OK;
}

static void
ngx_http_mds_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_mds_close_depots();
}
