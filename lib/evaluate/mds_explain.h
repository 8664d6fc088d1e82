/*
 * mds_explain: a decision as JSON, with every candidate and every test of it.
 * `mdsctl explain --json` and nginx's mds_explain give the same text;
 * docs/schema/explain.json describes it.
 *
 * The text is written while the snapshot is evaluated, and without a JSON
 * library, so that nothing is left behind if a fault ends the evaluation.
 */

#ifndef MDS_EXPLAIN_H
#define MDS_EXPLAIN_H

#include "evaluate/mds_snapshot.h"
#include "request/mds_request.h"

typedef struct {
    mds_strs_t overrides; /* names of attributes that the operator sets, and
                           * that the request replaces here */
    size_t bytes_max;     /* candidates beyond it are only counted; 0: none */
} mds_explain_options_t;

/*
 * Explains the decision for the resource that the request names, or, for kind
 * config, the values of the app. It takes no place in a window. The text is
 * from the allocator.
 */
mds_status_t
mds_explain(const mds_snapshot_t *snapshot, const mds_request_t *request,
            const mds_explain_options_t *options, int64_t now_ms,
            const mds_alloc_t *alloc, mds_error_t *err,
            mds_str_t *json) MDS_MUST_CHECK;

#endif
