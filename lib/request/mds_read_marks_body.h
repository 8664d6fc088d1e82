/*
 * mds_read_marks_body: what a client says of its messages.
 *
 *   {"app": …, "user": …, "delete_through": 7, "read": [9, [11, 14]]}
 */

#ifndef MDS_READ_MARKS_BODY_H
#define MDS_READ_MARKS_BODY_H

#include "request/mds_request.h"
#include "state/mds_state.h"

#define MDS_MARK_BYTES_MAX 65536 /* of the body */

typedef struct {
    uint64_t   delete_through; /* 0: nothing */
    mds_run_t *read;           /* owned */
    size_t     read_count;
    uint64_t   highest; /* id that is named anywhere */
} mds_read_marks_body_t;

/*
 * Claims app, user and whatever else is a string for the request, which has
 * the operator's attributes already; its views live in *text, which the caller
 * frees after the request is done with, as it does with
 * mds_read_marks_body_free(). MDS_INVALID: a reversed run, nothing to do, and
 * all else that is wrong.
 */
mds_status_t
mds_read_marks_body_parse(mds_str_t bytes, mds_request_t *request,
                          mds_error_t *err, mds_read_marks_body_t *body,
                          void **text) MDS_MUST_CHECK;

void mds_read_marks_body_free(mds_read_marks_body_t *body, void *text);

#endif
