/*
 * mds_model_check: checks the references between the parts of a document.
 */

#ifndef MDS_MODEL_CHECK_H
#define MDS_MODEL_CHECK_H

#include "document/mds_model.h"
#include "json/mds_json_reader.h"

/* Fails the reader, with a pointer into the document. MDS_NOT_FOUND: a name of
 * a package, version or list does not exist; MDS_INVALID: all other errors. */
void mds_model_check(mds_model_t *model, mds_reader_t *r);

#endif
