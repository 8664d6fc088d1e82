/*
 * mds_setting_ids: numbers the settings of an app's configuration.
 *
 * Each pair of a key and a value gets a number when a document has it for the
 * first time, and keeps it: a value that returns has its old number. The app's
 * state has them,
 *
 *   "config": {"epoch": E, "next": N, "settings": [[number, key, value], …]}
 *
 * The epoch is a random number, by which tokens with numbers of another depot
 * are told apart. Numbers that no release has any more are kept until there are
 * more than MDS_SETTINGS_MAX in all; the oldest are removed first.
 */

#ifndef MDS_SETTING_IDS_H
#define MDS_SETTING_IDS_H

#include "document/mds_model.h"
#include "json/mds_json.h"

#define MDS_SETTINGS_MAX 10000

/* Numbers the settings of the model's releases, in state and model. */
mds_status_t mds_setting_ids_assign(mds_json_t *state, mds_model_t *model,
                                    mds_error_t *err) MDS_MUST_CHECK;

/*
 * Gives new epochs to all apps of a depot that was restored from a copy: the
 * numbers that were given since the copy was made will be given again, and
 * tokens that have them must not be taken for new ones. The epochs come into
 * force with each app's next change, as new numbers do.
 */
mds_status_t
mds_setting_ids_renew(const char *depot, mds_error_t *err) MDS_MUST_CHECK;

#endif
