/*
 * mds_decision_change: compares what a device is told by two generations of the
 * catalog, and finds the release, and the test of it, that makes the
 * difference.
 */

#ifndef MDS_DECISION_CHANGE_H
#define MDS_DECISION_CHANGE_H

#include "evaluate/mds_decide.h"

/* A decision of a generation; both are of the same request and time. */
typedef struct {
    const mds_snapshot_t *snapshot;
    mds_decision_t        decision;
} mds_side_t;

/* What makes the difference. */
typedef struct {
    mds_str_t release; /* its id; empty: none */
    /*
     * "new", "removed": the release is in one of them alone; a test of it
     * ("state", "time", "platform", "channel", "rule", "build", "refuse",
     * "except", "audience") has another result; "order": another one comes
     * first; "version", "delta", "package", "meta": the release gives another
     * one; "manifest": it gives the same in other words.
     */
    const char *test;
    mds_str_t   attribute; /* of a rule; empty otherwise */
    bool        gains;     /* the release holds now, and did not before */
} mds_cause_t;

typedef struct mds_manifest_diffs_s mds_manifest_diffs_t;

/* Remembers how pairs of manifests differ, which lie in the two generations and
 * never change. NULL: out of memory. */
mds_manifest_diffs_t *mds_manifest_diffs_new(void);
void                  mds_manifest_diffs_free(mds_manifest_diffs_t *diffs);

/*
 * Compares two decisions. The device is told the same if action and version are
 * the same, and the manifest, but for its "serial" and "release". *changed says
 * whether they differ; *cause is set if they do, with views into the snapshots.
 * The errors are those of mds_decide().
 */
mds_status_t
mds_decision_compare(const mds_side_t *before, const mds_side_t *after,
                     const mds_request_t *request, int64_t now_ms,
                     mds_manifest_diffs_t *diffs, mds_error_t *err,
                     bool *changed, mds_cause_t *cause) MDS_MUST_CHECK;

#endif
