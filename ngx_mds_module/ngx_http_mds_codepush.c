/*
 * mds_codepush: the check of the CodePush server's protocol, update_check, in
 * both of its spellings (updateCheck). It is a check of mds in other words: the
 * label is the version, client_unique_id the device. The operator's attributes
 * say which app and channel a deployment key stands for.
 */

#include "ngx_http_mds_endpoint.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_json.h"
#include "ngx_http_mds_request.h"
#include "ngx_http_mds_respond.h"

#include "base/mds_version.h"
#include "json/mds_json_view.h"

/* The words of one spelling. The members begin with their comma or brace. */
typedef struct {
    const char *path; /* the last part of the URI */
    const char *key;  /* the parameters */
    const char *app_version;
    const char *device;

    const char *open; /* the members, each with its colon */
    const char *is_available;
    const char *is_mandatory;
    const char *run_binary;
    const char *update_app;
    const char *target;
    const char *hash;
    const char *size;
    const char *url;
} ngx_http_mds_codepush_words_t;

static const ngx_http_mds_codepush_words_t ngx_http_mds_codepush_words[] = {

    { "update_check", "deployment_key", "app_version", "client_unique_id",
      "{\"update_info\":{", "\"is_available\":", ",\"is_mandatory\":",
      ",\"should_run_binary_version\":", ",\"update_app_version\":false",
      ",\"target_binary_range\":\"", ",\"package_hash\":\"",
      ",\"package_size\":", ",\"download_url\":\"" },

    { "updateCheck", "deploymentKey", "appVersion", "clientUniqueId",
      "{\"updateInfo\":{", "\"isAvailable\":", ",\"isMandatory\":",
      ",\"shouldRunBinaryVersion\":", ",\"updateAppVersion\":false",
      ",\"appVersion\":\"", ",\"packageHash\":\"",
      ",\"packageSize\":", ",\"downloadURL\":\"" },
};

/* What the body is made of; views are escaped as they stand in the manifest. */
typedef struct {
    const ngx_http_mds_codepush_words_t *words;
    ngx_http_request_t                  *r;
    mds_str_t                            app_version; /* not escaped */
    mds_str_t                            version;     /* not escaped */
    mds_str_t                            path;
    mds_str_t                            size;
    mds_str_t                            hash;
    mds_str_t                            description;
    ngx_uint_t                           available;
    ngx_uint_t                           mandatory;
    ngx_uint_t                           run_binary;
} ngx_http_mds_codepush_t;

/* Returns the words that the URI ends with, or NULL. */
static const ngx_http_mds_codepush_words_t *
ngx_http_mds_codepush_find_words(ngx_http_request_t *r)
{
    u_char   *end = r->uri.data + r->uri.len, *name = end;
    mds_str_t last;

    while (name > r->uri.data && name[-1] != '/') {
        name--;
    }

    last = (mds_str_t){ end - name, (char *) name };

    for (size_t i = 0; i < mds_nelems(ngx_http_mds_codepush_words); i++) {
        if (mds_str_eq(last, mds_str_of(ngx_http_mds_codepush_words[i].path))) {
            return &ngx_http_mds_codepush_words[i];
        }
    }

    return NULL;
}

/* Gets a parameter as it is in the query. */
static mds_str_t
ngx_http_mds_codepush_arg(ngx_http_request_t *r, const char *name)
{
    ngx_str_t value;

    return ngx_http_arg(r, (u_char *) name, ngx_strlen(name), &value) == NGX_OK
               ? ngx_http_mds_view(&value)
               : mds_null_str;
}

/* Claims an attribute by a parameter of the query; it is decoded there. */
static mds_status_t
ngx_http_mds_codepush_claim(ngx_http_request_t *r, mds_request_t *request,
                            const char *attribute, mds_str_t value,
                            mds_error_t *err)
{
    size_t  len = ngx_strlen(attribute) + 1 + value.len;
    u_char *query, *end;

    if (value.len == 0) {
        return MDS_OK;
    }

    query = ngx_pnalloc(r->pool, 2 * len);
    if (query == NULL) {
        return mds_fail_memory(err);
    }

    end = ngx_sprintf(query, "%s=%*s", attribute, value.len, value.data);

    return mds_request_parse(request, (mds_str_t){ len, (char *) query },
                             (char *) end, err);
}

/* Makes the request of a check. A label that is not a version, such as that of
 * another server, stands for nothing that is installed. */
static mds_status_t
ngx_http_mds_codepush_read(ngx_http_request_t                  *r,
                           const ngx_http_mds_codepush_words_t *words,
                           mds_request_t *request, mds_error_t *err)
{
    mds_str_t     label = ngx_http_mds_codepush_arg(r, "label");
    mds_str_t     app_version;
    mds_version_t version;
    mds_status_t  status;

    app_version = ngx_http_mds_codepush_arg(r, words->app_version);

    if (ngx_http_mds_codepush_arg(r, words->key).len == 0
        || app_version.len == 0) {
        return mds_fail(err, MDS_INVALID,
                        "an update check must include a deployment key and the"
                        " version of the app");
    }

    if (!mds_version_parse(label, &version)) {
        label = mds_null_str;
    }

    mds_request_init(request);

    status = ngx_http_mds_set_trusted_attributes(r, request, err);

    if (status == MDS_OK && !mds_request_has(request, mds_str("kind"))) {
        status = mds_request_set_trusted(request, mds_str("kind"),
                                         mds_str("bundle"), err);
    }

    if (status == MDS_OK) {
        status = ngx_http_mds_codepush_claim(r, request, "app_version",
                                             app_version, err);
    }

    if (status == MDS_OK) {
        status = ngx_http_mds_codepush_claim(
            r, request, "device", ngx_http_mds_codepush_arg(r, words->device),
            err);
    }

    if (status == MDS_OK) {
        status = ngx_http_mds_codepush_claim(r, request, "version", label, err);
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
    ngx_http_mds_json_raw(w, words->update_app);
    ngx_http_mds_json_string(w, words->target,
                             c->available ? c->app_version : mds_null_str);
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
    mds_str_t meta = mds_json_view_member(decision->manifest, mds_str("meta"));

    c->available = 1;
    c->version = decision->version;
    c->path = ngx_http_mds_codepush_text(full, mds_str("path"));
    c->size = mds_json_view_member(full, mds_str("size"));
    c->hash = ngx_http_mds_codepush_text(meta, mds_str("package_hash"));
    c->description = ngx_http_mds_codepush_text(meta, mds_str("description"));
    c->mandatory
        = mds_str_eq(mds_json_view_member(meta, mds_str("mandatory")),
                     mds_str("true"))
          || mds_str_eq(ngx_http_mds_codepush_text(meta, mds_str("prompt")),
                        mds_str("force"));

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
    const mds_decision_t   *decision = &e->questions->decision;
    ngx_http_mds_codepush_t c
        = { .words = e->data, .r = e->r, .size = mds_str("0") };

    if (e->questions->status != MDS_OK) {
        return ngx_http_mds_refuse_unavailable(e->r);
    }

    c.app_version = mds_request_attr(&e->request, MDS_ATTR_APP_VERSION);

    if (decision->action != MDS_ACTION_NONE && decision->version.len > 0) {
        ngx_http_mds_codepush_set_file(&c, decision);
    } else {
        c.run_binary = decision->action == MDS_ACTION_ROLLBACK
                       || decision->release.len == 0;
    }

    return ngx_http_mds_json_body(e->r->pool, ngx_http_mds_codepush_write, &c,
                                  &response.body)
                   == NGX_OK
               ? ngx_http_mds_respond(e->r, &response)
               : NGX_HTTP_INTERNAL_SERVER_ERROR;
}

static ngx_int_t
ngx_http_mds_codepush_get(ngx_http_request_t *r)
{
    const ngx_http_mds_codepush_words_t *words
        = ngx_http_mds_codepush_find_words(r);
    ngx_http_mds_evaluation_t e;
    mds_status_t              status;
    mds_error_t               err;

    if (words == NULL) {
        return NGX_HTTP_NOT_FOUND;
    }

    ngx_http_mds_evaluation_init(&e, r);

    status = ngx_http_mds_codepush_read(r, words, &e.request, &err);
    if (status != MDS_OK) {
        return ngx_http_mds_fail(r, status, err.text);
    }

    e.request.may_admit = r->method == NGX_HTTP_GET;
    e.data = (void *) words;
    e.respond = ngx_http_mds_codepush_respond;

    return ngx_http_mds_evaluate(&e);
}

ngx_http_mds_endpoint_t ngx_http_mds_codepush_endpoint = {
    .id = MDS_ENDPOINT_CHECK,
    .get = ngx_http_mds_codepush_get,
    .allow = ngx_string("GET, HEAD"),
};
