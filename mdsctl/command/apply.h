/*
 * apply: reads a document that is to be applied.
 */

#ifndef MDSCTL_APPLY_H
#define MDSCTL_APPLY_H

#include "input.h"
#include "json/mds_json.h"

/* Reads a document and checks it by itself, before the depot is opened. The
 * caller releases *document. */
mds_status_t mdsctl_read_document(const mdsctl_input_t *input, mds_error_t *err,
                                  mds_json_t **document) MDS_MUST_CHECK;

#endif
