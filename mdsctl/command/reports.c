/* reports: shows what devices have reported of a release, and why it is halted.
 */

#include "command/reports.h"

#include <inttypes.h>

#include "base/mds_time.h"
#include "state/mds_tally.h"

#define DETAILS_PRINTED 3

static mds_status_t
set_events(mds_json_t *facts, const mds_tally_t *tally)
{
    mds_status_t status = MDS_OK;

    for (int i = 0; status == MDS_OK && i < MDS_EVENT_COUNT; i++) {
        status = mds_json_set_integer(facts, mds_report_event_names[i],
                                      (int64_t) tally->events[i]);
    }

    return status;
}

static mds_json_t *
details_new(const mds_details_t *details)
{
    mds_json_t *list = mds_json_array_new();

    for (size_t i = 0; list != NULL && i < details->count; i++) {
        const mds_detail_t *item = &details->items[i];

        if (mds_json_append(list, mds_json_pack("{s:o, s:I}", "text",
                                                mds_json_string_new(item->text),
                                                "count", (int64_t) item->count))
            != MDS_OK)
        {
            mds_json_release(list);
            list = NULL;
        }
    }

    return list;
}

static mds_status_t
set_halted(mds_json_t *release, const mds_tally_t *tally)
{
    char time[MDS_TIME_BYTES];

    return mds_json_set(
        release, "halted",
        mds_json_pack("{s:o, s:I, s:I}", "at",
                      mds_json_string_new(
                          mds_str_of(mds_time_format(tally->halted_ms, time))),
                      "failures", (int64_t) tally->halted_failures, "reports",
                      (int64_t) tally->halted_ends));
}

mds_status_t
mdsctl_reports_read(mds_state_t *state, mds_str_t app, mds_str_t id,
                    mds_error_t *err, mds_tally_t *tally,
                    mds_details_t *details)
{
    char         bytes[MDS_APP_MAX + 1 + MDS_RELEASE_ID_MAX];
    mds_str_t    key = { app.len + 1 + id.len, bytes };
    mds_status_t status;

    memcpy(bytes, app.data, app.len);
    bytes[app.len] = '\0';
    memcpy(bytes + app.len + 1, id.data, id.len);
    status = mds_state_get_tally(state, key, err, tally);

    return status == MDS_OK && tally->number != 0
               ? mds_state_get_details(state, tally, err, details)
               : status;
}

mds_status_t
mdsctl_reports_set(mds_json_t *release, const mds_tally_t *tally,
                   const mds_details_t *details, mds_error_t *err)
{
    mds_json_t  *facts;
    mds_status_t status;

    if (tally->number == 0) {
        return MDS_OK;
    }

    facts = mds_json_object_new();

    if (facts == NULL || set_events(facts, tally) != MDS_OK
        || mds_json_set(facts, "details", details_new(details)) != MDS_OK)
    {
        mds_json_release(facts);
        facts = NULL;
    }

    status = mds_json_set(release, "reports", facts);

    if (status == MDS_OK && tally->halted) {
        status = set_halted(release, tally);
    }

    return mds_json_done(status, err);
}

static void
print_halted(const mds_json_t *halted)
{
    printf("      halted %.*s: %" PRId64 " of %" PRId64 " devices failed\n",
           MDS_STR(mds_json_get_string(halted, "at")),
           mds_json_get_integer(halted, "failures"),
           mds_json_get_integer(halted, "reports"));
}

void
mdsctl_reports_print(const mds_json_t *release)
{
    const mds_json_t *reports = mds_json_get(release, "reports");
    const mds_json_t *details = mds_json_get(reports, "details");

    if (mds_json_get(release, "halted") != NULL) {
        print_halted(mds_json_get(release, "halted"));
    }

    for (int i = 0; reports != NULL && i < MDS_EVENT_COUNT; i++) {
        printf("%s%" PRId64 " %s", i == 0 ? "      reports: " : ", ",
               mds_json_get_integer(reports, mds_report_event_names[i]),
               mds_report_event_names[i]);
    }

    if (reports != NULL) {
        printf("\n");
    }

    for (size_t i = 0; i < mds_json_size(details) && i < DETAILS_PRINTED; i++) {
        const mds_json_t *item = mds_json_at(details, i);

        printf("        %" PRId64 " × %.*s\n",
               mds_json_get_integer(item, "count"),
               MDS_STR(mds_json_get_string(item, "text")));
    }
}
