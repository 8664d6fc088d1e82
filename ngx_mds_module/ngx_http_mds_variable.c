/*
 * $mds_action and the others: what was decided for the request. Where
 * mds_resource applies it is decided when one is asked for; elsewhere they
 * are for logs and headers, and not found before a decision.
 */

#include "ngx_http_mds_module.h"

/* So many actions of a batch are in the variable; 292 bytes at most. */
#define NGX_HTTP_MDS_ACTIONS_MAX 32

static ngx_int_t
ngx_http_mds_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
                      uintptr_t data);

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
};

/* data is the offset of an ngx_str_t in the request's context. */
static ngx_int_t
ngx_http_mds_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
                      uintptr_t data)
{
    ngx_http_mds_ctx_t *ctx;
    ngx_str_t          *value;

    ngx_http_mds_resource_evaluate(r);

    ctx = ngx_http_get_module_ctx(r, ngx_http_mds_module);
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

ngx_int_t
ngx_http_mds_set_actions(ngx_http_mds_evaluation_t *evaluation)
{
    static const char longest[] = "rollback,";
    static const char more[] = "...,";
    size_t  count = ngx_min(evaluation->count, NGX_HTTP_MDS_ACTIONS_MAX);
    size_t  size = count * (sizeof(longest) - 1) + sizeof(more) - 1;
    u_char *data, *p, *last;

    if (evaluation->count == 0) {
        return NGX_OK;
    }

    data = ngx_pnalloc(evaluation->r->pool, size);
    if (data == NULL) {
        return NGX_ERROR;
    }

    p = data;
    last = data + size;

    for (size_t i = 0; i < count; i++) {
        ngx_http_mds_question_t *question = &evaluation->questions[i];

        p = ngx_slprintf(p, last, "%s,",
                         question->status == MDS_OK
                             ? mds_action_name(question->decision.action)
                             : "error");
    }

    if (count < evaluation->count) {
        p = ngx_slprintf(p, last, "%s", more);
    }

    /* All but the last comma. */
    evaluation->ctx->action.data = data;
    evaluation->ctx->action.len = p - 1 - data;

    return NGX_OK;
}

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

    return ngx_http_mds_resources_add(cf);
}
