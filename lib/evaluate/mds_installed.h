/*
 * mds_installed: what the device says that it has installed, against what the
 * catalog knows of it.
 */

#ifndef MDS_INSTALLED_H
#define MDS_INSTALLED_H

#include "evaluate/mds_eval.h"

/*
 * Drops an installed hotfix that is for another version of the app: the device
 * counts as having none from here on, and the trace hears of it.
 */
void mds_installed_drop_foreign(mds_eval_t *eval);

/* The builds of the installed version (there has to be one). */
mds_range_t mds_installed_builds(const mds_eval_t *eval);

/* Whether any of them is for the device's platform and channel. */
bool mds_installed_known(mds_eval_t *eval, mds_range_t builds);

#endif
