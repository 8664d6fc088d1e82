/*
 * mds_setting_ids: numbers for the settings of an app's configuration.
 *
 * Each pair of a key and a value gets a number when a document has it for the
 * first time, and keeps it: a value that comes back has its old number. The
 * app's state has them,
 *
 *   "config": {"epoch": E, "next": N, "settings": [[number, key, value], …]}
 *
 * the epoch being a random number, so that tokens of another depot's numbers
 * are not taken for this one's. Numbers that no release has any more are kept
 * until there are more than MDS_SETTINGS_MAX in all, the oldest going first.
 */

#ifndef MDS_SETTING_IDS_H
#define MDS_SETTING_IDS_H

#include "document/mds_model.h"
#include "json/mds_json.h"

#define MDS_SETTINGS_MAX 10000

/* Numbers what the model's releases have, in state and model. */
mds_status_t mds_setting_ids_assign(mds_json_t *state, mds_model_t *model,
                                    mds_error_t *err) MDS_MUST_CHECK;

/*
 * New epochs for all apps of a depot that was brought back from a copy: what
 * was numbered since the copy was made is numbered again from now on, and the
 * tokens that were given out in between must not be taken for the new ones.
 * In force with an app's next change, which is when numbers are given.
 */
mds_status_t
mds_setting_ids_renew(const char *depot, mds_error_t *err) MDS_MUST_CHECK;

#endif
