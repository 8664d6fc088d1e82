/*
 * The variables, which describe the decision. In a location with mds_resource,
 * the first use of a variable makes the decision; elsewhere they are for logs
 * and headers, and not found before an endpoint has decided.
 */

#include "ngx_http_mds_codepush.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_resource.h"

/* Gets the string at the offset data in the request's context. */
static ngx_int_t
ngx_http_mds_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
                      uintptr_t data)
{
    ngx_http_mds_ctx_t *ctx;
    ngx_str_t          *value;

    ngx_http_mds_resource_evaluate(r);

    ctx = ngx_http_mds_find_ctx(r);
    value = ctx == NULL ? NULL : (ngx_str_t *) ((char *) ctx + data);

    if (value == NULL || value->len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->len = value->len;
    v->data = value->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}

static ngx_http_variable_t ngx_http_mds_variables[] = {

    { ngx_string("mds_action"), NULL, ngx_http_mds_variable,
      offsetof(ngx_http_mds_ctx_t, action), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mds_release"), NULL, ngx_http_mds_variable,
      offsetof(ngx_http_mds_ctx_t, release), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mds_version"), NULL, ngx_http_mds_variable,
      offsetof(ngx_http_mds_ctx_t, version), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mds_serial"), NULL, ngx_http_mds_variable,
      offsetof(ngx_http_mds_ctx_t, serial), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mds_reason"), NULL, ngx_http_mds_variable,
      offsetof(ngx_http_mds_ctx_t, reason), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mds_deployment_key"), NULL,
      ngx_http_mds_deployment_key_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mds_resources"), NULL, ngx_http_mds_resources_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },
};

ngx_int_t
ngx_http_mds_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t *variable;

    for (size_t i = 0; i < mds_nelems(ngx_http_mds_variables); i++) {
        variable = ngx_http_add_variable(cf, &ngx_http_mds_variables[i].name,
                                         ngx_http_mds_variables[i].flags);
        if (variable == NULL) {
            return NGX_ERROR;
        }

        variable->get_handler = ngx_http_mds_variables[i].get_handler;
        variable->data = ngx_http_mds_variables[i].data;
    }

    return ngx_http_mds_add_manifest_variables(cf);
}
