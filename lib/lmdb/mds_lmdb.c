/*
 * Turns LMDB's codes into statuses, begins and ends transactions, measures and
 * copies environments. mds_lmdb_open.c opens and closes them, and
 * mds_lmdb_access.c reads and writes records.
 */

#include "lmdb/mds_lmdb_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/statvfs.h>

_Static_assert(MDS_LMDB_NOT_FOUND == MDB_NOTFOUND
                   && MDS_LMDB_CORRUPTED == MDB_CORRUPTED,
               "codes as in LMDB");

static mds_status_t
mds_lmdb_status_of(int code)
{
    switch (code) {
    case MDB_SUCCESS:
        return MDS_OK;
    case MDB_NOTFOUND:
    case ENOENT:
        return MDS_NOT_FOUND;
    case MDB_KEYEXIST:
        return MDS_EXISTS;
    case MDB_MAP_FULL:
    case MDB_READERS_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
        return MDS_NO_SPACE;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
    case MDB_BAD_TXN:
        return MDS_DAMAGED;
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        return MDS_INCOMPATIBLE;
    case MDB_BAD_VALSIZE:
        return MDS_INVALID;
    case ENOMEM:
        return MDS_NO_MEMORY;
    case EACCES:
    case EPERM:
    case EROFS:
        return MDS_DENIED;
    default:
        return MDS_IO;
    }
}

/* Tells a full disk from another failure: LMDB reports EIO for any write that
 * was cut short. */
static int
mds_lmdb_cause(int code, const char *path)
{
    struct statvfs disk;

    return code == EIO && statvfs(path, &disk) == 0 && disk.f_bavail == 0
               ? ENOSPC
               : code;
}

mds_status_t
mds_lmdb_fail(mds_error_t *err, int code, const char *verb, const char *path)
{
    code = mds_lmdb_cause(code, path);

    return mds_fail(err, mds_lmdb_status_of(code), "failed to %s \"%s\": %s",
                    verb, path, mdb_strerror(code));
}

bool
mds_lmdb_is_read_only(const mds_lmdb_t *lmdb)
{
    return lmdb->denial != 0;
}

const char *
mds_lmdb_path(const mds_lmdb_t *lmdb)
{
    const char *path = "";

    if (lmdb->remote != NULL) {
        return lmdb->remote->path;
    }

    if (lmdb->path != NULL) {
        return lmdb->path;
    }

    (void) mdb_env_get_path(lmdb->env, &path);
    return path;
}

mds_status_t
mds_lmdb_call_remote(const mds_lmdb_t *lmdb, mds_lmdb_op_t op, int fd,
                     mds_error_t *err, uint64_t *number)
{
    return lmdb->remote->ops->call(lmdb->remote, op, fd, err, number);
}

mds_status_t
mds_lmdb_read(mds_lmdb_t *lmdb, mds_error_t *err)
{
    int code = 0, dead;

    if (lmdb->remote != NULL) {
        lmdb->code = 0;
        return mds_lmdb_call_remote(lmdb, MDS_LMDB_READ, -1, err, NULL);
    }

    if (lmdb->reader == NULL) {
        code = mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &lmdb->reader);

    } else if (lmdb->mode != MDS_LMDB_IMMUTABLE) {
        code = mdb_txn_renew(lmdb->reader);
    }

    if (code == MDB_READERS_FULL && mdb_reader_check(lmdb->env, &dead) == 0
        && dead > 0)
    {
        code = mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &lmdb->reader);
    }

    if (code != 0) {
        return mds_lmdb_fail(err, code, "read", mds_lmdb_path(lmdb));
    }

    lmdb->txn = lmdb->reader;
    lmdb->code = 0;

    return MDS_OK;
}

mds_status_t
mds_lmdb_write(mds_lmdb_t *lmdb, mds_error_t *err)
{
    int code;

    if (lmdb->remote != NULL) {
        lmdb->code = 0;
        return mds_lmdb_call_remote(lmdb, MDS_LMDB_WRITE, -1, err, NULL);
    }

    code = lmdb->denial != 0 ? lmdb->denial
                             : mdb_txn_begin(lmdb->env, NULL, 0, &lmdb->txn);

    if (code != 0) {
        lmdb->txn = NULL;
        return mds_lmdb_fail(err, code, "write", mds_lmdb_path(lmdb));
    }

    lmdb->code = 0;
    return MDS_OK;
}

void
mds_lmdb_abort(mds_lmdb_t *lmdb)
{
    mds_status_t status;

    if (lmdb->remote != NULL) {
        status = mds_lmdb_call_remote(lmdb, MDS_LMDB_ABORT, -1, NULL, NULL);
        (void) status; /* a process that is gone has no transaction */

    } else if (lmdb->txn == NULL) {
        return;

    } else if (lmdb->txn != lmdb->reader) {
        mdb_txn_abort(lmdb->txn);

    } else if (lmdb->mode != MDS_LMDB_IMMUTABLE) {
        mdb_txn_reset(lmdb->txn);
    }

    lmdb->txn = NULL;
}

mds_status_t
mds_lmdb_commit(mds_lmdb_t *lmdb, mds_error_t *err)
{
    int code = lmdb->code;

    if (code != 0) {
        mds_lmdb_abort(lmdb);

    } else if (lmdb->remote != NULL) {
        return mds_lmdb_call_remote(lmdb, MDS_LMDB_COMMIT, -1, err, NULL);

    } else {
        code = mdb_txn_commit(lmdb->txn);
        lmdb->txn = NULL;
    }

    return code == 0 ? MDS_OK
                     : mds_lmdb_fail(err, code, "write", mds_lmdb_path(lmdb));
}

void
mds_lmdb_checkpoint(mds_lmdb_t *lmdb)
{
    if (lmdb->code != 0) {
        return;
    }

    lmdb->code = mdb_txn_commit(lmdb->txn);
    lmdb->txn = NULL;

    if (lmdb->code == 0) {
        lmdb->code = mdb_txn_begin(lmdb->env, NULL, 0, &lmdb->txn);
    }
}

mds_status_t
mds_lmdb_status(const mds_lmdb_t *lmdb, mds_error_t *err)
{
    return lmdb->code == 0
               ? MDS_OK
               : mds_lmdb_fail(err, lmdb->code, "use", mds_lmdb_path(lmdb));
}

int
mds_lmdb_code(const mds_lmdb_t *lmdb)
{
    return lmdb->code;
}

uint64_t
mds_lmdb_file_bytes(const mds_lmdb_t *lmdb)
{
    MDB_envinfo info;
    MDB_stat    stat;
    uint64_t    bytes;

    if (lmdb->remote != NULL) {
        return mds_lmdb_call_remote(lmdb, MDS_LMDB_FILE_BYTES, -1, NULL, &bytes)
                       == MDS_OK
                   ? bytes
                   : 0;
    }

    (void) mdb_env_info(lmdb->env, &info);
    (void) mdb_env_stat(lmdb->env, &stat);

    return (info.me_last_pgno + 1) * (uint64_t) stat.ms_psize;
}

/* Reads a line of the list of readers: " pid thread txnid", the same with "-"
 * for a reader that has no transaction, or the heading. */
static int
mds_lmdb_note_reader(const char *line, void *data)
{
    size_t     *oldest = data;
    const char *last = strrchr(line, ' ');
    char       *end;
    size_t      txnid;

    if (last == NULL) {
        return 0;
    }

    txnid = strtoul(last, &end, 10);

    if (end != last && txnid < *oldest) {
        *oldest = txnid;
    }

    return 0;
}

/*
 * Counts free pages. Each record of LMDB's list of them is of the transaction
 * that freed them, and begins with their number. They can be used again when no
 * reader has a transaction from before that one.
 */
static int
mds_lmdb_count_free(mds_lmdb_t *lmdb, uint64_t *all, uint64_t *unseen)
{
    MDB_cursor *cursor;
    MDB_val     key, value;
    size_t      oldest = SIZE_MAX, freed_by, count;
    int code = mdb_reader_list(lmdb->env, mds_lmdb_note_reader, &oldest);

    *all = 0;
    *unseen = 0;

    code = code < 0 ? code : mdb_cursor_open(lmdb->txn, 0, &cursor);
    if (code != 0) {
        return code;
    }

    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        memcpy(&freed_by, key.mv_data, sizeof(freed_by));
        memcpy(&count, value.mv_data, sizeof(count));
        *all += count;
        *unseen += freed_by < oldest ? count : 0;
    }

    mdb_cursor_close(cursor);

    return code == MDB_NOTFOUND ? 0 : code;
}

mds_status_t
mds_lmdb_room(mds_lmdb_t *lmdb, uint64_t limit_bytes, uint64_t enough_pages,
              mds_error_t *err, mds_lmdb_room_t *room)
{
    MDB_stat     stat;
    uint64_t     file, limit, grows, all = 0, unseen = 0;
    int          code = 0;
    mds_status_t status;

    if (lmdb->remote != NULL) {
        return mds_lmdb_fail(err, ENOTSUP, "measure", mds_lmdb_path(lmdb));
    }

    status = mds_lmdb_read(lmdb, err);
    if (status != MDS_OK) {
        return status;
    }

    (void) mdb_env_stat(lmdb->env, &stat);
    file = mds_lmdb_file_bytes(lmdb) / stat.ms_psize;
    limit = limit_bytes / stat.ms_psize;
    grows = limit > file ? limit - file : 0;

    if (grows < enough_pages) {
        code = mds_lmdb_count_free(lmdb, &all, &unseen);
    }

    mds_lmdb_abort(lmdb);

    if (code != 0) {
        return mds_lmdb_fail(err, code, "read", mds_lmdb_path(lmdb));
    }

    *room = (mds_lmdb_room_t){ file - all, grows + unseen };
    return MDS_OK;
}

mds_status_t
mds_lmdb_copy(mds_lmdb_t *lmdb, int fd, mds_error_t *err)
{
    int code;

    if (lmdb->remote != NULL) {
        return mds_lmdb_call_remote(lmdb, MDS_LMDB_COPY, fd, err, NULL);
    }

    code = mdb_env_copyfd2(lmdb->env, fd, MDB_CP_COMPACT);

    return code == 0 ? MDS_OK
                     : mds_lmdb_fail(err, code, "copy", mds_lmdb_path(lmdb));
}
