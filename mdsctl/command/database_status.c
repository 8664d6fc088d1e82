/*
 * Reads and prints what is in the shared database. PostgreSQL makes the JSON,
 * so that all of it comes from one snapshot.
 */

#include "command/database_status.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mds_time.h"

/* Times are made text, as other commands print them. */
#define TIME(column)                                                           \
    "case when " column " > 0 then to_char(to_timestamp(" column               \
    " / 1000), 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') end"

static const char query[]
    = "select json_build_object("
      "'database', $1::text,"
      "'version', (select version from mds.about),"
      "'fleet', (select fleet from mds.about),"
      "'position', (select number from mds.counter),"
      "'bytes', (select sum(pg_total_relation_size(c.oid))::bigint"
      " from pg_class c where c.relnamespace = 'mds'::regnamespace"
      " and c.relkind = 'r'),"
      "'admissions', (select count(*) from mds.admissions),"
      "'marks', (select count(*) from mds.marks),"
      "'devices', (select count(*) from mds.devices where not forgotten),"
      "'reporters', (select count(*) from mds.reporters),"
      "'windows', (select coalesce(json_agg(json_build_object("
      "'app', app, 'release', release, 'admitted', admitted,"
      "'limit', asked_limit, 'full', " TIME(
          "full_at") ")"
                     " order by app, release), '[]') from mds.windows),"
                     "'reports', (select coalesce(json_agg(json_build_object("
                     "'app', app, 'release', release, 'downloaded', events[1],"
                     "'installed', events[2], 'failed', events[3], 'crashed', "
                     "events[4],"
                     "'rolled_back', events[5], 'halted', case when halted then"
                     " json_build_object('at', " TIME(
                         "halted_at") ", 'reports', halted_ends,"
                                      " 'failures', halted_failures) end)"
                                      " order by app, release), '[]') from "
                                      "mds.tallies),"
                                      "'edges', (select "
                                      "coalesce(json_agg(json_build_object("
                                      "'name', name, 'position', position, "
                                      "'outbox', outbox,"
                                      "'version', version, 'contact', " TIME(
                                          "contact_at") ","
                                                        "'contact_s', "
                                                        "(mds.now_ms() - "
                                                        "contact_at) / 1000)"
                                                        " order by name), "
                                                        "'[]') from "
                                                        "mds.edges))";

mds_status_t
mdsctl_database_facts(mdsctl_database_t *db, const char *name, mds_error_t *err,
                      mds_json_t **facts)
{
    mdsctl_rows_t *rows;
    mds_status_t   status
        = mdsctl_database_query(db, query, &name, 1, err, &rows);

    if (status != MDS_OK) {
        return status;
    }

    status
        = mds_json_parse(mdsctl_rows_text(rows, 0, 0), "database", err, facts);
    mdsctl_rows_free(rows);

    return status;
}

static void
print_window(const mds_json_t *window)
{
    mds_str_t full = mds_json_get_string(window, "full");

    printf("  window %.*s %.*s: %" PRId64 " of %" PRId64 " admitted",
           MDS_STR(mds_json_get_string(window, "app")),
           MDS_STR(mds_json_get_string(window, "release")),
           mds_json_get_integer(window, "admitted"),
           mds_json_get_integer(window, "limit"));

    if (full.len > 0) {
        printf(", full %.*s", MDS_STR(full));
    }

    printf("\n");
}

static void
print_report(const mds_json_t *report)
{
    const mds_json_t *halted = mds_json_get(report, "halted");

    printf("  reports %.*s %.*s: %" PRId64 " installed, %" PRId64
           " failed, %" PRId64 " crashed, %" PRId64 " rolled back",
           MDS_STR(mds_json_get_string(report, "app")),
           MDS_STR(mds_json_get_string(report, "release")),
           mds_json_get_integer(report, "installed"),
           mds_json_get_integer(report, "failed"),
           mds_json_get_integer(report, "crashed"),
           mds_json_get_integer(report, "rolled_back"));

    if (mds_json_get_string(halted, "at").len > 0) {
        printf(", halted %.*s: %" PRId64 " of %" PRId64 " devices failed",
               MDS_STR(mds_json_get_string(halted, "at")),
               mds_json_get_integer(halted, "failures"),
               mds_json_get_integer(halted, "reports"));
    }

    printf("\n");
}

static void
print_edge(const mds_json_t *edge, int64_t position)
{
    int64_t behind = position - mds_json_get_integer(edge, "position");

    printf("  edge %.*s: last contact %" PRId64 " s ago, %" PRId64
           " entries behind, %" PRId64 " in its outbox\n",
           MDS_STR(mds_json_get_string(edge, "name")),
           mds_json_get_integer(edge, "contact_s"), behind < 0 ? 0 : behind,
           mds_json_get_integer(edge, "outbox"));
}

void
mdsctl_database_facts_print(const mds_json_t *facts)
{
    const mds_json_t *windows = mds_json_get(facts, "windows");
    const mds_json_t *reports = mds_json_get(facts, "reports");
    const mds_json_t *edges = mds_json_get(facts, "edges");

    printf("database %.*s: tables of version %" PRId64 ", %" PRId64 " bytes\n",
           MDS_STR(mds_json_get_string(facts, "database")),
           mds_json_get_integer(facts, "version"),
           mds_json_get_integer(facts, "bytes"));
    printf("  %" PRId64 " admissions, %" PRId64 " marks, %" PRId64
           " devices, %" PRId64 " devices that reported\n",
           mds_json_get_integer(facts, "admissions"),
           mds_json_get_integer(facts, "marks"),
           mds_json_get_integer(facts, "devices"),
           mds_json_get_integer(facts, "reporters"));

    for (size_t i = 0; i < mds_json_size(windows); i++) {
        print_window(mds_json_at(windows, i));
    }

    for (size_t i = 0; i < mds_json_size(reports); i++) {
        print_report(mds_json_at(reports, i));
    }

    for (size_t i = 0; i < mds_json_size(edges); i++) {
        print_edge(mds_json_at(edges, i),
                   mds_json_get_integer(facts, "position"));
    }
}
