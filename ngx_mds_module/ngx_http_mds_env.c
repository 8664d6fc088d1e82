/*
 * The environments of a depot's state in a worker: the state itself, and the
 * registry. Each is opened, and opened anew when another file is put in its
 * place. One in which something went wrong is not used until it was read from
 * end to end; if that fails, not until it is another. The registry can grow
 * too large for that, and can be learned again: there it has to be another.
 */

#include "ngx_http_mds_env.h"

#include "base/mds_fault_guard.h"
#include "state/mds_registry.h"
#include "state/mds_state.h"

struct ngx_http_mds_env_kind_s {
    const char *dir;  /* in the depot */
    const char *lost; /* what it means that it cannot be had */
    mds_status_t (*file_id)(const char *depot, mds_error_t *err,
                            mds_file_id_t *file_id);
    mds_status_t (*open)(const char *depot, mds_error_t *err, void **handle);
    mds_status_t (*audit)(void *handle, mds_error_t *err); /* NULL: none */
    mds_status_t (*check)(void *handle, mds_error_t *err);
    void (*bound)(void *handle, const ngx_http_mds_bounds_t *bounds);
    void (*clear_stale_readers)(void *handle);
    void (*close)(void *handle);
};

/* Something to be done with an environment that a fault may end. */
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
ngx_http_mds_state_bound(void *handle, const ngx_http_mds_bounds_t *bounds)
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
    ngx_http_mds_state_bound,
    ngx_http_mds_state_clear_stale_readers,
    ngx_http_mds_state_close,
};

/* A depot of an older format has no registry yet. */
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
ngx_http_mds_registry_bound(void *handle, const ngx_http_mds_bounds_t *bounds)
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
    ngx_http_mds_registry_bound,
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
ngx_http_mds_env_try(void *data)
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

/* Whether it is still the file that failed. */
static ngx_uint_t
ngx_http_mds_env_is_bad(const ngx_http_mds_env_t *env,
                        const mds_file_id_t      *file_id)
{
    return env->kind->audit == NULL ? file_id->device == env->bad.device
                                          && file_id->inode == env->bad.inode
                                    : mds_file_id_eq(file_id, &env->bad);
}

/* Decisions that need no state go on without it. */
static void
ngx_http_mds_env_open(ngx_http_mds_env_t *env, const char *path,
                      const ngx_http_mds_bounds_t *bounds)
{
    mds_error_t             err;
    mds_file_id_t           file_id = { 0 };
    ngx_http_mds_env_call_t call = { .env = env, .path = path, .err = &err };

    /* Where there is none, opening it will say so. */
    if (env->kind->file_id(path, &err, &file_id) == MDS_OK) {
        if (ngx_http_mds_env_is_bad(env, &file_id)) {
            return;
        }

        /* Another than the one that was. */
        if (env->bad.inode != 0 && env->kind->audit == NULL) {
            env->quarantined = 0;
        }

    } else if (env->kind->audit == NULL) {
        env->quarantined = 0;
    }

    if (!mds_fault_guard_call(ngx_http_mds_env_try, &call)) {
        call.status
            = mds_fail(&err, MDS_DAMAGED, "\"%s/%s\" cannot be read to its end",
                       path, env->kind->dir);
    }

    if (call.status == MDS_OK) {
        env->handle = call.handle;
        env->quarantined = 0;
        env->error_logged = 0;
        env->kind->bound(env->handle, bounds);
        ngx_memzero(&env->bad, sizeof(env->bad));

    } else {
        if (call.handle != NULL) {
            env->kind->close(call.handle);
        }

        env->quarantined = env->quarantined || call.status == MDS_DAMAGED;

        if (call.status == MDS_DAMAGED) {
            env->bad = file_id;
        }
    }

    if (call.status != MDS_OK && call.status != env->status) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%s\": %s: %s", path, env->kind->lost,
                      err.text);
    }

    env->status = call.status;
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
