/*
 * Stores the admissions, marks and reports of an edge in the shared database.
 * The edge shares from the first step on: it admits nobody by itself while the
 * rest goes on, so that no window counts twice.
 */

#include "command/database_import.h"

#include <inttypes.h>
#include <stdio.h>

#include "database/identity.h"
#include "state/mds_fleet.h"
#include "state/mds_read_marks.h"
#include "state/mds_window.h"

#define BATCH 1000

#define ADMISSIONS "select mds.import_admissions($1, $2, $3, $4)"
#define MARKS "select mds.write_marks($1, $2, $3, $4, $5)"

typedef struct {
    mdsctl_database_t *db; /* NULL: a dry run, which only counts */
    mdsctl_import_t    done;
    size_t             count;  /* in the arrays */
    mds_buffer_t       window; /* app 00 release, of the ids */
    mds_buffer_t       arrays[5];
} batch_t;

static void
clear(batch_t *batch)
{
    for (size_t i = 0; i < mds_nelems(batch->arrays); i++) {
        mds_buffer_free(&batch->arrays[i]);
        batch->arrays[i] = (mds_buffer_t){ 0 };
    }

    batch->count = 0;
}

/* Ends the arrays. False: memory is short. */
static bool
end_arrays(batch_t *batch, const char *values[5])
{
    bool is_whole = true;

    for (size_t i = 0; i < mds_nelems(batch->arrays); i++) {
        values[i] = mdsctl_array_end(&batch->arrays[i]);
        is_whole = is_whole && values[i] != NULL;
    }

    return is_whole;
}

static mds_status_t
flush_admissions(batch_t *batch, mds_error_t *err)
{
    const char    *values[5];
    char           app[MDS_APP_MAX + 1], release[MDS_RELEASE_ID_MAX + 1];
    mds_str_t      key = mds_buffer_str(&batch->window), part;
    mdsctl_rows_t *rows;
    mds_status_t   status;

    if (batch->count == 0) {
        return MDS_OK;
    }

    if (batch->db == NULL) {
        batch->done.admissions += batch->count;
        clear(batch);
        return MDS_OK;
    }

    if (!end_arrays(batch, values)) {
        return mds_fail_memory(err);
    }

    part = mds_str_cut(&key, '\0');
    (void) snprintf(app, sizeof(app), "%.*s", MDS_STR(part));
    (void) snprintf(release, sizeof(release), "%.*s", MDS_STR(key));
    values[3] = values[1];
    values[2] = values[0];
    values[0] = app;
    values[1] = release;
    status
        = mdsctl_database_query(batch->db, ADMISSIONS, values, 4, err, &rows);

    if (status == MDS_OK) {
        batch->done.admissions += batch->count;
        batch->done.added += (uint64_t) mdsctl_rows_integer(rows, 0, 0);
        mdsctl_rows_free(rows);
    }

    clear(batch);
    return status;
}

static mds_status_t
add_admission(void *data, mds_str_t window, mds_str_t id, int64_t when_ms,
              mds_error_t *err)
{
    batch_t     *batch = data;
    mds_status_t status;

    if (batch->count >= BATCH
        || !mds_str_eq(window, mds_buffer_str(&batch->window)))
    {
        status = flush_admissions(batch, err);

        if (status != MDS_OK) {
            return status;
        }

        batch->window.len = 0;
        mds_buffer_add(&batch->window, window.data, window.len);
    }

    mdsctl_array_add_text(&batch->arrays[0], id);
    mdsctl_array_add_integer(&batch->arrays[1], when_ms);
    batch->count++;

    return mds_buffer_failed(&batch->window) ? mds_fail_memory(err) : MDS_OK;
}

static mds_status_t
flush_marks(batch_t *batch, mds_error_t *err)
{
    const char    *values[5];
    mdsctl_rows_t *rows;
    mds_status_t   status;

    if (batch->count == 0) {
        return MDS_OK;
    }

    if (batch->db == NULL) {
        batch->done.marks += batch->count;
        clear(batch);
        return MDS_OK;
    }

    if (!end_arrays(batch, values)) {
        return mds_fail_memory(err);
    }

    status = mdsctl_database_query(batch->db, MARKS, values, 5, err, &rows);

    if (status == MDS_OK) {
        batch->done.marks += batch->count;
        mdsctl_rows_free(rows);
    }

    clear(batch);
    return status;
}

static mds_status_t
add_marks(void *data, mds_str_t user, const mds_read_marks_t *marks,
          mds_error_t *err)
{
    batch_t  *batch = data;
    mds_str_t name = user;
    mds_str_t app = mds_str_cut(&name, '\0');

    mdsctl_array_add_text(&batch->arrays[0], app);
    mdsctl_array_add_text(&batch->arrays[1], name);
    mdsctl_array_add_integer(&batch->arrays[2],
                             (int64_t) marks->delete_through);
    mdsctl_array_add_integer(&batch->arrays[3], 0);
    mdsctl_array_add_runs(&batch->arrays[4], marks->runs);
    batch->count++;

    return batch->count < BATCH ? MDS_OK : flush_marks(batch, err);
}

/* Makes the edge share the database from now on. */
static mds_status_t
join(mdsctl_database_t *db, mds_state_t *state, mds_error_t *err)
{
    uint8_t      id[MDS_FLEET_BYTES];
    mds_status_t status = mdsctl_database_identity(db, err, id);

    return status == MDS_OK ? mds_state_join_fleet(state, id, err) : status;
}

/* Continues the feed behind what the edge has applied of it. */
static mds_status_t
pass_position(mdsctl_database_t *db, mds_state_t *state, mds_error_t *err)
{
    mds_fleet_t    fleet = { 0 };
    char           position[32];
    const char    *values[] = { position };
    mdsctl_rows_t *rows;
    mds_status_t   status = mds_state_get_fleet(state, err, &fleet);

    if (status != MDS_OK) {
        return status;
    }

    (void) snprintf(position, sizeof(position), "%" PRIu64, fleet.position);
    status = mdsctl_database_query(db, "select mds.pass_position($1)", values,
                                   1, err, &rows);

    if (status == MDS_OK) {
        mdsctl_rows_free(rows);
    }

    return status;
}

static mds_status_t
send_all(batch_t *batch, mds_state_t *state, mds_error_t *err)
{
    mds_status_t status
        = batch->db == NULL ? MDS_OK : pass_position(batch->db, state, err);

    if (status == MDS_OK) {
        status = mds_state_visit_admissions(state, add_admission, batch, err);
    }

    if (status == MDS_OK) {
        status = flush_admissions(batch, err);
    }

    if (status == MDS_OK) {
        status = mds_state_visit_read_marks(state, add_marks, batch, err);
    }

    if (status == MDS_OK) {
        status = flush_marks(batch, err);
    }

    return status == MDS_OK
               ? mdsctl_database_import_reports(batch->db, state, err,
                                                &batch->done.reports)
               : status;
}

mds_status_t
mdsctl_database_import(mdsctl_database_t *db, mds_state_t *state, bool dry_run,
                       mds_error_t *err, mdsctl_import_t *import)
{
    batch_t      batch = { .db = dry_run ? NULL : db };
    mds_status_t status = dry_run ? MDS_OK : join(db, state, err);

    if (status == MDS_OK) {
        status = mds_state_begin(state, err);
    }

    if (status == MDS_OK) {
        status = send_all(&batch, state, err);
        mds_state_end(state);
    }

    if (status == MDS_OK) {
        *import = batch.done;
    }

    clear(&batch);
    mds_buffer_free(&batch.window);

    return status;
}
