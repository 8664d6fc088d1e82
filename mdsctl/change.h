/*
 * change: what the commands that change the catalog have in common.
 */

#ifndef MDSCTL_CHANGE_H
#define MDSCTL_CHANGE_H

#include "loader/mds_loader.h"
#include "mdsctl.h"

/*
 * Opens the depot, loads the key (if one is given), makes the change, and
 * prints what came of it. change->command is filled in, and change->what where
 * it is NULL. Returns an exit code.
 */
int mdsctl_change(mdsctl_t *ctl, mds_change_t *change);

/* What a command tells beside the change: added to the object, or, where that
 * is NULL, printed. data is the change's. */
typedef mds_status_t (*mdsctl_change_report_t)(void *data, mds_json_t *json);

int mdsctl_change_report(mdsctl_t *ctl, mds_change_t *change,
                         mdsctl_change_report_t tell);

/* The release of that id in a state's document; NULL: none. */
mds_json_t *mdsctl_release_find(const mds_json_t *state, const char *id);

/* The same, within a change: NULL has words, of the app if that is not there,
 * and of the releases that there are. */
mds_json_t *mdsctl_release_of(mds_loader_t *loader, const mds_json_t *state,
                              const char *id, mds_error_t *err);

/* The array (or object) of the document, made if it is not there; NULL: no
 * memory. */
mds_json_t *mdsctl_document_array(mds_json_t *state, const char *key);
mds_json_t *mdsctl_document_object(mds_json_t *state, const char *key);

/* Changes as lines: "+ release a-3.2.0", "~ list staff: ids". */
void mdsctl_changes_print(const mds_json_t *changes);

#endif
