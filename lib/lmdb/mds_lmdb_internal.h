/*
 * mds_lmdb_internal: the handles and helpers that the files of mds_lmdb share.
 */

#ifndef MDS_LMDB_INTERNAL_H
#define MDS_LMDB_INTERNAL_H

#include <lmdb.h>
#include <stdatomic.h>

#include "lmdb/mds_lmdb.h"
#include "lmdb/mds_lmdb_remote.h"

/* The loader and the workers set the same number: the first process that opens
 * an environment sets it for all. */
#define MDS_LMDB_READERS 1024

struct mds_lmdb_s {
    MDB_env        *env;
    atomic_uint    *handles; /* how many share the environment */
    MDB_txn        *txn;     /* under way, NULL: none */
    MDB_txn        *reader;  /* kept between reads, NULL: none yet */
    mds_lmdb_mode_t mode;
    int             denial;  /* errno of writing, SHARED; 0: the user may */
    char           *path;    /* of the files, if a copy is open; or NULL */
    int             code;    /* the transaction's first failure */
    mds_file_id_t   file_id; /* of the file; IMMUTABLE alone */
    unsigned        table_count;
    MDB_dbi         tables[MDS_LMDB_TABLES_MAX]; /* mds_lmdb_open() */

    mds_lmdb_remote_t *remote; /* has the environment instead; NULL: none */
};

struct mds_lmdb_cursor_s {
    mds_lmdb_t             *lmdb;
    MDB_cursor             *cursor; /* NULL: the walk could not begin */
    mds_lmdb_remote_walk_t *remote; /* has the cursor instead */
    MDB_val                 from;
    bool                    begun;
};

/* mds_lmdb.c: fails with LMDB's code: "failed to VERB PATH". */
mds_status_t
mds_lmdb_fail(mds_error_t *err, int code, const char *verb, const char *path);

/* mds_lmdb.c: calls a function of the other process. */
mds_status_t
mds_lmdb_call_remote(const mds_lmdb_t *lmdb, mds_lmdb_op_t op, int fd,
                     mds_error_t *err, uint64_t *number) MDS_MUST_CHECK;

/* mds_lmdb.c: returns the path that the environment was opened by. */
const char *mds_lmdb_path(const mds_lmdb_t *lmdb);

/* mds_lmdb_files.c: checks the environment's two files. MDS_INVALID: one of
 * them is not a regular file. */
mds_status_t
mds_lmdb_check_files(const char *dir, mds_error_t *err) MDS_MUST_CHECK;

/* mds_lmdb_copy_file.c: copies an environment into a file without a name, while
 * others may write to it. The caller closes *fd. MDS_CONFLICT: it changes all
 * the time. */
mds_status_t
mds_lmdb_copy_file(const char *dir, mds_error_t *err, int *fd) MDS_MUST_CHECK;

/* mds_lmdb_files.c: returns errno if this user may read the environment, but
 * not write to it, else 0; *locks tells whether its readers' table is writable.
 */
int mds_lmdb_find_denial(const char *dir, bool *locks);

/* mds_lmdb_files.c: checks that lock.mdb, if it exists, was not truncated.
 * MDS_INVALID: it was. */
mds_status_t
mds_lmdb_check_lock(const char *dir, mds_error_t *err) MDS_MUST_CHECK;

#endif
