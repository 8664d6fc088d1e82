/* watch_internal: the events of a watch, for watch.c and watch_report.c. */

#ifndef MDSCTL_WATCH_INTERNAL_H
#define MDSCTL_WATCH_INTERNAL_H

#include "device/watch.h"

/* Prints a line of JSON with the event and these members, and takes the
 * reference. NULL means that memory ran out. */
void mdsctl_watch_print(const char *event, mds_json_t *members);

/* Reports an event, why it came, and after which pause the device tries again;
 * detail may be NULL, and the pause 0. */
void mdsctl_watch_event(const mdsctl_check_t *check, const char *event,
                        const char *detail, int64_t pause_ms);

/* Reports a failure; without --json, its text goes to stderr. */
void mdsctl_watch_failure(const mdsctl_check_t *check, const char *event,
                          const mds_error_t *err, int64_t pause_ms);

#endif
