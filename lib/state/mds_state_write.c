/*
 * Writes admissions, read marks and reports, many in one transaction.
 */

#include "state/mds_state_internal.h"

/* The pages that one write dirties at most: two paths from a root to a leaf,
 * each page of them split. A user's marks may take more pages of their own. */
#define MDS_STATE_WRITE_PAGES 20
#define MDS_STATE_MARKS_PAGES 80
#define MDS_STATE_PAGE_BYTES 4096

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

/* Merges marks, which the fleet is told of if that has changed anything. */
static mds_status_t
mds_state_write_mark(mds_state_t *state, const mds_read_mark_t *mark,
                     mds_error_t *err, bool *changed)
{
    bool         merged = false;
    mds_status_t status
        = mds_read_marks_merge(state->env.writer, mark, err, &merged);

    *changed = *changed || merged;

    return status == MDS_OK && merged && mds_fleet_is_shared(&state->fleet)
               ? mds_outbox_add_mark(state, mark, err)
               : status;
}

/* Counts a report. Where the edge shares, only the fleet's reports halt a
 * release. */
static mds_status_t
mds_state_write_report(mds_state_t *state, mds_report_t *report, int64_t now_ms,
                       mds_error_t *err, bool *changed)
{
    bool         counted = false, shared = mds_fleet_is_shared(&state->fleet);
    mds_halt_t   limit = report->limit;
    mds_status_t status;

    report->limit.failure_ppm = shared ? 0 : limit.failure_ppm;
    status = mds_tally_add(state->env.writer, report, now_ms, err, &counted);
    report->limit = limit;
    *changed = *changed || counted;

    return status == MDS_OK && counted && shared
               ? mds_outbox_add_report(state, report, now_ms, err)
               : status;
}

static mds_status_t
mds_state_write_one(mds_state_t *state, mds_write_t *write, int64_t now_ms,
                    mds_error_t *err, bool *changed)
{
    switch (write->type) {
    case MDS_WRITE_ADMISSION:
        return mds_window_admit(state->env.writer, &write->admission,
                                mds_fleet_is_shared(&state->fleet), now_ms, err,
                                changed);
    case MDS_WRITE_READ_MARK:
        return mds_state_write_mark(state, &write->read_mark, err, changed);
    case MDS_WRITE_REPORT:
        return mds_state_write_report(state, &write->report, now_ms, err,
                                      changed);
    case MDS_WRITE_JOIN:
        return mds_fleet_join(state, write->join, err);
    case MDS_WRITE_FEED_ENTRY:
        return mds_feed_apply(state, &write->feed_entry, err, changed);
    case MDS_WRITE_OUTBOX:
        return mds_outbox_add(state, write->outbox.type, write->outbox.bytes,
                              err);
    default:
        return MDS_OK; /* mds_state_write_acks() */
    }
}

/* Returns whether a failure concerns the one write alone: its record is
 * damaged, or the write itself is at fault. */
static bool
mds_state_write_is_own(mds_status_t status)
{
    return status == MDS_DAMAGED || status == MDS_CONFLICT
           || status == MDS_INVALID;
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

    status = mds_fleet_load(state, err);

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        if (writes[i].status == MDS_NO_SPACE) {
            continue;
        }

        status = mds_state_write_one(state, &writes[i], now_ms, err, &changed);
        writes[i].status = status;
        reports = reports || writes[i].type == MDS_WRITE_REPORT;

        if (mds_state_write_is_own(status)) {
            status = mds_lmdb_status(state->env.writer, err);
        }
    }

    mds_fleet_save(state);

    if (status != MDS_OK || !(changed || state->fleet_changed)) {
        mds_lmdb_abort(state->env.writer);
        return status;
    }

    if (reports) {
        mds_tally_step_sweep(state->env.writer);
    }

    return mds_lmdb_commit(state->env.writer, err);
}

/* Returns how many pages a write dirties at most; those of what it puts into
 * the outbox come on top. */
static uint64_t
mds_write_pages(const mds_write_t *write, bool shared)
{
    uint64_t outbox
        = shared ? MDS_STATE_WRITE_PAGES
                       + mds_write_bytes(write) / MDS_STATE_PAGE_BYTES + 1
                 : 0;

    switch (write->type) {
    case MDS_WRITE_READ_MARK:
        return MDS_STATE_MARKS_PAGES + outbox;
    case MDS_WRITE_REPORT:
        return MDS_STATE_REPORT_PAGES + outbox;
    case MDS_WRITE_FEED_ENTRY:
        return write->feed_entry.type == MDS_ENTRY_MARK
                   ? MDS_STATE_MARKS_PAGES + outbox
                   : MDS_STATE_WRITE_PAGES;
    case MDS_WRITE_OUTBOX:
        return MDS_STATE_WRITE_PAGES + outbox;
    default:
        return MDS_STATE_WRITE_PAGES;
    }
}

/* Returns how many pages one of the writes dirties at most. */
static uint64_t
mds_state_write_pages(const mds_state_t *state, const mds_write_t *writes,
                      size_t count)
{
    bool     shared = mds_fleet_is_shared(&state->fleet);
    uint64_t most = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t pages = mds_write_pages(&writes[i], shared);

        most = pages > most ? pages : most;
    }

    return most;
}

/* Deletes some of what was dealt with. */
static mds_status_t
mds_state_write_ack(mds_state_t *state, const mds_write_t *write,
                    mds_error_t *err, bool *more)
{
    bool         forgets = write->type == MDS_WRITE_FORGOTTEN;
    mds_status_t status = mds_state_env_write(&state->env, err);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_fleet_load(state, err);

    if (status == MDS_OK) {
        status = forgets ? mds_forget_delete(state, write->forgotten_through,
                                             err, more)
                         : mds_outbox_delete(state, write->outbox_through, err,
                                             more);
    }

    if (status != MDS_OK || !(forgets || state->fleet_changed)) {
        mds_lmdb_abort(state->env.writer);
        return status;
    }

    mds_fleet_save(state);
    return mds_lmdb_commit(state->env.writer, err);
}

/* Deletes what was acknowledged from the outbox, and names that were forgotten,
 * in transactions of their own: that is done also if there is no room for
 * anything else. */
static mds_status_t
mds_state_write_acks(mds_state_t *state, mds_write_t *writes, size_t count,
                     mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        bool more = writes[i].type == MDS_WRITE_OUTBOX_ACK
                    || writes[i].type == MDS_WRITE_FORGOTTEN;

        while (status == MDS_OK && more) {
            status = mds_state_write_ack(state, &writes[i], err, &more);
        }
    }

    return status;
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
    uint64_t     pages = mds_state_write_pages(state, writes, count);
    size_t       done = 0, fit;
    mds_status_t status = mds_state_drop_registry(state, err);

    if (status == MDS_OK) {
        status = mds_state_write_acks(state, writes, count, err);
    }

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
