/*
 * Writes admissions, read marks and reports, many in one transaction.
 */

#include "state/mds_state_internal.h"

/* The pages that one write dirties at most: two paths from a root to a leaf,
 * each page of them split. A user's marks may take more pages of their own. */
#define MDS_STATE_WRITE_PAGES 20
#define MDS_STATE_MARKS_PAGES 80

/* A report dirties the pages of its tally, its device, the details, and those
 * from which it sweeps. */
#define MDS_STATE_REPORT_PAGES 80

/* Reports leave this share of the room to admissions and marks. */
#define MDS_STATE_REPORT_SHARE 2

/* Removes the tables in which older versions kept registrations. */
static mds_status_t
mds_state_drop_registry(mds_state_t *state, mds_error_t *err)
{
    bool         changed = false;
    mds_status_t status;

    if (state->dropped) {
        return MDS_OK;
    }

    status = mds_state_env_write(&state->env, err);
    if (status != MDS_OK) {
        return status;
    }

    mds_lmdb_drop(state->env.writer, "devices", &changed);
    mds_lmdb_drop(state->env.writer, "owners", &changed);
    status = mds_lmdb_status(state->env.writer, err);

    if (status != MDS_OK || !changed) {
        mds_lmdb_abort(state->env.writer);
    } else {
        status = mds_lmdb_commit(state->env.writer, err);
    }

    state->dropped = status == MDS_OK;
    return status;
}

static mds_status_t
mds_state_write_one(mds_state_t *state, mds_write_t *write, int64_t now_ms,
                    mds_error_t *err, bool *changed)
{
    mds_lmdb_t *lmdb = state->env.writer;

    switch (write->type) {
    case MDS_WRITE_ADMISSION:
        return mds_window_admit(lmdb, &write->admission, now_ms, err, changed);
    case MDS_WRITE_READ_MARK:
        return mds_read_marks_merge(lmdb, &write->read_mark, err, changed);
    default:
        return mds_tally_add(lmdb, &write->report, now_ms, err, changed);
    }
}

/* Makes some of the writes, in one transaction. */
static mds_status_t
mds_state_write_some(mds_state_t *state, mds_write_t *writes, size_t count,
                     int64_t now_ms, mds_error_t *err)
{
    bool         changed = false, reports = false;
    mds_status_t status = mds_state_env_write(&state->env, err);

    if (status != MDS_OK) {
        return status;
    }

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        if (writes[i].status == MDS_NO_SPACE) {
            continue;
        }

        status = mds_state_write_one(state, &writes[i], now_ms, err, &changed);
        writes[i].status = status;
        reports = reports || writes[i].type == MDS_WRITE_REPORT;

        /* Damage to one record does not concern the others. */
        if (status == MDS_DAMAGED) {
            status = mds_lmdb_status(state->env.writer, err);
        }
    }

    if (status != MDS_OK || !changed) {
        mds_lmdb_abort(state->env.writer);
        return status;
    }

    if (reports) {
        mds_tally_step_sweep(state->env.writer);
    }

    return mds_lmdb_commit(state->env.writer, err);
}

/* Returns how many pages one of the writes dirties at most. */
static uint64_t
mds_state_write_pages(const mds_write_t *writes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (writes[i].type == MDS_WRITE_READ_MARK) {
            return MDS_STATE_MARKS_PAGES;
        }

        if (writes[i].type == MDS_WRITE_REPORT) {
            return MDS_STATE_REPORT_PAGES;
        }
    }

    return MDS_STATE_WRITE_PAGES;
}

/* Sets the status of the reports: MDS_NO_SPACE if they have to leave the rest
 * of the room to the other writes. */
static mds_status_t
mds_state_write_bound_reports(mds_state_t *state, mds_write_t *writes,
                              size_t count, mds_error_t *err)
{
    size_t       reports = 0, fit = 1;
    mds_status_t status = MDS_OK;

    for (size_t i = 0; i < count; i++) {
        reports += writes[i].type == MDS_WRITE_REPORT ? 1 : 0;
    }

    if (reports > 0) {
        status = mds_state_env_fit(&state->env,
                                   state->limit_bytes / MDS_STATE_REPORT_SHARE,
                                   MDS_STATE_REPORT_PAGES, 1, err, &fit);
    }

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        writes[i].status
            = fit == 0 && writes[i].type == MDS_WRITE_REPORT
                  ? mds_fail(err, MDS_NO_SPACE,
                             "reports have reached their share of"
                             " the %llu bytes of the state",
                             (unsigned long long) state->limit_bytes)
                  : MDS_OK;
    }

    return status;
}

mds_status_t
mds_state_write(mds_state_t *state, mds_write_t *writes, size_t count,
                int64_t now_ms, mds_error_t *err)
{
    uint64_t     pages = mds_state_write_pages(writes, count);
    size_t       done = 0, fit;
    mds_status_t status = mds_state_drop_registry(state, err);

    if (status == MDS_OK) {
        status = mds_state_write_bound_reports(state, writes, count, err);
    }

    while (status == MDS_OK && done < count) {
        status = mds_state_env_fit(&state->env, state->limit_bytes, pages,
                                   count - done, err, &fit);

        if (status == MDS_OK && fit == 0) {
            status = mds_fail(err, MDS_NO_SPACE,
                              "windows and marks have reached their limit of"
                              " %llu bytes",
                              (unsigned long long) state->limit_bytes);
        }

        if (status == MDS_OK) {
            status
                = mds_state_write_some(state, writes + done, fit, now_ms, err);
            done += fit;
        }
    }

    return status;
}
