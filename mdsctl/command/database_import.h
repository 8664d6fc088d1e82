/*
 * database_import: moves an edge from alone to shared, with its windows, marks,
 * reports and halts.
 */

#ifndef MDSCTL_DATABASE_IMPORT_H
#define MDSCTL_DATABASE_IMPORT_H

#include "database/database.h"
#include "state/mds_state.h"

typedef struct {
    uint64_t admissions; /* that were sent */
    uint64_t added; /* of them, that the database did not have; 0 in a dry run,
                     * which does not ask it */
    uint64_t marks;
    uint64_t reports; /* devices that have reported, of each release */
} mdsctl_import_t;

/* Makes the edge share the database, and stores its admissions, marks, reports
 * and halts there. It may be repeated. dry_run: only counts them. */
mds_status_t mdsctl_database_import(mdsctl_database_t *db, mds_state_t *state,
                                    bool dry_run, mds_error_t *err,
                                    mdsctl_import_t *import) MDS_MUST_CHECK;

/* Stores reports and halts, between begin and end of the state; db is NULL in a
 * dry run. */
mds_status_t
mdsctl_database_import_reports(mdsctl_database_t *db, mds_state_t *state,
                               mds_error_t *err,
                               uint64_t    *count) MDS_MUST_CHECK;

#endif
