/* The overview as JSON; docs/schema/status-edge.json describes it. */

#include "overview/mds_overview.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mds_time.h"

static void
mds_write_member_time(mds_writer_t *writer, const char *before, int64_t ms)
{
    char text[MDS_TIME_BYTES];

    mds_writer_words(writer, before);
    mds_writer_words(writer, "\"");
    mds_writer_words(writer, mds_time_format(ms, text));
    mds_writer_words(writer, "\"");
}

/* Writes a time as seconds with nine decimals. */
static void
mds_write_seconds(mds_writer_t *writer, const char *before, uint64_t ns)
{
    char text[40];
    int  len = snprintf(text, sizeof(text), "%" PRIu64 ".%09" PRIu64,
                        ns / UINT64_C(1000000000), ns % UINT64_C(1000000000));

    mds_writer_words(writer, before);
    mds_writer_add(writer, (mds_str_t){ (size_t) len, text });
}

static void
mds_write_counting(const mds_overview_t *overview, mds_writer_t *writer)
{
    const mds_totals_t *totals = &overview->totals;
    uint64_t            other = 0;

    for (int i = 0; i < MDS_OTHER_COUNT; i++) {
        other += i == MDS_OTHER_BYTES ? 0 : totals->other[i];
    }

    mds_write_member_time(writer,
                          ",\"counting\":{\"since\":", totals->created_ms);
    mds_writer_number(writer, ",\"slots\":", totals->slot_count);
    mds_writer_number(writer, ",\"slots_used\":", totals->slots_used);
    mds_writer_number(writer, ",\"series\":", totals->series_used);
    mds_writer_number(writer, ",\"series_max\":", totals->series_max);
    mds_writer_number(writer, ",\"other\":", other);
    mds_writer_words(writer, "}");
}

static void
mds_write_responses(const mds_totals_t *totals, mds_writer_t *writer)
{
    const char *before = ",\"responses\":[";

    for (int e = 0; e < MDS_ENDPOINT_COUNT; e++) {
        for (int s = 0; s < MDS_HTTP_STATUS_COUNT; s++) {
            uint64_t count = totals->fixed.responses[e][s];

            if (count == 0) {
                continue;
            }

            mds_writer_words(writer, before);
            mds_writer_words(writer, "{\"endpoint\":\"");
            mds_writer_words(writer, mds_endpoint_name((mds_endpoint_t) e));
            mds_writer_number(writer, "\",\"status\":", mds_http_statuses[s]);
            mds_writer_number(writer, ",\"count\":", count);
            mds_writer_words(writer, "}");
            before = ",";
        }
    }

    mds_writer_words(writer, before[1] == '\0' ? "]" : ",\"responses\":[]");
}

static void
mds_write_quantile(const mds_histogram_t *histogram, double fraction,
                   const char *before, mds_writer_t *writer)
{
    uint64_t ns = mds_overview_quantile(histogram, fraction);

    if (ns != 0 && ns != UINT64_MAX) {
        mds_write_seconds(writer, before, ns);
    }
}

static void
mds_write_histogram(const mds_histogram_t *histogram, const char *before,
                    mds_writer_t *writer)
{
    uint64_t count = 0;

    for (int i = 0; i < MDS_HISTOGRAM_BUCKETS; i++) {
        count += histogram->buckets[i];
    }

    mds_writer_words(writer, before);
    mds_writer_number(writer, "{\"count\":", count);
    mds_write_seconds(writer, ",\"seconds\":", histogram->sum_ns);
    mds_write_quantile(histogram, 0.5, ",\"p50\":", writer);
    mds_write_quantile(histogram, 0.99, ",\"p99\":", writer);
    mds_writer_words(writer, "}");
}

/* Writes the figures of the agent; one that is not set is 0. */
static void
mds_write_agent(const mds_agent_status_t *agent, mds_writer_t *writer)
{
    mds_writer_string(writer, ",\"agent\":{\"state\":\"",
                      mds_str_of(agent->state));
    mds_writer_string(writer, ",\"trouble\":\"", mds_str_of(agent->trouble));
    mds_writer_string(writer, ",\"database_error\":\"",
                      mds_str_of(agent->database));

    for (int i = 0; i < MDS_AGENT_FIGURE_COUNT; i++) {
        mds_writer_words(writer, ",\"");
        mds_writer_words(writer, mds_agent_figures[i].member);
        mds_writer_number(writer, "\":", (uint64_t) agent->values[i]);
    }

    mds_writer_words(writer, "}");
}

static void
mds_write_window(const mds_overview_release_t *release, mds_writer_t *writer)
{
    mds_writer_number(writer, ",\"window\":{\"admitted\":", release->admitted);
    mds_writer_number(writer, ",\"count\":", release->window_count);

    if (release->window_until_ms != INT64_MAX) {
        mds_write_member_time(writer, ",\"until\":", release->window_until_ms);
    }

    mds_writer_words(writer, "}");
}

/* Writes the members "reports" and, if it is halted, "halted". */
static void
mds_write_reports(const mds_overview_release_t *release, mds_writer_t *writer)
{
    for (int i = 0; i < MDS_EVENT_COUNT; i++) {
        mds_writer_words(writer, i == 0 ? ",\"reports\":{\"" : ",\"");
        mds_writer_words(writer, mds_report_event_names[i]);
        mds_writer_number(writer, "\":", release->reports[i]);
    }

    mds_writer_words(writer, ",\"details\":[");

    for (size_t i = 0; i < release->detail_count; i++) {
        mds_writer_string(writer, i == 0 ? "{\"text\":\"" : ",{\"text\":\"",
                          release->details[i].text);
        mds_writer_number(writer, ",\"count\":", release->details[i].count);
        mds_writer_words(writer, "}");
    }

    mds_writer_words(writer, "]}");

    if (release->halted_ms != 0) {
        mds_write_member_time(writer,
                              ",\"halted\":{\"at\":", release->halted_ms);
        mds_writer_number(writer, ",\"failures\":", release->halted_failures);
        mds_writer_number(writer, ",\"reports\":", release->halted_ends);
        mds_writer_words(writer, "}");
    }
}

static void
mds_write_release_counts(const mds_overview_release_t *release,
                         mds_writer_t                 *writer)
{
    mds_writer_number(writer, ",\"installs\":", release->installs);
    mds_writer_number(writer, ",\"current\":", release->current);
    mds_writer_number(writer, ",\"rollbacks\":", release->rollbacks);
    mds_writer_number(writer, ",\"full_downloads\":", release->full_downloads);
    mds_writer_number(writer,
                      ",\"delta_downloads\":", release->delta_downloads);
    mds_writer_number(writer, ",\"download_bytes\":", release->download_bytes);

    if (release->installs_by_time == NULL) {
        return;
    }

    for (int i = 0; i < MDS_HISTORY_POINTS; i++) {
        mds_writer_number(writer, i == 0 ? ",\"installs_by_time\":[" : ",",
                          release->installs_by_time[i]);
    }

    mds_writer_words(writer, "]");
}

static void
mds_write_release(const mds_overview_release_t *release, bool counted,
                  mds_writer_t *writer)
{
    mds_writer_string(writer, "{\"app\":\"", release->app);
    mds_writer_string(writer, ",\"kind\":\"", release->kind);
    mds_writer_string(writer, ",\"name\":\"", release->name);
    mds_writer_string(writer, ",\"id\":\"", release->id);
    mds_writer_string(writer, ",\"version\":\"", release->version);
    mds_writer_string(writer, ",\"platforms\":\"", release->platforms);
    mds_writer_string(writer, ",\"state\":\"",
                      mds_str_of(mds_release_state_names[release->state]));
    mds_writer_string(writer, ",\"audience\":\"", release->audience);

    if (release->start_ms > 0) {
        mds_write_member_time(writer, ",\"start\":", release->start_ms);
    }

    if (release->end_ms != INT64_MAX) {
        mds_write_member_time(writer, ",\"end\":", release->end_ms);
    }

    if (release->has_window) {
        mds_write_window(release, writer);
    }

    if (release->has_reports) {
        mds_write_reports(release, writer);
    }

    if (counted) {
        mds_write_release_counts(release, writer);
    }

    mds_writer_words(writer, "}");
}

static void
mds_write_versions(const mds_registry_versions_t *versions,
                   mds_writer_t                  *writer)
{
    mds_writer_number(writer, ",\"devices\":{\"count\":", versions->devices);
    mds_writer_bool(writer, ",\"exact\":", versions->exact);
    mds_write_member_time(writer, ",\"read\":", versions->read_ms);
    mds_writer_number(writer, ",\"other\":", versions->other);
    mds_writer_words(writer, ",\"versions\":[");

    for (size_t i = 0; i < versions->count; i++) {
        const mds_registry_version_t *version = &versions->versions[i];

        mds_writer_string(writer, i > 0 ? ",{\"app\":\"" : "{\"app\":\"",
                          version->app);
        mds_writer_string(writer, ",\"platform\":\"", version->platform);
        mds_writer_string(writer, ",\"version\":\"", version->version);
        mds_writer_number(writer, ",\"devices\":", version->devices);
        mds_writer_words(writer, "}");
    }

    mds_writer_words(writer, "]}");
}

static void
mds_write_fleet(const mds_overview_depot_t *depot, mds_writer_t *writer)
{
    mds_writer_bool(writer,
                    ",\"fleet\":{\"reachable\":", depot->fleet_reachable);
    mds_writer_number(writer, ",\"position\":", depot->fleet_position);
    mds_writer_number(writer, ",\"lag\":", depot->fleet_lag);
    mds_writer_number(writer,
                      ",\"outbox\":{\"entries\":", depot->outbox_entries);
    mds_writer_number(writer, ",\"bytes\":", depot->outbox_bytes);
    mds_writer_number(writer, ",\"oldest_seconds\":", depot->outbox_age_s);
    mds_writer_number(writer, ",\"dropped\":", depot->outbox_dropped);
    mds_writer_words(writer, "}}");
}

static void
mds_write_depot(const mds_overview_t       *overview,
                const mds_overview_depot_t *depot, mds_writer_t *writer)
{
    bool counted = mds_overview_is_counted(overview, depot);

    mds_writer_string(writer, "{\"path\":\"", depot->path);
    mds_writer_bool(writer, ",\"open\":", depot->open);

    if (counted) {
        mds_writer_number(writer, ",\"faults\":",
                          mds_overview_depot_value(overview, depot, 0));
        mds_writer_number(writer, ",\"waiting\":",
                          mds_overview_depot_value(overview, depot, 1));
    }

    if (depot->open) {
        mds_writer_number(writer, ",\"serial\":", depot->serial);
        mds_write_member_time(writer, ",\"created\":", depot->created_ms);
        mds_writer_number(writer, ",\"settings\":", depot->setting_count);
    }

    if (depot->has_state) {
        mds_writer_number(writer, ",\"state_bytes\":", depot->state_bytes);
    }

    if (depot->has_fleet) {
        mds_write_fleet(depot, writer);
    }

    if (depot->has_agent) {
        mds_write_agent(&depot->agent, writer);
    }

    if (depot->versions != NULL) {
        mds_write_versions(depot->versions, writer);
    }

    if (depot->omitted > 0) {
        mds_writer_number(writer, ",\"releases_omitted\":", depot->omitted);
    }

    mds_writer_words(writer, ",\"releases\":[");

    for (size_t i = 0; i < depot->release_count; i++) {
        mds_writer_words(writer, i > 0 ? "," : "");
        mds_write_release(&depot->releases[i], counted, writer);
    }

    mds_writer_words(writer, "]}");
}

static void
mds_write_history(const mds_overview_t *overview, mds_writer_t *writer)
{
    uint64_t minutes[MDS_HISTORY_MINUTES];
    int64_t  last_ms = mds_history_get(overview->zone, 0, minutes);

    if (last_ms == 0) {
        return;
    }

    mds_write_member_time(writer, ",\"history\":{\"last\":", last_ms);

    for (int id = 0; id < MDS_HISTORY_COUNT; id++) {
        (void) mds_history_get(overview->zone, (mds_history_id_t) id, minutes);
        mds_writer_words(writer, ",\"");
        mds_writer_words(writer, mds_history_name((mds_history_id_t) id));
        mds_writer_words(writer, "\":[");

        for (int i = 0; i < MDS_HISTORY_MINUTES; i++) {
            mds_writer_number(writer, i > 0 ? "," : "", minutes[i]);
        }

        mds_writer_words(writer, "]");
    }

    mds_writer_words(writer, "}");
}

static void
mds_write_changes(const mds_overview_t *overview, mds_writer_t *writer)
{
    mds_change_t changes[MDS_CHANGES_MAX];
    size_t       count = mds_history_changes(overview->zone, changes);

    mds_writer_words(writer, ",\"changes\":[");

    for (size_t i = 0; i < count; i++) {
        mds_writer_string(writer, i > 0 ? ",{\"depot\":\"" : "{\"depot\":\"",
                          mds_str_of(mds_counters_depot(overview->zone,
                                                        changes[i].depot)));
        mds_writer_number(writer, ",\"serial\":", changes[i].serial);
        mds_write_member_time(writer, ",\"seen\":", changes[i].seen_ms);
        mds_writer_words(writer, "}");
    }

    mds_writer_words(writer, "]");
}

/* Bytes that a release takes, about. */
#define MDS_RELEASE_BYTES 384

void
mds_overview_write_json(const mds_overview_t *overview, mds_writer_t *writer)
{
    const mds_fixed_counters_t *fixed = &overview->totals.fixed;
    size_t                      count = 0;

    for (size_t i = 0; i < overview->depot_count; i++) {
        count += overview->depots[i].release_count;
    }

    (void) mds_writer_reserve(writer, count * MDS_RELEASE_BYTES);
    mds_write_member_time(writer, "{\"now\":", overview->now_ms);
    mds_writer_words(writer, ",\"depots\":[");

    for (size_t i = 0; i < overview->depot_count; i++) {
        mds_writer_words(writer, i > 0 ? "," : "");
        mds_write_depot(overview, &overview->depots[i], writer);
    }

    mds_writer_words(writer, "]");

    if (overview->zone != NULL) {
        mds_write_counting(overview, writer);
        mds_write_responses(&overview->totals, writer);
        mds_write_histogram(&fixed->checks, ",\"checks\":", writer);
        mds_write_histogram(&fixed->commits, ",\"commits\":", writer);
        mds_writer_number(writer, ",\"watchers\":", fixed->watchers);
        mds_write_history(overview, writer);
        mds_write_changes(overview, writer);
    }

    mds_writer_words(writer, "}");
}
