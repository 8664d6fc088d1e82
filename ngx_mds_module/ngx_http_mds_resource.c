/*
 * mds_resource: a location that shows one version of a resource, the one that
 * this visitor gets: `alias /srv/h5/home/$mds_version/;`.
 *
 * The decision is made at the first use of a variable, and once more directly
 * before the location's content, after the access checks, which may find out
 * the user. The request ends there if there is nothing to show, so that neither
 * try_files nor the content handler sees an empty $mds_version. Such a decision
 * ignores the installed version unless the directive says it, and enters no
 * window but for the last one of a location with "window", which waits for it.
 */

#include "ngx_http_mds_resource.h"

#include "ngx_http_mds_assets.h"
#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_failure.h"
#include "ngx_http_mds_request.h"
#include "ngx_http_mds_respond.h"

#include "base/mds_time.h"
#include "base/mds_version.h"

/* The arguments of an evaluation. */
typedef struct {
    ngx_http_request_t *r;
    ngx_http_mds_ctx_t *ctx;
    mds_request_t       request;
} ngx_http_mds_resource_call_t;

/* Reads the words behind the kind: a name, "window", "installed=VALUE". */
static char *
ngx_http_mds_resource_words(ngx_conf_t *cf, ngx_http_mds_resource_t *resource)
{
    static const mds_str_t installed = { 10, "installed=" };
    ngx_str_t             *args = cf->args->elts, value;
    ngx_uint_t             named = 0;

    for (ngx_uint_t i = 2; i < cf->args->nelts; i++) {
        if (mds_str_eq(ngx_http_mds_view(&args[i]), mds_str("window"))
            && !resource->window)
        {
            resource->window = 1;
            continue;
        }

        value = args[i];

        if (mds_str_starts(ngx_http_mds_view(&value), installed)
            && !resource->has_installed)
        {
            value.data += installed.len;
            value.len -= installed.len;
            resource->has_installed = 1;

            if (ngx_http_mds_compile_value(cf, &value, &resource->installed)
                != NGX_OK) {
                return NGX_CONF_ERROR;
            }

        } else if (named++ > 0 || i > 2) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                               &args[i]);
            return NGX_CONF_ERROR;

        } else if (ngx_http_mds_compile_value(cf, &value, &resource->name)
                   != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
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

    /* A value that is not compiled evaluates to nothing. */
    resource = ngx_pcalloc(cf->pool, sizeof(*resource));
    if (resource == NULL
        || ngx_http_mds_compile_value(cf, &args[1], &resource->kind) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    mlcf->resource = resource;

    return ngx_http_mds_resource_words(cf, resource);
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

static mds_status_t
ngx_http_mds_resource_check_installed(const mds_request_t *request,
                                      mds_error_t         *err)
{
    mds_str_t     text = mds_request_attr(request, MDS_ATTR_VERSION);
    mds_version_t version;

    return text.len == 0 || mds_version_parse(text, &version)
               ? MDS_OK
               : mds_fail(err, MDS_INVALID,
                          "the installed version \"%.*s\" is not a version",
                          MDS_STR(text));
}

/* Sets the attributes. The first value of a trusted attribute counts. */
static mds_status_t
ngx_http_mds_resource_attributes(ngx_http_request_t *r, mds_request_t *request,
                                 mds_error_t *err)
{
    ngx_http_mds_loc_conf_t *mlcf;
    ngx_http_mds_resource_t *resource;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);

    resource = mlcf->resource;

    if (ngx_http_mds_set_trusted_attribute(r, request, mds_str("kind"),
                                           &resource->kind, err)
            != MDS_OK
        || ngx_http_mds_set_trusted_attribute(r, request, mds_str("name"),
                                              &resource->name, err)
               != MDS_OK
        || (resource->has_installed
            && ngx_http_mds_set_trusted_attribute(r, request,
                                                  mds_str("version"),
                                                  &resource->installed, err)
                   != MDS_OK)
        || ngx_http_mds_set_trusted_attributes(r, request, err) != MDS_OK
        || mds_request_set_trusted(request, mds_str("version"), mds_null_str,
                                   err)
               != MDS_OK)
    {
        return err->status;
    }

    return ngx_http_mds_resource_check_installed(request, err) == MDS_OK
               ? ngx_http_mds_resource_read_query(r, request, err)
               : err->status;
}

mds_status_t
ngx_http_mds_resource_read(ngx_http_request_t *r, mds_request_t *request,
                           mds_error_t *err)
{
    ngx_http_mds_loc_conf_t *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);

    return mlcf->resource != NULL
               ? ngx_http_mds_resource_attributes(r, request, err)
               : ngx_http_mds_read_query(r, mds_request_validate, request, err);
}

static mds_status_t
ngx_http_mds_resource_decide(const mds_snapshot_t *snapshot, void *data,
                             mds_error_t *err)
{
    ngx_http_mds_resource_call_t *call = data;
    ngx_http_mds_main_conf_t     *mcf;
    mds_decision_t                decision;
    mds_status_t                  status;

    status = mds_decide(snapshot, &call->request, mds_time_now_ms(), NULL, err,
                        &decision);
    if (status != MDS_OK) {
        return status;
    }

    mcf = ngx_http_get_module_main_conf(call->r, ngx_http_mds_module);

    if (!mcf->keeps_manifest) {
        decision.manifest = mds_null_str;
    }

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

/* Returns 1 if the variables are those of the location. An "if" has the
 * attributes of the location that it is in, and has to see the same decision.
 */
static ngx_uint_t
ngx_http_mds_resource_is_shown(ngx_http_request_t            *r,
                               const ngx_http_mds_ctx_t      *ctx,
                               const ngx_http_mds_loc_conf_t *mlcf)
{
    ngx_http_core_loc_conf_t *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    return ctx->shown == mlcf
           || (ctx->shown != NULL && clcf->noname
               && ctx->shown->resource == mlcf->resource);
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

    if (ctx == NULL || ngx_http_mds_resource_is_shown(r, ctx, mlcf)) {
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

ngx_http_mds_ctx_t *
ngx_http_mds_resource_keep_manifest(ngx_http_request_t *r)
{
    ngx_http_mds_main_conf_t *mcf;
    ngx_http_mds_ctx_t       *ctx;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_mds_module);
    ngx_http_mds_resource_evaluate(r);
    ctx = ngx_http_mds_find_ctx(r);

    /* A name that is first found at run time, as by SSI. */
    if (!mcf->keeps_manifest) {
        mcf->keeps_manifest = 1;

        if (ctx != NULL && ctx->shown != NULL) {
            ctx->shown = NULL;
            ngx_http_mds_resource_evaluate(r);
        }
    }

    return ctx != NULL && ctx->action.len > 0 ? ctx : NULL;
}

/* Answers a request for which there is no decision. */
static ngx_int_t
ngx_http_mds_resource_fail(ngx_http_request_t *r, mds_status_t status)
{
    mds_request_t request;
    mds_error_t   err;

    if (status != MDS_INVALID) {
        return ngx_http_mds_refuse_unavailable(r);
    }

    /* Only the log has the reason, so it is found again. */
    mds_request_init(&request);

    return ngx_http_mds_refuse(r, NGX_HTTP_BAD_REQUEST,
                               ngx_http_mds_resource_attributes(r, &request,
                                                                &err)
                                       == MDS_INVALID
                                   ? err.text
                                   : "the request is not valid");
}

/* Answers that the device is current. The protocol is the location's, and so is
 * Cache-Control. */
static ngx_int_t
ngx_http_mds_resource_send_nothing(ngx_http_request_t       *r,
                                   const ngx_http_mds_ctx_t *ctx)
{
    ngx_str_t serial = ctx->serial;

    if (ngx_http_mds_add_header(r, mds_str("MDS-Serial"), &serial) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;

    return ngx_http_send_header(r);
}

/* Answers by the decision; NGX_DECLINED: there is a version to show. */
static ngx_int_t
ngx_http_mds_resource_answer(ngx_http_request_t            *r,
                             const ngx_http_mds_loc_conf_t *mlcf,
                             const ngx_http_mds_ctx_t      *ctx)
{
    static const ngx_str_t none = ngx_string("none");

    if (ctx->shown_status != MDS_OK) {
        return ngx_http_mds_resource_fail(r, ctx->shown_status);
    }

    /* With the installed version, a location answers as a check. */
    if (mlcf->resource->has_installed
        && mds_str_eq(ngx_http_mds_view(&ctx->action),
                      ngx_http_mds_view(&none)))
    {
        return ngx_http_mds_resource_send_nothing(r, ctx);
    }

    return ctx->version.len == 0
               ? ngx_http_mds_fail(r, MDS_NOT_FOUND,
                                   "there is no version for this device")
               : NGX_DECLINED;
}

/* Keeps the decision; a request that has waited runs its phases. */
static ngx_int_t
ngx_http_mds_resource_respond(ngx_http_mds_evaluation_t *e)
{
    ngx_http_request_t      *r = e->r;
    ngx_http_mds_loc_conf_t *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);
    e->ctx->shown = mlcf;
    e->ctx->shown_status = e->questions->status;

    if (e->rounds == 0) {
        return NGX_DECLINED;
    }

    /* The phases end the request, and NGX_DONE ends the wait. */
    r->main->count++;
    e->ctx->admitted = 1;
    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);

    return NGX_DONE;
}

/* Decides as a check does: a window may admit the device. NGX_DECLINED: the
 * decision is in the context; NGX_DONE: the request waits for it. */
static ngx_int_t
ngx_http_mds_resource_admit(ngx_http_request_t *r, ngx_http_mds_ctx_t *ctx)
{
    ngx_http_mds_evaluation_t e;
    mds_error_t               err;
    mds_status_t              status;

    ngx_http_mds_clear_variables(ctx);
    ngx_http_mds_evaluation_init(&e, r);
    mds_request_init(&e.request);

    status = ngx_http_mds_resource_attributes(r, &e.request, &err);
    if (status != MDS_OK) {
        return ngx_http_mds_fail(r, status, err.text);
    }

    e.request.may_admit = r->method == NGX_HTTP_GET;
    e.respond = ngx_http_mds_resource_respond;

    return ngx_http_mds_evaluate(&e);
}

/* Decides for a location, and answers; NGX_DECLINED: there is a version to
 * show. */
static ngx_int_t
ngx_http_mds_resource_show(ngx_http_request_t            *r,
                           const ngx_http_mds_loc_conf_t *mlcf,
                           ngx_http_mds_ctx_t            *ctx)
{
    ngx_int_t rc;

    if (mlcf->resource->window && !ctx->admitted) {
        rc = ngx_http_mds_resource_admit(r, ctx);
        if (rc != NGX_DECLINED) {
            return rc;
        }

    } else if (!ctx->admitted) {
        /* An earlier decision did not know what the access checks found out. */
        ctx->shown = NULL;
        ngx_http_mds_resource_evaluate(r);
    }

    ctx->admitted = 0;

    return ngx_http_mds_resource_answer(r, mlcf, ctx);
}

static ngx_int_t
ngx_http_mds_resource_handler(ngx_http_request_t *r)
{
    ngx_http_mds_loc_conf_t *mlcf;
    ngx_http_mds_ctx_t      *ctx;
    ngx_int_t                rc;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);
    if (mlcf->resource == NULL) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_mds_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_mds_resource_show(r, mlcf, ctx);
    if (rc == NGX_DECLINED) {
        return ngx_http_mds_assets_handle(r, ctx);
    }

    /* No content handler discards the body of a request that was answered. */
    if ((rc == NGX_OK || rc == NGX_AGAIN)
        && ngx_http_discard_request_body(r) != NGX_OK)
    {
        r->keepalive = 0;
    }

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}

ngx_int_t
ngx_http_mds_resource_init(ngx_conf_t *cf)
{
    /* nginx calls the handler that was added last first: before try_files. */
    return ngx_http_mds_add_handler(cf, NGX_HTTP_PRECONTENT_PHASE,
                                    ngx_http_mds_resource_handler);
}
