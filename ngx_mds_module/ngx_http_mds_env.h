/*
 * The LMDB environment of a depot's state.
 */

#ifndef NGX_HTTP_MDS_ENV_H
#define NGX_HTTP_MDS_ENV_H

#include "ngx_http_mds_module.h"

#include "base/mds_file.h"
#include "state/mds_state.h"

/* An environment that has not been opened is zeroed. */
typedef struct {
    mds_state_t  *state;
    ngx_uint_t    quarantined;
    ngx_uint_t    error_logged; /* since it was opened */
    mds_file_id_t bad;          /* the damaged file; zeroed: none */
    mds_status_t  status;       /* logged last */

    struct mds_install_filter_s *installs; /* NULL: not open */
    time_t installs_retry;                 /* not to be opened before this */
} ngx_http_mds_env_t;

/* Returns the state, or NULL if it is not open or quarantined. */
static inline mds_state_t *
ngx_http_mds_env_get(const ngx_http_mds_env_t *env)
{
    return env->quarantined ? NULL : env->state;
}

/* Closes an environment that was replaced or quarantined, and opens one that
 * is not open, if may_open. No thread may use it meanwhile. */
void ngx_http_mds_env_refresh(ngx_http_mds_env_t *env, const char *path,
                              const ngx_http_mds_bounds_t *bounds,
                              ngx_uint_t                   may_open);

/* Keeps the environment from being used until it has been read completely. */
void ngx_http_mds_env_quarantine(ngx_http_mds_env_t *env);

/* Clears reader slots that killed processes have left. */
void ngx_http_mds_env_clear_stale_readers(ngx_http_mds_env_t *env);

void ngx_http_mds_env_close(ngx_http_mds_env_t *env);

void ngx_http_mds_env_close_installs(ngx_http_mds_env_t *env);

#endif
