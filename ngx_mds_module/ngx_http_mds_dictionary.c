/*
 * Deltas for browsers (RFC 9842): the client names the file that it has by its
 * digest, and gets the delta from exactly that file.
 */

#include "ngx_http_mds_dictionary.h"

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_respond.h"

#include "request/mds_dictionary.h"

#define NGX_HTTP_MDS_BASE64_DIGEST 44

static ngx_str_t ngx_http_mds_dcz = ngx_string("dcz");

/* The arguments and the result of a look-up. */
typedef struct {
    const mds_sha256_t *to;
    mds_sha256_t        from;
    mds_sha256_t        delta;
} ngx_http_mds_dictionary_call_t;

/* Returns a header line of the request, or NULL. */
static ngx_str_t *
ngx_http_mds_dictionary_field(ngx_http_request_t *r, mds_str_t name)
{
    ngx_list_part_t *part = &r->headers_in.headers.part;

    for (; part != NULL; part = part->next) {
        ngx_table_elt_t *h = part->elts;

        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (h[i].key.len == name.len
                && ngx_strncasecmp(h[i].key.data, (u_char *) name.data,
                                   name.len)
                       == 0)
            {
                return &h[i].value;
            }
        }
    }

    return NULL;
}

ngx_int_t
ngx_http_mds_dictionary_get(ngx_http_request_t *r, mds_sha256_t *sha256)
{
    ngx_str_t *have
        = ngx_http_mds_dictionary_field(r, mds_str("Available-Dictionary"));
    ngx_str_t *accepted;

    if (have == NULL) {
        return NGX_DECLINED;
    }

    accepted = ngx_http_mds_dictionary_field(r, mds_str("Accept-Encoding"));

    return accepted != NULL
                   && mds_dictionary_is_accepted(ngx_http_mds_view(accepted))
                   && mds_dictionary_parse(ngx_http_mds_view(have), sha256)
               ? NGX_OK
               : NGX_DECLINED;
}

static mds_status_t
ngx_http_mds_dictionary_look_up(const mds_snapshot_t *snapshot, void *data,
                                mds_error_t *err)
{
    ngx_http_mds_dictionary_call_t *call = data;

    return mds_catalog_delta(snapshot->catalog, call->to, &call->from, err,
                             &call->delta);
}

ngx_int_t
ngx_http_mds_dictionary_find(ngx_http_request_t *r, const mds_sha256_t *to,
                             mds_sha256_t *delta)
{
    ngx_http_mds_dictionary_call_t call = { .to = to };
    mds_error_t                    err;

    if (ngx_http_mds_dictionary_get(r, &call.from) != NGX_OK
        || ngx_http_mds_depot_evaluate(ngx_http_mds_get_depot(r),
                                       ngx_http_mds_dictionary_look_up, &call,
                                       &err)
               != MDS_OK)
    {
        return NGX_DECLINED;
    }

    *delta = call.delta;
    return NGX_OK;
}

ngx_int_t
ngx_http_mds_dictionary_vary(ngx_http_request_t *r)
{
    static ngx_str_t vary = ngx_string("Accept-Encoding, Available-Dictionary");

    return ngx_http_mds_add_header(r, mds_str("Vary"), &vary);
}

ngx_int_t
ngx_http_mds_dictionary_encode(ngx_http_request_t *r)
{
    r->headers_out.content_encoding
        = ngx_http_mds_push_header(r, mds_str("Content-Encoding"),
                                   &ngx_http_mds_dcz);

    return r->headers_out.content_encoding == NULL ? NGX_ERROR : NGX_OK;
}

ngx_uint_t
ngx_http_mds_dictionary_is_used(ngx_http_request_t *r)
{
    ngx_table_elt_t *h = r->headers_out.content_encoding;

    return h != NULL && h->value.data == ngx_http_mds_dcz.data;
}

void
ngx_http_mds_dictionary_drop(ngx_http_request_t *r)
{
    static const mds_str_t lines[]
        = { { 16, "Unencoded-Digest" }, { 17, "Use-As-Dictionary" } };

    for (size_t i = 0; i < mds_nelems(lines); i++) {
        ngx_table_elt_t *h = ngx_http_mds_find_header(r, lines[i]);

        if (h != NULL) {
            h->hash = 0;
        }
    }

    if (ngx_http_mds_dictionary_is_used(r)) {
        r->headers_out.content_encoding->hash = 0;
        r->headers_out.content_encoding = NULL;
    }
}

/* Returns 1 if the text stands for itself in a pattern, and in a string. */
static ngx_uint_t
ngx_http_mds_dictionary_is_literal(mds_str_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        u_char c = (u_char) text.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
              || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-'
              || c == '/'))
        {
            return 0;
        }
    }

    return text.len > 0;
}

ngx_int_t
ngx_http_mds_dictionary_use(ngx_http_request_t *r, mds_str_t before,
                            mds_str_t behind)
{
    ngx_str_t value;

    if (!ngx_http_mds_dictionary_is_literal(before)
        || !ngx_http_mds_dictionary_is_literal(behind))
    {
        return NGX_OK;
    }

    value.len = sizeof("match=\"*\"") - 1 + before.len + behind.len;
    value.data = ngx_pnalloc(r->pool, value.len);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(value.data, "match=\"%*s*%*s\"", before.len, before.data,
                       behind.len, behind.data);

    return ngx_http_mds_add_header(r, mds_str("Use-As-Dictionary"), &value);
}

ngx_int_t
ngx_http_mds_dictionary_describe(ngx_http_request_t *r,
                                 const mds_sha256_t *decoded)
{
    static const char begin[] = "sha-256=:";
    ngx_str_t raw = { sizeof(decoded->bytes), (u_char *) decoded->bytes };
    ngx_str_t value, coded;

    value.len = sizeof(begin) - 1 + NGX_HTTP_MDS_BASE64_DIGEST + 1;
    value.data = ngx_pnalloc(r->pool, value.len);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    coded.data = ngx_cpymem(value.data, begin, sizeof(begin) - 1);
    ngx_encode_base64(&coded, &raw);
    coded.data[coded.len] = ':';

    return ngx_http_mds_add_header(r, mds_str("Unencoded-Digest"), &value);
}
