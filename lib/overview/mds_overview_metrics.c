/*
 * The overview as metrics, named as Prometheus advises: base units, counters
 * that end with _total. OpenMetrics 1.0 names the family of a counter without
 * that ending; the text format 0.0.4 does not. Both close with "# EOF", which
 * is a comment in the latter, so that a reader notices an answer that was cut
 * off.
 */

#include "overview/mds_overview.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct {
    const mds_overview_t *overview;
    mds_writer_t         *writer;
    bool                  openmetrics;
    const char           *name; /* of the family */
} mds_metrics_t;

/* Escapes a label's value: backslash, quotation mark and line feed. */
static void
mds_write_label_value(mds_writer_t *writer, mds_str_t value)
{
    size_t begun = 0;

    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];

        if (c != '\\' && c != '"' && c != '\n') {
            continue;
        }

        mds_writer_add(writer, (mds_str_t){ i - begun, value.data + begun });
        mds_writer_words(writer, c == '\n'  ? "\\n"
                                 : c == '"' ? "\\\""
                                            : "\\\\");
        begun = i + 1;
    }

    mds_writer_add(writer,
                   (mds_str_t){ value.len - begun, value.data + begun });
}

static void
mds_write_label(mds_writer_t *writer, const char *before, mds_str_t value)
{
    mds_writer_words(writer, before);
    mds_writer_words(writer, "=\"");
    mds_write_label_value(writer, value);
    mds_writer_words(writer, "\"");
}

/* Begins a family; type is "counter", "gauge" or "histogram", and the unit may
 * be NULL. */
static void
mds_family(mds_metrics_t *m, const char *name, const char *type,
           const char *unit, const char *help)
{
    const char *total = type[0] == 'c' && !m->openmetrics ? "_total" : "";

    m->name = name;
    mds_writer_words(m->writer, "# HELP ");
    mds_writer_words(m->writer, name);
    mds_writer_words(m->writer, total);
    mds_writer_words(m->writer, " ");
    mds_writer_words(m->writer, help);
    mds_writer_words(m->writer, "\n# TYPE ");
    mds_writer_words(m->writer, name);
    mds_writer_words(m->writer, total);
    mds_writer_words(m->writer, " ");
    mds_writer_words(m->writer, type);

    if (unit != NULL && m->openmetrics) {
        mds_writer_words(m->writer, "\n# UNIT ");
        mds_writer_words(m->writer, name);
        mds_writer_words(m->writer, " ");
        mds_writer_words(m->writer, unit);
    }

    mds_writer_words(m->writer, "\n");
}

/* Begins a sample of the family. */
static void
mds_sample(mds_metrics_t *m, const char *suffix)
{
    mds_writer_words(m->writer, m->name);
    mds_writer_words(m->writer, suffix);
}

static void
mds_value(mds_metrics_t *m, const char *before, uint64_t value)
{
    mds_writer_number(m->writer, before, value);
    mds_writer_words(m->writer, "\n");
}

static void
mds_value_seconds(mds_metrics_t *m, const char *before, uint64_t ns)
{
    char text[40];
    int  len = snprintf(text, sizeof(text), "%" PRIu64 ".%09" PRIu64 "\n",
                        ns / UINT64_C(1000000000), ns % UINT64_C(1000000000));

    mds_writer_words(m->writer, before);
    mds_writer_add(m->writer, (mds_str_t){ (size_t) len, text });
}

static void
mds_write_responses(mds_metrics_t *m)
{
    const mds_fixed_counters_t *fixed = &m->overview->totals.fixed;
    char                        code[8];

    mds_family(m, "mds_http_responses", "counter", NULL,
               "Answers, by endpoint and HTTP status.");

    for (int e = 0; e < MDS_ENDPOINT_COUNT; e++) {
        for (int s = 0; s < MDS_HTTP_STATUS_COUNT; s++) {
            if (fixed->responses[e][s] == 0) {
                continue;
            }

            snprintf(code, sizeof(code), "%u", mds_http_statuses[s]);
            mds_sample(m, "_total{");
            mds_write_label(m->writer, "endpoint",
                            mds_str_of(mds_endpoint_name((mds_endpoint_t) e)));
            mds_write_label(m->writer, ",code",
                            mds_http_statuses[s] == 0 ? mds_str("other")
                                                      : mds_str_of(code));
            mds_value(m, "} ", fixed->responses[e][s]);
        }
    }
}

static void
mds_write_histogram(mds_metrics_t *m, const char *name, const char *help,
                    const mds_histogram_t *histogram)
{
    uint64_t count = 0;
    char     bound[32];

    mds_family(m, name, "histogram", "seconds", help);

    for (int i = 0; i < MDS_HISTOGRAM_BUCKETS; i++) {
        count += histogram->buckets[i];

        if (i < MDS_HISTOGRAM_BUCKETS - 1) {
            snprintf(bound, sizeof(bound), "%.10g",
                     (double) mds_histogram_bounds_ns[i] / 1e9);
        } else {
            snprintf(bound, sizeof(bound), "+Inf");
        }

        mds_sample(m, "_bucket{");
        mds_write_label(m->writer, "le", mds_str_of(bound));
        mds_value(m, "} ", count);
    }

    mds_sample(m, "_sum");
    mds_value_seconds(m, " ", histogram->sum_ns);
    mds_sample(m, "_count");
    mds_value(m, " ", count);
}

/* Writes the path of the depot whose number is the field of a series. */
static void
mds_write_depot_label(mds_metrics_t *m, mds_str_t number)
{
    unsigned depot = 0;

    for (size_t i = 0; i < number.len; i++) {
        depot = depot * 10 + (unsigned) (number.data[i] - '0');
    }

    mds_write_label(m->writer, "depot",
                    mds_str_of(mds_counters_depot(m->overview->zone, depot)));
}

/* Writes a family of a type of series. labels are the names of the fields
 * behind the depot's, each with a comma before it. */
static void
mds_write_series(mds_metrics_t *m, mds_series_type_t type, unsigned value,
                 const char *const *labels, const char *suffix)
{
    const mds_totals_t *totals = &m->overview->totals;
    const mds_str_t     other = mds_str(MDS_COUNTERS_DEPOT_OTHER_TEXT);

    for (size_t i = 0; i < totals->count; i++) {
        const mds_total_t *total = &totals->series[i];

        /* The series for what has no room are there from the beginning. */
        if (total->type != type
            || (total->values[0] == 0 && total->values[1] == 0
                && (total->field_count > 1
                    || mds_str_eq(total->fields[0], other))))
        {
            continue;
        }

        mds_sample(m, suffix);
        mds_writer_words(m->writer, "{");
        mds_write_depot_label(m, total->fields[0]);

        for (size_t f = 1; f < total->field_count; f++) {
            mds_write_label(m->writer, labels[f - 1], total->fields[f]);
        }

        mds_value(m, "} ", total->values[value]);
    }
}

static void
mds_write_counters(mds_metrics_t *m)
{
    static const char *const decision[]
        = { ",app", ",kind", ",name", ",release", ",action", ",reason" };
    static const char *const file[] = { ",sha256", ",format" };

    mds_family(m, "mds_decisions", "counter", NULL,
               "Decisions for devices, by release, action and reason.");
    mds_write_series(m, MDS_SERIES_DECISION, 0, decision, "_total");

    mds_family(m, "mds_file_sent_bytes", "counter", "bytes",
               "Bytes of packages and deltas that were sent.");
    mds_write_series(m, MDS_SERIES_FILE, 0, file, "_total");

    mds_family(m, "mds_file_downloads", "counter", NULL,
               "Packages and deltas of which the last byte was sent.");
    mds_write_series(m, MDS_SERIES_FILE, 1, file, "_total");

    mds_family(m, "mds_depot_faults", "counter", NULL,
               "Reads of the depot that a damaged file has ended.");
    mds_write_series(m, MDS_SERIES_DEPOT, 0, NULL, "_total");

    mds_family(m, "mds_commit_queue_requests", "gauge", NULL,
               "Requests that wait for a write of the state.");
    mds_write_series(m, MDS_SERIES_DEPOT, 1, NULL, "");
}

/* Writes a gauge of each depot that is open. */
static void
mds_write_depot_gauge(mds_metrics_t *m, size_t offset)
{
    for (size_t i = 0; i < m->overview->depot_count; i++) {
        const mds_overview_depot_t *depot = &m->overview->depots[i];
        uint64_t                    value;

        if (depot->open) {
            memcpy(&value, (const char *) depot + offset, sizeof(value));
            mds_sample(m, "{");
            mds_write_label(m->writer, "depot", depot->path);
            mds_value(m, "} ", value);
        }
    }
}

static void
mds_write_depots(mds_metrics_t *m)
{
    mds_family(m, "mds_depot_up", "gauge", NULL,
               "Whether the depot is served: 1 or 0.");

    for (size_t i = 0; i < m->overview->depot_count; i++) {
        mds_sample(m, "{");
        mds_write_label(m->writer, "depot", m->overview->depots[i].path);
        mds_value(m, "} ", m->overview->depots[i].open ? 1 : 0);
    }

    mds_family(m, "mds_depot_serial", "gauge", NULL,
               "The serial of the catalog in force.");
    mds_write_depot_gauge(m, offsetof(mds_overview_depot_t, serial));

    mds_family(m, "mds_depot_created_timestamp_seconds", "gauge", "seconds",
               "When the catalog in force was made.");

    for (size_t i = 0; i < m->overview->depot_count; i++) {
        const mds_overview_depot_t *depot = &m->overview->depots[i];

        if (depot->open) {
            mds_sample(m, "{");
            mds_write_label(m->writer, "depot", depot->path);
            mds_value_seconds(m, "} ", (uint64_t) depot->created_ms * 1000000);
        }
    }

    mds_family(m, "mds_state_bytes", "gauge", "bytes",
               "The size of windows and read marks.");
    mds_write_depot_gauge(m, offsetof(mds_overview_depot_t, state_bytes));
}

/* Writes a family of the depots that share a database. */
static void
mds_write_fleet(mds_metrics_t *m, const char *name, const char *type,
                const char *unit, const char *help, size_t offset)
{
    mds_family(m, name, type, unit, help);

    for (size_t i = 0; i < m->overview->depot_count; i++) {
        const mds_overview_depot_t *depot = &m->overview->depots[i];
        uint64_t                    value = depot->fleet_reachable ? 1 : 0;

        if (!depot->has_fleet) {
            continue;
        }

        if (offset != 0) {
            memcpy(&value, (const char *) depot + offset, sizeof(value));
        }

        mds_sample(m, type[0] == 'c' ? "_total{" : "{");
        mds_write_label(m->writer, "depot", depot->path);
        mds_value(m, "} ", value);
    }
}

static void
mds_write_fleets(mds_metrics_t *m)
{
    mds_write_fleet(m, "mds_fleet_reachable", "gauge", NULL,
                    "Whether the worker that answers can ask the fleet: 1 or"
                    " 0.",
                    0);
    mds_write_fleet(m, "mds_feed_position", "gauge", NULL,
                    "The number of the feed's entry that was applied last.",
                    offsetof(mds_overview_depot_t, fleet_position));
    mds_write_fleet(m, "mds_feed_lag", "gauge", NULL,
                    "Entries of the feed that are not applied yet.",
                    offsetof(mds_overview_depot_t, fleet_lag));
    mds_write_fleet(m, "mds_outbox_entries", "gauge", NULL,
                    "Marks, reports and devices that the database does not"
                    " have yet.",
                    offsetof(mds_overview_depot_t, outbox_entries));
    mds_write_fleet(m, "mds_outbox_bytes", "gauge", "bytes",
                    "Their size in the state.",
                    offsetof(mds_overview_depot_t, outbox_bytes));
    mds_write_fleet(m, "mds_outbox_oldest_seconds", "gauge", "seconds",
                    "Age of the oldest of them; 0: there is none.",
                    offsetof(mds_overview_depot_t, outbox_age_s));
    mds_write_fleet(m, "mds_outbox_dropped", "counter", NULL,
                    "Entries for which the outbox had no room.",
                    offsetof(mds_overview_depot_t, outbox_dropped));
}

/* Returns whether a depot shares a database. */
static bool
mds_has_fleet(const mds_overview_t *overview)
{
    for (size_t i = 0; i < overview->depot_count; i++) {
        if (overview->depots[i].has_fleet) {
            return true;
        }
    }

    return false;
}

/* Writes the figures of agents, of the edges among the depots. */
static void
mds_write_agents(mds_metrics_t *m)
{
    for (int n = 0; n < MDS_AGENT_FIGURE_COUNT; n++) {
        const mds_agent_figure_row_t *figure = &mds_agent_figures[n];
        char                          name[64];

        snprintf(name, sizeof(name), "mds_agent_%s", figure->member);
        mds_family(m, name, figure->type, NULL, figure->help);

        for (size_t i = 0; i < m->overview->depot_count; i++) {
            const mds_overview_depot_t *depot = &m->overview->depots[i];

            if (depot->has_agent) {
                mds_sample(m, figure->type[0] == 'c' ? "_total{" : "{");
                mds_write_label(m->writer, "depot", depot->path);
                mds_value(m, "} ", (uint64_t) depot->agent.values[n]);
            }
        }
    }
}

/* Returns whether one of the depots is that of an edge with an agent. */
static bool
mds_has_agents(const mds_metrics_t *m)
{
    for (size_t i = 0; i < m->overview->depot_count; i++) {
        if (m->overview->depots[i].has_agent) {
            return true;
        }
    }

    return false;
}

static void
mds_write_windows(mds_metrics_t *m, bool limit)
{
    mds_family(m, limit ? "mds_window_limit" : "mds_window_admissions", "gauge",
               NULL,
               limit ? "Devices or users that a window admits."
                     : "Devices or users that a window has admitted.");

    for (size_t i = 0; i < m->overview->depot_count; i++) {
        const mds_overview_depot_t *depot = &m->overview->depots[i];

        for (size_t r = 0; r < depot->release_count; r++) {
            const mds_overview_release_t *release = &depot->releases[r];

            if (!release->has_window) {
                continue;
            }

            mds_sample(m, "{");
            mds_write_label(m->writer, "depot", depot->path);
            mds_write_label(m->writer, ",app", release->app);
            mds_write_label(m->writer, ",release", release->id);
            mds_value(m, "} ",
                      limit ? release->window_count : release->admitted);
        }
    }
}

/* Writes the labels that name a release. */
static void
mds_write_release_labels(mds_metrics_t *m, const mds_overview_depot_t *depot,
                         const mds_overview_release_t *release)
{
    mds_sample(m, "{");
    mds_write_label(m->writer, "depot", depot->path);
    mds_write_label(m->writer, ",app", release->app);
    mds_write_label(m->writer, ",release", release->id);
}

/* They are gauges: to resume a halted release counts them anew. */
static void
mds_write_reports(mds_metrics_t *m)
{
    mds_family(m, "mds_release_reports", "gauge", NULL,
               "Devices that have reported, by release and event.");

    for (size_t i = 0; i < m->overview->depot_count; i++) {
        const mds_overview_depot_t *depot = &m->overview->depots[i];

        for (size_t r = 0; r < depot->release_count; r++) {
            for (int e = 0;
                 depot->releases[r].has_reports && e < MDS_EVENT_COUNT; e++) {
                mds_write_release_labels(m, depot, &depot->releases[r]);
                mds_write_label(m->writer, ",event",
                                mds_str_of(mds_report_event_names[e]));
                mds_value(m, "} ", depot->releases[r].reports[e]);
            }
        }
    }
}

static void
mds_write_halts(mds_metrics_t *m)
{
    mds_family(m, "mds_release_halted", "gauge", NULL,
               "Whether reports have halted the release: 1 or 0.");

    for (size_t i = 0; i < m->overview->depot_count; i++) {
        const mds_overview_depot_t *depot = &m->overview->depots[i];

        for (size_t r = 0; r < depot->release_count; r++) {
            if (depot->releases[r].has_reports) {
                mds_write_release_labels(m, depot, &depot->releases[r]);
                mds_value(m, "} ", depot->releases[r].halted_ms != 0 ? 1 : 0);
            }
        }
    }
}

static void
mds_write_counting(mds_metrics_t *m)
{
    const mds_totals_t *totals = &m->overview->totals;

    mds_family(m, "mds_zone_series", "gauge", NULL,
               "Series in the fullest slot of mds_zone.");
    mds_sample(m, "");
    mds_value(m, " ", totals->series_used);
    mds_family(m, "mds_zone_series_limit", "gauge", NULL,
               "Series for which a slot of mds_zone has room.");
    mds_sample(m, "");
    mds_value(m, " ", totals->series_max);
    mds_family(m, "mds_zone_other", "counter", NULL,
               "What mds_zone had no room for, by what was counted.");

    for (int i = 0; i < MDS_OTHER_COUNT; i++) {
        mds_sample(m, "_total{");
        mds_write_label(m->writer, "counter",
                        mds_str_of(mds_other_name((mds_other_t) i)));
        mds_value(m, "} ", totals->other[i]);
    }
}

void
mds_overview_write_metrics(const mds_overview_t *overview, bool openmetrics,
                           mds_writer_t *writer)
{
    mds_metrics_t m = { .overview = overview,
                        .writer = writer,
                        .openmetrics = openmetrics };

    if (overview->zone != NULL) {
        mds_write_responses(&m);
        mds_write_histogram(&m, "mds_check_duration_seconds",
                            "Time from the decision of a check by GET until"
                            " its answer was sent.",
                            &overview->totals.fixed.checks);
        mds_write_counters(&m);
        mds_write_histogram(&m, "mds_commit_duration_seconds",
                            "Time of a group commit of the state.",
                            &overview->totals.fixed.commits);
        mds_family(&m, "mds_watchers", "gauge", NULL,
                   "Devices that are connected to mds_watch.");
        mds_sample(&m, "");
        mds_value(&m, " ", overview->totals.fixed.watchers);
        mds_write_counting(&m);
    }

    mds_write_depots(&m);

    if (mds_has_agents(&m)) {
        mds_write_agents(&m);
    }

    if (mds_has_fleet(overview)) {
        mds_write_fleets(&m);
    }

    mds_write_windows(&m, false);
    mds_write_windows(&m, true);
    mds_write_reports(&m);
    mds_write_halts(&m);

    mds_writer_words(writer, "# EOF\n");
}
