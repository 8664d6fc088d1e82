/*
 * The LMDB environment of a depot's state in a worker. It is opened again when
 * its file was replaced.
 *
 * An environment in which something failed is quarantined: it is not used until
 * it has been read completely, and if that fails, until its file is replaced.
 */

#include "ngx_http_mds_env.h"

#include "base/mds_fault_guard.h"
#include "state/mds_install_filter.h"
#include "state/mds_state.h"

/* The arguments and the result of a guarded attempt to open. */
typedef struct {
    ngx_http_mds_env_t *env;
    const char         *path;
    mds_error_t        *err;
    mds_status_t        status;
    mds_state_t        *state;
} ngx_http_mds_env_call_t;

void
ngx_http_mds_env_quarantine(ngx_http_mds_env_t *env)
{
    env->quarantined = 1;
}

/* LMDB writes to its table of readers, in lock.mdb, when it clears or closes.
 */
static void
ngx_http_mds_env_clear_guarded(void *data)
{
    mds_state_clear_stale_readers(data);
}

static void
ngx_http_mds_env_close_guarded(void *data)
{
    mds_state_close(data);
}

void
ngx_http_mds_env_clear_stale_readers(ngx_http_mds_env_t *env)
{
    if (ngx_http_mds_env_get(env) != NULL
        && !mds_fault_guard_call(ngx_http_mds_env_clear_guarded, env->state))
    {
        ngx_http_mds_env_quarantine(env);
    }
}

/* Closes a state; NULL is fine. After a fault, what was not yet closed remains
 * open and is not used again. */
static void
ngx_http_mds_env_close_state(mds_state_t *state)
{
    (void) mds_fault_guard_call(ngx_http_mds_env_close_guarded, state);
}

void
ngx_http_mds_env_close_installs(ngx_http_mds_env_t *env)
{
    mds_install_filter_close(env->installs);
    env->installs = NULL;
}

/* The filter lies beside the state, and may have been replaced with it. */
void
ngx_http_mds_env_close(ngx_http_mds_env_t *env)
{
    ngx_http_mds_env_close_installs(env);
    ngx_http_mds_env_close_state(env->state);
    env->state = NULL;
}

static void
ngx_http_mds_env_open_guarded(void *data)
{
    ngx_http_mds_env_call_t *call = data;
    uint64_t                 windows;

    call->status = mds_state_open(call->path, call->err, &call->state);

    if (call->status == MDS_OK && call->env->quarantined) {
        call->status = mds_state_audit(call->state, call->err, &windows);
    }
}

/* Opens an environment. On failure, decisions that do not need it go on. */
static void
ngx_http_mds_env_open(ngx_http_mds_env_t *env, const char *path)
{
    mds_error_t             err;
    mds_file_id_t           file_id = { 0 };
    ngx_http_mds_env_call_t call = { .env = env, .path = path, .err = &err };

    /* It is still the file that failed. If there is no file, opening it reports
     * that. */
    if (mds_state_file_id(path, &err, &file_id) == MDS_OK
        && mds_file_id_eq(&file_id, &env->bad))
    {
        return;
    }

    if (!mds_fault_guard_call(ngx_http_mds_env_open_guarded, &call)) {
        call.status = mds_fail(&err, MDS_DAMAGED,
                               "\"%s/state\" cannot be read to its end", path);
    }

    if (call.status == MDS_OK) {
        env->state = call.state;
        env->quarantined = 0;
        env->error_logged = 0;
        ngx_memzero(&env->bad, sizeof(env->bad));

    } else {
        ngx_http_mds_env_close_state(call.state);
        env->quarantined = env->quarantined || call.status == MDS_DAMAGED;

        if (call.status == MDS_DAMAGED) {
            env->bad = file_id;
        }
    }

    if (call.status != MDS_OK && call.status != env->status) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%s\": windows are closed: %s", path,
                      err.text);
    }

    env->status = call.status;
}

void
ngx_http_mds_env_refresh(ngx_http_mds_env_t *env, const char *path,
                         const ngx_http_mds_bounds_t *bounds,
                         ngx_uint_t                   may_open)
{
    mds_error_t err;

    if (env->state != NULL
        && (env->quarantined || mds_state_check(env->state, &err) != MDS_OK))
    {
        ngx_http_mds_env_close(env);
    }

    if (env->state == NULL && may_open) {
        ngx_http_mds_env_open(env, path);
    }

    /* Without a master, a reload can change it. */
    if (env->state != NULL) {
        mds_state_set_limit(env->state, bounds->state_max);
    }
}
