/*
 * dependents: what in an app still needs a part of it that is to be removed.
 */

#ifndef MDSCTL_DEPENDENTS_H
#define MDSCTL_DEPENDENTS_H

#include "document/mds_model.h"

#define MDSCTL_DEPENDENTS_TOLD 5    /* by name; more are counted */
#define MDSCTL_DEPENDENTS_BYTES 512 /* of all the names */

typedef struct {
    size_t count;
    size_t len;
    char   words[MDSCTL_DEPENDENTS_BYTES]; /* "release a (running), …" */
} mdsctl_dependents_t;                     /* all zero: none */

/* Everything that keeps the app in use: releases that are not over, and
 * messages that have not expired. */
void mdsctl_dependents_of_app(const mds_model_t *model, int64_t now_ms,
                              mdsctl_dependents_t *dependents);

/* Releases of any state, which a document may name only with their lists. */
void mdsctl_dependents_of_list(const mds_model_t *model, mds_str_t list,
                               mdsctl_dependents_t *dependents);

/* Releases that were rolled back, whose devices may go back to this one. */
void mdsctl_dependents_of_release(const mds_model_t   *model,
                                  const mds_release_t *release,
                                  mdsctl_dependents_t *dependents);

/* Releases of the version or that name it in force_full, packages that ask for
 * a difference from it, and messages that have not expired. */
void mdsctl_dependents_of_package(const mds_model_t   *model,
                                  const mds_package_t *package, int64_t now_ms,
                                  mdsctl_dependents_t *dependents);

/* MDS_CONFLICT, "WHAT is needed by …", where there are any. */
mds_status_t
mdsctl_dependents_check(const mdsctl_dependents_t *dependents, const char *what,
                        mds_error_t *err) MDS_MUST_CHECK;

/* Whether the release is over for good: ended, or rolled back. */
bool mdsctl_release_is_over(const mds_release_t *release);

const char *mdsctl_release_state_name(const mds_release_t *release);

#endif
