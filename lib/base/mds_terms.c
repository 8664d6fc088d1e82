/*
 * The names of the enumerations that documents, records and messages share.
 */

#include "base/mds_terms.h"
#include "base/mds_halt.h"

const char *const mds_release_state_names[] = {
    [MDS_RELEASE_RUNNING] = "running",
    [MDS_RELEASE_PAUSED] = "paused",
    [MDS_RELEASE_ENDED] = "ended",
    [MDS_RELEASE_ROLLED_BACK] = "rolled_back",
};

#define MDS_EVENT_NAME(event, name) [MDS_EVENT_##event] = name,

const char *const mds_report_event_names[MDS_EVENT_COUNT]
    = { MDS_REPORT_EVENTS(MDS_EVENT_NAME) };
