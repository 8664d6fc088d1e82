/*
 * mds_trace: what mds_decide() looked at, told while it looks. `mdsctl
 * explain` prints it; nginx passes none.
 */

#ifndef MDS_TRACE_H
#define MDS_TRACE_H

#include "base/mds_base.h"

typedef enum {
    MDS_TRACE_INSTALLED, /* before all others: what is installed does not count,
                          * detail says why, seen is its version */
    MDS_TRACE_RELEASE,   /* a release is taken up: subject is its id */
    MDS_TRACE_TEST,      /* one test of it: subject, detail, seen, holds */
    MDS_TRACE_RESULT     /* the release is done with: holds, detail says why */
} mds_trace_type_t;

/* Views that are valid during the call only. */
typedef struct {
    mds_trace_type_t type;
    const char      *what;    /* "platform", "rule", "except", "percent", … */
    mds_str_t        subject; /* a release's id, an attribute, a list */
    const char      *detail;  /* what would hold, in words */
    mds_str_t        seen;    /* the value that the request has */
    bool             holds;
} mds_trace_event_t;

typedef struct mds_trace_s mds_trace_t;

struct mds_trace_s {
    void (*event)(mds_trace_t *trace, const mds_trace_event_t *event);
};

#endif
