/*
 * The names of actions and reasons, as requests and logs have them.
 */

#include "evaluate/mds_reason.h"

static const char *const mds_action_names[] = {
    [MDS_ACTION_NONE] = "none",
    [MDS_ACTION_INSTALL] = "install",
    [MDS_ACTION_ROLLBACK] = "rollback",
};

/* clang-format off */
static const char *const mds_reason_names[] = {
    [MDS_REASON_UNKNOWN] = "unknown",
    [MDS_REASON_OUTSIDE] = "outside",
    [MDS_REASON_CURRENT] = "current",
    [MDS_REASON_NO_DELTA] = "no_delta",
    [MDS_REASON_ALL] = "all",
    [MDS_REASON_LIST] = "list",
    [MDS_REASON_PERCENT] = "percent",
    [MDS_REASON_RAMP] = "ramp",
    [MDS_REASON_WINDOW] = "window",
    [MDS_REASON_ROLLED_BACK] = "rolled_back",
    [MDS_REASON_MESSAGE] = "message",
};
/* clang-format on */

const char *
mds_action_name(mds_action_t action)
{
    return mds_action_names[action];
}

const char *
mds_reason_name(mds_reason_t reason)
{
    return mds_reason_names[reason];
}
