/*
 * mds_settings: an app's configuration for a device: the value that the first
 * matching release gives each key, and the changes since the client's token.
 */

#ifndef MDS_SETTINGS_H
#define MDS_SETTINGS_H

#include "evaluate/mds_snapshot.h"
#include "evaluate/mds_trace.h"
#include "request/mds_request.h"

/* Values and keys are views into the snapshot; the arrays and the token are
 * from the allocator. */
typedef struct {
    bool       full;   /* values has all of them, not only changes */
    mds_str_t *values; /* "key":value, as JSON */
    size_t     value_count;
    mds_str_t *removed; /* keys that no longer apply, as JSON */
    size_t     removed_count;
    size_t     bytes; /* of values and removed, with a comma each */
    mds_str_t  token; /* names the settings that it then holds */
    uint32_t   poll_after_s;
    uint32_t   poll_jitter_s;
} mds_settings_t;

/*
 * Evaluates the configuration of the app that the request names. The request's
 * "state" is the client's token: the answer has only changes since. Without a
 * valid token it has all values. only: one key, or empty for all. trace may be
 * NULL.
 */
mds_status_t mds_settings_evaluate(const mds_snapshot_t *snapshot,
                                   const mds_request_t *request, mds_str_t only,
                                   int64_t now_ms, mds_trace_t *trace,
                                   const mds_alloc_t *alloc, mds_error_t *err,
                                   mds_settings_t *settings) MDS_MUST_CHECK;

#endif
