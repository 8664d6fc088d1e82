#include "lmdb/mds_lmdb_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Loader and workers ask for the same number: the first opener fixes it. */
#define MDS_LMDB_READERS 1024

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

/*
 * Where a write was cut short, LMDB says EIO, and does not look why. On a full
 * disk there is nothing left behind such a one.
 */
static int
mds_lmdb_cause(int code, const char *path)
{
    struct statvfs disk;

    return code == EIO && statvfs(path, &disk) == 0 && disk.f_bavail == 0
               ? ENOSPC
               : code;
}

static mds_status_t
mds_lmdb_fail(mds_error_t *err, int code, const char *what, const char *path)
{
    code = mds_lmdb_cause(code, path);

    return mds_fail(err, mds_lmdb_status_of(code), "failed to %s \"%s\": %s",
                    what, path, mdb_strerror(code));
}

/*
 * LMDB opens a cut file gladly, and the first look behind its end is SIGBUS:
 * the length is to be compared before anything is looked up.
 */
static mds_status_t
mds_lmdb_check_length(mds_lmdb_t *lmdb, const char *path, mds_error_t *err)
{
    struct stat st;

    if (stat(path, &st) != 0) {
        return mds_fail_errno(err, "stat \"%s\"", path);
    }

    if ((uint64_t) st.st_size < mds_lmdb_file_bytes(lmdb)) {
        return mds_fail(err, MDS_DAMAGED,
                        "\"%s\" is truncated: it has %llu bytes, and its"
                        " pages take %llu",
                        path, (unsigned long long) st.st_size,
                        (unsigned long long) mds_lmdb_file_bytes(lmdb));
    }

    return MDS_OK;
}

/*
 * Before LMDB maps the two meta pages, they have to be there. The size of the
 * file is all that is to be mapped, whatever they say.
 */
static mds_status_t
mds_lmdb_check_meta(const char *path, mds_error_t *err, uint64_t *map_bytes)
{
    struct stat st;

    if (stat(path, &st) != 0) {
        return mds_fail_errno(err, "open \"%s\"", path);
    }

    if (!S_ISREG(st.st_mode) || st.st_size < 2 * 4096) {
        return mds_fail(
            err, MDS_DAMAGED,
            "\"%s\" is not an LMDB file: its first pages are missing", path);
    }

    *map_bytes = (uint64_t) st.st_size;
    return MDS_OK;
}

static mds_status_t
mds_lmdb_now(const mds_lmdb_t *lmdb, const char *path, mds_error_t *err,
             mds_file_id_t *file_id)
{
    mdb_filehandle_t fd;
    int              code = mdb_env_get_fd(lmdb->env, &fd);

    return code == 0 ? mds_file_id(fd, path, err, file_id)
                     : mds_lmdb_fail(err, code, "stat", path);
}

static unsigned
mds_lmdb_flags(mds_lmdb_mode_t mode)
{
    unsigned more = ((mode & MDS_LMDB_SCATTERED) != 0 ? MDB_NORDAHEAD : 0)
                    | ((mode & MDS_LMDB_RELAXED) != 0 ? MDB_NOMETASYNC : 0);

    switch (mode & MDS_LMDB_MODES) {
    case MDS_LMDB_BUILD:
        return MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC | MDB_NOTLS;
    case MDS_LMDB_IMMUTABLE:
        return MDB_NOSUBDIR | MDB_NOLOCK | MDB_RDONLY | MDB_NOTLS | more;
    default:
        return MDB_NOTLS | more;
    }
}

/* flags: of the transaction and of mdb_dbi_open() in turn. */
static int
mds_lmdb_try_tables(mds_lmdb_t *lmdb, const char *const *names,
                    unsigned txn_flags, unsigned dbi_flags)
{
    int code = mdb_txn_begin(lmdb->env, NULL, txn_flags, &lmdb->txn);

    for (unsigned i = 0; code == 0 && i < lmdb->table_count; i++) {
        code = mdb_dbi_open(lmdb->txn, names[i], dbi_flags, &lmdb->tables[i]);
    }

    if (code != 0) {
        mdb_txn_abort(lmdb->txn);
        lmdb->txn = NULL;
        return code;
    }

    /* Handles opened in a transaction that aborts are closed with it. */
    code = mdb_txn_commit(lmdb->txn);
    lmdb->txn = NULL;

    return code;
}

/* Reading first: who only looks should not wait for a writer. */
static int
mds_lmdb_open_tables(mds_lmdb_t *lmdb, const char *const *names)
{
    int code = mds_lmdb_try_tables(lmdb, names, MDB_RDONLY, 0);

    if (code == MDB_NOTFOUND && lmdb->mode != MDS_LMDB_IMMUTABLE) {
        code = mds_lmdb_try_tables(lmdb, names, 0, MDB_CREATE);
    }

    return code == MDB_NOTFOUND ? MDB_INCOMPATIBLE : code;
}

/* Not to come back from: abort() would follow. */
static void
mds_lmdb_impossible(MDB_env *env, const char *what)
{
    (void) env;
    (void) what;

    (void) raise(SIGBUS);
}

static int
mds_lmdb_open_env(mds_lmdb_t *lmdb, const char *path, mds_lmdb_mode_t mode,
                  uint64_t map_bytes)
{
    int code = mdb_env_create(&lmdb->env);

    if (code == 0) {
        code = mdb_env_set_assert(lmdb->env, mds_lmdb_impossible);
    }

    if (code == 0 && map_bytes != 0) {
        code = mdb_env_set_mapsize(lmdb->env, map_bytes);
    }

    if (code == 0) {
        code = mdb_env_set_maxdbs(lmdb->env, MDS_LMDB_TABLES_MAX);
    }

    if (code == 0) {
        code = mdb_env_set_maxreaders(lmdb->env, MDS_LMDB_READERS);
    }

    return code != 0
               ? code
               : mdb_env_open(lmdb->env, path, mds_lmdb_flags(mode), 0640);
}

/* A handle of its own environment, or of another's. */
static mds_lmdb_t *
mds_lmdb_handle(const mds_lmdb_t *of)
{
    mds_lmdb_t *lmdb = calloc(1, sizeof(*lmdb));

    if (lmdb == NULL) {
        return NULL;
    }

    if (of != NULL) {
        *lmdb = *of;
        lmdb->txn = NULL;
        lmdb->reader = NULL;
        lmdb->handle = of->handle + 1;
        lmdb->kept = NULL;
        atomic_fetch_add(lmdb->handles, 1);
        return lmdb;
    }

    lmdb->handles = calloc(1, sizeof(*lmdb->handles));
    if (lmdb->handles == NULL) {
        free(lmdb);
        return NULL;
    }

    atomic_init(lmdb->handles, 1);
    return lmdb;
}

mds_status_t
mds_lmdb_share(mds_lmdb_t *lmdb, mds_error_t *err, mds_lmdb_t **shared)
{
    mds_lmdb_t *handle = mds_lmdb_handle(lmdb);

    if (handle == NULL) {
        return mds_fail_memory(err);
    }

    *shared = handle;
    return MDS_OK;
}

void
mds_lmdb_clear_stale_readers(mds_lmdb_t *lmdb)
{
    int dead;

    if (lmdb->proxy == NULL) {
        (void) mdb_reader_check(lmdb->env, &dead);
    }
}

/* In this process. */
static mds_status_t
mds_lmdb_open_here(const char *path, mds_lmdb_mode_t how,
                   const char *const *names, uint64_t map_bytes,
                   mds_error_t *err, mds_lmdb_t *opened)
{
    mds_status_t status = MDS_OK;
    int          code = mds_lmdb_open_env(opened, path, how, map_bytes);

    if (code == 0 && opened->mode == MDS_LMDB_IMMUTABLE) {
        status = mds_lmdb_now(opened, path, err, &opened->file_id);
    }

    if (code == 0 && status == MDS_OK && opened->mode == MDS_LMDB_IMMUTABLE) {
        status = mds_lmdb_check_length(opened, path, err);
    }

    if (code == 0 && opened->mode == MDS_LMDB_SHARED) {
        mds_lmdb_clear_stale_readers(opened);
    }

    if (code == 0 && status == MDS_OK) {
        code = mds_lmdb_open_tables(opened, names);
    }

    return code == 0 ? status : mds_lmdb_fail(err, code, "open", path);
}

mds_status_t
mds_lmdb_open(const char *path, mds_lmdb_mode_t mode, const char *const *names,
              unsigned table_count, uint64_t map_bytes, mds_error_t *err,
              mds_lmdb_t **lmdb)
{
    mds_lmdb_mode_t how = mode;
    mds_lmdb_t     *opened;
    mds_status_t    status = MDS_OK;
    bool            aside = false;
    int             dir;

    mode = how & MDS_LMDB_MODES;

    if (mode == MDS_LMDB_IMMUTABLE) {
        status = mds_lmdb_check_meta(path, err, &map_bytes);

    } else if (mode == MDS_LMDB_SHARED) {
        status = mds_lmdb_check_files(path, err);
    }

    if (status == MDS_OK && mode == MDS_LMDB_SHARED) {
        status = mds_proxy_wanted(path, err, &dir, &aside);
    }

    if (status != MDS_OK) {
        return status;
    }

    opened = mds_lmdb_handle(NULL);

    if (opened == NULL) {
        status = mds_fail(err, MDS_NO_MEMORY,
                          "failed to open \"%s\": out of memory", path);

    } else {
        opened->mode = mode;
        opened->table_count = table_count;
        status = aside ? mds_proxy_open(path, dir, how, names, table_count,
                                        map_bytes, err, &opened->proxy)
                       : mds_lmdb_open_here(path, how, names, map_bytes, err,
                                            opened);
    }

    if (aside) {
        close(dir);
    }

    if (status != MDS_OK) {
        mds_lmdb_close(opened);
        return status;
    }

    *lmdb = opened;
    return MDS_OK;
}

void
mds_lmdb_close(mds_lmdb_t *lmdb)
{
    if (lmdb == NULL) {
        return;
    }

    mds_lmdb_abort(lmdb);

    if (lmdb->reader != NULL) {
        mdb_txn_abort(lmdb->reader);
    }

    if (atomic_fetch_sub(lmdb->handles, 1) == 1) {
        if (lmdb->env != NULL) {
            mdb_env_close(lmdb->env);
        }
        mds_proxy_close(lmdb->proxy);
        free(lmdb->handles);
    }

    free(lmdb);
}

static const char *
mds_lmdb_path(const mds_lmdb_t *lmdb)
{
    const char *path = "";

    if (lmdb->proxy != NULL) {
        return mds_proxy_path(lmdb->proxy);
    }

    (void) mdb_env_get_path(lmdb->env, &path);
    return path;
}

const mds_file_id_t *
mds_lmdb_file_id(const mds_lmdb_t *lmdb)
{
    return &lmdb->file_id;
}

mds_status_t
mds_lmdb_check(const mds_lmdb_t *lmdb, mds_error_t *err)
{
    const char   *path = mds_lmdb_path(lmdb);
    mds_file_id_t file_id = { 0 };
    mds_status_t  status = mds_lmdb_now(lmdb, path, err, &file_id);

    if (status == MDS_OK && !mds_file_id_eq(&file_id, &lmdb->file_id)) {
        return mds_fail(err, MDS_DAMAGED,
                        "\"%s\" was written to while it was served", path);
    }

    return status;
}

mds_status_t
mds_lmdb_read(mds_lmdb_t *lmdb, mds_error_t *err)
{
    int code = 0, dead;

    if (lmdb->proxy != NULL) {
        return mds_lmdb_proxy_do(lmdb, MDS_PROXY_READ, err);
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

    if (lmdb->proxy != NULL) {
        return mds_lmdb_proxy_do(lmdb, MDS_PROXY_WRITE, err);
    }

    code = mdb_txn_begin(lmdb->env, NULL, 0, &lmdb->txn);

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
    if (lmdb->proxy != NULL) {
        mds_lmdb_proxy_end(lmdb);
        return;
    }

    if (lmdb->txn == NULL) {
        return;
    }

    if (lmdb->txn != lmdb->reader) {
        mdb_txn_abort(lmdb->txn);

    } else if (lmdb->mode != MDS_LMDB_IMMUTABLE) {
        mdb_txn_reset(lmdb->txn);
    }

    lmdb->txn = NULL;
}

mds_status_t
mds_lmdb_commit(mds_lmdb_t *lmdb, mds_error_t *err)
{
    int          code = lmdb->code;
    mds_status_t status;

    if (lmdb->proxy != NULL && code == 0) {
        status = mds_lmdb_proxy_do(lmdb, MDS_PROXY_COMMIT, err);
        mds_lmdb_abort(lmdb);
        return status;
    }

    if (code != 0) {
        mds_lmdb_abort(lmdb);
    } else {
        code = mdb_txn_commit(lmdb->txn);
        lmdb->txn = NULL;
    }

    return code == 0 ? MDS_OK
                     : mds_lmdb_fail(err, code, "write", mds_lmdb_path(lmdb));
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

    if (lmdb->proxy != NULL) {
        return mds_lmdb_proxy_bytes(lmdb);
    }

    (void) mdb_env_info(lmdb->env, &info);
    (void) mdb_env_stat(lmdb->env, &stat);

    return (info.me_last_pgno + 1) * (uint64_t) stat.ms_psize;
}

/* The readers' lines are " pid thread txnid", below a heading. */
static int
mds_lmdb_note_reader(const char *line, void *data)
{
    size_t *oldest = data;
    size_t  txnid;

    if (sscanf(line, "%*d %*x %zu", &txnid) == 1 && txnid < *oldest) {
        *oldest = txnid;
    }

    return 0;
}

/*
 * Each record of the list of free pages is of one transaction, which freed
 * them, and begins with their number. They can be used again once no reader
 * sees what was before it.
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
mds_lmdb_room(mds_lmdb_t *lmdb, uint64_t limit_bytes, uint64_t parts,
              uint64_t enough_pages, mds_error_t *err, mds_lmdb_room_t *room)
{
    MDB_stat     stat;
    uint64_t     file, limit, grows, all = 0, unseen = 0;
    int          code = 0;
    mds_status_t status = mds_lmdb_read(lmdb, err);

    if (status != MDS_OK) {
        return status;
    }

    (void) mdb_env_stat(lmdb->env, &stat);
    file = mds_lmdb_file_bytes(lmdb) / stat.ms_psize;
    limit = limit_bytes / stat.ms_psize;
    grows = limit > file ? limit - file : 0;

    if (grows < enough_pages || grows <= limit / parts) {
        code = mds_lmdb_count_free(lmdb, &all, &unseen);
    }

    mds_lmdb_abort(lmdb);

    if (code != 0) {
        return mds_lmdb_fail(err, code, "read", mds_lmdb_path(lmdb));
    }

    *room = (mds_lmdb_room_t){ limit, file - all, grows + unseen };
    return MDS_OK;
}

mds_status_t
mds_lmdb_copy(mds_lmdb_t *lmdb, int fd, mds_error_t *err)
{
    int code;

    if (lmdb->proxy != NULL) {
        return mds_lmdb_proxy_copy(lmdb, fd, err);
    }

    code = mdb_env_copyfd2(lmdb->env, fd, MDB_CP_COMPACT);

    return code == 0 ? MDS_OK
                     : mds_lmdb_fail(err, code, "copy", mds_lmdb_path(lmdb));
}
