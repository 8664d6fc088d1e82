/*
 * mds_feed: what edges fetch of an origin. "head" is the signed head, also by a
 * long poll; "catalog/SHA256", "lists/SHA256" and "trees/SHA256" are immutable
 * files; "root/N" is the N-th root.
 *
 * There is no decision here: all of it is served as the loader, or an edge's
 * agent, has put it there. Who may ask is the configuration's to say.
 */

#include "ngx_http_mds_feed.h"

#include "ngx_http_mds_endpoint.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_file.h"
#include "ngx_http_mds_request.h"
#include "ngx_http_mds_respond.h"
#include "ngx_http_mds_watch.h"

#define NGX_HTTP_MDS_FEED_WAIT_MAX_S 300

/* The immutable files, by the first part of their names. */
static const struct {
    mds_str_t  prefix;
    ngx_str_t  dir;
    ngx_uint_t is_named_by_content; /* a tree is named by its root */
} ngx_http_mds_feed_folders[] = {
    { { sizeof("catalog/") - 1, "catalog/" }, ngx_string("/feed/catalog/"), 1 },
    { { sizeof("lists/") - 1, "lists/" }, ngx_string("/feed/lists/"), 1 },
    { { sizeof("trees/") - 1, "trees/" }, ngx_string("/feed/trees/"), 0 },
};

/* Takes any attributes: the operator may have set some for all locations. */
static mds_status_t
ngx_http_mds_feed_validate(const mds_request_t *request, mds_error_t *err)
{
    return MDS_OK;
}

/* Reads "serial" and "wait"; -1: absent. */
static mds_status_t
ngx_http_mds_feed_read(ngx_http_request_t *r, off_t *serial, off_t *wait_s,
                       mds_error_t *err)
{
    mds_request_t *request = ngx_pcalloc(r->pool, sizeof(*request));
    mds_status_t   status;

    if (request == NULL) {
        return mds_fail_memory(err);
    }

    status
        = ngx_http_mds_read_query(r, ngx_http_mds_feed_validate, request, err);

    if (status == MDS_OK) {
        status = ngx_http_mds_request_number(request, "serial", 0,
                                             NGX_MAX_OFF_T_VALUE, serial, err);
    }

    return status == MDS_OK
               ? ngx_http_mds_request_number(request, "wait", 1,
                                             NGX_HTTP_MDS_FEED_WAIT_MAX_S,
                                             wait_s, err)
               : status;
}

static ngx_int_t
ngx_http_mds_feed_head(ngx_http_request_t *r, ngx_http_mds_depot_t *depot)
{
    ngx_http_mds_loc_conf_t *mlcf
        = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);
    ngx_http_mds_ctx_t  *ctx = ngx_http_mds_get_ctx(r);
    ngx_http_mds_feed_t *feed = ngx_http_mds_feed_get(depot);
    off_t                serial, wait_s;
    mds_status_t         status;
    mds_error_t          err;

    if (ctx == NULL || feed == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_mds_set_serial(ctx, ngx_http_mds_feed_serial(feed));
    status = ngx_http_mds_feed_read(r, &serial, &wait_s, &err);

    if (status != MDS_OK) {
        return ngx_http_mds_fail(r, status, err.text);
    }

    if (wait_s < 0 || serial < 0 || r->method == NGX_HTTP_HEAD || r != r->main
        || feed->damaged
        || (feed->text.len > 0 && feed->serial > (uint64_t) serial))
    {
        return ngx_http_mds_feed_respond(r, feed, serial);
    }

    return ngx_http_mds_feed_waiting() < (ngx_uint_t) mlcf->watch_max
               ? ngx_http_mds_feed_wait(r, feed, serial,
                                        (ngx_msec_t) wait_s * 1000)
               : ngx_http_mds_refuse_full(r);
}

static ngx_int_t
ngx_http_mds_feed_send(ngx_http_request_t *r, ngx_str_t *path, size_t dir_len,
                       mds_str_t hex, const mds_sha256_t *digest,
                       ngx_uint_t is_named_by_content)
{
    static ngx_str_t for_ever
        = ngx_string("public, max-age=31536000, immutable");
    static ngx_str_t     octets = ngx_string("application/octet-stream");
    ngx_open_file_info_t of;
    ngx_int_t            rc;

    if (ngx_http_mds_open_file(r, path, dir_len, &of) != NGX_OK) {
        return ngx_http_mds_fail(r, MDS_NOT_FOUND, "the file does not exist");
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = of.size;
    r->headers_out.last_modified_time = of.mtime;
    r->headers_out.content_type = octets;
    r->headers_out.content_type_len = octets.len;
    r->headers_out.content_type_lowcase = NULL;

    if (ngx_http_mds_add_digest(r, hex, digest, is_named_by_content) != NGX_OK
        || ngx_http_mds_set_cache_control(r, &for_ever) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_mds_send_file(r, path, &of);

    /* The answer that nginx sends now is not the file. */
    if (rc == NGX_HTTP_RANGE_NOT_SATISFIABLE) {
        ngx_http_mds_clear_cache_control(r);
        ngx_http_mds_drop_digest(r);
    }

    return rc;
}

/* Answers with an immutable file. NGX_DECLINED: the name is not that of one. */
static ngx_int_t
ngx_http_mds_feed_object(ngx_http_request_t *r, ngx_http_mds_depot_t *depot,
                         mds_str_t name)
{
    mds_sha256_t digest;
    ngx_str_t    path;
    size_t       dir_len;

    for (ngx_uint_t i = 0; i < mds_nelems(ngx_http_mds_feed_folders); i++) {
        const ngx_str_t *dir = &ngx_http_mds_feed_folders[i].dir;

        if (!mds_str_starts(name, ngx_http_mds_feed_folders[i].prefix)) {
            continue;
        }

        name.data += ngx_http_mds_feed_folders[i].prefix.len;
        name.len -= ngx_http_mds_feed_folders[i].prefix.len;

        if (name.len != MDS_SHA256_HEX || !mds_sha256_parse(name, &digest)) {
            return NGX_DECLINED;
        }

        dir_len = depot->path.len + dir->len - 1;
        path.len = dir_len + 1 + name.len;
        path.data = ngx_pnalloc(r->pool, path.len + 1);
        if (path.data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        (void) ngx_sprintf(path.data, "%V%V%*s%Z", &depot->path, dir, name.len,
                           name.data);

        return ngx_http_mds_feed_send(
            r, &path, dir_len, name, &digest,
            ngx_http_mds_feed_folders[i].is_named_by_content);
    }

    return NGX_DECLINED;
}

static ngx_int_t
ngx_http_mds_feed_handler(ngx_http_request_t *r)
{
    ngx_http_mds_depot_t *depot = ngx_http_mds_get_depot(r);
    mds_str_t             name = ngx_http_mds_uri_rest(r);
    ngx_int_t             rc;

    if (!ngx_http_mds_depot_is_open(depot)) {
        return ngx_http_mds_refuse_unavailable(r);
    }

    if (mds_str_eq(name, mds_str("head"))) {
        return ngx_http_mds_feed_head(r, depot);
    }

    rc = ngx_http_mds_feed_object(r, depot, name);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_mds_root_answer(r, name);
    }

    return rc == NGX_DECLINED
               ? ngx_http_mds_fail(r, MDS_NOT_FOUND,
                                   "there is only head, root/N, catalog/SHA256,"
                                   " lists/SHA256 and trees/SHA256")
               : rc;
}

ngx_http_mds_endpoint_t ngx_http_mds_feed_endpoint = {
    .id = MDS_ENDPOINT_FEED,
    .get = ngx_http_mds_feed_handler,
    .allow = ngx_string("GET, HEAD"),
};
