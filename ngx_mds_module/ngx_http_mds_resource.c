/*
 * mds_resource: a location that shows one version of a resource, the one that
 * this visitor is entitled to: `alias /srv/h5/home/$mds_version/;`.
 *
 * It is decided when a variable is asked for, and once more right before the
 * location's content, behind the access checks (which may be what knows the
 * user). There it ends where there is nothing to show: neither try_files nor
 * the content handler sees an empty $mds_version. No window is entered here,
 * and what is installed is of no account.
 */

#include "ngx_http_mds_module.h"

#include "base/mds_time.h"

/* A look under way. */
typedef struct {
    ngx_http_request_t *r;
    ngx_http_mds_ctx_t *ctx;
    mds_request_t       request;
} ngx_http_mds_resource_call_t;

static ngx_int_t ngx_http_mds_resource_handler(ngx_http_request_t *r);
static mds_status_t
ngx_http_mds_resource_attributes(ngx_http_request_t *r, mds_request_t *request,
                                 mds_error_t *err);
static mds_status_t ngx_http_mds_resource_decide(const mds_snapshot_t *snapshot,
                                                 void *data, mds_error_t *err);

static ngx_int_t
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

char *
ngx_http_mds_resource(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mds_loc_conf_t *mlcf = conf;
    ngx_http_mds_resource_t *resource;
    ngx_str_t               *args = cf->args->elts;

    if (mlcf->resource != NULL) {
        return "is duplicate";
    }

    if (args[1].len == 0) {
        return "needs a kind";
    }

    if (ngx_http_mds_claim_location(cf, mlcf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    resource = ngx_pcalloc(cf->pool, sizeof(*resource));
    if (resource == NULL
        || ngx_http_mds_compile_value(cf, &args[1], &resource->kind) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    /* Without one, the value is zero, which evaluates to nothing. */
    if (cf->args->nelts > 2
        && ngx_http_mds_compile_value(cf, &args[2], &resource->name) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    mlcf->resource = resource;

    return NGX_CONF_OK;
}

/*
 * The phase behind access, in subrequests too. Handlers that were added last
 * are asked first: before try_files.
 */
ngx_int_t
ngx_http_mds_resource_init(ngx_conf_t *cf)
{
    ngx_http_core_main_conf_t *cmcf;
    ngx_http_handler_pt       *handler;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    handler = ngx_array_push(&cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers);
    if (handler == NULL) {
        return NGX_ERROR;
    }

    *handler = ngx_http_mds_resource_handler;

    return NGX_OK;
}

static ngx_int_t
ngx_http_mds_resource_handler(ngx_http_request_t *r)
{
    ngx_http_mds_loc_conf_t *mlcf;
    ngx_http_mds_ctx_t      *ctx;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);
    if (mlcf->resource == NULL) {
        return NGX_DECLINED;
    }

    /* What was told before was without what access has found out. */
    ctx = ngx_http_get_module_ctx(r, ngx_http_mds_module);
    if (ctx != NULL) {
        ctx->shown = NULL;
    }

    ngx_http_mds_resource_evaluate(r);

    ctx = ngx_http_get_module_ctx(r, ngx_http_mds_module);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->shown_status == MDS_INVALID) {
        return NGX_HTTP_BAD_REQUEST;
    }

    if (ctx->shown_status != MDS_OK) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    return ctx->version.len == 0 ? NGX_HTTP_NOT_FOUND : NGX_DECLINED;
}

static void
ngx_http_mds_clear_variables(ngx_http_mds_ctx_t *ctx)
{
    ngx_str_null(&ctx->action);
    ngx_str_null(&ctx->release);
    ngx_str_null(&ctx->version);
    ngx_str_null(&ctx->reason);
    ngx_str_null(&ctx->serial);
}

/* Why is in the log already where the depot is not open. */
static void
ngx_http_mds_resource_failed(ngx_http_request_t *r, mds_status_t status,
                             ngx_http_mds_depot_t *depot,
                             const mds_error_t    *err)
{
    if (status == MDS_INVALID) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0, "mds: %s",
                      err->text);

    } else if (status == MDS_DENIED) {
        ngx_http_mds_depot_log_state_error(depot, err);

    } else if (ngx_http_mds_depot_is_open(depot)) {
        ngx_http_mds_log_failure(r, NGX_LOG_ERR, err->text);
    }
}

void
ngx_http_mds_resource_evaluate(ngx_http_request_t *r)
{
    ngx_http_mds_loc_conf_t     *mlcf;
    ngx_http_mds_depot_t        *depot;
    ngx_http_mds_resource_call_t look;
    ngx_http_mds_ctx_t          *ctx;
    mds_error_t                  err;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);
    if (mlcf->resource == NULL) {
        return;
    }

    ctx = ngx_http_mds_get_ctx(r);

    if (ctx == NULL || ctx->shown == mlcf) {
        return;
    }

    /* At once: an attribute may be made of the variables that it decides. */
    ctx->shown = mlcf;
    ngx_http_mds_clear_variables(ctx);

    look.r = r;
    look.ctx = ctx;
    mds_request_init(&look.request);
    depot = ngx_http_mds_get_depot(r);

    ctx->shown_status
        = ngx_http_mds_resource_attributes(r, &look.request, &err);

    if (ctx->shown_status == MDS_OK) {
        ctx->shown_status
            = ngx_http_mds_depot_evaluate(depot, ngx_http_mds_resource_decide,
                                          &look, &err);
    }

    if (ctx->shown_status != MDS_OK) {
        ngx_http_mds_resource_failed(r, ctx->shown_status, depot, &err);
    }
}

static mds_status_t
ngx_http_mds_resource_set_attribute(ngx_http_request_t *r,
                                    mds_request_t *request, mds_str_t name,
                                    ngx_http_complex_value_t *value,
                                    mds_error_t              *err)
{
    ngx_str_t text = ngx_null_string;

    if (value != NULL && ngx_http_complex_value(r, value, &text) != NGX_OK) {
        return mds_fail(err, MDS_NO_MEMORY, "out of memory");
    }

    return mds_request_set_trusted(request, name, ngx_http_mds_view(&text),
                                   err);
}

/* A page has parameters of its own: one that is no attribute is none. */
static mds_status_t
ngx_http_mds_resource_read_query(ngx_http_request_t *r, mds_request_t *request,
                                 mds_error_t *err)
{
    mds_str_t    query = ngx_http_mds_view(&r->args);
    mds_status_t status;
    char        *buffer, *decoded;

    buffer = ngx_pnalloc(r->pool, r->args.len + 1);
    if (buffer == NULL) {
        return mds_fail(err, MDS_NO_MEMORY, "out of memory");
    }

    while (query.len > 0) {
        decoded = buffer + (query.data - (char *) r->args.data);
        status = mds_request_parse(request, mds_str_cut(&query, '&'), decoded,
                                   NULL);
        (void) status;
    }

    return MDS_OK;
}

/* The first to fix an attribute is who says it. */
static mds_status_t
ngx_http_mds_resource_attributes(ngx_http_request_t *r, mds_request_t *request,
                                 mds_error_t *err)
{
    ngx_http_mds_loc_conf_t *mlcf;
    mds_status_t             status;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);

    status = ngx_http_mds_resource_set_attribute(r, request, mds_str("kind"),
                                                 &mlcf->resource->kind, err);

    if (status == MDS_OK) {
        status
            = ngx_http_mds_resource_set_attribute(r, request, mds_str("name"),
                                                  &mlcf->resource->name, err);
    }

    if (status == MDS_OK) {
        status = ngx_http_mds_set_trusted_attributes(r, request, err);
    }

    if (status == MDS_OK) {
        status = ngx_http_mds_resource_set_attribute(r, request,
                                                     mds_str("version"), NULL,
                                                     err);
    }

    return status == MDS_OK ? ngx_http_mds_resource_read_query(r, request, err)
                            : status;
}

static mds_status_t
ngx_http_mds_resource_copy(ngx_pool_t *pool, mds_str_t *view, mds_error_t *err)
{
    ngx_str_t bytes = { view->len, (u_char *) view->data };

    if (view->len == 0) {
        return MDS_OK;
    }

    view->data = (char *) ngx_pstrdup(pool, &bytes);

    return view->data == NULL ? mds_fail(err, MDS_NO_MEMORY, "out of memory")
                              : MDS_OK;
}

static mds_status_t
ngx_http_mds_resource_decide(const mds_snapshot_t *snapshot, void *data,
                             mds_error_t *err)
{
    ngx_http_mds_resource_call_t *look = data;
    mds_decision_t                decision;
    mds_status_t                  status;

    status = mds_decide(snapshot, &look->request, mds_time_now_ms(), NULL, err,
                        &decision);

    if (status == MDS_OK) {
        status
            = ngx_http_mds_resource_copy(look->r->pool, &decision.release, err);
    }

    if (status == MDS_OK) {
        status
            = ngx_http_mds_resource_copy(look->r->pool, &decision.version, err);
    }

    if (status == MDS_OK) {
        ngx_http_mds_set_serial(look->ctx,
                                mds_catalog_serial(snapshot->catalog));
        ngx_http_mds_set_variables(look->ctx, &decision);
    }

    return status;
}
