#include "state/mds_state_internal.h"

#include <stdlib.h>

#include "state/mds_window.h"

/* Pages that one write dirties at most: two paths from a root to a leaf, each
 * page of them split. A user's marks may take pages of their own. */
#define MDS_STATE_WRITE_PAGES 20
#define MDS_STATE_MARKS_PAGES 80

static const char *const mds_state_names[MDS_STATE_TABLES] = {
    [MDS_STATE_WINDOWS] = "windows",
    [MDS_STATE_ADMISSIONS] = "admissions",
    [MDS_STATE_MARKS] = "marks",
};

static const mds_state_env_kind_t mds_state_kind
    = { "state", MDS_LMDB_SHARED | MDS_LMDB_SCATTERED, mds_state_names,
        MDS_STATE_TABLES };

mds_status_t
mds_state_create(const char *depot, int64_t uid, int64_t gid, mds_error_t *err)
{
    return mds_state_env_create(depot, &mds_state_kind, uid, gid, err);
}

mds_status_t
mds_state_file_id(const char *depot, mds_error_t *err, mds_file_id_t *file_id)
{
    return mds_state_env_file_id(depot, &mds_state_kind, err, file_id);
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

    status = mds_state_env_open(depot, &mds_state_kind, err, &opened->env);

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

void
mds_state_set_limit(mds_state_t *state, uint64_t max_bytes)
{
    state->limit_bytes = max_bytes / MDS_STATE_SHARE;
}

uint64_t
mds_state_bytes(mds_state_t *state)
{
    return mds_lmdb_file_bytes(state->env.reader) + MDS_STATE_ENV_LOCK_BYTES;
}

void
mds_state_clear_stale_readers(mds_state_t *state)
{
    mds_lmdb_clear_stale_readers(state->env.reader);
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

/* Registrations once lay here: what they took can be used again. */
static mds_status_t
mds_state_drop_registry(mds_state_t *state, mds_error_t *err)
{
    bool         changed = false;
    mds_status_t status;

    if (state->dropped) {
        return MDS_OK;
    }

    status = mds_state_env_write(&state->env, err);
    if (status != MDS_OK) {
        return status;
    }

    mds_lmdb_drop(state->env.writer, "devices", &changed);
    mds_lmdb_drop(state->env.writer, "owners", &changed);
    status = mds_lmdb_status(state->env.writer, err);

    if (status != MDS_OK || !changed) {
        mds_lmdb_abort(state->env.writer);
    } else {
        status = mds_lmdb_commit(state->env.writer, err);
    }

    state->dropped = status == MDS_OK;
    return status;
}

static mds_status_t
mds_state_write_one(mds_state_t *state, mds_write_t *write, int64_t now_ms,
                    mds_error_t *err, bool *changed)
{
    return write->type == MDS_WRITE_ADMISSION
               ? mds_window_admit(state->env.writer, &write->admission, now_ms,
                                  err, changed)
               : mds_read_marks_merge(state->env.writer, &write->read_mark, err,
                                      changed);
}

/* In one transaction. */
static mds_status_t
mds_state_write_some(mds_state_t *state, mds_write_t *writes, size_t count,
                     int64_t now_ms, mds_error_t *err)
{
    bool         changed = false;
    mds_status_t status = mds_state_env_write(&state->env, err);

    if (status != MDS_OK) {
        return status;
    }

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        status = mds_state_write_one(state, &writes[i], now_ms, err, &changed);
        writes[i].status = status;

        /* What ails one record is no business of the others. */
        if (status == MDS_DAMAGED) {
            status = mds_lmdb_status(state->env.writer, err);
        }
    }

    if (status != MDS_OK || !changed) {
        mds_lmdb_abort(state->env.writer);
        return status;
    }

    return mds_lmdb_commit(state->env.writer, err);
}

static uint64_t
mds_state_write_pages(const mds_write_t *writes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (writes[i].type == MDS_WRITE_READ_MARK) {
            return MDS_STATE_MARKS_PAGES;
        }
    }

    return MDS_STATE_WRITE_PAGES;
}

mds_status_t
mds_state_write(mds_state_t *state, mds_write_t *writes, size_t count,
                int64_t now_ms, mds_error_t *err)
{
    uint64_t     pages = mds_state_write_pages(writes, count);
    size_t       done = 0, fit;
    bool         spare;
    mds_status_t status = mds_state_drop_registry(state, err);

    while (status == MDS_OK && done < count) {
        status = mds_state_env_fit(&state->env, state->limit_bytes, pages,
                                   count - done, err, &fit, &spare);

        if (status == MDS_OK && fit == 0) {
            status = mds_fail(err, MDS_NO_SPACE,
                              "windows and marks have all that is theirs:"
                              " %llu bytes",
                              (unsigned long long) state->limit_bytes);
        }

        if (status == MDS_OK) {
            status
                = mds_state_write_some(state, writes + done, fit, now_ms, err);
            done += fit;
        }
    }

    return status;
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
