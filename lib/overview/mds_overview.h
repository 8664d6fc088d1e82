/*
 * mds_overview: what an edge tells of itself: its depots, their releases with
 * what was counted of each, as JSON (docs/schema/status-edge.json) and as
 * metrics for Prometheus.
 *
 * Reading allocates from the caller's allocator alone, so that it may run where
 * a fault can end it.
 */

#ifndef MDS_OVERVIEW_H
#define MDS_OVERVIEW_H

#include "base/mds_halt.h"
#include "base/mds_terms.h"
#include "base/mds_writer.h"
#include "catalog/mds_catalog.h"
#include "fleet/mds_agent_status.h"
#include "metrics/mds_counters.h"
#include "registry/mds_registry_versions.h"
#include "state/mds_state.h"

#define MDS_OVERVIEW_RELEASES_MAX 10000 /* of a depot; others are counted */

#define MDS_OVERVIEW_DETAILS 3 /* of reports, of each release */

typedef struct {
    mds_str_t text;
    uint64_t  count;
} mds_overview_detail_t;

typedef struct {
    mds_str_t           app;
    mds_str_t           kind;
    mds_str_t           name;
    mds_str_t           id;
    mds_str_t           version;
    mds_str_t           platforms; /* "android, ios"; empty: all */
    mds_str_t           audience;  /* in words */
    mds_release_state_t state;
    int64_t             start_ms; /* INT64_MIN: at once */
    int64_t             end_ms;   /* INT64_MAX: never */

    bool     has_window;
    uint64_t admitted; /* to the window; of window_count */
    uint64_t window_count;
    int64_t  window_until_ms; /* INT64_MAX: until it is full */

    bool                  has_reports;
    uint64_t              reports[MDS_EVENT_COUNT]; /* devices, by event */
    int64_t               halted_ms;                /* 0: it is not halted */
    uint64_t              halted_ends;     /* by so many ends, and so many */
    uint64_t              halted_failures; /* failures of them */
    mds_overview_detail_t details[MDS_OVERVIEW_DETAILS]; /* the most frequent */
    size_t                detail_count;

    uint64_t  installs; /* answers that told to install it */
    uint64_t  current;  /* answers to devices that have it */
    uint64_t  rollbacks;
    uint64_t  full_downloads; /* of its files */
    uint64_t  delta_downloads;
    uint64_t  download_bytes;
    uint32_t *installs_by_time; /* MDS_HISTORY_POINTS; NULL: none */
} mds_overview_release_t;

typedef struct {
    mds_str_t path;
    unsigned  number; /* in the counters */
    bool      open;   /* it is served; the members below are 0 otherwise */
    uint64_t  serial;
    int64_t   created_ms; /* the generation */
    bool      has_state;
    uint64_t  state_bytes; /* of windows and read marks */

    bool     has_fleet;       /* it shares a database */
    bool     fleet_reachable; /* as the caller knows, which sets it before */
    uint64_t fleet_position;  /* of the feed: applied here */
    uint64_t fleet_lag;       /* entries behind it */
    uint64_t outbox_entries;
    uint64_t outbox_bytes;
    uint64_t outbox_age_s; /* of the oldest entry */
    uint64_t outbox_dropped;

    uint64_t           setting_count;
    bool               has_agent; /* it is an edge's, and the agent has run */
    mds_agent_status_t agent;
    uint64_t           omitted; /* releases beyond MDS_OVERVIEW_RELEASES_MAX */

    const mds_registry_versions_t *versions; /* NULL: not counted yet */

    mds_overview_release_t *releases; /* in the order of the catalog */
    size_t                  release_count;
} mds_overview_depot_t;

typedef struct {
    int64_t now_ms;
    bool    state_only;             /* of releases: those with windows
                                     * or reports, for metrics */
    const mds_counter_zone_t *zone; /* NULL: nothing is counted */
    mds_totals_t              totals;
    mds_overview_depot_t     *depots;
    size_t                    depot_count;
} mds_overview_t;

/*
 * Adds what the catalog, the state (NULL: it cannot be read) and the counters
 * say to a depot, whose path and number are set. The texts are copied.
 */
mds_status_t
mds_overview_read_depot(const mds_overview_t *overview, mds_catalog_t *catalog,
                        mds_state_t *state, const mds_alloc_t *alloc,
                        mds_error_t          *err,
                        mds_overview_depot_t *depot) MDS_MUST_CHECK;

/* Returns whether the counters have a number for the depot, under which they
 * count. */
static inline bool
mds_overview_is_counted(const mds_overview_t       *overview,
                        const mds_overview_depot_t *depot)
{
    return overview->zone != NULL && depot->number != MDS_COUNTERS_DEPOT_OTHER;
}

/* Writes the audience and the rules of a release in words. */
void mds_overview_write_audience(const mds_record_t         *record,
                                 const mds_release_record_t *release,
                                 mds_writer_t               *writer);

void
mds_overview_write_json(const mds_overview_t *overview, mds_writer_t *writer);

/* Writes metrics, in OpenMetrics 1.0 or in the older text format 0.0.4. */
void mds_overview_write_metrics(const mds_overview_t *overview,
                                bool openmetrics, mds_writer_t *writer);

/* Writes tables of HTML, for a browser without JavaScript. */
void
mds_overview_write_html(const mds_overview_t *overview, mds_writer_t *writer);

/* Writes a text as HTML, also for the value of an attribute in quotes. */
void mds_overview_write_html_text(mds_writer_t *writer, mds_str_t text);

/* Returns the sum of the gauge or counter of a depot. */
uint64_t
mds_overview_depot_value(const mds_overview_t       *overview,
                         const mds_overview_depot_t *depot, unsigned value);

/* Returns the upper bound in nanoseconds of the bucket that has the fraction of
 * all values; 0: there are none. */
uint64_t
mds_overview_quantile(const mds_histogram_t *histogram, double fraction);

#endif
