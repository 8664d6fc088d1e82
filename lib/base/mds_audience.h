/*
 * mds_audience: the parts of a release's audience, in one table, with their
 * values. A new part is a row here, with members for its values; its keys are
 * read in document/mds_document_release.c, its test is in
 * evaluate/mds_eval_audience.c.
 */

#ifndef MDS_AUDIENCE_H
#define MDS_AUDIENCE_H

#include "base/mds_base.h"
#include "base/mds_terms.h"

/*
 * Part, key in documents, value and words of its reason. Parts are tested in
 * this order: cheaper ones first, a window, which may use up a place, last.
 * Records store the place of the row as a bit.
 */
/* clang-format off */
#define MDS_AUDIENCES(ROW)                                                     \
    ROW(ALL,     "all",     "all",     "the release is for everybody")         \
    ROW(PERCENT, "percent", "percent", "its bucket is below the percentage")   \
    ROW(RAMP,    "ramp",    "ramp",                                            \
        "its bucket is below what the ramp has reached")                       \
    ROW(LISTS,   "lists",   "list",    "it is on a list")                      \
    ROW(WINDOW,  "window",  "window",  "the window has admitted it")
/* clang-format on */

#define MDS_AUDIENCE_BIT(part, key, reason, words) MDS_AUDIENCE_##part##_BIT,
#define MDS_AUDIENCE_FLAG(part, key, reason, words)                            \
    MDS_AUDIENCE_##part = 1 << MDS_AUDIENCE_##part##_BIT,
#define MDS_AUDIENCE_KEY(part, key, reason, words) key,

enum { MDS_AUDIENCES(MDS_AUDIENCE_BIT) MDS_AUDIENCE_COUNT };

enum { MDS_AUDIENCES(MDS_AUDIENCE_FLAG) };

/*
 * The values of parts, as a record stores them. A threshold is a fraction of
 * 2^64, and UINT64_MAX is all of it: a device's bucket, SipHash-2-4(salt, id),
 * is below one if it is smaller.
 */
typedef struct MDS_PACKED {
    uint64_t   ramp_from; /* thresholds */
    uint64_t   ramp_to;
    int64_t    ramp_start_ms;
    int64_t    ramp_end_ms;
    mds_span_t window; /* of a record: the key in the state, app 00 id */
    uint64_t   window_count;
    int64_t    window_until_ms; /* INT64_MAX: until it is full */
} mds_audience_values_t;

#endif
