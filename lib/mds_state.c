#include "mds_state_part.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mds_file.h"
#include "mds_window.h"

static const char *const mds_state_names[MDS_STATE_TABLES] = {
    [MDS_STATE_WINDOWS] = "windows", [MDS_STATE_ADMISSIONS] = "admissions",
    [MDS_STATE_MARKS] = "marks",     [MDS_STATE_DEVICES] = "devices",
    [MDS_STATE_OWNERS] = "owners",
};

static mds_status_t
mds_state_open_env(const char *depot, mds_error_t *err, mds_lmdb_t **lmdb)
{
    mds_path_t   path;
    mds_status_t status = mds_path(&path, err, "%s/state", depot);

    return status == MDS_OK
               ? mds_lmdb_open(path.text, MDS_LMDB_SHARED, mds_state_names,
                               MDS_STATE_TABLES, MDS_LMDB_MAP_BYTES, err, lmdb)
               : status;
}

mds_status_t
mds_state_create(const char *depot, int64_t uid, int64_t gid, mds_error_t *err)
{
    mds_lmdb_t  *lmdb;
    mds_status_t status = mds_state_open_env(depot, err, &lmdb);

    if (status == MDS_OK) {
        status = mds_lmdb_give(lmdb, uid, gid, err);
        mds_lmdb_close(lmdb);
    }

    return status;
}

/* LMDB would make an empty one of what is not there, or is empty, and forget
 * everybody. */
static mds_status_t
mds_state_find(mds_state_t *state, const char *depot, mds_error_t *err)
{
    struct stat  st;
    mds_status_t status
        = mds_path(&state->data, err, "%s/state/data.mdb", depot);

    if (status != MDS_OK) {
        return status;
    }

    if (stat(state->data.text, &st) != 0) {
        return mds_fail_errno(err, "open \"%s\"", state->data.text);
    }

    if (S_ISREG(st.st_mode) && st.st_size == 0) {
        return mds_fail(err, MDS_DAMAGED, "\"%s\" is empty", state->data.text);
    }

    state->device = st.st_dev;
    state->inode = st.st_ino;

    return MDS_OK;
}

mds_status_t
mds_state_mark(const char *depot, mds_error_t *err, mds_file_mark_t *mark)
{
    mds_path_t   path;
    uint64_t     bytes;
    int          fd;
    mds_status_t status = mds_path(&path, err, "%s/state/data.mdb", depot);

    if (status == MDS_OK) {
        status = mds_file_open(path.text, err, &fd, &bytes);
    }

    if (status == MDS_OK) {
        status = mds_file_mark(fd, path.text, err, mark);
        close(fd);
    }

    return status;
}

mds_status_t
mds_state_check(const mds_state_t *state, mds_error_t *err)
{
    struct stat st;

    if (state->lost) {
        return mds_fail(err, MDS_DAMAGED, "\"%s\" was lost", state->data.text);
    }

    if (stat(state->data.text, &st) != 0) {
        return mds_fail_errno(err, "\"%s\"", state->data.text);
    }

    return st.st_dev == state->device && st.st_ino == state->inode
               ? MDS_OK
               : mds_fail(err, MDS_CONFLICT, "\"%s\" is another file now",
                          state->data.text);
}

mds_status_t
mds_state_open(const char *depot, mds_error_t *err, mds_state_t **state)
{
    mds_state_t *opened = calloc(1, sizeof(*opened));
    mds_status_t status;

    if (opened == NULL) {
        return mds_fail(err, MDS_NO_MEMORY, "no memory");
    }

    status = mds_state_find(opened, depot, err);

    if (status == MDS_OK) {
        status = mds_state_open_env(depot, err, &opened->reader);
    }

    if (status == MDS_OK) {
        status = mds_lmdb_share(opened->reader, err, &opened->writer);
    }

    if (status != MDS_OK) {
        mds_state_close(opened);
        return status;
    }

    *state = opened;
    return MDS_OK;
}

void
mds_state_close(mds_state_t *state)
{
    if (state != NULL) {
        mds_lmdb_close(state->writer);
        mds_lmdb_close(state->reader);
        free(state);
    }
}

void
mds_state_bury(mds_state_t *state)
{
    mds_lmdb_bury(state->reader);
}

mds_status_t
mds_state_begin(mds_state_t *state, mds_error_t *err)
{
    mds_status_t status
        = state->reading ? MDS_OK : mds_lmdb_read(state->reader, err);

    if (status == MDS_OK) {
        state->reading = true;

    } else if (status == MDS_DAMAGED) {
        state->lost = true;
    }

    return status;
}

void
mds_state_end(mds_state_t *state)
{
    if (state->reading) {
        mds_lmdb_abort(state->reader);
        state->reading = false;
    }
}

static mds_status_t
mds_state_write_one(mds_state_t *state, mds_write_t *write, int64_t now_ms,
                    mds_error_t *err, bool *changed)
{
    switch (write->type) {
    case MDS_WRITE_ADMISSION:
        return mds_window_admit(state->writer, &write->admission, now_ms, err,
                                changed);
    case MDS_WRITE_MARK:
        return mds_marks_merge(state->writer, &write->mark, err, changed);
    default:
        return mds_registry_see(state->writer, &write->sighting, now_ms, err,
                                changed);
    }
}

mds_status_t
mds_state_write(mds_state_t *state, mds_write_t *writes, size_t count,
                int64_t now_ms, mds_error_t *err)
{
    bool         changed = false;
    mds_status_t status = mds_state_check(state, err);

    if (status == MDS_OK) {
        status = mds_lmdb_write(state->writer, err);
    }

    if (status != MDS_OK) {
        return status;
    }

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        status = mds_state_write_one(state, &writes[i], now_ms, err, &changed);
        writes[i].status = status;

        /* What ails one record is no business of the others. */
        if (status == MDS_DAMAGED) {
            status = mds_lmdb_status(state->writer, err);
        }
    }

    if (status != MDS_OK || !changed) {
        mds_lmdb_abort(state->writer);
        return status;
    }

    return mds_lmdb_commit(state->writer, err);
}

void
mds_state_abandon(mds_state_t *state)
{
    mds_lmdb_abort(state->writer);
}

mds_status_t
mds_state_copy(mds_state_t *state, int fd, mds_error_t *err)
{
    return mds_lmdb_copy(state->reader, fd, err);
}
