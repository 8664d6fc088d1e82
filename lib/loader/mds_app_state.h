/*
 * mds_app_state: the JSON state of one app, as the journal keeps it (drawn in
 * mds_loader.h).
 */

#ifndef MDS_APP_STATE_H
#define MDS_APP_STATE_H

#include "loader/mds_journal.h"
#include "json/mds_json.h"

/*
 * Loads the state of an app from the journal, within one of its transactions.
 * A removed app comes as it was left; one that was never there as an empty
 * document with its name. *state is a new reference.
 */
mds_status_t
mds_app_state_load(mds_journal_t *journal, mds_str_t app, mds_error_t *err,
                   mds_json_t **state) MDS_MUST_CHECK;

/* Returns a part of the state's document, such as "packages", or NULL. */
static inline mds_json_t *
mds_app_state_get(const mds_json_t *state, const char *key)
{
    return mds_json_get(mds_json_get(state, "document"), key);
}

/* Returns whether a package (or a delta) is the file of that digest. */
bool
mds_package_has_sha256(const mds_json_t *package, const mds_sha256_t *sha256);

/* Returns the first of the state's packages that is that file, or NULL. */
const mds_json_t *
mds_app_state_find_package(const mds_json_t *state, const mds_sha256_t *sha256);

/* Copies the state's document and puts the contents of its external lists into
 * it. *document is a new reference. */
mds_status_t
mds_app_state_expand_lists(const mds_json_t *state, mds_error_t *err,
                           mds_json_t **document) MDS_MUST_CHECK;

#endif
