/*
 * mds_lint: warns of documents that are allowed, but are probably mistakes.
 *
 * A release whose "missing" is "none" gives nothing to a device whose version
 * has no delta to the release's. These versions are not derived here: the
 * release is compiled as it would be, and decided for a device of each
 * published version, platform and channel.
 */

#ifndef MDS_LINT_H
#define MDS_LINT_H

#include "document/mds_model.h"

/*
 * Adds a line to warnings (an array) for each running release and each lower
 * version that would get nothing by it. Deltas that the document asks for
 * count as made. Memory is taken from the model's arena.
 */
mds_status_t mds_lint(const mds_model_t *model, mds_error_t *err,
                      mds_json_t *warnings) MDS_MUST_CHECK;

#endif
