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

    ngx_http_mds_resource_look(r);

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

static ngx_str_t
ngx_http_mds_str(const char *data, size_t len)
{
    return (ngx_str_t){ len, (u_char *) data };
}

void
ngx_http_mds_tell(ngx_http_mds_ctx_t *ctx, const mds_decision_t *decision)
{
    const char *action = mds_action_name(decision->action);
    const char *reason = mds_reason_name(decision->reason);

    ctx->action = ngx_http_mds_str(action, ngx_strlen(action));
    ctx->reason = ngx_http_mds_str(reason, ngx_strlen(reason));
    ctx->release
        = ngx_http_mds_str(decision->release.data, decision->release.len);
    ctx->version
        = ngx_http_mds_str(decision->version.data, decision->version.len);
}

ngx_int_t
ngx_http_mds_tell_actions(ngx_http_mds_asking_t *asking)
{
    static const char longest[] = "rollback,";
    static const char more[] = "...,";
    size_t            count = ngx_min(asking->count, NGX_HTTP_MDS_ACTIONS_MAX);
    size_t            size = count * (sizeof(longest) - 1) + sizeof(more) - 1;
    u_char           *data, *p, *last;

    if (asking->count == 0) {
        return NGX_OK;
    }

    data = ngx_pnalloc(asking->r->pool, size);
    if (data == NULL) {
        return NGX_ERROR;
    }

    p = data;
    last = data + size;

    for (size_t i = 0; i < count; i++) {
        ngx_http_mds_question_t *question = &asking->questions[i];

        p = ngx_slprintf(p, last, "%s,",
                         question->status == MDS_OK
                             ? mds_action_name(question->decision.action)
                             : "error");
    }

    if (count < asking->count) {
        p = ngx_slprintf(p, last, "%s", more);
    }

    /* All but the last comma. */
    asking->ctx->action.data = data;
    asking->ctx->action.len = p - 1 - data;

    return NGX_OK;
}

void
ngx_http_mds_tell_serial(ngx_http_mds_ctx_t *ctx, uint64_t serial)
{
    /* Behind the context: ngx_http_mds_get_ctx() has made room. */
    ctx->serial.data = (u_char *) (ctx + 1);
    ctx->serial.len
        = ngx_snprintf(ctx->serial.data, NGX_INT64_LEN, "%uL", serial)
          - ctx->serial.data;
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
