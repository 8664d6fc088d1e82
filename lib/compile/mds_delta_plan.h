/*
 * mds_delta_plan: finds the deltas that a document asks for.
 */

#ifndef MDS_DELTA_PLAN_H
#define MDS_DELTA_PLAN_H

#include "document/mds_model.h"

/* The packages of one resource, higher versions first, then in document
 * order; the array is in the model's arena. */
typedef struct {
    const mds_package_t **items;
    size_t                count;
} mds_builds_t;

/* Compares pointers to packages for qsort(): by kind and name, then in the
 * order above. */
int mds_builds_cmp(const void *a, const void *b);

/* Sorts all packages of the model in that order. */
mds_status_t mds_builds_sort(const mds_model_t *model, mds_error_t *err,
                             mds_builds_t *builds) MDS_MUST_CHECK;

/* One delta; spec is NULL if it follows from a count of versions. */
typedef struct {
    const mds_package_t    *from;
    const mds_package_t    *to;
    const mds_delta_spec_t *spec;
} mds_delta_pair_t;

/*
 * Calls visit for each delta towards build `to`, an index of builds; the first
 * status that is not MDS_OK ends this and is returned.
 */
typedef mds_status_t (*mds_pair_visit_t)(void                   *data,
                                         const mds_delta_pair_t *pair,
                                         mds_error_t            *err);

mds_status_t mds_delta_plan_deltas(const mds_builds_t *builds, size_t to,
                                   mds_pair_visit_t visit, void *data,
                                   mds_error_t *err) MDS_MUST_CHECK;

#endif
