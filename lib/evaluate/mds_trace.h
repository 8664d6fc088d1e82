/*
 * mds_trace: events of an evaluation: which releases it tests, and with which
 * result. `mdsctl explain` prints them; nginx passes no trace.
 */

#ifndef MDS_TRACE_H
#define MDS_TRACE_H

#include "base/mds_base.h"

typedef enum {
    MDS_TRACE_INSTALLED, /* first: the installed version is ignored, detail
                          * says why, seen is the version */
    MDS_TRACE_RELEASE,   /* a release begins: subject is its id */
    MDS_TRACE_TEST,      /* one test of it: subject, detail, seen, holds */
    MDS_TRACE_RESULT     /* the release ends: holds */
} mds_trace_type_t;

/* Views are valid during the call only. */
typedef struct {
    mds_trace_type_t type;
    const char      *what;    /* "platform", "rule", "except", "percent", … */
    mds_str_t        subject; /* a release's id, an attribute, a list */
    const char      *detail;  /* what is required, in words */
    mds_str_t        seen;    /* the value that the request has */
    bool             holds;
} mds_trace_event_t;

typedef struct mds_trace_s mds_trace_t;

struct mds_trace_s {
    void (*event)(mds_trace_t *trace, const mds_trace_event_t *event);
};

#endif
