/*
 * mds_batch: requests for many resources in one body.
 *
 *   {"app": …, attributes…, "resources": [{"kind": …, "name": …, …}, …]}
 *
 * Attributes of a resource come before those of the body, and the operator's
 * before both. A request speaks for one device and one user: "device" and
 * "user" are the body's alone. A body is read in one pass, without allocating;
 * the JSON library explains the mistake in one that cannot be read so.
 */

#ifndef MDS_BATCH_H
#define MDS_BATCH_H

#include "request/mds_request.h"

#define MDS_BATCH_MAX 256         /* resources */
#define MDS_BATCH_BYTES_MAX 65536 /* of the body */

typedef struct mds_batch_s mds_batch_t;

/* Returns the bytes of memory that it takes to parse a body of that length. */
size_t mds_batch_bytes(size_t len);

/*
 * Parses a body; fixed has the operator's attributes. *batch lies in memory,
 * which is aligned for any type; memory and body must outlive the batch.
 * Returns MDS_INVALID, with the place of the mistake, if the body is not a
 * batch.
 */
mds_status_t
mds_batch_parse(mds_str_t body, const mds_request_t *fixed, void *memory,
                mds_error_t *err, mds_batch_t **batch) MDS_MUST_CHECK;

/* Checks what stands beside the resources: valid versions, and an app, unless
 * each resource names its own. */
mds_status_t
mds_batch_validate(const mds_batch_t *batch, mds_error_t *err) MDS_MUST_CHECK;

size_t mds_batch_count(const mds_batch_t *batch);

/* Returns the app beside the resources; empty: there is none. */
mds_str_t mds_batch_app(const mds_batch_t *batch);

/* Returns whether the i-th resource names an app itself. */
bool mds_batch_names_app(const mds_batch_t *batch, size_t i);

/* Return kind and name as in the body, for the answer; empty if not a string.
 */
mds_str_t mds_batch_kind(const mds_batch_t *batch, size_t i);
mds_str_t mds_batch_name(const mds_batch_t *batch, size_t i);

/*
 * Fills the request for the i-th resource, with all its attributes. Views live
 * as long as the batch. MDS_INVALID is a mistake in this one alone.
 */
mds_status_t
mds_batch_request(const mds_batch_t *batch, size_t i, mds_request_t *request,
                  mds_error_t *err) MDS_MUST_CHECK;

#endif
