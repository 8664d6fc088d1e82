/*
 * The variables that describe the file of the decision, for answers of other
 * protocols: $mds_sha256, $mds_meta_NAME and so on. Each is found in the bytes
 * of the manifest when it is used, and not before. A name that ends with _json
 * has the same value, escaped to stand in a JSON string.
 */

#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_json.h"
#include "ngx_http_mds_request.h"
#include "ngx_http_mds_resource.h"

#include "base/mds_kind.h"
#include "json/mds_json_view.h"

/* The signature of a package is a text of about 300 bytes. */
#define NGX_HTTP_MDS_MINISIG_MAX 4096

/* A variable is a member of the manifest, or of an object in it. */
typedef struct {
    ngx_str_t name;
    mds_str_t object;
    mds_str_t member;
    ngx_int_t (*convert)(ngx_http_request_t *r, ngx_http_mds_ctx_t *ctx,
                         ngx_str_t *value);
} ngx_http_mds_manifest_variable_t;

static ngx_int_t
ngx_http_mds_base64_of_hex(ngx_http_request_t *r, ngx_http_mds_ctx_t *ctx,
                           ngx_str_t *value);
static ngx_int_t
ngx_http_mds_read_minisig(ngx_http_request_t *r, ngx_http_mds_ctx_t *ctx,
                          ngx_str_t *value);
static ngx_int_t
ngx_http_mds_read_app_version(ngx_http_request_t *r, ngx_http_mds_ctx_t *ctx,
                              ngx_str_t *value);

#define NGX_HTTP_MDS_OF(name, object, member, convert)                         \
    {                                                                          \
        ngx_string(name), { sizeof(object) - 1, object },                      \
            { sizeof(member) - 1, member }, convert                            \
    }

static ngx_http_mds_manifest_variable_t ngx_http_mds_manifest_variables[] = {
    NGX_HTTP_MDS_OF("mds_sha256", "full", "sha256", NULL),
    NGX_HTTP_MDS_OF("mds_sha256_base64", "full", "sha256",
                    ngx_http_mds_base64_of_hex),
    NGX_HTTP_MDS_OF("mds_size", "full", "size", NULL),
    NGX_HTTP_MDS_OF("mds_path", "full", "path", NULL),
    NGX_HTTP_MDS_OF("mds_minisig", "full", "minisig",
                    ngx_http_mds_read_minisig),
    NGX_HTTP_MDS_OF("mds_delta_path", "delta", "path", NULL),
    NGX_HTTP_MDS_OF("mds_delta_size", "delta", "size", NULL),
    NGX_HTTP_MDS_OF("mds_app_version", "", "", ngx_http_mds_read_app_version),
};

static const mds_str_t ngx_http_mds_json_suffix = { 5, "_json" };

static ngx_int_t
ngx_http_mds_base64_of_hex(ngx_http_request_t *r, ngx_http_mds_ctx_t *ctx,
                           ngx_str_t *value)
{
    u_char    bytes[32];
    ngx_str_t raw = { sizeof(bytes), bytes }, encoded;

    if (value->len != 2 * sizeof(bytes)) {
        ngx_str_null(value);
        return NGX_OK;
    }

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (u_char) (mds_hex_digit((char) value->data[2 * i]) << 4
                             | mds_hex_digit((char) value->data[2 * i + 1]));
    }

    encoded.data
        = ngx_pnalloc(r->pool, ngx_base64_encoded_length(sizeof(bytes)));
    if (encoded.data == NULL) {
        return NGX_ERROR;
    }

    ngx_encode_base64(&encoded, &raw);
    *value = encoded;

    return NGX_OK;
}

/* Returns whether the path is "files/NAME", without a further slash. */
static ngx_uint_t
ngx_http_mds_path_is_file(const ngx_str_t *path)
{
    mds_str_t folder = mds_str("files/");

    return mds_str_starts(ngx_http_mds_view(path), folder)
           && ngx_strlchr(path->data + folder.len, path->data + path->len, '/')
                  == NULL;
}

/* Reads a small file of the depot; returns its length, or a negative number. */
static ssize_t
ngx_http_mds_read_small_file(ngx_http_request_t *r, const ngx_str_t *path,
                             u_char *buffer, size_t size)
{
    ngx_http_mds_loc_conf_t *mlcf;
    ngx_str_t               *depot;
    u_char                   name[NGX_MAX_PATH];
    ssize_t                  len;
    ngx_fd_t                 fd;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);

    if (mlcf->depot_conf == NULL) {
        return NGX_ERROR;
    }

    depot = &mlcf->depot_conf->path;

    if (depot->len + path->len + 2 > sizeof(name)) {
        return NGX_ERROR;
    }

    (void) ngx_snprintf(name, sizeof(name), "%V/%V%Z", depot, path);

    fd = open((char *) name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, ngx_errno,
                      "mds: failed to open \"%s\"", name);
        return NGX_ERROR;
    }

    len = read(fd, buffer, size);
    (void) ngx_close_file(fd);

    return len;
}

/* Replaces the path of a signature by the base64 of its text. */
static ngx_int_t
ngx_http_mds_read_minisig(ngx_http_request_t *r, ngx_http_mds_ctx_t *ctx,
                          ngx_str_t *value)
{
    u_char    buffer[NGX_HTTP_MDS_MINISIG_MAX];
    ngx_str_t text = { 0, buffer }, encoded;
    ssize_t   len;

    len = ngx_http_mds_path_is_file(value)
              ? ngx_http_mds_read_small_file(r, value, buffer, sizeof(buffer))
              : NGX_ERROR;

    if (len <= 0 || (size_t) len == sizeof(buffer)) {
        ngx_str_null(value);
        return NGX_OK;
    }

    text.len = (size_t) len;
    encoded.data = ngx_pnalloc(r->pool, ngx_base64_encoded_length(text.len));
    if (encoded.data == NULL) {
        return NGX_ERROR;
    }

    ngx_encode_base64(&encoded, &text);
    *value = encoded;

    return NGX_OK;
}

/* Returns 1 if the text has control characters, such as the end of a line. */
static ngx_uint_t
ngx_http_mds_has_controls(mds_str_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        u_char c = (u_char) text.data[i];

        if (c < 0x20 || c == 0x7f) {
            return 1;
        }
    }

    return 0;
}

/* Gets the attribute as rules see it; of a batch there is none. A device may
 * send any text, and a configuration may put it into a header. */
static ngx_int_t
ngx_http_mds_read_app_version(ngx_http_request_t *r, ngx_http_mds_ctx_t *ctx,
                              ngx_str_t *value)
{
    mds_request_t request;
    mds_error_t   err;
    mds_str_t     version;

    mds_request_init(&request);

    if (ngx_http_mds_resource_read(r, &request, &err) != MDS_OK) {
        return err.status == MDS_NO_MEMORY ? NGX_ERROR : NGX_OK;
    }

    version = mds_request_attr(&request, MDS_ATTR_APP_VERSION);

    if (version.len == 0
        && mds_kind_has(mds_request_attr(&request, MDS_ATTR_KIND),
                        MDS_KIND_IS_APP))
    {
        version = mds_request_attr(&request, MDS_ATTR_VERSION);
    }

    if (!ngx_http_mds_has_controls(version)) {
        *value = ngx_http_mds_str(version);
    }

    return NGX_OK;
}

/* Sets the variable; escape: its value gets the form of a JSON string. */
static ngx_int_t
ngx_http_mds_set_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
                          ngx_str_t value, ngx_uint_t escape)
{
    if (value.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    if (escape && ngx_http_mds_json_escape(r->pool, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    v->len = (unsigned) value.len;
    v->data = value.data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}

/* Decodes a value of the manifest: a string loses its quotes and escapes, other
 * values stay as they are written. */
static ngx_int_t
ngx_http_mds_decode_value(ngx_http_request_t *r, mds_str_t json,
                          ngx_str_t *value)
{
    mds_bounded_output_t out = { 0 };
    mds_str_t            inside;
    const char          *p;

    if (!mds_json_view_is_string(json, &inside)) {
        *value = ngx_http_mds_str(json);
        return NGX_OK;
    }

    out.p = ngx_pnalloc(r->pool, inside.len + 1);
    if (out.p == NULL) {
        return NGX_ERROR;
    }

    out.end = out.p + inside.len + 1;
    p = inside.data;

    if (!mds_unquote(&p, json.data + json.len, &out, &inside)) {
        inside = mds_null_str;
    }

    *value = ngx_http_mds_str(inside);

    return NGX_OK;
}

/* Gets the member of the object in the manifest. */
static ngx_int_t
ngx_http_mds_manifest_value(ngx_http_request_t *r, ngx_http_mds_ctx_t *ctx,
                            mds_str_t object, mds_str_t member,
                            ngx_str_t *value)
{
    mds_str_t json = ngx_http_mds_view(&ctx->manifest);

    json = mds_json_view_member(mds_json_view_member(json, object), member);

    return ngx_http_mds_decode_value(r, json, value);
}

/* Gets one of ngx_http_mds_manifest_variables: data is twice its index, plus
 * one where it is escaped. */
static ngx_int_t
ngx_http_mds_manifest_variable(ngx_http_request_t        *r,
                               ngx_http_variable_value_t *v, uintptr_t data)
{
    const ngx_http_mds_manifest_variable_t *variable
        = &ngx_http_mds_manifest_variables[data / 2];
    ngx_http_mds_ctx_t *ctx = ngx_http_mds_resource_keep_manifest(r);
    ngx_str_t           value = ngx_null_string;

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    if (variable->member.len > 0
        && ngx_http_mds_manifest_value(r, ctx, variable->object,
                                       variable->member, &value)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (variable->convert != NULL
        && (value.len > 0 || variable->member.len == 0)
        && variable->convert(r, ctx, &value) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_mds_set_variable(r, v, value, data % 2);
}

/* Returns the value of a key of "meta"; "notes_en" is also the member "en" of
 * "notes". */
static mds_str_t
ngx_http_mds_find_meta(const ngx_http_mds_ctx_t *ctx, mds_str_t key)
{
    mds_str_t meta = mds_json_view_member(ngx_http_mds_view(&ctx->manifest),
                                          mds_str("meta"));
    mds_str_t json = mds_json_view_member(meta, key);

    for (size_t i = 0; json.len == 0 && i < key.len; i++) {
        if (key.data[i] == '_') {
            json = mds_json_view_member(
                mds_json_view_member(meta, (mds_str_t){ i, key.data }),
                (mds_str_t){ key.len - i - 1, key.data + i + 1 });
        }
    }

    return json;
}

/* Gets $mds_meta_NAME; data is the variable's name. */
static ngx_int_t
ngx_http_mds_meta_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
                           uintptr_t data)
{
    const ngx_str_t *name = (const ngx_str_t *) data;
    size_t           prefix = sizeof("mds_meta_") - 1;
    mds_str_t key = { name->len - prefix, (const char *) name->data + prefix };
    mds_str_t suffix = ngx_http_mds_json_suffix;
    ngx_http_mds_ctx_t *ctx = ngx_http_mds_resource_keep_manifest(r);
    ngx_str_t           value;
    ngx_uint_t          escape = 0;

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    if (key.len > suffix.len
        && ngx_memcmp(key.data + key.len - suffix.len, suffix.data, suffix.len)
               == 0)
    {
        key.len -= suffix.len;
        escape = 1;
    }

    if (ngx_http_mds_decode_value(r, ngx_http_mds_find_meta(ctx, key), &value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_mds_set_variable(r, v, value, escape);
}

static ngx_int_t
ngx_http_mds_add_manifest_variable(ngx_conf_t *cf, size_t i, ngx_uint_t escaped)
{
    ngx_str_t           *name = &ngx_http_mds_manifest_variables[i].name;
    ngx_str_t            full;
    ngx_http_variable_t *variable;

    full.len = name->len + (escaped ? ngx_http_mds_json_suffix.len : 0);
    full.data = ngx_pnalloc(cf->pool, full.len);
    if (full.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(full.data, name->data, name->len);
    ngx_memcpy(full.data + name->len, ngx_http_mds_json_suffix.data,
               full.len - name->len);

    variable = ngx_http_add_variable(cf, &full, NGX_HTTP_VAR_NOCACHEABLE);
    if (variable == NULL) {
        return NGX_ERROR;
    }

    variable->get_handler = ngx_http_mds_manifest_variable;
    variable->data = 2 * i + escaped;

    return NGX_OK;
}

ngx_int_t
ngx_http_mds_add_manifest_variables(ngx_conf_t *cf)
{
    static ngx_str_t     meta = ngx_string("mds_meta_");
    ngx_http_variable_t *variable;

    for (size_t i = 0; i < mds_nelems(ngx_http_mds_manifest_variables); i++) {
        if (ngx_http_mds_add_manifest_variable(cf, i, 0) != NGX_OK
            || ngx_http_mds_add_manifest_variable(cf, i, 1) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    variable
        = ngx_http_add_variable(cf, &meta,
                                NGX_HTTP_VAR_NOCACHEABLE | NGX_HTTP_VAR_PREFIX);
    if (variable == NULL) {
        return NGX_ERROR;
    }

    variable->get_handler = ngx_http_mds_meta_variable;

    return NGX_OK;
}

/* Returns 1 if the name is that of a variable of this file. */
static ngx_uint_t
ngx_http_mds_is_manifest_variable(mds_str_t name)
{
    mds_str_t suffix = ngx_http_mds_json_suffix;

    if (mds_str_starts(name, mds_str("mds_meta_"))) {
        return 1;
    }

    if (name.len > suffix.len
        && ngx_memcmp(name.data + name.len - suffix.len, suffix.data,
                      suffix.len)
               == 0)
    {
        name.len -= suffix.len;
    }

    for (size_t i = 0; i < mds_nelems(ngx_http_mds_manifest_variables); i++) {
        if (mds_str_eq(name, ngx_http_mds_view(
                                 &ngx_http_mds_manifest_variables[i].name)))
        {
            return 1;
        }
    }

    return 0;
}

void
ngx_http_mds_manifest_variables_init(ngx_conf_t *cf)
{
    ngx_http_core_main_conf_t *cmcf;
    ngx_http_mds_main_conf_t  *mcf;
    ngx_http_variable_t       *v;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mds_module);
    v = cmcf->variables.elts;

    for (ngx_uint_t i = 0; i < cmcf->variables.nelts; i++) {
        if (ngx_http_mds_is_manifest_variable(ngx_http_mds_view(&v[i].name))) {
            mcf->keeps_manifest = 1;
        }
    }
}
