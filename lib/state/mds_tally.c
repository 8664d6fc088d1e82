/*
 * Reads tallies, and counts a report within a transaction. The other writes of
 * tallies are in mds_tally_sweep.c.
 */

#include "state/mds_tally.h"

#include "base/mds_endian.h"
#include "state/mds_state_internal.h"

/* Numbers are big-endian. */
typedef struct MDS_PACKED {
    uint8_t number[4];
    uint8_t halted;
    uint8_t halted_ms[8];
    uint8_t halted_ends[8];
    uint8_t halted_failures[8];
    uint8_t resumed_ms[8];
    uint8_t events[MDS_EVENT_COUNT][8];
    uint8_t ends[MDS_ENDS][8];
} mds_tally_record_t;

/* What a device has reported. */
typedef struct MDS_PACKED {
    uint8_t events; /* bits */
    uint8_t end;    /* its place among the ends, plus 1; 0: none counts */
} mds_reporter_record_t;

_Static_assert(MDS_EVENT_COUNT <= 8, "a byte has a bit for each event");

uint64_t
mds_tally_ends(const mds_tally_t *tally)
{
    uint64_t sum = 0;

    for (int i = 0; i < MDS_ENDS; i++) {
        sum += tally->ends[i];
    }

    return sum;
}

uint64_t
mds_tally_failures(const mds_tally_t *tally)
{
    return mds_tally_ends(tally)
           - tally->ends[MDS_EVENT_INSTALLED - MDS_EVENT_FIRST_END];
}

static mds_status_t
mds_tally_parse(mds_str_t value, mds_error_t *err, mds_tally_t *tally)
{
    mds_tally_record_t record;

    if (value.len != sizeof(record)) {
        return mds_fail(err, MDS_DAMAGED, "state: not a tally of reports");
    }

    memcpy(&record, value.data, sizeof(record));
    tally->number = mds_load_be32(record.number);
    tally->halted = record.halted != 0;
    tally->halted_ms = (int64_t) mds_load_be64(record.halted_ms);
    tally->halted_ends = mds_load_be64(record.halted_ends);
    tally->halted_failures = mds_load_be64(record.halted_failures);
    tally->resumed_ms = (int64_t) mds_load_be64(record.resumed_ms);

    for (int i = 0; i < MDS_EVENT_COUNT; i++) {
        tally->events[i] = mds_load_be64(record.events[i]);
    }

    for (int i = 0; i < MDS_ENDS; i++) {
        tally->ends[i] = mds_load_be64(record.ends[i]);
    }

    return MDS_OK;
}

mds_status_t
mds_tally_get(mds_lmdb_t *lmdb, mds_str_t release, mds_error_t *err,
              mds_tally_t *tally)
{
    mds_str_t    value;
    mds_status_t status;

    if (mds_lmdb_get(lmdb, MDS_STATE_TALLIES, release, &value)) {
        return mds_tally_parse(value, err, tally);
    }

    status = mds_lmdb_status(lmdb, err);

    if (status == MDS_OK) {
        *tally = (mds_tally_t){ 0 };
    }

    return status;
}

void
mds_tally_put(mds_lmdb_t *lmdb, mds_str_t release, const mds_tally_t *tally)
{
    mds_tally_record_t record = { .halted = tally->halted ? 1 : 0 };

    mds_store_be32(record.number, tally->number);
    mds_store_be64(record.halted_ms, (uint64_t) tally->halted_ms);
    mds_store_be64(record.halted_ends, tally->halted_ends);
    mds_store_be64(record.halted_failures, tally->halted_failures);
    mds_store_be64(record.resumed_ms, (uint64_t) tally->resumed_ms);

    for (int i = 0; i < MDS_EVENT_COUNT; i++) {
        mds_store_be64(record.events[i], tally->events[i]);
    }

    for (int i = 0; i < MDS_ENDS; i++) {
        mds_store_be64(record.ends[i], tally->ends[i]);
    }

    mds_lmdb_put(lmdb, MDS_STATE_TALLIES, release,
                 (mds_str_t){ sizeof(record), (const char *) &record });
}

mds_status_t
mds_state_get_tally(mds_state_t *state, mds_str_t release, mds_error_t *err,
                    mds_tally_t *tally)
{
    return mds_tally_get(state->env.reader, release, err, tally);
}

static mds_status_t
mds_tally_get_details(mds_lmdb_t *lmdb, uint32_t number, mds_error_t *err,
                      mds_details_t *details)
{
    uint8_t   bytes[4];
    mds_str_t value;

    mds_store_be32(bytes, number);
    details->count = 0;

    if (!mds_lmdb_get(lmdb, MDS_STATE_DETAILS,
                      (mds_str_t){ sizeof(bytes), (const char *) bytes },
                      &value))
    {
        return mds_lmdb_status(lmdb, err);
    }

    return mds_details_read(value, details)
               ? MDS_OK
               : mds_fail(err, MDS_DAMAGED, "state: not a summary of details");
}

mds_status_t
mds_state_get_details(mds_state_t *state, const mds_tally_t *tally,
                      mds_error_t *err, mds_details_t *details)
{
    mds_status_t status
        = mds_tally_get_details(state->env.reader, tally->number, err, details);

    if (status == MDS_OK) {
        mds_details_rank(details);
    }

    return status;
}

uint64_t
mds_state_reporter_count(mds_state_t *state)
{
    return mds_lmdb_count(state->env.reader, MDS_STATE_REPORTERS);
}

mds_status_t
mds_state_visit_tallies(mds_state_t *state,
                        mds_status_t (*visit)(void *data, mds_str_t app,
                                              mds_str_t          id,
                                              const mds_tally_t *tally,
                                              mds_error_t       *err),
                        void *data, mds_error_t *err)
{
    mds_lmdb_t        *lmdb = state->env.reader;
    mds_lmdb_cursor_t *cursor
        = mds_lmdb_walk(lmdb, MDS_STATE_TALLIES, mds_null_str);
    mds_str_t    key, value;
    mds_tally_t  tally;
    mds_status_t status = MDS_OK;

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)) {
        status = mds_tally_parse(value, err, &tally);

        if (status == MDS_OK) {
            mds_str_t app = mds_str_cut(&key, '\0');

            status = visit(data, app, key, &tally, err);
        }
    }

    mds_lmdb_walk_end(cursor);

    return status == MDS_OK ? mds_lmdb_status(lmdb, err) : status;
}

mds_status_t
mds_state_visit_reporters(mds_state_t *state, uint32_t number,
                          mds_status_t (*visit)(void                 *data,
                                                const mds_reporter_t *reporter,
                                                mds_error_t          *err),
                          void *data, mds_error_t *err)
{
    uint8_t            bytes[4];
    mds_str_t          prefix = { sizeof(bytes), (const char *) bytes };
    mds_lmdb_t        *lmdb = state->env.reader;
    mds_lmdb_cursor_t *cursor;
    mds_str_t          key, value;
    mds_status_t       status = MDS_OK;

    mds_store_be32(bytes, number);
    cursor = mds_lmdb_walk(lmdb, MDS_STATE_REPORTERS, prefix);

    while (status == MDS_OK && mds_lmdb_next(cursor, &key, &value)
           && mds_str_starts(key, prefix))
    {
        mds_reporter_record_t record;

        if (key.len != sizeof(bytes) + 8 || value.len != sizeof(record)) {
            status
                = mds_fail(err, MDS_DAMAGED, "state: not a device's reports");
            break;
        }

        memcpy(&record, value.data, sizeof(record));
        status = visit(data,
                       &(mds_reporter_t){
                           mds_load_be64((const uint8_t *) key.data + 4),
                           record.events, record.end },
                       err);
    }

    mds_lmdb_walk_end(cursor);

    return status == MDS_OK ? mds_lmdb_status(lmdb, err) : status;
}

/* Counts the text of a report, which is not empty. */
static mds_status_t
mds_tally_add_detail(mds_lmdb_t *lmdb, uint32_t number, mds_str_t text,
                     mds_error_t *err)
{
    mds_details_t details;
    uint8_t       key[4], bytes[MDS_DETAILS_BYTES_MAX];
    size_t        len;
    mds_status_t  status = mds_tally_get_details(lmdb, number, err, &details);

    if (status != MDS_OK) {
        return status;
    }

    mds_details_add(&details, text);
    len = mds_details_write(&details, bytes);
    mds_store_be32(key, number);
    mds_lmdb_put(lmdb, MDS_STATE_DETAILS,
                 (mds_str_t){ sizeof(key), (const char *) key },
                 (mds_str_t){ len, (const char *) bytes });

    return MDS_OK;
}

/* Moves the device from the end that it has reported before, if any, to this
 * one. Returns whether that has changed the reporter. */
static bool
mds_tally_count_end(mds_tally_t *tally, mds_report_event_t event,
                    mds_reporter_record_t *reporter)
{
    uint8_t end = (uint8_t) (event - MDS_EVENT_FIRST_END + 1);

    if (event < MDS_EVENT_FIRST_END || reporter->end == end) {
        return false;
    }

    if (reporter->end > 0 && reporter->end <= MDS_ENDS) {
        tally->ends[reporter->end - 1]--;
    }

    tally->ends[end - 1]++;
    reporter->end = end;

    return true;
}

/* Halts the release if the ends have reached the limit. */
static void
mds_tally_halt(mds_lmdb_t *lmdb, mds_tally_t *tally, mds_report_t *report,
               int64_t now_ms)
{
    uint64_t ends = mds_tally_ends(tally);
    uint64_t failures = mds_tally_failures(tally);

    if (tally->halted || !mds_halt_is_reached(&report->limit, ends, failures)) {
        return;
    }

    mds_tally_count_halt(lmdb);
    tally->halted = true;
    tally->halted_ms = now_ms;
    tally->halted_ends = ends;
    tally->halted_failures = failures;
    report->halted = true;
    report->ends = ends;
    report->failures = failures;
}

static mds_status_t
mds_reporter_get(mds_lmdb_t *lmdb, mds_str_t key, mds_error_t *err,
                 mds_reporter_record_t *reporter)
{
    mds_str_t value;

    *reporter = (mds_reporter_record_t){ 0 };

    if (!mds_lmdb_get(lmdb, MDS_STATE_REPORTERS, key, &value)) {
        return mds_lmdb_status(lmdb, err);
    }

    if (value.len != sizeof(*reporter)) {
        return mds_fail(err, MDS_DAMAGED, "state: not a device's reports");
    }

    memcpy(reporter, value.data, sizeof(*reporter));
    return MDS_OK;
}

static mds_status_t
mds_tally_count(mds_lmdb_t *lmdb, mds_report_t *report, int64_t now_ms,
                mds_tally_t *tally, mds_error_t *err, bool *changed)
{
    mds_reporter_record_t reporter;
    uint8_t               bytes[12];
    mds_str_t             key = { sizeof(bytes), (const char *) bytes };
    uint8_t               bit = (uint8_t) (1u << report->event);
    bool                  moved;
    mds_status_t          status;

    mds_store_be32(bytes, tally->number);
    mds_store_be64(bytes + 4, report->device);
    status = mds_reporter_get(lmdb, key, err, &reporter);

    if (status != MDS_OK) {
        return status;
    }

    report->counted = (reporter.events & bit) == 0;
    moved = report->instructed
            && mds_tally_count_end(tally, report->event, &reporter);

    if (!report->counted && !moved) {
        return MDS_OK;
    }

    if (report->counted) {
        reporter.events |= bit;
        tally->events[report->event]++;
    }

    if (report->counted && report->detail.len > 0) {
        status = mds_tally_add_detail(lmdb, tally->number, report->detail, err);
    }

    mds_lmdb_put(lmdb, MDS_STATE_REPORTERS, key,
                 (mds_str_t){ sizeof(reporter), (const char *) &reporter });
    mds_tally_halt(lmdb, tally, report, now_ms);
    mds_tally_put(lmdb, report->release, tally);
    *changed = true;

    return status;
}

mds_status_t
mds_tally_add(mds_lmdb_t *lmdb, mds_report_t *report, int64_t now_ms,
              mds_error_t *err, bool *changed)
{
    mds_tally_t  tally;
    mds_status_t status = mds_tally_get(lmdb, report->release, err, &tally);

    report->counted = false;
    report->halted = false;

    if (status == MDS_OK && tally.number == 0) {
        status = mds_tally_renumber(lmdb, &tally, err);
    }

    return status == MDS_OK
               ? mds_tally_count(lmdb, report, now_ms, &tally, err, changed)
               : status;
}
