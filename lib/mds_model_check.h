/*
 * mds_model_check: what the parts of a document say of each other.
 */

#ifndef MDS_MODEL_CHECK_H
#define MDS_MODEL_CHECK_H

#include "mds_model.h"
#include "mds_reader.h"

/* Failures go to the reader, with pointers into the document. */
void mds_model_check(mds_model_t *model, mds_reader_t *r);

#endif
