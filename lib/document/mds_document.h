/*
 * mds_document: one app's catalog document, checked.
 *
 * This is the form (which keys, which types, which values), and what its
 * parts say of each other (a release's version is a package's, a list that is
 * named is there). Files that it names are not looked at.
 */

#ifndef MDS_DOCUMENT_H
#define MDS_DOCUMENT_H

#include "document/mds_model.h"
#include "json/mds_json.h"

/*
 * Checks the document and makes a model of it, to be freed by the caller with
 * mds_model_free(). json has to outlive the model. what names the document in
 * messages. MDS_INVALID: "WHAT: POINTER: what was found; what would be right".
 */
mds_status_t
mds_document_check(const mds_json_t *json, const char *what, mds_error_t *err,
                   mds_model_t **model) MDS_MUST_CHECK;

void mds_model_free(mds_model_t *model);

#endif
