/*
 * mds_watch: a request that stays open until the device's answer changes, as a
 * stream of events (HTML standard, 9.2), or once, as a long poll.
 */

#include "ngx_http_mds_watch.h"

#include "ngx_http_mds_endpoint.h"
#include "ngx_http_mds_evaluation.h"
#include "ngx_http_mds_failure.h"
#include "ngx_http_mds_request.h"
#include "ngx_http_mds_respond.h"

#include "request/mds_request_pack.h"

#define NGX_HTTP_MDS_WAIT_MAX_S 300

/* What a device asks for. */
typedef struct {
    ngx_http_request_t     *r;
    ngx_http_mds_ctx_t     *ctx;
    ngx_http_mds_watcher_t *watcher;
    off_t                   serial; /* that the device has seen; -1: none */
    off_t                   wait_s; /* 0: a stream */
    mds_request_t           request;
} ngx_http_mds_watch_t;

mds_status_t
ngx_http_mds_request_number(const mds_request_t *request, const char *name,
                            off_t min, off_t max, off_t *number,
                            mds_error_t *err)
{
    mds_str_t text = mds_request_get(request, mds_str_of(name));
    off_t     value = -1;

    if (text.len > 0) {
        value = ngx_atoof((u_char *) text.data, text.len);
        if (value < min || value > max) {
            return mds_fail(err, MDS_INVALID,
                            "parameter \"%s\": must be a number from %jd to"
                            " %jd",
                            name, (intmax_t) min, (intmax_t) max);
        }
    }

    *number = value;
    return MDS_OK;
}

static mds_status_t
ngx_http_mds_watch_validate(const mds_request_t *request, mds_error_t *err)
{
    return mds_request_attr(request, MDS_ATTR_KIND).len == 0
               ? mds_request_validate_app(request, err)
               : mds_request_validate(request, err);
}

static mds_status_t
ngx_http_mds_watch_read(ngx_http_mds_watch_t *watch, mds_error_t *err)
{
    mds_status_t status;

    status = ngx_http_mds_read_query(watch->r, ngx_http_mds_watch_validate,
                                     &watch->request, err);

    if (status == MDS_OK) {
        status = ngx_http_mds_request_number(&watch->request, "serial", 0,
                                             NGX_MAX_OFF_T_VALUE,
                                             &watch->serial, err);
    }

    return status == MDS_OK
               ? ngx_http_mds_request_number(&watch->request, "wait", 1,
                                             NGX_HTTP_MDS_WAIT_MAX_S,
                                             &watch->wait_s, err)
               : status;
}

/* A client that reconnects by itself keeps its query, and says in this header
 * what it has seen since. */
static void
ngx_http_mds_watch_read_last_event(ngx_http_mds_watch_t *watch)
{
    static const mds_str_t name
        = { sizeof("Last-Event-ID") - 1, "Last-Event-ID" };
    ngx_list_part_t *part = &watch->r->headers_in.headers.part;
    ngx_table_elt_t *h;
    off_t            serial;

    for (; part != NULL; part = part->next) {
        h = part->elts;

        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (h[i].key.len != name.len
                || ngx_strncasecmp(h[i].key.data, (u_char *) name.data,
                                   name.len)
                       != 0)
            {
                continue;
            }

            serial = ngx_atoof(h[i].value.data, h[i].value.len);
            if (serial != NGX_ERROR) {
                watch->serial = serial;
            }
        }
    }
}

/* Evaluates the answer that the device is taken to know. */
static mds_status_t
ngx_http_mds_watch_begin(const mds_snapshot_t *snapshot, void *data,
                         mds_error_t *err)
{
    ngx_http_mds_watch_t *watch = data;
    mds_status_t          status;

    ngx_http_mds_set_serial(watch->ctx, mds_catalog_serial(snapshot->catalog));

    status = ngx_http_mds_watcher_evaluate(watch->watcher, &watch->request,
                                           snapshot, watch->r->pool, err);

    /* Without the state, a later evaluation tells. */
    watch->watcher->is_unknown = status == MDS_DENIED;

    return status == MDS_DENIED ? MDS_OK : status;
}

/* Allocates the watcher with its attributes. */
static ngx_http_mds_watcher_t *
ngx_http_mds_watch_create(ngx_http_mds_watch_t *watch)
{
    ngx_http_mds_watcher_t *watcher;
    size_t                  bytes = mds_request_pack_bytes(&watch->request);

    watcher = ngx_http_mds_spare_alloc(watch->r, sizeof(*watcher) + bytes);
    if (watcher == NULL) {
        return NULL;
    }

    ngx_memzero(watcher, sizeof(*watcher));
    watcher->r = watch->r;
    watcher->packed = (mds_str_t){ bytes, (char *) (watcher + 1) };
    mds_request_pack(&watch->request, (char *) (watcher + 1));
    watcher->is_waiting = watch->wait_s > 0;

    return watcher;
}

/* Returns the device's place in a spread: always the same, if it has a name. */
static uint32_t
ngx_http_mds_watch_place(const mds_request_t *request)
{
    mds_str_t id = mds_request_attr(request, MDS_ATTR_DEVICE);

    if (id.len == 0) {
        id = mds_request_attr(request, MDS_ATTR_USER);
    }

    return id.len == 0 ? (uint32_t) ngx_random() << 1
                       : ngx_murmur_hash2((u_char *) id.data, id.len);
}

/* Logs once when the worker has as many watchers as it may, and not again
 * before there were fewer. */
static ngx_uint_t
ngx_http_mds_watch_is_full(ngx_http_request_t *r)
{
    static ngx_uint_t        logged;
    ngx_http_mds_loc_conf_t *mlcf
        = ngx_http_get_module_loc_conf(r, ngx_http_mds_module);
    ngx_uint_t max = (ngx_uint_t) mlcf->watch_max;

    if (ngx_http_mds_watcher_count() < max) {
        logged = logged && ngx_http_mds_watcher_count() > max - max / 10;
        return 0;
    }

    if (!logged) {
        logged = 1;
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "mds: the worker has %ui watchers, which is"
                      " \"mds_watch_max\"; more are refused",
                      max);
    }

    return 1;
}

static ngx_int_t
ngx_http_mds_watch_get(ngx_http_request_t *r)
{
    ngx_http_mds_watch_t watch = { .r = r };
    mds_status_t         status;
    mds_error_t          err;

    if (r != r->main) {
        return ngx_http_mds_refuse(r, NGX_HTTP_BAD_REQUEST,
                                   "a subrequest cannot watch");
    }

    watch.ctx = ngx_http_mds_get_ctx(r);
    if (watch.ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status = ngx_http_mds_watch_read(&watch, &err);
    if (status != MDS_OK) {
        return ngx_http_mds_fail(r, status, err.text);
    }

    ngx_http_mds_watch_read_last_event(&watch);

    /* A device that a window would admit has to be told to ask. */
    watch.request.may_admit = true;

    if (ngx_http_mds_watch_is_full(r)) {
        return ngx_http_mds_refuse_full(r);
    }

    watch.watcher = ngx_http_mds_watch_create(&watch);
    if (watch.watcher == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status
        = ngx_http_mds_depot_evaluate(ngx_http_mds_get_depot(r),
                                      ngx_http_mds_watch_begin, &watch, &err);
    if (status != MDS_OK) {
        return ngx_http_mds_fail_evaluation(r, status, &err);
    }

    watch.watcher->told = watch.watcher->answer;
    watch.watcher->place = ngx_http_mds_watch_place(&watch.request);
    watch.watcher->is_due
        = watch.serial >= 0
          && watch.watcher->app_serial > (uint64_t) watch.serial;

    return ngx_http_mds_watcher_start(watch.watcher, &watch.request,
                                      (ngx_msec_t) ngx_max(watch.wait_s, 0)
                                          * 1000);
}

ngx_http_mds_endpoint_t ngx_http_mds_watch_endpoint = {
    .id = MDS_ENDPOINT_WATCH,
    .get = ngx_http_mds_watch_get,
    .allow = ngx_string("GET, HEAD"),
};
