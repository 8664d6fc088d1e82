/*
 * The LMDB environments of a depot's state in a worker: the state itself, and
 * the registry. An environment is opened again when its file was replaced.
 *
 * An environment in which something failed is quarantined: it is not used until
 * it has been read completely, and if that fails, until its file is replaced.
 * The registry may be too large to be read, and its contents can be collected
 * again, so its file always has to be replaced.
 */

#include "ngx_http_mds_env.h"

#include "base/mds_fault_guard.h"
#include "state/mds_registry.h"
#include "state/mds_state.h"

struct ngx_http_mds_env_kind_s {
    const char *dir;  /* in the depot */
    const char *lost; /* the consequence of a failure, for the log */
    mds_status_t (*file_id)(const char *depot, mds_error_t *err,
                            mds_file_id_t *file_id);
    mds_status_t (*open)(const char *depot, mds_error_t *err, void **handle);
    mds_status_t (*audit)(void *handle, mds_error_t *err); /* reads all; NULL:
                                                            * never */
    mds_status_t (*check)(void *handle, mds_error_t *err);
    void (*set_bounds)(void *handle, const ngx_http_mds_bounds_t *bounds);
    void (*clear_stale_readers)(void *handle);
    void (*close)(void *handle);
};

/* The arguments and the result of a guarded attempt to open. */
typedef struct {
    ngx_http_mds_env_t *env;
    const char         *path;
    mds_error_t        *err;
    mds_status_t        status;
    void               *handle;
} ngx_http_mds_env_call_t;

static mds_status_t
ngx_http_mds_state_open(const char *depot, mds_error_t *err, void **handle)
{
    mds_state_t *state;
    mds_status_t status = mds_state_open(depot, err, &state);

    if (status == MDS_OK) {
        *handle = state;
    }

    return status;
}

static mds_status_t
ngx_http_mds_state_audit(void *handle, mds_error_t *err)
{
    uint64_t windows;

    return mds_state_audit(handle, err, &windows);
}

static mds_status_t
ngx_http_mds_state_check(void *handle, mds_error_t *err)
{
    return mds_state_check(handle, err);
}

static void
ngx_http_mds_state_set_bounds(void *handle, const ngx_http_mds_bounds_t *bounds)
{
    mds_state_set_limit(handle, bounds->state_max);
}

static void
ngx_http_mds_state_clear_stale_readers(void *handle)
{
    mds_state_clear_stale_readers(handle);
}

static void
ngx_http_mds_state_close(void *handle)
{
    mds_state_close(handle);
}

const ngx_http_mds_env_kind_t ngx_http_mds_state_kind = {
    "state",
    "windows are closed",
    mds_state_file_id,
    ngx_http_mds_state_open,
    ngx_http_mds_state_audit,
    ngx_http_mds_state_check,
    ngx_http_mds_state_set_bounds,
    ngx_http_mds_state_clear_stale_readers,
    ngx_http_mds_state_close,
};

/* Opens the registry, and creates it in a depot of an older format. */
static mds_status_t
ngx_http_mds_registry_open(const char *depot, mds_error_t *err, void **handle)
{
    mds_registry_t *registry;
    mds_status_t    status = mds_registry_ensure(depot, err);

    if (status == MDS_OK) {
        status = mds_registry_open(depot, err, &registry);
    }

    if (status == MDS_OK) {
        *handle = registry;
    }

    return status;
}

static mds_status_t
ngx_http_mds_registry_check(void *handle, mds_error_t *err)
{
    return mds_registry_check(handle, err);
}

static void
ngx_http_mds_registry_set_bounds(void                        *handle,
                                 const ngx_http_mds_bounds_t *bounds)
{
    mds_registry_set_limits(handle, bounds->state_max,
                            (int64_t) bounds->device_ttl * 1000);
}

static void
ngx_http_mds_registry_clear_stale_readers(void *handle)
{
    mds_registry_clear_stale_readers(handle);
}

static void
ngx_http_mds_registry_close(void *handle)
{
    mds_registry_close(handle);
}

const ngx_http_mds_env_kind_t ngx_http_mds_registry_kind = {
    "state/devices",
    "devices are not registered",
    mds_registry_file_id,
    ngx_http_mds_registry_open,
    NULL,
    ngx_http_mds_registry_check,
    ngx_http_mds_registry_set_bounds,
    ngx_http_mds_registry_clear_stale_readers,
    ngx_http_mds_registry_close,
};

void
ngx_http_mds_env_quarantine(ngx_http_mds_env_t *env)
{
    env->quarantined = 1;
}

void
ngx_http_mds_env_clear_stale_readers(ngx_http_mds_env_t *env)
{
    if (ngx_http_mds_env_get(env) != NULL) {
        env->kind->clear_stale_readers(env->handle);
    }
}

void
ngx_http_mds_env_close(ngx_http_mds_env_t *env)
{
    if (env->handle != NULL) {
        env->kind->close(env->handle);
        env->handle = NULL;
    }
}

static void
ngx_http_mds_env_open_guarded(void *data)
{
    ngx_http_mds_env_call_t *call = data;
    ngx_http_mds_env_t      *env = call->env;

    if (env->quarantined && env->kind->audit == NULL) {
        call->status = mds_fail(call->err, MDS_DAMAGED,
                                "\"%s/%s\" is damaged; without that directory"
                                " it begins anew",
                                call->path, env->kind->dir);
        return;
    }

    call->status = env->kind->open(call->path, call->err, &call->handle);

    if (call->status == MDS_OK && env->quarantined) {
        call->status = env->kind->audit(call->handle, call->err);
    }
}

/* Returns 1 if this is still the file that failed. */
static ngx_uint_t
ngx_http_mds_env_is_bad(const ngx_http_mds_env_t *env,
                        const mds_file_id_t      *file_id)
{
    return env->kind->audit == NULL ? file_id->device == env->bad.device
                                          && file_id->inode == env->bad.inode
                                    : mds_file_id_eq(file_id, &env->bad);
}

/* Opens an environment. On failure, decisions that do not need it go on. */
static void
ngx_http_mds_env_open(ngx_http_mds_env_t *env, const char *path,
                      const ngx_http_mds_bounds_t *bounds)
{
    mds_error_t             err;
    mds_file_id_t           file_id = { 0 };
    ngx_http_mds_env_call_t call = { .env = env, .path = path, .err = &err };

    /* If there is no file, opening it reports that. */
    if (env->kind->file_id(path, &err, &file_id) == MDS_OK) {
        if (ngx_http_mds_env_is_bad(env, &file_id)) {
            return;
        }

        /* The damaged file was replaced. */
        if (env->bad.inode != 0 && env->kind->audit == NULL) {
            env->quarantined = 0;
        }

    } else if (env->kind->audit == NULL) {
        env->quarantined = 0;
    }

    if (!mds_fault_guard_call(ngx_http_mds_env_open_guarded, &call)) {
        call.status
            = mds_fail(&err, MDS_DAMAGED, "\"%s/%s\" cannot be read to its end",
                       path, env->kind->dir);
    }

    if (call.status != MDS_OK && call.status != env->status) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%s\": %s: %s", path, env->kind->lost,
                      err.text);
    }

    env->status = call.status;

    if (call.status != MDS_OK) {
        if (call.handle != NULL) {
            env->kind->close(call.handle);
        }

        if (call.status == MDS_DAMAGED) {
            env->quarantined = 1;
            env->bad = file_id;
        }

        return;
    }

    env->handle = call.handle;
    env->quarantined = 0;
    env->error_logged = 0;
    env->kind->set_bounds(env->handle, bounds);
    ngx_memzero(&env->bad, sizeof(env->bad));
}

void
ngx_http_mds_env_refresh(ngx_http_mds_env_t *env, const char *path,
                         const ngx_http_mds_bounds_t *bounds)
{
    mds_error_t err;

    if (env->handle != NULL
        && (env->quarantined || env->kind->check(env->handle, &err) != MDS_OK))
    {
        ngx_http_mds_env_close(env);
    }

    if (env->handle == NULL) {
        ngx_http_mds_env_open(env, path, bounds);
    }
}
