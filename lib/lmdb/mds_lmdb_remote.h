/*
 * mds_lmdb_remote: environments that another process has opened.
 *
 * mds_lmdb_open() offers each SHARED environment to an opener, where a program
 * has set one. If the opener takes it, every function of mds_lmdb.h on that
 * handle calls the function below instead of LMDB's. mdsctl sets the opener of
 * lib/proxy; nginx sets none.
 *
 * Those functions of mds_lmdb.h that have no counterpart here fail on such a
 * handle: mds_lmdb_append(), mds_lmdb_put_room(), mds_lmdb_drop() and
 * mds_lmdb_room() are for workers and for environments that are BUILT.
 */

#ifndef MDS_LMDB_REMOTE_H
#define MDS_LMDB_REMOTE_H

#include "lmdb/mds_lmdb.h"

typedef struct mds_lmdb_remote_s      mds_lmdb_remote_t;
typedef struct mds_lmdb_remote_walk_s mds_lmdb_remote_walk_t;

/* Codes of LMDB that a function below may return, beside those that it has from
 * the other process; 0 is success, and a positive code is an errno. */
enum {
    MDS_LMDB_NOT_FOUND = -30798,
    MDS_LMDB_CORRUPTED = -30796,
};

/* The functions of mds_lmdb.h that an environment elsewhere has. */
typedef enum {
    MDS_LMDB_OPEN,
    MDS_LMDB_READ,
    MDS_LMDB_WRITE,
    MDS_LMDB_COMMIT,
    MDS_LMDB_ABORT,
    MDS_LMDB_GIVE, /* to its owner there, who makes the files */
    MDS_LMDB_COPY,
    MDS_LMDB_FILE_BYTES,
    MDS_LMDB_GET,
    MDS_LMDB_PUT,
    MDS_LMDB_DELETE,
    MDS_LMDB_COUNT,
    MDS_LMDB_WALK
} mds_lmdb_op_t;

/* Functions that return an int return 0 or a code. A table is written in this
 * order, without names: the compiler rejects one that is not complete. */
typedef struct {
    /* Calls a function that needs no table: fd is MDS_LMDB_COPY's, and *number
     * (may be NULL) is the result of MDS_LMDB_FILE_BYTES. */
    mds_status_t (*call)(mds_lmdb_remote_t *remote, mds_lmdb_op_t op, int fd,
                         mds_error_t *err, uint64_t *number);

    /* Calls one that changes or counts records; *number (may be NULL) is the
     * result of MDS_LMDB_COUNT. */
    int (*record)(mds_lmdb_remote_t *remote, mds_lmdb_op_t op, unsigned table,
                  mds_str_t key, mds_str_t value, uint64_t *number);

    int (*get)(mds_lmdb_remote_t *remote, unsigned table, mds_str_t key,
               mds_str_t *value);

    /* NULL: out of memory. The bytes of `from` are read by the first next. */
    mds_lmdb_remote_walk_t *(*walk)(mds_lmdb_remote_t *remote, unsigned table,
                                    mds_str_t from);
    int (*next)(mds_lmdb_remote_walk_t *walk, mds_str_t *key, mds_str_t *value);
    void (*walk_end)(mds_lmdb_remote_walk_t *walk);

    mds_status_t (*share)(mds_lmdb_remote_t *remote, mds_error_t *err,
                          mds_lmdb_remote_t **shared);
    void (*close)(mds_lmdb_remote_t *remote);
} mds_lmdb_remote_ops_t;

/* A handle begins with this. */
struct mds_lmdb_remote_s {
    const mds_lmdb_remote_ops_t *ops;
    const char                  *path; /* of the environment, for messages */
};

/* Opens an environment elsewhere, or leaves *remote alone: this process is to
 * open it. The arguments are those of mds_lmdb_open(). */
typedef mds_status_t (*mds_lmdb_remote_open_t)(
    const char *path, mds_lmdb_mode_t mode, const char *const *names,
    unsigned table_count, uint64_t map_bytes, mds_error_t *err,
    mds_lmdb_remote_t **remote);

/* Sets the opener, before the first environment is opened. */
void mds_lmdb_set_remote(mds_lmdb_remote_open_t opener);

#endif
