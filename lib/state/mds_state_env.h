/*
 * mds_state_env: an environment of the depot's state: a directory with LMDB's
 * two files, which the workers of all nginx instances on the depot write, one
 * transaction at a time.
 *
 *   DEPOT/state/            windows, admissions, marks (mds_state.h)
 *   DEPOT/state/devices/    registrations (mds_registry.h)
 *
 * One thread reads, and one other may write: each has a handle of its own.
 */

#ifndef MDS_STATE_ENV_H
#define MDS_STATE_ENV_H

#include <stdatomic.h>
#include <sys/types.h>

#include "base/mds_file.h"
#include "lmdb/mds_lmdb.h"

/* What LMDB's table of readers takes on the disk, beside the data. */
#define MDS_STATE_ENV_LOCK_BYTES (UINT64_C(72) * 1024)

/* What one of the environments is made of. */
typedef struct {
    const char        *dir; /* in the depot */
    mds_lmdb_mode_t    mode;
    const char *const *tables;
    unsigned           table_count;
} mds_state_env_kind_t;

/* A file as it was when it was opened. */
typedef struct {
    mds_path_t path;
    dev_t      device;
    ino_t      inode;
} mds_state_env_file_t;

typedef struct {
    mds_lmdb_t          *reader;
    mds_lmdb_t          *writer; /* the same environment */
    bool                 reading;
    atomic_bool          lost; /* LMDB refuses it for good: open it anew */
    mds_state_env_file_t data;
    mds_state_env_file_t lock;
} mds_state_env_t;

/* Makes the environment's files in a directory that is there, and gives them
 * to uid and gid (-1: they stay with whoever runs this). */
mds_status_t
mds_state_env_create(const char *depot, const mds_state_env_kind_t *kind,
                     int64_t uid, int64_t gid, mds_error_t *err) MDS_MUST_CHECK;

/* An environment that is not there is an error, never a new one. *env need not
 * be closed on failure. */
mds_status_t
mds_state_env_open(const char *depot, const mds_state_env_kind_t *kind,
                   mds_error_t *err, mds_state_env_t *env) MDS_MUST_CHECK;

void mds_state_env_close(mds_state_env_t *env);

/* The data file of a depot's environment as it is now. */
mds_status_t
mds_state_env_file_id(const char *depot, const mds_state_env_kind_t *kind,
                      mds_error_t *err, mds_file_id_t *file_id) MDS_MUST_CHECK;

/*
 * Whether both files are still those that were opened, and can be read; if
 * not, close it. What is written to a file without a name is gone with the
 * process, and with another lock.mdb there are two writers at a time.
 */
mds_status_t mds_state_env_check(const mds_state_env_t *env,
                                 mds_error_t           *err) MDS_MUST_CHECK;

/* Reading goes between these two; begun twice is begun once. */
mds_status_t
mds_state_env_begin(mds_state_env_t *env, mds_error_t *err) MDS_MUST_CHECK;

void mds_state_env_end(mds_state_env_t *env);

/* Begins a transaction of the writer, and checks the files. */
mds_status_t
mds_state_env_write(mds_state_env_t *env, mds_error_t *err) MDS_MUST_CHECK;

/* How much of a file may be used by what can be done without: this part is
 * left for what has to be kept up to date. */
#define MDS_STATE_ENV_SPARE 8

/*
 * How many of count writes, of which each dirties at most write_pages pages,
 * fit into a file of limit_bytes (0: no limit), lock.mdb included: *fit is 0
 * where it is full. *spare: all but one part in MDS_STATE_ENV_SPARE is used.
 * For the writer, outside a transaction.
 */
mds_status_t
mds_state_env_fit(mds_state_env_t *env, uint64_t limit_bytes,
                  uint64_t write_pages, size_t count, mds_error_t *err,
                  size_t *fit, bool *spare) MDS_MUST_CHECK;

/* Reads the tables from end to end, while it is read: each has as many records
 * as it says. */
mds_status_t mds_state_env_audit(mds_state_env_t *env, unsigned table_count,
                                 mds_error_t *err) MDS_MUST_CHECK;

#endif
