/*
 * change: makes a change of the catalog for a command, and prints the result.
 */

#ifndef MDSCTL_CHANGE_H
#define MDSCTL_CHANGE_H

#include "loader/mds_loader.h"
#include "mdsctl.h"

/* How long the heads live that a change signs. */
#define MDSCTL_HEAD_TTL_MS (INT64_C(7) * 86400 * 1000)

/*
 * Opens the depot, loads the key (if one is given), makes the change, and
 * prints the result. Sets change->command, and change->what if it is NULL.
 * Returns an exit code.
 */
int mdsctl_change(mdsctl_t *ctl, mds_change_t *change);

/* Makes a change of that app by an edit (mds_edit.h), its extent
 * (mds_edit_extent.h; NULL: the whole app) and its data. */
int mdsctl_edit(mdsctl_t *ctl, const char *app, mds_find_extent_t find_extent,
                mds_edit_t edit, void *data);

/* Reads the value of --deltas-level; word may be NULL. Returns an exit code. */
int
mdsctl_deltas_level(const char *word, mds_zstd_level_t *level) MDS_MUST_CHECK;

/* Reports more about a change: adds members to json, or prints lines if json is
 * NULL. data is that of the change. */
typedef mds_status_t (*mdsctl_change_report_t)(void *data, mds_json_t *json);

int mdsctl_change_report(mdsctl_t *ctl, mds_change_t *change,
                         mdsctl_change_report_t report);

/* Prints each as a line "mdsctl: warning: …" to stderr. */
void mdsctl_warnings_print(const mds_json_t *warnings);

/* Returns what shows the progress of a loader. */
const mds_loader_ui_t *mdsctl_ui(void);

/* Prints changes as lines: "+ release a-3.2.0", "~ list staff: ids". */
void mdsctl_change_print(const mds_json_t *change);
void mdsctl_changes_print(const mds_json_t *changes);

#endif
