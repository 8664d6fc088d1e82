/*
 * mds_model_missing: why a release finds no package: which of its words is
 * the one that nothing has, and what there is in its place.
 */

#ifndef MDS_MODEL_MISSING_H
#define MDS_MODEL_MISSING_H

#include "document/mds_model.h"
#include "json/mds_json_reader.h"

/* Fails the reader, which is at the release. */
void mds_model_missing(const mds_model_t *model, const mds_release_t *release,
                       mds_reader_t *r);

/* The same of a list that is named in an audience; the reader is there. */
void
mds_model_no_list(const mds_model_t *model, mds_str_t name, mds_reader_t *r);

#endif
