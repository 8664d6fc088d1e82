/*
 * mds_fleet: what an edge remembers of the database that it shares with other
 * edges; a part of the state (mds_state.h).
 *
 *   stale   02                        mds_fleet_record_t
 *   stale   ff ff ff fe, number (8)   names to forget (mds_forget.c)
 *   stale   ff ff ff ff, number (8)   the outbox (mds_outbox.c)
 *
 * Numbers are big-endian; entries are those of fleet/mds_fleet_entry.h. They
 * lie behind the stale numbers, in a table that exists already, because each
 * table more would cost every transaction of an edge that shares nothing.
 *
 * An edge that shares admits only whom the fleet has admitted, and halts no
 * release by itself, even if it cannot ask. What it tells the fleet is kept in
 * the outbox, written in the transaction of the mark or the report, until the
 * database has it.
 */

#ifndef MDS_FLEET_H
#define MDS_FLEET_H

#include "fleet/mds_agent_frame.h"
#include "state/mds_state.h"

/* The outbox takes this share of the room of windows, marks and reports at
 * most; devices, which report again, take half of it. */
#define MDS_OUTBOX_SHARE 4

typedef struct {
    uint8_t  id[MDS_FLEET_BYTES]; /* zeros: the edge shares nothing */
    uint64_t position;            /* of the feed: all through it was applied */
    uint64_t last;   /* number of the feed's latest entry, as it was told */
    uint64_t number; /* that was given last in the outbox */
    uint64_t outbox_count;
    uint64_t outbox_bytes;
    uint64_t dropped; /* entries for which the outbox had no room */
} mds_fleet_t;

/* Returns whether the edge shares a database. */
bool mds_fleet_is_shared(const mds_fleet_t *fleet);

/* Gives what the state remembers; all zeros if the edge shares nothing. */
mds_status_t mds_state_get_fleet(mds_state_t *state, mds_error_t *err,
                                 mds_fleet_t *fleet) MDS_MUST_CHECK;

/* Visits the outbox behind a number, in order, between begin and end, until a
 * visit returns false. */
mds_status_t
mds_state_visit_outbox(mds_state_t *state, uint64_t after,
                       bool (*visit)(void *data, const mds_frame_item_t *item),
                       void *data, mds_error_t *err) MDS_MUST_CHECK;

/* Gives when the oldest entry of the outbox was written; 0: there is none, or
 * its time is not known. Between begin and end. */
mds_status_t mds_state_get_outbox_oldest(mds_state_t *state, mds_error_t *err,
                                         int64_t *since_ms) MDS_MUST_CHECK;

/* Receives a name that is to be forgotten, and the number of its entry in the
 * feed. The name of a record that is damaged is empty. */
typedef bool (*mds_forget_visit_t)(void *data, uint64_t number,
                                   const mds_entry_forget_t *forget);

/* Visits the names that the registry has not forgotten yet, in order, between
 * begin and end, until a visit returns false. MDS_WRITE_FORGOTTEN deletes
 * them. */
mds_status_t
mds_state_visit_forgets(mds_state_t *state, mds_forget_visit_t visit,
                        void *data, mds_error_t *err) MDS_MUST_CHECK;

/* Makes the edge share a database from now on, from outside of its workers.
 * MDS_CONFLICT: it shares another one. */
mds_status_t
mds_state_join_fleet(mds_state_t *state, const uint8_t id[MDS_FLEET_BYTES],
                     mds_error_t *err) MDS_MUST_CHECK;

/* Makes the edge share nothing any more: it admits and halts by itself again.
 * The outbox is deleted; *left is how many entries it had. */
mds_status_t mds_state_leave_fleet(mds_state_t *state, mds_error_t *err,
                                   uint64_t *left) MDS_MUST_CHECK;

#endif
