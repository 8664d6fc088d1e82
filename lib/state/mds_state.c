/*
 * The state's environment: its files, and reading in it. Writing is
 * in mds_state_write.c, the check of the whole in mds_state_audit.c.
 */

#include "state/mds_state_internal.h"

#include <stdlib.h>

/* Defines the bytes of lock.mdb, of a small file, and of the pages that a write
 * of read marks may dirty (MDS_STATE_MARKS_PAGES). */
#define MDS_STATE_SHARE_MIN (UINT64_C(640) * 1024)

mds_status_t
mds_state_create(const char *depot, int64_t uid, int64_t gid, mds_error_t *err)
{
    return mds_state_env_create(depot, uid, gid, err);
}

mds_status_t
mds_state_file_id(const char *depot, mds_error_t *err, mds_file_id_t *file_id)
{
    return mds_state_env_file_id(depot, err, file_id);
}

mds_status_t
mds_state_check(const mds_state_t *state, mds_error_t *err)
{
    return mds_state_env_check(&state->env, err);
}

mds_status_t
mds_state_open(const char *depot, mds_error_t *err, mds_state_t **state)
{
    mds_state_t *opened = calloc(1, sizeof(*opened));
    mds_status_t status;

    if (opened == NULL) {
        return mds_fail_memory(err);
    }

    status = mds_state_env_open(depot, err, &opened->env);

    if (status != MDS_OK) {
        free(opened);
        return status;
    }

    *state = opened;
    return MDS_OK;
}

void
mds_state_close(mds_state_t *state)
{
    if (state != NULL) {
        mds_state_env_close(&state->env);
        free(state);
    }
}

uint64_t
mds_state_share(uint64_t max_bytes)
{
    uint64_t share = max_bytes / 4;

    return share > MDS_STATE_SHARE_MIN ? share : MDS_STATE_SHARE_MIN;
}

void
mds_state_set_limit(mds_state_t *state, uint64_t max_bytes)
{
    state->limit_bytes = max_bytes == 0 ? 0 : mds_state_share(max_bytes);
}

uint64_t
mds_state_bytes(mds_state_t *state)
{
    return mds_lmdb_file_bytes(state->env.reader) + MDS_STATE_ENV_LOCK_BYTES;
}

void
mds_state_clear_stale_readers(mds_state_t *state)
{
    /* A fault in the middle would keep LMDB's lock of its table of readers. */
    if (mds_state_check(state, NULL) == MDS_OK) {
        mds_lmdb_clear_stale_readers(state->env.reader);
    }
}

mds_status_t
mds_state_begin(mds_state_t *state, mds_error_t *err)
{
    return mds_state_env_begin(&state->env, err);
}

void
mds_state_end(mds_state_t *state)
{
    mds_state_env_end(&state->env);
}

void
mds_state_abort_write(mds_state_t *state)
{
    mds_lmdb_abort(state->env.writer);
}

mds_status_t
mds_state_copy(mds_state_t *state, int fd, mds_error_t *err)
{
    return mds_lmdb_copy(state->env.reader, fd, err);
}
