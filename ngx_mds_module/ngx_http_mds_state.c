/*
 * The state of a depot in a worker. It is opened, and opened anew when another
 * file is put in its place. One in which something went wrong is not used
 * until it was read from end to end; if that fails, not until it is another.
 */

#include "ngx_http_mds_module.h"

/* Something to be done with the state that a fault may end. */
typedef struct {
    const char  *path;
    ngx_uint_t   suspect;
    mds_error_t *err;
    mds_status_t status;
    mds_state_t *state;
} ngx_http_mds_state_call_t;

mds_state_t *
ngx_http_mds_state_get(ngx_http_mds_state_t *state)
{
    return state->suspect ? NULL : state->state;
}

void
ngx_http_mds_state_suspect(ngx_http_mds_state_t *state)
{
    state->suspect = 1;
}

void
ngx_http_mds_state_bury(ngx_http_mds_state_t *state)
{
    if (ngx_http_mds_state_get(state) != NULL) {
        mds_state_bury(state->state);
    }
}

void
ngx_http_mds_state_close(ngx_http_mds_state_t *state)
{
    mds_state_close(state->state);
    state->state = NULL;
}

static void
ngx_http_mds_state_try(void *data)
{
    ngx_http_mds_state_call_t *call = data;
    uint64_t                   windows;

    call->status = mds_state_open(call->path, call->err, &call->state);

    if (call->status == MDS_OK && call->suspect) {
        call->status = mds_state_audit(call->state, call->err, &windows);
    }
}

/* Decisions that need no state go on without it. */
static void
ngx_http_mds_state_open(ngx_http_mds_state_t *state, const char *path)
{
    mds_error_t               err;
    mds_file_mark_t           mark = { 0 };
    ngx_http_mds_state_call_t call
        = { .path = path, .suspect = state->suspect, .err = &err };

    /* Where there is none, opening it will say so. */
    if (mds_state_mark(path, &err, &mark) == MDS_OK
        && mds_file_mark_eq(&mark, &state->bad))
    {
        return;
    }

    if (ngx_http_mds_guard(ngx_http_mds_state_try, &call) != NGX_OK) {
        call.status = mds_fail(&err, MDS_DAMAGED,
                               "\"%s/state\" cannot be read to its end", path);
    }

    if (call.status == MDS_OK) {
        state->state = call.state;
        state->suspect = 0;
        ngx_memzero(&state->bad, sizeof(state->bad));

    } else {
        mds_state_close(call.state);
        state->suspect = state->suspect || call.status == MDS_DAMAGED;

        if (call.status == MDS_DAMAGED) {
            state->bad = mark;
        }
    }

    if (call.status != MDS_OK && call.status != state->status) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mds depot \"%s\": windows are closed: %s", path,
                      err.text);
    }

    state->status = call.status;
}

void
ngx_http_mds_state_look(ngx_http_mds_state_t *state, const char *path)
{
    mds_error_t err;

    if (state->state != NULL
        && (state->suspect || mds_state_check(state->state, &err) != MDS_OK))
    {
        ngx_http_mds_state_close(state);
    }

    if (state->state == NULL) {
        ngx_http_mds_state_open(state, path);
    }
}
