/*
 * mds_batch: many questions in one body.
 *
 *   {"app": …, attributes…, "resources": [{"kind": …, "name": …, …}, …]}
 *
 * Attributes of a resource come before those of the body, and the operator's
 * before both.
 */

#ifndef MDS_BATCH_H
#define MDS_BATCH_H

#include "mds_request.h"

#define MDS_BATCH_MAX 256         /* resources */
#define MDS_BATCH_BYTES_MAX 65536 /* of the body */

typedef struct mds_batch_s mds_batch_t;

/* MDS_INVALID: no such body; says where. The caller frees *batch; body is not
 * needed any more. */
mds_status_t mds_batch_parse(mds_str_t body, mds_error_t *err,
                             mds_batch_t **batch) MDS_MUST_CHECK;
void         mds_batch_free(mds_batch_t *batch);

size_t mds_batch_count(const mds_batch_t *batch);

/* As they were asked for, to be said in the answer; empty: not a string. */
mds_str_t mds_batch_kind(const mds_batch_t *batch, size_t i);
mds_str_t mds_batch_name(const mds_batch_t *batch, size_t i);

/*
 * The i-th question; *request has the operator's attributes already. Views
 * live as long as the batch. MDS_INVALID is a mistake in this one alone.
 */
mds_status_t
mds_batch_request(const mds_batch_t *batch, size_t i, mds_request_t *request,
                  mds_error_t *err) MDS_MUST_CHECK;

#endif
