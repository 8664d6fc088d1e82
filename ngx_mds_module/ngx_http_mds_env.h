/*
 * One of the LMDB environments of a depot's state: the state itself, or the
 * registry of devices.
 */

#ifndef NGX_HTTP_MDS_ENV_H
#define NGX_HTTP_MDS_ENV_H

#include "ngx_http_mds_module.h"

#include "base/mds_file.h"

typedef struct ngx_http_mds_env_kind_s ngx_http_mds_env_kind_t;

extern const ngx_http_mds_env_kind_t ngx_http_mds_state_kind;
extern const ngx_http_mds_env_kind_t ngx_http_mds_registry_kind;

/* An environment that has not been opened is zeroed but for its kind. */
typedef struct {
    const ngx_http_mds_env_kind_t *kind;
    void                          *handle; /* mds_state_t or mds_registry_t */
    ngx_uint_t                     quarantined;
    ngx_uint_t                     error_logged; /* since it was opened */
    mds_file_id_t                  bad;    /* the damaged file; zeroed: none */
    mds_status_t                   status; /* logged last */
} ngx_http_mds_env_t;

/* Returns the handle, or NULL if it is not open or quarantined. */
static inline void *
ngx_http_mds_env_get(const ngx_http_mds_env_t *env)
{
    return env->quarantined ? NULL : env->handle;
}

/* Closes an environment that was replaced or quarantined, and opens one that
 * is not open. No thread may use it meanwhile. */
void ngx_http_mds_env_refresh(ngx_http_mds_env_t *env, const char *path,
                              const ngx_http_mds_bounds_t *bounds);

/* Keeps the environment from being used until it has been read completely. */
void ngx_http_mds_env_quarantine(ngx_http_mds_env_t *env);

/* Clears reader slots that killed processes have left. */
void ngx_http_mds_env_clear_stale_readers(ngx_http_mds_env_t *env);

void ngx_http_mds_env_close(ngx_http_mds_env_t *env);

#endif
