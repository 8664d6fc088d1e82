/*
 * mds_app_state: the JSON state of one app (drawn in mds_loader.h), whole or
 * within an extent.
 *
 * The journal keeps it by parts (mds_journal_parts.h): each list, package,
 * release and message, and the numbers of the settings, is one, and the rest of
 * the state is the head, in which their places are empty. The head has besides
 *
 *   "parts": {"next": the order of the next part, "lists": their number,
 *             "packages": their number, "releases": their number}
 *
 * The state that an older program wrote is one record. It is loaded whole, and
 * kept by parts when it is saved.
 */

#ifndef MDS_APP_STATE_H
#define MDS_APP_STATE_H

#include "loader/mds_extent.h"
#include "loader/mds_journal_parts.h"

/* Where the journal has the parts of a state that was loaded: their orders
 * (uint64_t), as they come in the state. */
typedef struct {
    bool         by_parts; /* false: it has no parts of it */
    mds_json_t  *counts;   /* "parts" of the head */
    mds_buffer_t lists;
    mds_buffer_t packages;
    mds_buffer_t releases;
} mds_places_t;

void mds_places_free(mds_places_t *places);

/*
 * Loads the state of an app from the journal, within one of its transactions.
 * A removed app comes as it was left; one that was never there as an empty
 * document with its name. *state is a new reference; places, unless NULL, is
 * filled, and freed by the caller. The extent, unless NULL, is widened where
 * only the whole state can be loaded.
 */
mds_status_t
mds_app_state_load(mds_journal_t *journal, mds_str_t app, mds_extent_t *extent,
                   mds_error_t *err, mds_json_t **state,
                   mds_places_t *places) MDS_MUST_CHECK;

/* Gets the whole state of an app, a new reference. MDS_NOT_FOUND: there is none
 * of that name, or it was removed. */
mds_status_t
mds_app_state_get_whole(mds_journal_t *journal, mds_str_t app, mds_error_t *err,
                        mds_json_t **state) MDS_MUST_CHECK;

/* Saves those parts of a state that differ from what was loaded, and the head.
 * serial is that of the change. */
mds_status_t
mds_app_state_save(mds_journal_t *journal, mds_str_t app,
                   const mds_json_t *before, const mds_json_t *after,
                   const mds_places_t *places, uint64_t serial,
                   mds_error_t *err) MDS_MUST_CHECK;

/* Saves a state as that of a removed app, whose parts are deleted. */
mds_status_t
mds_app_state_save_removed(mds_journal_t *journal, mds_str_t app,
                           const mds_json_t *before, const mds_json_t *after,
                           const mds_places_t *places,
                           mds_error_t        *err) MDS_MUST_CHECK;

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
 * it; all but the lists is shared. *document is a new reference. */
mds_status_t
mds_app_state_expand_lists(const mds_json_t *state, mds_error_t *err,
                           mds_json_t **document) MDS_MUST_CHECK;

#endif
