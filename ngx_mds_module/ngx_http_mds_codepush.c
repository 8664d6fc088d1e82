/*
 * mds_codepush: the check of the CodePush server's protocol, update_check, in
 * both of its spellings (updateCheck). It is a check of mds in other words: the
 * label is the version, client_unique_id the device. The operator's attributes
 * say which app and channel a deployment key stands for.
 */

#include "ngx_http_mds_codepush.h"

#include "ngx_http_mds_endpoint.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_json.h"
#include "ngx_http_mds_request.h"
#include "ngx_http_mds_respond.h"

#include "evaluate/mds_codepush_decision.h"
#include "json/mds_json_view.h"

/* The words of one spelling. The members begin with their comma or brace. */
typedef struct {
    const char *path; /* the last part of the URI */

    const char *open; /* the members, each with its colon */
    const char *is_available;
    const char *is_mandatory;
    const char *run_binary;
    const char *update_app;
    const char *app_version;
    const char *hash;
    const char *size;
    const char *url;
} ngx_http_mds_codepush_words_t;

static const ngx_http_mds_codepush_words_t ngx_http_mds_codepush_words[] = {

    { "update_check", "{\"update_info\":{", "\"is_available\":",
      ",\"is_mandatory\":", ",\"should_run_binary_version\":",
      ",\"update_app_version\":", ",\"app_version\":\"", ",\"package_hash\":\"",
      ",\"package_size\":", ",\"download_url\":\"" },

    { "updateCheck", "{\"updateInfo\":{",
      "\"isAvailable\":", ",\"isMandatory\":", ",\"shouldRunBinaryVersion\":",
      ",\"updateAppVersion\":", ",\"appVersion\":\"", ",\"packageHash\":\"",
      ",\"packageSize\":", ",\"downloadURL\":\"" },
};

/* A check, and what the decision adds to that of mds. */
typedef struct {
    const ngx_http_mds_codepush_words_t *words;
    mds_codepush_query_t                 query;
    mds_codepush_decision_t              decided; /* but for its views */
} ngx_http_mds_codepush_check_t;

/* What the body is made of; views are escaped as they stand in the manifest. */
typedef struct {
    const ngx_http_mds_codepush_words_t *words;
    ngx_http_request_t                  *r;
    mds_str_t                            target;  /* not escaped */
    mds_str_t                            version; /* not escaped */
    mds_str_t                            path;
    mds_str_t                            size;
    mds_str_t                            hash;
    mds_str_t                            description;
    ngx_uint_t                           available;
    ngx_uint_t                           mandatory;
    ngx_uint_t                           run_binary;
    ngx_uint_t                           update_app;
} ngx_http_mds_codepush_t;

ngx_uint_t
ngx_http_mds_codepush_is(ngx_http_request_t *r, const char *path)
{
    size_t len = ngx_strlen(path);

    return r->uri.len > len && r->uri.data[r->uri.len - len - 1] == '/'
           && ngx_memcmp(r->uri.data + r->uri.len - len, path, len) == 0;
}

mds_status_t
ngx_http_mds_codepush_parse(ngx_http_request_t *r, mds_error_t *err,
                            mds_codepush_query_t *query)
{
    char *buffer = ngx_pnalloc(r->pool, r->args.len + 1);

    return buffer == NULL
               ? mds_fail_memory(err)
               : mds_codepush_query_parse(ngx_http_mds_view(&r->args), buffer,
                                          err, query);
}

mds_status_t
ngx_http_mds_codepush_set_attributes(ngx_http_request_t *r, mds_str_t key,
                                     mds_request_t *request, mds_error_t *err)
{
    ngx_http_mds_ctx_t *ctx = ngx_http_mds_get_ctx(r);
    mds_status_t        status;

    if (ctx == NULL) {
        return mds_fail_memory(err);
    }

    ctx->deployment_key = ngx_http_mds_str(key);
    mds_request_init(request);
    status = ngx_http_mds_set_trusted_attributes(r, request, err);

    if (status == MDS_OK && mds_request_has(request, mds_str("app"))
        && mds_request_attr(request, MDS_ATTR_APP).len == 0)
    {
        return mds_fail(err, MDS_NOT_FOUND, "the deployment key is unknown");
    }

    return status == MDS_OK && !mds_request_has(request, mds_str("kind"))
               ? mds_request_set_trusted(request, mds_str("kind"),
                                         mds_str("bundle"), err)
               : status;
}

/* Gets $mds_deployment_key: from a report's body, else from the query. */
ngx_int_t
ngx_http_mds_deployment_key_variable(ngx_http_request_t        *r,
                                     ngx_http_variable_value_t *v,
                                     uintptr_t                  data)
{
    ngx_http_mds_ctx_t  *ctx = ngx_http_mds_find_ctx(r);
    mds_codepush_query_t query = { .key = mds_null_str };

    if (ctx != NULL && ctx->deployment_key.len > 0) {
        query.key = ngx_http_mds_view(&ctx->deployment_key);

    } else if (ngx_http_mds_codepush_parse(r, NULL, &query) != MDS_OK
               || !mds_codepush_key_is_valid(query.key))
    {
        query.key = mds_null_str; /* it may stand in a header */
    }

    v->len = query.key.len;
    v->data = (u_char *) query.key.data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = query.key.len == 0;

    return NGX_OK;
}

/* Makes the request of a check. */
static mds_status_t
ngx_http_mds_codepush_read(ngx_http_request_t *r, mds_codepush_query_t *query,
                           mds_request_t *request, mds_error_t *err)
{
    mds_status_t status = ngx_http_mds_codepush_parse(r, err, query);

    if (status == MDS_OK) {
        status = mds_codepush_query_check(query, err);
    }

    if (status == MDS_OK) {
        status
            = ngx_http_mds_codepush_set_attributes(r, query->key, request, err);
    }

    if (status == MDS_OK) {
        status = mds_codepush_query_claim(query, request, err);
    }

    return status == MDS_OK ? mds_request_validate(request, err) : status;
}

/* Returns what is between the quotes of a member, as it is written. */
static mds_str_t
ngx_http_mds_codepush_text(mds_str_t object, mds_str_t member)
{
    mds_str_t inside;

    return mds_json_view_is_string(mds_json_view_member(object, member),
                                   &inside)
               ? inside
               : mds_null_str;
}

static void
ngx_http_mds_codepush_member(ngx_http_mds_json_t *w, const char *open,
                             mds_str_t escaped)
{
    ngx_http_mds_json_raw(w, open);
    ngx_http_mds_json_bytes(w, escaped.data, escaped.len);
    ngx_http_mds_json_raw(w, "\"");
}

static void
ngx_http_mds_codepush_flag(ngx_http_mds_json_t *w, const char *open,
                           ngx_uint_t is)
{
    ngx_http_mds_json_raw(w, open);
    ngx_http_mds_json_raw(w, is ? "true" : "false");
}

/* Writes the URL of the file, as the device reached this server. */
static void
ngx_http_mds_codepush_url(ngx_http_mds_json_t           *w,
                          const ngx_http_mds_codepush_t *c)
{
    ngx_http_request_t *r = c->r;

    ngx_http_mds_json_raw(w, c->words->url);

    if (c->available && r->headers_in.host != NULL) {
#if (NGX_HTTP_SSL)
        ngx_http_mds_json_raw(w, r->connection->ssl != NULL ? "https://"
                                                            : "http://");
#else
        ngx_http_mds_json_raw(w, "http://");
#endif
        ngx_http_mds_json_quoted(w,
                                 ngx_http_mds_view(&r->headers_in.host->value));
        ngx_http_mds_json_raw(w, "/mds/v1/");
        ngx_http_mds_json_bytes(w, c->path.data, c->path.len);
    }

    ngx_http_mds_json_raw(w, "\"");
}

static void
ngx_http_mds_codepush_write(ngx_http_mds_json_t *w, const void *data)
{
    const ngx_http_mds_codepush_t       *c = data;
    const ngx_http_mds_codepush_words_t *words = c->words;

    ngx_http_mds_json_raw(w, words->open);
    ngx_http_mds_codepush_flag(w, words->is_available, c->available);
    ngx_http_mds_codepush_flag(w, words->is_mandatory, c->mandatory);
    ngx_http_mds_codepush_flag(w, words->run_binary, c->run_binary);
    ngx_http_mds_codepush_flag(w, words->update_app, c->update_app);
    ngx_http_mds_json_string(w, words->app_version, c->target);
    ngx_http_mds_json_string(w, ",\"target_binary_range\":\"", c->target);
    ngx_http_mds_json_string(w,
                             c->version.len > 0 ? ",\"label\":\"v"
                                                : ",\"label\":\"",
                             c->version);
    ngx_http_mds_codepush_member(w, words->hash, c->hash);
    ngx_http_mds_codepush_member(w, ",\"description\":\"", c->description);
    ngx_http_mds_json_raw(w, words->size);
    ngx_http_mds_json_bytes(w, c->size.data, c->size.len);
    ngx_http_mds_codepush_url(w, c);
    ngx_http_mds_json_raw(w, "}}");
}

/* Fills in the file of the manifest. The hash is the one that "meta" gives, as
 * the CodePush tools compute it, or else that of the file, which identifies it
 * as well. */
static void
ngx_http_mds_codepush_set_file(ngx_http_mds_codepush_t *c,
                               const mds_decision_t    *decision)
{
    mds_str_t full = mds_json_view_member(decision->manifest, mds_str("full"));
    mds_str_t meta = mds_codepush_meta(decision->manifest);

    c->available = 1;
    c->version = decision->version;
    c->path = ngx_http_mds_codepush_text(full, mds_str("path"));
    c->size = mds_json_view_member(full, mds_str("size"));
    c->hash = mds_codepush_meta_text(meta, mds_str("package_hash"));
    c->description = mds_codepush_meta_text(meta, mds_str("description"));

    if (c->hash.len == 0) {
        c->hash = ngx_http_mds_codepush_text(full, mds_str("sha256"));
    }

    /* A label has one "v", however the version was published. */
    if (c->version.data[0] == 'v') {
        c->version.data++;
        c->version.len--;
    }
}

static ngx_int_t
ngx_http_mds_codepush_respond(ngx_http_mds_evaluation_t *e)
{
    ngx_http_mds_response_t response = { .type = &ngx_http_mds_json_type };
    ngx_http_mds_codepush_check_t *check = e->data;
    const mds_decision_t          *decision = &e->questions->decision;
    ngx_http_mds_codepush_t        c
        = { .words = check->words, .r = e->r, .size = mds_str("0") };

    if (e->questions->status != MDS_OK) {
        return ngx_http_mds_refuse_unavailable(e->r);
    }

    if (decision->action != MDS_ACTION_NONE && decision->version.len > 0) {
        ngx_http_mds_codepush_set_file(&c, decision);
        c.mandatory = check->decided.mandatory;
        c.target = check->query.app_version;
    } else {
        c.run_binary = decision->action == MDS_ACTION_ROLLBACK
                       || decision->release.len == 0;
        c.update_app = check->decided.update_app;
        c.target = mds_str_of(check->decided.binary_range);
    }

    return ngx_http_mds_json_body(e->r->pool, ngx_http_mds_codepush_write, &c,
                                  &response.body)
                   == NGX_OK
               ? ngx_http_mds_respond(e->r, &response)
               : NGX_HTTP_INTERNAL_SERVER_ERROR;
}

static mds_status_t
ngx_http_mds_codepush_decide(ngx_http_mds_evaluation_t *e,
                             const mds_snapshot_t *snapshot, mds_error_t *err,
                             mds_decision_t *decision)
{
    ngx_http_mds_codepush_check_t *check = e->data;
    mds_status_t                   status;

    status = mds_codepush_decide(snapshot, &e->request, check->query.hash,
                                 mds_str_eq(check->query.companion,
                                            mds_str("true")),
                                 e->now_ms, err, &check->decided);
    if (status == MDS_OK) {
        *decision = check->decided.decision;
    }

    return status;
}

static ngx_int_t
ngx_http_mds_codepush_get(ngx_http_request_t *r)
{
    ngx_http_mds_codepush_check_t *check = ngx_pcalloc(r->pool, sizeof(*check));
    ngx_http_mds_evaluation_t      e;
    mds_status_t                   status;
    mds_error_t                    err;

    if (check == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (size_t i = 0; i < mds_nelems(ngx_http_mds_codepush_words); i++) {
        if (ngx_http_mds_codepush_is(r, ngx_http_mds_codepush_words[i].path)) {
            check->words = &ngx_http_mds_codepush_words[i];
        }
    }

    if (check->words == NULL) {
        return ngx_http_mds_fail(
            r, MDS_NOT_FOUND,
            "the path must end in update_check or updateCheck");
    }

    ngx_http_mds_evaluation_init(&e, r);

    status = ngx_http_mds_codepush_read(r, &check->query, &e.request, &err);
    if (status != MDS_OK) {
        return ngx_http_mds_fail(r, status, err.text);
    }

    e.request.may_admit = r->method == NGX_HTTP_GET;
    e.data = check;
    e.decide = ngx_http_mds_codepush_decide;
    e.respond = ngx_http_mds_codepush_respond;

    return ngx_http_mds_evaluate(&e);
}

ngx_http_mds_endpoint_t ngx_http_mds_codepush_endpoint = {
    .id = MDS_ENDPOINT_CHECK,
    .get = ngx_http_mds_codepush_get,
    .post = ngx_http_mds_codepush_post,
    .body_max = MDS_CODEPUSH_BODY_BYTES_MAX,
    .allow = ngx_string("GET, HEAD, POST"),
};
