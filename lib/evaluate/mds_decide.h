/*
 * mds_decide: decides which version of a resource a device gets, and gives the
 * reason.
 *
 * nginx, `mdsctl explain` and the tests all call this. It only looks things up
 * in a snapshot: it does not allocate, lock or wait.
 */

#ifndef MDS_DECIDE_H
#define MDS_DECIDE_H

#include "evaluate/mds_reason.h"
#include "evaluate/mds_snapshot.h"
#include "evaluate/mds_trace.h"
#include "request/mds_request.h"

typedef struct {
    mds_action_t        action;
    mds_reason_t        reason;
    mds_str_t           release;  /* id; empty where no release holds */
    mds_str_t           version;  /* the device's version; empty: none */
    const mds_record_t *record;   /* of the resource; NULL: it is unknown */
    mds_str_t           manifest; /* exactly the signed bytes; empty for none */
    mds_str_t           signature; /* value of MDS-Signature */
    mds_str_t           quoted;    /* both, as the end of a JSON object */
    bool pending;              /* stands only once mds_state_write() has let the
                                * device in; if it has not: decide again */
    mds_admission_t admission; /* what to ask for then */
    uint64_t        install;   /* mds_install_hash(), to be remembered: the
                                * release has a limit; 0: nothing */
    uint32_t poll_after_s;     /* 0: the app asks for no interval */
    uint32_t poll_jitter_s;    /* add a random 0 to this many */
} mds_decision_t;

/*
 * Decides for the resource that the request names. The views in *decision
 * point into the snapshot and die with it. trace may be NULL; with one, the
 * releases behind the one that hits are evaluated as well.
 *
 * MDS_DAMAGED: a record or list of the snapshot fails its check. MDS_DENIED:
 * the decision depends on a window, and the state cannot be read.
 */
mds_status_t
mds_decide(const mds_snapshot_t *snapshot, const mds_request_t *request,
           int64_t now_ms, mds_trace_t *trace, mds_error_t *err,
           mds_decision_t *decision) MDS_MUST_CHECK;

/* Decides by a resource's record, which was validated. */
mds_status_t
mds_decide_record(const mds_snapshot_t *snapshot, const mds_record_t *record,
                  const mds_request_t *request, int64_t now_ms,
                  mds_trace_t *trace, mds_error_t *err,
                  mds_decision_t *decision) MDS_MUST_CHECK;

#endif
