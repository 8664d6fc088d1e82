/*
 * mds_model_missing: explains why a release has no package: which word no
 * package has, and which words there are.
 */

#ifndef MDS_MODEL_MISSING_H
#define MDS_MODEL_MISSING_H

#include "document/mds_model.h"
#include "json/mds_json_reader.h"

/* Fails the reader, which is at the release. */
void mds_model_missing(const mds_model_t *model, const mds_release_t *release,
                       mds_reader_t *r);

/* Fails the reader for a list that an audience names and the model lacks. */
void
mds_model_no_list(const mds_model_t *model, mds_str_t name, mds_reader_t *r);

#endif
