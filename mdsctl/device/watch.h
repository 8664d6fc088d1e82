/*
 * watch: stays connected to mds_watch, and checks each time the edge says that
 * the device's answer has changed: the reference of what a device does
 * (docs/client.md, "Watch").
 */

#ifndef MDSCTL_WATCH_H
#define MDSCTL_WATCH_H

#include "device/check.h"

/* A stream is opened anew if nothing has come for so long: three comments of an
 * edge with the default of mds_watch_ping. */
#define MDSCTL_WATCH_SILENCE_S 90

/* Checks once. *upgraded is set in any case. */
typedef mds_status_t (*mdsctl_check_once_t)(mdsctl_check_t *check,
                                            bool           *upgraded);

/* Watches until SIGINT or SIGTERM, or until the edge has refused the first
 * stream. Returns an exit code. */
int mdsctl_watch(mdsctl_check_t *check, mdsctl_check_once_t once);

#endif
