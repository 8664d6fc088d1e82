/*
 * Opens, checks, measures and audits the environment of the state.
 */

#include "state/mds_state_internal.h"

#include <sys/stat.h>
#include <unistd.h>

/* A transaction dirties these besides: the roots and the list of free pages. */
#define MDS_STATE_ENV_COMMIT_PAGES 8

static const char *const mds_state_names[MDS_STATE_TABLES] = {
    [MDS_STATE_WINDOWS] = "windows",     [MDS_STATE_ADMISSIONS] = "admissions",
    [MDS_STATE_MARKS] = "marks",         [MDS_STATE_TALLIES] = "tallies",
    [MDS_STATE_REPORTERS] = "reporters", [MDS_STATE_DETAILS] = "details",
    [MDS_STATE_STALE] = "stale",
};

static mds_status_t
mds_state_env_open_lmdb(const char *depot, mds_lmdb_mode_t flags,
                        mds_error_t *err, mds_lmdb_t **lmdb)
{
    mds_path_t   path;
    mds_status_t status = mds_path(&path, err, "%s/state", depot);

    return status == MDS_OK
               ? mds_lmdb_open(path.text,
                               MDS_LMDB_SHARED | MDS_LMDB_SCATTERED | flags,
                               mds_state_names, MDS_STATE_TABLES,
                               MDS_LMDB_MAP_BYTES, err, lmdb)
               : status;
}

static mds_status_t
mds_state_env_paths(const char *depot, mds_error_t *err, mds_path_t *data,
                    mds_path_t *lock)
{
    mds_status_t status = mds_path(data, err, "%s/state/data.mdb", depot);

    return status == MDS_OK ? mds_path(lock, err, "%s/state/lock.mdb", depot)
                            : status;
}

mds_status_t
mds_state_env_create(const char *depot, int64_t uid, int64_t gid,
                     mds_error_t *err)
{
    mds_lmdb_t  *lmdb;
    mds_status_t status = mds_state_env_open_lmdb(depot, 0, err, &lmdb);

    if (status == MDS_OK) {
        status = mds_lmdb_give(lmdb, uid, gid, err);
        mds_lmdb_close(lmdb);
    }

    return status;
}

/* Identifies a file, which must exist. */
static mds_status_t
mds_state_env_find(mds_state_env_file_t *file, mds_error_t *err)
{
    struct stat st;

    if (stat(file->path.text, &st) != 0) {
        return mds_fail_errno(err, "open \"%s\"", file->path.text);
    }

    file->device = st.st_dev;
    file->inode = st.st_ino;
    file->bytes = st.st_size;

    return MDS_OK;
}

static mds_status_t
mds_state_env_check_file(const mds_state_env_file_t *file, mds_error_t *err)
{
    struct stat st;

    if (stat(file->path.text, &st) != 0) {
        return mds_fail_errno(err, "write \"%s\"", file->path.text);
    }

    if (st.st_dev != file->device || st.st_ino != file->inode) {
        return mds_fail(err, MDS_CONFLICT, "\"%s\" is another file now",
                        file->path.text);
    }

    return st.st_size >= file->bytes
               ? MDS_OK
               : mds_fail(err, MDS_DAMAGED, "\"%s\" was truncated",
                          file->path.text);
}

mds_status_t
mds_state_env_check(const mds_state_env_t *env, mds_error_t *err)
{
    mds_status_t status;

    if (env->lost) {
        return mds_fail(err, MDS_DAMAGED, "\"%s\" was lost",
                        env->data.path.text);
    }

    status = mds_state_env_check_file(&env->data, err);

    return status == MDS_OK ? mds_state_env_check_file(&env->lock, err)
                            : status;
}

/* Opens the environment. LMDB creates lock.mdb if it does not exist; if it
 * created data.mdb, all admissions would be forgotten. */
static mds_status_t
mds_state_env_open_files(const char *depot, mds_error_t *err,
                         mds_state_env_t *env)
{
    struct stat  before;
    bool         locked = stat(env->lock.path.text, &before) == 0;
    mds_status_t status = mds_state_env_find(&env->data, err);

    if (status == MDS_OK) {
        status = mds_state_env_open_lmdb(depot, MDS_LMDB_EXISTING, err,
                                         &env->reader);
    }

    if (status == MDS_OK) {
        status = mds_state_env_find(&env->lock, err);
    }

    /* A lock.mdb that was replaced meanwhile may not be the one that is open.
     */
    if (status == MDS_OK && locked
        && (env->lock.device != before.st_dev
            || env->lock.inode != before.st_ino))
    {
        return mds_fail(err, MDS_CONFLICT, "\"%s\" is another file now",
                        env->lock.path.text);
    }

    return status;
}

mds_status_t
mds_state_env_open(const char *depot, mds_error_t *err, mds_state_env_t *env)
{
    mds_status_t status
        = mds_state_env_paths(depot, err, &env->data.path, &env->lock.path);

    env->reader = NULL;
    env->writer = NULL;
    env->reading = false;
    atomic_init(&env->lost, false);

    if (status == MDS_OK) {
        status = mds_state_env_open_files(depot, err, env);
    }

    if (status == MDS_OK) {
        status = mds_lmdb_share(env->reader, err, &env->writer);
    }

    if (status != MDS_OK) {
        mds_state_env_close(env);
    }

    return status;
}

void
mds_state_env_close(mds_state_env_t *env)
{
    mds_lmdb_close(env->writer);
    mds_lmdb_close(env->reader);
    env->writer = NULL;
    env->reader = NULL;
}

mds_status_t
mds_state_env_file_id(const char *depot, mds_error_t *err,
                      mds_file_id_t *file_id)
{
    mds_path_t   path;
    uint64_t     bytes;
    int          fd;
    mds_status_t status = mds_path(&path, err, "%s/state/data.mdb", depot);

    if (status == MDS_OK) {
        status = mds_file_open(path.text, err, &fd, &bytes);
    }

    if (status == MDS_OK) {
        status = mds_file_id(fd, path.text, err, file_id);
        close(fd);
    }

    return status;
}

mds_status_t
mds_state_env_begin(mds_state_env_t *env, mds_error_t *err)
{
    mds_status_t status
        = env->reading ? MDS_OK : mds_lmdb_read(env->reader, err);

    if (status == MDS_OK) {
        env->reading = true;

    } else if (status == MDS_DAMAGED) {
        env->lost = true;
    }

    return status;
}

void
mds_state_env_end(mds_state_env_t *env)
{
    if (env->reading) {
        mds_lmdb_abort(env->reader);
        env->reading = false;
    }
}

/* Checks the files again with the lock held: while this process waited for it,
 * another may have replaced the files, and then it has another lock. */
mds_status_t
mds_state_env_write(mds_state_env_t *env, mds_error_t *err)
{
    mds_status_t status = mds_state_env_check(env, err);

    if (status == MDS_OK) {
        status = mds_lmdb_write(env->writer, err);
    }

    if (status != MDS_OK) {
        return status;
    }

    status = mds_state_env_check(env, err);

    if (status != MDS_OK) {
        mds_lmdb_abort(env->writer);
    }

    return status;
}

/* Returns the pages that a transaction of so many writes takes at most: it
 * copies each page that it touches, and in the worst case splits each page of a
 * write. */
static uint64_t
mds_state_env_pages(const mds_lmdb_room_t *room, uint64_t write_pages,
                    uint64_t count)
{
    uint64_t touched = write_pages * count;
    uint64_t all = room->used_pages + touched / 2;

    return (touched < all ? touched : all) + MDS_STATE_ENV_COMMIT_PAGES;
}

mds_status_t
mds_state_env_fit(mds_state_env_t *env, uint64_t limit_bytes,
                  uint64_t write_pages, size_t count, mds_error_t *err,
                  size_t *fit)
{
    mds_lmdb_room_t room;
    mds_status_t    status;

    if (limit_bytes == 0) {
        *fit = count;
        return MDS_OK;
    }

    limit_bytes -= limit_bytes < MDS_STATE_ENV_LOCK_BYTES
                       ? limit_bytes
                       : MDS_STATE_ENV_LOCK_BYTES;
    status = mds_lmdb_room(env->writer, limit_bytes,
                           write_pages * count + MDS_STATE_ENV_COMMIT_PAGES,
                           err, &room);

    if (status != MDS_OK) {
        return status;
    }

    while (count > 0
           && mds_state_env_pages(&room, write_pages, count) > room.pages) {
        count /= 2;
    }

    *fit = count;
    return MDS_OK;
}

/* Counts records from end to end, so that each page is read. */
static uint64_t
mds_state_env_walk(mds_lmdb_t *lmdb, unsigned table)
{
    mds_lmdb_cursor_t *cursor = mds_lmdb_walk(lmdb, table, mds_null_str);
    mds_str_t          key, value;
    uint64_t           count = 0;

    while (mds_lmdb_next(cursor, &key, &value)) {
        count++;
    }

    mds_lmdb_walk_end(cursor);
    return count;
}

mds_status_t
mds_state_env_audit(mds_state_env_t *env, mds_error_t *err)
{
    for (unsigned i = 0; i < MDS_STATE_TABLES; i++) {
        if (mds_state_env_walk(env->reader, i)
            != mds_lmdb_count(env->reader, i)) {
            mds_status_t status = mds_lmdb_status(env->reader, err);

            return status != MDS_OK
                       ? status
                       : mds_fail(err, MDS_DAMAGED,
                                  "\"%s\": a table has not as many records as"
                                  " it says",
                                  env->data.path.text);
        }
    }

    return mds_lmdb_status(env->reader, err);
}
