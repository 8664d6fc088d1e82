/*
 * mds_lmdb: transactions in environments of LMDB, whose names and codes no
 * other folder uses.
 *
 * An environment is opened in one of three modes:
 *
 *   BUILD      a new file, which one process writes; no process reads it until
 *              mds_lmdb_commit() has finished it, and it is sealed (mds_seal.h)
 *   IMMUTABLE  a finished file, which is read without locks and never changes;
 *              mds_lmdb_check() finds out if it did
 *   SHARED     a directory with LMDB's own locks, for many processes
 *
 * An environment has named tables, which are given when it is opened; calls
 * name one by its index. In a transaction the first failure sticks: later calls
 * do nothing, and mds_lmdb_commit() reports it, so that a caller may make many
 * calls and check once.
 *
 * A handle has one transaction at a time. Views that a call returns are valid
 * until the transaction ends; they are not aligned.
 *
 * Damage does not always become a status: to read a page behind the end of the
 * file raises SIGBUS, and a wrong pointer may raise SIGSEGV. Where LMDB finds
 * an inconsistency and would abort(), SIGBUS is raised too. A program that must
 * survive them uses mds_fault_guard.h.
 */

#ifndef MDS_LMDB_H
#define MDS_LMDB_H

#include "base/mds_file.h"

#define MDS_LMDB_TABLES_MAX 9
#define MDS_LMDB_KEY_MAX 511 /* bytes */

/* The size that an environment may grow to if nothing else bounds it: address
 * space, not disk. (valgrind has less of it.) */
#ifndef MDS_LMDB_MAP_BYTES
#    define MDS_LMDB_MAP_BYTES (UINT64_C(64) << 30)
#endif

typedef struct mds_lmdb_s        mds_lmdb_t;
typedef struct mds_lmdb_cursor_s mds_lmdb_cursor_t;

/* A mode, and flags that are or'ed to it. */
typedef enum {
    MDS_LMDB_BUILD,
    MDS_LMDB_IMMUTABLE,
    MDS_LMDB_SHARED,

    MDS_LMDB_MODES = 0x0f,
    MDS_LMDB_SCATTERED = 0x10, /* look-ups are at random: a page is read from
                                * the disk without its neighbours */
    MDS_LMDB_EXISTING = 0x20   /* a SHARED environment that somebody has
                                * written: a file that is missing or empty is
                                * a failure, not a new environment */
} mds_lmdb_mode_t;

/*
 * Opens an environment with at most MDS_LMDB_TABLES_MAX tables. BUILD and
 * SHARED create tables that are missing; IMMUTABLE fails with MDS_INCOMPATIBLE.
 * map_bytes is the size that the environment may grow to; 0 for IMMUTABLE.
 * MDS_DAMAGED: the file is shorter than its own page count says, or it is empty
 * and must be EXISTING.
 */
mds_status_t
mds_lmdb_open(const char *path, mds_lmdb_mode_t mode, const char *const *names,
              unsigned table_count, uint64_t map_bytes, mds_error_t *err,
              mds_lmdb_t **lmdb) MDS_MUST_CHECK;

/*
 * Opens another handle of the same environment, so that two threads, or a
 * reader and a writer of one process, each have a transaction. Each handle is
 * closed.
 */
mds_status_t mds_lmdb_share(mds_lmdb_t *lmdb, mds_error_t *err,
                            mds_lmdb_t **shared) MDS_MUST_CHECK;

/*
 * Changes the owner of both files of a SHARED environment to uid and gid (-1:
 * unchanged) and their mode to 0660, and allocates lock.mdb on the disk: LMDB
 * creates both with one mode, and with holes. Change the folder's owner after
 * that of its files.
 */
mds_status_t mds_lmdb_give(mds_lmdb_t *lmdb, int64_t uid, int64_t gid,
                           mds_error_t *err) MDS_MUST_CHECK;

/*
 * Lets a user who may read a SHARED environment, but not write to it, open it
 * from now on. Where LMDB's locks are not writable either, the environment is
 * that of the time when it was opened: a copy. For programs that mostly read.
 */
void mds_lmdb_enable_reading(void);

/* Returns whether a SHARED environment was opened so: mds_lmdb_write() fails
 * with MDS_DENIED. */
bool mds_lmdb_is_read_only(const mds_lmdb_t *lmdb);

/* Returns the identity of an IMMUTABLE environment's file when it was opened.
 */
const mds_file_id_t *mds_lmdb_file_id(const mds_lmdb_t *lmdb);

/* Checks, by one system call, that the file is unchanged. MDS_DAMAGED: it is
 * not. */
mds_status_t
mds_lmdb_check(const mds_lmdb_t *lmdb, mds_error_t *err) MDS_MUST_CHECK;

/* Aborts a transaction that is under way, and closes the handle. NULL is fine.
 */
void mds_lmdb_close(mds_lmdb_t *lmdb);

/*
 * Begins a read-only transaction. It is kept and renewed in SHARED, which takes
 * nanoseconds, and kept unchanged in IMMUTABLE.
 */
mds_status_t mds_lmdb_read(mds_lmdb_t *lmdb, mds_error_t *err) MDS_MUST_CHECK;

/* Begins a write transaction. In SHARED it waits for the one of another handle
 * or process to end. */
mds_status_t mds_lmdb_write(mds_lmdb_t *lmdb, mds_error_t *err) MDS_MUST_CHECK;

/*
 * Clears reader slots of a SHARED environment that killed processes have left.
 * While such a slot exists, pages that its reader could see are not used again,
 * and the file grows. Opening clears them, too. Any thread may call it.
 */
void mds_lmdb_clear_stale_readers(mds_lmdb_t *lmdb);

/* Ends a transaction, and undoes its changes. */
void mds_lmdb_abort(mds_lmdb_t *lmdb);

/* Ends a transaction, and makes its changes durable. In BUILD they are in the
 * file, which the caller syncs. */
mds_status_t mds_lmdb_commit(mds_lmdb_t *lmdb, mds_error_t *err) MDS_MUST_CHECK;

/*
 * Writes what a transaction of a BUILD has put so far, and goes on in another
 * one. Memory is then needed for what is put between two calls, and not for the
 * whole file; the file is unfinished until mds_lmdb_commit(). Views end.
 */
void mds_lmdb_checkpoint(mds_lmdb_t *lmdb);

/* Returns the first failure of the transaction. That a record was not found is
 * none. */
mds_status_t mds_lmdb_status(const mds_lmdb_t *lmdb, mds_error_t *err);

/* Returns LMDB's code of that failure; 0: none. */
int mds_lmdb_code(const mds_lmdb_t *lmdb);

/* Looks up a record. False: it does not exist, or mds_lmdb_status() is a
 * failure. */
bool
mds_lmdb_get(mds_lmdb_t *lmdb, unsigned table, mds_str_t key, mds_str_t *value);

void
mds_lmdb_put(mds_lmdb_t *lmdb, unsigned table, mds_str_t key, mds_str_t value);

/* Puts records that come in ascending order of keys: pages become full, and no
 * look-up is made. Not in SHARED. */
void mds_lmdb_append(mds_lmdb_t *lmdb, unsigned table, mds_str_t key,
                     mds_str_t value);

/* Puts a record, whose value the caller writes to the returned bytes. NULL: it
 * failed. Not in SHARED. */
void *mds_lmdb_put_room(mds_lmdb_t *lmdb, unsigned table, mds_str_t key,
                        size_t value_bytes);

void mds_lmdb_delete(mds_lmdb_t *lmdb, unsigned table, mds_str_t key);

/* Returns the number of records of a table; 0 on failure. */
uint64_t mds_lmdb_count(mds_lmdb_t *lmdb, unsigned table);

/*
 * Walk a table in ascending order of keys, from the first at or above `from`:
 *
 *   mds_lmdb_cursor_t *c = mds_lmdb_walk(lmdb, table, from);
 *   while (mds_lmdb_next(c, &key, &value)) { ... }
 *   mds_lmdb_walk_end(c);
 *
 * A walk that fails ends early, and mds_lmdb_status() is that failure. Where
 * another process has the environment (mds_lmdb_remote.h), views of a walk are
 * valid only until the next call of mds_lmdb_next().
 */
mds_lmdb_cursor_t      *
mds_lmdb_walk(mds_lmdb_t *lmdb, unsigned table, mds_str_t from);
bool mds_lmdb_next(mds_lmdb_cursor_t *cursor, mds_str_t *key, mds_str_t *value);
void mds_lmdb_walk_end(mds_lmdb_cursor_t *cursor);

/*
 * Writes the environment as it is now, without its free pages, to fd; other
 * processes may read and write it meanwhile. Not within a transaction of the
 * handle.
 */
mds_status_t
mds_lmdb_copy(mds_lmdb_t *lmdb, int fd, mds_error_t *err) MDS_MUST_CHECK;

/* Returns the number of bytes that the environment's pages take in its file. */
uint64_t mds_lmdb_file_bytes(const mds_lmdb_t *lmdb);

/* Pages of a SHARED environment. */
typedef struct {
    uint64_t used_pages; /* of the file, those that are not free */
    uint64_t pages;      /* that a transaction can take: new ones up to the
                          * limit, and free ones that no reader sees */
} mds_lmdb_room_t;

/*
 * Measures the room in a file of limit_bytes. Free pages, which take a walk to
 * count, are not counted if the file could grow by enough_pages. Not within a
 * transaction of the handle.
 */
mds_status_t
mds_lmdb_room(mds_lmdb_t *lmdb, uint64_t limit_bytes, uint64_t enough_pages,
              mds_error_t *err, mds_lmdb_room_t *room) MDS_MUST_CHECK;

/* Removes a table of an older version, if it exists, within a write
 * transaction. Sets *changed to true then. */
void mds_lmdb_drop(mds_lmdb_t *lmdb, const char *name, bool *changed);

#endif
