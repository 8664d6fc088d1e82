/*
 * mds_installed: looks the device's installed version up in the catalog.
 */

#ifndef MDS_INSTALLED_H
#define MDS_INSTALLED_H

#include "evaluate/mds_eval.h"

/*
 * Ignores an installed hotfix that is for another version of the app: the
 * device then counts as having none, and the trace gets an event.
 */
void mds_installed_drop_hotfix(mds_eval_t *eval);

/* Returns the builds of the installed version, which there has to be. */
mds_range_t mds_installed_builds(const mds_eval_t *eval);

/* Returns whether one of the builds is for the device's platform and channel.
 */
bool mds_installed_has_build(mds_eval_t *eval, mds_range_t builds);

#endif
