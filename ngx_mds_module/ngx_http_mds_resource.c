/*
 * mds_resource: a location that shows one version of a resource, the one that
 * this visitor gets: `alias /srv/h5/home/$mds_version/;`.
 *
 * The decision is made at the first use of a variable, and once more directly
 * before the location's content, after the access checks, which may find out
 * the user. The request ends there if there is nothing to show, so that neither
 * try_files nor the content handler sees an empty $mds_version. Such a decision
 * enters no window, and ignores the installed version.
 */

#include "ngx_http_mds_resource.h"

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_failure.h"
#include "ngx_http_mds_request.h"
#include "ngx_http_mds_respond.h"

#include "base/mds_time.h"

/* The arguments of an evaluation. */
typedef struct {
    ngx_http_request_t *r;
    ngx_http_mds_ctx_t *ctx;
    mds_request_t       request;
} ngx_http_mds_resource_call_t;

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

    /* A value that is not compiled evaluates to nothing. */
    if (cf->args->nelts > 2
        && ngx_http_mds_compile_value(cf, &args[2], &resource->name) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    mlcf->resource = resource;

    return NGX_CONF_OK;
}

/* Claims the attributes of the query. A page has parameters of its own, so
 * invalid ones are ignored. */
static mds_status_t
ngx_http_mds_resource_read_query(ngx_http_request_t *r, mds_request_t *request,
                                 mds_error_t *err)
{
    mds_str_t    query = ngx_http_mds_view(&r->args);
    mds_status_t status;
    char        *buffer, *decoded;

    buffer = ngx_pnalloc(r->pool, r->args.len + 1);
    if (buffer == NULL) {
        return mds_fail_memory(err);
    }

    while (query.len > 0) {
        decoded = buffer + (query.data - (char *) r->args.data);
        status = mds_request_parse(request, mds_str_cut(&query, '&'), decoded,
                                   NULL);
        (void) status;
    }

    return MDS_OK;
}

/* Sets the attributes. The first value of a trusted attribute counts. */
static mds_status_t
ngx_http_mds_resource_attributes(ngx_http_request_t *r, mds_request_t *request,
                                 mds_error_t *err)
{
    ngx_http_mds_loc_conf_t *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);

    if (ngx_http_mds_set_trusted_attribute(r, request, mds_str("kind"),
                                           &mlcf->resource->kind, err)
            != MDS_OK
        || ngx_http_mds_set_trusted_attribute(r, request, mds_str("name"),
                                              &mlcf->resource->name, err)
               != MDS_OK
        || ngx_http_mds_set_trusted_attributes(r, request, err) != MDS_OK
        || mds_request_set_trusted(request, mds_str("version"), mds_null_str,
                                   err)
               != MDS_OK)
    {
        return err->status;
    }

    return ngx_http_mds_resource_read_query(r, request, err);
}

static mds_status_t
ngx_http_mds_resource_decide(const mds_snapshot_t *snapshot, void *data,
                             mds_error_t *err)
{
    ngx_http_mds_resource_call_t *call = data;
    mds_decision_t                decision;
    mds_status_t                  status;

    status = mds_decide(snapshot, &call->request, mds_time_now_ms(), NULL, err,
                        &decision);
    if (status != MDS_OK) {
        return status;
    }

    decision.manifest = mds_null_str;
    decision.signature = mds_null_str;
    decision.quoted = mds_null_str;

    status = ngx_http_mds_copy_decision(call->r->pool, &decision, err);
    if (status != MDS_OK) {
        return status;
    }

    ngx_http_mds_set_serial(call->ctx, mds_catalog_serial(snapshot->catalog));
    ngx_http_mds_set_variables(call->ctx, &decision);

    return MDS_OK;
}

/* Logs a failed decision; that the depot is not open has been logged. */
static void
ngx_http_mds_resource_log(ngx_http_request_t *r, mds_status_t status,
                          ngx_http_mds_depot_t *depot, const mds_error_t *err)
{
    if (status == MDS_INVALID) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0, "mds: %s",
                      err->text);

    } else if (status == MDS_DENIED) {
        ngx_http_mds_depot_log_state_error(depot, err);

    } else if (ngx_http_mds_depot_is_open(depot)) {
        ngx_http_mds_log_failure(r->connection->log, NGX_LOG_ERR, "mds: %s",
                                 err->text);
    }
}

void
ngx_http_mds_resource_evaluate(ngx_http_request_t *r)
{
    ngx_http_mds_loc_conf_t     *mlcf;
    ngx_http_mds_depot_t        *depot;
    ngx_http_mds_resource_call_t call;
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

    /* Set at once, since an attribute may use the variables. */
    ctx->shown = mlcf;
    ngx_http_mds_clear_variables(ctx);

    call.r = r;
    call.ctx = ctx;
    mds_request_init(&call.request);
    depot = ngx_http_mds_get_depot(r);

    ctx->shown_status
        = ngx_http_mds_resource_attributes(r, &call.request, &err);

    if (ctx->shown_status == MDS_OK) {
        ctx->shown_status
            = ngx_http_mds_depot_evaluate(depot, ngx_http_mds_resource_decide,
                                          &call, &err);
    }

    if (ctx->shown_status != MDS_OK) {
        ngx_http_mds_resource_log(r, ctx->shown_status, depot, &err);
    }
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

    ctx = ngx_http_mds_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* An earlier decision did not know what the access checks found out. */
    ctx->shown = NULL;
    ngx_http_mds_resource_evaluate(r);

    if (ctx->shown_status == MDS_INVALID) {
        return NGX_HTTP_BAD_REQUEST;
    }

    if (ctx->shown_status != MDS_OK) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    return ctx->version.len == 0 ? NGX_HTTP_NOT_FOUND : NGX_DECLINED;
}

ngx_int_t
ngx_http_mds_resource_init(ngx_conf_t *cf)
{
    /* nginx calls the handler that was added last first: before try_files. */
    return ngx_http_mds_add_handler(cf, NGX_HTTP_PRECONTENT_PHASE,
                                    ngx_http_mds_resource_handler);
}
