/*
 * mds_files: packages, deltas and their minisign signatures, streamed by nginx.
 * A package or delta is named by the digest of its bytes, so that every cache
 * may keep it for ever.
 */

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_dictionary.h"
#include "ngx_http_mds_endpoint.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_file.h"
#include "ngx_http_mds_origin.h"
#include "ngx_http_mds_respond.h"

#include "base/mds_digest.h"

#define NGX_HTTP_MDS_REPR_DIGEST "Repr-Digest"
#define NGX_HTTP_MDS_KEYID_LEN 16

typedef struct {
    mds_str_t    name; /* HEX, HEX.minisig, or HEX.KEYID.minisig */
    mds_str_t    hex;
    mds_sha256_t digest;
    mds_str_t    label;   /* of HEX/LABEL; empty: none */
    mds_sha256_t decoded; /* what a delta is decoded to */
    ngx_uint_t   is_delta;
} ngx_http_mds_file_t;

/* Returns 1 if the text behind a digest is empty, ".minisig" or
 * ".KEYID.minisig". */
static ngx_uint_t
ngx_http_mds_file_suffix_is_valid(mds_str_t suffix)
{
    mds_str_t minisig = mds_str(".minisig");

    if (suffix.len == 1 + NGX_HTTP_MDS_KEYID_LEN + minisig.len
        && *suffix.data == '.')
    {
        for (size_t i = 1; i <= NGX_HTTP_MDS_KEYID_LEN; i++) {
            if (mds_hex_digit(suffix.data[i]) == -1 || suffix.data[i] >= 'a') {
                return 0;
            }
        }

        suffix.data += 1 + NGX_HTTP_MDS_KEYID_LEN;
        suffix.len = minisig.len;
    }

    return suffix.len == 0 || mds_str_eq(suffix, minisig);
}

/* Takes the name that follows the location's in the (decoded, normalized) URI.
 */
static ngx_int_t
ngx_http_mds_file_name(ngx_http_request_t *r, ngx_http_mds_file_t *file)
{
    ngx_http_core_loc_conf_t *clcf;
    mds_str_t                 suffix = ngx_http_mds_view(&r->uri);

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    /* After a rewrite, the URI can be shorter than the location's name. */
    if (suffix.len < clcf->name.len + MDS_SHA256_HEX) {
        return NGX_DECLINED;
    }

    suffix.data += clcf->name.len;
    suffix.len -= clcf->name.len;
    file->name = suffix;
    file->hex = (mds_str_t){ MDS_SHA256_HEX, suffix.data };
    suffix.data += MDS_SHA256_HEX;
    suffix.len -= MDS_SHA256_HEX;

    if (suffix.len > 1 && *suffix.data == '/'
        && memchr(suffix.data + 1, '/', suffix.len - 1) == NULL)
    {
        file->label = (mds_str_t){ suffix.len - 1, suffix.data + 1 };
        file->name.len = MDS_SHA256_HEX;
        suffix.len = 0;
    }

    return mds_sha256_parse(file->hex, &file->digest)
                   && ngx_http_mds_file_suffix_is_valid(suffix)
               ? NGX_OK
               : NGX_DECLINED;
}

/* Turns the failure to open a file into a status: a missing file is not found,
 * a missing directory is a failure of the edge. */
static mds_status_t
ngx_http_mds_file_error(const char *dir, ngx_http_mds_file_t *file,
                        ngx_open_file_info_t *of, mds_error_t *err)
{
    if (access(dir, F_OK) == -1) {
        (void) mds_fail_errno(err, "open \"%s\"", dir);
        return MDS_DENIED;
    }

    switch (of->err) {

    case 0: /* it was opened, but is a directory, a socket, ... */
    case NGX_ENOENT:
    case NGX_ENOTDIR:
    case NGX_ELOOP:
        return mds_fail(err, MDS_NOT_FOUND, "the file %.*s does not exist",
                        MDS_STR(file->name));

    default:
        ngx_set_errno(of->err);
        return mds_fail_errno(err, "read a file in \"%s\"", dir);
    }
}

static mds_status_t
ngx_http_mds_file_open(ngx_http_request_t *r, ngx_http_mds_file_t *file,
                       ngx_str_t *path, ngx_open_file_info_t *of,
                       mds_error_t *err)
{
    static const ngx_str_t   dir = ngx_string("/files/");
    ngx_http_mds_loc_conf_t *mlcf;
    u_char                  *p;
    size_t                   dir_len;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);
    dir_len = mlcf->depot_conf->path.len + dir.len - 1;

    path->len = dir_len + 1 + file->name.len;
    path->data = ngx_pnalloc(r->pool, path->len + 1);
    if (path->data == NULL) {
        return mds_fail_memory(err);
    }

    p = ngx_cpymem(path->data, mlcf->depot_conf->path.data,
                   mlcf->depot_conf->path.len);
    p = ngx_cpymem(p, dir.data, dir.len);
    p = ngx_cpymem(p, file->name.data, file->name.len);
    *p = '\0';

    if (ngx_http_mds_open_file(r, path, dir_len, of) != NGX_OK) {
        path->data[dir_len] = '\0';
        return ngx_http_mds_file_error((char *) path->data, file, of, err);
    }

    return MDS_OK;
}

ngx_int_t
ngx_http_mds_add_digest(ngx_http_request_t *r, mds_str_t hex,
                        const mds_sha256_t *digest, ngx_uint_t of_bytes)
{
    ngx_http_core_loc_conf_t *clcf;
    ngx_str_t raw = { sizeof(digest->bytes), (u_char *) digest->bytes };
    ngx_str_t etag, repr;
    u_char   *p;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    etag.len = hex.len + 2;
    repr.len = sizeof("sha-256=::") - 1 + ngx_base64_encoded_length(raw.len);

    p = ngx_pnalloc(r->pool, etag.len + repr.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    etag.data = p;
    *p++ = '"';
    p = ngx_cpymem(p, hex.data, hex.len);
    *p++ = '"';

    repr.data = p;
    p = ngx_cpymem(repr.data, "sha-256=:", sizeof("sha-256=:") - 1);
    ngx_encode_base64(&(ngx_str_t){ 0, p }, &raw);
    repr.data[repr.len - 1] = ':';

    /* As Repr-Digest it is that of RFC 9530. */
    if (of_bytes
        && ngx_http_mds_add_header(r, mds_str(NGX_HTTP_MDS_REPR_DIGEST), &repr)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!clcf->etag) {
        return NGX_OK;
    }

    /* The filters for conditions and ranges use it. */
    r->headers_out.etag = ngx_http_mds_push_header(r, mds_str("ETag"), &etag);

    return r->headers_out.etag == NULL ? NGX_ERROR : NGX_OK;
}

void
ngx_http_mds_drop_digest(ngx_http_request_t *r)
{
    ngx_table_elt_t *h
        = ngx_http_mds_find_header(r, mds_str(NGX_HTTP_MDS_REPR_DIGEST));

    if (h != NULL) {
        h->hash = 0;
    }
}

/* Drops the digest if a filter has coded or changed the body: the length of
 * such a body is not known. */
void
ngx_http_mds_file_filter(ngx_http_request_t *r)
{
    ngx_http_mds_loc_conf_t *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);

    if ((mlcf->endpoint == &ngx_http_mds_files_endpoint
         || mlcf->endpoint == &ngx_http_mds_feed_endpoint)
        && (r->headers_out.content_length_n < 0
            || (r->headers_out.content_encoding != NULL
                && !ngx_http_mds_dictionary_is_used(r))))
    {
        ngx_http_mds_drop_digest(r);
    }
}

/* Adds what a browser needs for deltas of the file. Only a file with a label
 * can be the dictionary for others with the label. */
static ngx_int_t
ngx_http_mds_file_dictionary(ngx_http_request_t *r, ngx_http_mds_file_t *file)
{
    ngx_http_core_loc_conf_t *clcf
        = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    mds_str_t behind;

    if (ngx_http_mds_dictionary_vary(r) != NGX_OK
        || (file->is_delta && ngx_http_mds_dictionary_encode(r) != NGX_OK))
    {
        return NGX_ERROR;
    }

    if (file->label.len == 0 && !file->is_delta) {
        return NGX_OK;
    }

    if (ngx_http_mds_dictionary_describe(r, file->is_delta ? &file->decoded
                                                           : &file->digest)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (file->label.len == 0) {
        return NGX_OK;
    }

    behind.len = file->label.len + 1;
    behind.data = file->label.data - 1; /* the slash */

    return ngx_http_mds_dictionary_use(r, ngx_http_mds_view(&clcf->name),
                                       behind);
}

static ngx_int_t
ngx_http_mds_file_headers(ngx_http_request_t *r, ngx_http_mds_file_t *file,
                          ngx_open_file_info_t *of)
{
    static ngx_str_t for_ever
        = ngx_string("public, max-age=31536000, immutable");
    static ngx_str_t revalidate = ngx_string("no-cache");
    static ngx_str_t octets = ngx_string("application/octet-stream");
    static ngx_str_t text = ngx_string("text/plain");
    ngx_str_t       *type, *cache_control;
    ngx_int_t        rc;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = of->size;
    r->headers_out.last_modified_time = of->mtime;

    if (file->name.len == file->hex.len) {
        type = &octets;
        cache_control = &for_ever;
        rc = ngx_http_mds_add_digest(r, file->hex, &file->digest, 1);

        if (rc == NGX_OK) {
            rc = ngx_http_mds_file_dictionary(r, file);
        }

    } else {
        /* A new key makes a new signature. */
        type = &text;
        cache_control = &revalidate;
        rc = ngx_http_set_etag(r);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    /* A label has the type of its extension. */
    if (file->label.len > 0 && r->headers_out.content_type.len == 0
        && ngx_http_set_content_type(r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* After X-Accel-Redirect, the application can have set both headers. */
    if (r->headers_out.content_type.len == 0) {
        r->headers_out.content_type = *type;
        r->headers_out.content_type_len = type->len;
        r->headers_out.content_type_lowcase = NULL;
    }

    return ngx_http_mds_find_header(r, mds_str("Cache-Control")) != NULL
               ? NGX_OK
               : ngx_http_mds_set_cache_control(r, cache_control);
}

/* Lets the file's bytes be counted when the request ends. */
static ngx_int_t
ngx_http_mds_file_count(ngx_http_request_t *r, ngx_http_mds_file_t *file,
                        ngx_open_file_info_t *of)
{
    ngx_http_mds_ctx_t *ctx = ngx_http_mds_get_ctx(r);

    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (file->name.len == file->hex.len) {
        ctx->file_series = ngx_http_mds_file_series(ngx_http_mds_get_depot(r),
                                                    file->hex, of->fd);
    }

    return NGX_OK;
}

/* Opens the delta from the client's file, if there is one, or else the file. */
static mds_status_t
ngx_http_mds_file_choose(ngx_http_request_t *r, ngx_http_mds_file_t *file,
                         ngx_str_t *path, ngx_open_file_info_t *of,
                         mds_error_t *err)
{
    ngx_http_mds_file_t delta = *file;
    char               *room = ngx_pnalloc(r->pool, MDS_SHA256_HEX + 1);

    if (room == NULL) {
        return mds_fail_memory(err);
    }

    if (file->name.len == file->hex.len
        && ngx_http_mds_dictionary_find(r, &file->digest, &delta.digest)
               == NGX_OK)
    {
        delta.is_delta = 1;
        delta.decoded = file->digest;
        delta.hex = mds_str_of(mds_sha256_hex(&delta.digest, room));
        delta.name = delta.hex;

        if (ngx_http_mds_file_open(r, &delta, path, of, err) == MDS_OK) {
            *file = delta;
            return MDS_OK;
        }
    }

    return ngx_http_mds_file_open(r, file, path, of, err);
}

static ngx_int_t
ngx_http_mds_files_get(ngx_http_request_t *r)
{
    ngx_http_mds_file_t *file = ngx_pcalloc(r->pool, sizeof(*file));
    ngx_open_file_info_t of;
    mds_status_t         status;
    mds_error_t          err;
    ngx_str_t            path;
    ngx_int_t            rc;

    if (file == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!ngx_http_mds_depot_is_open(ngx_http_mds_get_depot(r))) {
        return ngx_http_mds_refuse_unavailable(r);
    }

    if (ngx_http_mds_file_name(r, file) != NGX_OK) {
        return ngx_http_mds_fail(r, MDS_NOT_FOUND,
                                 "a file is named by its SHA-256, in 64"
                                 " lower-case hexadecimal digits");
    }

    status = ngx_http_mds_file_choose(r, file, &path, &of, &err);

    if (status == MDS_NOT_FOUND) {
        rc = ngx_http_mds_origin_fetch(r, file->hex);
        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    if (status != MDS_OK) {
        return ngx_http_mds_fail(r, status, err.text);
    }

    if (ngx_http_mds_file_headers(r, file, &of) != NGX_OK
        || ngx_http_mds_file_count(r, file, &of) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_mds_send_file(r, &path, &of);

    /* The answer that nginx sends now is not the file. */
    if (rc == NGX_HTTP_RANGE_NOT_SATISFIABLE) {
        ngx_http_mds_clear_cache_control(r);
        ngx_http_mds_drop_digest(r);
        ngx_http_mds_dictionary_drop(r);
    }

    return rc;
}

ngx_http_mds_endpoint_t ngx_http_mds_files_endpoint = {
    .id = MDS_ENDPOINT_FILES,
    .get = ngx_http_mds_files_get,
    .allow = ngx_string("GET, HEAD"),
};
