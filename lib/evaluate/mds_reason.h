/*
 * mds_reason: the result of a decision in words: the action that the device is
 * to take, and the reason.
 */

#ifndef MDS_REASON_H
#define MDS_REASON_H

typedef enum {
    MDS_ACTION_NONE,
    MDS_ACTION_INSTALL,
    MDS_ACTION_ROLLBACK
} mds_action_t;

/* The value of $mds_reason, and the last line of `mdsctl explain`. */
typedef enum {
    MDS_REASON_UNKNOWN,     /* the catalog lacks this app, kind, name */
    MDS_REASON_OUTSIDE,     /* no release holds for the device */
    MDS_REASON_CURRENT,     /* it has what it should have, or newer */
    MDS_REASON_NO_DELTA,    /* would get it, but only as a delta */
    MDS_REASON_ALL,         /* the audience is everybody */
    MDS_REASON_LIST,        /* a list has the device or user */
    MDS_REASON_PERCENT,     /* the bucket is below the percentage */
    MDS_REASON_RAMP,        /* the bucket is below the ramp's percentage */
    MDS_REASON_WINDOW,      /* the window has admitted it */
    MDS_REASON_ROLLED_BACK, /* the installed version was rolled back */
    MDS_REASON_MESSAGE      /* a gray message names the user */
} mds_reason_t;

const char *mds_action_name(mds_action_t action);
const char *mds_reason_name(mds_reason_t reason);

#endif
