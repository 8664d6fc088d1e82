/*
 * mds_settings: an app's configuration for a device: of each key the value of
 * the first release that holds, and what of that a client lacks.
 */

#ifndef MDS_SETTINGS_H
#define MDS_SETTINGS_H

#include "evaluate/mds_decide.h"

/* Views are of the snapshot, arrays and the token of the allocator. */
typedef struct {
    bool       full;   /* values are all there are */
    mds_str_t *values; /* "key":value, as JSON */
    size_t     value_count;
    mds_str_t *removed; /* keys that no longer apply, as JSON */
    size_t     removed_count;
    size_t     bytes; /* of both, with a comma behind each */
    mds_str_t  token; /* what the client then holds (mds_token.h) */
    uint32_t   poll_after_s;
    uint32_t   poll_jitter_s;
} mds_settings_t;

/*
 * For the app that the request names; its "state" is the token that the client
 * has, where it has one: then only changes since are in the answer. A token
 * that is not understood gets all. only: one key, or empty for all. trace may
 * be NULL.
 */
mds_status_t mds_settings_evaluate(const mds_snapshot_t *snapshot,
                                   const mds_request_t *request, mds_str_t only,
                                   int64_t now_ms, mds_trace_t *trace,
                                   const mds_alloc_t *alloc, mds_error_t *err,
                                   mds_settings_t *settings) MDS_MUST_CHECK;

#endif
