/*
 * mds_document: checks one app's catalog document.
 *
 * The check covers the form (keys, types, values), and references between the
 * parts (a release's version is a package's, a named list exists). Files that
 * the document names are not opened.
 */

#ifndef MDS_DOCUMENT_H
#define MDS_DOCUMENT_H

#include "document/mds_model.h"
#include "json/mds_json.h"

/*
 * Checks the document and makes a model of it, which the caller frees with
 * mds_model_free(). json has to outlive the model. what names the document in
 * messages. MDS_INVALID: "WHAT: POINTER: found …; want …"; MDS_NOT_FOUND: a
 * package, version or list that the document names does not exist.
 */
mds_status_t
mds_document_check(const mds_json_t *json, const char *what, mds_error_t *err,
                   mds_model_t **model) MDS_MUST_CHECK;

void mds_model_free(mds_model_t *model);

#endif
