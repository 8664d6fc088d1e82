/*
 * Files of an unpacked version, in a location with mds_resource. `mdsctl
 * publish
 * --unpack` leaves DIR/.mds beside DIR/VERSION: an index of the version's
 * files, differences from those of earlier versions, and the files with a hash
 * in their names, which pages that are open may want after the version has
 * changed.
 */

#include "ngx_http_mds_assets.h"

#include "ngx_http_mds_asset_cache.h"
#include "ngx_http_mds_ctx.h"
#include "ngx_http_mds_dictionary.h"
#include "ngx_http_mds_file.h"
#include "ngx_http_mds_respond.h"

#define NGX_HTTP_MDS_ASSET_DIR "/.mds/"
#define NGX_HTTP_MDS_ASSET_SUFFIX ".index"

/* The file that the URI names. */
typedef struct {
    mds_str_t                 dir;  /* of all versions */
    mds_str_t                 path; /* below the version's directory */
    const mds_asset_index_t  *index;
    const mds_asset_record_t *record;
} ngx_http_mds_asset_t;

/* What is said of the file, in the pool of the request. */
typedef struct ngx_http_mds_asset_answer_s {
    ngx_http_mds_loc_conf_t *conf; /* of the location */
    ngx_str_t                uri;
    mds_sha256_t             sha256;
    ngx_uint_t               hashed; /* by its name */
    ngx_uint_t               is_signed;
    u_char                   key[MDS_ASSET_KEY_BYTES];
    u_char                   signature[MDS_ASSET_SIGNATURE_BYTES];
} ngx_http_mds_asset_answer_t;

/* Divides the path of the URI's file, DIR/VERSION/PATH. NGX_DECLINED: it is not
 * such a path. */
static ngx_int_t
ngx_http_mds_asset_locate(ngx_http_request_t *r, ngx_str_t *version,
                          ngx_http_mds_asset_t *asset)
{
    ngx_str_t path;
    size_t    root;
    u_char   *last, *p, *end;

    if (ngx_http_map_uri_to_path(r, &path, &root, 0) == NULL) {
        return NGX_ERROR;
    }

    last = path.data + path.len - 1; /* the path counts its zero byte */

    for (p = path.data; (size_t) (last - p) > version->len + 2; p++) {
        end = p + 1 + version->len;

        if (*p == '/' && *end == '/'
            && ngx_memcmp(p + 1, version->data, version->len) == 0)
        {
            asset->dir = (mds_str_t){ p - path.data, (char *) path.data };
            asset->path = (mds_str_t){ last - end - 1, (char *) end + 1 };
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}

/* Makes the path DIR/.mds/NAME SUFFIX in the request's pool. */
static ngx_int_t
ngx_http_mds_asset_path(ngx_http_request_t         *r,
                        const ngx_http_mds_asset_t *asset, mds_str_t name,
                        const char *suffix, ngx_str_t *path)
{
    path->len = asset->dir.len + sizeof(NGX_HTTP_MDS_ASSET_DIR) - 1 + name.len
                + ngx_strlen(suffix);
    path->data = ngx_pnalloc(r->pool, path->len + 1);
    if (path->data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(path->data, "%*s" NGX_HTTP_MDS_ASSET_DIR "%*s%s%Z",
                       asset->dir.len, asset->dir.data, name.len, name.data,
                       suffix);

    return NGX_OK;
}

/* Looks the file up in an index; NGX_DECLINED: it is not there. */
static ngx_int_t
ngx_http_mds_asset_look_up(ngx_http_request_t *r, mds_str_t index,
                           ngx_http_mds_asset_t *asset)
{
    ngx_str_t path;

    if (ngx_http_mds_asset_path(r, asset, index, NGX_HTTP_MDS_ASSET_SUFFIX,
                                &path)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    asset->index = ngx_http_mds_asset_cache_get(&path, r->connection->log);
    asset->record = asset->index == NULL
                        ? NULL
                        : mds_asset_index_find(asset->index, asset->path);

    return asset->record == NULL ? NGX_DECLINED : NGX_OK;
}

/* Keeps what the index says of the file, for the header filter: the index may
 * be another one by then. */
static ngx_int_t
ngx_http_mds_asset_keep(ngx_http_request_t         *r,
                        const ngx_http_mds_asset_t *asset)
{
    ngx_http_mds_ctx_t          *ctx = ngx_http_mds_get_ctx(r);
    ngx_http_mds_asset_answer_t *answer = ngx_pcalloc(r->pool, sizeof(*answer));

    if (ctx == NULL || answer == NULL) {
        return NGX_ERROR;
    }

    answer->conf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);
    answer->uri = r->uri;
    answer->sha256 = asset->record->sha256;
    answer->hashed = asset->record->hashed;

    if (asset->index->key != NULL) {
        answer->is_signed = 1;
        ngx_memcpy(answer->key, asset->index->key, sizeof(answer->key));
        ngx_memcpy(answer->signature, asset->record->signature,
                   sizeof(answer->signature));
    }

    ctx->asset = answer;

    return NGX_OK;
}

/* Adds the signature of Unencoded-Digest, as browsers verify it. */
static ngx_int_t
ngx_http_mds_asset_sign(ngx_http_request_t          *r,
                        ngx_http_mds_asset_answer_t *answer)
{
    static const char begin[] = "mds=(\"unencoded-digest\";sf);keyid=\"";
    static const char end[] = "\";tag=\"ed25519-integrity\"";
    ngx_str_t         key = { sizeof(answer->key), answer->key };
    ngx_str_t         raw = { sizeof(answer->signature), answer->signature };
    ngx_str_t         input, signature, coded;

    if (!answer->is_signed) {
        return NGX_OK;
    }

    input.len = sizeof(begin) - 1 + ngx_base64_encoded_length(key.len)
                + sizeof(end) - 1;
    signature.len = sizeof("mds=::") - 1 + ngx_base64_encoded_length(raw.len);
    input.data = ngx_pnalloc(r->pool, input.len + signature.len);
    if (input.data == NULL) {
        return NGX_ERROR;
    }

    coded.data = ngx_cpymem(input.data, begin, sizeof(begin) - 1);
    ngx_encode_base64(&coded, &key);
    ngx_memcpy(coded.data + coded.len, end, sizeof(end) - 1);

    signature.data = input.data + input.len;
    coded.data = ngx_cpymem(signature.data, "mds=:", sizeof("mds=:") - 1);
    ngx_encode_base64(&coded, &raw);
    coded.data[coded.len] = ':';

    return ngx_http_mds_add_header(r, mds_str("Signature-Input"), &input)
                   == NGX_OK
               ? ngx_http_mds_add_header(r, mds_str("Signature"), &signature)
               : NGX_ERROR;
}

/* Adds the header lines that the file has, coded or not. A file with a hash in
 * its name is the same for all and for ever, and a dictionary for those that
 * have another hash there. Any other file is asked for each time: pages and
 * their files change together. */
static ngx_int_t
ngx_http_mds_asset_headers(ngx_http_request_t          *r,
                           ngx_http_mds_asset_answer_t *answer)
{
    static ngx_str_t for_ever
        = ngx_string("public, max-age=31536000, immutable");
    static ngx_str_t revalidate = ngx_string("private, no-cache");
    mds_str_t        uri = ngx_http_mds_view(&r->uri);
    mds_asset_hash_t hash = { 0 };
    mds_str_t        before, behind;

    if (answer->hashed) {
        hash = mds_asset_find_hash(uri);
    }

    before = (mds_str_t){ hash.len > 0 ? hash.at : 0, uri.data };
    behind = (mds_str_t){ uri.len - hash.at - hash.len,
                          uri.data + hash.at + hash.len };

    return ngx_http_mds_dictionary_vary(r) == NGX_OK
                   && ngx_http_mds_dictionary_describe(r, &answer->sha256)
                          == NGX_OK
                   && (hash.len == 0
                       || ngx_http_mds_dictionary_use(r, before, behind)
                              == NGX_OK)
                   && ngx_http_mds_asset_sign(r, answer) == NGX_OK
                   && (ngx_http_mds_find_header(r, mds_str("Cache-Control"))
                           != NULL
                       || ngx_http_mds_set_cache_control(r, answer->hashed
                                                                ? &for_ever
                                                                : &revalidate)
                              == NGX_OK)
               ? NGX_OK
               : NGX_ERROR;
}

/*
 * An error, or the answer of another location, is not the file. An error that
 * said so would be kept for ever, by caches that all devices share.
 */
ngx_int_t
ngx_http_mds_assets_filter(ngx_http_request_t *r)
{
    ngx_http_mds_ctx_t *ctx = ngx_http_mds_find_ctx(r);
    ngx_uint_t          status = r->headers_out.status;

    if (ctx == NULL || ctx->asset == NULL || r != r->main || r->err_status != 0
        || !(status == NGX_HTTP_OK || status == NGX_HTTP_PARTIAL_CONTENT
             || status == NGX_HTTP_NOT_MODIFIED)
        || !mds_str_eq(ngx_http_mds_view(&ctx->asset->uri),
                       ngx_http_mds_view(&r->uri))
        || ctx->asset->conf
               != ngx_http_get_module_loc_conf(r, ngx_http_mds_module))
    {
        return NGX_OK;
    }

    return ngx_http_mds_asset_headers(r, ctx->asset);
}

/* Sends a file below DIR/.mds; NGX_DECLINED: it does not exist. */
static ngx_int_t
ngx_http_mds_asset_send(ngx_http_request_t         *r,
                        const ngx_http_mds_asset_t *asset, ngx_str_t *path,
                        ngx_uint_t coded)
{
    ngx_open_file_info_t of;
    ngx_int_t            rc;

    if (ngx_http_mds_open_file(r, path, asset->dir.len, &of) != NGX_OK) {
        return NGX_DECLINED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = of.size;
    r->headers_out.last_modified_time = of.mtime;

    if (ngx_http_mds_asset_keep(r, asset) != NGX_OK
        || (coded && ngx_http_mds_dictionary_encode(r) != NGX_OK)
        || ngx_http_set_etag(r) != NGX_OK
        || ngx_http_set_content_type(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_mds_send_file(r, path, &of);

    if (rc == NGX_HTTP_RANGE_NOT_SATISFIABLE) {
        ngx_http_mds_dictionary_drop(r);
    }

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}

/* Sends the delta from the client's file; NGX_DECLINED: there is none. */
static ngx_int_t
ngx_http_mds_asset_send_delta(ngx_http_request_t         *r,
                              const ngx_http_mds_asset_t *asset)
{
    char         name[sizeof("delta/") + 2 * MDS_SHA256_HEX + 2];
    char         to[MDS_SHA256_HEX + 1], from[MDS_SHA256_HEX + 1];
    mds_sha256_t have;
    ngx_str_t    path;
    u_char      *end;

    if (asset->record->count[0] + asset->record->count[1]
                + asset->record->count[2] + asset->record->count[3]
            == 0
        || ngx_http_mds_dictionary_get(r, &have) != NGX_OK
        || !mds_asset_has_delta(asset->index, asset->record, &have))
    {
        return NGX_DECLINED;
    }

    end = ngx_sprintf((u_char *) name, "delta/%s.%s",
                      mds_sha256_hex(&asset->record->sha256, to),
                      mds_sha256_hex(&have, from));

    return ngx_http_mds_asset_path(r, asset,
                                   (mds_str_t){ end - (u_char *) name, name },
                                   "", &path)
                   == NGX_OK
               ? ngx_http_mds_asset_send(r, asset, &path, 1)
               : NGX_ERROR;
}

/* Sends a file that another version has. */
static ngx_int_t
ngx_http_mds_asset_send_kept(ngx_http_request_t *r, ngx_http_mds_asset_t *asset)
{
    ngx_str_t path;
    ngx_int_t rc = ngx_http_mds_asset_look_up(r, mds_str("kept"), asset);
    mds_str_t name;

    if (rc != NGX_OK) {
        return rc;
    }

    name.len = sizeof("kept/") - 1 + asset->path.len;
    name.data = ngx_pnalloc(r->pool, name.len);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf((u_char *) name.data, "kept/%*s", asset->path.len,
                       asset->path.data);

    return ngx_http_mds_asset_path(r, asset, name, "", &path) == NGX_OK
               ? ngx_http_mds_asset_send(r, asset, &path, 0)
               : NGX_ERROR;
}

ngx_int_t
ngx_http_mds_assets_handle(ngx_http_request_t *r, ngx_http_mds_ctx_t *ctx)
{
    ngx_http_core_loc_conf_t *clcf;
    ngx_http_mds_asset_t      asset;
    ngx_str_t                 version = ctx->version;
    ngx_int_t                 rc;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    ctx->asset = NULL;

    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD)) || clcf->handler != NULL
        || r->content_handler != NULL || version.len == 0
        || r->uri.data[r->uri.len - 1] == '/')
    {
        return NGX_DECLINED;
    }

    rc = ngx_http_mds_asset_locate(r, &version, &asset);

    if (rc == NGX_OK) {
        rc = ngx_http_mds_asset_look_up(r, ngx_http_mds_view(&version), &asset);

        if (rc == NGX_DECLINED) {
            return ngx_http_mds_asset_send_kept(r, &asset);
        }
    }

    if (rc == NGX_OK) {
        rc = ngx_http_mds_asset_send_delta(r, &asset);

        if (rc == NGX_DECLINED && ngx_http_mds_asset_keep(r, &asset) != NGX_OK)
        {
            rc = NGX_ERROR;
        }
    }

    return rc == NGX_ERROR ? NGX_HTTP_INTERNAL_SERVER_ERROR : rc;
}
