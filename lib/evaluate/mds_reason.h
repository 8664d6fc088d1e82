/*
 * mds_reason: the result of a decision: the action that the device is to take,
 * and the reason. A new reason is a row here.
 */

#ifndef MDS_REASON_H
#define MDS_REASON_H

typedef enum {
    MDS_ACTION_NONE,
    MDS_ACTION_INSTALL,
    MDS_ACTION_ROLLBACK
} mds_action_t;

/* Enumerator, the value of $mds_reason, and what `mdsctl explain` prints. */
/* clang-format off */
#define MDS_REASONS(ROW) \
    ROW(MDS_REASON_UNKNOWN, "unknown", \
        "nothing is released under these names") \
    ROW(MDS_REASON_OUTSIDE, "outside", "no release holds for the device") \
    ROW(MDS_REASON_CURRENT, "current", "it has what it should have, or newer") \
    ROW(MDS_REASON_NO_DELTA, "no_delta", \
        "there is no delta, and nothing else is offered") \
    ROW(MDS_REASON_ALL, "all", "the release is for everybody") \
    ROW(MDS_REASON_LIST, "list", "it is on a list") \
    ROW(MDS_REASON_PERCENT, "percent", "its bucket is below the percentage") \
    ROW(MDS_REASON_RAMP, "ramp", \
        "its bucket is below what the ramp has reached") \
    ROW(MDS_REASON_WINDOW, "window", "the window has admitted it") \
    ROW(MDS_REASON_ROLLED_BACK, "rolled_back", "what it has was rolled back") \
    ROW(MDS_REASON_MESSAGE, "message", "a gray message names its user")
/* clang-format on */

#define MDS_REASON_ID(reason, name, words) reason,

typedef enum { MDS_REASONS(MDS_REASON_ID) } mds_reason_t;

const char *mds_action_name(mds_action_t action);
const char *mds_reason_name(mds_reason_t reason);
const char *mds_reason_words(mds_reason_t reason);

#endif
