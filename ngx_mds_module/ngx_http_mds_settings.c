/*
 * mds_config: the settings of an app for this device, or their changes since
 * the state that the client names.
 */

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_endpoint.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_json.h"
#include "ngx_http_mds_request.h"
#include "ngx_http_mds_respond.h"

#include "base/mds_time.h"
#include "evaluate/mds_settings.h"

typedef struct {
    ngx_http_request_t     *r;
    ngx_http_mds_ctx_t     *ctx;
    ngx_http_mds_response_t response; /* without a body if nothing changed */
    mds_request_t           request;
} ngx_http_mds_settings_t;

static void
ngx_http_mds_settings_write(ngx_http_mds_json_t  *w,
                            const mds_settings_t *settings, ngx_str_t *serial)
{
    ngx_http_mds_json_raw(w, "{\"serial\":");
    ngx_http_mds_json_bytes(w, (char *) serial->data, serial->len);
    ngx_http_mds_json_raw(w, ",\"state\":\"");
    ngx_http_mds_json_bytes(w, settings->token.data, settings->token.len);
    ngx_http_mds_json_raw(w, settings->full ? "\",\"full\":true"
                                            : "\",\"full\":false");
    ngx_http_mds_json_raw(w, ",\"values\":{");
    mds_bounded_output_put_list(&w->out, settings->values,
                                settings->value_count);
    ngx_http_mds_json_raw(w, "},\"removed\":[");
    mds_bounded_output_put_list(&w->out, settings->removed,
                                settings->removed_count);
    ngx_http_mds_json_raw(w, "]}");
}

/* Writes the body during the evaluation, since the values are the snapshot's.
 */
static mds_status_t
ngx_http_mds_settings_body(ngx_http_mds_settings_t *s,
                           const mds_settings_t *settings, mds_error_t *err)
{
    static const char   frame[] = "{\"serial\":,\"state\":\"\",\"full\":false,"
                                  "\"values\":{},\"removed\":[]}";
    ngx_http_mds_json_t w;
    ngx_str_t          *body = &s->response.body;
    size_t              size;

    if (!settings->full && settings->value_count == 0
        && settings->removed_count == 0)
    {
        return MDS_OK;
    }

    size = sizeof(frame) + s->ctx->serial.len + settings->token.len
           + settings->bytes;

    body->data = ngx_pnalloc(s->r->pool, size);
    if (body->data == NULL) {
        return mds_fail_memory(err);
    }

    w = ngx_http_mds_json_into(body->data, size);
    ngx_http_mds_settings_write(&w, settings, &s->ctx->serial);
    body->len = (u_char *) w.out.p - body->data;

    return w.out.overrun ? mds_fail(err, MDS_NO_MEMORY,
                                    "the settings are longer than was measured")
                         : MDS_OK;
}

static mds_status_t
ngx_http_mds_settings_evaluate(const mds_snapshot_t *snapshot, void *data,
                               mds_error_t *err)
{
    ngx_http_mds_settings_t *s = data;
    mds_alloc_t              alloc = { ngx_http_mds_pool_alloc, s->r->pool };
    mds_settings_t           settings;
    mds_status_t             status;

    ngx_http_mds_set_serial(s->ctx, mds_catalog_serial(snapshot->catalog));

    status = mds_settings_evaluate(snapshot, &s->request, mds_null_str,
                                   mds_time_now_ms(), NULL, &alloc, err,
                                   &settings);
    if (status != MDS_OK) {
        return status;
    }

    s->response.poll_after_s = ngx_http_mds_poll_after(settings.poll_after_s,
                                                       settings.poll_jitter_s);

    return ngx_http_mds_settings_body(s, &settings, err);
}

static ngx_int_t
ngx_http_mds_settings_get(ngx_http_request_t *r)
{
    ngx_http_mds_settings_t s;
    mds_status_t            status;
    mds_error_t             err;

    s.r = r;
    s.ctx = ngx_http_mds_get_ctx(r);
    s.response = (ngx_http_mds_response_t){ .type = &ngx_http_mds_json_type };
    if (s.ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status = ngx_http_mds_read_query(r, mds_request_validate_app, &s.request,
                                     &err);
    if (status != MDS_OK) {
        return ngx_http_mds_fail(r, status, err.text);
    }

    status
        = ngx_http_mds_depot_evaluate(ngx_http_mds_get_depot(r),
                                      ngx_http_mds_settings_evaluate, &s, &err);

    return status == MDS_OK ? ngx_http_mds_respond(r, &s.response)
                            : ngx_http_mds_fail_evaluation(r, status, &err);
}

ngx_http_mds_endpoint_t ngx_http_mds_settings_endpoint = {
    .id = MDS_ENDPOINT_CONFIG,
    .get = ngx_http_mds_settings_get,
    .allow = ngx_string("GET, HEAD"),
};
