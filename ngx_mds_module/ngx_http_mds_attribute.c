/*
 * The attributes of a request. The operator's come from mds_attribute; the
 * device cannot set an attribute that the operator sets, even to nothing.
 */

#include "ngx_http_mds_request.h"

#include "base/mds_name.h"

static ngx_http_mds_attribute_t *
ngx_http_mds_find_attribute(ngx_array_t *in, ngx_str_t *name)
{
    ngx_http_mds_attribute_t *attribute;

    if (in == NULL) {
        return NULL;
    }

    attribute = in->elts;
    for (ngx_uint_t i = 0; i < in->nelts; i++) {
        if (mds_str_eq(ngx_http_mds_view(&attribute[i].name),
                       ngx_http_mds_view(name))) {
            return &attribute[i];
        }
    }

    return NULL;
}

char *
ngx_http_mds_attribute(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mds_loc_conf_t  *mlcf = conf;
    ngx_http_mds_attribute_t *attribute;
    ngx_str_t                *args = cf->args->elts;

    if (!mds_attribute_name_valid(ngx_http_mds_view(&args[1]))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not the name of an attribute: it takes a"
                           " lower-case letter, then up to %d letters, digits"
                           " and _",
                           &args[1], MDS_ATTRIBUTE_NAME_MAX - 1);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_mds_find_attribute(mlcf->attributes, &args[1]) != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the attribute \"%V\" is set twice here", &args[1]);
        return NGX_CONF_ERROR;
    }

    if (mlcf->attributes == NULL) {
        mlcf->attributes = ngx_array_create(cf->pool, 4, sizeof(*attribute));
        if (mlcf->attributes == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    attribute = ngx_array_push(mlcf->attributes);
    if (attribute == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(attribute, sizeof(*attribute));
    attribute->name = args[1];

    return ngx_http_mds_compile_value(cf, &args[2], &attribute->value) == NGX_OK
               ? NGX_CONF_OK
               : NGX_CONF_ERROR;
}

ngx_int_t
ngx_http_mds_merge_attributes(ngx_conf_t *cf, ngx_array_t *prev,
                              ngx_array_t **attributes)
{
    ngx_http_mds_attribute_t *inherited, *attribute;

    if (*attributes == NULL || prev == NULL) {
        *attributes = *attributes == NULL ? prev : *attributes;

    } else {
        inherited = prev->elts;
        for (ngx_uint_t i = 0; i < prev->nelts; i++) {
            if (ngx_http_mds_find_attribute(*attributes, &inherited[i].name)
                != NULL) {
                continue;
            }

            attribute = ngx_array_push(*attributes);
            if (attribute == NULL) {
                return NGX_ERROR;
            }

            *attribute = inherited[i];
        }
    }

    if (*attributes != NULL && (*attributes)->nelts > MDS_ATTRIBUTES_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d attributes are set by"
                           " \"mds_attribute\"",
                           MDS_ATTRIBUTES_MAX);
        return NGX_ERROR;
    }

    return NGX_OK;
}

mds_status_t
ngx_http_mds_set_trusted_attribute(ngx_http_request_t *r,
                                   mds_request_t *request, mds_str_t name,
                                   ngx_http_complex_value_t *value,
                                   mds_error_t              *err)
{
    ngx_str_t text = ngx_null_string;

    if (ngx_http_complex_value(r, value, &text) != NGX_OK) {
        return mds_fail_memory(err);
    }

    return mds_request_set_trusted(request, name, ngx_http_mds_view(&text),
                                   err);
}

/* Sets the operator's attributes. With overrides, those that the request
 * already names are left, and their names are added there. */
static mds_status_t
ngx_http_mds_set_attributes(ngx_http_request_t *r, mds_request_t *request,
                            mds_strs_t *overrides, mds_error_t *err)
{
    ngx_http_mds_loc_conf_t  *mlcf;
    ngx_http_mds_attribute_t *attribute, *end;
    mds_status_t              status = MDS_OK;
    mds_str_t                 name;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);

    if (mlcf->attributes == NULL) {
        return MDS_OK;
    }

    attribute = mlcf->attributes->elts;
    end = attribute + mlcf->attributes->nelts;

    for (; status == MDS_OK && attribute < end; attribute++) {
        name = ngx_http_mds_view(&attribute->name);

        if (overrides != NULL && mds_request_has(request, name)) {
            overrides->items[overrides->count++] = name;
            continue;
        }

        status = ngx_http_mds_set_trusted_attribute(r, request, name,
                                                    &attribute->value, err);
    }

    return status;
}

mds_status_t
ngx_http_mds_set_trusted_attributes(ngx_http_request_t *r,
                                    mds_request_t *request, mds_error_t *err)
{
    return ngx_http_mds_set_attributes(r, request, NULL, err);
}

static mds_status_t
ngx_http_mds_parse_query(ngx_http_request_t *r, mds_request_t *request,
                         mds_error_t *err)
{
    char *buffer = ngx_pnalloc(r->pool, r->args.len + 1);

    if (buffer == NULL) {
        return mds_fail_memory(err);
    }

    return mds_request_parse(request, ngx_http_mds_view(&r->args), buffer, err);
}

mds_status_t
ngx_http_mds_read_query(ngx_http_request_t      *r,
                        ngx_http_mds_validate_pt validate,
                        mds_request_t *request, mds_error_t *err)
{
    mds_status_t status;

    mds_request_init(request);

    status = ngx_http_mds_set_trusted_attributes(r, request, err);

    if (status == MDS_OK) {
        status = ngx_http_mds_parse_query(r, request, err);
    }

    return status == MDS_OK ? validate(request, err) : status;
}

mds_status_t
ngx_http_mds_read_operator_query(ngx_http_request_t *r, mds_request_t *request,
                                 mds_strs_t *overrides, mds_error_t *err)
{
    mds_status_t status;

    overrides->count = 0;
    overrides->items
        = ngx_palloc(r->pool, MDS_ATTRIBUTES_MAX * sizeof(mds_str_t));
    if (overrides->items == NULL) {
        return mds_fail_memory(err);
    }

    mds_request_init(request);

    status = ngx_http_mds_parse_query(r, request, err);

    if (status == MDS_OK) {
        status = ngx_http_mds_set_attributes(r, request, overrides, err);
    }

    return status == MDS_OK ? mds_request_validate(request, err) : status;
}
