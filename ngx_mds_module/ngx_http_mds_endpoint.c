/*
 * The first step of a request: its method. A GET, or a POST with its body, is
 * then answered by the endpoint of its location.
 */

#include "ngx_http_mds_endpoint.h"

#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_request.h"
#include "ngx_http_mds_respond.h"

mds_str_t
ngx_http_mds_uri_rest(ngx_http_request_t *r)
{
    ngx_http_core_loc_conf_t *clcf;
    mds_str_t                 rest = ngx_http_mds_view(&r->uri);

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    /* After a rewrite, the URI can be shorter than the location's name. */
    if (rest.len < clcf->name.len) {
        return mds_null_str;
    }

    rest.data += clcf->name.len;
    rest.len -= clcf->name.len;

    return rest;
}

static void
ngx_http_mds_endpoint_post(ngx_http_request_t *r, ngx_str_t *body)
{
    ngx_http_mds_loc_conf_t *mlcf
        = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);

    ngx_http_finalize_request(r, mlcf->endpoint->post(r, body));
}

static ngx_int_t
ngx_http_mds_endpoint_handler(ngx_http_request_t *r)
{
    ngx_http_mds_loc_conf_t *mlcf
        = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);
    ngx_http_mds_endpoint_t *endpoint = mlcf->endpoint;
    ngx_http_mds_ctx_t      *ctx = ngx_http_mds_find_ctx(r);
    ngx_uint_t               post;
    ngx_int_t                rc;

    /* After an internal redirect, another location may have set them, from
     * another depot. */
    if (ctx != NULL) {
        ngx_http_mds_clear_variables(ctx);
    }

    post = r->method == NGX_HTTP_POST && endpoint->post != NULL;

    if (post && ngx_http_mds_is_json(r)) {
        return ngx_http_mds_read_body(r, endpoint->body_max,
                                      ngx_http_mds_endpoint_post);
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (post) {
        return ngx_http_mds_refuse(r, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                   "the body must be application/json");
    }

    return (r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD)) && endpoint->get != NULL
               ? endpoint->get(r)
               : ngx_http_mds_refuse_method(r, &endpoint->allow);
}

char *
ngx_http_mds_endpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mds_loc_conf_t  *mlcf = conf;
    ngx_http_mds_main_conf_t *mcf;
    ngx_http_core_loc_conf_t *clcf;

    if (mlcf->endpoint == cmd->post) {
        return "is duplicate";
    }

    if (ngx_http_mds_claim_location(cf, mlcf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_mds_endpoint_handler;
    mlcf->endpoint = cmd->post;

    /* The page of mds_status asks there. */
    if (mlcf->endpoint == &ngx_http_mds_explain_endpoint && clcf->exact_match) {
        mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mds_module);
        mcf->explain = mcf->explain.len == 0 ? clcf->name : mcf->explain;
    }

    return NGX_CONF_OK;
}

char *
ngx_http_mds_prefix_endpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* What is asked for follows the name of the location. */
    if (clcf->exact_match || clcf->named
#if (NGX_PCRE)
        || clcf->regex != NULL
#endif
        || clcf->name.len == 0 || clcf->name.data[clcf->name.len - 1] != '/')
    {
        return "needs a location that is a prefix and ends with \"/\"";
    }

    return ngx_http_mds_endpoint(cf, cmd, conf);
}

void
ngx_http_mds_merge_endpoint(ngx_conf_t *cf, ngx_http_mds_loc_conf_t *prev,
                            ngx_http_mds_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* nginx keeps the handler of the location for an "if", but not for the
     * methods that limit_except limits. */
    if (clcf->noname && clcf->handler == NULL && prev->endpoint != NULL) {
        clcf->handler = ngx_http_mds_endpoint_handler;
        conf->endpoint = prev->endpoint;
    }
}
