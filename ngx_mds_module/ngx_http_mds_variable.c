/*
 * The variables, which describe the decision. In a location with mds_resource,
 * the first use of a variable makes the decision; elsewhere they are for logs
 * and headers, and not found before an endpoint has decided. A name that ends
 * with _json has the same value, escaped to stand in a JSON string.
 */

#include "ngx_http_mds_codepush.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_json.h"
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

/* Gets the value of the variable that data is, escaped. */
static ngx_int_t
ngx_http_mds_escaped_variable(ngx_http_request_t        *r,
                              ngx_http_variable_value_t *v, uintptr_t data)
{
    const ngx_http_variable_t *variable = (const ngx_http_variable_t *) data;
    ngx_str_t                  value;

    if (variable->get_handler(r, v, variable->data) != NGX_OK) {
        return NGX_ERROR;
    }

    if (v->not_found) {
        return NGX_OK;
    }

    value.len = v->len;
    value.data = v->data;

    if (ngx_http_mds_json_escape(r->pool, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    v->len = (unsigned) value.len;
    v->data = value.data;

    return NGX_OK;
}

/* Adds the variable under its own name, and under that of its escaped form. */
static ngx_int_t
ngx_http_mds_add_variable(ngx_conf_t *cf, ngx_http_variable_t *variable)
{
    ngx_http_variable_t *added, *escaped;
    ngx_str_t            name;

    name.len = variable->name.len + sizeof("_json") - 1;
    name.data = ngx_pnalloc(cf->pool, name.len);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(ngx_cpymem(name.data, variable->name.data, variable->name.len),
               "_json", sizeof("_json") - 1);

    added = ngx_http_add_variable(cf, &variable->name, variable->flags);
    escaped = ngx_http_add_variable(cf, &name, variable->flags);
    if (added == NULL || escaped == NULL) {
        return NGX_ERROR;
    }

    added->get_handler = variable->get_handler;
    added->data = variable->data;
    escaped->get_handler = ngx_http_mds_escaped_variable;
    escaped->data = (uintptr_t) variable;

    return NGX_OK;
}

ngx_int_t
ngx_http_mds_add_variables(ngx_conf_t *cf)
{
    for (size_t i = 0; i < mds_nelems(ngx_http_mds_variables); i++) {
        if (ngx_http_mds_add_variable(cf, &ngx_http_mds_variables[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_mds_add_manifest_variables(cf);
}
