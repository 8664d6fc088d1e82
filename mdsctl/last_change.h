/*
 * last_change: finds serial, time and author of the last change of a release.
 */

#ifndef MDSCTL_LAST_CHANGE_H
#define MDSCTL_LAST_CHANGE_H

#include "loader/mds_loader.h"

/* A document may change many releases at once: the entry is read once. */
typedef struct {
    mds_journal_t *journal; /* within a transaction */
    uint64_t       serial;  /* of the entry that was read last; 0: none */
    mds_json_t    *since;   /* what is set; NULL: nothing; owned */
} mdsctl_last_change_t;

/* Sets "since" of a release to {"serial","time","who"} of the change of that
 * serial, unless the change is older than this record. */
mds_status_t
mdsctl_last_change_set(mdsctl_last_change_t *last, mds_json_t *release,
                       uint64_t serial, mds_error_t *err) MDS_MUST_CHECK;

void mdsctl_last_change_free(mdsctl_last_change_t *last);

/* Prints the second line of a release: its last change, times and rules. */
void mdsctl_last_change_print(const mds_json_t *release);

#endif
