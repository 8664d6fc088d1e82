/*
 * mds_config: the settings of an app for this device, or what has changed of
 * them since the client asked last.
 */

#include "ngx_http_mds_writer.h"

#include "base/mds_time.h"
#include "evaluate/mds_decide.h"
#include "evaluate/mds_settings.h"

typedef struct {
    ngx_http_request_t *r;
    mds_settings_t      settings;
    ngx_str_t           body; /* empty: nothing has changed */
} ngx_http_mds_config_t;

static mds_status_t ngx_http_mds_config_evaluate(const mds_snapshot_t *snapshot,
                                                 void *data, mds_error_t *err);
static ngx_int_t    ngx_http_mds_config_send(ngx_http_mds_config_t *config);

ngx_int_t
ngx_http_mds_config_handler(ngx_http_request_t *r)
{
    static ngx_str_t         allowed = ngx_string("GET, HEAD");
    ngx_http_mds_loc_conf_t *mlcf;
    ngx_http_mds_depot_t    *depot;
    ngx_http_mds_config_t    config = { .r = r };
    mds_status_t             status;
    mds_error_t              err;
    ngx_int_t                rc;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_mds_get_ctx(r) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);
    depot = ngx_http_mds_depot(mlcf->place);

    status = ngx_http_mds_depot_evaluate(depot, ngx_http_mds_config_evaluate,
                                         &config, &err);

    if (!ngx_http_mds_depot_is_open(depot)) {
        return ngx_http_mds_unavailable(r);
    }

    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) {
        return ngx_http_mds_not_allowed(r, &allowed);
    }

    if (status != MDS_OK) {
        return ngx_http_mds_problem(r, status, err.text);
    }

    return ngx_http_mds_config_send(&config);
}

static void *
ngx_http_mds_config_alloc(void *data, size_t bytes)
{
    return ngx_palloc(data, bytes);
}

static void
ngx_http_mds_config_items(mds_bounded_output_t *room, const mds_str_t *items,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && mds_bounded_output_has(room, 1)) {
            *room->p++ = ',';
        }

        mds_bounded_output_put(room, items[i]);
    }
}

static void
ngx_http_mds_config_write(mds_bounded_output_t *room,
                          const mds_settings_t *settings, ngx_str_t *serial)
{
    mds_bounded_output_put(room, mds_str("{\"serial\":"));
    mds_bounded_output_put(room, ngx_http_mds_view(serial));
    mds_bounded_output_put(room, mds_str(",\"state\":\""));
    mds_bounded_output_put(room, settings->token);
    mds_bounded_output_put(room, settings->full ? mds_str("\",\"full\":true")
                                                : mds_str("\",\"full\":false"));
    mds_bounded_output_put(room, mds_str(",\"values\":{"));
    ngx_http_mds_config_items(room, settings->values, settings->value_count);
    mds_bounded_output_put(room, mds_str("},\"removed\":["));
    ngx_http_mds_config_items(room, settings->removed, settings->removed_count);
    mds_bounded_output_put(room, mds_str("]}"));
}

/* The body is written here: the values are the snapshot's. */
static mds_status_t
ngx_http_mds_config_body(ngx_http_mds_config_t *config, ngx_str_t *serial,
                         mds_error_t *err)
{
    static const char frame[] = "{\"serial\":,\"state\":\"\",\"full\":false,"
                                "\"values\":{},\"removed\":[]}";
    const mds_settings_t *settings = &config->settings;
    ngx_str_t            *body = &config->body;
    mds_bounded_output_t  room = { 0 };
    size_t                len;

    if (!settings->full && settings->value_count == 0
        && settings->removed_count == 0)
    {
        return MDS_OK;
    }

    len = sizeof(frame) + serial->len + settings->token.len + settings->bytes;

    body->data = ngx_pnalloc(config->r->pool, len);
    if (body->data == NULL) {
        return mds_fail(err, MDS_NO_MEMORY, "out of memory");
    }

    room.p = (char *) body->data;
    room.end = room.p + len;
    ngx_http_mds_config_write(&room, settings, serial);
    body->len = room.p - (char *) body->data;

    return room.overrun ? mds_fail(err, MDS_NO_MEMORY,
                                   "the configuration is longer than its room")
                        : MDS_OK;
}

static mds_status_t
ngx_http_mds_config_evaluate(const mds_snapshot_t *snapshot, void *data,
                             mds_error_t *err)
{
    ngx_http_mds_config_t *config = data;
    ngx_http_request_t    *r = config->r;
    ngx_http_mds_ctx_t    *ctx = ngx_http_mds_get_ctx(r);
    mds_alloc_t            alloc = { ngx_http_mds_config_alloc, r->pool };
    mds_request_t          request;
    mds_status_t           status;

    ngx_http_mds_tell_serial(ctx, mds_catalog_serial(snapshot->catalog));

    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) {
        return MDS_OK;
    }

    mds_request_init(&request);

    status = ngx_http_mds_read_attributes(r, &request, err);

    if (status == MDS_OK) {
        status = mds_request_validate_app(&request, err);
    }

    if (status == MDS_OK) {
        status = mds_settings_evaluate(snapshot, &request, mds_null_str,
                                       mds_time_now_ms(), NULL, &alloc, err,
                                       &config->settings);
    }

    return status == MDS_OK
               ? ngx_http_mds_config_body(config, &ctx->serial, err)
               : status;
}

static ngx_int_t
ngx_http_mds_config_send(ngx_http_mds_config_t *config)
{
    static ngx_str_t    json = ngx_string("application/json");
    ngx_http_request_t *r = config->r;
    uint64_t            poll_after_s;

    if (ngx_http_mds_add_common_headers(r) != NGX_OK
        || ngx_http_mds_add_poll_after(r, config->settings.poll_after_s,
                                       config->settings.poll_jitter_s,
                                       &poll_after_s)
               != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (config->body.len == 0) {
        return ngx_http_mds_send_no_content(r);
    }

    return ngx_http_mds_send(r, NGX_HTTP_OK, &json, &config->body);
}
