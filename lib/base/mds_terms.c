/*
 * The names of the enumerations that documents, records and messages share.
 */

#include "base/mds_terms.h"

const char *const mds_release_state_names[] = {
    [MDS_RELEASE_RUNNING] = "running",
    [MDS_RELEASE_PAUSED] = "paused",
    [MDS_RELEASE_ENDED] = "ended",
    [MDS_RELEASE_ROLLED_BACK] = "rolled_back",
};
