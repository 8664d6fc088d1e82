/*
 * mds_model_suggest: fails for a package or list that a release names and the
 * document lacks, and suggests one that it has.
 */

#ifndef MDS_MODEL_SUGGEST_H
#define MDS_MODEL_SUGGEST_H

#include "document/mds_model.h"
#include "json/mds_json_reader.h"

/* Fails the reader, which is at a release that no package is for: says which of
 * its words no package has, and which words there are. */
void mds_model_suggest_package(const mds_model_t   *model,
                               const mds_release_t *release, mds_reader_t *r);

/* Fails the reader, which is at "from" of a delta of the package, for a version
 * that no other package of it has. */
void
mds_model_suggest_from(const mds_model_t *model, const mds_package_t *package,
                       mds_str_t from, mds_reader_t *r);

/* Fails the reader for a list that an audience names and the model lacks. */
void mds_model_suggest_list(const mds_model_t *model, mds_str_t name,
                            mds_reader_t *r);

#endif
