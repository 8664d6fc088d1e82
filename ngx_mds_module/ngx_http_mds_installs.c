/*
 * The filter of a depot that remembers which devices were told to install a
 * release with a limit (mds_install_filter.h). It is opened when it is needed
 * first; without it, no report counts towards a limit, and all else goes on.
 */

#include "ngx_http_mds_depot.h"
#include "ngx_http_mds_failure.h"

#include "base/mds_fault_guard.h"
#include "state/mds_install_filter.h"

/* The filter takes at most this part of mds_state_max, and these bytes: 16
 * million devices. */
#define NGX_HTTP_MDS_INSTALLS_PART 256
#define NGX_HTTP_MDS_INSTALLS_BYTES_MAX (64 * 1024 * 1024)

/* A filter that cannot be opened is tried again after this time. */
#define NGX_HTTP_MDS_INSTALLS_RETRY_S 10

/* The arguments and the result of a guarded look-up. */
typedef struct {
    mds_install_filter_t *filter;
    uint64_t              hash;
    bool                  has;
} ngx_http_mds_installs_call_t;

/* Returns the filter, or NULL. */
static mds_install_filter_t *
ngx_http_mds_installs_open(ngx_http_mds_depot_t *depot)
{
    ngx_http_mds_env_t *env = &depot->state;
    uint64_t            bytes;
    mds_error_t         err;

    if (env->installs != NULL || ngx_http_mds_env_get(env) == NULL
        || ngx_time() < env->installs_retry)
    {
        return env->installs;
    }

    bytes = ngx_min(depot->bounds.state_max / NGX_HTTP_MDS_INSTALLS_PART,
                    NGX_HTTP_MDS_INSTALLS_BYTES_MAX);

    if (mds_install_filter_open((char *) depot->path.data, bytes, &err,
                                &env->installs)
        != MDS_OK)
    {
        env->installs_retry = ngx_time() + NGX_HTTP_MDS_INSTALLS_RETRY_S;
        ngx_http_mds_log_failure(ngx_cycle->log, NGX_LOG_ERR,
                                 "mds depot \"%V\": reports do not halt"
                                 " releases: %s",
                                 &depot->path, err.text);
    }

    return env->installs;
}

static void
ngx_http_mds_installs_add_guarded(void *data)
{
    ngx_http_mds_installs_call_t *call = data;

    mds_install_filter_add(call->filter, call->hash);
}

static void
ngx_http_mds_installs_have_guarded(void *data)
{
    ngx_http_mds_installs_call_t *call = data;

    call->has = mds_install_filter_has(call->filter, call->hash);
}

/* Makes a guarded call. After a fault, the file is mapped again. */
static void
ngx_http_mds_installs_call(ngx_http_mds_depot_t *depot, void (*run)(void *data),
                           ngx_http_mds_installs_call_t *call)
{
    if (call->filter != NULL && !mds_fault_guard_call(run, call)) {
        ngx_http_mds_env_close_installs(&depot->state);
    }
}

void
ngx_http_mds_installs_add(ngx_http_mds_depot_t *depot, uint64_t hash)
{
    ngx_http_mds_installs_call_t call
        = { .filter = ngx_http_mds_installs_open(depot), .hash = hash };

    ngx_http_mds_installs_call(depot, ngx_http_mds_installs_add_guarded, &call);
}

bool
ngx_http_mds_installs_have(ngx_http_mds_depot_t *depot, uint64_t hash)
{
    ngx_http_mds_installs_call_t call
        = { .filter = ngx_http_mds_installs_open(depot), .hash = hash };

    ngx_http_mds_installs_call(depot, ngx_http_mds_installs_have_guarded,
                               &call);

    return call.has;
}
