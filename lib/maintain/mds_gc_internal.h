/* mds_gc_internal: the declarations that the files mds_gc*.c share. */

#ifndef MDS_GC_INTERNAL_H
#define MDS_GC_INTERNAL_H

#include "maintain/mds_gc.h"

/* Removes what nobody needs in state/devices/, and adds it to the result. A
 * file that cannot be removed stays. */
mds_status_t mds_gc_devices(const char *depot, const mds_gc_options_t *options,
                            int64_t now_ms, mds_error_t *err,
                            mds_gc_result_t *result) MDS_MUST_CHECK;

/* Forgets the reports of releases that the generation does not have. */
mds_status_t mds_gc_reports(const char *depot, uint64_t serial,
                            mds_error_t *err) MDS_MUST_CHECK;

#endif
