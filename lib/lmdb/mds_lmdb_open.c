/*
 * Opens and closes environments, and checks that the file of an immutable one
 * is still the file that was opened.
 */

#include "lmdb/mds_lmdb_internal.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static mds_lmdb_remote_open_t mds_lmdb_remote_open; /* NULL: none is set */
static bool                   mds_lmdb_reads_foreign;

/* Compares the file's length with its pages before anything is looked up: LMDB
 * opens a truncated file, and the first access past its end is SIGBUS. */
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

/* Checks that the two meta pages are there, before LMDB maps them, and gives
 * the size of the file: no more than that is mapped, whatever they say. */
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

/* Checks that there is something to open, so that LMDB creates nothing. */
static mds_status_t
mds_lmdb_check_existing(const char *dir, mds_error_t *err)
{
    struct stat  st;
    mds_path_t   path;
    mds_status_t status = mds_path(&path, err, "%s/data.mdb", dir);

    if (status != MDS_OK) {
        return status;
    }

    if (stat(path.text, &st) != 0) {
        return mds_fail_errno(err, "open \"%s\"", path.text);
    }

    return st.st_size != 0
               ? MDS_OK
               : mds_fail(err, MDS_DAMAGED, "\"%s\" is empty", path.text);
}

/* Checks that LMDB has not created the environment: the file may have been
 * truncated or removed after mds_lmdb_check_existing(). Whoever creates one on
 * purpose writes its tables, which is its first transaction. */
static mds_status_t
mds_lmdb_check_written(mds_lmdb_t *lmdb, const char *dir, mds_error_t *err)
{
    MDB_envinfo info;
    int         code = mdb_env_info(lmdb->env, &info);

    if (code != 0) {
        return mds_lmdb_fail(err, code, "open", dir);
    }

    return info.me_last_txnid != 0
               ? MDS_OK
               : mds_fail(err, MDS_DAMAGED, "\"%s/data.mdb\" is empty", dir);
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
    unsigned more = (mode & MDS_LMDB_SCATTERED) != 0 ? MDB_NORDAHEAD : 0;

    switch (mode & MDS_LMDB_MODES) {
    case MDS_LMDB_BUILD:
        return MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC | MDB_NOTLS;
    case MDS_LMDB_IMMUTABLE:
        return MDB_NOSUBDIR | MDB_NOLOCK | MDB_RDONLY | MDB_NOTLS | more;
    default:
        return MDB_NOTLS | more;
    }
}

/* Opens the tables in one transaction. */
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

/* Tries a read-only transaction first, so that a reader never waits for a
 * writer. */
static int
mds_lmdb_open_tables(mds_lmdb_t *lmdb, const char *const *names)
{
    int code = mds_lmdb_try_tables(lmdb, names, MDB_RDONLY, 0);

    if (code == MDB_NOTFOUND && lmdb->mode != MDS_LMDB_IMMUTABLE
        && lmdb->denial == 0)
    {
        code = mds_lmdb_try_tables(lmdb, names, 0, MDB_CREATE);
    }

    return code == MDB_NOTFOUND ? MDB_INCOMPATIBLE : code;
}

/* LMDB calls this where it has found an inconsistency, and then abort(). The
 * signal lets a fault guard treat it as damage. */
static void
mds_lmdb_impossible(MDB_env *env, const char *what)
{
    (void) env;
    (void) what;

    (void) raise(SIGBUS);
}

static int
mds_lmdb_open_env(mds_lmdb_t *lmdb, const char *path, unsigned flags,
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

    return code != 0 ? code : mdb_env_open(lmdb->env, path, flags, 0640);
}

mds_status_t
mds_lmdb_share(mds_lmdb_t *lmdb, mds_error_t *err, mds_lmdb_t **shared)
{
    mds_status_t status = MDS_OK;
    mds_lmdb_t  *handle = malloc(sizeof(*handle));

    if (handle == NULL) {
        return mds_fail_memory(err);
    }

    *handle = *lmdb;
    handle->txn = NULL;
    handle->reader = NULL;

    if (lmdb->remote != NULL) {
        status = lmdb->remote->ops->share(lmdb->remote, err, &handle->remote);
    }

    if (status != MDS_OK) {
        free(handle);
        return status;
    }

    atomic_fetch_add(lmdb->handles, 1);
    *shared = handle;
    return MDS_OK;
}

void
mds_lmdb_clear_stale_readers(mds_lmdb_t *lmdb)
{
    int dead;

    if (lmdb->remote == NULL) {
        (void) mdb_reader_check(lmdb->env, &dead);
    }
}

/* Opens the environment in this process. */
static mds_status_t
mds_lmdb_open_here(const char *path, mds_lmdb_mode_t how,
                   const char *const *names, uint64_t map_bytes,
                   mds_error_t *err, mds_lmdb_t *opened)
{
    mds_status_t status = MDS_OK;
    int          code = mds_lmdb_open_env(opened, path,
                                          mds_lmdb_flags(how)
                                              | (opened->denial != 0 ? MDB_RDONLY : 0),
                                          map_bytes);

    if (code == 0 && opened->mode == MDS_LMDB_IMMUTABLE) {
        status = mds_lmdb_now(opened, path, err, &opened->file_id);
    }

    if (code == 0 && status == MDS_OK && opened->mode == MDS_LMDB_IMMUTABLE) {
        status = mds_lmdb_check_length(opened, path, err);
    }

    if (code == 0 && (how & MDS_LMDB_EXISTING) != 0) {
        status = mds_lmdb_check_written(opened, path, err);
    }

    if (code == 0 && opened->mode == MDS_LMDB_SHARED) {
        mds_lmdb_clear_stale_readers(opened);
    }

    if (code == 0 && status == MDS_OK) {
        code = mds_lmdb_open_tables(opened, names);
    }

    return code == 0 ? status : mds_lmdb_fail(err, code, "open", path);
}

void
mds_lmdb_enable_reading(void)
{
    mds_lmdb_reads_foreign = true;
}

/*
 * Opens an environment to which this user may not write: read-only, with the
 * others' table of readers if it is writable. Otherwise no writer would see
 * this reader, and it would use pages again that are being read: a copy is
 * opened.
 */
static mds_status_t
mds_lmdb_open_foreign(const char *dir, const char *const *names,
                      uint64_t map_bytes, bool locks, mds_error_t *err,
                      mds_lmdb_t *opened)
{
    mds_path_t   path;
    int          fd, code;
    mds_status_t status;

    if (locks) {
        return mds_lmdb_open_here(dir, MDS_LMDB_SHARED, names, map_bytes, err,
                                  opened);
    }

    status = mds_lmdb_copy_file(dir, err, &fd);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_path(&path, err, "/proc/self/fd/%d", fd);
    opened->path = strdup(dir);

    if (opened->path == NULL) {
        status = mds_fail_memory(err);
    }

    if (status == MDS_OK) {
        code = mds_lmdb_open_env(opened, path.text,
                                 mds_lmdb_flags(MDS_LMDB_IMMUTABLE), map_bytes);
        code = code != 0 ? code : mds_lmdb_open_tables(opened, names);
        status = code == 0 ? MDS_OK : mds_lmdb_fail(err, code, "open", dir);
    }

    close(fd); /* LMDB has opened the file again */
    return status;
}

void
mds_lmdb_set_remote(mds_lmdb_remote_open_t opener)
{
    mds_lmdb_remote_open = opener;
}

/* Checks what lies under the path, and has the opener open it, if it does. */
static mds_status_t
mds_lmdb_open_shared(const char *path, mds_lmdb_mode_t how,
                     const char *const *names, uint64_t map_bytes,
                     mds_error_t *err, mds_lmdb_t *opened)
{
    mds_status_t status = mds_lmdb_check_files(path, err);

    if (status == MDS_OK && (how & MDS_LMDB_EXISTING) != 0) {
        status = mds_lmdb_check_existing(path, err);
    }

    if (status == MDS_OK && mds_lmdb_remote_open != NULL) {
        status = mds_lmdb_remote_open(path, how, names, opened->table_count,
                                      map_bytes, err, &opened->remote);
    }

    return status == MDS_OK && opened->remote == NULL
               ? mds_lmdb_check_lock(path, err)
               : status;
}

mds_status_t
mds_lmdb_open(const char *path, mds_lmdb_mode_t mode, const char *const *names,
              unsigned table_count, uint64_t map_bytes, mds_error_t *err,
              mds_lmdb_t **lmdb)
{
    mds_status_t status = MDS_OK;
    mds_lmdb_t  *opened;
    bool         locks = false;

    if (table_count > MDS_LMDB_TABLES_MAX) {
        return mds_fail(err, MDS_INVALID, "\"%s\": too many tables", path);
    }

    opened = calloc(1, sizeof(*opened));

    if (opened == NULL
        || (opened->handles = calloc(1, sizeof(*opened->handles))) == NULL)
    {
        free(opened);
        return mds_fail_memory(err);
    }

    atomic_init(opened->handles, 1);
    opened->mode = mode & MDS_LMDB_MODES;
    opened->table_count = table_count;

    if (opened->mode == MDS_LMDB_IMMUTABLE) {
        status = mds_lmdb_check_meta(path, err, &map_bytes);

    } else if (opened->mode == MDS_LMDB_SHARED) {
        status
            = mds_lmdb_open_shared(path, mode, names, map_bytes, err, opened);
    }

    if (status == MDS_OK && opened->remote == NULL) {
        if (opened->mode == MDS_LMDB_SHARED && mds_lmdb_reads_foreign) {
            opened->denial = mds_lmdb_find_denial(path, &locks);
        }

        status = opened->denial != 0
                     ? mds_lmdb_open_foreign(path, names, map_bytes, locks, err,
                                             opened)
                     : mds_lmdb_open_here(path, mode, names, map_bytes, err,
                                          opened);
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

    if (lmdb->remote != NULL) {
        lmdb->remote->ops->close(lmdb->remote);
    }

    if (atomic_fetch_sub(lmdb->handles, 1) == 1) {
        mdb_env_close(lmdb->env); /* NULL is fine */
        free(lmdb->handles);
        free(lmdb->path);
    }

    free(lmdb);
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
