/*
 * mds_reason: the result of a decision: the action that the device is to take,
 * and the reason. A new reason is a row here, or in base/mds_audience.h.
 */

#ifndef MDS_REASON_H
#define MDS_REASON_H

#include "base/mds_audience.h"

typedef enum {
    MDS_ACTION_NONE,
    MDS_ACTION_INSTALL,
    MDS_ACTION_ROLLBACK
} mds_action_t;

/* Enumerator, the value of $mds_reason, and what `mdsctl explain` prints. The
 * parts of an audience are reasons, too. */
/* clang-format off */
#define MDS_REASONS(ROW, AUDIENCE_ROW)                                         \
    ROW(UNKNOWN,     "unknown", "nothing is released under these names")       \
    ROW(OUTSIDE,     "outside", "no release holds for the device")             \
    ROW(CURRENT,     "current", "it has what it should have, or newer")        \
    ROW(NO_DELTA,    "no_delta",                                               \
        "there is no delta, and nothing else is offered")                      \
    MDS_AUDIENCES(AUDIENCE_ROW)                                                \
    ROW(ROLLED_BACK, "rolled_back", "what it has was rolled back")             \
    ROW(MESSAGE,     "message", "a gray message names its user")               \
    ROW(HALTED,      "halted", "too many devices reported that it failed")     \
    ROW(WINDOW_UNKNOWN, "window_unknown",                                      \
        "the fleet could not be asked for a window, which let nobody in")
/* clang-format on */

#define MDS_REASON_ID(reason, name, words) MDS_REASON_##reason,
#define MDS_REASON_AUDIENCE_ID(part, key, name, words) MDS_REASON_##part,

typedef enum {
    MDS_REASONS(MDS_REASON_ID, MDS_REASON_AUDIENCE_ID)
} mds_reason_t;

const char *mds_action_name(mds_action_t action);
const char *mds_reason_name(mds_reason_t reason);
const char *mds_reason_words(mds_reason_t reason);

#endif
