/*
 * mds_state: the data that requests change and wait for, in DEPOT/state/: an
 * environment (mds_state_env.h) that the workers of all nginx instances write.
 *
 *   mds_window.h       the devices and users that windows have admitted
 *   mds_read_marks.h   the messages that users have read and deleted
 *   mds_tally.h        what devices have reported of releases
 *   mds_fleet.h        the database that the edge shares with others
 *
 * The registry of devices (registry/mds_registry.h) is separate: damage to it
 * does not affect windows and marks.
 *
 * One thread may read while one other writes: mds_state_write() has a handle of
 * its own.
 */

#ifndef MDS_STATE_H
#define MDS_STATE_H

#include "base/mds_file.h"
#include "base/mds_halt.h"
#include "fleet/mds_agent_frame.h"

typedef struct mds_state_s mds_state_t;

/* A device or user that asks a window to admit it, and the answer. */
typedef struct {
    mds_str_t window; /* app 00 release */
    mds_str_t id;
    uint64_t  limit;    /* of the window, as the catalog has it now */
    int64_t   until_ms; /* admits nobody at or after this */
    unsigned  verdict;  /* mds_verdict_t of the fleet; 0: it was not asked. Out:
                         * MDS_VERDICT_UNKNOWN if it should have been */
    bool admitted;      /* out: it is in the window, now or already before */
} mds_admission_t;

/* A run of ids, from first to last inclusive. */
typedef struct {
    uint64_t first;
    uint64_t last;
} mds_run_t;

/* The messages that a user has read and deleted. */
typedef struct {
    mds_str_t        user;           /* app 00 user */
    uint64_t         delete_through; /* 0: nothing */
    const mds_run_t *read;
    size_t           read_count;
    uint64_t         oldest; /* of the app's messages: marks of older ones need
                              * not be kept */
} mds_read_mark_t;

/* What a device reports of a release. */
typedef struct {
    mds_str_t          release; /* app 00 release */
    uint64_t           device;  /* mds_install_hash() */
    mds_report_event_t event;
    mds_str_t          detail;     /* empty: none */
    bool               instructed; /* the device counts towards the limit */
    mds_halt_t         limit;      /* of the release, as the catalog has it */
    bool     counted;  /* out: it is the device's first one of the event */
    bool     halted;   /* out: it has halted the release, by */
    uint64_t ends;     /* so many ends, and */
    uint64_t failures; /* so many failures among them */
} mds_report_t;

/* An entry of the feed, which follows the one numbered `after`. */
typedef struct {
    uint64_t  after;
    uint64_t  number; /* `after` itself: there is no entry, only `last` */
    uint64_t  last;   /* number of the feed's latest entry */
    unsigned  type;   /* mds_entry_type_t */
    mds_str_t bytes;  /* mds_fleet_entry_encode() */
} mds_feed_entry_t;

typedef struct {
    mds_entry_type_t type;
    mds_str_t        bytes; /* mds_fleet_entry_encode() */
} mds_outbox_entry_t;

typedef enum {
    MDS_WRITE_ADMISSION,
    MDS_WRITE_READ_MARK,
    MDS_WRITE_REPORT,
    MDS_WRITE_JOIN,       /* share a database from now on. MDS_CONFLICT: the
                           * edge shares another one */
    MDS_WRITE_FEED_ENTRY, /* apply it, if it was not yet. MDS_CONFLICT: those
                           * before it were not applied */
    MDS_WRITE_OUTBOX,     /* add an entry, or drop it for want of room */
    MDS_WRITE_OUTBOX_ACK, /* delete the entries through a number */
    MDS_WRITE_FORGOTTEN   /* delete the names to forget through a number */
} mds_write_type_t;

typedef struct {
    mds_write_type_t type;
    mds_status_t     status; /* out: its own record is damaged, or its type says
                              * so, or MDS_OK */
    union {
        mds_admission_t admission;
        mds_read_mark_t read_mark;
        mds_report_t    report;

        uint8_t            join[MDS_FLEET_BYTES];
        mds_feed_entry_t   feed_entry;
        mds_outbox_entry_t outbox;
        uint64_t           outbox_through;
        uint64_t           forgotten_through;
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

/* Creates an empty state, which belongs to uid and gid (-1: unchanged). */
mds_status_t mds_state_create(const char *depot, int64_t uid, int64_t gid,
                              mds_error_t *err) MDS_MUST_CHECK;

/* Opens the state. One that does not exist is an error: a new one would forget
 * all admissions. */
mds_status_t mds_state_open(const char *depot, mds_error_t *err,
                            mds_state_t **state) MDS_MUST_CHECK;

void mds_state_close(mds_state_t *state);

/* Gives the identity of the state's file as it is now. */
mds_status_t mds_state_file_id(const char *depot, mds_error_t *err,
                               mds_file_id_t *file_id) MDS_MUST_CHECK;

/*
 * Checks that the depot's state is still the one that was opened, and can be
 * read (mds_state_env_check()). If it fails, close the state. Writes check by
 * themselves.
 */
mds_status_t
mds_state_check(const mds_state_t *state, mds_error_t *err) MDS_MUST_CHECK;

/* Returns the bytes that windows, marks and reports may take of those that are
 * allowed in state/: a quarter, and at least what a write of read marks needs.
 * Reports are refused when half of it is taken. The registry may take the
 * rest. */
uint64_t mds_state_share(uint64_t max_bytes);

/* Limits the files to their share of max_bytes (0: no limit). */
void mds_state_set_limit(mds_state_t *state, uint64_t max_bytes);

/* Returns the bytes that its files take. */
uint64_t mds_state_bytes(mds_state_t *state);

/* Clears reader slots that killed processes have left. Call it periodically,
 * from any thread. */
void mds_state_clear_stale_readers(mds_state_t *state);

/* Begin and end reading. To begin twice is to begin once. */
mds_status_t
mds_state_begin(mds_state_t *state, mds_error_t *err) MDS_MUST_CHECK;

void mds_state_end(mds_state_t *state);

/*
 * Makes the writes, in order, in one transaction, or in a few if there is
 * little room left. They are durable when it returns MDS_OK; if they change
 * nothing, nothing is written. A write whose own record is damaged is left out:
 * its status says so, and *err why. It may wait for other writers and for the
 * disk: not in an event loop. MDS_NO_SPACE: the limit is reached.
 */
mds_status_t
mds_state_write(mds_state_t *state, mds_write_t *writes, size_t count,
                int64_t now_ms, mds_error_t *err) MDS_MUST_CHECK;

/* Aborts a write that a fault has interrupted (mds_fault_guard.h), in the same
 * thread. */
void mds_state_abort_write(mds_state_t *state);

/*
 * Reads everything, and checks that each window has as many admissions as it
 * says and that all tables are whole. Gives the number of windows.
 */
mds_status_t mds_state_audit(mds_state_t *state, mds_error_t *err,
                             uint64_t *windows) MDS_MUST_CHECK;

/* Copies the state as it is now to fd (mds_lmdb_copy()), outside of reading. */
mds_status_t
mds_state_copy(mds_state_t *state, int fd, mds_error_t *err) MDS_MUST_CHECK;

#endif
