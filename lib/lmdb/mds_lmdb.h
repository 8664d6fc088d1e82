/*
 * mds_lmdb: the border to LMDB. No other file knows its names or its codes.
 *
 * Three ways to open an environment:
 *
 *   BUILD      a new single file, written by one process that nobody reads
 *              meanwhile; finished by mds_lmdb_commit() and sealed (mds_seal)
 *   IMMUTABLE  a finished file, read without locks or lock file; it never
 *              changes, and mds_lmdb_check() tells when somebody did it
 *   SHARED     a directory with LMDB's own locks, for many processes
 *
 * An environment holds named tables, fixed when it is opened, and known by
 * their index from then on. In a transaction the first failure sticks: later
 * calls do nothing, and mds_lmdb_commit() reports it, so that calls can be
 * written one below the other and checked once.
 *
 * One transaction at a time in each environment: the environment is the
 * handle. Views that come out are valid until the transaction ends; they are
 * not aligned.
 *
 * Damage that LMDB stumbles over is not always a status: a page that is not
 * there is SIGBUS, a pointer that leads astray SIGSEGV, and what LMDB itself
 * finds to be impossible, and would abort() for, is made SIGBUS too. Whoever
 * has to live on catches these two.
 */

#ifndef MDS_LMDB_H
#define MDS_LMDB_H

#include "base/mds_file.h"

#define MDS_LMDB_TABLES_MAX 8
#define MDS_LMDB_KEY_MAX 511 /* bytes */

/* What an environment may grow to where nobody knows better: address space, not
 * disk. (valgrind has less of it.) */
#ifndef MDS_LMDB_MAP_BYTES
#    define MDS_LMDB_MAP_BYTES (UINT64_C(64) << 30)
#endif

typedef struct mds_lmdb_s        mds_lmdb_t;
typedef struct mds_lmdb_cursor_s mds_lmdb_cursor_t;

/* A mode, and what is or'ed to it. */
typedef enum {
    MDS_LMDB_BUILD,
    MDS_LMDB_IMMUTABLE,
    MDS_LMDB_SHARED,

    MDS_LMDB_MODES = 0x0f,
    MDS_LMDB_SCATTERED = 0x10, /* looked up at random: no page that is read
                                * brings its neighbours from the disk */
    MDS_LMDB_RELAXED = 0x20    /* a power cut may undo the last transaction */
} mds_lmdb_mode_t;

/*
 * names: table_count names of tables; BUILD and SHARED make what is missing,
 * IMMUTABLE fails with MDS_INCOMPATIBLE. map_bytes: the size that the
 * environment may grow to (address space, not disk); 0 for IMMUTABLE.
 * MDS_DAMAGED: the file is shorter than its own page count says.
 */
mds_status_t
mds_lmdb_open(const char *path, mds_lmdb_mode_t mode, const char *const *names,
              unsigned table_count, uint64_t map_bytes, mds_error_t *err,
              mds_lmdb_t **lmdb) MDS_MUST_CHECK;

/*
 * Another handle of the same environment, so that two threads, or a reader and
 * a writer of one process, each have their transaction. Each is closed.
 */
mds_status_t mds_lmdb_share(mds_lmdb_t *lmdb, mds_error_t *err,
                            mds_lmdb_t **shared) MDS_MUST_CHECK;

/*
 * Gives both files of a SHARED environment to uid and gid (-1: as it is), 0660,
 * and lock.mdb its place on the disk. LMDB makes both with one mode, and with
 * holes. The folder should be given away after its files.
 */
mds_status_t mds_lmdb_give(mds_lmdb_t *lmdb, int64_t uid, int64_t gid,
                           mds_error_t *err) MDS_MUST_CHECK;

/* The file of an IMMUTABLE environment, as it was when it was opened. */
const mds_file_id_t *mds_lmdb_file_id(const mds_lmdb_t *lmdb);

/* Whether it is still that: one system call. MDS_DAMAGED: it is not. */
mds_status_t
mds_lmdb_check(const mds_lmdb_t *lmdb, mds_error_t *err) MDS_MUST_CHECK;

/* Aborts what is under way. NULL is fine. */
void mds_lmdb_close(mds_lmdb_t *lmdb);

/*
 * A read-only transaction; in SHARED it is renewed and reset, never made anew,
 * so that it costs nanoseconds, and in IMMUTABLE it is the same for good.
 */
mds_status_t mds_lmdb_read(mds_lmdb_t *lmdb, mds_error_t *err) MDS_MUST_CHECK;

/* A writing one; waits for another writer of a SHARED environment. */
mds_status_t mds_lmdb_write(mds_lmdb_t *lmdb, mds_error_t *err) MDS_MUST_CHECK;

/*
 * Lets go of what killed readers of a SHARED environment hold: as long as one
 * seems to read, no page that it may see is used again, and the file grows.
 * Opening does so as well. From any thread.
 */
void mds_lmdb_clear_stale_readers(mds_lmdb_t *lmdb);

/* Ends a reading or a writing transaction; nothing was done. */
void mds_lmdb_abort(mds_lmdb_t *lmdb);

/* Durable once it returns MDS_OK (for BUILD: in the file, fsync is yours). */
mds_status_t mds_lmdb_commit(mds_lmdb_t *lmdb, mds_error_t *err) MDS_MUST_CHECK;

/* The first failure of the transaction; MDS_NOT_FOUND is none. */
mds_status_t mds_lmdb_status(const mds_lmdb_t *lmdb, mds_error_t *err);

/* LMDB's own number of it; 0: none. */
int mds_lmdb_code(const mds_lmdb_t *lmdb);

/* False: not there, or failed (mds_lmdb_status() tells which). */
bool
mds_lmdb_get(mds_lmdb_t *lmdb, unsigned table, mds_str_t key, mds_str_t *value);

void
mds_lmdb_put(mds_lmdb_t *lmdb, unsigned table, mds_str_t key, mds_str_t value);

/* As put, for keys that come in ascending order: full pages, no look-up. */
void mds_lmdb_append(mds_lmdb_t *lmdb, unsigned table, mds_str_t key,
                     mds_str_t value);

/* As append, but the caller fills the returned bytes; NULL on failure. */
void *mds_lmdb_append_room(mds_lmdb_t *lmdb, unsigned table, mds_str_t key,
                           size_t value_bytes);

void mds_lmdb_delete(mds_lmdb_t *lmdb, unsigned table, mds_str_t key);

/* Number of records of a table; 0 on failure. */
uint64_t mds_lmdb_count(mds_lmdb_t *lmdb, unsigned table);

/*
 * A walk in ascending order of keys from the first key at or above `from`:
 *
 *   mds_lmdb_cursor_t *c = mds_lmdb_walk(lmdb, table, from);
 *   while (mds_lmdb_next(c, &key, &value)) { ... }
 *   mds_lmdb_walk_end(c);
 *
 * A walk that fails ends early; mds_lmdb_status() tells.
 */
mds_lmdb_cursor_t      *
mds_lmdb_walk(mds_lmdb_t *lmdb, unsigned table, mds_str_t from);
bool mds_lmdb_next(mds_lmdb_cursor_t *cursor, mds_str_t *key, mds_str_t *value);
void mds_lmdb_walk_end(mds_lmdb_cursor_t *cursor);

/*
 * Writes the environment as it is now, without its free pages, to fd, while
 * others go on reading and writing it. Not within a transaction of it.
 */
mds_status_t
mds_lmdb_copy(mds_lmdb_t *lmdb, int fd, mds_error_t *err) MDS_MUST_CHECK;

/* Bytes that the environment's pages take in its file. */
uint64_t mds_lmdb_file_bytes(const mds_lmdb_t *lmdb);

/* Pages of a SHARED environment. */
typedef struct {
    uint64_t limit_pages;
    uint64_t used_pages; /* of the file, those that are not free */
    uint64_t pages;      /* that a transaction can take: new ones up to the
                          * limit, and free ones that no reader sees */
} mds_lmdb_room_t;

/*
 * What room there is in a file of limit_bytes. Where the file could grow by
 * enough_pages and by one part in `parts` of the limit, the free pages are not
 * counted, which takes a walk. Not within a transaction of the handle.
 */
mds_status_t
mds_lmdb_room(mds_lmdb_t *lmdb, uint64_t limit_bytes, uint64_t parts,
              uint64_t enough_pages, mds_error_t *err,
              mds_lmdb_room_t *room) MDS_MUST_CHECK;

/* Removes a table that is no longer one of the environment's, if it is there,
 * within a writing transaction; *changed says so, else it is left alone. */
void mds_lmdb_drop(mds_lmdb_t *lmdb, const char *name, bool *changed);

#endif
