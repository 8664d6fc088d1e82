/*
 * mds_halt: what devices report of a release, and the limit at which the
 * reports halt it.
 */

#ifndef MDS_HALT_H
#define MDS_HALT_H

#include "base/mds_base.h"
#include "base/mds_terms.h"

/* Enumerator, and the name in a report. The ends, which say how an installation
 * has ended, come last. */
#define MDS_REPORT_EVENTS(ROW)                                                 \
    ROW(DOWNLOADED, "downloaded")                                              \
    ROW(INSTALLED, "installed")                                                \
    ROW(FAILED, "failed")                                                      \
    ROW(CRASHED, "crashed")                                                    \
    ROW(ROLLED_BACK, "rolled_back")

#define MDS_EVENT_ID(event, name) MDS_EVENT_##event,

typedef enum {
    MDS_REPORT_EVENTS(MDS_EVENT_ID) MDS_EVENT_COUNT
} mds_report_event_t;

#define MDS_EVENT_FIRST_END MDS_EVENT_INSTALLED

#define MDS_REPORT_DETAIL_MAX 256 /* bytes */

extern const char *const mds_report_event_names[MDS_EVENT_COUNT];

#define MDS_HALT_PPM_MAX 1000000

/* The limit, as documents, records and the state share it. */
typedef struct MDS_PACKED {
    uint64_t min_reports; /* devices whose installation has ended */
    uint32_t failure_ppm; /* millionths of them; 0: there is no limit */
    uint8_t  rollback;    /* devices that have the version go back */
} mds_halt_t;

/* Returns whether so many ends, of which so many are failures, reach the limit.
 */
static inline bool
mds_halt_is_reached(const mds_halt_t *halt, uint64_t ends, uint64_t failures)
{
    return halt->failure_ppm != 0 && ends >= halt->min_reports
           && failures >= (ends / MDS_HALT_PPM_MAX) * halt->failure_ppm
                              + ((ends % MDS_HALT_PPM_MAX) * halt->failure_ppm
                                 + MDS_HALT_PPM_MAX - 1)
                                    / MDS_HALT_PPM_MAX;
}

#endif
