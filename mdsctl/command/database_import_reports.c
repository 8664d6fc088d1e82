/*
 * Stores the reports and halts of an edge in the shared database, as the edge
 * would have sent them: of each device that has reported, its events and its
 * end. What they have of the time is when the edge resumed the release last, so
 * that the database does not count those from before a later end of a halt. The
 * texts of reports belong to no device in the state, and stay there.
 */

#include "command/database_import.h"

#include "state/mds_tally.h"

#define BATCH 1000

#define REPORTS "select mds.write_reports($1, $2, $3, $4, $5, $6, $7, $8, $9)"

enum {
    APP,
    RELEASE,
    DEVICE,
    EVENT,
    INSTRUCTED,
    LEAST,
    PPM,
    WHEN,
    DETAIL,
    PARAMETERS
};

typedef struct {
    mdsctl_database_t *db; /* NULL: they are only counted */
    mds_state_t       *state;
    mds_str_t          app, release; /* of the tally that is visited */
    const mds_tally_t *tally;
    mds_reporter_t     last;      /* of the tally */
    uint64_t           reporters; /* of all tallies */
    size_t             count;     /* in the arrays */
    mds_buffer_t       arrays[PARAMETERS];
} reports_t;

static void
clear(reports_t *reports)
{
    for (int i = 0; i < PARAMETERS; i++) {
        mds_buffer_free(&reports->arrays[i]);
        reports->arrays[i] = (mds_buffer_t){ 0 };
    }

    reports->count = 0;
}

static mds_status_t
flush(reports_t *reports, mds_error_t *err)
{
    const char    *values[PARAMETERS];
    mdsctl_rows_t *rows;
    mds_status_t   status = MDS_OK;

    if (reports->count == 0) {
        return MDS_OK;
    }

    for (int i = 0; i < PARAMETERS; i++) {
        values[i] = mdsctl_array_end(&reports->arrays[i]);

        if (values[i] == NULL) {
            return mds_fail_memory(err);
        }
    }

    status = mdsctl_database_query(reports->db, REPORTS, values, PARAMETERS,
                                   err, &rows);

    if (status == MDS_OK) {
        mdsctl_rows_free(rows);
    }

    clear(reports);
    return status;
}

/* Adds one event. halts: the database is to halt the release if any device has
 * failed. */
static void
add(reports_t *reports, const mds_reporter_t *reporter, int event, bool halts)
{
    mds_buffer_t *arrays = reports->arrays;
    int           end = event - MDS_EVENT_FIRST_END + 1;

    mdsctl_array_add_text(&arrays[APP], reports->app);
    mdsctl_array_add_text(&arrays[RELEASE], reports->release);
    mdsctl_array_add_integer(&arrays[DEVICE], (int64_t) reporter->device);
    mdsctl_array_add_integer(&arrays[EVENT], event);
    mdsctl_array_add_bool(&arrays[INSTRUCTED],
                          end > 0 && end == (int) reporter->end);
    mdsctl_array_add_integer(&arrays[LEAST], halts ? 1 : 0);
    mdsctl_array_add_integer(&arrays[PPM], halts ? 1 : 0);
    mdsctl_array_add_integer(&arrays[WHEN], reports->tally->resumed_ms);
    mdsctl_array_add_text(&arrays[DETAIL], mds_str(""));
    reports->count++;
}

static mds_status_t
add_reporter(void *data, const mds_reporter_t *reporter, mds_error_t *err)
{
    reports_t *reports = data;

    reports->reporters++;
    reports->last = *reporter;

    if (reports->db == NULL) {
        return MDS_OK;
    }

    for (int event = 0; event < MDS_EVENT_COUNT; event++) {
        if ((reporter->events & 1u << event) != 0) {
            add(reports, reporter, event, false);
        }
    }

    return reports->count < BATCH ? MDS_OK : flush(reports, err);
}

/* Returns an event of the reporter. */
static int
any_event(const mds_reporter_t *reporter)
{
    int event = 0;

    while (event < MDS_EVENT_COUNT - 1 && (reporter->events & 1u << event) == 0)
    {
        event++;
    }

    return event;
}

static mds_status_t
add_tally(void *data, mds_str_t app, mds_str_t id, const mds_tally_t *tally,
          mds_error_t *err)
{
    reports_t   *reports = data;
    uint64_t     before = reports->reporters;
    mds_status_t status;

    reports->app = app;
    reports->release = id;
    reports->tally = tally;
    status = mds_state_visit_reporters(reports->state, tally->number,
                                       add_reporter, reports, err);

    if (status != MDS_OK || reports->db == NULL) {
        return status;
    }

    /* It is halted once all of them are counted, by one that is known. */
    if (tally->halted && reports->reporters > before) {
        add(reports, &reports->last, any_event(&reports->last), true);
    }

    return flush(reports, err);
}

mds_status_t
mdsctl_database_import_reports(mdsctl_database_t *db, mds_state_t *state,
                               mds_error_t *err, uint64_t *count)
{
    reports_t    reports = { .db = db, .state = state };
    mds_status_t status
        = mds_state_visit_tallies(state, add_tally, &reports, err);

    clear(&reports);

    if (status == MDS_OK) {
        *count = reports.reporters;
    }

    return status;
}
