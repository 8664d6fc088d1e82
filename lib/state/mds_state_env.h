/*
 * mds_state_env: the environment of the depot's state: DEPOT/state/ with LMDB's
 * two files, which the workers of all nginx instances on the depot write, one
 * transaction at a time.
 *
 * One thread may read while one other writes: each has a handle of its own.
 */

#ifndef MDS_STATE_ENV_H
#define MDS_STATE_ENV_H

#include <stdatomic.h>
#include <sys/types.h>

#include "base/mds_file.h"
#include "lmdb/mds_lmdb.h"

/* The bytes that LMDB's table of readers takes on the disk. */
#define MDS_STATE_ENV_LOCK_BYTES (UINT64_C(72) * 1024)

/* A file as it was when it was opened. */
typedef struct {
    mds_path_t path;
    dev_t      device;
    ino_t      inode;
    off_t      bytes; /* it does not shrink */
} mds_state_env_file_t;

typedef struct {
    mds_lmdb_t          *reader;
    mds_lmdb_t          *writer; /* the same environment */
    bool                 reading;
    atomic_bool          lost; /* LMDB refuses it for good: reopen it */
    mds_state_env_file_t data;
    mds_state_env_file_t lock;
} mds_state_env_t;

/* Creates the environment's files in a directory that exists; they belong to
 * uid and gid (-1: unchanged). */
mds_status_t mds_state_env_create(const char *depot, int64_t uid, int64_t gid,
                                  mds_error_t *err) MDS_MUST_CHECK;

/* Opens an environment. One that does not exist is an error. *env need not be
 * closed on failure. */
mds_status_t mds_state_env_open(const char *depot, mds_error_t *err,
                                mds_state_env_t *env) MDS_MUST_CHECK;

void mds_state_env_close(mds_state_env_t *env);

/* Gives the identity of an environment's data file as it is now. */
mds_status_t mds_state_env_file_id(const char *depot, mds_error_t *err,
                                   mds_file_id_t *file_id) MDS_MUST_CHECK;

/*
 * Checks that both files are still those that were opened, and can be read. If
 * it fails, close the environment: writes to a file without a name are lost
 * when the process ends, and with another lock.mdb there are two writers at a
 * time.
 */
mds_status_t mds_state_env_check(const mds_state_env_t *env,
                                 mds_error_t           *err) MDS_MUST_CHECK;

/* Begin and end reading. To begin twice is to begin once. */
mds_status_t
mds_state_env_begin(mds_state_env_t *env, mds_error_t *err) MDS_MUST_CHECK;

void mds_state_env_end(mds_state_env_t *env);

/* Begins a write transaction, and checks the files. */
mds_status_t
mds_state_env_write(mds_state_env_t *env, mds_error_t *err) MDS_MUST_CHECK;

/*
 * Gives how many of count writes, of which each dirties at most write_pages
 * pages, fit into limit_bytes (0: no limit), lock.mdb included; 0: it is full.
 * Call it in the writing thread, outside a transaction.
 */
mds_status_t mds_state_env_fit(mds_state_env_t *env, uint64_t limit_bytes,
                               uint64_t write_pages, size_t count,
                               mds_error_t *err, size_t *fit) MDS_MUST_CHECK;

/* Reads the tables from end to end, between begin and end, and checks that each
 * has as many records as it says. */
mds_status_t
mds_state_env_audit(mds_state_env_t *env, mds_error_t *err) MDS_MUST_CHECK;

#endif
