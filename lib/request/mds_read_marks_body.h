/*
 * mds_read_marks_body: the messages that a client has read or deleted.
 *
 *   {"app": …, "user": …, "delete_through": 7, "read": [9, [11, 14]]}
 */

#ifndef MDS_READ_MARKS_BODY_H
#define MDS_READ_MARKS_BODY_H

#include "request/mds_request.h"
#include "state/mds_state.h"

#define MDS_MARK_BYTES_MAX 65536 /* of the body */

typedef struct {
    uint64_t   delete_through; /* 0: none */
    mds_run_t *read;           /* owned */
    size_t     read_count;
    uint64_t   highest; /* the highest id in the body */
} mds_read_marks_body_t;

/*
 * Parses a body, and claims app, user and all other strings in it for the
 * request, which has the operator's attributes already. Views of the request
 * are of *text; the caller frees body and text together. MDS_INVALID: a run is
 * reversed, there is nothing to do, or the form is wrong.
 */
mds_status_t
mds_read_marks_body_parse(mds_str_t bytes, mds_request_t *request,
                          mds_error_t *err, mds_read_marks_body_t *body,
                          void **text) MDS_MUST_CHECK;

void mds_read_marks_body_free(mds_read_marks_body_t *body, void *text);

#endif
