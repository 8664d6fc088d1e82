/*
 * The answer of a watcher: what a check, or a request for the configuration,
 * would get. Only whether it is another one than before matters, so a number
 * stands for it.
 */

#include "ngx_http_mds_watch.h"

#include "ngx_http_mds_respond.h"

#include "base/mds_kind.h"
#include "base/mds_siphash.h"
#include "base/mds_time.h"
#include "evaluate/mds_decide.h"
#include "evaluate/mds_settings.h"

/* Returns a number for the answer; two answers have the same one by accident
 * only. */
static uint64_t
ngx_http_mds_answer_hash(mds_str_t text)
{
    static const uint8_t key[MDS_SIPHASH_KEY];

    return mds_siphash(key, text);
}

static mds_status_t
ngx_http_mds_watcher_settings(const mds_request_t  *request,
                              const mds_snapshot_t *snapshot, ngx_pool_t *pool,
                              mds_error_t *err, uint64_t *answer)
{
    mds_alloc_t    alloc = { ngx_http_mds_pool_alloc, pool };
    mds_settings_t settings;
    mds_status_t   status;

    status = mds_settings_evaluate(snapshot, request,
                                   mds_request_attr(request, MDS_ATTR_NAME),
                                   mds_time_now_ms(), NULL, &alloc, err,
                                   &settings);
    if (status == MDS_OK) {
        *answer = ngx_http_mds_answer_hash(settings.token);
    }

    return status;
}

mds_status_t
ngx_http_mds_watcher_evaluate(ngx_http_mds_watcher_t *watcher,
                              const mds_request_t    *request,
                              const mds_snapshot_t *snapshot, ngx_pool_t *pool,
                              mds_error_t *err)
{
    mds_str_t        kind = mds_request_attr(request, MDS_ATTR_KIND);
    mds_app_record_t app = { 0 };
    mds_decision_t   decision;
    mds_status_t     status;

    status
        = mds_catalog_app(snapshot->catalog,
                          mds_request_attr(request, MDS_ATTR_APP), err, &app);
    if (status != MDS_OK && status != MDS_NOT_FOUND) {
        return status;
    }

    watcher->app_serial = app.serial;

    if (kind.len == 0) {
        watcher->answer = app.serial;
        return MDS_OK;
    }

    if (mds_str_eq(kind, MDS_KIND_CONFIG)) {
        return ngx_http_mds_watcher_settings(request, snapshot, pool, err,
                                             &watcher->answer);
    }

    status = mds_decide(snapshot, request, mds_time_now_ms(), NULL, err,
                        &decision);
    if (status == MDS_OK) {
        /* The signature is that of this manifest alone. */
        watcher->answer = decision.action == MDS_ACTION_NONE
                              ? 0
                              : ngx_http_mds_answer_hash(decision.signature);
    }

    return status;
}
