/*
 * mds_edit_dependents: finds everything in an app that still needs a part of it
 * that is to be removed.
 */

#ifndef MDS_EDIT_DEPENDENTS_H
#define MDS_EDIT_DEPENDENTS_H

#include "document/mds_model.h"

#define MDS_DEPENDENTS_TOLD 5    /* by name; more are counted */
#define MDS_DEPENDENTS_BYTES 512 /* of all the names */

typedef struct {
    size_t count;
    size_t len;
    char   words[MDS_DEPENDENTS_BYTES]; /* "release a (running), …" */
} mds_dependents_t;                     /* all zero: none */

/* Adds everything that keeps the app in use: releases that are not over, and
 * messages that have not expired. */
void mds_dependents_of_app(const mds_model_t *model, int64_t now_ms,
                           mds_dependents_t *dependents);

/* Adds releases of any state, which a document may name only with their lists.
 */
void mds_dependents_of_list(const mds_model_t *model, mds_str_t list,
                            mds_dependents_t *dependents);

/* Adds releases that were rolled back, whose devices may go back to this one.
 */
void mds_dependents_of_release(const mds_model_t   *model,
                               const mds_release_t *release,
                               mds_dependents_t    *dependents);

/* Adds releases of the version or that name it in force_full, packages that ask
 * for a difference from it, and messages that have not expired. */
void mds_dependents_of_package(const mds_model_t   *model,
                               const mds_package_t *package, int64_t now_ms,
                               mds_dependents_t *dependents);

/* Fails with MDS_CONFLICT, "WHAT is needed by …", where there are any. */
mds_status_t
mds_dependents_check(const mds_dependents_t *dependents, const char *what,
                     mds_error_t *err) MDS_MUST_CHECK;

/* Returns whether the release is over for good: ended, or rolled back. */
bool mds_release_is_over(const mds_release_t *release);

/* Returns the word for the release's state. */
const char *mds_release_state_name(const mds_release_t *release);

#endif
