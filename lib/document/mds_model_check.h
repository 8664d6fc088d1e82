/*
 * mds_model_check: what the parts of a document say of each other.
 */

#ifndef MDS_MODEL_CHECK_H
#define MDS_MODEL_CHECK_H

#include "document/mds_model.h"
#include "json/mds_json_reader.h"

/* Failures go to the reader, with pointers into the document. */
void mds_model_check(mds_model_t *model, mds_reader_t *r);

#endif
