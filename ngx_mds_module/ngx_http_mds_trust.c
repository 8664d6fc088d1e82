/*
 * mds_trust: what devices trust. "head?app=APP" is the app's head, and "root/N"
 * the N-th root. Both are served as the loader has signed them.
 */

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_endpoint.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_request.h"
#include "ngx_http_mds_respond.h"

#include "catalog/mds_trust_record.h"

typedef struct {
    ngx_http_request_t *r;
    ngx_http_mds_ctx_t *ctx;
    uint32_t            version; /* of a root; 0: a head is asked for */
    mds_request_t       request; /* with the app, for a head */
    ngx_str_t           body;    /* empty: there is none */
} ngx_http_mds_trust_t;

/* Reads "root/N", where N is written without leading zeros. */
static ngx_int_t
ngx_http_mds_trust_version(mds_str_t name, uint32_t *version)
{
    const mds_str_t prefix = mds_str("root/");
    ngx_int_t       number;

    if (!mds_str_starts(name, prefix)) {
        return NGX_DECLINED;
    }

    name.data += prefix.len;
    name.len -= prefix.len;

    if (name.len == 0 || name.len > 9 || name.data[0] == '0') {
        return NGX_DECLINED;
    }

    number = ngx_atoi((u_char *) name.data, name.len);
    if (number == NGX_ERROR) {
        return NGX_DECLINED;
    }

    *version = (uint32_t) number;
    return NGX_OK;
}

static mds_status_t
ngx_http_mds_trust_get_record(const mds_snapshot_t *snapshot, void *data,
                              mds_error_t *err)
{
    ngx_http_mds_trust_t *t = data;
    mds_str_t             found;
    ngx_uint_t            exists;

    ngx_http_mds_set_serial(t->ctx, mds_catalog_serial(snapshot->catalog));

    exists = t->version > 0
                 ? mds_catalog_get_root(snapshot->catalog, t->version, &found)
                 : mds_catalog_get_head(snapshot->catalog,
                                        mds_request_attr(&t->request,
                                                         MDS_ATTR_APP),
                                        &found);

    if (!exists) {
        return mds_catalog_status(snapshot->catalog, err);
    }

    t->body.data = ngx_pnalloc(t->r->pool, found.len);
    if (t->body.data == NULL) {
        return mds_fail_memory(err);
    }

    ngx_memcpy(t->body.data, found.data, found.len);
    t->body.len = found.len;

    return MDS_OK;
}

static ngx_int_t
ngx_http_mds_trust_respond(ngx_http_mds_trust_t *t)
{
    ngx_http_mds_response_t response = { .type = &ngx_http_mds_dsse_type };
    mds_status_t            status;
    mds_error_t             err;

    status
        = ngx_http_mds_depot_evaluate(ngx_http_mds_get_depot(t->r),
                                      ngx_http_mds_trust_get_record, t, &err);
    if (status != MDS_OK) {
        return ngx_http_mds_fail_evaluation(t->r, status, &err);
    }

    if (t->body.len == 0) {
        return ngx_http_mds_fail(t->r, MDS_NOT_FOUND,
                                 t->version > 0
                                     ? "there is no root of this version"
                                     : "the app has no head");
    }

    response.body = t->body;
    return ngx_http_mds_respond(t->r, &response);
}

/* Prepares an answer; NULL: out of memory. */
static ngx_http_mds_trust_t *
ngx_http_mds_trust_create(ngx_http_request_t *r)
{
    ngx_http_mds_trust_t *t = ngx_pcalloc(r->pool, sizeof(*t));

    if (t == NULL || (t->ctx = ngx_http_mds_get_ctx(r)) == NULL) {
        return NULL;
    }

    t->r = r;
    return t;
}

ngx_int_t
ngx_http_mds_root_answer(ngx_http_request_t *r, mds_str_t name)
{
    ngx_http_mds_trust_t *t = ngx_http_mds_trust_create(r);

    if (t == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_mds_trust_version(name, &t->version) == NGX_OK
               ? ngx_http_mds_trust_respond(t)
               : NGX_DECLINED;
}

static ngx_int_t
ngx_http_mds_trust_get(ngx_http_request_t *r)
{
    mds_str_t             name = ngx_http_mds_uri_rest(r);
    ngx_http_mds_trust_t *t;
    mds_status_t          status;
    mds_error_t           err;
    ngx_int_t             rc;

    if (!mds_str_eq(name, mds_str("head"))) {
        rc = ngx_http_mds_root_answer(r, name);

        return rc == NGX_DECLINED
                   ? ngx_http_mds_fail(r, MDS_NOT_FOUND,
                                       "there is only head and root/N")
                   : rc;
    }

    t = ngx_http_mds_trust_create(r);
    if (t == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status = ngx_http_mds_read_query(r, mds_request_validate_app, &t->request,
                                     &err);

    return status == MDS_OK ? ngx_http_mds_trust_respond(t)
                            : ngx_http_mds_fail(r, status, err.text);
}

ngx_http_mds_endpoint_t ngx_http_mds_trust_endpoint = {
    .id = MDS_ENDPOINT_TRUST,
    .get = ngx_http_mds_trust_get,
    .allow = ngx_string("GET, HEAD"),
};
