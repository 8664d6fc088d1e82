/*
 * mds_state: the data that requests change and wait for, in DEPOT/state/: an
 * environment (mds_state_env.h) that the workers of all nginx instances write.
 *
 *   mds_window.h     whom the windows have let in
 *   mds_read_marks.h      what users have read and deleted of their messages
 *
 * Which device runs which version lies apart, in the registry
 * (mds_registry.h): whatever becomes of that, windows and marks go on.
 *
 * One thread reads, and one other may write: mds_state_write() has a handle
 * of its own.
 */

#ifndef MDS_STATE_H
#define MDS_STATE_H

#include "base/mds_file.h"

typedef struct mds_state_s mds_state_t;

/* One that asks to be let in, and what came of it. */
typedef struct {
    mds_str_t window; /* app 00 release */
    mds_str_t id;
    uint64_t  limit;    /* of the window, as the catalog has it now */
    int64_t   until_ms; /* not at or after this */
    bool      admitted; /* out: is in, from now on or since long */
} mds_admission_t;

/* Ids from first to last, both included. */
typedef struct {
    uint64_t first;
    uint64_t last;
} mds_run_t;

/* What a user says of messages. */
typedef struct {
    mds_str_t        user;           /* app 00 user */
    uint64_t         delete_through; /* 0: nothing */
    const mds_run_t *read;
    size_t           read_count;
    uint64_t         oldest; /* of the app's messages: what was read below it
                              * is gone, and need not be kept */
} mds_read_mark_t;

typedef enum { MDS_WRITE_ADMISSION, MDS_WRITE_READ_MARK } mds_write_type_t;

typedef struct {
    mds_write_type_t type;
    mds_status_t     status; /* out: its own record is damaged, or MDS_OK */
    union {
        mds_admission_t admission;
        mds_read_mark_t read_mark;
    };
} mds_write_t;

/* Returns how many bytes a copy of the write needs besides the structure: a
 * multiple of the alignment that a copy's memory must have. */
size_t mds_write_bytes(const mds_write_t *write);

/*
 * Fills *copy with a deep copy of the write. What it points to lies in memory,
 * which is aligned for mds_run_t and has mds_write_bytes(write) bytes. Returns
 * the end of those bytes, where the next copy may go.
 */
void *mds_write_copy(const mds_write_t *write, void *memory, mds_write_t *copy);

/* An empty state that uid and gid (-1: as it is) may write. */
mds_status_t mds_state_create(const char *depot, int64_t uid, int64_t gid,
                              mds_error_t *err) MDS_MUST_CHECK;

/* A state that is not there is an error, never a new one: that would forget
 * whom the windows have let in. */
mds_status_t mds_state_open(const char *depot, mds_error_t *err,
                            mds_state_t **state) MDS_MUST_CHECK;

void mds_state_close(mds_state_t *state);

/* The file of a depot's state as it is now. */
mds_status_t mds_state_file_id(const char *depot, mds_error_t *err,
                               mds_file_id_t *file_id) MDS_MUST_CHECK;

/*
 * Whether the depot's state is still the one that was opened, and can be read
 * (mds_state_env_check()); if not, close it. Writes look themselves.
 */
mds_status_t
mds_state_check(const mds_state_t *state, mds_error_t *err) MDS_MUST_CHECK;

/* Of the bytes that may be kept in state/, windows and marks have one part in
 * so many to themselves, and registrations all others. */
#define MDS_STATE_SHARE 4

/* Bounds the files to their share of max_bytes (0: no bound). */
void mds_state_set_limit(mds_state_t *state, uint64_t max_bytes);

/* Bytes that its files take. */
uint64_t mds_state_bytes(mds_state_t *state);

/* Clears reader slots that killed processes have left. Call it periodically,
 * from any thread. */
void mds_state_clear_stale_readers(mds_state_t *state);

/* Reading goes between these two; begun twice is begun once. */
mds_status_t
mds_state_begin(mds_state_t *state, mds_error_t *err) MDS_MUST_CHECK;

void mds_state_end(mds_state_t *state);

/*
 * Writes all, in order, in one transaction, or in a few where there is not much
 * room left; all is durable when this returns MDS_OK. MDS_NO_SPACE: they do
 * not fit into what mds_state_set_limit() said. May wait for other writers and
 * for the disk: not for an event loop. Where nothing is new, nothing is
 * written. A write whose own record turns out to be damaged is left out, says
 * so in its status, and *err has the words.
 */
mds_status_t
mds_state_write(mds_state_t *state, mds_write_t *writes, size_t count,
                int64_t now_ms, mds_error_t *err) MDS_MUST_CHECK;

/* Aborts a write that a fault has interrupted (mds_lmdb.h); in the same
 * thread. */
void mds_state_abort_write(mds_state_t *state);

/*
 * Reads everything: each window has let in as many as it says, and all tables
 * are whole. *windows is how many there are. MDS_DAMAGED says what is wrong.
 */
mds_status_t mds_state_audit(mds_state_t *state, mds_error_t *err,
                             uint64_t *windows) MDS_MUST_CHECK;

/* As it is now, to fd (mds_lmdb_copy()); not while it is read. */
mds_status_t
mds_state_copy(mds_state_t *state, int fd, mds_error_t *err) MDS_MUST_CHECK;

#endif
